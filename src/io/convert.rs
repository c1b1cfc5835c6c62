//! From any format that is read to any that is written: what `veritome convert` does.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::write::{Format, WriteOptions, png, target::write_whole, write_with};
use super::{IoError, Opened, Series, dicom, open};
use crate::display::Grey;
use crate::error::Warning;
use crate::jobs::Control;
use crate::volume::resample::resample_onto;
use crate::volume::{Geometry, Graphics, Interpolation, Volume, Voxels, statistics};
use crate::with_voxels;

/// What the person may ask of a conversion.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ConvertOptions {
    /// Resample onto a true grid of cubic voxels of this size, mm; a tilted stack is sheared back by it.
    pub resample_mm: Option<f64>,
}

/// What a conversion wrote, and why it wrote no more.
#[derive(Debug, Default)]
pub struct Converted {
    /// The paths, in the order they were written.
    pub written: Vec<PathBuf>,
    /// The first volume that failed; the others are written all the same, unless the person asked to stop.
    pub failure: Option<IoError>,
}

impl Converted {
    /// The paths, if nothing failed.
    ///
    /// # Errors
    /// The failure.
    pub fn all(self) -> Result<Vec<PathBuf>, IoError> {
        self.failure.map_or(Ok(self.written), Err)
    }
}

/// Writes every volume that `input` holds: one becomes `out` itself, several become `STEM_1_DESCRIPTION.EXT`,
/// `STEM_2_…` in the order of `info`. A PNG holds one slice, so a volume becomes `STEM_001.png` and so on. A path
/// without an extension is a DICOM folder.
///
/// # Errors
/// When `input` cannot be read, or `out`'s extension is none that is written.
pub fn convert(input: &Path, out: &Path, options: &ConvertOptions, control: &Control) -> Result<Converted, IoError> {
    // Before anything is read: a wrong extension should not cost the wait.
    Format::of(out)?;
    convert_opened(&open(input, control)?, input, out, options, control)
}

/// As [`convert`] for what was opened already; `input` is for messages.
///
/// # Errors
/// As [`convert`].
pub fn convert_opened(
    opened: &Opened,
    input: &Path,
    out: &Path,
    options: &ConvertOptions,
    control: &Control,
) -> Result<Converted, IoError> {
    let format = Format::of(out)?;
    if let Some(mm) = options.resample_mm.filter(|mm| !(mm.is_finite() && *mm > 0.0)) {
        return Err(IoError::format(out, "a voxel size above 0 mm", mm.to_string()));
    }
    let images: Vec<&Series> = opened.studies.iter().flat_map(|s| &s.series).filter(|s| s.is_image()).collect();
    if images.is_empty() {
        let files =
            opened.studies.iter().flat_map(|s| &s.series).map(|s| s.files).sum::<usize>() + opened.skipped.len();
        return Err(IoError::Nothing { path: input.to_owned(), files, skipped: opened.skipped.clone() });
    }
    let mut done = Converted::default();
    for (n, series) in images.iter().enumerate() {
        let path = if images.len() == 1 { out.to_owned() } else { numbered(out, format, n + 1, &series.description) };
        match convert_series(series, &path, format, options, control, &mut done.written) {
            Ok(()) => {}
            Err(IoError::Cancelled(c)) => {
                done.failure = Some(c.into());
                break;
            }
            Err(e) => {
                done.failure.get_or_insert(e);
            }
        }
    }
    Ok(done)
}

/// What only showed while the pixels of `opened` were decoded: slices that are damaged or end too early.
#[must_use]
pub fn late_warnings(opened: &Opened) -> Vec<Warning> {
    let mut all: Vec<Warning> = Vec::new();
    for warning in opened.studies.iter().flat_map(|s| &s.series).flat_map(|s| s.source.late_warnings()) {
        if !all.contains(&warning) {
            all.push(warning);
        }
    }
    all
}

fn convert_series(
    series: &Series,
    path: &Path,
    format: Format,
    options: &ConvertOptions,
    control: &Control,
    written: &mut Vec<PathBuf>,
) -> Result<(), IoError> {
    let load = |time_point: usize| {
        let volume = series.load(time_point, control)?;
        match options.resample_mm {
            Some(mm) => resampled(&volume, mm, path, control),
            None => Ok(volume),
        }
    };
    let writing = || control.stage(format!("Writing {}", path.display()), 0);
    match format {
        // One time point after the other: none needs to know the next.
        Format::Png => {
            for time_point in 0..series.time_points {
                let volume = load(time_point)?;
                writing();
                write_pictures(&volume, (series.time_points > 1).then_some(time_point), path, control, written)?;
            }
        }
        Format::DicomFolder => {
            let mut writer = dicom::SeriesWriter::new(path, series.time_points, series.source.time_step_s());
            for time_point in 0..series.time_points {
                let volume = load(time_point)?;
                writing();
                writer.write(&volume)?;
                if time_point == 0 {
                    written.push(path.to_owned());
                }
            }
        }
        // One file, whose header states a number type that fits all time points: they must all be there first.
        Format::Nifti { .. } | Format::Nrrd => {
            let volumes = (0..series.time_points).map(load).collect::<Result<Vec<_>, _>>()?;
            writing();
            let options = WriteOptions { time_step_s: series.source.time_step_s() };
            write_with(&volumes, path, &options)?;
            written.push(path.to_owned());
        }
    }
    Ok(())
}

/// On a true grid, linear; what lies outside gets the lowest value of the image.
fn resampled(volume: &Volume, mm: f64, path: &Path, control: &Control) -> Result<Volume, IoError> {
    let refuse = |what: &str, remedy: &str| IoError::Unsupported {
        path: path.to_owned(),
        what: what.to_owned(),
        doing: "resampled",
        remedy: remedy.to_owned(),
    };
    if volume.voxels.is_colour() {
        return Err(refuse("a colour image", "convert it without a new voxel size"));
    }
    if !volume.space.is_patient() {
        return Err(refuse("a stack without geometry", "convert it without a new voxel size"));
    }
    let grid =
        volume.geometry.true_grid(mm).map_err(|e| IoError::format(path, "a grid that can be held", e.to_string()))?;
    // Sixteen times the voxels of the image, or a gigabyte, whichever is more.
    let most = (volume.voxels.len() * 16).max(1 << 28);
    if grid.voxel_count() > most {
        let found = format!("{:?} voxels of {mm} mm", grid.size());
        return Err(IoError::format(path, format!("a grid of at most {most} voxels"), found));
    }
    let lowest = statistics::range(volume).map_or(0.0, |r| r[0]);
    control.stage("Resampling", grid.size()[2] as u64);
    Ok(resample_onto(volume, &grid, Interpolation::Linear, lowest as f32, control)?)
}

/// One PNG a slice, all with the window of the whole volume; `time_point` is in their names.
fn write_pictures(
    volume: &Volume,
    time_point: Option<usize>,
    path: &Path,
    control: &Control,
    written: &mut Vec<PathBuf>,
) -> Result<(), IoError> {
    let grey = Grey::from_header(volume);
    let slices = volume.size()[2];
    let (stem, _) = split(path, Format::Png);
    let time = time_point.map_or_else(String::new, |t| format!("_t{:03}", t + 1));
    for k in 0..slices {
        control.checkpoint()?;
        let slice = slice_of(volume, k, path)?;
        let file = if slices == 1 && time_point.is_none() {
            path.to_owned()
        } else {
            path.with_file_name(format!("{stem}{time}_{:03}.png", k + 1))
        };
        write_whole(&file, |out| png::write(&slice, &grey, out))?;
        written.push(file);
    }
    Ok(())
}

fn slice_of(volume: &Volume, k: usize, path: &Path) -> Result<Volume, IoError> {
    let [nx, ny, _] = volume.size();
    let range = k * nx * ny..(k + 1) * nx * ny;
    let cut = |e: String| IoError::format(path, "a slice of the image", e);
    let voxels: Option<Voxels> = with_voxels!(
        &volume.voxels,
        |v| v.get(range).map(|s| Voxels::from(s.to_vec())),
        rgb | v | v.get(range).map(|s| Voxels::from(s.to_vec()))
    );
    let voxels = voxels.ok_or_else(|| cut(format!("number {k}")))?;
    let geometry = Geometry::unplaced([nx, ny, 1]).map_err(|e| cut(e.to_string()))?;
    let of_volume = volume.graphics.shutter.as_deref().filter(|s| s.grid == volume.geometry);
    let shutter = of_volume.and_then(|s| s.slice(k, &geometry)).map(Arc::new);
    let graphics = Graphics { planes: Vec::new(), shutter };
    Ok(Volume { voxels, geometry, graphics, ..volume.clone() })
}

/// The file name without the format's extension, and the extension as it was given.
fn split(path: &Path, format: Format) -> (String, String) {
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let at = name.len() - format.extension().len().min(name.len());
    if name.is_char_boundary(at) { (name[..at].to_owned(), name[at..].to_owned()) } else { (name, String::new()) }
}

/// `STEM_2_DESCRIPTION.EXT`.
fn numbered(out: &Path, format: Format, number: usize, description: &str) -> PathBuf {
    let (stem, extension) = split(out, format);
    out.with_file_name(format!("{stem}_{number}_{}{extension}", file_safe(description)))
}

/// Letters, digits, `-` and `.`; everything else becomes one `_`. Never empty, never long.
#[must_use]
pub fn file_safe(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut safe = String::new();
    for c in text.chars() {
        if c.is_alphanumeric() || c == '-' || c == '.' {
            safe.push(c);
        } else if !safe.ends_with('_') {
            safe.push('_');
        }
        if safe.len() >= LONGEST {
            break;
        }
    }
    let safe = safe.trim_matches(['_', '.']);
    if safe.is_empty() { "series".to_owned() } else { safe.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_several_volumes_are_safe_and_numbered() {
        let name = |out: &str, d: &str| {
            let out = Path::new(out);
            numbered(out, Format::of(out).unwrap(), 2, d).display().to_string()
        };
        assert_eq!(name("a/b.nii.gz", "T1 (ax) / ../x"), "a/b_2_T1_ax_.._x.nii.gz");
        assert_eq!(name("b.NRRD", ""), "b_2_series.NRRD");
        assert_eq!(name("folder", "Ünï"), "folder_2_Ünï");
    }
}
