//! What came of each field as volumes and labels on the first input's own grid.

use std::sync::Arc;

use super::components::{clean_labels, median};
use super::dense::Outcome;
use super::fields::Role;
use super::manifest::schema::{LabelSpec, OutputKind, OutputSpec, UncertaintySource};
use super::manifest::{Model, parse_color};
use super::result::{
    AnomalyFinding, ClassScore, Estimate, Interval, LabelProbability, Output, OutputContent, StructureVolume,
    UncertaintyKind, UncertaintyMap,
};
use crate::error::Cancelled;
use crate::jobs::Control;
use crate::volume::labelmap::distinct_color;
use crate::volume::{Derivation, DisplayHints, Label, Labelmap, Provenance, Rescale, Unit, Volume, Voxels};

/// All that the way back needs besides the outcomes.
pub(crate) struct Context<'a> {
    pub model: &'a Model,
    /// The first input, with the geometry of the results.
    pub first: &'a Volume,
    /// Of the inputs.
    pub parents: &'a [&'a Provenance],
    /// What was done.
    pub derivation: &'a Derivation,
    /// Where the repeats came from.
    pub sources: &'a [UncertaintySource],
    pub repeats: usize,
    /// Where an anomaly score means something, with its name.
    pub region: Option<(&'a str, &'a Labelmap)>,
    pub control: &'a Control,
}

impl Context<'_> {
    /// One outcome as outputs; images with several channels become one output each.
    ///
    /// # Errors
    /// [`Cancelled`].
    pub fn outputs(&self, outcome: Outcome, notes: &mut Vec<String>) -> Result<Vec<Output>, Cancelled> {
        let spec = &self.model.manifest.outputs[outcome.field.output];
        self.control.stage(format!("Completing {}", spec.name), 0);
        match outcome.field.role {
            Role::Classes { .. } | Role::Votes { .. } => Ok(vec![self.labels(spec, outcome)?]),
            Role::Values { .. } => self.images(spec, outcome, notes),
            Role::Score { .. } => Ok(vec![self.score(spec, outcome)?]),
            Role::Whole => Ok(vec![self.classes(spec, &outcome)]),
            // Features are numbers for the guard and for audits, no answer to a person.
            Role::Variance { .. } | Role::Divergence { .. } | Role::Features => Ok(Vec::new()),
        }
    }

    /// Grey values that a network made are synthetic whatever the model is for.
    fn provenance(&self, spec: &OutputSpec) -> Provenance {
        let invented = matches!(spec.kind, OutputKind::Image | OutputKind::Reconstruction);
        let generates_pixels = self.derivation.generates_pixels || invented;
        Provenance::derived(self.parents, Derivation { generates_pixels, ..self.derivation.clone() })
    }

    /// Maps about an image are no images themselves: they are synthetic only where an input is.
    fn map_provenance(&self, what: &str) -> Provenance {
        let description = format!("{what}, {}", self.derivation.description);
        Provenance::derived(
            self.parents,
            Derivation { description, generates_pixels: false, ..self.derivation.clone() },
        )
    }

    fn volume(&self, name: String, voxels: Voxels, unit: Unit, provenance: Provenance) -> Volume {
        Volume {
            voxels,
            rescale: Rescale::IDENTITY,
            padding: None,
            unit,
            display: DisplayHints::default(),
            provenance,
            name,
            ..self.first.clone()
        }
    }

    fn map(&self, name: &str, kind: UncertaintyKind, values: Vec<f32>, unit: Unit) -> UncertaintyMap {
        let provenance = self.map_provenance(kind.title());
        let volume = self.volume(format!("{name} {}", kind.title().to_lowercase()), values.into(), unit, provenance);
        UncertaintyMap { kind, volume: Arc::new(volume) }
    }

    fn estimate(&self, maps: Vec<UncertaintyMap>, structures: Vec<StructureVolume>) -> Option<Estimate> {
        if maps.is_empty() {
            return None;
        }
        let calibration = &self.model.manifest.uncertainty.calibration;
        let interval = calibration.conformal.as_ref().map(|c| Interval {
            alpha: c.alpha,
            quantile: c.quantile,
            scaled: c.residual == "scaled",
            n: c.n,
        });
        Some(Estimate { sources: self.sources.to_vec(), repeats: self.repeats, maps, structures, interval })
    }

    fn labels(&self, spec: &OutputSpec, outcome: Outcome) -> Result<Output, Cancelled> {
        let p = &self.model.manifest.postprocess;
        let mut voxels = outcome.labels.unwrap_or_default();
        let g = &self.first.geometry;
        let voxel_ml = g.voxel_to_patient().determinant().abs() / 1000.0;
        self.control.stage(format!("Cleaning {}", spec.name), 0);
        clean_labels(&mut voxels, g.size(), voxel_ml, p, self.control)?;
        let mut labelmap = Labelmap {
            voxels: Arc::new(voxels),
            geometry: g.clone(),
            space: self.first.space.clone(),
            labels: spec.labels.iter().map(label).collect(),
            provenance: Provenance::derived(self.parents, self.derivation.clone()),
            name: spec.name.clone(),
        };
        labelmap.complete_table();
        let name_of = |value: u16| {
            labelmap.labels.iter().find(|l| l.value == value).map_or_else(|| value.to_string(), |l| l.name.clone())
        };
        let maps: Vec<UncertaintyMap> =
            outcome.maps.into_iter().map(|(kind, v)| self.map(&spec.name, kind, v, entropy_unit(kind))).collect();
        let structures = structures(&labelmap, &outcome.volumes_ml, &name_of);
        let probabilities = outcome
            .probabilities
            .into_iter()
            .map(|(value, bytes)| {
                let name = name_of(value);
                let provenance = self.map_provenance("Probability");
                let title = format!("{name} probability");
                let mut volume = self.volume(title, bytes.into(), Unit::Arbitrary, provenance);
                volume.rescale = Rescale { slope: 1.0 / 255.0, intercept: 0.0 };
                LabelProbability { value, name, volume: Arc::new(volume) }
            })
            .collect();
        Ok(Output {
            estimate: self.estimate(maps, structures),
            probabilities,
            explains: spec.explains.clone(),
            ..Output::new(&spec.name, spec.kind.name(), OutputContent::Labels(Arc::new(labelmap)))
        })
    }

    fn images(&self, spec: &OutputSpec, outcome: Outcome, notes: &mut Vec<String>) -> Result<Vec<Output>, Cancelled> {
        let width = self.model.manifest.postprocess.median;
        let several = outcome.values.len() > 1;
        let mut stds = outcome.std.into_iter();
        let mut outputs = Vec::new();
        for (n, mut values) in outcome.values.into_iter().enumerate() {
            let name = if several { format!("{}_{n}", spec.name) } else { spec.name.clone() };
            if width > 1 && spec.kind != OutputKind::Reconstruction {
                values = median(&values, self.first.size(), width, self.control)?;
                notes.push(format!("`{name}` was smoothed by a median of {width} voxels"));
            }
            let unit = unit(spec.unit.as_deref());
            let mut volume = self.volume(name.clone(), values.into(), unit.clone(), self.provenance(spec));
            if let Some(modality) = &spec.modality {
                volume.modality.clone_from(modality);
            }
            let std = stds.next().filter(|s| s.iter().any(|x| !x.is_nan()));
            let maps = std.map(|s| self.map(&name, UncertaintyKind::StandardDeviation, s, unit)).into_iter().collect();
            outputs.push(Output {
                estimate: self.estimate(maps, Vec::new()),
                explains: spec.explains.clone(),
                ..Output::new(name, spec.kind.name(), OutputContent::Image(Arc::new(volume)))
            });
        }
        Ok(outputs)
    }

    /// The anomaly map: 0 outside its region, and what of it lies at or above the threshold.
    fn score(&self, spec: &OutputSpec, outcome: Outcome) -> Result<Output, Cancelled> {
        let width = self.model.manifest.postprocess.median;
        let mut values = outcome.values.into_iter().next().unwrap_or_default();
        if width > 1 {
            values = median(&values, self.first.size(), width, self.control)?;
        }
        let inside = |i: usize| self.region.is_none_or(|(_, map)| map.voxels.get(i).is_some_and(|l| *l > 0));
        let g = &self.first.geometry;
        let voxel_ml = g.voxel_to_patient().determinant().abs() / 1000.0;
        let anomaly = self.model.manifest.anomaly.as_ref();
        let threshold = anomaly.map_or(f32::INFINITY, |a| a.threshold);
        let (mut all, mut found) = (0_usize, 0_usize);
        for (i, x) in values.iter_mut().enumerate() {
            if inside(i) {
                all += 1;
                found += usize::from(*x >= threshold);
            } else {
                *x = 0.0;
            }
        }
        let finding = anomaly.map(|a| AnomalyFinding {
            threshold: f64::from(a.threshold),
            threshold_from: a.threshold_from.clone(),
            fraction: found as f64 / all.max(1) as f64,
            ml: found as f64 * voxel_ml,
            region: self.region.map(|(name, _)| name.to_owned()),
        });
        let name = "anomaly".to_owned();
        let name = if self.model.manifest.outputs.iter().any(|o| o.name == name) {
            format!("{}_anomaly", spec.name)
        } else {
            name
        };
        let provenance = self.map_provenance("Anomaly score");
        let volume = self.volume(name.clone(), values.into(), Unit::Arbitrary, provenance);
        let std = outcome.std.into_iter().next().filter(|s| s.iter().any(|x| !x.is_nan()));
        let maps = std.map(|s| self.map(&name, UncertaintyKind::StandardDeviation, s, Unit::Arbitrary));
        Ok(Output {
            estimate: self.estimate(maps.into_iter().collect(), Vec::new()),
            finding,
            ..Output::new(name, "anomaly", OutputContent::Image(Arc::new(volume)))
        })
    }

    fn classes(&self, spec: &OutputSpec, outcome: &Outcome) -> Output {
        let repeats: Vec<&Vec<f32>> = outcome.whole.iter().filter(|r| !r.is_empty()).collect();
        let n = repeats.len() as f64;
        let one = |(at, channel): (usize, &usize)| {
            let value = u16::try_from(*channel).unwrap_or(u16::MAX);
            let row = spec.labels.iter().find(|l| l.value == value).or_else(|| {
                // One number and one label: the number is that label's.
                spec.labels.first().filter(|_| spec.labels.len() == 1 && outcome.field.channels.len() == 1)
            });
            let values = || repeats.iter().filter_map(|r| r.get(at).copied()).map(f64::from);
            let mean = values().sum::<f64>() / n.max(1.0);
            let m2 = values().map(|x| (x - mean).powi(2)).sum::<f64>();
            ClassScore {
                value: row.map_or(value, |l| l.value),
                name: row.map_or_else(|| format!("{} {channel}", spec.name), |l| l.name.clone()),
                score: mean,
                std: (n > 1.0).then(|| (m2 / (n - 1.0)).sqrt()),
            }
        };
        let scores = outcome.field.channels.iter().enumerate().map(one).collect();
        Output::new(&spec.name, spec.kind.name(), OutputContent::Classes(Arc::new(scores)))
    }
}

fn structures(
    labels: &Labelmap,
    repeats: &[Vec<(u16, f64)>],
    name_of: &impl Fn(u16) -> String,
) -> Vec<StructureVolume> {
    if repeats.len() < 2 {
        return Vec::new();
    }
    let of = |list: &[(u16, f64)], value: u16| list.iter().find(|(l, _)| *l == value).map_or(0.0, |(_, ml)| *ml);
    let own = labels.volumes_ml();
    let mut values: Vec<u16> = own.iter().map(|(l, _)| *l).chain(repeats.iter().flatten().map(|(l, _)| *l)).collect();
    values.sort_unstable();
    values.dedup();
    values
        .into_iter()
        .map(|value| {
            let all: Vec<f64> = repeats.iter().map(|r| of(r, value)).collect();
            let n = all.len() as f64;
            let mean = all.iter().sum::<f64>() / n;
            let m2: f64 = all.iter().map(|x| (x - mean).powi(2)).sum();
            StructureVolume {
                value,
                name: name_of(value),
                ml: of(&own, value),
                mean_ml: mean,
                std_ml: (m2 / (n - 1.0)).sqrt(),
                range_ml: [
                    all.iter().copied().fold(f64::INFINITY, f64::min),
                    all.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                ],
            }
        })
        .collect()
}

fn entropy_unit(kind: UncertaintyKind) -> Unit {
    match kind {
        UncertaintyKind::PredictiveEntropy | UncertaintyKind::ExpectedEntropy | UncertaintyKind::MutualInformation => {
            Unit::Named("nats".into())
        }
        _ => Unit::Arbitrary,
    }
}

fn label(spec: &LabelSpec) -> Label {
    let color = spec.color.as_deref().and_then(parse_color).unwrap_or_else(|| distinct_color(spec.value));
    Label { code: spec.scheme.clone().zip(spec.code.clone()), ..Label::new(spec.value, spec.name.clone(), color) }
}

fn unit(name: Option<&str>) -> Unit {
    match name {
        None | Some("" | "arbitrary") => Unit::Arbitrary,
        Some("HU") => Unit::Hounsfield,
        Some("SUV") => Unit::Suv,
        Some("Bq/ml") => Unit::BqPerMl,
        Some(other) => Unit::Named(other.to_owned()),
    }
}
