//! Finished pictures for the command line and exports, on whichever device there is.

use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

use image::RgbaImage;

use super::badge::{lay_stamps, stamps};
use super::fidelity::Fidelity;
use super::gpu::{RenderError, Renderer};
use super::reference;
use super::scene::{Content, SliceScene, VolumeScene};
use crate::io::write::target::write_whole;
use crate::io::{IoError, mark};

/// Where to draw.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Device {
    /// On the graphics device if there is one, else on the processor.
    #[default]
    Auto,
    /// On the graphics device, or not at all.
    Gpu,
    /// On the processor, by the reference.
    Cpu,
}

/// A finished picture with its marks.
#[derive(Debug, Clone)]
pub struct Rendered {
    /// The pixels; alpha is 255.
    pub image: RgbaImage,
    /// What drew it: the adapter's name, or `CPU`.
    pub device: String,
    /// What was lowered.
    pub fidelity: Fidelity,
    /// Whether the SYNTHETIC badge is on it.
    pub synthetic: bool,
}

/// Runs `draw` on one renderer that is kept for the life of the program.
fn with_renderer<T>(draw: impl FnOnce(&mut Renderer) -> Result<T, RenderError>) -> Result<T, RenderError> {
    static SHARED: OnceLock<Result<Mutex<Renderer>, RenderError>> = OnceLock::new();
    match SHARED.get_or_init(|| Renderer::headless().map(Mutex::new)) {
        Ok(renderer) => draw(&mut renderer.lock().unwrap_or_else(PoisonError::into_inner)),
        Err(e) => Err(e.clone()),
    }
}

fn on_cpu(mut image: RgbaImage, synthetic: bool, fidelity: Fidelity) -> Rendered {
    let stamps = stamps([image.width(), image.height()], synthetic, &fidelity);
    lay_stamps(&mut image, &stamps);
    Rendered { image, device: "CPU".to_owned(), fidelity, synthetic }
}

/// The picture of a slice. `known` is what the caller knows of the data's quality, for instance uneven spacing; it is marked
/// too.
///
/// # Errors
/// With [`Device::Gpu`], when the graphics device cannot draw it.
pub fn slice_picture(scene: &SliceScene, device: Device, known: Fidelity) -> Result<Rendered, RenderError> {
    let known = scene.fidelity(known);
    let draw = |renderer: &mut Renderer| {
        let picture = renderer.render_slice_known(scene, known)?;
        let device = renderer.adapter_name().to_owned();
        Ok(Rendered {
            image: renderer.read(&picture)?,
            device,
            fidelity: picture.fidelity,
            synthetic: scene.is_synthetic(),
        })
    };
    let cpu = || on_cpu(reference::render_slice(scene), scene.is_synthetic(), known);
    match device {
        Device::Cpu => Ok(cpu()),
        Device::Gpu => with_renderer(draw),
        Device::Auto => Ok(with_renderer(draw).unwrap_or_else(|_| cpu())),
    }
}

/// The picture of a volume; see [`slice_picture`].
///
/// # Errors
/// When the base is no image, and with [`Device::Gpu`] when the graphics device cannot draw it.
pub fn volume_picture(scene: &VolumeScene, device: Device, known: Fidelity) -> Result<Rendered, RenderError> {
    if !matches!(scene.base.content, Content::Image(_)) {
        return Err(RenderError::NotAnImage);
    }
    let draw = |renderer: &mut Renderer| {
        let picture = renderer.render_volume_known(scene, known)?;
        let device = renderer.adapter_name().to_owned();
        Ok(Rendered {
            image: renderer.read(&picture)?,
            device,
            fidelity: picture.fidelity,
            synthetic: scene.is_synthetic(),
        })
    };
    let cpu = || {
        let coarse = scene.step > Fidelity::COARSE_STEP;
        on_cpu(
            reference::render_volume(scene),
            scene.is_synthetic(),
            known.and(Fidelity { coarse, ..Fidelity::default() }),
        )
    };
    match device {
        Device::Cpu => Ok(cpu()),
        Device::Gpu => with_renderer(draw),
        Device::Auto => Ok(with_renderer(draw).unwrap_or_else(|_| cpu())),
    }
}

/// Writes a picture as PNG, whole or not at all. A synthetic one carries the mark in a text chunk too.
///
/// # Errors
/// When the folder or the file cannot be written.
pub fn save_png(picture: &Rendered, path: &Path) -> Result<(), IoError> {
    if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|e| IoError::system(folder, e))?;
    }
    write_whole(path, |out| {
        let mut encoder = png::Encoder::new(out, picture.image.width(), picture.image.height());
        encoder.set_color(png::ColorType::Rgba);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.add_text_chunk("Software".to_owned(), concat!("Veritome ", env!("CARGO_PKG_VERSION")).to_owned())?;
        if picture.synthetic {
            encoder.add_text_chunk(mark::KEY.to_owned(), mark::YES.to_owned())?;
        }
        let mut writer = encoder.write_header()?;
        writer.write_image_data(picture.image.as_raw())?;
        Ok(writer.finish()?)
    })
}
