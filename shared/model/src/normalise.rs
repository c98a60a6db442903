//! One form for what means the same, before it is stored, hashed or sent.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{Attendee, Body, Event};
use crate::recurrence::{OccurrencePatch, Override};

#[cfg(test)]
mod tests;
pub(crate) mod text;

/// Longest subject, in UTF-16 units as Exchange counts.
pub const TITLE_UNITS_MAX: usize = 255;

impl Event {
    /// The same event in the form that all copies of it share:
    ///
    /// - line ends are LF, white space at the end of texts is gone, and empty text is none;
    /// - the title is one line of at most [`TITLE_UNITS_MAX`];
    /// - addresses are lower case;
    /// - overrides say only in what they differ, and those that say nothing, or are no occurrence
    ///   of the rule, are gone.
    ///
    /// Composed and decomposed characters stay what they are.
    #[must_use]
    pub fn normalised(mut self) -> Self {
        self.title = self.title.as_deref().and_then(title);
        self.body = self.body.as_ref().and_then(body);
        self.location = self.location.as_deref().and_then(plain);
        self.categories = categories(&self.categories);
        self.attendees = attendees(self.attendees);
        if let Some(organizer) = &mut self.organizer {
            organizer.address = organizer.address.trim().to_lowercase();
            organizer.name = organizer.name.as_deref().and_then(plain);
        }
        let overrides = std::mem::take(&mut self.overrides);
        let Some(rule) = &self.recurrence else {
            return self;
        };
        let first = self.schedule.start();
        let kept = overrides
            .into_iter()
            .filter(|(id, _)| rule.is_occurrence(first, *id))
            .filter_map(|(id, change)| match change {
                Override::Excluded => Some((id, Override::Excluded)),
                Override::Changed(change) => {
                    let mut occurrence =
                        Self { schedule: self.schedule.moved_to(id.start()), ..self.clone() };
                    patch(*change).apply_to(&mut occurrence);
                    let change = OccurrencePatch::between(&self, id, &occurrence);
                    (!change.is_empty()).then(|| (id, Override::Changed(Box::new(change))))
                }
            })
            .collect();
        self.overrides = kept;
        self
    }
}

fn patch(patch: OccurrencePatch) -> OccurrencePatch {
    OccurrencePatch {
        title: patch.title.map(|text| text.as_deref().and_then(title)),
        body: patch.body.map(|text| text.as_ref().and_then(body)),
        location: patch.location.map(|text| text.as_deref().and_then(plain)),
        categories: patch.categories.as_ref().map(categories),
        attendees: patch.attendees.map(attendees),
        ..patch
    }
}

/// A subject as Exchange keeps it: one line, not too long.
pub(crate) fn title(text: &str) -> Option<String> {
    let mut units = 0usize;
    let line: String = text
        .trim_end()
        .chars()
        .filter(|c| !matches!(c, '\r' | '\n'))
        .take_while(|c| {
            units = units.saturating_add(c.len_utf16());
            units <= TITLE_UNITS_MAX
        })
        .collect();
    let line = line.trim_end();
    (!line.is_empty()).then(|| line.to_owned())
}

/// Text of any length: LF line ends, nothing at the end, none if empty.
pub(crate) fn plain(text: &str) -> Option<String> {
    let text = text.trim_end();
    (!text.is_empty()).then(|| text.replace("\r\n", "\n").replace('\r', "\n"))
}

fn body(body: &Body) -> Option<Body> {
    let content = plain(&body.content)?;
    Some(Body { format: body.format, content })
}

pub(crate) fn categories(categories: &BTreeSet<String>) -> BTreeSet<String> {
    categories
        .iter()
        .map(|name| name.trim())
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Where two spellings of an address meet, the first stays.
fn attendees(attendees: BTreeMap<String, Attendee>) -> BTreeMap<String, Attendee> {
    let mut result = BTreeMap::new();
    for (address, mut attendee) in attendees {
        attendee.name = attendee.name.as_deref().and_then(plain);
        result.entry(address.trim().to_lowercase()).or_insert(attendee);
    }
    result
}
