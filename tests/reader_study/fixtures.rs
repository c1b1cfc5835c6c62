//! Runs each kind of fixture of `fixtures.json`; the result has the keys of its `expected`.

use serde_json::{Value, json};
use veritome::reader_study::analysis::agreement::{Weights, cohen_kappa, fleiss_kappa};
use veritome::reader_study::analysis::confidence::calibration;
use veritome::reader_study::analysis::delong::{DeLongTest, paired_test, standard_error, unpaired_test};
use veritome::reader_study::analysis::detection::{YesNo, forced_choice, yes_no};
use veritome::reader_study::analysis::free_response::{DiseasedCase, FreeResponse, FreeResponseFigure};
use veritome::reader_study::analysis::intraclass::{Intraclass, intraclass};
use veritome::reader_study::analysis::krippendorff::{self, Scale};
use veritome::reader_study::analysis::limits_of_agreement::limits_of_agreement;
use veritome::reader_study::analysis::margin::noninferiority;
use veritome::reader_study::analysis::mrmc::Factors;
use veritome::reader_study::analysis::paired::{ZeroDifferences, mcnemar, wilcoxon};
use veritome::reader_study::analysis::preference::{Choices, bradley_terry, preference};
use veritome::reader_study::analysis::proportion::{Proportion, readers_against};
use veritome::reader_study::analysis::roc::{Scores, logit_interval, normal_interval};
use veritome::reader_study::analysis::single_modality::modality_mean;
use veritome::reader_study::analysis::{Estimates, free_response_study, grading, multiplicity, power};

/// The result for `input`, none when the method is not known.
pub fn analyze(method: &str, input: &Value, expected: &Value) -> Option<Value> {
    Some(match method {
        "Cohen kappa, unweighted" => cohen(input, Weights::Unweighted),
        "Cohen kappa, linear" => cohen(input, Weights::Linear),
        "Cohen kappa, quadratic" => cohen(input, Weights::Quadratic),
        "Fleiss kappa" => fleiss(input),
        "Krippendorff alpha, nominal" => krippendorff(input, Scale::Nominal),
        "Krippendorff alpha, ordinal" => krippendorff(input, Scale::Ordinal),
        "Krippendorff alpha, interval" => krippendorff(input, Scale::Interval),
        "Krippendorff alpha, ratio" => krippendorff(input, Scale::Ratio),
        "Intraclass correlation" => icc(input),
        "Bland-Altman limits of agreement" => bland_altman(input),
        "Wilcoxon signed rank, exact" | "Wilcoxon signed rank, normal approximation" => signed_ranks(input),
        "McNemar" => mcnemar_table(input),
        "Exact binomial test and intervals" => binomial(input),
        "Equivalence of a proportion to 0.5 (two one-sided exact tests)" => equivalence(input),
        "Power of the exact binomial test against 0.5" => binomial_power(input),
        "Proportion correct against chance, random readers and random cases" => turing(input),
        "d' in two-alternative forced choice" => two_afc(input),
        "d' in yes/no with log-linear correction" => yes_no_counts(input),
        "ROC points and area with ties" => roc(input),
        "AUC intervals" | "AUC, perfect separation" | "AUC, every score the same" => auc(input),
        "DeLong test, same cases" | "DeLong test, identical scores" => {
            let curve = |key: &str| scores(&input["truth"], &input[key]);
            delong(&paired_test(&curve("score_1"), &curve("score_2"), 0.05).unwrap())
        }
        "DeLong test, different cases" => {
            let curve = |n: u8| scores(&input[format!("truth_{n}")], &input[format!("score_{n}")]);
            delong(&unpaired_test(&curve(1), &curve(2), 0.05).unwrap())
        }
        "Noninferiority of an AUC, same cases" => noninferior(input),
        "Cases to show one AUC differs from 0.5" => {
            let of = |key: &str| input[key].as_f64().unwrap();
            let [diseased, nondiseased] =
                power::cases_for_auc(of("auc"), of("alpha_two_sided"), of("power"), of("controls_per_case")).unwrap();
            json!({"diseased": diseased, "nondiseased": nondiseased})
        }
        "Free-response figures of merit" => froc(input),
        "Visual grading characteristics area" => {
            json!({"auc_vgc": grading::vgc_area(&numbers(&input["test"]), &numbers(&input["reference"])).unwrap()})
        }
        "Side-by-side preference" => side_by_side(input),
        "Preference among several, Bradley-Terry" => {
            let wins: Vec<Vec<u64>> = serde_json::from_value(input["wins_row_over_column"].clone()).unwrap();
            json!({"strength": bradley_terry(&wins).unwrap()})
        }
        "Reader accuracies against chance" => {
            let chance = input["chance"].as_f64().unwrap();
            let found = readers_against(&numbers(&input["accuracy_by_reader"]), chance, 0.05).unwrap();
            json!({"mean": found.mean, "t": found.t, "df": found.df as u64, "p": found.p, "ci95": found.interval})
        }
        "Brier, ECE and MCE" => {
            let found = calibration(&numbers(&input["probability"]), &truths(&input["truth"])).unwrap();
            json!({"brier": found.brier, "log_loss": found.log_loss,
                "ece15_positive_class": found.positive_class.expected,
                "mce15_positive_class": found.positive_class.maximum,
                "ece15_confidence": found.confidence.expected, "mce15_confidence": found.confidence.maximum})
        }
        "Multiplicity" => multiple(input),
        "Obuchowski-Rockette analysis of wAFROC, equal weights, jackknife covariances" => froc_mrmc(input, expected),
        _ => return None,
    })
}

fn numbers(of: &Value) -> Vec<f64> {
    serde_json::from_value(of.clone()).unwrap()
}

fn truths(of: &Value) -> Vec<bool> {
    numbers(of).into_iter().map(|t| t == 1.0).collect()
}

fn scores(truth: &Value, score: &Value) -> Scores {
    Scores::new(&truths(truth), &numbers(score)).unwrap()
}

fn count(of: &Value) -> u64 {
    of.as_u64().unwrap()
}

fn cohen(input: &Value, weights: Weights) -> Value {
    let list = |key: &str| numbers(&input[key]);
    match cohen_kappa(&list("categories"), &list("rater_a"), &list("rater_b"), weights, 0.05).unwrap() {
        Some(k) => json!({"kappa": k.kappa, "se": k.se, "ci95": k.interval, "se_null": k.se_null, "z": k.z}),
        None => json!({"kappa": null}),
    }
}

fn fleiss(input: &Value) -> Value {
    let counts: Vec<Vec<u64>> = serde_json::from_value(input["counts"].clone()).unwrap();
    serde_json::to_value(fleiss_kappa(&counts).unwrap()).unwrap()
}

fn krippendorff(input: &Value, scale: Scale) -> Value {
    let ratings: Vec<Vec<Option<f64>>> = serde_json::from_value(input["ratings_by_rater"].clone()).unwrap();
    json!({"alpha": krippendorff::alpha(&ratings, scale).unwrap()})
}

fn icc(input: &Value) -> Value {
    let ratings: Vec<Vec<f64>> = serde_json::from_value(input["ratings"].clone()).unwrap();
    let found = intraclass(&ratings, 0.05).unwrap().unwrap();
    let one = |i: Intraclass| json!({"icc": i.icc, "ci95": i.interval, "f": i.f, "df1": i.df1, "df2": i.df2, "p": i.p});
    json!({"ms_rows": found.ms_rows, "ms_columns": found.ms_columns, "ms_error": found.ms_error,
        "icc_1_1": one(found.icc_1_1), "icc_2_1": one(found.icc_2_1), "icc_3_1": one(found.icc_3_1),
        "icc_1_k": one(found.icc_1_k), "icc_2_k": one(found.icc_2_k), "icc_3_k": one(found.icc_3_k)})
}

fn bland_altman(input: &Value) -> Value {
    let l = limits_of_agreement(&numbers(&input["x"]), &numbers(&input["y"]), 0.05).unwrap();
    let (old, new) = (l.bland_altman_1986, l.bland_altman_1999);
    json!({"n": l.n, "bias": l.bias, "sd": l.sd, "lower": l.lower, "upper": l.upper, "bias_ci95": l.bias_interval,
        "se_limit_1986": old.se_limit, "lower_ci95_1986": old.lower, "upper_ci95_1986": old.upper,
        "se_limit_1999": new.se_limit, "lower_ci95_1999": new.lower, "upper_ci95_1999": new.upper})
}

fn signed_ranks(input: &Value) -> Value {
    let (x, y) = (numbers(&input["x"]), numbers(&input["y"]));
    let dropped = wilcoxon(&x, &y, ZeroDifferences::Dropped).unwrap();
    let pratt = wilcoxon(&x, &y, ZeroDifferences::Pratt).unwrap();
    json!({"w_plus": dropped.w_plus, "w_minus": dropped.w_minus, "p": dropped.p_exact, "n_nonzero": dropped.n_nonzero,
        "variance_with_tie_correction": dropped.variance, "p_zeros_dropped": dropped.p_normal,
        "p_zeros_dropped_continuity": dropped.p_normal_continuity, "p_pratt": pratt.p_normal})
}

fn mcnemar_table(input: &Value) -> Value {
    let table = &input["table"];
    serde_json::to_value(mcnemar(count(&table[0][1]), count(&table[1][0]))).unwrap()
}

fn binomial(input: &Value) -> Value {
    let share = Proportion::new(count(&input["k"]), count(&input["n"])).unwrap();
    let mut found = serde_json::to_value(share.test(input["p0"].as_f64().unwrap())).unwrap();
    found["clopper_pearson95"] = json!(share.clopper_pearson(0.05));
    found["wilson95"] = json!(share.wilson(0.05));
    found["wilson_continuity95"] = json!(share.wilson_continuity(0.05));
    found
}

fn equivalence(input: &Value) -> Value {
    let share = Proportion::new(count(&input["k"]), count(&input["n"])).unwrap();
    let (margin, alpha) = (input["margin"].as_f64().unwrap(), input["alpha"].as_f64().unwrap());
    let mut found = serde_json::to_value(share.equivalence_to_chance(margin, alpha).unwrap()).unwrap();
    found["p_difference_two_sided"] = json!(share.test(0.5).p_two_sided);
    found
}

fn binomial_power(input: &Value) -> Value {
    let (n, alpha) = (count(&input["n"]), input["alpha"].as_f64().unwrap());
    let region = power::rejection_region(n, alpha);
    json!({"smallest_significant_above": region.smallest_significant_above,
        "largest_significant_below": region.largest_significant_below, "size": power::binomial_power(n, 0.5, alpha),
        "power": power::binomial_power(n, input["p1"].as_f64().unwrap(), alpha)})
}

fn turing(input: &Value) -> Value {
    let rows = input["correct_by_reader"].as_array().unwrap();
    let correct: Vec<Vec<bool>> = rows.iter().map(truths).collect();
    let readers: Vec<String> = (1..=rows.len()).map(|r| r.to_string()).collect();
    let estimates = Estimates::of_correct("pairs", &readers, &correct).unwrap();
    let mean = modality_mean(&estimates, 0, Factors::RandomReadersRandomCases, 0.05).unwrap();
    let against = mean.against(input["chance"].as_f64().unwrap());
    json!({"accuracy_by_reader": estimates.values().iter().copied().collect::<Vec<_>>(), "mean": mean.mean,
        "ms_r": mean.ms_r, "cov2": mean.cov2, "se": mean.se, "df": mean.df, "t": against.statistic, "p": against.p,
        "ci95": mean.interval})
}

fn two_afc(input: &Value) -> Value {
    serde_json::to_value(forced_choice(count(&input["correct"]), count(&input["trials"])).unwrap()).unwrap()
}

fn yes_no_counts(input: &Value) -> Value {
    let of = |key: &str| count(&input[key]);
    let counts = YesNo {
        hits: of("hits"),
        misses: of("misses"),
        false_alarms: of("false_alarms"),
        correct_rejections: of("correct_rejections"),
    };
    serde_json::to_value(yes_no(counts).unwrap()).unwrap()
}

fn roc(input: &Value) -> Value {
    let curve = scores(&input["truth"], &input["score"]);
    let points = curve.roc_points();
    let pairs = (curve.diseased().len() * curve.normal().len()) as f64;
    json!({"fpf": points.iter().map(|p| p.fpf).collect::<Vec<_>>(), "tpf": points.iter().map(|p| p.tpf).collect::<Vec<_>>(),
        "thresholds": points.iter().map(|p| p.threshold).collect::<Vec<_>>(), "auc": curve.auc(),
        "mann_whitney_u": curve.auc() * pairs})
}

fn auc(input: &Value) -> Value {
    let curve = scores(&input["truth"], &input["score"]);
    let (auc, se, hanley) = (curve.auc(), standard_error(&curve).unwrap(), curve.hanley_mcneil_se());
    json!({"auc": auc, "se_delong": se, "ci95_delong": normal_interval(auc, se, 0.05),
        "ci95_delong_logit": logit_interval(auc, se, 0.05), "se_hanley_mcneil": hanley,
        "ci95_hanley_mcneil": normal_interval(auc, hanley, 0.05)})
}

fn delong(t: &DeLongTest) -> Value {
    json!({"auc": t.auc, "var": t.variance, "cov": t.covariance, "difference": t.difference, "se": t.se, "z": t.z,
        "p": t.p, "ci95": t.interval, "p_normal": t.p, "df_satterthwaite": t.welch.map(|w| w.df),
        "p_t": t.welch.map(|w| w.p)})
}

fn noninferior(input: &Value) -> Value {
    let curve = |key: &str| scores(&input["truth"], &input[key]);
    let test = paired_test(&curve("score_new"), &curve("score_reference"), 0.05).unwrap();
    let (margin, alpha) = (input["margin"].as_f64().unwrap(), input["alpha_one_sided"].as_f64().unwrap());
    let found = noninferiority(test.difference, test.se, f64::INFINITY, margin, alpha).unwrap();
    json!({"difference_new_minus_reference": found.difference, "se": test.se, "z": found.statistic,
        "p_one_sided": found.p, "lower_bound": found.lower_bound, "noninferior": found.noninferior})
}

fn free_response(input: &Value) -> FreeResponse {
    let lists = |key: &str| -> Vec<Vec<f64>> { serde_json::from_value(input[key].clone()).unwrap() };
    let lesions: Vec<Vec<Option<f64>>> = serde_json::from_value(input["diseased_lesion_ratings"].clone()).unwrap();
    let diseased = lists("diseased_nonlesion_marks").into_iter().zip(lesions);
    let diseased = diseased.map(|(non_lesion, lesions)| DiseasedCase { non_lesion, lesions, weights: Vec::new() });
    FreeResponse::new(lists("nondiseased_marks"), diseased.collect()).unwrap()
}

fn froc(input: &Value) -> Value {
    let reading = free_response(input);
    let curve: Vec<[f64; 3]> = reading.froc_curve().iter().map(|p| [p.threshold, p.nlf, p.llf]).collect();
    json!({"afroc": reading.value(FreeResponseFigure::Afroc),
        "wafroc_equal_weights": reading.value(FreeResponseFigure::WeightedAfroc),
        "afroc1": reading.value(FreeResponseFigure::Afroc1),
        "wafroc1_equal_weights": reading.value(FreeResponseFigure::WeightedAfroc1),
        "inferred_roc_auc": reading.inferred_roc().auc(), "froc_threshold_nlf_llf": curve})
}

fn side_by_side(input: &Value) -> Value {
    let of = |key: &str| count(&input[key]);
    let choices = Choices {
        prefer_a: of("prefer_a"),
        prefer_b: of("prefer_b"),
        no_preference: of("no_preference"),
        chosen_left: of("chosen_left"),
        chosen_right: of("chosen_right"),
    };
    let found = preference(choices, 0.05).unwrap();
    json!({"p_sign_test": found.p_sign_test, "proportion_a": found.proportion_a, "wilson95": found.interval,
        "p_side_bias": found.p_side_bias})
}

fn multiple(input: &Value) -> Value {
    let (p, alpha) = (numbers(&input["p"]), input["alpha"].as_f64().unwrap());
    let holm = multiplicity::holm(&p);
    json!({"holm": holm, "holm_reject": holm.iter().map(|p| *p <= alpha).collect::<Vec<_>>(),
        "hochberg": multiplicity::hochberg(&p), "benjamini_hochberg": multiplicity::benjamini_hochberg(&p),
        "bonferroni": multiplicity::bonferroni(&p)})
}

fn froc_mrmc(input: &Value, expected: &Value) -> Value {
    let readings = input["readings"].as_array().unwrap();
    let names = |n: u64| (1..=n).map(|i| i.to_string()).collect::<Vec<_>>();
    let order: Vec<(u64, u64)> = readings.iter().map(|r| (count(&r["modality"]), count(&r["reader"]))).collect();
    assert!(order.is_sorted(), "the readings of the fixture are ordered by modality, then reader");
    let (modalities, readers) = order[order.len() - 1];
    let marks: Vec<FreeResponse> = readings.iter().map(free_response).collect();
    let figure = FreeResponseFigure::WeightedAfroc;
    let estimates = free_response_study::estimates(names(modalities), names(readers), &marks, figure).unwrap();
    let values: Vec<Value> = order
        .iter()
        .zip(&marks)
        .map(|((modality, reader), m)| json!({"modality": modality, "reader": reader, "value": m.value(figure)}))
        .collect();
    assert_eq!(expected["wafroc"].as_array().unwrap().len(), values.len());
    json!({"wafroc": values, "or_jackknife": super::obuchowski_rockette_json(&estimates)})
}
