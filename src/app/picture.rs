//! Pictures of `render` as textures of the window, drawn again only when their scene changed.

use std::sync::Arc;

use eframe::egui::{self, ColorImage, TextureHandle, TextureId, TextureOptions};
use rayon::prelude::*;

use crate::display::grey::to_byte;
use crate::render::scene::{Content, Layer, SliceScene, VolumeScene};
use crate::volume::{Interpolation, PatientPoint, resample};

/// What a viewport shows.
#[derive(Debug, Clone)]
pub(crate) enum Scene {
    Slice(SliceScene),
    Volume(VolumeScene),
}

struct Shown {
    scene: Scene,
    texture: TextureHandle,
}

/// The pictures of all viewports.
#[derive(Default)]
pub(crate) struct Pictures {
    shown: Vec<Option<Shown>>,
}

impl Pictures {
    /// The texture of viewport `slot`, drawn again if its scene is another than last time.
    pub fn show(&mut self, ctx: &egui::Context, slot: usize, scene: Scene) -> TextureId {
        if self.shown.len() <= slot {
            self.shown.resize_with(slot + 1, || None);
        }
        if let Some(shown) = &self.shown[slot]
            && same(&shown.scene, &scene)
        {
            return shown.texture.id();
        }
        let image = draw(&scene);
        let texture = ctx.load_texture(format!("viewport {slot}"), image, TextureOptions::NEAREST);
        let id = texture.id();
        self.shown[slot] = Some(Shown { scene, texture });
        id
    }

    /// What draws, for the status bar.
    pub fn device(&self) -> String {
        "CPU".to_owned()
    }
}

fn same(a: &Scene, b: &Scene) -> bool {
    match (a, b) {
        (Scene::Slice(a), Scene::Slice(b)) => {
            a.plane == b.plane
                && a.size == b.size
                && a.slab == b.slab
                && a.interpolation == b.interpolation
                && a.compare == b.compare
                && same_layers(&a.layers, &b.layers)
        }
        (Scene::Volume(a), Scene::Volume(b)) => {
            a.camera == b.camera
                && a.size == b.size
                && a.mode == b.mode
                && a.clip == b.clip
                && a.step == b.step
                && same_layer(&a.base, &b.base)
                && same_layers(&a.labels, &b.labels)
        }
        _ => false,
    }
}

fn same_layers(a: &[Layer], b: &[Layer]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_layer(a, b))
}

fn same_layer(a: &Layer, b: &Layer) -> bool {
    let same_content = match (&a.content, &b.content) {
        (Content::Image(a), Content::Image(b)) => Arc::ptr_eq(a, b),
        (Content::Labels(a), Content::Labels(b)) => Arc::ptr_eq(a, b),
        _ => false,
    };
    same_content
        && a.visible == b.visible
        && a.opacity == b.opacity
        && a.voi == b.voi
        && a.inverted == b.inverted
        && a.colormap == b.colormap
        && a.threshold == b.threshold
        && a.outline == b.outline
}

fn draw(scene: &Scene) -> ColorImage {
    let (plane, size, layers) = match scene {
        Scene::Slice(s) => (s.plane, s.size, s.layers.clone()),
        Scene::Volume(s) => (s.camera.plane(s.size), s.size, vec![s.base.clone()]),
    };
    let width = size[0] as usize;
    let mut pixels = vec![egui::Color32::BLACK; width * size[1] as usize];
    let tables: Vec<_> = layers.iter().map(|l| l.colormap.table()).collect();
    pixels.par_chunks_mut(width.max(1)).enumerate().for_each(|(y, row)| {
        for (x, pixel) in row.iter_mut().enumerate() {
            let at = plane.at(x as f64, y as f64);
            let mut color = [0.0_f32; 3];
            for (layer, table) in layers.iter().zip(&tables).filter(|(l, _)| l.visible) {
                if let Some((c, alpha)) = layer_color(layer, table, at) {
                    for (o, c) in color.iter_mut().zip(c) {
                        *o += (f32::from(c) - *o) * alpha * layer.opacity;
                    }
                }
            }
            *pixel = egui::Color32::from_rgb(color[0] as u8, color[1] as u8, color[2] as u8);
        }
    });
    ColorImage::new([width, size[1] as usize], pixels)
}

fn layer_color(layer: &Layer, table: &[[u8; 3]; 256], at: PatientPoint) -> Option<([u8; 3], f32)> {
    match &layer.content {
        Content::Image(volume) => {
            let p = volume.geometry.to_voxel(at);
            if let Some([r, g, b]) = resample::sample_colour(volume, p, Interpolation::Linear) {
                return Some(([r as u8, g as u8, b as u8], 1.0));
            }
            let stored = resample::sample(volume, p, Interpolation::Linear)?;
            let real = volume.rescale.apply(stored);
            if layer.threshold.is_some_and(|[low, high]| real < low || real > high) {
                return None;
            }
            let level = layer.grey(volume).level(stored)?;
            Some((table[usize::from(to_byte(level))], 1.0))
        }
        Content::Labels(labels) => {
            let value = resample::sample_label(labels, labels.geometry.to_voxel(at)).filter(|v| *v > 0)?;
            let label = labels.label(value).filter(|l| l.visible)?;
            Some((label.color, 1.0))
        }
    }
}
