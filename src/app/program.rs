//! A window of this program beside this one: a blinded study and a quiz have one of their own, in a process of its own, so that
//! nothing of what is open here can be in it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The program that opens such a window.
#[derive(Debug, Clone)]
pub(crate) struct Program(PathBuf);

impl Program {
    /// This program, or another one for tests.
    pub fn new(path: Option<PathBuf>) -> Self {
        // Without a path of its own the program is looked for by its name, and its absence is told.
        Self(path.or_else(|| std::env::current_exe().ok()).unwrap_or_else(|| PathBuf::from("veritome")))
    }

    /// Runs it until its window is closed.
    ///
    /// # Errors
    /// What it said when it ended with an error, or why it could not be started.
    pub fn run(&self, arguments: &[OsString]) -> Result<(), String> {
        let output = Command::new(&self.0)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .output()
            .map_err(|e| format!("{} could not be started: {e}", self.0.display()))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it ended without a word");
        Err(last.trim_start_matches("veritome: ").to_owned())
    }
}

impl Default for Program {
    fn default() -> Self {
        Self::new(None)
    }
}
