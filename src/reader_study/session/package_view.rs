//! What a session needs of the files that a reader gets: `study.json` and the reading lists.

use crate::reader_study::design::{PublicList, PublicStudy, Question};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::entry::line_hash;
use super::order::Expected;

/// `R1-s2`: how files and lists name a reader's session.
#[must_use]
pub fn list_key(reader: &str, session: u32) -> String {
    format!("{reader}-s{session}")
}

/// Why the files of a study cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// A file cannot be read.
    #[error("{file} cannot be read: {source}")]
    Read {
        /// The file.
        file: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("{file} is malformed: {source}")]
    Malformed {
        /// The file.
        file: String,
        /// Where and why.
        source: serde_json::Error,
    },
    /// A list was changed, or belongs to something else.
    #[error("{file} {what}")]
    List {
        /// The file.
        file: String,
        /// What is wrong.
        what: String,
    },
}

/// A study's public folder.
#[derive(Debug, Clone, PartialEq)]
pub struct PackageView {
    /// The folder.
    pub folder: PathBuf,
    /// Its `study.json`.
    pub study: PublicStudy,
}

impl PackageView {
    /// Reads `study.json` of a folder.
    ///
    /// # Errors
    /// When it cannot be read or is malformed.
    pub fn read(folder: &Path) -> Result<Self, PackageError> {
        let study = parse(&folder.join("study.json"), &read(&folder.join("study.json"))?)?;
        Ok(Self { folder: folder.to_owned(), study })
    }

    /// A reader's list with the hash of its file, verified against `study.json`.
    ///
    /// # Errors
    /// When it cannot be read, was changed, or is of another reader, session or plan.
    pub fn list(&self, reader: &str, session: u32) -> Result<(PublicList, String), PackageError> {
        let key = list_key(reader, session);
        let path = self.folder.join("lists").join(format!("{key}.json"));
        let bytes = read(&path)?;
        let list: PublicList = parse(&path, &bytes)?;
        let hash = line_hash(&bytes);
        let wrong = |what: &str| PackageError::List { file: path.display().to_string(), what: what.to_owned() };
        match self.study.lists.get(&key) {
            None => return Err(wrong("is not among the lists of study.json")),
            Some(expected) if *expected != hash => return Err(wrong("was changed: study.json has another hash of it")),
            Some(_) => {}
        }
        if list.plan_sha256 != self.study.plan_sha256 {
            return Err(wrong("is of another plan"));
        }
        if list.reader != reader || list.session != session {
            return Err(wrong("is of another reader or session"));
        }
        Ok((list, hash))
    }

    /// Where the log of a session lies.
    #[must_use]
    pub fn log_path(&self, reader: &str, session: u32) -> PathBuf {
        self.folder.join("logs").join(format!("{}.jsonl", list_key(reader, session)))
    }
}

impl PublicStudy {
    /// What a log of this list must say; `list_sha256` is the hash of the list's file.
    #[must_use]
    pub fn expected_log(&self, list: &PublicList, list_sha256: &str) -> Expected {
        Expected {
            reader: Some(list.reader.clone()),
            session: Some(list.session),
            plan_sha256: Some(self.plan_sha256.clone()),
            list_sha256: Some(list_sha256.to_owned()),
            codes: Some(list.trials.iter().map(|t| t.code.clone()).collect::<BTreeSet<_>>()),
            allow_back: Some(self.reading.allow_back),
        }
    }

    /// The question that the figure of merit comes from.
    #[must_use]
    pub fn primary_question(&self) -> Option<&Question> {
        self.questions.iter().find(|q| q.primary).or_else(|| self.questions.first())
    }
}

fn read(path: &Path) -> Result<Vec<u8>, PackageError> {
    std::fs::read(path).map_err(|source| PackageError::Read { file: path.display().to_string(), source })
}

fn parse<T: for<'de> Deserialize<'de>>(path: &Path, bytes: &[u8]) -> Result<T, PackageError> {
    serde_json::from_slice(bytes).map_err(|source| PackageError::Malformed { file: path.display().to_string(), source })
}
