//! Tours without a window: played on small images with small models, as pictures, numbers and one page.
//!
//! ONNX Runtime is fetched through pip on the first run (`runtime::ensure`).

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use glam::DMat4;
use sha2::{Digest, Sha256};
use veritome::inference::runtime;
use veritome::io::write;
use veritome::jobs::{Control, Job};
use veritome::tour::shipped::{self, ALL};
use veritome::tour::{Models, Story, TourError, tell};
use veritome::volume::{Geometry, Provenance, Volume};

/// A block of 100 beside one of 300, 24 voxels a side, 1 mm; LPS 0 to 23 mm.
fn blocks(folder: &Path) {
    let geometry = Geometry::new([24; 3], DMat4::IDENTITY).unwrap();
    let voxels: Vec<f32> = (0..24 * 24 * 24).map(|n| if n % 24 < 14 { 100.0 } else { 300.0 }).collect();
    let volume = Volume::new("blocks", voxels.into(), geometry, Provenance::acquired(vec!["1.2".into()])).unwrap();
    write::write(&[volume], &folder.join("blocks.nii.gz")).unwrap();
}

/// A model folder around one of the tiny graphs.
fn model(root: &Path, name: &str, graph: &str) {
    let folder = root.join(name);
    std::fs::create_dir_all(&folder).unwrap();
    let bytes = std::fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/onnx").join(graph)).unwrap();
    std::fs::write(folder.join("model.onnx"), &bytes).unwrap();
    let hash: String = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
    let text = format!(
        r#"
schema = 1
name = "{name}"
version = "1.0.0"
title = "Model {name}"
task = "synthesis"
status = "demonstration"
intended_use = "Tests"
license = "MIT"
files.network = {{ path = "model.onnx", sha256 = "{hash}" }}
[[inputs]]
name = "image"
tensor = "image"
[preprocess]
orientation = "RAS"
[inferer]
kind = "whole"
[[outputs]]
name = "made"
tensor = "out"
kind = "image"
[guard]
spacing_mm_range = [0.5, 2.0]
"#
    );
    std::fs::write(folder.join("manifest.toml"), text).unwrap();
}

const HEAD: &str = "schema = 1\nname = \"small\"\ntitle = \"A small tour\"\nminutes = 1\nfor_whom = \"Tests\"\n\
                    image = \"blocks.nii.gz\"\n";

const LESION: &str = r#"
[[steps]]
title = "A lesion"
text = "Put **in**"
do_not_believe = "That it is real"
[[steps.work]]
do = "lesion"
name = "lesioned"
at_mm = [7, 12, 12]
radius_mm = 4
contrast = 0.5
ragged = 0
border_mm = 0
[[steps.work]]
do = "measure"
title = "Volume"
what = "volume_ml"
of = "lesioned/truth"
[steps.show]
base = "lesioned"
at = "lesioned/truth"
[[steps.show.layers]]
of = "lesioned/truth"
outline = true
"#;

const COPY: &str = r#"
[[steps]]
title = "A copy"
text = "- one\n- two"
believe = "That nothing changed"
[[steps.work]]
do = "run"
name = "copy"
model = "copy"
on = "lesioned"
[[steps.work]]
do = "measure"
title = "Change inside"
what = "mae"
of = "copy"
truth = "image"
within = "lesioned/truth"
[[steps.work]]
do = "measure"
title = "Mean inside"
what = "mean"
of = "copy"
within = "lesioned/truth"
[[steps.work]]
do = "measure"
title = "Against itself"
what = "dice"
of = "lesioned/truth"
truth = "lesioned/truth"
[[steps.work]]
do = "measure"
title = "Is it like?"
what = "guard"
of = "copy"
[steps.show]
compare = "side_by_side"
[[steps.show.layers]]
of = "copy"
"#;

const DIFFERENCE: &str = r#"
[[steps]]
title = "What was put in"
text = "See"
[[steps.work]]
do = "difference"
name = "put-in"
of = "copy"
minus = "image"
[[steps.work]]
do = "measure"
title = "Put in"
what = "mean"
of = "put-in"
within = "lesioned/truth"
[[steps.work]]
do = "explain"
name = "why"
run = "copy"
method = "occlusion"
target = "change@4,9,9,10,15,15"
box_voxels = 4
first_box_voxels = 12
close_boxes = 27
test_steps = 0
[[steps.work]]
do = "measure"
title = "Why there"
what = "mean"
of = "why"
within = "lesioned/truth"
[[steps.work]]
do = "measure"
title = "Why anywhere"
what = "mean"
of = "why"
[steps.show]
compare = "side_by_side"
[[steps.show.layers]]
of = "copy"
[[steps.show.layers]]
of = "put-in"
opacity = 1.0
"#;

const MISSING: &str = r#"
[[steps]]
title = "Nobody there"
text = "See"
[[steps.work]]
do = "run"
name = "absent"
model = "no-such-model"
otherwise = "It would draw a T2 here"
[[steps.work]]
do = "measure"
title = "Its mean"
what = "mean"
of = "absent"
[steps.show]
base = "absent"
[[steps.show.layers]]
of = "absent/uncertainty"
"#;

/// Writes the tour and its models and plays it.
fn play(folder: &Path, steps: &str) -> Result<Story, TourError> {
    runtime::ensure(&Control::new()).unwrap();
    blocks(folder);
    model(folder, "copy", "identity.onnx");
    let path = folder.join("small.toml");
    std::fs::write(&path, format!("{HEAD}{steps}")).unwrap();
    tell(&shipped::open(&path)?, &Models::Installed, &folder.join("out"), &Control::new())
}

fn words<'a>(story: &'a Story, title: &str) -> &'a str {
    let numbers = story.steps.iter().flat_map(|s| &s.numbers);
    &numbers.into_iter().find(|n| n.title == title).unwrap().words
}

#[test]
fn a_tour_gives_the_numbers_that_its_truth_demands() {
    let folder = tempfile::tempdir().unwrap();
    let story = play(folder.path(), &format!("{LESION}{COPY}")).unwrap();
    let value = |title: &str| {
        let numbers = story.steps.iter().flat_map(|s| &s.numbers);
        numbers.into_iter().find(|n| n.title == title).unwrap().value.unwrap()
    };
    // The tissue around is 100 everywhere, and the model copies.
    assert!((value("Change inside") - 50.0).abs() < 1e-3, "{}", words(&story, "Change inside"));
    assert!((value("Mean inside") - 150.0).abs() < 1e-3);
    assert!((value("Against itself") - 1.0).abs() < 1e-9);
    // A ball of 4 mm on a grid of 1 mm: 257 voxels, counted by hand.
    assert!((value("Volume") - 0.257).abs() < 1e-9, "{}", words(&story, "Volume"));
    // The guard looks at the run's input, which the tour made.
    assert!(words(&story, "Is it like?").contains("origin is synthetic"), "{}", words(&story, "Is it like?"));
    let others = story.steps.iter().flat_map(|s| &s.notices).filter(|n| !n.contains("origin is synthetic"));
    assert_eq!(others.count(), 0, "{:?}", story.steps);
}

#[test]
fn a_difference_is_a_map_in_its_units_and_an_explanation_looks_closely_where_large_boxes_changed_most() {
    let folder = tempfile::tempdir().unwrap();
    let story = play(folder.path(), &format!("{LESION}{COPY}{DIFFERENCE}")).unwrap();
    let value = |title: &str| {
        let numbers = story.steps.iter().flat_map(|s| &s.numbers);
        numbers.into_iter().find(|n| n.title == title).unwrap().value.unwrap()
    };
    assert!((value("Put in") - 50.0).abs() < 1e-3, "{}", words(&story, "Put in"));
    // A model that copies depends on the place itself alone.
    assert!(value("Why there") > 3.0 * value("Why anywhere") && value("Why anywhere") > 0.0);
    let step = &story.steps[2];
    assert!(step.notices.iter().any(|n| n.contains("were looked at with boxes of 4 voxels")), "{:?}", step.notices);
    let names: Vec<_> = step.pictures.iter().map(|p| p.file_name().unwrap().to_string_lossy().into_owned()).collect();
    assert_eq!(names, ["03-axial.png", "03-axial-2.png", "03-axial-3.png"]);
}

#[test]
fn the_page_holds_every_step_and_marks_what_was_made() {
    let folder = tempfile::tempdir().unwrap();
    let story = play(folder.path(), &format!("{LESION}{COPY}{MISSING}")).unwrap();
    let html = std::fs::read_to_string(&story.page).unwrap();
    for said in [
        "<h2 id=\"a-lesion\">A lesion</h2>",
        ">A copy</h2>",
        ">Nobody there</h2>",
        "<strong>in</strong>",
        "<li>one</li>",
        "What not to believe",
        "That it is real",
        "What you can believe",
        "copy 1.0.0",
        "because origin is synthetic",
        "The model no-such-model is not installed. It would draw a T2 here",
    ] {
        assert!(html.contains(said), "{said}");
    }
    assert!(html.contains("class=\"banner is-synthetic\""));
    assert!(!html.contains("<script") && !html.contains("http://") && !html.contains("https://"));
    let names: Vec<Vec<String>> = story
        .steps
        .iter()
        .map(|s| s.pictures.iter().map(|p| p.file_name().unwrap().to_string_lossy().into_owned()).collect())
        .collect();
    assert_eq!(names, [vec!["01-axial.png"], vec!["02-axial.png", "02-axial-2.png"], vec!["03-axial.png"]]);
    // The mark of each picture is in the picture: the base alone of the second step is real, the copy of a lesion is not.
    let magenta = |path: &Path| {
        let picture = image::open(path).unwrap().to_rgb8();
        picture.pixels().filter(|p| p.0[0] > 200 && p.0[1] < 120 && p.0[2] > 180).count()
    };
    let marked: Vec<bool> = story.steps.iter().flat_map(|s| &s.pictures).map(|p| magenta(p) > 50).collect();
    assert_eq!(marked, [true, false, true, false]);
}

#[test]
fn a_missing_model_is_a_sentence_and_the_tour_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let story = play(folder.path(), &format!("{MISSING}{LESION}")).unwrap();
    assert_eq!(story.steps.len(), 2);
    assert_eq!(story.steps[0].notices, ["The model no-such-model is not installed. It would draw a T2 here"]);
    assert_eq!(words(&story, "Its mean"), "Not measured");
    assert_eq!(story.steps[0].pictures.len(), 1, "the tour's own image stands in its place");
    assert!(story.steps[1].notices.is_empty());
}

#[test]
fn images_of_different_units_are_not_compared() {
    let step = r#"
[[steps]]
title = "Two units"
text = "See"
[[steps.work]]
do = "run"
name = "hounsfield"
model = "hu"
[[steps.work]]
do = "measure"
title = "Error"
what = "mae"
of = "hounsfield"
truth = "image"
[[steps.work]]
do = "measure"
title = "Likeness"
what = "ssim"
of = "image"
truth = "hounsfield"
[[steps.work]]
do = "measure"
title = "Against itself"
what = "mae"
of = "hounsfield"
truth = "hounsfield"
[[steps.work]]
do = "measure"
title = "Mean"
what = "mean"
of = "hounsfield"
"#;
    let folder = tempfile::tempdir().unwrap();
    model(folder.path(), "hu", "identity.onnx");
    let manifest = folder.path().join("hu/manifest.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, text.replace("kind = \"image\"\n", "kind = \"image\"\nunit = \"HU\"\n")).unwrap();
    let story = play(folder.path(), &format!("{LESION}{step}")).unwrap();
    assert_eq!([words(&story, "Error"), words(&story, "Likeness")], ["Not measured"; 2]);
    let differ = "and there is no difference between values of different units. Name a truth that is";
    assert_eq!(
        story.steps[1].notices,
        [
            format!(
                "Step 2 (Two units): Error was not measured, because `hounsfield` is in HU and its truth `image` is without a \
                 unit, {differ} in HU, or take this measure out of the tour"
            ),
            format!(
                "Step 2 (Two units): Likeness was not measured, because `image` is without a unit and its truth `hounsfield` is \
                 in HU, {differ} without a unit, or take this measure out of the tour"
            ),
        ]
    );
    assert_eq!(words(&story, "Against itself"), "0 HU");
    assert!(words(&story, "Mean").ends_with(" HU"), "{}", words(&story, "Mean"));
}

#[test]
fn a_cancel_leaves_the_steps_that_were_told() {
    runtime::ensure(&Control::new()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    // Large enough for the slow graph to be slow.
    let geometry = Geometry::new([96; 3], DMat4::IDENTITY).unwrap();
    let volume = Volume::new("v", vec![0.0_f32; 96 * 96 * 96].into(), geometry, Provenance::acquired(vec![])).unwrap();
    write::write(&[volume], &folder.path().join("blocks.nii.gz")).unwrap();
    model(folder.path(), "slow", "slow.onnx");
    let path = folder.path().join("small.toml");
    let first = "[[steps]]\ntitle = \"First\"\ntext = \"Look\"\n";
    let second = "[[steps]]\ntitle = \"Second\"\ntext = \"Wait\"\n[[steps.work]]\ndo = \"run\"\nname = \"r\"\nmodel = \"slow\"\n";
    std::fs::write(&path, format!("{HEAD}{first}{second}")).unwrap();
    let out = folder.path().join("out");
    let (tour, to) = (shipped::open(&path).unwrap(), out.clone());
    let job = Job::spawn("tour", move |control: &Control| tell(&tour, &Models::Installed, &to, control));
    while !job.control().progress().stage.starts_with("Running slow") {
        std::thread::sleep(Duration::from_millis(5));
    }
    job.control().cancel();
    let error = job.wait().unwrap().unwrap_err();
    assert!(error.is_cancelled(), "{error}");
    let html = std::fs::read_to_string(out.join("index.html")).unwrap();
    assert!(html.contains(">First</h2>") && !html.contains("Second"));
    assert!(html.contains("1 of 2 steps are told here"));
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.toml");
    std::fs::write(&path, format!("{HEAD}[[steps]]\ntitel = \"One\"\n")).unwrap();
    let said = shipped::open(&path).unwrap_err().to_string();
    assert!(said.ends_with("t.toml: line 8: unknown key `titel`; the nearest known key is `title`"), "{said}");
    assert!(ALL.iter().all(|s| s.tour().is_ok()));
}
