//! An image as readers get it: its voxels, its grid and one window; no name, no source, no tag, no number type that would
//! tell one arm from another.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::PackageError;
use crate::display::Window;
use crate::io::{self, Series};
use crate::jobs::Control;
use crate::volume::voxels::Scalar;
use crate::volume::{DisplayHints, Graphics, Provenance, Rescale, Space, Unit, Volume, Voxels};
use crate::with_voxels;

/// Reads the one image behind a path of the plan: a file, a folder of DICOM slices, a ZIP.
///
/// # Errors
/// When it cannot be read or holds another number of images than one.
pub fn load(path: &Path, control: &Control) -> Result<(Volume, Series), PackageError> {
    let opened = io::open(path, control)?;
    let mut images: Vec<Series> = opened.studies.into_iter().flat_map(|s| s.series).filter(Series::is_image).collect();
    let not_one = |found: String| PackageError::NotOneImage { path: path.to_owned(), found };
    if images.len() > 1 {
        let names: Vec<String> = images.iter().map(|series| format!("`{}`", series.description)).collect();
        return Err(not_one(format!("{}: {}", images.len(), names.join(", "))));
    }
    let series = images.pop().ok_or_else(|| not_one("none".to_owned()))?;
    if series.time_points != 1 {
        return Err(not_one(format!("{} time points of `{}`", series.time_points, series.description)));
    }
    let volume = series.load(0, control)?;
    Ok((volume, series))
}

/// As [`load`], for a path of a plan: one file of a DICOM series that lies beside its other files is not taken for the whole.
///
/// # Errors
/// As [`load`], and when the path is such a file.
pub fn load_whole(path: &Path, control: &Control) -> Result<(Volume, Series), PackageError> {
    let (volume, series) = load(path, control)?;
    if path.is_file() && is_dicom(path) {
        let beside = neighbours(path).map_err(|e| PackageError::system(path, e))?;
        let opened = io::open_all(&beside, &control.child())?;
        let same =
            opened.studies.iter().flat_map(|s| &s.series).filter(|other| other.is_image() && other.uid == series.uid);
        let files = same.map(|other| other.files).sum::<usize>();
        if files > series.files {
            return Err(PackageError::OneSliceOfMany {
                path: path.to_owned(),
                series: series.description.clone(),
                files,
            });
        }
    }
    Ok((volume, series))
}

/// The DICOM files of the path's folder, the path among them.
fn neighbours(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let found = entry?.path();
        if found.is_file() && is_dicom(&found) {
            all.push(found);
        }
    }
    Ok(all)
}

/// By its ending, or by the four letters after the preamble (DICOM PS3.10, section 7.1).
fn is_dicom(path: &Path) -> bool {
    let mut head = [0; 132];
    let is_named = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("dcm"));
    let mut read = || std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut head));
    is_named || (read().is_ok() && head.ends_with(b"DICM"))
}

/// The extension of the image's file in the package. NIfTI where positions mean something; NRRD, which can say that they
/// do not, for pictures.
#[must_use]
pub fn extension(volume: &Volume) -> &'static str {
    if volume.space.is_patient() { "nii" } else { "nrrd" }
}

/// The image without all that is not its own: grey values become real values in 32-bit floats, whatever they were stored in
/// (negative ones where low is bright, so that high is); padding takes the darkest value; colours stay. It has no window yet.
#[must_use]
pub fn blinded(volume: &Volume, name: &str) -> Volume {
    let space = match &volume.space {
        Space::Patient { .. } => Space::Patient { frame_of_reference: None },
        Space::Stack { pixel_spacing_mm, .. } => {
            Space::Stack { reason: "pictures without a place".to_owned(), pixel_spacing_mm: *pixel_spacing_mm }
        }
    };
    Volume {
        voxels: real_values(volume),
        geometry: volume.geometry.clone(),
        space,
        rescale: Rescale::IDENTITY,
        padding: None,
        modality: String::new(),
        unit: Unit::Arbitrary,
        display: DisplayHints::default(),
        graphics: Graphics::default(),
        provenance: Provenance::blinded(Vec::new()),
        name: name.to_owned(),
    }
}

fn real_values(volume: &Volume) -> Voxels {
    let (rescale, padding) = (volume.rescale, volume.padding);
    let sign = if volume.display.inverted { -1.0 } else { 1.0 };
    with_voxels!(
        &volume.voxels,
        |v| {
            let is_padding = |stored: f64| padding.is_some_and(|p| p.holds(stored));
            let real = |stored: f64| sign * rescale.apply(stored);
            let image = v.iter().map(|x| x.to_f64()).filter(|x| x.is_finite() && !is_padding(*x));
            let darkest = image.map(real).fold(f64::INFINITY, f64::min);
            let darkest = if darkest.is_finite() { darkest } else { 0.0 };
            let real = |stored: f64| if is_padding(stored) { darkest } else { real(stored) };
            Voxels::from(v.iter().map(|x| real(x.to_f64()) as f32).collect::<Vec<f32>>())
        },
        rgb | v | Voxels::from(v.to_vec())
    )
}

/// One window for all images of a case, so that neither arm has one of its own: the mean of their automatic ones.
#[must_use]
pub fn shared_window(windows: &[Window]) -> Window {
    let n = windows.len().max(1) as f64;
    let mean = |of: fn(&Window) -> f64| windows.iter().map(of).sum::<f64>() / n;
    let (center, width) = (mean(|w| w.center), mean(|w| w.width));
    Window::spanning(center - width / 2.0, center + width / 2.0)
}

#[cfg(test)]
mod tests {
    use glam::DMat4;

    use super::*;
    use crate::volume::{Geometry, Padding};

    #[test]
    fn nothing_but_values_grid_and_window_is_left() {
        let geometry = Geometry::new([2, 2, 1], DMat4::IDENTITY).unwrap();
        let voxels: Vec<i16> = vec![-2000, 0, 10, 20];
        let named = Volume {
            rescale: Rescale { slope: 2.0, intercept: -5.0 },
            padding: Some(Padding { low: -2000.0, high: -2000.0 }),
            modality: "CT".into(),
            unit: Unit::Hounsfield,
            space: Space::Patient { frame_of_reference: Some("1.2.3".into()) },
            ..Volume::new("Doe^Jane", voxels.into(), geometry, Provenance::acquired(vec!["doe.dcm".into()])).unwrap()
        };
        let image = blinded(&named, "f00d");
        let Voxels::F32(values) = &image.voxels else { panic!("{:?}", image.voxels.voxel_type()) };
        assert_eq!(values.as_slice(), [-5.0, -5.0, 15.0, 35.0]);
        let text = format!("{image:?}");
        for word in ["Doe", "doe", "1.2.3", "CT", "Hounsfield"] {
            assert!(!text.contains(word), "{word} in {text}");
        }
        assert!(image.provenance.is_blinded());

        let mut low_is_bright = named.clone();
        low_is_bright.display.inverted = true;
        let Voxels::F32(values) = blinded(&low_is_bright, "").voxels else { panic!() };
        assert_eq!(values.as_slice(), [-35.0, 5.0, -15.0, -35.0]);
    }

    #[test]
    fn arms_share_the_mean_of_their_windows_and_none_is_empty() {
        let shared = shared_window(&[Window::new(0.0, 100.0), Window::new(100.0, 300.0)]);
        assert_eq!(shared, Window::spanning(-50.0, 150.0));
        assert!(shared_window(&[Window::new(3.0, 0.0)]).width > 0.0);
    }
}
