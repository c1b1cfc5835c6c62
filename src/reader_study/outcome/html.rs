//! The report of a study: everything that its JSON holds as tables, with its curves, on one page.
//!
//! Tables are made of the JSON itself by `report_tables`; only curves know their design.

use super::areas::ReaderArea;
use super::methods::receipts;
use super::report_tables::{Ordered, number, write};
use super::study_outcome::{DesignResult, StudyOutcome};
use crate::reader_study::analysis::average_roc::diagonal_average;
use crate::reader_study::analysis::roc::RocPoint;
use crate::report::plots::{self, Axis, Curve, Forest, ForestRow};
use crate::report::{Banner, Figure, Page, Section, Text, Width};

const SECTIONS: [&str; 13] = [
    "result",
    "planned_tests",
    "flow",
    "readers",
    "modalities",
    "self_agreement",
    "attention",
    "trends",
    "times",
    "order_effects",
    "sessions",
    "receipts",
    "deviations",
];

/// The report as one page.
///
/// # Errors
/// When the outcome has no JSON form, which a number that is none would cause.
pub fn page(outcome: &StudyOutcome) -> Result<Page, serde_json::Error> {
    let all: Ordered = serde_json::from_str(&serde_json::to_string(outcome)?)?;
    let mut page = Page::new(outcome.title.clone());
    page.lead(format!("{} design; plan {}", outcome.design.name(), outcome.plan_sha256));
    for remark in &outcome.remarks {
        let simulated = remark.contains("simulated");
        page.banner(if simulated {
            Banner::Simulated(remark.clone().into())
        } else {
            Banner::Remark(remark.clone().into())
        });
    }
    if !outcome.warnings.is_empty() {
        let mut section = Section::new("What to know first");
        section.list(outcome.warnings.iter().map(|w| Text::from(w.clone())).collect());
        page.section(section);
    }
    for name in SECTIONS {
        let Some(part) = all.field(name) else { continue };
        let heading = part.field("heading").map(|h| h.words().join("")).unwrap_or_default();
        let fill = |section: &mut Section| {
            if name == "result" {
                curves(section, outcome);
            }
            if name == "receipts" {
                section.paragraph(receipts(outcome));
            }
            if let Some(content) = part.field("content") {
                write(section, name, name, content);
            }
        };
        // A heading and its remarks over nothing say nothing.
        let mut content = Section::new(heading.clone());
        fill(&mut content);
        if content.is_empty() {
            continue;
        }
        let mut section = Section::new(heading);
        for remark in part.field("remarks").map(Ordered::words).unwrap_or_default() {
            section.paragraph(remark);
        }
        fill(&mut section);
        page.section(section);
    }
    let mut section = Section::new("Methods");
    section.paragraph(outcome.methods.clone());
    page.section(section);
    for (name, heading) in [("claim", "CLAIM checklist"), ("mrmc_checklist", "Reporting of reader studies")] {
        let mut section = Section::new(heading);
        if let Some(items) = all.field(name) {
            write(&mut section, name, heading, items);
        }
        page.section(section);
    }
    page.footer("Studies in the laboratory do not give performance in the clinic.");
    Ok(page)
}

/// The mean curve of each arm that several readers read.
fn mean_curves(areas: &[ReaderArea]) -> Vec<Curve> {
    let mut arms: Vec<&str> = areas.iter().map(|area| area.modality.as_str()).collect();
    let mut seen = std::collections::BTreeSet::new();
    arms.retain(|arm| seen.insert(*arm));
    let mean = |arm: &str| {
        let of_arm: Vec<&ReaderArea> = areas.iter().filter(|area| area.modality == arm).collect();
        let readers = of_arm.len();
        let area = of_arm.iter().map(|area| area.auc).sum::<f64>() / readers.max(1) as f64;
        let points: Vec<&[RocPoint]> = of_arm.iter().map(|area| area.points.as_slice()).collect();
        (readers > 1).then(|| Curve {
            name: format!("{arm}, mean of {readers} readers: {}", number(area)),
            points: diagonal_average(&points),
        })
    };
    arms.into_iter().filter_map(mean).collect()
}

fn curves(section: &mut Section, outcome: &StudyOutcome) {
    let areas: &[ReaderArea] = match &outcome.result.content {
        DesignResult::YesNo(result) => &result.areas,
        DesignResult::Roc(result) | DesignResult::Aided(result) => &result.areas,
        _ => return,
    };
    if areas.is_empty() {
        return;
    }
    let curve = |area: &ReaderArea| Curve {
        name: format!("{}, {}: {}", area.reader, area.modality, number(area.auc)),
        points: area.points.iter().map(|p| [p.fpf, p.tpf]).collect(),
    };
    // More than a dozen curves on one plot tell nothing.
    if areas.len() <= 12 {
        let plot = plots::roc(&areas.iter().map(curve).collect::<Vec<_>>());
        let words = format!("ROC curves of {} readers and arms; the dashed line is chance", areas.len());
        section.figure(Figure::svg(plot, "ROC curve of each reader, with its area", words).width(Width::Half));
    }
    let means = mean_curves(areas);
    if !means.is_empty() {
        let words = format!("Mean ROC curves of {} arms; the dashed line is chance", means.len());
        let caption = "Mean ROC curve of each arm over its readers, along lines of slope -1 (Chen and Samuelson 2014); the area \
                       under it is the mean of the readers' areas";
        section.figure(Figure::svg(plots::roc(&means), caption, words).width(Width::Half));
    }
    let rows = areas.iter().filter_map(|area| {
        let interval = area.interval?;
        Some(ForestRow::Estimate {
            name: format!("{}, {}", area.reader, area.modality),
            n: format!("{} + {}", area.diseased, area.normal),
            at: area.auc,
            interval: Some(interval),
            words: format!("{} ({} to {})", number(area.auc), number(interval[0]), number(interval[1])),
            series: 0,
            weak: false,
        })
    });
    let rows: Vec<ForestRow> = rows.collect();
    if !rows.is_empty() {
        let forest = Forest {
            axis: Axis::new("Area under the ROC curve", ""),
            words_title: "Area (interval)".to_owned(),
            reference: Some(0.5),
            rows,
        };
        let words = "Area of each reader with its interval; the dashed line is chance, 0.5";
        section.figure(Figure::svg(forest.svg(), "Area of each reader (DeLong)", words));
    }
}
