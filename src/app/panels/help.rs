//! The map of keys and mouse, with search.

use eframe::egui::{
    self, Align2, Context, CornerRadius, FontId, Rect, RichText, ScrollArea, Sense, Stroke, StrokeKind, Ui, pos2, vec2,
};

use super::dialogs::room_for_window;
use super::search_field::search_field;
use crate::app::ui_kit::theme::{self, Tokens, tokens};

/// One key or mouse gesture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HelpRow {
    /// The heading that it stands under: `Mouse`, `Slices` …
    pub group: String,
    /// Keys of one gesture are joined by `+`, alternatives parted by ` / `: `Ctrl+P`, `Up / Down`.
    pub keys: String,
    /// What it does.
    pub text: String,
}

/// What the window remembers between frames.
#[derive(Debug, Clone, Default)]
pub(crate) struct HelpWindow {
    query: String,
}

const ROW: f32 = 24.0;
const HEADING: f32 = 32.0;

impl HelpWindow {
    /// Draws the window while `open` is true; the person can close it.
    pub fn ui(&mut self, ctx: &Context, open: &mut bool, rows: &[HelpRow]) {
        egui::Window::new("Keys and mouse")
            .open(open)
            .collapsible(false)
            .default_size(vec2(720.0, 520.0).min(room_for_window(ctx)))
            .max_size(room_for_window(ctx))
            .min_width(420.0)
            .pivot(Align2::CENTER_CENTER)
            .default_pos(ctx.content_rect().center())
            .show(ctx, |ui| self.content(ui, rows));
    }

    /// The window's content alone.
    pub fn content(&mut self, ui: &mut Ui, rows: &[HelpRow]) {
        let t = tokens(ui.ctx());
        search_field(ui, &mut self.query, "Search keys", "Part of a key or of what it does");
        ui.add_space(t.space.s);
        let groups = grouped(rows, &self.query);
        if groups.is_empty() {
            ui.label(RichText::new(format!("No key for “{}”", self.query.trim())).color(t.quiet));
            return;
        }
        let height = |g: &(&str, Vec<&HelpRow>)| HEADING + ROW * g.1.len() as f32;
        let split = split_at(&groups.iter().map(height).collect::<Vec<_>>());
        ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
            ui.columns(2, |columns| {
                let (left, right) = groups.split_at(split);
                for (column, groups) in columns.iter_mut().zip([left, right]) {
                    column.spacing_mut().item_spacing.y = 0.0;
                    for (name, rows) in groups {
                        group(column, name, rows, t);
                    }
                }
            });
        });
    }
}

/// Groups in the order of their first rows, only with what matches.
fn grouped<'a>(rows: &'a [HelpRow], query: &str) -> Vec<(&'a str, Vec<&'a HelpRow>)> {
    let words: Vec<String> = query.to_lowercase().split_whitespace().map(str::to_owned).collect();
    let mut groups: Vec<(&str, Vec<&HelpRow>)> = Vec::new();
    for row in rows {
        let text = format!("{} {} {}", row.group, row.keys, row.text).to_lowercase();
        if !words.iter().all(|word| text.contains(word)) {
            continue;
        }
        match groups.iter_mut().find(|(name, _)| *name == row.group) {
            Some((_, rows)) => rows.push(row),
            None => groups.push((&row.group, vec![row])),
        }
    }
    groups
}

/// After how many groups the second column begins so that the higher one is as low as can be.
fn split_at(heights: &[f32]) -> usize {
    let all: f32 = heights.iter().sum();
    let higher = |n: usize| {
        let left: f32 = heights.iter().take(n).sum();
        left.max(all - left)
    };
    (1..=heights.len()).min_by(|a, b| higher(*a).total_cmp(&higher(*b))).unwrap_or(0)
}

fn group(ui: &mut Ui, name: &str, rows: &[&HelpRow], t: &Tokens) {
    let (rect, heading) = ui.allocate_exact_size(vec2(ui.available_width(), HEADING), Sense::hover());
    let font = FontId::new(t.size.body, theme::bold_family());
    ui.painter().text(pos2(rect.left(), rect.bottom() - t.space.xs), Align2::LEFT_BOTTOM, name, font, t.text);
    heading.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Heading, true, name));
    for row in rows {
        let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::hover());
        let name = format!("{}, {}", row.text, row.keys);
        response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Label, true, &name));
        let caps_width = key_caps(ui, rect.left_center(), &row.keys, t);
        let keys_width = (rect.width() * 0.38).min(132.0).max(caps_width + t.space.xs);
        let mut job =
            egui::text::LayoutJob::simple_singleline(row.text.clone(), FontId::proportional(t.size.body), t.text);
        job.wrap.max_width = (rect.width() - keys_width - t.space.l).max(0.0);
        job.wrap.max_rows = 1;
        let galley = ui.painter().layout_job(job);
        if galley.elided {
            response.on_hover_text(&row.text);
        }
        ui.painter().galley(pos2(rect.left() + keys_width, rect.center().y - galley.size().y / 2.0), galley, t.text);
    }
}

/// Keys as caps: `+` joins the keys of one gesture, ` / ` parts alternatives. Gives the width that it took.
pub(crate) fn key_caps(ui: &Ui, left_center: egui::Pos2, keys: &str, t: &Tokens) -> f32 {
    let font = FontId::proportional(t.size.small);
    let mut x = left_center.x;
    for (i, gesture) in keys.split(" / ").enumerate() {
        if i > 0 {
            let slash = ui.painter().layout_no_wrap("/".into(), font.clone(), t.quiet);
            let width = slash.size().x;
            ui.painter().galley(pos2(x, left_center.y - slash.size().y / 2.0), slash, t.quiet);
            x += width + t.space.xs;
        }
        // `Ctrl++` is Ctrl and the plus key.
        let parts = gesture.strip_suffix("++").map_or_else(
            || gesture.split('+').map(str::to_owned).collect::<Vec<_>>(),
            |rest| rest.split('+').map(str::to_owned).chain(["+".to_owned()]).collect(),
        );
        for key in parts.iter().filter(|k| !k.is_empty()) {
            let text = ui.painter().layout_no_wrap(key.clone(), font.clone(), t.text);
            let width = (text.size().x + t.space.s).max(20.0);
            let cap = Rect::from_min_size(pos2(x, left_center.y - 9.0), vec2(width, 18.0));
            ui.painter().rect(
                cap,
                CornerRadius::same(t.size.radius),
                t.field,
                Stroke::new(1.0, t.line),
                StrokeKind::Inside,
            );
            ui.painter().galley(cap.center() - text.size() / 2.0, text, t.text);
            x = cap.right() + t.space.xs;
        }
    }
    x - left_center.x
}

#[cfg(test)]
mod tests {
    use eframe::egui::Theme;
    use egui_kittest::kittest::Queryable as _;

    use super::*;
    use crate::app::test_window::{harness, picture};

    fn rows() -> Vec<HelpRow> {
        [
            ("Mouse", "Left drag", "Active tool"),
            ("Mouse", "Middle drag", "Pan"),
            ("Mouse", "Right drag", "Zoom"),
            ("Mouse", "Wheel", "Scroll slices"),
            ("Mouse", "Ctrl+Wheel", "Zoom"),
            ("Mouse", "Shift+Wheel", "Five slices"),
            ("Mouse", "Double-click", "Maximise the viewport"),
            ("Tools", "W", "Window"),
            ("Tools", "T", "Pan"),
            ("Tools", "Z", "Zoom"),
            ("Tools", "S", "Scroll"),
            ("Tools", "H", "Crosshair"),
            ("Slices", "Up / Down", "One slice"),
            ("Slices", "Shift+Up / Shift+Down", "Ten slices"),
            ("Slices", "Home / End", "First or last slice"),
            ("Window", "1 / 9", "Presets"),
            ("Window", "0", "Automatic"),
            ("Window", "I", "Invert"),
            ("Program", "Ctrl+P", "All commands"),
            ("Program", "Ctrl+O", "Open files"),
            ("Program", "F11", "Full screen"),
        ]
        .map(|(group, keys, text)| HelpRow { group: group.into(), keys: keys.into(), text: text.into() })
        .to_vec()
    }

    #[test]
    fn search_keeps_the_rows_that_match() {
        let rows = rows();
        let mut h = harness(vec2(800.0, 600.0), Theme::Dark, (HelpWindow::default(), true), move |ui, s| {
            s.0.ui(ui.ctx(), &mut s.1, &rows);
        });
        h.run();
        picture(&mut h, "help");
        h.get_by_label("Search keys").focus();
        h.run();
        h.get_by_label("Search keys").type_text("slice");
        h.run();
        h.get_by_label("Ten slices, Shift+Up / Shift+Down");
        assert!(h.query_by_label("Invert, I").is_none());
        h.get_by_label("Search keys").type_text("zzz");
        h.run();
        h.get_by_label("No key for “slicezzz”");
    }

    #[test]
    fn columns_are_balanced_and_keep_the_order() {
        assert_eq!(split_at(&[3.0, 1.0, 1.0, 1.0]), 1);
        assert_eq!(split_at(&[1.0, 1.0, 4.0]), 2);
        assert_eq!(split_at(&[1.0]), 1);
        assert_eq!(split_at(&[]), 0);
    }
}
