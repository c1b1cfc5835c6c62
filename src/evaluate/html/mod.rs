//! The report of an evaluation: [`page`] puts its parts together.
//!
//! - `head`: what was run; `results`: summaries, pairs, boxes; `agreement`: Bland-Altman; `probabilities`: reliability, ROC
//! - `groups`: subgroups; `cases`: the worst ones, failures, every case with its files; `methods`: what was done, in words
//! - `links`: where a case is in the page

mod agreement;
mod cases;
mod groups;
mod head;
mod links;
mod methods;
mod probabilities;
mod results;

use super::run::Evaluation;
use super::statistics::Statistics;
use crate::report::numbers::counted;
use crate::report::{Banner, Page, Text};
use links::Links;

/// Where and by what an evaluation was run, for the report.
#[derive(Debug, Clone, Default)]
pub struct Setting {
    /// `Veritome 0.1.0`.
    pub software: String,
    /// Name and value: processor, graphics card, system, runtime.
    pub machine: Vec<(String, String)>,
    /// When it began, RFC 3339.
    pub started: String,
    /// When it ended, RFC 3339.
    pub ended: String,
    /// Numbers, readers or images are made up, as in an example: a banner says how.
    pub simulated: Option<String>,
}

/// The report as one page.
#[must_use]
pub fn page(evaluation: &Evaluation, statistics: &Statistics, setting: &Setting) -> Page {
    let mut page = Page::new(evaluation.plan.title.clone());
    let models = counted(evaluation.models.len(), "model");
    let when = if setting.ended.is_empty() { String::new() } else { format!(", {}", head::time(&setting.ended)) };
    page.lead(format!("{} with {models}{when}", counted(evaluation.cases.len(), "case")));
    banners(&mut page, evaluation, statistics, setting);
    let links = Links::new(evaluation);
    for section in [
        results::overview(evaluation, statistics),
        results::summaries(evaluation, statistics),
        results::differences(evaluation, statistics),
        results::boxes(evaluation, statistics, &links),
        agreement::section(evaluation, &links),
        probabilities::section(evaluation, statistics),
        groups::section(evaluation, statistics),
        cases::worst(evaluation, statistics, &links),
        cases::failures(evaluation, statistics, &links),
        head::what_was_run(evaluation, setting),
        methods::section(evaluation, statistics),
        cases::all(evaluation, statistics, &links),
    ] {
        page.section(section);
    }
    page.footer(Text::new().and(format!("{}. Plan ", setting.software)).code(evaluation.plan.sha256.clone()));
    page
}

fn banners(page: &mut Page, evaluation: &Evaluation, statistics: &Statistics, setting: &Setting) {
    let synthetic: Vec<&str> = evaluation.models.iter().filter(|m| m.synthetic).map(|m| m.name.as_str()).collect();
    if !synthetic.is_empty() {
        let what = format!("What these make is synthetic and was measured here: {}", synthetic.join(", "));
        page.banner(Banner::Synthetic(what.into()));
    }
    if let Some(how) = &setting.simulated {
        page.banner(Banner::Simulated(how.clone().into()));
    }
    let left_out = evaluation.findings.iter().filter(|f| f.is_serious()).count();
    if left_out > 0 {
        page.banner(Banner::Remark(format!("Cases were left out; {} below", counted(left_out, "finding")).into()));
    }
    if !statistics.failures.is_empty() {
        let words = format!("{} of {} failed", statistics.failures.len(), counted(evaluation.records.len(), "job"));
        page.banner(Banner::Remark(Text::new().strong(words).and("; they are listed below and count as undefined")));
    }
}
