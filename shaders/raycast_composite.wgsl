// Colour and opacity from front to back. ray.wgsl and one of ray_voxels_*.wgsl stand before this. `blocks` holds, for each
// block of 8 voxels a side, how many blocks one may go in any direction and still meet nothing (0: something is here);
// `transfer` the premultiplied colours of one ray step.

@group(0) @binding(6) var<storage, read> transfer: array<vec2<u32>>;

// A ray with less light than this left ends: half a grey level.
const DARK = 0.002;

fn jitter(pixel: vec2<u32>) -> f32 {
    var h = (pixel.x * 0x9E3779B1u) ^ (pixel.y * 0x85EBCA77u);
    h = (h ^ (h >> 15u)) * 0x2C1B3C6Du;
    h = h ^ (h >> 12u);
    return f32(h >> 8u) / 16777216.0;
}

fn transfer_at(d: f32) -> vec4<f32> {
    let last = f32(arrayLength(&transfer) - 1u);
    let at = clamp((d - ray.look.y) * ray.look.z + 0.5, 0.0, last);
    let entry = transfer[u32(at)];
    let clear = is_nothing(d) || (has(FLAG_THRESHOLD) && (d < ray.limits.z || d > ray.limits.w));
    return select(vec4<f32>(unpack2x16unorm(entry.x), unpack2x16unorm(entry.y)), vec4<f32>(0.0), clear);
}

fn or_else(d: f32, other: f32) -> f32 {
    return select(d, other, is_nothing(d));
}

// Light at the eye; see the CPU reference.
fn lit(c: vec4<f32>, q: vec3<f32>, here: f32) -> vec4<f32> {
    let slope = vec3<f32>(
        or_else(look_up(q + vec3<f32>(1.0, 0.0, 0.0)), here) - or_else(look_up(q - vec3<f32>(1.0, 0.0, 0.0)), here),
        or_else(look_up(q + vec3<f32>(0.0, 1.0, 0.0)), here) - or_else(look_up(q - vec3<f32>(0.0, 1.0, 0.0)), here),
        or_else(look_up(q + vec3<f32>(0.0, 0.0, 1.0)), here) - or_else(look_up(q - vec3<f32>(0.0, 0.0, 1.0)), here),
    );
    let g = vec3<f32>(dot(ray.gradient[0].xyz, slope), dot(ray.gradient[1].xyz, slope), dot(ray.gradient[2].xyz, slope));
    let size = length(g);
    let weight = min(size, 1.0);
    let facing = abs(dot(g, ray.view.xyz)) / max(size, 1e-20);
    return vec4<f32>(shine(c.rgb, c.a, facing, weight), c.a);
}

fn shine(c: vec3<f32>, alpha: f32, facing: f32, weight: f32) -> vec3<f32> {
    let f2 = facing * facing;
    let f4 = f2 * f2;
    let f16 = (f4 * f4) * (f4 * f4);
    return c + (c * (0.7 * facing - 0.7) + 0.2 * f16 * alpha) * weight;
}

@fragment
fn composite(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    let pixel = floor(position.xy);
    let start = jitter(vec2<u32>(pixel));
    let origin = ray.start.xyz + ray.dx.xyz * pixel.x + ray.dy.xyz * pixel.y + start * ray.step.xyz;
    let range = depths(origin);
    let last = range.y;
    var k = range.x;
    var end = k;
    var clear = 1.0;
    var sum = vec3<f32>(0.0);
    var labels = no_labels();
    // One turn for each sample that is seen.
    while k <= last {
        var q = origin + ray.step.xyz * k;
        var c = vec4<f32>(0.0);
        var d = NOTHING;
        var met = false;
        loop {
            // Over empty blocks.
            loop {
                q = origin + ray.step.xyz * k;
                if k < end || k > last {
                    break;
                }
                let cell = floor(max(q, vec3<f32>(0.0)) * (1.0 / BLOCK));
                let free = textureLoad(blocks, vec3<i32>(cell), 0).r;
                end = beyond(q, k, cell, BLOCK, max(free - 1.0, 0.0));
                if free < 0.5 {
                    break;
                }
                k = end;
                labels = no_labels();
            }
            if k > last {
                break;
            }
            // To the next sample that is seen.
            loop {
                q = origin + ray.step.xyz * k;
                d = look_up(q);
                c = transfer_at(d);
                met = meets_labels(&labels, pixel, k + start);
                if c.a > 0.0 || met || k >= end - 1.0 || k >= last {
                    break;
                }
                k += 1.0;
            }
            if c.a > 0.0 || met {
                break;
            }
            k += 1.0;
        }
        if met {
            lay_labels(&labels, pixel, k + start, &sum, &clear);
        }
        if SHADED {
            c = lit(c, q, or_else(d, 0.0));
        }
        sum += c.rgb * clear;
        clear *= 1.0 - c.a;
        if clear < DARK {
            break;
        }
        k += 1.0;
    }
    return vec4<f32>(sum, 1.0);
}
