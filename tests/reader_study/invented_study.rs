//! An invented study of any design, from a plan through the real lists to the sealed truth; only its images are not there.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use veritome::reader_study::design::{Blobs, FrozenPlan, Plan, PublicList, PublicStudy, SealedTruth, reading_lists};
use veritome::reader_study::outcome::Material;
use veritome::reader_study::outcome::simulate::{SimulatedReader, Simulation, simulate};
use veritome::reader_study::session::entry::line_hash;
use veritome::reader_study::session::event::{Monitor, Opened};
use veritome::reader_study::session::looks::Looks;
use veritome::reader_study::session::utc::Utc;

/// What is invented.
#[derive(Debug, Clone)]
pub struct Invention {
    pub design: &'static str,
    pub readers: Vec<String>,
    pub cases: usize,
    pub sessions: u32,
    /// Name, and whether it is synthetic.
    pub arms: Vec<(&'static str, bool)>,
    pub repeats: usize,
    pub training: usize,
    pub catch: usize,
    pub questions: Value,
    pub margin: Option<f64>,
    pub allow_back: bool,
    /// Before the names of cases, to rename them.
    pub case_prefix: &'static str,
}

impl Invention {
    pub fn new(design: &'static str, readers: usize, cases: usize) -> Self {
        Self {
            design,
            readers: (1..=readers).map(|r| format!("R{r:02}")).collect(),
            cases,
            sessions: 2,
            arms: vec![("acquired", false), ("synthetic", true)],
            repeats: 6,
            training: 2,
            catch: 3,
            questions: questions(design),
            margin: Some(0.1),
            allow_back: false,
            case_prefix: "c",
        }
    }

    /// Public files and sealed truth.
    pub fn build(&self) -> (Material, SealedTruth) {
        let plan = self.plan();
        let hash = |path: &Path| line_hash(path.to_string_lossy().as_bytes());
        let hashes: BTreeMap<PathBuf, String> =
            plan.image_paths().into_iter().map(|path| (path.to_owned(), hash(path))).collect();
        let lists = reading_lists(&plan).unwrap();
        let frozen = FrozenPlan::new(&plan, &hashes).unwrap();
        let blobs = Blobs::new(&plan, &frozen).unwrap();
        let public = PublicList::all(&frozen, &lists, &blobs);
        let study = PublicStudy::new(&frozen, &public, "test");
        let of = |list: PublicList| (list.name(), (list.clone(), list.sha256()));
        let material =
            Material { study, lists: public.into_iter().map(of).collect(), logs: Vec::new(), looks: Looks::default() };
        (material, SealedTruth::new(&frozen, &lists, &blobs))
    }

    fn plan(&self) -> Plan {
        let mut text =
            format!("title = \"Invented\"\ndesign = \"{}\"\nseed = 7\ntruth_source = \"invented\"\n", self.design);
        if let Some(margin) = self.margin {
            writeln!(text, "margin = {margin}").unwrap();
        }
        let washout = if self.sessions > 1 { 28 } else { 0 };
        writeln!(text, "[sessions]\ncount = {}\nwashout_days = {washout}\nbreak_every = 25", self.sessions).unwrap();
        writeln!(text, "[reading]\nallow_back = {}\n[order]\nrepeats = {}", self.allow_back, self.repeats).unwrap();
        for id in &self.readers {
            writeln!(text, "[[reader]]\nid = \"{id}\"\nrole = \"radiologist\"\nyears = 5").unwrap();
        }
        for (name, synthetic) in &self.arms {
            writeln!(text, "[[modality]]\nname = \"{name}\"\nsynthetic = {synthetic}").unwrap();
        }
        for (kind, n) in [("training", self.training), ("catch", self.catch), (self.case_prefix, self.cases)] {
            for at in 0..n {
                let id = format!("{kind}{at:04}");
                let group = if at < 4 { "A" } else { "B" };
                writeln!(text, "[[case]]\nid = \"{id}\"\ntruth = {}\ngroup = \"{group}\"", at % 2).unwrap();
                writeln!(text, "training = {}\ncatch = {}", kind == "training", kind == "catch").unwrap();
                let images = self.arms.iter().map(|(arm, _)| format!("{arm} = \"{id}-{arm}.nii\""));
                writeln!(text, "images = {{ {} }}", images.collect::<Vec<_>>().join(", ")).unwrap();
                if self.design == "free_response" && at % 2 == 1 {
                    text += "lesion = [{ center_mm = [10.0, 0.0, 0.0], radius_mm = 5.0 }, \
                             { center_mm = [-40.0, 20.0, 0.0], radius_mm = 6.0 }]\n";
                }
            }
        }
        if self.design == "grading" {
            text += "[[question]]\nid = \"sharpness\"\ntext = \"?\"\nkind = \"scale\"\nfrom = 1\nto = 5\n";
        }
        let mut plan = Plan::parse(Path::new("plan.toml"), &text).unwrap();
        plan.questions = serde_json::from_value(self.questions.clone()).unwrap();
        plan
    }
}

/// The default questions of a design, as `study.json` has them.
pub fn questions(design: &str) -> Value {
    let scale = |id: &str, from: i64, to: i64, primary: bool| json!({"id": id, "text": id, "answer": {"kind": "scale", "from": from, "to": to}, "primary": primary, "required": true});
    let choice = |id: &str, options: &[&str]| json!({"id": id, "text": id, "answer": {"kind": "choice", "options": options, "several": false}, "primary": true, "required": true});
    match design {
        "yes_no" => json!([scale("synthetic", 1, 6, true)]),
        "forced_choice" => json!([choice("real", &["left", "right"]), scale("confidence", 1, 5, false)]),
        "free_response" => json!([{"id": "marks", "text": "", "answer": {"kind": "marks", "from": 1, "to": 100},
            "primary": true, "required": true}]),
        "grading" => json!([scale("sharpness", 1, 5, true), scale("noise", 1, 5, false)]),
        "preference" => json!([choice("preferred", &["left", "right", "no preference"])]),
        "approval" => json!([choice("approval", &["approve", "approve with minor edits", "major edits", "reject"]),
            {"id": "why", "text": "Why?", "answer": {"kind": "text"}, "primary": false, "required": false,
             "when": {"question": "approval", "is": "reject"}}]),
        _ => json!([scale("disease", 0, 100, true)]),
    }
}

/// Readers with one skill.
pub fn readers(invention: &Invention, truth: &SealedTruth, skill: f64) -> Vec<SimulatedReader> {
    invention.readers.iter().map(|id| SimulatedReader::new(id, skill, truth.plan.plan())).collect()
}

/// The study with the logs of simulated readers.
pub fn read_by(material: &Material, truth: &SealedTruth, readers: &[SimulatedReader], seed: u64) -> Material {
    let begin = Utc::parse("2026-11-26T08:00:00.000Z").unwrap();
    let logs = simulate(material, truth, readers, Simulation { seed, begin }).unwrap();
    Material { logs, ..material.clone() }
}

/// What a session of `reader` is opened with.
pub fn opening(material: &Material, reader: &str, session: u32) -> Opened {
    let (_, hash) = &material.lists[&format!("{reader}-s{session}")];
    Opened {
        reader: reader.into(),
        session,
        plan_sha256: material.study.plan_sha256.clone(),
        list_sha256: hash.clone(),
        software: "Veritome 0.1 ü".into(),
        adapter: "none".into(),
        monitor: Monitor {
            width_px: 100,
            height_px: 100,
            scale: 1.0,
            width_mm: None,
            height_mm: None,
            calibration: "uncalibrated".into(),
        },
        simulated: false,
        torn: false,
    }
}
