//! What every target does with its bytes: a file of that extension, opened, loaded, previewed, its attributes read.

use veritome::{io, jobs::Control};

/// A fresh file in memory-backed storage where there is one.
pub fn knock(bytes: &[u8], extension: &str) {
    let folder = if std::path::Path::new("/dev/shm").exists() { "/dev/shm".into() } else { std::env::temp_dir() };
    let path = folder.join(format!("veritome-fuzz-{}.{extension}", std::process::id()));
    if std::fs::write(&path, bytes).is_err() {
        return;
    }
    let control = Control::new();
    if let Ok(opened) = io::open(&path, &control) {
        for series in opened.studies.iter().flat_map(|s| &s.series) {
            let _ = series.preview();
            let _ = series.source.attributes(0, 0);
            // Whatever the header claims, a small file cannot hold much more than itself; decompression is bounded.
            for t in 0..series.time_points.min(3) {
                let _ = series.load(t, &control);
            }
        }
    }
}
