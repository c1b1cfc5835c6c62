//! How much room words take, without a font at hand.

/// Width in px of `text` at `size` px, by the widths of Helvetica with a tenth more, since the reader's font is not known.
pub(super) fn text_width(text: &str, size: f64) -> f64 {
    let em = |c: char| match c {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' => 0.25,
        ' ' | 'f' | 't' | 'I' | '(' | ')' | '[' | ']' | '/' | '-' | 'r' | '\u{202F}' => 0.31,
        'm' | 'M' | 'W' | '—' | '…' => 0.88,
        'w' | 'O' | 'Q' | 'G' | 'C' | 'D' | 'H' | 'N' | 'R' | 'U' => 0.73,
        c if c.is_ascii_uppercase() => 0.67,
        c if c.is_ascii() => 0.556,
        c if ('\u{2E80}'..'\u{FFE0}').contains(&c) => 1.0,
        _ => 0.62,
    };
    text.chars().map(em).sum::<f64>() * size * 1.12
}

/// The text, or as much of it as fits with an ellipsis in its middle: names of cases and models differ at their ends.
pub(super) fn fitted(text: &str, size: f64, room: f64) -> String {
    if text_width(text, size) <= room {
        return text.to_owned();
    }
    let chars: Vec<char> = text.chars().collect();
    for kept in (1..chars.len()).rev() {
        let (head, tail) = (kept.div_ceil(2), kept / 2);
        let short: String = chars[..head].iter().chain(&['…']).chain(&chars[chars.len() - tail..]).collect();
        if text_width(&short, size) <= room {
            return short;
        }
    }
    "…".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_too_long_keeps_both_ends() {
        assert_eq!(fitted("short", 10.0, 100.0), "short");
        let long = fitted("a_very_long_name_of_a_model_v2", 10.0, 80.0);
        assert!(long.starts_with("a_v") && long.ends_with("v2") && long.contains('…'), "{long}");
        assert_eq!(fitted("anything", 10.0, 0.0), "…");
    }
}
