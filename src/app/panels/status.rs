//! The status bar: what is under the pointer, what draws, what runs.

use eframe::egui::{self, Align, Button, Label, Layout, RichText, Ui};
use lucide_icons::Icon;

use crate::app::action::Action;
use crate::app::evidence;
use crate::app::state::Model;
use crate::app::tasks::Tasks;
use crate::app::ui_kit::theme::tokens;
use crate::app::ui_kit::widgets::{icon, icon_button, named};

/// Figures of the program itself.
pub(crate) struct Figures<'a> {
    pub device: &'a str,
    pub memory_mb: Option<u64>,
    pub fps: Option<f32>,
    pub messages: usize,
}

/// Narrower than this, points, the bar leaves out what draws, and then what the program takes: the values under the pointer
/// and what runs need the room.
const ROOM_FOR_DEVICE: f32 = 960.0;
const ROOM_FOR_FIGURES: f32 = 720.0;

/// Draws it.
pub(crate) fn show(ui: &mut Ui, model: &Model, tasks: &mut Tasks, figures: &Figures<'_>, queue: &mut Vec<Action>) {
    let t = tokens(ui.ctx());
    let room = ui.available_width();
    // From the right: what runs and what failed stay whole, and values under the pointer are cut where they meet it.
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        let small = |s: String| RichText::new(s).size(t.size.small);
        jobs(ui, tasks, room);
        if figures.messages > 0 {
            let text =
                if figures.messages == 1 { "1 message".into() } else { format!("{} messages", figures.messages) };
            let response = ui
                .add(Button::new((icon(Icon::ScrollText).size(12.0), small(text.clone()))).frame_when_inactive(false));
            named(&response, "Messages", None);
            if response.on_hover_text("What failed and what was passed over").clicked() {
                queue.push(Action::Log);
            }
        }
        if let Some(fps) = figures.fps.filter(|_| room >= ROOM_FOR_FIGURES) {
            ui.label(small(format!("{fps:.0} fps")).color(t.quiet));
            ui.label(small("|".into()).color(t.line));
        }
        if let Some(mb) = figures.memory_mb.filter(|_| room >= ROOM_FOR_FIGURES) {
            ui.label(small(format!("{mb} MB")).color(t.quiet)).on_hover_text("Memory of this program");
            if room >= ROOM_FOR_DEVICE {
                ui.label(small("|".into()).color(t.line));
            }
        }
        if room >= ROOM_FOR_DEVICE {
            ui.label(small(figures.device.to_owned()).color(t.quiet)).on_hover_text("What draws the images");
        }
        ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
            let (place, values) = probe(model);
            let mut all = vec![small(place).color(t.quiet)];
            for (name, value, synthetic) in values {
                all.push(small(name).color(if synthetic { t.synthetic } else { t.quiet }));
                all.push(small(value).color(t.text));
            }
            for text in all {
                // Less than this shows nothing but an ellipsis.
                if ui.available_width() > 2.0 * t.size.small {
                    ui.add(Label::new(text).truncate());
                }
            }
        });
    });
}

/// Position and values under the pointer, one a layer.
fn probe(model: &Model) -> (String, Vec<(String, String, bool)>) {
    let Some(probe) = model.probe else { return (String::new(), Vec::new()) };
    let Some(stage) = model.stages.get(&probe.series) else { return (String::new(), Vec::new()) };
    let geometry = stage.geometry();
    let place = if stage.base.content.space().is_patient() {
        let p = model.true_point(probe.series, probe.point).0;
        format!("LPS {:.1} {:.1} {:.1} mm", p.x, p.y, p.z)
    } else {
        let v = geometry.to_voxel(probe.point).0;
        format!("Pixel {:.0} {:.0}", v.x, v.y)
    };
    let mut values = Vec::new();
    let overlays = stage.overlays.iter().map(|o| &o.layer).filter(|l| model.showing().overlays && l.visible);
    for layer in std::iter::once(&stage.base).chain(overlays) {
        let value = evidence::value(&layer.content, probe.point);
        if let Some(value) = value {
            let mut name: String = layer.name.chars().take(24).collect();
            if name.len() < layer.name.len() {
                name.push('…');
            }
            values.push((name, value, layer.content.is_synthetic()));
        }
    }
    (place, values)
}

/// What runs, with progress and cancel.
fn jobs(ui: &mut Ui, tasks: &mut Tasks, room: f32) {
    let t = tokens(ui.ctx());
    let running = tasks.running();
    let Some(first) = running.first() else { return };
    let progress = first.control.progress();
    if icon_button(ui, Icon::X, &format!("Cancel {}", first.name), false).clicked() {
        first.control.cancel();
    }
    let fraction = progress.fraction().unwrap_or(0.0);
    let bar = egui::ProgressBar::new(fraction).desired_width(96.0).desired_height(8.0).fill(t.accent);
    ui.add(bar);
    let count = if progress.total > 0 { format!("  {} / {}", progress.done, progress.total) } else { String::new() };
    let more = if running.len() > 1 { format!("  and {} more", running.len() - 1) } else { String::new() };
    let text = RichText::new(format!("{}{count}{more}", first.name)).size(t.size.small).color(t.text);
    // Its width is known before it is drawn, so that long names are cut and short ones take no more than they need.
    let font = egui::FontId::proportional(t.size.small);
    let width = ui.painter().layout_no_wrap(text.text().to_owned(), font, t.text).size().x;
    let size = egui::vec2((width + 1.0).min(room * 0.4).ceil(), t.size.status - 4.0);
    ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Center), |ui| {
        ui.add(Label::new(text.clone()).truncate()).on_hover_text(text.text());
    });
}
