//! Lengths, angles and regions as a file of their own: JSON that can be opened again, or a CSV table of the values.
//!
//! The JSON holds points in the image's own coordinates (`patient_lps_mm`: millimetres in the patient, x to the left, y to the
//! back, z to the head; `stack_px`: pixels and slices of pictures without a place), what each measurement said with its unit, and
//! which image that was, so that nothing is laid over another image without a word: [`Saved::fit`].

use std::path::Path;

use glam::DVec3;
use serde::{Deserialize, Serialize};

use super::IoError;
use super::write::inputs::refuse_input;
use super::write::target::write_whole;
use crate::provenance::{content_sha256, now};
use crate::volume::measure::{Kind, Measurement, Reading, ReadingValue, Ruler};
use crate::volume::{OriginMark, PatientPoint, Space, Volume};

/// Names the format inside of the file.
const FORMAT: &str = "veritome measurements";
/// Of the format.
const SCHEMA: u32 = 1;
/// More than any person draws; keeps another file from filling the memory.
const MOST_BYTES: u64 = 16 << 20;
/// Grids are the same within this, mm or pixels: what writing a matrix into another format may leave.
const SAME_MM: f64 = 1e-3;

/// What points are measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Coordinates {
    /// Millimetres in the patient, DICOM LPS.
    PatientLpsMm,
    /// Pixels and slices of a stack of pictures that has no place.
    StackPx,
}

impl Coordinates {
    fn of(space: &Space) -> Self {
        if space.is_patient() { Self::PatientLpsMm } else { Self::StackPx }
    }
}

/// The image on which something was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MeasuredImage {
    /// What a person calls it.
    pub name: String,
    /// UIDs or paths that it came from.
    pub sources: Vec<String>,
    /// [`content_sha256`] of it.
    pub content_sha256: String,
    /// Frame of Reference UID, where it has one.
    pub frame_of_reference: Option<String>,
    /// Voxels `[nx, ny, nz]`.
    pub size: [usize; 3],
    /// Voxel to coordinates, row by row.
    pub voxel_to_coordinates: [[f64; 4]; 4],
    /// `synthetic` or `blinded`, where the image is one.
    pub mark: Option<String>,
}

impl MeasuredImage {
    /// Describes an image; hashes all of its voxels.
    #[must_use]
    pub fn of(volume: &Volume) -> Self {
        let frame_of_reference = match &volume.space {
            Space::Patient { frame_of_reference } => frame_of_reference.clone(),
            Space::Stack { .. } => None,
        };
        let mark = volume.provenance.mark().map(|mark| match mark {
            OriginMark::Synthetic => "synthetic",
            OriginMark::Blinded => "blinded",
        });
        Self {
            name: volume.name.clone(),
            sources: volume.provenance.sources().to_vec(),
            content_sha256: content_sha256(volume),
            frame_of_reference,
            size: volume.size(),
            voxel_to_coordinates: volume.geometry.affine_rows(),
            mark: mark.map(str::to_owned),
        }
    }
}

/// One measurement as the file has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// `Length 1`, for the person.
    name: String,
    kind: Kind,
    points: Vec<DVec3>,
    right: DVec3,
    down: DVec3,
    /// What it said when it was saved; read again from the image, never from here.
    #[serde(default)]
    values: Vec<ReadingValue>,
    /// Why a region has no values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    without_values: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct File {
    format: String,
    schema: u32,
    software: String,
    time: String,
    coordinates: Coordinates,
    image: MeasuredImage,
    measurements: Vec<Entry>,
}

/// Measurements of a file, each of them sound.
#[derive(Debug, Clone, PartialEq)]
pub struct Saved {
    /// What they were made on.
    pub image: MeasuredImage,
    /// What the points are measured in.
    pub coordinates: Coordinates,
    /// In the order of the file.
    pub measurements: Vec<Measurement>,
}

/// Whether measurements belong to an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fit {
    /// They were made on this very image.
    Same,
    /// They were made on another image with the same grid in the same place: they lie where they lay, and regions say what this
    /// image holds.
    SameGrid,
    /// They were made on another image; why, for the person.
    Other(String),
}

/// Writes measurements of an image by the ending of the path: `.csv` the values, anything else JSON. `places` are the points as
/// they are written, where slices lie elsewhere than on the grid that stands for them; else those of `measurements`.
///
/// # Errors
/// When the file cannot be written, or is the image itself.
pub fn save(
    path: &Path,
    volume: &Volume,
    measurements: &[Measurement],
    places: impl Fn(PatientPoint) -> PatientPoint,
) -> Result<(), IoError> {
    let image = MeasuredImage::of(volume);
    refuse_input(path, image.sources.iter().map(Path::new))?;
    let ruler = Ruler::of(&volume.space);
    let entry = |(n, what): (usize, &Measurement)| {
        let reading = what.reading(Some(volume), &ruler);
        Entry {
            name: format!("{} {}", what.kind.name(), n + 1),
            kind: what.kind,
            points: what.points.iter().map(|p| places(*p).0).collect(),
            right: what.right,
            down: what.down,
            values: reading.as_ref().map(Reading::quantities).unwrap_or_default(),
            without_values: reading.as_ref().and_then(Reading::without_values),
        }
    };
    let entries: Vec<Entry> = measurements.iter().enumerate().map(entry).collect();
    let text = if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv")) {
        table(&image, &entries).map_err(|e| IoError::system(path, e))?
    } else {
        let file = File {
            format: FORMAT.to_owned(),
            schema: SCHEMA,
            software: format!("Veritome {}", env!("CARGO_PKG_VERSION")),
            time: now(),
            coordinates: Coordinates::of(&volume.space),
            image,
            measurements: entries,
        };
        let mut text = serde_json::to_vec_pretty(&file).map_err(|e| IoError::system(path, e.into()))?;
        text.push(b'\n');
        text
    };
    write_whole(path, |out| out.write_all(&text))
}

/// One row a value.
fn table(image: &MeasuredImage, entries: &[Entry]) -> std::io::Result<Vec<u8>> {
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record(["image", "mark", "measurement", "kind", "quantity", "value", "unit"])?;
    let mark = image.mark.as_deref().unwrap_or_default();
    for entry in entries {
        let kind = entry.kind.name().to_lowercase();
        let mut row = |quantity: &str, value: &str, unit: &str| {
            out.write_record([&image.name, mark, &entry.name, &kind, quantity, value, unit])
        };
        for value in &entry.values {
            row(&value.quantity, &value.value.to_string(), &value.unit)?;
        }
        if let Some(why) = &entry.without_values {
            row("without values", why, "")?;
        }
    }
    out.into_inner().map_err(csv::IntoInnerError::into_error)
}

/// Reads and checks what [`save`] wrote as JSON.
///
/// # Errors
/// When the file cannot be read, is no such file, or holds a measurement that cannot be: which, what is expected, what was found.
pub fn read(path: &Path) -> Result<Saved, IoError> {
    let system = |e| IoError::system(path, e);
    let expected = "measurements that Veritome saved (JSON)";
    let size = std::fs::metadata(path).map_err(system)?.len();
    if size > MOST_BYTES {
        return Err(IoError::format(path, expected, format!("{size} bytes, more than such a file has")));
    }
    let bytes = std::fs::read(path).map_err(system)?;
    let file: File = serde_json::from_slice(&bytes).map_err(|e| IoError::format(path, expected, e.to_string()))?;
    if file.format != FORMAT || file.schema != SCHEMA {
        let found = format!("format `{}`, schema {}", file.format, file.schema);
        return Err(IoError::format(path, format!("format `{FORMAT}`, schema {SCHEMA}"), found));
    }
    let measurements = file.measurements.into_iter().map(|entry| checked(path, entry)).collect::<Result<_, _>>()?;
    Ok(Saved { image: file.image, coordinates: file.coordinates, measurements })
}

fn checked(path: &Path, entry: Entry) -> Result<Measurement, IoError> {
    let Entry { name, kind, points, right, down, .. } = entry;
    if points.len() != kind.points() {
        let expected = format!("{} points of `{name}`", kind.points());
        return Err(IoError::format(path, expected, points.len().to_string()));
    }
    if let Some(bad) = points.iter().find(|p| !p.is_finite()) {
        return Err(IoError::format(path, format!("points of `{name}` that are numbers"), format!("{bad}")));
    }
    let is_one = |v: DVec3| (v.length() - 1.0).abs() < 1e-6;
    if !(is_one(right) && is_one(down) && right.dot(down).abs() < 1e-6) {
        let expected = format!("`right` and `down` of `{name}` of length 1, at right angles");
        return Err(IoError::format(path, expected, format!("{right} and {down}")));
    }
    Ok(Measurement { kind, points: points.into_iter().map(PatientPoint).collect(), right, down })
}

impl Saved {
    /// Whether they belong to an image; hashes all of its voxels.
    #[must_use]
    pub fn fit(&self, volume: &Volume) -> Fit {
        let (own, this) = (&self.image, MeasuredImage::of(volume));
        if self.coordinates != Coordinates::of(&volume.space) {
            return Fit::Other(format!("`{}` and this image do not both have a place in the patient", own.name));
        }
        if own.content_sha256 == this.content_sha256 {
            return Fit::Same;
        }
        if own.size != this.size {
            let voxels = |size: [usize; 3]| size.map(|n| n.to_string()).join(" × ");
            let (own_size, this_size) = (voxels(own.size), voxels(this.size));
            return Fit::Other(format!("`{}` has {own_size} voxels, this image has {this_size}", own.name));
        }
        if own.frame_of_reference != this.frame_of_reference {
            return Fit::Other(format!("`{}` has another frame of reference than this image", own.name));
        }
        let cells = || own.voxel_to_coordinates.iter().flatten().zip(this.voxel_to_coordinates.iter().flatten());
        if cells().any(|(a, b)| (a - b).abs() > SAME_MM) {
            return Fit::Other(format!("`{}` lies elsewhere, or has another spacing", own.name));
        }
        // Pictures without a place share pixels with every picture of their size.
        if self.coordinates == Coordinates::StackPx {
            return Fit::Other(format!("`{}` is another picture, and neither has a place in the patient", own.name));
        }
        Fit::SameGrid
    }
}

#[cfg(test)]
mod tests {
    use glam::DMat4;

    use super::*;
    use crate::volume::{Geometry, Provenance};

    /// 10 x 8 x 4 voxels of 0.5 x 0.5 x 2 mm.
    fn volume(value: impl Fn(usize) -> f32, provenance: Provenance) -> Volume {
        let matrix =
            DMat4::from_translation(DVec3::new(-20.0, 5.0, 60.0)) * DMat4::from_scale(DVec3::new(0.5, 0.5, 2.0));
        let geometry = Geometry::new([10, 8, 4], matrix).unwrap();
        Volume::new("head", (0..320).map(value).collect::<Vec<f32>>().into(), geometry, provenance).unwrap()
    }

    fn head() -> Volume {
        volume(|n| n as f32, Provenance::acquired(vec!["1.2.3".into()]))
    }

    fn drawn() -> Vec<Measurement> {
        let at = |x: f64, y: f64| PatientPoint::new(x, y, 62.0);
        let on_plane = |kind, points| Measurement { kind, points, right: DVec3::X, down: DVec3::Y };
        vec![
            on_plane(Kind::Length, vec![at(-20.0, 5.0), at(-17.0, 9.0)]),
            on_plane(Kind::Angle, vec![at(-19.0, 5.0), at(-20.0, 5.0), at(-20.0, 6.0)]),
            on_plane(Kind::Rectangle, vec![at(-20.2, 4.8), at(-19.3, 5.2)]),
            on_plane(Kind::Ellipse, vec![at(90.0, 5.0), at(91.0, 6.0)]),
        ]
    }

    #[test]
    fn what_is_saved_comes_back_with_its_image_and_says_values_units_and_axes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("head.measurements.json");
        save(&path, &head(), &drawn(), |p| p).unwrap();
        let saved = read(&path).unwrap();
        assert_eq!((saved.measurements.as_slice(), saved.fit(&head())), (drawn().as_slice(), Fit::Same));
        let json: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        assert_eq!(
            (&json["coordinates"], &json["image"]["mark"]),
            (&"patient_lps_mm".into(), &serde_json::Value::Null)
        );
        // By hand: 3 and 4 mm; a right angle; two voxels of row 0 in slice 1, 80 and 81.
        let value = |at: usize, which: usize| {
            let one = &json["measurements"][at]["values"][which];
            (one["quantity"].as_str().unwrap(), one["value"].as_f64().unwrap(), one["unit"].as_str().unwrap())
        };
        assert_eq!(value(0, 0), ("length", 5.0, "mm"));
        assert_eq!(value(1, 0), ("angle", 90.0, "°"));
        assert_eq!(value(2, 1), ("mean", 80.5, ""));
        assert_eq!(json["measurements"][3]["without_values"], "no voxel lies inside");
        assert_eq!(json["measurements"][0]["points"][1], serde_json::json!([-17.0, 9.0, 62.0]));

        let table = folder.path().join("head.csv");
        save(&table, &head(), &drawn(), |p| p).unwrap();
        let text = std::fs::read_to_string(&table).unwrap();
        assert!(
            text.starts_with("image,mark,measurement,kind,quantity,value,unit\nhead,,Length 1,length,length,5,mm\n")
        );
        assert!(text.contains("head,,Rectangle 3,rectangle,mean,80.5,\n"), "{text}");
    }

    #[test]
    fn another_image_is_told_apart_and_one_on_the_same_grid_is_said_to_be_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        save(&path, &head(), &drawn(), |p| p).unwrap();
        let saved = read(&path).unwrap();
        let synthetic = volume(|n| 2.0 * n as f32, Provenance::marked_synthetic(vec![], None));
        assert_eq!(saved.fit(&synthetic), Fit::SameGrid);
        let mut moved = head();
        moved.geometry = Geometry::new([10, 8, 4], DMat4::from_scale(DVec3::new(0.5, 0.5, 2.0))).unwrap();
        let Fit::Other(why) = saved.fit(&moved) else { panic!("it lies elsewhere") };
        assert!(why.contains("`head` lies elsewhere"), "{why}");
        let mut framed = head();
        framed.space = Space::Patient { frame_of_reference: Some("1.9".into()) };
        // The same voxels at the same place are the same image, whichever file they came from.
        assert_eq!(saved.fit(&framed), Fit::Same);
        save(&path, &synthetic, &drawn()[..1], |p| p).unwrap();
        assert_eq!(read(&path).unwrap().image.mark.as_deref(), Some("synthetic"));
    }

    #[test]
    fn a_file_that_is_none_or_holds_what_cannot_be_is_refused_with_what_is_expected() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        save(&path, &head(), &drawn(), |p| p).unwrap();
        let good = std::fs::read_to_string(&path).unwrap();
        let refused = |text: &str| {
            std::fs::write(&path, text).unwrap();
            read(&path).unwrap_err().to_string()
        };
        assert!(refused("{}").contains("measurements that Veritome saved"));
        assert!(refused(&good.replace("\"schema\": 1", "\"schema\": 2")).contains("schema 2"));
        let said = refused(&good.replace("\"kind\": \"length\"", "\"kind\": \"angle\""));
        assert!(said.contains("3 points of `Length 1`") && said.contains('2'), "{said}");
        assert!(refused(&good.replace("\"kind\": \"length\"", "\"kind\": \"area\"")).contains("`area`"));
    }
}
