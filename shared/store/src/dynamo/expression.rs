//! Conditions and updates as DynamoDB expressions.
//!
//! Attribute names and values never stand in an expression themselves, only placeholders do:
//! names may be reserved words, and values come from outside.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::value;
use crate::limits::PARTITION;
use crate::table::{Condition, UpdateAction, Value};

/// The placeholders of one request.
#[derive(Default)]
pub(super) struct Expression {
    names: Vec<String>,
    values: Vec<AttributeValue>,
}

/// A condition once constants are folded: DynamoDB has none.
enum Folded {
    Always,
    Never,
    Text(String),
}

impl Expression {
    /// A condition for a write that need not have one; none when it always holds.
    pub(super) fn guard(&mut self, condition: &Condition) -> Option<String> {
        match self.fold(condition) {
            Folded::Always => None,
            Folded::Never => Some(self.never()),
            Folded::Text(text) => Some(text),
        }
    }

    /// A condition for a check, which must have one.
    pub(super) fn whole(&mut self, condition: &Condition) -> String {
        match self.fold(condition) {
            Folded::Always => {
                let key = self.name(PARTITION);
                format!("attribute_exists({key}) OR attribute_not_exists({key})")
            }
            Folded::Never => self.never(),
            Folded::Text(text) => text,
        }
    }

    /// An update. Clauses of one kind have to stand together.
    pub(super) fn update(&mut self, actions: &[UpdateAction]) -> String {
        let (mut set, mut add, mut remove) = (Vec::new(), Vec::new(), Vec::new());
        for action in actions {
            match action {
                UpdateAction::Set(name, value) => {
                    let (name, value) = (self.name(name), self.value(value));
                    set.push(format!("{name} = {value}"));
                }
                UpdateAction::SetIfAbsent(name, value) => {
                    let (name, value) = (self.name(name), self.value(value));
                    set.push(format!("{name} = if_not_exists({name}, {value})"));
                }
                UpdateAction::Add(name, amount) => {
                    let (name, value) = (self.name(name), self.value(&Value::Number(*amount)));
                    add.push(format!("{name} {value}"));
                }
                UpdateAction::Remove(name) => remove.push(self.name(name)),
            }
        }
        let clauses = [("SET", set), ("ADD", add), ("REMOVE", remove)];
        let clauses = clauses.into_iter().filter(|(_, parts)| !parts.is_empty());
        clauses
            .map(|(verb, parts)| format!("{verb} {}", parts.join(", ")))
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// The names, if there are any: DynamoDB refuses an empty map.
    pub(super) fn names(&self) -> Option<HashMap<String, String>> {
        let names = self.names.iter().enumerate();
        let names: HashMap<_, _> =
            names.map(|(index, name)| (format!("#n{index}"), name.clone())).collect();
        Some(names).filter(|names| !names.is_empty())
    }

    /// The values, if there are any.
    pub(super) fn values(&self) -> Option<HashMap<String, AttributeValue>> {
        let values = self.values.iter().enumerate();
        let values: HashMap<_, _> =
            values.map(|(index, value)| (format!(":v{index}"), value.clone())).collect();
        Some(values).filter(|values| !values.is_empty())
    }

    fn fold(&mut self, condition: &Condition) -> Folded {
        Folded::Text(match condition {
            Condition::Exists => format!("attribute_exists({})", self.name(PARTITION)),
            Condition::Absent => format!("attribute_not_exists({})", self.name(PARTITION)),
            Condition::Has(name) => format!("attribute_exists({})", self.name(name)),
            Condition::Lacks(name) => format!("attribute_not_exists({})", self.name(name)),
            Condition::Equals(name, value) => self.compare(name, "=", value),
            Condition::Less(name, value) => self.compare(name, "<", value),
            Condition::AtMost(name, value) => self.compare(name, "<=", value),
            Condition::Greater(name, value) => self.compare(name, ">", value),
            Condition::All(parts) => return self.fold_all(parts),
            Condition::Any(parts) => return self.fold_any(parts),
        })
    }

    fn fold_all(&mut self, parts: &[Condition]) -> Folded {
        // A placeholder that is declared and not used makes DynamoDB refuse the request, so those
        // of parts that fold away are taken back.
        let before = (self.names.len(), self.values.len());
        let mut texts = Vec::new();
        for part in parts {
            match self.fold(part) {
                Folded::Always => {}
                Folded::Never => return self.take_back(before, Folded::Never),
                Folded::Text(text) => texts.push(text),
            }
        }
        if texts.is_empty() {
            return Folded::Always;
        }
        Folded::Text(grouped(texts, " AND "))
    }

    fn fold_any(&mut self, parts: &[Condition]) -> Folded {
        let before = (self.names.len(), self.values.len());
        let mut texts = Vec::new();
        for part in parts {
            match self.fold(part) {
                Folded::Never => {}
                Folded::Always => return self.take_back(before, Folded::Always),
                Folded::Text(text) => texts.push(text),
            }
        }
        if texts.is_empty() {
            return Folded::Never;
        }
        Folded::Text(grouped(texts, " OR "))
    }

    fn take_back(&mut self, (names, values): (usize, usize), folded: Folded) -> Folded {
        self.names.truncate(names);
        self.values.truncate(values);
        folded
    }

    fn never(&mut self) -> String {
        let key = self.name(PARTITION);
        format!("attribute_exists({key}) AND attribute_not_exists({key})")
    }

    fn compare(&mut self, name: &str, operator: &str, value: &Value) -> String {
        format!("{} {operator} {}", self.name(name), self.value(value))
    }

    fn name(&mut self, name: &str) -> String {
        let known = self.names.iter().position(|known| known == name);
        let index = known.unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        });
        format!("#n{index}")
    }

    fn value(&mut self, value: &Value) -> String {
        self.values.push(value::build_value(value));
        format!(":v{}", self.values.len() - 1)
    }
}

/// Each part in parentheses, unless there is only one: DynamoDB refuses an expression in which a pair of
/// them encloses another one ("The expression has redundant parentheses").
fn grouped(mut texts: Vec<String>, word: &str) -> String {
    match texts.pop() {
        Some(only) if texts.is_empty() => only,
        Some(last) => {
            texts.push(last);
            let texts: Vec<_> = texts.into_iter().map(|text| format!("({text})")).collect();
            texts.join(word)
        }
        None => String::new(),
    }
}

#[cfg(test)]
mod tests;
