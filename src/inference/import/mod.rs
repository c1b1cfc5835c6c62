//! Model folders out of other tools' exports: [`import`].
//!
//! - `source`: which kind of export a folder is, and which graph it holds
//! - `config_tree`: MONAI's configuration with its references resolved; expressions are never run
//! - `monai`, `transforms`: a MONAI bundle as a manifest
//! - `nnunet`: an nnU-Net export as a manifest
//! - `graph_fit`: the draft held against the ONNX graph: tensor names, channels, activation
//! - `draft`: the manifest in the making, and what could not be taken over
//! - `write`: `manifest.toml`, `CARD.md`, the graph and the licences, in a folder of their own
//!
//! ```no_run
//! let imported = veritome::inference::import::import("bundle".as_ref(), "models/spleen".as_ref())?;
//! for finding in &imported.findings {
//!     println!("{finding}");
//! }
//! # Ok::<(), veritome::inference::import::ImportError>(())
//! ```

mod config_tree;
mod draft;
mod graph_fit;
mod monai;
mod nnunet;
mod source;
mod transforms;
mod write;

pub use draft::{Finding, Weight};
pub use source::ImportError;
pub use write::{Imported, import};
