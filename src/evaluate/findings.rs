//! What is wrong with cases, in sentences that name the case, the file and the line.

use std::path::PathBuf;

use crate::report::numbers::counted;

/// What is wrong with a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which case; none when it concerns all.
    pub case: Option<String>,
    /// Of what: `input t1`, `reference`, `mask`, `attributes`.
    pub what: String,
    /// What is wrong.
    pub problem: Problem,
}

/// What can be wrong with a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// Other parts of the case are there, this one is not.
    Missing {
        /// The pattern.
        pattern: String,
    },
    /// A pattern fits nothing at all.
    NothingFits {
        /// The pattern.
        pattern: String,
    },
    /// A pattern fits several files of one case.
    Several {
        /// The files.
        paths: Vec<PathBuf>,
    },
    /// A path can be read as several cases.
    Ambiguous {
        /// The path.
        path: PathBuf,
        /// The cases.
        cases: Vec<String>,
    },
    /// The table names a file that is not there.
    NoFile {
        /// The file.
        path: PathBuf,
        /// The table's line.
        line: u64,
    },
    /// The table's cell is empty.
    Empty {
        /// The table's line.
        line: u64,
    },
    /// The case stands in the table twice; the first row counts.
    Twice {
        /// The second line.
        line: u64,
        /// The first line.
        first: u64,
    },
    /// The table of attributes lacks the case.
    NoAttributes {
        /// The table.
        table: PathBuf,
    },
}

impl Finding {
    pub(super) fn new(case: Option<&str>, what: impl Into<String>, problem: Problem) -> Self {
        Self { case: case.map(str::to_owned), what: what.into(), problem }
    }

    /// Whether a case is left out for it.
    #[must_use]
    pub fn is_serious(&self) -> bool {
        !matches!(self.problem, Problem::NoAttributes { .. })
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(case) = &self.case {
            write!(f, "case {case}, ")?;
        }
        write!(f, "{}: ", self.what)?;
        match &self.problem {
            Problem::Missing { pattern } => write!(f, "nothing fits `{pattern}`"),
            Problem::NothingFits { pattern } => write!(f, "nothing fits `{pattern}` for any case"),
            Problem::Several { paths } => {
                let first: Vec<String> = paths.iter().take(3).map(|p| p.display().to_string()).collect();
                let more = if paths.len() > 3 { " …" } else { "" };
                write!(f, "{} fit where one is needed: {}{more}", counted(paths.len(), "file"), first.join(", "))
            }
            Problem::Ambiguous { path, cases } => {
                write!(f, "{} can be read as case {}; make the pattern narrower", path.display(), cases.join(" or "))
            }
            Problem::NoFile { path, line } => write!(f, "line {line}: {} is not there", path.display()),
            Problem::Empty { line } => write!(f, "line {line}: the cell is empty"),
            Problem::Twice { line, first } => write!(f, "line {line}: the case stands in line {first} already"),
            Problem::NoAttributes { table } => write!(f, "{} has no row for it", table.display()),
        }
    }
}
