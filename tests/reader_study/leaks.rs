//! Leaks between the arms of a study: against numpy, SciPy and scikit-learn, and on simulated arms.
//! Expected numbers: `tests/expected/make_leaks.py`, whose input formulas are repeated here.

use serde_json::Value;
use veritome::metrics::sets::draws::{below, seeded};
use veritome::reader_study::leaks::arms::Arms;
use veritome::reader_study::leaks::clustered_auc::clustered_auc;
use veritome::reader_study::leaks::cross_validation::out_of_fold;
use veritome::reader_study::leaks::logistic::RidgeLogistic;
use veritome::reader_study::leaks::separability::TraitResult;
use veritome::reader_study::leaks::{
    Arm, ImageHeader, ImageTraits, LeakError, LeakOptions, LeakReport, Separability, StudyImage, TextTag, TraitColumn,
    TraitTable, Verdict,
};

fn expected(what: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("../data/leaks/expected.json")).unwrap();
    all[what].as_array().unwrap().clone()
}

fn list(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

#[track_caller]
fn near(found: f64, wanted: f64, tolerance: f64, what: &str) {
    assert!((found - wanted).abs() <= tolerance * wanted.abs().max(1e-3), "{what}: {found}, expected {wanted}");
}

fn hashed(n: usize, seed: u64) -> i64 {
    let mask = 0xFFFF_FFFF_u64;
    let mut n = (n as u64).wrapping_add(seed * 0x9E37_79B9) & mask;
    for factor in [0x7FEB_352D, 0x846C_A68B] {
        n ^= n >> 16;
        n = (n * factor) & mask;
    }
    (n ^ n >> 15) as i64
}

fn column(j: usize, arms: &[Arm], shift: i64) -> Vec<f64> {
    let value = |(n, arm): (usize, &Arm)| {
        let noise = hashed(n, 50 + j as u64) % 1001 + if j % 3 == 1 && *arm == Arm::B { shift } else { 0 };
        match j % 6 {
            0 => noise as f64 * 1e4,
            1 => noise as f64 / 8.0,
            2 => {
                if n == 7 {
                    8.0
                } else {
                    5.0
                }
            }
            3 => (noise / 300) as f64,
            4 => (noise + hashed(n, 77) % 100) as f64,
            _ => (hashed(n, 54) % 1001) as f64 * 2.0 + 1.0 + (noise / 100) as f64,
        }
    };
    arms.iter().enumerate().map(value).collect()
}

#[test]
fn the_classifier_is_scikit_learns_and_the_areas_are_numpys() {
    for case in expected("classifier") {
        let arm = |v: &f64| if *v > 0.5 { Arm::B } else { Arm::A };
        let arms: Vec<Arm> = list(&case["arms"]).iter().map(arm).collect();
        let patients: Vec<String> = list(&case["patients"]).iter().map(std::string::ToString::to_string).collect();
        let folds: Vec<usize> = list(&case["folds"]).iter().map(|f| *f as usize).collect();
        let (shift, c) = (case["shift"].as_i64().unwrap(), case["c"].as_f64().unwrap());
        let columns: Vec<Vec<f64>> =
            (0..case["columns"].as_u64().unwrap() as usize).map(|j| column(j, &arms, shift)).collect();
        let study = Arms::new(&arms, &patients).unwrap();
        let scores = out_of_fold(&columns, &study, &folds, c).unwrap();
        for (found, wanted) in scores.iter().zip(list(&case["scores"])) {
            near(*found, wanted, 1e-6, "score");
        }
        let found = clustered_auc(&scores, &study, 0.05).unwrap();
        println!("auc {} expected {}", found.auc, case["auc"]);
        near(found.auc, case["auc"].as_f64().unwrap(), 1e-12, "auc");
        near(found.se.unwrap(), case["se"].as_f64().unwrap(), 1e-9, "se");
        let positive: Vec<bool> = arms.iter().map(|arm| *arm == Arm::B).collect();
        let rows: Vec<usize> = (0..arms.len()).collect();
        let all = RidgeLogistic::fit(&columns, &rows, &positive, c).unwrap();
        for (found, wanted) in all.weights().iter().zip(list(&case["weights"])) {
            near(*found, wanted, 1e-6, "weight");
        }
        let traits = list(&case["trait_auc"]).into_iter().zip(list(&case["trait_se"]));
        for (column, (auc, se)) in columns.iter().zip(traits) {
            let found = clustered_auc(column, &study, 0.05).unwrap();
            near(found.auc, auc, 1e-12, "trait");
            near(found.se.unwrap(), se, 1e-9, "se of a trait");
        }
    }
}

#[test]
fn traits_are_numpys_and_scipys() {
    for case in expected("traits") {
        let dims: Vec<usize> = list(&case["dims"]).iter().map(|n| *n as usize).collect();
        let [nx, ny, nz] = dims.try_into().unwrap();
        let [scale, offset, padding] = ["scale", "offset", "padding"].map(|key| case[key].as_f64().unwrap());
        let voxel = |n: usize| {
            let (x, y) = ((n % nx) as i64, (n / nx % ny) as i64);
            let whole = hashed(n, 60) % 400 + 3 * y * (x + 1) % 500;
            if x < 2 { padding as f32 } else { (whole as f64 * scale + offset) as f32 }
        };
        let voxels: Vec<f32> = (0..nx * ny * nz).map(voxel).collect();
        let header = ImageHeader { padding: Some(padding as f32), ..ImageHeader::default() };
        let found = ImageTraits::new(&voxels, [nx, ny, nz], &header).unwrap();
        for (name, found) in [
            ("minimum", found.minimum),
            ("maximum", found.maximum),
            ("share_at_minimum", found.share_at_minimum),
            ("share_at_maximum", found.share_at_maximum),
            ("share_zero", found.share_zero),
            ("distinct_values", found.distinct_values as f64),
            ("quantisation_step", found.quantisation_step.unwrap()),
            ("border_mean", found.border_mean.unwrap()),
            ("border_sd", found.border_sd.unwrap()),
            ("border_padding_share", found.border_padding_share),
            ("high_frequency_ratio", found.high_frequency_ratio.unwrap()),
        ] {
            near(found, case[name].as_f64().unwrap(), 1e-10, name);
        }
        for (found, wanted) in found.histogram.unwrap().iter().zip(list(&case["histogram"])) {
            near(*found, wanted, 1e-10, "histogram");
        }
    }
}

/// Uniform noise, a column a trait; trait 1 is moved by `shift` of its range in arm B.
fn simulated(seed: u64, patients: usize, paired: bool, shift: f64) -> TraitTable {
    let mut rng = seeded(seed, 99);
    let per_patient = if paired { 2 } else { 3 };
    let images = patients * per_patient;
    let of = |n: usize| if paired { n % 2 } else { n / per_patient % 2 };
    let arms: Vec<Arm> = (0..images).map(|n| [Arm::A, Arm::B][of(n)]).collect();
    let names: Vec<String> = (0..images).map(|n| format!("p{}", n / per_patient)).collect();
    let mut columns: Vec<TraitColumn> =
        (0..6).map(|j| TraitColumn { name: format!("trait_{j}"), values: Vec::new() }).collect();
    for patient in 0..patients {
        for column in &mut columns {
            // Images of a patient are alike.
            let own = below(&mut rng, 1000) as f64 / 1000.0;
            for image in patient * per_patient..(patient + 1) * per_patient {
                let moved = if column.name == "trait_1" && of(image) == 1 { shift } else { 0.0 };
                column.values.push(Some(own + below(&mut rng, 300) as f64 / 1000.0 + moved));
            }
        }
    }
    TraitTable::new(&columns, Arms::new(&arms, &names).unwrap()).unwrap()
}

fn quick(seed: u64) -> LeakOptions {
    LeakOptions { permutations: 99, trait_permutations: 499, seed, ..LeakOptions::default() }
}

#[test]
fn equal_arms_are_rarely_told_apart() {
    for paired in [true, false] {
        let (mut classifiers, mut traits, mut sum) = (0, 0, 0.0);
        for seed in 0..20 {
            let found = Separability::new(&simulated(seed, 24, paired, 0.0), &quick(seed)).unwrap();
            let classifier = found.classifier.unwrap();
            classifiers += u32::from(classifier.p <= 0.05);
            sum += classifier.p;
            traits += u32::from(found.traits.iter().any(|t| t.p_adjusted <= 0.05));
            assert!(found.traits.iter().all(|t| t.gives_away.is_none()));
        }
        println!("paired {paired}: classifier {classifiers} of 20, a trait {traits} of 20, mean p {}", sum / 20.0);
        // One of 20 each is expected; 4 or more have chance 0.016. The mean p has standard deviation 0.065.
        assert!(classifiers <= 3 && traits <= 3 && (0.3..0.7).contains(&(sum / 20.0)), "{classifiers} {traits} {sum}");
    }
}

#[test]
fn one_moved_trait_is_found_and_the_others_are_not_blamed() {
    for paired in [true, false] {
        for seed in 0..3 {
            let found = Separability::new(&simulated(seed, 40, paired, 0.8), &quick(seed)).unwrap();
            let classifier = found.classifier.unwrap();
            assert!(classifier.p_adjusted <= 0.07 && classifier.auc.auc > 0.8, "{classifier:?}");
            assert_eq!(classifier.strongest[0].0, "trait_1");
            for one in &found.traits {
                let moved = one.name == "trait_1";
                assert_eq!(one.p_adjusted <= 0.02, moved, "{one:?}");
            }
        }
    }
}

fn tags(patient: usize, arm: Arm, word: &str) -> Vec<TextTag> {
    let name = if arm == Arm::B { format!("p{patient}{word}.nii") } else { format!("p{patient}.nii") };
    vec![TextTag { place: "file".into(), key: "name".into(), value: name }]
}

/// 16 patients in both arms; `change` is made to voxels and header of arm B.
fn study(change: impl Fn(&mut Vec<f32>, &mut ImageHeader), word: &str) -> LeakReport {
    let mut images = Vec::new();
    for patient in 0..16 {
        for arm in [Arm::A, Arm::B] {
            let mut rng = seeded(patient as u64, arm as u64);
            let mut voxels: Vec<f32> = (0..8 * 8 * 3).map(|_| below(&mut rng, 200) as f32).collect();
            // Both ends of the range, which all images have.
            (voxels[0], voxels[1]) = (0.0, 199.0);
            let mut header =
                ImageHeader { spacing_mm: Some([1.0, 1.0, 3.0]), bits_used: Some(12), ..ImageHeader::default() };
            if arm == Arm::B {
                change(&mut voxels, &mut header);
            }
            let traits = ImageTraits::new(&voxels, [8, 8, 3], &header).unwrap();
            images.push(StudyImage { arm, patient: patient.to_string(), traits, tags: tags(patient, arm, word) });
        }
    }
    let options = LeakOptions { trait_permutations: 1999, permutations: 99, ..LeakOptions::default() };
    LeakReport::new(&images, &options).unwrap()
}

#[test]
fn reports_say_what_leaks_and_what_to_do() {
    let none = study(|_, _| (), "");
    assert_eq!(
        (none.verdict, none.images, none.patients),
        (Verdict::NoneFound, [16, 16], [16, 16]),
        "{:#?}",
        none.reasons
    );
    assert!(none.leak.constant.contains(&"spacing_z_mm".to_string()) && none.texts.is_empty());
    assert!(none.reasons[0].text.starts_with("neither the 32 headers"), "{}", none.reasons[0].text);

    let unknown = study(|_, header| header.spacing_mm = None, "");
    assert_eq!(unknown.verdict, Verdict::Leak);
    assert!(
        unknown.reasons[0]
            .text
            .starts_with("spacing_x_mm known gives the arm away: 1 in all of arm A, 0 in all of arm B")
    );
    assert!(unknown.reasons[0].remedy.starts_with("resample"));

    let border = study(|voxels, _| (0..24).for_each(|row| voxels[8 * row + 7] = 0.0), "");
    assert_eq!(border.verdict, Verdict::Leak);
    let names: Vec<&str> =
        border.leak.traits.iter().filter(|t| t.p_adjusted <= 0.05).map(|t| t.name.as_str()).collect();
    assert!(names.contains(&"border_mean") && names.contains(&"share_zero"), "{names:?}");
    assert!(border.reasons.iter().all(|reason| !reason.text.is_empty() && !reason.remedy.is_empty()));

    let word = study(|_, _| (), "_pred");
    assert_eq!((word.verdict, word.leak.classifier.as_ref().is_some_and(|c| c.p > 0.05)), (Verdict::Leak, true));
    assert!(
        word.reasons[0].text.contains("holds the word \"pred\" for 0 of 16 patients in arm A and 16 of 16 in arm B")
    );

    // Smoother images are another matter than leaks.
    let smoothed = |voxels: &mut Vec<f32>| {
        for at in (0..192).filter(|at| (1..7).contains(&(at % 8)) && (1..7).contains(&(at / 8 % 8))) {
            voxels[at] = (voxels[at] / 8.0).round() + 90.0;
        }
    };
    let smooth = study(|voxels, _| smoothed(voxels), "");
    let rough = |t: &&TraitResult| t.name == "high_frequency_ratio";
    let found = smooth.appearance.traits.iter().find(rough).unwrap();
    assert!(found.p_adjusted <= 0.05 && found.auc.auc < 0.1, "{found:?}");
    assert!(smooth.leak.traits.iter().all(|t| !rough(&t)));
    let json = serde_json::to_value(&word).unwrap();
    assert_eq!((&json["verdict"], &json["texts"][0]["kind"]), (&"leak".into(), &"telltale_word".into()));
}

#[test]
fn too_few_patients_are_told_and_bad_input_is_refused() {
    let arms = Arms::new(&[Arm::A, Arm::B, Arm::A, Arm::B], &["p", "p", "q", "q"].map(String::from)).unwrap();
    let column = |values: &[f64]| TraitColumn { name: "x".into(), values: values.iter().copied().map(Some).collect() };
    let table = TraitTable::new(&[column(&[1.0, 2.0, 1.5, 3.0])], arms.clone()).unwrap();
    let found = Separability::new(&table, &quick(0)).unwrap();
    near(found.least_p, 0.5, 1e-12, "least p");
    assert!(found.traits[0].p > 0.4);
    let short = TraitTable::new(&[column(&[1.0])], arms.clone());
    assert_eq!(short, Err(LeakError::Length { what: "x".into(), expected: 4, found: 1 }));
    let nan = TraitTable::new(&[column(&[1.0, f64::NAN, 1.0, 1.0])], arms.clone());
    assert!(matches!(nan, Err(LeakError::NotFinite { image: 1, .. })));
    let none = TraitTable::new(&[], arms).unwrap();
    assert_eq!(Separability::new(&none, &quick(0)).unwrap().classifier, None);
    assert!(Separability::new(&none, &LeakOptions { folds: 1, ..quick(0) }).is_err());
    // One patient alone in arm A: no classifier, but traits.
    let lone = Arms::new(&[Arm::A, Arm::A, Arm::B, Arm::B], &["p", "p", "q", "r"].map(String::from)).unwrap();
    let found =
        Separability::new(&TraitTable::new(&[column(&[1.0, 1.0, 2.0, 2.0])], lone).unwrap(), &quick(0)).unwrap();
    assert!(found.classifier.is_none() && found.no_classifier.is_some());
    assert_eq!(found.traits[0].auc.se, None);
}
