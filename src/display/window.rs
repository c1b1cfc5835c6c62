//! Windows and the three VOI functions, to the formulas of PS3.3 C.11.2.1.2 and C.11.2.1.3.

use serde::{Deserialize, Serialize};

/// VOI LUT Function (0028,1056).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VoiFunction {
    /// LINEAR, the default: the historical formula with the half-level shift; width at least 1.
    #[default]
    Linear,
    /// LINEAR_EXACT: no shift; width above 0.
    LinearExact,
    /// SIGMOID; width above 0.
    Sigmoid,
}

/// A window over real values (after rescale).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// Window center, in the volume's unit.
    pub center: f64,
    /// Window width, in the volume's unit.
    pub width: f64,
    /// Which curve.
    pub function: VoiFunction,
}

impl Window {
    /// A LINEAR window, width at least 1 as the standard wants it.
    #[must_use]
    pub fn new(center: f64, width: f64) -> Self {
        Self::with_function(center, width, VoiFunction::Linear)
    }

    /// A window with its curve. A width that the curve does not allow becomes the smallest that it does.
    #[must_use]
    pub fn with_function(center: f64, width: f64, function: VoiFunction) -> Self {
        let least = if function == VoiFunction::Linear { 1.0 } else { f64::MIN_POSITIVE };
        Self { center, width: width.max(least), function }
    }

    /// The window that shows `low` black and `high` white, exact (LINEAR_EXACT), for data whose unit is not whole numbers.
    #[must_use]
    pub fn spanning(low: f64, high: f64) -> Self {
        let width = if high > low { high - low } else { 1.0 };
        Self::with_function((low + high) / 2.0, width, VoiFunction::LinearExact)
    }

    /// Where a real value lies between black (0) and white (1).
    #[must_use]
    pub fn level(&self, x: f64) -> f64 {
        let (c, w) = (self.center, self.width);
        match self.function {
            VoiFunction::Linear => {
                if x <= c - 0.5 - (w - 1.0) / 2.0 {
                    0.0
                } else if x > c - 0.5 + (w - 1.0) / 2.0 {
                    1.0
                } else {
                    (x - (c - 0.5)) / (w - 1.0) + 0.5
                }
            }
            VoiFunction::LinearExact => {
                if x <= c - w / 2.0 {
                    0.0
                } else if x > c + w / 2.0 {
                    1.0
                } else {
                    (x - c) / w + 0.5
                }
            }
            VoiFunction::Sigmoid => 1.0 / (1.0 + (-4.0 * (x - c) / w).exp()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_values_of_the_conventions_come_out() {
        let w = Window::new(40.0, 400.0);
        let grey = |x: f64| w.level(x) * 255.0;
        assert_eq!(grey(-160.0), 0.0);
        assert!((grey(40.0) - 127.82).abs() < 0.005);
        assert_eq!(grey(239.0), 255.0);
        let exact = Window::with_function(40.0, 400.0, VoiFunction::LinearExact);
        assert_eq!(exact.level(40.0) * 255.0, 127.5);
    }

    #[test]
    fn width_one_is_a_threshold() {
        let w = Window::new(10.0, 1.0);
        assert_eq!((w.level(9.5), w.level(9.6)), (0.0, 1.0));
    }
}
