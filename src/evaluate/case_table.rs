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
                let line = e.position().map(csv::Position::line);
                let found = match e.kind() {
                    csv::ErrorKind::UnequalLengths { len, .. } => format!("{len} cells"),
                    _ => e.to_string(),
                };
                wrong(line, &format!("{} cells", names.len()), found)
            })?;
            let line = record.position().map_or(0, csv::Position::line);
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
