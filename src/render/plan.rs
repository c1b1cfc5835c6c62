//! A slice scene resolved for drawing: which layers, where their voxels lie under the pixels, how strongly, on which part
//! of the picture. Both the shaders and the CPU reference draw from this.

use glam::DVec3;

use super::scene::{Compare, Content, Layer, SliceScene};
use crate::volume::Space;

/// Ties between two voxels go to the upper one also when the point lies this much (in voxels) below the border, so that
/// the last bit of a sum does not decide what is seen.
pub(crate) const TIE: f64 = 1e-5;

/// The part of the picture that a layer is drawn on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Share {
    All,
    /// Squares of `side` pixels; the upper left one is even.
    Squares {
        side: u32,
        odd: bool,
    },
    /// Pixels left of `edge` (pixels from the left, picture border 0), or right of it.
    Side {
        edge: f32,
        right: bool,
    },
}

impl Share {
    /// Whether pixel (`x`, `y`) belongs to it.
    pub(crate) fn holds(self, x: u32, y: u32) -> bool {
        match self {
            Self::All => true,
            Self::Squares { side, odd } => ((x / side + y / side) % 2 == 1) == odd,
            Self::Side { edge, right } => (x as f32 + 0.5 >= edge) == right,
        }
    }
}

/// A layer with its way from pixels to voxels: `start + dx * x + dy * y + per_mm * offset`.
#[derive(Debug, Clone)]
pub(crate) struct PlannedLayer<'a> {
    pub(crate) layer: &'a Layer,
    /// Voxel index under the centre of pixel (0, 0).
    pub(crate) start: DVec3,
    /// Voxel step for a pixel to the right.
    pub(crate) dx: DVec3,
    /// Voxel step for a pixel down.
    pub(crate) dy: DVec3,
    /// Voxel step for a millimetre along the plane's normal.
    pub(crate) per_mm: DVec3,
    /// Samples of the slab, mm along the normal; never empty.
    pub(crate) offsets_mm: Vec<f64>,
    pub(crate) opacity: f32,
    pub(crate) share: Share,
    /// A pile of pictures: nothing is interpolated between them.
    pub(crate) stack: bool,
}

impl PlannedLayer<'_> {
    /// The voxel index under a pixel, on the plane itself.
    pub(crate) fn at(&self, x: f64, y: f64) -> DVec3 {
        let q = self.start + self.dx * x + self.dy * y;
        if self.stack { DVec3::new(q.x, q.y, (q.z + 0.5 + TIE).floor()) } else { q }
    }
}

/// Whether a layer may lie in one picture with the base: both in the patient, or both on the very same pile of pictures, of
/// which the graphics of its own file may cover a part.
fn share_space(base: &Content, other: &Content) -> bool {
    match (base.space(), other.space()) {
        (Space::Patient { .. }, Space::Patient { .. }) => true,
        (Space::Stack { .. }, Space::Stack { .. }) => {
            base.geometry() == other.geometry()
                || matches!((base, other), (Content::Image(i), Content::Labels(l)) if i.graphics.holds(l))
        }
        _ => false,
    }
}

/// The layers to draw, from the base up. In [`Compare::Checkerboard`] and [`Compare::Swipe`] the first overlay image takes
/// the base's place, with the base's opacity, on its share of the pixels; everything else lies over both.
pub(crate) fn plan(scene: &SliceScene) -> Vec<PlannedLayer<'_>> {
    let Some(base) = scene.layers.iter().find(|l| l.visible) else { return Vec::new() };
    let drawn: Vec<_> = scene.layers.iter().filter(|l| l.visible && share_space(&base.content, &l.content)).collect();
    let is_image = |l: &Layer| matches!(l.content, Content::Image(_));
    let mut images = drawn.iter().copied().filter(|l| is_image(l));
    let pair = images.next().zip(images.next()).filter(|_| scene.compare != Compare::Blend);
    drawn
        .into_iter()
        .map(|layer| {
            let geometry = layer.content.geometry();
            let map = geometry.patient_to_voxel();
            let stack = !layer.content.space().is_patient();
            // Which of the two compared images this is; a share of an only image would leave holes.
            let second = pair.and_then(|(first, second)| {
                let is = |l: &Layer| std::ptr::eq(l, layer);
                is(second).then_some(true).or_else(|| is(first).then_some(false))
            });
            let share = match (second, scene.compare) {
                (Some(odd), Compare::Checkerboard { square_px }) => Share::Squares { side: square_px.max(1), odd },
                (Some(right), Compare::Swipe { position }) => {
                    Share::Side { edge: position * scene.size[0] as f32, right }
                }
                _ => Share::All,
            };
            let opacity = pair.filter(|_| second == Some(true)).map_or(layer.opacity, |(first, _)| first.opacity);
            // A line of one pixel at the opacity of a filled area would hardly be seen.
            let opacity = if layer.outline { opacity.max(0.0).powf(0.25) } else { opacity };
            PlannedLayer {
                layer,
                start: map.transform_point3(scene.plane.origin.0),
                dx: map.transform_vector3(scene.plane.right),
                dy: map.transform_vector3(scene.plane.down),
                per_mm: map.transform_vector3(scene.plane.normal()),
                offsets_mm: if stack || !is_image(layer) { vec![0.0] } else { scene.slab.offsets_mm(geometry) },
                opacity: opacity.clamp(0.0, 1.0),
                share,
                stack,
            }
        })
        .filter(|l| l.opacity > 0.0)
        .collect()
}

/// The colour of each label number, up to the highest: `None` for background and for labels that are not on show.
pub(crate) fn label_colors(labels: &crate::volume::Labelmap) -> Vec<Option<[u8; 3]>> {
    let highest = labels.voxels.iter().copied().max().unwrap_or(0);
    let mut colors: Vec<_> =
        (0..=highest).map(|v| (v > 0).then(|| crate::volume::labelmap::distinct_color(v))).collect();
    for label in &labels.labels {
        if let Some(c) = colors.get_mut(usize::from(label.value)).filter(|_| label.value > 0) {
            *c = label.visible.then_some(label.color);
        }
    }
    colors
}

/// The real value at and above which a contour is reached: 1e-5 of its stored number below it. A region that holds the value
/// exactly would otherwise be edged by the rounding of its interpolation, another speckle on every machine.
pub(crate) fn contour_start(volume: &crate::volume::Volume, value: f64) -> f64 {
    let stored = volume.rescale.invert(value);
    volume.rescale.apply(stored - 1e-5 * stored.abs() * volume.rescale.slope.signum())
}

/// The colour of a layer's contour: its map's at that value, as bright as it goes, so that the line stands out from the
/// fill and still belongs to it.
pub(crate) fn contour_color(layer: &Layer, volume: &crate::volume::Volume, value: f64) -> [f64; 3] {
    let level = layer.grey(volume).level_of_real(value);
    let entry = (level.clamp(0.0, 1.0) * 255.0).round() as usize;
    let color = layer.colormap.table()[entry.min(255)].map(|c| f64::from(c) / 255.0);
    let brightest = color.iter().copied().fold(0.0, f64::max);
    if brightest > 0.0 { color.map(|c| c / brightest) } else { [1.0; 3] }
}
