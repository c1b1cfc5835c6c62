//! Whether the arms of a blinded study can be told apart without reading the images: from headers, files, histogram ends,
//! border pixels and names.
//!
//! ```
//! use veritome::reader_study::leaks::{
//!     Arm, ImageHeader, ImageTraits, LeakError, LeakOptions, LeakReport, StudyImage, Verdict,
//! };
//! let image = |n: u16, arm| {
//!     let voxels: Vec<f32> = (0..64_u16).map(|v| f32::from(v * (n + 3) % 17)).collect();
//!     let bits_used = if arm == Arm::A { 12 } else { 16 };
//!     let header = ImageHeader { bits_used: Some(bits_used), ..ImageHeader::default() };
//!     let traits = ImageTraits::new(&voxels, [4, 4, 4], &header)?;
//!     Ok::<_, LeakError>(StudyImage { arm, patient: n.to_string(), traits, tags: Vec::new() })
//! };
//! let images: Vec<_> = (0..12).flat_map(|n| [image(n, Arm::A), image(n, Arm::B)]).collect::<Result<_, _>>()?;
//! let options = LeakOptions { permutations: 199, ..LeakOptions::default() };
//! let report = LeakReport::new(&images, &options)?;
//! assert_eq!(report.verdict, Verdict::Leak);
//! assert!(report.reasons[0].text.starts_with("bits_used gives the arm away"));
//! # Ok::<(), LeakError>(())
//! ```
//!
//! - [`features`]: [`ImageTraits`], what is measured of an image; [`catalogue`]: which of it a reader can reach
//! - [`table`]: traits of many images, checked; [`arms`]: arms, and how they may be relabelled
//! - [`clustered_auc`]: area and interval for several images a patient
//! - [`logistic`], [`cross_validation`]: the trivial classifier
//! - [`separability`]: each trait by itself, and all in the classifier
//! - [`names`]: what file names and header texts tell; [`wording`]: the words and forms looked for
//! - [`report`]: [`LeakReport`], the verdict with its reasons; [`errors`]: why there is none

pub mod arms;
pub mod catalogue;
pub mod clustered_auc;
pub mod cross_validation;
pub mod errors;
pub mod features;
pub mod logistic;
pub mod names;
pub mod report;
pub mod separability;
pub mod table;
pub mod wording;

pub use arms::Arm;
pub use errors::LeakError;
pub use features::{ImageHeader, ImageTraits};
pub use names::{TaggedImage, TextFinding, TextTag};
pub use report::{LeakReport, StudyImage, Verdict};
pub use separability::{LeakOptions, Separability};
pub use table::{TraitColumn, TraitTable};
