//! The bytes of a graph, verified before anything reads them: hash, version, and what they point to.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{Model, ModelError, checks};
use crate::inference::{onnx, onnx_limits};
use crate::io::packages::hex;

/// A verified graph.
#[derive(Debug)]
pub(crate) struct Weights {
    /// The file.
    pub path: PathBuf,
    /// Its bytes: what was hashed is what is run.
    pub bytes: Vec<u8>,
    /// SHA-256 of the graph, hexadecimal.
    pub sha256: String,
    /// Whether weights lie in further files beside the graph; ONNX Runtime then has to read the graph from its path.
    pub external: bool,
}

/// A graph is a protobuf message, which ends at 2 GiB.
const LARGEST_GRAPH: u64 = 2 << 30;

impl Weights {
    /// Reads and verifies the file of a role (`network`).
    ///
    /// # Errors
    /// When the file is missing, has another hash, is no ONNX graph, or points outside its folder.
    pub fn read(model: &Model, role: &str) -> Result<Self, ModelError> {
        let files = &model.manifest.files.0;
        let file = files.get(role).ok_or_else(|| ModelError::Invalid {
            path: model.folder.join("manifest.toml"),
            problem: format!("files: `{role}` is missing"),
        })?;
        let path = model.folder.join(&file.path);
        confined(&model.folder, &path)?;
        let graph_error = |problem: String| ModelError::Graph { path: path.clone(), problem };
        let file_error = |source| ModelError::File { path: path.clone(), source };
        if std::fs::metadata(&path).map_err(file_error)?.len() >= LARGEST_GRAPH {
            return Err(graph_error(
                "is larger than an ONNX graph can be (2 GiB); keep its weights as external data".into(),
            ));
        }
        let bytes = std::fs::read(&path).map_err(file_error)?;
        let sha256 = hex(&Sha256::digest(&bytes));
        same_hash(&path, &file.sha256, &sha256)?;
        let facts = onnx::facts(&bytes).map_err(graph_error)?;
        let claims = onnx_limits::check(&bytes).map_err(graph_error)?;
        for location in &facts.external {
            let graph_folder = Path::new(&file.path).parent().unwrap_or(Path::new(""));
            checks::inside(location).map_err(|_| {
                graph_error(format!(
                    "its weights claim to lie at `{location}`, outside the model's folder; such a file is refused"
                ))
            })?;
            let relative = graph_folder.join(location);
            let listed = files.values().find(|f| Path::new(&f.path) == relative).ok_or_else(|| {
                graph_error(format!(
                    "its weights lie in `{}`, which has no hash in the manifest; add `data = {{ path = \"{}\", sha256 = … }}` to [files]",
                    relative.display(), relative.display()
                ))
            })?;
            let data = model.folder.join(&relative);
            confined(&model.folder, &data)?;
            let length =
                std::fs::metadata(&data).map_err(|source| ModelError::File { path: data.clone(), source })?.len();
            if let Some(claim) = claims.iter().find(|c| c.location == *location && c.end > length) {
                return Err(graph_error(format!(
                    "its weights claim to reach byte {} of `{location}`, which has {length}",
                    claim.end
                )));
            }
            same_hash(&data, &listed.sha256, &hash_file(&data)?)?;
        }
        Ok(Self { path, bytes, sha256, external: !facts.external.is_empty() })
    }
}

fn same_hash(path: &Path, expected: &str, found: &str) -> Result<(), ModelError> {
    if expected.eq_ignore_ascii_case(found) {
        return Ok(());
    }
    Err(ModelError::Hash { path: path.to_owned(), expected: expected.to_lowercase(), found: found.to_owned() })
}

/// Also behind links the file must lie in the folder.
fn confined(folder: &Path, path: &Path) -> Result<(), ModelError> {
    let real = |p: &Path| p.canonicalize().map_err(|source| ModelError::File { path: p.to_owned(), source });
    if real(path)?.starts_with(real(folder)?) {
        return Ok(());
    }
    Err(ModelError::Graph {
        path: path.to_owned(),
        problem: "leads outside the model's folder; such a file is refused".into(),
    })
}

/// A further file that the manifest names, relative to its folder.
///
/// # Errors
/// When it is missing or leads outside the folder.
pub(crate) fn path_inside(model: &Model, relative: &str) -> Result<PathBuf, ModelError> {
    let wrong = |problem| ModelError::Invalid { path: model.folder.join("manifest.toml"), problem };
    checks::inside(relative).map_err(wrong)?;
    let path = model.folder.join(relative);
    confined(&model.folder, &path)?;
    Ok(path)
}

fn hash_file(path: &Path) -> Result<String, ModelError> {
    let error = |source| ModelError::File { path: path.to_owned(), source };
    let mut file = std::fs::File::open(path).map_err(error)?;
    let mut hash = Sha256::new();
    std::io::copy(&mut file, &mut HashWriter(&mut hash)).map_err(error)?;
    Ok(hex(&hash.finalize()))
}

struct HashWriter<'a>(&'a mut Sha256);

impl std::io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
