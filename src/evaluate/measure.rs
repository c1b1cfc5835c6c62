//! Measures by name: their numbers, what is known of each (unit, whether more is better), and those of a comparison.
//!
//! A name is `ssim`, or with a label, tissue or class behind a colon `dice:liver`, `mae:bone`.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::metrics::{Comparison, ComponentComparison, LabelComparison, Undefined};

/// A number, or why there is none.
#[derive(Debug, Clone, PartialEq)]
pub enum Measured {
    /// A finite number.
    Value(f64),
    /// The reason that stands in its place.
    Undefined(String),
}

/// The numbers of one case with one model, by name.
pub type Measures = BTreeMap<String, Measured>;

impl Measured {
    /// A number, or the reason for none; a number that is not finite is none.
    #[must_use]
    pub fn of<E: ToString>(found: Result<f64, E>) -> Self {
        match found {
            Ok(value) if value.is_finite() => Self::Value(value),
            Ok(_) => Self::Undefined("not a finite number".into()),
            Err(reason) => Self::Undefined(reason.to_string()),
        }
    }

    /// The number.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        match self {
            Self::Value(value) => Some(*value),
            Self::Undefined(_) => None,
        }
    }
}

impl Serialize for Measured {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Value(value) if value.is_finite() => to.serialize_f64(*value),
            Self::Value(_) => Self::of::<String>(Ok(f64::NAN)).serialize(to),
            Self::Undefined(reason) => to.collect_map([("undefined", reason)]),
        }
    }
}

impl<'de> Deserialize<'de> for Measured {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Stored {
            Number(f64),
            Reason { undefined: String },
        }
        Ok(match Stored::deserialize(from)? {
            Stored::Number(value) => Self::Value(value),
            Stored::Reason { undefined } => Self::Undefined(undefined),
        })
    }
}

/// Which way a measure is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// More is better.
    Higher,
    /// Less is better.
    Lower,
    /// The nearer to 0 the better.
    NearZero,
    /// Neither.
    Unknown,
}

impl Better {
    /// How bad a value is: the larger the worse. None where no way is good.
    #[must_use]
    pub fn badness(self, value: f64) -> Option<f64> {
        match self {
            Self::Higher => Some(-value),
            Self::Lower => Some(value),
            Self::NearZero => Some(value.abs()),
            Self::Unknown => None,
        }
    }

    /// A sign beside a name.
    #[must_use]
    pub fn sign(self) -> &'static str {
        match self {
            Self::Higher => "↑",
            Self::Lower => "↓",
            Self::NearZero => "→ 0",
            Self::Unknown => "",
        }
    }

    /// The words under a table.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Higher => "higher is better",
            Self::Lower => "lower is better",
            Self::NearZero => "nearer to 0 is better",
            Self::Unknown => "no direction is better",
        }
    }
}

/// What is known of a measure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct About {
    /// The name for people.
    pub title: String,
    /// Its unit; may be empty.
    pub unit: String,
    /// Which way it is good.
    pub better: Better,
}

impl About {
    /// What is known of a measure by its name; `unit` is that of the images, for measures that share it.
    #[must_use]
    pub fn of(name: &str, unit: &str) -> Self {
        use Better::{Higher, Lower, NearZero, Unknown};
        let (base, part) = name.split_once(':').map_or((name, None), |(base, part)| (base, Some(part)));
        let (title, unit, better) = match base {
            "mae" => ("MAE", unit, Lower),
            "rmse" => ("RMSE", unit, Lower),
            "bias" => ("Bias", unit, NearZero),
            "nmse" => ("NMSE", "", Lower),
            "psnr_db" => ("PSNR", "dB", Higher),
            "ssim" => ("SSIM", "", Higher),
            "ms_ssim" => ("MS-SSIM", "", Higher),
            "ncc" => ("Correlation", "", Higher),
            "dice" | "mean_dice" => (if base == "dice" { "Dice" } else { "Dice over labels" }, "", Higher),
            "iou" => ("IoU", "", Higher),
            "hd95_mm" => ("HD95", "mm", Lower),
            "hd_mm" => ("HD", "mm", Lower),
            "assd_mm" => ("ASSD", "mm", Lower),
            "nsd" => ("Surface Dice", "", Higher),
            "volume_difference_ml" => ("Volume difference", "ml", NearZero),
            "relative_volume_difference" => ("Relative volume difference", "", NearZero),
            "component_sensitivity" => ("Components found", "", Higher),
            "component_false_positives" => ("False components", "per scan", Lower),
            "panoptic_quality" => ("Panoptic quality", "", Higher),
            "sparsification_error" => ("Sparsification error", "", Lower),
            "error_uncertainty_correlation" => ("Error and uncertainty, Spearman", "", Higher),
            "roc_auc" => ("ROC AUC", "", Higher),
            "average_precision" => ("Average precision", "", Higher),
            "best_dice" => ("Best Dice", "", Higher),
            "sensitivity" => ("Sensitivity", "", Higher),
            "false_positives" => ("False positives", "", Lower),
            "correct" => ("Correct", "", Higher),
            "brier" => ("Brier score", "", Lower),
            "log_loss" => ("Log loss", "nats", Lower),
            "ece" => ("ECE", "", Lower),
            other => (other, "", Unknown),
        };
        let title = part.map_or(title.to_owned(), |part| format!("{title}, {part}"));
        Self { title, unit: unit.to_owned(), better }
    }

    /// `SSIM`, `HD95 (mm)`.
    #[must_use]
    pub fn with_unit(&self) -> String {
        if self.unit.is_empty() { self.title.clone() } else { format!("{} ({})", self.title, self.unit) }
    }
}

/// The order of measures in tables: what is read first comes first, parts of one measure together.
#[must_use]
pub(super) fn order(name: &str) -> (usize, String) {
    const FIRST: [&str; 31] = [
        "mean_dice",
        "dice",
        "ssim",
        "psnr_db",
        "mae",
        "rmse",
        "bias",
        "nmse",
        "ms_ssim",
        "ncc",
        "hd95_mm",
        "nsd",
        "assd_mm",
        "hd_mm",
        "iou",
        "volume_difference_ml",
        "relative_volume_difference",
        "component_sensitivity",
        "component_false_positives",
        "panoptic_quality",
        "sparsification_error",
        "error_uncertainty_correlation",
        "roc_auc",
        "average_precision",
        "best_dice",
        "correct",
        "brier",
        "log_loss",
        "ece",
        "sensitivity",
        "false_positives",
    ];
    let base = name.split(':').next().unwrap_or(name);
    (FIRST.iter().position(|f| *f == base).unwrap_or(FIRST.len()), name.to_owned())
}

/// The measures of two images.
#[must_use]
pub fn of_images(comparison: &Comparison) -> Measures {
    let c = comparison;
    let fields = [
        ("mae", c.mae),
        ("rmse", c.rmse),
        ("nmse", c.nmse),
        ("psnr_db", c.psnr_db),
        ("ssim", c.ssim),
        ("ms_ssim", c.ms_ssim),
        ("bias", c.bias),
        ("ncc", c.ncc),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), measured(value, c.undefined.get(name)))).collect()
}

/// The measures of two label maps: those of each label, and the mean Dice over the labels that have one.
///
/// With `labels` (by the plan) these count and no others, and one that neither map has is undefined rather than left out;
/// without, all that occur.
#[must_use]
pub fn of_labels(comparison: &Comparison, labels: &BTreeMap<u16, String>) -> Measures {
    let mut measures = Measures::new();
    let is_wanted = |label: u16| labels.is_empty() || labels.contains_key(&label);
    let counted = || comparison.labels.iter().filter(|l| is_wanted(l.label));
    for label in counted() {
        let name = labels.get(&label.label).cloned().unwrap_or_else(|| label.label.to_string());
        let components = label.components.as_ref().map(of_components);
        let all = of_label(label).into_iter().chain(components.into_iter().flatten());
        measures.extend(all.map(|(field, measured)| (format!("{field}:{name}"), measured)));
    }
    for name in labels.iter().filter(|(label, _)| !comparison.labels.iter().any(|l| l.label == **label)).map(|l| l.1) {
        let absent = || Measured::Undefined(Undefined::AbsentInBoth.to_string());
        measures.extend(LABEL_FIELDS.iter().map(|field| (format!("{field}:{name}"), absent())));
    }
    let dice: Vec<f64> = counted().filter_map(|l| l.dice).collect();
    let mean =
        if dice.is_empty() { Err("no label has a Dice") } else { Ok(dice.iter().sum::<f64>() / dice.len() as f64) };
    measures.insert("mean_dice".into(), Measured::of(mean));
    measures
}

const LABEL_FIELDS: [&str; 8] =
    ["dice", "iou", "hd95_mm", "hd_mm", "assd_mm", "nsd", "volume_difference_ml", "relative_volume_difference"];

fn of_label(label: &LabelComparison) -> [(&'static str, Measured); 8] {
    let of = |name, value| (name, measured(value, label.undefined.get(name)));
    [
        of("dice", label.dice),
        of("iou", label.iou),
        of("hd95_mm", label.hd95_mm),
        of("hd_mm", label.hd_mm),
        of("assd_mm", label.assd_mm),
        of("nsd", label.nsd),
        ("volume_difference_ml", Measured::of::<String>(Ok(label.test_ml - label.reference_ml))),
        of("relative_volume_difference", label.relative_volume_difference),
    ]
}

fn of_components(found: &ComponentComparison) -> [(&'static str, Measured); 3] {
    let of = |name, field, value| (name, measured(value, found.undefined.get(field)));
    [
        of("component_sensitivity", "sensitivity", found.sensitivity),
        ("component_false_positives", Measured::Value(found.false_positives as f64)),
        of("panoptic_quality", "panoptic_quality", found.panoptic_quality),
    ]
}

fn measured(value: Option<f64>, reason: Option<&String>) -> Measured {
    Measured::of(value.ok_or_else(|| reason.cloned().unwrap_or_else(|| "not measured".into())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::LabelPair;

    #[test]
    fn a_measure_keeps_its_reason_in_json() {
        let json = serde_json::to_string(&[Measured::Value(0.5), Measured::Undefined("absent".into())]).unwrap();
        assert_eq!(json, "[0.5,{\"undefined\":\"absent\"}]");
        let back: Vec<Measured> = serde_json::from_str(&json).unwrap();
        assert_eq!(back, [Measured::Value(0.5), Measured::Undefined("absent".into())]);
        assert_eq!(Measured::of::<String>(Ok(f64::INFINITY)).value(), None);
    }

    #[test]
    fn labels_that_the_plan_names_are_there_even_when_no_map_has_them() {
        let pair = LabelPair::new(&[0, 1, 1, 3], &[0, 1, 0, 3], [4, 1, 1], [1.0; 3]).unwrap();
        let labels = BTreeMap::from([(1, "liver".to_owned()), (2, "tumour".to_owned())]);
        let measures = of_labels(&Comparison::of_labels(&pair, 1.0), &labels);
        assert_eq!(measures["mean_dice"], measures["dice:liver"]);
        assert_eq!(measures["dice:tumour"], Measured::Undefined("absent in both the reference and the test".into()));
        assert!(!measures.contains_key("dice:3"));
        let all = of_labels(&Comparison::of_labels(&pair, 1.0), &BTreeMap::new());
        assert_eq!(all["dice:3"], Measured::Value(1.0));
        assert_eq!(About::of("hd95_mm:liver", "HU").with_unit(), "HD95, liver (mm)");
    }
}
