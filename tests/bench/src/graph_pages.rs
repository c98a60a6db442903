//! Pages of `calendarView/delta` as the simulated Graph gives them: what a first copy follows.

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use serde_json::Value;
use tidemark_graph::{GraphRequest, GraphRoot, Next, Page, UserKey, events};
use tidemark_simulator::{SimOutcome, SimRequest, Simulator};

use crate::calendar::{OWNER, fill};

/// Where the links of the pages lead: the host that the simulator is asked under.
pub const ROOT: &str = "http://127.0.0.1/graph";
const HOST: &str = "127.0.0.1";
/// Entries of a page, as the connector asks for them.
const ENTRIES_PER_PAGE: usize = 100;
/// What is followed: everything that [`fill`] can fill, and less than the 1,825 days that Graph
/// allows.
const WINDOW: (&str, &str) = ("2026-01-01T00:00:00Z", "2030-01-01T00:00:00Z");
/// The simulator's tenant, application and secret.
const TOKEN_PATH: &str = "/00000000-0000-4000-8000-000000000001/oauth2/v2.0/token";
const GRANT: &str = "grant_type=client_credentials&client_id=00000000-0000-4000-8000-000000000002\
    &client_secret=sim-secret&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default";

/// Fills a calendar with `items` appointments and follows it from the beginning to the end.
///
/// The same number gives the same pages.
///
/// # Errors
/// When the simulator refuses, which would be a defect of it.
pub fn generate(items: usize) -> anyhow::Result<Vec<Vec<u8>>> {
    let simulator = fill(items)?;
    let token = token(&simulator)?;
    let root = GraphRoot::parse(ROOT)?;
    let (from, until): (Timestamp, Timestamp) = (WINDOW.0.parse()?, WINDOW.1.parse()?);
    let user = UserKey::parse(OWNER)?;
    let mut request = events::build_calendar_view_delta(&user, from, until);
    let mut pages = Vec::new();
    loop {
        let page = ask(&simulator, &request.page_of(ENTRIES_PER_PAGE), &root, &token)?;
        let next = Page::read(&page, &root)?.next;
        pages.push(page);
        match next {
            Next::More(link) => request = GraphRequest::follow(&link),
            Next::Delta(_) | Next::End => return Ok(pages),
        }
    }
}

fn token(simulator: &Simulator) -> anyhow::Result<String> {
    let answer = body_of(simulator.handle(&SimRequest {
        method: "POST".to_owned(),
        path: TOKEN_PATH.to_owned(),
        headers: Vec::new(),
        body: GRANT.into(),
    }))?;
    let answer: Value = serde_json::from_slice(&answer)?;
    let token = answer.get("access_token").and_then(Value::as_str);
    Ok(token.context("the simulator gave no token")?.to_owned())
}

fn ask(
    simulator: &Simulator,
    request: &GraphRequest,
    root: &GraphRoot,
    token: &str,
) -> anyhow::Result<Vec<u8>> {
    let url = request.url(root);
    let host = format!("http://{HOST}");
    let path = url.strip_prefix(&host).context("a link leads elsewhere")?;
    let mut headers = vec![
        ("authorization".to_owned(), format!("Bearer {token}")),
        ("host".to_owned(), HOST.to_owned()),
    ];
    headers.extend(request.headers().into_iter().map(|(name, value)| (name.to_owned(), value)));
    body_of(simulator.handle(&SimRequest {
        method: request.method.as_str().to_owned(),
        path: path.to_owned(),
        headers,
        body: request.body_bytes(),
    }))
}

fn body_of(outcome: SimOutcome) -> anyhow::Result<Vec<u8>> {
    match outcome {
        SimOutcome::Answer { status: 200, body, .. } => Ok(body),
        SimOutcome::Answer { status, .. } => bail!("the simulator answered {status}"),
        SimOutcome::CutBefore | SimOutcome::CutAfter => bail!("the simulator cut the connection"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use tidemark_graph::{Entry, calendar::EventKind};

    use super::*;

    #[test]
    fn a_first_round_tells_every_event() {
        let pages = generate(130).unwrap();
        let root = GraphRoot::parse(ROOT).unwrap();
        let mut kinds = [BTreeSet::new(), BTreeSet::new(), BTreeSet::new()];
        for page in &pages {
            for entry in Page::read(page, &root).unwrap().entries {
                let Entry::Event(head) = entry.unwrap() else { panic!("nothing is removed") };
                let kind = match head.kind {
                    EventKind::SingleInstance => 0,
                    EventKind::SeriesMaster => 1,
                    _ => 2,
                };
                kinds[kind].insert(head.id.as_str().to_owned());
            }
        }
        // One of twenty is a series of twelve.
        let counts = kinds.map(|ids| ids.len());
        assert_eq!(counts, [123, 7, 84]);
    }
}
