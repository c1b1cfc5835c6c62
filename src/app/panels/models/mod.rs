//! Models: what is there, what each is for, and runs on the series that are open.
//!
//! - `list`: search, filter, the cards; [`ModelsPanel`] is what it remembers
//! - `card`: one model, folded or open, with its licence
//! - `form`: what a run is asked for: provider, samples, seed
//! - `slots`: which series goes into which input, and the guess
//! - `queue`: runs that go on and runs that wait
//! - `card_text`: `CARD.md`, plainly drawn

mod card;
mod card_text;
mod form;
mod list;
mod queue;
mod slots;

pub(crate) use list::{ModelsPanel, Row, Seen, Wish, row};

#[cfg(test)]
mod tests;
