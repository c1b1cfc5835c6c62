//! Lookup tables of a header: Modality LUT, VOI LUTs and colour palettes.

use std::sync::Arc;

use dicom_core::Tag;
use dicom_dictionary_std::tags;

use super::dataset::DataSet;
use crate::display::VoiLut;

/// Modality LUT Sequence (0028,3000): stored value to real value by table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ModalityLut {
    first: i64,
    entries: Vec<u16>,
}

impl ModalityLut {
    /// The table of a data set, if it has one.
    pub(crate) fn read(dataset: &DataSet<'_>, signed: bool) -> Option<Self> {
        let item = dataset.item(tags::MODALITY_LUT_SEQUENCE)?;
        let (first, _, entries) = table(item, tags::LUT_DESCRIPTOR, tags::LUT_DATA, signed)?;
        Some(Self { first, entries })
    }

    /// The real value; the ends of the table reach on.
    pub(crate) fn apply(&self, stored: i64) -> u16 {
        let last = self.entries.len() - 1;
        let at = usize::try_from(stored.saturating_sub(self.first)).unwrap_or(0).min(last);
        self.entries[at]
    }
}

/// VOI LUT Sequence (0028,3010) of a data set.
pub(crate) fn voi_luts(dataset: &DataSet<'_>, signed: bool) -> Vec<VoiLut> {
    let items = dataset.items(tags::VOILUT_SEQUENCE);
    let mut luts = Vec::new();
    for item in items {
        let Some((first, bits, entries)) = table(item, tags::LUT_DESCRIPTOR, tags::LUT_DATA, signed) else { continue };
        let top = entries.iter().copied().max().unwrap_or(1);
        // Some writers claim 16 bits and fill fewer; what they fill is then the white that they mean.
        let white =
            if bits > 8 && top < 1 << (bits - 1) { f32::from(top.max(1)) } else { ((1_u32 << bits) - 1) as f32 };
        luts.push(VoiLut {
            name: item.text(tags::LUT_EXPLANATION).unwrap_or_default(),
            first: first as f64,
            entries: Arc::new(entries.iter().map(|e| (f32::from(*e) / white).min(1.0)).collect()),
        });
    }
    luts
}

/// First mapped value, bits an entry, and the entries of a LUT.
fn table(item: &DataSet<'_>, descriptor: Tag, data: Tag, signed: bool) -> Option<(i64, u32, Vec<u16>)> {
    let words = item.words(descriptor);
    let &[count, first, bits] = words.get(..3)? else { return None };
    let count = if count == 0 { 65_536 } else { usize::from(count) };
    let first = if signed { i64::from(first.cast_signed()) } else { i64::from(first) };
    let bits = u32::from(bits).clamp(8, 16);
    let bytes = item.bytes(data)?;
    let mut entries: Vec<u16> = if bits == 8 && bytes.len() <= count + 1 {
        packed(item, data).into_iter().map(u16::from).collect()
    } else {
        item.words(data)
    };
    entries.truncate(count);
    (!entries.is_empty()).then_some((first, bits, entries))
}

/// A colour palette, each entry already 8 bits.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Palette {
    first: i64,
    colours: Vec<[u8; 3]>,
}

impl Palette {
    /// The palette of a data set, plain or segmented.
    pub(crate) fn read(dataset: &DataSet<'_>) -> Option<Self> {
        let channel = |descriptor, plain, segmented| {
            channel(dataset, descriptor, plain).or_else(|| segmented_channel(dataset, descriptor, segmented))
        };
        let red = channel(
            tags::RED_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR,
            tags::RED_PALETTE_COLOR_LOOKUP_TABLE_DATA,
            tags::SEGMENTED_RED_PALETTE_COLOR_LOOKUP_TABLE_DATA,
        )?;
        let green = channel(
            tags::GREEN_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR,
            tags::GREEN_PALETTE_COLOR_LOOKUP_TABLE_DATA,
            tags::SEGMENTED_GREEN_PALETTE_COLOR_LOOKUP_TABLE_DATA,
        )?;
        let blue = channel(
            tags::BLUE_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR,
            tags::BLUE_PALETTE_COLOR_LOOKUP_TABLE_DATA,
            tags::SEGMENTED_BLUE_PALETTE_COLOR_LOOKUP_TABLE_DATA,
        )?;
        let colours: Vec<[u8; 3]> = red.1.iter().zip(&green.1).zip(&blue.1).map(|((r, g), b)| [*r, *g, *b]).collect();
        (!colours.is_empty()).then_some(Self { first: red.0, colours })
    }

    /// The colour of a stored value; the ends of the palette reach on.
    pub(crate) fn colour(&self, stored: i64) -> [u8; 3] {
        let at = usize::try_from(stored.saturating_sub(self.first)).unwrap_or(0).min(self.colours.len() - 1);
        self.colours[at]
    }
}

/// First mapped value and 8-bit entries of one plain channel.
fn channel(dataset: &DataSet<'_>, descriptor: Tag, data: Tag) -> Option<(i64, Vec<u8>)> {
    let words = dataset.words(descriptor);
    let count = if words.first()? == &0 { 65_536 } else { usize::from(*words.first()?) };
    let first = i64::from(words.get(1)?.cast_signed());
    let bits = *words.get(2)?;
    let bytes = dataset.bytes(data)?;
    // Eight-bit tables are packed into words, or written one entry a word.
    let mut entries: Vec<u8> =
        if bits <= 8 && bytes.len() <= count + 1 { packed(dataset, data) } else { to_bytes(&dataset.words(data)) };
    entries.truncate(count);
    Some((first, entries))
}

/// Eight-bit entries, two to a word: the first is the lower byte, which comes second in a big-endian word.
fn packed(dataset: &DataSet<'_>, tag: Tag) -> Vec<u8> {
    let words = dataset.get(tag).is_some_and(|e| &e.vr != b"OB");
    if dataset.big_endian && words {
        return dataset.words(tag).iter().flat_map(|w| w.to_le_bytes()).collect();
    }
    dataset.bytes(tag).map(<[u8]>::to_vec).unwrap_or_default()
}

/// Sixteen-bit entries by their upper byte, unless nothing reaches it.
fn to_bytes(words: &[u16]) -> Vec<u8> {
    let shift = if words.iter().all(|w| *w < 256) { 0 } else { 8 };
    words.iter().map(|w| (w >> shift) as u8).collect()
}

/// A segmented channel (PS3.3 C.7.9.2): discrete, linear and indirect segments.
fn segmented_channel(dataset: &DataSet<'_>, descriptor: Tag, data: Tag) -> Option<(i64, Vec<u8>)> {
    let words = dataset.words(descriptor);
    let count = if words.first()? == &0 { 65_536 } else { usize::from(*words.first()?) };
    let first = i64::from(words.get(1)?.cast_signed());
    let eight = *words.get(2)? <= 8;
    let units: Vec<u16> =
        if eight { packed(dataset, data).into_iter().map(u16::from).collect() } else { dataset.words(data) };
    let mut entries: Vec<u16> = Vec::new();
    let unit = if units.iter().all(|u| *u < 256) { 1 } else { 2 };
    // Segments may repeat others that add nothing: what may be looked at is bounded, too.
    let mut steps = count.saturating_add(units.len());
    expand(&units, unit, &units, &mut entries, count, &mut steps, true);
    entries.truncate(count);
    let bytes = if eight { entries.iter().map(|e| *e as u8).collect() } else { to_bytes(&entries) };
    (!entries.is_empty()).then_some((first, bytes))
}

/// Expands segments; an indirect one copies earlier segments, only from the outermost level.
/// `unit` is what an offset counts in; `steps` is how many segments may still be looked at.
fn expand(
    all: &[u16],
    unit: usize,
    segments: &[u16],
    out: &mut Vec<u16>,
    limit: usize,
    steps: &mut usize,
    outermost: bool,
) {
    let mut at = 0;
    while let (Some(&code), Some(&length)) = (segments.get(at), segments.get(at + 1)) {
        if out.len() >= limit || *steps == 0 {
            return;
        }
        *steps -= 1;
        let length = usize::from(length);
        at += 2;
        match code {
            0 => {
                let end = (at + length).min(segments.len());
                out.extend(&segments[at..end]);
                at = end;
            }
            1 => {
                let (Some(&end), Some(&start)) = (segments.get(at), out.last()) else { return };
                let (start, end) = (f64::from(start), f64::from(end));
                out.extend((1..=length).map(|k| (start + (end - start) * k as f64 / length as f64).round() as u16));
                at += 1;
            }
            2 if outermost => {
                let (Some(&low), Some(&high)) = (segments.get(at), segments.get(at + 1)) else { return };
                at += 2;
                // The offset counts bytes; the number of segments to copy is `length`.
                let offset = (usize::from(high) << 16 | usize::from(low)) / unit;
                let Some(copied) = all.get(offset..) else { return };
                let end = segments_end(copied, length, steps);
                expand(all, unit, &copied[..end], out, limit, steps, false);
            }
            _ => return,
        }
    }
}

/// Where `count` segments end.
fn segments_end(segments: &[u16], count: usize, steps: &mut usize) -> usize {
    let mut at = 0;
    for _ in 0..count.min(*steps) {
        *steps -= 1;
        let (Some(&code), Some(&length)) = (segments.get(at), segments.get(at + 1)) else { break };
        at += 2 + match code {
            0 => usize::from(length),
            1 => 1,
            _ => 2,
        };
    }
    at.min(segments.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::dicom::dataset::{Element, Value};

    #[test]
    fn segments_that_repeat_others_and_add_nothing_come_to_an_end() {
        // Each of the indirect segments points at the start and asks for all that follows, most of it indirect again.
        let units: Vec<u16> =
            std::iter::once([0, 0, 0, 0]).chain(std::iter::repeat_n([2, 65_535, 0, 0], 100_000)).flatten().collect();
        let (mut entries, mut steps) = (Vec::new(), 65_536 + units.len());
        expand(&units, 2, &units, &mut entries, 65_536, &mut steps, true);
        assert!(entries.is_empty() && steps == 0);
    }

    /// PS3.5 section 8.1.1: the first of two bytes in a word is its lower one, in either byte order.
    #[test]
    fn eight_bit_entries_packed_into_words_keep_their_order_in_either_byte_order() {
        let tag = tags::RED_PALETTE_COLOR_LOOKUP_TABLE_DATA;
        let read = |vr: &[u8; 2], big_endian: bool, bytes: &[u8]| {
            let elements = vec![Element { tag, vr: *vr, value: Value::Bytes(bytes) }];
            packed(&DataSet { elements, big_endian }, tag)
        };
        assert_eq!(read(b"OW", false, &[1, 2, 3, 4]), [1, 2, 3, 4]);
        assert_eq!(read(b"OW", true, &[2, 1, 4, 3]), [1, 2, 3, 4]);
        assert_eq!(read(b"OB", true, &[1, 2, 3, 4]), [1, 2, 3, 4]);
    }
}
