//! Seeds of the simulation. `make sim SEED=n` replays one of them.

use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tidemark_scenarios::exchange::Wire;
use tidemark_scenarios::on_disk::OnDiskTable;
use tidemark_scenarios::sabotage::{MoveSabotage, Sabotage};
use tidemark_scenarios::simulation::{Finished, Violation, run};
use tidemark_scenarios::stage::Setting;

/// Seeds that `make test` runs. CI runs more, by `TIDEMARK_SIM_SEEDS`.
const SEEDS: u64 = 200;
/// Seeds that `make test` runs over Graph. CI runs more, by `TIDEMARK_SIM_GRAPH_SEEDS`.
const GRAPH_SEEDS: u64 = 40;
/// Seeds that `make test` runs in which mailboxes move. CI runs more, by `TIDEMARK_SIM_MOVE_SEEDS`.
const MOVE_SEEDS: u64 = 40;
/// Seeds that `make test` runs on the embedded store. CI runs more, by `TIDEMARK_SIM_DISK_SEEDS`.
const DISK_SEEDS: u64 = 4;
/// Seeds within which a broken engine has to be found.
const SABOTAGE_SEEDS: u64 = 120;

#[expect(clippy::disallowed_methods, reason = "how many seeds is said by the environment")]
fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Runs `seeds` on all cores; each seed itself is single-threaded.
fn run_all(
    seeds: core::ops::Range<u64>,
    setting: impl Fn() -> Setting + Sync,
) -> Vec<(u64, Result<Finished, Violation>)> {
    let next = AtomicU64::new(seeds.start);
    let results = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(2, NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= seeds.end {
                        return;
                    }
                    let result = run(seed, setting());
                    results.lock().unwrap().push((seed, result));
                }
            });
        }
    });
    results.into_inner().unwrap()
}

#[test]
fn no_seed_breaks_a_promise() {
    let seeds = from_environment("TIDEMARK_SIM_SEEDS").unwrap_or(SEEDS);
    check_seeds(seeds, Axis::Ews);
}

#[test]
fn no_seed_breaks_a_promise_over_graph() {
    let seeds = from_environment("TIDEMARK_SIM_GRAPH_SEEDS").unwrap_or(GRAPH_SEEDS);
    check_seeds(seeds, Axis::Graph);
}

#[test]
fn no_seed_breaks_a_promise_while_mailboxes_move() {
    let seeds = from_environment("TIDEMARK_SIM_MOVE_SEEDS").unwrap_or(MOVE_SEEDS);
    check_seeds(seeds, Axis::Move);
}

/// What the mailboxes of a history are reached over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Axis {
    Ews,
    Graph,
    /// EWS at first, and from somewhere in the middle Graph.
    Move,
}

impl Axis {
    fn setting(self) -> Setting {
        let wire = if self == Self::Graph { Wire::Graph } else { Wire::Ews };
        Setting { wire, moving: self == Self::Move, ..Setting::default() }
    }

    /// What `make sim` is told.
    const fn word(self) -> &'static str {
        match self {
            Self::Ews => "",
            Self::Graph => " WIRE=graph",
            Self::Move => " WIRE=move",
        }
    }
}

/// Runs seeds from `TIDEMARK_SIM_START` on.
fn check_seeds(seeds: u64, axis: Axis) {
    let start = from_environment("TIDEMARK_SIM_START").unwrap_or(0);
    let results = run_all(start..start + seeds, || axis.setting());
    let mut broken: Vec<_> =
        results.iter().filter_map(|(seed, result)| Some((seed, result.as_ref().err()?))).collect();
    broken.sort_by_key(|(seed, _)| **seed);
    for (seed, violation) in &broken {
        eprintln!("seed {seed} over {axis:?}: {}", violation.rule);
    }
    let word = axis.word();
    for (seed, violation) in broken.iter().take(5) {
        eprintln!("make sim SEED={seed}{word}\n  {}: {}", violation.rule, violation.detail);
    }
    assert!(broken.is_empty(), "{} of {seeds} seeds over {axis:?} broke a promise", broken.len());
    let (mut events, mut losses) = (0, 0);
    for finished in results.iter().filter_map(|(_, result)| result.as_ref().ok()) {
        events += finished.events;
        losses += finished.losses;
    }
    println!("{seeds} seeds over {axis:?}: {events} events, {losses} workers killed or frozen");
    assert!(seeds == 0 || (events > 0 && losses > 0), "the simulation did nothing");
}

/// The same histories over the store that `tidemark local` keeps its state in.
#[test]
fn no_seed_breaks_a_promise_on_the_embedded_store() {
    let seeds = from_environment("TIDEMARK_SIM_DISK_SEEDS").unwrap_or(DISK_SEEDS);
    let on_disk = || Setting { table: Arc::new(OnDiskTable::create()), ..Setting::default() };
    for (seed, result) in run_all(0..seeds, on_disk) {
        if let Err(violation) = result {
            panic!("seed {seed} on the embedded store: {}: {}", violation.rule, violation.detail);
        }
        // Time and drawing are the same, so is the history.
        assert_eq!(result, run(seed, Setting::default()), "seed {seed}");
    }
}

#[test]
fn a_seed_replays_exactly() {
    for seed in [3, 17] {
        assert_eq!(run(seed, Setting::default()), run(seed, Setting::default()));
    }
}

/// `make sim SEED=42`, over Graph `make sim SEED=42 WIRE=graph`, with moves `WIRE=move`.
#[test]
#[expect(clippy::disallowed_methods, reason = "which protocol is said by the environment")]
fn replay_one_seed() {
    let seed = from_environment("TIDEMARK_SIM_SEED").unwrap_or(1);
    let axis = match std::env::var("TIDEMARK_SIM_WIRE").as_deref() {
        Ok("graph") => Axis::Graph,
        Ok("move") => Axis::Move,
        Ok("ews" | "") | Err(_) => Axis::Ews,
        Ok(other) => panic!("TIDEMARK_SIM_WIRE: there is ews, graph and move, not {other}"),
    };
    match run(seed, Setting { trace: true, ..axis.setting() }) {
        Ok(finished) => println!("seed {seed}: {finished:?}"),
        Err(violation) => panic!("seed {seed}: {}: {}", violation.rule, violation.detail),
    }
}

#[test]
fn every_broken_move_is_found() {
    for sabotage in MoveSabotage::ALL {
        let setting = || Setting { clumsy: Some(sabotage), ..Axis::Move.setting() };
        let (seed, rule) = first_found(setting).unwrap_or_else(|| panic!("{sabotage:?} is missed"));
        println!("{sabotage:?}: found by seed {seed}: {rule}");
    }
}

/// The first seed that breaks a promise, and which one.
fn first_found(setting: impl Fn() -> Setting) -> Option<(u64, &'static str)> {
    (0..SABOTAGE_SEEDS).find_map(|seed| {
        // A broken product may also break what the harness relies on.
        std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| run(seed, setting())))
            .map_or_else(
                |_| Some((seed, "it panics")),
                |result| result.err().map(|violation| (seed, violation.rule)),
            )
    })
}

#[test]
fn every_broken_engine_is_found() {
    let mut missed = Vec::new();
    for sabotage in Sabotage::ALL {
        let setting = || Setting { planner: sabotage.planner(), ..Setting::default() };
        let found = first_found(setting);
        match found {
            Some((seed, rule)) => println!("{sabotage:?}: found by seed {seed}: {rule}"),
            None => missed.push(sabotage),
        }
    }
    assert_eq!(missed, [], "not found within {SABOTAGE_SEEDS} seeds");
}
