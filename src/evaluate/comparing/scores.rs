//! A map of scores (a probability, an anomaly) against the voxels of a label: does a higher score mean the label?

use super::{ComparingError, note_on_reference};
use crate::jobs::Control;
use crate::metrics::one_grid::{labels_on, values_on};
use crate::metrics::{BestDice, Ranking, Undefined};
use crate::volume::{Interpolation, Labelmap, Volume};

/// How scores are judged.
#[derive(Debug, Clone, Copy, Default)]
pub struct ScoreOptions<'a> {
    /// The label that is to be found; `None`: all but 0 together.
    pub label: Option<u16>,
    /// Only voxels of this map's labels but 0 count.
    pub mask: Option<&'a Labelmap>,
    /// Brings scores and mask onto the reference's grid where they have another.
    pub resample: bool,
}

/// Scores judged.
#[derive(Debug, Clone)]
pub struct ComparedScores {
    /// Voxels that count.
    pub n: u64,
    /// Those of the label.
    pub positives: u64,
    /// Area under the ROC curve.
    pub auc: Result<f64, Undefined>,
    /// Area under the precision-recall curve, as average precision; chance is the label's share.
    pub auprc: Result<f64, Undefined>,
    /// The threshold at which Dice is greatest. It is chosen with the reference, so its Dice flatters the map.
    pub best_dice: Result<BestDice, Undefined>,
    /// What is to be found.
    pub target: String,
    /// What a person has to know.
    pub notes: Vec<String>,
}

/// Judges `scores` against `reference`, on the reference's grid, voxel by voxel.
///
/// # Errors
/// When the grids differ and resampling was not asked for, the map is in colour, no voxel is left, or the person stops.
pub fn compare_scores(
    reference: &Labelmap,
    scores: &Volume,
    options: &ScoreOptions<'_>,
    control: &Control,
) -> Result<ComparedScores, ComparingError> {
    let grid = &reference.geometry;
    let mut notes: Vec<String> = note_on_reference(&reference.provenance).into_iter().collect();
    control.stage("Bringing both onto one grid", 0);
    let found = values_on(scores, grid, options.resample.then_some(Interpolation::Linear), "the map", control)?;
    notes.extend(found.note);
    let mask = options.mask.map(|mask| labels_on(mask, grid, options.resample, "the mask")).transpose()?;
    let within = |index: usize| mask.as_ref().is_none_or(|m| m.values[index] > 0);
    let is_target = |label: u16| options.label.map_or(label > 0, |wanted| label == wanted);
    let wanted = (0..found.values.len()).filter(|index| within(*index)).count();
    let (kept, truths): (Vec<f32>, Vec<bool>) = (found.values.iter().zip(reference.voxels.iter()).enumerate())
        .filter(|(index, (score, _))| within(*index) && score.is_finite())
        .map(|(_, (score, label))| (*score, is_target(*label)))
        .unzip();
    if kept.len() < wanted {
        notes.push(format!("{} of {wanted} voxels have no score: they are left out", wanted - kept.len()));
    }
    if let Some(note) = mask.and_then(|m| m.note) {
        notes.push(note);
    }
    control.checkpoint()?;
    control.stage("Ranking the voxels", 0);
    let ranking = Ranking::new(&kept, &truths)?;
    control.checkpoint()?;
    let target = match options.label {
        Some(label) => reference.label(label).map_or_else(|| format!("Label {label}"), |l| l.name.clone()),
        None => "All labels".to_owned(),
    };
    Ok(ComparedScores {
        n: kept.len() as u64,
        positives: truths.iter().filter(|t| **t).count() as u64,
        auc: ranking.roc_auc(),
        auprc: ranking.average_precision(),
        best_dice: ranking.best_dice(),
        target,
        notes,
    })
}
