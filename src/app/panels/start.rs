//! What an empty window offers.

use std::path::{Path, PathBuf};

use eframe::egui::{self, Align, Button, Layout, RichText, Stroke, StrokeKind, Ui, UiBuilder, vec2};
use lucide_icons::Icon;

use crate::app::action::Action;
use crate::app::persist::Recent;
use crate::app::ui_kit::theme::{self, tokens};
use crate::app::ui_kit::widgets::{icon, named};
use crate::tour::shipped;

/// Draws it into the image area. `working`: what is on its way. Gives a recent path that was chosen.
pub(crate) fn show(ui: &mut Ui, recent: &[Recent], working: Option<&str>, queue: &mut Vec<Action>) -> Option<PathBuf> {
    let t = tokens(ui.ctx());
    let area = ui.available_rect_before_wrap();
    ui.painter().rect_filled(area, 0.0, t.image);
    let image = theme::over_image();
    /// Height of what always stands there, of the heading over recent paths, and of each of them.
    const OFFER: f32 = 276.0;
    const HEADING: f32 = 40.0;
    const LINE: f32 = 26.0;
    // A low window shows fewer recent paths and never cuts the offer.
    let room = ((area.height() - OFFER - HEADING) / LINE).max(0.0) as usize;
    let recent: Vec<&Recent> = recent.iter().take(room.min(6)).collect();
    let height = OFFER + if recent.is_empty() { 0.0 } else { HEADING + LINE * recent.len() as f32 };
    let mut card = egui::Rect::from_center_size(area.center(), vec2(480.0_f32.min(area.width() - 32.0), height));
    card = card.translate(vec2(0.0, (area.top() - card.top()).max(0.0)));
    let hovering = ui.input(|i| !i.raw.hovered_files.is_empty());
    if hovering {
        ui.painter().rect_stroke(area.shrink(12.0), 8.0, Stroke::new(2.0, image.line), StrokeKind::Inside);
    }
    let mut chosen = None;
    let builder = UiBuilder::new().max_rect(card).layout(Layout::top_down(Align::Center));
    ui.scope_builder(builder, |ui| {
        ui.label(icon(Icon::Scan).size(40.0).color(if hovering { image.line } else { image.quiet }));
        ui.add_space(t.space.m);
        let title = working.unwrap_or("Drop a DICOM folder, ZIP or NIfTI here");
        ui.label(RichText::new(title).size(t.size.title + 2.0).family(theme::bold_family()).color(image.text));
        ui.add_space(t.space.l);
        ui.horizontal(|ui| {
            let width = 3.0 * 132.0 + 2.0 * t.space.s;
            ui.add_space((ui.available_width() - width).max(0.0) / 2.0);
            for (action, text, first) in [
                (Action::OpenFolder, "Open folder…", true),
                (Action::OpenFiles, "Open files…", false),
                (Action::TryDemo, "Try the demo", false),
            ] {
                let fill = if first { image.line.gamma_multiply(0.35) } else { egui::Color32::from_white_alpha(18) };
                let label = RichText::new(text).color(image.text);
                let button = Button::new((icon(action.icon()).color(image.text), label));
                let response = ui.add(button.fill(fill).min_size(vec2(132.0, 34.0)));
                named(&response, text, None);
                if response.on_hover_text(action.hint()).clicked() {
                    queue.push(action);
                }
            }
        });
        ui.add_space(t.space.s);
        ui.horizontal(|ui| {
            let width = 3.0 * 132.0 + 2.0 * t.space.s;
            ui.add_space((ui.available_width() - width).max(0.0) / 2.0);
            let each = (width - t.space.s) / 2.0;
            for (action, text) in [(Action::PlayQuiz, "Quiz: synthetic or real?"), (Action::ReadStudy, "Read a study…")]
            {
                let label = RichText::new(text).color(image.text);
                let button = Button::new((icon(action.icon()).color(image.text), label));
                let response = ui.add(button.fill(egui::Color32::from_white_alpha(18)).min_size(vec2(each, 34.0)));
                named(&response, text, None);
                if response.on_hover_text(action.hint()).clicked() {
                    queue.push(action);
                }
            }
        });
        ui.add_space(t.space.m);
        tours(ui, queue);
        if !recent.is_empty() {
            ui.add_space(t.space.l + t.space.s);
            ui.label(RichText::new("Recent").size(t.size.small).color(image.quiet));
            ui.add_space(t.space.xs);
            for Recent { path, missing } in recent {
                let text = RichText::new(shortened(path)).color(if *missing { image.quiet } else { image.text });
                let response = ui.add(Button::new(text).frame_when_inactive(false).fill(egui::Color32::TRANSPARENT));
                let place = path.display();
                let hint = if *missing { format!("{place}\nNot there any more") } else { place.to_string() };
                if response.on_hover_text(hint).clicked() {
                    chosen = Some(path.clone());
                }
            }
        }
    });
    ui.advance_cursor_after_rect(area);
    chosen
}

/// The other tours, quieter than the demo.
fn tours(ui: &mut Ui, queue: &mut Vec<Action>) {
    let t = tokens(ui.ctx());
    let image = theme::over_image();
    let others = (1..shipped::ALL.len() as u8).map(Action::StartTour).chain([Action::OpenTour]);
    ui.allocate_ui_with_layout(vec2(ui.available_width(), 24.0), Layout::left_to_right(Align::Center), |ui| {
        ui.spacing_mut().item_spacing.x = t.space.s;
        let width = 3.0 * 132.0 + 2.0 * t.space.s;
        ui.add_space((ui.available_width() - width).max(0.0) / 2.0);
        ui.label(RichText::new("Tours").size(t.size.small).color(image.quiet));
        for action in others {
            let text = RichText::new(action.text()).color(image.text);
            let button = Button::new((icon(action.icon()).size(14.0).color(image.quiet), text));
            let response = ui.add(button.frame_when_inactive(false).fill(egui::Color32::TRANSPARENT));
            named(&response, &action.text(), None);
            if response.on_hover_text(action.hint()).clicked() {
                queue.push(action);
            }
        }
    });
}

/// The last two parts of a path.
fn shortened(path: &Path) -> String {
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    match path.parent().and_then(Path::file_name) {
        Some(parent) => format!("{} / {name}", parent.to_string_lossy()),
        None => name,
    }
}
