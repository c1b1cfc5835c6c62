//! The little Markdown of a step's text: paragraphs, lists with `-`, `**bold**` and `` `code` ``.

use crate::report::Text;

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Whether it is an entry of a list.
    pub item: bool,
    /// Its words.
    pub spans: Vec<Span>,
}

/// Words of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The words.
    pub words: String,
    /// How they stand.
    pub kind: SpanKind,
}

/// How words stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is what its name says")]
pub enum SpanKind {
    Plain,
    Strong,
    Code,
}

/// The text in pieces. A blank line ends a paragraph; a line goes on where the one before it stopped.
#[must_use]
pub fn blocks(text: &str) -> Vec<Block> {
    let mut raw: Vec<(bool, String)> = Vec::new();
    let mut open = false;
    for line in text.lines().map(str::trim) {
        let item = line.strip_prefix("- ");
        if line.is_empty() {
            open = false;
        } else if let Some(item) = item {
            raw.push((true, item.to_owned()));
            open = true;
        } else if let Some((_, last)) = raw.last_mut().filter(|_| open) {
            last.push(' ');
            last.push_str(line);
        } else {
            raw.push((false, line.to_owned()));
            open = true;
        }
    }
    raw.into_iter().map(|(item, words)| Block { item, spans: spans(&words) }).collect()
}

fn spans(text: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    for (n, part) in text.split("**").enumerate() {
        for (m, words) in part.split('`').enumerate().filter(|(_, words)| !words.is_empty()) {
            let kind = match (m % 2 == 1, n % 2 == 1) {
                (true, _) => SpanKind::Code,
                (false, true) => SpanKind::Strong,
                (false, false) => SpanKind::Plain,
            };
            spans.push(Span { words: words.to_owned(), kind });
        }
    }
    spans
}

/// Words for a report.
#[must_use]
pub fn report_text(spans: &[Span]) -> Text {
    spans.iter().fold(Text::new(), |text, span| match span.kind {
        SpanKind::Plain => text.and(&span.words),
        SpanKind::Strong => text.strong(&span.words),
        SpanKind::Code => text.code(&span.words),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_lists_bold_and_code_are_told_apart() {
        let found = blocks("A line\nthat **goes** on.\n\n- one `x`\n- two\n");
        let plain = |words: &str| Span { words: words.into(), kind: SpanKind::Plain };
        assert_eq!(found.len(), 3);
        assert_eq!(
            found[0].spans,
            [plain("A line that "), Span { words: "goes".into(), kind: SpanKind::Strong }, plain(" on.")]
        );
        assert!(!found[0].item && found[1].item && found[2].item);
        assert_eq!(found[1].spans[1], Span { words: "x".into(), kind: SpanKind::Code });
    }
}
