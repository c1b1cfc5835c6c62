//! A whole study analysed.

use crate::reader_study::design::{Design, SealedTruth};
use std::collections::BTreeMap;

use serde::Serialize;

use crate::reader_study::analysis::covariance::CovarianceMethod;

use super::alterations::{differing, sealed_study};
use super::approval::{self, ApprovalResult};
use super::attention::{Attention, attention};
use super::checklist::{ChecklistItem, claim, mrmc};
use super::errors::OutcomeError;
use super::figure_comparison::arms_csv;
use super::flow::{Flow, flow, main_counts};
use super::forced_choice::{self, ForcedChoiceResult};
use super::free_response::{self, FreeResponseResult};
use super::grading::{self, GradingResult};
use super::incomplete::{Incomplete, LeftOutReader};
use super::integrity::{Integrity, SessionState};
use super::material::Material;
use super::methods::methods;
use super::order_effects::{OrderEffects, order_effects};
use super::planned_tests::{PlannedTest, adjusted};
use super::preference::{self, PreferenceResult};
use super::readings::Readings;
use super::receipts::{ReceiptLine, Receipts};
use super::remarks::{Remarks, Section, Word};
use super::repeats::{SelfAgreement, self_agreement};
use super::roc::{self, RocResult};
use super::tables::{approval_csv, rating_lines, ratings_csv, trials_csv};
use super::times::{Times, times};
use super::trends::{Trend, trends};
use super::yes_no::{self, YesNoResult};

/// What a person may set.
#[derive(Debug, Clone, PartialEq)]
pub struct OutcomeOptions {
    /// At whose word the analysis goes on although something forbids it.
    pub word: Word,
    /// Where covariances over cases come from.
    pub covariance: CovarianceMethod,
    /// Draws of bootstraps.
    pub resamples: usize,
    /// Receipts that readers kept.
    pub receipts: Receipts,
    /// What is done about missing readings.
    pub incomplete: Option<Incomplete>,
    /// Files of the package that are not as they were made, each with its name.
    pub altered: Vec<String>,
    /// What else must be said of the package.
    pub notes: Vec<String>,
}

impl Default for OutcomeOptions {
    fn default() -> Self {
        Self {
            word: Word::default(),
            covariance: CovarianceMethod::Jackknife,
            resamples: 2000,
            receipts: Receipts::default(),
            incomplete: None,
            altered: Vec::new(),
            notes: Vec::new(),
        }
    }
}

/// Everything that a finished study says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StudyOutcome {
    /// The study's name.
    pub title: String,
    /// What one trial showed and asked.
    pub design: Design,
    /// Hash of the frozen plan: the pre-registration.
    pub plan_sha256: String,
    /// The seed of all random choices.
    pub seed: u64,
    /// One minus the confidence of the intervals.
    pub alpha: f64,
    /// The margin of the plan.
    pub margin: Option<f64>,
    /// Who or what set the truth.
    pub truth_source: Option<String>,
    /// Whether no human read; see the remarks.
    pub simulated: bool,
    /// Must be shown with every table.
    pub remarks: Vec<String>,
    /// What the person must know, shown once.
    pub warnings: Vec<String>,
    /// Who read.
    pub readers: Section<Vec<ReaderLine>>,
    /// The arms.
    pub modalities: Section<Vec<ModalityLine>>,
    /// Every planned session.
    pub sessions: Section<Vec<SessionState>>,
    /// What readers' receipts say of the logs; empty where none was given.
    pub receipts: Section<Vec<ReceiptLine>>,
    /// Deviations and notes from the logs.
    pub deviations: Section<Vec<String>>,
    /// Planned, read and missing trials.
    pub flow: Section<Vec<Flow>>,
    /// The result of the design.
    pub result: Section<DesignResult>,
    /// The declared tests, adjusted after Holm.
    pub planned_tests: Section<Vec<PlannedTest>>,
    /// Agreement of readers with themselves.
    pub self_agreement: Section<Vec<SelfAgreement>>,
    /// Catch trials.
    pub attention: Section<Vec<Attention>>,
    /// Learning and fatigue.
    pub trends: Section<Vec<Trend>>,
    /// Reading times.
    pub times: Section<Vec<Times>>,
    /// Effects of order and side.
    pub order_effects: Section<OrderEffects>,
    /// What was done, as a methods section has it.
    pub methods: String,
    /// CLAIM 2020, filled as far as the study knows.
    pub claim: Vec<ChecklistItem>,
    /// Reporting of reader studies, filled as far as the study knows.
    pub mrmc_checklist: Vec<ChecklistItem>,
    /// The rows that everything comes from.
    #[serde(skip)]
    pub readings: Readings,
}

/// The result of a design.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "design", rename_all = "snake_case")]
#[allow(missing_docs, reason = "named after the designs")]
pub enum DesignResult {
    YesNo(Box<YesNoResult>),
    ForcedChoice(Box<ForcedChoiceResult>),
    Roc(Box<RocResult>),
    FreeResponse(Box<FreeResponseResult>),
    Grading(Box<GradingResult>),
    Preference(Box<PreferenceResult>),
    Aided(Box<RocResult>),
    Approval(Box<ApprovalResult>),
}

/// A reader as reports show one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReaderLine {
    /// The reader's id; never a name.
    pub id: String,
    /// For instance `radiologist`.
    pub role: Option<String>,
    /// Years of experience.
    pub years: Option<f64>,
    /// No human.
    pub simulated: bool,
}

/// An arm.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModalityLine {
    /// Its name.
    pub name: String,
    /// Whether its images were made artificially.
    pub synthetic: bool,
    /// What made them.
    pub model: Option<String>,
}

impl DesignResult {
    fn of(readings: &Readings, options: &OutcomeOptions, warnings: &mut Vec<String>) -> Result<Self, OutcomeError> {
        let (covariance, resamples) = (options.covariance, options.resamples);
        Ok(match readings.design {
            Design::YesNo => Self::YesNo(Box::new(yes_no::analyse(readings, covariance, warnings)?)),
            Design::ForcedChoice => Self::ForcedChoice(Box::new(forced_choice::analyse(readings, warnings))),
            Design::Roc => Self::Roc(Box::new(roc::analyse(readings, covariance, warnings)?)),
            Design::Aided => Self::Aided(Box::new(roc::analyse(readings, covariance, warnings)?)),
            Design::FreeResponse => Self::FreeResponse(Box::new(free_response::analyse(readings, warnings)?)),
            Design::Grading => Self::Grading(Box::new(grading::analyse(readings, resamples, warnings))),
            Design::Preference => Self::Preference(Box::new(preference::analyse(readings, resamples, warnings))),
            Design::Approval => Self::Approval(Box::new(approval::analyse(readings, warnings))),
        })
    }

    /// The cases that were left out for all readers, in words.
    fn left_out(&self) -> Option<String> {
        let report = match self {
            Self::YesNo(result) => result.report.as_ref(),
            Self::Roc(result) | Self::Aided(result) => result.report.as_ref(),
            _ => None,
        };
        let dropped = report?.dropped.as_ref()?;
        Some(format!(
            "left out for all readers, since somebody did not read them: {}: {}",
            dropped.counted(),
            dropped.cases.join(", ")
        ))
    }

    fn planned_tests(&self) -> Vec<PlannedTest> {
        match self {
            Self::YesNo(result) => result.planned_tests(),
            Self::ForcedChoice(result) => result.planned_tests(),
            Self::Roc(result) | Self::Aided(result) => result.planned_tests(),
            Self::FreeResponse(result) => result.planned_tests(),
            Self::Grading(result) => result.planned_tests(),
            Self::Preference(result) => result.planned_tests(),
            Self::Approval(result) => result.planned_tests(),
        }
    }

    /// The heading of the result.
    #[must_use]
    pub fn heading(&self) -> &'static str {
        match self {
            Self::YesNo(_) => "Real or synthetic, one image at a time",
            Self::ForcedChoice(_) => "Real or synthetic, side by side",
            Self::Roc(_) => "Diagnosis",
            Self::FreeResponse(_) => "Diagnosis with location",
            Self::Grading(_) => "Visual grading",
            Self::Preference(_) => "Preference",
            Self::Aided(_) => "Diagnosis with and without an aid",
            Self::Approval(_) => "Approval",
        }
    }
}

impl StudyOutcome {
    /// Analyses a study.
    ///
    /// # Errors
    /// When the truth is of another study, logs are altered or doubtful or sessions are open and nobody gave his or her
    /// word for going on, nothing was read, or the design's figure cannot be had.
    pub fn new(material: &Material, truth: &SealedTruth, options: &OutcomeOptions) -> Result<Self, OutcomeError> {
        same_codes(material, truth)?;
        let differing = differing(material, truth);
        let as_sealed;
        let material = if differing.is_empty() {
            material
        } else {
            as_sealed = Material { study: sealed_study(&material.study, truth), ..material.clone() };
            &as_sealed
        };
        let integrity = Integrity::of(material);
        let receipts = options.receipts.check(material);
        let mut findings = options.altered.clone();
        findings.extend(differing);
        findings.extend(integrity.serious());
        findings.extend(receipts.iter().filter(|r| r.is_serious()).map(|r| format!("{}: {}", r.log, r.text)));
        if !findings.is_empty() && !options.word.accept_untrusted {
            return Err(OutcomeError::Untrusted { findings });
        }
        let open = integrity.open_sessions();
        if !open.is_empty() && options.word.unplanned_look.is_none() {
            return Err(OutcomeError::SessionsOpen { open, planned: integrity.sessions.len() });
        }
        let mut readings = Readings::of(material, truth, &integrity);
        readings.complete_by(options.incomplete);
        if readings.main().next().is_none() {
            return Err(if readings.left_out.is_empty() {
                OutcomeError::NothingRead
            } else {
                OutcomeError::NobodyComplete
            });
        }
        let remarks = Remarks::of(&integrity, &findings, &options.word);
        let mut warnings = Vec::new();
        let result = DesignResult::of(&readings, options, &mut warnings)?;
        let flow = flow(&readings);
        let (planned, read) = main_counts(&flow);
        if read < planned {
            warnings.insert(0, format!("{} of {planned} main trials were not read; see the flow", planned - read));
        }
        warnings.extend(cases_of_one_patient(&readings));
        let simulated = |id: &str| integrity.sessions.iter().any(|s| s.reader == id && s.simulated);
        let readers = readings.plan.readers.iter().map(|r| ReaderLine {
            id: r.id.clone(),
            role: r.role.clone(),
            years: r.years,
            simulated: simulated(&r.id),
        });
        let modalities = readings.plan.modalities.iter().map(|m| ModalityLine {
            name: m.name.clone(),
            synthetic: m.synthetic,
            model: m.model.clone(),
        });
        let mut deviations = findings;
        deviations.extend(integrity.notes());
        deviations.extend(options.notes.iter().cloned());
        deviations.extend(readings.left_out.iter().map(LeftOutReader::sentence));
        deviations.extend(result.left_out());
        let section_of_tests = remarks.section("Declared tests", adjusted(result.planned_tests()));
        let mut outcome = Self {
            title: readings.plan.title.clone(),
            design: readings.design,
            plan_sha256: material.study.plan_sha256.clone(),
            seed: readings.plan.seed,
            alpha: readings.plan.alpha,
            margin: readings.plan.margin,
            truth_source: readings.plan.truth_source.clone(),
            simulated: !remarks.mark.is_empty(),
            remarks: remarks.sentences.clone(),
            warnings,
            readers: remarks.section("Readers", readers.collect()),
            modalities: remarks.section("Arms", modalities.collect()),
            deviations: remarks.section("Deviations and notes", deviations),
            receipts: remarks.section("Receipts", receipts),
            sessions: remarks.section("Sessions", integrity.sessions),
            flow: remarks.section("Flow of trials", flow),
            planned_tests: section_of_tests,
            self_agreement: remarks.section("Agreement with oneself", self_agreement(&readings)),
            attention: remarks.section("Attention", attention(&readings)),
            trends: remarks.section("Learning and fatigue", trends(&readings)),
            times: remarks.section("Reading times", times(&readings)),
            order_effects: remarks.section("Order and side", order_effects(&readings)),
            result: remarks.section(result.heading(), result),
            methods: String::new(),
            claim: Vec::new(),
            mrmc_checklist: Vec::new(),
            readings,
        };
        outcome.methods = methods(&outcome);
        outcome.claim = claim(&outcome);
        outcome.mrmc_checklist = mrmc(&outcome);
        Ok(outcome)
    }

    /// One line a planned trial, with the remarks.
    ///
    /// # Errors
    /// When memory runs out.
    pub fn trials_csv(&self) -> Result<String, OutcomeError> {
        trials_csv(&self.readings, &self.remarks)
    }

    /// `reader,modality,case,truth,rating`; none for designs without a rating of a truth.
    ///
    /// # Errors
    /// When memory runs out.
    pub fn ratings_csv(&self) -> Result<Option<String>, OutcomeError> {
        let lines = rating_lines(&self.readings);
        if lines.is_empty() { Ok(None) } else { ratings_csv(&lines, &self.remarks).map(Some) }
    }

    /// Shares of every option and of what was approved, by reader and arm; none for other designs.
    ///
    /// # Errors
    /// When memory runs out.
    pub fn approval_csv(&self) -> Result<Option<String>, OutcomeError> {
        match &self.result.content {
            DesignResult::Approval(result) => approval_csv(result, &self.remarks).map(Some),
            _ => Ok(None),
        }
    }

    /// What each arm and reader gave, and arms compared; none for designs other than free response.
    ///
    /// # Errors
    /// When memory runs out.
    pub fn arms_csv(&self) -> Result<Option<String>, OutcomeError> {
        match &self.result.content {
            DesignResult::FreeResponse(result) => arms_csv(result, &self.remarks).map(Some),
            _ => Ok(None),
        }
    }

    /// The object that a report and `--json` show.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        // Structs of numbers, texts and lists always have a JSON form.
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// Intervals take cases as independent, which several cases of one patient are not.
fn cases_of_one_patient(readings: &Readings) -> Option<String> {
    let mut cases: BTreeMap<&str, &str> = BTreeMap::new();
    let several = readings.main().filter_map(|row| Some((row.patient.as_str(), row.cases.first()?.as_str())));
    let mut patients: Vec<&str> = several
        .filter(|(patient, case)| *cases.entry(patient).or_insert(case) != *case)
        .map(|(patient, _)| patient)
        .collect();
    patients.sort_unstable();
    patients.dedup();
    let n = patients.len();
    (n > 0).then(|| {
        format!("{n} patients have several cases, which the intervals take as independent; they are too narrow")
    })
}

/// Without one key for all trials nothing can be analysed, whoever says so.
fn same_codes(material: &Material, truth: &SealedTruth) -> Result<(), OutcomeError> {
    let other = |why: String| Err(OutcomeError::OtherTruth { why });
    for (key, (list, _)) in &material.lists {
        let codes = truth.lists.get(key).map(|trials| trials.iter().map(|t| &t.code).collect::<Vec<_>>());
        if codes.is_none_or(|codes| codes != list.trials.iter().map(|t| &t.code).collect::<Vec<_>>()) {
            return other(format!("its key of list {key} has other codes"));
        }
    }
    Ok(())
}
