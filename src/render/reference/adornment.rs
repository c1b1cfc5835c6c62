//! What a layer has beside its colours: the line of a contour, and the fading by another volume.

use super::super::plan::{PlannedLayer, contour_color, contour_start};
use super::super::scene::{Compare, Content, Layer, SliceScene};
use super::slice::real_values;
use crate::volume::PatientPoint;

/// Both, for every pixel of the picture; empty where there is none.
#[derive(Default)]
pub(super) struct Adornment {
    /// The share of the opacity that is kept.
    kept: Vec<f32>,
    /// Whether the line passes here.
    line: Vec<bool>,
    color: [f64; 3],
    /// The line alone.
    alone: bool,
}

impl Adornment {
    pub(super) fn of(plan: &PlannedLayer<'_>, scene: &SliceScene) -> Self {
        let mut all = Self::default();
        if let Some(fade) = &plan.layer.fade {
            all.kept = kept(&fade.scene(scene));
        }
        if let (Some(value), Content::Image(volume)) = (plan.layer.contour, &plan.layer.content)
            && !volume.voxels.is_colour()
        {
            all.line = line(plan.layer, scene, contour_start(volume, value));
            all.color = contour_color(plan.layer, volume, value);
            all.alone = plan.layer.outline;
        }
        all
    }

    pub(super) fn is_none(&self) -> bool {
        self.kept.is_empty() && self.line.is_empty()
    }

    /// Changes what a layer did to a canvas that was `before`, from pixel `first` of the picture on.
    pub(super) fn apply(
        &self,
        first: usize,
        before: &[[f64; 3]],
        canvas: &mut [[f64; 3]],
        holds: impl Fn(usize) -> bool,
    ) {
        for (n, (before, now)) in before.iter().zip(canvas).enumerate() {
            let at = first + n;
            let kept = if self.alone { 0.0 } else { self.kept.get(at).map_or(1.0, |k| f64::from(*k)) };
            for (b, c) in before.iter().zip(now.iter_mut()) {
                *c = b + (*c - b) * kept;
            }
            if self.line.get(at) == Some(&true) && holds(at) {
                *now = self.color;
            }
        }
    }
}

fn kept(scene: &SliceScene) -> Vec<f32> {
    let grey = scene.layers.first().and_then(|layer| match &layer.content {
        Content::Image(volume) => Some(layer.grey(volume)),
        Content::Labels(_) => None,
    });
    let Some(grey) = grey else { return Vec::new() };
    real_values(scene).into_iter().map(|x| if x.is_nan() { 0.0 } else { grey.level_of_real(x) as f32 }).collect()
}

/// Pixels at or above the value that have a neighbour below it.
fn line(layer: &Layer, scene: &SliceScene, value: f64) -> Vec<bool> {
    // One pixel more on every side, so that the line does not depend on where the picture ends.
    let plane = scene.plane;
    let origin = PatientPoint(plane.origin.0 - plane.right - plane.down);
    let [width, height] = scene.size.map(|n| n.max(1) as usize);
    let wide = SliceScene {
        plane: crate::render::scene::Plane { origin, ..plane },
        size: scene.size.map(|n| n.max(1) + 2),
        layers: vec![Layer { visible: true, opacity: 1.0, contour: None, fade: None, ..layer.clone() }],
        compare: Compare::Blend,
        ..*scene
    };
    let values = real_values(&wide);
    let row = width + 2;
    let mut line = Vec::with_capacity(width * height);
    for y in 1..=height {
        for x in 1..=width {
            let at = y * row + x;
            let below = |n: usize| values.get(n).is_some_and(|v| *v < value);
            let here = values.get(at).is_some_and(|v| *v >= value);
            line.push(here && (below(at - 1) || below(at + 1) || below(at - row) || below(at + row)));
        }
    }
    line
}
