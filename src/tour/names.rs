//! What the steps so far have made, by the names that the tour gives it: [`Names`].

use std::collections::BTreeMap;
use std::sync::Arc;

use super::format::IMAGE;
use crate::explain::Explanation;
use crate::inference::engine::{FaithfulnessKind, Output, OutputContent, RunOptions, RunResult};
use crate::inference::manifest::Model;
use crate::render::scene::Content;
use crate::volume::{Labelmap, Volume};

/// One thing with a name.
#[derive(Debug, Clone)]
pub enum Named {
    /// The tour's image, or one that the tour made.
    Image(Arc<Volume>),
    /// An image with a lesion, and where it was put.
    Lesion {
        /// With it.
        image: Arc<Volume>,
        /// Where it is.
        truth: Arc<Labelmap>,
    },
    /// A run.
    Ran(Arc<Ran>),
    /// A map that the tour made.
    Map(Arc<Volume>),
    /// A map of what mattered.
    Explained(Arc<Explanation>),
    /// It is not there; the sentence says why.
    Absent(String),
}

/// A run with all that its record needs.
#[derive(Debug)]
pub struct Ran {
    /// The name that the tour gives it.
    pub name: String,
    /// The model.
    pub model: Model,
    /// By the name of the model's input.
    pub inputs: Vec<(String, Arc<Volume>)>,
    /// How it was run.
    pub options: RunOptions,
    /// All that the engine said.
    pub result: RunResult,
}

/// What a reference leads to.
#[derive(Debug, Clone)]
pub struct Found {
    /// What it shows.
    pub content: Content,
    /// Where in a run it is.
    pub of_run: Option<OfRun>,
    /// Whether its numbers are a map (uncertainty, anomaly, explanation) and no image.
    pub is_map: bool,
}

/// A place in a run's outputs.
#[derive(Debug, Clone)]
pub struct OfRun {
    /// The run.
    pub ran: Arc<Ran>,
    /// Which of its outputs.
    pub output: usize,
    /// What of that output.
    pub part: Part,
}

/// What of an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// What the model made.
    Result,
    /// The first map of how sure it is.
    Uncertainty,
    /// The map of a second model.
    Invented(FaithfulnessKind),
}

/// Everything that has a name so far. Cheap to clone: what it holds is shared.
#[derive(Debug, Clone, Default)]
pub struct Names(BTreeMap<String, Named>);

impl Names {
    /// The tour's image alone.
    #[must_use]
    pub fn of_image(image: Arc<Volume>) -> Self {
        Self(BTreeMap::from([(IMAGE.to_owned(), Named::Image(image))]))
    }

    /// Gives a name.
    pub fn give(&mut self, name: &str, named: Named) {
        self.0.insert(name.to_owned(), named);
    }

    /// A name's own thing.
    ///
    /// # Errors
    /// Why it is not there.
    pub fn get(&self, name: &str) -> Result<&Named, String> {
        match self.0.get(name) {
            Some(Named::Absent(why)) => Err(why.clone()),
            Some(named) => Ok(named),
            None => Err(format!("`{name}` was not made")),
        }
    }

    /// The run of a name.
    ///
    /// # Errors
    /// Why it is not there.
    pub fn run(&self, name: &str) -> Result<&Arc<Ran>, String> {
        match self.get(name)? {
            Named::Ran(ran) => Ok(ran),
            _ => Err(format!("`{name}` is no run")),
        }
    }

    /// What `NAME`, `NAME/PART`, `NAME/OUTPUT` or `NAME/OUTPUT/PART` leads to.
    ///
    /// # Errors
    /// Why it is not there.
    pub fn find(&self, reference: &str) -> Result<Found, String> {
        let (name, rest) = reference.split_once('/').map_or((reference, None), |(name, rest)| (name, Some(rest)));
        let plain = |content, is_map| Found { content, of_run: None, is_map };
        match (self.get(name)?, rest) {
            (Named::Image(image), _) => Ok(plain(Content::Image(image.clone()), false)),
            (Named::Lesion { image, .. }, None) => Ok(plain(Content::Image(image.clone()), false)),
            (Named::Lesion { truth, .. }, Some(_)) => Ok(plain(Content::Labels(truth.clone()), false)),
            (Named::Map(map), _) => Ok(plain(Content::Image(map.clone()), true)),
            (Named::Explained(e), _) => Ok(plain(Content::Image(e.map.clone()), true)),
            (Named::Ran(ran), rest) => of_run(ran, reference, rest),
            (Named::Absent(why), _) => Err(why.clone()),
        }
    }

    /// The image of a reference.
    ///
    /// # Errors
    /// Why there is none.
    pub fn image(&self, reference: &str) -> Result<Arc<Volume>, String> {
        match self.find(reference)?.content {
            Content::Image(image) => Ok(image),
            Content::Labels(_) => Err(format!("`{reference}` is a label map; an image is needed here")),
        }
    }

    /// The label map of a reference.
    ///
    /// # Errors
    /// Why there is none.
    pub fn labels(&self, reference: &str) -> Result<Arc<Labelmap>, String> {
        match self.find(reference)?.content {
            Content::Labels(labels) => Ok(labels),
            Content::Image(_) => Err(format!("`{reference}` is an image; a label map is needed here")),
        }
    }
}

fn of_run(ran: &Arc<Ran>, reference: &str, rest: Option<&str>) -> Result<Found, String> {
    let outputs = &ran.result.outputs;
    let there = || {
        let names: Vec<&str> = outputs.iter().map(|o| o.name.as_str()).collect();
        format!("{} gave {} and no `{reference}`", ran.result.model, names.join(", "))
    };
    let named = |name: &str| outputs.iter().position(|o| o.name == name);
    let (output, part) = match rest {
        None => (Some(0), None),
        Some(rest) => match (named(rest), rest.split_once('/')) {
            (Some(output), _) => (Some(output), None),
            (None, Some((name, part))) => (named(name), Some(part)),
            (None, None) if rest == "anomaly" => (outputs.iter().position(|o| o.kind == "anomaly"), None),
            (None, None) => (Some(0), Some(rest)),
        },
    };
    let index = output.ok_or_else(there)?;
    let output = outputs.get(index).ok_or_else(there)?;
    let (content, part, is_map) = match part {
        None => (content(output).ok_or_else(there)?, Part::Result, output.kind == "anomaly"),
        Some("uncertainty") => {
            let map = output.estimate.as_ref().and_then(|e| e.maps.first());
            let map = map.ok_or_else(|| format!("{} said nothing of how sure it is", ran.result.model))?;
            (Content::Image(map.volume.clone()), Part::Uncertainty, true)
        }
        Some(part) => {
            let kind = [FaithfulnessKind::Cycle, FaithfulnessKind::Segmentation].into_iter().find(|k| k.name() == part);
            let kind = kind.ok_or_else(there)?;
            let map = output.faithfulness.iter().find(|f| f.kind == kind);
            let map = map.ok_or_else(|| format!("no second model looked at what {} made", ran.result.model))?;
            (Content::Image(map.volume.clone()), Part::Invented(kind), true)
        }
    };
    Ok(Found { content, of_run: Some(OfRun { ran: ran.clone(), output: index, part }), is_map })
}

fn content(output: &Output) -> Option<Content> {
    match &output.content {
        OutputContent::Image(volume) => Some(Content::Image(volume.clone())),
        OutputContent::Labels(labels) => Some(Content::Labels(labels.clone())),
        OutputContent::Classes(_) => None,
    }
}
