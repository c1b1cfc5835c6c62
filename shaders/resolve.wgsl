// The blended layers, in half floats, as the 8-bit picture.

@group(0) @binding(0) var blended: texture_2d<f32>;

@vertex
fn whole_picture(@builtin(vertex_index) n: u32) -> @builtin(position) vec4<f32> {
    return vec4<f32>(f32(n & 1u) * 4.0 - 1.0, f32(n >> 1u) * 4.0 - 1.0, 0.0, 1.0);
}

@fragment
fn resolve(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    return vec4<f32>(textureLoad(blended, vec2<i32>(position.xy), 0).rgb, 1.0);
}
