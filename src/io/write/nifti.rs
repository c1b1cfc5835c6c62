//! NIfTI-1 in one file; NIfTI-2 where an axis is too long for it.

use std::io::{self, Write};

use glam::{DMat3, DMat4, DQuat};

use super::numbers::Plan;
use crate::io::mark::Record;
use crate::io::nifti::affine;
use crate::io::nifti::extension::{self, COMMENT, Extension};
use crate::io::nifti::header::{Header, SIZE_ONE, SIZE_TWO, Version};
use crate::volume::{Geometry, Space, Volume, VoxelType};

/// The qform is written where it puts the corners as the sform does, within this.
const QFORM_MM: f64 = 0.01;
/// `NIFTI_INTENT_LABEL`.
pub const INTENT_LABEL: i32 = 1002;

/// Writes the time points of a series.
///
/// # Errors
/// When `out` takes no more.
pub fn write(
    volumes: &[Volume],
    plan: &Plan,
    intent: i32,
    time_step_s: Option<f64>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let Some(first) = volumes.first() else { return Ok(()) };
    let record = volumes.iter().find_map(|v| Record::of(&v.provenance));
    let extensions: Vec<Extension> =
        record.iter().map(|r| Extension { code: COMMENT, content: r.to_json().into_bytes() }).collect();
    let extension_bytes = extension::to_bytes(&extensions);
    let mut header = header(first, volumes.len(), plan, time_step_s);
    header.intent_code = intent;
    header.descrip = record.map_or_else(|| concat!("Veritome ", env!("CARGO_PKG_VERSION")).to_owned(), |r| r.short());
    header.vox_offset = (header.byte_len() + extension_bytes.len()).next_multiple_of(16) as f64;
    let mut start = if header.version == Version::Two { bytes_two(&header) } else { bytes_one(&header) };
    start.extend(extension_bytes);
    start.resize(header.vox_offset as usize, 0);
    out.write_all(&start)?;
    volumes.iter().try_for_each(|v| plan.write(v, out))
}

fn header(volume: &Volume, time_points: usize, plan: &Plan, time_step_s: Option<f64>) -> Header {
    let [nx, ny, nz] = volume.size();
    let wide = [nx, ny, nz, time_points].iter().any(|n| *n > i16::MAX as usize);
    let (datatype, bitpix) = match plan.voxel_type {
        VoxelType::U8 => (2, 8),
        VoxelType::I16 => (4, 16),
        VoxelType::I32 => (8, 32),
        VoxelType::F32 => (16, 32),
        VoxelType::F64 => (64, 64),
        VoxelType::Rgb8 => (128, 24),
        VoxelType::U16 => (512, 16),
    };
    let axes = if time_points > 1 { 4 } else { 3 };
    let dim = [axes, nx as i64, ny as i64, nz as i64, time_points as i64, 1, 1, 1];
    let (mut spacing, mut spatial_unit) = (volume.geometry.spacing_mm(), 2);
    if let Space::Stack { pixel_spacing_mm, .. } = &volume.space {
        match pixel_spacing_mm {
            Some([x, y]) => spacing = [*x, *y, 1.0],
            None => spatial_unit = 0,
        }
    }
    let second = if time_points > 1 && time_step_s.is_some() { 8 } else { 0 };
    let mut header = Header {
        version: if wide { Version::Two } else { Version::One },
        big_endian: false,
        single_file: true,
        dim,
        datatype,
        bitpix,
        pixdim: [1.0, spacing[0], spacing[1], spacing[2], time_step_s.unwrap_or(1.0), 1.0, 1.0, 1.0],
        vox_offset: 0.0,
        scl_slope: plan.header_rescale.slope,
        scl_inter: plan.header_rescale.intercept,
        cal_max: 0.0,
        cal_min: 0.0,
        xyzt_units: spatial_unit | second,
        intent_code: 0,
        intent_name: String::new(),
        descrip: String::new(),
        aux_file: String::new(),
        qform_code: 0,
        sform_code: 0,
        quatern: [0.0; 3],
        qoffset: [0.0; 3],
        srow: [[0.0; 4]; 3],
    };
    if let Some(window) = volume.display.windows.first().map(|w| w.window) {
        (header.cal_min, header.cal_max) = (window.center - window.width / 2.0, window.center + window.width / 2.0);
    }
    if volume.space.is_patient() {
        place(&mut header, &volume.geometry);
    }
    header
}

/// The sform, and the qform where it can say the same.
fn place(header: &mut Header, geometry: &Geometry) {
    let matrix = geometry.voxel_to_ras();
    let rows = matrix.transpose().to_cols_array_2d();
    header.srow = [rows[0], rows[1], rows[2]];
    header.sform_code = 1;
    let mut axes = [0, 1, 2].map(|a| matrix.col(a).truncate().normalize_or_zero());
    if axes[0].cross(axes[1]).dot(axes[2]) < 0.0 {
        header.pixdim[0] = -1.0;
        axes[2] = -axes[2];
    }
    // The nearest rotation: exact where the axes are at right angles.
    axes[1] = (axes[1] - axes[0] * axes[0].dot(axes[1])).normalize_or_zero();
    axes[2] = axes[0].cross(axes[1]);
    let mut q = DQuat::from_mat3(&DMat3::from_cols(axes[0], axes[1], axes[2])).normalize();
    if q.w < 0.0 {
        q = -q;
    }
    header.quatern = [q.x, q.y, q.z].map(|x| f64::from(x as f32));
    header.qoffset = matrix.w_axis.truncate().to_array();
    let says_the_same =
        |m: DMat4| Geometry::from_ras(geometry.size(), m).is_ok_and(|g| g.distance_mm(geometry) < QFORM_MM);
    if says_the_same(affine::qform(header)) {
        header.qform_code = 1;
    } else {
        (header.quatern, header.qoffset, header.pixdim[0]) = ([0.0; 3], [0.0; 3], 1.0);
    }
}

/// Bytes with values at their offsets, little-endian.
struct Layout(Vec<u8>);

impl Layout {
    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }
    fn i16(&mut self, at: usize, x: i64) {
        self.put(at, &(x as i16).to_le_bytes());
    }
    fn i32(&mut self, at: usize, x: i32) {
        self.put(at, &x.to_le_bytes());
    }
    fn i64(&mut self, at: usize, x: i64) {
        self.put(at, &x.to_le_bytes());
    }
    fn f32s(&mut self, at: usize, list: &[f64]) {
        for (i, x) in list.iter().enumerate() {
            self.put(at + 4 * i, &(*x as f32).to_le_bytes());
        }
    }
    fn f64s(&mut self, at: usize, list: &[f64]) {
        for (i, x) in list.iter().enumerate() {
            self.put(at + 8 * i, &x.to_le_bytes());
        }
    }
    /// Cut so that a zero stays behind it.
    fn text(&mut self, at: usize, room: usize, text: &str) {
        let mut end = text.len().min(room - 1);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.put(at, &text.as_bytes()[..end]);
    }
}

fn bytes_one(h: &Header) -> Vec<u8> {
    let mut b = Layout(vec![0; SIZE_ONE]);
    b.i32(0, SIZE_ONE as i32);
    b.put(38, b"r");
    for (i, d) in h.dim.iter().enumerate() {
        b.i16(40 + 2 * i, *d);
    }
    b.i16(68, h.intent_code.into());
    b.i16(70, h.datatype.into());
    b.i16(72, h.bitpix.into());
    b.f32s(76, &h.pixdim);
    b.f32s(108, &[h.vox_offset, h.scl_slope, h.scl_inter]);
    b.put(123, &[h.xyzt_units]);
    b.f32s(124, &[h.cal_max, h.cal_min]);
    b.text(148, 80, &h.descrip);
    b.i16(252, h.qform_code.into());
    b.i16(254, h.sform_code.into());
    b.f32s(256, &h.quatern);
    b.f32s(268, &h.qoffset);
    b.f32s(280, h.srow.as_flattened());
    b.put(344, b"n+1\0");
    b.0
}

fn bytes_two(h: &Header) -> Vec<u8> {
    let mut b = Layout(vec![0; SIZE_TWO]);
    b.i32(0, SIZE_TWO as i32);
    b.put(4, b"n+2\0\r\n\x1a\n");
    b.i16(12, h.datatype.into());
    b.i16(14, h.bitpix.into());
    for (i, d) in h.dim.iter().enumerate() {
        b.i64(16 + 8 * i, *d);
    }
    b.f64s(104, &h.pixdim);
    b.i64(168, h.vox_offset as i64);
    b.f64s(176, &[h.scl_slope, h.scl_inter, h.cal_max, h.cal_min]);
    b.text(240, 80, &h.descrip);
    b.i32(344, h.qform_code);
    b.i32(348, h.sform_code);
    b.f64s(352, &h.quatern);
    b.f64s(376, &h.qoffset);
    b.f64s(400, h.srow.as_flattened());
    b.i32(500, h.xyzt_units.into());
    b.i32(504, h.intent_code);
    b.0
}
