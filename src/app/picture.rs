//! Pictures of `render` as textures of the window, drawn again only when their scene changed.

use std::sync::Arc;

use eframe::egui::{self, ColorImage, TextureHandle, TextureId, TextureOptions};
use eframe::egui_wgpu::RenderState;
use eframe::wgpu;

use crate::render::Fidelity;
use crate::render::badge::{lay_stamps, stamps};
use crate::render::gpu::Renderer;
use crate::render::reference;
use crate::render::scene::{Content, Layer, SliceScene, VolumeScene};

/// What a viewport shows.
#[derive(Debug, Clone)]
pub(crate) enum Scene {
    Slice(SliceScene),
    Volume(VolumeScene),
}

struct Shown {
    scene: Scene,
    known: Fidelity,
    texture: Texture,
}

enum Texture {
    /// Drawn by the CPU and uploaded.
    Uploaded(TextureHandle),
    /// Drawn on the device that draws the window.
    Native(TextureId),
}

impl Texture {
    fn id(&self) -> TextureId {
        match self {
            Self::Uploaded(handle) => handle.id(),
            Self::Native(id) => *id,
        }
    }
}

/// The pictures of all viewports.
#[derive(Default)]
pub(crate) struct Pictures {
    shown: Vec<Option<Shown>>,
    state: Option<RenderState>,
    /// Made for the first picture: its shaders are not waited for by the first frame of the window.
    renderer: Option<Renderer>,
    device: String,
    /// Why the last picture could not be drawn by the device.
    trouble: Option<String>,
    said: Option<String>,
}

impl Pictures {
    /// Draws with the window's own device; on the CPU where there is none.
    pub fn new(state: Option<&RenderState>) -> Self {
        let device = state.map_or_else(
            || "CPU".to_owned(),
            |state| {
                let info = state.adapter.get_info();
                let software = if info.device_type == wgpu::DeviceType::Cpu { " (software)" } else { "" };
                format!("{}{software}", short(&info.name))
            },
        );
        Self { state: state.cloned(), device, ..Self::default() }
    }

    /// The texture of viewport `slot`, drawn again if its scene is another than last time; `known` is what lowers its
    /// quality beforehand.
    pub fn show(&mut self, ctx: &egui::Context, slot: usize, scene: Scene, known: Fidelity) -> TextureId {
        if self.shown.len() <= slot {
            self.shown.resize_with(slot + 1, || None);
        }
        let old = match self.shown[slot].take() {
            Some(shown) if shown.known == known && same(&shown.scene, &scene) => {
                let id = shown.texture.id();
                self.shown[slot] = Some(shown);
                return id;
            }
            old => old.map(|shown| shown.texture),
        };
        let scale = ctx.pixels_per_point();
        let texture = self.on_device(&scene, known, scale, old.as_ref()).unwrap_or_else(|| {
            let image = on_cpu(&scene, known, scale);
            Texture::Uploaded(ctx.load_texture(format!("viewport {slot}"), image, TextureOptions::NEAREST))
        });
        let id = texture.id();
        self.shown[slot] = Some(Shown { scene, known, texture });
        id
    }

    fn on_device(&mut self, scene: &Scene, known: Fidelity, scale: f32, old: Option<&Texture>) -> Option<Texture> {
        let state = self.state.as_ref()?;
        let renderer = self
            .renderer
            .get_or_insert_with(|| Renderer::new(state.device.clone(), state.queue.clone(), state.adapter.get_info()));
        renderer.set_scale(scale);
        let picture = match scene {
            Scene::Slice(scene) => renderer.render_slice_known(scene, known),
            Scene::Volume(scene) => renderer.render_volume_known(scene, known),
        };
        let picture = match picture {
            Ok(picture) => picture,
            Err(error) => {
                // Said once, not in every frame.
                if self.said.as_deref() != Some(&error.to_string()) {
                    self.said = Some(error.to_string());
                    self.trouble = self.said.clone();
                }
                return None;
            }
        };
        let mut window = state.renderer.write();
        let filter = wgpu::FilterMode::Nearest;
        Some(Texture::Native(match old {
            Some(Texture::Native(id)) => {
                window.update_egui_texture_from_wgpu_texture(&state.device, picture.view(), filter, *id);
                *id
            }
            _ => window.register_native_texture(&state.device, picture.view(), filter),
        }))
    }

    /// Why the device could not draw, once.
    pub fn take_trouble(&mut self) -> Option<String> {
        self.trouble.take()
    }

    /// What draws, for the status bar.
    pub fn device(&self) -> &str {
        &self.device
    }
}

/// An adapter's name without what stands in brackets.
fn short(name: &str) -> String {
    name.split('(').next().unwrap_or(name).trim().to_owned()
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

/// Whether two layers draw the same.
pub(crate) fn same_layer(a: &Layer, b: &Layer) -> bool {
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
        && a.contour == b.contour
        && match (&a.fade, &b.fade) {
            (None, None) => true,
            (Some(a), Some(b)) => a.is_like(b),
            _ => false,
        }
}

/// The picture by the CPU reference: what there is where no device draws.
fn on_cpu(scene: &Scene, mut known: Fidelity, scale: f32) -> ColorImage {
    let (mut image, origin) = match scene {
        Scene::Slice(scene) => {
            known = scene.fidelity(known);
            (reference::render_slice(scene), scene.origin_mark())
        }
        Scene::Volume(scene) => {
            // A quarter of the pixels and a longer step: the reference is exact, not fast.
            let mut small = scene.clone();
            small.size = scene.size.map(|n| n.div_ceil(3));
            small.camera.mm_per_pixel *= 3.0;
            small.step = small.step.max(1.0);
            known.coarse |= small.step > Fidelity::COARSE_STEP;
            (reference::render_volume(&small), scene.origin_mark())
        }
    };
    let marks = stamps([image.width(), image.height()], origin, &known, scale);
    lay_stamps(&mut image, &marks);
    let size = [image.width() as usize, image.height() as usize];
    ColorImage::from_rgba_unmultiplied(size, image.as_raw())
}
