//! What a quiz tells: the hint that may be asked for, the truth after each answer, the score at the end.

use std::sync::Arc;

use eframe::egui::{self, Align, Button, Key, Label, Layout, Modifiers, RichText, ScrollArea, Ui, vec2};
use lucide_icons::Icon;

use super::room::ReadingRoom;
use super::screens::{column, paragraph, small, title};
use super::trial::told_of;
use crate::app::ui_kit::theme::{bold_family, tokens};
use crate::app::ui_kit::widgets::{card, icon, named, quiet, synthetic_badge};
use crate::display::{ColorMap, Voi, Window};
use crate::reader_study::design::Told;
use crate::reader_study::quiz::score::HINTED_POINTS;
use crate::reader_study::session::ReadingSession;
use crate::reader_study::session::step::Step;
use crate::render::scene::{Content, Layer};
use crate::volume::{Derivation, Provenance, Volume};

/// The map of a hint as a layer that is not on show yet, and its range: from a quarter of its strong values on it is drawn.
pub(super) fn map_layer(map: Volume) -> (Layer, [f64; 2]) {
    let mut strong: Vec<f64> = (0..map.voxels.len()).filter_map(|i| map.voxels.get(i)).filter(|v| *v > 0.0).collect();
    strong.sort_by(f64::total_cmp);
    let top = strong.get(strong.len().saturating_sub(1) * 99 / 100).copied().unwrap_or(1.0);
    let layer = Layer {
        visible: false,
        opacity: 0.7,
        voi: Voi::Window(Window::spanning(0.0, top)),
        colormap: ColorMap::Inferno,
        threshold: Some([top * 0.25, f64::MAX]),
        ..Layer::image(Arc::new(map))
    };
    (layer, [0.0, top])
}

/// Whether the trial on the stage has a hint, and whether it is on show.
fn hint_on_stage(room: &ReadingRoom, at: usize) -> Option<bool> {
    room.desk.list.trials.get(at)?.hint.as_ref()?;
    Some(room.model.stage_of(0)?.overlays.last()?.layer.visible)
}

fn show_hint(room: &mut ReadingRoom, on: bool) {
    let id = room.model.panes.first().and_then(|pane| pane.series);
    let stage = id.and_then(|id| room.model.stages.get_mut(&id));
    if let Some(overlay) = stage.and_then(|stage| stage.overlays.last_mut()) {
        overlay.layer.visible = on;
    }
}

/// Asks for the hint of the trial on the screen, or lays it over the image and takes it away where it was asked for.
pub(super) fn hint(room: &mut ReadingRoom) {
    let Step::Answer { at, code } = room.step() else { return };
    let Some(shown) = hint_on_stage(room, at) else { return };
    if room.progress().is_hinted(&code) {
        show_hint(room, !shown);
    } else if room.act(ReadingSession::hint) {
        show_hint(room, true);
    }
}

/// The hint, before the answer.
pub(super) fn offer(ui: &mut Ui, room: &mut ReadingRoom, at: usize) {
    let Some(shown) = hint_on_stage(room, at) else { return };
    let t = tokens(ui.ctx());
    let asked = room.desk.list.trials.get(at).is_some_and(|trial| room.progress().is_hinted(&trial.code));
    ui.add_space(t.space.s);
    let text = match (asked, shown) {
        (false, _) => "Hint for half a point",
        (true, false) => "Show the hint",
        (true, true) => "Hide the hint",
    };
    let button = Button::new((icon(Icon::Lightbulb), RichText::new(text)));
    let response = ui.add_sized([ui.available_width(), 30.0], button);
    named(&response, text, Some(shown));
    if response.on_hover_text("H").clicked() {
        hint(room);
    }
    let words = if asked {
        "Bright: here a made image of this place and the acquired one differ most. The map is the same for both kinds."
    } else {
        "Shows where a made image of this place and the acquired one differ. A right answer then counts half a point."
    };
    ui.add_space(t.space.xs);
    ui.add(Label::new(RichText::new(words).size(t.size.small).color(t.quiet)).wrap());
}

/// Gives the images on the stage their true marks: the badge, or none.
pub(super) fn unveil(room: &mut ReadingRoom, told: &Told) {
    if std::mem::replace(&mut room.unveiled, true) {
        return;
    }
    let made = || {
        let by = Derivation {
            description: "Made for a quiz".to_owned(),
            model: told.model.clone(),
            generates_pixels: true,
            ..Derivation::default()
        };
        Provenance::marked_synthetic(Vec::new(), Some(by))
    };
    let marked = |content: &mut Content, provenance: Provenance| {
        if let Content::Image(volume) = content {
            *content = Content::Image(Arc::new(Volume { provenance, ..(**volume).clone() }));
        }
    };
    for (pane, synthetic) in told.synthetic.iter().enumerate() {
        let id = room.model.panes.get(pane).and_then(|pane| pane.series);
        let Some(stage) = id.and_then(|id| room.model.stages.get_mut(&id)) else { continue };
        let acquired = || Provenance::acquired(vec!["quiz".to_owned()]);
        marked(&mut stage.base.content, if *synthetic { made() } else { acquired() });
        // What derives from a synthetic image is synthetic, over an acquired one too.
        stage.overlays.iter_mut().for_each(|overlay| marked(&mut overlay.layer.content, made()));
    }
}

/// What is true of an image, in words.
fn truth(told: &Told) -> String {
    match (told.disease, told.synthetic.as_slice()) {
        (Some(true), _) => "Disease is present".to_owned(),
        (Some(false), _) => "Disease is absent".to_owned(),
        (None, [true]) => "This image is synthetic".to_owned(),
        (None, [false]) => "This image is real".to_owned(),
        (None, [true, _]) => "The right image is real".to_owned(),
        (None, _) => "The left image is real".to_owned(),
    }
}

/// The right panel after an answer, and when a case is looked at again.
pub(super) fn told(ui: &mut Ui, room: &mut ReadingRoom, at: usize) {
    let Some(told) = told_of(room, at) else { return };
    let t = tokens(ui.ctx());
    let again = room.again.is_some();
    let score = room.score();
    let own = score.answered.iter().find(|a| a.at == at).cloned();
    if let Some(own) = &own {
        let (picture, color, word) =
            if own.right { (Icon::Check, t.approved, "Right") } else { (Icon::X, t.uncertain, "Not right") };
        ui.horizontal(|ui| {
            ui.label(icon(picture).size(20.0).color(color));
            ui.label(RichText::new(word).size(t.size.title + 2.0).family(bold_family()).color(color));
        });
    }
    ui.add(Label::new(RichText::new(truth(&told)).size(t.size.title).family(bold_family()).color(t.text)).wrap());
    ui.add_space(t.space.s);
    if told.synthetic.contains(&true) {
        ui.horizontal_wrapped(|ui| {
            synthetic_badge(ui);
            ui.label(RichText::new(format!("made by {}", told.model.as_deref().unwrap_or("a model"))).color(t.text));
        });
    } else {
        ui.label(RichText::new("As the scanner gave it: no badge").color(t.quiet));
    }
    if let Some(tell) = &told.tell {
        ui.add_space(t.space.m);
        quiet(ui, "What to look for");
        ui.add(Label::new(RichText::new(tell).color(t.text)).wrap());
    }
    if let Some(shown) = hint_on_stage(room, at).filter(|_| room.on_stage == Some(at)) {
        ui.add_space(t.space.m);
        let text = if shown { "Hide the map" } else { "Show the map" };
        let response =
            ui.add_sized([ui.available_width(), 30.0], Button::new((icon(Icon::Lightbulb), RichText::new(text))));
        named(&response, text, Some(shown));
        let key = ui.input_mut(|i| i.consume_key(Modifiers::NONE, Key::H));
        if response.on_hover_text("H").clicked() || key {
            show_hint(room, !shown);
        }
        let why = if !shown {
            "Where the made image of this place and the acquired one differ"
        } else if !told.synthetic.contains(&true) {
            "Bright: here the model's image of this place differs most. The badge belongs to the map, which comes from that image."
        } else {
            "Bright: here the made image and the acquired one differ most"
        };
        ui.add(Label::new(RichText::new(why).size(t.size.small).color(t.quiet)).wrap());
    }
    ui.add_space(t.space.l);
    let (text, keys): (_, &[Key]) =
        if again { ("Back to the score", &[Key::Enter, Key::Backspace]) } else { ("Continue", &[Key::Enter]) };
    let button = Button::new(RichText::new(text).size(t.size.body + 1.0).color(t.accent));
    let response = ui.add_sized([ui.available_width(), 36.0], button);
    named(&response, text, None);
    let pressed = ui.input_mut(|i| keys.iter().any(|key| i.consume_key(Modifiers::NONE, *key)));
    if response.on_hover_text("Enter").clicked() || pressed {
        if again {
            room.again = None;
            room.clear_stage();
        } else if room.act(ReadingSession::feedback_shown) {
            room.clear_stage();
        }
        return;
    }
    if !again {
        ui.add_space(t.space.m);
        quiet(ui, format!("{} of {} right so far", score.right(), score.answered.len()));
    }
}

/// After the last case, or when the round was left.
pub(super) fn score(ui: &mut Ui, room: &mut ReadingRoom) {
    let t = tokens(ui.ctx());
    let score = room.score();
    let (mut look, mut play, mut close) = (None, false, false);
    column(ui, |ui| {
        title(ui, &format!("{} of {} right", score.right(), score.answered.len()));
        let hints = score.answered.iter().filter(|a| a.hinted).count();
        let points = format!("{} of {} points", score.points(), score.of);
        let what = match hints {
            0 => points,
            1 => format!("{points}; a right answer after a hint counts {HINTED_POINTS}, and one hint was asked for"),
            n => format!("{points}; a right answer after a hint counts {HINTED_POINTS}, and {n} hints were asked for"),
        };
        paragraph(ui, &what);
        if let Some((share, [low, high])) = score.share() {
            let percent = |x: f64| (100.0 * x).round();
            let words = score.against_chance().unwrap_or_default();
            small(
                ui,
                &format!(
                    "{} % right, 95 % interval {} to {} % (Wilson). {words}.",
                    percent(share),
                    percent(low),
                    percent(high)
                ),
            );
        }
        ui.add_space(t.space.s);
        let height = (ui.available_height() - 96.0).max(120.0);
        ScrollArea::vertical().max_height(height).auto_shrink([false, true]).show(ui, |ui| {
            for own in &score.answered {
                let Some(told) = told_of(room, own.at) else { continue };
                let row = card(ui, false, |ui| {
                    ui.set_width(ui.available_width());
                    case_row(ui, own.at, own.right, &told)
                });
                if row.inner {
                    look = Some(own.at);
                }
                ui.add_space(t.space.xs);
            }
        });
        ui.add_space(t.space.s);
        ui.horizontal(|ui| {
            let button = Button::new(RichText::new("Play again").size(t.size.body + 1.0).color(t.accent));
            let response = ui.add_sized([160.0, 36.0], button);
            named(&response, "Play again", None);
            play = response.clicked() || ui.input_mut(|i| i.consume_key(Modifiers::NONE, Key::Enter));
            ui.add_space(t.space.s);
            let button = Button::new(RichText::new("Close").size(t.size.body + 1.0));
            let response = ui.add_sized([120.0, 36.0], button);
            named(&response, "Close", None);
            close = response.clicked();
        });
    });
    let ctx = ui.ctx().clone();
    if let Some(at) = look {
        room.clear_stage();
        room.again = Some(at);
    } else if play {
        room.play_again(&ctx);
    } else if close {
        ctx.send_viewport_cmd(egui::ViewportCommand::Close);
    }
}

/// One case of the list; whether it is to be looked at again.
fn case_row(ui: &mut Ui, at: usize, right: bool, told: &Told) -> bool {
    let t = tokens(ui.ctx());
    let mut look = false;
    ui.horizontal(|ui| {
        let (picture, color, word) =
            if right { (Icon::Check, t.approved, "right") } else { (Icon::X, t.uncertain, "not right") };
        let mark = ui.label(icon(picture).color(color));
        named(&mark, &format!("Case {} {word}", at + 1), None);
        ui.label(RichText::new(format!("{}", at + 1)).family(bold_family()).color(t.text));
        if told.synthetic.contains(&true) {
            synthetic_badge(ui);
            ui.label(RichText::new(told.model.as_deref().unwrap_or("a model")).color(t.quiet));
        } else {
            ui.label(RichText::new("real").color(t.quiet));
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let response = ui.add(Button::new("Look again").min_size(vec2(88.0, 24.0)));
            named(&response, &format!("Look at case {} again", at + 1), None);
            look = response.clicked();
        });
    });
    look
}
