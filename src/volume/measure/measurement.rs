//! A measurement: what was drawn on which plane, and what it says.

use glam::DVec3;
use serde::{Deserialize, Serialize};

use super::roi::{Outline, Region, RoiError, RoiStatistics, roi_statistics};
use super::ruler::Ruler;
use crate::volume::{PatientPoint, Unit, Volume};

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Between two points.
    Length,
    /// At the second of three points.
    Angle,
    /// The values under an ellipse between two opposite corners of its box.
    Ellipse,
    /// The values under a rectangle between two opposite corners.
    Rectangle,
}

impl Kind {
    /// How many points it has.
    #[must_use]
    pub fn points(self) -> usize {
        if self == Self::Angle { 3 } else { 2 }
    }

    /// What a person reads.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Length => "Length",
            Self::Angle => "Angle",
            Self::Ellipse => "Ellipse",
            Self::Rectangle => "Rectangle",
        }
    }
}

/// What was drawn, on the plane through its first point.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    /// What is measured.
    pub kind: Kind,
    /// [`Kind::points`] of them.
    pub points: Vec<PatientPoint>,
    /// Where right is on the plane, of length 1.
    pub right: DVec3,
    /// Where down is on the plane, of length 1.
    pub down: DVec3,
}

/// What a measurement says.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    /// Between two points.
    Length {
        /// In `unit`.
        length: f64,
        /// `mm` or `px`.
        unit: &'static str,
    },
    /// Between two arms, degrees, 0 to 180.
    Angle {
        /// Degrees.
        degrees: f64,
    },
    /// Of a region.
    Region {
        /// Of the outline itself, not of its voxels, in the square of `unit`.
        area: f64,
        /// `mm` or `px`.
        unit: &'static str,
        /// The values, where there are any.
        values: Result<RoiStatistics, RoiError>,
        /// The values' unit.
        value_unit: Unit,
    },
}

impl Measurement {
    /// Whether it lies on a plane with this normal (of length 1) within `reach` of a point of it, in units of the geometry.
    #[must_use]
    pub fn lies_on(&self, normal: DVec3, point: PatientPoint, reach: f64) -> bool {
        let own = self.right.cross(self.down).normalize_or_zero();
        let Some(first) = self.points.first() else { return false };
        own.dot(normal).abs() > 0.999_99 && (first.0 - point.0).dot(normal).abs() <= reach
    }

    /// The region of an ellipse or a rectangle.
    #[must_use]
    pub fn region(&self) -> Option<Region> {
        let outline = match self.kind {
            Kind::Ellipse => Outline::Ellipse,
            Kind::Rectangle => Outline::Rectangle,
            Kind::Length | Kind::Angle => return None,
        };
        let [a, b] = self.points.as_slice() else { return None };
        let half = (b.0 - a.0) / 2.0;
        let (right, down) = (half.dot(self.right).abs(), half.dot(self.down).abs());
        Some(Region {
            outline,
            center: PatientPoint(a.0 + half),
            half_right: self.right * right,
            half_down: self.down * down,
        })
    }

    /// What it says of an image; `None` where points are missing, or it is a region and there is no image.
    #[must_use]
    pub fn reading(&self, volume: Option<&Volume>, ruler: &Ruler) -> Option<Reading> {
        match (self.kind, self.points.as_slice()) {
            (Kind::Length, [a, b]) => {
                Some(Reading::Length { length: ruler.between(*a, *b).length(), unit: ruler.unit() })
            }
            (Kind::Angle, [a, vertex, b]) => {
                let (a, b) = (ruler.between(*vertex, *a), ruler.between(*vertex, *b));
                // Exact for small angles and for those near 180 degrees, unlike the arc cosine.
                Some(Reading::Angle { degrees: a.cross(b).length().atan2(a.dot(b)).to_degrees() })
            }
            (Kind::Ellipse | Kind::Rectangle, _) => {
                let (region, volume) = (self.region()?, volume?);
                let sides = 4.0 * ruler.scaled(region.half_right).length() * ruler.scaled(region.half_down).length();
                let share = if self.kind == Kind::Ellipse { std::f64::consts::FRAC_PI_4 } else { 1.0 };
                Some(Reading::Region {
                    area: sides * share,
                    unit: ruler.unit(),
                    values: roi_statistics(volume, &region),
                    value_unit: volume.unit.clone(),
                })
            }
            _ => None,
        }
    }
}

/// A number of a reading, for files and tables.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReadingValue {
    /// `length`, `angle`, `area`, `mean`, `standard deviation`, `minimum`, `maximum`, `voxels` or `interpolated samples`.
    pub quantity: String,
    /// In `unit`.
    pub value: f64,
    /// Empty where there is none.
    pub unit: String,
}

impl Reading {
    /// Every number of it, unrounded.
    #[must_use]
    pub fn quantities(&self) -> Vec<ReadingValue> {
        let one = |quantity: &str, value: f64, unit: &str| ReadingValue {
            quantity: quantity.to_owned(),
            value,
            unit: unit.to_owned(),
        };
        match self {
            Self::Length { length, unit } => vec![one("length", *length, unit)],
            Self::Angle { degrees } => vec![one("angle", *degrees, "°")],
            Self::Region { area, unit, values, value_unit } => {
                let mut all = vec![one("area", *area, &format!("{unit}²"))];
                if let Ok(v) = values {
                    let symbol = value_unit.symbol();
                    all.push(one("mean", v.mean, symbol));
                    all.extend(v.sd.map(|sd| one("standard deviation", sd, symbol)));
                    all.push(one("minimum", v.min, symbol));
                    all.push(one("maximum", v.max, symbol));
                    let counted = if v.interpolated { "interpolated samples" } else { "voxels" };
                    all.push(one(counted, v.n as f64, ""));
                }
                all
            }
        }
    }

    /// Why a region has no values.
    #[must_use]
    pub fn without_values(&self) -> Option<String> {
        match self {
            Self::Region { values: Err(why), .. } => Some(why.to_string()),
            _ => None,
        }
    }

    /// The number that stands beside it on the image.
    #[must_use]
    pub fn headline(&self) -> String {
        match self {
            Self::Length { length, unit } => format!("{length:.1} {unit}"),
            Self::Angle { degrees } => format!("{degrees:.1}°"),
            Self::Region { values: Ok(v), value_unit, .. } => {
                let decimals = if v.mean.abs() >= 100.0 || v.sd.is_some_and(|sd| sd >= 10.0) { 1 } else { 3 };
                let (mean, sd) = (short(v.mean, decimals), v.sd.map(|sd| format!(" ± {}", short(sd, decimals))));
                format!("{mean}{} {}", sd.unwrap_or_default(), value_unit.symbol()).trim_end().to_owned()
            }
            Self::Region { values: Err(why), .. } => why.to_string(),
        }
    }

    /// All else that it says, one line after the other.
    #[must_use]
    pub fn details(&self) -> Vec<String> {
        let Self::Region { area, unit, values, value_unit } = self else { return Vec::new() };
        let mut lines = vec![format!("Area {area:.1} {unit}²")];
        if let Ok(v) = values {
            let symbol = value_unit.symbol();
            lines.push(format!("Min {}  Max {} {symbol}", short(v.min, 3), short(v.max, 3)).trim_end().to_owned());
            let what = if v.interpolated { "samples, interpolated" } else { "voxels" };
            lines.push(format!("{} {what}", v.n));
        }
        lines
    }
}

/// A value as a person reads it: whole ones whole, others with some decimals, tiny ones with their power of ten.
fn short(x: f64, decimals: usize) -> String {
    if x == x.trunc() && x.abs() < 1e9 {
        format!("{x:.0}")
    } else if x.abs() >= 10.0_f64.powi(-(decimals as i32)) {
        format!("{x:.decimals$}")
    } else {
        format!("{x:.2e}")
    }
}
