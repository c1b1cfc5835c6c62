//! The command line: one file a subcommand, `--json` where a program may read the answer.
//!
//! Exit status 0: done; 1: failed; 2: wrong usage. Standard output carries results only; progress and notices go to
//! standard error.

// First, so that its macros hold in all others.
#[macro_use]
mod output;

mod audit_model;
mod bench;
mod calibrate;
mod compare;
mod convert;
mod demo;
mod evaluate;
mod explain;
mod info;
mod models;
mod open;
mod picture_options;
mod progress;
mod quiz;
mod render;
mod run;
mod runtime;
mod study;
mod tour;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A viewer for clinical images in which nothing synthetic can pass for real.
#[derive(Debug, Parser)]
#[command(name = "veritome", version, about, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Files or folders to open in the window.
    paths: Vec<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Open the window
    Open(open::Open),
    /// The whole story on a real head, as a guided tour
    Demo(demo::Demo),
    /// Guided tours: list, check, play
    Tour(tour::Tours),
    /// Studies, series, geometry, warnings
    Info(info::Info),
    /// Convert to .nii, .nii.gz, .nrrd, .png or a DICOM folder
    Convert(convert::Convert),
    /// Draw a slice or a volume view into a PNG
    Render(render::Render),
    /// ONNX Runtime and its providers
    Runtime(runtime::Runtime),
    /// Models that are installed
    Models(models::Models),
    /// Run a model on images
    Run(run::Run),
    /// Temperature, interval and guard of a model, from labelled cases
    Calibrate(calibrate::Calibrate),
    /// A map of what mattered to a model, and whether to believe it
    Explain(Box<explain::Explain>),
    /// Measure an image or a label map against its reference
    Compare(compare::Compare),
    /// Many cases with several models: tables and a report
    Evaluate(evaluate::Evaluate),
    /// Reader studies: make, read, analyse
    Study(study::Study),
    /// Synthetic or real? Ten images to learn on
    Quiz(quiz::QuizCommand),
    /// Whether a model repeats its training images
    AuditModel(audit_model::AuditModel),
    /// The project's own timings, repeatable
    Bench(bench::Bench),
}

/// Reads the arguments, runs the subcommand, turns its result into the exit status.
#[must_use]
pub fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_env("VERITOME_LOG")
        // wgpu asks OpenGL too, and where a driver has no display it complains when it is let go.
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("error,wgpu_hal::gles::egl=off"));
    // Fails only if a subscriber is set already, which is as good.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
    let arguments = Arguments::parse();
    let result = match arguments.command {
        None => open::Open { paths: arguments.paths, overlay: Vec::new() }.run(),
        Some(Command::Open(c)) => c.run(),
        Some(Command::Demo(c)) => c.run(),
        Some(Command::Tour(c)) => c.run(),
        Some(Command::Info(c)) => c.run(),
        Some(Command::Convert(c)) => c.run(),
        Some(Command::Render(c)) => c.run(),
        Some(Command::Runtime(c)) => c.run(),
        Some(Command::Models(c)) => c.run(),
        Some(Command::Run(c)) => c.run(),
        Some(Command::Calibrate(c)) => c.run(),
        Some(Command::Explain(c)) => c.run(),
        Some(Command::Compare(c)) => c.run(),
        Some(Command::Evaluate(c)) => c.run(),
        Some(Command::Study(c)) => c.run(),
        Some(Command::Quiz(c)) => c.run(),
        Some(Command::AuditModel(c)) => c.run(),
        Some(Command::Bench(c)) => c.run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("veritome: {}", told(&error));
            if error.is::<WrongUsage>() { ExitCode::from(2) } else { ExitCode::from(1) }
        }
    }
}

/// An error and what lies behind it. Many errors of files name the system's reason in their own sentence already: it is not
/// said twice.
fn told(error: &anyhow::Error) -> String {
    error.chain().fold(String::new(), |said, cause| match cause.to_string() {
        cause if said.is_empty() => cause,
        cause if said.ends_with(&cause) => said,
        cause => format!("{said}: {cause}"),
    })
}

/// An argument that clap cannot check by itself.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct WrongUsage(String);

/// Prints one object as JSON and nothing else.
fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}
