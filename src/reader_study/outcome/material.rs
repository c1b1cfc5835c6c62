//! What an analysis starts from: the public part of a study, its lists, and the bytes of every log.

use crate::reader_study::design::{PublicList, PublicStudy};
use std::collections::BTreeMap;
use std::path::Path;

use crate::reader_study::session::looks::{self, Looks};
use crate::reader_study::session::package_view::{PackageView, list_key};

use super::errors::OutcomeError;

/// The public files of a study with its logs.
#[derive(Debug, Clone, PartialEq)]
pub struct Material {
    /// `study.json`.
    pub study: PublicStudy,
    /// The lists with the hash of their files, by `R1-s1`.
    pub lists: BTreeMap<String, (PublicList, String)>,
    /// The logs, by file name.
    pub logs: Vec<LogBytes>,
    /// Looks at the truth that were noted beside the logs.
    pub looks: Looks,
}

/// The bytes of one log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogBytes {
    /// The name of the file.
    pub file: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

impl Material {
    /// Reads a study's folder. Lists are verified against `study.json`; logs are read as they are.
    ///
    /// # Errors
    /// When a file cannot be read, or a list was changed.
    pub fn read(folder: &Path) -> Result<Self, OutcomeError> {
        Self::read_with_logs(folder, &folder.join("logs"))
    }

    /// The same with the logs of another folder, for instance one in which they were gathered.
    ///
    /// # Errors
    /// As [`Material::read`].
    pub fn read_with_logs(folder: &Path, logs: &Path) -> Result<Self, OutcomeError> {
        let package = PackageView::read(folder)?;
        let mut lists = BTreeMap::new();
        for key in package.study.lists.keys() {
            for reader in &package.study.readers {
                let session = key.strip_prefix(reader).and_then(|rest| rest.strip_prefix("-s")?.parse().ok());
                if let Some(session) = session.filter(|session| list_key(reader, *session) == *key) {
                    lists.insert(key.clone(), package.list(reader, session)?);
                }
            }
        }
        let looks = Looks::read(logs)
            .map_err(|source| OutcomeError::Read { file: logs.join(looks::FILE).display().to_string(), source })?;
        Ok(Self { study: package.study, lists, logs: read_logs(logs)?, looks })
    }
}

/// Every `.jsonl` file of a folder, in the order of names; none when there is no folder.
fn read_logs(folder: &Path) -> Result<Vec<LogBytes>, OutcomeError> {
    let unreadable = |file: &Path| {
        let file = file.display().to_string();
        move |source| OutcomeError::Read { file, source }
    };
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut logs = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable(folder))? {
        let path = entry.map_err(unreadable(folder))?.path();
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("jsonl")) {
            let bytes = std::fs::read(&path).map_err(unreadable(&path))?;
            let file = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            logs.push(LogBytes { file, bytes });
        }
    }
    logs.sort_by(|a, b| a.file.cmp(&b.file));
    Ok(logs)
}
