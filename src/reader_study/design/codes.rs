//! The names that trials have for readers.

use std::collections::HashSet;

use super::draws::Draws;

/// Capital letters and digits that are not taken for each other (no 0 O 1 I L) and do not spell words such as `FAKE` or
/// `TRUE` (no vowels).
const LETTERS: &[u8; 28] = b"23456789BCDFGHJKMNPQRSTVWXYZ";
const LENGTH: usize = 4;

/// More trials than this over all lists would leave too few free codes; there are 614 656.
pub(super) const MOST_CODES: usize = 200_000;

/// The codes given so far in a study.
#[derive(Default)]
pub(super) struct Codes(HashSet<String>);

impl Codes {
    /// A code that no other trial of the study has.
    pub(super) fn draw(&mut self, draws: &mut Draws) -> String {
        loop {
            let letter = |_| LETTERS.get(draws.below(LETTERS.len())).map_or('2', |letter| char::from(*letter));
            let code: String = (0..LENGTH).map(letter).collect();
            if self.0.insert(code.clone()) {
                return code;
            }
        }
    }
}
