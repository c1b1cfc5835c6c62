//! Where a log's bytes go: a file that is locked and synced, or memory.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::log_error::LogError;

/// What is at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// How many bytes there are.
    pub len: u64,
    /// There is a last byte, and it is no newline.
    pub open: bool,
}

/// Bytes that are only ever appended to.
pub trait Storage: Send {
    /// Appends and makes sure that the bytes outlast a power cut before it returns.
    ///
    /// # Errors
    /// When that failed; some of the bytes may have been written.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// What is at the end.
    ///
    /// # Errors
    /// When it cannot be told.
    fn end(&mut self) -> io::Result<End>;
}

/// A file. Beside it lies `<name>.lock`, which is locked as long as the program runs and then stays there, empty of
/// meaning: a lock file that is taken away can be locked by two.
#[derive(Debug)]
pub struct LogFile {
    file: File,
    _lock: Option<File>,
}

impl LogFile {
    /// Opens or makes the file with its folder; gives the bytes that are there.
    ///
    /// # Errors
    /// When another program has it open, or the system refuses.
    pub fn open(path: &Path) -> Result<(Self, Vec<u8>), LogError> {
        let unusable = |doing| move |source| LogError::Unusable { file: path.display().to_string(), doing, source };
        let folder =
            path.parent().filter(|p| !p.as_os_str().is_empty()).map_or_else(|| PathBuf::from("."), Path::to_owned);
        std::fs::create_dir_all(&folder).map_err(unusable("made"))?;
        let lock = lock(path)?;
        let is_new = !path.exists();
        let mut file =
            OpenOptions::new().create(true).append(true).read(true).open(path).map_err(unusable("opened"))?;
        if is_new {
            file.sync_all().and_then(|()| sync_folder(&folder)).map_err(unusable("made"))?;
        }
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(0)).and_then(|_| file.read_to_end(&mut bytes)).map_err(unusable("read"))?;
        Ok((Self { file, _lock: lock }, bytes))
    }
}

impl Storage for LogFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.file.sync_data()
    }

    fn end(&mut self) -> io::Result<End> {
        let len = self.file.metadata()?.len();
        let mut last = [b'\n'];
        if len > 0 {
            self.file.seek(SeekFrom::Start(len - 1))?;
            self.file.read_exact(&mut last)?;
        }
        Ok(End { len, open: last != *b"\n" })
    }
}

/// Locks `<path>.lock` and writes the process id into it; none where the file system knows no locks.
fn lock(path: &Path) -> Result<Option<File>, LogError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let name = PathBuf::from(name);
    let unusable = |source| LogError::Unusable { file: name.display().to_string(), doing: "locked", source };
    let mut file =
        OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&name).map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => {
            // Only for the message of a second program; the lock holds without it.
            let _ = file.set_len(0).and_then(|()| file.write_all(std::process::id().to_string().as_bytes()));
            Ok(Some(file))
        }
        Err(TryLockError::WouldBlock) => {
            let pid = std::fs::read_to_string(&name).ok().and_then(|text| text.trim().parse().ok());
            Err(LogError::InUse { file: path.display().to_string(), pid })
        }
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => Ok(None),
        Err(TryLockError::Error(error)) => Err(unusable(error)),
    }
}

/// Makes sure that a new file's name outlasts a power cut.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Where a folder cannot be opened as a file, the system writes names through by itself.
#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

/// Bytes in memory, for simulated readers; copies share them.
#[derive(Debug, Clone, Default)]
pub struct Memory(Arc<Mutex<Vec<u8>>>);

impl Memory {
    /// What was written.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Storage for Memory {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(())
    }

    fn end(&mut self) -> io::Result<End> {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(End { len: bytes.len() as u64, open: bytes.last().is_some_and(|last| *last != b'\n') })
    }
}
