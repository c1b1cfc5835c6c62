//! `[power]` of a plan: why it has so many readers and cases.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::errors::{Place, PlanError};
use super::plan::{Case, Design, Plan};
use crate::reader_study::analysis::components::{CovarianceComponents, MeanSquares, VarianceComponents};
use crate::reader_study::analysis::figure_of_merit::Auc;
use crate::reader_study::analysis::mrmc::Factors;
use crate::reader_study::analysis::power::{
    Pilot, Plan as Comparison, PlannedPower, binomial_power, cases_for_power, power, readers_for_power,
    trials_for_power,
};
use crate::reader_study::analysis::{AnalysisError, CovarianceMethod, Estimates, RatingsTable};

/// More cases or readers than any study has: beyond, "not reached" is the answer.
const MOST_CASES: usize = 5000;
const MOST_READERS: usize = 200;

/// What a plan aims at, and from what its power is worked out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PowerPlan {
    /// The chance wanted of finding the effect.
    pub wanted: f64,
    /// Two-sided significance level.
    pub alpha: f64,
    /// What is to be found.
    pub aim: Aim,
}

/// What is to be found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Aim {
    /// A difference of two modalities' areas (Hillis, Obuchowski and Berbaum 2011).
    Difference {
        /// True difference; for noninferiority with the margin added.
        effect: f64,
        /// To what it is generalised.
        generalise: Generalise,
        /// Of a pilot study.
        components: Components,
    },
    /// One reader's share of right answers against guessing (exact binomial test).
    Share {
        /// True share.
        share: f64,
    },
}

/// To what a result is generalised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Generalise {
    /// Other readers and other cases.
    #[default]
    ReadersAndCases,
    /// Other cases, these readers.
    Cases,
    /// Other readers, these cases.
    Readers,
}

impl From<Generalise> for Factors {
    fn from(generalise: Generalise) -> Self {
        match generalise {
            Generalise::ReadersAndCases => Self::RandomReadersRandomCases,
            Generalise::Cases => Self::FixedReaders,
            Generalise::Readers => Self::FixedCases,
        }
    }
}

/// Components of a pilot study (Obuchowski-Rockette).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Components {
    /// How many cases the pilot had.
    pub cases: usize,
    /// How many readers it had, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readers: Option<usize>,
    /// Variance of readers between modalities.
    pub var_tr: f64,
    /// Mean variance over cases.
    pub var_error: f64,
    /// Mean covariance, same reader and other modality.
    pub cov1: f64,
    /// Same modality, other reader.
    pub cov2: f64,
    /// Other modality, other reader.
    pub cov3: f64,
}

impl Components {
    /// Of a table of a pilot's ratings, by the jackknife.
    ///
    /// # Errors
    /// When the table cannot be read, is not complete, or has not two modalities.
    pub fn of_ratings(path: &Path) -> Result<Self, String> {
        let ratings = RatingsTable::read(path).and_then(|table| table.crossed()).map_err(|e| e.to_string())?;
        if ratings.modalities().len() != 2 {
            return Err(format!(
                "{} has {} modalities; the power of a comparison needs a pilot of two",
                path.display(),
                ratings.modalities().len()
            ));
        }
        let estimates =
            Estimates::of_ratings(&ratings, &Auc, CovarianceMethod::Jackknife).map_err(|e| e.to_string())?;
        let covariances = CovarianceComponents::of(&estimates);
        let variances = VarianceComponents::of(&MeanSquares::of(estimates.values()), &covariances, 2);
        let CovarianceComponents { var_error, cov1, cov2, cov3 } = covariances;
        let readers = Some(ratings.readers().len());
        Ok(Self { cases: ratings.cases().len(), readers, var_tr: variances.var_tr, var_error, cov1, cov2, cov3 })
    }

    fn pilot(&self) -> Pilot {
        let Self { cases, readers: _, var_tr, var_error, cov1, cov2, cov3 } = *self;
        Pilot { var_tr, covariances: CovarianceComponents { var_error, cov1, cov2, cov3 }, cases }
    }
}

/// `[power]` as it stands in a file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PowerEntry {
    pilot: Option<PathBuf>,
    components: Option<Components>,
    effect: Option<f64>,
    share: Option<f64>,
    #[serde(default)]
    generalise: Option<Generalise>,
    alpha: Option<f64>,
    #[serde(default = "wanted")]
    power: f64,
}

fn wanted() -> f64 {
    0.8
}

impl PowerEntry {
    /// With the pilot's path relative to `folder`, and the plan's `alpha` where it names none.
    pub(super) fn read(self, design: Design, alpha: f64, folder: &Path, place: &Place) -> Result<PowerPlan, PlanError> {
        let wrong = |problem: String, remedy: &str| PlanError::value(place.clone(), problem, remedy);
        let alpha = self.alpha.unwrap_or(alpha);
        for (name, value) in [("power", self.power), ("alpha", alpha)] {
            if !(value > 0.0 && value < 1.0) {
                return Err(wrong(format!("`power.{name} = {value}`"), "it lies between 0 and 1"));
            }
        }
        let aim = match (design, self.effect, self.share) {
            (Design::Roc | Design::Aided | Design::FreeResponse, Some(effect), None) => {
                if !(effect != 0.0 && effect.abs() < 1.0) {
                    return Err(wrong(
                        format!("`power.effect = {effect}`"),
                        "it is a difference of areas between -1 and 1 other than 0, usually 0.02 to 0.1",
                    ));
                }
                let components = match (self.components, self.pilot) {
                    (Some(components), None) => components,
                    (None, Some(pilot)) => Components::of_ratings(&folder.join(pilot)).map_err(|why| {
                        wrong(format!("the pilot cannot be used: {why}"), "give a complete table of ratings")
                    })?,
                    _ => {
                        let remedy = "write either `pilot = \"pilot.csv\"`, a table of ratings, or its `components`";
                        return Err(wrong("`[power]` has not one source of variances".to_owned(), remedy));
                    }
                };
                Aim::Difference { effect, generalise: self.generalise.unwrap_or_default(), components }
            }
            (Design::YesNo | Design::ForcedChoice, None, Some(share)) => {
                if self.pilot.is_some() || self.components.is_some() || self.generalise.is_some() {
                    let remedy = "one reader's share needs no pilot; remove it";
                    return Err(wrong("`[power]` has a `share` and a pilot".to_owned(), remedy));
                }
                Aim::Share { share }
            }
            (Design::Roc | Design::Aided | Design::FreeResponse, ..) => {
                let remedy = "write `effect`, the difference of areas to be found, and a pilot";
                return Err(wrong(format!("`[power]` of design `{design}` has no effect"), remedy));
            }
            (Design::YesNo | Design::ForcedChoice, ..) => {
                let remedy = "write `share`, the share of right answers of one reader that is to be told from 0.5";
                return Err(wrong(format!("`[power]` of design `{design}` has no share"), remedy));
            }
            _ => {
                return Err(wrong(
                    format!("`[power]` stands in a plan of design `{design}`"),
                    "it is known for roc, aided, free_response, yes_no and forced_choice; remove it",
                ));
            }
        };
        let plan = PowerPlan { wanted: self.power, alpha, aim };
        plan.of(2, 100).map_err(|e| wrong(format!("`[power]`: {e}"), "correct the numbers of the pilot"))?;
        Ok(plan)
    }
}

/// What the planned numbers achieve, and what others would be needed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PowerStatement {
    /// Readers as planned.
    pub readers: usize,
    /// Cases as planned; of a share, trials of one reader.
    pub cases: usize,
    /// Their power.
    pub power: f64,
    /// The power that is wanted.
    pub wanted: f64,
    /// The fewest cases with the planned readers; none up to 5000.
    pub cases_needed: Option<usize>,
    /// The fewest readers with the planned cases; none up to 200, or where the number of readers does not matter.
    pub readers_needed: Option<usize>,
    /// All of it in words.
    pub text: String,
}

impl PowerPlan {
    /// The power of a plan, where it has a `[power]`.
    ///
    /// # Errors
    /// When the numbers allow none, as a single reader who stands for others.
    pub fn of_plan(plan: &Plan) -> Option<Result<PowerStatement, AnalysisError>> {
        let cases = plan.cases.iter().filter(|case: &&Case| case.is_main()).count();
        Some(plan.power.as_ref()?.of(plan.readers.len(), cases))
    }

    /// The power with so many readers and cases, and what is needed.
    ///
    /// # Errors
    /// When the numbers allow none.
    pub fn of(&self, readers: usize, cases: usize) -> Result<PowerStatement, AnalysisError> {
        match &self.aim {
            Aim::Difference { effect, generalise, components } => {
                if components.readers == Some(1) && *generalise != Generalise::Cases {
                    return Err(AnalysisError::PilotOfOneReader);
                }
                let pilot = components.pilot();
                let plan = Comparison { factors: (*generalise).into(), effect: *effect, alpha: self.alpha };
                let now = power(&pilot, &plan, readers, cases)?;
                let number = |found: Option<PlannedPower>| found.map(|p| (p.readers, p.cases));
                let cases_needed = number(cases_for_power(&pilot, &plan, readers, self.wanted, MOST_CASES)?);
                let readers_needed = number(readers_for_power(&pilot, &plan, cases, self.wanted, MOST_READERS)?);
                Ok(self.statement(now, cases_needed.map(|n| n.1), readers_needed.map(|n| n.0), *effect))
            }
            Aim::Share { share } => {
                let needed = trials_for_power(*share, self.alpha, self.wanted)?;
                let now = binomial_power(cases as u64, *share, self.alpha);
                let text = format!(
                    "One reader who is right in {:.0} % of {cases} trials is told from guessing with power {now:.2} (exact \
                     binomial test, alpha {}); power {} needs {needed} trials.",
                    share * 100.0,
                    self.alpha,
                    self.wanted
                );
                Ok(PowerStatement {
                    readers,
                    cases,
                    power: now,
                    wanted: self.wanted,
                    cases_needed: Some(needed as usize),
                    readers_needed: None,
                    text,
                })
            }
        }
    }

    fn statement(
        &self,
        now: PlannedPower,
        cases_needed: Option<usize>,
        readers_needed: Option<usize>,
        effect: f64,
    ) -> PowerStatement {
        let PlannedPower { readers, cases, power, .. } = now;
        let wanted = self.wanted;
        let more = |n: Option<usize>, most: usize, what: &str| {
            n.map_or_else(|| format!("more than {most} {what}"), |n| format!("{n} {what}"))
        };
        let text = format!(
            "{readers} readers and {cases} cases find a difference of {effect} with power {power:.2} (alpha {}); power {wanted} \
             needs {} with {readers} readers, or {} with {cases} cases.",
            self.alpha,
            more(cases_needed, MOST_CASES, "cases"),
            more(readers_needed, MOST_READERS, "readers"),
        );
        PowerStatement { readers, cases, power, wanted, cases_needed, readers_needed, text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected: `tests/data/reader_study/expected.json`, from the program of Hillis and Schartz: 6 readers, a difference of
    /// 0.05, 170 cases for 80 %.
    #[test]
    fn the_pilot_of_van_dyke_asks_for_as_many_cases_as_published() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/reader_study/vandyke.csv");
        let components = Components::of_ratings(&path).unwrap();
        let aim = Aim::Difference { effect: 0.05, generalise: Generalise::default(), components };
        let plan = PowerPlan { wanted: 0.8, alpha: 0.05, aim };
        let found = plan.of(6, 170).unwrap();
        assert_eq!(found.cases_needed, Some(170));
        assert!(found.power >= 0.8 && found.readers_needed.is_some_and(|n| n <= 6), "{found:?}");
        assert!(plan.of(6, 100).unwrap().text.contains("170 cases with 6 readers"));
        assert!(plan.of(1, 170).is_err());
    }
}
