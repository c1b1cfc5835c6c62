//! A finished picture on the graphics device.

use image::RgbaImage;

use super::device::{Gpu, RenderError};
use crate::render::fidelity::Fidelity;

/// A finished picture: an `Rgba8Unorm` texture, fit for `egui_wgpu`'s `register_native_texture`.
#[derive(Debug, Clone)]
pub struct Picture {
    texture: wgpu::Texture,
    view: wgpu::TextureView,
    /// How far it was lowered.
    pub fidelity: Fidelity,
}

/// The format of every picture.
pub(crate) const FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::Rgba8Unorm;

impl Picture {
    pub(crate) fn new(gpu: &Gpu, size: [u32; 2]) -> Self {
        let usage = wgpu::TextureUsages::COPY_SRC | wgpu::TextureUsages::COPY_DST;
        let texture = target(gpu, size, FORMAT, usage);
        let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
        Self { texture, view, fidelity: Fidelity::default() }
    }

    /// The texture.
    #[must_use]
    pub fn texture(&self) -> &wgpu::Texture {
        &self.texture
    }

    /// Its view.
    #[must_use]
    pub fn view(&self) -> &wgpu::TextureView {
        &self.view
    }

    /// Width and height, pixels.
    #[must_use]
    pub fn size(&self) -> [u32; 2] {
        [self.texture.width(), self.texture.height()]
    }

    /// Fills it with a picture of its own size.
    pub(crate) fn write(&self, gpu: &Gpu, image: &RgbaImage) {
        let [width, height] = self.size();
        if image.dimensions() == (width, height) {
            gpu.queue.write_texture(
                self.texture.as_image_copy(),
                image,
                wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(width * 4), rows_per_image: None },
                self.texture.size(),
            );
        }
    }

    pub(crate) fn read(&self, gpu: &Gpu) -> Result<RgbaImage, RenderError> {
        let failed = |e: &dyn std::fmt::Display| RenderError::ReadBack(e.to_string());
        let [width, height] = self.size();
        let row = (width * 4).next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT);
        let buffer = gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("read back"),
            size: u64::from(row) * u64::from(height),
            usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
            mapped_at_creation: false,
        });
        let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        encoder.copy_texture_to_buffer(
            self.texture.as_image_copy(),
            wgpu::TexelCopyBufferInfo {
                buffer: &buffer,
                layout: wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(row), rows_per_image: None },
            },
            self.texture.size(),
        );
        gpu.queue.submit([encoder.finish()]);
        let (sender, receiver) = std::sync::mpsc::channel();
        buffer.map_async(wgpu::MapMode::Read, .., move |r| {
            // The receiver waits below.
            let _ = sender.send(r);
        });
        gpu.device.poll(wgpu::PollType::wait_indefinitely()).map_err(|e| failed(&e))?;
        receiver.recv().map_err(|e| failed(&e))?.map_err(|e| failed(&e))?;
        let mapped = buffer.get_mapped_range(..).map_err(|e| failed(&e))?;
        let bytes = mapped.chunks(row as usize).flat_map(|r| r.iter().take(width as usize * 4)).copied().collect();
        RgbaImage::from_raw(width, height, bytes).ok_or_else(|| failed(&"wrong size"))
    }
}

/// A texture that passes draw into and later ones read.
pub(crate) fn target(
    gpu: &Gpu,
    size: [u32; 2],
    format: wgpu::TextureFormat,
    usage: wgpu::TextureUsages,
) -> wgpu::Texture {
    let limit = gpu.device.limits().max_texture_dimension_2d;
    let [width, height] = size.map(|n| n.clamp(1, limit));
    gpu.device.create_texture(&wgpu::TextureDescriptor {
        label: Some("picture"),
        size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format,
        usage: usage | wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::TEXTURE_BINDING,
        view_formats: &[],
    })
}
