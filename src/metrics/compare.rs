//! What `veritome compare --json` prints of two images, or of two label maps.
//!
//! The first fields are a contract: `{"n","mae","rmse","nmse","psnr_db","ssim","ms_ssim","data_range","labels":[{"label",
//! "dice","hd95_mm","assd_mm","nsd"}]}`; more may follow them. What has no number is `null`, and `undefined` says why
//! by the field's name.
//!
//! ```
//! use veritome::metrics::{Comparison, DataRange, ImagePair};
//! let (reference, test) = ([0.0_f32, 1.0, 2.0, 3.0], [0.0_f32, 1.0, 2.0, 5.0]);
//! let pair = ImagePair::new(&reference, &test, [2, 2, 1], None).unwrap();
//! let comparison = Comparison::of_images(&pair, DataRange::of_reference(&pair).ok());
//! assert_eq!((comparison.n, comparison.mae, comparison.data_range), (4, Some(0.5), Some(3.0)));
//! assert_eq!(comparison.ssim, None);
//! assert!(comparison.undefined["ssim"].contains("too small"));
//! ```

use std::collections::BTreeMap;

use serde::Serialize;

use super::detection::{Components, Connectivity, Detection, Match};
use super::image::{DataRange, ImagePair, Real};
use super::ms_ssim::{MS_SSIM_WEIGHTS, ms_ssim};
use super::overlap::{LabelPair, Overlap};
use super::ssim::{SsimOptions, ssim};
use super::surface::SurfaceDistances;
use crate::error::Cancelled;
use crate::jobs::Control;

/// The numbers between a reference and a test.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Comparison {
    /// Voxels that count.
    pub n: u64,
    /// Mean absolute error, in the images' unit.
    pub mae: Option<f64>,
    /// Root mean squared error, in the images' unit.
    pub rmse: Option<f64>,
    /// Squared error over the reference's squares.
    pub nmse: Option<f64>,
    /// Peak signal-to-noise ratio, dB.
    pub psnr_db: Option<f64>,
    /// Mean structural similarity; 3D for a volume.
    pub ssim: Option<f64>,
    /// Multi-scale structural similarity; 3D for a volume. Without a mask only.
    pub ms_ssim: Option<f64>,
    /// Full scale that PSNR and SSIM took, in the images' unit.
    pub data_range: Option<f64>,
    /// Each label but 0 that either map has, in the order of the labels.
    pub labels: Vec<LabelComparison>,
    /// Mean error, test minus reference, in the images' unit.
    pub bias: Option<f64>,
    /// Zero-normalised cross-correlation, -1 to 1.
    pub ncc: Option<f64>,
    /// Why a field is null; a field that is null and not named here was not asked for.
    pub undefined: BTreeMap<&'static str, String>,
}

/// The numbers between the two regions of one label.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LabelComparison {
    /// The label.
    pub label: u16,
    /// Dice coefficient, 0 to 1.
    pub dice: Option<f64>,
    /// Robust Hausdorff distance at 95 percent of the surface's area, mm.
    pub hd95_mm: Option<f64>,
    /// Average symmetric surface distance, mm.
    pub assd_mm: Option<f64>,
    /// Surface Dice at the tolerance, 0 to 1.
    pub nsd: Option<f64>,
    /// The tolerance of the surface Dice, mm.
    pub nsd_tolerance_mm: f64,
    /// Intersection over union, 0 to 1.
    pub iou: Option<f64>,
    /// Hausdorff distance, mm.
    pub hd_mm: Option<f64>,
    /// Volume in the reference, millilitres.
    pub reference_ml: f64,
    /// Volume in the test, millilitres.
    pub test_ml: f64,
    /// Test volume minus reference volume, over the reference volume.
    pub relative_volume_difference: Option<f64>,
    /// Its connected components found and missed, where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub components: Option<ComponentComparison>,
    /// Why a field is null.
    pub undefined: BTreeMap<&'static str, String>,
}

/// The connected components of one label, which hang together over faces, edges or corners: lesions found and missed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ComponentComparison {
    /// Components of the reference.
    pub reference: u64,
    /// Of the reference, those that a component of the test touches.
    pub found: u64,
    /// Components of the test that touch none of the reference.
    pub false_positives: u64,
    /// Share of the reference's components that were found.
    pub sensitivity: Option<f64>,
    /// Panoptic quality, 0 to 1: components count as one where their intersection over union is above 0.5.
    pub panoptic_quality: Option<f64>,
    /// Mean intersection over union of the components that count as one.
    pub segmentation_quality: Option<f64>,
    /// F1 of the components that count as one.
    pub recognition_quality: Option<f64>,
    /// Why a field is null.
    pub undefined: BTreeMap<&'static str, String>,
}

impl ComponentComparison {
    /// Finds and matches the components of one label of both maps.
    ///
    /// # Errors
    /// [`Cancelled`].
    pub fn of(pair: &LabelPair, label: u16, control: &Control) -> Result<Self, Cancelled> {
        let find =
            |labels: &[u16]| Components::find(pair.size(), Connectivity::Corners, |at| labels[at] == label, control);
        let (reference, test) = (find(pair.reference())?, find(pair.test())?);
        // Both are of one size, as the pair is.
        let matched = |rule| Detection::between(&reference, &test, rule).unwrap_or_default();
        let (touched, same) = (matched(Match::AnyOverlap), matched(Match::IouAbove(0.5)));
        let mut reasons = Reasons::default();
        Ok(Self {
            reference: reference.count() as u64,
            found: touched.true_positives,
            false_positives: touched.false_positives,
            sensitivity: reasons.number("sensitivity", touched.sensitivity()),
            panoptic_quality: reasons.number("panoptic_quality", same.panoptic_quality()),
            segmentation_quality: reasons.number("segmentation_quality", same.segmentation_quality()),
            recognition_quality: reasons.number("recognition_quality", same.recognition_quality()),
            undefined: reasons.0,
        })
    }
}

impl Comparison {
    /// Compares two images; `data_range` as the person stated it, or [`DataRange::of_reference`].
    #[must_use]
    pub fn of_images<T: Real>(pair: &ImagePair<T>, data_range: Option<DataRange>) -> Self {
        let mut reasons = Reasons::default();
        let errors = pair.errors();
        let mut ranged = |name, of: &dyn Fn(DataRange) -> Result<f64, String>| {
            let stated = data_range.ok_or("there is no data range, and the reference is constant".to_owned());
            reasons.number(name, stated.and_then(of))
        };
        let psnr_db = ranged("psnr_db", &|range| errors.psnr_db(range).map_err(|e| e.to_string()));
        let ssim =
            ranged("ssim", &|range| ssim(pair, &SsimOptions::new(range)).map(|s| s.mean).map_err(|e| e.to_string()));
        let ms_ssim = ranged("ms_ssim", &|range| match pair.mask() {
            Some(_) => Err("not defined within a mask".to_owned()),
            None => ms_ssim(pair, &SsimOptions::new(range), &MS_SSIM_WEIGHTS).map_err(|e| e.to_string()),
        });
        Self {
            n: errors.n,
            mae: reasons.number("mae", errors.mae()),
            rmse: reasons.number("rmse", errors.rmse()),
            nmse: reasons.number("nmse", errors.nmse()),
            psnr_db,
            ssim,
            ms_ssim,
            data_range: data_range.map(DataRange::value),
            labels: Vec::new(),
            bias: reasons.number("bias", errors.bias()),
            ncc: reasons.number("ncc", pair.ncc()),
            undefined: reasons.0,
        }
    }

    /// Compares two label maps; the surface Dice at a tolerance in mm.
    #[must_use]
    pub fn of_labels(pair: &LabelPair, tolerance_mm: f64) -> Self {
        let labels = pair.overlaps().iter().map(|overlap| LabelComparison::of(pair, overlap, tolerance_mm)).collect();
        Self { n: pair.reference().len() as u64, labels, ..Self::default() }
    }

    /// With the connected components of each label of the pair.
    ///
    /// # Errors
    /// [`Cancelled`].
    pub fn with_components(mut self, pair: &LabelPair, control: &Control) -> Result<Self, Cancelled> {
        for label in &mut self.labels {
            label.components = Some(ComponentComparison::of(pair, label.label, control)?);
        }
        Ok(self)
    }
}

impl LabelComparison {
    /// Compares the regions of one label; the surface Dice at a tolerance in mm.
    #[must_use]
    pub fn of(pair: &LabelPair, overlap: &Overlap, tolerance_mm: f64) -> Self {
        let mut reasons = Reasons::default();
        let surfaces = SurfaceDistances::of_label(pair, overlap.label);
        let mut surface = |name, of: &dyn Fn(&SurfaceDistances) -> f64| reasons.number(name, surfaces.as_ref().map(of));
        let hd95_mm = surface("hd95_mm", &SurfaceDistances::hd95_mm);
        let assd_mm = surface("assd_mm", &SurfaceDistances::assd_mm);
        let nsd = surface("nsd", &|s| s.surface_dice(tolerance_mm));
        let hd_mm = surface("hd_mm", &SurfaceDistances::hausdorff_mm);
        Self {
            label: overlap.label,
            dice: reasons.number("dice", overlap.dice()),
            hd95_mm,
            assd_mm,
            nsd,
            nsd_tolerance_mm: tolerance_mm,
            iou: reasons.number("iou", overlap.iou()),
            hd_mm,
            reference_ml: overlap.reference_ml(),
            test_ml: overlap.test_ml(),
            relative_volume_difference: reasons
                .number("relative_volume_difference", overlap.relative_volume_difference()),
            components: None,
            undefined: reasons.0,
        }
    }
}

/// Collects why fields have no number.
#[derive(Default)]
struct Reasons(BTreeMap<&'static str, String>);

impl Reasons {
    fn number<E: ToString>(&mut self, name: &'static str, found: Result<f64, E>) -> Option<f64> {
        let reason = match found {
            Ok(value) if value.is_finite() => return Some(value),
            Ok(_) => "the number is too large".to_owned(),
            Err(reason) => reason.to_string(),
        };
        self.0.insert(name, reason);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(json: &str) -> Vec<&str> {
        json.split('"').skip(1).step_by(2).collect()
    }

    #[test]
    fn the_first_fields_are_the_contract_in_its_order() {
        let labels = LabelPair::new(&[0, 1, 1, 2], &[0, 1, 0, 0], [4, 1, 1], [1.0; 3]).unwrap();
        let json = serde_json::to_string(&Comparison::of_labels(&labels, 1.0)).unwrap();
        let contract = ["n", "mae", "rmse", "nmse", "psnr_db", "ssim", "ms_ssim", "data_range", "labels"];
        assert_eq!(keys(&json)[..9], contract);
        assert_eq!(keys(&json)[9..14], ["label", "dice", "hd95_mm", "assd_mm", "nsd"]);
    }

    #[test]
    fn a_number_that_is_missing_has_its_reason() {
        let labels = LabelPair::new(&[0, 1, 1, 2], &[0, 1, 0, 0], [4, 1, 1], [1.0; 3]).unwrap();
        let lost = &Comparison::of_labels(&labels, 1.0).labels[1];
        assert_eq!((lost.label, lost.dice, lost.hd95_mm), (2, Some(0.0), None));
        assert_eq!(lost.undefined["hd95_mm"], "absent in the test");
        let image = [1.0_f32; 4];
        let pair = ImagePair::new(&image, &image, [2, 2, 1], None).unwrap();
        let flat = Comparison::of_images(&pair, DataRange::of_reference(&pair).ok());
        assert_eq!((flat.mae, flat.psnr_db, flat.data_range), (Some(0.0), None, None));
        assert!(flat.undefined["psnr_db"].contains("constant") && flat.undefined.contains_key("ncc"));
    }
}
