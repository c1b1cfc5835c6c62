//! A graph opened and run on one window with ONNX Runtime's own clock.

use std::collections::BTreeMap;

use ort::session::{Session, SessionInputValue};
use ort::value::Tensor;
use serde::Serialize;

use crate::inference::manifest::{Manifest, Model, Weights};
use crate::inference::onnx_graph::{Dim, Graph, GraphPort};
use crate::inference::runtime;

/// A cancel is felt as immediate up to here; a node that runs longer delays it, since ONNX Runtime looks between nodes.
const SLOW_MS: f64 = 200.0;

/// A node that takes longer than a cancel should.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SlowOperator {
    /// The node's name in the graph.
    pub node: String,
    /// Its operator.
    pub operator: String,
    /// On one window, the faster of two runs.
    pub milliseconds: f64,
}

impl SlowOperator {
    /// What makes it faster: measured on two cores (INFERENCE.md, section 9).
    pub(super) fn remedy(&self) -> &'static str {
        match self.operator.as_str() {
            "Softmax" | "LogSoftmax" => "let the graph end in logits, the softmax here is faster",
            "Resize" | "Upsample" => "linear interpolation or ConvTranspose is faster than nearest",
            "Softplus" | "Mish" | "PRelu" => "LeakyRelu is several times faster",
            _ => "a smaller window makes it shorter",
        }
    }
}

/// The newest operator set and IR that this ONNX Runtime takes, by graphs of one node; `None` when it takes none.
pub(super) fn newest() -> Option<(u64, u64)> {
    let environment = runtime::environment().ok()?;
    let takes = |opset: u64, ir: u64| {
        let open =
            || -> Result<_, ort::Error> { Session::builder(environment)?.commit_from_memory(&identity(opset, ir)) };
        open().is_ok()
    };
    let ir = (3..=30).rev().find(|ir| takes(13, *ir))?;
    let opset = (7..=60).rev().find(|opset| takes(*opset, ir))?;
    Some((opset, ir))
}

/// A graph that gives back one number.
fn identity(opset: u64, ir: u64) -> Vec<u8> {
    // Everything is short, so that each length and number fits one byte.
    let field = |number: u8, content: &[u8]| [&[number << 3 | 2, content.len() as u8], content].concat();
    let float = field(1, &[1 << 3, 1, 2 << 3 | 2, 0]);
    let port = |number: u8, name: &[u8]| field(number, &[field(1, name), field(2, &float)].concat());
    let node = [field(1, b"a"), field(2, b"b"), field(4, b"Identity")].concat();
    let graph = [field(1, &node), field(2, b"g"), port(11, b"a"), port(12, b"b")].concat();
    [vec![1 << 3, ir as u8], field(7, &graph), field(8, &[2 << 3, opset as u8])].concat()
}

/// What a run on one window told.
#[derive(Debug, Default)]
pub(super) struct Profile {
    pub window: Vec<String>,
    pub slow: Vec<SlowOperator>,
    pub notes: Vec<String>,
}

/// Where it ended.
#[derive(Debug)]
pub(super) enum Failure {
    Load(String),
    Run(String),
}

/// The side of a window where neither manifest nor graph says one.
const USUAL_SIDE: usize = 64;

/// Opens a graph on the processor and runs it twice on one window.
pub(super) fn profile(model: &Model, weights: &Weights, graph: &Graph) -> Result<Profile, Failure> {
    let load = |e: ort::Error| Failure::Load(runtime::first_line(e.message()));
    let run = |e: ort::Error| Failure::Run(runtime::first_line(e.message()));
    let io = |e: std::io::Error| Failure::Run(e.to_string());
    let environment = runtime::environment().map_err(|e| Failure::Load(e.to_string()))?;
    let folder = tempfile::tempdir().map_err(io)?;
    let build = || -> Result<_, ort::Error> {
        Ok(Session::builder(environment)?
            .with_inter_threads(1)?
            .with_intra_op_spinning(false)?
            .with_profiling(folder.path().join("profile"))?)
    };
    let mut builder = build().map_err(load)?;
    let opened = if weights.external {
        builder.commit_from_file(&weights.path)
    } else {
        builder.commit_from_memory(&weights.bytes)
    };
    let mut session = opened.map_err(load)?;
    let mut profile = Profile::default();
    let mut shapes = Vec::new();
    for port in &graph.inputs {
        let shape = shape(&model.manifest, port);
        profile.window.push(format!("{} {shape:?}", port.name));
        if !matches!(port.element, 1 | 6 | 7 | 9 | 11) {
            profile.notes.push(format!("`{}` takes {}, so the graph was not run", port.name, port.element_name()));
            return Ok(profile);
        }
        shapes.push(shape);
    }
    for _ in 0..2 {
        let mut values: Vec<(&str, SessionInputValue<'static>)> = Vec::new();
        for (port, shape) in graph.inputs.iter().zip(&shapes) {
            values.push((port.name.as_str(), value(port, shape).map_err(run)?));
        }
        session.run(values).map_err(run)?;
    }
    let file = session.end_profiling().map_err(run)?;
    let text = std::fs::read_to_string(&file).map_err(io)?;
    profile.slow = slow(&text);
    Ok(profile)
}

/// One window: what the graph fixes, else the manifest's patch or size, else a usual one.
fn shape(m: &Manifest, port: &GraphPort) -> Vec<usize> {
    let letters: Vec<char> = m.inferer.layout.chars().collect();
    let sample = m.diffusion.as_ref().is_some_and(|d| d.sample_tensor == port.name);
    let image = (m.inputs.iter().any(|i| i.tensor == port.name) || sample) && letters.len() == port.shape.len();
    let multiple = m.preprocess.pad_multiple.max(1);
    let side = |n: usize| {
        let given = m.inferer.patch.map(|p| p[n]).or(m.preprocess.size.map(|s| s[n])).filter(|side| *side > 0);
        given.unwrap_or_else(|| USUAL_SIDE.next_multiple_of(multiple))
    };
    let channels = m.inputs.iter().filter(|i| i.tensor == port.name).count() * (2 * m.inferer.neighbors + 1);
    port.shape
        .iter()
        .enumerate()
        .map(|(axis, dim)| match dim {
            Dim::Fixed(n) => *n,
            Dim::Free(_) if image => match letters[axis] {
                'C' => channels.max(1),
                'X' => side(0),
                'Y' => side(1),
                'Z' => side(2),
                _ => 1,
            },
            Dim::Free(_) => 1,
        })
        .collect()
}

fn value(port: &GraphPort, shape: &[usize]) -> Result<SessionInputValue<'static>, ort::Error> {
    let n = shape.iter().product();
    let shape = shape.to_vec();
    // Not zero: some operators are faster on zeros.
    Ok(match port.element {
        6 => Tensor::from_array((shape, vec![1_i32; n]))?.into(),
        7 => Tensor::from_array((shape, vec![1_i64; n]))?.into(),
        9 => Tensor::from_array((shape, vec![true; n]))?.into(),
        11 => Tensor::from_array((shape, vec![0.5_f64; n]))?.into(),
        _ => Tensor::from_array((shape, vec![0.5_f32; n]))?.into(),
    })
}

/// The slow nodes of ONNX Runtime's trace (Chrome's trace format; durations in microseconds), the slowest first.
fn slow(trace: &str) -> Vec<SlowOperator> {
    let events: Vec<serde_json::Value> = serde_json::from_str(trace).unwrap_or_default();
    let mut fastest: BTreeMap<(String, String), f64> = BTreeMap::new();
    for event in &events {
        let (Some("Node"), Some(name), Some(duration)) =
            (event["cat"].as_str(), event["name"].as_str(), event["dur"].as_f64())
        else {
            continue;
        };
        let Some(node) = name.strip_suffix("_kernel_time") else { continue };
        let operator = event["args"]["op_name"].as_str().unwrap_or("operator");
        let ms = fastest.entry((node.to_owned(), operator.to_owned())).or_insert(f64::INFINITY);
        *ms = ms.min(duration / 1000.0);
    }
    let mut slow: Vec<SlowOperator> = fastest
        .into_iter()
        .filter(|(_, milliseconds)| *milliseconds > SLOW_MS)
        .map(|((node, operator), milliseconds)| SlowOperator { node, operator, milliseconds })
        .collect();
    slow.sort_by(|a, b| b.milliseconds.total_cmp(&a.milliseconds));
    slow
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The form is ONNX Runtime 1.31's own.
    #[test]
    fn the_newest_operator_set_is_found_by_trying() {
        runtime::ensure(&crate::jobs::Control::new()).unwrap();
        let (opset, ir) = newest().unwrap();
        assert!((20..60).contains(&opset) && (9..30).contains(&ir), "{opset} {ir}");
    }

    #[test]
    fn slow_nodes_are_read_from_the_trace_with_their_faster_run() {
        let trace = r#"[
            {"cat": "Session", "name": "model_run", "dur": 900000, "args": {}},
            {"cat": "Node", "name": "/up/Conv_kernel_time", "dur": 301000, "args": {"op_name": "Conv"}},
            {"cat": "Node", "name": "/up/Conv_kernel_time", "dur": 250000, "args": {"op_name": "Conv"}},
            {"cat": "Node", "name": "first_kernel_time", "dur": 800000, "args": {"op_name": "Softmax"}},
            {"cat": "Node", "name": "first_kernel_time", "dur": 90000, "args": {"op_name": "Softmax"}},
            {"cat": "Node", "name": "last_kernel_time", "dur": 410000, "args": {"op_name": "Resize"}}
        ]"#;
        let found = slow(trace);
        let rows: Vec<_> = found.iter().map(|s| (s.node.as_str(), s.operator.as_str(), s.milliseconds)).collect();
        assert_eq!(rows, [("last", "Resize", 410.0), ("/up/Conv", "Conv", 250.0)]);
        assert_eq!(slow("no trace"), []);
    }
}
