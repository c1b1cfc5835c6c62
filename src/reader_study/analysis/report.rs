//! A whole study analysed: the object that `study analyze --ratings --json` prints.

use serde::Serialize;

use super::covariance::CovarianceMethod;
use super::crossed::CrossedRatings;
use super::dbm::{self, Dbm};
use super::delong;
use super::errors::AnalysisError;
use super::estimates::Estimates;
use super::figure_of_merit::Auc;
use super::margin::{ArmNoninferiority, noninferior_to};
use super::mrmc::{Comparison, Factors, compare};
use super::mrmc_report::Mrmc;
use super::ratings::Dropped;
use super::roc::{RocPoint, Scores};
use super::single_modality::{Against, ModalityMean, modality_mean};

/// What a person may set.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportOptions {
    /// Where the covariances come from.
    pub covariance: CovarianceMethod,
    /// One minus the confidence of the intervals.
    pub alpha: f64,
    /// Margin of noninferiority of every other modality to the reference, in units of the area; fixed before the study.
    /// It is tested one-sided at half of `alpha`.
    pub margin: Option<f64>,
    /// The modality that the others are held against; without it, the first in the order of names.
    pub reference: Option<String>,
    /// What was left out beforehand to complete the crossing, to be reported.
    pub dropped: Option<Dropped>,
}

impl Default for ReportOptions {
    fn default() -> Self {
        Self { covariance: CovarianceMethod::Jackknife, alpha: 0.05, margin: None, reference: None, dropped: None }
    }
}

/// The result; modalities and readers in the table's order, differences first minus second.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StudyReport {
    /// How much was read.
    pub n: Counts,
    /// Whether each modality has cases of its own (cases nested in modality), so that Cov1 = Cov3 = 0.
    pub nested: bool,
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
    /// Noninferiority of every other modality to the reference, when a margin was given; else empty.
    pub noninferiority: Vec<ArmNoninferiority>,
    /// The twin analysis on jackknife pseudovalues; none with one modality, one reader or nested cases.
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
        let n = Counts { readers, modalities, cases_diseased, cases_normal };
        let dbm = (modalities > 1 && readers > 1).then(|| dbm::analyze(ratings, &Auc, options.alpha)).transpose()?;
        Ok(Self { dbm, ..Self::of(&estimates, &ratings.scores(), n, false, options)? })
    }

    /// Analyses the areas of modalities that have cases of their own: each of `arms` holds one modality, read by the same
    /// readers. Areas of different arms do not vary together over cases (Cov1 = Cov3 = 0).
    ///
    /// # Errors
    /// As [`StudyReport::new`], and when an arm holds more than one modality or other readers.
    pub fn nested(arms: &[CrossedRatings], options: &ReportOptions) -> Result<Self, AnalysisError> {
        AnalysisError::inside_unit("alpha", options.alpha)?;
        let estimates = Estimates::of_nested(arms, &Auc, options.covariance)?;
        let (diseased, normal): (Vec<usize>, Vec<usize>) = arms.iter().map(CrossedRatings::case_counts).unzip();
        let n = Counts {
            readers: estimates.readers().len(),
            modalities: arms.len(),
            cases_diseased: diseased.iter().sum(),
            cases_normal: normal.iter().sum(),
        };
        let cells: Vec<Scores> = arms.iter().flat_map(CrossedRatings::scores).collect();
        Self::of(&estimates, &cells, n, true, options)
    }

    /// `cells` holds all readers of modality 0 first.
    fn of(
        estimates: &Estimates,
        cells: &[Scores],
        n: Counts,
        nested: bool,
        options: &ReportOptions,
    ) -> Result<Self, AnalysisError> {
        let alpha = options.alpha;
        let mut warnings = Vec::new();
        if let Some(dropped) = &options.dropped {
            warnings.push(format!("{} left out: not every reader read them in every modality", dropped.counted()));
        }
        let auc = reader_aucs(estimates, &mut warnings);
        let mut comparisons = Vec::new();
        if n.modalities < 2 {
            warnings.push(AnalysisError::TooFewModalities { found: n.modalities }.to_string());
        } else if n.readers < 2 {
            warnings.push(AnalysisError::TooFewReaders { found: n.readers }.to_string());
            comparisons.push(compare(estimates, Factors::FixedReaders, alpha)?);
        } else {
            for factors in [Factors::RandomReadersRandomCases, Factors::FixedReaders, Factors::FixedCases] {
                comparisons.push(compare(estimates, factors, alpha)?);
            }
        }
        let noninferiority = match options.margin {
            Some(margin) => noninferior(estimates, &comparisons, margin, options)?,
            None => Vec::new(),
        };
        let single = if n.readers < 2 { Factors::FixedReaders } else { Factors::RandomReadersRandomCases };
        let of_modality = |at| modality_mean(estimates, at, single, alpha);
        let means: Vec<ModalityMean> = (0..n.modalities).map(of_modality).collect::<Result<_, _>>()?;
        Ok(Self {
            n,
            nested,
            auc,
            mrmc: Mrmc::new(estimates, comparisons, &mut warnings),
            delong: reader_tests(estimates, cells, nested, alpha)?,
            warnings,
            alpha,
            modalities: means
                .into_iter()
                .map(|mean| SingleModality { against_chance: mean.against(0.5), mean })
                .collect(),
            noninferiority,
            dbm: None,
            dropped: options.dropped.clone(),
            roc: reader_rocs(estimates, cells),
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
fn cell_names(estimates: &Estimates) -> impl Iterator<Item = (&String, &String)> {
    estimates.modalities().iter().flat_map(|m| estimates.readers().iter().map(move |r| (m, r)))
}

fn reader_aucs(estimates: &Estimates, warnings: &mut Vec<String>) -> Vec<ReaderAuc> {
    let values = estimates.values();
    let in_order = values.row_iter().flat_map(|row| row.iter().copied().collect::<Vec<_>>());
    let variances = estimates.covariance().diagonal();
    let cells = cell_names(estimates).zip(in_order).zip(variances.iter().copied());
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

fn reader_rocs(estimates: &Estimates, cells: &[Scores]) -> Vec<ReaderRoc> {
    cell_names(estimates)
        .zip(cells)
        .map(|((modality, reader), scores)| ReaderRoc {
            reader: reader.clone(),
            modality: modality.clone(),
            points: scores.roc_points(),
        })
        .collect()
}

/// Every reader, every pair of modalities.
fn reader_tests(
    estimates: &Estimates,
    cells: &[Scores],
    nested: bool,
    alpha: f64,
) -> Result<Vec<ReaderDeLong>, AnalysisError> {
    let readers = estimates.readers().len();
    let compared = if nested { delong::unpaired_test } else { delong::paired_test };
    let mut tests = Vec::new();
    for (at, reader) in estimates.readers().iter().enumerate() {
        let of_reader: Vec<_> = estimates.modalities().iter().zip(cells.iter().skip(at).step_by(readers)).collect();
        for (i, (first, a)) in of_reader.iter().enumerate() {
            for (second, b) in of_reader.iter().skip(i + 1) {
                let test = compared(a, b, alpha)?;
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

/// Every other modality against the reference, on the widest generalisation that the data allow.
fn noninferior(
    estimates: &Estimates,
    comparisons: &[Comparison],
    margin: f64,
    options: &ReportOptions,
) -> Result<Vec<ArmNoninferiority>, AnalysisError> {
    let modalities = estimates.modalities();
    let Some(reference) = options.reference.as_ref().or_else(|| modalities.iter().min()) else { return Ok(Vec::new()) };
    if !modalities.contains(reference) {
        return Err(AnalysisError::NoReference { reference: reference.clone(), modalities: modalities.to_vec() });
    }
    let pairs = comparisons.first().map(|c| c.differences.as_slice()).unwrap_or_default();
    noninferior_to(reference, pairs, margin, options.alpha / 2.0)
}
