//! `audit-model` with real networks whose memory is known: `tests/expected/make_audit.py`.

use std::path::Path;

use sha2::{Digest, Sha256};
use veritome::inference::audit::features::Extractor;
use veritome::inference::audit::{Attack, AuditOptions, AuditReport, audit, compare_sets};
use veritome::inference::engine::Provider;
use veritome::inference::manifest::Model;
use veritome::io::write;
use veritome::jobs::Control;
use veritome::volume::{Geometry, Provenance, Volume};

use super::{repository, with_runtime};

const SIDE: usize = 16;
const COUNT: usize = 8;

/// A diffusion without inputs around one of the networks.
fn sampler(folder: &Path, network: &str) -> Model {
    let bytes = std::fs::read(repository().join(format!("tests/data/audit/{network}.onnx"))).unwrap();
    let folder = folder.join(network);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("model.onnx"), &bytes).unwrap();
    let hash: String = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
    let manifest = format!(
        r#"
schema = 1
name = "{network}"
version = "1.0.0"
title = "{network}"
task = "synthesis"
status = "demonstration"
intended_use = "Tests"
license = "MIT"
inputs = []
files.denoiser = {{ path = "model.onnx", sha256 = "{hash}" }}
[preprocess]
orientation = "LPS"
spacing_mm = [1.0, 1.0, 1.0]
size = [{SIDE}, {SIDE}, 1]
[inferer]
kind = "diffusion"
layout = "NCYX"
[diffusion]
scheduler = "ddim"
steps = 40
clip_sample = false
condition = "none"
sample_tensor = "image"
timestep_tensor = "t"
[[outputs]]
name = "made"
tensor = "out"
kind = "image"
value = {{ kind = "affine", scale = 0.5, offset = 0.5 }}
"#
    );
    std::fs::write(folder.join("manifest.toml"), manifest).unwrap();
    Model::open(&folder).unwrap()
}

/// The training images and the ones that no network saw, as files.
fn images(folder: &Path) {
    let text = std::fs::read_to_string(repository().join("tests/data/audit/images.csv")).unwrap();
    for (n, line) in text.lines().enumerate() {
        let voxels: Vec<f32> = line.split(',').map(|v| v.parse().unwrap()).collect();
        let geometry = Geometry::unplaced([SIDE, SIDE, 1]).unwrap();
        let image = Volume::new("image", voxels.into(), geometry, Provenance::acquired(vec![])).unwrap();
        let set = folder.join(if n < COUNT { "train" } else { "holdout" });
        std::fs::create_dir_all(&set).unwrap();
        write::write(&[image], &set.join(format!("{n:02}.nii.gz"))).unwrap();
    }
}

/// A model around the network that gives mean, maximum and mean square of an image.
fn encoder(folder: &Path, name: &str, output: &str) -> Model {
    let bytes = std::fs::read(repository().join("tests/data/audit/encoder.onnx")).unwrap();
    let folder = folder.join(name);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("model.onnx"), &bytes).unwrap();
    let hash: String = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
    let manifest = format!(
        r#"
schema = 1
name = "{name}"
version = "1.0.0"
title = "{name}"
task = "classification"
status = "demonstration"
intended_use = "Tests"
license = "MIT"
files.network = {{ path = "model.onnx", sha256 = "{hash}" }}
[[inputs]]
name = "image"
modality = ["MR"]
tensor = "image"
channel = 0
[preprocess]
orientation = "LPS"
spacing_mm = [1.0, 1.0, 1.0]
size = [{SIDE}, {SIDE}, 1]
[inferer]
kind = "whole"
layout = "NCXYZ"
[[outputs]]
name = "numbers"
tensor = "features"
{output}
"#
    );
    std::fs::write(folder.join("manifest.toml"), manifest).unwrap();
    Model::open(&folder).unwrap()
}

#[test]
fn an_encoders_features_are_its_networks_numbers_and_serve_the_audit_and_two_folders() {
    with_runtime();
    let folder = tempfile::tempdir().unwrap();
    images(folder.path());
    let (train, holdout) = (folder.path().join("train"), folder.path().join("holdout"));
    let features = || encoder(folder.path(), "features", "kind = \"features\"");
    let extractor = Extractor::encoder(features(), Provider::Cpu).unwrap();
    let voxels: Vec<f32> = (0..SIDE * SIDE).map(|n| (n % 7) as f32).collect();
    let geometry = Geometry::unplaced([SIDE, SIDE, 1]).unwrap();
    let image = Volume::new("image", voxels.clone().into(), geometry, Provenance::acquired(vec![])).unwrap();
    let row = extractor.row(&std::sync::Arc::new(image), true, &Control::new()).unwrap();
    let mean = |of: fn(f64) -> f64| voxels.iter().map(|v| of(f64::from(*v))).sum::<f64>() / voxels.len() as f64;
    let known = [mean(|v| v), 6.0, mean(|v| v * v)];
    assert!(row.len() == 3 && row.iter().zip(known).all(|(a, b)| (a - b).abs() < 1e-4), "{row:?} {known:?}");

    let sets = compare_sets(&train, &holdout, Some(features()), Provider::Cpu, &Control::new()).unwrap();
    assert_eq!((sets.reference_images.len(), sets.test_images.len(), sets.frechet.dimensions), (COUNT, COUNT, 3));
    assert!(sets.frechet.squared > 0.0 && sets.coverage.is_some());
    let itself = compare_sets(&train, &train, None, Provider::Cpu, &Control::new()).unwrap();
    assert!(itself.frechet.squared.abs() < 1e-3 && itself.coverage.unwrap().recall == 1.0);

    let options =
        AuditOptions { samples: 6, encoder: Some(features()), provider: Provider::Cpu, ..AuditOptions::default() };
    let report = audit(&sampler(folder.path(), "fresh"), &train, &holdout, options, &Control::new()).unwrap();
    assert!(report.features.unwrap().contains("features") && report.kernel.is_some());
}

#[test]
fn what_is_no_encoder_and_labels_without_a_channel_are_refused_before_any_sample() {
    with_runtime();
    let folder = tempfile::tempdir().unwrap();
    images(folder.path());
    let (train, holdout) = (folder.path().join("train"), folder.path().join("holdout"));
    let refused = |encoder: Model| {
        // So many samples would take hours: it has to be said before.
        let options = AuditOptions {
            samples: 1_000_000,
            encoder: Some(encoder),
            provider: Provider::Cpu,
            ..AuditOptions::default()
        };
        audit(&sampler(folder.path(), "fresh"), &train, &holdout, options, &Control::new()).unwrap_err().to_string()
    };
    let image = refused(encoder(folder.path(), "image", "kind = \"image\""));
    assert!(image.contains("an output of kind `features`"), "{image}");
    let labels = "kind = \"logits\"\nlabels = [{ value = 1, name = \"a\" }, { value = 5, name = \"b\" }]";
    let labels = refused(encoder(folder.path(), "labels", labels));
    assert!(labels.contains("a channel for label 5") && labels.contains("[0, 1, 2]"), "{labels}");
}

fn audited(folder: &Path, network: &str) -> AuditReport {
    let options = AuditOptions { samples: 24, provider: Provider::Cpu, seed: 4, ..AuditOptions::default() };
    let model = sampler(folder, network);
    audit(&model, &folder.join("train"), &folder.join("holdout"), options, &Control::new()).unwrap()
}

#[test]
fn a_network_that_knows_its_images_by_heart_is_found_out_and_one_that_does_not_is_not_accused() {
    with_runtime();
    let folder = tempfile::tempdir().unwrap();
    images(folder.path());
    let by_heart = audited(folder.path(), "by_heart");
    assert_eq!((by_heart.training_images.len(), by_heart.holdout_images.len(), by_heart.generated), (COUNT, COUNT, 24));
    assert_eq!(by_heart.attack, Attack::NearestGenerated);
    let memorised = by_heart.memorisation.as_ref().unwrap();
    let share = memorised.nearer.share.unwrap();
    assert!(share > 0.95, "what it makes is one of its training images: {share}");
    assert!(memorised.nearer.p_permutation.unwrap() < 0.05, "{memorised:?}");

    let fresh = audited(folder.path(), "fresh");
    let memorised = fresh.memorisation.as_ref().unwrap();
    assert!(memorised.nearer.share.unwrap() < share, "{memorised:?}");
    assert!(memorised.nearer.p_permutation.unwrap() > 0.05, "{memorised:?}");
}
