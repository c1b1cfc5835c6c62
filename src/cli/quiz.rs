//! `veritome quiz`: synthetic or real?

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use super::print_json;
use super::progress::with_progress;
use crate::app::has_display;
use crate::app::reading::{Desk, open_room};
use crate::inference::manifest::{Model, models};
use crate::io::samples;
use crate::reader_study::quiz::pairs::makes_images;
use crate::reader_study::quiz::shipped::{Quiz, QuizError, SHIPPED_SEED, build, ensure};

/// Ten images, half of them made by models: which are real? Judged at once, with hints.
#[derive(Debug, Args)]
pub(super) struct QuizCommand {
    /// The package of a quiz that was made from a plan; without it, the shipped one.
    package: Option<PathBuf>,
    /// Make the shipped quiz at DIR, which is new or empty, and list its cases with their truth instead of playing.
    #[arg(long, value_name = "DIR", conflicts_with = "package")]
    build: Option<PathBuf>,
    /// Other places of the head, in another order.
    #[arg(long, default_value_t = SHIPPED_SEED, conflicts_with = "package")]
    seed: u64,
    /// Print one JSON object instead of playing.
    #[arg(long, conflicts_with = "package")]
    json: bool,
}

impl QuizCommand {
    pub(super) fn run(self) -> anyhow::Result<()> {
        if let Some(package) = &self.package {
            return open_room(Desk::quiz(package)?);
        }
        let plays = self.build.is_none() && !self.json;
        anyhow::ensure!(
            !plays || has_display(),
            "there is no display here to play on; `veritome quiz --build DIR --json` makes the quiz and lists its cases"
        );
        let (seed, at) = (self.seed, self.build);
        let quiz = with_progress("Making the quiz", move |control| -> anyhow::Result<Quiz> {
            let Some(folder) = at else { return Ok(ensure(seed, control)?) };
            let sample = samples::head(control)?;
            if sample.fallback {
                return Err(QuizError::Phantom { reason: sample.reason }.into());
            }
            crate::inference::runtime::ensure(control)?;
            let installed = models().into_iter().filter_map(|found| found.model.ok());
            let suitable: Vec<Model> = installed.filter(makes_images).collect();
            build(&sample.path, &sample.name, &suitable, seed, &folder, control)
                .with_context(|| folder.display().to_string())
        })??;
        if plays {
            return open_room(Desk::quiz(&quiz.package)?);
        }
        if self.json {
            return print_json(&serde_json::json!({
                "package": quiz.package,
                "head": quiz.head,
                "made_of": quiz.made_of,
                "cases": quiz.cases,
                "left_out": quiz.left_out,
            }));
        }
        for case in &quiz.cases {
            let kind = if case.synthetic { "synthetic" } else { "real" };
            let [x, y, z] = case.center_mm;
            println!("{}  {kind:<9}  {}  at {x:.0}, {y:.0}, {z:.0} mm", case.id, case.model);
        }
        for left in &quiz.left_out {
            eprintln!("veritome: {} takes no part: {}", left.model, left.why);
        }
        println!("{}", quiz.package.display());
        Ok(())
    }
}
