//! Marks and lesions: which mark localises which lesion.

use crate::reader_study::design::{Lesion, RatedMark};

/// Marks of one case sorted out.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Localised {
    /// The highest rating on each lesion; none when it was not marked.
    pub lesions: Vec<Option<f64>>,
    /// Ratings of the marks on no lesion.
    pub non_lesion: Vec<f64>,
}

/// A mark localises the nearest lesion whose centre lies within that lesion's radius of it (3D distance, mm); of several
/// marks on a lesion the highest counts, and the others count for nothing.
#[must_use]
pub fn localise(marks: &[RatedMark], lesions: &[Lesion]) -> Localised {
    let mut found = Localised { lesions: vec![None; lesions.len()], non_lesion: Vec::new() };
    for mark in marks {
        let distance = |lesion: &Lesion| {
            let squares = lesion.center_mm.iter().zip(mark.position_mm).map(|(a, b)| (a - b) * (a - b));
            squares.sum::<f64>().sqrt()
        };
        let within = lesions
            .iter()
            .map(distance)
            .enumerate()
            .filter(|(at, distance)| lesions.get(*at).is_some_and(|lesion| *distance <= lesion.radius_mm));
        match within.min_by(|a, b| a.1.total_cmp(&b.1)).and_then(|(at, _)| found.lesions.get_mut(at)) {
            Some(best) => *best = Some(best.map_or(mark.rating, |rating| rating.max(mark.rating))),
            None => found.non_lesion.push(mark.rating),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_belongs_to_the_nearest_lesion_within_its_radius() {
        let lesion = |x: f64, radius_mm: f64| Lesion { center_mm: [x, 0.0, 0.0], radius_mm, weight: 1.0 };
        let mark = |x: f64, rating: f64| RatedMark { position_mm: [x, 0.0, 0.0], rating };
        let lesions = [lesion(0.0, 10.0), lesion(8.0, 3.0), lesion(100.0, 1.0)];
        let marks = [mark(6.0, 40.0), mark(-2.0, 70.0), mark(3.0, 60.0), mark(50.0, 20.0), mark(11.0, 5.0)];
        let found = localise(&marks, &lesions);
        assert_eq!(found.lesions, [Some(70.0), Some(40.0), None]);
        assert_eq!(found.non_lesion, [20.0]);
    }
}
