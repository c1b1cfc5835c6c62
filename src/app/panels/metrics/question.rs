//! What can be measured, what was asked, what came of it.

use std::sync::Arc;

use crate::app::library::{Load, SeriesId};
use crate::app::state::Model;
use crate::evaluate::comparing::{
    ComparedImages, ComparingError, ImageOptions, LabelOptions, ScoreOptions, Sheet, compare_images, compare_labels,
    compare_scores,
};
use crate::jobs::Control;
use crate::metrics::DataRange;
use crate::render::scene::Content;
use crate::volume::Labelmap;

/// Names an image or a label map for as long as the window is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub series: SeriesId,
    /// The layer over it; `None`: the series itself.
    pub overlay: Option<u64>,
}

/// Something that can be measured.
#[derive(Debug, Clone)]
pub(crate) struct Choosable {
    pub place: Place,
    pub name: String,
    pub content: Content,
}

impl Choosable {
    pub fn is_labels(&self) -> bool {
        matches!(self.content, Content::Labels(_))
    }

    pub fn labels(&self) -> Option<&Arc<Labelmap>> {
        match &self.content {
            Content::Labels(map) => Some(map),
            Content::Image(_) => None,
        }
    }

    /// Whether it is the same voxels: which labels are on show, or a person's word, makes no other ones.
    pub fn is_same(&self, other: &Self) -> bool {
        self.place == other.place
            && match (&self.content, &other.content) {
                (Content::Image(a), Content::Image(b)) => Arc::ptr_eq(a, b),
                (Content::Labels(a), Content::Labels(b)) => Arc::ptr_eq(&a.voxels, &b.voxels),
                _ => false,
            }
    }
}

/// All images and label maps that are there as a whole: series in the order of the browser, each with its layers from
/// below.
pub(crate) fn choosable(model: &Model) -> Vec<Choosable> {
    let mut all = Vec::new();
    for series in model.library.images() {
        let Some(entry) = model.library.get(series) else { continue };
        let stage = model.stages.get(&series);
        let volume = match (&entry.load, stage) {
            (_, Some(stage)) if stage.whole => Some(stage.base.content.clone()),
            (Load::Ready(loaded), _) => Some(Content::Image(loaded.volume.clone())),
            _ => None,
        };
        let name = entry.series.description.clone();
        all.extend(volume.map(|content| Choosable {
            place: Place { series, overlay: None },
            name: name.clone(),
            content,
        }));
        for overlay in stage.into_iter().flat_map(|s| &s.overlays) {
            let place = Place { series, overlay: Some(overlay.id) };
            let name = format!("{}, over {name}", overlay.layer.name);
            all.push(Choosable { place, name, content: overlay.layer.content.clone() });
        }
    }
    all
}

/// What is asked.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub reference: Choosable,
    pub test: Choosable,
    pub mask: Option<Choosable>,
    /// The stated data range; `None`: of the reference.
    pub range: Option<f64>,
    /// Of the surface Dice.
    pub tolerance_mm: f64,
    /// The label that scores are to find; `None`: all together.
    pub label: Option<u16>,
    pub resample: bool,
}

impl Question {
    /// Whether an answer to the other one answers this one.
    pub fn is_same(&self, other: &Self) -> bool {
        let same_mask = match (&self.mask, &other.mask) {
            (None, None) => true,
            (Some(a), Some(b)) => a.is_same(b),
            _ => false,
        };
        self.reference.is_same(&other.reference)
            && self.test.is_same(&other.test)
            && same_mask
            && self.range == other.range
            && self.tolerance_mm == other.tolerance_mm
            && self.label == other.label
            && self.resample == other.resample
    }

    /// What would be measured, or why nothing can be.
    pub fn kind(&self) -> Result<Kind, &'static str> {
        if self.reference.place == self.test.place {
            return Err("Reference and test are the same layer");
        }
        match (self.reference.is_labels(), self.test.is_labels()) {
            (false, false) => Ok(Kind::Images),
            (true, true) => Ok(Kind::Labels),
            (true, false) => Ok(Kind::Scores),
            (false, true) => Err("A label map is measured against a label map; to judge an image as a map of scores, \
                                  choose the label map as the reference"),
        }
    }

    /// Measures; not for the thread that draws.
    ///
    /// # Errors
    /// When the two do not make a pair, or the person stops it.
    pub fn answer(&self, control: &Control) -> Result<Answered, ComparingError> {
        let mask = self.mask.as_ref().and_then(Choosable::labels);
        let mask = mask.map(Arc::as_ref);
        let (sheet, images) = match (&self.reference.content, &self.test.content) {
            (Content::Image(reference), Content::Image(test)) => {
                let range = self.range.map(DataRange::new).transpose()?;
                let options = ImageOptions {
                    mask,
                    range,
                    resample: self.resample,
                    // The panel shows the note above the numbers.
                    across_units: true,
                    detail: true,
                    ..ImageOptions::default()
                };
                let compared = compare_images(reference, test, &options, control)?;
                (Sheet::of_images(&compared), Some(Arc::new(compared)))
            }
            (Content::Labels(reference), Content::Labels(test)) => {
                let options =
                    LabelOptions { tolerance_mm: self.tolerance_mm, mask, components: false, resample: self.resample };
                let compared = compare_labels(reference, test, &options, control)?;
                (Sheet::of_labels(&compared), None)
            }
            (Content::Labels(reference), Content::Image(scores)) => {
                let options = ScoreOptions { label: self.label, mask, resample: self.resample };
                (Sheet::of_scores(&compare_scores(reference, scores, &options, control)?), None)
            }
            (Content::Image(_), Content::Labels(_)) => (Sheet::default(), None),
        };
        control.checkpoint()?;
        let sheet = Sheet {
            reference: self.reference.name.clone(),
            test: self.test.name.clone(),
            mask: self.mask.as_ref().map(|m| m.name.clone()),
            ..sheet
        };
        Ok(Answered { sheet, images })
    }
}

/// What is measured of two layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Images,
    Labels,
    Scores,
}

/// What came of a question.
#[derive(Debug, Clone)]
pub(crate) struct Answered {
    pub sheet: Sheet,
    /// Two images: also their errors voxel by voxel.
    pub images: Option<Arc<ComparedImages>>,
}
