//! The area under the ROC curve where several images come from one patient.

use serde::Serialize;

use super::arms::{Arm, Arms};
use super::errors::LeakError;
use crate::reader_study::analysis::roc::{Scores, normal_interval};

/// How well one number tells arm B from arm A.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ArmAuc {
    /// Chance that an image of arm B has more of it than one of arm A, ties counting half.
    pub auc: f64,
    /// Standard error; none with fewer than 2 patients in an arm.
    pub se: Option<f64>,
    /// From the normal distribution, cut at 0 and 1; none where the standard error is 0, as for perfect separation.
    pub interval: Option<[f64; 2]>,
}

/// Area with the standard error of Obuchowski 1997 (Biometrics 53:567), which is DeLong's where each patient has one image.
///
/// # Errors
/// When a score is NaN, or there is not one an image.
pub fn clustered_auc(scores: &[f64], arms: &Arms, alpha: f64) -> Result<ArmAuc, LeakError> {
    let truth: Vec<bool> = arms.arms().iter().map(|arm| *arm == Arm::B).collect();
    let split = Scores::new(&truth, scores)?;
    let (auc, placements) = (split.auc(), split.placements());
    // Placements come split by arm; patients need them by image.
    let (mut of_b, mut of_a) = (placements.diseased.iter(), placements.normal.iter());
    let mut sums = vec![[(0.0, 0_usize); 2]; arms.patients().len()];
    for (is_b, patient) in truth.iter().zip(arms.patient_of()) {
        let (side, placement) = if *is_b { (0, of_b.next()) } else { (1, of_a.next()) };
        let (sum, count) = &mut sums[*patient][side];
        *sum += placement.copied().unwrap_or(auc) - auc;
        *count += 1;
    }
    let images = [split.diseased().len() as f64, split.normal().len() as f64];
    let patients = [0, 1].map(|side| sums.iter().filter(|s| s[side].1 > 0).count() as f64);
    let enough = patients.iter().all(|m| *m >= 2.0);
    let se = enough.then(|| {
        let own = |side: usize| {
            let squares: f64 = sums.iter().map(|s| s[side].0 * s[side].0).sum();
            patients[side] / ((patients[side] - 1.0) * images[side] * images[side]) * squares
        };
        let all = sums.len() as f64;
        let shared: f64 = sums.iter().map(|s| s[0].0 * s[1].0).sum();
        (own(0) + own(1) + 2.0 * all / (all - 1.0) * shared / (images[0] * images[1])).max(0.0).sqrt()
    });
    let interval = se.filter(|se| *se > 0.0).map(|se| normal_interval(auc, se, alpha).map(|l| l.clamp(0.0, 1.0)));
    Ok(ArmAuc { auc, se, interval })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader_study::analysis::delong::standard_error;

    #[test]
    fn with_one_image_a_patient_it_is_delongs() {
        let scores: Vec<f64> = (0..30).map(|n| f64::from(n * n % 19)).collect();
        let arms: Vec<Arm> = (0..30).map(|n| if n % 3 == 0 { Arm::B } else { Arm::A }).collect();
        let patients: Vec<String> = (0..30).map(|n| n.to_string()).collect();
        let found = clustered_auc(&scores, &Arms::new(&arms, &patients).unwrap(), 0.05).unwrap();
        let truth: Vec<bool> = arms.iter().map(|arm| *arm == Arm::B).collect();
        let delong = standard_error(&Scores::new(&truth, &scores).unwrap()).unwrap();
        assert!((found.se.unwrap() - delong).abs() < 1e-14);
    }
}
