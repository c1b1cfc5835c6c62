//! Work on other threads: opening, thumbnails, volumes, dialogs. The window polls it and never waits.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use eframe::egui::{self, Color32, ColorImage};
use glam::DVec3;

use super::guard_words::{GuardWords, Question};
use super::library::{Loaded, SeriesId};
use super::panels::metrics::{Answered, Question as MetricsQuestion};
use super::panels::models::{self, Row};
use super::panels::record::RecordView;
use super::program::Program;
use super::results::{self, Made, Prepared, PreparedLayer};
use super::stage::acquisition_turn;
use super::tour_layers;
use super::touring::Acted;
use crate::display::{ColorMap, Grey, View, Voi, grey::auto_window, grey::to_byte};
use crate::evaluate::comparing::{ComparedImages, ComparingError, ErrorKind, error_map};
use crate::explain::Method;
use crate::inference::engine::{self, RunOptions, RunResult};
use crate::inference::manifest::{self, FoundModel, Model};
use crate::inference::runtime::{self, RuntimeStatus};
use crate::io::measurements::{self, Fit, Saved};
use crate::io::{self, IoError, Opened, Series, labels};
use crate::jobs::{Control, Job, Poll, Progress, in_background};
use crate::reader_study::quiz::{self, shipped::SHIPPED_SEED};
use crate::render::Fidelity;
use crate::render::badge::stamps;
use crate::render::scene::{Content, Layer, Plane};
use crate::render::transfer_presets;
use crate::tour::{self, Models, Names, Scene, Tour};
use crate::volume::measure::Measurement;
use crate::volume::{Interpolation, OriginMark, PatientPoint, Space, Volume, resample, statistics};

/// The name of the job that measures one layer against another.
pub(crate) const MEASURING: &str = "Measuring";

/// What becomes of what is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Into the browser, and on show.
    Show,
    /// As a layer over this series.
    Overlay(SeriesId),
}

/// Why a part of a tour has no result; `None`: the person stopped it.
#[derive(Debug)]
pub(crate) struct Stopped(pub Option<String>);

impl Stopped {
    fn of(error: &tour::TourError) -> Self {
        Self((!error.is_cancelled()).then(|| error.to_string()))
    }
}

/// Something finished.
#[derive(Debug)]
pub(crate) enum Done {
    Chosen(Vec<PathBuf>, Purpose),
    Opened(Vec<PathBuf>, Purpose, Result<Opened, IoError>),
    Preview(SeriesId, Result<(Loaded, ColorImage), IoError>),
    /// One slice of a series that loads: time point, number.
    Slice(SeriesId, [usize; 2], Result<Arc<Volume>, IoError>),
    Loaded(SeriesId, Result<Loaded, IoError>),
    OverlayLoaded(SeriesId, String, Result<(Layer, [f64; 2]), IoError>),
    /// The model folders that are there.
    Models(Vec<Row>),
    /// A model ran on a series; the text is its title.
    Ran(SeriesId, String, Result<Prepared, String>),
    /// What ONNX Runtime offers.
    Runtime(Result<RuntimeStatus, String>),
    /// A result minus its source, for this run.
    Subtracted(SeriesId, u64, Result<Box<PreparedLayer>, String>),
    /// A run was written into this folder; `None`: the person chose none.
    Saved(SeriesId, u64, Result<Option<PathBuf>, String>),
    Record(RecordView),
    /// Two layers were measured.
    Measured(Box<MetricsQuestion>, Result<Answered, ComparingError>),
    /// Errors as a layer over this series.
    ErrorMap(SeriesId, Result<(Layer, [f64; 2]), String>),
    /// Measurements were written into this file; `None`: the person chose none.
    MeasurementsSaved(Result<Option<PathBuf>, String>),
    /// Measurements of a file, and whether they belong to this series; `None`: the person chose none.
    MeasurementsRead(SeriesId, Result<Option<(Saved, Fit)>, String>),
    /// A tour's file was read; `None`: the person chose none.
    Tour(Result<Option<Box<Tour>>, String>),
    /// The image of the tour of this number.
    TourScene(u64, Result<Box<Scene>, Stopped>),
    /// A step of the tour of this number.
    TourStep(u64, usize, Result<Box<Acted>, Stopped>),
    /// The window of the quiz was closed, or could not be opened.
    Played(Result<(), String>),
    /// The task ended without a result, which only a fault in the program does.
    Lost(String),
}

enum Task {
    Dialog(Job<Option<Vec<PathBuf>>>, Purpose),
    Open(Job<Result<Opened, IoError>>, Vec<PathBuf>, Purpose),
    Preview(Job<Result<(Loaded, ColorImage), IoError>>, SeriesId),
    Slice(Job<Result<Arc<Volume>, IoError>>, SeriesId, [usize; 2]),
    Load(Job<Result<Loaded, IoError>>, SeriesId),
    Overlay(Job<Result<(Layer, [f64; 2]), IoError>>, SeriesId, String),
    Models(Job<Vec<Row>>),
    Run(Job<Result<Prepared, String>>, SeriesId, String, u64),
    Runtime(Job<Result<RuntimeStatus, String>>),
    Subtract(Job<Result<Box<PreparedLayer>, String>>, SeriesId, u64),
    Save(Job<Result<Option<PathBuf>, String>>, SeriesId, u64),
    Record(Job<RecordView>),
    Measure(Job<Result<Answered, ComparingError>>, Box<MetricsQuestion>),
    ErrorMap(Job<Result<(Layer, [f64; 2]), String>>, SeriesId),
    SaveMeasurements(Job<Result<Option<PathBuf>, String>>),
    ReadMeasurements(Job<Result<Option<(Saved, Fit)>, String>>, SeriesId),
    Tour(Job<Result<Option<Box<Tour>>, String>>),
    TourScene(Job<Result<Box<Scene>, Stopped>>, u64),
    TourStep(Job<Result<Box<Acted>, Stopped>>, u64, usize),
    Quiz(Job<Result<(), String>>),
}

/// Where an input of a run comes from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// It is here.
    Loaded(Arc<Volume>),
    /// It is read first: this time point.
    File(Box<Series>, usize),
}

impl Source {
    pub(super) fn volume(self, control: &Control) -> Result<Arc<Volume>, String> {
        match self {
            Self::Loaded(volume) => Ok(volume),
            Self::File(series, time_point) => series.load(time_point, control).map(Arc::new).map_err(|e| e.to_string()),
        }
    }
}

/// A run that the person asked for.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub model: Box<Model>,
    /// The series that the result lies over.
    pub on: SeriesId,
    /// By the input's name.
    pub inputs: Vec<(String, Source)>,
    pub options: RunOptions,
    /// How the result is explained, if it is.
    pub explain: Option<Method>,
}

/// A run that goes on or waits.
#[derive(Debug, Clone)]
pub(crate) struct RunState {
    /// Names it in the queue.
    pub id: u64,
    /// The model's.
    pub title: String,
    /// `None`: it waits.
    pub progress: Option<Progress>,
    pub cancelled: bool,
}

/// All that runs, and what waits.
#[derive(Default)]
pub(crate) struct Tasks {
    running: Vec<Task>,
    /// Thumbnails that wait for their turn: one at a time, so that volumes on show come first.
    waiting: VecDeque<(SeriesId, Series)>,
    /// Runs that wait: one at a time, because one takes the whole machine.
    asked: VecDeque<(u64, Asked)>,
    next_run: u64,
    /// What guards say of the inputs that are chosen.
    pub guards: GuardWords,
    /// The folder that a person would choose, where none is there to be asked.
    pub folder: Option<PathBuf>,
    /// What opens windows beside this one.
    program: Program,
    context: egui::Context,
}

/// A running task as the status bar shows it.
pub(crate) struct Running {
    pub name: String,
    pub control: Control,
}

impl Tasks {
    pub fn new(context: egui::Context, program: Program) -> Self {
        Self { context, program, ..Self::default() }
    }

    fn watch(&self, control: &Control) {
        let context = self.context.clone();
        // Progress may come thousands of times a second: the picture follows at thirty.
        control.on_change(move || context.request_repaint_after(std::time::Duration::from_millis(33)));
    }

    /// Asks the person for files, or for a folder.
    pub fn choose(&mut self, folder: bool, purpose: Purpose) {
        let dialog = rfd::AsyncFileDialog::new();
        let job = if folder {
            let answer = dialog.set_title("Open folder").pick_folders();
            Job::spawn("Choose a folder", move |_| pollster::block_on(answer).map(paths))
        } else {
            let answer = dialog.set_title("Open files").pick_files();
            Job::spawn("Choose files", move |_| pollster::block_on(answer).map(paths))
        };
        self.watch(job.control());
        self.running.push(Task::Dialog(job, purpose));
    }

    /// Opens paths.
    pub fn open(&mut self, paths: Vec<PathBuf>, purpose: Purpose) {
        let name = match paths.as_slice() {
            [one] => one.file_name().map_or_else(|| one.display().to_string(), |n| n.to_string_lossy().into_owned()),
            many => format!("{} paths", many.len()),
        };
        let list = paths.clone();
        let job = Job::spawn(format!("Opening {name}"), move |control| in_background(|| io::open_all(&list, control)));
        self.watch(job.control());
        self.running.push(Task::Open(job, paths, purpose));
    }

    /// Makes a thumbnail, when its turn comes.
    pub fn preview(&mut self, id: SeriesId, series: Series, at_once: bool) {
        if at_once {
            self.waiting.push_front((id, series));
        } else {
            self.waiting.push_back((id, series));
        }
        self.next_preview();
    }

    /// Reads one slice of a series, unless one of that series is on its way: the newest wish is asked for again.
    pub fn slice(&mut self, id: SeriesId, series: &Series, [time_point, index]: [usize; 2]) {
        if self.running.iter().any(|t| matches!(t, Task::Slice(_, running, _) if *running == id)) {
            return;
        }
        let series = series.clone();
        let job = Job::spawn("Reading a slice", move |_| series.slice(time_point, index).map(Arc::new));
        self.watch(job.control());
        self.running.push(Task::Slice(job, id, [time_point, index]));
    }

    /// Loads the volume of a series.
    pub fn load(&mut self, id: SeriesId, series: &Series, time_point: usize) -> Control {
        let (name, series) = (format!("Loading {}", series.description), series.clone());
        let job = Job::spawn(name, move |control| in_background(|| load(&series, time_point, control)));
        let control = job.control().clone();
        self.watch(&control);
        self.running.push(Task::Load(job, id));
        control
    }

    /// Loads a series to be laid over another.
    pub fn load_overlay(&mut self, over: SeriesId, series: &Series) {
        let (name, series) = (series.description.clone(), series.clone());
        let title = name.clone();
        let job =
            Job::spawn(format!("Loading {name}"), move |control| in_background(|| overlay(&series, title, control)));
        self.watch(job.control());
        self.running.push(Task::Overlay(job, over, name));
    }

    /// Looks for model folders: in these, or else where they are on this machine.
    pub fn find_models(&mut self, folders: Option<Vec<PathBuf>>) {
        let job = Job::spawn("Looking for models", move |_| {
            let found = folders.map_or_else(manifest::models, |folders| {
                folders.into_iter().map(|folder| FoundModel { model: Model::open(&folder), folder }).collect()
            });
            found.into_iter().map(models::row).collect()
        });
        self.watch(job.control());
        self.running.push(Task::Models(job));
    }

    /// Looks at what ONNX Runtime offers, where it is there.
    pub fn look_at_runtime(&mut self) {
        if !self.running.iter().any(|t| matches!(t, Task::Runtime(_))) {
            let job = Job::spawn("Looking at ONNX Runtime", |_| runtime::status().map_err(|e| e.to_string()));
            self.watch(job.control());
            self.running.push(Task::Runtime(job));
        }
    }

    /// Runs a model when those before it are done; ONNX Runtime is fetched first where it is missing.
    pub fn ask(&mut self, asked: Asked) {
        self.next_run += 1;
        self.asked.push_back((self.next_run, asked));
        self.next_in_queue();
    }

    /// Looks whether what lies in a model's slots is like its training data.
    pub fn look(&mut self, question: Question, asked: Asked) {
        if let Some(control) = self.guards.ask(question, asked) {
            self.watch(&control);
        }
    }

    fn next_in_queue(&mut self) {
        if self.running.iter().any(|t| matches!(t, Task::Run(..))) {
            return;
        }
        let Some((id, Asked { model, on, inputs, options, explain })) = self.asked.pop_front() else { return };
        let title = model.title();
        let job = Job::spawn(format!("Running {title}"), move |control| {
            in_background(|| {
                runtime::ensure(control).map_err(|e| e.to_string())?;
                let read = |(name, source): (String, Source)| Ok((name, source.volume(control)?));
                let inputs = inputs.into_iter().map(read).collect::<Result<Vec<_>, String>>()?;
                let mut result = engine::run(&model, &inputs, &options, control).map_err(|e| e.to_string())?;
                let reasons = explain
                    .and_then(|method| results::explained(&model, &inputs, method, &mut result, &options, control));
                let made = Made { model: *model, inputs, options };
                let mut prepared = results::prepare(result);
                prepared.layers.extend(reasons);
                Ok(Prepared { made: Some(Arc::new(made)), ..prepared })
            })
        });
        self.watch(job.control());
        self.running.push(Task::Run(job, on, title, id));
    }

    /// The runs that go on and that wait, in their order.
    pub fn runs(&self) -> Vec<RunState> {
        let running = self.running.iter().filter_map(|task| match task {
            Task::Run(job, _, title, id) => Some(RunState {
                id: *id,
                title: title.clone(),
                progress: Some(job.control().progress()),
                cancelled: job.control().is_cancelled(),
            }),
            _ => None,
        });
        let waiting = self.asked.iter().map(|(id, asked)| RunState {
            id: *id,
            title: asked.model.title(),
            progress: None,
            cancelled: false,
        });
        running.chain(waiting).collect()
    }

    /// Stops a run, or takes it out of the queue.
    pub fn cancel_run(&mut self, id: u64) {
        self.asked.retain(|(waiting, _)| *waiting != id);
        for task in &self.running {
            if let Task::Run(job, _, _, running) = task
                && *running == id
            {
                job.control().cancel();
            }
        }
    }

    /// Subtracts the source from a result.
    pub fn subtract(&mut self, on: SeriesId, run: u64, output: usize, result: Arc<Volume>, source: Arc<Volume>) {
        let job = Job::spawn("Difference", move |_| {
            in_background(|| results::difference(&result, &source, output).map(Box::new))
        });
        self.watch(job.control());
        self.running.push(Task::Subtract(job, on, run));
    }

    /// Asks for a folder and writes a run's outputs and records there.
    pub fn save_run(&mut self, on: SeriesId, run: u64, result: RunResult, made: Arc<Made>) {
        let known = self.folder.clone();
        let answer = known.is_none().then(|| rfd::AsyncFileDialog::new().set_title("Save results into").pick_folder());
        let job = Job::spawn("Saving results", move |_| {
            let asked = || pollster::block_on(answer?).map(|folder| folder.path().to_owned());
            let Some(folder) = known.or_else(asked) else { return Ok(None) };
            results::save(&result, &made, &folder)?;
            Ok(Some(folder))
        });
        self.watch(job.control());
        self.running.push(Task::Save(job, on, run));
    }

    /// Asks for a file and writes measurements there.
    pub fn save_measurements(&mut self, series: &Series, volume: Arc<Volume>, measured: Vec<Measurement>) {
        let name = measurements_name(series);
        let known = self.folder.as_ref().map(|folder| folder.join(&name));
        let dialog = rfd::AsyncFileDialog::new().set_title("Save measurements").set_file_name(name);
        let dialog = dialog.add_filter("Measurements (JSON)", &["json"]).add_filter("Table of values (CSV)", &["csv"]);
        let answer = known.is_none().then(|| dialog.save_file());
        let series = series.clone();
        let job = Job::spawn("Saving measurements", move |_| {
            let asked = || pollster::block_on(answer?).map(|file| file.path().to_owned());
            let Some(mut path) = known.or_else(asked) else { return Ok(None) };
            if path.extension().is_none() {
                path.set_extension("json");
            }
            let places = |p| series.true_point(p);
            measurements::save(&path, &volume, &measured, places).map_err(|e| e.to_string())?;
            Ok(Some(path))
        });
        self.watch(job.control());
        self.running.push(Task::SaveMeasurements(job));
    }

    /// Asks for a file of measurements, reads it, and holds it against the image of a series.
    pub fn open_measurements(&mut self, on: SeriesId, series: &Series, volume: Arc<Volume>) {
        let known = self.folder.as_ref().map(|folder| folder.join(measurements_name(series)));
        let dialog = rfd::AsyncFileDialog::new().set_title("Open measurements").add_filter("Measurements", &["json"]);
        let answer = known.is_none().then(|| dialog.pick_file());
        let series = series.clone();
        let job = Job::spawn("Reading measurements", move |_| {
            let asked = || pollster::block_on(answer?).map(|file| file.path().to_owned());
            let Some(path) = known.or_else(asked) else { return Ok(None) };
            let mut saved = measurements::read(&path).map_err(|e| e.to_string())?;
            let fit = saved.fit(&volume);
            for point in saved.measurements.iter_mut().flat_map(|what| &mut what.points) {
                *point = series.shown_point(*point);
            }
            Ok(Some((saved, fit)))
        });
        self.watch(job.control());
        self.running.push(Task::ReadMeasurements(job, on));
    }

    /// Measures a test against a reference.
    pub fn measure(&mut self, question: Box<MetricsQuestion>) -> Control {
        let asked = question.clone();
        let job = Job::spawn(MEASURING, move |control| in_background(|| asked.answer(control)));
        let control = job.control().clone();
        self.watch(&control);
        self.running.push(Task::Measure(job, question));
        control
    }

    /// Makes a layer of the errors of a comparison.
    pub fn error_map(&mut self, question: MetricsQuestion, compared: Arc<ComparedImages>, kind: ErrorKind) {
        let on = question.reference.place.series;
        let job = Job::spawn("Error map", move |_| {
            let (Content::Image(reference), Content::Image(test)) = (question.reference.content, question.test.content)
            else {
                return Err("Only images have an error map".to_owned());
            };
            let map = error_map(&reference, &test, &compared.error, kind).map_err(|e| e.to_string())?;
            Ok(results::error_layer(map, kind))
        });
        self.watch(job.control());
        self.running.push(Task::ErrorMap(job, on));
    }

    /// Reads the record beside a file, where there is one.
    pub fn read_record(&mut self, view: RecordView, beside: Option<PathBuf>) {
        let job = Job::spawn("Reading the record", move |_| view.or_from(beside));
        self.watch(job.control());
        self.running.push(Task::Record(job));
    }

    /// Asks for a tour's file and reads it.
    pub fn choose_tour(&mut self) {
        let dialog = rfd::AsyncFileDialog::new().set_title("Open a tour").add_filter("Tours", &["toml"]);
        let answer = dialog.pick_file();
        let job = Job::spawn("Choose a tour", move |_| {
            let Some(file) = pollster::block_on(answer) else { return Ok(None) };
            tour::shipped::open(file.path()).map(|tour| Some(Box::new(tour))).map_err(|e| e.to_string())
        });
        self.watch(job.control());
        self.running.push(Task::Tour(job));
    }

    /// Gets the image of a tour.
    pub fn open_tour(&mut self, id: u64, tour: Arc<Tour>) {
        let job = Job::spawn(tour.title.clone(), move |control| {
            in_background(|| Scene::open(&tour, control)).map(Box::new).map_err(|e| Stopped::of(&e))
        });
        self.watch(job.control());
        self.running.push(Task::TourScene(job, id));
    }

    /// Plays a step of a tour and makes its layers.
    pub fn play_step(&mut self, id: u64, tour: Arc<Tour>, step: usize, mut names: Names, models: Models) {
        let Some(title) = tour.steps.get(step).map(|s| s.title.clone()) else { return };
        let job = Job::spawn(title, move |control| {
            in_background(|| {
                let Some(what) = tour.steps.get(step) else { return Err(Stopped(None)) };
                let played = tour::play(&tour, what, &names, &models, control).map_err(|e| Stopped::of(&e))?;
                for (name, named) in &played.named {
                    names.give(name, named.clone());
                }
                let laid = tour_layers::layers_of(what, &played, &names);
                Ok(Box::new(Acted { played, laid }))
            })
        });
        self.watch(job.control());
        self.running.push(Task::TourStep(job, id, step));
    }

    /// How far a tour's image or step is; the number of the step.
    pub fn tour(&self) -> Option<(Option<usize>, Control)> {
        self.running.iter().find_map(|task| match task {
            Task::TourScene(job, _) => Some((None, job.control().clone())),
            Task::TourStep(job, _, step) => Some((Some(*step), job.control().clone())),
            _ => None,
        })
    }

    /// Makes the shipped quiz where it is not there, and opens its window.
    pub fn quiz(&mut self) {
        if self.running.iter().any(|t| matches!(t, Task::Quiz(_))) {
            return;
        }
        let program = self.program.clone();
        let job = Job::spawn("Quiz", move |control| {
            in_background(|| quiz::ensure(SHIPPED_SEED, control)).map_err(|e| e.to_string())?;
            control.stage("Open in a window of its own", 0);
            program.run(&["quiz".into()])
        });
        self.watch(job.control());
        self.running.push(Task::Quiz(job));
    }

    /// What finished since the last call.
    pub fn poll(&mut self) -> Vec<Done> {
        let mut done = Vec::new();
        self.running.retain(|task| {
            let finished = match task {
                Task::Dialog(job, purpose) => finished(job, |paths| Done::Chosen(paths.unwrap_or_default(), *purpose)),
                Task::Open(job, paths, purpose) => finished(job, |r| Done::Opened(paths.clone(), *purpose, r)),
                Task::Preview(job, id) => finished(job, |r| Done::Preview(*id, r)),
                Task::Slice(job, id, which) => finished(job, |r| Done::Slice(*id, *which, r)),
                Task::Load(job, id) => finished(job, |r| Done::Loaded(*id, r)),
                Task::Overlay(job, id, name) => finished(job, |r| Done::OverlayLoaded(*id, name.clone(), r)),
                Task::Models(job) => finished(job, Done::Models),
                Task::Run(job, id, name, _) => finished(job, |r| Done::Ran(*id, name.clone(), r)),
                Task::Runtime(job) => finished(job, Done::Runtime),
                Task::Subtract(job, id, run) => finished(job, |r| Done::Subtracted(*id, *run, r)),
                Task::Save(job, id, run) => finished(job, |r| Done::Saved(*id, *run, r)),
                Task::Record(job) => finished(job, Done::Record),
                Task::Measure(job, question) => finished(job, |r| Done::Measured(question.clone(), r)),
                Task::ErrorMap(job, id) => finished(job, |r| Done::ErrorMap(*id, r)),
                Task::SaveMeasurements(job) => finished(job, Done::MeasurementsSaved),
                Task::ReadMeasurements(job, id) => finished(job, |r| Done::MeasurementsRead(*id, r)),
                Task::Tour(job) => finished(job, Done::Tour),
                Task::TourScene(job, id) => finished(job, |r| Done::TourScene(*id, r)),
                Task::TourStep(job, id, step) => finished(job, |r| Done::TourStep(*id, *step, r)),
                Task::Quiz(job) => finished(job, Done::Played),
            };
            match finished {
                None => true,
                Some(result) => {
                    done.push(result);
                    false
                }
            }
        });
        self.guards.poll();
        self.next_preview();
        self.next_in_queue();
        done
    }

    fn next_preview(&mut self) {
        if self.running.iter().any(|t| matches!(t, Task::Preview(..))) {
            return;
        }
        if let Some((id, series)) = self.waiting.pop_front() {
            let job = Job::spawn(format!("Thumbnail of {}", series.description), move |_| preview(&series));
            self.watch(job.control());
            self.running.push(Task::Preview(job, id));
        }
    }

    /// What runs, for the status bar.
    pub fn running(&self) -> Vec<Running> {
        let of = |name: &str, control: &Control| Running { name: name.to_owned(), control: control.clone() };
        self.running
            .iter()
            .filter_map(|task| match task {
                Task::Dialog(..) | Task::Tour(_) | Task::Models(_) | Task::Runtime(_) | Task::Record(_) => None,
                Task::Slice(..) | Task::SaveMeasurements(_) | Task::ReadMeasurements(..) => None,
                Task::Open(job, ..) => Some(of(job.name(), job.control())),
                Task::Preview(job, _) => Some(of(job.name(), job.control())),
                Task::Load(job, _) => Some(of(job.name(), job.control())),
                Task::Overlay(job, ..) => Some(of(job.name(), job.control())),
                Task::Run(job, ..) => Some(of(job.name(), job.control())),
                Task::Subtract(job, ..) => Some(of(job.name(), job.control())),
                Task::Save(job, ..) => Some(of(job.name(), job.control())),
                Task::Measure(job, _) => Some(of(job.name(), job.control())),
                Task::ErrorMap(job, _) => Some(of(job.name(), job.control())),
                Task::TourScene(job, _) => Some(of(job.name(), job.control())),
                Task::TourStep(job, ..) => Some(of(job.name(), job.control())),
                Task::Quiz(job) => Some(of(job.name(), job.control())),
            })
            .collect()
    }

    /// What keeps a window without images waiting, for the person; `None`: nothing does.
    pub fn waiting_for(&self) -> Option<String> {
        let quiz = self.running.iter().find_map(|task| match task {
            Task::Quiz(job) => Some(job.control().progress().stage),
            _ => None,
        });
        match quiz {
            Some(stage) if stage.is_empty() => Some("Making the quiz, once…".to_owned()),
            Some(stage) => Some(format!("Making the quiz, once: {stage}…")),
            None => (!self.is_idle()).then(|| "Opening…".to_owned()),
        }
    }

    /// Whether nothing runs and nothing waits.
    pub fn is_idle(&self) -> bool {
        self.running.is_empty() && self.waiting.is_empty() && self.asked.is_empty() && self.guards.is_idle()
    }

    /// Asks everything to stop.
    pub fn cancel_all(&mut self) {
        self.waiting.clear();
        self.asked.clear();
        self.guards.cancel();
        for running in self.running() {
            running.control.cancel();
        }
    }
}

fn paths(handles: Vec<rfd::FileHandle>) -> Vec<PathBuf> {
    handles.iter().map(|h| h.path().to_owned()).collect()
}

fn finished<T: Send + 'static>(job: &Job<T>, into: impl FnOnce(T) -> Done) -> Option<Done> {
    match job.poll() {
        Poll::Running => None,
        Poll::Ready(value) => Some(into(value)),
        Poll::Gone => Some(Done::Lost(job.name().to_owned())),
    }
}

fn load(series: &Series, time_point: usize, control: &Control) -> Result<Loaded, IoError> {
    let volume = series.load(time_point, control)?;
    control.checkpoint()?;
    Ok(measured(volume))
}

/// A series as a layer: labels where it holds labels, else an image in colours. And its range, for the sliders.
fn overlay(series: &Series, name: String, control: &Control) -> Result<(Layer, [f64; 2]), IoError> {
    let volume = series.load(0, control)?;
    control.checkpoint()?;
    if labels::looks_like_labels(&volume)
        && let Ok(mut map) = labels::as_labelmap(&volume)
    {
        map.name = name;
        return Ok((Layer::labels(Arc::new(map)), [0.0, 1.0]));
    }
    let range = statistics::range(&volume).unwrap_or([0.0, 1.0]);
    let loaded = measured(volume);
    let mut layer = Layer::image(loaded.volume.clone());
    layer.name = name;
    layer.voi = loaded.voi;
    layer.opacity = 0.5;
    layer.colormap = ColorMap::Viridis;
    Ok((layer, range))
}

/// A volume with its windows and its histogram.
pub(crate) fn measured(volume: Volume) -> Loaded {
    let auto = auto_window(&volume);
    let voi = volume.display.first().unwrap_or(Voi::Window(auto));
    let histogram = statistics::histogram(&volume, 512).map(Arc::new);
    let presets = Arc::new(transfer_presets::for_volume(&volume));
    Loaded { volume: Arc::new(volume), auto, voi, histogram, presets }
}

const THUMBNAIL: usize = 144;

fn preview(series: &Series) -> Result<(Loaded, ColorImage), IoError> {
    let loaded = measured(series.preview()?);
    let image = thumbnail(&loaded);
    Ok((loaded, image))
}

/// The first slice of a volume as a square picture, radiological where it has a place in the patient.
fn thumbnail(loaded: &Loaded) -> ColorImage {
    let volume = &loaded.volume;
    let geometry = &volume.geometry;
    let grey = Grey::new(volume, loaded.voi.clone());
    let size = [THUMBNAIL as u32; 2];
    let plane = match &volume.space {
        Space::Patient { .. } => {
            let turn = acquisition_turn(geometry);
            let [u, v, _] = geometry.directions();
            let view = View::nearest(turn.inverse() * u.cross(v));
            Plane::fitted_along(geometry, turn * view.right(), turn * view.down(), geometry.center(), size)
        }
        Space::Stack { pixel_spacing_mm, .. } => {
            let [sx, sy] = pixel_spacing_mm.unwrap_or([1.0, 1.0]);
            let [nx, ny, _] = volume.size().map(|n| n as f64);
            let mm = (nx * sx).max(ny * sy) / THUMBNAIL as f64;
            let half = (THUMBNAIL as f64 - 1.0) / 2.0;
            let (right, down) = (DVec3::X * mm / sx, DVec3::Y * mm / sy);
            Plane { origin: PatientPoint(geometry.center().0 - (right + down) * half), right, down }
        }
    };
    let mut pixels = Vec::with_capacity(THUMBNAIL * THUMBNAIL);
    for y in 0..THUMBNAIL {
        for x in 0..THUMBNAIL {
            let point = geometry.to_voxel(plane.at(x as f64, y as f64));
            if let Some(hidden) = volume.hidden_at(point) {
                pixels.push(Color32::from_rgb(hidden[0], hidden[1], hidden[2]));
                continue;
            }
            pixels.push(match resample::sample_colour(volume, point, Interpolation::Linear) {
                Some([r, g, b]) => Color32::from_rgb(r as u8, g as u8, b as u8),
                None => resample::sample(volume, point, Interpolation::Linear)
                    .and_then(|stored| grey.level(stored))
                    .map_or(Color32::BLACK, |level| Color32::from_gray(to_byte(level))),
            });
        }
    }
    let mut image = ColorImage::new([THUMBNAIL, THUMBNAIL], pixels);
    if let Some(origin) = volume.provenance.mark() {
        mark(&mut image, origin);
    }
    image
}

/// The badge as it is on a picture of the size that the browser shows, enlarged as the thumbnail is larger.
fn mark(image: &mut ColorImage, origin: OriginMark) {
    let shown = 64_usize;
    for stamp in stamps([shown as u32; 2], Some(origin), &Fidelity::default(), 1.0) {
        let [left, top] = stamp.at.map(|x| x as usize * THUMBNAIL / shown);
        let [width, height] = [stamp.image.width(), stamp.image.height()].map(|n| n as usize * THUMBNAIL / shown);
        for y in 0..height {
            for x in 0..width {
                let from = [x * shown / THUMBNAIL, y * shown / THUMBNAIL].map(|x| x as u32);
                let [r, g, b, a] = stamp.image.get_pixel(from[0], from[1]).0;
                if let Some(pixel) = image.pixels.get_mut((top + y) * THUMBNAIL + left + x) {
                    *pixel = pixel.blend(Color32::from_rgba_unmultiplied(r, g, b, a));
                }
            }
        }
    }
}

/// What the measurements of a series are saved as, where the person says nothing else.
fn measurements_name(series: &Series) -> String {
    let plain = |c: char| if c.is_alphanumeric() || matches!(c, '-' | '_') { c } else { '_' };
    let name: String = series.description.chars().take(60).map(plain).collect();
    format!("{name}.measurements.json")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::{Geometry, Provenance};

    #[test]
    fn a_synthetic_thumbnail_carries_the_badge_and_a_real_one_does_not() {
        let magenta = |provenance| {
            let geometry = Geometry::new([30, 20, 1], glam::DMat4::IDENTITY).unwrap();
            let voxels: Vec<i16> = (0..600).collect();
            let volume = Volume::new("v", voxels.into(), geometry, provenance).unwrap();
            let image = thumbnail(&measured(volume));
            let is = |c: &&Color32| c.r() > 200 && c.g() < 100 && c.b() > 200;
            let corner = |n: usize| n % THUMBNAIL > THUMBNAIL / 2 && n / THUMBNAIL > THUMBNAIL / 2;
            image.pixels.iter().enumerate().filter(|(n, c)| corner(*n) && is(c)).count()
        };
        assert_eq!(magenta(Provenance::acquired(vec![])), 0);
        assert!(magenta(Provenance::marked_synthetic(vec![], None)) > 30);
    }
}
