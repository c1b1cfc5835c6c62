//! `veritome tour`: guided tours, those that ship and those of a file.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;

use super::progress::with_progress;
use crate::app;
use crate::tour::{Models, Story, Tour, ready, shipped, tell};

/// Guided tours: list, check, play.
#[derive(Debug, Args)]
pub(super) struct Tours {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The tours that ship
    List {
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Whether a file is a tour, and what is wrong with it
    Check {
        /// The .toml file.
        file: PathBuf,
    },
    /// Print the file of a tour that ships, to begin one's own with
    Print {
        /// Its name.
        name: String,
    },
    /// Play a tour
    Play(Play),
}

#[derive(Debug, Args)]
struct Play {
    /// Its name, or a .toml file.
    tour: String,
    /// Write a page with pictures instead of opening the window.
    #[arg(long)]
    headless: bool,
    /// Folder for the page and the pictures; `veritome-NAME` without it.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// A line of the list.
#[derive(Debug, Serialize)]
struct Line {
    name: String,
    title: String,
    minutes: f64,
    for_whom: String,
    steps: usize,
}

impl Tours {
    pub(super) fn run(self) -> anyhow::Result<()> {
        match self.command {
            Command::List { json } => list(json),
            Command::Check { file } => {
                let tour = shipped::open(&file)?;
                let missing = ready::missing(&tour, &Models::Installed);
                for one in &missing {
                    eprintln!("{}: {one}", file.display());
                }
                println!("{}: {}, {} steps", file.display(), tour.title, tour.steps.len());
                anyhow::ensure!(missing.is_empty(), "the tour can be read, but not all of it can be played here");
                Ok(())
            }
            Command::Print { name } => {
                // Named so that a wrong name is answered with the nearest.
                let tour = shipped::find(&name)?;
                let text = shipped::ALL.iter().find(|s| s.name == tour.name).map(shipped::Shipped::text);
                print!("{}", text.unwrap_or_default());
                Ok(())
            }
            Command::Play(play) => play.run(),
        }
    }
}

fn list(json: bool) -> anyhow::Result<()> {
    let mut lines = Vec::new();
    for shipped in shipped::ALL {
        let tour = shipped.tour()?;
        lines.push(Line {
            steps: tour.steps.len(),
            name: tour.name,
            title: tour.title,
            minutes: tour.minutes,
            for_whom: tour.for_whom,
        });
    }
    if json {
        return super::print_json(&lines);
    }
    for line in lines {
        println!("{:24} {}   {} steps, {} min", line.name, line.title, line.steps, line.minutes);
        println!("{:24} {}", "", line.for_whom);
    }
    Ok(())
}

impl Play {
    fn run(self) -> anyhow::Result<()> {
        let tour = shipped::find(&self.tour)?;
        if !self.headless && !self.json && in_window(&tour)? {
            return Ok(());
        }
        let out = self.out.unwrap_or_else(|| PathBuf::from(format!("veritome-{}", tour.name)));
        let story = headless(tour, &out)?;
        if self.json {
            return super::print_json(&story);
        }
        println!("{}", story.page.display());
        Ok(())
    }
}

/// Opens the window on a tour and says true when it was closed; false, with a line that says why, where none opens.
pub(super) fn in_window(tour: &Tour) -> anyhow::Result<bool> {
    if !app::has_display() {
        eprintln!("There is no display here: writing a page with pictures instead of opening the window");
        return Ok(false);
    }
    let options = app::WindowOptions { tour: Some(tour.clone()), ..app::WindowOptions::default() };
    match app::open_window(Vec::new(), options) {
        Ok(()) => Ok(true),
        Err(error) => {
            eprintln!("veritome: the window could not be opened ({error:#}); writing a page with pictures instead");
            Ok(false)
        }
    }
}

/// Plays a tour without a window; what was found goes to standard error as well as into the page.
pub(super) fn headless(tour: Tour, out: &Path) -> anyhow::Result<Story> {
    let (name, out) = (tour.title.clone(), out.to_owned());
    let story = with_progress(&name, move |control| tell(&tour, &Models::Installed, &out, control))??;
    eprintln!("{}", story.image.notice);
    for (n, step) in story.steps.iter().enumerate() {
        eprintln!("{:>2}. {} ({:.1} s)", n + 1, step.title, step.seconds);
        for number in &step.numbers {
            eprintln!("    {}: {}", number.title, number.words);
        }
        for notice in &step.notices {
            eprintln!("    Note: {notice}");
        }
    }
    Ok(story)
}
