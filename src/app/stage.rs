//! The layers of one series on show: its own volume at the bottom, overlays above, and how the volume view looks.

use std::sync::Arc;

use glam::{DMat3, DQuat, DVec3};

use super::action::Projection;
use super::library::Loaded;
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
        self.next_overlay += 1;
        self.overlays.push(Overlay { id: self.next_overlay, layer, range, open: true });
    }

    /// The id of the layer that was added last.
    pub fn newest_overlay(&self) -> u64 {
        self.next_overlay
    }

    /// Everything from the base up, as a slice shows it.
    pub fn layers(&self, overlays_on: bool) -> Vec<Layer> {
        let mut layers = vec![self.base.clone()];
        if overlays_on {
            layers.extend(self.overlays.iter().map(|o| o.layer.clone()));
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
