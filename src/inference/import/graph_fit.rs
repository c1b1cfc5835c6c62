//! The draft held against the ONNX graph, which has the last word on names, channels and what it ends in.

use super::draft::Draft;
use crate::inference::manifest::schema::{Activation, InfererKind, OutputKind, UncertaintySource};
use crate::inference::onnx_graph::{Graph, GraphPort};

/// Puts the graph's own tensor names in, and lists where the two contradict each other.
pub(super) fn fit(draft: &mut Draft, graph: &Graph) {
    let letters: Vec<char> = draft.manifest.inferer.layout.chars().collect();
    if let Some(input) = choose_input(draft, graph).cloned() {
        for spec in &mut draft.manifest.inputs {
            spec.tensor.clone_from(&input.name);
        }
        fit_input(draft, &input, &letters);
    }
    let Some(output) = choose_output(draft, graph, &letters).cloned() else {
        draft.missing("outputs", "The graph has no outputs");
        return;
    };
    fit_output(draft, graph, &output, &letters);
    if graph.live_dropout > 0 || graph.random_nodes() > 0 {
        draft.manifest.uncertainty.sources.push(UncertaintySource::Stochastic);
        draft.manifest.uncertainty.default_samples = Some(8);
        draft.assumed("uncertainty", format!("The graph draws at random ({} live dropout nodes), so repeated runs differ; that is listed as a source of uncertainty", graph.live_dropout));
    }
}

fn names(ports: &[GraphPort]) -> String {
    let list: Vec<String> = ports.iter().map(|p| format!("`{}` {}", p.name, p.shape_text())).collect();
    list.join(", ")
}

fn choose_input<'a>(draft: &mut Draft, graph: &'a Graph) -> Option<&'a GraphPort> {
    let wanted = draft.manifest.inputs.first().map(|i| i.tensor.clone()).unwrap_or_default();
    let chosen = match graph.inputs.as_slice() {
        [only] => only,
        several => {
            if several.is_empty() {
                draft.missing("inputs", "The graph has no inputs");
                return None;
            }
            draft.missing(
                "inputs",
                format!("The graph takes {}, and the export tells of one image tensor only", names(several)),
            );
            several.iter().find(|p| p.name == wanted).or(several.first())?
        }
    };
    Some(chosen)
}

fn fit_input(draft: &mut Draft, input: &GraphPort, letters: &[char]) {
    if input.element != 1 {
        draft.missing(
            "inputs",
            format!(
                "The graph's `{}` takes {}, not f32; export it in single precision",
                input.name,
                input.element_name()
            ),
        );
    }
    if input.shape.is_empty() {
        return;
    }
    if input.shape.len() != letters.len() {
        draft.missing(
            "inferer",
            format!(
                "The graph's `{}` is {}, which is not the layout {}",
                input.name,
                input.shape_text(),
                draft.manifest.inferer.layout
            ),
        );
        return;
    }
    let channels = draft.manifest.inputs.len();
    if let Some(n) = letters.iter().position(|l| *l == 'C').and_then(|c| input.fixed(c)).filter(|n| *n != channels) {
        draft.missing(
            "inputs",
            format!("The graph's `{}` takes {n} channels, the export tells of {channels}", input.name),
        );
    }
    // Windows at a time are a matter of speed alone.
    if let Some(n) = letters.iter().position(|l| *l == 'N').and_then(|a| input.fixed(a)) {
        draft.manifest.inferer.batch = n.max(1);
    }
    for (axis, letter) in letters.iter().enumerate() {
        let (Some(fixed), Some(n)) = (input.fixed(axis), "XYZ".find(*letter)) else { continue };
        let i = &mut draft.manifest.inferer;
        match (&mut i.patch, i.kind) {
            (Some(patch), _) if patch[n] != fixed => {
                let text = format!(
                    "The graph takes windows of {fixed} along {letter}, the export says {}; the graph's is taken",
                    patch[n]
                );
                patch[n] = fixed;
                draft.assumed("inferer", text);
            }
            (None, InfererKind::Whole) => {
                let size = draft.manifest.preprocess.size.get_or_insert([fixed; 3]);
                size[n] = fixed;
            }
            _ => {}
        }
    }
}

fn choose_output<'a>(draft: &mut Draft, graph: &'a Graph, letters: &[char]) -> Option<&'a GraphPort> {
    let [.., _] = graph.outputs.as_slice() else { return None };
    if let [only] = graph.outputs.as_slice() {
        return Some(only);
    }
    let wanted = draft.manifest.outputs.first().map(|o| o.tensor.clone()).unwrap_or_default();
    let input = graph.inputs.first();
    let channel = letters.iter().position(|l| *l == 'C');
    // Deep supervision leaves smaller heads beside the one that is as large as the input.
    let full = |p: &&GraphPort| {
        input.is_none_or(|i| {
            i.shape.len() == p.shape.len()
                && (0..p.shape.len()).filter(|a| Some(*a) != channel).all(|a| i.shape[a] == p.shape[a])
        }) && channel.and_then(|c| p.fixed(c)).is_none_or(|n| draft.channels_out.is_none_or(|m| n == m))
    };
    let chosen = graph
        .outputs
        .iter()
        .find(|p| p.name == wanted)
        .or_else(|| graph.outputs.iter().find(full))
        .or(graph.outputs.first())?;
    draft.assumed("outputs", format!("The graph gives {}; `{}` was taken", names(&graph.outputs), chosen.name));
    Some(chosen)
}

fn fit_output(draft: &mut Draft, graph: &Graph, output: &GraphPort, letters: &[char]) {
    let channel = letters.iter().position(|l| *l == 'C');
    let given = channel.filter(|_| output.shape.len() == letters.len()).and_then(|c| output.fixed(c));
    if let (Some(given), Some(said)) = (given, draft.channels_out)
        && given != said
    {
        draft.missing(
            "outputs",
            format!("The graph's `{}` gives {given} channels, the export tells of {said}", output.name),
        );
    }
    let mut notes = Vec::new();
    for spec in &mut draft.manifest.outputs {
        spec.tensor.clone_from(&output.name);
        let maker = graph.maker(&output.name).unwrap_or_default();
        match maker {
            "Softmax" | "Sigmoid" if spec.kind == OutputKind::Logits => {
                notes.push(format!("The graph ends in {maker} itself, so its output is probabilities and no activation is added; it keeps temperature scaling from working"));
                spec.kind = OutputKind::Probabilities;
                spec.activation = Activation::None;
            }
            "ArgMax" => {
                notes.push("The graph ends in ArgMax, so only labels come out: no probabilities, no uncertainty between classes".to_owned());
                spec.kind = OutputKind::Labels;
                spec.activation = Activation::None;
            }
            _ => {}
        }
    }
    for note in notes {
        draft.assumed("outputs", note);
    }
}
