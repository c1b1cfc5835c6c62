//! Tables of everything that was measured: long (a row a number) and wide (a row a job), and those of the statistics.

use std::collections::BTreeSet;

use super::run::Evaluation;
use super::statistics::Statistics;
use super::store::Record;
use super::values::measured;

/// A column with its name.
#[derive(Debug, Clone, PartialEq)]
pub struct DataColumn {
    /// The name.
    pub name: String,
    /// What it holds.
    pub cells: Cells,
}

/// The cells of a column; a cell may be empty.
#[derive(Debug, Clone, PartialEq)]
pub enum Cells {
    /// Words.
    Text(Vec<Option<String>>),
    /// Numbers.
    Number(Vec<Option<f64>>),
    /// Counts.
    Count(Vec<Option<i64>>),
}

impl Cells {
    /// How many rows.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Text(c) => c.len(),
            Self::Number(c) => c.len(),
            Self::Count(c) => c.len(),
        }
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Columns of one length.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DataTable {
    /// The columns, no two of one name.
    pub columns: Vec<DataColumn>,
}

impl DataTable {
    fn text<T>(&mut self, name: &str, rows: &[T], cell: impl Fn(&T) -> Option<String>) {
        self.push(name, Cells::Text(rows.iter().map(cell).collect()));
    }

    fn number<T>(&mut self, name: &str, rows: &[T], cell: impl Fn(&T) -> Option<f64>) {
        self.push(name, Cells::Number(rows.iter().map(|r| cell(r).filter(|v| v.is_finite())).collect()));
    }

    fn count<T>(&mut self, name: &str, rows: &[T], cell: impl Fn(&T) -> Option<usize>) {
        self.push(name, Cells::Count(rows.iter().map(|r| cell(r).and_then(|n| i64::try_from(n).ok())).collect()));
    }

    /// A column of the cases' own table may have a name that is taken: it then stands as `case:NAME`.
    fn push(&mut self, name: &str, cells: Cells) {
        let is_taken = |name: &str| self.columns.iter().any(|c| c.name == name);
        let mut free = name.to_owned();
        while is_taken(&free) {
            free = format!("case:{free}");
        }
        self.columns.push(DataColumn { name: free, cells });
    }

    /// How many rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, |c| c.cells.len())
    }
}

/// The columns that the cases brought along, but for the patient, which has a place of its own.
fn attributes(evaluation: &Evaluation) -> BTreeSet<&String> {
    evaluation.cases.iter().flat_map(|c| c.attributes.keys()).filter(|k| *k != "patient").collect()
}

/// A job: place of its case, and its record.
type JobRow<'a> = (usize, &'a Record);

fn jobs(evaluation: &Evaluation) -> Vec<JobRow<'_>> {
    let models = evaluation.models.len().max(1);
    evaluation.records.iter().enumerate().map(|(n, record)| (n / models, record)).collect()
}

fn status(record: &Record) -> String {
    if record.failed.is_some() { "failed".into() } else { "done".into() }
}

/// A row for every case and model: a column a measure, empty where it has no number; failed jobs with their reason.
#[must_use]
pub fn wide(evaluation: &Evaluation) -> DataTable {
    let rows = jobs(evaluation);
    let mut table = DataTable::default();
    table.text("case", &rows, |r| Some(r.1.case.clone()));
    table.text("patient", &rows, |r| Some(evaluation.cases.get(r.0)?.patient().to_owned()));
    table.text("model", &rows, |r| Some(r.1.model.clone()));
    table.text("status", &rows, |r| Some(status(r.1)));
    table.text("reason", &rows, |r| r.1.failed.clone());
    for (measure, _) in &evaluation.measures {
        table.number(measure, &rows, |r| measured(r.1, measure).ok());
    }
    table.number("seconds", &rows, |r| Some(r.1.seconds));
    table.text("provider", &rows, |r| Some(r.1.provider.clone()).filter(|p| !p.is_empty()));
    table.text("warnings", &rows, |r| Some(r.1.warnings.join("; ")).filter(|w| !w.is_empty()));
    for name in attributes(evaluation) {
        table.text(name, &rows, |r| evaluation.cases.get(r.0)?.attributes.get(name).cloned());
    }
    table
}

/// A row for every case, model and measure; a number that is missing has its reason. A failed job has a row for every measure.
#[must_use]
pub fn long(evaluation: &Evaluation) -> DataTable {
    let jobs = jobs(evaluation);
    let rows: Vec<(JobRow<'_>, &str, &str)> = jobs
        .iter()
        .flat_map(|job| evaluation.measures.iter().map(|(m, about)| (*job, m.as_str(), about.unit.as_str())))
        .collect();
    let reason = |record: &Record, measure: &str| {
        let undefined = measured(record, measure).err()?;
        Some(record.failed.clone().unwrap_or_else(|| undefined.to_owned()))
    };
    let mut table = DataTable::default();
    table.text("case", &rows, |r| Some(r.0.1.case.clone()));
    table.text("patient", &rows, |r| Some(evaluation.cases.get(r.0.0)?.patient().to_owned()));
    table.text("model", &rows, |r| Some(r.0.1.model.clone()));
    table.text("measure", &rows, |r| Some(r.1.to_owned()));
    table.number("value", &rows, |r| measured(r.0.1, r.1).ok());
    table.text("unit", &rows, |r| Some(r.2.to_owned()).filter(|u| !u.is_empty()));
    table.text("reason", &rows, |r| reason(r.0.1, r.1));
    for name in attributes(evaluation) {
        table.text(name, &rows, |r| evaluation.cases.get(r.0.0)?.attributes.get(name).cloned());
    }
    table
}

/// The summaries.
#[must_use]
pub fn summary(statistics: &Statistics) -> DataTable {
    let rows = &statistics.summaries;
    let mut table = DataTable::default();
    table.text("model", rows, |r| Some(r.model.clone()));
    table.text("measure", rows, |r| Some(r.measure.clone()));
    table.count("n", rows, |r| Some(r.n));
    table.count("patients", rows, |r| Some(r.patients));
    table.count("undefined", rows, |r| Some(r.undefined.iter().map(|u| u.1).sum()));
    table.text("why_undefined", rows, |r| {
        let reasons: Vec<String> = r.undefined.iter().map(|(reason, n)| format!("{n} x {reason}")).collect();
        Some(reasons.join("; ")).filter(|w| !w.is_empty())
    });
    table.number("mean", rows, |r| r.mean);
    table.number("mean_low", rows, |r| Some(r.interval?[0]));
    table.number("mean_high", rows, |r| Some(r.interval?[1]));
    table.number("sd", rows, |r| r.sd);
    for (name, of) in [("min", 0), ("q1", 1), ("median", 2), ("q3", 3), ("max", 4)] {
        table.number(name, rows, |r| [r.min, r.q1, r.median, r.q3, r.max][of]);
    }
    table
}

/// The pairs of models.
#[must_use]
pub fn differences(statistics: &Statistics) -> DataTable {
    let rows = &statistics.differences;
    let mut table = DataTable::default();
    table.text("measure", rows, |r| Some(r.measure.clone()));
    table.text("first", rows, |r| Some(r.first.clone()));
    table.text("second", rows, |r| Some(r.second.clone()));
    table.count("n", rows, |r| Some(r.n));
    table.count("patients", rows, |r| Some(r.patients));
    table.number("difference", rows, |r| r.difference);
    table.number("low", rows, |r| Some(r.interval?[0]));
    table.number("high", rows, |r| Some(r.interval?[1]));
    table.number("p_wilcoxon", rows, |r| r.p);
    table.number("p_holm", rows, |r| r.p_holm);
    table
}

/// The areas under curves of pairs of models.
#[must_use]
pub fn auc_differences(statistics: &Statistics) -> DataTable {
    let rows = &statistics.auc_differences;
    let mut table = DataTable::default();
    table.text("target", rows, |r| Some(r.target.clone()).filter(|t| !t.is_empty()));
    table.text("first", rows, |r| Some(r.first.clone()));
    table.text("second", rows, |r| Some(r.second.clone()));
    table.count("positives", rows, |r| Some(r.positives));
    table.count("negatives", rows, |r| Some(r.negatives));
    table.number("auc_first", rows, |r| Some(r.auc?[0]));
    table.number("auc_second", rows, |r| Some(r.auc?[1]));
    table.number("difference", rows, |r| r.difference);
    table.number("low", rows, |r| Some(r.interval?[0]));
    table.number("high", rows, |r| Some(r.interval?[1]));
    table.number("p_delong", rows, |r| r.p);
    table.number("p_holm", rows, |r| r.p_holm);
    table.text("reason", rows, |r| r.undefined.clone());
    table
}

/// A row for every group of every column, measure and model.
#[must_use]
pub fn subgroups(statistics: &Statistics) -> DataTable {
    let rows: Vec<_> = statistics.subgroups.iter().flat_map(|s| s.groups.iter().map(move |g| (s, g))).collect();
    let mut table = DataTable::default();
    table.text("model", &rows, |r| Some(r.0.model.clone()));
    table.text("measure", &rows, |r| Some(r.0.measure.clone()));
    table.text("column", &rows, |r| Some(r.0.column.clone()));
    table.text("group", &rows, |r| Some(r.1.value.clone()));
    table.count("n", &rows, |r| Some(r.1.n));
    table.count("undefined", &rows, |r| Some(r.1.undefined));
    table.count("patients", &rows, |r| Some(r.1.patients));
    table.text("too_small", &rows, |r| Some(if r.1.too_small { "yes" } else { "no" }.into()));
    table.number("mean", &rows, |r| r.1.mean);
    table.number("mean_low", &rows, |r| Some(r.1.interval?[0]));
    table.number("mean_high", &rows, |r| Some(r.1.interval?[1]));
    table.number("sd", &rows, |r| r.1.sd);
    table.text("test", &rows, |r| Some(r.0.test?.name.to_owned()));
    table.number("p", &rows, |r| Some(r.0.test?.p));
    table.number("p_holm", &rows, |r| r.0.p_holm);
    table
}
