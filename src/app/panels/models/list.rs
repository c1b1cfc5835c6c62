//! The list of models: search, filter by task, one card each, the queue above them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use eframe::egui::{self, Label, RichText, Ui};
use lucide_icons::Icon;

use super::card;
use super::form::Form;
use super::queue;
use crate::app::guard_words::Question;
use crate::app::panels::search_field::search_field;
use crate::app::state::Model as Window;
use crate::app::tasks::{Asked, Tasks};
use crate::app::ui_kit::theme::tokens;
use crate::app::ui_kit::widgets::{card as raised, named, quiet, word_badge};
use crate::inference::manifest::schema::Task;
use crate::inference::manifest::{FoundModel, Model};
use crate::inference::runtime::RuntimeStatus;

/// A model folder as the list shows it.
#[derive(Debug)]
pub(crate) enum Row {
    Ready(Box<Ready>),
    /// A folder whose manifest is not right.
    Broken {
        name: String,
        folder: PathBuf,
        why: String,
    },
}

/// A model that can be run.
#[derive(Debug)]
pub(crate) struct Ready {
    pub model: Model,
    /// `CARD.md`.
    pub card: Option<Arc<str>>,
}

/// A folder as a row; reads the card.
pub(crate) fn row(found: FoundModel) -> Row {
    match found.model {
        Ok(model) => Row::Ready(Box::new(Ready { card: model.card().map(Arc::from), model })),
        Err(error) => Row::Broken {
            name: found.folder.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default(),
            folder: found.folder,
            why: error.to_string(),
        },
    }
}

/// What the panel looks at.
pub(crate) struct Seen<'a> {
    pub window: &'a Window,
    /// `None` while the folders are read.
    pub rows: Option<&'a [Row]>,
    pub tasks: &'a Tasks,
    /// What ONNX Runtime offers; `None` while nobody asked for it, `Err` where there is none yet.
    pub runtime: Option<&'a Result<RuntimeStatus, String>>,
}

/// What the person asked for.
#[derive(Debug)]
pub(crate) enum Wish {
    Run(Box<Asked>),
    /// A run by its number.
    Cancel(u64),
    /// A licence was read: [`Ready::license_key`].
    Agree(String),
    /// What ONNX Runtime offers is wanted.
    Runtime,
    /// Whether what lies in the slots is like the training data.
    Look(Box<(Question, Asked)>),
}

/// What the panel remembers.
#[derive(Debug, Default)]
pub(crate) struct ModelsPanel {
    query: String,
    task: Option<Task>,
    open: Option<PathBuf>,
    forms: BTreeMap<PathBuf, Form>,
}

impl Ready {
    /// Names the licence of this version: another version or another licence is shown again.
    pub fn license_key(&self) -> String {
        let m = &self.model.manifest;
        let parts = [Some(&m.license), m.license_code.as_ref(), m.license_data.as_ref()];
        format!("{}: {}", self.model.title(), parts.into_iter().flatten().cloned().collect::<Vec<_>>().join("; "))
    }

    fn fits(&self, query: &str, task: Option<Task>) -> bool {
        let m = &self.model.manifest;
        let text = format!("{} {} {} {}", m.title, m.name, m.intended_use, m.task.title()).to_lowercase();
        task.is_none_or(|t| t == m.task) && query.to_lowercase().split_whitespace().all(|word| text.contains(word))
    }
}

impl ModelsPanel {
    /// Draws it.
    pub fn show(&mut self, ui: &mut Ui, seen: &Seen<'_>) -> Vec<Wish> {
        let t = tokens(ui.ctx());
        let mut wishes = Vec::new();
        queue::show(ui, seen.tasks, &mut wishes);
        let Some(rows) = seen.rows else {
            quiet(ui, "Looking for models…");
            return wishes;
        };
        if rows.is_empty() {
            ui.add(
                Label::new(
                    RichText::new(
                        "No model is installed. A model is a folder with a manifest.toml; put it into models/",
                    )
                    .size(t.size.small)
                    .color(t.quiet),
                )
                .wrap(),
            );
            return wishes;
        }
        search_field(ui, &mut self.query, "Search models", "Search models");
        self.filter(ui, rows);
        ui.add_space(t.space.xs);
        let mut hidden = 0;
        for row in rows {
            let fits = match row {
                Row::Ready(ready) => ready.fits(&self.query, self.task),
                Row::Broken { name, .. } => {
                    self.task.is_none() && name.to_lowercase().contains(&self.query.trim().to_lowercase())
                }
            };
            if !fits {
                hidden += 1;
                continue;
            }
            match row {
                Row::Ready(ready) => self.ready(ui, ready, seen, &mut wishes),
                Row::Broken { name, folder, why } => broken(ui, name, folder, why),
            }
            ui.add_space(t.space.xs);
        }
        if hidden == rows.len() {
            quiet(ui, "No model fits the search");
        }
        wishes
    }

    /// Whether a licence waits for the person's word.
    pub fn asks(&self) -> bool {
        self.open.as_ref().and_then(|folder| self.forms.get(folder)).is_some_and(|form| form.asking)
    }

    /// The licence that waits, for the foot of the panel: in sight wherever the list is scrolled to.
    pub fn license(&mut self, ui: &mut Ui, seen: &Seen<'_>) -> Vec<Wish> {
        let mut wishes = Vec::new();
        let ready = seen.rows.into_iter().flatten().find_map(|row| match row {
            Row::Ready(ready) => (Some(&ready.model.folder) == self.open.as_ref()).then_some(ready),
            Row::Broken { .. } => None,
        });
        let Some(ready) = ready else { return wishes };
        if let Some(form) = self.forms.get_mut(&ready.model.folder) {
            card::license(ui, ready, form, seen, &mut wishes);
        }
        wishes
    }

    fn ready(&mut self, ui: &mut Ui, ready: &Ready, seen: &Seen<'_>, wishes: &mut Vec<Wish>) {
        let folder = &ready.model.folder;
        let open = self.open.as_ref() == Some(folder);
        let form = self.forms.entry(folder.clone()).or_insert_with(|| Form::new(&ready.model));
        let mut toggled = false;
        raised(ui, open, |ui| {
            ui.set_width(ui.available_width());
            toggled = card::show(ui, ready, form, seen, open, wishes);
        });
        if toggled {
            self.open = (!open).then(|| folder.clone());
            if !open && seen.runtime.is_none_or(Result::is_err) {
                wishes.push(Wish::Runtime);
            }
        }
    }

    /// One word a task that there is, where there are several.
    fn filter(&mut self, ui: &mut Ui, rows: &[Row]) {
        let mut tasks: Vec<Task> = Vec::new();
        for row in rows {
            if let Row::Ready(ready) = row
                && !tasks.contains(&ready.model.manifest.task)
            {
                tasks.push(ready.model.manifest.task);
            }
        }
        if tasks.len() < 2 {
            self.task = None;
            return;
        }
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing = egui::vec2(4.0, 4.0);
            let all = std::iter::once(None).chain(tasks.into_iter().map(Some));
            for task in all {
                let name = task.map_or("All", Task::title);
                let chosen = self.task == task;
                let response = ui.selectable_label(chosen, RichText::new(name).size(tokens(ui.ctx()).size.small));
                named(&response, &format!("Show {}", name.to_lowercase()), Some(chosen));
                if response.on_hover_text("Shows only models for this").clicked() {
                    self.task = task;
                }
            }
        });
    }
}

fn broken(ui: &mut Ui, name: &str, folder: &Path, why: &str) {
    let t = tokens(ui.ctx());
    raised(ui, false, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal(|ui| {
            ui.label(crate::app::ui_kit::widgets::icon(Icon::TriangleAlert).size(13.0).color(t.error));
            ui.add(Label::new(RichText::new(name).color(t.text)).truncate());
        });
        word_badge(ui, "CANNOT BE READ", t.error);
        // The folder stands in the tooltip; the sentence is about what is in it.
        let why = why.replace(&format!("{}/", folder.display()), "");
        ui.add(Label::new(RichText::new(why).size(t.size.small).color(t.error)).wrap())
            .on_hover_text(folder.display().to_string());
    });
}
