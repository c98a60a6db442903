//! What is left of an event for whoever may know that somebody is busy, and nothing more.

use std::collections::BTreeMap;

use crate::event::Event;
use crate::recurrence::{OccurrencePatch, Override};
use crate::schedule::Schedule;
use crate::zone::{Zone, ZoneRules};

#[cfg(test)]
mod tests;

impl Event {
    /// Only when, and how it counts (P5, P6): times, rule, taken-out and moved occurrences, busy
    /// status, status, and whether it is private.
    ///
    /// It is built from an empty event, so a field that is added to [`Event`] later does not pass
    /// unless somebody lets it. The UID goes as well: it would tell which meeting it is.
    #[must_use]
    pub fn busy_only(&self) -> Self {
        Self {
            recurrence: self.recurrence.clone(),
            overrides: self
                .overrides
                .iter()
                .filter_map(|(id, change)| Some((*id, busy_override(change)?)))
                .collect::<BTreeMap<_, _>>(),
            show_as: self.show_as,
            status: self.status,
            privacy: self.privacy,
            ..Self::new(nameless(&self.schedule))
        }
    }
}

/// None where the occurrence differs in nothing that may be known.
fn busy_override(change: &Override) -> Option<Override> {
    match change {
        Override::Excluded => Some(Override::Excluded),
        Override::Changed(patch) => {
            let patch = OccurrencePatch {
                schedule: patch.schedule.as_ref().map(nameless),
                show_as: patch.show_as,
                ..OccurrencePatch::default()
            };
            (!patch.is_empty()).then(|| Override::Changed(Box::new(patch)))
        }
    }
}

/// The same times. The name of a custom zone is free text of whoever made it, and goes.
fn nameless(schedule: &Schedule) -> Schedule {
    let Schedule::Timed(timed) = schedule else {
        return schedule.clone();
    };
    let unnamed = |zone: &Zone| match zone {
        Zone::Iana(_) => zone.clone(),
        Zone::Rules(rules) => Zone::Rules(ZoneRules { name: String::new(), ..rules.clone() }),
    };
    Schedule::timed(
        timed.start(),
        unnamed(timed.zone()),
        timed.duration(),
        timed.end_zone().map(unnamed),
    )
    .unwrap_or_else(|_| schedule.clone())
}
