//! The answer to a study's owner: whether the arms can be told apart without reading the images, why, and what to do.

use serde::Serialize;

use super::arms::{Arm, Arms};
use super::catalogue::{TraitKind, named};
use super::errors::LeakError;
use super::features::ImageTraits;
use super::names::{TaggedImage, TextClue, TextFinding, TextTag, find_textual_leaks};
use super::separability::{ClassifierResult, LeakOptions, Separability, TraitResult, patients_with, short};
use super::table::TraitTable;

/// From this area (or its mirror image below 0.5) on, a difference is one that a reader could use.
pub const USABLE_AUC: f64 = 0.7;

/// One image of the study.
#[derive(Debug, Clone, PartialEq)]
pub struct StudyImage {
    /// Its arm.
    pub arm: Arm,
    /// Its patient; images of a patient stay together in every test.
    pub patient: String,
    /// What was measured of it.
    pub traits: ImageTraits,
    /// Texts that a reader could reach.
    pub tags: Vec<TextTag>,
}

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// No difference beyond chance; one that this many images do not show may remain.
    NoneFound,
    /// A difference beyond chance, but one that hardly helps a reader.
    Suspicious,
    /// The arms can be told apart by it.
    Leak,
}

/// One reason for the verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// What this reason alone amounts to.
    pub verdict: Verdict,
    /// What was found, in words.
    pub text: String,
    /// What to do about it.
    pub remedy: String,
}

/// The report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LeakReport {
    /// The gravest of the reasons.
    pub verdict: Verdict,
    /// Why, the gravest first; what the check cannot see comes last.
    pub reasons: Vec<Reason>,
    /// Images of arm A and of arm B.
    pub images: [usize; 2],
    /// Patients with images in arm A and in arm B.
    pub patients: [usize; 2],
    /// Traits beside the image: these count.
    pub leak: Separability,
    /// The image itself: contrast and texture. A difference here is what the study is about, and does not count.
    pub appearance: Separability,
    /// Names and texts.
    pub texts: Vec<TextFinding>,
    /// Level of the tests, after Holm: for traits with their classifier, and for texts.
    pub level: f64,
    /// Of folds and relabellings.
    pub seed: u64,
}

impl LeakReport {
    /// Checks a study.
    ///
    /// # Errors
    /// When an arm has fewer than 2 images, there are fewer than 2 patients, an option cannot be, or a trait is no number.
    pub fn new(images: &[StudyImage], options: &LeakOptions) -> Result<Self, LeakError> {
        options.check()?;
        let arms: Vec<Arm> = images.iter().map(|image| image.arm).collect();
        let patients: Vec<String> = images.iter().map(|image| image.patient.clone()).collect();
        let arms = Arms::new(&arms, &patients)?;
        let traits: Vec<ImageTraits> = images.iter().map(|image| image.traits.clone()).collect();
        let of_kind = |kind| Separability::new(&TraitTable::of_images(&traits, kind, arms.clone())?, options);
        let tagged: Vec<TaggedImage> = images
            .iter()
            .map(|image| TaggedImage { arm: image.arm, patient: &image.patient, tags: &image.tags })
            .collect();
        let mut report = Self {
            verdict: Verdict::NoneFound,
            reasons: Vec::new(),
            images: [arms.images_in(Arm::A), arms.images_in(Arm::B)],
            patients: patients_with(&arms),
            leak: of_kind(TraitKind::Leak)?,
            appearance: of_kind(TraitKind::Appearance)?,
            texts: find_textual_leaks(&tagged, &options.words, options.level)?,
            level: options.level,
            seed: options.seed,
        };
        report.conclude();
        Ok(report)
    }

    fn conclude(&mut self) {
        let mut reasons: Vec<Reason> = self.leak.traits.iter().filter_map(|one| of_trait(one, self.level)).collect();
        reasons.extend(self.leak.classifier.iter().filter_map(|one| of_classifier(one, self.level)));
        reasons.extend(self.texts.iter().map(of_text));
        reasons.sort_by_key(|reason| std::cmp::Reverse(reason.verdict));
        self.verdict = reasons.first().map_or(Verdict::NoneFound, |reason| reason.verdict);
        if self.verdict == Verdict::NoneFound {
            reasons.insert(0, self.nothing_found());
        }
        reasons.extend(self.limits());
        self.reasons = reasons;
    }

    fn nothing_found(&self) -> Reason {
        let [a, b] = self.images;
        let text = format!(
            "neither the {} headers, files, histogram ends and borders nor their texts tell the arms apart ({a} images in \
             arm A, {b} in arm B)",
            a + b
        );
        note(text, "nothing; look at a few images of each arm side by side all the same, for what no number shows")
    }

    /// What the check could not see.
    fn limits(&self) -> Vec<Reason> {
        let mut found = Vec::new();
        if self.leak.least_p > self.level {
            let text = format!(
                "so few patients cannot show any difference between traits: the least p possible is {}",
                short(self.leak.least_p)
            );
            found.push(note(text, "check again with all images of the study, or with more patients"));
        } else if self.leak.detectable_auc > USABLE_AUC {
            let text = format!(
                "with this many patients one trait is found 4 times in 5 only from an area of {:.2} on",
                self.leak.detectable_auc
            );
            found.push(note(text, "check again with all images of the study, or with more patients"));
        }
        if let Some(reason) = &self.leak.no_classifier {
            let text = format!("the classifier on all traits could not be trained: {reason}");
            found.push(note(text, "use at least 2 patients in each arm, better 20"));
        }
        found
    }
}

fn note(text: String, remedy: &str) -> Reason {
    Reason { verdict: Verdict::NoneFound, text, remedy: remedy.into() }
}

fn of_trait(one: &TraitResult, level: f64) -> Option<Reason> {
    let (reach, remedy) = named(&one.name).map_or(("", ""), |of| (of.reach, of.remedy));
    let strength = one.auc.auc.max(1.0 - one.auc.auc);
    let differs = one.p_adjusted <= level;
    let verdict = if one.gives_away.is_some() || (differs && strength >= USABLE_AUC) {
        Verdict::Leak
    } else if differs {
        Verdict::Suspicious
    } else {
        return None;
    };
    let text = match &one.gives_away {
        Some(how) => format!("{} gives the arm away: {how} (seen in {reach})", one.name),
        None => {
            let direction = if one.auc.auc >= 0.5 { "higher" } else { "lower" };
            format!(
                "{} is {direction} in arm B in {:.0} of 100 pairs of images, where chance gives 50 (area {:.2}{}, adjusted p \
                 {}, median {} in arm A and {} in arm B; seen in {reach})",
                one.name,
                100.0 * strength,
                one.auc.auc,
                interval(one.auc.interval),
                short(one.p_adjusted),
                short(one.medians[0]),
                short(one.medians[1]),
            )
        }
    };
    Some(Reason { verdict, text, remedy: remedy.into() })
}

fn of_classifier(one: &ClassifierResult, level: f64) -> Option<Reason> {
    if one.p_adjusted > level {
        return None;
    }
    let verdict = if one.auc.auc >= USABLE_AUC { Verdict::Leak } else { Verdict::Suspicious };
    let names: Vec<&str> = one.strongest.iter().take(3).map(|(name, _)| name.as_str()).collect();
    let text = format!(
        "a trivial classifier that never sees the anatomy tells the arms of new patients apart: area {:.2}{}, adjusted p \
         {}; it leans most on {}",
        one.auc.auc,
        interval(one.auc.interval),
        short(one.p_adjusted),
        names.join(", "),
    );
    Some(Reason { verdict, text, remedy: "make the arms equal in these traits first, then check again".into() })
}

fn of_text(one: &TextFinding) -> Reason {
    let ([a, b], [of_a, of_b]) = (one.patients, one.of);
    let at = format!("{} {}", one.place, one.key);
    let what = match &one.clue {
        TextClue::TelltaleWord(word) => format!("{at} holds the word {word:?}"),
        TextClue::Value(value) => format!("{at} is {value:?}"),
        TextClue::KeyPresent => format!("{at} is there"),
        TextClue::Form(form) => format!("{at} looks like {form:?}"),
        TextClue::Size => format!("{at} as a number or date is higher in one arm than in the other; it is there"),
    };
    let counts = format!("for {a} of {of_a} patients in arm A and {b} of {of_b} in arm B");
    let (verdict, remedy) = if one.tells {
        (Verdict::Leak, "remove it, or write the same in both arms, and use opaque codes for names")
    } else {
        (Verdict::NoneFound, "nothing if readers know that it stands in both arms; better remove it")
    };
    Reason { verdict, text: format!("{what} {counts}"), remedy: remedy.into() }
}

fn interval(limits: Option<[f64; 2]>) -> String {
    limits.map_or(String::new(), |[low, high]| format!(" ({low:.2} to {high:.2})"))
}
