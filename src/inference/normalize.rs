//! Normalisation of one input. Voxels without image are NaN: they take part in no statistic and become padding.

use super::manifest::schema::Normalize;

/// What a normalisation did, for the way back.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Applied {
    /// Mean and standard deviation of the last z-score.
    pub zscore: Option<[f64; 2]>,
    /// `from` and `to` of the last range scaling.
    pub range: Option<[[f64; 2]; 2]>,
    /// What the background (the lowest value) became.
    pub background: f64,
    /// Share of the voxels that a clip changed.
    pub clipped: f64,
}

/// A step with its numbers filled in.
#[derive(Debug, Clone, Copy)]
enum Step {
    Clip { low: f64, high: f64, nonzero: bool },
    Linear { scale: f64, offset: f64, clip: Option<[f64; 2]>, nonzero: bool },
}

impl Step {
    /// The new value, and whether a clip changed it.
    fn apply(self, x: f64) -> (f64, bool) {
        let (free, limits) = match self {
            Self::Clip { nonzero: true, .. } | Self::Linear { nonzero: true, .. } if x == 0.0 => (x, None),
            Self::Clip { low, high, .. } => (x, Some([low, high])),
            Self::Linear { scale, offset, clip, .. } => (x * scale + offset, clip),
        };
        let y = limits.map_or(free, |[low, high]| free.clamp(low, high));
        // The offset rounds: what stands at a limit is not beyond it.
        (y, (y - free).abs() > 1e-9 * (1.0 + free.abs()))
    }
}

/// Applies the steps in order.
pub(crate) fn normalize(values: &mut [f32], steps: &[Normalize]) -> Applied {
    let lowest = values.iter().copied().filter(|x| !x.is_nan()).fold(f32::INFINITY, f32::min);
    let mut applied =
        Applied { background: if lowest.is_finite() { f64::from(lowest) } else { 0.0 }, ..Applied::default() };
    for step in steps {
        let filled = fill(values, step, &mut applied);
        (applied.background, _) = filled.apply(applied.background);
        let (mut changed, mut count) = (0_usize, 0_usize);
        for x in values.iter_mut().filter(|x| !x.is_nan()) {
            let (after, clipped) = filled.apply(f64::from(*x));
            count += 1;
            changed += usize::from(clipped);
            *x = after as f32;
        }
        applied.clipped = applied.clipped.max(changed as f64 / count.max(1) as f64);
    }
    applied
}

fn fill(values: &[f32], step: &Normalize, applied: &mut Applied) -> Step {
    let mut range = |from: [f64; 2], to: [f64; 2], clip: bool| {
        // A constant image goes to the lower end.
        let scale = if from[1] > from[0] { (to[1] - to[0]) / (from[1] - from[0]) } else { 0.0 };
        applied.range = Some([from, to]);
        Step::Linear { scale, offset: to[0] - from[0] * scale, clip: clip.then_some(to), nonzero: false }
    };
    match *step {
        Normalize::ClipPercentile { lower, upper, nonzero } => {
            let [low, high] = percentiles(values, [lower, upper], nonzero);
            Step::Clip { low, high, nonzero }
        }
        Normalize::Zscore { nonzero } => {
            let (mean, std) = mean_std(values, nonzero);
            applied.zscore = Some([mean, std]);
            Step::Linear { scale: 1.0 / std, offset: -mean / std, clip: None, nonzero }
        }
        Normalize::Scale { from, to, clip } => range(from, to, clip),
        Normalize::Minmax { to } => {
            let from = percentiles(values, [0.0, 100.0], false);
            range(from, to, false)
        }
        Normalize::PercentileScale { lower, upper, to, clip } => {
            let from = percentiles(values, [lower, upper], false);
            range(from, to, clip)
        }
        Normalize::Affine { scale, offset } => Step::Linear { scale, offset, clip: None, nonzero: false },
        Normalize::FixedZscore { mean, std } => {
            applied.zscore = Some([mean, std]);
            Step::Linear { scale: 1.0 / std, offset: -mean / std, clip: None, nonzero: false }
        }
    }
}

fn taking_part(values: &[f32], nonzero: bool) -> impl Iterator<Item = f32> {
    values.iter().copied().filter(move |x| x.is_finite() && !(nonzero && *x == 0.0))
}

/// Population mean and standard deviation; a deviation of 0 becomes 1, as MONAI's `NormalizeIntensity` does.
fn mean_std(values: &[f32], nonzero: bool) -> (f64, f64) {
    let (mut n, mut mean, mut m2) = (0.0, 0.0, 0.0);
    for x in taking_part(values, nonzero) {
        n += 1.0;
        let d = f64::from(x) - mean;
        mean += d / n;
        m2 += d * (f64::from(x) - mean);
    }
    let std = if n > 0.0 { (m2 / n).sqrt() } else { 0.0 };
    (mean, if std > 0.0 { std } else { 1.0 })
}

/// Two percentiles with numpy's linear interpolation; 0 and 1 when nothing takes part.
fn percentiles(values: &[f32], which: [f64; 2], nonzero: bool) -> [f64; 2] {
    let mut sorted: Vec<f32> = taking_part(values, nonzero).collect();
    if sorted.is_empty() {
        return [0.0, 1.0];
    }
    which.map(|p| {
        let at = (p / 100.0).clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
        let (low, fraction) = (at.floor() as usize, at.fract());
        let (_, a, above) = sorted.select_nth_unstable_by(low, f32::total_cmp);
        let a = f64::from(*a);
        let b = above.iter().copied().fold(f32::INFINITY, f32::min);
        if fraction > 0.0 && b.is_finite() { a + (f64::from(b) - a) * fraction } else { a }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected: numpy.percentile([0, 1, 2, 3, 10], [10, 62.5]) = [0.4, 2.5]; numpy.std([1, 2, 3, 10]) = 3.5355…
    #[test]
    fn statistics_equal_numpys() {
        let v = [3.0, 0.0, f32::NAN, 10.0, 1.0, 2.0];
        let [a, b] = percentiles(&v, [10.0, 62.5], false);
        assert!((a - 0.4).abs() < 1e-12 && (b - 2.5).abs() < 1e-12);
        let (mean, std) = mean_std(&v, true);
        assert!((mean - 4.0).abs() < 1e-12 && (std - 12.5_f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn padding_takes_no_part_and_zeros_stay_when_asked() {
        let mut v = vec![f32::NAN, 0.0, 2.0, 4.0];
        let applied = normalize(&mut v, &[Normalize::Zscore { nonzero: true }]);
        assert!(v[0].is_nan());
        assert_eq!(&v[1..], &[0.0, -1.0, 1.0]);
        assert_eq!((applied.zscore, applied.background), (Some([3.0, 1.0]), 0.0));
        let mut v = vec![-1000.0, 0.0, 1000.0, f32::NAN];
        let scale = Normalize::Scale { from: [-500.0, 500.0], to: [0.0, 1.0], clip: true };
        let applied = normalize(&mut v, &[scale]);
        assert_eq!(&v[..3], &[0.0, 0.5, 1.0]);
        assert_eq!(applied.background, 0.0);
        assert!((applied.clipped - 2.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn constant_and_empty_images_give_numbers() {
        for values in [vec![5.0; 4], vec![f32::NAN; 4], vec![]] {
            for step in [
                Normalize::Zscore { nonzero: false },
                Normalize::Minmax { to: [0.0, 1.0] },
                Normalize::PercentileScale { lower: 1.0, upper: 99.0, to: [0.0, 1.0], clip: true },
            ] {
                let mut v = values.clone();
                let applied = normalize(&mut v, &[step]);
                assert!(v.iter().all(|x| x.is_finite() || x.is_nan()) && applied.background.is_finite());
            }
        }
    }
}
