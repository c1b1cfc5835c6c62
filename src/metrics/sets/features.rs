//! A checked table of features, one row an image.

use super::errors::SetError;

/// Beyond this a square, summed over many features, could overflow.
const LARGEST: f64 = 1e100;

/// Features of a set of images, `[n, d]`, rows one after another; at least 2 images, every value finite.
///
/// Held as `f64`, whatever they came as: distances between near copies are differences of nearly equal numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    values: Vec<f64>,
    dimensions: usize,
}

impl Features {
    /// Rows of `dimensions` values each, `[n, d]`.
    ///
    /// # Errors
    /// When the values do not make whole rows, there are fewer than 2, or a value is NaN, infinite or beyond 1e100.
    pub fn new(values: Vec<f64>, dimensions: usize) -> Result<Self, SetError> {
        if dimensions == 0 || !values.len().is_multiple_of(dimensions) {
            return Err(SetError::Shape { values: values.len(), dimensions });
        }
        SetError::at_least("images in a set", 2, values.len() / dimensions)?;
        // NaN is not within either.
        if let Some((at, found)) = values.iter().copied().enumerate().find(|(_, v)| !(-LARGEST..=LARGEST).contains(v)) {
            return Err(SetError::NotFinite { image: at / dimensions, dimension: at % dimensions, found });
        }
        Ok(Self { values, dimensions })
    }

    /// The same from single precision.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn from_f32(values: &[f32], dimensions: usize) -> Result<Self, SetError> {
        Self::new(values.iter().copied().map(f64::from).collect(), dimensions)
    }

    /// How many images.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "a set is never empty")]
    pub fn len(&self) -> usize {
        self.values.len() / self.dimensions
    }

    /// How many features an image has.
    #[must_use]
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// All values, row after row.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The features of one image; empty outside the set.
    #[must_use]
    pub fn row(&self, image: usize) -> &[f64] {
        let start = image.saturating_mul(self.dimensions);
        self.values.get(start..start.saturating_add(self.dimensions)).unwrap_or_default()
    }

    /// The rows in order.
    pub fn rows(&self) -> std::slice::ChunksExact<'_, f64> {
        self.values.chunks_exact(self.dimensions)
    }

    /// The images at these places, in this order; a place may stand there twice.
    ///
    /// # Errors
    /// When there are fewer than 2 places, or one is outside the set.
    pub fn select(&self, places: &[usize]) -> Result<Self, SetError> {
        if let Some(index) = places.iter().copied().find(|p| *p >= self.len()) {
            return Err(SetError::OutOfRange { index, images: self.len() });
        }
        SetError::at_least("images in a set", 2, places.len())?;
        let values = places.iter().flat_map(|p| self.row(*p)).copied().collect();
        Ok(Self { values, dimensions: self.dimensions })
    }

    /// Whether both sets have the same features.
    pub(super) fn same_space(&self, other: &Self) -> Result<(), SetError> {
        let (first, second) = (self.dimensions, other.dimensions);
        if first == second { Ok(()) } else { Err(SetError::Dimensions { first, second }) }
    }

    /// The squared length of each row.
    pub(super) fn squared_norms(&self) -> Vec<f64> {
        self.rows().map(|row| row.iter().map(|v| v * v).sum()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_set_is_refused() {
        assert_eq!(Features::new(vec![0.0; 5], 2), Err(SetError::Shape { values: 5, dimensions: 2 }));
        assert_eq!(Features::new(vec![0.0; 4], 0), Err(SetError::Shape { values: 4, dimensions: 0 }));
        assert!(matches!(Features::new(vec![0.0; 3], 3), Err(SetError::TooFew { found: 1, .. })));
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e101] {
            let refused = Features::new(vec![0.0, 0.0, 0.0, bad], 2);
            assert!(matches!(refused, Err(SetError::NotFinite { image: 1, dimension: 1, .. })), "{bad}");
        }
        let set = Features::from_f32(&[1.0, 2.0, 3.0, 4.0], 2).unwrap();
        assert_eq!((set.row(1), set.row(2)), ([3.0, 4.0].as_slice(), [].as_slice()));
        assert_eq!(set.select(&[0, 2]), Err(SetError::OutOfRange { index: 2, images: 2 }));
        assert!(set.select(&[0]).is_err());
    }
}
