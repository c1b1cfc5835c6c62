//! The panel: what is measured against what, and what came of it.

use std::sync::Arc;

use eframe::egui::{self, Button, ComboBox, DragValue, Label, ProgressBar, RichText, Sense, Ui, UiBuilder, vec2};
use lucide_icons::Icon;

use super::question::{Answered, Choosable, Kind, Place, Question, choosable};
use super::slice_plot::{self, Drawn};
use super::tables;
use crate::app::state::Model;
use crate::app::ui_kit::theme::tokens;
use crate::app::ui_kit::widgets::{icon, icon_button, named, notice, quiet, synthetic_badge};
use crate::evaluate::comparing::{ComparingError, ErrorKind};
use crate::jobs::Control;
use crate::render::scene::Content;
use crate::volume::VoxelPoint;

/// What the person asks for.
#[derive(Debug, Clone)]
pub(crate) enum MetricsWish {
    Measure(Box<Question>),
    /// The errors of an answer as a layer over the reference.
    ErrorMap(Box<Question>, Arc<crate::evaluate::comparing::ComparedImages>, ErrorKind),
}

/// What is chosen, what runs, what came of it.
#[derive(Debug, Default)]
pub(crate) struct MetricsPanel {
    reference: Option<Place>,
    test: Option<Place>,
    mask: Option<Place>,
    range: Option<f64>,
    tolerance_mm: Option<f64>,
    label: Option<u16>,
    resample: bool,
    running: Option<Control>,
    answer: Option<(Box<Question>, Result<Answered, ComparingError>)>,
    drawn: Drawn,
}

impl MetricsPanel {
    /// A measurement goes on.
    pub fn began(&mut self, control: Control) {
        if let Some(before) = self.running.replace(control) {
            before.cancel();
        }
    }

    /// A measurement ended.
    pub fn ended(&mut self, question: Box<Question>, answer: Result<Answered, ComparingError>) {
        self.running = None;
        if !matches!(answer, Err(ComparingError::Cancelled(_))) {
            self.answer = Some((question, answer));
        }
    }

    /// Chooses what lies nearest, where nothing is chosen: the active series, and the image or map that is held against it.
    pub fn opened(&mut self, model: &Model) {
        let all = choosable(model);
        let there = |place: Option<Place>| place.filter(|p| all.iter().any(|c| c.place == *p));
        if there(self.reference).is_some() || there(self.test).is_some() {
            return;
        }
        let Some(series) = model.active_series() else { return };
        let base = Place { series, overlay: None };
        self.reference = there(Some(base));
        let over =
            model.stages.get(&series).and_then(|s| s.counterpart()).map(|o| Place { series, overlay: Some(o.id) });
        let other = all.iter().find(|c| c.place.overlay.is_none() && c.place != base && !c.is_labels());
        self.test = over.or(other.map(|c| c.place));
    }

    /// Draws it.
    pub fn ui(&mut self, ui: &mut Ui, model: &mut Model) -> Option<MetricsWish> {
        let t = tokens(ui.ctx());
        let all = choosable(model);
        self.forget_what_went(&all);
        if all.len() < 2 {
            quiet(ui, "Open two images, or lay a result or a label map over one: then they can be measured");
            return None;
        }
        let before = (self.reference, self.test, self.mask);
        self.choices(ui, &all);
        if before != (self.reference, self.test, self.mask) {
            self.resample = false;
        }
        let question = self.question(&all)?;
        let kind = question.kind();
        if let Ok(kind) = kind {
            self.options(ui, kind, &question);
        }
        let reference = question.reference.content.provenance();
        if reference.is_synthetic() {
            ui.horizontal(|ui| {
                synthetic_badge(ui);
                notice(ui, "The reference is itself synthetic: it is no truth");
            });
        }
        ui.add_space(t.space.xs);
        let mut wish = self.start(ui, &question, kind);
        ui.separator();
        match &self.answer {
            Some((asked, Ok(answered))) if asked.is_same(&question) => {
                let (asked, answered) = (asked.clone(), answered.clone());
                wish = self.answered(ui, model, &asked, &answered).or(wish);
            }
            Some((asked, Err(why))) if asked.is_same(&question) => {
                let resampling = why.wants_resampling() && self.running.is_none();
                notice(ui, &sentence(&why.to_string()));
                if resampling {
                    let button = ui.button("Resample onto the reference");
                    let hint = "Interpolates the test (linearly; labels by the nearest voxel); the result says so";
                    if button.on_hover_text(hint).clicked() {
                        self.resample = true;
                        wish = Some(MetricsWish::Measure(Box::new(Question { resample: true, ..question })));
                    }
                }
            }
            _ if self.running.is_none() && kind.is_ok() => {
                quiet(ui, "Nothing is measured yet");
            }
            _ => {}
        }
        wish
    }

    /// Lets an answer go whose images are no longer there: it would keep them in memory, and say what is not true of what
    /// came in their place.
    pub fn let_go(&mut self, model: &Model) {
        let Some((question, _)) = &self.answer else { return };
        let all = choosable(model);
        let there = |one: &Choosable| all.iter().any(|c| c.is_same(one));
        let asked = [Some(&question.reference), Some(&question.test), question.mask.as_ref()];
        if !asked.into_iter().flatten().all(there) {
            self.answer = None;
        }
    }

    /// A measurement stopped without a result, which only a fault in the program does.
    pub fn lost(&mut self) {
        self.running = None;
    }

    fn forget_what_went(&mut self, all: &[Choosable]) {
        let there = |place: Option<Place>| place.filter(|p| all.iter().any(|c| c.place == *p));
        (self.reference, self.test, self.mask) = (there(self.reference), there(self.test), there(self.mask));
    }

    fn question(&self, all: &[Choosable]) -> Option<Question> {
        let find = |place: Option<Place>| all.iter().find(|c| Some(c.place) == place).cloned();
        let (reference, test) = (find(self.reference)?, find(self.test)?);
        let is_scores = reference.is_labels() && !test.is_labels();
        Some(Question {
            mask: find(self.mask),
            range: self.range.filter(|_| !reference.is_labels()),
            tolerance_mm: self.tolerance_mm.unwrap_or(1.0),
            label: self.label.filter(|_| is_scores),
            resample: self.resample,
            reference,
            test,
        })
    }

    fn choices(&mut self, ui: &mut Ui, all: &[Choosable]) {
        let mut swap = false;
        field(ui, "Reference", |ui| {
            combo(ui, "Choose the reference", &mut self.reference, all, None);
            swap = icon_button(ui, Icon::ArrowDownUp, "Swap reference and test", false).clicked();
        });
        field(ui, "Test", |ui| combo(ui, "Choose the test", &mut self.test, all, None));
        if swap {
            std::mem::swap(&mut self.reference, &mut self.test);
        }
        let maps: Vec<Choosable> = all.iter().filter(|c| c.is_labels()).cloned().collect();
        if !maps.is_empty() || self.mask.is_some() {
            field(ui, "Mask", |ui| combo(ui, "Choose the mask", &mut self.mask, &maps, Some("None: the whole image")));
        }
    }

    /// What one kind of measurement needs to know.
    fn options(&mut self, ui: &mut Ui, kind: Kind, question: &Question) {
        match kind {
            Kind::Images => self.data_range(ui, question),
            Kind::Labels => {
                field(ui, "Tolerance", |ui| {
                    let mut tolerance = question.tolerance_mm;
                    let value = DragValue::new(&mut tolerance).range(0.01..=100.0).speed(0.05).suffix(" mm");
                    let response = ui.add(value).on_hover_text("Surfaces that are no further apart count as the same");
                    spin(&response, "Tolerance of the surface Dice", tolerance);
                    if response.changed() {
                        self.tolerance_mm = Some(tolerance);
                    }
                });
            }
            Kind::Scores => {
                let Some(map) = question.reference.labels() else { return };
                field(ui, "Finds", |ui| {
                    let name = |label: Option<u16>| match label {
                        None => "All labels together".to_owned(),
                        Some(value) => map.label(value).map_or_else(|| format!("Label {value}"), |l| l.name.clone()),
                    };
                    let combo = ComboBox::from_id_salt("label to find").selected_text(name(question.label));
                    let response = combo.show_ui(ui, |ui| {
                        ui.selectable_value(&mut self.label, None, name(None));
                        for label in &map.labels {
                            ui.selectable_value(&mut self.label, Some(label.value), &label.name);
                        }
                    });
                    combo_named(&response.response, "Label that the map is to find", &name(question.label));
                });
            }
        }
    }

    /// Full scale of PSNR and SSIM: always said, and to be changed.
    fn data_range(&mut self, ui: &mut Ui, question: &Question) {
        let unit = match &question.reference.content {
            Content::Image(volume) => volume.unit.symbol().to_owned(),
            Content::Labels(_) => String::new(),
        };
        let measured =
            self.answer.as_ref().and_then(|(_, answer)| answer.as_ref().ok()?.images.as_ref()?.comparison.data_range);
        field(ui, "Data range", |ui| {
            let mut stated = self.range.is_some();
            let response = ui.checkbox(&mut stated, "Stated");
            if response.on_hover_text("Else the greatest value of the reference less its least").changed() {
                self.range = stated.then(|| measured.unwrap_or(1.0));
            }
            match &mut self.range {
                Some(range) => {
                    let speed = (*range / 200.0).max(1e-6);
                    let value = DragValue::new(range).range(f64::MIN_POSITIVE..=f64::MAX).speed(speed);
                    let response = ui.add(value.suffix(format!(" {unit}").trim_end()));
                    spin(&response, "Data range", *range);
                }
                None => {
                    quiet(ui, "of the reference: its greatest value less its least");
                }
            }
        });
    }

    fn start(&mut self, ui: &mut Ui, question: &Question, kind: Result<Kind, &'static str>) -> Option<MetricsWish> {
        if let Some(control) = self.running.clone() {
            let progress = control.progress();
            ui.horizontal(|ui| {
                if ui.button("Cancel").clicked() {
                    control.cancel();
                }
                ui.add(ProgressBar::new(progress.fraction().unwrap_or(0.0)).desired_width(120.0).animate(true));
                quiet(ui, progress.stage);
            });
            return None;
        }
        let mut wish = None;
        ui.horizontal(|ui| {
            let button = Button::new((icon(Icon::Ruler), RichText::new("Measure")));
            let response = ui.add_enabled(kind.is_ok(), button);
            named(&response, "Measure", None);
            if response.clicked() {
                wish = Some(MetricsWish::Measure(Box::new(question.clone())));
            }
            if let Err(why) = kind {
                quiet_wrapped(ui, why);
            }
        });
        wish
    }

    fn answered(
        &mut self,
        ui: &mut Ui,
        model: &mut Model,
        question: &Question,
        answered: &Answered,
    ) -> Option<MetricsWish> {
        let t = tokens(ui.ctx());
        let sheet = &answered.sheet;
        let mut wish = None;
        ui.horizontal_wrapped(|ui| {
            for (text, hint, csv) in
                [("Copy", "All numbers as text", false), ("Copy CSV", "All numbers for a table program", true)]
            {
                if ui.button(text).on_hover_text(hint).clicked() {
                    ui.ctx().copy_text(if csv { sheet.csv() } else { sheet.text() });
                }
            }
            let Some(images) = &answered.images else { return };
            for (text, hint, kind) in [
                ("Difference layer", "Test minus reference as a layer over the reference", ErrorKind::Signed),
                ("Absolute error layer", "Without the sign, as a layer over the reference", ErrorKind::Absolute),
            ] {
                if ui.button(text).on_hover_text(hint).clicked() {
                    wish = Some(MetricsWish::ErrorMap(Box::new(question.clone()), images.clone(), kind));
                }
            }
        });
        for note in &sheet.notes {
            notice(ui, note);
        }
        egui::ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
            let regions = tables::regions(&sheet.rows);
            let Some(images) = &answered.images else {
                if question.kind() == Ok(Kind::Labels) {
                    let table: Vec<_> = sheet
                        .rows
                        .iter()
                        .filter(|r| !(r.measure.starts_with("Tolerance") || r.measure.starts_with("Volume, ")))
                        .cloned()
                        .collect();
                    if table.is_empty() {
                        quiet(ui, "Neither map has a label other than 0");
                    }
                    quiet(ui, format!("Surface Dice at {} mm", question.tolerance_mm));
                    tables::by_region(ui, &table, &regions, "Label");
                } else {
                    tables::by_measure(ui, &sheet.rows, &regions);
                    quiet_wrapped(
                        ui,
                        "The threshold of the best Dice is chosen with the reference: its Dice flatters the map",
                    );
                }
                return;
            };
            let main: Vec<&str> = regions.iter().copied().filter(|r| ["Mask", "Whole image"].contains(r)).collect();
            if let Some(detail) = &images.detail {
                let now = slice_on_show(model, question);
                if let Some(k) = slice_plot::show(ui, &mut self.drawn, &detail.slices, images.unit.symbol(), now) {
                    go_to_slice(model, question, k);
                }
                ui.add_space(t.space.xs);
            }
            tables::by_measure(ui, &sheet.rows, &main);
            if let Some(detail) = &images.detail {
                let names: Vec<&str> = detail.labels.iter().map(|l| l.name.as_str()).collect();
                if !names.is_empty() {
                    ui.add_space(t.space.s);
                    tables::by_region(ui, &sheet.rows, &names, "Label of the mask");
                }
            }
            let tissues: Vec<&str> = regions.iter().copied().filter(|r| r.ends_with(" HU")).collect();
            if !tissues.is_empty() {
                ui.add_space(t.space.s);
                tables::by_region(ui, &sheet.rows, &tissues, "Tissue by the reference");
            }
        });
        wish
    }
}

/// The viewport that shows the reference's series: the active one before others.
fn pane_of(model: &Model, question: &Question) -> Option<usize> {
    let series = Some(question.reference.place.series);
    let shows = |index: &usize| model.panes.get(*index).is_some_and(|p| p.series == series);
    std::iter::once(model.active).chain(0..model.panes.len()).find(shows)
}

/// The slice on show along the reference's third axis.
fn slice_on_show(model: &Model, question: &Question) -> Option<usize> {
    let pane = model.panes.get(pane_of(model, question)?)?;
    let k = question.reference.content.geometry().to_voxel(pane.point).0.z.round();
    (k >= 0.0).then_some(k as usize)
}

fn go_to_slice(model: &mut Model, question: &Question, k: usize) {
    let Some(pane) = pane_of(model, question) else { return };
    let geometry = question.reference.content.geometry();
    let Some(at) = model.panes.get(pane).map(|p| geometry.to_voxel(p.point).0) else { return };
    let to = geometry.to_patient(VoxelPoint::new(at.x, at.y, k as f64));
    model.move_point(pane, to);
}

fn combo(ui: &mut Ui, name: &str, chosen: &mut Option<Place>, all: &[Choosable], none: Option<&str>) {
    let text = |place: Option<Place>| {
        let found = all.iter().find(|c| Some(c.place) == place).map(|c| c.name.clone());
        found.unwrap_or_else(|| none.unwrap_or("Choose…").to_owned())
    };
    let now = text(*chosen);
    let response = ComboBox::from_id_salt(("metrics", name))
        .selected_text(now.as_str())
        .width((ui.available_width() - 44.0).max(80.0))
        .truncate()
        .show_ui(ui, |ui| {
            if let Some(none) = none {
                ui.selectable_value(chosen, None, none);
            }
            for one in all {
                ui.selectable_value(chosen, Some(one.place), &one.name);
            }
        });
    combo_named(&response.response, name, &now);
}

/// A label at the left, its controls in one column.
fn field<R>(ui: &mut Ui, label: &str, content: impl FnOnce(&mut Ui) -> R) -> R {
    let t = tokens(ui.ctx());
    ui.horizontal(|ui| {
        let (rect, _) = ui.allocate_exact_size(vec2(72.0, 20.0), Sense::hover());
        let layout = egui::Layout::left_to_right(egui::Align::Center);
        let text = RichText::new(label).size(t.size.small).color(t.quiet);
        ui.new_child(UiBuilder::new().max_rect(rect).layout(layout)).add(Label::new(text).truncate());
        content(ui)
    })
    .inner
}

fn combo_named(response: &egui::Response, name: &str, value: &str) {
    response.widget_info(|| {
        let mut info = egui::WidgetInfo::labeled(egui::accesskit::Role::ComboBox, true, name);
        info.current_text_value = Some(value.to_owned());
        info
    });
}

fn spin(response: &egui::Response, name: &str, value: f64) {
    response.widget_info(|| {
        let mut info = egui::WidgetInfo::labeled(egui::accesskit::Role::SpinButton, true, name);
        info.value = Some(value);
        info
    });
}

fn quiet_wrapped(ui: &mut Ui, text: &str) {
    let t = tokens(ui.ctx());
    ui.add(Label::new(RichText::new(text).size(t.size.small).color(t.quiet)).wrap());
}

/// With a capital letter.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
