//! MONAI's dictionary transforms as `[preprocess]` and `[postprocess]`.
//!
//! Names, arguments and defaults: MONAI 1.6.1, `monai/transforms/`. Each transform is taken over, is without meaning
//! here (loading, types, saving), or becomes a finding; none is dropped silently.

use serde_json::Value;

use super::config_tree::{ConfigTree, shortened};
use super::draft::Draft;
use crate::inference::manifest::schema::{Activation, Crop, Normalize, Region, SizeRule, Spacing, Which};
use crate::volume::Interpolation;

/// One `_target_` with its arguments, references resolved where they can be.
pub(super) struct Transform {
    /// The class without its module and without the `d` of dictionary transforms.
    pub name: String,
    arguments: serde_json::Map<String, Value>,
    /// Arguments that hold Python.
    unresolved: Vec<String>,
}

impl Transform {
    /// From a table with a `_target_`; `None` where it is switched off or has none.
    fn read(tree: &ConfigTree, value: &Value) -> Option<Self> {
        let table = value.as_object()?;
        let target = table.get("_target_")?.as_str()?;
        let mut unresolved = Vec::new();
        let mut arguments = serde_json::Map::new();
        for (key, value) in table.iter().filter(|(k, _)| *k != "_target_") {
            match tree.deep(value) {
                Ok(resolved) => drop(arguments.insert(key.clone(), resolved)),
                // Which images are meant is clear where the bundle has one.
                Err(_) if key == "keys" => {}
                Err(e) => {
                    unresolved.push(key.clone());
                    arguments.insert(key.clone(), Value::String(e.text));
                }
            }
        }
        if arguments.get("_disabled_").is_some_and(|v| truth(v) == Some(true)) {
            return None;
        }
        // How MONAI makes the object; `_desc_` and `_requires_` are comments and an order.
        for key in ["_desc_", "_requires_"] {
            arguments.remove(key);
            unresolved.retain(|u| u != key);
        }
        if arguments.get("_mode_").and_then(Value::as_str) == Some("default") {
            arguments.remove("_mode_");
        }
        let class = target.rsplit('.').next().unwrap_or(target);
        let name = ["Dict", "D", "d"].iter().find_map(|end| class.strip_suffix(end)).unwrap_or(class);
        Some(Self { name: name.to_owned(), arguments, unresolved })
    }

    pub fn get(&self, key: &str) -> Option<&Value> {
        self.arguments.get(key).filter(|v| !v.is_null() && !self.unresolved.iter().any(|u| u == key))
    }

    pub fn number(&self, key: &str) -> Option<f64> {
        self.get(key)?.as_f64()
    }

    /// A boolean; also the text "True", as some bundles have it.
    pub fn flag(&self, key: &str, default: bool) -> bool {
        self.get(key).and_then(truth).unwrap_or(default)
    }

    pub fn text(&self, key: &str) -> Option<&str> {
        let value = self.get(key)?;
        value.as_str().or_else(|| value.as_array()?.first()?.as_str())
    }

    /// `a`, or the same three times.
    pub fn three(&self, key: &str) -> Option<[f64; 3]> {
        three(self.get(key)?)
    }

    /// As a person may find it again: `ScaleIntensityRanged (a_min = -57, …)`.
    fn title(&self) -> String {
        let arguments: Vec<String> =
            self.arguments.iter().filter(|(k, _)| *k != "keys").map(|(k, v)| format!("{k} = {v}")).collect();
        shortened(&format!("{} ({})", self.name, arguments.join(", ")))
    }
}

fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(b) => Some(*b),
        Value::String(s) => match s.as_str() {
            "True" | "true" => Some(true),
            "False" | "false" => Some(false),
            _ => None,
        },
        Value::Number(n) => n.as_i64().map(|n| n != 0),
        _ => None,
    }
}

pub(super) fn three(value: &Value) -> Option<[f64; 3]> {
    if let Some(one) = value.as_f64() {
        return Some([one; 3]);
    }
    let list: Vec<f64> = value.as_array()?.iter().map(Value::as_f64).collect::<Option<_>>()?;
    match list.as_slice() {
        [one] => Some([*one; 3]),
        [a, b, c] => Some([*a, *b, *c]),
        _ => None,
    }
}

/// The transforms at a place: a `Compose`, or a list.
pub(super) fn list(tree: &ConfigTree, place: &str, draft: &mut Draft, table: &'static str) -> Option<Vec<Transform>> {
    let raw = tree.raw(place)?.clone();
    let opened = tree.shallow(&raw).and_then(|value| match value.get("transforms") {
        Some(inner) => tree.shallow(inner),
        None => Ok(value),
    });
    match opened {
        Ok(Value::Array(items)) => {
            let items = items.iter().map(|item| tree.shallow(item).unwrap_or_else(|_| item.clone()));
            Some(items.filter_map(|item| Transform::read(tree, &item)).collect())
        }
        Ok(_) => {
            draft.lost(table, format!("{place} is no list of transforms"));
            None
        }
        Err(e) => {
            draft.lost(table, format!("{place}: {e}"));
            None
        }
    }
}

/// Without meaning here, before and after the network.
const NOTHING: [&str; 16] = [
    "LoadImage",
    "EnsureChannelFirst",
    "AddChannel",
    "AsChannelFirst",
    "EnsureType",
    "ToTensor",
    "CastToType",
    "ToDevice",
    "SelectItems",
    "DeleteItems",
    "Identity",
    "Compose",
    "SaveImage",
    "CopyItems",
    "ConcatItems",
    "SqueezeDim",
];

/// Takes over what happens before the network.
pub(super) fn preprocessing(steps: &[Transform], channels: usize, draft: &mut Draft) {
    let mut oriented = false;
    let mut resampled = false;
    let mut scaled = false;
    for step in steps {
        if NOTHING.contains(&step.name.as_str()) {
            continue;
        }
        if let Some(mode) = step.text("_mode_") {
            draft.lost("preprocess", format!("{}: `_mode_: {mode}` does not call it as the others are", step.name));
            continue;
        }
        if !step.unresolved.is_empty() {
            let text = format!("{}: {} holds Python, which is not run", step.title(), step.unresolved.join(", "));
            draft.lost("preprocess", text);
        }
        if let Some(normalize) = normalization(step, channels, draft) {
            draft.manifest.preprocess.normalize.extend(normalize);
            scaled = true;
            continue;
        }
        let p = &mut draft.manifest.preprocess;
        match step.name.as_str() {
            "Orientation" => {
                if let Some(codes) = step.text("axcodes").filter(|c| c.len() == 3) {
                    p.orientation = codes.to_uppercase();
                    oriented = true;
                } else {
                    draft.lost("preprocess", step.title());
                }
            }
            "Spacing" => {
                resampled = true;
                p.normalize_first = scaled;
                spacing(step, draft);
            }
            "CropForeground" => {
                p.crop = Crop::Foreground;
                if let Some(k) = step.three("k_divisible").filter(|k| k[0] > 1.0) {
                    p.pad_multiple = k[0] as usize;
                }
                if scaled {
                    draft.lost("preprocess", "CropForegroundd comes after the intensities were scaled; here the foreground is of the image's own values above 0");
                }
                if step.get("margin").and_then(three).is_some_and(|m| m != [0.0; 3]) || step.get("select_fn").is_some()
                {
                    draft.lost(
                        "preprocess",
                        format!("{}: margin and select_fn; the box of voxels above 0 is taken", step.title()),
                    );
                }
            }
            "DivisiblePad" => match step.three("k").filter(|k| k[0] >= 1.0 && k[0] == k[1] && k[1] == k[2]) {
                Some(k) => p.pad_multiple = k[0] as usize,
                None => draft.lost("preprocess", step.title()),
            },
            "ResizeWithPadOrCrop" => match step.three("spatial_size").filter(|s| s.iter().all(|n| *n >= 1.0)) {
                Some(size) => p.size = Some(size.map(|n| n as usize)),
                None => draft.lost("preprocess", step.title()),
            },
            _ => draft.lost("preprocess", step.title()),
        }
    }
    if !oriented {
        draft.assumed(
            "preprocess",
            "The bundle has no Orientationd, so its network saw images with their file's own axes; RAS was put in",
        );
    }
    if !resampled {
        draft.assumed(
            "preprocess",
            "The bundle has no Spacingd: the image keeps its own spacing, whatever the network was trained with",
        );
    }
    if !scaled {
        draft.assumed("preprocess", "No normalisation was found: the network gets the image's own values");
    }
}

fn spacing(step: &Transform, draft: &mut Draft) {
    let p = &mut draft.manifest.preprocess;
    match step.three("pixdim") {
        // MONAI: a side that is not positive keeps the image's own spacing.
        Some(mm) if mm.iter().all(|x| *x <= 0.0) => p.spacing_mm = Spacing::Native,
        Some(mm) => p.spacing_mm = Spacing::Millimetres(mm.map(|x| x.max(0.0))),
        None => draft.lost("preprocess", format!("{}: the spacing is not three numbers", step.title())),
    }
    let first = step.get("mode").map(|m| m.as_array().and_then(|a| a.first()).unwrap_or(m));
    let order = first.and_then(Value::as_i64);
    draft.manifest.preprocess.interpolation = match (first.and_then(Value::as_str), order) {
        (Some("nearest"), _) | (_, Some(0)) => Interpolation::Nearest,
        (None | Some("bilinear" | "trilinear"), None | Some(1)) => Interpolation::Linear,
        (Some("bicubic"), _) | (_, Some(3)) => {
            draft.assumed("preprocess", "Spacingd interpolates by a cubic spline; here a cubic convolution does");
            Interpolation::Cubic
        }
        _ => {
            draft.lost("preprocess", format!("{}: the interpolation; linear is taken", step.title()));
            Interpolation::Linear
        }
    };
    if step.flag("scale_extent", false) {
        draft.manifest.preprocess.size_rule = SizeRule::Extent;
    }
}

/// The steps that a transform of intensities becomes; `None` when it is no such transform.
fn normalization(step: &Transform, channels: usize, draft: &mut Draft) -> Option<Vec<Normalize>> {
    let pooled = channels > 1 && !step.flag("channel_wise", false);
    let steps = match step.name.as_str() {
        "ScaleIntensityRange" => {
            let numbers = ["a_min", "a_max", "b_min", "b_max"].map(|k| step.number(k));
            let [Some(a), Some(b), Some(c), Some(d)] = numbers else {
                draft.lost("preprocess", format!("{}: needs four numbers", step.title()));
                return Some(Vec::new());
            };
            vec![Normalize::Scale { from: [a, b], to: [c, d], clip: step.flag("clip", false) }]
        }
        "ScaleIntensityRangePercentiles" => {
            let numbers = ["lower", "upper", "b_min", "b_max"].map(|k| step.number(k));
            let ([Some(lower), Some(upper), Some(c), Some(d)], false) = (numbers, step.flag("relative", false)) else {
                draft.lost("preprocess", step.title());
                return Some(Vec::new());
            };
            if pooled {
                draft.lost(
                    "preprocess",
                    format!("{}: one pair of percentiles over all channels; here each input has its own", step.name),
                );
            }
            vec![Normalize::PercentileScale { lower, upper, to: [c, d], clip: step.flag("clip", false) }]
        }
        "ClipIntensityPercentiles" => match (step.number("lower"), step.number("upper")) {
            (Some(lower), Some(upper)) => vec![Normalize::ClipPercentile { lower, upper, nonzero: false }],
            _ => {
                draft.lost("preprocess", step.title());
                Vec::new()
            }
        },
        "ScaleIntensity" => {
            if step.get("factor").is_some() {
                draft.lost("preprocess", step.title());
                return Some(Vec::new());
            }
            if pooled {
                draft.lost(
                    "preprocess",
                    "ScaleIntensityd scales all channels by one range; here each input has its own",
                );
            }
            vec![Normalize::Minmax { to: [step.number("minv").unwrap_or(0.0), step.number("maxv").unwrap_or(1.0)] }]
        }
        "NormalizeIntensity" => {
            match (step.number("subtrahend"), step.number("divisor")) {
                (Some(mean), Some(std)) if std > 0.0 => return Some(vec![Normalize::FixedZscore { mean, std }]),
                (None, None) if step.get("subtrahend").is_none() && step.get("divisor").is_none() => {}
                _ => {
                    draft.lost(
                        "preprocess",
                        format!("{}: only one number each for subtrahend and divisor can be taken", step.title()),
                    );
                    return Some(Vec::new());
                }
            }
            if pooled {
                draft.lost("preprocess", "NormalizeIntensityd without channel_wise has one mean over all channels; here each input has its own");
            }
            vec![Normalize::Zscore { nonzero: step.flag("nonzero", false) }]
        }
        _ => return None,
    };
    Some(steps)
}

/// What the output becomes, as far as the transforms after the network say.
#[derive(Debug, Default)]
pub(super) struct Decision {
    pub activation: Option<Activation>,
    pub argmax: bool,
}

/// Takes over what happens after the network.
pub(super) fn postprocessing(steps: &[Transform], draft: &mut Draft) -> Decision {
    let mut decision = Decision::default();
    let mut discrete = false;
    for step in steps {
        if NOTHING.contains(&step.name.as_str()) {
            continue;
        }
        let p = &mut draft.manifest.postprocess;
        match step.name.as_str() {
            "Activations" => {
                let softmax = step.flag("softmax", false);
                if softmax || step.flag("sigmoid", false) {
                    decision.activation = Some(if softmax { Activation::Softmax } else { Activation::Sigmoid });
                } else {
                    draft.lost("outputs", step.title());
                }
            }
            "AsDiscrete" => {
                discrete = true;
                decision.argmax = step.flag("argmax", false);
                if let Some(threshold) = step.number("threshold") {
                    p.threshold = threshold as f32;
                }
            }
            "Invert" => {
                if discrete || step.flag("nearest_interp", true) {
                    draft.assumed("postprocess", "The bundle brings labels back onto the image by nearest voxel; here probabilities are brought back and become labels there, so borders are smoother");
                }
            }
            "KeepLargestConnectedComponent" => {
                let labels: Option<Vec<u16>> = step.get("applied_labels").and_then(|v| match v {
                    Value::Array(list) => list.iter().map(|n| u16::try_from(n.as_u64()?).ok()).collect(),
                    one => Some(vec![u16::try_from(one.as_u64()?).ok()?]),
                });
                p.largest_component = labels.map_or(Which::All(true), Which::Labels);
                if step.number("num_components").is_some_and(|n| n != 1.0)
                    || !step.flag("independent", true)
                    || step.get("connectivity").is_some_and(|c| c.as_i64() != Some(3))
                {
                    draft.lost(
                        "postprocess",
                        format!("{}: one component of each label by 26 neighbours is kept", step.title()),
                    );
                }
            }
            "FillHoles" => p.fill_holes = true,
            "RemoveSmallObjects" if step.flag("by_measure", false) && step.number("min_size").is_some() => {
                p.min_volume_ml = step.number("min_size").unwrap_or(0.0) / 1000.0;
            }
            "MedianSmooth" if step.get("radius").and_then(three).is_some_and(|r| r == [r[0]; 3]) => {
                p.median = step.get("radius").and_then(three).map_or(0, |r| 2 * r[0] as usize + 1);
            }
            "Lambda" => match step.arguments.get("func").and_then(Value::as_str).and_then(written_regions) {
                Some(regions) => p.regions = regions,
                None => draft.lost("postprocess", step.title()),
            },
            _ => draft.lost("postprocess", step.title()),
        }
    }
    decision
}

/// `$lambda x: torch.where(x[[2]] > 0, 4, torch.where(…, 0))`: overlapping regions by priority. The first condition
/// wins, so it is the last one to be written.
fn written_regions(text: &str) -> Option<Vec<Region>> {
    let (head, body) = text.strip_prefix('$')?.trim().strip_prefix("lambda")?.split_once(':')?;
    let name = head.trim();
    let mut rest: String = body.chars().filter(|c| !c.is_whitespace()).collect();
    let mut regions = Vec::new();
    while let Some(inner) = rest.strip_prefix("torch.where(").and_then(|r| r.strip_suffix(')')) {
        let inner = inner.strip_prefix(name)?.trim_start_matches('[');
        let (channel, after) = inner.split_once(']')?;
        let (condition, after) = after.trim_start_matches(']').split_once(',')?;
        let (value, otherwise) = after.split_once(',')?;
        if condition != ">0" {
            return None;
        }
        regions.push(Region { channel: channel.parse().ok()?, value: value.parse().ok()? });
        rest = otherwise.to_owned();
    }
    regions.reverse();
    (rest == "0" && !regions.is_empty()).then_some(regions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_regions_are_written_in_the_order_of_their_priority() {
        let brats = "$lambda x: torch.where(x[[2]] > 0, 4, torch.where(x[[0]] > 0, 1, torch.where(x[[1]] > 0, 2, 0)))";
        let found = written_regions(brats).unwrap();
        let pairs: Vec<_> = found.iter().map(|r| (r.channel, r.value)).collect();
        assert_eq!(pairs, [(1, 2), (0, 1), (2, 4)]);
        for other in ["$lambda x: x + 1", "$lambda x: torch.where(x[[2]] > 0.5, 4, 0)", "lambda", "$lambda x: 0"] {
            assert_eq!(written_regions(other), None, "{other}");
        }
    }
}
