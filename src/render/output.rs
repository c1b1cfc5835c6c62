//! Finished pictures for the command line and exports, on whichever device there is.

use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

use image::RgbaImage;

use super::badge::{lay_stamps, stamps};
use super::fidelity::Fidelity;
use super::gpu::{Picture, RenderError, Renderer};
use super::reference;
use super::scene::{Content, SliceScene, VolumeScene};
use crate::io::write::target::write_whole;
use crate::io::{IoError, mark};
use crate::volume::OriginMark;

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
    /// Which badge is on it.
    pub origin_mark: Option<OriginMark>,
}

/// Runs `draw` on one renderer that is kept for the life of the program.
fn with_renderer<T>(draw: impl FnOnce(&mut Renderer) -> Result<T, RenderError>) -> Result<T, RenderError> {
    static SHARED: OnceLock<Result<Mutex<Renderer>, RenderError>> = OnceLock::new();
    match SHARED.get_or_init(|| Renderer::headless().map(Mutex::new)) {
        Ok(renderer) => draw(&mut renderer.lock().unwrap_or_else(PoisonError::into_inner)),
        Err(e) => Err(e.clone()),
    }
}

/// Draws on the device that is wanted and there.
fn on(
    device: Device,
    origin_mark: Option<OriginMark>,
    gpu: impl FnOnce(&mut Renderer) -> Result<Picture, RenderError>,
    cpu: impl FnOnce() -> (RgbaImage, Fidelity),
) -> Result<Rendered, RenderError> {
    let drawn = |renderer: &mut Renderer| {
        let picture = gpu(renderer)?;
        let image = renderer.read(&picture)?;
        Ok(Rendered { image, device: renderer.adapter_name().to_owned(), fidelity: picture.fidelity, origin_mark })
    };
    let by_hand = || {
        let (mut image, fidelity) = cpu();
        let stamps = stamps([image.width(), image.height()], origin_mark, &fidelity, 1.0);
        lay_stamps(&mut image, &stamps);
        Rendered { image, device: "CPU".to_owned(), fidelity, origin_mark }
    };
    match device {
        Device::Cpu => Ok(by_hand()),
        Device::Gpu => with_renderer(drawn),
        Device::Auto => Ok(with_renderer(drawn).unwrap_or_else(|_| by_hand())),
    }
}

/// The picture of a slice. `known` is what the caller knows of the data's quality, for instance uneven spacing; it is marked
/// too.
///
/// # Errors
/// With [`Device::Gpu`], when the graphics device cannot draw it.
pub fn slice_picture(scene: &SliceScene, device: Device, known: Fidelity) -> Result<Rendered, RenderError> {
    let known = scene.fidelity(known);
    on(
        device,
        scene.origin_mark(),
        |renderer| renderer.render_slice_known(scene, known),
        || (reference::render_slice(scene), known),
    )
}

/// The picture of a volume; see [`slice_picture`].
///
/// # Errors
/// When the base is no image, and with [`Device::Gpu`] when the graphics device cannot draw it.
pub fn volume_picture(scene: &VolumeScene, device: Device, known: Fidelity) -> Result<Rendered, RenderError> {
    if !matches!(scene.base.content, Content::Image(_)) {
        return Err(RenderError::NotAnImage);
    }
    let coarse = Fidelity { coarse: scene.step > Fidelity::COARSE_STEP, ..Fidelity::default() };
    on(
        device,
        scene.origin_mark(),
        |renderer| renderer.render_volume_known(scene, known),
        || (reference::render_volume(scene), known.and(coarse)),
    )
}

/// Writes a picture as PNG, whole or not at all. One that bears a mark of its origin carries it in a text chunk too.
///
/// # Errors
/// When the folder or the file cannot be written.
pub fn save_png(picture: &Rendered, path: &Path) -> Result<(), IoError> {
    if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|e| IoError::system(folder, e))?;
    }
    write_whole(path, |out| encode_png(picture, out))
}

/// The bytes of the file that [`save_png`] writes.
#[must_use]
pub fn png_bytes(picture: &Rendered) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A vector takes everything.
    let _ = encode_png(picture, &mut bytes);
    bytes
}

fn encode_png(picture: &Rendered, out: impl std::io::Write) -> std::io::Result<()> {
    let mut encoder = png::Encoder::new(out, picture.image.width(), picture.image.height());
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.add_text_chunk("Software".to_owned(), concat!("Veritome ", env!("CARGO_PKG_VERSION")).to_owned())?;
    if let Some(mark) = picture.origin_mark {
        encoder.add_text_chunk(mark::KEY.to_owned(), mark::value(mark).to_owned())?;
    }
    let mut writer = encoder.write_header()?;
    writer.write_image_data(picture.image.as_raw())?;
    Ok(writer.finish()?)
}
