//! Plans as their owners write them: what is read, and what is refused with which words.

use std::path::{Path, PathBuf};

use super::super::plan::{Design, Pairing, Plan, Tool};
use super::super::question::AnswerKind;
use super::sample_plans::{Sample, parse};

const FULL: &str = r#"title = "Synthetic T2 against acquired T2"
design = "yes_no"
seed = 7
margin = 0.05
instructions = """
Take your time.
"""
truth_source = "Histology, two readers"

[sessions]
count = 2
washout_days = 28
time_limit_minutes = 60
break_every = 25

[reading]
tools = ["window", "scroll", "measure"]
window = [40, 400.5]
hide_seconds = 3

[order]
repeats = 10
training_feedback = false
max_run = 4

[[reader]]
id = "R1"
role = "radiologist"
years = 12

[[modality]]
name = "acquired"
synthetic = false
[[modality]]
name = "synthetic"
synthetic = true
model = "t1-to-t2 0.1"

[[question]]
id = "synthetic"
text = "How sure are you that this image is synthetic?"
kind = "scale"
from = 0
to = 100
labels = { 0 = "surely real", 100 = "surely synthetic" }
primary = true
[[question]]
id = "why"
text = "What gave it away?"
kind = "choice"
options = ["texture", "edges", "anatomy", "other"]
several = true
required = false
when = { question = "synthetic", at_least = 60 }

[[case]]
id = "c01"
truth = 1
patient = "p01"
group = "A"
match = "m1"
images = { acquired = "a/c01.nii.gz", synthetic = ["s/c01.nii.gz"] }
[[case.lesion]]
center_mm = [12.0, -30.0, 44.0]
radius_mm = 6.0
[[case]]
id = "c02"
training = true
images = { acquired = "/data/c02.nii.gz" }
"#;

#[test]
fn every_key_of_a_plan_is_read() {
    let plan = parse(FULL).unwrap();
    assert_eq!((plan.design, plan.seed, plan.alpha, plan.margin), (Design::YesNo, 7, 0.05, Some(0.05)));
    assert_eq!(plan.instructions.as_deref(), Some("Take your time.\n"));
    assert_eq!((plan.sessions.time_limit_minutes, plan.sessions.break_every), (Some(60), Some(25)));
    assert_eq!(plan.reading.tools, [Tool::Window, Tool::Scroll, Tool::Measure]);
    assert_eq!((plan.reading.window, plan.reading.hide_seconds), (Some([40.0, 400.5]), 3));
    assert_eq!((plan.order.repeats, plan.order.training_feedback, plan.order.max_run), (10, false, Some(4)));
    assert_eq!((plan.readers[0].years, plan.modalities[1].model.as_deref()), (Some(12.0), Some("t1-to-t2 0.1")));
    let AnswerKind::Scale { from: 0, to: 100, labels } = &plan.questions[0].answer else { panic!("a scale") };
    assert_eq!(labels[&100], "surely synthetic");
    assert_eq!(plan.questions[1].when.as_ref().unwrap().at_least, Some(60));
    assert_eq!((plan.questions[0].primary, plan.questions[1].primary), (true, false));
    let case = &plan.cases[0];
    assert_eq!(case.images["synthetic"], [PathBuf::from("study/s/c01.nii.gz")]);
    assert_eq!((case.truth, case.match_group.as_deref(), case.lesions[0].weight), (Some(true), Some("m1"), 1.0));
    assert_eq!(plan.cases[1].images["acquired"], [PathBuf::from("/data/c02.nii.gz")]);
    assert_eq!((plan.cases[1].patient.as_str(), plan.cases[1].training), ("c02", true));
}

#[test]
fn what_is_left_out_has_the_default_of_the_contract() {
    let plan = Sample { sessions: 1, ..Sample::new(Design::ForcedChoice) }.plan();
    assert_eq!((plan.alpha, plan.pairing, plan.order.training_feedback), (0.05, Pairing::SameCase, true));
    assert_eq!(plan.reading.tools, [Tool::Window, Tool::Zoom, Tool::Pan, Tool::Scroll]);
    assert!(!plan.reading.allow_back && plan.reading.window.is_none());
    let ids: Vec<&str> = plan.questions.iter().map(|question| question.id.as_str()).collect();
    assert_eq!(ids, ["real", "confidence"]);
}

/// The message for the full plan after a change.
fn refused(from: &str, to: &str) -> String {
    assert!(FULL.contains(from), "{from}");
    message(&FULL.replacen(from, to, 1))
}

fn message(text: &str) -> String {
    parse(text).expect_err("it is refused").to_string()
}

#[test]
fn errors_name_file_line_what_was_found_and_what_to_do() {
    for (from, to, expected) in [
        ("seed = 7", "seed = 9007199254740993", "study/plan.toml: `seed = 9007199254740993`; it may be 0 to"),
        ("seed = 7", "seed = 7\nalpha = 1.5", "study/plan.toml: `alpha = 1.5`; it lies between 0 and 1"),
        ("margin = 0.05", "margin = -1", "study/plan.toml: `margin = -1`; it lies above 0 and below 0.5"),
        ("seed = 7", "seed = 7\npairing = \"matched\"", "`pairing` stands in a plan of design `yes_no`; only"),
        ("count = 2", "count = 0", "`sessions.count = 0`; it is 1 to 99"),
        ("max_run = 4", "max_run = 0", "`order.max_run = 0`; it is 1 or more"),
        ("[40, 400.5]", "[40, 0]", "`reading.window = [40, 0]`; it is a center and a width above 0"),
        ("\"scroll\"", "\"window\"", "`reading.tools` names a tool twice"),
        ("id = \"R1\"", "id = \"R 1\"", "study/plan.toml line 26: `R 1` is no id of a reader; use 1 to 32 of"),
        ("name = \"acquired\"", "name = \"acquired \"", "line 31: `acquired ` is no name of a modality"),
        ("synthetic = true", "synthetic = false", "`yes_no` has 0 synthetic and 2 real modalities; it needs at least"),
        ("id = \"why\"", "id = \"synthetic\"", "line 47: question `synthetic` stands there already (line 39)"),
        ("to = 100", "to = 0", "line 39: question `synthetic` goes from 0 to 0; `from` is below `to`"),
        ("100 = \"surely", "101 = \"surely", "question `synthetic` has a label for 101; label numbers from 0 to 100"),
        ("0 = \"surely", "zero = \"surely", "question `synthetic` has a label for `zero`; label only numbers"),
        ("\"edges\"", "\"texture\"", "question `why` has the option `texture` twice"),
        ("several = true", "several = true\nto = 3", "has `to`, which a question of kind `choice` does not use"),
        ("from = 0\n", "", "question `synthetic` of kind `scale` has no `from`; add `from = …`"),
        (
            "at_least = 60",
            "at_least = 101",
            "depends on `synthetic` being 101 to 100; `synthetic` is answered by 0 to 100",
        ),
        (
            "at_least = 60",
            "is = \"edges\"",
            "a question of kind `scale`, by `is`; `at_least` and `at_most` need a scale",
        ),
        (", at_least = 60", "", "depends on `synthetic` without saying how; add `at_least`"),
        (
            "question = \"synthetic\"",
            "question = \"why\"",
            "depends on `why`, which is no earlier question; it may depend on `synthetic`",
        ),
        ("required = false", "required = false\nprimary = true", "questions `synthetic` and `why` are both primary"),
        ("primary = true", "primary = false", "no question is primary; write `primary = true`"),
        ("primary = true", "required = false", "the primary question `synthetic` needs no answer"),
        ("id = \"c02\"", "id = \"C01\"", "case `C01` stands there already"),
        ("id = \"c02\"", "id = \"c02\"\npatient = \"p01\"", "is of the same patient as the training case `c02`"),
        ("training = true", "training = true\ncatch = true", "case `c02` is both training and catch"),
        (
            "acquired = \"/data",
            "acquird = \"/data",
            "has an image in `acquird`, which is no modality; it may be `acquired`, `synthetic`",
        ),
        ("[\"s/c01.nii.gz\"]", "[]", "case `c01` has 0 images in modality `synthetic`"),
        ("s/c01.nii.gz", "a/c01.nii.gz", "case `c01` has one image both as real and as synthetic"),
        ("truth = 1", "truth = 0", "case `c01` has a lesion, but not `truth = 1`"),
        ("radius_mm = 6.0", "radius_mm = -6", "case `c01` has a lesion with `radius_mm = -6`"),
        ("match = \"m1\"", "overlay = { acquired = \"m.nii\" }", "has an `overlay`; only design `approval` shows one"),
        (
            ", synthetic = [\"s/c01.nii.gz\"]",
            "",
            "line 34: modality `synthetic` has no case that is neither training nor catch",
        ),
    ] {
        let message = refused(from, to);
        assert!(message.contains(expected), "`{to}`\nsays `{message}`\n and not `{expected}`");
    }
}

#[test]
fn unknown_keys_and_values_are_refused_by_name_and_line() {
    for (from, to, line, word) in [
        ("seed = 7", "sead = 7", 3, "unknown field `sead`"),
        ("years = 12", "age = 12", 29, "unknown field `age`"),
        ("yes_no", "yesno", 2, "unknown variant `yesno`"),
        ("break_every", "brake_every", 14, "unknown field `brake_every`"),
        ("radius_mm", "radius", 65, "unknown field `radius`"),
        ("at_least", "at_lest", 54, "unknown field `at_lest`"),
        ("\"measure\"", "\"laser\"", 17, "unknown variant `laser`"),
        ("truth = 1", "truth = 2", 58, "truth is 2; it is 0 or 1"),
        ("images = { acquired = \"/data/c02.nii.gz\" }", "images = { acquired = 3 }", 69, "a path or a list of paths"),
        ("title = ", "title ", 1, ""),
    ] {
        let message = refused(from, to);
        let start = format!("study/plan.toml line {line}: ");
        assert!(message.starts_with(&start) && message.contains(word), "{message}\nnot {start}{word}");
    }
}

#[test]
fn designs_state_what_they_need() {
    let with = |sample: Sample, from: &str, to: &str| {
        let text = sample.text();
        assert!(text.contains(from), "{from}");
        message(&text.replace(from, to))
    };
    let roc = || Sample::new(Design::Roc);
    for (message, expected) in [
        (
            with(roc(), "truth = 0", "truth = 1"),
            "modality `acquired` has no case with `truth = 0`; `roc` needs cases of both",
        ),
        (with(roc(), "truth = 0\n", ""), "case `c0` has no `truth`; design `roc` needs 0 or 1 for every case"),
        (
            with(Sample::new(Design::FreeResponse), "[[case.lesion]]\ncenter_mm = [1, -2.5, 3]\nradius_mm = 6\n", ""),
            "case `c2` has `truth = 1`, but no lesion",
        ),
        (
            with(Sample::new(Design::ForcedChoice), ", synthetic = \"synthetic/c3.nii\"", ""),
            "case `c3` has 0 synthetic and 1 real images; pairs of one case need both",
        ),
        (
            with(Sample::new(Design::Preference), ", synthetic = \"synthetic/c3.nii\"", ""),
            "case `c3` has images in 1 modalities; a preference needs two",
        ),
        (
            with(Sample { matched: Some(4), ..Sample::new(Design::ForcedChoice) }, "match = \"c0\"\n", ""),
            "case `c0` has no `match`; matched pairing needs the group",
        ),
        (
            with(Sample { matched: Some(1), ..Sample::new(Design::ForcedChoice) }, "A study", "B"),
            "`match` group `c0` has no real and synthetic image of two patients",
        ),
        (with(Sample { modalities: vec!["a"], ..Sample::new(Design::Aided) }, "A study", "B"), "it needs at least 2"),
        (
            with(
                Sample::new(Design::Grading),
                "[[question]]\nid = \"sharp\"\ntext = \"Sharpness\"\nkind = \"scale\"\nfrom = 1\nto = 5\n",
                "",
            ),
            "design `grading` has no question; add a `[[question]]` table",
        ),
        (
            with(
                roc(),
                "[[modality]]\nname = \"acquired\"",
                "[[question]]\nid = \"q\"\ntext = \"?\"\nkind = \"text\"\n[[modality]]\nname = \"acquired\"",
            ),
            "the primary question `q` does not suit design `roc`; make it a scale",
        ),
        (with(Sample { readers: 0, ..roc() }, "A study", "B"), "there is no reader"),
        (with(Sample { cases: 0, ..roc() }, "A study", "B"), "there is no case"),
        (with(Sample { cases: 0, catch: 3, ..roc() }, "A study", "B"), "no case would be analysed"),
        (with(roc(), "id = \"R2\"", "id = \"r1\""), "reader `r1` stands there already (line 10)"),
        (with(roc(), "acquired/c1.nii", "acquired/c0.nii"), "case `c1` has an image that is also that of case `c0`"),
    ] {
        assert!(message.contains(expected), "`{message}`\n is not `{expected}`");
    }
}

#[test]
fn every_sample_of_every_design_is_accepted() {
    for design in Design::ALL {
        let plan = Sample { training: 2, catch: 2, ..Sample::new(design) }.plan();
        assert_eq!((plan.cases.len(), plan.questions.iter().filter(|q| q.primary).count()), (28, 1));
    }
}

#[test]
fn cases_may_stand_in_a_table_of_their_own_and_images_must_be_there() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let text = Sample { cases: 0, settings: "cases = \"cases.csv\"", ..Sample::new(Design::Roc) }.text();
    write("plan.toml", &text);
    write("cases.csv", "id,truth,image:acquired,image:synthetic\nc1,0,1a.nii,1s.nii\nc2,1,2a.nii,2s.nii\n");
    ["1a.nii", "1s.nii", "2a.nii"].iter().for_each(|name| write(name, ""));
    let path = folder.path().join("plan.toml");
    let message = Plan::read(&path).unwrap_err().to_string();
    assert!(
        message.contains("cases.csv line 3: the image of case `c2` in modality `synthetic` is not there"),
        "{message}"
    );
    write("2s.nii", "");
    let plan = Plan::read(&path).unwrap();
    assert_eq!(plan.cases[1].images["synthetic"], [folder.path().join("2s.nii")]);
    assert!(plan.check_images_exist().is_ok());

    write("cases.csv", "id,truth,image:acquired\nc1,0,1a.nii\nc1,1,2a.nii\n");
    let message = Plan::read(&path).unwrap_err().to_string();
    assert!(message.contains("cases.csv line 3: case `c1` stands there already (line 2)"), "{message}");
    let both = format!("{text}[[case]]\nid = \"c\"\nimages = {{ acquired = \"1a.nii\" }}\n");
    let message = Plan::parse(&path, &both).unwrap_err().to_string();
    assert!(message.contains("plan.toml line 4: there are both `[[case]]` tables and `cases = …`"), "{message}");
    let message = Plan::read(Path::new("nowhere/plan.toml")).unwrap_err().to_string();
    assert!(message.starts_with("nowhere/plan.toml cannot be read"), "{message}");
}
