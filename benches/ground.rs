//! Criterion timings of the ground floor and the CPU reference: resampling and the grey pipeline. `cargo bench`.
#![allow(missing_docs, reason = "criterion's macros make items without docs")]
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on fails")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use glam::{DMat4, DVec3};
use veritome::display::{Grey, View};
use veritome::jobs::Control;
use veritome::render::reference;
use veritome::render::scene::{Compare, Layer, Plane, Slab, SliceScene};
use veritome::volume::resample::resample_onto;
use veritome::volume::{Geometry, Interpolation, Provenance, Volume, statistics};

/// A smooth volume with some structure, 128 voxels a side.
fn volume() -> Volume {
    let n = 128_usize;
    let voxels: Vec<i16> = (0..n * n * n)
        .map(|i| {
            let (x, y, z) = (i % n, i / n % n, i / n / n);
            (((x * 7) ^ (y * 5) ^ (z * 3)) % 800) as i16 - 200
        })
        .collect();
    let geometry = Geometry::new([n; 3], DMat4::from_scale(DVec3::new(0.8, 0.8, 1.2))).unwrap();
    Volume::new("bench", voxels.into(), geometry, Provenance::acquired(vec![])).unwrap()
}

fn ground(c: &mut Criterion) {
    let volume = Arc::new(volume());
    c.bench_function("histogram 128^3", |b| b.iter(|| statistics::histogram(black_box(&volume), 4096)));
    let grey = Grey::from_header(&volume);
    c.bench_function("grey pipeline, a million values", |b| {
        b.iter(|| (0..1_000_000).map(|i| u64::from(grey.byte(f64::from(i % 800)))).sum::<u64>());
    });
    let grid = volume.geometry.true_grid(1.0).unwrap();
    c.bench_function("resample 128^3 onto 1 mm, linear", |b| {
        b.iter(|| resample_onto(&volume, &grid, Interpolation::Linear, 0.0, &Control::new()));
    });
    let size = [512, 512];
    let scene = SliceScene {
        plane: Plane::fitted(&volume.geometry, View::Coronal, volume.geometry.center(), size),
        size,
        slab: Slab::default(),
        interpolation: Interpolation::Linear,
        layers: vec![Layer::image(volume.clone())],
        compare: Compare::Blend,
    };
    c.bench_function("slice 512x512 on the CPU, linear", |b| b.iter(|| reference::render_slice(black_box(&scene))));
}

criterion_group!(benches, ground);
criterion_main!(benches);
