//! Users, settings of their mailboxes, calendars, ids of other forms; mail as far as a probe reads it.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::event_read::Reader;
use super::filter::Filter;
use super::id::{self, IdForm};
use super::query::{self, Page};
use super::request::Request;
use super::{Answer, Call, GraphError, guid, time};
use crate::entra::{Bearer, KeyRefused, TENANT, object_id};
use crate::simulator::State;
use crate::store::{FolderNumber, Item, Mailbox, MailboxNumber};
use crate::windows_zone;

/// Most ids of one translation (exchange-graph.md 4).
const TRANSLATE_MAX: usize = 1_000;
/// Users of a page where nothing is said (user-list).
const USERS_PAGE: usize = 100;
/// Class of calendars.
const CALENDAR: &str = "IPF.Appointment";

/// The directory is opened by roles in Entra alone.
///
/// # Errors
/// When the token has none of them.
pub(super) fn may_read(bearer: &Bearer) -> Result<(), GraphError> {
    let may = ["User.Read.All", "User.ReadBasic.All", "Directory.Read.All"];
    if bearer.roles.iter().any(|role| may.contains(&role.as_str())) {
        return Ok(());
    }
    Err(denied())
}

/// The directory's id of a mailbox's owner; it never changes.
pub(super) fn user_id(mailbox: MailboxNumber) -> String {
    guid(0x1_0000_0000 + u64::from(mailbox))
}

/// The mailbox that an id or a user principal name stands for.
pub(super) fn find(state: &State, user: &str) -> Option<MailboxNumber> {
    let by_id = state
        .store
        .mailboxes()
        .iter()
        .find(|mailbox| user_id(mailbox.number).eq_ignore_ascii_case(user));
    // Aliases are no user principal names.
    let by_name = || {
        state.store.mailboxes().iter().find(|mailbox| mailbox.address.eq_ignore_ascii_case(user))
    };
    by_id.or_else(by_name).map(|mailbox| mailbox.number)
}

fn entity(of: &Mailbox) -> Value {
    let mut proxies = vec![format!("SMTP:{}", of.address)];
    proxies.extend(of.aliases.iter().map(|alias| format!("smtp:{alias}")));
    json!({
        "id": user_id(of.number),
        "displayName": of.display_name,
        "givenName": of.display_name,
        "surname": null,
        "mail": of.address,
        "userPrincipalName": of.address,
        "accountEnabled": true,
        "userType": "Member",
        "proxyAddresses": proxies,
    })
}

/// `GET /users`.
pub(super) fn users(state: &State, request: &Request<'_>) -> Result<Answer, GraphError> {
    let filter = request.option("$filter").map(Filter::read).transpose()?;
    let mut all: Vec<_> = state
        .store
        .mailboxes()
        .iter()
        .map(entity)
        .filter(|user| filter.as_ref().is_none_or(|filter| filter.holds(user)))
        .collect();
    query::sort(&mut all, request.option("$orderby"));
    let show = |user: &Value| query::select(user.clone(), request.option("$select"));
    let page = Page::of(request, USERS_PAGE)?;
    Ok(Answer::json(200, page.body(request, &all, show)))
}

/// `GET /users/{id}`.
pub(super) fn user(state: &State, request: &Request<'_>, user: &str) -> Result<Answer, GraphError> {
    let number = find(state, user).ok_or_else(|| GraphError::resource_not_found(user))?;
    let found = entity(state.store.mailbox(number)?);
    Ok(Answer::json(200, query::select(found, request.option("$select"))))
}

/// `GET /organization`.
pub(super) fn organization(request: &Request<'_>) -> Answer {
    let one = json!({ "id": TENANT, "displayName": "Tidemark Example" });
    let context = format!("{}/$metadata#organization", request.root);
    Answer::json(200, json!({ "@odata.context": context, "value": [one] }))
}

/// Everything below the registration that asks: an application may change what it owns.
pub(super) fn application(
    state: &mut State,
    request: &Request<'_>,
    bearer: &Bearer,
    rest: &[&str],
    now: Timestamp,
) -> Result<Answer, GraphError> {
    let may = ["Application.ReadWrite.OwnedBy", "Application.ReadWrite.All"];
    // Its own keys an application rolls without a permission: the proof stands for it.
    let is_proven = matches!(rest.last(), Some(&"addKey" | &"removeKey"));
    if !is_proven && !bearer.roles.iter().any(|role| may.contains(&role.as_str())) {
        return Err(denied());
    }
    // `applications(appId='…')` names it by its client id.
    let by_client = request.path.first().and_then(|first| {
        first.strip_prefix("applications(appId='")?.strip_suffix("')").map(str::to_owned)
    });
    let (known, rest) = match (&by_client, rest) {
        (Some(client), rest) => (client.eq_ignore_ascii_case(&bearer.application), rest),
        (None, [id, rest @ ..]) => (id.eq_ignore_ascii_case(&object_id()), rest),
        (None, []) => (false, rest),
    };
    if !known {
        return Err(GraphError::resource_not_found("application"));
    }
    let invalid = || GraphError::new(400, "Request_BadRequest", "Invalid value specified.");
    match (request.method, rest) {
        ("GET", []) => {
            let found = state.entra.application();
            Ok(Answer::json(200, query::select(found, request.option("$select"))))
        }
        ("POST", ["addPassword"]) => {
            let wanted = request.json()?;
            let made = state.entra.add_password(&wanted, now).ok_or_else(invalid)?;
            Ok(Answer::json(200, made))
        }
        ("POST", ["removePassword"]) => {
            let wanted = request.json()?;
            let id = wanted.get("keyId").and_then(Value::as_str).ok_or_else(invalid)?;
            if state.entra.remove_password(id) { Ok(Answer::empty(204)) } else { Err(invalid()) }
        }
        ("POST", ["addKey"]) => {
            let made = state.entra.add_key(&request.json()?, now).map_err(key_refused)?;
            Ok(Answer::json(200, made))
        }
        ("POST", ["removeKey"]) => {
            state.entra.remove_key(&request.json()?, now).map_err(key_refused)?;
            Ok(Answer::empty(204))
        }
        _ => Err(GraphError::query("Resource not found for the segment 'applications'.")),
    }
}

/// Which error a bad proof gets stands on no page; issue 14626 of microsoftgraph/microsoft-graph-docs
/// shows it.
fn key_refused(refused: KeyRefused) -> GraphError {
    match refused {
        KeyRefused::Proof => GraphError::new(
            401,
            "Authentication_MissingOrMalformed",
            "Access Token missing or malformed.",
        ),
        KeyRefused::Request => {
            GraphError::new(400, "Request_BadRequest", "Invalid value specified.")
        }
    }
}

fn denied() -> GraphError {
    GraphError::new(
        403,
        "Authorization_RequestDenied",
        "Insufficient privileges to complete the operation.",
    )
}

/// `GET …/mailboxSettings`.
pub(super) fn mailbox_settings(call: &Call<'_>) -> Result<Answer, GraphError> {
    let zone = call.mailbox()?.time_zone.clone();
    let settings = json!({
        "archiveFolder": null,
        "timeZone": zone,
        "delegateMeetingMessageDeliveryOptions": "sendToDelegateOnly",
        "dateFormat": "yyyy-MM-dd",
        "timeFormat": "HH:mm",
        "userPurpose": "user",
        "automaticRepliesSetting": { "status": "disabled", "externalAudience": "all" },
        "language": { "locale": "en-US", "displayName": "English (United States)" },
        "workingHours": super::schedule::working_hours(call.mailbox()?),
    });
    Ok(Answer::json(200, query::select(settings, call.request.option("$select"))))
}

/// `GET …/mailboxSettings/timeZone`.
pub(super) fn time_zone(call: &Call<'_>) -> Result<Answer, GraphError> {
    Ok(Answer::json(200, json!({ "value": call.mailbox()?.time_zone })))
}

/// `GET …/outlook/supportedTimeZones`, of Windows or of IANA.
pub(super) fn time_zones(call: &Call<'_>, function: &str) -> Answer {
    let iana = function.to_ascii_lowercase().contains("'iana'");
    let all: Vec<_> = windows_zone::ids()
        .filter_map(|windows| {
            let alias = if iana { windows_zone::iana(windows)? } else { windows };
            Some(json!({ "alias": alias, "displayName": windows }))
        })
        .collect();
    let context = format!("{}/$metadata#Collection(timeZoneInformation)", call.request.root);
    Answer::json(200, json!({ "@odata.context": context, "value": all }))
}

/// A collection that has no members here.
pub(super) fn empty(call: &Call<'_>) -> Result<Answer, GraphError> {
    let page = Page::read(call.request)?;
    Ok(Answer::json(200, page.body(call.request, &[], Value::clone)))
}

fn calendar_entity(call: &Call<'_>, folder: FolderNumber) -> Result<Value, GraphError> {
    let mailbox = call.mailbox()?;
    let found = mailbox.folder(folder)?;
    if found.class != CALENDAR {
        return Err(crate::store::StoreError::FolderNotFound.into());
    }
    Ok(json!({
        "id": id::folder(mailbox.number, folder),
        "name": found.name,
        "color": "auto",
        "hexColor": "",
        "isDefaultCalendar": found.distinguished == Some("calendar"),
        "changeKey": id::change_key(found.changed),
        "canShare": true,
        "canViewPrivateItems": true,
        "canEdit": true,
        "isTallyingResponses": true,
        "isRemovable": found.distinguished.is_none(),
        "allowedOnlineMeetingProviders": ["teamsForBusiness"],
        "defaultOnlineMeetingProvider": "teamsForBusiness",
        "owner": { "name": mailbox.display_name, "address": mailbox.address },
    }))
}

/// `GET …/calendar` and `GET …/calendars/{id}`.
pub(super) fn calendar(call: &Call<'_>, folder: FolderNumber) -> Result<Answer, GraphError> {
    let entity = calendar_entity(call, folder)?;
    Ok(Answer::json(200, query::select(entity, call.request.option("$select"))))
}

/// `GET …/calendars`.
pub(super) fn calendars(call: &Call<'_>) -> Result<Answer, GraphError> {
    let mailbox = call.mailbox()?;
    let folders = mailbox.folders.values().filter(|folder| folder.class == CALENDAR);
    let all = folders
        .map(|folder| calendar_entity(call, folder.number))
        .collect::<Result<Vec<_>, _>>()?;
    let filter = call.request.option("$filter").map(Filter::read).transpose()?;
    let all: Vec<_> = all
        .into_iter()
        .filter(|calendar| filter.as_ref().is_none_or(|filter| filter.holds(calendar)))
        .collect();
    let show = |one: &Value| query::select(one.clone(), call.request.option("$select"));
    Ok(Answer::json(200, Page::read(call.request)?.body(call.request, &all, show)))
}

/// `POST …/calendars`.
pub(super) fn create_calendar(call: &mut Call<'_>) -> Result<Answer, GraphError> {
    let body = call.request.json()?;
    let name = body.get("name").and_then(Value::as_str).filter(|name| !name.trim().is_empty());
    let name = name.ok_or_else(|| GraphError::property("A calendar needs a name."))?;
    let parent = call.mailbox()?.distinguished("msgfolderroot")?.number;
    let folder = call.state.store.create_folder(call.mailbox, parent, name, CALENDAR)?;
    Ok(Answer::json(201, calendar_entity(call, folder)?))
}

/// `DELETE …/calendars/{id}`.
pub(super) fn delete_calendar(call: &mut Call<'_>, one: &str) -> Result<Answer, GraphError> {
    let folder = id::read_folder(call.mailbox()?, one)?;
    calendar_entity(call, folder)?;
    let actor = call.actor.clone();
    call.state.store.delete_folder(call.mailbox, folder, &actor)?;
    Ok(Answer::empty(204))
}

/// `POST …/translateExchangeIds`.
pub(super) fn translate(call: &Call<'_>) -> Result<Answer, GraphError> {
    let body = call.request.json()?;
    let form = |name: &str| {
        let word = body.get(name).and_then(Value::as_str);
        word.and_then(IdForm::read)
            .ok_or_else(|| GraphError::invalid(format!("The property '{name}' is not valid.")))
    };
    let (source, target) = (form("sourceIdType")?, form("targetIdType")?);
    let ids = body.get("inputIds").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if ids.is_empty() || ids.len() > TRANSLATE_MAX {
        return Err(GraphError::invalid(format!(
            "The number of input ids must be between 1 and {TRANSLATE_MAX}."
        )));
    }
    let mailbox = call.mailbox()?;
    let value: Vec<_> = ids
        .iter()
        .map(|one| {
            let text = one.as_str().unwrap_or_default();
            match id::read_as(mailbox, text, source) {
                Ok(found) => {
                    json!({ "sourceId": text, "targetId": id::write(mailbox, found, target) })
                }
                Err(error) => json!({ "sourceId": text, "errorDetails": error.details() }),
            }
        })
        .collect();
    let context = format!("{}/$metadata#Collection(convertIdResult)", call.request.root);
    Ok(Answer::json(200, json!({ "@odata.context": context, "value": value })))
}

fn folder_of(mailbox: &Mailbox, name: &str) -> Result<FolderNumber, GraphError> {
    match mailbox.distinguished(&name.to_ascii_lowercase()) {
        Ok(folder) => Ok(folder.number),
        Err(_) => id::read_folder(mailbox, name),
    }
}

fn folder_entity(mailbox: &Mailbox, folder: FolderNumber) -> Result<Value, GraphError> {
    let found = mailbox.folder(folder)?;
    let unread = |item: &&Item| item.message().is_some_and(|message| !message.read);
    Ok(json!({
        "id": id::folder(mailbox.number, folder),
        "displayName": found.name,
        "parentFolderId": found.parent.map(|parent| id::folder(mailbox.number, parent)),
        "childFolderCount": mailbox.folders.values().filter(|one| one.parent == Some(folder)).count(),
        "totalItemCount": mailbox.items_in(folder).count(),
        "unreadItemCount": mailbox.items_in(folder).filter(unread).count(),
        "isHidden": false,
    }))
}

/// `GET …/mailFolders/{id or well-known name}`.
pub(super) fn mail_folder(call: &Call<'_>, name: &str) -> Result<Answer, GraphError> {
    let mailbox = call.mailbox()?;
    let entity = folder_entity(mailbox, folder_of(mailbox, name)?)?;
    Ok(Answer::json(200, query::select(entity, call.request.option("$select"))))
}

/// `GET …/mailFolders`: those directly below the top.
pub(super) fn mail_folders(call: &Call<'_>) -> Result<Answer, GraphError> {
    let mailbox = call.mailbox()?;
    let top = mailbox.distinguished("msgfolderroot")?.number;
    let all = mailbox
        .folders
        .values()
        .filter(|folder| folder.parent == Some(top) && folder.class == "IPF.Note")
        .map(|folder| folder_entity(mailbox, folder.number))
        .collect::<Result<Vec<_>, _>>()?;
    let show = |one: &Value| query::select(one.clone(), call.request.option("$select"));
    Ok(Answer::json(200, Page::read(call.request)?.body(call.request, &all, show)))
}

/// `GET …/messages`, of all folders or of one.
pub(super) fn messages(call: &Call<'_>, folder: Option<&str>) -> Result<Answer, GraphError> {
    let mailbox = call.mailbox()?;
    let folder = folder.map(|name| folder_of(mailbox, name)).transpose()?;
    let reader = call.reader(mailbox);
    let mut all: Vec<_> = mailbox
        .items
        .values()
        .rev()
        .filter(|item| folder.is_none_or(|folder| item.folder == folder))
        .filter_map(|item| message(&reader, item))
        .collect();
    query::sort(&mut all, call.request.option("$orderby"));
    let show = |one: &Value| query::select(one.clone(), call.request.option("$select"));
    Ok(Answer::json(200, Page::read(call.request)?.body(call.request, &all, show)))
}

fn message(reader: &Reader<'_>, item: &Item) -> Option<Value> {
    let message = item.message()?;
    let person = |contact: &crate::store::Contact| json!({ "emailAddress": { "name": contact.name, "address": contact.address } });
    Some(json!({
        "@odata.etag": id::etag(item),
        "id": reader.id(crate::store::Target::Item(item.number)),
        "changeKey": id::change_key(item.changed),
        "createdDateTime": time::instant(item.created),
        "receivedDateTime": time::instant(item.created),
        "lastModifiedDateTime": time::instant(item.modified),
        "subject": message.subject,
        "bodyPreview": super::body::preview(message.body.as_ref()),
        "isRead": message.read,
        "isDraft": message.draft,
        "internetMessageId": message.message_id,
        "parentFolderId": id::folder(reader.mailbox.number, item.folder),
        "from": message.from.as_ref().map(person),
        "toRecipients": message.to.iter().map(person).collect::<Vec<_>>(),
    }))
}
