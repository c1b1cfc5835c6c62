//! The slice picture.

use fearless_simd::{Level, dispatch};
use image::RgbaImage;
use rayon::prelude::*;

use super::super::plan::{PlannedLayer, Share, label_colors, plan};
use super::super::scene::{Content, SlabMode, SliceScene};
use super::adornment::Adornment;
use super::linear_row::Fetched;
use super::sampler::{Sampler, colour, nearest_voxel};
use crate::display::{ColorMap, Grey, Voi, VoiFunction};
use crate::volume::voxels::luma;
use crate::volume::{Interpolation, Labelmap, Volume, VoxelType, Voxels};
use crate::with_voxels;

/// A colour, 0 to 1.
type Rgb = [f64; 3];

/// Rows of pixels that one task draws, and pixels of a row that it looks up before it goes to the next: small squares of an
/// oblique plane stay within few pages of memory.
const BAND: usize = 16;
const TILE: usize = 64;

/// The picture of a slice scene; see the [module](super) for what it is, to the letter. Alpha is 255 everywhere.
#[must_use]
pub fn render_slice(scene: &SliceScene) -> RgbaImage {
    let [width, height] = scene.size.map(|n| n.max(1));
    let layers: Vec<Ready> = plan(scene).into_iter().map(|p| Ready::new(p, scene)).collect();
    let mut bytes = vec![0_u8; width as usize * height as usize * 4];
    let width_px = width as usize;
    bytes.par_chunks_mut(width_px * 4 * BAND).enumerate().for_each_init(
        || (Vec::new(), Vec::new(), [0.0; TILE]),
        |(canvas, values, tile), (band, bytes)| {
            let pixels = bytes.as_chunks_mut::<4>().0;
            let first = (band * BAND) as u32;
            let alone = layers.first().filter(|only| layers.len() == 1 && only.adornment.is_none());
            if alone.is_some_and(|only| only.draw_plain(first, width_px, tile, pixels)) {
                return;
            }
            values.resize(pixels.len(), 0.0);
            if alone.is_some_and(|only| only.draw_alone(first, width_px, values, pixels)) {
                return;
            }
            canvas.clear();
            canvas.resize(pixels.len(), [0.0; 3]);
            for layer in &layers {
                layer.draw_band(first, width_px, canvas, values);
            }
            for (pixel, [r, g, b]) in pixels.iter_mut().zip(canvas.iter()) {
                *pixel = [to_byte(*r), to_byte(*g), to_byte(*b), 255];
            }
        },
    );
    RgbaImage::from_raw(width, height, bytes).unwrap_or_default()
}

/// `round(c * 255)`; levels are not negative, so that cutting off after adding a half rounds.
fn to_byte(c: f64) -> u8 {
    (c * 255.0 + 0.5) as u8
}

/// Rescale, window and inversion of a straight window as one line: `byte = (stored - middle) * rise + grey`, within 0 and
/// 255.
#[derive(Clone, Copy)]
struct Ramp {
    middle: f32,
    rise: f32,
    grey: f32,
}

impl Ramp {
    /// `None` where the window is no line, or so narrow that `f32` could be wrong by a quarter of a grey level.
    fn of(grey: &Grey, volume: &Volume) -> Option<Self> {
        let Voi::Window(w) = &grey.voi else { return None };
        let (center, width) = match w.function {
            VoiFunction::Linear => (w.center - 0.5, w.width - 1.0),
            VoiFunction::LinearExact => (w.center, w.width),
            VoiFunction::Sigmoid => return None,
        };
        let largest = match volume.voxels.voxel_type() {
            VoxelType::U8 => 255.0,
            VoxelType::I16 => 32768.0,
            VoxelType::U16 => 65535.0,
            _ => return None,
        };
        let middle = grey.rescale.invert(center);
        let rise = grey.rescale.slope / width * if grey.inverted { -255.0 } else { 255.0 };
        // Three weightings, each rounded to 24 bits.
        let error = (largest + middle.abs()) * 4.0 / f64::from(1 << 24) * rise.abs();
        // Also false for NaN.
        (error < 0.25).then_some(Self { middle: middle as f32, rise: rise as f32, grey: 127.5 })
    }

    /// Black for NaN.
    #[inline]
    fn byte(self, stored: f32) -> u8 {
        let grey = (stored - self.middle) * self.rise + self.grey;
        // NaN stays NaN, and as a byte it is 0.
        (grey.clamp(0.0, 255.0) + 0.5) as u8
    }
}

/// A layer with its tables.
struct Ready<'a> {
    plan: PlannedLayer<'a>,
    paint: Paint<'a>,
    interpolation: Interpolation,
    mode: SlabMode,
    adornment: Adornment,
}

enum Paint<'a> {
    Grey { volume: &'a Volume, grey: Grey, table: Option<Box<[[u8; 3]; 256]>> },
    Colour { volume: &'a Volume, data: &'a [[u8; 3]] },
    Labels { labels: &'a Labelmap, colors: Vec<Option<[u8; 3]>> },
}

/// The real value under every pixel of a scene of one grey layer; NaN where there is nothing, or no grey layer.
pub(super) fn real_values(scene: &SliceScene) -> Vec<f64> {
    let [width, height] = scene.size.map(|n| n.max(1) as usize);
    let mut values = vec![f64::NAN; width * height];
    let Some(layer) = plan(scene).into_iter().next().map(|p| Ready::new(p, scene)) else { return values };
    if let Paint::Grey { volume, grey, .. } = &layer.paint {
        values.par_chunks_mut(width * BAND).enumerate().for_each(|(band, values)| {
            layer.read_grey(volume, grey, (band * BAND) as u32, width, values);
            values.iter_mut().for_each(|v| *v = grey.rescale.apply(*v));
        });
    }
    values
}

/// A colour out of a map's table, linear between its entries.
pub(super) fn table_colour(table: &[[u8; 3]; 256], level: f64) -> Rgb {
    let at = level.clamp(0.0, 1.0) * 255.0;
    let low = (at as usize).min(254);
    let t = at - low as f64;
    std::array::from_fn(|c| {
        let (a, b) = (f64::from(table[low][c]), f64::from(table[low + 1][c]));
        (a + (b - a) * t) / 255.0
    })
}

impl<'a> Ready<'a> {
    fn new(plan: PlannedLayer<'a>, scene: &SliceScene) -> Self {
        let paint = match &plan.layer.content {
            Content::Labels(labels) => Paint::Labels { labels, colors: label_colors(labels) },
            Content::Image(volume) => match &volume.voxels {
                Voxels::Rgb8(data) => Paint::Colour { volume, data },
                _ => Paint::Grey {
                    volume,
                    grey: plan.layer.grey(volume),
                    table: (plan.layer.colormap != ColorMap::Grey).then(|| Box::new(plan.layer.colormap.table())),
                },
            },
        };
        let adornment = Adornment::of(&plan, scene);
        Self { plan, paint, interpolation: scene.interpolation, mode: scene.slab.mode, adornment }
    }

    fn draw_band(&self, first: u32, width: usize, canvas: &mut [Rgb], values: &mut [f64]) {
        let before = if self.adornment.is_none() { Vec::new() } else { canvas.to_vec() };
        if let Paint::Grey { volume, grey, .. } = &self.paint {
            self.read_grey(volume, grey, first, width, values);
        }
        for ((y, canvas), values) in (first..).zip(canvas.chunks_mut(width)).zip(values.chunks(width)) {
            self.draw_row(y, canvas, values);
        }
        if !self.adornment.is_none() {
            let holds = |at: usize| self.plan.share.holds((at % width) as u32, (at / width) as u32);
            self.adornment.apply(first as usize * width, &before, canvas, holds);
        }
    }

    fn draw_row(&self, y: u32, canvas: &mut [Rgb], values: &[f64]) {
        match &self.paint {
            Paint::Grey { grey, table, .. } => {
                for (x, (c, stored)) in canvas.iter_mut().zip(values.iter()).enumerate() {
                    if stored.is_nan() {
                        continue;
                    }
                    let real = grey.rescale.apply(*stored);
                    if self.is_cut(real) || !self.plan.share.holds(x as u32, y) {
                        continue;
                    }
                    let level = grey.level_of_real(real);
                    let colour = table.as_ref().map_or([level; 3], |t| table_colour(t, level));
                    self.mix(c, colour);
                }
            }
            Paint::Colour { volume, data } => {
                for (x, c) in canvas.iter_mut().enumerate() {
                    if self.plan.share.holds(x as u32, y)
                        && let Some(rgb) = self.read_colour(data, volume.size(), x, y)
                        && !self.is_cut(luma_of(rgb))
                    {
                        self.mix(c, rgb.map(|x| x / 255.0));
                    }
                }
            }
            Paint::Labels { labels, colors } => self.draw_labels(labels, colors, y, canvas),
        }
    }

    /// The stored values of rows of pixels; NaN is nothing.
    fn read_grey(&self, volume: &Volume, grey: &Grey, first: u32, width: usize, values: &mut [f64]) {
        let (size, padding) = (volume.size(), volume.padding);
        let falling = grey.rescale.slope < 0.0;
        with_voxels!(
            &volume.voxels,
            |data| self.read_rows(first, width, &Sampler { data, size, padding }, falling, values),
            rgb | _v | values.fill(f64::NAN)
        );
    }

    /// The commonest case, a plane through an opaque grey layer of short whole numbers under a straight window, all in
    /// `f32`. `false`: this is another case.
    fn draw_plain(&self, first: u32, width: usize, tile: &mut [f32; TILE], pixels: &mut [[u8; 4]]) -> bool {
        let Paint::Grey { volume, grey, table: None } = &self.paint else { return false };
        let Some(ramp) = Ramp::of(grey, volume) else { return false };
        let plan = &self.plan;
        if plan.opacity < 1.0
            || plan.share != Share::All
            || plan.stack
            || plan.offsets_mm.len() > 1
            || plan.layer.threshold.is_some()
            || self.interpolation != Interpolation::Linear
        {
            return false;
        }
        let (size, padding, level) = (volume.size(), volume.padding, Level::new());
        match &volume.voxels {
            Voxels::U8(data) => {
                let sampler = Sampler { data, size, padding };
                dispatch!(level, _simd => self.draw_tiles(first, width, &sampler, ramp, tile, pixels));
            }
            Voxels::I16(data) => {
                let sampler = Sampler { data, size, padding };
                dispatch!(level, _simd => self.draw_tiles(first, width, &sampler, ramp, tile, pixels));
            }
            Voxels::U16(data) => {
                let sampler = Sampler { data, size, padding };
                dispatch!(level, _simd => self.draw_tiles(first, width, &sampler, ramp, tile, pixels));
            }
            _ => return false,
        }
        true
    }

    #[inline(always)]
    fn draw_tiles<T: Fetched>(
        &self,
        first: u32,
        width: usize,
        sampler: &Sampler<T>,
        ramp: Ramp,
        tile: &mut [f32; TILE],
        pixels: &mut [[u8; 4]],
    ) {
        for left in (0..width).step_by(TILE) {
            let right = (left + TILE).min(width);
            for (y, row) in (first..).zip(pixels.chunks_mut(width)) {
                let values = &mut tile[..right - left];
                sampler.row(self.plan.at(left as f64, f64::from(y)), self.plan.dx, values);
                for (pixel, stored) in row[left..right].iter_mut().zip(values) {
                    let byte = ramp.byte(*stored);
                    *pixel = [byte, byte, byte, 255];
                }
            }
        }
    }

    /// The common case, an opaque grey layer and nothing else, straight to bytes. `false`: this is another case.
    fn draw_alone(&self, first: u32, width: usize, values: &mut [f64], pixels: &mut [[u8; 4]]) -> bool {
        let Paint::Grey { volume, grey, table: None } = &self.paint else { return false };
        if self.plan.opacity < 1.0 || self.plan.share != Share::All {
            return false;
        }
        self.read_grey(volume, grey, first, width, values);
        for (pixel, stored) in pixels.iter_mut().zip(values.iter()) {
            let real = grey.rescale.apply(*stored);
            let byte = if stored.is_nan() || self.is_cut(real) { 0 } else { to_byte(grey.level_of_real(real)) };
            *pixel = [byte, byte, byte, 255];
        }
        true
    }

    fn mix(&self, c: &mut Rgb, over: Rgb) {
        let opacity = f64::from(self.plan.opacity);
        for (c, o) in c.iter_mut().zip(over) {
            *c += (o - *c) * opacity;
        }
    }

    fn is_cut(&self, real: f64) -> bool {
        self.plan.layer.threshold.is_some_and(|[low, high]| real < low || real > high)
    }

    /// `falling`: real values fall as stored ones rise.
    fn read_rows<T: Fetched>(&self, first: u32, width: usize, sampler: &Sampler<T>, falling: bool, values: &mut [f64]) {
        for left in (0..width).step_by(TILE) {
            for (y, row) in (first..).zip(values.chunks_mut(width)) {
                let right = (left + TILE).min(width);
                self.read_tile_row([left as u32, y], sampler, falling, &mut row[left..right]);
            }
        }
    }

    /// The pixels from (`left`, `y`) to the right.
    fn read_tile_row<T: Fetched>(&self, [left, y]: [u32; 2], sampler: &Sampler<T>, falling: bool, values: &mut [f64]) {
        let plan = &self.plan;
        let place = |x: u32| plan.at(f64::from(x), f64::from(y));
        if plan.offsets_mm.len() == 1 {
            // Chosen once, so that the loop holds one kind only.
            match self.interpolation {
                Interpolation::Linear if !plan.stack => sampler.linear_row(place(left), plan.dx, values),
                other => values.iter_mut().zip(left..).for_each(|(v, x)| *v = sampler.at(place(x), other)),
            }
            return;
        }
        let highest = (self.mode == SlabMode::Mip) != falling;
        for (value, x) in values.iter_mut().zip(left..) {
            let q = place(x);
            let samples = plan.offsets_mm.iter().map(|mm| sampler.at(q + plan.per_mm * *mm, self.interpolation));
            let samples = samples.filter(|s| !s.is_nan());
            *value = match self.mode {
                SlabMode::Mean => {
                    let (sum, n) = samples.fold((0.0, 0.0), |(sum, n), s| (sum + s, n + 1.0));
                    sum / n
                }
                // `f64::max` and `min` leave NaN out.
                _ if highest => samples.fold(f64::NAN, f64::max),
                _ => samples.fold(f64::NAN, f64::min),
            };
        }
    }

    fn read_colour(&self, data: &[[u8; 3]], size: [usize; 3], x: usize, y: u32) -> Option<[f64; 3]> {
        let plan = &self.plan;
        let q = plan.at(x as f64, f64::from(y));
        let mut samples =
            plan.offsets_mm.iter().filter_map(|mm| colour(data, size, q + plan.per_mm * *mm, self.interpolation));
        let first = samples.next()?;
        let join = |a: [f64; 3], b: [f64; 3], f: fn(f64, f64) -> f64| std::array::from_fn(|c| f(a[c], b[c]));
        Some(match self.mode {
            SlabMode::Mean => {
                let (sum, n) = samples.fold((first, 1.0), |(sum, n), s| (join(sum, s, |a, b| a + b), n + 1.0));
                sum.map(|s| s / n)
            }
            SlabMode::Mip => samples.fold(first, |a, b| join(a, b, f64::max)),
            SlabMode::MinIp => samples.fold(first, |a, b| join(a, b, f64::min)),
        })
    }

    fn draw_labels(&self, labels: &Labelmap, colors: &[Option<[u8; 3]>], y: u32, canvas: &mut [Rgb]) {
        let size = labels.geometry.size();
        // The label on show under a pixel, 0 for none.
        let label = |x: i64, y: i64| -> u16 {
            let Some([i, j, k]) = nearest_voxel(self.plan.at(x as f64, y as f64), size) else { return 0 };
            let value = labels.voxels[(k * size[1] + j) * size[0] + i];
            if colors.get(usize::from(value)).copied().flatten().is_some() { value } else { 0 }
        };
        let y = i64::from(y);
        for (x, c) in canvas.iter_mut().enumerate() {
            let x = x as i64;
            let here = label(x, y);
            let Some(Some(color)) = colors.get(usize::from(here)) else { continue };
            let on_edge = || [(-1, 0), (1, 0), (0, -1), (0, 1)].iter().any(|(dx, dy)| label(x + dx, y + dy) != here);
            if !self.plan.layer.outline || on_edge() {
                self.mix(c, color.map(|v| f64::from(v) / 255.0));
            }
        }
    }
}

fn luma_of([r, g, b]: [f64; 3]) -> f64 {
    // The weights of `luma`, for values between whole ones.
    let unit = |rgb: [u8; 3]| luma(&rgb) / 255.0;
    r * unit([255, 0, 0]) + g * unit([0, 255, 0]) + b * unit([0, 0, 255])
}
