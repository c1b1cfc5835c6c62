//! What a step puts on show, as layers: the same for the window and the page.

use std::sync::Arc;

use glam::DVec3;

use super::format::{IMAGE, ShowLayer, Step};
use super::names::{Found, Names, Part};
use crate::display::{ColorMap, Voi, Window};
use crate::render::scene::{Content, Layer};
use crate::volume::{Labelmap, PatientPoint, Volume, VoxelPoint, statistics};

/// What is on show.
#[derive(Debug, Clone)]
pub struct Shown {
    /// The image below everything.
    pub base: ShownLayer,
    /// What lies over it, from below.
    pub layers: Vec<ShownLayer>,
    /// Where the planes meet; `None`: in the middle of the base.
    pub at: Option<PatientPoint>,
    /// Why something is not there, each once.
    pub absent: Vec<String>,
}

/// A layer and what it shows.
#[derive(Debug, Clone)]
pub struct ShownLayer {
    /// The reference in the tour.
    pub reference: String,
    /// What it leads to.
    pub found: Found,
    /// As it is drawn.
    pub layer: Layer,
    /// Its lowest and highest value.
    pub range: [f64; 2],
}

/// The layers of a step. What is not there is left out; a base that is not there becomes the tour's image.
///
/// # Errors
/// When not even that is there.
pub fn show(step: &Step, names: &Names) -> Result<Shown, String> {
    let mut absent = Vec::new();
    let mut there = |found: Result<Found, String>| match found {
        Ok(found) => Some(found),
        Err(why) => {
            if !absent.contains(&why) {
                absent.push(why);
            }
            None
        }
    };
    let show = &step.show;
    let image = names.image(IMAGE)?;
    let plain = ShowLayer {
        of: show.base.clone(),
        opacity: None,
        color_map: None,
        outline: false,
        range: show.window.map(|[center, width]| [center - width / 2.0, center + width / 2.0]),
        above: None,
    };
    let base = match there(names.find(&show.base)).filter(|f| matches!(f.content, Content::Image(_))) {
        Some(found) => found,
        None => names.find(IMAGE)?,
    };
    let base = styled(&plain, base, &image);
    let mut layers = Vec::new();
    for asked in &show.layers {
        layers.extend(there(names.find(&asked.of)).map(|found| styled(asked, found, &image)));
    }
    let in_labels = show.at.as_ref().and_then(|at| there(names.find(at))).and_then(|f| match &f.content {
        Content::Labels(labels) => middle_of(labels),
        Content::Image(_) => None,
    });
    let at = show.at_mm.map(|at| PatientPoint(DVec3::from_array(at))).or(in_labels);
    Ok(Shown { base, layers, at, absent })
}

/// The mean place of all labelled voxels.
fn middle_of(labels: &Labelmap) -> Option<PatientPoint> {
    let [nx, ny, _] = labels.geometry.size();
    let (mut sum, mut count) = (DVec3::ZERO, 0_u64);
    for (n, _) in labels.voxels.iter().enumerate().filter(|(_, v)| **v > 0) {
        sum += DVec3::new((n % nx) as f64, (n / nx % ny) as f64, (n / nx / ny) as f64);
        count += 1;
    }
    (count > 0).then(|| labels.geometry.to_patient(VoxelPoint(sum / count as f64)))
}

fn styled(asked: &ShowLayer, found: Found, image: &Arc<Volume>) -> ShownLayer {
    let (mut layer, range) = match &found.content {
        Content::Labels(labels) => (Layer::labels(labels.clone()), [0.0, 1.0]),
        Content::Image(volume) => {
            let range = statistics::range(volume).unwrap_or([0.0, 1.0]);
            let mut layer = Layer::image(volume.clone());
            if found.is_map {
                as_map(&mut layer, &found, range);
            } else if found.of_run.is_none() {
                // An image that the tour changed is seen through the same window as before.
                layer.voi = Layer::image(image.clone()).voi;
            }
            (layer, range)
        }
    };
    layer.name = title(&found);
    layer.outline = asked.outline;
    if let Some(opacity) = asked.opacity {
        layer.opacity = opacity;
    }
    if let Some(map) = asked.color_map {
        layer.colormap = map;
    }
    if let Some([low, high]) = asked.range {
        layer.voi = Voi::Window(Window::spanning(low, high));
    }
    if let Some(above) = asked.above {
        layer.threshold = Some([above, range[1].max(above) + 1e-3 * (range[1] - range[0]).abs()]);
    }
    ShownLayer { reference: asked.of.clone(), found, layer, range }
}

/// Colours over the image; what says little is left out, so that the image is seen there.
fn as_map(layer: &mut Layer, found: &Found, [low, high]: [f64; 2]) {
    layer.opacity = 0.6;
    layer.inverted = false;
    if low < 0.0 {
        let most = low.abs().max(high.abs());
        layer.colormap = ColorMap::RdBu;
        layer.voi = Voi::Window(Window::spanning(-most, most));
        return;
    }
    layer.colormap = ColorMap::Viridis;
    layer.voi = Voi::Window(Window::spanning(low.min(0.0), high));
    let finding = found.of_run.as_ref().filter(|r| r.part == Part::Result);
    let finding = finding.and_then(|r| r.ran.result.outputs.get(r.output)?.finding.as_ref());
    let from = finding.map_or(0.1 * high, |f| f.threshold);
    layer.threshold = Some([from, high.max(from) + 1e-3 * (high - low).abs()]);
}

/// What a person calls it.
fn title(found: &Found) -> String {
    let own = match &found.content {
        Content::Image(volume) => volume.name.clone(),
        Content::Labels(labels) => labels.name.clone(),
    };
    let Some(place) = &found.of_run else { return own };
    let Some(output) = place.ran.result.outputs.get(place.output) else { return own };
    match place.part {
        Part::Result => format!("{} by {}", if own.is_empty() { &output.name } else { &own }, place.ran.result.model),
        Part::Invented(kind) => format!("{}, {}", kind.title(), output.name),
        Part::Uncertainty => {
            let kind = output.estimate.as_ref().and_then(|e| e.maps.first()).map_or("Uncertainty", |m| m.kind.title());
            format!("{kind}, {}", output.name)
        }
    }
}
