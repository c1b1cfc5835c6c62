//! Tests of the design of a study as a whole.
//!
//! - [`plan_file`]: what a plan may say; [`allotment`]: who sees what; [`order`]: in which order; [`package`]: what is
//!   public and what is sealed
//! - [`sample_plans`], [`studies`]: the plans that they try

mod allotment;
mod free_response;
mod order;
mod package;
mod plan_file;
mod sample_plans;
mod studies;
