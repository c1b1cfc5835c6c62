//! A model over many cases: resumable, several at once, failures listed and the rest finished.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::engine::{RunOptions, run};
use super::manifest::Model;
use super::report::{FolderLock, OutputReport, write_outputs_into};
use crate::error::Cancelled;
use crate::io::IoError;
use crate::io::write::target::write_whole;
use crate::jobs::Control;
use crate::volume::Volume;

/// One case: its name and the files or folders of its inputs, by the manifest's names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// From the first input's file or folder.
    pub name: String,
    /// In the manifest's order.
    pub inputs: Vec<(String, PathBuf)>,
    /// Why it cannot be run: an input that is missing.
    pub lacks: Option<String>,
}

/// How a case ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// It ran.
    Done,
    /// It had been run before, with the same model, inputs and options.
    Already,
    /// It could not be run.
    Failed,
}

/// One row of the summary.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The case.
    pub case: String,
    /// How it ended.
    pub status: Ended,
    /// How long it took.
    pub seconds: f64,
    /// The provider that really ran.
    pub provider: String,
    /// Whether the guard found the input like the training data; `None` without a guard.
    pub like: Option<bool>,
    /// The error, or the warnings.
    pub notes: String,
    /// What the outputs hold: `brain 1423.1 ml`, `anomaly above 2.1 %`.
    pub results: String,
}

/// Pairs the entries of the inputs' folders by name: `t1/p01.nii.gz` goes with `t2/p01.nii.gz` and `t2/p01/`.
///
/// # Errors
/// A folder that cannot be read, or that is empty.
pub fn cases(folders: &[(String, PathBuf)]) -> Result<Vec<Case>, IoError> {
    let mut listed: Vec<(String, BTreeMap<String, PathBuf>)> = Vec::new();
    for (input, folder) in folders {
        let entries = std::fs::read_dir(folder).map_err(|e| IoError::system(folder, e))?;
        let mut by_name = BTreeMap::new();
        for entry in entries {
            let path = entry.map_err(|e| IoError::system(folder, e))?.path();
            let name = stem(&path);
            // The pixels of a detached header are no case of their own.
            let detached = [".img", ".raw", ".json"].iter().any(|e| path.to_string_lossy().to_lowercase().ends_with(e));
            if !name.is_empty() && !name.starts_with('.') && !detached {
                by_name.insert(name, path);
            }
        }
        listed.push((input.clone(), by_name));
    }
    let Some((_, first)) = listed.first() else { return Ok(Vec::new()) };
    let case = |name: &String| {
        let found = |(input, all): &(String, BTreeMap<String, PathBuf>)| Some((input.clone(), all.get(name)?.clone()));
        let lacks = listed.iter().find(|(_, all)| !all.contains_key(name)).map(|(input, _)| input.clone());
        Case { name: name.clone(), inputs: listed.iter().filter_map(found).collect(), lacks }
    };
    Ok(first.keys().map(case).collect())
}

/// A file's name without the extensions of images.
fn stem(path: &Path) -> String {
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    if path.is_dir() {
        return name;
    }
    let short = name.strip_suffix(".gz").unwrap_or(&name);
    let known = [".nii", ".nrrd", ".nhdr", ".hdr", ".dcm", ".zip", ".mha", ".png", ".tif", ".tiff"];
    known.iter().find_map(|e| short.strip_suffix(e)).unwrap_or(short).to_owned()
}

/// What a case was run with; the same stamp need not run again.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    key: String,
    row: serde_json::Value,
}

/// The name of the stamp in a case's folder.
const STAMP: &str = "case.json";

fn key(model: &Model, case: &Case, options: &RunOptions) -> String {
    let mut hash = Sha256::new();
    let files =
        model.manifest.files.0.values().chain(options.ensemble.iter().flat_map(|m| m.manifest.files.0.values()));
    for file in files {
        hash.update(&file.sha256);
    }
    hash.update(serde_json::to_vec(&model.manifest).unwrap_or_default());
    let more = (options.provider.name(), options.samples, options.tta, options.seed, options.registered);
    hash.update(format!("{more:?}"));
    for (name, path) in &case.inputs {
        hash.update(format!("{name}={}", path.display()));
        if let Ok(facts) = std::fs::metadata(path) {
            hash.update(format!("{} {:?}", facts.len(), facts.modified().ok()));
        }
    }
    crate::io::packages::hex(&hash.finalize())
}

/// Opens an input of a case.
pub type Load<'a> = dyn Fn(&Path, &Control) -> Result<Volume, String> + Sync + 'a;

/// A model over many cases, into `folder/CASE/`.
pub struct Batch<'a> {
    /// The model.
    pub model: &'a Model,
    /// How it is run.
    pub options: &'a RunOptions,
    /// Where the cases' folders go.
    pub folder: &'a Path,
    /// How many cases at a time.
    pub at_once: usize,
    /// Opens an input.
    pub load: &'a Load<'a>,
    /// Hears of each row as it comes.
    pub finished: &'a (dyn Fn(&Row) + Sync),
}

impl Batch<'_> {
    /// Runs the cases and gives a row for each, in order.
    ///
    /// # Errors
    /// [`Cancelled`]; a case that fails is a row.
    pub fn run(&self, cases: &[Case], control: &Control) -> Result<Vec<Row>, Cancelled> {
        let next = AtomicUsize::new(0);
        let rows: Mutex<BTreeMap<usize, Row>> = Mutex::new(BTreeMap::new());
        let stage = format!("Running {} over {} cases", self.model.title(), cases.len());
        control.stage(stage, cases.len() as u64);
        let work = || {
            while let Some((n, case)) =
                Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|n| Some((n, cases.get(n)?)))
            {
                // Each case has a progress of its own, but one cancel.
                let row = self.case(case, &control.child());
                if control.is_cancelled() {
                    return;
                }
                (self.finished)(&row);
                rows.lock().unwrap_or_else(PoisonError::into_inner).insert(n, row);
                control.advance(1);
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..self.at_once.clamp(1, cases.len().max(1)) {
                scope.spawn(work);
            }
        });
        control.checkpoint()?;
        Ok(rows.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().collect())
    }

    fn case(&self, case: &Case, control: &Control) -> Row {
        let failed = |why: String| Row {
            case: case.name.clone(),
            status: Ended::Failed,
            seconds: 0.0,
            provider: String::new(),
            like: None,
            notes: why,
            results: String::new(),
        };
        if let Some(input) = &case.lacks {
            return failed(format!("there is no `{input}` of that name"));
        }
        let place = self.folder.join(&case.name);
        let key = key(self.model, case, self.options);
        let stamp = std::fs::read(place.join(STAMP)).ok().and_then(|b| serde_json::from_slice::<Stamp>(&b).ok());
        if let Some(stamp) = stamp.filter(|s| s.key == key)
            && let Ok(row) = serde_json::from_value::<Row>(stamp.row)
        {
            return Row { status: Ended::Already, ..row };
        }
        self.attempt(case, &place, key, control).unwrap_or_else(failed)
    }

    fn attempt(&self, case: &Case, place: &Path, key: String, control: &Control) -> Result<Row, String> {
        let lock = FolderLock::take(place).map_err(|e| e.to_string())?;
        let open =
            |(name, path): &(String, PathBuf)| Ok::<_, String>((name.clone(), Arc::new((self.load)(path, control)?)));
        let inputs = case.inputs.iter().map(open).collect::<Result<Vec<_>, _>>()?;
        let result = run(self.model, &inputs, self.options, control).map_err(|e| e.to_string())?;
        let report =
            write_outputs_into(&lock, self.model, &inputs, self.options, &result).map_err(|e| e.to_string())?;
        let results: Vec<String> = report.outputs.iter().map(OutputReport::sentence).collect();
        let row = Row {
            case: case.name.clone(),
            status: Ended::Done,
            seconds: report.seconds.total,
            provider: report.provider.clone(),
            like: report.guard.as_ref().map(|g| g.like),
            notes: report.warnings.join("; "),
            results: results.join("; "),
        };
        let stamp = Stamp { key, row: serde_json::to_value(&row).unwrap_or_default() };
        let text = serde_json::to_vec_pretty(&stamp).map_err(|e| e.to_string())?;
        write_whole(&place.join(STAMP), |out| out.write_all(&text)).map_err(|e| e.to_string())?;
        Ok(row)
    }
}

/// Writes the rows as `summary.csv`.
///
/// # Errors
/// When the folder cannot be written.
pub fn write_summary(rows: &[Row], folder: &Path) -> Result<PathBuf, IoError> {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\"").replace(['\n', '\r'], " "));
    let mut text = String::from("case,status,seconds,provider,like,results,notes\n");
    for r in rows {
        let status =
            serde_json::to_value(&r.status).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default();
        let like = r.like.map_or(String::new(), |l| l.to_string());
        text += &format!(
            "{},{status},{:.2},{},{like},{},{}\n",
            quoted(&r.case),
            r.seconds,
            r.provider,
            quoted(&r.results),
            quoted(&r.notes)
        );
    }
    let path = folder.join("summary.csv");
    write_whole(&path, |out| out.write_all(text.as_bytes()))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "helpers of tests")]
    use super::*;

    #[test]
    fn cases_are_paired_by_name_and_what_is_missing_is_named() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        for folder in ["t1", "t2", "t2/b"] {
            std::fs::create_dir(at(folder)).unwrap();
        }
        for file in ["t1/a.nii.gz", "t1/b.nii", "t1/c.hdr", "t1/c.img", "t1/.hidden", "t2/a.nrrd"] {
            std::fs::write(at(file), "x").unwrap();
        }
        let found = cases(&[("t1".into(), at("t1")), ("t2".into(), at("t2"))]).unwrap();
        let names: Vec<_> = found.iter().map(|c| (c.name.as_str(), c.lacks.as_deref())).collect();
        assert_eq!(names, [("a", None), ("b", None), ("c", Some("t2"))]);
        assert_eq!(found[1].inputs[1].1, at("t2/b"));
    }
}
