//! The mark of synthetic content inside files that are not DICOM, and the essentials of its record.
//!
//! A file that is renamed or parted from its record is still known by it.

use serde::{Deserialize, Serialize};

use crate::volume::{Derivation, Provenance, Review, ReviewState};

/// Stands at the start of a NIfTI's `descrip`.
pub const MARK: &str = "SYNTHETIC";
/// Key of an NRRD pair and of a PNG text chunk, as DICOM (0008,001C) is called; its value is [`YES`].
pub const KEY: &str = "Synthetic Data";
/// Value of [`KEY`].
pub const YES: &str = "YES";
/// Key of the record's essentials, a JSON object.
pub const RECORD_KEY: &str = "Veritome Record";

/// What travels inside a file that was made artificially or that a person reviewed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Whether any of it was made artificially; false only in what travels because a person reviewed it.
    pub synthetic_data: bool,
    /// Which program wrote it.
    #[serde(default)]
    pub software: String,
    /// UIDs or paths of the acquired images that it came from.
    #[serde(default)]
    pub sources: Vec<String>,
    /// What was done, the last step first.
    #[serde(default)]
    pub steps: Vec<Derivation>,
    /// What a person decided about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<Review>,
}

impl Record {
    /// The essentials of a volume's origin; `None` when nothing of it is synthetic and nobody reviewed it.
    #[must_use]
    pub fn of(provenance: &Provenance) -> Option<Self> {
        const MOST: usize = 16;
        if !provenance.is_synthetic() && provenance.review().is_none() {
            return None;
        }
        let (mut sources, mut steps) = (Vec::new(), Vec::new());
        let mut waiting = vec![provenance];
        while let Some(p) = waiting.pop() {
            // Without the time, which the record beside the file has: the same run gives the same bytes.
            steps.extend(p.derivation().map(|d| Derivation { time: None, ..d.clone() }));
            for source in p.sources() {
                if sources.len() < MOST && !sources.contains(source) {
                    sources.push(source.clone());
                }
            }
            waiting.extend(p.parents().iter().rev());
        }
        steps.truncate(MOST);
        let software = format!("Veritome {}", env!("CARGO_PKG_VERSION"));
        let review = provenance.review().cloned();
        Some(Self { synthetic_data: provenance.is_synthetic(), software, sources, steps, review })
    }

    /// One line of JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|_| format!("{{\"synthetic_data\":true,\"error\":\"{KEY}\"}}"))
    }

    /// A few words for a field of limited length.
    #[must_use]
    pub fn short(&self) -> String {
        let step = self.steps.iter().find(|s| s.generates_pixels).or(self.steps.first());
        let what = step.map(|s| match &s.model {
            Some(model) => format!("{model} {}", s.model_version.as_deref().unwrap_or_default()),
            None => s.description.clone(),
        });
        let word = self.review.as_ref().map(|r| match r.state {
            ReviewState::Accepted => "ACCEPTED",
            ReviewState::Rejected => "REJECTED",
            ReviewState::Corrected => "CORRECTED",
        });
        // The mark comes first: it is what readers look for, and what a cut leaves.
        let parts = [self.synthetic_data.then(|| MARK.to_owned()), word.map(str::to_owned), what];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ").trim_end().to_owned()
    }
}

/// The origin of a file: `marked` if any of its fields bears the mark, with what `json` (if any) says of it.
#[must_use]
pub fn provenance(source: String, marked: bool, json: Option<&str>) -> Provenance {
    let record = json.and_then(|text| serde_json::from_str::<Record>(text.trim_end_matches('\0').trim()).ok());
    let review = record.as_ref().and_then(|r| r.review.clone());
    if !marked && !record.as_ref().is_some_and(|r| r.synthetic_data) {
        return Provenance::acquired(vec![source]).reviewed(review);
    }
    let mut sources = vec![source];
    let steps = record.map(|r| {
        sources.extend(r.sources);
        r.steps
    });
    Provenance::marked_synthetic(sources, steps.and_then(|s| s.into_iter().next())).reviewed(review)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_comes_back_and_the_mark_alone_is_enough() {
        let made = Derivation { model: Some("ct-from-mr".into()), generates_pixels: true, ..Derivation::default() };
        let real = Provenance::acquired(vec!["1.2.3".into()]);
        let synthetic = Provenance::derived(&[&real], made.clone());
        let resampled = Provenance::derived(&[&synthetic], Derivation::default());
        let record = Record::of(&resampled).unwrap();
        assert_eq!(record.short(), "SYNTHETIC ct-from-mr");
        assert_eq!((record.steps.len(), record.sources.as_slice()), (2, &["1.2.3".to_owned()][..]));
        let back = provenance("a.nii".into(), false, Some(&record.to_json()));
        assert!(back.is_synthetic() && back.sources().contains(&"1.2.3".to_owned()));
        assert!(provenance("a.nii".into(), true, None).is_synthetic());
        assert!(!provenance("a.nii".into(), false, Some("no json")).is_synthetic());
        assert!(Record::of(&real).is_none());
    }

    #[test]
    fn a_review_travels_with_its_file_and_marks_nothing_as_synthetic() {
        let real = Provenance::acquired(vec!["1.2.3".into()]);
        let mask = Provenance::derived(&[&real], Derivation { model: Some("brain".into()), ..Derivation::default() });
        assert!(Record::of(&mask).is_none());
        let word = Review { state: ReviewState::Accepted, reason: String::new(), time: "2026-01-01".into() };
        let record = Record::of(&mask.reviewed(Some(word.clone()))).unwrap();
        assert!(!record.synthetic_data && record.short() == "ACCEPTED brain", "{}", record.short());
        let back = provenance("a.nii".into(), false, Some(&record.to_json()));
        assert!(!back.is_synthetic() && back.review() == Some(&word));
    }
}
