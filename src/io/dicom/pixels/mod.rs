//! Stored bytes to voxels.
//!
//! - [`locate`]: where each frame's bytes are, native or in fragments
//! - [`native`]: plain numbers of any width, sign and byte order
//! - [`rle`], [`jpeg`], [`jpeg_ls`], [`jpeg_2000`], [`jpeg_xl`]: the codecs
//! - [`colour`]: RGB, YBR and palettes to RGB
//! - [`plane`]: one decoded frame in its own number type
//! - [`reader`]: an opened file that gives planes

pub(crate) mod colour;
pub(crate) mod jpeg;
pub(crate) mod jpeg_2000;
pub(crate) mod jpeg_ls;
mod jpeg_ls_scan;
pub(crate) mod jpeg_xl;
pub(crate) mod locate;
pub(crate) mod native;
pub(crate) mod plane;
pub(crate) mod reader;
pub(crate) mod rle;

/// What a codec made of one frame: samples side by side (`r g b r g b …`).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Decoded {
    pub(crate) columns: usize,
    pub(crate) rows: usize,
    pub(crate) components: usize,
    /// Bits of a sample as the codestream says.
    pub(crate) precision: u32,
    /// The codestream's samples are signed.
    pub(crate) signed: bool,
    pub(crate) samples: Samples,
    /// What three components are, where the codestream says so or the codec converted them; `None`: as the header says.
    pub(crate) is_rgb: Option<bool>,
    /// The codestream broke off; what is missing is 0.
    pub(crate) incomplete: bool,
}

/// Checks a codestream's own size against the header's before anything is allocated for it.
pub(crate) fn check_size(columns: usize, rows: usize, expected: [usize; 2]) -> Result<(), String> {
    if [columns, rows] == expected {
        return Ok(());
    }
    Err(format!("a picture of {columns} x {rows} where the header says {} x {}", expected[0], expected[1]))
}

/// Samples in the smallest type that holds them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Samples {
    U8(Vec<u8>),
    U16(Vec<u16>),
    I32(Vec<i32>),
}
