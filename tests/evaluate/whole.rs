//! A whole evaluation. `VERITOME_SAMPLE=FOLDER` keeps its files to be looked at.

use std::path::{Path, PathBuf};

use std::collections::BTreeMap;

use veritome::evaluate::{
    About, Case, Evaluation, Measured, ModelFacts, Plan, Record, RunOptions, Statistics, html, write_results,
};

use super::tiny::{TinyWork, evaluate, image_plan, label_plan, noise, setting, write_cases, write_plan};

/// The page's text must be whole: every tag closed, every link within the page met, nothing fetched, nothing unescaped.
fn check_page(path: &Path) -> String {
    check_html(std::fs::read_to_string(path).unwrap())
}

fn check_html(html: String) -> String {
    for tag in ["section", "table", "figure", "svg", "div", "p", "tr", "thead", "tbody"] {
        let open = html.matches(&format!("<{tag}>")).count() + html.matches(&format!("<{tag} ")).count();
        assert_eq!(open, html.matches(&format!("</{tag}>")).count(), "<{tag}>");
    }
    for link in html.split("href=\"#").skip(1) {
        let id = link.split('"').next().unwrap();
        assert!(html.contains(&format!("id=\"{id}\"")), "#{id} leads nowhere");
    }
    assert!(!html.contains("<script") && !html.contains("NaN") && !html.contains("src=\"http"));
    html
}

fn folder() -> (Option<tempfile::TempDir>, PathBuf) {
    match std::env::var_os("VERITOME_SAMPLE") {
        Some(path) => {
            std::fs::create_dir_all(&path).unwrap();
            (None, path.into())
        }
        None => {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().to_owned();
            (Some(folder), path)
        }
    }
}

#[test]
fn images_are_measured_compared_told_apart_and_reported() {
    let (_kept, folder) = folder();
    write_cases(&folder, 21);
    // One case cannot be read by any model.
    std::fs::write(folder.join("data/p20/t1.raw"), b"short").unwrap();
    let plan = write_plan(&folder, &image_plan(""));
    let evaluation =
        evaluate(&plan, &TinyWork::default(), RunOptions { at_once: 3, again: true, ..RunOptions::default() }).unwrap();
    assert_eq!((evaluation.cases.len(), evaluation.records.len()), (21, 42));
    let statistics = Statistics::of(&evaluation).unwrap();
    assert_eq!((statistics.failures.len(), statistics.headline.as_deref()), (2, Some("ssim")));
    assert!(
        statistics.failures[0].reason.contains("expected 5760 voxels, found 1"),
        "{}",
        statistics.failures[0].reason
    );

    let of = |measure: &str, model: &str| {
        statistics.summaries.iter().find(|s| s.measure == measure && s.model == model).unwrap()
    };
    let (steady, noisy) = (of("mae", "steady"), of("mae", "noisy"));
    assert_eq!((steady.n, steady.undefined.as_slice()), (20, [("the job failed".to_owned(), 1)].as_slice()));
    assert!(steady.mean < noisy.mean && steady.interval.unwrap()[1] < noisy.interval.unwrap()[0]);
    // Small enough to be said of the cases, large enough to be tested.
    assert!(steady.patients < steady.n);
    let difference = statistics.differences.iter().find(|d| d.measure == "mae").unwrap();
    assert!(difference.p.unwrap() < 0.01 && difference.p_holm.unwrap() >= difference.p.unwrap());
    assert!((difference.difference.unwrap() - (steady.mean.unwrap() - noisy.mean.unwrap())).abs() < 1e-12);

    let scanner = statistics.subgroups.iter().find(|s| s.column == "scanner" && s.measure == "ssim").unwrap();
    assert_eq!(
        scanner.groups.iter().map(|g| (g.value.as_str(), g.n, g.too_small)).collect::<Vec<_>>(),
        [("Ingenia", 6, false), ("Signa", 6, false), ("Skyra", 7, false), ("Titan", 1, true),]
    );
    assert_eq!(scanner.test.unwrap().name, "kruskal_wallis");
    let sex = statistics.subgroups.iter().find(|s| s.column == "sex").unwrap();
    assert!(sex.test.unwrap().name.starts_with("mann_whitney"));
    let age = statistics.subgroups.iter().find(|s| s.column == "age").unwrap();
    assert_eq!(
        age.groups.iter().map(|g| g.value.as_str()).collect::<Vec<_>>(),
        ["0 to below 40", "40 to below 65", "65 to 120"]
    );

    let written = write_results(&evaluation, &statistics, &setting()).unwrap();
    assert_eq!(written.tables.len(), 11);
    let html = check_page(&written.report);
    for wanted in [
        "<h1>T1 to T2, tiny &lt;images&gt;</h1>",
        "<span class=\"synthetic\">SYNTHETIC</span> Test",
        "Contains synthetic images",
        "<strong>SIMULATED</strong>",
        "veritome open ",
        "href=\"./../data/p00/t1.raw\"",
        "2 of 42 jobs",
        "Titan (too small)",
        "Some &lt;processor&gt;",
        "the first of 2 time points was measured",
        "took 150 as the full scale",
        &evaluation.plan.sha256,
    ] {
        assert!(html.contains(wanted), "{wanted}");
    }
    // The reference is real, so that it has no badge.
    assert!(html.contains("<figcaption>Reference</figcaption>"));
}

#[test]
fn predictions_on_disk_are_measured_as_labels_with_volumes_curves_and_absent_labels() {
    let (_kept, folder) = folder();
    let folder = folder.join("labels");
    write_cases(&folder, 14);
    std::fs::remove_file(folder.join("data/p06/found.raw")).unwrap();
    let plan = write_plan(&folder, &label_plan());
    let evaluation = evaluate(&plan, &TinyWork::default(), RunOptions::default()).unwrap();
    let failed = evaluation.records.iter().find(|r| r.failed.is_some()).unwrap();
    assert_eq!((failed.case.as_str(), failed.failed.as_deref()), ("p06", Some("nothing fits `data/{case}/found.raw`")));
    let statistics = Statistics::of(&evaluation).unwrap();
    assert_eq!(statistics.headline.as_deref(), Some("mean_dice"));
    let vessel = statistics.summaries.iter().find(|s| s.measure == "dice:vessel").unwrap();
    let absent = ("absent in both the reference and the test".to_owned(), 13);
    assert_eq!((vessel.n, &vessel.undefined[0]), (0, &absent));
    let written = write_results(&evaluation, &statistics, &setting()).unwrap();
    let html = check_page(&written.report);
    for wanted in [
        "Volume, lesion",
        "Bland-Altman",
        "ROC curves for large lesion",
        "Reliability of voxels of all cases",
        "HD95, lesion",
    ] {
        assert!(html.contains(wanted), "{wanted}");
    }
}

#[test]
fn the_same_plan_and_seed_give_the_same_report_but_for_times() {
    let folder = tempfile::tempdir().unwrap();
    write_cases(folder.path(), 8);
    let plan = write_plan(folder.path(), &image_plan(""));
    let numbers = |at_once| {
        let options = RunOptions { at_once, again: true, ..RunOptions::default() };
        let evaluation = evaluate(&plan, &TinyWork::default(), options).unwrap();
        serde_json::to_string(&Statistics::of(&evaluation).unwrap()).unwrap()
    };
    assert_eq!(numbers(1), numbers(4));
}

#[test]
fn a_defect_in_one_job_costs_that_job_only() {
    let folder = tempfile::tempdir().unwrap();
    write_cases(folder.path(), 3);
    let plan = write_plan(folder.path(), &image_plan("").replace("\"noisy\"", "\"panics\""));
    let evaluation = evaluate(&plan, &TinyWork::default(), RunOptions::default()).unwrap();
    let failed: Vec<&str> = evaluation.records.iter().filter_map(|r| r.failed.as_deref()).collect();
    assert_eq!(failed.len(), 3);
    assert!(failed[0].contains("a deliberate panic") && failed[0].contains("defect of Veritome"), "{}", failed[0]);
    assert!(matches!(evaluation.records[0].measures["mae"], Measured::Value(_)));
    Statistics::of(&evaluation).unwrap();
}

#[test]
fn one_case_and_nothing_but_failures_still_give_a_report() {
    let folder = tempfile::tempdir().unwrap();
    write_cases(folder.path(), 1);
    let plan = write_plan(folder.path(), &image_plan(""));
    let evaluation = evaluate(&plan, &TinyWork::default(), RunOptions::default()).unwrap();
    let statistics = Statistics::of(&evaluation).unwrap();
    assert_eq!(statistics.summaries[0].no_interval.as_deref(), Some("an interval needs at least 2 patients"));
    check_page(&write_results(&evaluation, &statistics, &setting()).unwrap().report);
    std::fs::write(folder.path().join("data/p00/t1.raw"), b"short").unwrap();
    let evaluation = evaluate(&plan, &TinyWork::default(), RunOptions::default()).unwrap();
    let statistics = Statistics::of(&evaluation).unwrap();
    assert_eq!((statistics.failures.len(), statistics.headline.as_ref()), (2, None));
    check_page(&write_results(&evaluation, &statistics, &setting()).unwrap().report);
}

/// Results that were not measured, to see what the report does with many.
fn many(cases: usize) -> Evaluation {
    let text = image_plan("").replace("resamples = 500", "resamples = 100");
    let plan = Plan::parse(&text, Path::new("plan.toml")).unwrap();
    let mut random = noise(9);
    let case = |n: usize| Case {
        name: format!("<case> {n}"),
        attributes: BTreeMap::from([("sex".to_owned(), ["F", "M"][n % 2].to_owned())]),
        ..Case::default()
    };
    let mut record = |case: &str, model: &str| {
        let json = serde_json::json!({
            "key": "", "case": case, "model": model, "failed": null, "seconds": 1.0, "finished": "",
            "measures": {"ssim": random() + random(), "mae": random() * 1e6},
            "unit": "HU", "scalars": [], "scored": [], "reliability": [], "pictures": [], "files": {}, "provider": "", "warnings": [],
        });
        serde_json::from_value::<Record>(json).unwrap()
    };
    let cases: Vec<Case> = (0..cases).map(case).collect();
    let records = cases.iter().flat_map(|c| [record(&c.name, "steady"), record(&c.name, "noisy")]).collect();
    let model = |name: &str| ModelFacts { name: name.into(), ..ModelFacts::default() };
    let measures = ["ssim", "mae"].map(|m| (m.to_owned(), About::of(m, "HU"))).to_vec();
    Evaluation {
        plan,
        models: vec![model("steady"), model("noisy")],
        cases,
        measures,
        records,
        findings: vec![],
        notes: vec![],
        reused: 0,
    }
}

#[test]
fn of_very_many_cases_the_report_lists_those_that_will_be_asked_for() {
    let evaluation = many(1200);
    let statistics = Statistics::of(&evaluation).unwrap();
    let html = check_html(html::page(&evaluation, &statistics, &setting()).html());
    let listed = html.matches("<tr id=\"case-").count();
    assert!((20..=80).contains(&listed), "{listed}");
    assert!(html.contains("Only the extremes of each measure are listed") && html.len() < 1_000_000, "{}", html.len());
    assert!(html.contains("&lt;case&gt;") && !html.contains("<case>"));
    let few = many(30);
    let html = check_html(html::page(&few, &Statistics::of(&few).unwrap(), &setting()).html());
    assert_eq!(html.matches("<tr id=\"case-").count(), 30);
    // A point for every case in every box plot, each of them a link.
    assert_eq!(html.matches("<a href=\"#case-").count() - html.matches("<td><a href").count(), 30 * 2 * 2 + 6);
}
