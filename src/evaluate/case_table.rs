//! A table of cases as it stands in a CSV file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::errors::EvaluateError;
use crate::io::IoError;

/// A table with a column `case`.
#[derive(Debug)]
pub(super) struct CaseTable {
    pub path: PathBuf,
    /// Every column but `case`.
    pub columns: Vec<String>,
    pub rows: Vec<Row>,
}

#[derive(Debug)]
pub(super) struct Row {
    /// In the file, from 1.
    pub line: u64,
    pub case: String,
    /// Column to what it holds; empty cells are left out.
    pub cells: BTreeMap<String, String>,
}

/// The line of a record, from 1, by the byte where the one before it ended. The reader's own count does not know the line feed
/// of a CRLF that it has not passed yet, nor empty lines.
fn line_at(text: &str, byte: u64) -> u64 {
    let bytes = text.as_bytes();
    let at = usize::try_from(byte).unwrap_or(usize::MAX).min(bytes.len());
    let (before, after) = bytes.split_at(at);
    let ends = after.iter().take_while(|b| matches!(b, b'\r' | b'\n')).filter(|b| **b == b'\n').count();
    (before.iter().filter(|b| **b == b'\n').count() + ends + 1) as u64
}

impl CaseTable {
    /// Reads a table parted by commas, or by semicolons or tabs where its first line has these and no comma.
    ///
    /// # Errors
    /// When it cannot be read, has no column `case`, two columns of one name, or a row of another length.
    pub fn read(path: &Path) -> Result<Self, EvaluateError> {
        let text = std::fs::read_to_string(path).map_err(|e| IoError::system(path, e))?;
        let text = text.trim_start_matches('\u{feff}');
        let head = text.lines().next().unwrap_or_default();
        let parted_by = |c: char| head.contains(c) && !head.contains(',');
        let delimiter = if parted_by('\t') {
            b'\t'
        } else if parted_by(';') {
            b';'
        } else {
            b','
        };
        let wrong = |line, expected: &str, found: String| EvaluateError::Table {
            table: path.to_owned(),
            line,
            expected: expected.to_owned(),
            found,
        };
        let mut reader =
            csv::ReaderBuilder::new().delimiter(delimiter).trim(csv::Trim::All).from_reader(text.as_bytes());
        let names: Vec<String> = reader
            .headers()
            .map_err(|e| wrong(Some(1), "a line of names", e.to_string()))?
            .iter()
            .map(str::to_owned)
            .collect();
        let mut seen = BTreeSet::new();
        if let Some(twice) = names.iter().find(|n| !seen.insert(n.as_str())) {
            return Err(wrong(Some(1), "columns of different names", format!("`{twice}` twice")));
        }
        let mut table = Self { path: path.to_owned(), columns: Vec::new(), rows: Vec::new() };
        if !names.iter().any(|n| n == "case") {
            table.columns = names;
            return Err(table.lacks("case", "the name of each case"));
        }
        for record in reader.records() {
            let record = record.map_err(|e| {
                let line = e.position().map(|p| line_at(text, p.byte()));
                let found = match e.kind() {
                    csv::ErrorKind::UnequalLengths { len, .. } => format!("{len} cells"),
                    _ => e.to_string(),
                };
                wrong(line, &format!("{} cells", names.len()), found)
            })?;
            let line = record.position().map_or(0, |p| line_at(text, p.byte()));
            let mut cells: BTreeMap<String, String> =
                names.iter().cloned().zip(record.iter().map(str::to_owned)).collect();
            let case = cells.remove("case").unwrap_or_default();
            cells.retain(|_, cell| !cell.is_empty());
            table.rows.push(Row { line, case, cells });
        }
        table.columns = names.into_iter().filter(|n| n != "case").collect();
        Ok(table)
    }

    /// The error of a column that is not there.
    pub fn lacks(&self, column: &str, what_for: &str) -> EvaluateError {
        EvaluateError::Table {
            table: self.path.clone(),
            line: Some(1),
            expected: format!("a column `{column}`, {what_for}"),
            found: self.columns.join(", "),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_the_line_that_an_editor_shows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cases.csv");
        let lines = |text: &str| -> Vec<u64> {
            std::fs::write(&path, text).unwrap();
            CaseTable::read(&path).unwrap().rows.iter().map(|r| r.line).collect()
        };
        assert_eq!(lines("case,sex\na,F\nb,M\n"), [2, 3]);
        assert_eq!(lines("case,sex\r\na,F\r\nb,M\r\n"), [2, 3]);
        assert_eq!(lines("\u{feff}case,sex\r\n\r\na,F\r\n\r\n\r\nb,\"M\r\n?\"\r\nc,F"), [3, 6, 8]);
        std::fs::write(&path, "case,sex\r\na,F\r\nb\r\n").unwrap();
        let error = CaseTable::read(&path).unwrap_err().to_string();
        assert!(error.contains("line 3: expected 2 cells, found 1 cells"), "{error}");
    }
}
