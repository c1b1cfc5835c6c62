//! NRRD with gzip encoding, in left-posterior-superior.

use std::io::{self, Write};

use super::gzip::GzipWriter;
use super::numbers::Plan;
use crate::io::mark::{self, Record};
use crate::io::nrrd::header::escape;
use crate::volume::{Label, Space, Unit, Volume, VoxelType};

/// Writes the time points of a series; `labels` become the segments of 3D Slicer's `.seg.nrrd`.
///
/// # Errors
/// When `out` takes no more.
pub fn write(
    volumes: &[Volume],
    plan: &Plan,
    labels: &[Label],
    time_step_s: Option<f64>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let Some(first) = volumes.first() else { return Ok(()) };
    let lines = header(first, volumes, plan, labels, time_step_s);
    out.write_all(lines.join("\n").as_bytes())?;
    out.write_all(b"\n\n")?;
    let mut gzip = GzipWriter::new(out)?;
    volumes.iter().try_for_each(|v| plan.write(v, &mut gzip))?;
    gzip.finish()
}

fn header(first: &Volume, volumes: &[Volume], plan: &Plan, labels: &[Label], time_step_s: Option<f64>) -> Vec<String> {
    let colour = plan.voxel_type == VoxelType::Rgb8;
    let timed = volumes.len() > 1;
    let type_name = match plan.voxel_type {
        VoxelType::U8 | VoxelType::Rgb8 => "unsigned char",
        VoxelType::I16 => "short",
        VoxelType::U16 => "unsigned short",
        VoxelType::I32 => "int",
        VoxelType::F32 => "float",
        VoxelType::F64 => "double",
    };
    // One entry an axis: colour, x, y, z, time.
    let axes = |colour_axis: &str, xyz: [String; 3], time_axis: &str| {
        let mut all = Vec::new();
        all.extend(colour.then(|| colour_axis.to_owned()));
        all.extend(xyz);
        all.extend(timed.then(|| time_axis.to_owned()));
        all.join(" ")
    };
    let sizes = axes("3", first.size().map(|n| n.to_string()), &volumes.len().to_string());
    let mut lines = vec![
        "NRRD0005".to_owned(),
        concat!("# Written by Veritome ", env!("CARGO_PKG_VERSION")).to_owned(),
        format!("type: {type_name}"),
        format!("dimension: {}", 3 + usize::from(colour) + usize::from(timed)),
    ];
    let vector = |v: glam::DVec3| format!("({},{},{})", v.x, v.y, v.z);
    match &first.space {
        Space::Patient { .. } => {
            lines.push("space: left-posterior-superior".to_owned());
            lines.push(format!("sizes: {sizes}"));
            let steps = [0, 1, 2].map(|a| vector(first.geometry.step_mm(a)));
            lines.push(format!("space directions: {}", axes("none", steps, "none")));
            if timed && let Some(step) = time_step_s {
                let nan = || "nan".to_owned();
                lines.push(format!("spacings: {}", axes("nan", [nan(), nan(), nan()], &step.to_string())));
                let none = || "\"\"".to_owned();
                lines.push(format!("units: {}", axes("\"\"", [none(), none(), none()], "\"s\"")));
            }
        }
        Space::Stack { pixel_spacing_mm, .. } => {
            lines.push(format!("sizes: {sizes}"));
            if let Some([x, y]) = pixel_spacing_mm {
                let spacings = [x.to_string(), y.to_string(), "nan".to_owned()];
                lines.push(format!("spacings: {}", axes("nan", spacings, "nan")));
            }
        }
    }
    let domain = || "domain".to_owned();
    // Not "time": ITK takes that for a fourth axis of space and refuses the file.
    lines.push(format!("kinds: {}", axes("RGB-color", [domain(), domain(), domain()], "list")));
    if plan.voxel_type.bytes() > 1 && !colour {
        lines.push("endian: little".to_owned());
    }
    lines.push("encoding: gzip".to_owned());
    if first.space.is_patient() {
        lines.push(format!("space origin: {}", vector(first.geometry.voxel_to_patient().w_axis.truncate())));
    }
    if first.unit != Unit::Arbitrary {
        lines.push(format!("sample units: {}", first.unit.symbol().replace('\n', " ")));
    }
    let mut pair = |key: &str, value: &str| lines.push(format!("{}:={}", escape(key), escape(value)));
    if let Some(record) = volumes.iter().find_map(|v| Record::of(&v.provenance)) {
        if let Some(value) = record.value() {
            pair(mark::KEY, value);
        }
        pair(mark::RECORD_KEY, &record.to_json());
    }
    for (n, label) in labels.iter().enumerate() {
        let [r, g, b] = label.color.map(|c| f64::from(c) / 255.0);
        pair(&format!("Segment{n}_ID"), &format!("Segment_{}", label.value));
        pair(&format!("Segment{n}_Name"), &label.name);
        pair(&format!("Segment{n}_Color"), &format!("{r:.6} {g:.6} {b:.6}"));
        pair(&format!("Segment{n}_LabelValue"), &label.value.to_string());
        pair(&format!("Segment{n}_Layer"), "0");
        if let Some((scheme, code)) = &label.code {
            let entry = format!("TerminologyEntry:~^^~{scheme}^{code}^{}~^^~~^^~^^|", label.name);
            pair(&format!("Segment{n}_Tags"), &entry);
        }
    }
    lines
}
