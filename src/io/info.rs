//! What `info` says of a path: the one object of `info --json`, which the window's series browser shows too.

use serde::{Deserialize, Serialize};

use super::{Opened, Series, Skipped, Study};
use crate::error::{Warning, WarningCode};
use crate::jobs::Control;
use crate::volume::{Geometry, Space, statistics};

/// Everything that a path held.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct InfoReport {
    /// Studies, in the order of their dates.
    pub studies: Vec<StudyInfo>,
    /// What was passed over.
    pub skipped: Vec<SkippedInfo>,
}

/// A file that holds nothing to show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedInfo {
    /// Which.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// One examination.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StudyInfo {
    /// Study Instance UID, or the path.
    pub uid: String,
    /// Patient ID, or empty.
    pub patient_id: String,
    /// `YYYY-MM-DD`, or empty.
    pub date: String,
    /// Series in the order of their numbers.
    pub series: Vec<SeriesInfo>,
}

/// One series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeriesInfo {
    /// Series Instance UID, or the path.
    pub uid: String,
    /// DICOM modality code, or empty.
    pub modality: String,
    /// Series Description, or the file name.
    pub description: String,
    /// How many files it came from.
    pub files: usize,
    /// Names of the transfer syntaxes, or of the format.
    pub transfer_syntaxes: Vec<String>,
    /// Voxels `[x, y, z]` of one time point; zeros for what is no image.
    pub dims: [usize; 3],
    /// Volumes of these dimensions: the time points. 0 for what is no image.
    pub frames: usize,
    /// Distance of voxel centres; `null` where the file does not say.
    pub spacing_mm: Option<[Option<f64>; 3]>,
    /// Rows of the `voxel -> patient` matrix; `null` for a stack without geometry.
    pub affine_lps: Option<[[f64; 4]; 4]>,
    /// What real values mean: `HU`, `arbitrary`.
    pub unit: String,
    /// The stored number type; `null` for what is no image.
    pub dtype: Option<String>,
    /// Lowest and highest real value over all time points; `null` where there is none.
    pub range: Option<[f64; 2]>,
    /// Where each slice lies along the normal, mm from the first, if they are not evenly spaced; else not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slice_positions_mm: Option<Vec<f64>>,
    /// Three letters that name the directions of the axes, `LPS` for instance; `null` without geometry.
    pub orientation: Option<String>,
    /// What the person must know.
    pub warnings: Vec<Warning>,
}

/// What the headers say; no pixel is read, and no range is given.
#[must_use]
pub fn outline(opened: &Opened) -> InfoReport {
    report(opened, SeriesInfo::of)
}

/// The same with the range of values, and the warnings that only show once pixels were decoded: one time point is held
/// at a time.
#[must_use]
pub fn describe(opened: &Opened, control: &Control) -> InfoReport {
    report(opened, |series| {
        let mut info = SeriesInfo::of(series);
        info.read_pixels(series, control);
        info
    })
}

fn report(opened: &Opened, series: impl Fn(&Series) -> SeriesInfo) -> InfoReport {
    let study = |study: &Study| StudyInfo {
        uid: study.uid.clone(),
        patient_id: study.patient.id.clone(),
        date: study.date.clone(),
        series: study.series.iter().map(&series).collect(),
    };
    let skipped = |s: &Skipped| SkippedInfo { path: s.path.display().to_string(), reason: s.reason.clone() };
    InfoReport {
        studies: opened.studies.iter().map(study).collect(),
        skipped: opened.skipped.iter().map(skipped).collect(),
    }
}

impl SeriesInfo {
    fn of(series: &Series) -> Self {
        let image = series.is_image();
        let spacing_mm = match (&series.geometry, &series.space) {
            (Some(g), _) => Some(g.spacing_mm().map(Some)),
            (None, Space::Stack { pixel_spacing_mm: Some([x, y]), .. }) => Some([Some(*x), Some(*y), None]),
            _ => None,
        };
        Self {
            uid: series.uid.clone(),
            modality: series.modality.clone(),
            description: series.description.clone(),
            files: series.files,
            transfer_syntaxes: series.transfer_syntaxes.clone(),
            dims: series.size,
            frames: if image { series.time_points } else { 0 },
            spacing_mm,
            affine_lps: series.geometry.as_ref().map(Geometry::affine_rows),
            unit: series.unit.name().to_owned(),
            dtype: image.then(|| series.voxel_type.name().to_owned()),
            range: None,
            slice_positions_mm: series
                .source
                .slice_positions()
                .zip(series.geometry.as_ref())
                .map(|(positions, grid)| positions.distances_mm(grid)),
            orientation: series.geometry.as_ref().map(Geometry::axis_codes),
            warnings: series.warnings.clone(),
        }
    }

    fn read_pixels(&mut self, series: &Series, control: &Control) {
        if !series.is_image() {
            return;
        }
        for time_point in 0..series.time_points {
            match series.load(time_point, control) {
                Ok(volume) => {
                    self.dtype = Some(volume.voxels.voxel_type().name().to_owned());
                    if let Some([low, high]) = statistics::range(&volume) {
                        let [l, h] = self.range.unwrap_or([low, high]);
                        self.range = Some([l.min(low), h.max(high)]);
                    }
                }
                Err(super::IoError::Cancelled(_)) => return,
                Err(error) => {
                    let early = matches!(&error, super::IoError::System { source, .. }
                        if source.kind() == std::io::ErrorKind::UnexpectedEof);
                    let code = if early { WarningCode::Truncated } else { WarningCode::Other };
                    self.warnings.push(Warning::new(code, format!("The pixels cannot be read: {}", error.reason())));
                    break;
                }
            }
        }
        for warning in series.source.late_warnings() {
            if !self.warnings.contains(&warning) {
                self.warnings.push(warning);
            }
        }
    }
}
