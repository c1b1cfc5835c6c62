//! `veritome demo`: the whole story on one real head as a guided tour; in the window, or as a page with pictures.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use serde::Serialize;

use super::tour::{headless, in_window};
use crate::display::View;
use crate::tour::shipped::{DEMO, find};
use crate::tour::story::{Story, Told};

/// The step that the four views come from: the one that runs this.
const BRAIN: &str = "brain";

/// The whole story on a real head: mask, tissues, synthesis, anomaly, noise, resolution.
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Write a page with pictures instead of opening the window.
    #[arg(long)]
    headless: bool,
    /// Folder for the page and the pictures.
    #[arg(long, value_name = "DIR", default_value = "veritome-demo")]
    out: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// What the demo found, for `--json`: the story, and its first findings at the top.
#[derive(Debug, Serialize)]
struct Found {
    sample: String,
    sample_source: String,
    sample_license: String,
    phantom: bool,
    model: Option<String>,
    provider: Option<String>,
    brain_volume_ml: Option<f64>,
    /// The four views of the head with its brain, then all other pictures.
    pictures: Vec<PathBuf>,
    #[serde(flatten)]
    story: Story,
}

impl Demo {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let tour = find(DEMO)?;
        if !self.headless && !self.json && in_window(&tour)? {
            return Ok(());
        }
        let mut story = headless(tour, &self.out)?;
        let mut views = Vec::new();
        if let Some(told) = story.steps.iter_mut().find(|t| t.models.iter().any(|m| m.run == BRAIN)) {
            views = name_views(told, &self.out)?;
        }
        if self.json {
            return super::print_json(&Found::of(story, views));
        }
        println!("{}", story.page.display());
        for picture in &views {
            println!("{}", picture.display());
        }
        Ok(())
    }
}

/// Calls the four views of a step by their names alone, as they are looked for.
fn name_views(told: &mut Told, out: &std::path::Path) -> anyhow::Result<Vec<PathBuf>> {
    let names = View::ALL.map(View::name).into_iter().chain(["volume"]);
    let mut views = Vec::new();
    for name in names {
        let end = format!("-{name}.png");
        let is = |p: &&mut PathBuf| p.file_name().is_some_and(|f| f.to_string_lossy().ends_with(&end));
        if let Some(picture) = told.pictures.iter_mut().find(is) {
            let to = out.join(format!("{name}.png"));
            std::fs::rename(&picture, &to).with_context(|| to.display().to_string())?;
            picture.clone_from(&to);
            views.push(to);
        }
    }
    Ok(views)
}

impl Found {
    fn of(story: Story, views: Vec<PathBuf>) -> Self {
        let brain = story.steps.iter().find_map(|t| Some((t, t.models.iter().find(|m| m.run == BRAIN)?)));
        let all = story.steps.iter().flat_map(|t| &t.pictures).filter(|p| !views.contains(p)).cloned();
        Self {
            sample: story.image.name.clone(),
            sample_source: story.image.source.clone(),
            sample_license: story.image.licence.clone(),
            phantom: story.image.phantom,
            model: brain.map(|(_, m)| m.model.clone()),
            provider: brain.map(|(_, m)| m.provider.clone()),
            brain_volume_ml: brain.and_then(|(t, _)| t.numbers.iter().find(|n| n.what == "volume_ml")?.value),
            pictures: views.iter().cloned().chain(all).collect(),
            story,
        }
    }
}
