//! Stub.
use super::formats::Origin;
use super::{IoError, Study};
use crate::jobs::Control;
/// Stub.
pub fn open(_origin: &Origin, _head: &[u8]) -> Result<Option<Study>, IoError> {
    Ok(None)
}
/// Stub.
pub fn open_folder_as_stack(_paths: &[std::path::PathBuf], _control: &Control) -> Result<Option<Study>, IoError> {
    Ok(None)
}
