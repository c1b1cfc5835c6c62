//! What `render` and `demo` say on the command line about a picture.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use anyhow::Context;

use super::WrongUsage;
use crate::display::{ColorMap, Voi, Window, presets};
use crate::io::{self, Series};
use crate::jobs::Control;
use crate::render::scene::Layer;
use crate::volume::{PatientPoint, Volume};

/// `512x384`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size(pub(super) [u32; 2]);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text}: expected WIDTHxHEIGHT in pixels, from 1 to 16384 each");
        let (w, h) = text.split_once(['x', 'X']).ok_or_else(wrong)?;
        let side = |s: &str| s.parse::<u32>().ok().filter(|n| (1..=16384).contains(n)).ok_or_else(wrong);
        Ok(Self([side(w)?, side(h)?]))
    }
}

/// `CENTER,WIDTH`.
pub(super) fn window(text: &str) -> Result<Window, String> {
    let [center, width] = numbers::<2>(text)?;
    if width <= 0.0 {
        return Err(format!("{text}: the width of a window is above 0"));
    }
    // Below one unit LINEAR is not defined; the exact formula is.
    let function =
        if width < 1.0 { crate::display::VoiFunction::LinearExact } else { crate::display::VoiFunction::Linear };
    Ok(Window::with_function(center, width, function))
}

/// The window of a preset's name.
pub(super) fn preset(text: &str) -> Result<Window, String> {
    presets::by_name(text).map(|p| p.window()).ok_or_else(|| {
        let all: Vec<_> = presets::CT.iter().chain(&presets::PET).map(|p| p.name).collect();
        format!("{text}: there is no such preset; choose from {}", all.join(", "))
    })
}

/// `X,Y,Z` in LPS millimetres.
pub(super) fn point(text: &str) -> Result<PatientPoint, String> {
    let [x, y, z] = numbers::<3>(text)?;
    Ok(PatientPoint::new(x, y, z))
}

/// `AZ,EL` in degrees.
pub(super) fn camera(text: &str) -> Result<[f64; 2], String> {
    numbers::<2>(text)
}

fn numbers<const N: usize>(text: &str) -> Result<[f64; N], String> {
    let parts: Vec<f64> =
        text.split(',').filter_map(|s| s.trim().parse().ok()).filter(|x: &f64| x.is_finite()).collect();
    <[f64; N]>::try_from(parts)
        .ok()
        .filter(|_| text.split(',').count() == N)
        .ok_or_else(|| format!("{text}: expected {N} numbers with commas between"))
}

/// `FILE[:COLORMAP[:OPACITY]]`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Overlay {
    pub(super) path: PathBuf,
    pub(super) colormap: Option<ColorMap>,
    pub(super) opacity: Option<f32>,
}

impl FromStr for Overlay {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let opacity_of = |s: &str| s.parse::<f32>().ok().filter(|x| (0.0..=1.0).contains(x));
        let (mut rest, mut opacity, mut colormap) = (text, None, None);
        if let Some((before, last)) = rest.rsplit_once(':')
            && let Some(o) = opacity_of(last)
        {
            (rest, opacity) = (before, Some(o));
        }
        if let Some((before, last)) = rest.rsplit_once(':') {
            // A colon may belong to the path (a drive letter): only what looks like a map's name is one.
            if last.is_empty() && opacity.is_some() {
                rest = before;
            } else if let Some(map) = ColorMap::by_name(last) {
                (rest, colormap) = (before, Some(map));
            } else if !Path::new(rest).exists() {
                let all: Vec<_> = ColorMap::ALL.iter().map(|m| m.name()).collect();
                return Err(format!("{last}: no such file and no such colour map; maps are {}", all.join(", ")));
            }
        }
        Ok(Self { path: PathBuf::from(rest), colormap, opacity })
    }
}

impl Overlay {
    /// Reads the file as a layer: labels where the values are labels and no colour map was asked for, else an image.
    pub(super) fn load(&self, control: &Control) -> anyhow::Result<Layer> {
        let volume = first_volume(&self.path, None, control)?;
        let labels = self.colormap.is_none() && io::labels::looks_like_labels(&volume);
        let mut layer = if labels {
            Layer::labels(Arc::new(io::labels::as_labelmap(&volume).with_context(|| self.path.display().to_string())?))
        } else {
            let mut layer = Layer::image(Arc::new(volume));
            layer.colormap = self.colormap.unwrap_or(ColorMap::Viridis);
            layer.opacity = 0.5;
            layer
        };
        layer.opacity = self.opacity.unwrap_or(layer.opacity);
        Ok(layer)
    }
}

/// The series that a path and an optional UID mean: the one of that UID, else the first that is an image.
pub(super) fn choose_series(path: &Path, uid: Option<&str>, control: &Control) -> anyhow::Result<(io::Study, Series)> {
    let opened = io::open(path, control)?;
    let mut images =
        opened.studies.iter().flat_map(|st| st.series.iter().filter(|s| s.is_image()).map(move |s| (st, s)));
    let found = match uid {
        Some(uid) => images.find(|(_, s)| s.uid == uid),
        None => images.next(),
    };
    let (study, series) = found.ok_or_else(|| match uid {
        Some(uid) => {
            let known: Vec<_> = opened.studies.iter().flat_map(|s| &s.series).map(|s| s.uid.clone()).collect();
            anyhow::Error::new(WrongUsage(format!(
                "{}: no image series {uid}; there are {}",
                path.display(),
                known.join(", ")
            )))
        }
        None => anyhow::anyhow!("{}: there is no image here, only {}", path.display(), objects(&opened)),
    })?;
    Ok((study.clone(), series.clone()))
}

fn objects(opened: &io::Opened) -> String {
    let kinds: Vec<_> = opened
        .studies
        .iter()
        .flat_map(|s| &s.series)
        .filter_map(|s| match &s.kind {
            io::SeriesKind::Object(what) => Some(what.clone()),
            io::SeriesKind::Image => None,
        })
        .collect();
    if kinds.is_empty() { "files of other kinds".to_owned() } else { kinds.join(", ") }
}

/// The first time point of that series.
pub(super) fn first_volume(path: &Path, uid: Option<&str>, control: &Control) -> anyhow::Result<Volume> {
    let (_, series) = choose_series(path, uid, control)?;
    Ok(series.load(0, control)?)
}

/// A base layer with the window that was asked for, if one was.
pub(super) fn base_layer(volume: Arc<Volume>, window: Option<Window>) -> Layer {
    let mut layer = Layer::image(volume);
    if let Some(window) = window {
        layer.voi = Voi::Window(window);
    }
    layer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overlay_reads_map_and_opacity_from_the_right() {
        let o: Overlay = "a/b.nii.gz:viridis:0.25".parse().unwrap();
        assert_eq!((o.path, o.colormap, o.opacity), ("a/b.nii.gz".into(), Some(ColorMap::Viridis), Some(0.25)));
        let o: Overlay = "mask.nii::0.5".parse().unwrap();
        assert_eq!((o.path, o.colormap, o.opacity), ("mask.nii".into(), None, Some(0.5)));
        assert!("mask.nii:nosuchmap".parse::<Overlay>().is_err());
    }

    #[test]
    fn sizes_and_windows_are_checked() {
        assert_eq!("640x480".parse::<Size>(), Ok(Size([640, 480])));
        assert!("0x480".parse::<Size>().is_err() && "640".parse::<Size>().is_err());
        assert_eq!(window("40,400"), Ok(Window::new(40.0, 400.0)));
        assert!(window("40,0").is_err() && window("40").is_err() && window("a,b").is_err());
        assert_eq!(preset("brain"), Ok(Window::new(40.0, 80.0)));
    }
}
