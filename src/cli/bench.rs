//! `veritome bench`: the project's own timings.
