//! N4: each of Exchange's six patterns with each of its three ranges, both ways, with an occurrence
//! taken out and one changed.

use jiff::civil::{DateTime, Weekday, date};
use jiff::{SignedDuration, ToSpan};
use serde_json::{Value, json};
use tidemark_model::{Override, Pattern, Range, Recurrence, RecurrenceId, WeekIndex, WeekdaySet};
use tidemark_scenarios::stage::{Setting, Stage};
use tidemark_simulator::NewAppointment;
use tidemark_simulator::store::Change;

const ALEX: &str = "alex@tidemark.example";
/// Zones with and without summer time, on both sides of the equator, one with a half hour.
const ZONES: [&str; 6] = [
    "Europe/Berlin",
    "America/New_York",
    "Asia/Tokyo",
    "Asia/Kolkata",
    "Pacific/Auckland",
    "Europe/London",
];

/// A Tuesday, the first of its month.
fn start() -> DateTime {
    date(2027, 3, 2).at(9, 0, 0, 0)
}

fn patterns() -> Vec<(&'static str, Pattern, Value)> {
    let tuesday = WeekdaySet::EMPTY.with(Weekday::Tuesday);
    let both = tuesday.with(Weekday::Thursday);
    let first = json!([{ "@type": "NDay", "day": "tu", "nthOfPeriod": 1 }]);
    let each = json!([{ "@type": "NDay", "day": "tu" }, { "@type": "NDay", "day": "th" }]);
    vec![
        ("daily", Pattern::Daily { interval: 3 }, json!({ "frequency": "daily", "interval": 3 })),
        (
            "weekly",
            Pattern::Weekly { interval: 2, days: both, first_day: Weekday::Monday },
            json!({ "frequency": "weekly", "interval": 2, "byDay": each }),
        ),
        (
            "absolute monthly",
            Pattern::AbsoluteMonthly { interval: 2, day: 2 },
            json!({ "frequency": "monthly", "interval": 2, "byMonthDay": [2] }),
        ),
        (
            "relative monthly",
            Pattern::RelativeMonthly { interval: 1, index: WeekIndex::First, days: tuesday },
            json!({ "frequency": "monthly", "byDay": first }),
        ),
        (
            "absolute yearly",
            Pattern::AbsoluteYearly { interval: 1, month: 3, day: 2 },
            json!({ "frequency": "yearly", "byMonth": ["3"], "byMonthDay": [2] }),
        ),
        (
            "relative yearly",
            Pattern::RelativeYearly {
                interval: 1,
                month: 3,
                index: WeekIndex::First,
                days: tuesday,
            },
            json!({ "frequency": "yearly", "byMonth": ["3"], "byDay": first }),
        ),
    ]
}

/// The ranges, so that each pattern has at least four occurrences.
fn ranges() -> [(Range, Value); 3] {
    let last = start().date() + 6.years();
    [
        (Range::NoEnd, json!({})),
        (Range::Count(4), json!({ "count": 4 })),
        (Range::Until(last), json!({ "until": format!("{last}T09:00:00") })),
    ]
}

fn each(mut check: impl FnMut(&str, &Recurrence, Value)) {
    for (name, pattern, rule) in patterns() {
        for (range, bounds) in ranges() {
            let mut rule = rule.clone();
            rule["@type"] = json!("RecurrenceRule");
            for (member, value) in bounds.as_object().unwrap() {
                rule[member] = value.clone();
            }
            let recurrence = Recurrence { pattern: pattern.clone(), range };
            check(&format!("{name}, {bounds}"), &recurrence, rule);
        }
    }
}

fn occurrence(rule: &Recurrence, number: usize) -> DateTime {
    rule.starts(start()).nth(number).expect("there are enough").start()
}

#[test]
fn n4_every_pattern_and_range_reaches_the_business_system() {
    each(|name, recurrence, rule| {
        let mut stage = Stage::new(Setting::default());
        let user = stage.simulator.user(ALEX);
        let item = user
            .create(&NewAppointment {
                subject: "Series".to_owned(),
                start: start(),
                duration: SignedDuration::from_mins(30),
                body: None,
                location: None,
                recurrence: Some(recurrence.clone()),
                attendees: Vec::new(),
            })
            .expect(name);
        let (second, third) = (occurrence(recurrence, 1), occurrence(recurrence, 2));
        user.cancel_occurrence(item, second).expect(name);
        user.except_occurrence(item, third, &[Change::Subject("Once".to_owned())]).expect(name);
        stage.sync(ALEX);
        let (events, _) = stage.feed(None);
        let created: Vec<&Value> =
            events.iter().filter(|it| it["type"] == "tidemark.appointment.created").collect();
        assert_eq!(created.len(), 1, "{name}: {events:#?}");
        let told = &created[0]["data"]["item"];
        let told_rule = &told["recurrenceRules"][0];
        for (member, value) in rule.as_object().unwrap() {
            let told = &told_rule[member];
            // Exchange knows the last day and not its hour.
            let same = match (member.as_str(), told.as_str(), value.as_str()) {
                ("until", Some(told), Some(value)) => told[..10] == value[..10] && told >= value,
                _ => told == value,
            };
            assert!(same, "{name}: {member} of {told_rule:#}");
        }
        let overrides = &told["recurrenceOverrides"];
        assert_eq!(overrides[format!("{second}")]["excluded"], true, "{name}: {overrides:#}");
        assert_eq!(overrides[format!("{third}")]["title"], "Once", "{name}: {overrides:#}");
        assert_eq!(overrides.as_object().map(serde_json::Map::len), Some(2), "{name}");
    });
}

#[test]
fn n4_every_pattern_and_range_reaches_exchange() {
    let mut zones = ZONES.iter().cycle();
    each(|name, recurrence, rule| {
        let zone = zones.next().expect("it goes round");
        let name = format!("{name}, {zone}");
        let mut stage = Stage::new(Setting::default());
        stage.sync(ALEX);
        let (second, third) = (occurrence(recurrence, 1), occurrence(recurrence, 2));
        let item = json!({
            "title": "Series", "start": start().to_string(), "timeZone": zone,
            "duration": "PT30M", "recurrenceRules": [rule],
            "recurrenceOverrides": {
                second.to_string(): { "excluded": true },
                third.to_string(): { "title": "Once", "duration": "PT45M" },
            },
        });
        stage.put(ALEX, "erp-1", item);
        stage.sync(ALEX);
        let found = stage.appointment(ALEX, "Series").event;
        assert_eq!(found.recurrence.as_ref(), Some(recurrence), "{name}");
        assert_eq!(found.schedule.start(), start(), "{name}");
        let overrides = &found.overrides;
        assert_eq!(overrides.len(), 2, "{name}: {overrides:?}");
        assert_eq!(overrides[&RecurrenceId::new(second)], Override::Excluded, "{name}");
        let Override::Changed(once) = &overrides[&RecurrenceId::new(third)] else {
            panic!("{name}: {overrides:?}")
        };
        assert_eq!(once.title, Some(Some("Once".to_owned())), "{name}");
        let length = once.schedule.as_ref().map(tidemark_model::Schedule::start);
        assert_eq!(length, Some(third), "{name}");
        // Nothing of it comes back, and nothing is written again.
        let writes = stage.writes();
        let (_, cursor) = stage.feed(None);
        stage.sync(ALEX);
        assert_eq!(stage.feed(Some(cursor)).0, Vec::<Value>::new(), "{name}");
        assert_eq!(stage.writes(), writes, "{name}");
    });
}
