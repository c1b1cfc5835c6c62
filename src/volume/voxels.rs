//! The stored numbers of an image, in the type they came in, shared and never copied to be shown.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The number type of a voxel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VoxelType {
    /// Unsigned, 8 bits.
    U8,
    /// Signed, 16 bits.
    I16,
    /// Unsigned, 16 bits.
    U16,
    /// Signed, 32 bits.
    I32,
    /// Float, 32 bits.
    F32,
    /// Float, 64 bits.
    F64,
    /// Three unsigned bytes: red, green, blue.
    Rgb8,
}

impl VoxelType {
    /// The name that `info` prints.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::U8 => "u8",
            Self::I16 => "i16",
            Self::U16 => "u16",
            Self::I32 => "i32",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::Rgb8 => "rgb8",
        }
    }

    /// Bytes of one voxel.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::I16 | Self::U16 => 2,
            Self::Rgb8 => 3,
            Self::I32 | Self::F32 => 4,
            Self::F64 => 8,
        }
    }
}

/// Voxels of one volume, x fastest, then y, then z; shared by `Arc`.
///
/// Types that files have and this lacks are widened without loss at the door: `i8` to `i16`, `u32` to `i32` where it
/// fits, else `f64`.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each variant is the VoxelType of its name")]
pub enum Voxels {
    U8(Arc<Vec<u8>>),
    I16(Arc<Vec<i16>>),
    U16(Arc<Vec<u16>>),
    I32(Arc<Vec<i32>>),
    F32(Arc<Vec<f32>>),
    F64(Arc<Vec<f64>>),
    Rgb8(Arc<Vec<[u8; 3]>>),
}

/// Runs one expression for whichever type the voxels have: `with_voxels!(voxels, |v| v.len(), rgb |v| v.len())`.
/// `v` is a slice of `T: Scalar` in the first arm and `&[[u8; 3]]` in the second.
#[macro_export]
macro_rules! with_voxels {
    ($voxels:expr, |$v:ident| $scalar:expr, rgb |$c:ident| $colour:expr) => {
        match $voxels {
            $crate::volume::Voxels::U8(a) => {
                let $v = a.as_slice();
                $scalar
            }
            $crate::volume::Voxels::I16(a) => {
                let $v = a.as_slice();
                $scalar
            }
            $crate::volume::Voxels::U16(a) => {
                let $v = a.as_slice();
                $scalar
            }
            $crate::volume::Voxels::I32(a) => {
                let $v = a.as_slice();
                $scalar
            }
            $crate::volume::Voxels::F32(a) => {
                let $v = a.as_slice();
                $scalar
            }
            $crate::volume::Voxels::F64(a) => {
                let $v = a.as_slice();
                $scalar
            }
            $crate::volume::Voxels::Rgb8(a) => {
                let $c = a.as_slice();
                $colour
            }
        }
    };
}

/// A number type that voxels can have.
pub trait Scalar: Copy + PartialOrd + Send + Sync + 'static {
    /// Which one.
    const TYPE: VoxelType;
    /// As the widest float; exact for all of them.
    fn to_f64(self) -> f64;
}

macro_rules! scalar {
    ($($t:ty => $n:ident),*) => {
        $(
            impl Scalar for $t {
                const TYPE: VoxelType = VoxelType::$n;
                // Called for every voxel; without it, not across codegen units, as the release profile has no LTO.
                #[inline]
                #[allow(clippy::cast_lossless, clippy::unnecessary_cast)]
                fn to_f64(self) -> f64 { self as f64 }
            }
            impl From<Vec<$t>> for Voxels {
                fn from(v: Vec<$t>) -> Self { Voxels::$n(Arc::new(v)) }
            }
        )*
    };
}
scalar!(u8 => U8, i16 => I16, u16 => U16, i32 => I32, f32 => F32, f64 => F64);

impl From<Vec<[u8; 3]>> for Voxels {
    fn from(v: Vec<[u8; 3]>) -> Self {
        Self::Rgb8(Arc::new(v))
    }
}

impl Voxels {
    /// How many voxels.
    #[must_use]
    pub fn len(&self) -> usize {
        with_voxels!(self, |v| v.len(), rgb | v | v.len())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number type.
    #[must_use]
    pub fn voxel_type(&self) -> VoxelType {
        match self {
            Self::U8(_) => VoxelType::U8,
            Self::I16(_) => VoxelType::I16,
            Self::U16(_) => VoxelType::U16,
            Self::I32(_) => VoxelType::I32,
            Self::F32(_) => VoxelType::F32,
            Self::F64(_) => VoxelType::F64,
            Self::Rgb8(_) => VoxelType::Rgb8,
        }
    }

    /// Whether they are colours rather than numbers.
    #[must_use]
    pub fn is_colour(&self) -> bool {
        matches!(self, Self::Rgb8(_))
    }

    /// The stored number at a flat index; colours give their luma (ITU-R BT.601). `None` outside.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<f64> {
        with_voxels!(self, |v| v.get(index).map(|x| x.to_f64()), rgb | v | v.get(index).map(luma))
    }

    /// The colour at a flat index, if the voxels are colours.
    #[must_use]
    pub fn colour(&self, index: usize) -> Option<[u8; 3]> {
        match self {
            Self::Rgb8(v) => v.get(index).copied(),
            _ => None,
        }
    }

    /// The memory that the voxels take.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        self.len() * self.voxel_type().bytes()
    }

    /// The raw memory in this machine's byte order, for upload and hashing.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::U8(v) => v,
            Self::I16(v) => bytemuck::cast_slice(v),
            Self::U16(v) => bytemuck::cast_slice(v),
            Self::I32(v) => bytemuck::cast_slice(v),
            Self::F32(v) => bytemuck::cast_slice(v),
            Self::F64(v) => bytemuck::cast_slice(v),
            Self::Rgb8(v) => bytemuck::cast_slice(v),
        }
    }
}

/// Luma of a colour, 0 to 255, ITU-R BT.601.
#[must_use]
pub fn luma(rgb: &[u8; 3]) -> f64 {
    0.299 * f64::from(rgb[0]) + 0.587 * f64::from(rgb[1]) + 0.114 * f64::from(rgb[2])
}

/// Stored value to real value: `real = stored * slope + intercept` (PS3.3 C.11.1, NIfTI `scl_slope`).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rescale {
    /// Factor; never 0.
    pub slope: f64,
    /// What is added after the factor, in the unit of the real value.
    pub intercept: f64,
}

impl Rescale {
    /// Stored is real.
    pub const IDENTITY: Self = Self { slope: 1.0, intercept: 0.0 };

    /// The real value.
    #[must_use]
    pub fn apply(self, stored: f64) -> f64 {
        stored * self.slope + self.intercept
    }

    /// The stored value that gives `real`.
    #[must_use]
    pub fn invert(self, real: f64) -> f64 {
        (real - self.intercept) / self.slope
    }

    /// Whether integers stay integers.
    #[must_use]
    pub fn is_whole(self) -> bool {
        self.slope.fract() == 0.0 && self.intercept.fract() == 0.0
    }
}

impl Default for Rescale {
    fn default() -> Self {
        Self::IDENTITY
    }
}

/// Stored values that mean "no image here" (Pixel Padding Value and Range Limit, (0028,0120) and (0028,0121)):
/// kept out of auto-window, statistics, projections and model input.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Padding {
    /// Lowest padding value, stored space.
    pub low: f64,
    /// Highest padding value, stored space; equal to `low` for a single value.
    pub high: f64,
}

impl Padding {
    /// Whether a stored value is padding.
    #[must_use]
    pub fn holds(self, stored: f64) -> bool {
        stored >= self.low && stored <= self.high
    }
}
