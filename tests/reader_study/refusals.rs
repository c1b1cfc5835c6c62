//! What a table of ratings may look like, and what is refused with which reason.

use veritome::reader_study::analysis::figure_of_merit::{Auc, Rate, RateKind};
use veritome::reader_study::analysis::margin::noninferiority;
use veritome::reader_study::analysis::mrmc::{Factors, compare};
use veritome::reader_study::analysis::roc::Scores;
use veritome::reader_study::analysis::{
    AnalysisError, CovarianceMethod, Estimates, RatingsError, RatingsTable, ReportOptions, StudyReport,
};

const COMPLETE: &str = "reader,modality,case,truth,rating\n\
    A,CT,1,1,5\nA,CT,2,0,1\nA,CT,3,1,3\nA,CT,4,0,2\n\
    A,MR,1,1,4\nA,MR,2,0,2\nA,MR,3,1,5\nA,MR,4,0,1\n\
    B,CT,1,1,5\nB,CT,2,0,3\nB,CT,3,1,2\nB,CT,4,0,2\n\
    B,MR,1,1,4\nB,MR,2,0,1\nB,MR,3,1,4\nB,MR,4,0,4\n";

fn parse(csv: &str) -> Result<RatingsTable, RatingsError> {
    RatingsTable::parse("ratings.csv", csv.as_bytes())
}

/// The message of the refusal, at reading or at the check of the crossing.
fn refusal(csv: &str) -> String {
    match parse(csv).and_then(|table| table.crossed()) {
        Ok(_) => panic!("was accepted:\n{csv}"),
        Err(error) => error.to_string(),
    }
}

fn without(line: &str) -> String {
    COMPLETE.replace(&format!("{line}\n"), "")
}

#[test]
fn columns_order_case_separator_and_byte_order_mark_do_not_matter() {
    let plain = parse(COMPLETE).unwrap().crossed().unwrap();
    let reordered: String = COMPLETE
        .lines()
        .map(|line| {
            let fields: Vec<&str> = line.split(',').collect();
            format!("{};note;{};{};{};{}\r\n", fields[4], fields[0], fields[3], fields[2], fields[1])
        })
        .collect();
    let reordered = reordered.replacen("rating", "\u{feff}Rating", 1).replacen("case", "CASE", 1);
    assert_eq!(parse(&reordered).unwrap().crossed().unwrap(), plain);
    assert_eq!(parse(&COMPLETE.replace(',', "\t")).unwrap().crossed().unwrap(), plain);
    assert_eq!(parse(&COMPLETE.replace(',', " , ")).unwrap().crossed().unwrap(), plain);
    for (one, zero) in [("yes", "No"), ("TRUE", "false"), ("synthetic", "real")] {
        let words = COMPLETE.replace(",1,1,", &format!(",1,{one},")).replace(",2,0,", &format!(",2,{zero},"));
        assert_eq!(parse(&words).unwrap().crossed().unwrap(), plain);
    }
}

#[test]
fn what_spreadsheets_write_is_read_decimal_commas_and_utf_16_among_it() {
    let halves = COMPLETE.replace(",5\n", ",5.5\n");
    let plain = parse(&halves).unwrap().crossed().unwrap();
    let semicolons = halves.replace(',', ";").replace('.', ",");
    assert_eq!(parse(&semicolons).unwrap().crossed().unwrap(), plain);
    for (mark, bytes) in [
        ([0xff, 0xfe], semicolons.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>()),
        ([0xfe, 0xff], semicolons.encode_utf16().flat_map(u16::to_be_bytes).collect()),
    ] {
        let file = [mark.to_vec(), bytes].concat();
        assert_eq!(RatingsTable::parse("u.csv", &file).unwrap().crossed().unwrap(), plain);
    }
    // With commas between columns, a comma in a number is another column.
    assert!(refusal(&COMPLETE.replace("A,CT,2,0,1", "A,CT,2,0,\"1,5\"")).contains("rating is `1,5`"));
}

#[test]
fn noninferiority_names_both_arms_and_does_not_depend_on_the_order_of_rows() {
    let mut lines: Vec<&str> = COMPLETE.lines().collect();
    lines[1..].reverse();
    let reversed = lines.join("\n");
    let tested = |csv: &str, reference: Option<&str>| {
        let options =
            ReportOptions { margin: Some(0.2), reference: reference.map(str::to_owned), ..ReportOptions::default() };
        StudyReport::new(&parse(csv).unwrap().crossed().unwrap(), &options).map(|report| report.noninferiority)
    };
    let (forward, backward) = (tested(COMPLETE, None).unwrap(), tested(&reversed, None).unwrap());
    assert_eq!((&*forward[0].new, &*forward[0].reference), ("MR", "CT"));
    assert_eq!((&forward[0].new, forward[0].p_holm), (&backward[0].new, None));
    assert!((forward[0].test.difference - backward[0].test.difference).abs() < 1e-12);
    assert!((forward[0].test.lower_bound - backward[0].test.lower_bound).abs() < 1e-12);
    let other = tested(COMPLETE, Some("MR")).unwrap();
    assert!((other[0].test.difference + forward[0].test.difference).abs() < 1e-12 && other[0].new == "CT");
    assert!(tested(COMPLETE, Some("PET")).unwrap_err().to_string().contains("there are CT, MR"));
    // Three arms: each against the reference, after Holm.
    let third: String = COMPLETE.lines().filter(|l| l.contains(",MR,")).map(|l| l.replace("MR", "US") + "\n").collect();
    let three = tested(&format!("{COMPLETE}{third}"), Some("MR")).unwrap();
    assert_eq!(three.iter().map(|arm| arm.new.as_str()).collect::<Vec<_>>(), ["CT", "US"]);
    assert!(three.iter().all(|arm| arm.p_holm >= arm.test.p && arm.reference == "MR"));
}

/// Expected values: two arms of other cases are independent, so that by the formulas themselves (READER_STUDIES.md, section
/// 4) Var and Cov2 are the means of those of the arms alone and Cov1 = Cov3 = 0; MS_TR from the areas; and
/// D = MS_TR + J max(Cov2, 0), se = sqrt(2 D/J).
#[test]
fn cases_nested_in_modality_are_analysed_without_covariance_between_the_arms() {
    let mut csv = String::from("reader,modality,case,truth,rating\n");
    let mut state = 12345_u64;
    let mut draw = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) % 100
    };
    for arm in ["CT", "MR"] {
        for case in 0..30 {
            for reader in ["A", "B", "C"] {
                let truth = case % 2;
                csv += &format!("{reader},{arm},{arm}{case},{truth},{}\n", draw() + 35 * truth as u64);
            }
        }
    }
    let table = parse(&csv).unwrap();
    let arms = table.nested().expect("no case stands in both arms");
    assert!(parse(COMPLETE).unwrap().nested().is_none() && table.crossed().is_err());
    let arms: Vec<_> = arms.iter().map(|arm| arm.crossed().unwrap()).collect();
    for method in [CovarianceMethod::Jackknife, CovarianceMethod::DeLong] {
        let options = ReportOptions { covariance: method, ..ReportOptions::default() };
        let report = StudyReport::nested(&arms, &options).unwrap();
        let mrmc = report.mrmc.as_ref().unwrap();
        let of = |arm: usize| Estimates::of_ratings(&arms[arm], &Auc, method).unwrap();
        let (a, b) = (of(0), of(1));
        let j = 3.0;
        let diagonal = |e: &Estimates| e.covariance().diagonal().iter().sum::<f64>() / j;
        let off = |e: &Estimates| (e.covariance().sum() - e.covariance().diagonal().sum()) / (j * (j - 1.0));
        let (var, cov2) = ((diagonal(&a) + diagonal(&b)) / 2.0, (off(&a) + off(&b)) / 2.0);
        let differences: Vec<f64> = a.values().iter().zip(b.values().iter()).map(|(x, y)| x - y).collect();
        let mean = differences.iter().sum::<f64>() / j;
        let ms_tr = differences.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / 2.0 / (j - 1.0);
        let close = |x: f64, y: f64| assert!((x - y).abs() < 1e-12, "{x} {y}");
        let found = &mrmc.covariance_components;
        close(found.var_error, var);
        close(found.cov2, cov2);
        assert_eq!((found.cov1, found.cov3), (0.0, 0.0));
        let random = mrmc.random_readers_random_cases.as_ref().unwrap();
        let d = ms_tr + j * cov2.max(0.0);
        close(random.difference, mean);
        close(random.se, (2.0 * d / j).sqrt());
        close(random.ddf, d * d / (ms_tr * ms_tr / (j - 1.0)));
        close(mrmc.fixed_readers.se, (2.0 * (var + (j - 1.0) * cov2.max(0.0)) / j).sqrt());
        assert!(report.nested && report.dbm.is_none() && report.n.cases_diseased == 30);
        let own = &report.delong[0];
        if method == CovarianceMethod::DeLong {
            close(own.se, (a.covariance()[(0, 0)] + b.covariance()[(0, 0)]).sqrt());
        }
    }
}

#[test]
fn readers_modalities_and_cases_keep_the_order_of_first_appearance() {
    let mut lines: Vec<&str> = COMPLETE.lines().collect();
    lines[1..].reverse();
    let reversed = parse(&lines.join("\n")).unwrap().crossed().unwrap();
    assert_eq!(reversed.readers(), ["B", "A"]);
    assert_eq!(reversed.modalities(), ["MR", "CT"]);
    assert_eq!(reversed.cases(), ["4", "3", "2", "1"]);
    assert_eq!(reversed.case_counts(), (2, 2));
}

#[test]
fn malformed_tables_are_refused_with_file_line_and_reason() {
    for (csv, words) in [
        (String::new(), "ratings.csv holds no ratings"),
        ("\u{feff}\n\n".into(), "ratings.csv holds no ratings"),
        ("reader,modality,case,truth,rating\n".into(), "ratings.csv holds no ratings"),
        (COMPLETE.replace("truth", "gold"), "0 columns named `truth`"),
        (COMPLETE.replace("truth", "case"), "2 columns named `case`"),
        (COMPLETE.replace("A,CT,2,0,1", "A,CT,2,0,NaN"), "ratings.csv line 3: rating is `NaN`, not a finite number"),
        (COMPLETE.replace("A,CT,2,0,1", "A,CT,2,0,inf"), "line 3: rating is `inf`"),
        (COMPLETE.replace("A,CT,2,0,1", "A,CT,2,0,high"), "line 3: rating is `high`"),
        (COMPLETE.replace("A,CT,2,0,1", "A,CT,2,0"), "line 3: rating is empty"),
        (COMPLETE.replace("A,CT,2,0,1", "A,,2,0,1"), "line 3: modality is empty"),
        (COMPLETE.replace("A,CT,2,0,1", "A,CT,2,2,1"), "line 3: truth is `2`"),
        (COMPLETE.replace("A,MR,2,0,2", "A,MR,2,1,2"), "line 7: the truth of case 2 contradicts line 3"),
        (format!("{COMPLETE}A,CT,3,1,4\n"), "line 18: reader A, modality CT, case 3 was rated already in line 4"),
        (
            without("B,MR,3,1,4"),
            "ratings.csv lacks 1 reading in 1 case, the first one of reader B, modality MR, case 3",
        ),
        (COMPLETE.replace(",0,", ",1,"), "no case has truth 0"),
        (COMPLETE.replace(",1,1,", ",1,0,").replace(",3,1,", ",3,0,"), "no case has truth 1"),
    ] {
        let message = refusal(&csv);
        assert!(message.contains(words), "`{words}` is not in `{message}`");
    }
    let not_text = RatingsTable::parse("r.csv", b"reader,modality,case,truth,rating\n\xff\xfe,CT,1,1,5\n").unwrap_err();
    assert!(not_text.to_string().contains("line 2: reader is not UTF-8 text"));
    let missing = RatingsTable::read(std::path::Path::new("/nowhere/ratings.csv")).unwrap_err();
    assert!(missing.to_string().starts_with("/nowhere/ratings.csv cannot be read"));
}

#[test]
fn ids_that_never_repeat_are_refused_without_a_table_of_their_product() {
    let mut csv = String::from("reader,modality,case,truth,rating\n");
    for i in 0..20_000 {
        csv.push_str(&format!("r{i},m{i},c{i},{},1\n", i % 2));
    }
    assert!(refusal(&csv).contains("lacks 7999999980000 readings in 20000 cases"));
}

#[test]
fn incomplete_cases_are_dropped_for_everybody_and_counted() {
    let table = parse(&without("B,MR,4,0,4")).unwrap();
    let (kept, dropped) = table.drop_incomplete().unwrap();
    assert_eq!((dropped.cases.as_slice(), dropped.readings), (["4".to_owned()].as_slice(), 3));
    let ratings = kept.crossed().unwrap();
    assert_eq!(ratings.cases(), ["1", "2", "3"]);
    assert_eq!(ratings.case_counts(), (2, 1));

    let (all, none) = parse(COMPLETE).unwrap().drop_incomplete().unwrap();
    assert_eq!((all.rows().len(), none.readings), (16, 0));

    let a_cell: String = COMPLETE.lines().filter(|l| !l.starts_with("B,MR")).map(|l| format!("{l}\n")).collect();
    let message = parse(&a_cell).unwrap().drop_incomplete().unwrap_err().to_string();
    assert!(message.contains("reader B, modality MR"), "{message}");
}

#[test]
fn dropped_cases_are_named_in_the_report() {
    let csv = format!("{COMPLETE}A,CT,5,0,1\n");
    let (kept, dropped) = parse(&csv).unwrap().drop_incomplete().unwrap();
    let options = ReportOptions { dropped: Some(dropped), ..ReportOptions::default() };
    let report = StudyReport::new(&kept.crossed().unwrap(), &options).unwrap();
    assert!(report.warnings[0].contains("1 case (1 reading) left out"));
}

#[test]
fn analyses_refuse_what_they_cannot_say() {
    let one_reader: String = COMPLETE.lines().filter(|l| !l.starts_with('B')).map(|l| format!("{l}\n")).collect();
    let one_modality: String = COMPLETE.lines().filter(|l| !l.contains("MR")).map(|l| format!("{l}\n")).collect();
    let of = |csv: &str| {
        let ratings = parse(csv).unwrap().crossed().unwrap();
        Estimates::of_ratings(&ratings, &Auc, CovarianceMethod::DeLong).unwrap()
    };
    for factors in [Factors::RandomReadersRandomCases, Factors::FixedCases] {
        let refused = compare(&of(&one_reader), factors, 0.05).unwrap_err();
        assert_eq!(refused, AnalysisError::TooFewReaders { found: 1 });
    }
    assert!(compare(&of(&one_reader), Factors::FixedReaders, 0.05).is_ok());
    let refused = compare(&of(&one_modality), Factors::FixedReaders, 0.05).unwrap_err();
    assert_eq!(refused, AnalysisError::TooFewModalities { found: 1 });
    assert!(compare(&of(COMPLETE), Factors::FixedReaders, 1.5).is_err());

    let few: String = COMPLETE.lines().filter(|l| !l.contains(",3,1,")).map(|l| format!("{l}\n")).collect();
    let few = parse(&few).unwrap().crossed().unwrap();
    for method in [CovarianceMethod::DeLong, CovarianceMethod::Jackknife] {
        let refused = Estimates::of_ratings(&few, &Auc, method).unwrap_err();
        assert_eq!(refused, AnalysisError::TooFew { what: "diseased cases", needed: 2, found: 1 });
    }
    let rate = Rate { kind: RateKind::Sensitivity, threshold: 3.0 };
    let complete = parse(COMPLETE).unwrap().crossed().unwrap();
    let refused = Estimates::of_ratings(&complete, &rate, CovarianceMethod::DeLong).unwrap_err();
    assert!(refused.to_string().contains("not of sensitivity"));
    assert!(Estimates::of_ratings(&complete, &rate, CovarianceMethod::Jackknife).is_ok());
    assert!(noninferiority(0.0, 0.1, 10.0, 0.0, 0.025).is_err());
    assert!(noninferiority(0.0, 0.1, 10.0, 0.5, 0.025).is_err());
    assert!(Scores::new(&[true, true], &[1.0, 2.0]).is_err());
    assert!(Scores::new(&[true, false], &[1.0]).is_err());
    assert!(Scores::new(&[true, false], &[1.0, f64::NAN]).is_err());
}
