//! What stands beside the images.

pub(crate) mod help;
pub(crate) mod histogram;
pub(crate) mod key_bindings;
pub(crate) mod log;
pub(crate) mod search_field;
pub(crate) mod settings;
pub(crate) mod tag_browser;
pub(crate) mod transfer_editor;
