//! Subscribe, Unsubscribe, GetEvents, and the bodies of callbacks.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use roxmltree::{Document, Node};

use super::error::EwsError;
use super::node::Read;
use super::xml::Xml;
use super::{Context, MESSAGES, Reply, SOAP, TYPES, id};
use crate::store::{Happening, Store, StoreEvent, Target};
use crate::subscription::{CallAnswer, Calls, Channel, EVENTS_MAX, Subscription};

const EVENT_TYPES: [&str; 7] = [
    "CopiedEvent",
    "CreatedEvent",
    "DeletedEvent",
    "ModifiedEvent",
    "MovedEvent",
    "NewMailEvent",
    "FreeBusyChangedEvent",
];

fn invalid(text: &str) -> EwsError {
    EwsError::new("ErrorInvalidSubscriptionRequest", text)
}

/// Subscribe.
pub(super) fn subscribe(
    context: &mut Context<'_>,
    request: Node<'_, '_>,
) -> Result<Vec<Reply>, EwsError> {
    let wanted =
        request.elements().next().ok_or_else(|| EwsError::schema("the subscription is missing"))?;
    Ok(vec![subscribe_one(context, wanted)])
}

fn subscribe_one(context: &mut Context<'_>, wanted: Node<'_, '_>) -> Reply {
    let all = wanted.attribute("SubscribeToAllFolders") == Some("true");
    let named: Vec<_> = wanted.child("FolderIds").into_iter().flat_map(Read::elements).collect();
    if all != named.is_empty() {
        return Err(invalid("Either folders are named or all of them are meant."));
    }
    let folders = named
        .into_iter()
        .map(|node| context.read_folder(node))
        .collect::<Result<BTreeSet<_>, _>>()?;
    let types: BTreeSet<_> = wanted
        .child("EventTypes")
        .into_iter()
        .flat_map(Read::elements)
        .map(|node| node.inner().trim().to_owned())
        .collect();
    if types.is_empty() || types.iter().any(|word| !EVENT_TYPES.contains(&word.as_str())) {
        return Err(EwsError::schema("EventTypes has no such value"));
    }
    let channel = match wanted.name() {
        "PushSubscriptionRequest" => Channel::Push {
            url: read_url(wanted)?,
            status_every: minutes(wanted, "StatusFrequency")?,
            calls: Calls::default(),
        },
        "PullSubscriptionRequest" => {
            Channel::Pull { timeout: minutes(wanted, "Timeout")?, asked: context.actor.at }
        }
        "StreamingSubscriptionRequest" => Channel::Streaming,
        _ => return Err(EwsError::schema("the subscription has no such kind")),
    };
    let streaming = matches!(channel, Channel::Streaming);
    let since = context.store.last_change();
    let folders = (!all).then_some(folders);
    let id =
        context.subscriptions.add(context.caller, context.mailbox, folders, types, channel, since);
    let mut xml = Xml::default();
    xml.leaf("m:SubscriptionId", &id);
    if !streaming {
        xml.leaf("m:Watermark", &id::watermark(since, 0));
    }
    Ok(xml)
}

/// Length 1 to 2082, http or https (exchange-ews.md 4.1).
fn read_url(wanted: Node<'_, '_>) -> Result<String, EwsError> {
    let url = wanted.child_text("URL").unwrap_or_default().trim();
    let fits = (1..=2082).contains(&url.len())
        && (url.starts_with("http://") || url.starts_with("https://"))
        && url.parse::<http::Uri>().is_ok_and(|uri| uri.host().is_some());
    if fits {
        Ok(url.to_owned())
    } else {
        Err(EwsError::new(
            "ErrorInvalidPushSubscriptionUrl",
            "The push subscription URL is invalid.",
        ))
    }
}

fn minutes(wanted: Node<'_, '_>, name: &str) -> Result<SignedDuration, EwsError> {
    let minutes = match wanted.child_text(name) {
        None => 30,
        Some(text) => text
            .trim()
            .parse::<i64>()
            .ok()
            .filter(|minutes| (1..=1440).contains(minutes))
            .ok_or_else(|| EwsError::schema("minutes of a subscription are 1 to 1440"))?,
    };
    Ok(SignedDuration::from_mins(minutes))
}

/// Unsubscribe.
pub(super) fn unsubscribe(context: &mut Context<'_>, request: Node<'_, '_>) -> Vec<Reply> {
    let id = request.child_text("SubscriptionId").unwrap_or_default();
    vec![own(context, id).map(|_| ()).map(|()| {
        context.subscriptions.remove(id);
        Xml::default()
    })]
}

/// GetEvents of a pull subscription.
pub(super) fn get_events(context: &mut Context<'_>, request: Node<'_, '_>) -> Vec<Reply> {
    let id = request.child_text("SubscriptionId").unwrap_or_default();
    vec![next_events(context, id)]
}

fn next_events(context: &mut Context<'_>, id: &str) -> Reply {
    let now = context.actor.at;
    let caller = context.caller;
    let one = context.subscriptions.find(id).ok_or_else(not_found)?;
    if one.owner != caller {
        return Err(access_denied());
    }
    let Channel::Pull { asked, .. } = &mut one.channel else {
        return Err(EwsError::new(
            "ErrorInvalidPullSubscriptionId",
            "The subscription is no pull subscription.",
        ));
    };
    *asked = now;
    let rest = one.pending.split_off(one.pending.len().min(EVENTS_MAX));
    let events = std::mem::replace(&mut one.pending, rest);
    let more = !one.pending.is_empty();
    let mut xml = Xml::default();
    write_notification(&mut xml, context.store, one, &events, more);
    Ok(xml)
}

fn not_found() -> EwsError {
    EwsError::new("ErrorSubscriptionNotFound", "The subscription was not found.")
}

fn access_denied() -> EwsError {
    EwsError::new("ErrorSubscriptionAccessDenied", "Access to the subscription is denied.")
}

fn own<'a>(context: &'a mut Context<'_>, id: &str) -> Result<&'a mut Subscription, EwsError> {
    let caller = context.caller;
    let one = context.subscriptions.find(id).ok_or_else(not_found)?;
    if one.owner == caller { Ok(one) } else { Err(access_denied()) }
}

/// The body of a callback (exchange-ews.md 4.2); without events a heartbeat.
pub(crate) fn notification_body(
    store: &Store,
    one: &mut Subscription,
    events: &[StoreEvent],
    more: bool,
) -> String {
    let mut xml = Xml::default();
    xml.open("m:SendNotification", &[("xmlns:m", MESSAGES), ("xmlns:t", TYPES)]);
    xml.open("m:ResponseMessages", &[]);
    xml.open("m:SendNotificationResponseMessage", &[("ResponseClass", "Success")]);
    xml.leaf("m:ResponseCode", "NoError");
    write_notification(&mut xml, store, one, events, more);
    xml.close("m:SendNotificationResponseMessage");
    xml.close("m:ResponseMessages");
    xml.close("m:SendNotification");
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><soap11:Envelope xmlns:soap11=\"{SOAP}\">\
         <soap11:Header><t:RequestServerVersion xmlns:t=\"{TYPES}\" Version=\"Exchange2010\"/>\
         </soap11:Header><soap11:Body>{}</soap11:Body></soap11:Envelope>",
        xml.into_string()
    )
}

fn write_notification(
    xml: &mut Xml,
    store: &Store,
    one: &mut Subscription,
    events: &[StoreEvent],
    more: bool,
) {
    let (change, count) = one.watermark;
    xml.open("m:Notification", &[]);
    xml.leaf("t:SubscriptionId", &one.id);
    xml.leaf("t:PreviousWatermark", &id::watermark(change, count));
    xml.flag("t:MoreEvents", more);
    for event in events {
        write_event(xml, store, one, event);
    }
    if events.is_empty() {
        let (change, count) = one.step(store.last_change());
        xml.open("t:StatusEvent", &[]);
        xml.leaf("t:Watermark", &id::watermark(change, count));
        xml.close("t:StatusEvent");
    }
    xml.close("m:Notification");
}

fn write_event(xml: &mut Xml, store: &Store, one: &mut Subscription, event: &StoreEvent) {
    let (tag, item, old) = match event.what {
        Happening::Created(item) => ("t:CreatedEvent", Some(item), None),
        Happening::Modified(item) => ("t:ModifiedEvent", Some(item), None),
        Happening::Deleted(item) => ("t:DeletedEvent", Some(item), None),
        Happening::NewMail(item) => ("t:NewMailEvent", Some(item), None),
        Happening::FreeBusyChanged(item) => ("t:FreeBusyChangedEvent", Some(item), None),
        Happening::Moved { item, old_item, old_folder } => {
            ("t:MovedEvent", Some(item), Some((old_item, old_folder)))
        }
        Happening::Copied { item, old_item, old_folder } => {
            ("t:CopiedEvent", Some(item), Some((old_item, old_folder)))
        }
        Happening::FolderModified => ("t:ModifiedEvent", None, None),
    };
    let (change, count) = one.step(event.change);
    // Ids in notifications carry keys of little worth (exchange-ews.md 4.2): always the same.
    let key = id::change_key(0);
    let item_id = |number| id::item(event.mailbox, Target::Item(number));
    let folder_id = |number| id::folder(event.mailbox, number);
    let parent = store
        .mailbox(event.mailbox)
        .ok()
        .and_then(|owner| owner.folders.get(&event.folder))
        .and_then(|folder| folder.parent)
        .unwrap_or(event.folder);
    xml.open(tag, &[]);
    xml.leaf("t:Watermark", &id::watermark(change, count));
    xml.leaf("t:TimeStamp", &super::time::show(event.at, None));
    if let Some(item) = item {
        xml.empty("t:ItemId", &[("Id", &item_id(item)), ("ChangeKey", &key)]);
        xml.empty("t:ParentFolderId", &[("Id", &folder_id(event.folder)), ("ChangeKey", &key)]);
    } else {
        xml.empty("t:FolderId", &[("Id", &folder_id(event.folder)), ("ChangeKey", &key)]);
        xml.empty("t:ParentFolderId", &[("Id", &folder_id(parent)), ("ChangeKey", &key)]);
    }
    if let Some((old_item, old_folder)) = old {
        xml.empty("t:OldItemId", &[("Id", &item_id(old_item)), ("ChangeKey", &key)]);
        xml.empty("t:OldParentFolderId", &[("Id", &folder_id(old_folder)), ("ChangeKey", &key)]);
    }
    xml.close(tag);
}

/// Reads the answer to a callback.
pub(crate) fn read_answer(status: u16, body: &[u8]) -> CallAnswer {
    if status != 200 {
        return CallAnswer::Failed;
    }
    let text = String::from_utf8_lossy(body);
    let Ok(document) = Document::parse(&text) else {
        return CallAnswer::Failed;
    };
    match document.root_element().below("SubscriptionStatus").map(Read::inner) {
        Some("OK") => CallAnswer::Ok,
        Some("Unsubscribe") => CallAnswer::Unsubscribe,
        _ => CallAnswer::Failed,
    }
}
