//! The plan of a reader study, its checks, its reading lists and its pre-registration hash.
//!
//! ```
//! use std::path::Path;
//! use veritome::reader_study::design::{Plan, Role, reading_lists};
//! let mut text = r#"
//!     title = "Synthetic against acquired"
//!     design = "yes_no"
//!     seed = 3141592653589
//!     reader = [{ id = "R1" }, { id = "R2" }]
//!     modality = [{ name = "acquired", synthetic = false }, { name = "made", synthetic = true }]
//!     sessions = { count = 2, washout_days = 28 }
//! "#.to_owned();
//! for case in 1..=8 {
//!     text += &format!("[[case]]\nid = \"c{case}\"\nimages = {{ acquired = \"a/{case}.nii\", made = \"m/{case}.nii\" }}\n");
//! }
//! let plan = Plan::parse(Path::new("study/plan.toml"), &text)?;
//! let lists = reading_lists(&plan)?;
//! assert_eq!(lists.lists.len(), 4);
//! assert!(lists.lists.iter().all(|list| list.trials.len() == 8 && list.trials[0].role == Role::Main));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! From a file to a study:
//! - [`plan`], [`question`]: the checked plan; [`answer`], [`asking`]: what is answered, and which questions are asked;
//!   [`Plan::read`] makes it of a TOML file, in which [`errors`] name the line; [`asks_for`], `approved`: what an option
//!   of the primary question means
//! - [`draft`]: a plan while it is thought up
//! - [`lists`]: which reader reads what in which session and order, by the rules of `READER_STUDIES.md`, section 2
//! - [`free_response_plan`]: whether the lists of a free-response plan suffice for its analysis
//! - [`squares`]: in which order blocks of cases go through the modalities
//! - [`freeze`]: the plan with the hashes of its images, and its own hash, which registers the study
//! - [`blobs`]: the names of the images in the package
//! - [`public`]: what readers get; [`sealed`]: what stays hidden until all have read
//!
//! How lists come about: `units` (a case, a patient or a couple goes through the sessions together), `crossover` (which
//! of them is shown how in which session), `entries` (sides and roles), `repeats`, `arrange` (the order, on `runs` of
//! truths), `codes`. All chance is in `draws`.

pub mod answer;
mod approved;
mod arrange;
pub mod asking;
pub mod asks_for;
pub mod blobs;
mod canonical;
mod case_checks;
mod case_table;
mod checks;
mod codes;
mod couples;
mod crossover;
pub mod draft;
pub(in crate::reader_study) mod draws;
mod entries;
pub mod errors;
pub mod free_response_plan;
pub mod freeze;
mod list_warnings;
pub mod lists;
pub mod plan;
mod plan_file;
pub mod power_plan;
pub mod public;
pub mod question;
mod question_checks;
mod repeats;
mod runs;
pub mod sealed;
pub mod squares;
pub mod told;
mod units;

#[cfg(test)]
mod tests;

pub use answer::{AnswerValue, RatedMark};
pub use asking::{AnswerProblem, Answers};
pub use asks_for::AsksFor;
pub use blobs::{Blob, Blobs, Part};
pub use draft::{Draft, DraftError, Pairs};
pub use errors::{FreezeError, ListError, Place, PlanError};
pub use freeze::FrozenPlan;
pub use lists::{Lists, ReadingList, Role, Trial, View, reading_lists};
pub use plan::{Case, Design, Lesion, Modality, Order, Pairing, Plan, Reader, ReadingRules, Sessions, Tool};
pub use power_plan::{PowerPlan, PowerStatement};
pub use public::{PublicList, PublicStudy, PublicTrial, TrialKind};
pub use question::{AnswerKind, Condition, Question};
pub use sealed::{SealedBlob, SealedTrial, SealedTruth};
pub use told::Told;
