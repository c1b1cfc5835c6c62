//! The layers of one series on show: its own volume at the bottom, overlays above, and how the volume view looks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use glam::{DMat3, DMat4, DQuat, DVec3};

use super::action::Projection;
use super::library::Loaded;
use super::measuring::Measured;
use super::results::{Meaning, Part, Run};
use crate::display::{Voi, Window};
use crate::render::scene::{Compare, Content, Layer, TransferFunction, VolumeMode, WHOLE};
use crate::volume::{Geometry, PatientPoint, Volume, statistics::Histogram};

/// A layer over the base.
#[derive(Debug, Clone)]
pub(crate) struct Overlay {
    /// Names it for as long as the window is open.
    pub id: u64,
    pub layer: Layer,
    /// Lowest and highest real value, for the sliders.
    pub range: [f64; 2],
    /// Whether its controls are unfolded.
    pub open: bool,
    /// What it is in the run that made it.
    pub part: Option<Part>,
}

/// Which of the two is seen alone while they alternate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Base,
    Overlay,
}

/// Which layers are drawn, beyond what each says for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Showing {
    pub overlays: bool,
    /// Overlay planes of the file.
    pub graphics: bool,
    /// The display shutter of the file.
    pub shutter: bool,
    pub flicker: Option<Side>,
}

/// How the volume view looks.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct VolumeLook {
    pub projection: Projection,
    pub transfer: TransferFunction,
    /// What the menu offers, the first choice first.
    pub presets: Arc<Vec<TransferFunction>>,
    pub shaded: bool,
    pub clip: [[f32; 2]; 3],
}

impl VolumeLook {
    /// As the scene wants it.
    pub fn mode(&self) -> VolumeMode {
        match self.projection {
            Projection::Mip => VolumeMode::Mip,
            Projection::MinIp => VolumeMode::MinIp,
            Projection::Average => VolumeMode::Average,
            Projection::Composite => VolumeMode::Composite { transfer: self.transfer.clone(), shaded: self.shaded },
        }
    }
}

/// A series on show.
#[derive(Debug, Clone)]
pub(crate) struct Stage {
    pub base: Layer,
    /// Whether the whole volume is there, or single slices of it only.
    pub whole: bool,
    /// The grid of the whole volume, also while only slices of it are there.
    grid: Geometry,
    /// Slices that came before the volume, by their number in it.
    slices: BTreeMap<usize, Arc<Volume>>,
    /// Slices that could not be read; the volume that loads tells why.
    unreadable: BTreeSet<usize>,
    pub auto: Window,
    pub header: Voi,
    pub histogram: Option<Arc<Histogram>>,
    pub overlays: Vec<Overlay>,
    /// The runs that made some of the overlays.
    pub runs: Vec<Run>,
    pub compare: Compare,
    /// Cuts along the planes of the acquisition instead of those of the patient.
    pub acquisition: bool,
    pub look: VolumeLook,
    /// What the person measured on it.
    pub measured: Vec<Measured>,
    next_overlay: u64,
}

/// How much of a series is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    Whole,
    /// One slice of so many.
    Slice {
        index: usize,
        of: usize,
    },
}

/// Slices that are kept while the volume loads: enough to go back and forth, few enough to weigh nothing.
const SLICES_KEPT: usize = 24;

/// The grid of `of` slices of which one, the `index`-th, is known.
fn grid_of(slice: &Geometry, index: usize, of: usize) -> Geometry {
    let [nx, ny, _] = slice.size();
    let back = DMat4::from_translation(DVec3::new(0.0, 0.0, -(index as f64)));
    Geometry::new([nx, ny, of.max(1)], slice.voxel_to_patient() * back).unwrap_or_else(|_| slice.clone())
}

impl Stage {
    /// A series as its header wants it seen.
    pub fn new(loaded: &Loaded, extent: Extent) -> Self {
        let mut base = Layer::image(loaded.volume.clone());
        base.voi = loaded.voi.clone();
        let volume = &loaded.volume;
        let (grid, slices) = match extent {
            Extent::Whole => (volume.geometry.clone(), BTreeMap::new()),
            Extent::Slice { index, of } => {
                (grid_of(&volume.geometry, index, of), BTreeMap::from([(index, volume.clone())]))
            }
        };
        Self {
            base,
            whole: extent == Extent::Whole,
            grid,
            slices,
            unreadable: BTreeSet::new(),
            auto: loaded.auto,
            header: loaded.voi.clone(),
            histogram: loaded.histogram.clone(),
            overlays: Vec::new(),
            runs: Vec::new(),
            compare: Compare::Blend,
            acquisition: is_oblique(&volume.geometry) && volume.space.is_patient(),
            look: VolumeLook {
                projection: Projection::Composite,
                transfer: loaded.presets.first().cloned().unwrap_or_default(),
                presets: loaded.presets.clone(),
                shaded: true,
                clip: WHOLE,
            },
            measured: Vec::new(),
            next_overlay: 0,
        }
    }

    /// A slice came before the volume did.
    pub fn add_slice(&mut self, index: usize, slice: Arc<Volume>, at: PatientPoint) {
        if self.whole {
            return;
        }
        // Those that lie furthest from the one on show go first.
        while self.slices.len() >= SLICES_KEPT {
            let Some(furthest) = self.slices.keys().copied().max_by_key(|n| n.abs_diff(index)) else { break };
            self.slices.remove(&furthest);
        }
        self.slices.insert(index, slice);
        self.turn_to(at);
    }

    /// Before the volume is there: the number of the slice at a point, if that slice has still to be read; it goes on show if
    /// it is there.
    pub fn missing_slice(&mut self, at: PatientPoint) -> Option<usize> {
        if self.whole || self.turn_to(at) {
            return None;
        }
        Some(self.slice_at(at)).filter(|n| !self.unreadable.contains(n))
    }

    /// Gives a slice up that could not be read.
    pub fn give_up_slice(&mut self, index: usize) {
        self.unreadable.insert(index);
    }

    /// Whether the slice at a point is on show, where the volume is not.
    pub fn shows_slice(&self, at: PatientPoint) -> bool {
        self.slices.contains_key(&self.slice_at(at))
    }

    /// Whether a view in this direction looks at the slices themselves, and not across them.
    pub fn lies_in_slices(&self, forward: DVec3) -> bool {
        let [u, v, _] = self.grid.directions();
        u.cross(v).normalize_or_zero().dot(forward).abs() > 0.9
    }

    fn turn_to(&mut self, at: PatientPoint) -> bool {
        let Some(slice) = self.slices.get(&self.slice_at(at)) else { return false };
        if !self.volume().is_some_and(|v| Arc::ptr_eq(v, slice)) {
            self.base.content = Content::Image(slice.clone());
        }
        true
    }

    fn slice_at(&self, at: PatientPoint) -> usize {
        let last = self.grid.size()[2] - 1;
        (self.grid.to_voxel(at).0.z + 0.5).clamp(0.0, last as f64) as usize
    }

    /// The whole volume came, or that of another time point: it replaces what was there; what the person changed
    /// meanwhile stays.
    pub fn complete(&mut self, loaded: &Loaded) {
        let touched = self.base.voi != self.header;
        let fresh = Self::new(loaded, Extent::Whole);
        if !touched {
            self.base.voi = fresh.base.voi;
        }
        self.base.content = fresh.base.content;
        self.whole = true;
        self.grid = fresh.grid;
        self.slices = fresh.slices;
        self.auto = fresh.auto;
        self.header = fresh.header;
        self.histogram = fresh.histogram;
        self.look.transfer = fresh.look.transfer;
        self.look.presets = fresh.look.presets;
    }

    /// The volume at the bottom.
    pub fn volume(&self) -> Option<&Arc<Volume>> {
        match &self.base.content {
            Content::Image(v) => Some(v),
            Content::Labels(_) => None,
        }
    }

    /// The grid of the whole volume.
    pub fn geometry(&self) -> &Geometry {
        &self.grid
    }

    /// The turn from patient axes to the axes of the cuts, before the person turns them.
    pub fn basis(&self) -> DQuat {
        if self.acquisition { acquisition_turn(self.geometry()) } else { DQuat::IDENTITY }
    }

    /// Adds a layer on top.
    pub fn add_overlay(&mut self, layer: Layer, range: [f64; 2]) {
        self.add_part(layer, range, None);
    }

    /// Adds a layer of a run: above the others of that run, so that they stay together; else on top.
    pub fn add_part(&mut self, layer: Layer, range: [f64; 2], part: Option<Part>) {
        let id = self.next_id();
        let run = part.as_ref().map(|p| p.run);
        let last = self.overlays.iter().rposition(|o| run.is_some() && o.part.as_ref().map(|p| p.run) == run);
        // The cards of a run are folded: there are several of them.
        let overlay = Overlay { id, layer, range, open: part.is_none(), part };
        self.overlays.insert(last.map_or(self.overlays.len(), |i| i + 1), overlay);
    }

    /// A number that names a layer or a run and never comes again.
    pub fn next_id(&mut self) -> u64 {
        self.next_overlay += 1;
        self.next_overlay
    }

    /// The newest name of a layer or a run.
    pub fn newest_overlay(&self) -> u64 {
        self.next_overlay
    }

    /// A run by its name.
    pub fn run(&self, id: u64) -> Option<&Run> {
        self.runs.iter().find(|r| r.id == id)
    }

    /// Takes a run away with all its layers.
    pub fn remove_run(&mut self, id: u64) {
        self.runs.retain(|r| r.id != id);
        self.overlays.retain(|o| o.part.as_ref().is_none_or(|p| p.run != id));
    }

    /// Moves a layer over or under its neighbour. The layers of a run stay together: another one passes them all.
    pub fn move_overlay(&mut self, index: usize, up: bool) {
        let run = |o: &Overlay| o.part.as_ref().map(|p| p.run);
        let Some(own) = self.overlays.get(index).map(run) else { return };
        let next = |i: usize| if up { i.checked_add(1) } else { i.checked_sub(1) };
        let Some(first) = next(index).filter(|i| *i < self.overlays.len()) else { return };
        let passed = run(&self.overlays[first]);
        if passed.is_some() && passed == own || passed.is_none() && own.is_none() {
            self.overlays.swap(index, first);
        } else if own.is_none() {
            let mut to = first;
            while let Some(i) = next(to).filter(|i| self.overlays.get(*i).is_some_and(|o| run(o) == passed)) {
                to = i;
            }
            let moved = self.overlays.remove(index);
            self.overlays.insert(to, moved);
        }
    }

    /// Hides the maps of how far results are to be trusted; where none is on show, the first one of each run comes back.
    pub fn toggle_doubts(&mut self) {
        let is_doubt = |o: &Overlay| o.part.as_ref().filter(|p| p.meaning.is_doubt()).map(|p| p.run);
        let shown = self.overlays.iter().any(|o| o.layer.visible && is_doubt(o).is_some());
        let mut runs = Vec::new();
        for overlay in &mut self.overlays {
            if let Some(run) = is_doubt(overlay) {
                overlay.layer.visible = !shown && !runs.contains(&run);
                runs.push(run);
            }
        }
    }

    /// The image that is held against the base: the lowest synthetic overlay, else the lowest overlay that is an image and
    /// no map.
    pub fn counterpart(&self) -> Option<&Overlay> {
        let is_image = |o: &&Overlay| {
            matches!(o.layer.content, Content::Image(_))
                && o.part.as_ref().is_none_or(|p| matches!(p.meaning, Meaning::Result))
        };
        let images = || self.overlays.iter().filter(is_image);
        images().find(|o| o.layer.content.is_synthetic()).or_else(|| images().next())
    }

    /// Everything from the base up, as a slice shows it.
    pub fn layers(&self, showing: Showing) -> Vec<Layer> {
        let mut layers = vec![self.base.clone()];
        layers.extend(self.volume().filter(|_| showing.shutter).and_then(|v| Layer::shutter(v)));
        match showing.flicker {
            Some(Side::Base) => {}
            Some(Side::Overlay) => {
                // As it is: neither mixed with the base nor cut.
                let whole = |o: &Overlay| Layer {
                    visible: true,
                    opacity: 1.0,
                    fade: None,
                    threshold: None,
                    contour: None,
                    ..o.layer.clone()
                };
                layers.extend(self.counterpart().map(whole));
            }
            None if showing.overlays => layers.extend(self.overlays.iter().map(|o| o.layer.clone())),
            None => {}
        }
        // What the file wrote over its image stays readable over everything else.
        layers.extend(self.volume().filter(|_| showing.graphics).into_iter().flat_map(|v| Layer::overlay_planes(v)));
        layers
    }

    /// The window, if the base has one rather than a table.
    pub fn window(&self) -> Option<Window> {
        match &self.base.voi {
            Voi::Window(w) => Some(*w),
            Voi::Lut(_) => None,
        }
    }
}

/// Whether the planes of the acquisition lie more than a degree off those of the patient.
pub(crate) fn is_oblique(geometry: &Geometry) -> bool {
    geometry.directions().iter().any(|d| d.abs().max_element() < 1.0_f64.to_radians().cos())
}

/// The smallest turn that takes the patient's axes onto the axes of the acquisition.
pub(crate) fn acquisition_turn(geometry: &Geometry) -> DQuat {
    let [u, v, _] = geometry.directions();
    let normal = u.cross(v).normalize_or_zero();
    let v = normal.cross(u);
    let axes = geometry.nearest_axes();
    let mut columns = [DVec3::ZERO; 3];
    for (direction, (axis, _)) in [u, v, normal].into_iter().zip(axes) {
        columns[axis] = if direction[axis] < 0.0 { -direction } else { direction };
    }
    let m = DMat3::from_cols(columns[0], columns[1], columns[2]);
    if m.determinant() > 0.5 { DQuat::from_mat3(&m).normalize() } else { DQuat::IDENTITY }
}

#[cfg(test)]
mod tests {
    use glam::{DMat4, DQuat, DVec3};

    use super::*;
    use crate::display::View;

    #[test]
    fn a_straight_acquisition_needs_no_turn_and_a_tilted_one_gets_its_own_planes() {
        let straight = Geometry::from_ras([4, 4, 4], DMat4::IDENTITY).unwrap();
        assert!(!is_oblique(&straight));
        assert!(acquisition_turn(&straight).angle_between(DQuat::IDENTITY) < 1e-9);

        let turn = DQuat::from_rotation_x(20.0_f64.to_radians());
        let tilted = Geometry::new([4, 4, 4], DMat4::from_quat(turn)).unwrap();
        assert!(is_oblique(&tilted));
        let normal = acquisition_turn(&tilted) * View::Axial.forward();
        assert!(normal.distance(turn * DVec3::Z) < 1e-9);
    }

    #[test]
    fn while_the_volume_loads_the_slice_at_the_crosshair_is_asked_for_and_then_shown() {
        let whole = Geometry::from_ras([4, 4, 9], DMat4::from_scale(DVec3::new(1.0, 1.0, 2.0))).unwrap();
        let slice = |index: usize| {
            let shift = DMat4::from_translation(DVec3::new(0.0, 0.0, index as f64));
            let geometry = Geometry::new([4, 4, 1], whole.voxel_to_patient() * shift).unwrap();
            let voxels = vec![index as u8; 16].into();
            Volume::new("v", voxels, geometry, crate::volume::Provenance::acquired(vec![])).unwrap()
        };
        let at = |index: f64| whole.to_patient(crate::volume::VoxelPoint(DVec3::new(1.0, 1.0, index)));
        let value = |stage: &Stage| stage.volume().and_then(|v| v.voxels.get(0));
        let mut stage = Stage::new(&crate::app::tasks::measured(slice(4)), Extent::Slice { index: 4, of: 9 });
        assert_eq!(stage.geometry(), &whole, "the grid is known from one slice");
        assert_eq!(stage.missing_slice(at(4.2)), None);
        assert_eq!(stage.missing_slice(at(7.0)), Some(7));
        assert!(!stage.shows_slice(at(7.0)));
        // One that was passed meanwhile is kept and not shown.
        stage.add_slice(6, Arc::new(slice(6)), at(7.0));
        assert_eq!(value(&stage), Some(4.0));
        stage.add_slice(7, Arc::new(slice(7)), at(7.0));
        assert_eq!(value(&stage), Some(7.0));
        assert_eq!(stage.missing_slice(at(6.0)), None);
        assert_eq!(value(&stage), Some(6.0));
        stage.give_up_slice(2);
        assert_eq!(stage.missing_slice(at(2.0)), None, "what cannot be read is not asked for again and again");
    }
}
