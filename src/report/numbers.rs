//! How numbers are written in a report: true minus signs, decimals that the spread calls for, p values as journals want.

/// A number with `decimals` places; no sign on a zero.
#[must_use]
pub fn fixed(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return if value.is_nan() {
            "not a number".into()
        } else if value > 0.0 {
            "∞".into()
        } else {
            "−∞".into()
        };
    }
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(rest) if rest.bytes().all(|b| b == b'0' || b == b'.') => rest.to_owned(),
        Some(rest) => format!("−{rest}"),
        None => text,
    }
}

/// The same with a plus sign where it is positive, for differences.
#[must_use]
pub fn signed(value: f64, decimals: usize) -> String {
    let text = fixed(value, decimals);
    let zero = text.bytes().all(|b| b == b'0' || b == b'.');
    if value > 0.0 && !zero { format!("+{text}") } else { text }
}

/// The places that show two digits of `spread` (a standard deviation, an interval's width): 0 to 6.
#[must_use]
pub fn decimals_for(spread: f64) -> usize {
    if !(spread.is_finite() && spread > 0.0) {
        return 3;
    }
    (1.0 - spread.log10().floor()).clamp(0.0, 6.0) as usize
}

/// A number with about `digits` digits that count, for single values: `0.01234`, `12.34`, `1234`, `1.23×10⁻⁷`.
#[must_use]
pub fn significant(value: f64, digits: usize) -> String {
    if value == 0.0 || !value.is_finite() {
        return fixed(value, 0);
    }
    let exponent = value.abs().log10().floor() as i32;
    if !(-4..7).contains(&exponent) {
        let mantissa = value / 10_f64.powi(exponent);
        return format!("{}×10{}", fixed(mantissa, digits.saturating_sub(1)), raised(exponent));
    }
    fixed(value, (digits as i32 - 1 - exponent).max(0) as usize)
}

/// A whole number as small figures above the line.
pub(super) fn raised(exponent: i32) -> String {
    let digit = |c| match c {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        '0' => '⁰',
        c => char::from_u32(0x2070 + u32::from(c) - u32::from('0')).unwrap_or(c),
    };
    exponent.to_string().chars().map(digit).collect()
}

/// A p value: `< 0.001`, three places below 0.1, else two; never a zero, never more than 1.
#[must_use]
pub fn p_value(p: f64) -> String {
    match p {
        p if !p.is_finite() => "none".into(),
        p if p < 0.001 => "< 0.001".into(),
        p if p < 0.0995 => fixed(p, 3),
        p if p > 0.995 => "> 0.99".into(),
        p => fixed(p, 2),
    }
}

/// `low to high`, which a minus sign cannot spoil.
#[must_use]
pub fn interval([low, high]: [f64; 2], decimals: usize) -> String {
    format!("{} to {}", fixed(low, decimals), fixed(high, decimals))
}

/// A count with thin spaces between thousands from 10 000 up.
#[must_use]
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    if digits.len() < 5 {
        return digits;
    }
    let mut out = String::new();
    for (at, c) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push('\u{202F}');
        }
        out.push(c);
    }
    out
}

/// `1 case`, `2 cases`.
#[must_use]
pub fn counted(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{} {what}s", count(n as u64)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_journals_want() {
        assert_eq!((fixed(-0.0004, 2), fixed(-1.25, 1)), ("0.00".into(), "−1.2".into()));
        assert_eq!((signed(0.5, 1), signed(-0.5, 1), signed(0.001, 1)), ("+0.5".into(), "−0.5".into(), "0.0".into()));
        assert_eq!([0.034, 12.0, 120.0, 0.0].map(decimals_for), [3, 0, 0, 3]);
        assert_eq!(significant(1234.5, 3), "1234");
        assert_eq!(significant(0.012_345, 3), "0.0123");
        assert_eq!(significant(-2.5e-9, 3), "−2.50×10⁻⁹");
        assert_eq!([0.0001, 0.0123, 0.456, 1.0].map(p_value), ["< 0.001", "0.012", "0.46", "> 0.99"]);
        assert_eq!((count(1234), count(1_234_567)), ("1234".into(), "1\u{202F}234\u{202F}567".into()));
        assert_eq!(interval([-0.1, 0.25], 2), "−0.10 to 0.25");
    }
}
