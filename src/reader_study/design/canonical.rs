//! JSON of which there is only one for the same content, so that it can be hashed (RFC 8785).

use std::fmt::Write;

use serde_json::{Number, Value};

/// Sorted keys, no blanks, numbers as ECMAScript writes them.
///
/// One step away from RFC 8785: whole numbers stay exact beyond 2^53. A checked plan has none.
pub(super) fn canonical_json(value: &Value) -> String {
    let mut text = String::new();
    write_value(value, &mut text);
    text
}

fn write_value(value: &Value, to: &mut String) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<(&String, &Value)> = members.iter().collect();
            members.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            to.push('{');
            for (i, (key, value)) in members.into_iter().enumerate() {
                if i > 0 {
                    to.push(',');
                }
                // serde_json escapes text as RFC 8785 asks.
                to.push_str(&Value::from(key.as_str()).to_string());
                to.push(':');
                write_value(value, to);
            }
            to.push('}');
        }
        Value::Array(values) => {
            to.push('[');
            for (i, value) in values.iter().enumerate() {
                if i > 0 {
                    to.push(',');
                }
                write_value(value, to);
            }
            to.push(']');
        }
        Value::Number(number) => to.push_str(&number_text(number)),
        Value::Null | Value::Bool(_) | Value::String(_) => to.push_str(&value.to_string()),
    }
}

fn number_text(number: &Number) -> String {
    match number.as_f64() {
        Some(x) if number.is_f64() => ecmascript_number(x),
        _ => number.to_string(),
    }
}

/// A finite number as ECMAScript's `Number::toString` writes it (ECMA-262, section 6.1.6.1.20).
fn ecmascript_number(x: f64) -> String {
    if x == 0.0 {
        return "0".to_owned();
    }
    // Rust's own exponent form has the shortest digits that read back as the same number.
    let shortest = format!("{:e}", x.abs());
    let (mantissa, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let count = digits.len() as i64;
    // The point stands after so many digits.
    let point = exponent.parse::<i64>().unwrap_or(0) + 1;
    let zeros = |n: i64| "0".repeat(n.max(0) as usize);
    let mut text = if x < 0.0 { "-".to_owned() } else { String::new() };
    // Writing to a string cannot fail.
    let _ = match point {
        _ if count <= point && point <= 21 => write!(text, "{digits}{}", zeros(point - count)),
        1..=21 => {
            let (whole, rest) = digits.split_at(point as usize);
            write!(text, "{whole}.{rest}")
        }
        -5..=0 => write!(text, "0.{}{digits}", zeros(-point)),
        _ => {
            let (first, rest) = digits.split_at(1);
            let dot = if rest.is_empty() { "" } else { "." };
            write!(text, "{first}{dot}{rest}e{:+}", point - 1)
        }
    };
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_written_as_in_rfc_8785() {
        // RFC 8785, appendix B, and the examples of section 3.2.2.
        for (bits, expected) in [
            (0x0000_0000_0000_0000_u64, "0"),
            (0x8000_0000_0000_0000, "0"),
            (0x0000_0000_0000_0001, "5e-324"),
            (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
            (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
            (0x4340_0000_0000_0000, "9007199254740992"),
            (0x4430_0000_0000_0000, "295147905179352830000"),
            (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
            (0x44b5_2d02_c7e1_4af6, "1e+23"),
            (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
            (0x444b_1ae4_d6e2_ef50, "1e+21"),
            (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
            (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
            (0x41b3_de43_5555_5555, "333333333.3333333"),
            (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
            (0x3fe0_0000_0000_0000, "0.5"),
            (0x4028_0000_0000_0000, "12"),
        ] {
            assert_eq!(ecmascript_number(f64::from_bits(bits)), expected);
        }
    }

    #[test]
    fn keys_are_sorted_and_text_is_escaped_as_in_rfc_8785() {
        let value = json!({"b": [1.0, true, null], "a": {"\u{20ac}": "\u{f}\n\"\\\u{20ac}", "1": 7}, "": -1});
        assert_eq!(
            canonical_json(&value),
            "{\"\":-1,\"a\":{\"1\":7,\"\u{20ac}\":\"\\u000f\\n\\\"\\\\\u{20ac}\"},\"b\":[1,true,null]}"
        );
    }
}
