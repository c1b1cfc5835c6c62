//! [`Labelmap`]: integer voxels with a table that says what each number means.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Geometry, Provenance, Space};

/// How a label's voxels were drawn, as DICOM SEG says it (0062,0008).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// By a program alone.
    #[default]
    Automatic,
    /// By a program, then edited by a person.
    Semiautomatic,
    /// By a person.
    Manual,
}

/// One row of the label table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Label {
    /// The voxel value.
    pub value: u16,
    /// What it is.
    pub name: String,
    /// Colour on screen, sRGB.
    pub color: [u8; 3],
    /// Coding scheme and code, for instance `SCT` and `12738006`.
    pub code: Option<(String, String)>,
    /// How it was drawn.
    pub algorithm: Algorithm,
    /// Who approved it.
    pub approved_by: Option<String>,
    /// Whether it is on show.
    pub visible: bool,
}

impl Label {
    /// An automatic, visible label without code.
    pub fn new(value: u16, name: impl Into<String>, color: [u8; 3]) -> Self {
        Self {
            value,
            name: name.into(),
            color,
            code: None,
            algorithm: Algorithm::Automatic,
            approved_by: None,
            visible: true,
        }
    }
}

/// Integer voxels on a grid of their own; 0 is background.
#[derive(Debug, Clone)]
pub struct Labelmap {
    /// Label numbers, x fastest.
    pub voxels: Arc<Vec<u16>>,
    /// Their place.
    pub geometry: Geometry,
    /// Which coordinate system that is.
    pub space: Space,
    /// What the numbers mean; values that are missing here get a name and a colour of their own.
    pub labels: Vec<Label>,
    /// Where it came from.
    pub provenance: Provenance,
    /// What a person calls it.
    pub name: String,
}

impl Labelmap {
    /// The row for a value.
    #[must_use]
    pub fn label(&self, value: u16) -> Option<&Label> {
        self.labels.iter().find(|l| l.value == value)
    }

    /// Adds rows for values that occur in the voxels and have none.
    pub fn complete_table(&mut self) {
        let mut seen = vec![false; usize::from(u16::MAX) + 1];
        for v in self.voxels.iter() {
            seen[usize::from(*v)] = true;
        }
        for value in (1..=u16::MAX).filter(|v| seen[usize::from(*v)]) {
            if self.label(value).is_none() {
                self.labels.push(Label::new(value, format!("Label {value}"), distinct_color(value)));
            }
        }
    }

    /// The volume of each label in millilitres, in the table's order.
    #[must_use]
    pub fn volumes_ml(&self) -> Vec<(u16, f64)> {
        let mut counts = vec![0_u64; usize::from(u16::MAX) + 1];
        for v in self.voxels.iter() {
            counts[usize::from(*v)] += 1;
        }
        let voxel_ml = self.geometry.voxel_to_patient().determinant().abs() / 1000.0;
        self.labels.iter().map(|l| (l.value, counts[usize::from(l.value)] as f64 * voxel_ml)).collect()
    }
}

/// A colour for a label that has none: neighbours in number differ strongly (golden-angle steps of hue).
#[must_use]
pub fn distinct_color(value: u16) -> [u8; 3] {
    let hue = (f64::from(value) * 137.508) % 360.0 / 60.0;
    let (saturation, brightness) = (0.62, 0.95);
    let channel = |shift: f64| {
        let k = (shift + hue) % 6.0;
        let x = brightness * (1.0 - saturation * k.min(4.0 - k).clamp(0.0, 1.0));
        (x * 255.0).round() as u8
    };
    [channel(5.0), channel(3.0), channel(1.0)]
}
