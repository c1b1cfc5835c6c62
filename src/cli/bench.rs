//! `veritome bench`: the project's own timings on the phantom of `docs/benchmarks.md`, in the rows of the peers' script.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use clap::Args;
use glam::{DQuat, DVec3};

use crate::display::{Voi, Window};
use crate::io;
use crate::jobs::Control;
use crate::metrics::{DataRange, ImagePair, SsimOptions, SurfaceDistances, ssim};
use crate::render::gpu::Renderer;
use crate::render::reference;
use crate::render::scene::{
    Camera, Compare, Layer, Plane, Slab, SliceScene, TransferFunction, TransferPoint, VolumeMode, VolumeScene, WHOLE,
};
use crate::volume::{Interpolation, PatientPoint, Volume};

/// Times loading, reslicing and volume views; prints the median of three in seconds.
#[derive(Debug, Args)]
pub(super) struct Bench {
    /// What to time; without names, everything.
    #[arg(value_parser = ["first", "load", "niigz", "mpr", "vr", "metrics"])]
    names: Vec<String>,
    /// The phantom's folder: raw, rle, jpegls, j2k, vol.nii.gz and vol.nii in it; for `metrics`, which runs by name alone, that
    /// of `benches/metrics_peers.py` (see docs/benchmarks.md).
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
}

/// Runs `work` three times and prints the median.
fn time<T>(name: &str, mut work: impl FnMut() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let mut seconds = [0.0; 3];
    let mut last = None;
    for s in &mut seconds {
        // The result before is given back first, so that two never share the memory.
        drop(last.take());
        let start = Instant::now();
        last = Some(work()?);
        *s = start.elapsed().as_secs_f64();
    }
    seconds.sort_by(f64::total_cmp);
    println!("{name:34} {:.3}", seconds[1]);
    last.context("nothing was timed")
}

impl Bench {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let wanted = |name: &str| self.names.is_empty() || self.names.iter().any(|n| n == name);
        if wanted("first") {
            time("first image of raw", || {
                let opened = io::open(&self.data.join("raw"), &Control::new())?;
                Ok(only_series(&opened)?.preview()?)
            })?;
        }
        if wanted("load") {
            for folder in ["raw", "rle", "jpegls", "j2k"] {
                time(&format!("load {folder}"), || self.load(folder))?;
            }
        }
        if wanted("niigz") {
            time("load nii.gz", || self.load("vol.nii.gz"))?;
        }
        if self.names.iter().any(|n| n == "metrics") {
            measures(&self.data)?;
        }
        if wanted("mpr") || wanted("vr") {
            let volume = Arc::new(self.load("vol.nii")?);
            let mut renderer = Renderer::headless();
            match &renderer {
                Ok(r) => println!("{:34} {}", "adapter", r.adapter_name()),
                Err(e) => eprintln!("veritome: {e}; timing the CPU alone"),
            }
            // Once: its automatic window reads the whole volume.
            let layer = phantom_layer(&volume);
            if wanted("mpr") {
                time("64 oblique 512x512 CPU", || {
                    (0..64).for_each(|k| drop(reference::render_slice(&oblique(&layer, k))));
                    Ok(())
                })?;
                if let Ok(r) = &mut renderer {
                    time("64 oblique 512x512 GPU", || {
                        let mut last = None;
                        for k in 0..64 {
                            last = Some(r.render_slice(&oblique(&layer, k))?);
                        }
                        // Reading one back waits for all that were queued before it.
                        last.map(|p| r.read(&p)).transpose()?;
                        Ok(())
                    })?;
                }
            }
            if wanted("vr")
                && let Ok(r) = &mut renderer
            {
                volume_views(r, &volume, &layer)?;
            }
        }
        Ok(())
    }

    fn load(&self, name: &str) -> anyhow::Result<Volume> {
        let control = Control::new();
        let opened = io::open(&self.data.join(name), &control)?;
        Ok(only_series(&opened)?.load(0, &control)?)
    }
}

/// SSIM and HD95 on the arrays of `benches/metrics_peers.py`, 256 voxels along each axis of 0.8 x 0.8 x 1.5 mm.
fn measures(folder: &Path) -> anyhow::Result<()> {
    const SIZE: [usize; 3] = [256; 3];
    let bytes = |name: &str| {
        let path = folder.join(name).with_extension("raw");
        std::fs::read(&path).with_context(|| format!("{}: make it with benches/metrics_peers.py", path.display()))
    };
    let image = |name: &str| -> anyhow::Result<Vec<f32>> {
        Ok(bytes(name)?.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect())
    };
    let (reference, test) = (image("reference")?, image("test")?);
    time("ssim 256 cubed", || {
        let pair = ImagePair::new(&reference, &test, SIZE, None)?;
        Ok(ssim(&pair, &SsimOptions::new(DataRange::of_reference(&pair)?))?)
    })?;
    for shape in ["organ", "wide"] {
        let mask = |side: &str| -> anyhow::Result<Vec<bool>> {
            Ok(bytes(&format!("{shape}_{side}"))?.iter().map(|b| *b > 0).collect())
        };
        let (a, b) = (mask("a")?, mask("b")?);
        time(&format!("hd95 256 cubed, {shape}"), || {
            Ok(SurfaceDistances::between(&a, &b, SIZE, [0.8, 0.8, 1.5])?.hd95_mm())
        })?;
    }
    Ok(())
}

fn only_series(opened: &io::Opened) -> anyhow::Result<&io::Series> {
    opened.studies.first().and_then(|s| s.series.first()).context("the phantom holds no series")
}

/// The `k`-th of the planes that the peers' script cuts.
fn oblique(layer: &Layer, k: u32) -> SliceScene {
    let turn = DQuat::from_axis_angle(DVec3::new(1.0, 0.4, 0.2).normalize(), (f64::from(k) * 2.8).to_radians());
    let (right, down) = (turn * DVec3::X * 0.7, turn * DVec3::Y * 0.7);
    let origin = layer.content.geometry().center().0 + turn * DVec3::new(-180.0, -180.0, 0.0);
    SliceScene {
        plane: Plane { origin: PatientPoint(origin), right, down },
        size: [512, 512],
        slab: Slab::default(),
        interpolation: Interpolation::Linear,
        layers: vec![layer.clone()],
        compare: Compare::Blend,
    }
}

fn phantom_layer(volume: &Arc<Volume>) -> Layer {
    Layer { voi: Voi::Window(Window::new(40.0, 400.0)), ..Layer::image(volume.clone()) }
}

/// The peers' transfer function: opacity from 100 to 1000 HU.
fn phantom_transfer() -> TransferFunction {
    let point = |value: f64, opacity: f32| {
        let t = ((value - 100.0) / 300.0).clamp(0.0, 1.0) as f32;
        let mix = |a: f32, b: f32| a + (b - a) * t;
        TransferPoint { value, color: [mix(0.8, 1.0), mix(0.3, 1.0), mix(0.2, 0.9)], opacity }
    };
    TransferFunction {
        name: "bench".into(),
        points: vec![point(100.0, 0.0), point(300.0, 0.3), point(400.0, 0.371), point(1000.0, 0.8)],
    }
}

fn volume_views(renderer: &mut Renderer, volume: &Volume, layer: &Layer) -> anyhow::Result<()> {
    let composite = |shaded| VolumeMode::Composite { transfer: phantom_transfer(), shaded };
    let finest = volume.geometry.spacing_mm().into_iter().fold(f64::INFINITY, f64::min);
    let views = [
        ("vr mip 512px", VolumeMode::Mip, 512, 0.7 / finest as f32),
        ("vr comp 512px", composite(false), 512, 0.7 / finest as f32),
        ("vr shade 512px", composite(true), 512, 0.7 / finest as f32),
        ("vr mip moving", VolumeMode::Mip, 256, 2.0),
        ("vr comp moving", composite(false), 256, 2.0),
        ("vr shade moving", composite(true), 256, 2.0),
    ];
    for (name, mode, side, step) in views {
        let size = [side, side];
        let mut scene = VolumeScene {
            base: layer.clone(),
            labels: Vec::new(),
            camera: Camera::fitted(&volume.geometry, size),
            size,
            mode,
            clip: WHOLE,
            step,
        };
        // The first picture uploads the volume and compiles the pass; the peers warm up likewise.
        let warm = renderer.render_volume(&scene)?;
        renderer.read(&warm)?;
        time(name, || {
            scene.camera.azimuth_deg += 7.0;
            let picture = renderer.render_volume(&scene)?;
            Ok(renderer.read(&picture)?)
        })?;
    }
    Ok(())
}
