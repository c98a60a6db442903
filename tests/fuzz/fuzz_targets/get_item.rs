//! See `tidemark_bench::fuzz_targets::get_item`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tidemark_bench::fuzz_targets::get_item(bytes));
