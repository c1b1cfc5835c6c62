//! Intensity histograms of normalised inputs, and how far two lie apart.

/// Share of the finite values in each bin of rising edges (one more than bins). Values beyond the edges count in the
/// outermost bins, so that nothing unusual is lost; all 0 where there is no finite value.
#[must_use]
pub fn shares(values: &[f32], edges: &[f64]) -> Vec<f64> {
    let bins = edges.len().saturating_sub(1);
    let mut counts = vec![0_u64; bins];
    let mut total = 0_u64;
    for x in values.iter().filter(|x| x.is_finite()) {
        let above = edges.partition_point(|e| *e <= f64::from(*x));
        if let Some(count) = counts.get_mut(above.saturating_sub(1).min(bins.saturating_sub(1))) {
            *count += 1;
            total += 1;
        }
    }
    counts.iter().map(|c| if total > 0 { *c as f64 / total as f64 } else { 0.0 }).collect()
}

/// The finite values that are not background: above `share` of the way from the lowest (0.5th percentile) to the brightest
/// (99.5th). How the air around a patient was stored, as 0, as noise or as -1024, says nothing of the patient. Empty for an
/// image without contrast.
#[must_use]
pub fn foreground(values: &[f32], share: f64) -> Vec<f32> {
    let ends = quantiles(values, &[0.5, 99.5]);
    let &[low, high] = ends.as_slice() else { return Vec::new() };
    let threshold = (low + (high - low) * share) as f32;
    if high > low { values.iter().copied().filter(|x| x.is_finite() && *x > threshold).collect() } else { Vec::new() }
}

/// The first Wasserstein distance (earth mover's) of two histograms over the same edges, in the unit of the edges:
/// the mean way by which a voxel's value has to be moved, `Σ |P_k - Q_k|` times the distance of neighbouring bin
/// centres. A shift of all intensities counts by its size, which the total variation would not show.
#[must_use]
pub fn wasserstein(p: &[f64], q: &[f64], edges: &[f64]) -> f64 {
    let centres: Vec<f64> = edges.windows(2).map(|w| f64::midpoint(w[0], w[1])).collect();
    let (mut cp, mut cq) = (0.0, 0.0);
    centres
        .windows(2)
        .zip(p.iter().zip(q))
        .map(|(c, (a, b))| {
            cp += a;
            cq += b;
            (cp - cq).abs() * (c[1] - c[0])
        })
        .sum()
}

/// Percentiles (0 to 100) of the finite values, with numpy's linear interpolation; empty where there are none.
#[must_use]
pub fn quantiles(values: &[f32], levels: &[f64]) -> Vec<f64> {
    let mut sorted: Vec<f32> = values.iter().copied().filter(|x| x.is_finite()).collect();
    if sorted.is_empty() {
        return Vec::new();
    }
    sorted.sort_unstable_by(f32::total_cmp);
    let last = sorted.len() - 1;
    let at = |level: &f64| {
        let place = (level / 100.0).clamp(0.0, 1.0) * last as f64;
        let low = place as usize;
        let (a, b) = (f64::from(sorted[low]), f64::from(sorted[(low + 1).min(last)]));
        a + (b - a) * place.fract()
    };
    levels.iter().map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn air_stored_as_nothing_or_as_noise_does_not_count() {
        let head = (0..500).map(|n| 0.3 + n as f32 / 1000.0);
        let with = |air: &dyn Fn(usize) -> f32| -> Vec<f32> { (0..500).map(air).chain(head.clone()).collect() };
        let black = foreground(&with(&|_| 0.0), 0.1);
        let noisy = foreground(&with(&|n| (n % 5) as f32 / 100.0), 0.1);
        assert_eq!(black, noisy);
        assert_eq!(black.len(), 500);
        assert!(foreground(&[1.0; 9], 0.1).is_empty() && foreground(&[f32::NAN], 0.1).is_empty());
    }

    /// Expected: numpy.histogram, scipy.stats.wasserstein_distance, numpy.percentile (`tests/expected/make_guard.py`).
    #[test]
    fn numbers_are_numpys_and_scipys() {
        let case: serde_json::Value = serde_json::from_str(include_str!("../../../tests/expected/guard.json")).unwrap();
        let numbers =
            |key: &str| -> Vec<f64> { case[key].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect() };
        let values: Vec<f32> = numbers("values").iter().map(|x| *x as f32).collect();
        let edges = numbers("edges");
        let found = shares(&values, &edges);
        let close = |a: &[f64], b: &[f64]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9);
        assert!(close(&found, &numbers("shares")), "{found:?}");
        let distance = wasserstein(&found, &numbers("mean"), &edges);
        assert!((distance - case["wasserstein"].as_f64().unwrap()).abs() < 1e-9, "{distance}");
        let found = quantiles(&values, &numbers("levels"));
        assert!(found.iter().zip(numbers("quantiles")).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?}");
    }

    #[test]
    fn a_shift_costs_its_size_and_strange_values_count_outside() {
        let edges = [0.0, 1.0, 2.0, 3.0];
        assert_eq!(shares(&[-5.0, 0.5, 1.0, 99.0, f32::NAN], &edges), [0.5, 0.25, 0.25]);
        assert_eq!(wasserstein(&[1.0, 0.0, 0.0], &[0.0, 0.0, 1.0], &edges), 2.0);
        assert_eq!(shares(&[], &edges), [0.0; 3]);
        assert!(quantiles(&[], &[50.0]).is_empty());
    }
}
