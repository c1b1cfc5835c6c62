use std::sync::{Arc, Mutex, OnceLock};

use image::RgbaImage;

use super::Renderer;
use crate::display::{ColorMap, Voi, VoiFunction, VoiLut, Window};
use crate::render::fidelity::Fidelity;
use crate::render::fixtures::{KINDS, cut_label, geometry, label_layer, layer, scene, volume, volume_of};
use crate::render::output::{Device, slice_picture};
use crate::render::reference;
use crate::render::scene::{
    Camera, Compare, Content, Layer, Slab, SlabMode, SliceScene, TransferFunction, TransferPoint, VolumeMode,
    VolumeScene, WHOLE,
};
use crate::volume::{Interpolation, Padding, VoxelType};

/// Runs a test on the adapter of this machine; without one it is skipped, or failed where VERITOME_REQUIRE_GPU=1.
fn with_renderer(test: impl FnOnce(&mut Renderer)) {
    static SHARED: OnceLock<Option<Mutex<Renderer>>> = OnceLock::new();
    let shared = SHARED.get_or_init(|| match Renderer::headless() {
        Ok(mut renderer) => {
            renderer.set_slices_on_cpu(false);
            Some(Mutex::new(renderer))
        }
        Err(e) if std::env::var("VERITOME_REQUIRE_GPU").is_ok_and(|v| v == "1") => panic!("{e}"),
        Err(e) => {
            println!("skipped: {e}");
            None
        }
    });
    if let Some(renderer) = shared {
        test(&mut renderer.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    }
}

/// Pixels that differ by more than one grey level in any channel, and the largest difference.
pub(super) fn differing(a: &RgbaImage, b: &RgbaImage) -> (usize, u8) {
    assert_eq!(a.dimensions(), b.dimensions());
    let worst = |(a, b): (&image::Rgba<u8>, &image::Rgba<u8>)| (0..4).map(|c| a.0[c].abs_diff(b.0[c])).max().unwrap();
    let all: Vec<u8> = a.pixels().zip(b.pixels()).map(worst).collect();
    (all.iter().filter(|d| **d > 1).count(), all.into_iter().max().unwrap())
}

fn check(renderer: &mut Renderer, scene: &SliceScene, what: &str) {
    let picture = renderer.render_slice(scene).unwrap();
    assert!(picture.fidelity.is_full());
    let drawn = renderer.read(&picture).unwrap();
    let expected = reference::render_slice(scene);
    assert_eq!(differing(&drawn, &expected).0, 0, "{what}: {:?}", differing(&drawn, &expected));
    assert!(expected.pixels().any(|p| p.0[..3] != [0; 3]), "{what}: nothing is seen");
}

fn check_formats(renderer: &mut Renderer) {
    for kind in KINDS {
        for sheared in [false, true] {
            for interpolation in [Interpolation::Nearest, Interpolation::Linear, Interpolation::Cubic] {
                let base = layer(volume(kind, &geometry(sheared)));
                let scene = SliceScene { interpolation, ..scene(vec![base]) };
                check(renderer, &scene, &format!("{kind:?} {sheared} {interpolation:?}"));
            }
        }
    }
}

#[test]
fn every_number_type_and_interpolation_equals_the_reference() {
    with_renderer(check_formats);
}

#[test]
fn integer_textures_equal_the_reference_too() {
    if let Ok(mut renderer) = Renderer::headless() {
        renderer.set_slices_on_cpu(false);
        check_formats(&mut renderer.without_norm16());
    }
}

#[test]
fn slabs_padding_and_nan_equal_the_reference() {
    with_renderer(|renderer| {
        for kind in KINDS {
            for mode in [SlabMode::Mean, SlabMode::Mip, SlabMode::MinIp] {
                for interpolation in [Interpolation::Linear, Interpolation::Cubic] {
                    let mut v = volume(kind, &geometry(true));
                    let [low, high] = crate::volume::statistics::stored_range(&v).unwrap();
                    v.padding = Some(Padding { low: low + 0.4 * (high - low), high: low + 0.45 * (high - low) });
                    let slab = Slab { thickness_mm: 6.3, mode };
                    let scene = SliceScene { slab, interpolation, ..scene(vec![layer(v)]) };
                    check(renderer, &scene, &format!("{kind:?} {mode:?} {interpolation:?}"));
                }
            }
        }
        let holes = |n: usize| if n.is_multiple_of(37) { f32::NAN } else { (n % 31) as f32 };
        let g = geometry(false);
        let mut base = layer(volume(VoxelType::F32, &g));
        let mut v = volume_of(&base).clone();
        v.voxels = (0..g.voxel_count()).map(holes).collect::<Vec<_>>().into();
        base.content = Content::Image(Arc::new(v));
        base.voi = Voi::Window(Window::spanning(0.0, 31.0));
        check(renderer, &scene(vec![base]), "NaN");
    });
}

#[test]
fn every_window_function_table_and_colour_map_equals_the_reference() {
    with_renderer(|renderer| {
        let g = geometry(false);
        for kind in [VoxelType::I16, VoxelType::U16, VoxelType::F32] {
            let base = layer(volume(kind, &g));
            let [low, high] = crate::volume::statistics::range(volume_of(&base)).unwrap();
            let (center, width) = ((low + high) / 2.0, (high - low) / 2.0);
            let mut vois: Vec<Voi> = [VoiFunction::Linear, VoiFunction::LinearExact, VoiFunction::Sigmoid]
                .into_iter()
                .flat_map(|f| [Window::with_function(center, width, f), Window::with_function(center, width / 9.0, f)])
                .map(Voi::Window)
                .collect();
            let entries = (0..4096).map(|n| ((n as f32 / 4095.0) * 3.0).sin().abs()).collect::<Vec<_>>();
            vois.push(Voi::Lut(VoiLut { name: String::new(), first: low, entries: Arc::new(entries) }));
            for voi in vois {
                for inverted in [false, true] {
                    for colormap in [ColorMap::Grey, ColorMap::Turbo, ColorMap::Hot] {
                        let what = format!("{kind:?} {voi:?} {inverted} {colormap:?}");
                        let layer = Layer { voi: voi.clone(), inverted, colormap, ..base.clone() };
                        check(renderer, &scene(vec![layer]), &what[..what.len().min(200)]);
                    }
                }
            }
        }
    });
}

#[test]
fn narrow_windows_far_from_zero_stay_exact() {
    with_renderer(|renderer| {
        let g = geometry(false);
        let mut v = volume(VoxelType::U16, &g);
        v.rescale = crate::volume::Rescale { slope: 1.0, intercept: -8192.0 };
        for (center, width) in [(30000.0, 8.0), (30000.5, 1.0), (-8000.0, 2.0)] {
            let base = Layer { voi: Voi::Window(Window::new(center, width)), ..layer(v.clone()) };
            let scene = SliceScene { interpolation: Interpolation::Nearest, ..scene(vec![base]) };
            check(renderer, &scene, &format!("{center} {width}"));
        }
    });
}

#[test]
fn layers_on_their_own_grids_equal_the_reference_in_every_comparison() {
    with_renderer(|renderer| {
        let base = layer(volume(VoxelType::I16, &geometry(false)));
        let mut over = layer(volume(VoxelType::F32, &geometry(true)));
        over.colormap = ColorMap::Inferno;
        over.opacity = 0.55;
        over.threshold = Some([0.31, 0.93]);
        let colour = Layer { opacity: 0.3, ..layer(volume(VoxelType::Rgb8, &geometry(false))) };
        let filled = label_layer(&geometry(true));
        let outlined = Layer { outline: true, opacity: 0.8, ..label_layer(&geometry(false)) };
        for compare in [Compare::Blend, Compare::Checkerboard { square_px: 7 }, Compare::Swipe { position: 0.43 }] {
            let layers = vec![base.clone(), filled.clone(), over.clone(), colour.clone(), outlined.clone()];
            check(renderer, &SliceScene { compare, ..scene(layers) }, &format!("{compare:?}"));
        }
        check(renderer, &scene(vec![Layer { opacity: 1.0, ..filled }]), "labels alone");
    });
}

#[test]
fn contours_equal_the_reference_filled_and_alone() {
    with_renderer(|renderer| {
        for kind in KINDS.into_iter().filter(|k| *k != VoxelType::Rgb8) {
            for (interpolation, thickness_mm, alone) in [
                (Interpolation::Linear, 0.0, false),
                (Interpolation::Nearest, 0.0, true),
                (Interpolation::Linear, 6.3, true),
            ] {
                let base = layer(volume(VoxelType::I16, &geometry(false)));
                let mut over = layer(volume(kind, &geometry(true)));
                let [low, high] = crate::volume::statistics::range(volume_of(&over)).unwrap();
                over.contour = Some(low + 0.5173 * (high - low));
                over.threshold = Some([low, low + 0.5 * (high - low)]);
                (over.outline, over.opacity, over.colormap) = (alone, 0.6, ColorMap::Viridis);
                let slab = Slab { thickness_mm, mode: SlabMode::Mean };
                let scene = SliceScene { slab, interpolation, ..scene(vec![base, over]) };
                let drawn = renderer.render_slice(&scene).unwrap();
                let (drawn, expected) = (renderer.read(&drawn).unwrap(), reference::render_slice(&scene));
                // A pixel whose value is the contour's to the last bit may fall on either side.
                assert!(differing(&drawn, &expected).0 <= 2, "{kind:?} {interpolation:?}");
                let mut plain = scene.clone();
                plain.layers[1].contour = None;
                assert!(differing(&expected, &reference::render_slice(&plain)).0 > 60, "{kind:?}: a line is seen");
            }
        }
    });
}

#[test]
fn fading_equals_the_reference_for_images_colours_and_labels() {
    with_renderer(|renderer| {
        let base = layer(volume(VoxelType::U8, &geometry(false)));
        let by = Arc::new(volume(VoxelType::F32, &geometry(true)));
        let fade = Some(crate::render::scene::Fade { by: by.clone(), range: [0.1, 1.2] });
        let over = [
            layer(volume(VoxelType::I16, &geometry(true))),
            layer(volume(VoxelType::Rgb8, &geometry(false))),
            Layer { opacity: 0.7, ..label_layer(&geometry(false)) },
        ];
        for over in over {
            for thickness_mm in [0.0, 5.0] {
                let slab = Slab { thickness_mm, mode: SlabMode::Mean };
                let layers = vec![base.clone(), Layer { fade: fade.clone(), ..over.clone() }];
                let scene = SliceScene { slab, ..scene(layers) };
                check(renderer, &scene, "fade");
                let mut plain = scene.clone();
                plain.layers[1].fade = None;
                let (faded, plain) = (reference::render_slice(&scene), reference::render_slice(&plain));
                assert!(differing(&faded, &plain).0 > 200);
            }
        }
        // Alone too, where the picture has no half floats.
        check(renderer, &scene(vec![Layer { fade, ..base }]), "fade alone");
    });
}

#[test]
fn a_volume_beyond_the_limit_is_reduced_and_says_so() {
    with_renderer(|renderer| {
        renderer.set_volume_limit(31 * 27 * 19);
        let base = layer(volume(VoxelType::I16, &geometry(false)));
        let scene = scene(vec![base]);
        let picture = renderer.render_slice(&scene).unwrap();
        renderer.set_volume_limit(4 << 30);
        assert_eq!(picture.fidelity.marks(), ["REDUCED 2x"]);
        let (drawn, expected) = (renderer.read(&picture).unwrap(), reference::render_slice(&scene));
        let mean =
            |p: &RgbaImage| p.pixels().map(|p| f64::from(p.0[0])).sum::<f64>() / f64::from(p.width() * p.height());
        assert!((mean(&drawn) - mean(&expected)).abs() < 12.0, "{} {}", mean(&drawn), mean(&expected));
    });
}

#[test]
fn textures_go_when_their_volumes_go() {
    with_renderer(|renderer| {
        let before = renderer.held_volumes();
        let scene = scene(vec![layer(volume(VoxelType::U8, &geometry(false)))]);
        renderer.render_slice(&scene).unwrap();
        renderer.render_slice(&scene.clone()).unwrap();
        assert_eq!(renderer.held_volumes(), before + 1);
        drop(scene);
        assert_eq!(renderer.held_volumes(), before);
    });
}

fn volume_scene(base: Layer, mode: VolumeMode) -> VolumeScene {
    let size = [64, 57];
    let camera = Camera { azimuth_deg: 33.0, elevation_deg: 21.0, ..Camera::fitted(base.content.geometry(), size) };
    VolumeScene { base, labels: vec![], camera, size, mode, clip: WHOLE, step: 0.5 }
}

fn ramp(layer: &Layer) -> TransferFunction {
    let [low, high] = crate::volume::statistics::range(volume_of(layer)).unwrap();
    let point = |t: f64, color, opacity| TransferPoint { value: low + t * (high - low), color, opacity };
    let points =
        vec![point(0.5, [0.9, 0.3, 0.1], 0.0), point(0.62, [0.9, 0.5, 0.3], 0.15), point(0.85, [1.0, 1.0, 0.9], 0.7)];
    TransferFunction { name: "test".into(), points }
}

/// Software adapters interpolate 8-bit textures in 8 bits.
fn filtered(kind: VoxelType, limit: u8) -> u8 {
    if matches!(kind, VoxelType::U8 | VoxelType::Rgb8) { 4 * limit } else { limit }
}

/// As [`differing`], but a few pixels may be off where a sample just comes in or falls out.
fn check_volume(renderer: &mut Renderer, scene: &VolumeScene, limit: u8, what: &str) {
    let drawn = renderer.render_volume(scene).unwrap();
    let drawn = renderer.read(&drawn).unwrap();
    let expected = reference::render_volume(scene);
    if let Ok(dir) = std::env::var("VERITOME_KEEP_PICTURES") {
        let name = what.replace(|c: char| !c.is_alphanumeric(), "_");
        drawn.save(format!("{dir}/{name}_gpu.png")).unwrap();
        expected.save(format!("{dir}/{name}_cpu.png")).unwrap();
    }
    let off = drawn.pixels().zip(expected.pixels()).filter(|(a, b)| (0..4).any(|c| a.0[c].abs_diff(b.0[c]) > limit));
    let (off, all) = (off.count(), drawn.pixels().len());
    assert!(off * 500 <= all, "{what}: {off} of {all} pixels, worst {}", differing(&drawn, &expected).1);
    assert!(expected.pixels().any(|p| p.0[..3] != [0; 3]), "{what}: nothing is seen");
}

#[test]
fn projections_equal_the_reference_on_every_number_type() {
    with_renderer(|renderer| {
        for kind in KINDS {
            for mode in [VolumeMode::Mip, VolumeMode::MinIp, VolumeMode::Average] {
                for padded in [false, true] {
                    let mut v = volume(kind, &geometry(padded));
                    let [low, high] = crate::volume::statistics::stored_range(&v).unwrap();
                    v.padding =
                        padded.then_some(Padding { low: low + 0.4 * (high - low), high: low + 0.6 * (high - low) });
                    let mut base = layer(v);
                    let [low, high] = crate::volume::statistics::range(volume_of(&base)).unwrap();
                    base.voi = Voi::Window(Window::spanning(low, high));
                    let what = format!("{kind:?} {mode:?} {padded}");
                    check_volume(renderer, &volume_scene(base.clone(), mode.clone()), filtered(kind, 1), &what);
                    let mut scene = volume_scene(base, mode.clone());
                    scene.base.voi = Voi::Window(Window::spanning(low, low + 0.7 * (high - low)));
                    scene.base.colormap = ColorMap::Magma;
                    scene.clip = [[0.1, 0.8], [0.0, 0.7], [0.3, 1.0]];
                    check_volume(renderer, &scene, filtered(kind, 1), &format!("{what} clipped"));
                }
            }
        }
    });
}

#[test]
fn composites_equal_the_reference_on_every_number_type() {
    with_renderer(|renderer| {
        for kind in KINDS {
            for shaded in [false, true] {
                for padded in [false, true] {
                    let mut v = volume(kind, &geometry(true));
                    let [low, high] = crate::volume::statistics::stored_range(&v).unwrap();
                    v.padding =
                        padded.then_some(Padding { low: low + 0.4 * (high - low), high: low + 0.6 * (high - low) });
                    let base = layer(v);
                    let mode = VolumeMode::Composite { transfer: ramp(&base), shaded };
                    let what = format!("{kind:?} shaded {shaded} {padded}");
                    check_volume(renderer, &volume_scene(base, mode), filtered(kind, 3), &what);
                }
            }
        }
    });
}

#[test]
fn label_surfaces_and_tints_equal_the_reference() {
    with_renderer(|renderer| {
        let base = layer(volume(VoxelType::I16, &geometry(false)));
        let labels = vec![
            Layer { opacity: 0.7, ..label_layer(&geometry(true)) },
            Layer { opacity: 0.35, ..label_layer(&geometry(false)) },
        ];
        let modes =
            [VolumeMode::Mip, VolumeMode::Composite { transfer: ramp(&base), shaded: true }, VolumeMode::Average];
        for mode in modes {
            let what = format!("labels {mode:?}");
            let scene = VolumeScene { labels: labels.clone(), ..volume_scene(base.clone(), mode) };
            check_volume(renderer, &scene, 3, &what[..what.len().min(20)]);
        }
        let many = VolumeScene {
            labels: vec![label_layer(&geometry(false)); 5],
            ..volume_scene(base.clone(), VolumeMode::Mip)
        };
        assert_eq!(renderer.render_volume(&many).unwrap().fidelity.marks(), ["1 LABEL LAYER LEFT OUT"]);
        let hidden = Layer { visible: false, ..base.clone() };
        let mode = VolumeMode::Composite { transfer: ramp(&base), shaded: false };
        let scene = VolumeScene { labels, ..volume_scene(hidden, mode) };
        check_volume(renderer, &scene, 3, "labels alone");
    });
}

#[test]
fn a_label_that_is_cut_open_has_no_seams() {
    with_renderer(|renderer| {
        let (scene, cut) = cut_label();
        let drawn = renderer.render_volume(&scene).unwrap();
        let (drawn, expected) = (renderer.read(&drawn).unwrap(), reference::render_volume(&scene));
        assert!(cut.len() > 3000);
        let off = cut.iter().filter(|(x, y)| {
            let (a, b) = (drawn.get_pixel(*x, *y), expected.get_pixel(*x, *y));
            (0..4).any(|c| a.0[c].abs_diff(b.0[c]) > 1)
        });
        assert_eq!(off.count(), 0, "of {}", cut.len());
        check_volume(renderer, &scene, 3, "cut label");
    });
}

#[test]
fn the_marks_are_the_same_on_both_devices() {
    with_renderer(|renderer| {
        let mut v = volume(VoxelType::I16, &geometry(false));
        v.provenance = crate::volume::Provenance::marked_synthetic(vec![], None);
        let scene = SliceScene { size: [200, 180], ..scene(vec![layer(v)]) };
        let known = Fidelity { uneven_spacing: true, ..Fidelity::default() };
        let picture = renderer.render_slice_known(&scene, known).unwrap();
        let cpu = slice_picture(&scene, Device::Cpu, known).unwrap();
        assert_eq!(differing(&renderer.read(&picture).unwrap(), &cpu.image).0, 0);
        let magenta = cpu.image.pixels().filter(|p| p.0[..3] == crate::render::badge::SYNTHETIC_MAGENTA);
        assert!(magenta.count() > 50);
    });
}
