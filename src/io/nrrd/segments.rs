//! The label table of a `.seg.nrrd`, as 3D Slicer writes it into key/value pairs.

use super::header::Header;
use crate::volume::Label;
use crate::volume::labelmap::distinct_color;

/// The rows, in the order of the segments; empty for a file that is no segmentation.
#[must_use]
pub fn table(header: &Header) -> Vec<Label> {
    let value = |n: usize, key: &str| header.pair(&format!("Segment{n}_{key}"));
    let mut labels = Vec::new();
    for n in 0.. {
        let Some(id) = value(n, "ID").or_else(|| value(n, "Name")) else { break };
        let number = value(n, "LabelValue").and_then(|v| v.trim().parse().ok());
        // Before layers came (Slicer 4.10) each segment had a component of its own.
        let number = number.unwrap_or_else(|| u16::try_from(n + 1).unwrap_or(u16::MAX));
        let name = value(n, "Name").unwrap_or(id);
        let mut label = Label::new(number, name, value(n, "Color").and_then(color).unwrap_or(distinct_color(number)));
        label.code = value(n, "Tags").and_then(code);
        labels.push(label);
    }
    labels
}

/// How many layers the segments lie in; overlapping segments need more than one.
#[must_use]
pub fn layers(header: &Header) -> usize {
    let layer = |n: usize| header.pair(&format!("Segment{n}_Layer")).and_then(|v| v.trim().parse::<usize>().ok());
    (0..).map_while(layer).max().map_or(1, |m| m.saturating_add(1))
}

/// `0.5 0.68 0.5` as bytes.
fn color(text: &str) -> Option<[u8; 3]> {
    let parts: Vec<f64> = text.split_whitespace().map(str::parse).collect::<Result<_, _>>().ok()?;
    let byte = |x: f64| (x.clamp(0.0, 1.0) * 255.0).round() as u8;
    match parts[..] {
        [r, g, b] => Some([byte(r), byte(g), byte(b)]),
        _ => None,
    }
}

/// The type of a segment out of `TerminologyEntry:…~category~type~…`: `scheme^code^meaning`.
fn code(tags: &str) -> Option<(String, String)> {
    let entry = tags.split('|').find_map(|t| t.trim().strip_prefix("TerminologyEntry:"))?;
    let mut parts = entry.split('~').nth(2)?.split('^');
    let (scheme, code) = (parts.next()?, parts.next()?);
    (!scheme.is_empty() && !code.is_empty()).then(|| (scheme.to_owned(), code.to_owned()))
}
