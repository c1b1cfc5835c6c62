//! A quiz: a study of which nothing is analysed. Every answer is judged at once, hints may be asked for, and it ends with a
//! score.
//!
//! A plan is a quiz as soon as all of its cases are training; package, lists, log and room are those of any study.
//!
//! - [`score`]: whether an answer was right, and what a round came to; [`rounds`]: the log of one after another
//! - [`shipped`]: the quiz "Synthetic or real?" of the demo's head and the installed models, made where it is first played
//! - [`pairs`]: an acquired and a made image of one place, from one model; [`places`]: where they are cut
//! - [`detail`]: what a made image lacks, as numbers

pub mod detail;
pub mod pairs;
pub mod places;
pub mod rounds;
pub mod score;
pub mod shipped;

pub use score::{Answered, Score};
pub use shipped::{Quiz, QuizError, ensure};
