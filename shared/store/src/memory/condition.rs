//! Conditions and updates, as DynamoDB understands them.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::limits;
use crate::table::{Condition, StoreError, UpdateAction, Value};

/// Whether the condition holds for an item, or for its absence.
pub(super) fn holds(condition: &Condition, item: Option<&BTreeMap<String, Value>>) -> bool {
    let value = |name: &String| item.and_then(|attributes| attributes.get(name));
    let ordering =
        |name: &String, operand: &Value| value(name).and_then(|value| compare(value, operand));
    match condition {
        Condition::Exists => item.is_some(),
        Condition::Absent => item.is_none(),
        Condition::Has(name) => value(name).is_some(),
        Condition::Lacks(name) => value(name).is_none(),
        Condition::Equals(name, operand) => value(name) == Some(operand),
        Condition::Less(name, operand) => ordering(name, operand) == Some(Ordering::Less),
        Condition::AtMost(name, operand) => ordering(name, operand).is_some_and(Ordering::is_le),
        Condition::Greater(name, operand) => ordering(name, operand) == Some(Ordering::Greater),
        Condition::All(parts) => parts.iter().all(|part| holds(part, item)),
        Condition::Any(parts) => parts.iter().any(|part| holds(part, item)),
    }
}

/// Values of different types have no order. Text goes by its UTF-8 bytes, as in Rust.
fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Text(left), Value::Text(right)) => Some(left.cmp(right)),
        (Value::Number(left), Value::Number(right)) => Some(left.cmp(right)),
        (Value::Bytes(left), Value::Bytes(right)) => Some(left.cmp(right)),
        _ => None,
    }
}

/// Applies the actions. No attribute appears twice, so their order means nothing.
///
/// # Errors
/// [`StoreError::Corrupt`] when something that is not a number is to be added to, or the sum
/// leaves 64 bits.
pub(super) fn apply_actions(
    actions: &[UpdateAction],
    attributes: &mut BTreeMap<String, Value>,
) -> Result<(), StoreError> {
    for action in actions {
        match action {
            UpdateAction::Set(name, value) => {
                attributes.insert(name.clone(), value.clone());
            }
            UpdateAction::SetIfAbsent(name, value) => {
                attributes.entry(name.clone()).or_insert_with(|| value.clone());
            }
            UpdateAction::Add(name, amount) => {
                let before = match attributes.get(name) {
                    None => 0,
                    Some(Value::Number(number)) => *number,
                    Some(_) => return Err(StoreError::Corrupt("added to what is no number")),
                };
                let sum = before
                    .checked_add(*amount)
                    .ok_or(StoreError::Corrupt("a number left 64 bits"))?;
                attributes.insert(name.clone(), Value::Number(sum));
            }
            UpdateAction::Remove(name) => {
                attributes.remove(name);
            }
        }
    }
    attributes.iter().try_for_each(|(name, value)| limits::check_attribute(name, value))
}
