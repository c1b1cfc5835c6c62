//! The session of a reader: what was done, kept line by line, and what comes next.
//!
//! A session is one reader's list of trials, read in one go or in several runs of the program. Its only record is an
//! append-only log; everything else is worked out from it, so that a killed program goes on where it stopped.
//!
//! - [`event`]: what a log can say
//! - [`entry`]: one line of a log, its exact bytes and the chain of hashes
//! - [`log`]: a log that is being written; [`storage`]: the file under it; [`clock`], [`utc`]: the two times of a line
//! - [`verify`]: a log that is read back, tolerant of what a crash leaves; [`finding`]: what was found in it;
//!   [`chain`]: whether its lines are those that were written; [`order`]: whether they make sense
//! - [`progress`]: which trial is next, as a pure state machine over a list and a log; [`step`]: its answers
//! - [`reading`]: log and state machine together, as the window and simulated readers use them
//! - [`looks`]: looks at the truth before all sessions were closed
//! - [`washout`]: whether a reader's next session may start
//! - [`package_view`]: what is needed of the files that a reader gets

pub mod chain;
pub mod clock;
pub mod entry;
pub mod event;
pub mod finding;
pub mod log;
pub mod log_error;
#[cfg(test)]
mod log_tests;
pub mod looks;
pub mod order;
pub mod package_view;
pub mod progress;
pub mod reading;
pub mod receipt;
pub mod step;
pub mod storage;
pub mod utc;
pub mod verify;
pub mod washout;

pub use entry::Entry;
pub use event::Event;
pub use log::SessionLog;
pub use log_error::LogError;
pub use package_view::PackageView;
pub use progress::Progress;
pub use reading::ReadingSession;
pub use verify::VerifiedLog;
