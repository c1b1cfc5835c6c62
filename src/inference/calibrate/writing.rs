//! What was found, written into `manifest.toml` beside everything that a person wrote there.

use std::path::Path;

use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, TableLike, Value};

use super::CalibrationError;
use crate::inference::guard::HistogramFile;
use crate::inference::manifest::schema::Conformal;
use crate::inference::manifest::{Manifest, Model, ModelError};
use crate::io::write::target::write_whole;

/// Numbers for the manifest; what is `None` stays as it is there.
#[derive(Debug, Clone, Default)]
pub(super) struct Changes {
    pub temperature: Option<f64>,
    pub conformal: Option<Conformal>,
    pub spacing_mm_range: Option<[f64; 2]>,
    pub field_of_view_mm: Option<[f64; 2]>,
    /// The input and its histogram, which goes into a file of its own.
    pub histogram: Option<(String, HistogramFile)>,
}

/// The histogram's file name where the manifest names none.
const GUARD_FILE: &str = "guard.json";

/// Writes the histogram's file and then the manifest; each replaces the old one in one step.
///
/// # Errors
/// When the manifest would not be read any more, or a file cannot be written.
pub(super) fn write(model: &Model, changes: &Changes) -> Result<(), CalibrationError> {
    let path = model.folder.join("manifest.toml");
    let text = std::fs::read_to_string(&path).map_err(|source| ModelError::File { path: path.clone(), source })?;
    let named = model.manifest.guard.as_ref().and_then(|g| g.intensity_histogram.as_ref()).map(|h| h.file.as_str());
    let file = named.unwrap_or(GUARD_FILE);
    let invalid = |problem: String| ModelError::Invalid { path: path.clone(), problem };
    let edited = edited(&text, changes, file).map_err(invalid)?;
    toml::from_str::<Manifest>(&edited).map_err(|e| invalid(format!("cannot be edited: {}", e.message())))?;
    if let Some((_, histogram)) = &changes.histogram {
        let json = serde_json::to_string_pretty(histogram).map_err(|e| invalid(e.to_string()))?;
        write_text(&model.folder.join(file), &json)?;
    }
    write_text(&path, &edited)
}

fn write_text(path: &Path, text: &str) -> Result<(), CalibrationError> {
    Ok(write_whole(path, |out| out.write_all(text.as_bytes()))?)
}

fn edited(text: &str, changes: &Changes, guard_file: &str) -> Result<String, String> {
    let mut doc: DocumentMut = text.parse().map_err(|e: toml_edit::TomlError| e.message().to_owned())?;
    if changes.temperature.is_some() || changes.conformal.is_some() {
        let uncertainty = table(doc.as_table_mut(), "uncertainty", false)?;
        let calibration = table(uncertainty, "calibration", true)?;
        if let Some(t) = changes.temperature {
            set(calibration, "temperature", Value::from(t));
        }
        if let Some(c) = &changes.conformal {
            let mut inline = InlineTable::new();
            inline.insert("alpha", Value::from(c.alpha));
            inline.insert("quantile", Value::from(c.quantile));
            inline.insert("residual", Value::from(c.residual.as_str()));
            inline.insert("n", Value::from(i64::try_from(c.n).unwrap_or(i64::MAX)));
            set(calibration, "conformal", Value::InlineTable(inline));
        }
    }
    let pair = |[low, high]: [f64; 2]| Value::Array(Array::from_iter([low, high]));
    let ranges = [("spacing_mm_range", changes.spacing_mm_range), ("field_of_view_mm", changes.field_of_view_mm)];
    if changes.histogram.is_some() || ranges.iter().any(|(_, r)| r.is_some()) {
        let guard = table(doc.as_table_mut(), "guard", false)?;
        for (key, range) in ranges {
            if let Some(range) = range {
                set(guard, key, pair(range));
            }
        }
        if let Some((input, histogram)) = &changes.histogram {
            let mut inline = InlineTable::new();
            inline.insert("input", Value::from(input.as_str()));
            inline.insert("bins", Value::from(i64::try_from(histogram.bins).unwrap_or(0)));
            inline.insert("file", Value::from(guard_file));
            set(guard, "intensity_histogram", Value::InlineTable(inline));
        }
    }
    Ok(doc.to_string())
}

/// A table of a table, made where it is not there.
fn table<'a>(parent: &'a mut dyn TableLike, key: &str, inline: bool) -> Result<&'a mut dyn TableLike, String> {
    let empty = if inline { Item::Value(Value::InlineTable(InlineTable::new())) } else { Item::Table(Table::new()) };
    parent.entry(key).or_insert(empty).as_table_like_mut().ok_or_else(|| format!("{key}: must be a table"))
}

/// Replaces a value and keeps the comment behind it.
fn set(table: &mut dyn TableLike, key: &str, mut value: Value) {
    if let Some(old) = table.get(key).and_then(Item::as_value) {
        *value.decor_mut() = old.decor().clone();
    }
    table.insert(key, Item::Value(value));
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# my model\nname = \"m\"   # its name\n\n[uncertainty]  # trust\nsources = [\"tta\"]\n\
        calibration = { temperature = 1.0 } # old\n\n[guard]\nspacing_mm_range = [0.5, 2.0] # as trained\n";

    fn changes() -> Changes {
        let conformal = Conformal { alpha: 0.1, quantile: 2.5, residual: "scaled".into(), n: 12 };
        Changes { temperature: Some(1.75), conformal: Some(conformal), ..Changes::default() }
    }

    #[test]
    fn comments_and_other_keys_stay() {
        let text = edited(TEXT, &changes(), GUARD_FILE).unwrap();
        for kept in ["# my model", "# its name", "[uncertainty]  # trust", "# old", "[0.5, 2.0] # as trained"] {
            assert!(text.contains(kept), "{kept}\n{text}");
        }
        let value: toml::Value = toml::from_str(&text).unwrap();
        let calibration = &value["uncertainty"]["calibration"];
        assert_eq!(calibration["temperature"].as_float(), Some(1.75));
        assert_eq!(calibration["conformal"]["n"].as_integer(), Some(12));
        // A second time changes nothing more.
        assert_eq!(edited(&text, &changes(), GUARD_FILE).unwrap(), text);
    }

    #[test]
    fn tables_are_made_where_there_are_none() {
        let histogram = HistogramFile {
            bins: 1,
            edges: vec![0.0, 1.0],
            mean: vec![1.0],
            max_distance: 1.0,
            foreground: None,
            quantiles: None,
        };
        let all = Changes {
            spacing_mm_range: Some([0.5, 1.0]),
            field_of_view_mm: Some([100.0, 200.0]),
            histogram: Some(("t1".into(), histogram)),
            ..changes()
        };
        let text = edited("name = \"m\"\n", &all, GUARD_FILE).unwrap();
        let value: toml::Value = toml::from_str(&text).unwrap();
        assert_eq!(value["guard"]["intensity_histogram"]["file"].as_str(), Some("guard.json"));
        assert_eq!(value["guard"]["spacing_mm_range"][1].as_float(), Some(1.0));
        assert_eq!(value["uncertainty"]["calibration"]["conformal"]["residual"].as_str(), Some("scaled"));
        assert!(edited("guard = 3\n", &all, GUARD_FILE).unwrap_err().contains("guard"));
    }
}
