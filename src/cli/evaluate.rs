//! `veritome evaluate`: many cases with several models, into tables and a report.

use std::path::PathBuf;

use clap::Args;

use super::print_json;
use super::progress::with_progress;
use super::run::ProviderName;
use crate::evaluate::{Fingerprint, ImagingWork, Pairing, Plan, RunOptions, Setting, Statistics, run, write_results};
use crate::provenance;

/// Measure many cases with several models or predictions; finished ones are not done again.
#[derive(Debug, Args)]
pub(super) struct Evaluate {
    /// The plan; paths in it are relative to its folder.
    #[arg(value_name = "PLAN.toml")]
    plan: PathBuf,
    /// How many cases at once.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256))]
    jobs: u32,
    /// Do again what is finished.
    #[arg(long)]
    again: bool,
    /// Know files again by their content instead of their size and time.
    #[arg(long)]
    by_content: bool,
    /// Bring what lies on another grid than its reference onto it, which interpolates.
    #[arg(long)]
    resample: bool,
    /// Look which files make which case, and stop.
    #[arg(long)]
    dry_run: bool,
    /// Where networks run. Only `auto` may fall back, and says so.
    #[arg(long, value_enum, default_value = "auto")]
    provider: ProviderName,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Evaluate {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let plan = Plan::read(&self.plan)?;
        let pairing = Pairing::of(&plan)?;
        for finding in &pairing.findings {
            eprintln!("veritome: {finding}");
        }
        if self.dry_run {
            for case in &pairing.cases {
                let files = case.files().into_iter().map(|(what, path)| format!("{what} {}", path.display()));
                println!("{}: {}", case.name, files.collect::<Vec<_>>().join(", "));
            }
            return Ok(());
        }
        let options = RunOptions {
            at_once: self.jobs as usize,
            again: self.again,
            fingerprint: if self.by_content { Fingerprint::Content } else { Fingerprint::Times },
        };
        let work = ImagingWork::new(self.provider.into(), self.resample);
        let started = provenance::now();
        let evaluation = with_progress("Evaluating", move |control| run(plan, pairing, &work, options, control))??;
        for note in &evaluation.notes {
            eprintln!("veritome: {note}");
        }
        let statistics = Statistics::of(&evaluation)?;
        let setting = Setting {
            software: format!("Veritome {}", env!("CARGO_PKG_VERSION")),
            machine: vec![("Machine".to_owned(), provenance::machine())],
            started,
            ended: provenance::now(),
            simulated: None,
        };
        let written = write_results(&evaluation, &statistics, &setting)?;
        let failed = evaluation.records.iter().filter(|r| r.failed.is_some()).count();
        if self.json {
            print_json(&serde_json::json!({
                "report": written.report,
                "tables": written.tables,
                "cases": evaluation.cases.len(),
                "models": evaluation.models.iter().map(|m| &m.name).collect::<Vec<_>>(),
                "jobs": evaluation.records.len(),
                "reused": evaluation.reused,
                "failed": failed,
            }))?;
        } else {
            let (cases, models) = (evaluation.cases.len(), evaluation.models.len());
            println!(
                "{cases} cases, {models} models; {} jobs were finished before, {failed} failed",
                evaluation.reused
            );
            println!("{}", written.report.display());
            for table in &written.tables {
                println!("{}", table.display());
            }
        }
        anyhow::ensure!(failed < evaluation.records.len() || failed == 0, "not one case could be measured");
        Ok(())
    }
}
