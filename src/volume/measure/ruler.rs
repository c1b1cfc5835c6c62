//! What a distance between two points of an image is measured in.

use glam::DVec3;

use crate::volume::{PatientPoint, Space};

/// Millimetres where the image has them, else pixels, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Ruler {
    /// Units of the result by unit of the geometry, along each axis.
    scale: DVec3,
    /// Why lengths are in pixels; `None`: they are in millimetres.
    pixels_because: Option<String>,
}

impl Ruler {
    /// The ruler of an image.
    #[must_use]
    pub fn of(space: &Space) -> Self {
        match space {
            Space::Patient { .. } => Self { scale: DVec3::ONE, pixels_because: None },
            Space::Stack { pixel_spacing_mm: Some([x, y]), .. } if *x > 0.0 && *y > 0.0 => {
                Self { scale: DVec3::new(*x, *y, 1.0), pixels_because: None }
            }
            Space::Stack { reason, .. } => Self {
                scale: DVec3::ONE,
                pixels_because: Some(format!("in pixels: the file gives no spacing in millimetres ({reason})")),
            },
        }
    }

    /// Why lengths are in pixels; `None`: they are in millimetres.
    #[must_use]
    pub fn pixels_because(&self) -> Option<&str> {
        self.pixels_because.as_deref()
    }

    /// The unit of lengths: `mm` or `px`.
    #[must_use]
    pub fn unit(&self) -> &'static str {
        if self.pixels_because.is_some() { "px" } else { "mm" }
    }

    /// From one point to another, in [`Ruler::unit`].
    #[must_use]
    pub fn between(&self, from: PatientPoint, to: PatientPoint) -> DVec3 {
        self.scaled(to.0 - from.0)
    }

    /// A way through the image, in [`Ruler::unit`].
    #[must_use]
    pub fn scaled(&self, way: DVec3) -> DVec3 {
        way * self.scale
    }
}
