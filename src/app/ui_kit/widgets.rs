//! Widgets that panels share.

use eframe::egui::{
    self, Align, Button, Color32, CornerRadius, FontId, Layout, Margin, Response, RichText, Sense, Stroke, Ui,
    WidgetInfo, vec2,
};
use lucide_icons::Icon;

use super::theme::{self, tokens};
use crate::app::action::Action;
use crate::app::keymap;

/// An icon as text, in the size of the tokens.
pub(crate) fn icon(icon: Icon) -> RichText {
    RichText::new(icon.unicode()).family(theme::icon_family()).size(theme::size().icon)
}

/// The name of an action with its key, as a tooltip shows it.
pub(crate) fn tooltip(ctx: &egui::Context, action: Action) -> String {
    let name = action.text();
    let name = name.trim_end_matches('…');
    let key = keymap::key(ctx, action).map(|s| format!("  ({})", keymap::words(ctx, &s))).unwrap_or_default();
    format!("{name}{key}\n{}", action.hint())
}

/// A button that does an action. True when pressed.
pub(crate) fn action_button(ui: &mut Ui, action: Action, chosen: bool, with_text: bool) -> bool {
    let t = tokens(ui.ctx());
    let tint = if chosen { t.accent } else { t.text };
    let picture = icon(action.icon()).color(tint);
    let text = RichText::new(action.text().trim_end_matches('…')).color(tint);
    let button = if with_text { Button::new((picture, text)) } else { Button::new(picture).min_size(vec2(28.0, 28.0)) };
    let response = ui.add(button.selected(chosen).frame_when_inactive(false));
    named(&response, &action.text(), Some(chosen));
    response.on_hover_text(tooltip(ui.ctx(), action)).clicked()
}

/// A small button with an icon alone; `name` is its tooltip and what it is called.
pub(crate) fn icon_button(ui: &mut Ui, picture: Icon, name: &str, chosen: bool) -> Response {
    let t = tokens(ui.ctx());
    let tint = if chosen { t.text } else { t.quiet };
    let response =
        ui.add(Button::new(icon(picture).size(14.0).color(tint)).min_size(vec2(22.0, 22.0)).frame_when_inactive(false));
    named(&response, name, Some(chosen));
    response.on_hover_text(name)
}

/// Gives a control the name that a screen reader says and that tests look for.
pub(crate) fn named(response: &Response, name: &str, chosen: Option<bool>) {
    response.widget_info(|| match chosen {
        Some(chosen) => WidgetInfo::selected(egui::accesskit::Role::Button, response.enabled(), chosen, name),
        None => WidgetInfo::labeled(egui::accesskit::Role::Button, response.enabled(), name),
    });
}

/// The title of a panel, with buttons at its right end.
pub(crate) fn panel_title(ui: &mut Ui, title: &str, buttons: impl FnOnce(&mut Ui)) {
    let t = tokens(ui.ctx());
    ui.horizontal(|ui| {
        ui.label(RichText::new(title).size(t.size.body).family(theme::bold_family()).color(t.text));
        ui.with_layout(Layout::right_to_left(Align::Center), buttons);
    });
    ui.add_space(t.space.xs);
}

/// Quiet text in the small size.
pub(crate) fn quiet(ui: &mut Ui, text: impl Into<String>) -> Response {
    let t = tokens(ui.ctx());
    ui.add(egui::Label::new(RichText::new(text).size(t.size.small).color(t.quiet)).truncate())
}

/// Something that a person should know: a sign, words and a colour.
pub(crate) fn notice(ui: &mut Ui, text: &str) {
    let t = tokens(ui.ctx());
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = t.space.xs;
        ui.label(icon(Icon::TriangleAlert).size(12.0).color(t.uncertain));
        ui.add(egui::Label::new(RichText::new(text).size(t.size.small).color(t.uncertain)).wrap());
    });
}

/// The mark of artificial content: magenta, and the word.
pub(crate) fn synthetic_badge(ui: &mut Ui) {
    let t = tokens(ui.ctx());
    word_badge(ui, "SYNTHETIC", t.synthetic).on_hover_text("Some or all of this content was made artificially");
}

/// A word in a frame of its colour.
pub(crate) fn word_badge(ui: &mut Ui, word: &str, color: Color32) -> Response {
    let font = FontId::new(9.5, theme::bold_family());
    let galley = ui.painter().layout_no_wrap(word.to_owned(), font, color);
    let (rect, response) = ui.allocate_exact_size(galley.size() + vec2(8.0, 3.0), Sense::hover());
    let radius = CornerRadius::same(3);
    ui.painter().rect_stroke(rect, radius, Stroke::new(1.0, color), egui::StrokeKind::Inside);
    ui.painter().galley(rect.center() - galley.size() / 2.0, galley, color);
    response.widget_info(|| WidgetInfo::labeled(egui::accesskit::Role::Label, true, word));
    response
}

/// A raised card.
pub(crate) fn card<R>(ui: &mut Ui, chosen: bool, content: impl FnOnce(&mut Ui) -> R) -> egui::InnerResponse<R> {
    let t = tokens(ui.ctx());
    egui::Frame::new()
        .fill(t.raised)
        .stroke(Stroke::new(1.0, if chosen { t.accent } else { Color32::TRANSPARENT }))
        .corner_radius(CornerRadius::same(t.size.radius))
        .inner_margin(Margin::same(t.space.s as i8))
        .show(ui, content)
}

/// A label on the left, a control filling the rest of the row.
pub(crate) fn row<R>(ui: &mut Ui, label: &str, content: impl FnOnce(&mut Ui) -> R) -> R {
    let t = tokens(ui.ctx());
    ui.horizontal(|ui| {
        // Where there is little room, most of it is the control's.
        let column = if ui.available_width() < 360.0 { 56.0 } else { 72.0 };
        let (rect, _) = ui.allocate_exact_size(vec2(column, 20.0), Sense::hover());
        let text = RichText::new(label).size(t.size.small).color(t.quiet);
        // In a child of its own: a label that is put into the row would pull the control towards itself, and the controls of
        // several rows would stand in no line.
        let builder = egui::UiBuilder::new().max_rect(rect).layout(Layout::left_to_right(Align::Center));
        ui.new_child(builder).add(egui::Label::new(text).truncate());
        content(ui)
    })
    .inner
}

/// Gives a text field a name and says what it holds.
pub(crate) fn text_name(response: &egui::Response, name: &str, text: &str) {
    response.widget_info(|| {
        let mut info = WidgetInfo::labeled(egui::accesskit::Role::TextInput, true, name);
        info.current_text_value = Some(text.to_owned());
        info
    });
}
