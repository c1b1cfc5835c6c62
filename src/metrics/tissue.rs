//! Errors of a CT by tissue: each voxel counts for the band of HU that its reference value lies in.

use super::image::{Errors, ImagePair, Real};

/// A band of CT numbers `low_hu <= value < high_hu`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TissueBand {
    /// What lies in it.
    pub name: &'static str,
    /// Lowest value, HU.
    pub low_hu: f32,
    /// First value beyond, HU.
    pub high_hu: f32,
}

/// Air below -250 HU, bone from 250 HU, soft tissue between: a convention of synthetic-CT studies, not a standard, so
/// say the bands beside the numbers. Lung counts as air.
pub const TISSUE_BANDS: [TissueBand; 3] = [
    TissueBand { name: "air", low_hu: f32::NEG_INFINITY, high_hu: -250.0 },
    TissueBand { name: "soft tissue", low_hu: -250.0, high_hu: 250.0 },
    TissueBand { name: "bone", low_hu: 250.0, high_hu: f32::INFINITY },
];

/// Errors in each band, in HU, within the pair's mask; a band without voxels has `n = 0`.
#[must_use]
pub fn errors_by_tissue<T: Real>(pair: &ImagePair<T>, bands: &[TissueBand]) -> Vec<(TissueBand, Errors)> {
    let within = |band: &TissueBand| {
        let (low, high) = (f64::from(band.low_hu), f64::from(band.high_hu));
        pair.values().filter(|(reference, _)| (low..high).contains(&(*reference).into())).collect()
    };
    bands.iter().map(|band| (*band, within(band))).collect()
}
