//! Figures: a drawn plot or a picture with its caption and what a person who cannot see it reads.

use base64::Engine as _;

use super::numbers::counted;
use super::text::{Text, escaped};

/// A picture in PNG, with the word on whether what it shows is synthetic. There is none without that word.
#[derive(Debug, Clone)]
pub struct Picture {
    png: Vec<u8>,
    synthetic: bool,
}

/// What was to be a picture is no PNG.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a PNG, found {}", if *bytes == 0 { "nothing".into() } else { format!("{} of something else", counted(*bytes, "byte")) })]
pub struct NotAPng {
    bytes: usize,
}

impl Picture {
    /// A PNG file's content; `synthetic` when any pixel in it was made by a model.
    ///
    /// # Errors
    /// When it does not begin as a PNG does.
    pub fn png(png: Vec<u8>, synthetic: bool) -> Result<Self, NotAPng> {
        if png.starts_with(b"\x89PNG\r\n\x1a\n") {
            Ok(Self { png, synthetic })
        } else {
            Err(NotAPng { bytes: png.len() })
        }
    }

    /// Whether any pixel in it was made by a model.
    #[must_use]
    pub fn is_synthetic(&self) -> bool {
        self.synthetic
    }
}

/// How much of the page's width a figure takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    /// All of it.
    Full,
    /// Two stand side by side.
    Half,
    /// Three stand side by side.
    Third,
}

#[derive(Debug, Clone)]
enum Content {
    Svg(String),
    Picture(Picture),
}

/// A figure; it gets its number where it stands in the page.
#[derive(Debug, Clone)]
pub struct Figure {
    content: Content,
    caption: Text,
    alternative: String,
    width: Width,
}

impl Figure {
    /// A plot as [`super::plots`] draws them.
    #[must_use]
    pub fn svg(svg: String, caption: impl Into<Text>, alternative: impl Into<String>) -> Self {
        let (caption, alternative) = (caption.into(), alternative.into());
        Self { content: Content::Svg(svg), caption, alternative, width: Width::Full }
    }

    /// A picture; one that is synthetic carries its badge.
    #[must_use]
    pub fn picture(picture: Picture, caption: impl Into<Text>, alternative: impl Into<String>) -> Self {
        let (caption, alternative) = (caption.into(), alternative.into());
        Self { content: Content::Picture(picture), caption, alternative, width: Width::Third }
    }

    /// The same figure in another width.
    #[must_use]
    pub fn width(mut self, width: Width) -> Self {
        self.width = width;
        self
    }

    pub(super) fn is_synthetic(&self) -> bool {
        matches!(&self.content, Content::Picture(p) if p.synthetic)
    }

    /// `number` is none for a picture of a row that is described together.
    pub(super) fn html(&self, number: Option<usize>) -> String {
        let class = match self.width {
            Width::Full => "full",
            Width::Half => "half",
            Width::Third => "third",
        };
        let alternative = escaped(&self.alternative);
        let (content, badge) = match &self.content {
            // Links within are reached one by one, so that the whole is a group and not one picture.
            Content::Svg(svg) => {
                let role = if svg.contains("<a ") { "group" } else { "img" };
                (svg.replacen("<svg ", &format!("<svg role=\"{role}\" aria-label=\"{alternative}\" "), 1), "")
            }
            Content::Picture(picture) => {
                let data = base64::engine::general_purpose::STANDARD.encode(&picture.png);
                let badge = if picture.synthetic { "<span class=\"synthetic\">SYNTHETIC</span> " } else { "" };
                (
                    format!(
                        "<img src=\"data:image/png;base64,{data}\" alt=\"{badge_alt}{alternative}\">",
                        badge_alt = if picture.synthetic { "Synthetic. " } else { "" }
                    ),
                    badge,
                )
            }
        };
        let number = number.map(|n| format!("<b>Figure {n}</b> ")).unwrap_or_default();
        let caption = self.caption.html();
        format!("<figure class=\"{class}\">{content}<figcaption>{badge}{number}{caption}</figcaption></figure>\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\nrest";

    #[test]
    fn what_is_synthetic_carries_the_badge_and_says_so_to_the_blind() {
        let of = |synthetic| {
            Figure::picture(Picture::png(PNG.to_vec(), synthetic).unwrap(), "Slice 4", "A slice").html(None)
        };
        assert!(of(true).contains("<span class=\"synthetic\">SYNTHETIC</span> Slice 4"), "{}", of(true));
        assert!(
            of(true).contains("alt=\"Synthetic. A slice\"")
                && of(true).contains("data:image/png;base64,iVBORw0KGgpyZXN0")
        );
        assert!(!of(false).contains("SYNTHETIC"));
    }

    #[test]
    fn what_is_no_png_is_refused() {
        assert_eq!(
            Picture::png(b"<svg".to_vec(), true).unwrap_err().to_string(),
            "expected a PNG, found 4 bytes of something else"
        );
    }
}
