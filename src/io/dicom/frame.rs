//! One frame: where it lies, how its numbers become real values, and what tells it from others at its place.
//!
//! Classic files, enhanced multi-frame objects (functional groups), nuclear medicine and RT dose all become the same type.

use std::sync::Arc;

use dicom_core::Tag;
use dicom_dictionary_std::tags;
use glam::DVec3;

use super::dataset::DataSet;
use super::header::Header;
use super::image_file::Belonging;
use super::lookup::voi_luts;
use super::pixel_format::PixelFormat;
use super::real_world::{RealWorldMapping, real_world_mappings};
use super::shutters::{ShutterShapes, shutter};
use super::text::{Charset, seconds};
use crate::display::{VoiFunction, VoiLut, Window};
use crate::volume::Rescale;
use crate::volume::image::NamedWindow;

/// Where a frame lies in the patient, LPS mm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Place {
    /// Centre of the first pixel.
    pub(crate) position: DVec3,
    /// Unit direction of increasing column index.
    pub(crate) row: DVec3,
    /// Unit direction of increasing row index.
    pub(crate) column: DVec3,
    /// Distance between columns and between rows, mm.
    pub(crate) spacing: [f64; 2],
}

impl Place {
    /// Unit normal, row x column.
    pub(crate) fn normal(&self) -> DVec3 {
        self.row.cross(self.column).normalize_or_zero()
    }
}

/// What can tell frames at one place from each other. Absent ones are `None` or empty.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Traits {
    /// Image Type from its third value on: `M`, `P`, `WATER` …
    pub(crate) kind: String,
    pub(crate) echo: Option<f64>,
    pub(crate) temporal: Option<f64>,
    /// Dimension Index Values without those that say where the frame lies.
    pub(crate) dimensions: Vec<i64>,
    pub(crate) diffusion: Option<(f64, [f64; 3])>,
    pub(crate) trigger: Option<f64>,
    pub(crate) acquisition: Option<f64>,
    pub(crate) reference_time: Option<f64>,
    pub(crate) acquisition_time: Option<f64>,
    pub(crate) content_time: Option<f64>,
    pub(crate) instance: i64,
}

/// How a frame wants to be seen; many frames share one.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Looks {
    pub(crate) windows: Vec<NamedWindow>,
    pub(crate) voi_luts: Vec<VoiLut>,
}

/// One frame of a file.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) place: Option<Place>,
    pub(crate) thickness: Option<f64>,
    /// `None`: the header gives no rescale, nor a mapping that can stand for one.
    pub(crate) rescale: Option<Rescale>,
    pub(crate) looks: Arc<Looks>,
    /// What hides a part of it.
    pub(crate) shutter: Option<Arc<ShutterShapes>>,
    /// Real World Value Mappings.
    pub(crate) mappings: Arc<Vec<RealWorldMapping>>,
    pub(crate) traits: Traits,
}

/// A data set with its shared and per-frame functional groups laid over it.
struct View<'v, 'a> {
    dataset: &'v DataSet<'a>,
    shared: Option<&'v DataSet<'a>>,
    own: Option<&'v DataSet<'a>>,
}

impl<'v, 'a> View<'v, 'a> {
    /// A functional group macro, the frame's own before the shared.
    fn group(&self, sequence: Tag) -> Option<&'v DataSet<'a>> {
        self.own.and_then(|g| g.item(sequence)).or_else(|| self.shared.and_then(|g| g.item(sequence)))
    }

    /// A number from a functional group, else from the data set itself.
    fn number(&self, sequence: Tag, tag: Tag) -> Option<f64> {
        self.group(sequence).and_then(|g| g.number(tag)).or_else(|| self.dataset.number(tag))
    }

    /// Rows and columns lie this much further apart than each other; 1 where nothing says it.
    fn aspect(&self) -> f64 {
        let spacing = self.vector::<2>(tags::PIXEL_MEASURES_SEQUENCE, tags::PIXEL_SPACING);
        let of_detector = || self.dataset.vector::<2>(tags::IMAGER_PIXEL_SPACING);
        let ratio = || self.dataset.vector::<2>(tags::PIXEL_ASPECT_RATIO);
        let [rows, columns] = spacing.or_else(of_detector).or_else(ratio).unwrap_or([1.0, 1.0]);
        let aspect = rows / columns;
        if aspect.is_finite() && aspect > 0.0 { aspect } else { 1.0 }
    }

    /// The mappings of the frame, else of the image, and whether one of them says too little.
    fn mappings(&self, signed: bool) -> (Arc<Vec<RealWorldMapping>>, bool) {
        let tag = tags::REAL_WORLD_VALUE_MAPPING_SEQUENCE;
        let levels = [self.own, self.shared, Some(self.dataset)];
        let items = levels.into_iter().flatten().map(|g| g.items(tag)).find(|i| !i.is_empty()).unwrap_or(&[]);
        if items.is_empty() {
            return (Arc::default(), false);
        }
        let (mappings, broken) = real_world_mappings(items, &Charset::of(self.dataset), signed);
        (Arc::new(mappings), broken)
    }

    /// The shutter of the frame, else of the image, and what of it is not applied.
    fn shutter(&self) -> (Option<Arc<ShutterShapes>>, Vec<String>) {
        let source = self.group(tags::FRAME_DISPLAY_SHUTTER_SEQUENCE).unwrap_or(self.dataset);
        let (shapes, faults) = shutter(source, self.aspect());
        (shapes.map(Arc::new), faults)
    }

    fn vector<const N: usize>(&self, sequence: Tag, tag: Tag) -> Option<[f64; N]> {
        self.group(sequence).and_then(|g| g.vector(tag)).or_else(|| self.dataset.vector(tag))
    }
}

/// The frames of an image, why they have no place if they have none, and what of their shutters and mappings is not
/// applied.
pub(crate) fn frames_of(
    header: &Header<'_>,
    belonging: &Belonging,
    format: &PixelFormat,
) -> (Vec<Frame>, Option<String>, Vec<String>) {
    let dataset = &header.dataset;
    let shared = dataset.item(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE);
    let own = dataset.items(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE);
    let enhanced = shared.is_some() || !own.is_empty();
    let spatial = spatial_dimensions(dataset);
    let mut frames: Vec<Frame> = Vec::with_capacity(format.frames);
    let multi = if enhanced { None } else { MultiFrame::of(dataset, belonging, format) };
    let mut reason = None;
    let common = View { dataset, shared, own: None };
    let common_looks = Arc::new(looks(&common, format.signed));
    let (common_shutter, mut faults) = common.shutter();
    let (common_mappings, mut broken) = common.mappings(format.signed);
    let common_place = if own.is_empty() { place(&common, belonging, format) } else { Err(String::new()) };
    let common_traits = if own.is_empty() { Some(traits(&common, &spatial, belonging)) } else { None };
    for index in 0..format.frames {
        let view = View { dataset, shared, own: own.get(index) };
        // What every frame shares is made once: a cine run has hundreds of frames.
        let place = match &multi {
            Some(multi) => multi.place(index),
            None if own.is_empty() => common_place.clone(),
            None => place(&view, belonging, format),
        };
        let mut traits = match &common_traits {
            Some(traits) => traits.clone(),
            None => traits(&view, &spatial, belonging),
        };
        if let Some(multi) = &multi {
            traits.dimensions = multi.dimensions(index);
        }
        let looks = if own.is_empty() {
            common_looks.clone()
        } else {
            let own_looks = looks(&view, format.signed);
            match frames.last() {
                Some(last) if *last.looks == own_looks => last.looks.clone(),
                _ => Arc::new(own_looks),
            }
        };
        let shutter = if own.is_empty() {
            common_shutter.clone()
        } else {
            let (shutter, more) = view.shutter();
            more.into_iter()
                .filter(|f| !faults.contains(f))
                .collect::<Vec<_>>()
                .into_iter()
                .for_each(|f| faults.push(f));
            match frames.last() {
                Some(last) if last.shutter == shutter => last.shutter.clone(),
                _ => shutter,
            }
        };
        let mappings = if own.is_empty() {
            common_mappings.clone()
        } else {
            let (mappings, bad) = view.mappings(format.signed);
            broken |= bad;
            match frames.last() {
                Some(last) if last.mappings == mappings => last.mappings.clone(),
                _ => mappings,
            }
        };
        if let Err(why) = &place {
            reason.get_or_insert_with(|| why.clone());
        }
        frames.push(Frame {
            place: place.ok(),
            thickness: view.number(tags::PIXEL_MEASURES_SEQUENCE, tags::SLICE_THICKNESS).filter(|t| *t > 0.0),
            rescale: rescale(&view, belonging),
            looks,
            shutter,
            mappings,
            traits,
        });
    }
    if broken {
        faults.push(
            "A Real World Value Mapping (0040,9096) says neither a slope with its intercept nor a table with its range, \
             and is left out"
                .to_owned(),
        );
    }
    (frames, reason, faults)
}

fn place(view: &View<'_, '_>, belonging: &Belonging, format: &PixelFormat) -> Result<Place, String> {
    let multi_frame_alone = format.frames > 1 && view.own.is_none();
    if multi_frame_alone {
        return Err("its frames are given no positions in the patient".to_owned());
    }
    let mut position = view.vector::<3>(tags::PLANE_POSITION_SEQUENCE, tags::IMAGE_POSITION_PATIENT);
    let mut orientation = view.vector::<6>(tags::PLANE_ORIENTATION_SEQUENCE, tags::IMAGE_ORIENTATION_PATIENT);
    if let Some(detector) = view.dataset.item(tags::DETECTOR_INFORMATION_SEQUENCE) {
        position = position.or_else(|| detector.vector(tags::IMAGE_POSITION_PATIENT));
        orientation = orientation.or_else(|| detector.vector(tags::IMAGE_ORIENTATION_PATIENT));
    }
    let spacing = view.vector::<2>(tags::PIXEL_MEASURES_SEQUENCE, tags::PIXEL_SPACING);
    checked_place(position, orientation, spacing, belonging)
}

fn checked_place(
    position: Option<[f64; 3]>,
    orientation: Option<[f64; 6]>,
    spacing: Option<[f64; 2]>,
    belonging: &Belonging,
) -> Result<Place, String> {
    match belonging.modality.as_str() {
        "US" | "IVUS" => return Err("ultrasound images are given no positions in the patient".to_owned()),
        "CR" | "DX" | "MG" | "RF" | "PX" | "IO" if position.is_none() || orientation.is_none() => {
            return Err("a projection has no third dimension".to_owned());
        }
        "XA" if position.is_none() || orientation.is_none() => {
            return Err("a projection has no third dimension".to_owned());
        }
        _ => {}
    }
    let Some(position) = position else { return Err("there is no Image Position (0020,0032)".to_owned()) };
    let Some(o) = orientation else { return Err("there is no Image Orientation (0020,0037)".to_owned()) };
    let Some([between_rows, between_columns]) = spacing else {
        return Err("there is no Pixel Spacing (0028,0030)".to_owned());
    };
    if !(between_rows > 0.0 && between_columns > 0.0) {
        return Err(format!("Pixel Spacing (0028,0030) is {between_rows} by {between_columns}"));
    }
    let (row, column) = (DVec3::new(o[0], o[1], o[2]), DVec3::new(o[3], o[4], o[5]));
    if row.length() < 0.5 || column.length() < 0.5 || row.normalize().dot(column.normalize()).abs() > 0.05 {
        return Err("Image Orientation (0020,0037) is no pair of directions at right angles".to_owned());
    }
    Ok(Place {
        position: DVec3::from_array(position),
        row: row.normalize(),
        column: column.normalize(),
        spacing: [between_columns, between_rows],
    })
}

fn rescale(view: &View<'_, '_>, belonging: &Belonging) -> Option<Rescale> {
    if belonging.modality == "RTDOSE" {
        let slope = view.dataset.number(tags::DOSE_GRID_SCALING).filter(|s| *s != 0.0)?;
        return Some(Rescale { slope, intercept: 0.0 });
    }
    let sequence = tags::PIXEL_VALUE_TRANSFORMATION_SEQUENCE;
    let slope = view.number(sequence, tags::RESCALE_SLOPE);
    let intercept = view.number(sequence, tags::RESCALE_INTERCEPT);
    if slope.is_none() && intercept.is_none() {
        return None;
    }
    // A slope of 0 would make every value the same; writers mean "none".
    Some(Rescale { slope: slope.filter(|s| *s != 0.0).unwrap_or(1.0), intercept: intercept.unwrap_or(0.0) })
}

fn looks(view: &View<'_, '_>, signed: bool) -> Looks {
    let source = view
        .group(tags::FRAME_VOILUT_SEQUENCE)
        .filter(|g| g.get(tags::WINDOW_CENTER).is_some() || g.get(tags::VOILUT_SEQUENCE).is_some())
        .unwrap_or(view.dataset);
    let centers = source.numbers(tags::WINDOW_CENTER);
    let widths = source.numbers(tags::WINDOW_WIDTH);
    let names = source.texts(tags::WINDOW_CENTER_WIDTH_EXPLANATION);
    let function = match source.text(tags::VOILUT_FUNCTION).as_deref() {
        Some("LINEAR_EXACT") => VoiFunction::LinearExact,
        Some("SIGMOID") => VoiFunction::Sigmoid,
        _ => VoiFunction::Linear,
    };
    let mut windows: Vec<NamedWindow> = Vec::new();
    for (at, (center, width)) in centers.iter().zip(&widths).enumerate() {
        if !center.is_finite() || !width.is_finite() || *width <= 0.0 {
            continue;
        }
        let window = NamedWindow {
            name: names.get(at).cloned().unwrap_or_default(),
            window: Window::with_function(*center, *width, function),
        };
        if !windows.contains(&window) {
            windows.push(window);
        }
    }
    Looks { windows, voi_luts: voi_luts(source, signed) }
}

/// Which Dimension Index Values say where a frame lies rather than which of several at one place it is.
fn spatial_dimensions(dataset: &DataSet<'_>) -> Vec<bool> {
    dataset
        .items(tags::DIMENSION_INDEX_SEQUENCE)
        .iter()
        .map(|item| {
            let words = item.words(tags::DIMENSION_INDEX_POINTER);
            let pointer = match words.get(..2) {
                Some(&[group, element]) => Tag(group, element),
                _ => return false,
            };
            [
                tags::IN_STACK_POSITION_NUMBER,
                tags::STACK_ID,
                tags::IMAGE_POSITION_PATIENT,
                tags::IMAGE_ORIENTATION_PATIENT,
                tags::PLANE_POSITION_SEQUENCE,
                tags::SLICE_LOCATION,
            ]
            .contains(&pointer)
        })
        .collect()
}

fn traits(view: &View<'_, '_>, spatial: &[bool], belonging: &Belonging) -> Traits {
    let dataset = view.dataset;
    let content = view.group(tags::FRAME_CONTENT_SEQUENCE);
    let time = |tag| dataset.text(tag).and_then(|t| seconds(&t));
    let date_time = |tag| content.and_then(|c| c.text(tag)).and_then(|t| date_time_seconds(&t));
    let diffusion = view.group(tags::MR_DIFFUSION_SEQUENCE);
    let b_value = diffusion.and_then(|d| d.number(tags::DIFFUSION_B_VALUE)).or_else(|| b_value(dataset));
    let gradient = diffusion
        .and_then(|d| d.item(tags::DIFFUSION_GRADIENT_DIRECTION_SEQUENCE))
        .and_then(|g| g.vector::<3>(tags::DIFFUSION_GRADIENT_ORIENTATION))
        .or_else(|| dataset.vector::<3>(tags::DIFFUSION_GRADIENT_ORIENTATION))
        .unwrap_or_default();
    let kind_of = |texts: Vec<String>| texts.into_iter().skip(2).collect::<Vec<_>>().join("\\");
    let frame_type =
        [tags::MR_IMAGE_FRAME_TYPE_SEQUENCE, tags::CT_IMAGE_FRAME_TYPE_SEQUENCE, tags::PET_FRAME_TYPE_SEQUENCE]
            .iter()
            .find_map(|sequence| view.group(*sequence))
            .map(|g| {
                let mut kind = kind_of(g.texts(tags::FRAME_TYPE));
                // Philips keeps all of magnitude, phase, real and imaginary in one object.
                if let Some(component) = g.text(tags::COMPLEX_IMAGE_COMPONENT) {
                    kind.push_str(&component);
                }
                kind
            });
    let indices: Vec<i64> = content
        .map(|c| c.numbers(tags::DIMENSION_INDEX_VALUES).iter().map(|x| *x as i64).collect())
        .unwrap_or_default();
    let dimensions = indices
        .iter()
        .enumerate()
        .filter(|(at, _)| !spatial.get(*at).copied().unwrap_or(false))
        .map(|(_, value)| *value)
        .collect();
    Traits {
        kind: frame_type.unwrap_or_else(|| kind_of(dataset.texts(tags::IMAGE_TYPE))),
        echo: view
            .group(tags::MR_ECHO_SEQUENCE)
            .and_then(|g| g.number(tags::EFFECTIVE_ECHO_TIME))
            .or_else(|| dataset.number(tags::ECHO_TIME))
            .or_else(|| dataset.number(tags::ECHO_NUMBERS)),
        temporal: content
            .and_then(|c| c.number(tags::TEMPORAL_POSITION_INDEX))
            .or_else(|| dataset.number(tags::TEMPORAL_POSITION_IDENTIFIER)),
        dimensions,
        diffusion: b_value.map(|b| (b, gradient)),
        trigger: view
            .group(tags::CARDIAC_SYNCHRONIZATION_SEQUENCE)
            .and_then(|g| g.number(tags::NOMINAL_CARDIAC_TRIGGER_DELAY_TIME))
            .or_else(|| dataset.number(tags::TRIGGER_TIME))
            .or_else(|| dataset.number(tags::NOMINAL_PERCENTAGE_OF_CARDIAC_PHASE)),
        acquisition: content
            .and_then(|c| c.number(tags::FRAME_ACQUISITION_NUMBER))
            .or_else(|| dataset.number(tags::ACQUISITION_NUMBER)),
        reference_time: dataset.number(tags::FRAME_REFERENCE_TIME),
        acquisition_time: date_time(tags::FRAME_REFERENCE_DATE_TIME)
            .or_else(|| date_time(tags::FRAME_ACQUISITION_DATE_TIME))
            .or_else(|| time(tags::ACQUISITION_TIME))
            .or_else(|| dataset.text(tags::ACQUISITION_DATE_TIME).and_then(|t| date_time_seconds(&t))),
        content_time: time(tags::CONTENT_TIME),
        instance: belonging.instance,
    }
}

/// The b-value as the standard or one of the vendors keeps it.
fn b_value(dataset: &DataSet<'_>) -> Option<f64> {
    const SIEMENS: Tag = Tag(0x0019, 0x100C);
    const GE: Tag = Tag(0x0043, 0x1039);
    const PHILIPS: Tag = Tag(0x2001, 0x1003);
    let private = |tag: Tag, owner: &str| {
        let creator = dataset.text(Tag(tag.group(), tag.element() >> 8))?;
        if !creator.to_ascii_uppercase().contains(owner) {
            return None;
        }
        let element = dataset.get(tag)?;
        let mut value = dataset.number(tag);
        if &element.vr == b"UN" {
            // In implicit files the type is lost: text, or (Philips) a four-byte float.
            let bytes = dataset.bytes(tag)?;
            value = match bytes.as_array::<4>() {
                Some(four) if owner == "PHILIPS" => Some(f64::from(f32::from_le_bytes(*four))),
                _ => String::from_utf8_lossy(bytes).split('\\').next()?.trim_matches(['\0', ' ']).parse().ok(),
            };
        }
        // GE adds 10^9 to tell b-values that were rounded.
        value.filter(|b| b.is_finite() && *b >= 0.0).map(|b| if b >= 1e9 { b % 1e9 } else { b })
    };
    dataset
        .number(tags::DIFFUSION_B_VALUE)
        .or_else(|| private(SIEMENS, "SIEMENS"))
        .or_else(|| private(GE, "GEMS"))
        .or_else(|| private(PHILIPS, "PHILIPS"))
}

/// `YYYYMMDDHHMMSS.FFFFFF` as seconds; days count fully, so that midnight is no jump.
fn date_time_seconds(raw: &str) -> Option<f64> {
    let clean = raw.trim();
    let days: f64 = clean.get(..8)?.parse().ok()?;
    let clock = clean.get(8..)?.split(['+', '-', '&']).next()?;
    Some(days * 86_400.0 + seconds(clock).unwrap_or(0.0))
}

/// Multi-frame objects from before the functional groups: nuclear medicine and RT dose.
struct MultiFrame {
    first: Result<Place, String>,
    /// Where each frame lies along the normal, mm from the first.
    offsets: Vec<f64>,
    /// Index vectors other than the slice: energy window, detector, R-R interval, time slot, phase.
    vectors: Vec<Vec<i64>>,
}

impl MultiFrame {
    fn of(dataset: &DataSet<'_>, belonging: &Belonging, format: &PixelFormat) -> Option<Self> {
        let view = View { dataset, shared: None, own: None };
        let dose = belonging.modality == "RTDOSE" || belonging.sop_class.ends_with(".481.2");
        let nuclear = belonging.sop_class == "1.2.840.10008.5.1.4.1.1.20"
            || matches!(belonging.modality.as_str(), "NM" | "PT") && format.frames > 1;
        if dose && format.frames > 1 {
            let grid = dataset.numbers(tags::GRID_FRAME_OFFSET_VECTOR);
            let first = single_place(&view, belonging);
            if grid.len() < format.frames {
                let first = first.and(Err("its Grid Frame Offset Vector (3004,000C) is missing".to_owned()));
                return Some(Self { first, offsets: vec![0.0; format.frames], vectors: Vec::new() });
            }
            // Offsets start at 0, or are coordinates themselves.
            let offsets = grid.iter().map(|g| g - grid[0]).collect();
            return Some(Self { first, offsets, vectors: Vec::new() });
        }
        if !nuclear {
            return None;
        }
        let kind = dataset.texts(tags::IMAGE_TYPE).get(2).cloned().unwrap_or_default();
        let reconstructed = kind.contains("RECON") || kind.is_empty() || belonging.modality == "PT";
        let step = dataset.number(tags::SPACING_BETWEEN_SLICES).filter(|s| *s != 0.0);
        let step = step.or_else(|| dataset.number(tags::SLICE_THICKNESS).filter(|s| *s > 0.0));
        let first = match (reconstructed, step) {
            (false, _) => Err(format!("the frames are projections ({kind})")),
            (true, None) if format.frames > 1 => Err("there is no Spacing Between Slices (0018,0088)".to_owned()),
            _ => single_place(&view, belonging),
        };
        let vector = |tag| {
            let all: Vec<i64> = dataset.numbers(tag).iter().map(|x| *x as i64).collect();
            (all.len() == format.frames).then_some(all)
        };
        let slices = vector(tags::SLICE_VECTOR);
        let step = step.unwrap_or(1.0);
        let offsets = (0..format.frames)
            .map(|f| slices.as_ref().and_then(|s| s.get(f).map(|k| *k as f64 - 1.0)).unwrap_or(f as f64) * step)
            .collect();
        let vectors = [
            tags::ENERGY_WINDOW_VECTOR,
            tags::DETECTOR_VECTOR,
            tags::PHASE_VECTOR,
            tags::ROTATION_VECTOR,
            tags::RR_INTERVAL_VECTOR,
            tags::TIME_SLOT_VECTOR,
            tags::TIME_SLICE_VECTOR,
        ]
        .into_iter()
        .filter_map(vector)
        .collect();
        Some(Self { first, offsets, vectors })
    }

    fn place(&self, index: usize) -> Result<Place, String> {
        let first = self.first.as_ref().map_err(Clone::clone)?;
        let offset = self.offsets.get(index).copied().unwrap_or(0.0);
        Ok(Place { position: first.position + first.normal() * offset, ..*first })
    }

    fn dimensions(&self, index: usize) -> Vec<i64> {
        self.vectors.iter().filter_map(|v| v.get(index).copied()).collect()
    }
}

/// The place of the first frame, from the data set itself or its detector.
fn single_place(view: &View<'_, '_>, belonging: &Belonging) -> Result<Place, String> {
    let detector = view.dataset.item(tags::DETECTOR_INFORMATION_SEQUENCE);
    let position = view
        .dataset
        .vector::<3>(tags::IMAGE_POSITION_PATIENT)
        .or_else(|| detector.and_then(|d| d.vector(tags::IMAGE_POSITION_PATIENT)));
    let orientation = view
        .dataset
        .vector::<6>(tags::IMAGE_ORIENTATION_PATIENT)
        .or_else(|| detector.and_then(|d| d.vector(tags::IMAGE_ORIENTATION_PATIENT)));
    checked_place(position, orientation, view.dataset.vector(tags::PIXEL_SPACING), belonging)
}
