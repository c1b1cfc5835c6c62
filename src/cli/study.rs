//! `veritome study`: reader studies.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};

use super::progress::with_progress;
use super::{WrongUsage, print_json};
use crate::app::reading::{Desk, open_room};
use crate::reader_study::analysis::ratings::Dropped;
use crate::reader_study::analysis::{CovarianceMethod, RatingsTable, ReportOptions, StudyReport, methods_text};
use crate::reader_study::design::power_plan::{Aim, Components, Generalise};
use crate::reader_study::design::{Plan, PowerPlan, reading_lists};
use crate::reader_study::example::example;
use crate::reader_study::leaks::Verdict;
use crate::reader_study::outcome::alterations::differing;
use crate::reader_study::outcome::main_numbers::{MainNumber, main_numbers};
use crate::reader_study::outcome::remarks::Word;
use crate::reader_study::outcome::{Incomplete, Material, Receipts};
use crate::reader_study::package::{
    LeakCheck, OwnerKey, PackageError, create, extra_files, leaks, not_as_sealed, sealed_truth, verify,
};
use crate::reader_study::session::washout::override_washout;
use crate::reader_study::study_analysis::{StudyAnalysis, Written, beside};

/// Reader studies.
#[derive(Debug, Args)]
pub(super) struct Study {
    #[command(subcommand)]
    command: StudyCommand,
}

#[derive(Debug, Subcommand)]
enum StudyCommand {
    /// From a plan to the package that readers get
    New(New),
    /// Whether a plan can be carried out, or a package is as it was made
    Check(Check),
    /// Read a session of a study, in the window
    Read(Read),
    /// From readers' logs, or a table of ratings, to figures, tests and intervals
    Analyze(Analyze),
    /// Readers and cases that a comparison needs, from a pilot
    Power(Power),
    /// Make a small study with three simulated readers, to see what an analysis looks like
    Example(Example),
}

/// Makes an invented study whose readers are programs, and analyses it.
#[derive(Debug, Args)]
struct Example {
    /// The folder of the package.
    #[arg(short, long, value_name = "DIR")]
    out: PathBuf,
}

impl Example {
    fn run(self) -> anyhow::Result<()> {
        let key_file = beside(&self.out, "key");
        let key = if key_file.exists() {
            OwnerKey::read(&key_file)?
        } else {
            let key = OwnerKey::generate();
            if let Some(parent) = key_file.parent().filter(|p| !p.as_os_str().is_empty()) {
                std::fs::create_dir_all(parent)?;
            }
            key.save(&key_file)?;
            key
        };
        let out = self.out.clone();
        with_progress("Making the example", move |control| example(&out, &key, control))??;
        let command = Analyze {
            package: Some(self.out),
            key: Some(key_file),
            logs: None,
            out: None,
            unplanned_look: None,
            receipt: Vec::new(),
            accept_untrusted: false,
            ratings: None,
            covariance: Covariance::Jackknife,
            resamples: 2000,
            seed: None,
            alpha: None,
            margin: None,
            reference: None,
            drop_incomplete: None,
            json: false,
        };
        command.run()
    }
}

/// Analysis of a finished study, or of a bare table of ratings.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["package", "ratings"]))]
struct Analyze {
    /// The folder of a package with its readers' logs.
    #[arg(requires = "key")]
    package: Option<PathBuf>,
    /// The owner's key, which opens the truth.
    #[arg(long, value_name = "FILE", requires = "package")]
    key: Option<PathBuf>,
    /// The folder of the readers' logs, where they were gathered elsewhere; PACKAGE/logs if it is left out.
    #[arg(long, value_name = "DIR", requires = "package")]
    logs: Option<PathBuf>,
    /// Where the report and the tables go; DIR.analysis beside the package if it is left out.
    #[arg(short, long, value_name = "DIR", requires = "package")]
    out: Option<PathBuf>,
    /// Look before all sessions are closed; who does is written into the logs and said everywhere.
    #[arg(long, value_name = "WHO", requires = "package")]
    unplanned_look: Option<String>,
    /// A receipt that a reader kept, or a file of them: whether the log's last line is still the one that was written.
    #[arg(long, value_name = "READER[-sN]=HASH | FILE", requires = "package")]
    receipt: Vec<String>,
    /// Go on, by the sealed plan, although logs or files of the package are altered or doubtful; said everywhere.
    #[arg(long, requires = "package")]
    accept_untrusted: bool,
    /// A table reader,modality,case,truth,rating: every reader reads every case in every modality, or all cases of every
    /// modality where each has its own.
    #[arg(long, value_name = "FILE.csv")]
    ratings: Option<PathBuf>,
    /// Where the covariances over cases come from.
    #[arg(long, value_enum, default_value = "jackknife")]
    covariance: Covariance,
    /// Draws of the bootstrap.
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    resamples: u32,
    /// Seed of the bootstrap, 0 if it is left out; a package's plan has its own.
    #[arg(long)]
    seed: Option<u64>,
    /// One minus the confidence of the intervals, 0.05 if it is left out; a package's plan has its own.
    #[arg(long, allow_hyphen_values = true)]
    alpha: Option<f64>,
    /// Margin of noninferiority of the other modalities to the reference, fixed before the study; a difference of areas
    /// above 0 and below 0.5. A package's plan has its own.
    #[arg(long, allow_hyphen_values = true)]
    margin: Option<f64>,
    /// The modality that the others are held against; the first in the order of names if it is left out. In a package the
    /// plan's first acquired one is.
    #[arg(long, value_name = "MODALITY")]
    reference: Option<String>,
    /// Leave out, and say what: `cases` that were not read by every reader in every modality, for all; or, in a package, the
    /// `readers` who did not read all of their lists.
    #[arg(long, value_enum, num_args = 0..=1, default_missing_value = "cases")]
    drop_incomplete: Option<LeftOut>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LeftOut {
    Cases,
    Readers,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Covariance {
    Jackknife,
    Delong,
    Bootstrap,
}

/// Readers and cases that a comparison of two modalities needs, from the ratings of a pilot (Hillis, Obuchowski and Berbaum
/// 2011).
#[derive(Debug, Args)]
struct Power {
    /// A pilot's table reader,modality,case,truth,rating, of two modalities.
    #[arg(long, value_name = "FILE.csv")]
    ratings: PathBuf,
    /// True difference of areas that is to be found; for noninferiority with the margin added.
    #[arg(long, allow_hyphen_values = true)]
    effect: f64,
    /// Readers of the planned study; without it, a table of several numbers.
    #[arg(long, value_parser = clap::value_parser!(u16).range(2..=200))]
    readers: Option<u16>,
    /// Cases of the planned study; without it, as many as the pilot had.
    #[arg(long, value_parser = clap::value_parser!(u16).range(2..=5000))]
    cases: Option<u16>,
    /// The power that is wanted.
    #[arg(long, default_value_t = 0.8, allow_hyphen_values = true)]
    power: f64,
    /// Two-sided significance level; for noninferiority twice the one-sided one.
    #[arg(long, default_value_t = 0.05, allow_hyphen_values = true)]
    alpha: f64,
    /// To what the result is to be generalised.
    #[arg(long, value_enum, default_value = "both")]
    generalise: Generalised,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Generalised {
    /// Other readers and other cases
    Both,
    /// Other cases, these readers
    Cases,
    /// Other readers, these cases
    Readers,
}

impl Power {
    fn run(self) -> anyhow::Result<()> {
        for (name, value) in [("--power", self.power), ("--alpha", self.alpha)] {
            if !(value > 0.0 && value < 1.0) {
                return Err(WrongUsage(format!("{name} must lie between 0 and 1")).into());
            }
        }
        if !(self.effect != 0.0 && self.effect.abs() < 1.0) {
            let words = "--effect must be a difference of areas between -1 and 1 other than 0, for instance 0.05";
            return Err(WrongUsage(words.into()).into());
        }
        let ratings = self.ratings.clone();
        let components = with_progress("Analysing the pilot", move |_| Components::of_ratings(&ratings))?;
        let components = components.map_err(anyhow::Error::msg)?;
        let generalise = match self.generalise {
            Generalised::Both => Generalise::ReadersAndCases,
            Generalised::Cases => Generalise::Cases,
            Generalised::Readers => Generalise::Readers,
        };
        let aim = Aim::Difference { effect: self.effect, generalise, components };
        let plan = PowerPlan { wanted: self.power, alpha: self.alpha, aim };
        let cases = self.cases.map_or(components.cases, usize::from);
        let readers: Vec<usize> = self.readers.map_or_else(|| (3..=12).collect(), |n| vec![usize::from(n)]);
        let statements = readers.into_iter().map(|n| plan.of(n, cases)).collect::<Result<Vec<_>, _>>()?;
        if self.json {
            return print_json(&serde_json::json!({ "components": components, "plans": statements }));
        }
        for statement in &statements {
            println!("{}", statement.text);
        }
        Ok(())
    }
}

impl Study {
    pub(super) fn run(self) -> anyhow::Result<()> {
        match self.command {
            StudyCommand::New(new) => new.run(),
            StudyCommand::Check(check) => check.run(),
            StudyCommand::Read(read) => read.run(),
            StudyCommand::Analyze(analyze) => analyze.run(),
            StudyCommand::Power(power) => power.run(),
            StudyCommand::Example(example) => example.run(),
        }
    }
}

/// Makes the package of a study: blinded images, reading lists, and the truth sealed for its owner.
#[derive(Debug, Args)]
struct New {
    /// The plan.
    #[arg(value_name = "PLAN.toml")]
    plan: PathBuf,
    /// The folder of the package; the plan's name without an ending if it is left out.
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The owner's key file: made if it is not there. Without it, DIR.key beside the package.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Seal for this public key (age1…) instead, whose secret half lies elsewhere.
    #[arg(long, value_name = "AGE1", conflicts_with = "key")]
    recipient: Option<String>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl New {
    fn run(self) -> anyhow::Result<()> {
        let out = match self.out {
            Some(out) => out,
            None => self.plan.with_extension(""),
        };
        let (recipient, key_file) = match self.recipient {
            Some(recipient) => (recipient, None),
            None => {
                let path = self.key.unwrap_or_else(|| beside(&out, "key"));
                let absolute = |p: &Path| std::path::absolute(p).unwrap_or_else(|_| p.to_owned());
                if absolute(&path).starts_with(absolute(&out)) {
                    return Err(PackageError::KeyInside { path }.into());
                }
                let key = if path.exists() {
                    OwnerKey::read(&path)?
                } else {
                    let key = OwnerKey::generate();
                    if let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
                        std::fs::create_dir_all(parent)?;
                    }
                    key.save(&path)?;
                    key
                };
                (key.recipient(), Some(path))
            }
        };
        let plan = self.plan;
        let made = with_progress("Making the package", move |control| create(&plan, &out, &recipient, control))??;
        for warning in &made.warnings {
            eprintln!("veritome: {warning}");
        }
        if self.json {
            return print_json(&serde_json::json!({
                "package": made.folder,
                "key": key_file,
                "plan_sha256": made.plan_sha256,
                "images": made.images,
                "trials": made.trials,
                "warnings": made.warnings,
            }));
        }
        println!("{}", made.folder.display());
        println!("plan {}", made.plan_sha256);
        println!("{} images; trials: {}", made.images, counted(&made.trials));
        if let Some(path) = key_file {
            println!("key {}: keep it, and give it to no reader", path.display());
        }
        Ok(())
    }
}

fn counted(trials: &BTreeMap<String, usize>) -> String {
    trials.iter().map(|(list, n)| format!("{list} {n}")).collect::<Vec<_>>().join(", ")
}

/// Checks a plan before its package is made, or a package after.
#[derive(Debug, Args)]
struct Check {
    /// A plan, or the folder of a package.
    #[arg(value_name = "PLAN.toml | PACKAGE")]
    path: PathBuf,
    /// The owner's key: looks too for what could tell the arms of a package apart.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Check {
    fn run(self) -> anyhow::Result<()> {
        if self.path.is_dir() {
            let mut wrong = texts(&verify(&self.path)?);
            let key = self.key.as_deref().map(OwnerKey::read).transpose()?;
            if let Some(key) = &key {
                let truth = sealed_truth(&self.path, key)?;
                wrong.extend(texts(&not_as_sealed(&self.path, &truth)));
                match Material::read(&self.path) {
                    Ok(material) => wrong.extend(differing(&material, &truth)),
                    Err(error) => wrong.push(error.to_string()),
                }
            }
            for one in &wrong {
                eprintln!("veritome: {one}");
            }
            for extra in extra_files(&self.path)? {
                eprintln!("veritome: {extra}: it is no file of the package as it was made");
            }
            anyhow::ensure!(
                wrong.is_empty(),
                "the package is not as it was made: {}",
                if wrong.len() == 1 { "1 finding".to_owned() } else { format!("{} findings", wrong.len()) }
            );
            let Some(key) = key else {
                println!("{}: every file is as SHA256SUMS has it; with --key, as it was sealed", self.path.display());
                return Ok(());
            };
            let path = self.path.clone();
            let found = with_progress("Checking the package", move |control| leaks(&path, &key, control))??;
            if self.json {
                return print_json(&found);
            }
            println!("{}: every file is as it was made", self.path.display());
            print_leaks(&found);
            return Ok(());
        }
        let plan = Plan::read(&self.path)?;
        plan.check_images_exist()?;
        let lists = reading_lists(&plan)?;
        for warning in &lists.warnings {
            eprintln!("veritome: {warning}");
        }
        let trials: BTreeMap<String, usize> = lists.lists.iter().map(|list| (list.name(), list.trials.len())).collect();
        let power = PowerPlan::of_plan(&plan).transpose()?;
        if self.json {
            return print_json(&serde_json::json!({
                "title": plan.title,
                "quiz": plan.is_quiz(),
                "cases": plan.cases.len(),
                "trials": trials,
                "power": power,
                "warnings": lists.warnings,
            }));
        }
        println!("{}: {} cases, trials: {}", plan.title, plan.cases.len(), counted(&trials));
        if let Some(power) = power {
            println!("{}", power.text);
        }
        Ok(())
    }
}

fn print_leaks(found: &LeakCheck) {
    let report = &found.report;
    let [a, b] = &found.arms;
    println!("arm A {a}, {} images; arm B {b}, {} images", report.images[0], report.images[1]);
    let verdict = match report.verdict {
        Verdict::NoneFound => "nothing was found that could tell the arms apart",
        Verdict::Suspicious => "something differs, but hardly helps a reader",
        Verdict::Leak => "THE ARMS CAN BE TOLD APART",
    };
    println!("{verdict}");
    for reason in &report.reasons {
        println!("- {}", reason.text);
        if !reason.remedy.is_empty() {
            println!("  {}", reason.remedy);
        }
    }
}

/// Reads a session on the whole screen; it may be left and gone on with at any time.
#[derive(Debug, Args)]
struct Read {
    /// The folder of the package.
    package: PathBuf,
    /// Who reads.
    #[arg(long, value_name = "ID")]
    reader: String,
    /// Which session, from 1.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    session: u32,
    /// Start although the washout time is not over; the reason is reported.
    #[arg(long, value_name = "REASON")]
    override_washout: Option<String>,
}

impl Read {
    fn run(self) -> anyhow::Result<()> {
        let (mut desk, may) = Desk::open(&self.package, &self.reader, self.session)?;
        if !may.is_yes() {
            match &self.override_washout {
                Some(reason) => desk.overridden = Some(override_washout(reason)?),
                None => anyhow::bail!("{may}; --override-washout REASON starts it nevertheless and is reported"),
            }
        }
        open_room(desk)
    }
}

fn texts(errors: &[PackageError]) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}

impl Analyze {
    fn run(self) -> anyhow::Result<()> {
        let json = self.json;
        if let (Some(package), Some(key)) = (&self.package, &self.key) {
            self.not_the_plans()?;
            return self.study(package, key);
        }
        if self.alpha.is_some_and(|alpha| !(alpha > 0.0 && alpha < 1.0)) {
            return Err(WrongUsage("--alpha must lie between 0 and 1".into()).into());
        }
        if self.margin.is_some_and(|margin| !(margin > 0.0 && margin < 0.5)) {
            return Err(WrongUsage("--margin must lie above 0 and below 0.5".into()).into());
        }
        if self.drop_incomplete == Some(LeftOut::Readers) {
            let words = "--drop-incomplete readers is for packages, whose lists say what was to be read; a table of ratings \
                         takes --drop-incomplete, which leaves cases out";
            return Err(WrongUsage(words.into()).into());
        }
        let report = with_progress("Analysing the ratings", move |_| self.report())??;
        if json {
            return print_json(&report.to_json());
        }
        print!("{}", methods_text::text(&report));
        Ok(())
    }

    /// What was fixed before the study cannot be set after it.
    fn not_the_plans(&self) -> Result<(), WrongUsage> {
        let given = [
            ("--alpha", self.alpha.is_some()),
            ("--margin", self.margin.is_some()),
            ("--seed", self.seed.is_some()),
            ("--reference", self.reference.is_some()),
        ];
        given.iter().find(|(_, is_given)| *is_given).map_or(Ok(()), |(option, _)| {
            Err(WrongUsage(format!(
                "{option} cannot be given for a package: its plan was frozen with its own; the option is for --ratings"
            )))
        })
    }

    fn report(&self) -> anyhow::Result<StudyReport> {
        let Some(ratings) = &self.ratings else {
            return Err(WrongUsage("give a package with its --key, or --ratings FILE.csv".into()).into());
        };
        let table = RatingsTable::read(ratings)?;
        let nested = table.nested();
        let mut tables = nested.clone().unwrap_or_else(|| vec![table]);
        let mut dropped = None;
        if self.drop_incomplete.is_some() {
            let complete = tables.iter().map(RatingsTable::drop_incomplete).collect::<Result<Vec<_>, _>>()?;
            let (kept, left_out): (Vec<RatingsTable>, Vec<Dropped>) = complete.into_iter().unzip();
            (tables, dropped) = (kept, Some(Dropped::all(left_out)).filter(|d| !d.cases.is_empty()));
        }
        let options = ReportOptions {
            covariance: self.method(self.seed.unwrap_or(0)),
            alpha: self.alpha.unwrap_or(0.05),
            margin: self.margin,
            reference: self.reference.clone(),
            dropped,
        };
        let crossed = tables.iter().map(RatingsTable::crossed).collect::<Result<Vec<_>, _>>()?;
        Ok(match crossed.as_slice() {
            [crossed] if nested.is_none() => StudyReport::new(crossed, &options)?,
            arms => StudyReport::nested(arms, &options)?,
        })
    }

    fn method(&self, seed: u64) -> CovarianceMethod {
        match self.covariance {
            Covariance::Jackknife => CovarianceMethod::Jackknife,
            Covariance::Delong => CovarianceMethod::DeLong,
            Covariance::Bootstrap => CovarianceMethod::Bootstrap { resamples: self.resamples as usize, seed },
        }
    }

    /// Unseals a package, analyses its readers' logs, and writes the report.
    fn study(&self, package: &Path, key: &Path) -> anyhow::Result<()> {
        let mut receipts = Receipts::default();
        self.receipt.iter().try_for_each(|text| receipts.add(text))?;
        let analysis = StudyAnalysis {
            logs: self.logs.clone(),
            out: self.out.clone(),
            word: Word { accept_untrusted: self.accept_untrusted, unplanned_look: self.unplanned_look.clone() },
            // The seed is the plan's.
            covariance: self.method(0),
            resamples: self.resamples as usize,
            receipts,
            incomplete: self.drop_incomplete.map(|what| match what {
                LeftOut::Cases => Incomplete::Cases,
                LeftOut::Readers => Incomplete::Readers,
            }),
            ..StudyAnalysis::new(package.to_owned(), key.to_owned())
        };
        let Written { outcome, files, .. } =
            with_progress("Analysing the study", move |control| analysis.write(control))??;
        if self.json {
            return print_json(&outcome.to_json());
        }
        for remark in &outcome.remarks {
            println!("{remark}");
        }
        for warning in &outcome.warnings {
            eprintln!("veritome: {warning}");
        }
        for line in &outcome.receipts.content {
            println!("{}: {}", line.log, line.text);
        }
        for MainNumber { name, value } in main_numbers(&outcome) {
            println!("{name}: {value}");
        }
        println!("{}", outcome.methods);
        for file in &files {
            println!("{}", file.display());
        }
        Ok(())
    }
}
