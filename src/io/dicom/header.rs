//! Reads an object's header: finds where the data set starts and how it is written, and reads no further than Pixel Data.

use dicom_dictionary_std::tags;

use super::dataset::DataSet;
use super::parser::{Encoding, NeedMore, PixelElement, guess_encoding, parse, parse_meta};
use super::source::Source;
use super::syntax::TransferSyntax;
use crate::io::IoError;

/// Most headers fit into this.
const FIRST_READ: usize = 32 << 10;
/// A header beyond this is not one.
const HEADER_LIMIT: u64 = 1 << 30;

/// A parsed header, while its buffer lives.
#[derive(Debug)]
pub(crate) struct Header<'a> {
    /// The data set up to Pixel Data.
    pub(crate) dataset: DataSet<'a>,
    /// The file meta information; empty if there is none.
    pub(crate) meta: DataSet<'a>,
    /// How it is written.
    pub(crate) syntax: TransferSyntax,
    /// Where the pixels are, in `source`.
    pub(crate) pixels: Option<PixelElement>,
    /// The object ends inside its header.
    pub(crate) cut_short: bool,
    /// The object's length; of the inflated form for a deflated one.
    pub(crate) total: u64,
    /// Where offsets count: the source itself, or its inflated form.
    pub(crate) source: Source,
}

/// Where the first element is.
fn start_of(prefix: &[u8]) -> Option<usize> {
    if prefix.get(128..132) == Some(b"DICM") {
        return Some(132);
    }
    if prefix.get(..4) == Some(b"DICM") {
        return Some(4);
    }
    // No preamble. A stray byte before the first element is seen in old files.
    [0, 1].into_iter().find(|at| starts_a_data_set(prefix.get(*at..).unwrap_or(&[])).is_some())
}

/// Whether the first elements are those that every object starts with, and follow each other.
fn starts_a_data_set(prefix: &[u8]) -> Option<()> {
    let encoding = guess_encoding(prefix)?;
    let group = |at: usize| {
        let pair = [*prefix.get(at)?, *prefix.get(at + 1)?];
        Some(if encoding.big_endian { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) })
    };
    let first = group(0)?;
    if !matches!(first, 2 | 4 | 8 | 0x10) || group(2)? > 0x3010 {
        return None;
    }
    let probe = parse(prefix, 0, prefix.len() as u64, encoding).ok()?;
    let known =
        probe.dataset.elements.iter().take(4).filter(|e| {
            e.tag.group() == first && (e.tag.element() == 0 || super::dataset::dictionary_vr(e.tag) != *b"UN")
        });
    let enough = probe.dataset.elements.len().clamp(1, 2);
    (known.count() >= enough).then_some(())
}

/// Reads the header of `source` and hands it to `use_it`; `None` if the source is not DICOM.
///
/// # Errors
/// When it cannot be read, or starts as DICOM and then makes no sense.
pub(crate) fn with_header<T>(
    source: &Source,
    use_it: impl FnOnce(&Header<'_>) -> Result<T, IoError>,
) -> Result<Option<T>, IoError> {
    let path = source.path();
    let failed = |e| IoError::system(path, e);
    let (mut buffer, mut total) = source.prefix(FIRST_READ).map_err(failed)?;
    let Some(start) = start_of(&buffer) else { return Ok(None) };
    let mut origin = source.clone();
    // The prefix grows until the header fits; at most a few rounds, as each at least doubles it.
    let mut start = start;
    let mut inflated: Option<TransferSyntax> = None;
    let mut meta_copy: Vec<u8> = Vec::new();
    loop {
        match attempt(&buffer, start, total, inflated.as_ref()) {
            Ok(Attempt::Deflated { syntax, at }) => {
                meta_copy = buffer[start..at.min(buffer.len())].to_vec();
                origin = Source::Deflated { inner: Box::new(source.clone()), start: at as u64 };
                (buffer, total) = origin.prefix(usize::MAX).map_err(failed)?;
                start = 0;
                inflated = Some(syntax);
            }
            Ok(Attempt::Parsed(mut parsed)) => {
                if !meta_copy.is_empty()
                    && let Ok((meta, _)) = parse_meta(&meta_copy, 0, meta_copy.len() as u64)
                {
                    parsed.meta = meta;
                }
                let header = Header {
                    dataset: parsed.dataset,
                    meta: parsed.meta,
                    syntax: parsed.syntax,
                    pixels: parsed.pixels,
                    cut_short: parsed.cut_short,
                    total,
                    source: origin,
                };
                return use_it(&header).map(Some);
            }
            Err(NeedMore(wanted)) => {
                if wanted > HEADER_LIMIT || wanted > total || buffer.len() as u64 >= total {
                    return Err(IoError::format(
                        path,
                        "a DICOM header",
                        format!("one that asks for {wanted} bytes in a file of {total}"),
                    ));
                }
                let next = wanted.max(buffer.len() as u64 * 4).min(total);
                let next = usize::try_from(next).unwrap_or(usize::MAX);
                let had = buffer.len();
                (buffer, _) = origin.prefix(next).map_err(failed)?;
                if buffer.len() <= had {
                    // Shorter than it claims (a ZIP member that lies, a file that is being written).
                    total = buffer.len() as u64;
                }
            }
        }
    }
}

struct Pieces<'a> {
    dataset: DataSet<'a>,
    meta: DataSet<'a>,
    syntax: TransferSyntax,
    pixels: Option<PixelElement>,
    cut_short: bool,
}

enum Attempt<'a> {
    Parsed(Pieces<'a>),
    Deflated { syntax: TransferSyntax, at: usize },
}

fn attempt<'a>(
    data: &'a [u8],
    start: usize,
    total: u64,
    inflated: Option<&TransferSyntax>,
) -> Result<Attempt<'a>, NeedMore> {
    let (meta, at) = if inflated.is_some() { (DataSet::default(), start) } else { parse_meta(data, start, total)? };
    let declared = meta.text(tags::TRANSFER_SYNTAX_UID).map(|uid| TransferSyntax::of(&uid));
    if let Some(syntax) = &declared
        && syntax.deflated
        && inflated.is_none()
    {
        return Ok(Attempt::Deflated { syntax: syntax.clone(), at });
    }
    if data.len() < at + 8 && (at as u64 + 8) <= total {
        return Err(NeedMore(at as u64 + 8));
    }
    let seen = guess_encoding(data.get(at..).unwrap_or(&[]));
    let mut syntax = match (inflated.cloned().or(declared), seen) {
        (Some(syntax), _) => syntax,
        (None, seen) => TransferSyntax::guessed(seen.unwrap_or(Encoding::IMPLICIT_LITTLE)),
    };
    // What is really there wins over what the meta information claims.
    if let Some(seen) = seen
        && seen != syntax.encoding
    {
        syntax.encoding = seen;
        if syntax.codec == super::syntax::Codec::Native {
            syntax.big_endian_pixels = seen.big_endian || syntax.name.starts_with("GE Private");
        }
    }
    let parsed = parse(data, at, total, syntax.encoding)?;
    // Fragments where the syntax says plain numbers: the syntax is missing or wrong; the codestream will tell.
    if syntax.codec == super::syntax::Codec::Native && parsed.pixels.is_some_and(|p| p.length.is_none()) {
        syntax.codec = super::syntax::Codec::Unknown;
    }
    Ok(Attempt::Parsed(Pieces {
        dataset: parsed.dataset,
        meta,
        syntax,
        pixels: parsed.pixels,
        cut_short: parsed.cut_short,
    }))
}
