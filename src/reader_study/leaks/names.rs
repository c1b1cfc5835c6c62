//! What file names, descriptions, dates and tags tell of the arm.
//!
//! Counted are patients, once in each arm that they have images in: a patient with 300 files in one arm is no more evidence
//! than one with a single file. Values that each patient has for himself tell nothing by being different; their form, their
//! words and, where they are numbers or dates, their size may.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use statrs::function::gamma::ln_gamma;

use super::arms::Arm;
use super::errors::LeakError;
use super::wording::{form, number, telltale_words};
use crate::metrics::sets::rank_sum::rank_sum;
use crate::reader_study::analysis::multiplicity::holm;

/// A text that goes with an image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct TextTag {
    /// Where it stands: `file`, `dicom`, `nifti`, …
    pub place: String,
    /// What it is called there: `name`, `SeriesDescription`, `(0008,0008)`, …
    pub key: String,
    /// The text.
    pub value: String,
}

/// The texts of one image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaggedImage<'a> {
    /// Its arm.
    pub arm: Arm,
    /// Its patient.
    pub patient: &'a str,
    /// Its texts, those only that a reader could reach.
    pub tags: &'a [TextTag],
}

/// What gives an arm away.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "kind", content = "what", rename_all = "snake_case")]
pub enum TextClue {
    /// A word that names the arm.
    TelltaleWord(String),
    /// A value.
    Value(String),
    /// That the key is there at all.
    KeyPresent,
    /// The form of the value ([`form`]).
    Form(String),
    /// The size of the number, date or time.
    Size,
}

/// One textual leak.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TextFinding {
    /// Where it stands.
    pub place: String,
    /// What it is called there.
    pub key: String,
    /// What gives the arm away.
    #[serde(flatten)]
    pub clue: TextClue,
    /// Patients of arm A and of arm B that have it; for a size those whose text is a number.
    pub patients: [usize; 2],
    /// Patients in each arm.
    pub of: [usize; 2],
    /// Fisher's exact test of these, two-sided; Mann-Whitney for a size.
    pub p: f64,
    /// After Holm, over everything that could reach the level (Tarone 1990).
    pub p_adjusted: f64,
    /// Whether it tells the arms apart. A tell-tale word that stands in both arms alike does not, but may be read.
    pub tells: bool,
}

/// A patient in one arm: (patient, whether arm B).
type Unit = (usize, bool);

/// Finds what stands in one arm only or much more often than in the other, and tell-tale words; `words` are names of models
/// and others that must not occur.
///
/// A tell-tale word in one arm only is a leak even if it occurs once. Anything else needs an adjusted p of at most `level`.
///
/// # Errors
/// When an arm has no image.
pub fn find_textual_leaks(images: &[TaggedImage], words: &[String], level: f64) -> Result<Vec<TextFinding>, LeakError> {
    let mut numbers = BTreeMap::<&str, usize>::new();
    let mut units = BTreeSet::<Unit>::new();
    let mut clues = BTreeMap::<(&str, &str), BTreeMap<TextClue, BTreeSet<Unit>>>::new();
    let mut sizes = BTreeMap::<(&str, &str), BTreeMap<Unit, f64>>::new();
    for image in images {
        let next = numbers.len();
        let unit = (*numbers.entry(image.patient).or_insert(next), image.arm == Arm::B);
        units.insert(unit);
        for TextTag { place, key, value } in image.tags {
            let of_key = clues.entry((place, key)).or_default();
            let told = telltale_words(value, words).into_iter().map(TextClue::TelltaleWord);
            let rest = [TextClue::KeyPresent, TextClue::Value(value.clone()), TextClue::Form(form(value))];
            for clue in told.chain(rest) {
                of_key.entry(clue).or_default().insert(unit);
            }
            if let Some(size) = number(value) {
                sizes.entry((place, key)).or_default().entry(unit).or_insert(size);
            }
        }
    }
    let of = [false, true].map(|b| units.iter().filter(|unit| unit.1 == b).count());
    for (arm, found) in [Arm::A, Arm::B].into_iter().zip(of) {
        if found == 0 {
            return Err(LeakError::TooFew { arm: arm.letter(), what: "images", needed: 1, found });
        }
    }
    let mut family: Vec<TextFinding> = Vec::new();
    for ((place, key), of_key) in &clues {
        let mut seen = BTreeSet::new();
        // Words come first, then values, then presence, then form: what says the same as one before is not said again.
        for (clue, with) in of_key {
            let patients = [false, true].map(|b| with.iter().filter(|unit| unit.1 == b).count());
            let is_word = matches!(clue, TextClue::TelltaleWord(_));
            let could_tell = least_fisher(patients[0] + patients[1], of) <= level;
            if is_word || (could_tell && !seen.contains(with)) {
                let p = fisher(patients, of);
                family.push(finding((place, key), clue.clone(), patients, of, p));
            }
            seen.insert(with);
        }
        let size_of = sizes.get(&(*place, *key)).map(|sizes| {
            [false, true]
                .map(|b| sizes.iter().filter(|(unit, _)| unit.1 == b).map(|(_, size)| *size).collect::<Vec<f64>>())
        });
        if let Some([a, b]) = size_of
            && let Some(p) = rank_sum(&b, &a).p
        {
            family.push(finding((place, key), TextClue::Size, [a.len(), b.len()], of, p));
        }
    }
    let adjusted = holm(&family.iter().map(|f| f.p).collect::<Vec<f64>>());
    for (finding, p) in family.iter_mut().zip(adjusted) {
        let in_one_arm = finding.patients.contains(&0);
        finding.p_adjusted = p;
        finding.tells = p <= level || (in_one_arm && matches!(finding.clue, TextClue::TelltaleWord(_)));
    }
    family.retain(|f| f.tells || matches!(f.clue, TextClue::TelltaleWord(_)));
    family.sort_by(|a, b| b.tells.cmp(&a.tells).then(a.p.total_cmp(&b.p)));
    Ok(family)
}

fn finding((place, key): (&str, &str), clue: TextClue, patients: [usize; 2], of: [usize; 2], p: f64) -> TextFinding {
    TextFinding { place: place.into(), key: key.into(), clue, patients, of, p, p_adjusted: p, tells: false }
}

/// Fisher's exact test, two-sided: the sum over all tables that are no more likely.
fn fisher(with: [usize; 2], of: [usize; 2]) -> f64 {
    let total = with[0] + with[1];
    let probability = |in_a: usize| {
        let ln = ln_choose(of[0], in_a) + ln_choose(of[1], total - in_a) - ln_choose(of[0] + of[1], total);
        ln.exp()
    };
    // Tables that are equally likely may differ in their last digits.
    let seen = probability(with[0]) * (1.0 + 1e-7);
    let tables = total.saturating_sub(of[1])..=total.min(of[0]);
    tables.map(probability).filter(|p| *p <= seen).sum::<f64>().min(1.0)
}

/// The least p that so many patients could give.
fn least_fisher(total: usize, of: [usize; 2]) -> f64 {
    let (few, many) = (total.saturating_sub(of[1]), total.min(of[0]));
    fisher([few, total - few], of).min(fisher([many, total - many], of))
}

fn ln_choose(n: usize, k: usize) -> f64 {
    ln_gamma(n as f64 + 1.0) - ln_gamma(k as f64 + 1.0) - ln_gamma((n - k) as f64 + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(key: &str, value: &str) -> TextTag {
        TextTag { place: "dicom".into(), key: key.into(), value: value.into() }
    }

    /// 12 patients, in both arms when `paired`.
    fn found(paired: bool, tags: impl Fn(usize, Arm) -> Vec<TextTag>) -> Vec<TextFinding> {
        let arms = |n: usize| if paired { vec![Arm::A, Arm::B] } else { vec![[Arm::A, Arm::B][n % 2]] };
        let texts: Vec<_> = (0..12)
            .flat_map(|n| arms(n).into_iter().map(move |arm| (n, arm)))
            .map(|(n, arm)| (n.to_string(), arm, tags(n, arm)))
            .collect();
        let images: Vec<TaggedImage> =
            texts.iter().map(|(patient, arm, tags)| TaggedImage { arm: *arm, patient, tags }).collect();
        find_textual_leaks(&images, &["MyNet".into()], 0.05).unwrap()
    }

    #[test]
    fn texts_that_are_each_patients_own_or_equal_in_both_arms_tell_nothing() {
        for paired in [true, false] {
            let found = found(paired, |n, _| vec![tag("ID", &format!("p{n}x")), tag("Modality", "MR")]);
            assert_eq!(found, []);
        }
    }

    #[test]
    fn a_value_of_one_arm_is_named_once_and_a_date_by_its_size() {
        let date = |n: usize, arm: Arm| format!("20{}01{:02}", if arm == Arm::A { 19 } else { 25 }, n + 10);
        let findings = found(true, |n, arm| {
            vec![tag("Software", if arm == Arm::A { "syngo E11" } else { "E11" }), tag("Date", &date(n, arm))]
        });
        let clues: BTreeSet<&TextClue> = findings.iter().map(|f| &f.clue).collect();
        let value = |v: &str| TextClue::Value(v.into());
        assert_eq!(clues, BTreeSet::from([&value("syngo E11"), &value("E11"), &TextClue::Size]));
        assert!(findings.iter().all(|f| f.tells && f.p_adjusted < 0.001));
        let presence = found(true, |_, arm| if arm == Arm::A { vec![tag("Device", "x")] } else { vec![] });
        assert_eq!((presence.len(), presence[0].patients), (1, [12, 0]));
    }

    #[test]
    fn a_form_of_one_arm_is_found_in_names_that_all_differ() {
        let name = |n: usize, arm: Arm| if arm == Arm::A { format!("IM{n:04}") } else { format!("{n:04}_m") };
        let findings = found(true, |n, arm| vec![tag("name", &name(n, arm))]);
        let forms: Vec<&TextClue> = findings.iter().map(|f| &f.clue).collect();
        assert!(forms.contains(&&TextClue::Form("a9".into())) && forms.contains(&&TextClue::Form("9_a".into())));
    }

    /// `tests/data/leaks/expected.json` (SciPy).
    #[test]
    fn the_exact_test_is_scipys() {
        let all: serde_json::Value =
            serde_json::from_str(include_str!("../../../tests/data/leaks/expected.json")).unwrap();
        for case in all["fisher"].as_array().unwrap() {
            let pair = |key: &str| [0, 1].map(|n| case[key][n].as_u64().unwrap() as usize);
            let (found, wanted) = (fisher(pair("with"), pair("of")), case["p"].as_f64().unwrap());
            assert!((found - wanted).abs() < 1e-10 * wanted, "{found} {wanted}");
        }
        // 3 of 10 at the most in one arm: 0.21, so 3 could never tell, and 12 of 12 could.
        assert!(least_fisher(3, [10, 10]) > 0.2 && least_fisher(12, [12, 12]) < 1e-6);
    }

    #[test]
    fn one_telltale_word_in_one_arm_tells_and_in_both_it_is_noted() {
        let word = |w: &str| TextClue::TelltaleWord(w.into());
        let one = found(false, |n, _| vec![tag("name", if n == 3 { "knee_MYNET" } else { "knee" })]);
        assert_eq!((one.len(), one[0].clue.clone(), one[0].tells), (1, word("mynet"), true));
        let both = found(true, |_, _| vec![tag("ImageType", "ORIGINAL\\PRIMARY")]);
        assert_eq!((both.len(), both[0].clue.clone(), both[0].tells), (1, word("original"), false));
    }
}
