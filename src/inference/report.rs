//! What a run gave, as files with their records and as the JSON of `veritome run --json`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::engine::{Output, OutputContent, RunOptions, RunResult, Seconds};
use super::manifest::Model;
use super::runtime;
use crate::io::{self, IoError};
use crate::provenance::{ModelRecord, Parent, Record, RecordError, file_sha256, write_record};
use crate::volume::{Volume, statistics};

/// The object that `run --json` prints.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "each field is the JSON key of its name, see DESIGN.md")]
pub struct Report {
    pub model: String,
    pub provider: String,
    pub requested_provider: String,
    pub seconds: Seconds,
    pub patches: usize,
    pub repeats: usize,
    pub peak_rss_mb: f64,
    pub outputs: Vec<OutputReport>,
    pub warnings: Vec<String>,
}

/// One output of the report.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "each field is the JSON key of its name, see DESIGN.md")]
pub struct OutputReport {
    pub name: String,
    pub kind: String,
    pub path: PathBuf,
    pub range: Option<[f64; 2]>,
    pub uncertainty: Option<Companion>,
    pub explanation: Option<Companion>,
}

/// A file that goes with an output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "each field is the JSON key of its name, see DESIGN.md")]
pub struct Companion {
    pub path: PathBuf,
    pub kind: String,
}

/// The report of a run whose outputs were written to `paths`, in their order.
#[must_use]
pub fn report(result: &RunResult, paths: &[PathBuf]) -> Report {
    Report {
        model: result.model.clone(),
        provider: result.provider.clone(),
        requested_provider: result.requested_provider.clone(),
        seconds: result.seconds,
        patches: result.patches,
        repeats: result.repeats,
        peak_rss_mb: result.peak_rss_mb,
        outputs: result
            .outputs
            .iter()
            .zip(paths)
            .map(|(output, path)| OutputReport {
                name: output.name.clone(),
                kind: output.kind.clone(),
                path: path.clone(),
                range: range(&output.content),
                uncertainty: None,
                explanation: None,
            })
            .collect(),
        warnings: result.warnings.clone(),
    }
}

/// The lowest and highest value of an output.
#[must_use]
pub fn range(content: &OutputContent) -> Option<[f64; 2]> {
    match content {
        OutputContent::Image(volume) => statistics::range(volume),
        OutputContent::Labels(labels) => {
            let low = labels.voxels.iter().min()?;
            let high = labels.voxels.iter().max()?;
            Some([f64::from(*low), f64::from(*high)])
        }
        OutputContent::Classes(classes) => {
            let scores = classes.iter().map(|c| c.score);
            scores.clone().reduce(f64::min).zip(scores.reduce(f64::max)).map(|(low, high)| [low, high])
        }
    }
}

/// Where the outputs of a run go in a folder, in their order: `NAME.nii.gz`.
#[must_use]
pub fn output_paths(result: &RunResult, folder: &Path) -> Vec<PathBuf> {
    result.outputs.iter().map(|o| folder.join(format!("{}.nii.gz", o.name))).collect()
}

/// Writes the provenance record beside an output that was written to `path`.
///
/// # Errors
/// When the output cannot be read or the record cannot be written.
pub fn write_output_record(
    path: &Path,
    output: &Output,
    result: &RunResult,
    model: &Model,
    inputs: &[(String, Arc<Volume>)],
    options: &RunOptions,
) -> Result<PathBuf, RecordError> {
    let m = &model.manifest;
    let provenance = match &output.content {
        OutputContent::Image(volume) => volume.provenance.clone(),
        OutputContent::Labels(labels) => labels.provenance.clone(),
        OutputContent::Classes(_) => result.provenance.clone(),
    };
    let mut libraries = BTreeMap::from([("ort".to_owned(), "2.0.0-rc.15".to_owned())]);
    if let Ok(loaded) = runtime::loaded() {
        let version = loaded.found.version.clone().unwrap_or_else(|| "unknown".to_owned());
        libraries.insert("onnxruntime".to_owned(), version);
    }
    let record = Record {
        schema: 1,
        file: path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default(),
        file_sha256: file_sha256(path)?,
        output: output.name.clone(),
        kind: output.kind.clone(),
        synthetic: provenance.is_synthetic(),
        parents: inputs.iter().map(|(name, volume)| Parent::of(name, volume)).collect(),
        model: Some(ModelRecord {
            name: m.name.clone(),
            version: m.version.clone(),
            weights_sha256: result.weights_sha256.clone(),
            task: word(&m.task),
            status: word(&m.status),
            license: m.license.clone(),
            intended_use: m.intended_use.clone(),
        }),
        requested_provider: Some(result.requested_provider.clone()),
        provider: Some(result.provider.clone()),
        parameters: serde_json::json!({
            "provider": options.provider,
            "preprocess": m.preprocess,
            "inferer": m.inferer,
            "postprocess": m.postprocess,
        }),
        libraries,
        software: format!("Veritome {}", env!("CARGO_PKG_VERSION")),
        time: provenance.derivation().and_then(|d| d.time.clone()).unwrap_or_else(crate::provenance::now),
        warnings: result.warnings.clone(),
        provenance,
    };
    write_record(path, &record)
}

fn word(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Why the outputs of a run could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A file could not be written.
    #[error(transparent)]
    Io(#[from] IoError),
    /// A record could not be written.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// Writes every output as NIfTI into a folder, its provenance record beside it, and gives the report.
///
/// # Errors
/// When the folder or a file cannot be written.
pub fn write_outputs(
    model: &Model,
    inputs: &[(String, Arc<Volume>)],
    options: &RunOptions,
    result: &RunResult,
    folder: &Path,
) -> Result<Report, WriteError> {
    std::fs::create_dir_all(folder).map_err(|e| IoError::system(folder, e))?;
    let paths = output_paths(result, folder);
    for (output, path) in result.outputs.iter().zip(&paths) {
        match &output.content {
            OutputContent::Image(volume) => io::write::write(std::slice::from_ref(volume.as_ref()), path)?,
            OutputContent::Labels(labels) => io::write::write_labelmap(labels, path)?,
            OutputContent::Classes(_) => {}
        }
        write_output_record(path, output, result, model, inputs, options)?;
    }
    Ok(report(result, &paths))
}
