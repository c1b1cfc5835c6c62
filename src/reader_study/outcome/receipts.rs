//! Readers' receipts held against their logs: whether the last line of each is the one that was written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::errors::OutcomeError;
use super::material::Material;
use crate::reader_study::session::chain::Chain;
use crate::reader_study::session::event::Event;
use crate::reader_study::session::package_view::list_key;
use crate::reader_study::session::receipt::Receipt;

/// Hashes that readers kept, by `R1-s1`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Receipts(BTreeMap<String, String>);

/// Why a receipt cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptError {
    /// The text is none.
    #[error(
        "{text}: expected READER=HASH, READER-sSESSION=HASH, or a file of receipts; a hash has 64 digits of 0-9 a-f"
    )]
    NoReceipt {
        /// What was given.
        text: String,
    },
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Receipts {
    /// Takes in `R1=HASH` (session 1), `R1-s2=HASH`, a file that a session wrote, or a file with one such line each.
    ///
    /// # Errors
    /// When it is none of them.
    pub fn add(&mut self, text: &str) -> Result<(), ReceiptError> {
        let path = Path::new(text);
        if !path.is_file() {
            return self.line(text);
        }
        let content =
            std::fs::read_to_string(path).map_err(|source| ReceiptError::File { path: path.to_owned(), source })?;
        if let Ok(receipt) = serde_json::from_str::<Receipt>(&content) {
            return self.line(&receipt.line());
        }
        content.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')).try_for_each(|l| self.line(l))
    }

    fn line(&mut self, text: &str) -> Result<(), ReceiptError> {
        let wrong = || ReceiptError::NoReceipt { text: text.to_owned() };
        let (key, hash) = text.split_once('=').ok_or_else(wrong)?;
        let hash = hash.trim().replace(' ', "").to_ascii_lowercase();
        let is_hash = hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit());
        let key = key.trim();
        if !is_hash || key.is_empty() {
            return Err(wrong());
        }
        let names_session = key.rsplit_once("-s").is_some_and(|(_, n)| n.parse::<u32>().is_ok());
        let key = if names_session { key.to_owned() } else { list_key(key, 1) };
        self.0.insert(key, hash);
        Ok(())
    }

    /// Holds them against the logs: one line a log that was begun, and one for each receipt of none. Nothing where no receipt
    /// was given.
    #[must_use]
    pub fn check(&self, material: &Material) -> Vec<ReceiptLine> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let mut left = self.0.clone();
        let mut lines = Vec::new();
        for log in &material.logs {
            let chain = Chain::read(&log.bytes);
            let Some(Event::Opened(opened)) = chain.kept.first().map(|line| &line.entry.event) else { continue };
            let key = list_key(&opened.reader, opened.session);
            let state = match left.remove(&key) {
                None => ReceiptState::None,
                Some(hash) => match chain.kept.iter().position(|line| line.hash == hash) {
                    None => ReceiptState::Differs,
                    // What is written while the session does not run is no change of what the reader did.
                    Some(at) if chain.kept.iter().skip(at + 1).all(|l| l.entry.event.is_off_the_clock()) => {
                        ReceiptState::Confirmed
                    }
                    Some(at) => ReceiptState::Earlier { lines_after: chain.kept.len() - at - 1 },
                },
            };
            lines.push(ReceiptLine { log: log.file.clone(), state, text: state.to_string() });
        }
        lines.extend(left.into_keys().map(|key| ReceiptLine {
            log: format!("{key}.jsonl"),
            state: ReceiptState::NoLog,
            text: ReceiptState::NoLog.to_string(),
        }));
        lines
    }
}

/// What a receipt says of one log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReceiptLine {
    /// The log.
    pub log: String,
    /// What it says.
    #[serde(skip)]
    pub state: ReceiptState,
    /// The same in words.
    #[serde(rename = "receipt")]
    pub text: String,
}

/// What a receipt says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptState {
    /// The last line is the one that was written.
    #[error("confirmed: its last line is the one that the reader has the receipt of")]
    Confirmed,
    /// It is of an earlier line; what comes after is not vouched for.
    #[error("confirmed up to the reader's receipt; {lines_after} lines after it are not")]
    Earlier {
        /// How many.
        lines_after: usize,
    },
    /// No line of the log has this hash.
    #[error("DIFFERS: no line of it is the one that the reader has the receipt of")]
    Differs,
    /// Nobody gave a receipt.
    #[error("no receipt: a change of its last line could not be seen")]
    None,
    /// There is no such log.
    #[error("a receipt without a log")]
    NoLog,
}

impl ReceiptLine {
    /// Whether an analysis must not go on without somebody's word.
    #[must_use]
    pub fn is_serious(&self) -> bool {
        matches!(self.state, ReceiptState::Differs | ReceiptState::NoLog)
    }
}

impl From<ReceiptError> for OutcomeError {
    fn from(error: ReceiptError) -> Self {
        Self::Receipt(error)
    }
}
