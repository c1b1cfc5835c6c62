//! Text of a data set in its own character set, and names, dates and times as a person reads them.

use dicom_core::Tag;
use dicom_dictionary_std::tags;
use dicom_encoding::text::{SpecificCharacterSet, TextCodec};

use super::dataset::DataSet;

/// Decodes text by Specific Character Set (0008,0005).
#[derive(Debug, Clone, Default)]
pub(crate) struct Charset {
    first: SpecificCharacterSet,
    /// Japanese or Korean characters switched in by escape sequences.
    extensions: Vec<SpecificCharacterSet>,
}

impl Charset {
    /// The character set that a data set declares.
    pub(crate) fn of(dataset: &DataSet<'_>) -> Self {
        let codes = dataset.texts(tags::SPECIFIC_CHARACTER_SET);
        let known = |code: &String| {
            SpecificCharacterSet::from_code(&code.replace('_', " ").replace("ISO IR", "ISO_IR"))
                .or_else(|| SpecificCharacterSet::from_code(code))
        };
        Self {
            first: codes.first().and_then(known).unwrap_or_default(),
            extensions: codes.iter().skip(1).filter_map(known).collect(),
        }
    }

    /// A text value, trimmed; `None` if it is empty or absent.
    pub(crate) fn text(&self, dataset: &DataSet<'_>, tag: Tag) -> Option<String> {
        let text = self.decode(dataset.bytes(tag)?);
        let text = text.trim_matches(|c: char| c == '\0' || c.is_whitespace());
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// Bytes as text, whatever they hold.
    pub(crate) fn decode(&self, bytes: &[u8]) -> String {
        if bytes.is_ascii() && !bytes.contains(&0x1B) {
            return String::from_utf8_lossy(bytes).into_owned();
        }
        // With escape sequences the extension is what the escaped part is written in; its codec knows ASCII too.
        if bytes.contains(&0x1B)
            && let Some(text) = self.extensions.iter().find_map(|c| c.decode(bytes).ok())
        {
            return text;
        }
        if let Ok(text) = std::str::from_utf8(bytes)
            && self.first == SpecificCharacterSet::default()
        {
            return text.to_owned();
        }
        self.first.decode(bytes).unwrap_or_else(|_| bytes.iter().map(|b| char::from(*b)).collect())
    }
}

/// A person name as read: `Family, Given Middle`.
pub(crate) fn person_name(raw: &str) -> String {
    let alphabetic = raw.split('=').map(str::trim).find(|group| !group.is_empty()).unwrap_or("");
    let mut parts = alphabetic.split('^').map(str::trim);
    let family = parts.next().unwrap_or("");
    let given = parts.next().unwrap_or("");
    let middle = parts.next().unwrap_or("");
    let rest = [given, middle].iter().filter(|p| !p.is_empty()).copied().collect::<Vec<_>>().join(" ");
    match (family, rest.as_str()) {
        ("", rest) => rest.to_owned(),
        (family, "") => family.to_owned(),
        (family, rest) => format!("{family}, {rest}"),
    }
}

/// `20260131` (or the old `2026.01.31`) as `2026-01-31`; what is no date stays as it is.
pub(crate) fn date(raw: &str) -> String {
    let digits: String = raw.chars().filter(char::is_ascii_digit).collect();
    if digits.len() == 8 && raw.chars().all(|c| c.is_ascii_digit() || c == '.' || c == '-') {
        format!("{}-{}-{}", &digits[..4], &digits[4..6], &digits[6..])
    } else {
        raw.to_owned()
    }
}

/// `134502.25` as `13:45:02`; what is no time stays as it is.
pub(crate) fn time(raw: &str) -> String {
    let whole = raw.split('.').next().unwrap_or("");
    let digits: String = whole.chars().filter(char::is_ascii_digit).collect();
    if digits.len() == 6 && whole.chars().all(|c| c.is_ascii_digit() || c == ':') {
        format!("{}:{}:{}", &digits[..2], &digits[2..4], &digits[4..])
    } else {
        raw.to_owned()
    }
}

/// `HHMMSS.FFFFFF` as seconds since midnight.
pub(crate) fn seconds(raw: &str) -> Option<f64> {
    let clean: String = raw.trim().chars().filter(|c| *c != ':').collect();
    if clean.len() < 2 || !clean.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let hours: f64 = clean.get(..2)?.parse().ok()?;
    let minutes: f64 = clean.get(2..4).and_then(|m| m.parse().ok()).unwrap_or(0.0);
    let seconds: f64 = clean.get(4..).and_then(|s| s.parse().ok()).unwrap_or(0.0);
    Some(hours * 3600.0 + minutes * 60.0 + seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_dates_and_times_read_as_a_person_writes_them() {
        assert_eq!(person_name("Doe^Jane^Q"), "Doe, Jane Q");
        assert_eq!(person_name("Phantom"), "Phantom");
        assert_eq!(person_name("Yamada^Tarou=山田^太郎"), "Yamada, Tarou");
        assert_eq!(date("20260131"), "2026-01-31");
        assert_eq!(date("about 1960"), "about 1960");
        assert_eq!(time("134502.25"), "13:45:02");
        assert_eq!(seconds("010203.5"), Some(3723.5));
    }
}
