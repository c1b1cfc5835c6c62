//! An nnU-Net v2 export as a manifest: `plans.json`, `dataset.json` and, beside them, any JSON that holds the
//! checkpoint's `inference_allowed_mirroring_axes`.
//!
//! Arrays of nnU-Net run z, y, x, permuted by `transpose_forward`: axis i of the network is axis `transpose_forward[i]` of
//! z, y, x. Source: nnunetv2 `inference/`, `preprocessing/`, `utilities/label_handling/label_handling.py`.

use std::path::Path;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::config_tree::read_json;
use super::draft::{Draft, modality, slug};
use super::source::{ImportError, files, licences};
use crate::inference::manifest::schema::{
    Activation, Augmentation, Axis, Blend, Crop, InfererKind, Input, LabelSpec, Mean, Normalize, OutputKind,
    OutputSpec, Plane, Planes, Region, SizeRule, Spacing, Starts, Task, UncertaintySource,
};
use crate::inference::onnx_graph::Graph;
use crate::volume::Interpolation;

/// Members of a JSON table in the order of the file: nnU-Net numbers its regions by it.
#[derive(Debug, Default)]
struct InOrder(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for InOrder {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = InOrder;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a table")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<InOrder, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(InOrder(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Dataset {
    #[serde(alias = "modality")]
    channel_names: InOrder,
    labels: InOrder,
    regions_class_order: Option<Vec<u16>>,
    name: String,
    description: String,
    reference: String,
    #[serde(alias = "licence")]
    license: String,
    release: Value,
    #[serde(rename = "numTraining")]
    training_cases: Option<u64>,
}

/// The letters of the manifest's grid along nnU-Net's array.
const ARRAY: [char; 3] = ['Z', 'Y', 'X'];

/// The axis of `[x, y, z]` that a letter stands for.
fn grid_axis(letter: char) -> usize {
    match letter {
        'X' => 0,
        'Y' => 1,
        _ => 2,
    }
}

/// Reads an export into a draft. `graph` is the one that the export holds, where it holds one: it tells of which
/// configuration it is, and is held against the draft afterwards.
///
/// # Errors
/// When a file cannot be read, or there is no configuration.
pub(super) fn read(
    root: &Path,
    plans: &Path,
    dataset: &Path,
    graph: Option<&Graph>,
    name: String,
) -> Result<Draft, ImportError> {
    let plans_path = plans;
    let plans = read_json(plans).map_err(ImportError::Unreadable)?;
    let fail = |path: &Path, e: &str| ImportError::Unreadable(format!("{}: {e}", path.display()));
    let text =
        std::fs::read_to_string(dataset).map_err(|source| ImportError::File { path: dataset.to_owned(), source })?;
    let dataset: Dataset = serde_json::from_str(&text).map_err(|e| fail(dataset, &e.to_string()))?;
    let mut draft = Draft::new(name);
    let (chosen, configuration) = configuration(root, &plans, graph, &mut draft).map_err(|e| fail(plans_path, &e))?;
    describe(root, &plans, &dataset, &chosen, &mut draft);
    inputs(&dataset, &mut draft);
    let letters = geometry(&plans, &configuration, &mut draft);
    normalization(&plans, &configuration, &mut draft);
    outputs(&dataset, &mut draft);
    mirroring(root, &letters, &mut draft);
    Ok(draft)
}

/// The configuration with what it inherits: the one whose windows are the graph's, else the one that the folder is named
/// after (`nnUNetTrainer__nnUNetPlans__2d`), else `3d_fullres`, else the only 3D one.
fn configuration(
    root: &Path,
    plans: &Value,
    graph: Option<&Graph>,
    draft: &mut Draft,
) -> Result<(String, Value), String> {
    let all = plans["configurations"].as_object().ok_or("holds no configurations")?;
    let merged: Vec<(&String, Value)> =
        all.keys().map(|name| Ok((name, inherited(all, name)?))).collect::<Result<_, String>>()?;
    let sides = |c: &Value| c["patch_size"].as_array().map_or(0, Vec::len);
    let port = graph.and_then(|g| g.inputs.first()).filter(|p| p.shape.len() > 2);
    let fits = |c: &Value| {
        port.is_none_or(|p| {
            let patch: Vec<Option<usize>> =
                c["patch_size"].as_array().into_iter().flatten().map(|n| usize::try_from(n.as_u64()?).ok()).collect();
            patch.len() + 2 == p.shape.len()
                && patch.iter().enumerate().all(|(n, side)| p.fixed(n + 2).is_none_or(|fixed| Some(fixed) == *side))
        })
    };
    let same_rank = |c: &Value| port.is_none_or(|p| sides(c) == 0 || sides(c) + 2 == p.shape.len());
    let folder = root.canonicalize().ok().and_then(|p| p.file_name().map(|n| n.to_string_lossy().into_owned()));
    let named = folder.as_deref().and_then(|f| f.rsplit_once("__")).map(|(_, name)| name.to_owned());
    let mut left: Vec<&(&String, Value)> = merged.iter().filter(|(_, c)| fits(c)).collect();
    if left.is_empty() {
        left = merged.iter().filter(|(_, c)| same_rank(c)).collect();
    }
    if left.is_empty() {
        left = merged.iter().collect();
    }
    let solid = |(name, _): &&&(&String, Value)| name.starts_with("3d");
    let find = |wanted: &str| left.iter().find(|(name, _)| name.as_str() == wanted).copied();
    let chosen = named
        .as_deref()
        .and_then(find)
        .or_else(|| find("3d_fullres"))
        .or_else(|| left.iter().find(solid).copied())
        .or_else(|| left.first().copied())
        .ok_or("holds no configurations")?;
    let name = chosen.0.clone();
    if all.len() > 1 {
        let names: Vec<&str> = all.keys().map(String::as_str).collect();
        let why = if named.as_deref() == Some(name.as_str()) {
            "the folder is named after it"
        } else if port.is_some() && left.len() == 1 {
            "its windows are the graph's"
        } else {
            "if the graph is of another one, keep only that one in plans.json"
        };
        draft.assumed("", format!("plans.json holds the configurations {}; {name} was taken: {why}", names.join(", ")));
    }
    Ok((name, chosen.1.clone()))
}

/// A configuration with what it inherits.
fn inherited(all: &serde_json::Map<String, Value>, name: &str) -> Result<Value, String> {
    let mut merged = serde_json::Map::new();
    let mut next = Some(name.to_owned());
    for _ in 0..8 {
        let Some(at) = next.take() else { break };
        let table = all.get(&at).and_then(Value::as_object).ok_or_else(|| format!("has no configuration {at}"))?;
        next = table.get("inherits_from").and_then(Value::as_str).map(str::to_owned);
        for (key, value) in table {
            merged.entry(key.clone()).or_insert_with(|| value.clone());
        }
    }
    Ok(Value::Object(merged))
}

fn describe(root: &Path, plans: &Value, dataset: &Dataset, configuration: &str, draft: &mut Draft) {
    let say = |key: &str| plans[key].as_str().unwrap_or_default().to_owned();
    let m = &mut draft.manifest;
    let titles = [dataset.name.clone(), say("dataset_name")];
    m.title = titles.into_iter().find(|t| !t.is_empty()).unwrap_or_else(|| m.name.clone());
    let release = match &dataset.release {
        Value::String(s) => s.clone(),
        Value::Number(n) => n.to_string(),
        _ => String::new(),
    };
    m.version = if release.is_empty() { "0".into() } else { release };
    m.task = Task::Segmentation;
    m.source = format!("nnU-Net export: {}, {}, {configuration}", say("dataset_name"), say("plans_name"));
    m.intended_use = if dataset.description.is_empty() {
        format!("Segmentation of {}", m.title)
    } else {
        dataset.description.clone()
    };
    m.cite = vec!["Isensee et al., nnU-Net: a self-configuring method for deep learning-based biomedical image segmentation, Nature Methods 18, 2021".into()];
    draft.assumed("", "nnU-Net's files state no intended use");
    let (_, spdx) = licences(root);
    let m = &mut draft.manifest;
    if let Some(spdx) = spdx {
        m.license = spdx.to_owned();
    }
    if !dataset.license.is_empty() {
        m.license_data = Some(dataset.license.clone());
    }
    if spdx.is_none() {
        draft
            .assumed("", "No licence of the weights was found; find out what they may be used for before you use them");
    }
    let c = &mut draft.card;
    c.description = dataset.description.clone();
    c.data_source = dataset.reference.clone();
    if let Some(n) = dataset.training_cases {
        c.rows.push(("Training cases".into(), n.to_string()));
    }
}

fn inputs(dataset: &Dataset, draft: &mut Draft) {
    let mut names: Vec<(usize, &str)> =
        dataset.channel_names.0.iter().filter_map(|(k, v)| Some((k.parse().ok()?, v.as_str()?))).collect();
    names.sort_unstable();
    if names.is_empty() {
        draft.missing("inputs", "dataset.json names no channels (channel_names)");
        names.push((0, "image"));
    }
    draft.channels_in = Some(names.len());
    for (channel, said) in names {
        let name = if draft.manifest.inputs.iter().any(|i| i.name == slug(said)) {
            format!("{}-{channel}", slug(said))
        } else {
            slug(said)
        };
        let kind = modality(said);
        if kind.is_none() {
            draft.assumed(
                "inputs",
                format!("The modality of the channel \"{said}\" is not known, so every image is accepted"),
            );
        }
        let generic = ["ct", "mr", "mri", "pet", "image", "nonorm"].contains(&said.to_lowercase().as_str());
        draft.manifest.inputs.push(Input {
            name,
            modality: kind.map(|k| vec![k.to_owned()]).unwrap_or_default(),
            contrast: if generic { String::new() } else { said.to_owned() },
            tensor: "input".into(),
            channel,
            optional: false,
            fill: None,
        });
    }
}

/// Layout, spacing, patch and the rules of resampling; gives the letters of the axes that the network sees.
fn geometry(plans: &Value, configuration: &Value, draft: &mut Draft) -> Vec<char> {
    let order = plans["transpose_forward"].as_array().map(|a| a.iter().filter_map(Value::as_u64).collect::<Vec<_>>());
    let letters = match order.as_deref() {
        Some([a, b, c])
            if {
                let mut s = [*a, *b, *c];
                s.sort_unstable();
                s == [0, 1, 2]
            } =>
        {
            [*a, *b, *c].map(|n| ARRAY[usize::try_from(n).unwrap_or(0)])
        }
        _ => {
            draft.assumed("inferer", "transpose_forward is not stated; the axes are taken as z, y, x");
            ARRAY
        }
    };
    // Two numbers are those of the plane that 2D configurations run in; the network's first axis is across it, and keeps
    // the image's own spacing (0).
    let flat = configuration["patch_size"].as_array().is_some_and(|p| p.len() == 2);
    let along = |key: &str, across: f64| -> Option<[f64; 3]> {
        let mut list: Vec<f64> = configuration[key].as_array()?.iter().map(Value::as_f64).collect::<Option<_>>()?;
        if flat && list.len() == 2 {
            list.insert(0, across);
        }
        let list: [f64; 3] = list.try_into().ok()?;
        let mut out = [0.0; 3];
        for (letter, value) in letters.iter().zip(list) {
            out[grid_axis(*letter)] = value;
        }
        Some(out)
    };
    let (spacing, patch) = (along("spacing", 0.0), along("patch_size", 1.0));
    let reader = plans["image_reader_writer"].as_str().unwrap_or_default();
    let m = &mut draft.manifest;
    m.inferer.layout = format!("NC{}", letters.iter().skip(usize::from(flat)).collect::<String>());
    m.inferer.kind = if flat { InfererKind::Slices } else { InfererKind::SlidingWindow };
    if flat {
        m.inferer.axis = Some(Planes::One(match letters[0] {
            'X' => Plane::Sagittal,
            'Y' => Plane::Coronal,
            _ => Plane::Axial,
        }));
    }
    m.inferer.overlap = 0.5;
    m.inferer.blend = Blend::Gaussian;
    m.inferer.starts = Starts::Even;
    m.inferer.mean = Mean::Logits;
    m.preprocess.size_rule = SizeRule::Extent;
    m.preprocess.anisotropic = true;
    m.preprocess.normalize_first = true;
    m.preprocess.crop = Crop::Nonzero;
    m.inferer.patch = patch.map(|p| p.map(|n| n as usize));
    if patch.is_none() {
        draft.missing("inferer", "patch_size is neither two nor three numbers");
    }
    let m = &mut draft.manifest;
    let resampling = configuration["resampling_fn_data"].as_str().unwrap_or("resample_data_or_seg_to_shape");
    match spacing {
        _ if resampling.contains("no_resampling") => m.preprocess.spacing_mm = Spacing::Native,
        Some(mm) => m.preprocess.spacing_mm = Spacing::Millimetres(mm),
        None => draft.missing("preprocess", "The configuration's spacing is not as many numbers as its patch"),
    }
    let arguments = &configuration["resampling_fn_data_kwargs"];
    draft.manifest.preprocess.interpolation = match arguments["order"].as_u64().unwrap_or(3) {
        0 => Interpolation::Nearest,
        1 => Interpolation::Linear,
        _ => {
            draft.assumed("preprocess", "nnU-Net interpolates by a cubic spline; here a cubic convolution does");
            Interpolation::Cubic
        }
    };
    match arguments["force_separate_z"].as_bool() {
        None => {}
        Some(false) => draft.manifest.preprocess.anisotropic = false,
        Some(true) => draft.lost(
            "preprocess",
            "force_separate_z: the slice direction is resampled apart only where the spacing's ratio exceeds 3",
        ),
    }
    if arguments["order_z"].as_u64().unwrap_or(0) != 0 {
        draft.lost("preprocess", "order_z: across thick slices the nearest one is taken");
    }
    if !resampling.contains("no_resampling") && !resampling.contains("resample_data_or_seg_to_shape") {
        draft
            .lost("preprocess", format!("resampling_fn_data is {resampling}; nnU-Net's usual one is put in its place"));
    }
    if !configuration["previous_stage"].is_null() {
        let stage = configuration["previous_stage"].as_str().unwrap_or("an earlier stage");
        draft.missing("inputs", format!("The configuration is the second stage of a cascade: beside the image its network takes one further channel for each structure, 1 where {stage} has found it. Those channels are the answer of another network, resampled, and an input of a manifest is an image. Import 3d_fullres or {stage} of the same training by itself (nnUNetv2_find_best_configuration tells how much worse it is), or run the cascade in nnU-Net"));
    }
    if reader.contains("Reorient") {
        draft.manifest.preprocess.orientation = "RAS".into();
    } else {
        draft.assumed("preprocess", format!("{} keeps each file's own axes, and the training data's are not in the export; RAS was put in. Left and right may be exchanged: run it on an image whose answer you know", if reader.is_empty() { "nnU-Net's reader" } else { reader }));
    }
    letters[usize::from(flat)..].to_vec()
}

/// One list for all inputs is all that a manifest has, so the channels must agree.
fn normalization(plans: &Value, configuration: &Value, draft: &mut Draft) {
    let schemes: Vec<&str> =
        configuration["normalization_schemes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let masked = configuration["use_mask_for_norm"].as_array().into_iter().flatten().any(|v| v.as_bool() == Some(true));
    let channels = draft.manifest.inputs.len();
    let Some(scheme) = schemes.first() else {
        draft.missing("preprocess", "normalization_schemes is empty");
        return;
    };
    if schemes.iter().any(|s| s != scheme) {
        draft.missing(
            "preprocess",
            format!(
                "The channels are normalised differently ({}), and a manifest has one list for all inputs",
                schemes.join(", ")
            ),
        );
        return;
    }
    let mut lists = Vec::new();
    for channel in 0..channels {
        let numbers = &plans["foreground_intensity_properties_per_channel"][channel.to_string()];
        let get = |key: &str| numbers[key].as_f64();
        lists.push(match *scheme {
            "CTNormalization" => {
                let (Some(low), Some(high), Some(mean), Some(std)) =
                    (get("percentile_00_5"), get("percentile_99_5"), get("mean"), get("std"))
                else {
                    draft.missing(
                        "preprocess",
                        format!("The intensities of channel {channel} (percentiles, mean, std) are not in plans.json"),
                    );
                    return;
                };
                let range = [low, high];
                vec![
                    Normalize::Scale { from: range, to: range, clip: true },
                    Normalize::FixedZscore { mean, std: std.max(1e-8) },
                ]
            }
            "ZScoreNormalization" => vec![Normalize::Zscore { nonzero: masked }],
            "RescaleTo01Normalization" => vec![Normalize::Minmax { to: [0.0, 1.0] }],
            "RGBTo01Normalization" => vec![Normalize::Affine { scale: 1.0 / 255.0, offset: 0.0 }],
            "NoNormalization" => Vec::new(),
            other => {
                draft.missing("preprocess", format!("The normalisation {other} is not known"));
                return;
            }
        });
    }
    let Some(first) = lists.first().cloned() else { return };
    if lists.iter().any(|l| *l != first) {
        draft.missing(
            "preprocess",
            "Each channel is clipped and scaled by numbers of its own, and a manifest has one list for all inputs",
        );
        return;
    }
    draft.manifest.preprocess.normalize = first;
    if masked && *scheme == "ZScoreNormalization" {
        draft.assumed("preprocess", "nnU-Net's mask is where any channel is not 0, with its holes filled; here each input's voxels that are not 0 are taken");
    }
}

fn outputs(dataset: &Dataset, draft: &mut Draft) {
    let mut labels: Vec<(String, Value)> = Vec::new();
    for (key, value) in &dataset.labels.0 {
        // Version 1 has them the other way round: number to name.
        match (key.parse::<u64>(), value.as_str()) {
            (Ok(number), Some(name)) => labels.push((name.to_owned(), number.into())),
            _ => labels.push((key.clone(), value.clone())),
        }
    }
    labels.retain(|(name, value)| name != "ignore" && value.as_u64() != Some(0));
    let mut output = OutputSpec {
        name: "segmentation".into(),
        tensor: "output".into(),
        kind: OutputKind::Logits,
        channels: None,
        activation: Activation::Softmax,
        value: None,
        unit: None,
        modality: None,
        labels: Vec::new(),
        explains: None,
    };
    let whole = |v: &Value| v.as_u64().or_else(|| v.as_str()?.parse().ok()).and_then(|n| u16::try_from(n).ok());
    let spec =
        |value: u16, name: &str| LabelSpec { value, name: name.to_owned(), color: None, scheme: None, code: None };
    if labels.iter().any(|(_, v)| v.is_array()) {
        output.activation = Activation::Sigmoid;
        let order = dataset.regions_class_order.clone().unwrap_or_default();
        if order.len() != labels.len() {
            draft.missing(
                "postprocess",
                format!("There are {} regions, but regions_class_order has {} entries", labels.len(), order.len()),
            );
        }
        draft.channels_out = Some(labels.len());
        let regions = order.iter().enumerate().map(|(channel, value)| Region { channel, value: *value }).collect();
        draft.manifest.postprocess.regions = regions;
        for ((name, _), value) in labels.iter().zip(&order) {
            output.labels.push(spec(*value, name));
        }
        output.labels.sort_by_key(|l| l.value);
        output.labels.dedup_by_key(|l| l.value);
        draft.assumed(
            "outputs",
            "Regions overlap: a label carries the name of its region, and holds what no later region has taken",
        );
    } else {
        let mut values: Vec<(u16, &str)> = labels.iter().filter_map(|(n, v)| Some((whole(v)?, n.as_str()))).collect();
        values.sort_unstable();
        if values.iter().enumerate().any(|(n, (v, _))| usize::from(*v) != n + 1) {
            draft.missing("outputs", "The labels in dataset.json are not 1, 2, 3 …, as nnU-Net has them");
        }
        draft.channels_out = Some(values.len() + 1);
        output.labels = values.into_iter().map(|(value, name)| spec(value, name)).collect();
    }
    if let [one] = output.labels.as_slice() {
        output.name = slug(&one.name);
    }
    if output.labels.is_empty() {
        draft.missing("outputs", "dataset.json has no labels");
    }
    draft.manifest.outputs.push(output);
}

/// The axes along which the network may be mirrored: they are in the checkpoint, so only a JSON beside it tells.
fn mirroring(root: &Path, letters: &[char], draft: &mut Draft) {
    let found = files(root, &["json"]).into_iter().find_map(|path| {
        let value = read_json(&path).ok()?;
        let axes = value.get("inference_allowed_mirroring_axes")?;
        Some(axes.as_array().into_iter().flatten().filter_map(Value::as_u64).collect::<Vec<_>>())
    });
    // A 2D network is not mirrored across its slices: its axes are those of the plane already.
    let Some(axes) = found else {
        draft.assumed("uncertainty", "The axes that may be mirrored are in nnU-Net's checkpoint only, so none is; write {\"inference_allowed_mirroring_axes\": [0, 1, 2]} into checkpoint.json beside plans.json to have them imported");
        return;
    };
    let mut flips: Vec<Axis> = axes
        .iter()
        .filter_map(|n| letters.get(usize::try_from(*n).ok()?))
        .map(|letter| [Axis::X, Axis::Y, Axis::Z][grid_axis(*letter)])
        .collect();
    flips.sort_by_key(|a| [Axis::X, Axis::Y, Axis::Z].iter().position(|b| a == b));
    flips.dedup();
    if flips.is_empty() {
        return;
    }
    let sided =
        |word: &str| word.to_lowercase().split(|c: char| !c.is_alphanumeric()).any(|p| p == "left" || p == "right");
    if flips.contains(&Axis::X) && draft.manifest.outputs.iter().flat_map(|o| &o.labels).any(|l| sided(&l.name)) {
        draft.lost("uncertainty", "Labels name left and right, and x may be mirrored: nnU-Net does not exchange them, so no `swap` was written; check it");
    }
    draft.manifest.uncertainty.sources = vec![UncertaintySource::Tta];
    // Every combination, as nnU-Net averages them; none at all is the image as it is.
    let chosen = |bits: usize| flips.iter().enumerate().filter(|(n, _)| bits >> n & 1 == 1).map(|(_, a)| *a).collect();
    draft.manifest.uncertainty.tta =
        (1..1 << flips.len()).map(|bits| Augmentation { flip: chosen(bits), ..Augmentation::default() }).collect();
}
