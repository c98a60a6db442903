//! `tidemark export`: everything that is kept and may be shown, over the API, into a file of JSON Lines.
//!
//! The file gets its name when it is whole. Until then its rows are in a file beside it, with the place
//! where they go on, so that an export that was cut off goes on there.

mod client;
mod partial;
mod tally;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::value::RawValue;
use tidemark_runtime::Environment;
use tidemark_transport::{
    Clock, HttpOptions, HttpPort, PlainHttp, ReqwestHttp, SystemClock, TargetPolicy,
};

use crate::cli::ExportArguments;
use crate::console::say;
use crate::settings::read_secret;
use client::{ApiClient, CallError};
use partial::{Bookmark, Partial};
use tally::Tally;

/// The variable that holds the API key where no file does.
const KEY_VARIABLE: &str = "TIDEMARK_API_KEY";
/// How old an export may be that is gone on with. What changed while it was made stands in the feed,
/// which comes last and keeps a day at least (the least that `TIDEMARK_RETENTION_DAYS` can say).
const GO_ON_WITHIN: SignedDuration = SignedDuration::from_hours(24);
/// Pages of one listing. An export of so many has 2 billion rows.
const PAGES_MAX: u64 = 10_000_000;
/// Pages after which a line says how far it is.
const PAGES_PER_LINE: u64 = 100;
/// Mailboxes of a page when they are listed: as many as the API gives.
const LISTED: usize = 500;

/// Writes the export. Exit code 1 when it is not whole.
///
/// # Errors
/// When a file cannot be used or the API refuses; what was written so far is kept.
pub(crate) async fn run(
    environment: &Environment,
    arguments: &ExportArguments,
) -> anyhow::Result<ExitCode> {
    let key = read_key(environment, arguments.key_file.as_deref())?;
    let options = HttpOptions {
        plain_http: PlainHttp::LoopbackLiterals,
        targets: TargetPolicy::Any,
        ..HttpOptions::default()
    };
    let http: Arc<dyn HttpPort> = Arc::new(ReqwestHttp::new(options)?);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    export(arguments, key, http, clock).await?;
    Ok(ExitCode::SUCCESS)
}

fn read_key(environment: &Environment, file: Option<&Path>) -> anyhow::Result<SecretString> {
    match file {
        Some(file) => read_secret(file).with_context(|| format!("{}", file.display())),
        None => match environment.text(KEY_VARIABLE) {
            Some(key) => Ok(SecretString::from(key)),
            None => bail!(
                "name the file of an administrator's API key (--key-file), or set {KEY_VARIABLE}"
            ),
        },
    }
}

/// A page of the API's export.
#[derive(Deserialize)]
struct Page {
    rows: Vec<Box<RawValue>>,
    next: Option<String>,
}

/// What is needed of `GET /v1/organisation`.
#[derive(Deserialize)]
struct Organisation {
    id: String,
}

/// What is needed of `GET /v1/mailboxes`.
#[derive(Deserialize)]
struct Mailboxes {
    mailboxes: Vec<Listed>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct Listed {
    id: String,
}

/// Walks to the end and gives the file its name.
async fn export(
    arguments: &ExportArguments,
    key: SecretString,
    http: Arc<dyn HttpPort>,
    clock: Arc<dyn Clock>,
) -> anyhow::Result<()> {
    let mut partial = Partial::open(&arguments.to, arguments.overwrite)?;
    let api = ApiClient::new(&arguments.url, &key, http, Arc::clone(&clock))?;
    let organisation: Organisation = api.get("/v1/organisation", &[]).await?;
    let listed = list_mailboxes(&api).await?;
    say(&format!("organisation {}, {} mailboxes", organisation.id, listed.len()));
    let (mut tally, bookmark) =
        begin(&mut partial, arguments, &api, &organisation.id, clock.now())?;
    if let Err(error) = walk(&api, &mut partial, &mut tally, bookmark).await {
        let is_of_the_place =
            error.downcast_ref::<CallError>().is_some_and(CallError::is_of_the_place);
        if tally.rows() > 0 && !is_of_the_place {
            say(&format!("cut off after {} rows: the same command goes on there", tally.rows()));
        }
        return Err(error);
    }
    check_whole(&api, &tally, &organisation.id, &listed).await?;
    partial.finish(arguments.overwrite)?;
    say(&format!("{}: {} rows, {} bytes", arguments.to.display(), tally.rows(), partial.bytes()));
    for (kind, rows) in tally.kinds() {
        say(&format!("  {kind} {rows}"));
    }
    say("all was exported");
    Ok(())
}

/// Where the walk begins: at the place that an earlier one left, or at the first row. The second value
/// has no place (`after`) in the latter case.
fn begin(
    partial: &mut Partial,
    arguments: &ExportArguments,
    api: &ApiClient,
    organisation: &str,
    now: Timestamp,
) -> anyhow::Result<(Tally, Bookmark)> {
    let fresh = Bookmark::first(api.address(), organisation, now);
    let Some(found) = partial.bookmark()?.filter(|_| !arguments.anew) else {
        if partial.bytes() > 0 {
            say("  begins anew: what was begun before is thrown away");
        }
        partial.clear()?;
        return Ok((Tally::default(), fresh));
    };
    if found.address != fresh.address || found.organisation != fresh.organisation {
        bail!(
            "{}: was begun for another address or organisation; name another file, or throw it away \
             with --anew",
            partial.path().display()
        );
    }
    if now.duration_since(found.begun) > GO_ON_WITHIN {
        say("  begins anew: what was begun before is more than a day old");
        partial.clear()?;
        return Ok((Tally::default(), fresh));
    }
    let tally = partial.go_on(&found)?;
    say(&format!("  goes on after {} rows, begun {}", tally.rows(), found.begun));
    Ok((tally, found))
}

/// Page after page, each safe on the disk before its place is noted.
async fn walk(
    api: &ApiClient,
    partial: &mut Partial,
    tally: &mut Tally,
    mut bookmark: Bookmark,
) -> anyhow::Result<()> {
    for number in 1..=PAGES_MAX {
        let query: Vec<_> = bookmark.after.iter().map(|after| ("after", after.as_str())).collect();
        let page: Result<Page, CallError> = api.get("/v1/export", &query).await;
        let page = match page {
            Err(error) if error.is_of_the_place() => {
                return Err(error).context("the export cannot go on: begin again with --anew");
            }
            page => page?,
        };
        for row in &page.rows {
            tally.count(row.get())?;
        }
        partial.append(&page.rows)?;
        let Some(next) = page.next else { return Ok(()) };
        if bookmark.after.as_ref() == Some(&next) {
            bail!("the API names the place again where it was asked to go on");
        }
        bookmark.after = Some(next);
        bookmark.rows = tally.rows();
        partial.note(&bookmark)?;
        if number % PAGES_PER_LINE == 0 {
            say(&format!("  {} rows", tally.rows()));
        }
    }
    bail!("more than {PAGES_MAX} pages")
}

/// The ids of all mailboxes that the organisation has.
async fn list_mailboxes(api: &ApiClient) -> anyhow::Result<BTreeSet<String>> {
    let mut ids = BTreeSet::new();
    let (limit, mut after) = (LISTED.to_string(), None::<String>);
    for _ in 0..PAGES_MAX {
        let mut query = vec![("limit", limit.as_str())];
        query.extend(after.iter().map(|after| ("after", after.as_str())));
        let page: Mailboxes = api.get("/v1/mailboxes", &query).await?;
        ids.extend(page.mailboxes.into_iter().map(|mailbox| mailbox.id));
        if page.next.is_none() {
            return Ok(ids);
        }
        if page.next == after {
            break;
        }
        after = page.next;
    }
    bail!("the listing of mailboxes does not end")
}

/// Whether the rows can be all: the organisation is the one that was asked for, and every mailbox is
/// there that was listed at the beginning, but for those that were taken out meanwhile.
async fn check_whole(
    api: &ApiClient,
    tally: &Tally,
    organisation: &str,
    listed: &BTreeSet<String>,
) -> anyhow::Result<()> {
    if tally.organisation() != Some(organisation) {
        bail!("the export is of another organisation than the key: begin again with --anew");
    }
    let missing: Vec<_> = listed.iter().filter(|id| !tally.has_mailbox(id)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let there = list_mailboxes(api).await?;
    let missing = missing.into_iter().filter(|id| there.contains(*id)).count();
    if missing > 0 {
        bail!("{missing} mailboxes are not in the export: begin again with --anew");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
