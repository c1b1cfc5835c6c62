//! An explanation as files with their records and as the JSON of `veritome explain --json`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::{ExplainOptions, Explanation, Faithfulness};
use crate::inference::manifest::Model;
use crate::inference::report::WriteError;
use crate::inference::runtime;
use crate::io::{self, IoError};
use crate::provenance::{ModelRecord, Parent, Record, file_sha256, write_record};
use crate::volume::{Volume, statistics};

/// The object that `explain --json` prints.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExplanationReport {
    /// Name and version of the model.
    pub model: String,
    /// The method.
    pub method: String,
    /// The target, as `--target` takes it.
    pub target: String,
    /// The output that the target is about.
    pub output: String,
    /// The map.
    pub path: PathBuf,
    /// Its lowest and highest value.
    pub range: Option<[f64; 2]>,
    /// Area under the deletion curve: lower is better.
    pub deletion_auc: Option<f64>,
    /// Area under the insertion curve: higher is better.
    pub insertion_auc: Option<f64>,
    /// Everything that was set, and what the method reports of itself.
    pub parameters: serde_json::Value,
    /// How often the network was run.
    pub passes: usize,
    /// The provider that really ran.
    pub provider: String,
    /// How long it took.
    pub seconds: f64,
    /// Of a counterfactual: position, score and file of each image.
    pub sequence: Vec<SequenceItem>,
    /// What the person must know.
    pub warnings: Vec<String>,
}

/// One image of a counterfactual walk.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SequenceItem {
    /// Where it stands on the way.
    pub position: f64,
    /// The score.
    pub score: f64,
    /// The file.
    pub path: PathBuf,
}

/// Writes the map as `OUTPUT_explanation.nii.gz` (and a counterfactual's images) with their provenance records.
///
/// # Errors
/// When the folder or a file cannot be written.
pub fn write_explanation(
    model: &Model,
    inputs: &[(String, Arc<Volume>)],
    options: &ExplainOptions,
    found: &Explanation,
    folder: &Path,
) -> Result<ExplanationReport, WriteError> {
    std::fs::create_dir_all(folder).map_err(|e| IoError::system(folder, e))?;
    let write = |volume: &Volume, kind: &str| -> Result<PathBuf, WriteError> {
        let path = folder.join(format!("{}.nii.gz", volume.name));
        io::write::write(std::slice::from_ref(volume), &path)?;
        write_record(&path, &record(model, inputs, options, found, volume, kind, &path)?)?;
        Ok(path)
    };
    let path = write(&found.map, "explanation")?;
    let sequence = found
        .sequence
        .iter()
        .map(|item| {
            let path = write(&item.volume, "counterfactual")?;
            Ok(SequenceItem { position: item.position, score: item.score, path })
        })
        .collect::<Result<_, WriteError>>()?;
    let auc = |of: fn(&Faithfulness) -> Option<f64>| found.faithfulness.as_ref().and_then(of);
    Ok(ExplanationReport {
        model: model.title(),
        method: found.method.name().to_owned(),
        target: found.target.to_string(),
        output: found.output.clone(),
        path,
        range: statistics::range(&found.map),
        deletion_auc: auc(|f| f.deletion_auc),
        insertion_auc: auc(|f| f.insertion_auc),
        parameters: found.parameters.clone(),
        passes: found.passes,
        provider: found.provider.clone(),
        seconds: found.seconds,
        sequence,
        warnings: found.notes.clone(),
    })
}

fn record(
    model: &Model,
    inputs: &[(String, Arc<Volume>)],
    options: &ExplainOptions,
    found: &Explanation,
    volume: &Volume,
    kind: &str,
    path: &Path,
) -> Result<Record, WriteError> {
    let m = &model.manifest;
    let word = |v: serde_json::Value| v.as_str().unwrap_or_default().to_owned();
    let mut libraries = BTreeMap::from([("ort".to_owned(), "2.0.0-rc.15".to_owned())]);
    if let Ok(loaded) = runtime::loaded() {
        libraries
            .insert("onnxruntime".to_owned(), loaded.found.version.clone().unwrap_or_else(|| "unknown".to_owned()));
    }
    let mut parameters = found.parameters.clone();
    if let Some(all) = parameters.as_object_mut() {
        all.insert("faithfulness".into(), serde_json::to_value(&found.faithfulness).unwrap_or_default());
    }
    Ok(Record {
        schema: 1,
        file: path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default(),
        file_sha256: file_sha256(path)?,
        output: found.output.clone(),
        kind: kind.to_owned(),
        synthetic: volume.provenance.is_synthetic(),
        parents: inputs.iter().map(|(name, volume)| Parent::of(name, volume)).collect(),
        model: Some(ModelRecord {
            name: m.name.clone(),
            version: m.version.clone(),
            weights_sha256: found.weights_sha256.clone(),
            task: word(serde_json::to_value(m.task).unwrap_or_default()),
            status: word(serde_json::to_value(m.status).unwrap_or_default()),
            license: m.license.clone(),
            intended_use: m.intended_use.clone(),
        }),
        requested_provider: Some(options.provider.name().to_owned()),
        provider: Some(found.provider.clone()),
        parameters,
        graphs: Vec::new(),
        seed: Some(options.seed),
        guard: None,
        uncertainty: None,
        finding: None,
        faithfulness: Vec::new(),
        machine: crate::provenance::machine(),
        libraries,
        software: format!("Veritome {}", env!("CARGO_PKG_VERSION")),
        time: volume.provenance.derivation().and_then(|d| d.time.clone()).unwrap_or_else(crate::provenance::now),
        warnings: found.notes.clone(),
        provenance: volume.provenance.clone(),
    })
}
