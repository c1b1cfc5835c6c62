//! The standard views and the letters at the edges of a picture.

use glam::DVec3;
use serde::{Deserialize, Serialize};

/// A standard view, in radiological orientation: the patient's right on the left of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum View {
    /// Seen from the feet: right of the patient left, front up.
    Axial,
    /// Seen from the front: right of the patient left, head up.
    Coronal,
    /// Front on the left, head up.
    Sagittal,
}

impl View {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Axial, Self::Coronal, Self::Sagittal];

    /// What the person reads.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Axial => "axial",
            Self::Coronal => "coronal",
            Self::Sagittal => "sagittal",
        }
    }

    /// The patient direction (LPS) to the right of the screen.
    #[must_use]
    pub fn right(self) -> DVec3 {
        match self {
            Self::Axial | Self::Coronal => DVec3::X,
            Self::Sagittal => DVec3::Y,
        }
    }

    /// The patient direction (LPS) down the screen.
    #[must_use]
    pub fn down(self) -> DVec3 {
        match self {
            Self::Axial => DVec3::Y,
            Self::Coronal | Self::Sagittal => DVec3::NEG_Z,
        }
    }

    /// The direction in which scrolling forward moves: to the head, to the back, to the patient's left.
    #[must_use]
    pub fn forward(self) -> DVec3 {
        match self {
            Self::Axial => DVec3::Z,
            Self::Coronal => DVec3::Y,
            Self::Sagittal => DVec3::X,
        }
    }

    /// The view whose plane is closest to the one with this normal.
    #[must_use]
    pub fn nearest(normal: DVec3) -> Self {
        let a = normal.abs();
        if a.z >= a.x && a.z >= a.y {
            Self::Axial
        } else if a.y >= a.x {
            Self::Coronal
        } else {
            Self::Sagittal
        }
    }
}

/// Components below this (about 6 degrees off an axis) add no letter of their own.
const LETTER_LIMIT: f64 = 0.1;

/// The letters of a patient direction (LPS), strongest first: `L`, `LA`, `PHL`. For quadrupeds `LE RT D V CR CD`
/// (PS3.3 C.7.6.1.1.1).
#[must_use]
pub fn letters(direction: DVec3, quadruped: bool) -> String {
    let names = if quadruped { [["LE", "RT"], ["D", "V"], ["CR", "CD"]] } else { [["L", "R"], ["P", "A"], ["H", "F"]] };
    let mut parts: Vec<(f64, &str)> = (0..3)
        .filter(|a| direction[*a].abs() >= LETTER_LIMIT)
        .map(|a| (direction[a].abs(), names[a][usize::from(direction[a] < 0.0)]))
        .collect();
    parts.sort_by(|a, b| b.0.total_cmp(&a.0));
    parts.into_iter().map(|(_, name)| name).collect()
}

/// Letters for the left, right, top and bottom edge of a picture whose pixels step along `right` and `down` (LPS, any length).
#[must_use]
pub fn edge_letters(right: DVec3, down: DVec3, quadruped: bool) -> [String; 4] {
    let (r, d) = (right.normalize_or_zero(), down.normalize_or_zero());
    [letters(-r, quadruped), letters(r, quadruped), letters(-d, quadruped), letters(d, quadruped)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_views_carry_the_letters_of_the_radiologist() {
        let of = |v: View| edge_letters(v.right(), v.down(), false).join(" ");
        assert_eq!(of(View::Axial), "R L A P");
        assert_eq!(of(View::Coronal), "R L H F");
        assert_eq!(of(View::Sagittal), "A P H F");
    }

    #[test]
    fn obliques_keep_compound_letters_strongest_first() {
        assert_eq!(letters(DVec3::new(0.8, -0.6, 0.0), false), "LA");
        assert_eq!(letters(DVec3::new(0.02, 0.0, -1.0), false), "F");
    }
}
