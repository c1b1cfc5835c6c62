//! nnU-Net's own segmentation of an image, against that of the model which the import makes of the same export.

use veritome::inference::engine::{OutputContent, RunOptions, run};
use veritome::inference::import::import;
use veritome::inference::manifest::Model;
use veritome::jobs::Control;

use super::{load, repository, with_runtime};

/// Expected: `tests/expected/make_nnunet.py`: nnU-Net 2.8's predictor with its eight (four) mirrored passes. Here each
/// axis alone is mirrored, which is why single voxels of the borders differ.
#[test]
fn an_imported_nnunet_gives_nnunets_own_labels() {
    with_runtime();
    for name in ["nnunet_2d", "nnunet_3d"] {
        let source = repository().join("tests/data/import").join(name);
        let folder = tempfile::tempdir().unwrap();
        let imported = import(&source, &folder.path().join("model")).unwrap();
        assert!(imported.complete, "{:?}", imported.findings);
        let model = Model::open(&imported.folder).unwrap();
        let image = load(&source.join("image.nii.gz"));
        let options = RunOptions { tta: Some(true), samples: Some(1), ..RunOptions::default() };
        let result = run(&model, &[(String::new(), image)], &options, &Control::new()).unwrap();
        let OutputContent::Labels(labels) = &result.outputs[0].content else { panic!("no labels") };
        let expected = load(&source.join("expected.nii.gz"));
        let at = |n: usize| expected.voxels.get(n).unwrap() as u16;
        for value in [1, 2] {
            let (mut both, mut sum) = (0, 0);
            for (n, own) in labels.voxels.iter().enumerate() {
                both += usize::from(*own == value && at(n) == value);
                sum += usize::from(*own == value) + usize::from(at(n) == value);
            }
            let dice = 2.0 * both as f64 / sum as f64;
            assert!(sum > 2000 && dice > 0.99, "{name} label {value}: Dice {dice}");
        }
    }
}
