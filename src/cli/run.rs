//! `veritome run`: a model on images, its outputs as NIfTI with their provenance.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use clap::{Args, ValueEnum};

use super::picture_options::{choose_series, first_volume};
use super::progress::with_progress;
use crate::explain::{self, ExplainOptions, Method};
use crate::inference::batch::{self, Batch, Ended, Row};
use crate::inference::engine::{Provider, RunOptions, run_telling};
use crate::inference::manifest::{self, Model};
use crate::inference::{report, runtime};
use crate::jobs::Control;
use crate::volume::Volume;

/// Run a model on images.
#[derive(Debug, Args)]
pub(super) struct Run {
    /// Name or folder of the model.
    model: String,
    /// An input image; NAME where the model has several. With --batch a folder of them.
    #[arg(short, long, value_name = "[NAME=]PATH")]
    input: Vec<String>,
    /// Folder for the results.
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Where the network runs. Only `auto` may fall back, and says so.
    #[arg(long, value_enum, default_value = "auto")]
    provider: ProviderName,
    /// Samples of a diffusion model or passes of a stochastic network; 1: no more than one.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    samples: Option<u32>,
    /// Run the manifest's test-time augmentations too.
    #[arg(long)]
    tta: bool,
    /// Further models of the same inputs and outputs, averaged with this one.
    #[arg(long, value_name = "M2,M3", value_delimiter = ',')]
    ensemble: Vec<String>,
    /// Add a map of what mattered: occlusion, rise, scorecam, hirescam, smoothgrad, attention or counterfactual.
    #[arg(long, value_name = "METHOD")]
    explain: Option<Method>,
    /// Seed of every random number; the same seed, model and provider give the same bytes.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The inputs were registered although their frames of reference differ.
    #[arg(long)]
    registered: bool,
    /// Do not run the model's second models, which hold a synthetic image against its source.
    #[arg(long)]
    alone: bool,
    /// Every image or folder in the inputs' folders is a case; what is done already is not done again.
    #[arg(long)]
    batch: bool,
    /// Cases at once, with --batch.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64), requires = "batch")]
    jobs: u16,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Names of inputs in the manifest with their images.
pub(super) type NamedInputs = Vec<(String, Arc<Volume>)>;

fn inputs(n: usize) -> String {
    if n == 1 { "1 input was".to_owned() } else { format!("{n} inputs were") }
}

/// The paths of `-i [NAME=]PATH`: those without a name take the manifest's inputs in order.
fn input_paths(model: &Model, given: &[String]) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let names: Vec<_> = model.manifest.inputs.iter().map(|i| i.name.as_str()).collect();
    let has = if names.is_empty() { "takes no image".to_owned() } else { format!("takes {}", names.join(", ")) };
    let one = |(n, text): (usize, &String)| {
        Ok(match text.split_once('=') {
            Some((name, path)) if names.contains(&name) => (name.to_owned(), PathBuf::from(path)),
            Some((name, path)) if !PathBuf::from(text).exists() && PathBuf::from(path).exists() => {
                anyhow::bail!("{}: no input is called `{name}`; the model {has}", model.title());
            }
            _ => {
                let name = names
                    .get(n)
                    .with_context(|| format!("{}: {} given, but the model {has}", model.title(), inputs(n + 1)))?;
                ((*name).to_owned(), PathBuf::from(text))
            }
        })
    };
    given.iter().enumerate().map(one).collect()
}

/// The images of `-i [NAME=]PATH`, and what a person should know of them: of a series in time the first is taken.
pub(super) fn named_inputs(
    model: &Model,
    given: &[String],
    control: &Control,
) -> anyhow::Result<(NamedInputs, Vec<String>)> {
    let mut notes = Vec::new();
    let load = |(name, path): (String, PathBuf)| {
        let (_, series) = choose_series(&path, None, control)?;
        if series.time_points > 1 {
            notes.push(format!(
                "`{name}`: {} has {} volumes (time points or channels); only the first was taken",
                path.display(),
                series.time_points
            ));
        }
        Ok((name, Arc::new(series.load(0, control)?)))
    };
    let inputs = input_paths(model, given)?.into_iter().map(load).collect::<anyhow::Result<_>>()?;
    Ok((inputs, notes))
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum ProviderName {
    Auto,
    Cpu,
    Cuda,
    Tensorrt,
    Directml,
    Coreml,
    Openvino,
    Webgpu,
}

impl From<ProviderName> for Provider {
    fn from(name: ProviderName) -> Self {
        match name {
            ProviderName::Auto => Self::Auto,
            ProviderName::Cpu => Self::Cpu,
            ProviderName::Cuda => Self::Cuda,
            ProviderName::Tensorrt => Self::TensorRt,
            ProviderName::Directml => Self::DirectMl,
            ProviderName::Coreml => Self::CoreMl,
            ProviderName::Openvino => Self::OpenVino,
            ProviderName::Webgpu => Self::WebGpu,
        }
    }
}

impl Run {
    pub(super) fn run(self) -> anyhow::Result<()> {
        if self.batch { self.many() } else { self.one() }
    }

    fn options(&self) -> anyhow::Result<RunOptions> {
        Ok(RunOptions {
            provider: self.provider.into(),
            samples: self.samples.map(|n| n as usize),
            tta: self.tta.then_some(true),
            ensemble: self.ensemble.iter().map(|name| manifest::find(name)).collect::<Result<_, _>>()?,
            seed: self.seed,
            registered: self.registered,
            alone: self.alone,
            probabilities: false,
        })
    }

    fn one(self) -> anyhow::Result<()> {
        let json = self.json;
        let (report, told, has_source) = with_progress("Running the model", move |control| -> anyhow::Result<_> {
            let model = manifest::find(&self.model)?;
            let options = self.options()?;
            // Taken before the work: two runs into one folder are found out at once.
            let lock = report::FolderLock::take(&self.output)?;
            let (inputs, notes) = named_inputs(&model, &self.input, control)?;
            notes.iter().for_each(|line| eprintln!("veritome: {line}"));
            runtime::ensure(control)?;
            let mut told = notes.clone();
            let mut result = run_telling(&model, &inputs, &options, control, &mut |look| {
                told.extend(look.word().map(|(_, sentence)| sentence));
                told.extend(look.notices.iter().cloned());
                told.iter().skip(notes.len()).for_each(|line| eprintln!("veritome: {line}"));
            })?;
            result.warnings.splice(0..0, notes);
            let mut report = report::write_outputs_into(&lock, &model, &inputs, &options, &result)
                .with_context(|| self.output.display().to_string())?;
            if let Some(method) = self.explain {
                let asked = ExplainOptions {
                    provider: options.provider,
                    seed: options.seed,
                    registered: options.registered,
                    ..ExplainOptions::of(method)
                };
                let ready = explain::prepare(&model, &inputs, &asked, control)?;
                eprintln!("veritome: explaining: {}", ready.cost);
                let found = ready.explain()?;
                let written = explain::write_explanation(&model, &inputs, &asked, &found, &self.output)?;
                report.warnings.extend(written.warnings.iter().cloned());
                if let Some(output) = report.outputs.iter_mut().find(|o| o.name == written.output) {
                    output.explanation = Some(report::Companion {
                        path: written.path,
                        kind: format!("{} of {}", written.method, written.target),
                    });
                }
            }
            Ok((report, told, !model.manifest.uncertainty.sources.is_empty()))
        })??;
        if json {
            return super::print_json(&report);
        }
        // What was said before the run is not said again.
        let guard = report.guard.iter().map(|g| &g.sentence);
        let mut lines: Vec<&String> = Vec::new();
        for line in guard.chain(&report.warnings).filter(|line| !told.contains(line)) {
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        lines.iter().for_each(|line| eprintln!("veritome: {line}"));
        for output in &report.outputs {
            println!("{}", output.path.display());
            if output.uncertainty.is_none() {
                let why = if has_source {
                    "uncertainty was not asked for; add --tta or --samples"
                } else {
                    "no uncertainty available"
                };
                eprintln!("veritome: {}: {why}", output.name);
            }
            for companion in output.uncertainty_maps.iter().chain(&output.explanation) {
                println!("{}", companion.path.display());
            }
            for f in &output.faithfulness {
                eprintln!("veritome: {}", f.sentence());
                println!("{}", f.path.display());
            }
        }
        Ok(())
    }

    fn many(self) -> anyhow::Result<()> {
        let json = self.json;
        let folder = self.output.clone();
        let rows = with_progress("Running the model", move |control| -> anyhow::Result<_> {
            let model = manifest::find(&self.model)?;
            let options = self.options()?;
            if self.explain.is_some() {
                return Err(super::WrongUsage("--explain does not go with --batch".to_owned()).into());
            }
            let folders = input_paths(&model, &self.input)?;
            let cases = batch::cases(&folders)?;
            if cases.is_empty() {
                return Err(
                    super::WrongUsage("--batch needs an input folder with images: -i [NAME=]DIR".to_owned()).into()
                );
            }
            let _lock = report::FolderLock::take(&self.output)?;
            runtime::ensure(control)?;
            let load = |path: &Path, control: &Control| first_volume(path, None, control).map_err(|e| format!("{e:#}"));
            let told = |row: &Row| {
                if row.status == Ended::Failed {
                    eprintln!("veritome: {}: {}", row.case, row.notes);
                }
            };
            let batch = Batch {
                model: &model,
                options: &options,
                folder: &self.output,
                at_once: self.jobs.into(),
                load: &load,
                finished: &told,
            };
            let rows = batch.run(&cases, control)?;
            batch::write_summary(&rows, &self.output)?;
            Ok(rows)
        })??;
        let failed = rows.iter().filter(|r| r.status == Ended::Failed).count();
        if json {
            super::print_json(&serde_json::json!({ "cases": rows, "failed": failed }))?;
        } else {
            let width = rows.iter().map(|r| r.case.chars().count()).max().unwrap_or(4).max(4);
            println!("{:width$}  {:8}  {:>8}  results", "case", "status", "seconds");
            for r in &rows {
                let (status, what) = match r.status {
                    Ended::Done => ("done", &r.results),
                    Ended::Already => ("already", &r.results),
                    Ended::Failed => ("failed", &r.notes),
                };
                let unlike = if r.like == Some(false) { "  UNLIKE TRAINING" } else { "" };
                println!("{:width$}  {status:8}  {:8.1}  {what}{unlike}", r.case, r.seconds);
            }
            println!("{}", folder.join("summary.csv").display());
        }
        anyhow::ensure!(failed == 0, "{failed} of {} cases failed; run the command again to try them anew", rows.len());
        Ok(())
    }
}
