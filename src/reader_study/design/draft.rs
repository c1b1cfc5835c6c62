//! A plan while it is thought up: what a person fills in, the cases that two folders have in common, and the TOML of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::asks_for::AsksFor;
use super::errors::PlanError;
use super::plan::{Design, Plan};
use super::question::{AnswerKind, Condition, Question, default_questions};

/// What a person fills in; everything else of a plan has its default, and can be changed in the file.
#[derive(Debug, Clone, PartialEq)]
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
    /// Questions instead of the design's own and of the criteria; none for those.
    pub questions: Vec<Question>,
    /// A pilot's ratings, from which the power of designs that ask for disease is worked out; empty for none.
    pub pilot: PathBuf,
    /// The difference of areas that is to be found.
    pub effect: f64,
    /// The share of right answers, percent, that is to be told from guessing (designs that ask for the synthetic image); 0 for
    /// none.
    pub share_percent: u32,
    /// The power that is wanted, percent.
    pub power_percent: u32,
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
            questions: Vec::new(),
            pilot: PathBuf::new(),
            effect: 0.05,
            share_percent: 0,
            power_percent: 80,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    power: Option<PowerTable>,
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
struct PowerTable {
    #[serde(skip_serializing_if = "Option::is_none")]
    pilot: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    effect: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    share: Option<f64>,
    power: f64,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    options: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    several: Option<bool>,
    primary: bool,
    required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    asks_for: Option<AsksFor>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    approved: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    when: Option<Condition>,
}

impl From<&Question> for QuestionTable {
    fn from(question: &Question) -> Self {
        let mut table = Self {
            id: question.id.clone(),
            text: question.text.clone(),
            kind: question.answer.name(),
            from: None,
            to: None,
            options: None,
            several: None,
            primary: question.primary,
            required: question.required,
            asks_for: question.asks_for,
            approved: question.approved.clone(),
            labels: BTreeMap::new(),
            when: question.when.clone(),
        };
        match &question.answer {
            AnswerKind::Scale { from, to, labels } | AnswerKind::Marks { from, to, labels } => {
                (table.from, table.to) = (Some(*from), Some(*to));
                table.labels = labels.iter().map(|(step, text)| (step.to_string(), text.clone())).collect();
            }
            AnswerKind::Choice { options, several } => {
                (table.options, table.several) = (Some(options.clone()), Some(*several));
            }
            AnswerKind::Text => {}
        }
        table
    }
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
            power: self.power(&absolute),
            reader: readers.map(|id| ReaderTable { id: id.to_owned() }).collect(),
            modality: vec![
                ModalityTable { name: ACQUIRED, synthetic: false },
                ModalityTable { name: SYNTHETIC, synthetic: true },
            ],
            question: self.asked().iter().map(QuestionTable::from).collect(),
            case: pairs.both.into_iter().enumerate().map(case).collect(),
        };
        toml::to_string(&file).map_err(std::io::Error::other)
    }

    /// What is asked: the person's own questions, else the design's, else one for each criterion.
    #[must_use]
    pub fn asked(&self) -> Vec<Question> {
        if !self.questions.is_empty() {
            return self.questions.clone();
        }
        if self.design != Design::Grading {
            return default_questions(self.design);
        }
        let criteria = self.criteria.lines().map(str::trim).filter(|c| !c.is_empty());
        criteria.enumerate().map(|(n, text)| criterion(n, text)).collect()
    }

    fn power(&self, absolute: &dyn Fn(&Path) -> PathBuf) -> Option<PowerTable> {
        let power = f64::from(self.power_percent) / 100.0;
        let none = PowerTable { pilot: None, effect: None, share: None, power };
        if self.design.asks_for_disease() && !self.pilot.as_os_str().is_empty() {
            return Some(PowerTable { pilot: Some(absolute(&self.pilot)), effect: Some(self.effect), ..none });
        }
        let share = f64::from(self.share_percent) / 100.0;
        (self.design.asks_for_synthetic() && share > 0.0).then_some(PowerTable { share: Some(share), ..none })
    }

    /// The checked plan, as the file at `path` would be read.
    ///
    /// # Errors
    /// What is wrong with the plan, or that a folder cannot be read.
    pub fn plan(&self, path: &Path) -> Result<Plan, DraftError> {
        Ok(Plan::parse(path, &self.to_toml()?)?)
    }
}

fn criterion(n: usize, text: &str) -> Question {
    let labels = BTreeMap::from([(1, "poor".to_owned()), (5, "excellent".to_owned())]);
    Question {
        id: format!("criterion{}", n + 1),
        text: text.to_owned(),
        answer: AnswerKind::Scale { from: 1, to: 5, labels },
        primary: n == 0,
        required: true,
        asks_for: None,
        approved: Vec::new(),
        when: None,
    }
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
    fn questions_of_ones_own_are_read_back_as_they_were_thought_up() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["a", "s"] {
            std::fs::create_dir(root.path().join(folder)).unwrap();
            for n in 0..6 {
                std::fs::write(root.path().join(folder).join(format!("{n}.nii")), format!("{folder}{n}")).unwrap();
            }
        }
        let mut questions = default_questions(Design::YesNo);
        questions.push(Question {
            id: "why".into(),
            text: "What \"gave\" it away?".into(),
            answer: AnswerKind::Choice { options: vec!["texture".into(), "edges".into()], several: true },
            primary: false,
            required: false,
            asks_for: None,
            approved: Vec::new(),
            when: Some(Condition { question: "synthetic".into(), at_least: Some(4), at_most: None, is: None }),
        });
        let note = Question { id: "note".into(), answer: AnswerKind::Text, when: None, ..questions[1].clone() };
        questions.push(note);
        let draft = Draft {
            acquired: root.path().join("a"),
            synthetic: root.path().join("s"),
            questions: questions.clone(),
            share_percent: 70,
            ..Draft::default()
        };
        let plan = draft.plan(&root.path().join("plan.toml")).unwrap();
        assert_eq!(plan.questions, questions);
        let power = crate::reader_study::design::PowerPlan::of_plan(&plan).unwrap().unwrap();
        // Expected: binomial probabilities summed in Python.
        assert_eq!(power.cases_needed, Some(54), "{power:?}");
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
