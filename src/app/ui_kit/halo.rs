//! Text over images: light, with a dark edge, so that it reads on any grey.

use std::sync::Arc;

use eframe::egui::{Align2, Color32, FontFamily, FontId, Galley, Painter, Pos2, Rect, vec2};

use super::theme;

/// The font of corner text.
pub(crate) fn overlay_font() -> FontId {
    FontId::new(theme::size().overlay, FontFamily::Proportional)
}

/// The font of edge letters.
pub(crate) fn letter_font() -> FontId {
    FontId::new(theme::size().letter, theme::bold_family())
}

/// Draws `text` anchored at `pos` and gives the rectangle it took.
pub(crate) fn text(painter: &Painter, pos: Pos2, anchor: Align2, text: &str, font: FontId, color: Color32) -> Rect {
    let galley = painter.layout_no_wrap(text.to_owned(), font, color);
    let rect = anchor.anchor_size(pos, galley.size());
    galley_at(painter, rect.min, &galley);
    rect
}

/// Draws laid-out text with its dark edge.
pub(crate) fn galley_at(painter: &Painter, pos: Pos2, galley: &Arc<Galley>) {
    let dark = Color32::from_black_alpha(200);
    for offset in [vec2(-1.0, 0.0), vec2(1.0, 0.0), vec2(0.0, -1.0), vec2(0.0, 1.0)] {
        painter.galley_with_override_text_color(pos + offset, galley.clone(), dark);
    }
    for offset in [vec2(-1.0, -1.0), vec2(1.0, 1.0), vec2(1.0, -1.0), vec2(-1.0, 1.0)] {
        painter.galley_with_override_text_color(pos + offset, galley.clone(), Color32::from_black_alpha(110));
    }
    painter.galley(pos, galley.clone(), Color32::WHITE);
}
