//! What a plan must fulfil before it counts as one: its settings, readers, modalities and the needs of its design.

use std::collections::HashMap;

use super::case_checks;
use super::errors::{Place, PlanError};
use super::plan::{Case, Design, Pairing, Plan};
use super::question_checks;

/// Where the parts of a plan stand; without lines where the plan comes from elsewhere.
pub(super) struct Places {
    pub(super) plan: Place,
    pub(super) readers: Vec<Place>,
    pub(super) modalities: Vec<Place>,
    pub(super) questions: Vec<Place>,
    pub(super) cases: Vec<Place>,
}

impl Places {
    /// Of a plan whose lines are not known.
    pub(super) fn named(file: &str) -> Self {
        let plan = Place::new(file, None);
        Self { plan, readers: Vec::new(), modalities: Vec::new(), questions: Vec::new(), cases: Vec::new() }
    }

    pub(super) fn question(&self, i: usize) -> Place {
        self.questions.get(i).unwrap_or(&self.plan).clone()
    }

    pub(super) fn case(&self, i: usize) -> Place {
        self.cases.get(i).unwrap_or(&self.plan).clone()
    }
}

/// The largest whole number that every JSON reader keeps (RFC 8259, section 6).
const MAX_SEED: u64 = (1 << 53) - 1;
/// More sessions or modalities than any study has; keeps a slip of the keyboard from filling the memory.
const MAX_SESSIONS: u32 = 99;
const MAX_MODALITIES: usize = 20;

/// Everything that can be checked without looking at the disk.
pub(super) fn check(plan: &Plan, places: &Places) -> Result<(), PlanError> {
    settings(plan, &places.plan)?;
    readers(plan, places)?;
    modalities(plan, places)?;
    question_checks::check(plan, places)?;
    case_checks::check(plan, places)?;
    quiz(plan, places)?;
    arms(plan, places)
}

/// Whether every image and hint is a file or a folder, and every overlay a file.
pub(super) fn images_exist(plan: &Plan, places: &Places) -> Result<(), PlanError> {
    for (i, case) in plan.cases.iter().enumerate() {
        let images = case.images.iter().flat_map(|(modality, paths)| paths.iter().map(move |path| (modality, path)));
        let of = |what: &str, modality: &str| format!("{what} of case `{}` in modality `{modality}`", case.id);
        let images = images.map(|(modality, path)| (of("image", modality), path));
        let overlays = case.overlay.iter().map(|(modality, path)| (of("overlay", modality), path));
        let hint = case.hint.iter().map(|path| (format!("hint of case `{}`", case.id), path));
        let images = images.chain(hint).map(|(what, path)| (what, path, path.is_file() || path.is_dir()));
        let overlays = overlays.map(|(what, path)| (what, path, path.is_file()));
        if let Some((what, path, _)) = images.chain(overlays).find(|(_, _, is_there)| !is_there) {
            return Err(PlanError::NoImage { place: places.case(i), what, path: path.display().to_string() });
        }
    }
    Ok(())
}

fn settings(plan: &Plan, place: &Place) -> Result<(), PlanError> {
    let wrong = |problem: String, remedy: &str| Err(PlanError::value(place.clone(), problem, remedy));
    if plan.title.trim().is_empty() {
        return wrong("`title` is empty".to_owned(), "give the study a name");
    }
    if plan.seed > MAX_SEED {
        return wrong(format!("`seed = {}`", plan.seed), "it may be 0 to 9007199254740991");
    }
    if !(plan.alpha > 0.0 && plan.alpha < 1.0) {
        return wrong(format!("`alpha = {}`", plan.alpha), "it lies between 0 and 1, usually 0.05");
    }
    if let Some(margin) = plan.margin.filter(|margin| !(*margin > 0.0 && *margin < 0.5)) {
        return wrong(
            format!("`margin = {margin}`"),
            "it lies above 0 and below 0.5, a difference of areas or shares; leave it out where none is planned",
        );
    }
    let sessions = &plan.sessions;
    if sessions.count == 0 || sessions.count > MAX_SESSIONS {
        return wrong(format!("`sessions.count = {}`", sessions.count), "it is 1 to 99");
    }
    for (name, value) in [
        ("sessions.time_limit_minutes", sessions.time_limit_minutes),
        ("sessions.break_every", sessions.break_every),
        ("order.max_run", plan.order.max_run),
    ] {
        if value == Some(0) {
            return wrong(format!("`{name} = 0`"), "it is 1 or more; leave it out for no limit");
        }
    }
    if let Some([center, width]) = plan.reading.window
        && !(center.is_finite() && width.is_finite() && width > 0.0)
    {
        return wrong(format!("`reading.window = [{center}, {width}]`"), "it is a center and a width above 0");
    }
    let tools = &plan.reading.tools;
    if tools.iter().enumerate().any(|(i, tool)| tools.iter().take(i).any(|earlier| earlier == tool)) {
        return wrong("`reading.tools` names a tool twice".to_owned(), "name each once");
    }
    Ok(())
}

fn readers(plan: &Plan, places: &Places) -> Result<(), PlanError> {
    if plan.readers.is_empty() {
        let remedy = "add a `[[reader]]` table for each";
        return Err(PlanError::value(places.plan.clone(), "there is no reader", remedy));
    }
    unique("reader", plan.readers.iter().map(|reader| reader.id.as_str()), &places.readers, &places.plan)?;
    for (i, reader) in plan.readers.iter().enumerate() {
        let place = places.readers.get(i).unwrap_or(&places.plan);
        short_id("reader", &reader.id, place)?;
        if reader.years.is_some_and(|years| !(years.is_finite() && years >= 0.0)) {
            let problem = format!("reader `{}` has `years` below 0 or not finite", reader.id);
            return Err(PlanError::value(place.clone(), problem, "give years of experience, 0 or more"));
        }
    }
    Ok(())
}

fn modalities(plan: &Plan, places: &Places) -> Result<(), PlanError> {
    let place = |i: usize| places.modalities.get(i).unwrap_or(&places.plan);
    unique("modality", plan.modalities.iter().map(|m| m.name.as_str()), &places.modalities, &places.plan)?;
    for (i, modality) in plan.modalities.iter().enumerate() {
        name("modality", &modality.name, place(i))?;
    }
    let (found, synthetic) = (plan.modalities.len(), plan.modalities.iter().filter(|m| m.synthetic).count());
    let least = if matches!(plan.design, Design::Preference | Design::Aided) { 2 } else { 1 };
    if found > MAX_MODALITIES {
        let problem = format!("there are {found} modalities");
        return Err(PlanError::value(places.plan.clone(), problem, format!("at most {MAX_MODALITIES} are possible")));
    }
    if plan.design.asks_for_synthetic() && (synthetic == 0 || synthetic == found) {
        let problem =
            format!("design `{}` has {synthetic} synthetic and {} real modalities", plan.design, found - synthetic);
        let remedy = "it needs at least one with `synthetic = true` and one with `synthetic = false`";
        return Err(PlanError::value(places.plan.clone(), problem, remedy));
    }
    if found < least {
        let problem = format!("design `{}` has {found} modalities", plan.design);
        let remedy = format!("it needs at least {least}; add a `[[modality]]` table for each arm");
        return Err(PlanError::value(places.plan.clone(), problem, remedy));
    }
    Ok(())
}

/// What a quiz needs to judge and to tell: one session, and a design with a true answer for every trial.
fn quiz(plan: &Plan, places: &Places) -> Result<(), PlanError> {
    let wrong = |problem: String, remedy: &str| Err(PlanError::value(places.plan.clone(), problem, remedy));
    if !plan.is_quiz() {
        let helped = plan.cases.iter().position(|case| !case.training && (case.hint.is_some() || case.tell.is_some()));
        return match helped.and_then(|i| Some((i, plan.cases.get(i)?))) {
            Some((i, case)) => {
                let problem = format!("case `{}` has a `hint` or a `tell`, but is not training", case.id);
                Err(PlanError::value(places.case(i), problem, "only what is not analysed may be helped; remove it"))
            }
            None => Ok(()),
        };
    }
    if !matches!(plan.design, Design::YesNo | Design::ForcedChoice | Design::Roc | Design::Aided) {
        return wrong(
            format!("every case is training, which makes a quiz, and design `{}` has no right answer", plan.design),
            "a quiz is `yes_no`, `forced_choice`, `roc` or `aided`; a study needs cases that are not training",
        );
    }
    if plan.sessions.count != 1 || plan.order.repeats != 0 {
        return wrong("a quiz has several sessions or repeats".to_owned(), "plan one session and no repeats");
    }
    if !plan.order.training_feedback {
        return wrong("a quiz without feedback".to_owned(), "remove `training_feedback = false`");
    }
    Ok(())
}

/// Every arm has cases, and cases of both truths where the figure of merit needs them.
fn arms(plan: &Plan, places: &Places) -> Result<(), PlanError> {
    for (i, modality) in plan.modalities.iter().enumerate() {
        let place = places.modalities.get(i).unwrap_or(&places.plan);
        let counts = |case: &Case| case.is_main() || plan.is_quiz();
        let cases = || plan.cases.iter().filter(|case| counts(case) && case.images.contains_key(&modality.name));
        if cases().next().is_none() {
            let problem = format!("modality `{}` has no case that is neither training nor catch", modality.name);
            return Err(PlanError::value(place.clone(), problem, "give it images, or remove it"));
        }
        if !plan.design.asks_for_disease() {
            continue;
        }
        for truth in [false, true] {
            if !cases().any(|case| case.truth == Some(truth)) {
                let problem = format!("modality `{}` has no case with `truth = {}`", modality.name, u8::from(truth));
                let remedy = format!("`{}` needs cases of both truths in every modality", plan.design);
                return Err(PlanError::value(place.clone(), problem, remedy));
            }
        }
    }
    let groups = plan.pairing == Pairing::Matched && plan.design == Design::ForcedChoice;
    if groups { case_checks::match_groups(plan, places) } else { Ok(()) }
}

/// No two ids are equal, not even when upper and lower case are one.
pub(super) fn unique<'a>(
    what: &'static str,
    ids: impl Iterator<Item = &'a str>,
    places: &[Place],
    plan: &Place,
) -> Result<(), PlanError> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for (i, id) in ids.enumerate() {
        if let Some(first) = seen.insert(id.to_lowercase(), i) {
            return Err(PlanError::Duplicate {
                place: places.get(i).unwrap_or(plan).clone(),
                what,
                id: id.to_owned(),
                first_line: places.get(first).and_then(|place| place.line),
            });
        }
    }
    Ok(())
}

/// An id that may become part of a file's name.
pub(super) fn short_id(what: &str, id: &str, place: &Place) -> Result<(), PlanError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if (1..=32).contains(&id.len()) && id.chars().all(fits) {
        return Ok(());
    }
    let remedy = "use 1 to 32 of the letters A-Z and a-z, digits, `-` and `_`";
    Err(PlanError::value(place.clone(), format!("`{id}` is no id of a {what}"), remedy))
}

/// A name that fits in a table's cell and in one line of a report.
pub(super) fn name(what: &str, name: &str, place: &Place) -> Result<(), PlanError> {
    if (1..=64).contains(&name.chars().count()) && name.trim() == name && !name.chars().any(char::is_control) {
        return Ok(());
    }
    let problem = format!("`{}` is no name of a {what}", name.escape_debug());
    Err(PlanError::value(place.clone(), problem, "use 1 to 64 characters in one line, without blanks at the ends"))
}
