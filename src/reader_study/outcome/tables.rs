//! The tables that a study hands out: every trial, the bare ratings, and shares of approval.

use super::approval::ApprovalResult;
use super::errors::OutcomeError;
use super::readings::{Reading, Readings};
use super::shares::Share;
use crate::reader_study::design::{AnswerValue, Design};

/// One line of `reader,modality,case,truth,rating`.
#[derive(Debug, Clone, PartialEq)]
pub struct RatingLine {
    /// The reader.
    pub reader: String,
    /// The arm; for yes/no the synthetic arm that is told from the real images.
    pub modality: String,
    /// The case; for yes/no the image, `case/synthetic` (in every synthetic arm) or `case/real:arm`.
    pub case: String,
    /// Whether it has what is looked for.
    pub truth: bool,
    /// The answer; higher means more likely present.
    pub rating: f64,
}

/// The ratings of the main trials by arm, reader and case, for designs with a rating; else empty.
///
/// For yes/no each synthetic arm is a modality of its own, and the real images stand in every one of them.
#[must_use]
pub fn rating_lines(readings: &Readings) -> Vec<RatingLine> {
    let mut lines = Vec::new();
    let rated = || readings.main().filter_map(|row| Some((row, row.judged.truth?, row.judged.rating?)));
    let line = |row: &Reading, modality: &str, case: String, truth: bool, rating: f64| RatingLine {
        reader: row.reader.clone(),
        modality: modality.to_owned(),
        case,
        truth,
        rating,
    };
    match readings.design {
        Design::YesNo => {
            for arm in readings.plan.synthetic_arms() {
                for (row, truth, rating) in rated().filter(|(row, truth, _)| !truth || row.modality() == arm) {
                    let image = if truth { "synthetic".into() } else { format!("real:{}", row.modality()) };
                    lines.push(line(row, arm, format!("{}/{image}", row.unit()), truth, rating));
                }
            }
        }
        Design::Roc | Design::Aided => {
            for arm in readings.arms() {
                for (row, truth, rating) in rated().filter(|(row, _, _)| row.modality() == arm) {
                    lines.push(line(row, &arm, row.unit(), truth, rating));
                }
            }
        }
        _ => {}
    }
    lines
}

/// `reader,modality,case,truth,rating`, as `study analyze` reads it, with a column `remark` when there is something that
/// nobody must overlook.
///
/// # Errors
/// When a line cannot be written, which memory running out would cause.
pub fn ratings_csv(lines: &[RatingLine], remarks: &[String]) -> Result<String, OutcomeError> {
    let records = lines.iter().map(|l| {
        let mut record = vec![l.reader.clone(), l.modality.clone(), l.case.clone()];
        record.extend([u8::from(l.truth).to_string(), l.rating.to_string()]);
        record
    });
    write_with_remark("ratings.csv", &["reader", "modality", "case", "truth", "rating"], records, remarks)
}

/// How often each reader gave each option in each arm, and how often what means approved: one line each, with the column
/// `remark` of [`ratings_csv`]. `what` is `option`, or `approved` with its options divided by `;`.
///
/// # Errors
/// When a line cannot be written, which memory running out would cause.
pub fn approval_csv(result: &ApprovalResult, remarks: &[String]) -> Result<String, OutcomeError> {
    let header = [
        "reader",
        "modality",
        "what",
        "option",
        "k",
        "n",
        "share",
        "clopper_pearson_low",
        "clopper_pearson_high",
        "wilson_low",
        "wilson_high",
    ];
    let all = result.approved.join(";");
    let records = result.readers.iter().flat_map(|of| {
        let options = of.shares.iter().map(|one| ("option", one.option.as_str(), &one.share));
        options.chain([("approved", all.as_str(), &of.approved)]).map(|(what, option, share)| {
            let mut record = [of.reader.as_str(), of.modality.as_str(), what, option].map(str::to_owned).to_vec();
            record.extend(share_fields(share));
            record
        })
    });
    write_with_remark("approval.csv", &header, records, remarks)
}

fn share_fields(share: &Share) -> [String; 7] {
    let Share { k, n, share, clopper_pearson: [exact_low, exact_high], wilson: [low, high] } = *share;
    let numbers = [share, exact_low, exact_high, low, high].map(|x| x.to_string());
    let [share, exact_low, exact_high, low, high] = numbers;
    [k.to_string(), n.to_string(), share, exact_low, exact_high, low, high]
}

/// Adds a column `remark` where there is something that nobody must overlook.
pub(super) fn write_with_remark(
    file: &'static str,
    header: &[&str],
    records: impl Iterator<Item = Vec<String>>,
    remarks: &[String],
) -> Result<String, OutcomeError> {
    let remark = Some(remarks.join(" ")).filter(|remark| !remark.is_empty());
    let mut header: Vec<String> = header.iter().map(|name| (*name).to_owned()).collect();
    header.extend(remark.is_some().then(|| "remark".to_owned()));
    let records = records.map(|mut record| {
        record.extend(remark.clone());
        record
    });
    write(file, &header, records)
}

/// One line a planned trial; times in s, answers by question, several options divided by `;`, marks as JSON.
///
/// # Errors
/// When a line cannot be written, which memory running out would cause.
pub fn trials_csv(readings: &Readings, remarks: &[String]) -> Result<String, OutcomeError> {
    let fixed = [
        "reader",
        "session",
        "position",
        "code",
        "role",
        "repeats",
        "case",
        "patient",
        "group",
        "modality",
        "truth",
        "read",
        "missing",
        "rating",
        "chosen",
        "correct",
        "confirmed_utc",
        "reading_s",
        "first_input_s",
        "interrupted",
        "answer_changes",
        "changes_of_mind",
        "windows",
        "slices_share",
        "zoom_max",
        "simulated",
    ];
    let mut header: Vec<String> = fixed.iter().map(|name| (*name).to_owned()).collect();
    header.extend(readings.questions.iter().map(|q| format!("answer:{}", q.id)));
    header.push("remark".into());
    let remark = remarks.join(" ");
    let records = readings.rows.iter().map(|row| {
        let mut record = fixed_fields(row);
        let answer = |id: &String| row.answers().and_then(|answers| answers.get(id)).map(written).unwrap_or_default();
        record.extend(readings.questions.iter().map(|q| answer(&q.id)));
        record.push(remark.clone());
        record
    });
    write("trials.csv", &header, records)
}

fn fixed_fields(row: &Reading) -> Vec<String> {
    let log = row.log.clone().unwrap_or_default();
    let viewed = log.viewed.as_ref();
    let digit = |value: Option<bool>| value.map(|v| u8::from(v).to_string()).unwrap_or_default();
    let chosen = row.judged.chosen.map(|at| if at == 0 { "left" } else { "right" });
    let seconds = |ms: u64| (ms as f64 / 1000.0).to_string();
    vec![
        row.reader.clone(),
        row.session.to_string(),
        row.position.to_string(),
        row.code.clone(),
        row.role.name().to_owned(),
        row.repeats.clone().unwrap_or_default(),
        row.cases.join(";"),
        row.patient.clone(),
        row.group.clone().unwrap_or_default(),
        row.modalities.join(";"),
        digit(row.judged.truth),
        digit(Some(row.missing.is_none())),
        row.missing.unwrap_or_default().to_owned(),
        row.judged.rating.map(|r| r.to_string()).unwrap_or_default(),
        chosen.unwrap_or_default().to_owned(),
        digit(row.judged.correct),
        log.confirmed.map(|utc| utc.to_string()).unwrap_or_default(),
        row.log.as_ref().map(|log| seconds(log.read_ms)).unwrap_or_default(),
        log.first_input_ms.map(seconds).unwrap_or_default(),
        digit(row.log.as_ref().map(|log| log.interrupted)),
        log.answer_changes.to_string(),
        log.changes_of_mind.to_string(),
        viewed.map(|v| v.windows.len().to_string()).unwrap_or_default(),
        viewed.map(|v| v.slices_share.to_string()).unwrap_or_default(),
        viewed.map(|v| v.zoom_max.to_string()).unwrap_or_default(),
        digit(Some(row.simulated)),
    ]
}

fn written(value: &AnswerValue) -> String {
    match value {
        AnswerValue::Number(number) => number.to_string(),
        AnswerValue::Text(text) => text.clone(),
        AnswerValue::Choices(choices) => choices.join(";"),
        // Marks are finite numbers, which always have a JSON form.
        AnswerValue::Marks(marks) => serde_json::to_string(marks).unwrap_or_default(),
    }
}

fn write(
    file: &'static str,
    header: &[String],
    records: impl Iterator<Item = Vec<String>>,
) -> Result<String, OutcomeError> {
    let failed = |source| OutcomeError::Write { file, source };
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(header).map_err(failed)?;
    for record in records {
        writer.write_record(&record).map_err(failed)?;
    }
    let bytes = writer.into_inner().map_err(|error| failed(error.into_error().into()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
