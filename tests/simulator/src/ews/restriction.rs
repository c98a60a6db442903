//! Search filters.

use jiff::Timestamp;
use roxmltree::Node;

use super::error::EwsError;
use super::node::Read;
use super::read::read_extended_name;
use super::time::WireTime;
use crate::store::Item;

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
        self.holds_by(&|path| property_value(item, path))
    }

    /// Whether whatever has these values of the properties named by paths passes.
    pub(super) fn holds_by(&self, value: &dyn Fn(Node<'_, '_>) -> Option<Value>) -> bool {
        self.form_holds(&self.form, value)
    }

    fn form_holds(
        &self,
        form: &Form<'_, '_>,
        value: &dyn Fn(Node<'_, '_>) -> Option<Value>,
    ) -> bool {
        match form {
            Form::And(all) => all.iter().all(|one| self.form_holds(one, value)),
            Form::Or(any) => any.iter().any(|one| self.form_holds(one, value)),
            Form::Not(not) => !self.form_holds(not, value),
            Form::Exists(path) => value(*path).is_some(),
            Form::Compare(relation, path, operand) => {
                let have = value(*path);
                let want = match operand {
                    Operand::Constant(text) => have.as_ref().and_then(|have| self.like(have, text)),
                    Operand::Path(other) => value(*other),
                };
                match (have, want) {
                    (Some(have), Some(want)) => relation.holds(&have, &want),
                    _ => *relation == Relation::NotEqual,
                }
            }
            Form::Contains { path, text, mode, ignore_case } => match value(*path) {
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
        let values = super::mapi::value(item, item.appointment(), &name)?;
        return Some(typed(&name.property_type, values.first()?));
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

/// An extended property's value as its type compares.
pub(super) fn typed(property_type: &str, value: &str) -> Value {
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
