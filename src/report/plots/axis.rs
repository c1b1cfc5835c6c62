//! What an axis says, and a point of a plot.

use crate::report::text::Href;

/// An axis: what it shows, its unit, and its range where the data do not decide.
#[derive(Debug, Clone, Default)]
pub struct Axis {
    title: String,
    unit: String,
    pub(super) range: Option<[f64; 2]>,
}

impl Axis {
    /// An axis whose range is that of the data; the unit may be empty.
    #[must_use]
    pub fn new(title: impl Into<String>, unit: impl Into<String>) -> Self {
        Self { title: title.into(), unit: unit.into(), range: None }
    }

    /// The same axis from `range[0]` to `range[1]`.
    #[must_use]
    pub fn range(self, range: [f64; 2]) -> Self {
        Self { range: Some(range), ..self }
    }

    /// `Dice`, `HD95 (mm)`, `Volume (10³ ml)`.
    pub(super) fn words(&self, power: &str) -> String {
        match [power, self.unit.as_str()].iter().filter(|w| !w.is_empty()).copied().collect::<Vec<_>>().join(" ") {
            unit if unit.is_empty() => self.title.clone(),
            unit => format!("{} ({unit})", self.title),
        }
    }

    /// The stated range, else that of the data with a little room, else 0 to 1; always wider than nothing.
    pub(super) fn over(&self, values: impl Iterator<Item = f64>) -> [f64; 2] {
        if let Some([low, high]) = self.range
            && high > low
            && (high - low).is_finite()
        {
            return [low, high];
        }
        let finite = values.filter(|v| v.is_finite());
        let Some([low, high]) = finite.map(|v| [v, v]).reduce(|a, b| [a[0].min(b[0]), a[1].max(b[1])]) else {
            return [0.0, 1.0];
        };
        let spread = high - low;
        if spread > 0.0 && spread.is_finite() {
            [low - 0.05 * spread, high + 0.05 * spread]
        } else {
            let room = if low == 0.0 { 1.0 } else { 0.1 * low.abs() };
            [low - room, low + room]
        }
    }
}

/// A point of a plot: where, what it says when pointed at, and where it leads.
#[derive(Debug, Clone, Default)]
pub struct Point {
    /// Along the first axis.
    pub x: f64,
    /// Along the second axis; unused in a box plot.
    pub y: f64,
    /// For instance the case's name and its number.
    pub label: String,
    /// For instance the case's row.
    pub href: Option<Href>,
}

impl Point {
    /// A point without words.
    #[must_use]
    pub fn new(x: f64, y: f64) -> Self {
        Self { x, y, ..Self::default() }
    }

    /// The same point with words and, maybe, a link.
    #[must_use]
    pub fn named(self, label: impl Into<String>, href: Option<Href>) -> Self {
        Self { label: label.into(), href, ..self }
    }

    pub(super) fn is_finite(&self) -> bool {
        self.x.is_finite() && self.y.is_finite()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_never_empty_nor_without_end() {
        let over = |values: &[f64]| Axis::new("x", "").over(values.iter().copied());
        assert_eq!(over(&[]), [0.0, 1.0]);
        assert_eq!(over(&[f64::NAN, f64::INFINITY]), [0.0, 1.0]);
        assert_eq!(over(&[0.0]), [-1.0, 1.0]);
        assert_eq!(over(&[10.0, 20.0]), [9.5, 20.5]);
        assert_eq!(Axis::new("x", "").range([3.0, 3.0]).over([1.0].into_iter()), [0.9, 1.1]);
    }

    #[test]
    fn the_unit_stands_behind_the_title() {
        assert_eq!(Axis::new("HD95", "mm").words(""), "HD95 (mm)");
        assert_eq!(Axis::new("Dice", "").words(""), "Dice");
        assert_eq!(Axis::new("Volume", "ml").words("10³"), "Volume (10³ ml)");
    }
}
