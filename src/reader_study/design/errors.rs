//! Why a plan was refused, why its lists cannot be made, and why it cannot be frozen.

use std::fmt;

use super::free_response_plan::NotAnalysable;

/// Where in a file something stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// The file as it was named.
    pub file: String,
    /// The line, from 1, where known.
    pub line: Option<usize>,
}

impl Place {
    /// A line of a file.
    #[must_use]
    pub fn new(file: &str, line: Option<usize>) -> Self {
        Self { file: file.to_owned(), line }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{} line {line}", self.file),
            None => f.write_str(&self.file),
        }
    }
}

/// `1 case`, `2 cases`.
pub(super) fn counted(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

/// Why a plan was refused.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A file could not be read.
    #[error("{file} cannot be read: {source}")]
    Read {
        /// The file.
        file: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is no TOML (or CSV, or JSON) of a plan: a malformed line, an unknown key, a value of the wrong kind.
    #[error("{place}: {message}")]
    Syntax {
        /// Where.
        place: Place,
        /// What was expected and what stands there.
        message: String,
    },
    /// A value, or two that do not fit together, cannot be.
    #[error("{place}: {problem}; {remedy}")]
    Value {
        /// Where.
        place: Place,
        /// What was found.
        problem: String,
        /// What is expected, and what to do.
        remedy: String,
    },
    /// One id stands for two things.
    #[error(
        "{place}: {what} `{id}` stands there already{}; give each {what} an id of its own, not only in upper and lower \
         case",
        first_line.map(|line| format!(" (line {line})")).unwrap_or_default()
    )]
    Duplicate {
        /// Where the second one is.
        place: Place,
        /// `reader`, `modality`, `question`, `case`.
        what: &'static str,
        /// The id as it stands there the second time.
        id: String,
        /// The line of the first one, where known.
        first_line: Option<usize>,
    },
    /// An image file or folder is not there.
    #[error(
        "{place}: the {what} is not there; name a file, or the folder of one series of slices, by a path relative to the \
         plan's folder: {path}"
    )]
    NoImage {
        /// Where the case is.
        place: Place,
        /// `image` or `overlay`, of which case in which modality.
        what: String,
        /// The path that was tried.
        path: String,
    },
}

impl PlanError {
    pub(super) fn value(place: Place, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Value { place, problem: problem.into(), remedy: remedy.into() }
    }
}

/// Why no reading lists can be made of a plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// A session would be empty.
    #[error(
        "reader {reader} would have no trial in session {session}; plan fewer sessions or more cases (matched pairs \
         need two patients in a `match` group)"
    )]
    NoTrials {
        /// The reader.
        reader: String,
        /// The session, from 1.
        session: u32,
    },
    /// A limit of equal truths in a row that no order can keep.
    #[error(
        "reader {reader}, session {session}: no order of {total} trials, {most} of which have one truth, keeps \
         `max_run = {max_run}`; raise it to at least {needed}, or balance the cases"
    )]
    MaxRun {
        /// The reader.
        reader: String,
        /// The session, from 1.
        session: u32,
        /// The limit asked for.
        max_run: usize,
        /// How many trials of the list share the most frequent truth.
        most: usize,
        /// How many trials the list has.
        total: usize,
        /// The least limit that some order keeps.
        needed: usize,
    },
    /// More repeats than trials to repeat.
    #[error("`repeats = {asked}`, but reader {reader} has only {}; ask for fewer", counted(*trials, "trial"))]
    TooManyRepeats {
        /// The reader.
        reader: String,
        /// How many were asked for.
        asked: usize,
        /// How many trials the reader has that may be repeated.
        trials: usize,
    },
    /// The repeats of one session do not fit half a list away.
    #[error(
        "reader {reader}, session {session}: no order of {total} trials was found in which {} half a list away from \
         the first showing; ask for fewer repeats, plan more sessions, or raise `max_run`",
        if *repeats == 1 { "1 repeat stands".to_owned() } else { format!("{repeats} repeats stand") }
    )]
    RepeatsTooNear {
        /// The reader.
        reader: String,
        /// The session, from 1.
        session: u32,
        /// How many repeats must be away from a trial of the same list.
        repeats: usize,
        /// How many trials the list has.
        total: usize,
    },
    /// Free response whose analysis would be refused.
    #[error(transparent)]
    NotAnalysable(#[from] NotAnalysable),
    /// The study is too large for codes of four characters.
    #[error("the study has {found} trials over all lists; at most {limit} get a code; plan fewer readers or cases")]
    TooManyTrials {
        /// How many there would be.
        found: usize,
        /// The most that get a code.
        limit: usize,
    },
}

/// Why a plan cannot be frozen, or a frozen one not be used.
#[derive(Debug, thiserror::Error)]
pub enum FreezeError {
    /// An image has no hash.
    #[error("the SHA-256 of an image of case `{case}` is not known; hash it first: {path}")]
    NotHashed {
        /// The case.
        case: String,
        /// The image.
        path: String,
    },
    /// A hash that is none.
    #[error("`{found}` is no SHA-256 (64 digits of 0-9 a-f) of an image of case `{case}`")]
    NoHash {
        /// The case.
        case: String,
        /// What was given.
        found: String,
    },
    /// The same image stands for two cases, or both as real and as synthetic.
    #[error(
        "cases `{first}` and `{second}` have one and the same image file, which may only stand in modalities of one \
         case that are all synthetic or all not; correct the paths"
    )]
    SameImage {
        /// The case that has it first.
        first: String,
        /// The case that has it again.
        second: String,
    },
    /// The frozen plan is not the one of the plan at hand.
    #[error("the frozen plan is not that of this plan: case `{case}` differs; freeze the plan again")]
    OtherPlan {
        /// The first case that differs.
        case: String,
    },
    /// The hash is not the registered one.
    #[error("the plan's SHA-256 is {found}, not {expected}: it was changed after it was frozen")]
    Changed {
        /// The registered hash.
        expected: String,
        /// The hash of the plan at hand.
        found: String,
    },
    /// The JSON is no plan, or no sealed truth.
    #[error("{what} cannot be read: {message}")]
    Json {
        /// Of what.
        what: &'static str,
        /// What is wrong.
        message: String,
    },
    /// What was frozen does not pass the checks of a plan.
    #[error("the frozen plan is refused: {0}")]
    Refused(#[from] PlanError),
}
