//! In which order truths follow each other in a list: mixed evenly over its quarters, and never too many in a row.

use super::draws::Draws;

/// Which quarter a place of a list of `total` lies in, 0 to 3.
pub(super) fn quarter(place: usize, total: usize) -> usize {
    place * 4 / total.max(1)
}

/// Labels `0..counts.len()`, each as often as its count, at random.
///
/// Each quarter gets as even a share of each label as its length allows. With `max_run`, no label stands more often
/// in a row; the share of a quarter gives way to that.
///
/// `None` when no order keeps `max_run`.
pub(super) fn label_sequence(counts: &[usize], max_run: Option<usize>, draws: &mut Draws) -> Option<Vec<usize>> {
    let total: usize = counts.iter().sum();
    let limit = max_run.unwrap_or(total.max(1));
    let mut left = counts.to_vec();
    let mut sequence: Vec<usize> = Vec::with_capacity(total);
    let mut run = 0;
    for at in 0..4 {
        let size = (0..total).filter(|place| quarter(*place, total) == at).count();
        let mut quota = quota(counts, &left, at, size, draws);
        for _ in 0..size {
            let last = sequence.last().copied();
            let possible = |label: usize| {
                let after = if last == Some(label) { run + 1 } else { 1 };
                after <= limit && can_go_on(&left, label, after, limit)
            };
            let candidates: Vec<usize> = (0..counts.len()).filter(|label| possible(*label)).collect();
            let wanted = |of: &[usize]| -> Vec<usize> {
                let tickets = candidates.iter().filter_map(|label| Some((*label, *of.get(*label)?)));
                tickets.flat_map(|(label, times)| std::iter::repeat_n(label, times)).collect()
            };
            let mut tickets = wanted(&quota);
            if tickets.is_empty() {
                tickets = wanted(&left);
            }
            let label = draws.take(&mut tickets)?;
            run = if last == Some(label) { run + 1 } else { 1 };
            sequence.push(label);
            for count in [quota.get_mut(label), left.get_mut(label)].into_iter().flatten() {
                *count = count.saturating_sub(1);
            }
        }
    }
    Some(sequence)
}

/// The least limit that some order of these labels keeps.
pub(super) fn least_max_run(counts: &[usize]) -> usize {
    let total: usize = counts.iter().sum();
    counts.iter().map(|count| count.div_ceil(total - count + 1)).max().unwrap_or(0)
}

/// Whether, after `label` is taken and has stood `run` times in a row, the others can still follow within the limit.
fn can_go_on(left: &[usize], label: usize, run: usize, limit: usize) -> bool {
    if left.get(label).is_none_or(|count| *count == 0) {
        return false;
    }
    let total = left.iter().sum::<usize>() - 1;
    left.iter().enumerate().all(|(other, count)| {
        if other == label {
            let rest = total - (count - 1);
            count - 1 <= (limit - run) + limit * rest
        } else {
            *count <= limit * (total - count + 1)
        }
    })
}

/// How many of each label a quarter of `size` places takes: those that lag behind their even share most come first.
fn quota(counts: &[usize], left: &[usize], quarter: usize, size: usize, draws: &mut Draws) -> Vec<usize> {
    let mut quota = vec![0; counts.len()];
    for _ in 0..size {
        let lag = |label: usize| {
            let (all, left) = (counts.get(label)?, left.get(label)?);
            let taken = quota.get(label)?;
            let placed = all - left + taken;
            (left > taken).then_some((quarter as i64 + 1) * *all as i64 - 4 * placed as i64)
        };
        let most = (0..counts.len()).filter_map(lag).max();
        let mut lagging: Vec<usize> = (0..counts.len()).filter(|label| most.is_some() && lag(*label) == most).collect();
        if let Some(taken) = draws.take(&mut lagging).and_then(|label| quota.get_mut(label)) {
            *taken += 1;
        }
    }
    quota
}

#[cfg(test)]
mod tests {
    use super::super::draws::Purpose;
    use super::*;

    fn longest_run(sequence: &[usize]) -> usize {
        sequence.chunk_by(|a, b| a == b).map(<[usize]>::len).max().unwrap_or(0)
    }

    #[test]
    fn labels_are_spread_evenly_over_quarters_but_at_random_inside() {
        let mut draws = Draws::of_study(3, Purpose::Order);
        let mut longest = 0;
        for counts in [vec![20, 20], vec![13, 29], vec![7, 8, 9], vec![40], vec![1, 2], vec![0, 5]] {
            let total: usize = counts.iter().sum();
            for _ in 0..20 {
                let sequence = label_sequence(&counts, None, &mut draws).unwrap();
                longest = longest.max(longest_run(&sequence));
                for (label, count) in counts.iter().enumerate() {
                    assert_eq!(sequence.iter().filter(|l| **l == label).count(), *count);
                    for at in 0..4 {
                        let in_quarter = sequence
                            .iter()
                            .enumerate()
                            .filter(|(place, l)| quarter(*place, total) == at && **l == label)
                            .count();
                        assert!((4 * in_quarter).abs_diff(*count) <= 6, "{counts:?}: {in_quarter} of {count}");
                    }
                }
            }
        }
        assert!(longest > 4, "chance makes longer runs than 4 where none is asked for");
    }

    #[test]
    fn a_limit_is_kept_exactly_when_some_order_keeps_it() {
        let mut draws = Draws::of_study(4, Purpose::Order);
        for a in 0..=9 {
            for b in 0..=9 {
                for c in [0, 1, 3] {
                    let counts = [a, b, c];
                    for limit in 1..=4 {
                        let sequence = label_sequence(&counts, Some(limit), &mut draws);
                        assert_eq!(sequence.is_some(), limit >= least_max_run(&counts), "{counts:?} {limit}");
                        if let Some(sequence) = sequence {
                            assert_eq!(sequence.len(), a + b + c);
                            assert!(longest_run(&sequence) <= limit, "{sequence:?}");
                        }
                    }
                }
            }
        }
    }
}
