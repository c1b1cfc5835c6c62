//! The plan as it stands in a TOML file, and the way from there to a checked [`Plan`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use super::asks_for::AsksFor;
use super::case_table;
use super::checks::{self, Places};
use super::errors::{Place, PlanError};
use super::plan::{Case, Design, Lesion, Modality, Order, Pairing, Plan, Reader, ReadingRules, Sessions, digit};
use super::power_plan::PowerEntry;
use super::question::{AnswerKind, Condition, Question, default_questions};
use super::question_checks;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanFile {
    title: String,
    design: Design,
    seed: u64,
    #[serde(default = "alpha")]
    alpha: f64,
    margin: Option<f64>,
    instructions: Option<String>,
    truth_source: Option<String>,
    pairing: Option<Pairing>,
    power: Option<Spanned<PowerEntry>>,
    #[serde(default)]
    sessions: Sessions,
    #[serde(default)]
    reading: ReadingRules,
    #[serde(default)]
    order: Order,
    #[serde(default)]
    reader: Vec<Spanned<Reader>>,
    #[serde(default)]
    modality: Vec<Spanned<Modality>>,
    #[serde(default)]
    question: Vec<Spanned<QuestionEntry>>,
    #[serde(default)]
    case: Vec<Spanned<CaseEntry>>,
    cases: Option<Spanned<PathBuf>>,
}

fn alpha() -> f64 {
    0.05
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QuestionEntry {
    id: String,
    text: String,
    kind: Kind,
    from: Option<i64>,
    to: Option<i64>,
    labels: Option<BTreeMap<String, String>>,
    options: Option<Vec<String>>,
    several: Option<bool>,
    primary: Option<bool>,
    required: Option<bool>,
    asks_for: Option<AsksFor>,
    #[serde(default)]
    approved: Vec<String>,
    when: Option<Condition>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Scale,
    Choice,
    Marks,
    Text,
}

/// A case as it stands in a file, of either kind.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct CaseEntry {
    pub(super) id: String,
    #[serde(default, deserialize_with = "digit::deserialize")]
    pub(super) truth: Option<bool>,
    pub(super) patient: Option<String>,
    pub(super) group: Option<String>,
    #[serde(rename = "match")]
    pub(super) match_group: Option<String>,
    #[serde(default)]
    pub(super) training: bool,
    #[serde(default)]
    pub(super) catch: bool,
    #[serde(default)]
    pub(super) images: BTreeMap<String, Paths>,
    #[serde(default)]
    pub(super) overlay: BTreeMap<String, PathBuf>,
    #[serde(default)]
    pub(super) lesion: Vec<Lesion>,
    pub(super) hint: Option<PathBuf>,
    pub(super) tell: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a path or a list of paths")]
pub(super) enum Paths {
    One(PathBuf),
    Several(Vec<PathBuf>),
}

impl CaseEntry {
    /// With paths relative to `folder`.
    fn into_case(self, folder: &Path) -> Case {
        let image = |paths: Paths| match paths {
            Paths::One(path) => vec![folder.join(path)],
            Paths::Several(paths) => paths.into_iter().map(|path| folder.join(path)).collect(),
        };
        Case {
            patient: self.patient.unwrap_or_else(|| self.id.clone()),
            id: self.id,
            truth: self.truth,
            group: self.group,
            match_group: self.match_group,
            training: self.training,
            catch: self.catch,
            images: self.images.into_iter().map(|(modality, paths)| (modality, image(paths))).collect(),
            overlay: self.overlay.into_iter().map(|(modality, path)| (modality, folder.join(path))).collect(),
            lesions: self.lesion,
            hint: self.hint.map(|path| folder.join(path)),
            tell: self.tell,
        }
    }
}

impl Plan {
    /// Reads a plan and checks it; the images must be there, but are not opened. Paths in it are relative to its
    /// folder.
    ///
    /// # Errors
    /// When a file cannot be read, and as [`Plan::parse`] and [`Plan::check_images_exist`].
    pub fn read(path: &Path) -> Result<Self, PlanError> {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|source| PlanError::Read { file, source })?;
        let (plan, places) = parse(path, &text)?;
        checks::images_exist(&plan, &places)?;
        Ok(plan)
    }

    /// Checks the content of a plan file without looking for its images. `path` names it in errors, and its folder is
    /// where relative paths start; a table of cases that the plan names is read from there.
    ///
    /// # Errors
    /// When it is no TOML, has an unknown or missing key, or does not describe a study that can be carried out.
    pub fn parse(path: &Path, text: &str) -> Result<Self, PlanError> {
        parse(path, text).map(|(plan, _)| plan)
    }

    /// Whether every image and overlay is a file.
    ///
    /// # Errors
    /// When one is not.
    pub fn check_images_exist(&self) -> Result<(), PlanError> {
        checks::images_exist(self, &Places::named("plan"))
    }
}

fn parse(path: &Path, text: &str) -> Result<(Plan, Places), PlanError> {
    let file = path.display().to_string();
    let line = |at: usize| text.get(..at).map(|before| before.matches('\n').count() + 1);
    let entry: PlanFile = toml::from_str(text).map_err(|error| PlanError::Syntax {
        place: Place::new(&file, error.span().and_then(|span| line(span.start))),
        message: error.message().trim_end().replace('\n', "; "),
    })?;
    let at = |span: std::ops::Range<usize>| Place::new(&file, line(span.start));
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut places = Places::named(&file);
    places.readers = entry.reader.iter().map(|reader| at(reader.span())).collect();
    places.modalities = entry.modality.iter().map(|modality| at(modality.span())).collect();
    places.questions = entry.question.iter().map(|question| at(question.span())).collect();
    places.cases = entry.case.iter().map(|case| at(case.span())).collect();

    let cases = match entry.cases {
        Some(table) if entry.case.is_empty() => {
            let path = folder.join(table.get_ref());
            let (cases, lines): (Vec<_>, Vec<_>) = case_table::read(&path)?.into_iter().unzip();
            places.cases = lines;
            cases
        }
        Some(table) => {
            return Err(PlanError::value(
                at(table.span()),
                "there are both `[[case]]` tables and `cases = …`",
                "keep one of them",
            ));
        }
        None => entry.case.into_iter().map(Spanned::into_inner).collect(),
    };
    if entry.pairing.is_some() && entry.design != Design::ForcedChoice {
        return Err(PlanError::value(
            places.plan.clone(),
            format!("`pairing` stands in a plan of design `{}`", entry.design),
            "only `forced_choice` has it; remove the line",
        ));
    }
    let power = entry.power.map(|power| {
        let place = at(power.span());
        power.into_inner().read(entry.design, entry.alpha, folder, &place)
    });
    let entries = entry.question.into_iter().map(Spanned::into_inner);
    let mut plan = Plan {
        title: entry.title,
        design: entry.design,
        seed: entry.seed,
        alpha: entry.alpha,
        margin: entry.margin,
        instructions: entry.instructions,
        truth_source: entry.truth_source,
        power: power.transpose()?,
        pairing: entry.pairing.unwrap_or_default(),
        sessions: entry.sessions,
        reading: entry.reading,
        order: entry.order,
        readers: entry.reader.into_iter().map(Spanned::into_inner).collect(),
        modalities: entry.modality.into_iter().map(Spanned::into_inner).collect(),
        questions: questions(entry.design, entries, &places)?,
        cases: cases.into_iter().map(|case| case.into_case(folder)).collect(),
    };
    checks::check(&plan, &places)?;
    question_checks::settle(&mut plan, &places)?;
    Ok((plan, places))
}

/// The plan's own questions, or the design's default ones. The first is primary where none says that it is.
fn questions(
    design: Design,
    entries: impl Iterator<Item = QuestionEntry>,
    places: &Places,
) -> Result<Vec<Question>, PlanError> {
    let entries: Vec<QuestionEntry> = entries.collect();
    if entries.is_empty() {
        return Ok(default_questions(design));
    }
    let no_primary = entries.iter().all(|entry| entry.primary.is_none());
    let checked = entries.into_iter().enumerate().map(|(i, entry)| {
        let primary = if no_primary { i == 0 } else { entry.primary.unwrap_or(false) };
        let answer = answer(&entry).map_err(|(problem, remedy)| {
            PlanError::value(places.question(i), format!("question `{}` {problem}", entry.id), remedy)
        })?;
        Ok(Question {
            id: entry.id,
            text: entry.text,
            answer,
            primary,
            required: entry.required.unwrap_or(true),
            asks_for: entry.asks_for,
            approved: entry.approved,
            when: entry.when,
        })
    });
    checked.collect()
}

/// What is wrong with a question, and what to do.
type Wrong = (String, String);

fn answer(entry: &QuestionEntry) -> Result<AnswerKind, Wrong> {
    let given = [
        ("from", entry.from.is_some()),
        ("to", entry.to.is_some()),
        ("labels", entry.labels.is_some()),
        ("options", entry.options.is_some()),
        ("several", entry.several.is_some()),
    ];
    let (kind, fitting): (_, &[&str]) = match entry.kind {
        Kind::Scale => ("scale", &["from", "to", "labels"]),
        Kind::Marks => ("marks", &["from", "to", "labels"]),
        Kind::Choice => ("choice", &["options", "several"]),
        Kind::Text => ("text", &[]),
    };
    if let Some((key, _)) = given.iter().find(|(key, is_given)| *is_given && !fitting.contains(key)) {
        return Err((format!("has `{key}`, which a question of kind `{kind}` does not use"), "remove it".to_owned()));
    }
    let missing = |key: &str| (format!("of kind `{kind}` has no `{key}`"), format!("add `{key} = …`"));
    let number = |key: &String| {
        let remedy = "label only numbers of the scale, `labels = { 0 = \"never\" }`";
        key.parse::<i64>().map_err(|_| (format!("has a label for `{key}`"), remedy.to_owned()))
    };
    let labels = || {
        let labels = entry.labels.iter().flatten();
        labels.map(|(key, text)| Ok((number(key)?, text.clone()))).collect::<Result<BTreeMap<_, _>, Wrong>>()
    };
    Ok(match entry.kind {
        Kind::Scale => AnswerKind::Scale {
            from: entry.from.ok_or_else(|| missing("from"))?,
            to: entry.to.ok_or_else(|| missing("to"))?,
            labels: labels()?,
        },
        Kind::Marks => {
            AnswerKind::Marks { from: entry.from.unwrap_or(1), to: entry.to.unwrap_or(100), labels: labels()? }
        }
        Kind::Choice => AnswerKind::Choice {
            options: entry.options.clone().ok_or_else(|| missing("options"))?,
            several: entry.several.unwrap_or(false),
        },
        Kind::Text => AnswerKind::Text,
    })
}
