//! The command line as a contract: what goes to standard output, exit statuses, the pictures that `render` writes.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn veritome(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_veritome")).args(arguments).current_dir(root()).output().unwrap()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn done(output: &Output) -> String {
    assert!(output.status.success(), "exit {:?}: {}", output.status.code(), text(&output.stderr));
    text(&output.stdout)
}

/// Written by hand, so that these tests stand on no reader or writer: `value(x, y, z)` as int16, RAS, spacing in mm.
fn nifti(path: &Path, size: [usize; 3], spacing: [f32; 3], value: impl Fn(usize, usize, usize) -> i16) {
    let mut bytes = vec![0_u8; 352];
    bytes[0..4].copy_from_slice(&348_i32.to_le_bytes());
    let dim = [3, size[0], size[1], size[2], 1, 1, 1, 1];
    for (i, d) in dim.iter().enumerate() {
        bytes[40 + 2 * i..42 + 2 * i].copy_from_slice(&(*d as i16).to_le_bytes());
    }
    bytes[70..72].copy_from_slice(&4_i16.to_le_bytes());
    bytes[72..74].copy_from_slice(&16_i16.to_le_bytes());
    for (i, s) in [1.0, spacing[0], spacing[1], spacing[2]].iter().enumerate() {
        bytes[76 + 4 * i..80 + 4 * i].copy_from_slice(&s.to_le_bytes());
    }
    bytes[108..112].copy_from_slice(&352.0_f32.to_le_bytes());
    bytes[112..116].copy_from_slice(&1.0_f32.to_le_bytes());
    bytes[123] = 2;
    bytes[254..256].copy_from_slice(&1_i16.to_le_bytes());
    for (row, s) in spacing.iter().enumerate() {
        let at = 280 + 16 * row + 4 * row;
        bytes[at..at + 4].copy_from_slice(&s.to_le_bytes());
    }
    bytes[344..348].copy_from_slice(b"n+1\0");
    for z in 0..size[2] {
        for y in 0..size[1] {
            for x in 0..size[0] {
                bytes.extend(value(x, y, z).to_le_bytes());
            }
        }
    }
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn wrong_usage_is_status_two_and_a_failure_is_status_one() {
    assert_eq!(veritome(&["render"]).status.code(), Some(2));
    assert_eq!(veritome(&["nonsense-command-and-path", "--flag"]).status.code(), Some(2));
    let missing = veritome(&["info", "no/such/file.nii"]);
    assert_eq!(missing.status.code(), Some(1));
    let said = text(&missing.stderr);
    assert!(said.contains("no/such/file.nii") && said.contains("no such file"), "{said}");
    assert!(missing.stdout.is_empty());
}

#[test]
fn info_json_prints_one_object_with_the_geometry_in_lps() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.nii");
    nifti(&path, [4, 5, 6], [1.0, 2.0, 3.0], |x, y, z| (x + 10 * y + 100 * z) as i16);
    let out = done(&veritome(&["info", path.to_str().unwrap(), "--json"]));
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    let series = &json["studies"][0]["series"][0];
    assert_eq!(series["dims"], serde_json::json!([4, 5, 6]));
    assert_eq!(series["range"], serde_json::json!([0.0, 543.0]));
    assert_eq!(series["dtype"], "i16");
    // RAS diag(1, 2, 3) is LPS diag(-1, -2, 3).
    assert_eq!(series["affine_lps"][0][0], -1.0);
    assert_eq!(series["affine_lps"][1][1], -2.0);
    assert_eq!(series["affine_lps"][2][2], 3.0);
    assert!(json["skipped"].as_array().unwrap().is_empty());
}

#[test]
fn render_draws_the_slice_that_was_asked_for_with_the_patients_right_on_the_left() {
    let folder = tempfile::tempdir().unwrap();
    let (path, png) = (folder.path().join("a.nii"), folder.path().join("a.png"));
    // RAS: x grows to the patient's right, so low x is the patient's left; low y is the back.
    nifti(&path, [8, 8, 4], [1.0; 3], |x, y, z| {
        if x < 2 {
            1000
        } else if y < 2 {
            500
        } else {
            z as i16
        }
    });
    for device in ["cpu", "gpu"] {
        let output = veritome(&[
            "render",
            path.to_str().unwrap(),
            "-o",
            png.to_str().unwrap(),
            "--view",
            "axial",
            "--slice",
            "2",
            "--window",
            "500,1000",
            "--size",
            "8x8",
            "--device",
            device,
            "--interpolation",
            "nearest",
        ]);
        if device == "gpu" && !output.status.success() && std::env::var_os("VERITOME_REQUIRE_GPU").is_none() {
            println!("skipped on the GPU: {}", text(&output.stderr));
            continue;
        }
        assert!(done(&output).contains("a.png"));
        let image = image::open(&png).unwrap().to_luma8();
        assert_eq!(image.dimensions(), (8, 8));
        assert_eq!(image.get_pixel(7, 0).0[0], 255, "{device}: the patient's left is on the right of the screen");
        assert_eq!(image.get_pixel(0, 0).0[0], 0, "{device}");
        assert!(image.get_pixel(0, 7).0[0].abs_diff(128) <= 1, "{device}: the back is at the bottom");
    }
}

#[test]
fn render_refuses_a_slice_that_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.nii");
    nifti(&path, [8, 8, 4], [1.0; 3], |x, _, _| x as i16);
    let png = folder.path().join("a.png");
    let output =
        veritome(&["render", path.to_str().unwrap(), "-o", png.to_str().unwrap(), "--slice", "5", "--device", "cpu"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("slices 1 to 4"));
    assert!(!png.exists());
}

#[test]
fn convert_gives_back_the_same_voxels_and_prints_the_path() {
    let folder = tempfile::tempdir().unwrap();
    let (path, out) = (folder.path().join("a.nii"), folder.path().join("b.nii.gz"));
    nifti(&path, [5, 4, 3], [0.5, 0.75, 2.0], |x, y, z| (x * 100 + y * 10 + z) as i16 - 50);
    assert_eq!(
        done(&veritome(&["convert", path.to_str().unwrap(), out.to_str().unwrap()])).trim(),
        out.to_str().unwrap()
    );
    let back = folder.path().join("c.nii");
    done(&veritome(&["convert", out.to_str().unwrap(), back.to_str().unwrap()]));
    let (a, b) = (std::fs::read(&path).unwrap(), std::fs::read(&back).unwrap());
    let voxels = 5 * 4 * 3 * 2;
    assert_eq!(a[a.len() - voxels..], b[b.len() - voxels..]);
}

#[test]
fn the_demo_runs_without_a_display_and_writes_its_four_views() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_veritome"))
        .args(["demo", "--headless", "--json", "--out"])
        .arg(folder.path())
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        // No Vulkan driver either: the CPU draws.
        .env("VK_DRIVER_FILES", "/nonexistent")
        .env("VERITOME_DATA", root().join("target/test-data"))
        .current_dir(root())
        .output()
        .unwrap();
    let story: serde_json::Value = serde_json::from_str(&done(&output)).unwrap();
    let volume = story["brain_volume_ml"].as_f64().unwrap();
    assert!((900.0..2200.0).contains(&volume), "a grown-up's brain has {volume} ml");
    let page = std::fs::read_to_string(folder.path().join("index.html")).unwrap();
    let steps = story["steps"].as_array().unwrap();
    // Steps of models that do not ship are left out, and the last step names them.
    assert!(steps.len() >= 8, "{} steps", steps.len());
    let all = veritome::tour::shipped::find("demo").unwrap().steps.len();
    assert!(steps.len() == all || steps.last().unwrap()["title"] == "What is not here");
    let absent =
        steps.iter().flat_map(|s| s["notices"].as_array().unwrap()).find(|n| n.to_string().contains("not installed"));
    assert!(absent.is_none(), "{absent:?}");
    for step in steps {
        assert!(page.contains(&format!(">{}</h2>", step["title"].as_str().unwrap())), "{step}");
    }
    for view in ["axial", "coronal", "sagittal", "volume"] {
        let image = image::open(folder.path().join(format!("{view}.png"))).unwrap().to_rgb8();
        let tinted = image.pixels().filter(|p| p.0[0].abs_diff(p.0[2]) > 20).count();
        assert!(tinted > 5_000, "{view}: the mask colours the picture ({tinted} pixels)");
    }
}

#[test]
fn info_prints_time_points_even_where_they_are_fewer_than_slices() {
    // Three time points of five slices.
    let said = done(&veritome(&["info", "tests/data/dicom/time_temporal_position"]));
    assert!(said.contains("24 x 20 x 5, 3 frames"), "{said}");
}

/// ONNX Runtime is fetched once into the tests' own data folder.
fn with_runtime(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_veritome"))
        .args(arguments)
        .env("VERITOME_DATA", root().join("target/test-data"))
        .current_dir(root())
        .output()
        .unwrap()
}

/// The bundle's network says spleen where the CT is above -57 HU, so the expected labels are known by hand.
#[test]
fn an_imported_bundle_runs_and_its_check_holds_it_to_its_answer() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("spleen");
    let at = model.to_str().unwrap();
    let imported = with_runtime(&["models", "import", "tests/data/import/spleen", "-o", at]);
    assert!(done(&imported).trim().ends_with("manifest.toml"));
    assert!(text(&imported.stderr).contains("licence"), "what was assumed is said");

    let inside = |x, y, z| (3..8).contains(&x) && (2..9).contains(&y) && (1..5).contains(&z);
    std::fs::create_dir(model.join("checks")).unwrap();
    let spacing = [1.5, 1.5, 2.0];
    nifti(&model.join("checks/ct.nii"), [12, 12, 8], spacing, |x, y, z| if inside(x, y, z) { 100 } else { -1000 });
    nifti(&model.join("checks/spleen.nii"), [12, 12, 8], spacing, |x, y, z| i16::from(inside(x, y, z)));
    let path = model.join("manifest.toml");
    let manifest = std::fs::read_to_string(&path).unwrap();
    let check = "\n[[checks]]\ninput = \"checks/ct.nii\"\noutput = \"checks/spleen.nii\"\nmax_abs_difference = 0.5\n";
    std::fs::write(&path, format!("{manifest}{check}")).unwrap();
    let report = done(&with_runtime(&["models", "check", at, "--json"]));
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["passed"], true, "{report}");
    assert_eq!(report["graphs"][0]["opset"], 17);
    assert_eq!(report["references"][0]["dice"][0], serde_json::json!({ "value": 1, "dice": 1.0 }));

    // One voxel more is not its answer.
    let other = |x: usize, y: usize, z: usize| i16::from(inside(x, y, z) || (x, y, z) == (0, 0, 0));
    nifti(&model.join("checks/spleen.nii"), [12, 12, 8], spacing, other);
    let failed = with_runtime(&["models", "check", at]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(
        text(&failed.stdout).contains("Failed") && text(&failed.stdout).contains("Dice"),
        "{}",
        text(&failed.stdout)
    );

    // Unless the manifest says how many may differ: here one of 1,152.
    let allowed = |share: f64| format!("{manifest}{check}max_differing_share = {share}\n");
    std::fs::write(&path, allowed(0.001)).unwrap();
    let said = done(&with_runtime(&["models", "check", at]));
    assert!(said.contains("0.0868 % of the voxels differ (0.1000 % allowed)"), "{said}");
    std::fs::write(&path, allowed(0.0005)).unwrap();
    assert_eq!(with_runtime(&["models", "check", at]).status.code(), Some(1));

    // A tensor that the graph does not have: both names.
    std::fs::write(&path, manifest.replace("tensor = \"pred\"", "tensor = \"prediction\"")).unwrap();
    let failed = with_runtime(&["models", "check", at]);
    assert_eq!(failed.status.code(), Some(1));
    let said = text(&failed.stdout);
    assert!(said.contains("`prediction`") && said.contains("`pred`"), "{said}");
}

#[test]
fn an_export_without_a_graph_is_status_one_and_tells_how_to_make_one() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("tumour");
    let failed = veritome(&["models", "import", "tests/data/import/nnunet_regions", "-o", model.to_str().unwrap()]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(text(&failed.stderr).contains("torch.onnx.export"), "{}", text(&failed.stderr));
    assert!(model.join("manifest.toml.partial").is_file() && !model.join("manifest.toml").exists());
}

/// A cube of label 1, from `at` on along x, 4 voxels wide, in the middle of 12 x 8 x 8 voxels.
fn cube(path: &Path, at: usize, spacing: [f32; 3]) {
    nifti(path, [12, 8, 8], spacing, |x, y, z| {
        i16::from((at..at + 4).contains(&x) && (2..6).contains(&y) && (2..6).contains(&z))
    });
}

fn json_of(arguments: &[&str]) -> serde_json::Value {
    serde_json::from_str(&done(&veritome(arguments))).unwrap()
}

fn close(value: &serde_json::Value, expected: f64) {
    let found = value.as_f64().unwrap_or(f64::NAN);
    assert!((found - expected).abs() <= 1e-6 * expected.abs().max(1.0), "{found} is not {expected}");
}

/// Expected: by hand, an error of 2 everywhere on values from 0 to 1211.
#[test]
fn compare_measures_images_and_states_the_data_range() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (folder.path().join("a.nii"), folder.path().join("b.nii"));
    let value = |x: usize, y: usize, z: usize| (x + 10 * y + 100 * z) as i16;
    nifti(&a, [12, 12, 12], [1.0, 1.0, 2.0], value);
    nifti(&b, [12, 12, 12], [1.0, 1.0, 2.0], |x, y, z| value(x, y, z) + if x % 2 == 0 { 2 } else { -2 });
    let (a, b) = (a.to_str().unwrap(), b.to_str().unwrap());
    let json = json_of(&["compare", a, b, "--json"]);
    assert_eq!(json["n"], 1728);
    close(&json["mae"], 2.0);
    close(&json["rmse"], 2.0);
    close(&json["bias"], 0.0);
    close(&json["data_range"], 1221.0);
    close(&json["psnr_db"], 20.0 * (1221.0_f64 / 2.0).log10());
    assert_eq!(json["data_range_source"], "reference maximum - minimum");
    assert!(json["ssim"].as_f64().unwrap() > 0.99);
    assert_eq!(json["ms_ssim"], serde_json::Value::Null);
    assert!(json["undefined"]["ms_ssim"].as_str().unwrap().contains("too small"));
    let json = json_of(&["compare", a, b, "--data-range", "200", "--json"]);
    close(&json["psnr_db"], 40.0);
    assert_eq!(json["data_range_source"], "given");
    // A mask of one voxel column, an error of +2 in it.
    let mask = folder.path().join("m.nii");
    nifti(&mask, [12, 12, 12], [1.0, 1.0, 2.0], |x, _, _| i16::from(x == 4));
    let json = json_of(&["compare", a, b, "--mask", mask.to_str().unwrap(), "--json"]);
    assert_eq!(json["n"], 144);
    close(&json["bias"], 2.0);
    assert_eq!(veritome(&["compare", a, b, "--data-range", "-1"]).status.code(), Some(2));
    let said = done(&veritome(&["compare", a, b]));
    assert!(said.contains("data range   1221") && said.contains("MAE          2.000000"), "{said}");
}

#[test]
fn compare_refuses_two_units_unless_it_is_asked_for_and_then_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let write = |name: &str, unit: &str| {
        let header = format!(
            "NRRD0004\ntype: short\ndimension: 3\nsizes: 4 4 4\nspace: left-posterior-superior\n\
             space directions: (1,0,0) (0,1,0) (0,0,1)\nspace origin: (0,0,0)\nendian: little\nencoding: raw\n{unit}\n"
        );
        let values = (0..64_i16).flat_map(i16::to_le_bytes);
        std::fs::write(path(name), header.into_bytes().into_iter().chain(values).collect::<Vec<u8>>()).unwrap();
        path(name)
    };
    let ct = write("ct.nrrd", "sample units: \"HU\"\n");
    let pet = write("pet.nrrd", "sample units: \"SUV\"\n");
    let unknown = write("unknown.nrrd", "");
    let refused = veritome(&["compare", &ct, &pet]);
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(
        said.contains("pet.nrrd") && said.contains("in HU, the test image in SUV") && said.contains("--across-units"),
        "{said}"
    );
    let json = json_of(&["compare", &ct, &pet, "--across-units", "--json"]);
    close(&json["mae"], 0.0);
    assert!(json["notes"][0].as_str().unwrap().contains("asked for nevertheless"), "{json}");
    let json = json_of(&["compare", &ct, &unknown, "--json"]);
    assert_eq!(json["notes"][0], "The reference is in HU, the test image without a unit");
}

/// Expected: by hand. A cube of 4 moved by one voxel of 2 mm: 48 of 64 voxels are common.
#[test]
fn compare_measures_labels_and_refuses_another_grid_until_resampling_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (a, b, other) = (path("a.nii"), path("b.nii"), path("c.nii"));
    cube(Path::new(&a), 3, [2.0, 1.0, 1.0]);
    cube(Path::new(&b), 4, [2.0, 1.0, 1.0]);
    cube(Path::new(&other), 4, [2.5, 1.0, 1.0]);
    let json = json_of(&["compare", &a, &b, "--labels", "--json"]);
    let label = &json["labels"][0];
    assert_eq!((json["labels"].as_array().unwrap().len(), label["label"].as_u64()), (1, Some(1)));
    close(&label["dice"], 0.75);
    close(&label["iou"], 0.6);
    close(&label["hd_mm"], 2.0);
    close(&label["reference_ml"], 0.128);
    assert!((0.0..1.0).contains(&label["nsd"].as_f64().unwrap()));
    assert_eq!(json["mae"], serde_json::Value::Null);
    let wide = json_of(&["compare", &a, &b, "--labels", "--tolerance", "2", "--json"]);
    close(&wide["labels"][0]["nsd"], 1.0);
    let refused = veritome(&["compare", &a, &other, "--labels"]);
    assert_eq!(refused.status.code(), Some(1));
    let said = text(&refused.stderr);
    assert!(said.contains("2.500 x 1.000 x 1.000 mm") && said.contains("ask for resampling"), "{said}");
    let json = json_of(&["compare", &a, &other, "--labels", "--resample", "--json"]);
    assert!(json["notes"][0].as_str().unwrap().contains("resampled"), "{json}");
}

/// Expected: `tests/data/reader_study/expected.json`, made by other implementations.
#[test]
fn study_analyze_gives_the_published_results_of_van_dyke() {
    let expected: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(root().join("tests/data/reader_study/expected.json")).unwrap())
            .unwrap();
    for covariance in ["jackknife", "delong"] {
        let json = json_of(&[
            "study",
            "analyze",
            "--ratings",
            "tests/data/reader_study/vandyke.csv",
            "--covariance",
            covariance,
            "--json",
        ]);
        let n = serde_json::json!({"readers": 5, "modalities": 2, "cases_diseased": 45, "cases_normal": 69});
        assert_eq!(json["n"], n);
        let want = &expected[format!("or_{covariance}")];
        for (ours, theirs) in
            [("random_readers_random_cases", "rrrc"), ("fixed_readers", "frrc"), ("fixed_cases", "rrfc")]
        {
            let (ours, theirs) = (&json["mrmc"][ours], &want[theirs]);
            close(&ours["p"], theirs["p"].as_f64().unwrap());
            close(&ours["difference"], -0.043_800_322_061);
        }
        assert_eq!(json["delong"].as_array().unwrap().len(), 5);
    }
    let bad = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(bad.path(), "reader,modality,case,truth,rating\n1,1,1,0,2\n1,1,1,0,3\n").unwrap();
    let refused = veritome(&["study", "analyze", "--ratings", bad.path().to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("line"), "{}", text(&refused.stderr));
}

/// Expected: 170 cases for 80 % with 6 readers, `tests/data/reader_study/expected.json`.
#[test]
fn study_power_asks_for_the_published_number_of_cases() {
    let pilot = "tests/data/reader_study/vandyke.csv";
    let json = json_of(&["study", "power", "--ratings", pilot, "--effect", "0.05", "--readers", "6", "--json"]);
    assert_eq!(json["plans"][0]["cases_needed"], 170);
    assert_eq!(json["plans"][0]["cases"], 114);
    let table = done(&veritome(&["study", "power", "--ratings", pilot, "--effect", "0.05"]));
    assert_eq!(table.lines().count(), 10);
    assert!(table.contains("6 readers and 114 cases"), "{table}");
    assert_eq!(veritome(&["study", "power", "--ratings", pilot, "--effect", "0"]).status.code(), Some(2));
}

/// As `veritome … | head -1` in a shell, at its worst: nobody reads from the first byte on.
#[test]
fn a_reader_that_went_away_is_no_panic() {
    let unread = |arguments: &[&str], close_errors: bool| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_veritome"));
        command.args(arguments).current_dir(root()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        drop(child.stdout.take());
        if close_errors {
            drop(child.stderr.take());
        }
        let output = child.wait_with_output().unwrap();
        assert_eq!(text(&output.stderr), "", "{arguments:?}");
        output.status.code()
    };
    let ratings = "tests/data/reader_study/vandyke.csv";
    let power = ["study", "power", "--ratings", ratings, "--effect", "0.05"];
    for arguments in [&power[..], &["study", "analyze", "--ratings", ratings], &["models"], &["tour", "list"]] {
        assert_eq!(unread(arguments, false), Some(0), "{arguments:?}");
    }
    assert_eq!(unread(&["info", "no/such/file.nii"], true), Some(1), "what failed is still status 1");
}

#[test]
fn study_check_says_the_power_of_a_plan_and_refuses_one_that_has_no_source() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(root().join("tests/data/reader_study/vandyke.csv"), folder.path().join("pilot.csv")).unwrap();
    let mut plan = String::from(
        "title = \"Two arms\"\ndesign = \"roc\"\nseed = 1234567890123\n[sessions]\ncount = 2\nwashout_days = 28\n",
    );
    plan += "[power]\npilot = \"pilot.csv\"\neffect = 0.05\n";
    for reader in 1..=6 {
        plan += &format!("[[reader]]\nid = \"R{reader}\"\n");
    }
    plan += "[[modality]]\nname = \"a\"\nsynthetic = false\n[[modality]]\nname = \"s\"\nsynthetic = true\n";
    for case in 0..8 {
        for arm in ["a", "s"] {
            std::fs::write(folder.path().join(format!("{arm}{case}.nii")), format!("{arm}{case}")).unwrap();
        }
        plan += &format!(
            "[[case]]\nid = \"c{case}\"\ntruth = {}\nimages = {{ a = \"a{case}.nii\", s = \"s{case}.nii\" }}\n",
            case % 2
        );
    }
    let path = folder.path().join("plan.toml");
    std::fs::write(&path, &plan).unwrap();
    let said = done(&veritome(&["study", "check", path.to_str().unwrap()]));
    assert!(said.contains("needs 170 cases with 6 readers"), "{said}");
    let json = json_of(&["study", "check", path.to_str().unwrap(), "--json"]);
    assert_eq!(json["power"]["cases_needed"], 170);
    std::fs::write(&path, plan.replace("pilot = \"pilot.csv\"\n", "")).unwrap();
    let refused = veritome(&["study", "check", path.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("not one source of variances"), "{}", text(&refused.stderr));
}

/// What the plan decides is refused, and negative numbers are read as numbers.
#[test]
fn study_options_that_do_not_apply_are_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let package = folder.path().join("study");
    let out = package.to_str().unwrap();
    done(&veritome(&["study", "example", "-o", out]));
    let key = folder.path().join("study.key");
    let key = key.to_str().unwrap();
    for option in [["--alpha", "0.01"], ["--margin", "0.1"], ["--seed", "3"], ["--reference", "acquired"]] {
        let refused = veritome(&["study", "analyze", out, "--key", key, option[0], option[1]]);
        assert_eq!(refused.status.code(), Some(2), "{option:?}");
        assert!(text(&refused.stderr).contains("for --ratings"), "{}", text(&refused.stderr));
    }
    let table = "tests/data/reader_study/vandyke.csv";
    for (arguments, words) in [
        (vec!["study", "analyze", "--ratings", table, "--margin", "-0.1"], "--margin must lie above 0"),
        (vec!["study", "analyze", "--ratings", table, "--margin", "0.7"], "below 0.5"),
        (vec!["study", "analyze", "--ratings", table, "--drop-incomplete", "readers"], "for packages"),
        (vec!["study", "power", "--ratings", table, "--effect", "-2"], "between -1 and 1"),
    ] {
        let refused = veritome(&arguments);
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}: {}", text(&refused.stderr));
        assert!(text(&refused.stderr).contains(words), "{}", text(&refused.stderr));
    }
    done(&veritome(&["study", "power", "--ratings", table, "--effect", "-0.05", "--readers", "6"]));
    let missing = text(&veritome(&["study", "analyze", "--ratings", "/nowhere.csv"]).stderr);
    assert_eq!(missing.matches("No such file").count(), 1, "{missing}");
    // One reader of the pilot alone.
    let one = folder.path().join("one.csv");
    let rows = std::fs::read_to_string(root().join(table)).unwrap();
    let first = rows.lines().nth(1).unwrap().split(',').next().unwrap().to_owned();
    let kept: Vec<&str> = rows
        .lines()
        .enumerate()
        .filter(|(n, l)| *n == 0 || l.starts_with(&format!("{first},")))
        .map(|(_, l)| l)
        .collect();
    std::fs::write(&one, kept.join("\n")).unwrap();
    let one = one.to_str().unwrap();
    let refused = veritome(&["study", "power", "--ratings", one, "--effect", "0.05"]);
    assert!(text(&refused.stderr).contains("MS_TR"), "{}", text(&refused.stderr));
    done(&veritome(&["study", "power", "--ratings", one, "--effect", "0.05", "--generalise", "cases"]));
    // A look before a session has a log is known to the next analysis.
    for reader in ["R2-s1", "R2-s2"] {
        let log = package.join(format!("logs/{reader}.jsonl"));
        std::fs::rename(&log, folder.path().join(format!("{reader}.jsonl"))).unwrap();
    }
    let looked = veritome(&["study", "analyze", out, "--key", key]);
    assert!(text(&looked.stderr).contains("--unplanned-look WHO"), "{}", text(&looked.stderr));
    done(&veritome(&["study", "analyze", out, "--key", key, "--unplanned-look", "Dr X"]));
    for reader in ["R2-s1", "R2-s2"] {
        let log = package.join(format!("logs/{reader}.jsonl"));
        std::fs::rename(folder.path().join(format!("{reader}.jsonl")), &log).unwrap();
    }
    let said = done(&veritome(&["study", "analyze", out, "--key", key]));
    assert!(said.contains("Dr X looked at the truth on"), "{said}");
    // An altered image with its checksum.
    let image = std::fs::read_dir(package.join("images")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&image).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&image, bytes).unwrap();
    let refused = veritome(&["study", "analyze", out, "--key", key]);
    let words = text(&refused.stderr);
    assert!(words.contains(&*image.file_name().unwrap().to_string_lossy()), "{words}");
    assert!(words.contains("--accept-untrusted"), "{words}");
    let said = done(&veritome(&["study", "analyze", out, "--key", key, "--accept-untrusted"]));
    assert!(said.contains("cannot be trusted"), "{said}");
    assert_eq!(veritome(&["study", "check", out, "--key", key]).status.code(), Some(1));
}

#[test]
fn study_analyze_holds_receipts_against_the_logs() {
    let folder = tempfile::tempdir().unwrap();
    let package = folder.path().join("study");
    let out = package.to_str().unwrap();
    done(&veritome(&["study", "example", "-o", out]));
    let key = folder.path().join("study.key");
    let analyse = |receipts: &[&str]| {
        let mut arguments = vec!["study", "analyze", out, "--key", key.to_str().unwrap()];
        receipts.iter().for_each(|r| arguments.extend(["--receipt", r]));
        veritome(&arguments)
    };
    let json = json_of(&["study", "analyze", out, "--key", key.to_str().unwrap(), "--json"]);
    let hash = json["sessions"]["content"][0]["last_hash"].as_str().unwrap().to_owned();
    let said = done(&analyse(&[&format!("R1={hash}")]));
    assert!(said.contains("R1-s1.jsonl: confirmed") && said.contains("R2-s1.jsonl: no receipt"), "{said}");
    let refused = analyse(&[&format!("R1-s2={hash}")]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("R1-s2.jsonl: DIFFERS"), "{}", text(&refused.stderr));
    let malformed = analyse(&["R1=abc"]);
    assert!(text(&malformed.stderr).contains("64 digits"), "{}", text(&malformed.stderr));
}

#[test]
fn an_error_map_is_never_written_over_an_input_and_says_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (a, b, mask, out) = (at("a.nii"), at("b.nii"), at("mask.nii"), at("error.nii.gz"));
    nifti(Path::new(&a), [6, 5, 4], [1.0; 3], |x, y, _| (x * 10 + y) as i16);
    nifti(Path::new(&b), [6, 5, 4], [1.0; 3], |x, y, z| (x * 10 + y + z) as i16);
    nifti(Path::new(&mask), [6, 5, 4], [1.0; 3], |x, _, _| i16::from(x > 1));
    let before = [&a, &b, &mask].map(|path| std::fs::read(path).unwrap());
    for target in [&a, &b, &mask, &at("../").replace("../", "./a.nii")] {
        let refused = veritome(&["compare", &a, &b, "--mask", &mask, "--error-map", target]);
        assert_eq!(refused.status.code(), Some(1), "{target}");
        assert!(text(&refused.stderr).contains("none of the inputs"), "{}", text(&refused.stderr));
    }
    assert_eq!([&a, &b, &mask].map(|path| std::fs::read(path).unwrap()), before);

    done(&veritome(&["compare", &a, &b, "--error-map", &out]));
    let info = done(&veritome(&["info", &out]));
    assert!(info.contains("derived and no image: difference of b and a"), "{info}");
    // In the header itself, at `descrip`.
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(std::fs::File::open(&out).unwrap()), &mut bytes)
        .unwrap();
    assert!(bytes[148..].starts_with(b"DERIVED difference of b and a\0"), "{:?}", text(&bytes[148..228]));
    let nrrd = at("error.nrrd");
    done(&veritome(&["compare", &a, &b, "--absolute", "--error-map", &nrrd]));
    assert!(done(&veritome(&["info", &nrrd])).contains("absolute difference of b and a"));
    // The record beside an input is not written over either.
    std::fs::write(at("a.provenance.json"), "{}").unwrap();
    let refused = veritome(&["compare", &a, &b, "--error-map", &at("a.nrrd")]);
    assert!(
        !refused.status.success() && text(&refused.stderr).contains("a.provenance.json"),
        "{}",
        text(&refused.stderr)
    );
}

#[test]
fn compare_reaches_uncertainty_components_and_sets_of_images() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (a, b, u) = (at("a.nii"), at("b.nii"), at("u.nii"));
    nifti(Path::new(&a), [6, 5, 4], [1.0; 3], |x, y, _| (x * 10 + y) as i16);
    nifti(Path::new(&b), [6, 5, 4], [1.0; 3], |x, y, z| (x * 10 + y + x * z) as i16);
    nifti(Path::new(&u), [6, 5, 4], [1.0; 3], |x, _, z| (3 * x * z) as i16);
    let json = json_of(&["compare", &a, &b, "--uncertainty", &u, "--json"]);
    // The uncertainty is three times the error.
    assert_eq!(json["uncertainty"]["sparsification_error"].as_f64(), Some(0.0));
    assert!((json["uncertainty"]["error_uncertainty_correlation"].as_f64().unwrap() - 1.0).abs() < 1e-12);
    assert_eq!(json["uncertainty"]["n"].as_u64(), Some(120));

    let (reference, test) = (at("l.nii"), at("m.nii"));
    nifti(Path::new(&reference), [9, 3, 1], [1.0; 3], |x, _, _| i16::from(!(2..=6).contains(&x)));
    nifti(Path::new(&test), [9, 3, 1], [1.0; 3], |x, _, _| i16::from(x < 2 || x == 4));
    let json = json_of(&["compare", &reference, &test, "--labels", "--detail", "--json"]);
    let components = &json["labels"][0]["components"];
    let counts = ["reference", "found", "false_positives"].map(|name| components[name].as_u64().unwrap());
    assert_eq!(counts, [2, 1, 1]);
    assert_eq!(components["sensitivity"].as_f64(), Some(0.5));
    // One pair of intersection over union 1, one missed, one false: 1 / (1 + 1/2 + 1/2).
    assert_eq!(components["panoptic_quality"].as_f64(), Some(0.5));
    assert_eq!(json["labels"][0]["relative_volume_difference"].as_f64(), Some(-0.25));

    for (set, offset) in [("known", 0), ("found", 3)] {
        std::fs::create_dir(at(set)).unwrap();
        for n in 0..7_usize {
            let path = folder.path().join(set).join(format!("{n}.nii"));
            nifti(&path, [8, 8, 8], [1.0; 3], |x, y, z| ((x * (n + 3) + y * (2 * n + offset + 1) + z * z) % 17) as i16);
        }
    }
    let json = json_of(&["compare", &at("known"), &at("found"), "--sets", "--json"]);
    assert!(json["frechet"]["squared"].as_f64().unwrap() > 0.0 && json["kernel"].as_f64().is_some());
    assert!(json["coverage"]["recall"].as_f64().is_some());
    let said = done(&veritome(&["compare", &at("known"), &at("known"), "--sets"]));
    assert!(said.contains("7 reference images, 7 test images") && said.contains("precision    1.0000"), "{said}");
}
