//! Why a study cannot be analysed.

use crate::reader_study::analysis::{AnalysisError, RatingsError};
use crate::reader_study::session::package_view::PackageError;

/// Why a study cannot be analysed.
#[derive(Debug, thiserror::Error)]
pub enum OutcomeError {
    /// The public files cannot be used.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// A folder or log cannot be read.
    #[error("{file} cannot be read: {source}")]
    Read {
        /// The file or folder.
        file: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The sealed truth belongs to another study.
    #[error("the sealed truth is not that of this study: {why}")]
    OtherTruth {
        /// How it is known.
        why: String,
    },
    /// Logs or files of the package are not those that were written, or two logs claim one session.
    #[error(
        "the study cannot be trusted: {}; --accept-untrusted analyses it by the sealed plan nevertheless, and every table says \
         so",
        findings.join("; ")
    )]
    Untrusted {
        /// What was found, each with its file.
        findings: Vec<String>,
    },
    /// Sessions are not closed.
    #[error(
        "{} of {planned} sessions are not closed ({}); an analysis before that is an unplanned look, which must name who takes it (--unplanned-look WHO)",
        open.len(),
        open.join(", ")
    )]
    SessionsOpen {
        /// Which.
        open: Vec<String>,
        /// Of how many.
        planned: usize,
    },
    /// Nobody is left.
    #[error("every reader left main trials unread, so that `--drop-incomplete readers` leaves nobody; try `cases`")]
    NobodyComplete,
    /// There is nothing to analyse.
    #[error("no trial of the main part was read")]
    NothingRead,
    /// A receipt cannot be read.
    #[error(transparent)]
    Receipt(super::receipts::ReceiptError),
    /// A table of ratings is not complete.
    #[error(transparent)]
    Ratings(#[from] RatingsError),
    /// A statistic cannot be had.
    #[error(transparent)]
    Analysis(#[from] AnalysisError),
    /// A table cannot be written.
    #[error("{file} cannot be written: {source}")]
    Write {
        /// The table.
        file: &'static str,
        /// Why.
        source: csv::Error,
    },
}
