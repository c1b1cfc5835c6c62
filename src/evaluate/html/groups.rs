//! Subgroups: a forest plot of the headline measure, the tests of every measure.

use super::results::{about, percent, places};
use crate::evaluate::run::Evaluation;
use crate::evaluate::statistics::Statistics;
use crate::evaluate::subgroups::{SMALLEST, Subgroup, Subgroups};
use crate::report::numbers::{count, counted, fixed, interval, p_value, signed};
use crate::report::plots::{Axis, Forest, ForestRow};
use crate::report::{Cell, Column, Figure, Section, Table, Text};

pub(super) fn section(evaluation: &Evaluation, statistics: &Statistics) -> Section {
    let mut section = Section::new("Subgroups");
    if statistics.subgroups.is_empty() {
        return section;
    }
    section.paragraph(format!(
        "Groups with fewer than {SMALLEST} cases are shown hollow and pale; they are too small to be judged, and are neither tested nor called best or worst."
    ));
    if let Some((measure, about)) = statistics.headline.as_deref().and_then(|m| Some((m, about(evaluation, m)?))) {
        let ci = percent(evaluation.plan.statistics.alpha);
        for (series, model) in evaluation.models.iter().enumerate() {
            let of_model: Vec<&Subgroups> =
                statistics.subgroups.iter().filter(|s| s.measure == measure && s.model == model.name).collect();
            let rows: Vec<ForestRow> = of_model.iter().flat_map(|s| rows(s, series)).collect();
            let mean = statistics
                .summaries
                .iter()
                .find(|s| s.measure == measure && s.model == model.name)
                .and_then(|s| s.mean);
            let forest = Forest {
                axis: Axis::new(format!("Mean {}", about.title), about.unit.clone()),
                words_title: format!("Mean ({ci} interval)"),
                reference: mean,
                rows,
            };
            let caption = format!(
                "{} of {} by subgroup; the dashed line is the mean of all cases; {}",
                about.title,
                model.name,
                about.better.words()
            );
            section.figure(Figure::svg(forest.svg(), caption, format!("Forest plot of subgroups for {}", model.name)));
        }
    }
    section.table(tests(evaluation, statistics));
    section
}

fn rows(subgroups: &Subgroups, series: usize) -> Vec<ForestRow> {
    let d = places(subgroups.groups.iter().filter(|g| !g.too_small).map(|g| (g.interval, g.sd)));
    let group = |g: &Subgroup| {
        let name = if g.too_small { format!("{} (too small)", g.value) } else { g.value.clone() };
        let Some(mean) = g.mean else {
            return ForestRow::None { name, reason: format!("{} without a number", counted(g.undefined, "case")) };
        };
        let ends = g.interval.map(|i| format!(" ({})", interval(i, d))).unwrap_or_default();
        ForestRow::Estimate {
            name,
            n: format!("n = {}", count(g.n as u64)),
            at: mean,
            interval: g.interval,
            words: format!("{}{ends}", fixed(mean, d)),
            series,
            weak: g.too_small,
        }
    };
    std::iter::once(ForestRow::Group(subgroups.column.clone())).chain(subgroups.groups.iter().map(group)).collect()
}

fn tests(evaluation: &Evaluation, statistics: &Statistics) -> Table {
    let columns = vec![
        Column::text("Model"),
        Column::text("Column"),
        Column::text("Best"),
        Column::text("Worst"),
        Column::number("Gap", ""),
        Column::number(format!("{} interval", percent(evaluation.plan.statistics.alpha)), ""),
        Column::number("p", ""),
        Column::number("p, Holm", ""),
    ];
    let mut table = Table::new("Gaps between subgroups, mean of the best minus mean of the worst", columns);
    let none = || Cell::quiet("–");
    for (measure, about) in &evaluation.measures {
        let is_there = |s: &Subgroups| s.measure == *measure && s.groups.iter().any(|g| g.n > 0);
        if !statistics.subgroups.iter().any(is_there) {
            continue;
        }
        table.group(Text::new().strong(about.with_unit()).and(format!(", {}", about.better.words())));
        let of_measure = || statistics.subgroups.iter().filter(|s| s.measure == *measure);
        let d = places(of_measure().filter_map(|s| s.gap.as_ref()).map(|g| (g.interval, Some(g.difference.abs()))));
        for s in of_measure() {
            let mut cells: Vec<Cell> = vec![s.model.clone().into(), s.column.clone().into()];
            match &s.gap {
                Some(gap) => {
                    cells.extend([gap.best.clone().into(), gap.worst.clone().into(), signed(gap.difference, d).into()]);
                    cells.push(gap.interval.map_or_else(none, |i| interval(i, d).into()));
                }
                None => cells.extend([none(), none(), none(), none()]),
            }
            match (&s.test, &s.no_test) {
                (Some(test), _) => {
                    let words = match test.name {
                        "mann_whitney_exact" => "Mann-Whitney, exact",
                        "mann_whitney" => "Mann-Whitney, normal approximation",
                        _ => "Kruskal-Wallis",
                    };
                    cells.push(Cell::from(p_value(test.p)).noted(table.note(words)));
                    cells.push(s.p_holm.map_or_else(none, |p| p_value(p).into()));
                }
                (None, reason) => {
                    let reason = reason.clone().unwrap_or_default();
                    cells.extend([none().noted(table.note(format!("No test: {reason}"))), none()]);
                }
            }
            table.row(cells);
        }
    }
    let tests = statistics.subgroups.iter().filter(|s| s.test.is_some()).count();
    table.remark(format!("Holm: corrected over the {} of this table", counted(tests, "test")));
    table.remark("The interval of a gap does not know that its two groups were chosen for being the extremes, and so is too narrow");
    table
}
