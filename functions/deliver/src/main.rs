//! The deliver function.

fn main() {}
