//! Everything that is kept of an organisation, in the forms in which the API shows it.
//!
//! An export is a walk through the use cases that show things: page by page, each page from where the
//! one before ended, with nothing remembered in between. What changes meanwhile is shown as it is when
//! the walk comes by; the change feed comes last, so that it tells what the walk was too early for.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tidemark_model::{Kind, SystemId};
use tidemark_service::border::{Border, Caller, ItemView, Listing, Refusal, Role};

use crate::answers::{
    ActivityEntry, Connection, ExportedRow, HistoryEntry, Hold, ItemEntry, Key, Mailbox,
    Organisation, System, Webhook,
};

/// Rows after which a page ends.
const ROWS: usize = 200;
/// Bytes after which a page ends: Lambda answers with 6 MB at most, and one row is far smaller than
/// the rest of it.
const BYTES: usize = 2 * 1024 * 1024;
/// Listings after which a page ends, so that it is answered in time however little they hold.
const STEPS: usize = 100;
/// Entries of a listing that is read whole.
const LISTED: usize = 100;

/// Where the walk is. Names are ids of ours and cursors of listings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "at", rename_all = "lowercase", deny_unknown_fields)]
enum Place {
    Settings,
    Webhooks,
    Activity { after: Option<String> },
    Mailboxes { after: Option<String> },
    Items { mailbox: Within, after: Option<String> },
    History { mailbox: Within, item: String, after: Option<String>, then: Option<String> },
    Changes { system: usize, after: Option<String> },
}

/// A mailbox that the walk is in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Within {
    id: String,
    system: String,
    /// Where the listing of mailboxes goes on.
    next: Option<String>,
}

/// A page of an export, and where the next one begins.
pub(crate) struct ExportPage {
    pub(crate) rows: Vec<ExportedRow>,
    pub(crate) next: Option<String>,
}

/// The page that begins at `after`, or the first.
///
/// # Errors
/// [`Refusal`] of whatever is shown; a caller who is no administrator is refused.
pub(crate) async fn page(
    border: &dyn Border,
    caller: &Caller,
    after: Option<&str>,
) -> Result<ExportPage, Refusal> {
    if caller.role != Role::Administrator {
        return Err(Refusal::Forbidden(Role::Administrator));
    }
    let start = after.map_or(Ok(Place::Settings), decode)?;
    let mut walk = Walk { border, caller, rows: Vec::new(), bytes: 0 };
    let mut place = Some(start);
    for _ in 0..STEPS {
        let Some(here) = place.take() else { break };
        place = walk.step(here).await?;
        if walk.rows.len() >= ROWS || walk.bytes >= BYTES {
            break;
        }
    }
    Ok(ExportPage { rows: walk.rows, next: place.as_ref().map(encode) })
}

fn encode(place: &Place) -> String {
    // A place cannot fail to be written: it is texts and numbers.
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(place).unwrap_or_default())
}

fn decode(text: &str) -> Result<Place, Refusal> {
    let refusal = || Refusal::InvalidCursor { parameter: "after" };
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| refusal())?;
    serde_json::from_slice(&bytes).map_err(|_| refusal())
}

struct Walk<'a> {
    border: &'a dyn Border,
    caller: &'a Caller,
    rows: Vec<ExportedRow>,
    bytes: usize,
}

impl Walk<'_> {
    /// Shows what is at one place, and says which comes next.
    async fn step(&mut self, place: Place) -> Result<Option<Place>, Refusal> {
        match place {
            Place::Settings => self.settings().await.map(Some),
            Place::Webhooks => self.webhooks().await.map(Some),
            Place::Activity { after } => self.activity(after).await.map(Some),
            Place::Mailboxes { after } => self.mailbox(after).await.map(Some),
            Place::Items { mailbox, after } => self.item(mailbox, after).await.map(Some),
            Place::History { mailbox, item, after, then } => {
                self.history(mailbox, item, after, then).await.map(Some)
            }
            Place::Changes { system, after } => self.changes(system, after).await,
        }
    }

    fn show(
        &mut self,
        kind: &'static str,
        of: Option<&Within>,
        value: &impl Serialize,
    ) -> Result<(), Refusal> {
        self.show_item(kind, of, None, value)
    }

    fn show_item(
        &mut self,
        kind: &'static str,
        of: Option<&Within>,
        item: Option<&str>,
        value: &impl Serialize,
    ) -> Result<(), Refusal> {
        let value = serde_json::to_value(value).map_err(|_| Refusal::Internal)?;
        self.bytes = self.bytes.saturating_add(weight(&value));
        let mailbox = of.map(|within| within.id.clone());
        self.rows.push(ExportedRow { kind, mailbox, item: item.map(str::to_owned), value });
        Ok(())
    }

    async fn settings(&mut self) -> Result<Place, Refusal> {
        let (border, caller) = (self.border, self.caller);
        self.show("organisation", None, &Organisation::from(border.organisation(caller).await?))?;
        for system in border.systems(caller).await? {
            self.show("system", None, &System::from(system))?;
        }
        for connection in border.connections(caller).await? {
            self.show("connection", None, &Connection::from(connection))?;
        }
        for key in border.keys(caller).await? {
            self.show("key", None, &Key::from(key))?;
        }
        Ok(Place::Webhooks)
    }

    async fn webhooks(&mut self) -> Result<Place, Refusal> {
        for system in self.systems().await? {
            let caller = self.speaking_for(&system)?;
            for webhook in self.border.webhooks(&caller).await? {
                self.show("webhook", None, &Webhook::from(webhook))?;
            }
        }
        for hold in self.border.holds(self.caller).await? {
            self.show("hold", None, &Hold::from(hold))?;
        }
        Ok(Place::Activity { after: None })
    }

    async fn activity(&mut self, after: Option<String>) -> Result<Place, Refusal> {
        let page = self.border.activity(self.caller, after.as_deref(), LISTED).await?;
        for entry in page.entries {
            self.show("activity", None, &ActivityEntry::from(entry))?;
        }
        Ok(match page.next {
            next @ Some(_) => Place::Activity { after: next },
            None => Place::Mailboxes { after: None },
        })
    }

    async fn mailbox(&mut self, after: Option<String>) -> Result<Place, Refusal> {
        let page = self.border.mailboxes(self.caller, after.as_deref(), 1).await?;
        let Some(view) = page.entries.into_iter().next() else {
            return Ok(Place::Changes { system: 0, after: None });
        };
        let within = Within { id: view.id.clone(), system: view.system.clone(), next: page.next };
        self.show("mailbox", Some(&within), &Mailbox::from(view))?;
        Ok(Place::Items { mailbox: within, after: None })
    }

    async fn item(&mut self, within: Within, after: Option<String>) -> Result<Place, Refusal> {
        let caller = self.speaking_for(&within.system)?;
        let page = self.border.items(&caller, &within.id, Kind::Appointment, after.as_deref(), 1);
        let Listing { entries, next } = match page.await {
            Ok(page) => page,
            // It was taken away since it was listed.
            Err(Refusal::NotFound { .. }) => return Ok(after_mailbox(within)),
            Err(refusal) => return Err(refusal),
        };
        let Some(view) = entries.into_iter().next() else {
            return Ok(match next {
                Some(_) => Place::Items { mailbox: within, after: next },
                None => after_mailbox(within),
            });
        };
        let ItemView { id, .. } = &view;
        let item = id.clone();
        self.show_item("appointment", Some(&within), Some(&item), &ItemEntry::from(view))?;
        Ok(Place::History { mailbox: within, item, after: None, then: next })
    }

    async fn history(
        &mut self,
        within: Within,
        item: String,
        after: Option<String>,
        then: Option<String>,
    ) -> Result<Place, Refusal> {
        let (caller, kind) = (self.speaking_for(&within.system)?, Kind::Appointment);
        let border = self.border;
        let page =
            border.item_history(&caller, &within.id, kind, &item, after.as_deref(), LISTED).await;
        let next = match page {
            Ok(page) => {
                for entry in page.entries {
                    let entry = HistoryEntry::from(entry);
                    self.show_item("history", Some(&within), Some(&item), &entry)?;
                }
                page.next
            }
            // It was deleted since it was listed: the feed tells of that.
            Err(Refusal::NotFound { .. } | Refusal::Deleted { .. }) => None,
            Err(refusal) => return Err(refusal),
        };
        Ok(match (next, then) {
            (next @ Some(_), then) => Place::History { mailbox: within, item, after: next, then },
            (None, then @ Some(_)) => Place::Items { mailbox: within, after: then },
            (None, None) => after_mailbox(within),
        })
    }

    async fn changes(
        &mut self,
        index: usize,
        after: Option<String>,
    ) -> Result<Option<Place>, Refusal> {
        let systems = self.systems().await?;
        let Some(system) = systems.get(index) else {
            return Ok(None);
        };
        let caller = self.speaking_for(system)?;
        let wait = core::time::Duration::ZERO;
        let feed = self.border.changes(&caller, after.as_deref(), LISTED, wait).await?;
        // A cursor that did not move has nothing behind it.
        let goes_on = !feed.changes.is_empty() && after.as_ref() != Some(&feed.cursor);
        if goes_on {
            for change in &feed.changes {
                self.show("change", None, change)?;
            }
        }
        Ok(Some(if goes_on {
            Place::Changes { system: index, after: Some(feed.cursor) }
        } else {
            Place::Changes { system: index.saturating_add(1), after: None }
        }))
    }

    async fn systems(&self) -> Result<Vec<String>, Refusal> {
        let systems = self.border.systems(self.caller).await?;
        Ok(systems.into_iter().map(|system| system.id).collect())
    }

    /// The administrator, speaking for one business system: links and item ids are a system's own.
    fn speaking_for(&self, system: &str) -> Result<Caller, Refusal> {
        let system = SystemId::parse(system).map_err(|_| Refusal::Internal)?;
        Ok(Caller { system: Some(system), ..self.caller.clone() })
    }
}

fn after_mailbox(within: Within) -> Place {
    match within.next {
        next @ Some(_) => Place::Mailboxes { after: next },
        None => Place::Changes { system: 0, after: None },
    }
}

/// About how many bytes a value has when it is written.
fn weight(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
        Value::String(text) => text.len().saturating_add(2),
        Value::Array(values) => values.iter().map(weight).sum::<usize>().saturating_add(2),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| name.len().saturating_add(weight(value)).saturating_add(4))
            .sum(),
    }
}
