//! Decoding: pages of `calendarView/delta` to the model, beside what serde_json alone costs.
//!
//! `decode_graph ITEMS RUNS [DIRECTORY]` prints one JSON object. With a directory it leaves the
//! pages there, as `0000.json`, `0001.json` …, for other readers of the same bytes.

use core::hint::black_box;
use std::path::Path;

use anyhow::{Context as _, ensure};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tidemark_bench::graph_pages::{ROOT, generate};
use tidemark_bench::turns::{rates, take_turns};
use tidemark_graph::calendar::{EventItem, EventKind, ReadContext, assemble_series, read_item};
use tidemark_graph::{GraphRoot, Page, read_raw};
use tidemark_model::Zone;

const USAGE: &str = "usage: decode_graph ITEMS RUNS [DIRECTORY]";

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let items: usize = arguments.next().context(USAGE)?.parse()?;
    let runs: usize = arguments.next().context(USAGE)?.parse()?;
    let pages = generate(items)?;
    if let Some(directory) = arguments.next() {
        write_pages(Path::new(&directory), &pages)?;
    }
    let bytes: usize = pages.iter().map(Vec::len).sum();
    let root = GraphRoot::parse(ROOT)?;
    let context = ReadContext::in_zone(Zone::parse("Europe/Berlin")?);
    let entries = decode(&pages, &root, &context)?;
    ensure!(entries > items, "{entries} entries of {items} items were decoded");
    let to_model = || decode(&pages, &root, &context).map(|_| ());
    let to_heads = || each(&pages, |page| Page::read(page, &root));
    let to_tree = || each(&pages, serde_json::from_slice::<Value>);
    let skimmed = || each(&pages, serde_json::from_slice::<&RawValue>);
    let [model, heads, tree, skim] = take_turns(runs, [&to_model, &to_heads, &to_tree, &skimmed])?;
    let rates = |times: &[_]| rates(times, entries, bytes);
    print(&json!({
        "items": entries,
        "bytes": bytes,
        "runs": runs,
        "model": rates(&model),
        "heads": rates(&heads),
        "tree": rates(&tree),
        "skim": rates(&skim),
    }));
    Ok(())
}

/// Reads every entry into the model; gives their number. Of an occurrence a page tells nothing but
/// the times, so that there it ends with the wire form.
fn decode(pages: &[Vec<u8>], root: &GraphRoot, context: &ReadContext) -> anyhow::Result<usize> {
    let mut decoded = 0;
    for page in pages {
        let (entries, next) = read_raw(page, root)?;
        black_box(next);
        for entry in entries {
            let item = EventItem::read_raw(entry)?;
            match item.kind() {
                EventKind::Occurrence | EventKind::Exception => drop(black_box(item)),
                EventKind::SingleInstance | EventKind::SeriesMaster | EventKind::Unrecognised => {
                    let read = read_item(&item, context)?;
                    black_box(assemble_series(read, Vec::new()));
                }
            }
            decoded += 1;
        }
    }
    Ok(decoded)
}

/// Reads every page in one way.
fn each<'a, T, E>(
    pages: &'a [Vec<u8>],
    read: impl Fn(&'a [u8]) -> Result<T, E>,
) -> anyhow::Result<()>
where
    anyhow::Error: From<E>,
{
    for page in pages {
        black_box(read(page)?);
    }
    Ok(())
}

fn write_pages(directory: &Path, pages: &[Vec<u8>]) -> anyhow::Result<()> {
    std::fs::create_dir_all(directory)?;
    for (number, page) in pages.iter().enumerate() {
        std::fs::write(directory.join(format!("{number:04}.json")), page)?;
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "this is the program's output")]
fn print(result: &Value) {
    println!("{result}");
}
