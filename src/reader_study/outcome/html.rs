//! The report of a study: everything that its JSON holds as tables, with its curves, on one page.
//!
//! Tables are made of the JSON itself, so that no number of it can be missing from the page and a new one needs no new code
//! here; only curves know their design.

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

use super::areas::ReaderArea;
use super::study_outcome::{DesignResult, StudyOutcome};
use crate::reader_study::analysis::average_roc::diagonal_average;
use crate::reader_study::analysis::roc::RocPoint;
use crate::report::numbers::significant;
use crate::report::plots::{self, Axis, Curve, Forest, ForestRow};
use crate::report::{Banner, Column, Figure, Page, Section, Table, Text, Width};

/// A JSON value whose fields keep their order.
#[derive(Debug, Clone, PartialEq)]
enum Ordered {
    Nothing,
    Word(String),
    Number(f64),
    List(Vec<Self>),
    Fields(Vec<(String, Self)>),
}

impl<'de> Deserialize<'de> for Ordered {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Ordered;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("JSON")
            }

            fn visit_bool<E>(self, v: bool) -> Result<Ordered, E> {
                Ok(Ordered::Word(if v { "yes" } else { "no" }.to_owned()))
            }

            fn visit_i64<E>(self, v: i64) -> Result<Ordered, E> {
                Ok(Ordered::Number(v as f64))
            }

            fn visit_u64<E>(self, v: u64) -> Result<Ordered, E> {
                Ok(Ordered::Number(v as f64))
            }

            fn visit_f64<E>(self, v: f64) -> Result<Ordered, E> {
                Ok(Ordered::Number(v))
            }

            fn visit_str<E>(self, v: &str) -> Result<Ordered, E> {
                Ok(Ordered::Word(v.to_owned()))
            }

            fn visit_unit<E>(self) -> Result<Ordered, E> {
                Ok(Ordered::Nothing)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Ordered, A::Error> {
                let mut list = Vec::new();
                while let Some(one) = seq.next_element()? {
                    list.push(one);
                }
                Ok(Ordered::List(list))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Ordered::Fields(fields))
            }
        }
        from.deserialize_any(Any)
    }
}

impl Ordered {
    fn field(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Fields(fields) => fields.iter().find(|(key, _)| key == name).map(|(_, value)| value),
            _ => None,
        }
    }

    fn words(&self) -> Vec<String> {
        match self {
            Self::List(list) => list.iter().filter_map(Self::cell).collect(),
            other => other.cell().into_iter().collect(),
        }
    }

    /// As it stands in one cell; none for what needs a table of its own.
    fn cell(&self) -> Option<String> {
        match self {
            Self::Nothing => Some("–".to_owned()),
            Self::Word(text) => Some(text.clone()),
            Self::Number(x) => Some(number(*x)),
            Self::List(list) => match list.as_slice() {
                [Self::Number(low), Self::Number(high)] => Some(format!("{} to {}", number(*low), number(*high))),
                [] => Some("–".to_owned()),
                all if all.len() <= 6 && all.iter().all(|v| matches!(v, Self::Word(_) | Self::Number(_))) => {
                    Some(all.iter().filter_map(Self::cell).collect::<Vec<_>>().join(", "))
                }
                _ => None,
            },
            Self::Fields(_) => None,
        }
    }
}

fn number(x: f64) -> String {
    if x.fract() == 0.0 && x.abs() < 1e9 { format!("{x:.0}") } else { significant(x, 4) }
}

/// `dprime_interval` as a person reads it.
fn title(name: &str) -> String {
    let text = name.replace('_', " ").replace("dprime", "d′").replace("auc", "AUC");
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + letters.as_str())
}

/// The cells of a row, nested fields among them; lists that need a table are left to themselves.
fn cells(prefix: &str, value: &Ordered, out: &mut Vec<(String, String)>) {
    let Ordered::Fields(fields) = value else { return };
    for (name, value) in fields {
        let name = if prefix.is_empty() { name.clone() } else { format!("{prefix} {name}") };
        match value.cell() {
            Some(cell) => out.push((name, cell)),
            None if matches!(value, Ordered::Fields(_)) => cells(&name, value, out),
            None => {}
        }
    }
}

/// Rows of a list of objects as a table; columns in the order in which they come.
fn table(caption: &str, rows: &[Ordered]) -> Option<Table> {
    let rows: Vec<Vec<(String, String)>> = rows
        .iter()
        .map(|row| {
            let mut out = Vec::new();
            cells("", row, &mut out);
            out
        })
        .collect();
    let mut names: Vec<String> = Vec::new();
    for (name, _) in rows.iter().flatten() {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    // What no row has says nothing.
    names.retain(|n| rows.iter().flatten().any(|(name, cell)| name == n && cell != "–"));
    if names.is_empty() {
        return None;
    }
    if names.len() > MOST_COLUMNS && rows.len() <= MOST_TURNED {
        return Some(turned(caption, &names, &rows));
    }
    let numeric = |name: &String| {
        let mut own = rows.iter().flatten().filter(|(n, cell)| n == name && cell != "–");
        own.all(|(_, cell)| cell.starts_with(|c: char| c.is_ascii_digit() || c == '−' || c == '-' || c == '<'))
    };
    let column =
        |name: &String| if numeric(name) { Column::number(title(name), "") } else { Column::text(title(name)) };
    let mut table = Table::new(caption, names.iter().map(column).collect());
    for row in rows {
        let of = |name: &String| row.iter().find(|(n, _)| n == name).map_or("", |(_, cell)| cell.as_str()).to_owned();
        table.row(names.iter().map(of).collect::<Vec<_>>());
    }
    Some(table)
}

/// More columns than fit on a page.
const MOST_COLUMNS: usize = 8;
/// Rows that fit beside each other as columns.
const MOST_TURNED: usize = 6;

/// A wide table turned: a row for each field, a column for each row, headed by its first two cells.
fn turned(caption: &str, names: &[String], rows: &[Vec<(String, String)>]) -> Table {
    let head = |row: &Vec<(String, String)>| row.iter().take(2).map(|(_, c)| c.as_str()).collect::<Vec<_>>().join(", ");
    let columns = std::iter::once(Column::text("")).chain(rows.iter().map(|row| Column::text(head(row))));
    let mut table = Table::new(caption, columns.collect());
    for name in names.iter().skip(2) {
        let cell = |row: &Vec<(String, String)>| {
            row.iter().find(|(n, _)| n == name).map_or("", |(_, c)| c.as_str()).to_owned()
        };
        table.row(std::iter::once(title(name)).chain(rows.iter().map(cell)).collect::<Vec<_>>());
    }
    table
}

/// Everything in a value: facts, then tables, deeper ones after their own names.
fn write(section: &mut Section, name: &str, value: &Ordered) {
    match value {
        Ordered::List(list) if list.iter().any(|v| matches!(v, Ordered::Fields(_))) => {
            // Curves are drawn, not listed.
            if let Some(table) = table(&title(name), list).filter(|_| name != "points") {
                section.table(table);
            }
            for row in list {
                let Ordered::Fields(fields) = row else { continue };
                let own: Vec<String> = fields.iter().take(2).filter_map(|(_, v)| v.cell()).collect();
                for (field, deeper) in fields {
                    if matches!(deeper, Ordered::List(_)) && deeper.cell().is_none() && field != "points" {
                        write(section, &format!("{field}, {}", own.join(", ")), deeper);
                    }
                }
            }
        }
        Ordered::List(list) => {
            let entries: Vec<Text> = list.iter().filter_map(|v| v.cell().map(Text::from)).collect();
            if !entries.is_empty() {
                section.list(entries);
            }
        }
        Ordered::Fields(fields) => {
            let facts: Vec<(String, Text)> =
                fields.iter().filter_map(|(n, v)| Some((title(n), Text::from(v.cell()?)))).collect();
            if !facts.is_empty() {
                section.facts(facts);
            }
            for (field, deeper) in fields.iter().filter(|(_, v)| v.cell().is_none()) {
                write(section, field, deeper);
            }
        }
        other => {
            if let Some(text) = other.cell() {
                section.paragraph(text);
            }
        }
    }
}

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
        let mut section = Section::new(heading);
        for remark in part.field("remarks").map(Ordered::words).unwrap_or_default() {
            section.paragraph(remark);
        }
        if name == "result" {
            curves(&mut section, outcome);
        }
        if let Some(content) = part.field("content") {
            write(&mut section, name, content);
        }
        if !section.is_empty() {
            page.section(section);
        }
    }
    let mut section = Section::new("Methods");
    section.paragraph(outcome.methods.clone());
    page.section(section);
    for (name, heading) in [("claim", "CLAIM checklist"), ("mrmc_checklist", "Reporting of reader studies")] {
        let mut section = Section::new(heading);
        if let Some(items) = all.field(name) {
            write(&mut section, heading, items);
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
