//! Name patterns such as `data/{case}/t1.nii.gz`: `{case}` is the case's name, `*` any letters within one name.
//!
//! ```
//! use veritome::evaluate::Pattern;
//! assert!(Pattern::parse("data/{case}/t1.nii.gz").is_ok());
//! let error = Pattern::parse("data/t1.nii.gz").unwrap_err();
//! assert_eq!(error.to_string(), "`data/t1.nii.gz` names one file; put {case} where the name of the case stands");
//! ```

use std::collections::BTreeSet;
use std::io;
use std::path::{Component, Path, PathBuf};

/// A pattern of paths, relative to the plan's folder unless it begins with `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    /// Where it begins; empty for the base.
    root: PathBuf,
    steps: Vec<Vec<Piece>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Letters(String),
    Case,
    Any,
}

/// Why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Nothing in it stands for the case.
    #[error("`{0}` names one file; put {{case}} where the name of the case stands")]
    NoCase(String),
    /// Something else in braces.
    #[error("`{pattern}` holds {{{found}}}; only {{case}} is known")]
    Unknown {
        /// The pattern.
        pattern: String,
        /// What is between the braces.
        found: String,
    },
    /// A brace without its partner.
    #[error("`{0}` has a brace without its partner")]
    Brace(String),
    /// Folders of any depth.
    #[error("`{0}` holds `**`; write each folder out, `*` stands for one name")]
    Depth(String),
    /// Nothing at all.
    #[error("the pattern is empty")]
    Empty,
}

/// A file or folder that a pattern fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The names of the case that the path can be read as, at least one; more than one where `*` stands beside `{case}`.
    pub cases: Vec<String>,
    /// Where it is.
    pub path: PathBuf,
}

impl Pattern {
    /// Reads a pattern; folders are parted by `/`.
    ///
    /// # Errors
    /// When it is empty, has no `{case}`, or holds other braces or `**`.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if text.is_empty() {
            return Err(PatternError::Empty);
        }
        if text.contains("**") {
            return Err(PatternError::Depth(text.to_owned()));
        }
        let is_root = |c: &Component<'_>| matches!(c, Component::Prefix(_) | Component::RootDir);
        let root: PathBuf = Path::new(text).components().take_while(is_root).collect();
        let drive = root.to_string_lossy().trim_end_matches(['/', '\\']).to_owned();
        let names = text.split('/').filter(|step| !step.is_empty() && *step != drive);
        let steps = names.map(|step| pieces(text, step)).collect::<Result<Vec<_>, _>>()?;
        if !steps.iter().flatten().any(|p| *p == Piece::Case) {
            return Err(PatternError::NoCase(text.to_owned()));
        }
        Ok(Self { text: text.to_owned(), root, steps })
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Every file or folder that fits, in the order of the paths. Names that begin with a dot fit only a pattern that says so.
    ///
    /// # Errors
    /// When a folder exists and cannot be read; first: the folder.
    pub fn find(&self, base: &Path) -> Result<Vec<Found>, (PathBuf, io::Error)> {
        let mut found = Vec::new();
        walk(&self.steps, base.join(&self.root), &BTreeSet::from([None]), &mut found)?;
        found.sort_by(|a: &Found, b| a.path.cmp(&b.path));
        Ok(found)
    }
}

fn pieces(pattern: &str, step: &str) -> Result<Vec<Piece>, PatternError> {
    let brace = || PatternError::Brace(pattern.to_owned());
    let (mut pieces, mut rest) = (Vec::new(), step);
    while let Some(at) = rest.find(['{', '}', '*']) {
        let (before, special) = rest.split_at(at);
        if !before.is_empty() {
            pieces.push(Piece::Letters(before.to_owned()));
        }
        if let Some(after) = special.strip_prefix('*') {
            pieces.push(Piece::Any);
            rest = after;
            continue;
        }
        let (name, after) = special.strip_prefix('{').and_then(|s| s.split_once('}')).ok_or_else(brace)?;
        if name != "case" {
            return Err(PatternError::Unknown { pattern: pattern.to_owned(), found: name.to_owned() });
        }
        pieces.push(Piece::Case);
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Letters(rest.to_owned()));
    }
    Ok(pieces)
}

/// What `{case}` was so far; `None` before it has stood anywhere.
type Bindings = BTreeSet<Option<String>>;

fn walk(
    steps: &[Vec<Piece>],
    at: PathBuf,
    bound: &Bindings,
    found: &mut Vec<Found>,
) -> Result<(), (PathBuf, io::Error)> {
    let Some((step, rest)) = steps.split_first() else {
        if at.exists() {
            found.push(Found { cases: bound.iter().flatten().cloned().collect(), path: at });
        }
        return Ok(());
    };
    match step.as_slice() {
        [Piece::Letters(name)] => walk(rest, at.join(name), bound, found),
        step => {
            let entries = match std::fs::read_dir(&at) {
                Ok(entries) => entries,
                Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(()),
                Err(e) => return Err((at, e)),
            };
            for entry in entries {
                let name = entry.map_err(|e| (at.clone(), e))?.file_name();
                // A name that is no Unicode can be neither written into a table nor matched.
                let Some(name) = name.to_str() else { continue };
                let wants_dot = matches!(step.first(), Some(Piece::Letters(l)) if l.starts_with('.'));
                if name.starts_with('.') && !wants_dot {
                    continue;
                }
                let readings: Bindings = bound.iter().flat_map(|b| read(step, name, b.as_deref())).collect();
                if !readings.is_empty() {
                    walk(rest, at.join(name), &readings, found)?;
                }
            }
            Ok(())
        }
    }
}

/// Every way to read `name` as `pieces`, as what `{case}` then is.
fn read(pieces: &[Piece], name: &str, bound: Option<&str>) -> Bindings {
    let Some((piece, rest)) = pieces.split_first() else {
        return if name.is_empty() { Bindings::from([bound.map(str::to_owned)]) } else { Bindings::new() };
    };
    let cuts = || name.char_indices().map(|(at, _)| at).chain([name.len()]);
    match (piece, bound) {
        (Piece::Letters(letters), _) => {
            name.strip_prefix(letters.as_str()).map(|after| read(rest, after, bound)).unwrap_or_default()
        }
        (Piece::Any, _) => cuts().flat_map(|at| read(rest, &name[at..], bound)).collect(),
        (Piece::Case, Some(case)) => name.strip_prefix(case).map(|after| read(rest, after, bound)).unwrap_or_default(),
        (Piece::Case, None) => {
            cuts().filter(|at| *at > 0).flat_map(|at| read(rest, &name[at..], Some(&name[..at]))).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(paths: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for path in paths {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        folder
    }

    fn found(pattern: &str, folder: &Path) -> Vec<(String, String)> {
        let relative = |f: &Found| f.path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
        Pattern::parse(pattern)
            .unwrap()
            .find(folder)
            .unwrap()
            .iter()
            .map(|f| (f.cases.join("|"), relative(f)))
            .collect()
    }

    fn pair(case: &str, path: &str) -> (String, String) {
        (case.into(), path.into())
    }

    #[test]
    fn the_case_is_read_from_folders_and_names() {
        let folder = tree(&[
            "d/p1/t1.nii",
            "d/p2/t1.nii",
            "d/p2/t2.nii",
            "d/.p3/t1.nii",
            "d/p4",
            "e/p1_t1.nii",
            "e/._p1_t1.nii",
        ]);
        let at = folder.path();
        assert_eq!(found("d/{case}/t1.nii", at), [pair("p1", "d/p1/t1.nii"), pair("p2", "d/p2/t1.nii")]);
        assert_eq!(found("e/{case}_t1.nii", at), [pair("p1", "e/p1_t1.nii")]);
        assert_eq!(found("{case}/p1/t1.nii", at), [pair("d", "d/p1/t1.nii")]);
        assert!(found("nowhere/{case}.nii", at).is_empty());
        let absolute = format!("{}/d/{{case}}/t2.nii", at.display());
        assert_eq!(found(&absolute, at), [pair("p2", "d/p2/t2.nii")]);
    }

    #[test]
    fn the_same_case_must_stand_in_every_place() {
        let folder = tree(&["p1/p1_ct.nii", "p1/p2_ct.nii"]);
        assert_eq!(found("{case}/{case}_ct.nii", folder.path()), [pair("p1", "p1/p1_ct.nii")]);
    }

    #[test]
    fn a_star_beside_the_case_can_be_read_in_several_ways() {
        let folder = tree(&["p_01_x.nii"]);
        assert_eq!(found("{case}_*.nii", folder.path()), [pair("p|p_01", "p_01_x.nii")]);
        assert_eq!(found("p*_{case}_x.nii", folder.path()), [pair("01", "p_01_x.nii")]);
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        assert_eq!(Pattern::parse(""), Err(PatternError::Empty));
        assert_eq!(Pattern::parse("a/**/{case}"), Err(PatternError::Depth("a/**/{case}".into())));
        assert_eq!(Pattern::parse("{case"), Err(PatternError::Brace("{case".into())));
        let unknown = PatternError::Unknown { pattern: "{patient}/a".into(), found: "patient".into() };
        assert_eq!(Pattern::parse("{patient}/a"), Err(unknown));
    }
}
