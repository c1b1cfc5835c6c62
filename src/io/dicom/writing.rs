//! A volume, or the time points of one, as a DICOM series: one file a slice, explicit little endian, uncompressed.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use dicom_core::Tag;
use dicom_dictionary_std::{tags, uids};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::display::VoiFunction;
use crate::io::IoError;
use crate::volume::{OriginMark, Rescale, Space, Unit, Volume, VoxelPoint, VoxelType, Voxels, statistics};

/// Names this program in the files that it writes.
const IMPLEMENTATION_UID: &str = "2.25.218350981403128915372163405173917201843";

/// Writes one file a slice into `folder` (made if needed) and returns their paths in the order of the slices.
///
/// Integers are stored as they are. Floats become 16-bit integers with a rescale: each value is right to half a step of
/// 1/65535 of the volume's range, and NaN becomes the padding value. What is synthetic says so in Synthetic Data
/// (0008,001C).
///
/// # Errors
/// When a file cannot be written, or when rows and columns are not at right angles, which DICOM cannot say.
pub fn write_series(volume: &Volume, folder: &Path) -> Result<Vec<PathBuf>, IoError> {
    SeriesWriter::new(folder, 1, None).write(volume)
}

/// Writes the time points of one series into one folder, one after the other, so that only one has to be in memory. They
/// are one study and, where they have a place in the patient, one series that a reader splits by Temporal Position
/// Identifier (0020,0100); stacks without a place are a series each, since only their numbers would tell them apart.
#[derive(Debug)]
pub struct SeriesWriter {
    folder: PathBuf,
    time_points: usize,
    time_step_s: Option<f64>,
    written: usize,
    study: String,
    series: String,
    frame_of_reference: String,
}

impl SeriesWriter {
    /// A new study of one series of `time_points` volumes, `time_step_s` seconds apart where that is known.
    #[must_use]
    pub fn new(folder: &Path, time_points: usize, time_step_s: Option<f64>) -> Self {
        Self {
            folder: folder.to_owned(),
            time_points,
            time_step_s: time_step_s.filter(|s| s.is_finite() && *s > 0.0),
            written: 0,
            study: new_uid(),
            series: new_uid(),
            frame_of_reference: new_uid(),
        }
    }

    /// Writes the next time point; gives the paths in the order of its slices.
    ///
    /// # Errors
    /// As [`write_series`].
    pub fn write(&mut self, volume: &Volume) -> Result<Vec<PathBuf>, IoError> {
        let time = (self.time_points > 1).then_some(self.written);
        if time.is_some_and(|t| t > 0) && !volume.space.is_patient() {
            self.series = new_uid();
        }
        self.written += 1;
        write_volume(volume, self, time)
    }

    /// What tells the files of time point `time` from the others.
    fn moment(&self, time: usize) -> Vec<Element> {
        let mut e = vec![
            text(tags::ACQUISITION_NUMBER, b"IS", &(time + 1).to_string()),
            text(tags::TEMPORAL_POSITION_IDENTIFIER, b"IS", &(time + 1).to_string()),
            text(tags::NUMBER_OF_TEMPORAL_POSITIONS, b"IS", &self.time_points.to_string()),
        ];
        if let Some(step_s) = self.time_step_s {
            // The day is not known, the distance is: the clock starts with the first time point.
            let at = clock(step_s * time as f64);
            e.push(numbers(tags::TEMPORAL_RESOLUTION, &[step_s * 1000.0]));
            e.push(text(tags::ACQUISITION_TIME, b"TM", &at));
            e.push(text(tags::CONTENT_TIME, b"TM", &at));
        }
        e
    }
}

/// `HHMMSS.FFFFFF`, within one day.
fn clock(seconds: f64) -> String {
    let micros = (seconds * 1e6).round().clamp(0.0, 86_400e6 - 1.0) as u64;
    let (s, micros) = (micros / 1_000_000, micros % 1_000_000);
    format!("{:02}{:02}{:02}.{micros:06}", s / 3600, s / 60 % 60, s % 60)
}

fn write_volume(volume: &Volume, writer: &SeriesWriter, time: Option<usize>) -> Result<Vec<PathBuf>, IoError> {
    let folder = writer.folder.as_path();
    let [u, v, _] = volume.geometry.directions();
    if volume.space.is_patient() && u.dot(v).abs() > 1e-3 {
        return Err(IoError::Unsupported {
            path: folder.to_owned(),
            what: "a volume whose rows and columns are not at right angles".to_owned(),
            doing: "written as DICOM",
            remedy: "resample it first (convert --resample)".to_owned(),
        });
    }
    if volume.provenance.mark() == Some(OriginMark::Blinded) {
        return Err(IoError::Unsupported {
            path: folder.to_owned(),
            what: "an image of a blinded study".to_owned(),
            doing: "written as DICOM",
            remedy: "DICOM has to say whether it is synthetic; choose .nii, .nii.gz, .nrrd or .png".to_owned(),
        });
    }
    std::fs::create_dir_all(folder).map_err(|e| IoError::system(folder, e))?;
    let stored = Stored::of(volume);
    let mut common = Common::new(volume, &stored, writer);
    let count = volume.size()[2];
    let digits = count.to_string().len().max(4);
    let mut first = 0;
    let mut prefix = "IM".to_owned();
    if let Some(time) = time {
        common.elements.extend(writer.moment(time));
        first = if volume.space.is_patient() { time * count } else { 0 };
        let digits = writer.time_points.to_string().len().max(3);
        prefix = format!("T{:0digits$}_IM", time + 1);
    }
    (0..count)
        .into_par_iter()
        .map(|k| {
            let path = folder.join(format!("{prefix}{:0digits$}.dcm", k + 1));
            std::fs::write(&path, common.file(volume, &stored, k, first + k + 1))
                .map_err(|e| IoError::system(&path, e))?;
            Ok(path)
        })
        .collect()
}

/// Voxels as DICOM can store them.
struct Stored {
    voxels: Voxels,
    rescale: Rescale,
    padding: Option<[f64; 2]>,
    bits: u16,
    signed: bool,
}

impl Stored {
    fn of(volume: &Volume) -> Self {
        let padding = volume.padding.map(|p| [p.low, p.high]);
        let kept =
            |bits, signed| Self { voxels: volume.voxels.clone(), rescale: volume.rescale, padding, bits, signed };
        match volume.voxels.voxel_type() {
            VoxelType::U8 | VoxelType::Rgb8 => kept(8, false),
            VoxelType::I16 => kept(16, true),
            VoxelType::U16 => kept(16, false),
            VoxelType::I32 => kept(32, true),
            VoxelType::F32 | VoxelType::F64 => Self::quantised(volume),
        }
    }

    /// Floats as u16: whole numbers exactly where they fit, else 65535 steps over the range. 0 is kept for NaN.
    fn quantised(volume: &Volume) -> Self {
        let [low, high] = statistics::stored_range(volume).unwrap_or([0.0, 1.0]);
        let whole = high - low < 65_534.0
            && (0..volume.voxels.len())
                .into_par_iter()
                .all(|i| volume.voxels.get(i).is_none_or(|x| !x.is_finite() || x.fract() == 0.0));
        let step = if whole { 1.0 } else { ((high - low) / 65_534.0).max(f64::MIN_POSITIVE) };
        let values: Vec<u16> = (0..volume.voxels.len())
            .into_par_iter()
            .map(|i| match volume.voxels.get(i) {
                Some(x) if x.is_finite() => (((x - low) / step).round() + 1.0).clamp(1.0, 65_535.0) as u16,
                _ => 0,
            })
            .collect();
        let empty = values.par_iter().any(|v| *v == 0);
        // stored -> float -> real: both maps in one.
        let outer = volume.rescale;
        let rescale = Rescale { slope: step * outer.slope, intercept: (low - step) * outer.slope + outer.intercept };
        Self { voxels: values.into(), rescale, padding: empty.then_some([0.0, 0.0]), bits: 16, signed: false }
    }

    fn slice(&self, k: usize, pixels: usize) -> Vec<u8> {
        let width = self.voxels.voxel_type().bytes();
        let bytes = self.voxels.as_bytes();
        let (start, end) = (k * pixels * width, (k + 1) * pixels * width);
        let mut slice = bytes.get(start..end).unwrap_or(&[]).to_vec();
        if cfg!(target_endian = "big") && matches!(width, 2 | 4) {
            slice.chunks_exact_mut(width).for_each(<[u8]>::reverse);
        }
        slice
    }
}

/// What all files of the series share.
struct Common {
    sop_class: &'static str,
    study: String,
    series: String,
    frame_of_reference: String,
    instances: Vec<String>,
    elements: Vec<Element>,
}

#[derive(Clone)]
struct Element {
    tag: Tag,
    vr: [u8; 2],
    value: Vec<u8>,
}

fn text(tag: Tag, vr: &[u8; 2], value: &str) -> Element {
    let mut bytes = value.as_bytes().to_vec();
    if bytes.len() % 2 == 1 {
        bytes.push(if vr == b"UI" { 0 } else { b' ' });
    }
    Element { tag, vr: *vr, value: bytes }
}

fn word(tag: Tag, value: u16) -> Element {
    Element { tag, vr: *b"US", value: value.to_le_bytes().to_vec() }
}

fn numbers(tag: Tag, values: &[f64]) -> Element {
    text(tag, b"DS", &values.iter().map(|x| decimal(*x)).collect::<Vec<_>>().join("\\"))
}

/// A number in at most 16 characters, as precise as they allow.
fn decimal(x: f64) -> String {
    let plain = format!("{x}");
    if plain.len() <= 16 {
        return plain;
    }
    for digits in (0..15).rev() {
        let fixed = format!("{x:.digits$}");
        // Fixed notation keeps fewer digits of small numbers than the exponent does.
        if fixed.len() <= 16 && x.abs() >= 1e-3 {
            return fixed;
        }
        let exponent = format!("{x:.digits$e}");
        if exponent.len() <= 16 && (x.abs() < 1e-3 || x.abs() >= 1e15) {
            return exponent;
        }
    }
    "0".to_owned()
}

/// Text that a DICOM string may hold, cut to `limit` characters.
fn clean(value: &str, limit: usize) -> String {
    value.chars().map(|c| if c == '\\' || c.is_control() { ' ' } else { c }).take(limit).collect()
}

/// A UID of our own: `2.25.` and 128 bits that time, process and count make unique (PS3.5 B.2).
fn new_uid() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos());
    let mut hash = Sha256::new();
    hash.update(now.to_le_bytes());
    hash.update(std::process::id().to_le_bytes());
    hash.update(COUNT.fetch_add(1, Ordering::Relaxed).to_le_bytes());
    let digest = hash.finalize();
    let mut sixteen = [0; 16];
    sixteen.copy_from_slice(&digest[..16]);
    format!("2.25.{}", u128::from_le_bytes(sixteen))
}

impl Common {
    fn new(volume: &Volume, stored: &Stored, writer: &SeriesWriter) -> Self {
        let colour = volume.voxels.is_colour();
        let sop_class = match (volume.modality.as_str(), stored.bits, colour) {
            ("CT", 16, false) if volume.space.is_patient() => uids::CT_IMAGE_STORAGE,
            ("MR", 16, false) if volume.space.is_patient() => uids::MR_IMAGE_STORAGE,
            ("PT", 16, false) if volume.space.is_patient() => uids::POSITRON_EMISSION_TOMOGRAPHY_IMAGE_STORAGE,
            _ => uids::SECONDARY_CAPTURE_IMAGE_STORAGE,
        };
        let frame_of_reference = match &volume.space {
            Space::Patient { frame_of_reference: Some(uid) } => uid.clone(),
            _ => writer.frame_of_reference.clone(),
        };
        let mut common = Self {
            sop_class,
            study: writer.study.clone(),
            series: writer.series.clone(),
            frame_of_reference,
            instances: (0..volume.size()[2]).map(|_| new_uid()).collect(),
            elements: Vec::new(),
        };
        common.describe(volume, stored);
        common
    }

    fn describe(&mut self, volume: &Volume, stored: &Stored) {
        let [nx, ny, _] = volume.size();
        let colour = volume.voxels.is_colour();
        let derivation = volume
            .provenance
            .derivation()
            .map(|d| d.description.clone())
            .filter(|d| !d.is_empty())
            .unwrap_or_else(|| format!("Converted by Veritome {}", env!("CARGO_PKG_VERSION")));
        let modality = if volume.modality.is_empty() { "OT" } else { &volume.modality };
        let photometric = match (colour, volume.display.inverted) {
            (true, _) => "RGB",
            (_, true) => "MONOCHROME1",
            _ => "MONOCHROME2",
        };
        let e = &mut self.elements;
        e.push(text(tags::SPECIFIC_CHARACTER_SET, b"CS", "ISO_IR 192"));
        e.push(text(
            tags::IMAGE_TYPE,
            b"CS",
            if modality == "CT" { "DERIVED\\SECONDARY\\AXIAL" } else { "DERIVED\\SECONDARY\\OTHER" },
        ));
        if volume.provenance.is_synthetic() {
            e.push(text(super::SYNTHETIC_DATA, b"CS", "YES"));
        }
        e.push(text(tags::SOP_CLASS_UID, b"UI", self.sop_class));
        e.push(text(tags::MODALITY, b"CS", &clean(modality, 16)));
        e.push(text(tags::CONVERSION_TYPE, b"CS", "WSD"));
        e.push(text(tags::MANUFACTURER, b"LO", "Veritome"));
        e.push(text(tags::SOFTWARE_VERSIONS, b"LO", env!("CARGO_PKG_VERSION")));
        e.push(text(tags::SERIES_DESCRIPTION, b"LO", &clean(&volume.name, 64)));
        e.push(text(tags::DERIVATION_DESCRIPTION, b"ST", &clean(&derivation, 1024)));
        for (tag, vr) in [
            (tags::STUDY_DATE, b"DA"),
            (tags::STUDY_TIME, b"TM"),
            (tags::ACCESSION_NUMBER, b"SH"),
            (tags::REFERRING_PHYSICIAN_NAME, b"PN"),
            (tags::PATIENT_NAME, b"PN"),
            (tags::PATIENT_ID, b"LO"),
            (tags::PATIENT_BIRTH_DATE, b"DA"),
            (tags::PATIENT_SEX, b"CS"),
            (tags::STUDY_ID, b"SH"),
        ] {
            e.push(text(tag, vr, ""));
        }
        e.push(text(tags::SERIES_NUMBER, b"IS", "1"));
        e.push(text(tags::STUDY_INSTANCE_UID, b"UI", &self.study));
        e.push(text(tags::SERIES_INSTANCE_UID, b"UI", &self.series));
        e.push(word(tags::SAMPLES_PER_PIXEL, if colour { 3 } else { 1 }));
        e.push(text(tags::PHOTOMETRIC_INTERPRETATION, b"CS", photometric));
        if colour {
            e.push(word(tags::PLANAR_CONFIGURATION, 0));
        }
        e.push(word(tags::ROWS, u16::try_from(ny).unwrap_or(u16::MAX)));
        e.push(word(tags::COLUMNS, u16::try_from(nx).unwrap_or(u16::MAX)));
        e.push(word(tags::BITS_ALLOCATED, stored.bits));
        e.push(word(tags::BITS_STORED, stored.bits));
        e.push(word(tags::HIGH_BIT, stored.bits - 1));
        e.push(word(tags::PIXEL_REPRESENTATION, u16::from(stored.signed)));
        if !colour {
            self.describe_values(volume, stored);
        }
        self.describe_place(volume);
    }

    fn describe_values(&mut self, volume: &Volume, stored: &Stored) {
        let e = &mut self.elements;
        e.push(numbers(tags::RESCALE_INTERCEPT, &[stored.rescale.intercept]));
        e.push(numbers(tags::RESCALE_SLOPE, &[stored.rescale.slope]));
        let unit = match &volume.unit {
            Unit::Hounsfield => "HU".to_owned(),
            Unit::Arbitrary => "US".to_owned(),
            other => clean(other.symbol(), 16),
        };
        e.push(text(tags::RESCALE_TYPE, b"LO", &unit));
        match &volume.unit {
            Unit::BqPerMl => e.push(text(tags::UNITS, b"CS", "BQML")),
            Unit::Suv => e.push(text(tags::UNITS, b"CS", "GML")),
            _ => {}
        }
        if let Some([low, high]) = stored.padding {
            let vr = if stored.signed { *b"SS" } else { *b"US" };
            let value = |x: f64| (x as i64 as u16).to_le_bytes().to_vec();
            e.push(Element { tag: tags::PIXEL_PADDING_VALUE, vr, value: value(low) });
            if low < high {
                e.push(Element { tag: tags::PIXEL_PADDING_RANGE_LIMIT, vr, value: value(high) });
            }
        }
        let windows = &volume.display.windows;
        if let Some(first) = windows.first() {
            // One function holds for all: those of another are left out.
            let same: Vec<_> = windows.iter().filter(|w| w.window.function == first.window.function).collect();
            e.push(numbers(tags::WINDOW_CENTER, &same.iter().map(|w| w.window.center).collect::<Vec<_>>()));
            e.push(numbers(tags::WINDOW_WIDTH, &same.iter().map(|w| w.window.width).collect::<Vec<_>>()));
            if same.iter().any(|w| !w.name.is_empty()) {
                let names: Vec<String> = same.iter().map(|w| clean(&w.name, 64)).collect();
                e.push(text(tags::WINDOW_CENTER_WIDTH_EXPLANATION, b"LO", &names.join("\\")));
            }
            let function = match first.window.function {
                VoiFunction::Linear => None,
                VoiFunction::LinearExact => Some("LINEAR_EXACT"),
                VoiFunction::Sigmoid => Some("SIGMOID"),
            };
            e.extend(function.map(|f| text(tags::VOILUT_FUNCTION, b"CS", f)));
        }
        if volume.display.inverted {
            e.push(text(tags::PRESENTATION_LUT_SHAPE, b"CS", "INVERSE"));
        }
    }

    fn describe_place(&mut self, volume: &Volume) {
        let e = &mut self.elements;
        match &volume.space {
            Space::Patient { .. } => {
                let [sx, sy, _] = volume.geometry.spacing_mm();
                let [u, v, w] = volume.geometry.directions();
                let across = u.cross(v).normalize().dot(w).abs() * volume.geometry.spacing_mm()[2];
                e.push(numbers(tags::PIXEL_SPACING, &[sy, sx]));
                e.push(numbers(tags::IMAGE_ORIENTATION_PATIENT, &[u.x, u.y, u.z, v.x, v.y, v.z]));
                e.push(numbers(tags::SLICE_THICKNESS, &[across]));
                e.push(numbers(tags::SPACING_BETWEEN_SLICES, &[across]));
                e.push(text(tags::FRAME_OF_REFERENCE_UID, b"UI", &self.frame_of_reference));
                e.push(text(tags::POSITION_REFERENCE_INDICATOR, b"LO", ""));
                if volume.display.quadruped {
                    e.push(text(tags::ANATOMICAL_ORIENTATION_TYPE, b"CS", "QUADRUPED"));
                }
            }
            Space::Stack { pixel_spacing_mm: Some([x, y]), .. } => e.push(numbers(tags::PIXEL_SPACING, &[*y, *x])),
            Space::Stack { .. } => {}
        }
    }

    /// The bytes of one file.
    fn file(&self, volume: &Volume, stored: &Stored, k: usize, number: usize) -> Vec<u8> {
        let [nx, ny, _] = volume.size();
        let instance = self.instances.get(k).map_or("", String::as_str);
        let mut elements = self.elements.clone();
        elements.push(text(tags::SOP_INSTANCE_UID, b"UI", instance));
        elements.push(text(tags::INSTANCE_NUMBER, b"IS", &number.to_string()));
        if volume.space.is_patient() {
            let p = volume.geometry.to_patient(VoxelPoint::new(0.0, 0.0, k as f64)).0;
            elements.push(numbers(tags::IMAGE_POSITION_PATIENT, &[p.x, p.y, p.z]));
        }
        let mut pixels = stored.slice(k, nx * ny);
        if pixels.len() % 2 == 1 {
            pixels.push(0);
        }
        let vr = if stored.bits > 8 { *b"OW" } else { *b"OB" };
        elements.push(Element { tag: tags::PIXEL_DATA, vr, value: pixels });
        elements.sort_by_key(|e| e.tag);
        let mut meta = vec![
            Element { tag: tags::FILE_META_INFORMATION_VERSION, vr: *b"OB", value: vec![0, 1] },
            text(tags::MEDIA_STORAGE_SOP_CLASS_UID, b"UI", self.sop_class),
            text(tags::MEDIA_STORAGE_SOP_INSTANCE_UID, b"UI", instance),
            text(tags::TRANSFER_SYNTAX_UID, b"UI", uids::EXPLICIT_VR_LITTLE_ENDIAN),
            text(tags::IMPLEMENTATION_CLASS_UID, b"UI", IMPLEMENTATION_UID),
        ];
        let mut version = String::new();
        let _ = write!(version, "VERITOME {}", env!("CARGO_PKG_VERSION"));
        meta.push(text(tags::IMPLEMENTATION_VERSION_NAME, b"SH", &clean(&version, 16)));
        let mut meta_bytes = Vec::new();
        meta.iter().for_each(|e| e.write(&mut meta_bytes));
        let mut out = vec![0; 128];
        out.extend(b"DICM");
        let length = u32::try_from(meta_bytes.len()).unwrap_or(0);
        Element { tag: tags::FILE_META_INFORMATION_GROUP_LENGTH, vr: *b"UL", value: length.to_le_bytes().to_vec() }
            .write(&mut out);
        out.extend(meta_bytes);
        elements.iter().for_each(|e| e.write(&mut out));
        out
    }
}

impl Element {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.tag.group().to_le_bytes());
        out.extend(self.tag.element().to_le_bytes());
        out.extend(self.vr);
        if matches!(&self.vr, b"OB" | b"OW") {
            out.extend([0, 0]);
            out.extend(u32::try_from(self.value.len()).unwrap_or(0).to_le_bytes());
        } else {
            out.extend(u16::try_from(self.value.len()).unwrap_or(0).to_le_bytes());
        }
        out.extend(&self.value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_fit_sixteen_characters_and_keep_their_precision() {
        for x in [0.1 + 0.2, -123.456_789_012_345, 1e-7 / 3.0, 1.0 / 3.0, -1e20 / 7.0, 5.0, 0.703_125] {
            let text = decimal(x);
            assert!(text.len() <= 16, "{text}");
            assert!((text.parse::<f64>().unwrap() - x).abs() <= x.abs() * 1e-8, "{text} for {x}");
        }
    }

    #[test]
    fn times_of_day_count_from_the_first_time_point() {
        assert_eq!([0.0, 2.5, 3_725.000_001].map(clock), ["000000.000000", "000002.500000", "010205.000001"]);
    }

    #[test]
    fn uids_differ_and_fit() {
        let (a, b) = (new_uid(), new_uid());
        assert!(a != b && a.len() <= 64);
    }
}
