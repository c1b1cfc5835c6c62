//! Nearest neighbours between sets of features, and which points lie in which balls: exact, by blocks, on all cores.
//!
//! Distances are Euclidean. Scalar products by blocks give each squared distance but for rounding; where that could
//! decide, the sum of squared differences does, so that copies have distance 0 and ties are ties.

use rayon::prelude::*;
use serde::Serialize;

use super::errors::SetError;
use super::features::Features;
use super::products::{blocks, dots, rows};

/// An image of the other set, and how far it is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Neighbour {
    /// Its place, from 0.
    pub index: usize,
    /// Euclidean distance, in the units of the features.
    pub distance: f64,
}

/// The nearest neighbours of every image of a set.
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbours {
    k: usize,
    /// `[n, k]`.
    found: Vec<Neighbour>,
}

impl Neighbours {
    /// The `k` images of `references` nearest to each of `queries`; of equally near ones the first.
    ///
    /// # Errors
    /// When the sets differ in their features, `k` is 0, or there are fewer than `k` references.
    pub fn between(queries: &Features, references: &Features, k: usize) -> Result<Self, SetError> {
        Self::where_allowed(queries, references, k, &|_, _| true)
    }

    /// The `k` other images of the same set nearest to each.
    ///
    /// # Errors
    /// When `k` is 0, or there are no more than `k` images.
    pub fn within(set: &Features, k: usize) -> Result<Self, SetError> {
        Self::where_allowed(set, set, k, &|query, reference| query != reference)
    }

    /// The `k` nearest among those references that `allowed(query, reference)` lets through.
    ///
    /// # Errors
    /// When the sets differ in their features, `k` is 0, or an image has fewer than `k` references.
    pub fn where_allowed(
        queries: &Features,
        references: &Features,
        k: usize,
        allowed: &(dyn Fn(usize, usize) -> bool + Sync),
    ) -> Result<Self, SetError> {
        queries.same_space(references)?;
        SetError::at_least("nearest neighbours asked for", 1, k)?;
        let pairs = Pairs::new(queries, references);
        let of_block = |block: std::ops::Range<usize>| {
            let mut lists = vec![Vec::with_capacity(k + 1); block.len()];
            let own = rows(queries, block.clone());
            for others in blocks(references.len()) {
                let products = dots(&own, references, others.clone());
                for (i, query) in block.clone().enumerate() {
                    let list: &mut Vec<(f64, usize)> = &mut lists[i];
                    for (j, reference) in others.clone().enumerate() {
                        let worst = if list.len() < k { f64::INFINITY } else { list[k - 1].0 };
                        // References come in rising order, so an equal one is not let in.
                        if pairs.least(query, reference, products[(i, j)]) < worst && allowed(query, reference) {
                            let exact = squared_distance(queries.row(query), references.row(reference));
                            if exact < worst {
                                list.insert(list.partition_point(|(d, _)| *d <= exact), (exact, reference));
                                list.truncate(k);
                            }
                        }
                    }
                }
            }
            lists
        };
        let lists: Vec<Vec<(f64, usize)>> = blocks(queries.len()).into_par_iter().flat_map_iter(of_block).collect();
        let fewest = lists.iter().map(Vec::len).min().unwrap_or(0);
        SetError::at_least("images to be neighbours", k, fewest)?;
        let neighbour = |(squared, index): (f64, usize)| Neighbour { index, distance: squared.sqrt() };
        Ok(Self { k, found: lists.into_iter().flatten().map(neighbour).collect() })
    }

    /// Neighbours of one image, nearest first; empty outside the set.
    #[must_use]
    pub fn of(&self, query: usize) -> &[Neighbour] {
        self.found.get(query.saturating_mul(self.k)..query.saturating_add(1).saturating_mul(self.k)).unwrap_or_default()
    }

    /// The nearest of each image.
    pub fn nearest(&self) -> impl Iterator<Item = Neighbour> {
        self.found.iter().step_by(self.k).copied()
    }

    /// The distance of each image to its `k`th neighbour.
    #[must_use]
    pub fn kth_distances(&self) -> Vec<f64> {
        self.found.iter().skip(self.k - 1).step_by(self.k).map(|n| n.distance).collect()
    }
}

/// For each of `points` how many balls it lies in: those around `centres` with the given `radii`, without their rims.
///
/// # Errors
/// When the sets differ in their features, or there is not one radius a centre.
pub fn balls_around(points: &Features, centres: &Features, radii: &[f64]) -> Result<Vec<usize>, SetError> {
    points.same_space(centres)?;
    SetError::same_length("radii", centres.len(), radii.len())?;
    let pairs = Pairs::new(points, centres);
    let of_block = |block: std::ops::Range<usize>| {
        let mut counts = vec![0; block.len()];
        let own = rows(points, block.clone());
        for others in blocks(centres.len()) {
            let products = dots(&own, centres, others.clone());
            for (i, point) in block.clone().enumerate() {
                let inside = |j: usize, centre: usize| {
                    let [low, high] = pairs.bounds(point, centre, products[(i, j)]);
                    // A rim is decided on distances, not on squares: roots of different squares may be equal.
                    let radius = radii[centre];
                    let squared = radius * radius;
                    let sure = 1.0 + 1e-12;
                    high * sure < squared
                        || (low <= squared * sure
                            && squared_distance(points.row(point), centres.row(centre)).sqrt() < radius)
                };
                counts[i] += others.clone().enumerate().filter(|(j, centre)| inside(*j, *centre)).count();
            }
        }
        counts
    };
    Ok(blocks(points.len()).into_par_iter().flat_map_iter(of_block).collect())
}

/// The sum of squared differences: the same for (a, b) and (b, a), and 0 for copies.
#[must_use]
pub fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    const LANES: usize = 8;
    let mut sums = [0.0; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
    for (a, b) in a_chunks.zip(b_chunks) {
        for lane in 0..LANES {
            sums[lane] += (a[lane] - b[lane]) * (a[lane] - b[lane]);
        }
    }
    sums.iter().sum::<f64>() + rest
}

/// What bounds squared distances from scalar products.
struct Pairs {
    first: Vec<f64>,
    second: Vec<f64>,
    /// Share of the sum of squared lengths by which rounding may be off.
    slack: f64,
}

impl Pairs {
    fn new(first: &Features, second: &Features) -> Self {
        // Sums of d products are off by at most d u times the sum of their sizes (Higham 2002, section 3.1), u half of
        // epsilon: twice for the products, once for the lengths, twice for the squared differences; doubled.
        let slack = 6.0 * (first.dimensions() + 8) as f64 * f64::EPSILON;
        Self { first: first.squared_norms(), second: second.squared_norms(), slack }
    }

    fn bounds(&self, first: usize, second: usize, product: f64) -> [f64; 2] {
        let sum = self.first[first] + self.second[second];
        let squared = sum - 2.0 * product;
        [squared - self.slack * sum, squared + self.slack * sum]
    }

    fn least(&self, first: usize, second: usize, product: f64) -> f64 {
        self.bounds(first, second, product)[0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn far_from_the_origin_copies_are_still_copies_and_ties_go_to_the_first() {
        let rows: Vec<f64> =
            (0..300).flat_map(|n| [1e8 + f64::from(n % 150), 1e8, 1e-7 * f64::from(n % 150)]).collect();
        let set = Features::new(rows, 3).unwrap();
        let found = Neighbours::within(&set, 2).unwrap();
        for n in 0..300 {
            let copy = (n + 150) % 300;
            assert_eq!(found.of(n)[0], Neighbour { index: copy, distance: 0.0 });
            let beside = if n % 150 == 0 { 1 } else { n % 150 - 1 };
            assert_eq!(found.of(n)[1].index, beside, "{n}");
        }
        assert!(found.of(300).is_empty());
    }

    #[test]
    fn a_point_on_a_rim_is_outside() {
        let centres = Features::new(vec![0.0, 0.0, 10.0, 0.0], 2).unwrap();
        let points = Features::new(vec![3.0, 4.0, 5.0, 0.0, 0.1, 0.0], 2).unwrap();
        assert_eq!(balls_around(&points, &centres, &[5.0, 5.0]).unwrap(), [0, 0, 1]);
        assert_eq!(balls_around(&points, &centres, &[5.1, 5.1]).unwrap(), [1, 2, 1]);
        assert!(balls_around(&points, &centres, &[5.0]).is_err());
        assert!(Neighbours::within(&centres, 2).is_err());
        assert!(Neighbours::between(&points, &centres, 0).is_err());
    }
}
