//! What the caller does: one job is one case with one model. Everything that loads images or runs models is behind [`CaseWork`].

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::candidates::Candidates;
use super::measure::{About, Measures};
use super::pairing::Case;
use super::plan::{Plan, Tested};
use crate::error::Cancelled;
use crate::jobs::Control;

/// One case with one model.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// The plan: what to measure, and the seed.
    pub plan: &'a Plan,
    /// The case.
    pub case: &'a Case,
    /// The model, or the prediction's name.
    pub tested: &'a Tested,
    /// The prediction's file; none for a model, which is to be run.
    pub prediction: Option<&'a PathBuf>,
}

/// What loads, runs and measures.
pub trait CaseWork: Sync {
    /// Finds a model before any job begins; asked once for each. For a prediction whatever is known of it, with an empty hash.
    ///
    /// # Errors
    /// Why it cannot be used, for the person.
    fn model(&self, tested: &Tested) -> Result<ModelFacts, String>;

    /// Whether a model fits the plan and its cases; asked once for each, before any job begins.
    ///
    /// # Errors
    /// Why not, for the person.
    fn fits(&self, _tested: &Tested, _plan: &Plan, _cases: &[Case]) -> Result<(), String> {
        Ok(())
    }

    /// Does one job. Several run at once, each on a thread of its own. Only [`Failure::Cancelled`] ends the evaluation; a failure
    /// is a row with its reason.
    ///
    /// # Errors
    /// Why there is no result.
    fn work(&self, job: &Job<'_>, control: &Control) -> Result<Outcome, Failure>;

    /// Whatever else changes results, for instance the provider; it enters the key of every result.
    fn settings(&self) -> String {
        String::new()
    }

    /// What is known of a measure; `unit` is that of the images.
    fn about(&self, measure: &str, unit: &str) -> About {
        About::of(measure, unit)
    }
}

/// What is known of a model.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ModelFacts {
    /// The name in tables, as the plan has it; filled in by the runner.
    pub name: String,
    /// The name for people.
    pub title: String,
    /// Its version; may be empty.
    pub version: String,
    /// Hash of its manifest and weights; empty for predictions on disk.
    pub hash: String,
    /// Whether what it makes is synthetic.
    pub synthetic: bool,
}

/// Why a job has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The person asked to stop.
    Cancelled,
    /// Something is wrong with this case or this model on it.
    Failed(String),
}

impl From<Cancelled> for Failure {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}

/// What a job found.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// The numbers.
    pub measures: Measures,
    /// The unit of the images; may be empty.
    pub unit: String,
    /// What reference and test each give one number of, for Bland-Altman plots.
    pub scalars: Vec<ScalarPair>,
    /// Scores of this case with their truth, for ROC curves; probabilities for reliability too.
    pub scored: Vec<Scored>,
    /// Counts of many probabilities (voxels) for reliability; added up over the cases.
    pub reliability: Vec<ReliabilityCounts>,
    /// Lesions and candidates, for free-response curves.
    pub candidates: Option<Candidates>,
    /// Pictures of the case, shown if it is one of the worst.
    pub pictures: Vec<CasePicture>,
    /// What the model made, on disk, by the output's name.
    pub files: BTreeMap<String, PathBuf>,
    /// The provider that really ran; may be empty.
    pub provider: String,
    /// What the person has to know of this case.
    pub warnings: Vec<String>,
}

/// Something measured in the reference and in the test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScalarPair {
    /// What, for instance `Volume, liver`.
    pub name: String,
    /// Its unit; may be empty.
    pub unit: String,
    /// In the reference.
    pub reference: f64,
    /// In the test.
    pub test: f64,
}

/// A score with its truth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scored {
    /// Of what: the class, or empty where there is one.
    pub target: String,
    /// Higher is more positive.
    pub score: f64,
    /// Whether it is positive.
    pub truth: bool,
    /// Whether the score is a probability, from 0 to 1.
    pub probability: bool,
}

/// Counts of one bin of probabilities; a list of them has bins of equal width from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct ReliabilityCounts {
    /// How many.
    pub n: u64,
    /// Sum of their probabilities.
    pub sum: f64,
    /// How many of them were positive.
    pub positives: u64,
}

/// A picture of a case.
#[derive(Debug, Clone)]
pub struct CasePicture {
    /// What it shows: `Reference`, `Test`, `Error`.
    pub title: String,
    /// The PNG file's content.
    pub png: Vec<u8>,
    /// Whether any pixel in it was made by a model.
    pub synthetic: bool,
}
