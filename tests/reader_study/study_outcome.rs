//! Finished studies from logs to results, on simulated readers of whom the truth is known.

use std::collections::BTreeMap;

use super::invented_study::{Invention, opening, read_by, readers};
use veritome::reader_study::analysis::distribution::normal_upper;
use veritome::reader_study::analysis::{CovarianceMethod, RatingsTable};
use veritome::reader_study::design::{AnswerValue, SealedTruth};
use veritome::reader_study::outcome::remarks::Word;
use veritome::reader_study::outcome::simulate::SimulatedReader;
use veritome::reader_study::outcome::{
    DesignResult, Incomplete, Integrity, Material, OutcomeError, OutcomeOptions, Readings, StudyOutcome, html,
};
use veritome::reader_study::session::clock::DrivenClock;
use veritome::reader_study::session::entry::{Entry, NO_LINE, line_hash};
use veritome::reader_study::session::event::Event;
use veritome::reader_study::session::looks::Looks;
use veritome::reader_study::session::step::Step;
use veritome::reader_study::session::utc::Utc;
use veritome::reader_study::session::verify::{Expected, verify};
use veritome::reader_study::session::{ReadingSession, SessionLog};

fn options() -> OutcomeOptions {
    OutcomeOptions { resamples: 300, ..OutcomeOptions::default() }
}

fn analysed(invention: &Invention, skill: f64, seed: u64) -> (Material, SealedTruth, StudyOutcome) {
    let (material, truth) = invention.build();
    let material = read_by(&material, &truth, &readers(invention, &truth, skill), seed);
    let outcome = StudyOutcome::new(&material, &truth, &options()).unwrap();
    (material, truth, outcome)
}

/// Readers with a skill for each arm.
fn by_arm(invention: &Invention, truth: &SealedTruth, skills: &[f64]) -> Vec<SimulatedReader> {
    let skill: BTreeMap<String, f64> =
        invention.arms.iter().zip(skills).map(|((arm, _), skill)| ((*arm).to_owned(), *skill)).collect();
    readers(invention, truth, 0.0).into_iter().map(|r| SimulatedReader { skill: skill.clone(), ..r }).collect()
}

fn read_with(invention: &Invention, skills: &[f64], seed: u64) -> StudyOutcome {
    let (material, truth) = invention.build();
    let material = read_by(&material, &truth, &by_arm(invention, &truth, skills), seed);
    StudyOutcome::new(&material, &truth, &options()).unwrap()
}

fn phi(z: f64) -> f64 {
    1.0 - normal_upper(z)
}

fn inside(interval: [f64; 2], value: f64) -> bool {
    interval[0] <= value && value <= interval[1]
}

/// The log with its entries changed and a sound chain, as a forger would write it.
fn forged(bytes: &[u8], change: impl Fn(&mut Entry)) -> Vec<u8> {
    let mut entries = verify("log", bytes, &Expected::default()).entries;
    let (mut previous, mut out) = (NO_LINE.to_owned(), Vec::new());
    for entry in &mut entries {
        change(entry);
        entry.previous = previous;
        let line = entry.line().unwrap();
        previous = line_hash(&line);
        out.extend(line);
        out.push(b'\n');
    }
    out
}

#[test]
fn yes_no_recovers_the_sensitivity_and_criterion_that_readers_were_given() {
    let invention = Invention::new("yes_no", 5, 120);
    let (material, truth) = invention.build();
    let biased = |r: SimulatedReader| SimulatedReader { criterion: 0.3, ..r };
    let all: Vec<_> = readers(&invention, &truth, 1.2).into_iter().map(biased).collect();
    let material = read_by(&material, &truth, &all, 11);
    let outcome = StudyOutcome::new(&material, &truth, &options()).unwrap();
    let DesignResult::YesNo(result) = &outcome.result.content else { panic!("{:?}", outcome.design) };
    assert_eq!((result.threshold, result.readers.len()), (3.5, 5));
    for reader in &result.readers {
        assert!(inside(reader.dprime_interval, 1.2), "{}: {:?}", reader.reader, reader.dprime_interval);
        assert!((reader.detection.criterion_c - 0.3).abs() < 0.35);
        assert_eq!((reader.hits.n, reader.false_alarms.n), (120, 120));
    }
    let area = &result.means[0];
    // Six steps lose a little of the area of the continuous evidence, phi(d'/sqrt 2) = 0.802.
    assert!(inside(area.interval, phi(1.2 / 2.0_f64.sqrt()) - 0.01), "{area:?}");
    assert!(area.against.unwrap().p.unwrap() < 1e-4 && area.readers == 5);
    let balanced = &result.means[1];
    let expected = f64::midpoint(phi(0.6 - 0.3), phi(0.6 + 0.3));
    assert!(inside(balanced.interval, expected), "{balanced:?} {expected}");
    let ratings = outcome.ratings_csv().unwrap().unwrap();
    let table = RatingsTable::parse("ratings.csv", ratings.as_bytes()).unwrap().crossed().unwrap();
    assert_eq!((table.readers().len(), table.case_counts()), (5, (120, 120)));
    assert_eq!(outcome.planned_tests.content[0].p, outcome.planned_tests.content[0].p_holm);
}

#[test]
fn readers_at_chance_are_equivalent_to_chance_within_a_wide_margin() {
    let outcome = read_with(&Invention { margin: Some(0.15), ..Invention::new("yes_no", 6, 100) }, &[0.0, 0.0], 3);
    let DesignResult::YesNo(result) = &outcome.result.content else { panic!() };
    let area = &result.means[0];
    assert!(inside(area.interval, 0.5) && area.equivalence.unwrap().equivalent, "{area:?}");
}

#[test]
fn forced_choice_recovers_sensitivity_and_side_bias() {
    let invention = Invention::new("forced_choice", 4, 200);
    let (material, truth) = invention.build();
    let biased = |r: SimulatedReader| SimulatedReader { side_bias: 1.2, ..r };
    let all = readers(&invention, &truth, 1.0).into_iter().enumerate();
    let all: Vec<_> = all.map(|(at, r)| if at == 0 { biased(r) } else { r }).collect();
    let material = read_by(&material, &truth, &all, 5);
    let outcome = StudyOutcome::new(&material, &truth, &options()).unwrap();
    let DesignResult::ForcedChoice(result) = &outcome.result.content else { panic!() };
    let pulled = &result.readers[0];
    assert!(pulled.p_side_bias < 0.001 && pulled.chosen_left.share > 0.6, "{pulled:?}");
    for reader in &result.readers[1..] {
        assert!(inside(reader.dprime_interval, 1.0), "{reader:?}");
        assert!(reader.p_side_bias > 0.01, "{reader:?}");
    }
    assert!(result.means[0].against.unwrap().p.unwrap() < 0.001);
    assert_eq!((result.means[0].cases, result.means[0].readers), (200, 4));
    assert_eq!(outcome.order_effects.content.sides.len(), 4);
}

#[test]
fn roc_finds_the_arm_that_is_read_worse_and_swapping_arms_changes_the_sign() {
    let invention = Invention::new("roc", 5, 100);
    let (material, truth) = invention.build();
    let material = read_by(&material, &truth, &by_arm(&invention, &truth, &[1.8, 0.9]), 8);
    let outcome = StudyOutcome::new(&material, &truth, &options()).unwrap();
    let DesignResult::Roc(result) = &outcome.result.content else { panic!() };
    let report = result.report.as_ref().unwrap();
    let test = report.mrmc.as_ref().unwrap().random_readers_random_cases.as_ref().unwrap();
    let expected = phi(1.8 / 2.0_f64.sqrt()) - phi(0.9 / 2.0_f64.sqrt());
    assert!(inside(test.ci, expected) && test.p.unwrap() < 0.05, "{:?} {expected}", test.ci);
    assert!(!report.noninferiority[0].test.noninferior && report.dbm.is_some());
    assert_eq!((&*report.noninferiority[0].new, &*report.noninferiority[0].reference), ("synthetic", "acquired"));
    for single in &report.modalities {
        let skill = if single.mean.modality == "acquired" { 1.8 } else { 0.9_f64 };
        assert!(inside(single.mean.interval, phi(skill / 2.0_f64.sqrt())), "{single:?}");
    }
    let mut swapped = truth.clone();
    for trial in swapped.lists.values_mut().flatten() {
        let name = if trial.modalities[0] == "acquired" { "synthetic" } else { "acquired" };
        trial.modalities = vec![name.into()];
    }
    for blob in swapped.blobs.values_mut() {
        blob.modality = if blob.modality == "acquired" { "synthetic" } else { "acquired" }.into();
    }
    let other = StudyOutcome::new(&material, &swapped, &options()).unwrap();
    let DesignResult::Roc(other) = &other.result.content else { panic!() };
    let back = other.report.as_ref().unwrap().mrmc.as_ref().unwrap().random_readers_random_cases.as_ref().unwrap();
    assert!((test.difference + back.difference).abs() < 1e-12);
    assert!((test.p.unwrap() - back.p.unwrap()).abs() < 1e-12);
}

#[test]
fn other_designs_recover_what_readers_were_given() {
    let outcome = read_with(&Invention::new("aided", 3, 60), &[0.8, 2.0], 2);
    let DesignResult::Aided(result) = &outcome.result.content else { panic!() };
    assert!(result.areas.iter().filter(|a| a.modality == "synthetic").all(|a| a.auc > 0.8));
    assert_eq!((result.areas.len(), result.rates.len()), (6, 6));

    let outcome = read_with(&Invention::new("free_response", 4, 80), &[2.5, 1.0], 2);
    let DesignResult::FreeResponse(result) = &outcome.result.content else { panic!() };
    assert_eq!((result.diseased_cases, result.lesions, result.normal_cases), (40, 80, 40));
    let difference = &result.comparisons[0].differences[0].difference;
    assert!(difference.difference > 0.0 && difference.p.unwrap() < 0.05, "{difference:?}");
    for reader in &result.readers {
        // A lesion is marked when its evidence exceeds 0.
        let expected = phi(if reader.modality == "acquired" { 2.5 } else { 1.0 });
        assert!((reader.lesions_marked - expected).abs() < 0.1, "{reader:?}");
        assert!((reader.non_lesion_marks_per_case - 0.4).abs() < 0.2, "{reader:?}");
    }
    // Curves are drawn, each named with its area, and not listed.
    let page = html::page(&outcome).unwrap().html();
    assert!(page.contains("FROC curve of each reader") && page.contains("False positives per case"));
    let first = &result.readers[0];
    assert!(page.contains(&format!("{}, {}: wAFROC 0.", first.reader, first.modality)));
    assert!(!page.contains("Share of lesions marked"), "no table of points");

    let outcome = read_with(&Invention::new("grading", 4, 100), &[0.8, 0.0], 2);
    let DesignResult::Grading(result) = &outcome.result.content else { panic!() };
    assert_eq!((result.criteria.len(), result.agreement.len()), (2, 4));
    for criterion in &result.criteria {
        let vgc = criterion.vgc.unwrap();
        assert!(inside(vgc.interval, phi(-0.8 / 2.0_f64.sqrt()) + 0.01), "{vgc:?}");
        assert!(criterion.readers.iter().all(|r| r.p_holm.unwrap() < 0.05 && r.p_holm >= r.p));
    }
    assert!(result.agreement.iter().all(|a| a.krippendorff_alpha.unwrap() > 0.1 && a.pairs.len() == 6));

    let outcome = read_with(&Invention::new("preference", 5, 120), &[0.7, 0.0], 2);
    let DesignResult::Preference(result) = &outcome.result.content else { panic!() };
    let root = 2.0_f64.sqrt();
    let (won, lost) = (phi((0.7 - 0.2) / root), phi((-0.7 - 0.2) / root));
    let mean = result.pairs[0].mean.as_ref().unwrap();
    assert!(inside(mean.interval, won + (1.0 - won - lost) / 2.0), "{mean:?}");
    assert!(result.strengths.is_none() && result.pairs[0].readers.len() == 5);

    let outcome = read_with(&Invention::new("approval", 4, 100), &[1.0, 0.2], 2);
    let DesignResult::Approval(result) = &outcome.result.content else { panic!() };
    let usable: Vec<_> =
        result.means.iter().filter(|m| m.figure == "answered `approve` or `approve with minor edits`").collect();
    assert!(inside(usable[0].interval, phi(1.0)) && inside(usable[1].interval, phi(0.2)), "{usable:?}");
    assert!(result.comparison.as_ref().unwrap().comparisons[0].differences[0].p.unwrap() < 0.05);
    assert!(result.readers.iter().all(|r| r.shares.iter().map(|s| s.share.share).sum::<f64>() > 0.999));
    let named: Vec<&str> = result.readers[0].shares.iter().map(|s| s.option.as_str()).collect();
    assert_eq!(named, ["approve", "approve with minor edits", "major edits", "reject"]);
    let json = serde_json::to_value(&result.readers[0]).unwrap();
    assert_eq!((&json["shares"][3]["option"], &json["shares"][3]["n"]), (&"reject".into(), &100.into()));
    let page = html::page(&outcome).unwrap().html();
    assert!(page.contains(">Option<") && page.contains(">approve with minor edits<"), "{page}");
    assert!(read_with(&Invention::new("preference", 2, 20), &[0.7, 0.0], 2).approval_csv().unwrap().is_none());
}

#[test]
fn free_response_without_cases_that_all_read_is_refused_in_the_words_of_the_plan() {
    let invention = Invention::new("free_response", 2, 12);
    let (material, truth) = invention.build();
    let mut material = read_by(&material, &truth, &readers(&invention, &truth, 1.0), 3);
    // One reader stayed away from the second session, and so saw every case in one arm alone.
    material.logs.retain(|log| log.file != "R02-s2.jsonl");
    let word = Word { unplanned_look: Some("the owner".to_owned()), ..Word::default() };
    let error = StudyOutcome::new(&material, &truth, &OutcomeOptions { word, ..options() }).unwrap_err().to_string();
    assert!(
        error.contains("at least 1 normal and 1 diseased are needed, and there are 0 normal and 0 diseased"),
        "{error}"
    );
    assert!(error.contains("every reader reads 3 normal and 3 diseased in arm `acquired`"), "{error}");
}

#[test]
fn a_free_response_study_reports_what_jafroc_does_on_the_page_and_as_a_table() {
    let arms = vec![("acquired", false), ("one", true), ("two", true)];
    let invention = Invention { arms, sessions: 3, ..Invention::new("free_response", 4, 60) };
    let outcome = read_with(&invention, &[2.5, 2.4, 0.8], 2);
    let DesignResult::FreeResponse(result) = &outcome.result.content else { panic!() };
    let csv = outcome.arms_csv().unwrap().unwrap();
    let mut table = csv::Reader::from_reader(csv.as_bytes());
    let header = table.headers().unwrap().clone();
    let lines: Vec<csv::StringRecord> = table.records().map(Result::unwrap).collect();
    let cell = |line: &csv::StringRecord, name: &str| {
        line[header.iter().position(|h| h == name).unwrap_or_else(|| panic!("{name} in {header:?}"))].to_owned()
    };
    let number = |line: &csv::StringRecord, name: &str| cell(line, name).parse::<f64>().unwrap();
    let of = |what: &str, figure: &str| -> Vec<&csv::StringRecord> {
        lines.iter().filter(|line| cell(line, "what") == what && cell(line, "figure").contains(figure)).collect()
    };
    // Three ways to generalise: three arms, one F, three pairs each; a pair for each of four readers.
    for figure in ["wAFROC", "JAFROC"] {
        assert_eq!(of("any_arm_differs", figure).len(), 3);
        assert_eq!((of("mean", figure).len(), of("difference", figure).len()), (9, 9));
        assert_eq!((of("reader_difference", figure).len(), of("reader", figure).len()), (12, 12));
    }
    let f = of("any_arm_differs", "wAFROC")[0];
    assert!(number(f, "statistic") > 1.0 && number(f, "df1") == 2.0 && number(f, "p") < 0.05, "{f:?}");
    let means: BTreeMap<String, f64> =
        of("mean", "wAFROC")[..3].iter().map(|line| (cell(line, "arm"), number(line, "value"))).collect();
    for line in of("difference", "wAFROC") {
        let expected = means[&cell(line, "arm")] - means[&cell(line, "minus_arm")];
        assert!((number(line, "value") - expected).abs() < 1e-12, "{line:?}");
        assert!(
            inside([number(line, "low"), number(line, "high")], expected)
                && number(line, "p_holm") >= number(line, "p")
        );
    }
    // Each mean is that of its readers' figures.
    for (arm, mean) in &means {
        let own = of("reader", "wAFROC").into_iter().filter(|line| cell(line, "arm") == *arm);
        let own: Vec<f64> = own.map(|line| number(line, "value")).collect();
        assert!((own.iter().sum::<f64>() / 4.0 - mean).abs() < 1e-12, "{arm}");
    }
    // Ratings are 1 to 100; the stated one is the middle. There as at the FROC curve's nearest threshold from above.
    assert_eq!(result.rating, 50.5);
    for (reader, line) in result.readers.iter().zip(of("reader", "sensitivity")) {
        let at = reader.froc.iter().rfind(|point| point.threshold >= 50.5).map_or((0.0, 0.0), |p| (p.llf, p.nlf));
        assert_eq!((reader.at_rating.sensitivity, reader.at_rating.false_positives_per_image), at);
        assert_eq!((number(line, "value"), number(line, "rating")), (at.0, 50.5));
    }
    for arm in &result.arms_at_rating {
        let own = || result.readers.iter().filter(|r| r.modality == arm.modality);
        let mean = own().map(|r| r.at_rating.sensitivity).sum::<f64>() / 4.0;
        assert!((arm.sensitivity - mean).abs() < 1e-12 && inside(arm.sensitivity_interval.unwrap(), mean));
        assert!(inside(arm.false_positives_interval.unwrap(), arm.false_positives_per_image));
    }
    assert!(lines.iter().all(|line| cell(line, "remark") == outcome.remarks.join(" ")));
    assert_eq!(outcome.planned_tests.content.len(), 3);
    let page = html::page(&outcome).unwrap().html();
    for words in [
        "Any arm differs: weighted AFROC area (wAFROC)",
        "Means of the arms (standard error of the mean over readers): AFROC area (JAFROC)",
        "Differences of arms (standard error of the difference): weighted AFROC area (wAFROC) (part 1 of 2)",
        "Mean squares and covariances: weighted AFROC area (wAFROC)",
        "Sensitivity and false positives of the arms at the stated rating or higher",
        "Stated rating (middle of the scale)",
    ] {
        assert!(page.contains(words), "`{words}` is not in the report");
    }
    assert!(!page.contains(">Arms compared<"), "a table that only names the figures");
    assert!(read_with(&Invention::new("preference", 2, 20), &[0.7, 0.0], 2).arms_csv().unwrap().is_none());
}

#[test]
fn shares_of_approval_stand_in_a_table_that_says_who_is_simulated() {
    let outcome = read_with(&Invention::new("approval", 4, 100), &[1.0, 0.2], 2);
    let csv = outcome.approval_csv().unwrap().unwrap();
    let mut table = csv::Reader::from_reader(csv.as_bytes());
    let header = table.headers().unwrap().clone();
    let lines: Vec<csv::StringRecord> = table.records().map(Result::unwrap).collect();
    // Four readers, two arms, four options and what means approved.
    assert_eq!(lines.len(), 4 * 2 * 5);
    let cell = |line: &csv::StringRecord, name: &str| {
        line[header.iter().position(|h| h == name).unwrap_or_else(|| panic!("{name} in {header:?}"))].to_owned()
    };
    let number = |line: &csv::StringRecord, name: &str| cell(line, name).parse::<f64>().unwrap();
    for of_reader in lines.chunks(5) {
        let (approved, options) = of_reader.split_last().unwrap();
        assert_eq!(
            (cell(approved, "what"), cell(approved, "option")),
            ("approved".into(), "approve;approve with minor edits".into())
        );
        let named: Vec<String> = options.iter().map(|line| cell(line, "option")).collect();
        assert_eq!(named, ["approve", "approve with minor edits", "major edits", "reject"]);
        let k: Vec<f64> = options.iter().map(|line| number(line, "k")).collect();
        assert_eq!((k.iter().sum::<f64>(), k[0] + k[1]), (100.0, number(approved, "k")));
        for line in of_reader {
            assert_eq!(number(line, "n"), 100.0);
            assert_eq!(number(line, "share"), number(line, "k") / 100.0);
            for method in ["clopper_pearson", "wilson"] {
                let [low, high] = ["low", "high"].map(|end| number(line, &format!("{method}_{end}")));
                assert!(inside([low, high], number(line, "share")), "{line:?}");
            }
            assert_eq!(cell(line, "remark"), outcome.remarks.join(" "));
        }
    }
    assert!(outcome.remarks[0].contains("All readers are simulated"), "{:?}", outcome.remarks);
}

#[test]
fn three_arms_get_strengths_and_pairwise_tests() {
    let arms = vec![("acquired", false), ("one", true), ("two", true)];
    let outcome =
        read_with(&Invention { arms: arms.clone(), ..Invention::new("preference", 4, 60) }, &[1.0, 0.5, 0.0], 4);
    let DesignResult::Preference(result) = &outcome.result.content else { panic!() };
    let strengths = result.strengths.as_ref().unwrap();
    assert!(strengths[0].strength > strengths[1].strength && strengths[1].strength > strengths[2].strength);
    assert!((strengths.iter().map(|s| s.strength).sum::<f64>() - 1.0).abs() < 1e-9);
    assert!(strengths.iter().all(|s| inside(s.interval.unwrap(), s.strength) && s.resamples == [300, 300]));
    assert_eq!(outcome.planned_tests.content.len(), 3);
    assert!(outcome.planned_tests.content.iter().all(|t| t.p_holm >= t.p));

    let outcome = read_with(&Invention { arms, sessions: 3, ..Invention::new("yes_no", 3, 60) }, &[0.0, 1.5, 0.2], 4);
    let DesignResult::YesNo(result) = &outcome.result.content else { panic!() };
    let areas: Vec<f64> = result.means.iter().filter(|m| m.figure.contains("ROC")).map(|m| m.mean).collect();
    assert!(areas.len() == 2 && areas[0] > 0.7 && areas[1] < 0.65, "{areas:?}");
    assert_eq!(result.report.as_ref().unwrap().n.modalities, 2);
}

#[test]
fn relabelling_readers_and_cases_changes_nothing() {
    let invention = Invention::new("roc", 4, 40);
    let (material, truth) = invention.build();
    let material = read_by(&material, &truth, &by_arm(&invention, &truth, &[1.8, 0.9]), 8);
    let new_name = |old: &str| format!("Z{}", 99 - old[1..].parse::<u32>().unwrap());
    let new_key = |key: &str| key.split_once("-s").map(|(r, s)| format!("{}-s{s}", new_name(r))).unwrap();
    let (mut renamed, mut key) = (material.clone(), truth.clone());
    renamed.study.readers.iter_mut().for_each(|r| *r = new_name(r));
    renamed.lists = material.lists.iter().map(|(k, v)| (new_key(k), v.clone())).collect();
    renamed.lists.values_mut().for_each(|(list, _)| list.reader = new_name(&list.reader));
    let mut plan = truth.plan.plan().clone();
    plan.readers.iter_mut().for_each(|r| r.id = new_name(&r.id));
    key.lists = truth.lists.iter().map(|(k, v)| (new_key(k), v.clone())).collect();
    let new_case = |old: &str| format!("x{}", &line_hash(old.as_bytes())[..16]);
    plan.cases.iter_mut().for_each(|c| c.id = new_case(&c.id));
    key.plan = plan.try_into().unwrap();
    key.blobs.values_mut().for_each(|b| b.case = new_case(&b.case));
    key.lists.values_mut().flatten().for_each(|t| t.case = new_case(&t.case));
    for log in &mut renamed.logs {
        log.file = format!("{}.jsonl", new_key(log.file.strip_suffix(".jsonl").unwrap()));
        log.bytes = forged(&log.bytes, |entry| {
            if let Event::Opened(opened) = &mut entry.event {
                opened.reader = new_name(&opened.reader);
            }
        });
    }
    let numbers = |material: &Material, truth: &SealedTruth| {
        let outcome = StudyOutcome::new(material, truth, &options()).unwrap();
        let DesignResult::Roc(result) = outcome.result.content else { panic!() };
        let test = result.report.unwrap().mrmc.unwrap().random_readers_random_cases.unwrap();
        let trend = outcome.trends.content[1].per_ten_trials.unwrap();
        [test.difference, test.se, test.ddf, test.p.unwrap(), test.ci[0], test.ci[1], trend.mean, trend.t.unwrap()]
    };
    for (a, b) in numbers(&material, &truth).into_iter().zip(numbers(&renamed, &key)) {
        assert!((a - b).abs() < 1e-9 * a.abs().max(1.0), "{a} {b}");
    }
}

#[test]
fn logs_that_cannot_be_trusted_stop_the_analysis_unless_somebody_says_go_on() {
    let invention = Invention::new("yes_no", 2, 40);
    let (material, truth, before) = analysed(&invention, 1.0, 1);
    let refused = |material: &Material| match StudyOutcome::new(material, &truth, &options()) {
        Err(OutcomeError::Untrusted { findings }) => findings.join("\n"),
        other => panic!("{:?}", other.map(|o| o.remarks)),
    };
    // An altered byte.
    let mut altered = material.clone();
    let at = altered.logs[1].bytes.len() / 2;
    altered.logs[1].bytes[at] ^= 1;
    assert!(refused(&altered).contains("R01-s2.jsonl line"));
    let word = Word { accept_untrusted: true, ..Word::default() };
    let accepted = StudyOutcome::new(&altered, &truth, &OutcomeOptions { word, ..options() }).unwrap();
    assert!(accepted.remarks.iter().any(|r| r.contains("cannot be trusted")));
    assert!(accepted.trials_csv().unwrap().lines().skip(1).all(|line| line.contains("cannot be trusted")));
    // Two logs of one reader and session.
    let mut twice = material.clone();
    let mut copy = twice.logs[0].clone();
    copy.file = "R01-s1 (copy).jsonl".into();
    twice.logs.push(copy);
    assert!(refused(&twice).contains("both logs of reader R01, session 1"));
    // A reader's answers handed in as another's: the list gives it away.
    let mut swapped = material.clone();
    swapped.logs[2].bytes = forged(&material.logs[0].bytes, |entry| {
        if let Event::Opened(opened) = &mut entry.event {
            opened.reader = "R02".into();
        }
    });
    assert!(refused(&swapped).contains("another list"));
    // A stranger, and something that is no log.
    let mut stranger = material.clone();
    stranger.logs[0].bytes = forged(&material.logs[0].bytes, |entry| {
        if let Event::Opened(opened) = &mut entry.event {
            opened.reader = "nobody".into();
        }
    });
    assert!(refused(&stranger).contains("nobody-s1, which is not in this study"));
    let mut empty = material.clone();
    empty.logs[0].bytes = b"{}\n".to_vec();
    assert!(refused(&empty).contains("is no log"));
    // Two files that changed names with each other are told apart by what they say.
    let mut exchanged = material.clone();
    let name = exchanged.logs[0].file.clone();
    exchanged.logs[0].file = exchanged.logs[2].file.clone();
    exchanged.logs[2].file = name;
    let after = StudyOutcome::new(&exchanged, &truth, &options()).unwrap();
    assert_eq!(after.result, before.result);
    assert_eq!(after.deviations.content.len(), before.deviations.content.len() + 2);
}

#[test]
fn open_sessions_need_somebody_who_looks_and_then_it_is_said_everywhere() {
    let invention = Invention::new("yes_no", 3, 40);
    let (mut material, truth, _) = analysed(&invention, 1.0, 1);
    material.logs.retain(|log| log.file != "R03-s2.jsonl");
    let cut = material.logs.iter_mut().find(|log| log.file == "R02-s2.jsonl").unwrap();
    cut.bytes.truncate(cut.bytes.len() / 2);
    match StudyOutcome::new(&material, &truth, &options()) {
        Err(OutcomeError::SessionsOpen { open, planned: 6 }) => assert_eq!(open, ["R02-s2", "R03-s2"]),
        other => panic!("{:?}", other.map(|o| o.remarks)),
    }
    let word = Word { unplanned_look: Some("A. Person".into()), ..Word::default() };
    let outcome = StudyOutcome::new(&material, &truth, &OutcomeOptions { word, ..options() }).unwrap();
    let look = "Unplanned look by A. Person: 2 of 6 sessions were not closed.";
    let json = outcome.to_json();
    let mut sections = 0;
    for (_, section) in json.as_object().unwrap().iter().filter(|(_, value)| value.get("heading").is_some()) {
        sections += 1;
        assert!(section["remarks"].as_array().unwrap().iter().any(|r| r == look), "{section}");
        assert!(section["heading"].as_str().unwrap().ends_with("(simulated readers)"), "{}", section["heading"]);
    }
    assert!(sections > 10 && outcome.methods.contains(look) && outcome.trials_csv().unwrap().contains(look));
    let missing: BTreeMap<&str, usize> =
        outcome.flow.content.iter().flat_map(|f| f.missing.clone()).fold(BTreeMap::new(), |mut all, (why, n)| {
            *all.entry(why).or_default() += n;
            all
        });
    assert!(missing["session not begun"] == 46 && missing["session not finished"] > 5, "{missing:?}");
    assert!(outcome.warnings[0].contains("main trials were not read"), "{:?}", outcome.warnings);
}

#[test]
fn a_look_that_was_noted_in_the_logs_is_said_even_after_all_sessions_were_closed() {
    let invention = Invention::new("yes_no", 1, 40);
    let (material, truth, _) = analysed(&invention, 1.0, 1);
    let folder = tempfile::tempdir().unwrap();
    let clock = || Box::new(DrivenClock::new(Utc::parse("2027-03-01T08:00:00.000Z").unwrap()));
    // Into a closed log, and into one that a crash cut off in the middle of a line.
    let mut looked = material.clone();
    for (log, kept) in looked.logs.iter_mut().zip([1.0, 0.7]) {
        let path = folder.path().join(&log.file);
        let kept = (log.bytes.len() as f64 * kept) as usize;
        std::fs::write(&path, &log.bytes[..kept]).unwrap();
        SessionLog::note_unplanned_look(&path, "B. Person", clock()).unwrap();
        log.bytes = std::fs::read(&path).unwrap();
    }
    let word = Word { unplanned_look: Some("B. Person".into()), ..Word::default() };
    let outcome = StudyOutcome::new(&looked, &truth, &OutcomeOptions { word, ..options() }).unwrap();
    assert!(outcome.remarks.iter().any(|r| r == "Unplanned look by B. Person: 1 of 2 sessions were not closed."));
    // The reader goes on where the session was cut off, and ends it.
    let (list, _) = &material.lists["R01-s2"];
    let path = folder.path().join("R01-s2.jsonl");
    let log = SessionLog::open_with(&path, opening(&material, "R01", 2), clock()).unwrap();
    let mut session = ReadingSession::new(&material.study, list, log);
    loop {
        match session.step() {
            Step::Show { .. } => session.show().unwrap(),
            Step::Answer { .. } => {
                session.answer("synthetic", Some(AnswerValue::Number(3.0))).unwrap();
                session.confirm(None).unwrap();
            }
            Step::Break => session.break_taken(0.0).unwrap(),
            Step::Finish => break session.close().unwrap(),
            other => panic!("{other:?}"),
        }
    }
    looked.logs[1].bytes = std::fs::read(&path).unwrap();
    let outcome = StudyOutcome::new(&looked, &truth, &options()).unwrap();
    assert_eq!(outcome.remarks[1], "B. Person looked at the truth on 2027-03-01, before all sessions were closed.");
    assert!(outcome.warnings.is_empty(), "{:?}", outcome.warnings);
    assert_eq!(outcome.sessions.content[1].runs, 2);
}

#[test]
fn every_planned_trial_is_a_line_and_only_first_readings_of_the_main_part_are_analysed() {
    let invention = Invention::new("yes_no", 2, 30);
    let (material, truth, outcome) = analysed(&invention, 1.0, 1);
    let planned: usize = truth.lists.values().map(Vec::len).sum();
    // Both images of each of 30 cases and of 3 catch cases, 2 training cases, 6 repeats.
    assert_eq!(planned, 2 * (60 + 2 + 6 + 6));
    let csv = outcome.trials_csv().unwrap();
    let mut table = csv::Reader::from_reader(csv.as_bytes());
    let rows: Vec<csv::StringRecord> = table.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), planned);
    let readings = Readings::of(&material, &truth, &Integrity::of(&material));
    assert_eq!(readings.main().count(), 2 * 60);
    assert_eq!(outcome.self_agreement.content.iter().map(|a| a.trials).collect::<Vec<_>>(), [6, 6]);
    assert_eq!(outcome.attention.content.iter().map(|a| (a.planned, a.read)).collect::<Vec<_>>(), [(6, 6), (6, 6)]);
    // The simulated clock: 20 % of the time to the first input, 80 % after it.
    for row in readings.main() {
        let log = row.log.as_ref().unwrap();
        let (first, all) = (log.first_input_ms.unwrap() as f64, log.read_ms as f64);
        assert!((first / all - 0.2).abs() < 0.01 && !log.interrupted, "{first} {all}");
    }
    let all = &outcome.times.content[0];
    assert!(all.trials == 120 && (all.quartiles_s[1] - 11.5).abs() < 2.0, "{all:?}");
    assert!(csv.lines().nth(1).unwrap().contains("no human read"));
    assert!(outcome.claim.len() == 42 && outcome.claim.iter().any(|item| !item.filled));
}

#[test]
fn a_session_that_began_too_early_is_reported_with_its_days() {
    let invention = Invention::new("yes_no", 1, 40);
    let (mut material, truth, before) = analysed(&invention, 1.0, 1);
    assert!(before.deviations.content.is_empty(), "{:?}", before.deviations.content);
    material.logs[1].bytes = forged(&material.logs[1].bytes, |entry| entry.utc = entry.utc.plus_ms(-14 * 86_400_000));
    let after = StudyOutcome::new(&material, &truth, &options()).unwrap();
    assert!(
        after.deviations.content[0].starts_with("reader R01 began session 2 14.0 days after"),
        "{:?}",
        after.deviations
    );
    assert!(after.warnings.iter().all(|w| !w.contains("random sample")), "one reader is no error");
}

#[test]
fn ten_thousand_trials_of_fifty_readers_are_analysed() {
    let invention = Invention { repeats: 0, catch: 0, training: 0, ..Invention::new("yes_no", 50, 100) };
    let (material, truth) = invention.build();
    let material = read_by(&material, &truth, &readers(&invention, &truth, 1.0), 9);
    let options = OutcomeOptions { covariance: CovarianceMethod::DeLong, ..options() };
    let outcome = StudyOutcome::new(&material, &truth, &options).unwrap();
    let DesignResult::YesNo(result) = &outcome.result.content else { panic!() };
    assert_eq!(outcome.readings.main().count(), 10_000);
    // Nineteen of twenty intervals hold the truth on average; three standard errors of that share allow 43.
    let held = result.readers.iter().filter(|r| inside(r.dprime_interval, 1.0)).count();
    assert!(held >= 43, "{held} of 50");
}

/// The questions of an invention with its first one changed.
fn asked(design: &'static str, change: serde_json::Value) -> Invention {
    let mut invention = Invention::new(design, 3, 60);
    let first = invention.questions[0].as_object_mut().unwrap();
    for (key, value) in change.as_object().unwrap() {
        first.insert(key.clone(), value.clone());
    }
    invention
}

fn json_of(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_forced_choice_that_asks_for_the_synthetic_image_is_scored_the_right_way_round() {
    for change in [
        r#"{"id": "q1", "text": "Left or right?", "asks_for": "synthetic"}"#,
        r#"{"id": "synthetic", "text": "Which one?"}"#,
        // Frozen before the key was there: the text says it.
        r#"{"id": "q1", "text": "Which one is synthetic?"}"#,
        r#"{"id": "q1", "text": "Which one is real?"}"#,
    ] {
        let invention = asked("forced_choice", json_of(change));
        let outcome = read_with(&invention, &[2.0, 2.0], 6);
        let DesignResult::ForcedChoice(result) = &outcome.result.content else { panic!() };
        assert!(result.means[0].mean > 0.8, "{change}: {:?}", result.means);
        let wanted = if change.contains("real") { "the real image" } else { "the synthetic image" };
        assert!(outcome.methods.contains(wanted), "{}", outcome.methods);
    }
}

#[test]
fn a_choice_of_real_and_synthetic_is_judged_by_name_whatever_stands_first() {
    let scores = |in_order: &str| {
        let answer = format!(r#"{{"answer": {{"kind": "choice", "options": {in_order}, "several": false}}}}"#);
        let invention = asked("yes_no", json_of(&answer));
        let (material, truth) = invention.build();
        let material = read_by(&material, &truth, &readers(&invention, &truth, 1.5), 6);
        // Simulated readers choose by place: their answers are put in by name.
        let mut named = material.clone();
        for log in &mut named.logs {
            let key = log.file.strip_suffix(".jsonl").unwrap();
            let is_synthetic: BTreeMap<&str, bool> =
                truth.lists[key].iter().map(|t| (t.code.as_str(), t.modalities[0] == "synthetic")).collect();
            let mut n = 0;
            let mut said = BTreeMap::new();
            let codes: Vec<&str> = is_synthetic.keys().copied().collect();
            for code in codes {
                n += 1;
                let right = n % 10 != 0;
                said.insert(code.to_owned(), if is_synthetic[code] == right { "synthetic" } else { "real" });
            }
            log.bytes = forged(&log.bytes, |entry| match &mut entry.event {
                Event::Answer { code, value, .. } => *value = Some(AnswerValue::Text(said[code.as_str()].into())),
                Event::Confirmed { code, answers } => {
                    answers.insert("synthetic".into(), AnswerValue::Text(said[code.as_str()].into()));
                }
                _ => {}
            });
        }
        let outcome = StudyOutcome::new(&named, &truth, &options()).unwrap();
        let DesignResult::YesNo(result) = outcome.result.content else { panic!() };
        result
    };
    let (forward, backward) = (scores(r#"["real", "synthetic"]"#), scores(r#"["synthetic", "real"]"#));
    assert!(forward.readers.iter().all(|r| r.hits.share > 0.7 && r.false_alarms.share < 0.3), "{:?}", forward.readers);
    assert!(forward.means[0].mean > 0.8 && backward.means[0].mean > 0.8, "{:?}", backward.means);
    assert_eq!((forward.threshold, backward.threshold), (0.5, 0.5));
}

#[test]
fn what_means_approved_is_what_the_plan_says_and_two_options_have_their_test() {
    let result = |options: &str, approved: &str| {
        let change = format!(
            r#"{{"answer": {{"kind": "choice", "options": {options}, "several": false}}, "approved": {approved}}}"#
        );
        let mut invention = asked("approval", json_of(&change));
        invention.questions.as_array_mut().unwrap().truncate(1);
        let outcome = read_with(&invention, &[1.0, -0.5], 2);
        let DesignResult::Approval(result) = outcome.result.content.clone() else { panic!() };
        (result, outcome)
    };
    let (two, outcome) = result(r#"["reject", "approve"]"#, r#"["approve"]"#);
    assert_eq!(two.options, ["approve", "reject"]);
    let test = &outcome.planned_tests.content;
    assert!(test.len() == 1 && test[0].p.unwrap() < 0.05, "{test:?}");
    assert!(two.means.iter().all(|mean| mean.figure == "answered `approve`") && two.means.len() == 2);
    let good = r#"["as it is", "minor edits"]"#;
    let (best_first, _) = result(r#"["as it is", "minor edits", "poor", "useless"]"#, good);
    let (worst_first, _) = result(r#"["useless", "poor", "minor edits", "as it is"]"#, good);
    assert_eq!(best_first, worst_first);
    // A plan of before, whose names nobody knows: as it was read then, and said.
    let (old, outcome) = result(r#"["fine", "so", "bad"]"#, "[]");
    assert_eq!(old.approved, ["fine", "so"]);
    assert!(outcome.warnings.iter().any(|w| w.contains("does not say which options mean approved")));
}

#[test]
fn the_sealed_plan_counts_and_what_differs_from_it_is_named() {
    let invention = Invention::new("yes_no", 2, 40);
    let (material, truth, before) = analysed(&invention, 1.0, 1);
    let word = Word { accept_untrusted: true, ..Word::default() };
    let accepting = OutcomeOptions { word, ..options() };
    let mut scale = material.clone();
    scale.study.questions[0].answer =
        serde_json::from_value(json_of(r#"{"kind": "scale", "from": 1, "to": 12}"#)).unwrap();
    let mut sessions = material.clone();
    sessions.study.sessions.washout_days = 1;
    let mut readers = material.clone();
    readers.study.readers.push("R99".into());
    let mut images = material.clone();
    let list = &mut images.lists.get_mut("R01-s1").unwrap().0;
    let at = list.trials.iter().position(|t| t.kind == veritome::reader_study::design::TrialKind::Reading).unwrap();
    let other = list.trials[at + 1].images.clone();
    list.trials[at].images = other;
    for (altered, words) in [
        (&scale, "study.json: question `synthetic` is"),
        (&sessions, "study.json: the plan of sessions is"),
        (&readers, "study.json: the list of readers is"),
        (&images, "lists/R01-s1.json: trial"),
    ] {
        match StudyOutcome::new(altered, &truth, &options()) {
            Err(OutcomeError::Untrusted { findings }) => assert!(findings[0].starts_with(words), "{findings:?}"),
            other => panic!("{words}: {:?}", other.map(|o| o.remarks)),
        }
        let accepted = StudyOutcome::new(altered, &truth, &accepting).unwrap();
        assert_eq!(accepted.result.content, before.result.content, "{words}");
        assert!(accepted.deviations.content[0].starts_with(words), "{:?}", accepted.deviations.content);
        assert!(accepted.remarks.iter().any(|r| r.contains("cannot be trusted")));
    }
    let files = OutcomeOptions { altered: vec!["images/f00d.nii: it was altered".into()], ..options() };
    let error = StudyOutcome::new(&material, &truth, &files).unwrap_err().to_string();
    assert!(error.contains("images/f00d.nii") && error.contains("--accept-untrusted"), "{error}");
}

#[test]
fn a_reader_who_breaks_off_can_be_left_out_and_it_is_said() {
    let invention = Invention::new("roc", 4, 60);
    let (material, truth) = invention.build();
    let mut material = read_by(&material, &truth, &by_arm(&invention, &truth, &[1.8, 0.9]), 8);
    let cut = material.logs.iter_mut().find(|log| log.file == "R04-s2.jsonl").unwrap();
    // After the first trials of the session, whose time was then over.
    let mut kept: Vec<Entry> = verify("log", &cut.bytes, &Expected::default()).entries;
    let last = kept.pop().unwrap();
    kept.truncate(40);
    let at = kept.iter().rposition(|e| matches!(e.event, Event::Confirmed { .. })).unwrap();
    kept.truncate(at + 1);
    let n = kept.last().unwrap().n + 1;
    let utc = kept.last().unwrap().utc;
    let reason = veritome::reader_study::session::event::CloseReason::TimeLimit;
    kept.push(Entry { n, utc, event: Event::Closed { reason }, ..last });
    let mut text = Vec::new();
    let mut previous = NO_LINE.to_owned();
    for mut entry in kept {
        entry.previous = previous;
        let line = entry.line().unwrap();
        previous = line_hash(&line);
        text.extend(line);
        text.push(b'\n');
    }
    cut.bytes = text;
    let with = |incomplete| StudyOutcome::new(&material, &truth, &OutcomeOptions { incomplete, ..options() }).unwrap();
    let report = |outcome: &StudyOutcome| match &outcome.result.content {
        DesignResult::Roc(result) => result.report.clone(),
        other => panic!("{other:?}"),
    };
    let plain = with(None);
    assert!(report(&plain).is_none());
    assert!(plain.warnings.iter().any(|w| w.contains("--drop-incomplete readers")), "{:?}", plain.warnings);
    let without = with(Some(Incomplete::Readers));
    assert_eq!(report(&without).unwrap().n.readers, 3);
    assert!(without.deviations.content.iter().any(|d| d.starts_with("reader R04 was left out")));
    assert!(without.methods.contains("Reader R04 was left out"), "{}", without.methods);
    // The others' analysis is that of a study without this reader.
    let mut three = material.clone();
    three.logs.retain(|log| !log.file.starts_with("R04"));
    let word = Word { unplanned_look: Some("T".into()), ..Word::default() };
    let of_three = StudyOutcome::new(&three, &truth, &OutcomeOptions { word, ..options() }).unwrap();
    assert_eq!(report(&without).unwrap().mrmc, report(&of_three).unwrap().mrmc);
    let cases = with(Some(Incomplete::Cases));
    if let Some(report) = report(&cases) {
        assert!(report.dropped.is_some() && report.n.readers == 4);
        assert!(cases.deviations.content.iter().any(|d| d.contains("left out for all readers")));
    }
}

#[test]
fn a_look_noted_beside_the_logs_is_said_by_later_analyses() {
    let invention = Invention::new("yes_no", 1, 40);
    let (mut material, truth, before) = analysed(&invention, 1.0, 1);
    assert!(before.deviations.content.is_empty());
    let folder = tempfile::tempdir().unwrap();
    let at = Utc::parse("2027-03-01T08:00:00.000Z").unwrap();
    veritome::reader_study::session::looks::note(folder.path(), "C. Person", at).unwrap();
    material.looks = Looks::read(folder.path()).unwrap();
    let after = StudyOutcome::new(&material, &truth, &options()).unwrap();
    let words = "C. Person looked at the truth on 2027-03-01, before all sessions were closed.";
    assert!(after.remarks.iter().any(|r| r == words), "{:?}", after.remarks);
    assert!(after.deviations.content.iter().any(|d| d.contains("looks.txt")));
    material.looks.broken = Some(1);
    assert!(matches!(StudyOutcome::new(&material, &truth, &options()), Err(OutcomeError::Untrusted { .. })));
}
