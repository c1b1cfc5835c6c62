//! Whether groups differ, by ranks: Mann-Whitney for two, Kruskal-Wallis for more.

use serde::Serialize;

use crate::reader_study::analysis::distribution::{chi_squared_upper, normal_two_sided};

/// A test of groups.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct GroupTest {
    /// `mann_whitney_exact`, `mann_whitney` (normal, corrected for ties and continuity), `kruskal_wallis` (chi-squared, corrected for ties).
    pub name: &'static str,
    /// U of the first group, or H.
    pub statistic: f64,
    /// Two-sided.
    pub p: f64,
}

/// Tests whether groups differ: two by Mann and Whitney 1947, more by Kruskal and Wallis 1952. `None` with fewer than two groups,
/// an empty one, or when all values are equal.
#[must_use]
pub fn groups_differ(groups: &[Vec<f64>]) -> Option<GroupTest> {
    if groups.len() < 2 || groups.iter().any(Vec::is_empty) || groups.iter().flatten().any(|v| !v.is_finite()) {
        return None;
    }
    let ranked = Ranked::of(groups);
    match (groups, ranked.sums.as_slice()) {
        ([first, second], [sum, _]) => mann_whitney(first.len(), second.len(), *sum, ranked.ties),
        _ => kruskal_wallis(groups, &ranked),
    }
}

/// Ranks over all groups, ties sharing their mean.
struct Ranked {
    /// Sum of the ranks of each group.
    sums: Vec<f64>,
    /// Sum of `t^3 - t` over the ties.
    ties: f64,
}

impl Ranked {
    fn of(groups: &[Vec<f64>]) -> Self {
        let mut values: Vec<(f64, usize)> =
            groups.iter().enumerate().flat_map(|(at, g)| g.iter().map(move |v| (*v, at))).collect();
        values.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut ranked = Self { sums: vec![0.0; groups.len()], ties: 0.0 };
        let mut before = 0;
        for tied in values.chunk_by(|a, b| a.0 == b.0) {
            let t = tied.len() as f64;
            let rank = before as f64 + (t + 1.0) / 2.0;
            for (_, at) in tied {
                ranked.sums[*at] += rank;
            }
            ranked.ties += t * t * t - t;
            before += tied.len();
        }
        ranked
    }
}

/// Exact where it is feasible: without ties and with a group of at most 8, as scipy does, while the other has at most 500.
fn mann_whitney(n1: usize, n2: usize, rank_sum: f64, ties: f64) -> Option<GroupTest> {
    let (a, b) = (n1 as f64, n2 as f64);
    let u = rank_sum - a * (a + 1.0) / 2.0;
    let larger = u.max(a * b - u);
    if ties == 0.0 && n1.min(n2) <= 8 && n1.max(n2) <= 500 {
        let p = (2.0 * exact_at_least(larger, n1.min(n2), n1.max(n2))).min(1.0);
        return Some(GroupTest { name: "mann_whitney_exact", statistic: u, p });
    }
    let n = a + b;
    let variance = a * b / 12.0 * ((n + 1.0) - ties / (n * (n - 1.0)));
    if variance <= 0.0 {
        return None;
    }
    let z = (larger - a * b / 2.0 - 0.5) / variance.sqrt();
    // Below the middle the continuity correction would go beyond it.
    let p = if z > 0.0 { normal_two_sided(z) } else { 1.0 };
    Some(GroupTest { name: "mann_whitney", statistic: u, p })
}

/// Probability of `u` or more among all orders of `few` and `many` values: partitions of each number into at most `few` parts of
/// at most `many`, over all of them.
fn exact_at_least(u: f64, few: usize, many: usize) -> f64 {
    let most = few * many;
    // ways[parts][sum], parts of a size added one size at a time.
    let mut ways = vec![vec![0.0_f64; most + 1]; few + 1];
    ways[0][0] = 1.0;
    for size in 1..=many {
        for parts in 1..=few {
            for sum in size..=most {
                let fewer = ways[parts - 1][sum - size];
                ways[parts][sum] += fewer;
            }
        }
    }
    let of_sum = |sum: usize| ways.iter().map(|w| w[sum]).sum::<f64>();
    let all: f64 = (0..=most).map(of_sum).sum();
    (u.ceil() as usize..=most).map(of_sum).sum::<f64>() / all
}

fn kruskal_wallis(groups: &[Vec<f64>], ranked: &Ranked) -> Option<GroupTest> {
    let n = groups.iter().map(Vec::len).sum::<usize>() as f64;
    let squares: f64 = groups.iter().zip(&ranked.sums).map(|(g, sum)| sum * sum / g.len() as f64).sum();
    let untied = 12.0 / (n * (n + 1.0)) * squares - 3.0 * (n + 1.0);
    let correction = 1.0 - ranked.ties / (n * n * n - n);
    if correction <= 0.0 {
        return None;
    }
    let h = untied / correction;
    let p = chi_squared_upper(h, groups.len() as f64 - 1.0);
    Some(GroupTest { name: "kruskal_wallis", statistic: h, p })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_tested_has_no_p() {
        assert_eq!(groups_differ(&[vec![1.0]]), None);
        assert_eq!(groups_differ(&[vec![1.0], vec![]]), None);
        assert_eq!(groups_differ(&[vec![1.0, 1.0], vec![1.0]]), None);
        assert_eq!(groups_differ(&[vec![1.0], vec![1.0], vec![1.0]]), None);
    }

    #[test]
    fn the_order_of_the_groups_changes_nothing() {
        let [a, b] = [vec![1.0, 4.0, 6.5], vec![2.0, 3.0, 8.0, 9.0]];
        let p = |groups: &[Vec<f64>]| groups_differ(groups).unwrap().p;
        assert_eq!(p(&[a.clone(), b.clone()]), p(&[b.clone(), a.clone()]));
        let c = vec![5.0];
        assert!((p(&[a.clone(), b.clone(), c.clone()]) - p(&[c, a, b])).abs() < 1e-15);
    }
}
