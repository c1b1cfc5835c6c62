//! ZIP archives, read in place: nothing is unpacked onto the disk.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Component, Path};
use std::sync::Arc;

use zip::ZipArchive;

/// More members than this are not looked at.
const MEMBER_LIMIT: usize = 1_000_000;

/// An open ZIP archive whose members can be read by several threads at once.
#[derive(Debug)]
pub(crate) struct Archive {
    zip: ZipArchive<SharedFile>,
    members: Vec<Member>,
}

/// A file in an archive.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    /// Its index in the archive.
    pub(crate) index: usize,
    /// Its name as stored.
    pub(crate) name: String,
    /// Its length when unpacked, as the directory claims.
    pub(crate) len: u64,
    /// Why it is not read, if it is not.
    pub(crate) refused: Option<String>,
}

impl Archive {
    /// Reads the directory of an archive.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let len = file.metadata()?.len();
        let mut zip = ZipArchive::new(SharedFile { file: Arc::new(file), position: 0, len })
            .map_err(|e| io::Error::new(io::ErrorKind::InvalidData, format!("this is no sound ZIP archive: {e}")))?;
        let mut members = Vec::new();
        for index in 0..zip.len().min(MEMBER_LIMIT) {
            let Ok(entry) = zip.by_index_raw(index) else {
                members.push(Member {
                    index,
                    name: format!("member {index}"),
                    len: 0,
                    refused: Some("its entry in the archive is damaged".to_owned()),
                });
                continue;
            };
            if entry.is_dir() {
                continue;
            }
            let name = entry.name().map_or_else(|_| format!("member {index}"), std::borrow::Cow::into_owned);
            let refused = if points_outside(&name) {
                Some("its name points outside the archive; it was not read".to_owned())
            } else if entry.encrypted() {
                Some("it is encrypted; unpack the archive with its password first".to_owned())
            } else {
                None
            };
            members.push(Member { index, len: entry.size(), refused, name });
        }
        Ok(Self { zip, members })
    }

    /// Its files.
    pub(crate) fn members(&self) -> &[Member] {
        &self.members
    }

    /// The claimed length of a member.
    pub(crate) fn len_of(&self, index: usize) -> u64 {
        self.members.iter().find(|m| m.index == index).map_or(0, |m| m.len)
    }

    /// The first `limit` bytes of a member.
    pub(crate) fn read_prefix(&self, index: usize, limit: usize) -> io::Result<Vec<u8>> {
        let mut zip = self.zip.clone();
        let member = zip.by_index(index).map_err(io::Error::other)?;
        let mut bytes = Vec::new();
        member.take(limit as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// A whole member, refused beyond `limit` bytes. Memory grows with what is really there, not with what is claimed.
    pub(crate) fn read(&self, index: usize, limit: u64) -> io::Result<Vec<u8>> {
        let mut zip = self.zip.clone();
        let member = zip.by_index(index).map_err(io::Error::other)?;
        // Deflate cannot shrink by more than 1032, so a larger claim is a lie.
        let sane = member.size().min(member.compressed_size().saturating_mul(1032)).min(limit);
        let mut bytes = Vec::with_capacity(usize::try_from(sane).unwrap_or(0).min(1 << 26));
        member.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("it unpacks to more than {} GB", limit >> 30),
            ));
        }
        Ok(bytes)
    }
}

/// Whether a member's name would leave the folder that it is unpacked into.
fn points_outside(name: &str) -> bool {
    let unix = name.replace('\\', "/");
    unix.starts_with('/')
        || unix.get(1..2) == Some(":")
        || Path::new(&unix).components().any(|c| !matches!(c, Component::Normal(_) | Component::CurDir))
}

/// A file read at its own position, so that clones do not disturb each other.
#[derive(Debug, Clone)]
struct SharedFile {
    file: Arc<File>,
    position: u64,
    len: u64,
}

impl Read for SharedFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        #[cfg(unix)]
        let n = std::os::unix::fs::FileExt::read_at(&*self.file, buffer, self.position)?;
        #[cfg(windows)]
        let n = std::os::windows::fs::FileExt::seek_read(&*self.file, buffer, self.position)?;
        self.position += n as u64;
        Ok(n)
    }
}

impl Seek for SharedFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(n) => Some(n),
            SeekFrom::End(n) => self.len.checked_add_signed(n),
            SeekFrom::Current(n) => self.position.checked_add_signed(n),
        };
        self.position = target.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_leave_the_archive_are_seen() {
        for bad in ["../x", "a/../../x", "/etc/x", "C:\\x", "..\\x"] {
            assert!(points_outside(bad), "{bad}");
        }
        for good in ["a/b.dcm", "./a", "a..b/c"] {
            assert!(!points_outside(good), "{good}");
        }
    }
}
