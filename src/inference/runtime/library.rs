//! Loads ONNX Runtime, once a process.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use ort::environment::Environment;
use ort::logging::LogLevel;

use super::locate::{Found, RuntimeMissing, locate};

/// Why ONNX Runtime is not there to be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// There is none.
    #[error(transparent)]
    Missing(#[from] RuntimeMissing),
    /// There is one, and it does not load.
    #[error("ONNX Runtime at {} cannot be loaded: {reason}; run `veritome runtime install` for a fresh copy", path.display())]
    Broken {
        /// Which file.
        path: PathBuf,
        /// What the loader said.
        reason: String,
    },
}

/// The loaded runtime.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub found: Found,
    pub environment: Environment,
}

static LOADED: OnceLock<Loaded> = OnceLock::new();
static LOADING: Mutex<()> = Mutex::new(());

/// The process's one environment of ONNX Runtime; found and loaded at the first call.
///
/// # Errors
/// When no library is found or it does not load; a later call tries again, so that `install` helps without a restart.
pub fn environment() -> Result<&'static Environment, LoadError> {
    loaded().map(|l| &l.environment)
}

pub(crate) fn loaded() -> Result<&'static Loaded, LoadError> {
    if let Some(loaded) = LOADED.get() {
        return Ok(loaded);
    }
    let _one_at_a_time = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(loaded) = LOADED.get() {
        return Ok(loaded);
    }
    let loaded = load(locate()?)?;
    Ok(LOADED.get_or_init(|| loaded))
}

fn load(mut found: Found) -> Result<Loaded, LoadError> {
    let broken = |reason: String| LoadError::Broken { path: found.path.clone(), reason };
    let environment = ort::init_from(&found.path)
        .map_err(|e| broken(e.to_string()))?
        .with_name("veritome")
        .with_telemetry(false)
        .with_logger(Arc::new(|level: LogLevel, category: &str, _: &str, place: &str, message: &str| match level {
            LogLevel::Error | LogLevel::Fatal => tracing::warn!(category, place, "{message}"),
            _ => tracing::debug!(category, place, "{message}"),
        }))
        .build()
        .map_err(|e| broken(e.to_string()))?;
    environment.set_log_level(LogLevel::Warning);
    if let Some(version) = version_of_build(ort::info()) {
        found.version = Some(version);
    }
    Ok(Loaded { found, environment })
}

/// `git-branch=rel-1.31.1` of the build's own description.
fn version_of_build(info: &str) -> Option<String> {
    let (_, rest) = info.split_once("git-branch=rel-")?;
    let version: String = rest.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    (version.split('.').count() == 3).then_some(version)
}
