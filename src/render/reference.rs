//! Pictures on the CPU, to the formula.
