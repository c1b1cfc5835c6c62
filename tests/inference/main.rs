//! Models run as their manifests say, and say clearly why when they cannot.
//!
//! ONNX Runtime is fetched through pip on the first run (`runtime::ensure`), the Colin27 head too.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod audit;
mod before;
mod cores;
mod faithful;
mod files;
mod inferers;
mod malicious;
mod nnunet;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use glam::{DMat4, DVec3};
use sha2::{Digest, Sha256};
use veritome::inference::engine::{OutputContent, Provider, RunOptions, RunResult, run};
use veritome::inference::manifest::{self, Model};
use veritome::inference::{InferenceError, report, runtime};
use veritome::io::formats::open_file;
use veritome::io::samples;
use veritome::jobs::{Control, Job};
use veritome::volume::image::Value;
use veritome::volume::{Geometry, Labelmap, Provenance, Space, Volume, VoxelPoint};

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn with_runtime() {
    let found = runtime::ensure(&Control::new()).unwrap();
    assert!(found.path.is_file());
}

fn load(path: &Path) -> Arc<Volume> {
    let study = open_file(path, &Control::new()).unwrap().unwrap();
    Arc::new(study.series[0].load(0, &Control::new()).unwrap())
}

fn graph(name: &str) -> PathBuf {
    repository().join("tests/data/onnx").join(name)
}

/// A model folder around one of the tiny graphs; `more` replaces lines by their key within the text.
struct Tiny {
    folder: tempfile::TempDir,
    text: String,
}

impl Tiny {
    fn new(name: &str, output: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bytes = std::fs::read(graph(name)).unwrap();
        std::fs::write(folder.path().join("model.onnx"), &bytes).unwrap();
        let hash: String = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
        let text = format!(
            r#"
schema = 1
name = "tiny"
version = "1.0.0"
title = "Tiny"
task = "segmentation"
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
name = "result"
tensor = "out"
{output}
"#
        );
        Self { folder, text }
    }

    fn replace(mut self, from: &str, to: &str) -> Self {
        assert!(self.text.contains(from), "{from}");
        self.text = self.text.replace(from, to);
        self
    }

    fn model(&self) -> Model {
        std::fs::write(self.folder.path().join("manifest.toml"), &self.text).unwrap();
        Model::open(self.folder.path()).unwrap()
    }

    fn run(&self, volume: &Arc<Volume>) -> Result<RunResult, InferenceError> {
        with_runtime();
        run(&self.model(), &[(String::new(), volume.clone())], &RunOptions::default(), &Control::new())
    }

    fn error(&self, volume: &Arc<Volume>) -> String {
        self.run(volume).unwrap_err().to_string()
    }
}

const ONE_LABEL: &str = "kind = \"probabilities\"\nlabels = [{ value = 5, name = \"Thing\" }]";

/// A lopsided shape of ones in zeros, with odd sizes, oblique and anisotropic.
fn lopsided() -> Arc<Volume> {
    let size = [13, 9, 6];
    let mut data = vec![0_i16; size.iter().product()];
    for (n, v) in data.iter_mut().enumerate() {
        let (x, y, z) = (n % 13, n / 13 % 9, n / 117);
        *v = i16::from(x > 7 && y < 4 && z > 1 || x == 2 && y == 7 || z == 5 && x < 3);
    }
    let turn = DMat4::from_euler(glam::EulerRot::XYZ, 0.1, -0.2, 0.15);
    let m = DMat4::from_translation(DVec3::new(-20.0, 31.0, 7.0)) * turn * DMat4::from_scale(DVec3::new(1.1, 0.9, 2.5));
    let g = Geometry::new(size, m).unwrap();
    Arc::new(Volume::new("lopsided", data.into(), g, Provenance::acquired(vec!["1.2.3".into()])).unwrap())
}

fn labels(result: &RunResult) -> Arc<Labelmap> {
    match &result.outputs[0].content {
        OutputContent::Labels(labels) => labels.clone(),
        _ => panic!("no labels"),
    }
}

fn image(result: &RunResult) -> Arc<Volume> {
    match &result.outputs[0].content {
        OutputContent::Image(volume) => volume.clone(),
        _ => panic!("no image"),
    }
}

fn dice(a: &[u16], b: impl Fn(usize) -> bool) -> f64 {
    let (mut both, mut sum) = (0_usize, 0_usize);
    for (n, v) in a.iter().enumerate() {
        let (x, y) = (*v > 0, b(n));
        both += usize::from(x && y);
        sum += usize::from(x) + usize::from(y);
    }
    2.0 * both as f64 / sum as f64
}

#[test]
fn the_brain_of_a_real_head_is_found() {
    with_runtime();
    let sample = samples::head(&Control::new()).unwrap();
    assert!(!sample.fallback, "the Colin27 head could not be fetched: {}", sample.reason);
    let head = load(&sample.path);
    let model = manifest::find("brain-mask").unwrap();
    let inputs = [("t1".to_owned(), head.clone())];
    let options = RunOptions { provider: Provider::Cpu, ..RunOptions::default() };
    let result = run(&model, &inputs, &options, &Control::new()).unwrap();
    let brain = labels(&result);
    assert!(brain.geometry.distance_mm(&head.geometry) < 1e-4);
    assert_eq!(brain.labels[0].name, "Brain");
    assert!(!brain.provenance.is_synthetic());
    let reference = load(&repository().join("tests/data/colin27/brain_mask.nii.gz"));
    assert!(reference.geometry.distance_mm(&head.geometry) < 1e-4);
    let dice = dice(&brain.voxels, |n| reference.voxels.get(n) == Some(1.0));
    println!("Dice {dice:.4}, {:?}, peak {:.0} MB, {:?}", result.seconds, result.peak_rss_mb, result.warnings);
    assert!(dice >= 0.93, "{dice}");
    assert_eq!((result.provider.as_str(), result.requested_provider.as_str()), ("cpu", "cpu"));

    // Beside the file: the record; on standard output: the report.
    let out = tempfile::tempdir().unwrap();
    let paths = report::output_paths(&result, out.path());
    veritome::io::write::write_labelmap(&brain, &paths[0]).unwrap();
    let record =
        report::write_output_record(&paths[0], &result.outputs[0], &result, &model, &inputs, &options).unwrap();
    assert_eq!(record, out.path().join("brain.provenance.json"));
    let record: serde_json::Value = serde_json::from_slice(&std::fs::read(record).unwrap()).unwrap();
    assert_eq!(record["model"]["weights_sha256"], model.manifest.files.0["network"].sha256);
    assert_eq!(record["parents"][0]["input"], "t1");
    assert_eq!(record["synthetic"], false);
    let json = serde_json::to_value(report::report(&result, &paths)).unwrap();
    for key in ["model", "provider", "requested_provider", "seconds", "patches", "repeats", "peak_rss_mb", "warnings"] {
        assert!(!json[key].is_null(), "{key}");
    }
    assert_eq!(json["outputs"][0]["range"], serde_json::json!([0.0, 1.0]));
    assert!(json["outputs"][0]["uncertainty"].is_null());
    assert!(json["peak_rss_mb"].as_f64().unwrap() > 10.0);
}

/// Expected: `models/recipes/brain_mask/measure.py`, independent of this program.
#[test]
fn the_shipped_check_is_met() {
    with_runtime();
    let model = manifest::find("brain-mask").unwrap();
    let check = &model.manifest.checks[0];
    let head = load(&model.folder.join(check.input.as_ref().unwrap()));
    let expected = load(&model.folder.join(&check.output));
    let result = run(&model, &[(String::new(), head)], &RunOptions::default(), &Control::new()).unwrap();
    let brain = labels(&result);
    let different = (0..brain.voxels.len()).filter(|n| expected.voxels.get(*n) != Some(f64::from(brain.voxels[*n])));
    assert_eq!(different.count(), 0);
}

/// Each shipped model gives the answers that its recipe stored.
#[test]
fn every_shipped_model_passes_its_own_checks() {
    with_runtime();
    let mut checked = 0;
    for entry in std::fs::read_dir(repository().join("models")).unwrap() {
        let folder = entry.unwrap().path();
        if !folder.join("manifest.toml").exists() {
            continue;
        }
        let model = manifest::Model::open(&folder).unwrap();
        let report = veritome::inference::check::check(&model, &Control::new()).unwrap();
        // What begins with random noise has no answer that another program could have stored.
        let random = model.manifest.diffusion.is_some();
        assert!(
            report.passed && (random || !report.references.is_empty()),
            "{}: {:?}",
            folder.display(),
            report.problems
        );
        checked += 1;
    }
    assert!(checked >= 1);
}

#[test]
fn labels_return_to_their_place_for_every_orientation() {
    let volume = lopsided();
    let expected: Vec<u16> = (0..volume.voxels.len()).map(|n| 5 * volume.voxels.get(n).unwrap() as u16).collect();
    let tiny = Tiny::new("identity.onnx", ONE_LABEL);
    let mut codes = Vec::new();
    for (a, b, c) in [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)] {
        for flips in 0..8 {
            let letter = |axis: usize, n: usize| ["LR", "PA", "SI"][axis].chars().nth(flips >> n & 1).unwrap();
            codes.push([letter(a, 0), letter(b, 1), letter(c, 2)].iter().collect::<String>());
        }
    }
    for (n, code) in codes.iter().enumerate() {
        let layout = ["NCXYZ", "NCZYX", "NCYXZ"][n % 3];
        let pad = [1, 16][n % 2];
        let tiny = Tiny { folder: tempfile::tempdir().unwrap(), text: tiny.text.clone() }
            .replace("\"RAS\"", &format!("\"{code}\"\npad_multiple = {pad}"))
            .replace("kind = \"whole\"", &format!("kind = \"whole\"\nlayout = \"{layout}\""));
        std::fs::copy(graph("identity.onnx"), tiny.folder.path().join("model.onnx")).unwrap();
        let result = tiny.run(&volume).unwrap();
        let map = labels(&result);
        assert!(map.geometry.distance_mm(&volume.geometry) < 1e-4);
        assert_eq!(*map.voxels, expected, "{code} {layout} {pad}");
    }
}

#[test]
fn grey_values_return_through_another_grid_and_their_normalisation() {
    // A linear ramp survives linear resampling exactly, away from the border.
    let g = Geometry::new([24, 20, 16], DMat4::from_scale(DVec3::new(1.0, 1.2, 2.0))).unwrap();
    let ramp: Vec<f32> = (0..g.voxel_count()).map(|n| (n % 24) as f32 * 3.0 + (n / 24 % 20) as f32 - 40.0).collect();
    let volume = Volume::new("ramp", ramp.clone().into(), g, Provenance::acquired(vec![])).unwrap();
    let volume = Arc::new(volume);
    for (normalize, value) in [
        ("{ kind = \"zscore\" }", "{ kind = \"zscore_of\", input = \"image\" }"),
        ("{ kind = \"minmax\", to = [-1, 1] }", "{ kind = \"unit_of\", input = \"image\" }"),
    ] {
        for spacing in ["spacing_mm = [0.8, 1.5, 1.0]", "spacing_mm = [1.0, 1.0, 1.0]\nsize = [40, 40, 40]"] {
            let tiny = Tiny::new("identity.onnx", &format!("kind = \"image\"\nunit = \"HU\"\nvalue = {value}"))
                .replace("task = \"segmentation\"", "task = \"synthesis\"")
                .replace("\"RAS\"", &format!("\"RAS\"\n{spacing}\nnormalize = [{normalize}]"));
            let result = tiny.run(&volume).unwrap();
            let out = image(&result);
            assert!(out.geometry.distance_mm(&volume.geometry) < 1e-4);
            assert!(out.provenance.is_synthetic(), "a synthesis invents grey values");
            assert_eq!(out.unit.symbol(), "HU");
            for (x, y, z) in [(5, 6, 7), (12, 10, 3), (20, 15, 12)] {
                let expected = f64::from(ramp[(z * 20 + y) * 24 + x]);
                let p = VoxelPoint::new(x as f64, y as f64, z as f64);
                let Some(Value::Number(found)) = out.value_at(p) else { panic!() };
                assert!((found - expected).abs() < 1e-3, "{normalize} {spacing}: {found} {expected}");
            }
        }
    }
}

#[test]
fn classes_and_whole_labels_and_regions_become_labels() {
    let g = Geometry::unplaced([3, 1, 1]).unwrap();
    let volume = Volume::new("v", vec![0.0_f32, 0.5, 1.0].into(), g, Provenance::acquired(vec![])).unwrap();
    let volume = Arc::new(volume);
    let table = "labels = [{ value = 1, name = \"A\" }, { value = 2, name = \"B\" }]";
    let classes = Tiny::new("three_classes.onnx", &format!("kind = \"logits\"\nactivation = \"softmax\"\n{table}"));
    assert_eq!(*labels(&classes.run(&volume).unwrap()).voxels, [0, 1, 2]);
    let whole = Tiny::new("argmax.onnx", &format!("kind = \"labels\"\n{table}"));
    assert_eq!(*labels(&whole.run(&volume).unwrap()).voxels, [0, 1, 2]);
    // Sigmoid of (2 - 4x, 0.5, 4x - 2) is at least one half for channel 0 up to the middle, 2 from the middle on.
    let output = format!(
        "kind = \"logits\"\nactivation = \"sigmoid\"\n{table}\n[postprocess]\nregions = [{{ channel = 0, value = 1 }}, {{ channel = 2, value = 2 }}]"
    );
    assert_eq!(*labels(&Tiny::new("three_classes.onnx", &output).run(&volume).unwrap()).voxels, [1, 2, 2]);
    // A part of the channels keeps its numbers.
    let part = format!("kind = \"logits\"\nactivation = \"softmax\"\nchannels = [1, 2]\n{table}");
    assert_eq!(*labels(&Tiny::new("three_classes.onnx", &part).run(&volume).unwrap()).voxels, [1, 1, 2]);
    let beyond = Tiny::new(
        "three_classes.onnx",
        "kind = \"logits\"\nactivation = \"softmax\"\nlabels = [{ value = 3, name = \"C\" }]",
    );
    let e = beyond.error(&volume);
    assert!(e.contains("label 3") && e.contains("channels [0, 1, 2]"), "{e}");
}

#[test]
fn changed_dangerous_and_missing_weights_are_refused() {
    let volume = lopsided();
    let tiny = Tiny::new("identity.onnx", ONE_LABEL);
    std::fs::copy(graph("nan.onnx"), tiny.folder.path().join("model.onnx")).unwrap();
    let e = tiny.error(&volume);
    assert!(e.contains("SHA-256") && e.contains("changed or damaged") && e.contains("model.onnx"), "{e}");
    let e = Tiny::new("outside.onnx", ONE_LABEL).error(&volume);
    assert!(e.contains("../../secret.bin") && e.contains("outside the model's folder"), "{e}");
    let tiny = Tiny::new("identity.onnx", ONE_LABEL);
    std::fs::remove_file(tiny.folder.path().join("model.onnx")).unwrap();
    let e = tiny.error(&volume);
    assert!(e.contains("model.onnx"), "{e}");
}

#[test]
fn a_graph_that_does_not_fit_names_both_sides() {
    let volume = lopsided();
    let e = Tiny::new("two_channels.onnx", ONE_LABEL).replace("\"RAS\"", "\"RAS\"\nsize = [8, 8, 8]").error(&volume);
    assert!(e.contains("1 channels") && e.contains("takes 2") && e.contains("[1, 2, 8, 8, 8]"), "{e}");
    let e = Tiny::new("identity.onnx", ONE_LABEL).replace("tensor = \"image\"", "tensor = \"img\"").error(&volume);
    assert!(e.contains("`img`") && e.contains("the inputs image"), "{e}");
    let e = Tiny::new("identity.onnx", ONE_LABEL).replace("tensor = \"out\"", "tensor = \"outt\"").error(&volume);
    assert!(e.contains("`outt`") && e.contains("the outputs out"), "{e}");
    let e = Tiny::new("identity.onnx", ONE_LABEL)
        .replace("kind = \"whole\"", "kind = \"whole\"\nlayout = \"XYZ\"")
        .error(&volume);
    assert!(e.contains("3 axes") && e.contains("[1, 1, any, any, any]"), "{e}");
    let e = Tiny::new("difference.onnx", ONE_LABEL).replace("tensor = \"image\"", "tensor = \"first\"").error(&volume);
    assert!(e.contains("further input `second`"), "{e}");
}

#[test]
fn values_that_are_no_numbers_are_an_error() {
    let e = Tiny::new("nan.onnx", ONE_LABEL).error(&lopsided());
    assert!(e.contains("NaN") && e.contains("702 values"), "{e}");
}

#[test]
fn two_inputs_meet_on_the_first_ones_grid() {
    let both = r#"name = "a"
tensor = "first"
[[inputs]]
name = "b"
tensor = "second""#;
    let tiny = Tiny::new("difference.onnx", "kind = \"image\"").replace("name = \"image\"\ntensor = \"image\"", both);
    with_runtime();
    let model = tiny.model();
    let a = lopsided();
    let go = |inputs: &[(&str, Arc<Volume>)]| {
        let inputs: Vec<_> = inputs.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
        run(&model, &inputs, &RunOptions::default(), &Control::new())
    };
    let result = go(&[("b", a.clone()), ("a", a.clone())]).unwrap();
    assert_eq!(report::range(&result.outputs[0].content), Some([0.0, 0.0]));
    let e = go(&[("a", a.clone())]).unwrap_err().to_string();
    assert!(e.contains("needs the input `b`") && e.contains("b=PATH"), "{e}");
    let e = go(&[("a", a.clone()), ("c", a.clone())]).unwrap_err().to_string();
    assert!(e.contains("`c`") && e.contains("`a`, `b`"), "{e}");
    let frame = |uid: &str| {
        let mut v = (*a).clone();
        v.space = Space::Patient { frame_of_reference: Some(uid.to_owned()) };
        Arc::new(v)
    };
    assert!(matches!(go(&[("a", frame("1")), ("b", frame("2"))]), Err(InferenceError::FrameOfReference { .. })));
    let mut moved = (*a).clone();
    let shift = DMat4::from_translation(DVec3::new(0.3, 0.0, 0.0));
    moved.geometry = Geometry::new(a.size(), shift * a.geometry.voxel_to_patient()).unwrap();
    let result = go(&[("a", a.clone()), ("b", Arc::new(moved))]).unwrap();
    assert!(result.warnings.iter().any(|w| w.contains("another grid")), "{:?}", result.warnings);
}

#[test]
fn a_provider_that_cannot_run_is_an_error_with_a_remedy() {
    with_runtime();
    let status = runtime::status().unwrap();
    let of = |p: Provider| status.providers.iter().find(|s| s.provider == p).unwrap();
    assert!(of(Provider::Cpu).works, "{:?}", of(Provider::Cpu));
    let Some(absent) = status.providers.iter().find(|s| !s.works) else { return };
    assert!(!absent.reason.is_empty());
    let tiny = Tiny::new("identity.onnx", ONE_LABEL);
    let options = RunOptions { provider: absent.provider, ..RunOptions::default() };
    let error = run(&tiny.model(), &[(String::new(), lopsided())], &options, &Control::new()).unwrap_err();
    assert!(matches!(error, InferenceError::Provider { .. }), "{error}");
    assert!(error.to_string().contains(absent.provider.name()) && error.to_string().contains("or ask for `auto`"));
}

#[test]
fn a_run_stops_soon_after_it_was_cancelled() {
    with_runtime();
    let g = Geometry::unplaced([96, 96, 96]).unwrap();
    let volume = Volume::new("v", vec![0_u8; g.voxel_count()].into(), g, Provenance::acquired(vec![])).unwrap();
    let tiny = Tiny::new("slow.onnx", ONE_LABEL);
    let model = tiny.model();
    let job = Job::spawn("slow", move |control: &Control| {
        run(&model, &[(String::new(), Arc::new(volume))], &RunOptions::default(), control)
    });
    while !job.control().progress().stage.starts_with("Running") {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(300));
    let asked = Instant::now();
    job.control().cancel();
    let result = job.wait().unwrap();
    println!("stopped after {:?}", asked.elapsed());
    assert!(matches!(result, Err(InferenceError::Cancelled(_))), "{result:?}");
    // The whole run would take a minute.
    assert!(asked.elapsed() < Duration::from_secs(5));
}

/// Runs in a process of its own: a library is loaded once a process.
#[test]
#[ignore = "run by corrupt_libraries_are_named"]
fn child_loads_the_library_that_the_variable_names() {
    match runtime::status() {
        Ok(_) => println!("LOADED"),
        Err(e) => println!("REFUSED {e}"),
    }
}

#[test]
fn corrupt_libraries_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("libonnxruntime.so");
    std::fs::write(&text, b"this is no library").unwrap();
    let whole = runtime::ensure(&Control::new()).unwrap().path;
    let bytes = std::fs::read(whole).unwrap();
    let cut = folder.path().join("cut.so");
    std::fs::write(&cut, &bytes[..bytes.len() / 3]).unwrap();
    let missing = folder.path().join("missing.so");
    for (path, says) in [(&text, "cannot be loaded"), (&cut, "cut off"), (&missing, "not there")] {
        let out = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_loads_the_library_that_the_variable_names", "--ignored", "--nocapture"])
            .env("ORT_DYLIB_PATH", path)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&out.stdout);
        let line = said.lines().find(|l| l.contains("REFUSED")).unwrap_or_default();
        assert!(line.contains(says) && line.contains("runtime install"), "{path:?}: {said}");
    }
}
