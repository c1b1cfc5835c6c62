//! `veritome open`: the window.

use std::path::PathBuf;

use clap::Args;

use super::picture_options::Overlay;
use crate::app;
use crate::jobs::Control;

/// Open the window.
#[derive(Debug, Args)]
pub(super) struct Open {
    /// Files or folders.
    pub(super) paths: Vec<PathBuf>,
    /// An image or label file to lay over the first series; can be repeated.
    #[arg(long, value_name = "FILE[:COLORMAP[:OPACITY]]")]
    pub(super) overlay: Vec<Overlay>,
}

impl Open {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let control = Control::new();
        let overlays = self.overlay.iter().map(|o| o.load(&control)).collect::<anyhow::Result<_>>()?;
        app::open_window(self.paths, app::WindowOptions { layers: overlays, ..app::WindowOptions::default() })
    }
}
