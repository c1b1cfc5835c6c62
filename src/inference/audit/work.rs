//! The audit of a model: [`audit`].
//!
//! A model that makes images out of nothing is asked for some: are they nearer to the training images than to images that it
//! never saw (memorisation), and does the distance to what it makes tell a training image from another one (membership)? A
//! model that answers an image is asked about both sets: does its error, or its own map of what is unusual, tell them apart?

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::features::{Extractor, set};
use super::images::{self, Found};
use crate::error::Cancelled;
use crate::inference::InferenceError;
use crate::inference::calibrate::{CalibrationError, cases};
use crate::inference::engine::{self, Output, OutputContent, RunOptions};
use crate::inference::manifest::Model;
use crate::inference::manifest::schema::Task;
use crate::inference::provider::Provider;
use crate::io::{IoError, labels};
use crate::jobs::Control;
use crate::metrics::sets::{
    Coverage, FrechetDistance, Membership, MembershipScores, Memorisation, MemorisationOptions, ReferenceSet, SetError,
    frechet_distance, kernel_distance, membership::MembersScore,
};
use crate::volume::{Interpolation, Volume, resample::resample_onto};

/// How a model is audited.
#[derive(Debug)]
pub struct AuditOptions {
    /// Images that a generative model is asked for.
    pub samples: usize,
    /// A model whose output is numbers for the whole image; `None`: means over a coarse grid.
    pub encoder: Option<Model>,
    /// Seed of the first image and of the tests.
    pub seed: u64,
    /// Where networks run.
    pub provider: Provider,
    /// One minus the confidence of intervals.
    pub alpha: f64,
}

impl Default for AuditOptions {
    fn default() -> Self {
        Self { samples: 64, encoder: None, seed: 0, provider: Provider::default(), alpha: 0.05 }
    }
}

/// Why a model could not be audited.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// A model could not be run.
    #[error(transparent)]
    Inference(#[from] InferenceError),
    /// A file could not be read.
    #[error(transparent)]
    Io(#[from] IoError),
    /// The cases of a folder could not be read.
    #[error(transparent)]
    Cases(#[from] CalibrationError),
    /// The sets give no number.
    #[error(transparent)]
    Sets(#[from] SetError),
    /// Too few images.
    #[error("{}: expected at least {needed} images that can be read, found {found}{}", folder.display(), hint(left_out))]
    TooFew {
        /// The folder.
        folder: PathBuf,
        /// The least that is needed.
        needed: usize,
        /// How many there are.
        found: usize,
        /// What was passed over.
        left_out: Vec<String>,
    },
    /// The encoder gives no numbers for the whole image.
    #[error(
        "{model} cannot serve as an encoder: its manifest needs an output of kind `features`, or of `logits` or `probabilities` with \
         labels and one number each for the whole image"
    )]
    NoFeatures {
        /// Which model.
        model: String,
    },
    /// The model made no image.
    #[error("{model} made no image that could be held against others")]
    NoImage {
        /// Which model.
        model: String,
    },
    /// The model answers an image in a way that has no error.
    #[error(
        "{model} cannot be audited without the truth of each case: expected CASE/NAME.nii.gz with an output's name in the folders"
    )]
    NoTruth {
        /// Which model.
        model: String,
    },
    /// The person asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

fn hint(left_out: &[String]) -> String {
    left_out.first().map(|first| format!(" (passed over: {first})")).unwrap_or_default()
}

/// By what a membership inference goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Attack {
    /// Distance to the nearest generated image.
    NearestGenerated,
    /// Mean absolute error against the truth over the truth's standard deviation, or one minus the mean Dice.
    Error,
    /// Mean of the model's own anomaly map.
    Anomaly,
}

/// What was found.
#[derive(Debug, Clone, Serialize)]
pub struct AuditReport {
    /// Name and version of the model.
    pub model: String,
    /// SHA-256 of its weights.
    pub weights_sha256: String,
    /// Training images, in the order of `training`'s indices.
    pub training_images: Vec<PathBuf>,
    /// Images that it never saw.
    pub holdout_images: Vec<PathBuf>,
    /// How many images it made; 0 where it answers images.
    pub generated: usize,
    /// What made numbers of images; `None` where the attack goes by the model's answer.
    pub features: Option<String>,
    /// Whether what it makes repeats training images.
    pub memorisation: Option<Memorisation>,
    /// By what the membership inference goes.
    pub attack: Attack,
    /// Whether a training image can be told from another one.
    pub membership: Membership,
    /// Distance of the generated images from the hold-out images, on the same features.
    pub frechet: Option<FrechetDistance>,
    /// Squared kernel distance, unbiased, of the same.
    pub kernel: Option<f64>,
    /// Precision, recall, density and coverage of the same.
    pub coverage: Option<Coverage>,
    /// What the person must know.
    pub warnings: Vec<String>,
}

/// Audits a model on images that it was trained on and images from the same source that it never saw.
///
/// For a model without inputs both folders hold images; for others, labelled cases as `veritome calibrate` takes them, or
/// plain images where the model has an anomaly map.
///
/// # Errors
/// What is missing and what to do.
pub fn audit(
    model: &Model,
    training: &Path,
    holdout: &Path,
    options: AuditOptions,
    control: &Control,
) -> Result<AuditReport, AuditError> {
    if model.manifest.inputs.iter().all(|i| i.optional) {
        audit_sampler(model, training, holdout, options, control)
    } else {
        audit_answers(model, training, holdout, &options, control)
    }
}

/// Nearest neighbours that precision, recall, density and coverage go by (Naeem et al. 2020: 5).
pub(super) const NEIGHBOURS: usize = 5;

fn audit_sampler(
    model: &Model,
    training: &Path,
    holdout: &Path,
    options: AuditOptions,
    control: &Control,
) -> Result<AuditReport, AuditError> {
    let mut warnings = Vec::new();
    let extractor = match options.encoder {
        Some(encoder) => Extractor::encoder(encoder, options.provider)?,
        None => Extractor::Thumbprint,
    };
    extractor.check(training, control)?;
    let mut made = Vec::new();
    let mut weights_sha256 = String::new();
    control.stage("Making images", options.samples as u64);
    let mut picture = false;
    for n in 0..options.samples {
        control.checkpoint()?;
        let run = RunOptions {
            provider: options.provider,
            samples: Some(1),
            seed: options.seed.wrapping_add(n as u64),
            ..RunOptions::default()
        };
        let result = engine::run(model, &[], &run, &control.child())?;
        weights_sha256 = result.weights_sha256;
        let image = result.outputs.iter().find_map(|o| match &o.content {
            OutputContent::Image(volume) => Some(volume.clone()),
            _ => None,
        });
        let image = image.ok_or_else(|| AuditError::NoImage { model: model.title() })?;
        picture = image.size()[2] == 1;
        made.push(extractor.row(&image, picture, &control.child())?);
        control.advance(1);
    }
    let (training_images, training_rows) = rows(training, &extractor, picture, &mut warnings, control)?;
    let (holdout_images, holdout_rows) = rows(holdout, &extractor, picture, &mut warnings, control)?;
    let (generated, seen, unseen) = (set(&made)?, set(&training_rows)?, set(&holdout_rows)?);
    control.stage("Comparing", 0);
    let asked = MemorisationOptions {
        neighbours: NEIGHBOURS.min(seen.len()),
        alpha: options.alpha,
        seed: options.seed,
        ..MemorisationOptions::default()
    };
    let reference = |features| ReferenceSet { features, patients: None };
    let memorisation = Memorisation::new(&generated, &reference(&seen), &reference(&unseen), &asked)?;
    if memorisation.least_p > asked.level {
        warnings.push(format!(
            "With {} hold-out images nothing can be called suspicious at the level {}; give at least {}",
            unseen.len(),
            asked.level,
            (1.0 / asked.level).ceil()
        ));
    }
    if memorisation.holdout_copies > 0 {
        let n = memorisation.holdout_copies;
        warnings.push(format!("{n} of the hold-out images are in the training set too, so they are not unseen"));
    }
    let nearest = |rows: &[Vec<f64>]| rows.iter().map(|row| nearest_distance(row, &made)).collect::<Vec<f64>>();
    let scores = MembershipScores::new(&nearest(&training_rows), &nearest(&holdout_rows), MembersScore::Lower)?;
    let enough = generated.len() > NEIGHBOURS && unseen.len() > NEIGHBOURS;
    Ok(AuditReport {
        model: model.title(),
        weights_sha256,
        training_images,
        holdout_images,
        generated: made.len(),
        features: Some(extractor.name()),
        memorisation: Some(memorisation),
        attack: Attack::NearestGenerated,
        membership: scores.measure(options.alpha)?,
        frechet: Some(frechet_distance(&unseen, &generated)?),
        kernel: Some(kernel_distance(&unseen, &generated)?),
        coverage: if enough { Some(Coverage::new(&unseen, &generated, NEIGHBOURS)?) } else { None },
        warnings,
    })
}

fn nearest_distance(row: &[f64], others: &[Vec<f64>]) -> f64 {
    let squared = |other: &Vec<f64>| row.iter().zip(other).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
    others.iter().map(squared).fold(f64::INFINITY, f64::min).sqrt()
}

/// The images of a folder as rows of numbers; at most one image is in memory at a time.
pub(super) fn rows(
    folder: &Path,
    extractor: &Extractor,
    picture: bool,
    warnings: &mut Vec<String>,
    control: &Control,
) -> Result<(Vec<PathBuf>, Vec<Vec<f64>>), AuditError> {
    let paths = images::paths(folder)?;
    control.stage(format!("Reading {}", folder.display()), paths.len() as u64);
    let (mut names, mut rows, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
    for path in paths {
        control.checkpoint()?;
        for Found { path, volume } in images::read(&path, &mut left_out, &control.child())? {
            rows.push(extractor.row(&volume, picture, &control.child())?);
            names.push(path);
        }
        control.advance(1);
    }
    enough(folder, names.len(), &left_out)?;
    warnings.extend(left_out);
    Ok((names, rows))
}

fn enough(folder: &Path, found: usize, left_out: &[String]) -> Result<(), AuditError> {
    const NEEDED: usize = 2;
    if found >= NEEDED {
        return Ok(());
    }
    Err(AuditError::TooFew { folder: folder.to_owned(), needed: NEEDED, found, left_out: left_out.to_vec() })
}

fn audit_answers(
    model: &Model,
    training: &Path,
    holdout: &Path,
    options: &AuditOptions,
    control: &Control,
) -> Result<AuditReport, AuditError> {
    let mut warnings = Vec::new();
    let attack = if model.manifest.task == Task::Anomaly { Attack::Anomaly } else { Attack::Error };
    let mut weights_sha256 = String::new();
    let mut scored = |folder: &Path| -> Result<(Vec<PathBuf>, Vec<f64>), AuditError> {
        let asked = questions(model, folder, attack, &mut warnings)?;
        control.stage(format!("Running {} on {}", model.title(), folder.display()), asked.len() as u64);
        let (mut names, mut scores) = (Vec::new(), Vec::new());
        for question in asked {
            control.checkpoint()?;
            let mut inputs = Vec::new();
            for (name, path) in &question.inputs {
                inputs.push((name.clone(), cases::load(path, &control.child())?));
            }
            let run = RunOptions { provider: options.provider, seed: options.seed, ..RunOptions::default() };
            let result = engine::run(model, &inputs, &run, &control.child())?;
            weights_sha256.clone_from(&result.weights_sha256);
            scores.push(score(model, &result.outputs, &question.truths, attack, &control.child())?);
            names.push(question.path);
            control.advance(1);
        }
        enough(folder, names.len(), &[])?;
        Ok((names, scores))
    };
    let (training_images, members) = scored(training)?;
    let (holdout_images, others) = scored(holdout)?;
    let membership = MembershipScores::new(&members, &others, MembersScore::Lower)?.measure(options.alpha)?;
    Ok(AuditReport {
        model: model.title(),
        weights_sha256,
        training_images,
        holdout_images,
        generated: 0,
        features: None,
        memorisation: None,
        attack,
        membership,
        frechet: None,
        kernel: None,
        coverage: None,
        warnings,
    })
}

/// One case that the model answers.
struct Question {
    path: PathBuf,
    inputs: Vec<(String, PathBuf)>,
    truths: Vec<(String, PathBuf)>,
}

fn questions(
    model: &Model,
    folder: &Path,
    attack: Attack,
    warnings: &mut Vec<String>,
) -> Result<Vec<Question>, AuditError> {
    match cases::find(model, folder, true) {
        Ok((cases, left_out)) => {
            if attack == Attack::Error {
                warnings.extend(left_out);
            }
            let question = |case: cases::Case| Question {
                path: folder.join(&case.name),
                inputs: case.inputs.into_iter().collect(),
                truths: case.truths.into_iter().collect(),
            };
            Ok(cases.into_iter().map(question).collect())
        }
        // Its own map needs no truth: every image is a case.
        Err(CalibrationError::NoCases { .. }) if attack == Attack::Anomaly => {
            let one =
                |path: PathBuf| Question { inputs: vec![(String::new(), path.clone())], path, truths: Vec::new() };
            Ok(images::paths(folder)?.into_iter().map(one).collect())
        }
        Err(CalibrationError::NoCases { .. }) => Err(AuditError::NoTruth { model: model.title() }),
        Err(error) => Err(error.into()),
    }
}

/// The lower, the better the model knows the image.
fn score(
    model: &Model,
    outputs: &[Output],
    truths: &[(String, PathBuf)],
    attack: Attack,
    control: &Control,
) -> Result<f64, AuditError> {
    if attack == Attack::Anomaly {
        let map = outputs.iter().find(|o| o.kind == "anomaly" || o.name.ends_with("_anomaly"));
        let Some(OutputContent::Image(map)) = map.map(|o| &o.content) else {
            return Err(AuditError::NoImage { model: model.title() });
        };
        return Ok(mean(real_values(map)));
    }
    let mut errors = Vec::new();
    for (name, path) in truths {
        let Some(output) = outputs.iter().find(|o| o.name == *name) else { continue };
        match &output.content {
            OutputContent::Image(made) => {
                let truth = cases::load(path, control)?;
                let truth = resample_onto(&truth, &made.geometry, Interpolation::Linear, f32::NAN, control)?;
                errors.extend(relative_error(made, &truth));
            }
            OutputContent::Labels(made) => {
                let truth = labels::read_labelmap(path, control)?;
                errors.extend(one_minus_dice(&made.voxels, &truth.voxels));
            }
            OutputContent::Classes(_) => {}
        }
    }
    if errors.is_empty() {
        return Err(AuditError::NoTruth { model: model.title() });
    }
    Ok(mean(errors.into_iter()))
}

fn real_values(volume: &Volume) -> impl Iterator<Item = f64> + '_ {
    let stored = (0..volume.voxels.len()).filter_map(|i| volume.voxels.get(i));
    stored.map(|s| volume.rescale.apply(s)).filter(|x| x.is_finite())
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, n) = values.fold((0.0, 0_u64), |(sum, n), x| (sum + x, n + 1));
    sum / n.max(1) as f64
}

/// Mean absolute error over the truth's standard deviation, where both are numbers.
fn relative_error(made: &Volume, truth: &Volume) -> Option<f64> {
    let real = |v: &Volume, i: usize| v.voxels.get(i).map(|s| v.rescale.apply(s)).filter(|x| x.is_finite());
    let pairs = || (0..made.voxels.len()).filter_map(|i| Some((real(made, i)?, real(truth, i)?)));
    let truth_mean = mean(pairs().map(|(_, t)| t));
    let sd = mean(pairs().map(|(_, t)| (t - truth_mean).powi(2))).sqrt();
    (sd > 0.0).then(|| mean(pairs().map(|(m, t)| (m - t).abs())) / sd)
}

/// One minus the mean Dice of the labels that either holds, background left out; `None` where grids differ.
fn one_minus_dice(made: &Arc<Vec<u16>>, truth: &Arc<Vec<u16>>) -> Option<f64> {
    if made.len() != truth.len() {
        return None;
    }
    let mut counts = std::collections::BTreeMap::<u16, [u64; 3]>::new();
    for (m, t) in made.iter().zip(truth.iter()) {
        if *m > 0 {
            counts.entry(*m).or_default()[0] += 1;
        }
        if *t > 0 {
            counts.entry(*t).or_default()[1] += 1;
        }
        if m == t && *m > 0 {
            counts.entry(*m).or_default()[2] += 1;
        }
    }
    let dice = |[m, t, both]: &[u64; 3]| 2.0 * *both as f64 / (m + t) as f64;
    (!counts.is_empty()).then(|| 1.0 - mean(counts.values().map(dice)))
}
