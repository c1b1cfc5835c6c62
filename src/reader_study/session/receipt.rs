//! What a reader keeps of a session: the hash of the log's last line. With it anybody can tell later whether a line of the log
//! was changed, the last one too.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::log::SessionLog;
use super::package_view::list_key;
use crate::io::IoError;
use crate::io::write::target::write_whole;

/// A receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// The reader's id.
    pub reader: String,
    /// The session, from 1.
    pub session: u32,
    /// The registered hash of the plan.
    pub plan_sha256: String,
    /// How many lines count.
    pub lines: usize,
    /// SHA-256 of the last of them.
    pub last_line_sha256: String,
}

impl Receipt {
    /// Of a log as it stands.
    #[must_use]
    pub fn of(log: &SessionLog, reader: &str, session: u32, plan_sha256: &str) -> Self {
        Self {
            reader: reader.to_owned(),
            session,
            plan_sha256: plan_sha256.to_owned(),
            lines: log.entries().len(),
            last_line_sha256: log.last_hash().to_owned(),
        }
    }

    /// `R1-s1.receipt.json` beside the log.
    #[must_use]
    pub fn path(log: &Path) -> PathBuf {
        log.with_extension("receipt.json")
    }

    /// Writes it whole or not at all.
    ///
    /// # Errors
    /// When the disk takes no more.
    pub fn write(&self, path: &Path) -> Result<(), IoError> {
        let text = serde_json::to_string_pretty(self).map_err(|e| IoError::system(path, std::io::Error::other(e)))?;
        write_whole(path, |file| file.write_all(text.as_bytes()))
    }

    /// `R1-s1=` and the hash, as `study analyze --receipt` takes it.
    #[must_use]
    pub fn line(&self) -> String {
        format!("{}={}", list_key(&self.reader, self.session), self.last_line_sha256)
    }
}
