//! What a map explains: [`Target`]. The answer depends on it, so it is printed and kept with every map.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::volume::PatientPoint;

/// Which of the model's numbers is explained.
///
/// As text (`--target`): `class=Liver`, `class=2`, `class=2@X,Y,Z`, `class=2@X,Y,Z,RADIUS`, `change`,
/// `change@X0,Y0,Z0,X1,Y1,Z1`; places are LPS millimetres.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Target {
    /// The mean logit of a class over the voxels of a region, so that regions of any size are comparable; for a classification
    /// the class' logit.
    Class {
        /// Name or value of the label.
        class: String,
        /// Where.
        region: Region,
    },
    /// How much a generated image changes: less the mean of `|Δ|`.
    Change {
        /// Two corners of a box, LPS mm; `None`: the whole image that the model sees.
        corners: Option<[[f64; 3]; 2]>,
    },
}

/// Over which voxels a class' logits are averaged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Region {
    /// Where the model finds the class in the image as it is.
    Predicted,
    /// Around a place that a person points at.
    Near {
        /// LPS mm.
        at: [f64; 3],
        /// mm.
        radius_mm: f64,
    },
}

/// Radius of the neighbourhood of a clicked voxel, mm, where none is given.
pub const RADIUS_MM: f64 = 5.0;

impl Target {
    /// The class around a place.
    #[must_use]
    pub fn near(class: impl Into<String>, at: PatientPoint) -> Self {
        Self::Class { class: class.into(), region: Region::Near { at: at.0.to_array(), radius_mm: RADIUS_MM } }
    }
}

/// What is wrong with the text of a target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no target; expected class=NAME, class=NAME@X,Y,Z[,RADIUS], change or change@X0,Y0,Z0,X1,Y1,Z1 (LPS mm)"
)]
pub struct TargetError(String);

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let wrong = || TargetError(text.to_owned());
        let numbers = |list: &str| -> Result<Vec<f64>, TargetError> {
            list.split(',').map(|n| n.trim().parse().ok().filter(|x: &f64| x.is_finite()).ok_or_else(wrong)).collect()
        };
        let (what, place) = text.split_once('@').map_or((text, None), |(what, place)| (what, Some(place)));
        match (what.trim(), place) {
            ("change", None) => Ok(Self::Change { corners: None }),
            ("change", Some(place)) => match numbers(place)?.as_slice() {
                [a, b, c, d, e, f] => Ok(Self::Change { corners: Some([[*a, *b, *c], [*d, *e, *f]]) }),
                _ => Err(wrong()),
            },
            (what, place) => {
                let class = what.strip_prefix("class=").map(str::trim).filter(|c| !c.is_empty()).ok_or_else(wrong)?;
                let region = match place.map(numbers).transpose()?.as_deref() {
                    None => Region::Predicted,
                    Some([x, y, z]) => Region::Near { at: [*x, *y, *z], radius_mm: RADIUS_MM },
                    Some([x, y, z, r]) if *r > 0.0 => Region::Near { at: [*x, *y, *z], radius_mm: *r },
                    Some(_) => return Err(wrong()),
                };
                Ok(Self::Class { class: class.to_owned(), region })
            }
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Class { class, region: Region::Predicted } => write!(f, "class={class}"),
            Self::Class { class, region: Region::Near { at: [x, y, z], radius_mm } } => {
                write!(f, "class={class}@{x},{y},{z},{radius_mm}")
            }
            Self::Change { corners: None } => f.write_str("change"),
            Self::Change { corners: Some([[a, b, c], [d, e, g]]) } => write!(f, "change@{a},{b},{c},{d},{e},{g}"),
        }
    }
}

impl From<Target> for String {
    fn from(target: Target) -> Self {
        target.to_string()
    }
}

impl TryFrom<String> for Target {
    type Error = TargetError;

    fn try_from(text: String) -> Result<Self, TargetError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_comes_back_from_its_text() {
        for text in ["class=Brain", "class=2@1,-2.5,3,5", "class=Left lung", "change", "change@0,1,2,3,4,5"] {
            assert_eq!(text.parse::<Target>().unwrap().to_string(), text);
        }
        let near: Target = "class=2@1,2,3".parse().unwrap();
        assert_eq!(near, Target::near("2", PatientPoint::new(1.0, 2.0, 3.0)));
        for wrong in ["", "class=", "lung", "class=1@1,2", "class=1@1,2,3,-4", "change@1,2,3", "change@1,2,3,4,5,x"] {
            assert!(wrong.parse::<Target>().is_err(), "{wrong}");
        }
    }
}
