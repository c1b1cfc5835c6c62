//! The files that `[guard]` names, read and checked. One that cannot be read is an error: a guard must not pass
//! silently.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::embedding::Embedding;
use crate::inference::manifest::schema::{GuardEmbedding, GuardHistogram};
use crate::inference::manifest::{Model, ModelError, path_inside};
use crate::io::npz;

/// `guard.json`: the training data's intensities, normalised as the model's input is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HistogramFile {
    /// Number of bins.
    pub bins: usize,
    /// Their edges, one more than bins, rising.
    pub edges: Vec<f64>,
    /// Mean share of the voxels in each bin; the sum is 1.
    pub mean: Vec<f64>,
    /// The largest [`super::histogram::wasserstein`] distance that is still like the training data.
    pub max_distance: f64,
    /// Only voxels of the [`super::histogram::foreground`] count, with this share; absent: all voxels do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub foreground: Option<f64>,
    /// Percentiles that the training cases had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantiles: Option<Quantiles>,
}

/// The range of some percentiles over the training cases.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Quantiles {
    /// 0 to 100.
    pub levels: Vec<f64>,
    /// The lowest of the cases.
    pub low: Vec<f64>,
    /// The highest of the cases.
    pub high: Vec<f64>,
}

impl HistogramFile {
    /// What is wrong with its numbers.
    fn problem(&self, bins: usize) -> Option<String> {
        let rises = self.edges.windows(2).all(|w| w[0] < w[1]) && self.edges.iter().all(|e| e.is_finite());
        if self.bins != bins {
            return Some(format!("it has {} bins, the manifest says {bins} (guard.intensity_histogram)", self.bins));
        }
        if self.bins == 0 || self.edges.len() != self.bins + 1 || self.mean.len() != self.bins || !rises {
            return Some(format!("expected {bins} shares in `mean` and {} rising `edges`", bins + 1));
        }
        if self.mean.iter().any(|m| !(0.0..=1.0).contains(m)) || (self.mean.iter().sum::<f64>() - 1.0).abs() > 1e-3 {
            return Some("`mean` must hold shares that add up to 1".into());
        }
        if self.foreground.is_some_and(|share| !(0.0..1.0).contains(&share)) {
            return Some("`foreground` must lie between 0 and 1".into());
        }
        if !(self.max_distance.is_finite() && self.max_distance > 0.0) {
            return Some("`max_distance` must be above 0".into());
        }
        let lengths = self.quantiles.as_ref().map(|q| [q.levels.len(), q.low.len(), q.high.len()]);
        lengths.filter(|[a, b, c]| a != b || b != c).map(|_| "`quantiles` must hold three lists of one length".into())
    }
}

fn invalid(path: &Path, problem: String) -> ModelError {
    ModelError::Invalid { path: path.to_owned(), problem }
}

pub(super) fn histogram(model: &Model, spec: &GuardHistogram) -> Result<HistogramFile, ModelError> {
    let path = path_inside(model, &spec.file)?;
    let text = std::fs::read_to_string(&path).map_err(|source| ModelError::File { path: path.clone(), source })?;
    let file: HistogramFile =
        serde_json::from_str(&text).map_err(|e| invalid(&path, format!("is no guard histogram: {e}")))?;
    file.problem(spec.bins).map_or(Ok(file), |problem| Err(invalid(&path, problem)))
}

pub(super) fn embedding(model: &Model, spec: &GuardEmbedding) -> Result<(PathBuf, Embedding), ModelError> {
    let path = path_inside(model, &spec.mean_cov)?;
    let arrays = npz::read(&path).map_err(|e| invalid(&path, format!("is no archive of arrays: {e}")))?;
    let of = |name: &str| arrays.get(name).map(|a| a.values.as_slice());
    let (Some(mean), Some(cov)) = (of("mean"), of("cov")) else {
        let found = arrays.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        return Err(invalid(&path, format!("expected the arrays `mean` and `cov`, found {found}")));
    };
    let shrinkage = of("shrinkage").and_then(|s| s.first().copied()).unwrap_or(0.0);
    let found = Embedding::new(mean, cov, shrinkage).map_err(|e| invalid(&path, e))?;
    Ok((path, found))
}

/// Reads every file that the manifest's guard names.
///
/// # Errors
/// Names the file that is missing, leads outside the folder, or does not hold what it should.
pub(crate) fn verify(model: &Model) -> Result<(), ModelError> {
    let Some(guard) = &model.manifest.guard else { return Ok(()) };
    if let Some(spec) = &guard.intensity_histogram {
        histogram(model, spec)?;
    }
    if let Some(spec) = &guard.embedding {
        embedding(model, spec)?;
    }
    Ok(())
}
