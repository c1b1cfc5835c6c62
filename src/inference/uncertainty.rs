//! What repeats of a run say together: one running mean and sum of squares a voxel, never N copies.
//!
//! With `p_s(c)` the class probabilities of repeat `s` and `p` their mean: predictive entropy `H(p)`, expected entropy
//! `mean H(p_s)`, mutual information, their difference (Depeweg 2018; all in nats); variance summed over the classes.
//! For grey values the variance of the repeats plus the mean of the predicted variances (Kendall and Gal 2017).
//! Variances are Welford's (1962), divided by `S - 1`.

use rayon::prelude::*;

/// Running statistics of one block of planes over the repeats.
pub(crate) struct Moments {
    repeats: usize,
    /// Mean of the channels, `[channel][voxel]`; of logits where logits are averaged.
    mean: Vec<Vec<f32>>,
    /// Sum of squared differences: a channel each for grey values, all classes in one for classes.
    m2: Vec<Vec<f32>>,
    /// Mean of the repeats' entropies.
    entropy: Vec<f32>,
    /// Mean of the repeats' probabilities, where `mean` is of logits.
    probabilities: Vec<Vec<f32>>,
    /// Mean of the predicted variances.
    predicted: Vec<f32>,
}

impl Moments {
    /// For grey values of so many channels.
    pub fn of_values(channels: usize, voxels: usize) -> Self {
        let zeros = || vec![vec![0.0; voxels]; channels];
        Self {
            repeats: 0,
            mean: zeros(),
            m2: zeros(),
            entropy: Vec::new(),
            probabilities: Vec::new(),
            predicted: Vec::new(),
        }
    }

    /// For classes; `logits`: whether the mean is of logits, so that probabilities are kept beside it.
    pub fn of_classes(channels: usize, voxels: usize, logits: bool) -> Self {
        Self {
            repeats: 0,
            mean: vec![vec![0.0; voxels]; channels],
            m2: vec![vec![0.0; voxels]],
            entropy: vec![0.0; voxels],
            probabilities: if logits { vec![vec![0.0; voxels]; channels] } else { Vec::new() },
            predicted: Vec::new(),
        }
    }

    /// One more repeat of grey values.
    pub fn add_values(&mut self, channels: &[&[f32]]) {
        self.repeats += 1;
        let n = self.repeats as f32;
        for ((mean, m2), x) in self.mean.iter_mut().zip(&mut self.m2).zip(channels) {
            mean.par_iter_mut().zip(m2).zip(*x).for_each(|((mean, m2), x)| {
                let before = x - *mean;
                *mean += before / n;
                *m2 += before * (x - *mean);
            });
        }
    }

    /// The predicted variance that came with the last repeat.
    pub fn add_predicted_variance(&mut self, variance: &[f32]) {
        self.predicted.resize(variance.len(), 0.0);
        let n = self.repeats.max(1) as f32;
        self.predicted.par_iter_mut().zip(variance).for_each(|(mean, x)| *mean += (x - *mean) / n);
    }

    /// One more repeat of classes: its values (logits or probabilities) and its probabilities.
    pub fn add_classes(&mut self, values: &[&[f32]], probabilities: &[&[f32]], exclusive: bool) {
        self.repeats += 1;
        let n = self.repeats as f32;
        let logits = !self.probabilities.is_empty();
        self.entropy
            .par_iter_mut()
            .enumerate()
            .for_each(|(i, h)| *h += (entropy(probabilities.iter().map(|c| c[i]), exclusive) - *h) / n);
        let kept = if logits { &mut self.probabilities } else { &mut self.mean };
        for (mean, p) in kept.iter_mut().zip(probabilities) {
            mean.par_iter_mut().zip(&mut self.m2[0]).zip(*p).for_each(|((mean, m2), p)| {
                let before = p - *mean;
                *mean += before / n;
                *m2 += before * (p - *mean);
            });
        }
        if logits {
            for (mean, x) in self.mean.iter_mut().zip(values) {
                mean.par_iter_mut().zip(*x).for_each(|(mean, x)| *mean += (x - *mean) / n);
            }
        }
    }

    /// The mean of each channel.
    pub fn mean(&self) -> Vec<&[f32]> {
        self.mean.iter().map(Vec::as_slice).collect()
    }

    /// The mean, to be changed.
    pub fn mean_mut(&mut self) -> Vec<&mut [f32]> {
        self.mean.iter_mut().map(Vec::as_mut_slice).collect()
    }

    /// The mean probabilities of classes.
    pub fn probabilities(&self) -> Vec<&[f32]> {
        let kept = if self.probabilities.is_empty() { &self.mean } else { &self.probabilities };
        kept.iter().map(Vec::as_slice).collect()
    }

    /// Standard deviation of one channel of grey values, with the predicted variance; NaN where nothing is known.
    pub fn standard_deviation(&self, channel: usize) -> Vec<f32> {
        let n = self.repeats as f32;
        let spread = |m2: f32| if n > 1.0 { m2 / (n - 1.0) } else { 0.0 };
        let known = n > 1.0 || !self.predicted.is_empty();
        self.m2[channel]
            .par_iter()
            .enumerate()
            .map(|(i, m2)| {
                let predicted = self.predicted.get(i).copied().unwrap_or(0.0);
                if known { (spread(*m2) + predicted).max(0.0).sqrt() } else { f32::NAN }
            })
            .collect()
    }

    /// Variance of the probabilities, summed over the classes.
    pub fn class_variance(&self) -> Vec<f32> {
        let n = self.repeats as f32;
        self.m2[0].par_iter().map(|m2| if n > 1.0 { m2 / (n - 1.0) } else { f32::NAN }).collect()
    }

    /// Mean entropy of the repeats, nats.
    pub fn expected_entropy(&self) -> &[f32] {
        &self.entropy
    }

    /// Entropy of the mean probabilities, nats.
    pub fn predictive_entropy(&self, exclusive: bool) -> Vec<f32> {
        let p = self.probabilities();
        (0..self.entropy.len()).into_par_iter().map(|i| entropy(p.iter().map(|c| c[i]), exclusive)).collect()
    }
}

/// Entropy in nats: of classes that exclude each other, or the sum over channels that are each a yes or no.
pub(crate) fn entropy(probabilities: impl Iterator<Item = f32>, exclusive: bool) -> f32 {
    let term = |p: f32| if p > 0.0 { -p * p.ln() } else { p * 0.0 };
    probabilities.map(|p| if exclusive { term(p) } else { term(p) + term(1.0 - p) }).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected by numpy: p = [[.7,.2,.1],[.5,.4,.1],[.1,.8,.1]]; H(mean), mean H, their difference,
    /// p.var(0, ddof=1).sum().
    #[test]
    fn entropies_and_variance_equal_numpys() {
        let repeats = [[0.7_f32, 0.2, 0.1], [0.5, 0.4, 0.1], [0.1, 0.8, 0.1]];
        let mut m = Moments::of_classes(3, 1, false);
        for p in &repeats {
            let c: Vec<&[f32]> = p.iter().map(std::slice::from_ref).collect();
            m.add_classes(&c, &c, true);
        }
        let predictive = m.predictive_entropy(true)[0];
        assert!((predictive - 0.948_298).abs() < 1e-6, "{predictive}");
        assert!((m.expected_entropy()[0] - 0.794_732_9).abs() < 1e-6, "{}", m.expected_entropy()[0]);
        assert!((m.class_variance()[0] - 0.186_666_67).abs() < 1e-6, "{}", m.class_variance()[0]);
    }

    #[test]
    fn welford_equals_the_plain_formula_and_one_repeat_knows_nothing() {
        let mut m = Moments::of_values(1, 2);
        m.add_values(&[&[1000.0, 5.0]]);
        assert!(m.standard_deviation(0)[0].is_nan());
        for x in [1001.0, 1003.0] {
            m.add_values(&[&[x, 5.0]]);
        }
        let std = m.standard_deviation(0);
        assert!((std[0] - (7.0_f32 / 3.0).sqrt()).abs() < 1e-4 && std[1].abs() < 1e-7, "{std:?}");
        m.add_predicted_variance(&[2.0, 4.0]);
        assert!((m.standard_deviation(0)[1] - (4.0_f32 / 3.0).sqrt()).abs() < 1e-6);
    }
}
