// Volume passes without label layers.

fn no_labels() -> u32 {
    return 0u;
}

fn meets_labels(state: ptr<function, u32>, pixel: vec2<f32>, depth: f32) -> bool {
    return false;
}

fn lay_labels(
    state: ptr<function, u32>, pixel: vec2<f32>, depth: f32, sum: ptr<function, vec3<f32>>, clear: ptr<function, f32>,
) {
}

fn tinted(c: vec3<f32>, pixel: vec2<f32>, start: f32, first: f32, last: f32) -> vec3<f32> {
    return c;
}
