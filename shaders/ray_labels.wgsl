// Volume passes with label layers. EACH_* lines are filled in by src/render/gpu/ray_labels.rs, once a layer.

struct LabelRay {
    // Voxel of the label texture under pixel (0, 0) at depth 0, steps for a pixel right, a pixel down and a ray step.
    start: vec4<f32>, dx: vec4<f32>, dy: vec4<f32>, step: vec4<f32>,
    size: vec4<i32>,
    // The outer faces.
    last: vec4<f32>,
    // Slopes a voxel to a direction in the patient; rows.
    gradient: array<vec4<f32>, 3>,
    // x: opacity.
    look: vec4<f32>,
};

struct LabelLayer {
    ray: LabelRay,
    // By label number: red, green, blue and 255, or 0 for what is not on show.
    colors: array<u32>,
};

//EACH_SLOT

// Bits 0 to 7: which labels the ray is in; 8 to 15: which it has just gone into.
fn no_labels() -> u32 {
    return 0u;
}

fn meets_labels(state: ptr<function, u32>, pixel: vec2<f32>, depth: f32) -> bool {
    let before = *state & 0xffu;
    var now = 0u;
    //EACH_MEETS
    let entered = now & ~before;
    *state = now | (entered << 8u);
    return entered != 0u;
}

fn lay_labels(
    state: ptr<function, u32>, pixel: vec2<f32>, depth: f32, sum: ptr<function, vec3<f32>>, clear: ptr<function, f32>,
) {
    //EACH_LAY
}

fn tinted(c: vec3<f32>, pixel: vec2<f32>, start: f32, first: f32, last: f32) -> vec3<f32> {
    var color = c;
    //EACH_TINT
    return color;
}
