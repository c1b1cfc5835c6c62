//! What a study's owner must know of the lists.

use super::errors::counted;
use super::plan::{Case, Design, Pairing, Plan};
use super::units::{Unit, modalities_of};

/// A seed below this can be guessed, and with it the order of the modalities.
const LEAST_SEED: u64 = 1_000_000_000_000;
/// FDA, Clinical Performance Assessment (2022): at least four weeks.
const WASHOUT_DAYS: u32 = 28;

/// One sentence each. `alone` is the number of cases without a partner in matched pairing.
pub(super) fn collect(plan: &Plan, units: &[Unit], alone: usize) -> Vec<String> {
    let mut warnings = Vec::new();
    if plan.is_quiz() {
        // Its truth is in the package, and nothing of it is analysed.
        return warnings;
    }
    if plan.seed < LEAST_SEED {
        warnings.push(format!(
            "seed {} can be guessed, and whoever guesses it can work out from the trial codes which modality comes \
             when; use a random seed of 13 digits or more",
            plan.seed
        ));
    }
    let sessions = plan.sessions.count as usize;
    let short: Vec<&Unit> = units.iter().filter(|unit| unit.choices.len() > sessions).collect();
    if let Some(ways) = short.iter().map(|unit| unit.choices.len()).max() {
        let times = counted(sessions, "session");
        warnings.push(match (plan.design, plan.pairing) {
            (Design::Preference, _) => format!(
                "with {times}, a reader sees the same case more than once in a session, in up to {ways} pairs; plan \
                 {ways} sessions to avoid it"
            ),
            (Design::ForcedChoice, Pairing::Matched) => format!(
                "with {times}, only {sessions} of up to {ways} pairs of each couple of matched cases are read, the \
                 same ones by every reader; plan {ways} sessions to read all"
            ),
            (Design::YesNo, _) => format!(
                "with {times}, each reader sees only {sessions} of up to {ways} images of {}, since real and synthetic \
                 of one patient never stand in one session; which one goes round over readers and blocks of patients, \
                 and the analysis compares different patients",
                counted(short.len(), "patient")
            ),
            _ => format!(
                "with {times}, each reader sees only {sessions} of up to {ways} images of {}; which one goes round \
                 over readers and blocks of cases, and the crossing of readers, modalities and cases is incomplete",
                counted(short.len(), "case")
            ),
        });
    }
    let several = units.iter().any(|unit| unit.choices.len() > 1);
    if sessions > 1 && several && plan.sessions.washout_days < WASHOUT_DAYS {
        warnings.push(format!(
            "{} days between sessions; at least {WASHOUT_DAYS} are usual where readers see a case again",
            plan.sessions.washout_days
        ));
    }
    if alone > 0 {
        warnings.push(format!("{} found no partner in the `match` group and stay unread", counted(alone, "case")));
    }
    if !plan.design.is_side_by_side() {
        let of_case = |i| modalities_of(plan, i).count();
        let main = || (0..plan.cases.len()).filter(|i| plan.cases.get(*i).is_some_and(Case::is_main));
        let most = main().map(of_case).max().unwrap_or(0);
        let fewer = main().filter(|i| of_case(*i) < most).count();
        if let Some(words) = (most == 1 && plan.modalities.len() > 1).then(|| nested(plan.design)).flatten() {
            warnings.push(format!("each modality has cases of its own (cases nested in the modalities): {words}"));
        }
        if fewer > 0 {
            warnings.push(format!(
                "{} are in fewer modalities than others; an analysis that crosses cases and modalities leaves them out",
                counted(fewer, "case")
            ));
        }
    }
    warnings
}

/// What the analysis will not do where no case is in two modalities; none for designs that compare such arms, or never hold one
/// case against itself.
fn nested(design: Design) -> Option<&'static str> {
    match design {
        Design::Grading | Design::Approval => Some(
            "`study analyze` describes each modality and does not compare them, since grades and approval are compared on the \
             same cases alone; give every case an image in each modality, or choose design roc or aided, which compare such arms",
        ),
        // Free response is refused by its own check.
        Design::FreeResponse => None,
        Design::Roc | Design::Aided | Design::YesNo | Design::ForcedChoice | Design::Preference => None,
    }
}
