//! From a package, its owner's key and the readers' logs to a folder with the report: what `study analyze` and the window do.

use std::path::{Path, PathBuf};

use super::analysis::CovarianceMethod;
use super::design::SealedTruth;
use super::outcome::remarks::Word;
use super::outcome::{Incomplete, Integrity, Material, OutcomeError, OutcomeOptions, Receipts, StudyOutcome, html};
use super::package::{OwnerKey, PackageError, not_as_sealed, sealed_truth, verify};
use super::session::clock::{Clock, SystemClock};
use super::session::log_error::LogError;
use super::session::{SessionLog, looks};
use crate::error::Cancelled;
use crate::io::IoError;
use crate::io::write::target::write_whole;
use crate::jobs::Control;

/// What is analysed, at whose word, and where it goes.
#[derive(Debug, Clone)]
pub struct StudyAnalysis {
    /// The folder of the package.
    pub package: PathBuf,
    /// The owner's key file.
    pub key: PathBuf,
    /// The folder of the readers' logs; the package's own where it is none.
    pub logs: Option<PathBuf>,
    /// Where the report goes; `PACKAGE.analysis` beside the package where it is none.
    pub out: Option<PathBuf>,
    /// At whose word the analysis goes on although something forbids it.
    pub word: Word,
    /// Where covariances over cases come from; a bootstrap takes the seed of the plan.
    pub covariance: CovarianceMethod,
    /// Draws of bootstraps.
    pub resamples: usize,
    /// Receipts that readers kept.
    pub receipts: Receipts,
    /// What is done about missing readings.
    pub incomplete: Option<Incomplete>,
}

/// A study analysed and written.
#[derive(Debug)]
pub struct Written {
    /// What came out.
    pub outcome: StudyOutcome,
    /// The folder of the report.
    pub folder: PathBuf,
    /// The report first, then the tables.
    pub files: Vec<PathBuf>,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum StudyAnalysisError {
    /// The package, its key or its truth cannot be used.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// The study cannot be analysed.
    #[error(transparent)]
    Outcome(#[from] OutcomeError),
    /// An unplanned look cannot be noted in a log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A file cannot be written.
    #[error(transparent)]
    Io(#[from] IoError),
    /// A number has no JSON form.
    #[error("the outcome cannot be written: {0}")]
    Json(#[from] serde_json::Error),
    /// The person asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// `NAME.ending` beside a folder `NAME`.
#[must_use]
pub fn beside(folder: &Path, ending: &str) -> PathBuf {
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(ending);
    folder.with_file_name(name)
}

impl StudyAnalysis {
    /// Of a package, with nothing else chosen.
    #[must_use]
    pub fn new(package: PathBuf, key: PathBuf) -> Self {
        let OutcomeOptions { word, covariance, resamples, receipts, incomplete, .. } = OutcomeOptions::default();
        Self { package, key, logs: None, out: None, word, covariance, resamples, receipts, incomplete }
    }

    /// Opens the truth, analyses the logs and writes the report with its tables.
    ///
    /// Where sessions are open and somebody gave his or her word for a look, that is noted beside the logs and in them before
    /// anything is computed.
    ///
    /// # Errors
    /// When a file cannot be read or written, the key is not the owner's, or as [`StudyOutcome::new`].
    pub fn write(&self, control: &Control) -> Result<Written, StudyAnalysisError> {
        control.stage("Opening the truth", 0);
        let truth = sealed_truth(&self.package, &OwnerKey::read(&self.key)?)?;
        control.checkpoint()?;
        control.stage("Checking the package and the logs", 0);
        let (altered, notes) = not_as_made(&self.package, &truth)?;
        control.checkpoint()?;
        let logs = self.logs.clone().unwrap_or_else(|| self.package.join("logs"));
        let read = || Material::read_with_logs(&self.package, &logs);
        if let Some(who) = &self.word.unplanned_look {
            note_look(&read()?, &logs, who)?;
        }
        let material = read()?;
        control.checkpoint()?;
        control.stage("Analysing the study", 0);
        let seed = truth.plan.plan().seed;
        let options = OutcomeOptions {
            word: self.word.clone(),
            covariance: match self.covariance {
                CovarianceMethod::Bootstrap { resamples, .. } => CovarianceMethod::Bootstrap { resamples, seed },
                other => other,
            },
            resamples: self.resamples,
            receipts: self.receipts.clone(),
            incomplete: self.incomplete,
            altered,
            notes,
        };
        let outcome = StudyOutcome::new(&material, &truth, &options)?;
        control.checkpoint()?;
        control.stage("Writing the report", 0);
        let folder = self.out.clone().unwrap_or_else(|| beside(&self.package, "analysis"));
        let files = write_all(&outcome, &folder)?;
        Ok(Written { outcome, folder, files })
    }
}

fn write_all(outcome: &StudyOutcome, folder: &Path) -> Result<Vec<PathBuf>, StudyAnalysisError> {
    std::fs::create_dir_all(folder).map_err(|e| IoError::system(folder, e))?;
    let mut tables = vec![
        ("report.html", html::page(outcome)?.html()),
        ("outcome.json", serde_json::to_string_pretty(&outcome.to_json())?),
        ("trials.csv", outcome.trials_csv()?),
    ];
    tables.extend(outcome.ratings_csv()?.map(|text| ("ratings.csv", text)));
    tables.extend(outcome.approval_csv()?.map(|text| ("approval.csv", text)));
    tables.extend(outcome.arms_csv()?.map(|text| ("arms.csv", text)));
    let mut files = Vec::new();
    for (name, text) in &tables {
        let path = folder.join(name);
        write_whole(&path, |file| file.write_all(text.as_bytes()))?;
        files.push(path);
    }
    Ok(files)
}

/// Writes that `who` looks, beside the logs and into each log whose session is not closed.
fn note_look(material: &Material, logs: &Path, who: &str) -> Result<(), StudyAnalysisError> {
    let open = Integrity::of(material).open_sessions();
    if open.is_empty() {
        return Ok(());
    }
    looks::note(logs, who, SystemClock::new().utc()).map_err(|e| IoError::system(logs.join(looks::FILE), e))?;
    for log in open {
        let path = logs.join(format!("{log}.jsonl"));
        if path.exists() {
            SessionLog::note_unplanned_look(&path, who, Box::new(SystemClock::new()))?;
        }
    }
    Ok(())
}

/// What is not as it was made, and what must be said of how that is known.
fn not_as_made(package: &Path, truth: &SealedTruth) -> Result<(Vec<String>, Vec<String>), PackageError> {
    let texts = |errors: &[PackageError]| errors.iter().map(ToString::to_string).collect();
    if truth.files.is_empty() {
        let note = "the package was made before checksums were sealed: its images are held against SHA256SUMS alone, which \
                    anybody can write anew";
        return Ok((texts(&verify(package)?), vec![note.to_owned()]));
    }
    Ok((texts(&not_as_sealed(package, truth)), Vec::new()))
}
