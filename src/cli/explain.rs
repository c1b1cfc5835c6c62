//! `veritome explain`: a map of what mattered to a model, tested; `explain check`: whether such a map is about the
//! model at all.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::picture_options::point;
use super::progress::with_progress;
use super::run::{NamedInputs, ProviderName, named_inputs};
use super::{WrongUsage, print_json};
use crate::explain::{
    self, Cover, Evaluation, ExplainOptions, FEW_STEPS, Method, Occlusion, Rise, Target, write_explanation,
};
use crate::inference::{manifest, runtime};
use crate::jobs::Control;
use crate::volume::PatientPoint;

/// A map of what mattered to a model.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct Explain {
    #[command(subcommand)]
    command: Option<ExplainCommand>,
    #[command(flatten)]
    asked: Option<Asked>,
    /// Folder for the map and its record.
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    output: PathBuf,
}

#[derive(Debug, Subcommand)]
enum ExplainCommand {
    /// Randomise the network layer by layer: a map that stays as it was ignores the model
    Check(Asked),
}

#[derive(Debug, Clone, Args)]
pub(super) struct Asked {
    /// Name or folder of the model.
    model: String,
    /// An input image; NAME where the model has several.
    #[arg(short, long, value_name = "[NAME=]PATH", required = true)]
    input: Vec<String>,
    /// occlusion, rise, scorecam, hirescam, smoothgrad, attention or counterfactual.
    #[arg(long, default_value = "occlusion")]
    method: Method,
    /// class=NAME, class=NAME@X,Y,Z[,RADIUS], change or change@X0,Y0,Z0,X1,Y1,Z1 (LPS mm).
    #[arg(long)]
    target: Option<Target>,
    /// Where to look, LPS mm.
    #[arg(long, value_name = "X,Y,Z", value_parser = point, allow_hyphen_values = true)]
    at: Option<PatientPoint>,
    /// The tensor inside the graph that scorecam, hirescam and attention use.
    #[arg(long)]
    tensor: Option<String>,
    /// Side of the boxes of occlusion, voxels of the model's grid: every box of that size, without a first pass.
    #[arg(long, value_name = "VOXELS")]
    mask_size: Option<usize>,
    /// Every small box of occlusion, as MONAI does; else small boxes only where large ones changed most.
    #[arg(long)]
    full: bool,
    /// Steps that a diffusion takes in each pass, at most the model's own.
    #[arg(long, value_name = "N", default_value_t = FEW_STEPS)]
    diffusion_steps: usize,
    /// What covers the boxes: gaussian, background or mean_patch.
    #[arg(long, value_parser = cover)]
    cover: Option<Cover>,
    /// How many masks RISE draws.
    #[arg(long)]
    masks: Option<usize>,
    /// Steps of the deletion and insertion tests; 0 leaves them out.
    #[arg(long, default_value_t = 20)]
    steps: usize,
    /// Where the network runs. Only `auto` may fall back, and says so.
    #[arg(long, value_enum, default_value = "auto")]
    provider: ProviderName,
    /// Seed of every random number.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

fn cover(text: &str) -> Result<Cover, String> {
    serde_json::from_value(text.into()).map_err(|_| format!("{text}: choose gaussian, background or mean_patch"))
}

impl Asked {
    fn options(&self) -> ExplainOptions {
        let mut occlusion = Occlusion { cover: self.cover.unwrap_or_default(), ..Occlusion::default() };
        if self.full {
            occlusion.coarse = None;
        }
        if let Some(mask_size) = self.mask_size {
            occlusion = Occlusion { mask_size, coarse: None, ..occlusion };
        }
        ExplainOptions {
            target: self.target.clone(),
            at: self.at.map(|p| p.0.to_array()),
            provider: self.provider.into(),
            seed: self.seed,
            tensor: self.tensor.clone(),
            steps: Some(self.diffusion_steps),
            occlusion,
            rise: Rise { masks: self.masks.unwrap_or(Rise::default().masks), ..Rise::default() },
            evaluation: (self.steps > 0).then(|| Evaluation { steps: self.steps, ..Evaluation::default() }),
            ..ExplainOptions::of(self.method)
        }
    }

    fn open(&self, control: &Control) -> anyhow::Result<(manifest::Model, NamedInputs)> {
        let model = manifest::find(&self.model)?;
        let (inputs, notes) = named_inputs(&model, &self.input, control)?;
        notes.iter().for_each(|line| eprintln!("veritome: {line}"));
        runtime::ensure(control)?;
        Ok((model, inputs))
    }
}

impl Explain {
    pub(super) fn run(self) -> anyhow::Result<()> {
        match (self.command, self.asked) {
            (Some(ExplainCommand::Check(asked)), _) => check(asked),
            (None, Some(asked)) => map(asked, self.output),
            (None, None) => Err(WrongUsage("give a model and its inputs, or `check`".to_owned()).into()),
        }
    }
}

fn map(asked: Asked, folder: PathBuf) -> anyhow::Result<()> {
    let json = asked.json;
    let (report, faithful) = with_progress("Explaining the model", move |control| -> anyhow::Result<_> {
        let (model, inputs) = asked.open(control)?;
        let options = asked.options();
        let ready = explain::prepare(&model, &inputs, &options, control)?;
        eprintln!("veritome: {}", ready.cost);
        let found = ready.explain()?;
        let report = write_explanation(&model, &inputs, &options, &found, &folder)?;
        Ok((report, found.faithfulness))
    })??;
    if json {
        return print_json(&report);
    }
    for warning in &report.warnings {
        eprintln!("veritome: {warning}");
    }
    println!("{}", report.path.display());
    println!("{} of {} by {}", report.method, report.target, report.model);
    println!("{} passes on {} in {:.1} s", report.passes, report.provider, report.seconds);
    println!("parameters {}", report.parameters);
    if faithful.is_some() {
        println!("deletion AUC {} (lower is better)", number(report.deletion_auc));
        println!("insertion AUC {} (higher is better)", number(report.insertion_auc));
    }
    for item in &report.sequence {
        println!("{:+.2} score {:.4} {}", item.position, item.score, item.path.display());
    }
    Ok(())
}

fn check(asked: Asked) -> anyhow::Result<()> {
    let json = asked.json;
    let found = with_progress("Checking the explanation", move |control| -> anyhow::Result<_> {
        let (model, inputs) = asked.open(control)?;
        let mut options = asked.options();
        // The map is made once for every step of the cascade: large boxes are enough to see whether it changes.
        if asked.mask_size.is_none() && !asked.full {
            options.occlusion = Occlusion { mask_size: 32, overlap: 0.25, coarse: None, ..options.occlusion };
        }
        let ready = explain::prepare(&model, &inputs, &options, control)?;
        eprintln!("veritome: {}", ready.cost_of_check()?);
        Ok(ready.check()?)
    })??;
    if json {
        return print_json(&found);
    }
    println!("{} of {}: {}", found.method, found.target, found.verdict);
    println!("layers replaced by noise, of {}: Spearman, SSIM with the true map", found.layers);
    for step in &found.sanity.cascade {
        println!("{:>6}  {:>6.3}  {:>6.3}", step.layers, step.likeness.spearman, step.likeness.ssim);
    }
    let r = found.sanity.repeatability;
    let nothing = if found.draws { "" } else { "  (nothing is drawn, so this proves nothing)" };
    println!("another seed: {:.3}  {:.3}{nothing}", r.spearman, r.ssim);
    let (own, random) = (&found.sanity.faithfulness, &found.sanity.random);
    println!("deletion AUC {} (a random map: {})", number(own.deletion_auc), number(random.deletion_auc));
    println!("insertion AUC {} (a random map: {})", number(own.insertion_auc), number(random.insertion_auc));
    Ok(())
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "not defined: the score does not change".to_owned(), |x| format!("{x:.3}"))
}
