//! `veritome compare`: how far an image or a label map is from its reference.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use serde::Serialize;

use super::progress::with_progress;
use super::{WrongUsage, print_json};
use crate::io::{self, labels::read_labelmap};
use crate::jobs::Control;
use crate::metrics::one_grid::{labels_on, values_on};
use crate::metrics::{Comparison, DataRange, ImagePair, LabelComparison, LabelPair, TISSUE_BANDS, errors_by_tissue};
use crate::volume::{Interpolation, Unit, Volume};

/// Measure an image or a label map against its reference.
#[derive(Debug, Args)]
pub(super) struct Compare {
    /// What is taken for true.
    reference: PathBuf,
    /// What is measured.
    test: PathBuf,
    /// Only voxels of this label map count; its labels other than 0 together.
    #[arg(long, value_name = "M", conflicts_with = "labels")]
    mask: Option<PathBuf>,
    /// Both are label maps: overlap and surface distances label by label.
    #[arg(long)]
    labels: bool,
    /// Full scale for PSNR and SSIM, in the image's unit; else the reference's own maximum less its minimum.
    #[arg(long, value_name = "R", conflicts_with = "labels")]
    data_range: Option<f64>,
    /// Tolerance of the surface Dice, mm.
    #[arg(long, value_name = "MM", default_value_t = 1.0, requires = "labels")]
    tolerance: f64,
    /// Bring the test (and the mask) onto the reference's grid where it has another; linear, labels by the nearest voxel.
    #[arg(long)]
    resample: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// What is printed: the comparison's fields first, as the contract has them.
#[derive(Debug, Serialize)]
struct Printed {
    #[serde(flatten)]
    comparison: Comparison,
    /// Where the data range came from.
    data_range_source: Option<&'static str>,
    /// The unit of errors.
    unit: Option<String>,
    /// Errors by tissue, for images in HU.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tissues: Vec<Tissue>,
    /// What a person has to know.
    notes: Vec<String>,
}

/// Errors of the voxels whose reference value lies in a band.
#[derive(Debug, Serialize)]
struct Tissue {
    name: &'static str,
    /// First value of the band, HU; null where it is open.
    from_hu: Option<f32>,
    /// First value beyond it, HU; null where it is open.
    below_hu: Option<f32>,
    n: u64,
    mae: Option<f64>,
    bias: Option<f64>,
}

impl Compare {
    pub(super) fn run(self) -> anyhow::Result<()> {
        if !(self.tolerance > 0.0 && self.tolerance.is_finite()) {
            return Err(WrongUsage("--tolerance must be above 0 mm".into()).into());
        }
        let json = self.json;
        let printed =
            with_progress(
                "Comparing",
                move |control| {
                    if self.labels { self.label_maps(control) } else { self.images(control) }
                },
            )??;
        if json {
            return print_json(&printed);
        }
        for note in &printed.notes {
            eprintln!("veritome: {note}");
        }
        printed.print();
        Ok(())
    }

    fn images(&self, control: &Control) -> anyhow::Result<Printed> {
        let mut notes = Vec::new();
        let reference = volume_of(&self.reference, &mut notes, control)?;
        let test = volume_of(&self.test, &mut notes, control)?;
        let grid = &reference.geometry;
        let resample = self.resample.then_some(Interpolation::Linear);
        let truth = values_on(&reference, grid, None, "the reference", control)?;
        let found = values_on(&test, grid, resample, "the test image", control)?;
        notes.extend(found.note);
        notes.extend(different_units(&reference, &test));
        let mut counts = vec![true; truth.values.len()];
        if let Some(path) = &self.mask {
            let mask = labels_on(&read_labelmap(path, control)?, grid, self.resample, "the mask")?;
            notes.extend(mask.note);
            counts.iter_mut().zip(&mask.values).for_each(|(counts, label)| *counts = *label > 0);
        }
        let wanted = counts.iter().filter(|c| **c).count();
        for (counts, (r, t)) in counts.iter_mut().zip(truth.values.iter().zip(&found.values)) {
            *counts &= r.is_finite() && t.is_finite();
        }
        let measured = counts.iter().filter(|c| **c).count();
        if measured < wanted {
            notes.push(format!(
                "{} of {wanted} voxels are padding, lie outside one image or are not finite: they are left out",
                wanted - measured
            ));
        }
        let mask = (self.mask.is_some() || measured < wanted).then_some(counts.as_slice());
        let pair = ImagePair::new(&truth.values, &found.values, grid.size(), mask)
            .with_context(|| format!("{} against {}", self.test.display(), self.reference.display()))?;
        let range = match self.data_range {
            Some(given) => Some(DataRange::new(given).map_err(|e| WrongUsage(format!("--data-range: {e}")))?),
            None => DataRange::of_reference(&pair).ok(),
        };
        let source = if self.data_range.is_some() { "given" } else { "reference maximum - minimum" };
        Ok(Printed {
            comparison: Comparison::of_images(&pair, range),
            data_range_source: range.map(|_| source),
            unit: Some(reference.unit.symbol().to_owned()),
            tissues: if reference.unit == Unit::Hounsfield { tissues(&pair) } else { Vec::new() },
            notes,
        })
    }

    fn label_maps(&self, control: &Control) -> anyhow::Result<Printed> {
        let read = |path: &Path| read_labelmap(path, control);
        let (reference, test) = (read(&self.reference)?, read(&self.test)?);
        let found = labels_on(&test, &reference.geometry, self.resample, "the test")?;
        let mut notes: Vec<String> = found.note.into_iter().collect();
        if !reference.geometry.is_orthogonal() {
            notes
                .push("The grid is sheared: surface distances are measured as if its axes were at right angles".into());
        }
        let (size, spacing) = (reference.geometry.size(), reference.geometry.spacing_mm());
        let pair = LabelPair::new(&reference.voxels, &found.values, size, spacing)
            .with_context(|| format!("{} against {}", self.test.display(), self.reference.display()))?;
        let comparison = Comparison::of_labels(&pair, self.tolerance);
        Ok(Printed { comparison, data_range_source: None, unit: None, tissues: Vec::new(), notes })
    }
}

/// The image of a path. Where there are several, the first, and a note that says so.
fn volume_of(path: &Path, notes: &mut Vec<String>, control: &Control) -> anyhow::Result<Volume> {
    let opened = io::open(path, control)?;
    let images = opened.studies.iter().flat_map(|s| &s.series).filter(|s| s.is_image());
    let (first, others) = (images.clone().next(), images.count().saturating_sub(1));
    let first = first.with_context(|| format!("{}: there is no image here", path.display()))?;
    if others > 0 {
        notes.push(format!(
            "{} holds {} series; the first, {}, is measured",
            path.display(),
            others + 1,
            first.description
        ));
    }
    if first.time_points > 1 {
        notes.push(format!("{}: the first of {} time points is measured", path.display(), first.time_points));
    }
    Ok(first.load(0, control)?)
}

fn different_units(reference: &Volume, test: &Volume) -> Option<String> {
    (reference.unit != test.unit)
        .then(|| format!("The reference is in {}, the test image in {}", reference.unit.name(), test.unit.name()))
}

fn tissues(pair: &ImagePair<'_>) -> Vec<Tissue> {
    let bound = |hu: f32| hu.is_finite().then_some(hu);
    let row = |(band, errors): (crate::metrics::TissueBand, crate::metrics::Errors)| Tissue {
        name: band.name,
        from_hu: bound(band.low_hu),
        below_hu: bound(band.high_hu),
        n: errors.n,
        mae: errors.mae().ok(),
        bias: errors.bias().ok(),
    };
    errors_by_tissue(pair, &TISSUE_BANDS).into_iter().map(row).collect()
}

impl Printed {
    fn print(&self) {
        let c = &self.comparison;
        println!("{:12} {}", "voxels", c.n);
        if self.unit.is_none() {
            for label in &c.labels {
                print_label(label);
            }
            if c.labels.is_empty() {
                println!("Neither map has a label other than 0");
            }
            return;
        }
        let unit = self.unit.as_deref().unwrap_or_default();
        let number = |name: &str, field: &str, value: Option<f64>, unit: &str| match value {
            Some(value) => println!("{}", format!("{name:12} {value:.6} {unit}").trim_end()),
            None => println!("{name:12} none, {}", c.undefined.get(field).map_or("not measured", String::as_str)),
        };
        number("MAE", "mae", c.mae, unit);
        number("RMSE", "rmse", c.rmse, unit);
        number("bias", "bias", c.bias, unit);
        number("NMSE", "nmse", c.nmse, "");
        number("PSNR", "psnr_db", c.psnr_db, "dB");
        number("SSIM", "ssim", c.ssim, "");
        number("MS-SSIM", "ms_ssim", c.ms_ssim, "");
        number("correlation", "ncc", c.ncc, "");
        if let (Some(range), Some(source)) = (c.data_range, self.data_range_source) {
            println!("{:12} {range} {unit} ({source})", "data range");
        }
        for t in &self.tissues {
            match (t.mae, t.bias) {
                (Some(mae), Some(bias)) => {
                    println!("{:12} MAE {mae:.3} HU, bias {bias:+.3} HU, {} voxels", t.name, t.n);
                }
                _ => println!("{:12} no voxels", t.name),
            }
        }
    }
}

fn print_label(label: &LabelComparison) {
    let number = |field: &str, value: Option<f64>, unit: &str| match value {
        Some(value) => format!("{value:.4}{unit}"),
        None => format!("none ({})", label.undefined.get(field).map_or("not measured", String::as_str)),
    };
    println!("label {}", label.label);
    println!("  {:12} {}", "Dice", number("dice", label.dice, ""));
    println!("  {:12} {}", "IoU", number("iou", label.iou, ""));
    println!("  {:12} {}", "HD95", number("hd95_mm", label.hd95_mm, " mm"));
    println!("  {:12} {}", "HD", number("hd_mm", label.hd_mm, " mm"));
    println!("  {:12} {}", "ASSD", number("assd_mm", label.assd_mm, " mm"));
    println!("  {:12} {} at {} mm", "surface Dice", number("nsd", label.nsd, ""), label.nsd_tolerance_mm);
    println!("  {:12} {:.3} ml, reference {:.3} ml", "volume", label.test_ml, label.reference_ml);
}
