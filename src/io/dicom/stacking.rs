//! Slices along one normal to a grid: order, spacing, tilt, gaps.

use std::sync::Arc;

use glam::{DMat4, DVec3};

use super::frame::{Frame, Place};
use super::image_file::ImageFile;
use crate::error::{Warning, WarningCode};
use crate::volume::{Geometry, SlicePositions};

/// One frame of one file.
#[derive(Debug, Clone)]
pub(crate) struct Slice {
    pub(crate) file: Arc<ImageFile>,
    /// Which frame of the file.
    pub(crate) frame: usize,
}

impl Slice {
    /// What its header says.
    pub(crate) fn info(&self) -> &Frame {
        &self.file.frames[self.frame]
    }

    /// Where it lies.
    pub(crate) fn place(&self) -> Option<&Place> {
        self.info().place.as_ref()
    }
}

/// Two gaps between slices differ when they do so by more than this part of the usual gap (and 0.01 mm).
const GAP_TOLERANCE: f64 = 0.03;
/// A step that leans more than this is a tilt, degrees.
const TILT_TOLERANCE_DEGREES: f64 = 0.1;

/// Sorts slices by position along `normal` and collects those at one position.
pub(crate) fn by_position(slices: &[Slice], normal: DVec3) -> Vec<Vec<Slice>> {
    let mut placed: Vec<(f64, Slice)> =
        slices.iter().filter_map(|s| Some((s.place()?.position.dot(normal), s.clone()))).collect();
    placed.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut gaps: Vec<f64> = placed.windows(2).map(|w| w[1].0 - w[0].0).filter(|g| *g > 1e-3).collect();
    let usual = median(&mut gaps).unwrap_or(1.0);
    let same = (0.05 * usual).clamp(1e-4, 0.05);
    let mut positions: Vec<(f64, Vec<Slice>)> = Vec::new();
    for (distance, slice) in placed {
        match positions.last_mut() {
            Some((at, members)) if distance - *at < same => members.push(slice),
            _ => positions.push((distance, vec![slice])),
        }
    }
    positions.into_iter().map(|(_, members)| members).collect()
}

/// The grid of slices, what is unusual about it, and where the slices really lie if it only stands for them.
pub(crate) type Grid = (Geometry, Vec<Warning>, Option<SlicePositions>);

/// The grid of slices that are sorted by position, one at each.
pub(crate) fn grid_of(slices: &[Slice]) -> Result<Grid, String> {
    let (Some(first), Some(last)) = (slices.first(), slices.last()) else {
        return Err("it has no slices".to_owned());
    };
    let format = first.file.format;
    let size = [format.columns, format.rows, slices.len()];
    let (Some(from), Some(to)) = (first.place(), last.place()) else {
        return Err("a slice has no position".to_owned());
    };
    let normal = from.normal();
    let step = if slices.len() > 1 {
        (to.position - from.position) / (slices.len() - 1) as f64
    } else {
        normal * first.info().thickness.unwrap_or(1.0)
    };
    let matrix = DMat4::from_cols(
        (from.row * from.spacing[0]).extend(0.0),
        (from.column * from.spacing[1]).extend(0.0),
        step.extend(0.0),
        from.position.extend(1.0),
    );
    let geometry = Geometry::new(size, matrix).map_err(|e| e.to_string())?;
    let mut warnings = Vec::new();
    let mut positions = None;
    if slices.len() > 1 {
        positions = gap_warnings(slices, normal, &mut warnings);
        lean_warnings(slices, &geometry, step, &mut warnings);
    }
    Ok((geometry, warnings, positions))
}

/// Names gaps; gives the true positions where there are some.
fn gap_warnings(slices: &[Slice], normal: DVec3, warnings: &mut Vec<Warning>) -> Option<SlicePositions> {
    let distances: Vec<f64> = slices.iter().filter_map(|s| Some(s.place()?.position.dot(normal))).collect();
    let gaps: Vec<f64> = distances.windows(2).map(|w| w[1] - w[0]).collect();
    let usual = usual_gap(&gaps);
    let tolerance = (GAP_TOLERANCE * usual).max(0.01);
    let odd: Vec<(usize, f64)> =
        gaps.iter().copied().enumerate().filter(|(_, g)| (g - usual).abs() > tolerance).collect();
    let (at, worst) = odd.iter().copied().max_by(|a, b| (a.1 - usual).abs().total_cmp(&(b.1 - usual).abs()))?;
    let multiple = |gap: f64| (gap / usual).round();
    let all_missing = odd.iter().all(|(_, g)| multiple(*g) >= 2.0 && (g - multiple(*g) * usual).abs() <= 0.1 * usual);
    if all_missing {
        let missing: f64 = odd.iter().map(|(_, g)| multiple(*g) - 1.0).sum();
        let places: Vec<String> = odd.iter().take(5).map(|(at, _)| format!("{}", at + 1)).collect();
        let more = if odd.len() > 5 { " and others" } else { "" };
        let (noun, verb) = if missing > 1.5 { ("slices", "are") } else { ("slice", "is") };
        warnings.push(Warning::new(
            WarningCode::MissingSlices,
            format!(
                "{missing:.0} {noun} {verb} missing (after slice {}{more}, counted from 1): the slices lie {usual:.3} mm \
                 apart, there {worst:.3} mm. Positions are those of the slices; pictures across the gap are not to scale",
                places.join(", ")
            ),
        ));
    } else {
        let low = gaps.iter().copied().fold(f64::INFINITY, f64::min);
        let high = gaps.iter().copied().fold(0.0, f64::max);
        warnings.push(Warning::new(
            WarningCode::UnevenSpacing,
            format!(
                "The distance between slices changes from {low:.3} to {high:.3} mm (most after slice {}); positions are \
                 those of the slices, but pictures across them are not to scale",
                at + 1
            ),
        ));
    }
    SlicePositions::from_distances_mm(&distances)
}

/// The gap that most neighbours have: the median, or the smallest where the median is a multiple of it.
fn usual_gap(gaps: &[f64]) -> f64 {
    let mut sorted = gaps.to_vec();
    let middle = median(&mut sorted).unwrap_or(1.0);
    let least = sorted.first().copied().unwrap_or(middle);
    // With half the slices gone the median is twice the true gap.
    let ratio = middle / least;
    if least > 0.0 && ratio > 1.5 && (ratio - ratio.round()).abs() < 0.05 { least } else { middle }
}

fn lean_warnings(slices: &[Slice], geometry: &Geometry, step: DVec3, warnings: &mut Vec<Warning>) {
    let tilt = geometry.tilt_degrees();
    if tilt > TILT_TOLERANCE_DEGREES {
        warnings.push(Warning::new(
            WarningCode::GantryTilt,
            format!("The stack leans by {tilt:.2} degrees (gantry tilt); reformats shear it back into a true grid"),
        ));
    }
    let Some(origin) = slices.first().and_then(|s| s.place()).map(|p| p.position) else { return };
    let along = step.normalize_or_zero();
    let stray = slices
        .iter()
        .filter_map(|s| Some((s.place()?.position - origin).reject_from_normalized(along).length()))
        .fold(0.0, f64::max);
    let pixel = geometry.spacing_mm()[0].min(geometry.spacing_mm()[1]);
    if stray > (0.5 * pixel).max(0.05) {
        warnings.push(Warning::new(
            WarningCode::Other,
            format!("The slices are shifted sideways by up to {stray:.2} mm against a straight stack"),
        ));
    }
}

/// The middle of unsorted numbers, which are sorted by this; `None` of none.
fn median(numbers: &mut [f64]) -> Option<f64> {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_gap_survives_many_missing_slices() {
        assert_eq!(usual_gap(&[2.0, 2.0, 1.0, 2.0, 1.0]), 1.0);
        assert_eq!(usual_gap(&[1.0, 1.0, 2.0, 1.0]), 1.0);
        assert_eq!(usual_gap(&[3.0, 5.0, 5.0]), 5.0);
    }
}
