//! The frozen plan, the public part and the sealed part of a study.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::super::blobs::{Blobs, Part};
use super::super::errors::FreezeError;
use super::super::freeze::FrozenPlan;
use super::super::lists::{Lists, Role, reading_lists};
use super::super::plan::{Design, Plan};
use super::super::public::{PublicList, PublicStudy, TrialKind};
use super::super::sealed::SealedTruth;
use super::sample_plans::{Sample, parse};

/// A made-up hash for every file of a plan.
fn hashes(plan: &Plan) -> BTreeMap<PathBuf, String> {
    plan.image_paths()
        .into_iter()
        .enumerate()
        .map(|(i, path)| (path.to_owned(), format!("{:064x}", 0xabc_0000 + i)))
        .collect()
}

fn frozen(plan: &Plan) -> FrozenPlan {
    FrozenPlan::new(plan, &hashes(plan)).unwrap()
}

fn package(plan: &Plan) -> (FrozenPlan, Lists, Blobs, Vec<PublicList>) {
    let frozen = frozen(plan);
    let (lists, blobs) = (reading_lists(plan).unwrap(), Blobs::new(plan, &frozen).unwrap());
    let public = PublicList::all(&frozen, &lists, &blobs);
    (frozen, lists, blobs, public)
}

#[test]
fn the_hash_of_a_plan_is_pinned_and_does_not_depend_on_its_folder() {
    let sample = Sample { cases: 4, ..Sample::new(Design::Roc) };
    let plan = sample.plan();
    let frozen_plan = frozen(&plan);
    assert!(
        frozen_plan
            .json()
            .starts_with(r#"{"alpha":0.05,"cases":[{"catch":false,"id":"c0","images":{"acquired":["sha256:00"#)
    );
    assert!(frozen_plan.json().ends_with(r#""seed":7,"sessions":{"count":2,"washout_days":28},"title":"A study"}"#));
    assert_eq!(frozen_plan.sha256(), PINNED);
    let elsewhere = Plan::parse(std::path::Path::new("/other/folder/plan.toml"), &sample.text()).unwrap();
    assert_eq!(frozen(&elsewhere).sha256(), PINNED);
    let mut changed = plan.clone();
    changed.cases[0].truth = Some(true);
    assert_ne!(frozen(&changed).sha256(), PINNED);
    let mut images = hashes(&plan);
    images.values_mut().for_each(|hash| *hash = hash.replace("abc", "def"));
    assert_ne!(FrozenPlan::new(&plan, &images).unwrap().sha256(), PINNED);
}

/// From Python: `sha256(json.dumps(plan, sort_keys=True, separators=(",", ":")))` of the same plan written as a `dict`.
const PINNED: &str = "080c6244abd8d4b72a3afa4e84b4778396b090d1068ebfa1ebb46b0a188b58cb";

#[test]
fn a_frozen_plan_reads_back_as_itself_and_gives_the_same_lists() {
    for design in Design::ALL {
        let plan = Sample { training: 2, catch: 2, max_run: Some(4), ..Sample::new(design) }.plan();
        let frozen = frozen(&plan);
        let back = FrozenPlan::from_json(frozen.json()).unwrap();
        assert_eq!(back, frozen);
        assert_eq!(reading_lists(back.plan()).unwrap(), reading_lists(&plan).unwrap());
        assert!(back.verify(frozen.sha256()).is_ok());
        assert!(matches!(back.verify("00"), Err(FreezeError::Changed { .. })));
    }
    let text = frozen(&Sample::new(Design::Roc).plan()).json().replace("\"alpha\":0.05", "\"alpha\":5");
    let error = FrozenPlan::from_json(&text).unwrap_err().to_string();
    assert!(error.contains("`alpha = 5`"), "{error}");
    let text = text.replace("sha256:", "").replace("\"alpha\":5", "\"alpha\":0.05");
    assert!(matches!(FrozenPlan::from_json(&text), Err(FreezeError::NoHash { .. } | FreezeError::Json { .. })));
}

#[test]
fn freezing_needs_every_hash_and_finds_copies() {
    let plan = Sample { cases: 4, ..Sample::new(Design::Roc) }.plan();
    let mut images = hashes(&plan);
    let first = images.keys().next().unwrap().clone();
    let removed = images.remove(&first).unwrap();
    let error = FrozenPlan::new(&plan, &images).unwrap_err().to_string();
    assert_eq!(error, "the SHA-256 of an image of case `c0` is not known; hash it first: study/acquired/c0.nii");
    images.insert(first.clone(), removed.to_uppercase());
    assert!(matches!(FrozenPlan::new(&plan, &images), Err(FreezeError::NoHash { .. })));
    let other = images.values().nth(1).unwrap().clone();
    images.insert(first, other);
    let error = FrozenPlan::new(&plan, &images).unwrap_err().to_string();
    assert!(error.starts_with("cases `c0` and `c1` have one and the same image file"), "{error}");
}

/// A plan in which everything that must stay hidden has a word that occurs nowhere else.
fn telltale(design: Design) -> Plan {
    let sample = Sample {
        training: 2,
        catch: 2,
        repeats: 3,
        seed: 314_159_265_358_979,
        modalities: vec!["OPENARM", "sECRETARM"],
        settings: "truth_source = \"SECRETSOURCE\"\nmargin = 0.123456",
        ..Sample::new(design)
    };
    let mut text = sample.text();
    for kind in ["c", "t", "k"] {
        text = text.replace(&format!("id = \"{kind}"), &format!("id = \"SECRETCASE{kind}"));
        text = text.replace(&format!("/{kind}"), &format!("/19991231/SECRETFILE{kind}"));
    }
    text = text.replace("sECRETARM", "SECRETARM");
    text = text.replace("training = true", "training = true\npatient = \"SECRETPATIENT\"\ngroup = \"SECRETGROUP\"");
    text = text.replacen("synthetic = true", "synthetic = true\nmodel = \"SECRETMODEL\"", 1);
    text = text.replace("id = \"R1\"", "id = \"R1\"\nrole = \"SECRETROLE\"\nyears = 77");
    let mut plan = parse(&text).unwrap_or_else(|error| panic!("{error}"));
    if design == Design::Approval {
        let overlay = |name: &str, i: usize| (name.to_owned(), PathBuf::from(format!("SECRETMASK/{name}{i}.nii")));
        for (i, case) in plan.cases.iter_mut().enumerate() {
            case.overlay = case.images.keys().map(|name| overlay(name, i)).collect();
        }
    }
    plan
}

#[test]
fn nothing_public_tells_a_truth() {
    for design in Design::ALL {
        let plan = telltale(design);
        let (frozen, lists, blobs, public) = package(&plan);
        let study = PublicStudy::new(&frozen, &public, "Veritome 0.1.0");
        let mut text = study.to_json();
        public.iter().for_each(|list| text += &list.to_json());
        let secrets =
            ["SECRET", "OPENARM", "nii", "19991231", "314159265358979", "0.123456", "seed", "truth", "catch", "repeat"];
        for secret in secrets {
            assert!(!text.contains(secret), "`{secret}` is public in {design}");
        }
        let hashes = hashes(&plan);
        assert!(hashes.values().all(|hash| !text.contains(hash.as_str())), "hashes of images are public");
        // The sealed part, on the other hand, has all of it.
        let sealed = SealedTruth::new(&frozen, &lists, &blobs).to_json();
        for secret in
            ["SECRETARM", "SECRETCASE", "SECRETFILE", "SECRETPATIENT", "SECRETSOURCE", "SECRETMODEL", "19991231"]
        {
            assert!(sealed.contains(secret), "`{secret}` is not sealed in {design}");
        }
    }
}

#[test]
fn all_trials_for_reading_look_alike() {
    for design in Design::ALL {
        let plan = telltale(design);
        let (_, lists, _, public) = package(&plan);
        for (list, public) in lists.lists.iter().zip(&public) {
            for (trial, public) in list.trials.iter().zip(&public.trials) {
                assert_eq!(trial.code, public.code);
                let is_training = trial.role == Role::Training;
                assert_eq!(public.kind == TrialKind::Training, is_training);
                let truth = !matches!(design, Design::Grading | Design::Preference | Design::Approval);
                assert_eq!(public.feedback.is_some(), is_training && truth, "{design}");
                assert_eq!(public.images.len(), if design.is_side_by_side() { 2 } else { 1 });
                assert_eq!(public.overlay.is_some(), design == Design::Approval);
            }
        }
    }
}

#[test]
fn feedback_says_what_is_true_and_can_be_switched_off() {
    let sample = Sample { training: 4, ..Sample::new(Design::ForcedChoice) };
    let mut plan = sample.plan();
    let (_, lists, _, public) = package(&plan);
    for (trial, public) in lists.lists[0].trials.iter().zip(&public[0].trials).take(4) {
        let real_is_left = !plan.modalities[trial.views[0].modality].synthetic;
        let expected = if real_is_left { "The left image is real" } else { "The right image is real" };
        assert_eq!(public.feedback.as_deref(), Some(expected));
    }
    plan.order.training_feedback = false;
    assert!(package(&plan).3.iter().flat_map(|list| &list.trials).all(|trial| trial.feedback.is_none()));
}

#[test]
fn blob_names_carry_no_order_and_need_the_hashes() {
    let plan = Sample::new(Design::Aided).plan();
    let (_, _, blobs, _) = package(&plan);
    assert_eq!(blobs.all().len(), 48);
    let names: Vec<&str> = blobs.all().iter().map(|blob| blob.name.as_str()).collect();
    assert!(names.iter().all(|name| name.len() == 16 && name.bytes().all(|b| b.is_ascii_hexdigit())));
    assert!(names.is_sorted());
    // Sorted by name, the modalities are mixed: in about half of the neighbours they differ.
    let changes = blobs.all().windows(2).filter(|pair| pair[0].view.modality != pair[1].view.modality).count();
    assert!((12..36).contains(&changes), "{changes}");
    let mut other = hashes(&plan);
    other.values_mut().for_each(|hash| *hash = hash.replace("abc", "def"));
    let others = Blobs::new(&plan, &FrozenPlan::new(&plan, &other).unwrap()).unwrap();
    assert!(others.all().iter().all(|blob| !names.contains(&blob.name.as_str())));
    for blob in blobs.all() {
        let case = &plan.cases[blob.view.case];
        assert_eq!(case.images[&plan.modalities[blob.view.modality].name], std::slice::from_ref(&blob.path));
        assert_eq!(hashes(&plan)[&blob.path], blob.sha256);
        assert_eq!(blobs.of(blob.view, Part::Image), Some(blob));
    }
    let smaller = Sample { cases: 20, ..Sample::new(Design::Aided) }.plan();
    assert!(matches!(Blobs::new(&plan, &frozen(&smaller)), Err(FreezeError::OtherPlan { .. })));
}

#[test]
fn an_aid_stands_beside_its_image() {
    let mut plan = Sample::new(Design::Aided).plan();
    for case in &mut plan.cases {
        let image = case.images["acquired"][0].clone();
        let aid = case.images["synthetic"][0].clone();
        case.images.insert("synthetic".to_owned(), vec![image, aid]);
    }
    let (_, lists, blobs, public) = package(&plan);
    for (list, public) in lists.lists.iter().zip(&public) {
        for (trial, public) in list.trials.iter().zip(&public.trials) {
            let parts = if trial.views[0].modality == 1 { vec![Part::Image, Part::Second] } else { vec![Part::Image] };
            let expected: Vec<&str> =
                parts.into_iter().map(|part| blobs.of(trial.views[0], part).unwrap().name.as_str()).collect();
            assert_eq!(public.images, expected);
        }
    }
    assert_eq!((blobs.all().len(), plan.image_paths().len()), (72, 48));
}

#[test]
fn the_sealed_truth_reads_back_and_notices_another_plan() {
    let plan = Sample { matched: Some(4), repeats: 2, ..Sample::new(Design::ForcedChoice) }.plan();
    let (frozen, lists, blobs, public) = package(&plan);
    let truth = SealedTruth::new(&frozen, &lists, &blobs);
    let back = SealedTruth::from_json(&truth.to_json(), frozen.sha256()).unwrap();
    assert_eq!(back, truth);
    assert!(matches!(SealedTruth::from_json(&truth.to_json(), "00"), Err(FreezeError::Changed { .. })));
    let later = truth.to_json().replacen("\"format\": 1", "\"format\": 2", 1);
    let error = SealedTruth::from_json(&later, frozen.sha256()).unwrap_err().to_string();
    assert_eq!(error, "the sealed truth cannot be read: its format is 2, and this program reads 1");
    for list in &public {
        for (public, sealed) in list.trials.iter().zip(&truth.lists[&list.name()]) {
            assert_eq!(public.code, sealed.code);
            let cases = sealed.cases.as_ref().expect("two cases in a matched pair");
            for ((blob, case), modality) in public.images.iter().zip(cases).zip(&sealed.modalities) {
                let of = &truth.blobs[blob];
                assert_eq!((&of.case, &of.modality), (case, modality));
                assert_eq!(*case == sealed.case, modality == "synthetic");
            }
        }
    }
    assert_eq!(public[0].sha256(), PublicStudy::new(&frozen, &public, "x").lists["R1-s1"]);
}
