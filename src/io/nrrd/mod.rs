//! Stub.
use super::formats::Origin;
use super::{IoError, Study};
/// Stub.
pub fn open(origin: &Origin) -> Result<Study, IoError> {
    Err(IoError::format(origin.path(), "", ""))
}
