//! The model of the window: what is open, what each viewport shows, tools and settings.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::action::{Layout, Tool};
use super::library::{Library, SeriesId};
use super::measuring::Measuring;
use super::pane::{Kind, Pane, middle};
use super::panels::record::RecordView;
use super::panels::settings::Preferences;
use super::results::Prepared;
use super::side_panels::SidePanels;
use super::stage::{Extent, Showing, Side, Stage};
use super::touring::Touring;
use crate::display::View;
use crate::render::Fidelity;
use crate::tour::Scene;
use crate::volume::{PatientPoint, Space};

/// What survives a restart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Settings {
    pub layout: Layout,
    #[serde(flatten)]
    pub preferences: Preferences,
    pub show_crosshair: bool,
    pub show_reference_lines: bool,
    pub sync: bool,
    pub studies_open: bool,
    pub layers_open: bool,
    /// What is known at the cursor.
    pub why_open: bool,
    /// Licences of models that the person has read: `name version: licence`.
    pub licences: BTreeSet<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            layout: Layout::FourUp,
            preferences: Preferences::default(),
            show_crosshair: true,
            show_reference_lines: true,
            sync: true,
            studies_open: true,
            layers_open: true,
            why_open: false,
            licences: BTreeSet::new(),
        }
    }
}

/// A window in the window, at most one at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialog {
    Palette,
    Help,
    Settings,
    Keys,
    Log,
    Tags,
    Record,
    Study,
    Metrics,
    Reading,
    Analysis,
}

/// What the pointer is over, for the status bar and the legends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Probe {
    pub series: SeriesId,
    pub point: PatientPoint,
}

/// Everything but jobs and textures.
#[derive(Debug)]
pub(crate) struct Model {
    pub library: Library,
    pub stages: BTreeMap<SeriesId, Stage>,
    pub layout: Layout,
    pub panes: Vec<Pane>,
    pub active: usize,
    /// The active viewport alone.
    pub maximised: bool,
    pub tool: Tool,
    pub measuring: Measuring,
    /// Measurements are drawn.
    pub measurements_on: bool,
    pub settings: Settings,
    pub overlays_on: bool,
    /// Overlay planes of the files themselves.
    pub graphics_on: bool,
    /// Display shutters of the files.
    pub shutter_on: bool,
    pub full_screen: bool,
    /// What room there is for side panels.
    pub side: SidePanels,
    pub dialog: Option<Dialog>,
    pub probe: Option<Probe>,
    /// Base and overlay alternate.
    pub flicker: Option<Side>,
    /// The key that turns overlays over is held down.
    pub peek: bool,
    /// Results of runs whose series is not on show yet.
    pub arrived_results: Vec<(SeriesId, Prepared)>,
    /// The guided tour that is on.
    pub touring: Option<Touring>,
    /// How many tours were begun.
    pub tours: u64,
    /// The image of the tour before, so that the next one about it does not open it again.
    pub tour_image: Option<(SeriesId, Box<Scene>)>,
    /// What the record dialog shows.
    pub record: Option<RecordView>,
    /// The tools that work while a blinded study is read; then nothing on the images tells where they came from.
    pub blinded: Option<Vec<Tool>>,
}

impl Model {
    pub fn new(settings: Settings) -> Self {
        let mut model = Self {
            library: Library::default(),
            stages: BTreeMap::new(),
            layout: settings.layout,
            panes: Vec::new(),
            active: 0,
            maximised: false,
            tool: Tool::default(),
            measuring: Measuring::default(),
            measurements_on: true,
            settings,
            overlays_on: true,
            graphics_on: true,
            shutter_on: true,
            full_screen: false,
            side: SidePanels::default(),
            dialog: None,
            probe: None,
            flicker: None,
            peek: false,
            arrived_results: Vec::new(),
            touring: None,
            tours: 0,
            tour_image: None,
            record: None,
            blinded: None,
        };
        model.lay_out(model.layout);
        model
    }

    /// Whether a tool works; all do but in a blinded study.
    pub fn may(&self, tool: Tool) -> bool {
        self.blinded.as_ref().is_none_or(|tools| tools.contains(&tool))
    }

    /// Which layers are drawn now.
    pub fn showing(&self) -> Showing {
        Showing {
            overlays: self.overlays_on != self.peek,
            graphics: self.graphics_on,
            shutter: self.shutter_on,
            flicker: self.flicker,
        }
    }

    /// The active viewport.
    pub fn pane(&self) -> Option<&Pane> {
        self.panes.get(self.active)
    }

    /// The series in the active viewport.
    pub fn active_series(&self) -> Option<SeriesId> {
        self.pane().and_then(|p| p.series)
    }

    /// The layers of the series in the active viewport.
    pub fn active_stage(&mut self) -> Option<&mut Stage> {
        self.active_series().and_then(|id| self.stages.get_mut(&id))
    }

    /// The stage that a viewport shows.
    pub fn stage_of(&self, pane: usize) -> Option<&Stage> {
        self.panes.get(pane).and_then(|p| p.series).and_then(|id| self.stages.get(&id))
    }

    /// What lowers the quality of a viewport's pictures.
    pub fn fidelity(&self, pane: usize) -> Fidelity {
        let entry = self.panes.get(pane).and_then(|p| p.series).and_then(|id| self.library.get(id));
        let known = entry.map(super::library::Entry::fidelity).unwrap_or_default();
        let slice = self.panes.get(pane).is_some_and(|p| matches!(p.kind, Kind::Slice(_)));
        let shutter = self.stage_of(pane).and_then(Stage::volume).is_some_and(|v| v.graphics.shutter.is_some());
        Fidelity { shuttered: self.shutter_on && slice && shutter, ..known }
    }

    /// Divides the image area anew; series stay where there is room for them.
    pub fn lay_out(&mut self, layout: Layout) {
        let shown = self.active_series();
        let old: Vec<Pane> = std::mem::take(&mut self.panes);
        let (rows, columns) = layout.shape();
        self.layout = layout;
        self.maximised = false;
        let kinds: Vec<Kind> = match layout {
            Layout::FourUp => {
                vec![Kind::Slice(View::Axial), Kind::Slice(View::Coronal), Kind::Slice(View::Sagittal), Kind::Volume]
            }
            Layout::OneByThree => View::ALL.map(Kind::Slice).to_vec(),
            Layout::Single | Layout::OneByTwo | Layout::Grid => vec![Kind::Slice(View::Axial); rows * columns],
        };
        self.panes = kinds.into_iter().map(Pane::new).collect();
        self.active = self.active.min(self.panes.len() - 1);
        let mut series: Vec<Option<SeriesId>> = if layout.is_one_series() {
            vec![shown; self.panes.len()]
        } else {
            // What was on show keeps its order where all of it fits, else the active one comes first; then the other series
            // in the order of the browser.
            let mut list: Vec<SeriesId> = Vec::new();
            let before: Vec<SeriesId> = old.iter().filter_map(|p| p.series).collect();
            let first = shown.filter(|_| before.len() > self.panes.len());
            for id in first.into_iter().chain(before).chain(shown).chain(self.library.images()) {
                let same_patient = shown.is_none_or(|s| self.same_patient(s, id));
                if !list.contains(&id) && same_patient {
                    list.push(id);
                }
            }
            let mut all: Vec<Option<SeriesId>> = list.into_iter().map(Some).collect();
            all.resize(self.panes.len(), None);
            all
        };
        for (index, id) in series.drain(..).enumerate() {
            let Some(id) = id else { continue };
            self.place(index, id);
            if let Some(before) = old.iter().find(|p| p.series == Some(id)) {
                let (point, turn) = (before.point, before.turn);
                if let Some(pane) = self.panes.get_mut(index) {
                    (pane.point, pane.turn) = (point, turn);
                }
            }
        }
        // The keys stay with the series that had them.
        if self.panes.get(self.active).is_none_or(|p| p.series != shown)
            && let Some(index) = self.panes.iter().position(|p| p.series == shown)
        {
            self.active = index;
        }
        // A second viewport without a series of its own shows the first one's from another side.
        if layout == Layout::OneByTwo
            && self.panes.get(1).is_some_and(|p| p.series.is_none())
            && let Some(id) = shown
            && self.library.get(id).is_some_and(super::library::Entry::is_volumetric)
        {
            if let Some(pane) = self.panes.get_mut(1) {
                pane.kind = Kind::Slice(View::Coronal);
            }
            self.place(1, id);
        }
    }

    /// Whether two series are of one patient: Patient ID and name must match (IHE RAD TF-2 4.16.4.2.2.5.3).
    pub fn same_patient(&self, a: SeriesId, b: SeriesId) -> bool {
        let patient = |id| self.library.study_of(id).map(|s| (&s.patient.id, &s.patient.name));
        patient(a) == patient(b)
    }

    /// Puts a series into one viewport.
    pub fn place(&mut self, pane: usize, id: SeriesId) {
        let Some(entry) = self.library.get(id) else { return };
        if let Some((loaded, extent)) = entry.best() {
            let stage = self.stages.entry(id).or_insert_with(|| Stage::new(loaded, extent));
            if extent == Extent::Whole && !stage.whole {
                stage.complete(loaded);
            }
        }
        let native = entry.series.geometry.as_ref().map(|g| {
            let [u, v, _] = g.directions();
            View::nearest(u.cross(v))
        });
        let follow = !self.layout.is_one_series() || self.layout == Layout::Single;
        let stage = self.stages.get(&id);
        let Some(target) = self.panes.get_mut(pane) else { return };
        if target.series == Some(id) && stage.is_none() {
            return;
        }
        let new = target.series != Some(id);
        target.series = Some(id);
        if follow
            && new
            && let (Kind::Slice(View::Axial), Some(view)) = (target.kind, native)
        {
            target.kind = Kind::Slice(view);
        }
        if let Some(stage) = stage
            && new
        {
            target.point = middle(stage.geometry());
            target.reset();
        }
    }

    /// Shows a series: in all viewports of a layout of one series, else in the active one.
    pub fn show(&mut self, id: SeriesId) {
        let targets: Vec<usize> =
            if self.layout.is_one_series() { (0..self.panes.len()).collect() } else { vec![self.active] };
        // Two patients are never on show at once.
        let others: Vec<usize> = (0..self.panes.len())
            .filter(|i| !targets.contains(i))
            .filter(|i| self.panes[*i].series.is_some_and(|other| !self.same_patient(other, id)))
            .collect();
        for index in others {
            self.panes[index].series = None;
        }
        for index in targets {
            self.place(index, id);
        }
    }

    /// A better image of a series came: the middle slice, the whole volume, or that of another time point. Where the person
    /// is in it stays.
    pub fn arrived(&mut self, id: SeriesId) {
        let Some((loaded, extent)) = self.library.get(id).and_then(|e| e.best()) else { return };
        let shown = self.panes.iter().any(|p| p.series == Some(id));
        match self.stages.get_mut(&id) {
            Some(stage) if extent == Extent::Whole => stage.complete(loaded),
            None if shown => {
                let stage = Stage::new(loaded, extent);
                let point = middle(stage.geometry());
                self.stages.insert(id, stage);
                for pane in self.panes.iter_mut().filter(|p| p.series == Some(id)) {
                    pane.point = point;
                }
            }
            _ => {}
        }
    }

    /// The slices that viewports wait for while their volumes load: one a series.
    pub fn missing_slices(&mut self) -> Vec<(SeriesId, usize)> {
        let mut missing = Vec::new();
        for pane in &self.panes {
            let Some(id) = pane.series else { continue };
            let Some(stage) = self.stages.get_mut(&id).filter(|_| matches!(pane.kind, Kind::Slice(_))) else {
                continue;
            };
            if let Some(index) = stage.missing_slice(pane.point)
                && !missing.iter().any(|(known, _)| *known == id)
            {
                missing.push((id, index));
            }
        }
        missing
    }

    /// Whether two series share a coordinate system: equal Frame of Reference UID, or the same series.
    pub fn same_frame(&self, a: SeriesId, b: SeriesId) -> bool {
        if a == b {
            return true;
        }
        let frame = |id| match self.stages.get(&id).map(|s| s.base.content.space()) {
            Some(Space::Patient { frame_of_reference }) => frame_of_reference.clone(),
            _ => None,
        };
        frame(a).is_some() && frame(a) == frame(b)
    }

    /// The place in the patient of what a series shows at `p`, and the way back: they differ where slices are not evenly
    /// spaced.
    pub fn true_point(&self, id: SeriesId, p: PatientPoint) -> PatientPoint {
        self.library.get(id).map_or(p, |e| e.series.true_point(p))
    }

    fn shown_point(&self, id: SeriesId, p: PatientPoint) -> PatientPoint {
        self.library.get(id).map_or(p, |e| e.series.shown_point(p))
    }

    /// Moves the crosshair of a viewport; the others of its frame of reference follow.
    pub fn move_point(&mut self, pane: usize, to: PatientPoint) {
        let Some(Pane { series: Some(id), .. }) = self.panes.get(pane).cloned() else { return };
        let there = self.true_point(id, to);
        for index in 0..self.panes.len() {
            let follows = index == pane
                || self.panes[index]
                    .series
                    .is_some_and(|other| other == id || (self.settings.sync && self.same_frame(id, other)));
            if follows {
                self.panes[index].point = match self.panes[index].series {
                    Some(other) if other != id => self.shown_point(other, there),
                    _ => to,
                };
            }
        }
    }

    /// Turns the planes of a viewport's frame of reference.
    pub fn turn_planes(&mut self, pane: usize, turn: glam::DQuat) {
        let Some(Pane { series: Some(id), .. }) = self.panes.get(pane).cloned() else { return };
        for index in 0..self.panes.len() {
            if self.panes[index].series.is_some_and(|other| self.same_frame(id, other)) {
                self.panes[index].turn = turn;
            }
        }
    }

    /// Goes through the slices of a viewport; viewports with other series move along where that is wished.
    pub fn scroll(&mut self, pane: usize, by: i64) {
        let Some(stage) = self.stage_of(pane) else { return };
        let Some(mut moved) = self.panes.get(pane).cloned() else { return };
        let before = moved.point;
        moved.scroll(stage, by);
        let (id, to) = (moved.series, moved.point);
        let mm = (to.0 - before.0).dot(moved.axes(stage).forward);
        self.move_point(pane, to);
        if !self.settings.sync {
            return;
        }
        for index in (0..self.panes.len()).filter(|i| *i != pane) {
            let (Some(other), Some(id)) = (self.panes[index].series, id) else { continue };
            if self.same_frame(id, other) || self.panes[index].kind != moved.kind {
                continue;
            }
            let Some(stage) = self.stages.get(&other) else { continue };
            let mut follower = self.panes[index].clone();
            let target = follower.point.0 + follower.axes(stage).forward * mm;
            if stage.base.content.space().is_patient() {
                follower.point = PatientPoint(target);
                let clamped = follower.slice_number(stage);
                if clamped.offset.abs() > clamped.step {
                    follower.scroll(stage, 0);
                }
            } else {
                follower.scroll(stage, by);
            }
            self.panes[index].point = follower.point;
        }
    }
}
