//! The methods paragraph of a study, with its numbers.

use crate::reader_study::analysis::methods_text;
use crate::reader_study::design::{Design, Role};

use super::flow::main_counts;
use super::study_outcome::{DesignResult, StudyOutcome};

/// What was done, as a report's methods section has it.
#[must_use]
pub fn methods(outcome: &StudyOutcome) -> String {
    let mut sentences = outcome.remarks.clone();
    sentences.push(what_was_read(outcome));
    sentences.push(how_it_was_read(outcome));
    sentences.push(figure(outcome));
    if let Some(margin) = outcome.margin {
        sentences.push(format!("The margin of the plan was {margin}, in the unit of the figure of merit."));
    }
    let tests = outcome.planned_tests.content.len();
    if tests > 1 {
        sentences.push(format!("The {tests} declared tests were adjusted after Holm; all others are exploratory."));
    }
    if let DesignResult::Roc(result) | DesignResult::Aided(result) = &outcome.result.content
        && let Some(report) = &result.report
    {
        sentences.push(methods_text::methods(report));
    }
    sentences.push("Performance in a reader study is not performance in the clinic.".into());
    sentences.dedup();
    sentences.join(" ")
}

fn counted(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

fn what_was_read(outcome: &StudyOutcome) -> String {
    let (planned, read) = main_counts(&outcome.flow.content);
    let readers = outcome.readings.readers().len();
    let sessions = outcome.sessions.content.iter().map(|s| s.session).max().unwrap_or(1) as usize;
    let washout = outcome.readings.plan.sessions.washout_days;
    let mut text = format!(
        "{} read {read} of {planned} planned trials in {} each",
        counted(readers, "reader"),
        counted(sessions, "session")
    );
    if sessions > 1 {
        text.push_str(&format!(", with at least {washout} days between sessions as planned"));
    }
    let of_role = |role| outcome.flow.content.iter().filter(|f| f.role == role).map(|f| f.planned).sum::<usize>();
    let [training, repeats, catch] = [Role::Training, Role::Repeat, Role::Catch].map(of_role);
    if training + repeats + catch > 0 {
        text.push_str(&format!(
            "; beside these came {}, {} for self-agreement and {}, none of which enters the main analysis",
            counted(training, "training trial"),
            counted(repeats, "repeated trial"),
            counted(catch, "attention trial")
        ));
    }
    text + "."
}

fn how_it_was_read(outcome: &StudyOutcome) -> String {
    let hash = outcome.plan_sha256.get(..12).unwrap_or(&outcome.plan_sha256);
    format!(
        "The plan was frozen before reading (SHA-256 {hash}…); every reader had lists of his or her own from seed {}, \
         with codes that tell nothing, and every answer was logged with its time in a hash chain.",
        outcome.seed
    )
}

fn figure(outcome: &StudyOutcome) -> String {
    let confidence = (1.0 - outcome.alpha) * 100.0;
    let shared = format!("intervals have {confidence:.1} % confidence");
    match (&outcome.result.content, outcome.design) {
        (DesignResult::YesNo(result), _) => format!(
            "\"Synthetic\" was the signal; an image counted as called synthetic above a rating of {}. d', criterion c and ln \
             beta come from rates with the log-linear correction (Hautus 1995). The area under the ROC curve and the \
             balanced accuracy of all readers were tested against 0.5 by the single-modality form of \
             Obuchowski-Rockette with Hillis's degrees of freedom; {shared}.",
            result.threshold
        ),
        (DesignResult::ForcedChoice(_), _) => format!(
            "Each reader's proportion correct was tested against 0.5 by the exact binomial test, with Clopper-Pearson and \
             Wilson intervals, and d' = sqrt(2) z(pc); all readers by the single-modality form of Obuchowski-Rockette with \
             the jackknife over pairs, never by pooling trials; {shared}."
        ),
        (DesignResult::FreeResponse(result), _) => format!(
            "A mark within a lesion's radius was its localisation, the highest rating counting; {} with {} and {} were read \
             by all readers in all arms. The figure of merit was the weighted AFROC area, compared by Obuchowski-Rockette \
             with the jackknife; {shared}.",
            counted(result.diseased_cases, "diseased case"),
            counted(result.lesions, "lesion"),
            counted(result.normal_cases, "normal case")
        ),
        (DesignResult::Grading(result), _) => format!(
            "Each criterion was compared with {} by the area under the VGC curve (Båth and Månsson 2007), its interval by a \
             bootstrap over readers and cases, and for each reader by Wilcoxon's signed ranks, zeros dropped, adjusted after \
             Holm over readers; agreement of readers by quadratically weighted kappa and Krippendorff's alpha; {shared}.",
            result.reference
        ),
        (DesignResult::Preference(result), _) => {
            let strengths = if result.strengths.is_some() {
                " Strengths are those of Bradley and Terry, their intervals from draws of readers."
            } else {
                ""
            };
            format!(
                "Each reader's choices were tested by the sign test on non-ties, ties being reported; all readers by the \
                 single-modality form of Obuchowski-Rockette with no preference as one half; {shared}.{strengths}"
            )
        }
        (DesignResult::Approval(_), _) => format!(
            "Shares of each option have Wilson intervals; means over readers come from the single-modality form of \
             Obuchowski-Rockette with the jackknife; agreement by quadratically weighted kappa and Krippendorff's alpha, \
             options as an ordinal scale; {shared}."
        ),
        (DesignResult::Roc(_), Design::Roc) | (DesignResult::Roc(_) | DesignResult::Aided(_), _) => format!(
            "Ratings were analysed as ROC data; sensitivity and specificity at the middle of the scale are a supplement; \
             {shared}."
        ),
    }
}
