//! The image that a tour is about: [`Scene`].

use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

use super::errors::TourError;
use super::format::Tour;
use crate::io::{self, samples};
use crate::jobs::Control;
use crate::volume::Volume;

/// The image of a tour, with its headers.
#[derive(Debug, Clone)]
pub struct Scene {
    /// The study that it is in.
    pub study: io::Study,
    /// Its series.
    pub series: io::Series,
    /// Its voxels.
    pub volume: Arc<Volume>,
    /// Where it came from.
    pub origin: Origin,
}

/// Where a tour's image came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// What it is.
    pub name: String,
    /// Where it came from.
    pub source: String,
    /// Its licence; empty where it is not known.
    pub licence: String,
    /// Whether it is the computed phantom, in place of a real head.
    pub phantom: bool,
    /// All that in a sentence.
    pub notice: String,
}

impl From<&samples::Sample> for Origin {
    fn from(s: &samples::Sample) -> Self {
        Self {
            name: s.name.clone(),
            source: s.source.clone(),
            licence: s.licence.clone(),
            phantom: s.fallback,
            notice: s.notice(),
        }
    }
}

impl Scene {
    /// Gets and reads the image of a tour: the demo's head (or the phantom, which says so), or the file beside it.
    ///
    /// # Errors
    /// When there is none or it cannot be read; [`TourError::Cancelled`].
    pub fn open(tour: &Tour, control: &Control) -> Result<Self, TourError> {
        let (path, origin) = match &tour.image {
            Some(file) => {
                let path = tour.folder.as_ref().map_or_else(|| file.clone(), |folder| folder.join(file));
                let name = file.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
                let source = file.display().to_string();
                let notice = format!("{name}, a file that this tour brings along");
                (path, Origin { name, source, licence: String::new(), phantom: false, notice })
            }
            None => {
                let sample = samples::head(control)?;
                (sample.path.clone(), Origin::from(&sample))
            }
        };
        control.stage("Opening the image", 0);
        let (study, series) = first_image(path, control)?;
        let volume = Arc::new(series.load(0, control)?);
        Ok(Self { study, series, volume, origin })
    }
}

fn first_image(path: PathBuf, control: &Control) -> Result<(io::Study, io::Series), TourError> {
    let opened = io::open(&path, control)?;
    let first = opened.studies.into_iter().find_map(|study| {
        let series = study.series.iter().find(|s| s.is_image())?.clone();
        Some((io::Study { series: vec![series.clone()], ..study }, series))
    });
    first.ok_or(TourError::NoImage { path })
}
