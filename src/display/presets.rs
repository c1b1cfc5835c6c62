//! The windows on the digit keys: CT by organ, from the comparison of viewers in `CONVENTIONS.md`; PET by uptake.

use super::Window;

/// A window with a name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Preset {
    /// What the menu says and what `--preset` takes (case and spaces do not matter).
    pub name: &'static str,
    /// Width.
    pub width: f64,
    /// Center.
    pub center: f64,
}

const fn preset(name: &'static str, width: f64, center: f64) -> Preset {
    Preset { name, width, center }
}

/// CT, in Hounsfield units; the first nine are on keys 1 to 9.
pub const CT: [Preset; 14] = [
    preset("Brain", 80.0, 40.0),
    preset("Subdural", 200.0, 75.0),
    preset("Stroke", 40.0, 40.0),
    preset("Bone", 2000.0, 400.0),
    preset("Lung", 1500.0, -600.0),
    preset("Mediastinum", 350.0, 40.0),
    preset("Abdomen", 400.0, 40.0),
    preset("Liver", 150.0, 90.0),
    preset("Vessels", 600.0, 160.0),
    preset("Posterior fossa", 120.0, 40.0),
    preset("Narrow stroke", 8.0, 32.0),
    preset("Temporal bone", 4000.0, 600.0),
    preset("Emphysema", 500.0, -850.0),
    preset("Full range", 4096.0, 1024.0),
];

/// PET, in standardised uptake values.
pub const PET: [Preset; 4] = [
    preset("SUV 0-5", 5.0, 2.5),
    preset("SUV 0-6", 6.0, 3.0),
    preset("SUV 0-10", 10.0, 5.0),
    preset("SUV 0-20", 20.0, 10.0),
];

/// The presets that make sense for a DICOM modality code and unit symbol; empty where windows are arbitrary (MR).
#[must_use]
pub fn for_modality(modality: &str, unit: &str) -> &'static [Preset] {
    match (modality, unit) {
        (_, "HU") | ("CT", _) => &CT,
        (_, "SUV") => &PET,
        _ => &[],
    }
}

/// The preset of that name, whatever the modality.
#[must_use]
pub fn by_name(name: &str) -> Option<Preset> {
    let plain = |s: &str| s.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
    CT.iter().chain(&PET).find(|p| plain(p.name) == plain(name)).copied()
}

impl Preset {
    /// As a window; fractions of a unit need the exact formula.
    #[must_use]
    pub fn window(&self) -> Window {
        if self.width < 30.0 && self.center < 20.0 {
            Window::with_function(self.center, self.width, super::VoiFunction::LinearExact)
        } else {
            Window::new(self.center, self.width)
        }
    }
}
