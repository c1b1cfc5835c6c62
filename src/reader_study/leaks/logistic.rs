//! Logistic regression with a ridge penalty on standardised columns.

use nalgebra::{DMatrix, DVector};

use super::errors::LeakError;

const STEPS: usize = 100;

/// A fitted classifier.
#[derive(Debug, Clone, PartialEq)]
pub struct RidgeLogistic {
    /// Mean and standard deviation of each column in the training rows.
    scaling: Vec<[f64; 2]>,
    /// Of the standardised columns.
    weights: Vec<f64>,
    intercept: f64,
}

impl RidgeLogistic {
    /// Fits the images `rows` of `columns` (a value an image each): minimises `|w|^2/2 + c sum log(1 + exp(-y z))`, the
    /// intercept not penalised, as scikit-learn's `StandardScaler` (divisor n; constant columns unscaled) and
    /// `LogisticRegression(C=c)` do, by Newton's method.
    ///
    /// # Errors
    /// When the iteration does not settle, as without rows of both kinds.
    pub fn fit(columns: &[Vec<f64>], rows: &[usize], positive: &[bool], c: f64) -> Result<Self, LeakError> {
        let scaling: Vec<[f64; 2]> = columns.iter().map(|column| scaling(column, rows)).collect();
        let p = columns.len();
        // The intercept is the last column.
        let entry = |i: usize, j: usize| if j == p { 1.0 } else { standardised(columns[j][rows[i]], scaling[j]) };
        let x = DMatrix::from_fn(rows.len(), p + 1, entry);
        let y = DVector::from_iterator(rows.len(), rows.iter().map(|row| f64::from(u8::from(positive[*row]))));
        let ridge = DVector::from_fn(p + 1, |j, _| if j == p { 0.0 } else { 1.0 / c });
        let objective = |w: &DVector<f64>| {
            let z = &x * w;
            let loss: f64 = z.iter().zip(y.iter()).map(|(z, y)| softplus(if *y > 0.5 { -z } else { *z })).sum();
            loss + w.component_mul(w).dot(&ridge) / 2.0
        };
        let mut w = DVector::zeros(p + 1);
        let mut value = objective(&w);
        for _ in 0..STEPS {
            let chance = (&x * &w).map(|z| 1.0 / (1.0 + (-z).exp()));
            let gradient = x.tr_mul(&(&chance - &y)) + w.component_mul(&ridge);
            if gradient.amax() <= 1e-9 * rows.len() as f64 {
                let weights = w.iter().take(p).copied().collect();
                return Ok(Self { scaling, weights, intercept: w[p] });
            }
            let mut weighted = x.clone();
            for (mut row, chance) in weighted.row_iter_mut().zip(chance.iter()) {
                row *= (chance * (1.0 - chance)).sqrt();
            }
            let hessian = weighted.tr_mul(&weighted) + DMatrix::from_diagonal(&ridge);
            let Some(step) = hessian.cholesky().map(|c| c.solve(&gradient)) else { break };
            let mut length = 1.0;
            let next = loop {
                let next = &w - &step * length;
                // Near the end a step gains less than rounding hides.
                if objective(&next) <= value * (1.0 + 1e-12) || length < 1e-10 {
                    break next;
                }
                length /= 2.0;
            };
            w = next;
            value = objective(&w);
        }
        Err(LeakError::NoConvergence { iterations: STEPS })
    }

    /// The logarithm of the odds that an image is positive.
    #[must_use]
    pub fn score(&self, columns: &[Vec<f64>], row: usize) -> f64 {
        let terms = columns.iter().zip(&self.scaling).zip(&self.weights);
        self.intercept + terms.map(|((column, scaling), w)| w * standardised(column[row], *scaling)).sum::<f64>()
    }

    /// The weight of each standardised column.
    #[must_use]
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }
}

fn standardised(value: f64, [mean, sd]: [f64; 2]) -> f64 {
    (value - mean) / sd
}

/// Mean and standard deviation; 1 for the latter where it is 0 but for rounding (scikit-learn's rule).
fn scaling(column: &[f64], rows: &[usize]) -> [f64; 2] {
    let n = rows.len().max(1) as f64;
    let mean = rows.iter().map(|row| column[*row]).sum::<f64>() / n;
    let variance = rows.iter().map(|row| (column[*row] - mean).powi(2)).sum::<f64>() / n;
    let rounding = n * f64::EPSILON * variance + (n * mean * f64::EPSILON).powi(2);
    [mean, if variance <= rounding { 1.0 } else { variance.sqrt() }]
}

/// `log(1 + exp(z))`.
fn softplus(z: f64) -> f64 {
    z.max(0.0) + (-z.abs()).exp().ln_1p()
}
