//! One round after another: a quiz may be played again, which a session of a study may not.

use std::path::Path;

/// Gives the log of a finished round another name, the first free of `player-s1.round-1.jsonl` and so on; nothing is deleted.
///
/// # Errors
/// When the file cannot be renamed.
pub fn put_away(log: &Path) -> std::io::Result<()> {
    if !log.exists() {
        return Ok(());
    }
    let free = (1..).map(|n| log.with_extension(format!("round-{n}.jsonl"))).find(|path| !path.exists());
    free.map_or(Ok(()), |path| std::fs::rename(log, path))
}
