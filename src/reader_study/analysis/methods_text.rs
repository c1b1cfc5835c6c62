//! A report for people: a table of the figures, the tests, and a paragraph that says what was done.

use std::fmt::{self, Write};

use super::errors::counted;
use super::mrmc::Factors;
use super::mrmc_report::ThreeWayTest;
use super::report::StudyReport;

impl Factors {
    /// The words for a report.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::RandomReadersRandomCases => "random readers and random cases",
            Self::FixedReaders => "fixed readers and random cases",
            Self::FixedCases => "random readers and fixed cases",
        }
    }
}

/// The report as text: figures, tests, warnings, methods.
#[must_use]
pub fn text(report: &StudyReport) -> String {
    let mut text = String::new();
    // Writing to a text cannot fail.
    let _ = write_all(&mut text, report);
    text
}

fn write_all(to: &mut String, report: &StudyReport) -> fmt::Result {
    let width = report.auc.iter().map(|c| c.reader.chars().count().max(c.modality.chars().count())).max();
    let width = width.unwrap_or_default().max("modality".len());
    writeln!(to, "{:width$}  {:width$}  {:>7}  {:>7}", "reader", "modality", "AUC", "SE")?;
    for cell in &report.auc {
        writeln!(to, "{:width$}  {:width$}  {:7.4}  {:7.4}", cell.reader, cell.modality, cell.auc, cell.se)?;
    }
    let confidence = percent(1.0 - report.alpha);
    for single in &report.modalities {
        let mean = &single.mean;
        let [low, high] = mean.interval;
        let name = &mean.modality;
        writeln!(
            to,
            "{:width$}  {name:width$}  {:7.4}  {:7.4}  {confidence} % interval {low:.4} to {high:.4}",
            "mean", mean.mean, mean.se
        )?;
    }
    if let Some(mrmc) = &report.mrmc {
        writeln!(to)?;
        for (factors, test) in [
            (Factors::RandomReadersRandomCases, mrmc.random_readers_random_cases.as_ref()),
            (Factors::FixedReaders, Some(&mrmc.fixed_readers)),
            (Factors::FixedCases, mrmc.fixed_cases.as_ref()),
        ] {
            if let Some(test) = test {
                write_test(to, factors, test, confidence)?;
            }
        }
    }
    if !report.delong.is_empty() {
        writeln!(to)?;
    }
    for test in &report.delong {
        let [a, b] = &test.modalities;
        let z = test.z.map_or_else(|| "undefined".into(), |z| format!("{z:.3}"));
        let difference = test.difference;
        writeln!(to, "reader {}, {a} - {b}: {difference:.4}, z {z}, {} (DeLong)", test.reader, p_value(test.p))?;
    }
    for warning in &report.warnings {
        writeln!(to, "\nWarning: {warning}")?;
    }
    writeln!(to, "\nMethods. {}", methods(report))
}

fn write_test(to: &mut String, factors: Factors, test: &ThreeWayTest, confidence: f64) -> fmt::Result {
    let f = test.F.map_or_else(|| "undefined".into(), |f| format!("{f:.3}"));
    let ddf = if test.ddf.is_finite() { format!("{:.2}", test.ddf) } else { "infinite".into() };
    writeln!(to, "With {}: F({}, {ddf}) = {f}, {}", factors.words(), test.df1, p_value(test.p))?;
    for pair in &test.pairs {
        let ([a, b], [low, high]) = (&pair.modalities, pair.interval);
        write!(to, "  {a} - {b}: {:.4}, {confidence} % interval {low:.4} to {high:.4}", pair.difference)?;
        match pair.p_holm {
            Some(_) => writeln!(to, ", {} after Holm", p_value(pair.p_holm))?,
            None => writeln!(to)?,
        }
    }
    Ok(())
}

/// What was done, with the numbers, as a report's methods section has it.
#[must_use]
pub fn methods(report: &StudyReport) -> String {
    let n = &report.n;
    let confidence = percent(1.0 - report.alpha);
    let mut text = format!(
        "{} rated {} ({} diseased, {} normal) in {}, {}. \
         The figure of merit was the area under the empirical ROC curve (trapezoid, ties one half).",
        counted(n.readers as u128, "reader"),
        counted((n.cases_diseased + n.cases_normal) as u128, "case"),
        n.cases_diseased,
        n.cases_normal,
        if n.modalities == 1 { "1 modality".into() } else { format!("{} modalities", n.modalities) },
        if report.nested {
            "each of which had cases of its own, and every reader read all cases of each"
        } else {
            "every reader every case in every modality"
        }
    );
    if let Some(mrmc) = &report.mrmc {
        text.push_str(&format!(
            " Modalities were compared by {}, covariances by the {}, max(Cov2 - Cov3, 0) in the denominators;",
            mrmc.method, mrmc.covariance
        ));
        if let Some(random) = &mrmc.random_readers_random_cases {
            text.push_str(&format!(
                " readers and cases were random in the main analysis (denominator degrees of freedom {}),",
                if random.ddf.is_finite() {
                    format!("{:.2}", random.ddf)
                } else {
                    "infinite, since readers do not differ between modalities".to_owned()
                }
            ));
        }
        if mrmc.random_readers_random_cases.is_none() {
            text.push_str(" one reader read, so that only cases were random,");
        }
        text.push_str(&format!(" intervals have {confidence} % confidence and are not clipped."));
        if n.modalities > 2 {
            text.push_str(" After the overall test, pairs were adjusted after Holm.");
        }
        if report.nested {
            text.push_str(
                " Cases were nested in modality, so that figures of different modalities do not vary together over cases \
                 (Cov1 = Cov3 = 0). Each reader's modalities were compared by DeLong's test for different cases.",
            );
        } else {
            text.push_str(" Each reader's modalities were compared by DeLong's test.");
        }
    }
    for arm in &report.noninferiority {
        let found = &arm.test;
        text.push_str(&format!(
            " Noninferiority of {} (new) to {} (reference) was tested with a margin of {} at a one-sided {}: lower bound \
             {:.4}, {}{}, {}.",
            arm.new,
            arm.reference,
            found.margin,
            report.alpha / 2.0,
            found.lower_bound,
            p_value(arm.p_holm.or(found.p)),
            if arm.p_holm.is_some() { " after Holm" } else { "" },
            if found.noninferior { "noninferior" } else { "not shown to be noninferior" }
        ));
    }
    if let Some(dropped) = &report.dropped {
        text.push_str(&format!(" Left out for all readers, for want of a reading: {}.", dropped.counted()));
    }
    text.push_str(" Performance in a reader study is not performance in the clinic.");
    text
}

/// `p = 0.0517`, `p < 0.0001`, or that it is undefined.
fn p_value(p: Option<f64>) -> String {
    match p {
        None => "p undefined".into(),
        Some(p) if p < 1e-4 => "p < 0.0001".into(),
        Some(p) => format!("p = {p:.4}"),
    }
}

/// A share in per cent without the rests of binary fractions.
fn percent(share: f64) -> f64 {
    (share * 1e6).round() / 1e4
}
