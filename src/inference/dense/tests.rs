#![allow(clippy::unwrap_used, reason = "helpers of tests")]
use super::*;
use crate::inference::manifest::schema::PadMode;
use crate::volume::{Provenance, Volume};

/// Answers with the image, raised by the number of the sample and bent by the place within the window, so that
/// windows that overlap differ.
struct Bent;

impl Core for Bent {
    fn call(
        &self,
        pass: &Pass,
        tensors: Vec<Tensor>,
        _: &[Window],
        _: &Control,
    ) -> Result<Vec<Tensor>, InferenceError> {
        let Tensor { shape, data, .. } = tensors.into_iter().next().unwrap();
        let bent = |(i, x): (usize, f32)| x + pass.sample as f32 * 0.5 + (i % 13) as f32 * 0.1;
        let data = data.into_iter().enumerate().map(bent).collect();
        Ok(vec![Tensor { name: "out".into(), shape, data }])
    }

    fn fixed_batch(&self) -> Option<usize> {
        None
    }
}

const MANIFEST: &str = r#"
schema = 1
name = "bent"
version = "1.0.0"
title = "Bent"
task = "segmentation"
status = "demonstration"
intended_use = "Tests"
license = "MIT"
files.network = { path = "m.onnx", sha256 = "0000000000000000000000000000000000000000000000000000000000000000" }
[[inputs]]
name = "image"
tensor = "image"
[inferer]
kind = "sliding_window"
patch = [6, 5, 4]
overlap = 0.5
blend = "gaussian"
[[outputs]]
name = "grey"
tensor = "out"
kind = "image"
[[outputs]]
name = "thing"
tensor = "out"
kind = "probabilities"
labels = [{ value = 3, name = "Thing" }]
"#;

#[test]
fn blocks_and_a_running_slab_give_what_one_block_gives() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("manifest.toml"), MANIFEST).unwrap();
    let model = Model::open(folder.path()).unwrap();
    assert_eq!(model.manifest.inferer.pad_mode, PadMode::Constant);
    let m = glam::DMat4::from_scale(glam::DVec3::new(-1.3, -1.0, 2.0));
    let geometry = Geometry::new([23, 9, 11], m).unwrap();
    let data: Vec<f32> = (0..geometry.voxel_count()).map(|i| (i % 17) as f32 * 0.07).collect();
    let volume = Volume::new("v", data.into(), geometry, Provenance::acquired(vec![])).unwrap();
    let volume = std::sync::Arc::new(volume);
    let control = Control::new();
    let go = |repeats: usize, block_bytes: usize| {
        let prepared = crate::inference::prepare::prepare(&model, &[Some(volume.clone())], None, &control).unwrap();
        let size = prepared.grid.padded.size();
        let applied: Vec<_> = prepared.inputs.iter().map(|c| (c.name.clone(), c.applied)).collect();
        let channels = prepared.inputs.into_iter().map(|c| c.values).collect();
        let cutter = Cutter::new(&model.manifest, channels, size);
        let passes: Vec<Pass> = (0..repeats).map(|sample| Pass { member: 0, augmentation: None, sample }).collect();
        let work = Work {
            model: &model,
            core: &Bent,
            cutter: &cutter,
            grid: &prepared.grid,
            target: &volume.geometry,
            applied: &applied,
            passes: &passes,
            snapped: None,
            probabilities: true,
            block_bytes,
            within: None,
            control: &control,
        };
        run(&work, "").unwrap().outcomes
    };
    let (whole, blocks) = (go(3, BLOCK_BYTES), go(3, 1));
    assert_eq!(whole[0].values, blocks[0].values);
    assert_eq!(whole[0].std, blocks[0].std);
    assert_eq!(whole[1].labels, blocks[1].labels);
    assert_eq!(whole[1].maps, blocks[1].maps);
    assert_eq!(whole[1].probabilities, blocks[1].probabilities);
    for (a, b) in whole[1].volumes_ml.iter().zip(&blocks[1].volumes_ml) {
        assert!(a.iter().zip(b).all(|(a, b)| a.0 == b.0 && (a.1 - b.1).abs() < 1e-9), "{a:?} {b:?}");
    }
    // Three samples raise the first by 0, 0.5 and 1.
    let once = go(1, BLOCK_BYTES);
    for (one, mean) in once[0].values[0].iter().zip(&whole[0].values[0]) {
        assert!((one + 0.5 - mean).abs() < 1e-5, "{one} {mean}");
    }
    assert!(whole[0].std[0].iter().all(|s| (s - 0.5).abs() < 1e-4));
    assert!(once[0].std.is_empty() && once[1].maps.is_empty());
}
