//! Why a plan was refused, and why an evaluation cannot go on.

use std::path::PathBuf;

use super::findings::Finding;
use crate::error::Cancelled;
use crate::io::IoError;
use crate::report::numbers::counted;

/// Why a plan was refused.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The file could not be read.
    #[error("{}: the plan cannot be read: {source}", plan.display())]
    Read {
        /// The plan.
        plan: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is no TOML, or holds a key that is not known or of another type.
    #[error("{}: {message}", plan.display())]
    Toml {
        /// The plan.
        plan: PathBuf,
        /// Line, key and what is known.
        message: String,
    },
    /// A value cannot be.
    #[error("{}: {field}: expected {expected}, found {found}", plan.display())]
    Field {
        /// The plan.
        plan: PathBuf,
        /// Table and key.
        field: String,
        /// What it may be.
        expected: String,
        /// What it is.
        found: String,
    },
}

/// Why an evaluation cannot go on. What goes wrong with one case is no error but a row.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    /// The plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A table of cases could not be read.
    #[error("{}{}: expected {expected}, found {found}", table.display(), line.map(|l| format!(" line {l}")).unwrap_or_default())]
    Table {
        /// The table.
        table: PathBuf,
        /// The line, from 1.
        line: Option<u64>,
        /// What should be there.
        expected: String,
        /// What is there.
        found: String,
    },
    /// Cases lack something, and the plan does not say that they be left out.
    #[error("{}", listed(findings))]
    Incomplete {
        /// What is missing of which case.
        findings: Vec<Finding>,
    },
    /// No case has everything.
    #[error("no case is complete{}", findings.first().map(|f| format!("; the first of {}: {f}", counted(findings.len(), "finding"))).unwrap_or_default())]
    NoCases {
        /// What is missing of which case.
        findings: Vec<Finding>,
    },
    /// A model is not there, or cannot be used for this.
    #[error("model {model}: {reason}")]
    Model {
        /// Its name.
        model: String,
        /// Why.
        reason: String,
    },
    /// Another evaluation writes into the same folder.
    #[error("{}: another evaluation is writing here; wait for it, or give another [output] dir", folder.display())]
    Locked {
        /// The folder.
        folder: PathBuf,
    },
    /// A measure that the plan names is none of those that were measured.
    #[error("[report] worst_by: expected one of {}, found `{found}`", known.join(", "))]
    WorstBy {
        /// What the plan says.
        found: String,
        /// What was measured.
        known: Vec<String>,
    },
    /// A file could not be read or written.
    #[error(transparent)]
    Io(#[from] IoError),
    /// The person asked to stop; what is finished is kept.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// How many findings a message lists.
const MOST_LISTED: usize = 12;

fn listed(findings: &[Finding]) -> String {
    let mut text = format!("{}:", counted(findings.len(), "finding"));
    for finding in findings.iter().take(MOST_LISTED) {
        text.push_str(&format!("\n  {finding}"));
    }
    if findings.len() > MOST_LISTED {
        text.push_str(&format!("\n  and {} more", findings.len() - MOST_LISTED));
    }
    text.push_str("\nadd what is missing, or write incomplete = \"leave_out\" into [cases]");
    text
}
