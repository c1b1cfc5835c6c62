//! The five numbers of a box.

/// Quartiles and the ends of the whiskers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quartiles {
    /// A quarter lies below.
    pub first: f64,
    /// Half lies below.
    pub median: f64,
    /// Three quarters lie below.
    pub third: f64,
    /// Lowest value within 1.5 times the box's width below the box.
    pub low: f64,
    /// Highest value within 1.5 times the box's width above the box.
    pub high: f64,
}

impl Quartiles {
    /// Of values in any order; none without a finite one. Whiskers after Tukey 1977.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let [first, median, third] = [0.25, 0.5, 0.75].map(|p| quantile(&sorted, p));
        let (first, median, third) = (first?, median?, third?);
        let reach = 1.5 * (third - first);
        let low = sorted.iter().copied().find(|v| *v >= first - reach)?;
        let high = sorted.iter().rev().copied().find(|v| *v <= third + reach)?;
        Some(Self { first, median, third, low: low.min(first), high: high.max(third) })
    }
}

/// The value below which the share `p` of rising values lies, linear between neighbours: type 7 of Hyndman and Fan 1996, the
/// default of numpy and R. None without values.
#[must_use]
pub fn quantile(sorted: &[f64], p: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = p.clamp(0.0, 1.0) * last as f64;
    let (below, share) = (place.floor() as usize, place.fract());
    let low = *sorted.get(below)?;
    let high = *sorted.get((below + 1).min(last))?;
    Some(low + share * (high - low))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected: numpy's `quantile`.
    #[test]
    fn quartiles_equal_numpys_and_whiskers_end_on_values() {
        let q = Quartiles::of(&[7.0, 1.0, 2.0, 3.0, 30.0, 4.0]).unwrap();
        assert_eq!(q, Quartiles { first: 2.25, median: 3.5, third: 6.25, low: 1.0, high: 7.0 });
        assert_eq!(Quartiles::of(&[f64::NAN]), None);
        assert_eq!(Quartiles::of(&[2.0]).unwrap().median, 2.0);
    }
}
