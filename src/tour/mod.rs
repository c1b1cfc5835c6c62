//! Guided tours: what a person is shown step by step, with what to believe and what not; the demo is one of them.
//!
//! - [`format`](mod@format): [`Tour`], a TOML file as it stands; `docs/tours.md` describes it
//! - [`parse`], [`check`]: text to a tour that can be trusted, or an error with the line and the nearest known key
//! - [`shipped`]: the tours in the binary, and where the others come from
//! - [`opening`]: [`Scene`], the image that a tour is about
//! - [`make`]: images that a tour makes itself: lesions, noise, lower resolution
//! - [`names`]: what the steps so far have made, by the names that the tour gives it
//! - [`mod@play`]: one step's work
//! - [`measure`]: one number of a step
//! - [`show`](mod@show), [`pictures`]: what a step puts on show, as layers and drawn
//! - [`story`], [`page`]: a whole tour without a window, as pictures and one HTML page
//! - [`words`]: the little Markdown of a step's text
//!
//! ```
//! use veritome::tour;
//! let demo = tour::shipped::find("demo")?;
//! assert!(demo.steps.len() >= 8);
//! let error = tour::parse::tour("schema = 1\nname = \"a\"\ntitel = \"A\"\n").unwrap_err();
//! assert_eq!(error.to_string(), "line 3: unknown key `titel`; the nearest known key is `title`");
//! # Ok::<(), tour::TourError>(())
//! ```

pub mod check;
mod errors;
pub mod format;
pub mod make;
pub mod measure;
pub mod names;
pub mod opening;
pub mod page;
pub mod parse;
pub mod pictures;
pub mod play;
pub mod ready;
pub mod shipped;
pub mod show;
pub mod story;
pub mod words;

pub use errors::TourError;
pub use format::{Step, Tour, Work};
pub use measure::Number;
pub use names::{Named, Names, Ran};
pub use opening::Scene;
pub use play::{Models, Played, play};
pub use ready::fit;
pub use story::{Story, tell};
