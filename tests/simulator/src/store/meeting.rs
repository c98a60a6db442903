//! What happens between mailboxes: invitations, their updates, call-offs and answers.

mod copy;

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::DateTime;
use tidemark_model::{Participation, Privacy, ShowAs};

use copy::{as_attendee, update_copy};

use super::{
    Actor, Appointment, Contact, Content, DeleteKind, Happening, Importance, Invitee, ItemNumber,
    MailboxNumber, MeetingNotice, Message, MessageKind, MyResponse, OccurrenceState, Store,
    StoreError, Target,
};

/// Who is told of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notify {
    /// Nobody.
    Nobody,
    /// Everybody on the meeting.
    All,
    /// Those who came or went with this write.
    Changed,
}

/// What kind of mail left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailKind {
    /// A first invitation.
    Request,
    /// An update of one.
    Update,
    /// A call-off.
    Cancellation,
    /// An answer to an invitation.
    Response,
    /// An ordinary message.
    Message,
}

impl MailKind {
    /// The word in the ledger.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Update => "update",
            Self::Cancellation => "cancellation",
            Self::Response => "response",
            Self::Message => "message",
        }
    }
}

/// One mail to one receiver.
#[derive(Clone)]
pub struct LedgerEntry {
    /// When.
    pub at: Timestamp,
    /// Who sent it.
    pub from: String,
    /// Who got it.
    pub to: String,
    /// What it was.
    pub kind: MailKind,
    /// UID of the meeting, none for ordinary messages.
    pub uid: Option<String>,
    /// Original start of the occurrence, if it was about one.
    pub occurrence: Option<Timestamp>,
}

/// One mail about a meeting, on its way.
struct Letter<'a> {
    sender: Contact,
    kind: MailKind,
    occurrence: Option<DateTime>,
    /// What the meeting, or the one occurrence, looks like.
    seen: &'a Appointment,
    /// The whole series.
    whole: &'a Appointment,
    actor: &'a Actor,
}

impl Store {
    /// Tells people of a write to a meeting that the owner organises. `before` is the item before
    /// the write, none for a new one.
    ///
    /// # Errors
    /// When the item is not there.
    pub fn announce(
        &mut self,
        mailbox: MailboxNumber,
        target: Target,
        before: Option<&Appointment>,
        notify: Notify,
        actor: &Actor,
    ) -> Result<(), StoreError> {
        let owner = self.mailbox(mailbox)?;
        let sender = owner.contact();
        let Some(now) = owner.item(target.item())?.appointment().cloned() else {
            return Ok(());
        };
        if notify == Notify::Nobody || now.my_response != MyResponse::Organizer {
            return Ok(());
        }
        let (seen, old_people, occurrence) = match target {
            Target::Item(_) => (now.clone(), before.map(|old| old.attendees.clone()), None),
            Target::Occurrence(_, original) => (
                now.occurrence(original)?.appointment,
                before
                    .and_then(|old| old.occurrence(original).ok())
                    .map(|old| old.appointment.attendees),
                Some(original),
            ),
        };
        let mut now = now;
        now.request_sent = true;
        now.sequence = now.sequence.saturating_add(u32::from(before.is_some()));
        let old_people = old_people.unwrap_or_default();
        for invitee in &seen.attendees {
            let known = is_among(&old_people, &invitee.address);
            if notify == Notify::All || !known {
                let kind = if known { MailKind::Update } else { MailKind::Request };
                let letter = Letter {
                    sender: sender.clone(),
                    kind,
                    occurrence,
                    seen: &seen,
                    whole: &now,
                    actor,
                };
                self.deliver(&letter, &invitee.address)?;
            }
        }
        for gone in old_people.iter().filter(|old| !is_among(&seen.attendees, &old.address)) {
            let letter = Letter {
                sender: sender.clone(),
                kind: MailKind::Cancellation,
                occurrence,
                seen: &seen,
                whole: &now,
                actor,
            };
            self.deliver(&letter, &gone.address)?;
        }
        if let Some(item) = self.mailbox_mut(mailbox)?.items.get_mut(&target.item())
            && let Some(kept) = item.appointment_mut()
        {
            kept.request_sent = true;
            kept.sequence = now.sequence;
        }
        Ok(())
    }

    /// Calls a meeting or an occurrence off to everybody on it. To be called before it is deleted.
    ///
    /// # Errors
    /// When it is not there.
    pub fn call_off(
        &mut self,
        mailbox: MailboxNumber,
        target: Target,
        actor: &Actor,
    ) -> Result<(), StoreError> {
        let owner = self.mailbox(mailbox)?;
        let sender = owner.contact();
        let Some(whole) = owner.item(target.item())?.appointment().cloned() else {
            return Ok(());
        };
        if whole.my_response != MyResponse::Organizer {
            return Ok(());
        }
        let (seen, occurrence) = match target {
            Target::Item(_) => (whole.clone(), None),
            Target::Occurrence(_, original) => {
                (whole.occurrence(original)?.appointment, Some(original))
            }
        };
        for invitee in &seen.attendees {
            let letter = Letter {
                sender: sender.clone(),
                kind: MailKind::Cancellation,
                occurrence,
                seen: &seen,
                whole: &whole,
                actor,
            };
            self.deliver(&letter, &invitee.address)?;
        }
        Ok(())
    }

    /// Answers an invitation as the owner. A declined meeting goes to the Deleted Items.
    ///
    /// # Errors
    /// When it is not there, or the owner organises it.
    pub fn answer(
        &mut self,
        mailbox: MailboxNumber,
        target: Target,
        answer: Participation,
        tell: bool,
        actor: &Actor,
    ) -> Result<(), StoreError> {
        let owner = self.mailbox(mailbox)?;
        let me = owner.contact();
        let mut whole =
            owner.item(target.item())?.appointment().ok_or(StoreError::NotThisPart)?.clone();
        if !matches!(whole.my_response, MyResponse::Attendee(_)) {
            return Err(StoreError::NotThisPart);
        }
        let show_as =
            if answer == Participation::Accepted { ShowAs::Busy } else { ShowAs::Tentative };
        let occurrence = match target {
            Target::Item(_) => {
                whole.my_response = MyResponse::Attendee(answer);
                whole.show_as = show_as;
                None
            }
            Target::Occurrence(_, original) => {
                whole.occurrence(original)?;
                let mut exception = match whole.occurrences.remove(&original) {
                    Some(OccurrenceState::Modified(exception)) => *exception,
                    Some(OccurrenceState::Deleted) | None => super::Exception::default(),
                };
                exception.my_response = Some(MyResponse::Attendee(answer));
                exception.show_as = Some(show_as);
                whole.occurrences.insert(original, OccurrenceState::Modified(Box::new(exception)));
                Some(original)
            }
        };
        let organizer = whole.organizer.address.clone();
        if tell {
            self.deliver_answer(&organizer, &me, &whole, occurrence, answer, actor)?;
        }
        let content = Content::Appointment(Box::new(whole));
        self.replace(mailbox, target.item(), content, &["response".to_owned()], actor)?;
        if answer == Participation::Declined {
            self.delete(mailbox, target, DeleteKind::ToDeletedItems, actor)?;
        }
        Ok(())
    }

    /// Sends an ordinary message: to the ledger, and into the inboxes that are here.
    ///
    /// # Errors
    /// When the mailbox is not there.
    pub fn send_message(
        &mut self,
        mailbox: MailboxNumber,
        message: &Message,
        actor: &Actor,
    ) -> Result<(), StoreError> {
        let from = self.mailbox(mailbox)?.contact();
        for to in &message.to {
            self.record(&from.address, &to.address, MailKind::Message, None, None, actor.at);
            let mut arrived = message.clone();
            arrived.draft = false;
            arrived.read = false;
            self.drop_into_inbox(&to.address, arrived, actor)?;
        }
        Ok(())
    }

    fn record(
        &mut self,
        from: &str,
        to: &str,
        kind: MailKind,
        uid: Option<&str>,
        occurrence: Option<Timestamp>,
        at: Timestamp,
    ) {
        self.ledger.push(LedgerEntry {
            at,
            from: from.to_owned(),
            to: to.to_owned(),
            kind,
            uid: uid.map(str::to_owned),
            occurrence,
        });
    }

    fn deliver(&mut self, letter: &Letter<'_>, to: &str) -> Result<(), StoreError> {
        let occurrence = letter.occurrence.map(|original| letter.whole.regular_times(original).0);
        let from = letter.sender.address.clone();
        let uid = letter.whole.uid.clone();
        self.record(&from, to, letter.kind, Some(&uid), occurrence, letter.actor.at);
        let Some(receiver) = self.find(to).map(|mailbox| mailbox.number) else {
            return Ok(());
        };
        let appointment = match letter.kind {
            MailKind::Cancellation => self.mark_cancelled(receiver, letter)?,
            MailKind::Request | MailKind::Update => Some(self.write_copy(receiver, letter)?),
            MailKind::Response | MailKind::Message => None,
        };
        let notice = MeetingNotice {
            uid,
            occurrence,
            start: letter.seen.start,
            end: letter.seen.end,
            location: letter.seen.location.clone(),
            appointment,
            sequence: letter.whole.sequence,
        };
        let (kind, subject) = if letter.kind == MailKind::Cancellation {
            (MessageKind::Cancellation(notice), format!("Canceled: {}", letter.seen.subject))
        } else {
            (MessageKind::Request(notice), letter.seen.subject.clone())
        };
        let message = self.letter_message(kind, subject, letter.sender.clone(), to, letter.seen);
        self.drop_into_inbox(to, message, letter.actor)
    }

    fn letter_message(
        &mut self,
        kind: MessageKind,
        subject: String,
        from: Contact,
        to: &str,
        seen: &Appointment,
    ) -> Message {
        Message {
            kind,
            subject,
            body: seen.body.clone(),
            from: Some(from),
            to: vec![Contact { address: to.to_owned(), name: String::new() }],
            message_id: self.new_message_id(),
            read: false,
            draft: false,
            categories: std::collections::BTreeSet::new(),
            importance: Importance::Normal,
            sensitivity: Privacy::Public,
            extended: BTreeMap::new(),
        }
    }

    fn drop_into_inbox(
        &mut self,
        to: &str,
        message: Message,
        actor: &Actor,
    ) -> Result<(), StoreError> {
        let Some(receiver) = self.find(to) else {
            return Ok(());
        };
        let (mailbox, inbox) = (receiver.number, receiver.distinguished("inbox")?.number);
        let content = Content::Message(Box::new(message));
        let number = self.insert(mailbox, inbox, content, actor)?;
        self.note(mailbox, inbox, Happening::Created(number), actor.at);
        self.note(mailbox, inbox, Happening::NewMail(number), actor.at);
        Ok(())
    }

    /// Writes the attendee's own copy, tentative until answered.
    fn write_copy(
        &mut self,
        receiver: MailboxNumber,
        letter: &Letter<'_>,
    ) -> Result<ItemNumber, StoreError> {
        let owner = self.mailbox(receiver)?;
        let calendar = owner.distinguished("calendar")?.number;
        let known = owner
            .calendar_item_by_uid(&letter.whole.uid)
            .map(|item| (item.number, item.content.clone()));
        match known {
            None => {
                // Somebody invited to one occurrence only gets that one, under the series' UID.
                let mut copy = letter.seen.clone();
                as_attendee(&mut copy, &letter.sender);
                let content = Content::Appointment(Box::new(copy));
                let number = self.insert(receiver, calendar, content, letter.actor)?;
                self.note(receiver, calendar, Happening::Created(number), letter.actor.at);
                Ok(number)
            }
            Some((number, Content::Appointment(mut copy))) => {
                update_copy(&mut copy, letter);
                let content = Content::Appointment(copy);
                let touched = ["start", "end", "subject", "body", "location"].map(str::to_owned);
                self.replace(receiver, number, content, &touched, letter.actor)?;
                Ok(number)
            }
            Some((number, Content::Message(_))) => Ok(number),
        }
    }

    fn mark_cancelled(
        &mut self,
        receiver: MailboxNumber,
        letter: &Letter<'_>,
    ) -> Result<Option<ItemNumber>, StoreError> {
        let Some(item) = self.mailbox(receiver)?.calendar_item_by_uid(&letter.whole.uid) else {
            return Ok(None);
        };
        let number = item.number;
        let Some(mut copy) = item.appointment().cloned() else {
            return Ok(None);
        };
        let title = format!("Canceled: {}", letter.seen.subject);
        if let Some(original) = letter.occurrence.filter(|_| copy.recurrence.is_some()) {
            let exception = super::Exception {
                cancelled: true,
                subject: Some(title),
                show_as: Some(ShowAs::Free),
                ..super::Exception::default()
            };
            copy.occurrences.insert(original, OccurrenceState::Modified(Box::new(exception)));
        } else {
            copy.cancelled = true;
            copy.subject = title;
            copy.show_as = ShowAs::Free;
        }
        let content = Content::Appointment(Box::new(copy));
        let touched = ["subject", "showAs"].map(str::to_owned);
        self.replace(receiver, number, content, &touched, letter.actor)?;
        Ok(Some(number))
    }

    fn deliver_answer(
        &mut self,
        organizer: &str,
        from: &Contact,
        whole: &Appointment,
        occurrence: Option<DateTime>,
        answer: Participation,
        actor: &Actor,
    ) -> Result<(), StoreError> {
        let at = occurrence.map(|original| whole.regular_times(original).0);
        self.record(&from.address, organizer, MailKind::Response, Some(&whole.uid), at, actor.at);
        let Some(owner) = self.find(organizer) else {
            return Ok(());
        };
        let mailbox = owner.number;
        let tracked = owner
            .calendar_item_by_uid(&whole.uid)
            .and_then(|item| Some((item.number, item.appointment()?.clone())));
        let number = tracked.as_ref().map(|(number, _)| *number);
        if let Some((number, mut copy)) = tracked {
            track(&mut copy.attendees, &from.address, answer, actor.at);
            let content = Content::Appointment(Box::new(copy));
            self.replace(mailbox, number, content, &["responses".to_owned()], actor)?;
        }
        let word = match answer {
            Participation::Accepted => "Accepted",
            Participation::Tentative => "Tentative",
            Participation::Declined => "Declined",
            Participation::NeedsAction => "Unanswered",
        };
        let (start, end) =
            occurrence.map_or((whole.start, whole.end), |original| whole.regular_times(original));
        let notice = MeetingNotice {
            uid: whole.uid.clone(),
            occurrence: at,
            start,
            end,
            location: whole.location.clone(),
            appointment: number,
            sequence: whole.sequence,
        };
        let subject = format!("{word}: {}", whole.subject);
        let kind = MessageKind::Response(notice, answer);
        let message = self.letter_message(kind, subject, from.clone(), organizer, whole);
        self.drop_into_inbox(organizer, message, actor)
    }
}

fn is_among(people: &[Invitee], address: &str) -> bool {
    people.iter().any(|invitee| invitee.address.eq_ignore_ascii_case(address))
}

fn track(people: &mut [Invitee], address: &str, answer: Participation, at: Timestamp) {
    for invitee in people.iter_mut().filter(|invitee| invitee.address.eq_ignore_ascii_case(address))
    {
        invitee.response = answer;
        invitee.answered = Some(at);
    }
}
