//! Text of a report: plain, strong, code and linked spans, all of it escaped.

use std::fmt::Write as _;
use std::path::{Component, Path, PathBuf};

/// A run of spans.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Text(Vec<Span>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Span {
    Plain(String),
    Strong(String),
    Code(String),
    Link { text: String, href: Href },
}

impl Text {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds plain words.
    #[must_use]
    pub fn and(mut self, words: impl Into<String>) -> Self {
        self.0.push(Span::Plain(words.into()));
        self
    }

    /// Adds words that stand out.
    #[must_use]
    pub fn strong(mut self, words: impl Into<String>) -> Self {
        self.0.push(Span::Strong(words.into()));
        self
    }

    /// Adds something to be typed, or a hash.
    #[must_use]
    pub fn code(mut self, words: impl Into<String>) -> Self {
        self.0.push(Span::Code(words.into()));
        self
    }

    /// Adds a link.
    #[must_use]
    pub fn link(mut self, words: impl Into<String>, href: Href) -> Self {
        self.0.push(Span::Link { text: words.into(), href });
        self
    }

    /// Whether nothing would show.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn html(&self) -> String {
        let mut html = String::new();
        for span in &self.0 {
            // Writing to a string does not fail.
            let _ = match span {
                Span::Plain(words) => write!(html, "{}", escaped(words)),
                Span::Strong(words) => write!(html, "<strong>{}</strong>", escaped(words)),
                Span::Code(words) => write!(html, "<code>{}</code>", escaped(words)),
                Span::Link { text, href } => {
                    write!(html, "<a href=\"{}\">{}</a>", escaped(href.as_str()), escaped(text))
                }
            };
        }
        html
    }
}

impl From<&str> for Text {
    fn from(words: &str) -> Self {
        Self::new().and(words)
    }
}

impl From<String> for Text {
    fn from(words: String) -> Self {
        Self::new().and(words)
    }
}

/// Where a link leads: a place of the page or a file. There is no way to make one that runs a script or goes online.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Href(String);

impl Href {
    /// A place of this page by its id.
    #[must_use]
    pub fn anchor(id: &str) -> Self {
        Self(format!("#{}", percent_encoded(id)))
    }

    /// A file, relative to the folder that the page lies in, so that both can be moved together.
    #[must_use]
    pub fn file(page_folder: &Path, file: &Path) -> Self {
        match relative(page_folder, file) {
            // The dot keeps a first folder like `a:b` from being read as a scheme.
            Some(steps) => {
                Self(format!("./{}", steps.iter().map(|s| percent_encoded(s)).collect::<Vec<_>>().join("/")))
            }
            None => {
                let path = file.to_string_lossy().replace('\\', "/");
                let steps: Vec<String> = path.split('/').map(percent_encoded).collect();
                Self(format!("file:///{}", steps.join("/").trim_start_matches('/')))
            }
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The steps from a folder to a file, `None` where there is no way (another drive).
fn relative(folder: &Path, file: &Path) -> Option<Vec<String>> {
    let (folder, file) = (whole(folder)?, whole(file)?);
    let (mut from, mut to) = (folder.components().peekable(), file.components().peekable());
    while from.peek().is_some() && from.peek() == to.peek() {
        from.next();
        to.next();
    }
    if from.clone().any(|c| matches!(c, Component::Prefix(_))) {
        return None;
    }
    let up = from.map(|_| "..".to_owned());
    Some(up.chain(to.map(|c| c.as_os_str().to_string_lossy().into_owned())).collect())
}

/// Absolute, with `.` and `..` taken out by the letter.
fn whole(path: &Path) -> Option<PathBuf> {
    let mut out = PathBuf::new();
    for component in std::path::absolute(path).ok()?.components() {
        match component {
            Component::ParentDir => drop(out.pop()),
            Component::CurDir => {}
            other => out.push(other),
        }
    }
    Some(out)
}

fn percent_encoded(step: &str) -> String {
    let mut out = String::new();
    for byte in step.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Text as it may stand in HTML and in SVG, between tags and within quotes; control characters become a replacement sign.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(c),
            c if is_forbidden(c) => out.push(char::REPLACEMENT_CHARACTER),
            c => out.push(c),
        }
    }
    out
}

/// What HTML and XML do not allow, and the signs that turn the direction of the text after them.
pub(super) fn is_forbidden(c: char) -> bool {
    c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_file_name_says_becomes_markup() {
        let text = Text::new().and("<script>").strong("a & \"b\"").code("'\u{1b}[0m\u{202e}");
        let wanted = "&lt;script&gt;<strong>a &amp; &quot;b&quot;</strong><code>&#39;\u{FFFD}[0m\u{FFFD}</code>";
        assert_eq!(text.html(), wanted);
    }

    #[test]
    fn links_to_files_are_relative_and_never_a_scheme() {
        let href = |from: &str, to: &str| Href::file(Path::new(from), Path::new(to)).0;
        assert_eq!(href("/a/out", "/a/data/p 1/t1.nii.gz"), "./../data/p%201/t1.nii.gz");
        assert_eq!(href("/a/out", "/a/out/javascript:alert(1)"), "./javascript%3Aalert%281%29");
        assert_eq!(href("/a/./out/x/..", "/a/out/b#c?.png"), "./b%23c%3F.png");
        assert_eq!(Href::anchor("case-1\"").0, "#case-1%22");
    }
}
