//! How far a set of generated images is from a set of real ones, and whether it repeats them.
//!
//! All of it is measured on [`Features`]: one row of numbers an image, from a network or from anything else. A distance
//! in one feature space says nothing about another, so a report names the extractor beside the number.
//!
//! ```
//! use veritome::metrics::sets::{Coverage, Features, frechet_distance};
//! let real = Features::new(vec![0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0], 2)?;
//! let shifted = Features::new(vec![3.0, 0.0, 4.0, 0.0, 3.0, 1.0, 4.0, 1.0], 2)?;
//! assert!((frechet_distance(&real, &shifted)?.squared - 9.0).abs() < 1e-12);
//! assert_eq!(Coverage::new(&real, &shifted, 1)?.precision, 0.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - [`features`]: the checked rows; [`errors`]: why there is no number
//! - [`frechet`]: Fréchet distance (FID); [`kernel`]: kernel distance (KID)
//! - [`coverage`]: precision, recall, density and coverage
//! - [`neighbours`]: exact nearest neighbours, and which points lie in which balls
//! - [`memorisation`]: generated images that are nearer to the training set than they should be;
//!   [`nearer_set`]: whether they are so as a whole
//! - [`membership`]: whether a score tells who was in the training set; [`rank_sum`]: the Mann-Whitney test
//! - [`draws`]: seeded draws; `products`, `quantiles`: what the others stand on

pub mod coverage;
pub mod draws;
pub mod errors;
pub mod features;
pub mod frechet;
pub mod kernel;
pub mod membership;
pub mod memorisation;
pub mod nearer_set;
pub mod neighbours;
mod products;
pub(crate) mod quantiles;
pub mod rank_sum;

pub use coverage::Coverage;
pub use errors::SetError;
pub use features::Features;
pub use frechet::{FrechetDistance, frechet_distance};
pub use kernel::{KernelDistance, draw_subsets, kernel_distance, kernel_distance_over};
pub use membership::{Membership, MembershipScores};
pub use memorisation::{Memorisation, MemorisationOptions, ReferenceSet};
pub use neighbours::{Neighbour, Neighbours};
