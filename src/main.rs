//! The `veritome` program: see `veritome help`.

fn main() {}
