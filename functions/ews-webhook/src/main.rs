//! The `ews-webhook` function on Lambda.

fn main() {}
