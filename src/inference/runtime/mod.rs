//! Finds, installs and describes ONNX Runtime.
//!
//! - [`locate`]: where the library is, in the order `ORT_DYLIB_PATH`, beside the executable, Veritome's data folder,
//!   the active Python environment
//! - [`install`]: fetches the official wheel with `pip` and keeps its library files in the data folder
//! - [`ensure`]: the one or else the other
//! - [`environment`]: loads it, once a process
//! - [`status`]: what was found and which execution providers really run

mod install;
mod library;
mod locate;
mod providers;

pub use install::{Flavour, InstallError, VERSION, ensure, install};

pub(crate) use library::loaded;
pub use library::{LoadError, environment};
pub use locate::{Found, How, RuntimeMissing, locate};
pub use providers::{ProviderStatus, RuntimeStatus, status};
pub(crate) use providers::{dispatch, first_line, is_built_in, remedy};
