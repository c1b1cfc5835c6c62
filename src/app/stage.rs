//! The layers of one series on show: its own volume at the bottom, overlays above, and how the volume view looks.

use std::sync::Arc;

use glam::{DMat3, DQuat, DVec3};

use super::action::Projection;
use super::library::Loaded;
use super::results::{Meaning, Part, Run};
use crate::display::{Voi, Window};
use crate::render::scene::{Compare, Content, Layer, TransferFunction, VolumeMode, WHOLE};
use crate::volume::{Geometry, Volume, statistics::Histogram};

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
    /// Whether the whole volume is there, or the middle slice only.
    pub whole: bool,
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
    next_overlay: u64,
}

impl Stage {
    /// A series as its header wants it seen.
    pub fn new(loaded: &Loaded, whole: bool) -> Self {
        let mut base = Layer::image(loaded.volume.clone());
        base.voi = loaded.voi.clone();
        let volume = &loaded.volume;
        Self {
            base,
            whole,
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
            next_overlay: 0,
        }
    }

    /// The whole volume came: it replaces the middle slice; what the person changed meanwhile stays.
    pub fn complete(&mut self, loaded: &Loaded) {
        let touched = self.base.voi != self.header;
        let fresh = Self::new(loaded, true);
        if !touched {
            self.base.voi = fresh.base.voi;
        }
        self.base.content = fresh.base.content;
        self.whole = true;
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

    pub fn geometry(&self) -> &Geometry {
        self.base.content.geometry()
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
}
