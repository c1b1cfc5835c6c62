//! All files of an evaluation.

use std::path::{Path, PathBuf};

use super::errors::EvaluateError;
use super::html::{self, Setting};
use super::pairing::{Case, table_of};
use super::plan::Plan;
use super::run::Evaluation;
use super::statistics::Statistics;
use super::store::RESULTS;
use super::table_files::{write_csv, write_parquet};
use super::tables;
use crate::io::IoError;
use crate::io::write::inputs::refuse_input;
use crate::io::write::target::write_whole;

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The report.
    pub report: PathBuf,
    /// The tables, each as CSV and as Parquet, and the statistics as JSON.
    pub tables: Vec<PathBuf>,
}

/// Writes the report, the tables (`long`, `wide`, `summary`, `differences`, `auc_differences`, `subgroups`; CSV and Parquet) and `statistics.json`
/// into the plan's output folder. Each file is replaced as a whole.
///
/// # Errors
/// When a file cannot be written.
pub fn write_results(
    evaluation: &Evaluation,
    statistics: &Statistics,
    setting: &Setting,
) -> Result<Written, EvaluateError> {
    let folder = evaluation.plan.output.as_path();
    std::fs::create_dir_all(folder).map_err(|e| IoError::system(folder, e))?;
    let facts = [("veritome.plan_sha256", evaluation.plan.sha256.as_str()), ("veritome.software", &setting.software)];
    let all = [
        tables::long(evaluation),
        tables::wide(evaluation),
        tables::summary(statistics),
        tables::differences(statistics),
        tables::auc_differences(statistics),
        tables::subgroups(statistics),
    ];
    let mut written = Vec::new();
    for (name, table) in TABLES.into_iter().zip(all) {
        // A table that nothing can fill (one model has no pairs) is not written, nor left over from another plan.
        if table.rows() == 0 {
            for end in ["csv", "parquet"] {
                remove(&folder.join(format!("{name}.{end}")))?;
            }
            continue;
        }
        let csv = folder.join(format!("{name}.csv"));
        write_whole(&csv, |mut out| write_csv(&table, &mut out))?;
        let parquet = folder.join(format!("{name}.parquet"));
        write_whole(&parquet, |mut out| write_parquet(&table, &facts, &mut out))?;
        written.extend([csv, parquet]);
    }
    let json = folder.join("statistics.json");
    write_whole(&json, |out| {
        serde_json::to_writer_pretty(&mut *out, statistics)?;
        out.write_all(b"\n")
    })?;
    written.push(json);
    let report = folder.join("report.html");
    let page = html::page(evaluation, statistics, setting).html();
    write_whole(&report, |out| out.write_all(page.as_bytes()))?;
    Ok(Written { report, tables: written })
}

/// Names of the tables, each `.csv` and `.parquet`.
const TABLES: [&str; 6] = ["long", "wide", "summary", "differences", "auc_differences", "subgroups"];

/// Refuses a plan whose results would be written over what it reads.
///
/// # Errors
/// Which file.
pub(super) fn spare_inputs(plan: &Plan, cases: &[Case]) -> Result<(), IoError> {
    let tables = TABLES.iter().flat_map(|name| ["csv", "parquet"].map(|end| format!("{name}.{end}")));
    let names: Vec<String> = tables.chain([RESULTS, "statistics.json", "report.html"].map(str::to_owned)).collect();
    let table = table_of(plan);
    let predictions = cases.iter().flat_map(|c| c.predictions.values().flatten().map(PathBuf::as_path));
    let files = cases.iter().flat_map(|c| c.files().into_iter().map(|(_, path)| path)).chain(predictions);
    // Through links, results may lie where their names do not tell.
    let at_risk = |path: &&Path| {
        let is_ours = |p: &Path| p.file_name().is_some_and(|n| names.iter().any(|name| n == name.as_str()));
        path.is_file() && (is_ours(path) || path.canonicalize().is_ok_and(|p| is_ours(&p)))
    };
    let inputs: Vec<&Path> = files.chain([table.as_path()]).filter(at_risk).collect();
    names.iter().try_for_each(|name| refuse_input(&plan.output.join(name), inputs.iter().copied()))
}

fn remove(path: &Path) -> Result<(), IoError> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(IoError::system(path, e)),
        _ => Ok(()),
    }
}
