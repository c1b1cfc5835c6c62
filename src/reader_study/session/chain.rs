//! Whether the lines of a log are those that were written.
//!
//! Each line that counts is chained to the one before it that counts. A line that was cut off, by a kill, a power cut or a
//! full disk, stays in the file. The entry after it says `torn` and is chained to the last line that counts, with the
//! number that the cut-off line would have had; everything between the two is void, even a line that is whole, since the
//! reader was told that it was not kept. A whole last line that only lacks its newline counts: nobody was told otherwise.
//!
//! Nothing is chained to the last line, so a change of its content can only be seen by who kept
//! [`Chain::last_hash`], which is why a finished session's is shown and sealed elsewhere.

use super::entry::{Entry, NO_LINE, line_hash};
use super::finding::{Finding, FindingKind};

/// An entry that counts.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptLine {
    /// The line of the file, from 1.
    pub line: u64,
    /// What it says.
    pub entry: Entry,
    /// Its [`line_hash`].
    pub hash: String,
}

/// How a file ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tail {
    /// The last line was cut off; what is appended says so.
    pub torn: bool,
    /// The last byte is no newline; what is appended begins with one.
    pub open: bool,
}

/// The lines of a log that count, and what is wrong with the others.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Chain {
    /// In the file's order.
    pub kept: Vec<KeptLine>,
    /// In the file's order.
    pub findings: Vec<Finding>,
    /// How the file ends.
    pub tail: Tail,
}

/// A line that is no entry.
struct Broken {
    line: u64,
    reason: String,
    /// It ends too early, as a cut-off line does.
    cut_off: bool,
}

impl Chain {
    /// Reads all lines.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        let mut chain = Self::default();
        let open = bytes.last().is_some_and(|last| *last != b'\n');
        let whole = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let lines: Vec<&[u8]> = if bytes.is_empty() { Vec::new() } else { whole.split(|b| *b == b'\n').collect() };
        let parsed: Vec<_> = lines.iter().map(|line| serde_json::from_slice::<Entry>(line)).collect();
        let mut broken = Vec::new();
        for (at, (bytes, found)) in lines.iter().zip(&parsed).enumerate() {
            let line = at as u64 + 1;
            match found {
                Ok(entry) => {
                    let hash = line_hash(bytes);
                    let next = parsed.iter().skip(at + 1).find_map(|next| next.as_ref().ok());
                    // Whether the line after it is chained to this one as it stands.
                    let vouched = next.map(|next| next.previous == hash);
                    chain.add(KeptLine { line, entry: entry.clone(), hash }, &mut broken, vouched);
                }
                Err(error) => {
                    let cut_off = error.is_eof() || (open && at + 1 == lines.len());
                    broken.push(Broken { line, reason: error.to_string(), cut_off });
                }
            }
        }
        chain.tail = Tail { open, torn: !broken.is_empty() };
        for broken in broken {
            let kind =
                if broken.cut_off { FindingKind::CutOff } else { FindingKind::Unreadable { reason: broken.reason } };
            chain.find(broken.line, kind);
        }
        chain.findings.sort_by_key(|f| f.line);
        chain
    }

    /// The hash that the next line is chained to.
    #[must_use]
    pub fn last_hash(&self) -> &str {
        self.kept.last().map_or(NO_LINE, |last| &last.hash)
    }

    fn find(&mut self, line: u64, kind: FindingKind) {
        if !self.findings.iter().any(|f| f.line == line && f.kind.is_alteration() && kind.is_alteration()) {
            self.findings.push(Finding { line, kind });
        }
    }

    /// Takes in what precedes an entry that speaks of a cut-off line; whether its number fits that.
    fn add_after_torn(
        &mut self,
        new: &KeptLine,
        broken: &mut Vec<Broken>,
        vouched: Option<bool>,
        expected: u64,
    ) -> bool {
        if new.entry.n + 1 == expected {
            // A whole line of which the reader was told that it was not kept.
            if let Some(void) = self.kept.pop() {
                self.find(void.line, FindingKind::Void);
            }
        } else if new.entry.n != expected {
            return false;
        } else if broken.is_empty() {
            self.find(new.line, FindingKind::TornLineGone);
        }
        for line in broken.drain(..) {
            self.find(line.line, FindingKind::CutOff);
        }
        if new.entry.previous != self.last_hash() {
            self.blame(new, vouched);
        }
        true
    }

    fn add(&mut self, mut new: KeptLine, broken: &mut Vec<Broken>, vouched: Option<bool>) {
        let expected = self.next_number();
        let fits = new.entry.previous == self.last_hash();
        if new.entry.event.is_torn() && self.add_after_torn(&new, broken, vouched, expected) {
            self.kept.push(new);
            return;
        }
        let unreadable = broken.len() as u64;
        for broken in broken.drain(..) {
            self.find(broken.line, FindingKind::Unreadable { reason: broken.reason });
        }
        let expected = expected + unreadable;
        if new.entry.n > expected && !(fits && unreadable == 0) {
            self.find(new.line, FindingKind::MissingLines { from: expected, to: new.entry.n - 1 });
        } else if unreadable == 0 && new.entry.n == expected && !fits {
            self.blame(&new, vouched);
        } else if new.entry.n != expected {
            let found = new.entry.n;
            let kind = if fits { FindingKind::Altered } else { FindingKind::Misplaced { expected, found } };
            self.find(new.line, kind);
            if fits {
                // A sound chain with a wrong number: the number itself was changed.
                new.entry.n = expected;
            }
        }
        self.kept.push(new);
    }

    /// The number that the next line must have; after alterations, as the last line counts.
    fn next_number(&self) -> u64 {
        self.kept.last().map_or(0, |last| last.entry.n + 1)
    }

    /// The chain between the last kept line and `new` is broken: says which of them was altered.
    fn blame(&mut self, new: &KeptLine, vouched: Option<bool>) {
        let before = self.kept.last().map(|last| last.line);
        match (vouched, before) {
            (Some(true), Some(line)) => self.find(line, FindingKind::Altered),
            (Some(false), _) | (_, None) => self.find(new.line, FindingKind::Altered),
            (None, Some(line)) => self.find(line, FindingKind::AlteredHereOrLast),
        }
    }
}
