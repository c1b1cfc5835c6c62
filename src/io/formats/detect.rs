//! Which format a file has, by its content.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Origin;
use super::inflate;
use crate::io::{IoError, Study, nifti, nrrd, raster};
use crate::jobs::Control;

/// How much of a file is looked at: enough for every header's fixed part.
const LOOK: usize = 1024;

/// Reads the header of a NIfTI, Analyze, NRRD or picture file. `None`: it is none of these.
///
/// The data half of a pair (`.img`) finds its header, and a detached header its data.
///
/// # Errors
/// When the file is one of these and its header is broken, its data are missing or shorter than the header claims, or
/// it cannot be read at all.
pub fn open_file(path: &Path, control: &Control) -> Result<Option<Study>, IoError> {
    control.checkpoint()?;
    open_origin(&Origin::File(path.to_owned()))
}

/// As [`open_file`] for a file that is in memory already (a member of a ZIP); `name` is what messages call it.
///
/// # Errors
/// As [`open_file`]; a pair or a detached header finds no other file.
pub fn open_bytes(name: &str, bytes: Arc<[u8]>) -> Result<Option<Study>, IoError> {
    open_memory(&Origin::Memory { name: PathBuf::from(name), bytes, beside: Arc::new([]) })
}

/// As [`open_bytes`], with the other files that a pair or a detached header needs.
///
/// # Errors
/// As [`open_file`].
pub fn open_memory(origin: &Origin) -> Result<Option<Study>, IoError> {
    open_origin(origin)
}

fn open_origin(origin: &Origin) -> Result<Option<Study>, IoError> {
    let head = origin.head(LOOK)?;
    // A DICOM file may start like a TIFF or like anything at all.
    if head.get(128..132) == Some(b"DICM") {
        return Ok(None);
    }
    if head.starts_with(b"NRRD000") {
        return nrrd::open(origin).map(Some);
    }
    if head.starts_with(&inflate::MAGIC) {
        let inner = inflate::head(Box::new(origin.open()?), LOOK);
        if nifti::is_header(&inner, origin.path()) {
            return nifti::open(origin, true).map(Some);
        }
        return match data_half(origin)? {
            Some(study) => Ok(Some(study)),
            None => misnamed(origin, &head).map_or(Ok(None), Err),
        };
    }
    if nifti::is_header(&head, origin.path()) {
        return nifti::open(origin, false).map(Some);
    }
    if let Some(study) = data_half(origin)? {
        return Ok(Some(study));
    }
    match raster::open(origin, &head)? {
        Some(study) => Ok(Some(study)),
        None => misnamed(origin, &head).map_or(Ok(None), Err),
    }
}

/// A file whose name promises one of these formats and whose content is none.
fn misnamed(origin: &Origin, head: &[u8]) -> Option<IoError> {
    let name = origin.path().file_name()?.to_string_lossy().to_ascii_lowercase();
    let promised = [
        ("a NIfTI header (348 or 540 as its first number, and its magic)", &[".nii", ".nii.gz"][..]),
        ("\"NRRD000\" as its first bytes", &[".nrrd", ".nhdr"]),
        ("a PNG, JPEG, TIFF or BMP picture", &[".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"]),
    ];
    let (expected, _) = promised.iter().find(|(_, ends)| ends.iter().any(|e| name.ends_with(e)))?;
    let found = if head.is_empty() {
        "an empty file".to_owned()
    } else {
        let start: Vec<String> = head.iter().take(8).map(|b| format!("{b:02x}")).collect();
        format!("a file that starts with {}", start.join(" "))
    };
    Some(IoError::Format {
        path: origin.path().to_owned(),
        expected: (*expected).to_owned(),
        found,
        remedy: "the file is truncated, or of another kind than its name says".to_owned(),
    })
}

/// An `.img` whose `.hdr` lies beside it.
fn data_half(origin: &Origin) -> Result<Option<Study>, IoError> {
    let name = origin.path().file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let lower = name.to_ascii_lowercase();
    let Some(stem) = [".img", ".img.gz"].iter().find_map(|e| lower.ends_with(e).then(|| &name[..name.len() - e.len()]))
    else {
        return Ok(None);
    };
    for extension in ["hdr", "HDR", "hdr.gz", "HDR.gz"] {
        if let Some(header) = origin.sibling(Path::new(&format!("{stem}.{extension}"))) {
            let head = header.head(LOOK)?;
            let zipped = head.starts_with(&inflate::MAGIC);
            let inner = if zipped { inflate::head(Box::new(header.open()?), LOOK) } else { head };
            if nifti::is_header(&inner, header.path()) {
                return nifti::open(&header, zipped).map(Some);
            }
        }
    }
    Ok(None)
}
