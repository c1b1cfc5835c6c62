//! Marks laid into a finished picture, with `shaders/stamp.wgsl`.

use super::device::{Gpu, LAYER_BLEND, binding, buffer_binding, pass, texture_binding};
use super::picture::{FORMAT, Picture};
use crate::render::badge::Stamp;

/// The pipeline, made when it is first needed.
#[derive(Default)]
pub(crate) struct StampPass {
    pipeline: Option<wgpu::RenderPipeline>,
}

impl StampPass {
    /// Lays `stamps` over the picture.
    pub(crate) fn draw(&mut self, gpu: &Gpu, encoder: &mut wgpu::CommandEncoder, picture: &Picture, stamps: &[Stamp]) {
        let make = || {
            let texture = wgpu::TextureSampleType::Float { filterable: false };
            let layout = gpu.device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
                label: Some("stamp"),
                entries: &[
                    binding(0, buffer_binding(wgpu::BufferBindingType::Uniform)),
                    binding(1, texture_binding(texture, wgpu::TextureViewDimension::D2)),
                ],
            });
            let module = gpu.shader("stamp", &[include_str!("../../../shaders/stamp.wgsl")]);
            gpu.pipeline(&module, "stamp", &layout, FORMAT, Some(LAYER_BLEND))
        };
        let [picture_width, picture_height] = picture.size();
        for stamp in stamps {
            let (width, height) = stamp.image.dimensions();
            let [x, y] = stamp.at;
            if width == 0 || height == 0 || x + width > picture_width || y + height > picture_height {
                continue;
            }
            let pipeline = self.pipeline.get_or_insert_with(make);
            let texture = gpu.device.create_texture(&wgpu::TextureDescriptor {
                label: Some("stamp"),
                size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
                mip_level_count: 1,
                sample_count: 1,
                dimension: wgpu::TextureDimension::D2,
                format: FORMAT,
                usage: wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST,
                view_formats: &[],
            });
            gpu.queue.write_texture(
                texture.as_image_copy(),
                &stamp.image,
                wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(width * 4), rows_per_image: None },
                texture.size(),
            );
            let corner = [x as i32, y as i32, 0, 0];
            let corner = gpu.buffer("corner", bytemuck::bytes_of(&corner), wgpu::BufferUsages::UNIFORM);
            let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
            let group = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: None,
                layout: &pipeline.get_bind_group_layout(0),
                entries: &[
                    wgpu::BindGroupEntry { binding: 0, resource: corner.as_entire_binding() },
                    wgpu::BindGroupEntry { binding: 1, resource: wgpu::BindingResource::TextureView(&view) },
                ],
            });
            pass(encoder, picture.view(), false, |pass| {
                pass.set_pipeline(pipeline);
                pass.set_bind_group(0, &group, &[]);
                pass.set_scissor_rect(x, y, width, height);
                pass.draw(0..3, 0..1);
            });
        }
    }
}
