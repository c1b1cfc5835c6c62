//! Narrow windows: nothing lies over anything else, nothing is cut off, and all stays in reach.

use std::collections::BTreeSet;

use eframe::egui::accesskit::Role;
use eframe::egui::{Key, Pos2, Rect, Vec2};
use egui_kittest::kittest::{NodeT, Queryable};
use egui_kittest::{Harness, Node};
use veritome::app::action::{Action, Layout, Tool};

use super::{Bench, can_draw};

/// The smallest window is 640 points wide.
const WIDTHS: [f32; 6] = [640.0, 800.0, 900.0, 1000.0, 1120.0, 1280.0];

const TOOLBAR: f32 = 40.0;
const STATUS: f32 = 24.0;

/// Name and place of what a person reads or presses in a part of the window.
pub(super) fn within<S>(harness: &Harness<'_, S>, area: Rect) -> Vec<(String, Rect)> {
    let mut found = Vec::new();
    let mut nodes: Vec<Node<'_>> = vec![harness.root()];
    while let Some(node) = nodes.pop() {
        let one = node.accesskit_node();
        if matches!(one.role(), Role::Button | Role::Label) {
            let rect = node.rect();
            // What is scrolled out of a panel begins above the bar below it.
            if area.contains(rect.center_top() + Vec2::DOWN) && rect.is_positive() {
                found.push((one.label().or(one.value()).unwrap_or_default(), rect));
            }
        }
        nodes.extend(node.children());
    }
    found
}

/// Fails where two of them lie over each other or one leaves the area.
pub(super) fn assert_apart(found: &[(String, Rect)], area: Rect) {
    for (n, (name, rect)) in found.iter().enumerate() {
        assert!(area.expand(0.5).contains_rect(*rect), "{name} at {rect:?} leaves {area:?}");
        for (other, rect2) in &found[n + 1..] {
            assert!(
                !rect.shrink(0.5).intersects(rect2.shrink(0.5)),
                "{name} {rect:?} over {other} {rect2:?} in {area:?}"
            );
        }
    }
}

fn toolbar(width: f32) -> Rect {
    Rect::from_min_max(Pos2::ZERO, Pos2::new(width, TOOLBAR))
}

fn names(bench: &Bench, width: f32) -> BTreeSet<String> {
    within(&bench.harness, toolbar(width)).into_iter().map(|(name, _)| name).collect()
}

#[test]
fn nothing_in_the_bars_overlaps_or_is_cut_off_at_any_width() {
    if !can_draw() {
        return;
    }
    for width in WIDTHS {
        let mut bench = Bench::open(Vec2::new(width, 720.0), Vec::new());
        let found = within(&bench.harness, toolbar(width));
        assert!(found.len() > 8, "{found:?}");
        assert_apart(&found, toolbar(width));
        // Something under the pointer, so that the status bar is full.
        let at = bench.center("Viewport 1 Axial");
        bench.harness.event(eframe::egui::Event::PointerMoved(at));
        bench.settle();
        let bar = Rect::from_min_max(Pos2::new(0.0, 720.0 - STATUS), Pos2::new(width, 720.0));
        let found = within(&bench.harness, bar);
        assert!(found.iter().any(|(name, _)| name.starts_with("LPS")), "{found:?}");
        assert_apart(&found, bar);
    }
}

#[test]
fn what_has_no_room_in_the_toolbar_is_in_its_last_menu() {
    if !can_draw() {
        return;
    }
    let wide = names(&Bench::open(Vec2::new(1280.0, 720.0), Vec::new()), 1280.0);
    assert!(!wide.contains("More"), "{wide:?}");
    for width in WIDTHS {
        let mut bench = Bench::open(Vec2::new(width, 720.0), Vec::new());
        let mut there = names(&bench, width);
        if there.contains("More") {
            bench.click("More");
            // A menu begins right under its button, which is not as high as the bar.
            let below = Rect::from_min_max(Pos2::new(0.0, TOOLBAR / 2.0), Pos2::new(width, 720.0));
            there.extend(within(&bench.harness, below).into_iter().map(|(name, _)| name));
        }
        let lost: Vec<&String> = wide.difference(&there).filter(|name| *name != "Veritome").collect();
        assert!(lost.is_empty(), "{lost:?} at {width}");
    }
}

#[test]
fn the_last_menu_is_led_by_keys_and_says_that_it_holds_the_chosen_tool() {
    if !can_draw() {
        return;
    }
    let mut bench = Bench::open(Vec2::new(640.0, 420.0), Vec::new());
    bench.snapshot("narrow");
    bench.node("More").focus();
    bench.key(Key::Enter);
    bench.node("Rectangle").focus();
    bench.key(Key::Enter);
    assert_eq!(bench.harness.state().tool(), Tool::Rectangle);
    assert!(bench.harness.query_by_label("Rectangle").is_none(), "a choice closes the menu");
    bench.node("More").focus();
    bench.key(Key::Enter);
    bench.node("Slab").focus();
    bench.key(Key::Enter);
    bench.node("Thick slice, average").focus();
    bench.snapshot("narrow_menu");
    bench.key(Key::Enter);
    assert!(bench.harness.query_by_label("Slab").is_none(), "a choice in a menu of a menu closes both");
}

#[test]
fn escape_closes_a_menu_and_leaves_the_view_as_it_is() {
    if !can_draw() {
        return;
    }
    let mut bench = Bench::open(super::SIZE, Vec::new());
    let before = bench.harness.state().active_window();
    let at = bench.center("Viewport 1 Axial");
    bench.drag(at, Vec2::new(80.0, 0.0));
    let wide = bench.harness.state().active_window();
    assert_ne!(before, wide);
    bench.click("Layout");
    bench.node("Grid 2 × 3");
    bench.key(Key::Escape);
    assert!(bench.harness.query_by_label("Grid 2 × 3").is_none(), "the menu is closed");
    assert_eq!(bench.harness.state().active_window(), wide);
    assert_eq!(bench.harness.state().layout(), Layout::FourUp);
}

#[test]
fn panels_leave_the_images_their_room_and_the_offer_of_an_empty_window_is_whole() {
    if !can_draw() {
        return;
    }
    for width in [640.0, 800.0, 900.0] {
        let bench = Bench::open(Vec2::new(width, 560.0), Vec::new());
        let views = ["Viewport 1 Axial", "Viewport 2 Coronal"].map(|view| bench.node(view).rect().width());
        let least = if width < 900.0 { width / 2.0 } else { width / 3.0 };
        assert!(views[0] + views[1] > least, "{views:?} of {width}");
    }
    // The studies gave way to the layers; a key brings them back, and takes them away again.
    let mut bench = Bench::open(Vec2::new(640.0, 560.0), Vec::new());
    assert!(bench.harness.query_by_label("Studies").is_none() && bench.harness.query_by_label("Models").is_some());
    let wide = bench.node("Viewport 1 Axial").rect().width();
    bench.key(Key::F6);
    assert!(bench.node("Viewport 1 Axial").rect().width() < wide - 50.0);
    bench.key(Key::F6);
    assert_eq!(bench.node("Viewport 1 Axial").rect().width(), wide);
    let size = Vec2::new(640.0, 420.0);
    let mut bench = Bench::empty(size);
    bench.settle();
    let images = Rect::from_min_max(Pos2::new(0.0, TOOLBAR), Pos2::new(640.0, 420.0 - STATUS));
    let found = within(&bench.harness, images);
    assert!(found.iter().any(|(name, _)| name == "Try the demo"), "{found:?}");
    assert_apart(&found, images);
    bench.harness.state_mut().perform(Action::Settings);
    bench.settle();
    bench.snapshot("narrow_settings");
}
