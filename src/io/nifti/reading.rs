//! From a NIfTI file to a study.

use std::path::{Path, PathBuf};

use super::affine;
use super::extension::{self, COMMENT};
use super::header::{Header, Version};
use crate::display::Window;
use crate::error::{Warning, WarningCode, Warnings};
use crate::io::formats::{DataFile, GridFile, Origin, Packing, SampleType, TimeOrder, inflate};
use crate::io::{Attribute, IoError, Study, mark};
use crate::volume::image::NamedWindow;
use crate::volume::{DisplayHints, Rescale, Space, Unit};

/// Extensions beyond this are not read: they may be as long as a file, and nothing in them is needed to show it.
const EXTENSIONS: usize = 4 << 20;

/// Reads the header of `origin` (the file or the `.hdr` of a pair), `zipped` or not.
///
/// # Errors
/// When the header makes no sense, its data are missing or shorter than it claims, or are complex numbers.
pub fn open(origin: &Origin, zipped: bool) -> Result<Study, IoError> {
    let path = origin.path();
    let bytes = start(origin, zipped, 2048)?;
    let header = Header::parse(&bytes)
        .ok_or_else(|| IoError::format(path, "a NIfTI or Analyze header", format!("{} bytes of one", bytes.len())))?;
    let sample = sample_type(&header, path)?;
    let shape = Shape::of(&header, path)?;
    let (geometry, mut warnings) = affine::geometry(&header, shape.size)
        .map_err(|e| IoError::format(path, "an image size and a place that can be used", e.to_string()))?;
    if let Some(message) = &shape.left_out {
        warnings.push(Warning::new(WarningCode::Other, message.clone()));
    }
    let (data, files) = data_file(origin, zipped, &header, &shape, sample)?;
    data.check_room()?;
    let rescale = rescale(&header, sample, &mut warnings);
    let record = record(origin, zipped, &header, &data);
    let marked = mark::of_description(&header.descrip);
    let provenance = mark::provenance(path.display().to_string(), marked, record.as_deref());
    warnings.extend(mark::note(&provenance));
    Ok(GridFile {
        format: match header.version {
            Version::Analyze => "Analyze 7.5",
            Version::One => "NIfTI-1",
            Version::Two => "NIfTI-2",
        },
        name: plain_name(path),
        data,
        sample,
        big_endian: header.big_endian,
        geometry,
        space: Space::Patient { frame_of_reference: None },
        time_points: shape.time_points,
        time_order: TimeOrder::Slowest,
        time_step_s: header.time_step_s(),
        rescale,
        modality: String::new(),
        unit: Unit::Arbitrary,
        display: hints(&header),
        provenance,
        attributes: attributes(&header),
        files,
        warnings,
        late: Warnings::default(),
        behind: std::sync::Mutex::default(),
    }
    .into_study(path))
}

/// The first bytes of the (unzipped) file.
fn start(origin: &Origin, zipped: bool, limit: usize) -> Result<Vec<u8>, IoError> {
    if zipped { Ok(inflate::head(Box::new(origin.open()?), limit)) } else { origin.head(limit) }
}

/// The file name without `.nii`, `.nii.gz`, `.hdr`.
fn plain_name(path: &Path) -> String {
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let lower = name.to_ascii_lowercase();
    let cut = [".nii.gz", ".hdr.gz", ".nii", ".hdr"].iter().find(|e| lower.ends_with(**e) && lower.len() > e.len());
    cut.map_or(name.clone(), |e| name[..name.len() - e.len()].to_owned())
}

fn sample_type(header: &Header, path: &Path) -> Result<SampleType, IoError> {
    Ok(match header.datatype {
        2 => SampleType::U8,
        4 => SampleType::I16,
        8 => SampleType::I32,
        16 => SampleType::F32,
        64 => SampleType::F64,
        128 => SampleType::Rgb24,
        256 => SampleType::I8,
        512 => SampleType::U16,
        768 => SampleType::U32,
        1024 => SampleType::I64,
        1280 => SampleType::U64,
        2304 => SampleType::Rgba32,
        other => {
            let what = match other {
                1 => "an image of single bits (datatype 1)".to_owned(),
                32 | 1792 | 2048 => format!("an image of complex numbers (datatype {other})"),
                1536 => "an image of 128-bit floats (datatype 1536)".to_owned(),
                _ => {
                    let known = "2, 4, 8, 16, 64, 128, 256, 512, 768, 1024, 1280 or 2304";
                    return Err(IoError::format(path, format!("a datatype of {known}"), other.to_string()));
                }
            };
            let remedy = "save its magnitude, or another real part of it, as float32".to_owned();
            return Err(IoError::Unsupported { path: path.to_owned(), what, doing: "shown", remedy });
        }
    })
}

/// The sizes of the axes, checked.
struct Shape {
    size: [usize; 3],
    time_points: usize,
    left_out: Option<String>,
}

impl Shape {
    fn of(header: &Header, path: &Path) -> Result<Self, IoError> {
        let axes = usize::try_from(header.dim[0])
            .ok()
            .filter(|n| (1..=7).contains(n))
            .ok_or_else(|| IoError::format(path, "1 to 7 axes in dim[0]", header.dim[0].to_string()))?;
        let mut dim = [1_usize; 7];
        for (axis, out) in dim.iter_mut().enumerate().take(axes) {
            let n = header.dim[axis + 1];
            // Some writers leave the axes that are not there at 0.
            let n = if n == 0 && axis > 0 { 1 } else { n };
            *out = usize::try_from(n).ok().filter(|n| *n > 0).ok_or_else(|| {
                IoError::format(path, format!("a size of at least 1 in dim[{}]", axis + 1), n.to_string())
            })?;
        }
        let beyond = dim[4..].iter().try_fold(1_usize, |n, d| n.checked_mul(*d)).unwrap_or(usize::MAX);
        let left_out = (beyond > 1)
            .then(|| format!("The file has {beyond} components a voxel along its fifth axis; the first one is shown"));
        Ok(Self { size: [dim[0], dim[1], dim[2]], time_points: dim[3], left_out })
    }
}

/// Where the voxels are, and of how many files the image is.
fn data_file(
    origin: &Origin,
    zipped: bool,
    header: &Header,
    shape: &Shape,
    sample: SampleType,
) -> Result<(DataFile, usize), IoError> {
    let path = origin.path();
    let part_bytes = shape
        .size
        .iter()
        .chain([&shape.time_points])
        .try_fold(sample.bytes() as u64, |n, d| n.checked_mul(*d as u64))
        .ok_or_else(|| IoError::format(path, "a size that can be addressed", format!("{:?}", header.dim)))?;
    let offset = header.vox_offset;
    if !(0.0..9e15).contains(&offset) {
        return Err(IoError::format(path, "a vox_offset of 0 or more", offset.to_string()));
    }
    let offset = offset as u64;
    let (part, zipped, offset, files) = if header.single_file {
        // 0 is what some writers leave when they mean "behind the header".
        let least = header.byte_len() as u64;
        (origin.clone(), zipped, if offset < least { least + 4 } else { offset }, 1)
    } else {
        let part = data_of_pair(origin)?;
        let zipped = part.head(2)?.starts_with(&inflate::MAGIC) && name_ends(&part, ".gz");
        (part, zipped, offset, 2)
    };
    let packing = if zipped { Packing::Gzip } else { Packing::Raw };
    let (file_offset, stream_offset) = if zipped { (0, offset) } else { (offset, 0) };
    Ok((DataFile { parts: vec![part], packing, file_offset, stream_offset, part_bytes }, files))
}

fn name_ends(origin: &Origin, end: &str) -> bool {
    origin.path().to_string_lossy().to_ascii_lowercase().ends_with(end)
}

/// The `.img` that belongs to a `.hdr`.
fn data_of_pair(origin: &Origin) -> Result<Origin, IoError> {
    let path = origin.path();
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let lower = name.to_ascii_lowercase();
    let stem = [".hdr.gz", ".hdr"]
        .iter()
        .find(|e| lower.ends_with(**e))
        .map_or(name.as_str(), |e| &name[..name.len() - e.len()]);
    let tried = ["img", "img.gz", "IMG", "IMG.gz"].map(|e| PathBuf::from(format!("{stem}.{e}")));
    tried.iter().find_map(|n| origin.sibling(n)).ok_or_else(|| IoError::Format {
        path: path.to_owned(),
        expected: format!("its voxels in {} beside it", tried[0].display()),
        found: "no such file".to_owned(),
        remedy: "put the .hdr and the .img into one folder; from a ZIP, unpack them first".to_owned(),
    })
}

/// `scl_slope` 0 or none means that the stored values are real.
fn rescale(header: &Header, sample: SampleType, warnings: &mut Vec<Warning>) -> Rescale {
    let slope = header.scl_slope;
    if slope == 0.0 || !slope.is_finite() || matches!(sample, SampleType::Rgb24 | SampleType::Rgba32) {
        return Rescale::IDENTITY;
    }
    let intercept = if header.scl_inter.is_finite() { header.scl_inter } else { 0.0 };
    if header.version == Version::Analyze && slope != 1.0 {
        let message =
            format!("The values were multiplied by {slope}, which SPM writes into Analyze headers as a scale");
        warnings.push(Warning::new(WarningCode::Other, message));
    }
    Rescale { slope, intercept }
}

fn hints(header: &Header) -> DisplayHints {
    let (low, high) = (header.cal_min, header.cal_max);
    let mut hints = DisplayHints::default();
    if low.is_finite() && high.is_finite() && high > low {
        hints.windows.push(NamedWindow { name: "cal_min to cal_max".to_owned(), window: Window::spanning(low, high) });
    }
    hints
}

/// The JSON of our extension, if there is one.
fn record(origin: &Origin, zipped: bool, header: &Header, data: &DataFile) -> Option<String> {
    let from = header.byte_len();
    // In a pair the extensions fill the rest of the header file.
    let to = if header.single_file {
        usize::try_from(data.file_offset.max(data.stream_offset)).unwrap_or(usize::MAX)
    } else {
        usize::MAX
    };
    let bytes = if header.version == Version::Analyze || to <= from + 4 {
        return None;
    } else {
        start(origin, zipped, to.min(from + EXTENSIONS)).ok()?
    };
    extension::parse(bytes.get(from..)?, header.big_endian)
        .into_iter()
        .filter(|e| e.code == COMMENT)
        .filter_map(|e| String::from_utf8(e.content).ok())
        .find(|text| text.contains("\"synthetic_data\":true") || text.contains("\"software\":\"Veritome"))
}

fn attributes(header: &Header) -> Vec<Attribute> {
    let row = |name: &str, vr: &str, value: String| Attribute {
        tag: name.to_owned(),
        name: String::new(),
        vr: vr.to_owned(),
        value,
        depth: 0,
    };
    let (int, float, text) = ("integer", "float", "text");
    let mut rows = vec![
        row("version", text, format!("{:?}", header.version)),
        row("byte order", text, if header.big_endian { "big-endian" } else { "little-endian" }.to_owned()),
        row("dim", int, format!("{:?}", header.dim)),
        row("datatype", int, header.datatype.to_string()),
        row("bitpix", int, header.bitpix.to_string()),
        row("pixdim", float, format!("{:?}", header.pixdim)),
        row("vox_offset", float, header.vox_offset.to_string()),
        row("scl_slope", float, header.scl_slope.to_string()),
        row("scl_inter", float, header.scl_inter.to_string()),
        row("cal_min", float, header.cal_min.to_string()),
        row("cal_max", float, header.cal_max.to_string()),
        row("xyzt_units", int, header.xyzt_units.to_string()),
        row("intent_code", int, header.intent_code.to_string()),
        row("intent_name", text, header.intent_name.clone()),
        row("descrip", text, header.descrip.clone()),
        row("aux_file", text, header.aux_file.clone()),
        row("qform_code", int, header.qform_code.to_string()),
        row("quatern", float, format!("{:?}", header.quatern)),
        row("qoffset", float, format!("{:?}", header.qoffset)),
        row("sform_code", int, header.sform_code.to_string()),
    ];
    rows.extend(header.srow.iter().zip(["srow_x", "srow_y", "srow_z"]).map(|(r, n)| row(n, float, format!("{r:?}"))));
    rows
}
