//! What reference and test each give one number of: volumes and the like.

use std::collections::BTreeSet;

use super::links::Links;
use super::results::percent;
use crate::evaluate::run::Evaluation;
use crate::evaluate::work::ScalarPair;
use crate::reader_study::analysis::limits_of_agreement::{LimitsOfAgreement, limits_of_agreement};
use crate::report::numbers::{count, decimals_for, interval, signed, significant};
use crate::report::plots::bland_altman::Level;
use crate::report::plots::{Axis, BlandAltman, Scatter, ScatterSeries};
use crate::report::{Column, Figure, Section, Table, Text, Width};

/// The pairs of one thing in one model, with their cases.
fn pairs<'a>(evaluation: &'a Evaluation, model: usize, name: &str) -> Vec<(usize, &'a ScalarPair)> {
    let of_case = |(at, _, record): (usize, _, &'a crate::evaluate::store::Record)| {
        record.scalars.iter().filter(|s| s.name == name).map(move |s| (at, s)).collect::<Vec<_>>()
    };
    evaluation.of_model(model).flat_map(of_case).collect()
}

pub(super) fn section(evaluation: &Evaluation, links: &Links) -> Section {
    let mut section = Section::new("Agreement");
    let names: BTreeSet<&str> = evaluation.records.iter().flat_map(|r| &r.scalars).map(|s| s.name.as_str()).collect();
    let alpha = evaluation.plan.statistics.alpha;
    let columns = vec![
        Column::text("Model"),
        Column::number("n", ""),
        Column::number("Bias", ""),
        Column::number("Its interval", ""),
        Column::number("Lower limit", ""),
        Column::number("Its interval", ""),
        Column::number("Upper limit", ""),
        Column::number("Its interval", ""),
    ];
    let caption = format!("Limits of agreement, test minus reference, with {} intervals", percent(alpha));
    let mut table = Table::new(caption, columns);
    for name in names {
        let mut figures = Vec::new();
        let mut is_named = false;
        for (n, model) in evaluation.models.iter().enumerate() {
            let pairs = pairs(evaluation, n, name);
            let (test, reference): (Vec<f64>, Vec<f64>) = pairs.iter().map(|(_, s)| (s.test, s.reference)).unzip();
            let Ok(limits) = limits_of_agreement(&test, &reference, alpha) else { continue };
            let unit = pairs.first().map_or("", |(_, s)| s.unit.as_str());
            if !is_named {
                is_named = true;
                let in_unit = if unit.is_empty() { String::new() } else { format!(" ({unit})") };
                table.group(Text::new().strong(format!("{name}{in_unit}")));
            }
            table.row(row(&model.name, &limits));
            figures.extend(figures_of(evaluation, links, (n, &model.name), (name, unit), &pairs, &limits));
        }
        if !figures.is_empty() {
            section.figures(figures);
        }
    }
    if !table.is_empty() {
        table.remark("Limits: bias ± 1.96 standard deviations of the differences; their intervals after Bland and Altman 1999. Cases count as independent");
        section.table(table);
    }
    section
}

fn row(model: &str, limits: &LimitsOfAgreement) -> Vec<String> {
    let d = decimals_for(limits.sd);
    let of_limits = limits.bland_altman_1999;
    vec![
        model.to_owned(),
        count(limits.n as u64),
        signed(limits.bias, d),
        interval(limits.bias_interval, d),
        signed(limits.lower, d),
        interval(of_limits.lower, d),
        signed(limits.upper, d),
        interval(of_limits.upper, d),
    ]
}

fn figures_of(
    evaluation: &Evaluation,
    links: &Links,
    (series, model): (usize, &str),
    (name, unit): (&str, &str),
    pairs: &[(usize, &ScalarPair)],
    limits: &LimitsOfAgreement,
) -> [Figure; 2] {
    let words =
        |s: &ScalarPair| format!("reference {}, test {} {unit}", significant(s.reference, 4), significant(s.test, 4));
    let point = |at: usize, s: &ScalarPair, place| links.point(evaluation, at, place, words(s).trim());
    let differences =
        pairs.iter().map(|(at, s)| point(*at, s, [f64::midpoint(s.test, s.reference), s.test - s.reference])).collect();
    let of_limits = limits.bland_altman_1999;
    let bland_altman = BlandAltman {
        mean: Axis::new(format!("{name}, mean of both"), unit),
        difference: Axis::new("Test − reference", unit),
        points: differences,
        bias: Level { at: limits.bias, interval: limits.bias_interval },
        lower: Level { at: limits.lower, interval: of_limits.lower },
        upper: Level { at: limits.upper, interval: of_limits.upper },
        series,
        half: true,
    };
    let points = pairs.iter().map(|(at, s)| point(*at, s, [s.reference, s.test])).collect();
    let scatter = Scatter {
        x: Axis::new("Reference", unit),
        y: Axis::new("Test", unit),
        series: vec![ScatterSeries { name: String::new(), points }],
        identity: true,
        first_look: series,
        half: true,
    };
    let agree = format!("{name}, {model}: differences with bias and limits of agreement; bands are their intervals");
    let same = format!("{name}, {model}: test over reference; the dashed line is where both are equal");
    [
        Figure::svg(bland_altman.svg(), agree, format!("Bland-Altman plot of {name} for {model}")).width(Width::Half),
        Figure::svg(scatter.svg(), same, format!("Scatter plot of {name} for {model}")).width(Width::Half),
    ]
}
