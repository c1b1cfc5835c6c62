//! Text to [`Manifest`]: errors name the line and the nearest known key.

use std::ops::Range;

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

/// What is wrong with a TOML text, with the line and the nearest known key or value.
pub(crate) fn explained(text: &str, error: &toml::de::Error) -> ParseError {
    explain(text, error.span(), error.message())
}

fn explain(text: &str, span: Option<Range<usize>>, message: &str) -> ParseError {
    let line = |at: usize| text.get(..at).map(|before| before.matches('\n').count() + 1);
    let unknown = quoted_after(message, "unknown field ").map(|w| ("key", w));
    let unknown = unknown.or_else(|| quoted_after(message, "unknown variant ").map(|w| ("value", w)));
    let Some((what, word)) = unknown else {
        return ParseError { line: span.and_then(|s| line(s.start)), message: message.to_owned() };
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
}
