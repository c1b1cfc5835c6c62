//! Numbers by region.

use eframe::egui::{self, Align, Label, Layout, RichText, Ui};

use crate::app::ui_kit::theme::{bold_family, tokens};
use crate::evaluate::comparing::Row;
use crate::evaluate::comparing::sheet::{number, with_unit};

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

/// One line a measure, one column a region; a number that is missing has its reason in its place.
pub(super) fn by_measure(ui: &mut Ui, rows: &[Row], regions: &[&str]) {
    let Some(first) = regions.first() else { return };
    let find = |region: &str, measure: &str| rows.iter().find(|r| r.region == region && r.measure == measure);
    egui::Grid::new(("by measure", first)).num_columns(regions.len() + 1).spacing([16.0, 4.0]).show(ui, |ui| {
        head(ui, "");
        for region in regions {
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| head(ui, region));
        }
        ui.end_row();
        for row in rows.iter().filter(|r| r.region == *first) {
            name(ui, row.measure);
            for region in regions {
                match find(region, row.measure) {
                    Some(row) => cell(ui, row, true),
                    None => name(ui, ""),
                }
            }
            ui.end_row();
        }
    });
}

/// One line a region, one column a measure. Why numbers are missing stands below.
pub(super) fn by_region(ui: &mut Ui, rows: &[Row], regions: &[&str], title: &str) {
    let Some(first) = regions.first() else { return };
    let measures: Vec<(&str, &str)> =
        rows.iter().filter(|r| r.region == *first).map(|r| (r.measure, r.unit.as_str())).collect();
    let find = |region: &str, measure: &str| rows.iter().find(|r| r.region == region && r.measure == measure);
    let wide = measures.len() > 6;
    egui::ScrollArea::horizontal().id_salt(("by region", title)).auto_shrink([false, true]).show(ui, |ui| {
        let grid = egui::Grid::new(("by region", title)).num_columns(measures.len() + 1);
        grid.spacing([if wide { 10.0 } else { 16.0 }, 4.0]).show(ui, |ui| {
            head(ui, title);
            for (measure, unit) in &measures {
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| head(ui, &with_unit(measure, unit)));
            }
            ui.end_row();
            for region in regions {
                name(ui, region);
                for (measure, _) in &measures {
                    match find(region, measure) {
                        Some(row) => cell(ui, row, false),
                        None => name(ui, ""),
                    }
                }
                ui.end_row();
            }
        });
    });
    let mut told: Vec<String> = Vec::new();
    for row in rows.iter().filter(|r| regions.contains(&r.region.as_str())) {
        if let Err(why) = &row.value {
            let text = format!("{}: {why}", row.region);
            if !told.contains(&text) {
                told.push(text);
            }
        }
    }
    for text in told {
        let t = tokens(ui.ctx());
        ui.add(Label::new(RichText::new(text).size(t.size.small).color(t.quiet)).wrap());
    }
}

fn head(ui: &mut Ui, text: &str) {
    let t = tokens(ui.ctx());
    ui.label(RichText::new(text).size(t.size.small).family(bold_family()).color(t.quiet));
}

fn name(ui: &mut Ui, text: &str) {
    let t = tokens(ui.ctx());
    ui.label(RichText::new(text).size(t.size.small).color(t.quiet));
}

/// A number at the right end of its column; a missing one as `none`, or with its reason.
fn cell(ui: &mut Ui, row: &Row, reason: bool) {
    let t = tokens(ui.ctx());
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| match &row.value {
        Ok(value) => {
            let unit = if reason { row.unit.as_str() } else { "" };
            ui.label(RichText::new(with_unit(&number(*value), unit)).size(t.size.body).color(t.text));
        }
        Err(why) => {
            let text = if reason { format!("none: {why}") } else { "none".to_owned() };
            ui.label(RichText::new(text).size(t.size.small).color(t.quiet)).on_hover_text(why);
        }
    });
}
