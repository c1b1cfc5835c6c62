//! Text to [`Manifest`]: errors name the line and the nearest known key.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::schema::Manifest;

/// Why the text is no manifest; the file's name is added outside.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", line.map(|l| format!("line {l}: ")).unwrap_or_default())]
pub struct ParseError {
    /// Line, from 1, where known.
    pub line: Option<usize>,
    /// What is wrong, with the nearest known key or value where one is unknown.
    pub message: String,
}

/// Reads the text; semantic checks follow elsewhere.
pub(super) fn parse(text: &str) -> Result<Manifest, ParseError> {
    toml::from_str(text).map_err(|e| explained(text, &e))
}

/// What is wrong with a TOML text, with the line, the key, and the nearest known key or value.
pub(crate) fn explained(text: &str, error: &toml::de::Error) -> ParseError {
    explain(text, error.span(), error.message())
}

fn explain(text: &str, span: Option<Range<usize>>, message: &str) -> ParseError {
    let line = |at: usize| text.get(..at).map(|before| before.matches('\n').count() + 1);
    let unknown = quoted_after(message, "unknown field ").map(|w| ("key", w));
    let unknown = unknown.or_else(|| quoted_after(message, "unknown variant ").map(|w| ("value", w)));
    let Some((what, word)) = unknown else {
        let key = span.clone().and_then(|span| key_at(text, &span));
        return ParseError { line: span.and_then(|s| line(s.start)), message: wrong_value(key.as_deref(), message) };
    };
    // Inside tagged tables the position is lost; the word itself is found again.
    let at = span
        .filter(|s| text.get(s.clone()).is_some_and(|t| t.contains(word)))
        .map(|s| s.start)
        .or_else(|| text.find(word));
    let known: Vec<&str> = message
        .split_once("expected ")
        .map(|(_, list)| list.split('`').skip(1).step_by(2).collect())
        .unwrap_or_default();
    let hint = match nearest(word, &known) {
        Some(near) => format!("the nearest known {what} is `{near}`"),
        None => format!("no {what} is expected here"),
    };
    ParseError { line: at.and_then(line), message: format!("unknown {what} `{word}`; {hint}") }
}

/// The key whose value lies at a place of the text, with the tables that it is in: `preprocess.spacing_mm`.
fn key_at(text: &str, place: &Range<usize>) -> Option<String> {
    let root = DeTable::parse(text).ok()?;
    deepest(root.get_ref(), place)
}

fn deepest(table: &DeTable<'_>, place: &Range<usize>) -> Option<String> {
    table.iter().find_map(|(key, value)| {
        let key: &str = key.get_ref();
        let inside = |inner: String| format!("{key}.{inner}");
        match value.get_ref() {
            DeValue::Table(table) => deepest(table, place).map(inside),
            // A list of tables, whose place is no more than their first line.
            DeValue::Array(list) if list.iter().any(|one| one.get_ref().is_table()) => {
                list.iter().find_map(|one| deepest(one.get_ref().as_table()?, place)).map(inside)
            }
            _ => {
                let own = value.span();
                (own.start <= place.start && place.end <= own.end).then(|| key.to_owned())
            }
        }
    })
}

/// `invalid type: string "x", expected f64` in words, with its key where it is known.
fn wrong_value(key: Option<&str>, message: &str) -> String {
    let message = message.trim_end();
    if let Some(key) = quoted_after(message, "missing field ") {
        return format!("the key `{key}` is missing");
    }
    let of_key = key.map(|key| format!("`{key}`: ")).unwrap_or_default();
    let wrong = ["invalid type: ", "invalid value: ", "invalid length "].iter().find_map(|s| message.strip_prefix(s));
    let Some((found, expected)) = wrong.and_then(|rest| rest.rsplit_once(", expected ")) else {
        return format!("{of_key}{message}");
    };
    let found = match found.split_once(' ') {
        Some(("string", word)) => word.to_owned(),
        Some(("integer" | "boolean", word)) => word.trim_matches('`').to_owned(),
        Some(("floating", word)) => word.trim_start_matches("point ").trim_matches('`').to_owned(),
        _ if found == "map" => "a table".to_owned(),
        _ if found == "sequence" => "a list".to_owned(),
        _ if found.parse::<usize>().is_ok() => format!("{found} of them"),
        _ => found.to_owned(),
    };
    let expected = match expected {
        "f32" | "f64" => "a number".to_owned(),
        "u8" => format!("a whole number from 0 to {}", u8::MAX),
        "u16" => format!("a whole number from 0 to {}", u16::MAX),
        "u32" | "u64" | "usize" => "a whole number, 0 or more".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "a table".to_owned(),
        "a string" | "string" | "path string" => "a text in quotation marks".to_owned(),
        table if table.starts_with("struct ") || table.starts_with("internally tagged enum ") => "a table".to_owned(),
        list => list.replace("an array of length", "a list of length"),
    };
    format!("{of_key}expected {expected}, found {found}")
}

fn quoted_after<'a>(message: &'a str, start: &str) -> Option<&'a str> {
    message.split_once(start)?.1.split('`').nth(1)
}

/// The candidate with the fewest edits.
pub(crate) fn nearest<'a>(word: &str, candidates: &[&'a str]) -> Option<&'a str> {
    candidates.iter().copied().min_by_key(|c| edits(word, c))
}

/// Levenshtein distance.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted_as_levenshtein_does() {
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("", "abc"), 3);
        assert_eq!(nearest("spacing", &["size", "spacing_mm", "crop"]), Some("spacing_mm"));
    }
    #[test]
    fn a_value_of_another_type_names_its_key_what_is_expected_and_what_was_found() {
        #[derive(Debug, serde::Deserialize)]
        #[expect(dead_code, reason = "only read")]
        struct Inner {
            size: [f64; 3],
            label: u16,
        }
        #[derive(Debug, serde::Deserialize)]
        #[expect(dead_code, reason = "only read")]
        struct Outer {
            name: String,
            part: Vec<Inner>,
        }
        let wrong = |text: &str| explained(text, &toml::from_str::<Outer>(text).unwrap_err()).to_string();
        let good = "name = \"a\"\n[[part]]\nsize = [1, 2, 3]\nlabel = 1\n";
        assert!(toml::from_str::<Outer>(good).is_ok());
        let said = wrong(&good.replace("\"a\"", "7"));
        assert_eq!(said, "line 1: `name`: expected a text in quotation marks, found 7");
        let said = wrong(&good.replace("label = 1", "label = 70000"));
        assert_eq!(said, "line 4: `part.label`: expected a whole number from 0 to 65535, found 70000");
        let said = wrong(&good.replace("[1, 2, 3]", "[1, \"two\", 3]"));
        assert_eq!(said, "line 3: `part.size`: expected a number, found \"two\"");
        assert!(wrong(&good.replace("label = 1", "")).ends_with("the key `label` is missing"));
    }
}
