//! `veritome info`: studies, series, geometry, warnings.

use std::path::PathBuf;

use clap::Args;

use super::progress::with_progress;
use crate::io;

/// Studies, series, geometry, warnings.
#[derive(Debug, Args)]
pub(super) struct Info {
    /// A file, a folder tree, a ZIP or a DICOMDIR.
    path: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Info {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let path = self.path.clone();
        let report = with_progress("Reading", move |control| {
            let opened = io::open(&path, control)?;
            Ok::<_, io::IoError>(io::info::describe(&opened, control))
        })??;
        if self.json {
            return super::print_json(&report);
        }
        print!("{}", report.to_text());
        Ok(())
    }
}
