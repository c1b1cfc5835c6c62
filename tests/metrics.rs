//! The metrics against scikit-image, MONAI, scikit-learn, scipy and DeepMind's surface-distance: 1e-6 relative, surfaces
//! too. Expected numbers: `tests/expected/make_metrics.py`, whose input formulas are repeated here.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

#[path = "metrics/sets.rs"]
mod sets;

use serde_json::Value;
use veritome::evaluate::comparing::{ImageOptions, compare_images};
use veritome::jobs::Control;
use veritome::metrics::{
    Calibration, Components, Connectivity, DataRange, Detection, Errors, ImagePair, LabelPair, Match, Ranking,
    Sparsification, SsimOptions, SurfaceDistances, TISSUE_BANDS, Undefined, conformal_quantile, contour_lengths,
    error_uncertainty_spearman, errors_by_tissue, histogram_distance, interval_coverage, ms_ssim, mutual_information,
    ssim, ssim_per_slice, surface_areas,
};
use veritome::volume::{Geometry, Provenance, Rescale, Unit, Volume, Voxels};

const TOLERANCE: f64 = 1e-6;

fn expected(what: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("data/metrics/expected.json")).unwrap();
    all[what].as_array().unwrap().clone()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

fn triple<T: std::fmt::Debug>(value: &Value, from: impl Fn(f64) -> T) -> [T; 3] {
    numbers(value).into_iter().map(from).collect::<Vec<T>>().try_into().unwrap()
}

fn size_of(case: &Value) -> [usize; 3] {
    triple(&case["size"], |n| n as usize)
}

#[track_caller]
fn close(found: f64, wanted: &Value, what: &str) {
    let wanted = number(wanted);
    let allowed = TOLERANCE * wanted.abs();
    assert!((found - wanted).abs() <= allowed, "{what}: {found}, expected {wanted}");
}

#[track_caller]
fn all_close(found: &[f64], wanted: &Value, what: &str) {
    let wanted = wanted.as_array().unwrap();
    assert_eq!(found.len(), wanted.len(), "{what}");
    for (n, (found, wanted)) in found.iter().zip(wanted).enumerate() {
        close(*found, wanted, &format!("{what}[{n}]"));
    }
}

// Inputs, as in make_metrics.py

fn hashed(n: i64, seed: u64) -> i64 {
    let mask = 0xFFFF_FFFF_u64;
    let mut n = (n as u64).wrapping_add(seed * 0x9E37_79B9) & mask;
    for factor in [0x7FEB_352D, 0x846C_A68B] {
        n ^= n >> 16;
        n = (n * factor) & mask;
    }
    (n ^ n >> 15) as i64
}

fn over_grid<T>([nx, ny, nz]: [usize; 3], of: impl Fn([i64; 3], i64) -> T) -> Vec<T> {
    let place = |n: usize| [n % nx, n / nx % ny, n / (nx * ny)].map(|c| c as i64);
    (0..nx * ny * nz).map(|n| of(place(n), n as i64)).collect()
}

fn wave(n: i64, half: i64) -> i64 {
    (n.rem_euclid(2 * half) - half).abs()
}

fn reference_quarters([x, y, z]: [i64; 3], n: i64) -> i64 {
    let smooth = 9 * wave(7 * x + 3 * y + z, 61) + 8 * wave(4 * y + 9 * z - x, 47) + 3 * wave(x * y + 5 * z, 83);
    smooth + hashed(n, 1) % 40 - 900
}

fn reference_image(size: [usize; 3]) -> Vec<f32> {
    over_grid(size, |at, n| reference_quarters(at, n) as f32 / 4.0)
}

fn test_image(size: [usize; 3]) -> Vec<f32> {
    over_grid(size, |at, n| {
        let [x, y, z] = at;
        let error = 2 * wave(x + 2 * y + 3 * z, 29) + hashed(n, 2) % 61 - 50;
        (reference_quarters(at, n) + error) as f32 / 4.0
    })
}

/// Within a radius in voxels of a centre given in half voxels.
fn ball(centre: [i64; 3], radius: i64) -> impl Fn([i64; 3]) -> bool {
    move |at| (0..3).map(|k| (2 * at[k] - centre[k]).pow(2)).sum::<i64>() <= (2 * radius).pow(2)
}

fn label_map(size: [usize; 3], seed: i64) -> Vec<u16> {
    let [nx, ny, nz] = size.map(|n| n as i64);
    let shift = 2 * (seed - 1);
    let balls = [
        ball([nx + shift, ny, nz], 6),
        ball([0, ny - shift, nz], 5 + seed),
        ball([2 * nx - 8, 2 * ny - 9 + shift, nz - shift], 4),
    ];
    over_grid(size, |at, n| {
        let label = balls.iter().rposition(|within| within(at)).map_or(0, |k| k as u16 + 1);
        let is_rim = hashed(n, 4 + seed as u64) % 11 == 0;
        if at == [nx - 1, 0, nz / 2] {
            3 + seed as u16
        } else if is_rim {
            0
        } else {
            label
        }
    })
}

fn masks(shape: &str, size: [usize; 3]) -> [Vec<bool>; 2] {
    let [nx, ny, nz] = size.map(|n| n as i64);
    let random = |modulus: i64, seeds: [u64; 2]| seeds.map(|s| over_grid(size, |_, n| hashed(n, s) % modulus == 0));
    let balls = |a: ([i64; 3], i64), b: ([i64; 3], i64)| {
        [a, b].map(|(centre, radius)| over_grid(size, |at, _| ball(centre, radius)(at)))
    };
    let middle = [nx, ny, nz];
    match shape {
        "balls" => balls((middle, 7), ([nx + 5, ny - 3, nz + 2], 6)),
        "rough" => {
            let [mut a, mut b] = balls((middle, 8), ([nx - 4, ny + 2, nz], 8));
            let [holes_a, holes_b] = random(7, [8, 9]);
            a.iter_mut().zip(holes_a).for_each(|(v, hole)| *v &= !hole);
            b.iter_mut().zip(holes_b).for_each(|(v, hole)| *v &= !hole);
            [a, b]
        }
        "scattered" => random(2, [10, 11]),
        "sparse" => [random(97, [12, 12])[0].clone(), random(89, [13, 13])[0].clone()],
        "border" => balls(([0, 0, 0], 9), ([3, -2, 0], 10)),
        "single" => [[1, ny / 2, nz / 2], [nx - 1, ny - 1, 0]].map(|only| over_grid(size, |at, _| at == only)),
        "outlier" => {
            let [a, mut b] = balls((middle, 5), (middle, 5));
            b[0] = true;
            [a, b]
        }
        "full" => [vec![true; size.iter().product()], balls((middle, 6), (middle, 6))[0].clone()],
        _ => panic!("{shape}"),
    }
}

/// Scores, truths, uncertainties, sizes of errors.
fn samples(n: usize) -> (Vec<f32>, Vec<bool>, Vec<f32>, Vec<f32>) {
    let all = 0..n as i64;
    let scores: Vec<f32> = all.clone().map(|n| (hashed(n, 20) % 65) as f32 / 64.0).collect();
    let truths = all.clone().map(|n| hashed(n, 21) % 80 < hashed(n, 20) % 65).collect();
    let uncertainties: Vec<f32> = all.clone().map(|n| (hashed(n, 22) % 50) as f32 / 8.0).collect();
    let sizes = all.map(|n| ((hashed(n, 23) % 64) as f32 / 16.0 - uncertainties[n as usize] / 4.0).abs()).collect();
    (scores, truths, uncertainties, sizes)
}

// Tests

#[track_caller]
fn same_errors(found: &Errors, wanted: &Value, what: &str) {
    assert_eq!(found.n as f64, number(&wanted["n"]), "{what}");
    close(found.bias().unwrap(), &wanted["bias"], what);
    close(found.mae().unwrap(), &wanted["mae"], what);
    close(found.rmse().unwrap(), &wanted["rmse"], what);
    close(found.nmse().unwrap(), &wanted["nmse"], what);
}

/// What an image case needs: size, reference, test, mask.
fn images(case: &Value) -> ([usize; 3], Vec<f32>, Vec<f32>, Vec<bool>) {
    let size = size_of(case);
    let [nx, ny, nz] = size.map(|n| n as i64);
    let within = ball([nx + 3, ny - 2, nz], number(&case["mask_radius"]) as i64);
    (size, reference_image(size), test_image(size), over_grid(size, |at, _| within(at)))
}

#[test]
fn errors_of_the_whole_and_of_a_mask_are_scikit_images() {
    for case in expected("images") {
        let (size, reference, test, mask) = images(&case);
        let whole = ImagePair::new(&reference, &test, size, None).unwrap();
        let masked = ImagePair::new(&reference, &test, size, Some(&mask)).unwrap();
        let range = DataRange::of_reference(&masked).unwrap();
        close(range.value(), &case["data_range"], "data range");
        same_errors(&whole.errors(), &case["whole"], "whole");
        same_errors(&masked.errors(), &case["masked"], "masked");
        close(whole.errors().psnr_db(range).unwrap(), &case["psnr_db"], "psnr");
        close(whole.ncc().unwrap(), &case["ncc"], "ncc");
        close(masked.ncc().unwrap(), &case["masked_ncc"], "masked ncc");
        let sum: f64 = masked.error_map().iter().map(|e| f64::from(*e)).sum();
        assert!((sum - masked.errors().signed).abs() < 1e-6);
    }
}

#[test]
fn errors_by_slice_label_and_tissue_are_those_of_their_voxels() {
    for case in expected("images").iter().filter(|case| size_of(case)[2] > 1) {
        let (size, reference, test, _) = images(case);
        let pair = ImagePair::new(&reference, &test, size, None).unwrap();
        let slices = pair.errors_per_slice();
        assert_eq!(slices.len(), size[2]);
        for (found, wanted) in slices.iter().zip(case["per_slice"].as_array().unwrap()) {
            same_errors(found, wanted, "slice");
        }
        let by_label = pair.errors_by_label(&label_map(size, 1)).unwrap();
        assert_eq!(by_label.len(), case["by_label"].as_object().unwrap().len());
        for (label, found) in by_label {
            same_errors(&found, &case["by_label"][label.to_string()], "label");
        }
        let fourfold = |image: &[f32]| image.iter().map(|v| 4.0 * v).collect::<Vec<f32>>();
        let (reference, test) = (fourfold(&reference), fourfold(&test));
        let pair = ImagePair::new(&reference, &test, size, None).unwrap();
        for (band, found) in errors_by_tissue(&pair, &TISSUE_BANDS) {
            same_errors(&found, &case["by_tissue"][band.name], band.name);
        }
    }
}

#[test]
fn ssim_is_scikit_images_and_monais() {
    for case in expected("images") {
        let (size, reference, test, mask) = images(&case);
        let pair = ImagePair::new(&reference, &test, size, None).unwrap();
        let options = SsimOptions { map: true, ..SsimOptions::new(DataRange::of_reference(&pair).unwrap()) };
        let whole = ssim(&pair, &options).unwrap();
        close(whole.mean, &case["ssim"], "ssim");
        close(whole.mean, &case["monai_ssim"], "MONAI's ssim");
        let map = whole.map.unwrap();
        for (at, wanted) in case["ssim_map"].as_object().unwrap() {
            // The map is kept in f32, and passes through zero.
            let (found, wanted) = (f64::from(map[at.parse::<usize>().unwrap()]), number(wanted));
            assert!((found - wanted).abs() < 1e-7, "{at}: {found} {wanted}");
        }
        let masked = ImagePair::new(&reference, &test, size, Some(&mask)).unwrap();
        close(ssim(&masked, &options).unwrap().mean, &case["masked_ssim"], "masked ssim");
        if size[2] > 1 {
            let slices: Vec<f64> = ssim_per_slice(&pair, &options).into_iter().map(Result::unwrap).collect();
            all_close(&slices, &case["ssim_per_slice"], "ssim per slice");
        }
    }
}

#[test]
fn ms_ssim_is_monais() {
    for case in expected("ms_ssim") {
        let size = size_of(&case);
        let (reference, test) = (reference_image(size), test_image(size));
        let pair = ImagePair::new(&reference, &test, size, None).unwrap();
        let options = SsimOptions::new(DataRange::of_reference(&pair).unwrap());
        let found = ms_ssim(&pair, &options, &numbers(&case["weights"])).unwrap();
        close(found, &case["ms_ssim"], "ms-ssim");
    }
}

/// A slice `[n, m, 1]` as it lies across the other two axes: the same numbers in the same order.
fn across([n, m, _]: [usize; 3]) -> [[usize; 3]; 2] {
    [[1, n, m], [n, 1, m]]
}

#[test]
fn a_slice_is_a_slice_across_any_axis() {
    let mut slices = 0;
    for case in expected("images").iter().filter(|case| size_of(case)[2] == 1) {
        let (size, reference, test, mask) = images(case);
        for size in across(size) {
            let pair = ImagePair::new(&reference, &test, size, None).unwrap();
            let options = SsimOptions::new(DataRange::of_reference(&pair).unwrap());
            close(ssim(&pair, &options).unwrap().mean, &case["ssim"], "ssim");
            let masked = ImagePair::new(&reference, &test, size, Some(&mask)).unwrap();
            close(ssim(&masked, &options).unwrap().mean, &case["masked_ssim"], "masked ssim");
        }
        slices += 1;
    }
    for case in expected("ms_ssim").iter().filter(|case| size_of(case)[2] == 1) {
        let size = size_of(case);
        let (reference, test) = (reference_image(size), test_image(size));
        for size in across(size) {
            let pair = ImagePair::new(&reference, &test, size, None).unwrap();
            let options = SsimOptions::new(DataRange::of_reference(&pair).unwrap());
            close(ms_ssim(&pair, &options, &numbers(&case["weights"])).unwrap(), &case["ms_ssim"], "ms-ssim");
        }
        slices += 1;
    }
    for case in expected("surfaces").iter().filter(|case| size_of(case)[2] == 1) {
        let size = size_of(case);
        let [dx, dy, dz] = triple(&case["spacing"], |s| s);
        let [reference, test] = masks(case["shape"].as_str().unwrap(), size);
        for (size, spacing) in across(size).into_iter().zip([[dz, dx, dy], [dx, dz, dy]]) {
            let found = SurfaceDistances::between(&reference, &test, size, spacing).unwrap();
            let sides = [found.reference(), found.test()];
            assert_eq!(sides.map(|s| s.len() as f64).to_vec(), numbers(&case["elements"]));
            close(found.hd95_mm(), &case["hd95"], "hd95");
            close(found.assd_mm(), &case["assd"], "assd");
        }
        slices += 1;
    }
    assert!(slices >= 7, "{slices}");
}

/// Expected: numpy and scikit-image in double precision, `tests/expected/make_precision.py`.
#[test]
fn what_single_precision_would_round_is_measured_exactly() {
    let all: Value = serde_json::from_str(include_str!("data/metrics/precision.json")).unwrap();
    let size: [usize; 3] = triple(&all["size"], |n| n as usize);
    let of_voxel = |of: &dyn Fn(f64, f64) -> f64| -> Vec<f64> {
        let count = size.iter().product::<usize>() as i64;
        (0..count).map(|n| of((hashed(n, 31) % 4096) as f64, (hashed(n, 32) % 64) as f64)).collect()
    };
    let whole = |values: Vec<f64>| Voxels::from(values.into_iter().map(|v| v as i32).collect::<Vec<i32>>());
    let short = |values: Vec<f64>| Voxels::from(values.into_iter().map(|v| v as i16).collect::<Vec<i16>>());
    let fine = Rescale { slope: -0.0037, intercept: 1e5 };
    let inputs: [(&str, [Voxels; 2], Rescale); 3] = [
        (
            "double",
            [of_voxel(&|raw, _| 1e4 + raw / 64.0), of_voxel(&|raw, more| 1e4 + raw / 64.0 + (more - 30.0) / 65536.0)]
                .map(Voxels::from),
            Rescale::IDENTITY,
        ),
        (
            "int32",
            [of_voxel(&|raw, _| raw * 500_000.0), of_voxel(&|raw, more| raw * 500_000.0 + (more - 30.0) * 3.0)]
                .map(whole),
            Rescale::IDENTITY,
        ),
        ("scaled", [of_voxel(&|raw, _| raw), of_voxel(&|raw, more| raw + more - 30.0)].map(short), fine),
    ];
    for ((name, voxels, rescale), wanted) in inputs.into_iter().zip(all["cases"].as_array().unwrap()) {
        assert_eq!(wanted["name"], name);
        let [reference, test] = voxels.map(|voxels| {
            let geometry = Geometry::unplaced(size).unwrap();
            let volume = Volume::new(name, voxels, geometry, Provenance::acquired(vec![])).unwrap();
            Volume { rescale, ..volume }
        });
        let compared = compare_images(&reference, &test, &ImageOptions::default(), &Control::new()).unwrap();
        let c = compared.comparison;
        let found = [
            ("mae", c.mae),
            ("rmse", c.rmse),
            ("bias", c.bias),
            ("nmse", c.nmse),
            ("psnr_db", c.psnr_db),
            ("ssim", c.ssim),
            ("ncc", c.ncc),
            ("data_range", c.data_range),
        ];
        for (field, value) in found {
            close(value.unwrap(), &wanted[field], &format!("{field} of {name}"));
        }
    }
}

#[test]
fn without_a_mask_no_mask_is_blamed_and_units_are_words() {
    let image = |value: f32, unit: Unit| {
        let geometry = Geometry::unplaced([4, 3, 2]).unwrap();
        let volume = Volume::new("v", vec![value; 24].into(), geometry, Provenance::acquired(vec![])).unwrap();
        Volume { unit, ..volume }
    };
    let compared = |reference, test| compare_images(&reference, &test, &ImageOptions::default(), &Control::new());
    for empty in [f32::NAN, f32::INFINITY] {
        let refused = compared(image(empty, Unit::Arbitrary), image(1.0, Unit::Arbitrary)).unwrap_err().to_string();
        assert!(refused.starts_with("no voxel is finite") && !refused.contains("mask"), "{refused}");
    }
    let notes = compared(image(2.0, Unit::Arbitrary), image(1.0, Unit::Hounsfield)).unwrap().notes;
    assert_eq!(notes, ["The reference is without a unit, the test image in HU"]);
}

#[test]
fn known_units_that_differ_are_refused_unless_asked_for_and_unknown_ones_noted() {
    let image = |modality: &str, unit: Unit| {
        let geometry = Geometry::unplaced([4, 3, 2]).unwrap();
        let values: Vec<f32> = (0..24).map(|n| n as f32).collect();
        let volume = Volume::new("v", values.into(), geometry, Provenance::acquired(vec![])).unwrap();
        Volume { unit, modality: modality.to_owned(), ..volume }
    };
    let (ct, mr, pet) = (image("CT", Unit::Hounsfield), image("MR", Unit::Arbitrary), image("PT", Unit::Suv));
    let unknown = image("", Unit::Arbitrary);
    let compared = |reference: &Volume, test: &Volume, across_units: bool| {
        let options = ImageOptions { across_units, ..ImageOptions::default() };
        compare_images(reference, test, &options, &Control::new()).map(|c| c.notes).map_err(|e| e.to_string())
    };
    for (reference, test, words) in
        [(&ct, &mr, "in HU, the test image without a unit"), (&pet, &ct, "in SUV, the test image in HU")]
    {
        let refused = compared(reference, test, false).unwrap_err();
        assert!(refused.contains(words) && refused.contains("--across-units"), "{refused}");
        let notes = compared(reference, test, true).unwrap();
        assert!(notes[0].contains(words) && notes[0].ends_with("was asked for nevertheless"), "{notes:?}");
    }
    for (reference, test) in [(&ct, &unknown), (&unknown, &pet)] {
        let notes = compared(reference, test, false).unwrap();
        assert!(notes[0].starts_with("The reference is") && !notes[0].contains("nevertheless"), "{notes:?}");
    }
    assert!(compared(&mr, &unknown, false).unwrap().is_empty(), "neither has a unit");
    assert!(compared(&mr, &mr, false).unwrap().is_empty());
}

#[test]
fn information_is_scikit_learns_scikit_images_and_scipys() {
    for case in expected("images") {
        let (size, reference, test, mask) = images(&case);
        let whole = ImagePair::new(&reference, &test, size, None).unwrap();
        close(mutual_information(&whole, 100).unwrap().normalized, &case["nmi"], "nmi");
        let masked = ImagePair::new(&reference, &test, size, Some(&mask)).unwrap();
        close(mutual_information(&masked, 32).unwrap().nats, &case["masked_mi"], "mi");
        let distance = histogram_distance(&masked, 32).unwrap();
        close(distance.total_variation, &case["histogram"]["total_variation"], "total variation");
        close(distance.jensen_shannon, &case["histogram"]["jensen_shannon"], "Jensen-Shannon");
        close(distance.wasserstein, &case["histogram"]["wasserstein"], "Wasserstein");
    }
}

#[test]
fn overlap_is_scikit_learns_for_every_label_even_a_missing_one() {
    for case in expected("overlap") {
        let size = size_of(&case);
        let (reference, test) = (label_map(size, 1), label_map(size, 2));
        let pair = LabelPair::new(&reference, &test, size, triple(&case["spacing"], |s| s)).unwrap();
        let overlaps = pair.overlaps();
        assert_eq!(overlaps.len(), case["labels"].as_object().unwrap().len());
        for found in overlaps {
            let wanted = &case["labels"][found.label.to_string()];
            let optional = |found: Result<f64, Undefined>, name: &str| match found {
                Ok(found) => close(found, &wanted[name], name),
                Err(_) => assert!(wanted.get(name).is_none(), "{name}"),
            };
            close(found.dice().unwrap(), &wanted["dice"], "dice");
            close(found.iou().unwrap(), &wanted["iou"], "iou");
            optional(found.sensitivity(), "sensitivity");
            optional(found.precision(), "precision");
            close(found.reference_ml(), &wanted["reference_ml"], "reference volume");
            close(found.test_ml(), &wanted["test_ml"], "test volume");
            assert_eq!(found, pair.overlap(found.label));
        }
        assert_eq!(pair.overlap(99).dice(), Err(Undefined::AbsentInBoth));
    }
}

#[test]
fn surface_elements_have_the_areas_of_surface_distance() {
    for case in expected("areas") {
        let [dx, dy, dz] = triple(&case["spacing"], |s| s);
        all_close(&surface_areas([dx, dy, dz]), &case["areas"], "area");
        all_close(&contour_lengths([dx, dy]), &case["lengths"], "length");
    }
}

#[test]
fn surface_metrics_are_those_of_surface_distance() {
    for case in expected("surfaces") {
        let (shape, size) = (case["shape"].as_str().unwrap(), size_of(&case));
        let what = |metric: &str| format!("{metric} of {shape} {size:?}");
        let [reference, test] = masks(shape, size);
        let found = SurfaceDistances::between(&reference, &test, size, triple(&case["spacing"], |s| s)).unwrap();
        let sides = [found.reference(), found.test()];
        assert_eq!(sides.map(|s| s.len() as f64).to_vec(), numbers(&case["elements"]), "{}", what("elements"));
        let areas = sides.map(|s| s.iter().map(|e| e.area).sum::<f64>());
        all_close(&areas, &case["areas"], &what("areas"));
        close(found.hausdorff_mm(), &case["hd"], &what("hd"));
        close(found.hd95_mm(), &case["hd95"], &what("hd95"));
        close(found.robust_hausdorff_mm(50.0), &case["hd50"], &what("hd50"));
        all_close(&found.average_mm(), &case["average"], &what("average"));
        close(found.assd_mm(), &case["assd"], &what("assd"));
        for (tolerance, wanted) in case["nsd"].as_object().unwrap() {
            close(found.surface_dice(tolerance.parse().unwrap()), wanted, &what(&format!("nsd at {tolerance}")));
        }
    }
}

#[test]
fn the_surface_of_a_label_is_that_of_its_mask() {
    let (size, spacing) = ([29, 27, 15], [0.7, 0.9, 2.5]);
    let (reference, test) = (label_map(size, 1), label_map(size, 2));
    let pair = LabelPair::new(&reference, &test, size, spacing).unwrap();
    for label in [1, 2, 3] {
        let [a, b] = [&reference, &test].map(|map| map.iter().map(|l| *l == label).collect::<Vec<bool>>());
        let by_mask = SurfaceDistances::between(&a, &b, size, spacing).unwrap();
        assert_eq!(SurfaceDistances::of_label(&pair, label).unwrap(), by_mask);
    }
    assert_eq!(SurfaceDistances::of_label(&pair, 4), Err(Undefined::AbsentInTest));
    assert_eq!(SurfaceDistances::of_label(&pair, 5), Err(Undefined::AbsentInReference));
    assert_eq!(SurfaceDistances::of_label(&pair, 6), Err(Undefined::AbsentInBoth));
}

#[test]
fn detection_counts_scipys_components_and_panoptic_quality_is_monais() {
    for case in expected("detection") {
        let size = size_of(&case);
        let [reference, test] = [1, 2].map(|seed| label_map(size, seed).iter().map(|l| *l > 0).collect::<Vec<bool>>());
        let all = [Connectivity::Faces, Connectivity::Edges, Connectivity::Corners];
        for (connectivity, wanted) in all.into_iter().zip(case["connectivity"].as_array().unwrap()) {
            let [a, b] = [&reference, &test].map(|mask| Components::of(mask, size, connectivity).unwrap());
            assert_eq!([a.count() as f64, b.count() as f64].to_vec(), numbers(&wanted["components"]));
            let counts =
                |d: &Detection| [d.true_positives, d.false_positives, d.false_negatives].map(|n| n as f64).to_vec();
            let touched = Detection::between(&a, &b, Match::AnyOverlap).unwrap();
            assert_eq!(counts(&touched), numbers(&wanted["any_overlap"]));
            let above = Detection::between(&a, &b, Match::IouAbove(0.5)).unwrap();
            assert_eq!(counts(&above), numbers(&wanted["above_half"]));
            let found = [above.panoptic_quality(), above.segmentation_quality(), above.recognition_quality()];
            all_close(&found.map(Result::unwrap), &wanted["panoptic"], "panoptic quality");
            assert_eq!(touched.and(above).false_positives_per_scan().unwrap() * 2.0, {
                (touched.false_positives + above.false_positives) as f64
            });
        }
    }
}

#[test]
fn curves_and_areas_are_scikit_learns() {
    for case in expected("ranking") {
        let (scores, truths, _, _) = samples(number(&case["n"]) as usize);
        let ranking = Ranking::new(&scores, &truths).unwrap();
        let roc = ranking.roc().unwrap();
        assert_eq!(roc.len() - 1, case["roc"].as_array().unwrap().len());
        for (point, wanted) in roc.iter().skip(1).zip(case["roc"].as_array().unwrap()) {
            let found = [f64::from(point.threshold), point.false_positive_rate, point.true_positive_rate];
            all_close(&found, wanted, "roc");
        }
        let curve = ranking.precision_recall().unwrap();
        assert_eq!(curve.len(), case["precision_recall"].as_array().unwrap().len());
        for (point, wanted) in curve.iter().zip(case["precision_recall"].as_array().unwrap()) {
            all_close(&[f64::from(point.threshold), point.precision, point.recall], wanted, "precision-recall");
        }
        close(ranking.roc_auc().unwrap(), &case["roc_auc"], "auc");
        close(ranking.average_precision().unwrap(), &case["average_precision"], "ap");
        close(ranking.best_dice().unwrap().dice, &case["best_dice"], "best dice");
        close(f64::from(ranking.best_dice().unwrap().threshold), &case["best_threshold"], "best threshold");
    }
}

#[test]
fn calibration_is_scikit_learns() {
    for case in expected("calibration") {
        let (scores, truths, _, _) = samples(number(&case["n"]) as usize);
        let found = Calibration::new(&scores, &truths, number(&case["bins"]) as usize).unwrap();
        assert_eq!(found.bins.iter().map(|bin| bin.n as f64).collect::<Vec<_>>(), numbers(&case["counts"]));
        let means: Vec<f64> = found.bins.iter().filter_map(|bin| bin.mean_probability).collect();
        let shares: Vec<f64> = found.bins.iter().filter_map(|bin| bin.share_positive).collect();
        all_close(&means, &case["mean_probability"], "mean probability");
        all_close(&shares, &case["share_positive"], "share of positives");
        close(found.expected_error().unwrap(), &case["ece"], "ece");
        close(found.maximum_error().unwrap(), &case["mce"], "mce");
        close(found.brier, &case["brier"], "brier");
    }
}

#[test]
fn uncertainty_metrics_are_numpys_and_scipys() {
    for case in expected("uncertainty") {
        let (scores, _, uncertainties, sizes) = samples(number(&case["n"]) as usize);
        let found = Sparsification::new(&sizes, &uncertainties, number(&case["steps"]) as usize).unwrap();
        all_close(&found.removed, &case["removed"], "removed");
        all_close(&found.by_uncertainty, &case["by_uncertainty"], "by uncertainty");
        all_close(&found.by_error, &case["by_error"], "by error");
        close(found.error(), &case["ause"], "ause");
        close(error_uncertainty_spearman(&sizes, &uncertainties).unwrap(), &case["spearman"], "spearman");
        let end = |sign: f32| scores.iter().zip(&uncertainties).map(|(s, u)| s + sign * u / 16.0).collect::<Vec<_>>();
        let coverage = interval_coverage(&sizes, &end(-1.0), &end(1.0)).unwrap();
        close(coverage.coverage, &case["coverage"], "coverage");
        close(coverage.mean_width, &case["mean_width"], "mean width");
        for (wished, wanted) in case["quantiles"].as_object().unwrap() {
            let found = conformal_quantile(&sizes, wished.parse().unwrap()).unwrap();
            close(f64::from(found), wanted, "conformal quantile");
        }
    }
}
