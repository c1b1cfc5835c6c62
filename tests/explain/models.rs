//! Explanations of models that run slice by slice, step by step or in several networks, and of networks that were
//! trained, held against MONAI and PyTorch (`tests/expected/make_explain.py`) or closed forms.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;
use sha2::{Digest, Sha256};
use veritome::explain::{
    Cover, Evaluation, ExplainError, ExplainOptions, Explanation, Method, Occlusion, Rise, SmoothGrad, Target,
    Traversal, check, prepare, run,
};
use veritome::inference::manifest::Model;
use veritome::inference::runtime;
use veritome::io::formats::open_file;
use veritome::jobs::Control;
use veritome::volume::{Geometry, Provenance, Volume, Voxels};

use super::values;

fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn expected(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(data(name)).unwrap()).unwrap()
}

fn numbers(v: &Value) -> Vec<f32> {
    v.as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect()
}

fn image(name: &str) -> Arc<Volume> {
    let study = open_file(&data(name), &Control::new()).unwrap().unwrap();
    Arc::new(study.series[0].load(0, &Control::new()).unwrap())
}

/// A model folder with graphs by role.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(task: &str, files: &[(&str, &str)], rest: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut text = format!(
            "schema = 1\nname = \"known\"\nversion = \"1.0.0\"\ntitle = \"Known\"\ntask = \"{task}\"\n\
             status = \"demonstration\"\nintended_use = \"Tests\"\nlicense = \"MIT\"\n[files]\n"
        );
        for (role, path) in files {
            let bytes = std::fs::read(data(path)).unwrap();
            std::fs::write(folder.path().join(format!("{role}.onnx")), &bytes).unwrap();
            let hash: String = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
            text += &format!("{role} = {{ path = \"{role}.onnx\", sha256 = \"{hash}\" }}\n");
        }
        std::fs::write(folder.path().join("manifest.toml"), text + rest).unwrap();
        Self(folder)
    }

    fn model(&self) -> Model {
        runtime::ensure(&Control::new()).unwrap();
        Model::open(self.0.path()).unwrap()
    }

    fn explain(&self, image: &Arc<Volume>, options: &ExplainOptions) -> Result<Explanation, ExplainError> {
        run(&self.model(), &[(String::new(), image.clone())], options, &Control::new())
    }
}

fn plain(mask_size: usize, overlap: f64, cover: Cover) -> ExplainOptions {
    let occlusion = Occlusion { mask_size, overlap, cover, coarse: None };
    ExplainOptions { occlusion, evaluation: None, ..ExplainOptions::of(Method::Occlusion) }
}

fn sliced(kind: &str, inferer: &str) -> String {
    format!(
        "[[inputs]]\nname = \"image\"\ntensor = \"image\"\n[preprocess]\norientation = \"RAS\"\n[inferer]\n\
         kind = \"slices\"\nlayout = \"NCXY\"\n{inferer}\n[[outputs]]\nname = \"made\"\ntensor = \"out\"\n{kind}\n"
    )
}

#[test]
fn occlusion_of_slices_is_monais_on_the_slab_that_touches_the_target() {
    let volume = image("inferers/image.nii.gz");
    for case in expected("explain/slices.json").as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let graph = format!("inferers/{}.onnx", case["graph"].as_str().unwrap());
        let manifest = sliced("kind = \"image\"", case["inferer"].as_str().unwrap());
        let folder = Folder::new("synthesis", &[("network", &graph)], &manifest);
        let corners: Vec<String> = numbers(&case["corners"]).iter().map(f32::to_string).collect();
        let cover = if case["cover"] == "gaussian" { Cover::Gaussian } else { Cover::Background };
        let mut options = plain(5, case["overlap"].as_f64().unwrap(), cover);
        options.target = Some(format!("change@{}", corners.join(",")).parse().unwrap());
        let found = folder.explain(&volume, &options).unwrap();
        assert!(found.notes.iter().any(|n| n.contains("slab of slices")), "{:?}", found.notes);
        let monai = numbers(&case["map"]);
        let largest = monai.iter().fold(0.0_f32, |m, x| m.max(x.abs()));
        let axis = case["axis"].as_u64().unwrap() as usize;
        let slices: Vec<usize> = serde_json::from_value(case["slices"].clone()).unwrap();
        for (n, (ours, monai)) in values(&found).iter().zip(&monai).enumerate() {
            let at = [n % 21, n / 21 % 17, n / (21 * 17)][axis];
            // The map goes back onto the image by interpolation, so the slices beside the slab are left out.
            if (slices[0]..slices[1]).contains(&at) {
                assert!((ours + monai).abs() < 1e-4 * largest.max(1.0), "{name} {n}: {ours} {monai}");
            } else if at + 1 < slices[0] || at > slices[1] {
                assert_eq!(*ours, 0.0, "{name} {n}");
            }
        }
        assert!(largest > 0.05);
    }
}

/// A network that gives each voxel eight times: what is covered changes those eight and no others.
#[test]
fn an_image_finer_than_its_input_is_explained_where_its_voxels_lie() {
    let volume = image("inferers/image.nii.gz");
    let rest = "[[inputs]]\nname = \"image\"\ntensor = \"z\"\n[preprocess]\norientation = \"RAS\"\n[inferer]\nkind = \"whole\"\n\
                [[outputs]]\nname = \"fine\"\ntensor = \"out\"\nkind = \"image\"\n";
    let folder = Folder::new("synthesis", &[("network", "inferers/unpool.onnx")], rest);
    let size = volume.size();
    let at = [9, 5, 7];
    let place = volume.geometry.to_patient(veritome::volume::VoxelPoint::new(9.0, 5.0, 7.0)).0;
    let [low, high] = [-0.4, 0.4].map(|d| place + glam::DVec3::splat(d));
    let target: Target =
        format!("change@{},{},{},{},{},{}", low.x, low.y, low.z, high.x, high.y, high.z).parse().unwrap();
    let options = ExplainOptions { target: Some(target), ..plain(1, 0.0, Cover::Background) };
    let found = folder.explain(&volume, &options).unwrap();
    let flat = (at[2] * size[1] + at[1]) * size[0] + at[0];
    // What is covered becomes the background: of an image that is not normalised its lowest value.
    let all: Vec<f32> = (0..volume.voxels.len()).map(|n| volume.voxels.get(n).unwrap() as f32).collect();
    let change = all[flat] - all.iter().copied().fold(f32::INFINITY, f32::min);
    assert!(change > 0.1, "a voxel of the background would prove nothing");
    for (n, map) in values(&found).iter().enumerate() {
        let expected = if n == flat { change } else { 0.0 };
        assert!((map - expected).abs() < 1e-4 * change, "{n}: {map}, expected {expected}");
    }
}

const CLASSES: &str = "kind = \"logits\"\nactivation = \"sigmoid\"\nlabels = [{ value = 1, name = \"Bright\" }]";

#[test]
fn every_method_that_makes_sense_of_slices_runs_on_a_slab_of_them() {
    let volume = image("inferers/image.nii.gz");
    let axial =
        Folder::new("segmentation", &[("network", "inferers/slice.onnx")], &sliced(CLASSES, "axis = \"axial\""));
    let three = sliced(CLASSES, "axis = [\"axial\", \"coronal\", \"sagittal\"]");
    let three = Folder::new("segmentation", &[("network", "inferers/slice.onnx")], &three);
    let usual = |method: Method| ExplainOptions {
        target: Some("class=Bright@2.5,-10,20,4".parse().unwrap()),
        evaluation: Some(Evaluation { steps: 6, blur: 2.0 }),
        tensor: method.needs_tap().then(|| "r0".to_owned()),
        rise: Rise { masks: 120, ..Rise::default() },
        smoothgrad: SmoothGrad { samples: 1, block: 4, ..SmoothGrad::default() },
        occlusion: Occlusion { mask_size: 4, overlap: 0.5, cover: Cover::Background, coarse: None },
        ..ExplainOptions::of(method)
    };
    for folder in [&axial, &three] {
        for method in [Method::Occlusion, Method::Rise, Method::ScoreCam, Method::SmoothGrad, Method::Attention] {
            let found = folder.explain(&volume, &usual(method)).unwrap();
            assert!(found.notes.iter().any(|n| n.contains("slice by slice")), "{method} {:?}", found.notes);
            assert!(found.parameters["calls_a_pass"]["windows"].as_u64().unwrap() > 1);
            assert!(values(&found).iter().any(|x| x.abs() > 1e-4), "{method}");
            if method == Method::Occlusion {
                assert!(found.faithfulness.unwrap().deletion_auc.is_some());
            }
        }
        let e = folder.explain(&volume, &usual(Method::Counterfactual)).unwrap_err().to_string();
        assert!(e.contains("slice by slice") && e.contains("occlusion"), "{e}");
    }
    // Where nobody points, at most 16 slices around the middle of what was found.
    let found = axial.explain(&volume, &ExplainOptions { target: None, ..usual(Method::Occlusion) }).unwrap();
    assert_eq!(found.target.to_string(), "class=Bright");
    // Windows of a slice have no whole activation.
    let windows = sliced(CLASSES, "axis = \"axial\"\npatch = [8, 8, 1]");
    let windows = Folder::new("segmentation", &[("network", "inferers/slice.onnx")], &windows);
    let e = windows.explain(&volume, &usual(Method::ScoreCam)).unwrap_err().to_string();
    assert!(e.contains("windows") && e.contains("rise"), "{e}");
    assert!(windows.explain(&volume, &usual(Method::Occlusion)).is_ok());
    let checked =
        check(&three.model(), &[(String::new(), volume)], &usual(Method::Occlusion), &Control::new()).unwrap();
    assert_eq!((checked.layers, checked.sanity.cascade.len()), (2, 2));
    assert!(checked.sanity.cascade[1].likeness.spearman < 0.9, "{:?}", checked.sanity.cascade);
}

const DIFFUSION: &str = "
[[inputs]]
name = \"c\"
tensor = \"image\"
channel = 1
[preprocess]
orientation = \"RAS\"
[diffusion]
scheduler = \"ddim\"
steps = 50
clip_sample = false
condition = \"concat\"
sample_tensor = \"image\"
timestep_tensor = \"t\"
[[outputs]]
name = \"made\"
tensor = \"out\"
kind = \"image\"
";

/// The network is the best denoiser of data that are normal around the condition, so each voxel of a sample depends on
/// its own voxel of the condition alone, by the same factor everywhere: with fixed noise a covered box changes the mean
/// over the target by `k Σ |c - background| / n`.
#[test]
fn a_diffusion_is_explained_through_samples_of_the_same_noise() {
    let m = glam::DMat4::from_scale(glam::DVec3::new(-1.0, -1.0, 1.0));
    let g = Geometry::new([12, 8, 6], m).unwrap();
    let condition: Vec<f32> = (0..g.voxel_count()).map(|n| 0.2 + (n % 5) as f32 * 0.3).collect();
    let volume = Arc::new(Volume::new("c", condition.clone().into(), g, Provenance::acquired(vec![])).unwrap());
    for (inferer, files) in [
        ("kind = \"diffusion\"\nlayout = \"NCXY\"", vec![("denoiser", "inferers/denoiser.onnx")]),
        ("kind = \"diffusion\"", vec![("denoiser", "inferers/latent_denoiser.onnx")]),
        (
            "kind = \"latent_diffusion\"",
            vec![
                ("encoder", "inferers/double.onnx"),
                ("denoiser", "inferers/latent_denoiser.onnx"),
                ("decoder", "inferers/halve.onnx"),
            ],
        ),
    ] {
        let channel = if files.len() == 1 { "channel = 1\n" } else { "" };
        let manifest = format!("{}[inferer]\n{inferer}\n", DIFFUSION.replace("channel = 1\n", channel));
        let folder = Folder::new("synthesis", &files, &manifest);
        let target: Target = "change@-3.75,0,1.75,-7.25,-7,3.25".parse().unwrap();
        let options = ExplainOptions { target: Some(target), seed: 4, ..plain(2, 0.0, Cover::Background) };
        let ready = prepare(&folder.model(), &[(String::new(), volume.clone())], &options, &Control::new()).unwrap();
        assert_eq!(ready.cost.steps, 5);
        assert!(ready.cost.to_string().contains("5 steps"), "{}", ready.cost);
        let found = ready.explain().unwrap();
        assert!(found.notes.iter().any(|n| n.contains("same noise (seed 4) in 5 steps where the model takes 50")));
        let flat = inferer.contains("NCXY");
        let in_target = |p: [usize; 3]| (4..=7).contains(&p[0]) && (2..=3).contains(&p[2]);
        let map = values(&found);
        let place = |n: usize| [n % 12, n / 12 % 8, n / 96];
        // Of flat models the slab has just the target's two slices; of others boxes begin at even voxels too.
        let mut factors = Vec::new();
        for n in 0..map.len() {
            let p = place(n);
            let same_box = |q: [usize; 3]| (0..3).all(|a| q[a] / 2 == p[a] / 2);
            // What covers a box is the image's background, its lowest value.
            let own = |q: &usize| same_box(place(*q)) && in_target(place(*q));
            let sum: f32 = (0..map.len()).filter(own).map(|q| condition[q] - 0.2).sum();
            if sum > 0.0 {
                factors.push(map[n] / (sum / 64.0));
            } else if !flat || (2..=3).contains(&p[2]) {
                assert!(map[n].abs() < 1e-6, "{inferer} {p:?}: {}", map[n]);
            }
        }
        let mean = factors.iter().sum::<f32>() / factors.len() as f32;
        assert!(factors.iter().all(|k| (k / mean - 1.0).abs() < 1e-3), "{inferer}: {factors:?}");
        assert!((0.5..1.2).contains(&mean), "{inferer}: {mean}");
        // The same noise, the same bytes; RISE finds the target too.
        assert_eq!(map, values(&folder.explain(&volume, &options).unwrap()));
        let rise = Rise { masks: 80, cells: 4, ..Rise::default() };
        let rise = ExplainOptions { rise, ..ExplainOptions { method: Method::Rise, ..options.clone() } };
        let found = folder.explain(&volume, &rise).unwrap();
        let best = (0..map.len()).max_by(|a, b| values(&found)[*a].total_cmp(&values(&found)[*b])).unwrap();
        assert!(flat || in_target(place(best)), "{:?}", place(best));
        for (method, word) in [
            (Method::ScoreCam, "each of its steps"),
            (Method::HiResCam, "each of its steps"),
            (Method::Attention, "each of its steps"),
            (Method::SmoothGrad, "finite differences of a sampler"),
            (Method::Counterfactual, "another image for every noise"),
        ] {
            let e = folder.explain(&volume, &ExplainOptions { method, ..options.clone() }).unwrap_err().to_string();
            assert!(e.contains(word) && e.contains("use occlusion or rise"), "{e}");
        }
    }
}

/// Another seed is other noise: the check of repeatability draws it.
#[test]
fn the_sanity_check_of_a_diffusion_randomises_its_denoiser() {
    let m = glam::DMat4::from_scale(glam::DVec3::new(-1.0, -1.0, 1.0));
    let g = Geometry::new([8, 8, 2], m).unwrap();
    let data: Vec<f32> = (0..g.voxel_count()).map(|n| (n % 8) as f32 * 0.2).collect();
    let volume = Arc::new(Volume::new("c", data.into(), g, Provenance::acquired(vec![])).unwrap());
    let manifest = format!("{DIFFUSION}[inferer]\nkind = \"diffusion\"\nlayout = \"NCXY\"\n");
    let folder = Folder::new("synthesis", &[("denoiser", "inferers/denoiser.onnx")], &manifest);
    let options = ExplainOptions {
        evaluation: Some(Evaluation { steps: 4, blur: 1.0 }),
        steps: Some(3),
        ..plain(2, 0.0, Cover::Background)
    };
    let found = check(&folder.model(), &[(String::new(), volume)], &options, &Control::new()).unwrap();
    assert!(found.layers > 0 && !found.sanity.cascade.is_empty());
    // By rank it would be rounding that decides: many boxes are equal.
    assert!(found.sanity.repeatability.ssim > 0.999, "{:?}", found.sanity.repeatability);
    // The noise is one number a step, so that the map keeps its order: the check must say that it ignores the model.
    assert!(found.draws && found.verdict.contains("hardly depends on the model"), "{}", found.verdict);
}

/// Two members and an autoencoder: no single network is the model.
#[test]
fn ensembles_and_autoencoders_are_explained_as_the_whole_that_they_are() {
    let volume = image("inferers/image.nii.gz");
    let rest = "[[inputs]]\nname = \"image\"\ntensor = \"image\"\n[preprocess]\norientation = \"RAS\"\n\
                pad_multiple = 2\n[inferer]\nkind = \"whole\"\n[[outputs]]\nname = \"made\"\ntensor = \"out\"\n";
    let ensemble = [("network.1", "inferers/volume.onnx"), ("network.2", "inferers/volume.onnx")];
    let image = format!("{rest}kind = \"image\"\n");
    let two = Folder::new("synthesis", &ensemble, &image);
    let one = Folder::new("synthesis", &[("network", "inferers/volume.onnx")], &image);
    let options = plain(8, 0.0, Cover::Background);
    let (a, b) = (two.explain(&volume, &options).unwrap(), one.explain(&volume, &options).unwrap());
    // Twice the same member is that member.
    assert!(values(&a).iter().zip(values(&b)).all(|(a, b)| (a - b).abs() < 1e-5));
    let cam = ExplainOptions { tensor: Some("r0".into()), ..ExplainOptions::of(Method::ScoreCam) };
    let e = two.explain(&volume, &cam).unwrap_err().to_string();
    assert!(e.contains("members of an ensemble"), "{e}");
    let files = [("encoder", "inferers/pool.onnx"), ("decoder", "inferers/unpool.onnx")];
    let anomaly = format!(
        "{rest}kind = \"reconstruction\"\n[[outputs]]\nname = \"mean\"\ntensor = \"mean\"\nkind = \"mean_latent\"\n\
         [anomaly]\nscore = \"residual\"\nthreshold = 0.5\nthreshold_from = \"tests\"\n"
    );
    let autoencoder = Folder::new("anomaly", &files, &anomaly);
    let found = autoencoder.explain(&volume, &options).unwrap();
    assert!(values(&found).iter().any(|x| *x > 1e-3));
    let e = autoencoder.explain(&volume, &cam).unwrap_err().to_string();
    assert!(e.contains("both sides of the latent"), "{e}");
}

const TRAINED: &str = "
[[inputs]]
name = \"image\"
tensor = \"image\"
[preprocess]
orientation = \"RAS\"
[inferer]
kind = \"whole\"
";

/// Expected: PyTorch's autograd on the same trained network.
#[test]
fn hirescam_is_pytorchs_gradient_times_the_activation() {
    let volume = image("explain/small.nii.gz");
    let outputs = "[[outputs]]\nname = \"ball\"\ntensor = \"logits\"\nkind = \"logits\"\nactivation = \"softmax\"\n\
                   labels = [{ value = 1, name = \"Ball\" }]\n[explain]\ncam_tensor = \"tap\"\n";
    let folder = Folder::new("segmentation", &[("network", "explain/segment.onnx")], &format!("{TRAINED}{outputs}"));
    let found = folder.explain(&volume, &ExplainOptions::of(Method::HiResCam)).unwrap();
    let case = &expected("explain/trained.json")["hires_cam"];
    // There the score is the sum over the region, here its mean.
    let voxels = case["voxels"].as_f64().unwrap();
    let torch: Vec<f32> = numbers(&case["map"]).iter().map(|x| (f64::from(*x) / voxels) as f32).collect();
    let largest = torch.iter().fold(0.0_f32, |m, x| m.max(x.abs()));
    assert!(largest * voxels as f32 > 0.1);
    for (n, (ours, torch)) in values(&found).iter().zip(&torch).enumerate() {
        assert!((ours - torch).abs() < 1e-4 * largest, "{n}: {ours} {torch}");
    }
    let score = found.faithfulness.unwrap();
    assert!((score.deletion[0] - case["score"].as_f64().unwrap() / voxels).abs() < 1e-3 * score.deletion[0].abs());
    assert!(score.deletion_auc.unwrap() < 0.3, "{score:?}");
}

/// Expected: PyTorch's own walk along autograd's slope; ours measures the slope by differences of a tenth.
#[test]
fn a_counterfactual_walks_where_pytorchs_gradient_leads() {
    let volume = image("explain/small.nii.gz");
    let outputs = "[[outputs]]\nname = \"size\"\ntensor = \"out\"\nkind = \"logits\"\nactivation = \"softmax\"\n\
                   labels = [{ value = 1, name = \"Large\" }]\n[explain]\n\
                   latent = { encoder = \"encoder\", decoder = \"decoder\", traversal = 3.0 }\n";
    let files =
        [("network", "explain/large.onnx"), ("encoder", "explain/encoder.onnx"), ("decoder", "explain/decoder.onnx")];
    let folder = Folder::new("classification", &files, &format!("{TRAINED}{outputs}"));
    let case = &expected("explain/trained.json")["counterfactual"];
    let (distance, steps) = (case["distance"].as_f64().unwrap(), case["steps"].as_u64().unwrap() as usize);
    let traversal = Some(Traversal { distance, steps, ..Traversal::default() });
    let options = ExplainOptions {
        target: Some("class=Large".parse().unwrap()),
        traversal,
        ..ExplainOptions::of(Method::Counterfactual)
    };
    let found = folder.explain(&volume, &options).unwrap();
    assert_eq!(found.parameters["shown"], case["shown"]);
    let scores = numbers(&case["scores"]);
    assert_eq!(found.sequence.len(), scores.len());
    for (item, torch) in found.sequence.iter().zip(&scores) {
        assert!((item.score - f64::from(*torch)).abs() < 5e-3, "{}: {} {torch}", item.position, item.score);
        assert!(item.volume.provenance.is_synthetic());
    }
    let alike = |ours: &[f32], torch: &[f32]| {
        let largest = torch.iter().fold(0.0_f32, |m, x| m.max(x.abs()));
        ours.iter().zip(torch).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) / largest
    };
    assert!(alike(values(&found), &numbers(&case["map"])) < 0.01);
    let Voxels::F32(last) = &found.sequence.last().unwrap().volume.voxels else { panic!("no floats") };
    assert!(alike(last, &numbers(&case["last"])) < 0.01);
}
