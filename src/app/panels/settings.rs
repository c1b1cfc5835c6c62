//! How the window behaves, as the person likes it.

use eframe::egui::accesskit::Role;
use eframe::egui::{
    Align, Button, Checkbox, Color32, CornerRadius, Frame, Layout, Margin, RichText, Slider, Ui, WidgetInfo, vec2,
};
use serde::{Deserialize, Serialize};

use crate::app::ui_kit::theme::{self, Tokens, tokens};
use crate::app::ui_kit::widgets;
use crate::volume::Interpolation;

/// What the person can set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Preferences {
    /// For lecture rooms; images stay on black.
    pub light_theme: bool,
    /// The whole window larger or smaller, 1 as the system wants it.
    pub ui_scale: f32,
    /// Dragging down brightens (Weasis); else it darkens (Cornerstone).
    pub drag_down_brightens: bool,
    /// How much a drag or a turn of the wheel magnifies, 1 as usual.
    pub zoom_speed: f32,
    /// For slices, when a study is opened.
    pub interpolation: Interpolation,
    /// Letters and corner text over images.
    pub show_text: bool,
    /// Names, numbers and dates of the patient are not shown.
    pub hide_patient: bool,
}

impl Default for Preferences {
    fn default() -> Self {
        Self {
            light_theme: false,
            ui_scale: 1.0,
            drag_down_brightens: false,
            zoom_speed: 1.0,
            interpolation: Interpolation::Linear,
            show_text: true,
            hide_patient: false,
        }
    }
}

impl Preferences {
    /// Numbers within what the window can bear, whatever a file said.
    #[must_use]
    pub fn sane(mut self) -> Self {
        let fit = |x: f32, [low, high]: [f32; 2]| if x.is_finite() { x.clamp(low, high) } else { 1.0 };
        self.ui_scale = fit(self.ui_scale, SCALES);
        self.zoom_speed = fit(self.zoom_speed, SPEEDS);
        self
    }
}

const SCALES: [f32; 2] = [0.75, 2.0];
const SPEEDS: [f32; 2] = [0.25, 4.0];
const LABEL: f32 = 168.0;

/// What the panel remembers between frames: the scale while its slider is dragged, because scaling under the pointer
/// would make it run away.
#[derive(Debug, Clone, Default)]
pub(crate) struct SettingsPanel {
    scale: Option<f32>,
}

impl SettingsPanel {
    /// Draws the settings; true when one changed.
    pub fn ui(&mut self, ui: &mut Ui, preferences: &mut Preferences) -> bool {
        let before = preferences.clone();
        let t = tokens(ui.ctx());
        section(ui, "Window", t, |ui| {
            row(ui, "Theme", t, |ui| {
                let choices =
                    [(false, "Dark", "For reading rooms"), (true, "Light", "For lecture rooms; images stay on black")];
                choose(ui, &mut preferences.light_theme, &choices, t);
            });
            row(ui, "Size of text and controls", t, |ui| {
                let mut scale = self.scale.unwrap_or(preferences.ui_scale) * 100.0;
                let slider = Slider::new(&mut scale, SCALES[0] * 100.0..=SCALES[1] * 100.0).step_by(5.0).suffix(" %");
                let response = ui
                    .add(slider.max_decimals(0))
                    .accessible_name("Size of text and controls")
                    .on_hover_text("The whole window larger or smaller");
                if response.dragged() {
                    self.scale = Some(scale / 100.0);
                } else if response.changed() || response.drag_stopped() {
                    preferences.ui_scale = scale / 100.0;
                    self.scale = None;
                }
            });
        });
        section(ui, "Mouse", t, |ui| {
            row(ui, "Dragging down", t, |ui| {
                let choices = [
                    (false, "Darkens", "The level of the window rises"),
                    (true, "Brightens", "The level of the window falls"),
                ];
                choose(ui, &mut preferences.drag_down_brightens, &choices, t);
            });
            row(ui, "Zoom speed", t, |ui| {
                let slider = Slider::new(&mut preferences.zoom_speed, SPEEDS[0]..=SPEEDS[1]).logarithmic(true);
                ui.add(slider.fixed_decimals(2).suffix(" ×"))
                    .accessible_name("Zoom speed")
                    .on_hover_text("How much a drag or a turn of the wheel magnifies");
            });
        });
        section(ui, "Images", t, |ui| {
            row(ui, "Interpolation", t, |ui| {
                let choices = [
                    (Interpolation::Nearest, "Voxels", "No interpolation: every voxel as a box"),
                    (Interpolation::Linear, "Linear", "Between neighbouring voxels"),
                    (Interpolation::Cubic, "Cubic", "Smoother; slower on software rendering"),
                ];
                choose(ui, &mut preferences.interpolation, &choices, t);
            });
            row(ui, "Text over images", t, |ui| {
                let on = &mut preferences.show_text;
                toggle(ui, on, "Text over images", "Letters at the edges and text in the corners  (Space)");
            });
            row(ui, "Hide the patient", t, |ui| {
                let on = &mut preferences.hide_patient;
                toggle(ui, on, "Hide the patient", "Names, numbers and dates are not shown");
            });
        });
        ui.add_space(t.space.m);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let usual = *preferences == Preferences::default();
            let button = ui.add_enabled(!usual, Button::new("Reset settings"));
            widgets::named(&button, "Reset settings", None);
            if button.on_hover_text("Everything on this page as it was at first").clicked() {
                *preferences = Preferences::default();
            }
        });
        *preferences != before
    }
}

fn section(ui: &mut Ui, title: &str, t: &Tokens, content: impl FnOnce(&mut Ui)) {
    ui.add_space(t.space.s);
    let text = RichText::new(title).family(theme::bold_family()).color(t.text);
    ui.label(text);
    ui.add_space(t.space.xs);
    content(ui);
    ui.add_space(t.space.s);
}

fn row(ui: &mut Ui, label: &str, t: &Tokens, content: impl FnOnce(&mut Ui)) {
    ui.allocate_ui_with_layout(vec2(ui.available_width(), 28.0), Layout::left_to_right(Align::Center), |ui| {
        let (rect, _) = ui.allocate_exact_size(vec2(LABEL, 28.0), eframe::egui::Sense::hover());
        let font = eframe::egui::FontId::proportional(t.size.body);
        ui.painter().text(rect.left_center(), eframe::egui::Align2::LEFT_CENTER, label, font, t.quiet);
        content(ui);
    });
}

/// Buttons side by side in one frame, of which one is on.
fn choose<T: PartialEq + Copy>(ui: &mut Ui, value: &mut T, choices: &[(T, &str, &str)], t: &Tokens) {
    Frame::new().fill(t.field).corner_radius(CornerRadius::same(t.size.radius)).inner_margin(Margin::same(2)).show(
        ui,
        |ui| {
            ui.spacing_mut().item_spacing.x = 2.0;
            for (choice, name, hint) in choices {
                let on = value == choice;
                let text = RichText::new(*name).color(if on { t.text } else { t.quiet });
                let button = Button::new(text).fill(ground(on, t)).min_size(vec2(72.0, 24.0));
                let response = ui.add(button);
                response.widget_info(|| WidgetInfo::selected(Role::RadioButton, true, on, *name));
                if response.on_hover_text(*hint).clicked() {
                    *value = *choice;
                }
            }
        },
    );
}

fn ground(on: bool, t: &Tokens) -> Color32 {
    if on { t.accent_ground } else { t.field }
}

fn toggle(ui: &mut Ui, on: &mut bool, name: &str, hint: &str) {
    let word = if *on { "On" } else { "Off" };
    ui.add(Checkbox::new(on, word)).accessible_name(name).on_hover_text(hint);
}

#[cfg(test)]
mod tests {
    use eframe::egui::Theme;
    use egui_kittest::Harness;
    use egui_kittest::kittest::Queryable as _;

    use super::*;
    use crate::app::test_window::{harness, picture};

    fn shown(theme: Theme) -> Harness<'static, (SettingsPanel, Preferences, usize)> {
        harness(vec2(480.0, 420.0), theme, Default::default(), |ui, s| {
            if s.0.ui(ui, &mut s.1) {
                s.2 += 1;
            }
        })
    }

    #[test]
    fn each_choice_is_found_by_name_and_counts_once() {
        let mut h = shown(Theme::Dark);
        h.run();
        picture(&mut h, "settings");
        for name in ["Light", "Brightens", "Cubic", "Text over images", "Hide the patient"] {
            h.get_by_label(name).click();
            h.run();
        }
        let p = &h.state().1;
        assert!(p.light_theme && p.drag_down_brightens && !p.show_text && p.hide_patient);
        assert_eq!(p.interpolation, Interpolation::Cubic);
        assert_eq!(h.state().2, 5);
        h.get_by_label("Reset settings").click();
        h.run();
        assert_eq!(h.state().1, Preferences::default());
    }

    #[test]
    fn the_light_theme_is_legible_too() {
        let mut h = shown(Theme::Light);
        h.run();
        picture(&mut h, "settings_light");
    }

    #[test]
    fn absurd_numbers_of_a_file_are_not_taken() {
        let p = Preferences { ui_scale: 1e9, zoom_speed: f32::NAN, ..Preferences::default() }.sane();
        assert_eq!((p.ui_scale, p.zoom_speed), (2.0, 1.0));
    }
}
