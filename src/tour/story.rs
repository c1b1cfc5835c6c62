//! A whole tour without a window: [`tell`] plays every step and writes pictures, numbers and one HTML page.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::errors::TourError;
use super::format::Tour;
use super::measure::Number;
use super::names::{Names, Ran};
use super::opening::{Origin, Scene};
use super::page;
use super::pictures::{Drawn, pictures};
use super::play::{Models, Played, play};
use super::ready;
use crate::io::IoError;
use crate::io::write::target::write_whole;
use crate::jobs::Control;
use crate::render::save_png;

/// What was told.
#[derive(Debug, Clone, Serialize)]
pub struct Story {
    /// The tour's name.
    pub tour: String,
    /// Its title.
    pub title: String,
    /// The image that it is about.
    pub image: Origin,
    /// The page.
    pub page: PathBuf,
    /// What drew the pictures.
    pub device: String,
    /// All of it.
    pub seconds: f64,
    /// Every step.
    pub steps: Vec<Told>,
}

/// What was told of one step.
#[derive(Debug, Clone, Serialize)]
pub struct Told {
    /// Its title.
    pub title: String,
    /// Its work and its pictures.
    pub seconds: f64,
    /// What was measured.
    pub numbers: Vec<Number>,
    /// The models that ran.
    pub models: Vec<UsedModel>,
    /// What could not be done, and what the person must know.
    pub notices: Vec<String>,
    /// Its pictures.
    pub pictures: Vec<PathBuf>,
}

/// A model that a step ran.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UsedModel {
    /// What the tour calls the run.
    pub run: String,
    /// Name and version.
    pub model: String,
    /// SHA-256 of the weights, hexadecimal.
    pub weights_sha256: String,
    /// The licence of the weights.
    pub licence: String,
    /// The provider that really ran.
    pub provider: String,
    /// How long it took.
    pub seconds: f64,
    /// How many times the image went through.
    pub repeats: usize,
    /// Whether the input is like the training data; `None`: it has no guard.
    pub like_training_data: Option<bool>,
}

impl UsedModel {
    fn of(ran: &Ran) -> Self {
        let r = &ran.result;
        Self {
            run: ran.name.clone(),
            model: r.model.clone(),
            weights_sha256: r.weights_sha256.clone(),
            licence: ran.model.manifest.license.clone(),
            provider: r.provider.clone(),
            seconds: r.seconds.total,
            repeats: r.repeats,
            like_training_data: r.guard.as_ref().map(crate::inference::guard::Verdict::is_like),
        }
    }
}

/// What a step gave, for the page.
#[derive(Debug)]
pub(super) struct Chapter {
    pub played: Played,
    pub models: Vec<UsedModel>,
    pub drawn: Vec<Drawn>,
}

/// Plays every step and writes `index.html` and the pictures into a folder. The page is written anew after every step, so
/// that a cancel leaves what was told so far.
///
/// # Errors
/// When the image cannot be read or a file cannot be written; [`TourError::Cancelled`].
pub fn tell(tour: &Tour, models: &Models, out: &Path, control: &Control) -> Result<Story, TourError> {
    let start = std::time::Instant::now();
    let tour = &ready::fit(tour.clone(), models);
    std::fs::create_dir_all(out).map_err(|e| IoError::system(out, e))?;
    let scene = Scene::open(tour, control)?;
    let mut names = Names::of_image(scene.volume.clone());
    let page = out.join("index.html");
    let mut chapters: Vec<Chapter> = Vec::new();
    let mut told = Vec::new();
    let mut device = String::new();
    for (n, step) in tour.steps.iter().enumerate() {
        let begun = std::time::Instant::now();
        let played = play(tour, step, &names, models, control)?;
        for (name, named) in &played.named {
            names.give(name, named.clone());
        }
        control.stage(format!("Drawing step {} of {}", n + 1, tour.steps.len()), 0);
        let drawn = pictures(step, &names, &scene, control)?;
        let mut files = Vec::new();
        for one in &drawn {
            let file = out.join(format!("{:02}-{}.png", n + 1, one.name));
            save_png(&one.rendered, &file)?;
            device.clone_from(&one.rendered.device);
            files.push(file);
        }
        let models: Vec<UsedModel> = played.runs().map(|ran| UsedModel::of(ran)).collect();
        told.push(Told {
            title: step.title.clone(),
            seconds: begun.elapsed().as_secs_f64(),
            numbers: played.numbers.clone(),
            models: models.clone(),
            notices: played.notices.clone(),
            pictures: files,
        });
        chapters.push(Chapter { played, models, drawn });
        let html = page::html(tour, &scene.origin, &chapters);
        write_whole(&page, |file| file.write_all(html.as_bytes()))?;
    }
    Ok(Story {
        tour: tour.name.clone(),
        title: tour.title.clone(),
        image: scene.origin,
        page,
        device,
        seconds: start.elapsed().as_secs_f64(),
        steps: told,
    })
}
