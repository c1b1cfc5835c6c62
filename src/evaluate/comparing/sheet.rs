//! All numbers of a result as rows, so that the window, its clipboard and a table have the same ones.

use std::fmt::Write as _;

use super::{ComparedImages, ComparedLabels, ComparedScores};
use crate::metrics::{Comparison, Errors, TissueBand};

/// One number, or why there is none.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Of what: `Whole image`, `Mask`, a label, a tissue, `Slice 12`.
    pub region: String,
    /// The name of the measure.
    pub measure: &'static str,
    /// The number, or the reason.
    pub value: Result<f64, String>,
    /// Its unit; empty for none.
    pub unit: String,
}

/// All numbers between a reference and a test.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sheet {
    /// What was taken for true.
    pub reference: String,
    /// What was measured.
    pub test: String,
    /// The mask, where there is one.
    pub mask: Option<String>,
    /// The numbers.
    pub rows: Vec<Row>,
    /// What a person has to know.
    pub notes: Vec<String>,
}

impl Sheet {
    /// The numbers of two images.
    #[must_use]
    pub fn of_images(compared: &ComparedImages) -> Self {
        let unit = compared.unit.symbol();
        let region = if compared.masked { "Mask" } else { "Whole image" };
        let mut rows = image_rows(region, &compared.comparison, unit, compared.range_stated);
        if let Some(judged) = &compared.uncertainty {
            let row = |measure, value: &Result<f64, String>| Row {
                region: region.to_owned(),
                measure,
                value: value.clone(),
                unit: String::new(),
            };
            rows.push(row("Sparsification error", &judged.sparsification_error));
            rows.push(row("Error and uncertainty, Spearman", &judged.correlation));
        }
        if let Some(detail) = &compared.detail {
            let mut add = |measure, value: Result<f64, String>, unit: &str| {
                rows.push(Row { region: region.to_owned(), measure, value, unit: unit.to_owned() });
            };
            let mi = detail.mutual_information.as_ref().map_err(ToString::to_string);
            add("Mutual information", mi.clone().map(|m| m.nats), "nats");
            add("Normalised mutual information", mi.map(|m| m.normalized), "");
            let histogram = detail.histogram.as_ref().map_err(ToString::to_string);
            add("Histogram, Jensen-Shannon", histogram.clone().map(|h| h.jensen_shannon), "");
            add("Histogram, Wasserstein", histogram.map(|h| h.wasserstein), unit);
            if let Some(whole) = &detail.whole {
                rows.extend(image_rows("Whole image", whole, unit, compared.range_stated));
            }
            for label in &detail.labels {
                rows.extend(error_rows(&label.name, &label.errors, unit));
            }
        }
        for (band, errors) in &compared.tissues {
            rows.extend(error_rows(&tissue(band), errors, unit));
        }
        for (k, slice) in compared.detail.iter().flat_map(|d| &d.slices).enumerate() {
            let region = format!("Slice {}", k + 1);
            rows.extend(error_rows(&region, &slice.errors, unit));
            rows.push(Row { region, measure: "SSIM", value: slice.ssim.clone(), unit: String::new() });
        }
        Self { rows, notes: compared.notes.clone(), ..Self::default() }
    }

    /// The numbers of two label maps.
    #[must_use]
    pub fn of_labels(compared: &ComparedLabels) -> Self {
        let mut rows = Vec::new();
        for (label, name) in compared.comparison.labels.iter().zip(&compared.names) {
            let mut add = |measure, field: &str, value: Option<f64>, unit: &str| {
                let why = || label.undefined.get(field).cloned().unwrap_or_else(|| "not measured".into());
                rows.push(Row { region: name.clone(), measure, value: value.ok_or_else(why), unit: unit.into() });
            };
            add("Dice", "dice", label.dice, "");
            add("IoU", "iou", label.iou, "");
            add("HD", "hd_mm", label.hd_mm, "mm");
            add("HD95", "hd95_mm", label.hd95_mm, "mm");
            add("ASSD", "assd_mm", label.assd_mm, "mm");
            add("Surface Dice", "nsd", label.nsd, "");
            add("Tolerance of the surface Dice", "", Some(label.nsd_tolerance_mm), "mm");
            add("Volume difference", "", Some(label.test_ml - label.reference_ml), "ml");
            add("Volume, reference", "", Some(label.reference_ml), "ml");
            add("Volume, test", "", Some(label.test_ml), "ml");
            let relative = label.relative_volume_difference;
            add("Relative volume difference", "relative_volume_difference", relative, "");
            if let Some(c) = &label.components {
                let mut add = |measure, field: &str, value: Option<f64>| {
                    let why = || c.undefined.get(field).cloned().unwrap_or_else(|| "not measured".into());
                    let value = value.ok_or_else(why);
                    rows.push(Row { region: name.clone(), measure, value, unit: String::new() });
                };
                add("Components, reference", "", Some(c.reference as f64));
                add("Components found", "", Some(c.found as f64));
                add("Sensitivity by component", "sensitivity", c.sensitivity);
                add("False positive components", "", Some(c.false_positives as f64));
                add("Panoptic quality", "panoptic_quality", c.panoptic_quality);
                add("Segmentation quality", "segmentation_quality", c.segmentation_quality);
                add("Recognition quality", "recognition_quality", c.recognition_quality);
            }
        }
        Self { rows, notes: compared.notes.clone(), ..Self::default() }
    }

    /// The numbers of a map of scores.
    #[must_use]
    pub fn of_scores(compared: &ComparedScores) -> Self {
        let mut rows = Vec::new();
        let mut add = |measure, value: Result<f64, String>, unit: &str| {
            rows.push(Row { region: compared.target.clone(), measure, value, unit: unit.to_owned() });
        };
        let best = compared.best_dice.as_ref().map_err(ToString::to_string);
        add("AUC", compared.auc.clone().map_err(|e| e.to_string()), "");
        add("AUPRC", compared.auprc.clone().map_err(|e| e.to_string()), "");
        add("Best Dice", best.clone().map(|b| b.dice), "");
        add("Threshold of the best Dice", best.map(|b| f64::from(b.threshold)), "");
        add("Share of the label", Ok(compared.positives as f64 / compared.n.max(1) as f64), "");
        add("Voxels", Ok(compared.n as f64), "");
        Self { rows, notes: compared.notes.clone(), ..Self::default() }
    }

    /// As lines of text, one region after the other.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!("Reference  {}\nTest       {}\n", self.reference, self.test);
        if let Some(mask) = &self.mask {
            let _ = writeln!(text, "Mask       {mask}");
        }
        for note in &self.notes {
            let _ = writeln!(text, "Note       {note}");
        }
        let width = self.rows.iter().map(|r| r.measure.chars().count()).max().unwrap_or(0);
        let mut region = "";
        for row in &self.rows {
            if row.region != region {
                let _ = writeln!(text, "\n{}", row.region);
                region = &row.region;
            }
            let _ = match &row.value {
                Ok(value) => {
                    writeln!(text, "  {:width$}  {}", row.measure, with_unit(&number(*value), &row.unit))
                }
                Err(why) => writeln!(text, "  {:width$}  none: {why}", row.measure),
            };
        }
        text
    }

    /// As CSV: `reference,test,mask,region,measure,value,unit,note`; a value that is missing has its reason as its note, and
    /// what a person has to know stands in rows of its own.
    #[must_use]
    pub fn csv(&self) -> String {
        let head =
            [&self.reference, &self.test, self.mask.as_ref().unwrap_or(&String::new())].map(|s| quoted(s)).join(",");
        let mut csv = String::from("reference,test,mask,region,measure,value,unit,note\n");
        for row in &self.rows {
            let (value, why) = match &row.value {
                Ok(value) => (value.to_string(), String::new()),
                Err(why) => (String::new(), quoted(why)),
            };
            let (region, measure, unit) = (quoted(&row.region), quoted(row.measure), quoted(&row.unit));
            let _ = writeln!(csv, "{head},{region},{measure},{value},{unit},{why}");
        }
        for note in &self.notes {
            let _ = writeln!(csv, "{head},,note,,,{}", quoted(note));
        }
        csv
    }
}

fn image_rows(region: &str, c: &Comparison, unit: &str, stated: bool) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut add = |measure, field: &str, value: Option<f64>, unit: &str| {
        let why = || c.undefined.get(field).cloned().unwrap_or_else(|| "not measured".into());
        rows.push(Row { region: region.to_owned(), measure, value: value.ok_or_else(why), unit: unit.to_owned() });
    };
    let range = if stated { "Data range, stated" } else { "Data range, of the reference" };
    add("MAE", "mae", c.mae, unit);
    add("RMSE", "rmse", c.rmse, unit);
    add("Bias", "bias", c.bias, unit);
    add("NMSE", "nmse", c.nmse, "");
    add("PSNR", "psnr_db", c.psnr_db, "dB");
    add("SSIM", "ssim", c.ssim, "");
    add("MS-SSIM", "ms_ssim", c.ms_ssim, "");
    add("NCC", "ncc", c.ncc, "");
    add(range, "", c.data_range, unit);
    add("Voxels", "", Some(c.n as f64), "");
    rows
}

fn error_rows(region: &str, errors: &Errors, unit: &str) -> Vec<Row> {
    let row = |measure, value: Result<f64, String>, unit: &str| Row {
        region: region.to_owned(),
        measure,
        value,
        unit: unit.to_owned(),
    };
    let reason = |e: crate::metrics::Undefined| e.to_string();
    vec![
        row("MAE", errors.mae().map_err(reason), unit),
        row("RMSE", errors.rmse().map_err(reason), unit),
        row("Bias", errors.bias().map_err(reason), unit),
        row("Voxels", Ok(errors.n as f64), ""),
    ]
}

/// A band with its ends, because they are a convention.
fn tissue(band: &TissueBand) -> String {
    let mut name = band.name.chars();
    let name: String = name.next().into_iter().flat_map(char::to_uppercase).chain(name).collect();
    match (band.low_hu.is_finite(), band.high_hu.is_finite()) {
        (false, true) => format!("{name}, below {} HU", band.high_hu),
        (true, false) => format!("{name}, from {} HU", band.low_hu),
        _ => format!("{name}, {} to {} HU", band.low_hu, band.high_hu),
    }
}

/// A number as a person reads it: whole numbers whole, others with five digits that count.
#[must_use]
pub fn number(value: f64) -> String {
    if value == value.trunc() && value.abs() < 1e9 {
        return format!("{value:.0}");
    }
    let magnitude = value.abs().log10().floor();
    if (-4.0..9.0).contains(&magnitude) {
        format!("{value:.*}", (4.0 - magnitude).clamp(0.0, 8.0) as usize)
    } else {
        format!("{value:.4e}")
    }
}

/// A number and its unit.
#[must_use]
pub fn with_unit(number: &str, unit: &str) -> String {
    if unit.is_empty() { number.to_owned() } else { format!("{number} {unit}") }
}

/// A field of CSV, in quotes where it needs them (RFC 4180).
fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ImageOptions, compare_images};
    use super::*;
    use crate::jobs::Control;
    use crate::volume::{Geometry, Provenance, Unit, Volume};

    fn image(name: &str, value: impl Fn(usize) -> f32) -> Volume {
        let geometry = Geometry::unplaced([4, 4, 2]).unwrap();
        let voxels: Vec<f32> = (0..32).map(value).collect();
        let volume = Volume::new(name, voxels.into(), geometry, Provenance::acquired(vec![])).unwrap();
        Volume { unit: Unit::Hounsfield, ..volume }
    }

    fn value<'a>(sheet: &'a Sheet, region: &str, measure: &str) -> &'a Result<f64, String> {
        &sheet.rows.iter().find(|r| r.region == region && r.measure == measure).unwrap().value
    }

    #[test]
    fn every_number_is_a_row_and_what_has_none_says_why() {
        let reference = image("ct", |n| n as f32 * 10.0);
        let test = image("sct, \"v2\"", |n| n as f32 * 10.0 + if n < 16 { 4.0 } else { 0.0 });
        let options = ImageOptions { detail: true, ..ImageOptions::default() };
        let compared = compare_images(&reference, &test, &options, &Control::new()).unwrap();
        let sheet = Sheet { reference: "ct".into(), test: test.name.clone(), ..Sheet::of_images(&compared) };
        assert_eq!(value(&sheet, "Whole image", "MAE"), &Ok(2.0));
        assert_eq!(value(&sheet, "Whole image", "Data range, of the reference"), &Ok(310.0));
        assert_eq!(value(&sheet, "Slice 1", "Bias"), &Ok(4.0));
        assert_eq!(value(&sheet, "Slice 2", "MAE"), &Ok(0.0));
        assert!(value(&sheet, "Whole image", "SSIM").as_ref().unwrap_err().contains("too small"));
        assert!(value(&sheet, "Air, below -250 HU", "MAE").is_err());
        let text = sheet.text();
        let line = text.lines().find(|l| l.starts_with("  MAE")).unwrap();
        assert_eq!(line.split_whitespace().collect::<Vec<_>>(), ["MAE", "2", "HU"]);
        assert!(sheet.csv().contains("ct,\"sct, \"\"v2\"\"\",,Whole image,MAE,2,HU,\n"), "{}", sheet.csv());
    }

    #[test]
    fn a_synthetic_reference_is_said_to_be_one() {
        let made = Volume { provenance: Provenance::marked_synthetic(vec![], None), ..image("made", |n| n as f32) };
        let compared = compare_images(&made, &image("t", |n| n as f32), &ImageOptions::default(), &Control::new());
        assert!(compared.unwrap().notes[0].starts_with("The reference is itself synthetic"));
    }

    #[test]
    fn numbers_keep_five_digits() {
        let written = [0.0, -3.0, 0.912_345_6, 123.456_78, 0.000_012_345, 98_765.432].map(number);
        assert_eq!(written, ["0", "-3", "0.91235", "123.46", "1.2345e-5", "98765"]);
    }
}
