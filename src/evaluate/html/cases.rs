//! The worst cases with their pictures, the failures, and a list of every case with its files.

use super::links::{Links, files, id, open_command};
use super::results::about;
use crate::evaluate::measure::About;
use crate::evaluate::run::Evaluation;
use crate::evaluate::statistics::Statistics;
use crate::evaluate::store::Record;
use crate::evaluate::values::{Values, measured};
use crate::report::numbers::significant;
use crate::report::{Cell, Column, Figure, Picture, Section, Table, Text};

fn with_unit(about: &About, value: f64) -> String {
    format!("{} {}", significant(value, 4), about.unit).trim_end().to_owned()
}

pub(super) fn worst(evaluation: &Evaluation, statistics: &Statistics, links: &Links) -> Section {
    let mut section = Section::new("Worst cases");
    let headline = statistics.headline.as_deref();
    let Some((measure, about)) = headline.and_then(|m| Some((m, about(evaluation, m)?))) else { return section };
    if evaluation.plan.worst == 0 {
        return section;
    }
    for (n, model) in evaluation.models.iter().enumerate() {
        let mut found = Values::of(evaluation, n, measure).found;
        let badness = |value: f64| about.better.badness(value).unwrap_or(-value);
        found.sort_by(|a, b| badness(b.2).total_cmp(&badness(a.2)));
        if found.is_empty() {
            continue;
        }
        section.heading(format!("worst-{}", n + 1), format!("{}, by {}", model.name, about.title));
        for (case, _, value) in found.into_iter().take(evaluation.plan.worst) {
            let (Some(facts), Some(record)) = (evaluation.cases.get(case), evaluation.record(case, n)) else {
                continue;
            };
            let caption = links.name(evaluation, case).and(format!(": {} {}. ", about.title, with_unit(about, value)));
            let caption = caption.code(open_command(facts, &[record]));
            let (pictures, missing) = pictures(evaluation, record);
            let caption = missing.into_iter().fold(caption, |text, words| text.and(format!(" {words}.")));
            if pictures.is_empty() {
                section.paragraph(caption);
            } else {
                section.pictures(pictures, caption);
            }
        }
    }
    section
}

/// The pictures of a record, and what is wrong with those that cannot be shown.
fn pictures(evaluation: &Evaluation, record: &Record) -> (Vec<Figure>, Vec<String>) {
    let (mut figures, mut missing) = (Vec::new(), Vec::new());
    for stored in &record.pictures {
        let read = std::fs::read(evaluation.plan.output.join(&stored.file)).map_err(|e| e.to_string());
        let picture = read.and_then(|bytes| Picture::png(bytes, stored.synthetic).map_err(|e| e.to_string()));
        match picture {
            Ok(picture) => {
                let alternative = format!("{} of case {}, {}", stored.title, record.case, record.model);
                figures.push(Figure::picture(picture, stored.title.clone(), alternative));
            }
            Err(why) => missing.push(format!("{} cannot be shown: {}: {why}", stored.title, stored.file)),
        }
    }
    (figures, missing)
}

pub(super) fn failures(evaluation: &Evaluation, statistics: &Statistics, links: &Links) -> Section {
    let mut section = Section::new("Failures and what is missing");
    let mut table =
        Table::new("Jobs that failed", vec![Column::text("Case"), Column::text("Model"), Column::text("Reason")]);
    for (model, facts) in evaluation.models.iter().enumerate() {
        for (case, _, record) in evaluation.of_model(model) {
            if let Some(reason) = &record.failed {
                table.row([links.name(evaluation, case), facts.name.clone().into(), reason.clone().into()]);
            }
        }
    }
    if !table.is_empty() {
        section.table(table);
    }
    if !statistics.findings.is_empty() {
        section.heading("findings", "Found before the first job");
        section.list(statistics.findings.iter().map(|f| f.clone().into()).collect());
    }
    let mut warnings = Table::new(
        "What has to be known of single cases",
        vec![Column::text("Case"), Column::text("Model"), Column::text("Warning")],
    );
    for (model, facts) in evaluation.models.iter().enumerate() {
        for (case, _, record) in evaluation.of_model(model) {
            for warning in &record.warnings {
                warnings.row([links.name(evaluation, case), facts.name.clone().into(), warning.clone().into()]);
            }
        }
    }
    if !warnings.is_empty() {
        section.table(warnings);
    }
    section
}

pub(super) fn all(evaluation: &Evaluation, statistics: &Statistics, links: &Links) -> Section {
    let mut section = Section::new("Cases");
    let headline = statistics.headline.as_deref().and_then(|m| Some((m, about(evaluation, m)?)));
    let mut columns = vec![Column::text("Case")];
    columns.extend(headline.iter().flat_map(|(_, about)| {
        evaluation.models.iter().map(|m| Column::number(format!("{}, {}", about.title, m.name), about.unit.clone()))
    }));
    columns.push(Column::text("Files and the command that opens them"));
    let mut table = Table::new("Every case with its files", columns);
    for case in &links.listed {
        let Some(facts) = evaluation.cases.get(*case) else { continue };
        let records: Vec<&Record> = (0..evaluation.models.len()).filter_map(|n| evaluation.record(*case, n)).collect();
        let mut cells = vec![Cell::from(facts.name.clone())];
        if let Some((measure, _)) = headline {
            cells.extend(records.iter().map(|record| match measured(record, measure) {
                Ok(value) => Cell::from(significant(value, 4)),
                Err(_) if record.failed.is_some() => Cell::quiet("failed"),
                Err(_) => Cell::quiet("–"),
            }));
        }
        cells.push(files(evaluation, facts, &records).and(" ").code(open_command(facts, &records)).into());
        table.row_with_id(id(*case), cells);
    }
    if links.listed.len() < evaluation.cases.len() {
        table.remark(
            Text::new().and("Only the extremes of each measure are listed; every case is in ").code("wide.csv"),
        );
    }
    section.table(table);
    section
}
