//! A guided tour in the window: where it is, what its steps gave, and whose turn it is.
//!
//! Steps are played one at a time by a worker, the next one ahead of the person. What a step laid is kept when the person
//! goes on or back, with all that was changed in it.

use std::sync::Arc;

use super::library::SeriesId;
use super::state::Model;
use super::tour_layers::{self, Kept, Laid, OnShow};
use crate::tour::{Names, Played, Scene, Step, Tour};

/// A tour that is on.
#[derive(Debug)]
pub(crate) struct Touring {
    pub tour: Arc<Tour>,
    /// Tells its tasks from those of a tour that was left.
    pub id: u64,
    /// The step that the person reads.
    pub at: usize,
    pub names: Names,
    pub steps: Vec<StepState>,
    /// The series that it is about, once it is open.
    pub on: Option<SeriesId>,
    on_show: Option<(usize, OnShow)>,
}

/// How far a step is.
#[derive(Debug, Default)]
pub(crate) struct StepState {
    pub stand: Stand,
    laid: Option<Laid>,
    kept: Option<Kept>,
}

/// Whether a step was played.
#[derive(Debug, Clone, Default)]
pub(crate) enum Stand {
    /// Its turn comes.
    #[default]
    Waiting,
    /// A worker plays it.
    Running,
    /// The person stopped it.
    Stopped,
    Done(Arc<Played>),
}

/// What a worker gives back of a step.
#[derive(Debug)]
pub(crate) struct Acted {
    pub played: Played,
    pub laid: Laid,
}

impl Touring {
    fn new(tour: Tour, id: u64) -> Self {
        let steps = tour.steps.iter().map(|_| StepState::default()).collect();
        Self { tour: Arc::new(tour), id, at: 0, names: Names::default(), steps, on: None, on_show: None }
    }

    /// The step that the person reads.
    pub fn step(&self) -> Option<(&Step, &Stand)> {
        self.tour.steps.get(self.at).zip(self.steps.get(self.at).map(|s| &s.stand))
    }

    pub fn is_last(&self) -> bool {
        self.at + 1 >= self.steps.len()
    }

    /// The step whose turn it is: the first that waits, up to the one that the person reads; then the one after it.
    pub fn next_to_play(&self) -> Option<usize> {
        self.on?;
        let waits = |n: &usize| matches!(self.steps.get(*n).map(|s| &s.stand), Some(Stand::Waiting));
        let read = matches!(self.step(), Some((_, Stand::Done(_))));
        (0..=self.at).find(waits).or_else(|| Some(self.at + 1).filter(|n| read && waits(n)))
    }

    /// A step goes to a worker.
    pub fn begin(&mut self, step: usize) {
        if let Some(state) = self.steps.get_mut(step) {
            state.stand = Stand::Running;
        }
    }

    /// A step came back; `None`: it was stopped.
    pub fn came(&mut self, step: usize, acted: Option<Acted>) {
        let Some(state) = self.steps.get_mut(step) else { return };
        let Some(Acted { played, laid }) = acted else {
            state.stand = Stand::Stopped;
            return;
        };
        for (name, named) in &played.named {
            self.names.give(name, named.clone());
        }
        state.laid = Some(laid);
        state.stand = Stand::Done(Arc::new(played));
    }

    /// No worker plays any step: what was on its way is not any more.
    pub fn nothing_runs(&mut self) {
        for state in self.steps.iter_mut().filter(|s| matches!(s.stand, Stand::Running)) {
            state.stand = Stand::Stopped;
        }
    }

    /// Plays a stopped step after all.
    pub fn again(&mut self) {
        if let Some(state) = self.steps.get_mut(self.at)
            && matches!(state.stand, Stand::Stopped)
        {
            state.stand = Stand::Waiting;
        }
    }
}

impl Model {
    /// Begins a tour; one that is on is left.
    pub fn start_tour(&mut self, tour: Tour) -> u64 {
        self.leave_tour();
        self.tours += 1;
        self.touring = Some(Touring::new(tour, self.tours));
        self.tours
    }

    /// The tour's image is open.
    pub fn tour_opened(&mut self, on: SeriesId, scene: &Scene) {
        if let Some(touring) = &mut self.touring {
            touring.on = Some(on);
            touring.names = Names::of_image(scene.volume.clone());
        }
    }

    /// Goes on or back.
    pub fn tour_to(&mut self, by: i64) {
        if let Some(touring) = &mut self.touring {
            let to = touring.at as i64 + by;
            if let Some(to) = usize::try_from(to).ok().filter(|to| *to < touring.steps.len()) {
                touring.at = to;
            }
        }
    }

    /// Lays the layers of the step that the person reads, if they are there and not on show, and takes the others away.
    /// True when something changed.
    pub fn settle_tour(&mut self) -> bool {
        let Some(touring) = &mut self.touring else { return false };
        let Some(on) = touring.on else { return false };
        if self.library.get(on).is_none() {
            self.touring = None;
            return true;
        }
        let Some(stage) = self.stages.get_mut(&on).filter(|s| s.whole) else { return false };
        let at = touring.at;
        let mut changed = false;
        if let Some((step, on_show)) = touring.on_show.take_if(|(step, _)| *step != at) {
            let kept = tour_layers::take(stage, on_show);
            if let Some(state) = touring.steps.get_mut(step) {
                state.kept = Some(kept);
            }
            changed = true;
        }
        let mut to = None;
        if touring.on_show.is_none()
            && let Some(state) = touring.steps.get_mut(at)
            && matches!(state.stand, Stand::Done(_))
        {
            let kept = state.kept.take();
            let new = match (kept, &state.laid) {
                (Some(kept), _) => tour_layers::put_back(stage, kept),
                (None, Some(laid)) => tour_layers::lay(stage, laid.clone()),
                (None, None) => OnShow::default(),
            };
            to = state.laid.as_ref().and_then(|laid| laid.at);
            touring.on_show = Some((at, new));
            changed = true;
        }
        if let (Some(to), Some(pane)) = (to, self.panes.iter().position(|p| p.series == Some(on))) {
            self.move_point(pane, to);
        }
        changed
    }

    /// Ends the tour. The series gets its own image back; layers of the step on show stay if they lie over that.
    pub fn leave_tour(&mut self) {
        let Some(mut touring) = self.touring.take() else { return };
        let Some(stage) = touring.on.and_then(|on| self.stages.get_mut(&on)) else { return };
        if let Some((_, on_show)) = touring.on_show.take()
            && on_show.hides_the_series()
        {
            tour_layers::take(stage, on_show);
        }
        stage.compare = crate::render::scene::Compare::Blend;
    }
}
