//! Volumes as 3D textures in their stored precision, uploaded once, gone when the volume is.

use std::sync::{Arc, Weak};

use super::device::{Gpu, RenderError};
use crate::volume::{Labelmap, Volume, Voxels};

/// How a shader reads a texture's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Access {
    /// `texture_3d<f32>`.
    Float,
    /// `texture_3d<u32>`.
    Uint,
    /// `texture_3d<i32>`.
    Sint,
    /// `texture_3d<f32>`, red green blue.
    Colour,
}

impl Access {
    pub(crate) fn sample_type(self, filterable: bool) -> wgpu::TextureSampleType {
        match self {
            Self::Float | Self::Colour => wgpu::TextureSampleType::Float { filterable },
            Self::Uint => wgpu::TextureSampleType::Uint,
            Self::Sint => wgpu::TextureSampleType::Sint,
        }
    }
}

/// A volume on the graphics device. `stored = texture number * scale - bias`.
#[derive(Debug, Clone)]
pub(crate) struct VolumeTexture {
    pub(crate) view: wgpu::TextureView,
    pub(crate) access: Access,
    pub(crate) scale: f64,
    pub(crate) bias: f64,
    /// Stored numbers are whole.
    pub(crate) whole: bool,
    /// Size of the texture.
    pub(crate) size: [u32; 3],
    /// Every n-th voxel of each axis is there.
    pub(crate) reduced: u32,
    /// Hardware may interpolate it.
    pub(crate) filterable: bool,
}

struct Entry {
    key: usize,
    alive: Box<dyn Fn() -> bool + Send + Sync>,
    texture: VolumeTexture,
}

/// The textures of all volumes that were drawn and still exist.
pub(crate) struct TextureStore {
    entries: Vec<Entry>,
    /// Bytes that one volume may take.
    pub(crate) limit_bytes: u64,
    /// Draw as if the adapter had no 16-bit normalised textures.
    pub(crate) without_norm16: bool,
}

/// Bytes that are converted and sent at a time.
const SLAB_BYTES: usize = 32 << 20;

impl TextureStore {
    pub(crate) fn new() -> Self {
        Self { entries: Vec::new(), limit_bytes: 4 << 30, without_norm16: false }
    }

    /// How many textures are held.
    pub(crate) fn len(&mut self) -> usize {
        self.entries.retain(|e| (e.alive)());
        self.entries.len()
    }

    /// The texture of a volume's voxels.
    pub(crate) fn volume(&mut self, gpu: &Gpu, volume: &Volume) -> Result<VolumeTexture, RenderError> {
        let (key, alive) = match &volume.voxels {
            Voxels::U8(v) => identity(v),
            Voxels::I16(v) => identity(v),
            Voxels::U16(v) => identity(v),
            Voxels::I32(v) => identity(v),
            Voxels::F32(v) => identity(v),
            Voxels::F64(v) => identity(v),
            Voxels::Rgb8(v) => identity(v),
        };
        self.get(key, alive, |store| store.upload_volume(gpu, volume))
    }

    /// The texture of a labelmap.
    pub(crate) fn labels(&mut self, gpu: &Gpu, labels: &Labelmap) -> Result<VolumeTexture, RenderError> {
        let (key, alive) = identity(&labels.voxels);
        self.get(key, alive, |store| {
            let upload = store.plan(gpu, labels.geometry.size(), wgpu::TextureFormat::R16Uint, 2);
            let texture = upload.run(gpu, |n, out| out.extend_from_slice(&labels.voxels[n].to_le_bytes()))?;
            Ok(texture.read(Access::Uint, 1.0, 0.0, true, false))
        })
    }

    fn get(
        &mut self,
        key: usize,
        alive: Box<dyn Fn() -> bool + Send + Sync>,
        upload: impl FnOnce(&Self) -> Result<VolumeTexture, RenderError>,
    ) -> Result<VolumeTexture, RenderError> {
        self.entries.retain(|e| (e.alive)());
        if let Some(entry) = self.entries.iter().find(|e| e.key == key) {
            return Ok(entry.texture.clone());
        }
        let texture = upload(self)?;
        self.entries.push(Entry { key, alive, texture: texture.clone() });
        Ok(texture)
    }

    fn upload_volume(&self, gpu: &Gpu, volume: &Volume) -> Result<VolumeTexture, RenderError> {
        use wgpu::TextureFormat as F;
        let size = volume.size();
        let norm16 = !self.without_norm16 && gpu.has(wgpu::Features::TEXTURE_FORMAT_16BIT_NORM);
        let float_filter = gpu.has(wgpu::Features::FLOAT32_FILTERABLE);
        match &volume.voxels {
            Voxels::U8(v) => {
                let t = self.plan(gpu, size, F::R8Unorm, 1).run(gpu, |n, out| out.push(v[n]))?;
                Ok(t.read(Access::Float, 255.0, 0.0, true, true))
            }
            Voxels::U16(v) => {
                let format = if norm16 { F::R16Unorm } else { F::R16Uint };
                let t = self.plan(gpu, size, format, 2).run(gpu, |n, out| out.extend(v[n].to_le_bytes()))?;
                Ok(if norm16 {
                    t.read(Access::Float, 65535.0, 0.0, true, true)
                } else {
                    t.read(Access::Uint, 1.0, 0.0, true, false)
                })
            }
            Voxels::I16(v) if norm16 => {
                // Biased to unsigned: signed normalised textures fold -32768 onto -32767.
                let biased = |n: usize, out: &mut Vec<u8>| out.extend((v[n] as u16 ^ 0x8000).to_le_bytes());
                let t = self.plan(gpu, size, F::R16Unorm, 2).run(gpu, biased)?;
                Ok(t.read(Access::Float, 65535.0, 32768.0, true, true))
            }
            Voxels::I16(v) => {
                let t = self.plan(gpu, size, F::R16Sint, 2).run(gpu, |n, out| out.extend(v[n].to_le_bytes()))?;
                Ok(t.read(Access::Sint, 1.0, 0.0, true, false))
            }
            // Exact to 2^24; beyond that, and for f64, to seven digits.
            Voxels::I32(v) => self.float(gpu, size, float_filter, |n| v[n] as f32),
            Voxels::F32(v) => self.float(gpu, size, float_filter, |n| v[n]),
            Voxels::F64(v) => self.float(gpu, size, float_filter, |n| v[n] as f32),
            Voxels::Rgb8(v) => {
                let rgba = |n: usize, out: &mut Vec<u8>| out.extend([v[n][0], v[n][1], v[n][2], 255]);
                let t = self.plan(gpu, size, F::Rgba8Unorm, 4).run(gpu, rgba)?;
                Ok(t.read(Access::Colour, 255.0, 0.0, true, true))
            }
        }
    }

    fn float(
        &self,
        gpu: &Gpu,
        size: [usize; 3],
        filterable: bool,
        at: impl Fn(usize) -> f32 + Sync,
    ) -> Result<VolumeTexture, RenderError> {
        let plan = self.plan(gpu, size, wgpu::TextureFormat::R32Float, 4);
        let texture = plan.run(gpu, |n, out| out.extend(finite(at(n)).to_le_bytes()))?;
        Ok(texture.read(Access::Float, 1.0, 0.0, false, filterable))
    }

    fn plan(&self, gpu: &Gpu, size: [usize; 3], format: wgpu::TextureFormat, bytes: usize) -> Upload {
        let limit = gpu.device.limits().max_texture_dimension_3d as usize;
        let fits = |reduced: usize| {
            let size = size.map(|n| n.div_ceil(reduced));
            let total = size.iter().map(|n| *n as u64).product::<u64>().saturating_mul(bytes as u64);
            size.iter().all(|n| *n <= limit) && total <= self.limit_bytes
        };
        let reduced = (1..=1 << 16).find(|r| fits(*r)).unwrap_or(1 << 16);
        Upload { whole_size: size, reduced, format, bytes }
    }
}

/// NaN as the shaders' NOTHING, infinities as large numbers.
fn finite(x: f32) -> f32 {
    if x.is_nan() { -3.4e38 } else { x.clamp(-3e38, 3e38) }
}

fn identity<T: Send + Sync + 'static>(v: &Arc<Vec<T>>) -> (usize, Box<dyn Fn() -> bool + Send + Sync>) {
    let weak: Weak<Vec<T>> = Arc::downgrade(v);
    // The address stays taken as long as the weak pointer lives.
    (Arc::as_ptr(v) as usize, Box::new(move || weak.strong_count() > 0))
}

struct Upload {
    whole_size: [usize; 3],
    reduced: usize,
    format: wgpu::TextureFormat,
    bytes: usize,
}

struct Uploaded {
    view: wgpu::TextureView,
    size: [u32; 3],
    reduced: u32,
}

impl Uploaded {
    fn read(self, access: Access, scale: f64, bias: f64, whole: bool, filterable: bool) -> VolumeTexture {
        let Self { view, size, reduced } = self;
        VolumeTexture { view, access, scale, bias, whole, size, reduced, filterable }
    }
}

impl Upload {
    /// Makes the texture; where the device has no memory for it, one with fewer voxels.
    fn run(mut self, gpu: &Gpu, put: impl Fn(usize, &mut Vec<u8>) + Sync) -> Result<Uploaded, RenderError> {
        loop {
            let memory = gpu.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
            let uploaded = self.attempt(gpu, &put);
            if pollster::block_on(memory.pop()).is_none() {
                return Ok(uploaded);
            }
            if self.reduced >= 64 {
                return Err(RenderError::TooLarge { size: self.whole_size });
            }
            self.reduced *= 2;
        }
    }

    fn attempt(&self, gpu: &Gpu, put: &(impl Fn(usize, &mut Vec<u8>) + Sync)) -> Uploaded {
        use rayon::prelude::*;
        let size = self.whole_size.map(|n| n.div_ceil(self.reduced));
        let [width, height, depth] = size.map(|n| n as u32);
        let texture = gpu.device.create_texture(&wgpu::TextureDescriptor {
            label: Some("volume"),
            size: wgpu::Extent3d { width, height, depth_or_array_layers: depth },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D3,
            format: self.format,
            usage: wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST,
            view_formats: &[],
        });
        let plane_bytes = size[0] * size[1] * self.bytes;
        let planes = (SLAB_BYTES / plane_bytes.max(1)).clamp(1, size[2]);
        for first in (0..size[2]).step_by(planes) {
            let count = planes.min(size[2] - first);
            let slab: Vec<Vec<u8>> = (first..first + count)
                .into_par_iter()
                .map(|z| {
                    let mut plane = Vec::with_capacity(plane_bytes);
                    for y in 0..size[1] {
                        let row = (z * self.whole_size[1] + y) * self.reduced * self.whole_size[0];
                        (0..size[0]).for_each(|x| put(row + x * self.reduced, &mut plane));
                    }
                    plane
                })
                .collect();
            for (n, plane) in slab.iter().enumerate() {
                gpu.queue.write_texture(
                    wgpu::TexelCopyTextureInfo {
                        texture: &texture,
                        mip_level: 0,
                        origin: wgpu::Origin3d { x: 0, y: 0, z: (first + n) as u32 },
                        aspect: wgpu::TextureAspect::All,
                    },
                    plane,
                    wgpu::TexelCopyBufferLayout {
                        offset: 0,
                        bytes_per_row: Some(width * self.bytes as u32),
                        rows_per_image: Some(height),
                    },
                    wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
                );
            }
            // Sent at once, so that the copies on the way to the device do not pile up to a second volume.
            gpu.queue.submit([]);
            if planes < size[2] {
                let _ = gpu.device.poll(wgpu::PollType::wait_indefinitely());
            }
        }
        let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
        Uploaded { view, size: [width, height, depth], reduced: self.reduced as u32 }
    }
}
