//! The tag browser: all attributes of the file behind the slice on show, with search.

use eframe::egui::{Label, RichText, TextEdit, Ui, WidgetInfo, accesskit::Role};
use egui_extras::{Column, TableBuilder};

use crate::app::library::SeriesId;
use crate::app::state::Model;
use crate::app::ui_kit::theme::tokens;
use crate::app::ui_kit::widgets::quiet;
use crate::io::{Attribute, IoError};
use crate::jobs::{Job, Poll};

type Key = (SeriesId, usize, usize);

/// What it remembers.
#[derive(Debug, Default)]
pub(crate) struct Tags {
    query: String,
    of: Option<Key>,
    job: Option<Job<Result<Vec<Attribute>, IoError>>>,
    rows: Vec<Attribute>,
    error: Option<String>,
}

impl Tags {
    /// Draws it; reads the file on a worker when another slice is on show.
    pub fn show(&mut self, ui: &mut Ui, model: &Model) {
        let t = tokens(ui.ctx());
        self.follow(ui, model);
        let field = TextEdit::singleline(&mut self.query)
            .hint_text("Find a tag, a name or a value")
            .desired_width(f32::INFINITY);
        ui.add(field).widget_info(|| WidgetInfo::labeled(Role::SearchInput, true, "Find an attribute"));
        let query = self.query.to_lowercase();
        let hidden = model.settings.hide_patient;
        let rows: Vec<&Attribute> = self
            .rows
            .iter()
            .filter(|a| {
                query.is_empty() || [&a.tag, &a.name, &a.value].iter().any(|s| s.to_lowercase().contains(&query))
            })
            .collect();
        if let Some(error) = &self.error {
            ui.label(RichText::new(error).color(t.error));
        }
        let slice = self.of.map_or(0, |k| k.2 + 1);
        quiet(ui, format!("{} of {} attributes, slice {slice}", rows.len(), self.rows.len()));
        TableBuilder::new(ui)
            .striped(true)
            .column(Column::exact(104.0))
            .column(Column::initial(220.0).clip(true).resizable(true))
            .column(Column::exact(32.0))
            .column(Column::remainder().clip(true))
            .body(|body| {
                body.rows(20.0, rows.len(), |mut row| {
                    let Some(a) = rows.get(row.index()) else { return };
                    let indent = "   ".repeat(a.depth);
                    let secret = hidden && is_patient(&a.tag);
                    let value = if secret { "hidden" } else { a.value.as_str() };
                    for (text, color) in [
                        (format!("{indent}{}", a.tag), t.quiet),
                        (a.name.clone(), t.text),
                        (a.vr.clone(), t.quiet),
                        (value.to_owned(), t.text),
                    ] {
                        row.col(|ui| {
                            ui.add(Label::new(RichText::new(text).color(color)).truncate().selectable(true));
                        });
                    }
                });
            });
    }

    fn follow(&mut self, ui: &Ui, model: &Model) {
        if let Some(job) = &self.job {
            match job.poll() {
                Poll::Running => {}
                Poll::Ready(result) => {
                    self.job = None;
                    match result {
                        Ok(rows) => (self.rows, self.error) = (rows, None),
                        Err(error) => (self.rows, self.error) = (Vec::new(), Some(error.to_string())),
                    }
                }
                Poll::Gone => self.job = None,
            }
        }
        let Some(key) = key(model) else { return };
        if self.of == Some(key) || self.job.is_some() {
            return;
        }
        let Some(entry) = model.library.get(key.0) else { return };
        let source = entry.series.source.clone();
        self.of = Some(key);
        let job = Job::spawn("Attributes", move |_| source.attributes(key.1, key.2));
        let context = ui.ctx().clone();
        job.control().on_change(move || context.request_repaint());
        self.job = Some(job);
    }
}

/// Which file: series, time point, slice along the third voxel axis.
fn key(model: &Model) -> Option<Key> {
    let pane = model.pane()?;
    let id = pane.series?;
    let entry = model.library.get(id)?;
    let slice = model.stages.get(&id).map_or(0, |stage| {
        let k = stage.geometry().to_voxel(pane.point).0.z;
        (k.round().max(0.0) as usize).min(entry.series.size[2].saturating_sub(1))
    });
    Some((id, entry.time_point, slice))
}

/// Group 0010 and the dates and names that name a person.
fn is_patient(tag: &str) -> bool {
    tag.starts_with("(0010,") || ["(0008,0050)", "(0008,0090)", "(0008,0080)", "(0008,0020)"].contains(&tag)
}
