//! [`Volume`]: voxels with their place in the patient, unit, display hints and origin.

use serde::{Deserialize, Serialize};

use super::{Geometry, Graphics, Padding, Provenance, Quantity, Rescale, VoxelPoint, Voxels};
use crate::display::{Voi, VoiLut, Window};

/// Whether positions mean something.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Space {
    /// Voxel positions are millimetres in the patient.
    Patient {
        /// Images that share this UID share the coordinate system (0020,0052). `None`: unknown, shared with nothing
        /// except by the person's word.
        frame_of_reference: Option<String>,
    },
    /// A pile of pictures: scrolls, but has no third dimension, no letters, no reformats.
    Stack {
        /// Why it is no volume, for the person.
        reason: String,
        /// Row and column spacing, where the file gives one that means millimetres: `[x, y]`.
        pixel_spacing_mm: Option<[f64; 2]>,
    },
}

impl Space {
    /// Whether voxel positions are millimetres in the patient.
    #[must_use]
    pub fn is_patient(&self) -> bool {
        matches!(self, Self::Patient { .. })
    }
}

/// What a real value (after rescale) means.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Unit {
    /// Hounsfield units.
    Hounsfield,
    /// Standardised uptake value, g/ml.
    Suv,
    /// Becquerel per millilitre.
    BqPerMl,
    /// A unit that the file names.
    Named(String),
    /// Nothing that two scanners would agree on.
    #[default]
    Arbitrary,
}

impl Unit {
    /// As it stands behind a number; empty for arbitrary.
    #[must_use]
    pub fn symbol(&self) -> &str {
        match self {
            Self::Hounsfield => "HU",
            Self::Suv => "SUV",
            Self::BqPerMl => "Bq/ml",
            Self::Named(name) => name,
            Self::Arbitrary => "",
        }
    }

    /// As `info` names it.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Arbitrary => "arbitrary",
            other => other.symbol(),
        }
    }

    /// As it stands behind "is" in a sentence: "in HU", "without a unit".
    #[must_use]
    pub fn in_words(&self) -> String {
        match self {
            Self::Arbitrary => "without a unit".to_owned(),
            other => format!("in {}", other.symbol()),
        }
    }
}

/// What the file says of how it wants to be seen.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DisplayHints {
    /// Windows of the header, in order, with their explanations.
    pub windows: Vec<NamedWindow>,
    /// VOI LUTs of the header: alternatives to the windows.
    pub voi_luts: Vec<VoiLut>,
    /// Low values are bright (MONOCHROME1, or Presentation LUT Shape INVERSE).
    pub inverted: bool,
    /// Anatomical Orientation Type (0010,2210) is QUADRUPED: the letters differ.
    pub quadruped: bool,
    /// What the real values stand for beside the volume's own unit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quantities: Vec<Quantity>,
}

/// A window that the header names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NamedWindow {
    /// Window Center & Width Explanation (0028,1055); empty if there is none.
    pub name: String,
    /// The window.
    pub window: Window,
}

impl DisplayHints {
    /// The header's first choice: its first window, else its first VOI LUT.
    #[must_use]
    pub fn first(&self) -> Option<Voi> {
        self.windows.first().map(|w| Voi::Window(w.window)).or_else(|| self.voi_luts.first().cloned().map(Voi::Lut))
    }
}

/// One three-dimensional image (a single picture has `nz = 1`). Cheap to clone: the voxels are shared.
#[derive(Debug, Clone)]
pub struct Volume {
    /// Stored numbers, x fastest.
    pub voxels: Voxels,
    /// Their place; the identity for a [`Space::Stack`].
    pub geometry: Geometry,
    /// Whether that place means something.
    pub space: Space,
    /// Stored to real.
    pub rescale: Rescale,
    /// Stored values that are no image.
    pub padding: Option<Padding>,
    /// DICOM modality code (`CT`, `MR`, …); empty when unknown.
    pub modality: String,
    /// What real values mean.
    pub unit: Unit,
    /// What the file says of how it wants to be seen.
    pub display: DisplayHints,
    /// What the file lays over it.
    pub graphics: Graphics,
    /// Where it came from.
    pub provenance: Provenance,
    /// What a person calls it: the series description or the file name.
    pub name: String,
}

/// Voxels and geometry that do not fit each other.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{voxels} voxels do not fill an image of {size:?}")]
pub struct SizeMismatch {
    /// How many voxels there are.
    pub voxels: usize,
    /// The size that they should fill.
    pub size: [usize; 3],
}

impl Volume {
    /// A volume in patient space with no rescale, padding, unit or hints; set those fields afterwards.
    ///
    /// # Errors
    /// When the voxels do not fill the geometry.
    pub fn new(
        name: impl Into<String>,
        voxels: Voxels,
        geometry: Geometry,
        provenance: Provenance,
    ) -> Result<Self, SizeMismatch> {
        if voxels.len() != geometry.voxel_count() {
            return Err(SizeMismatch { voxels: voxels.len(), size: geometry.size() });
        }
        Ok(Self {
            voxels,
            geometry,
            space: Space::Patient { frame_of_reference: None },
            rescale: Rescale::IDENTITY,
            padding: None,
            modality: String::new(),
            unit: Unit::Arbitrary,
            display: DisplayHints::default(),
            graphics: Graphics::default(),
            provenance,
            name: name.into(),
        })
    }

    /// Whether it is known what the values are in: a unit is named, or the modality has none that two scanners would agree on.
    /// Else the file said nothing, as most NIfTI files do, also of CT.
    #[must_use]
    pub fn unit_is_known(&self) -> bool {
        const WITHOUT_UNIT: [&str; 7] = ["MR", "US", "CR", "DX", "MG", "XA", "RF"];
        self.unit != Unit::Arbitrary || WITHOUT_UNIT.contains(&self.modality.as_str())
    }

    /// Size in voxels `[nx, ny, nz]`.
    #[must_use]
    pub fn size(&self) -> [usize; 3] {
        self.geometry.size()
    }

    /// The flat index of the voxel whose box holds `p`, if it is inside.
    #[must_use]
    pub fn index_at(&self, p: VoxelPoint) -> Option<usize> {
        if !self.geometry.contains(p) {
            return None;
        }
        let [nx, ny, nz] = self.size();
        let cell = |x: f64, n: usize| ((x + 0.5).floor().max(0.0) as usize).min(n - 1);
        Some((cell(p.0.z, nz) * ny + cell(p.0.y, ny)) * nx + cell(p.0.x, nx))
    }

    /// What a person reads under the cursor: the voxel at `p`, without interpolation.
    #[must_use]
    pub fn value_at(&self, p: VoxelPoint) -> Option<Value> {
        let index = self.index_at(p)?;
        if let Some(rgb) = self.voxels.colour(index) {
            return Some(Value::Colour(rgb));
        }
        let stored = self.voxels.get(index)?;
        Some(if self.padding.is_some_and(|p| p.holds(stored)) {
            Value::Padding
        } else {
            Value::Number(self.rescale.apply(stored))
        })
    }

    /// All that a person reads under the cursor: the value, what else it stands for, and whether the shutter hides it.
    #[must_use]
    pub fn reading_at(&self, p: VoxelPoint) -> Option<String> {
        let value = self.value_at(p)?;
        let mut text = self.format_value(value);
        if let Value::Number(real) = value {
            for (name, quantity, unit) in self.quantities_at(p, real) {
                text.push_str(&format!("   {name} {}", with_unit(quantity, unit)));
            }
        }
        if self.hidden_at(p).is_some() {
            text.push_str("   under the shutter");
        }
        Some(text)
    }

    /// The colour that is seen instead of the voxel at `p`, where the shutter hides it.
    #[must_use]
    pub fn hidden_at(&self, p: VoxelPoint) -> Option<[u8; 3]> {
        let shutter = self.graphics.shutter.as_deref().filter(|s| s.grid == self.geometry)?;
        shutter.hides(self.index_at(p)?).then(|| shutter.color())
    }

    /// Name, value and unit of each quantity that the real value at `p` stands for.
    fn quantities_at(&self, p: VoxelPoint, real: f64) -> Vec<(&str, f64, &str)> {
        let [nx, ny, nz] = self.size();
        let k = self.index_at(p).map_or(0, |i| i / (nx * ny));
        let all = self.display.quantities.iter();
        all.filter_map(|q| Some((q.name.as_str(), q.at(k, nz, real)?, q.unit.as_str()))).collect()
    }

    /// How [`Volume::value_at`] reads, with its unit: `-12 HU`.
    #[must_use]
    pub fn format_value(&self, value: Value) -> String {
        match value {
            Value::Padding => "padding".to_owned(),
            Value::Colour([r, g, b]) => format!("RGB {r} {g} {b}"),
            Value::Number(x) => with_unit(x, self.unit.symbol()),
        }
    }
}

/// A number with the unit behind it, if there is one.
fn with_unit(x: f64, unit: &str) -> String {
    let number = if x.fract() == 0.0 && x.abs() < 1e9 {
        format!("{x:.0}")
    } else if x.abs() >= 1e-3 && x.abs() < 1e6 {
        format!("{x:.3}")
    } else {
        format!("{x:.3e}")
    };
    if unit.is_empty() { number } else { format!("{number} {unit}") }
}

/// One voxel's content.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// A real value, after rescale.
    Number(f64),
    /// Red, green, blue.
    Colour([u8; 3]),
    /// No image here.
    Padding,
}
