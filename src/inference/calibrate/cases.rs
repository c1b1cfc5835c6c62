//! Labelled cases in a folder: [`find`].

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::CalibrationError;
use crate::inference::manifest::Model;
use crate::io::IoError;
use crate::io::formats::open_file;
use crate::jobs::Control;
use crate::volume::Volume;

/// The files of one case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// The sub-folder's name, or what the files' names have in common.
    pub name: String,
    /// Input's name in the manifest to file.
    pub inputs: BTreeMap<String, PathBuf>,
    /// Output's name in the manifest to the file of its truth.
    pub truths: BTreeMap<String, PathBuf>,
}

/// Finds the cases of a model: sub-folders `CASE/NAME.nii.gz`, or files `CASE_NAME.nii.gz` side by side, where NAME is
/// an input's or an output's in the manifest (`.nii`, `.nrrd` and `.mha` do too). An input and an output of one name
/// cannot be told apart; then the output's file is `NAME_truth`. Cases without any truth count unless `labelled`. Second: what
/// was left out, and why.
///
/// # Errors
/// When the folder cannot be read or holds no complete case.
pub fn find(model: &Model, folder: &Path, labelled: bool) -> Result<(Vec<Case>, Vec<String>), CalibrationError> {
    let list = |folder: &Path| -> Result<Vec<PathBuf>, CalibrationError> {
        let entries = std::fs::read_dir(folder).map_err(|e| IoError::system(folder, e))?;
        let mut paths: Vec<PathBuf> = entries.filter_map(Result::ok).map(|e| e.path()).collect();
        paths.sort();
        Ok(paths)
    };
    // Name of the case and of the role to file.
    let mut files: BTreeMap<String, BTreeMap<String, PathBuf>> = BTreeMap::new();
    for path in list(folder)? {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        if path.is_dir() {
            let own = list(&path)?.into_iter().filter_map(|p| Some((stem(&p)?, p)));
            files.entry(name).or_default().extend(own);
        } else if let Some(stem) = stem(&path) {
            let role = roles(model).into_iter().find(|r| stem.ends_with(&format!("_{r}")));
            if let Some(role) = role {
                let case = stem[..stem.len() - role.len() - 1].to_owned();
                files.entry(case).or_default().insert(role, path);
            }
        }
    }
    let m = &model.manifest;
    let (mut cases, mut left_out) = (Vec::new(), Vec::new());
    for (name, own) in files {
        let inputs: BTreeMap<String, PathBuf> =
            m.inputs.iter().filter_map(|i| Some((i.name.clone(), own.get(&i.name)?.clone()))).collect();
        let truths: BTreeMap<String, PathBuf> = m
            .outputs
            .iter()
            .filter_map(|o| Some((o.name.clone(), own.get(&truth_name(model, &o.name))?.clone())))
            .collect();
        let missing = m.inputs.iter().find(|i| !i.optional && !inputs.contains_key(&i.name));
        match missing {
            Some(missing) => left_out.push(format!("{name}: there is no `{}`", missing.name)),
            None if labelled && truths.is_empty() => left_out.push(format!("{name}: there is no truth")),
            None => cases.push(Case { name, inputs, truths }),
        }
    }
    if cases.is_empty() {
        let names: Vec<String> = roles(model).into_iter().collect();
        return Err(CalibrationError::NoCases { folder: folder.to_owned(), names: names.join(", ") });
    }
    Ok((cases, left_out))
}

fn truth_name(model: &Model, output: &str) -> String {
    let taken = model.manifest.inputs.iter().any(|i| i.name == output);
    if taken { format!("{output}_truth") } else { output.to_owned() }
}

/// Every name that a file can have, the longest first, so that `t1_mask` is not taken for `mask`.
fn roles(model: &Model) -> Vec<String> {
    let m = &model.manifest;
    let names: BTreeSet<String> =
        m.inputs.iter().map(|i| i.name.clone()).chain(m.outputs.iter().map(|o| truth_name(model, &o.name))).collect();
    let mut names: Vec<String> = names.into_iter().collect();
    names.sort_by_key(|n| std::cmp::Reverse(n.len()));
    names
}

/// The file's name without the ending of a volume.
fn stem(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    [".nii.gz", ".nii", ".nrrd", ".mha"].iter().find_map(|end| name.strip_suffix(end)).map(str::to_owned)
}

/// Reads the one volume of a file.
///
/// # Errors
/// When it cannot be read or holds none.
pub fn load(path: &Path, control: &Control) -> Result<Arc<Volume>, CalibrationError> {
    let study = open_file(path, control)?;
    let series = study.as_ref().and_then(|s| s.series.first()).ok_or_else(|| IoError::Format {
        path: path.to_owned(),
        expected: "a volume".to_owned(),
        found: "none".to_owned(),
        remedy: String::new(),
    })?;
    Ok(Arc::new(series.load(0, control)?))
}
