use std::sync::Arc;

use glam::{DVec3, DVec4};

use super::super::fixtures::{KINDS, cut_label, geometry, label_layer, layer, scene, volume, volume_of};
use super::super::scene::{Camera, Compare, Layer, Plane, Slab, SlabMode, SliceScene, VolumeMode, VolumeScene, WHOLE};
use super::{render_slice, render_volume};
use crate::display::{ColorMap, View, Voi, VoiFunction, Window};
use crate::volume::resample::sample;
use crate::volume::{Geometry, Interpolation, Padding, PatientPoint, Provenance, Space, Volume, VoxelType};

/// Slow and by the letter, through the ground floor's own functions.
fn plain_grey(scene: &SliceScene, x: u32, y: u32) -> u8 {
    let layer = &scene.layers[0];
    let v = volume_of(layer);
    let p = scene.plane.at(f64::from(x), f64::from(y));
    let values: Vec<f64> = scene
        .slab
        .offsets_mm(&v.geometry)
        .iter()
        .map(|mm| PatientPoint(p.0 + scene.plane.normal() * *mm))
        .filter_map(|p| sample(v, v.geometry.to_voxel(p), scene.interpolation))
        .map(|s| v.rescale.apply(s))
        .collect();
    if values.is_empty() {
        return 0;
    }
    let real = match scene.slab.mode {
        SlabMode::Mean => values.iter().sum::<f64>() / values.len() as f64,
        SlabMode::Mip => values.iter().copied().fold(f64::MIN, f64::max),
        SlabMode::MinIp => values.iter().copied().fold(f64::MAX, f64::min),
    };
    crate::display::grey::to_byte(layer.grey(v).level_of_real(real))
}

#[test]
fn the_fast_paths_equal_the_ground_floor_s_sampling() {
    for kind in KINDS.into_iter().filter(|k| *k != VoxelType::Rgb8) {
        for interpolation in [Interpolation::Nearest, Interpolation::Linear, Interpolation::Cubic] {
            for (thickness_mm, padded) in [(0.0, false), (0.0, true), (7.0, true)] {
                let mut v = volume(kind, &geometry(true));
                if padded {
                    let [low, high] = crate::volume::statistics::stored_range(&v).unwrap();
                    v.padding = Some(Padding { low: low + 0.4 * (high - low), high: low + 0.45 * (high - low) });
                }
                let mode = [SlabMode::Mean, SlabMode::Mip, SlabMode::MinIp][interpolation as usize];
                let scene = SliceScene { slab: Slab { thickness_mm, mode }, interpolation, ..scene(vec![layer(v)]) };
                let picture = render_slice(&scene);
                let grey = picture.pixels().all(|p| p.0[0] == p.0[1] && p.0[1] == p.0[2] && p.0[3] == 255);
                let off = |(x, y, p): &(u32, u32, &image::Rgba<u8>)| p.0[0].abs_diff(plain_grey(&scene, *x, *y)) > 1;
                // Samples within 1e-5 voxel of a border go to the other side.
                assert!(grey && picture.enumerate_pixels().filter(off).count() <= 2, "{kind:?} {interpolation:?}");
            }
        }
    }
}

/// 4 x 4 voxels of 1 mm, values 0 to 15, seen pixel by voxel.
fn small() -> (Volume, SliceScene) {
    let v = Volume::new(
        "small",
        (0..16_i16).collect::<Vec<_>>().into(),
        Geometry::unplaced([4, 4, 1]).unwrap(),
        Provenance::acquired(vec![]),
    )
    .unwrap();
    let scene = SliceScene {
        plane: Plane { origin: PatientPoint(DVec3::ZERO), right: DVec3::X, down: DVec3::Y },
        size: [4, 4],
        slab: Slab::default(),
        interpolation: Interpolation::Nearest,
        layers: vec![],
        compare: Compare::Blend,
    };
    (v, scene)
}

fn exact(low: f64, high: f64) -> Voi {
    Voi::Window(Window::spanning(low, high))
}

#[test]
fn layers_mix_by_opacity_and_thresholds_leave_the_base() {
    let (v, mut scene) = small();
    let mut base = Layer::image(Arc::new(v.clone()));
    base.voi = exact(0.0, 15.0);
    let mut over = base.clone();
    over.colormap = ColorMap::Hot;
    over.opacity = 0.5;
    over.threshold = Some([8.0, 15.0]);
    scene.layers = vec![base, over];
    let p = render_slice(&scene);
    assert_eq!(p.get_pixel(1, 0).0, [17, 17, 17, 255], "below the threshold: 1/15 grey");
    // 15/15: grey 255 and hot's white; 9/15: grey 153 and hot(0.6) = (1, 0.8, 0).
    assert_eq!(p.get_pixel(3, 3).0, [255, 255, 255, 255]);
    assert_eq!(p.get_pixel(1, 2).0, [204, 179, 77, 255]);
}

#[test]
fn a_contour_runs_along_its_value_and_a_fade_hides_what_is_uncertain() {
    let (v, mut scene) = small();
    let mut base = Layer::image(Arc::new(v.clone()));
    base.voi = exact(100.0, 200.0);
    let mut over =
        Layer { voi: exact(0.0, 15.0), contour: Some(6.0), outline: true, ..Layer::image(Arc::new(v.clone())) };
    scene.layers = vec![base.clone(), over.clone()];
    let lit = |p: &image::RgbaImage| {
        p.enumerate_pixels().filter(|(.., p)| p.0[0] > 0).map(|(x, y, _)| y * 4 + x).collect::<Vec<_>>()
    };
    // Values are the pixel's number: 6 and above with 2 to 5 above or left of them.
    assert_eq!(lit(&render_slice(&scene)), [6, 7, 8, 9]);
    assert_eq!(render_slice(&scene).get_pixel(2, 1).0, [255; 4], "grey as bright as it goes");
    over.contour = None;
    over.voi = exact(-30.0, -20.0);
    over.fade = Some(super::super::scene::Fade { by: Arc::new(v), range: [4.0, 8.0] });
    scene.layers = vec![base, over];
    let p = render_slice(&scene);
    let red = |n: u32| p.get_pixel(n % 4, n / 4).0[0];
    assert_eq!([red(0), red(4), red(6), red(8), red(15)], [255, 255, 128, 0, 0]);
}

#[test]
fn checkerboard_and_swipe_share_the_pixels() {
    let (v, mut scene) = small();
    let mut base = Layer::image(Arc::new(v));
    base.voi = exact(-1.0, -0.5);
    let mut over = base.clone();
    over.voi = exact(20.0, 30.0);
    over.opacity = 0.1;
    scene.layers = vec![base, over];
    scene.compare = Compare::Checkerboard { square_px: 2 };
    let row = |p: &image::RgbaImage, y| (0..4).map(|x| p.get_pixel(x, y).0[0]).collect::<Vec<_>>();
    let p = render_slice(&scene);
    assert_eq!((row(&p, 0), row(&p, 3)), (vec![255, 255, 0, 0], vec![0, 0, 255, 255]));
    scene.compare = Compare::Swipe { position: 0.25 };
    assert_eq!(row(&render_slice(&scene), 2), [255, 0, 0, 0]);
}

#[test]
fn a_stack_lies_under_no_patient_image_and_is_not_interpolated_between_pictures() {
    let (patient, mut scene) = small();
    let mut stack = Volume::new(
        "stack",
        vec![10_u8, 20].into(),
        Geometry::unplaced([1, 1, 2]).unwrap(),
        Provenance::acquired(vec![]),
    )
    .unwrap();
    stack.space = Space::Stack { reason: "test".into(), pixel_spacing_mm: None };
    let mut stack = Layer::image(Arc::new(stack));
    stack.voi = exact(0.0, 255.0);
    let mut patient = Layer::image(Arc::new(patient));
    patient.voi = exact(0.0, 15.0);
    scene.interpolation = Interpolation::Linear;
    scene.plane.origin.0.z = 0.4;
    scene.slab.thickness_mm = 3.0;
    scene.layers = vec![stack.clone(), patient.clone()];
    let p = render_slice(&scene);
    assert_eq!((p.get_pixel(0, 0).0[0], p.get_pixel(3, 3).0[0]), (10, 0));
    scene.layers = vec![patient, stack];
    assert_eq!(render_slice(&scene).get_pixel(0, 0).0[0], 0);
}

#[test]
fn labels_are_filled_or_outlined_and_hidden_ones_are_not_there() {
    let g = geometry(false);
    let mut scene = scene(vec![Layer { opacity: 1.0, ..label_layer(&g) }]);
    let filled = render_slice(&scene);
    scene.layers[0].outline = true;
    let outline = render_slice(&scene);
    let count = |p: &image::RgbaImage, c: [u8; 3]| p.pixels().filter(|p| p.0[..3] == c).count();
    let (one, three) = ([255, 128, 0], [0, 0, 255]);
    assert!(count(&filled, one) > 200 && count(&filled, three) == 0);
    assert!(count(&outline, one) > 20 && count(&outline, one) < count(&filled, one) / 3);
    assert!(count(&filled, crate::volume::labelmap::distinct_color(2)) > 50, "not in the table: a colour of its own");
}

#[test]
fn sigmoid_and_linear_windows_follow_the_check_values() {
    let v = Volume::new(
        "w",
        vec![-160_i16, 40, 239, 140].into(),
        Geometry::unplaced([4, 1, 1]).unwrap(),
        Provenance::acquired(vec![]),
    )
    .unwrap();
    let (_, mut scene) = small();
    scene.size = [4, 1];
    let mut row = |window: Window| {
        scene.layers = vec![Layer { voi: Voi::Window(window), ..Layer::image(Arc::new(v.clone())) }];
        render_slice(&scene).pixels().map(|p| p.0[0]).collect::<Vec<_>>()
    };
    // CONVENTIONS.md's check values; sigmoid 255 / (1 + e^-1) = 186.4.
    assert_eq!(row(Window::new(40.0, 400.0))[..3], [0, 128, 255]);
    assert_eq!(row(Window::with_function(40.0, 400.0, VoiFunction::LinearExact))[1], 128);
    assert_eq!(row(Window::with_function(40.0, 400.0, VoiFunction::Sigmoid))[3], 186);
}

#[test]
fn a_fitted_axial_slice_has_the_patient_s_right_on_the_left() {
    // Bright voxel at the patient's right (x low) and front (y low).
    let mut data = vec![0_u8; 20 * 20];
    data[21] = 255;
    let m = glam::DMat4::from_cols(DVec4::X, DVec4::Y, DVec4::Z, DVec4::new(-10.0, -10.0, 0.0, 1.0));
    let g = Geometry::new([20, 20, 1], m).unwrap();
    let v = Volume::new("spot", data.into(), g.clone(), Provenance::acquired(vec![])).unwrap();
    let (_, scene) = small();
    let scene = SliceScene {
        plane: Plane::fitted(&g, View::Axial, g.center(), [40, 40]),
        size: [40, 40],
        layers: vec![Layer { voi: exact(0.0, 255.0), ..Layer::image(Arc::new(v)) }],
        ..scene
    };
    let p = render_slice(&scene);
    assert_eq!((p.get_pixel(2, 2).0[0], p.get_pixel(37, 37).0[0]), (255, 0));
}

/// A bright ball of radius 8 mm at (10, 0, 0) in 40 mm of dark.
fn ball() -> VolumeScene {
    let n = 41;
    let at = |i: usize| {
        let p = DVec3::new((i % n) as f64, (i / n % n) as f64, (i / n / n) as f64) - 20.0;
        if p.distance(DVec3::new(10.0, 0.0, 0.0)) <= 8.0 { 1000_i16 } else { -1000 }
    };
    let m = glam::DMat4::from_translation(DVec3::splat(-20.0));
    let g = Geometry::new([n, n, n], m).unwrap();
    let v =
        Volume::new("ball", (0..n * n * n).map(at).collect::<Vec<_>>().into(), g.clone(), Provenance::acquired(vec![]));
    let mut base = Layer::image(Arc::new(v.unwrap()));
    base.voi = exact(-1000.0, 1000.0);
    let size = [60, 60];
    let camera = Camera { azimuth_deg: 0.0, elevation_deg: 0.0, ..Camera::fitted(&g, size) };
    VolumeScene { base, labels: vec![], camera, size, mode: VolumeMode::Mip, clip: WHOLE, step: 0.5 }
}

#[test]
fn from_the_front_the_patient_s_left_is_right_and_from_the_left_side_the_middle() {
    let mut scene = ball();
    let bright = |scene: &VolumeScene| {
        let p = render_volume(scene);
        let lit: Vec<_> = p.enumerate_pixels().filter(|(_, _, p)| p.0[0] > 200).map(|(x, _, _)| x).collect();
        (f64::from(lit.iter().sum::<u32>()) / lit.len() as f64, lit.len())
    };
    let (x, n) = bright(&scene);
    let pixels_per_mm = 1.0 / scene.camera.mm_per_pixel;
    assert!((x - (29.5 + 10.0 * pixels_per_mm)).abs() < 0.5, "{x}");
    let area = std::f64::consts::PI * (8.0 * pixels_per_mm).powi(2);
    assert!((n as f64 / area - 1.0).abs() < 0.15, "{n} {area}");
    scene.camera.azimuth_deg = 90.0;
    assert!((bright(&scene).0 - 29.5).abs() < 0.5);
    scene.clip[0] = [0.0, 0.5];
    assert_eq!(bright(&scene).1, 0, "the ball is clipped away");
}

#[test]
fn a_label_that_is_cut_open_has_one_colour_on_the_cut() {
    let (scene, cut) = cut_label();
    let picture = render_volume(&scene);
    assert!(cut.len() > 3000);
    for (x, y) in cut {
        assert_eq!(picture.get_pixel(x, y).0, [255, 179, 51, 255], "{x} {y}");
    }
}
