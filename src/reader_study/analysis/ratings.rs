//! The ratings of a study as they stand in a file: `reader,modality,case,truth,rating`, one reading a row.
//!
//! Columns may come in any order and with others between them; header names are read without regard to case; the
//! separator is a comma, a semicolon or a tab (then ratings may have decimal commas); UTF-8 with or without a byte-order
//! mark, or UTF-16 with one. Readers, modalities and cases are text.

use std::collections::HashMap;
use std::path::Path;

use super::crossed::CrossedRatings;
use super::errors::{RatingsError, Reading, counted};

/// One reading; reader, modality and case are places in the table's lists of names.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RatingRow {
    /// The line of the file, from 1.
    pub line: u64,
    /// Who read: a place in [`RatingsTable::readers`].
    pub reader: usize,
    /// In which kind of image: a place in [`RatingsTable::modalities`].
    pub modality: usize,
    /// Which case: a place in [`RatingsTable::cases`].
    pub case: usize,
    /// Whether the case has what is looked for: disease, or being synthetic.
    pub truth: bool,
    /// The answer; higher means more likely present.
    pub rating: f64,
}

/// The readings of a file: each row is sound, no reading stands there twice and no case has two truths; their crossing is
/// not yet checked.
#[derive(Debug, Clone, PartialEq)]
pub struct RatingsTable {
    /// The file, as errors name it.
    pub file: String,
    readers: Vec<String>,
    modalities: Vec<String>,
    cases: Vec<String>,
    rows: Vec<RatingRow>,
}

/// Distinct names in order of first appearance.
#[derive(Default)]
struct Names {
    order: Vec<String>,
    places: HashMap<String, usize>,
}

impl Names {
    fn place(&mut self, name: &str) -> usize {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        self.places.insert(name.to_owned(), self.order.len());
        self.order.push(name.to_owned());
        self.order.len() - 1
    }
}

/// Rows and names as they are collected.
#[derive(Default)]
struct Collected {
    readers: Names,
    modalities: Names,
    cases: Names,
    rows: Vec<RatingRow>,
}

/// What was left out so that the crossing became complete.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Dropped {
    /// The cases that lacked at least one reading, in order of first appearance.
    pub cases: Vec<String>,
    /// How many readings of these cases were left out.
    pub readings: usize,
}

impl Dropped {
    /// What was left out of several tables.
    #[must_use]
    pub fn all(parts: impl IntoIterator<Item = Self>) -> Self {
        parts.into_iter().fold(Self { cases: Vec::new(), readings: 0 }, |mut all, part| {
            all.cases.extend(part.cases);
            all.readings += part.readings;
            all
        })
    }

    /// `2 cases (7 readings)`.
    #[must_use]
    pub fn counted(&self) -> String {
        format!("{} ({})", counted(self.cases.len() as u128, "case"), counted(self.readings as u128, "reading"))
    }
}

const COLUMNS: [&str; 5] = ["reader", "modality", "case", "truth", "rating"];

impl RatingsTable {
    /// Reads a file.
    ///
    /// # Errors
    /// When the file cannot be read, and as [`RatingsTable::parse`].
    pub fn read(path: &Path) -> Result<Self, RatingsError> {
        let file = path.display().to_string();
        let bytes = std::fs::read(path).map_err(|source| RatingsError::Read { file: file.clone(), source })?;
        Self::parse(&file, &bytes)
    }

    /// Reads the content of a file; `file` is its name in errors.
    ///
    /// # Errors
    /// When there is no rating, a column is missing, a row is malformed (an empty id, a truth that is neither yes nor
    /// no, a rating that is no finite number), a reading stands there twice, or a case has two truths.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, RatingsError> {
        let decoded = utf16(bytes);
        let bytes = decoded.as_ref().map_or(bytes, String::as_bytes);
        let content = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let delimiter = delimiter(content);
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .trim(csv::Trim::All)
            .from_reader(content);
        let mut records = reader.byte_records();
        let unreadable = |error: csv::Error| RatingsError::Row {
            file: file.to_owned(),
            line: error.position().map_or(0, csv::Position::line),
            reason: error.to_string(),
        };
        let Some(header) = records.next().transpose().map_err(unreadable)? else {
            return Err(RatingsError::Empty { file: file.to_owned() });
        };
        let columns = columns(file, &header)?;
        let mut collected = Collected::default();
        for record in records {
            let record = record.map_err(unreadable)?;
            if record.iter().all(<[u8]>::is_empty) {
                continue;
            }
            add_row(&mut collected, file, &record, (columns, delimiter != b','))?;
        }
        Self::checked(file.to_owned(), collected)
    }

    /// The readings in the file's order.
    #[must_use]
    pub fn rows(&self) -> &[RatingRow] {
        &self.rows
    }

    /// The readers in order of first appearance.
    #[must_use]
    pub fn readers(&self) -> &[String] {
        &self.readers
    }

    /// The modalities in order of first appearance.
    #[must_use]
    pub fn modalities(&self) -> &[String] {
        &self.modalities
    }

    /// The cases in order of first appearance.
    #[must_use]
    pub fn cases(&self) -> &[String] {
        &self.cases
    }

    /// The names of a reading by its places.
    pub(super) fn reading(&self, reader: usize, modality: usize, case: usize) -> Reading {
        let name = |names: &[String], at: usize| names.get(at).cloned().unwrap_or_default();
        Reading {
            reader: name(&self.readers, reader),
            modality: name(&self.modalities, modality),
            case: name(&self.cases, case),
        }
    }

    fn checked(file: String, collected: Collected) -> Result<Self, RatingsError> {
        let Collected { readers, modalities, cases, rows } = collected;
        let table = Self { file, readers: readers.order, modalities: modalities.order, cases: cases.order, rows };
        let file = || table.file.clone();
        if table.rows.is_empty() {
            return Err(RatingsError::Empty { file: file() });
        }
        let mut seen = HashMap::with_capacity(table.rows.len());
        let mut truths = HashMap::with_capacity(table.cases.len());
        for row in &table.rows {
            let RatingRow { line, reader, modality, case, truth, .. } = *row;
            let (first_line, first_truth) = *truths.entry(case).or_insert((line, truth));
            if first_truth != truth {
                let case = table.reading(reader, modality, case).case;
                return Err(RatingsError::Contradiction { file: file(), line, first_line, case });
            }
            if let Some(first_line) = seen.insert((reader, modality, case), line) {
                let reading = Box::new(table.reading(reader, modality, case));
                return Err(RatingsError::Duplicate { file: file(), line, first_line, reading });
            }
        }
        Ok(table)
    }

    /// The same readings, once it is verified that every reader read every case in every modality.
    ///
    /// # Errors
    /// When a reading is missing, or all cases have the same truth.
    pub fn crossed(&self) -> Result<CrossedRatings, RatingsError> {
        CrossedRatings::new(self)
    }

    /// The readings of each modality, where each has cases of its own (cases nested in modality); none where a case stands
    /// in two modalities, or there is one modality.
    #[must_use]
    pub fn nested(&self) -> Option<Vec<Self>> {
        let mut modality_of = vec![None; self.cases.len()];
        for row in &self.rows {
            let of_case = modality_of.get_mut(row.case)?;
            if of_case.is_some_and(|modality| modality != row.modality) {
                return None;
            }
            *of_case = Some(row.modality);
        }
        let arm = |modality: usize| {
            let mut own: Vec<RatingRow> = self.rows.iter().filter(|row| row.modality == modality).copied().collect();
            // Readers in one order in every arm.
            own.sort_by_key(|row| row.reader);
            self.only(&own)
        };
        (self.modalities.len() > 1).then(|| (0..self.modalities.len()).map(arm).collect())
    }

    /// Some of the rows, with the names that occur in them.
    fn only(&self, rows: &[RatingRow]) -> Self {
        let mut kept = Collected::default();
        for row in rows {
            let names = self.reading(row.reader, row.modality, row.case);
            kept.rows.push(RatingRow {
                reader: kept.readers.place(&names.reader),
                modality: kept.modalities.place(&names.modality),
                case: kept.cases.place(&names.case),
                ..*row
            });
        }
        let Collected { readers, modalities, cases, rows } = kept;
        Self { file: self.file.clone(), readers: readers.order, modalities: modalities.order, cases: cases.order, rows }
    }

    /// Leaves out, for every reader and modality, the cases that lack a reading; says which and how many readings.
    ///
    /// # Errors
    /// When no case was read by every reader in every modality.
    pub fn drop_incomplete(&self) -> Result<(Self, Dropped), RatingsError> {
        let needed = self.readers.len() * self.modalities.len();
        let mut readings = vec![0_usize; self.cases.len()];
        for row in &self.rows {
            if let Some(count) = readings.get_mut(row.case) {
                *count += 1;
            }
        }
        let complete = self.rows.iter().filter(|row| readings.get(row.case) == Some(&needed));
        let kept = self.only(&complete.copied().collect::<Vec<_>>());
        if kept.rows.is_empty() {
            // Says which reading is missing, where "no ratings" would mislead.
            self.crossed()?;
        }
        let incomplete = self.cases.iter().zip(&readings).filter(|(_, count)| **count != needed);
        let dropped = Dropped {
            cases: incomplete.map(|(case, _)| case.clone()).collect(),
            readings: self.rows.len() - kept.rows.len(),
        };
        Ok((kept, dropped))
    }
}

/// The text of a file in UTF-16 with its byte-order mark, as spreadsheets write "Unicode text"; none for other files.
fn utf16(bytes: &[u8]) -> Option<String> {
    let units = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let pairs = rest.chunks_exact(2).filter_map(|pair| pair.try_into().ok());
        String::from_utf16_lossy(&pairs.map(unit).collect::<Vec<u16>>())
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => Some(units(rest, u16::from_le_bytes)),
        [0xfe, 0xff, rest @ ..] => Some(units(rest, u16::from_be_bytes)),
        _ => None,
    }
}

/// The separator that the header holds most often.
fn delimiter(content: &[u8]) -> u8 {
    let header = content.split(|b| *b == b'\n').next().unwrap_or_default();
    let count = |d: u8| header.iter().filter(|b| **b == d).count();
    [b';', b'\t'].into_iter().fold(b',', |best, d| if count(d) > count(best) { d } else { best })
}

/// Where the five columns are.
fn columns(file: &str, header: &csv::ByteRecord) -> Result<[usize; 5], RatingsError> {
    let mut places = [0; 5];
    for (place, column) in places.iter_mut().zip(COLUMNS) {
        let named = || header.iter().enumerate().filter(|(_, name)| name.eq_ignore_ascii_case(column.as_bytes()));
        let found = named().count();
        let (1, Some((at, _))) = (found, named().next()) else {
            let line = header.position().map_or(1, csv::Position::line);
            return Err(RatingsError::Column { file: file.to_owned(), line, column, found });
        };
        *place = at;
    }
    Ok(places)
}

/// `decimal_comma`: a comma in a number is its decimal point, since columns are divided otherwise.
fn add_row(
    to: &mut Collected,
    file: &str,
    record: &csv::ByteRecord,
    (columns, decimal_comma): ([usize; 5], bool),
) -> Result<(), RatingsError> {
    let line = record.position().map_or(0, csv::Position::line);
    let wrong = |reason: String| RatingsError::Row { file: file.to_owned(), line, reason };
    let field = |which: usize| -> Result<&str, RatingsError> {
        let (name, at) = (COLUMNS.get(which).copied().unwrap_or_default(), columns.get(which).copied());
        let bytes = at.and_then(|at| record.get(at)).unwrap_or_default();
        let text = std::str::from_utf8(bytes).map_err(|_| wrong(format!("{name} is not UTF-8 text")))?;
        if text.is_empty() { Err(wrong(format!("{name} is empty"))) } else { Ok(text) }
    };
    let truth = field(3)?;
    let truth = parse_truth(truth).ok_or_else(|| {
        wrong(format!("truth is `{truth}`; it may be 1 or 0, yes or no, true or false, synthetic or real"))
    })?;
    let text = field(4)?;
    let is_comma = decimal_comma && text.matches(',').count() == 1 && !text.contains('.');
    let point = if is_comma { text.replace(',', ".") } else { text.to_owned() };
    let rating = point.parse::<f64>().ok().filter(|r| r.is_finite()).ok_or_else(|| {
        wrong(format!("rating is `{text}`, not a finite number; leave the row out when the case was not read"))
    })?;
    let reader = to.readers.place(field(0)?);
    let modality = to.modalities.place(field(1)?);
    let case = to.cases.place(field(2)?);
    to.rows.push(RatingRow { line, reader, modality, case, truth, rating });
    Ok(())
}

fn parse_truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "1.0" | "yes" | "y" | "true" | "t" | "positive" | "abnormal" | "diseased" | "present" | "synthetic" => {
            Some(true)
        }
        "0" | "0.0" | "no" | "n" | "false" | "f" | "negative" | "normal" | "nondiseased" | "absent" | "real" => {
            Some(false)
        }
        _ => None,
    }
}
