//! The key of a job: a hash of everything that its result depends on.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use sha2::{Digest, Sha256};

use super::pairing::Case;
use super::work::{Job, ModelFacts};
use crate::io::IoError;

/// How a file is known again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fingerprint {
    /// By its path, size and time of change.
    #[default]
    Times,
    /// By its path and every byte; slower, and holds when files are copied.
    Content,
}

/// Raised when the meaning of results changes, so that older ones are not taken for them.
const VERSION: u32 = 2;

/// The hash of a case's files; the same for every model.
///
/// # Errors
/// When a file cannot be read.
pub(super) fn of_case(case: &Case, folder: &Path, fingerprint: Fingerprint) -> Result<String, IoError> {
    let mut hash = Sha256::new();
    part(&mut hash, &case.name);
    for (role, path) in case.files() {
        part(&mut hash, &role);
        add_path(&mut hash, path, folder, fingerprint)?;
    }
    Ok(hex(hash))
}

/// The key of a job, from the hash of its case.
///
/// # Errors
/// When the prediction cannot be read.
pub(super) fn of_job(
    job: &Job<'_>,
    case_hash: &str,
    model: &ModelFacts,
    settings: &str,
    fingerprint: Fingerprint,
) -> Result<String, IoError> {
    let mut hash = Sha256::new();
    let measures = serde_json::to_string(&job.plan.measures).unwrap_or_default();
    let truth = job.plan.measures.truth.as_ref().and_then(|c| job.case.attributes.get(c)).map_or("", String::as_str);
    let read = format!("{:?}", job.case.truth);
    let seed = job.plan.seed.to_string();
    let version = VERSION.to_string();
    let name = job.tested.name();
    for text in [&version, case_hash, name, &model.hash, settings, &measures, truth, &read, &seed] {
        part(&mut hash, text);
    }
    if let Some(prediction) = job.prediction {
        add_path(&mut hash, prediction, &job.plan.folder, fingerprint)?;
    }
    Ok(hex(hash))
}

/// With its length, so that no two lists of parts run together into one.
fn part(hash: &mut Sha256, text: &str) {
    hash.update((text.len() as u64).to_le_bytes());
    hash.update(text.as_bytes());
}

fn add_path(hash: &mut Sha256, path: &Path, folder: &Path, fingerprint: Fingerprint) -> Result<(), IoError> {
    // Relative where it can be, so that a project that is moved keeps its results.
    part(hash, &path.strip_prefix(folder).unwrap_or(path).to_string_lossy());
    for file in files(path)? {
        let wrong = |e: io::Error| IoError::system(&file, e);
        part(hash, &file.strip_prefix(path).unwrap_or(&file).to_string_lossy());
        match fingerprint {
            Fingerprint::Times => {
                let facts = std::fs::metadata(&file).map_err(wrong)?;
                let changed = facts.modified().ok().and_then(|t| t.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
                part(hash, &format!("{} {}", facts.len(), changed.as_nanos()));
            }
            Fingerprint::Content => {
                let mut reader = std::fs::File::open(&file).map_err(wrong)?;
                let mut content = Sha256::new();
                let mut buffer = vec![0; 1 << 16];
                loop {
                    let n = reader.read(&mut buffer).map_err(wrong)?;
                    if n == 0 {
                        break;
                    }
                    content.update(&buffer[..n]);
                }
                part(hash, &hex(content));
            }
        }
    }
    Ok(())
}

/// The file itself, or every file of a folder (a DICOM series) in the order of the paths.
fn files(path: &Path) -> Result<Vec<PathBuf>, IoError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(|e| IoError::system(path, e))? {
        let entry = entry.map_err(|e| IoError::system(path, e))?;
        // A link to a folder is not followed, since it may lead back.
        match entry.file_type().map_err(|e| IoError::system(entry.path(), e))?.is_dir() {
            true => files.extend(self::files(&entry.path())?),
            false => files.push(entry.path()),
        }
    }
    files.sort();
    Ok(files)
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
}
