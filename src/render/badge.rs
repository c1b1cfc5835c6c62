//! The SYNTHETIC badge and the marks of lowered quality.

use image::RgbaImage;

use super::fidelity::Fidelity;

/// A small picture, straight alpha, and where its upper left pixel belongs.
#[derive(Debug, Clone)]
pub struct Stamp {
    /// What is laid over.
    pub image: RgbaImage,
    /// Where, pixels from the upper left.
    pub at: [u32; 2],
}

/// The marks of a picture.
#[must_use]
pub fn stamps(_size: [u32; 2], _synthetic: bool, _fidelity: &Fidelity) -> Vec<Stamp> {
    Vec::new()
}
