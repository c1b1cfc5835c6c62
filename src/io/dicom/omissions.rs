//! What a file asks for beside its pixels and this program does not do yet: named, so that nothing is left out in silence.

use dicom_core::Tag;
use dicom_dictionary_std::tags;

use super::dataset::DataSet;
use super::frame::Frame;
use crate::volume::Rescale;

const OVERLAYS: &str = "Overlay planes (60xx,3000) are in the file and not shown";
const SHUTTER: &str = "The display shutter (0018,1600) is not applied: what it should hide is seen";
const REAL_WORLD_VALUES: &str =
    "A Real World Value Mapping (0040,9096) is not applied: values are those of the stored numbers and their rescale";

/// One sentence for each thing that is left out.
pub(crate) fn omissions(dataset: &DataSet<'_>, frames: &[Frame]) -> Vec<&'static str> {
    let groups = [
        Some(dataset),
        dataset.item(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE),
        dataset.item(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE),
    ];
    let holds = |tag: Tag| groups.iter().flatten().any(|g| g.get(tag).is_some());
    let overlay_rows =
        |e: &super::dataset::Element<'_>| (e.tag.group() & 0xFF01) == 0x6000 && e.tag.element() == 0x0010;
    let rescale = frames.first().and_then(|f| f.rescale).unwrap_or(Rescale::IDENTITY);
    let mut mappings = groups.iter().flatten().flat_map(|g| g.items(tags::REAL_WORLD_VALUE_MAPPING_SEQUENCE));
    // Many scanners write the rescale once more as a mapping: then nothing is lost.
    let other_values = mappings.any(|m| {
        let line = m.number(tags::REAL_WORLD_VALUE_SLOPE).zip(m.number(tags::REAL_WORLD_VALUE_INTERCEPT));
        line != Some((rescale.slope, rescale.intercept))
    });
    let mut all = Vec::new();
    all.extend(dataset.elements.iter().any(overlay_rows).then_some(OVERLAYS));
    all.extend((holds(tags::SHUTTER_SHAPE) || holds(tags::FRAME_DISPLAY_SHUTTER_SEQUENCE)).then_some(SHUTTER));
    all.extend(other_values.then_some(REAL_WORLD_VALUES));
    all
}

#[cfg(test)]
mod tests {
    use super::super::dataset::{Element, Value};
    use super::*;

    fn element(group: u16, element: u16, vr: [u8; 2], value: Value<'_>) -> Element<'_> {
        Element { tag: Tag(group, element), vr, value }
    }

    #[test]
    fn overlays_shutters_and_value_mappings_are_named() {
        let plain =
            DataSet { elements: vec![element(0x0028, 0x0010, *b"US", Value::Bytes(&[2, 0]))], ..DataSet::default() };
        assert!(omissions(&plain, &[]).is_empty());
        let mapping = |slope: &'static [u8; 8]| DataSet {
            elements: vec![
                element(0x0040, 0x9224, *b"FD", Value::Bytes(&[0; 8])),
                element(0x0040, 0x9225, *b"FD", Value::Bytes(slope)),
            ],
            ..DataSet::default()
        };
        let one = &[0, 0, 0, 0, 0, 0, 0xF0, 0x3F];
        let two = &[0, 0, 0, 0, 0, 0, 0, 0x40];
        let with = |slope| DataSet {
            elements: vec![
                element(0x0018, 0x1600, *b"CS", Value::Bytes(b"CIRCULAR")),
                element(0x0040, 0x9096, *b"SQ", Value::Sequence(vec![mapping(slope)])),
                element(0x6002, 0x0010, *b"US", Value::Bytes(&[2, 0])),
            ],
            ..DataSet::default()
        };
        assert_eq!(omissions(&with(two), &[]), [OVERLAYS, SHUTTER, REAL_WORLD_VALUES]);
        // The rescale once more.
        assert_eq!(omissions(&with(one), &[]), [OVERLAYS, SHUTTER]);
    }
}
