//! What a graph claims, held against limits before ONNX Runtime reads it, so that a small file cannot ask for terabytes.
//!
//! Followed are tensors that the file itself holds or claims, and the sizes of tensors that operators make out of
//! constants alone (ConstantOfShape, Expand, Tile, Range, Resize, OneHot, Pad, RandomNormal …, and what is concatenated,
//! added or multiplied of them). A size that depends on the image is known to ONNX Runtime only, which says so when
//! memory is not enough.

use std::collections::BTreeMap;

use super::onnx::{Value, walk};

/// Values of one tensor at most: those of a volume of 1024 voxels a side (4 GiB as 32-bit floats).
pub(crate) const LARGEST_TENSOR: u64 = 1 << 30;

/// Constants of shapes are followed up to so many numbers.
const LONGEST_SHAPE: usize = 64;

/// Graphs within graphs are followed so far; `onnx::facts` refuses deeper ones.
const DEEPEST: usize = 32;

/// Bytes of a further file that the graph claims to need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outside {
    /// The file, as the graph names it.
    pub location: String,
    /// One byte beyond what is read of it.
    pub end: u64,
}

/// Holds the graph against the limits.
///
/// # Errors
/// The sentence names the tensor or node, what it claims and the limit.
pub(crate) fn check(bytes: &[u8]) -> Result<Vec<Outside>, String> {
    let mut limits = Limits::default();
    walk(bytes, |field, value| match (field, value) {
        (7, Value::Bytes(graph)) => limits.graph(graph, 0),
        (25, Value::Bytes(function)) => walk(function, |field, value| match (field, value) {
            (7, Value::Bytes(node)) => limits.node(node, 0),
            _ => Ok(()),
        }),
        _ => Ok(()),
    })?;
    Ok(limits.outside)
}

#[derive(Default)]
struct Limits {
    /// Whole numbers that are constants: shapes, repeats.
    numbers: BTreeMap<String, Vec<i64>>,
    /// How many values tensors have that are made of constants alone.
    counts: BTreeMap<String, u64>,
    outside: Vec<Outside>,
}

/// A tensor's claims.
#[derive(Default)]
struct Claims {
    name: String,
    dims: Vec<i64>,
    kind: u64,
    raw: Option<u64>,
    integers: Vec<i64>,
    external: bool,
    location: String,
    offset: u64,
    length: Option<u64>,
}

impl Claims {
    fn read(tensor: &[u8]) -> Result<Self, String> {
        let mut c = Self::default();
        walk(tensor, |field, value| {
            match (field, value) {
                (1, Value::Number(n)) => c.dims.push(n.cast_signed()),
                (1, Value::Bytes(packed)) => c.dims.extend(packed_numbers(packed)),
                (2, Value::Number(n)) => c.kind = n,
                (5 | 7, Value::Number(n)) => c.integers.push(n.cast_signed()),
                (5 | 7, Value::Bytes(packed)) if packed.len() <= 10 * LONGEST_SHAPE => {
                    c.integers.extend(packed_numbers(packed));
                }
                (8, Value::Bytes(name)) => c.name = String::from_utf8_lossy(name).into_owned(),
                (9, Value::Bytes(raw)) => {
                    c.raw = Some(raw.len() as u64);
                    if c.kind == 7 && raw.len() <= 8 * LONGEST_SHAPE {
                        c.integers = raw.as_chunks::<8>().0.iter().map(|b| i64::from_le_bytes(*b)).collect();
                    }
                }
                (13, Value::Bytes(entry)) => c.entry(entry)?,
                (14, Value::Number(n)) => c.external = n == 1,
                _ => {}
            }
            Ok(())
        })?;
        Ok(c)
    }

    fn entry(&mut self, entry: &[u8]) -> Result<(), String> {
        let (mut key, mut text) = (String::new(), String::new());
        walk(entry, |field, value| {
            match (field, value) {
                (1, Value::Bytes(b)) => key = String::from_utf8_lossy(b).into_owned(),
                (2, Value::Bytes(b)) => text = String::from_utf8_lossy(b).into_owned(),
                _ => {}
            }
            Ok(())
        })?;
        let number =
            || text.parse::<u64>().map_err(|_| format!("its weights claim the {key} `{text}` in a further file"));
        match key.as_str() {
            "location" => self.location = text,
            "offset" => self.offset = number()?,
            "length" => self.length = Some(number()?),
            _ => {}
        }
        Ok(())
    }

    /// Bytes of one value; `None` where they vary or are unknown.
    fn width(&self) -> Option<u64> {
        match self.kind {
            2 | 3 | 9 => Some(1),
            4 | 5 | 10 | 16 => Some(2),
            1 | 6 | 12 => Some(4),
            7 | 11 | 13 | 14 => Some(8),
            15 => Some(16),
            _ => None,
        }
    }
}

fn packed_numbers(mut packed: &[u8]) -> Vec<i64> {
    let mut numbers = Vec::new();
    while !packed.is_empty() && numbers.len() < LONGEST_SHAPE {
        let (mut n, mut shift) = (0_u64, 0);
        loop {
            let Some((byte, rest)) = packed.split_first() else { return numbers };
            packed = rest;
            n |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        numbers.push(n.cast_signed());
    }
    numbers
}

/// How many values a shape has; an error names what is too many.
fn count(shape: &[i64], what: &str) -> Result<u64, String> {
    if let Some(negative) = shape.iter().find(|n| **n < 0) {
        return Err(format!("{what} claims a side of {negative}"));
    }
    // A side of 0 makes nothing of the others.
    if shape.contains(&0) {
        return Ok(0);
    }
    let product = shape.iter().try_fold(1_u64, |p, n| p.checked_mul(n.unsigned_abs()));
    within(product.unwrap_or(u64::MAX), what, shape)
}

fn within(count: u64, what: &str, shape: &[i64]) -> Result<u64, String> {
    if count <= LARGEST_TENSOR {
        return Ok(count);
    }
    let shape = if shape.is_empty() { String::new() } else { format!(", shape {shape:?}") };
    let claimed = if count == u64::MAX { "more than 2^64".to_owned() } else { count.to_string() };
    Err(format!(
        "{what} claims {claimed} values{shape}; more than {LARGEST_TENSOR} (1024 a side in three dimensions) in one tensor \
         are refused"
    ))
}

impl Limits {
    fn graph(&mut self, graph: &[u8], depth: usize) -> Result<(), String> {
        if depth > DEEPEST {
            return Err("graphs are nested too deeply".into());
        }
        // Initializers stand behind the nodes in the file.
        walk(graph, |field, value| match (field, value) {
            (5, Value::Bytes(tensor)) => self.tensor(tensor, None),
            (15, Value::Bytes(sparse)) => sparse_tensor(sparse),
            (11 | 12, Value::Bytes(info)) => port(info),
            _ => Ok(()),
        })?;
        walk(graph, |field, value| match (field, value) {
            (1, Value::Bytes(node)) => self.node(node, depth),
            _ => Ok(()),
        })
    }

    fn tensor(&mut self, tensor: &[u8], named: Option<&str>) -> Result<(), String> {
        let c = Claims::read(tensor)?;
        let name = named.unwrap_or(&c.name).to_owned();
        let what = format!("the tensor `{name}`");
        let values = count(&c.dims, &what)?;
        if let Some(width) = c.width() {
            let needed = values.saturating_mul(width);
            if c.external {
                let read = c.length.unwrap_or(needed).max(needed);
                let end = c.offset.checked_add(read).ok_or_else(|| format!("{what} claims bytes beyond any file"))?;
                self.outside.push(Outside { location: c.location.clone(), end });
            } else if let Some(raw) = c.raw.filter(|raw| *raw != needed) {
                return Err(format!("{what} claims {values} values of {width} bytes, but holds {raw} bytes"));
            }
        }
        if !name.is_empty() && matches!(c.kind, 6 | 7) && c.integers.len() as u64 == values {
            self.numbers.insert(name.clone(), c.integers);
        }
        if !name.is_empty() {
            self.counts.insert(name, values);
        }
        Ok(())
    }

    fn node(&mut self, node: &[u8], depth: usize) -> Result<(), String> {
        let (mut inputs, mut outputs, mut op, mut name) = (Vec::new(), Vec::new(), String::new(), String::new());
        let mut attributes: Vec<&[u8]> = Vec::new();
        walk(node, |field, value| {
            let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
            match (field, value) {
                (1, Value::Bytes(b)) => inputs.push(text(b)),
                (2, Value::Bytes(b)) => outputs.push(text(b)),
                (3, Value::Bytes(b)) => name = text(b),
                (4, Value::Bytes(b)) => op = text(b),
                (5, Value::Bytes(b)) => attributes.push(b),
                _ => {}
            }
            Ok(())
        })?;
        let output = outputs.first().cloned().unwrap_or_default();
        let mut lists: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        for attribute in attributes {
            let (mut key, mut list) = (String::new(), Vec::new());
            walk(attribute, |field, value| {
                match (field, value) {
                    (1, Value::Bytes(b)) => key = String::from_utf8_lossy(b).into_owned(),
                    (3, Value::Number(n)) => list.push(n.cast_signed()),
                    (8, Value::Number(n)) => list.push(n.cast_signed()),
                    (8, Value::Bytes(packed)) => list.extend(packed_numbers(packed)),
                    (5, Value::Bytes(tensor)) => {
                        // A constant is known under the node's output; the value of ConstantOfShape is a number.
                        self.tensor(tensor, (op == "Constant").then_some(output.as_str()).or(Some("")))?;
                    }
                    (10, Value::Bytes(tensor)) => self.tensor(tensor, Some(""))?,
                    (6 | 11, Value::Bytes(body)) => self.graph(body, depth + 1)?,
                    _ => {}
                }
                Ok(())
            })?;
            lists.insert(key, list);
        }
        if op == "Constant" {
            for key in ["value_ints", "value_int"] {
                if let Some(list) = lists.get(key) {
                    self.counts.insert(output.clone(), list.len() as u64);
                    self.numbers.insert(output.clone(), list.clone());
                }
            }
            return Ok(());
        }
        let title =
            if name.is_empty() { format!("the node `{output}` ({op})") } else { format!("the node `{name}` ({op})") };
        if let Some(made) = self.made(&op, &inputs, &lists, &title)? {
            self.counts.insert(output.clone(), made);
        }
        if let Some(known) = self.known(&op, &inputs) {
            self.numbers.insert(output, known);
        }
        Ok(())
    }

    /// How many values a node makes, where constants alone say it.
    fn made(
        &self,
        op: &str,
        inputs: &[String],
        lists: &BTreeMap<String, Vec<i64>>,
        title: &str,
    ) -> Result<Option<u64>, String> {
        let numbers = |n: usize| inputs.get(n).and_then(|i| self.numbers.get(i)).map(Vec::as_slice);
        let size = |n: usize| inputs.get(n).and_then(|i| self.counts.get(i)).copied();
        let known = || inputs.iter().filter_map(|i| self.counts.get(i)).copied();
        let times = |a: u64, b: u64| within(a.saturating_mul(b), title, &[]).map(Some);
        match op {
            "ConstantOfShape" => numbers(0).map(|s| count(s, title)).transpose(),
            "RandomNormal" | "RandomUniform" => lists.get("shape").map(|s| count(s, title)).transpose(),
            "Expand" => {
                // A side of 1 or 0 is the input's own.
                let shape = numbers(1).map(|s| s.iter().map(|n| (*n).max(1)).collect::<Vec<_>>());
                let shaped = shape.map(|s| count(&s, title)).transpose()?;
                Ok(shaped.map(|n| n.max(size(0).unwrap_or(0))))
            }
            "Tile" => match numbers(1) {
                Some(repeats) => times(count(repeats, title)?, size(0).unwrap_or(1)),
                None => Ok(None),
            },
            "Range" => match (numbers(0), numbers(1), numbers(2)) {
                (Some([start]), Some([limit]), Some([delta])) if *delta != 0 => {
                    let n = limit.saturating_sub(*start) / delta;
                    within(n.max(0).unsigned_abs(), title, &[]).map(Some)
                }
                _ => Ok(None),
            },
            "OneHot" => match numbers(1) {
                Some([depth]) => times((*depth).max(0).unsigned_abs(), size(0).unwrap_or(1)),
                _ => Ok(None),
            },
            "Resize" => numbers(3).map(|s| count(s, title)).transpose(),
            "Pad" => match numbers(1).or(lists.get("pads").map(Vec::as_slice)) {
                Some(pads) => {
                    let most = pads.iter().copied().max().unwrap_or(0).max(0).unsigned_abs();
                    within(most, title, pads).map(|n| Some(n.max(size(0).unwrap_or(0))))
                }
                None => Ok(None),
            },
            // Nothing but constants in, so that the sum is the answer's own size.
            "Concat" => within(known().fold(0, u64::saturating_add), title, &[]).map(|n| (n > 0).then_some(n)),
            "Identity" | "Cast" | "Reshape" | "Unsqueeze" | "Squeeze" | "Flatten" | "Transpose" | "Neg" | "Relu"
            | "Sigmoid" | "Exp" | "Dropout" => Ok(size(0)),
            "Add" | "Sub" | "Mul" | "Div" | "Where" | "Pow" | "Max" | "Min" => Ok(known().max()),
            _ => Ok(None),
        }
    }

    /// The numbers of a node that makes shapes of constants.
    fn known(&self, op: &str, inputs: &[String]) -> Option<Vec<i64>> {
        let numbers = |n: usize| inputs.get(n).and_then(|i| self.numbers.get(i));
        let both = |f: fn(i64, i64) -> Option<i64>| {
            let (a, b) = (numbers(0)?, numbers(1)?);
            let n = a.len().max(b.len());
            let at = |v: &Vec<i64>, i: usize| v.get(if v.len() == 1 { 0 } else { i }).copied();
            // What overflows stays large: the shape is refused.
            (0..n).map(|i| Some(f(at(a, i)?, at(b, i)?).unwrap_or(i64::MAX))).collect::<Option<Vec<_>>>()
        };
        let made = match op {
            "Identity" | "Cast" | "Unsqueeze" | "Squeeze" | "Reshape" | "Flatten" => numbers(0)?.clone(),
            "Concat" => inputs.iter().map(|i| self.numbers.get(i).cloned()).collect::<Option<Vec<_>>>()?.concat(),
            "Mul" => both(i64::checked_mul)?,
            "Add" => both(i64::checked_add)?,
            "Sub" => both(i64::checked_sub)?,
            "Pow" => both(|a, b| a.checked_pow(u32::try_from(b).ok()?))?,
            _ => return None,
        };
        (made.len() <= LONGEST_SHAPE).then_some(made)
    }
}

/// A sparse tensor claims the size of the whole.
fn sparse_tensor(sparse: &[u8]) -> Result<(), String> {
    let mut dims = Vec::new();
    walk(sparse, |field, value| {
        match (field, value) {
            (3, Value::Number(n)) => dims.push(n.cast_signed()),
            (3, Value::Bytes(packed)) => dims.extend(packed_numbers(packed)),
            _ => {}
        }
        Ok(())
    })?;
    count(&dims, "a sparse tensor").map(drop)
}

/// A tensor of the graph's surface: its sides are numbers that a tensor can have.
fn port(info: &[u8]) -> Result<(), String> {
    let mut name = String::new();
    let mut dims: Vec<i64> = Vec::new();
    walk(info, |field, value| {
        match (field, value) {
            (1, Value::Bytes(b)) => name = String::from_utf8_lossy(b).into_owned(),
            (2, Value::Bytes(kind)) => walk(kind, |field, value| match (field, value) {
                (1, Value::Bytes(tensor)) => walk(tensor, |field, value| match (field, value) {
                    (2, Value::Bytes(shape)) => walk(shape, |field, value| match (field, value) {
                        (1, Value::Bytes(axis)) => walk(axis, |field, value| {
                            if let (1, Value::Number(n)) = (field, value) {
                                dims.push(n.cast_signed());
                            }
                            Ok(())
                        }),
                        _ => Ok(()),
                    }),
                    _ => Ok(()),
                }),
                _ => Ok(()),
            })?,
            _ => {}
        }
        Ok(())
    })?;
    // Some exporters write -1 for a free side.
    let fixed: Vec<i64> = dims.into_iter().filter(|n| *n != -1).collect();
    count(&fixed, &format!("the graph's `{name}`")).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str) -> Result<Vec<Outside>, String> {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/onnx").join(name);
        check(&std::fs::read(path).unwrap())
    }

    /// The graphs are those of `tests/data/onnx/make_malicious.py`.
    #[test]
    fn each_absurd_claim_is_named_with_its_limit() {
        for (name, says) in [
            ("claims_terabytes", "the tensor `w` claims 1099511627776 values, shape [1048576, 1048576]"),
            ("claims_beyond_64_bits", "the tensor `w` claims more than 2^64 values"),
            ("claims_a_negative_side", "the tensor `w` claims a side of -4"),
            ("claims_more_than_it_holds", "the tensor `w` claims 1000 values of 4 bytes, but holds 4 bytes"),
            ("constant_of_shape", "`bomb` (ConstantOfShape) claims 1099511627776 values"),
            ("shape_by_arithmetic", "(ConstantOfShape) claims 68719476736 values"),
            ("expand", "`bomb` (Expand) claims"),
            ("tile", "`bomb` (Tile) claims"),
            ("doubled_by_concat", "(Concat) claims"),
            ("inside_a_branch", "`bomb` (ConstantOfShape) claims"),
            ("range", "`bomb` (Range) claims"),
            ("port", "the graph's `image` claims"),
        ] {
            let e = read(&format!("malicious/{name}.onnx")).unwrap_err();
            assert!(e.contains(says), "{name}: {e}");
        }
        let outside = read("malicious/outside_too_long.onnx").unwrap();
        assert_eq!(outside, [Outside { location: "weights.bin".into(), end: 4_000_000_100 }]);
    }

    #[test]
    fn honest_graphs_pass() {
        for name in ["layers", "segment", "dropout", "three_classes", "difference", "slow", "argmax", "identity"] {
            assert_eq!(read(&format!("{name}.onnx")).unwrap(), [], "{name}");
        }
        for name in ["segment", "decoder", "encoder", "large"] {
            assert_eq!(read(&format!("../explain/{name}.onnx")).unwrap(), [], "{name}");
        }
        for name in ["nnunet_2d", "nnunet_3d"] {
            assert_eq!(read(&format!("../import/{name}/model.onnx")).unwrap(), [], "{name}");
        }
    }
}
