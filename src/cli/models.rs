//! `veritome models`: what is installed.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::inference::manifest;

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
    /// Names, versions, tasks
    List,
    /// One model: what it is for, what not, inputs, outputs, licence
    Show {
        /// Name or folder.
        name: String,
    },
    /// Check a model folder: manifest, weights
    Check {
        /// The folder.
        folder: PathBuf,
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
            Some(ModelsCommand::Check { ref folder }) => {
                let model = manifest::Model::open(folder)?;
                model.verify_weights()?;
                println!(
                    "{} {}: the manifest is sound and the weights are the ones that it names",
                    model.manifest.name, model.manifest.version
                );
                Ok(())
            }
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
        }
        for m in &models {
            println!(
                "{:20} {:8} {:14} {}",
                m.manifest.name,
                m.manifest.version,
                format!("{:?}", m.manifest.task).to_lowercase(),
                m.manifest.title
            );
        }
        Ok(())
    }
}

/// A model for a person: what it is for and what not, first.
fn summary(model: &manifest::Model) -> String {
    let m = &model.manifest;
    let inputs: Vec<_> = m.inputs.iter().map(|i| format!("{} ({})", i.name, i.modality.join(", "))).collect();
    let outputs: Vec<_> = m.outputs.iter().map(|o| o.name.clone()).collect();
    let rows = [
        ("", m.title.clone()),
        ("Version", m.version.clone()),
        ("Intended use", m.intended_use.clone()),
        ("Not for", m.not_for.clone()),
        ("Licence", m.license.clone()),
        ("Source", m.source.clone()),
        ("Inputs", inputs.join(", ")),
        ("Outputs", outputs.join(", ")),
        ("Folder", model.folder.display().to_string()),
    ];
    rows.iter().filter(|(_, v)| !v.is_empty()).map(|(k, v)| format!("{k:14}{v}\n")).collect()
}
