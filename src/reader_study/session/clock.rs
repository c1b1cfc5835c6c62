//! The two times of a log line: milliseconds that never go back, and the date that the computer believes in.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::utc::Utc;

/// What a log asks for the time.
pub trait Clock: Send {
    /// Milliseconds since some fixed moment of this run; never goes back.
    fn ms(&self) -> u64;

    /// The date and time of day; goes back when somebody sets the computer's clock back.
    fn utc(&self) -> Utc;
}

/// The computer's own clocks.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// Counts from now.
    #[must_use]
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn utc(&self) -> Utc {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Utc::from_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// A clock that only moves when told to; copies show the same time. For simulated readers and tests.
#[derive(Debug, Clone, Default)]
pub struct DrivenClock {
    ms: Arc<AtomicU64>,
    utc_ms: Arc<AtomicI64>,
}

impl DrivenClock {
    /// Starts at `utc`, with 0 ms.
    #[must_use]
    pub fn new(utc: Utc) -> Self {
        let clock = Self::default();
        clock.set_utc(utc);
        clock
    }

    /// Lets time pass on both clocks.
    pub fn advance(&self, ms: u64) {
        self.ms.fetch_add(ms, Ordering::Relaxed);
        self.utc_ms.fetch_add(i64::try_from(ms).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    /// Sets the date alone, back as well.
    pub fn set_utc(&self, utc: Utc) {
        self.utc_ms.store(utc.ms(), Ordering::Relaxed);
    }
}

impl Clock for DrivenClock {
    fn ms(&self) -> u64 {
        self.ms.load(Ordering::Relaxed)
    }

    fn utc(&self) -> Utc {
        Utc::from_ms(self.utc_ms.load(Ordering::Relaxed))
    }
}
