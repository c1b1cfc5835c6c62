//! [`GridFile`]: an image on a regular grid behind one header, as NIfTI and NRRD hold it.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use glam::{DMat4, DVec3};

use super::SampleType;
use super::samples::{Selection, decode};
use super::stream::{ByteStream, DataFile, Packing};
use crate::error::{Warning, WarningCode, Warnings};
use crate::io::{Attribute, IoError, PixelSource, Series, SeriesKind, Study};
use crate::jobs::Control;
use crate::volume::{DisplayHints, Geometry, OriginMark, Provenance, Rescale, Space, Unit, Volume};

/// Where the time points lie in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeOrder {
    /// One whole volume after the other.
    Slowest,
    /// All time points of a voxel together.
    Fastest,
}

/// Everything that the header says; the numbers are read when they are asked for.
#[derive(Debug)]
pub struct GridFile {
    /// Name of the format.
    pub format: &'static str,
    /// What a person calls it.
    pub name: String,
    /// Where the numbers are.
    pub data: DataFile,
    /// Their type.
    pub sample: SampleType,
    /// Whether they are big-endian.
    pub big_endian: bool,
    /// Where the voxels lie; the identity for a stack.
    pub geometry: Geometry,
    /// Whether that means something.
    pub space: Space,
    /// Time points, at least 1.
    pub time_points: usize,
    /// How they lie.
    pub time_order: TimeOrder,
    /// Seconds between them, if the header says so.
    pub time_step_s: Option<f64>,
    /// Stored to real.
    pub rescale: Rescale,
    /// DICOM modality code, or empty.
    pub modality: String,
    /// What real values mean.
    pub unit: Unit,
    /// Windows of the header.
    pub display: DisplayHints,
    /// Where it came from.
    pub provenance: Provenance,
    /// The header's fields.
    pub attributes: Vec<Attribute>,
    /// How many files it came from.
    pub files: usize,
    /// What the header alone tells of that is unusual.
    pub warnings: Vec<Warning>,
    /// What only the pixels tell.
    pub late: Warnings,
    /// A stream that stands behind a time point that was read, so that the next need not start over.
    pub behind: Mutex<Option<ByteStream>>,
}

impl std::fmt::Debug for ByteStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ByteStream").field(&self.position()).finish()
    }
}

impl GridFile {
    /// A study of this one series, known by the path that was opened.
    #[must_use]
    pub fn into_study(mut self, path: &Path) -> Study {
        let uid = path.display().to_string();
        if self.time_points > 1 {
            let message = format!("The series holds {} time points; one is shown at a time", self.time_points);
            self.warnings.push(Warning::new(WarningCode::TimePoints, message));
        }
        self.warnings.extend(origin_warning(&self.provenance));
        let series = Series {
            uid: uid.clone(),
            number: None,
            modality: self.modality.clone(),
            description: self.name.clone(),
            kind: SeriesKind::Image,
            files: self.files,
            transfer_syntaxes: vec![self.format.to_owned()],
            size: self.geometry.size(),
            time_points: self.time_points,
            geometry: self.space.is_patient().then(|| self.geometry.clone()),
            space: self.space.clone(),
            unit: self.unit.clone(),
            voxel_type: self.sample.voxel_type(),
            warnings: std::mem::take(&mut self.warnings),
            source: Arc::new(self),
        };
        Study { uid, series: vec![series], ..Study::default() }
    }

    /// Reads `slices` slices of a time point from slice `first`.
    fn read(&self, time_point: usize, first: usize, slices: usize, control: &Control) -> Result<Volume, IoError> {
        let [nx, ny, nz] = self.geometry.size();
        let path = self.data.parts.first().map(|p| p.path().to_owned()).unwrap_or_default();
        if time_point >= self.time_points {
            let there = format!("{} time points", self.time_points);
            return Err(IoError::format(path, format!("time point {time_point} (from 0)"), there));
        }
        let plane = nx * ny;
        let (group, pick, skipped) = match self.time_order {
            TimeOrder::Slowest => (1, 0, (time_point * nz + first) * plane),
            TimeOrder::Fastest => (self.time_points, time_point, first * plane * self.time_points),
        };
        let start = skipped as u64 * self.sample.bytes() as u64;
        let mut stream = self.stream_at(start, control)?;
        let slice_bytes = (plane * group * self.sample.bytes()) as u64;
        let (mut came, mut told) = (0_u64, 0_u64);
        let mut progress = |bytes: u64| {
            came += bytes;
            if came / slice_bytes > told {
                control.advance(came / slice_bytes - told);
                told = came / slice_bytes;
            }
        };
        let selection = Selection { count: plane * slices, group, pick };
        let voxels = decode(&mut stream, self.sample, self.big_endian, selection, &self.late, control, &mut progress)?;
        if self.time_order == TimeOrder::Slowest && first + slices == nz && time_point + 1 < self.time_points {
            *self.behind.lock().unwrap_or_else(PoisonError::into_inner) = Some(stream);
        }
        let geometry = part(&self.geometry, first, slices)
            .ok_or_else(|| IoError::format(&path, "an image with voxels", "a size of zero"))?;
        let volume = Volume::new(self.name.clone(), voxels, geometry, self.provenance.clone())
            .map_err(|e| IoError::format(&path, "as many voxels as the header says", e.to_string()))?;
        Ok(Volume {
            space: self.space.clone(),
            rescale: self.rescale,
            modality: self.modality.clone(),
            unit: self.unit.clone(),
            display: self.display.clone(),
            ..volume
        })
    }

    fn stream_at(&self, start: u64, control: &Control) -> Result<ByteStream, IoError> {
        let kept = self.behind.lock().unwrap_or_else(PoisonError::into_inner).take();
        let usable = kept.filter(|s| self.data.packing != Packing::Raw && s.position() <= start);
        let mut stream = match usable {
            Some(stream) => stream,
            None => self.data.stream()?,
        };
        stream.skip(start - stream.position(), control)?;
        Ok(stream)
    }
}

/// What the person reads of a file that bears the mark.
#[must_use]
fn synthetic_message(provenance: &Provenance) -> String {
    match provenance.derivation().map(|d| d.description.as_str()) {
        Some(what) if !what.is_empty() => format!("Some or all of the content was made artificially: {what}"),
        _ => "Some or all of the content was made artificially".to_owned(),
    }
}

/// What a reader must know of an origin that bears a mark.
#[must_use]
pub fn origin_warning(provenance: &Provenance) -> Option<Warning> {
    Some(match provenance.mark()? {
        OriginMark::Synthetic => Warning::new(WarningCode::Synthetic, synthetic_message(provenance)),
        OriginMark::Blinded => Warning::new(
            WarningCode::Blinded,
            "The image belongs to a blinded study: whether it was made artificially is withheld",
        ),
    })
}

/// The grid of some slices.
fn part(whole: &Geometry, first: usize, slices: usize) -> Option<Geometry> {
    let [nx, ny, nz] = whole.size();
    if first == 0 && slices == nz {
        return Some(whole.clone());
    }
    let shift = DMat4::from_translation(DVec3::new(0.0, 0.0, first as f64));
    Geometry::new([nx, ny, slices], whole.voxel_to_patient() * shift).ok()
}

impl PixelSource for GridFile {
    fn load(&self, time_point: usize, control: &Control) -> Result<Volume, IoError> {
        let nz = self.geometry.size()[2];
        control.stage("Reading voxels", nz as u64);
        self.read(time_point, 0, nz, control)
    }

    fn slice(&self, time_point: usize, index: usize) -> Result<Volume, IoError> {
        self.read(time_point, index, 1, &Control::new())
    }

    fn attributes(&self, _time_point: usize, _slice: usize) -> Result<Vec<Attribute>, IoError> {
        Ok(self.attributes.clone())
    }

    fn late_warnings(&self) -> Vec<Warning> {
        self.late.list()
    }

    fn time_step_s(&self) -> Option<f64> {
        self.time_step_s
    }
}
