//! Calibration of small models on cases whose answer is known, and what stands in the manifest afterwards.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::{Path, PathBuf};

use glam::{DMat4, DVec3};
use sha2::{Digest, Sha256};
use veritome::inference::calibrate::{CalibrationError, CalibrationOptions, calibrate};
use veritome::inference::engine::{RunOptions, run};
use veritome::inference::manifest::Model;
use veritome::inference::runtime;
use veritome::io::write::write;
use veritome::jobs::Control;
use veritome::volume::{Geometry, Provenance, Volume};

/// A model folder around one of the tiny graphs.
fn model_folder(graph: &str, rest: &str) -> tempfile::TempDir {
    runtime::ensure(&Control::new()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let source = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/onnx").join(graph);
    let bytes = std::fs::read(source).unwrap();
    std::fs::write(folder.path().join("model.onnx"), &bytes).unwrap();
    let hash: String = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
    let text = format!(
        r#"# made by hand
schema = 1
name = "tiny"
version = "1.0.0"
title = "Tiny"
task = "segmentation"   # what it does
status = "demonstration"
intended_use = "Tests"
license = "MIT"
files.network = {{ path = "model.onnx", sha256 = "{hash}" }}
[[inputs]]
name = "image"
tensor = "image"
[preprocess]
orientation = "LPS"
[inferer]
kind = "whole"
{rest}
"#
    );
    std::fs::write(folder.path().join("manifest.toml"), text).unwrap();
    folder
}

const CLASSES: &str = r#"
[[outputs]]
name = "bright"
tensor = "out"
kind = "logits"
activation = "softmax"
labels = [{ value = 1, name = "Bright" }]
"#;

const IMAGE: &str = "[[outputs]]\nname = \"copy\"\ntensor = \"out\"\nkind = \"image\"\n";

const SIZE: [usize; 3] = [10, 9, 8];

fn save(path: &Path, value: impl Fn(usize) -> f32) {
    let g = Geometry::new(SIZE, DMat4::from_scale(DVec3::new(1.0, 1.5, 2.0))).unwrap();
    let data: Vec<f32> = (0..SIZE.iter().product()).map(value).collect();
    let volume = Volume::new("v", data.into(), g, Provenance::acquired(vec!["1.2".into()])).unwrap();
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    write(&[volume], path).unwrap();
}

/// Between 0 and 1, repeatable.
fn noise(n: usize, case: usize) -> f32 {
    let mut x = (n as u64 * 2_654_435_761 + case as u64 * 97_531 + 1) ^ 0x9e37_79b9_7f4a_7c15;
    for _ in 0..3 {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
    }
    (x % 10_000) as f32 / 10_000.0
}

#[test]
fn a_temperature_a_guard_and_the_comments_stand_in_the_manifest() {
    let folder = model_folder("segment.onnx", CLASSES);
    let data = tempfile::tempdir().unwrap();
    for case in 0..5 {
        let own = data.path().join(format!("case{case}"));
        save(&own.join("image.nii.gz"), |n| f32::from(u8::from(n % 10 < 5)) + 0.2 * noise(n, case));
        save(&own.join("bright.nii.gz"), |n| f32::from(u8::from(n % 10 < 5)));
    }
    std::fs::create_dir(data.path().join("empty")).unwrap();
    let model = Model::open(folder.path()).unwrap();
    let options = CalibrationOptions { hold_out: 0.4, dry_run: true, ..CalibrationOptions::default() };
    let before = std::fs::read_to_string(folder.path().join("manifest.toml")).unwrap();
    let dry = calibrate(&model, data.path(), &options, &Control::new()).unwrap();
    assert!(!dry.written);
    assert_eq!(std::fs::read_to_string(folder.path().join("manifest.toml")).unwrap(), before);

    let found =
        calibrate(&model, data.path(), &CalibrationOptions { dry_run: false, ..options }, &Control::new()).unwrap();
    assert_eq!((found.cases.len(), found.held_out.len(), found.written), (3, 2, true));
    assert!(found.warnings.iter().any(|w| w.contains("empty")), "{:?}", found.warnings);
    // The classes are nearly always right and the logits small: the model is unsure without need.
    let t = found.temperature.as_ref().unwrap();
    assert!(t.temperature < 1.0 && t.nll_after < t.nll_before && t.ece_after < t.ece_before, "{t:?}");
    let text = std::fs::read_to_string(folder.path().join("manifest.toml")).unwrap();
    assert!(text.starts_with("# made by hand") && text.contains("# what it does"));
    let changed = Model::open(folder.path()).unwrap();
    assert_eq!(changed.manifest.uncertainty.calibration.temperature, Some(t.temperature));
    changed.verify_weights().unwrap();
    // A case passes its own guard; a second calibration leaves the guard alone.
    let image = load(&data.path().join("case0/image.nii.gz"));
    let result = run(&changed, &[("image".into(), image)], &RunOptions::default(), &Control::new()).unwrap();
    let verdict = result.guard.unwrap();
    assert!(verdict.is_like() && verdict.checks.len() >= 3, "{}", verdict.sentence());
    let again = calibrate(&changed, data.path(), &options, &Control::new()).unwrap();
    assert_eq!((again.guard.spacing_mm_range, again.guard.histogram_max_distance), (None, None));
}

fn load(path: &Path) -> std::sync::Arc<Volume> {
    let study = veritome::io::formats::open_file(path, &Control::new()).unwrap().unwrap();
    std::sync::Arc::new(study.series[0].load(0, &Control::new()).unwrap())
}

#[test]
fn an_interval_holds_on_the_cases_that_were_held_aside() {
    let folder = model_folder("identity.onnx", IMAGE);
    let data = tempfile::tempdir().unwrap();
    for case in 0..20 {
        // Files side by side; the truth differs from the image by noise whose size changes from case to case.
        let truth = |n: usize| 1.0 + (n % 7) as f32;
        let size = 0.5 + noise(0, case);
        save(&data.path().join(format!("p{case:02}_image.nii.gz")), |n| truth(n) + size * (noise(n, case) - 0.5));
        save(&data.path().join(format!("p{case:02}_copy.nii.gz")), truth);
    }
    let model = Model::open(folder.path()).unwrap();
    let options = CalibrationOptions { alpha: 0.2, hold_out: 0.5, ..CalibrationOptions::default() };
    let found = calibrate(&model, data.path(), &options, &Control::new()).unwrap();
    let interval = found.interval.unwrap();
    assert_eq!((interval.n, interval.residual.as_str()), (10, "absolute"));
    assert!(interval.quantile > 0.2 && interval.quantile < 0.75, "{interval:?}");
    assert!(interval.coverage_cases.unwrap() >= 0.6 && interval.coverage_voxels.unwrap() > 0.8, "{interval:?}");
    let kept = Model::open(folder.path()).unwrap().manifest.uncertainty.calibration.conformal.unwrap();
    assert_eq!((kept.alpha, kept.n, kept.quantile), (0.2, 10, interval.quantile));
    let strict = CalibrationOptions { alpha: 0.05, dry_run: true, ..options };
    let refused = calibrate(&model, data.path(), &strict, &Control::new()).unwrap();
    assert!(refused.interval.is_none());
    assert!(refused.warnings.iter().any(|w| w.contains("at least 19")), "{:?}", refused.warnings);
}

#[test]
fn a_folder_without_cases_says_what_it_should_hold() {
    let folder = model_folder("identity.onnx", IMAGE);
    let data = tempfile::tempdir().unwrap();
    let model = Model::open(folder.path()).unwrap();
    let e = calibrate(&model, data.path(), &CalibrationOptions::default(), &Control::new()).unwrap_err();
    assert!(e.to_string().contains("CASE/NAME.nii.gz") && e.to_string().contains("copy"), "{e}");
    let wrong = CalibrationOptions { alpha: 0.0, ..CalibrationOptions::default() };
    let e = calibrate(&model, data.path(), &wrong, &Control::new());
    assert!(matches!(e, Err(CalibrationError::Parameter { .. })));
}

#[test]
fn a_guard_needs_images_alone() {
    let folder = model_folder("segment.onnx", CLASSES);
    let data = tempfile::tempdir().unwrap();
    for case in 0..4 {
        // Air that was stored as 0 in one case and as faint noise in the next; the tissue is the same.
        let air = |n| if case % 2 == 0 { 0.0 } else { 0.04 * noise(n, case) };
        let image = |n: usize| if n % 10 < 5 { 0.5 + 0.05 * (n % 7) as f32 } else { air(n) };
        save(&data.path().join(format!("case{case}/image.nii.gz")), image);
    }
    let model = Model::open(folder.path()).unwrap();
    let options = CalibrationOptions { guard_only: true, ..CalibrationOptions::default() };
    let found = calibrate(&model, data.path(), &options, &Control::new()).unwrap();
    assert_eq!((found.cases.len(), found.held_out.len()), (4, 0));
    assert!(found.temperature.is_none() && found.interval.is_none() && found.guard.histogram_max_distance.is_some());
    let guarded = Model::open(folder.path()).unwrap();
    assert!(guarded.manifest.guard.as_ref().unwrap().intensity_histogram.is_some());
    let labelled = CalibrationOptions { dry_run: true, ..CalibrationOptions::default() };
    assert!(calibrate(&guarded, data.path(), &labelled, &Control::new()).is_err(), "without a truth there is no case");
    // An image of another contrast is unlike, a case of its own is like, whatever its air.
    let like = |name: &str| {
        let image = load(&data.path().join(name));
        run(&guarded, &[("image".into(), image)], &RunOptions::default(), &Control::new()).unwrap().guard.unwrap()
    };
    assert!(like("case0/image.nii.gz").is_like() && like("case1/image.nii.gz").is_like());
    save(&data.path().join("other.nii.gz"), |n| if n % 10 < 5 { 0.2 + 0.2 * (n % 7) as f32 } else { 0.0 });
    assert!(!like("other.nii.gz").is_like());
}
