//! Undo and redo of how things look: windows, layers, layout, turned planes, measurements. Going through slices is no step.
//!
//! The state is looked at once a frame, when no button is down, so that a drag is one step and nothing that changes a
//! setting has to know of this. What a task brings (a volume, a mask) is no step either.

use std::collections::BTreeMap;

use super::action::Layout;
use super::library::SeriesId;
use super::measuring::Measured;
use super::pane::{Kind, Pane};
use super::picture::same_layer;
use super::results::Run;
use super::stage::{Overlay, Stage, VolumeLook};
use super::state::Model;
use crate::display::{ColorMap, Voi};
use crate::render::scene::Compare;

const STEPS: usize = 100;

/// The look of a series.
#[derive(Debug, Clone)]
struct StageLook {
    voi: Voi,
    inverted: bool,
    colormap: ColorMap,
    opacity: f32,
    visible: bool,
    overlays: Vec<Overlay>,
    runs: Vec<Run>,
    newest_overlay: u64,
    compare: Compare,
    acquisition: bool,
    look: VolumeLook,
    measured: Vec<Measured>,
}

impl StageLook {
    fn of(stage: &Stage) -> Self {
        Self {
            voi: stage.base.voi.clone(),
            inverted: stage.base.inverted,
            colormap: stage.base.colormap,
            opacity: stage.base.opacity,
            visible: stage.base.visible,
            overlays: stage.overlays.clone(),
            runs: stage.runs.clone(),
            newest_overlay: stage.newest_overlay(),
            compare: stage.compare,
            acquisition: stage.acquisition,
            look: stage.look.clone(),
            measured: stage.measured.clone(),
        }
    }

    fn is_like(&self, other: &Self) -> bool {
        self.voi == other.voi
            && self.inverted == other.inverted
            && self.colormap == other.colormap
            && self.opacity == other.opacity
            && self.visible == other.visible
            && self.compare == other.compare
            && self.acquisition == other.acquisition
            && self.look == other.look
            && self.measured == other.measured
            && self.runs.iter().map(|r| r.id).eq(other.runs.iter().map(|r| r.id))
            && self.overlays.len() == other.overlays.len()
            && self.overlays.iter().zip(&other.overlays).all(|(a, b)| a.id == b.id && same_layer(&a.layer, &b.layer))
    }

    fn give(&self, stage: &mut Stage) {
        stage.base.voi = self.voi.clone();
        stage.base.inverted = self.inverted;
        stage.base.colormap = self.colormap;
        stage.base.opacity = self.opacity;
        stage.base.visible = self.visible;
        stage.compare = self.compare;
        stage.acquisition = self.acquisition;
        stage.measured.clone_from(&self.measured);
        stage.look = VolumeLook { presets: stage.look.presets.clone(), ..self.look.clone() };
        // A layer that came since then stays.
        let came: Vec<Overlay> =
            std::mem::take(&mut stage.overlays).into_iter().filter(|o| o.id > self.newest_overlay).collect();
        stage.overlays = self.overlays.iter().cloned().chain(came).collect();
        let came: Vec<Run> =
            std::mem::take(&mut stage.runs).into_iter().filter(|r| r.id > self.newest_overlay).collect();
        stage.runs = self.runs.iter().cloned().chain(came).collect();
    }
}

/// How everything looks.
#[derive(Debug, Clone)]
struct Look {
    layout: Layout,
    panes: Vec<Pane>,
    stages: BTreeMap<SeriesId, StageLook>,
}

impl Look {
    fn of(model: &Model) -> Self {
        Self {
            layout: model.layout,
            panes: model.panes.clone(),
            stages: model.stages.iter().map(|(id, stage)| (*id, StageLook::of(stage))).collect(),
        }
    }

    fn is_like(&self, other: &Self) -> bool {
        self.has_panes_like(other)
            && self.panes.iter().zip(&other.panes).all(|(a, b)| a.slab == b.slab && a.turn == b.turn)
            && self.stages.iter().all(|(id, a)| other.stages.get(id).is_none_or(|b| a.is_like(b)))
    }

    fn has_panes_like(&self, other: &Self) -> bool {
        let what = |p: &Pane| -> (Option<SeriesId>, Kind) { (p.series, p.kind) };
        self.layout == other.layout && self.panes.iter().map(what).eq(other.panes.iter().map(what))
    }

    /// Makes `model` look like this; the place in the patient and the magnification stay where the viewports do.
    fn give(&self, model: &mut Model, now: &Self) {
        if self.has_panes_like(now) {
            for (pane, old) in model.panes.iter_mut().zip(&self.panes) {
                (pane.slab, pane.turn) = (old.slab, old.turn);
            }
        } else {
            model.layout = self.layout;
            model.settings.layout = self.layout;
            model.panes = self.panes.clone();
            model.active = model.active.min(model.panes.len().saturating_sub(1));
            model.maximised = false;
        }
        for (id, look) in &self.stages {
            if let Some(stage) = model.stages.get_mut(id) {
                look.give(stage);
            }
        }
    }
}

/// What was, and what was taken back.
#[derive(Debug, Default)]
pub(crate) struct History {
    past: Vec<Look>,
    future: Vec<Look>,
    now: Option<Look>,
}

impl History {
    /// Notes a step if something looks different from last time.
    pub fn watch(&mut self, model: &Model) {
        let look = Look::of(model);
        if let Some(before) = self.now.replace(look)
            && let Some(now) = &self.now
            && !before.is_like(now)
        {
            self.past.push(before);
            self.future.clear();
            if self.past.len() > STEPS {
                self.past.remove(0);
            }
        }
    }

    /// What changed since last time was not the person's doing.
    pub fn accept(&mut self, model: &Model) {
        self.now = Some(Look::of(model));
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// One step back; false where there is none.
    pub fn undo(&mut self, model: &mut Model) -> bool {
        self.watch(model);
        Self::go(&mut self.past, &mut self.future, &mut self.now, model)
    }

    /// Takes an undo back; false where there is none.
    pub fn redo(&mut self, model: &mut Model) -> bool {
        Self::go(&mut self.future, &mut self.past, &mut self.now, model)
    }

    fn go(from: &mut Vec<Look>, to: &mut Vec<Look>, now: &mut Option<Look>, model: &mut Model) -> bool {
        let Some(wanted) = from.pop() else { return false };
        let current = Look::of(model);
        wanted.give(model, &current);
        to.push(current);
        *now = Some(Look::of(model));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::state::Settings;

    #[test]
    fn a_layout_goes_back_and_forth() {
        let mut model = Model::new(Settings::default());
        let mut history = History::default();
        history.accept(&model);
        assert!(!history.undo(&mut model));
        model.lay_out(Layout::Grid);
        history.watch(&model);
        model.lay_out(Layout::Single);
        assert!(history.undo(&mut model));
        assert_eq!((model.layout, model.panes.len()), (Layout::Grid, 6));
        assert!(history.undo(&mut model));
        assert_eq!(model.layout, Layout::FourUp);
        assert!(history.redo(&mut model) && history.redo(&mut model) && !history.redo(&mut model));
        assert_eq!(model.layout, Layout::Single);
    }

    #[test]
    fn what_a_task_brings_is_no_step() {
        let mut model = Model::new(Settings::default());
        let mut history = History::default();
        history.accept(&model);
        model.lay_out(Layout::Single);
        history.accept(&model);
        assert!(!history.undo(&mut model));
    }
}
