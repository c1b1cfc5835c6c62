//! Adapters, and what a device must have to draw volumes.

use std::sync::Arc;

/// Why a picture could not be drawn on the graphics device.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RenderError {
    /// No driver offers an adapter.
    #[error("no graphics adapter was found ({0}); use --device cpu, or install a Vulkan driver such as Mesa")]
    NoAdapter(String),
    /// An adapter is there, but gives no device.
    #[error("the graphics adapter gave no device ({0}); use --device cpu")]
    NoDevice(String),
    /// The volume fits into no texture, even reduced.
    #[error("a volume of {size:?} voxels does not fit into the graphics memory")]
    TooLarge {
        /// Its size in voxels.
        size: [usize; 3],
    },
    /// The picture could not be copied back.
    #[error("the picture could not be read back from the graphics device ({0})")]
    ReadBack(String),
    /// A volume view of something else than an image.
    #[error("a volume view needs an image as its base, found labels")]
    NotAnImage,
}

/// The features that pictures use where the adapter has them: 16-bit normalised and filterable float textures. None is
/// required.
#[must_use]
pub fn wanted_features(adapter: &wgpu::Adapter) -> wgpu::Features {
    adapter.features() & (wgpu::Features::TEXTURE_FORMAT_16BIT_NORM | wgpu::Features::FLOAT32_FILTERABLE)
}

/// The limits to ask for: wgpu's defaults, or less where the adapter has less, with textures and buffers as large as the
/// adapter allows.
#[must_use]
pub fn wanted_limits(adapter: &wgpu::Adapter) -> wgpu::Limits {
    let there = adapter.limits();
    wgpu::Limits {
        max_texture_dimension_2d: there.max_texture_dimension_2d,
        max_texture_dimension_3d: there.max_texture_dimension_3d,
        max_buffer_size: there.max_buffer_size,
        max_storage_buffer_binding_size: there.max_storage_buffer_binding_size,
        ..wgpu::Limits::default().or_worse_values_from(&there)
    }
}

/// A device with its queue and what it can do.
#[derive(Debug, Clone)]
pub(crate) struct Gpu {
    pub(crate) device: wgpu::Device,
    pub(crate) queue: wgpu::Queue,
    pub(crate) info: Arc<wgpu::AdapterInfo>,
}

impl Gpu {
    /// The best adapter of this machine, without a window.
    pub(crate) fn headless() -> Result<Self, RenderError> {
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
        let options = wgpu::RequestAdapterOptions {
            power_preference: wgpu::PowerPreference::HighPerformance,
            ..Default::default()
        };
        let adapter = pollster::block_on(instance.request_adapter(&options))
            .map_err(|e| RenderError::NoAdapter(e.to_string()))?;
        let (device, queue) = pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor {
            label: Some("veritome"),
            required_features: wanted_features(&adapter),
            required_limits: wanted_limits(&adapter),
            ..Default::default()
        }))
        .map_err(|e| RenderError::NoDevice(e.to_string()))?;
        Ok(Self { device, queue, info: Arc::new(adapter.get_info()) })
    }

    pub(crate) fn has(&self, feature: wgpu::Features) -> bool {
        self.device.features().contains(feature)
    }

    /// A buffer that holds `bytes`.
    pub(crate) fn buffer(&self, label: &str, bytes: &[u8], usage: wgpu::BufferUsages) -> wgpu::Buffer {
        let buffer = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            size: (bytes.len().max(16) as u64).next_multiple_of(16),
            usage: usage | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        self.queue.write_buffer(&buffer, 0, bytes);
        buffer
    }

    /// A shader module out of WGSL parts that follow each other.
    pub(crate) fn shader(&self, label: &str, parts: &[&str]) -> wgpu::ShaderModule {
        self.device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some(label),
            source: wgpu::ShaderSource::Wgsl(parts.join("\n").into()),
        })
    }

    /// A pipeline that draws one triangle over the whole target with `fragment`.
    pub(crate) fn pipeline(
        &self,
        module: &wgpu::ShaderModule,
        fragment: &str,
        layout: &wgpu::BindGroupLayout,
        format: wgpu::TextureFormat,
        blend: Option<wgpu::BlendState>,
    ) -> wgpu::RenderPipeline {
        let layout = self.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(fragment),
            bind_group_layouts: &[Some(layout)],
            immediate_size: 0,
        });
        self.device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
            label: Some(fragment),
            layout: Some(&layout),
            vertex: wgpu::VertexState {
                module,
                entry_point: Some("whole_picture"),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                buffers: &[],
            },
            primitive: wgpu::PrimitiveState::default(),
            depth_stencil: None,
            multisample: wgpu::MultisampleState::default(),
            fragment: Some(wgpu::FragmentState {
                module,
                entry_point: Some(fragment),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                targets: &[Some(wgpu::ColorTargetState { format, blend, write_mask: wgpu::ColorWrites::ALL })],
            }),
            multiview_mask: None,
            cache: None,
        })
    }
}

/// Layers over layers: colours mixed by the fragment's alpha, the target's alpha left as it is.
pub(crate) const LAYER_BLEND: wgpu::BlendState = wgpu::BlendState {
    color: wgpu::BlendComponent {
        src_factor: wgpu::BlendFactor::SrcAlpha,
        dst_factor: wgpu::BlendFactor::OneMinusSrcAlpha,
        operation: wgpu::BlendOperation::Add,
    },
    alpha: wgpu::BlendComponent {
        src_factor: wgpu::BlendFactor::Zero,
        dst_factor: wgpu::BlendFactor::One,
        operation: wgpu::BlendOperation::Add,
    },
};

/// One entry of a bind group layout, for fragments.
pub(crate) fn binding(binding: u32, ty: wgpu::BindingType) -> wgpu::BindGroupLayoutEntry {
    wgpu::BindGroupLayoutEntry { binding, visibility: wgpu::ShaderStages::FRAGMENT, ty, count: None }
}

/// A buffer binding.
pub(crate) fn buffer_binding(ty: wgpu::BufferBindingType) -> wgpu::BindingType {
    wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None }
}

/// A texture binding.
pub(crate) fn texture_binding(
    sample_type: wgpu::TextureSampleType,
    view_dimension: wgpu::TextureViewDimension,
) -> wgpu::BindingType {
    wgpu::BindingType::Texture { sample_type, view_dimension, multisampled: false }
}

/// Runs `draw` in a pass over `view`, cleared to opaque black if wanted.
pub(crate) fn pass(
    encoder: &mut wgpu::CommandEncoder,
    view: &wgpu::TextureView,
    clear: bool,
    draw: impl FnOnce(&mut wgpu::RenderPass<'_>),
) {
    let load = if clear { wgpu::LoadOp::Clear(wgpu::Color::BLACK) } else { wgpu::LoadOp::Load };
    let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
        color_attachments: &[Some(wgpu::RenderPassColorAttachment {
            view,
            depth_slice: None,
            resolve_target: None,
            ops: wgpu::Operations { load, store: wgpu::StoreOp::Store },
        })],
        ..Default::default()
    });
    draw(&mut pass);
}
