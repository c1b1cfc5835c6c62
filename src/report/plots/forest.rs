//! Estimates with their intervals, a row each, words and numbers beside them.

use super::axis::Axis;
use super::canvas::{Canvas, Pen, SMALL, Side, drawn};
use super::frame::{BELOW, Frame};
use super::palette::{Look, Mark};
use super::scale::Scale;
use super::text_width::{fitted, text_width};

const ROW_PX: f64 = 22.0;

/// A row.
#[derive(Debug, Clone)]
pub enum ForestRow {
    /// A heading over the rows that belong together.
    Group(String),
    /// An estimate.
    Estimate {
        /// What it is of.
        name: String,
        /// Beside the name, for instance how many cases; may be empty.
        n: String,
        /// The estimate.
        at: f64,
        /// Its interval.
        interval: Option<[f64; 2]>,
        /// Both in words.
        words: String,
        /// Which series it belongs to, for its colour; from 0.
        series: usize,
        /// Hollow and pale: too little data to be judged.
        weak: bool,
    },
    /// A row without an estimate, and why.
    None {
        /// What it would be of.
        name: String,
        /// Why there is none.
        reason: String,
    },
}

/// A forest plot.
#[derive(Debug, Clone)]
pub struct Forest {
    /// What the estimates are.
    pub axis: Axis,
    /// Over the numbers.
    pub words_title: String,
    /// The value that a line marks: no difference, or all cases together.
    pub reference: Option<f64>,
    /// What is shown.
    pub rows: Vec<ForestRow>,
}

impl Forest {
    /// The plot.
    #[must_use]
    pub fn svg(&self) -> String {
        let width = 720.0;
        let widest = |words: &dyn Fn(&ForestRow) -> f64| self.rows.iter().map(words).fold(0.0, f64::max);
        let name_px = widest(&|row| match row {
            ForestRow::Group(_) => 0.0,
            ForestRow::Estimate { name, .. } | ForestRow::None { name, .. } => text_width(name, SMALL) + 12.0,
        })
        .min(230.0);
        let n_px = widest(&|row| match row {
            ForestRow::Estimate { n, .. } => text_width(n, SMALL),
            _ => 0.0,
        });
        let words_px = widest(&|row| match row {
            ForestRow::Estimate { words, .. } => text_width(words, SMALL),
            _ => 0.0,
        })
        .max(text_width(&self.words_title, SMALL));
        let top = 24.0;
        let height = top + self.rows.len().max(1) as f64 * ROW_PX + BELOW;
        let values = self.rows.iter().flat_map(|row| match row {
            ForestRow::Estimate { at, interval, .. } => {
                vec![*at, interval.map_or(*at, |i| i[0]), interval.map_or(*at, |i| i[1])]
            }
            _ => Vec::new(),
        });
        let range = self.axis.over(values.chain(self.reference));
        drawn(width, height, |canvas| {
            let left = name_px + 14.0 + n_px + 14.0;
            let frame = Frame {
                x: Scale::new(range, [left, width - words_px - 20.0]),
                y: Scale::new([0.0, 1.0], [height - BELOW, top]),
            };
            frame.below(canvas, &self.axis, true);
            if let Some(reference) = self.reference.filter(|r| frame.x.holds(*r)) {
                let at = frame.x.at(reference);
                canvas.dashed(&[[at, top], [at, height - BELOW]], Some([4.0, 3.0]), Pen::QUIET.width(1.2));
            }
            canvas.words(&self.words_title, [width - 2.0, 11.0], Side::End, SMALL, Pen::QUIET);
            for (at, row) in self.rows.iter().enumerate() {
                let y = top + (at as f64 + 0.5) * ROW_PX;
                match row {
                    ForestRow::Group(title) => {
                        let title = fitted(title, SMALL, left - 8.0);
                        canvas.strong(&title, [0.0, y], Side::Start, SMALL);
                    }
                    ForestRow::None { name, reason } => {
                        canvas.words(&fitted(name, SMALL, name_px), [12.0, y], Side::Start, SMALL, Pen::QUIET);
                        let room = frame.x.to_px - left - 8.0;
                        canvas.words(&fitted(reason, SMALL, room), [left + 4.0, y], Side::Start, SMALL, Pen::QUIET);
                    }
                    ForestRow::Estimate { name, n, at, interval, words, series, weak } => {
                        let pen = if *weak { Pen::QUIET } else { Pen::INK };
                        canvas.words(&fitted(name, SMALL, name_px), [12.0, y], Side::Start, SMALL, pen);
                        canvas.words(n, [left - 14.0, y], Side::End, SMALL, Pen::QUIET);
                        canvas.words(words, [width - 2.0, y], Side::End, SMALL, pen);
                        estimate(canvas, frame.x, y, (*at, *interval), (Look::of(*series), *weak));
                    }
                }
            }
        })
    }
}

fn estimate(
    canvas: &mut Canvas<'_>,
    x: Scale,
    y: f64,
    (at, interval): (f64, Option<[f64; 2]>),
    (look, weak): (Look, bool),
) {
    let pen = Pen::of(look.color).width(if weak { 1.0 } else { 1.6 });
    if let Some([low, high]) = interval {
        let (from, to) = (x.at(low), x.at(high));
        canvas.line([from, y], [to, y], pen);
        // An end beyond the axis has no cap.
        for (value, px) in [(low, from), (high, to)] {
            if x.holds(value) {
                canvas.line([px, y - 3.5], [px, y + 3.5], pen);
            }
        }
    }
    if !x.holds(at) {
        return;
    }
    let (px, r) = (x.at(at), 4.0);
    if weak {
        canvas.outline([px - r, y - r], [px + r, y + r], pen.width(1.3));
    } else {
        canvas.mark([px, y], r, Look { mark: Mark::Square, ..look }, 1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_without_an_estimate_say_why() {
        let rows = vec![
            ForestRow::Group("Sex".into()),
            ForestRow::Estimate {
                name: "F".into(),
                n: "n = 4".into(),
                at: 0.5,
                interval: Some([0.2, 0.9]),
                words: "0.5 (0.2 to 0.9)".into(),
                series: 0,
                weak: true,
            },
            ForestRow::None { name: "M".into(), reason: "every case failed".into() },
        ];
        let axis = Axis::new("Dice", "").range([0.0, 0.8]);
        let svg = Forest { axis, words_title: "Mean".into(), reference: Some(0.6), rows }.svg();
        assert!(svg.contains("every case failed") && svg.contains("0.5 (0.2 to 0.9)"));
    }
}
