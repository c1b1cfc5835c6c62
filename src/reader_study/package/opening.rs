//! A package as it comes back: whether it is as it was made, and its truth for who has the key.

use std::path::Path;

use super::PackageError;
use super::checksums::{Checksums, FILE};
use super::creating::TRUTH;
use super::seal::{OwnerKey, unseal};
use crate::reader_study::design::{PublicStudy, SealedTruth};

/// All that is not as it was when the package was made; readers' logs are no part of that.
///
/// # Errors
/// When the list of checksums cannot be read.
pub fn verify(package: &Path) -> Result<Vec<PackageError>, PackageError> {
    let sums = Checksums::read(package)?;
    let mut wrong = sums.check_all(package, FILE);
    for needed in ["study.json", TRUTH] {
        if !sums.contains(needed) {
            wrong.push(PackageError::Altered { path: package.join(needed), why: "it is not in SHA256SUMS".to_owned() });
        }
    }
    Ok(wrong)
}

/// All that is not as it was sealed; what `SHA256SUMS` says is no matter, since anybody can write it anew. Empty for a package
/// that was made before checksums were sealed.
#[must_use]
pub fn not_as_sealed(package: &Path, truth: &SealedTruth) -> Vec<PackageError> {
    Checksums::new(truth.files.clone()).check_all(package, TRUTH)
}

/// Files of the package that `SHA256SUMS` does not know, but for what comes about while reading.
///
/// # Errors
/// When the list of checksums or a folder cannot be read.
pub fn extra_files(package: &Path) -> Result<Vec<String>, PackageError> {
    let sums = Checksums::read(package)?;
    let mut extra = Vec::new();
    let mut folders = vec![package.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(|e| PackageError::system(&folder, e))? {
            let path = entry.map_err(|e| PackageError::system(&folder, e))?.path();
            let name = path.strip_prefix(package).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            if path.is_dir() && name != "logs" {
                folders.push(path);
            } else if !path.is_dir() && name != FILE && !sums.contains(&name) {
                extra.push(name);
            }
        }
    }
    extra.sort();
    Ok(extra)
}

/// Reads `study.json`.
///
/// # Errors
/// When it is missing or malformed.
pub fn public_study(package: &Path) -> Result<PublicStudy, PackageError> {
    let path = package.join("study.json");
    let text = std::fs::read_to_string(&path).map_err(|e| PackageError::system(&path, e))?;
    serde_json::from_str(&text).map_err(|e| PackageError::Altered { path, why: e.to_string() })
}

/// Opens the sealed truth, and checks that its plan is the one that `study.json` registers.
///
/// # Errors
/// When the key is not the owner's or the file was altered.
pub fn sealed_truth(package: &Path, key: &OwnerKey) -> Result<SealedTruth, PackageError> {
    let study = public_study(package)?;
    let path = package.join(TRUTH);
    let sealed = std::fs::read(&path).map_err(|e| PackageError::system(&path, e))?;
    let plain = unseal(key, &sealed, &path)?;
    let altered = |why: String| PackageError::Altered { path: path.clone(), why };
    let text = String::from_utf8(plain).map_err(|e| altered(e.to_string()))?;
    SealedTruth::from_json(&text, &study.plan_sha256).map_err(|e| altered(e.to_string()))
}
