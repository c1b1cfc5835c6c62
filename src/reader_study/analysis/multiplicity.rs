//! Many p values at once: adjusted ones, in the order given.

/// Adjusted p values after Holm 1979; they hold the chance of any false rejection.
#[must_use]
pub fn holm(p: &[f64]) -> Vec<f64> {
    let m = p.len();
    let mut running = 0.0_f64;
    in_order(p, |rank, p| {
        running = running.max((m - rank) as f64 * p);
        running.min(1.0)
    })
}

/// Adjusted p values after Hochberg 1988; for independent or positively dependent tests.
#[must_use]
pub fn hochberg(p: &[f64]) -> Vec<f64> {
    let m = p.len();
    step_up(p, |rank, p| (m - rank) as f64 * p)
}

/// Adjusted p values after Benjamini and Hochberg 1995; they hold the share of false ones among the rejections.
#[must_use]
pub fn benjamini_hochberg(p: &[f64]) -> Vec<f64> {
    let m = p.len();
    step_up(p, |rank, p| m as f64 / (rank + 1) as f64 * p)
}

/// Every p value times their number, at most 1.
#[must_use]
pub fn bonferroni(p: &[f64]) -> Vec<f64> {
    p.iter().map(|one| (one * p.len() as f64).min(1.0)).collect()
}

/// Runs from the highest p down with a running minimum.
fn step_up(p: &[f64], adjusted: impl Fn(usize, f64) -> f64) -> Vec<f64> {
    let mut rising = p.to_vec();
    rising.sort_by(f64::total_cmp);
    let mut running = 1.0_f64;
    let mut by_rank: Vec<f64> = rising
        .iter()
        .enumerate()
        .rev()
        .map(|(rank, p)| {
            running = running.min(adjusted(rank, *p));
            running
        })
        .collect();
    by_rank.reverse();
    in_order(p, |rank, _| by_rank.get(rank).copied().unwrap_or(f64::NAN))
}

/// Calls `adjusted` with rank (from 0) and value from the lowest p up; the results in the order of `p`.
fn in_order(p: &[f64], mut adjusted: impl FnMut(usize, f64) -> f64) -> Vec<f64> {
    let mut order: Vec<(usize, f64)> = p.iter().copied().enumerate().collect();
    order.sort_by(|a, b| a.1.total_cmp(&b.1));
    let mut results: Vec<(usize, f64)> =
        order.iter().enumerate().map(|(rank, (at, p))| (*at, adjusted(rank, *p))).collect();
    results.sort_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, p)| p).collect()
}
