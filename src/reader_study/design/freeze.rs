//! The plan as it is registered before the study: one text, one hash.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::canonical::canonical_json;
use super::checks::{self, Places};
use super::errors::FreezeError;
use super::plan::{Case, Design, Plan};

/// Stands before the hash of an image in place of its path.
pub(super) const HASHED: &str = "sha256:";

/// A plan whose images are given by their SHA-256, with its canonical JSON and the hash of that.
///
/// Reads and writes as the plan alone; what is read is checked like any plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Plan", into = "Plan")]
pub struct FrozenPlan {
    plan: Plan,
    json: String,
    sha256: String,
}

impl FrozenPlan {
    /// Freezes a plan. `sha256_of` has for every image, overlay and hint the SHA-256 of its file, 64 digits of 0-9 a-f.
    ///
    /// Paths do not enter, so that a study may be moved to another folder.
    ///
    /// # Errors
    /// When a hash is missing or malformed, or one file stands for two cases or both as real and as synthetic.
    pub fn new(plan: &Plan, sha256_of: &BTreeMap<PathBuf, String>) -> Result<Self, FreezeError> {
        let mut frozen = plan.clone();
        for case in &mut frozen.cases {
            let id = case.id.clone();
            for path in case.paths_mut() {
                let unknown = || FreezeError::NotHashed { case: id.clone(), path: path.display().to_string() };
                let hash = sha256_of.get(path).ok_or_else(unknown)?;
                if !is_sha256(hash) {
                    return Err(FreezeError::NoHash { case: id, found: hash.clone() });
                }
                *path = PathBuf::from(format!("{HASHED}{hash}"));
            }
        }
        one_image_one_case(&frozen)?;
        Self::of(frozen)
    }

    /// Reads a frozen plan and checks it.
    ///
    /// # Errors
    /// When it is no JSON of a plan, an image is not given by its hash, or the plan is refused.
    pub fn from_json(json: &str) -> Result<Self, FreezeError> {
        let unreadable =
            |error: serde_json::Error| FreezeError::Json { what: "the frozen plan", message: error.to_string() };
        let plan: Plan = serde_json::from_str(json).map_err(unreadable)?;
        Self::try_from(plan)
    }

    /// The plan; each image path is `sha256:` and the hash.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The canonical JSON (RFC 8785) of [`FrozenPlan::plan`].
    #[must_use]
    pub fn json(&self) -> &str {
        &self.json
    }

    /// The SHA-256 of [`FrozenPlan::json`] in hexadecimal, which registers the study.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// `Ok` when this is the plan that was registered under `expected`.
    ///
    /// # Errors
    /// When the hashes differ.
    pub fn verify(&self, expected: &str) -> Result<(), FreezeError> {
        if self.sha256 == expected {
            return Ok(());
        }
        Err(FreezeError::Changed { expected: expected.to_owned(), found: self.sha256.clone() })
    }

    fn of(plan: Plan) -> Result<Self, FreezeError> {
        let unwritable = |error: serde_json::Error| FreezeError::Json { what: "the plan", message: error.to_string() };
        let json = canonical_json(&serde_json::to_value(&plan).map_err(unwritable)?);
        let sha256 = hex(&Sha256::digest(json.as_bytes()));
        Ok(Self { plan, json, sha256 })
    }
}

impl TryFrom<Plan> for FrozenPlan {
    type Error = FreezeError;

    fn try_from(plan: Plan) -> Result<Self, FreezeError> {
        checks::check(&plan, &Places::named("frozen plan"))?;
        for case in &plan.cases {
            if let Some(path) = case.paths().find(|path| hash_in(path).is_none()) {
                return Err(FreezeError::NoHash { case: case.id.clone(), found: path.display().to_string() });
            }
        }
        one_image_one_case(&plan)?;
        Self::of(plan)
    }
}

impl From<FrozenPlan> for Plan {
    fn from(frozen: FrozenPlan) -> Self {
        frozen.plan
    }
}

/// The hash in an image path of a frozen plan.
pub(super) fn hash_in(path: &Path) -> Option<&str> {
    path.to_str()?.strip_prefix(HASHED).filter(|hash| is_sha256(hash))
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Two paths may lead to copies of one file, which only the hashes show.
fn one_image_one_case(plan: &Plan) -> Result<(), FreezeError> {
    let synthetic = |name: &str| plan.modalities.iter().any(|modality| modality.name == name && modality.synthetic);
    let mut seen: HashMap<&Path, (&Case, bool)> = HashMap::new();
    for case in &plan.cases {
        for (modality, paths) in &case.images {
            let synthetic = synthetic(modality);
            for path in paths {
                let (first, first_synthetic) = *seen.entry(path).or_insert((case, synthetic));
                let both_kinds = first_synthetic != synthetic && plan.design != Design::Aided;
                if first.id != case.id || both_kinds {
                    return Err(FreezeError::SameImage { first: first.id.clone(), second: case.id.clone() });
                }
            }
        }
    }
    Ok(())
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
