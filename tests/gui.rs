//! The window without a window: found by the names that a screen reader says, moved as a person would move it.
//!
//! Pictures are compared with `tests/snapshots`; make them anew with `UPDATE_SNAPSHOTS=1 cargo test --test gui`.

#![expect(clippy::unwrap_used, reason = "a failure here is a failure of the test")]

#[path = "gui/graphics.rs"]
mod graphics;
#[path = "gui/measuring.rs"]
mod measuring;
#[path = "gui/models.rs"]
mod models;
#[path = "gui/narrow.rs"]
mod narrow;
#[path = "gui/reading.rs"]
mod reading;
#[path = "support/study.rs"]
mod study;
#[path = "gui/tour.rs"]
mod tour;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use eframe::egui::{self, Event, Key, Modifiers, MouseWheelUnit, PointerButton, Pos2, Vec2, accesskit::Role};
use egui_kittest::kittest::Queryable;
use egui_kittest::{Harness, Node, SnapshotOptions};
use veritome::app::action::{Layout, Tool};
use veritome::app::{Veritome, WindowOptions};
use veritome::render::scene::{Content, Layer};
use veritome::volume::{Geometry, Label, Labelmap, Provenance, Space};

/// Whether this machine has something that draws. `VERITOME_REQUIRE_GPU` turns a skip into a failure.
fn can_draw() -> bool {
    let there = veritome::render::gpu::Renderer::headless().is_ok();
    assert!(there || std::env::var_os("VERITOME_REQUIRE_GPU").is_none(), "no graphics adapter");
    if !there {
        eprintln!("skipped: no graphics adapter");
    }
    there
}

const N: usize = 40;

/// A head of three tissues with a bright spot to the patient's left, front and top of its middle, 4 mm voxels, as NIfTI
/// written by hand.
fn head(folder: &Path) -> PathBuf {
    let mut bytes = vec![0_u8; 352];
    bytes[0..4].copy_from_slice(&348_i32.to_le_bytes());
    for (i, d) in [3, N as i16, N as i16, N as i16, 1, 1, 1, 1].iter().enumerate() {
        bytes[40 + 2 * i..42 + 2 * i].copy_from_slice(&d.to_le_bytes());
    }
    bytes[70..72].copy_from_slice(&4_i16.to_le_bytes());
    bytes[72..74].copy_from_slice(&16_i16.to_le_bytes());
    for i in 0..4 {
        bytes[76 + 4 * i..80 + 4 * i].copy_from_slice(&(if i == 0 { 1.0_f32 } else { 4.0 }).to_le_bytes());
    }
    bytes[108..112].copy_from_slice(&352.0_f32.to_le_bytes());
    bytes[112..116].copy_from_slice(&1.0_f32.to_le_bytes());
    bytes[123] = 2;
    bytes[254..256].copy_from_slice(&1_i16.to_le_bytes());
    for row in 0..3 {
        let at = 280 + 16 * row;
        bytes[at + 4 * row..at + 4 * row + 4].copy_from_slice(&4.0_f32.to_le_bytes());
        bytes[at + 12..at + 16].copy_from_slice(&(-78.0_f32).to_le_bytes());
    }
    bytes[344..348].copy_from_slice(b"n+1\0");
    let far = |p: [usize; 3], c: [f64; 3]| (0..3).map(|a| (p[a] as f64 - c[a]).powi(2)).sum::<f64>().sqrt();
    for z in 0..N {
        for y in 0..N {
            for x in 0..N {
                let r = far([x, y, z], [19.5; 3]);
                // RAS: low x is the patient's left, high y the front.
                let value: i16 = if far([x, y, z], [12.0, 27.0, 26.0]) < 3.0 {
                    1200
                } else if r < 13.0 {
                    500
                } else if r < 15.0 {
                    120
                } else if r < 18.0 {
                    900
                } else {
                    0
                };
                bytes.extend(value.to_le_bytes());
            }
        }
    }
    let path = folder.join("head.nii");
    std::fs::write(&path, bytes).unwrap();
    path
}

/// The left half of the inner ball as a mask, on the same grid.
fn mask() -> Layer {
    let geometry = Geometry::from_ras(
        [N; 3],
        glam::DMat4::from_scale_rotation_translation(
            glam::DVec3::splat(4.0),
            glam::DQuat::IDENTITY,
            glam::DVec3::splat(-78.0),
        ),
    )
    .unwrap();
    let mut voxels = vec![0_u16; N * N * N];
    for (i, v) in voxels.iter_mut().enumerate() {
        let p = [i % N, i / N % N, i / N / N].map(|x| x as f64 - 19.5);
        *v = u16::from(p[0] < 0.0 && p.iter().map(|x| x * x).sum::<f64>() < 150.0);
    }
    Layer::labels(std::sync::Arc::new(Labelmap {
        voxels: voxels.into(),
        geometry,
        space: Space::Patient { frame_of_reference: None },
        labels: vec![Label::new(1, "Half", [240, 120, 60])],
        provenance: Provenance::acquired(vec![]),
        name: "Mask".into(),
    }))
}

struct Bench {
    harness: Harness<'static, Veritome>,
    _folder: tempfile::TempDir,
}

impl Bench {
    /// The window, empty, with settings in a folder of its own.
    fn empty(size: Vec2) -> Self {
        Self::with(size, |_| Vec::new(), Vec::new())
    }

    /// The window with the head open.
    fn open(size: Vec2, layers: Vec<Layer>) -> Self {
        let mut bench = Self::with(size, |folder| vec![head(folder)], layers);
        bench.settle();
        bench
    }

    fn with(size: Vec2, paths: impl FnOnce(&Path) -> Vec<PathBuf>, layers: Vec<Layer>) -> Self {
        let brain = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("models/brain-mask");
        Self::with_models(size, paths, layers, |_| vec![brain])
    }

    fn with_models(
        size: Vec2,
        paths: impl FnOnce(&Path) -> Vec<PathBuf>,
        layers: Vec<Layer>,
        models: impl FnOnce(&Path) -> Vec<PathBuf>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let paths = paths(folder.path());
        let options = WindowOptions {
            models: Some(models(folder.path())),
            layers,
            data_folder: Some(folder.path().join("data")),
            steady: true,
            program: Some(PathBuf::from("true")),
            ..WindowOptions::default()
        };
        let harness = Harness::builder()
            .with_size(size)
            .with_max_steps(200)
            .with_step_dt(1.0 / 30.0)
            .with_render_cursor(false)
            .with_options(SnapshotOptions::new().threshold(1.2).max_failed_pixels(400))
            .wgpu()
            .build_eframe(|cc| Veritome::new(cc, paths, options));
        Self { harness, _folder: folder }
    }

    /// Goes on until nothing loads and nothing moves.
    fn settle(&mut self) {
        let start = Instant::now();
        loop {
            self.harness.run_steps(1);
            if self.harness.state().is_idle() {
                break;
            }
            assert!(start.elapsed() < Duration::from_secs(60), "still busy: {:?}", self.harness.state().messages());
            std::thread::sleep(Duration::from_millis(10));
        }
        // The volume view refines itself after a while without movement.
        self.harness.run_steps(12);
    }

    fn node<'a>(&'a self, label: &'a str) -> Node<'a> {
        self.harness.get_by_label(label)
    }

    fn click(&mut self, label: &str) {
        self.node(label).click();
        self.settle();
    }

    fn key(&mut self, key: Key) {
        self.harness.key_press(key);
        self.settle();
    }

    fn center(&self, label: &str) -> Pos2 {
        self.node(label).rect().center()
    }

    fn value(&self, label: &str) -> String {
        self.node(label).value().unwrap_or_default()
    }

    fn wheel(&mut self, at: Pos2, lines: f32) {
        self.harness.event(Event::PointerMoved(at));
        self.harness.run_steps(1);
        self.harness.event(Event::MouseWheel {
            unit: MouseWheelUnit::Line,
            delta: Vec2::new(0.0, lines),
            phase: egui::TouchPhase::Move,
            source: egui::MouseWheelSource::Wheel,
            modifiers: Modifiers::NONE,
        });
        self.settle();
    }

    fn drag(&mut self, from: Pos2, by: Vec2) {
        let press = |pos, pressed| Event::PointerButton {
            pos,
            button: PointerButton::Primary,
            pressed,
            modifiers: Modifiers::NONE,
        };
        self.harness.event(Event::PointerMoved(from));
        self.harness.event(press(from, true));
        self.harness.run_steps(1);
        for step in 1..=8 {
            self.harness.event(Event::PointerMoved(from + by * (step as f32 / 8.0)));
            self.harness.run_steps(1);
        }
        self.harness.event(press(from + by, false));
        self.settle();
    }

    fn snapshot(&mut self, name: &str) {
        self.harness.remove_cursor();
        self.settle();
        self.harness.snapshot(name);
    }
}

const SIZE: Vec2 = Vec2::new(1280.0, 720.0);

#[test]
fn an_empty_window_says_what_to_do_and_offers_it() {
    if !can_draw() {
        return;
    }
    let mut bench = Bench::empty(SIZE);
    bench.settle();
    bench.node("Drop a DICOM folder, ZIP or NIfTI here");
    bench.node("Open files…");
    bench.node("Try the demo");
    bench.snapshot("empty");
}

#[test]
fn a_file_opens_in_four_views_named_for_a_screen_reader() {
    if !can_draw() {
        return;
    }
    let mut bench = Bench::open(SIZE, Vec::new());
    bench.node("Series head");
    // The middle voxel is the 21st along the file's axes: to the right, to the front, to the head. Scrolling goes to the
    // left and to the back.
    for (view, slice) in [("Viewport 1 Axial", 21), ("Viewport 2 Coronal", 20), ("Viewport 3 Sagittal", 20)] {
        assert_eq!(bench.value(view), format!("slice {slice} of 40"), "{view}");
    }
    bench.node("Viewport 4 Volume");
    bench.snapshot("four_views");
}

#[test]
fn the_wheel_goes_one_slice_and_the_keys_go_to_the_ends() {
    if !can_draw() {
        return;
    }
    let mut bench = Bench::open(SIZE, Vec::new());
    let at = bench.center("Viewport 1 Axial");
    bench.wheel(at, -1.0);
    assert_eq!(bench.value("Viewport 1 Axial"), "slice 22 of 40");
    bench.wheel(at, 2.0);
    assert_eq!(bench.value("Viewport 1 Axial"), "slice 20 of 40");
    bench.key(Key::End);
    assert_eq!(bench.value("Viewport 1 Axial"), "slice 40 of 40");
    bench.key(Key::Home);
    assert_eq!(bench.value("Viewport 1 Axial"), "slice 1 of 40");
    bench.key(Key::ArrowDown);
    assert_eq!(bench.value("Viewport 1 Axial"), "slice 2 of 40");
    // The other views keep their own slices.
    assert_eq!(bench.value("Viewport 2 Coronal"), "slice 20 of 40");
}

#[test]
fn dragging_right_widens_the_window_and_escape_brings_it_back() {
    if !can_draw() {
        return;
    }
    let mut bench = Bench::open(SIZE, Vec::new());
    let before = bench.harness.state().active_window().unwrap();
    let at = bench.center("Viewport 1 Axial");
    bench.drag(at, Vec2::new(80.0, 0.0));
    let wide = bench.harness.state().active_window().unwrap();
    assert!(wide.width > before.width * 1.1 && (wide.center - before.center).abs() < 1e-9, "{before:?} {wide:?}");
    bench.drag(at, Vec2::new(0.0, 60.0));
    // Down darkens: the level rises.
    assert!(bench.harness.state().active_window().unwrap().center > wide.center);
    bench.key(Key::Escape);
    assert_eq!(bench.harness.state().active_window(), Some(before));
}

#[test]
fn escape_closes_a_dialog_then_puts_the_tool_away_then_resets_the_view() {
    if !can_draw() {
        return;
    }
    let mut bench = Bench::open(SIZE, Vec::new());
    let before = bench.harness.state().active_window();
    let at = bench.center("Viewport 1 Axial");
    bench.drag(at, Vec2::new(80.0, 0.0));
    let wide = bench.harness.state().active_window();
    assert_ne!(before, wide);
    bench.key(Key::Z);
    bench.harness.key_press_modifiers(Modifiers::COMMAND, Key::P);
    bench.settle();
    bench.key(Key::Escape);
    assert_eq!(bench.harness.state().tool(), Tool::Zoom, "the palette was open");
    bench.key(Key::Escape);
    assert_eq!(bench.harness.state().tool(), Tool::Window);
    assert_eq!(bench.harness.state().active_window(), wide, "what was done to the view stays");
    bench.key(Key::Escape);
    assert_eq!(bench.harness.state().active_window(), before);
}

#[test]
fn the_crosshair_tool_moves_all_views_to_one_point() {
    if !can_draw() {
        return;
    }
    let mut bench = Bench::open(SIZE, Vec::new());
    bench.key(Key::H);
    assert_eq!(bench.harness.state().tool(), Tool::Crosshair);
    let before = bench.harness.state().crosshair().unwrap().0;
    let at = bench.center("Viewport 1 Axial");
    bench.drag(at + Vec2::new(2.0, 2.0), Vec2::new(40.0, 30.0));
    let after = bench.harness.state().crosshair().unwrap().0;
    // Right on the screen is the patient's left, down is the back (LPS).
    assert!(after.x > before.x + 5.0 && after.y > before.y + 5.0 && (after.z - before.z).abs() < 1e-9);
    assert_ne!(bench.value("Viewport 2 Coronal"), "slice 20 of 40");
    assert_ne!(bench.value("Viewport 3 Sagittal"), "slice 20 of 40");
    bench.snapshot("crosshair");
}

#[test]
fn layouts_come_from_the_menu_and_a_double_click_shows_one_viewport_alone() {
    if !can_draw() {
        return;
    }
    let mut bench = Bench::open(SIZE, Vec::new());
    bench.click("Layout");
    bench.click("Axial, coronal, sagittal");
    assert_eq!(bench.harness.state().layout(), Layout::OneByThree);
    assert!(bench.harness.query_by_label("Viewport 4 Volume").is_none());
    let at = bench.center("Viewport 2 Coronal");
    let window = bench.harness.state().active_window();
    for _ in 0..2 {
        for pressed in [true, false] {
            bench.harness.event(Event::PointerMoved(at));
            bench.harness.event(Event::PointerButton {
                pos: at,
                button: PointerButton::Primary,
                pressed,
                modifiers: Modifiers::NONE,
            });
        }
    }
    bench.settle();
    bench.node("Viewport 2 Coronal");
    assert!(bench.harness.query_by_label("Viewport 1 Axial").is_none());
    assert_eq!(bench.harness.state().active_window(), window);
}

#[test]
fn overlays_are_listed_and_one_key_hides_them() {
    if !can_draw() {
        return;
    }
    let mut bench = Bench::open(SIZE, vec![mask()]);
    bench.node("Show Mask");
    bench.node("Opacity of Mask");
    assert!(bench.harness.state().overlays_shown());
    bench.snapshot("overlay");
    bench.key(Key::O);
    assert!(!bench.harness.state().overlays_shown());
    bench.click("Show all overlays");
    assert!(bench.harness.state().overlays_shown());
}

#[test]
fn the_palette_finds_a_command_by_some_letters() {
    if !can_draw() {
        return;
    }
    let mut bench = Bench::open(SIZE, Vec::new());
    bench.harness.key_press_modifiers(Modifiers::COMMAND, Key::P);
    bench.settle();
    bench.harness.event(Event::Text("side by".into()));
    bench.settle();
    bench.key(Key::Enter);
    assert_eq!(bench.harness.state().layout(), Layout::OneByTwo);
}

#[test]
fn what_cannot_be_opened_is_told_in_one_sentence() {
    if !can_draw() {
        return;
    }
    let mut bench = Bench::with(SIZE, |folder| vec![folder.join("nothing.nii")], Vec::new());
    bench.settle();
    assert_eq!(bench.harness.state().messages(), ["Nothing could be opened"]);
    bench.harness.get_by_role_and_label(Role::Button, "Details…").click();
    bench.settle();
    assert!(bench.harness.query_by_label_contains("no such file").is_some());
}

#[test]
fn the_light_theme_leaves_images_on_black() {
    if !can_draw() {
        return;
    }
    let mut bench = Bench::open(SIZE, Vec::new());
    bench.harness.state_mut().perform(veritome::app::action::Action::ToggleLightTheme);
    bench.settle();
    bench.snapshot("light");
}

#[test]
fn ctrl_z_takes_back_a_whole_drag_and_ctrl_y_does_it_again() {
    if !can_draw() {
        return;
    }
    let mut bench = Bench::open(SIZE, Vec::new());
    let before = bench.harness.state().active_window();
    let at = bench.center("Viewport 1 Axial");
    bench.drag(at, Vec2::new(90.0, 30.0));
    let after = bench.harness.state().active_window();
    assert_ne!(before, after);
    bench.harness.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    bench.settle();
    assert_eq!(bench.harness.state().active_window(), before);
    bench.harness.key_press_modifiers(Modifiers::COMMAND, Key::Y);
    bench.settle();
    assert_eq!(bench.harness.state().active_window(), after);
}

#[test]
fn a_drag_between_two_frames_is_not_lost() {
    if !can_draw() {
        return;
    }
    let mut bench = Bench::open(SIZE, Vec::new());
    let before = bench.harness.state().active_window().unwrap();
    let from = bench.center("Viewport 1 Axial");
    let to = from + Vec2::new(60.0, 0.0);
    let press = |pos, pressed| Event::PointerButton {
        pos,
        button: PointerButton::Primary,
        pressed,
        modifiers: Modifiers::NONE,
    };
    for event in [Event::PointerMoved(from), press(from, true), Event::PointerMoved(to), press(to, false)] {
        bench.harness.event(event);
    }
    bench.settle();
    assert!(bench.harness.state().active_window().unwrap().width > before.width * 1.1);
}

#[test]
fn a_key_can_be_changed_in_the_table() {
    if !can_draw() {
        return;
    }
    let mut bench = Bench::open(SIZE, Vec::new());
    bench.harness.state_mut().perform(veritome::app::action::Action::Keys);
    bench.settle();
    // The table is longer than its window.
    bench.node("Key of Close all studies").scroll_to_me();
    bench.settle();
    bench.click("Key of Close all studies");
    bench.harness.key_press_modifiers(Modifiers::COMMAND, Key::J);
    bench.settle();
    bench.key(Key::Escape);
    assert!(bench.harness.state().crosshair().is_some());
    bench.harness.key_press_modifiers(Modifiers::COMMAND, Key::J);
    bench.settle();
    assert!(bench.harness.state().crosshair().is_none());
}

/// The lower 30 of the head's 40 slices.
fn lower_head(folder: &Path) -> PathBuf {
    let mut bytes = std::fs::read(head(folder)).unwrap();
    bytes[46..48].copy_from_slice(&30_i16.to_le_bytes());
    bytes.truncate(352 + (bytes.len() - 352) / 40 * 30);
    let path = folder.join("lower.nii");
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn series_side_by_side_keep_their_places_when_there_is_room_for_more() {
    if !can_draw() {
        return;
    }
    let mut bench = Bench::with(SIZE, |folder| vec![lower_head(folder), head(folder)], Vec::new());
    bench.settle();
    bench.click("Layout");
    bench.click("Side by side");
    let slices = |bench: &Bench| ["Viewport 1 Axial", "Viewport 2 Axial"].map(|v| bench.value(v));
    let before = slices(&bench);
    assert_ne!(before[0].split(" of ").last(), before[1].split(" of ").last(), "{before:?}");
    let second = bench.center("Viewport 2 Axial");
    bench.drag(second, Vec2::ZERO);
    bench.click("Layout");
    bench.click("Grid 2 × 3");
    assert_eq!(slices(&bench), before);
    // The second one stays the active one; alone, it is the one that is shown.
    bench.click("Layout");
    bench.click("Single");
    assert_eq!(bench.value("Viewport 1 Axial"), before[1]);
}

/// The head at two times: the second as bright again.
fn two_times(folder: &Path) -> PathBuf {
    let path = head(folder);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[40..42].copy_from_slice(&4_i16.to_le_bytes());
    bytes[48..50].copy_from_slice(&2_i16.to_le_bytes());
    let second: Vec<u8> =
        bytes[352..].chunks_exact(2).flat_map(|b| (i16::from_le_bytes([b[0], b[1]]) * 2).to_le_bytes()).collect();
    bytes.extend(second);
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn another_time_point_shows_its_own_values_at_the_same_place() {
    if !can_draw() {
        return;
    }
    let mut bench = Bench::with(SIZE, |folder| vec![two_times(folder)], Vec::new());
    bench.settle();
    let at = bench.center("Viewport 1 Axial");
    bench.wheel(at, -3.0);
    let slice = bench.value("Viewport 1 Axial");
    bench.node("500");
    bench.harness.get_by_role_and_label(Role::Slider, "Time").focus();
    bench.key(Key::ArrowRight);
    bench.harness.event(Event::PointerMoved(at));
    bench.settle();
    bench.node("1000");
    assert_eq!(bench.value("Viewport 1 Axial"), slice, "where the person was stays");
}

#[test]
fn slices_are_read_one_by_one_while_their_volume_loads() {
    let folder = tempfile::tempdir().unwrap();
    let opened = veritome::io::open(&head(folder.path()), &veritome::jobs::Control::new()).unwrap();
    let series = &opened.studies[0].series[0];
    let whole = series.load(0, &veritome::jobs::Control::new()).unwrap();
    for index in [0, 7, 39] {
        let slice = series.slice(0, index).unwrap();
        assert_eq!(slice.size(), [N, N, 1]);
        let at = |x: f64, y: f64| veritome::volume::VoxelPoint(glam::DVec3::new(x, y, 0.0));
        let in_whole = whole.geometry.to_voxel(slice.geometry.to_patient(at(3.0, 5.0))).0;
        assert!(in_whole.distance(glam::DVec3::new(3.0, 5.0, index as f64)) < 1e-6);
        for n in 0..N * N {
            assert_eq!(slice.voxels.get(n), whole.voxels.get(index * N * N + n));
        }
    }
    assert!(series.slice(0, 40).is_err());
    assert!(series.slice(1, 0).is_err());
}
