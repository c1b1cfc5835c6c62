//! Networks, opened once and kept warm: the provider that really runs, what each tensor looks like, and a run that a
//! person can stop.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use ort::logging::LogLevel;
use ort::session::{RunOptions, Session, SessionInputValue};
use ort::value::{Outlet, TensorElementType, TensorRef};

use super::engine::Provider;
use super::errors::InferenceError;
use super::manifest::{Model, Weights};
use super::runtime;
use crate::error::Cancelled;
use crate::jobs::Control;

/// An opened network. Runs one at a time.
pub(crate) struct Network {
    session: Mutex<Session>,
    key: Key,
    /// The provider that really runs.
    pub provider: Provider,
    /// What the person must know of how it was opened.
    pub notes: Vec<String>,
    /// SHA-256 of the graph.
    pub sha256: String,
    /// What goes in.
    pub inputs: Vec<Port>,
    /// What comes out.
    pub outputs: Vec<Port>,
}

/// One tensor of a graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Port {
    /// Its name in the graph.
    pub name: String,
    /// Its shape; -1 where free.
    pub shape: Vec<i64>,
    /// Its number type; `None` when it is no tensor.
    pub element: Option<TensorElementType>,
}

/// A tensor to run, with the axes in the graph's order.
pub(crate) struct Tensor {
    pub name: String,
    pub shape: Vec<usize>,
    pub data: Vec<f32>,
}

/// A tensor of whole numbers, such as a timestep; given in the type that the graph declares.
pub(crate) struct Integers {
    pub name: String,
    pub shape: Vec<usize>,
    pub data: Vec<i64>,
}

type Key = (String, Provider);

/// Networks that are kept warm at most.
const WARM: usize = 4;

static NETWORKS: Mutex<Vec<Arc<Network>>> = Mutex::new(Vec::new());

/// Opens the network of a role, or takes the warm one of the same weights and provider.
///
/// # Errors
/// Weights that are missing, changed or dangerous; a provider that cannot run; a graph that ONNX Runtime refuses.
pub(crate) fn open(
    model: &Model,
    role: &str,
    asked: Provider,
    control: &Control,
) -> Result<Arc<Network>, InferenceError> {
    let weights = Weights::read(model, role)?;
    let key = (weights.sha256.clone(), asked);
    {
        let mut warm = NETWORKS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = warm.iter().position(|n| n.key == key) {
            let network = warm.remove(at);
            warm.push(network.clone());
            return Ok(network);
        }
    }
    control.checkpoint()?;
    let network = Arc::new(open_on(&weights, key, asked, control)?);
    let mut warm = NETWORKS.lock().unwrap_or_else(PoisonError::into_inner);
    warm.push(network.clone());
    if warm.len() > WARM {
        warm.remove(0);
    }
    Ok(network)
}

/// Opens the network of a role after an edit of its graph, which the file does not see. Hash and record stay those of
/// the file; such a network is not kept warm.
///
/// # Errors
/// As [`open`]; when the edit fails, or weights lie outside the graph and the folder cannot be written.
pub(crate) fn open_edited(
    model: &Model,
    role: &str,
    asked: Provider,
    edit: impl FnOnce(&[u8]) -> Result<Vec<u8>, String>,
    control: &Control,
) -> Result<Arc<Network>, InferenceError> {
    let mut weights = Weights::read(model, role)?;
    let load = |path: &std::path::Path, reason: String| InferenceError::Load {
        path: path.to_owned(),
        reason,
        remedy: String::new(),
    };
    weights.bytes = edit(&weights.bytes).map_err(|reason| load(&weights.path, reason))?;
    // ONNX Runtime looks for further files beside the graph's path.
    let mut beside = None;
    if weights.external {
        let folder = weights.path.parent().unwrap_or(std::path::Path::new("."));
        let file = tempfile::Builder::new().prefix(".edited-").suffix(".onnx").tempfile_in(folder);
        let file = file
            .and_then(|file| std::fs::write(file.path(), &weights.bytes).map(|()| file))
            .map_err(|e| load(&weights.path, format!("its edited copy cannot be written beside it: {e}")))?;
        weights.path = file.path().to_owned();
        beside = Some(file);
    }
    let key = (weights.sha256.clone(), asked);
    let network = open_on(&weights, key, asked, control);
    drop(beside);
    Ok(Arc::new(network?))
}

/// Opens the network of a role for one run alone, whatever is kept warm.
///
/// # Errors
/// As [`open`].
pub(crate) fn open_anew(
    model: &Model,
    role: &str,
    asked: Provider,
    control: &Control,
) -> Result<Arc<Network>, InferenceError> {
    let weights = Weights::read(model, role)?;
    let key = (weights.sha256.clone(), asked);
    Ok(Arc::new(open_on(&weights, key, asked, control)?))
}

/// What `auto` tries before the processor: those that run 3D networks well.
const AUTO: [Provider; 2] = [Provider::Cuda, Provider::DirectMl];

fn open_on(weights: &Weights, key: Key, asked: Provider, control: &Control) -> Result<Network, InferenceError> {
    runtime::environment()?;
    let mut notes = Vec::new();
    if asked == Provider::Auto {
        for provider in AUTO.into_iter().filter(|p| runtime::is_built_in(*p)) {
            match commit(weights, provider, control) {
                Ok((session, more)) => {
                    notes.extend(more);
                    return Ok(describe(session, key, provider, notes));
                }
                Err(InferenceError::Provider { reason, remedy, .. }) => {
                    notes.push(format!(
                        "{provider} could not be used ({reason}; {remedy}); the processor was used instead"
                    ));
                }
                Err(other) => return Err(other),
            }
        }
    }
    let provider = if asked == Provider::Auto { Provider::Cpu } else { asked };
    if !runtime::is_built_in(provider) {
        let reason = "this ONNX Runtime was built without it".to_owned();
        return Err(InferenceError::Provider { provider, reason, remedy: runtime::remedy(provider).to_owned() });
    }
    let (session, more) = commit(weights, provider, control)?;
    notes.extend(more);
    Ok(describe(session, key, provider, notes))
}

fn describe(session: Session, key: Key, provider: Provider, notes: Vec<String>) -> Network {
    let port = |o: &Outlet| Port {
        name: o.name().to_owned(),
        shape: o.dtype().tensor_shape().map(|s| s.to_vec()).unwrap_or_default(),
        element: o.dtype().tensor_type(),
    };
    Network {
        inputs: session.inputs().iter().map(port).collect(),
        outputs: session.outputs().iter().map(port).collect(),
        sha256: key.0.clone(),
        session: Mutex::new(session),
        key,
        provider,
        notes,
    }
}

/// Opens a session on one provider. On any but the processor the nodes are counted: none there is an error, some
/// elsewhere is a note.
fn commit(weights: &Weights, provider: Provider, control: &Control) -> Result<(Session, Vec<String>), InferenceError> {
    let placed: Arc<Mutex<Vec<(String, usize)>>> = Arc::default();
    let refused = |e: ort::Error| InferenceError::Provider {
        provider,
        reason: runtime::first_line(e.message()),
        remedy: runtime::remedy(provider).to_owned(),
    };
    let load = |reason: &str| InferenceError::Load {
        path: weights.path.clone(),
        reason: runtime::first_line(reason),
        remedy: load_remedy(reason).to_owned(),
    };
    let environment = runtime::environment()?;
    let prepare = || -> Result<_, ort::Error> {
        let mut builder = Session::builder(environment)?
            .with_intra_threads(physical_cores())?
            .with_inter_threads(1)?
            .with_intra_op_spinning(false)?;
        if provider != Provider::Cpu {
            let log = placed.clone();
            builder = builder
                .with_logger(Arc::new(move |_: LogLevel, _: &str, _: &str, _: &str, message: &str| {
                    if let Some(count) = placement(message) {
                        log.lock().unwrap_or_else(PoisonError::into_inner).push(count);
                    }
                }))?
                .with_log_level(LogLevel::Verbose)?;
        }
        if provider == Provider::DirectMl {
            builder = builder.with_memory_pattern(false)?.with_parallel_execution(false)?;
        }
        Ok(builder)
    };
    let mut builder = prepare().map_err(|e| load(e.message()))?;
    if let Some(dispatch) = runtime::dispatch(provider) {
        builder = builder.with_execution_providers([dispatch]).map_err(|e| refused(e.into()))?;
    }
    let canceler = builder.canceler();
    let session = watched(
        control,
        // A load that has ended in the meantime cannot be cancelled any more.
        || drop(canceler.cancel()),
        || {
            if weights.external {
                builder.commit_from_file(&weights.path)
            } else {
                builder.commit_from_memory(&weights.bytes)
            }
        },
    )?
    .map_err(|e| if provider == Provider::Cpu { load(e.message()) } else { refused(e) })?;
    let placed = placed.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let mut notes = Vec::new();
    if provider != Provider::Cpu && !placed.is_empty() {
        let is_cpu = |name: &str| name.starts_with("CPU");
        let sum = |cpu: bool| placed.iter().filter(|(n, _)| is_cpu(n) == cpu).map(|(_, c)| c).sum::<usize>();
        let (there, elsewhere) = (sum(false), sum(true));
        if there == 0 {
            return Err(InferenceError::Provider {
                provider,
                reason: format!("none of the network's {elsewhere} operators can run there"),
                remedy: runtime::remedy(provider).to_owned(),
            });
        }
        if elsewhere > 0 {
            let all = there + elsewhere;
            notes.push(format!(
                "{elsewhere} of the network's {all} operators run on the processor, the rest on {provider}"
            ));
        }
    }
    Ok((session, notes))
}

/// `… placed on [CUDAExecutionProvider]. Number of nodes: 12`, as ONNX Runtime logs it.
fn placement(message: &str) -> Option<(String, usize)> {
    let (_, rest) = message.split_once("placed on [")?;
    let (name, rest) = rest.split_once(']')?;
    let (_, count) = rest.split_once("Number of nodes: ")?;
    let digits: String = count.chars().take_while(char::is_ascii_digit).collect();
    Some((name.to_owned(), digits.parse().ok()?))
}

fn load_remedy(reason: &str) -> &'static str {
    if reason.contains("opset") || reason.contains("IR version") {
        "; the graph needs a newer ONNX Runtime (`veritome runtime install`) or has to be exported for an older one"
    } else if reason.contains("is not a registered") || reason.contains("No Op registered") {
        "; the graph uses an operator that this ONNX Runtime does not have"
    } else {
        ""
    }
}

/// Runs `work`; calls `stop` (again and again) once the person asked to stop, and then reports that.
fn watched<T: Send>(control: &Control, stop: impl Fn() + Send, work: impl FnOnce() -> T) -> Result<T, Cancelled> {
    let (ended, wait) = channel::<()>();
    let result = std::thread::scope(|scope| {
        scope.spawn(move || {
            while let Err(RecvTimeoutError::Timeout) = wait.recv_timeout(Duration::from_millis(15)) {
                if control.is_cancelled() {
                    stop();
                }
            }
        });
        let result = work();
        // The watcher ends when the channel closes.
        drop(ended);
        result
    });
    control.checkpoint()?;
    Ok(result)
}

impl Network {
    /// Another run may hold the session for long; a cancel ends the waiting too.
    fn wait_for_session(&self, control: &Control) -> Result<MutexGuard<'_, Session>, Cancelled> {
        loop {
            control.checkpoint()?;
            match self.session.try_lock() {
                Ok(session) => return Ok(session),
                Err(TryLockError::Poisoned(poisoned)) => return Ok(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(10)),
            }
        }
    }

    /// Runs once. The outputs named in `wanted` come back as floats, in that order.
    ///
    /// # Errors
    /// When ONNX Runtime fails, an output is missing or holds NaN or infinity; [`InferenceError::Cancelled`].
    pub fn run(
        &self,
        model: &str,
        inputs: &[Tensor],
        wanted: &[&str],
        control: &Control,
    ) -> Result<Vec<Tensor>, InferenceError> {
        self.run_with_integers(model, inputs, &[], wanted, control)
    }

    /// As [`Network::run`], with tensors of whole numbers too.
    ///
    /// # Errors
    /// As [`Network::run`].
    pub fn run_with_integers(
        &self,
        model: &str,
        inputs: &[Tensor],
        integers: &[Integers],
        wanted: &[&str],
        control: &Control,
    ) -> Result<Vec<Tensor>, InferenceError> {
        let failed = |reason: &str| InferenceError::Run {
            model: model.to_owned(),
            reason: format!("{}{}", runtime::first_line(reason), run_remedy(reason)),
        };
        let fail = |e: ort::Error| failed(e.message());
        let mut options = RunOptions::new().map_err(fail)?;
        options.set_log_level(LogLevel::Error).map_err(fail)?;
        let mut values: Vec<(&str, SessionInputValue<'_>)> = Vec::with_capacity(inputs.len());
        for tensor in inputs {
            let view = TensorRef::from_array_view((tensor.shape.clone(), tensor.data.as_slice())).map_err(fail)?;
            values.push((&tensor.name, view.into()));
        }
        for tensor in integers {
            let port = self.inputs.iter().find(|p| p.name == tensor.name).and_then(|p| p.element);
            let shape = tensor.shape.clone();
            let value: SessionInputValue<'_> = match port {
                Some(TensorElementType::Int32) => {
                    let narrow = tensor.data.iter().map(|x| i32::try_from(*x).unwrap_or(i32::MAX)).collect::<Vec<_>>();
                    ort::value::Tensor::from_array((shape, narrow)).map_err(fail)?.into()
                }
                _ => ort::value::Tensor::from_array((shape, tensor.data.clone())).map_err(fail)?.into(),
            };
            values.push((&tensor.name, value));
        }
        let mut session = self.wait_for_session(control)?;
        let outputs = watched(
            control,
            // Terminating cannot fail in a way that could be mended here.
            || drop(options.terminate()),
            || session.run_with_options(values, &options),
        )?
        .map_err(fail)?;
        wanted
            .iter()
            .map(|name| {
                let value = outputs.get(name).ok_or_else(|| failed(&format!("there is no output `{name}`")))?;
                let (shape, data) =
                    floats(value).ok_or_else(|| failed(&format!("`{name}` has an unknown number type")))?;
                let count = data.iter().filter(|x| !x.is_finite()).count();
                if count > 0 {
                    return Err(InferenceError::NotFinite {
                        model: model.to_owned(),
                        tensor: (*name).to_owned(),
                        count,
                    });
                }
                Ok(Tensor { name: (*name).to_owned(), shape, data })
            })
            .collect()
    }
}

fn run_remedy(reason: &str) -> &'static str {
    let memory = ["Failed to allocate", "out of memory", "bad_alloc", "bad allocation"];
    if memory.iter().any(|m| reason.contains(m)) {
        "; there is not enough memory: close other programs, or use a model with smaller windows"
    } else {
        ""
    }
}

/// The numbers of a tensor of any usual type; whole numbers up to 2^24 are exact.
fn floats(value: &ort::value::DynValue) -> Option<(Vec<usize>, Vec<f32>)> {
    macro_rules! take {
        ($($t:ty),*) => {$(
            if let Ok((shape, data)) = value.try_extract_tensor::<$t>() {
                let shape = shape.iter().map(|n| usize::try_from(*n).unwrap_or(0)).collect();
                #[allow(clippy::cast_lossless, clippy::unnecessary_cast)]
                return Some((shape, data.iter().map(|x| *x as f32).collect()));
            }
        )*};
    }
    take!(f32, f64, i64, i32, u8, i8, u16, i16);
    let (shape, data) = value.try_extract_tensor::<bool>().ok()?;
    let shape = shape.iter().map(|n| usize::try_from(*n).unwrap_or(0)).collect();
    Some((shape, data.iter().map(|x| f32::from(u8::from(*x))).collect()))
}

/// Physical cores that this process may use: more threads than that make convolutions slower.
fn physical_cores() -> usize {
    let logical = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let siblings = (0..1024).map_while(|cpu| {
        std::fs::read_to_string(format!("/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")).ok()
    });
    let cores = siblings.collect::<std::collections::BTreeSet<_>>().len();
    if cores == 0 { logical } else { cores.min(logical) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text is ONNX Runtime 1.31's own (`VerifyEachNodeIsAssignedToAnEp`).
    #[test]
    fn placements_are_read_from_the_log() {
        let all = " All nodes placed on [CPUExecutionProvider]. Number of nodes: 20";
        assert_eq!(placement(all), Some(("CPUExecutionProvider".into(), 20)));
        assert_eq!(placement(" Node(s) placed on [X]. Number of nodes: 3"), Some(("X".into(), 3)));
        assert_eq!(placement("Initializing session."), None);
    }
}
