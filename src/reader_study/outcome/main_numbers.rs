//! The numbers that a person looks for first, as the command line and the window show them.

use crate::reader_study::analysis::StudyReport;
use crate::report::numbers::p_value;

use super::readers_mean::ReadersMean;
use super::report_tables::number;
use super::study_outcome::{DesignResult, StudyOutcome};

/// A figure in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MainNumber {
    /// What it is.
    pub name: String,
    /// The value with its interval, or the p value.
    pub value: String,
}

/// The mean of all readers in every arm, then the declared tests.
#[must_use]
pub fn main_numbers(outcome: &StudyOutcome) -> Vec<MainNumber> {
    let mut numbers = match &outcome.result.content {
        DesignResult::YesNo(result) => of_means(result.means.iter()),
        DesignResult::ForcedChoice(result) => of_means(result.means.iter()),
        DesignResult::FreeResponse(result) => of_means(result.means.iter()),
        DesignResult::Approval(result) => of_means(result.means.iter()),
        DesignResult::Preference(result) => of_means(result.pairs.iter().filter_map(|pair| pair.mean.as_ref())),
        DesignResult::Roc(result) | DesignResult::Aided(result) => of_areas(result.report.as_ref()),
        DesignResult::Grading(result) => {
            let of = |(text, arm, area, interval): (&str, &str, f64, [f64; 2])| MainNumber {
                name: format!("{text}, {arm}: area under the VGC curve"),
                value: with_interval(area, interval),
            };
            let known = result.criteria.iter().filter_map(|c| Some((c.text.as_str(), c.modality.as_str(), c.vgc?)));
            known.map(|(text, arm, vgc)| of((text, arm, vgc.area, vgc.interval))).collect()
        }
    };
    numbers.extend(outcome.planned_tests.content.iter().map(|test| {
        let adjusted = test.p_holm.filter(|adjusted| Some(*adjusted) != test.p);
        let holm = adjusted.map(|adjusted| format!("; after Holm {}", p_value(adjusted))).unwrap_or_default();
        let p = match test.p.map(p_value) {
            None => "p undefined".to_owned(),
            Some(limit) if limit.starts_with(['<', '>']) => format!("p {limit}"),
            Some(p) => format!("p = {p}"),
        };
        MainNumber { name: test.name.clone(), value: p + &holm }
    }));
    numbers
}

fn of_means<'a>(means: impl Iterator<Item = &'a ReadersMean>) -> Vec<MainNumber> {
    let of = |mean: &ReadersMean| MainNumber {
        name: format!("{}, {}", mean.modality, mean.figure),
        value: with_interval(mean.mean, mean.interval),
    };
    means.map(of).collect()
}

fn of_areas(report: Option<&StudyReport>) -> Vec<MainNumber> {
    let single = report.into_iter().flat_map(|report| &report.modalities);
    let of = |arm: &crate::reader_study::analysis::report::SingleModality| MainNumber {
        name: format!("{}, area under the ROC curve", arm.mean.modality),
        value: with_interval(arm.mean.mean, arm.mean.interval),
    };
    single.map(of).collect()
}

fn with_interval(value: f64, [low, high]: [f64; 2]) -> String {
    format!("{} ({} to {})", number(value), number(low), number(high))
}
