//! Whether cases have what their design shows and asks.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use super::checks::{Places, name, unique};
use super::errors::PlanError;
use super::plan::{Case, Design, Pairing, Plan};

/// What is wrong with a case, and what to do.
type Wrong = (String, String);

fn wrong<T>(problem: impl Into<String>, remedy: impl Into<String>) -> Result<T, Wrong> {
    Err((problem.into(), remedy.into()))
}

pub(super) fn check(plan: &Plan, places: &Places) -> Result<(), PlanError> {
    if plan.cases.is_empty() {
        let remedy = "add `[[case]]` tables, or `cases = \"cases.csv\"` before the first table";
        return Err(PlanError::value(places.plan.clone(), "there is no case", remedy));
    }
    unique("case", plan.cases.iter().map(|case| case.id.as_str()), &places.cases, &places.plan)?;
    for (i, case) in plan.cases.iter().enumerate() {
        let place = places.case(i);
        name("case", &case.id, &place)?;
        name("patient", &case.patient, &place)?;
        case.group.as_ref().map_or(Ok(()), |group| name("group", group, &place))?;
        case.match_group.as_ref().map_or(Ok(()), |group| name("`match` group", group, &place))?;
        let checked = roles(case).and_then(|()| images(case, plan)).and_then(|()| truth(case, plan));
        checked
            .map_err(|(problem, remedy)| PlanError::value(place, format!("case `{}` {problem}", case.id), remedy))?;
    }
    apart_from_training(plan, places)?;
    one_image_one_case(plan, places)
}

fn roles(case: &Case) -> Result<(), Wrong> {
    if case.training && case.catch {
        return wrong("is both training and catch", "it may be one of them");
    }
    Ok(())
}

fn images(case: &Case, plan: &Plan) -> Result<(), Wrong> {
    let modality = |name: &String| plan.modalities.iter().find(|modality| modality.name == *name);
    for name in case.images.keys().chain(case.overlay.keys()) {
        if modality(name).is_none() {
            let known: Vec<String> = plan.modalities.iter().map(|m| format!("`{}`", m.name)).collect();
            return wrong(
                format!("has an image in `{name}`, which is no modality"),
                format!("it may be {}", known.join(", ")),
            );
        }
    }
    let most = if plan.design.is_side_by_side() { 1 } else { 2 };
    for (name, paths) in &case.images {
        if paths.is_empty() || paths.len() > most {
            let remedy = if most == 1 {
                format!("one image of each modality stands on a screen of design `{}`", plan.design)
            } else {
                "give one path, or two for an image and its aid".to_owned()
            };
            return wrong(format!("has {} images in modality `{name}`", paths.len()), remedy);
        }
        if paths.iter().any(|path| path.as_os_str().is_empty()) {
            return wrong(format!("has an empty path in modality `{name}`"), "write the path of an image");
        }
    }
    if let Some(name) = case.overlay.keys().next() {
        if plan.design != Design::Approval {
            return wrong("has an `overlay`", "only design `approval` shows one; remove it");
        }
        if let Some(name) = case.overlay.keys().find(|name| !case.images.contains_key(*name)) {
            return wrong(format!("has an overlay but no image in modality `{name}`"), "add the image under it");
        }
        if case.overlay.values().any(|path| path.as_os_str().is_empty()) {
            return wrong(
                format!("has an empty path of an overlay in modality `{name}`"),
                "write the path of a labelmap",
            );
        }
    }
    let synthetic = case.images.keys().filter_map(modality).filter(|modality| modality.synthetic).count();
    let (found, real) = (case.images.len(), case.images.len() - synthetic);
    match (plan.design, plan.pairing) {
        (Design::ForcedChoice, Pairing::SameCase) if synthetic == 0 || real == 0 => wrong(
            format!("has {synthetic} synthetic and {real} real images"),
            "pairs of one case need both; add the other, or plan `pairing = \"matched\"`",
        ),
        (Design::ForcedChoice, Pairing::Matched) if case.match_group.is_none() => {
            wrong("has no `match`", "matched pairing needs the group of each case, `match = \"m1\"`")
        }
        (Design::Preference, _) if found < 2 => {
            wrong(format!("has images in {found} modalities"), "a preference needs two of one case; add the other")
        }
        _ if found == 0 => wrong("has no image", "add `images = { modality = \"path\" }`"),
        _ => Ok(()),
    }
}

fn truth(case: &Case, plan: &Plan) -> Result<(), Wrong> {
    if plan.design.asks_for_disease() && case.truth.is_none() {
        return wrong("has no `truth`", format!("design `{}` needs 0 or 1 for every case", plan.design));
    }
    if !case.lesions.is_empty() && case.truth != Some(true) {
        return wrong("has a lesion, but not `truth = 1`", "correct the truth, or remove the lesion");
    }
    if plan.design == Design::FreeResponse && case.truth == Some(true) && case.lesions.is_empty() {
        return wrong("has `truth = 1`, but no lesion", "add a `[[case.lesion]]` table for each");
    }
    for lesion in &case.lesions {
        if !lesion.center_mm.iter().all(|mm| mm.is_finite()) {
            return wrong("has a lesion whose `center_mm` is not finite", "give three numbers, mm in LPS");
        }
        for (key, value) in [("radius_mm", lesion.radius_mm), ("weight", lesion.weight)] {
            if !(value > 0.0 && value.is_finite()) {
                return wrong(format!("has a lesion with `{key} = {value}`"), "it is a finite number above 0");
            }
        }
    }
    Ok(())
}

/// Training cases show the truth, so that their patients must not be read afterwards.
fn apart_from_training(plan: &Plan, places: &Places) -> Result<(), PlanError> {
    let training = plan.cases.iter().filter(|case| case.training);
    let trained: HashMap<&str, &str> = training.map(|case| (case.patient.as_str(), case.id.as_str())).collect();
    for (i, case) in plan.cases.iter().enumerate().filter(|(_, case)| !case.training) {
        if let Some(other) = trained.get(case.patient.as_str()) {
            let problem = format!("case `{}` is of the same patient as the training case `{other}`", case.id);
            return Err(PlanError::value(places.case(i), problem, "train with other patients"));
        }
    }
    if !plan.is_quiz() && plan.cases.iter().all(|case| !case.is_main()) {
        let remedy = "add cases that are neither training nor catch";
        return Err(PlanError::value(places.plan.clone(), "no case would be analysed", remedy));
    }
    Ok(())
}

/// No file is the image of two cases, nor real and synthetic at once; only beside an aid the same image stands again.
fn one_image_one_case(plan: &Plan, places: &Places) -> Result<(), PlanError> {
    let is_synthetic: BTreeMap<&str, bool> =
        plan.modalities.iter().map(|modality| (modality.name.as_str(), modality.synthetic)).collect();
    let mut seen: HashMap<&Path, (usize, bool)> = HashMap::new();
    for (i, case) in plan.cases.iter().enumerate() {
        for (modality, paths) in &case.images {
            let synthetic = is_synthetic.get(modality.as_str()).copied().unwrap_or(false);
            for path in paths {
                let (first, first_synthetic) = *seen.entry(path).or_insert((i, synthetic));
                let first_id = plan.cases.get(first).map_or("", |case| case.id.as_str());
                let problem = if first != i {
                    format!("case `{}` has an image that is also that of case `{first_id}`", case.id)
                } else if first_synthetic != synthetic && plan.design != Design::Aided {
                    format!("case `{}` has one image both as real and as synthetic", case.id)
                } else {
                    continue;
                };
                let remedy = format!("correct one of the paths: {}", path.display());
                return Err(PlanError::value(places.case(i), problem, remedy));
            }
        }
    }
    Ok(())
}

/// Every group has, among its cases for analysis, a real and a synthetic image of two patients.
pub(super) fn match_groups(plan: &Plan, places: &Places) -> Result<(), PlanError> {
    let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (i, case) in plan.cases.iter().enumerate().filter(|(_, case)| case.is_main()) {
        groups.entry(case.match_group.as_deref().unwrap_or_default()).or_default().push(i);
    }
    for (group, members) in groups {
        let patients = |synthetic: bool| -> BTreeSet<&str> {
            let names = plan.modalities.iter().filter(|modality| modality.synthetic == synthetic);
            let has = |case: &Case| names.clone().any(|modality| case.images.contains_key(&modality.name));
            let cases = members.iter().filter_map(|i| plan.cases.get(*i));
            cases.filter(|case| has(case)).map(|case| case.patient.as_str()).collect()
        };
        let (real, synthetic) = (patients(false), patients(true));
        if !real.iter().any(|patient| synthetic.iter().any(|other| other != patient)) {
            let place = places.case(members.first().copied().unwrap_or_default());
            let problem = format!("`match` group `{group}` has no real and synthetic image of two patients");
            return Err(PlanError::value(place, problem, "put further patients into the group"));
        }
    }
    Ok(())
}
