//! Colours, marks and dashes of series.

/// Red, green and blue.
pub type Color = [u8; 3];

/// Text and lines; in the SVG it is the colour of the text around it.
pub const INK: Color = [0x15, 0x19, 0x1d];

/// Okabe and Ito 2008 (Color Universal Design) without yellow, which paper swallows, and without reddish purple, which is too
/// near to the magenta that means synthetic.
const COLORS: [Color; 5] =
    [[0x00, 0x72, 0xb2], [0xd5, 0x5e, 0x00], [0x00, 0x9e, 0x73], [0xe6, 0x9f, 0x00], [0x56, 0xb4, 0xe9]];

/// The form of a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// A disc.
    Disc,
    /// A square.
    Square,
    /// A triangle that stands.
    Triangle,
    /// A square on its corner.
    Diamond,
}

/// How one series looks: three ways to tell it from the others, so that none is needed alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// Its colour.
    pub color: Color,
    /// Its points.
    pub mark: Mark,
    /// Lengths of dash and gap of its line, px; none for a line without gaps.
    pub dash: Option<[f64; 2]>,
}

impl Look {
    /// The look of the series in place `at`, from 0; twenty series differ.
    #[must_use]
    pub fn of(at: usize) -> Self {
        let marks = [Mark::Disc, Mark::Square, Mark::Triangle, Mark::Diamond];
        let dashes = [None, Some([6.0, 3.0]), Some([2.0, 2.0]), Some([9.0, 3.0])];
        Self { color: COLORS[at % COLORS.len()], mark: marks[at % marks.len()], dash: dashes[at % dashes.len()] }
    }

    /// The look of one of several in a group: the colour says which group, mark and dash say which of it. None where there are
    /// more than can be told apart.
    #[must_use]
    pub fn of_group(group: usize, at: usize) -> Option<Self> {
        (group < COLORS.len() && at < 4).then(|| Self { color: Self::of(group).color, ..Self::of(at) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_series_differ() {
        let looks: Vec<Look> = (0..20).map(Look::of).collect();
        for (n, a) in looks.iter().enumerate() {
            assert!(looks[n + 1..].iter().all(|b| a != b), "{n}");
        }
        let grouped: Vec<Look> = (0..20).filter_map(|n| Look::of_group(n / 4, n % 4)).collect();
        for (n, a) in grouped.iter().enumerate() {
            let same_group = |m: usize| m / 4 == n / 4;
            assert!(grouped.iter().enumerate().all(|(m, b)| (a.color == b.color) == same_group(m)), "{n}");
            assert!(grouped[n + 1..].iter().all(|b| a != b), "{n}");
        }
        assert_eq!((grouped.len(), Look::of_group(5, 0), Look::of_group(0, 4)), (20, None, None));
    }
}
