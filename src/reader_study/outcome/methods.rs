//! The methods paragraph of a study, with its numbers.

use crate::reader_study::analysis::methods_text;
use crate::reader_study::analysis::mrmc::Factors;
use crate::reader_study::design::{Design, Role};
use crate::reader_study::session::utc::DAY_MS;

use super::flow::main_counts;
use super::readers_mean::ReadersMean;
use super::receipts::ReceiptState;
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
    sentences.extend(tests(outcome).filter(|_| !outcome.planned_tests.content.is_empty()));
    if outcome.readings.readers().len() == 1 {
        sentences.push("One reader read, so that nothing is said of other readers: cases alone are random.".into());
    }
    sentences.extend(outcome.readings.left_out.iter().map(|out| capital(&out.sentence())));
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
    let mut text = format!(
        "{} read {read} of {planned} planned trials in {} each",
        counted(readers, "reader"),
        counted(sessions, "session")
    );
    text.push_str(&washout(outcome));
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

/// The days between sessions as they were, and whether that was the plan.
fn washout(outcome: &StudyOutcome) -> String {
    let planned = outcome.readings.plan.sessions.washout_days;
    let sessions = &outcome.sessions.content;
    let days = sessions.windows(2).filter_map(|pair| {
        let [before, after] = pair else { return None };
        let (last, began) = before.last.zip(after.opened).filter(|_| before.reader == after.reader)?;
        Some((began.ms() - last.ms()) as f64 / DAY_MS as f64)
    });
    let days: Vec<f64> = days.collect();
    let overridden = outcome.deviations.content.iter().filter(|d| d.contains("washout time overridden")).count();
    let Some(least) = days.iter().copied().reduce(f64::min) else { return String::new() };
    let early = days.iter().filter(|days| **days < f64::from(planned)).count();
    if early == 0 && overridden == 0 {
        return if planned == 0 {
            String::new()
        } else {
            format!(", with at least {planned} days between sessions as planned")
        };
    }
    format!(
        ", with at least {least:.1} days between sessions where {planned} were planned ({} began too early; the wash-out was \
         overridden {})",
        counted(early, "session"),
        counted(overridden, "time")
    )
}

/// What became of the declared tests; none without any.
pub(super) fn tests(outcome: &StudyOutcome) -> Option<String> {
    let all = &outcome.planned_tests.content;
    let made = all.iter().filter(|test| test.p.is_some()).count();
    let declared = counted(all.len(), "declared test");
    Some(match (all.len(), made) {
        (0, _) => return None,
        (1, 1) => "One test was declared, so that none is adjusted; all others are exploratory.".into(),
        (n, made) if made == n => format!("The {declared} were adjusted after Holm; all others are exploratory."),
        (_, 0) => format!("Of {declared}, none could be made."),
        (_, 1) => format!("Of {declared}, 1 could be made and is not adjusted; all others are exploratory."),
        (_, made) => {
            format!("Of {declared}, {made} could be made and were adjusted after Holm; all others are exploratory.")
        }
    })
}

/// Which factors are random in the main analysis.
pub(super) fn factors(outcome: &StudyOutcome) -> Option<String> {
    let of_means = |means: &[ReadersMean]| means.first().map(|mean| mean.method.to_owned());
    match &outcome.result.content {
        DesignResult::YesNo(result) => of_means(&result.means),
        DesignResult::ForcedChoice(result) => of_means(&result.means),
        DesignResult::Roc(result) | DesignResult::Aided(result) => {
            let mrmc = result.report.as_ref()?.mrmc.as_ref()?;
            let widest = if mrmc.random_readers_random_cases.is_some() {
                Factors::RandomReadersRandomCases
            } else {
                Factors::FixedReaders
            };
            Some(widest.words().to_owned())
        }
        DesignResult::FreeResponse(result) => {
            result.comparisons.first()?.widest().map(|(factors, _)| factors.words().to_owned())
        }
        DesignResult::Grading(_) => Some("bootstrap over readers and cases; t over readers".to_owned()),
        DesignResult::Preference(result) => result.pairs.first()?.mean.as_ref().map(|mean| mean.method.to_owned()),
        DesignResult::Approval(result) => of_means(&result.means),
    }
}

/// By which analysis readers were taken together.
fn over_readers<'a>(means: impl Iterator<Item = &'a ReadersMean>) -> String {
    let mut methods: Vec<&str> = means.map(|mean| mean.method).collect();
    methods.dedup();
    if methods.is_empty() { "no figure over all readers could be had".to_owned() } else { methods.join(" and by ") }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + letters.as_str())
}

fn how_it_was_read(outcome: &StudyOutcome) -> String {
    let hash = outcome.plan_sha256.get(..12).unwrap_or(&outcome.plan_sha256);
    format!(
        "The plan was frozen before reading (SHA-256 {hash}…); every reader had lists of his or her own from seed {}, \
         with codes that tell nothing, and every answer was logged with its time in a hash chain. {}",
        outcome.seed,
        receipts(outcome)
    )
}

/// Whether receipts confirm the logs, and what it means where they do not.
pub(super) fn receipts(outcome: &StudyOutcome) -> String {
    let logs = outcome.sessions.content.iter().filter(|session| session.file.is_some()).count();
    let confirmed = outcome.receipts.content.iter().filter(|line| line.state == ReceiptState::Confirmed).count();
    match confirmed {
        0 => "No receipt that a reader kept confirms a log: without one, a log that was rewritten as a whole could not be told \
              from the one that was written."
            .to_owned(),
        n if n >= logs => format!("Readers' receipts confirm all {}.", counted(logs, "log")),
        n => format!(
            "Readers' receipts confirm {n} of {}; another log that was rewritten as a whole could not be told from the one that \
             was written.",
            counted(logs, "log")
        ),
    }
}

fn figure(outcome: &StudyOutcome) -> String {
    let confidence = (1.0 - outcome.alpha) * 100.0;
    let shared = format!("intervals have {confidence:.1} % confidence");
    match (&outcome.result.content, outcome.design) {
        (DesignResult::YesNo(result), _) => format!(
            "\"Synthetic\" was the signal; an image counted as called synthetic above a rating of {}. d', criterion c and ln \
             beta come from rates with the log-linear correction (Hautus 1995). The area under the ROC curve and the \
             balanced accuracy of all readers were tested against 0.5 by: {}; {shared}.",
            result.threshold,
            over_readers(result.means.iter())
        ),
        (DesignResult::ForcedChoice(result), _) => format!(
            "The question asked for the {} image. Each reader's proportion correct was tested against 0.5 by the exact binomial test, with Clopper-Pearson and \
             Wilson intervals, and d' = sqrt(2) z(pc); all readers by: {}, never by pooling trials; {shared}.",
            outcome.readings.primary.as_ref().map_or("real", |question| question.wanted().name()),
            over_readers(result.means.iter())
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
                "Each reader's choices were tested by the sign test on non-ties, ties being reported; all readers, with no preference \
                 as one half, by: {}; {shared}.{strengths}",
                over_readers(result.pairs.iter().filter_map(|pair| pair.mean.as_ref()))
            )
        }
        (DesignResult::Approval(result), _) => format!(
            "Approved means: {}. Shares of each option have Wilson intervals; means over readers come from: {}; agreement by quadratically weighted kappa and Krippendorff's alpha, \
             options as an ordinal scale; {shared}.",
            result.approved.join(", "),
            over_readers(result.means.iter())
        ),
        (DesignResult::Roc(_), Design::Roc) | (DesignResult::Roc(_) | DesignResult::Aided(_), _) => format!(
            "Ratings were analysed as ROC data; sensitivity and specificity at the middle of the scale are a supplement; \
             {shared}."
        ),
    }
}
