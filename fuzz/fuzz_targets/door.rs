//! What every target does with its bytes: a file of that extension, opened, loaded, previewed, its attributes read.

use std::path::PathBuf;
use std::sync::LazyLock;

use veritome::{io, jobs::Control};

/// One file in memory-backed storage where there is such, in a folder of this process. Its name is always the same, so
/// that a header can learn to name itself as its data file.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let parent = if std::path::Path::new("/dev/shm").exists() { "/dev/shm".into() } else { std::env::temp_dir() };
    let folder = parent.join(format!("veritome-fuzz-{}", std::process::id()));
    let _ = std::fs::create_dir_all(&folder);
    folder
});

/// A panic that the doors contain (a codec's) is no finding: libFuzzer's hook, which aborts at once, gives way to a quiet
/// one. A panic that leaves the target still ends the run.
pub fn start() {
    std::panic::set_hook(Box::new(|info| {
        if std::env::var_os("VERITOME_FUZZ_QUIET").is_none() {
            eprintln!("{info}");
        }
    }));
    // Everything on the thread that libFuzzer watches.
    let _ = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build_global();
}

pub fn knock(bytes: &[u8], extension: &str) {
    let path = FOLDER.join(format!("x.{extension}"));
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
