//! [`Renderer`]: scenes to pictures.

use image::RgbaImage;

use super::device::{Gpu, RenderError};
use super::picture::Picture;
use super::slice_pass::SlicePass;
use super::stamp_pass::StampPass;
use super::texture_store::TextureStore;
use super::volume_pass::VolumePass;
use crate::render::badge::{lay_stamps, stamps};
use crate::render::fidelity::Fidelity;
use crate::render::reference;
use crate::render::scene::{SliceScene, VolumeScene};
use crate::volume::OriginMark;

/// Draws scenes on a graphics device and keeps the volumes there as long as they exist.
pub struct Renderer {
    gpu: Gpu,
    store: TextureStore,
    slices: SlicePass,
    volumes: VolumePass,
    stamps: StampPass,
    slices_on_cpu: bool,
    scale: f32,
}

impl std::fmt::Debug for Renderer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Renderer").field("adapter", &self.gpu.info.name).finish_non_exhaustive()
    }
}

impl Renderer {
    /// On the best adapter of this machine, without a window.
    ///
    /// # Errors
    /// When there is no adapter or it gives no device.
    pub fn headless() -> Result<Self, RenderError> {
        Gpu::headless().map(Self::with)
    }

    /// On a device that somebody else made, for instance eframe; see [`wanted_features`](super::wanted_features) and
    /// [`wanted_limits`](super::wanted_limits).
    #[must_use]
    pub fn new(device: wgpu::Device, queue: wgpu::Queue, info: wgpu::AdapterInfo) -> Self {
        Self::with(Gpu { device, queue, info: info.into() })
    }

    fn with(gpu: Gpu) -> Self {
        let slices_on_cpu = gpu.info.device_type == wgpu::DeviceType::Cpu;
        Self {
            slices_on_cpu,
            scale: 1.0,
            gpu,
            store: TextureStore::new(),
            slices: SlicePass::default(),
            volumes: VolumePass::default(),
            stamps: StampPass::default(),
        }
    }

    /// What the adapter calls itself.
    #[must_use]
    pub fn adapter_name(&self) -> &str {
        &self.gpu.info.name
    }

    /// Whether the adapter is a program on the processor (llvmpipe, WARP).
    #[must_use]
    pub fn is_software(&self) -> bool {
        self.gpu.info.device_type == wgpu::DeviceType::Cpu
    }

    /// The most that one volume may take in the graphics memory, bytes (4 GiB at first); larger ones are reduced, and
    /// marked.
    pub fn set_volume_limit(&mut self, bytes: u64) {
        self.store.limit_bytes = bytes.max(1);
    }

    /// How many volumes are held in the graphics memory.
    pub fn held_volumes(&mut self) -> usize {
        self.store.len()
    }

    /// The pixels that a point of text takes on the screen that shows the pictures (1 at first): marks grow with it.
    pub fn set_scale(&mut self, pixels_per_point: f32) {
        self.scale = pixels_per_point;
    }

    /// Where slices are drawn. Software adapters interpolate by hand far slower than the processor does by itself, so on them
    /// slices come from the CPU reference (to the formula, and quicker) unless this is set to `false`.
    pub fn set_slices_on_cpu(&mut self, on_cpu: bool) {
        self.slices_on_cpu = on_cpu;
    }

    /// The picture of a slice scene, to one grey level that of [the reference](mod@crate::render::reference), with its marks.
    /// The work is only submitted: read or show the picture to wait for it.
    ///
    /// # Errors
    /// When a volume fits into no texture.
    pub fn render_slice(&mut self, scene: &SliceScene) -> Result<Picture, RenderError> {
        self.render_slice_known(scene, Fidelity::default())
    }

    /// As [`Renderer::render_slice`], with marks for what the caller knows of the data's quality.
    ///
    /// # Errors
    /// When a volume fits into no texture.
    pub fn render_slice_known(&mut self, scene: &SliceScene, known: Fidelity) -> Result<Picture, RenderError> {
        let known = scene.fidelity(known);
        if self.slices_on_cpu {
            let mut picture = Picture::new(&self.gpu, scene.size);
            picture.fidelity = known;
            let mut image = reference::render_slice(scene);
            lay_stamps(&mut image, &stamps(picture.size(), scene.origin_mark(), &known, self.scale));
            picture.write(&self.gpu, &image);
            return Ok(picture);
        }
        let mut encoder = self.gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let picture = self.slices.draw(&self.gpu, &mut self.store, &mut encoder, scene)?;
        Ok(self.finish(encoder, picture, scene.origin_mark(), known))
    }

    /// The picture of a volume scene, with its marks. While the eye moves, pass a larger `step` and a smaller `size`; the
    /// picture says that it is coarse. The work is only submitted: read or show the picture to wait for it.
    ///
    /// # Errors
    /// When the base is no image or fits into no texture.
    pub fn render_volume(&mut self, scene: &VolumeScene) -> Result<Picture, RenderError> {
        self.render_volume_known(scene, Fidelity::default())
    }

    /// As [`Renderer::render_volume`], with marks for what the caller knows of the data's quality.
    ///
    /// # Errors
    /// When the base is no image or fits into no texture.
    pub fn render_volume_known(&mut self, scene: &VolumeScene, known: Fidelity) -> Result<Picture, RenderError> {
        let mut encoder = self.gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let picture = self.volumes.draw(&self.gpu, &mut self.store, &mut encoder, scene)?;
        Ok(self.finish(encoder, picture, scene.origin_mark(), known))
    }

    fn finish(
        &mut self,
        mut encoder: wgpu::CommandEncoder,
        mut picture: Picture,
        origin: Option<OriginMark>,
        known: Fidelity,
    ) -> Picture {
        picture.fidelity = picture.fidelity.and(known);
        let stamps = stamps(picture.size(), origin, &picture.fidelity, self.scale);
        self.stamps.draw(&self.gpu, &mut encoder, &picture, &stamps);
        self.gpu.queue.submit([encoder.finish()]);
        picture
    }

    /// A picture as bytes; waits until it is drawn.
    ///
    /// # Errors
    /// When the device is lost.
    pub fn read(&self, picture: &Picture) -> Result<RgbaImage, RenderError> {
        picture.read(&self.gpu)
    }

    #[cfg(test)]
    pub(crate) fn without_norm16(mut self) -> Self {
        self.store.without_norm16 = true;
        self
    }
}
