use std::path::PathBuf;

use eframe::egui::{Theme, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};

use super::{ModelsPanel, Row, Seen, Wish, row};
use crate::app::state::{Model as Window, Settings};
use crate::app::tasks::Tasks;
use crate::app::test_window::{harness, picture};
use crate::inference::manifest::{FoundModel, Model, ModelError};

struct State {
    window: Window,
    tasks: Tasks,
    rows: Vec<Row>,
    panel: ModelsPanel,
    wishes: Vec<Wish>,
}

/// The brain mask, a model that makes synthetic images, and a broken folder.
fn rows() -> Vec<Row> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("models/brain-mask");
    let brain = Model::open(&folder).unwrap();
    let mut synthesis = brain.clone();
    synthesis.folder = PathBuf::from("t1-to-t2");
    synthesis.manifest.name = "t1-to-t2".into();
    synthesis.manifest.title = "T1 to T2".into();
    synthesis.manifest.task = crate::inference::manifest::schema::Task::Synthesis;
    synthesis.manifest.intended_use = "Teaching: what synthesis does".into();
    let path = PathBuf::from("bad/manifest.toml");
    let broken = ModelError::Invalid { path, problem: "preprocess.orientation is `RAL`".into() };
    vec![
        row(FoundModel { folder, model: Ok(brain) }),
        row(FoundModel { folder: synthesis.folder.clone(), model: Ok(synthesis) }),
        row(FoundModel { folder: PathBuf::from("bad"), model: Err(broken) }),
    ]
}

fn panel() -> Harness<'static, State> {
    let state = State {
        window: Window::new(Settings::default()),
        tasks: Tasks::default(),
        rows: rows(),
        panel: ModelsPanel::default(),
        wishes: Vec::new(),
    };
    harness(vec2(288.0, 900.0), Theme::Dark, state, |ui, state| {
        let seen = Seen { window: &state.window, rows: Some(&state.rows), tasks: &state.tasks, runtime: None };
        let wishes = state.panel.show(ui, &seen);
        state.wishes.extend(wishes);
    })
}

#[test]
fn models_are_searched_and_filtered_and_a_broken_one_says_why() {
    let mut harness = panel();
    harness.run();
    harness.get_by_label("Brain mask from T1-weighted head MR");
    harness.get_by_label("MAKES SYNTHETIC");
    harness.get_by_label_contains("preprocess.orientation is `RAL`");
    picture(&mut harness, "models");
    harness.get_by_label("Show synthesis").click();
    harness.run();
    assert!(harness.query_by_label("Brain mask from T1-weighted head MR").is_none());
    harness.get_by_label("T1 to T2");
    harness.get_by_label("Show all").click();
    harness.run();
    harness.get_by_label("Search models").focus();
    harness.run();
    harness.event(eframe::egui::Event::Text("brain".into()));
    harness.run();
    assert!(harness.query_by_label("T1 to T2").is_none());
    harness.get_by_label("Brain mask from T1-weighted head MR");
    harness.event(eframe::egui::Event::Text("zzz".into()));
    harness.run();
    harness.get_by_label("No model fits the search");
}

#[test]
fn an_open_card_tells_what_it_is_for_and_what_not_and_asks_what_works() {
    let mut harness = panel();
    harness.run();
    harness.get_by_label("Open Brain mask from T1-weighted head MR").click();
    harness.run();
    harness.get_by_label_contains("Teaching and demonstration");
    harness.get_by_label_contains("Diagnosis, volumetry");
    harness.get_by_label("Provider");
    harness.get_by_label("Input t1");
    // Nothing is open: it cannot run, and says why.
    let run = harness.get_by_label("Run Brain mask from T1-weighted head MR");
    assert!(run.accesskit_node().is_disabled());
    harness.get_by_label("Open a series with a place in the patient first");
    assert!(harness.state().wishes.iter().any(|w| matches!(w, Wish::Runtime)));
    harness.get_by_label("Card of Brain mask from T1-weighted head MR").click();
    harness.run();
    harness.get_by_label("Intended use");
    picture(&mut harness, "model_card");
}
