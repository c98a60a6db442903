//! Benchmarks (`make bench`; `run.py` drives them), and the functions that the fuzzer drives.

pub mod calendar;
pub mod figures;
pub mod fuzz_targets;
pub mod graph_pages;
pub mod pages;
pub mod turns;
