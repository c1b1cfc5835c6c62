//! A study whose sessions are read: its package, logs and key are chosen, a worker analyses it, and its main numbers and the report
//! are shown.

use std::path::{Path, PathBuf};

use eframe::egui::{
    self, Align, Button, Label, Layout, OpenUrl, ProgressBar, RichText, ScrollArea, TextEdit, Ui, vec2,
};
use lucide_icons::Icon;

use crate::app::file_url::file_url;
use crate::app::ui_kit::theme::{bold_family, tokens};
use crate::app::ui_kit::widgets::{icon_button, named, notice, quiet, row, text_name};
use crate::jobs::{Job, Poll, in_background};
use crate::reader_study::outcome::OutcomeError;
use crate::reader_study::outcome::main_numbers::{MainNumber, main_numbers};
use crate::reader_study::study_analysis::{StudyAnalysis, StudyAnalysisError, Written, beside};

/// What of a written report is shown.
#[derive(Debug)]
struct Done {
    title: String,
    folder: PathBuf,
    report: PathBuf,
    numbers: Vec<MainNumber>,
    remarks: Vec<String>,
    warnings: Vec<String>,
}

/// Why there is none, and what a person may do about it.
#[derive(Debug)]
enum Refused {
    /// Sessions are open; whoever looks nevertheless gives a name.
    Open(String),
    /// Logs or files are altered or doubtful; whoever goes on nevertheless says so.
    Untrusted(Vec<String>),
    Other(String),
    Cancelled,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Package,
    Key,
    Logs,
    Out,
}

/// What is filled in, and what came of it.
#[derive(Debug, Default)]
pub(crate) struct StudyAnalysisPanel {
    package: PathBuf,
    key: PathBuf,
    logs: PathBuf,
    out: PathBuf,
    /// Who looks before all sessions are closed.
    who: String,
    accept_untrusted: bool,
    choosing: Option<(Field, Job<Option<PathBuf>>)>,
    running: Option<Job<Result<Done, Refused>>>,
    ended: Option<Result<Done, Refused>>,
}

impl StudyAnalysisPanel {
    /// Fills in a package, and its key where that is known or lies beside it.
    pub fn of(&mut self, package: PathBuf, key: Option<PathBuf>) {
        *self = Self { running: self.running.take(), ..Self::default() };
        self.package = package;
        self.key = key.unwrap_or_default();
        self.key_beside();
    }

    /// Whether nothing is analysed.
    pub fn is_idle(&self) -> bool {
        self.running.is_none()
    }

    /// Draws it.
    pub fn ui(&mut self, ui: &mut Ui) {
        self.poll(ui.ctx());
        let t = tokens(ui.ctx());
        for field in [Field::Package, Field::Key, Field::Logs, Field::Out] {
            self.path(ui, field);
        }
        ui.add_space(t.space.s);
        if let Some(job) = &self.running {
            let progress = job.control().progress();
            ui.horizontal(|ui| {
                if icon_button(ui, Icon::X, "Cancel the analysis", false).clicked() {
                    job.control().cancel();
                }
                ui.add(ProgressBar::new(progress.fraction().unwrap_or(0.0)).animate(true).text(progress.stage));
            });
            return;
        }
        let ready = !self.package.as_os_str().is_empty() && !self.key.as_os_str().is_empty();
        if button(ui, "Analyse", ready) {
            self.start(ui.ctx());
        }
        ui.add_space(t.space.s);
        ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
            ui.set_max_width(ui.available_width() - t.space.m);
            match &self.ended {
                None => {}
                Some(Ok(done)) => show_done(ui, done),
                Some(Err(_)) => self.refused(ui),
            }
        });
    }

    fn refused(&mut self, ui: &mut Ui) {
        let mut go_on = false;
        match &self.ended {
            Some(Err(Refused::Other(why))) => notice(ui, why),
            Some(Err(Refused::Cancelled)) => {
                quiet(ui, "Cancelled; nothing was written");
            }
            Some(Err(Refused::Open(why))) => {
                notice(ui, why);
                quiet(
                    ui,
                    "A look before that is unplanned: who takes it is written into the logs, and the report says so",
                );
                row(ui, "Who looks", |ui| {
                    let response = ui.add(TextEdit::singleline(&mut self.who).desired_width(f32::INFINITY));
                    text_name(&response, "Who looks", &self.who);
                });
                go_on = button(ui, "Look nevertheless", !self.who.trim().is_empty());
            }
            Some(Err(Refused::Untrusted(findings))) => {
                notice(ui, "The study cannot be trusted");
                for finding in findings {
                    notice(ui, finding);
                }
                quiet(ui, "It can be analysed by the sealed plan nevertheless; then every table says so");
                if button(ui, "Analyse nevertheless", true) {
                    self.accept_untrusted = true;
                    go_on = true;
                }
            }
            Some(Ok(_)) | None => {}
        }
        if go_on {
            self.start(ui.ctx());
        }
    }

    fn start(&mut self, ctx: &egui::Context) {
        let named = |path: &PathBuf| (!path.as_os_str().is_empty()).then(|| path.clone());
        let mut analysis = StudyAnalysis::new(self.package.clone(), self.key.clone());
        (analysis.logs, analysis.out) = (named(&self.logs), named(&self.out));
        analysis.word.accept_untrusted = self.accept_untrusted;
        analysis.word.unplanned_look = Some(self.who.trim().to_owned()).filter(|who| !who.is_empty());
        self.ended = None;
        let job = Job::spawn("Analysing a study", move |control| {
            in_background(|| analysis.write(control).map(|written| done(&written)).map_err(refused))
        });
        let ctx = ctx.clone();
        job.control().on_change(move || ctx.request_repaint());
        self.running = Some(job);
    }

    /// A field for a path, with a button that asks for it.
    fn path(&mut self, ui: &mut Ui, field: Field) {
        let (name, path, hint) = match field {
            Field::Package => ("Package", &mut self.package, "The folder that the readers got"),
            Field::Key => ("Key", &mut self.key, "The owner's key file, which opens the sealed truth in the package"),
            Field::Logs => {
                ("Logs", &mut self.logs, "Where logs were gathered; empty for the package's own folder logs")
            }
            Field::Out => ("Report", &mut self.out, "Where it goes; empty for NAME.analysis beside the package"),
        };
        let (mut choose, mut changed) = (false, false);
        row(ui, name, |ui| {
            let mut text = path.display().to_string();
            // Its margins, a gap and the button; wider, it would widen every row below it.
            let width = (ui.available_width() - 40.0).max(80.0);
            let response = ui.add(TextEdit::singleline(&mut text).desired_width(width).hint_text(hint));
            text_name(&response, name, &text);
            if response.on_hover_text(hint).changed() {
                *path = PathBuf::from(text);
                changed = true;
            }
            choose = icon_button(ui, Icon::FolderOpen, &format!("Choose {name}…"), false).clicked();
        });
        if changed {
            self.changed(field);
        }
        if choose {
            let dialog = rfd::AsyncFileDialog::new().set_title(name);
            let answer: std::pin::Pin<Box<dyn Future<Output = Option<rfd::FileHandle>> + Send>> =
                if field == Field::Key { Box::pin(dialog.pick_file()) } else { Box::pin(dialog.pick_folder()) };
            let job = Job::spawn("Choose", move |_| pollster::block_on(answer).map(|f| f.path().to_owned()));
            let ctx = ui.ctx().clone();
            job.control().on_change(move || ctx.request_repaint());
            self.choosing = Some((field, job));
        }
    }

    /// What was said of another study is no longer said of this one.
    fn changed(&mut self, field: Field) {
        (self.ended, self.accept_untrusted) = (None, false);
        self.who.clear();
        if field == Field::Package {
            self.key_beside();
        }
    }

    /// The key lies beside the package, where nobody moved it.
    fn key_beside(&mut self) {
        if self.key.as_os_str().is_empty() && !self.package.as_os_str().is_empty() {
            let usual = beside(&self.package, "key");
            if usual.is_file() {
                self.key = usual;
            }
        }
    }

    fn poll(&mut self, ctx: &egui::Context) {
        if let Some((field, job)) = &self.choosing {
            let field = *field;
            match job.poll() {
                Poll::Running => ctx.request_repaint_after(std::time::Duration::from_millis(200)),
                Poll::Ready(Some(path)) => {
                    match field {
                        Field::Package => self.package = path,
                        Field::Key => self.key = path,
                        Field::Logs => self.logs = path,
                        Field::Out => self.out = path,
                    }
                    self.choosing = None;
                    self.changed(field);
                }
                Poll::Ready(None) | Poll::Gone => self.choosing = None,
            }
        }
        if let Some(job) = &self.running {
            match job.poll() {
                Poll::Running => {}
                Poll::Ready(ended) => (self.ended, self.running) = (Some(ended), None),
                Poll::Gone => {
                    let fault = Refused::Other("A fault in Veritome".to_owned());
                    (self.ended, self.running) = (Some(Err(fault)), None);
                }
            }
        }
    }
}

fn done(written: &Written) -> Done {
    let Written { outcome, folder, files } = written;
    Done {
        title: outcome.title.clone(),
        folder: folder.clone(),
        report: files.first().cloned().unwrap_or_else(|| folder.clone()),
        numbers: main_numbers(outcome),
        remarks: outcome.remarks.clone(),
        warnings: outcome.warnings.clone(),
    }
}

/// Errors speak of the command's options; here a person has buttons for them.
fn refused(error: StudyAnalysisError) -> Refused {
    match error {
        StudyAnalysisError::Cancelled(_) => Refused::Cancelled,
        StudyAnalysisError::Outcome(OutcomeError::Untrusted { findings }) => Refused::Untrusted(findings),
        StudyAnalysisError::Outcome(OutcomeError::SessionsOpen { open, planned }) => {
            Refused::Open(format!("{} of {planned} sessions are not closed: {}", open.len(), open.join(", ")))
        }
        other => Refused::Other(other.to_string()),
    }
}

fn show_done(ui: &mut Ui, done: &Done) {
    let t = tokens(ui.ctx());
    ui.add(Label::new(RichText::new(&done.title).size(t.size.title).family(bold_family())).wrap());
    for remark in &done.remarks {
        notice(ui, remark);
    }
    ui.add_space(t.space.xs);
    let names = (ui.available_width() * 0.6).max(120.0);
    for MainNumber { name, value } in &done.numbers {
        ui.horizontal_top(|ui| {
            ui.allocate_ui_with_layout(vec2(names, 0.0), Layout::top_down(Align::Min), |ui| {
                ui.set_width(names);
                ui.add(Label::new(RichText::new(name).color(t.quiet)).wrap());
            });
            ui.add(Label::new(RichText::new(value).color(t.text)).wrap());
        });
    }
    ui.add_space(t.space.s);
    ui.horizontal(|ui| {
        for (text, path) in [("Open the report", &done.report), ("Open its folder", &done.folder)] {
            let response = ui.add(Button::new(RichText::new(text).color(t.accent)).min_size(vec2(140.0, 32.0)));
            named(&response, text, None);
            if response.on_hover_text(path.display().to_string()).clicked() {
                open(ui.ctx(), path);
            }
        }
    });
    ui.add(Label::new(RichText::new(done.report.display().to_string()).size(t.size.small).color(t.quiet)).wrap());
    for warning in &done.warnings {
        notice(ui, warning);
    }
}

fn open(ctx: &egui::Context, path: &Path) {
    ctx.open_url(OpenUrl::new_tab(file_url(path)));
}

fn button(ui: &mut Ui, text: &str, enabled: bool) -> bool {
    let t = tokens(ui.ctx());
    let color = if enabled { t.accent } else { t.quiet };
    let button = Button::new(RichText::new(text).color(color)).min_size(vec2(140.0, 32.0));
    // In a row of its own its words stand in its middle.
    let response = ui.horizontal(|ui| ui.add_enabled(enabled, button)).inner;
    named(&response, text, None);
    response.clicked()
}
