//! The images of a trial, read on another thread: those of the next one while the reader answers this one.

use std::path::{Path, PathBuf};

use crate::app::library::Loaded;
use crate::app::tasks::measured;
use crate::io::{self, IoError, Study, labels};
use crate::jobs::{Control, Job, Poll, in_background};
use crate::reader_study::design::PublicTrial;
use crate::reader_study::package::checksums::{self, Checksums};
use crate::render::scene::Layer;
use crate::volume::Provenance;

/// One image that is ready to be shown.
pub(super) struct Blob {
    pub study: Study,
    pub loaded: Loaded,
    /// The labelmap that is judged.
    pub overlay: Option<Layer>,
    /// The map that a player may ask for, with its range.
    pub hint: Option<(Layer, [f64; 2])>,
}

/// The images of one trial, or why they could not be read.
type OfTrial = Result<Vec<Blob>, String>;

/// Reads trials one after the other.
#[derive(Default)]
pub(super) struct Blobs {
    running: Option<(usize, Job<OfTrial>)>,
    ready: Option<(usize, OfTrial)>,
}

impl Blobs {
    /// Begins to read trial `at`, unless it is here or on its way.
    pub fn want(&mut self, at: usize, trial: &PublicTrial, package: &Path, wake: impl Fn() + Send + 'static) {
        let here = self.ready.as_ref().is_some_and(|(known, _)| *known == at);
        if here || self.running.as_ref().is_some_and(|(known, _)| *known == at) {
            return;
        }
        if let Some((_, old)) = self.running.take() {
            old.control().cancel();
        }
        let (trial, package) = (trial.clone(), package.to_owned());
        let job = Job::spawn("Images of a trial", move |control| {
            let read = in_background(|| read(&package, &trial, control));
            wake();
            read.map_err(|e| e.to_string())
        });
        self.running = Some((at, job));
    }

    /// The images of trial `at`, once.
    pub fn take(&mut self, at: usize) -> Option<OfTrial> {
        self.poll();
        if self.ready.as_ref().is_some_and(|(known, _)| *known == at) {
            return self.ready.take().map(|(_, blobs)| blobs);
        }
        None
    }

    fn poll(&mut self) {
        let Some((at, job)) = &self.running else { return };
        let result = match job.poll() {
            Poll::Running => return,
            Poll::Ready(result) => result,
            Poll::Gone => Err("the images could not be read: a fault in Veritome".to_owned()),
        };
        self.ready = Some((*at, result));
        self.running = None;
    }

    /// Whether nothing is on its way.
    pub fn is_idle(&mut self) -> bool {
        self.poll();
        self.running.is_none()
    }
}

/// Where a blob lies: NIfTI, or NRRD for pictures without a place.
fn path(package: &Path, blob: &str) -> PathBuf {
    let at = |ending: &str| package.join("images").join(format!("{blob}.{ending}"));
    let nifti = at("nii");
    if nifti.exists() { nifti } else { at("nrrd") }
}

fn read(
    package: &Path,
    trial: &PublicTrial,
    control: &Control,
) -> Result<Vec<Blob>, crate::reader_study::package::PackageError> {
    let sums = Checksums::read(package)?;
    let check = |path: &Path| {
        let relative = path.strip_prefix(package).unwrap_or(path).to_string_lossy().replace('\\', "/");
        sums.check(package, &relative, checksums::FILE)
    };
    let mut blobs: Vec<Blob> = Vec::new();
    for blob in &trial.images {
        let path = path(package, blob);
        check(&path)?;
        let study = io::open(&path, control)?.studies.into_iter().next();
        let mut study = study.ok_or_else(|| IoError::format(&path, "an image", "none"))?;
        study.series.truncate(1);
        let series = study.series.first().ok_or_else(|| IoError::format(&path, "an image", "none"))?;
        let mut volume = series.load(0, control)?;
        // Whatever its file says: in this room all bear the same mark.
        volume.provenance = Provenance::blinded(Vec::new());
        blobs.push(Blob { study, loaded: measured(volume), overlay: None, hint: None });
    }
    if let (Some(name), Some(first)) = (&trial.overlay, blobs.first_mut()) {
        let path = path(package, name);
        check(&path)?;
        let mut map = labels::read_labelmap(&path, control)?;
        map.provenance = Provenance::blinded(Vec::new());
        "Result".clone_into(&mut map.name);
        first.overlay = Some(Layer::labels(std::sync::Arc::new(map)));
    }
    if let (Some(name), Some(first)) = (&trial.hint, blobs.first_mut()) {
        let path = path(package, name);
        check(&path)?;
        let (mut map, _) = crate::reader_study::package::images::load(&path, control)?;
        map.provenance = Provenance::blinded(Vec::new());
        "Hint".clone_into(&mut map.name);
        first.hint = Some(super::quiz::map_layer(map));
    }
    Ok(blobs)
}
