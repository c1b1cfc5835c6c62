//! A MONAI bundle as a manifest: `configs/metadata.json` says what goes in and out, `configs/inference.json` (or
//! `.yaml`) how.
//!
//! Source: MONAI `docs/source/mb_specification.rst`; read against the bundles of its model zoo.

use std::path::Path;

use serde_json::Value;

use super::config_tree::{ConfigTree, read_json, shortened};
use super::draft::{Draft, modality, slug};
use super::source::{ImportError, licences};
use super::transforms::{self, Decision, three};
use crate::inference::manifest::schema::{
    Activation, Blend, InfererKind, Input, LabelSpec, OutputKind, OutputSpec, PadMode, Plane, Planes, Region, Task,
    ValueRule,
};

/// Reads a bundle into a draft; the graph is looked at afterwards.
///
/// # Errors
/// When `metadata.json` cannot be read.
pub(super) fn read(root: &Path, name: String) -> Result<Draft, ImportError> {
    let metadata = read_json(&root.join("configs/metadata.json")).map_err(ImportError::Unreadable)?;
    let mut draft = Draft::new(name);
    describe(&metadata, root, &mut draft);
    let tree = ConfigTree::open(&root.join("configs"), "inference").map_err(ImportError::Unreadable)?;
    if tree.is_none() {
        draft.missing(
            "inferer",
            "configs/inference.json (or .yaml) is not there, so nothing says how images become the network's; write \
             [preprocess] and [inferer] by hand",
        );
    }
    inputs(&metadata, tree.as_ref(), &mut draft);
    let mut decision = Decision::default();
    if let Some(tree) = &tree {
        let channels = draft.manifest.inputs.len();
        match transforms::list(tree, "preprocessing", &mut draft, "preprocess") {
            Some(steps) => transforms::preprocessing(&steps, channels, &mut draft),
            None => draft.lost("preprocess", "No list of transforms was found under `preprocessing`"),
        }
        inferer(tree, &metadata, &mut draft);
        if let Some(steps) = transforms::list(tree, "postprocessing", &mut draft, "postprocess") {
            decision = transforms::postprocessing(&steps, &mut draft);
        }
    }
    outputs(&metadata, tree.as_ref(), &decision, &mut draft);
    Ok(draft)
}

fn text(metadata: &Value, key: &str) -> String {
    match metadata.get(key) {
        Some(Value::String(s)) => s.trim().to_owned(),
        Some(Value::Null) | None => String::new(),
        Some(other) => shortened(&other.to_string()),
    }
}

fn describe(metadata: &Value, root: &Path, draft: &mut Draft) {
    let m = &mut draft.manifest;
    let say = |key: &str| text(metadata, key);
    let title = [say("name"), say("task"), say("description")].into_iter().find(|t| !t.is_empty());
    m.title = title.map_or_else(|| m.name.clone(), |t| shortened(&t));
    let version = say("version");
    m.version = if version.is_empty() { "0".into() } else { version };
    m.intended_use = say("intended_use");
    m.source = format!("MONAI bundle, version {}, of MONAI {}", m.version, say("monai_version"));
    m.cite = match metadata.get("references") {
        Some(Value::Array(list)) => list.iter().filter_map(|r| r.as_str().map(|r| r.trim().to_owned())).collect(),
        Some(Value::String(one)) => vec![one.clone()],
        _ => Vec::new(),
    };
    if m.intended_use.is_empty() {
        m.intended_use =
            [say("description"), say("task"), m.title.clone()].into_iter().find(|t| !t.is_empty()).unwrap_or_default();
        draft.assumed("", "The bundle states no intended use; its description was put in");
    }
    let c = &mut draft.card;
    (c.description, c.authors, c.copyright, c.data_source) =
        (say("description"), say("authors"), say("copyright"), say("data_source"));
    if let Some(Value::Object(metrics)) = metadata.get("eval_metrics") {
        c.metrics = metrics.iter().map(|(k, v)| (k.clone(), v.to_string())).collect();
    }
    for (what, key) in [
        ("Images", "image_classes"),
        ("Labels", "label_classes"),
        ("Predictions", "pred_classes"),
        ("PyTorch", "pytorch_version"),
    ] {
        let said = say(key);
        if !said.is_empty() {
            c.rows.push((what.to_owned(), said));
        }
    }
    let (found, spdx) = licences(root);
    let stated = say("license");
    let data: Vec<String> = found
        .iter()
        .filter_map(|p| p.file_name().map(|n| n.to_string_lossy().into_owned()))
        .filter(|n| n.to_lowercase().starts_with("data_"))
        .collect();
    let m = &mut draft.manifest;
    if let Some(spdx) = spdx {
        m.license = spdx.to_owned();
        m.license_code = Some(spdx.to_owned());
    }
    if !stated.is_empty() {
        m.license = stated;
    } else if spdx.is_some() {
        draft.assumed(
            "",
            "The bundle's licence file does not say whether it covers the weights; it was put in for them too",
        );
    } else {
        draft.assumed("", "No licence was found; find out what the weights may be used for before you use them");
    }
    if let Some(file) = data.first() {
        draft.manifest.license_data = Some(format!("see {file}"));
    }
}

fn inputs(metadata: &Value, tree: Option<&ConfigTree>, draft: &mut Draft) {
    let format = &metadata["network_data_format"]["inputs"];
    let empty = serde_json::Map::new();
    let table = format.as_object().unwrap_or(&empty);
    let main = table.get_key_value("image").or_else(|| table.iter().next());
    for other in table.keys().filter(|k| main.is_some_and(|(name, _)| name != *k)) {
        draft.lost("inputs", format!("The network has a further input `{other}`, which no image is"));
    }
    let (key, main) = main.map_or(("image", &Value::Null), |(k, v)| (k.as_str(), v));
    let stated = main["num_channels"].as_u64().and_then(|n| usize::try_from(n).ok());
    let configured = tree
        .and_then(|t| t.get("network_def#in_channels"))
        .and_then(Result::ok)
        .and_then(|v| v.as_u64())
        .and_then(|n| usize::try_from(n).ok());
    if let (Some(a), Some(b)) = (stated, configured)
        && a != b
    {
        draft.lost("inputs", format!("metadata.json says {a} input channels, network_def says {b}; the graph decides"));
    }
    draft.channels_in = configured.or(stated);
    let channels = draft.channels_in.unwrap_or(1).clamp(1, 64);
    let word = format!("{} {}", main["modality"].as_str().unwrap_or(""), main["format"].as_str().unwrap_or(""));
    let kind = modality(&word);
    for channel in 0..channels {
        let said = main["channel_def"][channel.to_string()].as_str().unwrap_or("").trim();
        let plain = said.is_empty() || said.eq_ignore_ascii_case("image");
        let name = if !plain {
            slug(said)
        } else if channels == 1 {
            slug(key)
        } else {
            format!("image-{channel}")
        };
        let name =
            if draft.manifest.inputs.iter().any(|i| i.name == name) { format!("{name}-{channel}") } else { name };
        draft.manifest.inputs.push(Input {
            name,
            modality: kind.or_else(|| modality(said)).map(|m| vec![m.to_owned()]).unwrap_or_default(),
            contrast: if plain { String::new() } else { said.to_owned() },
            tensor: key.to_owned(),
            channel,
            optional: false,
            fill: None,
        });
    }
    if draft.manifest.inputs.iter().any(|i| i.modality.is_empty()) {
        draft.assumed("inputs", "The modality is not stated, so every image is accepted");
    }
}

fn inferer(tree: &ConfigTree, metadata: &Value, draft: &mut Draft) {
    let mut get = |key: &str| match tree.get(&format!("inferer#{key}"))? {
        Ok(value) => Some(value).filter(|v| !v.is_null()),
        Err(e) => {
            draft.lost("inferer", format!("{key}: {e}"));
            None
        }
    };
    let target = get("_target_").and_then(|t| t.as_str().map(str::to_owned)).unwrap_or_default();
    let class = target.rsplit('.').next().unwrap_or_default().to_owned();
    match class.as_str() {
        "SlidingWindowInferer" | "SlidingWindowInfererAdapt" | "SliceInferer" => {
            let (roi, batch, overlap) = (get("roi_size"), get("sw_batch_size"), get("overlap"));
            let (mode, sigma, padding, cval) = (get("mode"), get("sigma_scale"), get("padding_mode"), get("cval"));
            let spatial = get("spatial_dim").and_then(|v| v.as_u64());
            window(roi.as_ref(), class == "SliceInferer", spatial, draft);
            let i = &mut draft.manifest.inferer;
            i.batch =
                batch.and_then(|b| b.as_u64()).and_then(|b| usize::try_from(b).ok()).filter(|b| *b > 0).unwrap_or(1);
            match overlap.as_ref().map_or(Some([0.25; 3]), three) {
                Some([a, b, c]) if a == b && b == c && (0.0..1.0).contains(&a) => i.overlap = a,
                _ => draft.lost("inferer", "overlap: only one number below 1 can be taken; 0.25 stands"),
            }
            let i = &mut draft.manifest.inferer;
            i.blend = if mode.as_ref().and_then(Value::as_str) == Some("gaussian") {
                Blend::Gaussian
            } else {
                Blend::Constant
            };
            if let Some(sigma) = sigma.as_ref().and_then(three) {
                i.sigma = sigma[0];
            }
            i.pad_mode = match padding.as_ref().and_then(Value::as_str) {
                Some("reflect") => PadMode::Reflect,
                Some("replicate") => PadMode::Replicate,
                Some("circular") => PadMode::Circular,
                _ => PadMode::Constant,
            };
            if cval.and_then(|v| v.as_f64()).is_some_and(|v| v != 0.0) {
                draft.lost("inferer", "cval: images smaller than a window are padded with 0");
            }
        }
        "SimpleInferer" => whole(metadata, draft),
        "" => {
            draft.assumed("inferer", "The bundle names no inferer; the image is taken in one piece");
            whole(metadata, draft);
        }
        other => draft.missing("inferer", format!("{other} cannot be written as a manifest's inferer")),
    }
}

fn window(roi: Option<&Value>, slices: bool, spatial: Option<u64>, draft: &mut Draft) {
    let i = &mut draft.manifest.inferer;
    let flat = roi
        .and_then(Value::as_array)
        .filter(|a| a.len() == 2 || slices)
        .map(|a| a.iter().filter_map(Value::as_i64).map(|n| usize::try_from(n).unwrap_or(0)).collect::<Vec<_>>());
    if let Some(sides) = flat {
        let axis = usize::try_from(spatial.unwrap_or(2)).unwrap_or(2).min(2);
        i.kind = InfererKind::Slices;
        i.axis = Some(Planes::One([Plane::Sagittal, Plane::Coronal, Plane::Axial][axis]));
        i.layout = ["NCYZ", "NCXZ", "NCXY"][axis].to_owned();
        let mut patch = [1; 3];
        for (n, side) in (0..3).filter(|n| *n != axis).zip(sides) {
            patch[n] = side;
        }
        i.patch = Some(patch);
        return;
    }
    i.kind = InfererKind::SlidingWindow;
    match roi.and_then(three) {
        // MONAI: a side that is not positive is the image's own.
        Some(sides) if sides.iter().all(|n| *n >= 1.0) => i.patch = Some(sides.map(|n| n as usize)),
        Some(_) => {
            i.kind = InfererKind::Whole;
            draft.assumed("inferer", "A side of the window is the whole image; the image is taken in one piece");
        }
        None => draft.missing("inferer", "roi_size is not known, and a sliding window needs it"),
    }
}

/// A network that runs over the image in one piece: what its sides must be multiples of.
fn whole(metadata: &Value, draft: &mut Draft) {
    let image = &metadata["network_data_format"]["inputs"]["image"];
    draft.manifest.inferer.kind = InfererKind::Whole;
    let Some(shape) = image["spatial_shape"].as_array() else { return };
    if let Some(numbers) = three(&image["spatial_shape"]).filter(|_| shape.len() == 3) {
        if draft.manifest.preprocess.size.is_none() {
            draft.manifest.preprocess.size = Some(numbers.map(|n| n as usize));
            draft.assumed(
                "preprocess",
                "The network's input has a fixed size; the image is cut or padded to it around its centre",
            );
        }
        return;
    }
    let multiple = shape.iter().filter_map(|s| multiple(s.as_str()?)).max();
    if let Some(n) = multiple {
        draft.manifest.preprocess.pad_multiple = draft.manifest.preprocess.pad_multiple.max(n);
    }
}

/// `16*n` is 16; `2**4*n` is 16.
fn multiple(text: &str) -> Option<usize> {
    let mut number = 1_usize;
    for factor in text.replace("**", "^").split('*') {
        let factor = factor.trim();
        if let Some((base, power)) = factor.split_once('^') {
            if let (Ok(base), Ok(power)) = (base.trim().parse::<usize>(), power.trim().parse::<u32>()) {
                number = number.checked_mul(base.checked_pow(power)?)?;
            }
        } else if let Ok(n) = factor.parse::<usize>() {
            number = number.checked_mul(n)?;
        }
    }
    (1..=1024).contains(&number).then_some(number)
}

fn outputs(metadata: &Value, tree: Option<&ConfigTree>, decision: &Decision, draft: &mut Draft) {
    let format = &metadata["network_data_format"]["outputs"];
    let empty = serde_json::Map::new();
    let table = format.as_object().unwrap_or(&empty);
    let main = table.get_key_value("pred").or_else(|| table.iter().next());
    let (key, main) = main.map_or(("pred", &Value::Null), |(k, v)| (k.as_str(), v));
    for other in table.keys().filter(|k| *k != key) {
        draft.lost("outputs", format!("The network gives `{other}` too; add an [[outputs]] for it if it is an image"));
    }
    let stated = main["num_channels"].as_u64().and_then(|n| usize::try_from(n).ok());
    let configured = tree
        .and_then(|t| t.get("network_def#out_channels"))
        .and_then(Result::ok)
        .and_then(|v| v.as_u64())
        .and_then(|n| usize::try_from(n).ok());
    let configured = configured.or_else(|| {
        let classes = tree.and_then(|t| t.get("network_def#num_classes")).and_then(Result::ok)?;
        usize::try_from(classes.as_u64()?).ok()
    });
    draft.channels_out = configured.or(stated);
    let channels = draft.channels_out.unwrap_or(1).clamp(1, 4096);
    let kind = main["format"].as_str().unwrap_or("").to_lowercase();
    let task = text(metadata, "task").to_lowercase();
    let segments = kind.contains("segmentation")
        || kind.contains("labels")
        || decision.argmax
        || decision.activation.is_some()
        || task.contains("segmentation");
    if kind.contains("classes") || kind.contains("probabilities") || task.contains("classification") {
        draft.manifest.task = Task::Classification;
    } else if segments {
        draft.manifest.task = Task::Segmentation;
    } else {
        draft.manifest.task = Task::Synthesis;
        draft.assumed(
            "",
            format!("The task \"{}\" was taken for a synthesis, whose images are marked as invented", shortened(&task)),
        );
    }
    let named = |channel: usize| {
        let said = main["channel_def"][channel.to_string()].as_str().unwrap_or("").trim();
        if said.is_empty() { format!("Class {channel}") } else { said.to_owned() }
    };
    let mut output = OutputSpec {
        name: slug(key),
        tensor: key.to_owned(),
        kind: OutputKind::Logits,
        channels: None,
        activation: Activation::None,
        value: None,
        unit: None,
        modality: None,
        labels: Vec::new(),
        explains: None,
    };
    if draft.manifest.task == Task::Synthesis {
        output.kind = OutputKind::Image;
        output.name = "image".into();
        output.value = back_to_real(draft);
        draft.manifest.outputs.push(output);
        return;
    }
    output.activation = decision.activation.unwrap_or(if channels > 1 && (decision.argmax || segments) {
        Activation::Softmax
    } else {
        Activation::Sigmoid
    });
    if decision.activation.is_none() {
        draft.assumed(
            "outputs",
            format!(
                "The bundle names no activation; {} was put in",
                if output.activation == Activation::Softmax { "softmax" } else { "sigmoid" }
            ),
        );
    }
    let background = |name: &str| name.eq_ignore_ascii_case("background");
    let regions = draft.manifest.postprocess.regions.clone();
    if !regions.is_empty() {
        output.labels = labels_of_regions(&regions, named);
    } else if output.activation == Activation::Softmax {
        output.labels = (1..channels).map(|c| label(c, named(c))).collect();
        if channels > 1 && !background(&named(0)) && main["channel_def"]["0"].is_string() {
            draft.assumed(
                "outputs",
                format!("Channel 0 is taken for the background; the bundle calls it \"{}\"", named(0)),
            );
        }
    } else {
        let shown: Vec<usize> = (0..channels).filter(|c| !background(&named(*c))).collect();
        output.labels = shown.iter().enumerate().map(|(n, c)| label(n + 1, named(*c))).collect();
        if channels > 1 {
            draft.assumed("outputs", "Where regions overlap, the later channel is written over the earlier one; check the order, or give postprocess.regions");
        }
        if shown.len() < channels {
            output.channels = Some(shown);
        }
    }
    if main["channel_def"].as_object().is_none_or(serde_json::Map::is_empty) {
        draft.assumed("outputs", "The bundle does not name its classes; give the labels their names");
    }
    output.name = match output.labels.as_slice() {
        [one] => slug(&one.name),
        _ => "segmentation".into(),
    };
    draft.manifest.outputs.push(output);
}

fn label(value: usize, name: String) -> LabelSpec {
    LabelSpec { value: u16::try_from(value).unwrap_or(u16::MAX), name, color: None, scheme: None, code: None }
}

fn labels_of_regions(regions: &[Region], named: impl Fn(usize) -> String) -> Vec<LabelSpec> {
    let mut labels: Vec<LabelSpec> = regions.iter().map(|r| label(r.value.into(), named(r.channel))).collect();
    labels.sort_by_key(|l| l.value);
    labels.dedup_by_key(|l| l.value);
    labels
}

/// How grey values return, by the last step of the normalisation; a synthesis into another contrast has to be checked.
fn back_to_real(draft: &mut Draft) -> Option<ValueRule> {
    use crate::inference::manifest::schema::Normalize as N;
    let input = draft.manifest.inputs.first()?.name.clone();
    draft.assumed("outputs", "How the network's numbers become grey values is not in the bundle; the first input's own normalisation is undone, which is wrong for another contrast");
    Some(match draft.manifest.preprocess.normalize.last()? {
        N::Zscore { .. } | N::FixedZscore { .. } => ValueRule::ZscoreOf { input },
        N::Scale { .. } | N::Minmax { .. } | N::PercentileScale { .. } => ValueRule::UnitOf { input },
        N::ClipPercentile { .. } | N::Affine { .. } => ValueRule::None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_of_a_network_are_read_from_their_formula() {
        for (text, expected) in
            [("16*n", Some(16)), ("8 * n", Some(8)), ("2**4*n", Some(16)), ("*", Some(1)), ("n", Some(1))]
        {
            assert_eq!(multiple(text), expected, "{text}");
        }
    }
}
