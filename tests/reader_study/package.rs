//! A plan into a package that tells a reader nothing.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use veritome::jobs::Control;
use veritome::reader_study::design::TrialKind;
use veritome::reader_study::package::{self, OwnerKey, PackageError};
use veritome::volume::OriginMark;

use super::study::{TELLTALE, plan};

const YES_NO: &str = "title = \"Which are real?\"\ndesign = \"yes_no\"\nseed = 5\ninstructions = \"Look well.\"\n\
                      [sessions]\ncount = 2\nwashout_days = 0\n";

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files
}

fn made(folder: &Path, head: &str) -> (PathBuf, OwnerKey) {
    let key = OwnerKey::generate();
    let out = folder.join("package");
    package::create(&plan(folder, head, 6, 2), &out, &key.recipient(), &Control::new()).unwrap();
    (out, key)
}

/// What a reader can reach of the truth: bytes and names of files, their sizes and times.
#[test]
fn no_file_of_a_package_tells_the_truth() {
    let folder = tempfile::tempdir().unwrap();
    let (package, key) = made(folder.path(), YES_NO);
    let files = files(&package);
    assert!(files.len() > 16, "{files:?}");
    let times: Vec<SystemTime> = files.iter().map(|f| f.metadata().unwrap().modified().unwrap()).collect();
    assert!(times.windows(2).all(|t| t[0] == t[1]), "the order in which files were made can be read");
    let mut sizes = Vec::new();
    for file in &files {
        let bytes = std::fs::read(file).unwrap();
        let name = file.strip_prefix(&package).unwrap().to_string_lossy().into_owned();
        if name.starts_with("images") {
            sizes.push(bytes.len());
        }
        for word in TELLTALE {
            let there = bytes.windows(word.len()).any(|w| w.eq_ignore_ascii_case(word.as_bytes()));
            assert!(!there && !name.contains(word), "{word} in {name}");
        }
        // The study's question says synthetic; nothing of an image or a list does. Training lists say it as their truth.
        if name.starts_with("images") {
            assert!(!bytes.windows(9).any(|w| w.eq_ignore_ascii_case(b"synthetic\"")), "{name}");
        }
    }
    assert!(sizes.windows(2).all(|s| s[0] == s[1]), "{sizes:?}");
    // The owner knows which is which.
    let truth = package::sealed_truth(&package, &key).unwrap();
    let arms: Vec<&str> = truth.blobs.values().map(|b| b.modality.as_str()).collect();
    assert_eq!((arms.len(), arms.iter().filter(|a| **a == "FAKEARM").count()), (16, 8));
    assert!(package::verify(&package).unwrap().is_empty());
}

#[test]
fn every_image_of_either_arm_bears_the_same_mark_and_keeps_its_values() {
    let folder = tempfile::tempdir().unwrap();
    let (package, key) = made(folder.path(), YES_NO);
    let truth = package::sealed_truth(&package, &key).unwrap();
    let mut windows = std::collections::BTreeMap::<&str, Vec<String>>::new();
    for (name, blob) in &truth.blobs {
        let read = |path: &Path| package::images::load(path, &Control::new()).unwrap();
        let (image, series) = read(&package.join(format!("images/{name}.nii")));
        assert_eq!(image.provenance.mark(), Some(OriginMark::Blinded), "{name}");
        assert!(series.warnings.iter().any(|w| w.code.name() == "blinded"));
        assert!(!series.warnings.iter().any(|w| w.code.name() == "synthetic"));
        let (before, _) = read(Path::new(&blob.path));
        assert!(before.geometry.distance_mm(&image.geometry) < 1e-4);
        for i in (0..image.voxels.len()).step_by(97) {
            assert_eq!(image.voxels.get(i), before.voxels.get(i));
        }
        windows.entry(&blob.case).or_default().push(format!("{:?}", image.display.windows));
    }
    // Both arms of a case open with one window.
    assert!(windows.values().all(|w| w.len() == 2 && w[0] == w[1]), "{windows:?}");
}

/// The list of checksums anew, as a forger would write it.
fn sums_anew(package: &Path) {
    let sums = package::checksums::Checksums::read(package).unwrap();
    let anew = sums
        .files()
        .keys()
        .map(|name| (name.clone(), package::checksums::sha256_of_file(&package.join(name)).unwrap()));
    let anew = package::checksums::Checksums::new(anew.collect());
    std::fs::write(package.join("SHA256SUMS"), anew.to_text()).unwrap();
}

#[test]
fn an_image_that_was_altered_with_its_checksum_differs_from_what_was_sealed() {
    let folder = tempfile::tempdir().unwrap();
    let (package, key) = made(folder.path(), YES_NO);
    let truth = package::sealed_truth(&package, &key).unwrap();
    assert!(package::not_as_sealed(&package, &truth).is_empty());
    let image = files(&package.join("images")).remove(0);
    let mut bytes = std::fs::read(&image).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&image, bytes).unwrap();
    let study = package.join("study.json");
    let text = std::fs::read_to_string(&study).unwrap();
    std::fs::write(&study, text.replace("\"to\": 6", "\"to\": 10")).unwrap();
    sums_anew(&package);
    assert!(package::verify(&package).unwrap().is_empty());
    let wrong: Vec<String> = package::not_as_sealed(&package, &truth).iter().map(ToString::to_string).collect();
    assert_eq!(wrong.len(), 2, "{wrong:?}");
    assert!(wrong[0].contains(&*image.file_name().unwrap().to_string_lossy()) && wrong[1].contains("study.json"));
    std::fs::remove_file(&image).unwrap();
    assert_eq!(package::not_as_sealed(&package, &truth).len(), 2);
    std::fs::write(package.join("images/extra.nii"), "x").unwrap();
    std::fs::create_dir_all(package.join("logs")).unwrap();
    std::fs::write(package.join("logs/R1-s1.jsonl"), "x").unwrap();
    assert_eq!(package::extra_files(&package).unwrap(), ["images/extra.nii"]);
}

#[test]
fn a_folder_of_one_series_is_an_image_and_one_of_its_files_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = plan(folder.path(), YES_NO, 4, 0);
    let text = std::fs::read_to_string(&path).unwrap();
    let opened = veritome::io::open(&folder.path().join("real/truthful0.nii.gz"), &Control::new()).unwrap();
    let volume = opened.studies[0].series[0].load(0, &Control::new()).unwrap();
    let written = |name: &str| {
        std::fs::create_dir_all(folder.path().join(name)).unwrap();
        veritome::io::dicom::write_series(&volume, &folder.path().join(name)).unwrap();
        files(&folder.path().join(name))
    };
    let slices = written("series");
    let with = |image: &str, out: &str| {
        std::fs::write(&path, text.replace("real/truthful0.nii.gz", image)).unwrap();
        let key = OwnerKey::generate();
        package::create(&path, &folder.path().join(out), &key.recipient(), &Control::new())
    };
    let made = with("series", "one").unwrap();
    let read = |file: PathBuf| package::images::load(&file, &Control::new()).unwrap().0.size();
    assert!(files(&made.folder.join("images")).into_iter().all(|file| read(file) == [24, 24, 24]));
    let slice = slices[3].file_name().unwrap().to_string_lossy().into_owned();
    let refused = with(&format!("series/{slice}"), "slice").unwrap_err().to_string();
    assert!(refused.contains("one of 24 files") && refused.contains("name the folder"), "{refused}");
    written("series/second");
    let refused = with("series", "two").unwrap_err().to_string();
    assert!(refused.contains("expected one image, found 2: `"), "{refused}");
}

#[test]
fn an_altered_package_and_a_wrong_key_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let (package, key) = made(folder.path(), YES_NO);
    let wrong = package::sealed_truth(&package, &OwnerKey::generate()).unwrap_err();
    assert!(matches!(wrong, PackageError::WrongKey { .. }), "{wrong}");
    let image = files(&package.join("images")).remove(0);
    let mut bytes = std::fs::read(&image).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&image, bytes).unwrap();
    let found = package::verify(&package).unwrap();
    assert_eq!(found.len(), 1);
    assert!(found[0].to_string().contains(&*image.file_name().unwrap().to_string_lossy()), "{}", found[0]);
    // A plan that is changed afterwards is not the registered one.
    let study = package.join("study.json");
    let text = std::fs::read_to_string(&study).unwrap();
    let hash = text.split("plan_sha256\": \"").nth(1).unwrap()[..64].to_owned();
    std::fs::write(&study, text.replace(&hash, &"0".repeat(64))).unwrap();
    assert!(package::sealed_truth(&package, &key).unwrap_err().to_string().contains("truth.age"));
}

#[test]
fn a_package_is_made_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = plan(folder.path(), YES_NO, 4, 0);
    let out = folder.path().join("package");
    let recipient = OwnerKey::generate().recipient();
    // One image is missing.
    let lost = folder.path().join("fake/truthful2.nii.gz");
    let bytes = std::fs::read(&lost).unwrap();
    std::fs::remove_file(&lost).unwrap();
    let error = package::create(&path, &out, &recipient, &Control::new()).unwrap_err().to_string();
    assert!(error.contains("truthful2.nii.gz"), "{error}");
    // One is no image.
    std::fs::write(&lost, "hello").unwrap();
    let error = package::create(&path, &out, &recipient, &Control::new()).unwrap_err().to_string();
    assert!(error.contains("truthful2.nii.gz"), "{error}");
    std::fs::write(&lost, bytes).unwrap();
    // The person stops.
    let control = Control::new();
    control.cancel();
    assert!(package::create(&path, &out, &recipient, &control).is_err());
    let left: Vec<PathBuf> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().path()).collect();
    assert!(!out.exists() && left.len() == 3, "{left:?}");
    // The folder is taken.
    std::fs::create_dir(&out).unwrap();
    std::fs::write(out.join("notes.txt"), "mine").unwrap();
    let error = package::create(&path, &out, &recipient, &Control::new()).unwrap_err();
    assert!(matches!(error, PackageError::NotEmpty { .. }));
    std::fs::remove_file(out.join("notes.txt")).unwrap();
    package::create(&path, &out, &recipient, &Control::new()).unwrap();
}

#[test]
fn training_trials_alone_carry_their_truth() {
    let folder = tempfile::tempdir().unwrap();
    let (package, _) = made(folder.path(), YES_NO);
    for session in 1..=2 {
        let path = package.join(format!("lists/R1-s{session}.json"));
        let text = std::fs::read_to_string(path).unwrap();
        let list: veritome::reader_study::design::PublicList = serde_json::from_str(&text).unwrap();
        for trial in &list.trials {
            assert_eq!(trial.feedback.is_some(), trial.kind == TrialKind::Training, "{trial:?}");
        }
        assert_eq!(list.trials.iter().filter(|t| t.kind == TrialKind::Reading).count(), 6);
    }
}

#[test]
fn the_example_study_reads_itself_and_says_everywhere_that_nobody_read() {
    use veritome::reader_study::outcome::{DesignResult, Material, OutcomeOptions, StudyOutcome, html};
    let folder = tempfile::tempdir().unwrap();
    let (out, key) = (folder.path().join("example"), OwnerKey::generate());
    veritome::reader_study::example::example(&out, &key, &Control::new()).unwrap();
    let truth = package::sealed_truth(&out, &key).unwrap();
    let outcome = StudyOutcome::new(&Material::read(&out).unwrap(), &truth, &OutcomeOptions::default()).unwrap();
    assert!(outcome.simulated && outcome.remarks[0].contains("no human read"));
    let DesignResult::YesNo(result) = &outcome.result.content else { panic!("{:?}", outcome.design) };
    assert_eq!((result.readers.len(), result.areas.len()), (3, 3));
    let page = html::page(&outcome).unwrap().html();
    for word in ["simulated", "<svg", "R3", "Learning and fatigue", "CLAIM"] {
        assert!(page.contains(word), "{word}");
    }
}
