//! The series browser: patient, study, series with thumbnails.

use eframe::egui::{
    self, Color32, CornerRadius, Label, Rect, RichText, ScrollArea, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2,
    vec2,
};
use lucide_icons::Icon;

use crate::app::action::Action;
use crate::app::library::{Entry, Load, SeriesId};
use crate::app::state::Model;
use crate::app::ui_kit::theme::{self, tokens};
use crate::app::ui_kit::widgets::{icon, icon_button, panel_title, quiet, synthetic_badge, word_badge};

/// What the person asked of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    Show(SeriesId),
    Overlay(SeriesId),
    TimePoint(SeriesId, usize),
}

/// Draws it.
pub(crate) fn show(ui: &mut Ui, model: &mut Model, queue: &mut Vec<Action>) -> Option<Wish> {
    let t = tokens(ui.ctx());
    let mut wish = None;
    panel_title(ui, "Studies", |ui| {
        if icon_button(ui, Icon::FolderOpen, "Open folder", false).clicked() {
            queue.push(Action::OpenFolder);
        }
    });
    if model.library.is_empty() {
        quiet(ui, "Nothing is open");
        return None;
    }
    let hide = model.settings.preferences.hide_patient;
    // A patient's name, and titles of studies with their series.
    type Group = (String, Vec<(String, Vec<SeriesId>)>);
    let groups: Vec<Group> = model
        .library
        .by_patient()
        .into_iter()
        .enumerate()
        .map(|(n, (patient, studies))| {
            let name = if hide {
                format!("Patient {}", n + 1)
            } else if patient.name.is_empty() && patient.id.is_empty() {
                "No patient".to_owned()
            } else {
                [patient.name.as_str(), patient.id.as_str()]
                    .into_iter()
                    .filter(|s| !s.is_empty())
                    .collect::<Vec<_>>()
                    .join("  ")
            };
            let studies = studies
                .into_iter()
                .map(|s| {
                    let date = if hide { "" } else { s.study.date.as_str() };
                    let parts = [date, s.study.description.as_str()];
                    let title = parts.into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join("  ");
                    (title, s.series.clone())
                })
                .collect();
            (name, studies)
        })
        .collect();
    let shown: Vec<SeriesId> = model.panes.iter().filter_map(|p| p.series).collect();
    let active = model.active_series();
    ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
        for (patient, studies) in groups {
            ui.add(Label::new(RichText::new(patient).family(theme::bold_family()).color(t.text)).truncate());
            for (title, series) in studies {
                if !title.is_empty() {
                    quiet(ui, title);
                }
                ui.add_space(t.space.xs);
                for id in series {
                    if let Some(entry) = model.library.get_mut(id) {
                        let state = (shown.contains(&id), active == Some(id));
                        if let Some(asked) = row(ui, id, entry, state) {
                            wish = Some(asked);
                        }
                    }
                }
                ui.add_space(t.space.s);
            }
            ui.add_space(t.space.s);
        }
        quiet(ui, "Drop files here to open more");
    });
    wish
}

const THUMB: f32 = 64.0;

fn row(ui: &mut Ui, id: SeriesId, entry: &mut Entry, (shown, active): (bool, bool)) -> Option<Wish> {
    let t = tokens(ui.ctx());
    let mut wish = None;
    let width = ui.available_width();
    let (rect, response) = ui.allocate_exact_size(vec2(width, THUMB + 8.0), Sense::click_and_drag());
    let name = entry.series.description.clone();
    response.widget_info(|| {
        let mut info = WidgetInfo::selected(egui::accesskit::Role::Button, true, shown, format!("Series {name}"));
        info.current_text_value = Some(facts(entry));
        info
    });
    let fill = if response.hovered() || active { t.field } else { t.panel };
    let radius = CornerRadius::same(t.size.radius);
    ui.painter().rect_filled(rect, radius, fill);
    if active {
        ui.painter().rect_stroke(rect, radius, Stroke::new(1.0, t.accent), StrokeKind::Inside);
    }
    if response.has_focus() {
        ui.painter().rect_stroke(rect, radius, Stroke::new(1.0, t.text), StrokeKind::Inside);
    }
    let thumb = Rect::from_min_size(rect.min + vec2(4.0, 4.0), vec2(THUMB, THUMB));
    thumbnail(ui, entry, thumb);

    let text = Rect::from_min_max(pos2(thumb.right() + t.space.s, rect.top() + 6.0), rect.max - vec2(4.0, 4.0));
    ui.scope_builder(egui::UiBuilder::new().max_rect(text), |ui| {
        ui.spacing_mut().item_spacing.y = 2.0;
        ui.add(Label::new(RichText::new(&name).color(t.text)).truncate());
        quiet(ui, facts(entry));
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = t.space.xs;
            if entry.is_synthetic() {
                synthetic_badge(ui);
            }
            if entry.stack_reason().is_some() {
                word_badge(ui, "STACK", t.quiet).on_hover_text(entry.stack_reason().unwrap_or_default());
            }
            let warnings: Vec<_> =
                entry.series.warnings.iter().filter(|w| w.code != crate::error::WarningCode::Synthetic).collect();
            if !warnings.is_empty() {
                let all = warnings.iter().map(|w| w.message.clone()).collect::<Vec<_>>().join("\n");
                let count = if warnings.len() == 1 { "1 note".to_owned() } else { format!("{} notes", warnings.len()) };
                ui.label(icon(Icon::TriangleAlert).size(12.0).color(t.uncertain)).on_hover_text(&all);
                ui.label(RichText::new(count).size(t.size.small).color(t.uncertain)).on_hover_text(all);
            }
        });
    });
    ui.advance_cursor_after_rect(rect);
    response.dnd_set_drag_payload(id);
    if response.clicked() {
        wish = Some(Wish::Show(id));
    }
    response.context_menu(|ui| {
        if ui.button("Show").clicked() {
            wish = Some(Wish::Show(id));
            ui.close();
        }
        if ui.button("Lay over the active series").clicked() {
            wish = Some(Wish::Overlay(id));
            ui.close();
        }
    });
    if entry.series.time_points > 1 && shown {
        let mut point = entry.time_point + 1;
        let last = entry.series.time_points;
        let slider = egui::Slider::new(&mut point, 1..=last).text("Time");
        if ui.add(slider).on_hover_text("Time point of the series").changed() {
            wish = Some(Wish::TimePoint(id, point - 1));
        }
    }
    wish
}

/// The picture, filled from below while the volume loads.
fn thumbnail(ui: &Ui, entry: &mut Entry, rect: Rect) {
    let t = tokens(ui.ctx());
    let painter = ui.painter_at(rect);
    painter.rect_filled(rect, 2.0, t.image);
    if entry.texture.is_none()
        && let Some(image) = entry.thumbnail.take()
    {
        entry.texture = Some(ui.ctx().load_texture(&entry.series.description, image, egui::TextureOptions::LINEAR));
    }
    let uv = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
    match &entry.texture {
        Some(texture) => {
            painter.image(texture.id(), rect, uv, Color32::WHITE);
        }
        None => {
            let picture = if entry.series.is_image() { Icon::Scan } else { Icon::ScrollText };
            let font = egui::FontId::new(24.0, theme::icon_family());
            let color = if entry.preview_error.is_some() { t.error } else { t.disabled };
            painter.text(rect.center(), egui::Align2::CENTER_CENTER, picture.unicode(), font, color);
        }
    }
    match &entry.load {
        Load::Running(control) => {
            let fraction = control.progress().fraction().unwrap_or(0.0);
            let empty = Rect::from_min_max(rect.min, pos2(rect.right(), rect.bottom() - rect.height() * fraction));
            painter.rect_filled(empty, 0.0, Color32::from_black_alpha(150));
            let bar = Rect::from_min_size(pos2(rect.left(), rect.bottom() - 3.0), vec2(rect.width() * fraction, 3.0));
            painter.rect_filled(bar, 0.0, t.accent);
        }
        Load::Failed(_) => {
            painter.rect_stroke(rect, 2.0, Stroke::new(1.0, t.error), StrokeKind::Inside);
        }
        Load::Idle | Load::Ready(_) => {}
    }
}

/// Modality, size, spacing.
fn facts(entry: &Entry) -> String {
    let s = &entry.series;
    if let crate::io::SeriesKind::Object(what) = &s.kind {
        return what.clone();
    }
    let [nx, ny, nz] = s.size;
    let mut parts = Vec::new();
    if !s.modality.is_empty() {
        parts.push(s.modality.clone());
    }
    parts.push(if nz > 1 { format!("{nx} × {ny} × {nz}") } else { format!("{nx} × {ny}") });
    if s.time_points > 1 {
        parts.push(format!("{} times", s.time_points));
    }
    if let Some(g) = &s.geometry
        && s.space.is_patient()
    {
        parts.push(format!("{:.1} mm", g.spacing_mm()[2]));
    }
    parts.join("  ")
}
