// What every slice pass begins with: the uniforms of a layer (`PlaneUniform` in src/render/gpu/slice_pass.rs) and the way
// from a pixel to a voxel. Lengths are voxels of the texture.

struct Layer {
    // Voxel index = start + dx * pixel.x + dy * pixel.y + dn * sample. Each is kept as a multiple of 1/256 (`hi`), whose
    // sums and products are exact in f32, and a small rest (`lo`).
    start_hi: vec4<f32>, start_lo: vec4<f32>,
    dx_hi: vec4<f32>, dx_lo: vec4<f32>,
    dy_hi: vec4<f32>, dy_lo: vec4<f32>,
    dn_hi: vec4<f32>, dn_lo: vec4<f32>,
    // Texture size; w: samples of the slab.
    size: vec4<i32>,
    // x: interpolation (0 nearest, 1 linear, 2 cubic), y: slab (0 mean, 1 highest, 2 lowest stored value),
    // z: flags (FLAG_*), w: VOI (0 ramp, 1 step, 2 sigmoid, 3 table).
    mode: vec4<u32>,
    // Stored number = texture number * scale, then minus zero. x: scale, y: zero, z: a, w: b of `level = d * a + b`.
    value: vec4<f32>,
    // Without zero. xy: padding, zw: threshold.
    limits: vec4<f32>,
    // x: opacity, y: swipe edge, pixels, z: unused, w: 1 where real values rise with stored ones, else -1.
    look: vec4<f32>,
    // x: first entry of the VOI table, y: its entries, z: share (0 all, 1 even, 2 odd squares, 3 left, 4 right), w: side.
    table: vec4<u32>,
    // xyz: colour of the contour, w: its stored number, without zero.
    line: vec4<f32>,
};

const FLAG_PADDING = 1u;
const FLAG_STACK = 2u;
const FLAG_INVERTED = 4u;
const FLAG_COLORMAP = 8u;
const FLAG_THRESHOLD = 16u;
const FLAG_WHOLE_NUMBERS = 32u;
const FLAG_OUTLINE = 64u;
const FLAG_CONTOUR = 128u;
const FLAG_FADE = 256u;

// A point this little below the border between two voxels is nearest to the upper one; see the CPU reference.
const TIE = 1e-5;
// Stands for NaN in float textures and for "no value" below.
const NOTHING = -3.4e38;

@group(0) @binding(0) var<uniform> layer: Layer;
// Colour map (256 x rgb), then the VOI table, as bits of f32; for labels one colour a number, 0xAABBGGRR.
@group(0) @binding(2) var<storage, read> tables: array<u32>;

// Red: what of its opacity the layer keeps, where FLAG_FADE is set.
@group(0) @binding(3) var fade: texture_2d<f32>;

struct Place {
    voxel: vec3<i32>,
    part: vec3<f32>,
};

@vertex
fn whole_picture(@builtin(vertex_index) n: u32) -> @builtin(position) vec4<f32> {
    return vec4<f32>(f32(n & 1u) * 4.0 - 1.0, f32(n >> 1u) * 4.0 - 1.0, 0.0, 1.0);
}

fn has(flag: u32) -> bool {
    return (layer.mode.z & flag) != 0u;
}

fn place_of(pixel: vec2<f32>, sample: f32) -> Place {
    let hi = layer.start_hi.xyz + layer.dx_hi.xyz * pixel.x + layer.dy_hi.xyz * pixel.y + layer.dn_hi.xyz * sample;
    let lo = layer.start_lo.xyz + layer.dx_lo.xyz * pixel.x + layer.dy_lo.xyz * pixel.y + layer.dn_lo.xyz * sample;
    let whole = floor(hi);
    let rest = (hi - whole) + lo;
    let carry = floor(rest);
    var place = Place(vec3<i32>(whole + carry), rest - carry);
    if has(FLAG_STACK) {
        place.voxel.z += i32(place.part.z >= 0.5 - TIE);
        place.part.z = 0.0;
    }
    return place;
}

fn nearest_voxel(p: Place) -> vec3<i32> {
    return p.voxel + vec3<i32>(p.part >= vec3<f32>(0.5 - TIE));
}

fn inside(voxel: vec3<i32>) -> bool {
    return all(voxel >= vec3<i32>(0)) && all(voxel < layer.size.xyz);
}

fn opacity_at(pixel: vec2<f32>) -> f32 {
    if has(FLAG_FADE) {
        return layer.look.x * textureLoad(fade, vec2<i32>(pixel), 0).r;
    }
    return layer.look.x;
}

fn on_share(pixel: vec2<f32>) -> bool {
    let kind = layer.table.z;
    if kind == 0u {
        return true;
    }
    if kind < 3u {
        let square = vec2<u32>(pixel) / layer.table.w;
        return ((square.x + square.y) & 1u) + 1u == kind;
    }
    return (pixel.x + 0.5 >= layer.look.y) == (kind == 4u);
}

// The kernel of the chosen interpolation for the four voxels around a point `t` beyond the second.
fn kernel(t: f32) -> vec4<f32> {
    if layer.mode.x == 1u {
        return vec4<f32>(0.0, 1.0 - t, t, 0.0);
    }
    let t2 = t * t;
    let t3 = t2 * t;
    return vec4<f32>(
        -0.5 * t3 + t2 - 0.5 * t,
        1.5 * t3 - 2.5 * t2 + 1.0,
        -1.5 * t3 + 2.0 * t2 + 0.5 * t,
        0.5 * t3 - 0.5 * t2,
    );
}

// Even ground stays even to the last bit, which `mix` does not promise.
fn between(a: f32, b: f32, t: f32) -> f32 {
    return fma(b - a, t, a);
}
