//! The toolbar: open, layout, tools, and what applies to the active viewport.
//!
//! [`toolbar_fit`](super::toolbar_fit) says what of it has room; what has none is in the menu *More* at its end.

use std::iter;

use eframe::egui::containers::menu::{MenuButton, MenuConfig, SubMenuButton};
use eframe::egui::{self, Align, Button, Layout as UiLayout, PopupCloseBehavior, Response, RichText, ScrollArea, Ui};
use lucide_icons::Icon;

use super::toolbar_fit::{ARROW, Fit, LEFT, Menu, Part, RIGHT, find_key, fit};
use crate::app::action::{Action, Layout};
use crate::app::keymap;
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
        let fit = fit(ui);
        for (n, group) in LEFT.iter().map(|group| fit.kept(group)).filter(|group| !group.is_empty()).enumerate() {
            if n > 0 {
                ui.separator();
            }
            for one in group {
                part(ui, one, &fit, model, queue);
            }
        }
        ui.with_layout(UiLayout::right_to_left(Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = t.space.xs;
            if !fit.hidden.is_empty() {
                more(ui, &fit, model, queue);
            }
            for one in fit.kept(&RIGHT).into_iter().rev() {
                part(ui, one, &fit, model, queue);
            }
        });
    });
}

/// One part of the bar.
fn part(ui: &mut Ui, part: Part, fit: &Fit, model: &mut Model, queue: &mut Vec<Action>) {
    let t = tokens(ui.ctx());
    match part {
        Part::Title => {
            ui.label(RichText::new("Veritome").family(theme::bold_family()).size(t.size.title).color(t.text));
            ui.add_space(t.space.xs);
        }
        Part::Menu(of) => {
            let hint = of.hint();
            let (text, hint) = if fit.words.of_menus() { (of.name(), hint.to_owned()) } else { ("", hint_of(of)) };
            menu(ui, picture(of, model), of.name(), text, &hint, |ui| content(ui, of, model, queue));
        }
        Part::Act(action) => {
            let with_text = fit.words.of_tools() && part.has_words();
            if action_button(ui, action, chosen(action, model), with_text) {
                queue.push(action);
            }
        }
        Part::Find => {
            let key = find_key(ui.ctx(), fit.words);
            let picture = icon(Icon::Search).color(t.quiet);
            let button = if key.is_empty() {
                Button::new(picture)
            } else {
                Button::new((picture, RichText::new(key).color(t.quiet)))
            };
            let response = ui.add(button);
            named(&response, &Action::Palette.text(), None);
            if response.on_hover_text(tooltip(ui.ctx(), Action::Palette)).clicked() {
                queue.push(Action::Palette);
            }
        }
    }
}

/// What has no room in the bar, in the bar's order.
fn more(ui: &mut Ui, fit: &Fit, model: &mut Model, queue: &mut Vec<Action>) {
    let t = tokens(ui.ctx());
    let tool = Action::SetTool(model.tool);
    let holds_tool = fit.hidden.contains(&Part::Act(tool));
    let tint = if holds_tool { t.accent } else { t.text };
    let button = Button::new(icon(Icon::Ellipsis).color(tint)).selected(holds_tool).frame_when_inactive(false);
    let response = opens(ui, button, |ui| {
        let all = LEFT.into_iter().chain([RIGHT.as_slice()]);
        let groups = all.map(|group| group.iter().copied().filter(|one| fit.hidden.contains(one)).collect::<Vec<_>>());
        for (n, group) in groups.filter(|group| !group.is_empty()).enumerate() {
            if n > 0 {
                ui.separator();
            }
            for one in group {
                match one {
                    Part::Act(action) => item(ui, action, chosen(action, model), queue),
                    Part::Menu(of) => sub_menu(ui, of, model, queue),
                    Part::Title | Part::Find => {}
                }
            }
        }
    });
    named(&response, "More", holds_tool.then_some(true));
    let what =
        if holds_tool { format!("{} is chosen", tool.text()) } else { "What has no room in this bar".to_owned() };
    response.on_hover_text(format!("More\n{what}"));
}

/// Whether a button of the bar is pressed in.
fn chosen(action: Action, model: &Model) -> bool {
    match action {
        Action::SetTool(tool) => model.tool == tool,
        Action::Metrics => model.dialog == Some(Dialog::Metrics),
        Action::ToggleWhy => model.settings.why_open,
        Action::ToggleLayers => model.shows_layers(),
        Action::ToggleStudies => model.shows_studies(),
        Action::ToggleOverlays => model.overlays_on,
        _ => false,
    }
}

fn picture(of: Menu, model: &Model) -> Icon {
    match of {
        Menu::Open => Icon::FolderOpen,
        Menu::Layout => Action::SetLayout(model.layout).icon(),
        Menu::Presets => Icon::SlidersHorizontal,
        Menu::View => Icon::Box,
        Menu::Slab => Icon::Layers,
    }
}

/// A menu without its name in the bar says it in its tooltip.
fn hint_of(of: Menu) -> String {
    format!("{}\n{}", of.name(), of.hint())
}

/// A button that opens a menu; `text` stands on it.
fn menu(ui: &mut Ui, picture: Icon, name: &str, text: &str, hint: &str, content: impl FnOnce(&mut Ui)) {
    let t = tokens(ui.ctx());
    let (picture, arrow) = (icon(picture), icon(Icon::ChevronDown).size(ARROW).color(t.quiet));
    let button = if text.is_empty() {
        Button::new((picture, arrow))
    } else {
        Button::new((picture, RichText::new(text), arrow))
    };
    let response = opens(ui, button.frame_when_inactive(false), content);
    named(&response, name, None);
    response.on_hover_text(hint);
}

/// A button with its menu. A line that is chosen closes it by itself; a slider in it must not.
fn opens(ui: &mut Ui, button: Button<'_>, content: impl FnOnce(&mut Ui)) -> Response {
    let config = MenuConfig::new().close_behavior(PopupCloseBehavior::CloseOnClickOutside);
    MenuButton::from_button(button).config(config).ui(ui, |ui| scrolled(ui, content)).0
}

/// A menu in a menu.
fn sub_menu(ui: &mut Ui, of: Menu, model: &mut Model, queue: &mut Vec<Action>) {
    let button = Button::new((icon(picture(of, model)), RichText::new(of.name())))
        .right_text(SubMenuButton::arrow_atom(None))
        .frame_when_inactive(false);
    let (response, _) =
        SubMenuButton::from_button(button).ui(ui, |ui| scrolled(ui, |ui| content(ui, of, model, queue)));
    named(&response, of.name(), None);
}

/// The lines of a menu; they scroll where the window is lower than they are.
fn scrolled(ui: &mut Ui, content: impl FnOnce(&mut Ui)) {
    let t = tokens(ui.ctx());
    let most = ui.ctx().content_rect().height() - t.size.toolbar - 2.0 * t.space.l;
    ui.set_min_width(220.0);
    ScrollArea::vertical().max_height(most.max(120.0)).show(ui, content);
}

/// What a menu holds.
fn content(ui: &mut Ui, of: Menu, model: &mut Model, queue: &mut Vec<Action>) {
    match of {
        Menu::Open => {
            for action in [Action::OpenFiles, Action::OpenFolder, Action::AddOverlay, Action::CloseAll] {
                item(ui, action, false, queue);
            }
            ui.separator();
            let tours = (1..shipped::ALL.len() as u8).map(Action::StartTour);
            for action in iter::once(Action::TryDemo).chain(tours).chain([Action::OpenTour, Action::PlayQuiz]) {
                item(ui, action, false, queue);
            }
            ui.separator();
            for action in [Action::NewStudy, Action::ReadStudy, Action::AnalyseStudy] {
                item(ui, action, false, queue);
            }
        }
        Menu::Layout => {
            for layout in Layout::ALL {
                item(ui, Action::SetLayout(layout), model.layout == layout, queue);
            }
            ui.separator();
            item(ui, Action::Maximise, model.maximised, queue);
            item(ui, Action::FullScreen, model.full_screen, queue);
        }
        Menu::Presets => presets_of(ui, model, queue),
        Menu::View => views(ui, model, queue),
        Menu::Slab => slabs(ui, model, queue),
    }
}

/// A line of a menu.
fn item(ui: &mut Ui, action: Action, chosen: bool, queue: &mut Vec<Action>) {
    let t = tokens(ui.ctx());
    let key = keymap::key(ui.ctx(), action).map(|s| keymap::words(ui.ctx(), &s)).unwrap_or_default();
    let tint = if chosen { t.accent } else { t.text };
    let button = Button::new((icon(action.icon()).color(tint), RichText::new(action.text()).color(tint)))
        .shortcut_text(RichText::new(key).color(t.quiet))
        .frame_when_inactive(false);
    let response = ui.add(button);
    named(&response, &action.text(), Some(chosen));
    if response.on_hover_text(action.hint()).clicked() {
        queue.push(action);
        ui.close();
    }
}

/// Presets of the modality, windows of the file, automatic, inverted.
fn presets_of(ui: &mut Ui, model: &Model, queue: &mut Vec<Action>) {
    let stage = model.active_series().and_then(|id| model.stages.get(&id));
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
            .frame_when_inactive(false);
        if ui.add(button).clicked() {
            queue.push(action);
            ui.close();
        }
    }
}

/// What the active viewport shows.
fn views(ui: &mut Ui, model: &Model, queue: &mut Vec<Action>) {
    let kind = model.pane().map(|p| p.kind);
    let acquisition = model.stage_of(model.active).is_some_and(|s| s.acquisition);
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
}

/// Thick slices of the active viewport.
fn slabs(ui: &mut Ui, model: &mut Model, queue: &mut Vec<Action>) {
    let active = model.active;
    let slab = model.pane().map(|p| p.slab).unwrap_or_default();
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
}
