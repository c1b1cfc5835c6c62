//! What is known at one point of a series: values, their spread, probabilities, the guard's verdict. What is not known is
//! left out or said to be unknown; it is never a zero.

use super::results::{Meaning, Run};
use super::stage::{Overlay, Stage};
use crate::inference::engine::{Faithfulness, Output, OutputContent, UncertaintyKind};
use crate::inference::guard::Likeness;
use crate::render::scene::{Content, Layer};
use crate::volume::image::Value;
use crate::volume::{PatientPoint, Volume, resample};

/// What a model without a valid source of uncertainty says.
pub(crate) const NO_UNCERTAINTY: &str = "no uncertainty available";

/// What one with such a source says that was run once.
pub(crate) const NOT_ASKED: &str = "not asked for in this run";

/// A value of a layer that no run made.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reading {
    pub name: String,
    pub synthetic: bool,
    /// `None`: the layer has nothing here.
    pub value: Option<String>,
}

/// What a run says of the point.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RunEvidence {
    pub run: u64,
    pub model: String,
    /// What the guard found, and the sentence; `None`: the model has no guard.
    pub guard: Option<(Likeness, String)>,
    /// Why an output has no certainty: [`NO_UNCERTAINTY`] or [`NOT_ASKED`].
    pub unknown: &'static str,
    pub outputs: Vec<OutputEvidence>,
}

/// What one output says of the point.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OutputEvidence {
    /// The layer, where it is still there.
    pub overlay: Option<u64>,
    pub reading: Reading,
    /// What is measured of its certainty, by name; `None`: nothing is.
    pub certainty: Option<Vec<(String, String)>>,
    /// Name, share, colour.
    pub probabilities: Vec<(String, f64, Option<[u8; 3]>)>,
    /// Volumes of structures with their spread.
    pub structures: Vec<(String, String)>,
    /// What explanations say here, by name.
    pub saliency: Vec<(String, String)>,
    /// Where it may be invented, by second models: here, and over the image.
    pub invented: Vec<(String, String)>,
    /// What of an anomaly map lies above its threshold.
    pub finding: Option<String>,
}

/// All of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Evidence {
    pub place: String,
    /// The base, and layers that no run made.
    pub readings: Vec<Reading>,
    pub runs: Vec<RunEvidence>,
}

/// Gathers what is known at a point.
pub(crate) fn at(stage: &Stage, point: PatientPoint) -> Evidence {
    let place = if stage.base.content.space().is_patient() {
        format!("LPS {:.1} {:.1} {:.1} mm", point.0.x, point.0.y, point.0.z)
    } else {
        let v = stage.geometry().to_voxel(point).0;
        format!("Pixel {:.0} {:.0}", v.x, v.y)
    };
    let free = stage.overlays.iter().filter(|o| o.part.as_ref().is_none_or(|p| p.meaning == Meaning::Difference));
    let layers = std::iter::once(&stage.base).chain(free.map(|o| &o.layer));
    Evidence {
        place,
        readings: layers.map(|layer| reading(layer, point)).collect(),
        runs: stage.runs.iter().rev().map(|run| of_run(stage, run, point)).collect(),
    }
}

fn reading(layer: &Layer, point: PatientPoint) -> Reading {
    Reading { name: layer.name.clone(), synthetic: layer.content.is_synthetic(), value: value(&layer.content, point) }
}

/// What a layer shows at a point, for the person.
pub(crate) fn value(content: &Content, point: PatientPoint) -> Option<String> {
    match content {
        Content::Image(v) => v.reading_at(v.geometry.to_voxel(point)),
        Content::Labels(l) => resample::sample_label(l, l.geometry.to_voxel(point)).map(|value| match value {
            0 => "background".to_owned(),
            value => l.label(value).map_or_else(|| format!("label {value}"), |row| row.name.clone()),
        }),
    }
}

/// A number of a map; `None` outside, in padding and where it is not a number.
fn number(volume: &Volume, point: PatientPoint) -> Option<f64> {
    match volume.value_at(volume.geometry.to_voxel(point))? {
        Value::Number(x) if x.is_finite() => Some(x),
        _ => None,
    }
}

fn of_run(stage: &Stage, run: &Run, point: PatientPoint) -> RunEvidence {
    let layer_of = |output: usize, wanted: &dyn Fn(Meaning) -> bool| -> Option<&Overlay> {
        let fits =
            |o: &&Overlay| o.part.as_ref().is_some_and(|p| p.run == run.id && p.output == output && wanted(p.meaning));
        stage.overlays.iter().find(fits)
    };
    let outputs = run.result.outputs.iter().enumerate().filter_map(|(index, output)| {
        let overlay = layer_of(index, &|m| matches!(m, Meaning::Result | Meaning::Anomaly));
        let content = match (&overlay, &output.content) {
            (Some(overlay), _) => overlay.layer.content.clone(),
            (None, OutputContent::Image(v)) => Content::Image(v.clone()),
            (None, OutputContent::Labels(l)) => Content::Labels(l.clone()),
            (None, OutputContent::Classes(_)) => return None,
        };
        let explains = |o: &&Overlay| {
            let of_this = |p: &super::results::Part| p.run == run.id && p.output == index;
            o.part.as_ref().is_some_and(|p| of_this(p) && p.meaning == Meaning::Explanation)
        };
        let saliency = stage.overlays.iter().filter(explains).map(|o| {
            let value = value(&o.layer.content, point).unwrap_or_else(|| "unknown here".to_owned());
            (o.layer.name.clone(), value)
        });
        Some(OutputEvidence {
            overlay: overlay.map(|o| o.id),
            reading: Reading {
                name: overlay.map_or_else(|| output.name.clone(), |o| o.layer.name.clone()),
                synthetic: content.is_synthetic(),
                value: value(&content, point),
            },
            certainty: certainty(output, &content, point),
            probabilities: probabilities(output, &content, point),
            structures: structures(output),
            saliency: saliency.collect(),
            invented: output.faithfulness.iter().flat_map(|f| invented(f, point)).collect(),
            finding: output.finding.as_ref().map(|f| {
                let region = f.region.as_ref().map(|r| format!(" of {r}")).unwrap_or_default();
                format!("{:.1} %{region}, {:.1} ml at or above {:.3}", f.fraction * 100.0, f.ml, f.threshold)
            }),
        })
    });
    RunEvidence {
        run: run.id,
        model: run.result.model.clone(),
        guard: run.result.guard.as_ref().map(|v| (v.likeness(), v.sentence())),
        unknown: match &run.made {
            Some(made) if !made.model.manifest.uncertainty.sources.is_empty() => NOT_ASKED,
            _ => NO_UNCERTAINTY,
        },
        outputs: outputs.collect(),
    }
}

/// Each map's value; for grey values the standard deviation's interval too.
fn certainty(output: &Output, content: &Content, point: PatientPoint) -> Option<Vec<(String, String)>> {
    let estimate = output.estimate.as_ref()?;
    let mut lines = Vec::new();
    let mut std = None;
    for map in &estimate.maps {
        let here = number(&map.volume, point);
        if map.kind == UncertaintyKind::StandardDeviation {
            std = here;
        }
        let unit = match (map.kind, content) {
            // Of the image's own unit, whether the map says so or not.
            (UncertaintyKind::StandardDeviation, Content::Image(v)) if map.volume.unit.symbol().is_empty() => {
                v.unit.symbol()
            }
            _ => map.volume.unit.symbol(),
        };
        let text = here.map_or_else(|| "unknown here".to_owned(), |x| with_unit(x, unit));
        let sign = if map.kind == UncertaintyKind::StandardDeviation && here.is_some() { "± " } else { "" };
        lines.push((map.kind.title().to_owned(), format!("{sign}{text}")));
    }
    if let (Some(interval), Content::Image(volume)) = (&estimate.interval, content) {
        let name = format!("{:.0} % interval", (1.0 - interval.alpha) * 100.0);
        let half = if interval.scaled { std.map(|s| interval.half_width(s)) } else { Some(interval.half_width(0.0)) };
        let text = match number(volume, point).zip(half) {
            Some((x, half)) => {
                format!("{} to {}", digits(x - half), with_unit(x + half, volume.unit.symbol()))
            }
            None => "unknown here".to_owned(),
        };
        lines.push((name, text));
    }
    (!lines.is_empty() || !estimate.structures.is_empty()).then_some(lines)
}

fn probabilities(output: &Output, content: &Content, point: PatientPoint) -> Vec<(String, f64, Option<[u8; 3]>)> {
    let color = |value: u16| match content {
        Content::Labels(labels) => labels.label(value).map(|l| l.color),
        Content::Image(_) => None,
    };
    output
        .probabilities
        .iter()
        .filter_map(|p| Some((p.name.clone(), number(&p.volume, point)?, color(p.value))))
        .collect()
}

fn structures(output: &Output) -> Vec<(String, String)> {
    let estimates = output.estimate.iter().flat_map(|e| &e.structures);
    estimates
        .map(|s| {
            let [low, high] = s.range_ml;
            (s.name.clone(), format!("{:.1} ml   {:.1} ± {:.1}, {low:.1} to {high:.1}", s.ml, s.mean_ml, s.std_ml))
        })
        .collect()
}

/// The map's value with the image's mean, then the overlap of each structure.
fn invented(f: &Faithfulness, point: PatientPoint) -> Vec<(String, String)> {
    let here = number(&f.volume, point).map_or_else(|| "unknown here".to_owned(), digits);
    let mut lines = vec![(f.kind.title().to_owned(), format!("{here}   mean {} {}", digits(f.mean), f.unit))];
    lines.extend(f.labels.iter().filter_map(|l| Some((format!("Dice of {}", l.name), format!("{:.3}", l.dice?)))));
    lines
}

fn with_unit(x: f64, unit: &str) -> String {
    if unit.is_empty() { digits(x) } else { format!("{} {unit}", digits(x)) }
}

/// Three figures that count.
pub(crate) fn digits(x: f64) -> String {
    match x.abs() {
        0.0 => "0".to_owned(),
        a if a >= 100.0 => format!("{x:.0}"),
        a if a >= 10.0 => format!("{x:.1}"),
        a if a >= 1.0 => format!("{x:.2}"),
        a if a >= 1e-3 => format!("{x:.3}"),
        _ => format!("{x:.1e}"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::app::results::{self, tests as made};
    use crate::app::tasks::measured;
    use crate::inference::engine::{Estimate, LabelProbability, UncertaintyMap};
    use crate::volume::Provenance;

    fn stage() -> Stage {
        let base = made::volume("t1", |n| n as f32, Provenance::acquired(vec!["1.2.3".into()]));
        Stage::new(&measured(base), crate::app::stage::Extent::Whole)
    }

    #[test]
    fn value_spread_interval_and_verdict_are_said_at_the_point() {
        let mut stage = stage();
        results::lay(&mut stage, results::prepare(made::run_result()));
        // Voxel (1, 1, 1) is number 21.
        let found = at(&stage, PatientPoint(glam::DVec3::ONE));
        assert_eq!(found.readings[0].value.as_deref(), Some("21"));
        let run = &found.runs[0];
        assert!(
            run.guard.as_ref().is_some_and(|(like, why)| *like == Likeness::Unlike && why.contains("spacing is 4 mm"))
        );
        let t2 = &run.outputs[0];
        assert_eq!((t2.reading.value.as_deref(), t2.reading.synthetic), (Some("21"), true));
        let lines = t2.certainty.as_ref().unwrap();
        assert_eq!(lines[0], ("Standard deviation".to_owned(), "± 2.10".to_owned()));
        assert_eq!(lines[1], ("Predictive entropy".to_owned(), "0.210".to_owned()));
        // 21 ± 2 * 2.1.
        assert_eq!(lines[2], ("90 % interval".to_owned(), "16.8 to 25.2".to_owned()));
        let lesion = &run.outputs[2];
        assert_eq!(lesion.reading.value.as_deref(), Some("Lesion"));
        assert_eq!(lesion.structures[0].1, "3.2 ml   3.0 ± 0.4, 2.5 to 3.5");
        assert_eq!(run.outputs[1].certainty, None, "nothing is known of the anomaly map");
    }

    #[test]
    fn what_is_unknown_is_never_a_zero() {
        let mut stage = stage();
        let mut result = made::run_result();
        result.outputs.truncate(1);
        let mut estimate: Estimate = result.outputs[0].estimate.clone().unwrap();
        estimate.maps.truncate(1);
        let nan = made::volume("map", |_| f32::NAN, Provenance::acquired(vec![]));
        estimate.maps[0] = UncertaintyMap { volume: Arc::new(nan), ..estimate.maps[0].clone() };
        result.outputs[0].estimate = Some(estimate);
        let half = made::volume("p", |n| if n == 21 { 0.5 } else { f32::NAN }, Provenance::acquired(vec![]));
        result.outputs[0].probabilities =
            vec![LabelProbability { value: 1, name: "Lesion".into(), volume: Arc::new(half) }];
        results::lay(&mut stage, results::prepare(result));
        let found = at(&stage, PatientPoint(glam::DVec3::ONE));
        let output = &found.runs[0].outputs[0];
        let lines = output.certainty.as_ref().unwrap();
        assert!(lines.iter().all(|(_, text)| text == "unknown here"), "{lines:?}");
        assert_eq!(output.probabilities[0].1, 0.5);
        let elsewhere = at(&stage, PatientPoint(glam::DVec3::ZERO));
        assert!(elsewhere.runs[0].outputs[0].probabilities.is_empty());
        let outside = at(&stage, PatientPoint(glam::DVec3::splat(90.0)));
        assert_eq!(outside.runs[0].outputs[0].reading.value, None);
    }
}
