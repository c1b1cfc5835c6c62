//! Quantiles of sorted values, linear between neighbours (numpy's default; Hyndman and Fan 1996, type 7).

/// The quantile `p`, 0 to 1, of `n` sorted values; `None` without a value.
pub(crate) fn quantile(n: usize, value: impl Fn(usize) -> f64, p: f64) -> Option<f64> {
    let last = n.checked_sub(1)?;
    let at = p.clamp(0.0, 1.0) * last as f64;
    let below = (at.floor() as usize).min(last);
    let (low, high) = (value(below), value((below + 1).min(last)));
    Some(low + (at - below as f64) * (high - low))
}

/// The quantiles `p` of `values` in any order.
pub(crate) fn quantiles(values: &[f64], p: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    p.iter().filter_map(|p| quantile(sorted.len(), |at| sorted[at], *p)).collect()
}
