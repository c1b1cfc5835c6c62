//! The field that panels filter by: a glass on the left, a button that empties it on the right.

use eframe::egui::{Align, Align2, Layout, Response, TextEdit, Ui, UiBuilder, vec2};
use lucide_icons::Icon;

use crate::app::ui_kit::theme::tokens;
use crate::app::ui_kit::widgets;

/// Draws the field over the width that is left; `name` is what it is called, `hint` stands in it while it is empty.
pub(crate) fn search_field(ui: &mut Ui, query: &mut String, name: &str, hint: &str) -> Response {
    let t = tokens(ui.ctx());
    let response = TextEdit::singleline(query)
        .hint_text(hint.to_owned())
        .prefix(widgets::icon(Icon::Search).size(t.size.body).color(t.quiet))
        .desired_width(ui.available_width())
        .min_size(vec2(0.0, 24.0))
        .align(Align2::LEFT_CENTER)
        .show(ui)
        .response
        .response
        .clone()
        .accessible_name(name);
    if !query.is_empty() {
        let layout = Layout::right_to_left(Align::Center);
        let mut end = ui.new_child(UiBuilder::new().max_rect(response.rect.shrink2(vec2(2.0, 0.0))).layout(layout));
        if widgets::icon_button(&mut end, Icon::X, "Empty the search", false).clicked() {
            query.clear();
            response.request_focus();
        }
    }
    response
}
