//! Every planned trial with what became of it: one row each, main, training, repeat and catch trials alike.

use crate::reader_study::design::{Answers, Case, Design, Plan, PublicStudy, Question, Role, SealedTrial, SealedTruth};
use std::collections::{BTreeMap, HashMap};

use crate::reader_study::session::package_view::list_key;

use super::incomplete::{Incomplete, LeftOutReader};
use super::integrity::{Ending, Integrity};
use super::judged::{Judge, Judged};
use super::material::Material;
use super::timing::{self, TrialLog};

/// All planned trials of a study, and what is needed to judge them.
#[derive(Debug, Clone, PartialEq)]
pub struct Readings {
    /// What one trial shows and asks.
    pub design: Design,
    /// All questions.
    pub questions: Vec<Question>,
    /// The question that the figure of merit comes from; none when nothing is asked.
    pub primary: Option<Question>,
    /// The frozen plan.
    pub plan: Plan,
    /// By reader, session and position.
    pub rows: Vec<Reading>,
    /// What is done about missing readings, where a person decided it.
    pub incomplete: Option<Incomplete>,
    /// Readers whose rows enter no analysis.
    pub left_out: Vec<LeftOutReader>,
    cases: HashMap<String, Case>,
}

/// One planned trial.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The reader.
    pub reader: String,
    /// The session, from 1.
    pub session: u32,
    /// The place in the session's list, from 1.
    pub position: u32,
    /// The trial's name.
    pub code: String,
    /// What it is for.
    pub role: Role,
    /// The first showing that this one repeats.
    pub repeats: Option<String>,
    /// The case; of a pair the case of either image when they differ.
    pub cases: Vec<String>,
    /// Whose case; of the first image.
    pub patient: String,
    /// Subgroup of the first image's case.
    pub group: Option<String>,
    /// One modality, or left and right.
    pub modalities: Vec<String>,
    /// No human read.
    pub simulated: bool,
    /// The answers and how they came; none when it was not read.
    pub log: Option<TrialLog>,
    /// Why it was not read.
    pub missing: Option<&'static str>,
    /// What the answers mean.
    pub judged: Judged,
}

impl Reading {
    /// The final answers, if it was read.
    #[must_use]
    pub fn answers(&self) -> Option<&Answers> {
        self.log.as_ref()?.answers.as_ref()
    }

    /// The arm of a trial with one image.
    #[must_use]
    pub fn modality(&self) -> &str {
        self.modalities.first().map_or("", String::as_str)
    }

    /// The case, or both cases of a pair: what readers have in common when they see the same.
    #[must_use]
    pub fn unit(&self) -> String {
        let mut cases = self.cases.clone();
        cases.sort();
        cases.dedup();
        cases.join("+")
    }

    /// Seconds of reading, where it was read.
    #[must_use]
    pub fn seconds(&self) -> Option<f64> {
        self.answers()?;
        self.log.as_ref().map(|log| log.read_ms as f64 / 1000.0)
    }
}

impl Readings {
    /// Puts the keys of all lists and the logs together.
    #[must_use]
    pub fn of(material: &Material, truth: &SealedTruth, integrity: &Integrity) -> Self {
        let study: &PublicStudy = &material.study;
        let primary = study.primary_question().cloned();
        let cases: HashMap<String, Case> = truth.plan.plan().cases.iter().map(|c| (c.id.clone(), c.clone())).collect();
        let mut readings = Self {
            design: study.design,
            questions: study.questions.clone(),
            primary,
            plan: truth.plan.plan().clone(),
            rows: Vec::new(),
            incomplete: None,
            left_out: Vec::new(),
            cases,
        };
        let mut rows = Vec::new();
        for session in &integrity.sessions {
            let key = list_key(&session.reader, session.session);
            let Some(trials) = truth.lists.get(&key) else { continue };
            let logged = integrity.logs.get(&key).map(|log| timing::trials(&log.entries)).unwrap_or_default();
            let images: HashMap<&str, &[String]> = material
                .lists
                .get(&key)
                .map(|(list, _)| list.trials.iter().map(|t| (t.code.as_str(), t.images.as_slice())).collect())
                .unwrap_or_default();
            for (at, trial) in trials.iter().enumerate() {
                let blobs = images.get(trial.code.as_str()).copied().unwrap_or_default();
                let cases = cases_of(trial, blobs, truth);
                let mut row = readings.row(trial, cases, &logged, session.state);
                row.reader.clone_from(&session.reader);
                row.session = session.session;
                row.position = u32::try_from(at + 1).unwrap_or(u32::MAX);
                row.simulated = session.simulated;
                rows.push(row);
            }
        }
        readings.rows = rows;
        readings
    }

    fn row(
        &self,
        trial: &SealedTrial,
        cases: Vec<String>,
        logged: &BTreeMap<String, TrialLog>,
        ending: Ending,
    ) -> Reading {
        let log = logged.get(&trial.code).cloned();
        let confirmed = log.as_ref().is_some_and(|log| log.answers.is_some());
        let missing = match (&log, confirmed) {
            (_, true) => None,
            (Some(_), false) => Some("shown and not confirmed"),
            (None, false) => Some(ending.why_missing()),
        };
        let case = cases.first().and_then(|case| self.cases.get(case));
        let judge = Judge { design: self.design, primary: self.primary.as_ref(), plan: &self.plan };
        let answers = log.as_ref().and_then(|log| log.answers.as_ref());
        Reading {
            reader: String::new(),
            session: 0,
            position: 0,
            code: trial.code.clone(),
            role: trial.role,
            repeats: trial.repeats.clone(),
            patient: case.map_or_else(|| trial.case.clone(), |c| c.patient.clone()),
            group: case.and_then(|c| c.group.clone()),
            judged: judge.judge(case, &trial.modalities, answers),
            cases,
            modalities: trial.modalities.clone(),
            simulated: false,
            log,
            missing,
        }
    }

    /// Leaves out what a person wants to be left out: readers here, cases where ratings are crossed.
    pub fn complete_by(&mut self, incomplete: Option<Incomplete>) {
        self.incomplete = incomplete;
        if incomplete != Some(Incomplete::Readers) {
            return;
        }
        for reader in &self.plan.readers {
            let own = || self.rows.iter().filter(|row| row.role == Role::Main && row.reader == reader.id);
            let (planned, read) = (own().count(), own().filter(|row| row.missing.is_none()).count());
            if read < planned {
                self.left_out.push(LeftOutReader { reader: reader.id.clone(), planned, read });
            }
        }
    }

    /// A case by its id.
    #[must_use]
    pub fn case(&self, id: &str) -> Option<&Case> {
        self.cases.get(id)
    }

    /// The trials of the main part that were read.
    pub fn main(&self) -> impl Iterator<Item = &Reading> {
        let left_out = |row: &Reading| self.left_out.iter().any(|out| out.reader == row.reader);
        self.rows.iter().filter(move |row| row.role == Role::Main && row.missing.is_none() && !left_out(row))
    }

    /// The readers with at least one main trial read, in the plan's order.
    #[must_use]
    pub fn readers(&self) -> Vec<String> {
        let read: std::collections::HashSet<&str> = self.main().map(|row| row.reader.as_str()).collect();
        self.plan.readers.iter().map(|r| r.id.clone()).filter(|id| read.contains(id.as_str())).collect()
    }

    /// The arms with at least one main trial read, acquired ones first.
    #[must_use]
    pub fn arms(&self) -> Vec<String> {
        let read: std::collections::HashSet<&str> =
            self.main().flat_map(|row| row.modalities.iter().map(String::as_str)).collect();
        self.plan.arms().into_iter().filter(|arm| read.contains(arm)).map(str::to_owned).collect()
    }
}

/// The case of every image on the screen, once when all are the same.
fn cases_of(trial: &SealedTrial, blobs: &[String], truth: &SealedTruth) -> Vec<String> {
    let known: Option<Vec<String>> = blobs.iter().map(|b| truth.blobs.get(b).map(|blob| blob.case.clone())).collect();
    match known {
        Some(cases) if cases.len() > 1 && cases.iter().any(|case| *case != trial.case) => cases,
        _ => vec![trial.case.clone()],
    }
}
