//! Why a model gave what it gave: maps of what mattered, and tests of those maps.
//!
//! - [`run`]: a model, its inputs and a method to an [`Explanation`] on the first input's grid; [`prepare`] tells its
//!   [`Cost`] first
//! - [`check`]: whether such a map is about the model at all
//! - [`Scored`]: the score of images that every method works on; [`Target`] names it, [`Method`] the method
//! - the methods: [`occlusion()`], [`rise()`], [`score_cam`], [`hires_cam`], [`attention`], [`smooth_grad`],
//!   [`counterfactual()`]
//! - the tests: [`evaluate()`] (deletion and insertion), [`sanity()`] (cascading randomisation)
//!
//! ```
//! use veritome::explain::{Activations, ExplainError, Occlusion, Scored, occlusion};
//! use veritome::jobs::Control;
//!
//! /// The sum of all voxels.
//! struct Sum(Vec<Vec<f32>>);
//! impl Scored for Sum {
//!     fn size(&self) -> [usize; 3] { [2, 2, 2] }
//!     fn channels(&self) -> &[Vec<f32>] { &self.0 }
//!     fn background(&self) -> &[f32] { &[0.0] }
//!     fn score(&self, channels: &[Vec<f32>]) -> Result<f64, ExplainError> {
//!         Ok(channels.iter().flatten().map(|x| f64::from(*x)).sum())
//!     }
//!     fn activations(&self) -> Result<Option<Activations>, ExplainError> { Ok(None) }
//! }
//! let single = Occlusion { mask_size: 1, overlap: 0.0, coarse: None, ..Occlusion::default() };
//! let found = occlusion(&Sum(vec![vec![3.0; 8]]), &single, &Control::new())?;
//! assert_eq!(found.map, [3.0; 8]);
//! # Ok::<(), ExplainError>(())
//! ```

mod cam;
mod cost;
mod counterfactual;
mod errors;
mod evaluate;
mod explanation;
mod method;
mod occlusion;
mod random;
mod report;
mod rise;
mod sanity;
mod score;
mod scored;
mod similarity;
mod smooth;
mod sweep;
mod target;
mod upsample;

pub use cam::{attention, hires_cam, score_cam};
pub use cost::{Cost, FEW_STEPS};
pub use counterfactual::{Counterfactual, Latent, Mapping, Traversal, counterfactual};
pub use errors::ExplainError;
pub use evaluate::{Evaluation, Faithfulness, InsertionStart, TAKEN_BY_BLUR, evaluate};
pub use explanation::{Checked, CounterfactualImage, ExplainOptions, Explanation, Ready, check, prepare, run};
pub use method::Method;
pub use occlusion::{Coarse, Cover, Occlusion, occlusion};
pub use report::{ExplanationReport, SequenceItem, write_explanation};
pub use rise::{Rise, rise};
pub use sanity::{DOES_NOT_REPEAT, IGNORES_THE_MODEL, Likeness, Randomized, Sanity, Step, sanity};
pub use scored::{Activations, Saliency, Scored};
pub use similarity::{spearman, ssim};
pub use smooth::{SmoothGrad, smooth_grad};
pub use target::{RADIUS_MM, Region, Target, TargetError};
