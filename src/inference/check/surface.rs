//! The graphs' tensors against the manifest: names, number types, channels, what they end in, what draws at random.

use crate::inference::manifest::Manifest;
use crate::inference::manifest::schema::{Activation, InfererKind, OutputKind, UncertaintySource};
use crate::inference::onnx_graph::{Graph, GraphPort};

/// What does not fit.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Found {
    pub problems: Vec<String>,
    pub warnings: Vec<String>,
}

/// Holds the graphs, by role, against the manifest. Both sides are named in each problem.
pub(super) fn compare(m: &Manifest, graphs: &[(&str, Graph)]) -> Found {
    let mut found = Found::default();
    inputs(m, graphs, &mut found);
    outputs(m, graphs, &mut found);
    let sources = &m.uncertainty.sources;
    let drawing: usize = graphs.iter().map(|(_, g)| g.live_dropout + g.random_nodes()).sum();
    if sources.contains(&UncertaintySource::Stochastic) && drawing == 0 {
        found.problems.push("uncertainty.sources names `stochastic`, but no node of the graphs draws at random (a Dropout only does when exported in training mode)".into());
    }
    if !sources.contains(&UncertaintySource::Stochastic) && drawing > 0 {
        found.warnings.push(format!("{drawing} nodes draw at random at each run, so two runs differ; list `stochastic` in uncertainty.sources, or export in evaluation mode"));
    }
    found
}

fn names<'a>(ports: impl Iterator<Item = &'a GraphPort>) -> String {
    ports.map(|p| format!("`{}`", p.name)).collect::<Vec<_>>().join(", ")
}

fn inputs(m: &Manifest, graphs: &[(&str, Graph)], found: &mut Found) {
    let letters: Vec<char> = m.inferer.layout.chars().collect();
    let mut tensors: Vec<&str> = Vec::new();
    for spec in &m.inputs {
        if !tensors.contains(&spec.tensor.as_str()) {
            tensors.push(&spec.tensor);
        }
    }
    for tensor in &tensors {
        let ports: Vec<&GraphPort> = graphs.iter().flat_map(|(_, g)| &g.inputs).filter(|p| p.name == *tensor).collect();
        if ports.is_empty() {
            let all = names(graphs.iter().flat_map(|(_, g)| &g.inputs));
            found.problems.push(format!("inputs.tensor is `{tensor}`, but the graph takes {all}"));
        }
        for port in ports {
            input(m, tensor, port, &letters, found);
        }
    }
    let steps: Vec<&str> =
        m.diffusion.iter().flat_map(|d| [d.sample_tensor.as_str(), d.timestep_tensor.as_str()]).collect();
    let all: Vec<&GraphPort> = graphs.iter().flat_map(|(_, g)| &g.inputs).collect();
    for step in steps.iter().filter(|s| !all.iter().any(|p| p.name == **s)) {
        found
            .problems
            .push(format!("[diffusion] names the tensor `{step}`, but the graphs take {}", names(all.iter().copied())));
    }
    // A decoder's input is a latent image, which no [[inputs]] names.
    let networks = graphs.iter().filter(|(role, _)| role.starts_with("network") || role.starts_with("denoiser"));
    for (role, graph) in networks {
        for extra in
            graph.inputs.iter().filter(|p| !tensors.contains(&p.name.as_str()) && !steps.contains(&p.name.as_str()))
        {
            found.problems.push(format!(
                "{role}: the graph takes `{}` {} too, which no [[inputs]] names",
                extra.name,
                extra.shape_text()
            ));
        }
    }
}

fn input(m: &Manifest, tensor: &str, port: &GraphPort, letters: &[char], found: &mut Found) {
    if port.element != 1 {
        found.problems.push(format!("The graph's `{tensor}` takes {}; images are given as f32", port.element_name()));
    }
    if port.shape.is_empty() {
        found.warnings.push(format!("The graph does not say the shape of `{tensor}`"));
        return;
    }
    if port.shape.len() != letters.len() {
        found.problems.push(format!(
            "inferer.layout is {} ({} axes), but the graph's `{tensor}` is {}",
            m.inferer.layout,
            letters.len(),
            port.shape_text()
        ));
        return;
    }
    let own = m.inputs.iter().filter(|i| i.tensor == tensor);
    // The noisy image takes the first channels of a denoiser's tensor, so the highest one counts there.
    let sample = m.diffusion.as_ref().is_some_and(|d| d.sample_tensor == tensor);
    let channels = if sample { own.map(|i| i.channel + 1).max().unwrap_or(0) } else { own.count() }
        * (2 * m.inferer.neighbors + 1);
    if let Some(n) = letters.iter().position(|l| *l == 'C').and_then(|c| port.fixed(c)).filter(|n| *n != channels) {
        found.problems.push(format!(
            "{channels} channels of `{tensor}` are named by [[inputs]], but the graph takes {n}, shape {}",
            port.shape_text()
        ));
    }
    if let Some(n) =
        letters.iter().position(|l| *l == 'N').and_then(|a| port.fixed(a)).filter(|n| *n != m.inferer.batch)
    {
        let text = format!(
            "inferer.batch is {}, but the graph's `{tensor}` takes {n} at a time, which is what is run, shape {}",
            m.inferer.batch,
            port.shape_text()
        );
        found.warnings.push(text);
    }
    for (axis, letter) in letters.iter().enumerate() {
        let (Some(fixed), Some(n)) = (port.fixed(axis), "XYZ".find(*letter)) else { continue };
        let side = m.inferer.patch.map(|p| p[n]).or(m.preprocess.size.map(|s| s[n]));
        match side {
            Some(side) if side != fixed && side != 0 => found.problems.push(format!(
                "Along {letter} the manifest's window is {side}, but the graph's `{tensor}` is {}",
                port.shape_text()
            )),
            None => found.warnings.push(format!(
                "The graph's `{tensor}` is fixed to {fixed} along {letter}, and the manifest gives neither patch nor size"
            )),
            _ => {}
        }
    }
}

fn outputs(m: &Manifest, graphs: &[(&str, Graph)], found: &mut Found) {
    for spec in &m.outputs {
        let owner = graphs.iter().find_map(|(_, g)| Some((g, g.outputs.iter().find(|p| p.name == spec.tensor)?)));
        let Some((graph, port)) = owner else {
            let all = names(graphs.iter().flat_map(|(_, g)| &g.outputs));
            found
                .problems
                .push(format!("outputs.{}.tensor is `{}`, but the graphs give {all}", spec.name, spec.tensor));
            continue;
        };
        let axis = m.inferer.layout.find('C').filter(|_| port.shape.len() == m.inferer.layout.len());
        if let Some(n) = axis.and_then(|c| port.fixed(c)) {
            if let Some(beyond) = spec.channels.iter().flatten().find(|c| **c >= n) {
                found.problems.push(format!(
                    "outputs.{}.channels names channel {beyond}, but the graph's `{}` has {n}",
                    spec.name, port.name
                ));
            }
            let softmax = spec.activation == Activation::Softmax || (n > 1 && spec.activation == Activation::None);
            let classes = matches!(spec.kind, OutputKind::Logits | OutputKind::Probabilities);
            let highest = spec.labels.iter().map(|l| usize::from(l.value)).max().unwrap_or(0);
            if classes
                && softmax
                && m.postprocess.regions.is_empty()
                && highest >= n
                && m.inferer.kind != InfererKind::LatentDiffusion
            {
                found.problems.push(format!(
                    "outputs.{}.labels go up to {highest}, but the graph's `{}` has {n} channels, 0 being background",
                    spec.name, port.name
                ));
            }
            if let Some(r) = m.postprocess.regions.iter().find(|r| r.channel >= n) {
                found.problems.push(format!(
                    "postprocess.regions names channel {}, but the graph's `{}` has {n}",
                    r.channel, port.name
                ));
            }
        }
        let twice = match (graph.maker(&port.name).unwrap_or_default(), spec.activation) {
            (maker @ ("Softmax" | "LogSoftmax"), Activation::Softmax)
            | (maker @ "Sigmoid", Activation::Sigmoid)
            | (maker @ "Tanh", Activation::Tanh) => Some(maker),
            _ => None,
        };
        let ends_in_softmax = graph.maker(&port.name) == Some("Softmax");
        if twice.is_none() && ends_in_softmax && spec.kind == OutputKind::Probabilities {
            found.warnings.push(format!("outputs.{}: the graph ends in Softmax; export the logits before it (kind = \"logits\", activation = \"softmax\"): ONNX Runtime's softmax over channels takes longer than a convolution, and probabilities near 0 and 1 have lost what a temperature needs", spec.name));
        }
        if let Some(maker) = twice {
            found.warnings.push(format!("outputs.{}: the graph ends in {maker} already, and the manifest's activation is applied on top; write kind = \"probabilities\" and activation = \"none\"", spec.name));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"
schema = 1
name = "tiny"
version = "1"
title = "Tiny"
task = "segmentation"
status = "demonstration"
intended_use = "Tests"
license = "MIT"
files.network = { path = "model.onnx", sha256 = "" }
[[inputs]]
name = "image"
tensor = "image"
[inferer]
kind = "whole"
[[outputs]]
name = "result"
tensor = "out"
kind = "logits"
activation = "softmax"
labels = [{ value = 2, name = "B" }]
"#;

    fn found(graph: &str, from: &str, to: &str) -> Found {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/onnx").join(graph);
        let graph = Graph::read(&std::fs::read(path).unwrap()).unwrap();
        assert!(MANIFEST.contains(from), "{from}");
        let manifest: Manifest = toml::from_str(&MANIFEST.replace(from, to)).unwrap();
        compare(&manifest, &[("network", graph)])
    }

    #[test]
    fn both_sides_of_a_mismatch_are_named() {
        assert_eq!(found("three_classes.onnx", "tiny", "tiny"), Found::default());
        for (graph, from, to, says) in [
            ("three_classes.onnx", "tensor = \"image\"", "tensor = \"img\"", ["`img`", "`image`"]),
            ("three_classes.onnx", "tensor = \"out\"", "tensor = \"seg\"", ["`seg`", "`out`"]),
            ("three_classes.onnx", "value = 2", "value = 3", ["up to 3", "3 channels"]),
            (
                "three_classes.onnx",
                "kind = \"whole\"",
                "kind = \"whole\"\nlayout = \"NCXY\"",
                ["NCXY (4 axes)", "[1, 1, x, y, z]"],
            ),
            ("three_classes.onnx", "labels =", "channels = [0, 5]\nlabels =", ["channel 5", "has 3"]),
            (
                "three_classes.onnx",
                "[[outputs]]",
                "[uncertainty]\nsources = [\"stochastic\"]\n[[outputs]]",
                ["stochastic", "no node"],
            ),
            ("two_channels.onnx", "tiny", "tiny", ["1 channels", "takes 2"]),
            ("difference.onnx", "tensor = \"image\"", "tensor = \"first\"", ["`second`", "no [[inputs]]"]),
        ] {
            let problems = found(graph, from, to).problems;
            let fits = |p: &String| says.iter().all(|s| p.contains(s));
            assert!(problems.iter().any(fits), "{graph} {to}: {problems:?}");
        }
    }

    #[test]
    fn a_second_softmax_and_unlisted_dropout_are_warned_of() {
        let warnings = found("dropout.onnx", "value = 2", "value = 1").warnings;
        assert!(warnings.iter().any(|w| w.contains("ends in Softmax already")), "{warnings:?}");
        assert!(warnings.iter().any(|w| w.contains("2 nodes draw at random")), "{warnings:?}");
        let once = "kind = \"probabilities\"\nactivation = \"none\"";
        let warnings = found("dropout.onnx", "kind = \"logits\"\nactivation = \"softmax\"", once).warnings;
        assert!(warnings.iter().any(|w| w.contains("export the logits before it")), "{warnings:?}");
        let batch = found("three_classes.onnx", "kind = \"whole\"", "kind = \"whole\"\nbatch = 4").warnings;
        assert!(batch[0].contains("batch is 4") && batch[0].contains("takes 1 at a time"), "{batch:?}");
        let listed = found("dropout.onnx", "[[outputs]]", "[uncertainty]\nsources = [\"stochastic\"]\n[[outputs]]");
        assert!(!listed.warnings.iter().any(|w| w.contains("draw at random")), "{listed:?}");
    }
}
