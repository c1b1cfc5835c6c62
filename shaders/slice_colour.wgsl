// Colour slices: plane.wgsl stands before this. Colours are shown as they are.

@group(0) @binding(1) var voxels: texture_3d<f32>;

fn load(p: vec3<i32>) -> vec3<f32> {
    return textureLoad(voxels, clamp(p, vec3<i32>(0), layer.size.xyz - 1), 0).rgb;
}

fn look_up(p: Place) -> vec3<f32> {
    if layer.mode.x == 0u {
        return load(nearest_voxel(p));
    }
    let wx = kernel(p.part.x);
    let wy = kernel(p.part.y);
    let wz = kernel(p.part.z);
    var sum = vec3<f32>(0.0);
    for (var z = 0; z < 4; z++) {
        for (var y = 0; y < 4; y++) {
            for (var x = 0; x < 4; x++) {
                let w = wx[x] * (wy[y] * wz[z]);
                if w != 0.0 {
                    sum += w * load(p.voxel + vec3<i32>(x, y, z) - 1);
                }
            }
        }
    }
    return clamp(sum, vec3<f32>(0.0), vec3<f32>(1.0));
}

@fragment
fn colour_slice(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    let pixel = floor(position.xy);
    var result = vec3<f32>(0.0);
    var count = 0.0;
    for (var n = 0; n < layer.size.w; n++) {
        let p = place_of(pixel, f32(n));
        if !inside(nearest_voxel(p)) {
            continue;
        }
        let c = look_up(p);
        if count == 0.0 {
            result = c;
        } else if layer.mode.y == 0u {
            result += c;
        } else if layer.mode.y == 1u {
            result = max(result, c);
        } else {
            result = min(result, c);
        }
        count += 1.0;
    }
    if layer.mode.y == 0u {
        result /= max(count, 1.0);
    }
    let luma = dot(result, vec3<f32>(0.299, 0.587, 0.114)) * 255.0;
    let cut = has(FLAG_THRESHOLD) && (luma < layer.limits.z || luma > layer.limits.w);
    if count == 0.0 || cut || !on_share(pixel) {
        return vec4<f32>(0.0);
    }
    return vec4<f32>(result, opacity_at(pixel));
}
