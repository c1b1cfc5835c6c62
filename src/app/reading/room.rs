//! The reading room: one frame of it, and what a frame works on.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use eframe::egui::{self, CentralPanel, Frame, Margin, Panel, Ui};

use super::blobs::Blobs;
use super::questions::Form;
use super::seen::Seen;
use super::{quiz, screens, tools, trial};
use crate::app::action::Action;
use crate::app::dispatch::Reach;
use crate::app::history::History;
use crate::app::measuring::MeasuredBefore;
use crate::app::picture::Pictures;
use crate::app::program::Program;
use crate::app::state::{Model, Settings};
use crate::app::tasks::Tasks;
use crate::app::ui_kit::{theme, theme::tokens, toast::Messages};
use crate::app::wheel::Wheel;
use crate::reader_study::design::{PublicList, PublicStudy};
use crate::reader_study::quiz::Score;
use crate::reader_study::quiz::rounds::put_away;
use crate::reader_study::session::clock::{Clock as _, SystemClock};
use crate::reader_study::session::event::{Monitor, Opened};
use crate::reader_study::session::reading::ReadingError;
use crate::reader_study::session::receipt::Receipt;
use crate::reader_study::session::step::Step;
use crate::reader_study::session::verify::{Expected, verify_file};
use crate::reader_study::session::washout::MayStart;
use crate::reader_study::session::{Event, PackageView, Progress, ReadingSession, SessionLog, VerifiedLog};
use crate::tour::Models;

/// What lies on the reader's desk: a package, a list, and what was read of it.
#[derive(Debug, Clone)]
pub struct Desk {
    /// The package.
    pub package: PackageView,
    /// What this reader reads in this session.
    pub list: PublicList,
    /// SHA-256 of the list's file.
    pub list_sha256: String,
    /// Where the session stands.
    pub progress: Progress,
    /// Whether the session has a log already.
    pub is_begun: bool,
    /// What the reader keeps of a session that is over.
    pub receipt: Option<Receipt>,
    /// Written first: why the washout time is passed over.
    pub overridden: Option<Event>,
}

impl Desk {
    /// Lays out what a reader reads in a session, where it stands, and whether it may start: `Err` with the words for a reason
    /// that can be overridden is in [`MayStart`].
    ///
    /// # Errors
    /// When the package, the list or the log of the session cannot be used.
    pub fn open(folder: &Path, reader: &str, session: u32) -> anyhow::Result<(Self, MayStart)> {
        let package = PackageView::read(folder)?;
        let (list, list_sha256) = package.list(reader, session)?;
        let log_of = |session: u32| -> anyhow::Result<Option<VerifiedLog>> {
            let path = package.log_path(reader, session);
            if !path.exists() {
                return Ok(None);
            }
            Ok(Some(verify_file(&path, &Expected::default())?))
        };
        let own = log_of(session)?;
        let receipt = own.as_ref().filter(|log| log.closed().is_some()).map(|log| Receipt {
            reader: reader.to_owned(),
            session,
            plan_sha256: package.study.plan_sha256.clone(),
            lines: log.entries.len(),
            last_line_sha256: log.last_hash.clone(),
        });
        let entries = own.map(|log| log.entries).unwrap_or_default();
        let progress = Progress::new(&package.study, &list, &entries);
        let previous = if session > 1 { log_of(session - 1)? } else { None };
        let washout = f64::from(package.study.sessions.washout_days);
        // A session that is under way goes on.
        let may = if entries.is_empty() {
            MayStart::decide(session, previous.as_ref(), washout, SystemClock::new().utc())
        } else {
            MayStart::Yes
        };
        Ok((
            Self { package, list, list_sha256, progress, is_begun: !entries.is_empty(), receipt, overridden: None },
            may,
        ))
    }

    /// Lays out a round of a quiz: one that was left goes on, a finished one is put away.
    ///
    /// # Errors
    /// When the package cannot be used, or is a study.
    pub fn quiz(folder: &Path) -> anyhow::Result<Self> {
        let package = PackageView::read(folder)?;
        let player = package.study.readers.first().cloned().unwrap_or_default();
        let (list, _) = package.list(&player, 1)?;
        anyhow::ensure!(
            list.is_quiz(),
            "{}: this is a study, whose cases are analysed; read it with `veritome study read`",
            folder.display()
        );
        let (desk, _) = Self::open(folder, &player, 1)?;
        if !matches!(desk.progress.step(0), Step::Closed(reason) if reason.is_final()) {
            return Ok(desk);
        }
        let log = desk.log_path();
        put_away(&log).with_context(|| log.display().to_string())?;
        Ok(Self::open(folder, &player, 1)?.0)
    }

    fn log_path(&self) -> PathBuf {
        self.package.log_path(&self.list.reader, self.list.session)
    }
}

/// How a room opens.
#[derive(Debug, Clone, Copy, Default)]
pub struct RoomOptions {
    /// Leaves out what differs from run to run, for pictures in tests.
    pub steady: bool,
}

/// Idle for so long is written into the log, s (`READER_STUDIES.md`, section 3).
const IDLE_S: f64 = 60.0;

/// Opens the room on the whole screen and returns when it is closed.
///
/// # Errors
/// When no window can be opened.
pub fn open_room(desk: Desk) -> anyhow::Result<()> {
    let builder = egui::ViewportBuilder::default()
        .with_title("Blinded study")
        .with_app_id("veritome")
        .with_fullscreen(true)
        .with_min_inner_size([800.0, 520.0]);
    let native = crate::app::window::native_options(builder);
    eframe::run_native(
        "veritome",
        native,
        Box::new(move |cc| Ok(Box::new(ReadingRoom::new(cc, desk, RoomOptions::default())))),
    )
    .map_err(|error| anyhow::anyhow!("the window could not be opened: {error}"))
}

/// The screen as the window knows it: its pixels, not its millimetres.
fn monitor(ctx: &egui::Context) -> Monitor {
    let (size, scale) =
        ctx.input(|i| (i.viewport().monitor_size.unwrap_or(i.viewport_rect().size()), i.pixels_per_point()));
    Monitor {
        width_px: (size.x * scale).round() as u32,
        height_px: (size.y * scale).round() as u32,
        scale: f64::from(scale),
        width_mm: None,
        height_mm: None,
        calibration: "uncalibrated".to_owned(),
    }
}

/// The content of the window while a study is read.
pub struct ReadingRoom {
    pub(super) desk: Desk,
    /// From *Begin* on.
    session: Option<ReadingSession>,
    pub(super) model: Model,
    pub(super) pictures: Pictures,
    pub(super) form: Form,
    pub(super) seen: Seen,
    pub(super) blobs: Blobs,
    pub(super) queue: Vec<Action>,
    /// The trial whose images are on the stage.
    pub(super) on_stage: Option<usize>,
    /// Its images were drawn, so that it may be called shown.
    pub(super) drawn: bool,
    /// When a break began, seconds of the window's clock.
    pub(super) break_since: Option<f64>,
    /// What could not be kept or read; it stands before everything else until it is mended.
    pub(super) trouble: Option<String>,
    /// What the reader should know now: a question that waits for its answer.
    pub(super) hint: Option<String>,
    /// The truth of the images on the stage is told.
    pub(super) unveiled: bool,
    /// A case of a finished quiz that is looked at again.
    pub(super) again: Option<usize>,
    pub(super) active_size: [u32; 2],
    tasks: Tasks,
    messages: Messages,
    history: History,
    pub(super) measured_before: MeasuredBefore,
    wheel: Wheel,
    focused: bool,
    last_input: f64,
    idle_told: bool,
}

impl std::fmt::Debug for ReadingRoom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReadingRoom").field("on_stage", &self.on_stage).finish_non_exhaustive()
    }
}

impl ReadingRoom {
    /// The room of a desk.
    #[must_use]
    pub fn new(cc: &eframe::CreationContext<'_>, desk: Desk, options: RoomOptions) -> Self {
        theme::install(&cc.egui_ctx);
        cc.egui_ctx.set_theme(egui::Theme::Dark);
        Self {
            model: empty_stage(&desk.package.study),
            desk,
            session: None,
            pictures: Pictures::new(cc.wgpu_render_state.as_ref()),
            form: Form::default(),
            seen: Seen::default(),
            blobs: Blobs::default(),
            queue: Vec::new(),
            on_stage: None,
            drawn: false,
            break_since: None,
            trouble: None,
            hint: None,
            unveiled: false,
            again: None,
            active_size: [1, 1],
            tasks: Tasks::new(cc.egui_ctx.clone(), Program::default()),
            messages: Messages::default(),
            history: History::default(),
            measured_before: MeasuredBefore::default(),
            wheel: if options.steady { Wheel::default() } else { Wheel::of_display() },
            focused: true,
            last_input: 0.0,
            idle_told: false,
        }
    }

    /// Whether nothing is being read from disk.
    #[must_use]
    pub fn is_idle(&mut self) -> bool {
        self.blobs.is_idle() && self.queue.is_empty()
    }

    /// How many measurements lie on the images of the trial.
    #[must_use]
    pub fn measurements(&self) -> usize {
        self.model.stages.values().map(|stage| stage.measured.len()).sum()
    }

    /// What comes next in the session.
    #[must_use]
    pub fn step(&self) -> Step {
        self.session.as_ref().map_or_else(|| self.desk.progress.step(0), ReadingSession::step)
    }

    /// Where the session stands.
    pub(super) fn progress(&self) -> &Progress {
        self.session.as_ref().map_or(&self.desk.progress, ReadingSession::progress)
    }

    /// What is left of the time limit, ms.
    pub(super) fn remaining_ms(&self) -> Option<u64> {
        self.progress().remaining_ms(self.session.as_ref().map_or(0, |s| s.log().now_ms()))
    }

    /// The study as readers know it.
    pub(super) fn study(&self) -> &PublicStudy {
        &self.desk.package.study
    }

    /// Whether this is a quiz: every answer is judged at once, and nothing is analysed.
    pub(super) fn is_quiz(&self) -> bool {
        self.desk.list.is_quiz()
    }

    /// What the round came to so far.
    pub(super) fn score(&self) -> Score {
        Score::of(self.study(), &self.desk.list, self.progress())
    }

    /// Puts the finished round away and begins another one.
    pub(super) fn play_again(&mut self, ctx: &egui::Context) {
        self.session = None;
        match put_away(&self.desk.log_path()) {
            Ok(()) => {
                self.desk.progress = Progress::new(&self.desk.package.study, &self.desk.list, &[]);
                self.clear_stage();
                self.begin(ctx);
            }
            Err(error) => self.trouble = Some(format!("{}: {error}", self.desk.log_path().display())),
        }
    }

    /// Whether the reader pressed *Begin*.
    pub(super) fn begun(&self) -> bool {
        self.session.is_some()
    }

    /// Opens the log, or goes on with it.
    pub(super) fn begin(&mut self, ctx: &egui::Context) {
        let opening = Opened {
            reader: self.desk.list.reader.clone(),
            session: self.desk.list.session,
            plan_sha256: self.study().plan_sha256.clone(),
            list_sha256: self.desk.list_sha256.clone(),
            software: format!("Veritome {}", env!("CARGO_PKG_VERSION")),
            adapter: self.pictures.device().to_owned(),
            monitor: monitor(ctx),
            simulated: false,
            torn: false,
        };
        match SessionLog::open(&self.desk.log_path(), opening) {
            Ok(log) => {
                self.trouble = None;
                self.session = Some(ReadingSession::new(self.study(), &self.desk.list, log));
                if let Some(event) = self.desk.overridden.take() {
                    self.act(|s| s.washout_overridden(event));
                }
            }
            Err(error) => self.trouble = Some(error.to_string()),
        }
        ctx.request_repaint();
    }

    /// Does something in the session; false where it could not be done or kept.
    pub(super) fn act(&mut self, what: impl FnOnce(&mut ReadingSession) -> Result<(), ReadingError>) -> bool {
        let Some(session) = &mut self.session else { return false };
        let result = what(session);
        self.kept(result)
    }

    /// Takes what a step of the session gave: what could not be kept stands before everything else.
    fn kept(&mut self, result: Result<(), ReadingError>) -> bool {
        match result {
            Ok(()) => {
                (self.trouble, self.hint) = (None, None);
                true
            }
            Err(ReadingError::Log(error)) => {
                self.trouble = Some(error.to_string());
                false
            }
            Err(ReadingError::Progress(why)) => {
                self.hint = Some(why.to_string());
                false
            }
        }
    }

    /// Closes the session and writes its receipt beside the log.
    fn close(&mut self) {
        if !self.act(ReadingSession::close) || self.is_quiz() {
            return;
        }
        let Some(session) = &self.session else { return };
        let (list, plan) = (&self.desk.list, &self.desk.package.study.plan_sha256);
        let receipt = Receipt::of(session.log(), &list.reader, list.session, plan);
        // The session is over and on disk: a receipt that cannot be written is still shown.
        self.hint = receipt.write(&Receipt::path(&self.desk.log_path())).err().map(|e| e.to_string());
        self.desk.receipt = Some(receipt);
    }

    /// Empties the stage for the next trial.
    pub(super) fn clear_stage(&mut self) {
        self.model = empty_stage(&self.desk.package.study);
        self.form = Form::default();
        self.seen = Seen::default();
        self.measured_before = MeasuredBefore::default();
        (self.on_stage, self.drawn, self.unveiled) = (None, false, false);
    }

    fn watch_reader(&mut self, ctx: &egui::Context) {
        let (touched, focused, now) = ctx.input(|i| {
            let moved = i.events.iter().any(|e| !matches!(e, egui::Event::WindowFocused(_)));
            (moved, i.viewport().focused.unwrap_or(true), i.time)
        });
        if touched {
            if self.idle_told {
                let seconds = now - self.last_input;
                self.act(|s| s.idle(seconds));
                self.idle_told = false;
            }
            self.last_input = now;
        } else if now - self.last_input > IDLE_S {
            self.idle_told = true;
        }
        if focused != self.focused {
            self.focused = focused;
            self.act(|s| s.focus(focused));
        }
    }

    pub(super) fn perform_all(&mut self, ctx: &egui::Context) {
        for action in std::mem::take(&mut self.queue) {
            // Only measurements: a window or a layout that came back would be a change that the reader did not make.
            if action == Action::Undo {
                self.measured_before.undo(&mut self.model.stages);
                self.model.measuring.chosen = None;
                ctx.request_repaint();
                continue;
            }
            let allowed = matches!(
                action,
                Action::SetTool(_)
                    | Action::DeleteMeasurement
                    | Action::Slices(_)
                    | Action::FirstSlice
                    | Action::LastSlice
                    | Action::Invert
                    | Action::HeaderWindow
                    | Action::Fit
                    | Action::Maximise
                    | Action::SetLayout(_)
            );
            if allowed {
                let mut reach = Reach {
                    model: &mut self.model,
                    tasks: &mut self.tasks,
                    messages: &mut self.messages,
                    history: &mut self.history,
                    ctx,
                    active_size: self.active_size,
                    tour_models: &Models::Installed,
                };
                reach.perform(action);
                ctx.request_repaint();
            }
        }
    }
}

/// A viewer with nothing in it, and with no more than the plan allows.
fn empty_stage(study: &PublicStudy) -> Model {
    let mut settings = Settings { show_crosshair: false, show_reference_lines: false, ..Settings::default() };
    settings.preferences.hide_patient = true;
    settings.layout = crate::app::Layout::Single;
    let mut model = Model::new(settings);
    let allowed = tools::tools(&study.reading.tools);
    model.tool = allowed.get(1).copied().unwrap_or(crate::app::action::Tool::Scroll);
    model.blinded = Some(allowed);
    model
}

impl eframe::App for ReadingRoom {
    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        let ctx = ui.ctx().clone();
        self.watch_reader(&ctx);
        let t = tokens(&ctx);
        let step = self.step();
        let panel = Frame::new().fill(t.panel).inner_margin(Margin::symmetric(t.space.m as i8, 0));
        Panel::top("study").exact_size(t.size.toolbar).frame(panel).show(ui, |ui| screens::bar(ui, self, &step));
        if let Some(why) = self.trouble.clone() {
            CentralPanel::no_frame().frame(Frame::new().fill(t.image)).show(ui, |ui| screens::trouble(ui, self, &why));
        } else if !self.begun() && !matches!(step, Step::Closed(_)) {
            CentralPanel::no_frame().frame(Frame::new().fill(t.image)).show(ui, |ui| screens::welcome(ui, self));
            self.look_ahead(&ctx, &step);
        } else {
            match step {
                Step::Show { at, .. } | Step::Answer { at, .. } => trial::show(ui, self, at, None),
                Step::Feedback { code, text } => {
                    let at = self.desk.list.trials.iter().position(|t| t.code == code).unwrap_or(0);
                    trial::show(ui, self, at, Some(&text));
                }
                Step::Closed(_) if self.again.is_some() => trial::show(ui, self, self.again.unwrap_or(0), Some("")),
                Step::Closed(_) if self.is_quiz() => {
                    CentralPanel::no_frame().frame(Frame::new().fill(t.image)).show(ui, |ui| quiz::score(ui, self));
                }
                Step::Break | Step::Paused | Step::Closed(_) => {
                    CentralPanel::no_frame()
                        .frame(Frame::new().fill(t.image))
                        .show(ui, |ui| screens::between(ui, self, &step));
                    self.look_ahead(&ctx, &step);
                }
                Step::TimeOver | Step::Finish => {
                    self.close();
                    self.clear_stage();
                    ctx.request_repaint();
                }
            }
        }
        self.perform_all(&ctx);
        // The log's idle time is looked at even when nothing moves.
        ctx.request_repaint_after(std::time::Duration::from_secs(20));
    }

    fn raw_input_hook(&mut self, _context: &egui::Context, input: &mut egui::RawInput) {
        self.wheel.filter(input);
        // Nothing of a study leaves the program through the clipboard.
        input.events.retain(|e| !matches!(e, egui::Event::Copy | egui::Event::Cut));
    }

    fn on_exit(&mut self) {
        // A session that ends before its time may be resumed.
        if self.begun() && !matches!(self.step(), Step::Closed(_)) {
            self.close();
        }
    }

    fn clear_color(&self, _visuals: &egui::Visuals) -> [f32; 4] {
        [0.0, 0.0, 0.0, 1.0]
    }

    fn persist_egui_memory(&self) -> bool {
        false
    }
}

impl ReadingRoom {
    /// Reads the images of the next trial while there is time.
    pub(super) fn look_ahead(&mut self, ctx: &egui::Context, step: &Step) {
        let (done, _) = self.progress().counts();
        let next = match step {
            Step::Show { at, .. } => *at,
            Step::Answer { at, .. } => at + 1,
            _ => done,
        };
        if let Some(trial) = self.desk.list.trials.get(next) {
            let ctx = ctx.clone();
            self.blobs.want(next, trial, &self.desk.package.folder, move || ctx.request_repaint());
        }
    }
}
