//! NIfTI, NRRD, pictures, writers and conversion, against numbers of nibabel, SimpleITK and pynrrd
//! (`tests/expected/README.md` says which came from where).

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use sha2::{Digest, Sha256};
use veritome::display::Window;
use veritome::error::WarningCode;
use veritome::io::convert::{ConvertOptions, Converted, convert_opened};
use veritome::io::formats::{open_bytes, open_file, open_folder_as_stack};
use veritome::io::labels::{as_labelmap, read_labelmap};
use veritome::io::write::{WriteOptions, write, write_labelmap, write_with};
use veritome::io::{Opened, Series, Study, info};
use veritome::jobs::Control;
use veritome::volume::image::NamedWindow;
use veritome::volume::labelmap::Label;
use veritome::volume::{Derivation, Geometry, Provenance, Rescale, Space, Unit, Volume, Voxels, statistics};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn expected(name: &str) -> serde_json::Map<String, Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expected").join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn open_one(path: &Path) -> Study {
    let study = open_file(path, &Control::new());
    study.unwrap_or_else(|e| panic!("{}: {e}", path.display())).unwrap_or_else(|| panic!("{}: none", path.display()))
}

fn opened(study: Study) -> Opened {
    Opened { studies: vec![study], skipped: Vec::new() }
}

fn load_all(series: &Series) -> Vec<Volume> {
    (0..series.time_points).map(|t| series.load(t, &Control::new()).unwrap()).collect()
}

fn read(path: &Path) -> Vec<Volume> {
    load_all(&open_one(path).series[0])
}

/// SHA-256 of the stored values as little-endian doubles.
fn digest(volumes: &[Volume]) -> String {
    let mut sha = Sha256::new();
    for v in volumes {
        for i in 0..v.voxels.len() {
            match v.voxels.colour(i) {
                Some(rgb) => rgb.iter().for_each(|c| sha.update(f64::from(*c).to_le_bytes())),
                None => sha.update(v.voxels.get(i).unwrap().to_le_bytes()),
            }
        }
    }
    sha.finalize().iter().map(|b| format!("{b:02x}")).collect()
}

fn number(v: &Value) -> f64 {
    match v.as_str() {
        Some("nan") => f64::NAN,
        Some("inf") => f64::INFINITY,
        Some(_) => f64::NEG_INFINITY,
        None => v.as_f64().unwrap(),
    }
}

/// Everything that the expected numbers say of one file.
fn check(name: &str, path: &Path, want: &Value, affine: bool) {
    let study = open_one(path);
    let series = &study.series[0];
    let volumes = load_all(series);
    let dims: Vec<usize> = want["dims"].as_array().unwrap().iter().map(|d| d.as_u64().unwrap() as usize).collect();
    assert_eq!(series.size.to_vec(), dims, "{name}");
    assert_eq!(volumes.len() as u64, want["frames"].as_u64().unwrap(), "{name}");
    // Where the note leaves it open, both are right.
    let open = want["note"].as_str().is_some_and(|n| n.contains("no_geometry"));
    let codes = series.warnings.iter().filter(|w| !(open && w.code == WarningCode::NoGeometry));
    let codes: Vec<&str> = codes.map(|w| w.code.name()).collect();
    let wanted: Vec<&str> = want["warnings"].as_array().unwrap().iter().map(|w| w.as_str().unwrap()).collect();
    if affine {
        assert_eq!(codes, wanted, "{name}");
        let rows = volumes[0].geometry.affine_rows();
        for (r, row) in rows.iter().enumerate() {
            for (c, x) in row.iter().enumerate() {
                let y = want["affine_lps"][r][c].as_f64().unwrap();
                assert!((x - y).abs() < 1e-4, "{name}: affine [{r}][{c}] is {x}, not {y}");
            }
        }
        assert_eq!(series.geometry.as_ref(), Some(&volumes[0].geometry), "{name}");
    }
    if let Some(sha) = want["f64_sha256"].as_str() {
        assert_eq!(digest(&volumes), sha, "{name}");
    }
    for sample in want["real"].as_array().unwrap() {
        let at: Vec<usize> = (0..4).map(|i| sample[i].as_u64().unwrap() as usize).collect();
        let v = &volumes[at[0]];
        let index = (at[3] * v.size()[1] + at[2]) * v.size()[0] + at[1];
        if let Some(rgb) = v.voxels.colour(index) {
            let want: Vec<u64> = sample[4].as_array().unwrap().iter().map(|c| c.as_u64().unwrap()).collect();
            assert_eq!(rgb.map(u64::from).to_vec(), want, "{name}");
        } else {
            let (x, y) = (v.rescale.apply(v.voxels.get(index).unwrap()), number(&sample[4]));
            assert!(
                x == y || (x.is_nan() && y.is_nan()) || (x - y).abs() < 1e-5 * y.abs(),
                "{name} {at:?}: {x}, not {y}"
            );
        }
    }
    if let Some(range) = want["range"].as_array().filter(|_| !volumes[0].voxels.is_colour()) {
        let ranges: Vec<[f64; 2]> = volumes.iter().filter_map(statistics::range).collect();
        let low = ranges.iter().map(|r| r[0]).fold(f64::INFINITY, f64::min);
        let high = ranges.iter().map(|r| r[1]).fold(f64::NEG_INFINITY, f64::max);
        assert!((low - number(&range[0])).abs() < 1e-3 && (high - number(&range[1])).abs() < 1e-3, "{name}");
    }
}

#[test]
fn nifti_files_read_as_nibabel_and_simpleitk_read_them() {
    for (name, want) in expected("nifti.json") {
        let path = data("nifti").join(&name);
        if want["dims"].is_null() {
            let error = open_file(&path, &Control::new()).unwrap_err().to_string();
            assert!(error.contains("complex"), "{error}");
            continue;
        }
        // Neither transform: nibabel's base affine is used, which is checked below.
        check(&name, &path, &want, name != "neither.nii");
    }
    let all = expected("nifti.json");
    check("pair.img", &data("nifti/pair.img"), &all["pair.hdr"], true);
}

#[test]
fn without_sform_and_qform_nibabels_base_affine_is_used_and_told() {
    let study = open_one(&data("nifti/neither.nii"));
    assert_eq!(study.series[0].warnings[0].code, WarningCode::NoGeometry);
    // nibabel: diag(-0.9, 1.1, 2.5), the centre of 7 x 6 x 5 at the origin; RAS.
    let m = study.series[0].geometry.as_ref().unwrap().voxel_to_ras().transpose().to_cols_array_2d();
    let want = [[-0.9, 0.0, 0.0, 2.7], [0.0, 1.1, 0.0, -2.75], [0.0, 0.0, 2.5, -5.0]];
    assert!(m.as_flattened().iter().zip(want.as_flattened()).all(|(a, b)| (a - b).abs() < 1e-6), "{m:?}");
}

#[test]
fn nrrd_files_read_as_simpleitk_and_pynrrd_read_them() {
    for (name, want) in expected("nrrd.json") {
        let path = data("nrrd").join(&name);
        if name == "bzip2.nrrd" {
            let error = open_file(&path, &Control::new()).unwrap_err().to_string();
            assert!(error.contains("bzip2"), "{error}");
            continue;
        }
        check(&name, &path, &want, true);
    }
}

#[test]
fn a_member_of_a_zip_reads_from_memory() {
    for name in ["nifti/compressed.nii.gz", "nrrd/gzip.nrrd", "nifti/big_endian.nii"] {
        let bytes: Arc<[u8]> = std::fs::read(data(name)).unwrap().into();
        let study = open_bytes(name, bytes).unwrap().unwrap();
        assert_eq!(digest(&load_all(&study.series[0])), digest(&read(&data(name))), "{name}");
    }
    let bytes: Arc<[u8]> = std::fs::read(data("nifti/pair.hdr")).unwrap().into();
    assert!(open_bytes("pair.hdr", bytes).unwrap_err().to_string().contains("pair.img"));
}

#[test]
fn the_preview_is_the_middle_slice_where_it_lies() {
    for name in ["nifti/compressed.nii.gz", "nifti/big_endian.nii", "nrrd/time_first.nrrd", "nifti/four_d.nii.gz"] {
        let study = open_one(&data(name));
        let (whole, slice) = (study.series[0].load(0, &Control::new()).unwrap(), study.series[0].preview().unwrap());
        let [nx, ny, nz] = whole.size();
        assert_eq!(slice.size(), [nx, ny, 1]);
        let k = nz / 2;
        for i in 0..nx * ny {
            assert_eq!(slice.voxels.get(i), whole.voxels.get(k * nx * ny + i), "{name}");
        }
        let at = |v: &Volume, k: f64| v.geometry.to_patient(veritome::volume::VoxelPoint::new(0.0, 0.0, k)).0;
        assert!(at(&slice, 0.0).distance(at(&whole, k as f64)) < 1e-9);
    }
}

#[test]
fn time_points_load_in_any_order() {
    let study = open_one(&data("nifti/four_d.nii.gz"));
    let in_order: Vec<String> =
        read(&data("nifti/four_d.nii.gz")).iter().map(|v| digest(std::slice::from_ref(v))).collect();
    for t in [3, 0, 2, 1, 1, 3] {
        let volume = study.series[0].load(t, &Control::new()).unwrap();
        assert_eq!(digest(&[volume]), in_order[t]);
    }
    assert!(study.series[0].load(4, &Control::new()).is_err());
    assert_eq!(study.series[0].source.time_step_s(), Some(2.0));
}

#[test]
fn broken_files_give_a_message_or_a_warning_and_never_a_panic() {
    for (name, want) in expected("bad.json") {
        let path = data("bad").join(&name);
        if name.ends_with(".dcm") || name.ends_with(".zip") || name.contains("dicomdir") || !path.is_file() {
            continue;
        }
        let result = open_file(&path, &Control::new()).and_then(|study| {
            let Some(study) = study else { return Ok(None) };
            let series = &study.series[0];
            for t in 0..series.time_points.min(3) {
                series.load(t, &Control::new())?;
            }
            Ok(Some(series.warnings.iter().map(|w| w.code.name()).collect::<Vec<_>>()))
        });
        match want["outcome"].as_str().unwrap() {
            "error" if name == "empty" => assert!(matches!(result, Ok(None)), "{name}: {result:?}"),
            "error" => {
                let error = result.as_ref().err().unwrap_or_else(|| panic!("{name}: {result:?}")).to_string();
                assert!(error.contains(name.as_str()), "{error}");
            }
            "warning" => {
                let codes = result.unwrap().unwrap();
                assert!(codes.contains(&want["code"].as_str().unwrap()), "{name}: {codes:?}");
            }
            _ => {}
        }
    }
}

fn sample(voxels: Voxels) -> Volume {
    let m = glam::DMat4::from_cols_array_2d(&[
        [0.0, 1.5, 0.0, 0.0],
        [-0.6, 0.0, 0.8, 0.0],
        [1.6, 0.0, 1.2, 0.0],
        [-30.5, 12.25, 100.125, 1.0],
    ]);
    let geometry = Geometry::new([5, 4, 3], m).unwrap();
    Volume::new("sample", voxels, geometry, Provenance::acquired(vec!["1.2.3".into()])).unwrap()
}

fn ramp<T>(f: impl Fn(i64) -> T) -> Vec<T> {
    (0..60).map(f).collect()
}

fn kinds() -> Vec<Voxels> {
    vec![
        Voxels::from(ramp(|i| i as u8 * 4)),
        Voxels::from(ramp(|i| (i * 1000 - 32000) as i16)),
        Voxels::from(ramp(|i| (i * 1100) as u16)),
        Voxels::from(ramp(|i| (i * 70_000_000 - 2_000_000_000) as i32)),
        Voxels::from(ramp(|i| i as f32 / 7.0 - 3.0)),
        Voxels::from(ramp(|i| i as f64 / 7.0 - 3.0)),
        Voxels::from(ramp(|i| [i as u8, 255 - i as u8, i as u8 * 3])),
    ]
}

#[test]
fn what_is_written_reads_back_the_same() {
    let folder = tempfile::tempdir().unwrap();
    for voxels in kinds() {
        for extension in ["nii", "nii.gz", "nrrd"] {
            let volume = sample(voxels.clone());
            let path = folder.path().join(format!("a.{extension}"));
            write(&[volume.clone(), volume.clone()], &path).unwrap();
            let back = read(&path);
            assert_eq!(back.len(), 2);
            assert_eq!(back[1].voxels.voxel_type(), voxels.voxel_type(), "{extension}");
            assert_eq!(back[1].voxels.as_bytes(), voxels.as_bytes(), "{extension}");
            assert!(back[0].geometry.distance_mm(&volume.geometry) < 1e-4);
            let codes: Vec<_> = open_one(&path).series[0].warnings.iter().map(|w| w.code).collect();
            assert_eq!(codes, [WarningCode::TimePoints]);
        }
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3, "nothing is left beside");
}

#[test]
fn integers_stay_integers_where_the_rescale_is_whole_and_a_slope_goes_into_the_header() {
    let folder = tempfile::tempdir().unwrap();
    let mut ct = sample(Voxels::from(ramp(|i| (i * 60) as u16)));
    ct.rescale = Rescale { slope: 1.0, intercept: -1024.0 };
    for name in ["ct.nii.gz", "ct.nrrd"] {
        write(std::slice::from_ref(&ct), &folder.path().join(name)).unwrap();
        let back = &read(&folder.path().join(name))[0];
        assert!(matches!(&back.voxels, Voxels::I16(v) if v[0] == -1024 && v[59] == 59 * 60 - 1024));
        assert_eq!(back.rescale, Rescale::IDENTITY);
    }
    let mut pet = sample(Voxels::from(ramp(|i| (i * 500) as i16)));
    pet.rescale = Rescale { slope: 0.0125, intercept: 0.5 };
    write(std::slice::from_ref(&pet), &folder.path().join("pet.nii")).unwrap();
    let back = &read(&folder.path().join("pet.nii"))[0];
    assert_eq!(back.voxels.as_bytes(), pet.voxels.as_bytes());
    assert!((back.rescale.slope - 0.0125).abs() < 1e-9 && back.rescale.intercept == 0.5);
    write(std::slice::from_ref(&pet), &folder.path().join("pet.nrrd")).unwrap();
    let back = &read(&folder.path().join("pet.nrrd"))[0];
    assert!(matches!(&back.voxels, Voxels::F32(v) if (v[59] - 369.25).abs() < 1e-4));
    // Time points with rescales of their own become real values.
    let mut other = pet.clone();
    other.rescale.slope = 0.5;
    write(&[pet, other], &folder.path().join("two.nii")).unwrap();
    let back = read(&folder.path().join("two.nii"));
    assert!(matches!(&back[1].voxels, Voxels::F32(v) if (v[59] - 14750.5).abs() < 1e-2));
}

#[test]
fn a_tilted_stack_keeps_its_voxels_in_the_sform_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut tilted = sample(kinds().remove(1));
    let mut m = tilted.geometry.voxel_to_patient();
    m.z_axis.x += 0.5;
    tilted.geometry = Geometry::new(tilted.size(), m).unwrap();
    let path = folder.path().join("tilted.nii");
    write(&[tilted.clone()], &path).unwrap();
    let back = &read(&path)[0];
    assert!(back.geometry.distance_mm(&tilted.geometry) < 1e-4);
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!((bytes[252], bytes[254]), (0, 1), "qform and sform code");
}

#[test]
fn the_mark_of_synthetic_content_travels_inside_every_file() {
    let folder = tempfile::tempdir().unwrap();
    let made = Derivation {
        description: "CT out of MR by ct-from-mr 2.0".into(),
        model: Some("ct-from-mr".into()),
        generates_pixels: true,
        ..Derivation::default()
    };
    let mut volume = sample(kinds().remove(0));
    volume.provenance = Provenance::derived(&[&volume.provenance], made);
    let mut slice = volume.clone();
    slice.geometry = Geometry::unplaced([5, 12, 1]).unwrap();
    for (name, volume) in [("a.nii", &volume), ("a.nii.gz", &volume), ("a.nrrd", &volume), ("a.png", &slice)] {
        let path = folder.path().join(name);
        write(std::slice::from_ref(volume), &path).unwrap();
        let study = open_one(&path);
        let warnings = &study.series[0].warnings;
        assert!(
            warnings.iter().any(|w| w.code == WarningCode::Synthetic && w.message.contains("ct-from-mr")),
            "{name}"
        );
        let back = study.series[0].load(0, &Control::new()).unwrap();
        assert!(back.provenance.is_synthetic() && back.provenance.sources().contains(&"1.2.3".to_owned()), "{name}");
    }
    let mut bytes = std::fs::read(folder.path().join("a.nii")).unwrap();
    assert!(bytes[148..].starts_with(b"SYNTHETIC ct-from-mr"));
    // The extension alone is enough.
    bytes[148..228].fill(0);
    std::fs::write(folder.path().join("b.nii"), &bytes).unwrap();
    assert!(read(&folder.path().join("b.nii"))[0].provenance.is_synthetic());
}

#[test]
fn labels_keep_their_names_in_nrrd_and_their_numbers_in_nifti() {
    let folder = tempfile::tempdir().unwrap();
    let volume = sample(Voxels::from(ramp(|i| (i % 4) as i16)));
    let mut labels = as_labelmap(&volume).unwrap();
    assert_eq!(labels.labels.iter().map(|l| l.value).collect::<Vec<_>>(), [1, 2, 3]);
    let code = Some(("SCT".to_owned(), "10200004".to_owned()));
    labels.labels[1] = Label { code, ..Label::new(2, "Liver: left lobe", [221, 130, 101]) };
    for name in ["l.seg.nrrd", "l.nii.gz"] {
        let path = folder.path().join(name);
        write_labelmap(&labels, &path).unwrap();
        let back = read_labelmap(&path, &Control::new()).unwrap();
        assert_eq!(back.voxels, labels.voxels);
        if name.ends_with("nrrd") {
            assert_eq!(back.labels, labels.labels);
        }
    }
    assert!(as_labelmap(&sample(kinds().remove(4))).is_err());
    assert!(as_labelmap(&sample(kinds().remove(6))).is_err());
}

#[test]
fn pictures_of_one_size_are_a_stack_without_invented_geometry() {
    let folder = tempfile::tempdir().unwrap();
    let mut paths = Vec::new();
    for n in [10, 9, 1] {
        let path = folder.path().join(format!("slice{n}.png"));
        image::GrayImage::from_fn(4, 3, |x, y| image::Luma([(n * 10 + x + y) as u8])).save(&path).unwrap();
        paths.push(path);
    }
    let odd = folder.path().join("other.png");
    image::RgbImage::from_pixel(2, 2, image::Rgb([1, 2, 3])).save(&odd).unwrap();
    paths.push(odd);
    std::fs::write(folder.path().join("notes.txt"), "no picture").unwrap();
    paths.push(folder.path().join("notes.txt"));
    let study = open_folder_as_stack(&paths, &Control::new()).unwrap().unwrap();
    assert_eq!(study.series.len(), 2);
    let series = study.series.iter().find(|s| s.size == [4, 3, 3]).unwrap();
    assert!(series.geometry.is_none() && matches!(series.space, Space::Stack { .. }) && series.files == 3);
    assert!(series.warnings.iter().any(|w| w.code == WarningCode::NoGeometry));
    let volume = series.load(0, &Control::new()).unwrap();
    assert_eq!([0, 12, 24].map(|i| volume.voxels.get(i).unwrap()), [10.0, 90.0, 100.0], "1, 9, 10");
    assert_eq!(series.preview().unwrap().voxels.get(0), Some(90.0));
}

#[test]
fn picture_formats_keep_their_depth() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let deep = image::ImageBuffer::<image::Luma<u16>, _>::from_fn(6, 5, |x, y| image::Luma([(x * 9000 + y) as u16]));
    deep.save(path("deep.png")).unwrap();
    deep.save(path("deep.tif")).unwrap();
    for name in ["deep.png", "deep.tif"] {
        assert!(matches!(&read(&path(name))[0].voxels, Voxels::U16(v) if **v == deep.as_raw().clone()), "{name}");
    }
    let colour = image::RgbaImage::from_fn(6, 5, |x, y| image::Rgba([x as u8, y as u8, 200, 128]));
    colour.save(path("c.png")).unwrap();
    image::DynamicImage::from(colour).to_rgb8().save(path("c.bmp")).unwrap();
    for name in ["c.png", "c.bmp"] {
        assert_eq!(read(&path(name))[0].voxels.colour(7), Some([1, 1, 200]), "{name}");
    }
    image::RgbImage::from_pixel(16, 16, image::Rgb([200, 100, 50])).save(path("c.jpg")).unwrap();
    let study = open_one(&path("c.jpg"));
    assert!(study.series[0].warnings.iter().any(|w| w.code == WarningCode::Lossy));
    // Three pages of floats.
    let file = std::fs::File::create(path("pages.tiff")).unwrap();
    let mut tiff = tiff::encoder::TiffEncoder::new(file).unwrap();
    for page in 0..3 {
        let floats: Vec<f32> = (0..12).map(|i| page as f32 + i as f32 / 100.0).collect();
        tiff.write_image::<tiff::encoder::colortype::Gray32Float>(4, 3, &floats).unwrap();
    }
    drop(tiff);
    let pages = &read(&path("pages.tiff"))[0];
    assert_eq!(pages.size(), [4, 3, 3]);
    assert!(matches!(&pages.voxels, Voxels::F32(v) if v[12] == 1.0 && v[35] == 2.11));
}

#[test]
fn convert_names_several_volumes_and_keeps_the_time_step() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let volume = sample(kinds().remove(1));
    write_with(&[volume.clone(), volume], &path("in.nii"), &WriteOptions { time_step_s: Some(2.5) }).unwrap();
    let control = Control::new();
    let (mut four, plain) = (open_one(&path("in.nii")), open_one(&data("nifti/agree.nii")));
    let one = opened(four.clone());
    let run = |o: &Opened, out: &str| {
        convert_opened(o, Path::new("in"), &path(out), &ConvertOptions::default(), &control).and_then(Converted::all)
    };
    assert_eq!(run(&one, "out.nrrd").unwrap(), [path("out.nrrd")]);
    assert_eq!(open_one(&path("out.nrrd")).series[0].source.time_step_s(), Some(2.5));
    four.series.extend(plain.series);
    four.series[1].description = "T1 / axial".into();
    let two = opened(four);
    assert_eq!(run(&two, "two.nii.gz").unwrap(), [path("two_1_in.nii.gz"), path("two_2_T1_axial.nii.gz")]);
    assert!(run(&two, "two.mha").unwrap_err().to_string().contains(".nii"));
    let pictures = run(&one, "p.png").unwrap();
    assert_eq!(pictures.len(), 6);
    assert!(pictures[0].ends_with("p_t001_001.png") && pictures[5].ends_with("p_t002_003.png"));
    // A true grid of 1 mm.
    let options = ConvertOptions { resample_mm: Some(1.0) };
    convert_opened(&one, Path::new("in"), &path("grid.nii"), &options, &control).unwrap();
    let grid = &read(&path("grid.nii"))[0];
    assert!(grid.geometry.is_orthogonal() && grid.geometry.spacing_mm().iter().all(|s| (s - 1.0).abs() < 1e-5));
}

#[test]
fn convert_tells_what_it_wrote_although_another_volume_failed() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.nii");
    let mut both = open_one(&data("bad/truncated.nii.gz"));
    both.series.extend(open_one(&data("nifti/agree.nii")).series);
    let done =
        convert_opened(&opened(both), Path::new("in"), &out, &ConvertOptions::default(), &Control::new()).unwrap();
    assert!(done.failure.is_some());
    assert!(matches!(&done.written[..], [one] if one.is_file() && one.ends_with("out_2_agree.nii")), "{done:?}");
}

#[test]
fn info_says_what_the_design_promises() {
    let report = info::describe(&opened(open_one(&data("nifti/four_d.nii.gz"))), &Control::new());
    let json = serde_json::to_value(&report).unwrap();
    let series = &json["studies"][0]["series"][0];
    assert_eq!((&series["dims"], &series["frames"]), (&serde_json::json!([7, 6, 5]), &serde_json::json!(4)));
    assert_eq!(series["dtype"], "i16");
    assert_eq!(series["range"], expected("nifti.json")["four_d.nii.gz"]["range"]);
    assert_eq!(series["warnings"][0]["code"], "time_points");
    let broken = info::describe(&opened(open_one(&data("bad/truncated.nii.gz"))), &Control::new());
    let series = &broken.studies[0].series[0];
    assert!(series.range.is_none() && series.warnings.iter().any(|w| w.code == WarningCode::Truncated));
}

#[test]
fn header_windows_and_units_survive() {
    let folder = tempfile::tempdir().unwrap();
    let mut volume = sample(kinds().remove(1));
    volume.unit = Unit::Hounsfield;
    volume.display.windows.push(NamedWindow { name: String::new(), window: Window::new(40.0, 400.0) });
    write(std::slice::from_ref(&volume), &folder.path().join("a.nii")).unwrap();
    let window = read(&folder.path().join("a.nii"))[0].display.windows[0].window;
    assert_eq!((window.center, window.width), (40.0, 400.0));
    write(&[volume], &folder.path().join("a.nrrd")).unwrap();
    assert_eq!(read(&folder.path().join("a.nrrd"))[0].unit, Unit::Hounsfield);
}

#[test]
fn changed_bytes_never_panic_nor_take_memory_that_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let picture = folder.path().join("p.png");
    image::GrayImage::from_fn(9, 7, |x, y| image::Luma([(x * y) as u8])).save(&picture).unwrap();
    let tiff = folder.path().join("p.tif");
    image::GrayImage::from_fn(9, 7, |x, y| image::Luma([(x * y) as u8])).save(&tiff).unwrap();
    let mut files = vec![picture, tiff];
    let names = ["type_u32.nii", "four_d.nii.gz", "nifti2.nii", "extension.nii", "rgba32.nii"];
    files.extend(names.map(|n| data("nifti").join(n)));
    files.extend(["ascii.nrrd", "gzip.nrrd", "time_first.nrrd", "rgb.nrrd"].map(|n| data("nrrd").join(n)));
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as usize % below.max(1)
    };
    for path in files {
        let good = std::fs::read(&path).unwrap();
        for round in 0..400 {
            let mut bytes = good.clone();
            for _ in 0..=random(4) {
                let reach = if round % 2 == 0 { bytes.len() } else { bytes.len().min(560) };
                let at = random(reach);
                match random(4) {
                    0 => bytes[at] = random(256) as u8,
                    1 => bytes[at] ^= 1 << random(8),
                    2 => bytes.truncate(at.max(1)),
                    _ => bytes.insert(at, b"0123456789() -\n"[random(15)]),
                }
            }
            let name = path.file_name().unwrap().to_string_lossy();
            let Ok(Some(study)) = open_bytes(&name, bytes.into()) else { continue };
            for series in &study.series {
                for t in [0, series.time_points - 1] {
                    let _ = series.load(t, &Control::new());
                }
                let _ = series.preview();
            }
        }
    }
}
