//! One measure by slice: the slice on show is marked, a click goes to another.

use eframe::egui::{self, Align2, ComboBox, FontId, Key, Pos2, Rect, Sense, Stroke, Ui, pos2, vec2};

use crate::app::ui_kit::theme::tokens;
use crate::evaluate::comparing::SliceNumbers;
use crate::evaluate::comparing::sheet::{number, with_unit};

/// What is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Drawn {
    #[default]
    Mae,
    Rmse,
    Bias,
    Ssim,
}

impl Drawn {
    const ALL: [Self; 4] = [Self::Mae, Self::Rmse, Self::Bias, Self::Ssim];

    fn name(self) -> &'static str {
        match self {
            Self::Mae => "MAE",
            Self::Rmse => "RMSE",
            Self::Bias => "Bias",
            Self::Ssim => "SSIM",
        }
    }

    fn of(self, slice: &SliceNumbers) -> Option<f64> {
        match self {
            Self::Mae => slice.errors.mae().ok(),
            Self::Rmse => slice.errors.rmse().ok(),
            Self::Bias => slice.errors.bias().ok(),
            Self::Ssim => slice.ssim.clone().ok(),
        }
    }
}

/// Draws it; `now`: the slice on show, along the reference's third axis. Gives the slice that is asked for.
pub(super) fn show(
    ui: &mut Ui,
    drawn: &mut Drawn,
    slices: &[SliceNumbers],
    unit: &str,
    now: Option<usize>,
) -> Option<usize> {
    let t = tokens(ui.ctx());
    ui.horizontal(|ui| {
        let combo = ComboBox::from_id_salt("slice measure").selected_text(drawn.name()).width(72.0);
        let response = combo.show_ui(ui, |ui| {
            for one in Drawn::ALL {
                ui.selectable_value(drawn, one, one.name());
            }
        });
        response.response.widget_info(|| {
            let mut info = egui::WidgetInfo::labeled(egui::accesskit::Role::ComboBox, true, "Measure by slice");
            info.current_text_value = Some(drawn.name().to_owned());
            info
        });
        ui.label(egui::RichText::new("by slice of the reference").size(t.size.small).color(t.quiet));
    });
    let unit = if *drawn == Drawn::Ssim { "" } else { unit };
    let values: Vec<Option<f64>> = slices.iter().map(|s| drawn.of(s)).collect();
    let known = || values.iter().flatten().copied();
    if known().next().is_none() {
        let why = slices.iter().find_map(|s| s.ssim.clone().err()).unwrap_or_default();
        ui.label(egui::RichText::new(format!("No slice has one: {why}")).size(t.size.small).color(t.quiet));
        return None;
    }
    let (mut low, mut high) = known().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    // Errors begin at none.
    if *drawn != Drawn::Ssim {
        (low, high) = (low.min(0.0), high.max(0.0));
    }
    if high <= low {
        high = low + 1.0;
    }
    let (all, response) = ui.allocate_exact_size(vec2(ui.available_width(), 96.0), Sense::click_and_drag());
    let area = Rect::from_min_max(all.min + vec2(56.0, 4.0), all.max - vec2(8.0, 16.0));
    let count = slices.len();
    let x = |k: usize| area.left() + area.width() * (k as f32 + 0.5) / count as f32;
    let y = |v: f64| area.bottom() - area.height() * ((v - low) / (high - low)) as f32;
    let painter = ui.painter_at(all);
    painter.rect_filled(area, 2.0, t.field);
    let font = FontId::new(t.size.small, egui::FontFamily::Proportional);
    for (value, anchor) in [(high, Align2::RIGHT_TOP), (low, Align2::RIGHT_BOTTOM)] {
        painter.text(pos2(area.left() - 4.0, y(value)), anchor, number(value), font.clone(), t.quiet);
    }
    for (k, anchor) in [(0, Align2::LEFT_TOP), (count - 1, Align2::RIGHT_TOP)] {
        let at = if k == 0 { area.left_bottom() } else { area.right_bottom() };
        painter.text(at + vec2(0.0, 2.0), anchor, (k + 1).to_string(), font.clone(), t.quiet);
    }
    if low < 0.0 && high > 0.0 {
        painter.line_segment([pos2(area.left(), y(0.0)), pos2(area.right(), y(0.0))], Stroke::new(1.0, t.line));
    }
    // Slices without a number leave a gap.
    for run in values.iter().enumerate().collect::<Vec<_>>().chunk_by(|a, b| a.1.is_some() == b.1.is_some()) {
        let points: Vec<Pos2> = run.iter().filter_map(|(k, v)| v.map(|v| pos2(x(*k), y(v)))).collect();
        match points.as_slice() {
            [] => {}
            [one] => {
                painter.circle_filled(*one, 1.5, t.text);
            }
            _ => {
                painter.line(points, Stroke::new(1.5, t.text));
            }
        }
    }
    let word = |k: usize| {
        let value = values.get(k).copied().flatten().map(|v| with_unit(&number(v), unit));
        format!("Slice {}   {} {}", k + 1, drawn.name(), value.unwrap_or_else(|| "none".into()))
    };
    if let Some(now) = now.filter(|k| *k < count) {
        painter.line_segment([pos2(x(now), area.top()), pos2(x(now), area.bottom())], Stroke::new(1.5, t.accent));
        let at = pos2(area.center().x, area.bottom() + 2.0);
        painter.text(at, Align2::CENTER_TOP, word(now), font, t.accent);
    }
    response.widget_info(|| {
        let name = format!("{} by slice", drawn.name());
        let mut info = egui::WidgetInfo::labeled(egui::accesskit::Role::Slider, true, name);
        info.current_text_value = now.map(word);
        info
    });
    if response.has_focus() {
        painter.rect_stroke(area, 2.0, Stroke::new(1.0, t.accent), egui::StrokeKind::Inside);
        let filter = egui::EventFilter { horizontal_arrows: true, ..egui::EventFilter::default() };
        ui.memory_mut(|m| m.set_focus_lock_filter(response.id, filter));
        let step = ui.input(|i| i64::from(i.key_pressed(Key::ArrowRight)) - i64::from(i.key_pressed(Key::ArrowLeft)));
        if let (true, Some(now)) = (step != 0, now) {
            return Some((now as i64 + step).clamp(0, count as i64 - 1) as usize);
        }
    }
    let at = |p: Pos2| (((p.x - area.left()) / area.width() * count as f32).floor().max(0.0) as usize).min(count - 1);
    let asked = response.interact_pointer_pos().filter(|_| response.clicked() || response.dragged()).map(at);
    if response.clicked() {
        response.request_focus();
    }
    if let Some(p) = response.hover_pos() {
        response.on_hover_text_at_pointer(word(at(p)));
    }
    asked
}
