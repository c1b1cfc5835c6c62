//! The volume picture.
//!
//! Parallel rays, one a pixel, through the centres of [`Camera::plane`](super::super::scene::Camera::plane). Samples lie at
//! depths `(k + j) * step` mm from that plane, `k` whole, `step` = scene step times the smallest voxel spacing, `j` = 1/2
//! for projections and [`jitter`] of the pixel for composites, so that no rings show. They are trilinear and follow the
//! rules for padding and borders of the [slice picture](super); samples outside the clip box are left out.
//! - **Projections** take the highest, lowest or mean real value, then threshold, window and colour map as a slice. The
//!   first label that the ray meets tints the pixel with its layer's opacity.
//! - **Composite**: `alpha = 1 - (1 - opacity)^step` for opacity per millimetre; front to back over black. Real values
//!   outside the layer's threshold are clear. Labels are surfaces where the trilinear part of shown labels rises through
//!   one half; each time the ray goes in, their colour is laid with the layer's opacity.
//! - **Shading**: light at the eye. With `f = |n . view|` from central differences over one voxel each way, a colour `c`
//!   becomes `c * (0.3 + 0.7 f) + 0.2 f^16`, faded in as the gradient over a voxel rises to 5 % of the transfer
//!   function's range (so that noise in even tissue is not lit). Labels are lit fully, and as if they faced the eye where they
//!   are cut open and have no slope of their own.

use glam::DVec3;
use image::RgbaImage;
use rayon::prelude::*;

use super::super::plan::label_colors;
use super::super::scene::{Content, Layer, VolumeMode, VolumeScene};
use super::sampler::{Sampler, nearest_voxel};
use super::slice::table_colour;
use crate::display::Grey;
use crate::volume::voxels::{Scalar, luma};
use crate::volume::{Geometry, Interpolation, Labelmap, Voxels};
use crate::with_voxels;

/// Where between two sample planes a pixel's ray starts, 0 to 1: an integer hash, the same in the shader.
#[must_use]
pub fn jitter(x: u32, y: u32) -> f64 {
    let mut h = x.wrapping_mul(0x9E37_79B1) ^ y.wrapping_mul(0x85EB_CA77);
    h = (h ^ (h >> 15)).wrapping_mul(0x2C1B_3C6D);
    h ^= h >> 12;
    f64::from(h >> 8) / f64::from(1_u32 << 24)
}

/// The picture of a volume scene; see the [module](self). Colour voxels are cast by their luma. Alpha is 255 everywhere.
#[must_use]
pub fn render_volume(scene: &VolumeScene) -> RgbaImage {
    let [width, height] = scene.size.map(|n| n.max(1));
    let mut bytes = vec![255_u8; width as usize * height as usize * 4];
    if let Content::Image(volume) = &scene.base.content {
        let (size, padding) = (volume.size(), volume.padding);
        let luma_copy;
        let voxels = if let Voxels::Rgb8(v) = &volume.voxels {
            // Luma once a voxel instead of once a sample.
            luma_copy = Voxels::from(v.par_iter().map(|c| luma(c) as f32).collect::<Vec<_>>());
            &luma_copy
        } else {
            &volume.voxels
        };
        with_voxels!(
            voxels,
            |data| {
                let cast = Cast::new(scene, volume, Sampler { data, size, padding });
                bytes.par_chunks_mut(width as usize * 4).enumerate().for_each(|(y, row)| {
                    for (x, pixel) in row.as_chunks_mut::<4>().0.iter_mut().enumerate() {
                        for (byte, c) in pixel.iter_mut().zip(cast.pixel(x as u32, y as u32)) {
                            *byte = (c.clamp(0.0, 1.0) * 255.0).round() as u8;
                        }
                    }
                });
            },
            rgb | _v | ()
        );
    }
    RgbaImage::from_raw(width, height, bytes).unwrap_or_default()
}

/// Colour and lighting of a lit surface.
fn lit(color: [f64; 3], facing: f64, weight: f64) -> [f64; 3] {
    color.map(|c| c + (c * (0.3 + 0.7 * facing) + 0.2 * facing.powi(16) - c) * weight)
}

struct Cast<'a, T> {
    scene: &'a VolumeScene,
    sampler: Sampler<'a, T>,
    grey: Grey,
    table: [[u8; 3]; 256],
    /// Voxel under the picture plane, steps for pixels and for a millimetre of depth.
    rays: Rays,
    patient_to_voxel: glam::DMat3,
    step_mm: f64,
    smallest_mm: f64,
    view: DVec3,
    clip: [DVec3; 2],
    /// Just inside the outer faces.
    last: DVec3,
    labels: Vec<LabelCast<'a>>,
}

#[derive(Clone, Copy)]
struct Rays {
    start: DVec3,
    dx: DVec3,
    dy: DVec3,
    per_mm: DVec3,
}

impl Rays {
    fn new(scene: &VolumeScene, geometry: &Geometry) -> Self {
        let plane = scene.camera.plane(scene.size);
        let map = geometry.patient_to_voxel();
        Self {
            start: map.transform_point3(plane.origin.0),
            dx: map.transform_vector3(plane.right),
            dy: map.transform_vector3(plane.down),
            per_mm: map.transform_vector3(scene.camera.axes()[2]),
        }
    }

    fn at(&self, x: u32, y: u32) -> DVec3 {
        self.start + self.dx * f64::from(x) + self.dy * f64::from(y)
    }
}

struct LabelCast<'a> {
    labels: &'a Labelmap,
    colors: Vec<Option<[u8; 3]>>,
    rays: Rays,
    to_voxel: glam::DMat3,
    opacity: f64,
}

impl<'a> LabelCast<'a> {
    fn new(scene: &VolumeScene, layer: &'a Layer) -> Option<Self> {
        let Content::Labels(labels) = &layer.content else { return None };
        Some(Self {
            labels,
            colors: label_colors(labels),
            rays: Rays::new(scene, &labels.geometry),
            to_voxel: glam::DMat3::from_mat4(labels.geometry.patient_to_voxel()),
            opacity: f64::from(layer.opacity.clamp(0.0, 1.0)),
        })
    }

    /// How much of the trilinear surroundings is label on show, and the colour of the weightiest such voxel.
    fn occupancy(&self, q: DVec3) -> (f64, [u8; 3]) {
        let size = self.labels.geometry.size();
        if nearest_voxel(q, size).is_none() {
            return (0.0, [0; 3]);
        }
        let base = q.floor();
        let t = q - base;
        let (mut sum, mut best, mut color) = (0.0, 0.0, [0; 3]);
        for n in 0..8 {
            let bit = [n & 1, n >> 1 & 1, n >> 2 & 1];
            let place = |a: usize| (base[a] as i64 + bit[a]).clamp(0, size[a] as i64 - 1) as usize;
            let value = self.labels.voxels[(place(2) * size[1] + place(1)) * size[0] + place(0)];
            if let Some(Some(c)) = self.colors.get(usize::from(value)) {
                let weight: f64 = (0..3).map(|a| if bit[a] == 1 { t[a] } else { 1.0 - t[a] }).product();
                sum += weight;
                if weight > best {
                    (best, color) = (weight, *c);
                }
            }
        }
        (sum, color)
    }

    fn facing(&self, q: DVec3, view: DVec3) -> f64 {
        let step = |a: DVec3| self.occupancy(q + a).0 - self.occupancy(q - a).0;
        let slope = DVec3::new(step(DVec3::X), step(DVec3::Y), step(DVec3::Z));
        let facing = (self.to_voxel.transpose() * slope).normalize_or(view).dot(view).abs();
        // Where the surroundings are even, as on a cut, the slope is rounding alone and has no direction.
        let steepness = (2.0 * slope.length()).min(1.0);
        1.0 + (facing - 1.0) * steepness
    }
}

impl<'a, T: Scalar> Cast<'a, T> {
    fn new(scene: &'a VolumeScene, volume: &crate::volume::Volume, sampler: Sampler<'a, T>) -> Self {
        let geometry = &volume.geometry;
        let size = DVec3::from_array(geometry.size().map(|n| n as f64));
        let corner = |n: usize| DVec3::from_array(scene.clip.map(|c| f64::from(c[n]))) * size - 0.5;
        let smallest_mm = geometry.spacing_mm().into_iter().fold(f64::INFINITY, f64::min);
        Self {
            scene,
            sampler,
            grey: scene.base.grey(volume),
            table: scene.base.colormap.table(),
            rays: Rays::new(scene, geometry),
            patient_to_voxel: glam::DMat3::from_mat4(geometry.patient_to_voxel()),
            step_mm: smallest_mm * f64::from(scene.step.max(0.01)),
            smallest_mm,
            view: scene.camera.axes()[2],
            clip: [corner(0), corner(1)],
            last: size - (0.5 + 1e-4),
            labels: scene
                .labels
                .iter()
                .filter(|l| l.visible && l.opacity > 0.0)
                .filter_map(|l| LabelCast::new(scene, l))
                .collect(),
        }
    }

    fn pixel(&self, x: u32, y: u32) -> [f64; 3] {
        let origin = self.rays.at(x, y);
        let Some([near, far]) = self.depths(origin) else { return [0.0; 3] };
        let composite = matches!(self.scene.mode, VolumeMode::Composite { .. });
        let start = if composite { jitter(x, y) } else { 0.5 };
        let first = (near / self.step_mm - start).ceil() as i64;
        let last = (far / self.step_mm - start).floor() as i64;
        let depths = (first..=last).map(|k| (k as f64 + start) * self.step_mm);
        if composite { self.composite(x, y, depths) } else { self.projection(x, y, depths) }
    }

    /// Depths, mm, at which a ray enters and leaves the clip box.
    fn depths(&self, origin: DVec3) -> Option<[f64; 2]> {
        let (mut near, mut far) = (f64::NEG_INFINITY, f64::INFINITY);
        for a in 0..3 {
            let (low, high, d) = (self.clip[0][a] - origin[a], self.clip[1][a] - origin[a], self.rays.per_mm[a]);
            if d.abs() < 1e-12 {
                if low > 0.0 || high <= 0.0 {
                    return None;
                }
                continue;
            }
            near = near.max((low / d).min(high / d));
            far = far.min((low / d).max(high / d));
        }
        (near < far).then_some([near, far])
    }

    fn sample(&self, q: DVec3) -> f64 {
        self.sampler.at(q, Interpolation::Linear)
    }

    fn projection(&self, x: u32, y: u32, depths: impl Iterator<Item = f64>) -> [f64; 3] {
        let origin = self.rays.at(x, y);
        let origins: Vec<DVec3> = self.labels.iter().map(|l| l.rays.at(x, y)).collect();
        let mut tint: Vec<Option<[u8; 3]>> = vec![None; self.labels.len()];
        let falling = self.grey.rescale.slope < 0.0;
        let (mut sum, mut count, mut low, mut high) = (0.0, 0.0, f64::NAN, f64::NAN);
        for depth in depths {
            let stored = self.sample(origin + self.rays.per_mm * depth);
            for ((label, origin), tint) in self.labels.iter().zip(&origins).zip(&mut tint) {
                if tint.is_none() {
                    let (part, color) = label.occupancy(*origin + label.rays.per_mm * depth);
                    *tint = (part >= 0.5).then_some(color);
                }
            }
            if !stored.is_nan() {
                sum += stored;
                count += 1.0;
                low = stored.min(low);
                high = stored.max(high);
            }
        }
        let stored = match (&self.scene.mode, falling) {
            (VolumeMode::Mip, false) | (VolumeMode::MinIp, true) => high,
            (VolumeMode::Mip, true) | (VolumeMode::MinIp, false) => low,
            _ => sum / count,
        };
        let real = self.grey.rescale.apply(stored);
        let shown = !stored.is_nan() && self.scene.base.threshold.is_none_or(|[low, high]| real >= low && real <= high);
        let opacity = f64::from(self.scene.base.opacity.clamp(0.0, 1.0));
        let mut c = [0.0; 3];
        if shown && self.scene.base.visible {
            c = table_colour(&self.table, self.grey.level_of_real(real)).map(|c| c * opacity);
        }
        for (label, tint) in self.labels.iter().zip(tint) {
            if let Some(tint) = tint {
                c = std::array::from_fn(|n| c[n] + (f64::from(tint[n]) / 255.0 - c[n]) * label.opacity);
            }
        }
        c
    }

    fn composite(&self, x: u32, y: u32, depths: impl Iterator<Item = f64>) -> [f64; 3] {
        let VolumeMode::Composite { transfer, shaded } = &self.scene.mode else { return [0.0; 3] };
        let origin = self.rays.at(x, y);
        let origins: Vec<DVec3> = self.labels.iter().map(|l| l.rays.at(x, y)).collect();
        let mut inside = vec![false; self.labels.len()];
        let [low, high] = transfer.range();
        let fade = 0.05 * (high - low).max(f64::MIN_POSITIVE);
        let opacity = f64::from(self.scene.base.opacity.clamp(0.0, 1.0));
        let mut c = [0.0; 3];
        let mut clear = 1.0;
        for depth in depths {
            for ((label, origin), inside) in self.labels.iter().zip(&origins).zip(&mut inside) {
                let q = *origin + label.rays.per_mm * depth;
                let (part, color) = label.occupancy(q);
                if part >= 0.5 && !*inside {
                    let color = lit(color.map(|v| f64::from(v) / 255.0), label.facing(q, self.view), 1.0);
                    (0..3).for_each(|n| c[n] += color[n] * label.opacity * clear);
                    clear *= 1.0 - label.opacity;
                }
                *inside = part >= 0.5;
            }
            let q = origin + self.rays.per_mm * depth;
            let stored = self.sample(q);
            if stored.is_nan() || !self.scene.base.visible {
                continue;
            }
            let real = self.grey.rescale.apply(stored);
            if self.scene.base.threshold.is_some_and(|[low, high]| real < low || real > high) {
                continue;
            }
            let [r, g, b, per_mm] = transfer.at(real).map(f64::from);
            let alpha = (1.0 - (1.0 - per_mm.clamp(0.0, 1.0)).powf(self.step_mm)) * opacity;
            if alpha <= 0.0 {
                continue;
            }
            let mut color = [r, g, b];
            if *shaded {
                let or_here = |q: DVec3| Some(self.sample(q)).filter(|v| !v.is_nan()).unwrap_or(stored);
                let inside = |q: DVec3| q.clamp(DVec3::splat(-0.5), self.last);
                let slope =
                    |a: DVec3| (or_here(inside(q + a)) - or_here(inside(q - a))) / 2.0 * self.grey.rescale.slope;
                let g =
                    self.patient_to_voxel.transpose() * DVec3::new(slope(DVec3::X), slope(DVec3::Y), slope(DVec3::Z));
                let facing = g.normalize_or_zero().dot(self.view).abs();
                color = lit(color, facing, (g.length() * self.smallest_mm / fade).min(1.0));
            }
            (0..3).for_each(|n| c[n] += color[n] * alpha * clear);
            clear *= 1.0 - alpha;
            if clear < 1e-3 {
                break;
            }
        }
        c
    }
}
