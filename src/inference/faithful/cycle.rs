//! A cycle: the source made again out of the synthetic image.

use rayon::prelude::*;

use super::super::manifest::schema::Normalize;
use super::super::normalize::normalize;
use super::super::result::{Faithfulness, FaithfulnessKind, OutputContent};
use super::{InferenceError, Pair, graphs, summary};
use crate::volume::Unit;

/// The absolute difference of the source and what the second model makes of the synthetic image, both normalised as the
/// first model normalises its source, over the voxels where the source has an image: scanners' units have no common
/// scale, and neither have two networks.
pub(super) fn check(pair: &Pair<'_>, name: &str) -> Result<Faithfulness, InferenceError> {
    let second = pair.second(name)?;
    let result = pair.run(&second, &pair.synthetic, "Making the source again")?;
    let again = result.outputs.iter().find_map(|o| match &o.content {
        OutputContent::Image(volume) if o.kind == "image" => Some(volume.clone()),
        _ => None,
    });
    let again = again.ok_or_else(|| InferenceError::NotSupported {
        model: second.title(),
        what: "to close a cycle, for it makes no image: that".into(),
    })?;
    let values = difference(pair.on_grid(&pair.source)?, pair.on_grid(&again)?, &steps(pair));
    let Some([mean, p95, max]) = summary(&values) else {
        let reason = "no voxel of it lies where the synthetic image does".to_owned();
        return Err(InferenceError::BadInput { name: pair.source.name.clone(), reason });
    };
    let unit = "normalised".to_owned();
    let title = FaithfulnessKind::Cycle.title();
    let map = pair.map(format!("{title}, {}", pair.synthetic.name), values, Unit::Named(unit.clone()), &[&result]);
    Ok(Faithfulness {
        kind: FaithfulnessKind::Cycle,
        models: vec![result.model.clone()],
        source: pair.source_name.to_owned(),
        volume: map,
        unit,
        mean,
        p95,
        max,
        labels: Vec::new(),
        graphs: graphs(&[&result]),
    })
}

/// The first model's normalisation; a z-score where it has none.
fn steps(pair: &Pair<'_>) -> Vec<Normalize> {
    let steps = &pair.model.manifest.preprocess.normalize;
    if steps.is_empty() { vec![Normalize::Zscore { nonzero: false }] } else { steps.clone() }
}

fn difference(mut source: Vec<f32>, mut again: Vec<f32>, steps: &[Normalize]) -> Vec<f32> {
    let nonzero = steps
        .iter()
        .any(|s| matches!(s, Normalize::Zscore { nonzero: true } | Normalize::ClipPercentile { nonzero: true, .. }));
    // Where the source has no image the network was free to write anything.
    for (a, b) in source.iter_mut().zip(&mut again) {
        if !a.is_finite() || !b.is_finite() || nonzero && *a == 0.0 {
            (*a, *b) = (f32::NAN, f32::NAN);
        }
    }
    normalize(&mut source, steps);
    normalize(&mut again, steps);
    source.par_iter_mut().zip(&again).for_each(|(a, b)| *a = (*a - b).abs());
    source
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_of_the_second_network_does_not_count_and_background_takes_no_part() {
        let source = vec![0.0, 1.0, 2.0, 3.0, f32::NAN];
        // Another scale, and something in the background.
        let again = vec![90.0, 110.0, 120.0, 130.0, 5.0];
        let d = difference(source.clone(), again, &[Normalize::Zscore { nonzero: true }]);
        assert!(d[0].is_nan() && d[4].is_nan());
        assert!(d[1..4].iter().all(|x| x.abs() < 1e-5), "{d:?}");
        // By hand: 1, 2, 3 and 1, 2, 2 as z-scores are -1.2247, 0, 1.2247 and -1.4142, 0.7071, 0.7071.
        let d = difference(source, vec![0.0, 1.0, 2.0, 2.0, 0.0], &[Normalize::Zscore { nonzero: true }]);
        for (found, expected) in d[1..4].iter().zip([0.1895, std::f32::consts::FRAC_1_SQRT_2, 0.5176]) {
            assert!((found - expected).abs() < 1e-4, "{d:?}");
        }
    }
}
