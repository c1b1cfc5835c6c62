//! What a DICOM object is when it is no image, in words.

use super::dataset::DataSet;
use dicom_dictionary_std::tags;

/// What an object without pixels of its own is, from its SOP class or modality.
pub(crate) fn object_name(sop_class: &str, modality: &str) -> String {
    let storage = sop_class.strip_prefix("1.2.840.10008.5.1.4.1.1.").unwrap_or("");
    let by_class = match storage {
        "481.3" => Some("RT structure set"),
        "481.5" => Some("RT plan"),
        "481.8" => Some("RT ion plan"),
        "481.2" => Some("RT dose without a grid"),
        "481.4" | "481.6" | "481.7" | "481.9" => Some("RT treatment record"),
        "66" => Some("Raw data"),
        "66.1" => Some("Spatial registration"),
        "66.2" => Some("Spatial fiducials"),
        "66.3" => Some("Deformable spatial registration"),
        "66.4" => Some("Segmentation"),
        "66.5" => Some("Surface segmentation"),
        "66.6" => Some("Tractography results"),
        "66.7" => Some("Label map segmentation"),
        "67" => Some("Real world value mapping"),
        "88.59" => Some("Key object selection"),
        "104.1" => Some("PDF document"),
        "104.2" => Some("CDA document"),
        "104.3" => Some("STL model"),
        "104.4" => Some("OBJ model"),
        "104.5" => Some("MTL material"),
        "4.2" => Some("MR spectroscopy"),
        _ if storage.starts_with("11.") => Some("Presentation state"),
        _ if storage.starts_with("88.") => Some("Structured report"),
        _ if storage.starts_with("9.") => Some("Waveform"),
        _ if storage.starts_with("481.") => Some("RT object"),
        _ if storage.starts_with("78.") || storage.starts_with("79") => Some("Ophthalmic measurement"),
        _ => None,
    };
    let by_modality = || match modality {
        "SR" => Some("Structured report"),
        "PR" => Some("Presentation state"),
        "KO" => Some("Key object selection"),
        "SEG" => Some("Segmentation"),
        "RTSTRUCT" => Some("RT structure set"),
        "RTPLAN" => Some("RT plan"),
        "RTRECORD" => Some("RT treatment record"),
        "REG" => Some("Spatial registration"),
        "DOC" => Some("Document"),
        "ECG" | "HD" | "EPS" | "RESP" => Some("Waveform"),
        _ => None,
    };
    match by_class.or_else(by_modality) {
        Some(name) => name.to_owned(),
        None if sop_class.is_empty() => "DICOM object without an image".to_owned(),
        None => format!("DICOM object without an image (SOP class {sop_class})"),
    }
}

/// Whether nothing says what an object is but its SOP class: most likely an image.
pub(crate) fn is_unnamed(sop_class: &str, modality: &str) -> bool {
    object_name(sop_class, modality).starts_with("DICOM object")
}

/// What is wrong with an object that describes an image and has none.
pub(crate) fn missing_image(dataset: &DataSet<'_>, sop_class: &str, modality: &str) -> Option<&'static str> {
    (is_unnamed(sop_class, modality) && dataset.get(tags::ROWS).is_some())
        .then_some("an image's header without its pixels")
}

/// Whether an object that has pixel data is listed rather than shown: its pixels are labels, not an image.
pub(crate) fn is_labels(sop_class: &str, modality: &str) -> bool {
    matches!(sop_class, "1.2.840.10008.5.1.4.1.1.66.4" | "1.2.840.10008.5.1.4.1.1.66.7") || modality == "SEG"
}

/// Whether this is a DICOMDIR: an index, not an object.
pub(crate) fn is_directory(meta: &DataSet<'_>, dataset: &DataSet<'_>) -> bool {
    meta.text(tags::MEDIA_STORAGE_SOP_CLASS_UID).as_deref() == Some("1.2.840.10008.1.3.10")
        || dataset.get(tags::DIRECTORY_RECORD_SEQUENCE).is_some()
}
