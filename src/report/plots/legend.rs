//! The names of series, above a plot.

use super::canvas::{Canvas, Pen, SMALL, Side};
use super::palette::Look;
use super::text_width::{fitted, text_width};

const LINE_PX: f64 = 18.0;
const SAMPLE_PX: f64 = 26.0;

/// What stands before a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sample {
    Point,
    Line,
    Both,
}

/// Places of names in lines of `width` px, and the height of all of them, px; nothing for a single name that is empty.
fn layout(names: &[&str], width: f64) -> (Vec<(f64, f64, String)>, f64) {
    if names.iter().all(|n| n.is_empty()) {
        return (Vec::new(), 6.0);
    }
    let (mut x, mut y) = (0.0, LINE_PX / 2.0);
    let mut places = Vec::new();
    for name in names {
        let name = fitted(name, SMALL, width - SAMPLE_PX);
        let needed = SAMPLE_PX + text_width(&name, SMALL) + 12.0;
        if x > 0.0 && x + needed - 12.0 > width {
            (x, y) = (0.0, y + LINE_PX);
        }
        places.push((x, y, name));
        x += needed;
    }
    (places, y + LINE_PX / 2.0 + 8.0)
}

/// The height that names take, px.
pub(super) fn height(names: &[&str], width: f64) -> f64 {
    layout(names, width).1
}

/// Draws names with their looks from the upper left corner.
pub(super) fn draw(canvas: &mut Canvas<'_>, names: &[(&str, Look)], width: f64, sample: Sample) {
    let only: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
    for ((x, y, name), (_, look)) in layout(&only, width).0.into_iter().zip(names) {
        if matches!(sample, Sample::Line | Sample::Both) {
            canvas.dashed(&[[x, y], [x + 20.0, y]], look.dash, Pen::of(look.color).width(1.8));
        }
        match sample {
            Sample::Point => canvas.mark([x + 13.0, y], 4.0, *look, 1.0),
            Sample::Both => canvas.mark([x + 10.0, y], 3.5, *look, 1.0),
            Sample::Line => {}
        }
        canvas.words(&name, [x + SAMPLE_PX, y], Side::Start, SMALL, Pen::INK);
    }
}
