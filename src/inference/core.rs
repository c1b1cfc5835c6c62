//! A network as the inferer calls it: one member of an ensemble, once a batch.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::cutter::Window;
use super::dense::{Core, Pass};
use super::errors::InferenceError;
use super::session::{Network, Tensor};
use crate::jobs::Control;

/// Time that ONNX Runtime took, added up over threads.
#[derive(Debug, Default)]
pub(crate) struct Stopwatch(AtomicU64);

impl Stopwatch {
    pub fn time<T>(&self, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        let spent = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.0.fetch_add(spent, Ordering::Relaxed);
        result
    }

    pub fn total(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

/// One call a batch.
pub(crate) struct Plain<'a> {
    pub title: String,
    pub members: Vec<Arc<Network>>,
    pub wanted: Vec<String>,
    pub batch: Option<usize>,
    pub watch: &'a Stopwatch,
}

impl Core for Plain<'_> {
    fn call(
        &self,
        pass: &Pass,
        tensors: Vec<Tensor>,
        windows: &[Window],
        control: &Control,
    ) -> Result<Vec<Tensor>, InferenceError> {
        let wanted: Vec<&str> = self.wanted.iter().map(String::as_str).collect();
        let network = &self.members[pass.member.min(self.members.len() - 1)];
        let given = self.watch.time(|| network.run(&self.title, &tensors, &wanted, control))?;
        control.advance(windows.len() as u64);
        Ok(given)
    }

    fn fixed_batch(&self) -> Option<usize> {
        self.batch
    }
}
