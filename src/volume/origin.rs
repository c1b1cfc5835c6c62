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
}

/// Acquired or derived; see the module.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    synthetic: bool,
    sources: Vec<String>,
    parents: Vec<Provenance>,
    derivation: Option<Derivation>,
}

impl Provenance {
    /// An image that came from a scanner or a file, known by the UIDs or paths of its sources.
    #[must_use]
    pub fn acquired(sources: Vec<String>) -> Self {
        Self { synthetic: false, sources, parents: Vec::new(), derivation: None }
    }

    /// An image whose file says that some or all of it was made artificially ((0008,001C) or our own mark).
    #[must_use]
    pub fn marked_synthetic(sources: Vec<String>, derivation: Option<Derivation>) -> Self {
        Self { synthetic: true, sources, parents: Vec::new(), derivation }
    }

    /// An image made out of `parents`: synthetic if the step invents pixels or any parent is synthetic.
    #[must_use]
    pub fn derived(parents: &[&Self], derivation: Derivation) -> Self {
        Self {
            synthetic: derivation.generates_pixels || parents.iter().any(|p| p.synthetic),
            sources: Vec::new(),
            parents: parents.iter().map(|p| (*p).clone()).collect(),
            derivation: Some(derivation),
        }
    }

    /// Whether any of the grey values were made artificially.
    #[must_use]
    pub fn is_synthetic(&self) -> bool {
        self.synthetic
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
}
