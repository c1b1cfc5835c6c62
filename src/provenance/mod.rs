//! Where a result came from, as a file beside it.
//!
//! - [`record`]: the record, [`write_record`] and the hashes of what went in
//! - [`clock`]: the time as records carry it

pub mod clock;
pub mod record;

pub use clock::now;
pub use record::{
    ModelRecord, Parent, Record, RecordError, content_sha256, file_sha256, machine, record_path, write_record,
};
