//! Numbers by region.

use eframe::egui::{self, Align, Label, Layout, RichText, Sense, Ui, UiBuilder, vec2};

use crate::app::ui_kit::theme::{bold_family, tokens};
use crate::evaluate::comparing::Row;
use crate::evaluate::comparing::sheet::{number, with_unit};

/// Height of a line.
const LINE: f32 = 19.0;
/// Width of a number without a unit.
const NUMBER: f32 = 66.0;
/// Least width of the names at the left.
const NAMES: f32 = 110.0;

/// The regions of rows, each once, in their order.
pub(super) fn regions(rows: &[Row]) -> Vec<&str> {
    let mut regions: Vec<&str> = Vec::new();
    for row in rows {
        if regions.last() != Some(&row.region.as_str()) && !regions.contains(&row.region.as_str()) {
            regions.push(&row.region);
        }
    }
    regions
}

fn find<'a>(rows: &'a [Row], region: &str, measure: &str) -> Option<&'a Row> {
    rows.iter().find(|r| r.region == region && r.measure == measure)
}

/// One line a measure, one column a region; why a number is missing stands under its line.
pub(super) fn by_measure(ui: &mut Ui, rows: &[Row], regions: &[&str]) {
    if let Some(first) = regions.first() {
        ui.scope(|ui| measures(ui, rows, regions, first));
    }
}

fn measures(ui: &mut Ui, rows: &[Row], regions: &[&str], first: &str) {
    let column = 116.0;
    let names = (ui.available_width() - 12.0 - column * regions.len() as f32).max(NAMES);
    ui.spacing_mut().item_spacing = vec2(0.0, 0.0);
    line(ui, |ui| {
        cell(ui, names, "", Look::Head, false);
        for region in regions {
            cell(ui, column, region, Look::Head, true);
        }
    });
    for row in rows.iter().filter(|r| r.region == first) {
        let found: Vec<Option<&Row>> = regions.iter().map(|region| find(rows, region, row.measure)).collect();
        line(ui, |ui| {
            cell(ui, names, row.measure, Look::Quiet, false);
            for found in &found {
                match found.map(|r| (&r.value, r.unit.as_str())) {
                    Some((Ok(value), unit)) => cell(ui, column, &with_unit(&number(*value), unit), Look::Number, true),
                    Some((Err(_), _)) => cell(ui, column, "none", Look::Quiet, true),
                    // A measure of one region alone.
                    None => cell(ui, column, "", Look::Quiet, true),
                }
            }
        });
        let mut told: Vec<&String> = Vec::new();
        for why in found.iter().filter_map(|row| row.as_ref()?.value.as_ref().err()) {
            if !told.contains(&why) {
                told.push(why);
                reason(ui, why);
            }
        }
    }
}

/// One line a region, one column a measure. Why numbers are missing stands below.
pub(super) fn by_region(ui: &mut Ui, rows: &[Row], regions: &[&str], title: &str) {
    let Some(first) = regions.first() else { return };
    let measures: Vec<(&str, &str)> =
        rows.iter().filter(|r| r.region == *first).map(|r| (r.measure, r.unit.as_str())).collect();
    // A head with its unit may be longer than the numbers under it.
    let width = |(measure, unit): &(&str, &str)| (with_unit(measure, unit).len() as f32 * 6.6 + 10.0).max(NUMBER);
    let all: f32 = measures.iter().map(width).sum();
    let names = (ui.available_width() - 12.0 - all).clamp(NAMES, 260.0);
    egui::ScrollArea::horizontal().id_salt(("by region", title)).auto_shrink([false, true]).show(ui, |ui| {
        ui.spacing_mut().item_spacing = vec2(0.0, 0.0);
        line(ui, |ui| {
            cell(ui, names, title, Look::Head, false);
            for measure in &measures {
                cell(ui, width(measure), &with_unit(measure.0, measure.1), Look::Head, true);
            }
        });
        for region in regions {
            line(ui, |ui| {
                cell(ui, names, region, Look::Quiet, false);
                for measure in &measures {
                    match find(rows, region, measure.0).map(|r| &r.value) {
                        Some(Ok(value)) => cell(ui, width(measure), &number(*value), Look::Number, true),
                        Some(Err(_)) => cell(ui, width(measure), "none", Look::Quiet, true),
                        None => cell(ui, width(measure), "", Look::Quiet, true),
                    }
                }
            });
        }
    });
    let mut told: Vec<String> = Vec::new();
    for row in rows.iter().filter(|r| regions.contains(&r.region.as_str())) {
        if let Err(why) = &row.value {
            let text = format!("{}: {why}", row.region);
            if !told.contains(&text) {
                reason(ui, &text);
                told.push(text);
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Look {
    Head,
    Quiet,
    Number,
}

fn line(ui: &mut Ui, content: impl FnOnce(&mut Ui)) {
    ui.spacing_mut().interact_size.y = LINE;
    ui.horizontal(content);
}

/// One cell, at the left or at the right end of its column.
fn cell(ui: &mut Ui, width: f32, text: &str, look: Look, right: bool) {
    let t = tokens(ui.ctx());
    let (rect, _) = ui.allocate_exact_size(vec2(width, LINE), Sense::hover());
    if text.is_empty() {
        return;
    }
    let rich = match look {
        Look::Head => RichText::new(text).size(t.size.small).family(bold_family()).color(t.quiet),
        Look::Quiet => RichText::new(text).size(t.size.small).color(t.quiet),
        Look::Number => RichText::new(text).size(t.size.body).color(t.text),
    };
    let layout = if right { Layout::right_to_left(Align::Center) } else { Layout::left_to_right(Align::Center) };
    // A child that moves nothing: the next cell begins where this one's column ends.
    ui.new_child(UiBuilder::new().max_rect(rect).layout(layout)).add(Label::new(rich).truncate());
}

/// Why a number is missing.
fn reason(ui: &mut Ui, why: &str) {
    let t = tokens(ui.ctx());
    ui.add(Label::new(RichText::new(why).size(t.size.small).color(t.quiet).italics()).wrap());
}
