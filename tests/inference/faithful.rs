//! Second models hold a synthetic image against its source: where it was invented, and what happens without them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use veritome::inference::InferenceError;
use veritome::inference::engine::{FaithfulnessKind, Output, RunOptions, RunResult, run};
use veritome::inference::manifest::Model;
use veritome::inference::report::write_outputs;
use veritome::jobs::{Control, Job};
use veritome::volume::{Geometry, Provenance, Volume};

use super::{ONE_LABEL, Tiny, graph, with_runtime};

/// A second model in the first one's folder.
fn second(folder: &Path, name: &str, network: &str, output: &str) {
    let own = folder.join(name);
    std::fs::create_dir_all(&own).unwrap();
    let bytes = std::fs::read(graph(network)).unwrap();
    std::fs::write(own.join("model.onnx"), &bytes).unwrap();
    let hash: String = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
    let text = format!(
        "schema = 1\nname = \"{name}\"\nversion = \"2.0.0\"\ntitle = \"{name}\"\ntask = \"segmentation\"\n\
         status = \"demonstration\"\nintended_use = \"Tests\"\nlicense = \"MIT\"\n\
         files.network = {{ path = \"model.onnx\", sha256 = \"{hash}\" }}\n\
         [[inputs]]\nname = \"any\"\ntensor = \"image\"\n[inferer]\nkind = \"whole\"\n\
         [[outputs]]\nname = \"result\"\ntensor = \"out\"\n{output}\n"
    );
    std::fs::write(own.join("manifest.toml"), text).unwrap();
}

/// A model that makes a structure of what is -1 in its source.
fn inventor(more: &str) -> Tiny {
    Tiny::new("invent.onnx", &format!("kind = \"image\"\n{more}"))
        .replace("task = \"segmentation\"", "task = \"synthesis\"")
}

const SIZE: [usize; 3] = [10, 8, 6];

/// 1 in one block, -1 in another, else 0.
fn value(i: usize) -> f32 {
    let (x, y, z) = (i % 10, i / 10 % 8, i / 80);
    match (x, y, z) {
        (1..=3, 1..=4, 1..=3) => 1.0,
        (6..=7, 2..=4, 2..=4) => -1.0,
        _ => 0.0,
    }
}

fn source() -> Arc<Volume> {
    let g = Geometry::new(SIZE, glam::DMat4::from_scale(glam::DVec3::new(1.0, 1.5, 2.0))).unwrap();
    let data: Vec<f32> = (0..g.voxel_count()).map(value).collect();
    Arc::new(Volume::new("source", data.into(), g, Provenance::acquired(vec!["1.2".into()])).unwrap())
}

fn go(tiny: &Tiny, options: &RunOptions) -> RunResult {
    with_runtime();
    run(&tiny.model(), &[("image".to_owned(), source())], options, &Control::new()).unwrap()
}

fn numbers(v: &Volume) -> Vec<f64> {
    (0..v.voxels.len()).map(|i| v.voxels.get(i).unwrap()).collect()
}

#[test]
fn a_cycle_shows_where_the_image_was_invented() {
    let tiny = inventor("[faithfulness]\ncycle = \"again\"");
    second(tiny.folder.path(), "again", "identity.onnx", "kind = \"image\"");
    let result = go(&tiny, &RunOptions::default());
    let [found] = result.outputs[0].faithfulness.as_slice() else { panic!("{:?}", result.warnings) };
    assert_eq!((found.kind, found.models[0].as_str()), (FaithfulnessKind::Cycle, "again 2.0.0"));
    assert!(found.volume.geometry.distance_mm(&source().geometry) < 1e-6);
    assert!(found.volume.provenance.is_synthetic(), "it derives from what was made");
    // Expected: z-scores of the source and of the image, by their definition.
    let given: Vec<f64> = (0..480).map(|i| f64::from(value(i))).collect();
    let made: Vec<f64> = given.iter().map(|x| if *x < -0.5 { 1.0 } else { *x }).collect();
    let z = |v: &[f64]| {
        let mean = v.iter().sum::<f64>() / v.len() as f64;
        let std = (v.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / v.len() as f64).sqrt();
        v.iter().map(|x| (x - mean) / std).collect::<Vec<_>>()
    };
    let expected: Vec<f64> = z(&given).iter().zip(z(&made)).map(|(a, b)| (a - b).abs()).collect();
    for (i, (x, e)) in numbers(&found.volume).iter().zip(&expected).enumerate() {
        assert!((x - e).abs() < 1e-4, "{i}: {x} {e}");
    }
    let mean = expected.iter().sum::<f64>() / 480.0;
    assert!((found.mean - mean).abs() < 1e-4 && found.max > 3.0 && found.labels.is_empty(), "{found:?}");
    assert!(result.graphs.iter().any(|(role, _)| role == "again 2.0.0/network"), "{:?}", result.graphs);
}

#[test]
fn structures_that_the_source_does_not_have_are_counted_and_mapped() {
    let tiny = inventor("[faithfulness]\nsegmentation = \"parts\"");
    second(tiny.folder.path(), "parts", "identity.onnx", ONE_LABEL);
    let result = go(&tiny, &RunOptions::default());
    let [found] = result.outputs[0].faithfulness.as_slice() else { panic!("{:?}", result.warnings) };
    assert_eq!((found.kind, found.unit.as_str()), (FaithfulnessKind::Segmentation, "Hellinger distance"));
    let (mut invented, mut there) = (0.0, 0.0);
    for (i, x) in numbers(&found.volume).iter().enumerate() {
        invented += f64::from(u8::from(value(i) < 0.0));
        there += f64::from(u8::from(value(i) > 0.0));
        let expected = if value(i) < 0.0 { 1.0 } else { 0.0 };
        assert!((x - expected).abs() < 1e-3, "{i}: {x}");
    }
    let dice = 2.0 * there / (2.0 * there + invented);
    assert_eq!((found.labels[0].name.as_str(), found.labels[0].value), ("Thing", 5));
    assert!((found.labels[0].dice.unwrap() - dice).abs() < 1e-9 && (found.mean - invented / 480.0).abs() < 1e-3);
}

#[test]
fn maps_of_second_models_are_files_with_records_and_stand_in_the_report() {
    let tiny =
        inventor("[faithfulness]\ncycle = \"again\"\nsegmentation = { source = \"parts\", synthetic = \"parts\" }");
    second(tiny.folder.path(), "again", "identity.onnx", "kind = \"image\"");
    second(tiny.folder.path(), "parts", "identity.onnx", ONE_LABEL);
    let result = go(&tiny, &RunOptions::default());
    let folder = tempfile::tempdir().unwrap();
    let inputs = [("image".to_owned(), source())];
    let report = write_outputs(&tiny.model(), &inputs, &RunOptions::default(), &result, folder.path()).unwrap();
    let json = serde_json::to_value(&report).unwrap();
    let both = json["outputs"][0]["faithfulness"].as_array().unwrap();
    assert_eq!(both.len(), 2);
    assert_eq!(both[1]["labels"][0]["name"], "Thing");
    for (one, kind) in both.iter().zip(["cycle_difference", "segmentation_disagreement"]) {
        assert_eq!(one["kind"], kind);
        let path = folder.path().join(format!("result_{kind}.nii.gz"));
        assert_eq!(one["path"], path.to_str().unwrap());
        assert!(super::load(&path).provenance.is_synthetic(), "the mark is in the file");
        let record = folder.path().join(format!("result_{kind}.provenance.json"));
        let record: serde_json::Value = serde_json::from_slice(&std::fs::read(record).unwrap()).unwrap();
        assert_eq!((&record["kind"], record["faithfulness"].as_array().unwrap().len()), (&kind.into(), 2));
    }
}

#[test]
fn without_its_second_model_the_result_stays_and_a_notice_names_it() {
    let told = |tiny: &Tiny, options: &RunOptions| {
        let result = go(tiny, options);
        assert!(result.outputs[0].faithfulness.is_empty());
        assert!(matches!(&result.outputs[0], Output { kind, .. } if kind == "image"));
        result.warnings.join("\n")
    };
    let tiny = inventor("[faithfulness]\ncycle = \"nowhere-at-all\"");
    let said = told(&tiny, &RunOptions::default());
    assert!(said.contains("Faithfulness by a cycle is not known") && said.contains("nowhere-at-all"), "{said}");
    // One that fails, one that gives nothing to compare, one that closes the cycle with the first model again.
    let tiny = inventor("[faithfulness]\ncycle = \"nan\"\nsegmentation = \"grey\"");
    second(tiny.folder.path(), "nan", "nan.onnx", "kind = \"image\"");
    second(tiny.folder.path(), "grey", "identity.onnx", "kind = \"image\"");
    let said = told(&tiny, &RunOptions::default());
    assert!(said.contains("NaN") && said.contains("gives no labels"), "{said}");
    assert!(!told(&tiny, &RunOptions { alone: true, ..RunOptions::default() }).contains("Faithfulness"));
    let tiny = inventor("[faithfulness]\ncycle = \"again\"");
    second(tiny.folder.path(), "again", "identity.onnx", "kind = \"image\"\n[faithfulness]\ncycle = \"again\"");
    assert_eq!(go(&tiny, &RunOptions::default()).outputs[0].faithfulness.len(), 1, "no second model of a second model");
}

#[test]
fn a_cancel_in_the_second_model_cancels_the_run() {
    with_runtime();
    let tiny = inventor("[faithfulness]\ncycle = \"slow\"");
    second(tiny.folder.path(), "slow", "slow.onnx", "kind = \"image\"");
    let model: Model = tiny.model();
    let g = Geometry::unplaced([96, 96, 96]).unwrap();
    let volume = Volume::new("v", vec![0_u8; g.voxel_count()].into(), g, Provenance::acquired(vec![])).unwrap();
    let job = Job::spawn("cycle", move |control: &Control| {
        run(&model, &[(String::new(), Arc::new(volume))], &RunOptions::default(), control)
    });
    let slow = |stage: &str| stage.contains("Running slow");
    while !slow(&job.control().progress().stage) {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(100));
    job.control().cancel();
    let result = job.wait().unwrap();
    assert!(matches!(result, Err(InferenceError::Cancelled(_))), "{result:?}");
}
