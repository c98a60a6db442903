//! `$select`, `$orderby`, pages, and the text form of `$filter`.

use std::cmp::Ordering;

use jiff::Timestamp;
use jiff::civil::DateTime;
use serde_json::{Map, Value};

use super::GraphError;
use super::request::Request;

/// Entities of a page when nothing is said.
const PAGE_DEFAULT: usize = 10;
/// Most entities of a page (exchange-graph.md 10.2).
const PAGE_MAX: usize = 1_000;

/// Keeps the selected properties of an entity; id and annotations stay always.
pub(super) fn select(entity: Value, option: Option<&str>) -> Value {
    let Some(option) = option.filter(|option| !option.trim().is_empty()) else {
        return entity;
    };
    let names: Vec<_> = option.split(',').map(str::trim).collect();
    match entity {
        Value::Object(members) => Value::Object(
            members
                .into_iter()
                .filter(|(name, _)| {
                    name == "id" || name.contains('@') || names.iter().any(|one| one == name)
                })
                .collect(),
        ),
        other => other,
    }
}

/// Whether a property is named in `$select`.
pub(super) fn selects(request: &Request<'_>, name: &str) -> bool {
    request.option("$select").is_some_and(|list| list.split(',').any(|one| one.trim() == name))
}

/// A page of a collection.
pub(super) struct Page {
    skip: usize,
    top: usize,
}

impl Page {
    /// What a request asks for.
    ///
    /// # Errors
    /// When a number is out of range.
    pub(super) fn read(request: &Request<'_>) -> Result<Self, GraphError> {
        Self::of(request, PAGE_DEFAULT)
    }

    /// The same, of a collection with another size of pages.
    ///
    /// # Errors
    /// As [`Page::read`].
    pub(super) fn of(request: &Request<'_>, size: usize) -> Result<Self, GraphError> {
        let top = request.number("$top")?.or(request.prefer.page_max).unwrap_or(size);
        if !(1..=PAGE_MAX).contains(&top) {
            return Err(GraphError::query(format!(
                "The value of '$top' must be between 1 and {PAGE_MAX}."
            )));
        }
        Ok(Self { skip: request.number("$skip")?.unwrap_or(0), top })
    }

    /// The body of the page, with the link to the next one.
    pub(super) fn body(
        &self,
        request: &Request<'_>,
        all: &[Value],
        show: impl Fn(&Value) -> Value,
    ) -> Value {
        let mut body = Map::new();
        let context = format!("{}/$metadata#{}", request.root, request.path.join("/"));
        body.insert("@odata.context".to_owned(), context.into());
        if request.option("$count").is_some_and(|wanted| wanted.eq_ignore_ascii_case("true")) {
            body.insert("@odata.count".to_owned(), all.len().into());
        }
        let value: Vec<_> = all.iter().skip(self.skip).take(self.top).map(show).collect();
        body.insert("value".to_owned(), value.into());
        let next = self.skip.saturating_add(self.top);
        if next < all.len() {
            let (top, next) = (self.top.to_string(), next.to_string());
            let mut query: Vec<_> = request
                .options()
                .filter(|(name, _)| {
                    let bare = name.trim_start_matches('$').to_ascii_lowercase();
                    bare != "skip" && bare != "top"
                })
                .collect();
            query.push(("$top", &top));
            query.push(("$skip", &next));
            body.insert("@odata.nextLink".to_owned(), request.link(&query).into());
        }
        Value::Object(body)
    }
}

/// Sorts entities as `$orderby` asks.
pub(super) fn sort(entities: &mut [Value], option: Option<&str>) {
    let Some(option) = option else {
        return;
    };
    let keys: Vec<(String, bool)> = option
        .split(',')
        .map(|one| {
            let (path, way) = one.trim().split_once(' ').unwrap_or((one.trim(), "asc"));
            (path.to_owned(), way.trim().eq_ignore_ascii_case("desc"))
        })
        .collect();
    entities.sort_by(|one, other| {
        keys.iter().fold(Ordering::Equal, |order, (path, down)| {
            order.then_with(|| {
                let order = compare(property(one, path), property(other, path));
                let order = order.unwrap_or(Ordering::Equal);
                if *down { order.reverse() } else { order }
            })
        })
    });
}

/// A property by its path with slashes, null where there is none; the entity for an empty path.
pub(super) fn property<'a>(entity: &'a Value, path: &str) -> &'a Value {
    if path.is_empty() {
        return entity;
    }
    path.split('/').fold(entity, |at, name| at.get(name).unwrap_or(&Value::Null))
}

/// Compares two values: times as times, texts without regard to case. None for what cannot be
/// compared.
pub(super) fn compare(one: &Value, other: &Value) -> Option<Ordering> {
    match (one, other) {
        (Value::Null, Value::Null) => Some(Ordering::Equal),
        (Value::Bool(one), Value::Bool(other)) => Some(one.cmp(other)),
        (Value::Number(one), Value::Number(other)) => one.as_f64()?.partial_cmp(&other.as_f64()?),
        (Value::String(one), Value::String(other)) => Some(compare_text(one, other)),
        _ => None,
    }
}

fn compare_text(one: &str, other: &str) -> Ordering {
    let instant = |text: &str| {
        text.parse::<Timestamp>().ok().or_else(|| {
            let civil: DateTime = text.parse().ok()?;
            jiff::tz::TimeZone::UTC.to_timestamp(civil).ok()
        })
    };
    match (instant(one), instant(other)) {
        (Some(one), Some(other)) => one.cmp(&other),
        _ => one.to_lowercase().cmp(&other.to_lowercase()),
    }
}
