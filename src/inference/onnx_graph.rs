//! The shape of an ONNX graph: what goes in and out, which operators it has, which of them draw at random. Read without
//! ONNX Runtime, so that a model can be imported and explained on a machine that has none.

use std::collections::{BTreeMap, BTreeSet};

use super::onnx::{Value, facts, walk};
use super::onnx_limits;

/// A graph, as far as its surroundings need it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Graph {
    /// `ir_version`.
    pub ir_version: u64,
    /// Version of the default operator set.
    pub opset: u64,
    /// What a caller has to give: inputs that have no initial value.
    pub inputs: Vec<GraphPort>,
    /// What comes out.
    pub outputs: Vec<GraphPort>,
    /// How often each operator occurs, subgraphs and functions with it.
    pub operators: BTreeMap<String, usize>,
    /// Dropout nodes that draw new masks at each run (training mode).
    pub live_dropout: usize,
    /// Locations of weights outside the file.
    pub external: Vec<String>,
    /// Convolutions and the like over three axes of space, by operator.
    pub solid: BTreeMap<String, usize>,
    /// Those of them that work on groups of channels.
    pub solid_grouped: usize,
    /// Output tensor to the operator that gives it, seen through those that change no value.
    makers: BTreeMap<String, String>,
}

/// A tensor of a graph's surface.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct GraphPort {
    /// Its name.
    pub name: String,
    /// Number type, `onnx.TensorProto.DataType`; 1 is `f32`; 0 where unknown.
    pub element: u64,
    /// Its axes; empty where the graph does not say.
    pub shape: Vec<Dim>,
}

/// One axis of a [`GraphPort`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Dim {
    /// Always so long.
    Fixed(usize),
    /// Free, with its name in the graph if it has one.
    Free(String),
}

impl GraphPort {
    /// `[1, 1, any, any, any]`.
    pub fn shape_text(&self) -> String {
        let axes: Vec<String> = self
            .shape
            .iter()
            .map(|d| match d {
                Dim::Fixed(n) => n.to_string(),
                Dim::Free(name) if name.is_empty() => "any".to_owned(),
                Dim::Free(name) => name.clone(),
            })
            .collect();
        format!("[{}]", axes.join(", "))
    }

    /// The length of an axis, where the graph fixes it.
    pub fn fixed(&self, axis: usize) -> Option<usize> {
        match self.shape.get(axis)? {
            Dim::Fixed(n) => Some(*n),
            Dim::Free(_) => None,
        }
    }

    /// The number type in words.
    pub fn element_name(&self) -> &'static str {
        match self.element {
            1 => "f32",
            2 => "u8",
            3 => "i8",
            4 => "u16",
            5 => "i16",
            6 => "i32",
            7 => "i64",
            9 => "bool",
            10 => "f16",
            11 => "f64",
            16 => "bf16",
            _ => "another type",
        }
    }
}

/// Operators that change no number, so that the one before them is what gave it.
const TRANSPARENT: [&str; 7] = ["Identity", "Cast", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten"];

/// Operators that draw random numbers by themselves.
const RANDOM: [&str; 6] =
    ["RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli", "Multinomial"];

/// Dropout got its switch for training with this operator set.
const DROPOUT_SWITCH: u64 = 12;

impl Graph {
    /// Reads a graph.
    ///
    /// # Errors
    /// When the bytes are no ONNX model.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let facts = facts(bytes)?;
        onnx_limits::check(bytes)?;
        let mut graph =
            Self { ir_version: facts.ir_version, opset: facts.opset, external: facts.external, ..Self::default() };
        let mut reader = Reader::default();
        walk(bytes, |field, value| match (field, value) {
            (7, Value::Bytes(body)) => reader.graph(body, Some(&mut graph)),
            (25, Value::Bytes(function)) => walk(function, |field, value| match (field, value) {
                (7, Value::Bytes(node)) => reader.node(node, 0),
                _ => Ok(()),
            }),
            _ => Ok(()),
        })?;
        graph.inputs.retain(|i| !reader.initializers.contains(&i.name));
        graph.live_dropout = if graph.opset < DROPOUT_SWITCH {
            0
        } else {
            reader.switches.iter().filter(|s| reader.on.contains(*s)).count()
        };
        for (op, weight, grouped, rank) in &reader.convolutions {
            // Kernel over three axes: its shape says so, or else its weights have five.
            if rank.or_else(|| reader.ranks.get(weight).map(|r| r.saturating_sub(2))) == Some(3) {
                *graph.solid.entry(op.clone()).or_default() += 1;
                graph.solid_grouped += usize::from(*grouped);
            }
        }
        graph.operators = reader.operators;
        graph.makers = reader.makers;
        Ok(graph)
    }

    /// The operator whose numbers an output holds: `Conv`, `Softmax` …
    pub fn maker(&self, output: &str) -> Option<&str> {
        self.makers.get(output).map(String::as_str)
    }

    /// How many nodes draw random numbers by themselves.
    pub fn random_nodes(&self) -> usize {
        RANDOM.iter().filter_map(|op| self.operators.get(*op)).sum()
    }
}

#[derive(Default)]
struct Reader {
    initializers: BTreeSet<String>,
    operators: BTreeMap<String, usize>,
    makers: BTreeMap<String, String>,
    /// Axes of each initializer.
    ranks: BTreeMap<String, usize>,
    /// Operator, weights, whether by groups, axes of the kernel where the node says.
    convolutions: Vec<(String, String, bool, Option<usize>)>,
    /// Third inputs of Dropout nodes.
    switches: Vec<String>,
    /// Boolean constants that are true.
    on: BTreeSet<String>,
    depth: usize,
}

impl Reader {
    fn graph(&mut self, body: &[u8], mut surface: Option<&mut Graph>) -> Result<(), String> {
        walk(body, |field, value| {
            match (field, value) {
                (1, Value::Bytes(node)) => self.node(node, 0)?,
                (5, Value::Bytes(tensor)) => {
                    let (name, on, rank) = tensor_facts(tensor)?;
                    if on {
                        self.on.insert(name.clone());
                    }
                    self.ranks.insert(name.clone(), rank);
                    self.initializers.insert(name);
                }
                (11, Value::Bytes(info)) => {
                    if let Some(graph) = surface.as_deref_mut() {
                        graph.inputs.push(port(info)?);
                    }
                }
                (12, Value::Bytes(info)) => {
                    if let Some(graph) = surface.as_deref_mut() {
                        graph.outputs.push(port(info)?);
                    }
                }
                _ => {}
            }
            Ok(())
        })
    }

    fn node(&mut self, node: &[u8], depth: usize) -> Result<(), String> {
        let (mut inputs, mut outputs, mut op) = (Vec::new(), Vec::new(), String::new());
        let mut constant_on = false;
        let (mut grouped, mut kernel) = (false, None);
        walk(node, |field, value| {
            match (field, value) {
                (1, Value::Bytes(name)) => inputs.push(text(name)),
                (2, Value::Bytes(name)) => outputs.push(text(name)),
                (4, Value::Bytes(name)) => op = text(name),
                (5, Value::Bytes(attribute)) => {
                    let (key, whole, count) = attribute_facts(attribute)?;
                    grouped |= key == "group" && whole > 1;
                    kernel = if key == "kernel_shape" && count > 0 { Some(count) } else { kernel };
                    walk(attribute, |field, value| {
                        match (field, value) {
                            (5, Value::Bytes(tensor)) => constant_on |= tensor_facts(tensor)?.1,
                            (6 | 11, Value::Bytes(body)) if depth == 0 => self.subgraph(body)?,
                            _ => {}
                        }
                        Ok(())
                    })?;
                }
                _ => {}
            }
            Ok(())
        })?;
        *self.operators.entry(op.clone()).or_default() += 1;
        match op.as_str() {
            "Dropout" => self.switches.extend(inputs.get(2).filter(|s| !s.is_empty()).cloned()),
            "Constant" if constant_on => self.on.extend(outputs.first().cloned()),
            "Conv" | "ConvTranspose" | "MaxPool" | "AveragePool" | "LpPool" => {
                let weights = inputs.get(1).cloned().unwrap_or_default();
                self.convolutions.push((op.clone(), weights, grouped, kernel));
            }
            _ => {}
        }
        let through =
            TRANSPARENT.contains(&op.as_str()).then(|| inputs.first().and_then(|i| self.makers.get(i))).flatten();
        let maker = through.cloned().unwrap_or(op);
        self.makers.extend(outputs.into_iter().map(|o| (o, maker.clone())));
        Ok(())
    }

    fn subgraph(&mut self, body: &[u8]) -> Result<(), String> {
        // `facts` has refused deeper ones already; this keeps the stack safe on its own.
        if self.depth > 32 {
            return Err("graphs are nested too deeply".into());
        }
        self.depth += 1;
        let done = self.graph(body, None);
        self.depth -= 1;
        done
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// An attribute's name, its whole number, and how many whole numbers its list has.
fn attribute_facts(attribute: &[u8]) -> Result<(String, u64, usize), String> {
    let (mut name, mut whole, mut count) = (String::new(), 0, 0);
    walk(attribute, |field, value| {
        match (field, value) {
            (1, Value::Bytes(b)) => name = text(b),
            (3, Value::Number(n)) => whole = n,
            (8, Value::Number(_)) => count += 1,
            (8, Value::Bytes(packed)) => count += packed.iter().filter(|b| **b & 0x80 == 0).count(),
            _ => {}
        }
        Ok(())
    })?;
    Ok((name, whole, count))
}

/// A tensor's name, whether it is a boolean that is true, and how many axes it has.
fn tensor_facts(tensor: &[u8]) -> Result<(String, bool, usize), String> {
    let (mut name, mut kind, mut set, mut rank) = (String::new(), 0, false, 0);
    walk(tensor, |field, value| {
        match (field, value) {
            (1, Value::Number(_)) => rank += 1,
            (1, Value::Bytes(dims)) => rank += dims.iter().filter(|b| **b & 0x80 == 0).count(),
            (2, Value::Number(n)) => kind = n,
            (8, Value::Bytes(b)) => name = text(b),
            (5, Value::Number(n)) => set |= n != 0,
            // Numbers packed into one field, or raw bytes.
            (5 | 9, Value::Bytes(b)) => set |= b.len() <= 16 && b.iter().any(|x| *x != 0),
            _ => {}
        }
        Ok(())
    })?;
    Ok((name, kind == 9 && set, rank))
}

fn port(info: &[u8]) -> Result<GraphPort, String> {
    let mut port = GraphPort::default();
    walk(info, |field, value| {
        match (field, value) {
            (1, Value::Bytes(name)) => port.name = text(name),
            (2, Value::Bytes(kind)) => walk(kind, |field, value| match (field, value) {
                (1, Value::Bytes(tensor)) => walk(tensor, |field, value| {
                    match (field, value) {
                        (1, Value::Number(n)) => port.element = n,
                        (2, Value::Bytes(shape)) => walk(shape, |field, value| {
                            if let (1, Value::Bytes(axis)) = (field, value) {
                                port.shape.push(dimension(axis)?);
                            }
                            Ok(())
                        })?,
                        _ => {}
                    }
                    Ok(())
                }),
                _ => Ok(()),
            })?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(port)
}

fn dimension(axis: &[u8]) -> Result<Dim, String> {
    let mut dim = Dim::Free(String::new());
    walk(axis, |field, value| {
        match (field, value) {
            (1, Value::Number(n)) => {
                // A size of -1 is how some exporters say that it is free.
                dim = usize::try_from(n).ok().filter(|n| *n < 1 << 40).map_or(Dim::Free(String::new()), Dim::Fixed);
            }
            (2, Value::Bytes(name)) => dim = Dim::Free(text(name)),
            _ => {}
        }
        Ok(())
    })?;
    Ok(dim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str) -> Graph {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/onnx").join(name);
        Graph::read(&std::fs::read(path).unwrap()).unwrap()
    }

    /// Expected: `make_tiny.py`, which wrote the graphs.
    #[test]
    fn surfaces_and_operators_are_read() {
        let g = read("three_classes.onnx");
        assert_eq!((g.ir_version, g.opset), (8, 17));
        let shapes: Vec<String> = g.inputs.iter().chain(&g.outputs).map(GraphPort::shape_text).collect();
        assert_eq!(shapes, ["[1, 1, x, y, z]", "[1, 3, x, y, z]"]);
        assert_eq!((g.inputs[0].name.as_str(), g.inputs[0].element_name()), ("image", "f32"));
        assert_eq!(g.outputs[0].fixed(1), Some(3));
        assert_eq!(g.operators, BTreeMap::from([("Conv".to_owned(), 1)]));
        assert_eq!(g.maker("out"), Some("Conv"));
        let g = read("argmax.onnx");
        assert_eq!((g.outputs[0].element_name(), g.outputs[0].shape_text()), ("i64", "[1, x, y, z]".to_owned()));
        assert_eq!(read("two_channels.onnx").inputs[0].fixed(1), Some(2));
        let g = read("../explain/segment.onnx");
        let solid = [("Conv", 3), ("ConvTranspose", 1), ("MaxPool", 1)].map(|(op, n)| (op.to_owned(), n));
        assert_eq!((g.solid, g.solid_grouped), (BTreeMap::from(solid), 0));
        assert!(read("../inferers/slice.onnx").solid.is_empty());
    }

    #[test]
    fn dropout_counts_only_where_it_is_switched_on() {
        let g = read("dropout.onnx");
        assert_eq!((g.operators["Dropout"], g.live_dropout), (3, 2));
        assert_eq!(g.maker("out"), Some("Softmax"));
        assert_eq!(read("identity.onnx").live_dropout, 0);
    }
}
