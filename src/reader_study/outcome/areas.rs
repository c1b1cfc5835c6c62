//! The area under every reader's ROC curve, and the crossing of all of them where it is complete enough.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::reader_study::analysis::covariance::CovarianceMethod;
use crate::reader_study::analysis::delong::standard_error;
use crate::reader_study::analysis::ratings::Dropped;
use crate::reader_study::analysis::roc::{RocPoint, Scores, logit_interval, normal_interval};
use crate::reader_study::analysis::{CrossedRatings, RatingsError, RatingsTable, ReportOptions, StudyReport};

use super::errors::OutcomeError;
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
/// When fewer than half of the cases are in it, so that it would stand for another study, or not both truths.
pub fn crossing(lines: &[RatingLine]) -> Result<Crossing, OutcomeError> {
    let table = RatingsTable::parse("the ratings", ratings_csv(lines, &[])?.as_bytes())?;
    let (complete, dropped) = table.drop_incomplete()?;
    if dropped.cases.len() > complete.cases().len() {
        // Says how many are missing, and which is the first.
        table.crossed()?;
    }
    Ok(Crossing { ratings: complete.crossed()?, dropped: Some(dropped).filter(|d| !d.cases.is_empty()) })
}

/// The whole report of crossed ratings, or why there is none.
#[must_use]
pub fn report(
    crossing: &Result<Crossing, OutcomeError>,
    covariance: CovarianceMethod,
    alpha: f64,
    margin: Option<f64>,
) -> (Option<StudyReport>, Option<String>) {
    let crossing = match crossing {
        Ok(crossing) => crossing,
        Err(OutcomeError::Ratings(error @ RatingsError::Incomplete { .. })) => {
            return (
                None,
                Some(format!(
                    "readers did not read the same cases, so that there is no analysis of random readers and cases: {error}"
                )),
            );
        }
        Err(error) => return (None, Some(error.to_string())),
    };
    let options = ReportOptions { covariance, alpha, margin, dropped: crossing.dropped.clone() };
    match StudyReport::new(&crossing.ratings, &options) {
        Ok(report) => (Some(report), None),
        Err(error) => (None, Some(error.to_string())),
    }
}
