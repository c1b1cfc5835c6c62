//! Where a DICOM object's bytes are: a file, a member of a ZIP archive, or the inflated data set of a deflated file.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::read::DeflateDecoder;

use crate::io::archive::Archive;

/// The largest object that is inflated into memory, from a ZIP or a deflated data set: bounds what a bomb can do.
pub(crate) const INFLATED_LIMIT: u64 = 4 << 30;

/// Where the bytes of one DICOM object are. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// A file of its own.
    File(PathBuf),
    /// A member of a ZIP archive.
    Member {
        /// The archive.
        archive: Arc<Archive>,
        /// Which member.
        index: usize,
        /// Archive path and member name, for messages.
        name: PathBuf,
    },
    /// The data set from byte `start` on is deflated; offsets count in the inflated form.
    Deflated {
        /// Where the deflated bytes are.
        inner: Box<Source>,
        /// Where the deflated part starts.
        start: u64,
    },
}

/// A [`Source`] that was opened for reading at any place, by several threads at once.
#[derive(Debug)]
pub(crate) enum Bytes {
    /// Read from the disk on demand.
    File {
        /// The open file.
        file: File,
        /// Its length.
        len: u64,
    },
    /// Held in memory.
    Memory(Vec<u8>),
}

impl Source {
    /// The path for messages.
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::File(path) => path,
            Self::Member { name, .. } => name,
            Self::Deflated { inner, .. } => inner.path(),
        }
    }

    /// Opens it for reading. A member or a deflated data set is inflated into memory.
    pub(crate) fn open(&self) -> io::Result<Bytes> {
        match self {
            Self::File(path) => {
                let file = File::open(path)?;
                let len = file.metadata()?.len();
                Ok(Bytes::File { file, len })
            }
            Self::Member { archive, index, .. } => Ok(Bytes::Memory(archive.read(*index, INFLATED_LIMIT)?)),
            Self::Deflated { inner, start } => {
                let packed = inner.open()?;
                let mut rest = vec![0; usize::try_from(packed.len().saturating_sub(*start)).unwrap_or(0)];
                let got = packed.read_at(*start, &mut rest)?;
                Ok(Bytes::Memory(inflate(&rest[..got])?))
            }
        }
    }

    /// The first `limit` bytes (fewer if it is shorter) and the whole length.
    pub(crate) fn prefix(&self, limit: usize) -> io::Result<(Vec<u8>, u64)> {
        match self {
            Self::Member { archive, index, .. } if limit == usize::MAX => {
                let all = archive.read(*index, INFLATED_LIMIT)?;
                let len = all.len() as u64;
                Ok((all, len))
            }
            Self::Member { archive, index, .. } => {
                let len = archive.len_of(*index);
                Ok((archive.read_prefix(*index, limit)?, len))
            }
            _ => {
                let bytes = self.open()?;
                let len = bytes.len();
                let mut buffer = match bytes {
                    Bytes::Memory(all) => all,
                    Bytes::File { .. } => {
                        let wanted = usize::try_from(len).unwrap_or(usize::MAX).min(limit);
                        let mut buffer = vec![0; wanted];
                        let got = bytes.read_at(0, &mut buffer)?;
                        buffer.truncate(got);
                        buffer
                    }
                };
                buffer.truncate(limit);
                Ok((buffer, len))
            }
        }
    }
}

/// Inflates raw deflate data (or, as some writers do it, zlib data) up to where it is sound.
fn inflate(packed: &[u8]) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    match io::copy(&mut io::Read::take(DeflateDecoder::new(packed), INFLATED_LIMIT), &mut all) {
        Ok(_) => Ok(all),
        Err(_) if all.is_empty() => {
            io::copy(&mut io::Read::take(flate2::read::ZlibDecoder::new(packed), INFLATED_LIMIT), &mut all)?;
            Ok(all)
        }
        // What was sound until the break is shown; the pixel data is then reported as truncated.
        Err(_) => Ok(all),
    }
}

impl Bytes {
    /// The whole length.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::File { len, .. } => *len,
            Self::Memory(all) => all.len() as u64,
        }
    }

    /// Fills as much of `buffer` as there is from `offset` on; returns how much.
    pub(crate) fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File { file, .. } => {
                let mut done = 0;
                while done < buffer.len() {
                    match read_file_at(file, &mut buffer[done..], offset.saturating_add(done as u64)) {
                        Ok(0) => break,
                        Ok(n) => done += n,
                        Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                        Err(e) => return Err(e),
                    }
                }
                Ok(done)
            }
            Self::Memory(all) => {
                let start = usize::try_from(offset).unwrap_or(usize::MAX).min(all.len());
                let n = buffer.len().min(all.len() - start);
                buffer[..n].copy_from_slice(&all[start..start + n]);
                Ok(n)
            }
        }
    }

    /// The bytes `offset .. offset + len`, or as many of them as there are. Never allocates more than the source holds.
    pub(crate) fn read(&self, offset: u64, len: u64) -> io::Result<Vec<u8>> {
        let available = self.len().saturating_sub(offset).min(len);
        let mut buffer = vec![0; usize::try_from(available).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?];
        let got = self.read_at(offset, &mut buffer)?;
        buffer.truncate(got);
        Ok(buffer)
    }
}

#[cfg(unix)]
fn read_file_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_file_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}
