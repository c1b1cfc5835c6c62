//! What a reader can answer to one question.

use serde::{Deserialize, Serialize, Serializer};

/// One answer; in JSON a number, a text, a list of texts, or a list of marks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum AnswerValue {
    /// A step of a scale.
    Number(#[serde(serialize_with = "whole_without_point")] f64),
    /// One option, or free text.
    Text(String),
    /// Several options; `[]` reads as this, and stands for no mark as well.
    Choices(Vec<String>),
    /// Marks on the image.
    Marks(Vec<RatedMark>),
}

/// A place and how sure the reader is of it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RatedMark {
    /// Patient coordinates, LPS, mm.
    pub position_mm: [f64; 3],
    /// On the question's scale; higher is surer.
    #[serde(serialize_with = "whole_without_point")]
    pub rating: f64,
}

impl AnswerValue {
    /// The number, if it is one.
    #[must_use]
    pub fn number(&self) -> Option<f64> {
        if let Self::Number(number) = self { Some(*number) } else { None }
    }

    /// The text, if it is one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The chosen options; one text is a list of one.
    #[must_use]
    pub fn choices(&self) -> &[String] {
        match self {
            Self::Text(text) => std::slice::from_ref(text),
            Self::Choices(choices) => choices,
            Self::Number(_) | Self::Marks(_) => &[],
        }
    }

    /// The marks, if the answer can be a list of marks.
    #[must_use]
    pub fn marks(&self) -> Option<&[RatedMark]> {
        match self {
            Self::Marks(marks) => Some(marks),
            Self::Choices(choices) if choices.is_empty() => Some(&[]),
            _ => None,
        }
    }
}

/// `3` and not `3.0`.
fn whole_without_point<S: Serializer>(number: &f64, to: S) -> Result<S::Ok, S::Error> {
    let whole = *number as i64;
    if whole as f64 == *number && whole.unsigned_abs() < 1 << 53 {
        to.serialize_i64(whole)
    } else {
        to.serialize_f64(*number)
    }
}
