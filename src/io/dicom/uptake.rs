//! Standardised uptake values of PET, by body weight: the vendor-neutral way of QIBA (RSNA, FDG-PET/CT profile 1.13,
//! appendix "SUV calculation").

use dicom_core::Tag;
use dicom_dictionary_std::tags;

use super::dataset::DataSet;
use super::text::seconds;
use crate::volume::Rescale;
use crate::volume::quantity::{Curve, Mapping, Quantity};

/// GE's private start of the scan, for series that were processed later.
const GE_SCAN_TIME: Tag = Tag(0x0009, 0x100D);
const DAY_S: f64 = 86_400.0;

/// What a file says of the uptake; times are seconds on one clock.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Uptake {
    weight_kg: f64,
    dose_bq: f64,
    half_life_s: f64,
    injected_s: f64,
    series_s: Option<f64>,
    acquired_s: Option<f64>,
    ge_scan_s: Option<f64>,
    /// Decay Correction (0054,1102) is ADMIN: to the injection, not to the start of the scan.
    to_injection: bool,
}

/// What is needed for SUV; the error says what is missing. `None`: the values are no activity concentrations.
pub(crate) fn uptake(dataset: &DataSet<'_>, modality: &str) -> Option<Result<Uptake, String>> {
    if modality != "PT" || dataset.text(tags::UNITS).as_deref() != Some("BQML") {
        return None;
    }
    Some(read(dataset))
}

fn read(dataset: &DataSet<'_>) -> Result<Uptake, String> {
    let corrections = dataset.texts(tags::CORRECTED_IMAGE);
    for needed in ["ATTN", "DECY"] {
        if !corrections.iter().any(|c| c == needed) {
            return Err(format!("Corrected Image (0028,0051) lacks {needed}"));
        }
    }
    let to_injection = match dataset.text(tags::DECAY_CORRECTION).as_deref() {
        Some("START") => false,
        Some("ADMIN") => true,
        other => return Err(format!("Decay Correction (0054,1102) is {}", other.unwrap_or("missing"))),
    };
    let drug = dataset
        .item(tags::RADIOPHARMACEUTICAL_INFORMATION_SEQUENCE)
        .ok_or("there is no Radiopharmaceutical Information (0054,0016)")?;
    let above_zero = |set: &DataSet<'_>, tag, name: &str| {
        set.number(tag).filter(|x| *x > 0.0).ok_or_else(|| format!("there is no {name}"))
    };
    let moment = |date: Tag, time: Tag| {
        let text = dataset.text(date)? + &dataset.text(time)?;
        moment_s(&text)
    };
    let series_s = moment(tags::SERIES_DATE, tags::SERIES_TIME);
    let acquired_s = moment(tags::ACQUISITION_DATE, tags::ACQUISITION_TIME);
    let injected_s = drug
        .text(tags::RADIOPHARMACEUTICAL_START_DATE_TIME)
        .and_then(|t| moment_s(&t))
        .or_else(|| {
            // A time alone is of the day of the scan, or of the day before.
            let time = drug.text(tags::RADIOPHARMACEUTICAL_START_TIME)?;
            let scan = series_s.or(acquired_s)?;
            let date = dataset.text(tags::SERIES_DATE).or_else(|| dataset.text(tags::ACQUISITION_DATE))?;
            let injected = moment_s(&(date + &time))?;
            Some(if injected > scan { injected - DAY_S } else { injected })
        })
        .ok_or("there is no Radiopharmaceutical Start Time (0018,1072)")?;
    Ok(Uptake {
        weight_kg: above_zero(dataset, tags::PATIENT_WEIGHT, "Patient's Weight (0010,1030)")?,
        dose_bq: above_zero(drug, tags::RADIONUCLIDE_TOTAL_DOSE, "Radionuclide Total Dose (0018,1074)")?,
        half_life_s: above_zero(drug, tags::RADIONUCLIDE_HALF_LIFE, "Radionuclide Half Life (0018,1075)")?,
        injected_s,
        series_s,
        acquired_s,
        ge_scan_s: dataset.text(GE_SCAN_TIME).and_then(|t| moment_s(&t)),
        to_injection,
    })
}

/// `YYYYMMDDHHMMSS.FFFFFF` as seconds on a clock that runs through months and years.
fn moment_s(text: &str) -> Option<f64> {
    let part = |range: std::ops::Range<usize>| text.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (part(0..4)?, part(4..6)?, part(6..8)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Days of the proleptic Gregorian calendar, years from March on (Hinnant, "chrono-compatible date algorithms").
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let days = days + (153 * month + 2) / 5 + day - 1;
    let clock = text.get(8..)?.split(['+', '-', '&']).next()?;
    Some(days as f64 * DAY_S + seconds(clock)?)
}

/// SUV by body weight for the files of a series; the error says why there is none.
pub(crate) fn suv(files: &[&Uptake]) -> Result<Quantity, String> {
    let Some(first) = files.first() else { return Err("there is no file".to_owned()) };
    let known = |u: &Uptake| (u.weight_kg, u.dose_bq, u.half_life_s, u.injected_s, u.to_injection);
    if files.iter().any(|u| known(u) != known(first)) {
        return Err("its files differ in dose, weight or injection".to_owned());
    }
    let decayed_for_s = if first.to_injection {
        0.0
    } else {
        // The series' time is the scan's, unless it is later than what it holds: then it was processed later.
        let earliest = files.iter().filter_map(|u| u.acquired_s).reduce(f64::min);
        let series = first.series_s.filter(|s| earliest.is_none_or(|e| *s <= e));
        let scan = series.or(first.ge_scan_s).or(earliest).ok_or("there is no time of the scan")?;
        let decayed = scan - first.injected_s;
        if !(0.0..=DAY_S).contains(&decayed) {
            return Err(format!("the scan starts {decayed:.0} s after the injection"));
        }
        decayed
    };
    let left_bq = first.dose_bq * (-decayed_for_s / first.half_life_s).exp2();
    let slope = first.weight_kg * 1000.0 / left_bq;
    if !slope.is_finite() {
        return Err("nothing of the dose is left".to_owned());
    }
    let line =
        Mapping { rescale: Rescale::IDENTITY, range: None, curve: Curve::Line(Rescale { slope, intercept: 0.0 }) };
    Ok(Quantity { name: "SUVbw".to_owned(), unit: "g/ml".to_owned(), slices: vec![Some(line)] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_runs_through_the_end_of_a_month_of_a_leap_year() {
        let between = |a: &str, b: &str| moment_s(b).unwrap() - moment_s(a).unwrap();
        assert_eq!(between("20240229235900", "20240301000100.5"), 120.5);
        assert_eq!(between("20230228120000", "20230301120000"), DAY_S);
        assert_eq!(between("20231231000000", "20240101000000+0100"), DAY_S);
        assert_eq!(moment_s("20241301000000"), None);
    }
}
