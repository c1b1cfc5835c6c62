//! Bytes to a data set, up to Pixel Data, forgiving what real files get wrong.
//!
//! The parser works on a prefix of the object. Where that ends too early it says how much more it needs; where the object
//! itself ends too early it keeps what is there and says so.

use dicom_core::Tag;
use dicom_dictionary_std::tags;

use super::dataset::{DataSet, Element, Value, dictionary_vr};

/// Sequences may be nested this deep; deeper ones are taken for damage.
const DEPTH_LIMIT: usize = 32;
const UNDEFINED: u32 = u32::MAX;
const ITEM: Tag = Tag(0xFFFE, 0xE000);
const ITEM_END: Tag = Tag(0xFFFE, 0xE00D);
const SEQUENCE_END: Tag = Tag(0xFFFE, 0xE0DD);

/// How elements are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Encoding {
    pub(crate) explicit: bool,
    pub(crate) big_endian: bool,
}

impl Encoding {
    pub(crate) const IMPLICIT_LITTLE: Self = Self { explicit: false, big_endian: false };
    pub(crate) const EXPLICIT_LITTLE: Self = Self { explicit: true, big_endian: false };
    pub(crate) const EXPLICIT_BIG: Self = Self { explicit: true, big_endian: true };
}

/// Where Pixel Data (or its float forms) lies in the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PixelElement {
    /// (7FE0,0010), (7FE0,0008) or (7FE0,0009).
    pub(crate) tag: Tag,
    /// Its VR, `OW` when implicit.
    pub(crate) vr: [u8; 2],
    /// Where its value starts.
    pub(crate) offset: u64,
    /// Its length; `None` for encapsulated fragments.
    pub(crate) length: Option<u64>,
}

/// What the parser found.
#[derive(Debug)]
pub(crate) struct Parsed<'a> {
    pub(crate) dataset: DataSet<'a>,
    pub(crate) pixels: Option<PixelElement>,
    /// The object ends in the middle of an element.
    pub(crate) cut_short: bool,
}

/// The prefix is too short: at least this many bytes are needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NeedMore(pub(crate) u64);

/// Parses the data set that starts at `start` in `data`, the first bytes of an object of `total` bytes.
pub(crate) fn parse(data: &[u8], start: usize, total: u64, encoding: Encoding) -> Result<Parsed<'_>, NeedMore> {
    let mut parser = Parser { data, at: start, total, limit: usize::MAX, cut_short: false, pixels: None };
    let dataset = parser.elements(None, encoding, 0)?;
    Ok(Parsed { dataset, pixels: parser.pixels, cut_short: parser.cut_short })
}

/// Parses file meta information (group 0002) at `start`; returns it and where it ends.
pub(crate) fn parse_meta(data: &[u8], start: usize, total: u64) -> Result<(DataSet<'_>, usize), NeedMore> {
    let mut parser = Parser { data, at: start, total, limit: usize::MAX, cut_short: false, pixels: None };
    let mut elements = Vec::new();
    while let Some(head) = parser.peek(8)? {
        if u16::from_le_bytes([head[0], head[1]]) != 2 {
            break;
        }
        // Always explicit by the standard; some writers forget.
        let encoding = if is_vr([head[4], head[5]]) { Encoding::EXPLICIT_LITTLE } else { Encoding::IMPLICIT_LITTLE };
        match parser.element(encoding, 0)? {
            Step::Element(element) => elements.push(element),
            _ => break,
        }
    }
    let mut meta = DataSet { elements, big_endian: false };
    meta.elements.sort_by_key(|e| e.tag);
    Ok((meta, parser.at))
}

/// Whether two bytes look like an explicit VR.
pub(crate) fn is_vr(vr: [u8; 2]) -> bool {
    const KNOWN: [&[u8; 2]; 34] = [
        b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"OB", b"OD", b"OF", b"OL",
        b"OV", b"OW", b"PN", b"SH", b"SL", b"SQ", b"SS", b"ST", b"SV", b"TM", b"UC", b"UI", b"UL", b"UN", b"UR", b"US",
        b"UT", b"UV",
    ];
    KNOWN.contains(&&vr)
}

/// The encoding that the element at `at` is most likely written in, from its first eight bytes.
pub(crate) fn guess_encoding(head: &[u8]) -> Option<Encoding> {
    let head: [u8; 8] = head.get(..8)?.try_into().ok()?;
    let little = u16::from_le_bytes([head[0], head[1]]);
    let big = u16::from_be_bytes([head[0], head[1]]);
    let explicit = is_vr([head[4], head[5]]);
    let plausible = |group: u16| group != 0 && group <= 0x0070 || group == 0x7FE0;
    match (plausible(little), plausible(big), explicit) {
        (true, _, true) => Some(Encoding::EXPLICIT_LITTLE),
        (_, true, true) => Some(Encoding::EXPLICIT_BIG),
        (true, _, false) => {
            let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
            (length < 1 << 20 || length == UNDEFINED).then_some(Encoding::IMPLICIT_LITTLE)
        }
        _ => None,
    }
}

enum Step<'a> {
    Element(Element<'a>),
    /// An item or sequence delimiter was passed.
    Delimiter(Tag),
    /// Pixel data at the top, or the end of what there is.
    End,
}

struct Parser<'a> {
    data: &'a [u8],
    at: usize,
    total: u64,
    /// Where the innermost sequence or item of known length ends. What lies in it ends with it: were it allowed to reach
    /// beyond, the bytes behind would be parsed again at every depth.
    limit: usize,
    cut_short: bool,
    pixels: Option<PixelElement>,
}

impl<'a> Parser<'a> {
    /// Parses within `end`, or within the limit that holds now if that comes before.
    fn within<T>(&mut self, end: usize, parse: impl FnOnce(&mut Self) -> T) -> T {
        let outer = self.limit;
        self.limit = outer.min(end);
        let result = parse(self);
        self.limit = outer;
        result
    }

    /// The next `n` bytes without passing them; `None` where the object ends.
    fn peek(&self, n: usize) -> Result<Option<&'a [u8]>, NeedMore> {
        match self.data.get(self.at..self.at.saturating_add(n)) {
            Some(bytes) => Ok(Some(bytes)),
            None if self.at as u64 + n as u64 <= self.total => Err(NeedMore(self.at as u64 + n as u64)),
            None => Ok(None),
        }
    }

    /// The next `n` bytes; fewer, and a note, where the object ends.
    fn take(&mut self, n: u64) -> Result<&'a [u8], NeedMore> {
        let left = self.total.saturating_sub(self.at as u64);
        let wanted = if n > left {
            self.cut_short = true;
            left
        } else {
            n
        };
        let end = self.at as u64 + wanted;
        let stop = usize::try_from(end).ok().filter(|end| *end <= self.data.len()).ok_or(NeedMore(end))?;
        let bytes = &self.data[self.at..stop];
        self.at = stop;
        Ok(bytes)
    }

    /// Elements up to `end`, or up to a delimiter where the length is undefined (`end` is then `None` and `depth > 0`).
    fn elements(&mut self, end: Option<usize>, encoding: Encoding, depth: usize) -> Result<DataSet<'a>, NeedMore> {
        let mut elements: Vec<Element<'a>> = Vec::with_capacity(if depth == 0 { 128 } else { 0 });
        while self.at < self.limit {
            match self.element(encoding, depth)? {
                Step::Element(element) => elements.push(element),
                Step::Delimiter(tag) => {
                    if depth > 0 && end.is_none() {
                        if tag == SEQUENCE_END {
                            // The item was not closed; let the sequence see its own end.
                            self.at = self.at.saturating_sub(8);
                        }
                        break;
                    }
                }
                Step::End => break,
            }
            if self.cut_short {
                break;
            }
        }
        if !elements.is_sorted_by_key(|e| e.tag) {
            elements.sort_by_key(|e| e.tag);
        }
        Ok(DataSet { elements, big_endian: encoding.big_endian })
    }

    fn element(&mut self, encoding: Encoding, depth: usize) -> Result<Step<'a>, NeedMore> {
        let Some(head) = self.peek(8)? else {
            self.cut_short |= self.total > self.at as u64;
            return Ok(Step::End);
        };
        let head: [u8; 8] = [head[0], head[1], head[2], head[3], head[4], head[5], head[6], head[7]];
        let u16_at = |i: usize| {
            let pair = [head[i], head[i + 1]];
            if encoding.big_endian { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) }
        };
        let u32_of =
            |four: [u8; 4]| if encoding.big_endian { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) };
        let tag = Tag(u16_at(0), u16_at(2));
        if tag == ITEM_END || tag == SEQUENCE_END {
            self.at += 8;
            return Ok(Step::Delimiter(tag));
        }
        let declared = [head[4], head[5]];
        let (vr, length) = if encoding.explicit && is_vr(declared) {
            if long_form(declared) {
                let Some(long) = self.peek(12)? else {
                    self.cut_short = true;
                    return Ok(Step::End);
                };
                self.at += 12;
                (declared, u32_of([long[8], long[9], long[10], long[11]]))
            } else {
                self.at += 8;
                (declared, u32::from(u16_at(6)))
            }
        } else if encoding.explicit && tag != ITEM && declared.iter().all(u8::is_ascii_uppercase) {
            // An unknown VR in the short form, as older readers write it.
            self.at += 8;
            (*b"UN", u32::from(u16_at(6)))
        } else {
            // Implicit, or an element with a broken VR among explicit ones.
            self.at += 8;
            (dictionary_vr(tag), u32_of([head[4], head[5], head[6], head[7]]))
        };
        self.value(tag, vr, length, encoding, depth)
    }

    fn value(
        &mut self,
        tag: Tag,
        vr: [u8; 2],
        length: u32,
        encoding: Encoding,
        depth: usize,
    ) -> Result<Step<'a>, NeedMore> {
        if depth == 0 && [tags::PIXEL_DATA, tags::FLOAT_PIXEL_DATA, tags::DOUBLE_FLOAT_PIXEL_DATA].contains(&tag) {
            self.pixels = Some(PixelElement {
                tag,
                vr,
                offset: self.at as u64,
                length: (length != UNDEFINED).then_some(u64::from(length)),
            });
            return Ok(Step::End);
        }
        if length == UNDEFINED {
            let value = if matches!(&vr, b"OB" | b"OW" | b"OF" | b"OD" | b"OL" | b"OV") {
                Value::Fragments(self.skip_fragments(encoding)?)
            } else {
                // An UN of undefined length is a sequence in implicit little endian (PS3.5 6.2.2).
                let inner = if &vr == b"UN" && encoding.explicit { Encoding::IMPLICIT_LITTLE } else { encoding };
                Value::Sequence(self.sequence(None, inner, depth)?)
            };
            let vr = if matches!(value, Value::Sequence(_)) { *b"SQ" } else { vr };
            return Ok(Step::Element(Element { tag, vr, value }));
        }
        let is_sequence = &vr == b"SQ" || (&vr == b"UN" && length > 0 && &dictionary_vr(tag) == b"SQ");
        if is_sequence {
            let inner = if &vr == b"UN" && encoding.explicit { Encoding::IMPLICIT_LITTLE } else { encoding };
            let end = (self.at as u64 + u64::from(length)).min(self.total);
            self.cut_short |= self.at as u64 + u64::from(length) > self.total;
            if end > self.data.len() as u64 {
                return Err(NeedMore(end));
            }
            let end = usize::try_from(end).unwrap_or(self.data.len());
            let end = end.min(self.limit.max(self.at));
            let cut_before = self.cut_short;
            let items = self.within(end, |p| p.sequence(Some(end), inner, depth))?;
            // Damage inside a sequence of known length ends with it.
            if !cut_before {
                self.cut_short = false;
            }
            self.at = end;
            return Ok(Step::Element(Element { tag, vr: *b"SQ", value: Value::Sequence(items) }));
        }
        let bytes = self.take(u64::from(length))?;
        Ok(Step::Element(Element { tag, vr, value: Value::Bytes(bytes) }))
    }

    fn sequence(&mut self, end: Option<usize>, encoding: Encoding, depth: usize) -> Result<Vec<DataSet<'a>>, NeedMore> {
        let mut items = Vec::new();
        if depth >= DEPTH_LIMIT {
            self.cut_short = true;
            return Ok(items);
        }
        while self.at < self.limit && !self.cut_short {
            let Some(head) = self.peek(8)? else {
                self.cut_short = true;
                break;
            };
            let order = |a: u8, b: u8| {
                if encoding.big_endian { u16::from_be_bytes([a, b]) } else { u16::from_le_bytes([a, b]) }
            };
            let tag = Tag(order(head[0], head[1]), order(head[2], head[3]));
            let four = [head[4], head[5], head[6], head[7]];
            let length = if encoding.big_endian { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) };
            match tag {
                SEQUENCE_END => {
                    self.at += 8;
                    break;
                }
                ITEM => {
                    self.at += 8;
                    let stop = (length != UNDEFINED)
                        .then(|| (self.at as u64 + u64::from(length)).min(self.total))
                        .map(|stop| if end.is_some() { stop.min(end.unwrap_or(0) as u64) } else { stop });
                    match stop {
                        Some(stop) if stop > self.data.len() as u64 => return Err(NeedMore(stop)),
                        Some(stop) => {
                            let stop = usize::try_from(stop).unwrap_or(self.data.len());
                            items.push(self.within(stop, |p| p.elements(Some(stop), encoding, depth + 1))?);
                            self.at = stop.max(self.at);
                        }
                        None => items.push(self.elements(None, encoding, depth + 1)?),
                    }
                }
                ITEM_END => self.at += 8,
                _ => {
                    // No item where one must be: the sequence is not closed, or damaged.
                    self.cut_short |= end.is_none() && self.total <= self.at as u64;
                    break;
                }
            }
        }
        Ok(items)
    }

    fn skip_fragments(&mut self, encoding: Encoding) -> Result<usize, NeedMore> {
        let start = self.at;
        while self.at < self.limit
            && let Some(head) = self.peek(8)?
        {
            let order = |a: u8, b: u8| {
                if encoding.big_endian { u16::from_be_bytes([a, b]) } else { u16::from_le_bytes([a, b]) }
            };
            let tag = Tag(order(head[0], head[1]), order(head[2], head[3]));
            let four = [head[4], head[5], head[6], head[7]];
            let length = if encoding.big_endian { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) };
            self.at += 8;
            if tag != ITEM || length == UNDEFINED {
                return Ok(self.at - start);
            }
            self.take(u64::from(length))?;
            if self.cut_short {
                break;
            }
        }
        Ok(self.at - start)
    }
}

/// VRs whose length has 32 bits in explicit encoding.
fn long_form(vr: [u8; 2]) -> bool {
    matches!(&vr, b"OB" | b"OD" | b"OF" | b"OL" | b"OV" | b"OW" | b"SQ" | b"SV" | b"UC" | b"UN" | b"UR" | b"UT" | b"UV")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explicit(tag: Tag, vr: &[u8; 2], value: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend(tag.group().to_le_bytes());
        out.extend(tag.element().to_le_bytes());
        out.extend(vr);
        if long_form(*vr) {
            out.extend([0, 0]);
            out.extend((value.len() as u32).to_le_bytes());
        } else {
            out.extend((value.len() as u16).to_le_bytes());
        }
        out.extend(value);
        out
    }

    #[test]
    fn a_short_prefix_asks_for_more_and_a_short_file_keeps_what_is_there() {
        let bytes = explicit(tags::PATIENT_ID, b"LO", b"ABCDEF");
        assert_eq!(parse(&bytes[..10], 0, 14, Encoding::EXPLICIT_LITTLE).unwrap_err(), NeedMore(14));
        let parsed = parse(&bytes[..10], 0, 10, Encoding::EXPLICIT_LITTLE).unwrap();
        assert!(parsed.cut_short);
        assert_eq!(parsed.dataset.text(tags::PATIENT_ID).as_deref(), Some("AB"));
    }

    #[test]
    fn a_sequence_of_undefined_length_closes_with_its_delimiter() {
        let mut bytes = explicit(Tag(0x0008, 0x1140), b"SQ", b"");
        bytes[8..12].copy_from_slice(&UNDEFINED.to_le_bytes());
        bytes.extend([0xFE, 0xFF, 0x00, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF]);
        bytes.extend(explicit(tags::REFERENCED_SOP_INSTANCE_UID, b"UI", b"1.2.3\0"));
        bytes.extend([0xFE, 0xFF, 0x0D, 0xE0, 0, 0, 0, 0]);
        bytes.extend([0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0]);
        bytes.extend(explicit(tags::PATIENT_ID, b"LO", b"X "));
        let parsed = parse(&bytes, 0, bytes.len() as u64, Encoding::EXPLICIT_LITTLE).unwrap();
        let item = parsed.dataset.item(Tag(0x0008, 0x1140)).unwrap();
        assert_eq!(item.text(tags::REFERENCED_SOP_INSTANCE_UID).as_deref(), Some("1.2.3"));
        assert_eq!(parsed.dataset.text(tags::PATIENT_ID).as_deref(), Some("X"));
    }

    #[test]
    fn a_length_of_four_gigabytes_allocates_nothing() {
        let mut bytes = explicit(Tag(0x0009, 0x1010), b"OB", b"abcd");
        bytes[8..12].copy_from_slice(&0xFFFF_FFF0_u32.to_le_bytes());
        let parsed = parse(&bytes, 0, bytes.len() as u64, Encoding::EXPLICIT_LITTLE).unwrap();
        assert!(parsed.cut_short);
    }

    #[test]
    fn sequences_that_claim_to_reach_beyond_their_parents_are_parsed_once() {
        // A sequence of 20 bytes whose item holds the head of another sequence, which claims the rest of the file: parsed
        // again behind each parent, the work would double with every one of them.
        let mut bytes = Vec::new();
        for _ in 0..2000 {
            bytes.extend([0x08, 0x00, 0x40, 0x11, b'S', b'Q', 0, 0, 20, 0, 0, 0]);
            bytes.extend([0xFE, 0xFF, 0x00, 0xE0, 12, 0, 0, 0]);
            bytes.extend([0x08, 0x00, 0x40, 0x11, b'S', b'Q', 0, 0, 0xFF, 0xFF, 0xFF, 0x7F]);
        }
        let parsed = parse(&bytes, 0, bytes.len() as u64, Encoding::EXPLICIT_LITTLE).unwrap();
        assert_eq!(parsed.dataset.elements.len(), 2000);
    }
}
