//! Overlay planes and shutters of many slices as labels on the series' own grid.

use std::collections::BTreeMap;
use std::sync::Arc;

use rayon::prelude::*;

use super::image_file::ImageFile;
use super::overlays::{Drawn, OverlayPlane, packed_bits};
use super::pixels::reader::FrameReader;
use super::shutters::ShutterShapes;
use super::stacking::Slice;
use crate::error::{WarningCode, Warnings};
use crate::volume::graphics::{GRAPHIC_COLOR, part_of};
use crate::volume::labelmap::Algorithm;
use crate::volume::{Geometry, Graphics, Label, Labelmap, Provenance, Shutter, Space};

/// The most that all planes of a series may take in memory; two bytes a pixel that lies in a plane's bounds.
const BYTES_LIMIT: usize = 1 << 30;

/// What the files of `slices`, which fill `grid`, lay over the image.
pub(crate) fn graphics_of(slices: &[Slice], grid: &Geometry, space: &Space, late: &Warnings) -> Graphics {
    let mut graphics = Graphics::default();
    if slices.iter().any(|s| !s.file.overlays.is_empty()) {
        graphics.planes = planes(slices, grid, space, late);
    }
    if slices.iter().any(|s| s.info().shutter.is_some()) {
        graphics.shutter = shutter(slices, grid, space).map(Arc::new);
    }
    graphics
}

/// The bits of a file: packed ones by plane, and those in the pixels by frame and plane.
struct FileBits {
    packed: Vec<Vec<u8>>,
    in_pixels: BTreeMap<(usize, usize), Vec<u8>>,
}

fn planes(slices: &[Slice], grid: &Geometry, space: &Space, late: &Warnings) -> Vec<Arc<Labelmap>> {
    let mut frames: BTreeMap<usize, (Arc<ImageFile>, Vec<usize>)> = BTreeMap::new();
    for slice in slices.iter().filter(|s| !s.file.overlays.is_empty()) {
        let key = Arc::as_ptr(&slice.file).addr();
        frames.entry(key).or_insert_with(|| (slice.file.clone(), Vec::new())).1.push(slice.frame);
    }
    let bits = |(key, (file, frames)): (usize, (Arc<ImageFile>, Vec<usize>))| match bits_of(&file, &frames) {
        Ok(bits) => Some((key, bits)),
        Err(error) => {
            late.push(WarningCode::Other, format!("Overlay planes could not be read: {error}"));
            None
        }
    };
    // One slice is read here and now: the pool may be busy with a whole volume.
    let read: BTreeMap<usize, FileBits> = if frames.len() == 1 {
        frames.into_iter().filter_map(bits).collect()
    } else {
        frames.into_par_iter().filter_map(bits).collect()
    };
    let mut groups: BTreeMap<u16, String> = BTreeMap::new();
    for plane in slices.iter().flat_map(|s| &s.file.overlays) {
        groups.entry(plane.group).or_insert_with(|| plane.name.clone());
    }
    let mut taken = 0;
    let mut maps = Vec::new();
    for (group, name) in groups {
        let drawn: Vec<Option<Drawn<'_>>> = slices.iter().map(|s| drawn(s, group, &read)).collect();
        match labelled(&drawn, grid, BYTES_LIMIT - taken) {
            Ok(Some((geometry, voxels))) => {
                taken += voxels.len() * size_of::<u16>();
                let label = Label { algorithm: Algorithm::Manual, ..Label::new(1, name.clone(), GRAPHIC_COLOR) };
                maps.push(Arc::new(labelmap(voxels, geometry, space, label, name)));
            }
            Ok(None) => {}
            Err(bytes) => late.push(
                WarningCode::Other,
                format!("Overlay plane {group:04X} ({name}) is not shown: it would take {} MB", bytes >> 20),
            ),
        }
    }
    maps
}

fn bits_of(file: &ImageFile, frames: &[usize]) -> Result<FileBits, crate::io::IoError> {
    let packed = packed_bits(file)?;
    let mut in_pixels = BTreeMap::new();
    for (n, bit) in file.overlays.iter().enumerate().filter_map(|(n, p)| Some((n, p.bit_in_pixels()?))) {
        let reader = FrameReader::open(file)?;
        for frame in frames {
            in_pixels.insert((*frame, n), reader.bits(*frame, bit)?);
        }
    }
    Ok(FileBits { packed, in_pixels })
}

/// What a group draws on a slice.
fn drawn<'b>(slice: &'b Slice, group: u16, read: &'b BTreeMap<usize, FileBits>) -> Option<Drawn<'b>> {
    let bits = read.get(&Arc::as_ptr(&slice.file).addr())?;
    let (n, plane): (usize, &OverlayPlane) = slice.file.overlays.iter().enumerate().find(|(_, p)| p.group == group)?;
    let bytes = match plane.bit_in_pixels() {
        Some(_) => bits.in_pixels.get(&(slice.frame, n))?,
        None => bits.packed.get(n)?,
    };
    plane.drawn(slice.frame, bytes)
}

/// The voxels that a group draws on, within their bounds; `None` if it draws nothing. The error is the memory that was
/// refused, bytes.
fn labelled(
    drawn: &[Option<Drawn<'_>>],
    grid: &Geometry,
    most_bytes: usize,
) -> Result<Option<(Geometry, Vec<u16>)>, usize> {
    let [nx, ny, nz] = grid.size();
    // One drawing on all slices is kept once.
    let thick =
        nz > 1 && drawn.len() == nz && drawn.windows(2).all(|pair| matches!(pair, [Some(a), Some(b)] if a.is_like(b)));
    let looked_at = if thick { &drawn[..1] } else { drawn };
    let bounds_of = |(k, drawn): (usize, &Option<Drawn<'_>>)| {
        bounds(drawn.as_ref()?, [nx, ny]).map(|[x, y, to_x, to_y]| [x, y, k, to_x, to_y, k + 1])
    };
    let join =
        |a: [usize; 6], b: [usize; 6]| std::array::from_fn(|i| if i < 3 { a[i].min(b[i]) } else { a[i].max(b[i]) });
    let bounds = match looked_at {
        [one] => bounds_of((0, one)),
        many => many.par_iter().enumerate().filter_map(bounds_of).reduce_with(join),
    };
    let Some([x, y, z, to_x, to_y, to_z]) = bounds else { return Ok(None) };
    let (z, to_z) = if thick { (0, nz) } else { (z, to_z) };
    let Some(geometry) = part_of(grid, [x, y, z], [to_x, to_y, to_z], thick) else { return Ok(None) };
    let bytes = geometry.voxel_count().saturating_mul(size_of::<u16>());
    if bytes > most_bytes {
        return Err(bytes);
    }
    let width = to_x - x;
    let height = to_y - y;
    let mut voxels = vec![0_u16; geometry.voxel_count()];
    let fill = |slice: &mut [u16], drawn: &Option<Drawn<'_>>| {
        let Some(drawn) = drawn else { return };
        for (row, line) in slice.chunks_mut(width).enumerate() {
            for (column, voxel) in line.iter_mut().enumerate() {
                *voxel = u16::from(drawn.at(x + column, y + row));
            }
        }
    };
    match &looked_at[z..] {
        [one] => fill(&mut voxels, one),
        many => {
            voxels.par_chunks_mut(width * height).zip(many.par_iter()).for_each(|(slice, drawn)| fill(slice, drawn));
        }
    }
    Ok(Some((geometry, voxels)))
}

/// The bounds of what is drawn within the image: first column and row, and those behind the last.
fn bounds(drawn: &Drawn<'_>, [nx, ny]: [usize; 2]) -> Option<[usize; 4]> {
    let mut bounds: Option<[usize; 4]> = None;
    for row in 0..ny {
        for column in (0..nx).filter(|column| drawn.at(*column, row)) {
            bounds = Some(bounds.map_or([column, row, column + 1, row + 1], |[x, y, to_x, to_y]| {
                [x.min(column), y.min(row), to_x.max(column + 1), to_y.max(row + 1)]
            }));
        }
    }
    bounds
}

fn shutter(slices: &[Slice], grid: &Geometry, space: &Space) -> Option<Shutter> {
    let [nx, ny, nz] = grid.size();
    let shapes: Vec<Option<&ShutterShapes>> = slices.iter().map(|s| s.info().shutter.as_deref()).collect();
    let thick = nz > 1 && shapes.len() == nz && shapes.windows(2).all(|pair| pair[0] == pair[1]);
    let shown = if thick { &shapes[..1] } else { &shapes[..] };
    let geometry = part_of(grid, [0; 3], [nx, ny, nz], thick)?;
    let mut voxels = vec![0_u16; geometry.voxel_count()];
    let hide = |slice: &mut [u16], shapes: &Option<&ShutterShapes>| {
        let Some(shapes) = shapes else { return };
        slice.chunks_mut(nx).enumerate().for_each(|(row, line)| shapes.hide_row(row, line));
    };
    match shown {
        [one] => hide(&mut voxels, one),
        many => voxels.par_chunks_mut((nx * ny).max(1)).zip(many).for_each(|(slice, shapes)| hide(slice, shapes)),
    }
    if voxels.iter().all(|v| *v == 0) {
        return None;
    }
    // One colour holds for all: where slices differ in it, the first one's.
    let grey = shapes.iter().flatten().next().map_or(0, |s| s.grey);
    let name = "Display shutter".to_owned();
    let label = Label { algorithm: Algorithm::Manual, ..Label::new(1, name.clone(), [grey; 3]) };
    Some(Shutter { mask: Arc::new(labelmap(voxels, geometry, space, label, name)), grid: grid.clone() })
}

fn labelmap(voxels: Vec<u16>, geometry: Geometry, space: &Space, label: Label, name: String) -> Labelmap {
    Labelmap {
        voxels: Arc::new(voxels),
        geometry,
        space: space.clone(),
        labels: vec![label],
        provenance: Provenance::acquired(Vec::new()),
        name,
    }
}
