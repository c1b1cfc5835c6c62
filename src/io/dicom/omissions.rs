//! What a file asks for beside its pixels and this program does not do: named, so that nothing is left out in silence.
//! What it does and cannot do with one file (a plane cut short, a shape it does not know) is named where it is read.

use dicom_core::Tag;
use dicom_dictionary_std::tags;

use super::dataset::{DataSet, Element};

const CURVES: &str = "Curves (50xx,3000), a retired way to draw lines, are in the file and not shown";
const SUBTRACTION: &str = "The mask subtraction (0028,6100) is not applied: the frames are seen as they were taken";
const COLOURS: &str = "The supplemental colours (0008,9205) are not applied: the image is seen in grey";

/// One sentence for each thing that is left out.
pub(crate) fn omissions(dataset: &DataSet<'_>) -> Vec<String> {
    let holds = |tag: Tag| dataset.get(tag).is_some();
    let curve = |e: &Element<'_>| (e.tag.group() & 0xFF01) == 0x5000 && e.tag.element() == 0x3000;
    let presentation = dataset.text(tags::PIXEL_PRESENTATION);
    let grey = dataset.text(tags::PHOTOMETRIC_INTERPRETATION).is_some_and(|p| p.starts_with("MONOCHROME"));
    let coloured = grey
        && presentation.is_some_and(|p| p == "COLOR" || p == "MIXED")
        && holds(tags::RED_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR);
    let all = [
        (dataset.elements.iter().any(curve), CURVES),
        (!dataset.items(tags::MASK_SUBTRACTION_SEQUENCE).is_empty(), SUBTRACTION),
        (coloured, COLOURS),
    ];
    all.into_iter().filter(|(is, _)| *is).map(|(_, sentence)| sentence.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::dataset::Value;
    use super::*;

    fn element(group: u16, element: u16, vr: [u8; 2], value: Value<'_>) -> Element<'_> {
        Element { tag: Tag(group, element), vr, value }
    }

    #[test]
    fn curves_subtraction_and_supplemental_colours_are_named() {
        let plain =
            DataSet { elements: vec![element(0x0028, 0x0010, *b"US", Value::Bytes(&[2, 0]))], ..DataSet::default() };
        assert!(omissions(&plain).is_empty());
        let with = DataSet {
            elements: vec![
                element(0x0008, 0x9205, *b"CS", Value::Bytes(b"COLOR ")),
                element(0x0028, 0x0004, *b"CS", Value::Bytes(b"MONOCHROME2 ")),
                element(0x0028, 0x1101, *b"US", Value::Bytes(&[0; 6])),
                element(0x0028, 0x6100, *b"SQ", Value::Sequence(vec![DataSet::default()])),
                element(0x5000, 0x3000, *b"OW", Value::Bytes(&[2, 0])),
            ],
            ..DataSet::default()
        };
        assert_eq!(omissions(&with), [CURVES, SUBTRACTION, COLOURS]);
    }
}
