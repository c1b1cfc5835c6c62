//! One line of a log: number, two times, the hash of the line before, and an event.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::event::Event;
use super::utc::Utc;

/// What stands for the line before the first one.
pub const NO_LINE: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Number among the lines that count, from 0.
    pub n: u64,
    /// Since this run of the program opened the session, ms; never goes back within a run.
    pub ms: u64,
    /// When, by the computer's clock.
    pub utc: Utc,
    /// [`line_hash`] of the line before that counts; [`NO_LINE`] in the first one.
    pub previous: String,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

impl Entry {
    /// The bytes of the line, without the newline.
    ///
    /// # Errors
    /// When a number of the event is not finite.
    pub fn line(&self) -> Result<Vec<u8>, serde_json::Error> {
        let line = serde_json::to_vec(self)?;
        // JSON has no infinity: it would be written as null, and the line could not be read back.
        serde_json::from_slice::<Self>(&line)?;
        Ok(line)
    }
}

/// SHA-256 of a line's bytes without the newline, as 64 hexadecimal digits.
#[must_use]
pub fn line_hash(line: &[u8]) -> String {
    hex(&Sha256::digest(line))
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    bytes.iter().flat_map(|b| [digit(b >> 4), digit(b & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected value: the empty message of FIPS 180-4's examples.
    #[test]
    fn the_hash_is_sha256() {
        assert_eq!(line_hash(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }

    #[test]
    fn the_line_has_the_fields_of_the_format_in_its_order() {
        let event = Event::Shown { code: "K7QF".into(), position: 3 };
        let entry = Entry { n: 4, ms: 5, utc: Utc::from_ms(0), previous: NO_LINE.into(), event };
        let expected = format!(
            "{{\"n\":4,\"ms\":5,\"utc\":\"1970-01-01T00:00:00.000Z\",\"previous\":\"{NO_LINE}\",\"event\":\"shown\",\"code\":\"K7QF\",\"position\":3}}"
        );
        assert_eq!(String::from_utf8(entry.line().unwrap()).unwrap(), expected);
        assert_eq!(serde_json::from_str::<Entry>(&expected).unwrap(), entry);
    }

    #[test]
    fn a_number_that_json_cannot_hold_is_no_line() {
        let entry = Entry {
            n: 0,
            ms: 0,
            utc: Utc::from_ms(0),
            previous: NO_LINE.into(),
            event: Event::Idle { seconds: f64::NAN },
        };
        assert!(entry.line().is_err());
    }
}
