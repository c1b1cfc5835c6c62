//! Which numbers are written: integers stay integers wherever the rescale is whole.

use std::io::{self, Write};
use std::path::Path;

use crate::io::IoError;
use crate::volume::voxels::Scalar;
use crate::volume::{Rescale, Volume, VoxelType, Voxels, statistics};
use crate::with_voxels;

/// How a series is written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// The number type in the file.
    pub voxel_type: VoxelType,
    /// What the header has to say of it; [`Rescale::IDENTITY`] when the numbers in the file are real.
    pub header_rescale: Rescale,
    /// Whether the rescale is applied while writing.
    apply: bool,
}

impl Plan {
    /// For the time points of one series; `header_may_rescale` where the format has a slope of its own.
    ///
    /// # Errors
    /// When there are none, when their sizes differ, or when some are colour and some are not.
    pub fn of(volumes: &[Volume], header_may_rescale: bool, path: &Path) -> Result<Self, IoError> {
        let first = volumes.first().ok_or_else(|| IoError::format(path, "an image to write", "none"))?;
        if let Some(other) = volumes.iter().find(|v| v.size() != first.size()) {
            let expected = format!("time points of one size, {:?}", first.size());
            return Err(IoError::format(path, expected, format!("{:?}", other.size())));
        }
        if let Some(other) = volumes.iter().find(|v| v.voxels.is_colour() != first.voxels.is_colour()) {
            let found = format!("{} among {}", other.voxels.voxel_type().name(), first.voxels.voxel_type().name());
            return Err(IoError::format(path, "time points all in colour or all in grey", found));
        }
        let voxel_type = first.voxels.voxel_type();
        let one_type = volumes.iter().all(|v| v.voxels.voxel_type() == voxel_type);
        let one_rescale = volumes.iter().all(|v| v.rescale == first.rescale);
        let as_stored = |rescale| Self { voxel_type, header_rescale: rescale, apply: false };
        if first.voxels.is_colour() || (one_type && volumes.iter().all(|v| v.rescale == Rescale::IDENTITY)) {
            return Ok(as_stored(Rescale::IDENTITY));
        }
        if volumes.iter().all(|v| is_integer(v.voxels.voxel_type()) && v.rescale.is_whole()) {
            return Ok(Self::whole(volumes));
        }
        if one_type && one_rescale && header_may_rescale {
            return Ok(as_stored(first.rescale));
        }
        let narrow = |t| matches!(t, VoxelType::U8 | VoxelType::I16 | VoxelType::U16 | VoxelType::F32);
        let all_narrow = volumes.iter().all(|v| narrow(v.voxels.voxel_type()));
        let voxel_type = if all_narrow { VoxelType::F32 } else { VoxelType::F64 };
        Ok(Self { voxel_type, header_rescale: Rescale::IDENTITY, apply: true })
    }

    /// Real values that are whole: the type that they came in if they fit it, else the next that they fit.
    fn whole(volumes: &[Volume]) -> Self {
        let ranges = volumes.iter().filter_map(|v| {
            // Padding is written too.
            statistics::range(&Volume { padding: None, ..v.clone() })
        });
        let [low, high] = ranges.fold([0.0_f64, 0.0], |[l, h], r| [l.min(r[0]), h.max(r[1])]);
        let stored = volumes.first().map_or(VoxelType::I16, |v| v.voxels.voxel_type());
        let fits = |t: &VoxelType| match t {
            VoxelType::U8 => low >= 0.0 && high <= 255.0,
            VoxelType::I16 => low >= -32768.0 && high <= 32767.0,
            VoxelType::U16 => low >= 0.0 && high <= 65535.0,
            VoxelType::I32 => low >= f64::from(i32::MIN) && high <= f64::from(i32::MAX),
            _ => true,
        };
        let order = [stored, VoxelType::I16, VoxelType::U16, VoxelType::I32, VoxelType::F64];
        let voxel_type = order.into_iter().find(fits).unwrap_or(VoxelType::F64);
        Self { voxel_type, header_rescale: Rescale::IDENTITY, apply: true }
    }

    /// Writes a volume's numbers, little-endian, x fastest.
    ///
    /// # Errors
    /// When `out` takes no more.
    pub fn write(&self, volume: &Volume, out: &mut dyn Write) -> io::Result<()> {
        let same =
            volume.voxels.voxel_type() == self.voxel_type && (!self.apply || volume.rescale == Rescale::IDENTITY);
        if same && (cfg!(target_endian = "little") || self.voxel_type.bytes() == 1 || volume.voxels.is_colour()) {
            return out.write_all(volume.voxels.as_bytes());
        }
        let rescale = if self.apply { volume.rescale } else { Rescale::IDENTITY };
        with_voxels!(
            &volume.voxels,
            |v| self.write_slice(v, rescale, out),
            rgb | v | out.write_all(bytemuck::cast_slice(v))
        )
    }

    fn write_slice<T: Scalar>(&self, v: &[T], rescale: Rescale, out: &mut dyn Write) -> io::Result<()> {
        let mut buffer = Vec::new();
        for piece in v.chunks(1 << 16) {
            buffer.clear();
            let real = piece.iter().map(|x| rescale.apply(x.to_f64()));
            match self.voxel_type {
                VoxelType::U8 | VoxelType::Rgb8 => buffer.extend(real.map(|x| x as u8)),
                VoxelType::I16 => real.for_each(|x| buffer.extend((x as i16).to_le_bytes())),
                VoxelType::U16 => real.for_each(|x| buffer.extend((x as u16).to_le_bytes())),
                VoxelType::I32 => real.for_each(|x| buffer.extend((x as i32).to_le_bytes())),
                VoxelType::F32 => real.for_each(|x| buffer.extend((x as f32).to_le_bytes())),
                VoxelType::F64 => real.for_each(|x| buffer.extend(x.to_le_bytes())),
            }
            out.write_all(&buffer)?;
        }
        Ok(())
    }
}

fn is_integer(t: VoxelType) -> bool {
    matches!(t, VoxelType::U8 | VoxelType::I16 | VoxelType::U16 | VoxelType::I32)
}

/// A label map's numbers as a volume: bytes where they fit.
#[must_use]
pub fn of_labels(labels: &crate::volume::Labelmap) -> Voxels {
    if labels.voxels.iter().all(|v| *v <= 255) {
        Voxels::from(labels.voxels.iter().map(|v| *v as u8).collect::<Vec<_>>())
    } else {
        Voxels::U16(std::sync::Arc::clone(&labels.voxels))
    }
}
