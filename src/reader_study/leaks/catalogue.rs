//! Which traits are looked at, whether a reader can reach them, and how to make the arms equal in them.
//!
//! A leak is what tells the arms apart without being part of what the study asks: grid, spacing, type, file, ends of the
//! histogram, border. Appearance is the image itself, its contrast and texture: synthetic images may honestly differ in it,
//! and a reader who sees that has done what the study asks. It is reported apart and does not count in the verdict.

use serde::Serialize;

use super::features::ImageTraits;

/// What a difference in a trait means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TraitKind {
    /// A cue beside the image.
    Leak,
    /// The image itself.
    Appearance,
}

/// One trait.
#[derive(Debug, Clone, Copy)]
pub struct Trait {
    /// Its name in reports.
    pub name: &'static str,
    /// What a difference in it means.
    pub kind: TraitKind,
    /// How a reader gets at it.
    pub reach: &'static str,
    /// What makes the arms equal in it.
    pub remedy: &'static str,
    /// Its value; none where it is not known of the image.
    pub of: fn(&ImageTraits) -> Option<f64>,
}

/// Every trait, in the order of reports.
pub static TRAITS: &[Trait] = &[
    leak("size_x", SEEN_GRID, REGRID, |t| Some(t.dims[0] as f64)),
    leak("size_y", SEEN_GRID, REGRID, |t| Some(t.dims[1] as f64)),
    leak("size_z", "the number of slices, felt when scrolling", REGRID, |t| Some(t.dims[2] as f64)),
    leak("spacing_x_mm", SEEN_SPACING, REGRID, |t| t.header.spacing_mm.map(|s| s[0])),
    leak("spacing_y_mm", SEEN_SPACING, REGRID, |t| t.header.spacing_mm.map(|s| s[1])),
    leak("spacing_z_mm", SEEN_SPACING, REGRID, |t| t.header.spacing_mm.map(|s| s[2])),
    leak("oblique", "orientation letters and the slant of reformats", REGRID, |t| {
        t.header.oblique.map(|oblique| f64::from(u8::from(oblique)))
    }),
    leak("data_type", SEEN_STEPS, RETYPE, |t| t.header.data_type.map(f64::from)),
    leak("bits_used", SEEN_STEPS, RETYPE, |t| t.header.bits_used.map(f64::from)),
    leak(
        "file_size_bytes",
        "time to load, or a list of files",
        "write both arms with the same type and compression, and preload them",
        |t| t.header.file_size_bytes.map(|size| size as f64),
    ),
    leak("minimum", SEEN_RANGE, RESCALE, |t| Some(t.minimum)),
    leak("maximum", SEEN_RANGE, RESCALE, |t| Some(t.maximum)),
    leak("share_at_minimum", SEEN_CLIPPING, CLIP, |t| Some(t.share_at_minimum)),
    leak("share_at_maximum", SEEN_CLIPPING, CLIP, |t| Some(t.share_at_maximum)),
    leak("share_zero", "an exact zero under the cursor, a black background", CLIP, |t| Some(t.share_zero)),
    leak("share_not_finite", "holes in the image", "fill voxels that are not numbers in both arms", |t| {
        Some(t.share_not_finite)
    }),
    leak("distinct_values", SEEN_STEPS, RETYPE, |t| Some(t.distinct_values as f64)),
    leak("quantisation_step", SEEN_STEPS, RETYPE, |t| t.quantisation_step),
    leak("border_mean", SEEN_BORDER, REBORDER, |t| t.border_mean),
    leak("border_sd", SEEN_BORDER, REBORDER, |t| t.border_sd),
    leak("border_padding_share", SEEN_BORDER, REBORDER, |t| Some(t.border_padding_share)),
    appearance("high_frequency_ratio", "noise and sharpness", |t| t.high_frequency_ratio),
    appearance("histogram_01", CONTRAST, |t| t.histogram.map(|h| h[0])),
    appearance("histogram_05", CONTRAST, |t| t.histogram.map(|h| h[1])),
    appearance("histogram_25", CONTRAST, |t| t.histogram.map(|h| h[2])),
    appearance("histogram_50", CONTRAST, |t| t.histogram.map(|h| h[3])),
    appearance("histogram_75", CONTRAST, |t| t.histogram.map(|h| h[4])),
    appearance("histogram_95", CONTRAST, |t| t.histogram.map(|h| h[5])),
    appearance("histogram_99", CONTRAST, |t| t.histogram.map(|h| h[6])),
];

const SEEN_GRID: &str = "the shape of the image, its sharpness when zoomed, overlay texts";
const SEEN_SPACING: &str = "the scale bar, measurements, steps in reformats";
const SEEN_STEPS: &str = "steps of the value under the cursor, banding in a narrow window";
const SEEN_RANGE: &str = "the automatic window, the value under the cursor, the ends of a window slider";
const SEEN_CLIPPING: &str = "flat black or white areas";
const SEEN_BORDER: &str = "the rim of the image: bands, frames, seams of patches";
const CONTRAST: &str = "contrast and brightness";
const REGRID: &str = "resample and crop both arms onto the same grid with the same interpolation";
const RETYPE: &str = "store both arms with the same type, bits and rounding";
const RESCALE: &str = "clip and scale both arms to the same range, and give all images one window";
const CLIP: &str = "apply the same clipping, background and mask to both arms";
const REBORDER: &str = "crop the same rim off both arms, or pad both alike";

const fn leak(name: &'static str, reach: &'static str, remedy: &'static str, of: Getter) -> Trait {
    Trait { name, kind: TraitKind::Leak, reach, remedy, of }
}

const fn appearance(name: &'static str, reach: &'static str, of: Getter) -> Trait {
    let remedy = "nothing, if it is what the study asks about; else match contrast and noise of the arms";
    Trait { name, kind: TraitKind::Appearance, reach, remedy, of }
}

type Getter = fn(&ImageTraits) -> Option<f64>;

/// The trait of a column's name; names that end in ` known` are of the trait before it.
#[must_use]
pub fn named(name: &str) -> Option<&'static Trait> {
    let name = name.strip_suffix(super::table::KNOWN).unwrap_or(name);
    TRAITS.iter().find(|one| one.name == name)
}
