//! Transfer syntaxes: how the data set is encoded and which codec the pixels went through.

use super::parser::Encoding;

/// Which codec the pixel data went through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Codec {
    /// None: plain numbers.
    Native,
    /// Plain numbers, in fragments (1.2.840.10008.1.2.1.98).
    EncapsulatedNative,
    Rle,
    /// Any process of ISO 10918-1: the codestream says which.
    Jpeg,
    JpegLs,
    /// JPEG 2000 and its high-throughput form: one decoder reads both.
    Jpeg2000,
    JpegXl,
    /// Video or something newer than this program; the text names it.
    Unknown,
}

/// A transfer syntax as a file names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TransferSyntax {
    /// What a person reads.
    pub(crate) name: String,
    pub(crate) encoding: Encoding,
    pub(crate) codec: Codec,
    /// The data set is deflated.
    pub(crate) deflated: bool,
    /// Pixel words are big endian although the data set is not (GE's private syntax).
    pub(crate) big_endian_pixels: bool,
    /// The codec always loses something.
    pub(crate) lossy: bool,
    /// Frames packed as one film, which is not played here: what the person reads of it.
    pub(crate) video: Option<&'static str>,
}

impl TransferSyntax {
    /// The syntax with this UID. An unknown one is taken for encapsulated explicit little endian, as all newer ones are.
    pub(crate) fn of(uid: &str) -> Self {
        use Codec::{EncapsulatedNative, Jpeg, Jpeg2000, JpegLs, JpegXl, Native, Rle, Unknown};
        let little = Encoding::EXPLICIT_LITTLE;
        let (name, encoding, codec, lossy) = match uid.trim_matches(['\0', ' ']) {
            "1.2.840.10008.1.2" => ("Implicit VR Little Endian", Encoding::IMPLICIT_LITTLE, Native, false),
            "1.2.840.10008.1.2.1" => ("Explicit VR Little Endian", little, Native, false),
            "1.2.840.10008.1.2.2" => ("Explicit VR Big Endian", Encoding::EXPLICIT_BIG, Native, false),
            "1.2.840.10008.1.2.1.99" => ("Deflated Explicit VR Little Endian", little, Native, false),
            "1.2.840.10008.1.2.1.98" => {
                ("Encapsulated Uncompressed Explicit VR Little Endian", little, EncapsulatedNative, false)
            }
            "1.2.840.113619.5.2" => ("GE Private Implicit VR Big Endian", Encoding::IMPLICIT_LITTLE, Native, false),
            "1.2.840.10008.1.2.5" => ("RLE Lossless", little, Rle, false),
            "1.2.840.10008.1.2.4.50" => ("JPEG Baseline (Process 1)", little, Jpeg, true),
            "1.2.840.10008.1.2.4.51" => ("JPEG Extended (Process 2 and 4)", little, Jpeg, true),
            "1.2.840.10008.1.2.4.57" => ("JPEG Lossless (Process 14)", little, Jpeg, false),
            "1.2.840.10008.1.2.4.70" => ("JPEG Lossless (Process 14, Selection Value 1)", little, Jpeg, false),
            "1.2.840.10008.1.2.4.80" => ("JPEG-LS Lossless", little, JpegLs, false),
            "1.2.840.10008.1.2.4.81" => ("JPEG-LS Near-Lossless", little, JpegLs, true),
            "1.2.840.10008.1.2.4.90" => ("JPEG 2000 (Lossless Only)", little, Jpeg2000, false),
            "1.2.840.10008.1.2.4.91" => ("JPEG 2000", little, Jpeg2000, false),
            "1.2.840.10008.1.2.4.92" => ("JPEG 2000 Part 2 (Lossless Only)", little, Jpeg2000, false),
            "1.2.840.10008.1.2.4.93" => ("JPEG 2000 Part 2", little, Jpeg2000, false),
            "1.2.840.10008.1.2.4.201" => ("High-Throughput JPEG 2000 (Lossless Only)", little, Jpeg2000, false),
            "1.2.840.10008.1.2.4.202" => ("High-Throughput JPEG 2000 RPCL (Lossless Only)", little, Jpeg2000, false),
            "1.2.840.10008.1.2.4.203" => ("High-Throughput JPEG 2000", little, Jpeg2000, false),
            "1.2.840.10008.1.2.4.110" => ("JPEG XL Lossless", little, JpegXl, false),
            "1.2.840.10008.1.2.4.111" => ("JPEG XL JPEG Recompression", little, JpegXl, true),
            "1.2.840.10008.1.2.4.112" => ("JPEG XL", little, JpegXl, false),
            other => {
                // The retired JPEG processes all lie in .52 to .66; video in fragments has .1 behind its number.
                let process =
                    other.strip_prefix("1.2.840.10008.1.2.4.").and_then(|n| n.split('.').next()?.parse::<u32>().ok());
                match process {
                    Some(52..=66) => ("JPEG (retired process)", little, Jpeg, false),
                    Some(100 | 101) => ("MPEG2", little, Unknown, true),
                    Some(102..=106) => ("MPEG-4 AVC/H.264", little, Unknown, true),
                    Some(107 | 108) => ("HEVC/H.265", little, Unknown, true),
                    _ => (other, little, Unknown, false),
                }
            }
        };
        let video = match name {
            "MPEG2" => Some("Video (MPEG2), which is not played here"),
            "MPEG-4 AVC/H.264" => Some("Video (MPEG-4 AVC/H.264), which is not played here"),
            "HEVC/H.265" => Some("Video (HEVC/H.265), which is not played here"),
            _ => None,
        };
        Self {
            name: name.to_owned(),
            encoding,
            codec,
            deflated: uid.starts_with("1.2.840.10008.1.2.1.99"),
            big_endian_pixels: encoding.big_endian || uid.starts_with("1.2.840.113619.5.2"),
            lossy,
            video,
        }
    }

    /// What a file without a transfer syntax is written in, from what its first element looks like.
    pub(crate) fn guessed(encoding: Encoding) -> Self {
        let mut syntax = Self::of(match encoding {
            Encoding::EXPLICIT_BIG => "1.2.840.10008.1.2.2",
            Encoding::IMPLICIT_LITTLE => "1.2.840.10008.1.2",
            _ => "1.2.840.10008.1.2.1",
        });
        syntax.name.push_str(" (guessed)");
        syntax
    }
}
