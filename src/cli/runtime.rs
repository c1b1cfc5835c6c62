//! `veritome runtime`: ONNX Runtime and its providers.

use clap::{Args, Subcommand, ValueEnum};

use super::progress::with_progress;
use crate::inference::runtime;

/// ONNX Runtime and its providers.
#[derive(Debug, Args)]
pub(super) struct Runtime {
    #[command(subcommand)]
    command: Option<RuntimeCommand>,
    /// Print one JSON object.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum RuntimeCommand {
    /// Which library was found and which providers it runs
    Status,
    /// Fetch the official library with pip
    Install {
        /// Which build.
        #[arg(value_enum, default_value = "cpu")]
        flavour: Flavour,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Flavour {
    Cpu,
    Cuda,
    Directml,
}

impl Runtime {
    pub(super) fn run(self) -> anyhow::Result<()> {
        if let Some(RuntimeCommand::Install { flavour }) = self.command {
            let flavour = match flavour {
                Flavour::Cpu => runtime::Flavour::Cpu,
                Flavour::Cuda => runtime::Flavour::Cuda,
                Flavour::Directml => runtime::Flavour::DirectMl,
            };
            let found = with_progress("Installing ONNX Runtime", move |control| runtime::install(flavour, control))??;
            let version = found.version.as_deref().unwrap_or("of unknown version");
            eprintln!("ONNX Runtime {version} is in {}", found.path.display());
        }
        let status = runtime::status()?;
        if self.json {
            return super::print_json(&status);
        }
        println!(
            "ONNX Runtime {} ({})",
            status.found.version.as_deref().unwrap_or("of unknown version"),
            status.found.how.sentence()
        );
        println!("{}", status.found.path.display());
        for p in &status.providers {
            let state = if p.works { "works" } else { p.reason.as_str() };
            println!("  {:10} {state}", p.provider.name());
        }
        Ok(())
    }
}
