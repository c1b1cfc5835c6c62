//! The nrrd door.
#![no_main]

mod door;

libfuzzer_sys::fuzz_target!(init: door::start(), |bytes: &[u8]| door::knock(bytes, "nrrd"));
