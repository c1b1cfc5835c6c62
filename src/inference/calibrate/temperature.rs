//! Temperature scaling: one number that makes probabilities mean what they say (Guo 2017).

use super::Samples;

/// Mean negative log likelihood, nats, of `softmax(z / T)`; 0 without samples.
#[must_use]
pub fn negative_log_likelihood(samples: &Samples, temperature: f64) -> f64 {
    let sum: f64 = samples
        .iter()
        .map(|(logits, label)| {
            let scaled = |z: &f32| f64::from(*z) / temperature;
            let highest = logits.iter().map(scaled).fold(f64::NEG_INFINITY, f64::max);
            let total: f64 = logits.iter().map(|z| (scaled(z) - highest).exp()).sum();
            highest + total.ln() - logits.get(label).map_or(0.0, scaled)
        })
        .sum();
    sum / samples.len().max(1) as f64
}

/// Lowest and highest temperature that is looked for; a best one at an end means that one number cannot mend it.
pub const RANGE: [f64; 2] = [0.05, 20.0];

/// The temperature of least negative log likelihood, by golden-section search over `ln T`: the likelihood is convex in
/// `1 / T`, so there is one minimum. `None` without samples.
#[must_use]
pub fn fit_temperature(samples: &Samples) -> Option<f64> {
    if samples.is_empty() {
        return None;
    }
    let loss = |ln_t: f64| negative_log_likelihood(samples, ln_t.exp());
    let golden = (5.0_f64.sqrt() - 1.0) / 2.0;
    let [mut low, mut high] = RANGE.map(f64::ln);
    let (mut a, mut b) = (high - golden * (high - low), low + golden * (high - low));
    let (mut fa, mut fb) = (loss(a), loss(b));
    while high - low > 1e-6 {
        if fa <= fb {
            (high, b, fb) = (b, a, fa);
            a = high - golden * (high - low);
            fa = loss(a);
        } else {
            (low, a, fa) = (a, b, fb);
            b = low + golden * (high - low);
            fb = loss(b);
        }
    }
    Some(f64::midpoint(low, high).exp())
}

/// Expected calibration error: how far confidence and accuracy lie apart, over bins of equal width of the highest
/// probability, each weighted by its share of the voxels (Guo 2017 uses 15 bins). 0 without samples.
#[must_use]
pub fn expected_calibration_error(samples: &Samples, temperature: f64, bins: usize) -> f64 {
    // Count, sum of confidences, number right.
    let mut table = vec![(0.0_f64, 0.0_f64, 0.0_f64); bins.max(1)];
    for (logits, label) in samples.iter() {
        let best = (0..logits.len()).fold(0, |best, c| if logits[c] > logits[best] { c } else { best });
        let highest = logits.get(best).copied().unwrap_or(0.0);
        let total: f64 = logits.iter().map(|z| ((f64::from(*z) - f64::from(highest)) / temperature).exp()).sum();
        let confidence = 1.0 / total;
        // Bins are open below and closed above.
        let bin = ((confidence * bins as f64).ceil() as usize).clamp(1, bins.max(1)) - 1;
        if let Some((n, sum, right)) = table.get_mut(bin) {
            *n += 1.0;
            *sum += confidence;
            *right += f64::from(u8::from(best == label));
        }
    }
    let gap: f64 = table.iter().map(|(_, sum, right)| (sum - right).abs()).sum();
    gap / samples.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected: scipy.optimize.minimize_scalar and numpy (`tests/expected/make_calibration.py`).
    #[test]
    fn temperature_and_errors_are_scipys() {
        let all: serde_json::Value =
            serde_json::from_str(include_str!("../../../tests/expected/calibration.json")).unwrap();
        for case in all["temperature"].as_array().unwrap() {
            let mut samples = Samples::new(case["classes"].as_u64().unwrap() as usize);
            for (row, label) in case["logits"].as_array().unwrap().iter().zip(case["labels"].as_array().unwrap()) {
                let row: Vec<f32> = row.as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect();
                samples.push(&row, label.as_u64().unwrap() as usize);
            }
            let close = |found: f64, key: &str, tolerance: f64| {
                let expected = case[key].as_f64().unwrap();
                assert!((found - expected).abs() < tolerance, "{key}: {found} {expected}");
            };
            let t = fit_temperature(&samples).unwrap();
            close(t, "best", 1e-3);
            close(negative_log_likelihood(&samples, 1.0), "nll_before", 1e-6);
            close(negative_log_likelihood(&samples, t), "nll_after", 1e-6);
            close(expected_calibration_error(&samples, 1.0, 15), "ece_before", 1e-6);
            close(expected_calibration_error(&samples, case["best"].as_f64().unwrap(), 15), "ece_after", 1e-6);
        }
    }

    #[test]
    fn nothing_gives_nothing() {
        let none = Samples::new(3);
        assert_eq!(fit_temperature(&none), None);
        assert_eq!(expected_calibration_error(&none, 1.0, 15), 0.0);
    }
}
