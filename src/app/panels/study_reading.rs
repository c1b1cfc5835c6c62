//! A package that is to be read: whose turn it is, how far each session is, and the room that is opened for it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use eframe::egui::{self, Button, ComboBox, Label, RichText, TextEdit, Ui, vec2};
use lucide_icons::Icon;

use crate::app::action::Action;
use crate::app::program::Program;
use crate::app::reading::Desk;
use crate::app::ui_kit::theme::{bold_family, tokens};
use crate::app::ui_kit::widgets::{icon_button, named, notice, quiet, row, text_name};
use crate::jobs::{Job, Poll, in_background};
use crate::reader_study::session::PackageView;
use crate::reader_study::session::step::Step;

/// A package as far as a reader may know it.
#[derive(Debug, Clone)]
struct Package {
    title: String,
    readers: Vec<String>,
    is_quiz: bool,
    /// Of every reader, in the order of sessions.
    sessions: Vec<Session>,
}

impl Package {
    /// Whether every session is over.
    fn is_read(&self) -> bool {
        !self.is_quiz && self.sessions.iter().all(|session| session.stand == Stand::Over)
    }
}

/// One session of one reader.
#[derive(Debug, Clone)]
struct Session {
    reader: String,
    number: u32,
    done: usize,
    of: usize,
    stand: Stand,
}

#[derive(Debug, Clone, PartialEq)]
enum Stand {
    Fresh,
    UnderWay,
    Over,
    /// It may not start yet; why.
    Waits(String),
    /// Its list or log cannot be used; why.
    Broken(String),
}

/// A folder that is looked into, and what is in it.
type Looking = (PathBuf, Job<Result<Package, String>>);

/// What is filled in, and what is known of it.
#[derive(Debug, Default)]
pub(crate) struct StudyReading {
    folder: PathBuf,
    reader: String,
    /// Why a session starts before its time.
    reason: String,
    /// The folder that `package` is about.
    of: Option<PathBuf>,
    package: Option<Result<Package, String>>,
    looking: Option<Looking>,
    choosing: Option<Job<Option<PathBuf>>>,
    open: Option<Job<Result<(), String>>>,
    error: Option<String>,
}

impl StudyReading {
    /// Draws it. Some when the package is to be analysed.
    pub fn ui(&mut self, ui: &mut Ui, program: &Program) -> Option<PathBuf> {
        self.poll(ui.ctx());
        let t = tokens(ui.ctx());
        self.path(ui);
        quiet(ui, "The folder that the study's owner gave you");
        ui.add_space(t.space.s);
        if self.open.is_some() {
            ui.label(RichText::new("Open in a window of its own").family(bold_family()));
            ui.label("Close that window to stop; every answer is on disk, and you can go on later.");
            return None;
        }
        if let Some(why) = &self.error {
            notice(ui, why);
        }
        match self.package.clone() {
            None if self.folder.as_os_str().is_empty() => {}
            None => {
                quiet(ui, "Reading…");
            }
            Some(Err(why)) => notice(ui, &why),
            Some(Ok(package)) => {
                self.package(ui, &package, program);
                if package.is_read() {
                    return self.owner(ui);
                }
            }
        }
        None
    }

    /// For who has the key, when nothing is left to read.
    fn owner(&self, ui: &mut Ui) -> Option<PathBuf> {
        ui.add_space(tokens(ui.ctx()).space.s);
        quiet(ui, "All sessions are over; the study's owner can analyse them");
        let analyse = Action::AnalyseStudy;
        ui.button(analyse.text()).on_hover_text(analyse.hint()).clicked().then(|| self.folder.clone())
    }

    fn package(&mut self, ui: &mut Ui, package: &Package, program: &Program) {
        let t = tokens(ui.ctx());
        ui.add(Label::new(RichText::new(&package.title).size(t.size.title).family(bold_family())).wrap());
        ui.add_space(t.space.xs);
        if package.is_quiz {
            quiet(ui, "A quiz: every answer is judged at once, and nothing is analysed");
            ui.add_space(t.space.s);
            if button(ui, "Play", true) {
                self.start(ui.ctx(), program, vec!["quiz".into(), self.folder.clone().into()]);
            }
            return;
        }
        row(ui, "Reader", |ui| {
            let chosen = if self.reader.is_empty() { "Who are you?" } else { &self.reader };
            let shown = ComboBox::from_id_salt("reader").selected_text(chosen).width(220.0).show_ui(ui, |ui| {
                for reader in &package.readers {
                    ui.selectable_value(&mut self.reader, reader.clone(), reader);
                }
            });
            named(&shown.response, "Reader", None);
        });
        ui.add_space(t.space.s);
        let mut start = None;
        for session in package.sessions.iter().filter(|s| s.reader == self.reader) {
            row(ui, &format!("Session {}", session.number), |ui| {
                ui.set_min_height(32.0);
                let Session { number, done, of, .. } = *session;
                let (text, go) = match &session.stand {
                    Stand::Fresh => (format!("{of} trials"), Some("Begin")),
                    Stand::UnderWay => (format!("{done} of {of} trials answered"), Some("Go on")),
                    Stand::Over => (format!("over, {done} of {of} trials answered"), None),
                    Stand::Waits(_) => ("not yet".to_owned(), None),
                    Stand::Broken(_) => ("cannot be read".to_owned(), None),
                };
                ui.label(RichText::new(text).color(t.text));
                if let Some(go) = go {
                    let name = format!("{go} session {number}");
                    let response = ui.add(Button::new(RichText::new(go).color(t.accent)).min_size(vec2(96.0, 28.0)));
                    named(&response, &name, None);
                    if response.clicked() {
                        start = Some((number, false));
                    }
                }
            });
            match &session.stand {
                Stand::Broken(why) => notice(ui, why),
                Stand::Waits(why) => {
                    notice(ui, why);
                    let number = session.number;
                    row(ui, "Reason", |ui| {
                        let response = ui.add(TextEdit::singleline(&mut self.reason).desired_width(f32::INFINITY));
                        text_name(&response, "Reason", &self.reason);
                    });
                    quiet(ui, "A session may start before its time for a reason, which the study's report will name");
                    if button(ui, "Start nevertheless", !self.reason.trim().is_empty()) {
                        start = Some((number, true));
                    }
                }
                _ => {}
            }
        }
        if let Some((number, early)) = start {
            let mut arguments: Vec<OsString> = vec!["study".into(), "read".into(), self.folder.clone().into()];
            arguments.extend(["--reader".into(), self.reader.clone().into()]);
            arguments.extend(["--session".into(), number.to_string().into()]);
            if early {
                arguments.extend(["--override-washout".into(), self.reason.trim().into()]);
            }
            self.start(ui.ctx(), program, arguments);
        }
    }

    fn start(&mut self, ctx: &egui::Context, program: &Program, arguments: Vec<OsString>) {
        self.error = None;
        let program = program.clone();
        let ctx = ctx.clone();
        self.open = Some(Job::spawn("Reading a study", move |_| {
            let ended = program.run(&arguments);
            ctx.request_repaint();
            ended
        }));
    }

    /// The folder, with a button that asks for it.
    fn path(&mut self, ui: &mut Ui) {
        let mut choose = false;
        row(ui, "Package", |ui| {
            let mut text = self.folder.display().to_string();
            // Its margins, a gap and the button; wider, it would widen every row below it.
            let width = (ui.available_width() - 40.0).max(80.0);
            let response = ui.add(TextEdit::singleline(&mut text).desired_width(width));
            text_name(&response, "Package", &text);
            if response.changed() {
                self.folder = PathBuf::from(text);
            }
            choose = icon_button(ui, Icon::FolderOpen, "Choose Package…", false).clicked();
        });
        if choose {
            let answer = rfd::AsyncFileDialog::new().set_title("Package of the study").pick_folder();
            let ctx = ui.ctx().clone();
            self.choosing = Some(Job::spawn("Choose", move |_| {
                let folder = pollster::block_on(answer).map(|f| f.path().to_owned());
                ctx.request_repaint();
                folder
            }));
        }
    }

    fn poll(&mut self, ctx: &egui::Context) {
        if let Some(job) = &self.choosing {
            match job.poll() {
                Poll::Running => {}
                Poll::Ready(Some(folder)) => (self.folder, self.choosing) = (folder, None),
                Poll::Ready(None) | Poll::Gone => self.choosing = None,
            }
        }
        if let Some(job) = &self.open {
            match job.poll() {
                Poll::Running => {}
                Poll::Ready(ended) => (self.error, self.open, self.of) = (ended.err(), None, None),
                Poll::Gone => (self.error, self.open) = (Some("a fault in Veritome".to_owned()), None),
            }
        }
        if let Some((of, job)) = &self.looking {
            match job.poll() {
                Poll::Running => {}
                Poll::Ready(package) => {
                    if let Ok(Package { readers, .. }) = &package
                        && !readers.contains(&self.reader)
                    {
                        self.reader = if let [one] = readers.as_slice() { one.clone() } else { String::new() };
                    }
                    (self.of, self.package) = (Some(of.clone()), Some(package));
                    self.looking = None;
                }
                Poll::Gone => self.looking = None,
            }
        }
        let is_due = self.of.as_ref() != Some(&self.folder) && !self.folder.as_os_str().is_empty();
        if self.looking.is_none() && self.open.is_none() && is_due {
            self.package = None;
            let (folder, ctx) = (self.folder.clone(), ctx.clone());
            let job = Job::spawn("Looking into a package", move |_| {
                let found = in_background(|| look(&folder));
                ctx.request_repaint();
                found
            });
            self.looking = Some((self.folder.clone(), job));
        }
    }

    /// Whether nothing is looked into or open.
    pub fn is_idle(&self) -> bool {
        let known = self.folder.as_os_str().is_empty() || self.of.as_ref() == Some(&self.folder);
        self.looking.is_none() && self.open.is_none() && known
    }
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

fn look(folder: &Path) -> Result<Package, String> {
    let view = PackageView::read(folder).map_err(|e| e.to_string())?;
    let study = &view.study;
    let mut sessions = Vec::new();
    for reader in &study.readers {
        for number in 1..=study.sessions.count {
            let (done, of, stand) = match Desk::open(folder, reader, number) {
                Err(why) => (0, 0, Stand::Broken(why.to_string())),
                Ok((desk, may)) => {
                    let (done, of) = desk.progress.counts();
                    let over = matches!(desk.progress.step(0), Step::Closed(reason) if reason.is_final());
                    let stand = match (over, may.is_yes(), desk.is_begun) {
                        (true, ..) => Stand::Over,
                        (_, false, _) => Stand::Waits(may.to_string()),
                        (_, _, true) => Stand::UnderWay,
                        _ => Stand::Fresh,
                    };
                    (done, of, stand)
                }
            };
            sessions.push(Session { reader: reader.clone(), number, done, of, stand });
        }
    }
    let first = study.readers.first().and_then(|reader| view.list(reader, 1).ok());
    let is_quiz = first.is_some_and(|(list, _)| list.is_quiz());
    Ok(Package { title: study.title.clone(), readers: study.readers.clone(), is_quiz, sessions })
}
