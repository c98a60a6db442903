//! Elements that items of several kinds have in common.

use tidemark_model::{Attachment, Body, BodyFormat, Participation, Privacy, ShowAs};

use super::id;
use super::shape::BodyType;
use super::xml::Xml;
use crate::store::{
    Contact, ExtendedName, ExtendedValues, Importance, Item, Mailbox, MyResponse, PropertyKey,
    PropertySet, Target,
};

/// Writes an item id with its change key; occurrences carry that of their series.
pub(crate) fn write_item_id(
    xml: &mut Xml,
    tag: &str,
    mailbox: &Mailbox,
    item: &Item,
    target: Target,
) {
    xml.empty(
        tag,
        &[("Id", &id::item(mailbox.number, target)), ("ChangeKey", &id::change_key(item.changed))],
    );
}

/// Writes a folder id with its change key.
pub(crate) fn write_folder_id(xml: &mut Xml, tag: &str, mailbox: &Mailbox, folder: u64) {
    let changed = mailbox.folders.get(&folder).map_or(0, |found| found.reshaped);
    xml.empty(
        tag,
        &[("Id", &id::folder(mailbox.number, folder)), ("ChangeKey", &id::change_key(changed))],
    );
}

/// Writes a person as `t:Mailbox`.
pub(crate) fn write_mailbox(xml: &mut Xml, contact: &Contact) {
    xml.open("t:Mailbox", &[]);
    xml.leaf("t:Name", &contact.name);
    xml.leaf("t:EmailAddress", &contact.address);
    xml.leaf("t:RoutingType", "SMTP");
    xml.leaf("t:MailboxType", "Mailbox");
    xml.close("t:Mailbox");
}

/// Writes a body in the form asked for; an empty one is an empty text.
pub(crate) fn write_body(xml: &mut Xml, tag: &str, body: Option<&Body>, wanted: BodyType) {
    let (kind, content) = match (body, wanted) {
        (None, _) => ("Text", String::new()),
        (Some(body), BodyType::Best) => match body.format {
            BodyFormat::Html => ("HTML", body.content.clone()),
            BodyFormat::Text => ("Text", body.content.clone()),
        },
        (Some(body), BodyType::Html) => match body.format {
            BodyFormat::Html => ("HTML", body.content.clone()),
            BodyFormat::Text => ("HTML", super::html::from_text(&body.content)),
        },
        (Some(body), BodyType::Text) => match body.format {
            BodyFormat::Html => ("Text", super::html::to_text(&body.content)),
            BodyFormat::Text => ("Text", body.content.clone()),
        },
    };
    xml.leaf_with(tag, &[("BodyType", kind)], &content);
}

/// Writes categories, if there are any.
pub(crate) fn write_categories(
    xml: &mut Xml,
    wanted: bool,
    categories: &std::collections::BTreeSet<String>,
) {
    if !wanted || categories.is_empty() {
        return;
    }
    xml.open("t:Categories", &[]);
    for category in categories {
        xml.leaf("t:String", category);
    }
    xml.close("t:Categories");
}

/// Writes the list of what is attached, without contents.
pub(crate) fn write_attachments(xml: &mut Xml, attachments: &[Attachment]) {
    xml.open("t:Attachments", &[]);
    for one in attachments {
        xml.open("t:FileAttachment", &[]);
        xml.empty("t:AttachmentId", &[("Id", &one.id)]);
        xml.leaf("t:Name", &one.name);
        if let Some(content_type) = &one.content_type {
            xml.leaf("t:ContentType", content_type);
        }
        if let Some(size) = one.size_bytes {
            xml.leaf("t:Size", &size.to_string());
        }
        xml.flag("t:IsInline", one.inline);
        xml.close("t:FileAttachment");
    }
    xml.close("t:Attachments");
}

/// Writes those of the asked extended properties that the item has.
pub(crate) fn write_extended(
    xml: &mut Xml,
    asked: &[ExtendedName],
    have: &std::collections::BTreeMap<ExtendedName, ExtendedValues>,
) {
    for name in asked {
        let Some(values) = have.get(name) else {
            continue;
        };
        xml.open("t:ExtendedProperty", &[]);
        write_extended_name(xml, name);
        match values.as_slice() {
            [value] if !name.property_type.ends_with("Array") => xml.leaf("t:Value", value),
            _ => {
                xml.open("t:Values", &[]);
                for value in values {
                    xml.leaf("t:Value", value);
                }
                xml.close("t:Values");
            }
        }
        xml.close("t:ExtendedProperty");
    }
}

fn write_extended_name(xml: &mut Xml, name: &ExtendedName) {
    let mut attributes: Vec<(&str, &str)> = Vec::new();
    match &name.set {
        Some(PropertySet::Guid(guid)) => attributes.push(("PropertySetId", guid)),
        Some(PropertySet::Distinguished(word)) => {
            attributes.push(("DistinguishedPropertySetId", word));
        }
        None => {}
    }
    let number;
    match &name.key {
        PropertyKey::Name(key) => attributes.push(("PropertyName", key)),
        PropertyKey::Id(id) => {
            number = id.to_string();
            attributes.push(("PropertyId", &number));
        }
        PropertyKey::Tag(tag) => {
            number = format!("0x{tag:x}");
            attributes.push(("PropertyTag", &number));
        }
    }
    attributes.push(("PropertyType", &name.property_type));
    xml.empty("t:ExtendedFieldURI", &attributes);
}

/// Writes the rights of an owner.
pub(crate) fn write_rights(xml: &mut Xml) {
    xml.open("t:EffectiveRights", &[]);
    for tag in [
        "t:CreateAssociated",
        "t:CreateContents",
        "t:CreateHierarchy",
        "t:Delete",
        "t:Modify",
        "t:Read",
        "t:ViewPrivateItems",
    ] {
        xml.flag(tag, true);
    }
    xml.close("t:EffectiveRights");
}

/// Exchange's word for a sensitivity.
pub(crate) const fn sensitivity_name(of: Privacy) -> &'static str {
    match of {
        Privacy::Public => "Normal",
        Privacy::Personal => "Personal",
        Privacy::Private => "Private",
        Privacy::Confidential => "Confidential",
    }
}

/// Exchange's word for an importance.
pub(crate) const fn importance_name(of: Importance) -> &'static str {
    match of {
        Importance::Low => "Low",
        Importance::Normal => "Normal",
        Importance::High => "High",
    }
}

/// Exchange's word for a busy status.
pub(crate) const fn show_as_name(of: ShowAs) -> &'static str {
    match of {
        ShowAs::Free => "Free",
        ShowAs::Tentative => "Tentative",
        ShowAs::Busy => "Busy",
        ShowAs::Oof => "OOF",
        ShowAs::WorkingElsewhere => "WorkingElsewhere",
    }
}

/// Exchange's word for the owner's answer.
pub(crate) const fn my_response_name(of: MyResponse) -> &'static str {
    match of {
        MyResponse::Unknown => "Unknown",
        MyResponse::Organizer => "Organizer",
        MyResponse::Attendee(Participation::NeedsAction) => "NoResponseReceived",
        MyResponse::Attendee(Participation::Accepted) => "Accept",
        MyResponse::Attendee(Participation::Tentative) => "Tentative",
        MyResponse::Attendee(Participation::Declined) => "Decline",
    }
}
