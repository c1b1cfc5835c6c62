//! One viewport: which series, which plane of it, how large. Pure geometry; nothing here draws.

use glam::{DQuat, DVec2, DVec3};

use super::library::SeriesId;
use super::stage::Stage;
use crate::display::{Slices, View};
use crate::render::scene::{Camera, Plane, Slab};
use crate::volume::{Geometry, PatientPoint, Space, VoxelPoint};

/// Slices or a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Slice(View),
    Volume,
}

/// Where the eye of a volume view is, relative to the whole volume in view.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Orbit {
    pub azimuth_deg: f64,
    pub elevation_deg: f64,
}

impl Default for Orbit {
    fn default() -> Self {
        Self { azimuth_deg: 20.0, elevation_deg: 15.0 }
    }
}

/// One viewport.
#[derive(Debug, Clone)]
pub(crate) struct Pane {
    pub series: Option<SeriesId>,
    pub kind: Kind,
    /// The crosshair; the slice goes through it.
    pub point: PatientPoint,
    /// The person's turn of the three planes.
    pub turn: DQuat,
    /// Magnification: 1 fits the whole image.
    pub scale: f64,
    /// How far the image is moved, mm to the right and down.
    pub pan: DVec2,
    pub slab: Slab,
    pub orbit: Orbit,
}

/// The directions of a slice picture.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Axes {
    pub right: DVec3,
    pub down: DVec3,
    /// Where scrolling on goes.
    pub forward: DVec3,
    /// Geometry units per millimetre along right and down; 1 in the patient.
    pub units: [f64; 2],
}

/// Which slice of how many.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct SliceNumber {
    /// From 0, along the scroll direction.
    pub index: usize,
    pub count: usize,
    /// Distance between slices, geometry units.
    pub step: f64,
    /// Distance from the point to the slice with that index, along the scroll direction.
    pub offset: f64,
}

impl Pane {
    pub fn new(kind: Kind) -> Self {
        Self {
            series: None,
            kind,
            point: PatientPoint(DVec3::ZERO),
            turn: DQuat::IDENTITY,
            scale: 1.0,
            pan: DVec2::ZERO,
            slab: Slab::default(),
            orbit: Orbit::default(),
        }
    }

    /// Whole image, straight planes.
    pub fn reset(&mut self) {
        self.turn = DQuat::IDENTITY;
        self.orbit = Orbit::default();
        self.fit();
    }

    /// Whole image.
    pub fn fit(&mut self) {
        self.scale = 1.0;
        self.pan = DVec2::ZERO;
    }

    /// What the person calls the view.
    pub fn view_name(&self, stage: Option<&Stage>) -> String {
        match self.kind {
            Kind::Volume => "Volume".to_owned(),
            Kind::Slice(_) if stage.is_some_and(|s| !s.base.content.space().is_patient()) => "Stack".to_owned(),
            Kind::Slice(view) => {
                let name = match view {
                    View::Axial => "Axial",
                    View::Coronal => "Coronal",
                    View::Sagittal => "Sagittal",
                };
                let oblique = self.turn.angle_between(DQuat::IDENTITY) > 1e-6;
                let acquired = stage.is_some_and(|s| s.acquisition);
                match (oblique, acquired) {
                    (true, _) => format!("{name}, oblique"),
                    (false, true) => format!("{name}, as acquired"),
                    (false, false) => name.to_owned(),
                }
            }
        }
    }

    /// The directions of this slice.
    pub fn axes(&self, stage: &Stage) -> Axes {
        if let Space::Stack { pixel_spacing_mm, .. } = stage.base.content.space() {
            let [x, y] = pixel_spacing_mm.filter(|s| s.iter().all(|v| *v > 0.0)).unwrap_or([1.0, 1.0]);
            return Axes { right: DVec3::X, down: DVec3::Y, forward: DVec3::Z, units: [1.0 / x, 1.0 / y] };
        }
        let view = match self.kind {
            Kind::Slice(view) => view,
            Kind::Volume => View::Axial,
        };
        let basis = stage.basis();
        let (right0, down0, forward0) = (basis * view.right(), basis * view.down(), basis * view.forward());
        let forward = (self.turn * forward0).normalize_or(forward0);
        // The picture is not spun about its own normal when the planes turn: its right stays as near as can be.
        let right = (right0 - forward * forward.dot(right0)).normalize_or(self.turn * right0);
        let away = forward * right0.cross(down0).dot(forward0).signum();
        Axes { right, down: away.cross(right), forward, units: [1.0, 1.0] }
    }

    /// Millimetres that one pixel covers when the whole image fits. The turn does not change it, so that nothing jumps
    /// while lines are turned.
    pub fn fit_mm_per_pixel(&self, stage: &Stage, size: [u32; 2]) -> f64 {
        let straight = Self { turn: DQuat::IDENTITY, ..self.clone() }.axes(stage);
        let extent = |d: DVec3| {
            let (low, high) = stage.geometry().extent_along(d);
            high - low
        };
        let mm = [extent(straight.right) / straight.units[0], extent(straight.down) / straight.units[1]];
        (mm[0] / f64::from(size[0].max(1))).max(mm[1] / f64::from(size[1].max(1))).max(1e-9)
    }

    /// The plane of the picture, `size` in physical pixels.
    pub fn plane(&self, stage: &Stage, size: [u32; 2]) -> Plane {
        let axes = self.axes(stage);
        let mm = self.fit_mm_per_pixel(stage, size) / self.scale;
        let (right, down) = (axes.right * mm * axes.units[0], axes.down * mm * axes.units[1]);
        let center = stage.geometry().center().0;
        let center = center + axes.forward * axes.forward.dot(self.point.0 - center)
            - axes.right * self.pan.x * axes.units[0]
            - axes.down * self.pan.y * axes.units[1];
        let half = size.map(|n| (f64::from(n) - 1.0) / 2.0);
        Plane { origin: PatientPoint(center - right * half[0] - down * half[1]), right, down }
    }

    /// The scale at which one voxel takes one pixel.
    pub fn scale_of_one_to_one(&self, stage: &Stage, size: [u32; 2]) -> f64 {
        self.fit_mm_per_pixel(stage, size) / self.voxel_mm(stage)
    }

    /// The size of a voxel along the picture's right, mm.
    fn voxel_mm(&self, stage: &Stage) -> f64 {
        let axes = self.axes(stage);
        let along = stage.geometry().patient_to_voxel().transform_vector3(axes.right * axes.units[0]);
        1.0 / along.abs().max_element().max(1e-9)
    }

    /// Screen pixels a voxel takes, as a percentage says it.
    pub fn zoom(&self, stage: &Stage, size: [u32; 2]) -> f64 {
        self.voxel_mm(stage) / (self.fit_mm_per_pixel(stage, size) / self.scale)
    }

    /// Changes the magnification about a picture position (pixels), which stays where it is.
    pub fn zoom_about(&mut self, stage: &Stage, size: [u32; 2], at: DVec2, factor: f64) {
        let fit = self.fit_mm_per_pixel(stage, size);
        let before = fit / self.scale;
        self.scale = (self.scale * factor).clamp(0.05, 200.0);
        let after = fit / self.scale;
        let half = DVec2::new(f64::from(size[0]) - 1.0, f64::from(size[1]) - 1.0) / 2.0;
        self.pan += (at - half) * (after - before);
    }

    /// Which slice the point is on.
    pub fn slice_number(&self, stage: &Stage) -> SliceNumber {
        slice_number(stage.geometry(), self.axes(stage).forward, self.point)
    }

    /// Goes `by` slices on, and onto the middle of the slice; stays inside.
    pub fn scroll(&mut self, stage: &Stage, by: i64) {
        let number = self.slice_number(stage);
        let target = (number.index as i64 + by).clamp(0, number.count as i64 - 1);
        let distance = (target - number.index as i64) as f64 * number.step + number.offset;
        self.point.0 += self.axes(stage).forward * distance;
    }

    /// The eye of the volume view, `size` in pixels.
    pub fn camera(&self, geometry: &Geometry, size: [u32; 2]) -> Camera {
        let mut camera = Camera::fitted(geometry, size);
        camera.azimuth_deg = self.orbit.azimuth_deg;
        camera.elevation_deg = self.orbit.elevation_deg;
        camera.mm_per_pixel /= self.scale * 1.25;
        let [right, down, _] = camera.axes();
        camera.target.0 -= right * self.pan.x + down * self.pan.y;
        camera
    }
}

/// See [`Pane::slice_number`]; the same slices as `render --slice`.
fn slice_number(geometry: &Geometry, forward: DVec3, point: PatientPoint) -> SliceNumber {
    let slices = Slices::along(geometry, forward);
    let index = slices.nearest(point);
    let offset = slices.position_mm(index) - point.0.dot(slices.direction);
    SliceNumber { index, count: slices.count, step: slices.step_mm, offset }
}

/// The middle voxel of a geometry.
pub(crate) fn middle(geometry: &Geometry) -> PatientPoint {
    let center = geometry.to_voxel(geometry.center()).0;
    geometry.to_patient(VoxelPoint((center + 1e-6).round()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use glam::DMat4;

    use super::*;
    use crate::app::library::Loaded;
    use crate::app::stage::Extent;
    use crate::display::{Voi, Window, edge_letters};
    use crate::volume::{Provenance, Volume};

    fn stage(size: [usize; 3], spacing: DVec3) -> Stage {
        let geometry = Geometry::from_ras(size, DMat4::from_scale(spacing)).unwrap();
        let n = geometry.voxel_count();
        let volume = Volume::new("v", vec![0_u8; n].into(), geometry, Provenance::acquired(vec![])).unwrap();
        let window = Window::new(0.5, 1.0);
        Stage::new(
            &Loaded {
                volume: Arc::new(volume),
                auto: window,
                voi: Voi::Window(window),
                histogram: None,
                presets: Arc::default(),
            },
            Extent::Whole,
        )
    }

    #[test]
    fn scrolling_goes_to_the_head_one_slice_at_a_time_and_stops_at_the_ends() {
        let stage = stage([10, 12, 14], DVec3::new(1.0, 1.0, 2.0));
        let mut pane = Pane::new(Kind::Slice(View::Axial));
        pane.point = middle(stage.geometry());
        let number = pane.slice_number(&stage);
        assert_eq!((number.index, number.count, number.step), (7, 14, 2.0));
        pane.scroll(&stage, 1);
        assert_eq!(pane.point.0.z, 16.0);
        pane.scroll(&stage, 100);
        assert_eq!(pane.slice_number(&stage).index, 13);
        pane.scroll(&stage, -100);
        assert_eq!(pane.point.0.z, 0.0);
    }

    #[test]
    fn every_view_keeps_its_letters_and_turning_lines_does_not_spin_the_picture() {
        let stage = stage([10, 10, 10], DVec3::ONE);
        for (view, letters) in [(View::Axial, "R L A P"), (View::Coronal, "R L H F"), (View::Sagittal, "A P H F")] {
            let mut pane = Pane::new(Kind::Slice(view));
            let axes = pane.axes(&stage);
            assert_eq!(edge_letters(axes.right, axes.down, false).join(" "), letters);
            pane.turn = DQuat::from_axis_angle(view.forward(), 0.5);
            let turned = pane.axes(&stage);
            assert!(turned.right.distance(axes.right) < 1e-9 && turned.down.distance(axes.down) < 1e-9);
        }
    }

    #[test]
    fn zooming_keeps_the_place_under_the_cursor() {
        let stage = stage([100, 100, 10], DVec3::ONE);
        let mut pane = Pane::new(Kind::Slice(View::Axial));
        pane.point = middle(stage.geometry());
        let size = [400, 300];
        let at = DVec2::new(310.0, 40.0);
        let before = pane.plane(&stage, size).at(at.x, at.y);
        pane.zoom_about(&stage, size, at, 2.5);
        let after = pane.plane(&stage, size).at(at.x, at.y);
        assert!(before.0.distance(after.0) < 1e-9);
    }
}
