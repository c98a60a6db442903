//! The SOAP face of the mailbox store: one request in, one envelope out.

mod availability;
mod directory;
mod error;
mod find;
mod folders;
mod html;
mod id;
mod items;
mod mapi;
mod mime;
mod node;
mod notification;
mod parts;
mod read;
mod recurrence;
mod restriction;
mod shape;
mod show;
mod show_message;
mod sync;
mod time;
mod user_configuration;
mod write_items;
mod xml;
mod zones;

use roxmltree::{Document, Node};

pub(crate) use error::EwsError;
pub(crate) use id::{
    folder as folder_id, item as item_id, read_folder as read_folder_id, read_item as read_item_id,
    subscription as subscription_id,
};
use node::Read;
pub(crate) use notification::{notification_body, read_answer};
use xml::Xml;

use crate::fault::{FaultKind, FaultRun};
use crate::store::{Actor, MailboxNumber, Store, Target};
use crate::subscription::Subscriptions;

/// Largest request that Exchange takes: maxReceivedMessageSize, 64 MB (exchange-ews.md 12).
pub(crate) const REQUEST_BYTES_MAX: usize = 67_108_864;

const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const TYPES: &str = "http://schemas.microsoft.com/exchange/services/2006/types";
const MESSAGES: &str = "http://schemas.microsoft.com/exchange/services/2006/messages";
const ERRORS: &str = "http://schemas.microsoft.com/exchange/services/2006/errors";

/// Version words of the schema (exchange-ews.md 1).
const VERSIONS: [&str; 21] = [
    "Exchange2007",
    "Exchange2007_SP1",
    "Exchange2009",
    "Exchange2010",
    "Exchange2010_SP1",
    "Exchange2010_SP2",
    "Exchange2012",
    "Exchange2013",
    "Exchange2013_SP1",
    "Exchange2015",
    "Exchange2016",
    "V2015_10_05",
    "V2016_01_06",
    "V2016_04_13",
    "V2016_07_13",
    "V2016_10_10",
    "V2017_01_07",
    "V2017_04_14",
    "V2017_07_11",
    "V2017_10_09",
    "V2018_01_08",
];

/// One answer of an operation, to become one response message.
pub(crate) type Reply = Result<Xml, EwsError>;

/// What an operation works with.
pub(crate) struct Context<'a> {
    /// The mailboxes.
    pub(crate) store: &'a mut Store,
    /// Who listens.
    pub(crate) subscriptions: &'a mut Subscriptions,
    /// What goes wrong in this request.
    pub(crate) faults: &'a mut FaultRun,
    /// Who logged in.
    pub(crate) caller: MailboxNumber,
    /// Whose mailbox is meant: the caller's, or the impersonated one's.
    pub(crate) mailbox: MailboxNumber,
    /// Who writes, and when.
    pub(crate) actor: Actor,
    /// `TimeZoneContext`, a Windows id.
    pub(crate) zone: Option<String>,
}

impl Context<'_> {
    /// The mailbox that is meant.
    pub(crate) fn owner(&self) -> Result<&crate::store::Mailbox, EwsError> {
        Ok(self.store.mailbox(self.mailbox)?)
    }

    /// Reads an item id of any form, and the change key that came with it.
    pub(crate) fn read_target(
        &self,
        node: Node<'_, '_>,
    ) -> Result<(Target, Option<u64>), EwsError> {
        let attribute = |name: &str| node.attribute(name).unwrap_or_default();
        let own = |reference: id::ItemRef| {
            if reference.mailbox == self.mailbox {
                Ok(reference.target)
            } else {
                Err(EwsError::from(crate::store::StoreError::ItemNotFound))
            }
        };
        let key = match node.attribute("ChangeKey") {
            Some(key) => Some(id::read_change_key(key).map_err(|_| {
                EwsError::new("ErrorInvalidChangeKey", "The change key is invalid.")
            })?),
            None => None,
        };
        let target = match node.name() {
            "ItemId" => own(id::read_item(attribute("Id"))?)?,
            "OccurrenceItemId" => {
                let master = own(id::read_item(attribute("RecurringMasterId"))?)?.item();
                let index = attribute("InstanceIndex")
                    .parse()
                    .map_err(|_| EwsError::schema("InstanceIndex is no number"))?;
                let series = self.owner()?.item(master)?;
                let appointment =
                    series.appointment().ok_or(crate::store::StoreError::NotRecurring)?;
                Target::Occurrence(master, appointment.original_at(index)?)
            }
            "RecurringMasterItemId" => match own(id::read_item(attribute("OccurrenceId"))?)? {
                Target::Occurrence(master, _) => Target::Item(master),
                Target::Item(_) => return Err(crate::store::StoreError::NotAnOccurrence.into()),
            },
            _ => return Err(EwsError::schema("an item id is missing")),
        };
        Ok((target, key))
    }
}

/// What the header of a request says.
pub(crate) struct Header {
    /// The address to act as.
    pub(crate) impersonate: Option<String>,
    /// `TimeZoneContext`.
    pub(crate) zone: Option<String>,
    /// Operation, the name of the body's first element.
    pub(crate) operation: String,
}

/// Reads what the request asks for, before anything is done.
pub(crate) fn read_header(document: &Document<'_>) -> Result<Header, EwsError> {
    let envelope = document.root_element();
    let operation = envelope
        .child("Body")
        .and_then(|body| body.elements().next())
        .ok_or_else(|| EwsError::new("ErrorInvalidRequest", "The request is invalid."))?
        .name()
        .to_owned();
    let header = envelope.child("Header");
    let version = header
        .and_then(|header| header.child("RequestServerVersion"))
        .and_then(|version| version.attribute("Version"));
    if version.is_some_and(|version| !VERSIONS.contains(&version)) {
        return Err(EwsError::new(
            "ErrorInvalidServerVersion",
            "The specified server version is invalid.",
        ));
    }
    let impersonate = header
        .and_then(|header| header.child("ExchangeImpersonation"))
        .and_then(|impersonation| impersonation.child("ConnectingSID"))
        .and_then(|sid| sid.elements().next())
        .map(|address| address.inner().trim().to_owned());
    let zone = header
        .and_then(|header| header.child("TimeZoneContext"))
        .and_then(|context| context.child("TimeZoneDefinition"))
        .map(zones::read_zone)
        .transpose()?;
    Ok(Header { impersonate, zone, operation })
}

/// Does what a request asks for and gives the answer's envelope.
///
/// # Errors
/// What is about the request as a whole, to be answered by a fault.
pub(crate) fn perform(
    context: &mut Context<'_>,
    document: &Document<'_>,
    operation: &str,
) -> Result<String, EwsError> {
    let request = document
        .root_element()
        .child("Body")
        .and_then(|body| body.elements().next())
        .ok_or_else(|| EwsError::new("ErrorInvalidRequest", "The request is invalid."))?;
    if operation == "GetUserAvailabilityRequest" {
        // Its answer is no list of response messages.
        return Ok(envelope(&availability::answer(context, request)?));
    }
    if operation == "GetPasswordExpirationDate" {
        return Ok(envelope(&directory::password_end(context, request)));
    }
    let replies = match operation {
        "GetFolder" => folders::get(context, request),
        "FindFolder" => folders::find(context, request),
        "CreateFolder" => Ok(folders::create(context, request)),
        "UpdateFolder" => Ok(folders::update(context, request)),
        "DeleteFolder" => Ok(folders::delete(context, request)),
        "SyncFolderHierarchy" => sync::hierarchy(context, request),
        "SyncFolderItems" => sync::items(context, request),
        "GetItem" => items::get(context, request),
        "DeleteItem" => items::delete(context, request),
        "MoveItem" => Ok(items::relocate(context, request, false)),
        "CopyItem" => Ok(items::relocate(context, request, true)),
        "CreateItem" => write_items::create(context, request),
        "UpdateItem" => write_items::update(context, request),
        "FindItem" => find::items(context, request),
        "ResolveNames" => directory::resolve_names(context, request),
        "ConvertId" => directory::convert_ids(context, request),
        "GetUserConfiguration" => user_configuration::get(context, request),
        "GetServerTimeZones" => Ok(zones::server_time_zones(request)),
        "Subscribe" => notification::subscribe(context, request),
        "Unsubscribe" => Ok(notification::unsubscribe(context, request)),
        "GetEvents" => Ok(notification::get_events(context, request)),
        _ => {
            Err(EwsError::new("ErrorInvalidRequest", "The operation is not known to this server."))
        }
    }?;
    if let Some(Err(fault)) =
        replies.iter().find(|reply| reply.as_ref().is_err_and(EwsError::is_fault))
    {
        return Err(fault.clone());
    }
    Ok(envelope(&response(operation, replies)))
}

fn response(operation: &str, replies: Vec<Reply>) -> String {
    let mut xml = Xml::default();
    let outer = format!("m:{operation}Response");
    xml.open(&outer, &[]);
    xml.open("m:ResponseMessages", &[]);
    let message = format!("m:{operation}ResponseMessage");
    for reply in replies {
        match reply {
            Ok(content) => {
                let warning = operation == "ResolveNames" && content.is_partial();
                let (class, code) = if warning {
                    ("Warning", "ErrorNameResolutionMultipleResults")
                } else {
                    ("Success", "NoError")
                };
                xml.open(&message, &[("ResponseClass", class)]);
                xml.leaf("m:ResponseCode", code);
                if warning {
                    xml.leaf("m:DescriptiveLinkKey", "0");
                }
                xml.raw(&content.into_string());
            }
            Err(error) => {
                xml.open(&message, &[("ResponseClass", "Error")]);
                write_error(&mut xml, operation, &error);
            }
        }
        xml.close(&message);
    }
    xml.close("m:ResponseMessages");
    xml.close(&outer);
    xml.into_string()
}

fn write_error(xml: &mut Xml, operation: &str, error: &EwsError) {
    xml.leaf("m:MessageText", &error.text);
    xml.leaf("m:ResponseCode", error.code);
    xml.leaf("m:DescriptiveLinkKey", "0");
    if !error.values.is_empty() {
        xml.open("m:MessageXml", &[]);
        for (name, value) in &error.values {
            xml.leaf_with("t:Value", &[("Name", name)], value);
        }
        xml.close("m:MessageXml");
    }
    // These two have lists that the schema does not let them leave out.
    match operation {
        "GetItem" | "CreateItem" | "UpdateItem" | "MoveItem" | "CopyItem" => {
            xml.empty("m:Items", &[]);
        }
        "GetFolder" | "CreateFolder" | "UpdateFolder" => xml.empty("m:Folders", &[]),
        _ => {}
    }
}

/// Puts a body into an envelope with the server's version.
fn envelope(body: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><s:Envelope xmlns:s=\"{SOAP}\"><s:Header>\
         <h:ServerVersionInfo MajorVersion=\"15\" MinorVersion=\"2\" MajorBuildNumber=\"1748\" \
         MinorBuildNumber=\"10\" Version=\"V2017_07_11\" xmlns:h=\"{TYPES}\" xmlns=\"{TYPES}\"/>\
         </s:Header><s:Body xmlns:m=\"{MESSAGES}\" xmlns:t=\"{TYPES}\">{body}</s:Body></s:Envelope>"
    )
}

/// The envelope of a fault (exchange-ews.md 1).
pub(crate) fn fault(error: &EwsError) -> String {
    let mut xml = Xml::default();
    xml.open("s:Envelope", &[("xmlns:s", SOAP)]);
    xml.open("s:Body", &[]);
    xml.open("s:Fault", &[]);
    xml.leaf_with("faultcode", &[("xmlns:a", TYPES)], &format!("a:{}", error.code));
    xml.leaf_with("faultstring", &[("xml:lang", "en-US")], &error.text);
    xml.open("detail", &[]);
    xml.leaf_with("e:ResponseCode", &[("xmlns:e", ERRORS)], error.code);
    xml.leaf_with("e:Message", &[("xmlns:e", ERRORS)], &error.text);
    if !error.values.is_empty() {
        xml.open("t:MessageXml", &[("xmlns:t", TYPES)]);
        for (name, value) in &error.values {
            xml.leaf_with("t:Value", &[("Name", name)], value);
        }
        xml.close("t:MessageXml");
    }
    xml.close("detail");
    xml.close("s:Fault");
    xml.close("s:Body");
    xml.close("s:Envelope");
    xml.into_string()
}

/// What a busy server answers.
pub(crate) fn server_busy(back_off_ms: u64) -> EwsError {
    let mut error = EwsError::new(
        "ErrorServerBusy",
        "The server cannot service this request right now. Try again later.",
    );
    error.values.push(("BackOffMilliseconds", back_off_ms.to_string()));
    error
}

/// Whether a request can change anything, so that an edit may sneak in before it.
pub(crate) fn sneaks(context: &mut Context<'_>) -> bool {
    context.faults.fires(FaultKind::StaleChangeKey)
}

#[cfg(test)]
mod tests;
