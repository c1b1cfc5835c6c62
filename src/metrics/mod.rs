//! How far a result is from its reference: image quality, segmentation, detection, calibration, uncertainty.
//!
//! But for [`one_grid`] pure functions over arrays `[nz, ny, nx]`, x fastest, with the size as `[nx, ny, nz]`; sums are in
//! `f64`. What has no number for an input says why: [`Undefined`], never NaN.
//!
//! - [`undefined`]: the reasons
//! - [`image`]: [`ImagePair`], [`DataRange`], MAE, RMSE, NMSE, PSNR, NCC, error map; whole, masked, per slice, per label
//! - [`tissue`]: HU errors by tissue
//! - [`ssim`](mod@ssim), [`ms_ssim`](mod@ms_ssim): structural similarity at one scale and at several
//! - [`overlap`]: [`LabelPair`], Dice, IoU, volumes
//! - [`surface`]: Hausdorff, HD95, ASSD, surface Dice
//! - [`surface_elements`], [`distance_transform`], `nearest`: what the surface metrics stand on
//! - [`information`]: mutual information, histogram distances
//! - [`detection`]: lesions found and missed by connected component, panoptic quality
//! - [`ranking`]: ROC and precision-recall curves, average precision, best-Dice threshold
//! - [`calibration`]: reliability bins, ECE, Brier score
//! - [`uncertainty`]: sparsification, error-uncertainty correlation, conformal coverage
//! - [`sets`]: two sets of images: Fréchet and kernel distance, coverage, memorisation, membership
//! - [`one_grid`]: volumes and label maps brought onto the reference's grid
//! - [`samples`]: what is checked of samples
//! - [`compare`]: [`Comparison`], what `veritome compare --json` prints

pub mod calibration;
pub mod compare;
pub mod detection;
pub mod distance_transform;
mod gaussian_moments;
pub mod image;
pub mod information;
pub mod ms_ssim;
mod nearest;
pub mod one_grid;
pub mod overlap;
pub mod ranking;
pub mod samples;
pub mod sets;
pub mod ssim;
pub mod surface;
pub mod surface_elements;
pub mod tissue;
pub mod uncertainty;
pub mod undefined;

pub use calibration::{Calibration, ReliabilityBin};
pub use compare::{Comparison, ComponentComparison, LabelComparison};
pub use detection::{Components, Connectivity, Detection, Match};
pub use distance_transform::squared_distances;
pub use image::{DataRange, Errors, ImagePair, PairError, Real};
pub use information::{HistogramDistance, MutualInformation, histogram_distance, mutual_information};
pub use ms_ssim::{MS_SSIM_WEIGHTS, ms_ssim, ms_ssim_per_slice};
pub use overlap::{LabelPair, Overlap};
pub use ranking::{BestDice, Cut, PrecisionRecallPoint, Ranking, RocPoint};
pub use samples::SampleError;
pub use ssim::{Ssim, SsimOptions, ssim, ssim_per_slice};
pub use surface::{SurfaceDistances, SurfaceElement, SurfaceError};
pub use surface_elements::{contour_lengths, surface_areas};
pub use tissue::{TISSUE_BANDS, TissueBand, errors_by_tissue};
pub use uncertainty::{Coverage, Sparsification, conformal_quantile, error_uncertainty_spearman, interval_coverage};
pub use undefined::Undefined;
