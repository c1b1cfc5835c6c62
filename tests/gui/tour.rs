//! A tour in the window: walked with the keys, back without a second run, left with a viewer that works.

use std::path::{Path, PathBuf};

use eframe::egui::{Key, Vec2};
use egui_kittest::kittest::Queryable;
use veritome::inference::runtime;
use veritome::jobs::Control;
use veritome::tour::shipped;

use super::models::model;
use super::{Bench, can_draw, head};

const TALL: Vec2 = Vec2::new(1280.0, 900.0);

const TOUR: &str = r#"
schema = 1
name = "small"
title = "A small tour"
minutes = 1
for_whom = "Tests"
image = "head.nii"

[[steps]]
title = "The head"
text = "As it was **scanned**, in 4 mm voxels."
believe = "Its grey values."
do_not_believe = "That one head says anything about others."

[[steps]]
title = "A lesion and its copy"
text = """
A simulated lesion, and a model that copies what it gets.

- The outline is the truth
- The line in the middle parts the two"""
do_not_believe = "That a copy is a finding: the model gives back what it was given."
[[steps.work]]
do = "lesion"
name = "lesioned"
at_mm = [-20.0, 0.0, 12.0]
radius_mm = 14.0
contrast = -0.5
[[steps.work]]
do = "measure"
title = "Volume of the lesion"
what = "volume_ml"
of = "lesioned/truth"
[[steps.work]]
do = "run"
name = "copy"
model = "copy"
on = "lesioned"
[[steps.work]]
do = "measure"
title = "Change of the copy"
what = "mae"
of = "copy"
truth = "lesioned"
[steps.show]
base = "lesioned"
at = "lesioned/truth"
[[steps.show.layers]]
of = "lesioned/truth"
outline = true
opacity = 1.0

[[steps]]
title = "A model that is not there"
text = "Nothing is drawn."
do_not_believe = "That nothing means healthy."
[[steps.work]]
do = "run"
name = "t2"
model = "no-such-model"
otherwise = "It would draw a T2 here"
"#;

fn bench() -> Bench {
    sized(TALL)
}

fn sized(size: Vec2) -> Bench {
    runtime::ensure(&Control::new()).unwrap();
    let mut tour: Option<PathBuf> = None;
    let mut bench = Bench::with_models(
        size,
        |_| Vec::new(),
        Vec::new(),
        |root: &Path| {
            head(root);
            let path = root.join("small.toml");
            std::fs::write(&path, TOUR).unwrap();
            tour = Some(path);
            vec![model(root, "copy", "identity.onnx", "synthesis")]
        },
    );
    bench.settle();
    bench.harness.state_mut().start_tour(shipped::open(&tour.unwrap()).unwrap());
    bench.settle();
    bench
}

#[test]
fn a_tour_is_walked_with_the_keys_and_back_runs_nothing_again() {
    if !can_draw() {
        return;
    }
    let mut bench = bench();
    bench.node("Step 1 of 3");
    bench.node("The head");
    bench.node("What not to believe");
    bench.node("What you can believe");
    assert!(bench.harness.state().overlays().is_empty());
    let before = bench.harness.state().crosshair();

    bench.key(Key::PageDown);
    bench.node("Step 2 of 3");
    bench.node("A lesion and its copy");
    bench.node("Change of the copy");
    let names: Vec<(String, bool)> = bench.harness.state().overlays();
    assert_eq!(names.iter().filter(|(_, on)| *on).count(), 1, "the truth alone is on show: {names:?}");
    assert_eq!(names.len(), 2, "the copy waits in the list: {names:?}");
    assert_ne!(bench.harness.state().crosshair(), before, "the planes meet in the lesion");
    bench.node("Remove all layers of copy 1.0.0");
    bench.snapshot("tour");

    bench.key(Key::PageDown);
    bench.node("The model no-such-model is not installed. It would draw a T2 here");
    assert!(bench.harness.state().overlays().is_empty());

    // What a person changed in a step is there when they come back.
    bench.key(Key::PageUp);
    bench.click("Remove all layers of copy 1.0.0");
    bench.key(Key::PageUp);
    assert!(bench.harness.state().overlays().is_empty());
    bench.key(Key::PageDown);
    assert_eq!(bench.harness.state().overlays().len(), 1);
    assert!(bench.harness.state().messages().iter().all(|m| !m.contains("stopped")));

    bench.click("Leave the tour");
    assert!(bench.harness.query_by_label("Step 2 of 3").is_none());
    bench.node("Series head");
    let at = bench.center("Viewport 1 Axial");
    bench.wheel(at, -1.0);
}

#[test]
fn beside_a_tour_the_layers_give_way_in_a_narrow_window_until_they_are_opened() {
    if !can_draw() {
        return;
    }
    let size = Vec2::new(640.0, 700.0);
    let mut bench = sized(size);
    let images = |bench: &Bench| {
        let views = ["Viewport 1 Axial", "Viewport 2 Coronal"].map(|view| bench.node(view).rect().width());
        views[0] + views[1]
    };
    bench.node("1 of 3");
    assert!(bench.harness.query_by_label("Models").is_none());
    assert!(images(&bench) > size.x / 2.0, "{}", images(&bench));
    bench.key(Key::F7);
    bench.node("Models");
    bench.key(Key::PageDown);
    bench.node("2 of 3");
    bench.node("Models");
    bench.key(Key::F7);
    assert!(images(&bench) > size.x / 2.0);
    bench.click("Leave the tour");
    assert!(bench.harness.query_by_label("2 of 3").is_none());
}

#[test]
fn the_start_offers_the_tours() {
    if !can_draw() {
        return;
    }
    let mut bench = Bench::empty(super::SIZE);
    bench.settle();
    bench.node("How synthesis invents");
    bench.node("Open a tour…");
}
