//! A plan while it is thought up: what a person fills in, the cases that two folders have in common, and the TOML of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::errors::PlanError;
use super::plan::{Design, Plan};

/// What a person fills in; everything else of a plan has its default, and can be changed in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The study's name.
    pub title: String,
    /// What is asked.
    pub design: Design,
    /// Folder of acquired images; a synthetic one of the same case has the same name.
    pub acquired: PathBuf,
    /// Folder of synthetic images.
    pub synthetic: PathBuf,
    /// A table of cases instead of the folders, which designs that ask for disease need.
    pub table: PathBuf,
    /// Ids, divided by commas or spaces.
    pub readers: String,
    /// What is graded, one criterion a line (grading).
    pub criteria: String,
    /// Shown before the first trial.
    pub instructions: String,
    /// Sessions of each reader.
    pub sessions: u32,
    /// Days between them.
    pub washout_days: u32,
    /// Trials shown again.
    pub repeats: u32,
    /// Cases that are read first, with their truth, and not analysed: the first ones in the order of names.
    pub training: u32,
    /// A break after so many trials; 0 for none.
    pub break_every: u32,
    /// Every random choice comes from it.
    pub seed: u64,
}

impl Default for Draft {
    fn default() -> Self {
        Self {
            title: "Acquired or synthetic?".to_owned(),
            design: Design::YesNo,
            acquired: PathBuf::new(),
            synthetic: PathBuf::new(),
            table: PathBuf::new(),
            readers: "R1, R2, R3".to_owned(),
            criteria: "Sharpness\nNoise\nArtefacts\nVisibility of structures".to_owned(),
            instructions: String::new(),
            sessions: 1,
            washout_days: 28,
            repeats: 0,
            training: 2,
            break_every: 25,
            seed: 1,
        }
    }
}

/// The images of two folders, by the name of their case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pairs {
    /// In both: case, acquired, synthetic.
    pub both: Vec<(String, PathBuf, PathBuf)>,
    /// Cases that only the folder of acquired images has.
    pub only_acquired: Vec<String>,
    /// Cases that only the folder of synthetic images has.
    pub only_synthetic: Vec<String>,
}

impl Pairs {
    /// Pairs files (and folders of slices) whose names are equal but for their endings.
    ///
    /// # Errors
    /// When a folder cannot be read.
    pub fn of(acquired: &Path, synthetic: &Path) -> std::io::Result<Self> {
        let (acquired, mut synthetic) = (images(acquired)?, images(synthetic)?);
        let mut pairs = Self::default();
        for (case, path) in acquired {
            match synthetic.remove(&case) {
                Some(other) => pairs.both.push((case, path, other)),
                None => pairs.only_acquired.push(case),
            }
        }
        pairs.only_synthetic = synthetic.into_keys().collect();
        Ok(pairs)
    }
}

fn images(folder: &Path) -> std::io::Result<BTreeMap<String, PathBuf>> {
    const ENDINGS: [&str; 12] =
        [".nii.gz", ".nii", ".nrrd", ".nhdr", ".hdr", ".dcm", ".zip", ".png", ".tiff", ".tif", ".jpg", ".bmp"];
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let Some(name) = path.file_name().and_then(|n| n.to_str()).filter(|n| !n.starts_with('.')) else { continue };
        let lower = name.to_lowercase();
        let stem = ENDINGS.iter().find(|e| lower.ends_with(**e)).and_then(|e| name.get(..name.len() - e.len()));
        if let Some(case) = stem.or(path.is_dir().then_some(name)) {
            found.insert(case.to_owned(), path.clone());
        }
    }
    Ok(found)
}

#[derive(Serialize)]
struct File {
    title: String,
    design: Design,
    seed: u64,
    #[serde(skip_serializing_if = "String::is_empty")]
    instructions: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cases: Option<PathBuf>,
    sessions: SessionsTable,
    order: OrderTable,
    reader: Vec<ReaderTable>,
    modality: Vec<ModalityTable>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    question: Vec<QuestionTable>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    case: Vec<CaseTable>,
}

#[derive(Serialize)]
struct SessionsTable {
    count: u32,
    washout_days: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    break_every: Option<u32>,
}

#[derive(Serialize)]
struct OrderTable {
    repeats: u32,
}

#[derive(Serialize)]
struct ReaderTable {
    id: String,
}

#[derive(Serialize)]
struct ModalityTable {
    name: &'static str,
    synthetic: bool,
}

#[derive(Serialize)]
struct QuestionTable {
    id: String,
    text: String,
    kind: &'static str,
    from: i64,
    to: i64,
    labels: BTreeMap<String, &'static str>,
}

#[derive(Serialize)]
struct CaseTable {
    id: String,
    training: bool,
    images: BTreeMap<&'static str, PathBuf>,
}

const ACQUIRED: &str = "acquired";
const SYNTHETIC: &str = "synthetic";

impl Draft {
    /// The plan as TOML, with absolute paths. What cannot be read of the folders is left out, and [`Draft::plan`] says so.
    ///
    /// # Errors
    /// When a folder cannot be read.
    pub fn to_toml(&self) -> std::io::Result<String> {
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let by_table = !self.table.as_os_str().is_empty();
        let pairs = if by_table { Pairs::default() } else { Pairs::of(&self.acquired, &self.synthetic)? };
        let case = |(n, (id, acquired, synthetic)): (usize, (String, PathBuf, PathBuf))| CaseTable {
            id,
            training: n < self.training as usize,
            images: BTreeMap::from([(ACQUIRED, absolute(&acquired)), (SYNTHETIC, absolute(&synthetic))]),
        };
        let readers = self.readers.split([',', ' ', ';']).map(str::trim).filter(|id| !id.is_empty());
        let criteria = self.criteria.lines().map(str::trim).filter(|c| !c.is_empty() && self.design == Design::Grading);
        let file = File {
            title: self.title.trim().to_owned(),
            design: self.design,
            seed: self.seed,
            instructions: self.instructions.trim().to_owned(),
            cases: by_table.then(|| absolute(&self.table)),
            sessions: SessionsTable {
                count: self.sessions,
                washout_days: if self.sessions > 1 { self.washout_days } else { 0 },
                break_every: (self.break_every > 0).then_some(self.break_every),
            },
            order: OrderTable { repeats: self.repeats },
            reader: readers.map(|id| ReaderTable { id: id.to_owned() }).collect(),
            modality: vec![
                ModalityTable { name: ACQUIRED, synthetic: false },
                ModalityTable { name: SYNTHETIC, synthetic: true },
            ],
            question: criteria.enumerate().map(|(n, text)| criterion(n, text)).collect(),
            case: pairs.both.into_iter().enumerate().map(case).collect(),
        };
        toml::to_string(&file).map_err(std::io::Error::other)
    }

    /// The checked plan, as the file at `path` would be read.
    ///
    /// # Errors
    /// What is wrong with the plan, or that a folder cannot be read.
    pub fn plan(&self, path: &Path) -> Result<Plan, DraftError> {
        Ok(Plan::parse(path, &self.to_toml()?)?)
    }
}

fn criterion(n: usize, text: &str) -> QuestionTable {
    let labels = BTreeMap::from([("1".to_owned(), "poor"), ("5".to_owned(), "excellent")]);
    QuestionTable { id: format!("criterion{}", n + 1), text: text.to_owned(), kind: "scale", from: 1, to: 5, labels }
}

/// Why a draft is no plan yet.
#[derive(Debug, thiserror::Error)]
pub enum DraftError {
    /// A folder cannot be read.
    #[error("a folder of images cannot be read: {0}")]
    Folder(#[from] std::io::Error),
    /// The plan is refused.
    #[error(transparent)]
    Plan(#[from] PlanError),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader_study::design::reading_lists;

    #[test]
    fn two_folders_become_a_plan_that_can_be_read_and_what_has_no_pair_is_named() {
        let root = tempfile::tempdir().unwrap();
        let (acquired, synthetic) = (root.path().join("a"), root.path().join("s"));
        for folder in [&acquired, &synthetic] {
            std::fs::create_dir(folder).unwrap();
            for n in 0..8 {
                std::fs::write(folder.join(format!("case{n}.nii.gz")), format!("{n}")).unwrap();
            }
        }
        std::fs::rename(synthetic.join("case7.nii.gz"), synthetic.join("other.nii")).unwrap();
        std::fs::create_dir(acquired.join("slices")).unwrap();
        let pairs = Pairs::of(&acquired, &synthetic).unwrap();
        assert_eq!(pairs.both.len(), 7);
        assert_eq!(
            (pairs.only_acquired, pairs.only_synthetic),
            (vec!["case7".to_owned(), "slices".to_owned()], vec!["other".to_owned()])
        );
        for design in [Design::YesNo, Design::ForcedChoice, Design::Preference, Design::Grading, Design::Approval] {
            let draft = Draft {
                acquired: acquired.clone(),
                synthetic: synthetic.clone(),
                design,
                training: 1,
                ..Draft::default()
            };
            let plan = draft.plan(&root.path().join("plan.toml")).unwrap();
            assert_eq!((plan.cases.len(), plan.readers.len()), (7, 3));
            assert_eq!(plan.cases.iter().filter(|c| c.training).count(), 1);
            assert_eq!(reading_lists(&plan).unwrap().lists.len(), 3, "{design}");
        }
    }

    #[test]
    fn a_draft_without_folders_or_readers_says_what_is_missing() {
        let error = Draft::default().plan(Path::new("plan.toml")).unwrap_err().to_string();
        assert!(error.contains("folder"), "{error}");
        let root = tempfile::tempdir().unwrap();
        let here = root.path().to_owned();
        let nobody = Draft { acquired: here.clone(), synthetic: here, readers: " , ".into(), ..Draft::default() };
        assert!(nobody.plan(Path::new("plan.toml")).is_err());
    }
}
