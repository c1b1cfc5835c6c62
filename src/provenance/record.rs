//! The provenance record: `NAME.provenance.json` beside each output.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::volume::{Provenance, Volume};

/// Everything that is needed to know how an output came to be, and to make it again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Version of this format.
    pub schema: u32,
    /// The output's file name.
    pub file: String,
    /// SHA-256 of that file, hexadecimal.
    pub file_sha256: String,
    /// The output's name in the manifest.
    pub output: String,
    /// The output's kind in the manifest.
    pub kind: String,
    /// Whether any of the grey values were made artificially, here or in a parent.
    pub synthetic: bool,
    /// What it was made of, in the order of the model's inputs.
    pub parents: Vec<Parent>,
    /// The model.
    pub model: Option<ModelRecord>,
    /// The provider that was asked for and the one that really ran.
    pub requested_provider: Option<String>,
    /// See `requested_provider`.
    pub provider: Option<String>,
    /// Everything that could be set.
    pub parameters: serde_json::Value,
    /// Role and SHA-256 of every graph that ran.
    #[serde(default)]
    pub graphs: Vec<(String, String)>,
    /// Seed, where random numbers were drawn.
    #[serde(default)]
    pub seed: Option<u64>,
    /// What the guard said of the input.
    #[serde(default)]
    pub guard: Option<serde_json::Value>,
    /// Sources, number of repeats, and what came of them; `null` where nothing is known.
    #[serde(default)]
    pub uncertainty: Option<serde_json::Value>,
    /// What was found above a threshold.
    #[serde(default)]
    pub finding: Option<serde_json::Value>,
    /// What second models say of a synthetic image.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faithfulness: Vec<serde_json::Value>,
    /// Operating system, architecture and number of processors.
    #[serde(default)]
    pub machine: String,
    /// Versions of the libraries that computed.
    pub libraries: BTreeMap<String, String>,
    /// Program and version.
    pub software: String,
    /// When, RFC 3339, UTC.
    pub time: String,
    /// What the person was told.
    pub warnings: Vec<String>,
    /// The whole tree of origins.
    pub provenance: Provenance,
}

/// Operating system, architecture and number of processors, for [`Record::machine`].
#[must_use]
pub fn machine() -> String {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    format!("{} {}, {processors} processors", std::env::consts::OS, std::env::consts::ARCH)
}

/// What an output was made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    /// The input's name in the manifest; empty outside of models.
    pub input: String,
    /// What a person calls it.
    pub name: String,
    /// UIDs or paths of the acquired images behind it.
    pub sources: Vec<String>,
    /// [`content_sha256`] of the volume.
    pub content_sha256: String,
    /// Whether it was synthetic already.
    pub synthetic: bool,
}

impl Parent {
    /// Describes a volume; hashes all of its voxels.
    #[must_use]
    pub fn of(input: &str, volume: &Volume) -> Self {
        Self {
            input: input.to_owned(),
            name: volume.name.clone(),
            sources: acquired_sources(&volume.provenance),
            content_sha256: content_sha256(volume),
            synthetic: volume.provenance.is_synthetic(),
        }
    }
}

/// The model behind an output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each field is the manifest's key of its name")]
pub struct ModelRecord {
    pub name: String,
    pub version: String,
    pub weights_sha256: String,
    pub task: String,
    pub status: String,
    pub license: String,
    pub intended_use: String,
}

/// Why a record could not be written.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The record cannot be said in JSON.
    #[error("the provenance record cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// UIDs or paths at the leaves of the tree, each once.
fn acquired_sources(provenance: &Provenance) -> Vec<String> {
    let mut sources: Vec<String> = provenance.sources().to_vec();
    for parent in provenance.parents() {
        for source in acquired_sources(parent) {
            if !sources.contains(&source) {
                sources.push(source);
            }
        }
    }
    sources
}

/// SHA-256 over type, size, matrix, rescale and stored voxels (little endian), hexadecimal: the same for the same image
/// whichever file it came from.
#[must_use]
pub fn content_sha256(volume: &Volume) -> String {
    let mut hash = Sha256::new();
    hash.update(volume.voxels.voxel_type().name());
    for n in volume.size() {
        hash.update((n as u64).to_le_bytes());
    }
    let rescale = [volume.rescale.slope, volume.rescale.intercept];
    for x in volume.geometry.affine_rows().iter().flatten().chain(&rescale) {
        hash.update(x.to_le_bytes());
    }
    hash.update(volume.voxels.as_bytes());
    crate::io::packages::hex(&hash.finalize())
}

/// SHA-256 of a file, hexadecimal.
///
/// # Errors
/// When it cannot be read.
pub fn file_sha256(path: &Path) -> Result<String, RecordError> {
    let error = |source| RecordError::File { path: path.to_owned(), source };
    let mut file = std::fs::File::open(path).map_err(error)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0_u8; 1 << 16];
    loop {
        let n = std::io::Read::read(&mut file, &mut buffer).map_err(error)?;
        let Some(part) = buffer.get(..n).filter(|p| !p.is_empty()) else { break };
        hash.update(part);
    }
    Ok(crate::io::packages::hex(&hash.finalize()))
}

/// `NAME.provenance.json` for `NAME.nii.gz`, `NAME.nrrd` …
#[must_use]
pub fn record_path(output: &Path) -> PathBuf {
    let name = output.file_name().and_then(|n| n.to_str()).unwrap_or("output");
    let stem = name.strip_suffix(".gz").unwrap_or(name);
    let stem = stem.rsplit_once('.').map_or(stem, |(stem, _)| stem);
    output.with_file_name(format!("{stem}.provenance.json"))
}

/// Writes the record beside its output: into a temporary file first, then renamed. Returns its path.
///
/// # Errors
/// When the folder cannot be written.
pub fn write_record(output: &Path, record: &Record) -> Result<PathBuf, RecordError> {
    let path = record_path(output);
    let folder = path.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let error = |source| RecordError::File { path: path.clone(), source };
    let mut text = serde_json::to_vec_pretty(record)?;
    text.push(b'\n');
    let mut beside = tempfile::NamedTempFile::new_in(folder).map_err(error)?;
    beside.write_all(&text).map_err(error)?;
    crate::io::packages::readable(&beside).map_err(error)?;
    beside.as_file().sync_all().map_err(error)?;
    beside.persist(&path).map_err(|e| error(e.error))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::Geometry;

    #[test]
    fn the_record_is_named_after_its_output() {
        for (output, record) in [
            ("out/brain.nii.gz", "out/brain.provenance.json"),
            ("brain.nrrd", "brain.provenance.json"),
            ("a.b.nii", "a.b.provenance.json"),
        ] {
            assert_eq!(record_path(Path::new(output)), Path::new(record));
        }
    }

    #[test]
    fn a_hash_follows_voxels_and_place() {
        let volume = |data: Vec<u8>, z: f64| {
            let m = glam::DMat4::from_scale(glam::DVec3::new(1.0, 1.0, z));
            let g = Geometry::new([2, 1, 1], m).unwrap();
            Volume::new("v", data.into(), g, Provenance::acquired(vec!["1.2.3".into()])).unwrap()
        };
        let a = content_sha256(&volume(vec![1, 2], 1.0));
        assert_eq!(a, content_sha256(&volume(vec![1, 2], 1.0)));
        assert_ne!(a, content_sha256(&volume(vec![2, 1], 1.0)));
        assert_ne!(a, content_sha256(&volume(vec![1, 2], 2.0)));
        let parent = Parent::of("t1", &volume(vec![1, 2], 1.0));
        assert_eq!((parent.sources, parent.synthetic), (vec!["1.2.3".to_owned()], false));
    }
}
