//! The names under which images stand in a package.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use sha2::{Digest, Sha256};

use super::errors::FreezeError;
use super::freeze::{FrozenPlan, hash_in, hex};
use super::lists::View;
use super::plan::{Case, Plan};

/// What an image is on the screen of its case and modality.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The image, or the first of two.
    Image,
    /// The second of two, an aid.
    Second,
    /// The labelmap that is judged.
    Overlay,
    /// The map that a player may ask for; one a case, kept with the first modality of it.
    Hint,
}

/// One image of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// 16 digits of 0-9 a-f; the file is `images/<name>.nii`.
    pub name: String,
    /// Its case and modality, as places in the plan.
    pub view: View,
    /// What it is on the screen.
    pub part: Part,
    /// The SHA-256 of the file of which it is made.
    pub sha256: String,
    /// That file.
    pub path: PathBuf,
}

/// The images of a package, sorted by name, which says nothing of what they are.
///
/// A name is the start of a SHA-256 of the frozen plan and of what the image is. The frozen plan holds the seed and the
/// hashes of all images: who does not have it cannot work the names out, not even with a guess of the seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blobs {
    blobs: Vec<Blob>,
    by_image: BTreeMap<(View, Part), usize>,
}

impl Blobs {
    /// Names the images of `plan`, of which `frozen` was made.
    ///
    /// # Errors
    /// When `frozen` is not that of `plan`.
    pub fn new(plan: &Plan, frozen: &FrozenPlan) -> Result<Self, FreezeError> {
        let key = Sha256::digest(format!("veritome-blob/1\n{}", frozen.json()).as_bytes());
        let (mut blobs, mut names) = (Vec::new(), HashSet::new());
        for (case, of_plan) in plan.cases.iter().enumerate() {
            let other_plan = || FreezeError::OtherPlan { case: of_plan.id.clone() };
            let hashed = frozen.plan().cases.get(case).filter(|other| other.id == of_plan.id).ok_or_else(other_plan)?;
            for (modality, arm) in plan.modalities.iter().enumerate() {
                let paths = |case: &Case| -> Vec<(Part, PathBuf)> {
                    let images = case.images.get(&arm.name).into_iter().flatten();
                    let parts = [Part::Image, Part::Second].into_iter().zip(images.cloned());
                    let overlay = case.overlay.get(&arm.name).map(|path| (Part::Overlay, path.clone()));
                    let is_first = plan.modalities.iter().find(|m| case.images.contains_key(&m.name)) == Some(arm);
                    let hint = case.hint.clone().filter(|_| is_first).map(|path| (Part::Hint, path));
                    parts.chain(overlay).chain(hint).collect()
                };
                let (own, hashes) = (paths(of_plan), paths(hashed));
                if own.len() != hashes.len() {
                    return Err(other_plan());
                }
                for ((part, path), (_, hash)) in own.into_iter().zip(hashes) {
                    let sha256 = hash_in(&hash).ok_or_else(other_plan)?.to_owned();
                    let name = name(&key, [case, modality, part as usize], &mut names);
                    blobs.push(Blob { name, view: View { case, modality }, part, sha256, path });
                }
            }
        }
        blobs.sort_by(|a, b| a.name.cmp(&b.name));
        let by_image = blobs.iter().enumerate().map(|(i, blob)| ((blob.view, blob.part), i)).collect();
        Ok(Self { blobs, by_image })
    }

    /// All of them, sorted by name.
    #[must_use]
    pub fn all(&self) -> &[Blob] {
        &self.blobs
    }

    /// The blob of one image.
    #[must_use]
    pub fn of(&self, view: View, part: Part) -> Option<&Blob> {
        self.by_image.get(&(view, part)).and_then(|i| self.blobs.get(*i))
    }

    /// The blob of a case's hint.
    #[must_use]
    pub fn hint(&self, case: usize) -> Option<&Blob> {
        self.blobs.iter().find(|blob| blob.view.case == case && blob.part == Part::Hint)
    }
}

fn name(key: &[u8], image: [usize; 3], names: &mut HashSet<String>) -> String {
    let [case, modality, part] = image;
    // Two of a million names agree with a probability below 1e-7; then a further try decides.
    let mut attempt = 0_usize;
    loop {
        let text = format!("{case}\n{modality}\n{part}\n{attempt}");
        let hash = hex(&Sha256::new().chain_update(key).chain_update(text.as_bytes()).finalize());
        let name: String = hash.chars().take(16).collect();
        if names.insert(name.clone()) {
            return name;
        }
        attempt += 1;
    }
}
