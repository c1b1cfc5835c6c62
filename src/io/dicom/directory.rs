//! DICOMDIR: the index of a medium, followed to its files (PS3.10 section 8).

use std::path::{Component, Path, PathBuf};

use dicom_dictionary_std::tags;

use super::header::with_header;
use super::source::Source;
use crate::io::{IoError, Skipped};

/// The files that a DICOMDIR lists and that are there; those that are not go to `skipped`.
pub(crate) fn listed_files(path: &Path, skipped: &mut Vec<Skipped>) -> Result<Vec<PathBuf>, IoError> {
    let folder = path.parent().unwrap_or(Path::new(".")).to_owned();
    let names = with_header(&Source::File(path.to_owned()), |header| {
        Ok(header
            .dataset
            .items(tags::DIRECTORY_RECORD_SEQUENCE)
            .iter()
            .map(|record| record.texts(tags::REFERENCED_FILE_ID))
            .filter(|parts| !parts.is_empty())
            .collect::<Vec<_>>())
    })?
    .unwrap_or_default();
    let mut files = Vec::with_capacity(names.len());
    for parts in names {
        match resolve(&folder, &parts) {
            Ok(file) => files.push(file),
            Err(reason) => skipped.push(Skipped { path: folder.join(parts.join("/")), reason: reason.to_owned() }),
        }
    }
    files.sort();
    files.dedup();
    Ok(files)
}

/// A File ID as a path below `folder`; names on other systems may differ in case.
fn resolve(folder: &Path, parts: &[String]) -> Result<PathBuf, &'static str> {
    let mut at = folder.to_owned();
    for part in parts.iter().flat_map(|p| p.split('/')) {
        let inside = Path::new(part).components().all(|c| matches!(c, Component::Normal(_)));
        if !inside || part.is_empty() {
            return Err("the DICOMDIR points outside its folder; it was not read");
        }
        let exact = at.join(part);
        if exact.exists() {
            at = exact;
            continue;
        }
        let same = std::fs::read_dir(&at).ok().into_iter().flatten().flatten().find(|entry| {
            let name = entry.file_name().to_string_lossy().to_ascii_lowercase();
            let name = name.split(';').next().unwrap_or("").trim_end_matches('.').to_owned();
            name == part.to_ascii_lowercase()
        });
        at = same.map(|entry| entry.path()).ok_or("the DICOMDIR lists this file, but it is not there")?;
    }
    Ok(at)
}
