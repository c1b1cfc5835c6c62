//! Whether an input is like what the model was trained on: [`Verdict`].

use serde::{Deserialize, Serialize};

use super::check::FEATURES;

/// What the guard found. An unlike input is never blocked, always marked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Each check that the manifest allows, in order.
    pub checks: Vec<GuardCheck>,
    /// What the manifest asks for and the files do not tell: `Modality`. A NIfTI file may hold a CT.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
}

/// What a [`Verdict`] comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Likeness {
    /// Nothing unlike was found, the files tell all that the manifest asks for, and what the image shows was compared.
    Like,
    /// Nothing unlike was found, and not all of it was compared.
    InPart,
    /// Something is unlike.
    Unlike,
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

    /// Whether what the image shows was compared: its grey values, or what the network makes of them. Size and spacing alone
    /// say nothing of a contrast that the model never saw.
    #[must_use]
    pub fn is_of_content(&self) -> bool {
        self.checks.iter().any(|c| c.what.starts_with("Intensity") || c.what == FEATURES)
    }

    /// All of it in one word.
    #[must_use]
    pub fn likeness(&self) -> Likeness {
        match (self.is_like(), self.is_of_content() && self.unknown.is_empty()) {
            (false, _) => Likeness::Unlike,
            (true, true) => Likeness::Like,
            (true, false) => Likeness::InPart,
        }
    }

    /// `Like the training data in …`, what was compared by name, or `Unlike the training data, because …`: no likeness is more
    /// than what was compared, and a histogram like that of the training data may be of another contrast.
    #[must_use]
    pub fn sentence(&self) -> String {
        let reasons: Vec<String> = self
            .checks
            .iter()
            .filter(|c| !c.like)
            .map(|c| format!("{} is {} (training data {})", c.what.to_lowercase(), c.found, c.expected))
            .collect();
        if !reasons.is_empty() {
            return format!("Unlike the training data, because {}", reasons.join("; "));
        }
        if self.checks.is_empty() {
            return "Nothing was compared with the training data".to_owned();
        }
        let unseen = if self.is_of_content() { "" } else { "; grey values were not compared" };
        format!("{}{unseen}{}", self.as_far_as_compared(), self.untold())
    }

    /// `; the file does not name its modality`, or nothing.
    pub(super) fn untold(&self) -> String {
        self.unknown.iter().map(|what| format!("; the file does not name its {}", what.to_lowercase())).collect()
    }

    /// `Like the training data in …`, with everything that was compared.
    pub(super) fn as_far_as_compared(&self) -> String {
        let compared: Vec<String> = self.checks.iter().map(|c| c.what.to_lowercase()).collect();
        match compared.as_slice() {
            [] => "Like the training data".to_owned(),
            [one] => format!("Like the training data in {one}"),
            [first @ .., last] => format!("Like the training data in {} and {last}", first.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(names: &[&str]) -> Verdict {
        let check =
            |what: &&str| GuardCheck { what: (*what).to_owned(), expected: "".into(), found: "".into(), like: true };
        Verdict { checks: names.iter().map(check).collect(), unknown: Vec::new() }
    }

    #[test]
    fn size_and_spacing_alone_are_no_praise() {
        let sizes = verdict(&["Modality", "Spacing", "Field of view"]);
        assert!(sizes.is_like() && !sizes.is_of_content());
        assert_eq!(sizes.likeness(), Likeness::InPart);
        let expected = "Like the training data in modality, spacing and field of view; grey values were not compared";
        assert_eq!(sizes.sentence(), expected);
        let all = verdict(&["Spacing", "Intensity histogram"]);
        assert_eq!(all.sentence(), "Like the training data in spacing and intensity histogram");
        assert_eq!(all.likeness(), Likeness::Like);
        let of_nifti = Verdict { unknown: vec!["Modality".into()], ..all };
        let expected = "Like the training data in spacing and intensity histogram; the file does not name its modality";
        assert_eq!((of_nifti.sentence().as_str(), of_nifti.likeness()), (expected, Likeness::InPart));
        assert!(verdict(&[FEATURES]).is_of_content());
        assert_eq!(verdict(&[]).sentence(), "Nothing was compared with the training data");
    }
}
