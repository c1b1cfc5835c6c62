//! The statistics against scipy, numpy and statsmodels. Expected numbers: `tests/expected/make_evaluate.py`.

use serde_json::Value;
use veritome::evaluate::bootstrap::{Bootstrap, Clusters, IntervalMethod, interval};
use veritome::evaluate::rank_tests::groups_differ;
use veritome::reader_study::analysis::multiplicity::holm;
use veritome::reader_study::analysis::paired::{ZeroDifferences, wilcoxon};
use veritome::report::plots::quartiles::quantile;

fn expected(what: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("../data/evaluate/expected.json")).unwrap();
    all[what].as_array().unwrap().clone()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

#[track_caller]
fn close(found: f64, wanted: &Value, what: &Value) {
    let wanted = wanted.as_f64().unwrap();
    assert!((found - wanted).abs() <= 1e-9 * wanted.abs().max(1e-3), "{what}: {found}, expected {wanted}");
}

#[test]
fn mann_whitney_and_kruskal_wallis_equal_scipys() {
    for case in expected("group_tests") {
        let groups: Vec<Vec<f64>> = case["groups"].as_array().unwrap().iter().map(numbers).collect();
        let test = groups_differ(&groups).unwrap();
        close(test.statistic, &case["statistic"], &case["name"]);
        close(test.p, &case["p"], &case["name"]);
    }
}

#[test]
fn wilcoxon_as_models_are_compared_equals_scipys() {
    for case in expected("wilcoxon") {
        let differences = numbers(&case["differences"]);
        let test = wilcoxon(&differences, &vec![0.0; differences.len()], ZeroDifferences::Dropped).unwrap();
        close(test.p_exact.or(test.p_normal).unwrap(), &case["p"], &case["name"]);
    }
}

#[test]
fn holm_equals_statsmodels() {
    for case in expected("holm") {
        let wanted = case["adjusted"].as_array().unwrap();
        holm(&numbers(&case["p"])).into_iter().zip(wanted).for_each(|(p, wanted)| close(p, wanted, &case["p"]));
    }
}

#[test]
fn quantiles_equal_numpys() {
    for case in expected("descriptions") {
        let mut values = numbers(&case["values"]);
        values.sort_by(f64::total_cmp);
        for (p, wanted) in [0.0, 0.25, 0.5, 0.75, 1.0].into_iter().zip(case["quantiles"].as_array().unwrap()) {
            close(quantile(&values, p).unwrap(), wanted, &case["values"]);
        }
    }
}

/// As in `make_evaluate.py`.
fn hashed(n: u64, seed: u64) -> u64 {
    let mask = 0xFFFF_FFFF;
    let mut n = (n + seed * 0x9E37_79B9) & mask;
    for factor in [0x7FEB_352D, 0x846C_A68B] {
        n ^= n >> 16;
        n = (n * factor) & mask;
    }
    (n ^ (n >> 16)) & mask
}

#[test]
fn intervals_of_fixed_resamples_equal_scipys() {
    for case in expected("bootstrap") {
        let patients: Vec<Vec<f64>> = case["clusters"].as_array().unwrap().iter().map(numbers).collect();
        let clusters = Clusters::new(&patients);
        let n = patients.len() as u64;
        let (seed, resamples) = (case["seed"].as_u64().unwrap(), case["resamples"].as_u64().unwrap());
        let draws: Vec<f64> = (0..resamples)
            .map(|b| {
                let drawn: Vec<Vec<f64>> =
                    (0..n).map(|i| patients[(hashed(b * n + i, seed) % n) as usize].clone()).collect();
                Clusters::new(&drawn).mean()
            })
            .collect();
        close(clusters.mean(), &case["mean"], &case["name"]);
        for (method, name) in [(IntervalMethod::Bca, "bca"), (IntervalMethod::Percentile, "percentile")] {
            let alpha = case["alpha"].as_f64().unwrap();
            let found = interval(draws.clone(), clusters.mean(), &clusters.without_each(), alpha, method).unwrap();
            for (found, wanted) in found.into_iter().zip(case[name].as_array().unwrap()) {
                close(found, wanted, &case["name"]);
            }
        }
    }
}

#[test]
fn draws_depend_on_the_seed_and_the_purpose_alone() {
    let clusters = Clusters::new(&[vec![1.0], vec![2.0, 4.0], vec![7.0]]);
    let draws = |seed, purpose| {
        Bootstrap { resamples: 50, seed, alpha: 0.05, method: IntervalMethod::Bca }.draws(&clusters, purpose)
    };
    assert_eq!(draws(1, "a"), draws(1, "a"));
    assert_ne!(draws(1, "a"), draws(2, "a"));
    assert_ne!(draws(1, "a"), draws(1, "b"));
}

/// The interval covers the true mean about as often as it says: 95 % of 400 samples, give or take three standard errors and what
/// the bootstrap of 30 values loses.
#[test]
fn intervals_cover_the_mean_about_as_often_as_they_say() {
    let mut random = super::tiny::noise(77);
    let bootstrap = Bootstrap { resamples: 400, seed: 1, alpha: 0.05, method: IntervalMethod::Bca };
    let covered = (0..400)
        .filter(|n| {
            let values: Vec<Vec<f64>> = (0..30).map(|_| vec![random() + random()]).collect();
            let [low, high] = bootstrap.mean_interval(&Clusters::new(&values), &n.to_string()).unwrap();
            (low..=high).contains(&1.0)
        })
        .count();
    assert!((360..=396).contains(&covered), "{covered}");
}
