//! What a model kept of its training data: [`audit`].
//!
//! - [`work`]: the whole audit, for `veritome audit-model`
//! - [`images`]: the images of a folder
//! - [`thumbprint`]: an image as a short list of numbers that two copies share
//! - [`features`]: lists of numbers by an encoder that the person names

pub mod features;
pub mod images;
pub mod thumbprint;
pub mod work;

pub use work::{Attack, AuditError, AuditOptions, AuditReport, audit};
