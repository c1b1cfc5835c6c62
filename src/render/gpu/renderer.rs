//! [`Renderer`]: scenes to pictures.

use image::RgbaImage;

use super::device::{Gpu, RenderError};
use super::picture::Picture;
use super::slice_pass::SlicePass;
use super::stamp_pass::StampPass;
use super::texture_store::TextureStore;
use crate::render::badge::stamps;
use crate::render::scene::SliceScene;

/// Draws scenes on a graphics device and keeps the volumes there as long as they exist.
pub struct Renderer {
    gpu: Gpu,
    store: TextureStore,
    slices: SlicePass,
    stamps: StampPass,
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
        Self { gpu, store: TextureStore::new(), slices: SlicePass::default(), stamps: StampPass::default() }
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

    /// The picture of a slice scene, to one grey level that of [`reference`](crate::render::reference), with its marks.
    /// The work is only submitted: read or show the picture to wait for it.
    ///
    /// # Errors
    /// When a volume fits into no texture.
    pub fn render_slice(&mut self, scene: &SliceScene) -> Result<Picture, RenderError> {
        let mut encoder = self.gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let picture = self.slices.draw(&self.gpu, &mut self.store, &mut encoder, scene)?;
        self.finish(encoder, picture, scene.is_synthetic())
    }

    fn finish(
        &mut self,
        mut encoder: wgpu::CommandEncoder,
        picture: Picture,
        synthetic: bool,
    ) -> Result<Picture, RenderError> {
        let stamps = stamps(picture.size(), synthetic, &picture.fidelity);
        self.stamps.draw(&self.gpu, &mut encoder, &picture, &stamps);
        self.gpu.queue.submit([encoder.finish()]);
        Ok(picture)
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
