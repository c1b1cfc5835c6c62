//! A whole study analysed: the object that `study analyze --ratings --json` prints.

use serde::Serialize;

use super::covariance::CovarianceMethod;
use super::crossed::CrossedRatings;
use super::dbm::{self, Dbm};
use super::delong;
use super::errors::AnalysisError;
use super::estimates::Estimates;
use super::figure_of_merit::Auc;
use super::margin::{Noninferiority, noninferiority};
use super::mrmc::{Comparison, Factors, compare};
use super::mrmc_report::Mrmc;
use super::ratings::Dropped;
use super::roc::RocPoint;
use super::single_modality::{Against, ModalityMean, modality_mean};

/// What a person may set.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportOptions {
    /// Where the covariances come from.
    pub covariance: CovarianceMethod,
    /// One minus the confidence of the intervals.
    pub alpha: f64,
    /// Margin of noninferiority of the second modality to the first, in units of the area; fixed before the study. It
    /// is tested one-sided at half of `alpha`.
    pub margin: Option<f64>,
    /// What was left out beforehand to complete the crossing, to be reported.
    pub dropped: Option<Dropped>,
}

impl Default for ReportOptions {
    fn default() -> Self {
        Self { covariance: CovarianceMethod::Jackknife, alpha: 0.05, margin: None, dropped: None }
    }
}

/// The result; modalities and readers in the table's order, differences first minus second.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StudyReport {
    /// How much was read.
    pub n: Counts,
    /// The area of every reader in every modality.
    pub auc: Vec<ReaderAuc>,
    /// Modalities compared; none when there is only one.
    pub mrmc: Option<Mrmc>,
    /// Each reader's own comparison; empty when there is only one modality.
    pub delong: Vec<ReaderDeLong>,
    /// What the person must know.
    pub warnings: Vec<String>,
    /// One minus the confidence of the intervals.
    pub alpha: f64,
    /// Each modality by its own data, random readers and random cases.
    pub modalities: Vec<SingleModality>,
    /// Noninferiority of the second modality to the first, when a margin was given.
    pub noninferiority: Option<Noninferiority>,
    /// The twin analysis on jackknife pseudovalues; none with one modality or one reader.
    pub dbm: Option<Dbm>,
    /// What was left out to complete the crossing.
    pub dropped: Option<Dropped>,
    /// The ROC curve of every reader in every modality.
    pub roc: Vec<ReaderRoc>,
}

/// How much was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Readers.
    pub readers: usize,
    /// Modalities.
    pub modalities: usize,
    /// Cases with what is looked for.
    pub cases_diseased: usize,
    /// Cases without.
    pub cases_normal: usize,
}

/// The area of one reader in one modality.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReaderAuc {
    /// The reader.
    pub reader: String,
    /// The modality.
    pub modality: String,
    /// Area under the ROC curve by trapezoids.
    pub auc: f64,
    /// Its standard error over cases, by the chosen covariance method.
    pub se: f64,
}

/// The curve of one reader in one modality.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReaderRoc {
    /// The reader.
    pub reader: String,
    /// The modality.
    pub modality: String,
    /// From (0, 0) to (1, 1).
    pub points: Vec<RocPoint>,
}

/// One reader's two modalities compared after DeLong 1988.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReaderDeLong {
    /// The reader.
    pub reader: String,
    /// Which pair.
    pub modalities: [String; 2],
    /// First minus second.
    pub difference: f64,
    /// Its standard error.
    pub se: f64,
    /// Difference over standard error; none when that is 0.
    pub z: Option<f64>,
    /// Two-sided.
    pub p: Option<f64>,
    /// Interval of the difference.
    pub ci: [f64; 2],
}

/// One modality by its own data.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SingleModality {
    /// Mean over the readers with its interval.
    #[serde(flatten)]
    pub mean: ModalityMean,
    /// The mean against chance, 0.5.
    pub against_chance: Against,
}

impl StudyReport {
    /// Analyses the areas of `ratings`.
    ///
    /// # Errors
    /// When there are fewer than 2 cases of either truth, or an option cannot be. One modality or one reader is no
    /// error: what cannot be said then is left out, and a warning says so.
    pub fn new(ratings: &CrossedRatings, options: &ReportOptions) -> Result<Self, AnalysisError> {
        AnalysisError::inside_unit("alpha", options.alpha)?;
        let (cases_diseased, cases_normal) = ratings.case_counts();
        let (readers, modalities) = (ratings.readers().len(), ratings.modalities().len());
        let estimates = Estimates::of_ratings(ratings, &Auc, options.covariance)?;
        let mut warnings = Vec::new();
        if let Some(dropped) = &options.dropped {
            warnings.push(format!("{} left out: not every reader read them in every modality", dropped.counted()));
        }
        let auc = reader_aucs(ratings, &estimates, &mut warnings);
        let mut comparisons = Vec::new();
        if modalities < 2 {
            warnings.push(AnalysisError::TooFewModalities { found: modalities }.to_string());
        } else if readers < 2 {
            warnings.push(AnalysisError::TooFewReaders { found: readers }.to_string());
            comparisons.push(compare(&estimates, Factors::FixedReaders, options.alpha)?);
        } else {
            for factors in [Factors::RandomReadersRandomCases, Factors::FixedReaders, Factors::FixedCases] {
                comparisons.push(compare(&estimates, factors, options.alpha)?);
            }
        }
        let margin = options.margin.map(|m| noninferior(&comparisons, m, options.alpha)).transpose()?.flatten();
        let single = if readers < 2 { Factors::FixedReaders } else { Factors::RandomReadersRandomCases };
        let of_modality = |at| modality_mean(&estimates, at, single, options.alpha);
        let means: Vec<ModalityMean> = (0..modalities).map(of_modality).collect::<Result<_, _>>()?;
        let dbm = (modalities > 1 && readers > 1).then(|| dbm::analyze(ratings, &Auc, options.alpha)).transpose()?;
        Ok(Self {
            n: Counts { readers, modalities, cases_diseased, cases_normal },
            auc,
            mrmc: Mrmc::new(&estimates, comparisons, &mut warnings),
            delong: reader_tests(ratings, options.alpha)?,
            warnings,
            alpha: options.alpha,
            modalities: means
                .into_iter()
                .map(|mean| SingleModality { against_chance: mean.against(0.5), mean })
                .collect(),
            noninferiority: margin,
            dbm,
            dropped: options.dropped.clone(),
            roc: reader_rocs(ratings),
        })
    }

    /// The object that `study analyze --ratings --json` prints.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        // A struct of numbers, texts and lists always has a JSON form.
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// Names of modality and reader of every cell, all of modality 0 first.
fn cell_names(ratings: &CrossedRatings) -> impl Iterator<Item = (&String, &String)> {
    ratings.modalities().iter().flat_map(|m| ratings.readers().iter().map(move |r| (m, r)))
}

fn reader_aucs(ratings: &CrossedRatings, estimates: &Estimates, warnings: &mut Vec<String>) -> Vec<ReaderAuc> {
    let values = estimates.values();
    let in_order = values.row_iter().flat_map(|row| row.iter().copied().collect::<Vec<_>>());
    let variances = estimates.covariance().diagonal();
    let cells = cell_names(ratings).zip(in_order).zip(variances.iter().copied());
    let all: Vec<ReaderAuc> = cells
        .map(|(((modality, reader), auc), variance)| ReaderAuc {
            reader: reader.clone(),
            modality: modality.clone(),
            auc,
            se: variance.max(0.0).sqrt(),
        })
        .collect();
    for cell in all.iter().filter(|c| c.se < 1e-12) {
        let ReaderAuc { reader, modality, auc, .. } = cell;
        warnings.push(format!(
            "the area of reader {reader} in modality {modality} is {auc} with a standard error of 0; its interval says nothing"
        ));
    }
    all
}

fn reader_rocs(ratings: &CrossedRatings) -> Vec<ReaderRoc> {
    let cells = cell_names(ratings).zip(ratings.scores());
    cells
        .map(|((modality, reader), scores)| ReaderRoc {
            reader: reader.clone(),
            modality: modality.clone(),
            points: scores.roc_points(),
        })
        .collect()
}

/// Every reader, every pair of modalities.
fn reader_tests(ratings: &CrossedRatings, alpha: f64) -> Result<Vec<ReaderDeLong>, AnalysisError> {
    let readers = ratings.readers().len();
    let cells = ratings.scores();
    let mut tests = Vec::new();
    for (at, reader) in ratings.readers().iter().enumerate() {
        let of_reader: Vec<_> = ratings.modalities().iter().zip(cells.iter().skip(at).step_by(readers)).collect();
        for (i, (first, a)) in of_reader.iter().enumerate() {
            for (second, b) in of_reader.iter().skip(i + 1) {
                let test = delong::paired_test(a, b, alpha)?;
                tests.push(ReaderDeLong {
                    reader: reader.clone(),
                    modalities: [(*first).clone(), (*second).clone()],
                    difference: test.difference,
                    se: test.se,
                    z: test.z,
                    p: test.p,
                    ci: test.interval,
                });
            }
        }
    }
    Ok(tests)
}

/// The second modality against the first, on the widest generalisation that the data allow.
fn noninferior(comparisons: &[Comparison], margin: f64, alpha: f64) -> Result<Option<Noninferiority>, AnalysisError> {
    let pair = comparisons.first().and_then(|c| c.differences.first());
    pair.map(|d| noninferiority(-d.difference, d.se, d.df, margin, alpha / 2.0)).transpose()
}
