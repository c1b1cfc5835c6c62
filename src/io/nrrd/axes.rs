//! Which axes of an NRRD are space, and what the one that is not means: colour, components or time.

use std::path::Path;

use super::header::{Header, vectors, words};
use crate::io::IoError;
use crate::io::formats::{SampleType, TimeOrder};

/// The axes, told apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Axes {
    /// Numbers of the axes that are space, fastest first; one to three.
    pub spatial: Vec<usize>,
    /// Voxels along them, filled up with 1.
    pub size: [usize; 3],
    /// Steps along the axis that is not space.
    pub time_points: usize,
    /// Where that axis lies.
    pub order: TimeOrder,
    /// Its number, if there is one.
    pub other: Option<usize>,
    /// What it is, for the person: `time`, `list`, `vector`; empty without one.
    pub other_kind: String,
    /// The numbers' type; a colour where the other axis was one.
    pub sample: SampleType,
}

impl Axes {
    /// Tells them apart by `space directions`, else by `kinds`, else takes the first three as space.
    ///
    /// # Errors
    /// When more than one axis is not space, or it lies between those that are, or the numbers are complex.
    pub fn of(header: &Header, path: &Path) -> Result<Self, IoError> {
        let sizes = header.sizes(path)?;
        let sample = header.sample_type(path)?;
        let mut kinds: Vec<String> =
            header.field("kinds").map(words).unwrap_or_default().iter().map(|k| k.to_ascii_lowercase()).collect();
        kinds.resize(sizes.len(), String::new());
        let directions = directions(header, sizes.len(), path)?;
        let is_space = |axis: usize| match &directions {
            Some(d) => d[axis].as_ref().is_some_and(|v| v.iter().take(3).any(|x| *x != 0.0)),
            None => matches!(kinds[axis].as_str(), "" | "???" | "none" | "domain" | "space" | "scalar" | "stub"),
        };
        let mut spatial: Vec<usize> = (0..sizes.len()).filter(|a| is_space(*a)).collect();
        let mut other: Vec<usize> = (0..sizes.len()).filter(|a| !is_space(*a)).collect();
        // A fourth axis without a word on it follows the three of space.
        while spatial.len() > 3
            && let Some(last) = spatial.pop()
        {
            other.push(last);
        }
        other.retain(|a| sizes[*a] > 1);
        let mut sample = sample;
        if let Some(first) = other.first().copied()
            && spatial.iter().all(|s| *s > first)
            && let Some(colour) = colour(sample, sizes[first], &kinds[first])
        {
            other.remove(0);
            sample = colour;
        }
        let refuse = |what: String, remedy: &str| IoError::Unsupported {
            path: path.to_owned(),
            what,
            doing: "shown",
            remedy: remedy.to_owned(),
        };
        if spatial.is_empty() {
            return Err(refuse("an NRRD without an axis in space".into(), "give its axes the kind \"domain\""));
        }
        if other.len() > 1 {
            let names: Vec<&str> = other.iter().map(|a| kinds[*a].as_str()).collect();
            return Err(refuse(
                format!("an NRRD with {} axes beside space ({})", other.len(), names.join(", ")),
                "save each of its volumes by itself",
            ));
        }
        let mut size = [1; 3];
        for (s, axis) in size.iter_mut().zip(&spatial) {
            *s = sizes[*axis];
        }
        let plain = Self {
            spatial,
            size,
            time_points: 1,
            order: TimeOrder::Slowest,
            other: None,
            other_kind: String::new(),
            sample,
        };
        let Some(axis) = other.first().copied() else { return Ok(plain) };
        let kind = kinds[axis].clone();
        if kind == "complex" {
            return Err(refuse("an NRRD of complex numbers".into(), "save its magnitude as float"));
        }
        let order = if plain.spatial.iter().all(|s| *s > axis) {
            TimeOrder::Fastest
        } else if plain.spatial.iter().all(|s| *s < axis) {
            TimeOrder::Slowest
        } else {
            return Err(refuse(
                format!(
                    "an NRRD with its {} axis between those of space",
                    if kind.is_empty() { "other" } else { &kind }
                ),
                "reorder its axes (unu permute)",
            ));
        };
        Ok(Self { time_points: sizes[axis], order, other: Some(axis), other_kind: kind, ..plain })
    }
}

/// The colour that an axis of bytes before those of space holds, if it does.
fn colour(sample: SampleType, size: usize, kind: &str) -> Option<SampleType> {
    match (sample, size, kind) {
        (SampleType::U8, 3, "rgb-color" | "3-color" | "vector" | "3-vector" | "") => Some(SampleType::Rgb24),
        (SampleType::U8, 4, "rgba-color" | "4-color" | "vector" | "4-vector" | "") => Some(SampleType::Rgba32),
        _ => None,
    }
}

/// One vector (or none) an axis, if the header has them.
///
/// # Errors
/// When the field cannot be read or has not one entry an axis.
pub fn directions(header: &Header, axes: usize, path: &Path) -> Result<Option<Vec<Option<Vec<f64>>>>, IoError> {
    let Some(text) = header.field("space directions") else { return Ok(None) };
    vectors(text).filter(|v| v.len() == axes && v.iter().any(Option::is_some)).map(Some).ok_or_else(|| {
        let expected = format!("{axes} vectors like (1,0,0) or none in \"space directions\"");
        IoError::format(path, expected, format!("\"{text}\""))
    })
}
