//! DICOM as a user meets it. Expected numbers were made by pydicom, SimpleITK, dcm2niix and numpy: see
//! `tests/expected/README.md`.

#![allow(clippy::expect_used, reason = "a test that cannot go on stops")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest, Sha256};
use veritome::display::{Voi, VoiFunction};
use veritome::error::WarningCode;
use veritome::io::{self, IoError, Opened, Series, SeriesKind};
use veritome::jobs::Control;
use veritome::volume::{Volume, VoxelPoint, Voxels, statistics};

#[path = "dicom/archives.rs"]
mod archives;
#[path = "dicom/graphics.rs"]
mod graphics;
#[path = "support/packages.rs"]
mod packages;
#[path = "dicom/padding.rs"]
mod padding;
#[path = "dicom/time.rs"]
mod time;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn expected(name: &str) -> Value {
    let text = std::fs::read_to_string(root().join("tests/expected").join(name)).expect("the expected numbers");
    serde_json::from_str(&text).expect("JSON")
}

fn open(path: &Path) -> Result<Opened, IoError> {
    io::open(path, &Control::new())
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().map(|a| a.iter().filter_map(Value::as_f64).collect()).unwrap_or_default()
}

fn hex(digest: impl AsRef<[u8]>) -> String {
    digest.as_ref().iter().map(|b| format!("{b:02x}")).collect()
}

/// SHA-256 of the stored values as little-endian f64, or of the bytes of colours, over all time points.
fn digest(volumes: &[Volume]) -> String {
    let mut hash = Sha256::new();
    for volume in volumes {
        if let Voxels::Rgb8(pixels) = &volume.voxels {
            hash.update(pixels.as_flattened());
            continue;
        }
        for i in 0..volume.voxels.len() {
            hash.update(volume.voxels.get(i).expect("a voxel").to_le_bytes());
        }
    }
    hex(hash.finalize())
}

/// What is wrong with a series, as sentences.
fn faults(series: &Series, want: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let mut check = |what: &str, got: String, wanted: String| {
        if got != wanted {
            faults.push(format!("{what}: {got} instead of {wanted}"));
        }
    };
    let dims: Vec<usize> = numbers(&want["dims"]).iter().map(|x| *x as usize).collect();
    check("dims", format!("{:?}", series.size.to_vec()), format!("{dims:?}"));
    check("time points", series.time_points.to_string(), want["frames"].to_string());
    check("modality", series.modality.clone(), want["modality"].as_str().unwrap_or("").to_owned());
    let codes: BTreeSet<&str> =
        series.warnings.iter().map(|w| w.code).filter(|c| *c != WarningCode::Other).map(WarningCode::name).collect();
    let wanted_codes: BTreeSet<&str> =
        want["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    check("warnings", format!("{codes:?}"), format!("{wanted_codes:?}"));
    let wanted_rows: Vec<Vec<f64>> =
        want["affine_lps"].as_array().map(|rows| rows.iter().map(numbers).collect()).unwrap_or_default();
    match &series.geometry {
        None => check("geometry", "none".to_owned(), if wanted_rows.is_empty() { "none" } else { "one" }.to_owned()),
        Some(geometry) => {
            let single = series.size[2] == 1;
            for (row, wanted_row) in geometry.affine_rows().iter().zip(&wanted_rows) {
                for (c, (got, wanted)) in row.iter().zip(wanted_row).enumerate() {
                    // The length of the third column of one slice is free.
                    if !(single && c == 2) && (got - wanted).abs() > 1e-4 {
                        check("affine", format!("{:?}", geometry.affine_rows()), format!("{wanted_rows:?}"));
                        break;
                    }
                }
            }
        }
    }
    let volumes: Result<Vec<Volume>, IoError> =
        (0..series.time_points).map(|t| series.load(t, &Control::new())).collect();
    match volumes {
        Ok(volumes) => faults.extend(voxel_faults(&volumes, want)),
        Err(error) => faults.push(error.to_string()),
    }
    faults
}

fn voxel_faults(volumes: &[Volume], want: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let tolerance = want["tolerance"].as_f64().unwrap_or(0.0) * 1.001 + 1e-6;
    let exact = want["tolerance"].is_null() && want["per_slice_rescale"].is_null();
    // Digests are of what the file stores; a Modality LUT leaves only what it makes of that.
    let modality_lut = want["note"] == "real values through the table";
    let key = if volumes[0].voxels.is_colour() { "stored_sha256" } else { "f64_sha256" };
    if exact && !modality_lut && want[key].as_str().is_some_and(|wanted| wanted != digest(volumes)) {
        faults.push("the stored values differ".to_owned());
    }
    for sample in want["real"].as_array().into_iter().flatten() {
        let at: Vec<usize> = (0..4).map(|i| sample[i].as_u64().unwrap_or(0) as usize).collect();
        let Some(volume) = volumes.get(at[0]) else { continue };
        let [nx, ny, _] = volume.size();
        let index = (at[3] * ny + at[2]) * nx + at[1];
        if let Some(rgb) = volume.voxels.colour(index) {
            let wanted = numbers(&sample[4]);
            if rgb.iter().zip(&wanted).any(|(a, b)| (f64::from(*a) - b).abs() > tolerance) {
                faults.push(format!("colour at {at:?}: {rgb:?} instead of {wanted:?}"));
            }
            continue;
        }
        let got = volume.rescale.apply(volume.voxels.get(index).unwrap_or(f64::NAN));
        let wanted = sample[4].as_f64().unwrap_or(f64::NAN);
        if got.is_nan() || (got - wanted).abs() > tolerance + wanted.abs() * 1e-6 {
            faults.push(format!("value at {at:?}: {got} instead of {wanted}"));
        }
    }
    let range = numbers(&want["range"]);
    if let [low, high] = range[..] {
        let all: Vec<[f64; 2]> = volumes.iter().filter_map(statistics::range).collect();
        let got = [
            all.iter().map(|r| r[0]).fold(f64::INFINITY, f64::min),
            all.iter().map(|r| r[1]).fold(f64::NEG_INFINITY, f64::max),
        ];
        let near = |a: f64, b: f64| (a - b).abs() <= tolerance + b.abs() * 1e-6;
        if !near(got[0], low) || !near(got[1], high) {
            faults.push(format!("range {got:?} instead of {range:?}"));
        }
    }
    if let [low, high] = numbers(&want["padding"])[..]
        && volumes[0].padding.map(|p| (p.low, p.high)) != Some((low, high))
    {
        faults.push(format!("padding {:?}", volumes[0].padding));
    }
    if let [slope, intercept] = numbers(&want["rescale"])[..]
        && (volumes[0].rescale.slope, volumes[0].rescale.intercept) != (slope, intercept)
    {
        faults.push(format!("rescale {:?}", volumes[0].rescale));
    }
    if let Some(unit) = want["unit"].as_str()
        && unit.to_lowercase() != volumes[0].unit.symbol().to_lowercase()
    {
        faults.push(format!("unit {:?} instead of {unit}", volumes[0].unit));
    }
    for (window, wanted) in volumes[0].display.windows.iter().zip(want["windows"].as_array().into_iter().flatten()) {
        let function = match wanted["function"].as_str() {
            Some("SIGMOID") => VoiFunction::Sigmoid,
            Some("LINEAR_EXACT") => VoiFunction::LinearExact,
            _ => VoiFunction::Linear,
        };
        if window.window.function != function || window.name != wanted["explanation"].as_str().unwrap_or("") {
            faults.push(format!("window {window:?} instead of {wanted}"));
        }
        faults.extend(display_faults(&Voi::Window(window.window), wanted));
    }
    if !want["windows"].is_null() && volumes[0].display.windows.is_empty() {
        faults.push("no windows".to_owned());
    }
    if !want["voi_lut"].is_null() {
        match volumes[0].display.voi_luts.first() {
            Some(lut) => faults.extend(display_faults(&Voi::Lut(lut.clone()), &want["voi_lut"])),
            None => faults.push("no VOI LUT".to_owned()),
        }
    }
    faults
}

fn display_faults(voi: &Voi, want: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    for pair in want["display"].as_array().into_iter().flatten() {
        let (x, grey) = (pair[0].as_f64().unwrap_or(0.0), pair[1].as_f64().unwrap_or(0.0));
        let got = voi.level(x) * 255.0;
        if (got - grey).abs() > 0.01 {
            faults.push(format!("{x} shows as {got} instead of {grey}"));
        }
    }
    faults
}

/// One case of `dicom_series.json`.
fn case_faults(name: &str, case: &Value) -> Vec<String> {
    let paths: Vec<PathBuf> =
        case["open"].as_array().into_iter().flatten().filter_map(Value::as_str).map(|p| root().join(p)).collect();
    let wanted: Vec<&Value> = case["series"].as_array().into_iter().flatten().collect();
    let (opened, skipped) = match io::open_all(&paths, &Control::new()) {
        Ok(opened) => (opened.studies, opened.skipped),
        Err(IoError::Nothing { skipped, .. }) if wanted.is_empty() => (Vec::new(), skipped),
        Err(_) if wanted.is_empty() => return Vec::new(),
        Err(error) => return vec![error.to_string()],
    };
    let mut faults = Vec::new();
    let all: Vec<&Series> = opened.iter().flat_map(|s| &s.series).collect();
    let mut images: Vec<&Series> = all.iter().filter(|s| s.is_image()).copied().collect();
    if name == "duplicate_positions" {
        // The second image of a position is a series of its own, behind the volume.
        images.retain(|s| s.size[2] > 1);
    }
    if images.len() != wanted.len() {
        faults.push(format!("{} series instead of {}", images.len(), wanted.len()));
    }
    for want in wanted {
        let uid = want["uid"].as_str().unwrap_or("");
        let candidates = images.iter().filter(|s| s.uid == uid);
        let least = candidates.map(|s| self::faults(s, want)).min_by_key(Vec::len);
        faults.extend(least.unwrap_or_else(|| vec![format!("no series {uid}")]));
    }
    for object in case["objects"].as_array().into_iter().flatten() {
        let uid = object["uid"].as_str().unwrap_or("");
        match all.iter().find(|s| s.uid == uid).map(|s| &s.kind) {
            Some(SeriesKind::Object(kind)) if !kind.starts_with("DICOM object") => {}
            other => faults.push(format!("{} is {other:?}", object["file"])),
        }
    }
    if (skipped.len() as u64) < case["skipped_min"].as_u64().unwrap_or(0) {
        faults.push(format!("skipped {skipped:?}"));
    }
    if let Some(missing) = case["missing"].as_str()
        && !skipped.iter().any(|s| s.path.to_string_lossy().replace('\\', "/").ends_with(missing))
    {
        faults.push(format!("{missing} is not named: {skipped:?}"));
    }
    faults
}

#[test]
fn series_open_with_the_geometry_and_the_values_that_other_programs_give_them() {
    let cases = expected("dicom_series.json");
    let mut wrong = Vec::new();
    for (name, case) in cases.as_object().expect("cases") {
        wrong.extend(case_faults(name, case).into_iter().map(|f| format!("{name}: {f}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_of_pydicom_shows_its_values_or_says_what_it_is() {
    let folder = packages::pydicom_files();
    let mut wrong = Vec::new();
    for (name, want) in expected("dicom_decode.json").as_object().expect("files") {
        if want["dicom"] != true {
            continue;
        }
        for fault in decode_faults(&folder.join(name), want) {
            wrong.push(format!("{name}: {fault}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn decode_faults(path: &Path, want: &Value) -> Vec<String> {
    let is_image = want["image"] == true;
    let opened = match open(path) {
        Ok(opened) => opened,
        Err(error) if is_image && want["nobody_can"].is_null() => return vec![error.to_string()],
        Err(_) => return Vec::new(),
    };
    let Some(series) = opened.studies.iter().flat_map(|s| &s.series).find(|s| s.is_image()) else {
        let labels = want["modality"] == "SEG";
        return if is_image && !labels { vec!["no image".to_owned()] } else { Vec::new() };
    };
    let volume = match series.load(0, &Control::new()) {
        Ok(volume) => volume,
        Err(error) if want["nobody_can"].is_null() => return vec![error.to_string()],
        Err(_) => return Vec::new(),
    };
    let mut faults = Vec::new();
    let stored = &want["stored"];
    let colour = volume.voxels.is_colour();
    let source = if colour && !want["rgb"].is_null() { &want["rgb"] } else { stored };
    let tolerance = if colour { &want["rgb_tolerance"] } else { &want["tolerance"] };
    let lossy = want["lossy"] == true;
    let tolerance = tolerance.as_f64().unwrap_or(if lossy { 3.0 } else { 0.0 });
    // Sixteen-bit colours are kept in eight.
    let wide = want["bits"][0].as_f64().unwrap_or(8.0);
    let scale = if colour && want["photometric"] != "PALETTE COLOR" { 2_f64.powf(wide - 8.0) } else { 1.0 };
    let [nx, ny, _] = volume.size();
    for sample in source["samples"].as_array().into_iter().flatten() {
        let at: Vec<usize> = (0..3).map(|i| sample[i].as_u64().unwrap_or(0) as usize).collect();
        let index = (at[0] * ny + at[1]) * nx + at[2];
        let (got, wanted) = match volume.voxels.colour(index) {
            Some(rgb) => {
                (rgb.map(f64::from).to_vec(), numbers(&sample[3]).iter().map(|x| (x / scale).floor()).collect())
            }
            None => (vec![volume.voxels.get(index).unwrap_or(f64::NAN)], vec![sample[3].as_f64().unwrap_or(f64::NAN)]),
        };
        if got.iter().zip(&wanted).any(|(a, b)| (a - b).abs() > tolerance + 1e-9 || a.is_nan()) {
            faults.push(format!("at {at:?}: {got:?} instead of {wanted:?}"));
        }
    }
    if is_image && !colour && !lossy {
        let range = statistics::stored_range(&without_padding(&volume)).expect("a range");
        let wanted = [stored["min"].as_f64().unwrap_or(0.0), stored["max"].as_f64().unwrap_or(0.0)];
        if range != wanted {
            faults.push(format!("range {range:?} instead of {wanted:?}"));
        }
    }
    faults
}

fn without_padding(volume: &Volume) -> Volume {
    let mut volume = volume.clone();
    volume.padding = None;
    volume
}

#[test]
fn bad_files_fail_with_a_sentence_or_show_what_they_have() {
    let mut wrong = Vec::new();
    for (name, case) in expected("bad.json").as_object().expect("files") {
        let dicom = [".dcm", ".zip", "DICOMDIR", "empty"].iter().any(|end| name.ends_with(end));
        if !dicom {
            continue;
        }
        let path = root().join("tests/data/bad").join(name);
        let result = open(&path).and_then(|opened| {
            let series: Vec<Series> = opened.studies.into_iter().flat_map(|s| s.series).collect();
            for one in series.iter().filter(|s| s.is_image()) {
                one.load(0, &Control::new())?;
            }
            Ok(series)
        });
        match (case["outcome"].as_str().unwrap_or(""), result) {
            ("error", Ok(series)) => wrong.push(format!("{name} opened as {:?}", series.first().map(|s| &s.kind))),
            ("shown" | "warning", Err(error)) => wrong.push(format!("{name}: {error}")),
            ("warning", Ok(series)) => {
                let code = case["code"].as_str().unwrap_or("");
                let mut all = series.iter().flat_map(|s| s.warnings.iter().cloned().chain(s.source.late_warnings()));
                if !all.any(|w| w.code.name() == code) {
                    wrong.push(format!("{name} does not warn of {code}"));
                }
            }
            (_, Err(error)) => {
                let text = error.to_string();
                if !text.contains(path.to_string_lossy().as_ref()) || text.len() < path.to_string_lossy().len() + 20 {
                    wrong.push(format!("{name}: {text} says too little"));
                }
            }
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_preview_is_the_middle_slice_in_its_place() {
    let opened = open(&root().join("tests/data/dicom/oblique")).expect("the oblique series");
    let series = &opened.studies[0].series[0];
    let (volume, preview) = (series.load(0, &Control::new()).expect("voxels"), series.preview().expect("a preview"));
    let middle = volume.size()[2] / 2;
    assert_eq!(preview.size(), [24, 20, 1]);
    let at = |k: usize| VoxelPoint::new(3.0, 4.0, k as f64);
    assert_eq!(preview.value_at(at(0)), volume.value_at(at(middle)));
    assert!(preview.geometry.to_patient(at(0)).0.distance(volume.geometry.to_patient(at(middle)).0) < 1e-6);
}

#[test]
fn a_cancelled_load_stops() {
    let opened = open(&root().join("tests/data/dicom/axial")).expect("the axial series");
    let control = Control::new();
    control.cancel();
    assert!(matches!(opened.studies[0].series[0].load(0, &control), Err(IoError::Cancelled(_))));
    assert!(matches!(io::open(&root().join("tests/data/dicom/axial"), &control), Err(IoError::Cancelled(_))));
}

#[test]
fn the_tag_browser_gets_every_attribute_with_its_sequences() {
    let opened = open(&root().join("tests/data/dicom/enhanced_mr")).expect("the enhanced series");
    let rows = opened.studies[0].series[0].source.attributes(0, 0).expect("attributes");
    let named = |name: &str| rows.iter().find(|r| r.name == name).unwrap_or_else(|| panic!("no {name}"));
    assert_eq!(named("Modality").value, "MR");
    assert_eq!(named("PerFrameFunctionalGroupsSequence").vr, "SQ");
    assert_eq!(named("ImagePositionPatient").depth, 4);
    assert!(named("PixelData").value.ends_with("bytes"));
}

/// Opens a case's only image series and loads it.
fn only_volume(path: &Path) -> (Series, Volume) {
    let opened = open(path).unwrap_or_else(|e| panic!("{e}"));
    let series = opened.studies.iter().flat_map(|s| &s.series).find(|s| s.is_image()).expect("an image").clone();
    let volume = series.load(0, &Control::new()).expect("voxels");
    (series, volume)
}

#[test]
fn a_written_series_reads_back_as_it_was() {
    for case in
        ["oblique", "tilt_plus", "bits_8", "bits_16_signed", "bits_32_signed", "padding", "rgb_planar_0", "synthetic"]
    {
        let (_, volume) = only_volume(&root().join("tests/data/dicom").join(case));
        let folder = tempfile::tempdir().expect("a folder");
        let files = io::dicom::write_series(&volume, folder.path()).expect("files");
        assert_eq!(files.len(), volume.size()[2], "{case}");
        let (series, back) = only_volume(folder.path());
        assert_eq!(digest(std::slice::from_ref(&volume)), digest(std::slice::from_ref(&back)), "{case}");
        assert!(back.geometry.distance_mm(&volume.geometry) < 1e-4, "{case}");
        assert_eq!(back.rescale, volume.rescale, "{case}");
        assert_eq!(back.padding, volume.padding, "{case}");
        assert_eq!(back.modality, volume.modality, "{case}");
        assert_eq!(back.provenance.is_synthetic(), volume.provenance.is_synthetic(), "{case}");
        assert_eq!(series.warnings.iter().any(|w| w.code == WarningCode::Synthetic), case == "synthetic");
    }
}

#[test]
fn written_floats_are_right_to_half_a_step() {
    let (_, volume) = only_volume(&root().join("tests/data/dicom/pet_rescale"));
    let folder = tempfile::tempdir().expect("a folder");
    io::dicom::write_series(&volume, folder.path()).expect("files");
    let (_, back) = only_volume(folder.path());
    let [low, high] = statistics::range(&volume).expect("a range");
    let most = (0..volume.voxels.len())
        .map(|i| {
            let real = |v: &Volume| v.rescale.apply(v.voxels.get(i).unwrap_or(f64::NAN));
            (real(&volume) - real(&back)).abs()
        })
        .fold(0.0, f64::max);
    assert!(most <= (high - low) / 65_534.0 * 0.51, "{most}");
}

#[test]
fn convert_writes_a_dicom_folder_with_the_same_voxels_and_keeps_the_mark() {
    for case in ["oblique", "synthetic", "time_temporal_position"] {
        let input = root().join("tests/data/dicom").join(case);
        let folder = tempfile::tempdir().expect("a folder");
        let out = folder.path().join("out");
        let written = io::convert(&input, &out, &io::ConvertOptions::default(), &Control::new());
        let written = written.and_then(io::Converted::all).expect("files");
        assert_eq!(written, std::slice::from_ref(&out));
        let before = open(&input).expect("the input");
        let points = before.studies[0].series[0].time_points;
        for t in 0..points {
            let volume = before.studies[0].series[0].load(t, &Control::new()).expect("voxels");
            let again = open(&out).expect("what was written");
            assert_eq!((again.studies.len(), again.studies[0].series.len()), (1, 1), "{case}");
            let back = again.studies[0].series[0].load(t, &Control::new()).expect("voxels");
            assert_eq!(digest(std::slice::from_ref(&volume)), digest(std::slice::from_ref(&back)), "{case}");
            assert!(back.geometry.distance_mm(&volume.geometry) < 1e-4, "{case}");
            assert_eq!(back.provenance.is_synthetic(), case == "synthetic", "{case}");
        }
    }
}

#[test]
fn a_slice_that_ends_early_is_told_after_converting() {
    let folder = tempfile::tempdir().expect("a folder");
    let input = folder.path().join("in");
    std::fs::create_dir(&input).expect("a folder");
    let case = root().join("tests/data/dicom/codec_rle");
    for (n, file) in std::fs::read_dir(case).expect("the case").enumerate() {
        let path = file.expect("a file").path();
        let mut bytes = std::fs::read(&path).expect("bytes");
        if n == 0 {
            // The last of the pixels, and the delimiter, are gone.
            bytes.truncate(bytes.len() - 200);
        }
        std::fs::write(input.join(path.file_name().expect("a name")), bytes).expect("a copy");
    }
    let opened = open(&input).expect("a series");
    let out = folder.path().join("o.nii");
    io::convert::convert_opened(&opened, &input, &out, &io::ConvertOptions::default(), &Control::new())
        .and_then(io::Converted::all)
        .expect("a volume all the same");
    let late = io::convert::late_warnings(&opened);
    assert!(late.iter().any(|w| w.code == WarningCode::Truncated), "{late:?}");
}

#[test]
fn ten_thousand_unrelated_files_are_passed_over_with_a_sentence() {
    let folder = tempfile::tempdir().expect("a folder");
    for n in 0..10_000_u32 {
        std::fs::write(folder.path().join(format!("note{n}.txt")), format!("note {n}: nothing to see"))
            .expect("a note");
    }
    let error = open(folder.path()).expect_err("nothing to show");
    let IoError::Nothing { files, skipped, .. } = &error else { panic!("{error}") };
    assert_eq!((*files, skipped.len()), (10_000, 10_000));
    let text = error.to_string();
    assert!(text.contains("nothing to show among 10000 files") && text.len() < 600, "{text}");
    // One image among them is found, and the rest is named.
    let case = std::fs::read_dir(root().join("tests/data/dicom/single_slice")).expect("the case");
    let image = case.filter_map(Result::ok).next().expect("a file").path();
    std::fs::copy(image, folder.path().join("needle")).expect("a copy");
    let opened = open(folder.path()).expect("the image");
    assert_eq!((opened.studies.len(), opened.skipped.len()), (1, 10_000));
}

/// Takes all permissions away while it lives.
#[cfg(unix)]
struct Locked(PathBuf, u32);

#[cfg(unix)]
impl Locked {
    fn new(path: &Path) -> Self {
        use std::os::unix::fs::PermissionsExt;
        let before = std::fs::metadata(path).expect("metadata").permissions().mode();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o000)).expect("new permissions");
        Self(path.to_owned(), before)
    }
}

#[cfg(unix)]
impl Drop for Locked {
    fn drop(&mut self) {
        use std::os::unix::fs::PermissionsExt;
        // A folder that stays locked is only left behind.
        let _ = std::fs::set_permissions(&self.0, std::fs::Permissions::from_mode(self.1));
    }
}

#[cfg(unix)]
#[test]
fn what_may_not_be_read_is_named_and_the_rest_is_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let (closed, inside) = (folder.path().join("closed"), folder.path().join("closed/inside"));
    std::fs::create_dir(&closed).expect("a folder");
    std::fs::write(&inside, b"x").expect("a file");
    let case = std::fs::read_dir(root().join("tests/data/dicom/single_slice")).expect("the case");
    let image = case.filter_map(Result::ok).next().expect("a file").path();
    let (open_file, locked_file) = (folder.path().join("open"), folder.path().join("locked"));
    std::fs::copy(&image, &open_file).expect("a copy");
    std::fs::copy(&image, &locked_file).expect("a copy");
    let _locks = [Locked::new(&closed), Locked::new(&locked_file)];
    if std::fs::read(&locked_file).is_ok() {
        println!("skipped: this account (root) may read everything, whatever the permissions say");
        return;
    }
    for path in [&closed, &locked_file] {
        let error = open(path).expect_err("it is locked").to_string();
        assert!(error.contains("check its permissions"), "{error}");
    }
    let opened = open(folder.path()).expect("the other file");
    assert_eq!(opened.studies.len(), 1);
    for path in [&closed, &locked_file] {
        assert!(
            opened.skipped.iter().any(|s| &s.path == path && s.reason.contains("permissions")),
            "{:?}",
            opened.skipped
        );
    }
}

fn zipped(path: &Path, members: &[(&str, &[u8])]) {
    use std::io::Write;
    let mut zip = zip::ZipWriter::new(std::fs::File::create(path).expect("a file"));
    for (name, bytes) in members {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).expect("a member");
        zip.write_all(bytes).expect("its bytes");
    }
    zip.finish().expect("a ZIP");
}

#[test]
fn a_nifti_volume_in_a_zip_opens_and_a_member_that_points_outside_is_refused() {
    let nifti = std::fs::read(root().join("tests/data/nifti/agree.nii")).expect("the sample");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.zip");
    zipped(&path, &[("sub/agree.nii", &nifti), ("../outside.nii", &nifti), ("read me.txt", b"hello")]);
    let opened = open(&path).expect("the volume");
    let series: Vec<&Series> = opened.studies.iter().flat_map(|s| &s.series).collect();
    assert_eq!(series.len(), 1);
    let volume = series[0].load(0, &Control::new()).expect("voxels");
    let (_, plain) = only_volume(&root().join("tests/data/nifti/agree.nii"));
    assert_eq!(digest(std::slice::from_ref(&volume)), digest(std::slice::from_ref(&plain)));
    assert!(volume.geometry.distance_mm(&plain.geometry) < 1e-6);
    let reason =
        |end: &str| opened.skipped.iter().find(|s| s.path.ends_with(end)).map(|s| s.reason.clone()).unwrap_or_default();
    assert!(reason("outside.nii").contains("points outside"), "{:?}", opened.skipped);
    assert!(reason("read me.txt").contains("unpack"), "{:?}", opened.skipped);
    assert!(!folder.path().join("outside.nii").exists());
}
