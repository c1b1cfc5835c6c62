// Voxels that the hardware interpolates: normalised or float textures without padding or NaN.

@group(0) @binding(1) var voxels: texture_3d<f32>;
@group(0) @binding(2) var linear_sampler: sampler;

// Trilinear value at a voxel position, minus the zero.
fn look_up(q: vec3<f32>) -> f32 {
    let texel = textureSampleLevel(voxels, linear_sampler, (q + 0.5) * ray.inverse_size.xyz, 0.0);
    if COLOUR {
        return dot(texel.rgb, vec3<f32>(0.299, 0.587, 0.114)) * ray.value.x - ray.value.y;
    }
    return texel.r * ray.value.x - ray.value.y;
}
