//! The mean of several readers' ROC curves, along lines of slope -1 (Chen and Samuelson 2014, Br J Radiol 87:20140016).
//!
//! Every curve meets each line `fpf + tpf = c` once; the mean curve is the mean of these points. Both axes are treated alike,
//! and the area under the mean curve is the mean of the areas.

use super::roc::RocPoint;

/// The mean curve, from (0, 0) to (1, 1), with a point wherever one of the curves has one; empty without curves.
#[must_use]
pub fn diagonal_average(curves: &[&[RocPoint]]) -> Vec<[f64; 2]> {
    let curves: Vec<Vec<[f64; 2]>> = curves.iter().filter(|c| !c.is_empty()).map(|c| whole(c)).collect();
    if curves.is_empty() {
        return Vec::new();
    }
    let mut lines: Vec<f64> = curves.iter().flatten().map(|[fpf, tpf]| fpf + tpf).collect();
    lines.sort_by(f64::total_cmp);
    lines.dedup_by(|a, b| (*a - *b).abs() < 1e-12);
    let n = curves.len() as f64;
    let mean = |c: f64| {
        let points = curves.iter().map(|curve| on_line(curve, c));
        points.fold([0.0; 2], |sum, point| [sum[0] + point[0] / n, sum[1] + point[1] / n])
    };
    lines.into_iter().map(mean).collect()
}

/// A curve with both ends.
fn whole(curve: &[RocPoint]) -> Vec<[f64; 2]> {
    let own = curve.iter().map(|p| [p.fpf, p.tpf]);
    let mut points: Vec<[f64; 2]> = std::iter::once([0.0; 2]).chain(own).chain([[1.0; 2]]).collect();
    points.dedup();
    points
}

/// Where a curve meets the line `fpf + tpf = c`.
fn on_line(curve: &[[f64; 2]], c: f64) -> [f64; 2] {
    for pair in curve.windows(2) {
        let [[x0, y0], [x1, y1]] = [pair[0], pair[1]];
        let (from, to) = (x0 + y0, x1 + y1);
        if c <= to {
            let t = if to > from { ((c - from) / (to - from)).clamp(0.0, 1.0) } else { 0.0 };
            return [x0 + t * (x1 - x0), y0 + t * (y1 - y0)];
        }
    }
    [1.0; 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(points: &[[f64; 2]]) -> Vec<RocPoint> {
        points.iter().map(|[fpf, tpf]| RocPoint { fpf: *fpf, tpf: *tpf, threshold: None }).collect()
    }

    fn area(points: &[[f64; 2]]) -> f64 {
        points.windows(2).map(|p| (p[1][0] - p[0][0]) * (p[1][1] + p[0][1]) / 2.0).sum()
    }

    #[test]
    fn the_area_under_the_mean_is_the_mean_of_the_areas() {
        let a = curve(&[[0.0, 0.0], [0.0, 0.4], [0.1, 0.7], [0.5, 0.9], [1.0, 1.0]]);
        let b = curve(&[[0.0, 0.0], [0.3, 0.3], [0.6, 0.9], [1.0, 1.0]]);
        let c = curve(&[[0.0, 0.0], [0.0, 1.0], [1.0, 1.0]]);
        let mean = diagonal_average(&[&a, &b, &c]);
        let areas = [&a, &b, &c].map(|c| area(&whole(c)));
        assert!((area(&mean) - areas.iter().sum::<f64>() / 3.0).abs() < 1e-12);
        assert_eq!((mean.first(), mean.last()), (Some(&[0.0, 0.0]), Some(&[1.0, 1.0])));
        assert!(mean.windows(2).all(|p| p[1][0] >= p[0][0] - 1e-12 && p[1][1] >= p[0][1] - 1e-12));
        // One curve is its own mean, and what is mirrored at the falling diagonal gives a mirrored mean.
        assert!((area(&diagonal_average(&[&a])) - areas[0]).abs() < 1e-12);
        let mirrored = |c: &[RocPoint]| curve(&c.iter().rev().map(|p| [1.0 - p.tpf, 1.0 - p.fpf]).collect::<Vec<_>>());
        let back = diagonal_average(&[&mirrored(&a), &mirrored(&b), &mirrored(&c)]);
        assert!((area(&back) - area(&mean)).abs() < 1e-12);
        assert!(diagonal_average(&[]).is_empty());
    }
}
