//! One item, shown over two protocols.
//!
//! What people set compares equal by what it means. The rest, which servers count and show on their
//! own, is shown in another form: names of people, sizes of attachments, an answer that was not given.
//! None of that is news because the mailbox is reached another way now.

use tidemark_engine::Base;
use tidemark_model::{Event, Participation, Property, PropertyValue};

/// Puts into the common state what the new server shows in another form although it means the same.
pub(super) fn take_form(base: &mut Base, shown: &Event) {
    let had = base.exchange.clone();
    take_read_only(&mut base.exchange, shown);
    let unanswered =
        |answer: Option<Participation>| matches!(answer, None | Some(Participation::NeedsAction));
    if unanswered(had.my_participation) && unanswered(shown.my_participation) {
        base.exchange.apply(PropertyValue::MyParticipation(shown.my_participation));
    }
}

/// Whether an event is shown as it was known, in all that would be told.
pub(super) fn is_same(known: &Event, shown: &Event) -> bool {
    let mut properties = known.properties();
    properties.extend(shown.properties());
    properties.extend([Property::MyParticipation, Property::Attendees]);
    properties.into_iter().all(|property| known.value(property).same(&shown.value(property)))
        && known.organizer == shown.organizer
        && known.online_meeting == shown.online_meeting
        && known.attendees.iter().all(|(address, person)| {
            shown.attendees.get(address).is_none_or(|now| now.participation == person.participation)
        })
}

fn take_read_only(known: &mut Event, shown: &Event) {
    let address =
        |event: &Event| event.organizer.as_ref().map(|person| person.address.trim().to_lowercase());
    // Over EWS an appointment that nobody is invited to may come with its owner as organiser.
    if address(known) == address(shown) || known.attendees.is_empty() {
        known.organizer.clone_from(&shown.organizer);
    }
    // EWS does not show the address of every online meeting, nor always in this form.
    known.online_meeting.clone_from(&shown.online_meeting);
    // What was never read back has none yet: then it is news.
    if known.uid.is_some() {
        known.uid.clone_from(&shown.uid);
    }
    let names = |event: &Event| {
        let mut names: Vec<String> = event.attachments.iter().map(|it| it.name.clone()).collect();
        names.sort();
        names
    };
    // Each protocol counts the bytes of an attachment in its own way.
    if names(known) == names(shown) {
        known.attachments.clone_from(&shown.attachments);
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use tidemark_engine::Side;
    use tidemark_model::{Schedule, Zone};

    use super::*;

    #[test]
    fn n2_only_a_uid_that_was_told_is_no_news() {
        let event = |uid: Option<&str>| {
            let start = "2027-03-02T09:00:00".parse().unwrap();
            let zone = Zone::parse("Europe/Berlin").unwrap();
            let hour = SignedDuration::from_hours(1);
            let mut event = Event::new(Schedule::timed(start, zone, hour, None).unwrap());
            event.uid = uid.map(str::to_owned);
            event
        };
        for (known, after) in [(Some("over-ews"), Some("over-graph")), (None, None)] {
            let mut base = Base {
                exchange: event(known),
                business: event(known),
                born: Side::Business,
                announced: true,
            };
            take_form(&mut base, &event(Some("over-graph")));
            assert_eq!(base.exchange.uid.as_deref(), after);
        }
    }
}
