//! What a step of a tour lays over its series: runs as any other run, so that everything that works on results works on
//! them, and single layers for what the tour made itself.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::results::{self, Made, Meaning, Prepared, Run};
use super::stage::{Overlay, Stage};
use crate::display::Voi;
use crate::render::scene::{Compare, Content, Layer};
use crate::tour::format::{IMAGE, Meeting, Step};
use crate::tour::names::{OfRun, Part};
use crate::tour::show::{Shown, ShownLayer, show};
use crate::tour::{Names, Played, Ran};
use crate::volume::PatientPoint;

/// The layers of a step, ready to be laid.
#[derive(Debug, Clone)]
pub(crate) struct Laid {
    /// In place of the series' own image: one that the tour made.
    base: Option<Layer>,
    groups: Vec<Group>,
    /// Where the crosshair goes.
    pub at: Option<PatientPoint>,
    /// The window of the base, where the tour chose one.
    voi: Option<Voi>,
    compare: Compare,
}

#[derive(Debug, Clone)]
enum Group {
    Run(Prepared),
    Single(Layer, [f64; 2]),
}

/// Makes them. Looks through all voxels: not for the thread that draws.
pub(crate) fn layers_of(step: &Step, played: &Played, names: &Names) -> Laid {
    let compare = match step.show.compare {
        Meeting::Over => Compare::Blend,
        Meeting::SideBySide => Compare::Swipe { position: 0.5 },
        Meeting::Checkerboard => Compare::Checkerboard { square_px: 48 },
    };
    let Ok(shown) = show(step, names) else {
        return Laid { base: None, groups: Vec::new(), at: None, voi: None, compare: Compare::Blend };
    };
    let mut groups = Vec::new();
    let mut laid: BTreeSet<&str> = BTreeSet::new();
    for one in &shown.layers {
        match &one.found.of_run {
            None => {
                let mut layer = one.layer.clone();
                // What would hide the images side by side waits in the list; the page has a picture of its own for it.
                let hides = one.found.is_map && layer.opacity >= 1.0 && step.show.compare == Meeting::SideBySide;
                layer.visible &= !hides;
                groups.push(Group::Single(layer, one.range));
            }
            Some(place) if laid.insert(&place.ran.name) => groups.push(Group::Run(run(&place.ran, &shown))),
            Some(_) => {}
        }
    }
    // Runs that only gave numbers are there too, hidden.
    for ran in played.runs().filter(|ran| !laid.contains(ran.name.as_str())) {
        groups.push(Group::Run(run(ran, &shown)));
    }
    let has_image = |g: &Group| match g {
        Group::Run(p) => p.layers.iter().any(|l| l.layer.visible && matches!(l.layer.content, Content::Image(_))),
        Group::Single(layer, _) => matches!(layer.content, Content::Image(_)),
    };
    // There is nothing to hold the base against.
    let compare = if groups.iter().any(has_image) { compare } else { Compare::Blend };
    let base = (shown.base.reference != IMAGE && !is_the_image(&shown, names)).then(|| shown.base.layer.clone());
    let voi = step.show.window.map(|_| shown.base.layer.voi.clone());
    Laid { base, groups, at: shown.at, voi, compare }
}

/// Whether the base fell back to the tour's own image.
fn is_the_image(shown: &Shown, names: &Names) -> bool {
    matches!((&shown.base.layer.content, names.image(IMAGE)), (Content::Image(a), Ok(b)) if Arc::ptr_eq(a, &b))
}

/// A run with the layers that are on show as the tour wants them, the others hidden.
fn run(ran: &Arc<Ran>, shown: &Shown) -> Prepared {
    let mut prepared = results::prepare(ran.result.clone());
    for layer in &mut prepared.layers {
        let wanted = shown.layers.iter().find(|one| is_of(one, ran, layer.output, layer.meaning));
        layer.layer.visible = wanted.is_some();
        if let Some(wanted) = wanted {
            let own = &layer.layer;
            layer.layer = Layer { name: own.name.clone(), content: own.content.clone(), ..wanted.layer.clone() };
        }
    }
    let made = Made { model: ran.model.clone(), inputs: ran.inputs.clone(), options: ran.options.clone() };
    Prepared { made: Some(Arc::new(made)), ..prepared }
}

fn is_of(one: &ShownLayer, ran: &Arc<Ran>, output: usize, meaning: Meaning) -> bool {
    let Some(OfRun { ran: of, output: place, part }) = &one.found.of_run else { return false };
    let is = match part {
        Part::Result => matches!(meaning, Meaning::Result | Meaning::Anomaly),
        Part::Uncertainty => {
            let first = ran.result.outputs.get(output).and_then(|o| o.estimate.as_ref()?.maps.first());
            first.is_some_and(|map| meaning == Meaning::Uncertainty(map.kind))
        }
        Part::Invented(kind) => meaning == Meaning::Invented(*kind),
    };
    is && Arc::ptr_eq(of, ran) && *place == output
}

/// What a step laid, while it is on show: names of its runs and layers, and the series' own image where another one stands
/// in its place.
#[derive(Debug, Default)]
pub(crate) struct OnShow {
    ids: BTreeSet<u64>,
    own: Option<Layer>,
}

/// What a step laid, while another one is on show; what a person changed in it is kept.
#[derive(Debug)]
pub(crate) struct Kept {
    overlays: Vec<Overlay>,
    runs: Vec<Run>,
    base: Option<Layer>,
    compare: Compare,
}

/// Lays a step for the first time.
pub(crate) fn lay(stage: &mut Stage, laid: Laid) -> OnShow {
    let first = stage.newest_overlay();
    let own = laid.base.map(|base| std::mem::replace(&mut stage.base, base));
    if let Some(voi) = laid.voi {
        stage.base.voi = voi;
    }
    stage.compare = laid.compare;
    for group in laid.groups {
        match group {
            Group::Run(prepared) => results::lay(stage, prepared),
            Group::Single(layer, range) => stage.add_overlay(layer, range),
        }
    }
    for run in &mut stage.runs {
        run.open &= run.id <= first;
    }
    OnShow { ids: (first + 1..=stage.newest_overlay()).collect(), own }
}

/// Takes a step's layers away and keeps them.
pub(crate) fn take(stage: &mut Stage, on_show: OnShow) -> Kept {
    let of_step = |o: &Overlay| {
        let run = o.part.as_ref().map(|p| p.run);
        on_show.ids.contains(&o.id) || run.is_some_and(|run| on_show.ids.contains(&run))
    };
    let (overlays, others) = std::mem::take(&mut stage.overlays).into_iter().partition(of_step);
    let (runs, other_runs) = std::mem::take(&mut stage.runs).into_iter().partition(|r| on_show.ids.contains(&r.id));
    (stage.overlays, stage.runs) = (others, other_runs);
    let base = on_show.own.map(|own| std::mem::replace(&mut stage.base, own));
    Kept { overlays, runs, base, compare: std::mem::take(&mut stage.compare) }
}

/// Puts kept layers back.
pub(crate) fn put_back(stage: &mut Stage, kept: Kept) -> OnShow {
    let ids = kept.overlays.iter().map(|o| o.id).chain(kept.runs.iter().map(|r| r.id)).collect();
    stage.overlays.extend(kept.overlays);
    stage.runs.extend(kept.runs);
    stage.compare = kept.compare;
    OnShow { ids, own: kept.base.map(|base| std::mem::replace(&mut stage.base, base)) }
}

impl OnShow {
    /// Whether an image that the tour made stands in the place of the series' own.
    pub fn hides_the_series(&self) -> bool {
        self.own.is_some()
    }
}
