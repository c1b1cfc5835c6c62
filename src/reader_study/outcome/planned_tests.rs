//! The tests that a design declares beforehand, adjusted for their number.

use serde::Serialize;

use crate::reader_study::analysis::mrmc::{Comparison, Difference, Factors};
use crate::reader_study::analysis::multiplicity::holm;

/// One test.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlannedTest {
    /// What is tested.
    pub name: String,
    /// Two-sided, for this test alone; none when it could not be made.
    pub p: Option<f64>,
    /// Adjusted after Holm for all tests of the list that could be made; equals `p` when there is one.
    pub p_holm: Option<f64>,
}

impl PlannedTest {
    /// A test before adjustment.
    #[must_use]
    pub fn new(name: String, p: Option<f64>) -> Self {
        Self { name, p, p_holm: None }
    }

    /// Two arms by a figure.
    #[must_use]
    pub fn of_pair(figure: &str, factors: Factors, pair: &Difference) -> Self {
        let [first, second] = &pair.modalities;
        Self::new(format!("{first} against {second}: {figure}, {}", factors.words()), pair.p)
    }
}

/// Every pair of arms of the widest generalisation.
#[must_use]
pub fn of_pairs(figure: &str, comparisons: &[Comparison]) -> Vec<PlannedTest> {
    let widest = comparisons.first();
    let pairs = widest.map(|c| (c.factors, c.differences.as_slice())).into_iter();
    pairs
        .flat_map(|(factors, differences)| {
            differences.iter().map(move |pair| PlannedTest::of_pair(figure, factors, pair))
        })
        .collect()
}

/// Adjusts p values after Holm 1979.
#[must_use]
pub fn adjusted(mut tests: Vec<PlannedTest>) -> Vec<PlannedTest> {
    let p: Vec<f64> = tests.iter().filter_map(|test| test.p).collect();
    let mut adjusted = holm(&p).into_iter();
    for test in tests.iter_mut().filter(|test| test.p.is_some()) {
        test.p_holm = adjusted.next();
    }
    tests
}
