//! Folds by patient, and scores of images by classifiers that have not seen their patients.

use super::arms::{Arm, Arms};
use super::errors::LeakError;
use super::logistic::RidgeLogistic;
use crate::metrics::sets::draws::{seeded, shuffle};

/// The fold of every image, from 0: all images of a patient in one, and each fold with about as many patients of arm A
/// only, of arm B only and of both. At most as many folds as patients.
#[must_use]
pub fn draw_folds(arms: &Arms, folds: usize, seed: u64) -> Vec<usize> {
    let all = arms.patients().len();
    let folds = folds.clamp(2, all.max(2));
    let mut rng = seeded(seed, 0);
    let mut order = Vec::with_capacity(all);
    for kind in [Some(Arm::A), Some(Arm::B), None] {
        let mut patients: Vec<usize> = (0..all).filter(|p| arms.only_arm(*p) == kind).collect();
        shuffle(&mut patients, &mut rng);
        order.extend(patients);
    }
    let mut fold_of = vec![0; arms.arms().len()];
    for (place, patient) in order.into_iter().enumerate() {
        for image in &arms.patients()[patient] {
            fold_of[*image] = place % folds;
        }
    }
    fold_of
}

/// For every image the score for arm B by the classifier that was fitted on all other folds; `c` as in
/// [`RidgeLogistic::fit`].
///
/// # Errors
/// When an arm lies in one fold only, there is not one fold an image, or a fit does not settle.
pub fn out_of_fold(columns: &[Vec<f64>], arms: &Arms, fold_of: &[usize], c: f64) -> Result<Vec<f64>, LeakError> {
    let images = arms.arms().len();
    if fold_of.len() != images {
        return Err(LeakError::Length { what: "folds".into(), expected: images, found: fold_of.len() });
    }
    let positive: Vec<bool> = arms.arms().iter().map(|arm| *arm == Arm::B).collect();
    let mut scores = vec![0.0; images];
    for fold in 0..fold_of.iter().max().map_or(0, |last| last + 1) {
        let (test, train): (Vec<usize>, Vec<usize>) = (0..images).partition(|image| fold_of[*image] == fold);
        for arm in [Arm::A, Arm::B] {
            if !train.iter().any(|image| arms.arms()[*image] == arm) {
                let what = "patients to train a classifier on, of those outside one fold,";
                return Err(LeakError::TooFew { arm: arm.letter(), what, needed: 1, found: 0 });
            }
        }
        let classifier = RidgeLogistic::fit(columns, &train, &positive, c)?;
        for image in test {
            scores[image] = classifier.score(columns, image);
        }
    }
    Ok(scores)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patients_are_not_split_and_kinds_are_spread() {
        // Patients 0 to 9 in arm A, 10 to 19 in arm B, 20 to 29 in both; two images each.
        let of = |image: usize| match (image / 2, image % 2) {
            (0..10, _) | (20.., 0) => Arm::A,
            _ => Arm::B,
        };
        let arms: Vec<Arm> = (0..60).map(of).collect();
        let patients: Vec<String> = (0..60).map(|image| format!("{:02}", image / 2)).collect();
        let arms = Arms::new(&arms, &patients).unwrap();
        let folds = draw_folds(&arms, 5, 3);
        for start in [0, 20, 40] {
            for fold in 0..5 {
                assert_eq!(folds[start..start + 20].iter().filter(|f| **f == fold).count(), 4);
            }
        }
        assert!(folds.chunks(2).all(|pair| pair[0] == pair[1]));
        assert_eq!(folds, draw_folds(&arms, 5, 3));
        assert_ne!(folds, draw_folds(&arms, 5, 4));
    }
}
