//! Volumes by ray casting, with `shaders/ray*.wgsl`.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use bytemuck::{Pod, Zeroable};
use glam::{DMat3, DVec3};

use super::blocks::{BLOCK, Blocks, Grid};
use super::device::{Gpu, RenderError, binding, buffer_binding, pass, texture_binding};
use super::picture::{FORMAT, Picture};
use super::ray_labels::{RayLabel, left_out, ray_labels};
use super::slice_pass::voi_terms;
use super::texture_store::{Access, TextureStore, VolumeTexture};
use crate::display::{ColorMap, Voi, VoiFunction};
use crate::render::fidelity::Fidelity;
use crate::render::scene::{Content, TransferFunction, VolumeMode, VolumeScene};
use crate::volume::Volume;

/// `Ray` of `shaders/ray.wgsl`, field by field.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, Pod, Zeroable)]
struct RayUniform {
    start: [f32; 4],
    dx: [f32; 4],
    dy: [f32; 4],
    step: [f32; 4],
    inverse_step: [f32; 4],
    clip_low: [f32; 4],
    clip_high: [f32; 4],
    size: [i32; 4],
    inverse_size: [f32; 4],
    value: [f32; 4],
    limits: [f32; 4],
    look: [f32; 4],
    mode: [u32; 4],
    gradient: [[f32; 4]; 3],
    view: [f32; 4],
    bounds: [f32; 4],
}

const FLAG_PADDING: u32 = 1;
const FLAG_INVERTED: u32 = 4;
const FLAG_COLORMAP: u32 = 8;
const FLAG_THRESHOLD: u32 = 16;
const FLAG_WHOLE_NUMBERS: u32 = 32;
const FLAG_HIDDEN: u32 = 128;

/// Entries of the transfer table.
const TRANSFER: usize = 4096;
/// Beyond every value.
const FAR: f32 = 3.2e38;

/// What a pipeline was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Variant {
    access: Access,
    filtered: bool,
    composite: bool,
    shaded: bool,
    average: bool,
    labels: usize,
}

/// The pipelines and block grids of the volume passes.
#[derive(Default)]
pub(crate) struct VolumePass {
    pipelines: HashMap<Variant, wgpu::RenderPipeline>,
    grids: Vec<(u64, wgpu::TextureView, wgpu::TextureView)>,
    sampler: Option<wgpu::Sampler>,
}

impl VolumePass {
    /// Draws the scene, all but the marks.
    pub(crate) fn draw(
        &mut self,
        gpu: &Gpu,
        store: &mut TextureStore,
        encoder: &mut wgpu::CommandEncoder,
        scene: &VolumeScene,
    ) -> Result<Picture, RenderError> {
        let Content::Image(volume) = &scene.base.content else { return Err(RenderError::NotAnImage) };
        let texture = store.volume(gpu, volume)?;
        let blocks = store.blocks(volume, &texture);
        let labels = ray_labels(gpu, store, scene, volume)?;
        let variant = Variant {
            access: texture.access,
            filtered: texture.filterable && volume.padding.is_none() && !texture.has_nothing,
            composite: matches!(scene.mode, VolumeMode::Composite { .. }),
            shaded: matches!(scene.mode, VolumeMode::Composite { shaded: true, .. }),
            average: scene.mode == VolumeMode::Average,
            labels: labels.len(),
        };
        let mut uniform = geometry(scene, volume, &texture);
        let (tables, transfer, grids) = match &scene.mode {
            VolumeMode::Composite { transfer, .. } => {
                let table = composite(&mut uniform, scene, volume, &texture, transfer);
                let bytes = (bytemuck::cast_slice::<_, u8>(&table), bytemuck::bytes_of(&uniform.limits));
                let key = (texture.id, bytes, labels.iter().map(RayLabel::key).collect::<Vec<_>>());
                let make = || {
                    let mut taken = taken(&blocks, &table, &uniform, texture.bias as f32);
                    let side = BLOCK * texture.reduced.max(1) as usize;
                    labels.iter().for_each(|l| l.mark(&mut taken, blocks.size, side, &volume.geometry));
                    let grid = Grid::free_distance(blocks.size, &taken);
                    (grid, Grid { size: [1; 3], values: vec![0.0] })
                };
                let grids = self.grids(gpu, hash(key), make);
                (Vec::new(), table, grids)
            }
            _ => {
                let tables = projection(&mut uniform, scene, volume, &texture);
                let (sign, zero) = (uniform.look[3], uniform.value[1] - texture.bias as f32);
                let value = |[low, high]: [f32; 2]| ((low - zero) * sign).max((high - zero) * sign);
                let make = || blocks.highest(|r| if r[0] <= r[1] { value(r) } else { f32::NEG_INFINITY });
                let grids = self.grids(gpu, hash((texture.id, sign.to_bits(), zero.to_bits())), make);
                (tables, vec![[0; 2]], grids)
            }
        };
        let uniform = gpu.buffer("ray", bytemuck::bytes_of(&uniform), wgpu::BufferUsages::UNIFORM);
        let tables = gpu.buffer("tables", bytemuck::cast_slice(&tables), wgpu::BufferUsages::STORAGE);
        let transfer = gpu.buffer("transfer", bytemuck::cast_slice(&transfer), wgpu::BufferUsages::STORAGE);
        let sampler = self.sampler.get_or_insert_with(|| {
            gpu.device.create_sampler(&wgpu::SamplerDescriptor {
                mag_filter: wgpu::FilterMode::Linear,
                min_filter: wgpu::FilterMode::Linear,
                ..Default::default()
            })
        });
        let mut entries = vec![
            wgpu::BindGroupEntry { binding: 0, resource: uniform.as_entire_binding() },
            wgpu::BindGroupEntry { binding: 1, resource: wgpu::BindingResource::TextureView(&texture.view) },
            wgpu::BindGroupEntry { binding: 3, resource: tables.as_entire_binding() },
            wgpu::BindGroupEntry { binding: 4, resource: wgpu::BindingResource::TextureView(&grids.0) },
            wgpu::BindGroupEntry { binding: 5, resource: wgpu::BindingResource::TextureView(&grids.1) },
            wgpu::BindGroupEntry { binding: 6, resource: transfer.as_entire_binding() },
        ];
        for (n, label) in labels.iter().enumerate() {
            entries.extend(label.entries(n as u32));
        }
        if variant.filtered {
            entries.push(wgpu::BindGroupEntry { binding: 2, resource: wgpu::BindingResource::Sampler(sampler) });
        }
        let pipeline = self.pipelines.entry(variant).or_insert_with(|| make_pipeline(gpu, variant));
        let group = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &pipeline.get_bind_group_layout(0),
            entries: &entries,
        });
        let mut picture = Picture::new(gpu, scene.size);
        let [x, y, width, height] = covered(scene, volume);
        pass(encoder, picture.view(), true, |pass| {
            if width > 0 && height > 0 {
                pass.set_pipeline(pipeline);
                pass.set_bind_group(0, &group, &[]);
                pass.set_scissor_rect(x, y, width, height);
                pass.draw(0..3, 0..1);
            }
        });
        picture.fidelity = Fidelity {
            coarse: scene.step > Fidelity::COARSE_STEP,
            reduced: if texture.reduced > 1 { texture.reduced } else { 0 },
            labels_left_out: left_out(scene),
            ..Fidelity::default()
        };
        Ok(picture)
    }

    /// The block grids of `key`, made and sent only once.
    fn grids(
        &mut self,
        gpu: &Gpu,
        key: u64,
        make: impl FnOnce() -> (Grid, Grid),
    ) -> (wgpu::TextureView, wgpu::TextureView) {
        if let Some((_, a, b)) = self.grids.iter().find(|(k, ..)| *k == key) {
            return (a.clone(), b.clone());
        }
        let (a, b) = make();
        let (a, b) = (send(gpu, &a), send(gpu, &b));
        // Enough for a few volumes and a transfer function under edit.
        if self.grids.len() >= 8 {
            self.grids.remove(0);
        }
        self.grids.push((key, a.clone(), b.clone()));
        (a, b)
    }
}

fn hash(key: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

fn send(gpu: &Gpu, grid: &Grid) -> wgpu::TextureView {
    let [width, height, depth] = grid.size.map(|n| n as u32);
    let size = wgpu::Extent3d { width, height, depth_or_array_layers: depth };
    let texture = gpu.device.create_texture(&wgpu::TextureDescriptor {
        label: Some("blocks"),
        size,
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D3,
        format: wgpu::TextureFormat::R32Float,
        usage: wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST,
        view_formats: &[],
    });
    gpu.queue.write_texture(
        texture.as_image_copy(),
        bytemuck::cast_slice(&grid.values),
        wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(width * 4), rows_per_image: Some(height) },
        size,
    );
    texture.create_view(&wgpu::TextureViewDescriptor::default())
}

fn make_pipeline(gpu: &Gpu, v: Variant) -> wgpu::RenderPipeline {
    let constants = format!(
        "const SHADED = {};\nconst AVERAGE = {};\nconst COLOUR = {};\n",
        v.shaded,
        v.average,
        v.access == Access::Colour
    );
    let texel = match v.access {
        Access::Float | Access::Colour => "f32",
        Access::Uint => "u32",
        Access::Sint => "i32",
    };
    let voxels = if v.filtered {
        include_str!("../../../shaders/ray_voxels_filtered.wgsl").to_owned()
    } else {
        include_str!("../../../shaders/ray_voxels_manual.wgsl").replace("TEXEL>", &format!("{texel}>"))
    };
    let (main, fragment) = if v.composite {
        (include_str!("../../../shaders/raycast_composite.wgsl"), "composite")
    } else {
        (include_str!("../../../shaders/raycast_projection.wgsl"), "project")
    };
    let module = gpu.shader(
        fragment,
        &[&constants, include_str!("../../../shaders/ray.wgsl"), &voxels, &super::ray_labels::shader(v.labels), main],
    );
    let block =
        || texture_binding(wgpu::TextureSampleType::Float { filterable: false }, wgpu::TextureViewDimension::D3);
    let storage = || buffer_binding(wgpu::BufferBindingType::Storage { read_only: true });
    let mut entries = vec![
        binding(0, buffer_binding(wgpu::BufferBindingType::Uniform)),
        binding(1, texture_binding(v.access.sample_type(v.filtered), wgpu::TextureViewDimension::D3)),
        binding(3, storage()),
        binding(4, block()),
        binding(5, block()),
        binding(6, storage()),
    ];
    if v.filtered {
        entries.push(binding(2, wgpu::BindingType::Sampler(wgpu::SamplerBindingType::Filtering)));
    }
    (0..v.labels as u32).for_each(|n| entries.extend(super::ray_labels::layout(n)));
    let layout = gpu
        .device
        .create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some(fragment), entries: &entries });
    gpu.pipeline(&module, fragment, &layout, FORMAT, None)
}

pub(super) fn row(v: DVec3) -> [f32; 4] {
    [v.x as f32, v.y as f32, v.z as f32, 0.0]
}

/// Where the rays run.
fn geometry(scene: &VolumeScene, volume: &Volume, texture: &VolumeTexture) -> RayUniform {
    let geometry = &volume.geometry;
    let map = geometry.patient_to_voxel();
    let plane = scene.camera.plane(scene.size);
    let into = scene.camera.axes()[2];
    let reduced = f64::from(texture.reduced.max(1));
    let step = map.transform_vector3(into) * step_mm(scene, volume) / reduced;
    // A ray along an axis never leaves through the other faces.
    let tame = |x: f64| if x.abs() < 1e-9 { 1e-9_f64.copysign(x) } else { x };
    let step = DVec3::new(tame(step.x), tame(step.y), tame(step.z));
    let size = DVec3::from_array(geometry.size().map(|n| n as f64));
    let clip = |n: usize| (DVec3::from_array(scene.clip.map(|c| f64::from(c[n]))) * size - 0.5) / reduced;
    let [nx, ny, nz] = texture.size;
    RayUniform {
        start: row(map.transform_point3(plane.origin.0) / reduced),
        dx: row(map.transform_vector3(plane.right) / reduced),
        dy: row(map.transform_vector3(plane.down) / reduced),
        step: row(step),
        inverse_step: row(1.0 / step),
        clip_low: row(clip(0)),
        clip_high: row(clip(1)),
        size: [nx as i32, ny as i32, nz as i32, 0],
        inverse_size: row(1.0 / DVec3::new(f64::from(nx), f64::from(ny), f64::from(nz))),
        view: row(into),
        ..RayUniform::default()
    }
}

pub(super) fn step_mm(scene: &VolumeScene, volume: &Volume) -> f64 {
    volume.geometry.spacing_mm().into_iter().fold(f64::INFINITY, f64::min) * f64::from(scene.step.max(0.01))
}

/// The pixels that the volume can cover: left, top, width, height.
fn covered(scene: &VolumeScene, volume: &Volume) -> [u32; 4] {
    let plane = scene.camera.plane(scene.size);
    let (mut low, mut high) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
    for corner in volume.geometry.corners() {
        let (x, y, _) = plane.project(corner);
        low = [low[0].min(x), low[1].min(y)];
        high = [high[0].max(x), high[1].max(y)];
    }
    let first = [0, 1].map(|a| (low[a].floor().max(0.0) as u32).min(scene.size[a]));
    let last = [0, 1].map(|a| ((high[a] + 2.0).ceil().max(0.0) as u32).min(scene.size[a]));
    [first[0], first[1], last[0].saturating_sub(first[0]), last[1].saturating_sub(first[1])]
}

/// What all modes share of the grey pipeline; `center` is the real value near which f32 is most exact.
fn values(uniform: &mut RayUniform, scene: &VolumeScene, volume: &Volume, texture: &VolumeTexture, center: f64) -> f64 {
    let zero = volume.rescale.invert(center);
    let zero = if texture.whole { zero.clamp(-32768.0, 65535.0).round() } else { f64::from(zero as f32) };
    uniform.value[0] = texture.scale as f32;
    uniform.value[1] = (zero + texture.bias) as f32;
    uniform.look[0] = scene.base.opacity.clamp(0.0, 1.0);
    uniform.mode[1] |= if texture.whole { FLAG_WHOLE_NUMBERS } else { 0 };
    uniform.mode[1] |= if scene.base.visible { 0 } else { FLAG_HIDDEN };
    if let Some(p) = volume.padding {
        let near = |x: f64| if texture.whole { (x - zero) as f32 } else { x as f32 - zero as f32 };
        [uniform.limits[0], uniform.limits[1]] = [near(p.low), near(p.high)];
        uniform.mode[1] |= FLAG_PADDING;
    }
    if let Some([low, high]) = scene.base.threshold {
        let (a, b) = (volume.rescale.invert(low) - zero, volume.rescale.invert(high) - zero);
        [uniform.limits[2], uniform.limits[3]] = [a.min(b) as f32, a.max(b) as f32];
        uniform.mode[1] |= FLAG_THRESHOLD;
    }
    zero
}

/// Window and colour map of a projection; returns the tables.
fn projection(uniform: &mut RayUniform, scene: &VolumeScene, volume: &Volume, texture: &VolumeTexture) -> Vec<u32> {
    let grey = scene.base.grey(volume);
    let center = match &grey.voi {
        Voi::Window(w) => w.center,
        Voi::Lut(lut) => lut.first,
    };
    let zero = values(uniform, scene, volume, texture, center);
    let (mode, a, b) = voi_terms(&grey.voi, grey.rescale.slope, grey.rescale.apply(zero));
    uniform.mode[0] = mode;
    [uniform.value[2], uniform.value[3]] = [a as f32, b as f32];
    uniform.mode[1] |= if grey.inverted { FLAG_INVERTED } else { 0 };
    let rising = grey.rescale.slope > 0.0;
    let sign = if (scene.mode == VolumeMode::MinIp) == rising { -1.0 } else { 1.0 };
    uniform.look[3] = sign;
    uniform.bounds = [-FAR, FAR, 0.0, 0.0];
    if let Voi::Window(w) = &grey.voi
        && mode == 0
        && scene.base.threshold.is_none()
    {
        let shift = if w.function == VoiFunction::Linear { (0.5, w.width - 1.0) } else { (0.0, w.width) };
        let edge = |s: f64| (grey.rescale.invert(w.center - shift.0 + s * shift.1 / 2.0) - zero) as f32 * sign;
        let (low, high) = (edge(-1.0), edge(1.0));
        uniform.bounds = [low.min(high), low.max(high), 0.0, 0.0];
    }
    let mut tables = Vec::new();
    if scene.base.colormap != ColorMap::Grey {
        uniform.mode[1] |= FLAG_COLORMAP;
        let bits = |c: &u8| (f32::from(*c) / 255.0).to_bits();
        tables.extend(scene.base.colormap.table().as_flattened().iter().map(bits));
    }
    if let Voi::Lut(lut) = &grey.voi {
        uniform.mode[2] = tables.len() as u32;
        uniform.mode[3] = lut.entries.len() as u32;
        tables.extend(lut.entries.iter().map(|e| e.to_bits()));
    }
    tables
}

/// The transfer table: premultiplied colour and opacity of one ray step, 16 bits a channel.
fn composite(
    uniform: &mut RayUniform,
    scene: &VolumeScene,
    volume: &Volume,
    texture: &VolumeTexture,
    transfer: &TransferFunction,
) -> Vec<[u32; 2]> {
    let [low, high] = transfer.range();
    let high = if high > low { high } else { low + 1e-3 };
    let zero = values(uniform, scene, volume, texture, (low + high) / 2.0);
    let rescale = volume.rescale;
    let ends = [low, high].map(|real| rescale.invert(real) - zero);
    let (first, last) = (ends[0].min(ends[1]), ends[0].max(ends[1]));
    let scale = (TRANSFER - 1) as f64 / (last - first);
    [uniform.look[1], uniform.look[2]] = [first as f32, scale as f32];
    let step_mm = step_mm(scene, volume);
    let spacing = volume.geometry.spacing_mm().into_iter().fold(f64::INFINITY, f64::min);
    let to_patient = DMat3::from_mat4(volume.geometry.patient_to_voxel()).transpose();
    let reduced = f64::from(texture.reduced.max(1));
    let gradient = to_patient * (rescale.slope / 2.0 / reduced * spacing / (0.05 * (high - low)));
    uniform.gradient = [0, 1, 2].map(|r| row(gradient.row(r)));
    let entry = |n: usize| {
        let [r, g, b, per_mm] = transfer.at(rescale.apply(first + n as f64 / scale + zero)).map(f64::from);
        let alpha = 1.0 - (1.0 - per_mm.clamp(0.0, 1.0)).powf(step_mm);
        let alpha = if scene.base.visible { alpha * f64::from(scene.base.opacity.clamp(0.0, 1.0)) } else { 0.0 };
        let bits = |x: f64| (x.clamp(0.0, 1.0) * 65535.0).round() as u32;
        [bits(r * alpha) | bits(g * alpha) << 16, bits(b * alpha) | bits(alpha) << 16]
    };
    (0..TRANSFER).map(entry).collect()
}

/// Which blocks hold anything that the table shows.
fn taken(blocks: &Blocks, table: &[[u32; 2]], uniform: &RayUniform, bias: f32) -> Vec<bool> {
    let mut seen = vec![0_u32];
    for entry in table {
        seen.push(seen.last().copied().unwrap_or(0) + u32::from(entry[1] >> 16 > 0));
    }
    let [_, first, scale, _] = uniform.look;
    let entry = |d: f32| ((d - first) * scale + 0.5).clamp(0.0, (table.len() - 1) as f32) as usize;
    let zero = uniform.value[1] - bias;
    // A margin for the last bits of the hardware's interpolation.
    let near = |d: f32| d.abs() * 1e-5 + 1e-2 / scale;
    blocks
        .ranges
        .iter()
        .map(|[low, high]| {
            low <= high && {
                let (low, high) = (low - zero, high - zero);
                seen[entry(high + near(high)) + 1] > seen[entry(low - near(low))]
            }
        })
        .collect()
}
