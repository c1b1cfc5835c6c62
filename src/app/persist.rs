//! What survives a restart: settings and recent files, as JSON in the user's data folder.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::state::Settings;

/// The file's content.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Kept {
    pub settings: Settings,
    /// Newest first.
    pub recent: Vec<PathBuf>,
    /// Position and size of the window, points.
    pub window: Option<[f32; 4]>,
}

/// How many recent files are kept.
const RECENT: usize = 12;

/// `VERITOME_DATA`, else the folder that the system gives to programs for their data.
pub(crate) fn data_folder() -> Option<PathBuf> {
    std::env::var_os("VERITOME_DATA")
        .map(PathBuf::from)
        .or_else(|| directories::ProjectDirs::from("", "", "veritome").map(|d| d.data_dir().to_owned()))
}

impl Kept {
    /// What was kept; the defaults where nothing was, or where it cannot be read.
    pub fn load(folder: Option<&Path>) -> Self {
        let Some(file) = folder.map(|f| f.join("window.json")) else { return Self::default() };
        match std::fs::read_to_string(&file) {
            Ok(text) => serde_json::from_str(&text).unwrap_or_else(|error| {
                tracing::warn!("{}: {error}", file.display());
                Self::default()
            }),
            Err(_) => Self::default(),
        }
    }

    /// Writes it; a failure is only logged, because nothing that a person made is lost.
    pub fn save(&self, folder: Option<&Path>) {
        let Some(folder) = folder else { return };
        let written = std::fs::create_dir_all(folder).and_then(|()| {
            let text = serde_json::to_string_pretty(self).map_err(std::io::Error::other)?;
            // First beside it, then in its place: a crash never leaves half a file.
            let beside = folder.join("window.json.new");
            std::fs::write(&beside, text)?;
            std::fs::rename(beside, folder.join("window.json"))
        });
        if let Err(error) = written {
            tracing::warn!("the window's settings could not be kept: {error}");
        }
    }

    /// Puts paths at the head of the recent ones.
    pub fn remember(&mut self, paths: &[PathBuf]) {
        for path in paths.iter().rev() {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            self.recent.retain(|p| *p != path);
            self.recent.insert(0, path);
        }
        self.recent.truncate(RECENT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_and_recent_files_survive_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let mut kept = Kept::load(Some(folder.path()));
        assert_eq!(kept, Kept::default());
        kept.settings.hide_patient = true;
        kept.remember(&[PathBuf::from("/a"), PathBuf::from("/b")]);
        kept.remember(&[PathBuf::from("/b")]);
        kept.save(Some(folder.path()));
        let again = Kept::load(Some(folder.path()));
        assert_eq!(again, kept);
        assert_eq!(again.recent.len(), 2);
        std::fs::write(folder.path().join("window.json"), "{").unwrap();
        assert_eq!(Kept::load(Some(folder.path())), Kept::default());
    }
}
