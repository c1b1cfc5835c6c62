//! Whether an input is like what the model was trained on: [`Verdict`].

use serde::{Deserialize, Serialize};

/// What the guard found. An unlike input is never blocked, always marked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Each check that the manifest allows, in order.
    pub checks: Vec<GuardCheck>,
}

/// One check of the guard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GuardCheck {
    /// What was looked at: `Spacing`, `Intensity histogram` …
    pub what: String,
    /// What the training data had, for the person.
    pub expected: String,
    /// What this input has, for the person.
    pub found: String,
    /// Whether the input is within.
    pub like: bool,
}

impl Verdict {
    /// Whether every check was passed.
    #[must_use]
    pub fn is_like(&self) -> bool {
        self.checks.iter().all(|c| c.like)
    }

    /// `Like the training data`, or `Unlike the training data, because …`.
    #[must_use]
    pub fn sentence(&self) -> String {
        let reasons: Vec<String> = self
            .checks
            .iter()
            .filter(|c| !c.like)
            .map(|c| format!("{} is {} (training data {})", c.what.to_lowercase(), c.found, c.expected))
            .collect();
        if reasons.is_empty() {
            "Like the training data".to_owned()
        } else {
            format!("Unlike the training data, because {}", reasons.join("; "))
        }
    }
}
