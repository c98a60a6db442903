//! All functions in one process, the command line, the simulator's host.

fn main() {}
