//! The runs: the one that goes on, with stage, count, time left and cancel, and those that wait.

use eframe::egui::{self, Align, Label, Layout, RichText, Ui};
use lucide_icons::Icon;

use super::list::Wish;
use crate::app::tasks::{RunState, Tasks};
use crate::app::ui_kit::theme::tokens;
use crate::app::ui_kit::widgets::{card, icon_button, quiet};
use crate::jobs::Progress;

/// Draws it, where anything runs or waits.
pub(super) fn show(ui: &mut Ui, tasks: &Tasks, wishes: &mut Vec<Wish>) {
    let t = tokens(ui.ctx());
    let runs = tasks.runs();
    if runs.is_empty() {
        return;
    }
    let waiting = runs.iter().filter(|r| r.progress.is_none()).count();
    card(ui, false, |ui| {
        ui.set_width(ui.available_width());
        for run in &runs {
            one(ui, run, wishes);
        }
        if waiting > 0 {
            quiet(ui, if waiting == 1 { "1 run waits".to_owned() } else { format!("{waiting} runs wait") });
        }
    });
    ui.add_space(t.space.s);
}

fn one(ui: &mut Ui, run: &RunState, wishes: &mut Vec<Wish>) {
    let t = tokens(ui.ctx());
    ui.horizontal(|ui| {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if icon_button(ui, Icon::X, &format!("Cancel run {} of {}", run.id, run.title), false).clicked() {
                wishes.push(Wish::Cancel(run.id));
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                let color = if run.progress.is_some() { t.text } else { t.quiet };
                ui.add(Label::new(RichText::new(&run.title).color(color)).truncate());
            });
        });
    });
    if let Some(progress) = &run.progress {
        bar(ui, progress, run.cancelled);
    }
}

/// Stage, count and time left under a bar.
fn bar(ui: &mut Ui, progress: &Progress, cancelled: bool) {
    let t = tokens(ui.ctx());
    let fraction = progress.fraction();
    ui.add(
        egui::ProgressBar::new(fraction.unwrap_or(0.0))
            .desired_width(ui.available_width())
            .desired_height(6.0)
            .fill(t.accent),
    );
    quiet(ui, if cancelled { "Stopping…".to_owned() } else { says(progress) });
}

/// `Running t1-to-t2   12 / 80   1 min left`.
fn says(progress: &Progress) -> String {
    let mut parts = vec![if progress.stage.is_empty() { "Starting".to_owned() } else { progress.stage.clone() }];
    if progress.total > 1 {
        parts.push(format!("{} / {}", progress.done, progress.total));
    }
    if let Some(left) = progress.remaining() {
        let seconds = left.as_secs();
        parts.push(match seconds {
            0..=1 => "nearly done".to_owned(),
            2..=89 => format!("{seconds} s left"),
            _ => format!("{} min left", (seconds + 30) / 60),
        });
    }
    parts.join("   ")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn progress_is_said_with_its_count_and_the_time_left() {
        let progress = |done, total, seconds| Progress {
            stage: "Running t1-to-t2".into(),
            done,
            total,
            elapsed: Duration::from_secs(seconds),
        };
        assert_eq!(says(&progress(0, 0, 3)), "Running t1-to-t2");
        assert_eq!(says(&progress(20, 80, 10)), "Running t1-to-t2   20 / 80   30 s left");
        assert_eq!(says(&progress(10, 80, 60)), "Running t1-to-t2   10 / 80   7 min left");
    }
}
