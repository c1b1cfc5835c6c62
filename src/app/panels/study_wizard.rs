//! A reader study thought up step by step: what is asked, of which images, by whom, and its package. The questions are edited in
//! `study_questions`.

use std::path::{Path, PathBuf};

use eframe::egui::{self, Button, ComboBox, DragValue, Label, RichText, TextEdit, Ui, vec2};
use lucide_icons::Icon;

use super::study_questions;
use crate::app::action::Action;
use crate::app::ui_kit::theme::{bold_family, tokens};
use crate::app::ui_kit::widgets::{icon_button, named, notice, quiet, row, text_name};
use crate::jobs::{Job, Poll, in_background};
use crate::reader_study::design::{Design, Draft, Pairs, PowerPlan, PowerStatement, reading_lists};
use crate::reader_study::package::{Made, OwnerKey, create, random_seed};
use crate::report::numbers::counted;

/// The pages, in their order.
const PAGES: [&str; 4] = ["Question", "Images", "Readers", "Package"];

/// What lists will be, in words, and what the owner must know of them.
type Lists = (Vec<String>, Vec<String>);

/// What is known of a draft.
#[derive(Debug, Clone, Default)]
struct Checked {
    pairs: Option<Pairs>,
    /// Trials by list, and warnings; else what is wrong.
    lists: Option<Result<Lists, String>>,
    /// What power the planned numbers have, where that was asked for.
    power: Option<Result<PowerStatement, String>>,
}

/// A package and its key, or why there is none.
type Outcome = Result<(Made, PathBuf), String>;

/// The wizard, with what is filled in.
#[derive(Debug)]
pub(crate) struct StudyWizard {
    draft: Draft,
    page: usize,
    out: PathBuf,
    /// What `checked` is about.
    of: Option<Draft>,
    checked: Checked,
    checking: Option<(Draft, Job<Checked>)>,
    making: Option<Job<Outcome>>,
    made: Option<Outcome>,
    /// A folder that is being chosen, and for which field.
    choosing: Option<(Field, Job<Option<PathBuf>>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Acquired,
    Synthetic,
    Table,
    Pilot,
    Out,
}

impl Default for StudyWizard {
    fn default() -> Self {
        Self {
            draft: Draft { seed: random_seed(), ..Draft::default() },
            page: 0,
            out: PathBuf::new(),
            of: None,
            checked: Checked::default(),
            checking: None,
            making: None,
            made: None,
            choosing: None,
        }
    }
}

impl StudyWizard {
    /// Draws it. Some when the package that was made is to be analysed: its folder and its key.
    pub fn ui(&mut self, ui: &mut Ui) -> Option<(PathBuf, PathBuf)> {
        let mut analysed = None;
        self.poll(ui.ctx());
        let t = tokens(ui.ctx());
        ui.horizontal(|ui| {
            for (n, name) in PAGES.iter().enumerate() {
                let chosen = n == self.page;
                let text = RichText::new(format!("{}  {name}", n + 1)).color(if chosen { t.accent } else { t.quiet });
                let response = ui.add(Button::new(text).selected(chosen).frame_when_inactive(false));
                named(&response, name, Some(chosen));
                if response.clicked() {
                    self.page = n;
                }
            }
        });
        ui.separator();
        egui::ScrollArea::vertical().auto_shrink([false, false]).max_height(ui.available_height() - 44.0).show(
            ui,
            |ui| {
                // Beside the bar that scrolls, not under it.
                ui.set_max_width(ui.available_width() - t.space.m);
                match self.page {
                    0 => self.question(ui),
                    1 => self.images(ui),
                    2 => self.readers(ui),
                    _ => analysed = self.package(ui),
                }
            },
        );
        ui.separator();
        ui.horizontal(|ui| {
            if ui.add_enabled(self.page > 0, Button::new("Back")).clicked() {
                self.page -= 1;
            }
            if self.page + 1 < PAGES.len() && ui.button("Next").clicked() {
                self.page += 1;
            }
        });
        analysed
    }

    fn question(&mut self, ui: &mut Ui) {
        let draft = &mut self.draft;
        row(ui, "Title", |ui| line(ui, "Title", &mut draft.title));
        row(ui, "Design", |ui| {
            let shown =
                ComboBox::from_id_salt("design").selected_text(words(draft.design).0).width(300.0).show_ui(ui, |ui| {
                    for design in Design::ALL {
                        ui.selectable_value(&mut draft.design, design, words(design).0).on_hover_text(words(design).1);
                    }
                });
            named(&shown.response, "Design", None);
        });
        ui.add(Label::new(RichText::new(words(draft.design).1).color(tokens(ui.ctx()).quiet)).wrap());
        if draft.design == Design::Grading && draft.questions.is_empty() {
            row(ui, "Criteria", |ui| {
                let edit = TextEdit::multiline(&mut draft.criteria).desired_rows(4).desired_width(f32::INFINITY);
                ui.add(edit.hint_text("One a line; each is graded from 1 to 5"));
            });
        }
        row(ui, "Instructions", |ui| {
            let edit = TextEdit::multiline(&mut draft.instructions).desired_rows(4).desired_width(f32::INFINITY);
            ui.add(edit.hint_text("Shown before the first trial"));
        });
        study_questions::show(ui, draft);
        if let Some(Err(why)) = self.checked.lists.as_ref().filter(|_| !self.draft.questions.is_empty())
            && why.contains("question")
        {
            notice(ui, why);
        }
        quiet(ui, "Fixed windows and tools can be written into the plan's file");
    }

    fn images(&mut self, ui: &mut Ui) {
        let needs_truth = self.draft.design.asks_for_disease();
        if needs_truth {
            notice(
                ui,
                "This design needs each case's truth: give a table with the columns id, truth, image:acquired and image:synthetic",
            );
        }
        if !needs_truth {
            self.path(ui, Field::Acquired);
            self.path(ui, Field::Synthetic);
            quiet(ui, "Images of one case have the same name in both folders");
            ui.add_space(tokens(ui.ctx()).space.s);
        }
        self.path(ui, Field::Table);
        if let Some(pairs) = self.checked.pairs.as_ref().filter(|_| self.draft.table.as_os_str().is_empty()) {
            ui.label(format!("{} cases in both folders", pairs.both.len()));
            for (names, whose) in [(&pairs.only_acquired, "acquired"), (&pairs.only_synthetic, "synthetic")] {
                if !names.is_empty() {
                    let some = names.iter().take(4).cloned().collect::<Vec<_>>().join(", ");
                    let more = if names.len() > 4 { ", …" } else { "" };
                    let images = counted(names.len(), "image");
                    notice(ui, &format!("{images} in the {whose} folder alone, and left out: {some}{more}"));
                }
            }
        }
    }

    fn readers(&mut self, ui: &mut Ui) {
        let draft = &mut self.draft;
        row(ui, "Readers", |ui| line(ui, "Readers", &mut draft.readers));
        quiet(ui, "A short name for each, divided by commas; no person's name");
        number(ui, "Sessions", "", "How many times each reader sits down", &mut draft.sessions, 1..=20);
        if draft.sessions > 1 {
            let hint = "Days at least between two sessions of one reader, so that images are forgotten";
            number(ui, "Days between", " days", hint, &mut draft.washout_days, 0..=3650);
        }
        let hint = "Cases that are read first, with their truth told, and never analysed";
        number(ui, "Training", " cases", hint, &mut draft.training, 0..=100);
        let hint = "Trials that come a second time, to see how far readers agree with themselves";
        number(ui, "Repeats", " trials", hint, &mut draft.repeats, 0..=10_000);
        let hint = "Trials between two breaks; 0 for no breaks";
        number(ui, "Break after", " trials", hint, &mut draft.break_every, 0..=1000);
        row(ui, "Seed", |ui| ui.add(DragValue::new(&mut draft.seed)));
        quiet(ui, "Orders, sides and names come from the seed: keep it to yourself");
        self.power(ui);
        self.summary(ui);
    }

    /// Whether so many readers and cases are enough; worked out anew with every change.
    fn power(&mut self, ui: &mut Ui) {
        let design = self.draft.design;
        if !design.asks_for_disease() && !design.asks_for_synthetic() {
            return;
        }
        ui.add_space(tokens(ui.ctx()).space.s);
        ui.label(RichText::new("Power").family(bold_family()));
        if design.asks_for_disease() {
            self.path(ui, Field::Pilot);
            quiet(ui, "Ratings of a pilot: a table reader,modality,case,truth,rating of two modalities");
            let effect = &mut self.draft.effect;
            row(ui, "Difference", |ui| ui.add(DragValue::new(effect).range(0.005..=0.5).speed(0.005).max_decimals(3)));
        } else {
            row(ui, "Right, %", |ui| ui.add(DragValue::new(&mut self.draft.share_percent).range(0..=99)));
            quiet(ui, "The share of right answers of one reader that is to be told from guessing; 0 for none");
        }
        let hint = "How likely the study is to find such a difference where there is one";
        number(ui, "Power, %", "", hint, &mut self.draft.power_percent, 50..=99);
        match &self.checked.power {
            None => {}
            Some(Err(why)) => notice(ui, why),
            Some(Ok(found)) if found.power >= found.wanted => {
                ui.add(Label::new(&found.text).wrap());
            }
            Some(Ok(found)) => notice(ui, &found.text),
        }
    }

    /// What the lists will be, or what is wrong.
    fn summary(&self, ui: &mut Ui) {
        let t = tokens(ui.ctx());
        ui.add_space(t.space.s);
        match &self.checked.lists {
            None => {
                quiet(ui, "Checking…");
            }
            Some(Err(why)) => notice(ui, &sentence(why)),
            Some(Ok((lists, warnings))) => {
                ui.label(RichText::new("Reading lists").family(bold_family()));
                for list in lists {
                    ui.label(RichText::new(list).color(t.text));
                }
                for warning in warnings {
                    notice(ui, &sentence(warning));
                }
            }
        }
    }

    fn package(&mut self, ui: &mut Ui) -> Option<(PathBuf, PathBuf)> {
        self.path(ui, Field::Out);
        quiet(ui, "The plan and the key are kept beside this folder; readers get the folder alone");
        self.summary(ui);
        let t = tokens(ui.ctx());
        ui.add_space(t.space.s);
        if let Some(job) = &self.making {
            let progress = job.control().progress();
            ui.add(egui::ProgressBar::new(progress.fraction().unwrap_or(0.0)).text(progress.stage.clone()));
            if icon_button(ui, Icon::X, "Cancel", false).clicked() {
                job.control().cancel();
            }
            return None;
        }
        let ready = matches!(self.checked.lists, Some(Ok(_))) && !self.out.as_os_str().is_empty();
        let button = Button::new(RichText::new("Make the package").color(t.accent));
        // In a row of its own its words stand in its middle.
        if ui.horizontal(|ui| ui.add_enabled(ready, button.min_size(vec2(180.0, 32.0)))).inner.clicked() {
            self.make(ui.ctx());
        }
        let mut analysed = None;
        match &self.made {
            None => {}
            Some(Err(why)) => notice(ui, why),
            Some(Ok((made, key))) => {
                ui.label(RichText::new("The package is made").family(bold_family()).color(t.approved));
                ui.add(Label::new(format!("Give {} to the readers", made.folder.display())).wrap());
                ui.add(Label::new(format!("Keep {}: it opens the truth", key.display())).wrap());
                ui.add(Label::new(RichText::new(format!("Plan {}", made.plan_sha256)).monospace()).wrap());
                ui.add_space(t.space.s);
                quiet(
                    ui,
                    "When the sessions are read and their logs are back in the folder, it is analysed here or by a command",
                );
                let analyse = Action::AnalyseStudy;
                let response = ui.button(analyse.text()).on_hover_text(analyse.hint());
                if response.clicked() {
                    analysed = Some((made.folder.clone(), key.clone()));
                }
                let command = analysis_command(&made.folder, key);
                ui.horizontal_top(|ui| {
                    if icon_button(ui, Icon::Copy, "Copy the command", false).clicked() {
                        ui.ctx().copy_text(command.clone());
                    }
                    ui.add(Label::new(RichText::new(&command).monospace()).wrap());
                });
            }
        }
        analysed
    }

    fn make(&mut self, ctx: &egui::Context) {
        let (draft, out) = (self.draft.clone(), self.out.clone());
        self.made = None;
        let job = Job::spawn("Making the package", move |control| {
            in_background(|| {
                let beside = |ending: &str| {
                    let mut name = out.file_name().unwrap_or_default().to_owned();
                    name.push(ending);
                    out.with_file_name(name)
                };
                let (plan, key) = (beside(".plan.toml"), beside(".key"));
                let text = draft.to_toml().map_err(|e| format!("a folder of images cannot be read: {e}"))?;
                let failed = |path: &PathBuf, e: std::io::Error| format!("{}: {e}", path.display());
                if let Some(parent) = plan.parent() {
                    std::fs::create_dir_all(parent).map_err(|e| failed(&plan, e))?;
                }
                std::fs::write(&plan, text).map_err(|e| failed(&plan, e))?;
                let owner = if key.exists() {
                    OwnerKey::read(&key).map_err(|e| e.to_string())?
                } else {
                    let new = OwnerKey::generate();
                    new.save(&key).map_err(|e| e.to_string())?;
                    new
                };
                let made = create(&plan, &out, &owner.recipient(), control).map_err(|e| e.to_string())?;
                Ok((made, key))
            })
        });
        let ctx = ctx.clone();
        job.control().on_change(move || ctx.request_repaint());
        self.making = Some(job);
    }

    /// A field for a path, with a button that asks for it.
    fn path(&mut self, ui: &mut Ui, field: Field) {
        let (name, path, is_file) = match field {
            Field::Acquired => ("Acquired", &mut self.draft.acquired, false),
            Field::Synthetic => ("Synthetic", &mut self.draft.synthetic, false),
            Field::Table => ("Table", &mut self.draft.table, true),
            Field::Pilot => ("Pilot", &mut self.draft.pilot, true),
            Field::Out => ("Package", &mut self.out, false),
        };
        let mut choose = false;
        row(ui, name, |ui| {
            let mut text = path.display().to_string();
            // Its margins, a gap and the button; wider, it would widen every row below it.
            let width = (ui.available_width() - 40.0).max(80.0);
            let response = ui.add(TextEdit::singleline(&mut text).desired_width(width));
            text_name(&response, name, &text);
            if response.changed() {
                *path = PathBuf::from(text);
            }
            choose = icon_button(ui, Icon::FolderOpen, &format!("Choose {name}…"), false).clicked();
        });
        if choose {
            let dialog = rfd::AsyncFileDialog::new().set_title(name);
            let answer: std::pin::Pin<Box<dyn Future<Output = Option<rfd::FileHandle>> + Send>> =
                if is_file { Box::pin(dialog.pick_file()) } else { Box::pin(dialog.pick_folder()) };
            let job = Job::spawn("Choose", move |_| pollster::block_on(answer).map(|f| f.path().to_owned()));
            let ctx = ui.ctx().clone();
            job.control().on_change(move || ctx.request_repaint());
            self.choosing = Some((field, job));
        }
    }

    fn poll(&mut self, ctx: &egui::Context) {
        if let Some((field, job)) = &self.choosing {
            match job.poll() {
                Poll::Running => ctx.request_repaint_after(std::time::Duration::from_millis(200)),
                Poll::Ready(Some(path)) => {
                    match field {
                        Field::Acquired => self.draft.acquired = path,
                        Field::Synthetic => self.draft.synthetic = path,
                        Field::Table => self.draft.table = path,
                        Field::Pilot => self.draft.pilot = path,
                        Field::Out => self.out = path,
                    }
                    self.choosing = None;
                }
                Poll::Ready(None) | Poll::Gone => self.choosing = None,
            }
        }
        if let Some(job) = &self.making {
            match job.poll() {
                Poll::Running => ctx.request_repaint_after(std::time::Duration::from_millis(100)),
                Poll::Ready(made) => (self.made, self.making) = (Some(made), None),
                Poll::Gone => (self.made, self.making) = (Some(Err("A fault in Veritome".to_owned())), None),
            }
        }
        if let Some((of, job)) = &self.checking {
            match job.poll() {
                Poll::Running => ctx.request_repaint_after(std::time::Duration::from_millis(50)),
                Poll::Ready(checked) => {
                    self.checked = checked;
                    self.of = Some(of.clone());
                    self.checking = None;
                }
                Poll::Gone => self.checking = None,
            }
        }
        if self.checking.is_none() && self.of.as_ref() != Some(&self.draft) {
            self.checked.lists = None;
            let draft = self.draft.clone();
            let of = draft.clone();
            let job = Job::spawn("Checking the plan", move |_| in_background(|| check(&draft)));
            self.checking = Some((of, job));
            ctx.request_repaint_after(std::time::Duration::from_millis(50));
        }
    }

    /// Whether nothing is checked or made.
    pub fn is_idle(&self) -> bool {
        self.checking.is_none() && self.making.is_none() && self.of.as_ref() == Some(&self.draft)
    }
}

/// With a capital letter in front, where it does not begin with a name in quotes.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// The command for a package whose sessions are over.
fn analysis_command(package: &Path, key: &Path) -> String {
    let quoted = |path: &Path| {
        let text = path.display().to_string();
        if text.contains(' ') { format!("\"{text}\"") } else { text }
    };
    format!("veritome study analyze {} --key {}", quoted(package), quoted(key))
}

/// Reads the folders and makes the lists, to see that they can be made.
fn check(draft: &Draft) -> Checked {
    let pairs = Pairs::of(&draft.acquired, &draft.synthetic).ok();
    let plan = draft.plan(Path::new("plan.toml")).map_err(|e| e.to_string());
    let power = plan.as_ref().ok().and_then(PowerPlan::of_plan).map(|found| found.map_err(|e| e.to_string()));
    let lists = (|| {
        let plan = plan?;
        let lists = reading_lists(&plan).map_err(|e| e.to_string())?;
        let of = |list: &crate::reader_study::design::ReadingList| {
            format!("{}, session {}: {} trials", list.reader, list.session, list.trials.len())
        };
        Ok((lists.lists.iter().map(of).collect(), lists.warnings))
    })();
    Checked { pairs, lists: Some(lists), power }
}

fn words(design: Design) -> (&'static str, &'static str) {
    match design {
        Design::YesNo => ("Acquired or synthetic?", "One image at a time; how sure is the reader that it is synthetic"),
        Design::ForcedChoice => ("Which one is acquired?", "An acquired and a synthetic image side by side"),
        Design::Roc => {
            ("Diagnosis", "How likely is disease, read on acquired and on synthetic images in different sessions")
        }
        Design::FreeResponse => ("Localisation", "Suspicious places are marked and rated"),
        Design::Grading => ("Image quality", "Criteria are graded from 1 to 5"),
        Design::Preference => ("Preference", "Two images of one case side by side"),
        Design::Aided => ("Diagnosis with an aid", "The same cases with and without a second image"),
        Design::Approval => ("Approval", "Would the reader approve a result"),
    }
}

pub(super) fn line(ui: &mut Ui, name: &str, text: &mut String) {
    let response = ui.add(TextEdit::singleline(text).desired_width(f32::INFINITY));
    text_name(&response, name, text);
}

fn number(ui: &mut Ui, name: &str, unit: &str, hint: &str, value: &mut u32, range: std::ops::RangeInclusive<u32>) {
    row(ui, name, |ui| ui.add(DragValue::new(value).range(range).suffix(unit)).on_hover_text(hint));
}
