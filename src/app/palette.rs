//! The command palette: type a few letters of what you want, press Enter.
//!
//! The caller opens it with [`Palette::open`] and calls [`Palette::ui`] each frame with everything that can be done; the
//! chosen item's id comes back. Without a query the items chosen lately stand first.

use std::collections::VecDeque;

use eframe::egui::accesskit::Role;
use eframe::egui::text::LayoutJob;
use eframe::egui::{
    Align, Align2, Color32, Context, CornerRadius, FontFamily, FontId, Frame, Id, Key, Margin, Modal, Modifiers, Rect,
    ScrollArea, Sense, Stroke, TextEdit, TextFormat, Ui, WidgetInfo, pos2, vec2,
};
use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use super::ui_kit::theme::{self, Tokens, tokens};

/// Something that the palette offers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PaletteItem {
    /// What comes back when it is chosen.
    pub id: usize,
    /// What it is called.
    pub title: String,
    /// One sentence on what it does, or where it belongs; may be empty.
    pub detail: String,
    /// Its key, as the person reads it.
    pub shortcut: Option<String>,
    /// A letter of the icon font.
    pub icon: Option<char>,
    /// Whether it can be done now.
    pub enabled: bool,
}

/// What the palette remembers between frames.
#[derive(Debug, Default)]
pub(crate) struct Palette {
    open: bool,
    opened_now: bool,
    query: String,
    /// Row that Enter takes.
    row: usize,
    /// Titles chosen lately, newest first.
    recent: VecDeque<String>,
    matcher: Option<Matcher>,
}

const WIDTH: f32 = 560.0;
const ROW_HEIGHT: f32 = 32.0;
const ROWS: usize = 10;
const RECENT: usize = 5;

/// An item that matches, with the letters of its title that did.
struct Hit {
    item: usize,
    letters: Vec<u32>,
    recent: bool,
}

impl Palette {
    /// Opens it with an empty query.
    pub fn open(&mut self) {
        self.open = true;
        self.opened_now = true;
        self.query.clear();
        self.row = 0;
    }

    /// Whether it is on show.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Titles chosen lately, newest first; to be kept over a restart.
    pub fn recent(&self) -> Vec<String> {
        self.recent.iter().cloned().collect()
    }

    /// Takes up what [`Palette::recent`] gave.
    pub fn set_recent(&mut self, titles: impl IntoIterator<Item = String>) {
        self.recent = titles.into_iter().take(RECENT).collect();
    }

    /// Draws it over the window if it is open; gives the id of the item that was chosen.
    pub fn ui(&mut self, ctx: &Context, items: &[PaletteItem]) -> Option<usize> {
        if !self.open {
            return None;
        }
        let t = tokens(ctx);
        let width = WIDTH.min(ctx.content_rect().width() - 2.0 * t.space.l);
        let top = (ctx.content_rect().height() * 0.12).min(96.0);
        let id = Id::unique("command palette");
        let area = Modal::default_area(id).anchor(Align2::CENTER_TOP, vec2(0.0, top));
        let frame = Frame::popup(&ctx.global_style()).inner_margin(Margin::ZERO);
        let mut chosen = None;
        let modal = Modal::new(id).area(area).frame(frame).show(ctx, |ui| {
            ui.set_width(width);
            ui.spacing_mut().item_spacing.y = 0.0;
            chosen = self.content(ui, items, t);
        });
        if modal.should_close() || chosen.is_some() {
            self.open = false;
        }
        let item = items.get(chosen?)?;
        self.recent.retain(|title| *title != item.title);
        self.recent.push_front(item.title.clone());
        self.recent.truncate(RECENT);
        Some(item.id)
    }

    fn content(&mut self, ui: &mut Ui, items: &[PaletteItem], t: &Tokens) -> Option<usize> {
        let (up, down, page_up, page_down, enter) = ui.input_mut(|i| {
            let mut key = |k| i.consume_key(Modifiers::NONE, k);
            (key(Key::ArrowUp), key(Key::ArrowDown), key(Key::PageUp), key(Key::PageDown), key(Key::Enter))
        });
        let before = self.query.clone();
        Frame::new().inner_margin(Margin::symmetric(t.space.l as i8, t.space.m as i8)).show(ui, |ui| {
            let field = TextEdit::singleline(&mut self.query)
                .hint_text("Find a command, a series or a preset")
                .font(FontId::proportional(t.size.title))
                .frame(Frame::NONE)
                .desired_width(f32::INFINITY)
                .show(ui)
                .response
                .response
                .clone()
                .accessible_name("Find a command");
            // Wherever one clicks, letters go on to be the query.
            if !field.has_focus() {
                field.request_focus();
            }
        });
        line(ui, t);

        let hits = self.hits(items);
        if self.query != before {
            self.row = 0;
        }
        let last = hits.len().saturating_sub(1);
        let old = self.row;
        if !hits.is_empty() {
            self.row = match (up, down) {
                (true, _) if self.row == 0 => last,
                (true, _) => self.row - 1,
                (_, true) if self.row >= last => 0,
                (_, true) => self.row + 1,
                _ => self.row.min(last),
            };
            if page_up {
                self.row = self.row.saturating_sub(ROWS);
            }
            if page_down {
                self.row = (self.row + ROWS).min(last);
            }
        }
        let moved = self.row != old || self.query != before || self.opened_now;
        self.opened_now = false;

        let mut chosen = self.rows(ui, items, &hits, moved, t);
        if enter {
            chosen = hits.get(self.row).map(|h| h.item);
        }
        line(ui, t);
        Frame::new().inner_margin(Margin::symmetric(t.space.l as i8, t.space.s as i8)).show(ui, |ui| {
            ui.horizontal(|ui| {
                let text = eframe::egui::RichText::new("Up and Down choose   Enter runs   Esc closes");
                ui.label(text.size(t.size.small).color(t.quiet));
            });
        });
        chosen.filter(|i| items.get(*i).is_some_and(|item| item.enabled))
    }

    fn rows(&mut self, ui: &mut Ui, items: &[PaletteItem], hits: &[Hit], moved: bool, t: &Tokens) -> Option<usize> {
        if hits.is_empty() {
            Frame::new().inner_margin(Margin::same(t.space.l as i8)).show(ui, |ui| {
                let text = format!("Nothing is called “{}”", self.query.trim());
                ui.label(eframe::egui::RichText::new(text).color(t.quiet));
            });
            return None;
        }
        let mut chosen = None;
        let pointer_moved = ui.input(|i| i.pointer.delta() != eframe::egui::Vec2::ZERO);
        ScrollArea::vertical()
            .id_salt("palette rows")
            .max_height(ROW_HEIGHT * ROWS as f32 + 2.0 * t.space.xs)
            .auto_shrink([false, true])
            .show(ui, |ui| {
                ui.add_space(t.space.xs);
                for (row, hit) in hits.iter().enumerate() {
                    let Some(item) = items.get(hit.item) else { continue };
                    let (rect, response) =
                        ui.allocate_exact_size(vec2(ui.available_width(), ROW_HEIGHT), Sense::click());
                    if moved && row == self.row {
                        ui.scroll_to_rect(rect, None);
                    }
                    if !ui.is_rect_visible(rect) {
                        continue;
                    }
                    response.widget_info(|| {
                        WidgetInfo::selected(Role::ListBoxOption, item.enabled, row == self.row, &item.title)
                    });
                    if response.hovered() && pointer_moved {
                        self.row = row;
                    }
                    paint_row(ui, rect, item, hit, row == self.row, t);
                    let parts = [&item.detail, item.shortcut.as_deref().unwrap_or_default()];
                    let hint = parts.into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join("\n");
                    if response.clicked() {
                        chosen = Some(hit.item);
                    }
                    if !hint.is_empty() {
                        response.on_hover_text(hint);
                    }
                }
                ui.add_space(t.space.xs);
            });
        chosen
    }

    /// What matches, best first: letters in the title count double against letters in the detail.
    fn hits(&mut self, items: &[PaletteItem]) -> Vec<Hit> {
        let query = self.query.trim();
        if query.is_empty() {
            let lately =
                self.recent.iter().filter_map(|title| items.iter().position(|i| i.title == *title && i.enabled));
            let lately: Vec<usize> = lately.collect();
            let rest = (0..items.len()).filter(|i| !lately.contains(i));
            let hit = |recent| move |item| Hit { item, letters: Vec::new(), recent };
            return lately.iter().copied().map(hit(true)).chain(rest.map(hit(false))).collect();
        }
        let matcher = self.matcher.get_or_insert_with(|| Matcher::new(Config::DEFAULT));
        let pattern = Pattern::parse(query, CaseMatching::Ignore, Normalization::Smart);
        let mut buffer = Vec::new();
        let mut scored: Vec<(u32, Hit)> = Vec::new();
        for (item, it) in items.iter().enumerate() {
            let mut letters = Vec::new();
            let title = pattern.indices(Utf32Str::new(&it.title, &mut buffer), matcher, &mut letters);
            let score = title.map(|s| 2 * s).or_else(|| {
                letters.clear();
                // Only whole pieces count in the long text, else nearly everything matches.
                let both = format!("{} {}", it.title, it.detail).to_lowercase();
                query.to_lowercase().split_whitespace().all(|word| both.contains(word)).then_some(1)
            });
            if let Some(score) = score {
                letters.sort_unstable();
                letters.dedup();
                let lately = self.recent.iter().any(|r| *r == it.title);
                let score = 2 * score + u32::from(lately) + if it.enabled { 1 << 16 } else { 0 };
                scored.push((score, Hit { item, letters, recent: false }));
            }
        }
        scored.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.item.cmp(&b.1.item)));
        scored.into_iter().map(|(_, hit)| hit).collect()
    }
}

fn line(ui: &mut Ui, t: &Tokens) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 1.0), Sense::hover());
    ui.painter().rect_filled(rect, CornerRadius::ZERO, t.line);
}

fn paint_row(ui: &Ui, rect: Rect, item: &PaletteItem, hit: &Hit, on: bool, t: &Tokens) {
    let painter = ui.painter();
    if on {
        let ground = rect.shrink2(vec2(t.space.xs, 0.0));
        painter.rect_filled(ground, CornerRadius::same(t.size.radius), t.accent_ground);
    }
    let (text, quiet) = if item.enabled { (t.text, t.quiet) } else { (t.disabled, t.disabled) };
    let middle = rect.center().y;
    let mut left = rect.left() + t.space.l;
    if let Some(icon) = item.icon {
        let font = FontId::new(t.size.icon, theme::icon_family());
        painter.text(pos2(left, middle), Align2::LEFT_CENTER, icon, font, quiet);
    }
    left += t.size.icon + t.space.m;
    let mut right = rect.right() - t.space.l;
    if let Some(shortcut) = &item.shortcut {
        let key = painter.layout_no_wrap(shortcut.clone(), FontId::proportional(t.size.small), quiet);
        right -= key.size().x;
        painter.galley(pos2(right, middle - key.size().y / 2.0), key, quiet);
        right -= t.space.l;
    } else if hit.recent {
        let word = painter.layout_no_wrap("Recent".into(), FontId::proportional(t.size.small), quiet);
        right -= word.size().x;
        painter.galley(pos2(right, middle - word.size().y / 2.0), word, quiet);
        right -= t.space.l;
    }
    let accent = if item.enabled { t.accent } else { t.disabled };
    let mut title = title_job(&item.title, &hit.letters, text, accent, t);
    title.wrap.max_width = (right - left).max(0.0);
    title.wrap.max_rows = 1;
    let title = painter.layout_job(title);
    let title_width = title.size().x;
    painter.galley(pos2(left, middle - title.size().y / 2.0), title, text);
    left += title_width + t.space.m;
    if right - left > 48.0 && !item.detail.is_empty() {
        let mut detail = LayoutJob::simple_singleline(item.detail.clone(), FontId::proportional(t.size.small), quiet);
        detail.wrap.max_width = right - left;
        detail.wrap.max_rows = 1;
        let detail = painter.layout_job(detail);
        painter.galley(pos2(left, middle - detail.size().y / 2.0), detail, quiet);
    }
}

/// The title with its matching letters bold and in the accent.
fn title_job(title: &str, letters: &[u32], text: Color32, accent: Color32, t: &Tokens) -> LayoutJob {
    let mut job = LayoutJob::default();
    let format = |family: FontFamily, color| TextFormat {
        font_id: FontId::new(t.size.body, family),
        color,
        valign: Align::Center,
        underline: Stroke::NONE,
        ..TextFormat::default()
    };
    for (i, letter) in title.chars().enumerate() {
        let matched = u32::try_from(i).is_ok_and(|i| letters.binary_search(&i).is_ok());
        let format =
            if matched { format(theme::bold_family(), accent) } else { format(FontFamily::Proportional, text) };
        job.append(letter.encode_utf8(&mut [0; 4]), 0.0, format);
    }
    job
}

#[cfg(test)]
mod tests {
    use eframe::egui::{Theme, vec2};
    use egui_kittest::Harness;
    use egui_kittest::kittest::Queryable as _;
    use lucide_icons::Icon;

    use super::*;
    use crate::app::test_window::{harness, picture};

    fn items() -> Vec<PaletteItem> {
        let item = |id, title: &str, detail: &str, shortcut: Option<&str>, icon: Icon| PaletteItem {
            id,
            title: title.into(),
            detail: detail.into(),
            shortcut: shortcut.map(Into::into),
            icon: Some(icon.unicode()),
            enabled: true,
        };
        let mut all = vec![
            item(10, "Open files…", "Opens DICOM, ZIP, NIfTI, NRRD or picture files", Some("Ctrl+O"), Icon::File),
            item(11, "Open folder…", "Opens a folder with DICOM files", Some("Ctrl+Shift+O"), Icon::FolderOpen),
            item(12, "Axial, coronal, sagittal, volume", "Divides the image area", None, Icon::Grid2x2),
            item(13, "Invert", "Dark becomes bright", Some("I"), Icon::Contrast),
            item(14, "Crosshair lines", "Shows or hides the crosshair", Some("Shift+H"), Icon::Crosshair),
            item(15, "T1 MPRAGE sagittal", "Series 4, MR, 176 slices", None, Icon::Layers),
            item(16, "Cancel running work", "Stops loading and models", None, Icon::X),
        ];
        all[6].enabled = false;
        all.extend((0..40).map(|i| item(100 + i, &format!("Preset number {i}"), "A window", None, Icon::Contrast)));
        all
    }

    struct Shown {
        palette: Palette,
        chosen: Option<usize>,
    }

    fn shown(theme: Theme) -> Harness<'static, Shown> {
        let items = items();
        let mut palette = Palette::default();
        palette.open();
        harness(vec2(800.0, 560.0), theme, Shown { palette, chosen: None }, move |ui, s| {
            ui.label("The window behind");
            s.chosen = s.palette.ui(ui.ctx(), &items).or(s.chosen);
        })
    }

    fn titles(palette: &mut Palette, query: &str) -> Vec<String> {
        query.clone_into(&mut palette.query);
        let items = items();
        palette.hits(&items).iter().map(|h| items[h.item].title.clone()).collect()
    }

    #[test]
    fn typing_a_few_letters_and_enter_runs_the_command() {
        let mut h = shown(Theme::Dark);
        h.run();
        h.get_by_label("Find a command").type_text("opfo");
        h.run();
        picture(&mut h, "palette_query");
        h.key_press(Key::Enter);
        h.run();
        assert_eq!(h.state().chosen, Some(11));
        assert!(!h.state().palette.is_open());
    }

    #[test]
    fn arrows_move_and_wrap_and_escape_closes() {
        let mut h = shown(Theme::Dark);
        h.run();
        picture(&mut h, "palette_empty");
        h.key_press(Key::ArrowUp);
        h.run();
        assert_eq!(h.state().palette.row, items().len() - 1);
        picture(&mut h, "palette_end");
        h.key_press(Key::ArrowDown);
        h.key_press(Key::ArrowDown);
        h.run();
        assert_eq!(h.state().palette.row, 1);
        h.key_press(Key::Escape);
        h.run();
        assert!(!h.state().palette.is_open());
        assert_eq!(h.state().chosen, None);
    }

    #[test]
    fn a_click_chooses_and_what_is_disabled_stays() {
        let mut h = shown(Theme::Light);
        h.run();
        h.get_by_label("Cancel running work").click();
        h.run();
        assert_eq!(h.state().chosen, None);
        assert!(h.state().palette.is_open());
        h.get_by_label("Invert").click();
        h.run();
        assert_eq!(h.state().chosen, Some(13));
    }

    #[test]
    fn recent_items_stand_first_without_a_query() {
        let mut p = Palette::default();
        p.set_recent(["Invert".to_owned(), "Gone".to_owned(), "Open files…".to_owned()]);
        assert_eq!(titles(&mut p, "")[..3], ["Invert", "Open files…", "Open folder…"]);
    }

    #[test]
    fn words_of_the_detail_are_found_after_titles() {
        let mut p = Palette::default();
        assert_eq!(titles(&mut p, "nifti"), ["Open files…"]);
        let sagittal = titles(&mut p, "sagittal");
        assert_eq!(sagittal.len(), 2);
        assert_eq!(titles(&mut p, "cross")[0], "Crosshair lines");
        assert!(titles(&mut p, "zzz").is_empty());
    }
}
