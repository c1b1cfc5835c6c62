//! Slices: one draw a layer, from the base up, with `shaders/slice*.wgsl`.

use std::collections::HashMap;

use bytemuck::{Pod, Zeroable};
use glam::DVec3;

use super::device::{Gpu, LAYER_BLEND, RenderError, binding, buffer_binding, pass, texture_binding};
use super::picture::{FORMAT, Picture, target};
use super::texture_store::{Access, TextureStore, VolumeTexture};
use crate::display::{ColorMap, Grey, Voi, VoiFunction};
use crate::render::plan::{PlannedLayer, Share, contour_color, contour_start, label_colors, plan};
use crate::render::scene::{Content, SlabMode, SliceScene};
use crate::volume::Volume;

/// `Layer` of `shaders/plane.wgsl`, field by field.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, Pod, Zeroable)]
struct PlaneUniform {
    steps: [[f32; 4]; 8],
    size: [i32; 4],
    mode: [u32; 4],
    value: [f32; 4],
    limits: [f32; 4],
    look: [f32; 4],
    table: [u32; 4],
    line: [f32; 4],
}

const FLAG_PADDING: u32 = 1;
const FLAG_STACK: u32 = 2;
const FLAG_INVERTED: u32 = 4;
const FLAG_COLORMAP: u32 = 8;
const FLAG_THRESHOLD: u32 = 16;
const FLAG_WHOLE_NUMBERS: u32 = 32;
const FLAG_OUTLINE: u32 = 64;
const FLAG_CONTOUR: u32 = 128;
const FLAG_FADE: u32 = 256;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Shader {
    Grey(Access),
    Colour,
    Labels,
}

/// The pipelines of the slice passes, made when they are first needed.
#[derive(Default)]
pub(crate) struct SlicePass {
    pipelines: HashMap<(Shader, wgpu::TextureFormat), wgpu::RenderPipeline>,
    resolve: Option<wgpu::RenderPipeline>,
    /// Stands where nothing fades a layer.
    no_fade: Option<wgpu::TextureView>,
}

/// A layer that is ready to be drawn.
struct Draw {
    pipeline: wgpu::RenderPipeline,
    group: wgpu::BindGroup,
    reduced: u32,
}

const BLENDED: wgpu::TextureFormat = wgpu::TextureFormat::Rgba16Float;

impl SlicePass {
    /// Draws the scene, all but the marks.
    pub(crate) fn draw(
        &mut self,
        gpu: &Gpu,
        store: &mut TextureStore,
        encoder: &mut wgpu::CommandEncoder,
        scene: &SliceScene,
    ) -> Result<Picture, RenderError> {
        let mut picture = Picture::new(gpu, scene.size);
        let layers = plan(scene);
        // One layer goes straight into the picture; more are blended in half floats, so that roundings do not add up.
        let blended = (layers.len() > 1).then(|| target(gpu, scene.size, BLENDED, wgpu::TextureUsages::empty()));
        let blended_view = blended.as_ref().map(|t| t.create_view(&wgpu::TextureViewDescriptor::default()));
        let (view, format) = blended_view.as_ref().map_or((picture.view(), FORMAT), |v| (v, BLENDED));
        let mut reduced = 1;
        let mut draws = Vec::new();
        for layer in &layers {
            let fade = match &layer.layer.fade {
                Some(fade) => Some(self.fade(gpu, store, encoder, &fade.scene(scene), &mut reduced)?),
                None => None,
            };
            let draw = self.layer(gpu, store, scene, layer, (format, fade))?;
            reduced = reduced.max(draw.reduced);
            draws.push(draw);
        }
        run(encoder, view, &draws);
        if let Some(view) = &blended_view {
            self.resolve(gpu, encoder, view, picture.view());
        }
        picture.fidelity.reduced = if reduced > 1 { reduced } else { 0 };
        Ok(picture)
    }

    /// What of its opacity a layer keeps under each pixel, in the red of half floats.
    fn fade(
        &mut self,
        gpu: &Gpu,
        store: &mut TextureStore,
        encoder: &mut wgpu::CommandEncoder,
        scene: &SliceScene,
        reduced: &mut u32,
    ) -> Result<wgpu::TextureView, RenderError> {
        let texture = target(gpu, scene.size, BLENDED, wgpu::TextureUsages::empty());
        let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
        let mut draws = Vec::new();
        for layer in &plan(scene) {
            let draw = self.layer(gpu, store, scene, layer, (BLENDED, None))?;
            *reduced = draw.reduced.max(*reduced);
            draws.push(draw);
        }
        run(encoder, &view, &draws);
        Ok(view)
    }

    fn layer(
        &mut self,
        gpu: &Gpu,
        store: &mut TextureStore,
        scene: &SliceScene,
        layer: &PlannedLayer<'_>,
        (format, fade): (wgpu::TextureFormat, Option<wgpu::TextureView>),
    ) -> Result<Draw, RenderError> {
        let (texture, shader, mut uniform, tables) = prepare(gpu, store, scene, layer)?;
        uniform.mode[2] |= if fade.is_some() { FLAG_FADE } else { 0 };
        let nothing = || {
            let texture = target(gpu, [1, 1], BLENDED, wgpu::TextureUsages::empty());
            texture.create_view(&wgpu::TextureViewDescriptor::default())
        };
        let fade = fade.unwrap_or_else(|| self.no_fade.get_or_insert_with(nothing).clone());
        let pipeline = self.pipeline(gpu, shader, format);
        let uniform = gpu.buffer("layer", bytemuck::bytes_of(&uniform), wgpu::BufferUsages::UNIFORM);
        let tables = gpu.buffer("tables", bytemuck::cast_slice(&tables), wgpu::BufferUsages::STORAGE);
        let group = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &pipeline.get_bind_group_layout(0),
            entries: &[
                wgpu::BindGroupEntry { binding: 0, resource: uniform.as_entire_binding() },
                wgpu::BindGroupEntry { binding: 1, resource: wgpu::BindingResource::TextureView(&texture.view) },
                wgpu::BindGroupEntry { binding: 2, resource: tables.as_entire_binding() },
                wgpu::BindGroupEntry { binding: 3, resource: wgpu::BindingResource::TextureView(&fade) },
            ],
        });
        Ok(Draw { pipeline, group, reduced: texture.reduced })
    }

    fn pipeline(&mut self, gpu: &Gpu, shader: Shader, format: wgpu::TextureFormat) -> wgpu::RenderPipeline {
        let make = || {
            let plane = include_str!("../../../shaders/plane.wgsl");
            let slice = include_str!("../../../shaders/slice.wgsl");
            let (parts, fragment, access): (&[&str], _, _) = match shader {
                Shader::Grey(Access::Uint) => {
                    (&[plane, include_str!("../../../shaders/voxels_uint.wgsl"), slice], "grey_slice", Access::Uint)
                }
                Shader::Grey(Access::Sint) => {
                    (&[plane, include_str!("../../../shaders/voxels_sint.wgsl"), slice], "grey_slice", Access::Sint)
                }
                Shader::Grey(_) => {
                    (&[plane, include_str!("../../../shaders/voxels_float.wgsl"), slice], "grey_slice", Access::Float)
                }
                Shader::Colour => {
                    (&[plane, include_str!("../../../shaders/slice_colour.wgsl")], "colour_slice", Access::Colour)
                }
                Shader::Labels => {
                    (&[plane, include_str!("../../../shaders/slice_labels.wgsl")], "label_slice", Access::Uint)
                }
            };
            let layout = gpu.device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
                label: Some(fragment),
                entries: &[
                    binding(0, buffer_binding(wgpu::BufferBindingType::Uniform)),
                    binding(1, texture_binding(access.sample_type(false), wgpu::TextureViewDimension::D3)),
                    binding(2, buffer_binding(wgpu::BufferBindingType::Storage { read_only: true })),
                    binding(
                        3,
                        texture_binding(
                            wgpu::TextureSampleType::Float { filterable: false },
                            wgpu::TextureViewDimension::D2,
                        ),
                    ),
                ],
            });
            gpu.pipeline(&gpu.shader(fragment, parts), fragment, &layout, format, Some(LAYER_BLEND))
        };
        self.pipelines.entry((shader, format)).or_insert_with(make).clone()
    }

    fn resolve(
        &mut self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        from: &wgpu::TextureView,
        to: &wgpu::TextureView,
    ) {
        let make = || {
            let texture = wgpu::TextureSampleType::Float { filterable: false };
            let layout = gpu.device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
                label: Some("resolve"),
                entries: &[binding(0, texture_binding(texture, wgpu::TextureViewDimension::D2))],
            });
            let module = gpu.shader("resolve", &[include_str!("../../../shaders/resolve.wgsl")]);
            gpu.pipeline(&module, "resolve", &layout, FORMAT, None)
        };
        let pipeline = self.resolve.get_or_insert_with(make);
        let group = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &pipeline.get_bind_group_layout(0),
            entries: &[wgpu::BindGroupEntry { binding: 0, resource: wgpu::BindingResource::TextureView(from) }],
        });
        pass(encoder, to, true, |pass| {
            pass.set_pipeline(pipeline);
            pass.set_bind_group(0, &group, &[]);
            pass.draw(0..3, 0..1);
        });
    }
}

/// Layers over each other, from the first up.
fn run(encoder: &mut wgpu::CommandEncoder, view: &wgpu::TextureView, draws: &[Draw]) {
    pass(encoder, view, true, |pass| {
        for draw in draws {
            pass.set_pipeline(&draw.pipeline);
            pass.set_bind_group(0, &draw.group, &[]);
            pass.draw(0..3, 0..1);
        }
    });
}

/// The texture, shader, uniforms and tables of a layer.
fn prepare(
    gpu: &Gpu,
    store: &mut TextureStore,
    scene: &SliceScene,
    plan: &PlannedLayer,
) -> Result<(VolumeTexture, Shader, PlaneUniform, Vec<u32>), RenderError> {
    let texture = match &plan.layer.content {
        Content::Image(volume) => store.volume(gpu, volume)?,
        Content::Labels(labels) => store.labels(gpu, labels)?,
    };
    let mut uniform = geometry(plan, &texture);
    uniform.mode[0] = scene.interpolation as u32;
    uniform.look[0] = plan.opacity;
    match plan.share {
        Share::All => {}
        Share::Squares { side, odd } => [uniform.table[2], uniform.table[3]] = [1 + u32::from(odd), side],
        Share::Side { edge, right } => (uniform.table[2], uniform.look[1]) = (3 + u32::from(right), edge),
    }
    let (shader, tables) = match &plan.layer.content {
        Content::Labels(labels) => {
            uniform.mode[2] |= if plan.layer.outline { FLAG_OUTLINE } else { 0 };
            let packed = |c: Option<[u8; 3]>| c.map_or(0, |[r, g, b]| u32::from_le_bytes([r, g, b, 255]));
            (Shader::Labels, label_colors(labels).into_iter().map(packed).collect())
        }
        Content::Image(volume) => {
            let falling = volume.rescale.slope < 0.0 && texture.access != Access::Colour;
            uniform.mode[1] = match (scene.slab.mode, falling) {
                (SlabMode::Mean, _) => 0,
                (SlabMode::Mip, false) | (SlabMode::MinIp, true) => 1,
                (SlabMode::Mip, true) | (SlabMode::MinIp, false) => 2,
            };
            if texture.access == Access::Colour {
                threshold(&mut uniform, plan, |luma| luma);
                (Shader::Colour, Vec::new())
            } else {
                (Shader::Grey(texture.access), grey(&mut uniform, plan, volume, &texture))
            }
        }
    };
    Ok((texture, shader, uniform, tables))
}

/// Where the voxels lie under the pixels.
fn geometry(plan: &PlannedLayer, texture: &VolumeTexture) -> PlaneUniform {
    let shrink = 1.0 / f64::from(texture.reduced.max(1));
    let count = plan.offsets_mm.len();
    let first = plan.offsets_mm.first().copied().unwrap_or(0.0);
    let last = plan.offsets_mm.last().copied().unwrap_or(0.0);
    let step = if count > 1 { (last - first) / (count as f64 - 1.0) } else { 0.0 };
    let steps = [plan.start + plan.per_mm * first, plan.dx, plan.dy, plan.per_mm * step];
    let mut uniform = PlaneUniform::default();
    for (n, step) in steps.into_iter().enumerate() {
        let step = step * shrink;
        let hi = (step * 256.0).round() / 256.0;
        let row = |v: DVec3| [v.x as f32, v.y as f32, v.z as f32, 0.0];
        [uniform.steps[2 * n], uniform.steps[2 * n + 1]] = [row(hi), row(step - hi)];
    }
    let [nx, ny, nz] = texture.size.map(|n| n as i32);
    uniform.size = [nx, ny, nz, count as i32];
    uniform.mode[2] = if plan.stack { FLAG_STACK } else { 0 };
    uniform
}

fn threshold(uniform: &mut PlaneUniform, plan: &PlannedLayer, to_shader: impl Fn(f64) -> f64) {
    if let Some([low, high]) = plan.layer.threshold {
        let (a, b) = (to_shader(low), to_shader(high));
        [uniform.limits[2], uniform.limits[3]] = [a.min(b) as f32, a.max(b) as f32];
        uniform.mode[2] |= FLAG_THRESHOLD;
    }
}

/// The grey pipeline in numbers near the window's centre, where f32 is exact; returns the tables.
fn grey(uniform: &mut PlaneUniform, plan: &PlannedLayer, volume: &Volume, texture: &VolumeTexture) -> Vec<u32> {
    let Grey { padding, rescale, voi, inverted } = plan.layer.grey(volume);
    let center = match &voi {
        Voi::Window(w) => w.center,
        Voi::Lut(lut) => lut.first + lut.entries.len() as f64 / 2.0,
    };
    let zero = rescale.invert(center);
    let zero = if texture.whole { zero.clamp(-32768.0, 65535.0).round() } else { f64::from(zero as f32) };
    let real_zero = rescale.apply(zero);
    let (mode, a, b) = voi_terms(&voi, rescale.slope, real_zero);
    uniform.mode[3] = mode;
    uniform.value = [texture.scale as f32, (zero + texture.bias) as f32, a as f32, b as f32];
    uniform.mode[2] |= if inverted { FLAG_INVERTED } else { 0 };
    uniform.mode[2] |= if texture.whole { FLAG_WHOLE_NUMBERS } else { 0 };
    if let Some(p) = padding {
        // In the precision of the texture, so that a value that is padding stays it.
        let near = |x: f64| if texture.whole { (x - zero) as f32 } else { x as f32 - zero as f32 };
        [uniform.limits[0], uniform.limits[1]] = [near(p.low), near(p.high)];
        uniform.mode[2] |= FLAG_PADDING;
    }
    threshold(uniform, plan, |real| rescale.invert(real) - zero);
    if let Some(value) = plan.layer.contour {
        let [r, g, b] = contour_color(plan.layer, volume, value).map(|c| c as f32);
        uniform.line = [r, g, b, (rescale.invert(contour_start(volume, value)) - zero) as f32];
        uniform.look[3] = rescale.slope.signum() as f32;
        uniform.mode[2] |= FLAG_CONTOUR;
        uniform.mode[2] |= if plan.layer.outline { FLAG_OUTLINE } else { 0 };
    }
    let mut tables = Vec::new();
    if plan.layer.colormap != ColorMap::Grey {
        uniform.mode[2] |= FLAG_COLORMAP;
        let bits = |c: &u8| (f32::from(*c) / 255.0).to_bits();
        tables.extend(plan.layer.colormap.table().as_flattened().iter().map(bits));
    }
    if let Voi::Lut(lut) = &voi {
        uniform.table[0] = tables.len() as u32;
        uniform.table[1] = lut.entries.len() as u32;
        tables.extend(lut.entries.iter().map(|e| e.to_bits()));
    }
    tables
}

/// Kind, factor and offset of the VOI over `d = stored - zero`, where `zero` means `real_zero`.
pub(crate) fn voi_terms(voi: &Voi, slope: f64, real_zero: f64) -> (u32, f64, f64) {
    match voi {
        Voi::Window(w) => match w.function {
            VoiFunction::Linear if w.width <= 1.0 => {
                // A threshold at center - 1/2.
                let sign = slope.signum();
                (1, sign, sign * (real_zero - (w.center - 0.5)) / slope)
            }
            VoiFunction::Linear => {
                let width = w.width - 1.0;
                (0, slope / width, (real_zero - (w.center - 0.5)) / width + 0.5)
            }
            VoiFunction::LinearExact => (0, slope / w.width, (real_zero - w.center) / w.width + 0.5),
            VoiFunction::Sigmoid => (2, 4.0 * slope / w.width, 4.0 * (real_zero - w.center) / w.width),
        },
        Voi::Lut(lut) => (3, slope, real_zero - lut.first),
    }
}
