// Label slices, filled or outlined: plane.wgsl stands before this. Always the nearest voxel.

@group(0) @binding(1) var voxels: texture_3d<u32>;

// The label on show under a pixel, 0 for none.
fn label_at(pixel: vec2<f32>) -> u32 {
    let voxel = nearest_voxel(place_of(pixel, 0.0));
    if !inside(voxel) {
        return 0u;
    }
    let label = textureLoad(voxels, voxel, 0).r;
    return select(label, 0u, tables[label] == 0u);
}

@fragment
fn label_slice(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    let pixel = floor(position.xy);
    let here = label_at(pixel);
    if here == 0u {
        return vec4<f32>(0.0);
    }
    if has(FLAG_OUTLINE) {
        let left = label_at(pixel - vec2<f32>(1.0, 0.0));
        let right = label_at(pixel + vec2<f32>(1.0, 0.0));
        let up = label_at(pixel - vec2<f32>(0.0, 1.0));
        let down = label_at(pixel + vec2<f32>(0.0, 1.0));
        if left == here && right == here && up == here && down == here {
            return vec4<f32>(0.0);
        }
    }
    return vec4<f32>(unpack4x8unorm(tables[here]).rgb, opacity_at(pixel));
}
