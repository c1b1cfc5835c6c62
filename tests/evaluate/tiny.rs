//! Tiny images on disk, and the work that measures them with Veritome's own metrics.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use veritome::evaluate::measure::{of_images, of_labels};
use veritome::evaluate::{
    CasePicture, CaseWork, DataRange, Evaluation, Failure, Job, Kind, ModelFacts, Outcome, Pairing, Plan,
    ReliabilityCounts, RunOptions, ScalarPair, Scored, Setting, Tested,
};
use veritome::jobs::Control;
use veritome::metrics::{Comparison, DataRange as FullScale, ImagePair, LabelPair};

pub const SIZE: [usize; 3] = [24, 20, 12];

/// Numbers from 0 to 1 that look like noise.
pub fn noise(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64
    }
}

fn voxels(of: impl Fn(f64, f64, f64) -> f64) -> Vec<f32> {
    let [nx, ny, nz] = SIZE;
    let mut out = Vec::with_capacity(nx * ny * nz);
    for z in 0..nz {
        for y in 0..ny {
            for x in 0..nx {
                let centred = |v: usize, n: usize| (v as f64 + 0.5) / n as f64 * 2.0 - 1.0;
                out.push(of(centred(x, nx), centred(y, ny), centred(z, nz)) as f32);
            }
        }
    }
    out
}

pub fn write(path: &Path, values: &[f32]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>()).unwrap();
}

fn read(path: &Path) -> Result<Vec<f32>, Failure> {
    let bytes = std::fs::read(path).map_err(|e| Failure::Failed(format!("{}: {e}", path.display())))?;
    let values: Vec<f32> = bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    let expected = SIZE.iter().product::<usize>();
    if values.len() != expected {
        let found = format!("{}: expected {expected} voxels, found {}", path.display(), values.len());
        return Err(Failure::Failed(found));
    }
    Ok(values)
}

/// Writes `count` cases: `t1`, `t2`, labels, a prediction of the labels, and `cases.csv` with what is known of each.
pub fn write_cases(folder: &Path, count: usize) {
    let mut table = String::from("case,patient,sex,age,scanner\n");
    for n in 0..count {
        let mut random = noise(n as u64 + 1);
        let (radius, lesion) = (0.55 + 0.3 * random(), 0.2 + 0.2 * random());
        let inside = |x: f64, y: f64, z: f64, r: f64| (x * x + y * y + z * z).sqrt() < r;
        let t1 = voxels(|x, y, z| if inside(x, y, z, radius) { 60.0 + 20.0 * x } else { 0.0 });
        let bright = 0.5 + 0.5 * random();
        let t2 = voxels(|x, y, z| {
            let tissue = if inside(x, y, z, radius) { 90.0 - 20.0 * x } else { 0.0 };
            tissue + if inside(x - 0.2, y, z, lesion) { 40.0 * bright } else { 0.0 }
        });
        let labels = voxels(|x, y, z| match (inside(x - 0.2, y, z, lesion), inside(x, y, z, radius)) {
            (true, _) => 2.0,
            (_, true) => 1.0,
            _ => 0.0,
        });
        let shrink = 0.85 + 0.2 * random();
        let found = voxels(|x, y, z| match (inside(x - 0.2, y, z, lesion * shrink), inside(x, y, z, radius * 0.97)) {
            (true, _) => 2.0,
            (_, true) => 1.0,
            _ => 0.0,
        });
        let case = format!("p{n:02}");
        for (name, values) in [("t1", &t1), ("t2", &t2), ("labels", &labels), ("found", &found)] {
            write(&folder.join(format!("data/{case}/{name}.raw")), values);
        }
        let (sex, scanner) = (["F", "M"][n % 2], ["Skyra", "Signa", "Ingenia"][n % 3]);
        let scanner = if n == 4 { "Titan" } else { scanner };
        table.push_str(&format!("{case},person {},{sex},{},{scanner}\n", n - n % 7 / 6, 20 + 5 * n));
    }
    std::fs::write(folder.join("cases.csv"), table).unwrap();
}

pub fn image_plan(more: &str) -> String {
    format!(
        r#"
title = "T1 to T2, tiny <images>"
seed = 5
models = ["steady", "noisy"]

[cases]
inputs = {{ t1 = "data/{{case}}/t1.raw" }}
reference = "data/{{case}}/t2.raw"
attributes = "cases.csv"

[measures]
kind = "image"
data_range = 150

[subgroups]
columns = ["sex", "scanner"]
age_bands = [[0, 40], [40, 65], [65, 120]]

[statistics]
resamples = 500

[output]
dir = "results"
{more}"#
    )
}

pub fn label_plan() -> String {
    r#"
title = "Lesions"
seed = 5

[[prediction]]
name = "threshold"
pattern = "data/{case}/found.raw"

[cases]
inputs = { t2 = "data/{case}/t2.raw" }
reference = "data/{case}/labels.raw"
attributes = "cases.csv"

[measures]
kind = "labels"
tolerance_mm = 1.5
labels = { tissue = 1, lesion = 2, vessel = 3 }

[subgroups]
columns = ["sex"]

[statistics]
resamples = 500

[output]
dir = "label_results"
"#
    .into()
}

/// Two "models" by formula, and predictions from disk.
#[derive(Default)]
pub struct TinyWork {
    /// How many jobs were done.
    pub calls: AtomicUsize,
    /// After so many jobs the person asks to stop.
    pub cancel_after: Option<usize>,
    /// How long each job takes at least.
    pub slowly: Duration,
}

impl CaseWork for TinyWork {
    fn model(&self, tested: &Tested) -> Result<ModelFacts, String> {
        match tested {
            Tested::Model(name) if ["steady", "noisy", "panics"].contains(&name.as_str()) => Ok(ModelFacts {
                title: format!("The {name} formula"),
                version: "1.0".into(),
                hash: format!("hash of {name}"),
                synthetic: true,
                ..ModelFacts::default()
            }),
            Tested::Model(name) => {
                Err(format!("there is no model `{name}`; `veritome models` lists those that are installed"))
            }
            Tested::Prediction { .. } => Ok(ModelFacts::default()),
        }
    }

    fn work(&self, job: &Job<'_>, control: &Control) -> Result<Outcome, Failure> {
        let done = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        std::thread::sleep(self.slowly);
        if self.cancel_after.is_some_and(|n| done > n) {
            control.cancel();
            return Err(Failure::Cancelled);
        }
        assert!(job.tested.name() != "panics", "a deliberate panic");
        match job.plan.measures.kind {
            Kind::Labels => label_outcome(job),
            _ => image_outcome(job),
        }
    }
}

fn image_outcome(job: &Job<'_>) -> Result<Outcome, Failure> {
    let input = read(&job.case.inputs["t1"])?;
    let reference = read(job.case.reference.as_ref().unwrap())?;
    let mut random = noise(job.plan.seed + job.case.name.bytes().map(u64::from).sum::<u64>());
    let noisy = job.tested.name() == "noisy";
    let shift = if noisy { 6.0 * (random() - 0.3) } else { 0.0 };
    let made: Vec<f32> = input
        .iter()
        .map(|v| if *v > 0.0 { 150.0 - v + shift as f32 } else { 0.0 } + if noisy { 12.0 * (random() as f32 - 0.5) } else { random() as f32 })
        .collect();
    let pair = ImagePair::new(&reference, &made, SIZE, None).map_err(|e| Failure::Failed(e.to_string()))?;
    let range = match job.plan.measures.data_range {
        Some(DataRange::Stated(range)) => FullScale::new(range).ok(),
        _ => FullScale::of_reference(&pair).ok(),
    };
    let comparison = Comparison::of_images(&pair, range);
    let error: Vec<f32> = pair.error_map().iter().map(|e| 75.0 + e).collect();
    let picture =
        |title: &str, values: &[f32], synthetic| CasePicture { title: title.into(), png: png(values), synthetic };
    let mean = |values: &[f32]| f64::from(values.iter().sum::<f32>()) / values.len() as f64;
    let warnings =
        if job.case.name == "p03" { vec!["the first of 2 time points was measured".into()] } else { Vec::new() };
    Ok(Outcome {
        measures: of_images(&comparison),
        unit: "a.u.".into(),
        scalars: vec![ScalarPair {
            name: "Mean value".into(),
            unit: "a.u.".into(),
            reference: mean(&reference),
            test: mean(&made),
        }],
        pictures: vec![
            picture("Reference", &reference, false),
            picture("Test", &made, true),
            picture("Error", &error, true),
        ],
        provider: "CPU".into(),
        warnings,
        ..Outcome::default()
    })
}

fn label_outcome(job: &Job<'_>) -> Result<Outcome, Failure> {
    let whole = |values: Vec<f32>| values.into_iter().map(|v| v as u16).collect::<Vec<_>>();
    let reference = whole(read(job.case.reference.as_ref().unwrap())?);
    let test = whole(read(job.prediction.unwrap())?);
    let pair = LabelPair::new(&reference, &test, SIZE, [2.0, 2.0, 3.0]).map_err(|e| Failure::Failed(e.to_string()))?;
    let comparison = Comparison::of_labels(&pair, job.plan.measures.tolerance_mm.unwrap_or(1.0));
    let labels = &job.plan.measures.labels;
    let scalar = |l: &veritome::metrics::LabelComparison| {
        let name = format!("Volume, {}", labels.get(&l.label)?);
        Some(ScalarPair { name, unit: "ml".into(), reference: l.reference_ml, test: l.test_ml })
    };
    // A made-up probability of "has a large lesion", for the curves.
    let large = reference.iter().filter(|l| **l == 2).count() as f64;
    let mut random = noise(job.case.name.bytes().map(u64::from).sum());
    let score = (large / 150.0 + 0.6 * (random() - 0.5)).clamp(0.0, 1.0);
    let counts =
        (0..10).map(|n| ReliabilityCounts { n: 100, sum: 10.0 * f64::from(n) + 5.0, positives: 4 + 9 * n as u64 });
    Ok(Outcome {
        measures: of_labels(&comparison, labels),
        scalars: comparison.labels.iter().filter_map(scalar).collect(),
        scored: vec![Scored { target: "large lesion".into(), score, truth: large > 60.0, probability: true }],
        reliability: counts.collect(),
        files: BTreeMap::from([("labels".into(), job.prediction.unwrap().clone())]),
        ..Outcome::default()
    })
}

/// The middle slice, 0 to 150 as black to white.
fn png(values: &[f32]) -> Vec<u8> {
    let [nx, ny, nz] = SIZE;
    let slice = &values[nz / 2 * nx * ny..(nz / 2 + 1) * nx * ny];
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, nx as u32, ny as u32);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    let grey: Vec<u8> = slice.iter().map(|v| (v / 150.0 * 255.0).clamp(0.0, 255.0) as u8).collect();
    encoder.write_header().unwrap().write_image_data(&grey).unwrap();
    bytes
}

pub fn write_plan(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("plan.toml");
    std::fs::write(&path, text).unwrap();
    path
}

pub fn evaluate(
    plan: &Path,
    work: &TinyWork,
    options: RunOptions,
) -> Result<Evaluation, veritome::evaluate::EvaluateError> {
    let plan = Plan::read(plan)?;
    let pairing = Pairing::of(&plan)?;
    veritome::evaluate::run(plan, pairing, work, options, &Control::new())
}

pub fn setting() -> Setting {
    Setting {
        software: "Veritome 0.1.0".into(),
        machine: vec![("Processor".into(), "Some <processor>".into())],
        started: "2026-11-26T10:00:00Z".into(),
        ended: "2026-11-26T10:05:00Z".into(),
        simulated: Some("Images and models of this report are made up".into()),
    }
}
