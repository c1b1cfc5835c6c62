//! A file that is written beside its place and moved there when it is whole.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::io::IoError;

/// Removes what was written unless it was kept.
struct Partial {
    path: PathBuf,
    kept: bool,
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.kept {
            // Nothing more can be done about a file that will not go.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Calls `fill` with a new file beside `path`, then renames it to `path`. Where anything fails, `path` is as it was.
///
/// # Errors
/// What `fill` says, or that the file cannot be created, filled or renamed.
pub fn write_whole(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), IoError> {
    let wrong = |e: io::Error| IoError::system(path, e);
    let name = path.file_name().ok_or_else(|| wrong(io::ErrorKind::InvalidInput.into()))?;
    let mut partial = None;
    for attempt in 0..1000_u32 {
        let mut beside = std::ffi::OsString::from(".");
        beside.push(name);
        beside.push(format!(".{}-{attempt}.partial", std::process::id()));
        let beside = path.with_file_name(beside);
        match File::options().write(true).create_new(true).open(&beside) {
            Ok(file) => {
                partial = Some((Partial { path: beside, kept: false }, file));
                break;
            }
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(wrong(e)),
        }
    }
    let (mut partial, file) = partial.ok_or_else(|| wrong(io::ErrorKind::AlreadyExists.into()))?;
    let mut out = BufWriter::with_capacity(1 << 18, file);
    fill(&mut out).and_then(|()| out.flush()).map_err(wrong)?;
    drop(out);
    std::fs::rename(&partial.path, path).map_err(wrong)?;
    partial.kept = true;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_leaves_the_old_file_and_nothing_beside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.nii");
        write_whole(&path, |out| out.write_all(b"old")).unwrap();
        let full = |out: &mut dyn Write| {
            out.write_all(b"half")?;
            Err(io::ErrorKind::StorageFull.into())
        };
        let error = write_whole(&path, full).unwrap_err();
        assert!(error.to_string().contains("the disk is full"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
