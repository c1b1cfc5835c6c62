//! Each measure by subgroup: sex, band of the age, scanner, site, any column.

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde::Serialize;

use super::bootstrap::{Bootstrap, Clusters};
use super::measure::{About, Better};
use super::pairing::Case;
use super::plan::{AGE, Plan};
use super::rank_tests::{GroupTest, groups_differ};
use super::run::Evaluation;
use super::summary::{bootstrap, standard_deviation};
use super::values::Values;
use crate::reader_study::analysis::multiplicity::holm;

/// Fewer cases than this are shown, and neither tested nor taken for the best or the worst.
pub const SMALLEST: usize = 5;

/// What a case without a value in a column is counted under.
pub const NOT_STATED: &str = "not stated";

/// A measure of a model in the groups of one column.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Subgroups {
    /// The model.
    pub model: String,
    /// The measure.
    pub measure: String,
    /// The column.
    pub column: String,
    /// Its groups; bands in their order, else by name, those not stated last.
    pub groups: Vec<Subgroup>,
    /// The best and the worst of those that are large enough.
    pub gap: Option<Gap>,
    /// Whether they differ.
    pub test: Option<GroupTest>,
    /// Its p after Holm over all columns, measures and models.
    pub p_holm: Option<f64>,
    /// Why there is no test.
    pub no_test: Option<String>,
}

/// One group.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Subgroup {
    /// The value in the column, or the band.
    pub value: String,
    /// Cases with a number.
    pub n: usize,
    /// Cases without one.
    pub undefined: usize,
    /// Patients of those with one.
    pub patients: usize,
    /// Mean.
    pub mean: Option<f64>,
    /// Standard deviation.
    pub sd: Option<f64>,
    /// Bootstrap interval of the mean.
    pub interval: Option<[f64; 2]>,
    /// Fewer than [`SMALLEST`] cases.
    pub too_small: bool,
}

/// How far apart the groups are.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Gap {
    /// The group with the best mean; the highest where no way is better.
    pub best: String,
    /// The one with the worst.
    pub worst: String,
    /// Mean of the best minus mean of the worst.
    pub difference: f64,
    /// Percentile bootstrap interval; it does not know that the two were chosen for being extreme.
    pub interval: Option<[f64; 2]>,
}

/// The value of a case in a column; the band for [`AGE`] where the plan has bands. None where it is not stated.
#[must_use]
pub fn group_of(case: &Case, column: &str, plan: &Plan) -> Option<(usize, String)> {
    let value = case.attributes.get(column)?;
    if column != AGE || plan.age_bands.is_empty() {
        return Some((0, value.clone()));
    }
    // DICOM writes an age as 063Y.
    let age: f64 = value.trim_end_matches(['Y', 'y']).trim().parse().ok()?;
    let last = plan.age_bands.len() - 1;
    let holds =
        |(n, [from, to]): (usize, &[f64; 2])| (age >= *from && (age < *to || (n == last && age == *to))).then_some(n);
    let band = plan.age_bands.iter().enumerate().find_map(holds)?;
    let [from, to] = plan.age_bands.get(band)?;
    let until = if band == last { "to" } else { "to below" };
    Some((band, format!("{from} {until} {to}")))
}

/// Subgroups by column, then by measure, then by model. p values are corrected after Holm over all of them.
#[must_use]
pub fn subgroups(evaluation: &Evaluation) -> Vec<Subgroups> {
    let bootstrap = bootstrap(evaluation);
    let columns = evaluation.plan.subgroup_columns();
    let models = 0..evaluation.models.len();
    let cells: Vec<(&str, &(String, About), usize)> = columns
        .iter()
        .flat_map(|c| evaluation.measures.iter().map(move |m| (c.as_str(), m)))
        .flat_map(|(c, m)| models.clone().map(move |n| (c, m, n)))
        .collect();
    let one = |(column, (measure, about), model): &(&str, &(String, About), usize)| {
        of_cell(evaluation, &bootstrap, column, (measure, about), *model)
    };
    let mut all: Vec<Subgroups> = cells.par_iter().map(one).collect();
    let p: Vec<f64> = all.iter().filter_map(|s| Some(s.test?.p)).collect();
    all.iter_mut().filter(|s| s.test.is_some()).zip(holm(&p)).for_each(|(s, p)| s.p_holm = Some(p));
    all
}

fn of_cell(
    evaluation: &Evaluation,
    bootstrap: &Bootstrap,
    column: &str,
    (measure, about): (&str, &About),
    model: usize,
) -> Subgroups {
    let name = evaluation.models[model].name.clone();
    let values = Values::of(evaluation, model, measure);
    // Those not stated come after every other.
    let group = |case: &Case| group_of(case, column, &evaluation.plan).unwrap_or((usize::MAX, NOT_STATED.to_owned()));
    let mut members: BTreeMap<(usize, String), (Values<'_>, usize)> = BTreeMap::new();
    for case in &evaluation.cases {
        members.entry(group(case)).or_default().1 += 1;
    }
    for found in values.found {
        let case = &evaluation.cases[found.0];
        members.entry(group(case)).or_default().0.found.push(found);
    }
    let purpose = |value: &str| format!("subgroup {column} {measure} {name} {value}");
    let describe = |((_, value), (values, all)): (&(usize, String), &(Values<'_>, usize))| {
        let (numbers, clusters) = (values.numbers(), values.clusters());
        let mean = (!numbers.is_empty()).then(|| numbers.iter().sum::<f64>() / numbers.len() as f64);
        Subgroup {
            value: value.clone(),
            n: numbers.len(),
            undefined: all - numbers.len(),
            patients: clusters.len(),
            mean,
            sd: mean.filter(|_| numbers.len() > 1).map(|m| standard_deviation(&numbers, m)),
            interval: bootstrap.mean_interval(&clusters, &purpose(value)).ok(),
            too_small: numbers.len() < SMALLEST,
        }
    };
    let groups: Vec<Subgroup> = members.iter().map(describe).collect();
    let large: Vec<(&str, Clusters, Vec<f64>)> = members
        .iter()
        .filter(|((order, _), (values, _))| *order != usize::MAX && values.found.len() >= SMALLEST)
        .map(|((_, value), (values, _))| (value.as_str(), values.clusters(), values.patient_means()))
        .collect();
    let tested: Vec<Vec<f64>> = large.iter().map(|l| l.2.clone()).collect();
    let test = groups_differ(&tested);
    let no_test = match (&test, large.len()) {
        (Some(_), _) => None,
        (None, 0 | 1) => Some(format!("fewer than two groups have {SMALLEST} cases")),
        (None, _) => Some("all values are equal".to_owned()),
    };
    let gap = gap(&large, about.better, bootstrap, &purpose("gap"));
    Subgroups {
        model: name,
        measure: measure.to_owned(),
        column: column.to_owned(),
        groups,
        gap,
        test,
        p_holm: None,
        no_test,
    }
}

fn gap(large: &[(&str, Clusters, Vec<f64>)], better: Better, bootstrap: &Bootstrap, purpose: &str) -> Option<Gap> {
    let badness = |group: &&(&str, Clusters, Vec<f64>)| better.badness(group.1.mean()).unwrap_or(-group.1.mean());
    let by_badness =
        |a: &&(&str, Clusters, Vec<f64>), b: &&(&str, Clusters, Vec<f64>)| badness(a).total_cmp(&badness(b));
    let (best, worst) = (large.iter().min_by(by_badness)?, large.iter().max_by(by_badness)?);
    (large.len() > 1 && best.0 != worst.0).then(|| Gap {
        best: best.0.to_owned(),
        worst: worst.0.to_owned(),
        difference: best.1.mean() - worst.1.mean(),
        interval: bootstrap.difference_interval(&best.1, &worst.1, purpose).ok(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        let text = r#"
            title = "t"
            models = ["m"]
            [cases]
            table = "c.csv"
            [measures]
            kind = "labels"
            [subgroups]
            age_bands = [[0, 40], [40, 65], [65, 120]]
            [output]
            dir = "o"
        "#;
        Plan::parse(text, "plan.toml".as_ref()).unwrap()
    }

    #[test]
    fn ages_fall_into_bands_that_hold_their_first_year_and_the_last_its_end() {
        let band = |age: &str| {
            let case = Case { attributes: BTreeMap::from([(AGE.to_owned(), age.to_owned())]), ..Case::default() };
            group_of(&case, AGE, &plan()).map(|g| g.1)
        };
        assert_eq!(band("39.9").as_deref(), Some("0 to below 40"));
        assert_eq!(band("40").as_deref(), Some("40 to below 65"));
        assert_eq!(band("063Y").as_deref(), Some("40 to below 65"));
        assert_eq!(band("120").as_deref(), Some("65 to 120"));
        assert_eq!((band("121"), band("unknown"), band("-1")), (None, None, None));
    }
}
