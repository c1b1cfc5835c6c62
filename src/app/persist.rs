//! What survives a restart: settings, recent files and the window's place, as versioned JSON in Veritome's data folder.
//!
//! [`Kept`] is the content; [`Keeper`] reads it once at the start and writes it on a thread of its own, so that a slow disk
//! never holds up a frame. A file that cannot be read is kept aside as `window.json.bad` and the defaults are taken.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The environment variable that moves the data folder.
const DATA_VARIABLE: &str = "VERITOME_DATA";
const FILE: &str = "window.json";
/// Raised when an older program could not make sense of the file.
const VERSION: u32 = 1;
/// How many recent files are kept.
const RECENT: usize = 12;

/// The file's content. `S` holds the settings.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, bound(deserialize = "S: DeserializeOwned + Default"))]
pub(crate) struct Kept<S: Default> {
    /// Of the format, not of the program.
    pub version: u32,
    /// How the window behaves.
    pub settings: S,
    /// Newest first.
    pub recent: Vec<Recent>,
    /// Where the window was.
    pub window: Option<WindowPlace>,
    /// Keys that differ from their defaults, by the name of the action; empty text for none.
    pub key_bindings: BTreeMap<String, String>,
    /// Titles that were chosen in the command palette lately, newest first.
    pub palette: Vec<String>,
}

/// Something that was opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Recent {
    /// Absolute.
    pub path: PathBuf,
    /// Whether it was not there when it was last looked for: it is shown greyed.
    #[serde(skip)]
    pub missing: bool,
}

/// Where the window was, points.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct WindowPlace {
    /// Left and top edge, if the system tells.
    pub position: Option<[f32; 2]>,
    /// Width and height of the content.
    pub size: [f32; 2],
    /// Whether it filled the screen.
    pub maximized: bool,
}

impl WindowPlace {
    /// A place that a window can be opened at: no smaller than a usable window, no larger than any screen.
    pub fn sane(self) -> Option<Self> {
        let fits = self.size.iter().all(|s| s.is_finite() && (320.0..=16_384.0).contains(s));
        let position = self.position.filter(|p| p.iter().all(|x| x.is_finite() && x.abs() < 32_768.0));
        fits.then_some(Self { position, ..self })
    }
}

impl<S: Default> Kept<S> {
    /// Puts paths at the head of the recent ones, each once.
    pub fn remember(&mut self, paths: &[PathBuf]) {
        for path in paths.iter().rev() {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            self.recent.retain(|r| r.path != path);
            self.recent.insert(0, Recent { path, missing: false });
        }
        self.recent.truncate(RECENT);
    }
}

/// `VERITOME_DATA`, else the folder that the system gives to programs for their data; `None` without a home folder.
pub(crate) fn data_folder() -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os(DATA_VARIABLE).filter(|f| !f.is_empty()) {
        return Some(std::path::absolute(&folder).unwrap_or_else(|_| PathBuf::from(folder)));
    }
    directories::ProjectDirs::from("", "", "veritome").map(|dirs| dirs.data_dir().to_owned())
}

/// Reads what was kept in `folder`: the defaults where there is nothing, and where it cannot be understood.
pub(crate) fn read<S: Default + DeserializeOwned>(folder: &Path) -> Kept<S> {
    let file = folder.join(FILE);
    let bytes = match std::fs::read(&file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Kept::default(),
        Err(error) => {
            tracing::warn!("{} could not be read: {error}", file.display());
            return Kept::default();
        }
    };
    match serde_json::from_slice::<Kept<S>>(&bytes) {
        Ok(mut kept) => {
            if kept.version > VERSION {
                // A newer program wrote more than is understood here: it finds its own file again.
                keep_aside(&file, &format!("v{}", kept.version));
            }
            kept.recent.truncate(RECENT);
            kept.window = kept.window.and_then(WindowPlace::sane);
            kept
        }
        Err(error) => {
            tracing::warn!("{} could not be understood and was kept aside: {error}", file.display());
            keep_aside(&file, "bad");
            Kept::default()
        }
    }
}

fn keep_aside(file: &Path, ending: &str) {
    let mut aside = file.as_os_str().to_owned();
    aside.push(".");
    aside.push(ending);
    if let Err(error) = std::fs::rename(file, &aside) {
        tracing::warn!("{} could not be kept aside: {error}", file.display());
    }
}

/// Writes `kept` into `folder`: first beside the file, then in its place, so that a crash never leaves half of it.
///
/// # Errors
/// What the system says.
pub(crate) fn write<S: Default + Serialize>(folder: &Path, kept: &Kept<S>) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut beside = tempfile::Builder::new().prefix(FILE).suffix(".new").tempfile_in(folder)?;
    let mut json = serde_json::to_value(kept).map_err(std::io::Error::other)?;
    if let Some(version) = json.get_mut("version") {
        *version = VERSION.into();
    }
    serde_json::to_writer_pretty(&mut beside, &json).map_err(std::io::Error::other)?;
    beside.write_all(b"\n")?;
    beside.as_file().sync_all()?;
    beside.persist(folder.join(FILE)).map_err(|e| e.error)?;
    Ok(())
}

/// Writes in the background, and looks whether recent files are still there. Dropping it waits until all is written.
#[derive(Debug)]
pub(crate) struct Keeper<S: Default> {
    to_write: Option<Sender<Box<Kept<S>>>>,
    found: (Sender<Found>, Receiver<Found>),
    thread: Option<JoinHandle<()>>,
}

/// A path, and whether it is there.
type Found = (PathBuf, bool);

impl<S: Default + Serialize + Send + 'static> Keeper<S> {
    /// A keeper that writes into `folder`; without a folder it keeps nothing.
    pub fn new(folder: Option<PathBuf>) -> Self {
        let (to_write, queue) = mpsc::channel::<Box<Kept<S>>>();
        let work = move || {
            while let Ok(kept) = queue.recv() {
                // Only the newest of what waits is written.
                let kept = queue.try_iter().last().unwrap_or(kept);
                if let Some(folder) = &folder
                    && let Err(error) = write(folder, &*kept)
                {
                    tracing::warn!("the settings could not be kept in {}: {error}", folder.display());
                }
            }
        };
        let thread = std::thread::Builder::new().name("keeper".into()).spawn(work);
        if let Err(error) = &thread {
            tracing::warn!("settings will not be kept: {error}");
        }
        Self { to_write: Some(to_write), found: mpsc::channel(), thread: thread.ok() }
    }

    /// Has `kept` written soon; never waits.
    pub fn save(&self, kept: Kept<S>) {
        if let Some(to_write) = &self.to_write {
            // Without its thread nothing can be kept, and that was said already.
            let _ = to_write.send(Box::new(kept));
        }
    }

    /// Looks which recent files are there, then calls `done` (a repaint); [`Keeper::poll`] has the answer. On a thread of
    /// its own that nobody waits for, because a lost network drive may take minutes to answer.
    pub fn look_for(&self, recent: &[Recent], done: impl Fn() + Send + 'static) {
        let paths: Vec<PathBuf> = recent.iter().map(|r| r.path.clone()).collect();
        let answer = self.found.0.clone();
        let work = move || {
            for path in paths {
                let there = path.exists();
                if answer.send((path, there)).is_err() {
                    return;
                }
            }
            done();
        };
        if let Err(error) = std::thread::Builder::new().name("recent files".into()).spawn(work) {
            tracing::warn!("recent files were not looked for: {error}");
        }
    }

    /// Marks what was found missing; true when something changed.
    pub fn poll(&self, recent: &mut [Recent]) -> bool {
        let mut changed = false;
        for (path, there) in self.found.1.try_iter() {
            for entry in recent.iter_mut().filter(|r| r.path == path && r.missing == there) {
                entry.missing = !there;
                changed = true;
            }
        }
        changed
    }
}

impl<S: Default> Drop for Keeper<S> {
    fn drop(&mut self) {
        self.to_write = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::warn!("the thread that keeps settings failed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
    #[serde(default)]
    struct Settings {
        hide_patient: bool,
        zoom_speed: f32,
    }

    fn example() -> Kept<Settings> {
        let mut kept =
            Kept { version: VERSION, settings: Settings { hide_patient: true, zoom_speed: 2.0 }, ..Kept::default() };
        kept.window = Some(WindowPlace { position: Some([10.0, 20.0]), size: [1600.0, 1000.0], maximized: false });
        kept.key_bindings.insert("Invert".into(), "Ctrl+I".into());
        kept.remember(&[PathBuf::from("/a")]);
        kept
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn all_survives_a_restart_and_nothing_lies_beside() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("not yet there");
        assert_eq!(read::<Settings>(&inner), Kept::default());
        let keeper = Keeper::new(Some(inner.clone()));
        keeper.save(Kept::default());
        keeper.save(example());
        drop(keeper);
        assert_eq!(read::<Settings>(&inner), example());
        assert_eq!(names(&inner), [FILE]);
    }

    #[test]
    fn a_corrupt_file_gives_defaults_and_is_kept_aside() {
        let folder = tempfile::tempdir().unwrap();
        for bad in [&b"{"[..], b"", b"\xff\xfe", b"[1, 2]", br#"{"settings": 3}"#] {
            std::fs::write(folder.path().join(FILE), bad).unwrap();
            assert_eq!(read::<Settings>(folder.path()), Kept::default());
            assert_eq!(names(folder.path()), [format!("{FILE}.bad")]);
            assert_eq!(std::fs::read(folder.path().join(format!("{FILE}.bad"))).unwrap(), bad);
        }
    }

    #[test]
    fn unknown_and_absent_fields_do_no_harm() {
        let folder = tempfile::tempdir().unwrap();
        let text = r#"{"settings": {"hide_patient": true, "from_the_future": [1]}, "more": {}}"#;
        std::fs::write(folder.path().join(FILE), text).unwrap();
        let kept = read::<Settings>(folder.path());
        assert!(kept.settings.hide_patient);
        assert!(kept.recent.is_empty());
    }

    #[test]
    fn the_file_of_a_newer_program_is_not_lost() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), r#"{"version": 7, "settings": {"hide_patient": true}}"#).unwrap();
        let kept = read::<Settings>(folder.path());
        assert!(kept.settings.hide_patient);
        write(folder.path(), &kept).unwrap();
        assert_eq!(names(folder.path()), [FILE.to_owned(), format!("{FILE}.v7")]);
        assert_eq!(read::<Settings>(folder.path()).version, VERSION);
    }

    #[test]
    fn recent_files_are_twelve_newest_first_and_each_once() {
        let mut kept = Kept::<Settings>::default();
        for i in 0..20 {
            kept.remember(&[PathBuf::from(format!("/scan{i}"))]);
        }
        kept.remember(&[PathBuf::from("/scan15")]);
        assert_eq!(kept.recent.len(), RECENT);
        assert!(kept.recent[0].path.ends_with("scan15"));
        assert!(kept.recent[1].path.ends_with("scan19"));
    }

    #[test]
    fn missing_files_are_found_out_in_the_background() {
        let folder = tempfile::tempdir().unwrap();
        let there = folder.path().join("there");
        std::fs::write(&there, "").unwrap();
        let mut kept = Kept::<Settings>::default();
        kept.remember(&[there, folder.path().join("gone")]);
        let keeper = Keeper::<Settings>::new(None);
        let (done, wait) = mpsc::channel();
        keeper.look_for(&kept.recent, move || done.send(()).unwrap());
        wait.recv().unwrap();
        assert!(keeper.poll(&mut kept.recent));
        assert_eq!(kept.recent.iter().map(|r| r.missing).collect::<Vec<_>>(), [false, true]);
        assert!(!keeper.poll(&mut kept.recent));
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_no_disaster() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(write(&file, &example()).is_err());
        let keeper = Keeper::new(Some(file));
        keeper.save(example());
    }

    #[test]
    fn a_window_place_off_every_screen_is_not_taken() {
        let place = |position, size| WindowPlace { position, size, maximized: false }.sane();
        assert!(place(None, [0.0, 900.0]).is_none());
        assert!(place(None, [f32::NAN, 900.0]).is_none());
        assert_eq!(place(Some([1e9, 0.0]), [1280.0, 720.0]).unwrap().position, None);
        assert_eq!(place(Some([-1200.0, 30.0]), [1280.0, 720.0]).unwrap().position, Some([-1200.0, 30.0]));
    }
}
