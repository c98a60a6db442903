//! See `tidemark_bench::fuzz_targets::graph_event`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tidemark_bench::fuzz_targets::graph_event(bytes));
