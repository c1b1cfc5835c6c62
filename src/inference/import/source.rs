//! Which kind of export a folder is, and which graph it holds.

use std::path::{Path, PathBuf};

/// Why a folder cannot be imported at all.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Neither a bundle nor an nnU-Net export.
    #[error("{}: is neither a MONAI bundle (configs/metadata.json) nor an nnU-Net export (plans.json and dataset.json)", .0.display())]
    Unknown(PathBuf),
    /// An archive that has to be unpacked first.
    #[error("{}: unpack the archive first and name its folder", .0.display())]
    Packed(PathBuf),
    /// Plans as version 1 of nnU-Net kept them.
    #[error("{}: an nnU-Net v1 export keeps its plans as a pickle, and reading a pickle runs whatever program it holds, so it is not opened. Write the manifest by hand (docs/models.md), or train with nnU-Net v2, whose plans are JSON (nnUNetv2_convert_old_nnUNet_dataset takes the data over)", .0.display())]
    Pickled(PathBuf),
    /// A file of the export cannot be understood.
    #[error("{0}")]
    Unreadable(String),
    /// The target holds something already.
    #[error("{}: is not empty; name a folder that is not there yet", .0.display())]
    Occupied(PathBuf),
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// What was written does not open, which is a defect of the import.
    #[error("the manifest that was written does not open: {0}; this is a defect of Veritome, please report it")]
    Rejected(#[from] crate::inference::manifest::ModelError),
}

/// An export that was recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Export {
    /// A MONAI bundle.
    Monai {
        /// The bundle's root.
        root: PathBuf,
    },
    /// An nnU-Net export.
    Nnunet {
        /// Its folder.
        root: PathBuf,
        /// `plans.json` or `nnUNetPlans.json`.
        plans: PathBuf,
        /// `dataset.json`.
        dataset: PathBuf,
    },
}

impl Export {
    /// Looks at a folder, and into it where it holds a single folder (an unpacked archive).
    ///
    /// # Errors
    /// When it is neither.
    pub fn recognise(folder: &Path) -> Result<Self, ImportError> {
        if folder.is_file() {
            if folder.extension().is_some_and(|e| e.eq_ignore_ascii_case("pkl")) {
                return Err(ImportError::Pickled(folder.to_owned()));
            }
            let packed = folder.extension().is_some_and(|e| ["zip", "gz", "tar", "tgz", "ts"].iter().any(|k| e == *k));
            return Err(if packed {
                ImportError::Packed(folder.to_owned())
            } else {
                ImportError::Unknown(folder.to_owned())
            });
        }
        // The folder of a fold or the fold's own file, too.
        let is_pickle = |p: &Path| {
            let name = p.file_name().map(|n| n.to_string_lossy().to_lowercase()).unwrap_or_default();
            p.is_file() && name.ends_with(".pkl") && (name.contains("plans") || name.ends_with(".model.pkl"))
        };
        let mut places = vec![folder.to_owned()];
        let inner = children(folder, Path::is_dir);
        if let [only] = inner.as_slice() {
            places.push(only.clone());
        }
        for root in places {
            if root.join("configs/metadata.json").is_file() {
                return Ok(Self::Monai { root });
            }
            let named = |name: &str| Some(root.join(name)).filter(|p| p.is_file());
            let plans = named("plans.json").or_else(|| {
                let mut found =
                    children(&root, |p| p.file_name().is_some_and(|n| n.to_string_lossy().ends_with("Plans.json")));
                if found.len() == 1 { found.pop() } else { None }
            });
            if let (Some(plans), Some(dataset)) = (plans, named("dataset.json")) {
                return Ok(Self::Nnunet { root, plans, dataset });
            }
            if let Some(pickle) = children(&root, is_pickle).into_iter().next() {
                return Err(ImportError::Pickled(pickle));
            }
        }
        Err(ImportError::Unknown(folder.to_owned()))
    }

    /// The export's folder.
    pub fn root(&self) -> &Path {
        match self {
            Self::Monai { root } | Self::Nnunet { root, .. } => root,
        }
    }
}

/// Folders and files of a folder that a test holds for, sorted.
fn children(folder: &Path, keep: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut found: Vec<PathBuf> = entries.filter_map(Result::ok).map(|e| e.path()).filter(|p| keep(p)).collect();
    found.sort();
    found
}

/// Files with one of the endings, at most four folders deep, sorted. Links are not followed into folders.
pub(super) fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![(folder.to_owned(), 0)];
    while let Some((folder, depth)) = open.pop() {
        for path in children(&folder, |_| true) {
            if path.is_dir() && !path.is_symlink() && depth < 4 {
                open.push((path, depth + 1));
            } else if path.is_file()
                && path.extension().is_some_and(|e| endings.iter().any(|k| e.eq_ignore_ascii_case(k)))
            {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The graph: `models/model.onnx`, else `model.onnx`, else the only one that is there; or a sentence why none.
pub(super) fn graph(root: &Path) -> Result<PathBuf, String> {
    for usual in ["models/model.onnx", "model.onnx"] {
        if root.join(usual).is_file() {
            return Ok(root.join(usual));
        }
    }
    let mut all = files(root, &["onnx"]);
    match all.len() {
        1 => Ok(all.remove(0)),
        0 => Err("there is no .onnx file".to_owned()),
        n => {
            let names: Vec<String> =
                all.iter().map(|p| p.strip_prefix(root).unwrap_or(p).display().to_string()).collect();
            Err(format!(
                "there are {n} .onnx files ({}), and none is models/model.onnx; keep the one to import",
                names.join(", ")
            ))
        }
    }
}

/// Licence files of an export, and the SPDX word that the main one's text stands for, where it is a known one.
pub(super) fn licences(root: &Path) -> (Vec<PathBuf>, Option<&'static str>) {
    let is_licence = |p: &Path| {
        let name = p.file_name().map(|n| n.to_string_lossy().to_lowercase()).unwrap_or_default();
        p.is_file() && ["license", "licence", "data_license", "copying", "notice"].iter().any(|k| name.starts_with(k))
    };
    let mut found = children(root, is_licence);
    found.extend(children(&root.join("docs"), is_licence));
    let main =
        found.iter().find(|p| !p.file_name().is_some_and(|n| n.to_string_lossy().to_lowercase().starts_with("data_")));
    let spdx = main.and_then(|p| std::fs::read_to_string(p).ok()).and_then(|text| spdx(&text));
    (found, spdx)
}

fn spdx(text: &str) -> Option<&'static str> {
    let start: String =
        text.chars().take(2000).collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    let has = |word: &str| start.contains(word);
    Some(match () {
        () if has("apache license") && has("version 2.0") => "Apache-2.0",
        () if has("attribution-noncommercial-sharealike 4.0") => "CC-BY-NC-SA-4.0",
        () if has("attribution-noncommercial 4.0") => "CC-BY-NC-4.0",
        () if has("attribution-sharealike 4.0") => "CC-BY-SA-4.0",
        () if has("attribution 4.0 international") => "CC-BY-4.0",
        () if has("permission is hereby granted, free of charge") => "MIT",
        () if has("redistribution and use in source and binary forms") && has("neither the name") => "BSD-3-Clause",
        () if has("gnu general public license") && has("version 3") => "GPL-3.0-only",
        () => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_recognised_also_one_level_down() {
        let folder = tempfile::tempdir().unwrap();
        let at = |p: &str| {
            let path = folder.path().join(p);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, "{}").unwrap();
            path
        };
        assert!(matches!(Export::recognise(folder.path()), Err(ImportError::Unknown(_))));
        at("inner/nnUNetPlans.json");
        at("inner/dataset.json");
        let root = folder.path().join("inner");
        assert_eq!(Export::recognise(folder.path()).unwrap().root(), root);
        at("inner/configs/metadata.json");
        assert_eq!(Export::recognise(folder.path()).unwrap(), Export::Monai { root: root.clone() });
        assert!(matches!(Export::recognise(&at("a.zip")), Err(ImportError::Packed(_))));
        // The pickle would not even be one.
        let v1 = at("v1/plans.pkl");
        for place in [v1.parent().unwrap(), &v1] {
            let e = Export::recognise(place).unwrap_err();
            let (name, text) = (matches!(&e, ImportError::Pickled(p) if *p == v1), e.to_string());
            assert!(name && text.contains("pickle") && text.contains("not opened"), "{text}");
        }

        assert!(graph(&root).unwrap_err().contains("no .onnx"));
        at("inner/a/net.onnx");
        assert!(graph(&root).unwrap().ends_with("a/net.onnx"));
        at("inner/b.onnx");
        assert!(graph(&root).unwrap_err().contains("2 .onnx files"));
        at("inner/models/model.onnx");
        assert!(graph(&root).unwrap().ends_with("models/model.onnx"));
    }

    #[test]
    fn licences_are_known_by_their_text() {
        assert_eq!(spdx("   Apache License\n  Version 2.0, January 2004"), Some("Apache-2.0"));
        assert_eq!(spdx("Permission is hereby granted,\nfree of charge, to any"), Some("MIT"));
        assert_eq!(spdx("All rights reserved"), None);
    }
}
