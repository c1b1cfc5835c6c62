//! Transfer functions by name: CT by Hounsfield units, everything else scaled to the volume's own percentiles.

use super::scene::{TransferFunction, TransferPoint};
use crate::volume::{Unit, Volume, statistics};

/// A point: value, colour as `0xRRGGBB`, opacity of a millimetre.
type Point = (f64, u32, f32);

const CT_BONE: &[Point] =
    &[(120.0, 0x8c3a2a, 0.0), (220.0, 0xd9a37a, 0.18), (420.0, 0xf2e3c4, 0.45), (1200.0, 0xfffdf2, 0.85)];
const CT_SOFT: &[Point] = &[
    (-160.0, 0xc98b62, 0.0),
    (-60.0, 0xd9a883, 0.05),
    (20.0, 0xb5533f, 0.10),
    (90.0, 0xc4604a, 0.22),
    (250.0, 0xf0d8b8, 0.45),
    (1000.0, 0xffffff, 0.80),
];
const CT_VESSELS: &[Point] = &[
    (110.0, 0x7a1212, 0.0),
    (180.0, 0xc22a1e, 0.18),
    (300.0, 0xe8674a, 0.42),
    (500.0, 0xf6d9b0, 0.55),
    (1400.0, 0xffffff, 0.8),
];
const CT_LUNG: &[Point] = &[
    (-950.0, 0x1d3557, 0.0),
    (-820.0, 0x5b8fb9, 0.012),
    (-650.0, 0xa8cbe0, 0.03),
    (-450.0, 0xe0a58c, 0.06),
    (-200.0, 0xe0a58c, 0.01),
    (150.0, 0xf3ead8, 0.06),
    (600.0, 0xffffff, 0.35),
];

/// Fractions of the way from background to the brightest thousandth.
const MR_HEAD: &[Point] = &[
    (0.02, 0x6b4a3a, 0.0),
    (0.18, 0xb5826a, 0.02),
    (0.40, 0xd9a98c, 0.10),
    (0.70, 0xf0d6bf, 0.28),
    (1.0, 0xfff6ea, 0.60),
];

fn function(name: &str, points: &[Point], value: impl Fn(f64) -> f64) -> TransferFunction {
    let channel = |rgb: u32, shift: u32| ((rgb >> shift) & 0xff) as f32 / 255.0;
    let points = points
        .iter()
        .map(|(v, rgb, opacity)| TransferPoint {
            value: value(*v),
            color: [channel(*rgb, 16), channel(*rgb, 8), channel(*rgb, 0)],
            opacity: *opacity,
        })
        .collect();
    TransferFunction { name: name.to_owned(), points }
}

/// The presets that make sense for a volume, the default first.
#[must_use]
pub fn all(volume: &Volume) -> Vec<TransferFunction> {
    let plain = |v: f64| v;
    let mut presets = Vec::new();
    if volume.unit == Unit::Hounsfield || volume.modality == "CT" {
        presets.push(function("CT bone", CT_BONE, plain));
        presets.push(function("CT soft tissue", CT_SOFT, plain));
        presets.push(function("CT vessels", CT_VESSELS, plain));
        presets.push(function("CT lung", CT_LUNG, plain));
    }
    let [low, high] = tissue_range(volume);
    presets.push(function("MR head", MR_HEAD, |t| low + (high - low) * t));
    presets
}

/// The volume's first preset.
#[must_use]
pub fn default_for(volume: &Volume) -> TransferFunction {
    all(volume).into_iter().next().unwrap_or_default()
}

/// The preset of that name; case, spaces and dashes do not matter.
#[must_use]
pub fn by_name(name: &str, volume: &Volume) -> Option<TransferFunction> {
    let plain = |s: &str| s.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
    all(volume).into_iter().find(|t| plain(&t.name) == plain(name))
}

/// From the background to the brightest thousandth: background is what most of an MR volume's voxels are, taken as the
/// 10th percentile.
fn tissue_range(volume: &Volume) -> [f64; 2] {
    statistics::histogram(volume, 4096).map_or([0.0, 1.0], |h| {
        let (low, high) = (h.percentile(0.10), h.percentile(0.999));
        if high > low { [low, high] } else { [h.range[0], h.range[0].max(h.range[1]) + 1.0] }
    })
}
