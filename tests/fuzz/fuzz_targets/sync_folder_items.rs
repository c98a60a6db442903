//! See `tidemark_bench::fuzz_targets::sync_folder_items`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tidemark_bench::fuzz_targets::sync_folder_items(bytes));
