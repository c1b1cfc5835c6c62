//! `veritome compare`: how far an image or a label map is from its reference.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use serde::Serialize;

use super::progress::with_progress;
use super::{WrongUsage, print_json};
use crate::evaluate::comparing::{compare_images, compare_labels, image_of};
use crate::io::labels::read_labelmap;
use crate::jobs::Control;
use crate::metrics::{Comparison, DataRange, Errors, LabelComparison, TissueBand};

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
        let reference = image_of(&self.reference, &mut notes, control)?;
        let test = image_of(&self.test, &mut notes, control)?;
        let mask = self.mask.as_ref().map(|path| read_labelmap(path, control)).transpose()?;
        let given = self.data_range.map(DataRange::new).transpose();
        let given = given.map_err(|e| WrongUsage(format!("--data-range: {e}")))?;
        let compared = compare_images(&reference, &test, mask.as_ref(), given, self.resample, control)
            .with_context(|| format!("{} against {}", self.test.display(), self.reference.display()))?;
        let source = if given.is_some() { "given" } else { "reference maximum - minimum" };
        notes.extend(compared.notes);
        Ok(Printed {
            data_range_source: compared.comparison.data_range.map(|_| source),
            comparison: compared.comparison,
            unit: Some(reference.unit.symbol().to_owned()),
            tissues: compared.tissues.iter().map(tissue).collect(),
            notes,
        })
    }

    fn label_maps(&self, control: &Control) -> anyhow::Result<Printed> {
        let read = |path: &Path| read_labelmap(path, control);
        let (reference, test) = (read(&self.reference)?, read(&self.test)?);
        let (comparison, notes) = compare_labels(&reference, &test, self.tolerance, self.resample)
            .with_context(|| format!("{} against {}", self.test.display(), self.reference.display()))?;
        Ok(Printed { comparison, data_range_source: None, unit: None, tissues: Vec::new(), notes })
    }
}

fn tissue((band, errors): &(TissueBand, Errors)) -> Tissue {
    let bound = |hu: f32| hu.is_finite().then_some(hu);
    Tissue {
        name: band.name,
        from_hu: bound(band.low_hu),
        below_hu: bound(band.high_hu),
        n: errors.n,
        mae: errors.mae().ok(),
        bias: errors.bias().ok(),
    }
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
