//! What a series offers: volumes, the first image, tags.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;

use super::attributes;
use super::graphics::graphics_of;
use super::pixels::plane::{Target, ToReal};
use super::pixels::reader::FrameReader;
use super::source::Source;
use super::stacking::Slice;
use crate::error::{Warning, WarningCode, Warnings};
use crate::io::{Attribute, IoError, PixelSource};
use crate::jobs::Control;
use crate::volume::{
    DisplayHints, Geometry, Padding, Provenance, Rescale, SlicePositions, Space, Unit, Volume, VoxelType, Voxels,
};

/// Everything of a volume but its voxels.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    pub(crate) name: String,
    pub(crate) modality: String,
    pub(crate) unit: Unit,
    pub(crate) geometry: Geometry,
    pub(crate) space: Space,
    /// `None`: every slice has its own, so the voxels are real values, and padding is NaN.
    pub(crate) rescale: Option<Rescale>,
    pub(crate) padding: Option<Padding>,
    pub(crate) voxel_type: VoxelType,
    pub(crate) display: DisplayHints,
    pub(crate) provenance: Provenance,
}

/// The slices of a series, to be decoded.
#[derive(Debug)]
pub(crate) struct SeriesSource {
    time_points: Vec<Vec<Slice>>,
    template: Template,
    positions: Option<SlicePositions>,
    late: Warnings,
}

impl SeriesSource {
    pub(crate) fn new(time_points: Vec<Vec<Slice>>, template: Template, positions: Option<SlicePositions>) -> Self {
        Self { time_points, template, positions, late: Warnings::default() }
    }

    fn slices(&self, time_point: usize) -> Result<&[Slice], IoError> {
        self.time_points.get(time_point).map(Vec::as_slice).ok_or_else(|| {
            let path = self.time_points.iter().flatten().next().map(|s| s.file.source.path().to_owned());
            IoError::format(
                path.unwrap_or_default(),
                format!("a time point below {}", self.time_points.len()),
                time_point.to_string(),
            )
        })
    }

    fn decode(&self, slices: &[Slice], geometry: Geometry, control: &Control) -> Result<Volume, IoError> {
        let voxels = match self.template.voxel_type {
            VoxelType::U8 => self.fill::<u8>(slices, control)?.into(),
            VoxelType::I16 => self.fill::<i16>(slices, control)?.into(),
            VoxelType::U16 => self.fill::<u16>(slices, control)?.into(),
            VoxelType::I32 => {
                let values = self.fill::<i32>(slices, control)?;
                let unsigned = slices.iter().any(|s| !s.file.format.signed && s.file.format.stored == 32);
                if unsigned && values.par_iter().any(|v| *v < 0) {
                    // Beyond what an i32 holds: the one case where the voxels are widened.
                    Voxels::from(values.par_iter().map(|v| f64::from(v.cast_unsigned())).collect::<Vec<f64>>())
                } else {
                    values.into()
                }
            }
            VoxelType::F32 => self.fill::<f32>(slices, control)?.into(),
            VoxelType::F64 => self.fill::<f64>(slices, control)?.into(),
            VoxelType::Rgb8 => self.fill::<[u8; 3]>(slices, control)?.into(),
        };
        let t = &self.template;
        let path = || slices.first().map(|s| s.file.source.path().to_owned()).unwrap_or_default();
        let mut volume = Volume::new(t.name.clone(), voxels, geometry, t.provenance.clone())
            .map_err(|e| IoError::format(path(), "voxels that fill the image", e.to_string()))?;
        volume.space = t.space.clone();
        volume.rescale = t.rescale.unwrap_or(Rescale::IDENTITY);
        volume.padding = t.padding;
        volume.modality.clone_from(&t.modality);
        volume.unit = t.unit.clone();
        volume.display = t.display.clone();
        volume.graphics = graphics_of(slices, &volume.geometry, &volume.space, &self.late);
        Ok(volume)
    }

    /// Decodes the slices side by side, each into its place.
    fn fill<T: Target>(&self, slices: &[Slice], control: &Control) -> Result<Vec<T>, IoError> {
        let Some(first) = slices.first() else { return Ok(Vec::new()) };
        let plane = first.file.format.pixels();
        let count = plane.saturating_mul(slices.len());
        let path = first.file.source.path();
        // Asked for first, so that too little memory is an error and not an abort.
        Vec::<T>::new()
            .try_reserve_exact(count)
            .map_err(|_| IoError::system(path, std::io::Error::from(std::io::ErrorKind::OutOfMemory)))?;
        let mut voxels: Vec<T> = vec![T::zeroed(); count];
        let fallback = self.empty_value::<T>();
        let shared = shared_readers(slices)?;
        let failed: Mutex<Vec<IoError>> = Mutex::new(Vec::new());
        let write = |out: &mut [T], slice: &Slice| {
            control.checkpoint()?;
            let real = self.template.rescale.is_none().then(|| ToReal {
                rescale: slice.info().rescale.unwrap_or(Rescale::IDENTITY),
                // A Modality LUT moves it.
                padding: slice.file.padding.filter(|_| slice.file.modality_lut.is_none()),
            });
            let fallback =
                if real.is_some_and(|to| to.padding.is_some()) { Some(T::of_real(f64::NAN)) } else { fallback };
            let written = match shared.get(&Arc::as_ptr(&slice.file).addr()) {
                Some(reader) => reader.write(slice.frame, out, real),
                None => FrameReader::open(&slice.file).and_then(|r| r.write(slice.frame, out, real)),
            };
            if !matches!(written, Ok(true)) {
                match written {
                    // One bad slice does not take the others away; it is named, and stays empty.
                    Err(error) => {
                        // Pages that nobody wrote to take no memory, so only what was written goes back to zero.
                        let zero = T::zeroed();
                        let written = |v: &&mut T| bytemuck::bytes_of(*v) != bytemuck::bytes_of(&zero);
                        out.iter_mut().filter(written).for_each(|v| *v = zero);
                        failed.lock().unwrap_or_else(PoisonError::into_inner).push(error);
                    }
                    Ok(_) => self.mark_truncated(slice),
                }
                if let Some(value) = fallback {
                    fill_missing(out, value);
                }
            }
            control.advance(1);
            Ok::<(), IoError>(())
        };
        match slices {
            // Here and now: the pool may be busy with a whole volume.
            [one] => write(&mut voxels, one)?,
            many => voxels.par_chunks_mut(plane.max(1)).zip(many.par_iter()).try_for_each(|(out, s)| write(out, s))?,
        }
        let mut failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
        if failed.len() == slices.len()
            && let Some(error) = failed.pop()
        {
            return Err(error);
        }
        for error in failed {
            self.late.push(WarningCode::Truncated, format!("A slice could not be decoded and is empty: {error}"));
        }
        Ok(voxels)
    }

    /// What stands where pixels are missing, if not zero: the padding value.
    fn empty_value<T: Target>(&self) -> Option<T> {
        self.template.padding.filter(|p| p.low != 0.0).map(|p| T::of_real(p.low))
    }

    fn mark_truncated(&self, slice: &Slice) {
        self.late.push(
            WarningCode::Truncated,
            format!("{} ends before its pixels do; what is missing is left empty", slice.file.source.path().display()),
        );
    }
}

/// Zeros at the end of a slice become the padding value.
fn fill_missing<T: Target>(out: &mut [T], value: T) {
    let zero = bytemuck::bytes_of(&T::zeroed()).to_vec();
    for voxel in out.iter_mut().rev().take_while(|v| bytemuck::bytes_of(*v) == zero.as_slice()) {
        *voxel = value;
    }
}

/// Files that give more than one slice are opened once; by the address of the file's description.
fn shared_readers(slices: &[Slice]) -> Result<HashMap<usize, FrameReader<'_>>, IoError> {
    let mut readers = HashMap::new();
    for slice in slices.iter().filter(|s| s.file.format.frames > 1) {
        let key = Arc::as_ptr(&slice.file).addr();
        if let std::collections::hash_map::Entry::Vacant(entry) = readers.entry(key) {
            entry.insert(FrameReader::open(&slice.file)?);
        }
    }
    Ok(readers)
}

impl PixelSource for SeriesSource {
    fn load(&self, time_point: usize, control: &Control) -> Result<Volume, IoError> {
        let slices = self.slices(time_point)?;
        control.stage("Reading slices", slices.len() as u64);
        self.decode(slices, self.template.geometry.clone(), control)
    }

    fn slice(&self, time_point: usize, index: usize) -> Result<Volume, IoError> {
        let slices = self.slices(time_point)?;
        let path = || slices.first().map(|s| s.file.source.path().to_owned()).unwrap_or_default();
        let one = slices
            .get(index..=index)
            .ok_or_else(|| IoError::format(path(), format!("a slice below {}", slices.len()), index.to_string()))?;
        let g = &self.template.geometry;
        let [nx, ny, _] = g.size();
        let mut matrix = g.voxel_to_patient();
        matrix.w_axis = matrix * glam::DVec4::new(0.0, 0.0, index as f64, 1.0);
        let geometry = Geometry::new([nx, ny, 1], matrix)
            .map_err(|e| IoError::format(path(), "a slice with a place", e.to_string()))?;
        self.decode(one, geometry, &Control::new())
    }

    fn attributes(&self, time_point: usize, slice: usize) -> Result<Vec<Attribute>, IoError> {
        let slices = self.slices(time_point)?;
        let Some(slice) = slices.get(slice).or(slices.last()) else { return Ok(Vec::new()) };
        attributes::of(&slice.file.source)
    }

    fn slice_positions(&self) -> Option<&SlicePositions> {
        self.positions.as_ref()
    }

    fn time_step_s(&self) -> Option<f64> {
        if self.time_points.len() < 2 {
            return None;
        }
        self.time_points.first()?.first()?.file.time_step_s
    }

    fn late_warnings(&self) -> Vec<Warning> {
        self.late.list()
    }
}

/// Something that is no image: its tags can be read all the same.
#[derive(Debug)]
pub(crate) struct ObjectSource {
    pub(crate) kind: String,
    pub(crate) sources: Vec<Source>,
}

impl ObjectSource {
    fn refuse(&self) -> IoError {
        IoError::Unsupported {
            path: self.sources.first().map(|s| s.path().to_owned()).unwrap_or_default(),
            what: self.kind.clone(),
            doing: "shown as an image",
            remedy: "its attributes can be read in the tag browser".to_owned(),
        }
    }
}

impl PixelSource for ObjectSource {
    fn load(&self, _time_point: usize, _control: &Control) -> Result<Volume, IoError> {
        Err(self.refuse())
    }

    fn slice(&self, _time_point: usize, _index: usize) -> Result<Volume, IoError> {
        Err(self.refuse())
    }

    fn attributes(&self, _time_point: usize, slice: usize) -> Result<Vec<Attribute>, IoError> {
        self.sources.get(slice).or(self.sources.first()).map_or_else(|| Ok(Vec::new()), attributes::of)
    }
}
