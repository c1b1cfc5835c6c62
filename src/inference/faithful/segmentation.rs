//! Structures of the source and of the synthetic image.

use std::sync::Arc;

use rayon::prelude::*;

use super::super::engine::RunResult;
use super::super::manifest::schema::SecondSegmentation;
use super::super::result::{Faithfulness, FaithfulnessKind, LabelAgreement, LabelProbability, Output, OutputContent};
use super::{InferenceError, Pair, graphs, summary};
use crate::volume::labelmap::Labelmap;
use crate::volume::resample::sample_label;
use crate::volume::{Unit, Volume, VoxelPoint};

/// Segments both and compares: the Hellinger distance of the class probabilities where both give them, else 1 where the
/// labels differ; and Dice for each label. Labels are matched by their names.
pub(super) fn check(pair: &Pair<'_>, names: &SecondSegmentation) -> Result<Faithfulness, InferenceError> {
    let of_source = pair.second(names.of_source())?;
    let of_synthetic = pair.second(names.of_synthetic())?;
    let first = pair.run(&of_source, &pair.source, "Segmenting the source")?;
    let second = pair.run(&of_synthetic, &pair.synthetic, "Segmenting what was made")?;
    let (a, b) = (labels_of(&first)?, labels_of(&second)?);
    let (source, synthetic) = (a.1, b.1);
    let labels = agreement(source, synthetic);
    let (values, unit) = match hellinger(pair, &a.0.probabilities, &b.0.probabilities)? {
        Some(values) => (values, "Hellinger distance"),
        None => (differing(source, synthetic), "labels differ"),
    };
    let Some([mean, p95, max]) = summary(&values) else {
        let reason = "it has no voxel in common with what was made of it".to_owned();
        return Err(InferenceError::BadInput { name: pair.source.name.clone(), reason });
    };
    let title = FaithfulnessKind::Segmentation.title();
    let mut models = vec![first.model.clone(), second.model.clone()];
    models.dedup();
    let name = format!("{title}, {}", pair.synthetic.name);
    let results: &[&RunResult] = if models.len() == 1 { &[&first] } else { &[&first, &second] };
    Ok(Faithfulness {
        kind: FaithfulnessKind::Segmentation,
        source: pair.source_name.to_owned(),
        volume: pair.map(name, values, Unit::Named(unit.to_owned()), results),
        unit: unit.to_owned(),
        mean,
        p95,
        max,
        labels,
        graphs: graphs(&[&first, &second]),
        models,
    })
}

fn labels_of(result: &RunResult) -> Result<(&Output, &Arc<Labelmap>), InferenceError> {
    let found = result.outputs.iter().find_map(|o| match &o.content {
        OutputContent::Labels(labels) => Some((o, labels)),
        _ => None,
    });
    found.ok_or_else(|| InferenceError::NotSupported {
        model: result.model.clone(),
        what: "to compare structures, for it gives no labels: that".into(),
    })
}

fn name_of(labels: &Labelmap, value: u16) -> Option<&str> {
    labels.labels.iter().find(|l| l.value == value).map(|l| l.name.as_str())
}

/// The label of `other` at each voxel of `grid`, as `grid` numbers it by name; `u16::MAX` for one that it does not have.
fn as_numbered_by(grid: &Labelmap, other: &Labelmap) -> Vec<u16> {
    let number = |value: u16| {
        let name = name_of(other, value);
        grid.labels.iter().find(|l| Some(l.name.as_str()) == name).map_or(u16::MAX, |l| l.value)
    };
    let mut table: Vec<(u16, u16)> = other.labels.iter().map(|l| (l.value, number(l.value))).collect();
    table.push((0, 0));
    let renumbered = |value: u16| table.iter().find(|(from, _)| *from == value).map_or(u16::MAX, |(_, to)| *to);
    let same = grid.geometry.size() == other.geometry.size() && grid.geometry.distance_mm(&other.geometry) < 1e-3;
    let [nx, ny, _] = grid.geometry.size();
    let way = other.geometry.patient_to_voxel() * grid.geometry.voxel_to_patient();
    (0..grid.voxels.len())
        .into_par_iter()
        .map(|i| {
            if same {
                return renumbered(other.voxels[i]);
            }
            let at = glam::DVec3::new((i % nx) as f64, (i / nx % ny) as f64, (i / nx / ny) as f64);
            renumbered(sample_label(other, VoxelPoint(way.transform_point3(at))).unwrap_or(0))
        })
        .collect()
}

/// 1 where the labels differ, on the synthetic image's grid.
fn differing(source: &Labelmap, synthetic: &Labelmap) -> Vec<f32> {
    let other = as_numbered_by(synthetic, source);
    synthetic.voxels.par_iter().zip(other).map(|(a, b)| if *a == b { 0.0 } else { 1.0 }).collect()
}

/// Dice of every label that either has, on the synthetic image's grid.
fn agreement(source: &Labelmap, synthetic: &Labelmap) -> Vec<LabelAgreement> {
    let other = as_numbered_by(synthetic, source);
    let of = |value: u16, name: &str| {
        let (mut a, mut b, mut both) = (0_usize, 0_usize, 0_usize);
        for (x, y) in synthetic.voxels.iter().zip(&other) {
            let (x, y) = (*x == value, *y == value);
            a += usize::from(x);
            b += usize::from(y);
            both += usize::from(x && y);
        }
        let dice = (a + b > 0).then(|| 2.0 * both as f64 / (a + b) as f64);
        LabelAgreement { value, name: name.to_owned(), dice }
    };
    synthetic.labels.iter().filter(|l| l.value > 0).map(|l| of(l.value, &l.name)).collect()
}

/// `sqrt(1 - Σ sqrt(p q))` over background and labels; where labels overlap, the greatest of the labels' own distances.
/// `None` where one of the two gives no probabilities, or other labels.
fn hellinger(
    pair: &Pair<'_>,
    source: &[LabelProbability],
    synthetic: &[LabelProbability],
) -> Result<Option<Vec<f32>>, InferenceError> {
    let matched: Option<Vec<_>> =
        synthetic.iter().map(|s| Some((s, source.iter().find(|o| o.name == s.name)?))).collect();
    let Some(matched) = matched.filter(|m| !m.is_empty() && m.len() == source.len()) else { return Ok(None) };
    let on_grid = |v: &Volume| pair.on_grid(v);
    let mut channels = Vec::new();
    for (a, b) in matched {
        channels.push((on_grid(&a.volume)?, on_grid(&b.volume)?));
    }
    Ok(Some(distance(&channels)))
}

fn distance(channels: &[(Vec<f32>, Vec<f32>)]) -> Vec<f32> {
    let n = channels.first().map_or(0, |(a, _)| a.len());
    let sum = |i: usize, second: bool| channels.iter().map(|(a, b)| if second { b[i] } else { a[i] }).sum::<f32>();
    // Eight bits a probability: that many halves of a step may be too much.
    let room = 1.0 + 0.002 * (channels.len() as f32 + 1.0);
    let overlap = (0..n).into_par_iter().any(|i| sum(i, false) > room || sum(i, true) > room);
    let binary = |p: f32, q: f32| (p * q).sqrt() + ((1.0 - p).max(0.0) * (1.0 - q).max(0.0)).sqrt();
    (0..n)
        .into_par_iter()
        .map(|i| {
            if channels.iter().any(|(a, b)| a[i].is_nan() || b[i].is_nan()) {
                return f32::NAN;
            }
            let likeness = if overlap {
                channels.iter().map(|(a, b)| binary(a[i], b[i])).fold(1.0, f32::min)
            } else {
                let background = ((1.0 - sum(i, false)).max(0.0) * (1.0 - sum(i, true)).max(0.0)).sqrt();
                background + channels.iter().map(|(a, b)| (a[i] * b[i]).sqrt()).sum::<f32>()
            };
            (1.0 - likeness).clamp(0.0, 1.0).sqrt()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected: by hand from the definition; two distributions that share nothing are 1 apart.
    #[test]
    fn the_distance_is_hellingers() {
        let one = |p: f32, q: f32| distance(&[(vec![p], vec![q])])[0];
        assert!(one(0.3, 0.3).abs() < 1e-3);
        assert!((one(1.0, 0.0) - 1.0).abs() < 1e-6);
        // sqrt(1 - (sqrt(0.5 * 0.9) + sqrt(0.5 * 0.1))) = 0.3249
        assert!((one(0.5, 0.9) - 0.324_919).abs() < 1e-4, "{}", one(0.5, 0.9));
        assert!(one(f32::NAN, 0.5).is_nan());
        // Overlapping labels: the one that differs most, not their sum.
        let two = distance(&[(vec![0.9], vec![0.9]), (vec![0.5], vec![0.9])])[0];
        assert!((two - 0.324_919).abs() < 1e-4, "{two}");
    }
}
