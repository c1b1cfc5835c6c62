//! Plans for tests, written as their owners would write them.

use std::fmt::Write;
use std::path::Path;

use super::super::errors::PlanError;
use super::super::plan::{Design, Plan};

/// A plan in few words; `text` writes it out.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    pub(super) design: Design,
    pub(super) seed: u64,
    pub(super) readers: usize,
    pub(super) sessions: u32,
    pub(super) cases: usize,
    pub(super) training: usize,
    pub(super) catch: usize,
    pub(super) repeats: u32,
    pub(super) max_run: Option<u32>,
    /// Names; those that begin with `s` are synthetic.
    pub(super) modalities: Vec<&'static str>,
    /// Each case has one image only, the modalities taking turns.
    pub(super) nested: bool,
    /// Size of the `match` groups, for matched pairs.
    pub(super) matched: Option<usize>,
    /// Lines before the first table.
    pub(super) settings: &'static str,
}

impl Sample {
    pub(super) fn new(design: Design) -> Self {
        Self {
            design,
            seed: 7,
            readers: 4,
            sessions: 2,
            cases: 24,
            training: 0,
            catch: 0,
            repeats: 0,
            max_run: None,
            modalities: vec!["acquired", "synthetic"],
            nested: false,
            matched: None,
            settings: "",
        }
    }

    pub(super) fn text(&self) -> String {
        let mut text =
            format!("title = \"A study\"\ndesign = \"{}\"\nseed = {}\n{}\n", self.design, self.seed, self.settings);
        if self.matched.is_some() {
            text += "pairing = \"matched\"\n";
        }
        write!(text, "[sessions]\ncount = {}\nwashout_days = 28\n[order]\nrepeats = {}\n", self.sessions, self.repeats)
            .unwrap();
        self.max_run.iter().for_each(|run| writeln!(text, "max_run = {run}").unwrap());
        (1..=self.readers).for_each(|i| write!(text, "[[reader]]\nid = \"R{i}\"\n").unwrap());
        for name in &self.modalities {
            write!(text, "[[modality]]\nname = \"{name}\"\nsynthetic = {}\n", name.starts_with('s')).unwrap();
        }
        if self.design == Design::Grading {
            text += "[[question]]\nid = \"sharp\"\ntext = \"Sharpness\"\nkind = \"scale\"\nfrom = 1\nto = 5\n";
        }
        (0..self.cases).for_each(|i| text += &self.case(i, "c", ""));
        (0..self.training).for_each(|i| text += &self.case(i, "t", "training = true\n"));
        (0..self.catch).for_each(|i| text += &self.case(i, "k", "catch = true\n"));
        text
    }

    fn case(&self, i: usize, kind: &str, flags: &str) -> String {
        let count = self.modalities.len();
        let own = |m: usize| !self.nested || m == i % count;
        let images = (0..count).filter(|m| own(*m)).map(|m| {
            let name = self.modalities[m];
            format!("{name} = \"{name}/{kind}{i}.nii\"")
        });
        let images = images.collect::<Vec<_>>().join(", ");
        // Truth in pairs, so that it does not go along with the modality of a nested plan.
        let truth = (i / 2) % 2;
        let mut text = format!("[[case]]\nid = \"{kind}{i}\"\ntruth = {truth}\n{flags}images = {{ {images} }}\n");
        if let Some(size) = self.matched {
            writeln!(text, "match = \"{kind}{}\"", i / size).unwrap();
        }
        if self.design == Design::FreeResponse && truth == 1 {
            text += "[[case.lesion]]\ncenter_mm = [1, -2.5, 3]\nradius_mm = 6\n";
        }
        text
    }

    pub(super) fn plan(&self) -> Plan {
        parse(&self.text()).unwrap_or_else(|error| panic!("{error}"))
    }
}

pub(super) fn parse(text: &str) -> Result<Plan, PlanError> {
    Plan::parse(Path::new("study/plan.toml"), text)
}
