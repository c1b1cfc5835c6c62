//! The two arms, and how they may be relabelled when they are alike.

use std::collections::BTreeMap;
use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use statrs::function::gamma::ln_gamma;

use super::errors::LeakError;
use crate::metrics::sets::draws::{below, shuffle};

/// What an image was shown as: one of the two kinds that a study compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Arm {
    /// The first, for instance the acquired images.
    A,
    /// The second, for instance the synthetic ones.
    B,
}

impl Arm {
    /// Its letter.
    #[must_use]
    pub fn letter(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
        }
    }

    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// The arm and the patient of every image; each arm has at least 2 images, and there are at least 2 patients.
#[derive(Debug, Clone, PartialEq)]
pub struct Arms {
    arms: Vec<Arm>,
    /// Images of each patient.
    patients: Arc<Vec<Vec<usize>>>,
    /// The patient of each image.
    patient_of: Arc<Vec<usize>>,
}

impl Arms {
    /// Checks arms and patients, one an image.
    ///
    /// # Errors
    /// When the lists differ in length, an arm has fewer than 2 images, or all images are of one patient.
    pub fn new(arms: &[Arm], patients: &[String]) -> Result<Self, LeakError> {
        if arms.len() != patients.len() {
            let (expected, found) = (arms.len(), patients.len());
            return Err(LeakError::Length { what: "patients".into(), expected, found });
        }
        for arm in [Arm::A, Arm::B] {
            let found = arms.iter().filter(|a| **a == arm).count();
            if found < 2 {
                return Err(LeakError::TooFew { arm: arm.letter(), what: "images", needed: 2, found });
            }
        }
        let mut images = BTreeMap::<&String, Vec<usize>>::new();
        for (at, patient) in patients.iter().enumerate() {
            images.entry(patient).or_default().push(at);
        }
        if images.len() < 2 {
            let (arm, what) = ("A and arm B together", "patients");
            return Err(LeakError::TooFew { arm, what, needed: 2, found: images.len() });
        }
        let patients: Vec<Vec<usize>> = images.into_values().collect();
        let mut patient_of = vec![0; arms.len()];
        for (patient, images) in patients.iter().enumerate() {
            for image in images {
                patient_of[*image] = patient;
            }
        }
        Ok(Self { arms: arms.to_vec(), patients: Arc::new(patients), patient_of: Arc::new(patient_of) })
    }

    /// The arm of each image.
    #[must_use]
    pub fn arms(&self) -> &[Arm] {
        &self.arms
    }

    /// The images of each patient.
    #[must_use]
    pub fn patients(&self) -> &[Vec<usize>] {
        &self.patients
    }

    /// The patient of each image, numbered from 0.
    #[must_use]
    pub fn patient_of(&self) -> &[usize] {
        &self.patient_of
    }

    /// How many images an arm has.
    #[must_use]
    pub fn images_in(&self, arm: Arm) -> usize {
        self.arms.iter().filter(|a| **a == arm).count()
    }

    /// The arm of a patient all of whose images are in one.
    pub(super) fn only_arm(&self, patient: usize) -> Option<Arm> {
        let images = self.patients.get(patient)?;
        let first = self.arms[*images.first()?];
        images.iter().all(|image| self.arms[*image] == first).then_some(first)
    }

    /// The same images relabelled as they might be if the arms were alike: patients of one arm exchange their arms with
    /// each other, and in patients of both the arms are exchanged as by a coin. Images of a patient stay together.
    #[must_use]
    pub fn relabelled(&self, rng: &mut ChaCha8Rng) -> Self {
        let single: Vec<usize> = (0..self.patients.len()).filter(|p| self.only_arm(*p).is_some()).collect();
        let mut single_arms: Vec<Arm> = single.iter().filter_map(|p| self.only_arm(*p)).collect();
        shuffle(&mut single_arms, rng);
        let mut arms = self.arms.clone();
        for (patient, arm) in single.iter().zip(single_arms) {
            for image in &self.patients[*patient] {
                arms[*image] = arm;
            }
        }
        for images in (0..self.patients.len()).filter(|p| self.only_arm(*p).is_none()).map(|p| &self.patients[p]) {
            if below(rng, 2) == 1 {
                for image in images {
                    arms[*image] = arms[*image].other();
                }
            }
        }
        Self { arms, ..self.clone() }
    }

    /// In how many ways they may be relabelled, at most 1e300.
    #[must_use]
    pub fn relabellings(&self) -> f64 {
        let of = |wanted: Option<Arm>| (0..self.patients.len()).filter(|p| self.only_arm(*p) == wanted).count() as f64;
        let (a, b) = (of(Some(Arm::A)), of(Some(Arm::B)));
        let logarithm = ln_gamma(a + b + 1.0) - ln_gamma(a + 1.0) - ln_gamma(b + 1.0) + of(None) * 2.0_f64.ln();
        logarithm.min(300.0 * 10.0_f64.ln()).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::sets::draws::seeded;

    #[test]
    fn relabelling_keeps_patients_together() {
        use Arm::{A, B};
        let patients = ["p", "p", "q", "r", "r", "s", "s"].map(String::from);
        let arms = Arms::new(&[A, A, B, A, B, B, B], &patients).unwrap();
        assert!((arms.relabellings() - 6.0).abs() < 1e-9);
        let mut seen = std::collections::BTreeSet::new();
        for stream in 0..200 {
            let new = arms.relabelled(&mut seeded(0, stream));
            assert!(new.arms[0] == new.arms[1] && new.arms[5] == new.arms[6] && new.arms[3] != new.arms[4]);
            seen.insert(new.arms);
        }
        assert_eq!(seen.len(), 6);
        assert!(Arms::new(&[A, A, B, B], &["p"; 4].map(String::from)).is_err());
        assert!(Arms::new(&[A, A, B], &["p", "q", "r"].map(String::from)).is_err());
    }
}
