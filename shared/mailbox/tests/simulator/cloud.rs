//! The Graph adapter against the simulated cloud: what is written comes back, changes are told,
//! series keep what differs, nothing is mailed in silence.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::civil::date;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use tidemark_graph::{GraphRoot, UserKey};
use tidemark_identity::{AccessToken, TokenError, TokenSource};
use tidemark_mailbox::ews::ConnectionLimiter;
use tidemark_mailbox::graph::{ChangeFeed, GraphEndpoint, GraphMailbox, WOULD_MAIL};
use tidemark_mailbox::{
    Change, ChangePage, Cursor, Disposition, Mailbox, PushRequest, RemoteEvent, RemoteRef,
};
use tidemark_model::{
    Attendee, AttendeeRole, Body, BodyFormat, Event, MailMode, OccurrencePatch, Override,
    Participation, Pattern, Privacy, Range, Recurrence, RecurrenceId, Schedule, ShowAs,
};
use tidemark_simulator::{NewAppointment, SimClock, SimOutcome, SimRequest, Simulator};

use crate::bench::{Always, Bench, Wire, assert_same, at, event, hour, stamp, zone};

const ELLIS: &str = "ellis@tidemark.example";
const FRANKIE: &str = "frankie@tidemark.example";

/// Tokens of the simulated authority.
struct Authority(Arc<Simulator>);

#[async_trait]
impl TokenSource for Authority {
    async fn token(&self) -> Result<AccessToken, TokenError> {
        let form = "grant_type=client_credentials&client_id=00000000-0000-4000-8000-000000000002\
                    &client_secret=sim-secret&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default";
        let answer = self.0.handle(&SimRequest {
            method: "POST".to_owned(),
            path: "/00000000-0000-4000-8000-000000000001/oauth2/v2.0/token".to_owned(),
            headers: Vec::new(),
            body: form.as_bytes().to_vec(),
        });
        let SimOutcome::Answer { body, .. } = answer else { panic!("an answer") };
        let body: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        let text = body["access_token"].as_str().expect("a token").to_owned();
        Ok(AccessToken::new(SecretString::from(text), Timestamp::MAX))
    }

    async fn refused(&self, _: &AccessToken) {
        panic!("the simulator takes its own tokens");
    }
}

fn cloud(bench: &Bench, feed: ChangeFeed) -> GraphMailbox {
    let wire = bench.wire();
    GraphMailbox::new(GraphEndpoint {
        root: GraphRoot::parse("http://127.0.0.1:8481/graph").expect("a root"),
        user: UserKey::parse(ELLIS).expect("a name"),
        addresses: vec![ELLIS.to_owned()],
        zone: zone("Europe/Berlin"),
        feed,
        tokens: Arc::new(Authority(Arc::clone(&bench.simulator))),
        http: Arc::<Wire>::clone(&wire),
        clock: Arc::<Wire>::clone(&wire),
        entropy: wire,
        limiter: ConnectionLimiter::new().mailbox(ELLIS, bench.clock.now()),
    })
}

fn mailbox(bench: &Bench) -> GraphMailbox {
    cloud(bench, ChangeFeed::Window)
}

async fn create(mailbox: &GraphMailbox, event: &Event, number: u128) -> RemoteRef {
    mailbox.create(event, &stamp(number), MailMode::Silent, &Always).await.expect("created")
}

async fn read(mailbox: &GraphMailbox, reference: &RemoteRef) -> RemoteEvent {
    let ids = [reference.id.clone()];
    let mut items = mailbox.read(&ids).await.expect("an answer");
    items.pop().expect("an item").expect("readable")
}

/// All changes until there are no more, and where to go on.
async fn follow(mailbox: &GraphMailbox, from: Option<Cursor>) -> (Vec<Change>, Cursor) {
    let mut cursor = from;
    let mut all = Vec::new();
    for _ in 0..100 {
        let page = mailbox.changes(cursor.as_ref(), 3).await.expect("a page");
        let ChangePage { changes, cursor: next, more, .. } = page;
        all.extend(changes);
        if !more {
            return (all, next);
        }
        cursor = Some(next);
    }
    panic!("changes without an end")
}

fn touches(changes: &[Change], item: &RemoteRef) -> bool {
    changes.iter().any(|change| matches!(change, Change::Touched(it) if it.id == item.id))
}

fn removes(changes: &[Change], item: &RemoteRef) -> bool {
    changes.iter().any(|change| matches!(change, Change::Removed(id) if *id == item.id))
}

fn day(day: i8) -> RecurrenceId {
    RecurrenceId::new(at(3, day, 9))
}

fn titled(title: &str) -> Override {
    Override::Changed(Box::new(OccurrencePatch {
        title: Some(Some(title.to_owned())),
        ..OccurrencePatch::default()
    }))
}

/// Ten days, one taken out, one renamed, one moved to the afternoon.
fn series() -> Event {
    let mut series = event("Stand-up", hour(at(3, 2, 9), "Europe/Berlin"));
    series.recurrence =
        Some(Recurrence { pattern: Pattern::Daily { interval: 1 }, range: Range::Count(10) });
    let moved = OccurrencePatch {
        schedule: Some(hour(at(3, 6, 15), "Europe/Berlin")),
        ..OccurrencePatch::default()
    };
    series.overrides = BTreeMap::from([
        (day(4), Override::Excluded),
        (day(5), titled("Review")),
        (day(6), Override::Changed(Box::new(moved))),
    ]);
    series
}

#[tokio::test]
async fn every_property_comes_back_as_it_was_written() {
    let bench = Bench::new();
    let mailbox = mailbox(&bench);
    assert_eq!(mailbox.check().await.expect("a calendar").can_edit, Some(true));
    let mut full = event("Visit <& \"friends\"> \u{1F600}", hour(at(3, 2, 9), "Europe/Berlin"));
    full.body = Some(Body { format: BodyFormat::Text, content: "first\nsecond & last".to_owned() });
    full.location = Some("Room 1".to_owned());
    full.show_as = ShowAs::Oof;
    full.privacy = Privacy::Private;
    full.priority = 1;
    full.categories = ["Blue".to_owned(), "Red".to_owned()].into();
    full.reminder_minutes = Some(30);
    let made = create(&mailbox, &full, 1).await;
    let found = read(&mailbox, &made).await;
    assert_same(&found.event, &full);
    assert_eq!(found.reference, made);
    assert_eq!(found.stamp, Some(stamp(1)));
    let days = Schedule::all_day(date(2026, 3, 9), date(2026, 3, 11)).expect("days");
    let whole_days = event("Fair", days);
    let made = create(&mailbox, &whole_days, 2).await;
    assert_same(&read(&mailbox, &made).await.event, &whole_days);
}

#[tokio::test]
async fn a_series_comes_back_with_all_that_differs() {
    let bench = Bench::new();
    let mailbox = mailbox(&bench);
    let made = create(&mailbox, &series(), 1).await;
    let found = read(&mailbox, &made).await;
    assert_same(&found.event, &series());
    assert_eq!(found.reference, made);
    assert_eq!(found.exceptions.len(), 2);
    // One is renamed anew, one taken out, one brought back to its rule.
    let mut target = found.event.clone();
    target.overrides.insert(day(5), titled("Retrospective"));
    target.overrides.insert(day(7), Override::Excluded);
    target.overrides.remove(&day(6));
    let written =
        mailbox.update(&found, &target, MailMode::Silent, &Always).await.expect("written");
    let found = read(&mailbox, &written).await;
    assert_same(&found.event, &target);
    // Bringing one back that was taken out writes the rule, and so everything that it drops.
    target.overrides.remove(&day(4));
    let written =
        mailbox.update(&found, &target, MailMode::Silent, &Always).await.expect("written");
    assert_same(&read(&mailbox, &written).await.event, &target);
}

#[tokio::test]
async fn an_update_goes_over_no_edit() {
    let bench = Bench::new();
    let mailbox = mailbox(&bench);
    let made = create(&mailbox, &event("Visit", hour(at(3, 2, 9), "Europe/Berlin")), 1).await;
    let known = read(&mailbox, &made).await;
    let mut target = known.event.clone();
    target.title = Some("Call".to_owned());
    let written =
        mailbox.update(&known, &target, MailMode::Silent, &Always).await.expect("written");
    assert_ne!(written.change_key, made.change_key);
    let stale = mailbox.update(&known, &target, MailMode::Silent, &Always).await;
    let mut other = target.clone();
    other.location = Some("Room".to_owned());
    let refused = mailbox.update(&known, &other, MailMode::Silent, &Always).await;
    for outcome in [stale, refused] {
        assert_eq!(outcome.expect_err("stale").disposition, Disposition::Conflict);
    }
    let refused = mailbox.delete(&known.reference, MailMode::Silent, &Always).await;
    assert_eq!(refused.expect_err("stale").disposition, Disposition::Conflict);
    assert_eq!(mailbox.delete(&written, MailMode::Silent, &Always).await, Ok(()));
    let ids = [written.id.clone()];
    let gone = mailbox.read(&ids).await.expect("an answer").pop().expect("an item");
    assert_eq!(gone.expect_err("gone").disposition, Disposition::Gone);
}

#[tokio::test]
async fn what_lies_in_the_deleted_items_is_gone_though_its_id_is_good() {
    let bench = Bench::new();
    let settings = bench.simulator.handle(&SimRequest {
        method: "PUT".to_owned(),
        path: "/_sim/graph".to_owned(),
        headers: Vec::new(),
        body: br#"{"deletedReadable":true}"#.to_vec(),
    });
    assert!(matches!(settings, SimOutcome::Answer { status: 200, .. }));
    let mailbox = mailbox(&bench);
    let visit = create(&mailbox, &event("Visit", hour(at(3, 2, 9), "Europe/Berlin")), 1).await;
    let days = create(&mailbox, &series(), 2).await;
    let (_, cursor) = follow(&mailbox, None).await;
    for item in [&visit, &days] {
        mailbox.delete(item, MailMode::Silent, &Always).await.expect("deleted");
    }
    let (news, _) = follow(&mailbox, Some(cursor)).await;
    for item in [&visit, &days] {
        assert!(removes(&news, item), "{news:?}");
        let ids = [item.id.clone()];
        let read = mailbox.read(&ids).await.expect("an answer").pop().expect("an item");
        assert_eq!(read.expect_err("gone").code, "item-elsewhere");
    }
}

#[tokio::test]
async fn changes_are_told_through_either_feed() {
    for feed in [ChangeFeed::Window, ChangeFeed::AllIfOffered] {
        let bench = Bench::new();
        let mailbox = cloud(&bench, feed);
        let early = create(&mailbox, &event("Old", hour(at(1, 2, 9), "Europe/Berlin")), 1).await;
        let far = hour(at(3, 2, 9), "Europe/Berlin").moved_to(at(3, 2, 9));
        let visit = create(&mailbox, &event("Visit", far), 2).await;
        let days = create(&mailbox, &series(), 3).await;
        let (first, cursor) = follow(&mailbox, None).await;
        for item in [&early, &visit, &days] {
            assert!(touches(&first, item), "{feed:?}");
        }
        let (quiet, cursor) = follow(&mailbox, Some(cursor)).await;
        assert_eq!(quiet, [], "{feed:?}");
        let known = read(&mailbox, &days).await;
        let mut target = known.event.clone();
        target.overrides.insert(day(8), titled("Planning"));
        mailbox.update(&known, &target, MailMode::Silent, &Always).await.expect("written");
        mailbox.delete(&visit, MailMode::Silent, &Always).await.expect("deleted");
        let (news, cursor) = follow(&mailbox, Some(cursor)).await;
        assert!(touches(&news, &days) && removes(&news, &visit), "{feed:?}: {news:?}");
        assert!(!touches(&news, &early), "{feed:?}");
        let (quiet, _) = follow(&mailbox, Some(cursor)).await;
        assert_eq!(quiet, [], "{feed:?}");
    }
}

#[tokio::test]
async fn a_moved_window_loses_no_deletion() {
    let bench = Bench::new();
    let mailbox = mailbox(&bench);
    let visit = create(&mailbox, &event("Visit", hour(at(3, 2, 9), "Europe/Berlin")), 1).await;
    let (_, cursor) = follow(&mailbox, None).await;
    bench.clock.advance(SignedDuration::from_hours(8 * 24));
    mailbox.delete(&visit, MailMode::Silent, &Always).await.expect("deleted");
    let late = create(&mailbox, &event("Late", hour(at(3, 20, 9), "Europe/Berlin")), 2).await;
    let (news, cursor) = follow(&mailbox, Some(cursor)).await;
    assert!(removes(&news, &visit) && touches(&news, &late), "{news:?}");
    let (quiet, _) = follow(&mailbox, Some(cursor)).await;
    assert_eq!(quiet, []);
}

#[tokio::test]
async fn what_was_created_is_found_by_stamp_and_uid_and_made_only_once() {
    let bench = Bench::new();
    let mailbox = mailbox(&bench);
    let visit = event("Visit", hour(at(3, 2, 9), "Europe/Berlin"));
    let made = create(&mailbox, &visit, 1).await;
    create(&mailbox, &visit, 2).await;
    let found = mailbox.find_by_stamp(stamp(1).link).await.expect("found");
    assert_eq!(found, core::slice::from_ref(&made));
    let uid = read(&mailbox, &made).await.event.uid.expect("a UID");
    assert_eq!(mailbox.find_by_uid(&uid).await.expect("found"), [made]);
    assert_eq!(mailbox.find_by_uid("somebody's").await.expect("none"), []);
    let mut other = visit;
    other.title = Some("Other".to_owned());
    let again = mailbox.create(&other, &stamp(1), MailMode::Silent, &Always).await;
    assert_eq!(again.expect_err("made already").disposition, Disposition::Unclear);
}

#[tokio::test]
async fn nobody_is_mailed_in_silence_and_an_invitation_is_answered() {
    let bench = Bench::new();
    let mailbox = mailbox(&bench);
    let role = AttendeeRole::Required;
    let frankie = Attendee { name: None, role, participation: Participation::NeedsAction };
    let mut meeting = event("Meeting", hour(at(3, 2, 9), "Europe/Berlin"));
    meeting.attendees.insert(FRANKIE.to_owned(), frankie);
    let refused = mailbox.create(&meeting, &stamp(1), MailMode::Silent, &Always).await;
    assert_eq!(refused.expect_err("would mail").code, WOULD_MAIL);
    let made = mailbox.create(&meeting, &stamp(1), MailMode::All, &Always).await.expect("made");
    let known = read(&mailbox, &made).await;
    let refused = mailbox.delete(&known.reference, MailMode::Silent, &Always).await;
    assert_eq!(refused.expect_err("would mail").code, WOULD_MAIL);
    // Frankie invites Ellis, who accepts.
    let (_, cursor) = follow(&mailbox, None).await;
    bench
        .simulator
        .user(FRANKIE)
        .create(&NewAppointment {
            subject: "Lunch".to_owned(),
            start: at(3, 3, 12),
            duration: SignedDuration::from_hours(1),
            body: None,
            location: None,
            recurrence: None,
            attendees: vec![ELLIS.to_owned()],
        })
        .expect("invited");
    let (news, _) = follow(&mailbox, Some(cursor)).await;
    let Some(Change::Touched(invitation)) = news.last() else { panic!("an invitation: {news:?}") };
    let invitation = read(&mailbox, invitation).await;
    assert_eq!(invitation.event.my_participation, Some(Participation::NeedsAction));
    let answered = mailbox
        .respond(&invitation.reference, Participation::Accepted, MailMode::All, &Always)
        .await
        .expect("answered");
    let answered = read(&mailbox, &answered).await;
    assert_eq!(answered.event.my_participation, Some(Participation::Accepted));
}

#[tokio::test]
async fn a_view_names_what_takes_place_soon() {
    let bench = Bench::new();
    let mailbox = mailbox(&bench);
    let days = create(&mailbox, &series(), 1).await;
    create(&mailbox, &event("Later", hour(at(6, 2, 9), "Europe/Berlin")), 2).await;
    let from = "2026-03-03T00:00:00Z".parse().expect("a time");
    let until = "2026-03-17T00:00:00Z".parse().expect("a time");
    let look = mailbox.first_look(from, until).await.expect("a look");
    assert_eq!(look.soon.iter().map(|it| &it.id).collect::<Vec<_>>(), [&days.id]);
}

#[tokio::test]
async fn a_subscription_to_nowhere_is_refused_in_words() {
    let bench = Bench::new();
    let url = "http://127.0.0.1:1/graph/key";
    let request = PushRequest { client_state: Some("state"), ..PushRequest::to(url, 5) };
    // Nobody answers the handshake, for which the simulator waits like Graph.
    let outcome = mailbox(&bench).subscribe(&request).await;
    let error = outcome.expect_err("refused");
    assert!(error.disposition != Disposition::Gone, "{error}");
}
