//! Measurements on the slices of a series: which there are, which one is chosen, what each says.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use eframe::egui;

use super::action::Tool;
use super::library::SeriesId;
use super::pane::Pane;
use super::stage::Stage;
use crate::jobs::{Job, Poll};
use crate::volume::measure::{Kind, Measurement, Reading, Ruler, roi};
use crate::volume::{PatientPoint, Volume};

/// A measurement of a series.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Measured {
    /// Names it among the measurements and layers of its series.
    pub id: u64,
    pub what: Measurement,
}

/// An angle whose second arm follows the pointer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pending {
    pub series: SeriesId,
    pub pane: usize,
    pub what: Measurement,
}

/// What a drag holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Held {
    pub series: SeriesId,
    pub id: u64,
    pub grip: Grip,
}

/// Which part of a measurement a drag moves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Grip {
    /// A point, or for a region a corner of its box.
    Point(usize),
    /// All of it; the point that the pointer was at last.
    Whole(PatientPoint),
}

impl Measured {
    /// Whether it is the same measurement at the same place, but for what writing numbers into a file may leave.
    pub fn is_at(&self, other: &Measurement) -> bool {
        let near = |a: &PatientPoint, b: &PatientPoint| a.0.distance(b.0) < 1e-6;
        let points = self.what.points.iter().zip(&other.points).all(|(a, b)| near(a, b));
        self.what.kind == other.kind && self.what.points.len() == other.points.len() && points
    }
}

/// What is on its way, chosen and known.
#[derive(Debug, Default)]
pub(crate) struct Measuring {
    pub chosen: Option<(SeriesId, u64)>,
    pub pending: Option<Pending>,
    pub held: Option<Held>,
    pub readings: Readings,
}

/// What a tool draws.
pub(crate) fn kind(tool: Tool) -> Option<Kind> {
    match tool {
        Tool::Length => Some(Kind::Length),
        Tool::Angle => Some(Kind::Angle),
        Tool::Ellipse => Some(Kind::Ellipse),
        Tool::Rectangle => Some(Kind::Rectangle),
        _ => None,
    }
}

/// Whether a measurement lies on the slice that a viewport shows.
pub(crate) fn is_on_slice(what: &Measurement, pane: &Pane, stage: &Stage) -> bool {
    let axes = pane.axes(stage);
    let reach = (pane.slice_number(stage).step / 2.0).max(pane.slab.thickness_mm / 2.0);
    what.lies_on(axes.forward, pane.point, reach * 0.999)
}

/// The places where a measurement can be taken hold of, and what each moves.
pub(crate) fn handles(what: &Measurement) -> Vec<(PatientPoint, Grip)> {
    let mut handles: Vec<(PatientPoint, Grip)> =
        corners(what).into_iter().enumerate().map(|(n, p)| (p, Grip::Point(n))).collect();
    if what.kind != Kind::Angle
        && let [a, b] = what.points.as_slice()
    {
        let middle = PatientPoint((a.0 + b.0) / 2.0);
        handles.push((middle, Grip::Whole(middle)));
    }
    handles
}

/// The points that are drawn: those of a length or an angle, the corners of a region's box.
pub(crate) fn corners(what: &Measurement) -> Vec<PatientPoint> {
    match (what.kind, what.points.as_slice()) {
        (Kind::Ellipse | Kind::Rectangle, [a, b]) => {
            let (right, down) = ((b.0 - a.0).dot(what.right), (b.0 - a.0).dot(what.down));
            let at = |x: f64, y: f64| PatientPoint(a.0 + what.right * x + what.down * y);
            vec![*a, at(right, 0.0), *b, at(0.0, down)]
        }
        (_, points) => points.to_vec(),
    }
}

/// Moves what is held to a point of the same plane.
pub(crate) fn drag(what: &mut Measurement, grip: &mut Grip, to: PatientPoint) {
    match grip {
        Grip::Whole(from) => {
            let by = to.0 - from.0;
            what.points.iter_mut().for_each(|p| p.0 += by);
            *from = to;
        }
        Grip::Point(n) => match what.kind {
            Kind::Length | Kind::Angle => {
                if let Some(point) = what.points.get_mut(*n) {
                    *point = to;
                }
            }
            Kind::Ellipse | Kind::Rectangle => {
                // The corner across stays where it is.
                if let Some(across) = corners(what).get((*n + 2) % 4).copied() {
                    what.points = vec![across, to];
                    *n = 2;
                }
            }
        },
    }
}

/// What was measured before, where nothing but measurements can be undone: in the reading room.
#[derive(Debug, Default)]
pub(crate) struct MeasuredBefore {
    past: Vec<AllMeasured>,
    now: AllMeasured,
}

type AllMeasured = BTreeMap<SeriesId, Vec<Measured>>;

/// Steps that can be taken back.
const STEPS: usize = 100;

impl MeasuredBefore {
    /// Notes a step; called when no button is down, so that a drag is one.
    pub fn watch(&mut self, stages: &BTreeMap<SeriesId, Stage>) {
        let all: AllMeasured = stages.iter().map(|(id, stage)| (*id, stage.measured.clone())).collect();
        if all.values().map(Vec::len).sum::<usize>() == 0 && self.now.values().all(Vec::is_empty) {
            self.now = all;
        } else if all != self.now {
            self.past.push(std::mem::replace(&mut self.now, all));
            if self.past.len() > STEPS {
                self.past.remove(0);
            }
        }
    }

    /// One step back; false where there is none.
    pub fn undo(&mut self, stages: &mut BTreeMap<SeriesId, Stage>) -> bool {
        self.watch(stages);
        let Some(before) = self.past.pop() else { return false };
        for (id, stage) in stages {
            stage.measured = before.get(id).cloned().unwrap_or_default();
        }
        self.now = before;
        true
    }
}

/// What measurements say, so that it is computed only when it changes.
#[derive(Debug, Default)]
pub(crate) struct Readings {
    known: BTreeMap<(SeriesId, u64), Known>,
    running: Option<Job<(SeriesId, u64, Known)>>,
}

#[derive(Debug, Clone)]
struct Known {
    what: Measurement,
    /// Keeps the address from being used again.
    of: Weak<Volume>,
    reading: Option<Reading>,
}

/// Voxels that are looked at while a frame is drawn; more are a worker's.
const AT_ONCE: f64 = 50_000.0;

impl Readings {
    /// What a measurement says; `None` while it is being computed.
    pub fn get(
        &mut self,
        ctx: &egui::Context,
        series: SeriesId,
        id: u64,
        what: &Measurement,
        stage: &Stage,
    ) -> Option<Reading> {
        self.poll();
        let volume = stage.volume();
        let address = volume.map_or(std::ptr::null(), Arc::as_ptr);
        if let Some(known) = self.known.get(&(series, id))
            && known.what == *what
            && std::ptr::eq(known.of.as_ptr(), address)
        {
            return known.reading.clone();
        }
        let ruler = Ruler::of(stage.base.content.space());
        let of = volume.map_or_else(Weak::new, Arc::downgrade);
        let many = volume.zip(what.region()).is_some_and(|(v, region)| roi::extent(v, &region) > AT_ONCE);
        if !many {
            let reading = what.reading(volume.map(Arc::as_ref), &ruler);
            self.known.insert((series, id), Known { what: what.clone(), of, reading: reading.clone() });
            return reading;
        }
        if self.running.is_none() {
            let (what, volume) = (what.clone(), volume.cloned());
            let job = Job::spawn("Region", move |_| {
                let reading = what.reading(volume.as_deref(), &ruler);
                (series, id, Known { what, of, reading })
            });
            let ctx = ctx.clone();
            job.control().on_change(move || ctx.request_repaint());
            self.running = Some(job);
        }
        ctx.request_repaint_after(std::time::Duration::from_millis(50));
        None
    }

    fn poll(&mut self) {
        match self.running.as_ref().map(Job::poll) {
            Some(Poll::Ready((series, id, known))) => {
                self.known.insert((series, id), known);
                self.running = None;
            }
            Some(Poll::Gone) => self.running = None,
            Some(Poll::Running) | None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use glam::DVec3;

    use super::*;

    #[test]
    fn a_corner_is_dragged_and_the_one_across_stays() {
        let at = |x: f64, y: f64| PatientPoint::new(x, y, 3.0);
        let mut what = Measurement {
            kind: Kind::Rectangle,
            points: vec![at(0.0, 0.0), at(10.0, 6.0)],
            right: DVec3::X,
            down: DVec3::Y,
        };
        assert_eq!(corners(&what), [at(0.0, 0.0), at(10.0, 0.0), at(10.0, 6.0), at(0.0, 6.0)]);
        let mut grip = Grip::Point(1);
        drag(&mut what, &mut grip, at(12.0, -2.0));
        assert_eq!(what.points, [at(0.0, 6.0), at(12.0, -2.0)]);
        // The grip goes with the corner.
        drag(&mut what, &mut grip, at(14.0, -2.0));
        assert_eq!(what.points, [at(0.0, 6.0), at(14.0, -2.0)]);
        let mut grip = Grip::Whole(at(0.0, 0.0));
        drag(&mut what, &mut grip, at(1.0, 1.0));
        assert_eq!(what.points, [at(1.0, 7.0), at(15.0, -1.0)]);
    }
}
