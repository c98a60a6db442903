//! Benchmarks (`make bench`; `run.py` drives them), and the functions that the fuzzer drives.

pub mod figures;
pub mod fuzz_targets;
pub mod pages;
