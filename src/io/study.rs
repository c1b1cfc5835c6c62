//! What opening a path gives: studies of series, each of which loads into a [`Volume`].

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::IoError;
use crate::error::Warning;
use crate::jobs::Control;
use crate::volume::{Geometry, PatientPoint, SlicePositions, Space, Unit, Volume, VoxelType};

/// Everything that a path held.
#[derive(Debug, Clone, Default)]
pub struct Opened {
    /// Studies, in the order of their dates.
    pub studies: Vec<Study>,
    /// What was passed over, and why. Nothing is lost silently.
    pub skipped: Vec<Skipped>,
}

/// A file that holds nothing to show.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Skipped {
    /// Which.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}

/// Who was imaged, as far as the files say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Patient {
    /// As a person reads it: `Family, Given`.
    pub name: String,
    /// Patient ID (0010,0020).
    pub id: String,
    /// Birth date, `YYYY-MM-DD`.
    pub birth_date: String,
    /// `M`, `F`, `O` or empty.
    pub sex: String,
}

/// One examination.
#[derive(Debug, Clone, Default)]
pub struct Study {
    /// Study Instance UID; for formats without one, the path.
    pub uid: String,
    /// Whose it is.
    pub patient: Patient,
    /// `YYYY-MM-DD`, or empty.
    pub date: String,
    /// `HH:MM:SS`, or empty.
    pub time: String,
    /// Study Description.
    pub description: String,
    /// Accession Number.
    pub accession: String,
    /// Institution Name.
    pub institution: String,
    /// Series in the order of their numbers.
    pub series: Vec<Series>,
}

/// What a series is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SeriesKind {
    /// It loads into a volume.
    Image,
    /// It is no image; the text says what: `Structured report`, `RT structure set` …
    Object(String),
}

/// What becomes one volume (or one volume a time point). Cheap to clone.
#[derive(Debug, Clone)]
pub struct Series {
    /// Series Instance UID; parts that a series was split into share it.
    pub uid: String,
    /// Number of the series, if any.
    pub number: Option<i64>,
    /// DICOM modality code; empty when unknown.
    pub modality: String,
    /// Series Description or file name; never empty.
    pub description: String,
    /// Image or other object.
    pub kind: SeriesKind,
    /// How many files it came from.
    pub files: usize,
    /// Names of the transfer syntaxes, or of the file format.
    pub transfer_syntaxes: Vec<String>,
    /// Voxels `[nx, ny, nz]` of one time point; zeros for an object.
    pub size: [usize; 3],
    /// Time points; at least 1 for an image.
    pub time_points: usize,
    /// Where it lies; `None` for a stack without geometry and for objects.
    pub geometry: Option<Geometry>,
    /// Whether positions mean something, and which coordinate system they are in.
    pub space: Space,
    /// What real values mean.
    pub unit: Unit,
    /// The number type that loading gives.
    pub voxel_type: VoxelType,
    /// What the person must know.
    pub warnings: Vec<Warning>,
    /// The pixels behind it.
    pub source: Arc<dyn PixelSource>,
}

/// Where a series' pixels and attributes come from; one implementation a format.
pub trait PixelSource: fmt::Debug + Send + Sync {
    /// Decodes one time point, in parallel; reports slices done.
    ///
    /// # Errors
    /// Which file failed and why; [`IoError::Cancelled`].
    fn load(&self, time_point: usize, control: &Control) -> Result<Volume, IoError>;

    /// One slice alone, as a volume of `nz = 1` that lies where the slice does; on the caller's thread, so that it does not
    /// wait behind a volume that loads.
    ///
    /// # Errors
    /// Which file failed and why; a slice or a time point that is not there.
    fn slice(&self, time_point: usize, index: usize) -> Result<Volume, IoError>;

    /// The attributes of the file that slice `slice` came from, for the tag browser.
    ///
    /// # Errors
    /// Which file failed and why.
    fn attributes(&self, time_point: usize, slice: usize) -> Result<Vec<Attribute>, IoError>;

    /// Warnings that only show once pixels were decoded (a truncated frame, say); empty before.
    fn late_warnings(&self) -> Vec<Warning> {
        Vec::new()
    }

    /// Where the slices really lie, if the even grid of [`Series::geometry`] only stands for them.
    fn slice_positions(&self) -> Option<&SlicePositions> {
        None
    }

    /// Seconds from one time point to the next, where the file says so.
    fn time_step_s(&self) -> Option<f64> {
        None
    }
}

/// A row of the tag browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// `(0010,0010)` or the header field's name.
    pub tag: String,
    /// Keyword or explanation.
    pub name: String,
    /// Value representation or type.
    pub vr: String,
    /// The value as text, shortened if long.
    pub value: String,
    /// Nesting depth in sequences.
    pub depth: usize,
}

impl Series {
    /// Decodes one time point; see [`PixelSource::load`].
    ///
    /// # Errors
    /// As there.
    pub fn load(&self, time_point: usize, control: &Control) -> Result<Volume, IoError> {
        self.source.load(time_point, control)
    }

    /// One slice alone, while the rest loads; see [`PixelSource::slice`].
    ///
    /// # Errors
    /// As there.
    pub fn slice(&self, time_point: usize, index: usize) -> Result<Volume, IoError> {
        self.source.slice(time_point, index)
    }

    /// The middle slice of the first time point: the first image on screen and the thumbnail.
    ///
    /// # Errors
    /// As [`PixelSource::slice`].
    pub fn preview(&self) -> Result<Volume, IoError> {
        self.source.slice(0, self.middle())
    }

    /// The slice that [`Series::preview`] gives.
    #[must_use]
    pub fn middle(&self) -> usize {
        self.size[2] / 2
    }

    /// The place in the patient of what pictures of it show at `p`: `p` itself, but for stacks that are not even.
    #[must_use]
    pub fn true_point(&self, p: PatientPoint) -> PatientPoint {
        self.source.slice_positions().zip(self.geometry.as_ref()).map_or(p, |(s, grid)| s.to_true(grid, p))
    }

    /// Where pictures of it show the place `p` in the patient; the way back of [`Series::true_point`].
    #[must_use]
    pub fn shown_point(&self, p: PatientPoint) -> PatientPoint {
        self.source.slice_positions().zip(self.geometry.as_ref()).map_or(p, |(s, grid)| s.to_grid(grid, p))
    }

    /// Whether it loads into a volume.
    #[must_use]
    pub fn is_image(&self) -> bool {
        self.kind == SeriesKind::Image
    }
}
