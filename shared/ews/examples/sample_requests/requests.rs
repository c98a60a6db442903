//! One request of every kind, with every element that is ever written.

use std::collections::BTreeMap;

use jiff::civil::{Weekday, date};
use jiff::{SignedDuration, Timestamp};
use tidemark_ews::calendar::{FieldChange, NewItem, WriteContext, changes, occurrence_changes};
use tidemark_ews::{
    CancelMeeting, CreateItem, DeleteItem, Disposal, FindFolder, FindItem, FolderAddress, FolderId,
    FolderShape, GetFolder, GetItem, GetServerTimeZones, ItemAddress, ItemId, ItemSummary,
    Operation, Precision, Request, ResolveNames, Respond, ServerVersion, SubscribePush,
    SyncFolderHierarchy, SyncFolderItems, Unsubscribe, UpdateItem, View, WellKnownFolder, stamp,
};
use tidemark_model::{
    Attendee, AttendeeRole, Body, BodyFormat, Event, MailMode, Participation, Pattern, Privacy,
    Range, Recurrence, Schedule, ShowAs, WeekIndex, WeekdaySet, Zone,
};

/// The requests by name.
pub(crate) fn sample_requests() -> Vec<(String, Vec<u8>)> {
    let mut samples = Samples::default();
    folders(&mut samples);
    lists(&mut samples);
    items(&mut samples);
    creations(&mut samples);
    updates(&mut samples);
    meetings(&mut samples);
    subscriptions(&mut samples);
    samples.0
}

#[derive(Default)]
struct Samples(Vec<(String, Vec<u8>)>);

impl Samples {
    fn add(&mut self, name: &str, operation: &impl Operation) {
        let request = Request::new().impersonating("alex@tidemark.example");
        self.0.push((name.to_owned(), request.build(operation)));
    }
}

fn item() -> ItemId {
    ItemId::new("AAMkAD&<>\"=", Some("DwAAAB==".to_owned()))
}

fn folder() -> FolderAddress {
    FolderAddress::Id(FolderId { id: "AQMkF=".to_owned(), change_key: Some("AQAAAA==".to_owned()) })
}

fn folders(samples: &mut Samples) {
    let shape = FolderShape { rights: true };
    let folders = vec![FolderAddress::CALENDAR, folder()];
    samples.add("get-folder", &GetFolder { folders, shape });
    let parents = vec![FolderAddress::WellKnown(WellKnownFolder::MsgFolderRoot)];
    let find = FindFolder { parents, deep: true, shape, offset: 20, folders_max: 100 };
    samples.add("find-folder", &find);
    let root = FolderAddress::WellKnown(WellKnownFolder::Root);
    let first = SyncFolderHierarchy { root, state: None, shape };
    samples.add("sync-folder-hierarchy-first", &first);
    let next = SyncFolderHierarchy { state: Some("H4sIA==".to_owned()), ..first };
    samples.add("sync-folder-hierarchy-next", &next);
}

fn lists(samples: &mut Samples) {
    let first = SyncFolderItems {
        folder: FolderAddress::CALENDAR,
        state: None,
        changes_max: 100_000,
        shape: ItemSummary::shape(),
    };
    samples.add("sync-folder-items-first", &first);
    let next = SyncFolderItems { state: Some("H4sIA==".to_owned()), changes_max: 0, ..first };
    samples.add("sync-folder-items-next", &next);
    samples.add("find-item-by-stamp", &FindItem::by_stamp("0198c0de-0000-7000-8000-000000000001"));
    samples.add("find-item-by-uid", &FindItem::by_uid("4711@business.example"));
    let window = FindItem {
        folders: vec![FolderAddress::CALENDAR, folder()],
        shape: ItemSummary::shape(),
        view: View::Calendar {
            start: Timestamp::UNIX_EPOCH,
            end: Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24),
            items_max: Some(100),
        },
    };
    samples.add("find-item-calendar-view", &window);
    let plain = View::Page { offset: 0, items_max: 100, restriction: None };
    samples.add("find-item-page", &FindItem { view: plain, ..window });
}

fn addresses() -> Vec<ItemAddress> {
    vec![
        item().into(),
        ItemAddress::Occurrence { master: item(), index: 3 },
        ItemAddress::MasterOf(item()),
        ItemId::new("no-version", None).into(),
    ]
}

fn items(samples: &mut Samples) {
    samples.add("get-item-whole", &GetItem::whole(addresses()));
    samples.add("get-item-versions", &GetItem::versions(addresses()));
    let disposal = Disposal::MoveToDeletedItems;
    let delete = DeleteItem { items: addresses(), disposal, mail: MailMode::Changed };
    samples.add("delete-item-with-mail", &delete);
    let disposal = Disposal::HardDelete;
    let delete = DeleteItem { items: addresses(), disposal, mail: MailMode::Silent };
    samples.add("delete-item-silent", &delete);
}

/// An event with every property set.
fn full_event() -> Event {
    let berlin = Zone::parse("Europe/Berlin").unwrap_or_else(|_| Zone::utc());
    let start = date(2026, 3, 2).at(9, 0, 0, 0);
    let length = SignedDuration::from_mins(90);
    let tokyo = Zone::parse("Asia/Tokyo").ok();
    let schedule = Schedule::timed(start, berlin, length, tokyo);
    let mut event = whole_day();
    event.schedule = schedule.unwrap_or(event.schedule);
    event.uid = Some("4711@business.example".to_owned());
    event.title = Some("Visit <b> & \"more\"\u{0}\u{1F}\r\n".to_owned());
    let content = "<p>line\r\nline ]]> &amp;</p>".to_owned();
    event.body = Some(Body { format: BodyFormat::Html, content });
    event.location = Some("Room 1".to_owned());
    event.show_as = ShowAs::WorkingElsewhere;
    event.privacy = Privacy::Confidential;
    event.priority = 1;
    event.categories = ["Red", "Blue"].map(str::to_owned).into();
    event.reminder_minutes = Some(15);
    event.attendees = people();
    event
}

fn people() -> BTreeMap<String, Attendee> {
    let person = |address: &str, name: Option<&str>, role| {
        let name = name.map(str::to_owned);
        (address.to_owned(), Attendee { name, role, participation: Participation::NeedsAction })
    };
    BTreeMap::from([
        person("blake@tidemark.example", Some("Blake"), AttendeeRole::Required),
        person("/o=first/cn=recipients/cn=casey", None, AttendeeRole::Required),
        person("devon@tidemark.example", None, AttendeeRole::Optional),
        person("room@tidemark.example", Some("Room"), AttendeeRole::Resource),
    ])
}

fn whole_day() -> Event {
    let (first, last) = (date(2026, 3, 2), date(2026, 3, 4));
    let Ok(days) = Schedule::all_day(first, last) else { unreachable!("the dates are in order") };
    Event::new(days)
}

/// A rule for every pattern and range that is written, with its name.
fn rules() -> Vec<(&'static str, Recurrence)> {
    let days = WeekdaySet::EMPTY.with(Weekday::Monday).with(Weekday::Friday);
    let (month, day, index) = (3, 2, WeekIndex::First);
    let monday = WeekdaySet::EMPTY.with(Weekday::Monday);
    let patterns = [
        ("daily", Pattern::Daily { interval: 3 }),
        ("weekly", Pattern::Weekly { interval: 2, days, first_day: Weekday::Monday }),
        ("monthly", Pattern::AbsoluteMonthly { interval: 1, day: 31 }),
        ("monthly-day", Pattern::RelativeMonthly { interval: 1, index, days: monday }),
        (
            "monthly-last-workday",
            Pattern::RelativeMonthly {
                interval: 1,
                index: WeekIndex::Last,
                days: WeekdaySet::WEEKDAYS,
            },
        ),
        ("yearly", Pattern::AbsoluteYearly { interval: 1, month, day }),
        ("yearly-2", Pattern::AbsoluteYearly { interval: 2, month, day }),
        ("yearly-day", Pattern::RelativeYearly { interval: 1, month, index, days: monday }),
        (
            "yearly-day-3",
            Pattern::RelativeYearly { interval: 3, month, index, days: WeekdaySet::WEEKEND },
        ),
    ];
    let ranges = [Range::NoEnd, Range::Until(date(2040, 3, 31)), Range::Count(10)];
    let endless = ranges.into_iter().cycle();
    patterns
        .into_iter()
        .zip(endless)
        .map(|((name, pattern), range)| (name, Recurrence { pattern, range }))
        .collect()
}

fn creations(samples: &mut Samples) {
    let zone = Zone::parse("Europe/Berlin").unwrap_or_else(|_| Zone::utc());
    let context = WriteContext { zone: &zone };
    let stamp = stamp::format("0198c0de-0000-7000-8000-000000000001", "intent", 7);
    let mut create = |name: &str, event: &Event, mail| {
        if let Ok(item) = NewItem::of(event, Some(&stamp), context) {
            samples.add(name, &CreateItem { folder: FolderAddress::CALENDAR, item, mail });
        }
    };
    create("create-item-full", &full_event(), MailMode::All);
    create("create-item-whole-day", &whole_day(), MailMode::Silent);
    for (name, rule) in rules() {
        let mut event = full_event();
        event.attendees.clear();
        event.recurrence = Some(rule);
        create(&format!("create-item-{name}"), &event, MailMode::Silent);
    }
}

fn updates(samples: &mut Samples) {
    let zone = Zone::parse("Europe/Berlin").unwrap_or_else(|_| Zone::utc());
    let context = WriteContext { zone: &zone };
    let mut series = full_event();
    series.recurrence = rules().into_iter().next().map(|(_, rule)| rule);
    let pairs = [
        ("update-item-all", whole_day(), series.clone(), MailMode::Changed),
        ("update-item-clear", series.clone(), whole_day(), MailMode::Silent),
    ];
    for (name, current, target, mail) in pairs {
        let mut changes = changes(&current, &target, context).unwrap_or_default();
        changes.push(FieldChange::stamp("link;intent;8"));
        samples.add(name, &UpdateItem { item: item().into(), changes, mail });
    }
    let changes = occurrence_changes(&whole_day(), &full_event(), context).unwrap_or_default();
    let occurrence = ItemAddress::Occurrence { master: item(), index: 2 };
    let update = UpdateItem { item: occurrence, changes, mail: MailMode::All };
    samples.add("update-item-occurrence", &update);
}

fn meetings(samples: &mut Samples) {
    let answers = [
        ("respond-accept", Participation::Accepted, MailMode::All),
        ("respond-tentative", Participation::Tentative, MailMode::Silent),
        ("respond-decline", Participation::Declined, MailMode::Changed),
    ];
    for (name, answer, mail) in answers {
        if let Some(respond) = Respond::new(item(), answer, mail) {
            samples.add(name, &respond);
        }
    }
    let cancel = CancelMeeting { item: item(), text: Some("Ill & away".to_owned()) };
    samples.add("cancel-meeting", &cancel);
    samples.add("resolve-names", &ResolveNames { entry: "smtp:a@tidemark.example".to_owned() });
}

fn subscriptions(samples: &mut Samples) {
    let subscribe = SubscribePush {
        folders: vec![FolderAddress::CALENDAR, folder()],
        url: "https://hooks.example/ews/key?a=1&b=2".to_owned(),
        status_minutes: 0,
        watermark: Some("AQAAAOpvG0LURVdOhQkPOWZLPcI8EgAAAAAAAAE=".to_owned()),
    };
    samples.add("subscribe-push", &subscribe);
    samples.add("unsubscribe", &Unsubscribe { id: "JgBleDI=".to_owned() });
    samples.add("get-server-time-zones-all", &GetServerTimeZones::default());
    let ids = vec!["W. Europe Standard Time".to_owned()];
    let some = GetServerTimeZones { ids, full: true };
    samples.add("get-server-time-zones-some", &some);
    let header = Request::new()
        .in_version(ServerVersion::Exchange2016)
        .in_time_zone("W. Europe Standard Time")
        .with_precision(Precision::Seconds);
    samples.0.push(("get-server-time-zones-header".to_owned(), header.build(&some)));
}
