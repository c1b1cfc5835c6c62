//! The slice of a case in which the test is furthest from its reference: [`worst_slice`].

use std::sync::Arc;

use super::work::CasePicture;
use crate::display::{ColorMap, View, Voi, Window, grey::auto_window};
use crate::render::output::{Device, png_bytes, slice_picture};
use crate::render::scene::{Compare, Layer, Plane, Slab, SliceScene};
use crate::render::{Fidelity, gpu::RenderError};
use crate::volume::{Geometry, Interpolation, Labelmap, PatientPoint, Provenance, Volume, VoxelPoint};

/// The longer side of a picture, pixels.
const SIDE: u32 = 320;

/// What is shown.
pub enum Shown<'a> {
    /// Reference, test, and their difference on the reference's grid (`[nz, ny, nx]`, NaN where there is none).
    Images {
        /// The reference.
        reference: &'a Arc<Volume>,
        /// The test.
        test: &'a Arc<Volume>,
        /// Test minus reference.
        error: &'a [f32],
    },
    /// Two label maps, over an image where there is one.
    Labels {
        /// The image under them.
        under: Option<&'a Volume>,
        /// The reference.
        reference: &'a Arc<Labelmap>,
        /// The test.
        test: &'a Arc<Labelmap>,
    },
}

/// The slice across the third voxel axis with the largest error, as pictures; synthetic ones bear their badge.
///
/// # Errors
/// When a picture cannot be drawn.
pub fn worst_slice(shown: &Shown<'_>) -> Result<Vec<CasePicture>, RenderError> {
    match shown {
        Shown::Images { reference, test, error } => {
            let grid = &reference.geometry;
            let at = worst(grid, |i| error.get(i).filter(|e| e.is_finite()).map_or(0.0, |e| f64::from(e.abs())));
            let window = auto_window(reference);
            let both = [("Reference", reference), ("Test", test)];
            let mut pictures = Vec::new();
            for (title, volume) in both {
                let layer = Layer { voi: Voi::Window(window), ..Layer::image((*volume).clone()) };
                pictures.push(picture(title, grid, at, vec![layer])?);
            }
            pictures.push(picture("Test minus reference", grid, at, vec![difference(reference, test, error)])?);
            Ok(pictures)
        }
        Shown::Labels { under, reference, test } => {
            let grid = &reference.geometry;
            let same = reference.voxels.len() == test.voxels.len();
            let differs = |i: usize| {
                let other = if same { test.voxels.get(i) } else { None };
                f64::from(u8::from(other.is_some_and(|o| reference.voxels.get(i) != Some(o))))
            };
            let at = worst(grid, differs);
            let mut pictures = Vec::new();
            for (title, map) in [("Reference", reference), ("Test", test)] {
                let base = under.map(|v| Layer::image(Arc::new(v.clone())));
                pictures.push(picture(
                    title,
                    grid,
                    at,
                    base.into_iter().chain([Layer::labels((*map).clone())]).collect(),
                )?);
            }
            Ok(pictures)
        }
    }
}

/// The number of the slice with the largest sum.
fn worst(grid: &Geometry, value: impl Fn(usize) -> f64) -> usize {
    let [nx, ny, nz] = grid.size();
    let sum = |k: usize| (k * nx * ny..(k + 1) * nx * ny).map(&value).sum::<f64>();
    let sums: Vec<f64> = (0..nz).map(sum).collect();
    let best = sums.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(k, _)| k);
    // Where nothing differs, the middle says more than the first.
    if sums.iter().all(|s| *s == 0.0) { nz / 2 } else { best }
}

fn difference(reference: &Volume, test: &Volume, error: &[f32]) -> Layer {
    let values: Vec<f32> = error.iter().map(|e| if e.is_finite() { *e } else { 0.0 }).collect();
    let widest = values.iter().fold(0.0_f32, |w, e| w.max(e.abs()));
    let mut sorted: Vec<f32> = values.iter().map(|e| e.abs()).collect();
    sorted.sort_by(f32::total_cmp);
    let high = sorted.get(sorted.len() * 995 / 1000).copied().filter(|h| *h > 0.0).unwrap_or(widest.max(1e-6));
    let provenance = Provenance::derived(
        &[&reference.provenance, &test.provenance],
        crate::volume::Derivation { description: "Difference".to_owned(), ..crate::volume::Derivation::default() },
    );
    let volume = Volume { provenance, unit: reference.unit.clone(), ..reference.clone() };
    let volume = Volume { voxels: values.into(), rescale: crate::volume::Rescale::IDENTITY, padding: None, ..volume };
    let mut layer = Layer::image(Arc::new(volume));
    layer.colormap = ColorMap::RdBu;
    layer.voi = Voi::Window(Window::spanning(-f64::from(high), f64::from(high)));
    layer
}

fn picture(title: &str, grid: &Geometry, slice: usize, layers: Vec<Layer>) -> Result<CasePicture, RenderError> {
    let [nx, ny, _] = grid.size();
    let middle = VoxelPoint(glam::DVec3::new(nx as f64 / 2.0, ny as f64 / 2.0, slice as f64));
    let through: PatientPoint = grid.to_patient(middle);
    let [u, v, _] = grid.directions();
    let view = View::nearest(u.cross(v));
    let plane = |size| Plane::fitted(grid, view, through, size);
    let (r0, r1) = grid.extent_along(view.right());
    let (d0, d1) = grid.extent_along(view.down());
    let long = (r1 - r0).max(d1 - d0).max(1e-9);
    let pixels = |extent: f64| ((f64::from(SIDE) * extent / long).round() as u32).max(16);
    let size = [pixels(r1 - r0), pixels(d1 - d0)];
    let scene = SliceScene {
        plane: plane(size),
        size,
        slab: Slab::default(),
        interpolation: Interpolation::Linear,
        layers,
        compare: Compare::Blend,
    };
    let drawn = slice_picture(&scene, Device::Cpu, Fidelity::default())?;
    let synthetic = drawn.origin_mark == Some(crate::volume::OriginMark::Synthetic);
    Ok(CasePicture { title: title.to_owned(), png: png_bytes(&drawn), synthetic })
}
