//! One of the manifest's `[[checks]]`: an input through the engine, its output against the one that is shipped.

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use crate::inference::InferenceError;
use crate::inference::engine::{self, Output, OutputContent, Provider, RunOptions};
use crate::inference::manifest::Model;
use crate::inference::manifest::schema::Check;
use crate::io::formats::open_file;
use crate::jobs::Control;
use crate::volume::Volume;

/// Grids further apart than this are not the same, mm.
const SAME_GRID_MM: f64 = 1e-3;

/// How one check ended.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ReferenceReport {
    /// The input's file, relative to the model.
    pub input: String,
    /// The file with the expected output.
    pub expected: String,
    /// The output that was compared.
    pub output: String,
    /// Largest absolute difference of two voxels.
    pub max_abs_difference: Option<f64>,
    /// What the manifest allows.
    pub allowed: f64,
    /// Of label maps: the share of voxels that differ.
    pub differing_share: Option<f64>,
    /// What the manifest allows of it.
    pub allowed_share: Option<f64>,
    /// Of label maps: overlap of each label.
    pub dice: Vec<LabelDice>,
    /// Why nothing could be compared.
    pub reason: Option<String>,
    /// Whether the difference is allowed.
    pub passed: bool,
}

/// Overlap of one label.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LabelDice {
    /// The label.
    pub value: u16,
    /// `2 |A ∩ B| / (|A| + |B|)`.
    pub dice: f64,
}

impl ReferenceReport {
    /// As a person reads it.
    #[must_use]
    pub fn sentence(&self) -> String {
        if let Some(reason) = &self.reason {
            return format!("{}: {reason}", self.input);
        }
        let largest = self.max_abs_difference.unwrap_or(f64::NAN);
        let mut text = format!(
            "{}: {} differs from {} by at most {largest:.3e} ({} allowed)",
            self.input, self.output, self.expected, self.allowed
        );
        if let Some(share) = self.differing_share {
            let dice: Vec<String> = self.dice.iter().map(|d| format!("label {} {:.4}", d.value, d.dice)).collect();
            let allowed =
                self.allowed_share.map(|most| format!(" ({:.4} % allowed)", most * 100.0)).unwrap_or_default();
            text += &format!("; {:.4} % of the voxels differ{allowed}, Dice {}", share * 100.0, dice.join(", "));
        }
        text
    }
}

/// Runs one check on the processor.
///
/// # Errors
/// Only [`InferenceError::Cancelled`]; all else is in the report.
pub(super) fn run(model: &Model, check: &Check, control: &Control) -> Result<ReferenceReport, InferenceError> {
    let mut report = ReferenceReport {
        input: check.title(),
        expected: check.output.clone(),
        allowed: check.max_abs_difference,
        allowed_share: check.max_differing_share,
        ..ReferenceReport::default()
    };
    let load = |relative: &str| -> Result<Arc<Volume>, String> {
        let path = model.folder.join(relative);
        let said = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
        let study = open_file(&path, control).map_err(|e| said(&e))?.ok_or_else(|| said(&"is no image"))?;
        let series = study.series.first().ok_or_else(|| said(&"holds no image"))?;
        Ok(Arc::new(series.load(0, control).map_err(|e| said(&e))?))
    };
    let given = |(name, file): (String, String)| Ok((name, load(&file)?));
    let inputs = check.files().into_iter().map(given).collect::<Result<Vec<_>, String>>();
    let (inputs, expected) = match inputs.and_then(|i| Ok((i, load(&check.output)?))) {
        Ok(both) => both,
        Err(reason) => {
            control.checkpoint()?;
            return Ok(ReferenceReport { reason: Some(reason), ..report });
        }
    };
    let options = RunOptions { provider: Provider::Cpu, alone: true, ..RunOptions::default() };
    let result = match engine::run(model, &inputs, &options, control) {
        Ok(result) => result,
        Err(cancelled @ InferenceError::Cancelled(_)) => return Err(cancelled),
        Err(e) => return Ok(ReferenceReport { reason: Some(e.to_string()), ..report }),
    };
    let stem = Path::new(&check.output).file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = stem.split('.').next().unwrap_or_default();
    // The file is named as its output where a model has several.
    let Some(output) = result.outputs.iter().find(|o| o.name == stem).or(result.outputs.first()) else {
        return Ok(ReferenceReport { reason: Some("the model gave no output".into()), ..report });
    };
    report.output.clone_from(&output.name);
    match compare(output, &expected) {
        Ok(found) => {
            report.max_abs_difference = Some(found.largest);
            report.differing_share = found.share;
            report.dice = found.dice;
            let few = found.share.zip(check.max_differing_share).is_some_and(|(share, most)| share <= most);
            report.passed = found.largest <= check.max_abs_difference || few;
        }
        Err(reason) => report.reason = Some(reason),
    }
    Ok(report)
}

struct Differences {
    largest: f64,
    share: Option<f64>,
    dice: Vec<LabelDice>,
}

fn compare(output: &Output, expected: &Volume) -> Result<Differences, String> {
    let right = |n: usize| expected.voxels.get(n).map_or(f64::NAN, |v| expected.rescale.apply(v));
    let grid = match &output.content {
        OutputContent::Image(volume) => &volume.geometry,
        OutputContent::Labels(labels) => &labels.geometry,
        OutputContent::Classes(_) => return Err("classes cannot be compared with an image".into()),
    };
    if grid.size() != expected.geometry.size() || grid.distance_mm(&expected.geometry) > SAME_GRID_MM {
        return Err(format!(
            "the expected output has {:?} voxels on another grid than the result's {:?}",
            expected.geometry.size(),
            grid.size()
        ));
    }
    let largest = |pairs: &mut dyn Iterator<Item = (f64, f64)>| {
        pairs.fold(0.0_f64, |most, (a, b)| match (a.is_nan(), b.is_nan()) {
            (true, true) => most,
            (false, false) => most.max((a - b).abs()),
            _ => f64::INFINITY,
        })
    };
    Ok(match &output.content {
        OutputContent::Image(volume) => {
            let found = |n: usize| volume.voxels.get(n).map_or(f64::NAN, |v| volume.rescale.apply(v));
            let largest = largest(&mut (0..volume.voxels.len()).map(|n| (found(n), right(n))));
            Differences { largest, share: None, dice: Vec::new() }
        }
        OutputContent::Labels(labels) => {
            let voxels = &labels.voxels;
            let pairs = || voxels.iter().enumerate().map(|(n, v)| (f64::from(*v), right(n)));
            let differing = pairs().filter(|(a, b)| a != b).count();
            let mut values: Vec<u16> = labels.labels.iter().map(|l| l.value).filter(|v| *v != 0).collect();
            values.sort_unstable();
            values.dedup();
            let dice = values.into_iter().filter_map(|value| {
                let is = |x: f64| x == f64::from(value);
                let (both, sum) = pairs().fold((0_u64, 0_u64), |(both, sum), (a, b)| {
                    (both + u64::from(is(a) && is(b)), sum + u64::from(is(a)) + u64::from(is(b)))
                });
                (sum > 0).then(|| LabelDice { value, dice: 2.0 * both as f64 / sum as f64 })
            });
            Differences {
                dice: dice.collect(),
                share: Some(differing as f64 / voxels.len().max(1) as f64),
                largest: largest(&mut pairs()),
            }
        }
        OutputContent::Classes(_) => Differences { largest: f64::NAN, share: None, dice: Vec::new() },
    })
}
