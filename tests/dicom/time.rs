//! Four dimensions through DICOM and back.

use std::collections::BTreeSet;

use veritome::io::{ConvertOptions, convert};
use veritome::jobs::Control;
use veritome::volume::{Geometry, Provenance, Volume, Voxels};

use super::{digest, open};

#[test]
fn time_points_become_one_dicom_series_and_come_back_as_one_with_equal_voxels() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("four.nii.gz");
    let matrix = glam::DMat4::from_cols(
        glam::DVec4::new(-1.5, 0.0, 0.0, 0.0),
        glam::DVec4::new(0.0, -1.25, 0.0, 0.0),
        glam::DVec4::new(0.0, 0.0, 2.0, 0.0),
        glam::DVec4::new(11.0, -7.0, 30.0, 1.0),
    );
    let geometry = Geometry::new([5, 4, 3], matrix).expect("a grid");
    let volume = |t: i16| {
        let voxels: Vec<i16> = (0..60).map(|n| n * 7 - 100 + 300 * t).collect();
        Volume::new("four", Voxels::from(voxels), geometry.clone(), Provenance::acquired(vec![])).expect("a volume")
    };
    let volumes: Vec<Volume> = (0..12).map(volume).collect();
    let options = veritome::io::write::WriteOptions { time_step_s: Some(2.5) };
    veritome::io::write::write_with(&volumes, &path, &options).expect("a NIfTI");

    let out = folder.path().join("dicom");
    let written =
        convert(&path, &out, &ConvertOptions::default(), &Control::new()).and_then(veritome::io::Converted::all);
    assert_eq!(written.expect("a DICOM folder"), std::slice::from_ref(&out));
    assert_eq!(std::fs::read_dir(&out).expect("files").count(), 36);
    let opened = open(&out).expect("a study");
    assert_eq!(opened.studies.len(), 1);
    let [series] = opened.studies[0].series.as_slice() else { panic!("{} series", opened.studies[0].series.len()) };
    assert_eq!((series.time_points, series.size, series.files), (12, [5, 4, 3], 36));
    assert_eq!(series.source.time_step_s(), Some(2.5));
    let back: Vec<Volume> = (0..12).map(|t| series.load(t, &Control::new()).expect("voxels")).collect();
    assert_eq!(digest(&back), digest(&volumes));
    assert!(back.iter().all(|v| v.geometry.distance_mm(&geometry) < 1e-4));
    // What other readers go by.
    let tag = |t: usize, name: &str| {
        let all = series.source.attributes(t, 1).expect("attributes");
        all.into_iter().find(|a| a.name.replace(' ', "") == name).map(|a| a.value).unwrap_or_default()
    };
    let numbers: BTreeSet<String> = (0..12).map(|t| tag(t, "TemporalPositionIdentifier")).collect();
    assert_eq!((numbers.len(), tag(3, "NumberOfTemporalPositions").as_str()), (12, "12"));
    assert_eq!(tag(3, "InstanceNumber"), "11");
}
