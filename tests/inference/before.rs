//! The guard's word is there before the network runs, and without it.

use std::sync::Arc;

use veritome::inference::engine::{RunOptions, run_telling};
use veritome::inference::guard::{Likeness, Look, look};
use veritome::jobs::Control;
use veritome::volume::Volume;

use super::{ONE_LABEL, Tiny, lopsided, with_runtime};

const HISTOGRAM: &str = r#"{"bins": 2, "edges": [-0.5, 0.5, 1.5], "mean": [0.5, 0.5], "max_distance": 0.05}"#;

fn guarded(network: &str, guard: &str) -> Tiny {
    let tiny = Tiny::new(network, &format!("{ONE_LABEL}\n[guard]\n{guard}"));
    std::fs::write(tiny.folder.path().join("guard.json"), HISTOGRAM).unwrap();
    tiny
}

const GUARD: &str = "spacing_mm_range = [0.5, 2.0]\nlossless = true\n\
                     intensity_histogram = { input = \"image\", bins = 2, file = \"guard.json\" }";

fn lossy() -> Arc<Volume> {
    let provenance = lopsided().provenance.clone().lossily_compressed(Some("ISO_10918_1, 12 to 1".into()));
    Arc::new(Volume { provenance, ..(*lopsided()).clone() })
}

#[test]
fn inputs_are_looked_at_without_a_network() {
    // No weights: whoever opened the network would fail.
    let tiny = guarded("identity.onnx", GUARD);
    std::fs::remove_file(tiny.folder.path().join("model.onnx")).unwrap();
    let model = tiny.model();
    let found = look(&model, &[(String::new(), lossy())], false, &Control::new()).unwrap();
    let (like, sentence) = found.word().unwrap();
    assert_eq!(like, Likeness::Unlike);
    for part in ["spacing is 1.1 × 0.9 × 2.5 mm", "compression is lossy, ISO_10918_1, 12 to 1", "intensity histogram"]
    {
        assert!(sentence.contains(part), "{part}: {sentence}");
    }
    assert!(found.notices.iter().any(|n| n.contains("lossily compressed (ISO_10918_1, 12 to 1)")), "{found:?}");
    // A cancel is a cancel.
    let control = Control::new();
    control.cancel();
    assert!(look(&model, &[(String::new(), lossy())], false, &control).is_err());
}

/// The files are those of `tests/expected/make_dicom_pixels.py`.
#[test]
fn a_dicom_volume_knows_that_it_was_lossily_compressed() {
    let how = |case: &str| {
        let path = super::repository().join("tests/data/dicom").join(case);
        let opened = veritome::io::open(&path, &Control::new()).unwrap();
        let volume = opened.studies[0].series[0].load(0, &Control::new()).unwrap();
        volume.provenance.lossy().map(str::to_owned)
    };
    assert_eq!(how("axial"), None);
    assert_eq!(how("codec_jpeg_8").as_deref(), Some("JPEG Baseline (Process 1)"));
    // Uncompressed now, compressed with loss before.
    assert_eq!(how("lossy_flag").as_deref(), Some("ISO_10918_1, 12.5 to 1"));
}

#[test]
fn what_was_not_looked_at_is_named_and_no_guard_is_no_word() {
    let model = guarded("identity.onnx", "spacing_mm_range = [0.5, 3.0]").model();
    let like = |l: &Look| l.word().unwrap();
    let found = look(&model, &[(String::new(), lopsided())], false, &Control::new()).unwrap();
    let in_part = "Like the training data in spacing; grey values were not compared".to_owned();
    assert_eq!(like(&found), (Likeness::InPart, in_part));
    let more =
        "spacing_mm_range = [0.5, 3.0]\nembedding = { tensor = \"f\", mean_cov = \"g.npz\", max_distance = 4.0 }";
    let found = look(&guarded("identity.onnx", more).model(), &[(String::new(), lopsided())], false, &Control::new());
    let found = found.unwrap();
    assert_eq!(like(&found).1, "Like the training data in spacing so far; feature space is compared in the run");
    let none = Tiny::new("identity.onnx", ONE_LABEL).model();
    assert_eq!(look(&none, &[(String::new(), lopsided())], false, &Control::new()).unwrap().word(), None);
}

#[test]
fn a_run_says_it_before_its_network_fails() {
    with_runtime();
    let tiny = guarded("nan.onnx", GUARD);
    let model = tiny.model();
    let mut told = Vec::new();
    let failed =
        run_telling(&model, &[(String::new(), lossy())], &RunOptions::default(), &Control::new(), &mut |look| {
            told.push(look.clone());
        });
    let why = failed.unwrap_err().to_string();
    assert!(why.contains("NaN"), "{why}");
    let said = look(&model, &[(String::new(), lossy())], false, &Control::new()).unwrap();
    assert_eq!(told, [said], "the same word as without the run");
}
