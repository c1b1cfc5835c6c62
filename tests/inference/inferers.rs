//! Every inferer against MONAI, nnU-Net's formulas and numpy: `tests/expected/make_inferers.py` and `make_scaled.py` made
//! the images, the networks and the expected outputs.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;
use sha2::{Digest, Sha256};
use veritome::inference::engine::{Output, OutputContent, RunOptions, RunResult, run};
use veritome::inference::manifest::Model;
use veritome::jobs::Control;
use veritome::volume::{Volume, Voxels};

use super::{load, repository, with_runtime};

#[derive(Debug, Deserialize)]
struct Case {
    name: String,
    graph: String,
    inferer: String,
    output: String,
    more: String,
    what: String,
}

fn folder() -> PathBuf {
    repository().join("tests/data/inferers")
}

impl Case {
    fn model(&self, folder: &std::path::Path) -> Model {
        let bytes = std::fs::read(super::inferers::folder().join(format!("{}.onnx", self.graph))).unwrap();
        std::fs::write(folder.join("model.onnx"), &bytes).unwrap();
        let hash: String = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
        let text = format!(
            "schema = 1\nname = \"case\"\nversion = \"1.0.0\"\ntitle = \"Case\"\ntask = \"segmentation\"\n\
             status = \"demonstration\"\nintended_use = \"Tests\"\nlicense = \"MIT\"\n\
             files.network = {{ path = \"model.onnx\", sha256 = \"{hash}\" }}\n\
             [[inputs]]\nname = \"image\"\ntensor = \"image\"\n[inferer]\n{}\n\
             [[outputs]]\nname = \"result\"\ntensor = \"out\"\n{}\n{}\n",
            self.inferer, self.output, self.more
        );
        std::fs::write(folder.join("manifest.toml"), text).unwrap();
        Model::open(folder).unwrap_or_else(|e| panic!("{}: {e}", self.name))
    }

    fn run(&self, image: &Arc<Volume>) -> RunResult {
        let folder = tempfile::tempdir().unwrap();
        let options = RunOptions { tta: Some(true), ..RunOptions::default() };
        run(&self.model(folder.path()), &[(String::new(), image.clone())], &options, &Control::new())
            .unwrap_or_else(|e| panic!("{}: {e}", self.name))
    }
}

fn values(volume: &Volume) -> Vec<f32> {
    match &volume.voxels {
        Voxels::F32(v) => v.to_vec(),
        other => (0..other.len()).map(|i| other.get(i).unwrap() as f32).collect(),
    }
}

fn found(output: &Output, what: &str) -> Vec<f32> {
    match &output.content {
        _ if what != "result" => {
            let estimate = output.estimate.as_ref().unwrap();
            let map = estimate.maps.iter().find(|m| m.kind.name() == what).unwrap();
            values(&map.volume)
        }
        OutputContent::Image(v) => values(v),
        OutputContent::Labels(l) => l.voxels.iter().map(|x| f32::from(*x)).collect(),
        OutputContent::Classes(_) => panic!("classes"),
    }
}

/// Runs the cases of a list and gives those that are wrong: values farther than 1e-4 off, or another grid.
fn wrong(list: &str, least: usize) -> Vec<String> {
    with_runtime();
    let cases: Vec<Case> = serde_json::from_slice(&std::fs::read(folder().join(list)).unwrap()).unwrap();
    let image = load(&folder().join("image.nii.gz"));
    assert!(cases.len() >= least);
    let mut wrong = Vec::new();
    for case in &cases {
        let result = case.run(&image);
        let file = load(&folder().join(format!("{}.nii.gz", case.name)));
        let expected = values(&file);
        let got = found(&result.outputs[0], &case.what);
        let grid = match &result.outputs[0].content {
            OutputContent::Image(v) => &v.geometry,
            OutputContent::Labels(l) => &l.geometry,
            OutputContent::Classes(_) => panic!("classes"),
        };
        let off = grid.distance_mm(&file.geometry);
        let worst = got.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        println!("{:28} {worst:.2e}  {} windows, {} repeats, {off:.1e} mm", case.name, result.patches, result.repeats);
        if got.len() != expected.len() || !worst.is_finite() || worst > 1e-4 || off > 1e-4 {
            wrong.push(format!("{}: {worst}, {off} mm", case.name));
        }
    }
    wrong
}

#[test]
fn every_inferer_equals_monai_nnunet_and_numpy() {
    let wrong = wrong("cases.json", 20);
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn answers_of_another_size_equal_monais_and_lie_where_the_image_does() {
    let wrong = wrong("scaled_cases.json", 12);
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn a_finer_image_is_marked_and_knows_its_grid_in_every_orientation() {
    with_runtime();
    let image = load(&folder().join("image.nii.gz"));
    let cases: Vec<Case> = serde_json::from_slice(&std::fs::read(folder().join("scaled_cases.json")).unwrap()).unwrap();
    let case = cases.iter().find(|c| c.name == "doubled_whole").unwrap();
    let fine = |text: &str| {
        let folder = tempfile::tempdir().unwrap();
        case.model(folder.path());
        let path = folder.path().join("manifest.toml");
        let manifest = std::fs::read_to_string(&path).unwrap().replace("[inferer]", &format!("{text}\n[inferer]"));
        std::fs::write(&path, manifest).unwrap();
        let model = Model::open(folder.path()).unwrap();
        let result = run(&model, &[(String::new(), image.clone())], &RunOptions::default(), &Control::new()).unwrap();
        let OutputContent::Image(volume) = result.outputs[0].content.clone() else { panic!("no image") };
        volume
    };
    let plain = fine("");
    assert!(plain.provenance.is_synthetic(), "grey values that a network made");
    assert_eq!(plain.size(), [42, 34, 26]);
    for text in ["[preprocess]\norientation = \"PIR\"", "[preprocess]\norientation = \"LSA\"\npad_multiple = 8"] {
        let turned = fine(text);
        assert!(turned.geometry.distance_mm(&plain.geometry) < 1e-9, "{text}");
    }
    // Through a file and back.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fine.nii.gz");
    veritome::io::write::write(&[(*plain).clone()], &path).unwrap();
    let back = load(&path);
    assert!(back.provenance.is_synthetic() && back.geometry.distance_mm(&plain.geometry) < 1e-4);
    assert_eq!(values(&back), values(&plain));
}
