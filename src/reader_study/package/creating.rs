//! A plan into a package: [`create`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::checksums::{self, Checksums};
use super::images::{blinded, extension, load_whole, shared_window};
use super::{PackageError, seal};
use crate::display::Window;
use crate::display::grey::auto_window;
use crate::io::write::target::write_whole;
use crate::io::{labels, write};
use crate::jobs::Control;
use crate::reader_study::design::{
    Blob, Blobs, FrozenPlan, Part, Plan, PublicList, PublicStudy, SealedTruth, reading_lists,
};
use crate::volume::image::NamedWindow;
use crate::volume::{Provenance, Volume};

/// Where the sealed truth lies in a package.
pub const TRUTH: &str = "sealed/truth.age";
/// Every file of a package bears this time, 2000-01-01T00:00:00Z: the order in which they were made tells nothing.
const FILE_TIME: Duration = Duration::from_secs(946_684_800);

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The package.
    pub folder: PathBuf,
    /// The registered hash of the plan.
    pub plan_sha256: String,
    /// How many images it holds.
    pub images: usize,
    /// Trials by list (`R1-s1`).
    pub trials: BTreeMap<String, usize>,
    /// What the study's owner must know.
    pub warnings: Vec<String>,
}

/// Makes the package of a plan at `folder`, sealed for `recipient` (`age1…`).
///
/// # Errors
/// When the plan or one of its images cannot be used, the folder holds something, or the disk takes no more; then nothing is
/// left of the package.
pub fn create(plan: &Path, folder: &Path, recipient: &str, control: &Control) -> Result<Made, PackageError> {
    let taken = std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    if taken {
        return Err(PackageError::NotEmpty { path: folder.to_owned() });
    }
    let plan = Plan::read(plan)?;
    plan.check_images_exist()?;
    let lists = reading_lists(&plan)?;
    let frozen = FrozenPlan::new(&plan, &hashes(&plan, control)?)?;
    let blobs = Blobs::new(&plan, &frozen)?;

    let parent = folder.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent).map_err(|e| PackageError::system(parent, e))?;
    // Whole or not at all: filled beside its place, and gone by itself when something fails.
    let making = tempfile::Builder::new()
        .prefix(".veritome-study-")
        .tempdir_in(parent)
        .map_err(|e| PackageError::system(parent, e))?;
    let mut package = Package { root: making.path(), sums: Checksums::default() };
    write_images(&plan, &blobs, &mut package, control)?;
    let public = PublicList::all(&frozen, &lists, &blobs);
    for list in &public {
        package.write(&format!("lists/{}.json", list.name()), list.to_json().as_bytes())?;
    }
    let software = format!("Veritome {}", env!("CARGO_PKG_VERSION"));
    let study = PublicStudy::new(&frozen, &public, &software);
    package.write("study.json", study.to_json().as_bytes())?;
    let truth = SealedTruth { files: package.sums.files().clone(), ..SealedTruth::new(&frozen, &lists, &blobs) };
    package.write(TRUTH, &seal::seal(recipient, truth.to_json().as_bytes())?)?;
    let sums = package.sums.to_text();
    package.write(checksums::FILE, sums.as_bytes())?;
    control.checkpoint()?;

    // An empty folder of that name gives way.
    let _ = std::fs::remove_dir(folder);
    let made = making.keep();
    std::fs::rename(&made, folder).map_err(|e| {
        let _ = std::fs::remove_dir_all(&made);
        PackageError::system(folder, e)
    })?;
    Ok(Made {
        folder: folder.to_owned(),
        plan_sha256: frozen.sha256().to_owned(),
        images: blobs.all().len(),
        trials: study.trials,
        warnings: lists.warnings,
    })
}

/// The folder that is being filled.
struct Package<'a> {
    root: &'a Path,
    sums: Checksums,
}

impl Package<'_> {
    fn write(&mut self, relative: &str, bytes: &[u8]) -> Result<(), PackageError> {
        self.with(relative, |path| Ok(write_whole(path, |out| out.write_all(bytes))?))
    }

    /// Lets `fill` write a file of the package, and takes it into the list.
    fn with(
        &mut self,
        relative: &str,
        fill: impl FnOnce(&Path) -> Result<(), PackageError>,
    ) -> Result<(), PackageError> {
        let path = self.root.join(relative);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(|e| PackageError::system(parent, e))?;
        }
        fill(&path)?;
        let timed = std::fs::File::options()
            .write(true)
            .open(&path)
            .and_then(|file| file.set_modified(SystemTime::UNIX_EPOCH + FILE_TIME));
        timed.map_err(|e| PackageError::system(&path, e))?;
        if relative != checksums::FILE {
            self.sums.insert(relative, checksums::sha256_of_file(&path)?);
        }
        Ok(())
    }
}

/// SHA-256 of what lies behind each path of a plan; of a folder, that of its files' names and hashes in the order of names.
fn hashes(plan: &Plan, control: &Control) -> Result<BTreeMap<PathBuf, String>, PackageError> {
    let mut hashes = BTreeMap::new();
    for case in &plan.cases {
        for path in case.paths() {
            control.checkpoint()?;
            if !hashes.contains_key(path) {
                hashes.insert(path.clone(), content_sha256(path)?);
            }
        }
    }
    Ok(hashes)
}

fn content_sha256(path: &Path) -> Result<String, PackageError> {
    if !path.is_dir() {
        return checksums::sha256_of_file(path);
    }
    let mut sums = Checksums::default();
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(|e| PackageError::system(&folder, e))? {
            let found = entry.map_err(|e| PackageError::system(&folder, e))?.path();
            if found.is_dir() {
                folders.push(found);
            } else {
                let name = found.strip_prefix(path).unwrap_or(&found).to_string_lossy().replace('\\', "/");
                sums.insert(name, checksums::sha256_of_file(&found)?);
            }
        }
    }
    Ok(checksums::sha256(sums.to_text().as_bytes()))
}

/// Case by case, since the images of a case share one window.
fn write_images(plan: &Plan, blobs: &Blobs, package: &mut Package<'_>, control: &Control) -> Result<(), PackageError> {
    control.stage("Preparing the images", blobs.all().len() as u64);
    for case in 0..plan.cases.len() {
        let of_case: Vec<&Blob> = blobs.all().iter().filter(|b| b.view.case == case).collect();
        for part in [Part::Image, Part::Second, Part::Hint] {
            let mut images: Vec<(&str, Volume)> = Vec::new();
            for blob in of_case.iter().filter(|b| b.part == part) {
                control.checkpoint()?;
                let (volume, _) = load_whole(&blob.path, &control.child())?;
                images.push((&blob.name, blinded(&volume, &blob.name)));
            }
            let window = match plan.reading.window.filter(|_| part == Part::Image) {
                Some([center, width]) => Window::spanning(center - width / 2.0, center + width / 2.0),
                None => shared_window(&images.iter().map(|(_, v)| auto_window(v)).collect::<Vec<_>>()),
            };
            for (name, mut volume) in images {
                volume.display.windows = vec![NamedWindow { name: String::new(), window }];
                package.with(&format!("images/{name}.{}", extension(&volume)), |path| {
                    Ok(write::write(std::slice::from_ref(&volume), path)?)
                })?;
                control.advance(1);
            }
        }
        for blob in of_case.iter().filter(|b| b.part == Part::Overlay) {
            let mut map = labels::read_labelmap(&blob.path, &control.child())?;
            map.provenance = Provenance::blinded(Vec::new());
            map.name.clone_from(&blob.name);
            package.with(&format!("images/{}.nii", blob.name), |path| Ok(write::write_labelmap(&map, path)?))?;
            control.advance(1);
        }
    }
    Ok(())
}
