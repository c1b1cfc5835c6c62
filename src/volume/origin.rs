//! Where an image came from: acquired by a scanner, or derived by a program.
//!
//! Whether an image is synthetic cannot be set back: a derived image is synthetic as soon as one parent is.

use serde::{Deserialize, Serialize};

/// How a program made an image out of others.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Derivation {
    /// What was done, for the person: `Segmentation by brain-mask 1.0.0`.
    pub description: String,
    /// Name of the model, where one was used.
    pub model: Option<String>,
    /// Version of the model.
    pub model_version: Option<String>,
    /// SHA-256 of the weights, hexadecimal.
    pub weights_sha256: Option<String>,
    /// The execution provider that really ran.
    pub provider: Option<String>,
    /// Seed of the random numbers.
    pub seed: Option<u64>,
    /// When, RFC 3339.
    pub time: Option<String>,
    /// Whether the step invents grey values (synthesis, enhancement, sampling), as a resampling or a mask does not.
    pub generates_pixels: bool,
    /// What the values are, where they are no longer those of an image: `difference of sct and ct`. It is written into every
    /// file that is made of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<String>,
}

/// What a person decided about a derived image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewState {
    /// Good for its purpose.
    Accepted,
    /// Not to be used.
    Rejected,
    /// Taken over by a person who changes, or has to change, what is wrong in it.
    Corrected,
}

/// A person's word on a derived image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// The decision.
    pub state: ReviewState,
    /// Why, in the person's words; may be empty.
    #[serde(default)]
    pub reason: String,
    /// When, RFC 3339.
    pub time: String,
}

/// What an image has to say of its origin wherever it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OriginMark {
    /// Some or all of the grey values were made artificially.
    Synthetic,
    /// It belongs to a blinded study, which keeps to itself whether it is synthetic: it may be.
    Blinded,
}

/// Acquired or derived; see the module.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    synthetic: bool,
    sources: Vec<String>,
    parents: Vec<Provenance>,
    derivation: Option<Derivation>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    review: Option<Review>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lossy: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    blinded: bool,
}

impl Provenance {
    /// An image that came from a scanner or a file, known by the UIDs or paths of its sources.
    #[must_use]
    pub fn acquired(sources: Vec<String>) -> Self {
        Self {
            synthetic: false,
            sources,
            parents: Vec::new(),
            derivation: None,
            review: None,
            lossy: None,
            blinded: false,
        }
    }

    /// An image of a blinded study, whose file keeps to itself whether it is synthetic.
    #[must_use]
    pub fn blinded(sources: Vec<String>) -> Self {
        Self { blinded: true, ..Self::acquired(sources) }
    }

    /// An image whose file says that some or all of it was made artificially ((0008,001C) or our own mark).
    #[must_use]
    pub fn marked_synthetic(sources: Vec<String>, derivation: Option<Derivation>) -> Self {
        Self { synthetic: true, derivation, ..Self::acquired(sources) }
    }

    /// An image made out of `parents`: synthetic if the step invents pixels or any parent is synthetic.
    #[must_use]
    pub fn derived(parents: &[&Self], derivation: Derivation) -> Self {
        Self {
            synthetic: derivation.generates_pixels || parents.iter().any(|p| p.synthetic),
            blinded: parents.iter().any(|p| p.blinded),
            parents: parents.iter().map(|p| (*p).clone()).collect(),
            derivation: Some(derivation),
            ..Self::acquired(Vec::new())
        }
    }

    /// The same origin with the step that a file says made it.
    #[must_use]
    pub fn by_step(self, derivation: Option<Derivation>) -> Self {
        Self { derivation: derivation.or(self.derivation), ..self }
    }

    /// What the values are, where they are no longer those of an image: an error map's.
    #[must_use]
    pub fn derived_values(&self) -> Option<&str> {
        self.derivation.as_ref()?.values.as_deref()
    }

    /// The same origin with a person's word on it, or without one. What is derived from it later is not reviewed by
    /// that: the word stays with the parent.
    #[must_use]
    pub fn reviewed(self, review: Option<Review>) -> Self {
        Self { review, ..self }
    }

    /// The same origin, whose pixels went through a compression that loses detail; the text says which, for the person:
    /// `ISO_10918_1, 12 to 1`. `None`: nothing is known of one.
    #[must_use]
    pub fn lossily_compressed(self, how: Option<String>) -> Self {
        Self { lossy: how.or(self.lossy), ..self }
    }

    /// How the pixels, or those of an image that this was derived from, were lossily compressed; `None`: not, as far as
    /// is known.
    #[must_use]
    pub fn lossy(&self) -> Option<&str> {
        self.lossy.as_deref().or_else(|| self.parents.iter().find_map(Self::lossy))
    }

    /// Whether any of the grey values were made artificially.
    #[must_use]
    pub fn is_synthetic(&self) -> bool {
        self.synthetic
    }

    /// Whether a blinded study keeps to itself if any of it is synthetic.
    #[must_use]
    pub fn is_blinded(&self) -> bool {
        self.blinded
    }

    /// The mark that belongs on every picture of it. What is known to be synthetic says so, blinded or not.
    #[must_use]
    pub fn mark(&self) -> Option<OriginMark> {
        match (self.synthetic, self.blinded) {
            (true, _) => Some(OriginMark::Synthetic),
            (false, true) => Some(OriginMark::Blinded),
            (false, false) => None,
        }
    }

    /// UIDs or paths of the acquired sources.
    #[must_use]
    pub fn sources(&self) -> &[String] {
        &self.sources
    }

    /// What this was derived from.
    #[must_use]
    pub fn parents(&self) -> &[Self] {
        &self.parents
    }

    /// What a person decided about it.
    #[must_use]
    pub fn review(&self) -> Option<&Review> {
        self.review.as_ref()
    }

    /// The last step, if a program made this.
    #[must_use]
    pub fn derivation(&self) -> Option<&Derivation> {
        self.derivation.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_derives_from_synthetic_is_synthetic() {
        let real = Provenance::acquired(vec!["1.2".into()]);
        let mask = Provenance::derived(&[&real], Derivation::default());
        assert!(!mask.is_synthetic());
        let made = Provenance::derived(&[&real], Derivation { generates_pixels: true, ..Default::default() });
        let slab = Provenance::derived(&[&mask, &made], Derivation::default());
        assert!(made.is_synthetic() && slab.is_synthetic());
    }

    #[test]
    fn what_derives_from_a_blinded_image_stays_blinded_until_it_is_known_to_be_synthetic() {
        let blinded = Provenance::blinded(vec!["1.2".into()]);
        let slab = Provenance::derived(&[&blinded], Derivation::default());
        assert_eq!(slab.mark(), Some(OriginMark::Blinded));
        let made = Provenance::derived(&[&slab], Derivation { generates_pixels: true, ..Default::default() });
        assert_eq!(made.mark(), Some(OriginMark::Synthetic));
        assert_eq!(Provenance::acquired(vec![]).mark(), None);
        let json = serde_json::to_string(&slab).unwrap();
        assert_eq!(serde_json::from_str::<Provenance>(&json).unwrap(), slab);
    }

    #[test]
    fn what_was_lost_once_stays_lost() {
        let real = Provenance::acquired(vec!["1.2".into()]);
        assert_eq!(real.lossy(), None);
        let lost = real.clone().lossily_compressed(Some("JPEG, 12 to 1".into())).lossily_compressed(None);
        let slab = Provenance::derived(&[&real, &lost], Derivation::default());
        assert_eq!(slab.lossy(), Some("JPEG, 12 to 1"));
        let json = serde_json::to_string(&slab).unwrap();
        assert_eq!(serde_json::from_str::<Provenance>(&json).unwrap(), slab);
        assert!(!serde_json::to_string(&real).unwrap().contains("lossy"));
    }

    #[test]
    fn a_review_stays_with_its_image_and_old_records_read_without_one() {
        let real = Provenance::acquired(vec!["1.2".into()]);
        let word = Review { state: ReviewState::Rejected, reason: "wrong side".into(), time: "2026-01-01".into() };
        let made = Provenance::derived(&[&real], Derivation { generates_pixels: true, ..Default::default() });
        let judged = made.clone().reviewed(Some(word.clone()));
        assert!(judged.is_synthetic() && judged.review() == Some(&word));
        let slab = Provenance::derived(&[&judged], Derivation::default());
        assert!(slab.review().is_none() && slab.parents()[0].review() == Some(&word));
        let old = serde_json::to_string(&made).unwrap();
        assert!(!old.contains("review"));
        assert_eq!(serde_json::from_str::<Provenance>(&old).unwrap(), made);
        let new = serde_json::to_string(&judged).unwrap();
        assert!(new.contains("\"state\":\"rejected\""), "{new}");
        assert_eq!(serde_json::from_str::<Provenance>(&new).unwrap(), judged);
    }
}
