// Highest, lowest or mean value along each ray. ray.wgsl and one of ray_voxels_*.wgsl stand before this.
// Values are multiplied by ray.look.w (1 or -1), so that the highest is always sought. `blocks` and `big_blocks` hold the
// highest such value (without zero) of 8 and 32 voxels a side.

const BIG = 32.0;
// Every n-th sample is taken first: a good guess that lets most blocks be skipped.
const GUESS = 12.0;

fn signed(d: f32) -> f32 {
    return select(d * ray.look.w, NOTHING, is_nothing(d));
}

fn highest(origin: vec3<f32>, first: f32, last: f32) -> f32 {
    var best = NOTHING;
    var k = first;
    while k <= last {
        best = max(best, signed(look_up(origin + ray.step.xyz * k)));
        k += GUESS;
    }
    // Nothing below the window's floor is told from the floor.
    best = select(best, max(best, ray.bounds.x), best > NOTHING);
    k = select(first, last + 1.0, best >= ray.bounds.y);
    while k <= last {
        // Over blocks that hold nothing higher.
        var end = k;
        loop {
            let q = max(origin + ray.step.xyz * k, vec3<f32>(0.0));
            let cell = floor(q * (1.0 / BLOCK));
            let big_cell = floor(q * (1.0 / BIG));
            let big = textureLoad(big_blocks, vec3<i32>(big_cell), 0).r <= best;
            let skip = big || textureLoad(blocks, vec3<i32>(cell), 0).r <= best;
            end = beyond(q, k, select(cell, big_cell, big), select(BLOCK, BIG, big), 0.0);
            if !skip || k > last {
                break;
            }
            k = end;
        }
        end = min(end, last + 1.0);
        while k < end {
            best = max(best, signed(look_up(origin + ray.step.xyz * k)));
            k += 1.0;
        }
        if best >= ray.bounds.y {
            break;
        }
    }
    return best;
}

fn mean(origin: vec3<f32>, first: f32, last: f32) -> f32 {
    var sum = 0.0;
    var count = 0.0;
    for (var k = first; k <= last; k += 1.0) {
        let d = look_up(origin + ray.step.xyz * k);
        let used = !is_nothing(d);
        sum += select(0.0, d, used);
        count += select(0.0, 1.0, used);
    }
    return select(NOTHING, sum / count, count > 0.0);
}

@fragment
fn project(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    let pixel = floor(position.xy);
    let origin = ray.start.xyz + ray.dx.xyz * pixel.x + ray.dy.xyz * pixel.y + 0.5 * ray.step.xyz;
    let range = depths(origin);
    var d: f32;
    if AVERAGE {
        d = mean(origin, range.x, range.y);
    } else {
        d = highest(origin, range.x, range.y);
        d = select(d * ray.look.w, NOTHING, is_nothing(d));
    }
    let cut = has(FLAG_THRESHOLD) && (d < ray.limits.z || d > ray.limits.w);
    var c = vec3<f32>(0.0);
    if !(is_nothing(d) || cut || has(FLAG_HIDDEN)) {
        c = colour_of(level_of(d)) * ray.look.x;
    }
    c = tinted(c, pixel, 0.5, range.x, range.y);
    return vec4<f32>(c, 1.0);
}
