//! Whether an input is like what the model was trained on: [`Verdict`].

use serde::{Deserialize, Serialize};

use super::check::FEATURES;

/// What the guard found. An unlike input is never blocked, always marked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Each check that the manifest allows, in order.
    pub checks: Vec<GuardCheck>,
}

/// What a [`Verdict`] comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Likeness {
    /// Nothing unlike was found, and what the image shows was compared.
    Like,
    /// Nothing unlike was found in size and spacing, and more was not compared.
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
        match (self.is_like(), self.is_of_content()) {
            (false, _) => Likeness::Unlike,
            (true, true) => Likeness::Like,
            (true, false) => Likeness::InPart,
        }
    }

    /// `Like the training data`, as far as it was compared, or `Unlike the training data, because …`.
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
        match (self.is_of_content(), self.checks.is_empty()) {
            (true, _) => self.as_far_as_compared(),
            (false, true) => "Nothing was compared with the training data".to_owned(),
            (false, false) => format!("{}; grey values were not compared", self.as_far_as_compared()),
        }
    }

    /// `Like the training data`, with what it is like in where that is not what the image shows.
    pub(super) fn as_far_as_compared(&self) -> String {
        let compared: Vec<String> = self.checks.iter().map(|c| c.what.to_lowercase()).collect();
        match compared.as_slice() {
            _ if self.is_of_content() => "Like the training data".to_owned(),
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
        Verdict { checks: names.iter().map(check).collect() }
    }

    #[test]
    fn size_and_spacing_alone_are_no_praise() {
        let sizes = verdict(&["Modality", "Spacing", "Field of view"]);
        assert!(sizes.is_like() && !sizes.is_of_content());
        assert_eq!(sizes.likeness(), Likeness::InPart);
        let expected = "Like the training data in modality, spacing and field of view; grey values were not compared";
        assert_eq!(sizes.sentence(), expected);
        assert_eq!(verdict(&["Spacing", "Intensity histogram"]).sentence(), "Like the training data");
        assert!(verdict(&[FEATURES]).is_of_content());
        assert_eq!(verdict(&[]).sentence(), "Nothing was compared with the training data");
    }
}
