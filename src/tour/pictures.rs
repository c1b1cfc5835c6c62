//! A step, drawn.

use super::errors::TourError;
use super::format::{Meeting, Step, ViewOf};
use super::names::Names;
use super::opening::Scene;
use super::show::{Shown, show};
use crate::display::Slices;
use crate::jobs::Control;
use crate::render::annotate::{Annotation, annotate};
use crate::render::scene::{
    Camera, Compare, Content, Layer, Plane, Slab, SliceScene, VolumeMode, VolumeScene, front_cut_away,
};
use crate::render::{Device, Fidelity, Rendered, slice_picture, transfer_presets, volume_picture};
use crate::volume::{Geometry, Interpolation, OriginMark};

/// The side of a picture, pixels.
const SIDE: u32 = 640;

/// One picture of a step.
#[derive(Debug, Clone)]
pub struct Drawn {
    /// Its view and, where there are several, what it shows: the end of its file's name.
    pub name: String,
    /// What it shows, for the person.
    pub caption: String,
    /// The picture.
    pub rendered: Rendered,
}

impl Drawn {
    /// Whether any of its grey values were made artificially.
    #[must_use]
    pub fn is_synthetic(&self) -> bool {
        self.rendered.origin_mark == Some(OriginMark::Synthetic)
    }
}

/// The pictures of a step, in the order of the tour's planes.
///
/// # Errors
/// When one cannot be drawn; [`TourError::Cancelled`].
pub fn pictures(step: &Step, names: &Names, scene: &Scene, control: &Control) -> Result<Vec<Drawn>, TourError> {
    // The image itself is always there.
    let Ok(shown) = show(step, names) else { return Ok(Vec::new()) };
    let mut drawn = Vec::new();
    for view in &step.show.planes {
        for (n, part) in parts(step.show.compare, &shown).into_iter().enumerate() {
            control.checkpoint()?;
            let name = if n == 0 { view.name().to_owned() } else { format!("{}-{}", view.name(), n + 1) };
            let rendered = draw(*view, &part, &shown, step.show.compare, scene)?;
            drawn.push(Drawn { name, caption: caption(*view, &part), rendered });
        }
    }
    Ok(drawn)
}

/// What each picture of a plane shows: everything, or one after the other.
fn parts(meeting: Meeting, shown: &Shown) -> Vec<Vec<Layer>> {
    let base = shown.base.layer.clone();
    let layers = shown.layers.iter().map(|l| l.layer.clone());
    if meeting == Meeting::SideBySide {
        let alone = layers.map(|layer| vec![base.clone(), layer]);
        return std::iter::once(vec![base.clone()]).chain(alone).collect();
    }
    vec![std::iter::once(base.clone()).chain(layers).collect()]
}

fn caption(view: ViewOf, layers: &[Layer]) -> String {
    let is_seen = |l: &&Layer| view.view().is_some() || matches!(l.content, Content::Labels(_));
    let over: Vec<&str> = layers.iter().skip(1).filter(is_seen).map(|l| l.name.as_str()).collect();
    let base = layers.first().map_or("", |l| l.name.as_str());
    match over.as_slice() {
        [] => format!("{base}, {}", view.name()),
        over => format!("{} over {base}, {}", over.join(" and "), view.name()),
    }
}

fn draw(view: ViewOf, layers: &[Layer], shown: &Shown, meeting: Meeting, scene: &Scene) -> Result<Rendered, TourError> {
    let size = [SIDE; 2];
    let geometry: &Geometry = shown.base.layer.content.geometry();
    let fidelity = Fidelity::default();
    if let Some(plane) = view.view() {
        let through = shown.at.unwrap_or_else(|| Slices::along(geometry, plane.forward()).middle(geometry));
        let scene_of = SliceScene {
            plane: Plane::fitted(geometry, plane, through, size),
            size,
            slab: Slab::default(),
            interpolation: Interpolation::Linear,
            layers: layers.to_vec(),
            compare: match meeting {
                Meeting::Checkerboard => Compare::Checkerboard { square_px: SIDE / 10 },
                Meeting::Over | Meeting::SideBySide => Compare::Blend,
            },
        };
        let mut drawn = slice_picture(&scene_of, Device::Auto, fidelity)?;
        annotate(&mut drawn.image, &Annotation::for_plane(&scene_of.plane, &scene.study, &scene.series, view.name()));
        return Ok(drawn);
    }
    let base = shown.base.layer.clone();
    let Content::Image(volume) = &base.content else { return Err(crate::render::gpu::RenderError::NotAnImage.into()) };
    let transfer = transfer_presets::for_volume(volume).into_iter().next().unwrap_or_default();
    let scene_of = VolumeScene {
        camera: Camera { azimuth_deg: 35.0, elevation_deg: 20.0, ..Camera::fitted(geometry, size) },
        mode: VolumeMode::Composite { transfer, shaded: true },
        labels: layers.iter().skip(1).filter(|l| matches!(l.content, Content::Labels(_))).cloned().collect(),
        size,
        clip: front_cut_away(geometry),
        step: 0.5,
        base,
    };
    let mut drawn = volume_picture(&scene_of, Device::Auto, fidelity)?;
    let plane = scene_of.camera.plane(size);
    annotate(&mut drawn.image, &Annotation::for_plane(&plane, &scene.study, &scene.series, view.name()));
    Ok(drawn)
}
