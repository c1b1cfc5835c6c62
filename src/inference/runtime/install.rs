//! Fetches ONNX Runtime's official wheel with `pip` and keeps its library files in the data folder.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::locate::{Found, How, RuntimeMissing, is_library_name, locate};
use crate::io::folders;
use crate::io::packages::{PackageError, Pip, Wheel};
use crate::jobs::Control;

/// The version that is installed and tested.
pub const VERSION: &str = "1.31.1";

/// The note beside the installed library: version, flavour and hashes.
pub(super) const NOTE: &str = "runtime.json";

/// Which build of ONNX Runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Flavour {
    /// Runs everywhere, on the processor.
    #[default]
    Cpu,
    /// NVIDIA graphics through CUDA and TensorRT.
    Cuda,
    /// Any DirectX 12 graphics on Windows.
    DirectMl,
}

impl Flavour {
    /// The wheel's name on the package index.
    #[must_use]
    pub fn package(self) -> &'static str {
        match self {
            Self::Cpu => "onnxruntime",
            Self::Cuda => "onnxruntime-gpu",
            Self::DirectMl => "onnxruntime-directml",
        }
    }
}

impl std::str::FromStr for Flavour {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda),
            "directml" => Ok(Self::DirectMl),
            other => Err(format!("there is no ONNX Runtime flavour `{other}`; choose cpu, cuda or directml")),
        }
    }
}

/// Why ONNX Runtime could not be installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// The wheel could not be fetched or is damaged.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// The wheel holds no library for this system.
    #[error("the wheel of {package} holds no ONNX Runtime library for {}", std::env::consts::OS)]
    NoLibrary {
        /// Which package.
        package: String,
    },
    /// A file or folder could not be written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// The folder of the installed library inside a data folder.
pub(super) fn kept_in(data: &Path) -> PathBuf {
    data.join("runtime")
}

/// Where the library is, or else installs the processor's build. Of several programs that ask at once, one installs
/// and the others wait for it.
///
/// # Errors
/// As [`install`].
pub fn ensure(control: &Control) -> Result<Found, InstallError> {
    if let Ok(found) = locate() {
        return Ok(found);
    }
    let package = || Flavour::Cpu.package().to_owned();
    let data = folders::data().ok_or_else(|| PackageError::NoFolder { package: package() })?;
    let file_error = |source| InstallError::File { path: data.clone(), source };
    std::fs::create_dir_all(&data).map_err(file_error)?;
    control.stage("Waiting for another Veritome to install ONNX Runtime", 0);
    let lock = std::fs::File::create(data.join("runtime.lock")).map_err(file_error)?;
    loop {
        match lock.try_lock() {
            Ok(()) => break,
            Err(std::fs::TryLockError::WouldBlock) => {
                control.checkpoint().map_err(PackageError::from)?;
                std::thread::sleep(std::time::Duration::from_millis(50));
            }
            Err(std::fs::TryLockError::Error(e)) => return Err(file_error(e)),
        }
    }
    match locate() {
        Ok(found) => Ok(found),
        Err(RuntimeMissing { .. }) => install(Flavour::Cpu, control),
    }
}

/// Installs ONNX Runtime into the data folder, in place of what was installed there before. It is used from the next
/// start on if another copy is loaded already.
///
/// # Errors
/// No Python, no pip, no network, no wheel for this system, a damaged wheel, a folder that cannot be written.
pub fn install(flavour: Flavour, control: &Control) -> Result<Found, InstallError> {
    let package = format!("{}=={VERSION}", flavour.package());
    let data = folders::data().ok_or_else(|| PackageError::NoFolder { package: package.clone() })?;
    control.stage(format!("Fetching ONNX Runtime {VERSION} with pip"), 0);
    let wheel = Pip::default().download(&package, control)?;
    unpack(wheel, flavour, &kept_in(&data), control)
}

#[derive(Serialize)]
struct Note<'a> {
    package: &'a str,
    version: &'a str,
    files: Vec<(String, String)>,
}

fn unpack(mut wheel: Wheel, flavour: Flavour, target: &Path, control: &Control) -> Result<Found, InstallError> {
    let file_error = |path: &Path, source| InstallError::File { path: path.to_owned(), source };
    let parent = target.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent).map_err(|e| file_error(parent, e))?;
    let beside = tempfile::Builder::new().prefix(".runtime").tempdir_in(parent).map_err(|e| file_error(parent, e))?;
    let wanted: Vec<(String, String)> =
        wheel.members().filter_map(|m| Some((m.to_owned(), kept_name(m)?.to_owned()))).collect();
    control.stage("Unpacking and checking", wanted.len() as u64);
    let mut library = None;
    let mut files = Vec::new();
    for (member, name) in wanted {
        let hash = wheel.extract(&member, &beside.path().join(&name), control)?;
        if is_library_name(&name) {
            library = Some(name.clone());
        }
        files.push((name, hash));
        control.advance(1);
    }
    let library = library.ok_or_else(|| InstallError::NoLibrary { package: flavour.package().to_owned() })?;
    let note = Note { package: flavour.package(), version: VERSION, files };
    let note = serde_json::to_vec_pretty(&note).unwrap_or_default();
    std::fs::write(beside.path().join(NOTE), note).map_err(|e| file_error(beside.path(), e))?;
    swap(beside, target).map_err(|e| file_error(target, e))?;
    Ok(Found { path: target.join(library), version: Some(VERSION.to_owned()), how: How::DataFolder })
}

/// The plain file name under which a member of the wheel is kept: libraries of `capi` and the licences.
fn kept_name(member: &str) -> Option<&str> {
    let (folder, name) = member.rsplit_once('/')?;
    // Names come from the archive: nothing may lead out of the folder.
    if name.is_empty() || name.starts_with('.') || name.contains(['\\', ':']) {
        return None;
    }
    let licence = folder == "onnxruntime" && matches!(name, "LICENSE" | "ThirdPartyNotices.txt");
    let library = folder == "onnxruntime/capi"
        && (is_library_name(name)
            || name.starts_with("libonnxruntime_providers_")
            || name.starts_with("onnxruntime_providers_") && name.ends_with(".dll")
            || name.eq_ignore_ascii_case("DirectML.dll"));
    (licence || library).then_some(name)
}

/// Puts the new folder in the place of the old one by renaming.
fn swap(new: tempfile::TempDir, target: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(new.path(), std::fs::Permissions::from_mode(0o755))?;
    }
    if target.exists() {
        let parent = target.parent().unwrap_or(Path::new("."));
        let aside = tempfile::Builder::new().prefix(".old-runtime").tempdir_in(parent)?;
        std::fs::rename(target, aside.path().join("runtime"))?;
        if let Err(e) = std::fs::rename(new.path(), target) {
            // Back to what was there; the first error is the one to report.
            let _ = std::fs::rename(aside.path().join("runtime"), target);
            return Err(e);
        }
        // On Windows a loaded library cannot be deleted; the leftover is harmless.
        let _ = aside.close();
    } else {
        std::fs::rename(new.path(), target)?;
    }
    // The folder has moved: nothing is left to delete.
    let _ = new.keep();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_libraries_and_licences_are_taken_and_nothing_leads_outside() {
        assert_eq!(kept_name("onnxruntime/LICENSE"), Some("LICENSE"));
        for bad in ["onnxruntime/capi/_pybind_state.py", "../libonnxruntime.so", "onnxruntime/capi/..", "LICENSE"] {
            assert_eq!(kept_name(bad), None, "{bad}");
        }
        if cfg!(target_os = "linux") {
            assert!(kept_name("onnxruntime/capi/libonnxruntime.so.1.31.1").is_some());
            assert!(kept_name("onnxruntime/capi/../libonnxruntime.so.1.31.1").is_none());
        }
    }
}
