//! Veritome: a viewer for clinical images in which nothing synthetic can pass for real.
//!
//! The library is built in three floors; a module imports only from its own floor or below
//! (`tests/architecture.rs` checks it). See `ARCHITECTURE.md`.
//!
//! - ground: [`volume`], [`display`], [`jobs`], [`error`]
//! - abilities: [`io`], [`render`], [`inference`], [`explain`], [`metrics`], [`evaluate`],
//!   [`reader_study`], [`report`], [`provenance`], [`tour`]
//! - faces: [`cli`], [`app`]

pub mod display;
pub mod error;
pub mod jobs;
pub mod volume;

pub mod evaluate;
pub mod explain;
pub mod inference;
pub mod io;
pub mod metrics;
pub mod provenance;
pub mod reader_study;
pub mod render;
pub mod report;
pub mod tour;

pub mod app;
pub mod cli;
