//! Transfer functions to begin with: CT in Hounsfield units, MR by the volume's own percentiles.

use super::scene::{TransferFunction, TransferPoint};
use crate::volume::{Unit, Volume, statistics};

/// `(value, [r, g, b] 0 to 255, opacity a millimetre)`.
type Row = (f64, [u8; 3], f32);

fn transfer(name: &str, rows: &[Row]) -> TransferFunction {
    let point = |(value, color, opacity): &Row| TransferPoint {
        value: *value,
        color: color.map(|c| f32::from(c) / 255.0),
        opacity: *opacity,
    };
    TransferFunction { name: name.to_owned(), points: rows.iter().map(point).collect() }
}

/// Bone and teeth, soft tissue clear.
#[must_use]
pub fn ct_bone() -> TransferFunction {
    transfer(
        "CT bone",
        &[
            (150.0, [130, 60, 40], 0.0),
            (280.0, [205, 140, 100], 0.06),
            (500.0, [240, 220, 185], 0.5),
            (1200.0, [255, 252, 240], 0.9),
            (3000.0, [255, 255, 255], 0.95),
        ],
    )
}

/// Skin and muscle, with bone behind them.
#[must_use]
pub fn ct_soft_tissue() -> TransferFunction {
    transfer(
        "CT soft tissue",
        &[
            (-300.0, [190, 120, 90], 0.0),
            (-120.0, [215, 150, 115], 0.06),
            (0.0, [225, 165, 130], 0.14),
            (80.0, [200, 90, 75], 0.25),
            (220.0, [225, 190, 160], 0.45),
            (500.0, [255, 245, 225], 0.85),
        ],
    )
}

/// Vessels filled with contrast agent, bone pale.
#[must_use]
pub fn ct_vessels() -> TransferFunction {
    transfer(
        "CT vessels",
        &[
            (110.0, [140, 20, 15], 0.0),
            (170.0, [200, 40, 30], 0.15),
            (300.0, [230, 90, 60], 0.5),
            (450.0, [240, 200, 170], 0.6),
            (900.0, [255, 250, 235], 0.8),
        ],
    )
}

/// Airways and lung tissue, the body wall clear.
#[must_use]
pub fn ct_lung() -> TransferFunction {
    transfer(
        "CT lung",
        &[
            (-960.0, [40, 60, 90], 0.0),
            (-900.0, [60, 90, 140], 0.012),
            (-750.0, [130, 170, 210], 0.025),
            (-550.0, [230, 190, 180], 0.12),
            (-400.0, [240, 150, 130], 0.15),
            (-250.0, [220, 130, 110], 0.0),
        ],
    )
}

/// Anything with arbitrary values, for instance an MR of the head: clear below the volume's middle, then skin tones to white
/// at its 99.5th percentile.
#[must_use]
pub fn mr_head(volume: &Volume) -> TransferFunction {
    let [low, high] =
        statistics::histogram(volume, 4096).map_or([0.0, 1.0], |h| [h.percentile(0.02), h.percentile(0.995)]);
    let at = |t: f64| low + t * (high - low).max(f64::MIN_POSITIVE);
    transfer(
        "MR head",
        &[
            (at(0.12), [110, 70, 55], 0.0),
            (at(0.3), [190, 135, 110], 0.06),
            (at(0.55), [220, 180, 155], 0.25),
            (at(1.0), [255, 245, 235], 0.7),
        ],
    )
}

/// The presets that make sense for a volume, the best first.
#[must_use]
pub fn for_volume(volume: &Volume) -> Vec<TransferFunction> {
    if volume.unit == Unit::Hounsfield || volume.modality == "CT" {
        vec![ct_bone(), ct_soft_tissue(), ct_vessels(), ct_lung()]
    } else {
        vec![mr_head(volume)]
    }
}

/// The preset of that name for a volume; case, spaces and dashes do not matter.
#[must_use]
pub fn by_name(name: &str, volume: &Volume) -> Option<TransferFunction> {
    let plain = |s: &str| s.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
    let all = [ct_bone(), ct_soft_tissue(), ct_vessels(), ct_lung(), mr_head(volume)];
    let wanted = plain(name);
    all.into_iter().find(|t| plain(&t.name) == wanted || plain(&t.name).get(2..) == Some(&wanted))
}
