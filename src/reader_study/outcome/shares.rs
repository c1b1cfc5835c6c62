//! A share of one reader with its intervals and the exact test, as every design shows it.

use serde::Serialize;

use crate::reader_study::analysis::AnalysisError;
use crate::reader_study::analysis::proportion::{BinomialTest, Proportion};

/// `k` of `n` of one reader.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Share {
    /// How many.
    pub k: u64,
    /// Of how many.
    pub n: u64,
    /// `k/n`.
    pub share: f64,
    /// The interval of Clopper and Pearson 1934.
    pub clopper_pearson: [f64; 2],
    /// The interval of Wilson 1927.
    pub wilson: [f64; 2],
}

impl Share {
    /// Of counts.
    ///
    /// # Errors
    /// When `n` is 0 or below `k`.
    pub fn new(k: u64, n: u64, alpha: f64) -> Result<Self, AnalysisError> {
        let p = Proportion::new(k, n)?;
        let (clopper_pearson, wilson) = (p.clopper_pearson(alpha), p.wilson(alpha));
        Ok(Self { k, n, share: p.share(), clopper_pearson, wilson })
    }

    /// Of answers; none without any.
    #[must_use]
    pub fn of(answers: impl Iterator<Item = bool>, alpha: f64) -> Option<Self> {
        let (k, n) = answers.fold((0, 0), |(k, n), yes| (k + u64::from(yes), n + 1));
        Self::new(k, n, alpha).ok()
    }

    /// The exact binomial test against `p0`.
    ///
    /// # Errors
    /// Never for a share that was made.
    pub fn test(&self, p0: f64) -> Result<BinomialTest, AnalysisError> {
        Ok(Proportion::new(self.k, self.n)?.test(p0))
    }
}
