//! What a run leaves on disk: maps and records, one run a folder, batches that go on.

use std::path::Path;

use veritome::inference::batch::{Batch, Ended, Row, cases, write_summary};
use veritome::inference::engine::{RunOptions, run};
use veritome::inference::report::{FolderLock, write_outputs};
use veritome::io;
use veritome::jobs::Control;
use veritome::volume::Volume;

use super::{Tiny, load, lopsided, with_runtime};

const TWO: &str = "kind = \"probabilities\"\nlabels = [{ value = 5, name = \"Thing\" }]\n\
                   [uncertainty]\nsources = [\"tta\"]\ntta = [{ flip = \"x\" }]";

#[test]
fn every_map_has_its_file_and_record_and_the_bytes_repeat() {
    with_runtime();
    let tiny = Tiny::new("identity.onnx", TWO);
    let (model, volume) = (tiny.model(), lopsided());
    let options = RunOptions { tta: Some(true), ..RunOptions::default() };
    let inputs = [("image".to_owned(), volume)];
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    for folder in &folders {
        let result = run(&model, &inputs, &options, &Control::new()).unwrap();
        let report = write_outputs(&model, &inputs, &options, &result, folder.path()).unwrap();
        assert_eq!(report.outputs[0].uncertainty_maps.len(), 4);
        assert_eq!(report.outputs[0].uncertainty.as_ref().unwrap().kind, "predictive_entropy");
        assert_eq!(report.outputs[0].structures[0].name, "Thing");
    }
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folders[0].path()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(!name.starts_with('.'), "{name} was left behind");
        let read = |n: usize| std::fs::read(folders[n].path().join(&name)).unwrap();
        if name.ends_with(".nii.gz") {
            assert_eq!(read(0), read(1), "{name}");
            assert!(folders[0].path().join(name.replace(".nii.gz", ".provenance.json")).is_file());
        } else {
            let record: serde_json::Value = serde_json::from_slice(&read(0)).unwrap();
            assert_eq!(record["uncertainty"]["repeats"], 2);
            assert_eq!(record["graphs"][0][0], "network");
            assert!(record["machine"].as_str().unwrap().contains("processors"));
        }
        names.push(name);
    }
    assert_eq!(names.len(), 10);
}

#[test]
fn a_folder_belongs_to_one_run_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let first = FolderLock::take(folder.path()).unwrap();
    let e = FolderLock::take(folder.path()).unwrap_err().to_string();
    assert!(e.contains("another run") && e.contains("wait for it"), "{e}");
    drop(first);
    FolderLock::take(folder.path()).unwrap();
}

#[test]
fn a_batch_finishes_what_it_can_and_does_nothing_twice() {
    with_runtime();
    let tiny = Tiny::new("identity.onnx", super::ONE_LABEL);
    let model = tiny.model();
    let (given, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for name in ["a", "c"] {
        io::write::write(std::slice::from_ref(&*lopsided()), &given.path().join(format!("{name}.nii.gz"))).unwrap();
    }
    std::fs::write(given.path().join("b.nii.gz"), b"no image").unwrap();
    let list = cases(&[("image".into(), given.path().to_owned())]).unwrap();
    let open = |path: &Path, _: &Control| -> Result<Volume, String> {
        let opened = veritome::io::open(path, &Control::new()).map_err(|e| e.to_string())?;
        let series = opened.studies.first().and_then(|s| s.series.first());
        let series = series.ok_or_else(|| format!("{}: no image", path.display()))?;
        series.load(0, &Control::new()).map_err(|e| e.to_string())
    };
    let options = RunOptions::default();
    let go = || {
        let told = |_: &Row| {};
        let batch =
            Batch { model: &model, options: &options, folder: out.path(), at_once: 2, load: &open, finished: &told };
        let rows = batch.run(&list, &Control::new()).unwrap();
        write_summary(&rows, out.path()).unwrap();
        rows
    };
    let ended = |rows: &[Row]| rows.iter().map(|r| (r.case.clone(), r.status.clone())).collect::<Vec<_>>();
    let names = |a, b, c| [("a".to_owned(), a), ("b".to_owned(), b), ("c".to_owned(), c)];
    let rows = go();
    assert_eq!(ended(&rows), names(Ended::Done, Ended::Failed, Ended::Done), "{rows:?}");
    assert!(rows[0].results.contains("Thing") && rows[1].notes.contains("b.nii.gz"), "{rows:?}");
    assert_eq!(ended(&go()), names(Ended::Already, Ended::Failed, Ended::Already));
    let made = load(&out.path().join("a/result.nii.gz"));
    assert_eq!(made.size(), lopsided().size());
    let table = std::fs::read_to_string(out.path().join("summary.csv")).unwrap();
    assert_eq!(table.lines().count(), 4);
}
