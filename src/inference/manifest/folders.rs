//! Model folders: where they are looked for, and what is wrong with one that does not open.

use std::path::{Path, PathBuf};

use super::{Manifest, ParseError, checks, parse};
use crate::io::folders;

/// The manifest's file name.
const FILE: &str = "manifest.toml";

/// No manifest is larger.
const LARGEST: u64 = 4 << 20;

/// Why a folder is no model.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// No model of that name.
    #[error("there is no model `{name}`{}; `veritome models` lists those that are there", near.as_ref().map(|n| format!(" (the nearest is `{n}`)")).unwrap_or_default())]
    NotFound {
        /// What was asked for.
        name: String,
        /// The nearest name that is there.
        near: Option<String>,
    },
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The manifest is no TOML, or has unknown keys.
    #[error("{}: {error}", path.display())]
    Parse {
        /// Which manifest.
        path: PathBuf,
        /// What is wrong.
        error: ParseError,
    },
    /// The manifest contradicts itself.
    #[error("{}: {problem}", path.display())]
    Invalid {
        /// Which manifest.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A file of the model has another hash than the manifest says.
    #[error("{}: its SHA-256 is {found}, but the manifest expects {expected}; the file was changed or damaged, fetch the model again", path.display())]
    Hash {
        /// Which file.
        path: PathBuf,
        /// What the manifest says.
        expected: String,
        /// What the file has.
        found: String,
    },
    /// The graph is not what it claims, or reaches outside its folder.
    #[error("{}: {problem}", path.display())]
    Graph {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

/// A folder with a manifest that was read and checked. Cheap enough to clone.
#[derive(Debug, Clone)]
pub struct Model {
    /// The folder.
    pub folder: PathBuf,
    /// Its manifest.
    pub manifest: Manifest,
}

impl Model {
    /// Reads and checks the manifest of a folder; the weights are checked when they are used.
    ///
    /// # Errors
    /// When the manifest is missing, is no TOML, has unknown keys, or contradicts itself.
    pub fn open(folder: &Path) -> Result<Self, ModelError> {
        let path = folder.join(FILE);
        let file_error = |source| ModelError::File { path: path.clone(), source };
        if std::fs::metadata(&path).map_err(file_error)?.len() > LARGEST {
            return Err(ModelError::Invalid { path, problem: "is larger than a manifest can be (4 MB)".into() });
        }
        let text = std::fs::read_to_string(&path).map_err(file_error)?;
        let manifest = parse::parse(&text).map_err(|error| ModelError::Parse { path: path.clone(), error })?;
        checks::check(&manifest).map_err(|problem| ModelError::Invalid { path, problem })?;
        Ok(Self { folder: folder.to_owned(), manifest })
    }

    /// `name version`.
    #[must_use]
    pub fn title(&self) -> String {
        format!("{} {}", self.manifest.name, self.manifest.version)
    }

    /// Reads every file that the manifest names and holds it against its hash, without running it.
    ///
    /// # Errors
    /// When one is missing, was changed, is no graph, or points outside the folder; when a file of the guard
    /// does not hold what it should.
    pub fn verify_weights(&self) -> Result<(), ModelError> {
        self.manifest.files.0.keys().try_for_each(|role| super::weights::Weights::read(self, role).map(drop))?;
        crate::inference::guard::verify(self)
    }

    /// The card as Markdown, if the folder has one.
    #[must_use]
    pub fn card(&self) -> Option<String> {
        std::fs::read_to_string(self.folder.join("CARD.md")).ok()
    }
}

/// A folder that [`models`] came across.
#[derive(Debug)]
pub struct FoundModel {
    /// The folder.
    pub folder: PathBuf,
    /// The model, or why it is none.
    pub model: Result<Model, ModelError>,
}

/// The folders that hold model folders, in order.
fn roots() -> Vec<PathBuf> {
    let mut roots = Vec::new();
    if let Some(list) = std::env::var_os("VERITOME_MODELS") {
        roots.extend(std::env::split_paths(&list).filter(|p| !p.as_os_str().is_empty()));
    }
    if let Some(folder) = std::env::current_exe().ok().as_deref().and_then(Path::parent) {
        roots.push(folder.join("models"));
    }
    // While developing, the executable lies in `target`, far from the repository's models.
    roots.push(Path::new(env!("CARGO_MANIFEST_DIR")).join("models"));
    roots.extend(folders::data().map(|d| d.join("models")));
    roots
}

/// Every model folder, each name once: the first place wins, in the order `VERITOME_MODELS`, beside the executable,
/// the repository, the data folder.
#[must_use]
pub fn models() -> Vec<FoundModel> {
    models_in(&roots())
}

fn models_in(roots: &[PathBuf]) -> Vec<FoundModel> {
    let mut found: Vec<FoundModel> = Vec::new();
    for root in roots {
        // A path in VERITOME_MODELS may be a model itself.
        let mut folders: Vec<PathBuf> = if root.join(FILE).is_file() {
            vec![root.clone()]
        } else {
            let entries = std::fs::read_dir(root).into_iter().flatten();
            entries.filter_map(Result::ok).map(|e| e.path()).filter(|p| p.join(FILE).is_file()).collect()
        };
        folders.sort();
        for folder in folders {
            let known = found.iter().any(|f| f.folder.file_name() == folder.file_name());
            if !known {
                found.push(FoundModel { model: Model::open(&folder), folder });
            }
        }
    }
    found
}

/// The model of a name, or in the folder of a path.
///
/// # Errors
/// When there is none, or its manifest is not right.
pub fn find(name_or_path: &str) -> Result<Model, ModelError> {
    find_in(name_or_path, &roots())
}

fn find_in(name_or_path: &str, roots: &[PathBuf]) -> Result<Model, ModelError> {
    let path = Path::new(name_or_path);
    if path.join(FILE).is_file() {
        return Model::open(path);
    }
    if path.file_name().is_some_and(|n| n == FILE) && path.is_file() {
        return Model::open(path.parent().unwrap_or(Path::new(".")));
    }
    let is_path = path.components().count() > 1;
    if is_path && path.is_dir() {
        let problem = format!("there is no {FILE} in it, so that it is no model");
        return Err(ModelError::Invalid { path: path.to_owned(), problem });
    }
    let mut names = Vec::new();
    for found in models_in(roots) {
        let folder_name = found.folder.file_name().is_some_and(|n| n == name_or_path);
        match found.model {
            Ok(model) if model.manifest.name == name_or_path => return Ok(model),
            Ok(model) => names.push(model.manifest.name),
            Err(error) if folder_name => return Err(error),
            Err(_) => {}
        }
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let near = parse::nearest(name_or_path, &names).map(str::to_owned);
    Err(ModelError::NotFound { name: name_or_path.to_owned(), near })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "helpers of tests")]
    use super::*;

    const GOOD: &str = r##"
schema = 1
name = "tiny"
version = "1.0.0"
title = "Tiny"
task = "segmentation"
status = "demonstration"
intended_use = "Tests"
license = "MIT"
[files]
network = { path = "model.onnx", sha256 = "0000000000000000000000000000000000000000000000000000000000000000" }
[[inputs]]
name = "t1"
tensor = "image"
[preprocess]
orientation = "RAS"
spacing_mm = [2, 2.0, 2.0]
normalize = [{ kind = "zscore", nonzero = true }]
[inferer]
kind = "whole"
[[outputs]]
name = "brain"
tensor = "out"
kind = "probabilities"
labels = [{ value = 1, name = "Brain", color = "#e8b070", scheme = "SCT", code = "12738006" }]
[postprocess]
largest_component = [1]
"##;

    fn open(text: &str) -> Result<Model, ModelError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), text).unwrap();
        Model::open(folder.path())
    }

    fn error(from: &str, to: &str) -> String {
        assert!(GOOD.contains(from), "{from}");
        open(&GOOD.replacen(from, to, 1)).unwrap_err().to_string()
    }

    #[test]
    fn a_good_manifest_opens() {
        open(GOOD).unwrap();
        let members = GOOD.replace("network =", "network.1 =");
        assert!(open(&members).unwrap().manifest.files.0.contains_key("network.1"));
    }

    #[test]
    fn unknown_keys_name_the_nearest_known_one_and_the_line() {
        let e = error("spacing_mm", "spacing");
        assert!(
            e.contains("line 17") && e.contains("`spacing`") && e.contains("nearest known key is `spacing_mm`"),
            "{e}"
        );
        let e = error("nonzero = true", "nonzeros = true");
        assert!(e.contains("`nonzeros`") && e.contains("`nonzero`") && e.contains("line 18"), "{e}");
        let e = error("network =", "netwrk =");
        assert!(e.contains("nearest known key is `network`"), "{e}");
        let e = error("kind = \"whole\"", "kind = \"hole\"");
        assert!(e.contains("unknown value `hole`") && e.contains("`whole`"), "{e}");
        let e = error("kind = \"zscore\"", "kind = \"z-score\"");
        assert!(e.contains("`zscore`"), "{e}");
        let e = error("scheme =", "sceme =");
        assert!(e.contains("`scheme`"), "{e}");
    }

    #[test]
    fn contradictions_are_named_by_their_key() {
        for (from, to, says) in [
            ("schema = 1", "schema = 2", "schema"),
            ("\"RAS\"", "\"RAL\"", "preprocess.orientation"),
            ("[2, 2.0, 2.0]", "[2, 0.0, 2.0]", "spacing_mm must be three numbers above 0"),
            ("[2, 2.0, 2.0]", "[\"native\", \"native\", \"native\"]", "preprocess.spacing_mm"),
            ("[2, 2.0, 2.0]", "[2, 2.0]", "spacing_mm must be three numbers above 0"),
            ("model.onnx", "../model.onnx", "inside the model's folder"),
            ("model.onnx", "/model.onnx", "inside the model's folder"),
            ("000000\" }", "\" }", "64 hexadecimal"),
            ("value = 1", "value = 0", "outputs.brain.labels"),
            ("#e8b070", "orange", "#rrggbb"),
            (
                "kind = \"probabilities\"",
                "kind = \"probabilities\"\nexplains = \"brain\"",
                "outputs.brain.explains: there is no other",
            ),
            ("kind = \"whole\"", "kind = \"sliding_window\"", "inferer.patch"),
            ("kind = \"whole\"", "kind = \"slices\"\npatch = [64, 64]", "three numbers along the patient's x, y and z"),
            ("kind = \"whole\"", "kind = \"whole\"\nlayout = \"NCXY\"", "inferer.layout"),
            ("name = \"t1\"\n", "name = \"t1\"\nchannel = 1\n", "no input for channel 0"),
            ("largest_component", "median = 4\nlargest_component", "postprocess.median"),
            ("name = \"brain\"", "name = \"../brain\"", "file name"),
        ] {
            let e = error(from, to);
            assert!(e.contains(says) && e.contains(FILE), "{from} -> {to}: {e}");
        }
    }

    #[test]
    fn names_and_paths_are_found_and_misses_name_the_nearest() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("tiny");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join(FILE), GOOD).unwrap();
        let roots = [root.path().to_owned()];
        assert_eq!(find_in("tiny", &roots).unwrap().folder, folder);
        assert_eq!(find_in(folder.to_str().unwrap(), &[]).unwrap().manifest.name, "tiny");
        let e = find_in("tinny", &roots).unwrap_err().to_string();
        assert!(e.contains("nearest is `tiny`"), "{e}");
    }

    #[test]
    fn every_example_key_of_the_shared_manifest_is_known() {
        // The example of MANIFEST.md with its comments and placeholders removed.
        let text = include_str!("../../../tests/data/manifest_full.toml");
        let model = open(text).unwrap();
        assert_eq!(model.manifest.uncertainty.tta[0].swap, vec![[3, 4]]);
    }
}
