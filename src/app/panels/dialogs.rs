//! Help, settings, messages, attributes: one at a time, beside the images, never modal.

use eframe::egui::{self, Align2, Grid, RichText, ScrollArea, Window, vec2};

use super::palette::{Choice, Palette};
use super::tags::Tags;
use crate::app::action::Action;
use crate::app::state::{Dialog, Model};
use crate::app::ui_kit::theme::{self, tokens};
use crate::app::ui_kit::toast::{Level, Messages};
use crate::app::ui_kit::widgets::quiet;

/// What the dialogs remember.
#[derive(Debug, Default)]
pub(crate) struct Dialogs {
    palette: Palette,
    tags: Tags,
    before: Option<Dialog>,
}

impl Dialogs {
    /// Draws the one that is open; gives what the palette chose.
    pub fn show(
        &mut self,
        ctx: &egui::Context,
        model: &mut Model,
        messages: &mut Messages,
        queue: &mut Vec<Action>,
    ) -> Option<Choice> {
        let opened = model.dialog != self.before;
        self.before = model.dialog;
        match model.dialog? {
            Dialog::Palette => {
                if opened {
                    self.palette.open();
                }
                let chosen = self.palette.show(ctx, model);
                if chosen.is_some() {
                    model.dialog = None;
                }
                chosen
            }
            Dialog::Help => {
                window(ctx, model, "Keys and mouse", vec2(560.0, 560.0), |ui, _| help(ui));
                None
            }
            Dialog::Settings => {
                window(ctx, model, "Settings", vec2(420.0, 300.0), |ui, model| settings(ui, model, queue));
                None
            }
            Dialog::Log => {
                window(ctx, model, "Messages", vec2(620.0, 380.0), |ui, _| log(ui, messages));
                None
            }
            Dialog::Tags => {
                let tags = &mut self.tags;
                window(ctx, model, "Attributes of the file", vec2(720.0, 560.0), |ui, model| tags.show(ui, model));
                None
            }
        }
    }
}

fn window(
    ctx: &egui::Context,
    model: &mut Model,
    title: &str,
    size: egui::Vec2,
    content: impl FnOnce(&mut egui::Ui, &mut Model),
) {
    let mut open = true;
    Window::new(title)
        .open(&mut open)
        .collapsible(false)
        .default_size(size)
        .pivot(Align2::CENTER_CENTER)
        .default_pos(ctx.content_rect().center())
        .show(ctx, |ui| content(ui, model));
    if !open {
        model.dialog = None;
    }
}

/// What the mouse does, and every key.
fn help(ui: &mut egui::Ui) {
    let t = tokens(ui.ctx());
    const MOUSE: [(&str, &str); 9] = [
        ("Left drag", "The tool of the toolbar; at start the window"),
        ("Middle drag", "Moves the image"),
        ("Right drag", "Magnifies"),
        ("Wheel", "One slice"),
        ("Shift + wheel", "Five slices"),
        ("Ctrl + wheel", "Magnifies about the pointer"),
        ("Shift + move", "Places the crosshair"),
        ("Double-click", "This viewport alone, and back"),
        ("Left drag on a volume", "Turns it; with Ctrl changes the window"),
    ];
    ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
        ui.label(RichText::new("Mouse").family(theme::bold_family()));
        Grid::new("mouse").num_columns(2).spacing(vec2(t.space.l, t.space.xs)).show(ui, |ui| {
            for (gesture, what) in MOUSE {
                ui.label(RichText::new(gesture).color(t.accent));
                ui.label(what);
                ui.end_row();
            }
        });
        ui.add_space(t.space.m);
        ui.label(RichText::new("Keys").family(theme::bold_family()));
        Grid::new("keys").num_columns(3).spacing(vec2(t.space.l, t.space.xs)).show(ui, |ui| {
            for action in Action::all() {
                let Some(shortcut) = action.shortcut() else { continue };
                ui.label(RichText::new(ui.ctx().format_shortcut(&shortcut)).color(t.accent));
                ui.label(action.text());
                ui.label(RichText::new(action.hint()).color(t.quiet).size(t.size.small));
                ui.end_row();
            }
        });
    });
}

fn settings(ui: &mut egui::Ui, model: &Model, queue: &mut Vec<Action>) {
    let s = &model.settings;
    for (action, on) in [
        (Action::ToggleLightTheme, s.light_theme),
        (Action::ToggleDragBrightens, s.drag_down_brightens),
        (Action::ToggleHidePatient, s.hide_patient),
        (Action::ToggleText, s.show_text),
        (Action::ToggleCrosshair, s.show_crosshair),
        (Action::ToggleReferenceLines, s.show_reference_lines),
        (Action::ToggleSync, s.sync),
    ] {
        let mut value = on;
        if ui.checkbox(&mut value, action.text()).on_hover_text(action.hint()).changed() {
            queue.push(action);
        }
    }
    ui.separator();
    quiet(ui, "Uncalibrated display: not for primary diagnosis");
}

fn log(ui: &mut egui::Ui, messages: &mut Messages) {
    let t = tokens(ui.ctx());
    ui.horizontal(|ui| {
        if ui.button("Copy").on_hover_text("All messages onto the clipboard").clicked() {
            ui.ctx().copy_text(messages.as_text());
        }
        if ui.button("Clear").clicked() {
            messages.clear();
        }
    });
    ui.separator();
    ScrollArea::vertical().auto_shrink([false, false]).stick_to_bottom(true).show(ui, |ui| {
        if messages.log().is_empty() {
            quiet(ui, "Nothing failed so far");
        }
        for message in messages.log() {
            let color = match message.level {
                Level::Info => t.text,
                Level::Warning => t.uncertain,
                Level::Error => t.error,
            };
            ui.add(egui::Label::new(RichText::new(&message.text).color(color)).wrap().selectable(true));
            if !message.details.is_empty() {
                ui.indent("details", |ui| {
                    let details = RichText::new(&message.details).size(t.size.small).color(t.quiet);
                    ui.add(egui::Label::new(details).wrap().selectable(true));
                });
            }
        }
    });
}
