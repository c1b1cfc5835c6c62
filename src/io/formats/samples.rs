//! The number types that grid files hold, and their way into [`Voxels`].

use super::stream::{ByteStream, Finish};
use crate::error::{WarningCode, Warnings};
use crate::io::IoError;
use crate::jobs::Control;
use crate::volume::{VoxelType, Voxels};

/// The type of a number in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is the type of its name")]
pub enum SampleType {
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    I64,
    U64,
    F32,
    F64,
    Rgb24,
    Rgba32,
}

impl SampleType {
    /// Bytes of one number.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::I8 | Self::U8 => 1,
            Self::I16 | Self::U16 => 2,
            Self::Rgb24 => 3,
            Self::I32 | Self::U32 | Self::F32 | Self::Rgba32 => 4,
            Self::I64 | Self::U64 | Self::F64 => 8,
        }
    }

    /// For the person.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::I8 => "int8",
            Self::U8 => "uint8",
            Self::I16 => "int16",
            Self::U16 => "uint16",
            Self::I32 => "int32",
            Self::U32 => "uint32",
            Self::I64 => "int64",
            Self::U64 => "uint64",
            Self::F32 => "float32",
            Self::F64 => "float64",
            Self::Rgb24 => "RGB",
            Self::Rgba32 => "RGBA",
        }
    }

    /// What loading most likely gives; 32- and 64-bit integers become `f64` where they do not fit `i32`.
    #[must_use]
    pub fn voxel_type(self) -> VoxelType {
        match self {
            Self::U8 => VoxelType::U8,
            Self::I8 | Self::I16 => VoxelType::I16,
            Self::U16 => VoxelType::U16,
            Self::I32 | Self::U32 | Self::I64 | Self::U64 => VoxelType::I32,
            Self::F32 => VoxelType::F32,
            Self::F64 => VoxelType::F64,
            Self::Rgb24 | Self::Rgba32 => VoxelType::Rgb8,
        }
    }

    /// A decimal number as little-endian bytes; `None` if it is none of this type.
    #[must_use]
    pub fn parse(self, text: &str) -> Option<Vec<u8>> {
        macro_rules! number {
            ($t:ty) => {
                text.parse::<$t>().ok().map(|x| x.to_le_bytes().to_vec())
            };
        }
        match self {
            Self::I8 => number!(i8),
            Self::U8 => number!(u8),
            Self::I16 => number!(i16),
            Self::U16 => number!(u16),
            Self::I32 => number!(i32),
            Self::U32 => number!(u32),
            Self::I64 => number!(i64),
            Self::U64 => number!(u64),
            Self::F32 => number!(f32),
            Self::F64 => number!(f64),
            Self::Rgb24 | Self::Rgba32 => None,
        }
    }
}

/// Which numbers of the stream are wanted: `count` of them, each the `pick`-th of a group of `group`.
#[derive(Debug, Clone, Copy)]
pub struct Selection {
    /// How many.
    pub count: usize,
    /// Numbers that lie together for one voxel; 1 for a plain image.
    pub group: usize,
    /// Which of them.
    pub pick: usize,
}

/// Reads voxels out of a stream that stands at the first of them.
///
/// # Errors
/// When the file is broken or ends too early, when there is not the memory; [`IoError::Cancelled`].
pub fn decode(
    stream: &mut ByteStream,
    sample: SampleType,
    big_endian: bool,
    selection: Selection,
    warnings: &Warnings,
    control: &Control,
    progress: &mut dyn FnMut(u64),
) -> Result<Voxels, IoError> {
    let mut reader = Reader { stream, sample, big_endian, selection, control, progress };
    macro_rules! same {
        ($t:ty, $read:expr) => {
            Ok(Voxels::from(if selection.group == 1 { reader.direct::<$t>()? } else { reader.mapped::<$t>($read)? }))
        };
    }
    match sample {
        SampleType::U8 => same!(u8, |b| b[0]),
        SampleType::I16 => same!(i16, |b| i16::from_ne_bytes([b[0], b[1]])),
        SampleType::U16 => same!(u16, |b| u16::from_ne_bytes([b[0], b[1]])),
        SampleType::I32 => same!(i32, |b| i32::from_ne_bytes([b[0], b[1], b[2], b[3]])),
        SampleType::F32 => same!(f32, |b| f32::from_ne_bytes([b[0], b[1], b[2], b[3]])),
        SampleType::F64 => same!(f64, |b| f64::from_ne_bytes(eight(b))),
        SampleType::Rgb24 => same!([u8; 3], |b| [b[0], b[1], b[2]]),
        SampleType::Rgba32 => Ok(Voxels::from(reader.mapped::<[u8; 3]>(|b| [b[0], b[1], b[2]])?)),
        SampleType::I8 => Ok(Voxels::from(reader.mapped::<i16>(|b| i16::from(b[0] as i8))?)),
        SampleType::U32 => reader.widened(|b| u32::from_ne_bytes([b[0], b[1], b[2], b[3]]).into(), warnings),
        SampleType::I64 => reader.widened(|b| i64::from_ne_bytes(eight(b)).into(), warnings),
        SampleType::U64 => reader.widened(|b| u64::from_ne_bytes(eight(b)).into(), warnings),
    }
}

fn eight(b: &[u8]) -> [u8; 8] {
    [b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]
}

struct Reader<'a> {
    stream: &'a mut ByteStream,
    sample: SampleType,
    big_endian: bool,
    selection: Selection,
    control: &'a Control,
    progress: &'a mut dyn FnMut(u64),
}

impl Reader<'_> {
    fn no_memory(&self) -> IoError {
        IoError::system(self.stream.path(), std::io::ErrorKind::OutOfMemory.into())
    }

    /// The byte swap that this file needs on this machine.
    fn swap(&self) -> Option<Finish> {
        if self.big_endian == cfg!(target_endian = "big") {
            return None;
        }
        match self.sample.bytes() {
            _ if matches!(self.sample, SampleType::Rgb24 | SampleType::Rgba32) => None,
            2 => Some(|b| b.as_chunks_mut::<2>().0.iter_mut().for_each(|x| x.reverse())),
            4 => Some(|b| b.as_chunks_mut::<4>().0.iter_mut().for_each(|x| x.reverse())),
            8 => Some(|b| b.as_chunks_mut::<8>().0.iter_mut().for_each(|x| x.reverse())),
            _ => None,
        }
    }

    /// Straight into the voxels' own memory.
    fn direct<T: bytemuck::Pod>(&mut self) -> Result<Vec<T>, IoError> {
        // Zeroed pages come from the system untouched: a false count takes no memory before data really come.
        let mut out = bytemuck::allocation::try_zeroed_vec::<T>(self.selection.count).map_err(|()| self.no_memory())?;
        let swap = self.swap();
        self.stream.fill(bytemuck::cast_slice_mut(&mut out), swap, self.control, self.progress)?;
        Ok(out)
    }

    /// Piece by piece; `take` sees the bytes of one picked number in this machine's order.
    fn pieces(&mut self, mut take: impl FnMut(&[u8]) -> Result<(), IoError>) -> Result<(), IoError> {
        let (bytes, Selection { count, group, pick }) = (self.sample.bytes(), self.selection);
        let stride = bytes * group;
        let voxels_a_piece = ((1 << 20) / stride).max(1);
        let swap = self.swap();
        let mut buffer = vec![0; stride * voxels_a_piece.min(count)];
        let mut done = 0;
        while done < count {
            let now = voxels_a_piece.min(count - done);
            let piece = &mut buffer[..now * stride];
            self.stream.fill(piece, None, self.control, self.progress)?;
            if let Some(swap) = swap {
                swap(piece);
            }
            for voxel in piece.chunks_exact(stride) {
                take(&voxel[pick * bytes..(pick + 1) * bytes])?;
            }
            done += now;
        }
        Ok(())
    }

    fn mapped<T>(&mut self, read: impl Fn(&[u8]) -> T) -> Result<Vec<T>, IoError> {
        let mut out = Vec::new();
        out.try_reserve_exact(self.selection.count).map_err(|_| self.no_memory())?;
        self.pieces(|b| {
            out.push(read(b));
            Ok(())
        })?;
        Ok(out)
    }

    /// Integers beyond what the voxels hold: `i32` as long as they fit, `f64` from the first that does not.
    fn widened(&mut self, read: impl Fn(&[u8]) -> i128, warnings: &Warnings) -> Result<Voxels, IoError> {
        const EXACT: u128 = 1 << 53;
        let count = self.selection.count;
        let mut whole: Vec<i32> = Vec::new();
        let mut wide: Option<Vec<f64>> = None;
        whole.try_reserve_exact(count).map_err(|_| self.no_memory())?;
        let path = self.stream.path();
        self.pieces(|b| {
            let x = read(b);
            if let Some(wide) = &mut wide {
                wide.push(x as f64);
            } else if let Ok(x) = i32::try_from(x) {
                whole.push(x);
            } else {
                let mut all = Vec::new();
                all.try_reserve_exact(count)
                    .map_err(|_| IoError::system(&path, std::io::ErrorKind::OutOfMemory.into()))?;
                all.extend(whole.iter().copied().map(f64::from));
                all.push(x as f64);
                whole = Vec::new();
                wide = Some(all);
            }
            if x.unsigned_abs() > EXACT {
                warnings.push(
                    WarningCode::Other,
                    "Some integers are beyond 2^53 and were rounded to the nearest number that can be shown",
                );
            }
            Ok(())
        })?;
        Ok(wide.map_or_else(|| Voxels::from(whole), Voxels::from))
    }
}
