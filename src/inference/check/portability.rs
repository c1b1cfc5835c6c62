//! What of a graph other providers than the processor cannot run, by INFERENCE.md section 9: known before one is there.

use serde::Serialize;

use crate::inference::engine::Provider;
use crate::inference::onnx_graph::Graph;

/// What a provider makes of a graph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Elsewhere {
    /// The provider.
    pub provider: Provider,
    /// What it cannot do, and what to do about it.
    pub says: String,
}

/// DirectML 1.15 implements operator sets up to this one.
const DIRECTML_OPSET: u64 = 20;

/// What is known of the graph on each provider; nothing where there is nothing to say.
pub(super) fn elsewhere(graph: &Graph) -> Vec<Elsewhere> {
    let mut found = Vec::new();
    let mut say = |provider: Provider, says: String| found.push(Elsewhere { provider, says });
    let solid = |op: &str| graph.solid.get(op).copied().unwrap_or(0);
    let has = |op: &str| graph.operators.contains_key(op);
    let convolutions = solid("Conv") + solid("ConvTranspose");
    if convolutions > 0 {
        say(Provider::CoreMl, format!("all {convolutions} convolutions in 3D run on the processor"));
    }
    if solid("ConvTranspose") > 0 {
        let n = solid("ConvTranspose");
        say(
            Provider::WebGpu,
            format!("has no ConvTranspose in 3D ({n} here); upsample by a linear Resize and a convolution instead"),
        );
    }
    if graph.solid_grouped > 0 {
        let n = graph.solid_grouped;
        say(Provider::WebGpu, format!("has no convolution in 3D by groups of channels ({n} here)"));
    }
    let flows = graph.inputs.iter().any(|i| i.shape.len() == 5);
    if has("GridSample") && flows {
        say(Provider::OpenVino, "has no GridSample of five axes".into());
    }
    if graph.live_dropout > 0 {
        say(Provider::OpenVino, "has no Dropout in training mode, so no stochastic passes".into());
    }
    if graph.opset > DIRECTML_OPSET {
        let opset = graph.opset;
        say(
            Provider::DirectMl,
            format!("implements operator sets up to {DIRECTML_OPSET}, this graph has {opset}; export it with 17 to 20"),
        );
    }
    let free = graph.inputs.iter().any(|i| (0..i.shape.len()).any(|a| i.fixed(a).is_none()));
    if convolutions > 0 && free {
        say(
            Provider::TensorRt,
            "builds an engine for every new shape (seconds to minutes); this graph's axes are free, a fixed window is \
             built once"
                .into(),
        );
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_provider_cannot_run_is_named_with_the_operator() {
        let read = |name: &str| {
            let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
            elsewhere(&Graph::read(&std::fs::read(path).unwrap()).unwrap())
        };
        let of = |found: &[Elsewhere], p: Provider| {
            found.iter().filter(|e| e.provider == p).map(|e| e.says.clone()).collect::<Vec<_>>()
        };
        let found = read("explain/segment.onnx");
        assert_eq!(of(&found, Provider::CoreMl), ["all 4 convolutions in 3D run on the processor"]);
        assert!(of(&found, Provider::WebGpu)[0].contains("no ConvTranspose in 3D (1 here)"));
        let dropout = read("onnx/dropout.onnx");
        assert!(of(&dropout, Provider::OpenVino)[0].contains("Dropout in training mode"));
        assert!(of(&dropout, Provider::TensorRt)[0].contains("axes are free"));
        assert_eq!(read("inferers/slice.onnx"), []);
    }
}
