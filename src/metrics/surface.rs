//! Distances between the surfaces of two masks: Hausdorff, its percentiles, mean surface distance, surface Dice.
//!
//! The definitions are those of DeepMind's surface-distance (Nikolov et al. 2021, doi:10.2196/26151): the surface is
//! made of elements, one in each cube of eight voxel centres that has both inside and outside; an element has the area
//! of marching cubes and lies in the cube's middle; its distance is the Euclidean one to the nearest element of the
//! other surface. What lies beyond the image is outside. A single slice (one voxel along any axis) has contours with lengths instead,
//! in squares of four pixels.
//!
//! | here | surface-distance | MONAI |
//! |---|---|---|
//! | [`hausdorff_mm`](SurfaceDistances::hausdorff_mm) | `compute_robust_hausdorff(…, 100)` | `HausdorffDistanceMetric` |
//! | [`hd95_mm`](SurfaceDistances::hd95_mm) | `compute_robust_hausdorff(…, 95)` | `HausdorffDistanceMetric(percentile=95)` |
//! | [`assd_mm`](SurfaceDistances::assd_mm) | both of `compute_average_surface_distance`, weighted by area | `SurfaceDistanceMetric(symmetric=True)` |
//! | [`surface_dice`](SurfaceDistances::surface_dice) | `compute_surface_dice_at_tolerance` | `SurfaceDiceMetric(use_subvoxels=True)` |
//!
//! MONAI's Hausdorff and mean distances differ by definition: it measures between the centres of the mask's own border
//! voxels, counts each once whatever its area, and interpolates percentiles; the two agree only as the voxels shrink.
//!
//! ```
//! use veritome::metrics::SurfaceDistances;
//! let mask = |at: usize| (0..10).map(|x| x == at).collect::<Vec<bool>>();
//! let surfaces = SurfaceDistances::between(&mask(2), &mask(5), [10, 1, 1], [1.0, 1.0, 1.0]).unwrap();
//! assert_eq!(surfaces.hausdorff_mm(), 3.0);
//! assert!((surfaces.surface_dice(2.9) - 0.5).abs() < 1e-12);
//! ```

use rayon::prelude::*;

use super::image::{PairError, check_length, flat_last, voxel_count};
use super::nearest::squared_distances_at;
use super::overlap::LabelPair;
use super::surface_elements::{contour_lengths, surface_areas};
use super::undefined::Undefined;

/// One element of a surface.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SurfaceElement {
    /// To the nearest element of the other surface, mm.
    pub distance_mm: f64,
    /// Area in mm², or length in mm for a single slice.
    pub area: f64,
}

/// Why two masks have no surface distances.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SurfaceError {
    /// The arrays or the spacing are not sound.
    #[error(transparent)]
    Pair(#[from] PairError),
    /// A mask is empty.
    #[error(transparent)]
    Undefined(#[from] Undefined),
}

/// The elements of both surfaces with their distances, nearest first.
#[derive(Debug, Clone, PartialEq)]
pub struct SurfaceDistances {
    reference: Vec<SurfaceElement>,
    test: Vec<SurfaceElement>,
}

impl SurfaceDistances {
    /// Measures between two masks `[nz, ny, nx]` of size `[nx, ny, nz]` and spacing `[x, y, z]` in mm.
    ///
    /// # Errors
    /// When lengths differ from the size, a spacing is not positive, or either mask is empty.
    pub fn between(
        reference: &[bool],
        test: &[bool],
        size: [usize; 3],
        spacing_mm: [f64; 3],
    ) -> Result<Self, SurfaceError> {
        let count = voxel_count(size)?;
        check_length("reference", reference.len(), count)?;
        check_length("test mask", test.len(), count)?;
        if !spacing_mm.iter().all(|s| *s > 0.0 && s.is_finite()) {
            return Err(PairError::Spacing(spacing_mm).into());
        }
        Ok(measure(reference, test, size, spacing_mm, |inside| *inside)?)
    }

    /// Measures one label of two label maps.
    ///
    /// # Errors
    /// When either map lacks the label.
    pub fn of_label(pair: &LabelPair, label: u16) -> Result<Self, Undefined> {
        measure(pair.reference(), pair.test(), pair.size(), pair.spacing_mm(), |l| *l == label)
    }

    /// The reference's elements, nearest to the test's surface first.
    #[must_use]
    pub fn reference(&self) -> &[SurfaceElement] {
        &self.reference
    }

    /// The test's elements, nearest to the reference's surface first.
    #[must_use]
    pub fn test(&self) -> &[SurfaceElement] {
        &self.test
    }

    /// Hausdorff distance, mm: the largest of all distances, either way.
    #[must_use]
    pub fn hausdorff_mm(&self) -> f64 {
        self.reference.iter().chain(&self.test).map(|e| e.distance_mm).fold(0.0, f64::max)
    }

    /// Robust Hausdorff distance, mm: for each surface the least distance that `percent` (0 to 100) of its area does
    /// not exceed; the larger of the two.
    #[must_use]
    pub fn robust_hausdorff_mm(&self, percent: f64) -> f64 {
        within(&self.reference, percent).max(within(&self.test, percent))
    }

    /// [`robust_hausdorff_mm`](Self::robust_hausdorff_mm) at 95 percent.
    #[must_use]
    pub fn hd95_mm(&self) -> f64 {
        self.robust_hausdorff_mm(95.0)
    }

    /// Mean distance by area, mm: from the reference's surface to the test's, and back.
    #[must_use]
    pub fn average_mm(&self) -> [f64; 2] {
        [&self.reference, &self.test].map(|surface| {
            let [distance, area] = moments(surface);
            distance / area
        })
    }

    /// Average symmetric surface distance, mm: the mean by area over both surfaces together.
    #[must_use]
    pub fn assd_mm(&self) -> f64 {
        let ([a, area_a], [b, area_b]) = (moments(&self.reference), moments(&self.test));
        (a + b) / (area_a + area_b)
    }

    /// Surface Dice (normalised surface distance) at a tolerance in mm: the share of both surfaces' area that lies
    /// within it of the other, 0 to 1.
    #[must_use]
    pub fn surface_dice(&self, tolerance_mm: f64) -> f64 {
        let both = || self.reference.iter().chain(&self.test);
        let near: f64 = both().filter(|e| e.distance_mm <= tolerance_mm).map(|e| e.area).sum();
        near / both().map(|e| e.area).sum::<f64>()
    }
}

/// Sums of area times distance and of area.
fn moments(surface: &[SurfaceElement]) -> [f64; 2] {
    surface.iter().fold([0.0; 2], |[d, a], e| [d + e.area * e.distance_mm, a + e.area])
}

/// The least distance that `percent` of a sorted surface's area does not exceed.
fn within(surface: &[SurfaceElement], percent: f64) -> f64 {
    let [_, total] = moments(surface);
    // Equal areas reach 95 of 100 exactly; the rounding of their sums must not ask for one element more.
    let wanted = percent / 100.0 * total * (1.0 - 1e-10);
    let mut area = 0.0;
    let reached = surface.iter().find(|e| {
        area += e.area;
        area >= wanted
    });
    reached.or(surface.last()).map_or(0.0, |e| e.distance_mm)
}

fn measure<T: Sync>(
    reference: &[T],
    test: &[T],
    size: [usize; 3],
    spacing_mm: [f64; 3],
    is_inside: impl Fn(&T) -> bool + Sync,
) -> Result<SurfaceDistances, Undefined> {
    let (size, spacing_mm) = flat_last(size, spacing_mm);
    let boxes = [reference, test].map(|voxels| extent(voxels, size, &is_inside));
    let extent = match boxes {
        [None, None] => return Err(Undefined::AbsentInBoth),
        [None, _] => return Err(Undefined::AbsentInReference),
        [_, None] => return Err(Undefined::AbsentInTest),
        [Some([low, high]), Some([low_too, high_too])] => [
            [0, 1, 2].map(|axis| usize::min(low[axis], low_too[axis])),
            [0, 1, 2].map(|axis| usize::max(high[axis], high_too[axis])),
        ],
    };
    let areas = if size[2] == 1 {
        let [dx, dy, _] = spacing_mm;
        contour_lengths([dx, dy]).to_vec()
    } else {
        surface_areas(spacing_mm).to_vec()
    };
    let [a, b] = [reference, test].map(|voxels| Codes::of(voxels, size, extent, &is_inside));
    let (seeds_a, seeds_b) = (a.surface(), b.surface());
    Ok(SurfaceDistances {
        reference: a.elements(&seeds_a, &seeds_b, spacing_mm, &areas),
        test: b.elements(&seeds_b, &seeds_a, spacing_mm, &areas),
    })
}

/// First and last index `[x, y, z]` that a mask reaches along each axis.
fn extent<T: Sync>(
    voxels: &[T],
    [nx, ny, _]: [usize; 3],
    is_inside: &(impl Fn(&T) -> bool + Sync),
) -> Option<[[usize; 3]; 2]> {
    let joined = |[a, b]: [[usize; 3]; 2], [c, d]: [[usize; 3]; 2]| {
        [[0, 1, 2].map(|k| usize::min(a[k], c[k])), [0, 1, 2].map(|k| usize::max(b[k], d[k]))]
    };
    let of_row = |(n, row): (usize, &[T])| {
        let first = row.iter().position(is_inside)?;
        let last = row.iter().rposition(is_inside)?;
        Some([[first, n % ny, n / ny], [last, n % ny, n / ny]])
    };
    voxels.par_chunks(nx).enumerate().filter_map(of_row).reduce_with(joined)
}

/// For each cube of eight voxel centres which are inside, over the box of both masks and one cube around it.
struct Codes {
    codes: Vec<u8>,
    size: [usize; 3],
    /// The code of a cube that is inside altogether.
    full: u8,
}

impl Codes {
    fn of<T: Sync>(
        voxels: &[T],
        size: [usize; 3],
        [low, high]: [[usize; 3]; 2],
        is_inside: &(impl Fn(&T) -> bool + Sync),
    ) -> Self {
        let is_flat = size[2] == 1;
        let [nx, ny, nz] = [0, 1, 2].map(|axis| high[axis] - low[axis] + 2);
        let nz = if is_flat { 1 } else { nz };
        let mut codes = vec![0; nx * ny * nz];
        codes.par_chunks_mut(nx * ny).enumerate().for_each(|(z, plane)| {
            // A voxel belongs to the cubes before and after it along each axis.
            let slices: &[(usize, u8)] = if is_flat { &[(0, 0)] } else { &[(0, 0), (1, 4)] };
            for (after, z_shift) in slices {
                let Some(k) = (z + after).checked_sub(usize::from(!is_flat)).map(|k| k + low[2]) else { continue };
                for j in (low[1]..=high[1]).filter(|_| k <= high[2]) {
                    let start = (k * size[1] + j) * size[0];
                    let row = &voxels[start + low[0]..=start + high[0]];
                    for (before, y_shift) in [(1, 0), (0, 2)] {
                        let out = &mut plane[(j - low[1] + before) * nx..][..nx];
                        let lowest = (if is_flat { 3 } else { 7 }) - z_shift - y_shift;
                        for (first, shift) in [(0, lowest - 1), (1, lowest)] {
                            let inside = row.iter().map(|voxel| u8::from(is_inside(voxel)));
                            out[first..].iter_mut().zip(inside).for_each(|(code, bit)| *code |= bit << shift);
                        }
                    }
                }
            }
        });
        Self { codes, size: [nx, ny, nz], full: if is_flat { 0b1111 } else { 0xff } }
    }

    /// Whether each cube holds an element.
    fn surface(&self) -> Vec<bool> {
        self.codes.par_iter().map(|code| *code != 0 && *code != self.full).collect()
    }

    /// The elements with their distances to another surface in the same box, nearest first, and the smaller of equally
    /// near ones first.
    fn elements(&self, of: &[bool], to: &[bool], spacing_mm: [f64; 3], areas: &[f64]) -> Vec<SurfaceElement> {
        let at: Vec<usize> = of.par_iter().enumerate().filter(|(_, is)| **is).map(|(n, _)| n).collect();
        let distances = squared_distances_at(&at, to, self.size, spacing_mm);
        let element = |(at, distance): (&usize, &f64)| SurfaceElement {
            distance_mm: distance.sqrt(),
            area: areas[usize::from(self.codes[*at])],
        };
        let mut elements: Vec<SurfaceElement> = at.iter().zip(&distances).map(element).collect();
        elements.par_sort_unstable_by(|a, b| a.distance_mm.total_cmp(&b.distance_mm).then(a.area.total_cmp(&b.area)));
        elements
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_masks_say_which_one() {
        let (none, one) = ([false; 8], [true, false, false, false, false, false, false, false]);
        let run = |a: &[bool], b: &[bool]| SurfaceDistances::between(a, b, [2, 2, 2], [1.0; 3]).map(|_| ());
        assert_eq!(run(&none, &none), Err(Undefined::AbsentInBoth.into()));
        assert_eq!(run(&none, &one), Err(Undefined::AbsentInReference.into()));
        assert_eq!(run(&one, &none), Err(Undefined::AbsentInTest.into()));
        assert_eq!(run(&one, &one), Ok(()));
        assert!(matches!(run(&one, &one[..7]), Err(SurfaceError::Pair(_))));
    }

    #[test]
    fn a_mask_that_fills_the_image_has_a_closed_surface() {
        let full = [true; 8];
        let surfaces = SurfaceDistances::between(&full, &full, [2, 2, 2], [1.0; 3]).unwrap();
        assert_eq!(surfaces.reference().len(), 26);
        assert_eq!((surfaces.hausdorff_mm(), surfaces.assd_mm(), surfaces.surface_dice(0.0)), (0.0, 0.0, 1.0));
    }
}
