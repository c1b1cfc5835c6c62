//! How an input becomes the network's: `[preprocess]`.

use serde::{Deserialize, Deserializer, Serialize};

use crate::volume::Interpolation;

/// Voxel spacing of the model's grid.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Spacing {
    /// The input's own.
    #[default]
    Native,
    /// Along the model's axes, mm; 0 along an axis on which the input keeps its own (`"native"` in the list).
    Millimetres([f64; 3]),
}

impl Spacing {
    /// With what is native taken from the input's own.
    #[must_use]
    pub fn over(self, own: [f64; 3]) -> [f64; 3] {
        match self {
            Self::Native => own,
            Self::Millimetres(mm) => [0, 1, 2].map(|a| if mm[a] > 0.0 { mm[a] } else { own[a] }),
        }
    }
}

/// `"native"` for 0.
const NATIVE: &str = "native";

impl Serialize for Spacing {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Native => serializer.serialize_str(NATIVE),
            Self::Millimetres(mm) if mm.contains(&0.0) => {
                let each = |x: &f64| if *x > 0.0 { toml::Value::from(*x) } else { toml::Value::from(NATIVE) };
                mm.iter().map(each).collect::<Vec<_>>().serialize(serializer)
            }
            Self::Millimetres(mm) => mm.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Spacing {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let read = match toml::Value::deserialize(deserializer)? {
            toml::Value::String(s) if s == NATIVE => Ok(Self::Native),
            toml::Value::Array(mut each) => {
                each.iter_mut().filter(|x| x.as_str() == Some(NATIVE)).for_each(|x| *x = toml::Value::Float(0.0));
                <[f64; 3]>::deserialize(toml::Value::Array(each)).map(Self::Millimetres)
            }
            value => <[f64; 3]>::deserialize(value).map(Self::Millimetres),
        };
        read.map_err(|_| {
            D::Error::custom("spacing_mm must be \"native\", or three of which each is a number or \"native\"")
        })
    }
}

words! {
    /// How many voxels the resampled image has.
    SizeRule {
        /// `round((n - 1) * old / new + 1)`: first centres aligned, MONAI.
        Centers,
        /// `round(n * old / new)`: outer faces aligned, nnU-Net.
        Extent,
    }
}

words! {
    /// What of the input is cut away before it is resampled.
    Crop {
        /// Nothing.
        None,
        /// All outside the box of voxels that are not 0.
        Nonzero,
        /// All outside the box of voxels above 0.
        Foreground,
    }
}

words! {
    /// What stands where the input has no voxels.
    PadValue {
        /// 0.
        Zero,
        /// The normalised value of the background (the input's lowest).
        Background,
    }
}

/// One step of the normalisation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[expect(missing_docs, reason = "each field is the manifest's key of its name")]
pub enum Normalize {
    /// Clips to two percentiles.
    ClipPercentile {
        lower: f64,
        upper: f64,
        #[serde(default)]
        nonzero: bool,
    },
    /// `(x - mean) / std` of this image (population standard deviation).
    Zscore {
        #[serde(default)]
        nonzero: bool,
    },
    /// `from` to `to`, linear; clipped if asked.
    Scale {
        from: [f64; 2],
        to: [f64; 2],
        #[serde(default)]
        clip: bool,
    },
    /// The image's own range to `to`.
    Minmax { to: [f64; 2] },
    /// Two percentiles to `to`, linear; clipped if asked.
    PercentileScale {
        lower: f64,
        upper: f64,
        to: [f64; 2],
        #[serde(default)]
        clip: bool,
    },
    /// `x * scale + offset`.
    Affine { scale: f64, offset: f64 },
    /// `(x - mean) / std` with the numbers given here.
    FixedZscore { mean: f64, std: f64 },
}

/// How an input becomes the network's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "each field is the manifest's key of its name")]
pub struct Preprocess {
    pub orientation: String,
    pub spacing_mm: Spacing,
    pub size: Option<[usize; 3]>,
    pub interpolation: Interpolation,
    pub size_rule: SizeRule,
    pub anisotropic: bool,
    pub normalize_first: bool,
    pub crop: Crop,
    pub mask: Option<String>,
    pub normalize: Vec<Normalize>,
    pub pad_multiple: usize,
    pub pad_value: PadValue,
}

impl Default for Preprocess {
    fn default() -> Self {
        Self {
            orientation: "RAS".into(),
            spacing_mm: Spacing::Native,
            size: None,
            interpolation: Interpolation::Linear,
            size_rule: SizeRule::Centers,
            anisotropic: false,
            normalize_first: false,
            crop: Crop::None,
            mask: None,
            normalize: Vec::new(),
            pad_multiple: 1,
            pad_value: PadValue::Zero,
        }
    }
}
