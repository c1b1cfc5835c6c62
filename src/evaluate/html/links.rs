//! Where a case is in the page, and how it is opened.

use std::collections::BTreeSet;
use std::path::Path;

use crate::evaluate::pairing::Case;
use crate::evaluate::run::Evaluation;
use crate::evaluate::store::Record;
use crate::report::plots::Point;
use crate::report::{Href, Text};

/// Above this many cases the list at the end holds only those that something leads to.
const MOST_LISTED: usize = 1000;

/// The list of cases that figures lead to.
#[derive(Debug)]
pub(super) struct Links {
    /// Places of the cases that are listed.
    pub listed: BTreeSet<usize>,
}

impl Links {
    pub fn new(evaluation: &Evaluation) -> Self {
        let all = 0..evaluation.cases.len();
        if all.len() <= MOST_LISTED {
            return Self { listed: all.collect() };
        }
        // What a person will ask for: the extremes of every measure.
        let mut listed = BTreeSet::new();
        for (measure, _) in &evaluation.measures {
            for model in 0..evaluation.models.len() {
                let mut found = crate::evaluate::values::Values::of(evaluation, model, measure).found;
                found.sort_by(|a, b| a.2.total_cmp(&b.2));
                let ends = found.iter().take(10).chain(found.iter().rev().take(10));
                listed.extend(ends.map(|f| f.0));
            }
        }
        Self { listed }
    }

    /// The link to a case's row; none where it has no row.
    pub fn to(&self, case: usize) -> Option<Href> {
        self.listed.contains(&case).then(|| Href::anchor(&id(case)))
    }

    /// A point that says its case and leads to it.
    pub fn point(&self, evaluation: &Evaluation, case: usize, [x, y]: [f64; 2], value: &str) -> Point {
        let name = evaluation.cases.get(case).map_or("", |c| c.name.as_str());
        Point::new(x, y).named(format!("{name}: {value}"), self.to(case))
    }

    /// A case's name, which leads to its row.
    pub fn name(&self, evaluation: &Evaluation, case: usize) -> Text {
        let name = evaluation.cases.get(case).map_or_else(String::new, |c| c.name.clone());
        match self.to(case) {
            Some(href) => Text::new().link(name, href),
            None => name.into(),
        }
    }
}

/// The id of a case's row.
pub(super) fn id(case: usize) -> String {
    format!("case-{}", case + 1)
}

/// The command that opens a case with what a model made of it.
pub(super) fn open_command(case: &Case, records: &[&Record]) -> String {
    let files = case.files().into_iter().map(|(_, path)| path);
    let predictions = case.predictions.values().filter_map(|p| p.as_ref().ok()).map(std::path::PathBuf::as_path);
    let made = records.iter().flat_map(|r| r.files.values()).map(std::path::PathBuf::as_path);
    let paths: Vec<String> = files.chain(predictions).chain(made).map(quoted).collect();
    format!("veritome open {}", paths.join(" "))
}

/// As a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    let plain = |c: char| c.is_alphanumeric() || "/._-+=:,@".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.into_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// Links to a case's files, by what they are.
pub(super) fn files(evaluation: &Evaluation, case: &Case, records: &[&Record]) -> Text {
    let folder = &evaluation.plan.output;
    let mut text = Text::new();
    let predictions = case.predictions.iter().filter_map(|(name, p)| Some((name.clone(), p.as_ref().ok()?.as_path())));
    let made =
        records.iter().flat_map(|r| r.files.iter().map(|(name, path)| (format!("{} {name}", r.model), path.as_path())));
    for (n, (role, path)) in case.files().into_iter().chain(predictions).chain(made).enumerate() {
        if n > 0 {
            text = text.and(" · ");
        }
        text = text.link(role, Href::file(folder, path));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_for_the_shell() {
        assert_eq!(quoted(Path::new("data/p1/t1.nii.gz")), "data/p1/t1.nii.gz");
        assert_eq!(quoted(Path::new("it's here; rm -rf")), "'it'\\''s here; rm -rf'");
    }
}
