//! What the types of a manifest cannot say.

use std::collections::BTreeSet;
use std::path::{Component, Path};

use super::parse::nearest;
use super::schema::{InfererKind, Manifest, Normalize, OutputKind, Spacing, UncertaintySource, ValueRule};

/// The first thing that is wrong, as a sentence that begins with the key.
pub(super) fn check(m: &Manifest) -> Result<(), String> {
    if m.schema != 1 {
        return Err(format!("schema: this Veritome reads schema 1, the manifest has {}", m.schema));
    }
    check_name(&m.name)?;
    for (key, text) in
        [("version", &m.version), ("title", &m.title), ("intended_use", &m.intended_use), ("license", &m.license)]
    {
        if text.trim().is_empty() {
            return Err(format!("{key}: must not be empty"));
        }
    }
    check_files(m)?;
    check_inputs(m)?;
    check_preprocess(m)?;
    check_inferer(m)?;
    check_outputs(m)?;
    check_faithfulness(m)?;
    check_rest(m)
}

fn check_name(name: &str) -> Result<(), String> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || !name.chars().all(good) || name.starts_with('.') {
        return Err(format!("name: `{name}` must be lower-case letters, digits, `-`, `_`"));
    }
    Ok(())
}

fn check_files(m: &Manifest) -> Result<(), String> {
    const ROLES: [&str; 5] = ["network", "encoder", "decoder", "denoiser", "data"];
    for (role, file) in &m.files.0 {
        let stem = role.split_once('.').map_or(role.as_str(), |(stem, _)| stem);
        if !ROLES.contains(&stem) {
            let near = nearest(stem, &ROLES).unwrap_or("network");
            return Err(format!("files.{role}: unknown key `{role}`; the nearest known key is `{near}`"));
        }
        inside(&file.path).map_err(|e| format!("files.{role}.path: {e}"))?;
        if file.sha256.len() != 64 || !file.sha256.chars().all(|c| c.is_ascii_hexdigit()) {
            return Err(format!("files.{role}.sha256: must be 64 hexadecimal digits"));
        }
    }
    let has = |role: &str| m.files.0.keys().any(|k| k == role || k.starts_with(&format!("{role}.")));
    let needed: &[&str] = match m.inferer.kind {
        InfererKind::Diffusion => &["denoiser"],
        InfererKind::LatentDiffusion => &["encoder", "denoiser", "decoder"],
        _ => &["network"],
    };
    for role in needed {
        let stands_in = match *role {
            "network" => has("encoder") && has("decoder"),
            "denoiser" => has("network"),
            _ => false,
        };
        if !has(role) && !stands_in {
            return Err(format!("files: `{role}` is missing"));
        }
    }
    Ok(())
}

/// A path that stays in the folder.
pub(super) fn inside(path: &str) -> Result<(), String> {
    let plain = Path::new(path).components().all(|c| matches!(c, Component::Normal(_)));
    if path.is_empty() || !plain || path.contains(['\\', ':']) {
        return Err(format!("`{path}` must be a path inside the model's folder"));
    }
    Ok(())
}

fn check_inputs(m: &Manifest) -> Result<(), String> {
    if m.inputs.is_empty() && !matches!(m.inferer.kind, InfererKind::Diffusion | InfererKind::LatentDiffusion) {
        return Err("inputs: at least one [[inputs]] is needed".into());
    }
    let mut names = BTreeSet::new();
    let mut channels = BTreeSet::new();
    for input in &m.inputs {
        if input.name.is_empty() || !names.insert(&input.name) {
            return Err(format!("inputs: the name `{}` is empty or used twice", input.name));
        }
        if !channels.insert((&input.tensor, input.channel)) {
            return Err(format!("inputs: channel {} of tensor `{}` is given twice", input.channel, input.tensor));
        }
        if input.channel >= 4096 {
            return Err(format!("inputs.{}.channel: {} is beyond 4095", input.name, input.channel));
        }
    }
    let concat = m.diffusion.as_ref().map(|d| d.sample_tensor.as_str());
    for (tensor, channel) in &channels {
        let gap = (0..*channel).find(|c| !channels.contains(&(*tensor, *c)));
        if let Some(gap) = gap.filter(|_| concat != Some(tensor.as_str())) {
            return Err(format!("inputs: tensor `{tensor}` has channel {channel} but no input for channel {gap}"));
        }
    }
    if m.inputs.first().is_some_and(|i| i.optional) {
        return Err("inputs: the first one gives the grid and cannot be optional".into());
    }
    Ok(())
}

fn check_preprocess(m: &Manifest) -> Result<(), String> {
    let p = &m.preprocess;
    let codes: Vec<char> = p.orientation.chars().collect();
    let one_of = |pair: [char; 2]| codes.iter().filter(|c| pair.contains(c)).count() == 1;
    if codes.len() != 3 || !one_of(['L', 'R']) || !one_of(['P', 'A']) || !one_of(['S', 'I']) {
        return Err(format!(
            "preprocess.orientation: `{}` must be three axis codes, one of L/R, one of P/A, one of S/I",
            p.orientation
        ));
    }
    if let Spacing::Millimetres(mm) = p.spacing_mm
        && !(mm.iter().all(|x| x.is_finite() && *x >= 0.0 && *x < 1e4) && mm.iter().any(|x| *x > 0.0))
    {
        return Err(
            "preprocess.spacing_mm: must be \"native\" or three positive numbers, or \"native\" along an axis".into()
        );
    }
    if let Some(size) = p.size
        && !size.iter().all(|n| (1..=4096).contains(n))
    {
        return Err(format!("preprocess.size: {size:?} must be from 1 to 4096 along each axis"));
    }
    if p.pad_multiple == 0 || p.pad_multiple > 1024 {
        return Err("preprocess.pad_multiple: must be from 1 to 1024".into());
    }
    for step in &p.normalize {
        let rises = |pair: [f64; 2]| pair[0].is_finite() && pair[1].is_finite() && pair[0] < pair[1];
        let good = match step {
            Normalize::ClipPercentile { lower, upper, .. } => {
                rises([*lower, *upper]) && *lower >= 0.0 && *upper <= 100.0
            }
            Normalize::PercentileScale { lower, upper, to, .. } => {
                rises([*lower, *upper]) && *lower >= 0.0 && *upper <= 100.0 && rises(*to)
            }
            Normalize::Scale { from, to, .. } => rises(*from) && rises(*to),
            Normalize::Minmax { to } => rises(*to),
            Normalize::Affine { scale, offset } => scale.is_finite() && *scale != 0.0 && offset.is_finite(),
            Normalize::FixedZscore { mean, std } => mean.is_finite() && std.is_finite() && *std > 0.0,
            Normalize::Zscore { .. } => true,
        };
        if !good {
            return Err(format!("preprocess.normalize: {step:?} has numbers that cannot be (ranges must rise)"));
        }
    }
    Ok(())
}

fn check_inferer(m: &Manifest) -> Result<(), String> {
    let i = &m.inferer;
    let letters: BTreeSet<char> = i.layout.chars().collect();
    let known = i.layout.chars().all(|c| "NCXYZ".contains(c));
    let spatial = "XYZ".chars().filter(|c| letters.contains(c)).count();
    let may_be_flat = matches!(i.kind, InfererKind::Slices | InfererKind::Diffusion | InfererKind::LatentDiffusion);
    let wanted = if may_be_flat { 2 } else { 3 };
    if !known || letters.len() != i.layout.len() || spatial < wanted {
        return Err(format!(
            "inferer.layout: `{}` must name each tensor axis once, by N, C, X, Y, Z, with {wanted} of X, Y, Z",
            i.layout
        ));
    }
    if i.kind == InfererKind::SlidingWindow && i.patch.is_none() {
        return Err("inferer.patch: a sliding window needs it".into());
    }
    if i.patch.is_some_and(|p| p.iter().any(|n| *n > 4096)) {
        return Err("inferer.patch: must be at most 4096 along each axis".into());
    }
    if !(0.0..1.0).contains(&i.overlap) {
        return Err("inferer.overlap: must be from 0 to below 1".into());
    }
    if !(i.sigma.is_finite() && i.sigma > 0.0) || i.batch == 0 {
        return Err("inferer: sigma and batch must be positive".into());
    }
    if i.kind == InfererKind::Slices && i.axis.is_none() {
        return Err("inferer.axis: slices need an axis".into());
    }
    match (i.kind, &m.diffusion) {
        (InfererKind::Diffusion | InfererKind::LatentDiffusion, None) => {
            Err("diffusion: the inferer needs a [diffusion] table".into())
        }
        (_, Some(d)) if d.steps == 0 || d.steps > d.train_steps => {
            Err(format!("diffusion.steps: must be from 1 to train_steps ({})", d.train_steps))
        }
        _ => Ok(()),
    }
}

fn check_outputs(m: &Manifest) -> Result<(), String> {
    if m.outputs.is_empty() {
        return Err("outputs: at least one [[outputs]] is needed".into());
    }
    let inputs: Vec<&str> = m.inputs.iter().map(|i| i.name.as_str()).collect();
    let mut names = BTreeSet::new();
    for output in &m.outputs {
        let name = &output.name;
        // The name becomes a file name.
        check_name(&name.to_lowercase()).map_err(|_| format!("outputs: `{name}` cannot be a file name"))?;
        if !names.insert(name) {
            return Err(format!("outputs: the name `{name}` is used twice"));
        }
        if output.channels.as_ref().is_some_and(Vec::is_empty) {
            return Err(format!("outputs.{name}.channels: must not be empty"));
        }
        if let Some(ValueRule::ZscoreOf { input } | ValueRule::UnitOf { input }) = &output.value
            && !inputs.contains(&input.as_str())
        {
            let near = nearest(input, &inputs).map(|n| format!("; the nearest is `{n}`")).unwrap_or_default();
            return Err(format!("outputs.{name}.value.input: there is no input `{input}`{near}"));
        }
        let mut values = BTreeSet::new();
        for label in &output.labels {
            if label.value == 0 || !values.insert(label.value) {
                return Err(format!("outputs.{name}.labels: value {} is 0 or used twice", label.value));
            }
            if let Some(color) = &label.color
                && super::parse_color(color).is_none()
            {
                return Err(format!("outputs.{name}.labels.color: `{color}` is not of the form #rrggbb"));
            }
            if label.scheme.is_some() != label.code.is_some() {
                return Err(format!("outputs.{name}.labels: `scheme` and `code` go together"));
            }
        }
        if let Some(explained) = &output.explains {
            let others: Vec<&str> = m.outputs.iter().map(|o| o.name.as_str()).filter(|o| o != name).collect();
            if !others.contains(&explained.as_str()) {
                let near = nearest(explained, &others).map(|n| format!("; the nearest is `{n}`")).unwrap_or_default();
                return Err(format!("outputs.{name}.explains: there is no other output `{explained}`{near}"));
            }
        }
        if output.kind == OutputKind::Labels && output.labels.is_empty() {
            return Err(format!("outputs.{name}.labels: an output of labels needs its table"));
        }
    }
    Ok(())
}

fn check_faithfulness(m: &Manifest) -> Result<(), String> {
    let Some(f) = &m.faithfulness else { return Ok(()) };
    if f.cycle.is_none() && f.segmentation.is_none() {
        return Err("faithfulness: needs `cycle` or `segmentation`, the name of a second model".into());
    }
    let segmentation = f.segmentation.iter().flat_map(|s| [s.of_source(), s.of_synthetic()]);
    for name in f.cycle.as_deref().into_iter().chain(segmentation) {
        check_name(name).map_err(|_| format!("faithfulness: `{name}` must be the name of a model's folder"))?;
    }
    if let Some(name) = f.source.as_ref().filter(|name| m.inputs.iter().all(|i| i.name != **name)) {
        return Err(format!("faithfulness.source: there is no input `{name}`"));
    }
    let images: Vec<&str> = m.outputs.iter().filter(|o| o.kind == OutputKind::Image).map(|o| o.name.as_str()).collect();
    match &f.output {
        Some(name) if !images.contains(&name.as_str()) => {
            Err(format!("faithfulness.output: there is no output `{name}` of kind image"))
        }
        None if images.is_empty() => Err("faithfulness: there is no output of kind image to look at".into()),
        _ => Ok(()),
    }
}

fn check_rest(m: &Manifest) -> Result<(), String> {
    let p = &m.postprocess;
    if let Some(a) = &m.anomaly {
        if !(1..=100_000).contains(&a.restoration_steps) {
            return Err("anomaly.restoration_steps: must be from 1 to 100000".into());
        }
        if !(a.restoration_step.is_finite() && a.restoration_step > 0.0) {
            return Err("anomaly.restoration_step: must be above 0".into());
        }
    }
    if !(0.0..=1.0).contains(&p.threshold) {
        return Err("postprocess.threshold: must be from 0 to 1".into());
    }
    if p.median != 0 && (p.median.is_multiple_of(2) || p.median > 15) {
        return Err("postprocess.median: must be 0 or an odd number up to 15".into());
    }
    if !(p.min_volume_ml.is_finite() && p.min_volume_ml >= 0.0) {
        return Err("postprocess.min_volume_ml: must not be negative".into());
    }
    if m.uncertainty.sources.contains(&UncertaintySource::Tta) && m.uncertainty.tta.is_empty() {
        return Err("uncertainty.tta: the source `tta` needs its list of flips".into());
    }
    for (n, a) in m.uncertainty.tta.iter().enumerate() {
        let key = format!("uncertainty.tta[{n}]");
        if a.flip.is_empty() && a.rotate.is_none() && a.intensity.is_none() {
            return Err(format!("{key}: needs one of flip, rotate, intensity"));
        }
        if a.rotate.is_some_and(|r| !(r.degrees.is_finite() && r.degrees.abs() <= 45.0)) {
            return Err(format!("{key}.rotate.degrees: must be from -45 to 45"));
        }
        if a.intensity.is_some_and(|i| !(i.scale.is_finite() && i.shift.is_finite())) {
            return Err(format!("{key}.intensity: must be numbers"));
        }
        if (1..a.flip.len()).any(|n| a.flip[..n].contains(&a.flip[n])) {
            return Err(format!("{key}.flip: an axis stands in it twice"));
        }
        if !a.swap.is_empty() && a.flip.is_empty() {
            return Err(format!("{key}.swap: labels change places only under a flip"));
        }
    }
    for check in &m.checks {
        let files = check.files();
        if check.input.is_some() && !check.inputs.is_empty() {
            return Err("checks: needs `input` or `inputs`, not both".into());
        }
        if files.is_empty() != m.inputs.is_empty() {
            return Err(if m.inputs.is_empty() {
                "checks: the model takes no input, so a check gives none".into()
            } else {
                "checks: needs `input` or `inputs`".into()
            });
        }
        for file in files.iter().map(|(_, file)| file).chain([&check.output]) {
            inside(file).map_err(|e| format!("checks: {e}"))?;
        }
        if let Some(name) = check.inputs.keys().find(|name| m.inputs.iter().all(|i| i.name != **name)) {
            let known: Vec<&str> = m.inputs.iter().map(|i| i.name.as_str()).collect();
            let near = nearest(name, &known).map(|n| format!("; the nearest is `{n}`")).unwrap_or_default();
            return Err(format!("checks.inputs: there is no input `{name}`{near}"));
        }
    }
    Ok(())
}
