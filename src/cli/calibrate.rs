//! `veritome calibrate`: temperature, conformal interval and guard of a model from labelled cases.

use std::path::PathBuf;

use clap::Args;

use super::print_json;
use super::progress::with_progress;
use super::run::ProviderName;
use crate::inference::calibrate::{CalibrationOptions, calibrate};
use crate::inference::{manifest, runtime};

/// Calibrate a model on labelled cases and write the numbers into its manifest.
#[derive(Debug, Args)]
pub(super) struct Calibrate {
    /// Name or folder of the model.
    model: String,
    /// Folder of cases: CASE/NAME.nii.gz or CASE_NAME.nii.gz, NAME being each input and output of the manifest.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Share of cases that the interval may miss.
    #[arg(long, default_value_t = 0.1)]
    alpha: f64,
    /// Share of cases set aside to test the numbers.
    #[arg(long, default_value_t = 0.3)]
    hold_out: f64,
    /// Seed of the split.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Replace the guard's numbers in the manifest; otherwise only missing ones are written.
    #[arg(long)]
    replace_guard: bool,
    /// Only the guard's numbers, from the inputs alone: no run of the network, no truth needed.
    #[arg(long)]
    guard_only: bool,
    /// Print the numbers, leave the manifest as it is.
    #[arg(long)]
    dry_run: bool,
    /// Where the network runs. Only `auto` may fall back, and says so.
    #[arg(long, value_enum, default_value = "auto")]
    provider: ProviderName,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Calibrate {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let json = self.json;
        let found = with_progress("Calibrating the model", move |control| -> anyhow::Result<_> {
            let model = manifest::find(&self.model)?;
            runtime::ensure(control)?;
            let options = CalibrationOptions {
                alpha: self.alpha,
                hold_out: self.hold_out,
                seed: self.seed,
                provider: self.provider.into(),
                dry_run: self.dry_run,
                replace_guard: self.replace_guard,
                guard_only: self.guard_only,
            };
            Ok(calibrate(&model, &self.data, &options, control)?)
        })??;
        if json {
            return print_json(&found);
        }
        for warning in &found.warnings {
            eprintln!("veritome: {warning}");
        }
        println!("{}: {} cases, {} held aside", found.model, found.cases.len(), found.held_out.len());
        if let Some(t) = &found.temperature {
            println!("{}: temperature {:.4} ({} voxels)", t.output, t.temperature, t.voxels);
            println!("  calibration error {:.4} -> {:.4}", t.ece_before, t.ece_after);
            println!("  negative log likelihood {:.4} -> {:.4}", t.nll_before, t.nll_after);
        }
        if let Some(i) = &found.interval {
            let unit = if i.residual == "scaled" { " standard deviations" } else { "" };
            println!("{}: interval ± {:.4}{unit} (alpha {}, {} cases)", i.output, i.quantile, i.alpha, i.n);
            if let (Some(cases), Some(voxels)) = (i.coverage_cases, i.coverage_voxels) {
                println!("  held-aside cases covered {:.1} %, voxels {:.1} %", cases * 100.0, voxels * 100.0);
            }
        }
        let g = &found.guard;
        for (what, range) in [("spacing", g.spacing_mm_range), ("field of view", g.field_of_view_mm)] {
            if let Some([low, high]) = range {
                println!("guard: {what} {low} to {high} mm");
            }
        }
        if let Some(distance) = g.histogram_max_distance {
            println!("guard: histogram distance at most {distance:.4}");
        }
        println!("{}", if found.written { "manifest.toml was changed" } else { "manifest.toml was left as it is" });
        Ok(())
    }
}
