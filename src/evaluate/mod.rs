//! Many cases with several models: measured, compared, told apart by subgroup, reported.
//!
//! ```no_run
//! use veritome::evaluate::{CaseWork, Failure, Job, ModelFacts, Outcome, Pairing, Plan, RunOptions, Setting, Statistics};
//! use veritome::evaluate::{Tested, run, write_results};
//! use veritome::jobs::Control;
//! struct Work;
//! impl CaseWork for Work {
//!     fn model(&self, _: &Tested) -> Result<ModelFacts, String> {
//!         Ok(ModelFacts::default())
//!     }
//!     fn work(&self, _: &Job<'_>, _: &Control) -> Result<Outcome, Failure> {
//!         Err(Failure::Failed("loads images, runs the model, measures".into()))
//!     }
//! }
//! let plan = Plan::read("plan.toml".as_ref())?;
//! let pairing = Pairing::of(&plan)?;
//! let evaluation = run(plan, pairing, &Work, RunOptions::default(), &Control::new())?;
//! let statistics = Statistics::of(&evaluation)?;
//! let written = write_results(&evaluation, &statistics, &Setting::default())?;
//! println!("{}", written.report.display());
//! # Ok::<(), veritome::evaluate::EvaluateError>(())
//! ```
//!
//! - [`plan`]: [`Plan`], a TOML file; `plan_file`: its keys and their checks; [`errors`]: what is wrong with it
//! - [`pattern`], [`pairing`], `case_table`: from the plan to [`Case`]s; [`findings`]: what is missing of which
//! - [`imaging`]: [`ImagingWork`], real images and models; [`comparing`]: two things measured, as `compare` does it; `pictures`
//! - [`truth`]: what the table says of each case; `classes`: a model's classes held against it
//! - [`work`]: [`CaseWork`], what the caller does for one case with one model; [`measure`]: the names of measures
//! - [`run`](mod@run): all jobs, several at once; [`store`]: finished ones on disk; `key`: what a result depends on
//! - [`bootstrap`], [`rank_tests`]: intervals and tests; `values`: one measure by case and patient
//! - [`auc_pairs`]: areas under curves in pairs; [`candidates`]: lesions found and missed, for free-response curves
//! - [`summary`], [`subgroups`], [`statistics`]: what is computed of the records
//! - [`tables`], [`table_files`]: CSV and Parquet; [`html`]: the report; [`results`]: all files of an evaluation

pub mod auc_pairs;
pub mod bootstrap;
pub mod candidates;
mod case_table;
mod classes;
pub mod comparing;
pub mod errors;
pub mod findings;
pub mod html;
pub mod imaging;
mod key;
pub mod measure;
pub mod pairing;
pub mod pattern;
mod pictures;
pub mod plan;
mod plan_file;
pub mod rank_tests;
pub mod results;
pub mod run;
pub mod statistics;
pub mod store;
pub mod subgroups;
pub mod summary;
pub mod table_files;
pub mod tables;
pub mod truth;
mod values;
pub mod work;

pub use auc_pairs::AucDifference;
pub use candidates::Candidates;
pub use errors::{EvaluateError, PlanError};
pub use findings::{Finding, Problem};
pub use html::Setting;
pub use imaging::ImagingWork;
pub use key::Fingerprint;
pub use measure::{About, Better, Measured, Measures};
pub use pairing::{Case, Pairing};
pub use pattern::Pattern;
pub use plan::{CaseSource, DataRange, Kind, MeasurePlan, Plan, Tested};
pub use results::{Written, write_results};
pub use run::{Evaluation, RunOptions, run};
pub use statistics::Statistics;
pub use store::Record;
pub use truth::Truth;
pub use work::{CasePicture, CaseWork, Failure, Job, ModelFacts, Outcome, ReliabilityCounts, ScalarPair, Scored};
