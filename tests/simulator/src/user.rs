//! People at their Outlook: edits that tests make past the protocol.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, DateTime};
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde::Deserialize;
use serde_json::{Value, json};
use tidemark_model::{
    Attendee, AttendeeRole, Body, BodyFormat, Event, EventStatus, OccurrencePatch, Override,
    Participation, Person, Privacy, Recurrence, RecurrenceId, Schedule,
};

use crate::control::read;
use crate::simulator::{Simulator, State};
use crate::store::{
    Actor, Appointment, Change, Contact, DeleteKind, Exception, Expected, ExtendedName,
    ExtendedValues, Importance, ItemNumber, MailboxNumber, MyResponse, Notify, OccurrenceState,
    People, StoreError, Target,
};
use crate::windows_zone;

/// Why a user cannot do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UserError {
    /// Nobody has this address.
    #[error("there is no such mailbox")]
    NoMailbox,
    /// Somebody else has it.
    #[error("another mailbox has this address")]
    AddressTaken,
    /// The mailbox refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An appointment to be made.
#[derive(Clone)]
pub struct NewAppointment {
    /// Subject.
    pub subject: String,
    /// Civil start in the mailbox's zone.
    pub start: DateTime,
    /// Length.
    pub duration: SignedDuration,
    /// Plain text.
    pub body: Option<String>,
    /// Place.
    pub location: Option<String>,
    /// Rule.
    pub recurrence: Option<Recurrence>,
    /// Addresses of required attendees, who are invited.
    pub attendees: Vec<String>,
}

/// A person with a mailbox.
pub struct User<'a> {
    simulator: &'a Simulator,
    address: String,
}

/// One appointment of a calendar as the neutral model has it, for comparing both sides.
pub struct Snapshot {
    /// Which item.
    pub item: ItemNumber,
    /// UID.
    pub uid: String,
    /// The appointment.
    pub event: Event,
    /// Its extended properties.
    pub extended: BTreeMap<ExtendedName, ExtendedValues>,
}

impl Simulator {
    /// The person whom an address reaches. Whether there is one shows at the first act.
    pub fn user(&self, address: &str) -> User<'_> {
        User { simulator: self, address: address.to_owned() }
    }

    /// UIDs of a mailbox's appointments that the fault
    /// [`StaleChangeKey`](crate::FaultKind::StaleChangeKey) edited.
    ///
    /// # Errors
    /// When there is no such mailbox.
    pub fn touched(&self, address: &str) -> Result<BTreeSet<String>, UserError> {
        let state = self.state();
        let mailbox = state.store.find(address).ok_or(UserError::NoMailbox)?;
        Ok(state.store.touched(mailbox.number).map(str::to_owned).collect())
    }

    /// The calendar of a mailbox, in order of item numbers. Times that a model cannot hold, of
    /// zones that the bundled database lacks, come as UTC.
    ///
    /// # Errors
    /// When there is no such mailbox.
    pub fn snapshot(&self, address: &str) -> Result<Vec<Snapshot>, UserError> {
        let state = self.state();
        let mailbox = state.store.find(address).ok_or(UserError::NoMailbox)?;
        let calendar = mailbox.distinguished("calendar")?.number;
        Ok(mailbox
            .items_in(calendar)
            .filter_map(|item| {
                let appointment = item.appointment()?;
                let mut event = to_event(appointment);
                event.created = Some(item.created);
                event.updated = Some(item.modified);
                Some(Snapshot {
                    item: item.number,
                    uid: appointment.uid.clone(),
                    event,
                    extended: appointment.extended.clone(),
                })
            })
            .collect())
    }
}

impl User<'_> {
    /// Makes an appointment, or a meeting if somebody is to be invited.
    ///
    /// # Errors
    /// When the mailbox is not there or refuses.
    pub fn create(&self, new: &NewAppointment) -> Result<ItemNumber, UserError> {
        self.act(|state, mailbox, actor| create(state, mailbox, new, actor))
    }

    /// Changes properties; attendees of a meeting are told.
    ///
    /// # Errors
    /// When the item is not there or the values do not fit.
    pub fn update(&self, item: ItemNumber, changes: &[Change]) -> Result<(), UserError> {
        self.act(|state, mailbox, actor| update(state, mailbox, Target::Item(item), changes, actor))
    }

    /// Changes one occurrence, named by its original civil start in the series' zone.
    ///
    /// # Errors
    /// When the occurrence is not there or the values do not fit.
    pub fn except_occurrence(
        &self,
        item: ItemNumber,
        original: DateTime,
        changes: &[Change],
    ) -> Result<(), UserError> {
        let target = Target::Occurrence(item, original);
        self.act(|state, mailbox, actor| update(state, mailbox, target, changes, actor))
    }

    /// Takes one occurrence out; attendees are told.
    ///
    /// # Errors
    /// When the occurrence is not there.
    pub fn cancel_occurrence(&self, item: ItemNumber, original: DateTime) -> Result<(), UserError> {
        self.act(|state, mailbox, actor| {
            let target = Target::Occurrence(item, original);
            state.store.call_off(mailbox, target, actor)?;
            state.store.delete(mailbox, target, DeleteKind::ToDeletedItems, actor)
        })
    }

    /// Deletes an appointment as Outlook does: into the Deleted Items. Attendees are told.
    ///
    /// # Errors
    /// When the item is not there.
    pub fn delete(&self, item: ItemNumber) -> Result<(), UserError> {
        self.act(|state, mailbox, actor| {
            let target = Target::Item(item);
            state.store.call_off(mailbox, target, actor)?;
            state.store.delete(mailbox, target, DeleteKind::ToDeletedItems, actor)
        })
    }

    /// Gives the mailbox another primary address, as an administrator does; the old one still reaches
    /// it, which is Exchange's default.
    ///
    /// # Errors
    /// When somebody else has the address.
    pub fn rename(&self, address: &str) -> Result<(), UserError> {
        let mut state = self.simulator.state();
        let number = state.store.find(&self.address).ok_or(UserError::NoMailbox)?.number;
        if state.store.find(address).is_some_and(|other| other.number != number) {
            return Err(UserError::AddressTaken);
        }
        let mailbox = state.store.mailbox_mut(number)?;
        let before = core::mem::replace(&mut mailbox.address, address.to_owned());
        mailbox.aliases.retain(|alias| !alias.eq_ignore_ascii_case(address));
        mailbox.aliases.push(before);
        Ok(())
    }

    /// Marks an appointment as private.
    ///
    /// # Errors
    /// When the item is not there.
    pub fn make_private(&self, item: ItemNumber) -> Result<(), UserError> {
        self.update(item, &[Change::Sensitivity(Privacy::Private)])
    }

    /// Moves an item into a folder, by Exchange's word or by display name; gives its new number.
    ///
    /// # Errors
    /// When item or folder are not there.
    pub fn move_to_folder(&self, item: ItemNumber, folder: &str) -> Result<ItemNumber, UserError> {
        self.act(|state, mailbox, actor| {
            let to = state
                .store
                .mailbox(mailbox)?
                .folders
                .values()
                .find(|found| found.distinguished == Some(folder) || found.name == folder)
                .map(|found| found.number)
                .ok_or(StoreError::FolderNotFound)?;
            state.store.relocate(mailbox, item, to, actor)
        })
    }

    /// Copies an appointment within its calendar, UID and all; gives the number of the copy.
    ///
    /// # Errors
    /// When the item is not there.
    pub fn copy(&self, item: ItemNumber) -> Result<ItemNumber, UserError> {
        self.act(|state, mailbox, actor| {
            let folder = state.store.mailbox(mailbox)?.item(item)?.folder;
            state.store.copy(mailbox, item, folder, actor)
        })
    }

    /// Answers an invitation and tells the organiser.
    ///
    /// # Errors
    /// When the item is not there or the user organises it.
    pub fn respond(&self, item: ItemNumber, answer: Participation) -> Result<(), UserError> {
        self.act(|state, mailbox, actor| {
            state.store.answer(mailbox, Target::Item(item), answer, true, actor)
        })
    }

    fn act<T>(
        &self,
        deed: impl FnOnce(&mut State, MailboxNumber, &Actor) -> Result<T, StoreError>,
    ) -> Result<T, UserError> {
        let at = self.simulator.now();
        let mut state = self.simulator.state();
        let owner = state.store.find(&self.address).ok_or(UserError::NoMailbox)?;
        let (mailbox, name) = (owner.number, owner.display_name.clone());
        let done = deed(&mut state, mailbox, &Actor { name, at })?;
        state.spread_events();
        Ok(done)
    }
}

fn create(
    state: &mut State,
    mailbox: MailboxNumber,
    new: &NewAppointment,
    actor: &Actor,
) -> Result<ItemNumber, StoreError> {
    let owner = state.store.mailbox(mailbox)?;
    let calendar = owner.distinguished("calendar")?.number;
    let start = windows_zone::to_instant(&owner.time_zone, new.start);
    let mut changes = vec![
        Change::Subject(new.subject.clone()),
        Change::Start(start),
        Change::End(start.saturating_add(new.duration).unwrap_or(start)),
        Change::Location(new.location.clone()),
        Change::Body(new.body.clone().map(|content| Body { format: BodyFormat::Text, content })),
    ];
    if let Some(rule) = &new.recurrence {
        changes.push(Change::Recurrence(Some((rule.clone(), new.start.date()))));
    }
    if !new.attendees.is_empty() {
        let people = new
            .attendees
            .iter()
            .map(|address| Contact { address: address.clone(), name: String::new() })
            .collect();
        changes.push(Change::Attendees(AttendeeRole::Required, People::Replace(people)));
    }
    let number = state.store.create_appointment(mailbox, calendar, &changes, actor)?;
    state.store.announce(mailbox, Target::Item(number), None, Notify::All, actor)?;
    Ok(number)
}

fn update(
    state: &mut State,
    mailbox: MailboxNumber,
    target: Target,
    changes: &[Change],
    actor: &Actor,
) -> Result<(), StoreError> {
    let before = state.store.mailbox(mailbox)?.item(target.item())?.appointment().cloned();
    state.store.update(mailbox, target, changes, Expected::ANY, actor)?;
    state.store.announce(mailbox, target, before.as_ref(), Notify::All, actor)
}

/// The neutral form of an appointment.
fn to_event(of: &Appointment) -> Event {
    let mut event = Event::new(schedule_of(of));
    event.uid = Some(of.uid.clone());
    event.title = some(&of.subject);
    event.body.clone_from(&of.body);
    event.recurrence.clone_from(&of.recurrence);
    event.location.clone_from(&of.location);
    event.show_as = of.show_as;
    event.privacy = of.sensitivity;
    event.priority = priority(of.importance);
    event.categories.clone_from(&of.categories);
    event.reminder_minutes = of.reminder_set.then_some(of.reminder_minutes);
    if of.cancelled {
        event.status = EventStatus::Cancelled;
    }
    if of.my_response != MyResponse::Unknown {
        event.organizer = Some(Person {
            address: of.organizer.address.to_lowercase(),
            name: Some(of.organizer.name.clone()),
        });
    }
    event.attendees = attendees(&of.attendees);
    event.my_participation = match of.my_response {
        MyResponse::Attendee(answer) => Some(answer),
        MyResponse::Unknown | MyResponse::Organizer => None,
    };
    event.attachments.clone_from(&of.attachments);
    event.sequence = of.sequence;
    for (original, change) in &of.occurrences {
        let change = match change {
            OccurrenceState::Deleted => Override::Excluded,
            OccurrenceState::Modified(exception) => {
                Override::Changed(Box::new(patch(of, *original, exception)))
            }
        };
        event.overrides.insert(RecurrenceId::new(*original), change);
    }
    event
}

fn patch(of: &Appointment, original: DateTime, exception: &Exception) -> OccurrencePatch {
    let moved = exception.times.is_some() || exception.all_day.is_some();
    let schedule = if moved {
        of.occurrence(original).ok().map(|seen| schedule_of(&seen.appointment))
    } else {
        None
    };
    let reminds = exception.reminder_set.is_some() || exception.reminder_minutes.is_some();
    OccurrencePatch {
        title: exception.subject.as_ref().map(|subject| some(subject)),
        body: exception.body.clone(),
        schedule,
        location: exception.location.clone(),
        show_as: exception.show_as,
        reminder_minutes: reminds.then(|| {
            let set = exception.reminder_set.unwrap_or(of.reminder_set);
            set.then(|| exception.reminder_minutes.unwrap_or(of.reminder_minutes))
        }),
        categories: exception.categories.clone(),
        attendees: exception.attendees.as_deref().map(attendees),
        priority: exception.importance.map(priority),
    }
}

fn attendees(of: &[crate::store::Invitee]) -> BTreeMap<String, Attendee> {
    of.iter()
        .map(|invitee| {
            let attendee = Attendee {
                name: invitee.name.clone(),
                role: invitee.role,
                participation: invitee.response,
            };
            (invitee.address.to_lowercase(), attendee)
        })
        .collect()
}

fn schedule_of(of: &Appointment) -> Schedule {
    let start = windows_zone::to_civil(&of.start_zone, of.start);
    let end = windows_zone::to_civil(&of.start_zone, of.end);
    let all_day = of.all_day.then(|| Schedule::all_day(start.date(), end.date()).ok()).flatten();
    let timed = || {
        let zone = windows_zone::to_model;
        Schedule::timed(start, zone(&of.start_zone), of.duration(), Some(zone(&of.end_zone))).ok()
    };
    let nothing = || Schedule::floating(start, SignedDuration::ZERO);
    match all_day.or_else(timed).map_or_else(nothing, Ok) {
        Ok(schedule) => schedule,
        // A length of zero is always legal.
        Err(_) => unreachable_schedule(start),
    }
}

fn unreachable_schedule(start: DateTime) -> Schedule {
    let day = start.date();
    Schedule::all_day(day, day.saturating_add(1.day()))
        .or_else(|_| Schedule::all_day(Date::MIN, Date::ZERO))
        .unwrap_or_else(|_| unreachable_schedule(DateTime::ZERO))
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

const fn priority(of: Importance) -> u8 {
    match of {
        Importance::High => 1,
        Importance::Normal => 0,
        Importance::Low => 9,
    }
}

/// What a test may write over `/_sim/`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Edit {
    subject: Option<String>,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
    location: Option<String>,
    body: Option<String>,
    #[serde(default)]
    private: bool,
    #[serde(default)]
    attendees: Vec<String>,
    categories: Option<BTreeSet<String>>,
    /// Original civil start of the occurrence meant.
    occurrence: Option<DateTime>,
    folder: Option<String>,
}

impl Edit {
    fn changes(self) -> Vec<Change> {
        let mut changes = Vec::new();
        changes.extend(self.subject.map(Change::Subject));
        changes.extend(self.start.map(Change::Start));
        changes.extend(self.end.map(Change::End));
        changes.extend(self.location.map(|location| Change::Location(Some(location))));
        changes.extend(
            self.body.map(|content| Change::Body(Some(Body { format: BodyFormat::Text, content }))),
        );
        changes.extend(self.categories.map(Change::Categories));
        if self.private {
            changes.push(Change::Sensitivity(Privacy::Private));
        }
        if !self.attendees.is_empty() {
            let people =
                self.attendees.into_iter().map(|address| Contact { address, name: String::new() });
            changes
                .push(Change::Attendees(AttendeeRole::Required, People::Replace(people.collect())));
        }
        changes
    }
}

/// Edits over `/_sim/mailboxes/{address}/appointments`.
pub(crate) fn control(
    state: &mut State,
    address: &str,
    method: &str,
    rest: &[&str],
    body: &[u8],
    actor: &Actor,
) -> Result<Value, (u16, &'static str)> {
    let owner = state.store.find(address).ok_or((404, "no such mailbox"))?;
    let (mailbox, name) = (owner.number, owner.display_name.clone());
    let actor = Actor { name, at: actor.at };
    let number = |text: &str| text.parse::<ItemNumber>().map_err(|_| (400, "an item has a number"));
    let edit = || -> Result<Edit, (u16, &'static str)> {
        read(if body.is_empty() { b"{}" } else { body })
    };
    let refused = |_: StoreError| (409, "the mailbox refuses this");
    match (method, rest) {
        ("POST", []) => {
            let calendar = state
                .store
                .mailbox(mailbox)
                .and_then(|owner| Ok(owner.distinguished("calendar")?.number))
                .map_err(refused)?;
            let changes = edit()?.changes();
            let item = state
                .store
                .create_appointment(mailbox, calendar, &changes, &actor)
                .map_err(refused)?;
            state
                .store
                .announce(mailbox, Target::Item(item), None, Notify::All, &actor)
                .map_err(refused)?;
            Ok(json!({ "number": item }))
        }
        ("PATCH", [item]) => {
            let edit = edit()?;
            let target = target(number(item)?, edit.occurrence);
            update(state, mailbox, target, &edit.changes(), &actor).map_err(refused)?;
            Ok(json!({}))
        }
        ("DELETE", [item]) => {
            let target = target(number(item)?, edit()?.occurrence);
            state.store.call_off(mailbox, target, &actor).map_err(refused)?;
            state
                .store
                .delete(mailbox, target, DeleteKind::ToDeletedItems, &actor)
                .map_err(refused)?;
            Ok(json!({}))
        }
        ("POST", [item, "move"]) => {
            let folder = edit()?.folder.ok_or((400, "folder is missing"))?;
            let owner = state.store.mailbox(mailbox).map_err(refused)?;
            let to = owner.distinguished(&folder).map_err(refused)?.number;
            let moved =
                state.store.relocate(mailbox, number(item)?, to, &actor).map_err(refused)?;
            Ok(json!({ "number": moved }))
        }
        _ => Err((404, "no such control")),
    }
}

fn target(item: ItemNumber, occurrence: Option<DateTime>) -> Target {
    occurrence.map_or(Target::Item(item), |original| Target::Occurrence(item, original))
}
