//! What is open: patients, studies, series, and how far each series is loaded.

use std::collections::BTreeMap;
use std::sync::Arc;

use eframe::egui::{ColorImage, TextureHandle};

use super::stage::Extent;
use crate::display::{Voi, Window};
use crate::error::{Warning, WarningCode};
use crate::io::{Opened, Patient, Series, Study};
use crate::jobs::Control;
use crate::render::Fidelity;
use crate::render::scene::TransferFunction;
use crate::volume::{Space, Volume, statistics::Histogram};

/// Names a series for as long as the window is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SeriesId(pub usize);

/// A volume with all that showing it needs, made on a worker.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    pub volume: Arc<Volume>,
    /// The automatic window.
    pub auto: Window,
    /// What the header wants, else the automatic window.
    pub voi: Voi,
    pub histogram: Option<Arc<Histogram>>,
    /// Transfer functions that make sense for it, the first choice first.
    pub presets: Arc<Vec<TransferFunction>>,
}

/// How far a series is.
#[derive(Debug, Clone, Default)]
pub(crate) enum Load {
    /// Nobody asked for it.
    #[default]
    Idle,
    /// On its way; the control shows how far.
    Running(Control),
    /// There.
    Ready(Loaded),
    /// It failed; the text says why.
    Failed(String),
}

/// One series of the browser.
pub(crate) struct Entry {
    pub series: Series,
    /// The middle slice, once decoded.
    pub preview: Option<Loaded>,
    pub thumbnail: Option<ColorImage>,
    pub texture: Option<TextureHandle>,
    /// Why there is no preview.
    pub preview_error: Option<String>,
    pub load: Load,
    pub time_point: usize,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entry").field("series", &self.series).field("load", &self.load).finish_non_exhaustive()
    }
}

impl Entry {
    /// The volume if it is there, else the middle slice.
    pub fn best(&self) -> Option<(&Loaded, Extent)> {
        match &self.load {
            Load::Ready(loaded) => Some((loaded, Extent::Whole)),
            _ => {
                let extent = Extent::Slice { index: self.series.middle(), of: self.series.size[2] };
                self.preview.as_ref().map(|p| (p, extent))
            }
        }
    }

    /// Whether its content was made artificially, as far as is known now.
    pub fn is_synthetic(&self) -> bool {
        self.best().is_some_and(|(l, _)| l.volume.provenance.is_synthetic())
            || self.series.warnings.iter().any(|w| w.code == WarningCode::Synthetic)
    }

    /// Whether cuts in other planes make sense: it has a place in the patient and enough slices, not much further apart
    /// than the pixels.
    pub fn is_volumetric(&self) -> bool {
        let [nx, ny, nz] = self.series.size;
        let spacing = self.series.geometry.as_ref().map_or([1.0; 3], crate::volume::Geometry::spacing_mm);
        self.series.space.is_patient()
            && self.series.geometry.is_some()
            && nx.min(ny).min(nz) >= 16
            && spacing[2] / spacing[0].max(spacing[1]).max(1e-9) < 4.5
    }

    /// What lowers the quality of its pictures, as far as is known.
    pub fn fidelity(&self) -> Fidelity {
        let uneven = |w: &Warning| matches!(w.code, WarningCode::UnevenSpacing | WarningCode::MissingSlices);
        Fidelity { uneven_spacing: self.series.warnings.iter().any(uneven), ..Fidelity::default() }
    }

    /// Why it is shown as a stack only.
    pub fn stack_reason(&self) -> Option<&str> {
        match &self.series.space {
            Space::Stack { reason, .. } => Some(reason),
            Space::Patient { .. } => None,
        }
    }
}

/// A study without its series, which are entries.
#[derive(Debug)]
pub(crate) struct StudyEntry {
    pub study: Study,
    pub series: Vec<SeriesId>,
}

/// Everything that is open.
#[derive(Debug, Default)]
pub(crate) struct Library {
    pub studies: Vec<StudyEntry>,
    entries: BTreeMap<SeriesId, Entry>,
    next: usize,
}

impl Library {
    /// Adds what was opened; gives the new image series in order.
    pub fn add(&mut self, opened: Opened) -> Vec<SeriesId> {
        let mut images = Vec::new();
        for mut study in opened.studies {
            let series = std::mem::take(&mut study.series);
            let mut ids = Vec::new();
            for one in series {
                let id = SeriesId(self.next);
                self.next += 1;
                if one.is_image() {
                    images.push(id);
                }
                ids.push(id);
                self.entries.insert(
                    id,
                    Entry {
                        series: one,
                        preview: None,
                        thumbnail: None,
                        texture: None,
                        preview_error: None,
                        load: Load::Idle,
                        time_point: 0,
                    },
                );
            }
            match self.studies.iter_mut().find(|s| s.study.uid == study.uid && s.study.patient.id == study.patient.id) {
                Some(known) => known.series.extend(ids),
                None => self.studies.push(StudyEntry { study, series: ids }),
            }
        }
        images
    }

    /// Nothing is open any more; names are not used again, so that what still remembers one finds nothing.
    pub fn clear(&mut self) {
        *self = Self { next: self.next, ..Self::default() };
    }

    pub fn get(&self, id: SeriesId) -> Option<&Entry> {
        self.entries.get(&id)
    }

    pub fn get_mut(&mut self, id: SeriesId) -> Option<&mut Entry> {
        self.entries.get_mut(&id)
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The study that a series belongs to.
    pub fn study_of(&self, id: SeriesId) -> Option<&Study> {
        self.studies.iter().find(|s| s.series.contains(&id)).map(|s| &s.study)
    }

    /// All image series in the order of the browser.
    pub fn images(&self) -> Vec<SeriesId> {
        self.studies
            .iter()
            .flat_map(|s| &s.series)
            .copied()
            .filter(|id| self.get(*id).is_some_and(|e| e.series.is_image()))
            .collect()
    }

    /// Studies by patient, in the order in which they came.
    pub fn by_patient(&self) -> Vec<(&Patient, Vec<&StudyEntry>)> {
        let mut groups: Vec<(&Patient, Vec<&StudyEntry>)> = Vec::new();
        for study in &self.studies {
            let patient = &study.study.patient;
            match groups.iter_mut().find(|(p, _)| p.id == patient.id && p.name == patient.name) {
                Some((_, list)) => list.push(study),
                None => groups.push((patient, vec![study])),
            }
        }
        groups
    }
}
