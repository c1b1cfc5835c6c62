
@group(0) @binding(BINDING0) var label_voxels_SLOT: texture_3d<u32>;
@group(0) @binding(BINDING1) var<storage, read> label_SLOT: LabelLayer;

fn label_place_SLOT(pixel: vec2<f32>, depth: f32) -> vec3<f32> {
    return label_SLOT.ray.start.xyz + label_SLOT.ray.dx.xyz * pixel.x + label_SLOT.ray.dy.xyz * pixel.y
        + label_SLOT.ray.step.xyz * depth;
}

// How much of the trilinear surroundings is label on show (x), and the colour of the weightiest such voxel.
fn occupancy_SLOT(q: vec3<f32>, color: ptr<function, u32>) -> f32 {
    if any(q < vec3<f32>(-0.5)) || any(q >= label_SLOT.ray.last.xyz) {
        return 0.0;
    }
    let base = floor(q);
    let t = q - base;
    var sum = 0.0;
    var best = 0.0;
    for (var n = 0; n < 8; n++) {
        let corner = vec3<i32>(n & 1, (n >> 1u) & 1, n >> 2u);
        let part = select(1.0 - t, t, corner == vec3<i32>(1));
        let w = part.x * part.y * part.z;
        let voxel = clamp(vec3<i32>(base) + corner, vec3<i32>(0), label_SLOT.ray.size.xyz - 1);
        let c = label_SLOT.colors[textureLoad(label_voxels_SLOT, voxel, 0).r];
        sum += select(0.0, w, c != 0u);
        if c != 0u && w > best {
            best = w;
            *color = c;
        }
    }
    return sum;
}

fn meets_SLOT(pixel: vec2<f32>, depth: f32) -> bool {
    var color = 0u;
    return occupancy_SLOT(label_place_SLOT(pixel, depth), &color) >= 0.5;
}

fn lay_SLOT(
    entered: u32, pixel: vec2<f32>, depth: f32, sum: ptr<function, vec3<f32>>, clear: ptr<function, f32>,
) {
    if entered == 0u {
        return;
    }
    let q = label_place_SLOT(pixel, depth);
    var color = 0u;
    var other = 0u;
    let here = occupancy_SLOT(q, &color);
    let x = vec3<f32>(1.0, 0.0, 0.0);
    let slope = vec3<f32>(
        occupancy_SLOT(q + x, &other) - occupancy_SLOT(q - x, &other),
        occupancy_SLOT(q + x.yxy, &other) - occupancy_SLOT(q - x.yxy, &other),
        occupancy_SLOT(q + x.yyx, &other) - occupancy_SLOT(q - x.yyx, &other),
    );
    let g = vec3<f32>(
        dot(label_SLOT.ray.gradient[0].xyz, slope),
        dot(label_SLOT.ray.gradient[1].xyz, slope),
        dot(label_SLOT.ray.gradient[2].xyz, slope),
    );
    // Where the surroundings are even, as on a cut, the slope is rounding alone and has no direction.
    let steepness = min(2.0 * length(slope), 1.0);
    let facing = 1.0 + (abs(dot(g, ray.view.xyz)) / max(length(g), 1e-20) - 1.0) * steepness;
    let f2 = facing * facing;
    let f4 = f2 * f2;
    let lit = unpack4x8unorm(color).rgb * (0.3 + 0.7 * facing) + 0.2 * (f4 * f4) * (f4 * f4);
    let opacity = label_SLOT.ray.look.x;
    *sum += lit * (opacity * *clear);
    *clear *= 1.0 - opacity;
}

fn tint_SLOT(c: vec3<f32>, pixel: vec2<f32>, start: f32, first: f32, last: f32) -> vec3<f32> {
    var color = 0u;
    for (var k = first; k <= last; k += 1.0) {
        if occupancy_SLOT(label_place_SLOT(pixel, k + start), &color) >= 0.5 {
            return mix(c, unpack4x8unorm(color).rgb, label_SLOT.ray.look.x);
        }
    }
    return c;
}
