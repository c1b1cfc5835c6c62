//! One picture for whoever asks, on the GPU if there is one, else on the CPU; written as PNG with the mark inside.

use std::path::Path;
use std::sync::{LazyLock, Mutex, PoisonError};

use image::RgbaImage;

use super::badge;
use super::fidelity::Fidelity;
use super::gpu::{RenderError, Renderer};
use super::reference;
use super::scene::{SliceScene, VolumeScene};
use crate::io::IoError;
use crate::io::mark;
use crate::io::write::target::write_whole;

/// Where a picture is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Device {
    /// The GPU if there is one, else the CPU; the picture says which.
    #[default]
    Auto,
    /// The GPU or nothing.
    Gpu,
    /// The CPU reference.
    Cpu,
}

/// A finished picture.
#[derive(Debug, Clone)]
pub struct Drawn {
    /// Its pixels, marks included.
    pub image: RgbaImage,
    /// What drew it: the adapter's name or `CPU`.
    pub device: String,
    /// Whether the SYNTHETIC badge is on it.
    pub synthetic: bool,
    /// What the person must know of its quality.
    pub notices: Vec<String>,
}

/// One renderer a process, started when the first picture asks for it: its textures and pipelines serve the next ones.
static RENDERER: LazyLock<Mutex<Result<Renderer, String>>> =
    LazyLock::new(|| Mutex::new(Renderer::headless().map_err(|e| e.to_string())));

/// Draws a slice.
///
/// # Errors
/// When the GPU was asked for and is not there or fails.
pub fn slice_picture(scene: &SliceScene, device: Device) -> Result<Drawn, RenderError> {
    draw(device, scene.is_synthetic(), |renderer| match renderer {
        Some(r) => {
            let picture = r.render_slice(scene)?;
            Ok((r.read(&picture)?, picture.fidelity))
        }
        None => {
            let mut image = reference::render_slice(scene);
            let fidelity = Fidelity { uneven_spacing: false, ..Fidelity::default() };
            stamp(&mut image, scene.is_synthetic(), &fidelity);
            Ok((image, fidelity))
        }
    })
}

/// Draws a volume view.
///
/// # Errors
/// As [`slice_picture`].
pub fn volume_picture(scene: &VolumeScene, device: Device) -> Result<Drawn, RenderError> {
    draw(device, scene.is_synthetic(), |renderer| match renderer {
        Some(r) => {
            let picture = r.render_volume(scene)?;
            Ok((r.read(&picture)?, picture.fidelity))
        }
        None => {
            let mut image = reference::render_volume(scene);
            let fidelity = Fidelity { coarse: scene.step > Fidelity::COARSE_STEP, ..Fidelity::default() };
            stamp(&mut image, scene.is_synthetic(), &fidelity);
            Ok((image, fidelity))
        }
    })
}

fn stamp(image: &mut RgbaImage, synthetic: bool, fidelity: &Fidelity) {
    let (w, h) = image.dimensions();
    for stamp in badge::stamps([w, h], synthetic, fidelity) {
        image::imageops::overlay(image, &stamp.image, i64::from(stamp.at[0]), i64::from(stamp.at[1]));
    }
}

fn draw(
    device: Device,
    synthetic: bool,
    how: impl Fn(Option<&mut Renderer>) -> Result<(RgbaImage, Fidelity), RenderError>,
) -> Result<Drawn, RenderError> {
    if device != Device::Cpu {
        let mut renderer = RENDERER.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *renderer {
            Ok(r) => {
                let name = r.adapter_name().to_owned();
                match how(Some(r)) {
                    Ok((image, fidelity)) => return Ok(finished(image, name, synthetic, fidelity, None)),
                    Err(error) if device == Device::Gpu => return Err(error),
                    Err(error) => {
                        let (image, fidelity) = how(None)?;
                        let why = format!("the GPU failed ({error}); the CPU drew this picture");
                        return Ok(finished(image, "CPU".to_owned(), synthetic, fidelity, Some(why)));
                    }
                }
            }
            Err(reason) if device == Device::Gpu => return Err(RenderError::NoAdapter(reason.clone())),
            Err(_) => {}
        }
    }
    let (image, fidelity) = how(None)?;
    Ok(finished(image, "CPU".to_owned(), synthetic, fidelity, None))
}

fn finished(image: RgbaImage, device: String, synthetic: bool, fidelity: Fidelity, notice: Option<String>) -> Drawn {
    let notices = fidelity.marks().into_iter().map(|m| format!("the picture is marked {m}")).chain(notice).collect();
    Drawn { image, device, synthetic, notices }
}

/// Writes a picture as PNG, beside its name first and then renamed, so that no half picture is left. A synthetic one
/// carries the mark in a text chunk.
///
/// # Errors
/// When the file cannot be written.
pub fn save_png(drawn: &Drawn, path: &Path) -> Result<(), IoError> {
    if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|e| IoError::system(folder, e))?;
    }
    write_whole(path, |out| {
        let mut encoder = png::Encoder::new(out, drawn.image.width(), drawn.image.height());
        encoder.set_color(png::ColorType::Rgba);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.add_text_chunk("Software".to_owned(), concat!("Veritome ", env!("CARGO_PKG_VERSION")).to_owned())?;
        if drawn.synthetic {
            encoder.add_text_chunk(mark::KEY.to_owned(), mark::YES.to_owned())?;
        }
        let mut writer = encoder.write_header()?;
        writer.write_image_data(drawn.image.as_raw())?;
        Ok(writer.finish()?)
    })
}
