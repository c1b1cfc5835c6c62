//! `veritome open`: the window.

use std::path::PathBuf;

use clap::Args;

use crate::app;

/// Open the window.
#[derive(Debug, Args)]
pub(super) struct Open {
    /// Files or folders.
    pub(super) paths: Vec<PathBuf>,
    /// An image or label file to lay over the first series.
    #[arg(long, value_name = "FILE")]
    pub(super) overlay: Vec<PathBuf>,
}

impl Open {
    pub(super) fn run(self) -> anyhow::Result<()> {
        app::open_window(self.paths, app::WindowOptions { overlays: self.overlay, ..app::WindowOptions::default() })
    }
}
