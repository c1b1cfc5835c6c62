//! A blinded study, read: the whole window is for the images and their questions.
//!
//! Nothing here knows the truth, and nothing that could tell it is drawn: no name, no series, no value under the pointer, no
//! model; every image bears the same mark. What a reader answers is on disk before the window changes.
//!
//! - [`open_room`]: opens it; [`ReadingRoom`] is its content, also for tests
//! - `room`: one frame; `screens`: what stands between trials; `trial`: images and questions of one
//! - `questions`: how they are answered; `blobs`: images on their way; `seen`: what was looked at
//! - `tools`: what the plan allows; `quiz`: what a quiz tells after each answer and at its end

mod blobs;
mod questions;
mod quiz;
mod room;
mod screens;
mod seen;
mod tools;
mod trial;

pub use room::{Desk, ReadingRoom, RoomOptions, open_room};
