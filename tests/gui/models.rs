//! Models in the window: from a slot through a run to layers, evidence and a person's word.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use eframe::egui::{Event, Key, Vec2};
use egui_kittest::kittest::Queryable;
use sha2::{Digest, Sha256};
use veritome::inference::engine::{
    ClassScore, Estimate, Interval, LabelProbability, Output, OutputContent, RunResult, Seconds, UncertaintyKind,
    UncertaintyMap,
};
use veritome::inference::guard::{GuardCheck, Verdict};
use veritome::inference::manifest::schema::UncertaintySource;
use veritome::inference::runtime;
use veritome::jobs::Control;
use veritome::volume::{Derivation, Provenance, Volume};

use super::{Bench, N, can_draw, head, mask};

const TALL: Vec2 = Vec2::new(1280.0, 1500.0);

/// A model folder around one of the tiny graphs.
pub(super) fn model(root: &Path, name: &str, graph: &str, task: &str) -> PathBuf {
    let folder = root.join(name);
    std::fs::create_dir_all(&folder).unwrap();
    let graph = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/onnx").join(graph);
    let bytes = std::fs::read(graph).unwrap();
    std::fs::write(folder.join("model.onnx"), &bytes).unwrap();
    let hash: String = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
    let text = format!(
        r#"
schema = 1
name = "{name}"
version = "1.0.0"
title = "Model {name}"
task = "{task}"
status = "demonstration"
intended_use = "Tests"
license = "MIT"
files.network = {{ path = "model.onnx", sha256 = "{hash}" }}
[[inputs]]
name = "image"
tensor = "image"
[preprocess]
orientation = "RAS"
[inferer]
kind = "whole"
[[outputs]]
name = "made"
tensor = "out"
kind = "image"
"#
    );
    std::fs::write(folder.join("manifest.toml"), text).unwrap();
    folder
}

/// The same with further tables in its manifest.
fn with_tables(root: &Path, name: &str, graph: &str, tables: &str) -> PathBuf {
    let folder = model(root, name, graph, "synthesis");
    let path = folder.join("manifest.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{text}{tables}\n")).unwrap();
    folder
}

/// The head open in a tall window that offers these models.
fn bench(models: impl FnOnce(&Path) -> Vec<PathBuf>) -> Bench {
    let mut bench = Bench::with_models(TALL, |folder| vec![head(folder)], Vec::new(), models);
    bench.settle();
    bench
}

fn overlays(bench: &Bench) -> Vec<(String, bool)> {
    bench.harness.state().overlays()
}

fn map(name: &str, value: impl Fn(usize) -> f32, provenance: Provenance) -> Arc<Volume> {
    let super::Content::Labels(labels) = mask().content else { panic!("no labels") };
    let voxels: Vec<f32> = (0..N * N * N).map(value).collect();
    Arc::new(Volume::new(name, voxels.into(), labels.geometry.clone(), provenance).unwrap())
}

/// A synthetic image with its spread, over the head; the input is unlike the training data.
fn made() -> RunResult {
    let by = Derivation {
        description: "Synthesis by t1-to-t2 1.0.0".into(),
        model: Some("t1-to-t2".into()),
        model_version: Some("1.0.0".into()),
        generates_pixels: true,
        ..Derivation::default()
    };
    let provenance = Provenance::derived(&[&Provenance::acquired(vec!["head.nii".into()])], by);
    let depth = |n: usize| (n % N) as f32 / N as f32;
    let image = map("T2 (made)", move |n| 1000.0 * depth(n), provenance.clone());
    let spread = map("std", move |n| 50.0 * (1.0 - depth(n)), provenance.clone());
    let mut t2 = Output::new("t2", "image", OutputContent::Image(image));
    t2.estimate = Some(Estimate {
        sources: vec![UncertaintySource::Samples],
        repeats: 8,
        maps: vec![UncertaintyMap { kind: UncertaintyKind::StandardDeviation, volume: spread }],
        structures: vec![],
        interval: Some(Interval { alpha: 0.1, quantile: 2.0, scaled: true, n: 40 }),
    });
    let likely = map("p", |_| 0.75, provenance.clone());
    let mut half = Output::new(
        "half",
        "labels",
        OutputContent::Labels(match mask().content {
            super::Content::Labels(labels) => labels,
            super::Content::Image(_) => panic!("no labels"),
        }),
    );
    half.probabilities = vec![LabelProbability { value: 1, name: "Half".into(), volume: likely }];
    let classes = vec![ClassScore { value: 1, name: "Tumour".into(), score: 0.8, std: Some(0.05) }];
    let classes = Output::new("finding", "probabilities", OutputContent::Classes(Arc::new(classes)));
    RunResult {
        features: Vec::new(),
        model: "t1-to-t2 1.0.0".into(),
        requested_provider: "auto".into(),
        provider: "cpu".into(),
        seconds: Seconds { total: 2.5, ..Seconds::default() },
        network_seconds: 2.0,
        patches: 27,
        repeats: 8,
        outputs: vec![t2, half, classes],
        guard: Some(Verdict {
            checks: vec![GuardCheck {
                what: "Spacing".into(),
                expected: "0.5 to 2 mm".into(),
                found: "4 mm".into(),
                like: false,
            }],
            unknown: vec![],
        }),
        seed: Some(7),
        provenance,
        warnings: vec!["The field of view was cut".into()],
        folder: PathBuf::from("models/t1-to-t2"),
        weights_sha256: "0".repeat(64),
        graphs: vec![],
        peak_rss_mb: 100.0,
    }
}

fn with_result() -> Bench {
    let mut bench = bench(|_| Vec::new());
    bench.harness.state_mut().lay_result(made());
    bench.settle();
    bench
}

#[test]
fn a_model_runs_on_a_guessed_series_after_its_licence_was_read_once() {
    if !can_draw() {
        return;
    }
    runtime::ensure(&Control::new()).unwrap();
    let mut bench = bench(|root| vec![model(root, "copy", "identity.onnx", "synthesis")]);
    bench.click("Open Model copy");
    assert_eq!(bench.value("Input image"), "head (guess)");
    bench.click("Run Model copy");
    assert!(overlays(&bench).is_empty(), "the licence comes first");
    bench.node("Weights: MIT");
    bench.click("Agree to the licence and run Model copy");
    assert_eq!(overlays(&bench).len(), 1, "{:?}", bench.harness.state().messages());
    bench.node("Remove all layers of copy 1.0.0");
    bench.harness.get_all_by_label("SYNTHETIC").next().unwrap();
    // It is not asked again.
    bench.click("Run Model copy");
    assert_eq!(overlays(&bench).len(), 2);
}

#[test]
fn a_licence_is_agreed_to_in_a_small_window_wherever_the_list_is_scrolled_to() {
    if !can_draw() {
        return;
    }
    let small = Vec2::new(1280.0, 520.0);
    let models = |root: &Path| vec![model(root, "copy", "identity.onnx", "synthesis")];
    let mut bench = Bench::with_models(small, |folder| vec![head(folder)], Vec::new(), models);
    bench.settle();
    bench.node("Open Model copy").click_accesskit();
    bench.settle();
    bench.node("Run Model copy").click_accesskit();
    bench.settle();
    let agree = bench.node("Agree to the licence and run Model copy").rect();
    assert!(agree.bottom() <= small.y - 24.0 && agree.right() <= small.x, "{agree:?}");
    bench.node("Weights: MIT");
    bench.snapshot("license");
    bench.key(Key::Q);
    let agree = bench.node("Agree to the licence and run Model copy").rect();
    assert!(agree.bottom() <= small.y - 24.0, "beside the panel that tells why, too: {agree:?}");
    bench.click("Not now");
    assert!(bench.harness.query_by_label("Agree to the licence and run Model copy").is_none());
}

#[test]
fn runs_queue_up_and_each_can_be_cancelled() {
    if !can_draw() {
        return;
    }
    runtime::ensure(&Control::new()).unwrap();
    let mut bench = bench(|root| vec![model(root, "slow", "slow.onnx", "synthesis")]);
    bench.click("Open Model slow");
    bench.click("Run Model slow");
    bench.node("Agree to the licence and run Model slow").click();
    bench.harness.run_steps(3);
    bench.node("Run Model slow").click();
    bench.harness.run_steps(3);
    let start = Instant::now();
    bench.node("1 run waits");
    bench.node("Cancel run 2 of slow 1.0.0").click();
    bench.harness.run_steps(3);
    assert!(bench.harness.query_by_label("1 run waits").is_none());
    if let Some(button) = bench.harness.query_by_label("Cancel run 1 of slow 1.0.0") {
        button.click();
    }
    bench.settle();
    assert!(start.elapsed() < Duration::from_secs(30));
    assert!(overlays(&bench).is_empty(), "{:?}", overlays(&bench));
    assert!(bench.harness.query_by_label_contains("Cancel run").is_none());
}

#[test]
fn a_series_is_dragged_onto_a_slot() {
    if !can_draw() {
        return;
    }
    let mut bench = bench(|root| vec![model(root, "copy", "identity.onnx", "synthesis")]);
    bench.click("Open Model copy");
    bench.click("Empty image");
    assert_eq!(bench.value("Input image"), "empty");
    let (from, to) = (bench.center("Series head"), bench.center("Input image"));
    bench.drag(from, to - from);
    assert_eq!(bench.value("Input image"), "head");
}

#[test]
fn a_result_says_how_far_to_trust_it_before_what_it_made() {
    if !can_draw() {
        return;
    }
    let mut bench = with_result();
    bench.node("Unlike the training data, because spacing is 4 mm (training data 0.5 to 2 mm)");
    bench.node("The field of view was cut");
    assert_eq!(bench.value("Tumour"), "80 % ± 5 %");
    let names: Vec<_> = overlays(&bench);
    assert_eq!(
        names,
        [("T2 (made)", true), ("Standard deviation, t2", true), ("Mask", true)].map(|(n, v)| (n.to_owned(), v))
    );
    bench.snapshot("result");
    bench.key(Key::U);
    assert_eq!(overlays(&bench).iter().map(|(_, on)| *on).collect::<Vec<_>>(), [true, false, true], "U hides the map");
    bench.key(Key::U);
    assert!(overlays(&bench).iter().all(|(_, on)| *on));
    bench.click("Remove all layers of t1-to-t2 1.0.0");
    assert!(overlays(&bench).is_empty());
    bench.harness.key_press_modifiers(eframe::egui::Modifiers::COMMAND, Key::Z);
    bench.settle();
    assert_eq!(overlays(&bench).len(), 3, "undo brings them back");
}

#[test]
fn a_result_is_rejected_with_a_reason_and_hides() {
    if !can_draw() {
        return;
    }
    let mut bench = with_result();
    bench.click("Reject T2 (made)");
    bench.node("Reason for T2 (made)").focus();
    bench.settle();
    bench.harness.event(Event::Text("invents a lesion".into()));
    bench.settle();
    bench.click("Confirm: reject T2 (made)");
    assert_eq!(overlays(&bench)[0], ("T2 (made)".to_owned(), false));
    bench.node("REJECTED");
    bench.node("invents a lesion");
    bench.click("Accept Mask");
    bench.click("Confirm: accept Mask");
    bench.node("ACCEPTED");
    bench.click("Withdraw the word on T2 (made)");
    assert!(bench.harness.query_by_label("REJECTED").is_none());
    assert!(overlays(&bench)[0].1);
    bench.click("Correct T2 (made)");
    bench.click("Confirm: mark as corrected T2 (made)");
    bench.node("SEMI-AUTOMATIC");
    bench.harness.get_by_label_contains("Tools to edit it come later");
}

#[test]
fn the_why_panel_says_what_is_known_at_the_cursor_and_opens_the_record() {
    if !can_draw() {
        return;
    }
    let mut bench = with_result();
    bench.key(Key::Q);
    bench.node("Close why here");
    bench.harness.get_by_label_contains("crosshair");
    // Voxel 20 of 40 along x: 500, and a spread of 25.
    bench.node("500  synthetic");
    bench.node("± 25.0");
    bench.node("90 % interval");
    bench.node("450 to 550");
    assert_eq!(bench.value("Half"), "75 %");
    bench.node("no uncertainty available");
    bench.node("Synthesis by t1-to-t2 1.0.0");
    let at = bench.center("Viewport 1 Axial");
    bench.harness.event(Event::PointerMoved(at + Vec2::new(-60.0, 20.0)));
    bench.settle();
    bench.harness.get_by_label_contains("pointer");
    bench.snapshot("why");
    // It may lie below the edge of its panel.
    bench.node("Open the record").click_accesskit();
    bench.settle();
    bench.node("Not written to a file");
    bench.node("Copy the record");
}

#[test]
fn peek_flicker_and_difference_show_what_is_real() {
    if !can_draw() {
        return;
    }
    let mut bench = with_result();
    let picture = |bench: &mut Bench| {
        bench.harness.remove_cursor();
        bench.settle();
        bench.harness.render().unwrap()
    };
    let magenta = |image: &image::RgbaImage, bench: &Bench| {
        // The badge of the axial viewport.
        let r = bench.node("Viewport 1 Axial").rect();
        let (x, y) = (r.right() as u32, r.bottom() as u32);
        let inside = |p: &(u32, u32, &image::Rgba<u8>)| p.0 < x && p.0 + 170 > x && p.1 < y && p.1 + 40 > y;
        image.enumerate_pixels().filter(inside).filter(|(.., p)| p.0[0] > 200 && p.0[1] < 120 && p.0[2] > 200).count()
    };
    let both = picture(&mut bench);
    assert!(magenta(&both, &bench) > 20, "the badge is in the viewport");
    bench.harness.key_down(Key::V);
    bench.harness.run_steps(3);
    let peeked = bench.harness.render().unwrap();
    assert!(magenta(&peeked, &bench) == 0, "under the overlays all is real");
    bench.harness.key_up(Key::V);
    bench.settle();
    assert!(magenta(&picture(&mut bench), &bench) > 20);
    bench.key(Key::X);
    let overlay = picture(&mut bench);
    assert!(magenta(&overlay, &bench) > 20);
    bench.key(Key::X);
    assert_eq!(magenta(&picture(&mut bench), &bench), 0, "the base alone is real");
    bench.key(Key::Escape);
    assert!(magenta(&picture(&mut bench), &bench) > 20);
    bench.harness.state_mut().perform(veritome::app::action::Action::Difference);
    bench.settle();
    let names = overlays(&bench);
    assert!(names.iter().any(|(n, shown)| n == "T2 (made) minus head" && *shown), "{names:?}");
}

#[test]
fn a_map_has_a_contour_and_the_synthetic_fades_by_it() {
    if !can_draw() {
        return;
    }
    let mut bench = with_result();
    let plain = bench.harness.render().unwrap();
    bench.click("Settings of Standard deviation, t2");
    bench.node("Colours of Standard deviation, t2");
    bench.click("Contour of Standard deviation, t2");
    bench.node("Level of the contour of Standard deviation, t2");
    bench.click("Alone");
    bench.click("Settings of Standard deviation, t2");
    bench.click("Settings of T2 (made)");
    assert_eq!(bench.value("Fading of T2 (made)"), "Nothing");
    bench.click("Fading of T2 (made)");
    // The layer's name is also in its card: the choice is the last.
    bench.harness.get_all_by_label("Standard deviation, t2").last().unwrap().click();
    bench.settle();
    assert_eq!(bench.value("Fading of T2 (made)"), "Standard deviation, t2");
    assert_ne!(bench.harness.render().unwrap(), plain);
    bench.snapshot("fade");
}

#[test]
fn slots_say_whether_they_are_like_the_training_data_before_anything_runs() {
    if !can_draw() {
        return;
    }
    let mut bench = bench(|root| {
        vec![
            with_tables(root, "fine", "identity.onnx", "[guard]\nspacing_mm_range = [0.5, 2.0]"),
            with_tables(root, "coarse", "identity.onnx", "[guard]\nspacing_mm_range = [0.5, 5.0]"),
            model(root, "silent", "identity.onnx", "synthesis"),
        ]
    });
    bench.click("Open Model fine");
    let unlike = "Unlike the training data, because spacing is 4 × 4 × 4 mm (training data 0.5 to 2 mm)";
    let word = bench.node(unlike).rect();
    assert!(bench.node("Input image").rect().bottom() <= word.top(), "under the slots");
    assert!(word.bottom() <= bench.node("Run Model fine").rect().top(), "and before the button");
    assert!(overlays(&bench).is_empty(), "nothing ran");
    bench.snapshot("guard");
    bench.click("Empty image");
    assert!(bench.harness.query_by_label(unlike).is_none());
    bench.click("Close Model fine");
    bench.click("Open Model coarse");
    bench.node("Like the training data in spacing; grey values were not compared");
    bench.click("Close Model coarse");
    bench.click("Open Model silent");
    bench.node("Whether the input is like the training data is not known");
}

#[test]
fn a_second_model_shows_where_the_image_may_be_invented() {
    if !can_draw() {
        return;
    }
    runtime::ensure(&Control::new()).unwrap();
    // The cycle is closed by a model that doubles nothing: what differs is what rounding does.
    let mut bench = bench(|root| {
        let again = model(root, "again", "identity.onnx", "synthesis");
        vec![with_tables(root, "copy", "identity.onnx", "[faithfulness]\ncycle = \"again\""), again]
    });
    bench.click("Open Model copy");
    bench.node("Second model");
    bench.click("Run Model copy");
    bench.click("Agree to the licence and run Model copy");
    let names: Vec<String> = overlays(&bench).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["made", "Cycle difference, made"], "{:?}", bench.harness.state().messages());
    bench.key(Key::Q);
    bench.node("Cycle difference");
    bench.node("0   mean 0 normalised");
}

#[test]
fn several_series_of_unknown_frames_run_once_the_person_says_that_they_are_registered() {
    if !can_draw() {
        return;
    }
    let two = |root: &Path| {
        let folder = model(root, "two", "difference.onnx", "synthesis");
        let path = folder.join("manifest.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        let both =
            "[[inputs]]\nname = \"image\"\ntensor = \"first\"\n[[inputs]]\nname = \"other\"\ntensor = \"second\"";
        std::fs::write(&path, text.replace("[[inputs]]\nname = \"image\"\ntensor = \"image\"", both)).unwrap();
        vec![folder]
    };
    let paths = |folder: &Path| {
        let first = head(folder);
        let second = folder.join("second.nii");
        std::fs::copy(&first, &second).unwrap();
        vec![first, second]
    };
    runtime::ensure(&Control::new()).unwrap();
    let mut bench = Bench::with_models(TALL, paths, Vec::new(), two);
    bench.settle();
    bench.click("Open Model two");
    for (series, input) in [("Series head", "Input image"), ("Series second", "Input other")] {
        let (from, to) = (bench.center(series), bench.center(input));
        bench.drag(from, to - from);
    }
    assert_eq!((bench.value("Input image"), bench.value("Input other")), ("head".into(), "second".into()));
    bench.node("The series do not share a frame of reference; say that they are registered");
    bench.click("These series are registered");
    assert!(bench.harness.query_by_label_contains("do not share a frame of reference").is_none());
    bench.click("Run Model two");
    bench.click("Agree to the licence and run Model two");
    assert_eq!(overlays(&bench).len(), 1, "{:?}", bench.harness.state().messages());
}

#[test]
fn a_run_is_saved_with_its_records_and_what_a_person_said_of_it() {
    if !can_draw() {
        return;
    }
    runtime::ensure(&Control::new()).unwrap();
    let mut bench = bench(|root| vec![model(root, "copy", "identity.onnx", "synthesis")]);
    let folder = tempfile::tempdir().unwrap();
    bench.harness.state_mut().save_into(folder.path().to_owned());
    bench.click("Open Model copy");
    bench.click("Run Model copy");
    bench.click("Agree to the licence and run Model copy");
    bench.click("Reject made");
    bench.node("Reason for made").focus();
    bench.settle();
    bench.harness.event(Event::Text("invents a lesion".into()));
    bench.settle();
    bench.click("Confirm: reject made");
    bench.click("Save results of copy 1.0.0…");
    let record = std::fs::read_to_string(folder.path().join("made.provenance.json")).unwrap();
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    assert_eq!(record["synthetic"], true);
    assert_eq!(record["provenance"]["review"]["state"], "rejected");
    assert_eq!(record["provenance"]["review"]["reason"], "invents a lesion");
    assert!(folder.path().join("made.nii.gz").is_file());
    // The record that is opened now is the one beside the file.
    bench.key(Key::Q);
    bench.node("Open the record").click_accesskit();
    bench.settle();
    bench.harness.get_by_label_contains("made.provenance.json");
}

#[test]
fn a_result_reads_as_well_in_the_light_theme() {
    if !can_draw() {
        return;
    }
    let mut bench = with_result();
    bench.harness.state_mut().perform(veritome::app::action::Action::ToggleLightTheme);
    bench.settle();
    bench.key(Key::Q);
    let word = "Unlike the training data, because spacing is 4 mm (training data 0.5 to 2 mm)";
    assert_eq!(bench.harness.get_all_by_label(word).count(), 2, "in the layers and in the panel");
    bench.snapshot("result_light");
}
