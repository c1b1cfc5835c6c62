//! A light walk over an ONNX file: what it needs and what it points to, before ONNX Runtime reads it.
//!
//! Only the protobuf fields that matter are looked at (onnx.proto3: ModelProto, GraphProto, NodeProto, TensorProto).

/// What a graph says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// `ir_version`.
    pub ir_version: u64,
    /// Version of the default operator set.
    pub opset: u64,
    /// Locations of weights outside the file, each once.
    pub external: Vec<String>,
}

/// Graphs within graphs (If, Loop) are followed so far.
const DEEPEST: usize = 32;

/// Reads the facts of a model.
///
/// # Errors
/// When the bytes are no ONNX model.
pub(crate) fn facts(bytes: &[u8]) -> Result<Facts, String> {
    let mut facts = Facts::default();
    let mut graphs = 0;
    walk(bytes, |field, value| match (field, value) {
        (1, Value::Number(n)) => {
            facts.ir_version = n;
            Ok(())
        }
        (8, Value::Bytes(opset)) => {
            let (mut domain, mut version) = (Vec::new(), 0);
            walk(opset, |field, value| {
                match (field, value) {
                    (1, Value::Bytes(b)) => domain = b.to_vec(),
                    (2, Value::Number(n)) => version = n,
                    _ => {}
                }
                Ok(())
            })?;
            if domain.is_empty() || domain == b"ai.onnx" {
                facts.opset = version;
            }
            Ok(())
        }
        (7, Value::Bytes(graph)) => {
            graphs += 1;
            walk_graph(graph, &mut facts.external, 0)
        }
        // Functions hold nodes as graphs do, under another number.
        (25, Value::Bytes(function)) => walk(function, |field, value| match (field, value) {
            (7, Value::Bytes(node)) => walk_node(node, &mut facts.external, 0),
            _ => Ok(()),
        }),
        _ => Ok(()),
    })
    .map_err(|e| format!("is no ONNX model ({e})"))?;
    if graphs == 0 || facts.ir_version == 0 {
        return Err("is no ONNX model (it holds no graph)".into());
    }
    facts.external.sort();
    facts.external.dedup();
    Ok(facts)
}

fn walk_graph(graph: &[u8], external: &mut Vec<String>, depth: usize) -> Result<(), String> {
    if depth > DEEPEST {
        return Err("graphs are nested too deeply".into());
    }
    walk(graph, |field, value| match (field, value) {
        (1, Value::Bytes(node)) => walk_node(node, external, depth),
        (5, Value::Bytes(tensor)) => walk_tensor(tensor, external),
        (15, Value::Bytes(sparse)) => walk_sparse(sparse, external),
        _ => Ok(()),
    })
}

fn walk_node(node: &[u8], external: &mut Vec<String>, depth: usize) -> Result<(), String> {
    walk(node, |field, value| match (field, value) {
        (5, Value::Bytes(attribute)) => walk(attribute, |field, value| match (field, value) {
            (5 | 10, Value::Bytes(tensor)) => walk_tensor(tensor, external),
            (6 | 11, Value::Bytes(graph)) => walk_graph(graph, external, depth + 1),
            (22 | 23, Value::Bytes(sparse)) => walk_sparse(sparse, external),
            _ => Ok(()),
        }),
        _ => Ok(()),
    })
}

fn walk_sparse(sparse: &[u8], external: &mut Vec<String>) -> Result<(), String> {
    walk(sparse, |field, value| match (field, value) {
        (1 | 2, Value::Bytes(tensor)) => walk_tensor(tensor, external),
        _ => Ok(()),
    })
}

fn walk_tensor(tensor: &[u8], external: &mut Vec<String>) -> Result<(), String> {
    walk(tensor, |field, value| match (field, value) {
        (13, Value::Bytes(entry)) => {
            let (mut key, mut text) = (Vec::new(), Vec::new());
            walk(entry, |field, value| {
                match (field, value) {
                    (1, Value::Bytes(b)) => key = b.to_vec(),
                    (2, Value::Bytes(b)) => text = b.to_vec(),
                    _ => {}
                }
                Ok(())
            })?;
            if key == b"location" {
                external.push(String::from_utf8_lossy(&text).into_owned());
            }
            Ok(())
        }
        _ => Ok(()),
    })
}

pub(super) enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// Calls `visit` with each field of a protobuf message.
pub(super) fn walk<'a>(
    mut data: &'a [u8],
    mut visit: impl FnMut(u64, Value<'a>) -> Result<(), String>,
) -> Result<(), String> {
    let short = || "it ends too early".to_owned();
    while !data.is_empty() {
        let key = varint(&mut data).ok_or_else(short)?;
        let value = match key & 7 {
            0 => Value::Number(varint(&mut data).ok_or_else(short)?),
            wire @ (1 | 5) => {
                let (skipped, rest) = data.split_at_checked(if wire == 1 { 8 } else { 4 }).ok_or_else(short)?;
                data = rest;
                Value::Bytes(skipped)
            }
            2 => {
                let length = varint(&mut data).and_then(|n| usize::try_from(n).ok()).ok_or_else(short)?;
                let (bytes, rest) = data.split_at_checked(length).ok_or_else(short)?;
                data = rest;
                Value::Bytes(bytes)
            }
            other => return Err(format!("unknown wire type {other}")),
        };
        visit(key >> 3, value)?;
    }
    Ok(())
}

fn varint(data: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = data.split_first()?;
        *data = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_outside_weights_are_seen() {
        let graph = include_bytes!("../../tests/data/onnx/outside.onnx");
        let facts = facts(graph).unwrap();
        assert_eq!(facts, Facts { ir_version: 8, opset: 17, external: vec!["../../secret.bin".into()] });
    }

    #[test]
    fn garbage_is_refused() {
        for bad in [&b""[..], b"PK\x03\x04 not a model", &[0xff; 40], b"{\"json\": 1}"] {
            assert!(facts(bad).unwrap_err().contains("no ONNX model"));
        }
    }
}
