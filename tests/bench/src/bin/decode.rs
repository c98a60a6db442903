//! Decoding: answers of EWS to the model, beside what only splitting them into tokens costs.
//!
//! `decode ITEMS RUNS [DIRECTORY]` prints one JSON object. With a directory it leaves the pages
//! there, as `0000-changes.xml`, `0001-items.xml` …, for other readers of the same bytes.

use core::hint::black_box;
use std::path::Path;

use anyhow::{Context as _, ensure};
use quick_xml::Reader;
use quick_xml::events::Event as Token;
use serde_json::{Value, json};
use tidemark_bench::pages::{Page, PageKind, generate};
use tidemark_bench::turns::{rates, take_turns};
use tidemark_ews::calendar::{ReadContext, assemble_series, read_item};
use tidemark_ews::{GetItem, Item, SyncFolderItems};
use tidemark_model::Zone;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let items: usize = arguments.next().context("usage: decode ITEMS RUNS [DIRECTORY]")?.parse()?;
    let runs: usize = arguments.next().context("usage: decode ITEMS RUNS [DIRECTORY]")?.parse()?;
    let pages = generate(items)?;
    if let Some(directory) = arguments.next() {
        write_pages(Path::new(&directory), &pages)?;
    }
    let bytes: usize = pages.iter().map(|page| page.bytes.len()).sum();
    let context = ReadContext::in_zone(Zone::parse("Europe/Berlin")?);
    let to_model = || {
        let decoded = decode(&pages, &context)?;
        ensure!(decoded == items, "{decoded} of {items} items were decoded");
        Ok(())
    };
    let to_tokens = || {
        black_box(pages.iter().map(|page| count_tokens(&page.bytes)).sum::<anyhow::Result<u64>>()?);
        Ok(())
    };
    let [model, tokens] = take_turns(runs, [&to_model, &to_tokens])?;
    let result = json!({
        "items": items,
        "bytes": bytes,
        "runs": runs,
        "model": rates(&model, items, bytes),
        "tokens": rates(&tokens, items, bytes),
    });
    print(&result);
    Ok(())
}

/// Reads every page into the model; gives the number of items.
fn decode(pages: &[Page], context: &ReadContext) -> anyhow::Result<usize> {
    let mut decoded = 0;
    for page in pages {
        match page.kind {
            PageKind::Changes => {
                black_box(SyncFolderItems::read(&page.bytes)?.single()?);
            }
            PageKind::Items => {
                for item in GetItem::read(&page.bytes)?.messages.into_iter().flatten() {
                    if let Item::Calendar(item) = item {
                        let read = read_item(&item, context)?;
                        black_box(assemble_series(read, Vec::new()));
                        decoded += 1;
                    }
                }
            }
        }
    }
    Ok(decoded)
}

/// Goes through a document without looking at it: no XML reader on this tokeniser can be faster.
fn count_tokens(bytes: &[u8]) -> anyhow::Result<u64> {
    let mut reader = Reader::from_reader(bytes);
    let mut count = 0;
    loop {
        match reader.read_event()? {
            Token::Eof => return Ok(count),
            token => {
                black_box(&token);
                count += 1;
            }
        }
    }
}

fn write_pages(directory: &Path, pages: &[Page]) -> anyhow::Result<()> {
    std::fs::create_dir_all(directory)?;
    for (number, page) in pages.iter().enumerate() {
        let kind = match page.kind {
            PageKind::Changes => "changes",
            PageKind::Items => "items",
        };
        std::fs::write(directory.join(format!("{number:04}-{kind}.xml")), &page.bytes)?;
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "this is the program's output")]
fn print(result: &Value) {
    println!("{result}");
}
