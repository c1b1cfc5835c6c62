//! What must hold whatever the ratings are; invented ratings from a seeded generator.

use veritome::reader_study::analysis::components::{CovarianceComponents, MeanSquares};
use veritome::reader_study::analysis::covariance::without_each_case;
use veritome::reader_study::analysis::distribution;
use veritome::reader_study::analysis::figure_of_merit::{Auc, Rate, RateKind};
use veritome::reader_study::analysis::free_response::{DiseasedCase, FreeResponse, FreeResponseFigure};
use veritome::reader_study::analysis::margin::equivalence;
use veritome::reader_study::analysis::mrmc::{Factors, compare};
use veritome::reader_study::analysis::power::{self, Guesses, Pilot, Plan};
use veritome::reader_study::analysis::preference::bradley_terry;
use veritome::reader_study::analysis::roc::Scores;
use veritome::reader_study::analysis::single_modality::modality_mean;
use veritome::reader_study::analysis::{
    CovarianceMethod, CrossedRatings, Estimates, FigureOfMerit, RatingsTable, ReportOptions, StudyReport, dbm, grading,
    methods_text,
};

const ALL_FACTORS: [Factors; 3] = [Factors::RandomReadersRandomCases, Factors::FixedReaders, Factors::FixedCases];

/// A linear congruential generator (Knuth's constants).
struct Draws(u64);

impl Draws {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for i in (1..list.len()).rev() {
            list.swap(i, usize::try_from(self.below(i as u64 + 1)).unwrap());
        }
    }
}

/// Rows `[modality, reader, case, truth, rating]` with ratings 1 to 6 that lean to the truth.
fn rows(seed: u64, modalities: u64, readers: u64, cases: u64) -> Vec<[u64; 5]> {
    let mut draws = Draws(seed);
    let mut rows = Vec::new();
    for m in 0..modalities {
        for r in 0..readers {
            for c in 0..cases {
                let truth = u64::from(c % 3 == 0);
                let rating = 1 + draws.below(4) + truth * draws.below(2 + m) / (1 + r % 2);
                rows.push([m, r, c, truth, rating]);
            }
        }
    }
    rows
}

/// The rows as a file with other names for readers and cases.
fn table(rows: &[[u64; 5]], names: &str) -> CrossedRatings {
    let mut csv = String::from("modality,reader,case,truth,rating\n");
    for [m, r, c, truth, rating] in rows {
        csv.push_str(&format!("M{m},{names}R{r},{names}C{c},{truth},{rating}\n"));
    }
    RatingsTable::parse("invented", csv.as_bytes()).unwrap().crossed().unwrap()
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1e-3) || (a.is_infinite() && b.is_infinite())
}

fn assert_same(a: &Estimates, b: &Estimates, sign: f64) {
    for factors in ALL_FACTORS {
        let (a, b) = (compare(a, factors, 0.05).unwrap(), compare(b, factors, 0.05).unwrap());
        assert!(close(a.overall.f.unwrap(), b.overall.f.unwrap()) && close(a.overall.ddf, b.overall.ddf));
        assert!(close(a.overall.p.unwrap(), b.overall.p.unwrap()));
        let (a, b) = (&a.differences[0], &b.differences[0]);
        assert!(close(a.difference, sign * b.difference) && close(a.se, b.se));
        let (low, high) = (b.interval[0] * sign, b.interval[1] * sign);
        assert!(close(a.interval[0], low.min(high)) && close(a.interval[1], low.max(high)));
    }
}

#[test]
fn order_and_names_of_readers_and_cases_change_nothing() {
    for seed in 0..8 {
        for method in [CovarianceMethod::Jackknife, CovarianceMethod::DeLong] {
            let first = rows(seed, 2, 4, 24);
            let mut second = first.clone();
            Draws(seed + 100).shuffle(&mut second);
            // The first row of a modality decides its place.
            second.sort_by_key(|row| row[0]);
            let of = |ratings: CrossedRatings| Estimates::of_ratings(&ratings, &Auc, method).unwrap();
            assert_same(&of(table(&first, "")), &of(table(&second, "other ")), 1.0);
        }
    }
}

#[test]
fn swapping_the_arms_changes_only_the_sign() {
    for seed in 0..8 {
        let first = rows(seed, 2, 3, 30);
        let mut second = first.clone();
        second.sort_by_key(|row| std::cmp::Reverse(row[0]));
        let of =
            |rows: &[[u64; 5]]| Estimates::of_ratings(&table(rows, ""), &Auc, CovarianceMethod::Jackknife).unwrap();
        assert_same(&of(&first), &of(&second), -1.0);
    }
}

#[test]
fn figures_without_a_case_equal_those_computed_anew() {
    let kinds = [RateKind::Sensitivity, RateKind::Specificity, RateKind::Accuracy, RateKind::BalancedAccuracy];
    let rates = kinds.map(|kind| Rate { kind, threshold: 3.0 });
    let mut figures: Vec<&dyn FigureOfMerit> = vec![&Auc];
    figures.extend(rates.iter().map(|r| r as &dyn FigureOfMerit));
    for seed in 0..5 {
        let cells = table(&rows(seed, 2, 2, 15), "").scores();
        for figure in &figures {
            let without = without_each_case(&cells, *figure).unwrap();
            for (column, cell) in without.column_iter().zip(&cells) {
                for (left_out, value) in column.iter().enumerate() {
                    let (mut diseased, mut normal) = (cell.diseased().to_vec(), cell.normal().to_vec());
                    if left_out < diseased.len() {
                        diseased.remove(left_out);
                    } else {
                        normal.remove(left_out - diseased.len());
                    }
                    let anew = figure.value(&Scores::of(diseased, normal).unwrap());
                    assert!(close(*value, anew), "{}: {value} {anew}", figure.name());
                }
            }
        }
    }
}

#[test]
fn free_response_without_a_case_equals_that_computed_anew() {
    let figures = [
        FreeResponseFigure::Afroc,
        FreeResponseFigure::WeightedAfroc,
        FreeResponseFigure::Afroc1,
        FreeResponseFigure::WeightedAfroc1,
    ];
    let mut draws = Draws(7);
    for _ in 0..20 {
        let mut marks = |most: u64| -> Vec<f64> { (0..draws.below(most + 1)).map(|_| draws.below(6) as f64).collect() };
        let normal: Vec<Vec<f64>> = (0..6).map(|_| marks(3)).collect();
        let diseased: Vec<DiseasedCase> = (0..5)
            .map(|case| {
                let lesions: Vec<Option<f64>> =
                    marks(2).into_iter().map(Some).chain([None]).map(|r| r.filter(|r| *r > 0.0)).collect();
                let raw: Vec<f64> = (1..=lesions.len()).map(|w| w as f64).collect();
                let sum: f64 = raw.iter().sum();
                let weights = if case % 2 == 0 { raw.iter().map(|w| w / sum).collect() } else { Vec::new() };
                DiseasedCase { non_lesion: marks(3), lesions, weights }
            })
            .collect();
        let all = FreeResponse::new(normal.clone(), diseased.clone()).unwrap();
        for figure in figures {
            for (left_out, value) in all.without_each_case(figure).unwrap().into_iter().enumerate() {
                let (mut normal, mut diseased) = (normal.clone(), diseased.clone());
                if left_out < diseased.len() {
                    diseased.remove(left_out);
                } else {
                    normal.remove(left_out - diseased.len());
                }
                let anew = FreeResponse::new(normal, diseased).unwrap().value(figure);
                assert!(close(value, anew), "{}: {value} {anew}", figure.name());
            }
        }
    }
}

#[test]
fn pseudovalue_analysis_is_the_twin_of_the_jackknife_for_any_number_of_modalities() {
    for seed in 0..8 {
        for modalities in [2, 3, 4] {
            let ratings = table(&rows(seed, modalities, 4, 24), "");
            let twin = dbm::analyze(&ratings, &Auc, 0.05).unwrap();
            let estimates = Estimates::of_ratings(&ratings, &Auc, CovarianceMethod::Jackknife).unwrap();
            // Random readers agree always; fixed readers only where OR does not take the maximum.
            for (factors, at) in [(Factors::RandomReadersRandomCases, 0), (Factors::FixedCases, 2)] {
                let (ours, theirs) = (compare(&estimates, factors, 0.05).unwrap(), &twin.tests[at]);
                assert!(close(ours.overall.f.unwrap(), theirs.overall.f.unwrap()));
                assert!(close(ours.overall.ddf, theirs.overall.ddf));
                assert!(close(ours.overall.p.unwrap(), theirs.overall.p.unwrap()));
                for (a, b) in ours.differences.iter().zip(&theirs.differences) {
                    assert_eq!(a.modalities, b.modalities);
                    assert!(close(a.difference, b.difference) && close(a.se, b.se));
                    assert!(a.p_holm.is_none_or(|p| p >= a.p.unwrap()));
                    assert_eq!(a.p_holm.is_some(), modalities > 2);
                }
            }
        }
    }
}

#[test]
fn bootstrap_is_the_same_for_the_same_seed_and_near_the_jackknife() {
    let ratings = super::van_dyke();
    let of = |method| Estimates::of_ratings(&ratings, &Auc, method).unwrap();
    let drawn = |seed| of(CovarianceMethod::Bootstrap { resamples: 2000, seed });
    assert_eq!(drawn(5), drawn(5));
    assert_ne!(drawn(5), drawn(6));
    let (bootstrap, jackknife) = (drawn(5), of(CovarianceMethod::Jackknife));
    let var = |e: &Estimates| CovarianceComponents::of(e).var_error;
    assert!((var(&bootstrap) / var(&jackknife) - 1.0).abs() < 0.1);
}

#[test]
fn cases_nested_in_modality_have_no_covariance_between_arms() {
    let all = rows(3, 2, 3, 30);
    let arm = |m: u64| table(&all.iter().copied().filter(|row| row[0] == m).collect::<Vec<_>>(), "");
    let nested = Estimates::of_nested(&[arm(0), arm(1)], &Auc, CovarianceMethod::Jackknife).unwrap();
    let crossed = Estimates::of_ratings(&table(&all, ""), &Auc, CovarianceMethod::Jackknife).unwrap();
    let (n, c) = (CovarianceComponents::of(&nested), CovarianceComponents::of(&crossed));
    assert_eq!((n.cov1, n.cov3), (0.0, 0.0));
    assert!(close(n.var_error, c.var_error) && close(n.cov2, c.cov2));
    assert_eq!(MeanSquares::of(nested.values()), MeanSquares::of(crossed.values()));
    assert!(Estimates::of_nested(&[arm(0), table(&all, "")], &Auc, CovarianceMethod::Jackknife).is_err());
}

#[test]
fn one_modality_by_its_own_data_equals_its_mean_in_the_comparison() {
    let all = rows(4, 2, 4, 30);
    let both = Estimates::of_ratings(&table(&all, ""), &Auc, CovarianceMethod::DeLong).unwrap();
    let own: Vec<_> = all.iter().copied().filter(|row| row[0] == 1).collect();
    let own = Estimates::of_ratings(&table(&own, ""), &Auc, CovarianceMethod::DeLong).unwrap();
    for factors in ALL_FACTORS {
        let compared = compare(&both, factors, 0.05).unwrap();
        let alone = modality_mean(&own, 0, factors, 0.05).unwrap();
        assert!(close(alone.se, compared.modality_means[1].se) && close(alone.df, compared.modality_means[1].df));
    }
}

#[test]
fn proportion_correct_has_the_jackknifes_covariances() {
    let ratings = table(&rows(6, 1, 3, 30), "");
    let accuracy = Rate { kind: RateKind::Accuracy, threshold: 4.0 };
    let jackknife = Estimates::of_ratings(&ratings, &accuracy, CovarianceMethod::Jackknife).unwrap();
    let correct: Vec<Vec<bool>> = ratings
        .cells()
        .map(|cell| cell.iter().zip(ratings.truth()).map(|(rating, truth)| (*rating >= 4.0) == *truth).collect())
        .collect();
    let direct = Estimates::of_correct("M0", ratings.readers(), &correct).unwrap();
    assert!(jackknife.values().iter().zip(direct.values()).all(|(a, b)| close(*a, *b)));
    assert!(jackknife.covariance().iter().zip(direct.covariance()).all(|(a, b)| (a - b).abs() < 1e-15));
}

#[test]
fn sensitivity_is_compared_like_an_area() {
    let ratings = super::van_dyke();
    let sensitivity = Rate { kind: RateKind::Sensitivity, threshold: 3.0 };
    let estimates = Estimates::of_ratings(&ratings, &sensitivity, CovarianceMethod::Jackknife).unwrap();
    let found = compare(&estimates, Factors::RandomReadersRandomCases, 0.05).unwrap();
    let twin = dbm::analyze(&ratings, &sensitivity, 0.05).unwrap();
    assert!(close(found.overall.f.unwrap(), twin.tests[0].overall.f.unwrap()));
    assert!(close(found.overall.ddf, twin.tests[0].overall.ddf));
}

#[test]
fn several_modalities_and_one_reader_are_reported_with_what_can_be_said() {
    let three = StudyReport::new(&table(&rows(1, 3, 3, 30), ""), &ReportOptions::default()).unwrap();
    let mrmc = three.mrmc.as_ref().unwrap();
    assert_eq!(mrmc.fixed_readers.pairs.len(), 3);
    assert_eq!(three.delong.len(), 9);
    assert!(methods_text::text(&three).contains("after Holm"));

    let one = StudyReport::new(&table(&rows(1, 2, 1, 30), ""), &ReportOptions::default()).unwrap();
    let mrmc = one.mrmc.as_ref().unwrap();
    assert!(mrmc.random_readers_random_cases.is_none() && mrmc.fixed_cases.is_none());
    assert!(one.warnings.iter().any(|w| w.contains("at least 2")));

    let alone = StudyReport::new(&table(&rows(1, 1, 3, 30), ""), &ReportOptions::default()).unwrap();
    assert!(alone.mrmc.is_none() && alone.delong.is_empty());
    assert_eq!(alone.modalities.len(), 1);
    assert!(alone.warnings.iter().any(|w| w.contains("at least 2 modalities")));
}

#[test]
fn one_readers_fixed_difference_is_the_delong_test() {
    let ratings = table(&rows(9, 2, 1, 40), "");
    let estimates = Estimates::of_ratings(&ratings, &Auc, CovarianceMethod::DeLong).unwrap();
    let fixed = compare(&estimates, Factors::FixedReaders, 0.05).unwrap();
    let report = StudyReport::new(&ratings, &ReportOptions::default()).unwrap();
    assert!(close(fixed.differences[0].p.unwrap(), report.delong[0].p.unwrap()));
}

#[test]
fn equal_arms_have_an_undefined_f_and_never_a_number_from_0_over_0() {
    let mut all = rows(2, 2, 3, 20);
    let first: Vec<u64> = all.iter().take(60).map(|row| row[4]).collect();
    for (row, rating) in all.iter_mut().skip(60).zip(first) {
        row[4] = rating;
    }
    let report = StudyReport::new(&table(&all, ""), &ReportOptions::default()).unwrap();
    let fixed_cases = report.mrmc.as_ref().unwrap().fixed_cases.as_ref().unwrap();
    assert_eq!((fixed_cases.F, fixed_cases.p, fixed_cases.difference), (None, None, 0.0));
    assert!(report.delong.iter().all(|d| d.z.is_none() && d.p.is_none()));
    assert!(report.warnings.iter().any(|w| w.contains("undefined")));
    let mrmc = report.mrmc.unwrap();
    assert_eq!((mrmc.fixed_readers.F, mrmc.random_readers_random_cases.unwrap().F), (None, None));
    assert!(report.dbm.unwrap().tests.iter().all(|t| t.overall.f.is_none()));
}

#[test]
fn equivalence_is_shown_exactly_when_both_one_sided_tests_reject() {
    let mut draws = Draws(11);
    for _ in 0..200 {
        let difference = (draws.below(200) as f64 - 100.0) / 1000.0;
        let se = (1 + draws.below(60)) as f64 / 1000.0;
        let df = (2 + draws.below(40)) as f64;
        let found = equivalence(difference, se, df, 0.08, 0.05).unwrap();
        assert_eq!(found.equivalent, found.p.unwrap() < 0.05);
    }
}

#[test]
fn quantiles_and_tails_undo_each_other() {
    for df in [1.0, 2.5, 15.26, 300.0, 5e5, 2e6] {
        for p in [0.6, 0.9, 0.975, 0.9999] {
            let t = distribution::t_quantile(p, df);
            assert!(close(distribution::t_upper(t, df), 1.0 - p));
            assert!(close(distribution::t_quantile(1.0 - p, df), -t));
            let f = distribution::f_quantile(p, 3.0, df);
            assert!(close(distribution::f_upper(f, 3.0, df), 1.0 - p));
        }
    }
    // Tables of Abramowitz and Stegun 1972 and closed forms: t(1) is Cauchy, chi-squared(2) exponential.
    assert!(close(distribution::t_quantile(0.975, 1.0), (0.475 * std::f64::consts::PI).tan()));
    assert!(close(distribution::chi_squared_quantile(0.95, 2.0), -2.0 * 0.05_f64.ln()));
    assert!((distribution::t_quantile(0.975, 10.0) - 2.228_138_85).abs() < 1e-8);
    // On both sides of the change to the expansion for many degrees of freedom.
    let (below, above) = (distribution::t_two_sided(3.0, 999_999.0), distribution::t_two_sided(3.0, 1_000_001.0));
    assert!((below / above - 1.0).abs() < 1e-9);
}

#[test]
fn noncentral_tails_equal_their_closed_forms() {
    for lambda in [0.0, 0.3, 4.0, 11.6, 250.0] {
        for x in [0.5, 3.84, 60.0] {
            let root = |v: f64| v.sqrt();
            let exact =
                distribution::normal_upper(root(x) - root(lambda)) + distribution::normal_upper(root(x) + root(lambda));
            assert!(close(distribution::noncentral_chi_squared_upper(x, 1.0, lambda), exact), "{lambda} {x}");
            assert!((distribution::noncentral_f_upper(x, 1.0, 9e5, lambda) - exact).abs() < 1e-4);
        }
    }
    assert!(close(distribution::noncentral_f_upper(4.2, 1.0, 15.0, 0.0), distribution::f_upper(4.2, 1.0, 15.0)));
}

#[test]
fn power_without_an_effect_is_alpha_and_rises_with_cases() {
    let of = super::estimates(CovarianceMethod::Jackknife);
    let covariances = CovarianceComponents::of(&of);
    let pilot = Pilot { var_tr: 2e-4, covariances, cases: 114 };
    for factors in ALL_FACTORS {
        let none = Plan { factors, effect: 0.0, alpha: 0.05 };
        assert!(close(power::power(&pilot, &none, 6, 100).unwrap().power, 0.05));
        let some = Plan { effect: 0.05, ..none };
        let at = |cases| power::power(&pilot, &some, 6, cases).unwrap().power;
        assert!(at(50) < at(100) && at(100) < at(400));
        assert_eq!(power::cases_for_power(&pilot, &some, 6, 0.999_999, 10).unwrap(), None);
    }
    let guesses = Guesses::new(0.85, 0.1, 0.05);
    let found = power::cases_without_pilot(&guesses, 0.05, 0.05, 8, 0.8, 5000).unwrap().unwrap();
    let fewer = power::power_without_pilot(&guesses, 0.05, 0.05, 8, found.cases - 1).unwrap();
    assert!(found.power >= 0.8 && fewer.power < 0.8);
    assert!(power::power_without_pilot(&guesses, 0.05, 0.05, 4, 100).is_err());
}

#[test]
fn trials_for_power_hold_it_for_all_larger_numbers() {
    let needed = power::trials_for_power(0.65, 0.05, 0.8).unwrap();
    assert!(power::binomial_power(needed - 1, 0.65, 0.05) < 0.8);
    assert!((needed..needed + 200).all(|n| power::binomial_power(n, 0.65, 0.05) >= 0.8));
}

#[test]
fn equal_grades_lie_at_one_half_and_their_interval_covers_it() {
    let mut draws = Draws(3);
    let grades: Vec<Vec<f64>> = (0..4).map(|_| (0..30).map(|_| draws.below(5) as f64).collect()).collect();
    let same = grading::compare(&grades, &grades, 500, 1, 0.05).unwrap();
    assert_eq!((same.area, same.interval), (0.5, [0.5, 0.5]));
    let better: Vec<Vec<f64>> = grades.iter().map(|reader| reader.iter().map(|g| g + 1.0).collect()).collect();
    let found = grading::compare(&better, &grades, 500, 1, 0.05).unwrap();
    assert!(found.interval[0] > 0.5 && found.interval[0] < found.area && found.area < found.interval[1]);
    assert_eq!(found, grading::compare(&better, &grades, 500, 1, 0.05).unwrap());
}

#[test]
fn strengths_of_two_are_their_shares_and_unlinked_images_are_refused() {
    let two = bradley_terry(&[vec![0, 3], vec![1, 0]]).unwrap();
    assert!(close(two[0], 0.75) && close(two[1], 0.25));
    assert!(bradley_terry(&[vec![0, 3], vec![0, 0]]).is_err());
}
