//! The grey pipeline: stored value, padding, rescale, VOI, presentation, grey level.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Window;
use crate::volume::{Padding, Rescale, Volume, statistics};

/// A table that maps real values to grey (VOI LUT Sequence (0028,3010)).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VoiLut {
    /// LUT Explanation (0028,3003).
    pub name: String,
    /// The real value that the first entry stands for.
    pub first: f64,
    /// Output of each entry, from 0 (black) to 1 (white).
    pub entries: Arc<Vec<f32>>,
}

impl VoiLut {
    /// Where a real value lies between black and white; the ends reach on.
    #[must_use]
    pub fn level(&self, x: f64) -> f64 {
        let last = self.entries.len().saturating_sub(1);
        let index = ((x - self.first).round().max(0.0) as usize).min(last);
        self.entries.get(index).copied().map_or(0.0, f64::from)
    }
}

/// Values of interest: a window or a table, never both.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Voi {
    /// A window.
    Window(Window),
    /// A table.
    Lut(VoiLut),
}

impl Voi {
    /// Where a real value lies between black and white.
    #[must_use]
    pub fn level(&self, x: f64) -> f64 {
        match self {
            Self::Window(w) => w.level(x),
            Self::Lut(lut) => lut.level(x),
        }
    }
}

/// The whole way from stored value to grey, in the order of the standard.
#[derive(Debug, Clone, PartialEq)]
pub struct Grey {
    /// Stored values that are shown as nothing.
    pub padding: Option<Padding>,
    /// Stored to real.
    pub rescale: Rescale,
    /// Real to level.
    pub voi: Voi,
    /// Low values bright: MONOCHROME1 or the person's wish.
    pub inverted: bool,
}

impl Grey {
    /// The pipeline that a volume's header asks for; with no window there, an automatic one.
    #[must_use]
    pub fn from_header(volume: &Volume) -> Self {
        Self::new(volume, volume.display.first().unwrap_or_else(|| Voi::Window(auto_window(volume))))
    }

    /// A volume's pipeline with the given VOI.
    #[must_use]
    pub fn new(volume: &Volume, voi: Voi) -> Self {
        Self { padding: volume.padding, rescale: volume.rescale, voi, inverted: volume.display.inverted }
    }

    /// The level, black 0 to white 1, of a stored value; `None` for padding and NaN.
    #[must_use]
    pub fn level(&self, stored: f64) -> Option<f64> {
        if stored.is_nan() || self.padding.is_some_and(|p| p.holds(stored)) {
            return None;
        }
        Some(self.level_of_real(self.rescale.apply(stored)))
    }

    /// The level of a real value, after rescale.
    #[must_use]
    pub fn level_of_real(&self, real: f64) -> f64 {
        let level = self.voi.level(real);
        if self.inverted { 1.0 - level } else { level }
    }

    /// The grey value on an 8-bit display; padding is black.
    #[must_use]
    pub fn byte(&self, stored: f64) -> u8 {
        self.level(stored).map_or(0, to_byte)
    }
}

/// A level as an 8-bit grey value, rounded to nearest.
#[must_use]
pub fn to_byte(level: f64) -> u8 {
    (level.clamp(0.0, 1.0) * 255.0).round() as u8
}

/// A window from the volume's own values: without the darkest and the brightest thousandth, padding left out. Colour
/// gets the full 8 bits.
#[must_use]
pub fn auto_window(volume: &Volume) -> Window {
    if volume.voxels.is_colour() {
        return Window::spanning(0.0, 255.0);
    }
    statistics::histogram(volume, 4096).map_or_else(
        || Window::new(0.5, 1.0),
        |h| {
            let (low, high) = (h.percentile(0.001), h.percentile(0.999));
            if high > low { Window::spanning(low, high) } else { Window::spanning(h.range[0], h.range[1]) }
        },
    )
}
