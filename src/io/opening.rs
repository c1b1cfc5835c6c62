//! Finds out what a path holds and reads the headers.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;

use super::archive::Archive;
use super::dicom::{self, Entry, Source};
use super::{IoError, Opened, Skipped, Study, formats};
use crate::jobs::Control;

/// Folders may be nested this deep.
const DEPTH_LIMIT: usize = 64;

/// Opens a file, a folder tree, a ZIP or a DICOMDIR: headers only, in parallel.
///
/// # Errors
/// When the path cannot be read or holds nothing to show.
pub fn open(path: &Path, control: &Control) -> Result<Opened, IoError> {
    open_all(&[path.to_owned()], control)
}

/// Opens several paths as one (several files dropped on the window are one series if their headers say so).
///
/// # Errors
/// As [`open`].
pub fn open_all(paths: &[PathBuf], control: &Control) -> Result<Opened, IoError> {
    control.stage("Looking for files", 0);
    let mut found = Found::default();
    for path in paths {
        control.checkpoint()?;
        found.add(path, control)?;
    }
    found.without_repeats();
    let files = found.sources.len();
    let Outcome { entries, other, members, mut skipped, mut first_error } = read_headers(found, control)?;
    let has_dicom = !entries.is_empty();
    let mut studies = dicom::assemble(entries, &mut skipped);
    let (more, error) = open_others(other, has_dicom, &mut skipped, control)?;
    studies.extend(more);
    first_error = first_error.or(error);
    let (more, error) = open_members(members, &mut skipped, control)?;
    studies.extend(more);
    first_error = first_error.or(error);
    studies.retain(|study| !study.series.is_empty());
    studies.sort_by(|a, b| (&a.date, &a.time).cmp(&(&b.date, &b.time)));
    skipped.sort_by(|a, b| a.path.cmp(&b.path));
    if studies.is_empty() {
        // One file that failed says why by itself.
        return Err(match first_error {
            Some(error) if files == 1 && paths.len() == 1 => error,
            _ => IoError::Nothing { path: paths.first().cloned().unwrap_or_default(), files, skipped },
        });
    }
    Ok(Opened { studies, skipped })
}

/// A file that may be worth reading.
struct Candidate {
    source: Source,
    /// The person named it, so a DICOMDIR is followed.
    named: bool,
}

#[derive(Default)]
struct Found {
    sources: Vec<Candidate>,
    skipped: Vec<Skipped>,
    /// Real paths of folders that were walked, so that links cannot go round in circles.
    walked: HashSet<PathBuf>,
}

impl Found {
    fn add(&mut self, path: &Path, control: &Control) -> Result<(), IoError> {
        let failed = |e| IoError::system(path, e);
        let about = fs::metadata(path).map_err(failed)?;
        if about.is_dir() {
            // The folder that the person named must be readable; those below it may fail.
            fs::read_dir(path).map_err(failed)?;
            return self.walk(path, 0, control);
        }
        let mut magic = [0; 4];
        let got = fs::File::open(path).and_then(|mut f| f.read(&mut magic)).map_err(failed)?;
        if got == 4 && (magic == *b"PK\x03\x04" || magic == *b"PK\x05\x06") {
            return self.add_archive(path);
        }
        self.sources.push(Candidate { source: Source::File(path.to_owned()), named: true });
        Ok(())
    }

    fn walk(&mut self, folder: &Path, depth: usize, control: &Control) -> Result<(), IoError> {
        control.checkpoint()?;
        let real = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
        if !self.walked.insert(real) {
            return Ok(());
        }
        if depth > DEPTH_LIMIT {
            self.skip(folder, format!("folders are nested more than {DEPTH_LIMIT} deep"));
            return Ok(());
        }
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => {
                self.skip(folder, IoError::system(folder, error).reason());
                return Ok(());
            }
        };
        let mut folders = Vec::new();
        let mut files = Vec::new();
        for entry in entries {
            match entry.and_then(|e| Ok((e.path(), e.file_type()?))) {
                Ok((path, kind)) if kind.is_dir() => folders.push(path),
                Ok((path, kind)) if kind.is_file() => files.push(path),
                Ok((path, kind)) if kind.is_symlink() => match fs::metadata(&path) {
                    Ok(about) if about.is_dir() => folders.push(path),
                    Ok(about) if about.is_file() => files.push(path),
                    Ok(_) => {}
                    Err(error) => self.skip(&path, IoError::system(&path, error).reason()),
                },
                // Sockets, pipes and devices are no files to read.
                Ok(_) => {}
                Err(error) => self.skip(folder, IoError::system(folder, error).reason()),
            }
        }
        files.sort();
        folders.sort();
        self.sources.extend(files.into_iter().map(|path| Candidate { source: Source::File(path), named: false }));
        for folder in folders {
            self.walk(&folder, depth + 1, control)?;
        }
        Ok(())
    }

    fn add_archive(&mut self, path: &Path) -> Result<(), IoError> {
        let archive = Arc::new(Archive::open(path).map_err(|e| IoError::system(path, e))?);
        for member in archive.members() {
            let name = path.join(&member.name);
            match &member.refused {
                Some(reason) => self.skipped.push(Skipped { path: name, reason: reason.clone() }),
                None => self.sources.push(Candidate {
                    source: Source::Member { archive: archive.clone(), index: member.index, name },
                    named: false,
                }),
            }
        }
        Ok(())
    }

    /// A file that was named twice, or by itself and by its folder, is read once.
    fn without_repeats(&mut self) {
        let mut seen = HashSet::new();
        self.sources.retain(|c| match &c.source {
            // A DICOMDIR that was named has to stay the one that was named.
            Source::File(path) => seen.insert((path.clone(), c.named)),
            _ => true,
        });
        let named: HashSet<PathBuf> = seen.into_iter().filter(|(_, named)| *named).map(|(path, _)| path).collect();
        self.sources.retain(|c| c.named || !matches!(&c.source, Source::File(path) if named.contains(path)));
    }

    fn skip(&mut self, path: &Path, reason: String) {
        self.skipped.push(Skipped { path: path.to_owned(), reason });
    }
}

struct Outcome {
    entries: Vec<Entry>,
    /// Files that are not DICOM.
    other: Vec<PathBuf>,
    /// Members of archives that are not DICOM and may be volumes by their names.
    members: Vec<Source>,
    skipped: Vec<Skipped>,
    first_error: Option<IoError>,
}

fn read_headers(found: Found, control: &Control) -> Result<Outcome, IoError> {
    control.stage("Reading headers", found.sources.len() as u64);
    let read: Vec<(Candidate, Result<Option<Entry>, IoError>)> = found
        .sources
        .into_par_iter()
        .map(|candidate| {
            control.checkpoint()?;
            let result = dicom::with_header(&candidate.source, dicom::entry_of);
            control.advance(1);
            Ok::<_, IoError>((candidate, result))
        })
        .collect::<Result<_, _>>()?;
    let mut out = Outcome {
        entries: Vec::new(),
        other: Vec::new(),
        members: Vec::new(),
        skipped: found.skipped,
        first_error: None,
    };
    let mut directories = Vec::new();
    let mut done: HashSet<PathBuf> = HashSet::new();
    for (candidate, result) in read {
        let path = candidate.source.path().to_owned();
        done.insert(path.clone());
        match (result, &candidate.source) {
            (Ok(Some(Entry::Directory)), Source::File(_)) => directories.push((path, candidate.named)),
            (Ok(Some(Entry::Directory)), _) => {}
            (Ok(Some(entry)), _) => out.entries.push(entry),
            (Ok(None), Source::File(_)) => out.other.push(path),
            (Ok(None), _) if is_volume_name(&path) => out.members.push(candidate.source),
            (Ok(None), _) => out.skipped.push(Skipped {
                path,
                reason: "inside a ZIP only DICOM, .nii, .nii.gz and .nrrd files are read; unpack it first".to_owned(),
            }),
            (Err(IoError::Cancelled(c)), _) => return Err(c.into()),
            (Err(error), _) => {
                out.skipped.push(Skipped { path, reason: error.reason() });
                out.first_error.get_or_insert(error);
            }
        }
    }
    for (path, named) in directories {
        follow_directory(&path, named.then_some(&done), &mut out, control)?;
    }
    Ok(out)
}

/// A DICOMDIR that was named is followed (but for files that are `done`); of one that lies in a folder only what is missing is told, since the folder
/// itself was read.
fn follow_directory(
    path: &Path,
    done: Option<&HashSet<PathBuf>>,
    out: &mut Outcome,
    control: &Control,
) -> Result<(), IoError> {
    let files = match dicom::listed_files(path, &mut out.skipped) {
        Ok(files) => files,
        Err(error) => {
            out.skipped.push(Skipped { path: path.to_owned(), reason: error.reason() });
            return Ok(());
        }
    };
    let Some(done) = done else { return Ok(()) };
    let listed = files.len();
    let sources = files
        .into_iter()
        .filter(|f| !done.contains(f))
        .map(|f| Candidate { source: Source::File(f), named: false })
        .collect();
    let found = Found { sources, ..Found::default() };
    if listed == 0 {
        out.first_error.get_or_insert(IoError::format(path, "a DICOMDIR that lists files", "none that is there"));
    }
    let more = read_headers(found, control)?;
    out.entries.extend(more.entries);
    out.skipped.extend(more.skipped);
    out.skipped.extend(more.other.into_iter().map(|path| Skipped { path, reason: "it is no DICOM file".to_owned() }));
    Ok(())
}

/// Everything that is not DICOM. `formats` decides; the first failure is returned beside the studies.
fn open_others(
    files: Vec<PathBuf>,
    has_dicom: bool,
    skipped: &mut Vec<Skipped>,
    control: &Control,
) -> Result<(Vec<Study>, Option<IoError>), IoError> {
    let mut studies = Vec::new();
    let mut first_error = None;
    // Pictures of one folder are a stack; beside DICOM they are previews that a disc brings along.
    let mut pictures: BTreeMap<PathBuf, Vec<PathBuf>> = BTreeMap::new();
    let mut rest = Vec::new();
    for path in files {
        match picture_kind(&path) {
            Some(kind) if has_dicom => {
                skipped
                    .push(Skipped { path, reason: format!("a {kind} picture among DICOM files; open it by itself") });
            }
            Some(_) => pictures.entry(path.parent().unwrap_or(Path::new("")).to_owned()).or_default().push(path),
            None => rest.push(path),
        }
    }
    control.stage("Reading other files", (rest.len() + pictures.len()) as u64);
    for (_, group) in pictures {
        control.checkpoint()?;
        if group.len() == 1 {
            rest.extend(group);
            continue;
        }
        // Call site of `formats`: a folder of pictures.
        match formats::open_folder_as_stack(&group, control) {
            Ok(Some(study)) => studies.push(study),
            Ok(None) => rest.extend(group),
            Err(IoError::Cancelled(c)) => return Err(c.into()),
            Err(error) => {
                skipped.extend(group.into_iter().map(|path| Skipped { path, reason: error.reason() }));
                first_error.get_or_insert(error);
            }
        }
    }
    // Call site of `formats`: one file.
    let results: Vec<(PathBuf, Result<Option<Study>, IoError>)> = rest
        .into_par_iter()
        .map(|path| {
            let result = control.checkpoint().map_err(IoError::from).and_then(|()| formats::open_file(&path, control));
            (path, result)
        })
        .collect();
    for (path, result) in results {
        match result {
            // Both halves of a pair lead to one study.
            Ok(Some(study)) if studies.iter().any(|s: &Study| s.uid == study.uid) => {}
            Ok(Some(study)) => studies.push(study),
            Ok(None) => {
                let reason = unknown_reason(&path);
                first_error.get_or_insert_with(|| {
                    IoError::format(&path, "a DICOM, NIfTI, NRRD, PNG, JPEG, TIFF or BMP file", reason.clone())
                });
                skipped.push(Skipped { path, reason });
            }
            Err(IoError::Cancelled(c)) => return Err(c.into()),
            Err(error) => {
                skipped.push(Skipped { path, reason: error.reason() });
                first_error.get_or_insert(error);
            }
        }
    }
    Ok((studies, first_error))
}

/// Whether a member of an archive may be a volume in one file. The name decides, since what is asked further has to be
/// unpacked as a whole.
fn is_volume_name(path: &Path) -> bool {
    let name = path.to_string_lossy().to_ascii_lowercase();
    [".nii", ".nii.gz", ".nrrd"].iter().any(|end| name.ends_with(end))
}

/// Volumes in archives, unpacked into memory one after the other.
fn open_members(
    members: Vec<Source>,
    skipped: &mut Vec<Skipped>,
    control: &Control,
) -> Result<(Vec<Study>, Option<IoError>), IoError> {
    let mut studies = Vec::new();
    let mut first_error = None;
    for source in members {
        control.checkpoint()?;
        let path = source.path().to_owned();
        let opened = source
            .prefix(usize::MAX)
            .map_err(|e| IoError::system(&path, e))
            .and_then(|(bytes, _)| formats::open_bytes(&path.to_string_lossy(), bytes.into()));
        match opened {
            Ok(Some(study)) => studies.push(study),
            Ok(None) => skipped.push(Skipped { path, reason: "it is in no format that is read here".to_owned() }),
            Err(error) => {
                skipped.push(Skipped { path, reason: error.reason() });
                first_error.get_or_insert(error);
            }
        }
    }
    Ok((studies, first_error))
}

/// The kind of picture that a file is, by its first bytes.
fn picture_kind(path: &Path) -> Option<&'static str> {
    let mut magic = [0; 8];
    let got = fs::File::open(path).and_then(|mut f| f.read(&mut magic)).ok()?;
    match magic.get(..got)? {
        m if m.starts_with(b"\x89PNG") => Some("PNG"),
        [0xFF, 0xD8, 0xFF, ..] => Some("JPEG"),
        m if m.starts_with(b"II*\0") || m.starts_with(b"MM\0*") => Some("TIFF"),
        m if m.starts_with(b"BM") && got == 8 => Some("BMP"),
        _ => None,
    }
}

/// Why a file that nobody knows is passed over.
fn unknown_reason(path: &Path) -> String {
    match fs::metadata(path) {
        Ok(about) if about.len() == 0 => "an empty file".to_owned(),
        Ok(about) if about.len() < 132 => format!("a file of {} bytes in no format that is read here", about.len()),
        _ => "a file in no format that is read here".to_owned(),
    }
}
