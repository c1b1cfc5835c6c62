//! The toolbar: open, layout, tools, and what applies to the active viewport.

use std::iter;

use eframe::egui::{self, Align, Button, Layout as UiLayout, RichText, Ui};
use lucide_icons::Icon;

use crate::app::action::{Action, Layout, Tool};
use crate::app::pane::Kind;
use crate::app::state::{Dialog, Model};
use crate::app::ui_kit::theme::{self, tokens};
use crate::app::ui_kit::widgets::{action_button, icon, named, tooltip};
use crate::display::{View, presets};
use crate::render::scene::SlabMode;
use crate::tour::shipped;
use crate::volume::Interpolation;

/// Draws it.
pub(crate) fn show(ui: &mut Ui, model: &mut Model, queue: &mut Vec<Action>) {
    let t = tokens(ui.ctx());
    ui.horizontal_centered(|ui| {
        ui.spacing_mut().item_spacing.x = t.space.xs;
        let narrow = ui.available_width() < 900.0;
        if !narrow {
            ui.label(RichText::new("Veritome").family(theme::bold_family()).size(t.size.title).color(t.text));
            ui.add_space(t.space.s);
        }
        menu(ui, Icon::FolderOpen, "Open", "Open files or a folder, or learn by a tour or a quiz", |ui| {
            for action in [Action::OpenFiles, Action::OpenFolder, Action::AddOverlay, Action::CloseAll] {
                item(ui, action, false, queue);
            }
            ui.separator();
            let tours = (1..shipped::ALL.len() as u8).map(Action::StartTour);
            for action in iter::once(Action::TryDemo).chain(tours).chain([Action::OpenTour, Action::PlayQuiz]) {
                item(ui, action, false, queue);
            }
        });
        menu(ui, layout_icon(model.layout), "Layout", "Divide the image area", |ui| {
            for layout in Layout::ALL {
                item(ui, Action::SetLayout(layout), model.layout == layout, queue);
            }
            ui.separator();
            item(ui, Action::Maximise, model.maximised, queue);
            item(ui, Action::FullScreen, model.full_screen, queue);
        });
        ui.separator();
        let wide = ui.available_width() > 1200.0;
        let mut tool = |ui: &mut Ui, tool: Tool, with_text: bool| {
            if action_button(ui, Action::SetTool(tool), model.tool == tool, with_text) {
                queue.push(Action::SetTool(tool));
            }
        };
        for one in Tool::ALL.into_iter().filter(|t| !Tool::MEASURES.contains(t)) {
            tool(ui, one, wide);
        }
        ui.separator();
        for one in Tool::MEASURES {
            tool(ui, one, false);
        }
        if action_button(ui, Action::Metrics, model.dialog == Some(Dialog::Metrics), false) {
            queue.push(Action::Metrics);
        }
        ui.separator();
        window_menu(ui, model, queue);
        view_menu(ui, model, queue);
        slab_menu(ui, model, queue);
        ui.with_layout(UiLayout::right_to_left(Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = t.space.xs;
            for (action, chosen) in [
                (Action::Help, false),
                (Action::Settings, false),
                (Action::ToggleWhy, model.settings.why_open),
                (Action::ToggleLayers, model.settings.layers_open),
                (Action::ToggleStudies, model.settings.studies_open),
                (Action::ToggleOverlays, model.overlays_on),
            ] {
                if action_button(ui, action, chosen, false) {
                    queue.push(action);
                }
            }
            let key = crate::app::keymap::key(ui.ctx(), Action::Palette).map(|s| ui.ctx().format_shortcut(&s));
            let key = key.filter(|_| !narrow).unwrap_or_default();
            let find = Button::new((icon(Icon::Search).color(t.quiet), RichText::new(key).color(t.quiet)));
            let response = ui.add(find);
            named(&response, &Action::Palette.text(), None);
            if response.on_hover_text(tooltip(ui.ctx(), Action::Palette)).clicked() {
                queue.push(Action::Palette);
            }
        });
    });
}

fn layout_icon(layout: Layout) -> Icon {
    Action::SetLayout(layout).icon()
}

/// A button that opens a menu.
fn menu(ui: &mut Ui, picture: Icon, name: &str, hint: &str, content: impl FnOnce(&mut Ui)) {
    let t = tokens(ui.ctx());
    let text = if ui.ctx().content_rect().width() < 900.0 { "" } else { name };
    let button = Button::new((icon(picture), RichText::new(text), icon(Icon::ChevronDown).size(12.0).color(t.quiet)))
        .frame_when_inactive(false);
    let (response, _) = egui::containers::menu::MenuButton::from_button(button).ui(ui, |ui| {
        ui.set_min_width(220.0);
        content(ui);
    });
    named(&response, name, None);
    response.on_hover_text(hint);
}

/// A line of a menu.
fn item(ui: &mut Ui, action: Action, chosen: bool, queue: &mut Vec<Action>) {
    let t = tokens(ui.ctx());
    let key = crate::app::keymap::key(ui.ctx(), action).map(|s| ui.ctx().format_shortcut(&s)).unwrap_or_default();
    let tint = if chosen { t.accent } else { t.text };
    let button = Button::new((icon(action.icon()).color(tint), RichText::new(action.text()).color(tint)))
        .shortcut_text(RichText::new(key).color(t.quiet))
        .frame_when_inactive(false)
        .min_size(egui::vec2(ui.available_width(), 0.0));
    let response = ui.add(button);
    named(&response, &action.text(), Some(chosen));
    if response.on_hover_text(action.hint()).clicked() {
        queue.push(action);
        ui.close();
    }
}

/// Presets of the modality, windows of the file, automatic, inverted.
fn window_menu(ui: &mut Ui, model: &Model, queue: &mut Vec<Action>) {
    let stage = model.active_series().and_then(|id| model.stages.get(&id));
    menu(ui, Icon::SlidersHorizontal, "Presets", "Presets, the file's windows, automatic, invert", |ui| {
        let Some(stage) = stage else {
            ui.label("Open a series first");
            return;
        };
        item(ui, Action::AutoWindow, false, queue);
        item(ui, Action::HeaderWindow, stage.base.voi == stage.header, queue);
        item(ui, Action::Invert, stage.base.inverted, queue);
        let Some(volume) = stage.volume() else { return };
        let list = presets::for_modality(&volume.modality, volume.unit.symbol());
        let names: Vec<String> = if list.is_empty() {
            let named = |(n, w): (usize, &crate::volume::image::NamedWindow)| {
                if w.name.is_empty() { format!("Window {} of the file", n + 1) } else { w.name.clone() }
            };
            volume.display.windows.iter().enumerate().map(named).collect()
        } else {
            list.iter().map(|p| format!("{}   W {:.0}  L {:.0}", p.name, p.width, p.center)).collect()
        };
        if !names.is_empty() {
            ui.separator();
        }
        for (n, name) in names.into_iter().take(9).enumerate() {
            let t = tokens(ui.ctx());
            let action = Action::Preset(n as u8 + 1);
            let button = Button::new(name)
                .shortcut_text(RichText::new(format!("{}", n + 1)).color(t.quiet))
                .frame_when_inactive(false)
                .min_size(egui::vec2(ui.available_width(), 0.0));
            if ui.add(button).clicked() {
                queue.push(action);
                ui.close();
            }
        }
    });
}

/// What the active viewport shows.
fn view_menu(ui: &mut Ui, model: &Model, queue: &mut Vec<Action>) {
    let kind = model.pane().map(|p| p.kind);
    let acquisition = model.stage_of(model.active).is_some_and(|s| s.acquisition);
    menu(ui, Icon::Box, "View", "What the active viewport shows, and how", |ui| {
        for view in View::ALL {
            item(ui, Action::ShowView(view), kind == Some(Kind::Slice(view)), queue);
        }
        item(ui, Action::ShowVolume, kind == Some(Kind::Volume), queue);
        ui.separator();
        item(ui, Action::AcquisitionPlanes, acquisition, queue);
        ui.separator();
        for interpolation in [Interpolation::Nearest, Interpolation::Linear, Interpolation::Cubic] {
            let chosen = model.settings.preferences.interpolation == interpolation;
            item(ui, Action::Interpolate(interpolation), chosen, queue);
        }
        ui.separator();
        for (action, chosen) in [
            (Action::ToggleText, model.settings.preferences.show_text),
            (Action::ToggleMeasurements, model.measurements_on),
            (Action::ToggleCrosshair, model.settings.show_crosshair),
            (Action::ToggleReferenceLines, model.settings.show_reference_lines),
            (Action::ToggleSync, model.settings.sync),
            (Action::ToggleHidePatient, model.settings.preferences.hide_patient),
        ] {
            item(ui, action, chosen, queue);
        }
        ui.separator();
        for action in [Action::Fit, Action::ActualSize, Action::Reset, Action::Metrics, Action::Tags] {
            item(ui, action, false, queue);
        }
    });
}

/// Thick slices of the active viewport.
fn slab_menu(ui: &mut Ui, model: &mut Model, queue: &mut Vec<Action>) {
    let active = model.active;
    let slab = model.pane().map(|p| p.slab).unwrap_or_default();
    menu(ui, Icon::Layers, "Slab", "Thick slices of the active viewport", |ui| {
        item(ui, Action::ThinSlice, slab.thickness_mm <= 0.0, queue);
        for mode in [SlabMode::Mean, SlabMode::Mip, SlabMode::MinIp] {
            item(ui, Action::Slab(mode), slab.thickness_mm > 0.0 && slab.mode == mode, queue);
        }
        ui.separator();
        let mut thickness = slab.thickness_mm;
        let slider = egui::Slider::new(&mut thickness, 0.0..=100.0).suffix(" mm").text("Thickness").step_by(0.5);
        if ui.add(slider).on_hover_text("Thickness of the slice in millimetres").changed()
            && let Some(pane) = model.panes.get_mut(active)
        {
            pane.slab.thickness_mm = thickness;
        }
    });
}
