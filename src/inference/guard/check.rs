//! An input held against the manifest's `[guard]`.

use std::sync::Arc;

use super::histogram::{foreground, quantiles, shares, wasserstein};
use super::reference;
use super::{GuardCheck, Verdict};
use crate::inference::errors::InferenceError;
use crate::inference::manifest::Model;
use crate::volume::{Unit, Volume};

/// Holds the inputs (in the manifest's order; `None`: not given) against the guard, except for the features, which are
/// the network's: [`check_features`]. `normalised` are their values as the network takes them, by name; `None`:
/// intensities are not looked at.
///
/// Intensities are compared by [`wasserstein`] over the finite voxels of the normalised input. An unlike input is
/// never refused.
///
/// # Errors
/// A guard's file that cannot be read is named: a guard must not pass silently.
pub(crate) fn check(
    model: &Model,
    inputs: &[Option<Arc<Volume>>],
    normalised: Option<&[(String, &[f32])]>,
) -> Result<Verdict, InferenceError> {
    let m = &model.manifest;
    let Some(guard) = &m.guard else { return Ok(Verdict::default()) };
    let (mut checks, mut unknown) = (Vec::new(), Vec::new());
    let mut add = |what: String, expected: String, found: String, like: bool| {
        checks.push(GuardCheck { what, expected, found, like });
    };
    let several = inputs.iter().flatten().count() > 1;
    for (spec, volume) in m.inputs.iter().zip(inputs).filter_map(|(s, v)| v.as_ref().map(|v| (s, v))) {
        let what = |word: &str| if several { format!("{word} of {}", spec.name) } else { word.to_owned() };
        // A file that names no modality (NIfTI) proves nothing either way.
        if !spec.modality.is_empty() && volume.modality.is_empty() {
            unknown.push(what("Modality"));
        } else if !spec.modality.is_empty() {
            let like = spec.modality.contains(&volume.modality);
            add(what("Modality"), spec.modality.join(" or "), volume.modality.clone(), like);
            if like && volume.modality == "CT" {
                let like = volume.unit == Unit::Hounsfield;
                add(what("Unit"), "HU".into(), volume.unit.name().to_owned(), like);
            }
        }
        if volume.provenance.is_synthetic() {
            add(what("Origin"), "acquired images".into(), "synthetic".into(), false);
        }
        if guard.lossless {
            let found = volume.provenance.lossy();
            let lossy = |how: &str| if how.is_empty() { "lossy".to_owned() } else { format!("lossy, {how}") };
            let text = found.map_or_else(|| "none known".to_owned(), lossy);
            add(what("Compression"), "without loss".into(), text, found.is_none());
        }
        if let Some(range) = guard.spacing_mm_range {
            let found = volume.geometry.spacing_mm();
            add(what("Spacing"), span(range), lengths(found), within(found, range));
        }
        if let Some(range) = guard.field_of_view_mm {
            let (spacing, size) = (volume.geometry.spacing_mm(), volume.size());
            let found = [0, 1, 2].map(|a| spacing[a] * size[a] as f64);
            add(what("Field of view"), span(range), lengths(found), within(found, range));
        }
    }
    if let (Some(spec), Some(normalised)) = (&guard.intensity_histogram, normalised) {
        let file = reference::histogram(model, spec)?;
        if let Some((_, values)) = normalised.iter().find(|(name, _)| *name == spec.input) {
            let kept = file.foreground.map(|share| foreground(values, share));
            let values = kept.as_deref().unwrap_or(values);
            let distance = wasserstein(&shares(values, &file.edges), &file.mean, &file.edges);
            let like = !values.is_empty() && distance <= file.max_distance;
            let expected = format!("at a distance of at most {:.3}", file.max_distance);
            let found =
                if values.is_empty() { "without contrast".into() } else { format!("at a distance of {distance:.3}") };
            add("Intensity histogram".into(), expected, found, like);
            if let Some(q) = file.quantiles.as_ref().filter(|_| !values.is_empty()) {
                let found = quantiles(values, &q.levels);
                let outside = q.levels.iter().enumerate().find(|(n, _)| {
                    let (low, high, x) = (q.low.get(*n), q.high.get(*n), found.get(*n));
                    !matches!((low, high, x), (Some(l), Some(h), Some(x)) if (*l..=*h).contains(x))
                });
                let text = |n: usize| found.get(n).map_or_else(|| "missing".to_owned(), |x| format!("{x:.3}"));
                match outside {
                    Some((n, level)) => {
                        let range = format!("{:.3} to {:.3}", q.low[n], q.high[n]);
                        add(format!("Intensity percentile {level}"), range, text(n), false);
                    }
                    None => add("Intensity percentiles".into(), "within the cases".into(), "within".into(), true),
                }
            }
        } else {
            let found = "not given".to_owned();
            add("Intensity histogram".into(), format!("of `{}`", spec.input), found, false);
        }
    }
    Ok(Verdict { checks, unknown })
}

/// The feature-space distance alone; `None` where the manifest asks for none. The features are those of the network's
/// own run, so that they come later than the rest.
///
/// # Errors
/// As [`check`].
pub(crate) fn check_features(model: &Model, features: Option<&[f64]>) -> Result<Option<GuardCheck>, InferenceError> {
    let Some(spec) = model.manifest.guard.as_ref().and_then(|g| g.embedding.as_ref()) else { return Ok(None) };
    let (path, embedding) = reference::embedding(model, spec)?;
    let expected = format!("at a distance of at most {:.1}", spec.max_distance);
    let (found, like) = match features {
        None => (format!("not known, for the network gave no `{}`", spec.tensor), false),
        Some(features) => {
            let d = embedding.distance(features).ok_or_else(|| InferenceError::Mismatch {
                path,
                expected: format!("{} features (`{}`)", embedding.dimensions(), spec.tensor),
                found: features.len().to_string(),
            })?;
            (format!("at a distance of {d:.1}"), d <= spec.max_distance)
        }
    };
    Ok(Some(GuardCheck { what: FEATURES.into(), expected, found, like }))
}

/// What the check of features looks at.
pub(super) const FEATURES: &str = "Feature space";

fn within(found: [f64; 3], [low, high]: [f64; 2]) -> bool {
    // Spacings that went through a file's 32 bits are off by that much.
    found.iter().all(|x| *x >= low * (1.0 - 1e-5) && *x <= high * (1.0 + 1e-5))
}

fn span([low, high]: [f64; 2]) -> String {
    format!("{low} to {high} mm")
}

fn lengths([x, y, z]: [f64; 3]) -> String {
    let short = |v: f64| (v * 100.0).round() / 100.0;
    format!("{} × {} × {} mm", short(x), short(y), short(z))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "helpers of tests")]
    use super::*;
    use crate::inference::guard::verify;
    use crate::volume::{Geometry, Provenance};
    use glam::{DMat4, DVec3};

    const MANIFEST: &str = r#"
schema = 1
name = "guarded"
version = "1.0.0"
title = "Guarded"
task = "segmentation"
status = "demonstration"
intended_use = "Tests"
license = "MIT"
files.network = { path = "m.onnx", sha256 = "0000000000000000000000000000000000000000000000000000000000000000" }
[[inputs]]
name = "ct"
modality = ["CT"]
tensor = "image"
[inferer]
kind = "whole"
[[outputs]]
name = "o"
tensor = "out"
kind = "image"
[guard]
intensity_histogram = { input = "ct", bins = 2, file = "guard.json" }
spacing_mm_range = [0.5, 2.0]
field_of_view_mm = [10, 30]
embedding = { tensor = "features", mean_cov = "guard.npz", max_distance = 4.0 }
"#;

    fn folder(json: &str) -> (tempfile::TempDir, Model) {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
        write("manifest.toml", MANIFEST.as_bytes());
        write("guard.json", json.as_bytes());
        // mean [0, 0], cov identity, as numpy.savez wrote them (tests/expected/make_guard.py).
        write("guard.npz", include_bytes!("../../../tests/expected/guard_identity.npz"));
        let model = Model::open(folder.path()).unwrap();
        (folder, model)
    }

    const GOOD: &str = r#"{"bins": 2, "edges": [0, 1, 2], "mean": [0.5, 0.5], "max_distance": 0.2,
        "quantiles": {"levels": [50], "low": [0.4], "high": [1.2]}}"#;

    fn volume(spacing: f64, modality: &str) -> Arc<Volume> {
        let g = Geometry::new([20, 20, 20], DMat4::from_scale(DVec3::splat(spacing))).unwrap();
        let mut v = Volume::new("v", vec![0_i16; 8000].into(), g, Provenance::acquired(vec![])).unwrap();
        v.modality = modality.into();
        v.unit = Unit::Hounsfield;
        Arc::new(v)
    }

    fn run(model: &Model, volume: Arc<Volume>, values: &[f32], features: Option<&[f64]>) -> Verdict {
        let mut verdict = check(model, &[Some(volume)], Some(&[("ct".to_owned(), values)])).unwrap();
        verdict.checks.extend(check_features(model, features).unwrap());
        verdict
    }

    #[test]
    fn a_lossy_input_is_unlike_training_data_that_was_not() {
        let (folder, model) = folder(GOOD);
        let lossy = Volume {
            provenance: Provenance::acquired(vec![]).lossily_compressed(Some("ISO_10918_1, 12 to 1".into())),
            ..(*volume(1.0, "CT")).clone()
        };
        let lossy = Arc::new(lossy);
        // The manifest says nothing of the training data: no verdict.
        assert!(check(&model, &[Some(lossy.clone())], None).unwrap().is_like());
        let text = MANIFEST.replace("[guard]", "[guard]\nlossless = true");
        std::fs::write(folder.path().join("manifest.toml"), text).unwrap();
        let model = Model::open(folder.path()).unwrap();
        let sentence = check(&model, &[Some(lossy)], None).unwrap().sentence();
        assert!(
            sentence.contains("compression is lossy, ISO_10918_1, 12 to 1 (training data without loss)"),
            "{sentence}"
        );
        assert!(check(&model, &[Some(volume(1.0, "CT"))], None).unwrap().is_like());
    }

    #[test]
    fn a_like_input_passes_every_check() {
        let (_folder, model) = folder(GOOD);
        verify(&model).unwrap();
        let verdict = run(&model, volume(1.0, "CT"), &[0.5, 1.0, 1.5, 0.6], Some(&[1.0, 1.0]));
        let names: Vec<&str> = verdict.checks.iter().map(|c| c.what.as_str()).collect();
        let expected = [
            "Modality",
            "Unit",
            "Spacing",
            "Field of view",
            "Intensity histogram",
            "Intensity percentiles",
            "Feature space",
        ];
        assert_eq!(names, expected);
        assert!(verdict.is_like(), "{}", verdict.sentence());
    }

    #[test]
    fn each_difference_is_named_with_its_numbers() {
        let (_folder, model) = folder(GOOD);
        let verdict = run(&model, volume(4.0, "MR"), &[1.9; 8], Some(&[2.0, 3.0]));
        let failed: Vec<&str> = verdict.checks.iter().filter(|c| !c.like).map(|c| c.what.as_str()).collect();
        let expected =
            ["Modality", "Spacing", "Field of view", "Intensity histogram", "Intensity percentile 50", "Feature space"];
        assert_eq!(failed, expected);
        let sentence = verdict.sentence();
        for part in ["MR", "4 × 4 × 4 mm", "80 × 80 × 80 mm", "distance of 0.500", "1.900", "13.0"] {
            assert!(sentence.contains(part), "{part}: {sentence}");
        }
        let without = run(&model, volume(1.0, "CT"), &[0.5, 1.5], None);
        assert!(without.sentence().contains("no `features`"));
    }

    #[test]
    fn a_guard_that_cannot_be_read_is_an_error_that_names_the_file() {
        for (bad, says) in [
            ("{", "no guard histogram"),
            (r#"{"bins": 3, "edges": [0, 1, 2, 3], "mean": [0.2, 0.4, 0.4], "max_distance": 1}"#, "3 bins"),
            (r#"{"bins": 2, "edges": [0, 2, 1], "mean": [0.5, 0.5], "max_distance": 1}"#, "rising"),
            (r#"{"bins": 2, "edges": [0, 1, 2], "mean": [5, 5], "max_distance": 1}"#, "add up to 1"),
            (r#"{"bins": 2, "edges": [0, 1, 2], "mean": [0.5, 0.5], "max_distance": 0}"#, "max_distance"),
        ] {
            let (_folder, model) = folder(bad);
            let values: &[f32] = &[1.0];
            let normalised = [("ct".to_owned(), values)];
            let e = check(&model, &[Some(volume(1.0, "CT"))], Some(&normalised)).unwrap_err();
            assert!(e.to_string().contains("guard.json") && e.to_string().contains(says), "{e}");
            assert!(verify(&model).is_err());
        }
        let (folder, model) = folder(GOOD);
        std::fs::write(folder.path().join("guard.npz"), b"no archive").unwrap();
        assert!(verify(&model).unwrap_err().to_string().contains("guard.npz"));
        std::fs::remove_file(folder.path().join("guard.json")).unwrap();
        assert!(verify(&model).unwrap_err().to_string().contains("guard.json"));
    }
}
