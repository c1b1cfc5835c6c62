// What every volume pass begins with: the uniforms of a ray (`RayUniform` in src/render/gpu/volume_pass.rs) and the way
// through the grid of blocks. Before it stand the constants SHADED, LABELS and AVERAGE. Lengths are voxels of the texture;
// depths count ray steps.

struct Ray {
    // Voxel under pixel (0, 0) at depth 0, steps for a pixel right, a pixel down, a ray step, and one over the last.
    start: vec4<f32>, dx: vec4<f32>, dy: vec4<f32>, step: vec4<f32>, inverse_step: vec4<f32>,
    clip_low: vec4<f32>, clip_high: vec4<f32>,
    // Texture size; one over it.
    size: vec4<i32>, inverse_size: vec4<f32>,
    // x: scale, y: zero, z: a, w: b of `level = d * a + b`, d = texture number * scale - zero.
    value: vec4<f32>,
    // Without zero. xy: padding, zw: threshold.
    limits: vec4<f32>,
    // x: opacity, y: lowest value of the transfer table, z: its entries a unit, w: sign of the projection.
    look: vec4<f32>,
    // x: VOI (as in plane.wgsl), y: flags, z: first entry of the VOI table, w: its entries.
    mode: vec4<u32>,
    // Slopes a voxel to a gradient in the patient, length 1 where light is whole; rows.
    gradient: array<vec4<f32>, 3>,
    // xyz: unit line of sight, x of `bounds`: value below which all is black, y: above which all is white.
    view: vec4<f32>, bounds: vec4<f32>,
};

const FLAG_PADDING = 1u;
const FLAG_INVERTED = 4u;
const FLAG_COLORMAP = 8u;
const FLAG_THRESHOLD = 16u;
const FLAG_WHOLE_NUMBERS = 32u;
const FLAG_COLOUR = 64u;
const FLAG_HIDDEN = 128u;

const NOTHING = -3.4e38;
// Voxels of a block's side.
const BLOCK = 8.0;
// A step over a block's border, so that rounding does not hold a ray on it.
const NUDGE = 1e-3;

@group(0) @binding(0) var<uniform> ray: Ray;
// Binding 1: the voxels (ray_voxels_*.wgsl); binding 2: a sampler.
@group(0) @binding(3) var<storage, read> tables: array<u32>;
@group(0) @binding(4) var blocks: texture_3d<f32>;
@group(0) @binding(5) var big_blocks: texture_3d<f32>;

@vertex
fn whole_picture(@builtin(vertex_index) n: u32) -> @builtin(position) vec4<f32> {
    return vec4<f32>(f32(n & 1u) * 4.0 - 1.0, f32(n >> 1u) * 4.0 - 1.0, 0.0, 1.0);
}

fn has(flag: u32) -> bool {
    return (ray.mode.y & flag) != 0u;
}

fn is_nothing(d: f32) -> bool {
    return d <= -3.3e38;
}

// First and last whole depth inside the clip box; `first > last` outside.
fn depths(origin: vec3<f32>) -> vec2<f32> {
    let low = (ray.clip_low.xyz - origin) * ray.inverse_step.xyz;
    let high = (ray.clip_high.xyz - origin) * ray.inverse_step.xyz;
    let near = min(low, high);
    let far = max(low, high);
    return vec2<f32>(ceil(max(near.x, max(near.y, near.z))), floor(min(far.x, min(far.y, far.z))));
}

// The first whole depth beyond the box of `cell - reach ..= cell + reach` cells of `side` voxels, for a ray that is at
// voxel `q` at depth `k`.
fn beyond(q: vec3<f32>, k: f32, cell: vec3<f32>, side: f32, reach: f32) -> f32 {
    let border = (cell + select(vec3<f32>(-reach), vec3<f32>(1.0 + reach), ray.step.xyz > vec3<f32>(0.0))) * side;
    let steps = (border - q) * ray.inverse_step.xyz;
    return k + max(1.0, ceil(min(steps.x, min(steps.y, steps.z)) + NUDGE));
}

fn colour_entry(n: u32) -> vec3<f32> {
    return vec3<f32>(bitcast<f32>(tables[n * 3u]), bitcast<f32>(tables[n * 3u + 1u]), bitcast<f32>(tables[n * 3u + 2u]));
}

fn colour_of(level: f32) -> vec3<f32> {
    if !has(FLAG_COLORMAP) {
        return vec3<f32>(level);
    }
    let at = clamp(level, 0.0, 1.0) * 255.0;
    let low = min(u32(at), 254u);
    return mix(colour_entry(low), colour_entry(low + 1u), at - f32(low));
}

fn level_of(d: f32) -> f32 {
    let x = fma(d, ray.value.z, ray.value.w);
    var level: f32;
    switch ray.mode.x {
        case 0u: { level = clamp(x, 0.0, 1.0); }
        case 1u: { level = f32(x > 0.0); }
        case 2u: { level = 1.0 / (1.0 + exp(-x)); }
        default: {
            let entry = clamp(floor(x + 0.5), 0.0, f32(ray.mode.w) - 1.0);
            level = bitcast<f32>(tables[ray.mode.z + u32(entry)]);
        }
    }
    return select(level, 1.0 - level, has(FLAG_INVERTED));
}
