use eframe::egui::{Key, Modifiers, PointerButton, Pos2, Theme, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;

use super::*;
use crate::app::test_window::{harness, picture};

struct Shown {
    editor: TransferEditor,
    transfer: TransferFunction,
    histogram: Histogram,
    edits: Vec<Edit>,
}

fn bone() -> TransferFunction {
    let point = |value, color, opacity| TransferPoint { value, color, opacity };
    TransferFunction {
        name: "CT bone".into(),
        points: vec![
            point(-1000.0, [0.0, 0.0, 0.0], 0.0),
            point(150.0, [0.55, 0.25, 0.15], 0.0),
            point(500.0, [0.85, 0.65, 0.45], 0.35),
            point(1600.0, [1.0, 0.98, 0.92], 0.9),
        ],
    }
}

fn shown(theme: Theme) -> Harness<'static, Shown> {
    let counts = (0..512)
        .map(|i| {
            let v = -1024.0 + 8.0 * f64::from(i);
            let hump = |at: f64, wide: f64, much: f64| much * (-((v - at) / wide).powi(2)).exp();
            (hump(-1000.0, 20.0, 2e6) + hump(40.0, 60.0, 4e5) + hump(400.0, 500.0, 4e3)) as u64
        })
        .collect();
    let state = Shown {
        editor: TransferEditor::default(),
        transfer: bone(),
        histogram: Histogram { range: [-1024.0, 3071.0], counts },
        edits: Vec::new(),
    };
    let presets = [bone(), TransferFunction { name: "CT soft tissue".into(), ..bone() }];
    harness(vec2(288.0, 260.0), theme, state, move |ui, s| {
        let input =
            TransferInput { transfer: &s.transfer, histogram: Some(&s.histogram), unit: "HU", presets: &presets };
        if let Some(edit) = s.editor.ui(ui, input) {
            s.transfer = edit.transfer.clone();
            s.edits.push(edit);
        }
    })
}

fn center(h: &Harness<'_, Shown>, label: &str) -> Pos2 {
    h.get_by_label(label).rect().center()
}

#[test]
fn dragging_a_point_changes_value_and_opacity_and_settles_once() {
    let mut h = shown(Theme::Dark);
    h.run();
    let from = center(&h, "Point 3");
    h.drag_at(from);
    h.run();
    h.hover_at(from + vec2(20.0, -20.0));
    h.run();
    picture(&mut h, "transfer_drag");
    h.drop_at(from + vec2(20.0, -20.0));
    h.run();
    let s = h.state();
    assert!(s.transfer.points[2].value > 600.0, "{:?}", s.transfer.points[2]);
    assert!(s.transfer.points[2].opacity > 0.45);
    assert_eq!(s.edits.iter().filter(|e| e.settled).count(), 1);
    assert!(s.edits.last().is_some_and(|e| e.settled));
    assert_eq!(s.transfer.name, "", "a changed preset is no preset any more");
}

#[test]
fn a_point_cannot_pass_its_neighbour() {
    let mut h = shown(Theme::Dark);
    h.run();
    let from = center(&h, "Point 2");
    h.drag_at(from);
    h.run();
    h.hover_at(from + vec2(200.0, 0.0));
    h.run();
    h.drop_at(from + vec2(200.0, 0.0));
    h.run();
    assert_eq!(h.state().transfer.points[1].value, 500.0);
}

#[test]
fn double_click_adds_a_point_in_order_and_right_click_removes_it() {
    let mut h = shown(Theme::Dark);
    h.run();
    let at = center(&h, "Point 4") + vec2(30.0, 30.0);
    h.hover_at(at);
    for pressed in [true, false, true, false] {
        h.event(eframe::egui::Event::PointerButton {
            pos: at,
            button: PointerButton::Primary,
            pressed,
            modifiers: Modifiers::NONE,
        });
        h.step();
    }
    h.run();
    let points = &h.state().transfer.points;
    assert_eq!(points.len(), 5);
    assert!(points.windows(2).all(|w| w[0].value <= w[1].value));
    picture(&mut h, "transfer_added");
    h.get_by_label("Point 5").click_secondary();
    h.run();
    assert_eq!(h.state().transfer.points.len(), 4);
}

#[test]
fn keys_move_and_remove_the_chosen_point_and_two_stay() {
    let mut h = shown(Theme::Dark);
    h.run();
    h.get_by_label("Point 3").click();
    h.run();
    h.key_press(Key::ArrowUp);
    h.run();
    h.key_press_modifiers(Modifiers::SHIFT, Key::ArrowRight);
    h.run();
    let p = h.state().transfer.points[2];
    assert!((p.opacity - 0.36).abs() < 1e-4);
    assert!((p.value - 909.5).abs() < 0.6, "{}", p.value);
    for _ in 0..4 {
        h.get_by_label("Point 1").click();
        h.run();
        h.key_press(Key::Delete);
        h.run();
    }
    assert_eq!(h.state().transfer.points.len(), 2);
}

#[test]
fn a_preset_is_chosen_by_name() {
    let mut h = shown(Theme::Light);
    h.run();
    picture(&mut h, "transfer_light");
    h.get_by_label("Transfer function").click();
    h.run();
    h.get_by_label("CT soft tissue").click();
    h.run();
    assert_eq!(h.state().transfer.name, "CT soft tissue");
}

#[test]
fn one_can_look_in_and_out_again() {
    let mut h = shown(Theme::Dark);
    h.run();
    let apart = |h: &Harness<'_, Shown>| center(h, "Point 3").x - center(h, "Point 2").x;
    let before = apart(&h);
    h.hover_at(center(&h, "Point 2") + vec2(10.0, -20.0));
    h.run();
    h.event(eframe::egui::Event::Zoom(2.0));
    h.run();
    assert!(apart(&h) > 1.8 * before, "{} {before}", apart(&h));
    picture(&mut h, "transfer_near");
    h.get_by_label("Show all values").click();
    h.run();
    assert_eq!(apart(&h), before);
}
