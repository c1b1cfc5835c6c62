//! The area under every reader's ROC curve, and the crossing of all of them where it is complete enough.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::reader_study::analysis::covariance::CovarianceMethod;
use crate::reader_study::analysis::delong::standard_error;
use crate::reader_study::analysis::ratings::Dropped;
use crate::reader_study::analysis::roc::{RocPoint, Scores, logit_interval, normal_interval};
use crate::reader_study::analysis::{CrossedRatings, RatingsError, RatingsTable, ReportOptions, StudyReport};

use super::errors::OutcomeError;
use super::incomplete::Incomplete;
use super::tables::{RatingLine, ratings_csv};

/// The area of one reader in one arm, on all that this reader read in it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReaderArea {
    /// The reader.
    pub reader: String,
    /// The arm.
    pub modality: String,
    /// Cases with what is looked for.
    pub diseased: usize,
    /// Cases without.
    pub normal: usize,
    /// Area under the ROC curve by trapezoids.
    pub auc: f64,
    /// Its standard error (DeLong 1988); none with fewer than 2 cases of either truth.
    pub se: Option<f64>,
    /// Its interval; not clipped.
    pub interval: Option<[f64; 2]>,
    /// Its interval on the logit scale; none for an area of 0 or 1.
    pub interval_logit: Option<[f64; 2]>,
    /// The curve from (0, 0) to (1, 1).
    pub points: Vec<RocPoint>,
}

/// Ratings of one reader in one arm.
#[derive(Default)]
struct Cell {
    truth: Vec<bool>,
    rating: Vec<f64>,
}

/// The areas of all readers and arms that read cases of both truths, in the order of `lines`.
#[must_use]
pub fn reader_areas(lines: &[RatingLine], alpha: f64) -> Vec<ReaderArea> {
    let mut order: Vec<(&str, &str)> = Vec::new();
    let mut cells: BTreeMap<(&str, &str), Cell> = BTreeMap::new();
    for line in lines {
        let key = (line.modality.as_str(), line.reader.as_str());
        let cell = cells.entry(key).or_insert_with(|| {
            order.push(key);
            Cell::default()
        });
        cell.truth.push(line.truth);
        cell.rating.push(line.rating);
    }
    let area = |key: &(&str, &str)| {
        let cell = cells.get(key)?;
        let scores = Scores::new(&cell.truth, &cell.rating).ok()?;
        let (auc, se) = (scores.auc(), standard_error(&scores).ok());
        Some(ReaderArea {
            reader: key.1.to_owned(),
            modality: key.0.to_owned(),
            diseased: scores.diseased().len(),
            normal: scores.normal().len(),
            auc,
            se,
            interval: se.map(|se| normal_interval(auc, se, alpha)),
            interval_logit: se.and_then(|se| logit_interval(auc, se, alpha)),
            points: scores.roc_points(),
        })
    };
    order.iter().filter_map(area).collect()
}

/// Ratings that every reader gave to every case in every modality, and what was left out for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Crossing {
    /// The complete part.
    pub ratings: CrossedRatings,
    /// What was left out.
    pub dropped: Option<Dropped>,
}

/// The complete part of the ratings.
///
/// # Errors
/// When fewer than half of the cases are in it, so that it would stand for another study, and nobody asked for it, or not
/// both truths.
pub fn crossing(lines: &[RatingLine], incomplete: Option<Incomplete>) -> Result<Crossing, OutcomeError> {
    let (ratings, dropped) = completed(&table(lines)?, incomplete)?;
    Ok(Crossing { ratings, dropped: Some(dropped).filter(|d| !d.cases.is_empty()) })
}

fn table(lines: &[RatingLine]) -> Result<RatingsTable, OutcomeError> {
    Ok(RatingsTable::parse("the ratings", ratings_csv(lines, &[])?.as_bytes())?)
}

fn completed(table: &RatingsTable, incomplete: Option<Incomplete>) -> Result<(CrossedRatings, Dropped), RatingsError> {
    let (complete, dropped) = table.drop_incomplete()?;
    if dropped.cases.len() > complete.cases().len() && incomplete != Some(Incomplete::Cases) {
        // Says how many are missing, and which is the first.
        table.crossed()?;
    }
    Ok((complete.crossed()?, dropped))
}

/// How ratings are compared.
#[derive(Debug, Clone, Copy)]
pub struct Compared<'a> {
    /// Where covariances over cases come from.
    pub covariance: CovarianceMethod,
    /// One minus the confidence of the intervals.
    pub alpha: f64,
    /// Margin of noninferiority to the reference.
    pub margin: Option<f64>,
    /// The arm that the others are held against.
    pub reference: Option<&'a String>,
    /// What may be left out.
    pub incomplete: Option<Incomplete>,
}

/// The whole report of ratings, crossed or with cases nested in the arms, or why there is none.
#[must_use]
pub fn report(lines: &[RatingLine], compared: &Compared<'_>) -> (Option<StudyReport>, Option<String>) {
    match try_report(lines, compared) {
        Ok(report) => (Some(report), None),
        Err(OutcomeError::Ratings(error @ RatingsError::Incomplete { .. })) => (
            None,
            Some(format!(
                "readers did not read the same cases, so that there is no analysis of random readers and cases: {error}. \
                 `--drop-incomplete cases` leaves out what somebody did not read, `--drop-incomplete readers` whoever did \
                 not read all of his or her list"
            )),
        ),
        Err(error) => (None, Some(error.to_string())),
    }
}

fn try_report(lines: &[RatingLine], compared: &Compared<'_>) -> Result<StudyReport, OutcomeError> {
    let table = table(lines)?;
    let options = |dropped: Dropped| ReportOptions {
        covariance: compared.covariance,
        alpha: compared.alpha,
        margin: compared.margin,
        reference: compared.reference.cloned(),
        dropped: Some(dropped).filter(|d| !d.cases.is_empty()),
    };
    if let Some(arms) = table.nested() {
        let arms = arms.iter().map(|arm| completed(arm, compared.incomplete)).collect::<Result<Vec<_>, _>>()?;
        let (arms, dropped): (Vec<CrossedRatings>, Vec<Dropped>) = arms.into_iter().unzip();
        return Ok(StudyReport::nested(&arms, &options(Dropped::all(dropped)))?);
    }
    let (ratings, dropped) = completed(&table, compared.incomplete)?;
    Ok(StudyReport::new(&ratings, &options(dropped))?)
}
