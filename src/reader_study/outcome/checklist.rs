//! Reporting checklists, filled as far as the study itself knows.
//!
//! CLAIM 2020 after Mongan, Moy and Kahn 2020 (42 items, in short words); the list for reader studies after section 6 of
//! the project's notes on reader studies (FDA guidance 2022 and what a report holds).

use serde::Serialize;

use crate::reader_study::design::Role;

use super::flow::main_counts;
use super::methods::{factors, tests as tests_words};
use super::study_outcome::StudyOutcome;

/// One item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChecklistItem {
    /// Its number.
    pub number: usize,
    /// What is to be reported.
    pub item: &'static str,
    /// What the study knows; else [`BY_AUTHORS`].
    pub answer: String,
    /// Whether the study knew.
    pub filled: bool,
}

/// What stands where the study does not know.
pub const BY_AUTHORS: &str = "to be filled by the authors";

const CLAIM: [&str; 42] = [
    "Identification as a study of AI methodology, with the category of technology",
    "Structured summary of design, methods, results and conclusions",
    "Scientific and clinical background, intended use and clinical role",
    "Study objectives and hypotheses",
    "Prospective or retrospective study",
    "Study goal",
    "Data sources",
    "Eligibility criteria",
    "Data preprocessing",
    "Selection of data subsets",
    "Definitions of data elements",
    "De-identification",
    "How missing data were handled",
    "Definition of the reference standard",
    "Rationale for the reference standard",
    "Source of the reference annotations, qualifications and preparation of annotators",
    "Annotation tools",
    "Inter- and intrarater variability",
    "Intended sample size and how it was determined",
    "How data were assigned to partitions",
    "Level at which partitions are disjoint",
    "Detailed description of the model",
    "Software libraries, frameworks and packages",
    "Initialization of model parameters",
    "Details of training",
    "How the final model was selected",
    "Ensembling",
    "Metrics of performance",
    "Statistical measures of significance and uncertainty",
    "Robustness or sensitivity analysis",
    "Explainability or interpretability",
    "Validation or testing on external data",
    "Flow of cases, with inclusion and exclusion",
    "Demographic and clinical characteristics of cases",
    "Performance of the optimal models on all partitions",
    "Estimates of accuracy and their precision",
    "Failure analysis of incorrectly classified cases",
    "Study limitations, bias, uncertainty, generalizability",
    "Implications for practice",
    "Registration number and registry",
    "Where the full protocol can be accessed",
    "Funding and role of funders",
];

/// CLAIM 2020.
#[must_use]
pub fn claim(outcome: &StudyOutcome) -> Vec<ChecklistItem> {
    let models: Vec<String> =
        outcome.modalities.content.iter().filter_map(|m| Some(format!("{}: {}", m.name, m.model.as_ref()?))).collect();
    let known = [
        (13, Some(flow_words(outcome))),
        (14, outcome.truth_source.clone()),
        (18, Some(variability(outcome))),
        (22, Some(models.join("; ")).filter(|models| !models.is_empty())),
        (23, software(outcome)),
        (28, Some(outcome.methods.clone())),
        (29, Some(uncertainty(outcome))),
        (33, Some(flow_words(outcome))),
        (36, Some("see the section of the result".into())),
        (41, Some(format!("frozen plan with SHA-256 {}", outcome.plan_sha256))),
    ];
    items(&CLAIM, &known, outcome)
}

const MRMC: [&str; 16] = [
    "Question and figure of merit, fixed beforehand",
    "Frozen protocol and its hash",
    "Design, arms and which factors are random",
    "Reference standard and who set it",
    "Cases: selection, mix, subgroups",
    "Readers: number, role, years, training",
    "Lists: randomisation, seed, blocking, sides",
    "Sessions, washout, pauses and time limits",
    "Blinding: what was hidden, and when it was broken",
    "Display and viewing conditions",
    "Flow of trials: planned, read, missing and why",
    "Every rating, and curves or figures of every reader",
    "Analysis in full, with intervals, degrees of freedom and margin",
    "Multiplicity",
    "Agreement with oneself and of readers, attention, order and side effects, times",
    "Deviations",
];

/// Reporting of a reader study.
#[must_use]
pub fn mrmc(outcome: &StudyOutcome) -> Vec<ChecklistItem> {
    let arms: Vec<&str> = outcome.modalities.content.iter().map(|m| m.name.as_str()).collect();
    let sessions = &outcome.readings.plan.sessions;
    let looks = outcome.remarks.iter().filter(|r| r.contains("ook")).cloned().collect::<Vec<_>>().join(" ");
    let tests: Vec<&str> = outcome.planned_tests.content.iter().map(|t| t.name.as_str()).collect();
    let deviations = &outcome.deviations.content;
    let known = [
        (1, Some(tests.join("; ")).filter(|tests| !tests.is_empty())),
        (2, Some(outcome.plan_sha256.clone())),
        (3, factors(outcome).map(|f| format!("{}; arms: {}; {f}", outcome.result.heading, arms.join(", ")))),
        (4, outcome.truth_source.clone()),
        (6, readers_words(outcome)),
        (7, Some(format!("seed {}; every reader and session has a list of its own", outcome.seed))),
        (8, Some(format!("{} sessions a reader, washout {} days", sessions.count, sessions.washout_days))),
        (9, Some(if looks.is_empty() { "no look before all sessions were closed".into() } else { looks })),
        (11, Some(flow_words(outcome))),
        (12, Some("trials.csv, ratings.csv, and the section of the result".into())),
        (13, Some(outcome.methods.clone())),
        (14, Some(tests_words(outcome).unwrap_or_else(|| "the design declares no test".into()))),
        (15, Some(variability(outcome))),
        (16, Some(if deviations.is_empty() { "none in the logs".into() } else { deviations.join("; ") })),
    ];
    items(&MRMC, &known, outcome)
}

fn items(
    wanted: &'static [&'static str],
    known: &[(usize, Option<String>)],
    outcome: &StudyOutcome,
) -> Vec<ChecklistItem> {
    let remark = if outcome.remarks.is_empty() { String::new() } else { format!("{} ", outcome.remarks.join(" ")) };
    let item = |(at, item): (usize, &&'static str)| {
        let number = at + 1;
        let answer = known.iter().find(|(of, _)| *of == number).and_then(|(_, answer)| answer.clone());
        // The methods text says the remarks itself.
        let said = |answer: &String| answer.starts_with(&remark);
        let answer = answer.map(|a| if said(&a) { a } else { format!("{remark}{a}") });
        ChecklistItem { number, item, filled: answer.is_some(), answer: answer.unwrap_or_else(|| BY_AUTHORS.into()) }
    };
    wanted.iter().enumerate().map(item).collect()
}

fn flow_words(outcome: &StudyOutcome) -> String {
    let (planned, read) = main_counts(&outcome.flow.content);
    format!("{planned} main trials planned, {read} read, {} missing and not imputed", planned - read)
}

fn variability(outcome: &StudyOutcome) -> String {
    let repeated: usize = outcome.self_agreement.content.iter().map(|a| a.trials).sum();
    if repeated == 0 {
        "no trial was read twice".into()
    } else {
        format!("{repeated} repeated answers; see the section on agreement")
    }
}

fn uncertainty(outcome: &StudyOutcome) -> String {
    let percent = (1.0 - outcome.alpha) * 100.0;
    format!("{percent:.1} % intervals. {}", tests_words(outcome).unwrap_or_default()).trim_end().to_owned()
}

fn software(outcome: &StudyOutcome) -> Option<String> {
    let mut software: Vec<String> = outcome.sessions.content.iter().filter_map(|s| s.software.clone()).collect();
    software.sort();
    software.dedup();
    Some(format!("read with {}", software.join(", "))).filter(|_| !software.is_empty())
}

/// Number, roles, years and training; none where the plan says no role and no years of somebody.
fn readers_words(outcome: &StudyOutcome) -> Option<String> {
    let readers = &outcome.readers.content;
    let known = readers.iter().all(|reader| reader.simulated || (reader.role.is_some() && reader.years.is_some()));
    let training = outcome.flow.content.iter().filter(|f| f.role == Role::Training).map(|f| f.read).max().unwrap_or(0);
    let words: Vec<String> = readers.iter().map(reader_words).collect();
    known.then(|| format!("{} readers: {}; {training} training trials each at most", readers.len(), words.join("; ")))
}

fn reader_words(reader: &super::study_outcome::ReaderLine) -> String {
    let years = reader.years.map(|years| format!("{years} years"));
    let simulated = reader.simulated.then(|| "simulated".to_owned());
    let parts: Vec<String> = [reader.role.clone(), years, simulated].into_iter().flatten().collect();
    if parts.is_empty() { reader.id.clone() } else { format!("{} ({})", reader.id, parts.join(", ")) }
}
