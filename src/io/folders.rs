//! Where Veritome keeps what it fetched: runtime libraries, models, samples.

use std::path::PathBuf;

/// The environment variable that moves the data folder.
pub const DATA_VARIABLE: &str = "VERITOME_DATA";

/// Veritome's data folder: `VERITOME_DATA`, else the place that the operating system sets aside for a user's program
/// data. It need not exist yet. `None` when there is no home folder.
#[must_use]
pub fn data() -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os(DATA_VARIABLE).filter(|f| !f.is_empty()) {
        return Some(std::path::absolute(&folder).unwrap_or_else(|_| PathBuf::from(folder)));
    }
    directories::ProjectDirs::from("", "", "veritome").map(|dirs| dirs.data_dir().to_owned())
}
