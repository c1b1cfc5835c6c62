//! One step's work: [`play`].

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use super::errors::TourError;
use super::format::{self, Step, Tour, Work};
use super::make::{MakeError, difference, lesion, noise, shrink};
use super::measure::{Number, different_units, measure};
use super::names::{Named, Names, Ran};
use crate::explain::{self, Coarse, Evaluation, ExplainOptions, Explanation, Occlusion, Rise};
use crate::inference::engine::{self, RunOptions};
use crate::inference::manifest::{self, Model, ModelError};
use crate::inference::runtime;
use crate::jobs::Control;
use crate::report::numbers::significant;
use crate::volume::Volume;

/// What a step gave.
#[derive(Debug, Clone, Default)]
pub struct Played {
    /// What was made, by its name, in order.
    pub named: Vec<(String, Named)>,
    /// What was measured.
    pub numbers: Vec<Number>,
    /// What could not be done, and what the person must know.
    pub notices: Vec<String>,
    /// How long it took.
    pub seconds: f64,
}

impl Played {
    /// Whether all that the step was to make is there. Where it is not, its words on what to believe mean nothing.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        !self.named.iter().any(|(_, named)| matches!(named, Named::Absent(_)))
    }

    /// The runs of this step.
    pub fn runs(&self) -> impl Iterator<Item = &Arc<Ran>> {
        self.named.iter().filter_map(|(_, named)| match named {
            Named::Ran(ran) => Some(ran),
            _ => None,
        })
    }
}

/// Where models come from.
#[derive(Debug, Clone, Default)]
pub enum Models {
    /// Those of this machine.
    #[default]
    Installed,
    /// Those in these folders.
    Folders(Vec<PathBuf>),
}

impl Models {
    /// The model of that name, beside the tour first.
    pub(super) fn find(&self, name: &str, tour: &Tour) -> Result<Model, ModelError> {
        if let Some(beside) = tour.folder.as_ref().map(|f| f.join(name)).filter(|f| f.join("manifest.toml").is_file()) {
            return Model::open(&beside);
        }
        match self {
            Self::Installed => manifest::find(name),
            Self::Folders(folders) => {
                let found = folders.iter().filter_map(|f| Model::open(f).ok()).find(|m| m.manifest.name == name);
                found.ok_or_else(|| ModelError::NotFound { name: name.to_owned(), near: None })
            }
        }
    }
}

/// Does the work of a step with what the steps before it made. A model that is not there, or fails, is a notice; what
/// needed its result says why it has none.
///
/// # Errors
/// [`TourError::Cancelled`]; nothing that was made before is touched.
pub fn play(tour: &Tour, step: &Step, names: &Names, models: &Models, control: &Control) -> Result<Played, TourError> {
    let start = Instant::now();
    let mut names = names.clone();
    let mut played = Played::default();
    for work in &step.work {
        control.checkpoint()?;
        let asked = Asked { tour, names: &names, models, control };
        let (name, done) = match work {
            Work::Lesion(l) => {
                control.stage("Putting the lesion in", 0);
                let made = asked.image(&l.of).and_then(|of| said(lesion::insert(&of, l, control)));
                (&l.name, made.map(|(image, truth)| Named::Lesion { image: Arc::new(image), truth: Arc::new(truth) }))
            }
            Work::Noise(n) => {
                control.stage("Adding noise", 0);
                (&n.name, asked.made(&n.of, |of| noise::add(of, n, control)))
            }
            Work::Shrink(s) => {
                control.stage("Lowering the resolution", 0);
                (&s.name, asked.made(&s.of, |of| shrink::shrink(of, s, control)))
            }
            Work::Difference(d) => {
                control.stage("Taking the difference", 0);
                (&d.name, asked.difference(d))
            }
            Work::Run(r) => {
                let ran = asked.run(r);
                if let Ok(ran) = &ran {
                    let title = &ran.result.model;
                    played.notices.extend(ran.result.warnings.iter().map(|w| format!("{title}: {w}")));
                }
                (&r.name, ran.map(|ran| Named::Ran(Arc::new(ran))))
            }
            Work::Explain(e) => {
                let found = asked.explain(e);
                if let Ok(Named::Explained(found)) = &found {
                    played.numbers.extend(faithfulness(found));
                    played.notices.extend(found.notes.iter().cloned());
                }
                (&e.name, found)
            }
            Work::Measure(m) => {
                control.stage(format!("Measuring {}", m.title.as_deref().unwrap_or(m.what.title())), 0);
                let mut number = measure(m, &names, control);
                control.checkpoint()?;
                // Why is said once, by the notice.
                if let Some(why) = different_units(m, &names) {
                    let at = tour.steps.iter().position(|one| one == step).map_or(1, |at| at + 1);
                    let title = &number.title;
                    played.notices.push(format!("Step {at} ({}): {title} was not measured, because {why}", step.title));
                    number.words = "Not measured".to_owned();
                }
                if played.notices.iter().any(|why| number.words.ends_with(why.as_str())) {
                    number.words = "Not measured".to_owned();
                }
                played.numbers.push(number);
                continue;
            }
        };
        // A cancelled piece of work is no piece of work that cannot be done.
        control.checkpoint()?;
        let named = done.unwrap_or_else(|why| {
            // Said once, and not again for everything that would have followed.
            if !played.notices.contains(&why) {
                played.notices.push(why.clone());
            }
            Named::Absent(why)
        });
        names.give(name, named.clone());
        played.named.push((name.clone(), named));
    }
    played.seconds = start.elapsed().as_secs_f64();
    Ok(played)
}

/// How well a map names what the score depends on.
fn faithfulness(found: &Explanation) -> Vec<Number> {
    let Some(f) = &found.faithfulness else { return Vec::new() };
    let method = found.method.title();
    let number = |title: String, what: &str, value: Option<f64>| Number {
        title,
        what: what.to_owned(),
        value,
        unit: String::new(),
        words: match value {
            None => "Not defined: the score does not change".to_owned(),
            Some(x) if x < 0.0 => format!("{} (below 0: on the way the score fell below its start)", significant(x, 3)),
            Some(x) if x > 1.0 => format!("{} (above 1: on the way the score rose above its end)", significant(x, 3)),
            Some(x) => significant(x, 3),
        },
    };
    vec![
        number(format!("{method}: deletion AUC (lower is better)"), "deletion_auc", f.deletion_auc),
        number(format!("{method}: insertion AUC (higher is better)"), "insertion_auc", f.insertion_auc),
    ]
}

struct Asked<'a> {
    tour: &'a Tour,
    names: &'a Names,
    models: &'a Models,
    control: &'a Control,
}

fn said<T>(result: Result<T, impl std::fmt::Display>) -> Result<T, String> {
    result.map_err(|e| e.to_string())
}

impl Asked<'_> {
    fn image(&self, name: &str) -> Result<Arc<Volume>, String> {
        self.names.image(name)
    }

    fn made(&self, of: &str, make: impl FnOnce(&Volume) -> Result<Volume, MakeError>) -> Result<Named, String> {
        let image = self.image(of)?;
        Ok(Named::Image(Arc::new(said(make(&image))?)))
    }

    fn difference(&self, d: &format::Difference) -> Result<Named, String> {
        let (of, minus) = (self.image(&d.of)?, self.image(&d.minus)?);
        Ok(Named::Map(Arc::new(said(difference::difference(&of, &minus, self.control))?)))
    }

    fn run(&self, r: &format::Run) -> Result<Ran, String> {
        let model = self.models.find(&r.model, self.tour).map_err(|e| match e {
            ModelError::NotFound { .. } => {
                let otherwise = r.otherwise.as_deref().unwrap_or("What it makes is left out");
                format!("The model {} is not installed. {otherwise}", r.model)
            }
            other => format!("The model {} cannot be used: {other}", r.model),
        })?;
        let first = || model.manifest.inputs.first().map(|i| i.name.clone());
        let inputs = match (&r.on, first()) {
            (Some(on), Some(input)) => vec![(input, self.image(on)?)],
            (None, Some(input)) if r.inputs.is_empty() => vec![(input, self.image(format::IMAGE)?)],
            _ => {
                let of = |(input, name): (&String, &String)| Ok((input.clone(), self.image(name)?));
                r.inputs.iter().map(of).collect::<Result<Vec<_>, String>>()?
            }
        };
        said(runtime::ensure(self.control))?;
        let options = RunOptions {
            samples: r.samples,
            tta: Some(r.tta),
            seed: r.seed,
            alone: !r.faithfulness,
            ..RunOptions::default()
        };
        let result = engine::run(&model, &inputs, &options, self.control)
            .map_err(|why| format!("{} did not run: {why}", model.title()))?;
        Ok(Ran { name: r.name.clone(), model, inputs, options, result })
    }

    /// Large boxes side by side and few masks: a tour waits for no finer map.
    fn explain(&self, e: &format::Explain) -> Result<Named, String> {
        let ran = self.names.run(&e.run)?;
        let coarse =
            e.first_box_voxels.map(|mask_size| Coarse { mask_size, overlap: 0.0, refine: 1.0, most: e.close_boxes });
        let asked = ExplainOptions {
            target: e.target.clone(),
            seed: e.seed,
            steps: e.diffusion_steps,
            occlusion: Occlusion { mask_size: e.box_voxels, overlap: 0.0, coarse, ..Occlusion::default() },
            rise: Rise { masks: e.masks, ..Rise::default() },
            evaluation: (e.test_steps > 0).then(|| Evaluation { steps: e.test_steps, ..Evaluation::default() }),
            ..ExplainOptions::of(e.method)
        };
        let found = explain::run(&ran.model, &ran.inputs, &asked, self.control);
        let found = found.map_err(|why| format!("{} was not explained: {why}", ran.result.model))?;
        Ok(Named::Explained(Arc::new(found)))
    }
}
