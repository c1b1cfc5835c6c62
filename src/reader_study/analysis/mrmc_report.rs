//! The comparison of modalities as the `mrmc` object of a study's JSON.

use serde::{Serialize, Serializer};

use super::components::{CovarianceComponents, MeanSquares, VarianceComponents};
use super::estimates::Estimates;
use super::mrmc::{Comparison, Difference, Factors, ReaderDifference};
use super::single_modality::ModalityMean;

/// Modalities compared by Obuchowski-Rockette.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Mrmc {
    /// The analysis by name.
    pub method: &'static str,
    /// The covariances by name.
    pub covariance: &'static str,
    /// The figure of merit by name.
    pub figure_of_merit: String,
    /// Generalised to other readers and other cases; none with a single reader.
    pub random_readers_random_cases: Option<ThreeWayTest>,
    /// Generalised to other cases, these readers.
    pub fixed_readers: ThreeWayTest,
    /// Generalised to other readers, these cases; none with a single reader.
    pub fixed_cases: Option<ThreeWayTest>,
    /// Mean squares of the figures.
    pub mean_squares: MeanSquares,
    /// Means of the covariance matrix.
    pub covariance_components: CovarianceComponents,
    /// Variance components.
    pub variance_components: VarianceComponents,
}

/// One of the three tests; `difference` and `ci` are those of the first pair of modalities.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[allow(non_snake_case, reason = "the letter is the statistic's name, in print and in the JSON")]
pub struct ThreeWayTest {
    /// The overall statistic; none when it would be divided by 0.
    pub F: Option<f64>,
    /// Numerator degrees of freedom.
    pub df1: f64,
    /// Denominator degrees of freedom; null when infinite, as with fixed readers.
    #[serde(serialize_with = "null_when_infinite")]
    pub ddf: f64,
    /// Of the overall test.
    pub p: Option<f64>,
    /// First modality minus second.
    pub difference: f64,
    /// Its interval.
    pub ci: [f64; 2],
    /// Its standard error.
    pub se: f64,
    /// With fixed readers: chi-squared, `df1` times F.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chi2: Option<f64>,
    /// Every pair, adjusted after Holm when there are several.
    pub pairs: Vec<Difference>,
    /// Each modality by its own data.
    pub modality_means: Vec<ModalityMean>,
    /// With fixed readers: each reader's own differences.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reader_differences: Vec<ReaderDifference>,
}

fn null_when_infinite<S: Serializer>(df: &f64, to: S) -> Result<S::Ok, S::Error> {
    if df.is_finite() { to.serialize_f64(*df) } else { to.serialize_none() }
}

impl Mrmc {
    /// From the comparisons that could be made; none when there was none.
    pub(super) fn new(estimates: &Estimates, comparisons: Vec<Comparison>, warnings: &mut Vec<String>) -> Option<Self> {
        let mut tests: Vec<(Factors, ThreeWayTest)> =
            comparisons.into_iter().filter_map(|c| Some((c.factors, three_way(c, warnings)?))).collect();
        let mut take = |factors| tests.iter().position(|(f, _)| *f == factors).map(|at| tests.swap_remove(at).1);
        let fixed_readers = take(Factors::FixedReaders)?;
        let mean_squares = MeanSquares::of(estimates.values());
        let covariance_components = CovarianceComponents::of(estimates);
        if covariance_components.cov2 < covariance_components.cov3 {
            warnings.push("Cov2 is below Cov3; their difference was taken as 0".into());
        }
        Some(Self {
            method: "Obuchowski-Rockette 1995 with Hillis 2007 degrees of freedom",
            covariance: estimates.covariance_method,
            figure_of_merit: estimates.figure.clone(),
            random_readers_random_cases: take(Factors::RandomReadersRandomCases),
            fixed_readers,
            fixed_cases: take(Factors::FixedCases),
            mean_squares,
            covariance_components,
            variance_components: VarianceComponents::of(
                &mean_squares,
                &covariance_components,
                estimates.modalities().len(),
            ),
        })
    }
}

fn three_way(comparison: Comparison, warnings: &mut Vec<String>) -> Option<ThreeWayTest> {
    let Comparison { factors, overall, differences, modality_means, reader_differences } = comparison;
    let first = differences.first()?;
    if overall.f.is_none() {
        warnings.push(format!("F is undefined with {}: its denominator is 0", factors.words()));
    }
    let (difference, ci, se) = (first.difference, first.interval, first.se);
    Some(ThreeWayTest {
        F: overall.f,
        df1: overall.df1,
        ddf: overall.ddf,
        p: overall.p,
        difference,
        ci,
        se,
        chi2: overall.f.filter(|_| factors == Factors::FixedReaders).map(|f| f * overall.df1),
        pairs: differences,
        modality_means,
        reader_differences,
    })
}
