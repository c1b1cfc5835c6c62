//! Small edits of an ONNX file's bytes, for explanations: one more output, and layers of noise. The file itself stays
//! as it is.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, StandardNormal};

use super::onnx::{Value, walk};

/// The graph with one more output, a tensor that a node computes.
///
/// One more `graph` field that holds only the output is appended: protobuf merges messages that are given twice
/// (ModelProto.graph = 7, GraphProto.output = 12, ValueInfoProto.name = 1). Type and shape are left to ONNX Runtime.
pub(crate) fn with_output(bytes: &[u8], tensor: &str) -> Vec<u8> {
    let info = field(1, tensor.as_bytes());
    let mut out = bytes.to_vec();
    out.extend(field(7, &field(12, &info)));
    out
}

/// A length-delimited field; the numbers used here are below 16 and fit one byte.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    let mut length = content.len();
    while length >= 0x80 {
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(content);
    out
}

/// A node of the main graph, as far as it is needed.
#[derive(Debug, Default, PartialEq, Eq)]
struct Node {
    inputs: Vec<String>,
    outputs: Vec<String>,
}

/// Numbers of a tensor and where they stand in the file.
struct Initializer {
    name: String,
    rank: usize,
    /// Offsets of runs of little-endian floats, in bytes, and their lengths.
    floats: Vec<(usize, usize)>,
}

/// The names of all tensors that the main graph's nodes compute, in the graph's order.
///
/// # Errors
/// When the bytes are no ONNX model.
pub(crate) fn node_outputs(bytes: &[u8]) -> Result<Vec<String>, String> {
    Ok(read(bytes)?.0.into_iter().flat_map(|n| n.outputs).filter(|name| !name.is_empty()).collect())
}

/// The names of the graph's own outputs.
///
/// # Errors
/// When the bytes are no ONNX model.
pub(crate) fn outputs(bytes: &[u8]) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    walk(bytes, |number, value| match (number, value) {
        (7, Value::Bytes(graph)) => walk(graph, |number, value| match (number, value) {
            (12, Value::Bytes(info)) => walk(info, |number, value| {
                if let (1, Value::Bytes(name)) = (number, value) {
                    names.push(String::from_utf8_lossy(name).into_owned());
                }
                Ok(())
            }),
            _ => Ok(()),
        }),
        _ => Ok(()),
    })?;
    Ok(names)
}

/// Weight tensors (two axes or more, 32-bit floats kept in the file) by layer, from the output inwards.
///
/// # Errors
/// When the bytes are no ONNX model.
pub(crate) fn layers(bytes: &[u8]) -> Result<Vec<Vec<String>>, String> {
    let (nodes, initializers) = read(bytes)?;
    let mut seen = Vec::new();
    let mut layers = Vec::new();
    for node in nodes.iter().rev() {
        let own: Vec<String> = initializers
            .iter()
            .filter(|i| i.rank >= 2 && !i.floats.is_empty() && node.inputs.contains(&i.name) && !seen.contains(&i.name))
            .map(|i| i.name.clone())
            .collect();
        if !own.is_empty() {
            seen.extend(own.iter().cloned());
            layers.push(own);
        }
    }
    Ok(layers)
}

/// The graph with the weights of the last `count` layers replaced by normal noise of their own standard deviation.
///
/// Vectors (biases, the numbers of a normalisation) stay: noise would make variances negative, and without the weights
/// they know nothing of the image.
///
/// # Errors
/// When the bytes are no ONNX model.
pub(crate) fn randomized(bytes: &[u8], count: usize, seed: u64) -> Result<Vec<u8>, String> {
    let chosen: Vec<String> = layers(bytes)?.into_iter().take(count).flatten().collect();
    let (_, initializers) = read(bytes)?;
    let mut out = bytes.to_vec();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    for initializer in initializers.iter().filter(|i| chosen.contains(&i.name)) {
        let (mut n, mut mean, mut m2) = (0.0, 0.0, 0.0);
        for (at, length) in &initializer.floats {
            for four in bytes.get(*at..*at + *length).unwrap_or_default().as_chunks::<4>().0 {
                let x = f64::from(f32::from_le_bytes(*four));
                n += 1.0;
                let d = x - mean;
                mean += d / n;
                m2 += d * (x - mean);
            }
        }
        let std = if n > 0.0 { (m2 / n).sqrt() } else { 0.0 };
        for (at, length) in &initializer.floats {
            for four in out.get_mut(*at..*at + *length).unwrap_or_default().as_chunks_mut::<4>().0 {
                let z: f64 = StandardNormal.sample(&mut rng);
                *four = ((z * std) as f32).to_le_bytes();
            }
        }
    }
    Ok(out)
}

fn read(bytes: &[u8]) -> Result<(Vec<Node>, Vec<Initializer>), String> {
    let (mut nodes, mut initializers) = (Vec::new(), Vec::new());
    walk(bytes, |number, value| match (number, value) {
        (7, Value::Bytes(graph)) => walk(graph, |number, value| {
            match (number, value) {
                (1, Value::Bytes(node)) => nodes.push(read_node(node)?),
                (5, Value::Bytes(tensor)) => initializers.extend(read_initializer(bytes, tensor)?),
                _ => {}
            }
            Ok(())
        }),
        _ => Ok(()),
    })?;
    Ok((nodes, initializers))
}

fn read_node(bytes: &[u8]) -> Result<Node, String> {
    let mut node = Node::default();
    walk(bytes, |number, value| {
        match (number, value) {
            (1, Value::Bytes(name)) => node.inputs.push(String::from_utf8_lossy(name).into_owned()),
            (2, Value::Bytes(name)) => node.outputs.push(String::from_utf8_lossy(name).into_owned()),
            _ => {}
        }
        Ok(())
    })?;
    Ok(node)
}

/// TensorProto: dims = 1, data_type = 2 (1: float), float_data = 4, name = 8, raw_data = 9.
fn read_initializer(file: &[u8], bytes: &[u8]) -> Result<Option<Initializer>, String> {
    let offset = |part: &[u8]| (part.as_ptr().addr().wrapping_sub(file.as_ptr().addr()), part.len());
    let mut found = Initializer { name: String::new(), rank: 0, floats: Vec::new() };
    let mut is_float = false;
    walk(bytes, |number, value| {
        match (number, value) {
            (1, Value::Number(_)) => found.rank += 1,
            // Packed dims: as many as bytes without the continuation bit.
            (1, Value::Bytes(dims)) => found.rank += dims.iter().filter(|b| **b & 0x80 == 0).count(),
            (2, Value::Number(kind)) => is_float = kind == 1,
            (4 | 9, Value::Bytes(numbers)) if numbers.len().is_multiple_of(4) => found.floats.push(offset(numbers)),
            (8, Value::Bytes(name)) => found.name = String::from_utf8_lossy(name).into_owned(),
            _ => {}
        }
        Ok(())
    })?;
    Ok(is_float.then_some(found))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inference::onnx;

    const TINY: &[u8] = include_bytes!("../../tests/data/onnx/layers.onnx");

    #[test]
    fn tensors_and_layers_are_listed_from_the_graph() {
        assert_eq!(node_outputs(TINY).unwrap(), ["features", "active", "pooled", "flat", "out"]);
        assert_eq!(layers(TINY).unwrap(), [vec!["head".to_owned()], vec!["kernel".to_owned()]]);
        assert!(node_outputs(b"no model").is_err());
    }

    #[test]
    fn another_output_is_appended_and_the_rest_stays() {
        let edited = with_output(TINY, "active");
        assert_eq!(&edited[..TINY.len()], TINY);
        assert_eq!(outputs(&edited).unwrap(), ["out", "active"]);
        assert_eq!(&edited[TINY.len()..], b"\x3a\x0a\x62\x08\x0a\x06active");
        assert_eq!(onnx::facts(&edited).unwrap().opset, 17);
        let long = "x".repeat(300);
        let edited = with_output(TINY, &long);
        assert!(onnx::facts(&edited).is_ok());
    }

    /// The weights of the test graph are written by `tests/data/onnx/make_layers.py`.
    #[test]
    fn noise_has_the_weights_spread_and_spares_the_vectors() {
        let numbers = |bytes: &[u8], name: &str| -> Vec<f32> {
            let (_, initializers) = read(bytes).unwrap();
            let found = initializers.into_iter().find(|i| i.name == name).unwrap();
            let (at, length) = found.floats[0];
            bytes[at..at + length].as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
        };
        let std = |v: &[f32]| {
            let mean = v.iter().sum::<f32>() / v.len() as f32;
            (v.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / v.len() as f32).sqrt()
        };
        let one = randomized(TINY, 1, 5).unwrap();
        assert_eq!(one.len(), TINY.len());
        assert_eq!(numbers(&one, "kernel"), numbers(TINY, "kernel"));
        assert_ne!(numbers(&one, "head"), numbers(TINY, "head"));
        let all = randomized(TINY, 9, 5).unwrap();
        let (before, after) = (numbers(TINY, "kernel"), numbers(&all, "kernel"));
        assert!((std(&after) / std(&before) - 1.0).abs() < 0.3, "{} {}", std(&before), std(&after));
        assert_eq!(numbers(&all, "bias"), numbers(TINY, "bias"));
        assert_eq!(all, randomized(TINY, 9, 5).unwrap());
        assert_ne!(all, randomized(TINY, 9, 6).unwrap());
    }
}
