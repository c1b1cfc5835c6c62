//! What was done, in the words of a methods section, with the numbers.

use super::results::percent;
use crate::evaluate::plan::{DataRange, Kind};
use crate::evaluate::run::Evaluation;
use crate::evaluate::statistics::Statistics;
use crate::evaluate::subgroups::SMALLEST;
use crate::evaluate::summary::patients_with_several_cases;
use crate::report::Section;
use crate::report::numbers::{count, counted};

pub(super) fn section(evaluation: &Evaluation, statistics: &Statistics) -> Section {
    let mut section = Section::new("Methods");
    section.paragraph(measured(evaluation, statistics));
    section.paragraph(summarised(evaluation, statistics));
    section
}

fn measured(evaluation: &Evaluation, statistics: &Statistics) -> String {
    let plan = &evaluation.plan;
    let measures = &plan.measures;
    let names: Vec<&str> = evaluation.models.iter().map(|m| m.name.as_str()).collect();
    let mut text = format!(
        "{} were measured with {} ({}).",
        counted(evaluation.cases.len(), "case"),
        counted(names.len(), "model"),
        names.join(", ")
    );
    match (measures.kind, measures.data_range, measures.tolerance_mm) {
        (Kind::Image, Some(DataRange::Stated(range)), _) => {
            text.push_str(&format!(" PSNR and SSIM took {range} as the full scale of the values."));
        }
        (Kind::Image, _, _) => {
            text.push_str(" PSNR and SSIM took the maximum minus the minimum of each case's reference as the full scale of the values.");
        }
        (Kind::Labels, _, Some(mm)) => {
            text.push_str(&format!(" Surface Dice was taken at a tolerance of {mm} mm."));
        }
        _ => {}
    }
    if let Some(truth) = &measures.truth {
        text.push_str(&format!(" The truth of each case is the column {truth}."));
    }
    if !statistics.failures.is_empty() {
        text.push_str(&format!(
            " {} of {} failed and have no numbers.",
            statistics.failures.len(),
            counted(evaluation.records.len(), "job")
        ));
    }
    let left_out = evaluation.findings.iter().filter(|f| f.is_serious()).count();
    if left_out > 0 {
        text.push_str(&format!(" Incomplete cases were left out ({}).", counted(left_out, "finding")));
    }
    text.push_str(" A measure without a value for a case (for instance a surface distance where a structure is absent) is undefined there, is counted as such, and enters no mean.");
    text
}

fn summarised(evaluation: &Evaluation, statistics: &Statistics) -> String {
    let s = evaluation.plan.statistics;
    let several = patients_with_several_cases(evaluation);
    let unit = if several > 0 { "patients, each with all of their cases" } else { "cases" };
    let mut text = format!(
        "Means are given with {} {} bootstrap intervals ({} resamples of {unit}, seed {}).",
        percent(s.alpha),
        s.interval.words(),
        count(s.resamples as u64),
        evaluation.plan.seed
    );
    if several > 0 {
        text.push_str(&format!(
            " {} had several cases; tests took the mean of each patient's cases as one observation.",
            counted(several, "patient")
        ));
    }
    let holm = |tests: usize| format!("corrected after Holm over {}", counted(tests, "test"));
    if !statistics.differences.is_empty() {
        let tests = statistics.differences.iter().filter(|d| d.p.is_some()).count();
        text.push_str(&format!(
            " Models were compared on the cases for which both have a value, by the mean paired difference and Wilcoxon's two-sided signed rank test (exact for at most 50 observations without ties, else by its normal approximation; differences of zero dropped), {}; of measures that are best near 0 the sizes were compared.",
            holm(tests)
        ));
    }
    if !statistics.subgroups.is_empty() {
        let tests = statistics.subgroups.iter().filter(|d| d.test.is_some()).count();
        text.push_str(&format!(
            " Subgroups ({}) were compared by the Kruskal-Wallis test, two groups by the Mann-Whitney test, {}; groups of fewer than {SMALLEST} cases were left out of tests.",
            evaluation.plan.subgroup_columns().join(", "),
            holm(tests)
        ));
    }
    text
}
