//! A long task on a worker thread: progress, stage name, remaining time, cancel, result.
//!
//! ```
//! use veritome::jobs::{Job, Control};
//! let job = Job::spawn("Count", |control: &Control| {
//!     control.stage("Counting", 3);
//!     for _ in 0..3 {
//!         control.checkpoint()?;
//!         control.advance(1);
//!     }
//!     Ok::<_, veritome::error::Cancelled>(3)
//! });
//! assert_eq!(job.wait(), Some(Ok(3)));
//! ```

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::error::Cancelled;

#[derive(Debug)]
struct Stage {
    name: String,
    since: Instant,
}

struct Shared {
    cancelled: AtomicBool,
    parent: Option<Control>,
    done: AtomicU64,
    total: AtomicU64,
    stage: Mutex<Stage>,
    waker: Mutex<Option<Box<dyn Fn() + Send>>>,
}

/// The task's side of a job: reports progress, learns of a cancel. Cheap to clone, shared by threads.
#[derive(Clone)]
pub struct Control(Arc<Shared>);

impl Default for Control {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Control").field(&self.progress()).finish()
    }
}

impl Control {
    /// A control that nobody watches, for calls in the foreground.
    #[must_use]
    pub fn new() -> Self {
        Self::under(None)
    }

    /// A control with a progress of its own that is cancelled with this one: for one of many parts.
    #[must_use]
    pub fn child(&self) -> Self {
        Self::under(Some(self.clone()))
    }

    fn under(parent: Option<Self>) -> Self {
        Self(Arc::new(Shared {
            cancelled: AtomicBool::new(false),
            parent,
            done: AtomicU64::new(0),
            total: AtomicU64::new(0),
            stage: Mutex::new(Stage { name: String::new(), since: Instant::now() }),
            waker: Mutex::new(None),
        }))
    }

    /// Starts a stage of `total` steps (0: unknown) and sets the count back.
    pub fn stage(&self, name: impl Into<String>, total: u64) {
        *self.0.stage.lock().unwrap_or_else(PoisonError::into_inner) =
            Stage { name: name.into(), since: Instant::now() };
        self.0.done.store(0, Ordering::Relaxed);
        self.0.total.store(total, Ordering::Relaxed);
        self.wake();
    }

    /// `steps` more are done.
    pub fn advance(&self, steps: u64) {
        self.0.done.fetch_add(steps, Ordering::Relaxed);
        self.wake();
    }

    /// To be asked between steps.
    ///
    /// # Errors
    /// [`Cancelled`] once the person asked to stop.
    pub fn checkpoint(&self) -> Result<(), Cancelled> {
        if self.is_cancelled() { Err(Cancelled) } else { Ok(()) }
    }

    /// Whether the person asked to stop.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::Relaxed) || self.0.parent.as_ref().is_some_and(Self::is_cancelled)
    }

    /// Asks the task to stop; it does so at its next checkpoint.
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::Relaxed);
        self.wake();
    }

    /// Calls `f` whenever progress changes and when the result is there (the window asks for a repaint in it).
    pub fn on_change(&self, f: impl Fn() + Send + 'static) {
        *self.0.waker.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(f));
    }

    /// Where the task stands.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let stage = self.0.stage.lock().unwrap_or_else(PoisonError::into_inner);
        Progress {
            stage: stage.name.clone(),
            done: self.0.done.load(Ordering::Relaxed),
            total: self.0.total.load(Ordering::Relaxed),
            elapsed: stage.since.elapsed(),
        }
    }

    fn wake(&self) {
        if let Some(f) = self.0.waker.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            f();
        }
    }
}

/// Runs long work so that its parallel loops leave rayon's common pool free. The window measures and draws with that one,
/// and would otherwise wait behind a volume that loads: a pool takes new work only when its threads have none left.
pub fn in_background<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    static POOL: OnceLock<Option<rayon::ThreadPool>> = OnceLock::new();
    let pool = POOL.get_or_init(|| {
        let name = |n| format!("background {n}");
        rayon::ThreadPoolBuilder::new().thread_name(name).build().ok()
    });
    match pool {
        Some(pool) => pool.install(work),
        None => work(),
    }
}

/// A moment of a running task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// What is being done, for the person.
    pub stage: String,
    /// Steps done in this stage.
    pub done: u64,
    /// Steps of this stage; 0 when unknown.
    pub total: u64,
    /// Time spent in this stage.
    pub elapsed: Duration,
}

impl Progress {
    /// From 0 to 1, if the number of steps is known.
    #[must_use]
    pub fn fraction(&self) -> Option<f32> {
        (self.total > 0).then(|| (self.done as f32 / self.total as f32).clamp(0.0, 1.0))
    }

    /// The time this stage still needs at its pace so far.
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        let fraction = self.fraction().filter(|f| *f > 0.02)?;
        Some(self.elapsed.mul_f32((1.0 - fraction) / fraction))
    }
}

/// A task on its own thread.
#[derive(Debug)]
pub struct Job<T> {
    name: String,
    control: Control,
    result: Receiver<T>,
}

impl<T: Send + 'static> Job<T> {
    /// Runs `task` on a new thread. `name` is what the person reads beside the progress.
    pub fn spawn(name: impl Into<String>, task: impl FnOnce(&Control) -> T + Send + 'static) -> Self {
        let (send, result) = channel();
        let control = Control::new();
        let inner = control.clone();
        std::thread::spawn(move || {
            // The receiver may be gone: nobody waits for the result any more.
            let _ = send.send(task(&inner));
            inner.wake();
        });
        Self { name: name.into(), control, result }
    }

    /// What the person reads beside the progress.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Progress and cancel.
    #[must_use]
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// The result, once, when it is there; never waits.
    #[must_use]
    pub fn poll(&self) -> Poll<T> {
        match self.result.try_recv() {
            Ok(value) => Poll::Ready(value),
            Err(TryRecvError::Empty) => Poll::Running,
            Err(TryRecvError::Disconnected) => Poll::Gone,
        }
    }

    /// As [`Job::poll`], but waits up to `limit` for the result.
    #[must_use]
    pub fn poll_for(&self, limit: Duration) -> Poll<T> {
        match self.result.recv_timeout(limit) {
            Ok(value) => Poll::Ready(value),
            Err(RecvTimeoutError::Timeout) => Poll::Running,
            Err(RecvTimeoutError::Disconnected) => Poll::Gone,
        }
    }

    /// Waits for the result; `None` if the task panicked or the result was taken before.
    #[must_use]
    pub fn wait(self) -> Option<T> {
        self.result.recv().ok()
    }
}

/// What [`Job::poll`] found.
#[derive(Debug, PartialEq, Eq)]
pub enum Poll<T> {
    /// Not yet.
    Running,
    /// Here it is; the next poll says [`Poll::Gone`].
    Ready(T),
    /// The result was taken, or the task panicked.
    Gone,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_work_in_the_background_does_not_hold_up_the_common_pool() {
        use rayon::prelude::*;
        let (tell, told) = channel();
        let (release, held) = channel::<()>();
        let held = Arc::new(Mutex::new(held));
        let long = std::thread::spawn(move || {
            in_background(|| {
                // Every thread of the pool is taken.
                (0..rayon::current_num_threads()).into_par_iter().with_max_len(1).for_each(|_| {
                    let _ = tell.send(());
                    let _ = held.lock().map(|h| h.recv());
                });
            });
        });
        told.recv().unwrap();
        assert_eq!((0..1000_u32).into_par_iter().sum::<u32>(), 499_500);
        drop(release);
        long.join().unwrap();
    }
}
