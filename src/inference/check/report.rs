//! The whole check of a model folder.

use std::path::PathBuf;

use serde::Serialize;

use super::portability::{self, Elsewhere};
use super::profile::{self, SlowOperator};
use super::reference::{self, ReferenceReport};
use super::surface;
use crate::inference::InferenceError;
use crate::inference::manifest::{Model, Weights};
use crate::inference::onnx_graph::Graph;
use crate::inference::runtime;
use crate::jobs::Control;

/// What a check found.
#[derive(Debug, Clone, Serialize)]
pub struct CheckReport {
    /// The model's name.
    pub model: String,
    /// Its version.
    pub version: String,
    /// Its folder.
    pub folder: PathBuf,
    /// Version of the ONNX Runtime that was used.
    pub onnxruntime: Option<String>,
    /// Each graph of the model.
    pub graphs: Vec<GraphReport>,
    /// Each of the manifest's `[[checks]]`.
    pub references: Vec<ReferenceReport>,
    /// What makes the model unusable or its answers wrong.
    pub problems: Vec<String>,
    /// What a person should know.
    pub warnings: Vec<String>,
    /// Whether there are no problems.
    pub passed: bool,
}

/// What one graph is.
#[derive(Debug, Clone, Serialize)]
pub struct GraphReport {
    /// Its role in the manifest.
    pub role: String,
    /// Its file.
    pub path: PathBuf,
    /// SHA-256, as the manifest says.
    pub sha256: String,
    /// `ir_version`.
    pub ir_version: u64,
    /// Version of the default operator set.
    pub opset: u64,
    /// Whether this ONNX Runtime opens it.
    pub loads: bool,
    /// Tensors in, with their shapes.
    pub inputs: Vec<String>,
    /// Tensors out, with their shapes.
    pub outputs: Vec<String>,
    /// How many nodes.
    pub nodes: usize,
    /// Dropout nodes that draw at each run.
    pub live_dropout: usize,
    /// The window that it was run on: tensor and shape.
    pub window: Vec<String>,
    /// Operators that take longer than a cancel should.
    pub slow_operators: Vec<SlowOperator>,
    /// What other providers cannot run of it.
    pub elsewhere: Vec<Elsewhere>,
}

/// Opens every graph of a model, holds it against the manifest, runs it once with a clock, and runs the manifest's
/// checks.
///
/// # Errors
/// When the weights are not the manifest's, ONNX Runtime is not there, or the person stopped it. What is wrong with the
/// model itself is in the report.
pub fn check(model: &Model, control: &Control) -> Result<CheckReport, InferenceError> {
    let m = &model.manifest;
    let loaded = runtime::loaded()?;
    let mut report = CheckReport {
        model: m.name.clone(),
        version: m.version.clone(),
        folder: model.folder.clone(),
        onnxruntime: loaded.found.version.clone(),
        graphs: Vec::new(),
        references: Vec::new(),
        problems: Vec::new(),
        warnings: Vec::new(),
        passed: false,
    };
    let roles: Vec<&String> = m.files.0.keys().filter(|r| !(r.as_str() == "data" || r.starts_with("data."))).collect();
    control.stage(format!("Opening the graphs of {}", model.title()), roles.len() as u64);
    let mut graphs = Vec::new();
    for role in roles {
        control.checkpoint()?;
        let weights = Weights::read(model, role)?;
        let graph = match Graph::read(&weights.bytes) {
            Ok(graph) => graph,
            Err(e) => {
                report.problems.push(format!("{}: {e}", weights.path.display()));
                continue;
            }
        };
        let mut row = GraphReport {
            role: role.clone(),
            path: weights.path.clone(),
            sha256: weights.sha256.clone(),
            ir_version: graph.ir_version,
            opset: graph.opset,
            loads: false,
            inputs: graph.inputs.iter().map(|p| format!("{} {}", p.name, p.shape_text())).collect(),
            outputs: graph.outputs.iter().map(|p| format!("{} {}", p.name, p.shape_text())).collect(),
            nodes: graph.operators.values().sum(),
            live_dropout: graph.live_dropout,
            window: Vec::new(),
            slow_operators: Vec::new(),
            elsewhere: portability::elsewhere(&graph),
        };
        for other in row.elsewhere.iter().filter(|e| runtime::is_built_in(e.provider)) {
            report.warnings.push(format!("{role} on {}: {}", other.provider, other.says));
        }
        match profile::profile(model, &weights, &graph) {
            Ok(profile) => {
                row.loads = true;
                row.window = profile.window;
                row.slow_operators = profile.slow;
                report.warnings.extend(profile.notes.into_iter().map(|n| format!("{role}: {n}")));
            }
            Err(profile::Failure::Load(reason)) => {
                let version = report.onnxruntime.as_deref().unwrap_or("of unknown version");
                let takes = match profile::newest() {
                    Some((opset, ir)) if opset < graph.opset || ir < graph.ir_version => format!(
                        " This library takes operator sets up to {opset} and IR up to {ir}: install a newer one \
                         (`veritome runtime install`), or export with opset_version={} or lower",
                        opset.min(20)
                    ),
                    _ => String::new(),
                };
                report.problems.push(format!(
                    "{role}: ONNX Runtime {version} does not take the graph (opset {}, IR {}): {reason}.{takes}",
                    graph.opset, graph.ir_version
                ));
            }
            Err(profile::Failure::Run(reason)) => {
                row.loads = true;
                report.problems.push(format!("{role}: the graph loads, but does not run on one window: {reason}"));
            }
        }
        for slow in &row.slow_operators {
            report.warnings.push(format!(
                "{role}: {} ({}) takes {:.0} ms on one window, so a cancel may lag as long; {}",
                slow.node,
                slow.operator,
                slow.milliseconds,
                slow.remedy()
            ));
        }
        report.graphs.push(row);
        graphs.push((role.as_str(), graph));
        control.advance(1);
    }
    let found = surface::compare(m, &graphs);
    report.problems.extend(found.problems);
    report.warnings.extend(found.warnings);
    if m.checks.is_empty() {
        report
            .warnings
            .push("The model ships no [[checks]], so nothing shows that it gives its maker's answers".into());
    }
    if model.card().is_none() {
        report
            .warnings
            .push("The folder has no CARD.md, so nobody learns what the model was made of and where it fails".into());
    }
    // A model that does not fit its graph would fail here with the same words again.
    if report.problems.is_empty() {
        for check in &m.checks {
            let done = reference::run(model, check, control)?;
            if !done.passed {
                report.problems.push(done.sentence());
            }
            report.references.push(done);
        }
    }
    report.passed = report.problems.is_empty();
    Ok(report)
}
