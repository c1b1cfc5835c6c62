//! Tails and quantiles of the normal, t, F, chi-squared, beta, binomial, noncentral F and noncentral chi-squared.
//!
//! A `df` of infinity is the limit (t becomes normal, F becomes chi-squared over its degrees of freedom). Tails are
//! computed as tails, so that a p value of 1e-12 keeps its digits. A parameter that cannot be gives NaN, never a panic.

use statrs::function::{erf, gamma};

/// Above this many degrees of freedom t and F are taken from their expansions at infinity.
const LARGE_DF: f64 = 1e6;

/// Density of the standard normal at `z`.
#[must_use]
pub fn normal_density(z: f64) -> f64 {
    (-z * z / 2.0).exp() / std::f64::consts::TAU.sqrt()
}

/// Probability that a standard normal exceeds `z`.
#[must_use]
pub fn normal_upper(z: f64) -> f64 {
    0.5 * erf::erfc(z / std::f64::consts::SQRT_2)
}

/// Probability that a standard normal lies at least as far from 0 as `z`.
#[must_use]
pub fn normal_two_sided(z: f64) -> f64 {
    erf::erfc(z.abs() / std::f64::consts::SQRT_2)
}

/// The z below which a standard normal lies with probability `p`; infinite at 0 and 1.
#[must_use]
pub fn normal_quantile(p: f64) -> f64 {
    if !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    if p == 0.0 || p == 1.0 {
        return if p == 0.0 { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    if p == 0.5 {
        return 0.0;
    }
    let tail = p.min(1.0 - p);
    let start = std::f64::consts::SQRT_2 * erf::erfc_inv(2.0 * tail);
    // One Newton step removes what the inverse's own approximation leaves.
    let z = start + (normal_upper(start) - tail) / normal_density(start);
    if p < 0.5 { -z } else { z }
}

/// Probability that t with `df` lies at least as far from 0 as `t`.
#[must_use]
pub fn t_two_sided(t: f64, df: f64) -> f64 {
    if df > LARGE_DF { normal_two_sided(normal_equivalent(t, df)) } else { f_upper(t * t, 1.0, df) }
}

/// Probability that t with `df` exceeds `t`.
#[must_use]
pub fn t_upper(t: f64, df: f64) -> f64 {
    let half = t_two_sided(t, df) / 2.0;
    if t < 0.0 { 1.0 - half } else { half }
}

/// The t below which t with `df` lies with probability `p`.
#[must_use]
pub fn t_quantile(p: f64, df: f64) -> f64 {
    if df.is_infinite() {
        return normal_quantile(p);
    }
    if p == 0.5 {
        return 0.0;
    }
    let tail = p.min(1.0 - p);
    let t = solve_upper(|t| t_two_sided(t, df), 2.0 * tail);
    if p < 0.5 { -t } else { t }
}

/// The z with the tail of `t`, by the expansion in `1/df` (Abramowitz and Stegun 1972, 26.7.5 inverted).
fn normal_equivalent(t: f64, df: f64) -> f64 {
    let t2 = t * t;
    t * (1.0 - (t2 + 1.0) / (4.0 * df) + ((13.0 * t2 + 8.0) * t2 + 3.0) / (96.0 * df * df))
}

/// Probability that F with `df1` and `df2` exceeds `f`.
#[must_use]
pub fn f_upper(f: f64, df1: f64, df2: f64) -> f64 {
    if f <= 0.0 {
        return 1.0;
    }
    if f.is_infinite() {
        return 0.0;
    }
    if df2.is_infinite() || (df2 > LARGE_DF && df1 > 1.0) {
        return chi_squared_upper(df1 * f, df1);
    }
    if df2 > LARGE_DF {
        return t_two_sided(f.sqrt(), df2);
    }
    let total = df2 + df1 * f;
    incomplete_beta(df2 / 2.0, df1 / 2.0, df2 / total, df1 * f / total)
}

/// The value below which F with `df1` and `df2` lies with probability `p`.
#[must_use]
pub fn f_quantile(p: f64, df1: f64, df2: f64) -> f64 {
    solve_upper(|f| f_upper(f, df1, df2), 1.0 - p)
}

/// Probability that chi-squared with `df` exceeds `x`.
#[must_use]
pub fn chi_squared_upper(x: f64, df: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    if x.is_infinite() {
        return 0.0;
    }
    if df == 1.0 {
        return normal_two_sided(x.sqrt());
    }
    gamma::checked_gamma_ur(df / 2.0, x / 2.0).unwrap_or(f64::NAN)
}

/// The value below which chi-squared with `df` lies with probability `p`.
#[must_use]
pub fn chi_squared_quantile(p: f64, df: f64) -> f64 {
    solve_upper(|x| chi_squared_upper(x, df), 1.0 - p)
}

/// The value below which beta with `a` and `b` lies with probability `p`.
#[must_use]
pub fn beta_quantile(p: f64, a: f64, b: f64) -> f64 {
    bisect(|x| incomplete_beta(a, b, x, 1.0 - x) < p, 0.0, 1.0)
}

/// Probability that noncentral F with `df1`, `df2` and noncentrality `lambda` exceeds `f`.
///
/// The mixture of central ones over a Poisson of mean `lambda / 2` (Johnson, Kotz and Balakrishnan 1995, chapter 30):
/// `P(F' <= f) = sum_j w_j I_x(df1/2 + j, df2/2)`, `x = df1 f/(df1 f + df2)`, its weights as exponentials of logarithms.
#[must_use]
pub fn noncentral_f_upper(f: f64, df1: f64, df2: f64, lambda: f64) -> f64 {
    if f <= 0.0 {
        return 1.0;
    }
    if df2 > LARGE_DF {
        return noncentral_chi_squared_upper(df1 * f, df1, lambda);
    }
    let total = df2 + df1 * f;
    poisson_mixture(lambda, |j| incomplete_beta(df2 / 2.0, df1 / 2.0 + j, df2 / total, df1 * f / total))
}

/// Probability that noncentral chi-squared with `df` and noncentrality `lambda` exceeds `x`; the same mixture.
#[must_use]
pub fn noncentral_chi_squared_upper(x: f64, df: f64, lambda: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    poisson_mixture(lambda, |j| gamma::checked_gamma_ur(df / 2.0 + j, x / 2.0).unwrap_or(f64::NAN))
}

/// `sum_j w_j tail(j)` over a Poisson of mean `lambda / 2`, outward from its mode until the weights vanish.
fn poisson_mixture(lambda: f64, tail: impl Fn(f64) -> f64) -> f64 {
    if !(0.0..1e9).contains(&lambda) {
        return if lambda >= 1e9 { 1.0 } else { f64::NAN };
    }
    let mean = lambda / 2.0;
    let weight = |j: f64| {
        if mean == 0.0 {
            return if j == 0.0 { 1.0 } else { 0.0 };
        }
        (j * mean.ln() - mean - gamma::ln_gamma(j + 1.0)).exp()
    };
    let mode = mean.floor();
    let mut sum = 0.0;
    let mut j = mode;
    loop {
        let w = weight(j);
        sum += w * tail(j);
        j += 1.0;
        if w < 1e-18 {
            break;
        }
    }
    let mut j = mode - 1.0;
    while j >= 0.0 {
        let w = weight(j);
        sum += w * tail(j);
        j -= 1.0;
        if w < 1e-18 {
            break;
        }
    }
    sum.min(1.0)
}

/// Probability of exactly `k` of `n` at chance `p` each.
#[must_use]
pub fn binomial_probability(k: u64, n: u64, p: f64) -> f64 {
    if k > n {
        return 0.0;
    }
    if p == 0.0 || p == 1.0 {
        return if k == if p == 0.0 { 0 } else { n } { 1.0 } else { 0.0 };
    }
    let (k, n) = (k as f64, n as f64);
    let ln_choose = gamma::ln_gamma(n + 1.0) - gamma::ln_gamma(k + 1.0) - gamma::ln_gamma(n - k + 1.0);
    (ln_choose + k * p.ln() + (n - k) * (-p).ln_1p()).exp()
}

/// Probability of `k` or more of `n` at chance `p` each.
#[must_use]
pub fn binomial_at_least(k: u64, n: u64, p: f64) -> f64 {
    match k {
        0 => 1.0,
        k if k > n => 0.0,
        k => incomplete_beta(k as f64, (n - k) as f64 + 1.0, p, 1.0 - p),
    }
}

/// Probability of `k` or fewer of `n` at chance `p` each.
#[must_use]
pub fn binomial_at_most(k: u64, n: u64, p: f64) -> f64 {
    if k >= n { 1.0 } else { incomplete_beta((n - k) as f64, k as f64 + 1.0, 1.0 - p, p) }
}

/// The regularised incomplete beta function at `x`; `y` is `1 - x`, given apart so that neither loses its digits.
///
/// The continued fraction of Abramowitz and Stegun 1972 (26.5.8) by Lentz's method.
fn incomplete_beta(a: f64, b: f64, x: f64, y: f64) -> f64 {
    if !(a > 0.0 && b > 0.0 && x >= 0.0 && y >= 0.0) {
        return f64::NAN;
    }
    if x == 0.0 || y == 0.0 {
        return if x == 0.0 { 0.0 } else { 1.0 };
    }
    let ln_front = gamma::ln_gamma(a + b) - gamma::ln_gamma(a) - gamma::ln_gamma(b) + a * x.ln() + b * y.ln();
    if x > (a + 1.0) / (a + b + 2.0) {
        1.0 - ln_front.exp() * beta_fraction(b, a, y) / b
    } else {
        ln_front.exp() * beta_fraction(a, b, x) / a
    }
}

fn beta_fraction(a: f64, b: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    const STEPS: u32 = 20_000;
    let away = |v: f64| if v.abs() < TINY { TINY } else { v };
    let mut c = 1.0;
    let mut d = 1.0 / away(1.0 - (a + b) * x / (a + 1.0));
    let mut h = d;
    for m in 1..=STEPS {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / away(1.0 + even * d);
        c = away(1.0 + even / c);
        h *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / away(1.0 + odd * d);
        c = away(1.0 + odd / c);
        h *= d * c;
        if (d * c - 1.0).abs() < 1e-15 {
            break;
        }
    }
    h
}

/// The `x >= 0` at which the falling `upper` reaches `target`.
fn solve_upper(upper: impl Fn(f64) -> f64, target: f64) -> f64 {
    if target.is_nan() || upper(1.0).is_nan() {
        return f64::NAN;
    }
    if target <= 0.0 {
        return f64::INFINITY;
    }
    let mut high = 1.0;
    while upper(high) > target && high < 1e300 {
        high *= 4.0;
    }
    bisect(|x| upper(x) > target, 0.0, high)
}

/// The place between `low` and `high` where `below` turns from true to false, to the last digits of a double.
fn bisect(below: impl Fn(f64) -> bool, mut low: f64, mut high: f64) -> f64 {
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if below(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}
