//! `veritome compare`: how far an image or a label map is from its reference.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use serde::Serialize;

use super::progress::with_progress;
use super::run::ProviderName;
use super::{WrongUsage, print_json};
use crate::evaluate::comparing::{
    ComparedLabels, Detail, ErrorKind, ImageOptions, LabelOptions, ScoreOptions, Sheet, compare_images, compare_labels,
    compare_scores, error_map, image_of,
};
use crate::inference::audit::compare_sets;
use crate::inference::{manifest, runtime};
use crate::io::labels::read_labelmap;
use crate::io::write::inputs::refuse_input;
use crate::io::write::write;
use crate::jobs::Control;
use crate::metrics::{Comparison, DataRange, Errors, LabelComparison, TissueBand};
use crate::provenance::{Parent, Record, file_sha256, machine, record_path, write_record};
use crate::volume::Volume;

/// Measure an image or a label map against its reference.
#[derive(Debug, Args)]
pub(super) struct Compare {
    /// What is taken for true.
    reference: PathBuf,
    /// What is measured.
    test: PathBuf,
    /// Only voxels of this label map count; its labels other than 0 together.
    #[arg(long, value_name = "M")]
    mask: Option<PathBuf>,
    /// Both are label maps: overlap and surface distances label by label.
    #[arg(long)]
    labels: bool,
    /// The reference is a label map, the test a map of scores (a probability, an anomaly): areas under curves, best Dice.
    #[arg(long, conflicts_with = "labels")]
    scores: bool,
    /// With --scores, the label that is to be found; else all but 0 together.
    #[arg(long, value_name = "N", requires = "scores")]
    label: Option<u16>,
    /// Also mutual information, histogram distance, each label of the mask and each slice; with --labels, the connected
    /// components of each label: sensitivity, false positives, panoptic quality.
    #[arg(long, conflicts_with = "scores")]
    detail: bool,
    /// How unsure the test is of each voxel, higher being less sure: sparsification error and correlation with the errors.
    #[arg(long, value_name = "MAP", conflicts_with_all = ["labels", "scores"])]
    uncertainty: Option<PathBuf>,
    /// Both are folders of images: how far the two sets are apart (Fréchet and kernel distance, precision, recall, density,
    /// coverage).
    #[arg(long, conflicts_with_all = ["labels", "scores", "mask", "detail", "uncertainty", "error_map", "data_range", "resample"])]
    sets: bool,
    /// With --sets, a model with an output of kind `features`, or with classes of the whole image; else means over a coarse
    /// grid.
    #[arg(long, value_name = "MODEL", requires = "sets")]
    encoder: Option<String>,
    /// Where the encoder runs. Only `auto` may fall back, and says so.
    #[arg(long, value_enum, default_value = "auto", requires = "encoder")]
    provider: ProviderName,
    /// Write test minus reference as an image, in the reference's unit on its grid.
    #[arg(long, value_name = "OUT", conflicts_with_all = ["labels", "scores"])]
    error_map: Option<PathBuf>,
    /// Without the sign.
    #[arg(long, requires = "error_map")]
    absolute: bool,
    /// Full scale for PSNR and SSIM, in the image's unit; else the reference's own maximum less its minimum.
    #[arg(long, value_name = "R", conflicts_with_all = ["labels", "scores"])]
    data_range: Option<f64>,
    /// Tolerance of the surface Dice, mm.
    #[arg(long, value_name = "MM", default_value_t = 1.0, requires = "labels")]
    tolerance: f64,
    /// Bring the test (and the mask) onto the reference's grid where it has another; linear, labels by the nearest voxel.
    #[arg(long)]
    resample: bool,
    /// Measure although the two images are in different units, for instance HU against the arbitrary grey values of MR, and say so.
    #[arg(long, conflicts_with_all = ["labels", "scores", "sets"])]
    across_units: bool,
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
    /// The map of uncertainty.
    #[serde(skip_serializing_if = "Option::is_none")]
    uncertainty: Option<PrintedUncertainty>,
    /// What takes longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<PrintedDetail>,
    /// The map of scores.
    #[serde(skip_serializing_if = "Option::is_none")]
    scores: Option<PrintedScores>,
    /// Where the error map was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    error_map: Option<PathBuf>,
    /// What a person has to know.
    notes: Vec<String>,
    /// The same numbers for a person.
    #[serde(skip)]
    text: Option<String>,
}

/// What `--uncertainty` adds; what has no number is null.
#[derive(Debug, Serialize)]
struct PrintedUncertainty {
    n: u64,
    sparsification_error: Option<f64>,
    error_uncertainty_correlation: Option<f64>,
}

/// What `--detail` adds; what has no number is null.
#[derive(Debug, Serialize)]
struct PrintedDetail {
    mutual_information_nats: Option<f64>,
    normalised_mutual_information: Option<f64>,
    histogram_jensen_shannon: Option<f64>,
    /// In the images' unit.
    histogram_wasserstein: Option<f64>,
    /// The whole image, where a mask says what counts above.
    whole: Option<Comparison>,
    mask_labels: Vec<PrintedErrors>,
    slices: Vec<PrintedErrors>,
}

/// Errors of a label of the mask, or of a slice.
#[derive(Debug, Serialize)]
struct PrintedErrors {
    /// The label, or the slice along the reference's third axis from 0.
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    n: u64,
    mae: Option<f64>,
    rmse: Option<f64>,
    bias: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ssim: Option<f64>,
}

/// What `--scores` gives; what has no number is null.
#[derive(Debug, Serialize)]
struct PrintedScores {
    target: String,
    positives: u64,
    auc: Option<f64>,
    auprc: Option<f64>,
    best_dice: Option<f64>,
    best_dice_threshold: Option<f32>,
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
        if self.sets {
            return self.folders();
        }
        if let Some(out) = &self.error_map {
            let inputs = [Some(&self.reference), Some(&self.test), self.mask.as_ref(), self.uncertainty.as_ref()];
            let inputs: Vec<&Path> = inputs.into_iter().flatten().map(PathBuf::as_path).collect();
            refuse_input(out, inputs.iter().copied())?;
            // Nor the record beside an input, which tells where it came from.
            let records: Vec<PathBuf> = inputs.iter().map(|input| record_path(input)).collect();
            refuse_input(&record_path(out), inputs.into_iter().chain(records.iter().map(PathBuf::as_path)))?;
        }
        let json = self.json;
        let printed = with_progress("Comparing", move |control| match (self.labels, self.scores) {
            (true, _) => self.label_maps(control),
            (_, true) => self.score_map(control),
            _ => self.images(control),
        })??;
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
        let uncertainty = self.uncertainty.as_ref().map(|path| image_of(path, &mut notes, control)).transpose()?;
        let options = ImageOptions {
            mask: mask.as_ref(),
            range: given,
            resample: self.resample,
            across_units: self.across_units,
            detail: self.detail,
            uncertainty: uncertainty.as_deref(),
        };
        let compared = compare_images(&reference, &test, &options, control)
            .with_context(|| format!("{} against {}", self.test.display(), self.reference.display()))?;
        let source = if given.is_some() { "given" } else { "reference maximum - minimum" };
        notes.extend(compared.notes.iter().cloned());
        if let Some(out) = &self.error_map {
            let kind = if self.absolute { ErrorKind::Absolute } else { ErrorKind::Signed };
            let map = error_map(&reference, &test, &compared.error, kind)?;
            write_error_map(&map, out, [&reference, &test], kind, &notes)?;
        }
        let text = (compared.detail.is_some() || compared.uncertainty.is_some())
            .then(|| Sheet { notes: Vec::new(), ..self.named(Sheet::of_images(&compared)) }.text());
        let mut comparison = compared.comparison.clone();
        if let Some(judged) = &compared.uncertainty {
            let of = [
                ("sparsification_error", &judged.sparsification_error),
                ("error_uncertainty_correlation", &judged.correlation),
            ];
            comparison.undefined.extend(of.into_iter().filter_map(|(name, v)| Some((name, v.as_ref().err()?.clone()))));
        }
        Ok(Printed {
            uncertainty: compared.uncertainty.as_ref().map(|judged| PrintedUncertainty {
                n: judged.n,
                sparsification_error: judged.sparsification_error.as_ref().ok().copied(),
                error_uncertainty_correlation: judged.correlation.as_ref().ok().copied(),
            }),
            data_range_source: compared.comparison.data_range.map(|_| source),
            comparison,
            unit: Some(reference.unit.symbol().to_owned()),
            tissues: compared.tissues.iter().map(tissue).collect(),
            detail: compared.detail.as_ref().map(detail),
            scores: None,
            error_map: self.error_map.clone(),
            notes,
            text,
        })
    }

    fn label_maps(&self, control: &Control) -> anyhow::Result<Printed> {
        let read = |path: &Path| read_labelmap(path, control);
        let (reference, test) = (read(&self.reference)?, read(&self.test)?);
        let mask = self.mask.as_deref().map(read).transpose()?;
        let options = LabelOptions {
            tolerance_mm: self.tolerance,
            mask: mask.as_ref(),
            components: self.detail,
            resample: self.resample,
        };
        let ComparedLabels { comparison, notes, .. } = compare_labels(&reference, &test, &options, control)
            .with_context(|| format!("{} against {}", self.test.display(), self.reference.display()))?;
        Ok(Printed {
            uncertainty: None,
            comparison,
            data_range_source: None,
            unit: None,
            tissues: Vec::new(),
            detail: None,
            scores: None,
            error_map: None,
            notes,
            text: None,
        })
    }

    fn folders(self) -> anyhow::Result<()> {
        let json = self.json;
        let compared = with_progress("Comparing", move |control| -> anyhow::Result<_> {
            let encoder = self.encoder.as_deref().map(manifest::find).transpose()?;
            if encoder.is_some() {
                runtime::ensure(control)?;
            }
            Ok(compare_sets(&self.reference, &self.test, encoder, self.provider.into(), control)?)
        })??;
        if json {
            return print_json(&compared);
        }
        for warning in &compared.warnings {
            eprintln!("veritome: {warning}");
        }
        let (known, found) = (compared.reference_images.len(), compared.test_images.len());
        println!("{known} reference images, {found} test images, compared by {}", compared.features);
        println!("{:12} {:.6}", "Fréchet", compared.frechet.squared);
        println!("{:12} {:.6}", "kernel", compared.kernel);
        match &compared.coverage {
            Some(c) => {
                let all = [
                    ("precision", c.precision),
                    ("recall", c.recall),
                    ("density", c.density),
                    ("coverage", c.coverage),
                ];
                for (name, value) in all {
                    println!("{name:12} {value:.4}");
                }
            }
            None => println!("{:12} none, a folder has too few images", "coverage"),
        }
        Ok(())
    }

    fn score_map(&self, control: &Control) -> anyhow::Result<Printed> {
        let mut notes = Vec::new();
        let reference = read_labelmap(&self.reference, control)?;
        let scores = image_of(&self.test, &mut notes, control)?;
        let mask = self.mask.as_ref().map(|path| read_labelmap(path, control)).transpose()?;
        let options = ScoreOptions { label: self.label, mask: mask.as_ref(), resample: self.resample };
        let compared = compare_scores(&reference, &scores, &options, control)
            .with_context(|| format!("{} against {}", self.test.display(), self.reference.display()))?;
        notes.extend(compared.notes.iter().cloned());
        let text = Sheet { notes: Vec::new(), ..self.named(Sheet::of_scores(&compared)) }.text();
        let best = compared.best_dice.as_ref().ok();
        let mut undefined = std::collections::BTreeMap::new();
        let reasons = [("auc", compared.auc.as_ref().err()), ("auprc", compared.auprc.as_ref().err())];
        for (field, why) in reasons.into_iter().chain([("best_dice", compared.best_dice.as_ref().err())]) {
            undefined.extend(why.map(|why| (field, why.to_string())));
        }
        Ok(Printed {
            uncertainty: None,
            comparison: Comparison { n: compared.n, undefined, ..Comparison::default() },
            data_range_source: None,
            unit: None,
            tissues: Vec::new(),
            detail: None,
            scores: Some(PrintedScores {
                target: compared.target.clone(),
                positives: compared.positives,
                auc: compared.auc.as_ref().ok().copied(),
                auprc: compared.auprc.as_ref().ok().copied(),
                best_dice: best.map(|b| b.dice),
                best_dice_threshold: best.map(|b| b.threshold),
            }),
            error_map: None,
            notes,
            text: Some(text),
        })
    }

    fn named(&self, sheet: Sheet) -> Sheet {
        let name = |path: &Path| path.display().to_string();
        let mask = self.mask.as_deref().map(name);
        Sheet { reference: name(&self.reference), test: name(&self.test), mask, ..sheet }
    }
}

/// Writes the map, and the record of where it comes from beside it.
fn write_error_map(
    map: &Volume,
    out: &Path,
    [reference, test]: [&Volume; 2],
    kind: ErrorKind,
    notes: &[String],
) -> anyhow::Result<()> {
    write(std::slice::from_ref(map), out)?;
    let record = Record {
        schema: 1,
        file: out.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default(),
        file_sha256: file_sha256(out)?,
        output: map.name.clone(),
        kind: "error map".into(),
        synthetic: map.provenance.is_synthetic(),
        parents: vec![Parent::of("reference", reference), Parent::of("test", test)],
        model: None,
        requested_provider: None,
        provider: None,
        parameters: serde_json::json!({ "absolute": kind == ErrorKind::Absolute, "unit": map.unit.symbol() }),
        graphs: Vec::new(),
        seed: None,
        guard: None,
        uncertainty: None,
        finding: None,
        faithfulness: Vec::new(),
        machine: machine(),
        libraries: std::collections::BTreeMap::new(),
        software: concat!("Veritome ", env!("CARGO_PKG_VERSION")).into(),
        time: crate::provenance::now(),
        warnings: notes.to_vec(),
        provenance: map.provenance.clone(),
    };
    write_record(out, &record)?;
    Ok(())
}

fn detail(detail: &Detail) -> PrintedDetail {
    let mi = detail.mutual_information.as_ref().ok();
    let histogram = detail.histogram.as_ref().ok();
    let errors = |index: usize, name: Option<String>, e: &Errors, ssim: Option<f64>| PrintedErrors {
        index,
        name,
        n: e.n,
        mae: e.mae().ok(),
        rmse: e.rmse().ok(),
        bias: e.bias().ok(),
        ssim,
    };
    let labels = detail.labels.iter().map(|l| errors(l.label.into(), Some(l.name.clone()), &l.errors, None));
    let slices = detail.slices.iter().enumerate();
    PrintedDetail {
        mutual_information_nats: mi.map(|m| m.nats),
        normalised_mutual_information: mi.map(|m| m.normalized),
        histogram_jensen_shannon: histogram.map(|h| h.jensen_shannon),
        histogram_wasserstein: histogram.map(|h| h.wasserstein),
        whole: detail.whole.clone(),
        mask_labels: labels.collect(),
        slices: slices.map(|(k, s)| errors(k, None, &s.errors, s.ssim.as_ref().ok().copied())).collect(),
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
        if let Some(text) = &self.text {
            print!("{text}");
            return;
        }
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
    let relative = number("relative_volume_difference", label.relative_volume_difference, "");
    println!("  {:12} {relative}", "relative");
    if let Some(c) = &label.components {
        let number = |field: &str, value: Option<f64>| match value {
            Some(value) => format!("{value:.4}"),
            None => format!("none ({})", c.undefined.get(field).map_or("not measured", String::as_str)),
        };
        println!("  {:12} {} found of {}, {} false", "components", c.found, c.reference, c.false_positives);
        println!("  {:12} {}", "sensitivity", number("sensitivity", c.sensitivity));
        println!("  {:12} {}", "panoptic", number("panoptic_quality", c.panoptic_quality));
    }
}
