//! One number of a step: [`Number`].

use std::sync::Arc;

use serde::Serialize;

use super::format::{Measure, What};
use super::names::Names;
use crate::inference::engine::StructureVolume;
use crate::jobs::Control;
use crate::metrics::one_grid::{labels_on, values_on};
use crate::metrics::{DataRange, ImagePair, LabelPair, PairError, Ranking, SsimOptions, ssim};
use crate::render::scene::Content;
use crate::report::numbers::significant;
use crate::volume::{Geometry, Interpolation, Labelmap, Unit, Volume};

/// A number as a person reads it, or why there is none.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Number {
    /// What it is.
    pub title: String,
    /// How it was measured, as the file names it.
    pub what: String,
    /// The number; `None` for a verdict, and where there is none.
    pub value: Option<f64>,
    /// Its unit; may be empty.
    pub unit: String,
    /// What a person reads: the number, the verdict, or why there is none.
    pub words: String,
}

/// Measures. What keeps it from being measured stands in the number's words.
#[must_use]
pub fn measure(asked: &Measure, names: &Names, control: &Control) -> Number {
    let title = asked.title.clone().unwrap_or_else(|| asked.what.title().to_owned());
    let none = |words| Number {
        title: title.clone(),
        what: asked.what.name().to_owned(),
        value: None,
        unit: String::new(),
        words,
    };
    if asked.what == What::Guard {
        return none(match names.run(&asked.of) {
            Ok(ran) => ran.result.guard.as_ref().map_or_else(
                || {
                    format!(
                        "{} has no guard: it cannot say whether this input is like its training data",
                        ran.result.model
                    )
                },
                crate::inference::guard::Verdict::sentence,
            ),
            Err(why) => format!("Not measured: {why}"),
        });
    }
    match value(asked, names, control) {
        Ok((value, unit, more)) => {
            let words = format!("{} {unit}", significant(value, 3)).trim_end().to_owned() + &more;
            Number { title, what: asked.what.name().to_owned(), value: Some(value), unit, words }
        }
        Err(why) => none(format!("Not measured: {why}")),
    }
}

/// Why two images are not compared: their values are in different units.
pub(super) fn different_units(asked: &Measure, names: &Names) -> Option<String> {
    let truth = asked.truth.as_deref().filter(|_| asked.what.compares_images())?;
    let (against, test) = (names.image(truth).ok()?, names.image(&asked.of).ok()?);
    (against.unit != test.unit).then(|| {
        let [of, held_against] = [&test, &against].map(|image| image.unit.in_words());
        format!(
            "`{}` is {of} and its truth `{truth}` is {held_against}, and there is no difference between values of different \
             units. Name a truth that is {of}, or take this measure out of the tour",
            asked.of
        )
    })
}

/// The value, its unit, and what stands behind it.
fn value(asked: &Measure, names: &Names, control: &Control) -> Result<(f64, String, String), String> {
    let plain = |value: f64| Ok((value, String::new(), String::new()));
    let truth = asked.truth.as_deref().unwrap_or_default();
    match asked.what {
        What::Dice => plain(dice(&*names.labels(truth)?, &*names.labels(&asked.of)?, asked.label)?),
        What::VolumeMl => volume(asked, names),
        What::Mean => {
            let image = names.image(&asked.of)?;
            let within = asked.within.as_deref().map(|w| names.labels(w)).transpose()?;
            Ok((mean(&image, within.as_deref(), asked.label, control)?, unit(&image), String::new()))
        }
        What::Auprc | What::BestDice => {
            let (ranking, chance) = ranking(asked, names, control)?;
            if asked.what == What::Auprc {
                let area = ranking.average_precision().map_err(|e| e.to_string())?;
                return Ok((area, String::new(), format!(" (chance {})", significant(chance, 2))));
            }
            let best = ranking.best_dice().map_err(|e| e.to_string())?;
            let more = format!(" at {}", significant(f64::from(best.threshold), 3));
            Ok((best.dice, String::new(), more))
        }
        What::Mae | What::Psnr | What::Ssim | What::Guard => of_images(asked, names, control),
    }
}

/// Numbers of two images on the truth's grid.
fn of_images(asked: &Measure, names: &Names, control: &Control) -> Result<(f64, String, String), String> {
    let truth = names.image(asked.truth.as_deref().unwrap_or_default())?;
    let test = names.image(&asked.of)?;
    if let Some(why) = different_units(asked, names) {
        return Err(why);
    }
    let grid = &truth.geometry;
    let reference = on(&truth, grid, Interpolation::Cubic, control)?;
    let found = on(&test, grid, Interpolation::Cubic, control)?;
    let mut counts = mask(asked, names, grid)?.unwrap_or_else(|| vec![true; reference.len()]);
    for (counts, (r, t)) in counts.iter_mut().zip(reference.iter().zip(&found)) {
        *counts &= r.is_finite() && t.is_finite();
    }
    let pair = ImagePair::new(&reference, &found, grid.size(), Some(&counts)).map_err(|e| e.to_string())?;
    let range = || range_within(&reference, &counts).map_err(|e| e.to_string());
    let (value, unit) = match asked.what {
        What::Psnr => (pair.errors().psnr_db(range()?), "dB".to_owned()),
        What::Ssim => (ssim(&pair, &SsimOptions::new(range()?)).map(|s| s.mean), String::new()),
        _ => (pair.errors().mae(), unit(&truth)),
    };
    Ok((value.map_err(|e| e.to_string())?, unit, String::new()))
}

/// The range of the values that count: the bright scalp is none of the brain's business.
fn range_within(reference: &[f32], counts: &[bool]) -> Result<DataRange, PairError> {
    let kept = reference.iter().zip(counts).filter(|(_, counts)| **counts).map(|(value, _)| f64::from(*value));
    let (low, high) = kept.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    DataRange::new(high - low)
}

/// Overlap of two label maps on the truth's grid: of one label of `found` with all of `truth`, or of everything.
fn dice(truth: &Labelmap, found: &Labelmap, label: Option<u16>) -> Result<f64, String> {
    let grid = &truth.geometry;
    let found = labels_on(found, grid, true, "the result").map_err(|e| e.to_string())?.values;
    let found: Vec<u16> = found.into_iter().map(|v| is(v, label)).collect();
    let truth: Vec<u16> = truth.voxels.iter().map(|v| u16::from(*v > 0)).collect();
    let pair = LabelPair::new(&truth, &found, grid.size(), grid.spacing_mm()).map_err(|e| e.to_string())?;
    pair.overlap(1).dice().map_err(|e| e.to_string())
}

fn is(value: u16, label: Option<u16>) -> u16 {
    u16::from(label.map_or(value > 0, |l| value == l))
}

/// Volume of a label map, with the spread over the run's repeats where there is one.
fn volume(asked: &Measure, names: &Names) -> Result<(f64, String, String), String> {
    let found = names.find(&asked.of)?;
    let Content::Labels(labels) = &found.content else {
        return Err(format!("`{}` is an image; a label map is needed here", asked.of));
    };
    let counts = |value: &u16| asked.label.is_none_or(|l| *value == l);
    let ml = labels.volumes_ml().iter().filter(|(value, _)| counts(value)).map(|(_, ml)| ml).sum();
    let estimate = found.of_run.as_ref().and_then(|r| r.ran.result.outputs.get(r.output)?.estimate.as_ref());
    let spread: Option<&StructureVolume> = estimate.and_then(|e| match e.structures.as_slice() {
        [only] if counts(&only.value) => Some(only),
        many => many.iter().find(|s| Some(s.value) == asked.label),
    });
    let more = spread.zip(estimate).map(|(s, e)| format!(" ± {} ({} repeats)", significant(s.std_ml, 2), e.repeats));
    Ok((ml, "ml".to_owned(), more.unwrap_or_default()))
}

fn mean(image: &Volume, within: Option<&Labelmap>, label: Option<u16>, control: &Control) -> Result<f64, String> {
    let values = on(image, &image.geometry, Interpolation::Linear, control)?;
    let counts = within.map(|w| labels_on(w, &image.geometry, true, "the region").map_err(|e| e.to_string()));
    let counts = counts.transpose()?.map(|c| c.values);
    let (mut sum, mut n) = (0.0, 0_u64);
    for (i, value) in values.iter().enumerate().filter(|(_, v)| v.is_finite()) {
        if counts.as_ref().is_none_or(|c| c.get(i).is_some_and(|v| is(*v, label) > 0)) {
            sum += f64::from(*value);
            n += 1;
        }
    }
    if n == 0 { Err("no voxel of the image lies there".to_owned()) } else { Ok(sum / n as f64) }
}

/// A map's values on the truth's grid with the truth of each voxel, and the share of true ones: what a map that knows
/// nothing has for a precision.
fn ranking(asked: &Measure, names: &Names, control: &Control) -> Result<(Ranking, f64), String> {
    let truth: Arc<Labelmap> = names.labels(asked.truth.as_deref().unwrap_or_default())?;
    let map = names.image(&asked.of)?;
    let grid = &truth.geometry;
    let scores = on(&map, grid, Interpolation::Linear, control)?;
    let within = mask(asked, names, grid)?;
    let counts = |i: usize| within.as_ref().is_none_or(|w| w.get(i) == Some(&true));
    let kept = scores.iter().zip(truth.voxels.iter()).enumerate().filter(|(i, (s, _))| s.is_finite() && counts(*i));
    let (scores, truths): (Vec<f32>, Vec<bool>) = kept.map(|(_, (s, t))| (*s, *t > 0)).unzip();
    let share = truths.iter().filter(|t| **t).count() as f64 / truths.len().max(1) as f64;
    Ok((Ranking::new(&scores, &truths).map_err(|e| e.to_string())?, share))
}

fn on(image: &Volume, grid: &Geometry, how: Interpolation, control: &Control) -> Result<Vec<f32>, String> {
    let placed = values_on(image, grid, Some(how), "the image", control);
    placed.map(|p| p.values).map_err(|e| e.to_string())
}

fn mask(asked: &Measure, names: &Names, grid: &Geometry) -> Result<Option<Vec<bool>>, String> {
    let Some(within) = &asked.within else { return Ok(None) };
    let labels = labels_on(&*names.labels(within)?, grid, true, "the region").map_err(|e| e.to_string())?;
    Ok(Some(labels.values.into_iter().map(|v| v > 0).collect()))
}

fn unit(image: &Volume) -> String {
    if image.unit == Unit::Arbitrary { String::new() } else { image.unit.symbol().to_owned() }
}
