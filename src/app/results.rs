//! What a run gave, as layers over the series that it ran on: one [`Run`] with its [`Part`]s.
//!
//! - [`prepare`]: a result as layers, with their ranges; on a worker
//! - [`settle`]: lays what is prepared over its series, once that is on show
//! - [`difference`]: a result minus its source
//! - [`record`]: what is known of a layer's origin, as JSON

use std::path::PathBuf;
use std::sync::Arc;

use super::library::SeriesId;
use super::stage::Stage;
use super::state::Model;
use crate::display::{ColorMap, Voi, Window, grey::auto_window};
use crate::evaluate::comparing::ErrorKind;
use crate::explain::{self, Evaluation, ExplainOptions, Method, Occlusion, Rise};
use crate::inference::engine::{
    Faithfulness, FaithfulnessKind, Output, OutputContent, RunOptions, RunResult, UncertaintyKind, UncertaintyMap,
};
use crate::inference::{manifest, report};
use crate::jobs::Control;
use crate::render::scene::{Content, Layer};
use crate::volume::labelmap::Algorithm;
use crate::volume::{Derivation, Interpolation, Provenance, Review, ReviewState, Unit, Volume, resample, statistics};

/// What a run was made of: what its record needs beside the result.
#[derive(Debug)]
pub(crate) struct Made {
    pub model: manifest::Model,
    pub inputs: Vec<(String, Arc<Volume>)>,
    pub options: RunOptions,
}

/// A finished run over a series.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    /// Names it among the runs and layers of its series.
    pub id: u64,
    /// All that the engine said.
    pub result: Arc<RunResult>,
    /// What it was made of; `None`: it cannot be written.
    pub made: Option<Arc<Made>>,
    /// Whether its card is unfolded.
    pub open: bool,
    /// Where its outputs were written, if they were.
    pub saved: Option<PathBuf>,
}

/// What a layer is within its run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Part {
    /// [`Run::id`].
    pub run: u64,
    /// Which of the run's outputs it belongs to.
    pub output: usize,
    pub meaning: Meaning,
}

/// What a layer of a run shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// What the model made.
    Result,
    /// How sure it is.
    Uncertainty(UncertaintyKind),
    /// What is unlike the healthy.
    Anomaly,
    /// Where it may have been invented, by a second model.
    Invented(FaithfulnessKind),
    /// What the model looked at.
    Explanation,
    /// The result minus its source.
    Difference,
}

impl Meaning {
    /// Whether it says how far a result is to be trusted, so that the result can fade by it.
    pub fn is_doubt(self) -> bool {
        matches!(self, Self::Uncertainty(_) | Self::Invented(_))
    }
}

/// A layer that waits for its series: which output, and its lowest and highest value.
#[derive(Debug, Clone)]
pub(crate) struct PreparedLayer {
    pub layer: Layer,
    pub range: [f64; 2],
    pub output: usize,
    pub meaning: Meaning,
}

/// A run's layers, from below.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    pub result: Arc<RunResult>,
    pub made: Option<Arc<Made>>,
    pub layers: Vec<PreparedLayer>,
}

/// Makes layers of a result. Looks through all voxels: not for the thread that draws.
pub(crate) fn prepare(result: RunResult) -> Prepared {
    let mut layers = Vec::new();
    let mut maps = Vec::new();
    for (index, output) in result.outputs.iter().enumerate() {
        layers.extend(result_layer(index, output));
        let of_output = output.estimate.iter().flat_map(|e| &e.maps);
        maps.extend(of_output.map(|map| uncertainty_layer(index, output, map)));
        maps.extend(output.faithfulness.iter().map(|f| faithfulness_layer(index, output, f)));
    }
    // One map is enough to begin with; the others wait in the list.
    for later in maps.iter_mut().skip(1) {
        later.layer.visible = false;
    }
    // Labels last: a map would hide them.
    let (labels, images): (Vec<_>, Vec<_>) =
        layers.into_iter().partition(|l: &PreparedLayer| matches!(l.layer.content, Content::Labels(_)));
    let layers = images.into_iter().chain(maps).chain(labels).collect();
    Prepared { result: Arc::new(result), made: None, layers }
}

fn result_layer(index: usize, output: &Output) -> Option<PreparedLayer> {
    let named = |mut layer: Layer| {
        if layer.name.is_empty() {
            layer.name = output.name.clone();
        }
        // Reasons wait in the list until they are asked for.
        layer.visible = output.explains.is_none();
        layer
    };
    match &output.content {
        OutputContent::Labels(labels) => Some(PreparedLayer {
            layer: named(Layer::labels(labels.clone())),
            range: [0.0, 1.0],
            output: index,
            meaning: Meaning::Result,
        }),
        OutputContent::Image(volume) => {
            let mut layer = named(Layer::image(volume.clone()));
            let range = statistics::range(volume).unwrap_or([0.0, 1.0]);
            let meaning = if output.kind == "anomaly" { Meaning::Anomaly } else { Meaning::Result };
            if output.kind == "image" {
                layer.voi = volume.display.first().unwrap_or_else(|| Voi::Window(auto_window(volume)));
            } else {
                color(&mut layer, range);
            }
            if let Some(finding) = &output.finding {
                layer.threshold = Some(from(finding.threshold, range));
                layer.contour = Some(finding.threshold);
            }
            Some(PreparedLayer { layer, range, output: index, meaning })
        }
        OutputContent::Classes(_) => None,
    }
}

fn uncertainty_layer(index: usize, output: &Output, map: &UncertaintyMap) -> PreparedLayer {
    let mut volume = map.volume.clone();
    if volume.unit == Unit::Arbitrary
        && let Some(unit) = unit(map.kind)
    {
        Arc::make_mut(&mut volume).unit = Unit::Named(unit.to_owned());
    }
    let [low, high] = statistics::range(&volume).unwrap_or([0.0, 1.0]);
    let range = [low.min(0.0), high];
    let mut layer = Layer::image(volume);
    layer.name = format!("{}, {}", map.kind.title(), output.name);
    color(&mut layer, range);
    // The lowest tenth is left out, so that the image is seen where the model is sure.
    layer.threshold = Some(from(range[0] + 0.1 * (range[1] - range[0]), range));
    PreparedLayer { layer, range, output: index, meaning: Meaning::Uncertainty(map.kind) }
}

/// Where an image may have been invented; what is low is left out, so that the image is seen there.
fn faithfulness_layer(index: usize, output: &Output, f: &Faithfulness) -> PreparedLayer {
    let high = statistics::range(&f.volume).map_or(1.0, |[_, high]| high);
    // The same scale for every case where the numbers have ends.
    let range = if f.kind == FaithfulnessKind::Segmentation { [0.0, 1.0] } else { [0.0, high] };
    let mut layer = Layer::image(f.volume.clone());
    layer.name = format!("{}, {}", f.kind.title(), output.name);
    color(&mut layer, range);
    layer.threshold = Some(from(0.1 * range[1], range));
    PreparedLayer { layer, range, output: index, meaning: Meaning::Invented(f.kind) }
}

/// Explains a run's result, as a layer. What keeps it from being explained is told with the result, which stays.
///
/// Boxes are larger than the command line's, so that a person waits a minute or two and not ten.
pub(crate) fn explained(
    model: &manifest::Model,
    inputs: &[(String, Arc<Volume>)],
    method: Method,
    result: &mut RunResult,
    options: &RunOptions,
    control: &Control,
) -> Option<PreparedLayer> {
    let asked = ExplainOptions {
        provider: options.provider,
        seed: options.seed,
        registered: options.registered,
        occlusion: Occlusion { mask_size: 32, overlap: 0.25, coarse: None, ..Occlusion::default() },
        rise: Rise { masks: 200, ..Rise::default() },
        evaluation: Some(Evaluation { steps: 8, ..Evaluation::default() }),
        ..ExplainOptions::of(method)
    };
    match explain::run(model, inputs, &asked, control) {
        Ok(found) => {
            result.warnings.extend(found.notes.iter().cloned());
            let output = result.outputs.iter().position(|o| o.name == found.output).unwrap_or(0);
            let name = format!("{} of {}", method.title(), found.target);
            Some(explanation_layer(output, name, found.map))
        }
        Err(why) => {
            result.warnings.push(format!("No explanation: {why}"));
            None
        }
    }
}

/// A saliency or a counterfactual, to be laid with [`Stage::add_part`]; symmetric colours where it has signs.
fn explanation_layer(output: usize, name: String, volume: Arc<Volume>) -> PreparedLayer {
    let range = statistics::range(&volume).unwrap_or([0.0, 1.0]);
    let mut layer = Layer::image(volume);
    layer.name = name;
    if range[0] < 0.0 {
        symmetric(&mut layer, range);
    } else {
        color(&mut layer, range);
        layer.threshold = Some(from(range[0] + 0.3 * (range[1] - range[0]), range));
    }
    layer.visible = false;
    PreparedLayer { layer, range, output, meaning: Meaning::Explanation }
}

/// What the numbers of a map are measured in, where their kind says it.
fn unit(kind: UncertaintyKind) -> Option<&'static str> {
    match kind {
        UncertaintyKind::PredictiveEntropy | UncertaintyKind::ExpectedEntropy | UncertaintyKind::MutualInformation => {
            Some("nats")
        }
        _ => None,
    }
}

fn color(layer: &mut Layer, [low, high]: [f64; 2]) {
    layer.colormap = ColorMap::Viridis;
    layer.opacity = 0.6;
    layer.inverted = false;
    layer.voi = Voi::Window(Window::spanning(low, high));
}

/// A threshold that cuts nothing off above: a little beyond the highest value, which may be rounded up on its way.
pub(crate) fn from(low: f64, range: [f64; 2]) -> [f64; 2] {
    [low, range[1].max(low) + 1e-3 * (range[1] - range[0]).abs()]
}

fn symmetric(layer: &mut Layer, [low, high]: [f64; 2]) {
    let most = low.abs().max(high.abs());
    color(layer, [-most, most]);
    layer.colormap = ColorMap::RdBu;
}

/// Lays what waits over its series, where that is on show by now. Gives the series that got layers.
pub(crate) fn settle(model: &mut Model) -> Vec<SeriesId> {
    let mut done = Vec::new();
    for (on, prepared) in std::mem::take(&mut model.arrived_results) {
        match model.stages.get_mut(&on) {
            Some(stage) => {
                lay(stage, prepared);
                done.push(on);
            }
            None => model.arrived_results.push((on, prepared)),
        }
    }
    done
}

/// Lays a run over a series.
pub(crate) fn lay(stage: &mut Stage, prepared: Prepared) {
    let run = stage.next_id();
    stage.runs.push(Run { id: run, result: prepared.result, made: prepared.made, open: true, saved: None });
    for one in prepared.layers {
        let part = Part { run, output: one.output, meaning: one.meaning };
        stage.add_part(one.layer, one.range, Some(part));
    }
}

/// A person's word on a layer, or its withdrawal. A rejected one is hidden; a labelmap that is corrected counts as drawn
/// by a program and a person from then on.
pub(crate) fn review(layer: &mut Layer, review: Option<Review>) {
    let state = review.as_ref().map(|r| r.state);
    match &mut layer.content {
        Content::Image(volume) => {
            let volume = Arc::make_mut(volume);
            volume.provenance = volume.provenance.clone().reviewed(review);
        }
        Content::Labels(labels) => {
            let labels = Arc::make_mut(labels);
            labels.provenance = labels.provenance.clone().reviewed(review);
            if state == Some(ReviewState::Corrected) {
                for label in labels.labels.iter_mut().filter(|l| l.algorithm == Algorithm::Automatic) {
                    label.algorithm = Algorithm::Semiautomatic;
                }
            }
        }
    }
    layer.visible = state != Some(ReviewState::Rejected);
}

/// Why two images cannot be subtracted; `None` where they can.
pub(crate) fn no_difference(result: &Volume, source: &Volume) -> Option<&'static str> {
    if result.voxels.is_colour() || source.voxels.is_colour() {
        return Some("Colours cannot be subtracted");
    }
    if result.unit != source.unit {
        return Some("The result and its source have different units");
    }
    if !result.modality.is_empty() && !source.modality.is_empty() && result.modality != source.modality {
        return Some("The result and its source are of different modalities");
    }
    None
}

/// The result minus its source, on the result's grid, in symmetric colours; nothing where either has nothing. It derives
/// from both, so that it is synthetic when one of them is.
///
/// # Errors
/// When the two cannot be subtracted.
pub(crate) fn difference(result: &Volume, source: &Volume, output: usize) -> Result<PreparedLayer, String> {
    use rayon::prelude::*;
    if let Some(why) = no_difference(result, source) {
        return Err(why.to_owned());
    }
    let [nx, ny, nz] = result.size();
    let way = source.geometry.patient_to_voxel() * result.geometry.voxel_to_patient();
    let mut voxels = vec![f32::NAN; nx * ny * nz];
    voxels.par_chunks_mut((nx * ny).max(1)).enumerate().for_each(|(k, slice)| {
        for (n, out) in slice.iter_mut().enumerate() {
            let stored = result.voxels.get(k * nx * ny + n);
            let Some(made) = stored.filter(|s| !result.padding.is_some_and(|p| p.holds(*s))) else { continue };
            let at = glam::DVec3::new((n % nx) as f64, (n / nx) as f64, k as f64);
            let at = crate::volume::VoxelPoint(way.transform_point3(at));
            if let Some(real) = resample::sample(source, at, Interpolation::Linear) {
                *out = (result.rescale.apply(made) - source.rescale.apply(real)) as f32;
            }
        }
    });
    let derivation = Derivation {
        description: format!("Difference: {} minus {}", result.name, source.name),
        time: Some(crate::provenance::now()),
        ..Derivation::default()
    };
    let provenance = Provenance::derived(&[&result.provenance, &source.provenance], derivation);
    let name = format!("{} minus {}", result.name, source.name);
    let volume = Volume::new(name, voxels.into(), result.geometry.clone(), provenance).map_err(|e| e.to_string())?;
    let volume = Volume { space: result.space.clone(), unit: result.unit.clone(), ..volume };
    let range = statistics::range(&volume).unwrap_or([0.0, 1.0]);
    let mut layer = Layer::image(Arc::new(volume));
    symmetric(&mut layer, range);
    let most = range[0].abs().max(range[1].abs());
    Ok(PreparedLayer { layer, range: [-most, most], output, meaning: Meaning::Difference })
}

/// An error map as a layer, with its lowest and highest value: symmetric colours where it has signs.
pub(crate) fn error_layer(map: Volume, kind: ErrorKind) -> (Layer, [f64; 2]) {
    let [low, high] = statistics::range(&map).unwrap_or([0.0, 1.0]);
    let most = low.abs().max(high.abs());
    let mut layer = Layer::image(Arc::new(map));
    match kind {
        ErrorKind::Signed => symmetric(&mut layer, [low, high]),
        ErrorKind::Absolute => color(&mut layer, [0.0, most]),
    }
    let range = if kind == ErrorKind::Signed { [-most, most] } else { [0.0, most] };
    (layer, range)
}

/// The run as it is now: its outputs with what a person said of them.
pub(crate) fn reviewed(stage: &Stage, run: &Run) -> RunResult {
    let mut result = (*run.result).clone();
    for overlay in &stage.overlays {
        let Some(part) = overlay.part.as_ref().filter(|p| p.run == run.id) else { continue };
        if matches!(part.meaning, Meaning::Result | Meaning::Anomaly)
            && let Some(output) = result.outputs.get_mut(part.output)
        {
            output.content = match &overlay.layer.content {
                Content::Image(volume) => OutputContent::Image(volume.clone()),
                Content::Labels(labels) => OutputContent::Labels(labels.clone()),
            };
        }
    }
    result
}

/// Writes a run's outputs and their records into a folder.
///
/// # Errors
/// What could not be written.
pub(crate) fn save(result: &RunResult, made: &Made, folder: &std::path::Path) -> Result<(), String> {
    report::write_outputs(&made.model, &made.inputs, &made.options, result, folder).map(drop).map_err(|e| e.to_string())
}

/// What is known of a layer's origin: the run behind it, where there is one, and the tree of origins.
pub(crate) fn record(stage: &Stage, layer: &Layer, part: Option<&Part>) -> String {
    let mut json = serde_json::json!({
        "name": layer.name,
        "synthetic": layer.content.is_synthetic(),
        "provenance": layer.content.provenance(),
        "software": concat!("Veritome ", env!("CARGO_PKG_VERSION")),
    });
    if let Some(run) = part.and_then(|p| stage.run(p.run))
        && let Some(json) = json.as_object_mut()
    {
        let result = &run.result;
        let output = part.and_then(|p| result.outputs.get(p.output));
        let estimate = output.and_then(|o| o.estimate.as_ref());
        let more = serde_json::json!({
            "model": result.model,
            "model_folder": result.folder,
            "weights_sha256": result.weights_sha256,
            "graphs": result.graphs,
            "requested_provider": result.requested_provider,
            "provider": result.provider,
            "seed": result.seed,
            "repeats": result.repeats,
            "seconds": result.seconds,
            "guard": result.guard,
            "warnings": result.warnings,
            "output": output.map(|o| &o.name),
            "kind": output.map(|o| &o.kind),
            "finding": output.and_then(|o| o.finding.as_ref()),
            "faithfulness": output.map(|o| o.faithfulness.iter().map(report::faithfulness).collect::<Vec<_>>()),
            "uncertainty": estimate.map(|e| serde_json::json!({
                "sources": e.sources,
                "repeats": e.repeats,
                "maps": e.maps.iter().map(|m| m.kind).collect::<Vec<_>>(),
                "structures": e.structures,
                "interval": e.interval,
            })),
        });
        if let serde_json::Value::Object(more) = more {
            json.extend(more);
        }
    }
    serde_json::to_string_pretty(&json).unwrap_or_default()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::inference::engine::{AnomalyFinding, Estimate, Seconds, StructureVolume};
    use crate::inference::guard::GuardCheck;
    use crate::inference::guard::Verdict;
    use crate::volume::{Geometry, Label, Labelmap, Space};

    pub(crate) fn volume(name: &str, value: impl Fn(usize) -> f32, provenance: Provenance) -> Volume {
        let geometry = Geometry::unplaced([4, 4, 4]).unwrap();
        Volume::new(name, (0..64).map(value).collect::<Vec<_>>().into(), geometry, provenance).unwrap()
    }

    pub(crate) fn made() -> Provenance {
        let by = Derivation {
            description: "Synthesis by t1-to-t2 1.0.0".into(),
            model: Some("t1-to-t2".into()),
            model_version: Some("1.0.0".into()),
            generates_pixels: true,
            ..Derivation::default()
        };
        Provenance::derived(&[&Provenance::acquired(vec!["1.2.3".into()])], by)
    }

    /// A synthetic image with two maps, an anomaly map, a labelmap with a spread, an unlike input.
    pub(crate) fn run_result() -> RunResult {
        let image = Arc::new(volume("t2", |n| n as f32, made()));
        let map =
            |kind, scale: f32| UncertaintyMap { kind, volume: Arc::new(volume("map", |n| n as f32 * scale, made())) };
        let mut t2 = Output::new("t2", "image", OutputContent::Image(image));
        t2.estimate = Some(Estimate {
            sources: vec![crate::inference::manifest::schema::UncertaintySource::Tta],
            repeats: 4,
            maps: vec![map(UncertaintyKind::StandardDeviation, 0.1), map(UncertaintyKind::PredictiveEntropy, 0.01)],
            structures: vec![],
            interval: Some(crate::inference::engine::Interval { alpha: 0.1, quantile: 2.0, scaled: true, n: 40 }),
        });
        let residual = volume("t2_anomaly", |n| n as f32 / 63.0, made());
        let mut anomaly = Output::new("t2_anomaly", "anomaly", OutputContent::Image(Arc::new(residual)));
        anomaly.finding = Some(AnomalyFinding {
            threshold: 0.5,
            threshold_from: "95th percentile".into(),
            fraction: 0.03,
            ml: 1.5,
            region: None,
        });
        let labels = Labelmap {
            voxels: Arc::new((0..64_u16).map(|n| n % 2).collect()),
            geometry: Geometry::unplaced([4, 4, 4]).unwrap(),
            space: Space::Patient { frame_of_reference: None },
            labels: vec![Label::new(1, "Lesion", [255, 0, 0])],
            provenance: Provenance::acquired(vec!["1.2.3".into()]),
            name: "lesion".into(),
        };
        let mut lesion = Output::new("lesion", "labels", OutputContent::Labels(Arc::new(labels)));
        lesion.estimate = Some(Estimate {
            sources: vec![crate::inference::manifest::schema::UncertaintySource::Ensemble],
            repeats: 3,
            maps: vec![],
            structures: vec![StructureVolume {
                value: 1,
                name: "Lesion".into(),
                ml: 3.2,
                mean_ml: 3.0,
                std_ml: 0.4,
                range_ml: [2.5, 3.5],
            }],
            interval: None,
        });
        RunResult {
            model: "t1-to-t2 1.0.0".into(),
            requested_provider: "auto".into(),
            provider: "cpu".into(),
            seconds: Seconds { total: 1.5, ..Seconds::default() },
            network_seconds: 1.0,
            patches: 8,
            repeats: 4,
            outputs: vec![t2, anomaly, lesion],
            features: vec![],
            guard: Some(Verdict {
                checks: vec![GuardCheck {
                    what: "Spacing".into(),
                    expected: "0.5 to 2 mm".into(),
                    found: "4 mm".into(),
                    like: false,
                }],
                unknown: vec![],
            }),
            seed: Some(7),
            provenance: made(),
            warnings: vec!["The field of view was cut".into()],
            folder: PathBuf::from("models/t1-to-t2"),
            weights_sha256: "00".into(),
            graphs: vec![],
            peak_rss_mb: 100.0,
        }
    }

    #[test]
    fn a_result_becomes_layers_with_one_map_on_show() {
        let prepared = prepare(run_result());
        let shown: Vec<_> = prepared.layers.iter().map(|l| (l.meaning, l.layer.visible)).collect();
        assert_eq!(
            shown,
            [
                (Meaning::Result, true),
                (Meaning::Anomaly, true),
                (Meaning::Uncertainty(UncertaintyKind::StandardDeviation), true),
                (Meaning::Uncertainty(UncertaintyKind::PredictiveEntropy), false),
                (Meaning::Result, true),
            ]
        );
        let anomaly = &prepared.layers[1].layer;
        assert_eq!((anomaly.contour, anomaly.threshold), (Some(0.5), Some([0.5, 1.001])));
        let Content::Image(entropy) = &prepared.layers[3].layer.content else { panic!("no image") };
        assert_eq!(entropy.unit.symbol(), "nats");
    }

    #[test]
    fn a_difference_is_symmetric_and_as_synthetic_as_its_result() {
        let source = volume("t1", |n| 2.0 * n as f32, Provenance::acquired(vec!["1.2.3".into()]));
        let result = volume("t2", |n| n as f32, made());
        let layer = difference(&result, &source, 0).unwrap();
        let Content::Image(volume) = &layer.layer.content else { panic!("no image") };
        assert_eq!(volume.voxels.get(10), Some(-10.0));
        assert!(volume.provenance.is_synthetic() && volume.provenance.parents().len() == 2);
        assert_eq!((layer.range, layer.layer.colormap), ([-63.0, 63.0], ColorMap::RdBu));
        let other = Volume { unit: Unit::Hounsfield, ..source };
        assert!(difference(&result, &other, 0).unwrap_err().contains("different units"));
    }

    #[test]
    fn a_rejected_layer_hides_and_a_corrected_labelmap_is_semiautomatic() {
        let prepared = prepare(run_result());
        let word = |state| Some(Review { state, reason: "why".into(), time: "2026".into() });
        let mut image = prepared.layers[0].layer.clone();
        review(&mut image, word(ReviewState::Rejected));
        assert!(!image.visible && image.content.is_synthetic());
        assert_eq!(image.content.provenance().review().unwrap().reason, "why");
        let mut labels = prepared.layers[4].layer.clone();
        review(&mut labels, word(ReviewState::Corrected));
        let Content::Labels(map) = &labels.content else { panic!("no labels") };
        assert!(labels.visible && map.labels[0].algorithm == Algorithm::Semiautomatic);
        review(&mut labels, None);
        assert!(labels.content.provenance().review().is_none());
    }
}
