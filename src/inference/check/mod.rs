//! Whether a model folder is what it says: [`check`].
//!
//! - `report`: the whole check, in order, and what it found
//! - `surface`: the graphs' tensors against the manifest
//! - `portability`: what other providers than the processor cannot run
//! - `profile`: a graph opened and run on one window: does this ONNX Runtime take it, which operators are slow
//! - `reference`: the manifest's `[[checks]]` through the engine
//!
//! ```no_run
//! use veritome::inference::{check, manifest};
//! let model = manifest::find("brain-mask")?;
//! let report = check::check(&model, &veritome::jobs::Control::new())?;
//! assert!(report.passed, "{:?}", report.problems);
//! # Ok::<(), veritome::inference::InferenceError>(())
//! ```

mod portability;
mod profile;
mod reference;
mod report;
mod surface;

pub use portability::Elsewhere;
pub use profile::SlowOperator;
pub use reference::{LabelDice, ReferenceReport};
pub use report::{CheckReport, GraphReport, check};
