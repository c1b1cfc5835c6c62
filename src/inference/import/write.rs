//! A model folder out of a draft: [`import`].

use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;
use sha2::{Digest, Sha256};
use toml_edit::{ArrayOfTables, DocumentMut, InlineTable, Item, Table, Value};

use super::draft::{Draft, Finding, Weight, slug};
use super::source::{Export, ImportError, files, graph, licences};
use super::{graph_fit, monai, nnunet};
use crate::inference::manifest::schema::{File, Inferer, Postprocess, Preprocess};
use crate::inference::manifest::{Manifest, Model};
use crate::inference::onnx_graph::Graph;
use crate::io::packages::hex;

/// What an import wrote and found.
#[derive(Debug, Clone, Serialize)]
pub struct Imported {
    /// The new model folder.
    pub folder: PathBuf,
    /// `manifest.toml`, or `manifest.toml.partial` where something is missing.
    pub manifest: PathBuf,
    /// Whether the folder is a model that opens.
    pub complete: bool,
    /// What could not be taken over, the weightiest first.
    pub findings: Vec<Finding>,
    /// What to run where the export has weights that are no ONNX graph.
    pub export_command: Option<String>,
}

/// Turns a MONAI bundle or an nnU-Net export into a model folder. The export is not changed.
///
/// Where the graph or something else without which there is no model is missing, `manifest.toml.partial` is written,
/// which nothing takes for a manifest.
///
/// # Errors
/// When the folder is no export, the target is in use, or a file cannot be read or written.
pub fn import(source: &Path, target: &Path) -> Result<Imported, ImportError> {
    let occupied = target.is_file() || std::fs::read_dir(target).is_ok_and(|mut entries| entries.next().is_some());
    // A partial import may be repeated.
    if occupied && !target.join(PARTIAL).is_file() {
        return Err(ImportError::Occupied(target.to_owned()));
    }
    let export = Export::recognise(source)?;
    let name = slug(&target.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default());
    let root = export.root();
    let mut draft = match &export {
        Export::Monai { root } => monai::read(root, name)?,
        Export::Nnunet { root, plans, dataset } => {
            let bytes = graph(root).ok().and_then(|path| std::fs::read(path).ok());
            let graph = bytes.and_then(|bytes| Graph::read(&bytes).ok());
            nnunet::read(root, plans, dataset, graph.as_ref(), name)?
        }
    };
    std::fs::create_dir_all(target).map_err(|e| file_error(target, e))?;
    let mut export_command = None;
    match graph(root) {
        Ok(path) => take_graph(&path, target, &mut draft)?,
        Err(why) => {
            export_command = how_to_export(&export, &draft);
            let text = match &export_command {
                Some(command) => format!("The graph: {why}. Export it with: {command}"),
                None => format!("The graph: {why}"),
            };
            draft.missing("files", text);
            let empty = File { path: "model.onnx".into(), sha256: String::new() };
            draft.manifest.files.0.insert("network".into(), empty);
        }
    }
    for licence in licences(root).0 {
        if let Some(name) = licence.file_name() {
            std::fs::copy(&licence, target.join(name)).map_err(|e| file_error(&licence, e))?;
        }
    }
    draft.findings.sort_by_key(|f| std::cmp::Reverse(f.weight));
    let complete = draft.findings.iter().all(|f| f.weight != Weight::Missing);
    let manifest = target.join(if complete { "manifest.toml" } else { PARTIAL });
    put(&manifest, &manifest_text(&draft))?;
    put(&target.join("CARD.md"), &card(&draft, &export))?;
    if complete {
        Model::open(target)?.verify_weights()?;
        // What a former, partial import left.
        let _ = std::fs::remove_file(target.join(PARTIAL));
    }
    Ok(Imported { folder: target.to_owned(), manifest, complete, findings: draft.findings, export_command })
}

const PARTIAL: &str = "manifest.toml.partial";

fn file_error(path: &Path, source: std::io::Error) -> ImportError {
    ImportError::File { path: path.to_owned(), source }
}

fn put(path: &Path, text: &str) -> Result<(), ImportError> {
    std::fs::write(path, text).map_err(|e| file_error(path, e))
}

/// Copies the graph and its outside weights, and holds the draft against it.
fn take_graph(path: &Path, target: &Path, draft: &mut Draft) -> Result<(), ImportError> {
    let bytes = std::fs::read(path).map_err(|e| file_error(path, e))?;
    let graph = Graph::read(&bytes).map_err(|e| ImportError::Unreadable(format!("{}: {e}", path.display())))?;
    graph_fit::fit(draft, &graph);
    let copy = target.join("model.onnx");
    std::fs::write(&copy, &bytes).map_err(|e| file_error(&copy, e))?;
    let hash = hex(&Sha256::digest(&bytes));
    draft.manifest.files.0.insert("network".into(), File { path: "model.onnx".into(), sha256: hash });
    let folder = path.parent().unwrap_or(Path::new("."));
    for (n, location) in graph.external.iter().enumerate() {
        let plain = Path::new(location).components().all(|c| matches!(c, std::path::Component::Normal(_)));
        if !plain || location.contains(['\\', ':']) || location == "model.onnx" {
            draft.missing(
                "files",
                format!("The graph's weights claim to lie at `{location}`, outside its folder; such a file is refused"),
            );
            continue;
        }
        let (from, to) = (folder.join(location), target.join(location));
        let data = std::fs::read(&from).map_err(|e| file_error(&from, e))?;
        if let Some(parent) = to.parent() {
            std::fs::create_dir_all(parent).map_err(|e| file_error(parent, e))?;
        }
        std::fs::write(&to, &data).map_err(|e| file_error(&to, e))?;
        let file = File { path: location.clone(), sha256: hex(&Sha256::digest(&data)) };
        draft.manifest.files.0.insert(format!("data.{}", n + 1), file);
    }
    Ok(())
}

/// The command that makes the graph out of the weights that are there, with the window's own size.
fn how_to_export(export: &Export, draft: &Draft) -> Option<String> {
    let root = export.root();
    let m = &draft.manifest;
    let letters = m.inferer.layout.chars();
    // In the order of the network's axes; a slice has only those of its plane.
    let patch = m.inferer.patch.or(m.preprocess.size).unwrap_or([96; 3]);
    let shape: Vec<String> = letters
        .map(|c| match c {
            'N' => 1,
            'C' => m.inputs.len().max(1),
            'X' => patch[0],
            'Y' => patch[1],
            _ => patch[2],
        })
        .map(|n: usize| n.to_string())
        .collect();
    let shape = shape.join(", ");
    let first = |endings: &[&str]| {
        files(root, endings).into_iter().next().map(|p| p.strip_prefix(root).unwrap_or(&p).display().to_string())
    };
    match export {
        Export::Monai { .. } => first(&["pt", "pth"])
            .map(|weights| {
                format!(
                    "cd {} && python -m monai.bundle onnx_export network_def --filepath models/model.onnx --ckpt_file {weights} --meta_file configs/metadata.json --config_file configs/inference.json --input_shape \"[{shape}]\"",
                    root.display()
                )
            })
            .or_else(|| {
                first(&["ts"]).map(|weights| {
                    format!(
                        "cd {} && python -c \"import torch; torch.onnx.export(torch.jit.load('{weights}', map_location='cpu').eval(), torch.zeros({shape}), 'models/model.onnx', input_names=['image'], output_names=['pred'], opset_version=17, dynamo=False)\"",
                        root.display()
                    )
                })
            }),
        Export::Nnunet { .. } => first(&["pth"]).map(|weights| {
            let fold = Path::new(&weights).parent().and_then(|p| p.file_name()).map(|n| n.to_string_lossy().replace("fold_", "")).unwrap_or_default();
            format!(
                "cd {} && python -c \"import json, torch; from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor as P; p = P(device=torch.device('cpu')); p.initialize_from_trained_model_folder('.', ('{fold}',)); n = p.network; n.load_state_dict(p.list_of_parameters[0]); n.decoder.deep_supervision = False; torch.onnx.export(n.eval(), torch.zeros({shape}), 'model.onnx', input_names=['input'], output_names=['output'], opset_version=17, dynamo=False); json.dump({{'inference_allowed_mirroring_axes': p.allowed_mirroring_axes}}, open('checkpoint.json', 'w'))\"",
                root.display()
            )
        }),
    }
}

/// The keys in the order in which a person reads them (MANIFEST.md); others follow.
const ORDER: [&str; 55] = [
    "schema",
    "name",
    "version",
    "title",
    "task",
    "status",
    "intended_use",
    "not_for",
    "license",
    "license_code",
    "license_data",
    "source",
    "cite",
    "modality",
    "contrast",
    "tensor",
    "kind",
    "channel",
    "channels",
    "optional",
    "fill",
    "activation",
    "value",
    "unit",
    "labels",
    "color",
    "scheme",
    "code",
    "orientation",
    "spacing_mm",
    "size",
    "interpolation",
    "size_rule",
    "anisotropic",
    "normalize_first",
    "crop",
    "mask",
    "lower",
    "upper",
    "from",
    "to",
    "clip",
    "normalize",
    "pad_multiple",
    "pad_value",
    "layout",
    "patch",
    "overlap",
    "blend",
    "starts",
    "mean",
    "sigma",
    "path",
    "sha256",
    "threshold",
];

/// Tables of the manifest, in order.
const TABLES: [&str; 8] =
    ["files", "inputs", "preprocess", "inferer", "outputs", "postprocess", "uncertainty", "guard"];

/// Keys that are written even where they are the default, since a reader looks for them.
const ALWAYS: [&str; 8] =
    ["kind", "layout", "overlap", "blend", "orientation", "spacing_mm", "interpolation", "normalize"];

fn manifest_text(draft: &Draft) -> String {
    let mut document = DocumentMut::new();
    // Every type of the schema is plain data, so this cannot fail; an empty text would not open.
    let Ok(toml::Value::Table(all)) = toml::Value::try_from(&draft.manifest) else { return String::new() };
    let comments = |table: &str| -> String {
        draft.findings.iter().filter(|f| f.table == table).fold(String::new(), |mut text, finding| {
            let one_line = finding.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
            let _ = writeln!(text, "# {one_line}");
            text
        })
    };
    for (key, value) in sorted(&all) {
        if !TABLES.contains(&key.as_str()) && !value.is_table() && !is_empty(value) {
            document.insert(key, Item::Value(edited(value)));
        }
    }
    for key in TABLES {
        let Some(value) = all.get(key) else { continue };
        let before = format!("\n{}", comments(key));
        match value {
            toml::Value::Array(rows) => {
                let mut tables = ArrayOfTables::new();
                for (n, row) in rows.iter().filter_map(toml::Value::as_table).enumerate() {
                    let mut table = table(row, &toml::Table::new());
                    table.decor_mut().set_prefix(if n == 0 { before.as_str() } else { "\n" });
                    tables.push(table);
                }
                document.insert(key, Item::ArrayOfTables(tables));
            }
            toml::Value::Table(row) => {
                let mut table = table(row, &defaults(key));
                if table.is_empty() && before.len() == 1 {
                    continue;
                }
                table.decor_mut().set_prefix(before);
                document.insert(key, Item::Table(table));
            }
            _ => {}
        }
    }
    let general = comments("");
    let start = format!("# Imported by Veritome {}; read it before you trust it\n{general}", env!("CARGO_PKG_VERSION"));
    format!("{start}{document}")
}

fn sorted(table: &toml::Table) -> Vec<(&String, &toml::Value)> {
    let mut members: Vec<_> = table.iter().collect();
    members.sort_by_key(|(key, _)| ORDER.iter().position(|k| k == *key).unwrap_or(ORDER.len()));
    members
}

/// What the schema puts in where the manifest is silent.
fn defaults(table: &str) -> toml::Table {
    let value = match table {
        "preprocess" => toml::Value::try_from(Preprocess::default()),
        "postprocess" => toml::Value::try_from(Postprocess::default()),
        "inferer" => {
            return toml::from_str::<Inferer>("kind = \"whole\"")
                .ok()
                .and_then(|i| toml::Table::try_from(i).ok())
                .unwrap_or_default();
        }
        _ => return toml::Table::new(),
    };
    value.ok().and_then(|v| v.as_table().cloned()).unwrap_or_default()
}

fn is_empty(value: &toml::Value) -> bool {
    match value {
        toml::Value::Array(items) => items.is_empty(),
        toml::Value::Table(members) => members.values().all(is_empty),
        toml::Value::String(text) => text.is_empty(),
        _ => false,
    }
}

fn table(row: &toml::Table, defaults: &toml::Table) -> Table {
    let mut table = Table::new();
    for (key, value) in sorted(row) {
        let usual = defaults.get(key) == Some(value) || is_empty(value) || *value == toml::Value::Boolean(false);
        if !usual || (ALWAYS.contains(&key.as_str()) && defaults.contains_key(key)) {
            table.insert(key, Item::Value(edited(value)));
        }
    }
    table
}

fn edited(value: &toml::Value) -> Value {
    match value {
        toml::Value::String(s) => Value::from(s.as_str()),
        toml::Value::Integer(n) => Value::from(*n),
        toml::Value::Float(x) => Value::from(tidy(*x)),
        toml::Value::Boolean(b) => Value::from(*b),
        toml::Value::Datetime(d) => Value::from(d.to_string()),
        toml::Value::Array(items) => {
            let rows = items.iter().any(toml::Value::is_table);
            let mut array: toml_edit::Array = items.iter().map(edited).collect();
            if rows && items.len() > 1 {
                array.iter_mut().for_each(|v| v.decor_mut().set_prefix("\n  "));
                array.set_trailing_comma(true);
                array.set_trailing("\n");
            }
            Value::from(array)
        }
        toml::Value::Table(members) => {
            let mut inline = InlineTable::new();
            let mut members = sorted(members);
            // A row of a label table reads value, then name.
            if members.iter().any(|(key, _)| *key == "name") {
                members.sort_by_key(|(key, _)| *key != "value");
            }
            for (key, value) in members {
                if !is_empty(value) {
                    inline.insert(key, edited(value));
                }
            }
            Value::from(inline)
        }
    }
}

/// A number that was `f32` without the digits that are none.
fn tidy(x: f64) -> f64 {
    let short = (x as f32).to_string().parse().unwrap_or(x);
    if f64::from(x as f32) == x { short } else { x }
}

fn card(draft: &Draft, export: &Export) -> String {
    let (m, c): (&Manifest, _) = (&draft.manifest, &draft.card);
    let kind = match export {
        Export::Monai { .. } => "MONAI bundle",
        Export::Nnunet { .. } => "nnU-Net export",
    };
    let known = |text: &str| {
        if text.trim().is_empty() { "Unknown: the export does not say".to_owned() } else { text.trim().to_owned() }
    };
    let mut text = format!("# {}\n\n", m.title);
    let _ = writeln!(text, "**Task** {}.", m.task.title());
    let _ = writeln!(
        text,
        "**Status** Imported from a {kind} by Veritome {}. Nothing was tested here. Not a medical device.",
        env!("CARGO_PKG_VERSION")
    );
    let _ = writeln!(text, "**Licence** {}.", m.license.replace("LicenseRef-unknown", "Unknown: none was found"));
    for (heading, body) in [
        ("Intended use", m.intended_use.as_str()),
        ("Not for", m.not_for.as_str()),
        ("Description", c.description.as_str()),
        ("Training data", c.data_source.as_str()),
        ("Authors", c.authors.as_str()),
        ("Copyright", c.copyright.as_str()),
    ] {
        let _ = writeln!(text, "\n## {heading}\n{}", known(body));
    }
    if !c.rows.is_empty() {
        let _ = writeln!(text, "\n## In the maker's words");
        for (what, said) in &c.rows {
            let _ = writeln!(text, "- {what}: {said}");
        }
    }
    let _ = writeln!(text, "\n## Measured by its makers");
    if c.metrics.is_empty() {
        let _ = writeln!(text, "{}", known(""));
    } else {
        let _ = writeln!(text, "Not repeated here.\n\n| What | Value |\n|---|---|");
        for (what, value) in &c.metrics {
            let _ = writeln!(text, "| {what} | {value} |");
        }
    }
    let _ = writeln!(text, "\n## References");
    for reference in &m.cite {
        let _ = writeln!(text, "- {reference}");
    }
    if m.cite.is_empty() {
        let _ = writeln!(text, "{}", known(""));
    }
    let _ = writeln!(text, "\n## What the import could not take over or had to assume");
    for finding in &draft.findings {
        let _ = writeln!(text, "- {finding}");
    }
    if draft.findings.is_empty() {
        let _ = writeln!(text, "Nothing");
    }
    let _ = writeln!(
        text,
        "\n## Unknown\nWhat images it fails on, how it does on other scanners and patients, and whether its probabilities are calibrated. Add a check with a known answer (`[[checks]]`) and run `veritome models check`."
    );
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "helpers of tests")]
    use super::*;
    use crate::inference::manifest::schema::*;
    use crate::volume::Interpolation;

    fn repository(path: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(path)
    }

    struct Done {
        folder: tempfile::TempDir,
        imported: Imported,
    }

    impl Done {
        fn manifest(&self) -> Manifest {
            Model::open(&self.imported.folder).unwrap().manifest
        }

        fn text(&self) -> String {
            std::fs::read_to_string(&self.imported.manifest).unwrap()
        }

        fn says(&self, weight: Weight, words: &str) -> bool {
            self.imported.findings.iter().any(|f| f.weight == weight && f.text.contains(words))
        }
    }

    fn import_of(source: &Path) -> Done {
        let folder = tempfile::tempdir().unwrap();
        let imported = import(source, &folder.path().join("My model")).unwrap();
        Done { folder, imported }
    }

    /// A copy of an export, to be changed.
    fn copy(name: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let from = repository("import").join(name);
        for path in files(&from, &["json", "yaml", "onnx", "pth"]) {
            let to = folder.path().join(path.strip_prefix(&from).unwrap());
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            std::fs::copy(path, to).unwrap();
        }
        folder
    }

    /// Expected: the bundle's own numbers, by the table of INFERENCE.md section 3.
    #[test]
    fn a_bundle_of_one_organ_becomes_a_manifest_with_its_numbers() {
        let done = import_of(&repository("import/spleen"));
        assert!(done.imported.complete);
        let m = done.manifest();
        assert_eq!((m.name.as_str(), m.version.as_str(), m.status), ("my-model", "0.5.3", Status::Research));
        assert_eq!((m.license.as_str(), m.cite.len()), ("Apache-2.0", 2));
        assert_eq!(m.inputs[0].modality, ["CT"]);
        assert_eq!(m.preprocess.spacing_mm, Spacing::Millimetres([1.5, 1.5, 2.0]));
        assert_eq!(m.preprocess.interpolation, Interpolation::Linear);
        assert_eq!(m.preprocess.normalize, [Normalize::Scale { from: [-57.0, 164.0], to: [0.0, 1.0], clip: true }]);
        let i = &m.inferer;
        assert_eq!((i.kind, i.patch, i.overlap), (InfererKind::SlidingWindow, Some([96; 3]), 0.5));
        // The bundle asks for 4 windows at a time, its graph takes 1.
        assert_eq!((i.blend, i.batch, i.layout.as_str()), (Blend::Constant, 1, "NCXYZ"));
        let o = &m.outputs[0];
        assert_eq!((o.kind, o.activation, o.name.as_str()), (OutputKind::Logits, Activation::Softmax, "spleen"));
        assert_eq!((o.labels.len(), o.labels[0].value, o.labels[0].name.as_str()), (1, 1, "spleen"));
        assert_eq!(m.postprocess.largest_component, Which::Labels(vec![1]));
        let card = std::fs::read_to_string(done.imported.folder.join("CARD.md")).unwrap();
        for part in ["not for diagnosis", "Decathlon", "mean_dice | 0.961", "Kerfoot"] {
            assert!(card.contains(part), "{part}: {card}");
        }
        assert!(done.imported.folder.join("LICENSE").is_file());
        // The same target again: nothing is overwritten.
        let again = import(&repository("import/spleen"), &done.imported.folder);
        assert!(matches!(again, Err(ImportError::Occupied(_))));
        drop(done.folder);
    }

    #[test]
    fn a_bundle_of_overlapping_regions_keeps_their_order_and_lists_what_is_lost() {
        let done = import_of(&repository("import/brats"));
        assert!(done.imported.complete);
        let m = done.manifest();
        let inputs: Vec<_> = m.inputs.iter().map(|i| (i.name.as_str(), i.channel)).collect();
        assert_eq!(inputs, [("t1c", 0), ("t1", 1), ("t2", 2), ("flair", 3)]);
        assert_eq!(m.preprocess.normalize, [Normalize::Zscore { nonzero: true }]);
        assert_eq!(m.preprocess.spacing_mm, Spacing::Native);
        assert_eq!((m.inferer.patch, m.inferer.blend), (Some([240, 240, 160]), Blend::Gaussian));
        let regions: Vec<_> = m.postprocess.regions.iter().map(|r| (r.channel, r.value)).collect();
        assert_eq!(regions, [(1, 2), (0, 1), (2, 4)]);
        assert_eq!(m.outputs[0].labels[2].name, "Enhancing tumor");
        assert!(
            done.says(Weight::Lost, "GibbsNoise") && done.text().contains("# Not taken over [preprocess]: GibbsNoise")
        );
        assert!(done.says(Weight::Assumed, "No licence") && done.says(Weight::Assumed, "no Orientationd"));
    }

    #[test]
    fn an_nnunet_export_comes_back_through_its_transposed_axes() {
        let done = import_of(&repository("import/nnunet_ct"));
        assert!(done.imported.complete, "{:?}", done.imported.findings);
        let m = done.manifest();
        // Network axes are y, z, x: transpose_forward [1, 0, 2] of z, y, x; the patch there is 32, 64, 48.
        assert_eq!((m.inferer.layout.as_str(), m.inferer.patch), ("NCYZX", Some([48, 32, 64])));
        assert_eq!(m.preprocess.spacing_mm, Spacing::Millimetres([0.8, 1.5, 3.0]));
        assert_eq!((m.inferer.starts, m.inferer.mean, m.inferer.overlap), (Starts::Even, Mean::Logits, 0.5));
        let p = &m.preprocess;
        assert!(p.anisotropic && p.normalize_first && p.size_rule == SizeRule::Extent && p.crop == Crop::Nonzero);
        let range = [-958.0, 270.0];
        let steps = [
            Normalize::Scale { from: range, to: range, clip: true },
            Normalize::FixedZscore { mean: 97.3, std: 137.9 },
        ];
        assert_eq!(p.normalize, steps);
        // Axes 0 and 2 of the network are y and x.
        let flips: Vec<_> = m.uncertainty.tta.iter().map(|t| t.flip.unwrap()).collect();
        assert_eq!(flips, [Axis::X, Axis::Y]);
        let labels: Vec<_> = m.outputs[0].labels.iter().map(|l| (l.value, l.name.as_str())).collect();
        assert_eq!(labels, [(1, "spleen"), (2, "kidney_left")]);
        assert_eq!((m.inputs[0].tensor.as_str(), m.outputs[0].tensor.as_str()), ("input", "output"));
        assert!(done.says(Weight::Lost, "left and right"));
    }

    /// Expected: the numbers in the YAML, by the table of INFERENCE.md section 3.
    #[test]
    fn a_bundle_in_yaml_is_read_as_one_in_json() {
        let done = import_of(&repository("import/pancreas_yaml"));
        assert!(done.imported.complete, "{:?}", done.imported.findings);
        let m = done.manifest();
        assert_eq!(m.preprocess.spacing_mm, Spacing::Millimetres([1.0; 3]));
        assert_eq!(m.preprocess.normalize, [Normalize::Scale { from: [-87.0, 199.0], to: [0.0, 1.0], clip: true }]);
        assert_eq!((m.inferer.patch, m.inferer.overlap), (Some([96; 3]), 0.625));
        let labels: Vec<_> = m.outputs[0].labels.iter().map(|l| l.name.as_str()).collect();
        assert_eq!(labels, ["pancreas", "pancreatic tumor"]);
        assert!(!done.says(Weight::Lost, ""), "{:?}", done.imported.findings);
        // JSON has the first word where both are there.
        let both = copy("pancreas_yaml");
        let json = std::fs::read_to_string(repository("import/spleen/configs/inference.json")).unwrap();
        std::fs::write(both.path().join("configs/inference.json"), json).unwrap();
        assert_eq!(import_of(both.path()).manifest().inferer.overlap, 0.5);
        // A side of -1 keeps the image's own spacing, as MONAI has it.
        let bundle = copy("pancreas_yaml");
        let path = bundle.path().join("configs/inference.yaml");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("[1.0, 1.0, 1.0]", "[1.0, 1.0, -1]")).unwrap();
        let done = import_of(bundle.path());
        assert_eq!(done.manifest().preprocess.spacing_mm, Spacing::Millimetres([1.0, 1.0, 0.0]));
        assert!(done.text().contains("spacing_mm = [1.0, 1.0, \"native\"]"), "{}", done.text());
    }

    /// The exports are nnU-Net's own (`tests/expected/make_nnunet.py`); both plans hold both configurations.
    #[test]
    fn a_2d_configuration_runs_in_slices_across_the_networks_first_axis() {
        let done = import_of(&repository("import/nnunet_2d"));
        assert!(done.imported.complete, "{:?}", done.imported.findings);
        let m = done.manifest();
        assert_eq!((m.inferer.kind, m.inferer.layout.as_str()), (InfererKind::Slices, "NCYX"));
        assert_eq!(m.inferer.axis, Some(Planes::One(Plane::Axial)));
        assert_eq!(m.inferer.patch, Some([24, 32, 1]));
        assert_eq!(m.preprocess.spacing_mm, Spacing::Millimetres([1.0, 1.0, 0.0]));
        // Axes 0 and 1 of the network are y and x.
        let flips: Vec<_> = m.uncertainty.tta.iter().map(|t| t.flip.unwrap()).collect();
        assert_eq!(flips, [Axis::X, Axis::Y]);
        assert!(
            done.says(Weight::Assumed, "2d was taken: its windows are the graph's"),
            "{:?}",
            done.imported.findings
        );
        let solid = import_of(&repository("import/nnunet_3d"));
        let m = solid.manifest();
        assert_eq!((m.inferer.kind, m.inferer.patch), (InfererKind::SlidingWindow, Some([24, 32, 16])));
        assert_eq!(m.uncertainty.tta.len(), 3);
        // Sagittal slices: the network's first axis is x.
        let turned = copy("nnunet_2d");
        let path = turned.path().join("plans.json");
        let mut plans: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        plans["transpose_forward"] = serde_json::json!([2, 0, 1]);
        plans["configurations"]["2d"]["spacing"] = serde_json::json!([2.5, 0.7]);
        std::fs::write(&path, plans.to_string()).unwrap();
        let m = import_of(turned.path()).manifest();
        assert_eq!((m.inferer.layout.as_str(), m.inferer.patch), ("NCZY", Some([1, 24, 32])));
        assert_eq!(m.inferer.axis, Some(Planes::One(Plane::Sagittal)));
        assert_eq!(m.preprocess.spacing_mm, Spacing::Millimetres([0.0, 0.7, 2.5]));
        // Without a graph the folder's name says which configuration was trained; the command has its window.
        let trained = copy("nnunet_2d");
        std::fs::remove_file(trained.path().join("model.onnx")).unwrap();
        let folder = trained.path().join("nnUNetTrainer__nnUNetPlans__2d");
        std::fs::create_dir(&folder).unwrap();
        for name in ["plans.json", "dataset.json"] {
            std::fs::rename(trained.path().join(name), folder.join(name)).unwrap();
        }
        std::fs::create_dir(folder.join("fold_0")).unwrap();
        std::fs::write(folder.join("fold_0/checkpoint_final.pth"), "no checkpoint").unwrap();
        let done = import_of(&folder);
        let command = done.imported.export_command.clone().unwrap();
        assert!(command.contains("torch.zeros(1, 1, 32, 24)") && command.contains("checkpoint.json"), "{command}");
        assert!(done.says(Weight::Assumed, "the folder is named after it"), "{:?}", done.imported.findings);
    }

    #[test]
    fn a_cascade_is_refused_with_its_reason_and_what_to_do() {
        let cascade = copy("nnunet_3d");
        std::fs::remove_file(cascade.path().join("model.onnx")).unwrap();
        let path = cascade.path().join("plans.json");
        let mut plans: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let fullres = plans["configurations"]["3d_fullres"].take();
        plans["configurations"] = serde_json::json!({
            "3d_fullres": fullres,
            "3d_cascade_fullres": { "inherits_from": "3d_fullres", "previous_stage": "3d_lowres" },
        });
        let folder = cascade.path().join("nnUNetTrainer__nnUNetPlans__3d_cascade_fullres");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("plans.json"), plans.to_string()).unwrap();
        std::fs::rename(cascade.path().join("dataset.json"), folder.join("dataset.json")).unwrap();
        let done = import_of(&folder);
        assert!(!done.imported.complete);
        for words in ["second stage of a cascade", "1 where 3d_lowres has found it", "Import 3d_fullres or 3d_lowres"] {
            assert!(done.says(Weight::Missing, words), "{words}: {:?}", done.imported.findings);
        }
    }

    #[test]
    fn a_graph_that_claims_terabytes_is_not_imported() {
        let bundle = copy("spleen");
        std::fs::copy(repository("onnx/malicious/claims_terabytes.onnx"), bundle.path().join("models/model.onnx"))
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let e = import(bundle.path(), &folder.path().join("m")).unwrap_err().to_string();
        assert!(e.contains("claims 1099511627776 values") && e.contains("are refused"), "{e}");
    }

    #[test]
    fn without_a_graph_only_a_partial_manifest_is_written_and_the_export_is_told() {
        let done = import_of(&repository("import/nnunet_regions"));
        let i = &done.imported;
        assert!(!i.complete && i.manifest.ends_with("manifest.toml.partial"));
        assert!(!i.folder.join("manifest.toml").exists());
        assert_eq!(i.findings[0].weight, Weight::Missing);
        let command = i.export_command.clone().unwrap();
        assert!(command.contains("torch.zeros(1, 4, 128, 128, 128)") && command.contains("('0',)"), "{command}");
        let text = done.text();
        // The file's order, not the alphabet's: "whole tumor" is channel 0.
        let regions = ["{ channel = 0, value = 1 }", "{ channel = 1, value = 2 }", "{ channel = 2, value = 3 }"];
        let label = "{ value = 1, name = \"whole tumor\" }";
        assert!(regions.iter().all(|r| text.contains(r)) && text.contains(label), "{text}");
        assert!(text.contains("# Missing [files]"));
        // A later, whole import takes the same folder.
        let whole = import(&repository("import/spleen"), &i.folder).unwrap();
        assert!(whole.complete && !i.folder.join("manifest.toml.partial").exists());
        // A bundle's checkpoint is exported by MONAI itself.
        let bundle = copy("spleen");
        std::fs::rename(bundle.path().join("models/model.onnx"), bundle.path().join("models/model.pt")).unwrap();
        let done = import_of(bundle.path());
        let command = done.imported.export_command.clone().unwrap();
        assert!(command.contains("monai.bundle onnx_export network_def") && command.contains("[1, 1, 96, 96, 96]"));
    }

    #[test]
    fn the_graph_has_the_last_word() {
        // Two channels where the bundle tells of one: no model, both numbers named.
        let bundle = copy("spleen");
        std::fs::copy(repository("onnx/two_channels.onnx"), bundle.path().join("models/model.onnx")).unwrap();
        let done = import_of(bundle.path());
        assert!(!done.imported.complete);
        assert!(done.says(Weight::Missing, "takes 2 channels, the export tells of 1"), "{:?}", done.imported.findings);
        assert!(done.says(Weight::Assumed, "windows of 8 along X, the export says 96"));
        // Names, an activation that is in the graph, and live dropout.
        let bundle = copy("spleen");
        std::fs::copy(repository("onnx/dropout.onnx"), bundle.path().join("models/model.onnx")).unwrap();
        let m = import_of(bundle.path()).manifest();
        assert_eq!((m.inputs[0].tensor.as_str(), m.outputs[0].tensor.as_str()), ("image", "out"));
        assert_eq!((m.outputs[0].kind, m.outputs[0].activation), (OutputKind::Probabilities, Activation::None));
        assert_eq!(m.uncertainty.sources, [UncertaintySource::Stochastic]);
    }

    #[test]
    fn what_python_would_have_to_say_is_named_and_not_run() {
        let bundle = copy("spleen");
        let path = bundle.path().join("configs/inference.json");
        let text = std::fs::read_to_string(&path).unwrap();
        let text = text.replace("[96, 96, 96]", "\"$compute_size(@dataset)\"").replace("-57", "\"$low()\"");
        std::fs::write(&path, text).unwrap();
        let done = import_of(bundle.path());
        assert!(!done.imported.complete);
        assert!(done.says(Weight::Lost, "roi_size: `$compute_size(@dataset)` (Python is not run)"));
        assert!(done.says(Weight::Missing, "roi_size is not known"));
        assert!(done.says(Weight::Lost, "a_min holds Python"), "{:?}", done.imported.findings);
    }

    #[test]
    fn short_numbers_stay_short() {
        assert_eq!(tidy(f64::from(0.1_f32)), 0.1);
        assert_eq!(tidy(97.3), 97.3);
        assert_eq!(tidy(0.5), 0.5);
    }
}
