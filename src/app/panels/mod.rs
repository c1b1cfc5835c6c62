//! What stands around the images.
//!
//! - `toolbar` (what of it has room: `toolbar_fit`), `status`: above and below
//! - `studies`: the series browser on the left
//! - `layers`, `look`: layers and the volume view's settings on the right
//! - `transfer_editor`, `histogram`: colours and opacities over the volume's values
//! - `runs`: the head of a run in the list of layers, and the person's word on its results
//! - `measurements`: lengths, angles and regions of the active series
//! - `metrics`: images and label maps measured against each other
//! - `models`: models and their runs
//! - `why`, `record`: what is known at the cursor, and where a layer came from
//! - `tour`: a guided tour, in the place of the series browser
//! - `start`: what an empty window offers
//! - `dialogs`: shows one of `help`, `settings`, `key_bindings`, `log`, `metrics`, `tag_browser`, `study_wizard`
//!   (its questions in `study_questions`), `study_reading`, `study_analysis`
//! - `search_field`: what lists are filtered by

pub(crate) mod dialogs;
pub(crate) mod help;
pub(crate) mod histogram;
pub(crate) mod key_bindings;
pub(crate) mod layers;
pub(crate) mod log;
pub(crate) mod look;
pub(crate) mod measurements;
pub(crate) mod metrics;
pub(crate) mod models;
pub(crate) mod record;
pub(crate) mod runs;
pub(crate) mod search_field;
pub(crate) mod settings;
pub(crate) mod start;
pub(crate) mod status;
pub(crate) mod studies;
mod study_analysis;
mod study_questions;
pub(crate) mod study_reading;
pub(crate) mod study_wizard;
pub(crate) mod tag_browser;
pub(crate) mod toolbar;
mod toolbar_fit;
pub(crate) mod tour;
pub(crate) mod transfer_editor;
pub(crate) mod why;
