// Voxels interpolated by hand: padding and NaN are left out, any texture will do. TEXEL stands for f32, u32 or i32.

@group(0) @binding(1) var voxels: texture_3d<TEXEL>;

fn load(p: vec3<i32>) -> f32 {
    let texel = textureLoad(voxels, p, 0);
    if COLOUR {
        return dot(vec3<f32>(texel.rgb), vec3<f32>(0.299, 0.587, 0.114)) * ray.value.x - ray.value.y;
    }
    let raw = f32(texel.r) * ray.value.x;
    if has(FLAG_WHOLE_NUMBERS) {
        return round(raw) - ray.value.y;
    }
    return select(raw - ray.value.y, NOTHING, raw <= -3.3e38);
}

fn is_padding(d: f32) -> bool {
    return has(FLAG_PADDING) && d >= ray.limits.x && d <= ray.limits.y;
}

// Trilinear value at a voxel position, minus the zero; NOTHING in padding.
fn look_up(at: vec3<f32>) -> f32 {
    let last = ray.size.xyz - 1;
    let q = clamp(at, vec3<f32>(-0.5), vec3<f32>(ray.size.xyz) - 0.5);
    let base = floor(q);
    let t = q - base;
    let nearest = load(clamp(vec3<i32>(floor(q + (0.5 + 1e-5))), vec3<i32>(0), last));
    if is_padding(nearest) || is_nothing(nearest) {
        return NOTHING;
    }
    var sum = 0.0;
    var weight_sum = 0.0;
    for (var n = 0; n < 8; n++) {
        let corner = vec3<i32>(n & 1, (n >> 1u) & 1, n >> 2u);
        let part = select(1.0 - t, t, corner == vec3<i32>(1));
        let v = load(clamp(vec3<i32>(base) + corner, vec3<i32>(0), last));
        let w = part.x * part.y * part.z;
        let used = w != 0.0 && !is_padding(v);
        if used && is_nothing(v) {
            return NOTHING;
        }
        sum += select(0.0, w * v, used);
        weight_sum += select(0.0, w, used);
    }
    return sum / weight_sum;
}
