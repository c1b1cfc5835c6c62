//! Overlay planes, shutters, Real World Value Mappings and SUV. Expected values: `tests/expected/make_dicom_graphics.py`
//! (pydicom and numpy, from the text of PS3.3).

use std::sync::Arc;

use serde_json::Value;
use veritome::display::Voi;
use veritome::display::grey::auto_window;
use veritome::io::Series;
use veritome::jobs::Control;
use veritome::render::gpu::Renderer;
use veritome::render::scene::{Compare, Layer, Plane, Slab, SliceScene};
use veritome::render::{Device, Fidelity, slice_picture};
use veritome::volume::image::Value as Reading;
use veritome::volume::resample::sample_label;
use veritome::volume::{Interpolation, Labelmap, PatientPoint, Volume, VoxelPoint};

use super::{expected, open, root};

fn series(case: &str) -> Series {
    let opened = open(&root().join("tests/data/graphics").join(case)).expect("it opens");
    opened.studies[0].series[0].clone()
}

fn load(case: &str) -> (Series, Volume, Value) {
    let series = series(case);
    let volume = series.load(0, &Control::new()).expect("it loads");
    let want = expected("graphics.json")[case].clone();
    (series, volume, want)
}

/// The bits of a label map at the voxels of its image, packed as the expected ones are, one string a slice.
fn bits(labels: &Labelmap, volume: &Volume) -> Vec<String> {
    let [nx, ny, nz] = volume.size();
    (0..nz)
        .map(|k| {
            let mut bytes = vec![0_u8; (nx * ny).div_ceil(8)];
            for n in 0..nx * ny {
                let p = volume.geometry.to_patient(VoxelPoint::new((n % nx) as f64, (n / nx) as f64, k as f64));
                let value = sample_label(labels, labels.geometry.to_voxel(p)).unwrap_or(0);
                bytes[n / 8] |= u8::from(value > 0) << (n % 8);
            }
            bytes.iter().map(|b| format!("{b:02x}")).collect()
        })
        .collect()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Every fault that is expected is a warning, and there is no other of code `other`.
fn same_faults(series: &Series, want: &Value) {
    let said: Vec<&str> =
        series.warnings.iter().filter(|w| w.code.name() == "other").map(|w| w.message.as_str()).collect();
    let wanted = texts(&want["faults"]);
    for part in &wanted {
        assert!(said.iter().any(|s| s.contains(part.as_str())), "{part} is not among {said:?}");
    }
    assert_eq!(said.len(), wanted.len(), "{said:?}");
}

fn same_planes(case: &str) {
    let (series, volume, want) = load(case);
    let planes = want["planes"].as_array().expect("planes");
    let names: Vec<&str> = volume.graphics.planes.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, planes.iter().filter_map(|p| p["name"].as_str()).collect::<Vec<_>>(), "{case}");
    for (plane, wanted) in volume.graphics.planes.iter().zip(planes) {
        assert_eq!(bits(plane, &volume), texts(&wanted["slices"]), "{case}, {}", plane.name);
        assert!(!plane.provenance.is_synthetic());
    }
    same_faults(&series, &want);
}

#[test]
fn overlay_planes_lie_where_pydicom_and_the_standard_put_them() {
    for case in ["overlay_packed", "overlay_one_slice", "overlay_big_endian", "overlay_in_pixels", "overlay_frames"] {
        same_planes(case);
    }
}

#[test]
fn bad_overlay_planes_are_named_and_what_is_sound_of_them_is_shown() {
    same_planes("overlay_bad");
    same_planes("overlay_packed_pixels");
}

#[test]
fn a_plane_that_all_frames_share_is_kept_once_and_only_as_large_as_it_is() {
    let (_, volume, _) = load("overlay_frames");
    let sizes: Vec<[usize; 3]> = volume.graphics.planes.iter().map(|p| p.geometry.size()).collect();
    assert_eq!((sizes[0][2], sizes[1][2]), (2, 1));
    assert!(sizes[1][0] <= 6 && sizes[1][1] <= 4);
}

#[test]
fn the_first_image_on_screen_has_the_planes_of_its_own_slice() {
    let preview = series("overlay_packed").preview().expect("a preview");
    let want = expected("graphics.json")["overlay_packed"].clone();
    for (plane, wanted) in preview.graphics.planes.iter().zip(want["planes"].as_array().expect("planes")) {
        assert_eq!(bits(plane, &preview), texts(&wanted["slices"])[1..2]);
    }
}

#[test]
fn shutters_hide_what_the_standard_says() {
    for case in ["shutter_flat", "shutter_by_slice", "shutter_frames"] {
        let (series, volume, want) = load(case);
        let shutter = volume.graphics.shutter.as_ref().expect("a shutter");
        assert_eq!(bits(&shutter.mask, &volume), texts(&want["shutter"]), "{case}");
        assert_eq!(u64::from(shutter.color()[0]), want["grey"].as_u64().expect("grey"));
        same_faults(&series, &want);
        // What is asked by index is what is asked by place.
        let [nx, ny, _] = volume.size();
        for n in (0..volume.voxels.len()).step_by(7) {
            let p = VoxelPoint::new((n % nx) as f64, (n / nx % ny) as f64, (n / (nx * ny)) as f64);
            assert_eq!(volume.hidden_at(p).is_some(), shutter.hides(n));
            assert_eq!(volume.reading_at(p).is_some_and(|t| t.ends_with("under the shutter")), shutter.hides(n));
        }
    }
    let (series, volume, want) = load("shutter_bad");
    assert!(volume.graphics.is_empty());
    same_faults(&series, &want);
}

#[test]
fn what_a_shutter_hides_does_not_enter_the_automatic_window() {
    let (_, volume, want) = load("shutter_flat");
    let window = auto_window(&volume);
    let seen: Vec<f64> = super::numbers(&want["seen_range"]);
    assert!(window.center + window.width / 2.0 <= seen[1] + 1.0, "{window:?}, {seen:?}");
    // The file's own numbers are not touched.
    assert_eq!(veritome::volume::statistics::range(&volume).expect("a range")[1], 60_000.0);
}

fn scene(volume: Volume, with: impl Fn(&Volume) -> Vec<Layer>, pixel: u32) -> SliceScene {
    let [nx, ny, nz] = volume.size();
    let volume = Arc::new(volume);
    let k = nz / 2;
    let mut base = Layer::image(volume.clone());
    base.voi = Voi::Window(auto_window(&volume));
    let mut layers = vec![base];
    layers.extend(with(&volume));
    let g = &volume.geometry;
    let step = |axis: usize| g.step_mm(axis) / f64::from(pixel);
    let first = g.to_patient(VoxelPoint::new(0.0, 0.0, k as f64));
    let corner = first.0 - (g.step_mm(0) + g.step_mm(1)) * 0.5 + (step(0) + step(1)) * 0.5;
    SliceScene {
        plane: Plane { origin: PatientPoint(corner), right: step(0), down: step(1) },
        size: [nx as u32 * pixel, ny as u32 * pixel],
        slab: Slab::default(),
        interpolation: Interpolation::Linear,
        layers,
        compare: Compare::Blend,
    }
}

/// The picture on the CPU; where there is a graphics device, its picture is the same.
fn drawn(scene: &SliceScene) -> image::RgbaImage {
    let cpu = slice_picture(scene, Device::Cpu, Fidelity::default()).expect("a picture");
    assert_eq!(cpu.fidelity.shuttered, scene.is_shuttered());
    match Renderer::headless() {
        Ok(mut renderer) => {
            // The shaders themselves, also where slices would be drawn on the processor.
            renderer.set_slices_on_cpu(false);
            let picture = renderer.render_slice(scene).expect("a picture");
            assert_eq!(picture.fidelity, cpu.fidelity);
            let image = renderer.read(&picture).expect("its pixels");
            let far = |a: &u8, b: &u8| a.abs_diff(*b) > 1;
            let differ = image.as_raw().iter().zip(cpu.image.as_raw()).filter(|(a, b)| far(a, b)).count();
            assert_eq!(differ, 0, "bytes differ between the devices");
        }
        Err(error) if std::env::var_os("VERITOME_REQUIRE_GPU").is_some() => panic!("no graphics device: {error}"),
        Err(error) => eprintln!("not compared with a graphics device: {error}"),
    }
    cpu.image
}

#[test]
fn planes_are_drawn_in_their_colour_on_the_slice_they_belong_to_with_and_without_a_place() {
    for case in ["overlay_packed", "overlay_frames"] {
        let (_, volume, _) = load(case);
        let [nx, ny, nz] = volume.size();
        let planes: Vec<Vec<String>> = volume.graphics.planes.iter().map(|p| bits(p, &volume)).collect();
        let scene = scene(volume, Layer::overlay_planes, 3);
        let picture = drawn(&scene);
        let set = |n: usize| {
            planes.iter().any(|p| {
                let byte = &p[nz / 2][n / 8 * 2..n / 8 * 2 + 2];
                u8::from_str_radix(byte, 16).expect("hex") >> (n % 8) & 1 == 1
            })
        };
        for n in 0..nx * ny {
            let [r, g, b, _] = picture.get_pixel((n % nx) as u32 * 3 + 1, (n / nx) as u32 * 3 + 1).0;
            assert_eq!(set(n), [r, g, b] == veritome::volume::graphics::GRAPHIC_COLOR, "{case}, pixel {n}");
            assert_eq!(set(n), !(r == g && g == b), "{case}, pixel {n}");
        }
    }
}

#[test]
fn a_shutter_is_drawn_in_its_grey_over_the_image_and_marked() {
    let (_, volume, _) = load("shutter_flat");
    let shutter = volume.graphics.shutter.clone().expect("a shutter");
    let [nx, ny, _] = volume.size();
    let hidden = scene(volume.clone(), |v| Layer::shutter(v).into_iter().collect(), 8);
    assert!(hidden.is_shuttered());
    let picture = drawn(&hidden);
    let lifted = scene(volume, |_| Vec::new(), 8);
    assert!(!lifted.is_shuttered());
    let bare = drawn(&lifted);
    for n in (0..nx * ny).filter(|n| n / nx < ny / 2) {
        let at = ((n % nx) as u32 * 8 + 4, (n / nx) as u32 * 8 + 4);
        let (with, without) = (picture.get_pixel(at.0, at.1).0, bare.get_pixel(at.0, at.1).0);
        assert_eq!(with, if shutter.hides(n) { [0x80, 0x80, 0x80, 255] } else { without }, "pixel {n}");
    }
}

fn same_values(case: &str) {
    let (series, volume, want) = load(case);
    assert_eq!(volume.unit.name(), want["unit"].as_str().expect("a unit"), "{case}");
    let at = |s: &Value| VoxelPoint(glam::DVec3::from_array([0, 1, 2].map(|i| s[i].as_f64().expect("an index"))));
    let close = |a: f64, b: f64| (a - b).abs() <= 1e-6 * b.abs().max(1.0);
    let real = |p: VoxelPoint| match volume.value_at(p) {
        Some(Reading::Number(x)) => x,
        other => panic!("{case}: {other:?}"),
    };
    for sample in want["real"].as_array().expect("samples") {
        let (got, wanted) = (real(at(sample)), sample[3].as_f64().expect("a value"));
        assert!(close(got, wanted), "{case} at {sample}: {got}");
    }
    let quantities = want["quantities"].as_array().expect("quantities");
    assert_eq!(volume.display.quantities.len(), quantities.len(), "{case}");
    for (quantity, wanted) in volume.display.quantities.iter().zip(quantities) {
        assert_eq!(
            (Some(quantity.name.as_str()), Some(quantity.unit.as_str())),
            (wanted["name"].as_str(), wanted["unit"].as_str())
        );
        for sample in wanted["values"].as_array().expect("samples") {
            let p = at(sample);
            let got = quantity.at(p.0.z as usize, volume.size()[2], real(p));
            match (got, sample[3].as_f64()) {
                (Some(got), Some(wanted)) => assert!(close(got, wanted), "{case} at {sample}: {got}"),
                (got, wanted) => assert_eq!(got, wanted, "{case} at {sample}"),
            }
            let text = volume.reading_at(p).expect("a reading");
            assert_eq!(text.contains(&quantity.name), got.is_some(), "{text}");
        }
    }
    same_faults(&series, &want);
}

#[test]
fn real_world_values_stand_beside_a_rescale_and_in_its_place_where_there_is_none() {
    for case in ["mapped_beside", "mapped_instead", "mapped_table"] {
        same_values(case);
    }
}

#[test]
fn suv_is_decayed_to_the_start_of_the_scan_and_said_to_be_missing_where_it_is() {
    for case in ["suv", "suv_late_series", "suv_no_weight"] {
        same_values(case);
    }
}
