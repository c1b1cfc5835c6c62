//! Padding under a rescale that differs from slice to slice: `tests/expected/make_padding.py`.

use std::path::Path;

use serde_json::Value;
use veritome::io::{ConvertOptions, convert};
use veritome::jobs::Control;
use veritome::volume::{Volume, statistics};

use super::open;

fn expected() -> Value {
    serde_json::from_str(include_str!("../expected/padding.json")).expect("JSON")
}

fn load(path: &Path) -> Volume {
    open(path).expect("a study").studies[0].series[0].load(0, &Control::new()).expect("voxels")
}

fn real(volume: &Volume) -> Vec<Option<f64>> {
    let is_padding = |stored: f64| stored.is_nan() || volume.padding.is_some_and(|p| p.holds(stored));
    let stored = (0..volume.voxels.len()).map(|n| volume.voxels.get(n).expect("a voxel"));
    stored.map(|s| (!is_padding(s)).then(|| volume.rescale.apply(s))).collect()
}

#[test]
fn padding_is_no_value_in_statistics_windows_and_exports_when_each_slice_has_its_own_rescale() {
    let volume = load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/padding"));
    let wanted = expected();
    let values: Vec<Option<f64>> = wanted["real"].as_array().expect("values").iter().map(Value::as_f64).collect();
    assert_eq!(real(&volume), values);
    let padding = real(&volume).iter().filter(|v| v.is_none()).count();
    assert_eq!(padding as u64, wanted["padding"].as_u64().expect("a count"));
    let ends = [0, 1].map(|n| wanted["range"][n].as_f64().expect("a number"));
    assert_eq!(statistics::range(&volume), Some(ends));
    let histogram = statistics::histogram(&volume, 64).expect("a histogram");
    assert_eq!(histogram.counts.iter().sum::<u64>() as usize, volume.voxels.len() - padding);
    assert_eq!(histogram.range, ends);

    // Through NIfTI and DICOM: no value appears where there was none.
    let folder = tempfile::tempdir().expect("a folder");
    for (name, tolerance) in [("out.nii.gz", 1e-3), ("out", (ends[1] - ends[0]) / 65535.0)] {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/padding");
        let out = folder.path().join(name);
        convert(&source, &out, &ConvertOptions::default(), &Control::new()).expect("a copy");
        let back = real(&load(&out));
        // NIfTI runs in another order, from another corner: the values themselves are compared.
        let sorted = |all: &[Option<f64>]| {
            let mut all: Vec<f64> = all.iter().flatten().copied().collect();
            all.sort_by(f64::total_cmp);
            all
        };
        let (back, values) = (sorted(&back), sorted(&values));
        assert_eq!(back.len(), values.len(), "{name}");
        let apart = back.iter().zip(&values).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(apart <= tolerance, "{name}: {apart}");
    }
}
