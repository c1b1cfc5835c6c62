//! A tour as its file has it; `docs/tours.md` describes every key.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use crate::display::{ColorMap, View};
use crate::explain::{Method, Target};

/// The name of the image that the tour is about.
pub const IMAGE: &str = "image";

/// A tour. One from [`parse`](super::parse) is checked: every name that it uses was given before.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tour {
    /// Of the format: 1.
    pub schema: u32,
    /// Lower-case letters, digits and hyphens.
    pub name: String,
    /// What the person reads.
    pub title: String,
    /// How long it takes.
    pub minutes: f64,
    /// Who it is for.
    pub for_whom: String,
    /// A file beside the tour; `None`: the demo's head.
    pub image: Option<PathBuf>,
    /// In order.
    pub steps: Vec<Step>,
    /// Where the file lies; `None` for one that ships.
    #[serde(skip)]
    pub folder: Option<PathBuf>,
}

/// One thing to look at.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// What the person reads first.
    pub title: String,
    /// Short Markdown: paragraphs, lists, bold, code.
    pub text: String,
    /// What the step shows truly; Markdown.
    pub believe: Option<String>,
    /// What it must not be taken for; Markdown.
    pub do_not_believe: Option<String>,
    /// Models without which the step is left out; what was left out stands at the end of the tour.
    #[serde(default)]
    pub needs: Vec<String>,
    /// What is done, in order.
    #[serde(default)]
    pub work: Vec<Work>,
    /// What is put on show.
    #[serde(default)]
    pub show: Show,
}

/// One piece of a step's work; `do` names it in the file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Work {
    /// Puts a simulated lesion in.
    Lesion(Lesion),
    /// Adds noise.
    Noise(Noise),
    /// Lowers the resolution.
    Shrink(Shrink),
    /// Takes one image from another.
    Difference(Difference),
    /// Runs a model.
    Run(Run),
    /// Asks what mattered to a model.
    Explain(Explain),
    /// Measures one number.
    Measure(Measure),
}

/// A simulated lesion; its truth is `NAME/truth`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lesion {
    /// What the image with the lesion is called from here on.
    pub name: String,
    /// The image that it is put into.
    #[serde(default = "image")]
    pub of: String,
    /// Its centre, LPS mm.
    pub at_mm: [f64; 3],
    /// Its radius, mm.
    pub radius_mm: f64,
    /// Change of its values as a part of the mean of the tissue around: 0.4 is 40 % brighter, −0.4 darker.
    pub contrast: f64,
    /// How far its border strays, as a part of the radius.
    #[serde(default = "Lesion::ragged")]
    pub ragged: f64,
    /// Over how much its border fades, mm.
    #[serde(default = "Lesion::border_mm")]
    pub border_mm: f64,
    /// Of the border's form.
    #[serde(default)]
    pub seed: u64,
}

impl Lesion {
    fn ragged() -> f64 {
        0.3
    }

    fn border_mm() -> f64 {
        2.0
    }
}

/// Rician noise.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Noise {
    /// What the noisy image is called.
    pub name: String,
    /// The image that it is added to.
    #[serde(default = "image")]
    pub of: String,
    /// Its standard deviation as a part of the image's 98th percentile.
    pub fraction: f64,
    /// Of the noise.
    #[serde(default)]
    pub seed: u64,
}

/// A coarser grid.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shrink {
    /// What the coarse image is called.
    pub name: String,
    /// The image that it is made of.
    #[serde(default = "image")]
    pub of: String,
    /// So many voxels along each axis become one, their mean.
    pub factor: usize,
}

/// What one image has more than another, voxel by voxel: a map.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    /// What the map is called.
    pub name: String,
    /// The image on whose grid it lies.
    pub of: String,
    /// What is taken from it, brought onto its grid.
    pub minus: String,
}

/// A model on named images. Its first output is `NAME`, others are `NAME/OUTPUT`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// What the result is called.
    pub name: String,
    /// The model's name, or its folder, which may lie beside the tour.
    pub model: String,
    /// The image of the model's first input; without it and without `inputs` the tour's image. A model without inputs
    /// takes none.
    pub on: Option<String>,
    /// Images by the name of the model's input.
    #[serde(default)]
    pub inputs: BTreeMap<String, String>,
    /// As `veritome run --samples`.
    pub samples: Option<usize>,
    /// Whether the manifest's test-time augmentations are run.
    #[serde(default)]
    pub tta: bool,
    /// Of every random number.
    #[serde(default)]
    pub seed: u64,
    /// Whether the manifest's second models hold the result against its source.
    #[serde(default)]
    pub faithfulness: bool,
    /// One sentence for where the model is not installed: what would be there.
    pub otherwise: Option<String>,
}

/// What mattered to the model of an earlier run.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Explain {
    /// What the map is called.
    pub name: String,
    /// The run whose model and images are taken.
    pub run: String,
    /// How.
    pub method: Method,
    /// As `veritome explain --target`.
    pub target: Option<Target>,
    /// Edge of the boxes that occlusion covers, voxels of the model's grid.
    #[serde(default = "Explain::box_voxels")]
    pub box_voxels: usize,
    /// Edge of larger boxes that are covered first; then the small ones only where these changed most.
    pub first_box_voxels: Option<usize>,
    /// How many small boxes at most, after a first pass.
    #[serde(default = "Explain::close_boxes")]
    pub close_boxes: usize,
    /// Steps that a diffusion takes in each pass; without it as `veritome explain`.
    pub diffusion_steps: Option<usize>,
    /// Steps of the deletion and insertion tests; 0 leaves them out.
    #[serde(default = "Explain::test_steps")]
    pub test_steps: usize,
    /// How many masks RISE draws.
    #[serde(default = "Explain::masks")]
    pub masks: usize,
    /// Of the masks.
    #[serde(default)]
    pub seed: u64,
}

impl Explain {
    fn box_voxels() -> usize {
        32
    }

    fn close_boxes() -> usize {
        24
    }

    fn test_steps() -> usize {
        8
    }

    fn masks() -> usize {
        60
    }
}

/// One number.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measure {
    /// What the person reads; without it the measure's own name.
    pub title: Option<String>,
    /// Which number.
    pub what: What,
    /// What is measured.
    pub of: String,
    /// What is taken for true.
    pub truth: Option<String>,
    /// Only voxels of this label map count; its labels other than 0 together.
    pub within: Option<String>,
    /// Only this label of `of` counts (of `within`, where a map is averaged).
    pub label: Option<u16>,
}

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// Overlap of two label maps.
    Dice,
    /// Mean absolute error.
    Mae,
    /// Peak signal-to-noise ratio, dB.
    Psnr,
    /// Structural similarity.
    Ssim,
    /// Area under the precision-recall curve (average precision) of a map against a label map.
    Auprc,
    /// The highest Dice that any threshold of a map reaches.
    BestDice,
    /// Volume of a label map, ml.
    VolumeMl,
    /// Mean of an image.
    Mean,
    /// Whether a run's input is like its model's training data.
    Guard,
}

impl What {
    /// As the file names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Dice => "dice",
            Self::Mae => "mae",
            Self::Psnr => "psnr",
            Self::Ssim => "ssim",
            Self::Auprc => "auprc",
            Self::BestDice => "best_dice",
            Self::VolumeMl => "volume_ml",
            Self::Mean => "mean",
            Self::Guard => "guard",
        }
    }

    /// What the person reads.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Dice => "Dice",
            Self::Mae => "Mean absolute error",
            Self::Psnr => "PSNR",
            Self::Ssim => "SSIM",
            Self::Auprc => "AUPRC",
            Self::BestDice => "Best Dice of any threshold",
            Self::VolumeMl => "Volume",
            Self::Mean => "Mean",
            Self::Guard => "Guard",
        }
    }

    /// Whether it is held against a truth.
    #[must_use]
    pub fn needs_truth(self) -> bool {
        !matches!(self, Self::VolumeMl | Self::Mean | Self::Guard)
    }

    /// Whether it holds the values of one image against those of another.
    #[must_use]
    pub fn compares_images(self) -> bool {
        matches!(self, Self::Mae | Self::Psnr | Self::Ssim)
    }
}

/// What a step puts on show.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Show {
    /// The image below everything.
    pub base: String,
    /// What lies over it, from below.
    pub layers: Vec<ShowLayer>,
    /// The pictures of the page; the window shows all views.
    pub planes: Vec<ViewOf>,
    /// Where the planes meet, LPS mm.
    pub at_mm: Option<[f64; 3]>,
    /// Where the planes meet: in the middle of this label map.
    pub at: Option<String>,
    /// Centre and width of the base's window.
    pub window: Option<[f64; 2]>,
    /// How base and layers meet.
    pub compare: Meeting,
}

impl Default for Show {
    fn default() -> Self {
        Self {
            base: image(),
            layers: Vec::new(),
            planes: vec![ViewOf::Axial],
            at_mm: None,
            at: None,
            window: None,
            compare: Meeting::default(),
        }
    }
}

/// One layer over the base.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShowLayer {
    /// What it shows.
    pub of: String,
    /// From above 0 to 1; without it as the window shows such a layer.
    pub opacity: Option<f32>,
    /// Colours of an image or map.
    pub color_map: Option<ColorMap>,
    /// Labels as outlines.
    #[serde(default)]
    pub outline: bool,
    /// Values at the ends of the colours.
    pub range: Option<[f64; 2]>,
    /// Values below are not drawn.
    pub above: Option<f64>,
}

/// A picture of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is the view of its name")]
pub enum ViewOf {
    Axial,
    Coronal,
    Sagittal,
    Volume,
}

impl ViewOf {
    /// The plane; `None` for the volume.
    #[must_use]
    pub fn view(self) -> Option<View> {
        match self {
            Self::Axial => Some(View::Axial),
            Self::Coronal => Some(View::Coronal),
            Self::Sagittal => Some(View::Sagittal),
            Self::Volume => None,
        }
    }

    /// As files name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.view().map_or("volume", View::name)
    }
}

/// How base and layers meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Meeting {
    /// Layers over the base.
    #[default]
    Over,
    /// The page: base and each layer in a picture of its own. The window: a line between base and first layer.
    SideBySide,
    /// Squares of base and first layer in turn.
    Checkerboard,
}

fn image() -> String {
    IMAGE.to_owned()
}
