//! A piece of the window on its own, for its tests.

use std::path::PathBuf;

use eframe::egui::{self, Frame, Theme, Ui, Vec2};
use egui_kittest::Harness;

use super::ui_kit::theme;

/// A harness of `size` points with Veritome's look around `content`.
pub(crate) fn harness<'a, S: 'a>(
    size: impl Into<Vec2>,
    theme: Theme,
    state: S,
    mut content: impl FnMut(&mut Ui, &mut S) + 'a,
) -> Harness<'a, S> {
    let mut builder = Harness::builder()
        .with_size(size)
        .with_theme(theme)
        .with_pixels_per_point(scale())
        .with_max_steps(60)
        .with_step_dt(1.0 / 30.0)
        .with_context_setup(|ctx: &egui::Context| theme::install(ctx));
    if folder().is_some() {
        builder = builder.wgpu();
    }
    builder.build_ui_state(
        move |ui, state| {
            let tokens = theme::tokens(ui.ctx());
            Frame::new().fill(tokens.panel).inner_margin(tokens.space.m).show(ui, |ui| {
                ui.set_min_size(ui.available_size());
                content(ui, state);
            });
        },
        state,
    )
}

/// Saves what the harness shows as `NAME.png` where `VERITOME_PICTURES` names a folder, for a person to look at.
pub(crate) fn picture<S>(harness: &mut Harness<'_, S>, name: &str) {
    if let Some(folder) = folder() {
        std::fs::create_dir_all(&folder).unwrap();
        harness.render().unwrap().save(folder.join(format!("{name}.png"))).unwrap();
    }
}

/// Pictures as on a screen with this scale: `VERITOME_SCALE`, else 1.
fn scale() -> f32 {
    std::env::var("VERITOME_SCALE").ok().and_then(|s| s.parse().ok()).unwrap_or(1.0)
}

fn folder() -> Option<PathBuf> {
    std::env::var_os("VERITOME_PICTURES").map(PathBuf::from)
}
