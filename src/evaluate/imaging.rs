//! What one job of an evaluation is, on real images: [`ImagingWork`].

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::candidates::Candidates;
use super::classes::{Judge, no_class};
use super::comparing::{ComparedLabels, ImageOptions, LabelOptions, compare_images, compare_labels, image_of};
use super::measure::{Measured, of_images, of_labels};
use super::pairing::{Case, table_of};
use super::pictures::{Shown, worst_slice};
use super::plan::{DataRange as PlannedRange, Kind, Plan, Tested};
use super::truth::{self, Truth, WORDS};
use super::work::{CaseWork, Failure, Job, ModelFacts, Outcome, ScalarPair, Scored};
use crate::inference::engine::{self, Output, OutputContent, Provider, RunOptions, RunResult, UncertaintyKind};
use crate::inference::manifest::schema::Activation;
use crate::inference::manifest::{self, Model};
use crate::inference::runtime;
use crate::io::labels::read_labelmap;
use crate::jobs::Control;
use crate::metrics::{DataRange, Ranking};
use crate::volume::{Labelmap, Volume};

/// Loads images, runs models, measures.
#[derive(Debug, Default)]
pub struct ImagingWork {
    /// Where networks run.
    provider: Provider,
    /// Brings tests onto the reference's grid where they lie on another one, which interpolates.
    resample: bool,
    /// Models by the plan's name, once found.
    models: Mutex<BTreeMap<String, Arc<Model>>>,
}

impl ImagingWork {
    /// Runs networks on `provider`; with `resample`, tests on other grids are brought onto the reference's.
    #[must_use]
    pub fn new(provider: Provider, resample: bool) -> Self {
        Self { provider, resample, models: Mutex::default() }
    }

    fn model_of(&self, name: &str) -> Result<Arc<Model>, String> {
        let mut models = self.models.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(model) = models.get(name) {
            return Ok(model.clone());
        }
        let model = Arc::new(manifest::find(name).map_err(|e| e.to_string())?);
        models.insert(name.to_owned(), model.clone());
        Ok(model)
    }

    /// The model's answer to a case.
    fn run(&self, name: &str, job: &Job<'_>, control: &Control) -> Result<RunResult, Failure> {
        let model = self.model_of(name).map_err(Failure::Failed)?;
        runtime::ensure(control).map_err(|e| failed(&e))?;
        let mut inputs = Vec::new();
        for (input, path) in &job.case.inputs {
            inputs.push((input.clone(), image_of(path, &mut Vec::new(), control).map_err(|e| failed(&e))?));
        }
        let options = RunOptions { provider: self.provider, seed: job.plan.seed, ..RunOptions::default() };
        engine::run(&model, &inputs, &options, control).map_err(|e| failed(&e))
    }
}

/// ` line 7`, where the case stands in a table.
fn at_line(case: &Case) -> String {
    case.line.map(|line| format!(" line {line}")).unwrap_or_default()
}

fn failed(error: &impl ToString) -> Failure {
    let text = error.to_string();
    if text == crate::error::Cancelled.to_string() { Failure::Cancelled } else { Failure::Failed(text) }
}

impl CaseWork for ImagingWork {
    fn model(&self, tested: &Tested) -> Result<ModelFacts, String> {
        let Tested::Model(name) = tested else {
            return Ok(ModelFacts { title: tested.name().to_owned(), ..ModelFacts::default() });
        };
        let model = self.model_of(name)?;
        let m = &model.manifest;
        let manifest = std::fs::read(model.folder.join("manifest.toml")).map_err(|e| e.to_string())?;
        let hash: String = Sha256::digest(&manifest).iter().map(|b| format!("{b:02x}")).collect();
        Ok(ModelFacts {
            name: String::new(),
            title: model.title(),
            version: m.version.clone(),
            hash,
            synthetic: m.task.generates_pixels(),
        })
    }

    fn fits(&self, tested: &Tested, plan: &Plan, cases: &[Case]) -> Result<(), String> {
        let (Kind::Classification, Some(column)) = (plan.measures.kind, &plan.measures.truth) else { return Ok(()) };
        let Tested::Model(name) = tested else { return Ok(()) };
        let model = self.model_of(name)?;
        let Some(spec) = model.manifest.outputs.iter().find(|o| !o.labels.is_empty()) else { return Ok(()) };
        let is_named = |value: &str| spec.labels.iter().any(|l| l.name == value || l.value.to_string() == value);
        let names = || spec.labels.iter().map(|l| l.name.clone()).collect::<Vec<_>>();
        if let Some(positive) = &plan.measures.positive {
            let is_known = spec.labels.len() <= 2 || is_named(positive);
            let why =
                || format!("none of its classes {} is called `{positive}` ([measures] positive)", names().join(", "));
            if !is_known {
                return Err(why());
            }
            let classes: Vec<String> = spec.labels.iter().flat_map(|l| [l.name.clone(), l.value.to_string()]).collect();
            return match truth::unsure(cases, plan, &classes) {
                Some((case, value)) => Err(format!(
                    "{}{}: expected {}, found `{value}` in the row of case {}",
                    table_of(plan).display(),
                    at_line(case),
                    truth::allowed(plan, &names()),
                    case.name
                )),
                None => Ok(()),
            };
        }
        let by_name = |case: &&Case| spec.labels.len() > 2 || matches!(case.truth, Some(Truth::Class(_)));
        let unnamed = cases.iter().filter(by_name).find_map(|case| {
            let value = case.attributes.get(column)?;
            let place = format!("{}{}: column `{column}`", table_of(plan).display(), at_line(case));
            (!is_named(value)).then(|| format!("{place}, case {}: {}", case.name, no_class(value, &names())))
        });
        unnamed.map_or(Ok(()), |why| Err(format!("{why}; words that need no class are {WORDS}")))
    }

    fn settings(&self) -> String {
        format!("{} resample={}", self.provider.name(), self.resample)
    }

    fn work(&self, job: &Job<'_>, control: &Control) -> Result<Outcome, Failure> {
        let mut outcome = Outcome::default();
        let made = match job.prediction {
            Some(_) => None,
            None => Some(self.run(job.tested.name(), job, control)?),
        };
        let model = match job.prediction {
            Some(_) => None,
            None => Some(self.model_of(job.tested.name()).map_err(Failure::Failed)?),
        };
        if let Some(made) = &made {
            outcome.provider.clone_from(&made.provider);
            outcome.warnings.extend(made.warnings.iter().cloned());
        }
        let answer = Answer { job, model: model.as_deref(), made: made.as_ref(), resample: self.resample, control };
        match job.plan.measures.kind {
            Kind::Image => answer.image(&mut outcome)?,
            Kind::Labels => answer.labels(&mut outcome)?,
            Kind::Classification => answer.classes(&mut outcome)?,
            Kind::Anomaly => answer.anomaly(&mut outcome)?,
        }
        Ok(outcome)
    }
}

/// What is to be measured: a prediction on disk or what a model made.
struct Answer<'a> {
    job: &'a Job<'a>,
    model: Option<&'a Model>,
    made: Option<&'a RunResult>,
    resample: bool,
    control: &'a Control,
}

impl Answer<'_> {
    fn output(&self, fits: impl Fn(&Output) -> bool, what: &str) -> Result<&Output, Failure> {
        let outputs = self.made.map(|m| m.outputs.as_slice()).unwrap_or_default();
        outputs.iter().find(|o| fits(o)).ok_or_else(|| Failure::Failed(format!("the model gave no {what}")))
    }

    fn reference(&self) -> Result<&Path, Failure> {
        self.job.case.reference.as_deref().ok_or_else(|| Failure::Failed("the case has no reference".into()))
    }

    fn test_image(&self, notes: &mut Vec<String>) -> Result<Arc<Volume>, Failure> {
        if let Some(path) = self.job.prediction {
            return image_of(path, notes, self.control).map_err(|e| failed(&e));
        }
        match &self.output(|o| matches!(o.content, OutputContent::Image(_)), "image")?.content {
            OutputContent::Image(volume) => Ok(volume.clone()),
            _ => Err(Failure::Failed("the model gave no image".into())),
        }
    }

    /// The model's own map of how unsure it is of the image, where it has one.
    fn uncertainty(&self) -> Option<Arc<Volume>> {
        let image = self.made?.outputs.iter().find(|o| matches!(o.content, OutputContent::Image(_)))?;
        let maps = &image.estimate.as_ref()?.maps;
        maps.iter().find(|m| m.kind == UncertaintyKind::StandardDeviation).map(|m| m.volume.clone())
    }

    fn test_labels(&self) -> Result<Arc<Labelmap>, Failure> {
        if let Some(path) = self.job.prediction {
            return read_labelmap(path, self.control).map(Arc::new).map_err(|e| failed(&e));
        }
        match &self.output(|o| matches!(o.content, OutputContent::Labels(_)), "label map")?.content {
            OutputContent::Labels(map) => Ok(map.clone()),
            _ => Err(Failure::Failed("the model gave no label map".into())),
        }
    }

    fn mask(&self) -> Result<Option<Labelmap>, Failure> {
        let mask = self.job.case.mask.as_deref().map(|path| read_labelmap(path, self.control));
        mask.transpose().map_err(|e| failed(&e))
    }

    fn image(&self, outcome: &mut Outcome) -> Result<(), Failure> {
        let reference = image_of(self.reference()?, &mut outcome.warnings, self.control).map_err(|e| failed(&e))?;
        let test = self.test_image(&mut outcome.warnings)?;
        let mask = self.mask()?;
        let range = match self.job.plan.measures.data_range {
            Some(PlannedRange::Stated(width)) => Some(DataRange::new(width).map_err(|e| failed(&e))?),
            _ => None,
        };
        let uncertainty = self.uncertainty();
        let options = ImageOptions {
            mask: mask.as_ref(),
            range,
            resample: self.resample,
            // A plan may pair them on purpose; the case's warnings say it.
            across_units: true,
            detail: false,
            uncertainty: uncertainty.as_deref(),
        };
        let compared = compare_images(&reference, &test, &options, self.control).map_err(|e| failed(&e))?;
        outcome.measures = of_images(&compared.comparison);
        for (band, errors) in &compared.tissues {
            outcome.measures.insert(format!("mae:{}", band.name), Measured::of(errors.mae()));
            outcome.measures.insert(format!("bias:{}", band.name), Measured::of(errors.bias()));
        }
        if let Some(judged) = &compared.uncertainty {
            outcome.measures.insert("sparsification_error".into(), Measured::of(judged.sparsification_error.clone()));
            outcome.measures.insert("error_uncertainty_correlation".into(), Measured::of(judged.correlation.clone()));
        }
        outcome.unit = reference.unit.symbol().to_owned();
        outcome.warnings.extend(compared.notes);
        outcome.pictures = worst_slice(&Shown::Images { reference: &reference, test: &test, error: &compared.error })
            .map_err(|e| failed(&e))?;
        Ok(())
    }

    fn labels(&self, outcome: &mut Outcome) -> Result<(), Failure> {
        let reference = read_labelmap(self.reference()?, self.control).map_err(|e| failed(&e))?;
        let test = self.test_labels()?;
        let plan = &self.job.plan.measures;
        let mask = self.mask()?;
        let tolerance_mm = plan.tolerance_mm.unwrap_or(1.0);
        let options =
            LabelOptions { tolerance_mm, mask: mask.as_ref(), components: plan.components, resample: self.resample };
        let ComparedLabels { comparison, notes, .. } =
            compare_labels(&reference, &test, &options, self.control).map_err(|e| failed(&e))?;
        outcome.measures = of_labels(&comparison, &plan.labels);
        for label in &comparison.labels {
            if plan.labels.is_empty() || plan.labels.contains_key(&label.label) {
                let name = plan.labels.get(&label.label).cloned().unwrap_or_else(|| format!("label {}", label.label));
                outcome.scalars.push(ScalarPair {
                    name: format!("Volume, {name}"),
                    unit: "ml".into(),
                    reference: label.reference_ml,
                    test: label.test_ml,
                });
            }
        }
        outcome.warnings.extend(notes);
        let under = self.job.case.inputs.values().next().map(|path| image_of(path, &mut Vec::new(), self.control));
        let under = under.transpose().map_err(|e| failed(&e))?;
        let shown = Shown::Labels { under: under.as_deref(), reference: &Arc::new(reference), test: &test };
        outcome.pictures = worst_slice(&shown).map_err(|e| failed(&e))?;
        Ok(())
    }

    /// What the table says of a case, as the positive class or one of several.
    fn truth(&self) -> Result<&str, Failure> {
        let column = self.job.plan.measures.truth.as_deref().unwrap_or_default();
        let truth = self.job.case.attributes.get(column);
        truth
            .map(String::as_str)
            .ok_or_else(|| Failure::Failed(format!("the case has no value in the column {column}")))
    }

    fn classes(&self, outcome: &mut Outcome) -> Result<(), Failure> {
        let output = self.output(|o| matches!(o.content, OutputContent::Classes(_)), "classes of the whole image")?;
        let OutputContent::Classes(scores) = &output.content else { return Ok(()) };
        let value = self.truth()?;
        let truth = self.job.case.truth.as_ref().ok_or_else(|| Failure::Failed("the case has no truth".into()))?;
        let spec = self.model.and_then(|m| m.manifest.outputs.iter().find(|o| o.name == output.name));
        let independent = spec.is_some_and(|o| o.activation == Activation::Sigmoid);
        let judge = Judge { positive: self.job.plan.measures.positive.as_deref(), independent };
        let judged = judge.judge(scores, truth, value).map_err(Failure::Failed)?;
        for scored in judged.scored.iter().filter(|s| s.probability) {
            let name = if scored.target.is_empty() { "brier".to_owned() } else { format!("brier:{}", scored.target) };
            let brier = (scored.score - f64::from(u8::from(scored.truth))).powi(2);
            outcome.measures.insert(name, Measured::Value(brier));
        }
        outcome.scored.extend(judged.scored);
        outcome.measures.insert("correct".into(), Measured::Value(f64::from(u8::from(judged.correct))));
        Ok(())
    }

    fn anomaly(&self, outcome: &mut Outcome) -> Result<(), Failure> {
        let map = match self.job.prediction {
            Some(_) => self.test_image(&mut outcome.warnings)?,
            None => match &self.output(|o| o.kind == "anomaly" || o.name.ends_with("_anomaly"), "anomaly map")?.content
            {
                OutputContent::Image(volume) => volume.clone(),
                _ => return Err(Failure::Failed("the model gave no anomaly map".into())),
            },
        };
        let scores = crate::metrics::one_grid::values_on(&map, &map.geometry, None, "the anomaly map", self.control)
            .map_err(|e| failed(&e))?
            .values;
        let within = match self.mask()? {
            Some(mask) => Some(
                crate::metrics::one_grid::labels_on(&mask, &map.geometry, self.resample, "the mask")
                    .map_err(|e| failed(&e))?
                    .values,
            ),
            None => None,
        };
        let counts = |i: usize| within.as_ref().is_none_or(|m| m.get(i).is_some_and(|l| *l > 0));
        if self.job.case.reference.is_some() {
            let lesion = read_labelmap(self.reference()?, self.control).map_err(|e| failed(&e))?;
            let lesion = crate::metrics::one_grid::labels_on(&lesion, &map.geometry, self.resample, "the reference")
                .map_err(|e| failed(&e))?
                .values;
            let judged = |i: &usize| counts(*i) && scores.get(*i).is_some_and(|s| s.is_finite());
            let places: Vec<usize> = (0..scores.len()).filter(judged).collect();
            let kept: Vec<f32> = places.iter().map(|i| scores[*i]).collect();
            let truths: Vec<bool> = places.iter().map(|i| lesion.get(*i).is_some_and(|l| *l > 0)).collect();
            let ranking = Ranking::new(&kept, &truths).map_err(|e| failed(&e))?;
            outcome.measures.insert("roc_auc".into(), Measured::of(ranking.roc_auc()));
            outcome.measures.insert("average_precision".into(), Measured::of(ranking.average_precision()));
            outcome.measures.insert("best_dice".into(), Measured::of(ranking.best_dice().map(|b| b.dice)));
            let own = || self.made?.outputs.iter().find_map(|o| o.finding.as_ref()).map(|f| f.threshold);
            if let Some(threshold) = self.job.plan.measures.threshold.or_else(own) {
                let size = map.geometry.size();
                let candidates = Candidates::of(&scores, &lesion, size, threshold, counts, self.control)?;
                outcome.candidates = Some(candidates);
            }
        }
        if self.job.plan.measures.truth.is_some() {
            let kept =
                || scores.iter().enumerate().filter(|(i, s)| counts(*i) && s.is_finite()).map(|(_, s)| f64::from(*s));
            let score = kept().sum::<f64>() / kept().count().max(1) as f64;
            self.truth()?;
            let truth = self.job.case.truth == Some(Truth::Positive(true));
            outcome.scored.push(Scored { target: String::new(), score, truth, probability: false });
            outcome.measures.insert("mean_score".into(), Measured::of::<String>(Ok(score)));
        }
        Ok(())
    }
}
