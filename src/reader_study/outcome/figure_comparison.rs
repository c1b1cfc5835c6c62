//! Arms compared by one figure of merit of free response, as a JAFROC analysis reports it: rows for the page, the JSON and
//! `arms.csv` alike.

use serde::Serialize;

use crate::reader_study::analysis::components::{CovarianceComponents, MeanSquares};
use crate::reader_study::analysis::margin::ArmNoninferiority;
use crate::reader_study::analysis::mrmc::{Comparison, Difference, Factors, OverallTest, ReaderDifference};
use crate::reader_study::analysis::{AnalysisError, Estimates};

use super::errors::OutcomeError;
use super::free_response::FreeResponseResult;
use super::readers_mean::{noninferior, three_ways};
use super::tables::write_with_remark;

/// Arms compared by one figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FigureComparison {
    /// The figure by name.
    pub figure: &'static str,
    /// Each arm's mean over the readers, for each way to generalise.
    pub modality_means: Vec<ArmMean>,
    /// Whether any arm differs, for each way to generalise.
    pub overall: Vec<AnyArmDiffers>,
    /// Every pair of arms, for each way to generalise; the widest one first.
    pub differences: Vec<ArmDifference>,
    /// Each reader's own differences, over cases.
    pub reader_differences: Vec<ReaderDifference>,
    /// Noninferiority of every other arm to the first of the plan, when it has a margin.
    pub noninferiority: Vec<ArmNoninferiority>,
    /// What all of it was computed from; one row.
    pub components: [Components; 1],
}

/// An arm's mean over the readers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ArmMean {
    /// To what it is generalised.
    pub factors: Factors,
    /// The arm.
    pub modality: String,
    /// Mean over the readers.
    pub mean: f64,
    /// Its standard error.
    pub se: f64,
    /// Degrees of freedom of t; infinite means normal (JSON: null).
    pub df: f64,
    /// Interval of the mean; not clipped.
    pub interval: [f64; 2],
}

/// Whether any arm differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AnyArmDiffers {
    /// To what it is generalised.
    pub factors: Factors,
    /// F with its degrees of freedom.
    #[serde(flatten)]
    pub test: OverallTest,
}

/// One arm minus another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ArmDifference {
    /// To what it is generalised.
    pub factors: Factors,
    /// The difference with its interval and test.
    #[serde(flatten)]
    pub difference: Difference,
}

/// Mean squares and covariances of the figures of merit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Components {
    /// Mean squares.
    #[serde(flatten)]
    pub mean_squares: MeanSquares,
    /// Covariances.
    #[serde(flatten)]
    pub covariances: CovarianceComponents,
}

impl FigureComparison {
    /// Obuchowski-Rockette in every way that the readers allow; the first minus the second arm.
    ///
    /// # Errors
    /// When there are fewer than 2 arms, or the margin or alpha cannot be.
    pub fn of(
        figure: &'static str,
        estimates: &Estimates,
        margin: Option<f64>,
        alpha: f64,
    ) -> Result<Self, AnalysisError> {
        let ways = three_ways(estimates, alpha)?;
        let arms: Vec<&String> = estimates.modalities().iter().collect();
        let means = |way: &Comparison| {
            let factors = way.factors;
            let rows = way.modality_means.iter().cloned();
            rows.map(move |m| ArmMean {
                factors,
                modality: m.modality,
                mean: m.mean,
                se: m.se,
                df: m.df,
                interval: m.interval,
            })
            .collect::<Vec<_>>()
        };
        let differences = |way: &Comparison| {
            let factors = way.factors;
            let rows = way.differences.iter().cloned();
            rows.map(move |difference| ArmDifference { factors, difference }).collect::<Vec<_>>()
        };
        Ok(Self {
            figure,
            modality_means: ways.iter().flat_map(means).collect(),
            overall: ways.iter().map(|way| AnyArmDiffers { factors: way.factors, test: way.overall }).collect(),
            differences: ways.iter().flat_map(differences).collect(),
            reader_differences: ways.iter().flat_map(|way| way.reader_differences.iter().cloned()).collect(),
            noninferiority: noninferior(&arms, &ways, margin, alpha)?,
            components: [Components {
                mean_squares: MeanSquares::of(estimates.values()),
                covariances: CovarianceComponents::of(estimates),
            }],
        })
    }

    /// The pairs of arms of the widest generalisation, and which one it is.
    pub fn widest(&self) -> Option<(Factors, impl Iterator<Item = &Difference>)> {
        let factors = self.differences.first()?.factors;
        let of_it = self.differences.iter().filter(move |row| row.factors == factors);
        Some((factors, of_it.map(|row| &row.difference)))
    }
}

/// One line of `arms.csv`; what a line does not have stays empty.
#[derive(Debug, Clone, Default)]
struct Line<'a> {
    what: &'static str,
    figure: &'a str,
    factors: Option<Factors>,
    arm: &'a str,
    minus_arm: &'a str,
    reader: &'a str,
    rating: Option<f64>,
    value: Option<f64>,
    se: Option<f64>,
    statistic: Option<f64>,
    df1: Option<f64>,
    df: Option<f64>,
    p: Option<f64>,
    p_holm: Option<f64>,
    interval: Option<[f64; 2]>,
}

const HEADER: [&str; 16] = [
    "what",
    "figure",
    "generalised_to",
    "arm",
    "minus_arm",
    "reader",
    "rating",
    "value",
    "se",
    "statistic",
    "df1",
    "df",
    "p",
    "p_holm",
    "low",
    "high",
];

impl Line<'_> {
    fn record(self) -> Vec<String> {
        let number = |x: Option<f64>| x.map(|x| x.to_string()).unwrap_or_default();
        let [low, high] = self.interval.map_or([None; 2], |ends| ends.map(Some));
        let mut record =
            [self.what, self.figure, self.factors.map_or("", Factors::words), self.arm, self.minus_arm, self.reader]
                .map(str::to_owned)
                .to_vec();
        let numbers =
            [self.rating, self.value, self.se, self.statistic, self.df1, self.df, self.p, self.p_holm, low, high];
        record.extend(numbers.map(number));
        record
    }
}

/// What the arms of a free-response study gave, one figure a line: `what` is `reader` (a reader's figure), `mean` (over the
/// readers), `any_arm_differs` (F in `statistic`), `difference`, `reader_difference` (t or z in `statistic`); with the column
/// `remark` where there is something that nobody must overlook. Infinite degrees of freedom are `inf`.
///
/// # Errors
/// When a line cannot be written, which memory running out would cause.
pub fn arms_csv(result: &FreeResponseResult, remarks: &[String]) -> Result<String, OutcomeError> {
    let mut lines = Vec::new();
    for of in &result.comparisons {
        let figure = of.figure;
        lines.extend(of.modality_means.iter().map(|row| Line {
            what: "mean",
            figure,
            factors: Some(row.factors),
            arm: &row.modality,
            value: Some(row.mean),
            se: Some(row.se),
            df: Some(row.df),
            interval: Some(row.interval),
            ..Line::default()
        }));
        lines.extend(of.overall.iter().map(|row| Line {
            what: "any_arm_differs",
            figure,
            factors: Some(row.factors),
            statistic: row.test.f,
            df1: Some(row.test.df1),
            df: Some(row.test.ddf),
            p: row.test.p,
            ..Line::default()
        }));
        lines.extend(
            of.differences
                .iter()
                .map(|row| Line { factors: Some(row.factors), ..difference("difference", figure, &row.difference) }),
        );
        lines.extend(
            of.reader_differences
                .iter()
                .map(|row| Line { reader: &row.reader, ..difference("reader_difference", figure, &row.difference) }),
        );
    }
    if result.comparisons.is_empty() {
        // With one arm there is nothing to compare, and the means stand by themselves.
        lines.extend(result.means.iter().map(|row| Line {
            what: "mean",
            figure: &row.figure,
            arm: &row.modality,
            value: Some(row.mean),
            se: Some(row.se),
            df: Some(row.df),
            interval: Some(row.interval),
            ..Line::default()
        }));
    }
    for row in &result.readers {
        let own = [
            ("weighted AFROC area (wAFROC)", row.wafroc, None),
            ("AFROC area (JAFROC)", row.afroc, None),
            ("sensitivity", row.at_rating.sensitivity, Some(result.rating)),
            ("false positives per image", row.at_rating.false_positives_per_image, Some(result.rating)),
        ];
        lines.extend(own.map(|(figure, value, rating)| Line {
            what: "reader",
            figure,
            arm: &row.modality,
            reader: &row.reader,
            rating,
            value: Some(value),
            ..Line::default()
        }));
    }
    for row in &result.arms_at_rating {
        let own = [
            ("sensitivity", row.sensitivity, row.sensitivity_interval),
            ("false positives per image", row.false_positives_per_image, row.false_positives_interval),
        ];
        lines.extend(own.map(|(figure, value, interval)| Line {
            what: "mean",
            figure,
            arm: &row.modality,
            rating: Some(result.rating),
            value: Some(value),
            interval,
            ..Line::default()
        }));
    }
    write_with_remark("arms.csv", &HEADER, lines.into_iter().map(Line::record), remarks)
}

fn difference<'a>(what: &'static str, figure: &'a str, row: &'a Difference) -> Line<'a> {
    let [arm, minus_arm] = &row.modalities;
    Line {
        what,
        figure,
        arm,
        minus_arm,
        value: Some(row.difference),
        se: Some(row.se),
        statistic: row.statistic,
        df: Some(row.df),
        p: row.p,
        p_holm: row.p_holm,
        interval: Some(row.interval),
        ..Line::default()
    }
}
