//! Extended properties: the same store as on the EWS side (exchange-graph.md 13.1).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::GraphError;
use crate::store::{Change, ExtendedName, ExtendedValues, PropertyKey, PropertySet};

/// Longest name or value that is taken.
const TEXT_BYTES_MAX: usize = 32_768;

/// Property sets that EWS has words for (MS-OXPROPS 1.3.2).
const SETS: [(&str, &str); 9] = [
    ("Meeting", "6ed8da90-450b-101b-98da-00aa003f1305"),
    ("Appointment", "00062002-0000-0000-c000-000000000046"),
    ("Common", "00062008-0000-0000-c000-000000000046"),
    ("PublicStrings", "00020329-0000-0000-c000-000000000046"),
    ("Address", "00062004-0000-0000-c000-000000000046"),
    ("InternetHeaders", "00020386-0000-0000-c000-000000000046"),
    ("CalendarAssistant", "11000e07-b51b-40d6-af21-caa85edab1d0"),
    ("UnifiedMessaging", "4442858e-a9e3-4e80-b900-317a210cc15b"),
    ("Task", "00062003-0000-0000-c000-000000000046"),
];

/// Graph's words for types, and EWS's.
const TYPES: [(&str, &str); 11] = [
    ("Boolean", "Boolean"),
    ("Currency", "Currency"),
    ("Double", "Double"),
    ("Integer", "Integer"),
    ("Long", "Long"),
    ("Short", "Short"),
    ("Float", "Float"),
    ("Guid", "CLSID"),
    ("String", "String"),
    ("SystemTime", "SystemTime"),
    ("Binary", "Binary"),
];

/// Reads an id such as `String {guid} Name X`, `Integer {guid} Id 0x8005`, `String 0x37`.
pub(super) fn read_name(text: &str) -> Option<ExtendedName> {
    let (kind, rest) = text.trim().split_once(' ')?;
    let (bare, array) = kind.strip_suffix("Array").map_or((kind, ""), |bare| (bare, "Array"));
    let (_, word) = TYPES.iter().find(|(name, _)| name.eq_ignore_ascii_case(bare))?;
    let property_type = format!("{word}{array}");
    let rest = rest.trim();
    let number = |text: &str| u32::from_str_radix(text.trim().strip_prefix("0x")?, 16).ok();
    if let Some(rest) = rest.strip_prefix('{') {
        let (guid, rest) = rest.split_once('}')?;
        uuid::Uuid::parse_str(guid).ok()?;
        let (how, name) = rest.trim_start().split_once(' ')?;
        let key = match how {
            "Name" if !name.is_empty() => PropertyKey::Name(name.to_owned()),
            "Id" => PropertyKey::Id(number(name)?),
            _ => return None,
        };
        let set = Some(PropertySet::Guid(guid.to_ascii_lowercase()));
        return Some(ExtendedName { set, key, property_type });
    }
    Some(ExtendedName { set: None, key: PropertyKey::Tag(number(rest)?), property_type })
}

/// Writes an id.
pub(super) fn write_name(name: &ExtendedName) -> String {
    let (bare, array) = name
        .property_type
        .strip_suffix("Array")
        .map_or((&*name.property_type, ""), |bare| (bare, "Array"));
    let kind = TYPES.iter().find(|(_, ews)| *ews == bare).map_or(bare, |(graph, _)| graph);
    let set = name.set.as_ref().map(|set| match set {
        PropertySet::Guid(guid) => guid.as_str(),
        PropertySet::Distinguished(word) => {
            SETS.iter().find(|(known, _)| known == word).map_or(word.as_str(), |(_, guid)| guid)
        }
    });
    let key = match &name.key {
        PropertyKey::Name(name) => format!("Name {name}"),
        PropertyKey::Id(id) => format!("Id 0x{id:x}"),
        PropertyKey::Tag(tag) => format!("0x{tag:x}"),
    };
    match set {
        Some(set) => format!("{kind}{array} {{{set}}} {key}"),
        None => format!("{kind}{array} {key}"),
    }
}

/// The id in its one spelling; what is no id stays as it is.
pub(super) fn canonical(text: &str) -> String {
    read_name(text).map_or_else(|| text.to_owned(), |name| write_name(&name))
}

/// All properties of one kind, as the collection's members.
pub(super) fn write_all(of: &BTreeMap<ExtendedName, ExtendedValues>, array: bool) -> Vec<Value> {
    of.iter()
        .filter(|(name, _)| name.property_type.ends_with("Array") == array)
        .map(|(name, values)| {
            let value = if array {
                json!(values)
            } else {
                values.first().map_or(Value::Null, |value| value.as_str().into())
            };
            json!({ "id": write_name(name), "value": value })
        })
        .collect()
}

/// Reads what a body sets: one change for each member, a null takes the property away.
///
/// # Errors
/// When a member has not the form.
pub(super) fn read_changes(
    value: &Value,
    array: bool,
    present: Option<&BTreeMap<ExtendedName, ExtendedValues>>,
) -> Result<Vec<Change>, GraphError> {
    let invalid = |what: &str| GraphError::property(format!("An extended property {what}."));
    let list = value.as_array().ok_or_else(|| invalid("collection is no array"))?;
    list.iter()
        .map(|one| {
            let id = one.get("id").and_then(Value::as_str).ok_or_else(|| invalid("has no id"))?;
            let name = read_name(id)
                .filter(|name| name.property_type.ends_with("Array") == array)
                .ok_or_else(|| invalid("has an id that is not valid"))?;
            let value = one.get("value").ok_or_else(|| invalid("has no value"))?;
            let values = if value.is_null() { None } else { Some(read_values(value, array)?) };
            Ok(Change::Extended(as_present(name, present), values))
        })
        .collect()
}

/// A set that EWS wrote by its word is found by its GUID too.
fn as_present(
    name: ExtendedName,
    present: Option<&BTreeMap<ExtendedName, ExtendedValues>>,
) -> ExtendedName {
    let Some(PropertySet::Guid(guid)) = &name.set else {
        return name;
    };
    let word = SETS.iter().find(|(_, known)| known == guid).map(|(word, _)| *word);
    let by_word = word.map(|word| ExtendedName {
        set: Some(PropertySet::Distinguished(word.to_owned())),
        ..name.clone()
    });
    match by_word {
        Some(by_word) if present.is_some_and(|present| present.contains_key(&by_word)) => by_word,
        _ => name,
    }
}

fn read_values(value: &Value, array: bool) -> Result<ExtendedValues, GraphError> {
    let one = |value: &Value| {
        value
            .as_str()
            .filter(|text| text.len() <= TEXT_BYTES_MAX)
            .map(str::to_owned)
            .ok_or_else(|| GraphError::property("The value of an extended property is no text."))
    };
    match value {
        Value::Array(list) if array => list.iter().map(one).collect(),
        single if !array => Ok(vec![one(single)?]),
        _ => {
            Err(GraphError::property("The value of an extended property has not its type's form."))
        }
    }
}
