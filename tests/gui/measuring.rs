//! Images measured against each other, and lengths and regions drawn on slices.

use std::sync::Arc;

use eframe::egui::{Key, Modifiers, Vec2};
use egui_kittest::kittest::Queryable;
use veritome::app::action::{Action, Tool};
use veritome::render::scene::Layer;
use veritome::volume::{Geometry, Provenance, Volume};

use super::{Bench, N, SIZE, can_draw, mask};

/// The head's values plus 20 in its upper half, as a model would have made it; on a grid `shift` mm further.
fn made(shift: f64) -> Layer {
    let geometry = Geometry::from_ras(
        [N; 3],
        glam::DMat4::from_scale_rotation_translation(
            glam::DVec3::splat(4.0),
            glam::DQuat::IDENTITY,
            glam::DVec3::splat(-78.0 + shift),
        ),
    )
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let bytes = std::fs::read(super::head(folder.path())).unwrap();
    let value = |n: usize| {
        let at = 352 + 2 * n;
        let value = i16::from_le_bytes([bytes[at], bytes[at + 1]]);
        f32::from(value) + if n >= N * N * N / 2 { 20.0 } else { 0.0 }
    };
    let voxels: Vec<f32> = (0..N * N * N).map(value).collect();
    let provenance = Provenance::marked_synthetic(vec![], None);
    let mut layer = Layer::image(Arc::new(Volume::new("made", voxels.into(), geometry, provenance).unwrap()));
    layer.name = "made".into();
    layer.opacity = 0.3;
    layer
}

fn open_metrics(bench: &mut Bench) {
    bench.harness.key_press_modifiers(Modifiers::COMMAND, Key::M);
    bench.settle();
}

#[test]
fn a_synthetic_image_is_measured_against_its_source_and_the_error_becomes_a_layer() {
    if !can_draw() {
        return;
    }
    let mut bench = Bench::open(SIZE, vec![made(0.0), mask()]);
    open_metrics(&mut bench);
    assert_eq!(bench.value("Choose the reference"), "head");
    assert_eq!(bench.value("Choose the test"), "made, over head");
    bench.click("Measure");
    // Half of the voxels are off by 20.
    assert!(bench.harness.query_by_label("MAE").is_some());
    assert!(bench.harness.query_all_by_label("10").next().is_some(), "the mean absolute error");
    bench.node("Data range, of the reference");
    assert!(bench.value("MAE by slice").starts_with("Slice 21   MAE 20"), "{}", bench.value("MAE by slice"));
    bench.snapshot("metrics");
    // A click on the plot goes to the slice.
    let plot = bench.node("MAE by slice").rect();
    let at = plot.left() + 56.0 + (plot.width() - 64.0) * 5.5 / 40.0;
    bench.drag(eframe::egui::pos2(at, plot.center().y - 8.0), Vec2::new(1.0, 0.0));
    assert_eq!(bench.value("Viewport 1 Axial"), "slice 6 of 40");
    assert!(bench.value("MAE by slice").starts_with("Slice 6   MAE 0"), "{}", bench.value("MAE by slice"));

    bench.click("Difference layer");
    bench.node("Show made minus head");
    // The error is not a measurement: it is as synthetic as the image that it comes from.
    assert!(bench.harness.query_all_by_label("SYNTHETIC").count() >= 2);
    bench.snapshot("error_map");

    bench.click("Swap reference and test");
    assert!(bench.harness.query_by_label_contains("The reference is itself synthetic").is_some());
    assert!(bench.harness.query_by_label("MAE").is_none(), "an answer to another question is not shown");
    bench.click("Swap reference and test");
    assert!(bench.harness.query_by_label("MAE").is_some());
    bench.click("Remove made");
    assert!(bench.harness.query_by_label("MAE").is_none(), "what was measured is gone");
    assert_eq!(bench.value("Choose the test"), "Choose…");
}

#[test]
fn other_grids_are_refused_until_resampling_is_asked_for() {
    if !can_draw() {
        return;
    }
    let mut bench = Bench::open(SIZE, vec![made(1.5)]);
    open_metrics(&mut bench);
    bench.click("Measure");
    assert!(bench.harness.query_by_label_contains("lies on another grid").is_some());
    bench.click("Resample onto the reference");
    assert!(bench.harness.query_by_label_contains("was resampled onto the reference's grid").is_some());
    assert!(bench.harness.query_by_label("PSNR").is_some());
}

#[test]
fn a_length_is_drawn_listed_moved_deleted_and_brought_back() {
    if !can_draw() {
        return;
    }
    let mut bench = Bench::open(SIZE, Vec::new());
    bench.key(Key::D);
    assert_eq!(bench.harness.state().tool(), Tool::Length);
    let view = bench.node("Viewport 1 Axial").rect();
    // 160 mm fill the shorter side.
    let mm = 160.0 / f64::from(view.width().min(view.height()));
    let from = view.center() + Vec2::new(-60.0, 20.0);
    bench.drag(from, Vec2::new(80.0, -30.0));
    let expected = mm * 80.0_f64.hypot(30.0);
    let length = |bench: &Bench| bench.harness.state().measurements();
    let found = length(&bench);
    let [one] = found.as_slice() else { panic!("{found:?}") };
    let value: f64 = one.trim_end_matches(" mm").parse().unwrap();
    assert!((value - expected).abs() < 0.6, "{value} and {expected}");
    bench.node("Delete Length 1");
    bench.snapshot("length");
    // Its end is dragged on.
    bench.drag(from + Vec2::new(80.0, -30.0), Vec2::new(20.0, 0.0));
    let longer: f64 = length(&bench)[0].trim_end_matches(" mm").parse().unwrap();
    assert!((longer - mm * 100.0_f64.hypot(30.0)).abs() < 0.6, "{longer}");
    bench.key(Key::Delete);
    assert!(length(&bench).is_empty());
    bench.harness.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    bench.settle();
    assert_eq!(length(&bench).len(), 1);
    bench.harness.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    bench.settle();
    let back: f64 = length(&bench)[0].trim_end_matches(" mm").parse().unwrap();
    assert!((back - value).abs() < 0.05, "the drag of its end is a step of its own");
}

#[test]
fn a_region_says_what_lies_under_it_and_an_angle_follows_the_pointer_until_a_click() {
    if !can_draw() {
        return;
    }
    let mut bench = Bench::open(SIZE, Vec::new());
    bench.key(Key::E);
    let middle = bench.center("Viewport 1 Axial");
    bench.drag(middle + Vec2::new(10.0, 10.0), Vec2::new(30.0, 30.0));
    assert_eq!(bench.harness.state().measurements(), ["500 ± 0"]);
    bench.key(Key::A);
    bench.drag(middle + Vec2::new(-80.0, 0.0), Vec2::new(60.0, 0.0));
    assert_eq!(bench.harness.state().measurements().len(), 1, "the second arm is not there yet");
    let end = middle + Vec2::new(-20.0, -60.0);
    bench.harness.event(eframe::egui::Event::PointerMoved(end));
    bench.harness.run_steps(2);
    bench.drag(end, Vec2::ZERO);
    let all = bench.harness.state().measurements();
    assert_eq!(all.len(), 2);
    let degrees: f64 = all[1].trim_end_matches('°').parse().unwrap();
    assert!((degrees - 90.0).abs() < 1.0, "{degrees}");
    bench.snapshot("regions");
}

#[test]
fn measurements_are_saved_and_come_back_with_their_image_and_with_no_other() {
    if !can_draw() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::open(SIZE, Vec::new());
    bench.harness.state_mut().save_into(folder.path().to_owned());
    bench.harness.state_mut().perform(Action::SaveMeasurements);
    bench.settle();
    assert_eq!(bench.harness.state().messages(), ["There is nothing measured on this series"]);
    bench.key(Key::D);
    let middle = bench.center("Viewport 1 Axial");
    bench.drag(middle + Vec2::new(-60.0, 20.0), Vec2::new(80.0, -30.0));
    bench.key(Key::E);
    bench.drag(middle + Vec2::new(10.0, 10.0), Vec2::new(30.0, 30.0));
    let before = bench.harness.state().measurements();
    bench.click("Save measurements…");
    let path = folder.path().join("head.measurements.json");
    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(json["measurements"].as_array().unwrap().len(), 2, "{json}");
    let length = json["measurements"][0]["values"][0]["value"].as_f64().unwrap();
    assert_eq!(before[0], format!("{length:.1} mm"), "the file and the window say the same");

    let delete = |bench: &mut Bench, label: &str| {
        bench.node(label).click(); // as a mouse does it: the card beneath has a click of its own
        bench.settle();
    };
    delete(&mut bench, "Delete Ellipse 2");
    delete(&mut bench, "Delete Length 1");
    assert!(bench.harness.state().measurements().is_empty());
    bench.harness.state_mut().perform(Action::OpenMeasurements);
    bench.settle();
    assert_eq!(bench.harness.state().measurements(), before);
    // Opened again, nothing stands there twice.
    bench.harness.state_mut().perform(Action::OpenMeasurements);
    bench.settle();
    assert_eq!(bench.harness.state().measurements(), before);

    // The same file for an image with other values on the same grid is said to be of another one; of another place it is refused.
    let text = std::fs::read_to_string(&path).unwrap();
    let hash = json["image"]["content_sha256"].as_str().unwrap();
    let other = text.replace(hash, &"0".repeat(64));
    for (text, laid, said) in [
        (other.clone(), 2, "These were measured on another image, head"),
        (other.replace("78.0", "79.5"), 0, "The measurements belong to another image and were not laid over this one"),
        ("{}".to_owned(), 0, "The measurements could not be opened"),
    ] {
        for label in ["Delete Ellipse 2", "Delete Length 1"] {
            if bench.harness.query_by_label(label).is_some() {
                delete(&mut bench, label);
            }
        }
        std::fs::write(&path, text).unwrap();
        bench.harness.state_mut().perform(Action::OpenMeasurements);
        bench.settle();
        assert_eq!(bench.harness.state().measurements().len(), laid, "{said}");
        assert_eq!(bench.harness.state().messages().last().map(String::as_str), Some(said));
    }
}
