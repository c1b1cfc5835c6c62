//! Finished jobs, a line of JSON each: what is on a line need not be done again, whatever happens after.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::candidates::Candidates;
use super::errors::EvaluateError;
use super::measure::Measures;
use super::work::{ReliabilityCounts, ScalarPair, Scored};
use crate::io::IoError;

/// The file's name in the output folder.
pub const RESULTS: &str = "results.jsonl";

/// A finished job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Hash of everything that the result depends on.
    pub key: String,
    /// The case.
    pub case: String,
    /// The model.
    pub model: String,
    /// Why it failed; none when it did not.
    pub failed: Option<String>,
    /// How long it took.
    pub seconds: f64,
    /// When it ended, RFC 3339.
    pub finished: String,
    /// The numbers.
    pub measures: Measures,
    /// The unit of the images.
    pub unit: String,
    /// One number each of reference and test.
    pub scalars: Vec<ScalarPair>,
    /// Scores with their truth.
    pub scored: Vec<Scored>,
    /// Counts of probabilities.
    pub reliability: Vec<ReliabilityCounts>,
    /// Lesions and candidates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidates: Option<Candidates>,
    /// Pictures, relative to the output folder.
    pub pictures: Vec<StoredPicture>,
    /// What the model made.
    pub files: BTreeMap<String, PathBuf>,
    /// The provider that ran.
    pub provider: String,
    /// What the person has to know.
    pub warnings: Vec<String>,
}

/// A picture that is on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredPicture {
    /// What it shows.
    pub title: String,
    /// Its file, relative to the output folder.
    pub file: String,
    /// Whether any pixel in it was made by a model.
    pub synthetic: bool,
}

/// The file of finished jobs, locked for this process.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    file: Mutex<File>,
    known: BTreeMap<String, Record>,
    notes: Vec<String>,
}

impl Store {
    /// Opens the file in a folder, or begins it. A last line that was torn off is cut away; damaged lines before it are passed
    /// over, and their jobs will be done again. [`Self::notes`] says so.
    ///
    /// # Errors
    /// When it cannot be read or written, or another process holds it.
    pub fn open(folder: &Path) -> Result<Self, EvaluateError> {
        std::fs::create_dir_all(folder).map_err(|e| IoError::system(folder, e))?;
        let path = folder.join(RESULTS);
        let wrong = |e: std::io::Error| IoError::system(&path, e);
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(wrong)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(EvaluateError::Locked { folder: folder.to_owned() }),
            Err(TryLockError::Error(e)) => return Err(wrong(e).into()),
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(wrong)?;
        let (mut known, mut notes) = (BTreeMap::new(), Vec::new());
        let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        for (n, line) in bytes[..whole].split(|b| *b == b'\n').enumerate().filter(|(_, line)| !line.is_empty()) {
            match serde_json::from_slice::<Record>(line) {
                // A later line of the same job counts.
                Ok(record) => drop(known.insert(record.key.clone(), record)),
                Err(_) => notes.push(format!("{} line {} is damaged; its job is done again", path.display(), n + 1)),
            }
        }
        if whole < bytes.len() {
            notes.push(format!("{}: the last line was torn off; its job is done again", path.display()));
            file.set_len(whole as u64).map_err(wrong)?;
        }
        file.seek(SeekFrom::End(0)).map_err(wrong)?;
        Ok(Self { path, file: Mutex::new(file), known, notes })
    }

    /// The result of a job that is finished.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Record> {
        self.known.get(key)
    }

    /// What was wrong with the file.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Adds a finished job; when this returns it is on disk. Gives the record as it will be read back, so that a rerun shows the
    /// very same numbers.
    ///
    /// # Errors
    /// When it cannot be written. What was there before stays whole.
    pub fn add(&self, record: &Record) -> Result<Record, IoError> {
        let wrong = |e: std::io::Error| IoError::system(&self.path, e);
        let mut line = serde_json::to_vec(record).map_err(|e| wrong(e.into()))?;
        let read_back = serde_json::from_slice(&line).map_err(|e| wrong(e.into()))?;
        line.push(b'\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let before = file.stream_position().map_err(wrong)?;
        if let Err(e) = file.write_all(&line).and_then(|()| file.sync_data()) {
            // A part of a line would hide the next one. If this fails too, the next opening cuts it away.
            let _ = file.set_len(before).and_then(|()| file.seek(SeekFrom::Start(before)).map(drop));
            return Err(wrong(e));
        }
        Ok(read_back)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::measure::Measured;

    fn record(key: &str, value: f64) -> Record {
        Record {
            key: key.into(),
            case: "p1".into(),
            model: "m".into(),
            failed: None,
            seconds: 0.1,
            finished: String::new(),
            measures: Measures::from([("mae".into(), Measured::Value(value))]),
            unit: String::new(),
            scalars: Vec::new(),
            scored: Vec::new(),
            reliability: Vec::new(),
            candidates: None,
            pictures: Vec::new(),
            files: BTreeMap::new(),
            provider: String::new(),
            warnings: Vec::new(),
        }
    }

    #[test]
    fn a_torn_last_line_is_cut_away_and_the_next_one_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(RESULTS);
        Store::open(folder.path()).unwrap().add(&record("a", 1.0)).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.extend_from_slice(b"{\"key\":\"b\",\"ca");
        std::fs::write(&path, &bytes).unwrap();
        let store = Store::open(folder.path()).unwrap();
        assert!(store.notes()[0].contains("torn off") && store.get("b").is_none(), "{:?}", store.notes());
        store.add(&record("b", 2.0)).unwrap();
        drop(store);
        let store = Store::open(folder.path()).unwrap();
        assert!(store.notes().is_empty());
        assert_eq!(store.get("a").unwrap().measures["mae"], Measured::Value(1.0));
        assert_eq!(store.get("b").unwrap().measures["mae"], Measured::Value(2.0));
    }

    #[test]
    fn a_damaged_line_costs_its_own_job_only_and_a_later_line_counts() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        for (key, value) in [("a", 1.0), ("b", 2.0), ("a", 3.0)] {
            store.add(&record(key, value)).unwrap();
        }
        drop(store);
        let path = folder.path().join(RESULTS);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replacen("{\"key\":\"b\"", "{\"kex\":\"b\"", 1)).unwrap();
        let store = Store::open(folder.path()).unwrap();
        assert!(store.notes()[0].contains("line 2"), "{:?}", store.notes());
        assert_eq!(store.get("a").unwrap().measures["mae"], Measured::Value(3.0));
    }

    #[test]
    fn two_evaluations_do_not_write_into_one_folder() {
        let folder = tempfile::tempdir().unwrap();
        let _first = Store::open(folder.path()).unwrap();
        assert!(matches!(Store::open(folder.path()), Err(EvaluateError::Locked { .. })));
    }
}
