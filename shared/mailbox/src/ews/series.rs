//! What it takes to bring the occurrences of a series where they shall be.

use std::collections::BTreeMap;

use tidemark_model::{Event, EventStatus, Override, Property, RecurrenceId};

/// The writes that a series needs besides its own properties.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct OverridePlan {
    /// The rule has to be written, though it may be the same: that drops every exception, which is
    /// the only way to bring a deleted occurrence back.
    pub(super) rewrite_rule: bool,
    /// Occurrences to take out.
    pub(super) exclude: Vec<RecurrenceId>,
    /// Occurrences to change.
    pub(super) change: Vec<RecurrenceId>,
}

impl OverridePlan {
    /// Whether any occurrence has to be written.
    pub(super) fn touches_occurrences(&self) -> bool {
        !self.exclude.is_empty() || !self.change.is_empty()
    }
}

/// Compares the overrides of two states of an event.
///
/// Writing start, end or rule discards all exceptions on the server (exchange-ews.md 7), so all of
/// the target's are written again then; otherwise only those that differ. An occurrence that
/// returns to its rule is written with the properties of the series.
pub(super) fn plan_overrides(current: &Event, target: &Event) -> OverridePlan {
    if target.recurrence.is_none() {
        return OverridePlan::default();
    }
    let same_rule = same_times(current, target);
    let brought_back = current.overrides.iter().any(|(id, change)| {
        *change == Override::Excluded && target.overrides.get(id) != Some(&Override::Excluded)
    });
    if !same_rule || brought_back {
        return plan_all(target, brought_back && same_rule);
    }
    let mut plan = OverridePlan::default();
    for (id, change) in &target.overrides {
        if current.overrides.get(id) != Some(change) {
            match change {
                Override::Excluded => plan.exclude.push(*id),
                Override::Changed(_) => plan.change.push(*id),
            }
        }
    }
    let gone = |id: &&RecurrenceId| !target.overrides.contains_key(id);
    plan.change.extend(current.overrides.keys().filter(gone));
    plan.change.sort_unstable();
    plan
}

/// Whether Exchange holds times and rule of both as the same: only otherwise they are written.
pub(super) fn same_times(current: &Event, target: &Event) -> bool {
    current.value(Property::Schedule).same(&target.value(Property::Schedule))
}

/// Every override of an event whose occurrences all follow the rule so far.
pub(super) fn plan_all(target: &Event, rewrite_rule: bool) -> OverridePlan {
    let mut plan = OverridePlan { rewrite_rule, ..OverridePlan::default() };
    for (id, change) in &target.overrides {
        match change {
            Override::Excluded => plan.exclude.push(*id),
            // Nothing differs, nothing is to be written.
            Override::Changed(patch) if patch.is_empty() => {}
            Override::Changed(_) => plan.change.push(*id),
        }
    }
    plan
}

/// One occurrence as an event of its own: the series with its override laid over it.
pub(super) fn occurrence(series: &Event, id: RecurrenceId) -> Event {
    let mut event = series.clone();
    event.recurrence = None;
    event.overrides = BTreeMap::new();
    event.schedule = series.schedule.moved_to(id.start());
    if let Some(Override::Changed(patch)) = series.overrides.get(&id) {
        patch.apply_to(&mut event);
        // A busy status of its own is not that of a series that may not take place.
        if patch.show_as.is_some() && event.status == EventStatus::Tentative {
            event.status = EventStatus::Confirmed;
        }
    }
    event
}

#[cfg(test)]
mod tests;
