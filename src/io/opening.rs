//! Finds out what a path holds and reads the headers.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;

use super::archive::Archive;
use super::dicom::{self, Entry, Source};
use super::formats::{self, Beside, Origin};
use super::{IoError, Opened, Skipped, Study};
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
    let (more, error) = open_members(members, has_dicom, &mut skipped, control)?;
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
    /// Members of archives that are not DICOM and may be pictures or volumes.
    members: Vec<(Source, MemberKind)>,
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
            (Ok(None), _) => match member_kind(&candidate.source) {
                Some(kind) => out.members.push((candidate.source, kind)),
                None => out.skipped.push(Skipped { path, reason: MEMBER_REASON.to_owned() }),
            },
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

/// What a member of an archive that is no DICOM may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MemberKind {
    /// By its first bytes.
    Picture(&'static str),
    /// By its name, since what is asked further has to be unpacked as a whole.
    Volume,
    /// By its name: what a header beside it may point to.
    Data,
}

fn member_kind(source: &Source) -> Option<MemberKind> {
    if let Some(kind) = source.prefix(8).ok().and_then(|(head, _)| picture_of(&head)) {
        return Some(MemberKind::Picture(kind));
    }
    let name = source.path().to_string_lossy().to_ascii_lowercase();
    let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
    if ends(&[".nii", ".nii.gz", ".nrrd", ".nhdr", ".hdr", ".hdr.gz"]) {
        return Some(MemberKind::Volume);
    }
    ends(&[".img", ".img.gz", ".raw", ".raw.gz", ".zraw", ".gz", ".dat", ".bin", ".txt"]).then_some(MemberKind::Data)
}

/// What the members of archives may take in memory together, since each is unpacked as a whole and kept.
struct Room {
    left: u64,
}

impl Room {
    fn unpack(&mut self, source: &Source) -> Result<Arc<[u8]>, IoError> {
        let path = source.path();
        let failed = |e| IoError::system(path, e);
        // One byte more tells that there is more, whatever the archive's directory claims.
        let limit = usize::try_from(self.left.saturating_add(1)).unwrap_or(usize::MAX - 1);
        let (bytes, _) = source.prefix(limit.min(usize::MAX - 1)).map_err(failed)?;
        if bytes.len() as u64 > self.left {
            return Err(IoError::format(
                path,
                format!("files in ZIPs that take less than {} GB together", dicom::INFLATED_LIMIT >> 30),
                "more; unpack the archive first",
            ));
        }
        self.left -= bytes.len() as u64;
        Ok(bytes.into())
    }
}

/// Pictures and volumes in archives, unpacked into memory one after the other.
fn open_members(
    members: Vec<(Source, MemberKind)>,
    has_dicom: bool,
    skipped: &mut Vec<Skipped>,
    control: &Control,
) -> Result<(Vec<Study>, Option<IoError>), IoError> {
    let mut studies = Vec::new();
    let mut first_error: Option<IoError> = None;
    let mut room = Room { left: dicom::INFLATED_LIMIT };
    let folder = |source: &Source| source.path().parent().map(Path::to_owned).unwrap_or_default();
    let mut pictures: BTreeMap<PathBuf, Vec<Origin>> = BTreeMap::new();
    let mut data: BTreeMap<PathBuf, Vec<&Source>> = BTreeMap::new();
    for (source, _) in members.iter().filter(|(_, kind)| *kind == MemberKind::Data) {
        data.entry(folder(source)).or_default().push(source);
    }
    let mut used: HashSet<PathBuf> = HashSet::new();
    for (source, kind) in &members {
        control.checkpoint()?;
        let path = source.path().to_owned();
        let failed = |error: IoError, skipped: &mut Vec<Skipped>, first: &mut Option<IoError>| {
            skipped.push(Skipped { path: path.clone(), reason: error.reason() });
            first.get_or_insert(error);
        };
        match kind {
            MemberKind::Data => {}
            MemberKind::Picture(kind) if has_dicom => skipped.push(Skipped {
                path: path.clone(),
                reason: format!("a {kind} picture among DICOM files; open it by itself"),
            }),
            MemberKind::Picture(_) => match room.unpack(source) {
                Ok(bytes) => {
                    let origin = Origin::Memory { name: path.clone(), bytes, beside: Arc::new([]) };
                    pictures.entry(folder(source)).or_default().push(origin);
                }
                Err(error) => failed(error, skipped, &mut first_error),
            },
            MemberKind::Volume => {
                let opened = room.unpack(source).and_then(|bytes| {
                    let beside = data_for(source, data.get(&folder(source)), &mut room, &mut used)?;
                    formats::open_memory(&Origin::Memory { name: path.clone(), bytes, beside })
                });
                match opened {
                    Ok(Some(study)) => studies.push(study),
                    Ok(None) => skipped.push(Skipped {
                        path: path.clone(),
                        reason: "it is in no format that is read here".to_owned(),
                    }),
                    Err(error) => failed(error, skipped, &mut first_error),
                }
            }
        }
    }
    for source in data.into_values().flatten().filter(|s| !used.contains(s.path())) {
        skipped.push(Skipped { path: source.path().to_owned(), reason: MEMBER_REASON.to_owned() });
    }
    for (_, group) in pictures {
        control.checkpoint()?;
        let opened = match group.as_slice() {
            [one] => formats::open_memory(one),
            _ => formats::open_stack(group.clone(), control),
        };
        match opened {
            Ok(Some(study)) => studies.push(study),
            Ok(None) => {}
            Err(IoError::Cancelled(c)) => return Err(c.into()),
            Err(error) => {
                let reason = error.reason();
                skipped.extend(group.iter().map(|o| Skipped { path: o.path().to_owned(), reason: reason.clone() }));
                first_error.get_or_insert(error);
            }
        }
    }
    Ok((studies, first_error))
}

/// Why a member of an archive is passed over.
const MEMBER_REASON: &str = "inside a ZIP only DICOM, NIfTI, NRRD and pictures are read; unpack it first";

/// The files that a header in an archive may need: those of the same stem for a pair, all for a detached NRRD header.
fn data_for(
    header: &Source,
    candidates: Option<&Vec<&Source>>,
    room: &mut Room,
    used: &mut HashSet<PathBuf>,
) -> Result<Beside, IoError> {
    let name = |source: &Source| source.path().file_name().map(|n| n.to_string_lossy().to_ascii_lowercase());
    let own = name(header).unwrap_or_default();
    let stem = own.trim_end_matches(".gz").trim_end_matches(".hdr");
    let pair = [format!("{stem}.img"), format!("{stem}.img.gz")];
    let detached = own.ends_with(".nhdr");
    let is_header = own.trim_end_matches(".gz").ends_with(".hdr");
    let wanted = |source: &&&Source| detached || is_header && name(source).is_some_and(|n| pair.contains(&n));
    let mut beside = Vec::new();
    for source in candidates.into_iter().flatten().filter(wanted) {
        beside.push((source.path().to_owned(), room.unpack(source)?));
        used.insert(source.path().to_owned());
    }
    Ok(beside.into())
}

/// The kind of picture that a file is, by its first bytes.
fn picture_kind(path: &Path) -> Option<&'static str> {
    let mut magic = [0; 8];
    let got = fs::File::open(path).and_then(|mut f| f.read(&mut magic)).ok()?;
    picture_of(magic.get(..got)?)
}

fn picture_of(magic: &[u8]) -> Option<&'static str> {
    match magic {
        m if m.starts_with(b"\x89PNG") => Some("PNG"),
        [0xFF, 0xD8, 0xFF, ..] => Some("JPEG"),
        m if m.starts_with(b"II*\0") || m.starts_with(b"MM\0*") => Some("TIFF"),
        m if m.starts_with(b"BM") && m.len() == 8 => Some("BMP"),
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
