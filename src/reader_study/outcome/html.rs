//! The report of a study: everything that its JSON holds as tables, with its curves, on one page.
//!
//! Tables are made of the JSON itself by `report_tables`; only curves know their design.

use super::areas::ReaderArea;
use super::free_response::{FreeResponseReader, FreeResponseResult};
use super::methods::receipts;
use super::report_tables::{Ordered, number, write};
use super::report_words::value;
use super::study_outcome::{DesignResult, StudyOutcome};
use crate::reader_study::analysis::average_roc::diagonal_average;
use crate::reader_study::analysis::roc::RocPoint;
use crate::report::numbers::counted;
use crate::report::plots::{self, Axis, Curve, Forest, ForestRow, Look};
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
    page.lead(format!("Design {}; plan {}", value(outcome.design.name()), outcome.plan_sha256));
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
    let arms = distinct(areas.iter().map(|area| area.modality.as_str()));
    let mean = |arm: &str| {
        let of_arm: Vec<&ReaderArea> = areas.iter().filter(|area| area.modality == arm).collect();
        let readers = of_arm.len();
        let area = of_arm.iter().map(|area| area.auc).sum::<f64>() / readers.max(1) as f64;
        let points: Vec<&[RocPoint]> = of_arm.iter().map(|area| area.points.as_slice()).collect();
        (readers > 1).then(|| Curve {
            name: format!("{arm}, mean of {readers} readers: {}", number(area)),
            points: diagonal_average(&points),
            look: None,
        })
    };
    arms.into_iter().filter_map(mean).collect()
}

/// More curves than these on one plot tell nothing.
const MOST_CURVES: usize = 12;

/// The free-response curve of every reader in every arm: one plot, or where that would be too full one an arm, or a reader.
fn froc_curves(section: &mut Section, result: &FreeResponseResult) {
    let cases = result.diseased_cases + result.normal_cases;
    // Where there are several plots, they have one axis.
    let most = result.readers.iter().flat_map(|r| &r.froc).map(|point| point.nlf).fold(0.0, f64::max);
    let words_of = |reader: &FreeResponseReader, name: String| Curve {
        name: format!("{name}: wAFROC {}", number(reader.wafroc)),
        // Nothing is marked above the highest threshold.
        points: std::iter::once([0.0, 0.0]).chain(reader.froc.iter().map(|p| [p.nlf, p.llf])).collect(),
        look: None,
    };
    let mut draw = |curves: Vec<Curve>, whose: String| {
        let caption = format!(
            "FROC curve {whose}: share of the lesions that were marked over marks on no lesion per image, at falling thresholds of \
             the rating, on the {cases} cases that all read; each curve ends where its reader marked nothing more"
        );
        let words = format!("Free-response curves, {}", counted(curves.len(), "curve"));
        section.figure(Figure::svg(plots::froc(&curves, most), caption, words).width(Width::Half));
    };
    if result.readers.len() <= MOST_CURVES {
        let looks = looks(result.readers.iter().map(|r| (r.modality.as_str(), r.reader.as_str())).collect());
        let curve = |(r, look): (&FreeResponseReader, Option<Look>)| Curve {
            look,
            ..words_of(r, format!("{}, {}", r.reader, r.modality))
        };
        let all: Vec<Curve> = result.readers.iter().zip(looks).map(curve).collect();
        if !all.is_empty() {
            draw(all, "of each reader, with the area under the weighted AFROC curve".to_owned());
        }
        return;
    }
    let readers = distinct(result.readers.iter().map(|r| r.reader.as_str()));
    let arms = distinct(result.readers.iter().map(|r| r.modality.as_str()));
    if readers.len() <= MOST_CURVES {
        for arm in arms {
            let own = result.readers.iter().filter(|r| r.modality == arm);
            draw(own.map(|r| words_of(r, r.reader.clone())).collect(), format!("of each reader in {arm}"));
        }
    } else {
        for reader in readers {
            let own = result.readers.iter().filter(|r| r.reader == reader);
            draw(own.map(|r| words_of(r, r.modality.clone())).collect(), format!("of reader {reader} in each arm"));
        }
    }
}

/// The look of every (arm, reader): a colour an arm and a dash a reader, so that arms are compared at a glance; none where
/// there is one arm alone or more readers than there are dashes.
fn looks(of: Vec<(&str, &str)>) -> Vec<Option<Look>> {
    let (arms, readers) = (distinct(of.iter().map(|(arm, _)| *arm)), distinct(of.iter().map(|(_, reader)| *reader)));
    let at = |names: &[&str], name: &str| names.iter().position(|one| *one == name).unwrap_or(usize::MAX);
    let all: Option<Vec<Look>> =
        of.iter().map(|(arm, reader)| Look::of_group(at(&arms, arm), at(&readers, reader))).collect();
    match all.filter(|_| arms.len() > 1) {
        Some(all) => all.into_iter().map(Some).collect(),
        None => vec![None; of.len()],
    }
}

/// Names in order of first appearance.
fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = std::collections::BTreeSet::new();
    names.filter(|name| seen.insert(*name)).collect()
}

fn curves(section: &mut Section, outcome: &StudyOutcome) {
    let areas: &[ReaderArea] = match &outcome.result.content {
        DesignResult::YesNo(result) => &result.areas,
        DesignResult::Roc(result) | DesignResult::Aided(result) => &result.areas,
        DesignResult::FreeResponse(result) => return froc_curves(section, result),
        _ => return,
    };
    if areas.is_empty() {
        return;
    }
    let curve = |(area, look): (&ReaderArea, Option<Look>)| Curve {
        name: format!("{}, {}: {}", area.reader, area.modality, number(area.auc)),
        points: area.points.iter().map(|p| [p.fpf, p.tpf]).collect(),
        look,
    };
    if areas.len() <= MOST_CURVES {
        let looks = looks(areas.iter().map(|area| (area.modality.as_str(), area.reader.as_str())).collect());
        let plot = plots::roc(&areas.iter().zip(looks).map(curve).collect::<Vec<_>>());
        let words = format!("ROC curves of {} readers and arms; the dashed line is chance", areas.len());
        section.figure(Figure::svg(plot, "ROC curve of each reader, with its area", words).width(Width::Half));
    }
    let means = mean_curves(areas);
    if !means.is_empty() {
        let words = format!("Mean ROC curves of {}; the dashed line is chance", counted(means.len(), "arm"));
        let caption = "Mean ROC curve of each arm over its readers, along lines of slope -1 (Chen and Samuelson 2014); the area \
                       under it is the mean of the readers' areas";
        section.figure(Figure::svg(plots::roc(&means), caption, words).width(Width::Half));
    }
    let arms = distinct(areas.iter().map(|area| area.modality.as_str()));
    let rows = areas.iter().filter_map(|area| {
        let interval = area.interval?;
        Some(ForestRow::Estimate {
            name: format!("{}, {}", area.reader, area.modality),
            n: format!("{} + {}", area.diseased, area.normal),
            at: area.auc,
            interval: Some(interval),
            words: format!("{} ({} to {})", number(area.auc), number(interval[0]), number(interval[1])),
            series: arms.iter().position(|arm| *arm == area.modality).unwrap_or_default(),
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
        let caption =
            "Area of each reader (DeLong); beside the names the number of cases with what is looked for, and without";
        section.figure(Figure::svg(forest.svg(), caption, words));
    }
}
