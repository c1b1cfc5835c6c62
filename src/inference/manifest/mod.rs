//! A model folder as a checked type.
//!
//! - [`schema`]: every key of `manifest.toml`
//! - [`Model`]: a folder whose manifest was read and checked
//! - [`models`], [`find`]: the folders that are there
//!
//! ```no_run
//! for found in veritome::inference::manifest::models() {
//!     match found.model {
//!         Ok(model) => println!("{} {}", model.manifest.name, model.manifest.title),
//!         Err(error) => println!("{error}"),
//!     }
//! }
//! ```

mod checks;
mod folders;
mod parse;
pub mod schema;
mod weights;

pub use folders::{FoundModel, Model, ModelError, find, models};
pub use parse::ParseError;
pub(crate) use parse::{explained, nearest};
pub use schema::Manifest;
pub(crate) use weights::{Weights, path_inside};

/// `#rrggbb` as three bytes.
#[must_use]
pub fn parse_color(text: &str) -> Option<[u8; 3]> {
    let digits = text.strip_prefix('#').filter(|d| d.len() == 6 && d.is_ascii())?;
    let byte = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
    Some([byte(0)?, byte(2)?, byte(4)?])
}
