//! What every table and heading of a study must say, so that nobody reads its numbers for more than they are.

use serde::Serialize;

use super::integrity::{Integrity, StudyFinding};

/// A table, or several that belong together, with what must stand over them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Section<T> {
    /// The heading, with the mark of simulated readers.
    pub heading: String,
    /// Must be shown with every table of the section.
    pub remarks: Vec<String>,
    /// The tables.
    pub content: T,
}

/// What must be said everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Remarks {
    /// Stands behind every heading; empty when humans read.
    pub mark: &'static str,
    /// Whole sentences.
    pub sentences: Vec<String>,
}

/// At whose word an analysis goes on although something forbids it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Word {
    /// Go on although logs or files of the package are altered or doubtful.
    pub accept_untrusted: bool,
    /// Who looks before all sessions are closed.
    pub unplanned_look: Option<String>,
}

impl Remarks {
    /// From what is known of the logs; `serious` is everything that forbids an analysis without somebody's word.
    #[must_use]
    pub fn of(integrity: &Integrity, serious: &[String], word: &Word) -> Self {
        let mut sentences = Vec::new();
        let begun = || integrity.sessions.iter().filter(|s| s.file.is_some());
        let simulated: Vec<_> = begun().filter(|s| s.simulated).collect();
        let all = simulated.len() == begun().count();
        let mark = match (simulated.is_empty(), all) {
            (true, _) => "",
            (false, true) => " (simulated readers)",
            (false, false) => " (partly simulated readers)",
        };
        if !simulated.is_empty() {
            let mut readers: Vec<&str> = simulated.iter().map(|s| s.reader.as_str()).collect();
            readers.dedup();
            let who = if all { "All readers".into() } else { readers.join(", ") };
            sentences.push(format!(
                "{who} are simulated: no human read these images, and the numbers say nothing about them."
            ));
        }
        if let (Some(who), open) = (&word.unplanned_look, integrity.open_sessions())
            && !open.is_empty()
        {
            sentences.push(format!(
                "Unplanned look by {who}: {} of {} sessions were not closed.",
                open.len(),
                integrity.sessions.len()
            ));
        }
        let mut looks: Vec<String> = integrity
            .findings
            .iter()
            .filter_map(|finding| match finding {
                StudyFinding::UnplannedLook { who, utc, .. } | StudyFinding::LookNoted { who, utc } => {
                    let date = utc.date();
                    Some(format!("{who} looked at the truth on {date}, before all sessions were closed."))
                }
                _ => None,
            })
            .collect();
        let mut seen = std::collections::BTreeSet::new();
        looks.retain(|look| seen.insert(look.clone()));
        sentences.extend(looks);
        if let (Some(first), true) = (serious.first(), word.accept_untrusted) {
            let others =
                if serious.len() > 1 { format!(" ({} findings in all)", serious.len()) } else { String::new() };
            sentences
                .push(format!("Analysed although logs or files of the package cannot be trusted: {first}{others}."));
        }
        Self { mark, sentences }
    }

    /// A section that says what must be said.
    pub fn section<T>(&self, heading: &str, content: T) -> Section<T> {
        Section { heading: format!("{heading}{}", self.mark), remarks: self.sentences.clone(), content }
    }
}
