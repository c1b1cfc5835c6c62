//! `veritome demo`: a real head, its brain found by a model, in four views; in the window, or as pictures.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use serde::Serialize;

use super::progress::with_progress;
use crate::app;
use crate::display::{Slices, View};
use crate::inference::demo::{Findings, find};
use crate::render::annotate::{Annotation, annotate};
use crate::render::scene::{Camera, Compare, Layer, Plane, Slab, SliceScene, VolumeMode, VolumeScene, front_cut_away};
use crate::render::transfer_presets;
use crate::render::{Device, Fidelity, save_png, slice_picture, volume_picture};
use crate::volume::Interpolation;

/// The side of a demo picture, pixels.
const SIDE: u32 = 768;

/// The main job on a real sample: view and segment.
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Write pictures instead of opening the window.
    #[arg(long)]
    headless: bool,
    /// Folder for the pictures.
    #[arg(long, value_name = "DIR", default_value = "veritome-demo")]
    out: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// What the demo found, for `--json`.
#[derive(Debug, Serialize)]
struct Story {
    sample: String,
    sample_source: String,
    sample_license: String,
    phantom: bool,
    model: String,
    provider: String,
    brain_volume_ml: f64,
    device: String,
    pictures: Vec<PathBuf>,
}

impl Demo {
    pub(super) fn run(self) -> anyhow::Result<()> {
        if !self.headless && !self.json {
            if app::has_display() {
                let options = app::WindowOptions { demo: true, ..app::WindowOptions::default() };
                match app::open_window(Vec::new(), options) {
                    Ok(()) => return Ok(()),
                    Err(error) => {
                        eprintln!("veritome: the window could not be opened ({error:#}); writing pictures instead");
                    }
                }
            } else {
                eprintln!("There is no display here: writing pictures instead of opening the window");
            }
        }
        let findings = with_progress("Demo", find)??;
        eprintln!("{}", findings.sample.notice());
        eprintln!(
            "{} by {} on {}: {:.0} ml",
            findings.mask.name,
            findings.model,
            findings.provider,
            findings.brain_ml()
        );
        let out = self.out.clone();
        let story = with_progress("Drawing", move |_| draw(&findings, &out))??;
        if self.json {
            return super::print_json(&story);
        }
        for picture in &story.pictures {
            println!("{}", picture.display());
        }
        Ok(())
    }
}

/// The four views as PNG files in `out`.
fn draw(findings: &Findings, out: &std::path::Path) -> anyhow::Result<Story> {
    std::fs::create_dir_all(out).with_context(|| out.display().to_string())?;
    let geometry = &findings.volume.geometry;
    let size = [SIDE, SIDE];
    let base = Layer::image(findings.volume.clone());
    let mask = Layer::labels(findings.mask.clone());
    let mut pictures = Vec::new();
    for view in View::ALL {
        let through = Slices::along(geometry, view.forward()).middle(geometry);
        let scene = SliceScene {
            plane: Plane::fitted(geometry, view, through, size),
            size,
            slab: Slab::default(),
            interpolation: Interpolation::Linear,
            layers: vec![base.clone(), mask.clone()],
            compare: Compare::Blend,
        };
        let mut drawn = slice_picture(&scene, Device::Auto, Fidelity::default())?;
        annotate(
            &mut drawn.image,
            &Annotation::for_plane(&scene.plane, &findings.study, &findings.series, view.name()),
        );
        let path = out.join(format!("{}.png", view.name()));
        save_png(&drawn, &path)?;
        pictures.push(path);
    }
    let scene = VolumeScene {
        camera: Camera { azimuth_deg: 35.0, elevation_deg: 20.0, ..Camera::fitted(geometry, size) },
        mode: VolumeMode::Composite {
            transfer: transfer_presets::for_volume(&findings.volume).remove(0),
            shaded: true,
        },
        base,
        labels: vec![mask],
        size,
        clip: front_cut_away(geometry),
        step: 0.5,
    };
    let mut drawn = volume_picture(&scene, Device::Auto, Fidelity::default())?;
    let device = drawn.device.clone();
    let plane = scene.camera.plane(size);
    annotate(&mut drawn.image, &Annotation::for_plane(&plane, &findings.study, &findings.series, "volume"));
    let path = out.join("volume.png");
    save_png(&drawn, &path)?;
    pictures.push(path);
    Ok(Story {
        sample: findings.sample.name.clone(),
        sample_source: findings.sample.source.clone(),
        sample_license: findings.sample.licence.clone(),
        phantom: findings.sample.fallback,
        model: findings.model.clone(),
        provider: findings.provider.clone(),
        brain_volume_ml: findings.brain_ml(),
        device,
        pictures,
    })
}
