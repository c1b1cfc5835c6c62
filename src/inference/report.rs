//! What a run gave, as files with their records and as the JSON of `veritome run --json`.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::engine::{
    AnomalyFinding, ClassScore, Estimate, Faithfulness, LabelAgreement, Output, OutputContent, RunOptions, RunResult,
    Seconds, StructureVolume,
};
use super::guard::Verdict;
use super::manifest::Model;
use super::runtime;
use crate::io::write::target::write_whole;
use crate::io::{self, IoError};
use crate::provenance::{ModelRecord, Parent, Record, RecordError, file_sha256, machine, write_record};
use crate::volume::{Provenance, Volume, statistics};

/// The object that `run --json` prints.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "each field is the JSON key of its name, see DESIGN.md")]
pub struct Report {
    pub model: String,
    pub provider: String,
    pub requested_provider: String,
    pub seconds: Seconds,
    /// Of `seconds.inference`, what ONNX Runtime itself took.
    pub network_seconds: f64,
    pub patches: usize,
    pub repeats: usize,
    pub seed: Option<u64>,
    pub peak_rss_mb: f64,
    pub guard: Option<GuardReport>,
    pub outputs: Vec<OutputReport>,
    pub warnings: Vec<String>,
}

/// The guard's word.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GuardReport {
    /// Whether the input is like the training data.
    pub like: bool,
    /// The same as a sentence.
    pub sentence: String,
    /// Each check.
    #[serde(flatten)]
    pub verdict: Verdict,
}

impl GuardReport {
    fn of(verdict: &Verdict) -> Self {
        Self { like: verdict.is_like(), sentence: verdict.sentence(), verdict: verdict.clone() }
    }
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
    /// Every uncertainty map, the one of `uncertainty` first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub uncertainty_maps: Vec<Companion>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub structures: Vec<StructureVolume>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<ClassScore>,
    /// Of each label, millilitres.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volumes_ml: Vec<(String, f64)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finding: Option<AnomalyFinding>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub faithfulness: Vec<FaithfulnessReport>,
}

/// What a second model says of a synthetic image.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "each field is the JSON key of its name, see docs/models.md")]
pub struct FaithfulnessReport {
    pub kind: String,
    /// The map's file.
    #[serde(skip_serializing_if = "no_path")]
    pub path: PathBuf,
    /// Second models.
    pub models: Vec<String>,
    /// The input that the image was held against.
    pub source: String,
    /// What the map's numbers are.
    pub unit: String,
    pub mean: f64,
    pub p95: f64,
    pub max: f64,
    pub labels: Vec<LabelAgreement>,
}

fn no_path(path: &Path) -> bool {
    path.as_os_str().is_empty()
}

impl FaithfulnessReport {
    /// The summary, for a person: `cycle difference from t1, by t2-to-t1 1.0.0: mean 0.210, …`.
    #[must_use]
    pub fn sentence(&self) -> String {
        let kind = self.kind.replace('_', " ");
        let by = self.models.join(" and ");
        let mut text = format!(
            "{kind} from {}, by {by}: mean {:.3}, 95th percentile {:.3}, highest {:.3} ({})",
            self.source, self.mean, self.p95, self.max, self.unit
        );
        for label in &self.labels {
            let dice = label.dice.map_or_else(|| "in neither".to_owned(), |d| format!("Dice {d:.3}"));
            text.push_str(&format!("; {} {dice}", label.name));
        }
        text
    }

    fn of(f: &Faithfulness, path: PathBuf) -> Self {
        Self {
            kind: f.kind.name().to_owned(),
            path,
            models: f.models.clone(),
            source: f.source.clone(),
            unit: f.unit.clone(),
            mean: f.mean,
            p95: f.p95,
            max: f.max,
            labels: f.labels.clone(),
        }
    }
}

impl OutputReport {
    /// What the output holds, for a table: volumes of labels, the leading class, the share at or above a threshold.
    #[must_use]
    pub fn sentence(&self) -> String {
        let most = self.classes.iter().max_by(|a, b| a.score.total_cmp(&b.score));
        if let Some(class) = most {
            return format!("{} {:.3}", class.name, class.score);
        }
        if let Some(f) = &self.finding {
            return format!("{} {:.2} % at or above {}", self.name, f.fraction * 100.0, f.threshold);
        }
        if !self.volumes_ml.is_empty() {
            let each: Vec<String> = self.volumes_ml.iter().map(|(name, ml)| format!("{name} {ml:.1} ml")).collect();
            return each.join(", ");
        }
        match self.range {
            Some([low, high]) => format!("{} {low:.4} to {high:.4}", self.name),
            None => self.name.clone(),
        }
    }
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
        network_seconds: result.network_seconds,
        patches: result.patches,
        repeats: result.repeats,
        seed: result.seed,
        peak_rss_mb: result.peak_rss_mb,
        guard: result.guard.as_ref().map(GuardReport::of),
        outputs: result.outputs.iter().zip(paths).map(|(output, path)| output_report(output, path)).collect(),
        warnings: result.warnings.clone(),
    }
}

fn output_report(output: &Output, path: &Path) -> OutputReport {
    let maps: Vec<Companion> = companions(output, path.parent().unwrap_or(Path::new("")))
        .map(|(kind, path, _)| Companion { path, kind: kind.to_owned() })
        .collect();
    OutputReport {
        name: output.name.clone(),
        kind: output.kind.clone(),
        path: path.to_owned(),
        range: range(&output.content),
        uncertainty: maps.first().cloned(),
        explanation: None,
        uncertainty_maps: maps,
        structures: output.estimate.as_ref().map(|e| e.structures.clone()).unwrap_or_default(),
        classes: match &output.content {
            OutputContent::Classes(classes) => classes.to_vec(),
            _ => Vec::new(),
        },
        volumes_ml: match &output.content {
            OutputContent::Labels(map) => {
                let name = |value: u16| map.labels.iter().find(|l| l.value == value).map(|l| l.name.clone());
                map.volumes_ml().into_iter().filter_map(|(value, ml)| Some((name(value)?, ml))).collect()
            }
            _ => Vec::new(),
        },
        finding: output.finding.clone(),
        faithfulness: second_maps(output, path.parent().unwrap_or(Path::new("")))
            .map(|(path, f)| FaithfulnessReport::of(f, path))
            .collect(),
    }
}

/// What a second model says of an image, without a file.
#[must_use]
pub fn faithfulness(f: &Faithfulness) -> serde_json::Value {
    json(&FaithfulnessReport::of(f, PathBuf::new()))
}

/// The maps of second models, with their files.
fn second_maps<'a>(output: &'a Output, folder: &'a Path) -> impl Iterator<Item = (PathBuf, &'a Faithfulness)> {
    let file = move |f: &Faithfulness| folder.join(format!("{}_{}.nii.gz", output.name, f.kind.name()));
    output.faithfulness.iter().map(move |f| (file(f), f))
}

/// The uncertainty maps of an output: kind, file and volume.
fn companions<'a>(
    output: &'a Output,
    folder: &'a Path,
) -> impl Iterator<Item = (&'static str, PathBuf, &'a Arc<Volume>)> {
    output.estimate.iter().flat_map(|e| &e.maps).map(move |map| {
        let kind = map.kind.name();
        (kind, folder.join(format!("{}_{kind}.nii.gz", output.name)), &map.volume)
    })
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

/// Where the outputs of a run go in a folder, in their order: `NAME.nii.gz`, `NAME.json` for classes.
#[must_use]
pub fn output_paths(result: &RunResult, folder: &Path) -> Vec<PathBuf> {
    let extension = |o: &Output| if matches!(o.content, OutputContent::Classes(_)) { "json" } else { "nii.gz" };
    result.outputs.iter().map(|o| folder.join(format!("{}.{}", o.name, extension(o)))).collect()
}

/// What all records of a run share, worked out once: hashing the inputs takes longest.
struct Shared<'a> {
    result: &'a RunResult,
    model: &'a Model,
    options: &'a RunOptions,
    parents: Vec<Parent>,
}

impl<'a> Shared<'a> {
    fn new(model: &'a Model, inputs: &[(String, Arc<Volume>)], options: &'a RunOptions, result: &'a RunResult) -> Self {
        Self { result, model, options, parents: inputs.iter().map(|(name, v)| Parent::of(name, v)).collect() }
    }

    fn record(&self, path: &Path, output: &Output, kind: &str, provenance: Provenance) -> Result<Record, RecordError> {
        let (m, result) = (&self.model.manifest, self.result);
        let mut libraries = BTreeMap::from([("ort".to_owned(), "2.0.0-rc.15".to_owned())]);
        if let Ok(loaded) = runtime::loaded() {
            let version = loaded.found.version.clone().unwrap_or_else(|| "unknown".to_owned());
            libraries.insert("onnxruntime".to_owned(), version);
        }
        Ok(Record {
            schema: 1,
            file: path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default(),
            file_sha256: file_sha256(path)?,
            output: output.name.clone(),
            kind: kind.to_owned(),
            synthetic: provenance.is_synthetic(),
            parents: self.parents.clone(),
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
                "provider": self.options.provider,
                "samples": self.options.samples,
                "tta": self.options.tta,
                "ensemble": self.options.ensemble.iter().map(Model::title).collect::<Vec<_>>(),
                "registered": self.options.registered,
                "alone": self.options.alone,
                "faithfulness": m.faithfulness,
                "patches": result.patches,
                "repeats": result.repeats,
                "preprocess": m.preprocess,
                "inferer": m.inferer,
                "diffusion": m.diffusion,
                "postprocess": m.postprocess,
            }),
            graphs: result.graphs.clone(),
            seed: result.seed,
            guard: result.guard.as_ref().map(|v| json(&GuardReport::of(v))),
            uncertainty: output.estimate.as_ref().map(uncertainty),
            finding: output.finding.as_ref().map(json),
            faithfulness: second_maps(output, path.parent().unwrap_or(Path::new("")))
                .map(|(path, f)| {
                    let name = path.file_name().map(PathBuf::from).unwrap_or_default();
                    json(&FaithfulnessReport::of(f, name))
                })
                .collect(),
            machine: machine(),
            libraries,
            software: format!("Veritome {}", env!("CARGO_PKG_VERSION")),
            time: provenance.derivation().and_then(|d| d.time.clone()).unwrap_or_else(crate::provenance::now),
            warnings: result.warnings.clone(),
            provenance,
        })
    }

    fn output_record(&self, path: &Path, output: &Output) -> Result<PathBuf, RecordError> {
        let provenance = match &output.content {
            OutputContent::Image(volume) => volume.provenance.clone(),
            OutputContent::Labels(labels) => labels.provenance.clone(),
            OutputContent::Classes(_) => self.result.provenance.clone(),
        };
        write_record(path, &self.record(path, output, &output.kind, provenance)?)
    }
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
    Shared::new(model, inputs, options, result).output_record(path, output)
}

fn uncertainty(estimate: &Estimate) -> serde_json::Value {
    serde_json::json!({
        "sources": estimate.sources,
        "repeats": estimate.repeats,
        "maps": estimate.maps.iter().map(|m| m.kind).collect::<Vec<_>>(),
        "structures": estimate.structures,
        "interval": estimate.interval,
    })
}

fn json(value: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(value).unwrap_or_default()
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
    /// Another run writes there.
    #[error("{}: another run is writing into this folder; wait for it, or choose another folder", folder.display())]
    Busy {
        /// Which folder.
        folder: PathBuf,
    },
}

/// A folder that one run alone writes into, for as long as this lives; a killed process lets go of it.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
    folder: PathBuf,
}

/// Its name in the folder.
const LOCK: &str = ".veritome-run.lock";

impl FolderLock {
    /// Makes the folder if it is not there, and takes it.
    ///
    /// # Errors
    /// When it cannot be made or another run has it.
    pub fn take(folder: &Path) -> Result<Self, WriteError> {
        std::fs::create_dir_all(folder).map_err(|e| IoError::system(folder, e))?;
        let path = folder.join(LOCK);
        let file = File::create(&path).map_err(|e| IoError::system(&path, e))?;
        match file.try_lock() {
            Err(std::fs::TryLockError::WouldBlock) => Err(WriteError::Busy { folder: folder.to_owned() }),
            // A file system without locks must not keep a person from their result.
            Ok(()) | Err(std::fs::TryLockError::Error(_)) => Ok(Self { _file: file, folder: folder.to_owned() }),
        }
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        // It is empty: nothing is lost when it stays.
        let _ = std::fs::remove_file(self.folder.join(LOCK));
    }
}

/// Writes every output as NIfTI into a folder, its uncertainty maps and provenance records beside it, and gives the
/// report. Each file is whole or not there.
///
/// # Errors
/// When the folder or a file cannot be written, or another run writes there.
pub fn write_outputs(
    model: &Model,
    inputs: &[(String, Arc<Volume>)],
    options: &RunOptions,
    result: &RunResult,
    folder: &Path,
) -> Result<Report, WriteError> {
    let lock = FolderLock::take(folder)?;
    write_outputs_into(&lock, model, inputs, options, result)
}

/// As [`write_outputs`], into a folder that was taken before the run.
///
/// # Errors
/// When a file cannot be written.
pub fn write_outputs_into(
    lock: &FolderLock,
    model: &Model,
    inputs: &[(String, Arc<Volume>)],
    options: &RunOptions,
    result: &RunResult,
) -> Result<Report, WriteError> {
    let folder = lock.folder.as_path();
    let shared = Shared::new(model, inputs, options, result);
    let paths = output_paths(result, folder);
    for (output, path) in result.outputs.iter().zip(&paths) {
        match &output.content {
            OutputContent::Image(volume) => io::write::write(std::slice::from_ref(volume.as_ref()), path)?,
            OutputContent::Labels(labels) => io::write::write_labelmap(labels, path)?,
            OutputContent::Classes(classes) => {
                let mut text = serde_json::to_vec_pretty(&**classes).map_err(RecordError::from)?;
                text.push(b'\n');
                write_whole(path, |out| out.write_all(&text))?;
            }
        }
        shared.output_record(path, output)?;
        for (kind, path, volume) in companions(output, folder) {
            io::write::write(std::slice::from_ref(volume.as_ref()), &path)?;
            write_record(&path, &shared.record(&path, output, kind, volume.provenance.clone())?)?;
        }
        for (path, f) in second_maps(output, folder) {
            io::write::write(std::slice::from_ref(f.volume.as_ref()), &path)?;
            write_record(&path, &shared.record(&path, output, f.kind.name(), f.volume.provenance.clone())?)?;
        }
    }
    Ok(report(result, &paths))
}
