//! What of a tour can be played on this machine: [`fit`] leaves out steps whose models are not there, [`missing`] says what a
//! teacher should know before the lesson.

use super::format::{Run, Step, Tour, Work};
use super::play::Models;

/// The tour without the steps that need a model which is not there. A step at the end says what was left out, so that nobody
/// takes the rest for the whole.
#[must_use]
pub fn fit(mut tour: Tour, models: &Models) -> Tour {
    let absent: Vec<String> =
        needed(&tour).into_iter().filter(|name| models.find(name, &tour).is_err()).map(str::to_owned).collect();
    let (gone, kept): (Vec<Step>, Vec<Step>) =
        tour.steps.into_iter().partition(|step| step.needs.iter().any(|name| absent.contains(name)));
    tour.steps = kept;
    if !gone.is_empty() {
        tour.steps.push(closing(&gone, &absent));
    }
    tour
}

/// Models that steps need, each once.
fn needed(tour: &Tour) -> Vec<&str> {
    let mut names: Vec<&str> = tour.steps.iter().flat_map(|step| &step.needs).map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn closing(gone: &[Step], absent: &[String]) -> Step {
    let mut text = "These steps belong to the tour too. Their models are not on this machine:\n".to_owned();
    for step in gone {
        let models: Vec<&str> = step.needs.iter().filter(|n| absent.contains(n)).map(String::as_str).collect();
        let why = step.work.iter().filter_map(as_run).find_map(|run| run.otherwise.as_deref()).unwrap_or_default();
        text.push_str(&format!("\n- **{}** (`{}`). {why}", step.title, models.join("`, `")));
    }
    Step {
        title: "What is not here".to_owned(),
        text,
        believe: None,
        do_not_believe: None,
        needs: Vec::new(),
        work: Vec::new(),
        show: super::format::Show::default(),
    }
}

fn as_run(work: &Work) -> Option<&Run> {
    match work {
        Work::Run(run) => Some(run),
        _ => None,
    }
}

/// Parts that every run may have beside its outputs.
const PARTS: [&str; 4] = ["uncertainty", "anomaly", "cycle_difference", "segmentation_disagreement"];

/// What is not there, or would not be found while the tour is played: its image, its models, parts of runs that their models do
/// not make. A sentence each.
#[must_use]
pub fn missing(tour: &Tour, models: &Models) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(image) = &tour.image {
        let path = tour.folder.as_ref().map_or_else(|| image.clone(), |folder| folder.join(image));
        if !path.exists() {
            found.push(format!("the image {} is not there", path.display()));
        }
    }
    for (n, step) in tour.steps.iter().enumerate() {
        let place = format!("step {} ({})", n + 1, step.title);
        for run in step.work.iter().filter_map(as_run) {
            match models.find(&run.model, tour) {
                Err(_) => found.push(format!(
                    "{place}: the model `{}` is neither beside the tour nor installed; the step will say so",
                    run.model
                )),
                Ok(model) => {
                    let outputs: Vec<&str> = model.manifest.outputs.iter().map(|o| o.name.as_str()).collect();
                    let odd = references(tour).into_iter().filter_map(|r| r.split_once('/')).find(|(name, part)| {
                        let (first, second) = part.split_once('/').map_or((*part, None), |(a, b)| (a, Some(b)));
                        let is_output = outputs.contains(&first);
                        *name == run.name
                            && !(is_output && second.is_none_or(|s| PARTS.contains(&s)) || PARTS.contains(part))
                    });
                    if let Some((name, part)) = odd {
                        let all = outputs.iter().chain(&PARTS).copied().collect::<Vec<_>>().join("`, `");
                        let title = model.title();
                        found.push(format!(
                            "{place}: `{name}/{part}` is nothing that {title} makes; possible are `{all}`"
                        ));
                    }
                }
            }
        }
    }
    found
}

/// Everything that measures and pictures refer to.
fn references(tour: &Tour) -> Vec<&str> {
    let mut all = Vec::new();
    for step in &tour.steps {
        for work in &step.work {
            match work {
                Work::Measure(m) => {
                    all.extend([Some(&m.of), m.truth.as_ref(), m.within.as_ref()].into_iter().flatten());
                }
                Work::Run(r) => all.extend(r.on.iter().chain(r.inputs.values())),
                Work::Difference(d) => all.extend([&d.of, &d.minus]),
                _ => {}
            }
        }
        all.extend(step.show.layers.iter().map(|layer| &layer.of).chain([&step.show.base]).chain(&step.show.at));
    }
    all.into_iter().map(String::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tour::parse;

    const HEAD: &str = "schema = 1\nname = \"a\"\ntitle = \"A\"\nminutes = 1\nfor_whom = \"All\"\nimage = \"head.nii\"\n\
                        [[steps]]\ntitle = \"One\"\ntext = \"Look\"\n[[steps]]\ntitle = \"Two\"\ntext = \"Look\"\n\
                        needs = [\"nobody-has-it\"]\n[[steps.work]]\ndo = \"run\"\nname = \"r\"\nmodel = \"nobody-has-it\"\n\
                        otherwise = \"It is a secret.\"\n";

    #[test]
    fn a_step_without_its_model_is_left_out_and_told_at_the_end() {
        let tour = fit(parse::tour(HEAD).unwrap(), &Models::Folders(Vec::new()));
        let titles: Vec<&str> = tour.steps.iter().map(|s| s.title.as_str()).collect();
        assert_eq!(titles, ["One", "What is not here"]);
        assert!(tour.steps[1].text.contains("**Two** (`nobody-has-it`). It is a secret."), "{}", tour.steps[1].text);
        let rest = HEAD.replace("needs = [\"nobody-has-it\"]\n", "");
        assert_eq!(fit(parse::tour(&rest).unwrap(), &Models::Folders(Vec::new())).steps.len(), 2);
    }

    #[test]
    fn a_later_step_cannot_use_what_a_step_made_that_may_be_left_out() {
        let later = "[[steps]]\ntitle = \"Three\"\ntext = \"Look\"\n[steps.show]\nbase = \"r\"\n";
        let said = parse::tour(&format!("{HEAD}{later}")).unwrap_err().to_string();
        assert!(said.contains("Three") && said.contains("needs = [\"nobody-has-it\"]"), "{said}");
        let too = later.replace("text = \"Look\"", "text = \"Look\"\nneeds = [\"nobody-has-it\"]");
        assert!(parse::tour(&format!("{HEAD}{too}")).is_ok());
    }

    #[test]
    fn a_teacher_is_told_what_is_not_there() {
        let found = missing(&parse::tour(HEAD).unwrap(), &Models::Folders(Vec::new()));
        assert!(found[0].contains("head.nii") && found[1].contains("nobody-has-it"), "{found:?}");
    }
}
