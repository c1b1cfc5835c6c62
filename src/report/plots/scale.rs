//! Values to px, and ticks at round values.

use super::canvas::SMALL;
use super::text_width::text_width;
use crate::report::numbers::{fixed, raised};

/// A straight way from values to px.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    pub low: f64,
    pub high: f64,
    pub from_px: f64,
    pub to_px: f64,
}

impl Scale {
    pub fn new([low, high]: [f64; 2], [from_px, to_px]: [f64; 2]) -> Self {
        Self { low, high, from_px, to_px }
    }

    /// Where a value stands; one outside stands at the end.
    pub fn at(&self, value: f64) -> f64 {
        let share = ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        self.from_px + share * (self.to_px - self.from_px)
    }

    pub fn holds(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}

/// Round values with their words; `power` is what they are to be multiplied with, `10³`, empty for 1.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ticks {
    pub values: Vec<f64>,
    pub words: Vec<String>,
    pub power: String,
}

impl Ticks {
    /// At most `most` (at least 2) ticks over a range, in steps of 1, 2 or 5 times a power of ten.
    pub fn over([low, high]: [f64; 2], most: usize) -> Self {
        let most = most.max(2) as f64;
        let rough = (high - low) / most;
        let ten = 10_f64.powf(rough.log10().floor());
        let steps = [1.0, 2.0, 5.0, 10.0].map(|s| s * ten);
        let fits = |step: &f64| ((high / step + 1e-9).floor() - (low / step - 1e-9).ceil()) + 1.0 <= most;
        let step = steps.iter().copied().find(fits).unwrap_or(10.0 * ten);
        let (first, last) = ((low / step - 1e-9).ceil(), (high / step + 1e-9).floor());
        let values: Vec<f64> = (0..=(last - first).max(0.0) as usize).map(|n| (first + n as f64) * step).collect();
        let largest = low.abs().max(high.abs());
        let exponent =
            if !(1e-3..1e5).contains(&largest) { (largest.log10().floor() as i32).div_euclid(3) * 3 } else { 0 };
        let unit = 10_f64.powi(exponent);
        let decimals = (-(step / unit).log10().floor()).clamp(0.0, 9.0) as usize;
        let words = values.iter().map(|v| fixed(v / unit, decimals)).collect();
        let power = if exponent == 0 { String::new() } else { format!("10{}", raised(exponent)) };
        Self { values, words, power }
    }

    /// As many ticks over a range as stand in `room` px with some space between their words.
    pub fn across(range: [f64; 2], room: f64) -> Self {
        let wide = |ticks: &Self| ticks.words.iter().map(|w| text_width(w, SMALL) + 22.0).fold(0.0, f64::max);
        let most = (room / 40.0).max(2.0) as usize;
        let fits = |ticks: &Self| wide(ticks) * ticks.values.len() as f64 <= room;
        (2..=most).rev().map(|n| Self::over(range, n)).find(fits).unwrap_or_else(|| Self::over(range, 2))
    }

    pub fn iter(&self) -> impl Iterator<Item = (f64, &str)> {
        self.values.iter().copied().zip(self.words.iter().map(String::as_str))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_not_too_many() {
        let words = |range, most| Ticks::over(range, most).words.join(" ");
        assert_eq!(words([0.0, 1.0], 6), "0.0 0.2 0.4 0.6 0.8 1.0");
        assert_eq!(words([0.83, 0.97], 4), "0.85 0.90 0.95");
        assert_eq!(words([-12.0, 31.0], 6), "−10 0 10 20 30");
        let large = Ticks::over([0.0, 2.5e6], 6);
        assert_eq!((large.words.join(" "), large.power.as_str()), ("0.0 0.5 1.0 1.5 2.0 2.5".into(), "10⁶"));
        for most in 2..9 {
            assert!(Ticks::over([0.013, 0.0137], most).values.len() <= most);
        }
    }
}
