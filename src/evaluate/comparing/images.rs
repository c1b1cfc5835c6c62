//! Two images, measured on the reference's grid.

use super::{ComparingError, note_on_reference};
use crate::jobs::Control;
use crate::metrics::one_grid::{RealValues, labels_on, real_values_on, values_on};
use crate::metrics::{
    Comparison, DataRange, Errors, HistogramDistance, ImagePair, MutualInformation, Real, Sparsification, SsimOptions,
    TISSUE_BANDS, TissueBand, Undefined, error_uncertainty_spearman, errors_by_tissue, histogram_distance,
    mutual_information, ssim_per_slice,
};
use crate::volume::{Interpolation, Labelmap, Unit, Volume};

/// Bins of the histograms, as scikit-image takes them for mutual information.
pub const BINS: usize = 100;

/// How two images are measured.
#[derive(Debug, Clone, Copy, Default)]
pub struct ImageOptions<'a> {
    /// Only voxels of this map's labels but 0 count.
    pub mask: Option<&'a Labelmap>,
    /// The full scale of PSNR and SSIM; `None`: that of the reference.
    pub range: Option<DataRange>,
    /// Brings the test and the mask onto the reference's grid where they have another.
    pub resample: bool,
    /// Measures although the units of both are known and differ, and says so; else that is an error.
    pub across_units: bool,
    /// Also what takes longer: [`Detail`].
    pub detail: bool,
    /// How unsure the test is of each voxel, on any scale, higher being less sure: whether it tells where the errors are.
    pub uncertainty: Option<&'a Volume>,
}

/// Whether a map of uncertainty tells where the errors are.
#[derive(Debug, Clone)]
pub struct ComparedUncertainty {
    /// Voxels that count and have an uncertainty.
    pub n: u64,
    /// Area between the sparsification curves by uncertainty and by error (AUSE), [`STEPS`] points; 0 is best.
    pub sparsification_error: Result<f64, String>,
    /// Spearman's correlation of absolute error and uncertainty.
    pub correlation: Result<f64, String>,
}

/// Points of the sparsification curves.
pub const STEPS: usize = 100;

/// Two images measured.
#[derive(Debug, Clone)]
pub struct ComparedImages {
    /// The numbers of what counts: the mask, else the whole image.
    pub comparison: Comparison,
    /// Errors by tissue, where the reference is in Hounsfield units.
    pub tissues: Vec<(TissueBand, Errors)>,
    /// Whether the uncertainty tells where the errors are, where one was given.
    pub uncertainty: Option<ComparedUncertainty>,
    /// What takes longer, where it was asked for.
    pub detail: Option<Detail>,
    /// Whether a mask says what counts.
    pub masked: bool,
    /// Whether the data range was stated; else it is that of the reference.
    pub range_stated: bool,
    /// The unit of errors.
    pub unit: Unit,
    /// What a person has to know.
    pub notes: Vec<String>,
    /// Test minus reference on the reference's grid, `[nz, ny, nx]`; NaN where nothing is measured.
    pub error: Vec<f32>,
}

/// What takes longer.
#[derive(Debug, Clone)]
pub struct Detail {
    /// Mutual information of what counts, [`BINS`] bins.
    pub mutual_information: Result<MutualInformation, Undefined>,
    /// Distances between the histograms of what counts, [`BINS`] bins.
    pub histogram: Result<HistogramDistance, Undefined>,
    /// The numbers of the whole image, where a mask says what counts.
    pub whole: Option<Comparison>,
    /// Errors by label of the mask.
    pub labels: Vec<LabelErrors>,
    /// What counts, slice by slice along the reference's third axis, from its first slice.
    pub slices: Vec<SliceNumbers>,
}

/// Errors of the voxels of one label.
#[derive(Debug, Clone)]
pub struct LabelErrors {
    /// The label.
    pub label: u16,
    /// What it is called.
    pub name: String,
    /// Its voxels' errors.
    pub errors: Errors,
}

/// The numbers of one slice.
#[derive(Debug, Clone)]
pub struct SliceNumbers {
    /// Its voxels' errors.
    pub errors: Errors,
    /// Mean structural similarity of this slice alone, 2D; a reason where there is none.
    pub ssim: Result<f64, String>,
}

/// Measures `test` against `reference`, on the reference's grid.
///
/// Voxels that are padding, lie outside of one image or are not finite are left out, and a note says so.
///
/// # Errors
/// When the units of both are known and differ and nobody asked for it nevertheless, the grids differ and resampling was not
/// asked for, an image is in colour, no voxel is left, or the person stops.
pub fn compare_images(
    reference: &Volume,
    test: &Volume,
    options: &ImageOptions<'_>,
    control: &Control,
) -> Result<ComparedImages, ComparingError> {
    let mut notes: Vec<String> = note_on_reference(&reference.provenance).into_iter().collect();
    notes.extend(note_on_units(reference, test, options.across_units)?);
    let grid = &reference.geometry;
    control.stage("Bringing both onto one grid", 0);
    let truth = real_values_on(reference, grid, None, "the reference", control)?;
    let resample = options.resample.then_some(Interpolation::Linear);
    let found = real_values_on(test, grid, resample, "the test image", control)?;
    notes.extend(found.note);
    let question = Asked { reference, options, notes };
    match (truth.values, found.values) {
        (RealValues::Single(truth), RealValues::Single(found)) => question.answer(&truth, &found, control),
        (truth, found) => question.answer(&truth.into_double(), &found.into_double(), control),
    }
}

/// What has to be said of the units of both; an error where both are known and nobody wants a difference between them.
fn note_on_units(reference: &Volume, test: &Volume, across_units: bool) -> Result<Option<String>, ComparingError> {
    if reference.unit == test.unit {
        return Ok(None);
    }
    let words = [reference, test].map(|image| image.unit.in_words());
    if !(reference.unit_is_known() && test.unit_is_known()) {
        let [reference, test] = words;
        return Ok(Some(format!("The reference is {reference}, the test image {test}")));
    }
    let [reference, test] = words;
    if !across_units {
        return Err(ComparingError::Units { reference, test });
    }
    Ok(Some(format!(
        "The reference is {reference}, the test image {test}: their difference is in no unit, and was asked for nevertheless"
    )))
}

/// What is asked of two images whose values lie on one grid.
struct Asked<'a> {
    reference: &'a Volume,
    options: &'a ImageOptions<'a>,
    notes: Vec<String>,
}

impl Asked<'_> {
    fn answer<T: Real>(self, truth: &[T], found: &[T], control: &Control) -> Result<ComparedImages, ComparingError> {
        let Self { reference, options, mut notes } = self;
        let grid = &reference.geometry;
        let is_finite = |value: &T| (*value).into().is_finite();
        let finite: Vec<bool> = truth.iter().zip(found).map(|(r, t)| is_finite(r) && is_finite(t)).collect();
        let mask = match options.mask {
            Some(mask) => {
                let placed = labels_on(mask, grid, options.resample, "the mask")?;
                notes.extend(placed.note);
                Some((mask, placed.values))
            }
            None => None,
        };
        let inside = |index: usize| mask.as_ref().is_none_or(|(_, labels)| labels[index] > 0);
        let counts: Vec<bool> = finite.iter().enumerate().map(|(index, finite)| *finite && inside(index)).collect();
        let wanted = (0..finite.len()).filter(|index| inside(*index)).count();
        let measured = counts.iter().filter(|c| **c).count();
        if wanted > 0 && measured == 0 {
            return Err(ComparingError::NothingFinite { within: if mask.is_some() { " of the mask" } else { "" } });
        }
        if measured < wanted {
            notes.push(format!(
                "{} of {wanted} voxels are padding, lie outside one image or are not finite: they are left out",
                wanted - measured
            ));
        }
        let counted = (mask.is_some() || measured < wanted).then_some(counts.as_slice());
        let pair = ImagePair::new(truth, found, grid.size(), counted)?;
        let range = options.range.or_else(|| DataRange::of_reference(&pair).ok());
        let is_ct = reference.unit == Unit::Hounsfield;
        let tissues = if is_ct { errors_by_tissue(&pair, &TISSUE_BANDS) } else { Vec::new() };
        control.checkpoint()?;
        control.stage("Errors and structural similarity", 0);
        let comparison = Comparison::of_images(&pair, range);
        control.checkpoint()?;
        let detail = match options.detail {
            true => {
                let whole = match &mask {
                    Some(_) => {
                        let all = finite.contains(&false).then_some(finite.as_slice());
                        Some(ImagePair::new(truth, found, grid.size(), all)?)
                    }
                    None => None,
                };
                let labels = mask.as_ref().map(|(map, values)| (*map, values.as_slice()));
                Some(detailed(&pair, whole.as_ref(), labels, range, control)?)
            }
            false => None,
        };
        let values = truth.iter().zip(found).zip(&counts);
        let difference = |r: T, t: T| (t.into() - r.into()) as f32;
        let error: Vec<f32> =
            values.map(|((r, t), counts)| if *counts { difference(*r, *t) } else { f32::NAN }).collect();
        let uncertainty = match options.uncertainty {
            Some(map) => {
                control.stage("Uncertainty", 0);
                let resample = options.resample.then_some(Interpolation::Linear);
                let placed = values_on(map, grid, resample, "the uncertainty", control)?;
                notes.extend(placed.note);
                Some(judged(&error, &placed.values, &mut notes))
            }
            None => None,
        };
        control.checkpoint()?;
        Ok(ComparedImages {
            comparison,
            tissues,
            uncertainty,
            detail,
            masked: mask.is_some(),
            range_stated: options.range.is_some(),
            unit: reference.unit.clone(),
            notes,
            error,
        })
    }
}

/// `error` is NaN where nothing is measured.
fn judged(error: &[f32], uncertainty: &[f32], notes: &mut Vec<String>) -> ComparedUncertainty {
    let measured = error.iter().filter(|e| e.is_finite()).count();
    let both = error.iter().zip(uncertainty).filter(|(e, u)| e.is_finite() && u.is_finite());
    let (sizes, uncertainties): (Vec<f32>, Vec<f32>) = both.map(|(e, u)| (e.abs(), *u)).unzip();
    if sizes.len() < measured {
        notes.push(format!("{} of {measured} voxels have no uncertainty", measured - sizes.len()));
    }
    let curves = Sparsification::new(&sizes, &uncertainties, STEPS);
    ComparedUncertainty {
        n: sizes.len() as u64,
        sparsification_error: curves.map(|curves| curves.error()).map_err(|e| e.to_string()),
        correlation: error_uncertainty_spearman(&sizes, &uncertainties).map_err(|e| e.to_string()),
    }
}

fn detailed<T: Real>(
    pair: &ImagePair<T>,
    whole: Option<&ImagePair<T>>,
    mask: Option<(&Labelmap, &[u16])>,
    range: Option<DataRange>,
    control: &Control,
) -> Result<Detail, ComparingError> {
    control.stage("Slice by slice", 0);
    let ssims = range.map(|range| ssim_per_slice(pair, &SsimOptions::new(range)));
    let no_range = || Err("there is no data range, and the reference is constant".to_owned());
    let slices = pair.errors_per_slice().into_iter().enumerate().map(|(k, errors)| SliceNumbers {
        errors,
        ssim: match ssims.as_ref().and_then(|all| all.get(k)) {
            Some(ssim) => ssim.clone().map_err(|why| why.to_string()),
            None => no_range(),
        },
    });
    let slices = slices.collect();
    control.checkpoint()?;
    control.stage("Histograms", 0);
    let mutual_information = mutual_information(pair, BINS);
    control.checkpoint()?;
    let histogram = histogram_distance(pair, BINS);
    control.checkpoint()?;
    let labels = match mask {
        Some((map, values)) => {
            let by_label = pair.errors_by_label(values)?;
            let named = |label: u16| map.label(label).map_or_else(|| format!("Label {label}"), |l| l.name.clone());
            let kept = by_label.into_iter().filter(|(label, _)| *label > 0);
            kept.map(|(label, errors)| LabelErrors { label, name: named(label), errors }).collect()
        }
        None => Vec::new(),
    };
    control.stage("The whole image", 0);
    let whole = whole.map(|pair| Comparison::of_images(pair, range));
    control.checkpoint()?;
    Ok(Detail { mutual_information, histogram, whole, labels, slices })
}
