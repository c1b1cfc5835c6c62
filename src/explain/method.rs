//! The methods by name: [`Method`].

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How a map is made. `docs/explain.md` says what each can and cannot say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Boxes are covered: [`occlusion`](super::occlusion()).
    #[default]
    Occlusion,
    /// Random masks: [`rise`](super::rise()).
    Rise,
    /// Masks out of an activation: [`score_cam`](super::score_cam).
    ScoreCam,
    /// Gradient times activation: [`hires_cam`](super::hires_cam).
    HiResCam,
    /// Finite differences over blocks: [`smooth_grad`](super::smooth_grad).
    SmoothGrad,
    /// An activation itself: [`attention`](super::attention).
    Attention,
    /// A walk through a latent space: [`counterfactual`](super::counterfactual()).
    Counterfactual,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Occlusion,
        Self::Rise,
        Self::ScoreCam,
        Self::HiResCam,
        Self::SmoothGrad,
        Self::Attention,
        Self::Counterfactual,
    ];

    /// As the command line and the records name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Occlusion => "occlusion",
            Self::Rise => "rise",
            Self::ScoreCam => "scorecam",
            Self::HiResCam => "hirescam",
            Self::SmoothGrad => "smoothgrad",
            Self::Attention => "attention",
            Self::Counterfactual => "counterfactual",
        }
    }

    /// As a person reads it.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Occlusion => "Occlusion",
            Self::Rise => "RISE",
            Self::ScoreCam => "Score-CAM",
            Self::HiResCam => "HiResCAM",
            Self::SmoothGrad => "SmoothGrad (finite differences)",
            Self::Attention => "Attention",
            Self::Counterfactual => "Counterfactual",
        }
    }

    /// Whether random numbers are drawn, so that another seed gives another map.
    #[must_use]
    pub fn draws(self) -> bool {
        matches!(self, Self::Rise | Self::SmoothGrad)
    }

    /// Whether the map goes back on a tapped activation.
    #[must_use]
    pub fn needs_tap(self) -> bool {
        matches!(self, Self::ScoreCam | Self::HiResCam | Self::Attention)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Method {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|m| m.name() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("there is no explanation `{name}`; choose one of {names}")
        })
    }
}
