//! Which timesteps a run of fewer steps than the training's visits, from the noisiest on.

use super::schedule::linspace;
use crate::inference::manifest::schema::TimestepSpacing;

/// `steps` of the timesteps `0..train_steps`, falling.
///
/// - leading: `i * (T / steps)` with a whole quotient (MONAI 1.5, DDIM's own code): ends at 0
/// - trailing: `round(T - i * T / steps) - 1` (Lin 2023, arXiv 2305.08891): begins at `T - 1`
/// - linspace: `round(linspace(T - 1, 0, steps))`, half to even (MONAI 1.6): begins at `T - 1`, ends at 0
#[must_use]
pub fn visited(spacing: TimestepSpacing, steps: usize, train_steps: usize) -> Vec<usize> {
    let total = train_steps as f64;
    match spacing {
        TimestepSpacing::Leading => {
            let ratio = train_steps / steps.max(1);
            (0..steps).rev().map(|i| i * ratio).collect()
        }
        TimestepSpacing::Trailing => (0..steps)
            .map(|i| ((total - i as f64 * total / steps as f64).round_ties_even() as usize).saturating_sub(1))
            .collect(),
        TimestepSpacing::Linspace => {
            linspace(total - 1.0, 0.0, steps).map(|t| t.round_ties_even().max(0.0) as usize).collect()
        }
    }
}

/// Of a rectified flow, whose time is continuous: `(1 - i / steps) * T`.
#[must_use]
pub fn visited_by_flow(steps: usize, train_steps: usize) -> Vec<f64> {
    (0..steps).map(|i| (1.0 - i as f64 / steps as f64) * train_steps as f64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_spacing_begins_and_ends_where_its_source_says() {
        let ends = |spacing, steps| {
            let list = visited(spacing, steps, 1000);
            assert_eq!(list.len(), steps);
            assert!(list.windows(2).all(|p| p[0] > p[1]), "{spacing:?} {steps}");
            (list[0], list[1], list[steps - 1])
        };
        assert_eq!(ends(TimestepSpacing::Leading, 50), (980, 960, 0));
        assert_eq!(ends(TimestepSpacing::Trailing, 50), (999, 979, 19));
        assert_eq!(ends(TimestepSpacing::Linspace, 50), (999, 979, 0));
        for spacing in [TimestepSpacing::Leading, TimestepSpacing::Trailing, TimestepSpacing::Linspace] {
            assert_eq!(ends(spacing, 1000), (999, 998, 0));
            assert_eq!(visited(spacing, 1, 1000), [if spacing == TimestepSpacing::Leading { 0 } else { 999 }]);
        }
        // 1000 is no multiple of 30: the whole quotient is 33.
        assert_eq!(ends(TimestepSpacing::Leading, 30), (957, 924, 0));
    }

    /// Expected: MONAI 1.6.1, `DDIMScheduler.set_timesteps` and `RFlowScheduler.set_timesteps`.
    #[test]
    fn lists_equal_monais() {
        let expected: serde_json::Value =
            serde_json::from_str(include_str!("../../../tests/expected/schedulers.json")).unwrap();
        for case in expected["timesteps"].as_array().unwrap() {
            let list: Vec<f64> = serde_json::from_value(case["list"].clone()).unwrap();
            let found: Vec<f64> = if case["scheduler"] == "rflow" {
                visited_by_flow(list.len(), 1000)
            } else {
                visited(TimestepSpacing::Linspace, list.len(), 1000).iter().map(|t| *t as f64).collect()
            };
            for (a, b) in found.iter().zip(&list) {
                assert!((a - b).abs() < 1e-9, "{case}");
            }
        }
    }
}
