//! `veritome audit-model`: what a model kept of its training data.

use std::path::PathBuf;

use clap::Args;

use super::WrongUsage;
use super::print_json;
use super::progress::with_progress;
use super::run::ProviderName;
use crate::inference::audit::{Attack, AuditOptions, AuditReport, audit};
use crate::inference::{manifest, runtime};

/// Whether a model repeats its training images, and whether they can be told from others by it.
#[derive(Debug, Args)]
pub(super) struct AuditModel {
    /// Name or folder of the model.
    model: String,
    /// Folder of images (or of labelled cases, for a model that answers images) that it was trained on.
    #[arg(long, value_name = "DIR")]
    train: PathBuf,
    /// The same from the same source that it never saw.
    #[arg(long, value_name = "DIR")]
    holdout: PathBuf,
    /// Images that a generative model is asked for.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(2..=100_000))]
    samples: u32,
    /// A model with an output of kind `features`, or with classes of the whole image; without it, means over a coarse grid.
    #[arg(long, value_name = "MODEL")]
    encoder: Option<String>,
    /// Seed of the first image and of the tests.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// One minus the confidence of the intervals.
    #[arg(long, default_value_t = 0.05)]
    alpha: f64,
    /// Where the network runs. Only `auto` may fall back, and says so.
    #[arg(long, value_enum, default_value = "auto")]
    provider: ProviderName,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl AuditModel {
    pub(super) fn run(self) -> anyhow::Result<()> {
        if !(self.alpha > 0.0 && self.alpha < 1.0) {
            return Err(WrongUsage("--alpha must lie between 0 and 1".into()).into());
        }
        let json = self.json;
        let report = with_progress("Auditing the model", move |control| -> anyhow::Result<_> {
            let model = manifest::find(&self.model)?;
            let encoder = self.encoder.as_deref().map(manifest::find).transpose()?;
            runtime::ensure(control)?;
            let options = AuditOptions {
                samples: self.samples as usize,
                encoder,
                seed: self.seed,
                provider: self.provider.into(),
                alpha: self.alpha,
            };
            Ok(audit(&model, &self.train, &self.holdout, options, control)?)
        })??;
        if json {
            return print_json(&report);
        }
        print(&report);
        Ok(())
    }
}

fn print(report: &AuditReport) {
    for warning in &report.warnings {
        eprintln!("veritome: {warning}");
    }
    let (seen, unseen) = (report.training_images.len(), report.holdout_images.len());
    println!("{}: {seen} training images, {unseen} that it never saw", report.model);
    if let Some(m) = &report.memorisation {
        println!(
            "{} generated images, compared by {}",
            report.generated,
            report.features.as_deref().unwrap_or_default()
        );
        println!("  authentic: {:.1} %", m.authentic_share * 100.0);
        if let (Some(share), Some([low, high])) = (m.nearer.share, m.nearer.interval) {
            let [share, low, high, expected] = [share, low, high, m.nearer.expected].map(|x| x * 100.0);
            println!("  nearer to a training image than to an unseen one: {share:.1} % ({low:.1} to {high:.1})");
            let p = m.nearer.p_permutation.map(|p| format!(", p = {p:.4}")).unwrap_or_default();
            println!("    without memorisation {expected:.1} %{p} (relabelling)");
        }
        println!(
            "  suspiciously near to a training image: {} (by chance at most {:.1})",
            m.suspicious.len(),
            m.suspicious_expected
        );
        for one in m.suspicious.iter().take(10) {
            let name = report.training_images.get(one.image.training.index).map(|p| p.display().to_string());
            println!(
                "    image {} (seed offset {0}): distance {:.4} to {}",
                one.image.index,
                one.image.training.distance,
                name.unwrap_or_default()
            );
        }
    }
    if let Some(f) = &report.frechet {
        println!("  Fréchet distance to unseen images: {:.4}", f.squared);
    }
    if let Some(kernel) = report.kernel {
        println!("  kernel distance (KID) to unseen images: {kernel:.6}");
    }
    if let Some(c) = &report.coverage {
        println!(
            "  precision {:.3}, recall {:.3}, density {:.3}, coverage {:.3}",
            c.precision, c.recall, c.density, c.coverage
        );
    }
    let by = match report.attack {
        Attack::NearestGenerated => "distance to the nearest generated image",
        Attack::Error => "error against the truth",
        Attack::Anomaly => "the model's own anomaly map",
    };
    let m = &report.membership;
    let interval = m.interval.map(|[low, high]| format!(" ({low:.3} to {high:.3})")).unwrap_or_default();
    println!("membership inference by {by}: AUC {:.3}{interval}; 0.5 is no leak", m.auc);
    for rate in &m.rates {
        println!(
            "  at {:.0} % false positives: {:.1} % of the training images found ({:.1} to {:.1}){}",
            rate.wanted_false_positive_rate * 100.0,
            rate.true_positive_rate * 100.0,
            rate.interval[0] * 100.0,
            rate.interval[1] * 100.0,
            if rate.too_few_non_members { ", too few unseen images for this rate" } else { "" }
        );
    }
}
