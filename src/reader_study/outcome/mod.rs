//! From the logs of a finished reader study to its results.
//!
//! Logs and the opened truth go in; a [`StudyOutcome`] comes out, and two tables. Formulas are those of
//! [`super::analysis`]; here stands which of them a design takes, on which readings.
//!
//! In, and whether it can be trusted:
//! - [`material`]: the public files and the bytes of the logs
//! - [`alterations`]: the public files held against the sealed plan
//! - [`integrity`]: all logs verified together; [`remarks`]: what every table must say
//!
//! From logs to rows:
//! - [`timing`]: how one trial was read; [`judged`], [`marks`]: what its answers mean; [`readings`]: one row a planned trial
//! - [`tables`]: `trials.csv`, the bare ratings, `approval.csv`; [`flow`]: planned, read, missing
//!
//! One file a design:
//! - [`yes_no`], [`forced_choice`], [`roc`] (also with an aid), [`free_response`], [`grading`], [`preference`], [`approval`]
//! - [`figure_comparison`]: arms of a free-response study
//! - [`areas`], [`readers_mean`], [`shares`], [`criteria`]: what several of them share
//!
//! For all designs:
//! - [`repeats`]: agreement with oneself; [`attention`]: catch trials; [`trends`]: learning and fatigue; [`times`];
//!   [`order_effects`]; [`incomplete`]: what is done about missing readings; [`planned_tests`]: the declared tests after Holm
//!
//! Out:
//! - [`study_outcome`]: everything in one; [`methods`], [`checklist`]: for the paper
//! - [`main_numbers`]: what a person looks for first
//! - [`html`]: the page; `report_tables`: the JSON as tables; `report_words`: what fields are called
//! - [`simulate`], [`simulated_answers`]: readers who are programs, for examples and tests

pub mod alterations;
pub mod approval;
pub mod areas;
pub mod attention;
pub mod checklist;
pub mod criteria;
pub mod errors;
pub mod figure_comparison;
pub mod flow;
pub mod forced_choice;
pub mod free_response;
pub mod grading;
pub mod html;
pub mod incomplete;
pub mod integrity;
pub mod judged;
pub mod main_numbers;
pub mod marks;
pub mod material;
pub mod methods;
pub mod order_effects;
pub mod planned_tests;
pub mod preference;
pub mod readers_mean;
pub mod readings;
pub mod receipts;
pub mod remarks;
pub mod repeats;
mod report_tables;
mod report_words;
pub mod roc;
pub mod shares;
pub mod simulate;
pub mod simulated_answers;
pub mod study_outcome;
pub mod tables;
pub mod times;
pub mod timing;
pub mod trends;
pub mod yes_no;

pub use errors::OutcomeError;
pub use incomplete::Incomplete;
pub use integrity::Integrity;
pub use material::Material;
pub use readings::Readings;
pub use receipts::{ReceiptLine, ReceiptState, Receipts};
pub use study_outcome::{DesignResult, OutcomeOptions, StudyOutcome};
