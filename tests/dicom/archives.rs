//! What is no DICOM inside a ZIP: pictures, and images whose voxels are in another file.

use std::path::Path;

use veritome::io::Opened;
use veritome::jobs::Control;
use veritome::volume::Volume;

use super::{digest, open, root, zipped};

fn picture(side: u32, first: u8) -> Vec<u8> {
    let image = image::GrayImage::from_fn(side, side + 1, |x, y| image::Luma([first + (3 * x + 7 * y) as u8]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, image::ImageFormat::Png).expect("a PNG");
    bytes.into_inner()
}

fn volumes(opened: &Opened) -> Vec<Volume> {
    let series = opened.studies.iter().flat_map(|s| &s.series);
    series.map(|s| s.load(0, &Control::new()).expect("voxels")).collect()
}

fn archive(members: &[(&str, &[u8])]) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.zip");
    zipped(&path, members);
    (folder, path)
}

#[test]
fn pictures_in_a_zip_open_one_by_one_and_as_a_stack_by_folder() {
    let pictures = [picture(8, 0), picture(8, 40), picture(8, 80), picture(12, 5)];
    let (_folder, path) = archive(&[
        ("one/p10.png", &pictures[2]),
        ("one/p2.png", &pictures[1]),
        ("one/p1.png", &pictures[0]),
        ("two/alone.png", &pictures[3]),
        ("two/cut.png", &pictures[3][..20]),
        ("notes.md", b"hello"),
    ]);
    let opened = open(&path).expect("pictures");
    let found = volumes(&opened);
    assert_eq!(found.iter().map(Volume::size).collect::<Vec<_>>(), [[8, 9, 3], [12, 13, 1]]);
    let firsts: Vec<f64> = (0..3).map(|k| found[0].voxels.get(k * 72).expect("a voxel")).collect();
    assert_eq!(firsts, [0.0, 40.0, 80.0], "in the natural order of their names");
    assert!(found.iter().all(|v| !v.space.is_patient()));
    let skipped: Vec<&Path> = opened.skipped.iter().map(|s| s.path.as_path()).collect();
    assert!(skipped.iter().any(|p| p.ends_with("notes.md")), "{skipped:?}");
    // A broken picture takes nothing away, and is said.
    let warned = opened.studies.iter().flat_map(|s| &s.series).flat_map(|s| &s.warnings);
    assert!(warned.into_iter().any(|w| w.message.contains("cut.png")));
}

#[test]
fn pictures_beside_dicom_in_a_zip_are_named_and_not_opened() {
    let dicom = std::fs::read(root().join("tests/data/graphics/shutter_flat/dx.dcm")).expect("a sample");
    let (_folder, path) = archive(&[("dx.dcm", &dicom), ("preview.png", &picture(8, 0))]);
    let opened = open(&path).expect("the image");
    assert_eq!(volumes(&opened).len(), 1);
    assert!(opened.skipped.iter().any(|s| s.reason.contains("PNG picture among DICOM")), "{:?}", opened.skipped);
}

#[test]
fn pairs_and_detached_headers_in_a_zip_find_their_voxels() {
    let data = root().join("tests/data");
    let read = |name: &str| std::fs::read(data.join(name)).expect("a sample");
    let (header, voxels) = (read("nifti/pair.hdr"), read("nifti/pair.img"));
    let nrrd = b"NRRD0004\ntype: short\ndimension: 3\nsizes: 2 3 4\nspacings: 1 1 2\nendian: little\nencoding: raw\n\
        data file: v.raw\n";
    let raw: Vec<u8> = (0..24_i16).flat_map(i16::to_le_bytes).collect();
    let (_folder, path) = archive(&[
        ("a/pair.hdr", &header),
        ("a/pair.img", &voxels),
        ("b/v.nhdr", nrrd),
        ("b/v.raw", &raw),
        ("c/lonely.hdr", &header),
        ("d/lonely.img", &voxels),
    ]);
    let opened = open(&path).expect("volumes");
    let found = volumes(&opened);
    assert_eq!(found.len(), 2);
    let plain = volumes(&open(&data.join("nifti/pair.hdr")).expect("the pair"));
    assert_eq!(digest(&found[..1]), digest(&plain));
    assert_eq!((found[1].size(), found[1].voxels.get(23)), ([2, 3, 4], Some(23.0)));
    let reason = |end: &str| opened.skipped.iter().find(|s| s.path.ends_with(end)).map(|s| s.reason.clone());
    assert!(reason("c/lonely.hdr").is_some_and(|r| r.contains("lonely.img")), "{:?}", opened.skipped);
    assert!(reason("d/lonely.img").is_some());
}
