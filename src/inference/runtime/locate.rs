//! Where the library of ONNX Runtime is.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Serialize;

use crate::io::{folders, packages::Pip};

/// Which place a library was found in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// `ORT_DYLIB_PATH` names it.
    Variable,
    /// It lies beside the executable.
    BesideExecutable,
    /// It lies in Veritome's data folder: `runtime install` put it there.
    DataFolder,
    /// The active Python environment has the package `onnxruntime`.
    PythonEnvironment,
}

impl How {
    /// As the person reads it.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Variable => "named by ORT_DYLIB_PATH",
            Self::BesideExecutable => "beside the program",
            Self::DataFolder => "installed in Veritome's data folder",
            Self::PythonEnvironment => "in the active Python environment",
        }
    }
}

/// A library that was found, not yet loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found {
    /// The library file.
    pub path: PathBuf,
    /// Its version, as far as its name or its package tells.
    pub version: Option<String>,
    /// Where it was found.
    pub how: How,
}

/// No library was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("ONNX Runtime was not found ({}); run `veritome runtime install`", looked.join("; "))]
pub struct RuntimeMissing {
    /// Each place that was looked at and why it gave nothing.
    pub looked: Vec<String>,
}

/// The places to look in; split off so that tests can point them elsewhere.
#[derive(Debug, Default)]
pub(super) struct Places {
    pub variable: Option<PathBuf>,
    pub executable_folder: Option<PathBuf>,
    pub data_folder: Option<PathBuf>,
    pub python_roots: Vec<PathBuf>,
    pub ask_python: bool,
}

impl Places {
    fn of_this_process() -> Self {
        let folder = |name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        Self {
            variable: folder("ORT_DYLIB_PATH"),
            executable_folder: std::env::current_exe().ok().and_then(|e| e.parent().map(Path::to_owned)),
            data_folder: folders::data().map(|d| super::install::kept_in(&d)),
            python_roots: ["VIRTUAL_ENV", "CONDA_PREFIX"].into_iter().filter_map(folder).collect(),
            ask_python: true,
        }
    }
}

/// Looks for the library; loads nothing.
///
/// # Errors
/// [`RuntimeMissing`] says where it was looked for.
pub fn locate() -> Result<Found, RuntimeMissing> {
    locate_in(&Places::of_this_process())
}

pub(super) fn locate_in(places: &Places) -> Result<Found, RuntimeMissing> {
    let mut looked = Vec::new();
    if let Some(path) = &places.variable {
        // What a person names is taken or refused, never passed over in silence.
        return match plausible(path) {
            Ok(()) => {
                let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
                Ok(Found { version: version_of(&path), path, how: How::Variable })
            }
            Err(reason) => {
                looked.push(format!("ORT_DYLIB_PATH names {}, {reason}", path.display()));
                Err(RuntimeMissing { looked })
            }
        };
    }
    let mut search = |folder: &Path, how: How, name: &str| {
        let found = library_in(folder);
        match found {
            None => looked.push(format!("{name}: none in {}", folder.display())),
            Some(path) => match plausible(&path) {
                Ok(()) => return Some(Found { version: version_of(&path), path, how }),
                Err(reason) => looked.push(format!("{name}: {}, {reason}", path.display())),
            },
        }
        None
    };
    if let Some(folder) = &places.executable_folder
        && let Some(found) = search(folder, How::BesideExecutable, "beside the program")
    {
        return Ok(found);
    }
    if let Some(folder) = &places.data_folder
        && let Some(found) = search(folder, How::DataFolder, "data folder")
    {
        return Ok(found);
    }
    for folder in places.python_roots.iter().flat_map(|root| site_packages(root)) {
        if let Some(found) = search(&folder.join("onnxruntime/capi"), How::PythonEnvironment, "Python environment") {
            return Ok(found);
        }
    }
    if places.ask_python {
        match ask_python() {
            Some(folder) => {
                let capi = folder.join("onnxruntime/capi");
                if let Some(found) = search(&capi, How::PythonEnvironment, "Python") {
                    return Ok(found);
                }
            }
            None => looked.push("Python: no python3".to_owned()),
        }
    }
    Err(RuntimeMissing { looked })
}

/// Whether a file name is that of the main library on this system.
pub(super) fn is_library_name(name: &str) -> bool {
    if cfg!(windows) {
        name.eq_ignore_ascii_case("onnxruntime.dll")
    } else if cfg!(target_os = "macos") {
        name.starts_with("libonnxruntime.") && name.ends_with(".dylib")
    } else {
        name == "libonnxruntime.so" || name.starts_with("libonnxruntime.so.")
    }
}

/// The main library in a folder; of several the one with the longest name, which carries the full version.
fn library_in(folder: &Path) -> Option<PathBuf> {
    std::fs::read_dir(folder)
        .ok()?
        .filter_map(Result::ok)
        .filter(|e| e.file_name().to_str().is_some_and(is_library_name))
        .map(|e| e.path())
        .max_by_key(|p| (p.as_os_str().len(), p.clone()))
}

fn site_packages(root: &Path) -> Vec<PathBuf> {
    let mut folders = vec![root.join("Lib/site-packages")];
    if let Ok(entries) = std::fs::read_dir(root.join("lib")) {
        let python = |n: &std::ffi::OsStr| n.to_str().is_some_and(|n| n.starts_with("python3"));
        folders.extend(
            entries.filter_map(Result::ok).filter(|e| python(&e.file_name())).map(|e| e.path().join("site-packages")),
        );
    }
    folders
}

fn ask_python() -> Option<PathBuf> {
    Pip::default().candidates().into_iter().find_map(|python| {
        let out = Command::new(python)
            .args(["-c", "import sysconfig; print(sysconfig.get_paths()['platlib'])"])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()
            .ok()?;
        let folder = String::from_utf8(out.stdout).ok()?;
        Some(PathBuf::from(folder.trim())).filter(|f| out.status.success() && !f.as_os_str().is_empty())
    })
}

/// Oldest version whose interface the program can speak (crate feature `api-22`).
const OLDEST_MINOR: u32 = 22;

/// Whether a file may be tried: there, old enough to speak, and not cut off. Loading a truncated library ends the
/// process, so that is looked at before.
fn plausible(path: &Path) -> Result<(), String> {
    let metadata = std::fs::metadata(path).map_err(|_| "which is not there".to_owned())?;
    if !metadata.is_file() {
        return Err("which is no file".to_owned());
    }
    if let Some(version) = version_of(path)
        && let Some(minor) = version.split('.').nth(1).and_then(|m| m.parse::<u32>().ok())
        && minor < OLDEST_MINOR
    {
        return Err(format!("which is version {version}; 1.{OLDEST_MINOR} or later is needed"));
    }
    match elf_length(path) {
        Some(needed) if needed > metadata.len() => {
            Err(format!("which is cut off ({} of {needed} bytes)", metadata.len()))
        }
        _ => Ok(()),
    }
}

/// The length that a 64-bit little-endian ELF file must have at least: the ends of its segments and of its section
/// table. `None` for anything else.
fn elf_length(path: &Path) -> Option<u64> {
    use std::io::{Read, Seek, SeekFrom};
    let mut file = std::fs::File::open(path).ok()?;
    let mut head = [0_u8; 64];
    file.read_exact(&mut head).ok()?;
    if !head.starts_with(&[0x7f, b'E', b'L', b'F', 2, 1]) {
        return None;
    }
    let half = |b: &[u8], at: usize| b.get(at..at + 2).map(|b| u64::from(u16::from_le_bytes([b[0], b[1]])));
    let wide = |b: &[u8], at: usize| Some(u64::from_le_bytes(b.get(at..at + 8)?.try_into().ok()?));
    let mut needed = wide(&head, 40)?.saturating_add(half(&head, 58)? * half(&head, 60)?);
    file.seek(SeekFrom::Start(wide(&head, 32)?)).ok()?;
    let mut segment = [0_u8; 56];
    for _ in 0..half(&head, 56)? {
        if file.read_exact(&mut segment).is_err() {
            return Some(u64::MAX);
        }
        needed = needed.max(wide(&segment, 8)?.saturating_add(wide(&segment, 32)?));
    }
    Some(needed)
}

/// The version in a library's name (`libonnxruntime.so.1.31.1`), in the note that the installer left beside it, or in
/// the name of the Python package's `dist-info`.
pub(super) fn version_of(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let digits = name.trim_start_matches("libonnxruntime.").trim_start_matches("so.").trim_end_matches(".dylib");
    let is_version = |v: &str| v.split('.').count() >= 3 && v.split('.').all(|p| p.parse::<u32>().is_ok());
    if is_version(digits) {
        return Some(digits.to_owned());
    }
    let folder = path.parent()?;
    if let Ok(note) = std::fs::read_to_string(folder.join(super::install::NOTE))
        && let Ok(note) = serde_json::from_str::<serde_json::Value>(&note)
        && let Some(version) = note.get("version").and_then(|v| v.as_str())
    {
        return Some(version.to_owned());
    }
    let packages = folder.parent()?.parent()?;
    std::fs::read_dir(packages).ok()?.filter_map(Result::ok).find_map(|e| {
        let name = e.file_name();
        let (package, version) = name.to_str()?.strip_suffix(".dist-info")?.split_once('-')?;
        (package.starts_with("onnxruntime") && is_version(version)).then(|| version.to_owned())
    })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #![allow(clippy::unwrap_used, reason = "helpers of tests")]
    use super::*;

    fn touch(folder: &Path, name: &str) -> PathBuf {
        std::fs::create_dir_all(folder).unwrap();
        let path = folder.join(name);
        std::fs::write(&path, b"not really").unwrap();
        path
    }

    #[test]
    fn the_places_are_tried_in_their_order() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        let mut places = Places {
            executable_folder: Some(at("bin")),
            data_folder: Some(at("data")),
            python_roots: vec![at("venv")],
            ..Places::default()
        };
        let error = locate_in(&places).unwrap_err().to_string();
        assert!(error.contains("runtime install") && error.contains("data folder"), "{error}");

        let python = touch(&at("venv/lib/python3.11/site-packages/onnxruntime/capi"), "libonnxruntime.so.1.31.1");
        let found = locate_in(&places).unwrap();
        assert_eq!((found.path, found.how), (python, How::PythonEnvironment));
        assert_eq!(found.version.as_deref(), Some("1.31.1"));

        let kept = touch(&at("data"), "libonnxruntime.so.1.30.0");
        touch(&at("data"), "libonnxruntime_providers_shared.so");
        assert_eq!(locate_in(&places).unwrap().path, kept);

        let beside = touch(&at("bin"), "libonnxruntime.so");
        assert_eq!(locate_in(&places).unwrap().path, beside);

        places.variable = Some(at("missing.so"));
        let error = locate_in(&places).unwrap_err().to_string();
        assert!(error.contains("ORT_DYLIB_PATH names") && error.contains("not there"), "{error}");
    }

    #[test]
    fn too_old_and_truncated_libraries_are_passed_over_with_the_reason() {
        let root = tempfile::tempdir().unwrap();
        let places = Places { data_folder: Some(root.path().to_owned()), ..Places::default() };
        let old = touch(root.path(), "libonnxruntime.so.1.10.0");
        assert!(locate_in(&places).unwrap_err().to_string().contains("1.22 or later"));
        std::fs::remove_file(old).unwrap();
        let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        std::fs::write(root.path().join("libonnxruntime.so"), &program[..program.len() / 2]).unwrap();
        assert!(locate_in(&places).unwrap_err().to_string().contains("cut off"));
    }
}
