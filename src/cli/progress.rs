//! Progress bars on standard error, when that is a terminal.

use std::time::Duration;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::jobs::{Control, Job, Poll};

/// Runs `task` on a worker and shows its stages until it is done.
pub(super) fn with_progress<T: Send + 'static>(
    name: &str,
    task: impl FnOnce(&Control) -> T + Send + 'static,
) -> anyhow::Result<T> {
    let job = Job::spawn(name, task);
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    bar.set_style(style());
    let result = loop {
        match job.poll_for(Duration::from_millis(100)) {
            Poll::Ready(value) => break Some(value),
            Poll::Gone => break None,
            Poll::Running => {
                let progress = job.control().progress();
                bar.set_message(progress.stage.clone());
                if progress.total > 0 {
                    bar.set_length(progress.total);
                    bar.set_position(progress.done);
                } else {
                    bar.unset_length();
                    bar.tick();
                }
            }
        }
    };
    bar.finish_and_clear();
    result
        .with_context(|| format!("{name}: the task ended unexpectedly; this is a defect of Veritome, please report it"))
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{msg} {bar:30} {pos}/{len}").unwrap_or_else(|_| ProgressStyle::default_bar())
}
