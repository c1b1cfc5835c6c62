//! The Mann-Whitney test: whether one group tends to score above another.

use serde::Serialize;

use crate::reader_study::analysis::distribution::normal_two_sided;

/// The test, from the normal distribution.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RankSum {
    /// Pairs in which the first group is higher, ties counting half.
    pub u: f64,
    /// Its variance if both groups are alike, corrected for ties.
    pub variance: f64,
    /// Two-sided, with a continuity correction of one half; none when all scores are equal or a group is empty.
    pub p: Option<f64>,
}

/// Compares two groups of scores that are numbers (Mann and Whitney 1947); as scipy's `mannwhitneyu` with
/// `method="asymptotic"`.
#[must_use]
pub fn rank_sum(first: &[f64], second: &[f64]) -> RankSum {
    let mut all: Vec<(f64, bool)> = first.iter().map(|s| (*s, true)).collect();
    all.extend(second.iter().map(|s| (*s, false)));
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut below, mut u, mut ties) = (0_usize, 0.0, 0.0);
    for tied in all.chunk_by(|a, b| a.0 == b.0) {
        let firsts = tied.iter().filter(|(_, first)| *first).count();
        let seconds = tied.len() - firsts;
        u += firsts as f64 * (below as f64 + seconds as f64 / 2.0);
        below += seconds;
        let t = tied.len() as f64;
        ties += t * t * t - t;
    }
    let (n1, n2) = (first.len() as f64, second.len() as f64);
    let n = n1 + n2;
    let spread = if n > 1.0 { n + 1.0 - ties / (n * (n - 1.0)) } else { 0.0 };
    let variance = n1 * n2 / 12.0 * spread;
    let apart = (u - n1 * n2 / 2.0).abs() - 0.5;
    // A rest of rounding is no spread.
    let p = (spread > 1e-9 && variance > 0.0).then(|| normal_two_sided(apart.max(0.0) / variance.sqrt()));
    RankSum { u, variance, p }
}
