//! ROC, precision-recall and free-response curves, DeLong's tests, reliability diagrams.

use std::collections::BTreeSet;

use super::results::percent;
use crate::evaluate::candidates::froc_points;
use crate::evaluate::run::Evaluation;
use crate::evaluate::statistics::Statistics;
use crate::evaluate::work::{ReliabilityCounts, Scored};
use crate::metrics::Ranking;
use crate::reader_study::analysis::delong::standard_error;
use crate::reader_study::analysis::proportion::Proportion;
use crate::reader_study::analysis::roc::{Scores, logit_interval};
use crate::report::numbers::{count, counted, fixed, interval, p_value, signed};
use crate::report::plots::{Curve, Reliability, ReliabilityBin, ReliabilityCurve, froc, precision_recall, roc};
use crate::report::{Cell, Column, Figure, Section, Table, Width};

/// Bins of a reliability diagram from scores of cases.
const BINS: usize = 10;

pub(super) fn section(evaluation: &Evaluation, statistics: &Statistics) -> Section {
    let mut section = Section::new("Probabilities");
    let ci = percent(evaluation.plan.statistics.alpha);
    let columns = vec![
        Column::text("Model"),
        Column::text("Target"),
        Column::number("Positive", ""),
        Column::number("Negative", ""),
        Column::number("AUC", ""),
        Column::number(format!("{ci} interval"), ""),
    ];
    let mut table = Table::new("Areas under ROC curves", columns);
    let mut figures = Vec::new();
    let targets: BTreeSet<&str> =
        evaluation.records.iter().flat_map(|r| &r.scored).map(|s| s.target.as_str()).collect();
    for target in targets {
        let of_target = |model: usize| -> Vec<&Scored> {
            let of_case = evaluation.of_model(model).flat_map(|(_, _, r)| &r.scored);
            of_case.filter(|s| s.target == target).collect()
        };
        let scored: Vec<(&str, Vec<&Scored>)> =
            evaluation.models.iter().enumerate().map(|(n, m)| (m.name.as_str(), of_target(n))).collect();
        let curves: Vec<Curve> = scored
            .iter()
            .filter_map(|(model, scored)| curve(model, target, scored, evaluation.plan.statistics.alpha, &mut table))
            .collect();
        let suffix = if target.is_empty() { String::new() } else { format!(" for {target}") };
        if !curves.is_empty() {
            let caption = format!("ROC curves{suffix}; the dashed line is chance");
            figures.push(Figure::svg(roc(&curves), caption, format!("ROC curves{suffix}")).width(Width::Half));
        }
        figures.extend(precision_recall_figure(&scored, &suffix));
        let probabilities = |s: &&Scored| s.probability && (0.0..=1.0).contains(&s.score);
        let reliability: Vec<(String, Vec<ReliabilityCounts>)> = scored
            .iter()
            .filter(|(_, scored)| !scored.is_empty() && scored.iter().all(probabilities))
            .map(|(model, scored)| ((*model).to_owned(), counts(scored)))
            .collect();
        figures.extend(diagram(evaluation, &reliability, &format!("cases{suffix}"), true));
    }
    let voxels: Vec<(String, Vec<ReliabilityCounts>)> = evaluation
        .models
        .iter()
        .enumerate()
        .map(|(n, m)| (m.name.clone(), sum(evaluation.of_model(n).map(|(_, _, r)| r.reliability.as_slice()))))
        .filter(|(_, counts)| counts.iter().any(|c| c.n > 0))
        .collect();
    figures.extend(diagram(evaluation, &voxels, "voxels of all cases", false));
    figures.extend(froc_figure(evaluation));
    if !table.is_empty() {
        table.remark("Intervals: standard errors after DeLong 1988 on the logit scale. Cases count as independent");
        section.table(table);
    }
    if !statistics.auc_differences.is_empty() {
        section.table(delong_table(evaluation, statistics));
    }
    if !figures.is_empty() {
        section.figures(figures);
    }
    section
}

fn curve(model: &str, target: &str, scored: &[&Scored], alpha: f64, table: &mut Table) -> Option<Curve> {
    if scored.is_empty() {
        return None;
    }
    let truth: Vec<bool> = scored.iter().map(|s| s.truth).collect();
    let score: Vec<f64> = scored.iter().map(|s| s.score).collect();
    let positive = truth.iter().filter(|t| **t).count();
    let mut cells = vec![
        Cell::from(model),
        Cell::from(target),
        count(positive as u64).into(),
        count((truth.len() - positive) as u64).into(),
    ];
    let Ok(scores) = Scores::new(&truth, &score) else {
        cells.extend([Cell::quiet("–").noted(table.note("The truth has one class only")), Cell::quiet("–")]);
        table.row(cells);
        return None;
    };
    let auc = scores.auc();
    let ends = match standard_error(&scores) {
        Err(why) => Err(why.to_string()),
        Ok(se) => logit_interval(auc, se, alpha).map(|i| interval(i, 3)).ok_or_else(|| match auc {
            0.0 | 1.0 => {
                "No interval: the scores part the classes altogether, and the logit of such an area is infinite"
                    .to_owned()
            }
            _ => "No interval: the standard error is 0".to_owned(),
        }),
    };
    cells.push(fixed(auc, 3).into());
    cells.push(match &ends {
        Ok(ends) => Cell::from(ends.clone()),
        Err(why) => Cell::quiet("–").noted(table.note(why.clone())),
    });
    table.row(cells);
    let ends = ends.map(|i| format!(" ({i})")).unwrap_or_default();
    let points = scores.roc_points().iter().map(|p| [p.fpf, p.tpf]).collect();
    Some(Curve { name: format!("{model}, AUC {}{ends}", fixed(auc, 3)), points, look: None })
}

/// Models in pairs on the same cases.
fn delong_table(evaluation: &Evaluation, statistics: &Statistics) -> Table {
    let ci = percent(evaluation.plan.statistics.alpha);
    let columns = vec![
        Column::text("Models"),
        Column::text("Target"),
        Column::number("Positive", ""),
        Column::number("Negative", ""),
        Column::number("AUC difference", ""),
        Column::number(format!("{ci} interval"), ""),
        Column::number("p", ""),
        Column::number("p, Holm", ""),
    ];
    let mut table = Table::new("Areas under ROC curves in pairs on the same cases, first minus second", columns);
    for d in &statistics.auc_differences {
        let p = match (&d.p, &d.undefined) {
            (Some(p), _) => p_value(*p).into(),
            (None, Some(why)) => Cell::quiet("–").noted(table.note(why.clone())),
            (None, None) => Cell::quiet("–"),
        };
        table.row([
            format!("{} − {}", d.first, d.second).into(),
            d.target.clone().into(),
            count(d.positives as u64).into(),
            count(d.negatives as u64).into(),
            d.difference.map_or_else(|| Cell::quiet("–"), |v| signed(v, 3).into()),
            d.interval.map_or_else(|| Cell::quiet("–"), |i| interval(i, 3).into()),
            p,
            d.p_holm.map_or_else(|| Cell::quiet("–"), |p| p_value(p).into()),
        ]);
    }
    let tests = statistics.auc_differences.iter().filter(|d| d.p.is_some()).count();
    table.remark(format!(
        "p: DeLong's test of two areas on the same cases, which count as independent. Holm: corrected over the {} of this table",
        counted(tests, "test")
    ));
    table
}

fn precision_recall_figure(scored: &[(&str, Vec<&Scored>)], suffix: &str) -> Option<Figure> {
    let (mut curves, mut shares): (Vec<Curve>, Vec<f64>) = (Vec::new(), Vec::new());
    for (model, scored) in scored {
        let score: Vec<f32> = scored.iter().map(|s| s.score as f32).collect();
        let truth: Vec<bool> = scored.iter().map(|s| s.truth).collect();
        let Ok(ranking) = Ranking::new(&score, &truth) else { continue };
        let (Ok(points), Ok(area)) = (ranking.precision_recall(), ranking.average_precision()) else { continue };
        let share = truth.iter().filter(|t| **t).count() as f64 / truth.len() as f64;
        if !shares.contains(&share) {
            shares.push(share);
        }
        let points = points.iter().map(|p| [p.recall, p.precision]).collect();
        curves.push(Curve { name: format!("{model}, AP {}", fixed(area, 3)), points, look: None });
    }
    let caption = format!("Precision-recall curves{suffix}; the dashed line is chance, the share of positives");
    let alternative = format!("Precision-recall curves{suffix}");
    (!curves.is_empty())
        .then(|| Figure::svg(precision_recall(&curves, &shares), caption, alternative).width(Width::Half))
}

/// Lesions found over false positives a case, where maps have a threshold.
fn froc_figure(evaluation: &Evaluation) -> Option<Figure> {
    let curves: Vec<Curve> = (evaluation.models.iter().enumerate())
        .filter_map(|(n, model)| {
            let cases: Vec<_> = evaluation.of_model(n).filter_map(|(_, _, r)| r.candidates.as_ref()).collect();
            let points = froc_points(cases.iter().copied())?;
            let lesions: usize = cases.iter().map(|c| c.lesions).sum();
            Some(Curve { name: format!("{}, {}", model.name, counted(lesions, "lesion")), points, look: None })
        })
        .collect();
    let caption = "Free-response curves: lesions that a candidate touches over false positives a case. A candidate is a connected \
                   piece at or above the threshold, rated by its highest score";
    (!curves.is_empty()).then(|| Figure::svg(froc(&curves, 0.0), caption, "Free-response curves").width(Width::Half))
}

/// Counts in bins of equal width; an edge belongs to the bin below, as in `metrics::calibration`.
fn counts(scored: &[&Scored]) -> Vec<ReliabilityCounts> {
    let mut counts = vec![ReliabilityCounts::default(); BINS];
    for s in scored {
        let bin = ((s.score * BINS as f64).ceil() as usize).clamp(1, BINS) - 1;
        if let Some(c) = counts.get_mut(bin) {
            c.n += 1;
            c.sum += s.score;
            c.positives += u64::from(s.truth);
        }
    }
    counts
}

/// Sums over the cases; those with another number of bins than the first are left out.
fn sum<'a>(cases: impl Iterator<Item = &'a [ReliabilityCounts]>) -> Vec<ReliabilityCounts> {
    let mut total: Vec<ReliabilityCounts> = Vec::new();
    for counts in cases.filter(|c| !c.is_empty()) {
        if total.is_empty() {
            total = vec![ReliabilityCounts::default(); counts.len()];
        }
        if total.len() == counts.len() {
            for (t, c) in total.iter_mut().zip(counts) {
                *t = ReliabilityCounts { n: t.n + c.n, sum: t.sum + c.sum, positives: t.positives + c.positives };
            }
        }
    }
    total
}

/// `independent`: whether each sample says something of its own, so that shares have intervals; voxels of one image do not.
fn diagram(
    evaluation: &Evaluation,
    models: &[(String, Vec<ReliabilityCounts>)],
    of: &str,
    independent: bool,
) -> Option<Figure> {
    if models.is_empty() {
        return None;
    }
    let alpha = evaluation.plan.statistics.alpha;
    let curve = |(model, counts): &(String, Vec<ReliabilityCounts>)| {
        let width = 1.0 / counts.len().max(1) as f64;
        let bins: Vec<ReliabilityBin> = counts
            .iter()
            .enumerate()
            .filter(|(_, c)| c.n > 0)
            .map(|(at, c)| ReliabilityBin {
                mean_probability: c.sum / c.n as f64,
                share_positive: c.positives as f64 / c.n as f64,
                interval: Proportion::new(c.positives, c.n).ok().filter(|_| independent).map(|p| p.wilson(alpha)),
                n: c.n,
                range: [at as f64 * width, (at as f64 + 1.0) * width],
            })
            .collect();
        let n: u64 = bins.iter().map(|b| b.n).sum();
        let gap = |b: &ReliabilityBin| b.n as f64 * (b.mean_probability - b.share_positive).abs();
        let ece = bins.iter().map(gap).sum::<f64>() / n.max(1) as f64;
        ReliabilityCurve { name: format!("{model}, ECE {}", fixed(ece, 3)), bins }
    };
    let curves: Vec<ReliabilityCurve> = models.iter().map(curve).collect();
    let bins = models.first().map_or(0, |m| m.1.len());
    let intervals = if independent { format!(" with {} Wilson intervals", percent(alpha)) } else { String::new() };
    let caption = format!(
        "Reliability of {of} in {bins} bins{intervals}; the dashed line is perfect calibration, below it the number in each bin"
    );
    Some(Figure::svg(Reliability { curves }.svg(), caption, format!("Reliability diagram of {of}")).width(Width::Half))
}
