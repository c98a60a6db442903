//! What must hold when everything is at rest.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;
use tidemark_jscalendar::{read_event_patch, read_merge_patch};
use tidemark_model::{Event, LinkId, MailboxId, Property, PropertyValue};
use tidemark_simulator::{SimOutcome, SimRequest, Snapshot};
use tidemark_store::records::{HoldRow, MailboxScope, PendingOperation, PendingRow};
use tidemark_transport::Clock as _;

use super::Violation;
use super::business::{Business, ItemKey};
use super::people::People;
use crate::stage::{PEOPLE, Stage, mailbox_id};

/// What is left to do, in words: hints, messages, looks to come, leases, open writes.
pub(crate) fn what_waits(stage: &mut Stage) -> String {
    let mut waits = Vec::new();
    if !stage.queue.is_empty() {
        waits.push(format!("{} messages", stage.queue.len()));
    }
    for person in PEOPLE {
        let (records, scope) = (Arc::clone(&stage.service.records), stage.scope(person));
        let now = stage.clock.now();
        let (marks, intents, row) = stage.run(async move {
            let marks = records.marks(&scope).await.expect("the store answers");
            let mut intents = records.intents(&scope, 100).await.expect("the store answers");
            let holds = records.holds(&scope).await.expect("the store answers");
            // What was begun with an item that a move has not found again waits for a person too.
            intents.retain(|intent| {
                let of_intent = |hold: &HoldRow| hold.link == Some(intent.link);
                !holds.iter().any(|hold| of_intent(hold) && hold.why.starts_with("move-"))
            });
            let row = records.mailbox(&scope).await.expect("the store answers");
            (marks, intents.len(), row.expect("the mailbox is there").value)
        });
        if marks.is_dirty() {
            waits.push(format!("{person} is dirty ({marks:?}; {:?})", row.troubles));
        }
        if let Some(due) = marks.due_at {
            // An item that could not be read is looked at again, however clean the mailbox is.
            waits.push(format!("{person} is looked at again at {due}"));
        }
        if intents > 0 {
            waits.push(format!("{person} has {intents} open writes"));
        }
        if marks.lease_until.is_some_and(|until| until > now) {
            waits.push(format!("{person} is leased"));
        }
    }
    waits.join("; ")
}

/// Checks everything.
pub(crate) fn check(
    stage: &mut Stage,
    business: &Business,
    people: &People,
) -> Result<(), Violation> {
    check_mail(stage)?;
    check_outcomes(stage, business)?;
    for person in PEOPLE {
        let snapshots = stage.simulator.snapshot(person).expect("a mailbox of the demo");
        let snapshots = without_held_copies(stage, person, snapshots);
        check_doubles(person, &snapshots)?;
        let waiting = waiting_changes(stage, person);
        check_sides(person, stage.scope(person).mailbox, &snapshots, business, &waiting)?;
        check_survivors(person, &snapshots, business, people)?;
    }
    check_news(business, people)?;
    check_identity(business, people)?;
    check_causes(stage, business, people)
}

fn violation(rule: &'static str, detail: impl Into<String>) -> Violation {
    Violation { rule, detail: detail.into() }
}

/// Nobody chose a mail rule, so nobody was mailed.
fn check_mail(stage: &Stage) -> Result<(), Violation> {
    let request = SimRequest {
        method: "GET".to_owned(),
        path: "/_sim/ledger".to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
    };
    let SimOutcome::Answer { body, .. } = stage.simulator.handle(&request) else {
        return Err(violation("the ledger can be read", ""));
    };
    let ledger: Value = serde_json::from_slice(&body).expect("the ledger is JSON");
    let empty = |value: &Value| value.as_array().is_some_and(Vec::is_empty);
    let mails = ledger.as_object().and_then(|it| it.values().next()).unwrap_or(&ledger);
    if empty(mails) { Ok(()) } else { Err(violation("nobody is mailed", ledger.to_string())) }
}

/// Every accepted change has exactly one outcome, or waits visibly.
fn check_outcomes(stage: &mut Stage, business: &Business) -> Result<(), Violation> {
    let mut expected: BTreeMap<ItemKey, usize> = BTreeMap::new();
    for asked in &business.asked {
        *expected.entry(asked.key.clone()).or_default() += 1;
    }
    let mut waiting = 0;
    let mut held = 0;
    for person in PEOPLE {
        let (records, scope): (_, MailboxScope) =
            (Arc::clone(&stage.service.records), stage.scope(person));
        let (pending, holds) = stage.run(async move {
            let pending = records.pending(&scope, 0, 500).await.expect("the store answers");
            let holds = records.holds(&scope).await.expect("the store answers");
            (pending.len(), holds.iter().map(|hold| hold.pending.len()).sum::<usize>())
        });
        waiting += pending;
        held += holds;
    }
    let (asked, told): (usize, usize) = (expected.values().sum(), business.outcomes.values().sum());
    if waiting != held {
        return Err(violation(
            "what waits is held",
            format!("{waiting} changes wait, {held} are held"),
        ));
    }
    if asked != told + waiting {
        return Err(violation(
            "every change has one outcome",
            format!("{asked} asked, {told} told, {waiting} wait"),
        ));
    }
    Ok(())
}

/// Our own late create that a person has changed, or that was cut off half-way, is held and shown until
/// somebody decides (DESIGN.md 4): it stands beside its item meanwhile, and the business system knows
/// the other one.
fn without_held_copies(stage: &mut Stage, person: &str, snapshots: Vec<Snapshot>) -> Vec<Snapshot> {
    let (records, scope) = (Arc::clone(&stage.service.records), stage.scope(person));
    let kept = stage.run(async move {
        let mut kept = BTreeMap::new();
        for hold in records.holds(&scope).await.expect("the store answers") {
            let (Some(link), "late-copy-changed" | "late-copy-mails") =
                (hold.link, hold.why.as_str())
            else {
                continue;
            };
            let row = records.link(&scope, link).await.expect("the store answers");
            let attempt = row.and_then(|row| row.attempt).map(|attempt| attempt.to_string());
            kept.insert(link.to_string(), attempt.unwrap_or_default());
        }
        kept
    });
    let is_held = |snapshot: &Snapshot| {
        snapshot.extended.values().flatten().any(|stamp| {
            let mut parts = stamp.split(';');
            let attempt = parts.next().and_then(|link| kept.get(link));
            attempt.is_some_and(|kept| parts.next() != Some(kept.as_str()))
        })
    };
    snapshots.into_iter().filter(|snapshot| !is_held(snapshot)).collect()
}

/// No item stands twice in Exchange.
fn check_doubles(person: &str, snapshots: &[Snapshot]) -> Result<(), Violation> {
    let mut uids = BTreeSet::new();
    let mut stamps = BTreeSet::new();
    for snapshot in snapshots {
        if !uids.insert(&snapshot.uid) {
            return Err(violation("nothing is doubled", format!("{person}: one UID twice")));
        }
        for values in snapshot.extended.values() {
            let text = format!("{values:?}");
            let link = text.split(';').next().unwrap_or_default().to_owned();
            if !stamps.insert(link) {
                let detail = format!("{person}: {:?} once more: {text}", snapshot.event.title);
                return Err(violation("nothing is doubled", detail));
            }
        }
    }
    Ok(())
}

/// Both sides are equal under the profile: what is private is not compared.
fn check_sides(
    person: &str,
    mailbox: MailboxId,
    snapshots: &[Snapshot],
    business: &Business,
    waiting: &Waiting,
) -> Result<(), Violation> {
    let mut picture: BTreeMap<&str, (&ItemKey, &Value)> = BTreeMap::new();
    for (key, item) in business.items.iter().filter(|(key, _)| key.0 == person) {
        let uid = item["uid"].as_str().unwrap_or_default();
        if picture.insert(uid, (key, item)).is_some() {
            return Err(violation("nothing is doubled", format!("{person}: {} twice", key.1)));
        }
    }
    for snapshot in snapshots {
        let known = picture.remove(snapshot.uid.as_str());
        if snapshot.event.privacy.hides_details() {
            // Made private before it could be read back, its UID was never told: its stamp says
            // which item it is.
            picture.retain(|uid, (key, _)| {
                !uid.is_empty() || !is_stamped(snapshot, business.link_of(mailbox, key))
            });
            continue;
        }
        let Some((key, item)) = known else {
            let title = snapshot.event.title.clone().unwrap_or_default();
            let known: Vec<_> = picture.iter().map(|(uid, (key, _))| (uid, &key.1)).collect();
            let detail = format!("{person}: nobody told {title:?}, {}: {known:?}", snapshot.uid);
            return Err(violation("nothing is lost", detail));
        };
        let wanted = waiting.get(&business.link_of(mailbox, key));
        let is_begun = |property: &Property| {
            wanted.is_some_and(|changes| is_wanted(&snapshot.event, *property, item, changes))
        };
        if let Some(property) = differences(&snapshot.event, item).find(|it| !is_begun(it)) {
            return Err(violation(
                "both sides are equal",
                format!("{person} {}: {property:?}: {item:#}\n{:#?}", key.1, snapshot.event),
            ));
        }
    }
    match picture.values().next() {
        None => Ok(()),
        Some((key, item)) => Err(violation(
            "nothing is lost",
            format!("{person}: {} is not in Exchange: {item:#}", key.1),
        )),
    }
}

/// Whether an item carries our stamp of this link.
fn is_stamped(snapshot: &Snapshot, link: LinkId) -> bool {
    let link = link.to_string();
    let of_link = |stamp: &String| stamp.split(';').next() == Some(link.as_str());
    snapshot.extended.values().flatten().any(of_link)
}

/// In what two pictures of an item differ, answers and the like aside.
pub(crate) fn differs(before: &Value, after: &Value) -> Option<Property> {
    differences(&read(before)?, after).next()
}

fn read(item: &Value) -> Option<Event> {
    let reading = match read_event_patch(item, None) {
        Ok(reading) => reading,
        Err(problems) => panic!("an item of ours cannot be read: {problems:?} {item:#}"),
    };
    let Some(PropertyValue::Schedule(schedule, _)) = reading.patch.get(Property::Schedule) else {
        return None;
    };
    let mut event = Event::new(schedule.clone());
    event.apply_patch(&reading.patch);
    Some(event)
}

fn differences(event: &Event, item: &Value) -> impl Iterator<Item = Property> {
    let told = read(item).map(Event::normalised);
    let event = event.clone().normalised();
    let properties: BTreeSet<Property> = match &told {
        Some(told) => event.properties().into_iter().chain(told.properties()).collect(),
        None => BTreeSet::from([Property::Schedule]),
    };
    properties.into_iter().filter(move |property| {
        let same = |told: &Event| event.value(*property).same(&told.value(*property));
        *property != Property::MyParticipation && !told.as_ref().is_some_and(same)
    })
}

/// Changes of held items that wait for a person, by item.
type Waiting = BTreeMap<LinkId, Vec<PendingRow>>;

/// A write that was cut off may have carried a part of what then came to wait, since a later change
/// of the same item would mail people: that part stands in Exchange already, and is told with the
/// rest when it is decided.
fn waiting_changes(stage: &mut Stage, person: &str) -> Waiting {
    let (records, scope) = (Arc::clone(&stage.service.records), stage.scope(person));
    let (pending, holds) = stage.run(async move {
        let pending = records.pending(&scope, 0, 500).await.expect("the store answers");
        (pending, records.holds(&scope).await.expect("the store answers"))
    });
    let held: BTreeSet<LinkId> = holds.iter().filter_map(|hold| hold.link).collect();
    let mut waiting = Waiting::new();
    for row in pending.into_iter().filter(|row| held.contains(&row.link)) {
        waiting.entry(row.link).or_default().push(row);
    }
    waiting
}

/// Whether a waiting change asks for exactly what Exchange shows.
fn is_wanted(event: &Event, property: Property, item: &Value, changes: &[PendingRow]) -> bool {
    let Some(known) = read(item) else { return false };
    changes.iter().any(|row| {
        let Ok(body) = serde_json::from_slice(&row.body) else { return false };
        let reading = match row.operation {
            PendingOperation::Put => read_event_patch(&body, Some(&known)),
            PendingOperation::Patch => read_merge_patch(&body, &known),
            PendingOperation::Delete => return false,
        };
        let mut wanted = known.clone();
        wanted.apply_patch(&reading.expect("it was read before").patch);
        wanted.normalised().value(property).same(&event.clone().normalised().value(property))
    })
}

/// What nobody deleted is still there.
fn check_survivors(
    person: &str,
    snapshots: &[Snapshot],
    business: &Business,
    people: &People,
) -> Result<(), Violation> {
    let there: BTreeSet<&str> = snapshots.iter().map(|it| it.uid.as_str()).collect();
    for (place, subject) in people.created.iter().filter(|((owner, _), _)| owner == person) {
        // Deleted and PUT again, an item has another UID over Graph, which gives each its own.
        let was = |key: &ItemKey| business.uids_of(key).any(|uid| *uid == place.1);
        let asked = business.asked.iter().any(|asked| asked.delete && was(&asked.key));
        if !there.contains(place.1.as_str()) && !people.deleted.contains(place) && !asked {
            return Err(violation("no delete without proof", format!("{person}: {subject:?}")));
        }
    }
    for (key, uid) in business.uids.iter().filter(|(key, _)| key.0 == person) {
        let place = (person.to_owned(), uid.clone());
        let asked = business.asked.iter().any(|asked| asked.delete && asked.key == *key);
        let recreated = business.uids_of(key).len() > 1;
        if !there.contains(uid.as_str()) && !people.deleted.contains(&place) && !asked && !recreated
        {
            return Err(violation("no delete without proof", format!("{person}: {}", key.1)));
        }
    }
    Ok(())
}

/// Nothing is announced twice, and nothing that the business system made is announced to it.
fn check_news(business: &Business, people: &People) -> Result<(), Violation> {
    for (key, count) in &business.created {
        let uid = business.uids.get(key).cloned().unwrap_or_default();
        let came_back = business.gone.contains(key)
            || people.deleted.contains(&(key.0.clone(), uid))
            || business.asked.iter().any(|asked| asked.delete && asked.key == *key);
        let allowed = usize::from(!key.1.starts_with("erp-"));
        if *count > allowed && !came_back {
            return Err(violation(
                "nothing is announced twice",
                format!("{} of {}: {count} times", key.1, key.0),
            ));
        }
    }
    Ok(())
}

/// One item keeps one id, and is made again only if somebody deleted it.
fn check_identity(business: &Business, people: &People) -> Result<(), Violation> {
    let mut ids: BTreeMap<(&str, &str), &ItemKey> = BTreeMap::new();
    for key in business.keys() {
        for uid in business.uids_of(key) {
            if let Some(other) = ids.insert((&key.0, uid), key) {
                let detail = format!("{} and {} of {}", other.1, key.1, key.0);
                return Err(violation("an item keeps its id", detail));
            }
        }
        let is_deleted = |uid: &String| people.deleted.contains(&(key.0.clone(), uid.clone()));
        let asked = business.asked.iter().any(|asked| asked.delete && asked.key == *key);
        if business.uids_of(key).len() > 1 && !asked && !business.uids_of(key).any(is_deleted) {
            let detail = format!("{} of {}", key.1, key.0);
            return Err(violation("nothing is made again that is there", detail));
        }
    }
    Ok(())
}

/// Where nobody but the business system was at an item, Exchange has no news of it, and nothing that
/// was wanted met with anything. Whoever edits it at the wrong moment, as a fault, is somebody: over
/// Graph a delete meets that edit, since it names a version, and the edit stands.
fn check_causes(stage: &Stage, business: &Business, people: &People) -> Result<(), Violation> {
    let touched: BTreeMap<&str, BTreeSet<String>> = PEOPLE
        .into_iter()
        .map(|person| (person, stage.simulator.touched(person).expect("a mailbox of the demo")))
        .collect();
    let untouched = |key: &&ItemKey| {
        let link = business.link_of(mailbox_id(&key.0), key).to_string();
        if people.edited_links.contains(&(key.0.clone(), link)) {
            return false;
        }
        let mut uids = business.uids_of(key);
        uids.len() > 0
            && uids.all(|uid| {
                let by_fault = touched.get(key.0.as_str()).is_some_and(|uids| uids.contains(uid));
                !by_fault && !people.edited.contains(&(key.0.clone(), uid.clone()))
            })
    };
    let asked = |key: &ItemKey| business.asked.iter().any(|it| it.delete && it.key == *key);
    if let Some(key) = business.gone.iter().find(|key| untouched(key) && !asked(key)) {
        let detail = format!("{} of {}", key.1, key.0);
        return Err(violation("nothing is told to be gone that nobody took away", detail));
    }
    if let Some(key) = business.conflicts.iter().find(untouched) {
        let detail = format!("{} of {}", key.1, key.0);
        return Err(violation("nobody is in conflict with himself", detail));
    }
    match business.learned.iter().find(|(key, _)| untouched(&key)) {
        None => Ok(()),
        Some((key, property)) => {
            let detail = format!("{property:?} of {} of {}", key.1, key.0);
            Err(violation("nothing is told that nobody did", detail))
        }
    }
}
