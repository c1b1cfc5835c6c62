//! What a person measures on a slice: lengths, angles, regions.
//!
//! ```
//! use veritome::volume::measure::{Kind, Measurement, Reading, Ruler};
//! use veritome::volume::{PatientPoint, Space};
//! let space = Space::Patient { frame_of_reference: None };
//! let ends = vec![PatientPoint::new(0.0, 0.0, 5.0), PatientPoint::new(30.0, 40.0, 5.0)];
//! let length = Measurement { kind: Kind::Length, points: ends, right: glam::DVec3::X, down: glam::DVec3::Y };
//! assert_eq!(length.reading(None, &Ruler::of(&space)).unwrap().headline(), "50.0 mm");
//! ```
//!
//! - [`measurement`]: [`Measurement`], its points on its plane, its [`Reading`], and the [`ReadingValue`]s of that
//! - [`ruler`]: [`Ruler`], millimetres where there are any, else pixels and why
//! - [`roi`]: the values under an ellipse or a rectangle

pub mod measurement;
pub mod roi;
pub mod ruler;
#[cfg(test)]
mod tests;

pub use measurement::{Kind, Measurement, Reading, ReadingValue};
pub use roi::{Outline, Region, RoiError, RoiStatistics, roi_statistics};
pub use ruler::Ruler;
