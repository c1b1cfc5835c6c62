//! `CARD.md`, plainly drawn: headings, paragraphs, lists, tables and code. No links are followed, no pictures fetched.

use eframe::egui::{FontFamily, FontId, Label, RichText, ScrollArea, TextFormat, Ui, text::LayoutJob};

use crate::app::ui_kit::theme::{self, tokens};

/// A piece of the text.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Block {
    /// Its depth, 1 to 6.
    Heading(usize, String),
    Paragraph(String),
    /// What stands before the text.
    Item(String, String),
    /// A line of a table or of code, as it is.
    Fixed(String),
}

/// The text in pieces.
pub(super) fn blocks(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let (mut code, mut joins) = (false, false);
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.starts_with("```") {
            code = !code;
            joins = false;
            continue;
        }
        let depth = trimmed.bytes().take_while(|b| *b == b'#').count();
        let item = trimmed.strip_prefix("- ").or_else(|| trimmed.strip_prefix("* ")).map(|rest| ("•".to_owned(), rest));
        let numbered = trimmed.split_once(". ").filter(|(n, _)| n.len() < 4 && n.parse::<u32>().is_ok());
        let block = if code {
            Block::Fixed(line.to_owned())
        } else if trimmed.is_empty() {
            joins = false;
            continue;
        } else if (1..=6).contains(&depth) && trimmed[depth..].starts_with(' ') {
            Block::Heading(depth, trimmed[depth..].trim().to_owned())
        } else if trimmed.starts_with('|') {
            if trimmed.chars().all(|c| "|-: ".contains(c)) {
                continue;
            }
            Block::Fixed(trimmed.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>().join("   "))
        } else if let Some((mark, rest)) = item {
            Block::Item(mark, rest.to_owned())
        } else if let Some((n, rest)) = numbered {
            Block::Item(format!("{n}."), rest.to_owned())
        } else {
            // A line goes on where the one before it stopped, unless that ends a sentence in bold before it.
            if joins && let Some(Block::Paragraph(text) | Block::Item(_, text)) = blocks.last_mut() {
                let key = trimmed.starts_with("**");
                text.push(if key { '\n' } else { ' ' });
                text.push_str(trimmed);
                continue;
            }
            Block::Paragraph(trimmed.to_owned())
        };
        joins = matches!(block, Block::Paragraph(_) | Block::Item(..));
        blocks.push(block);
    }
    blocks
}

/// Draws it in a box that scrolls.
pub(super) fn show(ui: &mut Ui, text: &str) {
    let t = tokens(ui.ctx());
    ScrollArea::vertical().id_salt("card text").max_height(260.0).auto_shrink([false, true]).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = t.space.xs;
        for block in blocks(text) {
            match block {
                Block::Heading(depth, text) => {
                    ui.add_space(t.space.xs);
                    let size = if depth == 1 { t.size.body + 1.0 } else { t.size.body };
                    let text = RichText::new(text).family(theme::bold_family()).size(size).color(t.text);
                    ui.add(Label::new(text).wrap());
                }
                Block::Paragraph(text) => {
                    ui.add(Label::new(styled(ui, &text)).wrap());
                }
                Block::Item(mark, text) => {
                    ui.horizontal_top(|ui| {
                        ui.spacing_mut().item_spacing.x = t.space.xs;
                        ui.label(RichText::new(mark).size(t.size.small + 1.0).color(t.quiet));
                        ui.add(Label::new(styled(ui, &text)).wrap());
                    });
                }
                Block::Fixed(text) => {
                    ui.add(Label::new(styled(ui, &text)).wrap());
                }
            }
        }
    });
}

/// `**bold**` and `` `code` `` as such.
fn styled(ui: &Ui, text: &str) -> LayoutJob {
    let t = tokens(ui.ctx());
    let size = t.size.small + 1.0;
    let format = |family: FontFamily, color| TextFormat::simple(FontId::new(size, family), color);
    let mut job = LayoutJob::default();
    for (n, part) in text.split("**").enumerate() {
        let bold = n % 2 == 1;
        for (n, piece) in part.split('`').enumerate() {
            let family = match (n % 2 == 1, bold) {
                (true, _) => FontFamily::Monospace,
                (false, true) => theme::bold_family(),
                (false, false) => FontFamily::Proportional,
            };
            job.append(piece, 0.0, format(family, if bold { t.text } else { t.quiet }));
        }
    }
    job
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_cut_into_headings_paragraphs_lists_and_tables() {
        let text = "# Title\n\n**Task** One\n**Status** Two\n\n## Limits\nA line\nthat goes on.\n\n- first\n  more\n2. second\n\n| a | b |\n|---|---|\n| 1 | 2 |\n";
        assert_eq!(
            blocks(text),
            [
                Block::Heading(1, "Title".into()),
                Block::Paragraph("**Task** One\n**Status** Two".into()),
                Block::Heading(2, "Limits".into()),
                Block::Paragraph("A line that goes on.".into()),
                Block::Item("•".into(), "first more".into()),
                Block::Item("2.".into(), "second".into()),
                Block::Fixed("a   b".into()),
                Block::Fixed("1   2".into()),
            ]
        );
    }
}
