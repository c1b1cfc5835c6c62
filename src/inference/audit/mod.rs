//! What a model kept of its training data: [`audit`].
//!
//! - [`work`]: the whole audit, for `veritome audit-model`
//! - [`sets`]: two folders held against each other, for `veritome compare --sets`
//! - [`images`]: the images of a folder
//! - [`thumbprint`]: an image as a short list of numbers that two copies share
//! - [`features`]: lists of numbers by an encoder that the person names

pub mod features;
pub mod images;
pub mod sets;
pub mod thumbprint;
pub mod work;

pub use sets::{SetComparison, compare_sets};
pub use work::{Attack, AuditError, AuditOptions, AuditReport, audit};
