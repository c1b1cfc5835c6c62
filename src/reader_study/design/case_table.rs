//! The cases of a plan in a CSV file of their own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::errors::{Place, PlanError};
use super::plan_file::{CaseEntry, Paths};

const COLUMNS: &str =
    "id, truth, patient, group, match, training, catch, hint, tell, image:<modality> or overlay:<modality>";

/// What a column holds.
enum Column {
    Id,
    Truth,
    Patient,
    Group,
    Match,
    Training,
    Catch,
    Hint,
    Tell,
    Image(String),
    Overlay(String),
}

impl Column {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "id" => Self::Id,
            "truth" => Self::Truth,
            "patient" => Self::Patient,
            "group" => Self::Group,
            "match" => Self::Match,
            "training" => Self::Training,
            "catch" => Self::Catch,
            "hint" => Self::Hint,
            "tell" => Self::Tell,
            other => match other.split_once(':') {
                Some(("image", modality)) if !modality.is_empty() => Self::Image(modality.to_owned()),
                Some(("overlay", modality)) if !modality.is_empty() => Self::Overlay(modality.to_owned()),
                _ => return None,
            },
        })
    }
}

/// The cases and where each stands.
pub(super) fn read(path: &Path) -> Result<Vec<(CaseEntry, Place)>, PlanError> {
    let file = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|source| PlanError::Read { file: file.clone(), source })?;
    parse(&file, &bytes)
}

fn parse(file: &str, bytes: &[u8]) -> Result<Vec<(CaseEntry, Place)>, PlanError> {
    let content = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new().has_headers(false).trim(csv::Trim::All).from_reader(content);
    let mut records = reader.records();
    let unreadable = |error: csv::Error| PlanError::Syntax {
        place: Place::new(file, error.position().map(|at| at.line() as usize)),
        message: error.to_string(),
    };
    let Some(header) = records.next().transpose().map_err(unreadable)? else {
        let remedy = format!("begin with a line of columns: {COLUMNS}");
        return Err(PlanError::value(Place::new(file, None), "the table of cases is empty", remedy));
    };
    let columns = columns(&header, &place(file, &header))?;
    let mut cases = Vec::new();
    for record in records {
        let record = record.map_err(unreadable)?;
        let place = place(file, &record);
        let case = case(&columns, &record, &place)?;
        cases.push((case, place));
    }
    Ok(cases)
}

fn place(file: &str, record: &csv::StringRecord) -> Place {
    Place::new(file, record.position().map(|at| at.line() as usize))
}

fn columns(header: &csv::StringRecord, place: &Place) -> Result<Vec<Column>, PlanError> {
    for (i, name) in header.iter().enumerate() {
        if header.iter().take(i).any(|earlier| earlier == name) {
            let problem = format!("column `{name}` stands there twice");
            return Err(PlanError::value(place.clone(), problem, "remove one of them"));
        }
    }
    if !header.iter().any(|name| name == "id") {
        let remedy = format!("columns are divided by commas and are {COLUMNS}");
        return Err(PlanError::value(place.clone(), "there is no column `id`", remedy));
    }
    let column = |name: &str| {
        let unknown =
            || PlanError::value(place.clone(), format!("unknown column `{name}`"), format!("it may be {COLUMNS}"));
        Column::named(name).ok_or_else(unknown)
    };
    header.iter().map(column).collect()
}

fn case(columns: &[Column], record: &csv::StringRecord, place: &Place) -> Result<CaseEntry, PlanError> {
    let mut case = CaseEntry { images: BTreeMap::new(), ..CaseEntry::default() };
    let wrong = |column: &str, found: &str, expected: &str| {
        PlanError::value(place.clone(), format!("{column} is `{found}`"), expected.to_owned())
    };
    let yes = |column: &str, cell: &str| match cell.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" => Ok(true),
        "false" | "0" | "no" | "" => Ok(false),
        _ => Err(wrong(column, cell, "write true or false, or leave it empty")),
    };
    for (column, cell) in columns.iter().zip(record) {
        let text = || Some(cell.to_owned()).filter(|text| !text.is_empty());
        match column {
            Column::Id => case.id = cell.to_owned(),
            Column::Truth => {
                case.truth = match cell {
                    "" => None,
                    "0" => Some(false),
                    "1" => Some(true),
                    other => return Err(wrong("truth", other, "write 0 or 1, or leave it empty")),
                }
            }
            Column::Patient => case.patient = text(),
            Column::Group => case.group = text(),
            Column::Match => case.match_group = text(),
            Column::Hint => case.hint = text().map(PathBuf::from),
            Column::Tell => case.tell = text(),
            Column::Training => case.training = yes("training", cell)?,
            Column::Catch => case.catch = yes("catch", cell)?,
            Column::Image(modality) => {
                let paths: Vec<PathBuf> =
                    cell.split(';').map(str::trim).filter(|path| !path.is_empty()).map(PathBuf::from).collect();
                if !paths.is_empty() {
                    case.images.insert(modality.clone(), Paths::Several(paths));
                }
            }
            Column::Overlay(modality) => {
                if let Some(path) = text() {
                    case.overlay.insert(modality.clone(), PathBuf::from(path));
                }
            }
        }
    }
    Ok(case)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(table: &str) -> String {
        parse("cases.csv", table.as_bytes()).err().expect("it is refused").to_string()
    }

    #[test]
    fn a_table_becomes_cases_with_their_lines() {
        let table = "\u{feff}id,truth,match,training,image:a,image:b\n\
                     c1,1,m,yes,a/1.nii; a/1b.nii,b/1.nii\n\
                     c2,,,,a/2.nii,\n";
        let cases = parse("cases.csv", table.as_bytes()).unwrap();
        let (first, place) = &cases[0];
        assert_eq!((first.id.as_str(), first.truth, first.training, place.line), ("c1", Some(true), true, Some(2)));
        assert_eq!(first.match_group.as_deref(), Some("m"));
        assert!(matches!(&first.images["a"], Paths::Several(paths) if paths.len() == 2));
        let (second, place) = &cases[1];
        assert_eq!((second.truth, second.match_group.as_deref(), place.line), (None, None, Some(3)));
        assert_eq!(second.images.keys().collect::<Vec<_>>(), ["a"]);
    }

    #[test]
    fn errors_name_file_line_and_cell() {
        assert_eq!(refused("id,truth\nc1,2\n"), "cases.csv line 2: truth is `2`; write 0 or 1, or leave it empty");
        assert!(refused("id,images\n").starts_with("cases.csv line 1: unknown column `images`; it may be id, truth"));
        assert!(refused("id;truth\nc1;1\n").contains("no column `id`; columns are divided by commas"));
        assert!(refused("id,id\n").contains("column `id` stands there twice"));
        assert!(refused("id,catch\nc1,perhaps\n").contains("catch is `perhaps`"));
        assert!(refused("").contains("is empty"));
        assert!(refused("id,truth\nc1\n").starts_with("cases.csv line 2"));
    }
}
