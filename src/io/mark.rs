//! The mark of synthetic content, and that of a blinded study, inside files that are not DICOM, and the essentials of the
//! record.
//!
//! A file that is renamed or parted from its record is still known by it.

use serde::{Deserialize, Serialize};

use crate::error::{Warning, WarningCode};
use crate::volume::{Derivation, OriginMark, Provenance, Review, ReviewState};

/// Stands at the start of a NIfTI's `descrip`.
pub const MARK: &str = "SYNTHETIC";
/// Stands at the start of a NIfTI's `descrip` where a blinded study keeps to itself whether it is synthetic.
pub const BLINDED_MARK: &str = "BLINDED STUDY";
/// Key of an NRRD pair and of a PNG text chunk, as DICOM (0008,001C) is called; its value is [`YES`].
pub const KEY: &str = "Synthetic Data";
/// Value of [`KEY`] where it is synthetic.
pub const YES: &str = "YES";
/// Value of [`KEY`] where a blinded study keeps it to itself.
pub const WITHHELD: &str = "WITHHELD";
/// Key of the record's essentials, a JSON object.
pub const RECORD_KEY: &str = "Veritome Record";

/// Stands before what derived values are in a NIfTI's `descrip`.
pub const DERIVED: &str = "DERIVED";

/// What travels inside a file that was made artificially, that a person reviewed, or whose values are no longer an image's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Whether any of it was made artificially; false in what travels because a person reviewed it. A blinded study says
    /// nothing, of either kind of image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub synthetic_data: Option<bool>,
    /// A blinded study keeps to itself whether it is synthetic.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub blinded_study: bool,
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
    /// The essentials of a volume's origin; `None` when nothing of it is synthetic or blinded, nobody reviewed it and it is no
    /// map of something else, as an error map is. A
    /// blinded image says that it is one, and nothing else.
    #[must_use]
    pub fn of(provenance: &Provenance) -> Option<Self> {
        const MOST: usize = 16;
        let software = format!("Veritome {}", env!("CARGO_PKG_VERSION"));
        if provenance.mark() == Some(OriginMark::Blinded) {
            return Some(Self {
                synthetic_data: None,
                blinded_study: true,
                software,
                sources: Vec::new(),
                steps: Vec::new(),
                review: None,
            });
        }
        let is_image = provenance.derived_values().is_none();
        if !provenance.is_synthetic() && provenance.review().is_none() && is_image {
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
        let review = provenance.review().cloned();
        Some(Self {
            synthetic_data: Some(provenance.is_synthetic()),
            blinded_study: provenance.is_blinded(),
            software,
            sources,
            steps,
            review,
        })
    }

    /// Whether it says that any of it was made artificially.
    #[must_use]
    pub fn is_synthetic(&self) -> bool {
        self.synthetic_data == Some(true)
    }

    /// The value of [`KEY`], where it has to be there.
    #[must_use]
    pub fn value(&self) -> Option<&'static str> {
        match (self.is_synthetic(), self.blinded_study) {
            (true, _) => Some(value(OriginMark::Synthetic)),
            (false, true) => Some(value(OriginMark::Blinded)),
            (false, false) => None,
        }
    }

    /// One line of JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|_| format!("{{\"synthetic_data\":true,\"error\":\"{KEY}\"}}"))
    }

    /// A few words for a field of limited length.
    #[must_use]
    pub fn short(&self) -> String {
        if self.blinded_study && !self.is_synthetic() {
            return BLINDED_MARK.to_owned();
        }
        let derived = self.steps.first().and_then(|s| s.values.as_ref()).map(|values| format!("{DERIVED} {values}"));
        let step = self.steps.iter().find(|s| s.generates_pixels).or(self.steps.first().filter(|_| derived.is_none()));
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
        let parts = [self.is_synthetic().then(|| MARK.to_owned()), word.map(str::to_owned), derived, what];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ").trim_end().to_owned()
    }
}

/// The value of [`KEY`] that says so.
#[must_use]
pub fn value(mark: OriginMark) -> &'static str {
    match mark {
        OriginMark::Synthetic => YES,
        OriginMark::Blinded => WITHHELD,
    }
}

/// What a person has to know of a file whose values are no longer those of an image.
#[must_use]
pub fn note(provenance: &Provenance) -> Option<Warning> {
    let values = provenance.derived_values()?;
    Some(Warning::new(WarningCode::Other, format!("The values are derived and no image: {values}")))
}

/// What a value of [`KEY`] says.
#[must_use]
pub fn of_value(value: &str) -> Option<OriginMark> {
    let is = |word: &str| value.trim().eq_ignore_ascii_case(word);
    if is(YES) { Some(OriginMark::Synthetic) } else { is(WITHHELD).then_some(OriginMark::Blinded) }
}

/// What a NIfTI's `descrip` says.
#[must_use]
pub fn of_description(text: &str) -> Option<OriginMark> {
    if text.contains(MARK) {
        Some(OriginMark::Synthetic)
    } else {
        text.contains(BLINDED_MARK).then_some(OriginMark::Blinded)
    }
}

/// The origin of a file: `marked` if any of its fields bears a mark, with what `json` (if any) says of it.
#[must_use]
pub fn provenance(source: String, marked: Option<OriginMark>, json: Option<&str>) -> Provenance {
    let record = json.and_then(|text| serde_json::from_str::<Record>(text.trim_end_matches('\0').trim()).ok());
    let review = record.as_ref().and_then(|r| r.review.clone());
    let synthetic = marked == Some(OriginMark::Synthetic) || record.as_ref().is_some_and(Record::is_synthetic);
    if !synthetic {
        let blinded = marked == Some(OriginMark::Blinded) || record.as_ref().is_some_and(|r| r.blinded_study);
        let origin = if blinded { Provenance::blinded } else { Provenance::acquired };
        // Only what is no image says how it was made: a mask or a resampled image is read as any other file.
        let step = record.and_then(|r| r.steps.into_iter().next()).filter(|step| step.values.is_some() && !blinded);
        return origin(vec![source]).by_step(step).reviewed(review);
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
        let back = provenance("a.nii".into(), None, Some(&record.to_json()));
        assert!(back.is_synthetic() && back.sources().contains(&"1.2.3".to_owned()));
        assert!(provenance("a.nii".into(), Some(OriginMark::Synthetic), None).is_synthetic());
        assert!(!provenance("a.nii".into(), None, Some("no json")).is_synthetic());
        assert!(Record::of(&real).is_none());
    }

    #[test]
    fn a_blinded_image_says_that_it_is_one_and_nothing_else() {
        let blinded = Provenance::blinded(vec!["secret/synthetic/c01.nii".into()]);
        let slab = Provenance::derived(&[&blinded], Derivation { description: "secret".into(), ..Default::default() });
        let record = Record::of(&slab).unwrap();
        assert_eq!(record.short(), BLINDED_MARK);
        assert!(!record.to_json().contains("secret"), "{}", record.to_json());
        assert!(!record.to_json().contains("synthetic"), "{}", record.to_json());
        let back = provenance("a.nii".into(), None, Some(&record.to_json()));
        assert_eq!(back.mark(), Some(OriginMark::Blinded));
        assert_eq!(of_value(record.value().unwrap()), Some(OriginMark::Blinded));
        assert_eq!(of_description(&record.short()), Some(OriginMark::Blinded));
        assert!(provenance("a.nii".into(), Some(OriginMark::Synthetic), Some(&record.to_json())).is_synthetic());
    }

    #[test]
    fn an_error_map_says_what_it_is_and_is_synthetic_only_where_an_image_was() {
        let real = Provenance::acquired(vec!["1.2.3".into()]);
        let made = Derivation { model: Some("ct-from-mr".into()), generates_pixels: true, ..Derivation::default() };
        let made = Provenance::derived(&[&real], made);
        let values = Some("difference of sct and ct".to_owned());
        let step = Derivation { description: "Difference".into(), values, ..Derivation::default() };
        let record = Record::of(&Provenance::derived(&[&real, &real], step.clone())).unwrap();
        assert_eq!(record.short(), "DERIVED difference of sct and ct");
        assert!(!record.is_synthetic() && record.value().is_none());
        let back = provenance("e.nii".into(), None, Some(&record.to_json()));
        assert_eq!((back.derived_values(), back.is_synthetic()), (Some("difference of sct and ct"), false));
        let record = Record::of(&Provenance::derived(&[&made, &real], step)).unwrap();
        assert_eq!(record.short(), "SYNTHETIC DERIVED difference of sct and ct ct-from-mr");
        let back = provenance("e.nii".into(), None, Some(&record.to_json()));
        assert!(back.is_synthetic() && back.derived_values().is_some());
    }

    #[test]
    fn a_review_travels_with_its_file_and_marks_nothing_as_synthetic() {
        let real = Provenance::acquired(vec!["1.2.3".into()]);
        let mask = Provenance::derived(&[&real], Derivation { model: Some("brain".into()), ..Derivation::default() });
        assert!(Record::of(&mask).is_none());
        let word = Review { state: ReviewState::Accepted, reason: String::new(), time: "2026-01-01".into() };
        let record = Record::of(&mask.reviewed(Some(word.clone()))).unwrap();
        assert!(!record.is_synthetic() && record.short() == "ACCEPTED brain", "{}", record.short());
        let back = provenance("a.nii".into(), None, Some(&record.to_json()));
        assert!(!back.is_synthetic() && back.review() == Some(&word));
    }
}
