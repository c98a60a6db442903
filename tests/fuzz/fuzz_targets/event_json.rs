//! See `tidemark_bench::fuzz_targets::event_json`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tidemark_bench::fuzz_targets::event_json(bytes));
