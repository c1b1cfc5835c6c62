//! How the network is led over the image: `[inferer]`, `[diffusion]`.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

words! {
    /// How the network is led over the image.
    InfererKind {
        /// Overlapping windows.
        SlidingWindow,
        /// The image in one piece.
        Whole,
        /// Slice by slice.
        Slices,
        /// A denoiser, step by step.
        Diffusion,
        /// A denoiser in the latent space of an autoencoder.
        LatentDiffusion,
    }
}

words! {
    /// The weight of a window's voxels.
    Blend {
        /// Falls off to the edges.
        Gaussian,
        /// The same everywhere.
        Constant,
        /// A Hann window, smooth at the edge.
        Hann,
    }
}

words! {
    /// Where windows start.
    Starts {
        /// At multiples of the stride, the last one pushed back: MONAI.
        Stride,
        /// Evenly spread: nnU-Net.
        Even,
    }
}

words! {
    /// What windows, flips and members average.
    Mean {
        /// Probabilities.
        Probabilities,
        /// Logits, as nnU-Net does.
        Logits,
    }
}

words! {
    /// A plane through the patient.
    Plane {
        /// Across the long axis.
        Axial,
        /// Parallel to the face.
        Coronal,
        /// Parallel to the profile.
        Sagittal,
    }
}

/// One or several planes: `"axial"` or `["axial", "coronal"]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Planes {
    /// One.
    One(Plane),
    /// Several, whose results are averaged.
    Several(Vec<Plane>),
}

/// How the network is led over the image, and how its tensors are laid out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each field is the manifest's key of its name")]
pub struct Inferer {
    pub kind: InfererKind,
    #[serde(default = "default_layout")]
    pub layout: String,
    /// Voxels of a window along the patient's x, y and z; what is said of the axis across a plane is not looked at.
    #[serde(default, deserialize_with = "patch")]
    pub patch: Option<[usize; 3]>,
    #[serde(default = "default_overlap")]
    pub overlap: f64,
    #[serde(default = "default_blend")]
    pub blend: Blend,
    #[serde(default = "default_starts")]
    pub starts: Starts,
    #[serde(default = "default_mean")]
    pub mean: Mean,
    #[serde(default)]
    pub skip_background: bool,
    #[serde(default = "default_sigma")]
    pub sigma: f64,
    #[serde(default = "default_pad_mode")]
    pub pad_mode: PadMode,
    #[serde(default = "one")]
    pub batch: usize,
    #[serde(default)]
    pub axis: Option<Planes>,
    #[serde(default)]
    pub neighbors: usize,
}

words! {
    /// How an image smaller than the patch is padded.
    PadMode {
        /// With one value.
        Constant,
        /// Mirrored at the border voxel.
        Reflect,
        /// With the border's value.
        Replicate,
        /// From the other side.
        Circular,
    }
}

fn patch<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<[usize; 3]>, D::Error> {
    let given = Vec::<usize>::deserialize(deserializer)?;
    <[usize; 3]>::try_from(given.as_slice()).map(Some).map_err(|_| {
        D::Error::custom(format!(
            "inferer.patch: three numbers along the patient's x, y and z, not {given:?}; for slices 1 across the plane"
        ))
    })
}

fn default_layout() -> String {
    "NCXYZ".into()
}
fn default_overlap() -> f64 {
    0.25
}
fn default_blend() -> Blend {
    Blend::Constant
}
fn default_starts() -> Starts {
    Starts::Stride
}
fn default_mean() -> Mean {
    Mean::Probabilities
}
fn default_sigma() -> f64 {
    0.125
}
fn default_pad_mode() -> PadMode {
    PadMode::Constant
}
fn one() -> usize {
    1
}

words! {
    /// A sampler.
    Scheduler {
        /// Ancestral.
        Ddpm,
        /// Deterministic at `eta = 0`.
        Ddim,
        /// Rectified flow.
        Rflow,
    }
}

words! {
    /// How the noise grows over the timesteps.
    Schedule {
        /// Linear in beta.
        Linear,
        /// Linear in the root of beta.
        ScaledLinear,
        /// Sigmoid.
        Sigmoid,
        /// Cosine in the cumulated signal.
        Cosine,
    }
}

words! {
    /// What the network predicts.
    Prediction {
        /// The noise.
        Epsilon,
        /// The velocity.
        V,
        /// The clean image.
        Sample,
    }
}

words! {
    /// How the network is told the condition.
    Condition {
        /// Not at all.
        None,
        /// As further channels.
        Concat,
    }
}

words! {
    /// Which timesteps are visited.
    TimestepSpacing {
        /// `i * T / steps`.
        Leading,
        /// `T - i * T / steps - 1`.
        Trailing,
        /// `round(linspace(T - 1, 0, steps))`.
        Linspace,
    }
}

/// `[diffusion]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each field is the manifest's key of its name")]
pub struct Diffusion {
    pub scheduler: Scheduler,
    #[serde(default = "thousand")]
    pub train_steps: usize,
    pub steps: usize,
    #[serde(default = "default_schedule")]
    pub schedule: Schedule,
    #[serde(default = "default_beta")]
    pub beta: [f64; 2],
    #[serde(default = "default_prediction")]
    pub prediction: Prediction,
    #[serde(default = "yes")]
    pub clip_sample: bool,
    #[serde(default)]
    pub eta: f64,
    #[serde(default = "default_condition")]
    pub condition: Condition,
    pub sample_tensor: String,
    pub timestep_tensor: String,
    #[serde(default = "default_timestep_spacing")]
    pub timestep_spacing: TimestepSpacing,
    #[serde(default = "one_f64")]
    pub latent_scale: f64,
}

fn thousand() -> usize {
    1000
}
fn yes() -> bool {
    true
}
fn one_f64() -> f64 {
    1.0
}
fn default_schedule() -> Schedule {
    Schedule::Linear
}
fn default_beta() -> [f64; 2] {
    [1e-4, 2e-2]
}
fn default_prediction() -> Prediction {
    Prediction::Epsilon
}
fn default_condition() -> Condition {
    Condition::None
}
fn default_timestep_spacing() -> TimestepSpacing {
    TimestepSpacing::Leading
}
