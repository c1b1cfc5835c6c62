//! Explanations of small networks whose reasons are known, and the files that come of them.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod models;

use std::path::PathBuf;
use std::sync::Arc;

use glam::{DMat4, DVec3};
use sha2::{Digest, Sha256};
use veritome::explain::{
    Cover, Evaluation, ExplainError, ExplainOptions, Explanation, Method, Occlusion, Rise, Target, check, run,
    write_explanation,
};
use veritome::inference::manifest::Model;
use veritome::inference::runtime;
use veritome::jobs::Control;
use veritome::volume::{Geometry, Provenance, Volume, VoxelPoint, Voxels};

/// A model folder around `tests/data/onnx/segment.onnx`: class 1 where the mean over 3 x 3 x 3 voxels is above 0.5.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(rest: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let graph = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/onnx/segment.onnx");
        let bytes = std::fs::read(graph).unwrap();
        std::fs::write(folder.path().join("model.onnx"), &bytes).unwrap();
        let hash: String = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
        let text = format!(
            r#"
schema = 1
name = "bright"
version = "1.0.0"
title = "Bright"
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
name = "bright"
tensor = "out"
kind = "logits"
activation = "softmax"
labels = [{{ value = 1, name = "Bright" }}]
{rest}
"#
        );
        std::fs::write(folder.path().join("manifest.toml"), text).unwrap();
        Self(folder)
    }

    fn model(&self) -> Model {
        runtime::ensure(&Control::new()).unwrap();
        Model::open(self.0.path()).unwrap()
    }
}

/// A bright cube of 6 voxels in a dark image, on an LPS grid that the model turns round.
fn cube() -> Arc<Volume> {
    let size = [16, 15, 14];
    let mut data = vec![0.0_f32; size.iter().product()];
    for (n, v) in data.iter_mut().enumerate() {
        *v = f32::from(u8::from(inside(n % 16, n / 16 % 15, n / 240)));
    }
    let m = DMat4::from_translation(DVec3::new(-9.0, 4.0, 30.0)) * DMat4::from_scale(DVec3::new(1.0, 1.5, 2.0));
    let g = Geometry::new(size, m).unwrap();
    Arc::new(Volume::new("cube", data.into(), g, Provenance::acquired(vec!["1.2.3".into()])).unwrap())
}

fn inside(x: usize, y: usize, z: usize) -> bool {
    (2..8).contains(&x) && (7..13).contains(&y) && (4..10).contains(&z)
}

fn small_boxes() -> ExplainOptions {
    let occlusion = Occlusion { mask_size: 3, overlap: 0.5, cover: Cover::Background, coarse: None };
    ExplainOptions { occlusion, ..ExplainOptions::of(Method::Occlusion) }
}

fn explain(folder: &Folder, options: &ExplainOptions) -> Result<Explanation, ExplainError> {
    run(&folder.model(), &[("image".to_owned(), cube())], options, &Control::new())
}

fn values(found: &Explanation) -> &[f32] {
    match &found.map.voxels {
        Voxels::F32(v) => v,
        _ => panic!("no floats"),
    }
}

#[test]
fn occlusion_lights_what_the_class_is_made_of_and_lies_on_the_inputs_grid() {
    let folder = Folder::new("");
    let found = explain(&folder, &small_boxes()).unwrap();
    let volume = cube();
    assert!(found.map.geometry.distance_mm(&volume.geometry) < 1e-9);
    assert!(!found.map.provenance.is_synthetic());
    assert_eq!((found.target.to_string().as_str(), found.output.as_str()), ("class=Bright", "bright"));
    let map = values(&found);
    let at = |x: usize, y: usize, z: usize| map[(z * 15 + y) * 16 + x];
    assert!(at(4, 10, 7) > 0.3, "{}", at(4, 10, 7));
    assert!(at(14, 2, 12).abs() < 1e-6);
    let faithful = found.faithfulness.unwrap();
    assert!(faithful.deletion_auc.unwrap() < 0.2 && faithful.insertion_auc.unwrap() > 0.5, "{faithful:?}");
}

/// Expected: by hand from the network's formula, `3 mean - 1.5` over 3 x 3 x 3 voxels.
#[test]
fn the_score_of_a_class_is_its_mean_logit_over_the_region_however_large_that_is() {
    let folder = Folder::new("");
    let bright = |x: i64, y: i64, z: i64| {
        let all = [x, y, z].map(|at| usize::try_from(at).unwrap_or(usize::MAX));
        f64::from(u8::from(inside(all[0], all[1], all[2])))
    };
    let logit = |x: i64, y: i64, z: i64| {
        let near = (-1..=1).flat_map(|i| (-1..=1).flat_map(move |j| (-1..=1).map(move |k| (i, j, k))));
        near.map(|(i, j, k)| bright(x + i, y + j, z + k)).sum::<f64>() / 9.0 - 1.5
    };
    let every = (0..14).flat_map(|z| (0..15).flat_map(move |y| (0..16).map(move |x| (x, y, z))));
    let region: Vec<f64> = every.map(|(x, y, z)| logit(x, y, z)).filter(|logit| *logit >= 0.0).collect();
    let expected = region.iter().sum::<f64>() / region.len() as f64;
    let found = explain(&folder, &small_boxes()).unwrap();
    let score = found.faithfulness.as_ref().unwrap().deletion[0];
    assert!((score - expected).abs() < 1e-5, "{score} {expected} over {} voxels", region.len());
    // No box can take more than the whole score and what stands against it in an empty image, 3 a voxel.
    assert!(values(&found).iter().all(|change| change.abs() <= 3.0), "{:?}", found.map.name);
    // In the middle, where all is bright, the logit is 1.5.
    let place = cube().geometry.to_patient(VoxelPoint::new(4.0, 10.0, 7.0));
    let target: Target = format!("class=1@{},{},{},0.1", place.0.x, place.0.y, place.0.z).parse().unwrap();
    let one = explain(&folder, &ExplainOptions { target: Some(target), ..small_boxes() }).unwrap();
    assert!((one.faithfulness.unwrap().deletion[0] - 1.5).abs() < 1e-5);
}

#[test]
fn a_clicked_place_is_its_own_target() {
    let folder = Folder::new("");
    let place = cube().geometry.to_patient(VoxelPoint::new(4.0, 10.0, 7.0));
    let options = ExplainOptions { at: Some(place.0.to_array()), ..small_boxes() };
    let found = explain(&folder, &options).unwrap();
    assert!(found.target.to_string().starts_with("class=Bright@"), "{}", found.target);
    let asked: Target = format!("class=1@{},{},{},0.1", place.0.x, place.0.y, place.0.z).parse().unwrap();
    let one = explain(&folder, &ExplainOptions { target: Some(asked), ..options }).unwrap();
    // One voxel's logit depends on its 27 neighbours only.
    let far = values(&one)[(7 * 15 + 10) * 16 + 12];
    assert!(far.abs() < 1e-6 && values(&one)[(7 * 15 + 10) * 16 + 4] > 0.0);
}

#[test]
fn rise_repeats_by_its_seed_and_finds_the_cube() {
    let folder = Folder::new("");
    let options = ExplainOptions { rise: Rise { masks: 120, ..Rise::default() }, ..ExplainOptions::of(Method::Rise) };
    let a = explain(&folder, &options).unwrap();
    let b = explain(&folder, &options).unwrap();
    assert_eq!(values(&a), values(&b));
    let best = values(&a).iter().enumerate().max_by(|x, y| x.1.total_cmp(y.1)).unwrap().0;
    assert!(inside(best % 16, best / 16 % 15, best / 240), "{best}");
    assert!(a.parameters["convergence"].as_array().is_some_and(|c| c.len() == 4));
}

#[test]
fn cams_read_the_named_tensor_and_leave_the_file_alone() {
    let folder = Folder::new("[explain]\ncam_tensor = \"smooth\"");
    let before = std::fs::read(folder.0.path().join("model.onnx")).unwrap();
    let found = explain(&folder, &ExplainOptions::of(Method::ScoreCam)).unwrap();
    assert!(found.faithfulness.as_ref().unwrap().deletion_auc.unwrap() < 0.5);
    let attention = explain(&folder, &ExplainOptions::of(Method::Attention)).unwrap();
    assert!(values(&attention)[(7 * 15 + 10) * 16 + 5] > 0.99);
    assert_eq!(std::fs::read(folder.0.path().join("model.onnx")).unwrap(), before);
    let e = explain(&folder, &ExplainOptions::of(Method::HiResCam)).unwrap_err().to_string();
    assert!(e.contains("smooth_grad") || e.contains("TENSOR_grad"), "{e}");
    let wrong = ExplainOptions { tensor: Some("nowhere".into()), ..ExplainOptions::of(Method::ScoreCam) };
    let e = explain(&folder, &wrong).unwrap_err().to_string();
    assert!(e.contains("nowhere") && e.contains("smooth"), "{e}");
}

#[test]
fn targets_and_methods_that_the_model_does_not_offer_are_named() {
    let folder = Folder::new("");
    let with = |target: &str| ExplainOptions { target: Some(target.parse().unwrap()), ..small_boxes() };
    let e = explain(&folder, &with("class=Liver")).unwrap_err().to_string();
    assert!(e.contains("Bright (1)"), "{e}");
    let e = explain(&folder, &with("change")).unwrap_err().to_string();
    assert!(e.contains("gives no image"), "{e}");
    let e = explain(&folder, &with("class=1@500,0,0")).unwrap_err().to_string();
    assert!(e.contains("outside"), "{e}");
    for method in [Method::ScoreCam, Method::Counterfactual] {
        let e = explain(&folder, &ExplainOptions::of(method)).unwrap_err().to_string();
        assert!(e.contains("manifest"), "{e}");
    }
}

#[test]
fn a_model_with_windows_is_explained_in_the_one_around_what_it_found() {
    let folder = Folder::new("");
    let path = folder.0.path().join("manifest.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("kind = \"whole\"", "kind = \"sliding_window\"\npatch = [8, 8, 8]")).unwrap();
    let found = explain(&folder, &small_boxes()).unwrap();
    assert!(found.notes.iter().any(|n| n.contains("window")), "{:?}", found.notes);
    let map = values(&found);
    let at = |x: usize, y: usize, z: usize| map[(z * 15 + y) * 16 + x];
    assert!(at(4, 10, 7) > 0.3, "{}", at(4, 10, 7));
    // Beyond the window nothing is said.
    assert_eq!(at(15, 0, 0), 0.0);
    assert!(inside(4, 10, 7) && found.faithfulness.unwrap().deletion_auc.unwrap() < 0.5);
}

#[test]
fn noise_in_the_network_changes_its_map() {
    let folder = Folder::new("");
    let options = ExplainOptions { evaluation: Some(Evaluation { steps: 5, blur: 2.0 }), ..small_boxes() };
    let found = check(&folder.model(), &[("image".to_owned(), cube())], &options, &Control::new()).unwrap();
    assert_eq!(found.layers, 2);
    assert_eq!(found.sanity.cascade.len(), 2);
    assert!(found.sanity.cascade.iter().any(|s| s.likeness.spearman < 0.999), "{found:?}");
    assert!((found.sanity.repeatability.spearman - 1.0).abs() < 1e-9);
}

#[test]
fn the_map_and_its_record_are_written() {
    let folder = Folder::new("");
    let (model, inputs, options) = (folder.model(), [("image".to_owned(), cube())], small_boxes());
    let found = run(&model, &inputs, &options, &Control::new()).unwrap();
    let out = tempfile::tempdir().unwrap();
    let report = write_explanation(&model, &inputs, &options, &found, out.path()).unwrap();
    assert!(report.path.ends_with("bright_explanation.nii.gz") && report.path.is_file());
    let record = std::fs::read_to_string(out.path().join("bright_explanation.provenance.json")).unwrap();
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    assert_eq!(record["parameters"]["target"], "class=Bright");
    assert_eq!(record["synthetic"], false);
    assert_eq!(record["parents"][0]["sources"][0], "1.2.3");
}
