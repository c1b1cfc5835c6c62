//! Files to studies and series.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::image_file::{Belonging, Entry, ImageFile, ObjectFile};
use super::pixel_format::common_type;
use super::real_world::{RealWorldMapping, quantities};
use super::separation::{Part, separate};
use super::series_source::{ObjectSource, SeriesSource, Template};
use super::stacking::{Slice, grid_of};
use super::uptake::{Uptake, suv};
use crate::error::{Warning, WarningCode};
use crate::io::{Series, SeriesKind, Skipped, Study};
use crate::volume::quantity::Quantity;
use crate::volume::{
    Derivation, DisplayHints, Geometry, Padding, Provenance, Rescale, SlicePositions, Space, Unit, VoxelType,
};

/// Groups what was read into studies, in the order of their dates. Copies of one image are listed in `skipped`.
pub(crate) fn assemble(entries: Vec<Entry>, skipped: &mut Vec<Skipped>) -> Vec<Study> {
    let mut studies: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
    for entry in entries {
        let uid = match &entry {
            Entry::Image(image) => study_key(&image.belonging, &image.source.path().to_string_lossy()),
            Entry::Object(object) => study_key(&object.belonging, &object.source.path().to_string_lossy()),
            Entry::Directory => continue,
        };
        studies.entry(uid).or_default().push(entry);
    }
    let mut studies: Vec<Study> = studies.into_iter().map(|(uid, entries)| study_of(uid, entries, skipped)).collect();
    studies.sort_by(|a, b| (&a.date, &a.time, &a.uid).cmp(&(&b.date, &b.time, &b.uid)));
    studies
}

fn study_key(belonging: &Belonging, path: &str) -> String {
    if belonging.study_uid.is_empty() { path.to_owned() } else { belonging.study_uid.clone() }
}

fn study_of(uid: String, entries: Vec<Entry>, skipped: &mut Vec<Skipped>) -> Study {
    let first = entries.iter().find_map(|e| match e {
        Entry::Image(image) => Some(image.belonging.clone()),
        Entry::Object(object) => Some(object.belonging.clone()),
        Entry::Directory => None,
    });
    let about = first.unwrap_or_default();
    let mut images: BTreeMap<String, Vec<Arc<ImageFile>>> = BTreeMap::new();
    let mut objects: BTreeMap<(String, String), Vec<ObjectFile>> = BTreeMap::new();
    for entry in entries {
        match entry {
            Entry::Image(image) => {
                let key = if image.belonging.series_uid.is_empty() {
                    image.source.path().to_string_lossy().into_owned()
                } else {
                    image.belonging.series_uid.clone()
                };
                images.entry(key).or_default().push(image);
            }
            Entry::Object(object) => {
                let key = (object.belonging.series_uid.clone(), object.kind.clone());
                objects.entry(key).or_default().push(*object);
            }
            Entry::Directory => {}
        }
    }
    let mut series: Vec<Series> = Vec::new();
    for (uid, files) in images {
        let before = skipped.len();
        let kept = without_copies(files, skipped);
        let copies = skipped.len() - before;
        let mut parts = series_of(&uid, kept);
        if copies > 0 {
            let message =
                format!("{copies} files hold images that other files of the series hold already; they are left out");
            parts.iter_mut().for_each(|s| {
                s.warnings.push(Warning::new(WarningCode::DuplicatePositions, message.clone()));
            });
        }
        series.extend(parts);
    }
    for ((uid, kind), members) in objects {
        series.extend(object_series(uid, kind, members));
    }
    // A stable sort keeps the parts of one series together and in their order.
    series.sort_by(|a, b| (a.number.unwrap_or(i64::MAX), &a.uid).cmp(&(b.number.unwrap_or(i64::MAX), &b.uid)));
    Study {
        uid,
        patient: about.patient,
        date: about.study_date,
        time: about.study_time,
        description: about.study_description,
        accession: about.accession,
        institution: about.institution,
        series,
    }
}

/// Leaves out files that hold the very same image as another.
fn without_copies(mut files: Vec<Arc<ImageFile>>, skipped: &mut Vec<Skipped>) -> Vec<Arc<ImageFile>> {
    files.sort_by(|a, b| a.source.path().cmp(b.source.path()));
    let mut seen: BTreeMap<String, Arc<ImageFile>> = BTreeMap::new();
    let mut kept: Vec<Arc<ImageFile>> = Vec::with_capacity(files.len());
    for file in files {
        let uid = &file.belonging.sop_instance;
        let place = |f: &ImageFile| f.frames.first().and_then(|x| x.place).map(|p| p.position);
        if !uid.is_empty()
            && let Some(other) = seen.get(uid)
            && other.format == file.format
            && other.belonging.instance == file.belonging.instance
            && place(other) == place(&file)
        {
            skipped.push(Skipped {
                path: file.source.path().to_owned(),
                reason: format!("it holds the same image as {}", other.source.path().display()),
            });
            continue;
        }
        seen.insert(uid.clone(), file.clone());
        kept.push(file);
    }
    kept.sort_by_key(|f| f.belonging.instance);
    kept
}

fn object_series(uid: String, kind: String, members: Vec<ObjectFile>) -> Option<Series> {
    let first = members.first()?;
    let (belonging, syntax) = (first.belonging.clone(), first.syntax.clone());
    let files = members.len();
    let description =
        if belonging.series_description.is_empty() { kind.clone() } else { belonging.series_description.clone() };
    let sources: Vec<_> = members.into_iter().map(|object| object.source).collect();
    Some(Series {
        uid,
        number: belonging.series_number,
        modality: belonging.modality,
        description,
        kind: SeriesKind::Object(kind.clone()),
        files,
        transfer_syntaxes: vec![syntax],
        size: [0; 3],
        time_points: 0,
        geometry: None,
        space: Space::Stack { reason: format!("{kind}: no image"), pixel_spacing_mm: None },
        unit: Unit::Arbitrary,
        voxel_type: VoxelType::U8,
        warnings: Vec::new(),
        source: Arc::new(ObjectSource { kind, sources }),
    })
}

fn series_of(uid: &str, files: Vec<Arc<ImageFile>>) -> Vec<Series> {
    let slices: Vec<Slice> =
        files.iter().flat_map(|f| (0..f.frames.len()).map(|frame| Slice { file: f.clone(), frame })).collect();
    separate(slices).into_iter().filter_map(|part| series_of_part(uid, part)).collect()
}

fn series_of_part(uid: &str, part: Part) -> Option<Series> {
    let first = part.time_points.first()?.first()?.clone();
    let about = &first.file.belonging;
    let mut files: Vec<&Arc<ImageFile>> = Vec::new();
    for slice in part.time_points.iter().flatten() {
        if files.last().is_none_or(|last| !Arc::ptr_eq(last, &slice.file)) {
            files.push(&slice.file);
        }
    }
    files.sort_by_key(|f| Arc::as_ptr(f));
    files.dedup_by_key(|f| Arc::as_ptr(f));
    // In the order of the slices again, for the sources that are recorded.
    let mut warnings = part.warnings;
    let (geometry, space, positions) = placed(&part.time_points, part.stack_reason, &mut warnings)?;
    common_warnings(&files, &mut warnings);
    let readings = readings(&part.time_points, &files, &mut warnings);
    let mut syntaxes: Vec<String> = files.iter().map(|f| f.syntax.name.clone()).collect();
    syntaxes.sort();
    syntaxes.dedup();
    let (rescale, voxel_type) = number_type(&part.time_points, &files);
    let description = described(about, &part.label, &first);
    let unit = unit_of(&first);
    let template = Template {
        name: description.clone(),
        modality: about.modality.clone(),
        unit: unit.clone(),
        geometry: geometry.clone(),
        space: space.clone(),
        rescale,
        padding: padding_of(&first, rescale),
        voxel_type,
        display: DisplayHints { quantities: readings, ..hints(&part.time_points) },
        provenance: provenance(&files),
    };
    let file_count = files.len();
    let time_points = part.time_points.len();
    Some(Series {
        uid: uid.to_owned(),
        number: about.series_number,
        modality: about.modality.clone(),
        description,
        kind: SeriesKind::Image,
        files: file_count,
        transfer_syntaxes: syntaxes,
        size: geometry.size(),
        time_points,
        geometry: space.is_patient().then(|| geometry.clone()),
        space,
        unit,
        voxel_type,
        warnings,
        source: Arc::new(SeriesSource::new(part.time_points, template, positions)),
    })
}

/// The grid and what it means, and where uneven slices really lie; a stack where there is no place.
fn placed(
    time_points: &[Vec<Slice>],
    stack_reason: Option<String>,
    warnings: &mut Vec<Warning>,
) -> Option<(Geometry, Space, Option<SlicePositions>)> {
    let slices = time_points.first()?;
    let first = slices.first()?;
    let mut reason = stack_reason;
    if reason.is_none() && slices.iter().all(|s| s.place().is_some()) {
        match grid_of(slices) {
            Ok((geometry, more, positions)) => {
                warnings.extend(more);
                let frame_of_reference = first.file.frame_of_reference.clone();
                return Some((geometry, Space::Patient { frame_of_reference }, positions));
            }
            Err(error) => reason = Some(error),
        }
    }
    let reason = reason.unwrap_or_else(|| "the file gives no place in the patient".to_owned());
    let format = first.file.format;
    let geometry = Geometry::unplaced([format.columns, format.rows, slices.len()]).ok()?;
    let spacing = first.file.flat_spacing;
    let mut message = format!("This is a stack of pictures, not a volume: {reason}");
    if let Some((_, basis)) = spacing {
        message.push_str(&format!(". Lengths in the picture: {basis}"));
    }
    warnings.push(Warning::new(WarningCode::NoGeometry, message));
    Some((geometry, Space::Stack { reason, pixel_spacing_mm: spacing.map(|(s, _)| s) }, None))
}

fn common_warnings(files: &[&Arc<ImageFile>], warnings: &mut Vec<Warning>) {
    if let Some(how) = files.iter().find_map(|f| f.lossy.as_deref()) {
        let comma = if how.is_empty() { "" } else { ", " };
        warnings
            .push(Warning::new(WarningCode::Lossy, format!("The pixels went through a lossy compression{comma}{how}")));
    }
    if files.iter().any(|f| f.burned_in) {
        warnings.push(Warning::new(
            WarningCode::BurnedInAnnotation,
            "Text, perhaps with the patient's name, is burned into the pixels (0028,0301)",
        ));
    }
    let cut = files.iter().filter(|f| f.truncated).count();
    if cut > 0 {
        let name = files.iter().find(|f| f.truncated).map(|f| f.source.path().display().to_string());
        let noun = if cut == 1 { "file ends before its pixels do" } else { "files end before their pixels do" };
        warnings.push(Warning::new(
            WarningCode::Truncated,
            format!("{cut} {noun} ({}); what is missing is left empty", name.unwrap_or_default()),
        ));
    }
    if files.iter().any(|f| f.image_type.iter().any(|t| t == "MOSAIC")) {
        warnings.push(Warning::new(
            WarningCode::Other,
            "Each image is a mosaic of many slices (Siemens); it is shown as it is stored, so positions in it mean nothing",
        ));
    }
    let omissions: BTreeSet<&str> = files.iter().flat_map(|f| f.omissions.iter().map(String::as_str)).collect();
    warnings.extend(omissions.into_iter().map(|message| Warning::new(WarningCode::Other, message)));
    if files.iter().any(|f| f.synthetic) {
        warnings.push(Warning::new(
            WarningCode::Synthetic,
            "Some or all of the content was made artificially (Synthetic Data (0008,001C) is YES)",
        ));
    }
}

/// The rescale that all slices share and the type of the stored numbers; where the rescale changes from slice to slice,
/// real values as floats, since one pair of numbers can no longer stand for the volume.
fn number_type(time_points: &[Vec<Slice>], files: &[&Arc<ImageFile>]) -> (Option<Rescale>, VoxelType) {
    let stored = files.iter().map(|f| f.format.voxel_type()).reduce(common_type).unwrap_or(VoxelType::U8);
    if stored == VoxelType::Rgb8 {
        return (Some(Rescale::IDENTITY), stored);
    }
    let tables = files.iter().filter(|f| f.modality_lut.is_some()).count();
    if tables == files.len() {
        return (Some(Rescale::IDENTITY), VoxelType::U16);
    }
    let of = |s: &Slice| s.info().rescale.unwrap_or(Rescale::IDENTITY);
    let mut all = time_points.iter().flatten().map(of);
    let first = all.next().unwrap_or(Rescale::IDENTITY);
    if tables == 0 && all.all(|r| r == first) {
        return (Some(first), stored);
    }
    (None, if stored == VoxelType::F64 { VoxelType::F64 } else { VoxelType::F32 })
}

/// What the real values stand for beside their own unit: mappings that hold for all time points, and SUV.
fn readings(time_points: &[Vec<Slice>], files: &[&Arc<ImageFile>], warnings: &mut Vec<Warning>) -> Vec<Quantity> {
    if let Some((name, unit)) = files.iter().find_map(|f| f.mapped_as.as_ref()) {
        let unit = if unit.is_empty() { String::new() } else { format!(", {unit}") };
        warnings.push(Warning::new(
            WarningCode::Other,
            format!("Values are those of a Real World Value Mapping ({name}{unit}): the file gives no other rescale"),
        ));
    }
    let same = |a: &Slice, b: &Slice| a.info().mappings == b.info().mappings && a.info().rescale == b.info().rescale;
    let constant = time_points.windows(2).all(|t| t[0].iter().zip(&t[1]).all(|(a, b)| same(a, b)));
    let mapped: Vec<(Vec<RealWorldMapping>, Rescale)> = time_points
        .first()
        .filter(|_| constant)
        .into_iter()
        .flatten()
        .filter(|s| !s.file.format.is_colour() && s.file.modality_lut.is_none())
        .map(|slice| {
            let rescale = slice.info().rescale.unwrap_or(Rescale::IDENTITY);
            // Many scanners write the rescale once more as a mapping: it says nothing new.
            let other = |m: &&RealWorldMapping| m.line_for_all(&slice.file.format) != Some(rescale);
            (slice.info().mappings.iter().filter(other).cloned().collect(), rescale)
        })
        .collect();
    let mapped: Vec<(&[RealWorldMapping], Rescale)> = mapped.iter().map(|(m, r)| (m.as_slice(), *r)).collect();
    let mut all = quantities(&mapped);
    let uptakes: Vec<&Result<Uptake, String>> = files.iter().filter_map(|f| f.uptake.as_ref()).collect();
    if !uptakes.is_empty() {
        let known: Result<Vec<&Uptake>, String> =
            uptakes.into_iter().map(|u| u.as_ref().map_err(Clone::clone)).collect();
        match known.and_then(|known| suv(&known)) {
            Ok(quantity) => all.push(quantity),
            Err(why) => warnings
                .push(Warning::new(WarningCode::Other, format!("SUV cannot be computed from this PET series: {why}"))),
        }
    }
    all
}

fn padding_of(first: &Slice, rescale: Option<Rescale>) -> Option<Padding> {
    // Real values have NaN in its place, and a Modality LUT moves it.
    if rescale.is_none() || first.file.modality_lut.is_some() || first.file.format.is_colour() {
        return None;
    }
    first.file.padding.map(|[low, high]| Padding { low, high })
}

fn unit_of(slice: &Slice) -> Unit {
    let file = &slice.file;
    if file.format.is_colour() {
        return Unit::Arbitrary;
    }
    let rescaled = slice.info().rescale.is_some() || file.modality_lut.is_some();
    // What a mapping gives is in its own unit, whatever the modality would let one expect.
    if let Some((_, unit)) = &file.mapped_as {
        return match unit.as_str() {
            "" => Unit::Arbitrary,
            "HU" => Unit::Hounsfield,
            "Bq/ml" => Unit::BqPerMl,
            name => Unit::Named(name.to_owned()),
        };
    }
    let name = file.unit_name.trim();
    match (file.belonging.modality.as_str(), name.to_ascii_uppercase().as_str()) {
        (_, "HU") if rescaled => Unit::Hounsfield,
        ("CT", "") if rescaled => Unit::Hounsfield,
        ("PT", "BQML") => Unit::BqPerMl,
        ("PT", "GML") => Unit::Suv,
        ("RTDOSE", "GY") => Unit::Named("Gy".to_owned()),
        (_, "HU") => Unit::Arbitrary,
        (_, name) if is_no_unit(name) => Unit::Arbitrary,
        ("PT", "CNTS") => Unit::Named("counts".to_owned()),
        ("RTDOSE", _) | ("PT", _) => Unit::Named(name.to_ascii_lowercase()),
        _ => Unit::Named(name.to_owned()),
    }
}

/// Whether an upper-case unit text says that there is no unit: `US` (PS3.3 C.11.1.1.2: unspecified), `UNITLESS`,
/// `SIGNAL INTENSITY (UNITLESS)`, `NORMALIZED`.
fn is_no_unit(name: &str) -> bool {
    const NONE: [&str; 12] = [
        "",
        "US",
        "NONE",
        "UNITLESS",
        "UNSPECIFIED",
        "UNKNOWN",
        "ARBITRARY",
        "NORMALIZED",
        "NORMALISED",
        "SIGNAL INTENSITY",
        "PIXEL VALUE",
        "1",
    ];
    NONE.contains(&name) || ["UNITLESS", "NO UNIT", "ARBITRARY"].iter().any(|word| name.contains(word))
}

fn described(about: &Belonging, label: &str, first: &Slice) -> String {
    let mut text = about.series_description.clone();
    if text.is_empty() {
        text = first
            .file
            .source
            .path()
            .file_name()
            .map_or_else(|| "DICOM series".to_owned(), |n| n.to_string_lossy().into_owned());
        if !about.modality.is_empty() {
            text = format!("{} {text}", about.modality);
        }
    }
    if label.is_empty() { text } else { format!("{text} ({label})") }
}

/// The looks of the middle slice, which is the first on screen.
fn hints(time_points: &[Vec<Slice>]) -> DisplayHints {
    let Some(slices) = time_points.first() else { return DisplayHints::default() };
    let Some(middle) = slices.get(slices.len() / 2) else { return DisplayHints::default() };
    let looks = &middle.info().looks;
    DisplayHints {
        windows: looks.windows.clone(),
        voi_luts: looks.voi_luts.clone(),
        inverted: middle.file.inverted,
        quadruped: middle.file.quadruped,
        quantities: Vec::new(),
    }
}

fn provenance(files: &[&Arc<ImageFile>]) -> Provenance {
    let mut files = files.to_vec();
    files.sort_by_key(|f| f.belonging.instance);
    let sources = files
        .iter()
        .map(|f| {
            let uid = &f.belonging.sop_instance;
            if uid.is_empty() { f.source.path().display().to_string() } else { uid.clone() }
        })
        .collect();
    let lossy = files.iter().find_map(|f| f.lossy.clone());
    if files.iter().any(|f| f.synthetic) {
        let description = files.iter().find_map(|f| f.derivation.clone()).unwrap_or_default();
        let derivation = Derivation { description, generates_pixels: true, ..Derivation::default() };
        return Provenance::marked_synthetic(sources, Some(derivation)).lossily_compressed(lossy);
    }
    Provenance::acquired(sources).lossily_compressed(lossy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_says_there_is_no_unit_names_none() {
        for name in ["", "US", "UNITLESS", "SIGNAL INTENSITY (UNITLESS)", "NORMALIZED"] {
            assert!(is_no_unit(name), "{name}");
        }
        for name in ["HU", "MGML", "10-6MM2/S", "OD", "US/CM"] {
            assert!(!is_no_unit(name), "{name}");
        }
    }
}
