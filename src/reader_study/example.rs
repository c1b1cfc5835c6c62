//! A small study that is made on the spot: invented images, three simulated readers. For a first look at a report, and for
//! classes; nothing of it is a result, and every table says so.

use std::fmt::Write as _;
use std::path::Path;

use glam::{DMat4, DVec3};

use super::outcome::simulate::{SimulatedReader, Simulation, simulate};
use super::outcome::{Material, OutcomeError};
use super::package::{Made, OwnerKey, PackageError, create, random_seed};
use super::session::reading::ReadingError;
use super::session::utc::Utc;
use crate::io::{IoError, write};
use crate::jobs::Control;
use crate::volume::{Derivation, Geometry, Provenance, Volume};

/// Why the example could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ExampleError {
    /// The package could not be made.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// A file could not be written.
    #[error(transparent)]
    Io(#[from] IoError),
    /// The package could not be read back.
    #[error(transparent)]
    Material(#[from] OutcomeError),
    /// A simulated reader could not read.
    #[error(transparent)]
    Reading(#[from] ReadingError),
}

const CASES: usize = 24;
const READERS: [(&str, f64); 3] = [("R1", 0.4), ("R2", 1.0), ("R3", 1.6)];

/// Makes the package at `folder`, sealed for `key`, with the logs of three simulated readers; its plan and images lie beside
/// it in `FOLDER.source`.
///
/// # Errors
/// When the folder holds something or the disk takes no more.
pub fn example(folder: &Path, key: &OwnerKey, control: &Control) -> Result<Made, ExampleError> {
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push(".source");
    let source = folder.with_file_name(name);
    std::fs::create_dir_all(&source).map_err(|e| IoError::system(&source, e))?;
    let mut plan = format!(
        "title = \"Example: which heads are synthetic?\"\ndesign = \"yes_no\"\nseed = {}\n\
         truth_source = \"Both kinds of image are drawn by a formula\"\n[sessions]\ncount = 2\nwashout_days = 28\n\
         [order]\nrepeats = 6\n",
        random_seed()
    );
    for (id, _) in READERS {
        plan += &format!("[[reader]]\nid = \"{id}\"\nrole = \"simulated\"\n");
    }
    plan +=
        "[[modality]]\nname = \"acquired\"\nsynthetic = false\n[[modality]]\nname = \"synthetic\"\nsynthetic = true\n";
    for case in 0..CASES {
        let training = case < 2;
        // Writing into a string cannot fail.
        let _ = write!(plan, "[[case]]\nid = \"c{case:02}\"\ntraining = {training}\nimages = {{ ");
        for (arm, synthetic) in [("acquired", false), ("synthetic", true)] {
            control.checkpoint().map_err(PackageError::from)?;
            let file = format!("c{case:02}-{arm}.nii.gz");
            write::write(&[head(case, synthetic)?], &source.join(&file))?;
            let comma = if synthetic { " }\n" } else { ", " };
            let _ = write!(plan, "{arm} = \"{file}\"{comma}");
        }
    }
    let path = source.join("plan.toml");
    std::fs::write(&path, plan).map_err(|e| IoError::system(&path, e))?;
    let made = create(&path, folder, &key.recipient(), control)?;
    let material = Material::read(folder)?;
    let truth = super::package::sealed_truth(folder, key)?;
    let readers: Vec<SimulatedReader> =
        READERS.iter().map(|(id, skill)| SimulatedReader::new(id, *skill, truth.plan.plan())).collect();
    let begin = Utc::parse("2026-01-05T08:00:00.000Z").unwrap_or(Utc::from_ms(0));
    let logs = folder.join("logs");
    std::fs::create_dir_all(&logs).map_err(|e| IoError::system(&logs, e))?;
    for log in simulate(&material, &truth, &readers, Simulation { seed: 1, begin })? {
        let path = logs.join(&log.file);
        std::fs::write(&path, &log.bytes).map_err(|e| IoError::system(&path, e))?;
    }
    Ok(made)
}

/// A head of nested ellipsoids with folds; the synthetic one is a little too smooth.
fn head(case: usize, synthetic: bool) -> Result<Volume, IoError> {
    const N: usize = 40;
    let turn = case as f64 * 0.37;
    let value = |x: f64, y: f64, z: f64| {
        let r = (x * x / 0.8 + y * y + z * z).sqrt();
        let angle = y.atan2(x) * 7.0 + z * 9.0 + turn;
        let folds = angle.sin() * if synthetic { 0.02 } else { 0.05 };
        if r > 0.95 {
            0.0
        } else if r > 0.85 {
            700.0
        } else if r > 0.78 {
            90.0
        } else if r + folds > 0.55 {
            420.0
        } else {
            610.0
        }
    };
    let mut voxels = vec![0_i16; N * N * N];
    for (i, v) in voxels.iter_mut().enumerate() {
        let p = [i % N, i / N % N, i / (N * N)].map(|n| (n as f64 + 0.5) / N as f64 * 2.0 - 1.0);
        *v = value(p[0], p[1], p[2]) as i16;
    }
    let matrix = DMat4::from_translation(DVec3::splat(-98.0)) * DMat4::from_scale(DVec3::splat(5.0));
    let drawn = Provenance::marked_synthetic(vec!["example".to_owned()], Some(Derivation::default()));
    let provenance = if synthetic { drawn } else { Provenance::acquired(vec!["example".to_owned()]) };
    let failed = |why: String| IoError::format("the example", "a head that can be drawn", why);
    let geometry = Geometry::new([N; 3], matrix).map_err(|e| failed(e.to_string()))?;
    Volume::new("head", voxels.into(), geometry, provenance).map_err(|e| failed(e.to_string()))
}
