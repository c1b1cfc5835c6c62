//! A parsed data set: elements that borrow their bytes from the file's buffer, with lenient typed access.

use dicom_core::Tag;
use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry, VirtualVr};
use dicom_dictionary_std::StandardDataDictionary;

/// What an element holds.
#[derive(Debug, Clone)]
pub(crate) enum Value<'a> {
    /// Its bytes, in the data set's byte order.
    Bytes(&'a [u8]),
    /// Its items.
    Sequence(Vec<DataSet<'a>>),
    /// Encapsulated pixel data inside an item (an icon); its bytes are of no interest here.
    Fragments(usize),
}

/// One element.
#[derive(Debug, Clone)]
pub(crate) struct Element<'a> {
    pub(crate) tag: Tag,
    pub(crate) vr: [u8; 2],
    pub(crate) value: Value<'a>,
}

/// Elements, sorted by tag.
#[derive(Debug, Clone, Default)]
pub(crate) struct DataSet<'a> {
    pub(crate) elements: Vec<Element<'a>>,
    pub(crate) big_endian: bool,
}

/// The dictionary's VR of a tag, `UN` if it knows none; context-dependent ones are `xs` (US or SS) and `OW`.
pub(crate) fn dictionary_vr(tag: Tag) -> [u8; 2] {
    if tag.element() == 0 {
        return *b"UL";
    }
    if tag.group() % 2 == 1 {
        return if (0x10..=0xFF).contains(&tag.element()) { *b"LO" } else { *b"UN" };
    }
    match StandardDataDictionary.by_tag(tag).map(DataDictionaryEntry::vr) {
        None => *b"UN",
        Some(VirtualVr::Exact(vr)) => vr.to_bytes(),
        Some(VirtualVr::Xs) => *b"xs",
        Some(_) => *b"OW",
    }
}

impl<'a> DataSet<'a> {
    /// The element with this tag.
    pub(crate) fn get(&self, tag: Tag) -> Option<&Element<'a>> {
        let at = self.elements.partition_point(|e| e.tag < tag);
        self.elements.get(at).filter(|e| e.tag == tag)
    }

    /// The raw bytes of an element; `None` also for an empty one.
    pub(crate) fn bytes(&self, tag: Tag) -> Option<&'a [u8]> {
        match self.get(tag)?.value {
            Value::Bytes(bytes) if !bytes.is_empty() => Some(bytes),
            _ => None,
        }
    }

    /// The items of a sequence; none if it is not there.
    pub(crate) fn items(&self, tag: Tag) -> &[DataSet<'a>] {
        match self.get(tag).map(|e| &e.value) {
            Some(Value::Sequence(items)) => items,
            _ => &[],
        }
    }

    /// The first item of a sequence.
    pub(crate) fn item(&self, tag: Tag) -> Option<&DataSet<'a>> {
        self.items(tag).first()
    }

    /// A text value whose characters are plain (UIDs, codes, numbers), trimmed; `None` for an empty one.
    pub(crate) fn text(&self, tag: Tag) -> Option<String> {
        let bytes = self.bytes(tag)?;
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim_matches(|c: char| c == '\0' || c.is_whitespace());
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// The values of a multi-valued code string.
    pub(crate) fn texts(&self, tag: Tag) -> Vec<String> {
        self.text(tag)
            .map(|all| {
                all.split('\\').map(|v| v.trim_matches(|c: char| c == '\0' || c.is_whitespace()).to_owned()).collect()
            })
            .unwrap_or_default()
    }

    /// All numbers of an element, whether binary or written as text. What is no number is left out.
    pub(crate) fn numbers(&self, tag: Tag) -> Vec<f64> {
        self.get(tag).map(|element| self.numbers_of(element)).unwrap_or_default()
    }

    /// All numbers of one of its elements.
    pub(crate) fn numbers_of(&self, element: &Element<'_>) -> Vec<f64> {
        let Value::Bytes(bytes) = element.value else { return Vec::new() };
        let vr = match &element.vr {
            b"UN" => dictionary_vr(element.tag),
            vr => *vr,
        };
        let big = self.big_endian;
        match &vr {
            b"US" | b"xs" | b"OW" => chunks(bytes, big, u16::from_le_bytes).map(f64::from).collect(),
            b"SS" => chunks(bytes, big, i16::from_le_bytes).map(f64::from).collect(),
            b"UL" | b"OL" => chunks(bytes, big, u32::from_le_bytes).map(f64::from).collect(),
            b"SL" => chunks(bytes, big, i32::from_le_bytes).map(f64::from).collect(),
            b"FL" | b"OF" => chunks(bytes, big, f32::from_le_bytes).map(f64::from).collect(),
            b"FD" | b"OD" => chunks(bytes, big, f64::from_le_bytes).collect(),
            b"UV" | b"OV" => chunks(bytes, big, u64::from_le_bytes).map(|x| x as f64).collect(),
            b"SV" => chunks(bytes, big, i64::from_le_bytes).map(|x| x as f64).collect(),
            _ => String::from_utf8_lossy(bytes).split('\\').filter_map(parse_number).collect(),
        }
    }

    /// The first number of an element, if it is finite.
    pub(crate) fn number(&self, tag: Tag) -> Option<f64> {
        self.numbers(tag).first().copied().filter(|x| x.is_finite())
    }

    /// The first number, if it is a whole one.
    pub(crate) fn integer(&self, tag: Tag) -> Option<i64> {
        self.number(tag).filter(|x| x.abs() < 9e15).map(|x| x.round() as i64)
    }

    /// Exactly `N` finite numbers.
    pub(crate) fn vector<const N: usize>(&self, tag: Tag) -> Option<[f64; N]> {
        let all = self.numbers(tag);
        <[f64; N]>::try_from(all.get(..N)?).ok().filter(|v| v.iter().all(|x| x.is_finite()))
    }

    /// 16-bit words of an element, whatever its VR says: for values that are US or SS by context.
    pub(crate) fn words(&self, tag: Tag) -> Vec<u16> {
        self.bytes(tag).map(|bytes| chunks(bytes, self.big_endian, u16::from_le_bytes).collect()).unwrap_or_default()
    }

    /// A value that is US or SS by context, read with the signedness of the pixels. Text is accepted too.
    pub(crate) fn pixel_value(&self, tag: Tag, signed: bool) -> Option<f64> {
        let element = self.get(tag)?;
        match &element.vr {
            b"SS" | b"US" | b"xs" | b"OW" | b"UN" => {
                let Value::Bytes(bytes) = element.value else { return None };
                if bytes.len() == 4 {
                    let word = chunks(bytes, self.big_endian, u32::from_le_bytes).next()?;
                    return Some(if signed { f64::from(word.cast_signed()) } else { f64::from(word) });
                }
                let word = *self.words(tag).first()?;
                Some(if signed { f64::from(word.cast_signed()) } else { f64::from(word) })
            }
            _ => self.number(tag),
        }
    }
}

/// The numbers in `bytes`, each decoded by `from_le` after its bytes were put in little-endian order.
fn chunks<const N: usize, T>(bytes: &[u8], big_endian: bool, from_le: fn([u8; N]) -> T) -> impl Iterator<Item = T> {
    bytes.as_chunks::<N>().0.iter().map(move |chunk| {
        let mut chunk = *chunk;
        if big_endian {
            chunk.reverse();
        }
        from_le(chunk)
    })
}

/// A decimal string as real files write it: spaces, NULs, a comma for the point, `1.0f`.
fn parse_number(text: &str) -> Option<f64> {
    let text = text.trim_matches(|c: char| c == '\0' || c.is_whitespace());
    if text.is_empty() {
        return None;
    }
    text.parse().ok().or_else(|| text.replace(',', ".").parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_strings_are_read_as_real_files_write_them() {
        assert_eq!(parse_number(" -1.5e2 \0"), Some(-150.0));
        assert_eq!(parse_number("0,5"), Some(0.5));
        assert_eq!(parse_number("abc"), None);
        assert_eq!(parse_number(" "), None);
    }
}
