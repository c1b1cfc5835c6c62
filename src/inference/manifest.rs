//! A model folder as a checked type.
