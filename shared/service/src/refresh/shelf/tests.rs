//! The cache of tokens on the store itself: several workers, each with a clock and a memory of its
//! own, on one table.

use core::time::Duration;
use std::collections::VecDeque;
use std::sync::Mutex;

use jiff::SignedDuration;
use secrecy::SecretString;
use tidemark_identity::{
    AccessToken, Issued, Issuer, Renewed, TokenCache, TokenError, TokenSource,
};
use tidemark_store::records::ConnectionId;
use tidemark_transport::{Clock, Entropy};
use uuid::Uuid;

use super::*;
use crate::testing::{Stage, organisation};

fn noon() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

/// The time of the world; every worker may see it wrongly.
#[derive(Clone)]
struct Time(Arc<Mutex<Timestamp>>);

impl Time {
    fn pass(&self, seconds: i64) {
        *self.0.lock().unwrap() += SignedDuration::from_secs(seconds);
    }
}

/// A worker's clock. Whoever sleeps lets the others run.
struct Watch {
    time: Time,
    ahead: SignedDuration,
}

#[async_trait]
impl Clock for Watch {
    fn now(&self) -> Timestamp {
        *self.time.0.lock().unwrap() + self.ahead
    }

    async fn sleep(&self, duration: Duration) {
        *self.time.0.lock().unwrap() += SignedDuration::try_from(duration).unwrap();
        tokio::task::yield_now().await;
    }
}

/// Fills with the same byte always, so that the moment of the refresh is known.
struct Same(u8);

impl Entropy for Same {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(self.0);
    }
}

/// An authority by script: tokens that live an hour unless the script says otherwise. It takes a
/// moment to answer, in which others may look.
struct Authority {
    clock: Arc<Watch>,
    asked: Arc<Mutex<u32>>,
    script: Arc<Mutex<VecDeque<TokenError>>>,
}

#[async_trait]
impl Issuer for Authority {
    async fn issue(&self) -> Result<Issued, TokenError> {
        let now = self.clock.now();
        tokio::task::yield_now().await;
        let number = {
            let mut asked = self.asked.lock().unwrap();
            *asked += 1;
            *asked
        };
        if let Some(error) = self.script.lock().unwrap().pop_front() {
            return Err(error);
        }
        let expires_at = now + SignedDuration::from_hours(1);
        let token = AccessToken::new(SecretString::from(format!("tok-{number}")), expires_at);
        Ok(Issued { token, issued_at: now, credential: 0 })
    }
}

struct Desk {
    time: Time,
    records: Arc<Records>,
    asked: Arc<Mutex<u32>>,
    script: Arc<Mutex<VecDeque<TokenError>>>,
}

impl Desk {
    async fn new() -> Self {
        let records = Stage::new().await.service.records;
        let time = Time(Arc::new(Mutex::new(noon())));
        Self { time, records, asked: Arc::default(), script: Arc::default() }
    }

    fn shelf(&self) -> RecordsShelf {
        let scope = TokenScope {
            organisation: organisation(),
            connection: ConnectionId::new(Uuid::from_u128(1)),
            audience: "graph".to_owned(),
        };
        RecordsShelf { records: Arc::clone(&self.records), scope }
    }

    fn worker_with(&self, ahead: i64, chance: u8) -> TokenCache {
        let ahead = SignedDuration::from_secs(ahead);
        let clock = Arc::new(Watch { time: self.time.clone(), ahead });
        let authority = Authority {
            clock: Arc::clone(&clock),
            asked: Arc::clone(&self.asked),
            script: Arc::clone(&self.script),
        };
        TokenCache::new(Arc::new(authority), Arc::new(self.shelf()), clock, Arc::new(Same(chance)))
    }

    /// A worker whose clock is right and who refreshes after half of a token's life.
    fn worker(&self) -> TokenCache {
        self.worker_with(0, 0)
    }

    fn asked(&self) -> u32 {
        *self.asked.lock().unwrap()
    }

    fn will_fail(&self, error: TokenError) {
        self.script.lock().unwrap().push_back(error);
    }
}

async fn text(worker: &TokenCache) -> String {
    worker.token().await.unwrap().expose().to_owned()
}

fn later(seconds: u64) -> TokenError {
    TokenError::Later {
        after: Duration::from_secs(seconds),
        code: "authority-busy".to_owned(),
        text: "busy".to_owned(),
    }
}

#[tokio::test]
async fn two_workers_at_once_ask_once() {
    let desk = Desk::new().await;
    let (one, two) = (desk.worker(), desk.worker());
    let (first, second) = tokio::join!(text(&one), text(&two));
    assert_eq!((first.as_str(), second.as_str()), ("tok-1", "tok-1"));
    assert_eq!(desk.asked(), 1);
    // A third one that starts later finds it on the shelf.
    assert_eq!(text(&desk.worker()).await, "tok-1");
    assert_eq!(desk.asked(), 1);
}

#[tokio::test]
async fn one_refreshes_ahead_and_the_other_goes_on_with_the_old_token() {
    let desk = Desk::new().await;
    let (one, two) = (desk.worker(), desk.worker());
    text(&one).await;
    text(&two).await;
    desk.time.pass(1799);
    assert_eq!(text(&one).await, "tok-1");
    desk.time.pass(1);
    let (first, second) = tokio::join!(text(&one), text(&two));
    assert_eq!((first.as_str(), second.as_str()), ("tok-2", "tok-1"));
    assert_eq!(text(&two).await, "tok-2");
    assert_eq!(desk.asked(), 2);
}

#[tokio::test]
async fn the_refresh_lies_between_half_and_four_fifths_of_the_life() {
    for (chance, seconds) in [(0u8, 1800), (128, 2342), (255, 2880)] {
        let desk = Desk::new().await;
        desk.worker_with(0, chance).token().await.unwrap();
        let at = desk.shelf().look().await.unwrap().token.unwrap().refresh_at;
        assert_eq!(at.duration_since(noon()).as_secs(), seconds);
    }
}

#[tokio::test]
async fn a_worker_that_dies_while_asking_holds_nobody_up_for_long() {
    let desk = Desk::new().await;
    // It claimed and was never heard of again; there is no token at all.
    let until = noon() + SignedDuration::from_secs(30);
    desk.shelf().claim(0, noon(), until).await.unwrap().unwrap();
    assert_eq!(text(&desk.worker()).await, "tok-1");
    let waited = desk.time.0.lock().unwrap().duration_since(noon());
    assert_eq!(waited.as_secs(), 30);

    // While the old token serves nobody waits at all.
    let desk = Desk::new().await;
    let worker = desk.worker();
    text(&worker).await;
    desk.time.pass(1800);
    let now = noon() + SignedDuration::from_secs(1800);
    desk.shelf().claim(1, now, now + SignedDuration::from_secs(30)).await.unwrap().unwrap();
    assert_eq!(text(&worker).await, "tok-1");
    desk.time.pass(30);
    assert_eq!(text(&worker).await, "tok-2");
}

#[tokio::test]
async fn a_token_that_is_nearly_over_is_not_handed_out() {
    let desk = Desk::new().await;
    let worker = desk.worker();
    text(&worker).await;
    desk.will_fail(later(5));
    desk.time.pass(3539);
    assert_eq!(text(&worker).await, "tok-1");
    desk.time.pass(2);
    assert_eq!(worker.token().await.unwrap_err(), later(3));
    desk.time.pass(3);
    // The second question was answered in vain.
    assert_eq!(text(&worker).await, "tok-3");
}

#[tokio::test]
async fn what_the_authority_answers_one_worker_holds_for_all() {
    let desk = Desk::new().await;
    let (one, two) = (desk.worker(), desk.worker());
    desk.will_fail(later(90));
    assert_eq!(one.token().await.unwrap_err(), later(90));
    desk.time.pass(30);
    assert_eq!(two.token().await.unwrap_err(), later(60));
    assert_eq!(desk.asked(), 1, "nobody asks before the time that it named");
    desk.time.pass(60);
    let refused =
        TokenError::Refused { code: "AADSTS7000222".to_owned(), text: "expired".to_owned() };
    desk.will_fail(refused.clone());
    assert_eq!(two.token().await.unwrap_err(), refused);
    assert_eq!(one.token().await.unwrap_err(), refused);
    assert_eq!(desk.asked(), 2);
    // A new credential is taken up within a minute.
    desk.time.pass(60);
    assert_eq!(text(&one).await, "tok-3");
}

#[tokio::test]
async fn a_refused_token_is_replaced_for_everybody_and_once() {
    let desk = Desk::new().await;
    let (one, two) = (desk.worker(), desk.worker());
    let token = one.token().await.unwrap();
    text(&two).await;
    one.refused(&token).await;
    assert_eq!(text(&one).await, "tok-2");
    // The other one still has the old token; its refusal is old news and costs no third one.
    let old = two.token().await.unwrap();
    assert_eq!(old.expose(), "tok-1");
    two.refused(&old).await;
    assert_eq!(text(&two).await, "tok-2");
    assert_eq!(desk.asked(), 2);
}

#[tokio::test]
async fn tokens_that_are_refused_one_after_the_other_are_not_asked_for_without_end() {
    let desk = Desk::new().await;
    let worker = desk.worker();
    let first = worker.token().await.unwrap();
    worker.refused(&first).await;
    let second = worker.token().await.unwrap();
    desk.time.pass(10);
    worker.refused(&second).await;
    let error = worker.token().await.unwrap_err();
    assert!(
        matches!(&error, TokenError::Later { after, code, .. }
            if code == "token-refused" && after.as_secs() == 50),
        "{error:?}"
    );
    assert_eq!(desk.asked(), 2);
    desk.time.pass(50);
    assert_eq!(text(&worker).await, "tok-3");
}

#[tokio::test]
async fn clocks_that_differ_cost_no_token_and_hand_out_none_too_long() {
    // Two minutes ahead: what it issues seems to come from the future to the others.
    let desk = Desk::new().await;
    let (ahead, right) = (desk.worker_with(120, 0), desk.worker());
    text(&ahead).await;
    let token = right.token().await.unwrap();
    assert_eq!(token.expose(), "tok-1");
    assert_eq!(token.expires_at(), noon() + SignedDuration::from_hours(1));
    // Two minutes behind: it believes in the token for longer, and the server's refusal ends that.
    let behind = desk.worker_with(-120, 0);
    let token = behind.token().await.unwrap();
    behind.refused(&token).await;
    assert_eq!(text(&behind).await, "tok-2");
    assert_eq!(desk.asked(), 2);
}

#[tokio::test]
async fn the_schedule_renews_so_that_no_caller_waits() {
    let desk = Desk::new().await;
    let (schedule, worker) = (desk.worker(), desk.worker());
    let fresh = Ok(Renewed::Fresh { credential: 0 });
    assert_eq!(schedule.renew_ahead().await, fresh);
    assert_eq!(schedule.renew_ahead().await, Ok(Renewed::NotDue));
    assert_eq!(text(&worker).await, "tok-1");
    desk.time.pass(1800);
    desk.will_fail(later(15));
    assert_eq!(schedule.renew_ahead().await, Err(later(15)));
    assert_eq!(text(&worker).await, "tok-1", "the old one serves on");
    desk.time.pass(15);
    assert_eq!(schedule.renew_ahead().await, fresh);
    assert_eq!(text(&worker).await, "tok-3");
    let claim =
        desk.shelf().claim(2, noon(), noon() + SignedDuration::from_hours(9)).await.unwrap();
    assert!(claim.is_some());
    desk.time.pass(1800);
    assert_eq!(desk.worker().renew_ahead().await, Ok(Renewed::Elsewhere));
}
