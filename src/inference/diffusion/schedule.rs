//! How noise grows: betas, and the share of the signal that is left.
//!
//! Definitions: MONAI 1.6.1, `monai/networks/schedulers/scheduler.py`; Ho 2020 (arXiv 2006.11239), Nichol 2021 (arXiv
//! 2102.09672) for the cosine.

use std::f64::consts::FRAC_PI_2;

use crate::inference::manifest::schema::Schedule;

/// The sigmoid schedule runs from minus to plus this.
const SIGMOID_RANGE: f64 = 6.0;

/// The cosine schedule's offset: keeps the first betas from vanishing.
const COSINE_OFFSET: f64 = 8e-3;

/// Variance of the noise that each of `train_steps` timesteps adds; `beta` is its first and last value, which the
/// cosine does not use.
#[must_use]
pub fn betas(schedule: Schedule, beta: [f64; 2], train_steps: usize) -> Vec<f64> {
    let [first, last] = beta;
    match schedule {
        Schedule::Linear => linspace(first, last, train_steps).collect(),
        Schedule::ScaledLinear => linspace(first.sqrt(), last.sqrt(), train_steps).map(|root| root * root).collect(),
        Schedule::Sigmoid => linspace(-SIGMOID_RANGE, SIGMOID_RANGE, train_steps)
            .map(|x| (last - first) / (1.0 + (-x).exp()) + first)
            .collect(),
        Schedule::Cosine => {
            let left = |t: usize| {
                let share = t as f64 / train_steps as f64;
                ((share + COSINE_OFFSET) / (1.0 + COSINE_OFFSET) * FRAC_PI_2).cos().powi(2)
            };
            (0..train_steps).map(|t| (1.0 - left(t + 1) / left(t)).clamp(0.0, 0.999)).collect()
        }
    }
}

/// `Π (1 - beta)` up to and with each timestep: the variance of the signal that is left (alpha with a bar).
#[must_use]
pub fn cumulated_alphas(betas: &[f64]) -> Vec<f64> {
    betas
        .iter()
        .scan(1.0, |left, beta| {
            *left *= 1.0 - beta;
            Some(*left)
        })
        .collect()
}

/// `n` numbers from `first` to `last`, both with them; one number is the first.
pub(super) fn linspace(first: f64, last: f64, n: usize) -> impl Iterator<Item = f64> {
    let step = (last - first) / n.saturating_sub(1).max(1) as f64;
    (0..n).map(move |i| first + step * i as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected: MONAI's schedulers in double precision (`tests/expected/make_schedulers.py`).
    #[test]
    fn betas_and_what_is_left_equal_monais() {
        let expected: serde_json::Value =
            serde_json::from_str(include_str!("../../../tests/expected/schedulers.json")).unwrap();
        for case in expected["schedules"].as_array().unwrap() {
            let schedule = serde_json::from_value(case["schedule"].clone()).unwrap();
            let beta = serde_json::from_value(case["beta"].clone()).unwrap();
            let betas = betas(schedule, beta, 1000);
            let left = cumulated_alphas(&betas);
            for row in case["at"].as_array().unwrap() {
                let t = row[0].as_u64().unwrap() as usize;
                for (found, expected) in [(betas[t], &row[1]), (left[t], &row[2])] {
                    let expected = expected.as_f64().unwrap();
                    assert!((found - expected).abs() <= 1e-9 * expected, "{schedule:?} {t}: {found} {expected}");
                }
            }
        }
    }

    /// Expected: measured with MONAI in single precision when the field was surveyed.
    #[test]
    fn the_last_timestep_keeps_the_known_share_of_the_signal() {
        let usual = [1e-4, 2e-2];
        for (schedule, beta, t, expected) in [
            (Schedule::Linear, usual, 999, 4.04e-5),
            (Schedule::ScaledLinear, usual, 999, 7.33e-4),
            (Schedule::ScaledLinear, [0.0015, 0.0195], 999, 1.42e-4),
            (Schedule::Cosine, usual, 999, 2.43e-9),
            (Schedule::Linear, usual, 249, 0.5241),
        ] {
            let found = cumulated_alphas(&betas(schedule, beta, 1000))[t];
            assert!((found / expected - 1.0).abs() < 4e-3, "{schedule:?}: {found} {expected}");
        }
    }
}
