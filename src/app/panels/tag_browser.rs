//! All attributes of a file, with search. Rows are drawn only where they are seen, so that tens of thousands cost nothing.

use std::sync::Arc;

use eframe::egui::accesskit::Role;
use eframe::egui::{
    self, Align, DragValue, Key, Label, Layout, Modifiers, RichText, Sense, TextStyle, Ui, WidgetInfo, vec2,
};
use egui_extras::{Column, TableBuilder};
use lucide_icons::Icon;

use super::search_field::search_field;
use crate::app::ui_kit::theme::tokens;
use crate::app::ui_kit::widgets;
use crate::io::study::Attribute;

/// What the browser shows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TagInput<'a> {
    /// Which file or series, as the person knows it.
    pub title: &'a str,
    /// What it holds; `None` while nothing is open or it is still read.
    pub attributes: Option<&'a Arc<Vec<Attribute>>>,
    /// Why there are none, if reading failed; else empty.
    pub error: &'a str,
    /// The slice whose file is shown, from 0.
    pub slice: usize,
    /// How many slices there are; 0 while nothing is open.
    pub slices: usize,
    /// Whether names and what identifies the patient are blanked.
    pub hide_patient: bool,
}

/// What the browser remembers between frames.
#[derive(Debug, Default)]
pub(crate) struct TagBrowser {
    query: String,
    selected: Option<usize>,
    /// The chosen row changed by a key and must come into sight.
    walked: bool,
    shown: Option<Shown>,
}

/// The rows that match, kept until the question changes.
#[derive(Debug)]
struct Shown {
    attributes: Arc<Vec<Attribute>>,
    query: String,
    hide_patient: bool,
    /// Whether the value of each attribute is blanked.
    hidden: Vec<bool>,
    /// Indices of attributes, and whether each matches itself or only holds one that does.
    rows: Vec<(usize, bool)>,
    matches: usize,
}

const ROW: f32 = 22.0;
/// What stands for a value that is not shown.
const HIDDEN: &str = "Hidden";

impl TagBrowser {
    /// Draws the browser over all the room that is left; gives the slice (from 0) that the person asked for.
    pub fn ui(&mut self, ui: &mut Ui, input: TagInput<'_>) -> Option<usize> {
        let t = tokens(ui.ctx());
        let Some(attributes) = input.attributes else {
            self.shown = None;
            empty(ui, input);
            return None;
        };
        let slice = self.top_row(ui, input, attributes.len());
        ui.add_space(t.space.xs);
        let field = search_field(ui, &mut self.query, "Search attributes", "Tag, name or value");
        self.refresh(attributes, input.hide_patient);
        if field.has_focus() {
            self.walk(ui);
        }
        ui.add_space(t.space.xs);
        let copy = ui.input_mut(|i| {
            let asked = i.events.contains(&egui::Event::Copy);
            asked && !field.has_focus()
        });
        if copy && let Some(text) = self.row_text() {
            ui.ctx().copy_text(text);
        }
        self.table(ui, attributes);
        slice
    }

    fn top_row(&mut self, ui: &mut Ui, input: TagInput<'_>, all: usize) -> Option<usize> {
        let t = tokens(ui.ctx());
        let mut asked = None;
        ui.horizontal(|ui| {
            if input.slices > 1 {
                let label = ui.label(RichText::new("Slice").color(t.quiet));
                let mut number = input.slice + 1;
                let step = |ui: &mut Ui, picture, name, able| {
                    ui.add_enabled_ui(able, |ui| widgets::icon_button(ui, picture, name, false).clicked()).inner
                };
                if step(ui, Icon::ChevronLeft, "Attributes of the previous slice", input.slice > 0) {
                    asked = Some(input.slice - 1);
                }
                let spinner = DragValue::new(&mut number).range(1..=input.slices).speed(0.2).min_size(vec2(48.0, 24.0));
                let response = ui.add(spinner).labelled_by(label.id).on_hover_text("Which slice's file is shown");
                if response.changed() && number != input.slice + 1 {
                    asked = Some(number - 1);
                }
                if step(ui, Icon::ChevronRight, "Attributes of the next slice", number < input.slices) {
                    asked = Some(input.slice + 1);
                }
                ui.label(RichText::new(format!("of {}", input.slices)).color(t.quiet));
                ui.add_space(t.space.s);
            }
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if widgets::icon_button(ui, Icon::ClipboardList, "Copy all rows", false).clicked()
                    && let Some(text) = self.all_text()
                {
                    ui.ctx().copy_text(text);
                }
                let row = ui.add_enabled_ui(self.selected.is_some(), |ui| {
                    widgets::icon_button(ui, Icon::Copy, "Copy row  (Ctrl+C)", false)
                        .on_disabled_hover_text("Choose a row first")
                        .clicked()
                });
                if row.inner
                    && let Some(text) = self.row_text()
                {
                    ui.ctx().copy_text(text);
                }
                let count = match &self.shown {
                    Some(s) if !s.query.trim().is_empty() => format!("{} of {all}", s.matches),
                    _ => format!("{all} attributes"),
                };
                ui.label(RichText::new(count).size(t.size.small).color(t.quiet));
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    ui.add(Label::new(RichText::new(input.title).color(t.text)).truncate());
                });
            });
        });
        asked
    }

    /// Up and Down move the chosen row while one types.
    fn walk(&mut self, ui: &Ui) {
        let Some(shown) = &self.shown else { return };
        let step = ui.input_mut(|i| {
            i64::from(i.consume_key(Modifiers::NONE, Key::ArrowDown))
                - i64::from(i.consume_key(Modifiers::NONE, Key::ArrowUp))
        });
        if step == 0 || shown.rows.is_empty() {
            return;
        }
        let at = self.selected.and_then(|s| shown.rows.iter().position(|(i, _)| *i == s));
        let next = at.map_or(0, |at| at.saturating_add_signed(step as isize).min(shown.rows.len() - 1));
        self.selected = shown.rows.get(next).map(|(i, _)| *i);
        self.walked = true;
    }

    fn refresh(&mut self, attributes: &Arc<Vec<Attribute>>, hide_patient: bool) {
        let fresh = self.shown.as_ref().is_some_and(|s| {
            Arc::ptr_eq(&s.attributes, attributes) && s.query == self.query && s.hide_patient == hide_patient
        });
        if fresh {
            return;
        }
        if self.shown.as_ref().is_some_and(|s| !Arc::ptr_eq(&s.attributes, attributes)) {
            // The same attribute of the next slice stays chosen, so that one can watch it change.
            let same = self.selected.and_then(|i| self.shown.as_ref()?.attributes.get(i)).and_then(|old| {
                attributes.iter().position(|a| a.tag == old.tag && a.depth == old.depth && a.name == old.name)
            });
            self.selected = same;
        }
        let hidden = hidden(attributes, hide_patient);
        let question = Question::new(&self.query);
        let mut rows = Vec::new();
        let mut matches = 0;
        // Rows on the way down to the current one that were not yet taken.
        let mut above: Vec<usize> = Vec::new();
        for (index, attribute) in attributes.iter().enumerate() {
            above.retain(|i| attributes.get(*i).is_some_and(|a| a.depth < attribute.depth));
            if question.matches(attribute, hidden.get(index).copied().unwrap_or(false)) {
                rows.extend(above.drain(..).map(|i| (i, false)));
                rows.push((index, true));
                matches += 1;
            } else {
                above.push(index);
            }
        }
        self.shown = Some(Shown {
            attributes: attributes.clone(),
            query: self.query.clone(),
            hide_patient,
            hidden,
            rows,
            matches,
        });
    }

    fn table(&mut self, ui: &mut Ui, attributes: &[Attribute]) {
        let t = tokens(ui.ctx());
        let Some(shown) = &self.shown else { return };
        if shown.rows.is_empty() {
            widgets::quiet(ui, format!("No attribute with “{}”", self.query.trim()));
            return;
        }
        ui.spacing_mut().item_spacing.x = t.space.l;
        ui.visuals_mut().widgets.noninteractive.bg_stroke.color = t.field;
        let mono = TextStyle::Monospace.resolve(ui.style());
        let mut chosen = None;
        let mut copy = None;
        let mut table = TableBuilder::new(ui)
            .striped(false)
            .resizable(true)
            .sense(Sense::click())
            .cell_layout(Layout::left_to_right(Align::Center))
            .column(Column::initial(132.0).at_least(96.0).clip(true))
            .column(Column::initial(240.0).at_least(80.0).clip(true))
            .column(Column::exact(36.0))
            .column(Column::remainder().at_least(80.0).clip(true))
            .auto_shrink([false, false]);
        let walked = if self.walked { self.selected } else { None };
        self.walked = false;
        if let Some(row) = walked.and_then(|s| shown.rows.iter().position(|(i, _)| *i == s)) {
            table = table.scroll_to_row(row, None);
        }
        table
            .header(24.0, |mut header| {
                for name in ["Tag", "Name", "VR", "Value"] {
                    header.col(|ui| {
                        ui.label(RichText::new(name).size(t.size.small).color(t.quiet));
                    });
                }
            })
            .body(|body| {
                body.rows(ROW, shown.rows.len(), |mut row| {
                    let Some((index, own)) = shown.rows.get(row.index()).copied() else { return };
                    let Some(attribute) = attributes.get(index) else { return };
                    let blank = shown.hidden.get(index).copied().unwrap_or(false);
                    let text = if own { t.text } else { t.quiet };
                    let value = if blank { HIDDEN } else { attribute.value.as_str() };
                    row.set_selected(self.selected == Some(index));
                    let cell = |ui: &mut Ui, rich: RichText| {
                        ui.add(Label::new(rich).truncate().selectable(false));
                    };
                    row.col(|ui| {
                        ui.add_space(t.space.m * attribute.depth as f32);
                        cell(ui, RichText::new(&attribute.tag).font(mono.clone()).color(t.quiet));
                    });
                    row.col(|ui| cell(ui, RichText::new(&attribute.name).color(text)));
                    row.col(|ui| cell(ui, RichText::new(&attribute.vr).size(t.size.small).color(t.quiet)));
                    row.col(|ui| {
                        let rich = RichText::new(value);
                        cell(ui, if blank { rich.italics().color(t.quiet) } else { rich.color(text) });
                    });
                    let response = row.response();
                    response.widget_info(|| {
                        let name = format!("{} {} {value}", attribute.tag, attribute.name);
                        WidgetInfo::selected(Role::Row, true, self.selected == Some(index), name)
                    });
                    if response.clicked() || response.secondary_clicked() {
                        chosen = Some(index);
                    }
                    response.context_menu(|ui| {
                        for (name, text) in [
                            ("Copy value", value.to_owned()),
                            ("Copy tag", attribute.tag.clone()),
                            ("Copy row", line(attribute, blank)),
                        ] {
                            if ui.button(name).clicked() {
                                copy = Some(text);
                                ui.close();
                            }
                        }
                    });
                });
            });
        if chosen.is_some() {
            self.selected = chosen;
        }
        if let Some(text) = copy {
            ui.ctx().copy_text(text);
        }
    }

    fn row_text(&self) -> Option<String> {
        let shown = self.shown.as_ref()?;
        let index = self.selected?;
        Some(line(shown.attributes.get(index)?, shown.hidden.get(index).copied().unwrap_or(false)))
    }

    /// The rows on show, parted by tabs; what is hidden stays hidden.
    fn all_text(&self) -> Option<String> {
        let shown = self.shown.as_ref()?;
        let rows = shown.rows.iter().filter_map(|(index, _)| {
            let attribute = shown.attributes.get(*index)?;
            let indent = "  ".repeat(attribute.depth);
            Some(format!("{indent}{}", line(attribute, shown.hidden.get(*index).copied().unwrap_or(false))))
        });
        Some(rows.collect::<Vec<_>>().join("\n"))
    }
}

fn line(attribute: &Attribute, hidden: bool) -> String {
    let value = if hidden { HIDDEN } else { &attribute.value };
    format!("{}\t{}\t{}\t{value}", attribute.tag, attribute.name, attribute.vr)
}

fn empty(ui: &mut Ui, input: TagInput<'_>) {
    let t = tokens(ui.ctx());
    ui.vertical_centered(|ui| {
        ui.add_space((ui.available_height() / 2.0 - 32.0).max(t.space.l));
        if !input.error.is_empty() {
            ui.label(widgets::icon(Icon::TriangleAlert).color(t.error));
            ui.label(RichText::new(input.error).color(t.text));
        } else if input.slices > 0 {
            ui.label(RichText::new("Reading the attributes").color(t.quiet));
        } else {
            ui.label(widgets::icon(Icon::Tags).color(t.quiet));
            ui.label(RichText::new("Open a study to read its attributes").color(t.quiet));
        }
    });
}

/// Which values are blanked: patient module (group 0010) with all that it holds, every person's name, and the numbers
/// by which a hospital finds the patient.
fn hidden(attributes: &[Attribute], hide: bool) -> Vec<bool> {
    if !hide {
        return vec![false; attributes.len()];
    }
    let mut inside: Option<usize> = None;
    attributes
        .iter()
        .map(|a| {
            if inside.is_some_and(|depth| a.depth <= depth) {
                inside = None;
            }
            let digits = digits(&a.tag);
            let patient = digits.starts_with("0010") && digits.len() == 8;
            if patient && inside.is_none() {
                inside = Some(a.depth);
            }
            let numbers = matches!(digits.as_str(), "00080050" | "00380010" | "00321066" | "00400006");
            patient || inside.is_some() || a.vr == "PN" || numbers
        })
        .collect()
}

fn digits(tag: &str) -> String {
    tag.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// A search, made ready once for all rows.
struct Question {
    words: Vec<String>,
    /// The query as digits of a tag, if it can be one.
    tag: Option<String>,
}

impl Question {
    fn new(query: &str) -> Self {
        let query = query.trim().to_lowercase();
        let like_tag = !query.is_empty() && query.chars().all(|c| c.is_ascii_hexdigit() || "(), ".contains(c));
        Self { tag: like_tag.then(|| digits(&query)), words: query.split_whitespace().map(str::to_owned).collect() }
    }

    /// Whether the tag (with or without its brackets) holds the query, or name and value together hold each word.
    fn matches(&self, attribute: &Attribute, hidden: bool) -> bool {
        if self.tag.as_ref().is_some_and(|tag| !tag.is_empty() && digits(&attribute.tag).contains(tag.as_str())) {
            return true;
        }
        let name = attribute.name.to_lowercase();
        let tag = attribute.tag.to_lowercase();
        let value = if hidden { String::new() } else { attribute.value.to_lowercase() };
        self.words.iter().all(|w| name.contains(w) || value.contains(w) || tag.contains(w))
    }
}

#[cfg(test)]
#[path = "tag_browser_tests.rs"]
mod tests;
