//! JPEG (ISO 10918-1): sequential with 8 and 12 bits, and lossless with 2 to 16 bits, here; progressive by `jpeg-decoder`.
//!
//! - [`markers`]: the segments of a codestream
//! - [`huffman`]: tables and bits
//! - [`lossless`]: process 14, all predictors
//! - [`sequential`]: baseline and extended
//! - [`transform`]: the inverse cosine transform and chroma upsampling, as the reference library does them

mod huffman;
mod lossless;
mod markers;
mod sequential;
mod transform;

use super::{Decoded, Samples, check_size};
use markers::{Codestream, Process};

/// Decodes one frame.
pub(crate) fn decode(data: &[u8], size: [usize; 2]) -> Result<Decoded, String> {
    let stream = Codestream::parse(data)?;
    check_size(stream.columns, stream.rows, size)?;
    match stream.process {
        Process::Lossless => lossless::decode(&stream),
        Process::Sequential => sequential::decode(&stream),
        Process::Progressive => progressive(data, &stream),
    }
}

/// The rare progressive process, of retired transfer syntaxes.
fn progressive(data: &[u8], stream: &Codestream<'_>) -> Result<Decoded, String> {
    let mut decoder = jpeg_decoder::Decoder::new(data);
    decoder.set_max_decoding_buffer_size(stream.columns * stream.rows * stream.components.len());
    decoder.set_color_transform(jpeg_decoder::ColorTransform::None);
    let bytes = decoder.decode().map_err(|e| format!("a JPEG codestream that does not decode ({e})"))?;
    let info = decoder.info().ok_or("no JPEG frame")?;
    let (columns, rows) = (usize::from(info.width), usize::from(info.height));
    let components = bytes.len() / (columns * rows).max(1);
    Ok(Decoded {
        columns,
        rows,
        components,
        precision: 8,
        signed: false,
        samples: Samples::U8(bytes),
        is_rgb: stream.is_rgb(),
        incomplete: false,
    })
}
