//! Search filters.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use roxmltree::Node;

use super::error::EwsError;
use super::node::Read;
use super::read::read_extended_name;
use super::time::WireTime;
use crate::store::{Item, PropertyKey, PropertySet};

/// How deep filters may nest (ErrorRestrictionTooComplex beyond).
const DEPTH_MAX: usize = 32;

/// A value that filters and sorts compare.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Value {
    /// True or false.
    Flag(bool),
    /// An instant.
    Time(Timestamp),
    /// A whole number.
    Number(i64),
    /// Text.
    Text(String),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Relation {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

enum Form<'a, 'input> {
    And(Vec<Form<'a, 'input>>),
    Or(Vec<Form<'a, 'input>>),
    Not(Box<Form<'a, 'input>>),
    Exists(Node<'a, 'input>),
    Compare(Relation, Node<'a, 'input>, Operand<'a, 'input>),
    Contains { path: Node<'a, 'input>, text: String, mode: Mode, ignore_case: bool },
}

enum Operand<'a, 'input> {
    Constant(String),
    Path(Node<'a, 'input>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Full,
    Prefixed,
    Substring,
}

/// A filter of a request.
pub(super) struct Restriction<'a, 'input> {
    form: Form<'a, 'input>,
    zone: String,
}

impl<'a, 'input: 'a> Restriction<'a, 'input> {
    /// Reads the one expression of a `Restriction`; times without offset are in `zone`.
    pub(super) fn read(node: Node<'a, 'input>, zone: Option<&str>) -> Result<Self, EwsError> {
        Ok(Self { form: read_form(node, 0)?, zone: zone.unwrap_or("UTC").to_owned() })
    }

    /// Whether an item passes.
    pub(super) fn holds(&self, item: &Item) -> bool {
        self.form_holds(&self.form, item)
    }

    fn form_holds(&self, form: &Form<'_, '_>, item: &Item) -> bool {
        match form {
            Form::And(all) => all.iter().all(|one| self.form_holds(one, item)),
            Form::Or(any) => any.iter().any(|one| self.form_holds(one, item)),
            Form::Not(not) => !self.form_holds(not, item),
            Form::Exists(path) => property_value(item, *path).is_some(),
            Form::Compare(relation, path, operand) => {
                let have = property_value(item, *path);
                let want = match operand {
                    Operand::Constant(text) => have.as_ref().and_then(|have| self.like(have, text)),
                    Operand::Path(other) => property_value(item, *other),
                };
                match (have, want) {
                    (Some(have), Some(want)) => relation.holds(&have, &want),
                    _ => *relation == Relation::NotEqual,
                }
            }
            Form::Contains { path, text, mode, ignore_case } => match property_value(item, *path) {
                Some(Value::Text(have)) => {
                    let fold = |text: &str| {
                        if *ignore_case { text.to_lowercase() } else { text.to_owned() }
                    };
                    let (have, text) = (fold(&have), fold(text));
                    match mode {
                        Mode::Full => have == text,
                        Mode::Prefixed => have.starts_with(&text),
                        Mode::Substring => have.contains(&text),
                    }
                }
                _ => false,
            },
        }
    }

    /// A constant as the same kind of value as the property has.
    fn like(&self, have: &Value, text: &str) -> Option<Value> {
        match have {
            Value::Flag(_) => Some(Value::Flag(matches!(text, "true" | "1"))),
            Value::Time(_) => Some(Value::Time(WireTime::read(text).ok()?.instant(&self.zone))),
            Value::Number(_) => text.trim().parse().ok().map(Value::Number),
            Value::Text(_) => Some(Value::Text(text.to_owned())),
        }
    }
}

impl Relation {
    fn holds(self, have: &Value, want: &Value) -> bool {
        // Exchange compares texts without regard to case.
        let folded = |value: &Value| match value {
            Value::Text(text) => Value::Text(text.to_lowercase()),
            other => other.clone(),
        };
        let (have, want) = (folded(have), folded(want));
        match self {
            Self::Equal => have == want,
            Self::NotEqual => have != want,
            Self::Less => have < want,
            Self::LessOrEqual => have <= want,
            Self::Greater => have > want,
            Self::GreaterOrEqual => have >= want,
        }
    }
}

fn invalid() -> EwsError {
    EwsError::new("ErrorInvalidRestriction", "Restriction is not valid.")
}

fn read_form<'a, 'input: 'a>(
    node: Node<'a, 'input>,
    depth: usize,
) -> Result<Form<'a, 'input>, EwsError> {
    if depth > DEPTH_MAX {
        return Err(EwsError::new("ErrorRestrictionTooComplex", "Restriction is too complex."));
    }
    let inner =
        || node.elements().map(|child| read_form(child, depth + 1)).collect::<Result<Vec<_>, _>>();
    let relation = match node.name() {
        "And" => return Ok(Form::And(inner()?)),
        "Or" => return Ok(Form::Or(inner()?)),
        "Not" => {
            let one = inner()?.into_iter().next().ok_or_else(invalid)?;
            return Ok(Form::Not(Box::new(one)));
        }
        "Exists" => return Ok(Form::Exists(node.elements().next().ok_or_else(invalid)?)),
        "Contains" => return read_contains(node),
        "IsEqualTo" => Relation::Equal,
        "IsNotEqualTo" => Relation::NotEqual,
        "IsLessThan" => Relation::Less,
        "IsLessThanOrEqualTo" => Relation::LessOrEqual,
        "IsGreaterThan" => Relation::Greater,
        "IsGreaterThanOrEqualTo" => Relation::GreaterOrEqual,
        _ => return Err(invalid()),
    };
    let mut parts = node.elements();
    let path = parts.next().ok_or_else(invalid)?;
    let operand = parts.next().and_then(|wrapper| wrapper.elements().next()).ok_or_else(invalid)?;
    let operand = if operand.name() == "Constant" {
        Operand::Constant(operand.attribute("Value").ok_or_else(invalid)?.to_owned())
    } else {
        Operand::Path(operand)
    };
    Ok(Form::Compare(relation, path, operand))
}

fn read_contains<'a, 'input: 'a>(node: Node<'a, 'input>) -> Result<Form<'a, 'input>, EwsError> {
    let mut parts = node.elements();
    let path = parts.next().ok_or_else(invalid)?;
    let constant = parts.next().and_then(|part| part.attribute("Value")).ok_or_else(invalid)?;
    let mode = match node.attribute("ContainmentMode") {
        Some("FullString") => Mode::Full,
        Some("Prefixed" | "PrefixOnWords") => Mode::Prefixed,
        _ => Mode::Substring,
    };
    Ok(Form::Contains {
        path,
        text: constant.to_owned(),
        mode,
        ignore_case: node.attribute("ContainmentComparison") != Some("Exact"),
    })
}

/// The value of a property that filters and sorts may name; none if the item has none.
pub(super) fn property_value(item: &Item, path: Node<'_, '_>) -> Option<Value> {
    if path.name() == "ExtendedFieldURI" {
        let name = read_extended_name(path).ok()?;
        if name.key == PropertyKey::Id(CLEAN_GLOBAL_OBJECT_ID)
            && name.set == Some(PropertySet::Distinguished("Meeting".to_owned()))
        {
            let id = global_object_id(&item.appointment()?.uid);
            return Some(Value::Text(STANDARD.encode(id)));
        }
        let value = item.extended().get(&name)?.first()?;
        return Some(typed(&name.property_type, value));
    }
    let text = |text: &str| Some(Value::Text(text.to_owned()));
    let uri = path.attribute("FieldURI")?;
    match uri {
        "item:Subject" => return text(item.subject()),
        "item:DateTimeCreated" | "item:DateTimeReceived" => return Some(Value::Time(item.created)),
        "item:LastModifiedTime" => return Some(Value::Time(item.modified)),
        "item:LastModifiedName" => return text(&item.modified_by),
        _ => {}
    }
    if let Some(message) = item.message() {
        return match uri {
            "message:IsRead" => Some(Value::Flag(message.read)),
            "message:InternetMessageId" => text(&message.message_id),
            _ => None,
        };
    }
    let appointment = item.appointment()?;
    match uri {
        "calendar:Start" => Some(Value::Time(appointment.start)),
        "calendar:End" => Some(Value::Time(appointment.end)),
        "calendar:UID" => text(&appointment.uid),
        "calendar:IsAllDayEvent" => Some(Value::Flag(appointment.all_day)),
        "calendar:IsRecurring" => Some(Value::Flag(appointment.recurrence.is_some())),
        "calendar:IsCancelled" => Some(Value::Flag(appointment.cancelled)),
        "calendar:Location" => text(appointment.location.as_deref()?),
        "calendar:LegacyFreeBusyStatus" => text(super::parts::show_as_name(appointment.show_as)),
        "item:Sensitivity" => text(super::parts::sensitivity_name(appointment.sensitivity)),
        "item:Importance" => text(super::parts::importance_name(appointment.importance)),
        "item:ReminderIsSet" => Some(Value::Flag(appointment.reminder_set)),
        "item:Body" => text(&appointment.body.as_ref()?.content),
        "item:Categories" => text(appointment.categories.first()?),
        _ => None,
    }
}

/// `PidLidCleanGlobalObjectId`.
const CLEAN_GLOBAL_OBJECT_ID: u32 = 35;

/// The global object id that the store keeps for a UID (MS-OXCICAL 2.1.3.1.1.20.26): Outlook's own
/// are its bytes in hexadecimal, with the date of an occurrence at 16 to 19; others are wrapped.
fn global_object_id(uid: &str) -> Vec<u8> {
    const BEGIN: [u8; 16] = 0x0400_0000_8200_E000_74C5_B710_1A82_E008_u128.to_be_bytes();
    let own: Option<Vec<u8>> = (0..uid.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(uid.get(at..at + 2)?, 16).ok())
        .collect();
    let rest = own.as_ref().and_then(|own| own.strip_prefix(&BEGIN)?.get(4..));
    let mut id = [BEGIN.as_slice(), &[0; 4]].concat();
    if let Some(rest) = rest {
        id.extend_from_slice(rest);
    } else {
        let content = format!("vCal-Uid\u{1}\0\0\0{uid}\0");
        // Neither a time of creation nor what is reserved behind it.
        id.extend_from_slice(&[0; 16]);
        id.extend(u32::try_from(content.len()).unwrap_or(u32::MAX).to_le_bytes());
        id.extend(content.into_bytes());
    }
    id
}

fn typed(property_type: &str, value: &str) -> Value {
    let as_text = || Value::Text(value.to_owned());
    match property_type {
        "Boolean" => Value::Flag(matches!(value, "true" | "1")),
        "Integer" | "Long" | "Short" => {
            value.trim().parse().map_or_else(|_| as_text(), Value::Number)
        }
        "SystemTime" => {
            WireTime::read(value).map_or_else(|_| as_text(), |at| Value::Time(at.instant("UTC")))
        }
        _ => as_text(),
    }
}
