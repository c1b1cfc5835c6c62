//! Whether the events of a log come in an order that a session can produce.

use std::collections::BTreeSet;

use super::chain::KeptLine;
use super::event::{CloseReason, Event, Opened};
use super::finding::{Finding, FindingKind};

/// What a log is expected to be of; what is not given is not checked.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    /// The reader.
    pub reader: Option<String>,
    /// The session, from 1.
    pub session: Option<u32>,
    /// Hash of the frozen plan.
    pub plan_sha256: Option<String>,
    /// Hash of the list file.
    pub list_sha256: Option<String>,
    /// The trials of the list.
    pub codes: Option<BTreeSet<String>>,
    /// Whether a confirmed trial may be confirmed again.
    pub allow_back: Option<bool>,
}

impl Expected {
    /// The first thing in which `opened` differs: what, expected, found.
    pub(super) fn differs(&self, opened: &Opened) -> Option<(&'static str, String, String)> {
        let session = self.session.map(|s| s.to_string());
        let pairs = [
            ("reader", &self.reader, opened.reader.clone()),
            ("session", &session, opened.session.to_string()),
            ("plan", &self.plan_sha256, opened.plan_sha256.clone()),
            ("list", &self.list_sha256, opened.list_sha256.clone()),
        ];
        pairs.into_iter().find_map(|(what, expected, found)| {
            expected.as_ref().filter(|e| **e != found).map(|expected| (what, expected.clone(), found))
        })
    }
}

/// What the events so far have led to.
#[derive(Default)]
struct Order {
    shown: Option<String>,
    confirmed: BTreeSet<String>,
    paused: bool,
    closed: Option<CloseReason>,
    ms: u64,
    utc_ms: Option<i64>,
}

/// Everything that is out of order, by line.
#[must_use]
pub fn check(kept: &[KeptLine], expected: &Expected) -> Vec<Finding> {
    let mut order = Order::default();
    let mut findings = Vec::new();
    for (at, line) in kept.iter().enumerate() {
        let mut find = |kind| findings.push(Finding { line: line.line, kind });
        let (entry, utc_ms) = (&line.entry, line.entry.utc.ms());
        if let Some(back) = order.utc_ms.map(|before| before - utc_ms).filter(|by| *by > 0) {
            find(FindingKind::ClockSetBack { by_ms: back });
        }
        order.utc_ms = Some(utc_ms);
        if !entry.event.is_off_the_clock() {
            if matches!(entry.event, Event::Opened(_) | Event::Resumed { .. }) {
                order.ms = 0;
            }
            if entry.ms < order.ms {
                find(FindingKind::OutOfOrder { what: format!("its ms go back from {} to {}", order.ms, entry.ms) });
            }
            order.ms = entry.ms;
        }
        match &entry.event {
            Event::Opened(opened) if at == 0 => {
                if let Some((what, expected, found)) = expected.differs(opened) {
                    find(FindingKind::OfAnother { what, expected, found });
                }
            }
            Event::Opened(_) => find(FindingKind::OpenedAgain),
            _ if at == 0 => find(FindingKind::NotOpened),
            Event::Unknown => find(FindingKind::UnknownEvent),
            _ => {}
        }
        if let (Some(code), Some(codes)) = (entry.event.code(), &expected.codes)
            && !codes.contains(code)
        {
            find(FindingKind::UnknownCode { code: code.to_owned() });
        }
        if let Some(what) = order.follow(&entry.event, expected.allow_back) {
            find(FindingKind::OutOfOrder { what });
        }
    }
    findings
}

impl Order {
    /// Takes the event in; says why it cannot come here.
    fn follow(&mut self, event: &Event, allow_back: Option<bool>) -> Option<String> {
        let wrong = self.wrong(event, allow_back);
        match event {
            Event::Shown { code, .. } => self.shown = Some(code.clone()),
            Event::Confirmed { code, .. } => {
                self.confirmed.insert(code.clone());
                self.shown = None;
            }
            Event::Resumed { .. } => {
                self.shown = None;
                self.paused = false;
                self.closed = None;
            }
            Event::Paused {} => self.paused = true,
            Event::Continued {} => self.paused = false,
            Event::Closed { reason } => self.closed = Some(*reason),
            _ => {}
        }
        wrong
    }

    fn wrong(&self, event: &Event, allow_back: Option<bool>) -> Option<String> {
        match (self.closed, event) {
            (_, event) if event.is_off_the_clock() => return None,
            (Some(CloseReason::Left), Event::Resumed { .. }) | (None, _) => {}
            (Some(_), _) => return Some("it comes after the session was closed".into()),
        }
        match event {
            Event::Answer { code, .. }
            | Event::FirstInput { code }
            | Event::HintShown { code }
            | Event::Mark { code, .. }
            | Event::Confirmed { code, .. }
                if self.shown.as_ref() != Some(code) =>
            {
                let what = if matches!(event, Event::Confirmed { .. }) { "confirmed" } else { "answered" };
                Some(format!("trial `{code}` is {what} while it is not shown"))
            }
            Event::Viewed(viewed) if self.shown.as_ref() != Some(&viewed.code) => {
                Some(format!("trial `{}` is viewed while it is not shown", viewed.code))
            }
            Event::Answer { .. } | Event::Confirmed { .. } if self.paused => Some("it comes during a pause".into()),
            Event::Confirmed { code, .. } if allow_back == Some(false) && self.confirmed.contains(code) => {
                Some(format!("trial `{code}` is confirmed a second time, and going back is not allowed"))
            }
            Event::FeedbackShown { code } if !self.confirmed.contains(code) => {
                Some(format!("the truth of trial `{code}` is shown before it was confirmed"))
            }
            Event::Paused {} if self.paused => Some("the session is paused already".into()),
            Event::Continued {} if !self.paused => Some("the session is continued without a pause".into()),
            _ => None,
        }
    }
}
