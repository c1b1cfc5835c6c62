//! `veritome run`: a model on images, its outputs as NIfTI with their provenance.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use clap::{Args, ValueEnum};

use super::picture_options::first_volume;
use super::progress::with_progress;
use crate::inference::engine::{Provider, RunOptions, run};
use crate::inference::manifest::{self, Model};
use crate::inference::{report, runtime};
use crate::jobs::Control;
use crate::volume::Volume;

/// Run a model on images.
#[derive(Debug, Args)]
pub(super) struct Run {
    /// Name or folder of the model.
    model: String,
    /// An input image; NAME where the model has several.
    #[arg(short, long, value_name = "[NAME=]PATH", required = true)]
    input: Vec<String>,
    /// Folder for the results.
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Where the network runs. Only `auto` may fall back, and says so.
    #[arg(long, value_enum, default_value = "auto")]
    provider: ProviderName,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Names of inputs in the manifest with their images.
pub(super) type NamedInputs = Vec<(String, Arc<Volume>)>;

/// The images of `-i [NAME=]PATH`: those without a name take the manifest's inputs in order.
pub(super) fn named_inputs(model: &Model, given: &[String], control: &Control) -> anyhow::Result<NamedInputs> {
    let names: Vec<_> = model.manifest.inputs.iter().map(|i| i.name.as_str()).collect();
    let one = |(n, text): (usize, &String)| {
        let (name, path) = match text.split_once('=') {
            Some((name, path)) if names.contains(&name) => (name.to_owned(), PathBuf::from(path)),
            _ => {
                let name = names.get(n).with_context(|| {
                    format!("{}: {} inputs were given, the model has {}", model.title(), n + 1, names.join(", "))
                })?;
                ((*name).to_owned(), PathBuf::from(text))
            }
        };
        Ok((name, Arc::new(first_volume(&path, None, control)?)))
    };
    given.iter().enumerate().map(one).collect()
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
        let json = self.json;
        let report = with_progress("Running the model", move |control| -> anyhow::Result<_> {
            let model = manifest::find(&self.model)?;
            let inputs = named_inputs(&model, &self.input, control)?;
            runtime::ensure(control)?;
            let options = RunOptions { provider: self.provider.into(), ..RunOptions::default() };
            let result = run(&model, &inputs, &options, control)?;
            report::write_outputs(&model, &inputs, &options, &result, &self.output)
                .with_context(|| self.output.display().to_string())
        })??;
        if json {
            return super::print_json(&report);
        }
        for warning in &report.warnings {
            eprintln!("veritome: {warning}");
        }
        for output in &report.outputs {
            println!("{}", output.path.display());
        }
        Ok(())
    }
}
