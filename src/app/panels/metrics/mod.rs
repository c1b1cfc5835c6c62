//! The metrics panel: how far a test is from a reference, among what is open.
//!
//! - [`question`]: what can be chosen, what was asked, what came of it; the numbers are those of `evaluate::comparing`
//! - [`panel`]: [`MetricsPanel`], its choices, its buttons
//! - `tables`: numbers by region; `slice_plot`: one measure by slice

mod panel;
pub(crate) mod question;
mod slice_plot;
mod tables;
#[cfg(test)]
mod tests;

pub(crate) use panel::{MetricsPanel, MetricsWish};
pub(crate) use question::{Answered, Question};
