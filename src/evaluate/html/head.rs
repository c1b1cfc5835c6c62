//! What was run: models, machine, plan.

use crate::evaluate::html::Setting;
use crate::evaluate::run::Evaluation;
use crate::report::numbers::{count, significant};
use crate::report::{Cell, Column, Section, Table, Text};

pub(super) fn what_was_run(evaluation: &Evaluation, setting: &Setting) -> Section {
    let mut section = Section::new("What was run");
    let columns = vec![
        Column::text("Name"),
        Column::text("Title"),
        Column::text("Version"),
        Column::text("Makes"),
        Column::text("Provider"),
        Column::number("Median time", "s"),
        Column::text("SHA-256"),
    ];
    let mut table = Table::new("Models", columns);
    for (n, model) in evaluation.models.iter().enumerate() {
        let records: Vec<_> = evaluation.of_model(n).map(|(_, _, r)| r).filter(|r| r.failed.is_none()).collect();
        let mut providers: Vec<&str> = records.iter().map(|r| r.provider.as_str()).filter(|p| !p.is_empty()).collect();
        providers.sort_unstable();
        providers.dedup();
        let mut seconds: Vec<f64> = records.iter().map(|r| r.seconds).collect();
        seconds.sort_by(f64::total_cmp);
        let median = crate::report::plots::quartiles::quantile(&seconds, 0.5);
        let hash: String = model.hash.chars().take(16).collect();
        let hash = if hash.is_empty() {
            Cell::quiet("predictions on disk")
        } else {
            Text::new().code(format!("{hash}…")).into()
        };
        let makes = if model.synthetic { "synthetic images" } else { "measurements" };
        table.row([
            model.name.clone().into(),
            model.title.clone().into(),
            model.version.clone().into(),
            makes.into(),
            providers.join(", ").into(),
            median.map_or_else(|| Cell::quiet("–"), |s| significant(s, 2).into()),
            hash,
        ]);
    }
    section.table(table);
    let fact = |name: &str, value: String| (name.to_owned(), Text::from(value));
    let mut facts = vec![fact("Software", setting.software.clone())];
    facts.extend(setting.machine.iter().map(|(name, value)| fact(name, value.clone())));
    facts.push(fact("Started", time(&setting.started)));
    facts.push(fact("Ended", time(&setting.ended)));
    let new = evaluation.records.len() - evaluation.reused;
    facts.push(fact("Jobs", format!("{} run, {} finished before", count(new as u64), count(evaluation.reused as u64))));
    facts.push(("Plan, SHA-256".into(), Text::new().code(evaluation.plan.sha256.clone())));
    facts.retain(|(_, text)| *text != Text::from(""));
    section.facts(facts);
    section.listing("The plan, letter by letter", evaluation.plan.text.clone());
    section
}

/// `2026-11-26T10:05:00Z` as `2026-11-26 10:05:00 UTC`.
pub(super) fn time(rfc3339: &str) -> String {
    rfc3339.replacen('T', " ", 1).replacen('Z', " UTC", 1)
}
