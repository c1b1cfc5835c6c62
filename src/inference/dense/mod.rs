//! The network led over the image: windows through the core, into the slab, over the repeats, onto the input's grid.
//!
//! With one repeat the slab runs along with the windows and lets planes go as soon as no further window touches them.
//! With several, blocks of planes are finished repeat by repeat, so that only running statistics are kept; windows that
//! lie over a border between blocks are run once for each of the two.
//!
//! - here: [`run`], three threads that cut, call and add at once
//! - [`plan`]: which windows there are, and in which order they go through
//! - [`scale`]: networks whose answer is larger or smaller than what they are given
//! - [`state`]: what is accumulated, and how finished planes leave
//! - [`window`]: what becomes of a window's tensors before they are added
//! - [`score`]: how strange voxels are
//! - [`sinks`]: where finished planes go

mod plan;
mod scale;
mod score;
mod sinks;
mod state;
#[cfg(test)]
mod tests;
mod window;

use std::sync::mpsc::sync_channel;

use super::cutter::{Cutter, Window};
use super::errors::InferenceError;
use super::fields::Field;
use super::grid::ModelGrid;
use super::manifest::Model;
use super::manifest::schema::Augmentation;
use super::normalize::Applied;
use super::result::UncertaintyKind;
use super::session::Tensor;
use crate::jobs::Control;
use crate::volume::Geometry;
pub(crate) use plan::window_sizes;
use plan::{Plan, all_windows};
use state::State;

/// One time that the image goes through.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pass {
    /// Which member of an ensemble.
    pub member: usize,
    /// Place in the manifest's list of augmentations; `None`: the image as it is.
    pub augmentation: Option<usize>,
    /// Which sample of a stochastic network or diffusion model.
    pub sample: usize,
}

/// What turns the tensors of a batch of windows into the wanted ones.
pub(crate) trait Core: Sync {
    /// Runs a batch.
    fn call(
        &self,
        pass: &Pass,
        tensors: Vec<Tensor>,
        windows: &[Window],
        control: &Control,
    ) -> Result<Vec<Tensor>, InferenceError>;

    /// How many windows must go in at once, where the graph fixes it.
    fn fixed_batch(&self) -> Option<usize>;

    /// Calls of the network for one batch; the core advances the progress by the batch's windows after each.
    fn steps(&self) -> usize {
        1
    }
}

/// All that a run needs.
pub(crate) struct Work<'a> {
    pub model: &'a Model,
    pub core: &'a dyn Core,
    pub cutter: &'a Cutter,
    pub grid: &'a ModelGrid,
    /// The first input's own grid.
    pub target: &'a Geometry,
    pub applied: &'a [(String, Applied)],
    pub passes: &'a [Pass],
    /// The axis of the model's grid along which results are not interpolated.
    pub snapped: Option<usize>,
    /// Whether class probabilities are brought back too.
    pub probabilities: bool,
    /// Bytes that the statistics of several repeats may take at once; [`BLOCK_BYTES`] as a rule.
    pub block_bytes: usize,
    /// Only windows that touch this box (first voxel, the one behind the last) are run; `None`: all.
    pub within: Option<[[usize; 3]; 2]>,
    pub control: &'a Control,
}

/// What came of one field, on [`Dense::target`].
pub(crate) struct Outcome {
    pub field: Field,
    pub labels: Option<Vec<u16>>,
    /// Channel by channel.
    pub values: Vec<Vec<f32>>,
    /// Channel by channel; empty when nothing is known.
    pub std: Vec<Vec<f32>>,
    pub maps: Vec<(UncertaintyKind, Vec<f32>)>,
    /// By label.
    pub probabilities: Vec<(u16, Vec<u8>)>,
    /// Volumes of the labels in each repeat, millilitres; empty with one repeat.
    pub volumes_ml: Vec<Vec<(u16, f64)>>,
    /// Numbers for the whole image, one list a repeat.
    pub whole: Vec<Vec<f32>>,
}

/// What a run gave.
pub(crate) struct Dense {
    pub outcomes: Vec<Outcome>,
    /// Windows of one pass.
    pub patches: usize,
    /// Whether every voxel of the input lies in the model's grid.
    pub covers: bool,
    /// The grid of the outcomes: [`Work::target`], or a finer one with the same faces.
    pub target: Geometry,
    /// What the person must know.
    pub notes: Vec<String>,
}

/// Bytes that the statistics of several repeats may take at once.
pub(crate) const BLOCK_BYTES: usize = 1_500_000_000;

/// Leads the network over the image.
///
/// # Errors
/// What the core says; a tensor that does not fit; [`InferenceError::Cancelled`].
pub(crate) fn run(work: &Work<'_>, stage: &str) -> Result<Dense, InferenceError> {
    let m = &work.model.manifest;
    let windows = all_windows(work);
    let batch = work.core.fixed_batch().unwrap_or(m.inferer.batch).max(1);
    let channels = m.outputs.iter().map(|o| o.channels.as_ref().map_or(o.labels.len() + 1, Vec::len)).sum::<usize>();
    let plan = Plan::new(&windows, work.cutter, channels.max(1), [work.passes.len(), work.block_bytes]);
    let jobs = plan.jobs(&windows, work.passes.len(), batch);
    let total: usize = jobs.iter().map(|j| j.windows.len()).sum();
    work.control.stage(stage, (total * work.core.steps()) as u64);
    let state = std::thread::scope(|scope| {
        // While one batch is in the network the next one is cut and the last one is added.
        let (cut, to_run) = sync_channel::<Vec<Tensor>>(1);
        let (ran, to_add) = sync_channel::<Vec<Tensor>>(1);
        let (jobs, fixed) = (&jobs, work.core.fixed_batch());
        scope.spawn(move || {
            for job in jobs {
                let mut windows = job.windows.clone();
                if let (Some(n), Some(last)) = (fixed, windows.last().copied()) {
                    windows.resize(n, last);
                }
                if cut.send(work.cutter.cut(&windows, work.augmentation(&work.passes[job.pass]))).is_err() {
                    return;
                }
            }
        });
        let (plan, windows) = (&plan, &windows);
        let adding = scope.spawn(move || {
            let mut state: Option<State<'_>> = None;
            // The channel ends early when the network failed: then that is what is reported.
            for (job, tensors) in jobs.iter().zip(to_add) {
                if !job.windows.is_empty() {
                    let state = match &mut state {
                        Some(state) => state,
                        none => none.insert(State::new(work, plan, &tensors, [&job.windows, windows])?),
                    };
                    state.add(tensors, &job.windows, &work.passes[job.pass], job.pass)?;
                }
                if let (Some(range), Some(state)) = (job.finished, &mut state) {
                    state.finish_pass(range, job.pass)?;
                    if job.last_pass {
                        state.finish_block(range)?;
                    }
                }
            }
            Ok::<_, InferenceError>(state)
        });
        for job in jobs {
            work.control.checkpoint()?;
            // The producer ends early only by a fault.
            let Ok(tensors) = to_run.recv() else { break };
            let given = match job.windows.as_slice() {
                [] => Vec::new(),
                windows => work.core.call(&work.passes[job.pass], tensors, windows, work.control)?,
            };
            if ran.send(given).is_err() {
                break;
            }
        }
        drop(ran);
        adding.join().unwrap_or_else(|fault| std::panic::resume_unwind(fault))
    })?;
    let Some(state) = state else {
        return Err(InferenceError::NotSupported {
            model: work.model.title(),
            what: "an image without a window".into(),
        });
    };
    let mut notes = Vec::new();
    if !state.scale.divides(&windows) {
        notes.push(
            "Some windows begin between voxels of the network's answer: what it says there lies up to one of them aside"
                .to_owned(),
        );
    }
    let (covers, target) = (state.mapper.covers(), state.target.clone());
    Ok(Dense { covers, target, notes, outcomes: state.outcomes(), patches: windows.len() })
}

impl Work<'_> {
    fn augmentation(&self, pass: &Pass) -> Option<&Augmentation> {
        pass.augmentation.and_then(|n| self.model.manifest.uncertainty.tta.get(n))
    }
}
