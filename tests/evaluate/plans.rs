//! Bad plans and incomplete cases: refused with what was expected, what was found, and where.

use std::path::Path;

use veritome::evaluate::{EvaluateError, Pairing, Plan, Problem, RunOptions};

use super::tiny::{TinyWork, evaluate, image_plan, label_plan, write_cases, write_plan};

#[track_caller]
fn refused(text: &str, wanted: &[&str]) {
    let error = Plan::parse(text, Path::new("plan.toml")).unwrap_err().to_string();
    for words in wanted {
        assert!(error.contains(words), "{words}: {error}");
    }
}

#[test]
fn bad_plans_are_refused_by_key() {
    let good = image_plan("");
    Plan::parse(&good, Path::new("plan.toml")).unwrap();
    refused("title = ", &["plan.toml: ", "line 1"]);
    refused(&format!("colour = 1\n{good}"), &["unknown field `colour`", "`title`"]);
    refused(&good.replace("data_range = 150", "data_rnage = 150"), &["unknown field `data_rnage`", "`data_range`"]);
    refused(&good.replace("data_range = 150", ""), &["[measures] data_range", "has to be stated"]);
    refused(&good.replace("data_range = 150", "data_range = 0"), &["a number above 0", "found 0"]);
    refused(&good.replace("data_range = 150", "data_range = \"auto\""), &["a number or \"reference\"", "\"auto\""]);
    refused(&good.replace("kind = \"image\"", "kind = \"picture\""), &["unknown variant `picture`", "`labels`"]);
    refused(
        &good.replace("data_range = 150", "data_range = 150\ntolerance_mm = 1"),
        &["tolerance_mm", "kind = \"image\""],
    );
    refused(&good.replace("{case}/t1", "{patient}/t1"), &["[cases] inputs.t1", "{patient}"]);
    refused(&good.replace("data/{case}/t2.raw", "data/t2.raw"), &["[cases] reference", "put {case}"]);
    refused(&good.replace("reference =", "mask ="), &["[cases] reference", "taken for true"]);
    refused(
        &good.replace("attributes = \"cases.csv\"", "table = \"cases.csv\""),
        &["either a table or patterns", "`table` and `inputs`"],
    );
    refused(&good.replace("[\"steady\", \"noisy\"]", "[]"), &["at least one model"]);
    refused(&good.replace("\"noisy\"", "\"steady\""), &["`steady` twice"]);
    refused(&good.replace("[40, 65]", "[30, 65]"), &["age_bands", "do not overlap", "[30, 65]"]);
    refused(&good.replace("resamples = 500", "resamples = 5"), &["[statistics] resamples", "100 to 1000000"]);
    refused(&good.replace("resamples = 500", "alpha = 5"), &["[statistics] alpha"]);
    refused(&good.replace("dir = \"results\"", ""), &["missing field `dir`"]);
    let classes =
        label_plan().replace("kind = \"labels\"\ntolerance_mm = 1.5", "kind = \"classification\"\ntruth = \"dx\"");
    let classes = classes.replace("labels = { tissue = 1, lesion = 2, vessel = 3 }", "");
    refused(&classes, &["[[prediction]]", "classification", "`threshold`"]);
    let scores =
        image_plan("").replace("kind = \"image\"\ndata_range = 150", "kind = \"anomaly\"\ntruth = \"dx\"\nNEGATIVE");
    Plan::parse(&scores.replace("NEGATIVE", "positive = \"1\"\nnegative = [\"0\"]"), Path::new("plan.toml")).unwrap();
    refused(
        &scores.replace("NEGATIVE", "negative = [\"0\"]"),
        &["[measures] negative", "[measures] positive beside it"],
    );
    refused(
        &scores.replace("NEGATIVE", "positive = \"1\"\nnegative = [\"1\"]"),
        &["[measures] negative", "words other than `1`", "found `1`"],
    );
    refused(
        &good.replace("data_range = 150", "data_range = 150\ncomponents = true"),
        &["components", "kind = \"image\""],
    );
    refused(&label_plan().replace("lesion = 2", "lesion = 1"), &["[measures] labels", "1 twice"]);
    refused(&label_plan().replace("lesion = 2", "lesion = -2"), &["[measures] labels", "-2"]);
    refused(&label_plan().replace("1.5", "-1"), &["[measures] tolerance_mm", "above 0"]);
    refused(&label_plan().replace("tolerance_mm = 1.5", "data_range = 1"), &["data_range", "kind = \"labels\""]);
}

fn pairing(folder: &Path, text: &str) -> Result<Pairing, EvaluateError> {
    Pairing::of(&Plan::read(&write_plan(folder, text)).unwrap())
}

#[test]
fn what_is_missing_is_listed_and_can_be_left_out() {
    let folder = tempfile::tempdir().unwrap();
    write_cases(folder.path(), 5);
    let at = |path: &str| folder.path().join(path);
    std::fs::remove_file(at("data/p01/t2.raw")).unwrap();
    std::fs::remove_dir_all(at("data/p03")).unwrap();
    let refused = pairing(folder.path(), &image_plan("")).unwrap_err().to_string();
    assert!(refused.contains("case p01, reference: nothing fits `data/{case}/t2.raw`"), "{refused}");
    assert!(refused.contains("incomplete = \"leave_out\"") && !refused.contains("p03"), "{refused}");
    let lenient = image_plan("").replace("[measures]", "incomplete = \"leave_out\"\n[measures]");
    let found = pairing(folder.path(), &lenient).unwrap();
    assert_eq!(found.cases.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["p00", "p02", "p04"]);
    assert_eq!(found.findings.len(), 1);
    // A case that the table of attributes lacks is told, not left out.
    let table = std::fs::read_to_string(at("cases.csv")).unwrap();
    std::fs::write(at("cases.csv"), table.replace("p02,", "p92,")).unwrap();
    let found = pairing(folder.path(), &lenient).unwrap();
    assert_eq!(found.cases.len(), 3);
    assert!(matches!(&found.findings[1].problem, Problem::NoAttributes { .. }), "{:?}", found.findings);
}

#[test]
fn two_files_for_one_place_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    write_cases(folder.path(), 2);
    std::fs::write(folder.path().join("data/p00/t1b.raw"), b"").unwrap();
    let text = image_plan("").replace("{case}/t1.raw", "{case}/t1*.raw");
    let refused = pairing(folder.path(), &text).unwrap_err().to_string();
    assert!(refused.contains("case p00, input t1: 2 files fit where one is needed"), "{refused}");
    let nowhere = image_plan("").replace("data/{case}/t1.raw", "dta/{case}/t1.raw");
    let refused = pairing(folder.path(), &nowhere).unwrap_err().to_string();
    assert!(
        refused.contains("no case is complete") && refused.contains("nothing fits `dta/{case}/t1.raw` for any case"),
        "{refused}"
    );
}

fn table_plan(folder: &Path, rows: &str) -> String {
    std::fs::write(folder.join("table.csv"), rows).unwrap();
    let text = image_plan("");
    let (head, rest) = text.split_once("[cases]").unwrap();
    let (_, tail) = rest.split_once("[measures]").unwrap();
    format!("{head}[cases]\ntable = \"table.csv\"\n[measures]{tail}")
        .replace("columns = [\"sex\", \"scanner\"]", "columns = [\"sex\"]")
        .replace("age_bands", "# age_bands")
}

#[test]
fn a_table_is_read_with_its_lines_in_every_finding() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write_cases(at, 3);
    let good = "case,input:t1,reference,sex,mask\np00,data/p00/t1.raw,data/p00/t2.raw,F,\np02,data/p02/t1.raw,data/p02/t2.raw,M,\n";
    let found = pairing(at, &table_plan(at, good)).unwrap();
    assert_eq!((found.cases.len(), found.cases[1].inputs["t1"].as_path()), (2, at.join("data/p02/t1.raw").as_path()));
    assert_eq!(found.cases[1].attributes["sex"], "M");
    let semicolons = good.replace(',', ";");
    assert_eq!(pairing(at, &table_plan(at, &format!("\u{feff}{semicolons}"))).unwrap(), found);

    let refused = |rows: &str| pairing(at, &table_plan(at, rows)).unwrap_err().to_string();
    let missing = refused(&good.replace("data/p02/t1.raw", "data/p09/t1.raw"));
    assert!(
        missing.contains("case p02, input t1: line 3: ") && missing.contains("data/p09/t1.raw is not there"),
        "{missing}"
    );
    let twice = refused(&good.replace("p02,", "p00,"));
    assert!(twice.contains("case p00, case: line 3: the case stands in line 2 already"), "{twice}");
    let empty = refused(&good.replace("data/p02/t2.raw", ""));
    assert!(empty.contains("case p02, reference: line 3: the cell is empty"), "{empty}");
    let ragged = refused(&format!("{good}p03,x\n"));
    assert!(ragged.contains("table.csv line 4: expected 5 cells, found 2 cells"), "{ragged}");
    let nameless = refused(&good.replace("case,", "name,"));
    assert!(nameless.contains("expected a column `case`"), "{nameless}");
    let no_sex = refused(&good.replace("sex", "gender"));
    assert!(no_sex.contains("a column `sex` with values, for [subgroups]") && no_sex.contains("gender"), "{no_sex}");
    let double = refused(&good.replace("sex", "mask"));
    assert!(double.contains("`mask` twice"), "{double}");
}

#[test]
fn a_model_or_measure_that_is_not_there_stops_before_or_after_the_work_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    write_cases(folder.path(), 2);
    let plan = write_plan(folder.path(), &image_plan("").replace("\"noisy\"", "\"nosiy\""));
    let error = evaluate(&plan, &TinyWork::default(), RunOptions::default()).unwrap_err().to_string();
    assert_eq!(error, "model nosiy: there is no model `nosiy`; `veritome models` lists those that are installed");
    let plan = write_plan(folder.path(), &image_plan("[report]\nworst_by = \"ssin\"\n"));
    let evaluation = evaluate(&plan, &TinyWork::default(), RunOptions::default()).unwrap();
    let error = veritome::evaluate::Statistics::of(&evaluation).unwrap_err().to_string();
    assert!(
        error.starts_with("[report] worst_by: expected one of ssim, psnr_db") && error.ends_with("found `ssin`"),
        "{error}"
    );
    let text = label_plan().replace("data/{case}/found.raw", "data/{case}/fuond.raw");
    let error = pairing(folder.path(), &text).unwrap_err().to_string();
    assert_eq!(error, "model threshold: nothing fits `data/{case}/fuond.raw` for any case");
}
