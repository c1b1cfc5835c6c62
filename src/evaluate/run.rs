//! All jobs of a plan: those that are finished are taken from the store, the others run, several at once.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::errors::EvaluateError;
use super::findings::Finding;
use super::key::{self, Fingerprint};
use super::measure::{self, About};
use super::pairing::{Case, Pairing};
use super::plan::{Plan, Tested};
use super::results;
use super::store::{Record, Store, StoredPicture};
use super::work::{CaseWork, Failure, Job, ModelFacts, Outcome};
use crate::error::Cancelled;
use crate::io::IoError;
use crate::io::write::target::write_whole;
use crate::jobs::Control;
use crate::provenance::clock;
use crate::report::numbers::counted;

/// How jobs are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunOptions {
    /// How many jobs at once, at least 1.
    pub at_once: usize,
    /// Do again what is finished.
    pub again: bool,
    /// How files are known again.
    pub fingerprint: Fingerprint,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self { at_once: 1, again: false, fingerprint: Fingerprint::Times }
    }
}

/// Everything that was found, for tables, statistics and the report.
#[derive(Debug)]
pub struct Evaluation {
    /// The plan.
    pub plan: Plan,
    /// What was judged, in the plan's order.
    pub models: Vec<ModelFacts>,
    /// The cases.
    pub cases: Vec<Case>,
    /// What was measured and what is known of it, in the order of tables.
    pub measures: Vec<(String, About)>,
    /// A record for every job: all models of the first case, then those of the second …
    pub records: Vec<Record>,
    /// What was missing of which case.
    pub findings: Vec<Finding>,
    /// What was wrong with the store.
    pub notes: Vec<String>,
    /// How many jobs were finished before.
    pub reused: usize,
}

impl Evaluation {
    /// The record of a case (by its place) with a model (by its place).
    #[must_use]
    pub fn record(&self, case: usize, model: usize) -> Option<&Record> {
        self.records.get(case * self.models.len() + model).filter(|_| model < self.models.len())
    }

    /// The records of one model with their cases, in the order of the cases.
    pub fn of_model(&self, model: usize) -> impl Iterator<Item = (usize, &Case, &Record)> {
        self.cases.iter().enumerate().filter_map(move |(n, case)| Some((n, case, self.record(n, model)?)))
    }
}

/// Runs what is not finished. Failed jobs are tried again, since what made them fail may be gone.
///
/// # Errors
/// When a model cannot be used, files cannot be read or written, another evaluation writes there, or the person asks to stop;
/// what is finished then is kept.
pub fn run(
    plan: Plan,
    pairing: Pairing,
    work: &dyn CaseWork,
    options: RunOptions,
    control: &Control,
) -> Result<Evaluation, EvaluateError> {
    let facts = |tested: &Tested| {
        let name = tested.name().to_owned();
        match work.model(tested) {
            Ok(facts) => Ok(ModelFacts { name, ..facts }),
            Err(reason) => Err(EvaluateError::Model { model: name, reason }),
        }
    };
    let models = plan.tested.iter().map(facts).collect::<Result<Vec<_>, _>>()?;
    for tested in &plan.tested {
        let wrong = |reason| EvaluateError::Model { model: tested.name().to_owned(), reason };
        work.fits(tested, &plan, &pairing.cases).map_err(wrong)?;
    }
    results::spare_inputs(&plan, &pairing.cases)?;
    let store = Store::open(&plan.output)?;
    let Pairing { cases, findings } = pairing;
    let keys = keys(&plan, &cases, &models, &work.settings(), options.fingerprint, control)?;
    let runner = Runner { plan: &plan, cases: &cases, keys: &keys, store: &store, work };
    let (records, reused) = runner.all(options, control)?;
    let notes = store.notes().to_vec();
    drop(store);
    let measures = measured(&records, work);
    Ok(Evaluation { plan, models, cases, measures, records, findings, notes, reused })
}

/// Every measure of any record, with the unit that all records share.
fn measured(records: &[Record], work: &dyn CaseWork) -> Vec<(String, About)> {
    let mut units = records.iter().filter(|r| r.failed.is_none()).map(|r| r.unit.as_str());
    let unit = units.next().filter(|first| units.all(|u| u == *first)).unwrap_or_default();
    let mut names: Vec<&String> = records.iter().flat_map(|r| r.measures.keys()).collect();
    names.sort_by_key(|name| measure::order(name));
    names.dedup();
    names.into_iter().map(|name| (name.clone(), work.about(name, unit))).collect()
}

/// The key of a job; where its files cannot be read a key that nothing finished has, and the reason of its failure.
struct JobKey {
    key: String,
    unreadable: Option<String>,
}

fn keys(
    plan: &Plan,
    cases: &[Case],
    models: &[ModelFacts],
    settings: &str,
    fingerprint: Fingerprint,
    control: &Control,
) -> Result<Vec<JobKey>, Cancelled> {
    control.stage("Looking at the files", cases.len() as u64);
    let mut keys = Vec::with_capacity(cases.len() * models.len());
    for case in cases {
        control.checkpoint()?;
        let case_hash = key::of_case(case, &plan.folder, fingerprint).map_err(|e| e.to_string());
        for (tested, model) in plan.tested.iter().zip(models) {
            let of_job = |hash: &String| {
                let job = job(plan, case, tested);
                key::of_job(&job, hash, model, settings, fingerprint).map_err(|e| e.to_string())
            };
            keys.push(match case_hash.as_ref().map_err(Clone::clone).and_then(of_job) {
                Ok(key) => JobKey { key, unreadable: None },
                Err(reason) => {
                    JobKey { key: format!("unreadable {} {}", case.name, model.name), unreadable: Some(reason) }
                }
            });
        }
        control.advance(1);
    }
    Ok(keys)
}

fn job<'a>(plan: &'a Plan, case: &'a Case, tested: &'a Tested) -> Job<'a> {
    let prediction = match tested {
        Tested::Model(_) => None,
        Tested::Prediction { name, .. } => case.predictions.get(name).and_then(|p| p.as_ref().ok()),
    };
    Job { plan, case, tested, prediction }
}

struct Runner<'a> {
    plan: &'a Plan,
    cases: &'a [Case],
    /// In the order of the records.
    keys: &'a [JobKey],
    store: &'a Store,
    work: &'a dyn CaseWork,
}

impl Runner<'_> {
    fn all(&self, options: RunOptions, control: &Control) -> Result<(Vec<Record>, usize), EvaluateError> {
        let models = self.plan.tested.len();
        let finished = |n: &usize| {
            let record = self.keys.get(*n).and_then(|k| self.store.get(&k.key))?;
            (!options.again && record.failed.is_none()).then(|| record.clone())
        };
        let mut records: Vec<Option<Record>> = (0..self.keys.len()).map(|n| finished(&n)).collect();
        let open: Vec<usize> = (0..records.len()).filter(|n| records[*n].is_none()).collect();
        let reused = records.len() - open.len();
        let words = format!("Measuring {} with {}", counted(self.cases.len(), "case"), counted(models, "model"));
        control.stage(words, open.len() as u64);
        let next = AtomicUsize::new(0);
        let done: Mutex<Vec<(usize, Record)>> = Mutex::new(Vec::new());
        let broken: Mutex<Option<EvaluateError>> = Mutex::new(None);
        let worker = || {
            while let Some(n) = open.get(next.fetch_add(1, Ordering::Relaxed)) {
                if control.is_cancelled() || broken.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
                    return;
                }
                match self.one(*n, models, control) {
                    Ok(record) => done.lock().unwrap_or_else(PoisonError::into_inner).push((*n, record)),
                    Err(e) => {
                        broken.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(e);
                        return;
                    }
                }
                control.advance(1);
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..options.at_once.clamp(1, open.len().max(1)) {
                scope.spawn(worker);
            }
        });
        control.checkpoint()?;
        if let Some(error) = broken.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(error);
        }
        for (n, record) in done.into_inner().unwrap_or_else(PoisonError::into_inner) {
            records[n] = Some(record);
        }
        Ok((records.into_iter().flatten().collect(), reused))
    }

    /// Does one job and stores it. An error is one that ends everything.
    fn one(&self, n: usize, models: usize, control: &Control) -> Result<Record, EvaluateError> {
        let (Some(case), Some(tested), Some(key)) =
            (self.cases.get(n / models), self.plan.tested.get(n % models), self.keys.get(n))
        else {
            return Err(Cancelled.into());
        };
        let job = job(self.plan, case, tested);
        let JobKey { key, unreadable } = key;
        let no_prediction = match tested {
            Tested::Prediction { name, .. } => case.predictions.get(name).and_then(|p| p.as_ref().err()),
            Tested::Model(_) => None,
        };
        let since = Instant::now();
        let found = match unreadable.as_ref().or(no_prediction) {
            Some(reason) => Err(Failure::Failed(reason.clone())),
            None => attempt(self.work, &job, &control.child()),
        };
        let seconds = since.elapsed().as_secs_f64();
        let (outcome, failed) = match found {
            Err(Failure::Cancelled) => return Err(Cancelled.into()),
            Err(Failure::Failed(reason)) => (Outcome::default(), Some(reason)),
            Ok(outcome) => (outcome, None),
        };
        let pictures = store_pictures(&self.plan.output, key, &outcome)?;
        let record = Record {
            key: key.clone(),
            case: case.name.clone(),
            model: tested.name().to_owned(),
            failed,
            seconds,
            finished: clock::now(),
            measures: outcome.measures,
            unit: outcome.unit,
            scalars: outcome.scalars.into_iter().filter(|s| s.reference.is_finite() && s.test.is_finite()).collect(),
            scored: outcome.scored.into_iter().filter(|s| s.score.is_finite()).collect(),
            reliability: outcome.reliability,
            candidates: outcome.candidates,
            pictures,
            files: outcome.files,
            provider: outcome.provider,
            warnings: outcome.warnings,
        };
        Ok(self.store.add(&record)?)
    }
}

/// A job that panics is a defect, but not one that may cost the other cases their results.
fn attempt(work: &dyn CaseWork, job: &Job<'_>, control: &Control) -> Result<Outcome, Failure> {
    catch_unwind(AssertUnwindSafe(|| work.work(job, control))).unwrap_or_else(|panic| {
        let words =
            panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
        let words = words.unwrap_or("no message");
        Err(Failure::Failed(format!(
            "the work ended unexpectedly ({words}); this is a defect of Veritome, please report it"
        )))
    })
}

/// Writes pictures under names that no case's name can spoil.
fn store_pictures(folder: &Path, key: &str, outcome: &Outcome) -> Result<Vec<StoredPicture>, IoError> {
    if outcome.pictures.is_empty() {
        return Ok(Vec::new());
    }
    let place = folder.join("pictures");
    std::fs::create_dir_all(&place).map_err(|e| IoError::system(&place, e))?;
    let short: String = key.chars().take(20).collect();
    let store = |(n, picture): (usize, &super::work::CasePicture)| {
        let name = format!("{short}_{}.png", n + 1);
        write_whole(&place.join(&name), |out| out.write_all(&picture.png))?;
        Ok(StoredPicture {
            title: picture.title.clone(),
            file: format!("pictures/{name}"),
            synthetic: picture.synthetic,
        })
    };
    outcome.pictures.iter().enumerate().map(store).collect()
}
