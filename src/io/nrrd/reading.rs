//! From an NRRD file to a study.

use super::axes::Axes;
use super::header::Header;
use super::{data, space};
use crate::error::{Warning, WarningCode, Warnings};
use crate::io::formats::{GridFile, Origin, SampleType};
use crate::io::{Attribute, IoError, Study, mark};
use crate::volume::{DisplayHints, Rescale, Unit};

/// Reads the header of a `.nrrd` or `.nhdr` and finds its data.
///
/// # Errors
/// When a field is missing or makes no sense, the data are missing or shorter than the header claims, or are encoded in
/// a way that is not read.
pub fn open(origin: &Origin) -> Result<Study, IoError> {
    let path = origin.path();
    let header = Header::read(origin)?;
    let axes = Axes::of(&header, path)?;
    let (geometry, space, mut warnings) = space::place(&header, &axes, path)?;
    let plain = header.sample_type(path)?;
    let total =
        header.sizes(path)?.iter().try_fold(plain.bytes() as u64, |n, d| n.checked_mul(*d as u64)).ok_or_else(
            || IoError::format(path, "sizes that can be addressed", format!("{:?}", header.field("sizes"))),
        )?;
    let data = data::data_file(origin, &header, plain, total)?;
    data.check_room()?;
    let big_endian =
        !matches!(data.packing, crate::io::formats::Packing::Ascii(_)) && big_endian(&header, plain, origin)?;
    if axes.time_points > 1 && axes.other_kind != "time" && axes.other_kind != "list" {
        let kind = if axes.other_kind.is_empty() { "further" } else { &axes.other_kind };
        let message = format!(
            "Each voxel has {} numbers (axis of kind {kind}); they are shown one after the other",
            axes.time_points
        );
        warnings.push(Warning::new(WarningCode::Other, message));
    }
    let marked = header.pair(mark::KEY).and_then(mark::of_value);
    let files = if header.field("data file").is_some() { 1 + data.parts.len() } else { 1 };
    let provenance = mark::provenance(path.display().to_string(), marked, header.pair(mark::RECORD_KEY));
    warnings.extend(mark::note(&provenance));
    Ok(GridFile {
        format: "NRRD",
        name: plain_name(path),
        sample: axes.sample,
        big_endian,
        geometry,
        space,
        time_points: axes.time_points,
        time_order: axes.order,
        time_step_s: space::time_step_s(&header, &axes),
        rescale: Rescale::IDENTITY,
        modality: header.pair("modality").filter(|m| *m == "DWMRI").map_or(String::new(), |_| "MR".to_owned()),
        unit: unit(&header),
        display: DisplayHints::default(),
        provenance,
        attributes: attributes(&header),
        files,
        warnings,
        late: Warnings::default(),
        behind: std::sync::Mutex::default(),
        data,
    }
    .into_study(path))
}

fn big_endian(header: &Header, plain: SampleType, origin: &Origin) -> Result<bool, IoError> {
    match header.field("endian").map(str::to_ascii_lowercase).as_deref() {
        Some("little") => Ok(false),
        Some("big") => Ok(true),
        None if plain.bytes() == 1 => Ok(false),
        other => Err(IoError::format(origin.path(), "\"little\" or \"big\" in \"endian\"", format!("{other:?}"))),
    }
}

fn unit(header: &Header) -> Unit {
    match header.field("sample units").map(|u| u.trim_matches('"').trim()) {
        None | Some("" | "arbitrary" | "???") => Unit::Arbitrary,
        Some("HU" | "Hounsfield") => Unit::Hounsfield,
        Some("SUV") => Unit::Suv,
        Some("Bq/ml" | "BQML") => Unit::BqPerMl,
        Some(other) => Unit::Named(other.to_owned()),
    }
}

/// The file name without `.seg.nrrd`, `.nrrd`, `.nhdr`.
fn plain_name(path: &std::path::Path) -> String {
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let lower = name.to_ascii_lowercase();
    let cut = [".nrrd", ".nhdr"].iter().find(|e| lower.ends_with(**e) && lower.len() > e.len());
    cut.map_or(name.clone(), |e| name[..name.len() - e.len()].to_owned())
}

fn attributes(header: &Header) -> Vec<Attribute> {
    const LONGEST: usize = 512;
    let row = |(tag, value): &(String, String), vr: &str| Attribute {
        tag: tag.clone(),
        name: String::new(),
        vr: vr.to_owned(),
        value: value.chars().take(LONGEST).collect(),
        depth: 0,
    };
    let fields = header.fields.iter().map(|f| row(f, "field"));
    fields.chain(header.pairs.iter().map(|p| row(p, "key"))).collect()
}
