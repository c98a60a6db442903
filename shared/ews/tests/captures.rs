//! Answers of another EWS server, recorded: all of them have to be read.
//!
//! They lie outside of the repository. `TIDEMARK_SHARED` names the folder that holds `captures`;
//! without it there is nothing to test, which is said.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where something is not as it should be"
)]

use std::path::PathBuf;

use tidemark_ews::calendar::{ReadContext, read_item};
use tidemark_ews::notification::read_events;
use tidemark_ews::{
    CreateItem, EwsError, FindFolder, FindItem, GetFolder, GetItem, Item, ResolveNames, Response,
    SubscribePush, SyncFolderHierarchy, SyncFolderItems, Unreadable, UpdateItem, read_outcomes,
};
use tidemark_model::Zone;

/// The folder, if it is known.
#[expect(clippy::disallowed_methods, reason = "where recordings lie is configuration of the test")]
fn captures() -> Option<PathBuf> {
    let shared = std::env::var("TIDEMARK_SHARED").ok()?;
    Some(PathBuf::from(shared).join("captures"))
}

/// What an answer says: how many parts went well and how many did not.
type Outcome = Result<(usize, usize), EwsError>;

fn count<T>(answer: Result<Response<T>, EwsError>) -> Outcome {
    let messages = answer?.messages;
    let good = messages.iter().filter(|message| message.is_ok()).count();
    Ok((good, messages.len() - good))
}

/// Reads an answer with the reader of its own operation.
fn read(operation: &str, bytes: &[u8]) -> Outcome {
    match operation {
        "GetFolder" => count(GetFolder::read(bytes)),
        "FindFolder" => count(FindFolder::read(bytes)),
        "SyncFolderHierarchy" => count(SyncFolderHierarchy::read(bytes)),
        "SyncFolderItems" => count(SyncFolderItems::read(bytes)),
        "FindItem" => count(FindItem::read(bytes)),
        "CreateItem" => count(CreateItem::read(bytes)),
        "UpdateItem" => count(UpdateItem::read(bytes)),
        "ResolveNames" => count(ResolveNames::read(bytes)),
        "Subscribe" => count(SubscribePush::read(bytes)),
        "GetItem" => get_item(bytes),
        "GetEvents" | "GetStreamingEvents" => {
            let notifications = read_events(bytes)?;
            let good = notifications.iter().filter(|notification| notification.is_ok()).count();
            Ok((good, notifications.len() - good))
        }
        _ => count(read_outcomes(bytes)),
    }
}

/// Reads items, and maps appointments to the model.
fn get_item(bytes: &[u8]) -> Outcome {
    let answer = GetItem::read(bytes)?;
    for item in answer.messages.iter().flatten() {
        if let Item::Calendar(item) = item {
            let read = read_item(item, &ReadContext::in_zone(Zone::utc())).expect("an appointment");
            assert_eq!(read.warnings, []);
            assert_eq!(read.zone.name(), "Europe/Berlin");
        }
    }
    count(Ok(answer))
}

#[test]
fn every_recorded_answer_is_read() {
    let Some(folder) = captures() else {
        println!("TIDEMARK_SHARED does not name the folder of the captures: nothing was tested");
        return;
    };
    let index = std::fs::read_to_string(folder.join("index.md")).expect("an index");
    let rows = index.lines().filter_map(|line| {
        let mut columns = line.strip_prefix("| ")?.split(" | ");
        let number: u32 = columns.next()?.parse().ok()?;
        Some((number, columns.next()?.to_owned(), columns.nth(1)?.to_owned()))
    });
    let mut seen = 0;
    for (number, operation, code) in rows {
        let path = folder.join(format!("op-{number:02}-response.xml"));
        let bytes = std::fs::read(path).expect("a response");
        let operation = operation.split(' ').next().unwrap_or_default();
        check(number, &code, read(operation.trim_end_matches("Request"), &bytes));
        seen += 1;
    }
    assert_eq!(seen, 95);
}

fn check(number: u32, code: &str, outcome: Outcome) {
    match (code, outcome) {
        // Autodiscover is no SOAP.
        ("fault", Err(EwsError::Fault(_)))
        | ("-", Err(EwsError::Unreadable(Unreadable::Unexpected))) => {}
        (code, Ok((good, 0))) if code.starts_with("NoError") => {
            assert!(good > 0, "{number}: nothing was read");
        }
        (code, Ok((0, bad))) if code.starts_with("Error") && bad > 0 => {}
        (code, outcome) => panic!("{number}: {outcome:?} for {code}"),
    }
}
