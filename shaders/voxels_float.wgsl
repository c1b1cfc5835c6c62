// Voxels in a normalised or float texture.

@group(0) @binding(1) var voxels: texture_3d<f32>;

// Stored number minus the layer's zero. Whole numbers come out exact.
fn load(p: vec3<i32>) -> f32 {
    let raw = textureLoad(voxels, p, 0).r * layer.value.x;
    if has(FLAG_WHOLE_NUMBERS) {
        return round(raw) - layer.value.y;
    }
    return select(raw - layer.value.y, NOTHING, raw <= -3.3e38);
}
