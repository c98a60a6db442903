//! Members as such: which are given, which are carried, which only listed.

use serde_json::{Map, Value};

use super::{Current, expect_map, expect_text};
use crate::limits::{KEYWORDS_MAX, LOCATIONS_MAX, OVERRIDES_MAX, PARTICIPANTS_MAX};
use crate::problem::{Findings, Pointer};
use crate::read::text;

/// Whether and how a member is given.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Given<'a> {
    /// No opinion.
    Absent,
    /// To be cleared.
    Null,
    /// A value.
    Value(&'a Value),
}

/// Where members come from.
#[derive(Debug, Clone)]
pub(crate) struct Source<'a> {
    item: &'a Map<String, Value>,
    /// The place of the item.
    pub(crate) at: Pointer,
    /// What a merge patch touches: where one of several is carried, these come first.
    preferred: Option<&'a Map<String, Value>>,
}

impl<'a> Source<'a> {
    pub(crate) const fn new(
        item: &'a Map<String, Value>,
        at: Pointer,
        preferred: Option<&'a Map<String, Value>>,
    ) -> Self {
        Self { item, at, preferred }
    }

    /// The member `name`.
    pub(crate) fn get(&self, name: &str) -> Given<'a> {
        match self.item.get(name) {
            None => Given::Absent,
            Some(Value::Null) => Given::Null,
            Some(value) => Given::Value(value),
        }
    }

    /// All members.
    pub(crate) const fn item(&self) -> &'a Map<String, Value> {
        self.item
    }

    /// Whether it is what a merge patch touches, rather than an item.
    pub(crate) const fn is_merge(&self) -> bool {
        self.preferred.is_some()
    }

    /// Whether a merge patch gives the entry `key` of the map `name`.
    pub(crate) fn prefers(&self, name: &str, key: &str) -> bool {
        self.preferred
            .and_then(|patch| patch.get(name))
            .and_then(|map| map.get(key))
            .is_some_and(|value| !value.is_null())
    }
}

/// Members that have a reader of their own.
const CARRIED: [&str; 27] = [
    "@type",
    "uid",
    "title",
    "description",
    "descriptionContentType",
    "start",
    "timeZone",
    "timeZones",
    "endTimeZone",
    "duration",
    "showWithoutTime",
    "recurrenceRules",
    "recurrenceRule",
    "excludedRecurrenceRules",
    "recurrenceOverrides",
    "status",
    "freeBusyStatus",
    "privacy",
    "priority",
    "keywords",
    "locations",
    "mainLocationId",
    "alerts",
    "participants",
    "tidemark:showAs",
    "tidemark:sensitivity",
    "tidemark:participationStatus",
];

/// Members that we write and nobody else can change: an item that is sent back as it came is no
/// reason for a notice.
const READ_ONLY: [&str; 11] = [
    "version",
    "created",
    "updated",
    "sequence",
    "prodId",
    "replyTo",
    "organizerCalendarAddress",
    "tidemark:floating",
    "tidemark:meetingKey",
    "tidemark:organizerCopy",
    "tidemark:attachments",
];

/// Lists the members that no reader takes.
pub(crate) fn list_ignored(source: &Source<'_>, current: Current<'_>, findings: &mut Findings) {
    for (name, value) in source.item() {
        let name = name.as_str();
        let silent = CARRIED.contains(&name)
            || READ_ONLY.contains(&name)
            || value.is_null()
            || (name == "virtualLocations" && is_own_meeting(value, current));
        if !silent {
            findings.ignore(&source.at.member(name));
        }
    }
}

/// Whether the virtual locations are the one that the current item has anyway.
fn is_own_meeting(value: &Value, current: Current<'_>) -> bool {
    let own = current
        .event()
        .and_then(|event| event.online_meeting.as_ref())
        .map(|meeting| meeting.join_url.as_str());
    own.is_some()
        && value.as_object().is_some_and(|map| {
            map.values().all(|place| place.get("uri").and_then(Value::as_str) == own)
        })
}

/// Refuses an object that says to be of another type; saying nothing is fine.
pub(crate) fn check_type(
    object: &Map<String, Value>,
    expected: &str,
    at: &Pointer,
    findings: &mut Findings,
) {
    if object.get("@type").is_some_and(|given| given.as_str() != Some(expected)) {
        findings.refuse(
            &at.member("@type"),
            "is another type of object",
            format!("use \"{expected}\", or leave it out"),
        );
    }
}

/// Reads the UID. It is fixed once the item has one: another is listed as ignored.
pub(crate) fn read_uid(
    source: &Source<'_>,
    current: Current<'_>,
    findings: &mut Findings,
) -> Option<String> {
    let at = source.at.member("uid");
    let Given::Value(value) = source.get("uid") else {
        return None;
    };
    let uid = expect_text(value, &at, findings)?;
    if uid.is_empty() || !text::fits_line(uid) {
        findings.refuse(
            &at,
            "is empty, too long or holds control characters",
            "use 1 to 255 characters",
        );
        return None;
    }
    let known = current.event().and_then(|event| event.uid.as_deref());
    if known.is_some_and(|known| known != uid) {
        findings.ignore(&at);
        return None;
    }
    Some(uid.to_owned())
}

/// Maps whose entries a merge patch may give in part, and how many entries they may have.
const PARTIAL: [(&str, usize); 5] = [
    ("locations", LOCATIONS_MAX),
    ("alerts", LOCATIONS_MAX),
    ("participants", PARTICIPANTS_MAX),
    ("keywords", KEYWORDS_MAX),
    ("recurrenceOverrides", OVERRIDES_MAX),
];

/// Leaves out of a merge patch what can only be judged together with the item that it is merged
/// into, after checking its form.
pub(crate) fn without_partial_members(
    patch: &Map<String, Value>,
    findings: &mut Findings,
) -> Map<String, Value> {
    let root = Pointer::default();
    let mut whole = patch.clone();
    for (name, most) in PARTIAL {
        if let Some(value) = whole.remove(name)
            && !value.is_null()
        {
            expect_map(&value, &root.member(name), most, findings);
        }
    }
    // An object, which is merged with the rule that is there.
    whole.remove("recurrenceRule");
    // Zones of the item's own may be defined by it, and are merged with those that it defines.
    whole.remove("timeZones");
    for name in ["timeZone", "endTimeZone"] {
        let is_own = |value: &Value| value.as_str().is_some_and(|id| id.starts_with('/'));
        if whole.get(name).is_some_and(is_own) {
            whole.remove(name);
        }
    }
    whole
}
