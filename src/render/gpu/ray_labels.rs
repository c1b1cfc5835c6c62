//! Label layers in the volume passes: their bindings, shader text and the blocks that they fill.

use std::sync::Arc;

use bytemuck::{Pod, Zeroable};
use glam::{DMat3, DVec3};

use super::device::{Gpu, RenderError, binding, buffer_binding, texture_binding};
use super::texture_store::TextureStore;
use super::volume_pass::{row, step_mm};
use crate::render::plan::label_colors;
use crate::render::scene::{Content, Layer, VolumeScene};
use crate::volume::{Geometry, Labelmap, Volume, VoxelPoint};

/// As many as the bindings of a plain device allow.
const MOST: usize = 4;

/// `LabelRay` of `shaders/ray_labels.wgsl`, field by field. It leads the colours in one storage buffer: with a uniform
/// buffer for each of four layers, Mesa 22.3's software Vulkan writes beyond its stack.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, Pod, Zeroable)]
struct LabelRay {
    start: [f32; 4],
    dx: [f32; 4],
    dy: [f32; 4],
    step: [f32; 4],
    size: [i32; 4],
    last: [f32; 4],
    gradient: [[f32; 4]; 3],
    look: [f32; 4],
}

/// A label layer ready for the volume passes.
pub(super) struct RayLabel {
    labels: Arc<Labelmap>,
    colors: Vec<Option<[u8; 3]>>,
    view: wgpu::TextureView,
    table: wgpu::Buffer,
    id: u64,
}

fn shown_labels(scene: &VolumeScene) -> impl Iterator<Item = (&Layer, &Arc<Labelmap>)> {
    let shown = scene.labels.iter().filter(|l| l.visible && l.opacity > 0.0);
    shown.filter_map(|l| match &l.content {
        Content::Labels(labels) => Some((l, labels)),
        Content::Image(_) => None,
    })
}

/// How many label layers on show are beyond the [`MOST`] that are drawn; the picture is marked with it.
pub(super) fn left_out(scene: &VolumeScene) -> u32 {
    shown_labels(scene).skip(MOST).count() as u32
}

/// The first four label layers on show; see [`left_out`] for the rest.
pub(super) fn ray_labels(
    gpu: &Gpu,
    store: &mut TextureStore,
    scene: &VolumeScene,
    base: &Volume,
) -> Result<Vec<RayLabel>, RenderError> {
    shown_labels(scene)
        .take(MOST)
        .map(|(layer, labels)| {
            let texture = store.labels(gpu, labels)?;
            let reduced = f64::from(texture.reduced.max(1));
            let map = labels.geometry.patient_to_voxel();
            let plane = scene.camera.plane(scene.size);
            let into = scene.camera.axes()[2];
            let gradient = DMat3::from_mat4(map).transpose();
            let [nx, ny, nz] = texture.size;
            let ray = LabelRay {
                start: row(map.transform_point3(plane.origin.0) / reduced),
                dx: row(map.transform_vector3(plane.right) / reduced),
                dy: row(map.transform_vector3(plane.down) / reduced),
                step: row(map.transform_vector3(into) * step_mm(scene, base) / reduced),
                size: [nx as i32, ny as i32, nz as i32, 0],
                last: row(DVec3::new(f64::from(nx), f64::from(ny), f64::from(nz)) - 0.5),
                gradient: [0, 1, 2].map(|r| row(gradient.row(r))),
                look: [layer.opacity.clamp(0.0, 1.0), 0.0, 0.0, 0.0],
            };
            let colors = label_colors(labels);
            let packed = colors.iter().map(|c| c.map_or(0, |[r, g, b]| u32::from_le_bytes([r, g, b, 255])));
            let mut table = bytemuck::bytes_of(&ray).to_vec();
            table.extend(packed.flat_map(u32::to_ne_bytes));
            Ok(RayLabel {
                labels: labels.clone(),
                view: texture.view,
                table: gpu.buffer("label layer", &table, wgpu::BufferUsages::STORAGE),
                id: texture.id,
                colors,
            })
        })
        .collect()
}

impl RayLabel {
    /// What decides which blocks it fills.
    pub(super) fn key(&self) -> (u64, Vec<bool>, [u64; 16]) {
        let shown = self.colors.iter().map(Option::is_some).collect();
        (self.id, shown, self.labels.geometry.voxel_to_patient().to_cols_array().map(f64::to_bits))
    }

    pub(super) fn entries(&self, n: u32) -> [wgpu::BindGroupEntry<'_>; 2] {
        let first = 7 + 2 * n;
        [
            wgpu::BindGroupEntry { binding: first, resource: wgpu::BindingResource::TextureView(&self.view) },
            wgpu::BindGroupEntry { binding: first + 1, resource: self.table.as_entire_binding() },
        ]
    }

    /// Marks the blocks (of `side` voxels of `base`) that labels on show reach into.
    pub(super) fn mark(&self, taken: &mut [bool], size: [usize; 3], side: usize, base: &Geometry) {
        const CELL: usize = 8;
        let [nx, ny, nz] = self.labels.geometry.size();
        let cells = [nx, ny, nz].map(|n| n.div_ceil(CELL));
        let mut filled = vec![false; cells.iter().product()];
        for (n, value) in self.labels.voxels.iter().enumerate().filter(|(_, v)| **v > 0) {
            if self.colors.get(usize::from(*value)).copied().flatten().is_some() {
                let [x, y, z] = [n % nx / CELL, n / nx % ny / CELL, n / nx / ny / CELL];
                filled[(z * cells[1] + y) * cells[0] + x] = true;
            }
        }
        let map = base.patient_to_voxel() * self.labels.geometry.voxel_to_patient();
        for (n, _) in filled.iter().enumerate().filter(|(_, f)| **f) {
            let cell = [n % cells[0], n / cells[0] % cells[1], n / cells[0] / cells[1]];
            let (mut low, mut high) = (DVec3::INFINITY, DVec3::NEG_INFINITY);
            for corner in 0..8 {
                // A voxel more each way: interpolation reaches that far.
                let at = |a: usize| {
                    (cell[a] * CELL) as f64 - 1.5 + if corner >> a & 1 == 1 { CELL as f64 + 2.0 } else { 0.0 }
                };
                let p = map.transform_point3(VoxelPoint::new(at(0), at(1), at(2)).0);
                (low, high) = (low.min(p), high.max(p));
            }
            let block = |x: f64, a: usize| ((x / side as f64).floor().max(0.0) as usize).min(size[a] - 1);
            let outside = (0..3).any(|a| high[a] < -1.0 || low[a] > (size[a] * side) as f64);
            if outside {
                continue;
            }
            for z in block(low.z, 2)..=block(high.z, 2) {
                for y in block(low.y, 1)..=block(high.y, 1) {
                    for x in block(low.x, 0)..=block(high.x, 0) {
                        taken[(z * size[1] + y) * size[0] + x] = true;
                    }
                }
            }
        }
    }
}

/// Layout entries of the n-th label layer.
pub(super) fn layout(n: u32) -> [wgpu::BindGroupLayoutEntry; 2] {
    let first = 7 + 2 * n;
    [
        binding(first, texture_binding(wgpu::TextureSampleType::Uint, wgpu::TextureViewDimension::D3)),
        binding(first + 1, buffer_binding(wgpu::BufferBindingType::Storage { read_only: true })),
    ]
}

/// WGSL for `count` label layers: the part of `shaders/ray_label.wgsl` once a layer, and the functions that call them all.
pub(super) fn shader(count: usize) -> String {
    if count == 0 {
        return include_str!("../../../shaders/ray_no_labels.wgsl").to_owned();
    }
    let slots: String = (0..count)
        .map(|n| {
            let part = include_str!("../../../shaders/ray_label.wgsl").replace("SLOT", &n.to_string());
            (0..2).fold(part, |s, b| s.replace(&format!("BINDING{b}"), &(7 + 2 * n + b).to_string()))
        })
        .collect();
    let each = |line: &str| (0..count).map(|n| line.replace("SLOT", &n.to_string())).collect::<Vec<_>>().join("\n    ");
    include_str!("../../../shaders/ray_labels.wgsl")
        .replace("//EACH_SLOT", &slots)
        .replace("//EACH_MEETS", &each("now |= u32(meets_SLOT(pixel, depth)) << SLOTu;"))
        .replace("//EACH_LAY", &each("lay_SLOT((*state >> (8u + SLOTu)) & 1u, pixel, depth, sum, clear);"))
        .replace("//EACH_TINT", &each("color = tint_SLOT(color, pixel, start, first, last);"))
}
