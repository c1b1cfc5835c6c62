//! The window: the only code that knows egui.
//!
//! - [`open_window`]: opens it; [`Veritome`] is the window's content, also for tests
//! - `frame`: one frame of it; `arrivals`: what other threads finished; `typing`: keys on their way
//! - [`action`]: everything a person can do
//! - `library`: what is open; `stage`: the layers of a series on show; `pane`: one viewport; `state`: all of it
//! - `guard_words`: whether chosen inputs are like the training data, before a run
//! - `run_wishes`: what panels ask of models and runs; `results`: what a run gave, as layers; `evidence`: what is known at one point
//! - `touring`: a guided tour that is on; `tour_layers`: what its steps lay over their series
//! - `tasks`: work on other threads; `picture`: pictures of `render` as textures
//! - `viewport`, `panels`: what is drawn where; `ui_kit`: the look
//! - `measuring`: lengths, angles and regions on the slices of a series
//! - `keymap`: which key does what; `history`: undo and redo
//! - `palette`: all commands, found by a few letters
//! - [`reading`]: a blinded study or a quiz, read; `program`: the window of its own that it is read in
//! - `wheel`: one notch counts once
//! - `persist`: what survives a restart

pub mod action;
mod arrivals;
mod dispatch;
mod evidence;
mod file_url;
mod frame;
mod guard_words;
mod history;
mod keymap;
mod library;
mod measuring;
mod palette;
mod pane;
mod panels;
mod persist;
mod picture;
mod program;
pub mod reading;
mod results;
mod run_wishes;
mod side_panels;
mod stage;
mod state;
mod tasks;
#[cfg(test)]
mod test_window;
mod tour_layers;
mod touring;
mod typing;
mod ui_kit;
mod viewport;
mod wheel;
mod window;

pub use action::Layout;
pub use window::{Veritome, WindowOptions, has_display, open_window};
