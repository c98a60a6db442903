//! Which path does what, and who may.

use jiff::Timestamp;
use tidemark_model::Participation;

use super::request::Request;
use super::{
    Answer, Call, GraphError, Routed, delta, directory, events, id, schedule, subscriptions, view,
};
use crate::entra::Bearer;
use crate::simulator::State;
use crate::store::{Actor, DeleteKind, FolderNumber, MailboxNumber};

/// First segments; what follows them and is no name is an id.
const COLLECTIONS: [&str; 10] = [
    "applications",
    "users",
    "calendars",
    "calendarGroups",
    "events",
    "subscriptions",
    "messages",
    "mailFolders",
    "contacts",
    "contactFolders",
];

/// The name of what is asked for, such as `PATCH users/{id}/events/{id}`.
pub(super) fn operation(request: &Request<'_>) -> String {
    let mut name = request.method.to_owned();
    let mut before = "";
    for (at, part) in request.path.iter().enumerate() {
        let is_id = COLLECTIONS.contains(&before) && part != "delta";
        name.push(if at == 0 { ' ' } else { '/' });
        name.push_str(if is_id { "{id}" } else { part });
        before = if is_id { "" } else { part };
    }
    name
}

/// What a request needs to be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    CalendarsRead,
    CalendarsWrite,
    MailRead,
    ContactsRead,
    SettingsRead,
}

impl Need {
    /// Permissions that give it, by the names that both Entra and Exchange use.
    const fn permissions(self) -> &'static [&'static str] {
        match self {
            Self::CalendarsRead => &["Calendars.Read", "Calendars.ReadWrite"],
            Self::CalendarsWrite => &["Calendars.ReadWrite"],
            Self::MailRead => &["Mail.ReadBasic.All", "Mail.Read", "Mail.ReadWrite"],
            Self::ContactsRead => &["Contacts.Read", "Contacts.ReadWrite"],
            Self::SettingsRead => &["MailboxSettings.Read", "MailboxSettings.ReadWrite"],
        }
    }
}

/// Whether an application may. Rights add up: a role that was consented to in Entra holds for all
/// mailboxes, whatever the scope in Exchange says (exchange-graph.md 3).
///
/// # Errors
/// When neither gives the right.
pub(super) fn allow(
    state: &State,
    bearer: &Bearer,
    mailbox: MailboxNumber,
    need: Need,
) -> Result<(), GraphError> {
    let names = need.permissions();
    let by_entra = bearer.roles.iter().any(|role| names.contains(&role.as_str()));
    let roles = &state.graph.settings.rbac_roles;
    let by_scope = !state.graph.out_of_scope.contains(&mailbox)
        && names.iter().any(|name| roles.contains(*name));
    if by_entra || by_scope { Ok(()) } else { Err(GraphError::access_denied()) }
}

/// Does what a request asks for.
///
/// # Errors
/// When it is refused.
pub(super) fn route(
    state: &mut State,
    request: &Request<'_>,
    bearer: &Bearer,
    now: Timestamp,
) -> Result<Routed, GraphError> {
    match (request.method, request.parts().as_slice()) {
        (_, ["subscriptions", rest @ ..]) => {
            subscriptions::route(state, request, bearer, rest, now)
        }
        (_, ["me", ..]) => {
            Err(GraphError::query("/me request is only valid with delegated authentication flow."))
        }
        ("GET", ["organization"]) => Ok(Routed::Answer(directory::organization(request))),
        (_, [application, rest @ ..]) if application.starts_with("applications") => {
            directory::application(state, request, bearer, rest, now).map(Routed::Answer)
        }
        ("GET", ["users"]) => {
            directory::may_read(bearer)?;
            directory::users(state, request).map(Routed::Answer)
        }
        ("GET", ["users", user]) => {
            directory::may_read(bearer)?;
            directory::user(state, request, user).map(Routed::Answer)
        }
        (_, ["users", user, ..]) => mailbox(state, request, bearer, user, now).map(Routed::Answer),
        (_, parts) => Err(no_segment(parts.last().copied().unwrap_or_default())),
    }
}

fn no_segment(name: &str) -> GraphError {
    GraphError::query(format!("Resource not found for the segment '{name}'."))
}

/// Everything below one user.
fn mailbox(
    state: &mut State,
    request: &Request<'_>,
    bearer: &Bearer,
    user: &str,
    now: Timestamp,
) -> Result<Answer, GraphError> {
    let number = directory::find(state, user).ok_or_else(|| {
        GraphError::new(404, "ErrorInvalidUser", format!("The requested user '{user}' is invalid."))
    })?;
    let parts = request.parts();
    let rest = parts.get(2..).unwrap_or_default();
    if rest == ["translateExchangeIds"] && request.method == "POST" {
        directory::may_read(bearer)?;
    } else {
        allow(state, bearer, number, need(request.method, rest))?;
    }
    if state.graph.on_premises.contains(&number) {
        return Err(GraphError::new(
            404,
            "MailboxNotEnabledForRESTAPI",
            "The mailbox is either inactive, soft-deleted, or is hosted on-premise.",
        ));
    }
    if let Some(wait) = state.graph.throttle(number, now) {
        return Err(GraphError::throttled("ErrorTooManyRequests", wait));
    }
    let owner = state.store.mailbox(number)?;
    let actor = Actor { name: owner.display_name.clone(), at: now };
    let user = directory::user_id(number);
    let mut call = Call { state, request, mailbox: number, user, actor };
    below_user(&mut call, rest)
}

fn need(method: &str, rest: &[&str]) -> Need {
    match rest.first() {
        Some(&("mailboxSettings" | "outlook")) => Need::SettingsRead,
        Some(&("messages" | "mailFolders")) => Need::MailRead,
        Some(&("contacts" | "contactFolders")) => Need::ContactsRead,
        _ if method == "GET" || rest.last() == Some(&"getSchedule") => Need::CalendarsRead,
        _ => Need::CalendarsWrite,
    }
}

fn below_user(call: &mut Call<'_>, rest: &[&str]) -> Result<Answer, GraphError> {
    let default = call.mailbox()?.distinguished("calendar")?.number;
    match (call.request.method, rest) {
        ("GET", ["mailboxSettings"]) => directory::mailbox_settings(call),
        ("GET", ["mailboxSettings", "timeZone"]) => directory::time_zone(call),
        ("GET", ["outlook", zones]) if zones.starts_with("supportedTimeZones") => {
            Ok(directory::time_zones(call, zones))
        }
        ("POST", ["translateExchangeIds"]) => directory::translate(call),
        ("GET", ["messages"]) => directory::messages(call, None),
        ("GET", ["mailFolders"]) => directory::mail_folders(call),
        ("GET", ["mailFolders", folder]) => directory::mail_folder(call, folder),
        ("GET", ["mailFolders", folder, "messages"]) => directory::messages(call, Some(folder)),
        ("GET", ["outlook", "masterCategories"] | ["contacts" | "contactFolders", ..]) => {
            directory::empty(call)
        }
        ("GET", ["calendars"]) => directory::calendars(call),
        ("POST", ["calendars"]) => directory::create_calendar(call),
        ("GET", ["calendar"]) => directory::calendar(call, default),
        ("GET", ["calendars", one]) => {
            let folder = id::read_folder(call.mailbox()?, one)?;
            directory::calendar(call, folder)
        }
        ("DELETE", ["calendars", one]) => directory::delete_calendar(call, one),
        (_, ["calendars", one, tail @ ..]) => {
            let folder = id::read_folder(call.mailbox()?, one)?;
            calendar(call, folder, tail)
        }
        (_, ["calendar", tail @ ..] | tail) => calendar(call, default, tail),
    }
}

fn calendar(
    call: &mut Call<'_>,
    folder: FolderNumber,
    rest: &[&str],
) -> Result<Answer, GraphError> {
    match (call.request.method, rest) {
        ("GET", ["events"]) => events::list(call, folder),
        ("POST", ["events"]) => events::create(call, folder),
        ("GET", ["events", "delta"]) => delta::events(call, folder),
        ("GET", ["calendarView"]) => view::calendar_view(call, folder),
        ("GET", ["calendarView", "delta"]) => delta::view(call, folder),
        ("POST", ["getSchedule"]) => schedule::get(call),
        ("GET", ["events", event, "attachments"]) => events::attachments(call, event),
        ("GET", ["events", event]) => events::get(call, event),
        ("PATCH", ["events", event]) => events::patch(call, event),
        ("DELETE", ["events", event]) => events::delete(call, event, DeleteKind::ToDeletedItems),
        ("GET", ["events", event, "instances"]) => view::instances(call, event),
        ("POST", ["events", event, "permanentDelete"]) => {
            events::delete(call, event, DeleteKind::Hard)
        }
        ("POST", ["events", event, "cancel"]) => events::cancel(call, event),
        ("POST", ["events", event, "accept"]) => {
            events::answer(call, event, Participation::Accepted)
        }
        ("POST", ["events", event, "tentativelyAccept"]) => {
            events::answer(call, event, Participation::Tentative)
        }
        ("POST", ["events", event, "decline"]) => {
            events::answer(call, event, Participation::Declined)
        }
        (_, parts) => Err(no_segment(parts.last().copied().unwrap_or_default())),
    }
}
