//! Tables: units in the head, numbers aligned to the right in figures of one width, footnotes below.

use std::fmt::Write as _;

use super::text::{Text, escaped};

/// On which side a column's cells stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// The head of a column.
#[derive(Debug, Clone)]
pub struct Column {
    title: String,
    unit: String,
    align: Align,
}

impl Column {
    /// A column of words.
    #[must_use]
    pub fn text(title: impl Into<String>) -> Self {
        Self { title: title.into(), unit: String::new(), align: Align::Left }
    }

    /// A column of numbers; the unit may be empty.
    #[must_use]
    pub fn number(title: impl Into<String>, unit: impl Into<String>) -> Self {
        Self { title: title.into(), unit: unit.into(), align: Align::Right }
    }
}

/// A cell: words, and whether they are of less weight.
#[derive(Debug, Clone, Default)]
pub struct Cell {
    text: Text,
    quiet: bool,
    notes: Vec<Note>,
}

impl Cell {
    /// A cell that steps back: what is missing, or too small to count.
    #[must_use]
    pub fn quiet(text: impl Into<Text>) -> Self {
        Self { text: text.into(), quiet: true, notes: Vec::new() }
    }

    /// The same cell with the mark of a footnote.
    #[must_use]
    pub fn noted(mut self, note: Note) -> Self {
        self.notes.push(note);
        self.notes.sort();
        self.notes.dedup();
        self
    }

    fn html(&self) -> String {
        if self.notes.is_empty() {
            return self.text.html();
        }
        let marks: Vec<String> = self.notes.iter().map(|n| letter(n.0)).collect();
        format!("{}<sup>{}</sup>", self.text.html(), marks.join(","))
    }
}

impl<T: Into<Text>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text.into(), quiet: false, notes: Vec::new() }
    }
}

/// The mark of a footnote of one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note(usize);

#[derive(Debug, Clone)]
enum Row {
    Cells { id: Option<String>, cells: Vec<Cell> },
    Group(Text),
}

/// A table; it gets its number where it stands in the page.
#[derive(Debug, Clone)]
pub struct Table {
    caption: Text,
    columns: Vec<Column>,
    rows: Vec<Row>,
    notes: Vec<Text>,
    remarks: Vec<Text>,
}

impl Table {
    /// A table without rows.
    #[must_use]
    pub fn new(caption: impl Into<Text>, columns: Vec<Column>) -> Self {
        Self { caption: caption.into(), columns, rows: Vec::new(), notes: Vec::new(), remarks: Vec::new() }
    }

    /// Adds a row; cells that are missing at its end are empty, cells too many are left out.
    pub fn row<C: Into<Cell>>(&mut self, cells: impl IntoIterator<Item = C>) {
        self.rows.push(Row::Cells { id: None, cells: cells.into_iter().map(Into::into).collect() });
    }

    /// Adds a row that links can lead to.
    pub fn row_with_id(&mut self, id: impl Into<String>, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(Row::Cells { id: Some(id.into()), cells: cells.into_iter().collect() });
    }

    /// Adds a line over the rows that belong together.
    pub fn group(&mut self, title: impl Into<Text>) {
        self.rows.push(Row::Group(title.into()));
    }

    /// Adds a footnote, or finds the same one again.
    pub fn note(&mut self, text: impl Into<Text>) -> Note {
        let text = text.into();
        let at = self.notes.iter().position(|n| *n == text).unwrap_or_else(|| {
            self.notes.push(text);
            self.notes.len() - 1
        });
        Note(at)
    }

    /// Adds a sentence below the table that belongs to all of it.
    pub fn remark(&mut self, text: impl Into<Text>) {
        self.remarks.push(text.into());
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(super) fn html(&self, number: usize) -> String {
        let mut html = String::from("<div class=\"table\"><table>\n");
        // Writing to a string does not fail.
        let _ = writeln!(html, "<caption><b>Table {number}</b> {}</caption>", self.caption.html());
        html.push_str("<thead><tr>");
        for column in &self.columns {
            let _ = write!(html, "<th scope=\"col\"{}>{}", class(column.align, false), escaped(&column.title));
            if !column.unit.is_empty() {
                let _ = write!(html, " <span class=\"unit\">{}</span>", escaped(&column.unit));
            }
            html.push_str("</th>");
        }
        html.push_str("</tr></thead>\n<tbody>\n");
        for row in &self.rows {
            match row {
                Row::Group(title) => {
                    let (span, title) = (self.columns.len().max(1), title.html());
                    let _ = writeln!(
                        html,
                        "<tr class=\"group\"><th colspan=\"{span}\" scope=\"rowgroup\">{title}</th></tr>"
                    );
                }
                Row::Cells { id, cells } => self.cells(&mut html, id.as_deref(), cells),
            }
        }
        html.push_str("</tbody></table>\n");
        if !(self.notes.is_empty() && self.remarks.is_empty()) {
            html.push_str("<div class=\"notes\">");
            for (at, note) in self.notes.iter().enumerate() {
                let _ = write!(html, "<p><sup>{}</sup> {}</p>", letter(at), note.html());
            }
            for remark in &self.remarks {
                let _ = write!(html, "<p>{}</p>", remark.html());
            }
            html.push_str("</div>\n");
        }
        html.push_str("</div>\n");
        html
    }

    fn cells(&self, html: &mut String, id: Option<&str>, cells: &[Cell]) {
        match id {
            Some(id) => html.push_str(&format!("<tr id=\"{}\">", escaped(id))),
            None => html.push_str("<tr>"),
        }
        let empty = Cell::default();
        for (at, column) in self.columns.iter().enumerate() {
            let cell = cells.get(at).unwrap_or(&empty);
            let (open, close) = if at == 0 { ("th scope=\"row\"", "th") } else { ("td", "td") };
            html.push_str(&format!("<{open}{}>{}</{close}>", class(column.align, cell.quiet), cell.html()));
        }
        html.push_str("</tr>\n");
    }
}

fn class(align: Align, quiet: bool) -> &'static str {
    match (align, quiet) {
        (Align::Left, false) => "",
        (Align::Left, true) => " class=\"quiet\"",
        (Align::Right, false) => " class=\"number\"",
        (Align::Right, true) => " class=\"number quiet\"",
    }
}

/// `a` to `z`, then `aa` …
fn letter(at: usize) -> String {
    let one = |n: usize| char::from(b'a' + (n % 26) as u8);
    if at < 26 { one(at).to_string() } else { format!("{}{}", one(at / 26 - 1), one(at)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_says_units_groups_and_footnotes() {
        let mut table = Table::new("Errors", vec![Column::text("Model"), Column::number("MAE", "HU")]);
        table.group("CT");
        let note = table.note("one case failed");
        assert_eq!(note, table.note("one case failed"));
        table.row([Cell::from("<a>"), Cell::from("12").noted(note)]);
        table.row(["b"]);
        let html = table.html(3);
        assert!(
            html.contains("<b>Table 3</b> Errors") && html.contains("MAE <span class=\"unit\">HU</span>"),
            "{html}"
        );
        assert!(html.contains("<th scope=\"row\">&lt;a&gt;</th><td class=\"number\">12<sup>a</sup></td>"), "{html}");
        assert!(html.contains("<p><sup>a</sup> one case failed</p>"), "{html}");
        assert!(html.contains("<th scope=\"row\">b</th><td class=\"number\"></td>"), "{html}");
    }

    #[test]
    fn footnotes_go_on_after_z() {
        assert_eq!([0, 25, 26, 52].map(letter), ["a", "z", "aa", "ba"]);
    }
}
