// A mark (the SYNTHETIC badge, COARSE, ...) laid into the picture, pixel by pixel.

// xy: where the mark's upper left pixel lies in the picture.
@group(0) @binding(0) var<uniform> corner: vec4<i32>;
@group(0) @binding(1) var mark: texture_2d<f32>;

@vertex
fn whole_picture(@builtin(vertex_index) n: u32) -> @builtin(position) vec4<f32> {
    return vec4<f32>(f32(n & 1u) * 4.0 - 1.0, f32(n >> 1u) * 4.0 - 1.0, 0.0, 1.0);
}

@fragment
fn stamp(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    return textureLoad(mark, vec2<i32>(position.xy) - corner.xy, 0);
}
