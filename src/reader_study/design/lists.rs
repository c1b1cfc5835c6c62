//! Which trials each reader reads in each session, and in which order.

use std::collections::BTreeMap;

use super::arrange::{NoOrder, Piece, arrange};
use super::codes::{Codes, MOST_CODES};
use super::crossover::{Dealt, Surplus, allot, deal};
use super::draws::{Draws, Purpose};
use super::entries::{Entry, entries};
use super::errors::ListError;
use super::free_response_plan;
use super::list_warnings;
use super::plan::{Design, Pairing, Plan};
use super::repeats;
use super::units::units;

/// An image on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct View {
    /// Its case, as a place in the plan.
    pub case: usize,
    /// Its modality, as a place in the plan.
    pub modality: usize,
}

/// What a trial is for; readers only see whether it is training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Enters the analysis.
    Main,
    /// Comes first, is never analysed.
    Training,
    /// A main trial shown again, for agreement with oneself.
    Repeat,
    /// An obvious case, to see attention.
    Catch,
}

impl Role {
    /// The name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Training => "training",
            Self::Repeat => "repeat",
            Self::Catch => "catch",
        }
    }
}

/// One screen with its questions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// What readers see as its name; unique in the study.
    pub code: String,
    /// What it is for.
    pub role: Role,
    /// One view, or left and right of a pair.
    pub views: Vec<View>,
    /// The code of the first showing where this is a repeat, maybe of an earlier session.
    pub repeats: Option<String>,
}

/// What one reader reads in one session, in order: training first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadingList {
    /// The reader's id.
    pub reader: String,
    /// From 1.
    pub session: u32,
    /// In the order of reading.
    pub trials: Vec<Trial>,
}

impl ReadingList {
    /// `R1-s1`, the name of its file without ending.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}-s{}", self.reader, self.session)
    }
}

/// All lists of a study.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lists {
    /// Readers in the plan's order, for each its sessions.
    pub lists: Vec<ReadingList>,
    /// What the study's owner must know and a report must say, one sentence each.
    pub warnings: Vec<String>,
}

/// Makes the reading lists of a plan.
///
/// Rules: `READER_STUDIES.md`, section 2. Every random choice comes from ChaCha8 keyed by the SHA-256 of
/// `veritome-list/1`, seed, reader and session, and uses whole numbers only, so that the same plan gives the same lists
/// on every machine. What a reader sees in which session comes from the reader's place in the plan (blocks rotate), in
/// which order from the reader's id: exchanging the ids of two readers exchanges their orders, not what they see.
///
/// # Errors
/// When a session would be empty, `max_run` cannot be kept, the repeats do not fit, or a free-response analysis would be
/// left without cases that every reader reads in every arm.
pub fn reading_lists(plan: &Plan) -> Result<Lists, ListError> {
    let sessions = plan.sessions.count.max(1) as usize;
    let mut blocks = Draws::of_study(plan.seed, Purpose::Blocks);
    let mut couples = Draws::of_study(plan.seed, Purpose::Couples);
    let (main, alone) = units(plan, false, &mut couples);
    let (training, alone_in_training) = units(plan, true, &mut couples);
    let mut warnings = list_warnings::collect(plan, &main, alone + alone_in_training);
    let dealt =
        Study { plan, sessions, main: deal(main, sessions, &mut blocks), training: deal(training, 1, &mut blocks) };

    let mut ordered = Vec::new();
    for (place, reader) in plan.readers.iter().enumerate() {
        ordered.push((reader.id.as_str(), dealt.of_reader(place, &reader.id)?));
    }
    let found = ordered.iter().flat_map(|(_, sessions)| sessions).map(Vec::len).sum();
    if found > MOST_CODES {
        return Err(ListError::TooManyTrials { found, limit: MOST_CODES });
    }
    let lists = with_codes(plan.seed, ordered);
    warnings.extend(free_response_plan::check(plan, &lists)?);
    Ok(Lists { lists, warnings })
}

struct Study<'a> {
    plan: &'a Plan,
    sessions: usize,
    main: Vec<Dealt>,
    training: Vec<Dealt>,
}

impl Study<'_> {
    /// The trials of one reader in order, by session.
    fn of_reader(&self, place: usize, reader: &str) -> Result<Vec<Vec<Entry>>, ListError> {
        let Self { plan, sessions, .. } = *self;
        let draws = |session: u32, purpose| Draws::of_list(plan.seed, reader, session, purpose);
        let allotted = allot(&self.main, sessions, place, surplus(plan));
        let mut trials = entries(plan, allotted, false, 0, &mut draws(0, Purpose::Sides));
        for (session, trials) in (1..).zip(&trials) {
            if !plan.is_quiz() && !trials.iter().any(|entry| entry.role == Role::Main) {
                return Err(ListError::NoTrials { reader: reader.to_owned(), session });
            }
        }
        let asked = plan.order.repeats as usize;
        repeats::add(plan, &mut trials, asked, &mut draws(0, Purpose::Repeats))
            .map_err(|trials| ListError::TooManyRepeats { reader: reader.to_owned(), asked, trials })?;
        let next_id = trials.iter().flatten().map(|entry| entry.id + 1).max().unwrap_or(0);
        let mut ordered = Vec::new();
        for (session, trials) in (1..).zip(trials) {
            ordered.push(in_order(plan, reader, session, trials, &mut draws(session, Purpose::Order))?);
        }
        if let Some(first) = ordered.first_mut() {
            let mut draws = draws(1, Purpose::Training);
            let screens = allot(&self.training, 1, place, Surplus::Rotated);
            let mut training =
                entries(plan, screens, true, next_id, &mut draws).into_iter().flatten().collect::<Vec<_>>();
            draws.shuffle(&mut training);
            first.splice(0..0, training);
        }
        Ok(ordered)
    }
}

fn surplus(plan: &Plan) -> Surplus {
    match (plan.design, plan.pairing) {
        (Design::Preference, _) => Surplus::Kept,
        (Design::ForcedChoice, Pairing::Matched) => Surplus::SameForAll,
        _ => Surplus::Rotated,
    }
}

fn in_order(
    plan: &Plan,
    reader: &str,
    session: u32,
    trials: Vec<Entry>,
    draws: &mut Draws,
) -> Result<Vec<Entry>, ListError> {
    let piece = |entry: &Entry| Piece {
        label: entry.label,
        stratum: entry.stratum,
        catch: entry.role == Role::Catch,
        cases: entry.views.iter().map(|view| view.case).collect(),
    };
    let pieces: Vec<Piece> = trials.iter().map(piece).collect();
    let apart = repeats::apart(&trials);
    let max_run = plan.order.max_run.map(|run| run as usize);
    let reader = || reader.to_owned();
    let order = arrange(&pieces, &apart, max_run, draws).map_err(|no_order| match no_order {
        NoOrder::Runs { most, needed } => ListError::MaxRun {
            reader: reader(),
            session,
            max_run: max_run.unwrap_or_default(),
            most,
            total: trials.len(),
            needed,
        },
        NoOrder::Apart => {
            let repeats = apart.iter().map(|(_, second)| *second).collect::<std::collections::BTreeSet<_>>().len();
            ListError::RepeatsTooNear { reader: reader(), session, repeats, total: trials.len() }
        }
    })?;
    Ok(order.into_iter().filter_map(|i| trials.get(i).cloned()).collect())
}

/// Gives every trial its code. Readers take their turn in the order of their ids, so that their order in the plan does
/// not matter where two draw the same code.
fn with_codes(seed: u64, ordered: Vec<(&str, Vec<Vec<Entry>>)>) -> Vec<ReadingList> {
    let mut codes = Codes::default();
    let mut turns: Vec<usize> = (0..ordered.len()).collect();
    turns.sort_by_key(|place| ordered.get(*place).map(|(reader, _)| *reader));
    let mut made: BTreeMap<usize, Vec<ReadingList>> = BTreeMap::new();
    for place in turns {
        let Some((reader, sessions)) = ordered.get(place) else { continue };
        let mut code_of: BTreeMap<usize, String> = BTreeMap::new();
        for (session, entries) in (1..).zip(sessions) {
            let mut draws = Draws::of_list(seed, reader, session, Purpose::Codes);
            code_of.extend(entries.iter().map(|entry| (entry.id, codes.draw(&mut draws))));
            let trial = |entry: &Entry| Trial {
                code: code_of.get(&entry.id).cloned().unwrap_or_default(),
                role: entry.role,
                views: entry.views.clone(),
                repeats: entry.repeats.and_then(|first| code_of.get(&first).cloned()),
            };
            let trials = entries.iter().map(trial).collect();
            made.entry(place).or_default().push(ReadingList { reader: (*reader).to_owned(), session, trials });
        }
    }
    made.into_values().flatten().collect()
}
