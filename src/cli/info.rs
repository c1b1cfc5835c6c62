//! `veritome info`: studies, series, geometry, warnings.

use std::path::PathBuf;

use clap::Args;

use super::progress::with_progress;
use crate::io;
use crate::io::info::InfoReport;

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
        print!("{}", as_text(&report));
        Ok(())
    }
}

/// The report for a person: a line a study, a few a series.
fn as_text(report: &InfoReport) -> String {
    let mut text = String::new();
    let mut line = |s: String| {
        text.push_str(s.trim_end());
        text.push('\n');
    };
    for study in &report.studies {
        line(format!("Study {} {} {}", study.uid, study.patient_id, study.date));
        for s in &study.series {
            line(format!("  {} {}", if s.modality.is_empty() { "image" } else { &s.modality }, s.description));
            line(format!("    series      {}", s.uid));
            line(format!("    files       {} ({})", s.files, s.transfer_syntaxes.join(", ")));
            if s.dims != [0; 3] {
                let [x, y, z] = s.dims;
                let frames = if s.frames > 1 { format!(", {} frames", s.frames) } else { String::new() };
                line(format!(
                    "    voxels      {x} x {y} x {z}{frames}, {}",
                    s.dtype.as_deref().unwrap_or("unknown type")
                ));
            }
            if let Some(spacing) = s.spacing_mm {
                let [x, y, z] = spacing.map(|mm| mm.map_or_else(|| "unknown".to_owned(), |mm| format!("{mm:.4}")));
                line(format!("    spacing     {x} x {y} x {z} mm"));
            }
            if let Some(o) = &s.orientation {
                line(format!("    orientation {o}"));
            }
            if let Some([low, high]) = s.range {
                line(format!("    values      {low} to {high} {}", if s.unit == "arbitrary" { "" } else { &s.unit }));
            }
            for w in &s.warnings {
                line(format!("    warning     {}: {}", w.code, w.message));
            }
        }
    }
    for s in &report.skipped {
        line(format!("Skipped {}: {}", s.path, s.reason));
    }
    text
}
