//! Two folders of images, held against each other as sets: no model is asked for any.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::AuditError;
use super::features::{Extractor, set};
use super::images;
use super::work::{NEIGHBOURS, rows};
use crate::inference::manifest::Model;
use crate::inference::provider::Provider;
use crate::jobs::Control;
use crate::metrics::sets::{Coverage, FrechetDistance, frechet_distance, kernel_distance};

/// How far two sets of images are apart.
#[derive(Debug, Clone, Serialize)]
pub struct SetComparison {
    /// Images of the reference folder.
    pub reference_images: Vec<PathBuf>,
    /// Images of the test folder.
    pub test_images: Vec<PathBuf>,
    /// What made numbers of images.
    pub features: String,
    /// Fréchet distance; with an Inception encoder, FID.
    pub frechet: FrechetDistance,
    /// Squared kernel distance, unbiased; with an Inception encoder, KID.
    pub kernel: f64,
    /// Precision, recall, density and coverage; none where a folder has no more images than neighbours.
    pub coverage: Option<Coverage>,
    /// What the person must know.
    pub warnings: Vec<String>,
}

/// Measures the images of `test` against those of `reference`, by an encoder or by means over a coarse grid.
///
/// # Errors
/// When a folder has fewer than two images that can be read, the encoder gives no numbers, or the person stops.
pub fn compare_sets(
    reference: &Path,
    test: &Path,
    encoder: Option<Model>,
    provider: Provider,
    control: &Control,
) -> Result<SetComparison, AuditError> {
    let extractor = match encoder {
        Some(encoder) => Extractor::encoder(encoder, provider)?,
        None => Extractor::Thumbprint,
    };
    extractor.check(reference, control)?;
    let mut warnings = Vec::new();
    let picture = holds_pictures(reference, control)?;
    let (reference_images, reference_rows) = rows(reference, &extractor, picture, &mut warnings, control)?;
    let (test_images, test_rows) = rows(test, &extractor, picture, &mut warnings, control)?;
    let (known, found) = (set(&reference_rows)?, set(&test_rows)?);
    control.stage("Comparing", 0);
    let frechet = frechet_distance(&known, &found)?;
    if frechet.rank_deficient {
        warnings.push(format!(
            "{} and {} images are too few for {} numbers each: the Fréchet distance depends on how many there are",
            reference_images.len(),
            test_images.len(),
            frechet.dimensions
        ));
    }
    let enough = known.len() > NEIGHBOURS && found.len() > NEIGHBOURS;
    Ok(SetComparison {
        features: extractor.name(),
        kernel: kernel_distance(&known, &found)?,
        coverage: if enough { Some(Coverage::new(&known, &found, NEIGHBOURS)?) } else { None },
        frechet,
        reference_images,
        test_images,
        warnings,
    })
}

/// Whether the first image of a folder is a single picture; the cells of both folders go by it.
fn holds_pictures(folder: &Path, control: &Control) -> Result<bool, AuditError> {
    for path in images::paths(folder)? {
        if let Some(first) = images::read(&path, &mut Vec::new(), &control.child())?.first() {
            return Ok(first.volume.size()[2] == 1);
        }
    }
    Ok(false)
}
