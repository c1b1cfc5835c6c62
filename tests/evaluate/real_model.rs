//! `evaluate` with a shipped model on a real head, made coarse so that it stays quick.

use std::path::{Path, PathBuf};

use veritome::evaluate::{ImagingWork, Pairing, Plan, RunOptions, Setting, Statistics, run, write_results};
use veritome::inference::engine::Provider;
use veritome::inference::runtime;
use veritome::io::formats::open_file;
use veritome::io::{labels, samples, write};
use veritome::jobs::Control;
use veritome::volume::{Geometry, Interpolation, Volume, resample::resample_onto};

fn load(path: &Path) -> Volume {
    let study = open_file(path, &Control::new()).unwrap().unwrap();
    study.series[0].load(0, &Control::new()).unwrap()
}

/// The head's grid with voxels of 3 mm; `shift` voxels of its own further along each axis.
fn coarse(fine: &Geometry, shift: f64) -> Geometry {
    let edge = 3.0 / fine.spacing_mm()[0];
    let size = fine.size().map(|n| (n as f64 / edge).floor() as usize - 1);
    let step = glam::DMat4::from_scale(glam::DVec3::splat(edge));
    let start = glam::DMat4::from_translation(glam::DVec3::splat(shift));
    Geometry::new(size, fine.voxel_to_patient() * start * step).unwrap()
}

#[test]
fn a_shipped_model_is_run_measured_and_held_against_a_mask_on_disk() {
    runtime::ensure(&Control::new()).unwrap();
    let sample = samples::head(&Control::new()).unwrap();
    assert!(!sample.fallback, "the Colin27 head could not be fetched: {}", sample.reason);
    let head = load(&sample.path);
    let brain = load(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/colin27/brain_mask.nii.gz"));
    let folder = tempfile::tempdir().unwrap();
    for (case, shift) in [("a", 0.0), ("b", 1.3)] {
        let grid = coarse(&head.geometry, shift);
        let control = Control::new();
        let t1 = resample_onto(&head, &grid, Interpolation::Linear, 0.0, &control).unwrap();
        let truth = resample_onto(&brain, &grid, Interpolation::Nearest, 0.0, &control).unwrap();
        write::write(&[t1], &folder.path().join(format!("{case}_t1.nii.gz"))).unwrap();
        let truth = labels::as_labelmap(&truth).unwrap();
        write::write_labelmap(&truth, &folder.path().join(format!("{case}_brain.nii.gz"))).unwrap();
    }
    let plan = "title = \"Brains\"\nmodels = [\"brain-mask\"]\n[[prediction]]\nname = \"truth\"\npattern = \"{case}_brain.nii.gz\"\n\
                [cases]\ninputs = { t1 = \"{case}_t1.nii.gz\" }\nreference = \"{case}_brain.nii.gz\"\n[measures]\n\
                kind = \"labels\"\ntolerance_mm = 3.0\n[output]\ndir = \"out\"\n";
    let path = folder.path().join("plan.toml");
    std::fs::write(&path, plan).unwrap();
    let evaluated = || {
        let plan = Plan::read(&path).unwrap();
        let pairing = Pairing::of(&plan).unwrap();
        let work = ImagingWork::new(Provider::Cpu, false);
        run(plan, pairing, &work, RunOptions::default(), &Control::new()).unwrap()
    };
    let evaluation = evaluated();
    let value = |case: usize, model: usize, measure: &str| {
        let record = evaluation.record(case, model).unwrap();
        assert_eq!(record.failed, None);
        record.measures[measure].value().unwrap()
    };
    for case in 0..2 {
        let dice = value(case, 0, "mean_dice");
        assert!(dice > 0.9, "the brain is found on a coarse head too: {dice}");
        assert!((value(case, 1, "mean_dice") - 1.0).abs() < 1e-12, "a mask is itself");
        assert_eq!(evaluation.record(case, 0).unwrap().provider, "cpu");
    }
    let statistics = Statistics::of(&evaluation).unwrap();
    let written = write_results(&evaluation, &statistics, &Setting::default()).unwrap();
    let report = std::fs::read_to_string(written.report).unwrap();
    assert!(report.contains("brain-mask") && report.contains("Dice"));
    assert_eq!(evaluated().reused, 4, "what is finished is not done again");
}
