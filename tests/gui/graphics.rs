//! What a file lays over its image: seen at once, hidden by a key, brought back by a tick.

use std::path::PathBuf;

use eframe::egui::Key;
use egui_kittest::kittest::Queryable;
use veritome::volume::graphics::GRAPHIC_COLOR;

use super::{Bench, SIZE, can_draw};

fn open(case: &str) -> Bench {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/graphics").join(case);
    let mut bench = Bench::with(SIZE, |_| vec![path], Vec::new());
    bench.settle();
    bench
}

/// Pixels of the window that have a colour.
fn count(bench: &mut Bench, color: [u8; 3]) -> usize {
    bench.settle();
    let picture = bench.harness.render().unwrap();
    picture.pixels().filter(|p| p.0[..3] == color).count()
}

#[test]
fn overlay_planes_are_on_show_and_a_key_or_a_tick_turns_them_off_and_on() {
    if !can_draw() {
        return;
    }
    let mut bench = open("overlay_packed");
    let shown = count(&mut bench, GRAPHIC_COLOR);
    assert!(shown > 100, "{shown}");
    bench.key(Key::G);
    assert_eq!(count(&mut bench, GRAPHIC_COLOR), 0);
    bench.click("Graphics of the file (2)");
    assert_eq!(count(&mut bench, GRAPHIC_COLOR), shown);
    // They are no overlay of the person's: the key for those leaves them.
    bench.key(Key::O);
    assert_eq!(count(&mut bench, GRAPHIC_COLOR), shown);
}

#[test]
fn a_shutter_hides_and_is_marked_until_it_is_lifted() {
    if !can_draw() {
        return;
    }
    let mut bench = open("shutter_flat");
    let grey = [0x80; 3];
    let hidden = count(&mut bench, grey);
    assert!(hidden > 1000, "{hidden}");
    bench.key(Key::J);
    let lifted = count(&mut bench, grey);
    assert!(lifted * 4 < hidden, "{lifted} of {hidden}");
    bench.click("Shutter of the file");
    assert_eq!(count(&mut bench, grey), hidden);
    assert!(bench.harness.query_by_label("Graphics of the file (1)").is_none());
}
