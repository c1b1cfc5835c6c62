//! The numbers of each model, the models in pairs, and every case as a point.

use super::links::Links;
use crate::evaluate::measure::{About, Better};
use crate::evaluate::run::Evaluation;
use crate::evaluate::statistics::Statistics;
use crate::evaluate::summary::Summary;
use crate::evaluate::values::Values;
use crate::report::numbers::{count, counted, decimals_for, fixed, interval, p_value, signed, significant};
use crate::report::plots::{Axis, BoxPlot, BoxRow, Forest, ForestRow};
use crate::report::{Cell, Column, Figure, Section, Table, Text, Width};

/// Above this many measures only the first are drawn; all are in the tables.
const MOST_BOXES: usize = 12;

pub(super) fn about<'a>(evaluation: &'a Evaluation, measure: &str) -> Option<&'a About> {
    evaluation.measures.iter().find(|(m, _)| m == measure).map(|(_, about)| about)
}

pub(super) fn percent(alpha: f64) -> String {
    format!("{} %", significant(100.0 * (1.0 - alpha), 3).trim_end_matches('0').trim_end_matches('.'))
}

/// The headline measure of each model, in one figure.
pub(super) fn overview(evaluation: &Evaluation, statistics: &Statistics) -> Section {
    let mut section = Section::new("At a glance");
    let headline = statistics.headline.as_deref();
    let Some((measure, about)) = headline.and_then(|m| Some((m, about(evaluation, m)?))) else {
        section.paragraph("No job gave a number");
        return section;
    };
    let rows = statistics.summaries.iter().filter(|s| s.measure == measure).enumerate();
    let places = places_of(statistics, measure);
    let rows: Vec<ForestRow> = rows.map(|(series, s)| forest_row(s, series, places)).collect();
    let interval = percent(evaluation.plan.statistics.alpha);
    let title = format!("Mean ({interval} interval)");
    let forest = Forest {
        axis: Axis::new(format!("Mean {}", about.title), about.unit.clone()),
        words_title: title,
        reference: None,
        rows,
    };
    let caption =
        format!("Mean {} of each model with its {interval} bootstrap interval; {}", about.title, about.better.words());
    let alternative =
        format!("Forest plot of the mean {} of {}", about.title, counted(evaluation.models.len(), "model"));
    section.figure(Figure::svg(forest.svg(), caption, alternative));
    section
}

fn forest_row(summary: &Summary, series: usize, decimals: usize) -> ForestRow {
    let Some(mean) = summary.mean else {
        let reason = summary.undefined.first().map_or("no cases", |(reason, _)| reason).to_owned();
        return ForestRow::None { name: summary.model.clone(), reason };
    };
    let words = match summary.interval {
        Some(ends) => format!("{} ({})", fixed(mean, decimals), interval(ends, decimals)),
        None => fixed(mean, decimals),
    };
    ForestRow::Estimate {
        name: summary.model.clone(),
        n: format!("n = {}", count(summary.n as u64)),
        at: mean,
        interval: summary.interval,
        words,
        series,
        weak: false,
    }
}

/// Places that show two digits of the middle one of the intervals (half their widths), or of the spreads where there is none: one
/// number for all that stands below each other.
pub(super) fn places(rows: impl Iterator<Item = (Option<[f64; 2]>, Option<f64>)>) -> usize {
    let spread =
        |(interval, sd): (Option<[f64; 2]>, Option<f64>)| interval.map(|[low, high]| (high - low) / 2.0).or(sd);
    let mut places: Vec<usize> = rows.filter_map(spread).filter(|s| *s > 0.0).map(decimals_for).collect();
    places.sort_unstable();
    places.get(places.len() / 2).copied().unwrap_or(3)
}

/// The places of one measure.
fn places_of(statistics: &Statistics, measure: &str) -> usize {
    let of_measure = statistics.summaries.iter().filter(|s| s.measure == measure && s.mean.is_some());
    places(of_measure.map(|s| (s.interval, s.sd)))
}

/// The places of the differences of one measure.
fn difference_places(statistics: &Statistics, measure: &str) -> usize {
    let of_measure = statistics.differences.iter().filter(|d| d.measure == measure);
    places(of_measure.map(|d| (d.interval, d.difference.map(f64::abs))))
}

pub(super) fn summaries(evaluation: &Evaluation, statistics: &Statistics) -> Section {
    let mut section = Section::new("Results");
    let ci = percent(evaluation.plan.statistics.alpha);
    // Of one model each measure is a row; of several it is a heading over theirs.
    let only = evaluation.models.first().filter(|_| evaluation.models.len() == 1);
    let columns = vec![
        Column::text(if only.is_some() { "Measure" } else { "Model" }),
        Column::number("n", ""),
        Column::number("Mean", ""),
        Column::number(format!("{ci} interval"), ""),
        Column::number("SD", ""),
        Column::number("Median", ""),
        Column::number("Quartiles", ""),
        Column::number("Range", ""),
    ];
    let caption = match only {
        Some(model) => format!("Every measure of {} over the cases", model.name),
        None => "Every measure of every model over the cases".to_owned(),
    };
    let mut table = Table::new(caption, columns);
    let missing = || Cell::quiet("–");
    for (measure, about) in &evaluation.measures {
        let name = format!("{} {}", about.with_unit(), about.better.sign()).trim_end().to_owned();
        if only.is_none() {
            table.group(Text::new().strong(about.with_unit()).and(format!(", {}", about.better.words())));
        }
        let d = places_of(statistics, measure);
        for s in statistics.summaries.iter().filter(|s| s.measure == *measure) {
            let number = |value: Option<f64>, d: usize| value.map_or_else(missing, |v| fixed(v, d).into());
            let pair =
                |a: Option<f64>, b: Option<f64>| a.zip(b).map_or_else(missing, |(a, b)| interval([a, b], d).into());
            let mut n = Cell::from(count(s.n as u64));
            for (reason, k) in &s.undefined {
                n = n.noted(table.note(format!("{} without a number: {reason}", counted(*k, "case"))));
            }
            let mut ends = s.interval.map_or_else(missing, |i| interval(i, d).into());
            if let Some(reason) = s.no_interval.as_ref().filter(|_| s.n > 0) {
                ends = ends.noted(table.note(format!("No interval: {reason}")));
            }
            let spread = number(s.sd, s.sd.map_or(d, |sd| decimals_for(sd).max(d)));
            let cells = [
                if only.is_some() { name.clone().into() } else { s.model.clone().into() },
                n,
                number(s.mean, d),
                ends,
                spread,
                number(s.median, d),
                pair(s.q1, s.q3),
                pair(s.min, s.max),
            ];
            table.row(cells);
        }
    }
    if only.is_some() {
        table.remark("↑ higher is better, ↓ lower is better, → 0 nearer to 0 is better");
    }
    if !table.is_empty() {
        section.table(table);
    }
    section
}

pub(super) fn differences(evaluation: &Evaluation, statistics: &Statistics) -> Section {
    let mut section = Section::new("Differences between models");
    if statistics.differences.is_empty() {
        return section;
    }
    let ci = percent(evaluation.plan.statistics.alpha);
    if let Some(about) = statistics.headline.as_deref().and_then(|m| about(evaluation, m)) {
        let places = difference_places(statistics, statistics.headline.as_deref().unwrap_or_default());
        let of_headline = statistics.differences.iter().filter(|d| Some(&d.measure) == statistics.headline.as_ref());
        let rows: Vec<ForestRow> = of_headline
            .map(|d| {
                let name = format!("{} − {}", d.first, d.second);
                let Some(at) = d.difference else { return ForestRow::None { name, reason: "no case has both".into() } };
                let ends = d.interval.map(|i| format!(" ({})", interval(i, places))).unwrap_or_default();
                let words = format!("{}{ends}", signed(at, places));
                let n = format!("n = {}", count(d.n as u64));
                ForestRow::Estimate { name, n, at, interval: d.interval, words, series: 0, weak: false }
            })
            .collect();
        let axis = Axis::new(format!("Mean difference of {}", about.title), about.unit.clone());
        let forest = Forest { axis, words_title: format!("Difference ({ci} interval)"), reference: Some(0.0), rows };
        let caption = format!(
            "Paired differences of {} on the same cases, first model minus second; {}",
            about.title,
            about.better.words()
        );
        section.figure(Figure::svg(forest.svg(), caption, "Forest plot of differences between models"));
    }
    let columns = vec![
        Column::text("Models"),
        Column::number("n", ""),
        Column::number("Mean difference", ""),
        Column::number(format!("{ci} interval"), ""),
        Column::number("p", ""),
        Column::number("p, Holm", ""),
    ];
    let mut table = Table::new("Models in pairs on the same cases, first minus second", columns);
    for (measure, about) in &evaluation.measures {
        if !statistics.differences.iter().any(|d| d.measure == *measure && d.n > 0) {
            continue;
        }
        table.group(match about.better {
            Better::NearZero => Text::new().strong(about.with_unit()).and(", without signs, lower is better"),
            better => Text::new().strong(about.with_unit()).and(format!(", {}", better.words())),
        });
        let places = difference_places(statistics, measure);
        for d in statistics.differences.iter().filter(|d| d.measure == *measure) {
            let mut p = d.p.map_or_else(|| Cell::quiet("–"), |p| p_value(p).into());
            if d.exact {
                p = p.noted(table.note("Exact"));
            }
            let cells = [
                format!("{} − {}", d.first, d.second).into(),
                count(d.n as u64).into(),
                d.difference.map_or_else(|| Cell::quiet("–"), |v| signed(v, places).into()),
                d.interval.map_or_else(|| Cell::quiet("–"), |i| interval(i, places).into()),
                p,
                d.p_holm.map_or_else(|| Cell::quiet("–"), |p| p_value(p).into()),
            ];
            table.row(cells);
        }
    }
    let tests = statistics.differences.iter().filter(|d| d.p.is_some()).count();
    table.remark(format!(
        "p: Wilcoxon's signed rank test. Holm: corrected over the {} of this table",
        counted(tests, "test")
    ));
    section.table(table);
    section
}

pub(super) fn boxes(evaluation: &Evaluation, statistics: &Statistics, links: &Links) -> Section {
    let mut section = Section::new("Every case");
    let mut figures = Vec::new();
    let headline = statistics.headline.as_deref();
    let first = evaluation.measures.iter().filter(|(m, _)| Some(m.as_str()) == headline);
    let others = evaluation.measures.iter().filter(|(m, _)| Some(m.as_str()) != headline);
    let has_numbers = |m: &&(String, About)| statistics.summaries.iter().any(|s| s.measure == m.0 && s.n > 0);
    for (measure, about) in first.chain(others).filter(has_numbers).take(MOST_BOXES) {
        let row = |(n, model): (usize, &crate::evaluate::work::ModelFacts)| {
            let values = Values::of(evaluation, n, measure).found;
            let point =
                |(case, _, v): &(usize, &str, f64)| links.point(evaluation, *case, [*v, 0.0], &significant(*v, 4));
            BoxRow { name: model.name.clone(), points: values.iter().map(point).collect() }
        };
        let rows: Vec<BoxRow> = evaluation.models.iter().enumerate().map(row).collect();
        let plot = BoxPlot::new(Axis::new(about.title.clone(), about.unit.clone()), rows);
        let is_first = figures.is_empty();
        let svg = if is_first { plot.svg() } else { plot.half().svg() };
        // `Dice, lesion, by model`: what is by model is not the lesion.
        let comma = if about.title.contains(", ") { "," } else { "" };
        let caption = format!("{}{comma} by model; {}", about.title, about.better.words());
        let alternative = format!("Box plot of {} for each model", about.title);
        figures.push(Figure::svg(svg, caption, alternative).width(if is_first { Width::Full } else { Width::Half }));
    }
    if figures.is_empty() {
        return section;
    }
    let mut words = "Boxes are quartiles, whiskers reach to the last case within 1.5 times the box's width; a point is a case and leads to it in the list at the end.".to_owned();
    if evaluation.measures.len() > MOST_BOXES {
        words.push_str(&format!(
            " The first {MOST_BOXES} of {} measures are drawn; all are in the tables.",
            evaluation.measures.len()
        ));
    }
    section.paragraph(words);
    section.figures(figures);
    section
}
