//! The shipped quiz, made of an invented head by the real model.

use std::path::{Path, PathBuf};

use glam::{DMat4, DVec3};
use veritome::inference::manifest::{Model, models};
use veritome::inference::runtime;
use veritome::io::write;
use veritome::jobs::Control;
use veritome::reader_study::package::verify;
use veritome::reader_study::quiz::pairs::makes_images;
use veritome::reader_study::quiz::shipped::{Quiz, QuizError, build};
use veritome::reader_study::session::PackageView;
use veritome::volume::{Geometry, Provenance, Volume};

/// An egg of folded grey and white matter with fine grain, 1 mm voxels of whole numbers.
fn head(folder: &Path, provenance: Provenance) -> PathBuf {
    let n = 88;
    let mut voxels = vec![0_i16; n * n * n];
    for (i, v) in voxels.iter_mut().enumerate() {
        let p = [i % n, i / n % n, i / (n * n)].map(|x| (x as f64 + 0.5) / n as f64 * 2.0 - 1.0);
        let r = (p[0] * p[0] / 0.8 + p[1] * p[1] + p[2] * p[2]).sqrt();
        let folds = (p[0] * 40.0).sin() * (p[1] * 36.0).cos() * (p[2] * 38.0).sin() * 0.08;
        let grain = f64::from((i as u32).wrapping_mul(2_654_435_761) >> 27);
        *v = if r > 0.97 {
            0
        } else if r > 0.9 {
            700
        } else if r + folds > 0.6 {
            (420.0 + grain) as i16
        } else {
            (610.0 + grain) as i16
        };
    }
    let matrix = DMat4::from_translation(DVec3::splat(-43.5));
    let volume = Volume::new("head", voxels.into(), Geometry::new([n; 3], matrix).unwrap(), provenance).unwrap();
    let path = folder.join("head.nii.gz");
    write::write(&[volume], &path).unwrap();
    path
}

fn installed() -> Vec<Model> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let found = models().into_iter().filter_map(|f| f.model.ok());
    found.filter(|m| m.folder.starts_with(&repository) && makes_images(m)).collect()
}

fn made(head: &Path, out: &Path, seed: u64) -> Quiz {
    build(head, "invented", &installed(), seed, out, &Control::new()).unwrap()
}

#[test]
fn the_shipped_quiz_is_half_real_half_made_and_the_same_for_the_same_seed() {
    runtime::ensure(&Control::new()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let head = head(folder.path(), Provenance::acquired(vec![]));
    let out = folder.path().join("quiz");
    let models = installed();
    assert!(models.iter().any(|m| m.manifest.name == "super-resolution-2x"));
    let quiz = build(&head, "invented", &models, 1, &out, &Control::new()).unwrap();
    let made_of = |synthetic| quiz.cases.iter().filter(|c| c.synthetic == synthetic).count();
    assert_eq!((made_of(true), made_of(false)), (5, 5), "{:?}", quiz.left_out);
    for case in &quiz.cases {
        let difference = case.difference.unwrap();
        assert!(difference.detail_share > 0.0 && difference.detail_share < 2.0, "{case:?}");
        assert!(difference.mean_share > 0.0, "the made image is not the acquired one: {case:?}");
        assert!(case.size_mm.iter().all(|mm| *mm > 3.0));
    }
    assert!(verify(&out).unwrap().is_empty());
    let view = PackageView::read(&out).unwrap();
    let (list, _) = view.list("player", 1).unwrap();
    assert!(list.is_quiz() && list.trials.len() == 10);
    for trial in &list.trials {
        let told = trial.told.as_ref().unwrap();
        let case = quiz.cases.iter().find(|c| c.id == told.case).unwrap();
        assert_eq!(told.synthetic, [case.synthetic]);
        assert_eq!(told.model.is_some(), case.synthetic);
        assert!(trial.hint.is_some() && told.tell.is_some());
    }
    // Nothing but the synthesis is between the two kinds: one size, one window, whole numbers, and one mark.
    for trial in &list.trials {
        let path = out.join(format!("images/{}.nii", trial.images[0]));
        let (volume, _) = veritome::reader_study::package::images::load(&path, &Control::new()).unwrap();
        assert!(volume.provenance.is_blinded());
        let values: Vec<f64> = (0..volume.voxels.len()).filter_map(|i| volume.voxels.get(i)).collect();
        assert!(values.iter().all(|v| v.fract() == 0.0 && (0.0..=700.0).contains(v)));
    }
    let sizes: std::collections::BTreeSet<u64> = list
        .trials
        .iter()
        .map(|t| std::fs::metadata(out.join(format!("images/{}.nii", t.images[0]))).unwrap().len())
        .collect();
    assert_eq!(sizes.len(), 1);
    let again = made(&head, &folder.path().join("again"), 1);
    assert_eq!((again.cases, again.made_of), (quiz.cases.clone(), quiz.made_of.clone()));
    let other = made(&head, &folder.path().join("other"), 2);
    assert_ne!((other.cases, other.made_of), (quiz.cases, quiz.made_of));
}

#[test]
fn a_quiz_needs_an_acquired_head_and_a_model() {
    let folder = tempfile::tempdir().unwrap();
    let drawn = head(folder.path(), Provenance::marked_synthetic(vec![], None));
    let out = folder.path().join("quiz");
    let refused = build(&drawn, "drawn", &installed(), 1, &out, &Control::new()).unwrap_err();
    assert!(matches!(refused, QuizError::Head { .. }), "{refused}");
    let real = head(folder.path(), Provenance::acquired(vec![]));
    let refused = build(&real, "invented", &[], 1, &out, &Control::new()).unwrap_err();
    assert!(refused.to_string().contains("no installed model"), "{refused}");
    assert!(!out.exists());
}
