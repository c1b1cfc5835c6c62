//! Whether a synthetic image is faithful to its source, by a second model: where the first may have invented.
//!
//! - [`cycle`]: a model that makes the source again out of the synthetic image, and how far the two differ
//! - [`segmentation`]: structures of the source and of the synthetic image, and where they disagree
//! - here: which second models the manifest names, and what becomes of one that is missing or fails: a notice
//!
//! Sources: cycle consistency (Zhu 2017, arXiv 1703.10593) as a check of one image; distribution-matching losses add and
//! remove structures (Cohen 2018, arXiv 1805.08841).

mod cycle;
mod segmentation;

use std::sync::Arc;

use super::engine::{RunOptions, RunResult, run};
use super::errors::InferenceError;
use super::grid::real;
use super::manifest::schema::Faithfulness as Table;
use super::manifest::{self, Model, ModelError};
use super::result::{Faithfulness, Output, OutputContent};
use crate::error::Cancelled;
use crate::jobs::Control;
use crate::volume::resample::resample_onto;
use crate::volume::{Derivation, DisplayHints, Interpolation, Provenance, Rescale, Unit, Volume, Voxels};

/// What is held against what.
struct Pair<'a> {
    /// The model that made the synthetic image.
    model: &'a Model,
    /// The input that it was made of, by its name in the manifest.
    source_name: &'a str,
    source: Arc<Volume>,
    synthetic: Arc<Volume>,
    options: RunOptions,
    control: &'a Control,
}

/// Runs the second models of `[faithfulness]` on what was made, and puts what they say beside it. `inputs` are in the
/// manifest's order. What keeps one from being run is a notice; the result stays as it is.
///
/// # Errors
/// [`Cancelled`] alone.
pub(crate) fn check(
    model: &Model,
    inputs: &[Option<Arc<Volume>>],
    outputs: &mut [Output],
    options: &RunOptions,
    control: &Control,
    notes: &mut Vec<String>,
) -> Result<(), Cancelled> {
    let Some(table) = model.manifest.faithfulness.as_ref().filter(|_| !options.alone) else { return Ok(()) };
    let (Some((source_name, source)), Some(made)) = (source(model, inputs, table), synthetic(outputs, table)) else {
        notes.push("Nothing was held against its source: the image or the input of [faithfulness] is not there".into());
        return Ok(());
    };
    let OutputContent::Image(synthetic) = &outputs[made].content else { return Ok(()) };
    let options = RunOptions {
        provider: options.provider,
        samples: Some(1),
        tta: Some(false),
        seed: options.seed,
        probabilities: true,
        alone: true,
        ..RunOptions::default()
    };
    let pair = Pair { model, source_name, source, synthetic: synthetic.clone(), options, control };
    let mut found = Vec::new();
    let mut keep = |what: &str, result: Result<Faithfulness, InferenceError>| match result {
        Ok(one) => {
            found.push(one);
            Ok(())
        }
        Err(InferenceError::Cancelled(cancelled)) => Err(cancelled),
        Err(why) => {
            notes.push(format!("Faithfulness by {what} is not known: {why}"));
            Ok(())
        }
    };
    if let Some(name) = &table.cycle {
        keep("a cycle", cycle::check(&pair, name))?;
    }
    if let Some(names) = &table.segmentation {
        keep("segmentation", segmentation::check(&pair, names))?;
    }
    // A cancel that came while a second model failed is a cancel.
    control.checkpoint()?;
    outputs[made].faithfulness = found;
    Ok(())
}

fn source<'a>(model: &'a Model, inputs: &[Option<Arc<Volume>>], table: &Table) -> Option<(&'a str, Arc<Volume>)> {
    let wanted = |name: &str| table.source.as_ref().is_none_or(|s| s == name);
    let named = model.manifest.inputs.iter().zip(inputs).find(|(spec, _)| wanted(&spec.name))?;
    Some((named.0.name.as_str(), named.1.clone()?))
}

fn synthetic(outputs: &[Output], table: &Table) -> Option<usize> {
    let is_image = |o: &Output| o.kind == "image" && matches!(o.content, OutputContent::Image(_));
    outputs.iter().position(|o| is_image(o) && table.output.as_ref().is_none_or(|name| *name == o.name))
}

impl Pair<'_> {
    /// The second model of a name: a folder in the first one's folder or beside it, else one that is installed.
    fn second(&self, name: &str) -> Result<Model, ModelError> {
        let beside = self.model.folder.parent().map(|p| p.join(name));
        let near = std::iter::once(self.model.folder.join(name)).chain(beside);
        match near.into_iter().find(|folder| folder.join("manifest.toml").is_file()) {
            Some(folder) => Model::open(&folder),
            None => manifest::find(name),
        }
    }

    /// Runs a second model on one image, which goes into its first input.
    fn run(&self, second: &Model, image: &Arc<Volume>, what: &str) -> Result<RunResult, InferenceError> {
        self.control.stage(format!("{what}: {}", second.title()), 0);
        let name = second.manifest.inputs.first().map(|i| i.name.clone()).unwrap_or_default();
        run(second, &[(name, image.clone())], &self.options, self.control)
    }

    /// An image's real values on the synthetic image's grid; NaN outside and in padding.
    fn on_grid(&self, image: &Volume) -> Result<Vec<f32>, Cancelled> {
        let grid = &self.synthetic.geometry;
        let same = image.size() == grid.size() && image.geometry.distance_mm(grid) < 1e-3;
        if same {
            return Ok((0..grid.voxel_count()).map(|i| real(image, i).map_or(f32::NAN, |x| x as f32)).collect());
        }
        let resampled = resample_onto(image, grid, Interpolation::Linear, f32::NAN, self.control)?;
        Ok((0..grid.voxel_count()).map(|i| real(&resampled, i).map_or(f32::NAN, |x| x as f32)).collect())
    }

    /// A map over the synthetic image. It derives from the source and from what was made, so that it is as synthetic.
    fn map(&self, name: String, values: Vec<f32>, unit: Unit, seconds: &[&RunResult]) -> Arc<Volume> {
        let by = seconds.iter().map(|r| r.model.as_str()).collect::<Vec<_>>().join(" and ");
        let derivation = Derivation {
            description: format!("{name}, by {by}"),
            model: seconds.first().map(|r| r.model.clone()),
            weights_sha256: seconds.first().map(|r| r.weights_sha256.clone()),
            provider: seconds.first().map(|r| r.provider.clone()),
            time: Some(crate::provenance::now()),
            ..Derivation::default()
        };
        let parents = [&self.source.provenance, &self.synthetic.provenance];
        Arc::new(Volume {
            voxels: Voxels::from(values),
            rescale: Rescale::IDENTITY,
            padding: None,
            unit,
            display: DisplayHints::default(),
            provenance: Provenance::derived(&parents, derivation),
            name,
            ..(*self.synthetic).clone()
        })
    }
}

/// Mean, 95th percentile (linear between ranks) and highest of the numbers in a map; `None` where there are none.
fn summary(values: &[f32]) -> Option<[f64; 3]> {
    let mut there: Vec<f32> = values.iter().copied().filter(|x| x.is_finite()).collect();
    if there.is_empty() {
        return None;
    }
    there.sort_unstable_by(f32::total_cmp);
    let last = there.len() - 1;
    let place = 0.95 * last as f64;
    let (low, high) = (f64::from(there[place as usize]), f64::from(there[(place as usize + 1).min(last)]));
    let mean = there.iter().copied().map(f64::from).sum::<f64>() / there.len() as f64;
    Some([mean, low + (high - low) * place.fract(), f64::from(there[last])])
}

fn graphs(seconds: &[&RunResult]) -> Vec<(String, String)> {
    let of = |r: &&RunResult| {
        let model = r.model.clone();
        r.graphs.iter().map(move |(role, hash)| (format!("{model}/{role}"), hash.clone())).collect::<Vec<_>>()
    };
    let mut all: Vec<(String, String)> = seconds.iter().flat_map(of).collect();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "helpers of tests")]
    use super::*;

    /// Expected: numpy.mean, numpy.percentile(…, 95), numpy.max of 0..=20.
    #[test]
    fn a_map_is_summed_up_as_numpy_does() {
        let values: Vec<f32> = (0..=20_u8).rev().map(f32::from).chain([f32::NAN]).collect();
        assert_eq!(summary(&values), Some([10.0, 19.0, 20.0]));
        assert_eq!(summary(&[f32::NAN]), None);
    }
}
