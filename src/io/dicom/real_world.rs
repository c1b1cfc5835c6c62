//! Real World Value Mappings (0040,9096, PS3.3 C.7.6.16.2.11): stored numbers as quantities with a unit.

use dicom_core::Tag;
use dicom_dictionary_std::tags;

use super::dataset::DataSet;
use super::pixel_format::{PixelFormat, Sample};
use super::text::Charset;
use crate::volume::Rescale;
use crate::volume::quantity::{Curve, Mapping, Quantity};

/// A table has an entry for each number of 16 bits at most.
const TABLE_LIMIT: usize = 1 << 16;

const DOUBLE_FIRST: Tag = Tag(0x0040, 0x9214);
const DOUBLE_LAST: Tag = Tag(0x0040, 0x9213);

/// One mapping of a frame.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RealWorldMapping {
    pub(crate) name: String,
    pub(crate) unit: String,
    /// The stored numbers that it holds for.
    range: Option<[f64; 2]>,
    curve: Curve,
}

impl RealWorldMapping {
    /// Slope and intercept, if it is a line that holds for every number that the pixels can have.
    pub(crate) fn line_for_all(&self, format: &PixelFormat) -> Option<Rescale> {
        let Curve::Line(line) = &self.curve else { return None };
        let bits = f64::from(format.stored.min(32));
        let [low, high] = match (format.sample, format.signed) {
            (Sample::Float | Sample::Double, _) => return Some(*line),
            (Sample::Integer, true) => [-(2.0_f64.powf(bits - 1.0)), 2.0_f64.powf(bits - 1.0) - 1.0],
            (Sample::Integer, false) => [0.0, 2.0_f64.powf(bits) - 1.0],
        };
        self.range.is_none_or(|[first, last]| first <= low && last >= high).then_some(*line)
    }

    /// As a reading of real values that were made with `rescale`.
    fn mapping(&self, rescale: Rescale) -> Mapping {
        Mapping { rescale, range: self.range, curve: self.curve.clone() }
    }
}

/// The mappings of a data set or a functional group, and whether one of them says too little to be used.
pub(crate) fn real_world_mappings(
    items: &[DataSet<'_>],
    charset: &Charset,
    signed: bool,
) -> (Vec<RealWorldMapping>, bool) {
    let all: Vec<Option<RealWorldMapping>> = items.iter().map(|item| mapping(item, charset, signed)).collect();
    let broken = all.iter().any(Option::is_none);
    (all.into_iter().flatten().collect(), broken)
}

fn mapping(item: &DataSet<'_>, charset: &Charset, signed: bool) -> Option<RealWorldMapping> {
    let text = |set: &DataSet<'_>, tag| charset.text(set, tag).map(|t| t.trim().to_owned()).filter(|t| !t.is_empty());
    let first =
        item.number(DOUBLE_FIRST).or_else(|| item.pixel_value(tags::REAL_WORLD_VALUE_FIRST_VALUE_MAPPED, signed));
    let last = item.number(DOUBLE_LAST).or_else(|| item.pixel_value(tags::REAL_WORLD_VALUE_LAST_VALUE_MAPPED, signed));
    let range = first.zip(last).map(|(a, b)| [a, b]).filter(|[a, b]| a <= b);
    let line = item.number(tags::REAL_WORLD_VALUE_SLOPE).zip(item.number(tags::REAL_WORLD_VALUE_INTERCEPT));
    let table =
        || Some(item.numbers(tags::REAL_WORLD_VALUE_LUT_DATA)).filter(|t| !t.is_empty() && t.len() <= TABLE_LIMIT);
    let curve = match line {
        Some((slope, intercept)) => Curve::Line(Rescale { slope, intercept }),
        // A table says nothing without the number that it starts from.
        None => Curve::Table(table().filter(|_| range.is_some())?),
    };
    let units = item.item(tags::MEASUREMENT_UNITS_CODE_SEQUENCE);
    let unit = units.and_then(|u| text(u, tags::CODE_VALUE).or_else(|| text(u, tags::CODE_MEANING)));
    let quantity = item.items(tags::QUANTITY_DEFINITION_SEQUENCE).iter().find_map(|q| {
        let code = q.item(tags::CONCEPT_CODE_SEQUENCE)?;
        text(code, tags::CODE_MEANING)
    });
    let name = quantity.or_else(|| text(item, tags::LUT_EXPLANATION)).or_else(|| text(item, tags::LUT_LABEL));
    Some(RealWorldMapping {
        name: name.unwrap_or_else(|| "Real world value".to_owned()),
        unit: unit.map(|u| plain_unit(&u)).unwrap_or_default(),
        range,
        curve,
    })
}

/// A UCUM code as a person writes the unit: `[hnsf'U]` is HU, `{SUVbw}g/ml` is g/ml, `1` is none.
fn plain_unit(code: &str) -> String {
    match code {
        "[hnsf'U]" => return "HU".to_owned(),
        "1" | "{no units}" | "UNITLESS" => return String::new(),
        _ => {}
    }
    let (mut plain, mut inside) = (String::new(), false);
    for c in code.chars() {
        match c {
            '{' => inside = true,
            '}' => inside = false,
            c if !inside => plain.push(c),
            _ => {}
        }
    }
    plain
}

/// The mappings of all slices as quantities of a volume: one for each name and unit. `slices` gives the mappings and the
/// rescale that real values were made with.
pub(crate) fn quantities(slices: &[(&[RealWorldMapping], Rescale)]) -> Vec<Quantity> {
    let mut names: Vec<(&str, &str)> = Vec::new();
    for m in slices.iter().flat_map(|s| s.0) {
        if !names.contains(&(&m.name, &m.unit)) {
            names.push((&m.name, &m.unit));
        }
    }
    let of = |name: &str, unit: &str| -> Vec<Option<Mapping>> {
        let mut all: Vec<Option<Mapping>> = slices
            .iter()
            .map(|(mappings, rescale)| {
                mappings.iter().find(|m| m.name == name && m.unit == unit).map(|m| m.mapping(*rescale))
            })
            .collect();
        if all.windows(2).all(|pair| pair[0] == pair[1]) {
            all.truncate(1);
        }
        all
    };
    names
        .into_iter()
        .map(|(name, unit)| Quantity { name: name.to_owned(), unit: unit.to_owned(), slices: of(name, unit) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ucum_codes_read_as_people_write_them() {
        let read = ["[hnsf'U]", "{SUVbw}g/ml", "1", "um2/s", "mm2/s"].map(plain_unit);
        assert_eq!(read, ["HU", "g/ml", "", "um2/s", "mm2/s"]);
    }
}
