//! Graphs that ask for what no model needs (`tests/data/onnx/make_malicious.py`): refused by name, or bounded.

use std::path::Path;

use sha2::{Digest, Sha256};
use veritome::inference::check::check;
use veritome::inference::engine::{RunOptions, run};
use veritome::inference::manifest::Model;
use veritome::jobs::Control;
use veritome::volume::{Geometry, Provenance, Volume};

use super::{repository, with_runtime};

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

/// A model folder around one of the graphs, with further lines for `[files]`.
fn model(folder: &Path, graph: &str, files: &str) -> Model {
    let bytes = std::fs::read(repository().join(format!("tests/data/onnx/malicious/{graph}.onnx"))).unwrap();
    std::fs::write(folder.join("model.onnx"), &bytes).unwrap();
    let text = format!(
        "schema = 1\nname = \"bad\"\nversion = \"1\"\ntitle = \"Bad\"\ntask = \"synthesis\"\nstatus = \"research\"\n\
         intended_use = \"Tests\"\nlicense = \"MIT\"\n[files]\nnetwork = {{ path = \"model.onnx\", sha256 = \"{}\" }}\n{files}\n\
         [[inputs]]\nname = \"image\"\ntensor = \"image\"\n[inferer]\nkind = \"whole\"\n[[outputs]]\nname = \"out\"\n\
         tensor = \"out\"\nkind = \"image\"\n",
        sha256(&bytes)
    );
    std::fs::write(folder.join("manifest.toml"), text).unwrap();
    Model::open(folder).unwrap()
}

/// What a run says, and what a check says; both must refuse.
fn refusal(model: &Model) -> String {
    with_runtime();
    let g = Geometry::new([8, 8, 8], glam::DMat4::IDENTITY).unwrap();
    let volume = Volume::new("v", vec![1.0_f32; 512].into(), g, Provenance::acquired(vec![])).unwrap();
    let inputs = [(String::new(), std::sync::Arc::new(volume))];
    let said = run(model, &inputs, &RunOptions::default(), &Control::new()).unwrap_err().to_string();
    match check(model, &Control::new()) {
        Err(e) => assert_eq!(e.to_string(), said),
        Ok(report) => assert!(!report.passed),
    }
    said
}

fn resident_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line =
        status.lines().find_map(|l| l.strip_prefix("VmHWM:")?.trim().strip_suffix("kB")?.trim().parse::<f64>().ok());
    line.unwrap_or(0.0) / 1000.0
}

#[test]
fn graphs_that_claim_terabytes_are_refused_before_anything_is_allocated() {
    let before = resident_mb();
    for graph in [
        "claims_terabytes",
        "claims_beyond_64_bits",
        "claims_a_negative_side",
        "claims_more_than_it_holds",
        "constant_of_shape",
        "shape_by_arithmetic",
        "expand",
        "tile",
        "doubled_by_concat",
        "inside_a_branch",
        "range",
        "port",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let said = refusal(&model(folder.path(), graph, ""));
        assert!(said.contains("model.onnx") && said.contains("claims"), "{graph}: {said}");
    }
    let folder = tempfile::tempdir().unwrap();
    let said = refusal(&model(folder.path(), "nested_2000", ""));
    assert!(said.contains("nested too deeply"), "{said}");
    // The high-water mark of other tests of this binary counts too, so this is a loose bound on "no runaway".
    assert!(resident_mb() - before < 4000.0);
}

/// Its size is a hundred thousand times the image's along each axis: only ONNX Runtime can know, and it says so.
#[test]
fn a_size_that_follows_the_image_ends_in_a_clear_error() {
    let folder = tempfile::tempdir().unwrap();
    let said = refusal(&model(folder.path(), "follows_the_image", ""));
    let said_so = ["memory", "alloc", "Integer overflow", "overflow", "size"].iter().any(|w| said.contains(w));
    assert!(said_so, "{said}");
}

#[test]
fn weights_outside_the_folder_are_refused_whichever_way_they_are_named() {
    for graph in ["outside_parent", "outside_absolute", "outside_windows"] {
        let folder = tempfile::tempdir().unwrap();
        let said = refusal(&model(folder.path(), graph, ""));
        assert!(said.contains("outside the model's folder"), "{graph}: {said}");
    }
    // A file of the folder that is a link to another place.
    #[cfg(unix)]
    {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(elsewhere.path().join("secret.bin"), [0; 4]).unwrap();
        std::os::unix::fs::symlink(elsewhere.path().join("secret.bin"), folder.path().join("weights.bin")).unwrap();
        let files = format!("data = {{ path = \"weights.bin\", sha256 = \"{}\" }}", sha256(&[0; 4]));
        let said = refusal(&model(folder.path(), "outside_linked", &files));
        assert!(said.contains("leads outside the model's folder"), "{said}");
    }
    // There, but shorter than the graph claims.
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("weights.bin"), [0; 400]).unwrap();
    let files = format!("data = {{ path = \"weights.bin\", sha256 = \"{}\" }}", sha256(&[0; 400]));
    let said = refusal(&model(folder.path(), "outside_too_long", &files));
    assert!(said.contains("claim to reach byte 4000000100") && said.contains("which has 400"), "{said}");
}
