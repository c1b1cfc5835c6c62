//! What a reader of a package could tell the arms apart by, without reading the images: [`leaks`].

use std::path::Path;

use super::images::load;
use super::{OwnerKey, PackageError, sealed_truth};
use crate::jobs::Control;
use crate::reader_study::design::{Part, Plan, SealedTruth};
use crate::reader_study::leaks::{Arm, ImageHeader, ImageTraits, LeakOptions, LeakReport, StudyImage, TextTag};
use crate::volume::{Volume, Voxels};

/// Which modalities are held against each other, and what was found.
#[derive(Debug, Clone, serde::Serialize)]
pub struct LeakCheck {
    /// Names of arm A and of arm B; the owner's own, never to be shown to a reader.
    pub arms: [String; 2],
    /// The verdict with its reasons.
    pub report: LeakReport,
}

/// Holds the real against the synthetic images of a package, as readers have them; where the plan has none of one kind, its
/// first two modalities.
///
/// # Errors
/// When the key is not the owner's, an image cannot be read, or there are too few to say anything.
pub fn leaks(package: &Path, key: &OwnerKey, control: &Control) -> Result<LeakCheck, PackageError> {
    let truth = sealed_truth(package, key)?;
    let plan = truth.plan.plan().clone();
    let (arms, names) = arms(&plan)?;
    let of_arm = |modality: &str| arms.iter().find(|(name, _)| name == modality).map(|(_, arm)| *arm);
    let patient = |case: &str| plan.cases.iter().find(|c| c.id == case).map(|c| c.patient.clone()).unwrap_or_default();
    let judged: Vec<_> = truth
        .blobs
        .iter()
        .filter(|(_, blob)| blob.part == Part::Image && is_read(&truth, &blob.case))
        .filter_map(|(name, blob)| Some((name, blob, of_arm(&blob.modality)?)))
        .collect();
    control.stage("Looking for what could tell the arms apart", judged.len() as u64);
    let mut images = Vec::new();
    for (name, blob, arm) in judged {
        control.checkpoint()?;
        let path = ["nii", "nrrd"].map(|ending| package.join(format!("images/{name}.{ending}")));
        let path = path.iter().find(|p| p.exists()).unwrap_or(&path[0]);
        let (volume, series) = load(path, &control.child())?;
        let attributes = series.source.attributes(0, 0)?;
        let tag = |key: String, value: String| TextTag { place: "image header".to_owned(), key, value };
        // Header fields of NIfTI have no explanation, but a name.
        let named = |tag: String, name: String| if name.is_empty() { tag } else { name };
        let mut tags: Vec<TextTag> = attributes.into_iter().map(|a| tag(named(a.tag, a.name), a.value)).collect();
        tags.push(TextTag { place: "package".to_owned(), key: "file name".to_owned(), value: name.clone() });
        let size = std::fs::metadata(path).map_err(|e| PackageError::system(path, e))?.len();
        let traits = traits(&volume, size).map_err(|why| PackageError::NoCheck { why: why.to_string() })?;
        images.push(StudyImage { arm, patient: patient(&blob.case), traits, tags });
        control.advance(1);
    }
    let words = plan.modalities.iter().filter_map(|m| m.model.clone()).collect();
    let options = LeakOptions { seed: plan.seed, words, ..LeakOptions::default() };
    let report = LeakReport::new(&images, &options).map_err(|why| PackageError::NoCheck { why: why.to_string() })?;
    Ok(LeakCheck { arms: names, report })
}

/// Training cases are no secret.
fn is_read(truth: &SealedTruth, case: &str) -> bool {
    truth.plan.plan().cases.iter().any(|c| c.id == case && !c.training)
}

/// The arm of each modality that is compared, and what the arms are called.
type Compared = (Vec<(String, Arm)>, [String; 2]);

fn arms(plan: &Plan) -> Result<Compared, PackageError> {
    let kind =
        |synthetic: bool| plan.modalities.iter().filter(move |m| m.synthetic == synthetic).map(|m| m.name.clone());
    let (mut real, mut made): (Vec<_>, Vec<_>) = (kind(false).collect(), kind(true).collect());
    if real.is_empty() || made.is_empty() {
        let mut all: Vec<String> = plan.modalities.iter().map(|m| m.name.clone()).collect();
        all.truncate(2);
        made = all.split_off(all.len().min(1));
        real = all;
    }
    if real.is_empty() || made.is_empty() {
        return Err(PackageError::NoCheck {
            why: "the plan has one modality, so there are no arms to tell apart".into(),
        });
    }
    let names = [real.join(", "), made.join(", ")];
    let of = |names: Vec<String>, arm: Arm| names.into_iter().map(move |name| (name, arm));
    Ok((of(real, Arm::A).chain(of(made, Arm::B)).collect(), names))
}

fn traits(volume: &Volume, file_size: u64) -> Result<ImageTraits, crate::reader_study::leaks::LeakError> {
    let oblique = volume.geometry.directions().iter().any(|d| d.abs().max_element() < 0.9999);
    let header = ImageHeader {
        spacing_mm: Some(volume.geometry.spacing_mm()),
        oblique: Some(oblique),
        data_type: Some(volume.voxels.voxel_type() as u16),
        bits_used: None,
        file_size_bytes: Some(file_size),
        padding: None,
    };
    match &volume.voxels {
        Voxels::F32(values) => ImageTraits::new(values, volume.size(), &header),
        other => {
            let real = |i| other.get(i).map_or(0.0, |s| volume.rescale.apply(s) as f32);
            let values: Vec<f32> = (0..other.len()).map(real).collect();
            ImageTraits::new(&values, volume.size(), &header)
        }
    }
}
