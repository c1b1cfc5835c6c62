//! Split conformal prediction: an interval that holds in all but a share `alpha` of cases, whatever the model.

/// The share of a case's voxels that its own score covers.
pub const CASE_PERCENTILE: f64 = 95.0;

/// The `⌈(n + 1)(1 - alpha)⌉`-th smallest score (Vovk 2005; Angelopoulos 2021).
///
/// # Errors
/// With too few cases the quantile would be beyond the largest score; says how many are needed.
pub fn conformal_quantile(scores: &[f64], alpha: f64) -> Result<f64, TooFewCases> {
    let mut sorted = scores.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let rank = rank(scores.len(), alpha);
    let found = rank.checked_sub(1).and_then(|n| sorted.get(n)).copied();
    found.ok_or(TooFewCases { alpha, cases: scores.len(), needed: cases_needed(alpha) })
}

fn rank(n: usize, alpha: f64) -> usize {
    // (19 + 1)(1 - 0.1) is 18.000000000000004 in floating point.
    ((n as f64 + 1.0) * (1.0 - alpha) - 1e-9).ceil().max(1.0) as usize
}

/// The fewest cases with which an interval of `alpha` exists.
#[must_use]
pub fn cases_needed(alpha: f64) -> usize {
    let alpha = alpha.max(1e-6);
    ((1.0 - alpha) / alpha - 1e-9).ceil().max(1.0) as usize
}

/// Not enough cases for the interval that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error(
    "an interval that misses at most {alpha} of cases needs at least {needed} calibration cases, there are {cases}"
)]
pub struct TooFewCases {
    /// Share of cases that may be missed.
    pub alpha: f64,
    /// Cases that were there.
    pub cases: usize,
    /// Cases that are needed.
    pub needed: usize,
}

/// One case's score: the [`CASE_PERCENTILE`]th percentile of `|y - ŷ| / σ̂` (or `|y - ŷ|` without `std`), over the
/// voxels that are finite in all of them and where `inside` holds. One score a case, for the voxels of a case are no
/// independent draws. `None` when no voxel takes part.
#[must_use]
pub fn case_score(truth: &[f32], found: &[f32], std: Option<&[f32]>, inside: impl Fn(usize) -> bool) -> Option<f64> {
    let mut residuals = residuals(truth, found, std, inside);
    if residuals.is_empty() {
        return None;
    }
    residuals.sort_unstable_by(f64::total_cmp);
    let place = CASE_PERCENTILE / 100.0 * (residuals.len() - 1) as f64;
    let (low, high) = (residuals[place as usize], residuals[(place as usize + 1).min(residuals.len() - 1)]);
    Some(low + (high - low) * place.fract())
}

/// The share of a case's voxels within the interval of a quantile.
#[must_use]
pub fn voxel_coverage(
    truth: &[f32],
    found: &[f32],
    std: Option<&[f32]>,
    quantile: f64,
    inside: impl Fn(usize) -> bool,
) -> Option<f64> {
    let residuals = residuals(truth, found, std, inside);
    let covered = residuals.iter().filter(|r| **r <= quantile).count();
    (!residuals.is_empty()).then(|| covered as f64 / residuals.len() as f64)
}

fn residuals(truth: &[f32], found: &[f32], std: Option<&[f32]>, inside: impl Fn(usize) -> bool) -> Vec<f64> {
    (0..truth.len().min(found.len()))
        .filter(|n| inside(*n))
        .filter_map(|n| {
            let residual = f64::from((truth[n] - found[n]).abs());
            let scaled = match std {
                // Where the repeats agree exactly, any error is beyond every interval.
                Some(std) => residual / f64::from(*std.get(n)?).max(1e-12),
                None => residual,
            };
            scaled.is_finite().then_some(scaled)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected: numpy.quantile(method="inverted_cdf") at ⌈(n+1)(1-α)⌉/n and numpy.percentile
    /// (`tests/expected/make_calibration.py`).
    #[test]
    fn quantiles_and_scores_are_numpys() {
        let all: serde_json::Value =
            serde_json::from_str(include_str!("../../../tests/expected/calibration.json")).unwrap();
        let numbers =
            |v: &serde_json::Value| -> Vec<f64> { v.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect() };
        for case in all["conformal"].as_array().unwrap() {
            let found = conformal_quantile(&numbers(&case["scores"]), case["alpha"].as_f64().unwrap()).unwrap();
            assert!((found - case["quantile"].as_f64().unwrap()).abs() < 1e-12, "{found}");
        }
        let case = &all["case_score"];
        let floats = |key: &str| -> Vec<f32> { numbers(&case[key]).iter().map(|x| *x as f32).collect() };
        let (truth, found, std) = (floats("truth"), floats("found"), floats("std"));
        for (std, key) in [(None, "absolute"), (Some(std.as_slice()), "scaled")] {
            let score = case_score(&truth, &found, std, |_| true).unwrap();
            assert!((score - case[key].as_f64().unwrap()).abs() < 1e-5, "{key} {score}");
        }
    }

    #[test]
    fn too_few_cases_are_refused_with_the_number_that_is_needed() {
        assert_eq!([0.1, 0.05, 0.2, 0.5].map(cases_needed), [9, 19, 4, 1]);
        for alpha in [0.1, 0.05, 0.2, 0.5] {
            let n = cases_needed(alpha);
            let scores: Vec<f64> = (0..n).map(|x| x as f64).collect();
            assert_eq!(conformal_quantile(&scores, alpha).unwrap(), (n - 1) as f64);
            let e = conformal_quantile(&scores[..n - 1], alpha).unwrap_err();
            assert!(e.to_string().contains(&format!("at least {n} calibration cases")), "{e}");
        }
    }

    #[test]
    fn coverage_counts_the_voxels_within() {
        let covered = voxel_coverage(&[0.0, 1.0, 2.0, f32::NAN], &[0.0; 4], None, 1.0, |_| true);
        assert_eq!(covered, Some(2.0 / 3.0));
        assert_eq!(voxel_coverage(&[0.0], &[0.0], None, 1.0, |_| false), None);
        assert_eq!(case_score(&[], &[], None, |_| true), None);
    }
}
