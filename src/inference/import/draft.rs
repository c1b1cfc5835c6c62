//! The manifest in the making, and what of the export could not be taken over.

use serde::Serialize;

use crate::inference::manifest::Manifest;
use crate::inference::manifest::schema::{
    Blend, Files, Inferer, InfererKind, Mean, PadMode, Postprocess, Preprocess, Starts, Status, Task, Uncertainty,
};

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// The export does not say it; what was put in its place has to be looked at.
    Assumed,
    /// The export says it, and the manifest cannot.
    Lost,
    /// Without it there is no model.
    Missing,
}

/// Something that the manifest does not hold as the export had it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How much it weighs.
    pub weight: Weight,
    /// The table of the manifest that it belongs to: `preprocess`; empty for the model as a whole.
    pub table: &'static str,
    /// What it is, as a sentence.
    pub text: String,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let word = match self.weight {
            Weight::Assumed => "Assumed",
            Weight::Lost => "Not taken over",
            Weight::Missing => "Missing",
        };
        let place = if self.table.is_empty() { String::new() } else { format!(" [{}]", self.table) };
        write!(f, "{word}{place}: {}", self.text)
    }
}

/// What a person is told of a model beside the manifest's own keys.
#[derive(Debug, Clone, Default)]
pub(super) struct CardFacts {
    /// What it is, in its maker's words.
    pub description: String,
    pub authors: String,
    pub copyright: String,
    pub data_source: String,
    /// Name and value.
    pub metrics: Vec<(String, String)>,
    /// Further lines: `What` and text.
    pub rows: Vec<(String, String)>,
}

/// The manifest in the making.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub manifest: Manifest,
    pub findings: Vec<Finding>,
    pub card: CardFacts,
    /// Channels that the export says the network takes and gives, where it says.
    pub channels_in: Option<usize>,
    pub channels_out: Option<usize>,
}

impl Draft {
    /// An empty one.
    pub fn new(name: String) -> Self {
        let manifest = Manifest {
            schema: 1,
            title: name.clone(),
            name,
            version: "0".into(),
            task: Task::Segmentation,
            status: Status::Research,
            intended_use: String::new(),
            not_for: "Diagnosis or any decision about a patient: the import has tested nothing".into(),
            license: "LicenseRef-unknown".into(),
            license_code: None,
            license_data: None,
            source: String::new(),
            cite: Vec::new(),
            files: Files::default(),
            inputs: Vec::new(),
            preprocess: Preprocess::default(),
            inferer: Inferer {
                kind: InfererKind::Whole,
                layout: "NCXYZ".into(),
                patch: None,
                overlap: 0.25,
                blend: Blend::Constant,
                starts: Starts::Stride,
                mean: Mean::Probabilities,
                skip_background: false,
                sigma: 0.125,
                pad_mode: PadMode::Constant,
                batch: 1,
                axis: None,
                neighbors: 0,
            },
            diffusion: None,
            outputs: Vec::new(),
            postprocess: Postprocess::default(),
            anomaly: None,
            uncertainty: Uncertainty::default(),
            faithfulness: None,
            guard: None,
            explain: None,
            checks: Vec::new(),
        };
        Self { manifest, findings: Vec::new(), card: CardFacts::default(), channels_in: None, channels_out: None }
    }

    pub fn assumed(&mut self, table: &'static str, text: impl Into<String>) {
        self.findings.push(Finding { weight: Weight::Assumed, table, text: text.into() });
    }

    pub fn lost(&mut self, table: &'static str, text: impl Into<String>) {
        self.findings.push(Finding { weight: Weight::Lost, table, text: text.into() });
    }

    pub fn missing(&mut self, table: &'static str, text: impl Into<String>) {
        self.findings.push(Finding { weight: Weight::Missing, table, text: text.into() });
    }
}

/// A name as files and manifests take it: lower case, one `-` for all that is neither letter nor digit.
pub(super) fn slug(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars().flat_map(char::to_lowercase) {
        if c.is_ascii_alphanumeric() {
            out.push(c);
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
    }
    let out = out.trim_end_matches('-');
    if out.is_empty() { "model".to_owned() } else { out.to_owned() }
}

/// The DICOM modality that a word for a kind of image stands for.
pub(super) fn modality(word: &str) -> Option<&'static str> {
    let word = word.to_lowercase();
    let parts: Vec<&str> = word.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    let has = |list: &[&str]| list.iter().any(|w| parts.iter().any(|p| p == w));
    if has(&["ct", "cta", "cect", "hounsfield"]) {
        Some("CT")
    } else if has(&["pet", "pt", "suv", "fdg"]) {
        Some("PT")
    } else if has(&["us", "ultrasound"]) {
        Some("US")
    } else if has(&["mr", "mri", "t1", "t1w", "t1c", "t1ce", "t1gd", "t1n", "t2", "t2w", "t2f", "flair", "dwi", "adc"])
    {
        Some("MR")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_modalities_are_read_from_words() {
        assert_eq!(slug("Spleen CT (v0.5)"), "spleen-ct-v0-5");
        assert_eq!(slug("_T1-weighted_"), "t1-weighted");
        assert_eq!(slug("…"), "model");
        for (word, expected) in [
            ("CT", Some("CT")),
            ("T1_gd", Some("MR")),
            ("MRI", Some("MR")),
            ("FLAIR", Some("MR")),
            ("PET", Some("PT")),
            ("noNorm", None),
            ("contact", None),
        ] {
            assert_eq!(modality(word), expected, "{word}");
        }
    }
}
