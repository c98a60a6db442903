//! Replays the fuzzer's corpus on a stable compiler: what was once found stays mended.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use tidemark_bench::fuzz_targets::TARGETS;

fn corpus() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus")
}

#[test]
fn every_seed_is_read_without_a_panic() {
    for (name, run) in TARGETS {
        let mut seeds: Vec<_> =
            fs::read_dir(corpus().join(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
        seeds.sort();
        assert!(seeds.len() > 3, "{name} has almost no seeds");
        for seed in seeds {
            let bytes = fs::read(&seed).unwrap();
            let outcome = std::panic::catch_unwind(|| run(&bytes));
            assert!(
                outcome.is_ok(),
                "{} broke a promise; run it alone to see which",
                seed.display()
            );
        }
    }
}

#[test]
fn every_folder_of_seeds_has_a_target_and_a_program() {
    let names: BTreeSet<_> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let folders: BTreeSet<_> = fs::read_dir(corpus())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(names, folders);
    for name in names {
        let program = corpus().join(format!("../fuzz_targets/{name}.rs"));
        assert!(program.exists(), "{name} cannot be fuzzed");
    }
}
