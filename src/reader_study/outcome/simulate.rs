//! Readers who are programs: they write true logs through the same state machine and log as the window, on a clock of
//! their own, marked as simulated. For tests and for the example that is shipped; nothing of it is a result.

use crate::reader_study::design::{PublicList, SealedTrial, SealedTruth};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rand_distr::{Distribution, StandardNormal};

use crate::reader_study::session::clock::DrivenClock;
use crate::reader_study::session::entry::line_hash;
use crate::reader_study::session::event::{Monitor, Opened, Viewed};
use crate::reader_study::session::log::SessionLog;
use crate::reader_study::session::package_view::list_key;
use crate::reader_study::session::reading::{ReadingError, ReadingSession};
use crate::reader_study::session::step::Step;
use crate::reader_study::session::storage::Memory;
use crate::reader_study::session::utc::{DAY_MS, Utc};

use super::material::{LogBytes, Material};
use super::simulated_answers::Seen;
pub use super::simulated_answers::SimulatedReader;

/// What all simulated readers have in common.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Simulation {
    /// The same seed gives the same logs, byte for byte.
    pub seed: u64,
    /// When the first session begins; the next ones follow after the washout time.
    pub begin: Utc,
}

/// The logs of all sessions of `readers`, in the order of readers and sessions.
///
/// # Errors
/// When a list and its key do not fit, so that an answer is refused.
pub fn simulate(
    material: &Material,
    truth: &SealedTruth,
    readers: &[SimulatedReader],
    simulation: Simulation,
) -> Result<Vec<LogBytes>, ReadingError> {
    let washout_ms = i64::from(material.study.sessions.washout_days) * DAY_MS;
    let mut logs = Vec::new();
    for reader in readers {
        let clock = DrivenClock::new(simulation.begin);
        for session in 1..=material.study.sessions.count {
            let key = list_key(&reader.id, session);
            let (Some((list, hash)), Some(sealed)) = (material.lists.get(&key), truth.lists.get(&key)) else {
                continue;
            };
            let one = One { material, truth, reader, list, sealed, simulation };
            let bytes = one.read(&clock, hash)?;
            logs.push(LogBytes { file: format!("{key}.jsonl"), bytes });
            clock.advance(u64::try_from(washout_ms + DAY_MS / 24).unwrap_or_default());
        }
    }
    Ok(logs)
}

/// One session.
struct One<'a> {
    material: &'a Material,
    truth: &'a SealedTruth,
    reader: &'a SimulatedReader,
    list: &'a PublicList,
    sealed: &'a [SealedTrial],
    simulation: Simulation,
}

impl One<'_> {
    fn read(&self, clock: &DrivenClock, list_sha256: &str) -> Result<Vec<u8>, ReadingError> {
        let memory = Memory::default();
        let monitor = Monitor {
            width_px: 2560,
            height_px: 1440,
            scale: 1.0,
            width_mm: None,
            height_mm: None,
            calibration: "uncalibrated".into(),
        };
        let opening = Opened {
            reader: self.reader.id.clone(),
            session: self.list.session,
            plan_sha256: self.material.study.plan_sha256.clone(),
            list_sha256: list_sha256.to_owned(),
            software: format!("simulated reader, Veritome {}", env!("CARGO_PKG_VERSION")),
            adapter: "none".into(),
            monitor,
            simulated: true,
            torn: false,
        };
        let log = SessionLog::in_memory(memory.clone(), opening, Box::new(clock.clone()))?;
        let mut session = ReadingSession::new(&self.material.study, self.list, log);
        let mut rng = self.generator(&[&self.reader.id, &self.list.session.to_string()]);
        loop {
            match session.step() {
                Step::Show { at, .. } => {
                    session.show()?;
                    self.trial(&mut session, clock, at, &mut rng)?;
                }
                Step::Feedback { .. } => {
                    clock.advance(3000);
                    session.feedback_shown()?;
                }
                Step::Break => {
                    clock.advance(60_000);
                    session.break_taken(60.0)?;
                }
                Step::Paused => session.pause_or_continue()?,
                Step::Finish | Step::TimeOver => session.close()?,
                Step::Answer { .. } | Step::Closed(_) => return Ok(memory.bytes()),
            }
        }
    }

    /// A generator of its own for everything that has a name, so that order changes nothing.
    fn generator(&self, name: &[&str]) -> ChaCha8Rng {
        let mut hash = line_hash(name.join("\u{1f}").as_bytes());
        hash.truncate(16);
        let stream = u64::from_str_radix(&hash, 16).unwrap_or_default();
        let mut rng = ChaCha8Rng::seed_from_u64(self.simulation.seed);
        rng.set_stream(stream);
        rng
    }

    fn trial(
        &self,
        session: &mut ReadingSession,
        clock: &DrivenClock,
        at: usize,
        rng: &mut ChaCha8Rng,
    ) -> Result<(), ReadingError> {
        let Some((trial, sealed)) = self.list.trials.get(at).zip(self.sealed.get(at)) else { return Ok(()) };
        let plan = self.truth.plan.plan();
        let blob_cases =
            trial.images.iter().filter_map(|blob| self.truth.blobs.get(blob)).map(|blob| blob.case.as_str());
        let mut ids: Vec<&str> = blob_cases.collect();
        ids.truncate(sealed.modalities.len());
        if ids.is_empty() {
            ids.push(&sealed.case);
        }
        let of_image = |image: usize| {
            let case = ids.get(image).or(ids.first()).copied().unwrap_or_default();
            let arm = sealed.modalities.get(image).map_or("", String::as_str);
            StandardNormal.sample(&mut self.generator(&["image", case, arm]))
        };
        let seen = Seen {
            design: self.material.study.design,
            plan,
            reader: self.reader,
            modalities: &sealed.modalities,
            cases: ids.iter().filter_map(|id| plan.case(id)).collect(),
            of_image: (0..sealed.modalities.len().max(1)).map(of_image).collect(),
        };
        let seconds = seen.seconds(at as f64 / self.list.trials.len().max(1) as f64, rng);
        let hidden_ms = u64::from(self.material.study.reading.hide_seconds) * 1000;
        clock.advance((seconds * 200.0) as u64);
        session.touched()?;
        clock.advance((seconds * 700.0) as u64 + hidden_ms);
        let primary = self.material.study.primary_question().map(|question| question.id.clone());
        for question in &self.material.study.questions {
            if session.progress().asked().iter().any(|asked| asked.id == question.id) {
                let value = seen.answer(question, primary.as_ref() == Some(&question.id), rng);
                session.answer(&question.id, Some(value))?;
            }
        }
        clock.advance((seconds * 100.0) as u64);
        session.confirm(Some(viewed(rng)))
    }
}

fn viewed(rng: &mut ChaCha8Rng) -> Viewed {
    let windows = (0..rng.next_u32() % 3).map(|at| [40.0 + f64::from(at) * 10.0, 400.0]).collect();
    Viewed {
        code: String::new(),
        slices_from: 0,
        slices_to: 19,
        slices_share: (Seen::slices_share(rng) * 20.0).round() / 20.0,
        windows,
        zoom_max: 1.0 + f64::from(rng.next_u32() % 4) / 2.0,
        layouts: vec!["axial".into()],
    }
}
