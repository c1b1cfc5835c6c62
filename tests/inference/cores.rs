//! Diffusion models, autoencoders and classifiers whose answer is known in closed form; the networks are those of
//! `tests/expected/make_inferers.py`.

use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use veritome::inference::engine::{OutputContent, RunOptions, RunResult, run};
use veritome::inference::manifest::Model;
use veritome::jobs::Control;
use veritome::volume::{Geometry, Provenance, Volume, Voxels};

use super::{repository, with_runtime};

/// A model folder with some of the networks, by role.
fn model(folder: &Path, task: &str, files: &[(&str, &str)], rest: &str) -> Model {
    let mut text = format!(
        "schema = 1\nname = \"known\"\nversion = \"1.0.0\"\ntitle = \"Known\"\ntask = \"{task}\"\n\
         status = \"demonstration\"\nintended_use = \"Tests\"\nlicense = \"MIT\"\n[files]\n"
    );
    for (role, name) in files {
        let bytes = std::fs::read(repository().join(format!("tests/data/inferers/{name}.onnx"))).unwrap();
        std::fs::write(folder.join(format!("{name}.onnx")), &bytes).unwrap();
        let hash: String = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
        text += &format!("{role} = {{ path = \"{name}.onnx\", sha256 = \"{hash}\" }}\n");
    }
    std::fs::write(folder.join("manifest.toml"), text + rest).unwrap();
    Model::open(folder).unwrap()
}

fn image(size: [usize; 3], value: impl Fn(usize) -> f32) -> Arc<Volume> {
    // RAS, so that the model's grid is the image's own.
    let m = glam::DMat4::from_scale(glam::DVec3::new(-1.0, -1.0, 1.0));
    let g = Geometry::new(size, m).unwrap();
    let data: Vec<f32> = (0..g.voxel_count()).map(value).collect();
    Arc::new(Volume::new("known", data.into(), g, Provenance::acquired(vec!["1.2".into()])).unwrap())
}

fn go(model: &Model, inputs: &[Arc<Volume>], options: &RunOptions) -> RunResult {
    with_runtime();
    let inputs: Vec<_> = inputs.iter().map(|v| (String::new(), v.clone())).collect();
    run(model, &inputs, options, &Control::new()).unwrap()
}

fn values(content: &OutputContent) -> &[f32] {
    let OutputContent::Image(v) = content else { panic!("no image") };
    let Voxels::F32(v) = &v.voxels else { panic!("not f32") };
    v
}

fn mean(v: impl Iterator<Item = f32>) -> f64 {
    let (n, sum) = v.fold((0, 0.0), |(n, s), x| (n + 1, s + f64::from(x)));
    sum / f64::from(n)
}

const DIFFUSION: &str = "
[[inputs]]
name = \"c\"
tensor = \"image\"
channel = 1
[diffusion]
scheduler = \"ddim\"
steps = 150
clip_sample = false
condition = \"concat\"
sample_tensor = \"image\"
timestep_tensor = \"t\"
[uncertainty]
sources = [\"samples\"]
[[outputs]]
name = \"made\"
tensor = \"out\"
kind = \"image\"
";

#[test]
fn samples_of_the_perfect_denoiser_have_the_conditions_mean_and_the_datas_spread() {
    let folder = tempfile::tempdir().unwrap();
    let condition = image([12, 10, 3], |i| (i % 7) as f32 * 0.3 - 1.0);
    let given: Vec<f32> = (0..360).map(|i| (i % 7) as f32 * 0.3 - 1.0).collect();
    for (inferer, more) in [
        ("[inferer]\nkind = \"diffusion\"\nlayout = \"NCXY\"\naxis = \"axial\"\nbatch = 4\n", ""),
        ("[inferer]\nkind = \"diffusion\"\nlayout = \"NCXY\"\npatch = [8, 8, 1]\noverlap = 0.5\n", ""),
        ("[inferer]\nkind = \"diffusion\"\nlayout = \"NCXY\"\n", "scheduler = \"ddpm\"\nsteps = 200"),
    ] {
        let manifest = match more {
            "" => DIFFUSION.to_owned(),
            more => DIFFUSION.replace("scheduler = \"ddim\"\nsteps = 150", more),
        };
        let m = model(folder.path(), "synthesis", &[("denoiser", "denoiser")], &(inferer.to_owned() + &manifest));
        let options = RunOptions { samples: Some(24), seed: 5, ..RunOptions::default() };
        let result = go(&m, std::slice::from_ref(&condition), &options);
        assert_eq!((result.repeats, result.seed), (24, Some(5)));
        let made = values(&result.outputs[0].content);
        let bias = mean(made.iter().zip(&given).map(|(a, b)| a - b));
        let estimate = result.outputs[0].estimate.as_ref().unwrap();
        let std = mean(values(&OutputContent::Image(estimate.maps[0].volume.clone())).iter().copied());
        // The mean over 24 samples and 360 voxels: standard error 0.5 / sqrt(8640) = 0.005, more where windows share noise.
        assert!(bias.abs() < 0.02, "{inferer}: bias {bias}");
        assert!((std - 0.5).abs() < 0.03, "{inferer}: std {std}");
        let OutputContent::Image(v) = &result.outputs[0].content else { panic!() };
        assert!(v.provenance.is_synthetic() && !estimate.maps[0].volume.provenance.is_synthetic());
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_one_others() {
    let folder = tempfile::tempdir().unwrap();
    let condition = image([8, 8, 3], |i| i as f32 * 0.01);
    let inferer = "[inferer]\nkind = \"diffusion\"\nlayout = \"NCXY\"\n";
    let ddpm = DIFFUSION.replace("\"ddim\"\nsteps = 150", "\"ddpm\"\nsteps = 20");
    let m = model(folder.path(), "synthesis", &[("denoiser", "denoiser")], &(inferer.to_owned() + &ddpm));
    let made = |seed: u64, batch: usize| {
        let mut m = m.clone();
        m.manifest.inferer.batch = batch;
        let options = RunOptions { samples: Some(2), seed, ..RunOptions::default() };
        values(&go(&m, std::slice::from_ref(&condition), &options).outputs[0].content).to_vec()
    };
    let first = made(1, 1);
    assert_eq!(first, made(1, 1));
    assert_eq!(first, made(1, 3));
    assert_ne!(first, made(2, 1));
}

#[test]
fn a_latent_model_scales_its_latent_and_decodes_it() {
    let folder = tempfile::tempdir().unwrap();
    let files = [("encoder", "double"), ("denoiser", "latent_denoiser"), ("decoder", "halve")];
    let manifest = DIFFUSION.replace("channel = 1\n", "").replace("condition =", "latent_scale = 0.7\ncondition =");
    let m = model(folder.path(), "synthesis", &files, &format!("[inferer]\nkind = \"latent_diffusion\"\n{manifest}"));
    let condition = image([9, 8, 7], |i| (i % 5) as f32 * 0.2);
    let result = go(&m, &[condition], &RunOptions { samples: Some(20), ..RunOptions::default() });
    let made = values(&result.outputs[0].content);
    let bias = mean(made.iter().enumerate().map(|(i, x)| x - (i % 5) as f32 * 0.2));
    let maps = &result.outputs[0].estimate.as_ref().unwrap().maps;
    let std = mean(values(&OutputContent::Image(maps[0].volume.clone())).iter().copied());
    // Latents spread by 0.5 come back divided by the scale and halved.
    assert!(bias.abs() < 0.02 && (std - 0.5 * 0.5 / 0.7).abs() < 0.02, "{bias} {std}");
    assert_eq!(result.graphs.len(), 3);
}

const AUTOENCODER: &str = "
[[inputs]]
name = \"image\"
tensor = \"image\"
[inferer]
kind = \"whole\"
[[outputs]]
name = \"seen\"
tensor = \"out\"
kind = \"reconstruction\"
[[outputs]]
name = \"mu\"
tensor = \"mean\"
kind = \"mean_latent\"
[[outputs]]
name = \"v\"
tensor = \"log_variance\"
kind = \"logvar_latent\"
[anomaly]
score = \"SCORE\"
threshold = 0.4
threshold_from = \"a test\"
";

#[test]
fn anomaly_scores_are_those_of_their_formulas() {
    let folder = tempfile::tempdir().unwrap();
    let spot = |i: usize| if i == 0 { 1.0 } else { 0.0 };
    let input = image([4, 4, 4], spot);
    let files = [("encoder", "pool"), ("decoder", "unpool")];
    // The cube of 8 voxels around the spot becomes 1/8.
    let cube = |i: usize| i % 4 < 2 && i / 4 % 4 < 2 && i < 32;
    // Divergence of N(m, e^-2) from N(0, 1).
    let kl = |m: f64| 0.5 * (m * m + (-2.0_f64).exp() - 1.0 + 2.0);
    for (score, expected) in [
        (
            "residual",
            Box::new(|i: usize| f64::from(spot(i)) - if cube(i) { 0.125 } else { 0.0 }) as Box<dyn Fn(usize) -> f64>,
        ),
        ("squared", Box::new(|i: usize| (f64::from(spot(i)) - if cube(i) { 0.125 } else { 0.0 }).powi(2))),
        ("kl", Box::new(|i: usize| kl(if cube(i) { 0.125 } else { 0.0 }))),
        (
            "combined",
            Box::new(|i: usize| {
                (f64::from(spot(i)) - if cube(i) { 0.125 } else { 0.0 }).abs() * kl(if cube(i) { 0.125 } else { 0.0 })
            }),
        ),
    ] {
        let m = model(folder.path(), "anomaly", &files, &AUTOENCODER.replace("SCORE", score));
        let result = go(&m, std::slice::from_ref(&input), &RunOptions::default());
        let map = result.outputs.iter().find(|o| o.kind == "anomaly").unwrap();
        for (i, x) in values(&map.content).iter().enumerate() {
            assert!((f64::from(*x) - expected(i).abs()).abs() < 1e-5, "{score} at {i}: {x} {}", expected(i));
        }
        let finding = map.finding.as_ref().unwrap();
        let found = (0..64).filter(|i| expected(*i).abs() >= 0.4).count() as f64 / 64.0;
        assert!((finding.fraction - found).abs() < 1e-9, "{score} {finding:?}");
        let seen = result.outputs.iter().find(|o| o.kind == "reconstruction").unwrap();
        let OutputContent::Image(v) = &seen.content else { panic!() };
        assert!(v.provenance.is_synthetic());
    }
}

#[test]
fn a_score_at_the_threshold_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let files = [("encoder", "pool"), ("decoder", "unpool")];
    let manifest = AUTOENCODER.replace("SCORE", "residual").replace("threshold = 0.4", "threshold = 0.125");
    let m = model(folder.path(), "anomaly", &files, &manifest);
    let result = go(&m, &[image([4, 4, 4], |i| if i == 0 { 1.0 } else { 0.0 })], &RunOptions::default());
    let map = result.outputs.iter().find(|o| o.kind == "anomaly").unwrap();
    // One voxel of 1 becomes 1/8 in its cube of 8: there a residual of 7/8, in the seven others exactly 1/8, elsewhere 0.
    let at = values(&map.content).iter().filter(|x| **x == 0.125).count();
    let finding = map.finding.as_ref().unwrap();
    assert_eq!((at, finding.fraction), (7, 8.0 / 64.0), "{finding:?}");
}

#[test]
fn draws_of_a_latent_spread_as_its_variance_says_and_a_search_comes_nearer() {
    let folder = tempfile::tempdir().unwrap();
    let files = [("encoder", "pool"), ("decoder", "unpool")];
    let more = "[uncertainty]\nsources = [\"samples\"]\n";
    let m = model(folder.path(), "anomaly", &files, &(AUTOENCODER.replace("SCORE", "residual") + more));
    let input = image([8, 8, 8], |_| 0.0);
    let result = go(&m, std::slice::from_ref(&input), &RunOptions { samples: Some(40), ..RunOptions::default() });
    let seen = result.outputs.iter().find(|o| o.kind == "reconstruction").unwrap();
    let std =
        mean(values(&OutputContent::Image(seen.estimate.as_ref().unwrap().maps[0].volume.clone())).iter().copied());
    assert!((std - (-1.0_f64).exp()).abs() < 0.03, "{std}");
    // One voxel of the cube is bright: its median, 0, is nearer in absolute distance than its mean.
    let uneven = image([2, 2, 2], |i| if i == 0 { 2.0 } else { 0.0 });
    let plain = model(folder.path(), "anomaly", &files, &AUTOENCODER.replace("SCORE", "residual"));
    let far = go(&plain, std::slice::from_ref(&uneven), &RunOptions::default());
    let search = model(folder.path(), "anomaly", &files, &AUTOENCODER.replace("SCORE", "restoration"));
    let near = go(&search, std::slice::from_ref(&uneven), &RunOptions::default());
    let once = AUTOENCODER
        .replace("SCORE", "restoration")
        .replace("threshold = 0.4", "restoration_steps = 1\nthreshold = 0.4");
    let once = go(&model(folder.path(), "anomaly", &files, &once), &[uneven], &RunOptions::default());
    let total = |r: &RunResult| {
        let map = r.outputs.iter().find(|o| o.kind == "anomaly").unwrap();
        mean(values(&map.content).iter().copied())
    };
    assert!(total(&near) < total(&far) - 0.05, "{} {}", total(&near), total(&far));
    assert!(total(&near) < total(&once), "more steps come nearer: {} {}", total(&near), total(&once));
}

#[test]
fn numbers_for_the_whole_image_become_classes() {
    let folder = tempfile::tempdir().unwrap();
    let rest = "
[[inputs]]
name = \"image\"
tensor = \"image\"
[inferer]
kind = \"whole\"
[[outputs]]
name = \"kind\"
tensor = \"out\"
kind = \"logits\"
activation = \"softmax\"
labels = [{ value = 1, name = \"Bright\" }]
[uncertainty]
sources = [\"tta\"]
tta = [{ intensity = { scale = 2.0 } }]
";
    let m = model(folder.path(), "classification", &[("network", "whole")], rest);
    let input = image([4, 4, 4], |i| if i == 3 { 1.0 } else { 0.0 });
    let result = go(&m, &[input], &RunOptions { tta: Some(true), ..RunOptions::default() });
    let OutputContent::Classes(classes) = &result.outputs[0].content else { panic!("no classes") };
    let p = |m: f64, h: f64| h.exp() / (m.exp() + h.exp());
    let (a, b) = (p(1.0 / 64.0, 1.0), p(2.0 / 64.0, 2.0));
    assert_eq!(classes[1].name, "Bright");
    assert!((classes[1].score - (a + b) / 2.0).abs() < 1e-6, "{classes:?}");
    assert!((classes[1].std.unwrap() - (a - b).abs() / 2.0_f64.sqrt()).abs() < 1e-6);
}
