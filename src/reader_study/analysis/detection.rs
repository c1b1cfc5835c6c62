//! Signal detection: sensitivity and criterion of yes/no answers, sensitivity of two-alternative forced choice.

use serde::Serialize;

use super::distribution::{normal_density, normal_quantile};
use super::errors::AnalysisError;

/// Counts of yes/no answers; "yes" means "synthetic" (or "diseased"), the signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct YesNo {
    /// Signal called signal.
    pub hits: u64,
    /// Signal called noise.
    pub misses: u64,
    /// Noise called signal.
    pub false_alarms: u64,
    /// Noise called noise.
    pub correct_rejections: u64,
}

/// What yes/no answers say of sensitivity and criterion.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Detection {
    /// Hit rate, corrected.
    pub hit_rate: f64,
    /// False-alarm rate, corrected.
    pub false_alarm_rate: f64,
    /// Sensitivity d'.
    pub dprime: f64,
    /// Criterion c; below 0 leans to "yes".
    pub criterion_c: f64,
    /// Logarithm of the likelihood ratio at the criterion.
    pub ln_beta: f64,
    /// Standard error of d' (Gourevitch and Galanter 1967), from the corrected rates.
    pub se_dprime: f64,
    /// d' of the raw rates; none when one of them is 0 or 1.
    pub dprime_uncorrected: Option<f64>,
    /// Share of right answers; chance is 0.5 only when signal and noise are half and half.
    pub accuracy: f64,
    /// Mean of the share right among signals and among noise.
    pub balanced_accuracy: f64,
}

/// d' and criterion; half an answer is always added to hits and false alarms and one to both numbers of trials
/// (log-linear, Hautus 1995).
///
/// # Errors
/// When there is no signal or no noise trial.
pub fn yes_no(counts: YesNo) -> Result<Detection, AnalysisError> {
    let signals = counts.hits + counts.misses;
    let noises = counts.false_alarms + counts.correct_rejections;
    AnalysisError::at_least("trials with a signal", 1, signals as usize)?;
    AnalysisError::at_least("trials without a signal", 1, noises as usize)?;
    let (hits, alarms, ns, nn) = (counts.hits as f64, counts.false_alarms as f64, signals as f64, noises as f64);
    let (h, f) = ((hits + 0.5) / (ns + 1.0), (alarms + 0.5) / (nn + 1.0));
    let (zh, zf) = (normal_quantile(h), normal_quantile(f));
    let variance = |rate: f64, z: f64, n: f64| rate * (1.0 - rate) / (n * normal_density(z).powi(2));
    let uncorrected = normal_quantile(hits / ns) - normal_quantile(alarms / nn);
    Ok(Detection {
        hit_rate: h,
        false_alarm_rate: f,
        dprime: zh - zf,
        criterion_c: -f64::midpoint(zh, zf),
        ln_beta: (zf * zf - zh * zh) / 2.0,
        se_dprime: (variance(h, zh, ns) + variance(f, zf, nn)).sqrt(),
        dprime_uncorrected: Some(uncorrected).filter(|d| d.is_finite()),
        accuracy: (hits + nn - alarms) / (ns + nn),
        balanced_accuracy: f64::midpoint(hits / ns, 1.0 - alarms / nn),
    })
}

/// What two-alternative forced choice says of sensitivity.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ForcedChoice {
    /// Share of right choices.
    pub proportion_correct: f64,
    /// The same with half a choice added to the right ones and one to all.
    pub proportion_correct_loglinear: f64,
    /// d' of the corrected share.
    pub dprime_loglinear: f64,
    /// Its standard error by the delta method.
    pub se_dprime_loglinear: f64,
    /// d' of the raw share; none at 0 and 1.
    pub dprime: Option<f64>,
}

/// `d' = sqrt(2) z(pc)` (Green and Swets 1966).
///
/// # Errors
/// When there is no trial, or more right choices than trials.
pub fn forced_choice(correct: u64, trials: u64) -> Result<ForcedChoice, AnalysisError> {
    let raw = super::proportion::Proportion::new(correct, trials)?.share();
    let n = trials as f64;
    let corrected = (correct as f64 + 0.5) / (n + 1.0);
    let z = normal_quantile(corrected);
    let root = std::f64::consts::SQRT_2;
    Ok(ForcedChoice {
        proportion_correct: raw,
        proportion_correct_loglinear: corrected,
        dprime_loglinear: root * z,
        se_dprime_loglinear: root * (corrected * (1.0 - corrected) / n).sqrt() / normal_density(z),
        dprime: Some(root * normal_quantile(raw)).filter(|d| d.is_finite()),
    })
}
