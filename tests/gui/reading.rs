//! A blinded study in its room: read by keys, killed, resumed; and nothing in the window that tells the truth.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use eframe::egui::{Event, Key, Pos2, Rect, Vec2};
use egui_kittest::kittest::{NodeT, Queryable};
use egui_kittest::{Harness, Node, SnapshotOptions};
use veritome::app::reading::{Desk, ReadingRoom, RoomOptions};
use veritome::jobs::Control;
use veritome::reader_study::package::{self, OwnerKey};
use veritome::reader_study::session::event::{CloseReason, Event as LogEvent};
use veritome::reader_study::session::step::Step;
use veritome::reader_study::session::verify::{Expected, verify_file};

use super::can_draw;
use super::narrow::{assert_apart, within};
use super::study::{TELLTALE, plan};

const SIZE: Vec2 = Vec2::new(1280.0, 720.0);
const YES_NO: &str = "title = \"Which are real?\"\ndesign = \"yes_no\"\nseed = 5\n\
                      instructions = \"Look at each image as long as you like.\"\n";

struct Room {
    harness: Harness<'static, ReadingRoom>,
    /// A study, which never tells; a quiz does.
    blind: bool,
}

impl Room {
    fn open(package: &Path, reader: &str) -> Self {
        let (desk, may) = Desk::open(package, reader, 1).unwrap();
        assert!(may.is_yes(), "{may}");
        Self::of(desk, true)
    }

    fn of(desk: Desk, blind: bool) -> Self {
        Self::sized(SIZE, desk, blind)
    }

    fn sized(size: Vec2, desk: Desk, blind: bool) -> Self {
        let harness = Harness::builder()
            .with_size(size)
            .with_max_steps(200)
            .with_step_dt(1.0 / 30.0)
            .with_render_cursor(false)
            .with_options(SnapshotOptions::new().threshold(1.2).max_failed_pixels(400))
            .wgpu()
            .build_eframe(move |cc| ReadingRoom::new(cc, desk, RoomOptions { steady: true }));
        Self { harness, blind }
    }

    fn settle(&mut self) {
        let start = Instant::now();
        loop {
            self.harness.run_steps(1);
            if self.harness.state_mut().is_idle() {
                break;
            }
            assert!(start.elapsed() < Duration::from_secs(60), "still busy");
            std::thread::sleep(Duration::from_millis(10));
        }
        self.harness.run_steps(4);
        if self.blind {
            self.nothing_is_told();
        }
    }

    fn key(&mut self, key: Key) {
        self.harness.key_press(key);
        self.settle();
    }

    fn digit(&mut self, digit: &str) {
        self.harness.event(Event::Text(digit.into()));
        self.settle();
    }

    fn node<'a>(&'a self, label: &'a str) -> Node<'a> {
        self.harness.get_by_label(label)
    }

    /// Reads what is left of the session; the steps of the scale in turn.
    fn read_on(&mut self) {
        for n in 0..400 {
            match self.harness.state().step() {
                Step::Closed(_) => return,
                Step::Answer { .. } => {
                    self.digit(&format!("{}", n % 6 + 1));
                    self.key(Key::Enter);
                }
                Step::Feedback { .. } | Step::Break => self.key(Key::Enter),
                _ => self.settle(),
            }
        }
        panic!("the session does not end: {:?}", self.harness.state().step());
    }

    /// What a screen reader could say holds none of the words that would tell.
    fn nothing_is_told(&self) {
        let mut nodes: Vec<Node<'_>> = vec![self.harness.root()];
        while let Some(node) = nodes.pop() {
            let one = node.accesskit_node();
            let text = format!("{:?} {:?} {:?} {:?}", one.label(), one.value(), one.description(), one.placeholder());
            for word in TELLTALE {
                assert!(!text.contains(word), "{word} in {text}");
            }
            nodes.extend(node.children());
        }
    }
}

fn package_of(folder: &Path, head: &str, cases: usize, training: usize) -> PathBuf {
    let out = folder.join("package");
    let recipient = OwnerKey::generate().recipient();
    package::create(&plan(folder, head, cases, training), &out, &recipient, &Control::new()).unwrap();
    out
}

#[test]
fn the_bar_of_the_smallest_room_cuts_its_title_and_nothing_else() {
    if !can_draw() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let title =
        "Which are real? A study with a title that is longer than any window of a reading room is wide, as titles are";
    let tools = "[\"window\", \"zoom\", \"pan\", \"scroll\", \"invert\", \"layout\", \"measure\"]";
    let head = format!("{}[reading]\ntools = {tools}\n", YES_NO.replace("Which are real?", title));
    let package = package_of(folder.path(), &head, 4, 0);
    // As small as the window may be.
    let size = Vec2::new(800.0, 520.0);
    let mut room = Room::sized(size, Desk::open(&package, "R1", 1).unwrap().0, true);
    room.settle();
    room.key(Key::Enter);
    let bar = Rect::from_min_max(Pos2::ZERO, Pos2::new(size.x, 40.0));
    let found = within(&room.harness, bar);
    assert!(["Rectangle", "Invert", "Pause"].iter().all(|name| found.iter().any(|(of, _)| of == name)), "{found:?}");
    assert_apart(&found, bar);
    room.harness.remove_cursor();
    room.settle();
    room.harness.snapshot("study_narrow");
}

#[test]
fn a_session_is_read_by_keys_and_goes_on_after_a_kill_in_mid_case() {
    if !can_draw() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let package = package_of(folder.path(), YES_NO, 4, 1);
    let mut room = Room::open(&package, "R1");
    room.settle();
    room.node("Begin");
    room.harness.snapshot("study_welcome");
    room.key(Key::Enter);
    // The training trial tells its truth afterwards.
    room.digit("2");
    room.key(Key::Enter);
    assert!(matches!(room.harness.state().step(), Step::Feedback { .. }));
    room.key(Key::Enter);
    // Enter without an answer says what is missing, and confirms nothing.
    room.key(Key::Enter);
    assert!(matches!(room.harness.state().step(), Step::Answer { at: 1, .. }));
    room.node("No answer yet: Is this image real or synthetic?");
    room.digit("4");
    room.harness.remove_cursor();
    room.settle();
    room.harness.snapshot("study_trial");
    room.key(Key::Enter);
    room.key(Key::ArrowDown);
    room.digit("6");
    let before = room.harness.state().step();
    // The power goes: the room ends without closing anything, and in the middle of a line.
    drop(room);

    let log = package.join("logs/R1-s1.jsonl");
    let kept = std::fs::read(&log).unwrap();
    let mut bytes = kept.clone();
    bytes.truncate(kept.len() - 7);
    std::fs::write(&log, &bytes).unwrap();
    let mut room = Room::open(&package, "R1");
    room.settle();
    room.key(Key::Enter);
    let again = room.harness.state().step();
    assert_eq!(format!("{before:?}"), format!("{again:?}"), "the same case comes again");
    for _ in 0..3 {
        room.digit("1");
        room.key(Key::Enter);
    }
    assert_eq!(room.harness.state().step(), Step::Closed(CloseReason::Finished));
    room.node("Close");
    let log = verify_file(&log, &Expected::default()).unwrap();
    assert!(!log.has_serious_findings(), "{:?}", log.findings);
    let confirmed = log.entries.iter().filter(|e| matches!(e.event, LogEvent::Confirmed { .. })).count();
    let viewed = log.entries.iter().filter(|e| matches!(e.event, LogEvent::Viewed(_))).count();
    assert_eq!((confirmed, viewed), (5, 5));
    let torn = |e: &LogEvent| matches!(e, LogEvent::Resumed { torn: true, .. });
    assert!(log.entries.iter().any(|e| torn(&e.event)));
}

#[test]
fn measurements_of_a_trial_can_be_taken_back_and_never_leave_the_room() {
    if !can_draw() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let head = format!("{YES_NO}[reading]\ntools = [\"window\", \"measure\"]\n");
    let package = package_of(folder.path(), &head, 4, 0);
    let mut room = Room::open(&package, "R1");
    room.settle();
    room.key(Key::Enter);
    let drag = |room: &mut Room, from: eframe::egui::Pos2, by: Vec2| {
        let press = |pos, pressed| Event::PointerButton {
            pos,
            button: eframe::egui::PointerButton::Primary,
            pressed,
            modifiers: eframe::egui::Modifiers::NONE,
        };
        let moves = (1..=4).map(|n| Event::PointerMoved(from + by * (n as f32 / 4.0)));
        let begin = [Event::PointerMoved(from), press(from, true)];
        for event in begin.into_iter().chain(moves).chain([press(from + by, false)]) {
            room.harness.event(event);
            room.harness.run_steps(1);
        }
        room.settle();
    };
    let middle = room.node("Viewport 1 Axial").rect().center();
    room.key(Key::D);
    drag(&mut room, middle + Vec2::new(-50.0, 0.0), Vec2::new(80.0, 10.0));
    drag(&mut room, middle + Vec2::new(-50.0, 60.0), Vec2::new(80.0, 10.0));
    assert_eq!(room.harness.state().measurements(), 2);
    room.key(Key::Delete);
    assert_eq!(room.harness.state().measurements(), 1);
    room.harness.key_press_modifiers(eframe::egui::Modifiers::COMMAND, Key::Z);
    room.settle();
    assert_eq!(room.harness.state().measurements(), 2, "what was deleted is back");
    room.node("Undo").click();
    room.settle();
    assert_eq!(room.harness.state().measurements(), 1, "and the second one undrawn");
    for label in ["Save measurements…", "Open measurements…", "Copy measurements"] {
        assert!(room.harness.query_by_label(label).is_none(), "{label}");
    }
    // The next trial begins without what was undone before.
    room.digit("2");
    room.key(Key::Enter);
    room.key(Key::U);
    assert_eq!(room.harness.state().measurements(), 0);
}

#[test]
fn two_images_stand_side_by_side_and_pause_hides_them() {
    if !can_draw() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let head = "title = \"Pairs\"\ndesign = \"forced_choice\"\nseed = 2\n";
    let package = package_of(folder.path(), head, 3, 0);
    let mut room = Room::open(&package, "R2");
    room.settle();
    room.key(Key::Enter);
    room.node("Viewport 1 Axial");
    room.node("Viewport 2 Axial");
    room.node("left").click();
    room.settle();
    room.digit("3");
    room.harness.remove_cursor();
    room.settle();
    room.harness.snapshot("study_pair");
    room.node("Pause").click();
    room.settle();
    assert_eq!(room.harness.state().step(), Step::Paused);
    assert!(room.harness.query_by_label("Viewport 1 Axial").is_none());
    room.key(Key::Enter);
    // The answers are still there.
    room.key(Key::Enter);
    assert!(matches!(room.harness.state().step(), Step::Answer { at: 1, .. }));
}

#[test]
fn a_place_is_marked_by_a_double_click_and_rated() {
    if !can_draw() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let head = "title = \"Find it\"\ndesign = \"free_response\"\nseed = 2\n[sessions]\ncount = 2\n";
    let plan = plan(folder.path(), head, 2, 0);
    let text = std::fs::read_to_string(&plan).unwrap();
    // The diseased case says where.
    let lesion = "truth = 1\nlesion = [{ center_mm = [0.0, 0.0, 0.0], radius_mm = 9.0 }]";
    std::fs::write(&plan, text.replace("truth = 1", lesion)).unwrap();
    let out = folder.path().join("package");
    package::create(&plan, &out, &OwnerKey::generate().recipient(), &Control::new()).unwrap();
    let mut room = Room::open(&out, "R1");
    room.settle();
    room.key(Key::Enter);
    let at = room.node("Viewport 1 Axial").rect().center();
    room.harness.event(Event::PointerMoved(at));
    room.harness.run_steps(1);
    for _ in 0..2 {
        for pressed in [true, false] {
            room.harness.event(Event::PointerButton {
                pos: at,
                button: eframe::egui::PointerButton::Primary,
                pressed,
                modifiers: eframe::egui::Modifiers::NONE,
            });
        }
        room.harness.run_steps(1);
    }
    room.settle();
    room.node("Remove mark 1");
    room.key(Key::Enter);
    let log = verify_file(&out.join("logs/R1-s1.jsonl"), &Expected::default()).unwrap();
    let placed = log.entries.iter().find_map(|e| match &e.event {
        LogEvent::Mark { position_mm, .. } => Some(*position_mm),
        _ => None,
    });
    let [x, y, z] = placed.unwrap();
    assert!(
        x.abs() < 3.0 && y.abs() < 3.0 && z.abs() < 3.0,
        "the middle of the image is the middle of the ball: {x} {y} {z}"
    );
}

/// From two folders in the wizard to a package that a reader opens.
#[test]
fn the_wizard_makes_a_package_of_two_folders() {
    use eframe::egui::accesskit::Role;
    use veritome::app::action::Action;
    if !can_draw() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // The images of the plan; its own text is not used.
    plan(folder.path(), YES_NO, 6, 0);
    let mut bench = super::Bench::empty(SIZE);
    bench.settle();
    bench.harness.state_mut().perform(Action::NewStudy);
    bench.settle();
    let fill = |bench: &mut super::Bench, field: &str, text: &str| {
        let node = bench.harness.get_by_role_and_label(Role::TextInput, field);
        node.focus();
        node.type_text(text);
        bench.settle();
    };
    bench.click("Images");
    fill(&mut bench, "Acquired", &folder.path().join("real").to_string_lossy());
    fill(&mut bench, "Synthetic", &folder.path().join("fake").to_string_lossy());
    bench.node("6 cases in both folders");
    bench.click("Readers");
    // Two of the six cases are for training.
    bench.node("R1, session 1: 6 trials");
    bench.click("Package");
    let out = folder.path().join("made");
    fill(&mut bench, "Package", &out.to_string_lossy());
    bench.click("Make the package");
    bench.settle();
    bench.node("The package is made");
    assert!(folder.path().join("made.key").exists() && folder.path().join("made.plan.toml").exists());
    let (desk, may) = Desk::open(&out, "R3", 1).unwrap();
    assert!(may.is_yes() && desk.list.trials.len() == 6);
}

/// From the wizard to the report: a study is thought up, packaged, read by three readers, one of them killed in mid-case, and
/// analysed with their receipts.
#[test]
fn a_whole_study_goes_from_the_wizard_to_its_report() {
    use eframe::egui::accesskit::Role;
    use veritome::app::action::Action;
    use veritome::reader_study::outcome::{
        Material, OutcomeOptions, ReceiptState, Receipts, StudyOutcome, html, remarks::Word,
    };
    if !can_draw() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    plan(folder.path(), YES_NO, 8, 0);
    let mut bench = super::Bench::empty(SIZE);
    bench.settle();
    bench.harness.state_mut().perform(Action::NewStudy);
    bench.settle();
    let fill = |bench: &mut super::Bench, field: &str, text: &str| {
        let node = bench.harness.get_by_role_and_label(Role::TextInput, field);
        node.focus();
        bench.harness.key_press_modifiers(eframe::egui::Modifiers::COMMAND, Key::A);
        bench.harness.get_by_role_and_label(Role::TextInput, field).type_text(text);
        bench.settle();
    };
    bench.node("Add a question").click_accesskit();
    bench.settle();
    bench.node("Remove question 2").scroll_to_me();
    bench.settle();
    fill(&mut bench, "Text of question 2", "What else?");
    bench.click("Images");
    fill(&mut bench, "Acquired", &folder.path().join("real").to_string_lossy());
    fill(&mut bench, "Synthetic", &folder.path().join("fake").to_string_lossy());
    bench.click("Package");
    let package = folder.path().join("made");
    fill(&mut bench, "Package", &package.to_string_lossy());
    bench.click("Make the package");
    bench.settle();
    bench.node("The package is made");
    drop(bench);

    let study = std::fs::read_to_string(package.join("study.json")).unwrap();
    assert!(study.contains("What else?"), "{study}");
    let mut receipts = Receipts::default();
    for reader in ["R1", "R2", "R3"] {
        let mut room = Room::open(&package, reader);
        room.settle();
        room.key(Key::Enter);
        if reader == "R2" {
            // Two training trials, then the power goes in the middle of the first one that counts.
            for _ in 0..2 {
                room.digit("3");
                room.key(Key::Enter);
                room.key(Key::Enter);
            }
            room.digit("5");
            let before = room.harness.state().step();
            drop(room);
            room = Room::open(&package, reader);
            room.settle();
            room.key(Key::Enter);
            assert_eq!(before, room.harness.state().step(), "the same case comes again");
        }
        room.read_on();
        assert_eq!(room.harness.state().step(), Step::Closed(CloseReason::Finished));
        room.settle();
        if reader == "R1" {
            room.harness.remove_cursor();
            let text = std::fs::read_to_string(package.join("logs/R1-s1.receipt.json")).unwrap();
            let hash = text.split("last_line_sha256\": \"").nth(1).unwrap()[..64].to_owned();
            room.node(&format!("Receipt {hash}"));
            receipts.add(&format!("R1={hash}")).unwrap();
        } else if reader == "R2" {
            receipts.add(&package.join("logs/R2-s1.receipt.json").to_string_lossy()).unwrap();
        }
    }
    let key = OwnerKey::read(&folder.path().join("made.key")).unwrap();
    assert!(package::sealed_truth(&package, &OwnerKey::generate()).unwrap_err().to_string().contains("another key"));
    let truth = package::sealed_truth(&package, &key).unwrap();
    let material = Material::read(&package).unwrap();
    let options = OutcomeOptions { receipts: receipts.clone(), resamples: 200, ..OutcomeOptions::default() };
    let outcome = StudyOutcome::new(&material, &truth, &options).unwrap();
    let states: Vec<ReceiptState> = outcome.receipts.content.iter().map(|line| line.state).collect();
    assert_eq!(states, [ReceiptState::Confirmed, ReceiptState::Confirmed, ReceiptState::None]);
    assert_eq!(outcome.readers.content.len(), 3);
    let page = html::page(&outcome).unwrap().html();
    for words in ["Acquired or synthetic?", "Receipts", "R1-s1.jsonl", "no receipt", "Flow of trials", "R3"] {
        assert!(page.contains(words), "`{words}` is not in the report");
    }

    // The last line is changed: nothing but the receipt can tell.
    let log = package.join("logs/R1-s1.jsonl");
    let text = std::fs::read_to_string(&log).unwrap();
    std::fs::write(&log, text.replace("\"reason\":\"finished\"", "\"reason\":\"time_limit\"")).unwrap();
    let altered = Material::read(&package).unwrap();
    let blind = OutcomeOptions { resamples: 200, ..OutcomeOptions::default() };
    assert!(StudyOutcome::new(&altered, &truth, &blind).is_ok());
    let refused = StudyOutcome::new(&altered, &truth, &options).unwrap_err().to_string();
    assert!(refused.contains("R1-s1.jsonl: DIFFERS"), "{refused}");
    let word = Word { accept_untrusted: true, ..Word::default() };
    let said = StudyOutcome::new(&altered, &truth, &OutcomeOptions { word, ..options }).unwrap();
    assert!(said.receipts.content[0].text.contains("DIFFERS"));
}

/// A plan whose cases are all training, with hints.
fn quiz_of(folder: &Path) -> PathBuf {
    let plan = plan(folder, "title = \"Real or not?\"\ndesign = \"yes_no\"\nseed = 3\n", 0, 4);
    let mut text = std::fs::read_to_string(&plan).unwrap();
    for case in 0..4 {
        let id = format!("id = \"CaseSecret{case}\"\n");
        let with = format!("{id}hint = \"fake/truthful{case}.nii.gz\"\ntell = \"Look at the middle.\"\n");
        text = text.replace(&id, &with);
    }
    std::fs::write(&plan, text).unwrap();
    let out = folder.join("quiz");
    package::create(&plan, &out, &OwnerKey::generate().recipient(), &Control::new()).unwrap();
    out
}

#[test]
fn a_quiz_judges_at_once_tells_what_made_the_image_and_ends_with_a_score() {
    if !can_draw() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let package = quiz_of(folder.path());
    let mut room = Room::of(Desk::quiz(&package).unwrap(), false);
    room.settle();
    room.node("Begin");
    room.key(Key::Enter);
    room.node("Hint for half a point");
    room.nothing_is_told();
    room.key(Key::H);
    room.node("Hide the hint");
    room.nothing_is_told();
    room.harness.remove_cursor();
    room.settle();
    room.harness.snapshot("quiz_hint");
    let list = std::fs::read_to_string(package.join("lists/R1-s1.json")).unwrap();
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    let synthetic: Vec<bool> =
        list["trials"].as_array().unwrap().iter().map(|t| t["told"]["synthetic"][0].as_bool().unwrap()).collect();
    assert_eq!(synthetic.iter().filter(|s| **s).count(), 2, "half of each kind");
    // Right, with a hint; then right; then two that are not.
    for (n, is_synthetic) in synthetic.iter().enumerate() {
        let right = n < 2;
        let answer = if *is_synthetic == right { "6" } else { "1" };
        room.digit(answer);
        room.key(Key::Enter);
        room.node(if right { "Right" } else { "Not right" });
        room.node(if *is_synthetic { "This image is synthetic" } else { "This image is real" });
        room.node("Look at the middle.");
        let badge = room.harness.query_by_label("SYNTHETIC").is_some();
        assert_eq!(badge, *is_synthetic);
        if *is_synthetic {
            room.node("made by GeneratorSecret 1");
            if n < 2 {
                room.harness.snapshot("quiz_told");
            }
        }
        room.key(Key::Enter);
    }
    room.node("2 of 4 right");
    room.node("1.5 of 4 points; a right answer after a hint counts 0.5, and one hint was asked for");
    room.node("Look at case 3 again").click();
    room.settle();
    room.node("Not right");
    room.key(Key::Enter);
    // Another round begins; the first one is kept.
    room.key(Key::Enter);
    room.settle();
    assert!(matches!(room.harness.state().step(), Step::Answer { at: 0, .. } | Step::Show { at: 0, .. }));
    assert!(package.join("logs/R1-s1.round-1.jsonl").exists());
    let kept = verify_file(&package.join("logs/R1-s1.round-1.jsonl"), &Expected::default()).unwrap();
    assert!(!kept.has_serious_findings(), "{:?}", kept.findings);
    drop(room);
    // A study is no quiz.
    let other = tempfile::tempdir().unwrap();
    let study = package_of(other.path(), YES_NO, 4, 0);
    assert!(Desk::quiz(&study).unwrap_err().to_string().contains("study read"));
}

/// The dialog that finds a reader's sessions and opens the room in a window of its own.
#[test]
fn reading_begins_and_goes_on_from_the_window() {
    use eframe::egui::accesskit::Role;
    use veritome::app::action::Action;
    if !can_draw() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let package = package_of(folder.path(), YES_NO, 4, 0);
    let mut room = Room::open(&package, "R2");
    room.settle();
    room.key(Key::Enter);
    room.digit("2");
    room.key(Key::Enter);
    drop(room);
    let mut bench = super::Bench::empty(SIZE);
    bench.settle();
    bench.harness.state_mut().perform(Action::ReadStudy);
    bench.settle();
    let node = bench.harness.get_by_role_and_label(Role::TextInput, "Package");
    node.focus();
    node.type_text(&package.to_string_lossy());
    bench.settle();
    bench.node("Which are real?");
    bench.harness.get_by_role_and_label(Role::Button, "Reader").click();
    bench.settle();
    bench.click("R2");
    bench.settle();
    bench.node("1 of 4 trials answered");
    // The program of this bench is one that does nothing and ends well.
    bench.click("Go on session 1");
    bench.settle();
    bench.node("1 of 4 trials answered");
}

#[test]
fn a_log_that_cannot_be_kept_stops_the_study_with_its_reason_and_nothing_is_lost() {
    if !can_draw() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let package = package_of(folder.path(), YES_NO, 3, 0);
    std::fs::write(package.join("logs"), "in the way").unwrap();
    let mut room = Room::open(&package, "R1");
    room.settle();
    room.key(Key::Enter);
    room.node("The study cannot go on");
    std::fs::remove_file(package.join("logs")).unwrap();
    room.key(Key::Enter);
    room.key(Key::Enter);
    assert!(matches!(room.harness.state().step(), Step::Answer { at: 0, .. }), "{:?}", room.harness.state().step());
}

/// From a package whose sessions are read to its report, with what stands in the way named before.
#[test]
fn a_study_is_analysed_from_the_window() {
    use eframe::egui::OutputCommand;
    use eframe::egui::accesskit::Role;
    use veritome::app::action::Action;
    use veritome::reader_study::example::example;
    if !can_draw() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let package = folder.path().join("example study");
    let key = OwnerKey::generate();
    example(&package, &key, &Control::new()).unwrap();
    // A key in its usual place, but of another study.
    OwnerKey::generate().save(&folder.path().join("example study.key")).unwrap();
    let right = folder.path().join("right.key");
    key.save(&right).unwrap();
    let mut bench = super::Bench::empty(SIZE);
    bench.settle();
    bench.harness.state_mut().perform(Action::AnalyseStudy);
    bench.settle();
    let fill = |bench: &mut super::Bench, field: &str, text: &str| {
        bench.harness.get_by_role_and_label(Role::TextInput, field).focus();
        bench.harness.key_press_modifiers(eframe::egui::Modifiers::COMMAND, Key::A);
        bench.harness.get_by_role_and_label(Role::TextInput, field).type_text(text);
        bench.settle();
    };
    fill(&mut bench, "Package", &package.to_string_lossy());
    let of_field = bench.harness.get_by_role_and_label(Role::TextInput, "Key").value().unwrap_or_default();
    assert!(of_field.ends_with("example study.key"), "{of_field}");
    bench.click("Analyse");
    bench.harness.get_by_label_contains("sealed for another key");
    let report = folder.path().join("example study.analysis");
    assert!(!report.exists());

    // The logs were gathered elsewhere, and one of them is missing.
    let logs = folder.path().join("gathered");
    std::fs::create_dir(&logs).unwrap();
    for entry in std::fs::read_dir(package.join("logs")).unwrap() {
        let from = entry.unwrap().path();
        std::fs::rename(&from, logs.join(from.file_name().unwrap())).unwrap();
    }
    std::fs::rename(logs.join("R3-s2.jsonl"), folder.path().join("R3-s2.jsonl")).unwrap();
    fill(&mut bench, "Key", &right.to_string_lossy());
    fill(&mut bench, "Logs", &logs.to_string_lossy());
    bench.click("Analyse");
    bench.harness.get_by_label_contains("1 of 6 sessions are not closed: R3-s2");
    assert!(!report.exists() && !logs.join("looks.txt").exists());
    fill(&mut bench, "Who looks", "the owner");
    bench.click("Look nevertheless");
    bench.harness.get_by_label_contains("Unplanned look by the owner");
    assert!(std::fs::read_to_string(logs.join("looks.txt")).unwrap().contains("the owner"));

    // With all logs: the numbers that the command line prints, and the report for the browser.
    std::fs::rename(folder.path().join("R3-s2.jsonl"), logs.join("R3-s2.jsonl")).unwrap();
    fill(&mut bench, "Logs", &logs.to_string_lossy());
    bench.click("Analyse");
    bench.harness.get_by_label("Example: which heads are synthetic?");
    bench.harness.get_by_label("synthetic, area under the ROC curve (trapezoid)");
    bench.harness.get_by_label_contains("All readers are simulated");
    let page = std::fs::read_to_string(report.join("report.html")).unwrap();
    assert!(page.contains("Example: which heads are synthetic?") && report.join("trials.csv").exists());
    bench.node("Open the report").scroll_to_me();
    bench.settle();
    bench.node("Open the report").click();
    let mut opened = None;
    for _ in 0..8 {
        bench.harness.run_steps(1);
        opened = opened.or(bench.harness.output().platform_output.commands.iter().find_map(|command| match command {
            OutputCommand::OpenUrl(open) => Some(open.url.clone()),
            _ => None,
        }));
    }
    let url = opened.expect("the browser is asked for the report");
    assert!(url.starts_with("file:///") && url.ends_with("example%20study.analysis/report.html"), "{url}");

    // A changed answer is found, and analysed only at a word.
    let log = logs.join("R1-s1.jsonl");
    let bytes = std::fs::read_to_string(&log).unwrap();
    std::fs::write(&log, bytes.replacen("\"value\":", "\"value\": ", 1)).unwrap();
    bench.click("Analyse");
    bench.node("The study cannot be trusted");
    bench.harness.get_by_label_contains("R1-s1.jsonl line");
    bench.click("Analyse nevertheless");
    bench.harness.get_by_label_contains("cannot be trusted");
    assert!(std::fs::read_to_string(report.join("report.html")).unwrap().contains("cannot be trusted"));
}
