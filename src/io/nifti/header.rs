//! The header's fields, of NIfTI-1, NIfTI-2 and Analyze 7.5, in either byte order.

use std::path::Path;

/// Which of the three headers a file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// 348 bytes without magic.
    Analyze,
    /// 348 bytes.
    One,
    /// 540 bytes.
    Two,
}

/// A header as it stands in the file, checked only as far as it could be read.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each field is the one of its name in nifti1.h")]
pub struct Header {
    pub version: Version,
    pub big_endian: bool,
    /// One file (`n+1`), not a pair (`ni1`).
    pub single_file: bool,
    pub dim: [i64; 8],
    pub datatype: i16,
    pub bitpix: i16,
    pub pixdim: [f64; 8],
    pub vox_offset: f64,
    pub scl_slope: f64,
    pub scl_inter: f64,
    pub cal_max: f64,
    pub cal_min: f64,
    pub xyzt_units: u8,
    pub intent_code: i32,
    pub intent_name: String,
    pub descrip: String,
    pub aux_file: String,
    pub qform_code: i32,
    pub sform_code: i32,
    /// b, c, d.
    pub quatern: [f64; 3],
    pub qoffset: [f64; 3],
    /// The first three rows of the matrix, row by row.
    pub srow: [[f64; 4]; 3],
}

/// Bytes of a NIfTI-1 header.
pub const SIZE_ONE: usize = 348;
/// Bytes of a NIfTI-2 header.
pub const SIZE_TWO: usize = 540;

/// Whether a file starts with one of the three headers. Analyze has no magic, so it must also be called `.hdr`.
#[must_use]
pub fn is_header(head: &[u8], path: &Path) -> bool {
    let Some((version, _)) = version_of(head) else { return false };
    if version != Version::Analyze {
        return true;
    }
    let name = path.file_name().map(|n| n.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    (name.ends_with(".hdr") || name.ends_with(".hdr.gz"))
        && Header::parse(head).is_some_and(|h| (1..=7).contains(&h.dim[0]))
}

/// Version and byte order (true: big-endian).
fn version_of(head: &[u8]) -> Option<(Version, bool)> {
    let size: [u8; 4] = head.get(..4)?.try_into().ok()?;
    for big_endian in [false, true] {
        let size = if big_endian { u32::from_be_bytes(size) } else { u32::from_le_bytes(size) };
        if size == SIZE_ONE as u32 {
            let magic = head.get(344..348)?;
            let known = matches!(magic, b"n+1\0" | b"ni1\0");
            return Some((if known { Version::One } else { Version::Analyze }, big_endian));
        }
        if size == SIZE_TWO as u32 && matches!(head.get(4..8)?, b"n+2\0" | b"ni2\0") {
            return Some((Version::Two, big_endian));
        }
    }
    None
}

/// Reads fields one by one.
struct Fields<'a> {
    bytes: &'a [u8],
    big_endian: bool,
}

impl Fields<'_> {
    fn bytes<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        let mut bytes: [u8; N] = self.bytes.get(at..at + N)?.try_into().ok()?;
        if self.big_endian {
            bytes.reverse();
        }
        Some(bytes)
    }
    fn i16(&self, at: usize) -> Option<i16> {
        self.bytes(at).map(i16::from_le_bytes)
    }
    fn i32(&self, at: usize) -> Option<i32> {
        self.bytes(at).map(i32::from_le_bytes)
    }
    fn i64(&self, at: usize) -> Option<i64> {
        self.bytes(at).map(i64::from_le_bytes)
    }
    fn f32(&self, at: usize) -> Option<f64> {
        self.bytes(at).map(f32::from_le_bytes).map(f64::from)
    }
    fn f64(&self, at: usize) -> Option<f64> {
        self.bytes(at).map(f64::from_le_bytes)
    }
    fn text(&self, at: usize, n: usize) -> Option<String> {
        let text = self.bytes.get(at..at + n)?;
        let end = text.iter().position(|b| *b == 0).unwrap_or(n);
        Some(String::from_utf8_lossy(&text[..end]).trim_end().to_owned())
    }
}

/// `count` values `step` bytes apart.
fn list<T: Default + Copy, const N: usize>(
    read: impl Fn(usize) -> Option<T>,
    at: usize,
    step: usize,
) -> Option<[T; N]> {
    let mut out = [T::default(); N];
    for (i, o) in out.iter_mut().enumerate() {
        *o = read(at + i * step)?;
    }
    Some(out)
}

impl Header {
    /// Reads the fields; `None` if the bytes are no header or too few.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (version, big_endian) = version_of(bytes)?;
        let f = Fields { bytes, big_endian };
        match version {
            Version::Two => Self::parse_two(&f),
            _ => Self::parse_one(&f, version),
        }
    }

    fn parse_one(f: &Fields, version: Version) -> Option<Self> {
        let analyze = version == Version::Analyze;
        let mut header = Self {
            version,
            big_endian: f.big_endian,
            single_file: f.bytes.get(345) == Some(&b'+'),
            dim: list::<i16, 8>(|a| f.i16(a), 40, 2)?.map(i64::from),
            datatype: f.i16(70)?,
            bitpix: f.i16(72)?,
            pixdim: list(|a| f.f32(a), 76, 4)?,
            vox_offset: f.f32(108)?,
            scl_slope: f.f32(112)?,
            scl_inter: f.f32(116)?,
            cal_max: f.f32(124)?,
            cal_min: f.f32(128)?,
            xyzt_units: *f.bytes.get(123)?,
            intent_code: f.i16(68)?.into(),
            intent_name: f.text(328, 16)?,
            descrip: f.text(148, 80)?,
            aux_file: f.text(228, 24)?,
            qform_code: f.i16(252)?.into(),
            sform_code: f.i16(254)?.into(),
            quatern: list(|a| f.f32(a), 256, 4)?,
            qoffset: list(|a| f.f32(a), 268, 4)?,
            srow: [list(|a| f.f32(a), 280, 4)?, list(|a| f.f32(a), 296, 4)?, list(|a| f.f32(a), 312, 4)?],
        };
        if analyze {
            // Other fields stand in these places (orientation, patient ID, dates).
            header.single_file = false;
            (header.scl_inter, header.qform_code, header.sform_code, header.xyzt_units) = (0.0, 0, 0, 0);
            (header.intent_code, header.intent_name) = (0, String::new());
        }
        Some(header)
    }

    fn parse_two(f: &Fields) -> Option<Self> {
        Some(Self {
            version: Version::Two,
            big_endian: f.big_endian,
            single_file: f.bytes.get(5) == Some(&b'+'),
            dim: list(|a| f.i64(a), 16, 8)?,
            datatype: f.i16(12)?,
            bitpix: f.i16(14)?,
            pixdim: list(|a| f.f64(a), 104, 8)?,
            vox_offset: f.i64(168)? as f64,
            scl_slope: f.f64(176)?,
            scl_inter: f.f64(184)?,
            cal_max: f.f64(192)?,
            cal_min: f.f64(200)?,
            xyzt_units: u8::try_from(f.i32(500)? & 0xff).ok()?,
            intent_code: f.i32(504)?,
            intent_name: f.text(508, 16)?,
            descrip: f.text(240, 80)?,
            aux_file: f.text(320, 24)?,
            qform_code: f.i32(344)?,
            sform_code: f.i32(348)?,
            quatern: list(|a| f.f64(a), 352, 8)?,
            qoffset: list(|a| f.f64(a), 376, 8)?,
            srow: [list(|a| f.f64(a), 400, 8)?, list(|a| f.f64(a), 432, 8)?, list(|a| f.f64(a), 464, 8)?],
        })
    }

    /// Bytes of this header itself.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        if self.version == Version::Two { SIZE_TWO } else { SIZE_ONE }
    }

    /// What a spatial unit of the header is in millimetres.
    #[must_use]
    pub fn millimetres_a_unit(&self) -> f64 {
        match self.xyzt_units & 7 {
            1 => 1000.0,
            3 => 0.001,
            _ => 1.0,
        }
    }

    /// Seconds between time points, if the fourth axis is time and its step is given.
    #[must_use]
    pub fn time_step_s(&self) -> Option<f64> {
        let factor = match self.xyzt_units & 0x38 {
            16 => 1e-3,
            24 => 1e-6,
            // Hertz, ppm and radians per second are no time.
            32 | 40 | 48 => return None,
            _ => 1.0,
        };
        let step = self.pixdim[4] * factor;
        (self.dim[0] >= 4 && step.is_finite() && step > 0.0).then_some(step)
    }
}
