//! The statistics of reader studies against figures from other programs, and their refusals.
//!
//! `data/reader_study/expected.json` (Van Dyke data: MRMCaov, RJafroc, OR-DBM MRMC, pROC) and `fixtures.json` (R, SciPy,
//! statsmodels and others) say for each figure what made and what confirmed it; every number in them is compared.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use veritome::reader_study::analysis::components::{CovarianceComponents, MeanSquares, VarianceComponents};
use veritome::reader_study::analysis::figure_of_merit::Auc;
use veritome::reader_study::analysis::mrmc::{Comparison, Difference, Factors, compare};
use veritome::reader_study::analysis::power::{self, Pilot, Plan};
use veritome::reader_study::analysis::roc::normal_interval;
use veritome::reader_study::analysis::{
    CovarianceMethod, CrossedRatings, Estimates, RatingsTable, ReportOptions, StudyReport, dbm, delong, margin,
    methods_text,
};

#[path = "reader_study/fixtures.rs"]
mod fixtures;
#[path = "reader_study/invented_study.rs"]
mod invented_study;
#[path = "reader_study/leaks.rs"]
mod leaks;
#[path = "reader_study/package.rs"]
mod package;
#[path = "reader_study/properties.rs"]
mod properties;
#[path = "reader_study/quiz.rs"]
mod quiz;
#[path = "reader_study/reading_session.rs"]
mod reading_session;
#[path = "reader_study/refusals.rs"]
mod refusals;
#[path = "support/study.rs"]
mod study;
#[path = "reader_study/study_outcome.rs"]
mod study_outcome;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/reader_study").join(name)
}

fn json_of(name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(data(name)).unwrap()).unwrap()
}

fn van_dyke() -> CrossedRatings {
    RatingsTable::read(&data("vandyke.csv")).unwrap().crossed().unwrap()
}

/// Every leaf of `expected` stands in `found` with the same value, within a relative `tolerance` of its path; an exact 0
/// may be off by 1e-12.
fn assert_holds(expected: &Value, found: &Value, path: &str, tolerance: &dyn Fn(&str) -> f64) {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            for (key, value) in expected {
                let path = format!("{path}.{key}");
                let found = found.get(key).unwrap_or_else(|| panic!("{path} is expected and not there"));
                assert_holds(value, found, &path, tolerance);
            }
        }
        (Value::Array(expected), Value::Array(found)) => {
            assert_eq!(expected.len(), found.len(), "length of {path}");
            for (at, (expected, found)) in expected.iter().zip(found).enumerate() {
                assert_holds(expected, found, &format!("{path}.{at}"), tolerance);
            }
        }
        (Value::Number(expected), Value::Number(found)) => {
            let (expected, found) = (expected.as_f64().unwrap(), found.as_f64().unwrap());
            let within = if expected == 0.0 { 1e-12 } else { tolerance(path) * expected.abs() };
            assert!((expected - found).abs() <= within, "{path}: expected {expected}, found {found}");
        }
        _ => assert_eq!(expected, found, "{path}"),
    }
}

/// What the notes of `expected.json` ask: 1e-8 for p values and interval limits, 1e-10 for all else.
fn as_noted(path: &str) -> f64 {
    let limits = ["p", "p_one_sided", "ci", "ci95", "ci95_delong", "lower_bound_one_sided_975"];
    if path.split('.').any(|part| limits.contains(&part)) { 1e-8 } else { 1e-10 }
}

fn id(text: &str) -> Value {
    json!(text.parse::<u64>().unwrap())
}

fn ids(pair: &[String; 2]) -> Value {
    json!([id(&pair[0]), id(&pair[1])])
}

fn difference_json(d: &Difference, statistic: &str) -> Value {
    json!({"modalities": ids(&d.modalities), "difference": d.difference, "se": d.se, statistic: d.statistic,
        "df": d.df, "p": d.p, "ci95": d.interval})
}

fn comparison_json(c: &Comparison) -> Value {
    let fixed = c.factors == Factors::FixedReaders;
    let statistic = if fixed { "z" } else { "t" };
    let differences: Vec<Value> = c.differences.iter().map(|d| difference_json(d, statistic)).collect();
    let means: Vec<Value> = c
        .modality_means
        .iter()
        .map(|m| {
            json!({"modality": id(&m.modality), "auc": m.mean, "ms_r": m.ms_r, "var_error": m.var_error, "cov2": m.cov2,
                "se": m.se, "df": m.df, "ci95": m.interval})
        })
        .collect();
    let readers: Vec<Value> = c
        .reader_differences
        .iter()
        .map(|r| {
            let mut of = difference_json(&r.difference, statistic);
            of["reader"] = id(&r.reader);
            of["var_error"] = json!(r.var_error);
            of["cov1"] = json!(r.cov1);
            of
        })
        .collect();
    let o = &c.overall;
    let mut found = json!({"f": o.f, "df1": o.df1, "ddf": o.ddf, "denominator": o.denominator, "p": o.p,
        "differences": differences, "modality_means": means, "reader_differences": readers});
    if fixed {
        found["chi2"] = json!(o.f.map(|f| f * o.df1));
        found["df"] = json!(o.df1);
    }
    found
}

/// All of an Obuchowski-Rockette analysis in the shape of the reference files.
fn obuchowski_rockette_json(estimates: &Estimates) -> Value {
    let ms = MeanSquares::of(estimates.values());
    let cov = CovarianceComponents::of(estimates);
    let variance = VarianceComponents::of(&ms, &cov, estimates.modalities().len());
    let [corr1, corr2, corr3] = cov.correlations().unwrap();
    let of = |factors| comparison_json(&compare(estimates, factors, 0.05).unwrap());
    json!({"ms_t": ms.ms_t, "ms_r": ms.ms_r, "ms_tr": ms.ms_tr, "var_error": cov.var_error, "cov1": cov.cov1,
        "cov2": cov.cov2, "cov3": cov.cov3, "corr1": corr1, "corr2": corr2, "corr3": corr3, "var_r": variance.var_r,
        "var_tr": variance.var_tr, "max_cov2_minus_cov3_0_active": cov.cov2 < cov.cov3,
        "rrrc": of(Factors::RandomReadersRandomCases), "frrc": of(Factors::FixedReaders), "rrfc": of(Factors::FixedCases)})
}

fn estimates(method: CovarianceMethod) -> Estimates {
    Estimates::of_ratings(&van_dyke(), &Auc, method).unwrap()
}

fn whole(value: &Value) -> usize {
    usize::try_from(value.as_u64().unwrap()).unwrap()
}

fn cell_names(ratings: &CrossedRatings) -> Vec<(String, String)> {
    let readers = ratings.readers();
    ratings.modalities().iter().flat_map(|m| readers.iter().map(|r| (m.clone(), r.clone()))).collect()
}

fn auc_json(ratings: &CrossedRatings) -> Value {
    let jackknife = CovarianceMethod::Jackknife.covariance(&ratings.scores(), &Auc).unwrap();
    let cells = cell_names(ratings).into_iter().zip(ratings.scores()).enumerate();
    cells
        .map(|(at, ((modality, reader), scores))| {
            let se = delong::standard_error(&scores).unwrap();
            json!({"reader": id(&reader), "modality": id(&modality), "auc": scores.auc(), "se_delong": se,
                "ci95_delong": normal_interval(scores.auc(), se, 0.05), "se_jackknife": jackknife[(at, at)].sqrt(),
                "se_hanley_mcneil": scores.hanley_mcneil_se()})
        })
        .collect()
}

fn roc_json(ratings: &CrossedRatings) -> Value {
    let cells = cell_names(ratings).into_iter().zip(ratings.scores());
    cells
        .map(|((modality, reader), scores)| {
            let points = scores.roc_points();
            json!({"reader": id(&reader), "modality": id(&modality),
                "fpf": points.iter().map(|p| p.fpf).collect::<Vec<_>>(),
                "tpf": points.iter().map(|p| p.tpf).collect::<Vec<_>>()})
        })
        .collect()
}

fn dbm_json(ratings: &CrossedRatings) -> Value {
    let found = dbm::analyze(ratings, &Auc, 0.05).unwrap();
    let mut json = json!({"pseudovalue": "K*auc - (K-1)*auc_without_case_k"});
    for part in [serde_json::to_value(found.mean_squares).unwrap(), serde_json::to_value(found.variance).unwrap()] {
        json.as_object_mut().unwrap().extend(part.as_object().unwrap().clone());
    }
    for (name, test) in ["rrrc", "frrc", "rrfc"].into_iter().zip(&found.tests) {
        let o = &test.overall;
        let differences: Vec<Value> = test.differences.iter().map(|d| difference_json(d, "t")).collect();
        json[name] = json!({"f": o.f, "df1": o.df1, "ddf": o.ddf, "denominator": o.denominator, "p": o.p,
            "differences": differences});
    }
    json
}

fn delong_by_reader_json(ratings: &CrossedRatings) -> Value {
    let scores = ratings.scores();
    let readers = ratings.readers().iter().enumerate();
    readers
        .map(|(at, reader)| {
            let t = delong::paired_test(&scores[at], &scores[at + ratings.readers().len()], 0.05).unwrap();
            json!({"reader": id(reader), "modalities": [1, 2], "auc": t.auc, "var": t.variance, "cov": t.covariance,
                "difference": t.difference, "se": t.se, "z": t.z, "p": t.p, "ci95": t.interval})
        })
        .collect()
}

fn planned_json(expected: &Value, search: bool) -> Value {
    let of = estimates(CovarianceMethod::Jackknife);
    let cov = CovarianceComponents::of(&of);
    let variance = VarianceComponents::of(&MeanSquares::of(of.values()), &cov, 2);
    let pilot = Pilot::new(&variance, cov, whole(&expected["pilot_cases"]));
    let plan = Plan {
        factors: Factors::RandomReadersRandomCases,
        effect: expected["effect"].as_f64().unwrap(),
        alpha: expected["alpha"].as_f64().unwrap(),
    };
    let readers = whole(&expected["readers"]);
    let found = if search {
        let wanted = expected["wanted_power"].as_f64().unwrap();
        power::cases_for_power(&pilot, &plan, readers, wanted, 2000).unwrap().unwrap()
    } else {
        power::power(&pilot, &plan, readers, whole(&expected["cases"])).unwrap()
    };
    let mut json = serde_json::to_value(found).unwrap();
    for key in ["pilot_cases", "effect", "alpha", "wanted_power"] {
        json[key] = expected[key].clone();
    }
    json
}

fn noninferiority_json(expected: &Value) -> Value {
    let d =
        &compare(&estimates(CovarianceMethod::DeLong), Factors::RandomReadersRandomCases, 0.05).unwrap().differences[0];
    let wanted = expected["margin"].as_f64().unwrap();
    let found = margin::noninferiority(-d.difference, d.se, d.df, wanted, 0.025).unwrap();
    json!({"covariance": "delong", "analysis": "rrrc", "difference": expected["difference"], "value": found.difference,
        "margin": found.margin, "t": found.statistic, "df": found.df, "p_one_sided": found.p,
        "lower_bound_one_sided_975": found.lower_bound, "noninferior_at_0_025": found.noninferior})
}

#[test]
fn every_figure_of_the_van_dyke_data_equals_the_reference_programs() {
    let ratings = van_dyke();
    let expected = json_of("expected.json");
    for (part, expected) in expected.as_object().unwrap() {
        let found = match part.as_str() {
            "dataset" | "file" | "notes" | "computed_with" | "confirmed_by" => continue,
            "readers" => ratings.readers().iter().map(|r| id(r)).collect(),
            "modalities" => ratings.modalities().iter().map(|m| id(m)).collect(),
            "cases" => json!(ratings.cases().len()),
            "diseased" => json!(ratings.case_counts().0),
            "nondiseased" => json!(ratings.case_counts().1),
            "auc" => auc_json(&ratings),
            "auc_by_modality" => {
                let means = estimates(CovarianceMethod::DeLong).modality_means();
                json!([{"modality": 1, "mean": means[0]}, {"modality": 2, "mean": means[1]}])
            }
            "roc_points" => roc_json(&ratings),
            "delong_covariance" => {
                let matrix = delong::covariance(&ratings.scores()).unwrap();
                let rows: Vec<Vec<f64>> = matrix.row_iter().map(|r| r.iter().copied().collect()).collect();
                let names = cell_names(&ratings).into_iter().map(|(m, r)| format!("modality {m} reader {r}"));
                let found = json!({"order": names.collect::<Vec<_>>(), "matrix": rows});
                // The matrix is given with 10 significant digits, which end at half of 1e-9 of the number.
                assert_holds(expected, &found, part, &|_| 5e-10);
                continue;
            }
            "or_delong" => obuchowski_rockette_json(&estimates(CovarianceMethod::DeLong)),
            "or_jackknife" => obuchowski_rockette_json(&estimates(CovarianceMethod::Jackknife)),
            "dbm" => dbm_json(&ratings),
            "delong_test_by_reader" => delong_by_reader_json(&ratings),
            "power_or" => expected.as_array().unwrap().iter().map(|e| planned_json(e, false)).collect(),
            "cases_for_power_80" => planned_json(expected, true),
            "noninferiority_mrmc" => noninferiority_json(expected),
            other => panic!("`{other}` of expected.json is compared with nothing"),
        };
        assert_holds(expected, &found, part, &as_noted);
    }
}

#[test]
fn every_fixture_gives_its_expected_result() {
    let all = json_of("fixtures.json");
    let all = all["fixtures"].as_array().unwrap();
    assert_eq!(all.len(), 50);
    for fixture in all {
        let (id, method) = (fixture["id"].as_str().unwrap(), fixture["method"].as_str().unwrap());
        let expected = &fixture["expected"];
        let found = fixtures::analyze(method, &fixture["input"], expected);
        let found = found.unwrap_or_else(|| panic!("{id}: nothing here computes `{method}`"));
        assert_holds(expected, &found, id, &|_| 1e-8);
    }
}

#[test]
fn json_of_study_analyze_has_the_shape_that_the_design_promises() {
    for (covariance, name, part) in
        [(CovarianceMethod::Jackknife, "jackknife", "or_jackknife"), (CovarianceMethod::DeLong, "delong", "or_delong")]
    {
        let options = ReportOptions { covariance, margin: Some(0.05), ..ReportOptions::default() };
        let json = StudyReport::new(&van_dyke(), &options).unwrap().to_json();
        let expected = json_of("expected.json");
        assert_eq!(json["n"], json!({"readers": 5, "modalities": 2, "cases_diseased": 45, "cases_normal": 69}));
        assert_eq!(json["auc"].as_array().unwrap().len(), 10);
        let se = if part == "or_delong" { "se_delong" } else { "se_jackknife" };
        for (found, expected) in json["auc"].as_array().unwrap().iter().zip(expected["auc"].as_array().unwrap()) {
            assert_eq!(found["reader"], json!(expected["reader"].to_string()));
            assert_eq!(found["modality"], json!(expected["modality"].to_string()));
            assert_holds(&expected["auc"], &found["auc"], "auc", &as_noted);
            assert_holds(&expected[se], &found["se"], "se", &as_noted);
        }
        assert!(json["mrmc"]["method"].as_str().unwrap().contains("Obuchowski-Rockette"));
        assert_eq!(json["mrmc"]["covariance"], name);
        for (ours, theirs) in
            [("random_readers_random_cases", "rrrc"), ("fixed_readers", "frrc"), ("fixed_cases", "rrfc")]
        {
            let (found, expected) = (&json["mrmc"][ours], &expected[part][theirs]);
            let f = if theirs == "frrc" { &expected["chi2"] } else { &expected["f"] };
            assert_holds(f, &found["F"], "F", &as_noted);
            assert_holds(&json!(1.0), &found["df1"], "df1", &as_noted);
            if theirs == "frrc" {
                assert!(found["ddf"].is_null());
            } else {
                assert_holds(&expected["ddf"], &found["ddf"], "ddf", &as_noted);
            }
            assert_holds(&expected["p"], &found["p"], "p", &as_noted);
            assert_holds(&expected["differences"][0]["difference"], &found["difference"], "difference", &as_noted);
            assert_holds(&expected["differences"][0]["ci95"], &found["ci"], "ci", &as_noted);
        }
        for (found, expected) in
            json["delong"].as_array().unwrap().iter().zip(expected["delong_test_by_reader"].as_array().unwrap())
        {
            assert_eq!(found["reader"], json!(expected["reader"].to_string()));
            assert_holds(&expected["z"], &found["z"], "z", &as_noted);
            assert_holds(&expected["p"], &found["p"], "p", &as_noted);
        }
        assert_eq!(json["warnings"], json!([]));
        assert_eq!(json["noninferiority"][0]["noninferior"], json!(true));
    }
}

#[test]
fn report_for_people_says_what_was_done_with_the_numbers() {
    let text = methods_text::text(&StudyReport::new(&van_dyke(), &ReportOptions::default()).unwrap());
    for words in [
        "F(1, 15.26) = 4.456, p = 0.0517",
        "1 - 2: -0.0438, 95 % interval -0.0880 to 0.0004",
        "F(1, infinite) = 5.476, p = 0.0193",
        "5 readers rated 114 cases (45 diseased, 69 normal) in 2 modalities",
        "covariances by the jackknife",
        "degrees of freedom 15.26",
    ] {
        assert!(text.contains(words), "`{words}` is not in\n{text}");
    }
}
