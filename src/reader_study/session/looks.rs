//! Looks at the truth before all sessions were closed, noted beside the logs: also those of sessions that have no log yet.
//!
//! `logs/looks.txt` has one line of JSON a look, each with the hash of the line before, and is only ever written on.

use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::entry::{NO_LINE, line_hash};
use super::utc::Utc;

/// Name of the file in the folder of the logs.
pub const FILE: &str = "looks.txt";

/// One look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    /// Who.
    pub who: String,
    /// When, by the computer's clock.
    pub utc: Utc,
    /// Hash of the line before; [`NO_LINE`] in the first one.
    pub previous: String,
}

/// The looks of a study.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Looks {
    /// In the order in which they were noted, as far as they can be read.
    pub all: Vec<Look>,
    /// The first line that is no look or does not follow from the one before.
    pub broken: Option<usize>,
}

impl Looks {
    /// Of the file's content.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut looks = Self::default();
        let mut previous = NO_LINE.to_owned();
        for (at, line) in text.lines().enumerate() {
            let look = serde_json::from_str::<Look>(line).ok();
            if look.as_ref().is_none_or(|look| look.previous != previous) {
                looks.broken.get_or_insert(at + 1);
            }
            looks.all.extend(look);
            previous = line_hash(line.as_bytes());
        }
        looks
    }

    /// Of the folder of the logs; none where nobody looked.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn read(logs: &Path) -> std::io::Result<Self> {
        match std::fs::read(logs.join(FILE)) {
            Ok(bytes) => Ok(Self::parse(&String::from_utf8_lossy(&bytes))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }
}

/// Notes a look; makes folder and file where they are not there yet.
///
/// # Errors
/// When the disk takes no more.
pub fn note(logs: &Path, who: &str, utc: Utc) -> std::io::Result<()> {
    std::fs::create_dir_all(logs)?;
    let path = logs.join(FILE);
    let before = std::fs::read(&path).or_else(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Ok(Vec::new()),
        _ => Err(error),
    })?;
    let last = before.split(|byte| *byte == b'\n').rfind(|line| !line.is_empty());
    let look = Look { who: who.to_owned(), utc, previous: last.map_or_else(|| NO_LINE.to_owned(), line_hash) };
    let mut line = serde_json::to_string(&look)?;
    line.push('\n');
    if before.last().is_some_and(|byte| *byte != b'\n') {
        line.insert(0, '\n');
    }
    let mut file = std::fs::File::options().append(true).create(true).open(&path)?;
    file.write_all(line.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_are_written_on_and_a_line_taken_out_shows() {
        let folder = tempfile::tempdir().unwrap();
        let logs = folder.path().join("logs");
        assert_eq!(Looks::read(&logs).unwrap(), Looks::default());
        for (who, ms) in [("A", 1_000), ("B", 2_000), ("C", 3_000)] {
            note(&logs, who, Utc::from_ms(ms)).unwrap();
        }
        let found = Looks::read(&logs).unwrap();
        assert_eq!(found.all.iter().map(|look| look.who.as_str()).collect::<Vec<_>>(), ["A", "B", "C"]);
        assert_eq!(found.broken, None);
        let text = std::fs::read_to_string(logs.join(FILE)).unwrap();
        let without: String =
            text.lines().enumerate().filter(|(at, _)| *at != 1).map(|(_, l)| format!("{l}\n")).collect();
        assert_eq!(Looks::parse(&without).broken, Some(2));
        assert_eq!(Looks::parse("rubbish\n").broken, Some(1));
    }
}
