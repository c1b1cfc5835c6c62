//! The plan as it stands in the file, and what is checked of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::bootstrap::IntervalMethod;
use super::errors::PlanError;
use super::pattern::Pattern;
use super::plan::{AGE, CaseSource, DataRange, Kind, MeasurePlan, Plan, StatisticsPlan, Tested};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPlan {
    title: String,
    #[serde(default)]
    seed: u64,
    #[serde(default)]
    models: Vec<String>,
    #[serde(default)]
    prediction: Vec<RawPrediction>,
    cases: RawCases,
    measures: RawMeasures,
    #[serde(default)]
    subgroups: RawSubgroups,
    #[serde(default)]
    statistics: RawStatistics,
    #[serde(default)]
    report: RawReport,
    output: RawOutput,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPrediction {
    name: String,
    pattern: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCases {
    inputs: Option<BTreeMap<String, String>>,
    reference: Option<String>,
    mask: Option<String>,
    attributes: Option<PathBuf>,
    table: Option<PathBuf>,
    #[serde(default)]
    incomplete: Incomplete,
}

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Incomplete {
    #[default]
    Refuse,
    LeaveOut,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMeasures {
    kind: Kind,
    data_range: Option<toml::Value>,
    tolerance_mm: Option<f64>,
    labels: Option<toml::Value>,
    components: Option<bool>,
    truth: Option<String>,
    positive: Option<String>,
    negative: Option<Vec<String>>,
    threshold: Option<f64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSubgroups {
    #[serde(default)]
    columns: Vec<String>,
    #[serde(default)]
    age_bands: Vec<[f64; 2]>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStatistics {
    alpha: Option<f64>,
    resamples: Option<usize>,
    interval: Option<IntervalMethod>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawReport {
    worst: Option<usize>,
    worst_by: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawOutput {
    dir: PathBuf,
}

/// What is wrong with one field.
#[derive(Debug)]
pub(super) struct Fault {
    field: String,
    expected: String,
    found: String,
}

impl Fault {
    pub fn of(self, plan: &Path) -> PlanError {
        PlanError::Field { plan: plan.to_owned(), field: self.field, expected: self.expected, found: self.found }
    }
}

fn fault<T>(field: &str, expected: impl Into<String>, found: impl Into<String>) -> Result<T, Fault> {
    Err(Fault { field: field.to_owned(), expected: expected.into(), found: found.into() })
}

/// Checks everything that needs no file but the plan.
pub(super) fn checked(raw: RawPlan) -> Result<Plan, Fault> {
    if raw.title.trim().is_empty() {
        return fault("title", "what the report is called", "nothing");
    }
    let tested = tested(&raw)?;
    let leave_out_incomplete = raw.cases.incomplete == Incomplete::LeaveOut;
    let cases = cases(raw.cases)?;
    let measures = measures(raw.measures)?;
    if measures.kind == Kind::Classification && !raw.prediction.is_empty() {
        let expected = "models alone for kind = \"classification\": a file on disk is no class of the whole image";
        return fault("[[prediction]]", expected, format!("`{}`", raw.prediction[0].name));
    }
    if measures.kind == Kind::Classification && measures.truth.is_none() {
        return fault("[measures] truth", "the column that holds each case's class", "nothing");
    }
    if let CaseSource::Patterns { reference: None, .. } = &cases
        && measures.truth.is_none()
    {
        let expected = "a pattern of what is taken for true";
        let or = if matches!(measures.kind, Kind::Image | Kind::Labels) { "" } else { ", or [measures] truth" };
        return fault("[cases] reference", format!("{expected}{or}"), "nothing");
    }
    age_bands(&raw.subgroups.age_bands)?;
    if let Some(empty) = raw.subgroups.columns.iter().find(|c| c.trim().is_empty()) {
        return fault("[subgroups] columns", "names of columns", format!("`{empty}`"));
    }
    if raw.output.dir.as_os_str().is_empty() {
        return fault("[output] dir", "a folder", "nothing");
    }
    Ok(Plan {
        title: raw.title,
        seed: raw.seed,
        tested,
        cases,
        leave_out_incomplete,
        measures,
        subgroups: raw.subgroups.columns,
        age_bands: raw.subgroups.age_bands,
        statistics: statistics(&raw.statistics)?,
        worst: raw.report.worst.unwrap_or(3),
        worst_by: raw.report.worst_by,
        output: raw.output.dir,
        folder: PathBuf::new(),
        text: String::new(),
        sha256: String::new(),
    })
}

fn tested(raw: &RawPlan) -> Result<Vec<Tested>, Fault> {
    let models = raw.models.iter().map(|m| Ok(Tested::Model(m.clone())));
    let predictions = raw.prediction.iter().map(|p| {
        let pattern = pattern("[[prediction]] pattern", &p.pattern)?;
        Ok(Tested::Prediction { name: p.name.clone(), pattern })
    });
    let tested = models.chain(predictions).collect::<Result<Vec<_>, _>>()?;
    if tested.is_empty() {
        return fault("models", "at least one model, or a [[prediction]]", "neither");
    }
    let mut names = BTreeSet::new();
    for one in &tested {
        if one.name().trim().is_empty() {
            return fault("models", "names that are not empty", "an empty one");
        }
        if !names.insert(one.name()) {
            return fault("models", "names of models and predictions that differ", format!("`{}` twice", one.name()));
        }
    }
    Ok(tested)
}

fn pattern(field: &str, text: &str) -> Result<Pattern, Fault> {
    Pattern::parse(text).or_else(|e| fault(field, "a name pattern such as \"data/{case}/t1.nii.gz\"", e.to_string()))
}

fn cases(raw: RawCases) -> Result<CaseSource, Fault> {
    if let Some(table) = raw.table {
        let beside = [
            ("inputs", raw.inputs.is_some()),
            ("reference", raw.reference.is_some()),
            ("mask", raw.mask.is_some()),
            ("attributes", raw.attributes.is_some()),
        ];
        return match beside.iter().find(|(_, is_there)| *is_there) {
            Some((name, _)) => fault("[cases]", "either a table or patterns", format!("`table` and `{name}`")),
            None => Ok(CaseSource::Table(table)),
        };
    }
    let Some(inputs) = raw.inputs.filter(|i| !i.is_empty()) else {
        return fault("[cases] inputs", "patterns by the names of inputs, or `table`", "nothing");
    };
    let one = |field: &'static str| move |text: String| pattern(field, &text);
    Ok(CaseSource::Patterns {
        inputs: inputs
            .into_iter()
            .map(|(name, text)| Ok((name.clone(), pattern(&format!("[cases] inputs.{name}"), &text)?)))
            .collect::<Result<_, Fault>>()?,
        reference: raw.reference.map(one("[cases] reference")).transpose()?,
        mask: raw.mask.map(one("[cases] mask")).transpose()?,
        attributes: raw.attributes,
    })
}

fn measures(raw: RawMeasures) -> Result<MeasurePlan, Fault> {
    let kind = raw.kind;
    let only = |field: &str, is_there: bool, allowed: bool| match is_there && !allowed {
        true => fault(&format!("[measures] {field}"), format!("no such key for kind = \"{}\"", kind.name()), "one"),
        false => Ok(()),
    };
    let scored = matches!(kind, Kind::Classification | Kind::Anomaly);
    only("data_range", raw.data_range.is_some(), kind == Kind::Image)?;
    only("tolerance_mm", raw.tolerance_mm.is_some(), kind == Kind::Labels)?;
    only("labels", raw.labels.is_some(), kind == Kind::Labels)?;
    only("components", raw.components.is_some(), kind == Kind::Labels)?;
    only("truth", raw.truth.is_some(), scored)?;
    only("positive", raw.positive.is_some(), scored)?;
    only("negative", raw.negative.is_some(), scored)?;
    only("threshold", raw.threshold.is_some(), kind == Kind::Anomaly)?;
    if raw.positive.is_some() && raw.truth.is_none() {
        return fault("[measures] positive", "`truth` beside it, the column that holds it", "no `truth`");
    }
    let tolerance_mm = (kind == Kind::Labels).then(|| raw.tolerance_mm.unwrap_or(1.0));
    if let Some(mm) = tolerance_mm.filter(|mm| !(*mm > 0.0 && mm.is_finite())) {
        return fault("[measures] tolerance_mm", "a length above 0", mm.to_string());
    }
    Ok(MeasurePlan {
        kind,
        data_range: if kind == Kind::Image { Some(data_range(raw.data_range)?) } else { None },
        tolerance_mm,
        labels: raw.labels.map_or(Ok(BTreeMap::new()), |l| labels(&l))?,
        components: raw.components.unwrap_or(false),
        truth: raw.truth,
        negative: negative(raw.negative, raw.positive.as_deref())?,
        positive: raw.positive,
        threshold: raw.threshold.filter(|t| t.is_finite()),
    })
}

/// The words for negative: only beside `positive`, at least one, none of them empty or the positive one.
fn negative(given: Option<Vec<String>>, positive: Option<&str>) -> Result<Vec<String>, Fault> {
    let field = "[measures] negative";
    let Some(words) = given else { return Ok(Vec::new()) };
    let Some(positive) = positive else {
        return fault(field, "[measures] positive beside it", "nothing");
    };
    match words.iter().find(|word| word.trim().is_empty() || *word == positive) {
        Some(word) => fault(field, format!("words other than `{positive}` ([measures] positive)"), format!("`{word}`")),
        None if words.is_empty() => fault(field, "at least one word", "an empty list"),
        None => Ok(words),
    }
}

fn data_range(given: Option<toml::Value>) -> Result<DataRange, Fault> {
    let (field, expected) = ("[measures] data_range", "a number or \"reference\"");
    let Some(given) = given else {
        return fault(field, expected, "nothing; PSNR and SSIM depend on it, so that it has to be stated");
    };
    let number = match &given {
        toml::Value::Integer(n) => Some(*n as f64),
        toml::Value::Float(n) => Some(*n),
        _ => None,
    };
    match (&given, number) {
        (toml::Value::String(word), _) if word == "reference" => Ok(DataRange::Reference),
        (_, Some(n)) if n > 0.0 && n.is_finite() => Ok(DataRange::Stated(n)),
        (_, Some(n)) => fault(field, "a number above 0", n.to_string()),
        _ => fault(field, expected, given.to_string()),
    }
}

/// `[1, 2]`, or `{ liver = 1, tumour = 2 }`.
fn labels(given: &toml::Value) -> Result<BTreeMap<u16, String>, Fault> {
    let expected = "labels as [1, 2] or { liver = 1 }, from 1 to 65535 and each once";
    let wrong = |found: String| fault("[measures] labels", expected, found);
    let pairs: Vec<(String, &toml::Value)> = match given {
        toml::Value::Array(list) => list.iter().map(|v| (v.to_string(), v)).collect(),
        toml::Value::Table(table) => table.iter().map(|(name, v)| (name.clone(), v)).collect(),
        other => return wrong(other.to_string()),
    };
    let mut labels = BTreeMap::new();
    for (name, value) in pairs {
        let label = value.as_integer().and_then(|n| u16::try_from(n).ok()).filter(|n| *n > 0);
        let Some(label) = label else { return wrong(value.to_string()) };
        let is_name_taken = labels.values().any(|n| *n == name);
        if is_name_taken || labels.insert(label, name).is_some() {
            return wrong(format!("{label} twice"));
        }
    }
    if labels.is_empty() { wrong("an empty list".into()) } else { Ok(labels) }
}

fn age_bands(bands: &[[f64; 2]]) -> Result<(), Fault> {
    let expected = format!("bands of `{AGE}` that rise and do not overlap, such as [[0, 40], [40, 65]]");
    let wrong = |[from, to]: [f64; 2]| fault("[subgroups] age_bands", expected.as_str(), format!("[{from}, {to}]"));
    if let Some(bad) = bands.iter().find(|[from, to]| !(from < to && from.is_finite() && to.is_finite())) {
        return wrong(*bad);
    }
    bands.windows(2).find(|pair| pair[1][0] < pair[0][1]).map_or(Ok(()), |pair| wrong(pair[1]))
}

fn statistics(raw: &RawStatistics) -> Result<StatisticsPlan, Fault> {
    let usual = StatisticsPlan::default();
    let alpha = raw.alpha.unwrap_or(usual.alpha);
    if !(alpha > 0.0 && alpha < 0.5) {
        return fault("[statistics] alpha", "a number above 0 and below 0.5", alpha.to_string());
    }
    let resamples = raw.resamples.unwrap_or(usual.resamples);
    if !(100..=1_000_000).contains(&resamples) {
        return fault("[statistics] resamples", "100 to 1000000 draws", resamples.to_string());
    }
    Ok(StatisticsPlan { alpha, resamples, interval: raw.interval.unwrap_or(usual.interval) })
}
