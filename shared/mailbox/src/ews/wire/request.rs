//! Requests: the envelope, and the operations in it.

use tidemark_model::{Event, LinkId, MailMode, Participation, Zone};

use super::field::{Field, Times};
use super::xml::XmlWriter;
use super::{OccurrenceId, stamp, uid};
use crate::ews::session::{Access, EwsEndpoint};
use crate::port::{Cursor, RemoteId, RemoteRef, Stamp};

const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const TYPES: &str = "http://schemas.microsoft.com/exchange/services/2006/types";
const MESSAGES: &str = "http://schemas.microsoft.com/exchange/services/2006/messages";

/// The lowest version that has all that is asked for, as Microsoft recommends (exchange-ews.md 1).
const SERVER_VERSION: &str = "Exchange2013_SP1";

/// Items that a search gives at most; more with one stamp or UID is nothing that we made.
const FOUND_MAX: &str = "100";

/// An operation of ours inside an envelope. Times without a zone are UTC.
pub(super) fn envelope(
    endpoint: &EwsEndpoint,
    operation: &str,
    attributes: &[(&str, &str)],
    content: impl FnOnce(&mut XmlWriter),
) -> Vec<u8> {
    let mut xml = XmlWriter::new();
    let namespaces = [("xmlns:s", SOAP), ("xmlns:t", TYPES), ("xmlns:m", MESSAGES)];
    xml.element("s:Envelope", &namespaces, |xml| {
        xml.element("s:Header", &[], |xml| {
            xml.empty("t:RequestServerVersion", &[("Version", SERVER_VERSION)]);
            if endpoint.access == Access::Impersonation {
                xml.element("t:ExchangeImpersonation", &[], |xml| {
                    xml.element("t:ConnectingSID", &[], |xml| {
                        xml.leaf("t:PrimarySmtpAddress", endpoint.mailbox.as_str());
                    });
                });
            }
            xml.element("t:TimeZoneContext", &[], |xml| {
                xml.empty("t:TimeZoneDefinition", &[("Id", "UTC")]);
            });
        });
        xml.element("s:Body", &[], |xml| {
            xml.element(operation, attributes, content);
        });
    });
    xml.into_bytes()
}

fn calendar(xml: &mut XmlWriter, name: &str) {
    xml.element(name, &[], |xml| {
        xml.empty("t:DistinguishedFolderId", &[("Id", "calendar")]);
    });
}

fn ids_only(xml: &mut XmlWriter) {
    xml.element("m:ItemShape", &[], |xml| xml.leaf("t:BaseShape", "IdOnly"));
}

fn item_id(xml: &mut XmlWriter, name: &str, item: &RemoteRef) {
    let (id, key) = (item.id.as_str(), item.change_key.as_str());
    if key.is_empty() {
        xml.empty(name, &[("Id", id)]);
    } else {
        xml.empty(name, &[("Id", id), ("ChangeKey", key)]);
    }
}

impl OccurrenceId {
    fn write(&self, xml: &mut XmlWriter) {
        match self {
            Self::Exception(exception) => item_id(xml, "t:ItemId", exception),
            Self::Index(series, index) => {
                let index = index.to_string();
                xml.empty(
                    "t:OccurrenceItemId",
                    &[
                        ("RecurringMasterId", series.id.as_str()),
                        ("ChangeKey", series.change_key.as_str()),
                        ("InstanceIndex", &index),
                    ],
                );
            }
        }
    }
}

pub(super) fn sync(endpoint: &EwsEndpoint, cursor: Option<&Cursor>, max: usize) -> Vec<u8> {
    envelope(endpoint, "m:SyncFolderItems", &[], |xml| {
        ids_only(xml);
        calendar(xml, "m:SyncFolderId");
        if let Some(cursor) = cursor {
            xml.leaf("m:SyncState", cursor.as_str());
        }
        xml.leaf("m:MaxChangesReturned", &max.to_string());
        xml.leaf("m:SyncScope", "NormalItems");
    })
}

/// What is read of an item: the model's properties, and the times and zones they hang on.
const READ_FIELDS: [&str; 33] = [
    "item:Subject",
    "item:Sensitivity",
    "item:Body",
    "item:Attachments",
    "item:Categories",
    "item:Importance",
    "item:ReminderIsSet",
    "item:ReminderMinutesBeforeStart",
    "item:DateTimeCreated",
    "item:LastModifiedTime",
    "calendar:UID",
    "calendar:RecurrenceId",
    "calendar:Start",
    "calendar:End",
    "calendar:OriginalStart",
    "calendar:IsAllDayEvent",
    "calendar:LegacyFreeBusyStatus",
    "calendar:Location",
    "calendar:IsCancelled",
    "calendar:CalendarItemType",
    "calendar:MyResponseType",
    "calendar:Organizer",
    "calendar:RequiredAttendees",
    "calendar:OptionalAttendees",
    "calendar:Resources",
    "calendar:AppointmentSequenceNumber",
    "calendar:AppointmentState",
    "calendar:Recurrence",
    "calendar:ModifiedOccurrences",
    "calendar:DeletedOccurrences",
    "calendar:StartTimeZone",
    "calendar:EndTimeZone",
    "calendar:JoinOnlineMeetingUrl",
];

pub(super) fn get(endpoint: &EwsEndpoint, ids: &[RemoteId]) -> Vec<u8> {
    envelope(endpoint, "m:GetItem", &[], |xml| {
        xml.element("m:ItemShape", &[], |xml| {
            xml.leaf("t:BaseShape", "IdOnly");
            xml.leaf("t:BodyType", "Best");
            xml.element("t:AdditionalProperties", &[], |xml| {
                for uri in READ_FIELDS {
                    xml.empty("t:FieldURI", &[("FieldURI", uri)]);
                }
                stamp::write_paths(xml);
            });
        });
        xml.element("m:ItemIds", &[], |xml| {
            for id in ids {
                xml.empty("t:ItemId", &[("Id", id.as_str())]);
            }
        });
    })
}

pub(super) fn get_reference(endpoint: &EwsEndpoint, id: &RemoteId) -> Vec<u8> {
    envelope(endpoint, "m:GetItem", &[], |xml| {
        ids_only(xml);
        xml.element("m:ItemIds", &[], |xml| {
            xml.empty("t:ItemId", &[("Id", id.as_str())]);
        });
    })
}

pub(super) fn find_stamp(endpoint: &EwsEndpoint, link: LinkId) -> Vec<u8> {
    find(endpoint, &link.to_string(), stamp::write_link_path)
}

pub(super) fn find_uid(endpoint: &EwsEndpoint, uid: &str) -> Vec<u8> {
    find(endpoint, &uid::global_object_id(uid), uid::write_path)
}

fn find(endpoint: &EwsEndpoint, value: &str, path: impl FnOnce(&mut XmlWriter)) -> Vec<u8> {
    envelope(endpoint, "m:FindItem", &[("Traversal", "Shallow")], |xml| {
        ids_only(xml);
        xml.empty(
            "m:IndexedPageItemView",
            &[("MaxEntriesReturned", FOUND_MAX), ("Offset", "0"), ("BasePoint", "Beginning")],
        );
        xml.element("m:Restriction", &[], |xml| {
            xml.element("t:IsEqualTo", &[], |xml| {
                path(xml);
                xml.element("t:FieldURIOrConstant", &[], |xml| {
                    xml.empty("t:Constant", &[("Value", value)]);
                });
            });
        });
        calendar(xml, "m:ParentFolderIds");
    })
}

pub(super) fn create(
    endpoint: &EwsEndpoint,
    event: &Event,
    times: &Times<'_>,
    stamp: &Stamp,
    mail: MailMode,
) -> Vec<u8> {
    let mail = match mail {
        MailMode::Silent => "SendToNone",
        MailMode::All | MailMode::Changed => "SendToAllAndSaveCopy",
    };
    let attributes = [("SendMeetingInvitations", mail)];
    envelope(endpoint, "m:CreateItem", &attributes, |xml| {
        calendar(xml, "m:SavedItemFolderId");
        xml.element("m:Items", &[], |xml| {
            xml.element("t:CalendarItem", &[], |xml| {
                let write = |xml: &mut XmlWriter, fields: &[Field]| {
                    for field in fields.iter().filter(|field| field.is_set(event)) {
                        field.write(xml, event, times);
                    }
                };
                write(xml, &Field::OF_ITEM);
                stamp::write(xml, stamp);
                if let Some(uid) = event.uid.as_deref().filter(|uid| !uid.is_empty()) {
                    xml.leaf("t:UID", uid);
                }
                write(xml, &Field::OF_CALENDAR);
            });
        });
    })
}

/// Whom an update is mailed to. `All` writes to everybody, as the name says.
const fn update_mail(mail: MailMode) -> &'static str {
    match mail {
        MailMode::Silent => "SendToNone",
        MailMode::All => "SendToAllAndSaveCopy",
        MailMode::Changed => "SendToChangedAndSaveCopy",
    }
}

/// What an update changes.
pub(super) struct Update<'a> {
    pub(super) fields: Vec<Field>,
    pub(super) target: &'a Event,
    pub(super) times: Times<'a>,
}

/// The fields in which `target` differs, in the order in which they are written.
pub(super) fn differing(current: &Event, target: &Event, zone: &Zone) -> Vec<Field> {
    let fields = Field::OF_ITEM.into_iter().chain(Field::OF_CALENDAR);
    fields.filter(|field| field.differs(current, target, zone)).collect()
}

pub(super) fn update(
    endpoint: &EwsEndpoint,
    item: &OccurrenceId,
    update: &Update<'_>,
    mail: MailMode,
) -> Vec<u8> {
    let attributes = [
        ("MessageDisposition", "SaveOnly"),
        ("ConflictResolution", "NeverOverwrite"),
        ("SendMeetingInvitationsOrCancellations", update_mail(mail)),
    ];
    envelope(endpoint, "m:UpdateItem", &attributes, |xml| {
        xml.element("m:ItemChanges", &[], |xml| {
            xml.element("t:ItemChange", &[], |xml| {
                item.write(xml);
                xml.element("t:Updates", &[], |xml| {
                    for field in &update.fields {
                        write_change(xml, *field, update);
                    }
                });
            });
        });
    })
}

fn write_change(xml: &mut XmlWriter, field: Field, update: &Update<'_>) {
    let set = field.is_set(update.target);
    let change = if set { "t:SetItemField" } else { "t:DeleteItemField" };
    xml.element(change, &[], |xml| {
        xml.empty("t:FieldURI", &[("FieldURI", field.uri())]);
        if set {
            xml.element("t:CalendarItem", &[], |xml| {
                field.write(xml, update.target, &update.times);
            });
        }
    });
}

pub(super) fn delete<'a>(
    endpoint: &EwsEndpoint,
    items: impl IntoIterator<Item = &'a OccurrenceId>,
    mail: MailMode,
) -> Vec<u8> {
    let mail = match mail {
        MailMode::Silent => "SendToNone",
        MailMode::All | MailMode::Changed => "SendToAllAndSaveCopy",
    };
    let attributes = [("DeleteType", "MoveToDeletedItems"), ("SendMeetingCancellations", mail)];
    envelope(endpoint, "m:DeleteItem", &attributes, |xml| {
        xml.element("m:ItemIds", &[], |xml| {
            for item in items {
                item.write(xml);
            }
        });
    })
}

/// An answer to an invitation. None for one that says nothing.
pub(super) fn response(
    endpoint: &EwsEndpoint,
    item: &RemoteRef,
    answer: Participation,
    mail: MailMode,
) -> Option<Vec<u8>> {
    let name = match answer {
        Participation::Accepted => "t:AcceptItem",
        Participation::Tentative => "t:TentativelyAcceptItem",
        Participation::Declined => "t:DeclineItem",
        Participation::NeedsAction => return None,
    };
    let disposition = match mail {
        MailMode::Silent => "SaveOnly",
        MailMode::All | MailMode::Changed => "SendAndSaveCopy",
    };
    let attributes = [("MessageDisposition", disposition)];
    Some(envelope(endpoint, "m:CreateItem", &attributes, |xml| {
        xml.element("m:Items", &[], |xml| {
            xml.element(name, &[], |xml| item_id(xml, "t:ReferenceItemId", item));
        });
    }))
}

pub(super) fn get_folder(endpoint: &EwsEndpoint) -> Vec<u8> {
    envelope(endpoint, "m:GetFolder", &[], |xml| {
        xml.element("m:FolderShape", &[], |xml| {
            xml.leaf("t:BaseShape", "Default");
        });
        calendar(xml, "m:FolderIds");
    })
}

pub(super) fn subscribe(endpoint: &EwsEndpoint, url: &str, status_minutes: u16) -> Vec<u8> {
    /// What StatusFrequency takes (exchange-ews.md 4.1).
    const STATUS_MINUTES_MAX: u16 = 1440;
    const EVENTS: [&str; 4] = ["CreatedEvent", "ModifiedEvent", "DeletedEvent", "MovedEvent"];
    envelope(endpoint, "m:Subscribe", &[], |xml| {
        xml.element("m:PushSubscriptionRequest", &[], |xml| {
            calendar(xml, "t:FolderIds");
            xml.element("t:EventTypes", &[], |xml| {
                for event in EVENTS {
                    xml.leaf("t:EventType", event);
                }
            });
            let minutes = status_minutes.clamp(1, STATUS_MINUTES_MAX);
            xml.leaf("t:StatusFrequency", &minutes.to_string());
            xml.leaf("t:URL", url);
        });
    })
}
