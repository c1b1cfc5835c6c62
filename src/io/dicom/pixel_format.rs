//! How an image's numbers are stored: size, bits, sign, colour. Checked once, trusted afterwards.

use dicom_dictionary_std::tags;

use super::dataset::DataSet;
use super::parser::PixelElement;
use crate::volume::VoxelType;

/// Rows, columns and frames beyond these are taken for damage.
const SIDE_LIMIT: i64 = 1 << 17;
const FRAME_LIMIT: i64 = 1 << 24;

/// Photometric Interpretation (0028,0004).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Photometric {
    Monochrome1,
    Monochrome2,
    Rgb,
    Palette,
    YbrFull,
    YbrFull422,
    YbrPartial422,
    YbrPartial420,
    /// YBR_ICT or YBR_RCT: the codec turns it into RGB by itself.
    YbrCodec,
}

/// What one sample is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Sample {
    Integer,
    Float,
    Double,
}

/// The Image Pixel module, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct PixelFormat {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) frames: usize,
    pub(crate) samples: usize,
    pub(crate) photometric: Photometric,
    /// Colours lie in planes, not side by side.
    pub(crate) planar: bool,
    pub(crate) allocated: u32,
    pub(crate) stored: u32,
    pub(crate) high_bit: u32,
    pub(crate) signed: bool,
    pub(crate) sample: Sample,
}

impl PixelFormat {
    /// Reads and checks the module; the error says what is missing or impossible.
    pub(crate) fn read(dataset: &DataSet<'_>, pixels: &PixelElement) -> Result<Self, String> {
        let side = |tag, name: &str| match dataset.integer(tag) {
            None => Err(format!("no {name}")),
            Some(n) if n <= 0 || n > SIDE_LIMIT => Err(format!("{name} of {n}")),
            Some(n) => Ok(n as usize),
        };
        let rows = side(tags::ROWS, "Rows (0028,0010)")?;
        let columns = side(tags::COLUMNS, "Columns (0028,0011)")?;
        let frames = match dataset.integer(tags::NUMBER_OF_FRAMES) {
            None | Some(0) => 1,
            Some(n) if !(0..=FRAME_LIMIT).contains(&n) => return Err(format!("Number of Frames (0028,0008) of {n}")),
            Some(n) => n as usize,
        };
        let samples = match dataset.integer(tags::SAMPLES_PER_PIXEL) {
            None => 1,
            Some(n @ (1 | 3 | 4)) => n as usize,
            Some(n) => return Err(format!("Samples per Pixel (0028,0002) of {n}")),
        };
        let named = dataset.text(tags::PHOTOMETRIC_INTERPRETATION).unwrap_or_default();
        let photometric = match (named.to_ascii_uppercase().as_str(), samples) {
            ("MONOCHROME1", 1) => Photometric::Monochrome1,
            ("PALETTE COLOR", 1) => Photometric::Palette,
            (_, 1) => Photometric::Monochrome2,
            ("YBR_FULL", _) => Photometric::YbrFull,
            ("YBR_FULL_422", _) => Photometric::YbrFull422,
            ("YBR_PARTIAL_422", _) => Photometric::YbrPartial422,
            ("YBR_PARTIAL_420", _) => Photometric::YbrPartial420,
            ("YBR_ICT" | "YBR_RCT", _) => Photometric::YbrCodec,
            ("HSV" | "ARGB" | "CMYK", _) => return Err(format!("the retired colour space {named}")),
            _ => Photometric::Rgb,
        };
        let sample = match pixels.tag {
            tags::FLOAT_PIXEL_DATA => Sample::Float,
            tags::DOUBLE_FLOAT_PIXEL_DATA => Sample::Double,
            _ => Sample::Integer,
        };
        let allocated = match (sample, dataset.integer(tags::BITS_ALLOCATED)) {
            (Sample::Float, _) => 32,
            (Sample::Double, _) => 64,
            (Sample::Integer, Some(n @ (1 | 8 | 16 | 32))) => n as u32,
            (Sample::Integer, None) => return Err("no Bits Allocated (0028,0100)".to_owned()),
            (Sample::Integer, Some(n)) => return Err(format!("Bits Allocated (0028,0100) of {n}")),
        };
        let stored = dataset
            .integer(tags::BITS_STORED)
            .filter(|n| *n >= 1 && *n <= i64::from(allocated))
            .map_or(allocated, |n| n as u32);
        let high_bit = dataset
            .integer(tags::HIGH_BIT)
            .filter(|n| *n + 1 >= i64::from(stored) && *n < i64::from(allocated))
            .map_or(stored - 1, |n| n as u32);
        Ok(Self {
            rows,
            columns,
            frames,
            samples,
            photometric,
            planar: samples > 1 && dataset.integer(tags::PLANAR_CONFIGURATION) == Some(1),
            allocated,
            stored,
            high_bit,
            signed: sample == Sample::Integer && dataset.integer(tags::PIXEL_REPRESENTATION) == Some(1),
            sample,
        })
    }

    /// Whether it becomes red, green and blue.
    pub(crate) fn is_colour(&self) -> bool {
        self.samples > 1 || self.photometric == Photometric::Palette
    }

    /// Pixels of one frame.
    pub(crate) fn pixels(&self) -> usize {
        self.rows * self.columns
    }

    /// Bytes of one frame stored as plain numbers; fractional for 1-bit images, hence in bits.
    pub(crate) fn frame_bits(&self) -> u64 {
        let pixels = self.pixels() as u64;
        let samples = match self.photometric {
            Photometric::YbrFull422 | Photometric::YbrPartial422 => 2,
            _ => self.samples as u64,
        };
        if self.photometric == Photometric::YbrPartial420 {
            return pixels * 3 / 2 * u64::from(self.allocated);
        }
        pixels * samples * u64::from(self.allocated)
    }

    /// Bytes of all frames stored as plain numbers.
    pub(crate) fn native_bytes(&self) -> u64 {
        self.frame_bits().saturating_mul(self.frames as u64).div_ceil(8)
    }

    /// The voxel type that holds every stored value. Unsigned 32-bit numbers are `I32` here and become `F64` when one
    /// of them does not fit.
    pub(crate) fn voxel_type(&self) -> VoxelType {
        match (self.is_colour(), self.sample, self.allocated, self.signed) {
            (true, ..) => VoxelType::Rgb8,
            (_, Sample::Float, ..) => VoxelType::F32,
            (_, Sample::Double, ..) => VoxelType::F64,
            (_, _, 1 | 8, false) => VoxelType::U8,
            (_, _, 1 | 8, true) | (_, _, 16, true) => VoxelType::I16,
            (_, _, 16, false) => VoxelType::U16,
            _ => VoxelType::I32,
        }
    }
}

/// The type that holds the values of both.
pub(crate) fn common_type(a: VoxelType, b: VoxelType) -> VoxelType {
    use VoxelType::{F32, F64, I16, I32, U8, U16};
    match (a, b) {
        (a, b) if a == b => a,
        (U8, I16) | (I16, U8) => I16,
        (U8, U16) | (U16, U8) => U16,
        (U8 | I16 | U16 | I32, U8 | I16 | U16 | I32) => I32,
        (F32, U8 | I16 | U16) | (U8 | I16 | U16, F32) => F32,
        _ => F64,
    }
}
