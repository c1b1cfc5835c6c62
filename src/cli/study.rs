//! `veritome study`: reader studies.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::progress::with_progress;
use super::{WrongUsage, print_json};
use crate::reader_study::analysis::{CovarianceMethod, RatingsTable, ReportOptions, StudyReport, methods_text};

/// Reader studies.
#[derive(Debug, Args)]
pub(super) struct Study {
    #[command(subcommand)]
    command: StudyCommand,
}

#[derive(Debug, Subcommand)]
enum StudyCommand {
    /// From ratings to areas, tests and intervals
    Analyze(Analyze),
}

/// Multi-reader multi-case analysis of a table of ratings.
#[derive(Debug, Args)]
struct Analyze {
    /// A table reader,modality,case,truth,rating: every reader reads every case in every modality.
    #[arg(long, value_name = "FILE.csv")]
    ratings: PathBuf,
    /// Where the covariances over cases come from.
    #[arg(long, value_enum, default_value = "jackknife")]
    covariance: Covariance,
    /// Draws of the bootstrap.
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    resamples: u32,
    /// Seed of the bootstrap.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// One minus the confidence of the intervals.
    #[arg(long, default_value_t = 0.05)]
    alpha: f64,
    /// Margin of noninferiority of the second modality to the first, fixed before the study; a difference of areas.
    #[arg(long)]
    margin: Option<f64>,
    /// Leave out cases that were not read by every reader in every modality, for all, and say how many.
    #[arg(long)]
    drop_incomplete: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Covariance {
    Jackknife,
    Delong,
    Bootstrap,
}

impl Study {
    pub(super) fn run(self) -> anyhow::Result<()> {
        match self.command {
            StudyCommand::Analyze(analyze) => analyze.run(),
        }
    }
}

impl Analyze {
    fn run(self) -> anyhow::Result<()> {
        if !(self.alpha > 0.0 && self.alpha < 1.0) {
            return Err(WrongUsage("--alpha must lie between 0 and 1".into()).into());
        }
        let json = self.json;
        let report = with_progress("Analysing the ratings", move |_| self.report())??;
        if json {
            return print_json(&report.to_json());
        }
        print!("{}", methods_text::text(&report));
        Ok(())
    }

    fn report(&self) -> anyhow::Result<StudyReport> {
        let mut table = RatingsTable::read(&self.ratings)?;
        let mut dropped = None;
        if self.drop_incomplete {
            let (complete, left_out) = table.drop_incomplete()?;
            (table, dropped) = (complete, Some(left_out).filter(|d| !d.cases.is_empty()));
        }
        let covariance = match self.covariance {
            Covariance::Jackknife => CovarianceMethod::Jackknife,
            Covariance::Delong => CovarianceMethod::DeLong,
            Covariance::Bootstrap => {
                CovarianceMethod::Bootstrap { resamples: self.resamples as usize, seed: self.seed }
            }
        };
        let options = ReportOptions { covariance, alpha: self.alpha, margin: self.margin, dropped };
        Ok(StudyReport::new(&table.crossed()?, &options)?)
    }
}
