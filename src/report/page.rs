//! The page: banners, a table of contents, sections of paragraphs, tables and figures, as one HTML file.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::figure::Figure;
use super::table::Table;
use super::text::{Text, escaped};

/// What must be seen before anything else.
#[derive(Debug, Clone)]
pub enum Banner {
    /// Images that a model made are in here or were measured.
    Synthetic(Text),
    /// Readers, logs or numbers were made up.
    Simulated(Text),
    /// Anything else, for instance that cases are missing.
    Remark(Text),
}

#[derive(Debug, Clone)]
enum Block {
    Paragraph(Text),
    Heading { id: String, title: String },
    List(Vec<Text>),
    Facts(Vec<(String, Text)>),
    Listing { title: String, text: String },
    Table(Table),
    Boxed { class: &'static str, word: String, texts: Vec<Text> },
    Figures { figures: Vec<Figure>, caption: Option<Text> },
}

/// A part of the page with a heading of its own, listed in the table of contents.
#[derive(Debug, Clone)]
pub struct Section {
    title: String,
    blocks: Vec<Block>,
}

impl Section {
    /// A section without content.
    #[must_use]
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), blocks: Vec::new() }
    }

    /// Adds a paragraph.
    pub fn paragraph(&mut self, text: impl Into<Text>) {
        self.blocks.push(Block::Paragraph(text.into()));
    }

    /// Adds a heading that links can lead to by `id`.
    pub fn heading(&mut self, id: impl Into<String>, title: impl Into<String>) {
        self.blocks.push(Block::Heading { id: id.into(), title: title.into() });
    }

    /// Adds a list.
    pub fn list(&mut self, entries: Vec<Text>) {
        self.blocks.push(Block::List(entries));
    }

    /// Adds names with their values.
    pub fn facts(&mut self, facts: Vec<(String, Text)>) {
        self.blocks.push(Block::Facts(facts));
    }

    /// Adds a text that is shown letter by letter, such as a plan; folded on the screen, whole on paper.
    pub fn listing(&mut self, title: impl Into<String>, text: impl Into<String>) {
        self.blocks.push(Block::Listing { title: title.into(), text: text.into() });
    }

    /// Adds a box that stands out, led by a word or a few; `class` is one of `is-sound`, `is-caution`, `is-remark`.
    pub fn boxed(&mut self, class: &'static str, word: impl Into<String>, texts: Vec<Text>) {
        self.blocks.push(Block::Boxed { class, word: word.into(), texts });
    }

    /// Adds a table.
    pub fn table(&mut self, table: Table) {
        self.blocks.push(Block::Table(table));
    }

    /// Adds a figure.
    pub fn figure(&mut self, figure: Figure) {
        self.figures(vec![figure]);
    }

    /// Adds figures side by side, each with a number of its own.
    pub fn figures(&mut self, figures: Vec<Figure>) {
        self.blocks.push(Block::Figures { figures, caption: None });
    }

    /// Adds pictures side by side that are one figure with one number.
    pub fn pictures(&mut self, pictures: Vec<Figure>, caption: impl Into<Text>) {
        self.blocks.push(Block::Figures { figures: pictures, caption: Some(caption.into()) });
    }

    /// Whether it has no content.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    fn figures_in(&self) -> impl Iterator<Item = &Figure> {
        self.blocks.iter().flat_map(|b| match b {
            Block::Figures { figures, .. } => figures.as_slice(),
            _ => &[],
        })
    }
}

/// One HTML page.
#[derive(Debug, Clone)]
pub struct Page {
    title: String,
    lead: Vec<Text>,
    banners: Vec<Banner>,
    sections: Vec<Section>,
    footer: Text,
}

impl Page {
    /// A page without content.
    #[must_use]
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), lead: Vec::new(), banners: Vec::new(), sections: Vec::new(), footer: Text::new() }
    }

    /// Adds a line under the title.
    pub fn lead(&mut self, text: impl Into<Text>) {
        self.lead.push(text.into());
    }

    /// Adds a banner over everything.
    pub fn banner(&mut self, banner: Banner) {
        self.banners.push(banner);
    }

    /// Adds a section; one without content is left out.
    pub fn section(&mut self, section: Section) {
        if !section.is_empty() {
            self.sections.push(section);
        }
    }

    /// Sets the last line.
    pub fn footer(&mut self, text: impl Into<Text>) {
        self.footer = text.into();
    }

    /// The file's content. A page with a synthetic picture says so at its head even where the caller forgot.
    #[must_use]
    pub fn html(&self) -> String {
        let shows_synthetic = self.sections.iter().flat_map(Section::figures_in).any(Figure::is_synthetic);
        let is_said = self.banners.iter().any(|b| matches!(b, Banner::Synthetic(_)));
        let mut banners = self.banners.clone();
        if shows_synthetic && !is_said {
            banners.insert(0, Banner::Synthetic("This report shows images that a model made".into()));
        }
        let mut html = String::with_capacity(1 << 16);
        html.push_str("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
        html.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
        html.push_str("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">\n");
        html.push_str("<meta name=\"color-scheme\" content=\"light dark\">\n");
        // Writing to a string does not fail.
        let _ = write!(html, "<title>{}</title>\n<style>\n{}", escaped(&self.title), include_str!("page.css"));
        html.push_str(&running_head(&banners));
        let _ = write!(html, "</style>\n</head>\n<body>\n<main>\n<header>\n<h1>{}</h1>\n", escaped(&self.title));
        for line in &self.lead {
            let _ = writeln!(html, "<p class=\"lead\">{}</p>", line.html());
        }
        banners.iter().for_each(|b| banner(&mut html, b));
        html.push_str("</header>\n");
        let ids = unique_ids(self.sections.iter().map(|s| s.title.as_str()));
        if self.sections.len() > 2 {
            html.push_str("<nav aria-label=\"Contents\"><ol>\n");
            for (id, section) in ids.iter().zip(&self.sections) {
                let _ = writeln!(html, "<li><a href=\"#{id}\">{}</a></li>", escaped(&section.title));
            }
            html.push_str("</ol></nav>\n");
        }
        let mut numbers = Numbers::default();
        for (id, section) in ids.iter().zip(&self.sections) {
            let _ = writeln!(html, "<section>\n<h2 id=\"{id}\">{}</h2>", escaped(&section.title));
            section.blocks.iter().for_each(|block| numbers.block(&mut html, block));
            html.push_str("</section>\n");
        }
        if !self.footer.is_empty() {
            let _ = writeln!(html, "<footer>{}</footer>", self.footer.html());
        }
        html.push_str("</main>\n</body>\n</html>\n");
        html
    }
}

fn banner(html: &mut String, banner: &Banner) {
    let (class, word, text) = match banner {
        Banner::Synthetic(text) => ("is-synthetic", "<span class=\"synthetic\">SYNTHETIC</span> ", text),
        Banner::Simulated(text) => ("is-simulated", "<strong>SIMULATED</strong> ", text),
        Banner::Remark(text) => ("is-remark", "", text),
    };
    // Writing to a string does not fail.
    let _ = writeln!(html, "<p class=\"banner {class}\" role=\"note\">{word}{}</p>", text.html());
}

/// The line at the head of every printed page; words of ours alone, since a style sheet is no place for a file's words.
fn running_head(banners: &[Banner]) -> String {
    let has = |wanted: fn(&Banner) -> bool| banners.iter().any(wanted);
    let words: Vec<&str> = [
        (has(|b| matches!(b, Banner::Synthetic(_))), "Contains synthetic images"),
        (has(|b| matches!(b, Banner::Simulated(_))), "Simulated data"),
    ]
    .into_iter()
    .filter_map(|(is_so, words)| is_so.then_some(words))
    .collect();
    if words.is_empty() {
        return String::new();
    }
    format!(
        "@page {{ @top-right {{ content: \"{}\"; color: #b3128a; font: bold 8pt sans-serif; }} }}\n",
        words.join(" · ")
    )
}

/// Numbers of tables and figures as they come.
#[derive(Default)]
struct Numbers {
    tables: usize,
    figures: usize,
}

impl Numbers {
    fn block(&mut self, html: &mut String, block: &Block) {
        // Writing to a string does not fail.
        let _ = match block {
            Block::Paragraph(text) => writeln!(html, "<p>{}</p>", text.html()),
            Block::Heading { id, title } => writeln!(html, "<h3 id=\"{}\">{}</h3>", escaped(id), escaped(title)),
            Block::List(entries) => {
                let entries: Vec<String> = entries.iter().map(|e| format!("<li>{}</li>\n", e.html())).collect();
                writeln!(html, "<ul>\n{}</ul>", entries.concat())
            }
            Block::Facts(facts) => {
                let fact =
                    |(name, value): &(String, Text)| format!("<dt>{}</dt><dd>{}</dd>\n", escaped(name), value.html());
                writeln!(html, "<dl>\n{}</dl>", facts.iter().map(fact).collect::<String>())
            }
            Block::Listing { title, text } => {
                let (title, text) = (escaped(title), escaped(text));
                writeln!(html, "<details><summary>{title}</summary><pre>{text}</pre></details>")
            }
            Block::Boxed { class, word, texts } => {
                let texts: Vec<String> = texts.iter().map(|t| format!("<p>{}</p>", t.html())).collect();
                let (word, texts) = (escaped(word), texts.concat());
                writeln!(html, "<div class=\"banner {class}\" role=\"note\"><strong>{word}</strong>{texts}</div>")
            }
            Block::Table(table) => {
                self.tables += 1;
                write!(html, "{}", table.html(self.tables))
            }
            Block::Figures { figures, caption: None } => {
                html.push_str("<div class=\"figures\">\n");
                for figure in figures {
                    self.figures += 1;
                    html.push_str(&figure.html(Some(self.figures)));
                }
                writeln!(html, "</div>")
            }
            Block::Figures { figures, caption: Some(caption) } => {
                self.figures += 1;
                html.push_str("<div class=\"plate\"><div class=\"figures\">\n");
                figures.iter().for_each(|f| html.push_str(&f.html(None)));
                writeln!(html, "</div><p class=\"caption\"><b>Figure {}</b> {}</p></div>", self.figures, caption.html())
            }
        };
    }
}

/// Titles as ids of lower-case letters, figures and hyphens, no two alike.
fn unique_ids<'a>(titles: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut taken = BTreeSet::new();
    titles
        .map(|title| {
            let words = title.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty());
            let slug = words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-");
            let slug = if slug.is_empty() { "section".to_owned() } else { slug };
            let numbered = (2..).map(|n| format!("{slug}-{n}"));
            let id = std::iter::once(slug.clone()).chain(numbered).find(|id| !taken.contains(id)).unwrap_or(slug);
            taken.insert(id.clone());
            id
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::figure::Picture;

    #[test]
    fn ids_are_unique_and_plain() {
        let ids = unique_ids(["A b", "a B", "<>", "a-b 2"].into_iter());
        assert_eq!(ids, ["a-b", "a-b-2", "section", "a-b-2-2"]);
    }

    #[test]
    fn a_page_with_a_synthetic_picture_says_so_at_its_head_and_on_paper() {
        let picture = Picture::png(b"\x89PNG\r\n\x1a\n".to_vec(), true).unwrap();
        let mut section = Section::new("Cases");
        section.figure(Figure::picture(picture, "Slice", "A slice"));
        let mut page = Page::new("T <1>");
        page.section(section);
        let html = page.html();
        assert!(html.contains("class=\"banner is-synthetic\"") && html.contains("Contains synthetic images"), "{html}");
        assert!(html.contains("<h1>T &lt;1&gt;</h1>"));
        assert!(!Page::new("none").html().contains("banner is-"));
    }

    #[test]
    fn nothing_runs_and_nothing_is_fetched() {
        let html = Page::new("x").html();
        assert!(!html.contains("<script") && !html.contains("http://") && !html.contains("https://"));
    }
}
