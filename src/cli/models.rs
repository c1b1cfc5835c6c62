//! `veritome models`: what is installed, what a model is, whether it is what it says, and how one gets in.

use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::{Args, Subcommand};

use super::progress::with_progress;
use crate::inference::manifest::schema::OutputSpec;
use crate::inference::{check, import, manifest, runtime};

/// Models that are installed.
#[derive(Debug, Args)]
pub(super) struct Models {
    #[command(subcommand)]
    command: Option<ModelsCommand>,
    /// Print one JSON object.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum ModelsCommand {
    /// Names, versions, tasks, how far each may be trusted
    List,
    /// One model: what it is for, what not, inputs, outputs, licence
    Show {
        /// Name or folder.
        name: String,
    },
    /// Check a model folder: manifest, weights, the graph's tensors, the shipped answers
    Check {
        /// The folder, or the name of an installed model.
        folder: PathBuf,
    },
    /// Make a model folder out of a MONAI bundle or an nnU-Net export
    Import {
        /// The export's folder, unpacked.
        bundle: PathBuf,
        /// The model folder to make; its name becomes the model's.
        #[arg(short, long, value_name = "DIR")]
        output: PathBuf,
    },
}

impl Models {
    pub(super) fn run(self) -> anyhow::Result<()> {
        match self.command {
            None | Some(ModelsCommand::List) => self.list(),
            Some(ModelsCommand::Show { ref name }) => {
                let model = manifest::find(name)?;
                if self.json {
                    return super::print_json(&model.manifest);
                }
                print!("{}", summary(&model));
                Ok(())
            }
            Some(ModelsCommand::Check { ref folder }) => self.check(folder),
            Some(ModelsCommand::Import { ref bundle, ref output }) => self.import(bundle, output),
        }
    }

    fn list(&self) -> anyhow::Result<()> {
        let mut models = Vec::new();
        for found in manifest::models() {
            match found.model {
                Ok(model) => models.push(model),
                Err(problem) => eprintln!("veritome: {problem}"),
            }
        }
        if self.json {
            let rows: Vec<_> = models
                .iter()
                .map(|m| {
                    serde_json::json!({
                        "name": m.manifest.name, "version": m.manifest.version, "title": m.manifest.title,
                        "task": m.manifest.task, "status": m.manifest.status, "folder": m.folder,
                    })
                })
                .collect();
            return super::print_json(&serde_json::json!({ "models": rows }));
        }
        if models.is_empty() {
            println!("No models are installed; put a model folder into the folder named by VERITOME_MODELS");
            return Ok(());
        }
        let rows: Vec<[String; 5]> = models
            .iter()
            .map(|m| {
                let m = &m.manifest;
                [m.name.clone(), m.version.clone(), word(&m.task), word(&m.status), m.title.clone()]
            })
            .collect();
        print!("{}", aligned(&rows));
        Ok(())
    }

    fn check(&self, folder: &Path) -> anyhow::Result<()> {
        let model = manifest::find(&folder.to_string_lossy())?;
        model.verify_weights()?;
        let report = with_progress("Checking the model", move |control| {
            runtime::ensure(control)?;
            Ok::<_, anyhow::Error>(check::check(&model, control)?)
        })??;
        if self.json {
            super::print_json(&report)?;
        } else {
            print!("{}", told(&report));
        }
        if !report.passed {
            bail!("{} {}: {} found", report.model, report.version, counted(report.problems.len(), "problem"));
        }
        Ok(())
    }

    fn import(&self, bundle: &Path, output: &Path) -> anyhow::Result<()> {
        let imported = import::import(bundle, output)?;
        if self.json {
            super::print_json(&imported)?;
        } else {
            for finding in &imported.findings {
                eprintln!("{finding}");
            }
            println!("{}", imported.manifest.display());
        }
        if !imported.complete {
            let missing = imported.findings.iter().filter(|f| f.weight == import::Weight::Missing).count();
            bail!(
                "{}: {} missing, so this is no model yet; supply what is named above and import again",
                output.display(),
                counted(missing, "thing")
            );
        }
        if !self.json {
            eprintln!("Now give it a check with a known answer and run `veritome models check {}`", output.display());
        }
        Ok(())
    }
}

fn counted(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

/// Columns as wide as their widest cell; the last one is ragged.
fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|r| r[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    rows.iter()
        .map(|row| {
            let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
            format!("{}\n", cells.join("  ").trim_end())
        })
        .collect()
}

/// A word of the manifest as it is written there.
fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

/// A check for a person: what was looked at, then what is wrong.
fn told(report: &check::CheckReport) -> String {
    let runtime = report.onnxruntime.as_deref().unwrap_or("of unknown version");
    let mut rows = vec![
        ["Model".to_owned(), format!("{} {}", report.model, report.version)],
        ["Manifest".to_owned(), "sound".to_owned()],
        ["Weights".to_owned(), format!("{} as the manifest says", counted(report.graphs.len(), "graph"))],
    ];
    for graph in &report.graphs {
        let takes = if graph.loads { "takes it" } else { "does not take it" };
        rows.push([
            graph.role.clone(),
            format!(
                "opset {}, IR {}, {}; ONNX Runtime {runtime} {takes}",
                graph.opset,
                graph.ir_version,
                counted(graph.nodes, "node")
            ),
        ]);
        rows.push(["  in".to_owned(), graph.inputs.join(", ")]);
        rows.push(["  out".to_owned(), graph.outputs.join(", ")]);
        rows.extend(graph.elsewhere.iter().map(|e| [format!("  {}", e.provider), e.says.clone()]));
        if graph.live_dropout > 0 {
            rows.push(["  dropout".to_owned(), format!("{} live", counted(graph.live_dropout, "node"))]);
        }
    }
    for reference in &report.references {
        let state = if reference.passed { "Check" } else { "Failed" };
        rows.push([state.to_owned(), reference.sentence()]);
    }
    rows.extend(report.warnings.iter().map(|w| ["Warning".to_owned(), w.clone()]));
    rows.extend(report.problems.iter().map(|p| ["Problem".to_owned(), p.clone()]));
    aligned(&rows)
}

/// A model for a person: what it is for and what not, first.
fn summary(model: &manifest::Model) -> String {
    let m = &model.manifest;
    let inputs: Vec<_> = m.inputs.iter().map(|i| format!("{} ({})", i.name, i.modality.join(", "))).collect();
    let outputs: Vec<_> = m.outputs.iter().map(output_line).collect();
    let sources: Vec<_> = m.uncertainty.sources.iter().map(word).collect();
    let or_none = |text: String, none: &str| if text.is_empty() { none.to_owned() } else { text };
    let rows = [
        ("Title", m.title.clone()),
        ("Version", m.version.clone()),
        ("Task", word(&m.task)),
        ("Status", word(&m.status)),
        ("Intended use", m.intended_use.clone()),
        ("Not for", m.not_for.clone()),
        ("Licence", m.license.clone()),
        ("Of the data", m.license_data.clone().unwrap_or_default()),
        ("Source", m.source.clone()),
        ("Inputs", inputs.join(", ")),
        ("Outputs", outputs.join(", ")),
        ("Uncertainty", or_none(sources.join(", "), "no source; nothing tells how sure it is")),
        ("Guard", or_none(guard(model), "none; unlike images are not noticed")),
        ("Faithfulness", second_models(model)),
        ("Checks", m.checks.len().to_string()),
        ("Folder", model.folder.display().to_string()),
    ];
    let rows: Vec<[String; 2]> =
        rows.into_iter().filter(|(_, v)| !v.is_empty()).map(|(k, v)| [k.to_owned(), v]).collect();
    let card = model.card().map(|card| excerpt(&card)).unwrap_or_default();
    format!("{}{card}", aligned(&rows))
}

fn output_line(output: &OutputSpec) -> String {
    let labels: Vec<&str> = output.labels.iter().take(4).map(|l| l.name.as_str()).collect();
    let more = if output.labels.len() > 4 { " …" } else { "" };
    let what = if labels.is_empty() { output.kind.name().to_owned() } else { format!("{}{more}", labels.join(", ")) };
    format!("{} ({what})", output.name)
}

fn second_models(model: &manifest::Model) -> String {
    let Some(f) = &model.manifest.faithfulness else { return String::new() };
    let mut parts: Vec<String> = f.cycle.iter().map(|name| format!("cycle by {name}")).collect();
    if let Some(s) = &f.segmentation {
        let both = [s.of_source(), s.of_synthetic()];
        let names = if both[0] == both[1] { both[0].to_owned() } else { both.join(" and ") };
        parts.push(format!("segmentation by {names}"));
    }
    parts.join(", ")
}

fn guard(model: &manifest::Model) -> String {
    let Some(guard) = &model.manifest.guard else { return String::new() };
    let mut parts = Vec::new();
    if let Some([low, high]) = guard.spacing_mm_range {
        parts.push(format!("spacing {low} to {high} mm"));
    }
    if let Some([low, high]) = guard.field_of_view_mm {
        parts.push(format!("field of view {low} to {high} mm"));
    }
    if guard.lossless {
        parts.push("no lossy compression".to_owned());
    }
    if guard.intensity_histogram.is_some() {
        parts.push("intensity histogram".to_owned());
    }
    if guard.embedding.is_some() {
        parts.push("features".to_owned());
    }
    parts.join(", ")
}

/// The parts of a card that a person should not miss: its limits, else its first paragraph.
fn excerpt(card: &str) -> String {
    const MOST: usize = 12;
    let heading = |line: &&str| line.starts_with('#');
    let limits = card.lines().skip_while(|l| {
        let l = l.to_lowercase();
        !(l.starts_with('#') && ["limit", "fail", "could not take over"].iter().any(|w| l.contains(w)))
    });
    let mut lines: Vec<&str> = limits.skip(1).take_while(|l| !heading(l)).filter(|l| !l.trim().is_empty()).collect();
    if lines.is_empty() {
        lines = card.lines().filter(|l| !heading(l) && !l.trim().is_empty()).collect();
    }
    let more = if lines.len() > MOST { "  …\n" } else { "" };
    let text: String = lines.iter().take(MOST).map(|l| format!("  {l}\n")).collect();
    if text.is_empty() { text } else { format!("\nFrom its card\n{text}{more}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["a".to_owned(), "b".to_owned()], ["long".to_owned(), "c d".to_owned()]];
        assert_eq!(aligned(&rows), "a     b\nlong  c d\n");
    }

    #[test]
    fn a_cards_limits_are_shown_before_its_beginning() {
        let card = "# T\nFirst\n## Limits and failures\n- one\n\n- two\n## Other\nmore\n";
        assert_eq!(excerpt(card), "\nFrom its card\n  - one\n  - two\n");
        assert_eq!(excerpt("# T\nFirst\n"), "\nFrom its card\n  First\n");
    }
}
