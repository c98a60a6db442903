use async_trait::async_trait;
use serde_json::{Value, json};
use tidemark_model::{MailboxId, OrganisationId};
use tidemark_store::memory::MemoryTable;
use tidemark_store::records::{Collection, Keyring, MailboxScope, SHARED_EVERY};
use tokio::sync::Notify;

use super::*;

const HEADER: &str = "Root=1-67891233-abcdef012345678912345678;Parent=463ac35c9f6413ad;Sampled=1";

/// A clock that stands still until somebody moves it.
#[derive(Default)]
pub(crate) struct HandClock {
    passed: Mutex<SignedDuration>,
    moved: Notify,
}

impl HandClock {
    pub(crate) fn pass(&self, duration: SignedDuration) {
        *self.passed.lock().unwrap() += duration;
        self.moved.notify_waiters();
    }
}

#[async_trait]
impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap() + *self.passed.lock().unwrap()
    }

    async fn sleep(&self, duration: Duration) {
        let until = self.now() + duration;
        loop {
            let moved = self.moved.notified();
            if self.now() >= until {
                return;
            }
            moved.await;
        }
    }
}

struct Stage {
    frame: Frame,
    clock: Arc<HandClock>,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Stage {
    fn of(variables: &[(&str, &str)]) -> Self {
        let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        let (clock, lines) = (Arc::new(HandClock::default()), Arc::new(Mutex::new(Vec::new())));
        let kept = Arc::clone(&lines);
        let write = Box::new(move |line: &str| kept.lock().unwrap().push(line.to_owned()));
        let frame = Frame::writing(&variables.collect(), clock.clone(), write);
        Self { frame, clock, lines }
    }

    fn on_lambda() -> Self {
        Self::of(&[
            ("AWS_LAMBDA_FUNCTION_NAME", "acme-sync"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
        ])
    }

    fn called(&self) -> Called<'static> {
        Called {
            request_id: "r1",
            trace: Some(HEADER),
            ends_at: self.clock.now() + SignedDuration::from_secs(60),
            payer: Payer::Mailbox,
            queue_requests: 2,
        }
    }

    fn events(&self) -> Vec<Value> {
        let lines = self.lines.lock().unwrap();
        lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn records() -> Arc<Records> {
    let random = Arc::new(|buffer: &mut [u8]| buffer.fill(7));
    let keyring = Keyring::new(&[3; 32], random).unwrap();
    Arc::new(Records::new(Arc::new(MemoryTable::new()), Arc::new(keyring)))
}

fn scope() -> MailboxScope {
    MailboxScope {
        organisation: OrganisationId::parse("contoso").unwrap(),
        mailbox: MailboxId::new(Uuid::from_u128(1)),
    }
}

#[tokio::test]
async fn the_trace_is_there_while_the_work_is_done_and_no_longer() {
    let stage = Stage::on_lambda();
    let frame = stage.frame.clone();
    let seen = frame.run(stage.called(), async { frame.trace() }).await;
    assert_eq!(seen.unwrap().as_deref(), Some(HEADER));
    assert_eq!(frame.trace(), None);
    let untraced = Called { trace: None, ..stage.called() };
    assert_eq!(frame.run(untraced, async { frame.trace() }).await, Ok(None));
}

#[tokio::test]
async fn a_unit_has_one_event_with_what_was_noted_of_it() {
    let stage = Stage::on_lambda();
    let frame = stage.frame.clone();
    let work = async {
        stage.clock.pass(SignedDuration::from_millis(120));
        frame.metric(Metric::ItemsWritten, 3);
        frame.word("Protocol", "ews");
        frame.id("mailbox.id", Uuid::from_u128(1));
        frame.failed();
    };
    frame.run(stage.called(), work).await.unwrap();
    // Between units there is nothing to note it in.
    frame.metric(Metric::ItemsWritten, 9);
    frame.run(stage.called(), async {}).await.unwrap();
    let [first, second] = stage.events().try_into().unwrap();
    assert_eq!((&first["outcome"], &first["duration_ms"]), (&json!("failed"), &json!(120)));
    assert_eq!((&first["Stack"], &first["function"]), (&json!("acme"), &json!("sync")));
    assert_eq!(first["trace.id"], "1-67891233-abcdef012345678912345678");
    assert_eq!(first["ItemsWritten"], 3);
    assert_eq!(second["outcome"], "done");
    assert!(second.get("ItemsWritten").is_none());
}

#[tokio::test]
async fn a_panic_ends_the_work_and_its_event_says_nothing_of_it() {
    let stage = Stage::on_lambda();
    let ended = stage.frame.run(stage.called(), async {
        tokio::task::yield_now().await;
        panic!("Budget 2027")
    });
    let error: Result<(), Panicked> = ended.await;
    assert!(!error.unwrap_err().to_string().contains("Budget"));
    assert_eq!(stage.events()[0]["outcome"], "panicked");
    assert!(!stage.lines.lock().unwrap()[0].contains("Budget"));
    assert_eq!(stage.frame.run(stage.called(), async { 7 }).await, Ok(7));
    assert_eq!(stage.events().len(), 2);
}

#[tokio::test]
async fn work_that_is_about_to_be_stopped_is_told_of_once() {
    let stage = Stage::on_lambda();
    let work = async {
        stage.frame.metric(Metric::ItemsWritten, 1);
        for (milliseconds, told) in [(59_400, 0), (200, 1), (300, 1)] {
            stage.clock.pass(SignedDuration::from_millis(milliseconds));
            tokio::task::yield_now().await;
            assert_eq!(stage.events().len(), told);
        }
    };
    stage.frame.run(stage.called(), work).await.unwrap();
    let [event] = stage.events().try_into().unwrap();
    assert_eq!((&event["outcome"], &event["ItemsWritten"]), (&json!("out-of-time"), &json!(1)));
}

#[tokio::test]
async fn a_unit_is_metered_with_the_start_before_it() {
    let stage = Stage::on_lambda();
    let records = records();
    stage.frame.meter(&records);
    stage.clock.pass(SignedDuration::from_millis(40));
    stage.frame.ready();
    // Frozen until the first call: nobody pays for that.
    stage.clock.pass(SignedDuration::from_secs(9));
    let work = async {
        stage.clock.pass(SignedDuration::from_micros(10_200));
        records.raise(&scope(), &Collection::calendar(), stage.clock.now()).await.unwrap();
        stage.clock.pass(SignedDuration::from_millis(5));
    };
    stage.frame.run(stage.called(), work).await.unwrap();
    let own = records.usage(&scope()).await.unwrap();
    assert_eq!((own.invocations, own.queue_requests), (1, 2));
    assert_eq!(own.compute_mb_ms, 512 * 51);
    assert_eq!(stage.events()[0]["start_ms"], 40);

    // What came after the meter was written is shared, a quarter of an hour later.
    stage.clock.pass(SHARED_EVERY);
    stage.frame.run(stage.called(), async {}).await.unwrap();
    let shared = records.shared_usage(jiff::civil::Date::MIN).await.unwrap();
    assert_eq!((shared.invocations, shared.compute_mb_ms), (1, 512 * 5));
}

#[test]
fn the_stack_is_what_the_functions_name_begins_with() {
    let of = |name: &str| {
        origin_of(&[("AWS_LAMBDA_FUNCTION_NAME".into(), name.into())].into_iter().collect())
    };
    for (name, stack, function) in [
        ("acme-graph-webhook", "acme", "graph-webhook"),
        ("a-b-sync", "a-b", "sync"),
        ("function", "function", "function"),
    ] {
        let origin = of(name);
        assert_eq!((origin.stack.as_deref(), origin.function.as_str()), (Some(stack), function));
    }
    assert_eq!(origin_of(&Environment::default()).stack, None);
}

#[tokio::test]
async fn lambda_lets_metrics_pass_at_every_level() {
    for (level, shown) in [("DEBUG", "INFO"), ("WARN", "WARN"), ("ERROR", "ERROR")] {
        let variables =
            [("AWS_LAMBDA_FUNCTION_NAME", "acme-sync"), ("AWS_LAMBDA_LOG_LEVEL", level)];
        let stage = Stage::of(&variables);
        stage.frame.run(stage.called(), async {}).await.unwrap();
        assert_eq!(stage.events()[0]["level"], shown);
    }
}
