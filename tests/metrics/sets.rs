//! Metrics over sets of images against mpmath, scikit-learn, SciPy and Naver's prdc: 1e-6 relative or better.
//! Expected numbers: `tests/expected/make_sets.py`, whose input formulas are repeated here.

use serde_json::Value;
use veritome::metrics::sets::membership::MembersScore;
use veritome::metrics::sets::nearer_set::Unit;
use veritome::metrics::sets::{
    Coverage, Features, Membership, MembershipScores, Memorisation, MemorisationOptions, Neighbours, ReferenceSet,
    SetError, draw_subsets, frechet_distance, kernel_distance, kernel_distance_over,
};

const TOLERANCE: f64 = 1e-9;

fn expected() -> Value {
    serde_json::from_str(include_str!("../data/sets/expected.json")).unwrap()
}

fn whole(value: &Value) -> usize {
    value.as_u64().unwrap() as usize
}

#[track_caller]
fn close(found: f64, wanted: &Value, what: &str) {
    let wanted = wanted.as_f64().unwrap();
    assert!((found - wanted).abs() <= TOLERANCE * wanted.abs(), "{what}: {found}, expected {wanted}");
}

#[track_caller]
fn all_close(found: &[f64], wanted: &Value, what: &str) {
    assert_eq!(found.len(), wanted.as_array().unwrap().len(), "{what}");
    for (n, found) in found.iter().enumerate() {
        close(*found, &wanted[n], &format!("{what}[{n}]"));
    }
}

// Inputs, as in make_sets.py

fn hashed(n: usize, seed: u64) -> i64 {
    let mask = 0xFFFF_FFFF_u64;
    let mut n = (n as u64).wrapping_add(seed * 0x9E37_79B9) & mask;
    for factor in [0x7FEB_352D, 0x846C_A68B] {
        n ^= n >> 16;
        n = (n * factor) & mask;
    }
    (n ^ n >> 15) as i64
}

fn values(n: usize, d: usize, rank: usize, shift: i64, seed: u64) -> Vec<f64> {
    let value = |at: usize| {
        let (i, j) = (at / d, at % d);
        let raw = |j: usize| hashed(i * d + j % rank, seed) % 2001 - 1000;
        let sum = raw(j) * (1 + j as i64 % 5) + 3 * raw(j + 1) + shift * (j as i64 % 3);
        sum as f64 / 1024.0
    };
    (0..n * d).map(value).collect()
}

fn features(n: usize, d: usize, rank: usize, shift: i64, seed: u64) -> Features {
    Features::new(values(n, d, rank, shift, seed), d).unwrap()
}

fn scores(n: usize, seed: u64, shift: i64, steps: i64) -> Vec<f64> {
    let score = |i| (hashed(i, seed) % 1000 + hashed(i, seed + 1) % 1000 + shift) / steps;
    (0..n).map(|i| score(i) as f64 / 8.0).collect()
}

fn pair(case: &Value) -> (Features, Features) {
    let [n, m, d, rank] = ["n", "m", "d", "rank"].map(|key| whole(&case[key]));
    (features(n, d, rank, 0, 1), features(m, d, rank, case["shift"].as_i64().unwrap(), 2))
}

#[test]
fn frechet_distances_are_those_of_sixty_digits_with_fewer_images_than_features_too() {
    let all = expected();
    for case in all["sets"].as_array().unwrap().iter().chain(all["frechet_only"].as_array().unwrap()) {
        let (real, generated) = pair(case);
        let found = frechet_distance(&real, &generated).unwrap();
        let what = format!("n {} m {} d {}", case["n"], case["m"], case["d"]);
        let wanted = &case["frechet"];
        println!("{what}: off by {:.1e}", (found.squared / wanted["squared"].as_f64().unwrap() - 1.0).abs());
        close(found.squared, &wanted["squared"], &what);
        close(found.mean_part, &wanted["mean_part"], &what);
        close(found.covariance_part, &wanted["covariance_part"], &what);
        assert_eq!(found.rank_deficient, found.images.iter().any(|n| *n <= found.dimensions));
        let back = frechet_distance(&generated, &real).unwrap();
        assert!((back.squared - found.squared).abs() < 1e-11 * found.squared);
    }
}

#[test]
fn kernel_distances_are_those_of_torch_fidelitys_formula() {
    for case in expected()["sets"].as_array().unwrap() {
        let (real, generated) = pair(case);
        let kernel = &case["kernel"];
        close(kernel_distance(&real, &generated).unwrap(), &kernel["whole"], "whole");
        let places = |v: &Value| v.as_array().unwrap().iter().map(whole).collect();
        let subsets: Vec<[Vec<usize>; 2]> =
            kernel["subsets"].as_array().unwrap().iter().map(|s| [places(&s[0]), places(&s[1])]).collect();
        let found = kernel_distance_over(&real, &generated, &subsets).unwrap();
        close(found.mean, &kernel["mean"], "mean");
        close(found.sd, &kernel["sd"], "sd");
    }
}

#[test]
fn the_kernel_distance_of_equal_distributions_is_about_zero_and_that_of_subsets_about_the_whole() {
    let (a, b) = (features(400, 16, 16, 0, 1), features(300, 16, 16, 0, 2));
    let subsets = draw_subsets([400, 300], 200, 100, 3).unwrap();
    let over = kernel_distance_over(&a, &b, &subsets).unwrap();
    let whole = kernel_distance(&a, &b).unwrap();
    assert!((over.mean - whole).abs() < 3.0 * over.sd / 200_f64.sqrt() * 2.0, "{over:?} {whole}");
    let far = kernel_distance(&a, &features(300, 16, 16, 600, 2)).unwrap();
    assert!(whole.abs() < 0.05 * far, "{whole} {far}");
}

#[test]
fn precision_recall_density_and_coverage_are_prdcs() {
    for case in expected()["sets"].as_array().unwrap() {
        let (real, generated) = pair(case);
        for wanted in case["coverage"].as_array().unwrap() {
            let found = Coverage::new(&real, &generated, whole(&wanted["k"])).unwrap();
            for (name, found) in [
                ("precision", found.precision),
                ("recall", found.recall),
                ("density", found.density),
                ("coverage", found.coverage),
            ] {
                close(found, &wanted[name], name);
            }
        }
        assert!(Coverage::new(&real, &generated, real.len()).is_err());
    }
}

#[test]
fn neighbours_are_scikit_learns() {
    for case in expected()["sets"].as_array().unwrap() {
        let (real, generated) = pair(case);
        let wanted = &case["neighbours"];
        let check = |found: Neighbours, n: usize, distance: &Value, index: &Value| {
            for query in 0..n {
                let of: (Vec<f64>, Vec<usize>) = found.of(query).iter().map(|n| (n.distance, n.index)).unzip();
                all_close(&of.0, &distance[query], "distance");
                assert_eq!(of.1, index[query].as_array().unwrap().iter().map(whole).collect::<Vec<_>>());
            }
        };
        check(
            Neighbours::between(&generated, &real, 3).unwrap(),
            generated.len(),
            &wanted["distance"],
            &wanted["index"],
        );
        check(Neighbours::within(&real, 3).unwrap(), real.len(), &wanted["own_distance"], &wanted["own_index"]);
    }
}

fn of_three(n: usize, prefix: &str) -> Vec<String> {
    (0..n).map(|image| format!("{prefix}{}", image / 3)).collect()
}

/// 60 generated images of which the first 15 are nearly training images.
fn memorising(patients: bool) -> Result<Memorisation, SetError> {
    let (training, holdout) = (features(80, 10, 10, 0, 11), features(50, 10, 10, 0, 12));
    let mut generated = values(60, 10, 10, 0, 13);
    let noise = values(15, 10, 10, 0, 14);
    for (at, noise) in noise.iter().enumerate() {
        generated[at] = training.row(3 * (at / 10))[at % 10] + noise / 8.0;
    }
    let (train, hold) = (of_three(80, "t"), of_three(50, "h"));
    let options = MemorisationOptions { neighbours: 4, level: 0.05, ..MemorisationOptions::default() };
    Memorisation::new(
        &Features::new(generated, 10).unwrap(),
        &ReferenceSet { features: &training, patients: patients.then_some(train.as_slice()) },
        &ReferenceSet { features: &holdout, patients: patients.then_some(hold.as_slice()) },
        &options,
    )
}

#[test]
fn copies_of_training_images_are_found_and_counted_as_scipy_does() {
    let wanted = &expected()["memorisation"];
    let found = memorising(false).unwrap();
    assert_eq!(found.nearer.nearer_to_training as usize, whole(&wanted["nearer"]));
    assert_eq!((found.nearer.of, found.nearer.ties, found.nearer.relabelled), (60, 0, Unit::Image));
    close(found.nearer.share.unwrap(), &wanted["share"], "share");
    close(found.nearer.expected, &wanted["expected"], "expected");
    all_close(&found.nearer.interval.unwrap(), &wanted["interval"], "interval");
    close(found.nearer.p_binomial.unwrap(), &wanted["p_binomial"], "binomial");
    close(found.authentic_share, &wanted["authentic_share"], "authentic");
    let of = |value: fn(&veritome::metrics::sets::memorisation::GeneratedImage) -> f64| -> Vec<f64> {
        found.images.iter().map(value).collect()
    };
    all_close(&of(|i| i.p), &wanted["p"], "p");
    all_close(&of(|i| i.authenticity_ratio.unwrap()), &wanted["ratio"], "ratio");
    all_close(&of(|i| i.training.distance), &wanted["training_distance"], "training");
    all_close(&of(|i| i.holdout.distance), &wanted["holdout_distance"], "holdout");
    all_close(&of(|i| i.training.index as f64), &wanted["training_index"], "training index");
    all_close(&of(|i| i.holdout.index as f64), &wanted["holdout_index"], "holdout index");
    let quantiles = &wanted["quantiles"];
    all_close(&found.distances.generated_to_training, &quantiles["generated_to_training"], "quantiles");
    all_close(&found.distances.generated_to_holdout, &quantiles["generated_to_holdout"], "quantiles");
    all_close(&found.distances.training_to_training, &quantiles["training_to_training"], "quantiles");
    all_close(&found.distances.holdout_to_training, &quantiles["holdout_to_training"], "quantiles");
    let suspicious: std::collections::BTreeSet<usize> = found.suspicious.iter().map(|s| s.image.index).collect();
    assert_eq!(suspicious, (0..15).collect());
    for one in &found.suspicious {
        assert_eq!(one.neighbours[0].index, 3 * one.image.index);
        let index: Vec<f64> = one.neighbours.iter().map(|n| n.index as f64).collect();
        all_close(&index, &wanted["neighbour_index"][one.image.index], "neighbours");
    }
}

#[test]
fn relabelling_images_or_patients_gives_the_exact_chance_but_for_its_draws() {
    let wanted = &expected()["memorisation"];
    for (patients, key) in [(false, "p_permutation_images"), (true, "p_permutation_patients")] {
        let found = memorising(patients).unwrap();
        let (p, exact) = (found.nearer.p_permutation.unwrap(), wanted[key].as_f64().unwrap());
        let se = (exact * (1.0 - exact) / 9999.0).sqrt();
        println!("{key}: {p} exact {exact}");
        assert!((p - exact).abs() < 4.0 * se + 1e-4, "{p} {exact}");
        let authentic = if patients { "authentic_share_other_patients" } else { "authentic_share" };
        close(found.authentic_share, &wanted[authentic], authentic);
    }
}

#[test]
fn without_memorisation_small_p_values_are_rare() {
    let small = (0..40).filter(|seed| {
        let [generated, training, holdout] = [1, 2, 3].map(|set| features(30, 6, 6, 0, 1000 + 3 * seed + set));
        let reference = |features| ReferenceSet { features, patients: None };
        let options = MemorisationOptions { permutations: 199, ..MemorisationOptions::default() };
        let found = Memorisation::new(&generated, &reference(&training), &reference(&holdout), &options).unwrap();
        found.nearer.p_permutation.unwrap() <= 0.1
    });
    // 4 expected of 40; 10 or more with chance 0.005.
    assert!(small.count() < 10);
}

#[test]
fn a_patient_on_both_sides_and_ties_are_told() {
    let set = features(6, 3, 3, 0, 1);
    let patients = of_three(6, "p");
    let reference = ReferenceSet { features: &set, patients: Some(&patients) };
    let options = MemorisationOptions { neighbours: 1, ..MemorisationOptions::default() };
    let refused = Memorisation::new(&set, &reference, &reference, &options);
    assert_eq!(refused, Err(SetError::PatientInBoth { patient: "p0".into() }));
    let reference = ReferenceSet { features: &set, patients: None };
    let same = Memorisation::new(&set, &reference, &reference, &options).unwrap();
    assert_eq!((same.nearer.ties, same.nearer.share, same.nearer.p_permutation), (6, None, None));
    assert_eq!((same.holdout_copies, same.authentic_share), (6, 0.0));
}

#[test]
fn membership_is_measured_as_scikit_learn_and_scipy_do() {
    for case in expected()["membership"].as_array().unwrap() {
        let [n, m] = ["n", "m"].map(|key| whole(&case[key]));
        let [shift, steps] = ["shift", "steps"].map(|key| case[key].as_i64().unwrap());
        let (members, others) = (scores(n, 31, shift, steps), scores(m, 33, 0, steps));
        let found = MembershipScores::new(&members, &others, MembersScore::Higher).unwrap().measure(0.05).unwrap();
        close(found.auc, &case["auc"], "auc");
        assert!((found.se - case["se"].as_f64().unwrap()).abs() < 1e-12);
        match found.interval {
            Some(interval) => all_close(&interval, &case["interval"], "interval"),
            None => assert!(case["interval"].is_null()),
        }
        close(found.p.unwrap(), &case["p"], "p");
        close(found.advantage, &case["advantage"], "advantage");
        for (found, wanted) in found.rates.iter().zip(case["rates"].as_array().unwrap()) {
            close(found.true_positive_rate, &wanted["tpr"], "tpr");
            close(found.false_positive_rate, &wanted["fpr"], "fpr");
            assert_eq!(found.threshold, wanted["threshold"].as_f64());
            assert_eq!(found.true_positives as usize, whole(&wanted["k"]));
            all_close(&found.interval, &wanted["interval"], "interval");
            assert_eq!(found.too_few_non_members, (m as f64) < 1.0 / found.wanted_false_positive_rate);
        }
        // Errors instead of scores: the same but for the thresholds.
        let negative = |scores: &[f64]| scores.iter().map(|s| -s).collect::<Vec<f64>>();
        let errors = MembershipScores::new(&negative(&members), &negative(&others), MembersScore::Lower).unwrap();
        let turned: Membership = errors.measure(0.05).unwrap();
        assert_eq!((turned.auc, turned.p), (found.auc, found.p));
        assert_eq!(turned.rates[1].threshold, found.rates[1].threshold.map(|t| -t));
    }
    assert!(MembershipScores::new(&[1.0, f64::NAN], &[0.0, 1.0], MembersScore::Higher).is_err());
    let tied = MembershipScores::new(&[1.0; 3], &[1.0; 3], MembersScore::Higher).unwrap().measure(0.05).unwrap();
    assert_eq!((tied.auc, tied.p, tied.advantage), (0.5, None, 0.0));
}
