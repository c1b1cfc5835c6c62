//! One DICOM file as a checked type: what it belongs to, how its pixels are stored, and its frames.

use std::sync::Arc;

use dicom_dictionary_std::tags;

use super::frame::{Frame, frames_of};
use super::header::Header;
use super::lookup::{ModalityLut, Palette};
use super::objects;
use super::omissions::omissions;
use super::overlays::{OverlayPlane, overlay_planes};
use super::parser::PixelElement;
use super::pixel_format::PixelFormat;
use super::real_world::RealWorldMapping;
use super::source::Source;
use super::syntax::{Codec, TransferSyntax};
use super::text::{self, Charset};
use super::uptake::{Uptake, uptake};
use crate::io::{IoError, Patient};
use crate::volume::Rescale;

/// Which examination and series a file belongs to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Belonging {
    pub(crate) patient: Patient,
    pub(crate) study_uid: String,
    pub(crate) study_date: String,
    pub(crate) study_time: String,
    pub(crate) study_description: String,
    pub(crate) accession: String,
    pub(crate) institution: String,
    pub(crate) series_uid: String,
    pub(crate) series_number: Option<i64>,
    pub(crate) series_description: String,
    pub(crate) modality: String,
    pub(crate) sop_class: String,
    pub(crate) sop_instance: String,
    pub(crate) instance: i64,
}

/// What one file is.
#[derive(Debug)]
pub(crate) enum Entry {
    /// It has pixels to show.
    Image(Arc<ImageFile>),
    /// It is something else; the text says what.
    Object(Box<ObjectFile>),
    /// A DICOMDIR.
    Directory,
}

/// A file without pixels of its own.
#[derive(Debug)]
pub(crate) struct ObjectFile {
    pub(crate) belonging: Belonging,
    /// What it is, in words.
    pub(crate) kind: String,
    pub(crate) source: Source,
    /// The name of its transfer syntax.
    pub(crate) syntax: String,
}

/// A file with pixels.
#[derive(Debug)]
pub(crate) struct ImageFile {
    pub(crate) belonging: Belonging,
    /// Where offsets count.
    pub(crate) source: Source,
    pub(crate) syntax: TransferSyntax,
    pub(crate) pixels: PixelElement,
    pub(crate) format: PixelFormat,
    pub(crate) frames: Vec<Frame>,
    /// Extended Offset Table (7FE0,0001): where each frame starts.
    pub(crate) frame_offsets: Vec<u64>,
    pub(crate) frame_of_reference: Option<String>,
    pub(crate) modality_lut: Option<Arc<ModalityLut>>,
    pub(crate) palette: Option<Arc<Palette>>,
    /// Padding value and range limit, stored.
    pub(crate) padding: Option<[f64; 2]>,
    pub(crate) image_type: Vec<String>,
    /// Rescale Type, PET Units, Dose Units.
    pub(crate) unit_name: String,
    pub(crate) inverted: bool,
    pub(crate) quadruped: bool,
    /// By which method and ratio the pixels lost detail, as far as the file says; `None`: they did not.
    pub(crate) lossy: Option<String>,
    pub(crate) burned_in: bool,
    pub(crate) synthetic: bool,
    /// Overlay planes.
    pub(crate) overlays: Vec<OverlayPlane>,
    /// Name and unit of the Real World Value Mapping that stands for the rescale, where there is no other.
    pub(crate) mapped_as: Option<(String, String)>,
    /// Temporal Resolution (0020,0110): from one time point to the next, where the file says so.
    pub(crate) time_step_s: Option<f64>,
    /// PET: what SUV needs, or why there is none.
    pub(crate) uptake: Option<Result<Uptake, String>>,
    /// What the file asks for and is not done, or cannot be done, as sentences.
    pub(crate) omissions: Vec<String>,
    pub(crate) derivation: Option<String>,
    /// Why frames have no place in the patient, if they have none.
    pub(crate) no_place: Option<String>,
    /// Pixel spacing `[x, y]` mm for an image without a place, and what it rests on.
    pub(crate) flat_spacing: Option<([f64; 2], &'static str)>,
    /// Declared fewer bytes than the format needs, or the file ends early.
    pub(crate) truncated: bool,
}

/// What a header says.
pub(crate) fn entry_of(header: &Header<'_>) -> Result<Entry, IoError> {
    let dataset = &header.dataset;
    if objects::is_directory(&header.meta, dataset) {
        return Ok(Entry::Directory);
    }
    let path = header.source.path();
    if dataset.elements.is_empty() {
        return Err(IoError::format(path, "a DICOM data set", "nothing after the file meta information"));
    }
    let belonging = belonging_of(header);
    let pixels = header.pixels.filter(|_| !objects::is_labels(&belonging.sop_class, &belonging.modality));
    let Some(pixels) = pixels else {
        if header.cut_short && objects::is_unnamed(&belonging.sop_class, &belonging.modality) {
            return Err(IoError::format(
                path,
                "Pixel Data (7FE0,0010)",
                "the end of the file inside the header; it is truncated, copy it again",
            ));
        }
        if let Some(found) = objects::missing_image(dataset, &belonging.sop_class, &belonging.modality) {
            return Err(IoError::format(path, "Pixel Data (7FE0,0010)", found));
        }
        let kind = objects::object_name(&belonging.sop_class, &belonging.modality);
        let (source, syntax) = (header.source.clone(), header.syntax.name.clone());
        return Ok(Entry::Object(Box::new(ObjectFile { belonging, kind, source, syntax })));
    };
    if let Some(video) = header.syntax.video {
        // Listed with its series and its tags, as everything else that is not shown.
        let (source, syntax) = (header.source.clone(), header.syntax.name.clone());
        return Ok(Entry::Object(Box::new(ObjectFile { belonging, kind: video.to_owned(), source, syntax })));
    }
    let mut format = PixelFormat::read(dataset, &pixels)
        .map_err(|found| IoError::format(path, "an image whose size and bits are given", found))?;
    let truncated = check_size(header, &pixels, &mut format)?;
    let (mut frames, no_place, mut faults) = frames_of(header, &belonging, &format);
    let (overlays, more) = overlay_planes(header, &format);
    faults.extend(more);
    faults.extend(omissions(dataset));
    let padding = dataset.pixel_value(tags::PIXEL_PADDING_VALUE, format.signed).map(|value| {
        let limit = dataset.pixel_value(tags::PIXEL_PADDING_RANGE_LIMIT, format.signed).unwrap_or(value);
        [value.min(limit), value.max(limit)]
    });
    let monochrome1 = format.photometric == super::pixel_format::Photometric::Monochrome1;
    let shape = dataset.text(tags::PRESENTATION_LUT_SHAPE);
    let palette = Palette::read(dataset).map(Arc::new);
    if format.photometric == super::pixel_format::Photometric::Palette && palette.is_none() {
        return Err(IoError::format(path, "a colour palette", "none"));
    }
    let modality_lut = ModalityLut::read(dataset, format.signed).map(Arc::new);
    let mapped_as = if modality_lut.is_none() { adopt_mapping(&mut frames, &format) } else { None };
    Ok(Entry::Image(Arc::new(ImageFile {
        time_step_s: dataset.number(tags::TEMPORAL_RESOLUTION).filter(|ms| *ms > 0.0).map(|ms| ms / 1000.0),
        uptake: uptake(dataset, &belonging.modality),
        mapped_as,
        source: header.source.clone(),
        syntax: header.syntax.clone(),
        pixels,
        overlays,
        omissions: faults,
        frames,
        frame_offsets: if pixels.length.is_none() { offset_table(dataset) } else { Vec::new() },
        frame_of_reference: dataset.text(tags::FRAME_OF_REFERENCE_UID),
        modality_lut,
        palette,
        padding,
        image_type: dataset.texts(tags::IMAGE_TYPE),
        unit_name: unit_name(dataset, &belonging.modality),
        // INVERSE states MONOCHROME1's meaning in other words, so the two do not cancel out.
        inverted: monochrome1 || shape.as_deref() == Some("INVERSE"),
        quadruped: dataset.text(tags::ANATOMICAL_ORIENTATION_TYPE).as_deref() == Some("QUADRUPED"),
        lossy: lossy(dataset, &header.syntax),
        burned_in: dataset.text(tags::BURNED_IN_ANNOTATION).as_deref() == Some("YES"),
        synthetic: dataset.text(super::SYNTHETIC_DATA).as_deref() == Some("YES"),
        derivation: Charset::of(dataset).text(dataset, tags::DERIVATION_DESCRIPTION),
        flat_spacing: flat_spacing(dataset),
        no_place,
        truncated,
        belonging,
        format,
    })))
}

/// Where no frame has a rescale and all have one mapping of one name that is a line over all their numbers, the line
/// becomes the rescale. Gives its name and unit.
fn adopt_mapping(frames: &mut [Frame], format: &PixelFormat) -> Option<(String, String)> {
    if format.is_colour() || frames.iter().any(|f| f.rescale.is_some()) {
        return None;
    }
    let usable = |m: &&RealWorldMapping| m.line_for_all(format).is_some_and(|line| line.slope != 0.0);
    let (name, unit) = frames.first()?.mappings.iter().find(usable).map(|m| (m.name.clone(), m.unit.clone()))?;
    let of = |frame: &Frame| {
        let found = frame.mappings.iter().filter(usable).find(|m| m.name == name && m.unit == unit)?;
        found.line_for_all(format)
    };
    let lines: Vec<Rescale> = frames.iter().map(of).collect::<Option<_>>()?;
    frames.iter_mut().zip(lines).for_each(|(frame, line)| frame.rescale = Some(line));
    Some((name, unit))
}

/// Compares what the header claims with what the file holds; whether pixels are missing.
fn check_size(header: &Header<'_>, pixels: &PixelElement, format: &mut PixelFormat) -> Result<bool, IoError> {
    let expected = format.native_bytes();
    let available = header.total.saturating_sub(pixels.offset).min(pixels.length.unwrap_or(u64::MAX));
    if is_absurd(format, available, pixels.length.is_none(), header.syntax.codec) || isize::try_from(expected).is_err()
    {
        return Err(IoError::format(
            header.source.path(),
            format!("{expected} bytes of pixels, as the header claims"),
            format!("{available}"),
        ));
    }
    if pixels.length.is_some() && available < expected {
        use super::pixel_format::Photometric;
        // Files that say YBR_FULL_422 and hold whole YBR_FULL, or the other way round, are common.
        if format.photometric == Photometric::YbrFull && available >= expected / 3 * 2 && format.samples == 3 {
            let mut other = *format;
            other.photometric = Photometric::YbrFull422;
            if available == other.native_bytes() || available == other.native_bytes() + 1 {
                *format = other;
                return Ok(false);
            }
        }
        return Ok(true);
    }
    if format.photometric == super::pixel_format::Photometric::YbrFull422
        && pixels.length.is_some_and(|length| length >= expected / 2 * 3 && available >= expected / 2 * 3)
    {
        format.photometric = super::pixel_format::Photometric::YbrFull;
    }
    Ok(false)
}

/// Whether so few bytes are there that the claim must be wrong: memory is taken by the claim. A truncated file is none
/// of these: it is shown as far as it goes.
fn is_absurd(format: &PixelFormat, available: u64, encapsulated: bool, codec: Codec) -> bool {
    const MB: u64 = 1 << 20;
    /// A fragment's head and the least that a codec makes of a frame.
    const LEAST_FRAME_BYTES: u64 = 32;
    let (frames, expected) = (format.frames as u64, format.native_bytes());
    if frames > 1024 && available / LEAST_FRAME_BYTES < frames {
        return true;
    }
    match (encapsulated, codec) {
        // Runs are at best 64 times shorter than what they stand for.
        (false, _) | (true, Codec::EncapsulatedNative | Codec::Rle) => {
            expected > MB && available < expected / 1000 || expected > 64 * MB && available < expected / 64
        }
        // A blank picture may be a few bytes, but a picture so large is never blank.
        _ => {
            format.frame_bits() / 8 > 64 * MB && available < format.frame_bits() / 8 / 2000
                || expected > 256 * MB && available < expected / 4000
        }
    }
}

fn belonging_of(header: &Header<'_>) -> Belonging {
    let dataset = &header.dataset;
    let charset = Charset::of(dataset);
    let text = |tag| charset.text(dataset, tag).unwrap_or_default();
    let plain = |tag| dataset.text(tag).unwrap_or_default();
    let first_of = |options: &[String]| options.iter().find(|o| !o.is_empty()).cloned().unwrap_or_default();
    Belonging {
        patient: Patient {
            name: text::person_name(&text(tags::PATIENT_NAME)),
            id: text(tags::PATIENT_ID),
            birth_date: text::date(&plain(tags::PATIENT_BIRTH_DATE)),
            sex: plain(tags::PATIENT_SEX),
        },
        study_uid: plain(tags::STUDY_INSTANCE_UID),
        study_date: text::date(&first_of(&[
            plain(tags::STUDY_DATE),
            plain(tags::SERIES_DATE),
            plain(tags::ACQUISITION_DATE),
            plain(tags::CONTENT_DATE),
        ])),
        study_time: text::time(&plain(tags::STUDY_TIME)),
        study_description: text(tags::STUDY_DESCRIPTION),
        accession: text(tags::ACCESSION_NUMBER),
        institution: text(tags::INSTITUTION_NAME),
        series_uid: plain(tags::SERIES_INSTANCE_UID),
        series_number: dataset.integer(tags::SERIES_NUMBER),
        series_description: first_of(&[text(tags::SERIES_DESCRIPTION), text(tags::PROTOCOL_NAME)]),
        modality: plain(tags::MODALITY),
        sop_class: first_of(&[
            plain(tags::SOP_CLASS_UID),
            header.meta.text(tags::MEDIA_STORAGE_SOP_CLASS_UID).unwrap_or_default(),
        ]),
        sop_instance: first_of(&[
            plain(tags::SOP_INSTANCE_UID),
            header.meta.text(tags::MEDIA_STORAGE_SOP_INSTANCE_UID).unwrap_or_default(),
        ]),
        instance: dataset.integer(tags::INSTANCE_NUMBER).unwrap_or(0),
    }
}

fn offset_table(dataset: &DataSet<'_>) -> Vec<u64> {
    let bytes = dataset.bytes(tags::EXTENDED_OFFSET_TABLE).unwrap_or(&[]);
    bytes.as_chunks::<8>().0.iter().map(|b| u64::from_le_bytes(*b)).collect()
}

use super::dataset::DataSet;

fn unit_name(dataset: &DataSet<'_>, modality: &str) -> String {
    let of = |tag| dataset.text(tag);
    match modality {
        "PT" => of(tags::UNITS),
        "RTDOSE" => of(tags::DOSE_UNITS),
        _ => None,
    }
    .or_else(|| of(tags::RESCALE_TYPE))
    .or_else(|| dataset.item(tags::MODALITY_LUT_SEQUENCE)?.text(tags::MODALITY_LUT_TYPE))
    .unwrap_or_default()
}

fn lossy(dataset: &DataSet<'_>, syntax: &TransferSyntax) -> Option<String> {
    let flagged = dataset.text(tags::LOSSY_IMAGE_COMPRESSION).as_deref() == Some("01");
    if !flagged && !syntax.lossy {
        return None;
    }
    let ratio = dataset.texts(tags::LOSSY_IMAGE_COMPRESSION_RATIO).into_iter().rfind(|r| !r.is_empty());
    let method = dataset.texts(tags::LOSSY_IMAGE_COMPRESSION_METHOD).into_iter().rfind(|m| !m.is_empty());
    let mut how = method.or_else(|| syntax.lossy.then(|| syntax.name.to_owned())).unwrap_or_default();
    if let Some(ratio) = ratio {
        how.push_str(if how.is_empty() { "" } else { ", " });
        how.push_str(&format!("{ratio} to 1"));
    }
    Some(how)
}

/// Pixel spacing of an image without a place in the patient, by the rules of PS3.3 10.7: `[x, y]` mm.
fn flat_spacing(dataset: &DataSet<'_>) -> Option<([f64; 2], &'static str)> {
    let pair = |tag| dataset.vector::<2>(tag).filter(|v| v[0] > 0.0 && v[1] > 0.0).map(|[y, x]| [x, y]);
    if let Some(region) = ultrasound_spacing(dataset) {
        return Some((region, "ultrasound region calibration"));
    }
    let detector = pair(tags::IMAGER_PIXEL_SPACING);
    match (pair(tags::PIXEL_SPACING), detector) {
        (Some(spacing), None) => Some((spacing, "pixel spacing")),
        (Some(spacing), Some(detector)) if spacing == detector => {
            Some((spacing, "at the detector, magnification unknown"))
        }
        (Some(spacing), Some(_)) => {
            let kind = dataset.text(tags::PIXEL_SPACING_CALIBRATION_TYPE);
            Some((
                spacing,
                if kind.as_deref() == Some("FIDUCIAL") { "calibrated with a fiducial" } else { "calibrated" },
            ))
        }
        (None, Some(detector)) => {
            match dataset.number(tags::ESTIMATED_RADIOGRAPHIC_MAGNIFICATION_FACTOR).filter(|m| *m > 0.0) {
                Some(m) => Some((detector.map(|d| d / m), "at the detector, divided by the estimated magnification")),
                None => Some((detector, "at the detector, magnification unknown")),
            }
        }
        (None, None) => pair(tags::NOMINAL_SCANNED_PIXEL_SPACING).map(|s| (s, "nominal, of the film scanner")),
    }
}

/// The spacing that all two-dimensional ultrasound regions share, if they are in centimetres.
fn ultrasound_spacing(dataset: &DataSet<'_>) -> Option<[f64; 2]> {
    const CENTIMETRES: i64 = 3;
    let mut found: Option<[f64; 2]> = None;
    for region in dataset.items(tags::SEQUENCE_OF_ULTRASOUND_REGIONS) {
        if region.integer(tags::REGION_SPATIAL_FORMAT).is_some_and(|f| f != 1) {
            continue;
        }
        let in_cm = |tag| region.integer(tag) == Some(CENTIMETRES);
        if !in_cm(tags::PHYSICAL_UNITS_X_DIRECTION) || !in_cm(tags::PHYSICAL_UNITS_Y_DIRECTION) {
            return None;
        }
        let delta = |tag| region.number(tag).map(|d| d.abs() * 10.0).filter(|d| *d > 0.0);
        let spacing = [delta(tags::PHYSICAL_DELTA_X)?, delta(tags::PHYSICAL_DELTA_Y)?];
        match found {
            Some(other) if other != spacing => return None,
            _ => found = Some(spacing),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::dicom::pixel_format::{Photometric, Sample};

    #[test]
    fn claims_that_the_bytes_cannot_hold_are_absurd_and_truncated_files_are_not() {
        let format = |rows, columns, frames| PixelFormat {
            rows,
            columns,
            frames,
            samples: 1,
            photometric: Photometric::Monochrome2,
            planar: false,
            allocated: 16,
            stored: 16,
            high_bit: 15,
            signed: false,
            sample: Sample::Integer,
        };
        let native = |f, bytes| is_absurd(&f, bytes, false, Codec::Native);
        let packed = |f, bytes| is_absurd(&f, bytes, true, Codec::Jpeg2000);
        assert!(native(format(60_000, 60_000, 1), 300) && packed(format(60_000, 60_000, 1), 300));
        assert!(native(format(1, 1, 1 << 24), 60_000) && packed(format(1, 1, 1 << 24), 60_000));
        assert!(native(format(4096, 4096, 1), 300) && packed(format(512, 512, 1000), 30_000));
        // The first quarter of a file, a file cut behind its first pixels, a blank picture, 500 blank pictures.
        assert!(!native(format(512, 512, 400), 50 << 20) && !native(format(512, 512, 1), 10));
        assert!(!packed(format(4096, 4096, 1), 200) && !packed(format(512, 512, 500), 500 * 200));
    }
}
