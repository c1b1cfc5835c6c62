// Voxels in an unsigned integer texture, for adapters without 16-bit normalised ones.

@group(0) @binding(1) var voxels: texture_3d<u32>;

// Stored number minus the layer's zero.
fn load(p: vec3<i32>) -> f32 {
    return f32(textureLoad(voxels, p, 0).r) - layer.value.y;
}
