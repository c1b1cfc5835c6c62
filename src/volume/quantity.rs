//! What else an image's numbers stand for, beside its own unit: Real World Value Mappings, SUV.

use serde::{Deserialize, Serialize};

use super::Rescale;

/// A second reading of an image's real values, for instance SUV beside Bq/ml, or a diffusion coefficient beside the
/// number that a scanner stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quantity {
    /// What it is: `SUVbw`, `ADC`.
    pub name: String,
    /// Its unit as it stands behind a number; may be empty.
    pub unit: String,
    /// One for all slices, or one for each; `None` where a slice has none.
    pub slices: Vec<Option<Mapping>>,
}

/// From a real value (after rescale) to a quantity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mapping {
    /// What the real value was made with, out of the stored number that the mapping starts from.
    pub rescale: Rescale,
    /// The stored numbers that it holds for, ends included; `None`: all.
    pub range: Option<[f64; 2]>,
    /// The mapping itself.
    pub curve: Curve,
}

/// How a stored number becomes a quantity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Curve {
    /// Slope and intercept.
    Line(Rescale),
    /// One value for each stored number from the start of the range on.
    Table(Vec<f64>),
}

impl Mapping {
    /// The quantity of a real value; `None` outside the numbers that are mapped.
    #[must_use]
    pub fn of_real(&self, real: f64) -> Option<f64> {
        let stored = self.rescale.invert(real);
        // A rescale and its inverse may leave the last bits of a whole number.
        let whole = stored.round();
        let stored = if (stored - whole).abs() < 1e-6 * whole.abs().max(1.0) { whole } else { stored };
        if self.range.is_some_and(|[first, last]| stored < first || stored > last) {
            return None;
        }
        match &self.curve {
            Curve::Line(line) => Some(line.apply(stored)),
            Curve::Table(values) => {
                let at = stored - self.range.map_or(0.0, |r| r[0]);
                if at < 0.0 || at.fract() != 0.0 { None } else { values.get(at as usize).copied() }
            }
        }
    }
}

impl Quantity {
    /// The quantity of a real value in slice `k` of `slices`.
    #[must_use]
    pub fn at(&self, k: usize, slices: usize, real: f64) -> Option<f64> {
        let mapping = match self.slices.as_slice() {
            [one] => one.as_ref(),
            many if many.len() == slices => many.get(k)?.as_ref(),
            _ => None,
        };
        mapping?.of_real(real)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_starts_from_the_stored_number_and_ends_with_its_range() {
        let line = Mapping {
            rescale: Rescale { slope: 2.0, intercept: -10.0 },
            range: Some([0.0, 100.0]),
            curve: Curve::Line(Rescale { slope: 0.001, intercept: 0.5 }),
        };
        // Stored 40 is real 70.
        assert_eq!(line.of_real(70.0), Some(0.54));
        assert_eq!(line.of_real(-12.0), None);
        assert_eq!(line.of_real(192.0), None);
        let table =
            Mapping { rescale: Rescale::IDENTITY, range: Some([3.0, 5.0]), curve: Curve::Table(vec![7.0, 8.0, 9.5]) };
        assert_eq!([2.0, 3.0, 5.0, 6.0].map(|x| table.of_real(x)), [None, Some(7.0), Some(9.5), None]);
        let quantity = Quantity { name: "x".into(), unit: String::new(), slices: vec![None, Some(table)] };
        assert_eq!((quantity.at(1, 2, 4.0), quantity.at(0, 2, 4.0), quantity.at(1, 3, 4.0)), (Some(8.0), None, None));
    }
}
