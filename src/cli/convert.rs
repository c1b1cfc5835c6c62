//! `veritome convert`: any readable image to .nii, .nii.gz, .nrrd, .png or a DICOM folder.

use std::path::PathBuf;

use clap::Args;

use super::progress::with_progress;
use crate::io;
use crate::io::convert::{ConvertOptions, convert_opened, late_warnings};
use crate::io::write::Format;

/// Convert images; every path that was written is printed.
#[derive(Debug, Args)]
pub(super) struct Convert {
    /// A file, a folder tree, a ZIP or a DICOMDIR.
    input: PathBuf,
    /// A name that ends in .nii, .nii.gz, .nrrd or .png, or a folder for DICOM.
    output: PathBuf,
    /// Resample onto an orthogonal grid of this spacing in millimetres (a tilted stack is sheared back).
    #[arg(long, value_name = "MM", value_parser = positive)]
    resample: Option<f64>,
}

fn positive(text: &str) -> Result<f64, String> {
    text.parse::<f64>()
        .ok()
        .filter(|x| x.is_finite() && *x > 0.0)
        .ok_or_else(|| "a number above 0 is needed".to_owned())
}

impl Convert {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let options = ConvertOptions { resample_mm: self.resample };
        // Before anything is read: a wrong extension should not cost the wait.
        Format::of(&self.output)?;
        let (converted, warnings) = with_progress("Converting", move |control| {
            let opened = io::open(&self.input, control)?;
            let converted = convert_opened(&opened, &self.input, &self.output, &options, control)?;
            Ok::<_, io::IoError>((converted, late_warnings(&opened)))
        })??;
        for warning in warnings {
            eprintln!("warning {}: {}", warning.code, warning.message);
        }
        for path in &converted.written {
            println!("{}", path.display());
        }
        converted.all()?;
        Ok(())
    }
}
