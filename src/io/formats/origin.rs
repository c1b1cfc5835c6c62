//! [`Origin`]: where a file's bytes are, on the disk or in memory (a member of a ZIP).

use std::fs::File;
use std::io::{Cursor, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::io::IoError;

/// A readable, seekable run of bytes.
pub trait Bytes: Read + Seek + Send {}
impl<T: Read + Seek + Send> Bytes for T {}

/// Names and bytes of files in memory.
pub type Beside = Arc<[(PathBuf, Arc<[u8]>)]>;

/// Where a file's bytes are. Cheap to clone.
#[derive(Clone)]
pub enum Origin {
    /// A file on the disk.
    File(PathBuf),
    /// Bytes that were read already, with the name that messages give them.
    Memory {
        /// What to call them.
        name: PathBuf,
        /// The bytes.
        bytes: Arc<[u8]>,
        /// What lies in the same folder of the archive and was read too.
        beside: Beside,
    },
}

impl std::fmt::Debug for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Origin").field(&self.path()).finish()
    }
}

impl Origin {
    /// The path, for messages.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::File(path) => path,
            Self::Memory { name, .. } => name,
        }
    }

    /// How many bytes there are.
    ///
    /// # Errors
    /// When the file is gone or may not be read.
    pub fn byte_len(&self) -> Result<u64, IoError> {
        match self {
            Self::File(path) => std::fs::metadata(path).map(|m| m.len()).map_err(|e| IoError::system(path, e)),
            Self::Memory { bytes, .. } => Ok(bytes.len() as u64),
        }
    }

    /// Opens it at its start.
    ///
    /// # Errors
    /// When the file is gone or may not be read.
    pub fn open(&self) -> Result<Box<dyn Bytes>, IoError> {
        Ok(match self {
            Self::File(path) => Box::new(File::open(path).map_err(|e| IoError::system(path, e))?),
            Self::Memory { bytes, .. } => Box::new(Cursor::new(Arc::clone(bytes))),
        })
    }

    /// The first bytes, at most `limit`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn head(&self, limit: usize) -> Result<Vec<u8>, IoError> {
        let mut head = Vec::new();
        self.open()?.take(limit as u64).read_to_end(&mut head).map_err(|e| IoError::system(self.path(), e))?;
        Ok(head)
    }

    /// The whole content, if it has at most `limit` bytes.
    ///
    /// # Errors
    /// When the file cannot be read or is longer.
    pub fn read_all(&self, limit: u64) -> Result<Vec<u8>, IoError> {
        let length = self.byte_len()?;
        if length > limit {
            return Err(IoError::format(self.path(), format!("at most {limit} bytes"), format!("{length} bytes")));
        }
        let mut all = Vec::new();
        self.open()?.take(limit).read_to_end(&mut all).map_err(|e| IoError::system(self.path(), e))?;
        Ok(all)
    }

    /// Another file of the same folder, if there is one; of a ZIP, if it was read too.
    #[must_use]
    pub fn sibling(&self, name: &Path) -> Option<Self> {
        match self {
            Self::File(path) => {
                let other = path.parent().unwrap_or(Path::new("")).join(name);
                other.is_file().then_some(Self::File(other))
            }
            Self::Memory { name: own, beside, .. } => {
                let wanted = own.parent().unwrap_or(Path::new("")).join(name);
                let (name, bytes) = beside.iter().find(|(name, _)| *name == wanted)?;
                Some(Self::Memory { name: name.clone(), bytes: bytes.clone(), beside: beside.clone() })
            }
        }
    }
}
