use std::pin::pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;

use super::*;

/// A clock that stands still until it is moved.
struct StoppedClock(AtomicI64);

impl StoppedClock {
    fn new() -> Self {
        Self(AtomicI64::new(1_772_000_000))
    }

    fn pass(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }
}

#[async_trait]
impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::Relaxed)).expect("a time")
    }

    async fn sleep(&self, duration: Duration) {
        self.pass(duration.as_secs().try_into().expect("a short time"));
    }
}

/// Polls once, as an executor without tokio does.
fn poll_once<F: Future>(future: core::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn waiting(clock: &StoppedClock, limiter: &RequestLimiter) -> Option<Waiting> {
    match poll_once(pin!(limiter.enter(clock))) {
        Poll::Ready(entered) => entered.err(),
        Poll::Pending => panic!("every slot is taken"),
    }
}

#[test]
fn the_fourth_request_waits_until_one_of_three_is_done() {
    let clock = StoppedClock::new();
    let limiter = ConnectionLimiter::new().mailbox("a", clock.now());
    let mut slots: Vec<_> = (0..REQUESTS_PER_MAILBOX_MAX)
        .map(|_| match poll_once(pin!(limiter.enter(&clock))) {
            Poll::Ready(Ok(slot)) => slot,
            other => panic!("{other:?}"),
        })
        .collect();
    let mut fourth = pin!(limiter.enter(&clock));
    assert!(poll_once(fourth.as_mut()).is_pending());
    slots.pop();
    assert!(matches!(poll_once(fourth.as_mut()), Poll::Ready(Ok(_))));
}

#[test]
fn a_back_off_refuses_at_once_and_ends_by_itself() {
    let clock = StoppedClock::new();
    let limiter = ConnectionLimiter::new().mailbox("a", clock.now());
    limiter.back_off(Scope::Mailbox, clock.now(), seconds(30));
    clock.pass(10);
    let expected = Waiting { scope: Scope::Mailbox, remaining: seconds(20) };
    assert_eq!(waiting(&clock, &limiter), Some(expected));
    clock.pass(20);
    assert_eq!(waiting(&clock, &limiter), None);
}

#[test]
fn a_shorter_back_off_does_not_replace_a_longer_one() {
    let clock = StoppedClock::new();
    let limiter = ConnectionLimiter::new().mailbox("a", clock.now());
    limiter.back_off(Scope::Mailbox, clock.now(), seconds(300));
    limiter.back_off(Scope::Mailbox, clock.now(), seconds(5));
    assert_eq!(waiting(&clock, &limiter).map(|w| w.remaining), Some(seconds(300)));
    limiter.back_off(Scope::Mailbox, clock.now(), Duration::MAX);
    assert_eq!(waiting(&clock, &limiter).map(|w| w.remaining), Some(BACK_OFF_MAX));
}

#[test]
fn a_request_that_waited_for_its_slot_is_refused_when_the_back_off_began_meanwhile() {
    let clock = StoppedClock::new();
    let limiter = ConnectionLimiter::new().mailbox("a", clock.now());
    let slots = limiter.slots.try_acquire_many(3).expect("free");
    let mut late = pin!(limiter.enter(&clock));
    assert!(poll_once(late.as_mut()).is_pending());
    limiter.back_off(Scope::Mailbox, clock.now(), seconds(30));
    drop(slots);
    assert!(matches!(poll_once(late.as_mut()), Poll::Ready(Err(_))));
    assert_eq!(limiter.slots.available_permits(), 3);
}

#[test]
fn what_a_mailbox_is_told_does_not_concern_others_what_the_connection_is_told_does() {
    let clock = StoppedClock::new();
    let connection = ConnectionLimiter::new();
    let (a, b) = (connection.mailbox("a", clock.now()), connection.mailbox("b", clock.now()));
    a.back_off(Scope::Mailbox, clock.now(), seconds(30));
    assert_eq!(waiting(&clock, &b), None);
    a.back_off(Scope::Connection, clock.now(), seconds(40));
    let expected = Waiting { scope: Scope::Connection, remaining: seconds(40) };
    assert_eq!(waiting(&clock, &b), Some(expected));
}

#[test]
fn idle_mailboxes_are_forgotten_but_not_what_they_were_told() {
    let clock = StoppedClock::new();
    let connection = ConnectionLimiter::new();
    let held = connection.mailbox("held", clock.now());
    connection.mailbox("told", clock.now()).back_off(Scope::Mailbox, clock.now(), seconds(60));
    for number in 0..10_000 {
        connection.mailbox(&number.to_string(), clock.now());
    }
    assert!(connection.mailboxes.lock().expect("lock").by_key.len() <= 128);
    assert!(Arc::ptr_eq(&held, &connection.mailbox("held", clock.now())));
    assert!(waiting(&clock, &connection.mailbox("told", clock.now())).is_some());
}
