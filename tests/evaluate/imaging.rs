//! The real work of a job: images from disk, brought onto one grid, measured, and their pictures marked.

use std::path::Path;

use glam::DMat4;
use veritome::evaluate::{ImagingWork, Pairing, Plan, RunOptions, Setting, Statistics, run, write_results};
use veritome::inference::engine::Provider;
use veritome::io::write;
use veritome::jobs::Control;
use veritome::volume::{Derivation, Geometry, Label, Labelmap, Provenance, Space, Volume};

const N: usize = 16;

fn geometry() -> Geometry {
    Geometry::new([N; 3], DMat4::from_scale(glam::DVec3::splat(2.0))).unwrap()
}

fn image(case: usize, offset: f32, synthetic: bool) -> Volume {
    let voxels: Vec<f32> = (0..N * N * N).map(|i| ((i * (7 + case)) % 101) as f32 + offset).collect();
    let by = Derivation { model: Some("maker".into()), generates_pixels: true, ..Derivation::default() };
    let real = Provenance::acquired(vec!["scan".into()]);
    let provenance = if synthetic { Provenance::derived(&[&real], by) } else { real };
    Volume::new("image", voxels.into(), geometry(), provenance).unwrap()
}

fn ball(radius: f64) -> Labelmap {
    let inside = |i: usize| {
        let p = [i % N, i / N % N, i / (N * N)].map(|x| x as f64 - 7.5);
        p.iter().map(|x| x * x).sum::<f64>() < radius * radius
    };
    Labelmap {
        voxels: (0..N * N * N).map(|i| u16::from(inside(i))).collect::<Vec<_>>().into(),
        geometry: geometry(),
        space: Space::Patient { frame_of_reference: None },
        labels: vec![Label::new(1, "Ball", [200, 80, 80])],
        provenance: Provenance::acquired(vec![]),
        name: "ball".into(),
    }
}

fn evaluated(folder: &Path, plan: &str) -> (veritome::evaluate::Evaluation, String) {
    let path = folder.join("plan.toml");
    std::fs::write(&path, plan).unwrap();
    let plan = Plan::read(&path).unwrap();
    let pairing = Pairing::of(&plan).unwrap();
    let work = ImagingWork::new(Provider::Cpu, false);
    let evaluation = run(plan, pairing, &work, RunOptions::default(), &Control::new()).unwrap();
    let statistics = Statistics::of(&evaluation).unwrap();
    let written = write_results(&evaluation, &statistics, &Setting::default()).unwrap();
    (evaluation, std::fs::read_to_string(written.report).unwrap())
}

#[test]
fn predictions_on_disk_are_measured_and_synthetic_pictures_bear_their_mark() {
    let folder = tempfile::tempdir().unwrap();
    for case in 0..4 {
        let at = |kind: &str| folder.path().join(format!("{kind}{case}.nii.gz"));
        write::write(&[image(case, 0.0, false)], &at("truth")).unwrap();
        // Off by two everywhere: the error is known.
        write::write(&[image(case, 2.0, true)], &at("made")).unwrap();
    }
    let plan = "title = \"Two off\"\n[[prediction]]\nname = \"off\"\npattern = \"made{case}.nii.gz\"\n[cases]\n\
                inputs = { truth = \"truth{case}.nii.gz\" }\nreference = \"truth{case}.nii.gz\"\n[measures]\nkind = \"image\"\ndata_range = 100.0\n[output]\ndir = \"out\"\n";
    let (evaluation, report) = evaluated(folder.path(), plan);
    assert_eq!((evaluation.cases.len(), evaluation.records.len()), (4, 4));
    for record in &evaluation.records {
        assert_eq!(record.failed, None);
        let value = |name: &str| record.measures[name].value().unwrap();
        assert!((value("mae") - 2.0).abs() < 1e-6 && (value("bias") - 2.0).abs() < 1e-6);
        // 20 log10(100/2).
        assert!((value("psnr_db") - 33.979_400_086_720_38).abs() < 1e-5);
    }
    assert!(report.contains("SYNTHETIC"), "worst cases show what a model made");
    assert!(folder.path().join("out/long.parquet").exists());
}

#[test]
fn label_maps_are_measured_by_label_and_by_volume() {
    let folder = tempfile::tempdir().unwrap();
    for (case, radius) in [5.0, 4.5, 5.5].into_iter().enumerate() {
        write::write_labelmap(&ball(5.0), &folder.path().join(format!("truth{case}.nii.gz"))).unwrap();
        write::write_labelmap(&ball(radius), &folder.path().join(format!("made{case}.nii.gz"))).unwrap();
    }
    let plan = "title = \"Balls\"\n[[prediction]]\nname = \"balls\"\npattern = \"made{case}.nii.gz\"\n[cases]\n\
                inputs = { truth = \"truth{case}.nii.gz\" }\nreference = \"truth{case}.nii.gz\"\n[measures]\nkind = \"labels\"\ntolerance_mm = 1.0\n[output]\ndir = \"out\"\n";
    let (evaluation, report) = evaluated(folder.path(), plan);
    let dice = |case: usize| evaluation.record(case, 0).unwrap().measures["mean_dice"].value().unwrap();
    assert!((dice(0) - 1.0).abs() < 1e-12 && dice(1) < 0.95 && dice(2) < 0.95);
    assert!(report.contains("Volume"), "volumes are held against each other");
}

#[test]
fn a_mask_cuts_label_maps_and_components_are_counted_when_the_plan_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let half = |map: Labelmap| {
        let voxels: Vec<u16> = map.voxels.iter().enumerate().map(|(i, l)| if i % N < N / 2 { *l } else { 0 }).collect();
        Labelmap { voxels: voxels.into(), ..map }
    };
    for case in 0..2 {
        let at = |kind: &str| folder.path().join(format!("{kind}{case}.nii.gz"));
        write::write_labelmap(&ball(5.0), &at("truth")).unwrap();
        // Right in one half, empty in the other one.
        write::write_labelmap(&half(ball(5.0)), &at("made")).unwrap();
        write::write_labelmap(&half(ball(100.0)), &at("mask")).unwrap();
    }
    let plan = |mask: &str, dir: &str| {
        format!(
            "title = \"Halves\"\n[[prediction]]\nname = \"half\"\npattern = \"made{{case}}.nii.gz\"\n[cases]\n\
             inputs = {{ truth = \"truth{{case}}.nii.gz\" }}\nreference = \"truth{{case}}.nii.gz\"\n{mask}[measures]\n\
             kind = \"labels\"\ncomponents = true\n[output]\ndir = \"{dir}\"\n"
        )
    };
    let value = |evaluation: &veritome::evaluate::Evaluation, measure: &str| {
        evaluation.record(0, 0).unwrap().measures[measure].value().unwrap()
    };
    let (whole, _) = evaluated(folder.path(), &plan("", "whole"));
    assert!((value(&whole, "mean_dice") - 2.0 / 3.0).abs() < 1e-12);
    assert!((value(&whole, "relative_volume_difference:1") + 0.5).abs() < 1e-12);
    assert_eq!(value(&whole, "component_sensitivity:1"), 1.0);
    // Half of it is not above half.
    assert_eq!(value(&whole, "panoptic_quality:1"), 0.0);
    let (masked, report) = evaluated(folder.path(), &plan("mask = \"mask{case}.nii.gz\"\n", "masked"));
    assert_eq!(value(&masked, "mean_dice"), 1.0);
    assert_eq!(value(&masked, "panoptic_quality:1"), 1.0);
    assert!(report.contains("Panoptic quality"));
}

#[test]
fn results_are_not_written_over_the_table_that_they_come_from() {
    let folder = tempfile::tempdir().unwrap();
    write::write(&[image(0, 0.0, false)], &folder.path().join("truth.nii.gz")).unwrap();
    let table = "case,input:truth,reference\na,truth.nii.gz,truth.nii.gz\n";
    std::fs::write(folder.path().join("long.csv"), table).unwrap();
    let plan = "title = \"Over\"\n[[prediction]]\nname = \"p\"\npattern = \"truth.nii.gz\"\n[cases]\ntable = \"long.csv\"\n\
                [measures]\nkind = \"image\"\ndata_range = 100.0\n[output]\ndir = \".\"\n";
    let plan = plan.replace("pattern = \"truth.nii.gz\"", "pattern = \"made{case}.nii.gz\"");
    write::write(&[image(0, 2.0, false)], &folder.path().join("madea.nii.gz")).unwrap();
    let path = folder.path().join("plan.toml");
    std::fs::write(&path, plan).unwrap();
    let plan = Plan::read(&path).unwrap();
    let pairing = Pairing::of(&plan).unwrap();
    let work = ImagingWork::new(Provider::Cpu, false);
    let refused = run(plan, pairing, &work, RunOptions::default(), &Control::new()).unwrap_err().to_string();
    assert!(refused.contains("long.csv") && refused.contains("none of the inputs"), "{refused}");
    assert_eq!(std::fs::read_to_string(folder.path().join("long.csv")).unwrap(), table);
}
