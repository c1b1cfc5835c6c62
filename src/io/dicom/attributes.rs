//! A file's attributes as rows of the tag browser.

use dicom_core::Tag;
use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry};
use dicom_dictionary_std::{StandardDataDictionary, tags};

use super::dataset::{DataSet, Element, Value, dictionary_vr};
use super::header::with_header;
use super::source::Source;
use super::text::Charset;
use crate::io::{Attribute, IoError};

/// Longer values are cut.
const VALUE_LIMIT: usize = 256;
/// More rows than this are left out.
const ROW_LIMIT: usize = 100_000;

/// All attributes of a file, sequences with their items indented.
pub(crate) fn of(source: &Source) -> Result<Vec<Attribute>, IoError> {
    // A deflated data set is read through the file that holds it.
    let mut outer = source;
    while let Source::Deflated { inner, .. } = outer {
        outer = inner;
    }
    let rows = with_header(outer, |header| {
        let charset = Charset::of(&header.dataset);
        let mut rows = Vec::new();
        list(&header.meta, &Charset::default(), 0, &mut rows);
        list(&header.dataset, &charset, 0, &mut rows);
        if let Some(pixels) = header.pixels {
            let value = match pixels.length {
                Some(length) => format!("{length} bytes"),
                None => format!("encapsulated, {} bytes", header.total.saturating_sub(pixels.offset)),
            };
            rows.push(Attribute {
                tag: tag_text(pixels.tag),
                name: name_of(pixels.tag, &header.dataset),
                vr: vr_text(pixels.vr),
                value,
                depth: 0,
            });
        }
        Ok(rows)
    })?;
    rows.ok_or_else(|| IoError::format(outer.path(), "a DICOM file", "something else"))
}

fn list(dataset: &DataSet<'_>, charset: &Charset, depth: usize, rows: &mut Vec<Attribute>) {
    for element in &dataset.elements {
        if rows.len() >= ROW_LIMIT {
            return;
        }
        let (value, items) = match &element.value {
            Value::Bytes(bytes) => (value_text(element, bytes, dataset, charset), None),
            Value::Sequence(items) => {
                let noun = if items.len() == 1 { "item" } else { "items" };
                (format!("{} {noun}", items.len()), Some(items))
            }
            Value::Fragments(length) => (format!("encapsulated, {length} bytes"), None),
        };
        rows.push(Attribute {
            tag: tag_text(element.tag),
            name: name_of(element.tag, dataset),
            vr: vr_text(element.vr),
            value,
            depth,
        });
        for (number, item) in items.into_iter().flatten().enumerate() {
            rows.push(Attribute {
                tag: "(FFFE,E000)".to_owned(),
                name: format!("Item {}", number + 1),
                vr: String::new(),
                value: String::new(),
                depth: depth + 1,
            });
            list(item, charset, depth + 2, rows);
        }
    }
}

fn tag_text(tag: Tag) -> String {
    format!("({:04X},{:04X})", tag.group(), tag.element())
}

fn vr_text(vr: [u8; 2]) -> String {
    if &vr == b"xs" { "US".to_owned() } else { String::from_utf8_lossy(&vr).into_owned() }
}

/// The keyword, or for a private tag its creator.
fn name_of(tag: Tag, dataset: &DataSet<'_>) -> String {
    if tag == super::SYNTHETIC_DATA {
        return "SyntheticData".to_owned();
    }
    if let Some(entry) = StandardDataDictionary.by_tag(tag) {
        return entry.alias().to_owned();
    }
    if tag.element() == 0 {
        return "GroupLength".to_owned();
    }
    if tag.group() % 2 == 1 {
        if (0x10..=0xFF).contains(&tag.element()) {
            return "PrivateCreator".to_owned();
        }
        return match dataset.text(Tag(tag.group(), tag.element() >> 8)) {
            Some(creator) => format!("Private, {creator}"),
            None => "Private".to_owned(),
        };
    }
    "Unknown".to_owned()
}

fn value_text(element: &Element<'_>, bytes: &[u8], dataset: &DataSet<'_>, charset: &Charset) -> String {
    let vr = if &element.vr == b"UN" { dictionary_vr(element.tag) } else { element.vr };
    let text = match &vr {
        b"AT" => {
            let word = |a, b| if dataset.big_endian { u16::from_be_bytes([a, b]) } else { u16::from_le_bytes([a, b]) };
            let pairs = bytes.as_chunks::<4>().0.iter().take(32);
            pairs
                .map(|[a, b, c, d]| format!("({:04X},{:04X})", word(*a, *b), word(*c, *d)))
                .collect::<Vec<_>>()
                .join(" \\ ")
        }
        b"US" | b"SS" | b"UL" | b"SL" | b"FL" | b"FD" | b"UV" | b"SV" | b"xs" => numbers_text(element, dataset),
        b"OB" | b"OW" | b"OF" | b"OD" | b"OL" | b"OV" => format!("{} bytes", bytes.len()),
        b"UN" if !bytes.iter().all(|b| (0x20..0x7F).contains(b) || *b == 0) => format!("{} bytes", bytes.len()),
        _ => {
            let shown = &bytes[..bytes.len().min(VALUE_LIMIT * 4)];
            charset.decode(shown).trim_matches(|c: char| c == '\0' || c.is_whitespace()).to_owned()
        }
    };
    if text.chars().count() > VALUE_LIMIT {
        let mut cut: String = text.chars().take(VALUE_LIMIT).collect();
        cut.push('…');
        cut
    } else {
        text
    }
}

fn numbers_text(element: &Element<'_>, dataset: &DataSet<'_>) -> String {
    const SHOWN: usize = 32;
    // Of this element, which another with the same tag may come before.
    let all = dataset.numbers_of(element);
    let signed_by_context = &element.vr == b"xs" && dataset.integer(tags::PIXEL_REPRESENTATION) == Some(1);
    let mut parts: Vec<String> = all
        .iter()
        .take(SHOWN)
        .map(|x| if signed_by_context { (*x as u16).cast_signed().to_string() } else { x.to_string() })
        .collect();
    if all.len() > SHOWN {
        parts.push(format!("… ({} values)", all.len()));
    }
    parts.join(" \\ ")
}
