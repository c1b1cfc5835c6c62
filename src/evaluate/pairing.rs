//! From patterns or a table to cases, with what is missing of which.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::case_table::{CaseTable, Row};
use super::errors::EvaluateError;
use super::findings::{Finding, Problem};
use super::pattern::{Found, Pattern};
use super::plan::{CaseSource, Plan, Tested};
use super::truth::{self, Truth};
use crate::io::IoError;
use crate::report::numbers::counted;

/// A case with all its files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Case {
    /// What `{case}` stands for, or the column `case`.
    pub name: String,
    /// Input's name to its file or folder.
    pub inputs: BTreeMap<String, PathBuf>,
    /// What is taken for true.
    pub reference: Option<PathBuf>,
    /// What counts.
    pub mask: Option<PathBuf>,
    /// Name of a prediction to its file, or why there is none; that is then the reason of the job's failure.
    pub predictions: BTreeMap<String, Result<PathBuf, String>>,
    /// Whatever else is known: `patient`, `sex`, `age`, `scanner`, the truth; empty cells are left out.
    pub attributes: BTreeMap<String, String>,
    /// What the column of the truth says, where the plan names one and the case has a value.
    pub truth: Option<Truth>,
    /// The line of the table in which `attributes` stand, from 1; none without a table.
    pub line: Option<u64>,
}

impl Case {
    /// The patient, for statistics; the case itself where none is known.
    #[must_use]
    pub fn patient(&self) -> &str {
        self.attributes.get("patient").unwrap_or(&self.name)
    }

    /// Everything that is opened to see it: inputs, reference, mask.
    #[must_use]
    pub fn files(&self) -> Vec<(String, &Path)> {
        let inputs = self.inputs.iter().map(|(name, path)| (name.clone(), path.as_path()));
        let reference = self.reference.as_deref().map(|p| ("reference".to_owned(), p));
        let mask = self.mask.as_deref().map(|p| ("mask".to_owned(), p));
        inputs.chain(reference).chain(mask).collect()
    }
}

/// The cases of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pairing {
    /// Those that have everything; by name, or in the table's order.
    pub cases: Vec<Case>,
    /// What is wrong with the others, and what is only to be known.
    pub findings: Vec<Finding>,
}

impl Pairing {
    /// Finds the cases of a plan.
    ///
    /// # Errors
    /// When cases lack something and the plan does not say to leave them out, none is complete, a table is wrong or lacks a
    /// column that the plan names, a truth cannot be read, or a prediction's pattern fits nothing.
    pub fn of(plan: &Plan) -> Result<Self, EvaluateError> {
        let mut pairing = match &plan.cases {
            CaseSource::Patterns { inputs, reference, mask, attributes } => {
                let mut roles: Vec<(String, &Pattern)> =
                    inputs.iter().map(|(name, pattern)| (format!("input {name}"), pattern)).collect();
                roles.extend(reference.iter().map(|p| ("reference".to_owned(), p)));
                roles.extend(mask.iter().map(|p| ("mask".to_owned(), p)));
                let mut pairing = by_patterns(&roles, &plan.folder)?;
                if let Some(table) = attributes {
                    add_attributes(&mut pairing, &CaseTable::read(&plan.folder.join(table))?);
                }
                pairing
            }
            CaseSource::Table(table) => by_table(&CaseTable::read(&plan.folder.join(table))?, plan)?,
        };
        if pairing.cases.is_empty() {
            return Err(EvaluateError::NoCases { findings: pairing.findings });
        }
        if !plan.leave_out_incomplete && pairing.findings.iter().any(Finding::is_serious) {
            return Err(EvaluateError::Incomplete { findings: pairing.findings });
        }
        columns_are_there(&pairing.cases, plan)?;
        truth::read(&mut pairing.cases, plan)?;
        for tested in &plan.tested {
            if let Tested::Prediction { name, pattern } = tested {
                add_predictions(&mut pairing.cases, name, pattern, &plan.folder)?;
            }
        }
        Ok(pairing)
    }
}

fn find(pattern: &Pattern, folder: &Path) -> Result<Vec<Found>, EvaluateError> {
    pattern.find(folder).map_err(|(path, e)| IoError::system(path, e).into())
}

/// A case's name to the files that a pattern fits.
type FilesByCase = BTreeMap<String, Vec<PathBuf>>;

/// The files of each case; those of several readings go with none of them.
fn by_case(found: Vec<Found>) -> (FilesByCase, Vec<Found>) {
    let mut by_case = FilesByCase::new();
    let mut ambiguous = Vec::new();
    for one in found {
        match one.cases.as_slice() {
            [case] => by_case.entry(case.clone()).or_default().push(one.path),
            _ => ambiguous.push(one),
        }
    }
    (by_case, ambiguous)
}

fn by_patterns(roles: &[(String, &Pattern)], folder: &Path) -> Result<Pairing, EvaluateError> {
    let mut findings = Vec::new();
    let mut files: Vec<(&str, &Pattern, FilesByCase)> = Vec::new();
    for (what, pattern) in roles {
        let (found, ambiguous) = by_case(find(pattern, folder)?);
        for Found { path, cases } in ambiguous {
            findings.push(Finding::new(None, what, Problem::Ambiguous { path, cases }));
        }
        if found.is_empty() {
            findings.push(Finding::new(None, what, Problem::NothingFits { pattern: pattern.as_str().to_owned() }));
        }
        files.push((what, pattern, found));
    }
    let names: BTreeSet<&String> = files.iter().flat_map(|(_, _, found)| found.keys()).collect();
    let mut cases = Vec::new();
    for name in names {
        let mut case = Case { name: name.clone(), ..Case::default() };
        let before = findings.len();
        let mut is_complete = true;
        for (what, pattern, found) in &files {
            match found.get(name).map(Vec::as_slice) {
                Some([path]) => put(&mut case, what, path.clone()),
                Some(paths) => {
                    findings.push(Finding::new(Some(name), *what, Problem::Several { paths: paths.to_vec() }));
                }
                // Said once for all cases.
                None if found.is_empty() => is_complete = false,
                None => {
                    let pattern = pattern.as_str().to_owned();
                    findings.push(Finding::new(Some(name), *what, Problem::Missing { pattern }));
                }
            }
        }
        if is_complete && findings.len() == before {
            cases.push(case);
        }
    }
    Ok(Pairing { cases, findings })
}

fn put(case: &mut Case, what: &str, path: PathBuf) {
    match what.strip_prefix("input ") {
        Some(input) => drop(case.inputs.insert(input.to_owned(), path)),
        None if what == "reference" => case.reference = Some(path),
        None => case.mask = Some(path),
    }
}

fn add_attributes(pairing: &mut Pairing, table: &CaseTable) {
    let rows: BTreeMap<&str, &Row> = table.rows.iter().rev().map(|row| (row.case.as_str(), row)).collect();
    for case in &mut pairing.cases {
        match rows.get(case.name.as_str()) {
            Some(row) => {
                case.attributes.extend(row.cells.clone());
                case.line = Some(row.line);
            }
            None => {
                let problem = Problem::NoAttributes { table: table.path.clone() };
                pairing.findings.push(Finding::new(Some(&case.name), "attributes", problem));
            }
        }
    }
}

fn by_table(table: &CaseTable, plan: &Plan) -> Result<Pairing, EvaluateError> {
    let needs_reference = plan.measures.truth.is_none();
    if needs_reference && !table.columns.iter().any(|c| c == "reference") {
        return Err(table.lacks("reference", "to measure against"));
    }
    let files: Vec<&String> = table
        .columns
        .iter()
        .filter(|c| c.starts_with("input:") || ["reference", "mask"].contains(&c.as_str()))
        .collect();
    let folder = table.path.parent().unwrap_or(Path::new(""));
    let (mut cases, mut findings) = (Vec::new(), Vec::new());
    let mut first_lines: BTreeMap<&str, u64> = BTreeMap::new();
    for row in &table.rows {
        let name = row.case.as_str();
        let before = findings.len();
        if name.is_empty() {
            findings.push(Finding::new(None, "case", Problem::Empty { line: row.line }));
        } else if let Some(first) = first_lines.get(name) {
            findings.push(Finding::new(Some(name), "case", Problem::Twice { line: row.line, first: *first }));
        } else {
            first_lines.insert(name, row.line);
        }
        let (attributes, line) = (row.cells.clone(), Some(row.line));
        let mut case = Case { name: name.to_owned(), attributes, line, ..Case::default() };
        for column in &files {
            let what = column.replace("input:", "input ");
            match case.attributes.remove(*column) {
                None if *column == "mask" => {}
                None => findings.push(Finding::new(Some(name), what, Problem::Empty { line: row.line })),
                Some(cell) => {
                    let path = folder.join(cell);
                    if path.exists() {
                        put(&mut case, &what, path);
                    } else {
                        findings.push(Finding::new(Some(name), what, Problem::NoFile { path, line: row.line }));
                    }
                }
            }
        }
        if findings.len() == before {
            cases.push(case);
        }
    }
    Ok(Pairing { cases, findings })
}

/// Where the columns stand.
pub(super) fn table_of(plan: &Plan) -> PathBuf {
    match &plan.cases {
        CaseSource::Table(table) => plan.folder.join(table),
        CaseSource::Patterns { attributes: Some(table), .. } => plan.folder.join(table),
        CaseSource::Patterns { attributes: None, .. } => PathBuf::from("[cases] attributes"),
    }
}

/// Whether every column that the plan names is known of at least one case.
fn columns_are_there(cases: &[Case], plan: &Plan) -> Result<(), EvaluateError> {
    let table = table_of(plan);
    let known: BTreeSet<&String> = cases.iter().flat_map(|c| c.attributes.keys()).collect();
    let subgroups = plan.subgroup_columns().into_iter().map(|c| (c, "[subgroups]"));
    let truth = plan.measures.truth.clone().map(|c| (c, "[measures] truth"));
    for (column, wanted_by) in subgroups.chain(truth) {
        if !known.contains(&column) {
            let columns = known.iter().map(|c| c.as_str()).collect::<Vec<_>>().join(", ");
            let found = if columns.is_empty() { "no columns but those of files".to_owned() } else { columns };
            let expected = format!("a column `{column}` with values, for {wanted_by}");
            return Err(EvaluateError::Table { table, line: None, expected, found });
        }
    }
    Ok(())
}

fn add_predictions(cases: &mut [Case], name: &str, pattern: &Pattern, folder: &Path) -> Result<(), EvaluateError> {
    let (found, _) = by_case(find(pattern, folder)?);
    if !cases.iter().any(|c| found.contains_key(&c.name)) {
        let reason = format!("nothing fits `{}` for any case", pattern.as_str());
        return Err(EvaluateError::Model { model: name.to_owned(), reason });
    }
    for case in cases {
        let prediction = match found.get(&case.name).map(Vec::as_slice) {
            Some([path]) => Ok(path.clone()),
            Some(paths) => Err(format!("{} fit `{}`", counted(paths.len(), "file"), pattern.as_str())),
            None => Err(format!("nothing fits `{}`", pattern.as_str())),
        };
        case.predictions.insert(name.to_owned(), prediction);
    }
    Ok(())
}
