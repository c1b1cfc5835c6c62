// Grey slices: plane.wgsl and one of voxels_*.wgsl stand before this. The formulas are those of the CPU reference.

fn is_nothing(d: f32) -> bool {
    return d <= -3.3e38;
}

fn is_padding(d: f32) -> bool {
    return has(FLAG_PADDING) && d >= layer.limits.x && d <= layer.limits.y;
}

fn clamped(p: vec3<i32>) -> vec3<i32> {
    return clamp(p, vec3<i32>(0), layer.size.xyz - 1);
}

// One sample, NOTHING outside and in padding.
fn look_up(p: Place) -> f32 {
    let cell = nearest_voxel(p);
    if !inside(cell) {
        return NOTHING;
    }
    if layer.mode.x == 0u || has(FLAG_PADDING) {
        let nearest = load(cell);
        if is_padding(nearest) {
            return NOTHING;
        }
        if layer.mode.x == 0u {
            return nearest;
        }
    }
    if layer.mode.x == 1u {
        return linear(p);
    }
    return cubic(p);
}

fn linear(p: Place) -> f32 {
    let a = clamped(p.voxel);
    let b = clamped(p.voxel + 1);
    let v = array<f32, 8>(
        load(a), load(vec3<i32>(b.x, a.y, a.z)), load(vec3<i32>(a.x, b.y, a.z)), load(vec3<i32>(b.x, b.y, a.z)),
        load(vec3<i32>(a.x, a.y, b.z)), load(vec3<i32>(b.x, a.y, b.z)), load(vec3<i32>(a.x, b.y, b.z)), load(b),
    );
    let t = p.part;
    let s = 1.0 - t;
    let w = array<f32, 8>(
        s.x * s.y * s.z, t.x * s.y * s.z, s.x * t.y * s.z, t.x * t.y * s.z,
        s.x * s.y * t.z, t.x * s.y * t.z, s.x * t.y * t.z, t.x * t.y * t.z,
    );
    // Mixed towards each other, so that even ground stays even to the last bit.
    let low = between(between(v[0], v[1], t.x), between(v[2], v[3], t.x), t.y);
    let high = between(between(v[4], v[5], t.x), between(v[6], v[7], t.x), t.y);
    if has(FLAG_WHOLE_NUMBERS) && !has(FLAG_PADDING) {
        return between(low, high, t.z);
    }
    var sum = 0.0;
    var weight = 0.0;
    var empty = false;
    for (var n = 0; n < 8; n++) {
        let used = w[n] != 0.0 && !is_padding(v[n]);
        empty = empty || (used && is_nothing(v[n]));
        sum += select(0.0, w[n] * v[n], used);
        weight += select(0.0, w[n], used);
    }
    return select(sum / weight, NOTHING, empty);
}

fn cubic(p: Place) -> f32 {
    let wx = kernel(p.part.x);
    let wy = kernel(p.part.y);
    let wz = kernel(p.part.z);
    var sum = 0.0;
    var weight_sum = 0.0;
    var empty = false;
    for (var z = 0; z < 4; z++) {
        for (var y = 0; y < 4; y++) {
            for (var x = 0; x < 4; x++) {
                let w = wx[x] * (wy[y] * wz[z]);
                let v = load(clamped(p.voxel + vec3<i32>(x, y, z) - 1));
                let used = w != 0.0 && !is_padding(v);
                empty = empty || (used && is_nothing(v));
                sum += select(0.0, w * v, used);
                weight_sum += select(0.0, w, used);
            }
        }
    }
    if empty {
        return NOTHING;
    }
    return select(sum, sum / weight_sum, has(FLAG_PADDING) && abs(weight_sum) > 1e-6);
}

fn slab(pixel: vec2<f32>) -> f32 {
    if layer.size.w == 1 {
        return look_up(place_of(pixel, 0.0));
    }
    var result = NOTHING;
    var sum = 0.0;
    var count = 0.0;
    for (var n = 0; n < layer.size.w; n++) {
        let d = look_up(place_of(pixel, f32(n)));
        if is_nothing(d) {
            continue;
        }
        sum += d;
        if count == 0.0 {
            result = d;
        }
        result = select(min(result, d), max(result, d), layer.mode.y == 1u);
        count += 1.0;
    }
    if layer.mode.y == 0u && count > 0.0 {
        return sum / count;
    }
    return result;
}

fn level_of(d: f32) -> f32 {
    let x = fma(d, layer.value.z, layer.value.w);
    var level: f32;
    switch layer.mode.w {
        case 0u: { level = clamp(x, 0.0, 1.0); }
        case 1u: { level = f32(x > 0.0); }
        case 2u: { level = 1.0 / (1.0 + exp(-x)); }
        default: {
            let entry = clamp(floor(x + 0.5), 0.0, f32(layer.table.y) - 1.0);
            level = bitcast<f32>(tables[layer.table.x + u32(entry)]);
        }
    }
    return select(level, 1.0 - level, has(FLAG_INVERTED));
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

fn is_below(pixel: vec2<f32>) -> bool {
    let d = slab(pixel);
    return !is_nothing(d) && (d - layer.line.w) * layer.look.w < 0.0;
}

// Whether the contour passes here: at or above its value, with a neighbour below it.
fn on_line(pixel: vec2<f32>, d: f32) -> bool {
    if !has(FLAG_CONTOUR) || is_nothing(d) || (d - layer.line.w) * layer.look.w < 0.0 {
        return false;
    }
    return is_below(pixel - vec2<f32>(1.0, 0.0)) || is_below(pixel + vec2<f32>(1.0, 0.0))
        || is_below(pixel - vec2<f32>(0.0, 1.0)) || is_below(pixel + vec2<f32>(0.0, 1.0));
}

@fragment
fn grey_slice(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    let pixel = floor(position.xy);
    let d = slab(pixel);
    if on_share(pixel) && on_line(pixel, d) {
        return vec4<f32>(layer.line.xyz, 1.0);
    }
    let cut = has(FLAG_THRESHOLD) && (d < layer.limits.z || d > layer.limits.w);
    if is_nothing(d) || cut || !on_share(pixel) || has(FLAG_OUTLINE) {
        return vec4<f32>(0.0);
    }
    return vec4<f32>(colour_of(level_of(d)), opacity_at(pixel));
}
