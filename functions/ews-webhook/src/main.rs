//! The ews-webhook function.

fn main() {}
