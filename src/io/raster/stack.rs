//! Pictures of one size as a series: the pages of a file, or the files of a folder in the natural order of their names.

use std::cmp::Ordering;
use std::collections::TryReserveError;
use std::path::PathBuf;
use std::sync::Arc;

use glam::{DMat4, DVec3};
use image::ImageFormat;
use rayon::prelude::*;

use super::picture::{Look, Page, decode, format_name, format_of, pages, provenance};
use crate::error::{Warning, WarningCode};
use crate::io::formats::Origin;
use crate::io::formats::grid::origin_warning;
use crate::io::{Attribute, IoError, PixelSource, Series, SeriesKind, Study};
use crate::jobs::Control;
use crate::volume::{DisplayHints, Geometry, OriginMark, Provenance, Rescale, Space, Unit, Volume, VoxelType, Voxels};

/// Why pictures are no volume.
const REASON: &str = "A picture does not say where it lies in the patient, nor how far apart two of them are";

/// Opens one picture file; `None` if it is none.
///
/// # Errors
/// When its header is broken or claims more than the file can hold.
pub fn open(origin: &Origin, head: &[u8]) -> Result<Option<Study>, IoError> {
    let Some(format) = format_of(head) else { return Ok(None) };
    let pages = pages(origin, format)?;
    let name = origin.path().file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let uid = origin.path().display().to_string();
    let series = groups(pages).into_iter().map(|g| series(g, &name, &uid)).collect::<Result<_, _>>()?;
    Ok(Some(Study { uid, series, ..Study::default() }))
}

/// Opens the pictures among `paths` as stacks: those of one size and type are one series, in the natural order of their
/// names. `None` if none of them is a picture.
///
/// # Errors
/// When a picture's header is broken; [`IoError::Cancelled`].
pub fn open_folder_as_stack(paths: &[PathBuf], control: &Control) -> Result<Option<Study>, IoError> {
    open_stack(paths.iter().cloned().map(Origin::File).collect(), control)
}

/// As [`open_folder_as_stack`], wherever the pictures are.
///
/// # Errors
/// As there.
pub fn open_stack(mut origins: Vec<Origin>, control: &Control) -> Result<Option<Study>, IoError> {
    origins.sort_by(|a, b| natural_order(&a.path().to_string_lossy(), &b.path().to_string_lossy()));
    let looks: Vec<Result<Vec<Page>, IoError>> = origins
        .par_iter()
        .map(|origin| {
            control.checkpoint()?;
            let head = origin.head(256)?;
            format_of(&head).map_or(Ok(Vec::new()), |format| pages(origin, format))
        })
        .collect();
    control.checkpoint()?;
    let (mut all, mut failed) = (Vec::new(), Vec::new());
    for look in looks {
        match look {
            Ok(pages) => all.extend(pages),
            Err(e) => failed.push(e),
        }
    }
    let Some(first) = all.first() else {
        return failed.into_iter().next().map_or(Ok(None), Err);
    };
    let folder = first.origin.path().parent().map(PathBuf::from).unwrap_or_default();
    let name = folder.file_name().map_or_else(|| "Pictures".to_owned(), |n| n.to_string_lossy().into_owned());
    let uid = folder.display().to_string();
    let groups = groups(all);
    let several = groups.len() > 1;
    let mut list = Vec::new();
    for group in groups {
        let mut one = series(group, &name, &uid)?;
        if several {
            let message = "The folder holds pictures of several sizes or types; each is a series of its own";
            one.warnings.push(Warning::new(WarningCode::MixedSize, message));
        }
        for error in &failed {
            one.warnings.push(Warning::new(WarningCode::Other, format!("A picture was left out: {error}")));
        }
        list.push(one);
    }
    Ok(Some(Study { uid, description: name, series: list, ..Study::default() }))
}

/// Pages of one size and type, in their order.
fn groups(pages: Vec<Page>) -> Vec<Vec<Page>> {
    let mut groups: Vec<Vec<Page>> = Vec::new();
    for page in pages {
        let alike = |g: &&mut Vec<Page>| {
            g.first().is_some_and(|p| (p.look.size, p.look.voxel_type) == (page.look.size, page.look.voxel_type))
        };
        match groups.iter_mut().find(alike) {
            Some(group) => group.push(page),
            None => groups.push(vec![page]),
        }
    }
    groups
}

fn series(pages: Vec<Page>, name: &str, uid: &str) -> Result<Series, IoError> {
    let Some(Page { look, origin, .. }) = pages.first().cloned() else {
        return Err(IoError::format(uid, "a picture", "none"));
    };
    let mut warnings = vec![Warning::new(WarningCode::NoGeometry, REASON)];
    if pages.iter().any(|p| p.look.format == ImageFormat::Jpeg) {
        warnings.push(Warning::new(WarningCode::Lossy, "The pixels went through JPEG, which loses detail"));
    }
    if pages.iter().any(|p| p.look.alpha) {
        warnings.push(Warning::new(WarningCode::Other, "The transparency of the picture is not shown"));
    }
    if pages.iter().any(|p| p.look.deep_colour) {
        warnings.push(Warning::new(WarningCode::Other, "The colours have more than 8 bits; the upper 8 are shown"));
    }
    let origins: Vec<Provenance> = pages
        .iter()
        .enumerate()
        .filter(|(i, p)| *i == 0 || p.number == 0)
        .map(|(_, p)| provenance(&p.origin, p.look.format))
        .collect();
    let files = origins.len();
    let marked = |mark| origins.iter().find(|p| p.mark() == Some(mark));
    let provenance = marked(OriginMark::Synthetic).or(marked(OriginMark::Blinded)).or(origins.first()).cloned();
    let provenance = provenance.unwrap_or_else(|| Provenance::acquired(vec![uid.to_owned()]));
    warnings.extend(origin_warning(&provenance));
    let [nx, ny] = look.size;
    let size = [nx, ny, pages.len()];
    let geometry = Geometry::unplaced(size)
        .map_err(|e| IoError::format(origin.path(), "a size that can be addressed", e.to_string()))?;
    let source = PictureStack { pages, geometry, provenance, name: name.to_owned() };
    Ok(Series {
        uid: uid.to_owned(),
        number: None,
        modality: String::new(),
        description: name.to_owned(),
        kind: SeriesKind::Image,
        files,
        transfer_syntaxes: vec![format_name(look.format).to_owned()],
        size,
        time_points: 1,
        geometry: None,
        space: space(),
        unit: Unit::Arbitrary,
        voxel_type: look.voxel_type,
        warnings,
        source: Arc::new(source),
    })
}

fn space() -> Space {
    Space::Stack { reason: REASON.to_owned(), pixel_spacing_mm: None }
}

/// Pages of one size and type, decoded when they are asked for.
#[derive(Debug)]
struct PictureStack {
    pages: Vec<Page>,
    geometry: Geometry,
    provenance: Provenance,
    name: String,
}

impl PictureStack {
    /// The pictures from `first` on.
    fn volume(&self, voxels: Voxels, first: usize, slices: usize) -> Result<Volume, IoError> {
        let path = self.pages.first().map(|p| p.origin.path().to_owned()).unwrap_or_default();
        let [nx, ny, _] = self.geometry.size();
        let wrong = |e: String| IoError::format(&path, "as many pixels as the header says", e);
        let place = DMat4::from_translation(DVec3::new(0.0, 0.0, first as f64));
        let geometry = Geometry::new([nx, ny, slices], place).map_err(|e| wrong(e.to_string()))?;
        let volume = Volume::new(self.name.clone(), voxels, geometry, self.provenance.clone())
            .map_err(|e| wrong(e.to_string()))?;
        Ok(Volume { space: space(), rescale: Rescale::IDENTITY, display: DisplayHints::default(), ..volume })
    }
}

impl PixelSource for PictureStack {
    fn load(&self, time_point: usize, control: &Control) -> Result<Volume, IoError> {
        let path = self.pages.first().map(|p| p.origin.path().to_owned()).unwrap_or_default();
        if time_point > 0 {
            return Err(IoError::format(path, "one time point", format!("a request for number {}", time_point + 1)));
        }
        control.stage("Decoding pictures", self.pages.len() as u64);
        let decode_one = |page: &Page| -> Result<Voxels, IoError> {
            control.checkpoint()?;
            let voxels = decode(page)?;
            control.advance(1);
            Ok(voxels)
        };
        if let [page] = &self.pages[..] {
            return self.volume(decode_one(page)?, 0, 1);
        }
        // A few at a time, so that they need not all be there twice.
        let mut all: Option<Joined> = None;
        for some in self.pages.chunks(2 * rayon::current_num_threads().max(1)) {
            let decoded = some.par_iter().map(decode_one).collect::<Result<Vec<_>, _>>()?;
            for voxels in decoded {
                let joined = match &mut all {
                    Some(joined) => joined,
                    none => {
                        let new = Joined::new(voxels.voxel_type(), self.geometry.voxel_count());
                        none.insert(new.map_err(|_| IoError::system(&path, std::io::ErrorKind::OutOfMemory.into()))?)
                    }
                };
                joined.append(&voxels).map_err(|e| IoError::format(&path, "pictures of one type", e))?;
            }
        }
        let voxels = all.map_or_else(|| Voxels::from(Vec::<u8>::new()), Joined::into_voxels);
        self.volume(voxels, 0, self.pages.len())
    }

    fn slice(&self, _time_point: usize, index: usize) -> Result<Volume, IoError> {
        let page = self.pages.get(index);
        let page = page.ok_or_else(|| {
            IoError::format(&self.name, format!("a picture below {}", self.pages.len()), index.to_string())
        })?;
        self.volume(decode(page)?, index, 1)
    }

    fn attributes(&self, _time_point: usize, slice: usize) -> Result<Vec<Attribute>, IoError> {
        let Some(page) = self.pages.get(slice) else { return Ok(Vec::new()) };
        let Look { format, size: [nx, ny], voxel_type, .. } = page.look;
        let row = |tag: &str, value: String| Attribute {
            tag: tag.to_owned(),
            name: String::new(),
            vr: "text".to_owned(),
            value,
            depth: 0,
        };
        Ok(vec![
            row("file", page.origin.path().display().to_string()),
            row("format", format_name(format).to_owned()),
            row("page", (page.number + 1).to_string()),
            row("size", format!("{nx} x {ny}")),
            row("type", voxel_type.name().to_owned()),
        ])
    }
}

/// Voxels that grow picture by picture.
enum Joined {
    U8(Vec<u8>),
    I16(Vec<i16>),
    U16(Vec<u16>),
    I32(Vec<i32>),
    F32(Vec<f32>),
    F64(Vec<f64>),
    Rgb8(Vec<[u8; 3]>),
}

impl Joined {
    /// Room for all of them at once: growing would take it twice.
    fn new(kind: VoxelType, count: usize) -> Result<Self, TryReserveError> {
        fn room<T>(count: usize) -> Result<Vec<T>, TryReserveError> {
            let mut v = Vec::new();
            v.try_reserve_exact(count)?;
            Ok(v)
        }
        Ok(match kind {
            VoxelType::U8 => Self::U8(room(count)?),
            VoxelType::I16 => Self::I16(room(count)?),
            VoxelType::U16 => Self::U16(room(count)?),
            VoxelType::I32 => Self::I32(room(count)?),
            VoxelType::F32 => Self::F32(room(count)?),
            VoxelType::F64 => Self::F64(room(count)?),
            VoxelType::Rgb8 => Self::Rgb8(room(count)?),
        })
    }

    fn append(&mut self, voxels: &Voxels) -> Result<(), String> {
        match (self, voxels) {
            (Self::U8(a), Voxels::U8(b)) => a.extend_from_slice(b),
            (Self::I16(a), Voxels::I16(b)) => a.extend_from_slice(b),
            (Self::U16(a), Voxels::U16(b)) => a.extend_from_slice(b),
            (Self::I32(a), Voxels::I32(b)) => a.extend_from_slice(b),
            (Self::F32(a), Voxels::F32(b)) => a.extend_from_slice(b),
            (Self::F64(a), Voxels::F64(b)) => a.extend_from_slice(b),
            (Self::Rgb8(a), Voxels::Rgb8(b)) => a.extend_from_slice(b),
            (_, other) => return Err(format!("one of type {}", other.voxel_type().name())),
        }
        Ok(())
    }

    fn into_voxels(self) -> Voxels {
        match self {
            Self::U8(v) => v.into(),
            Self::I16(v) => v.into(),
            Self::U16(v) => v.into(),
            Self::I32(v) => v.into(),
            Self::F32(v) => v.into(),
            Self::F64(v) => v.into(),
            Self::Rgb8(v) => v.into(),
        }
    }
}

/// As a person counts: `a2` before `a10`.
#[must_use]
pub fn natural_order(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.chars().peekable(), b.chars().peekable());
    let number = |it: &mut std::iter::Peekable<std::str::Chars<'_>>| {
        let mut digits = String::new();
        while let Some(d) = it.next_if(char::is_ascii_digit) {
            digits.push(d);
        }
        digits.trim_start_matches('0').to_owned()
    };
    loop {
        match (a.peek().copied(), b.peek().copied()) {
            (None, None) => return Ordering::Equal,
            (None, _) => return Ordering::Less,
            (_, None) => return Ordering::Greater,
            (Some(x), Some(y)) if x.is_ascii_digit() && y.is_ascii_digit() => {
                let (x, y) = (number(&mut a), number(&mut b));
                match x.len().cmp(&y.len()).then(x.cmp(&y)) {
                    Ordering::Equal => {}
                    other => return other,
                }
            }
            (Some(x), Some(y)) => {
                let order = x.to_lowercase().cmp(y.to_lowercase()).then(x.cmp(&y));
                if order != Ordering::Equal {
                    return order;
                }
                a.next();
                b.next();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_as_a_person_counts() {
        let mut names = ["s10.png", "s2.png", "S1.png", "s02b.png", "a.png"];
        names.sort_by(|a, b| natural_order(a, b));
        assert_eq!(names, ["a.png", "S1.png", "s2.png", "s02b.png", "s10.png"]);
    }
}
