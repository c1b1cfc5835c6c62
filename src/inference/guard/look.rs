//! The guard's word before the network runs: [`look`].

use std::sync::Arc;

use super::check::{FEATURES, check};
use super::verdict::{Likeness, Verdict};
use crate::inference::errors::InferenceError;
use crate::inference::manifest::Model;
use crate::inference::prepare;
use crate::jobs::Control;
use crate::volume::Volume;

/// What can be said of a model's inputs before it runs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Look {
    /// What the guard found so far; `None`: the model has none.
    pub verdict: Option<Verdict>,
    /// What only the run itself can compare: `Feature space` …
    pub later: Vec<String>,
    /// What else a person should know of the inputs.
    pub notices: Vec<String>,
}

impl Look {
    /// What was found, and the sentence that says so; `None`: nothing is known.
    #[must_use]
    pub fn word(&self) -> Option<(Likeness, String)> {
        let verdict = self.verdict.as_ref()?;
        if verdict.checks.is_empty() {
            return None;
        }
        let mut sentence = verdict.sentence();
        if verdict.is_like() && !self.later.is_empty() {
            let (so_far, later) = (verdict.as_far_as_compared(), self.later.join(", ").to_lowercase());
            sentence = format!("{so_far} so far; {later} is compared in the run{}", verdict.untold());
        }
        Some((verdict.likeness(), sentence))
    }
}

/// What the checks that come with the run are called.
pub(crate) fn of_the_run(model: &Model) -> Vec<String> {
    let features = model.manifest.guard.as_ref().is_some_and(|g| g.embedding.is_some());
    features.then(|| FEATURES.to_owned()).into_iter().collect()
}

/// Holds inputs against a model's guard without running a network: spacing, field of view, modality, unit, compression,
/// and intensities, for which the inputs are resampled and normalised as a run does it. `inputs` and `registered` are
/// those of [`crate::inference::engine::run`].
///
/// ```no_run
/// # use std::sync::Arc;
/// use veritome::inference::{guard, manifest};
/// use veritome::jobs::Control;
/// # let volume: Arc<veritome::volume::Volume> = unimplemented!();
/// let model = manifest::find("brain-mask")?;
/// let look = guard::look(&model, &[(String::new(), volume)], false, &Control::new())?;
/// println!("{:?}", look.word());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Inputs that do not fit the model's, as a run would refuse them; a guard's file that cannot be read;
/// [`InferenceError::Cancelled`].
pub fn look(
    model: &Model,
    inputs: &[(String, Arc<Volume>)],
    registered: bool,
    control: &Control,
) -> Result<Look, InferenceError> {
    let matched = prepare::match_inputs(model, inputs, registered)?;
    let m = &model.manifest;
    let Some(guard) = &m.guard else {
        return Ok(Look { notices: prepare::remarks_of(model, &matched), ..Look::default() });
    };
    let mut later = of_the_run(model);
    if guard.intensity_histogram.is_none() || m.preprocess.mask.is_some() {
        // A mask is another model's work, and intensities are those inside it.
        if guard.intensity_histogram.is_some() {
            later.insert(0, "Intensity histogram".to_owned());
        }
        let verdict = Some(check(model, &matched, None)?);
        return Ok(Look { verdict, later, notices: prepare::remarks_of(model, &matched) });
    }
    let prepared = prepare::prepare(model, &matched, None, control)?;
    let normalised: Vec<_> = prepared.inputs.iter().map(|c| (c.name.clone(), c.values.as_slice())).collect();
    control.checkpoint()?;
    let verdict = Some(check(model, &matched, Some(&normalised))?);
    Ok(Look { verdict, later, notices: prepared.notes })
}
