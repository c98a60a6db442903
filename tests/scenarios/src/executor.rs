//! A single-threaded executor with virtual time.
//!
//! Which ready task goes next is drawn from the seed. A task can be killed (dropped where it waits)
//! or frozen (not polled until a later moment), which is what happens to workers on Lambda.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Wake;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use tidemark_transport::Clock;

use crate::random::Random;

/// Virtual time: it moves only when nothing is ready.
#[derive(Clone)]
pub struct VirtualClock(Arc<Mutex<Timers>>);

struct Timers {
    now: Timestamp,
    sequence: u64,
    waiting: BTreeMap<(Timestamp, u64), Waker>,
}

impl VirtualClock {
    /// A clock that stands at `start`.
    pub fn new(start: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(Timers { now: start, sequence: 0, waiting: BTreeMap::new() })))
    }

    fn timers(&self) -> MutexGuard<'_, Timers> {
        self.0.lock().expect("nobody panics while holding it")
    }

    /// When the next sleeper wakes.
    pub fn next_wake(&self) -> Option<Timestamp> {
        self.timers().waiting.keys().next().map(|(at, _)| *at)
    }

    /// Moves time forward to `at` (never back) and wakes whoever slept until then.
    pub fn advance_to(&self, at: Timestamp) {
        let woken: Vec<Waker> = {
            let mut timers = self.timers();
            let now = timers.now.max(at);
            timers.now = now;
            let later = timers.waiting.split_off(&(now, u64::MAX));
            core::mem::replace(&mut timers.waiting, later).into_values().collect()
        };
        for waker in woken {
            waker.wake();
        }
    }

    /// Moves time forward by `duration`.
    pub fn advance(&self, duration: SignedDuration) {
        let at = self.now() + duration;
        self.advance_to(at);
    }
}

#[async_trait]
impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        self.timers().now
    }

    async fn sleep(&self, duration: Duration) {
        let until = self.now() + SignedDuration::try_from(duration).expect("a short wait");
        Sleep { clock: self.clone(), until, key: None }.await;
    }
}

struct Sleep {
    clock: VirtualClock,
    until: Timestamp,
    key: Option<(Timestamp, u64)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let clock = self.clock.clone();
        let mut timers = clock.timers();
        if let Some(key) = self.key.take() {
            timers.waiting.remove(&key);
        }
        if timers.now >= self.until {
            return Poll::Ready(());
        }
        timers.sequence += 1;
        let key = (self.until, timers.sequence);
        timers.waiting.insert(key, context.waker().clone());
        self.key = Some(key);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            self.clock.timers().waiting.remove(&key);
        }
    }
}

/// Lets every other ready task go first, maybe. Ports of the simulation wait here before and after
/// each effect, so that every effect is a place where a worker can be killed or frozen.
pub async fn pause() {
    let mut paused = false;
    core::future::poll_fn(|context| {
        if paused {
            return Poll::Ready(());
        }
        paused = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Which task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TaskId(u64);

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

struct Task {
    future: Pin<Box<dyn Future<Output = ()>>>,
    ready: Arc<Flag>,
    frozen_until: Option<Timestamp>,
}

/// The tasks of a simulation.
pub struct Executor {
    clock: VirtualClock,
    random: Arc<Random>,
    tasks: BTreeMap<TaskId, Task>,
    started: u64,
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A task ran a stretch.
    Ran(TaskId),
    /// A task ran and ended.
    Ended(TaskId),
    /// No task is ready now.
    Idle,
}

impl Executor {
    /// No tasks yet.
    pub fn new(clock: VirtualClock, random: Arc<Random>) -> Self {
        Self { clock, random, tasks: BTreeMap::new(), started: 0 }
    }

    /// Adds a task.
    pub fn spawn(&mut self, future: impl Future<Output = ()> + 'static) -> TaskId {
        self.started += 1;
        let id = TaskId(self.started);
        let ready = Arc::new(Flag(AtomicBool::new(true)));
        self.tasks.insert(id, Task { future: Box::pin(future), ready, frozen_until: None });
        id
    }

    /// Drops a task where it waits.
    pub fn kill(&mut self, id: TaskId) {
        self.tasks.remove(&id);
    }

    /// Stops polling a task until `at`.
    pub fn freeze(&mut self, id: TaskId, at: Timestamp) {
        if let Some(task) = self.tasks.get_mut(&id) {
            task.frozen_until = Some(at);
        }
    }

    /// Whether a task is still there.
    pub fn is_alive(&self, id: TaskId) -> bool {
        self.tasks.contains_key(&id)
    }

    /// How many tasks are there.
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Whether there is no task.
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Polls one ready task, drawn at random.
    pub fn step(&mut self) -> Step {
        let now = self.clock.now();
        let ready: Vec<TaskId> = self
            .tasks
            .iter()
            .filter(|(_, task)| task.frozen_until.is_none_or(|until| until <= now))
            .filter(|(_, task)| task.ready.0.load(Ordering::SeqCst))
            .map(|(id, _)| *id)
            .collect();
        let Some(&id) = self.random.pick(&ready) else { return Step::Idle };
        let Some(task) = self.tasks.get_mut(&id) else { return Step::Idle };
        task.frozen_until = None;
        task.ready.0.store(false, Ordering::SeqCst);
        let waker = Waker::from(Arc::clone(&task.ready));
        match task.future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(()) => {
                self.tasks.remove(&id);
                Step::Ended(id)
            }
            Poll::Pending => Step::Ran(id),
        }
    }

    /// When something can go on: the next sleeper or the end of the next freeze.
    pub fn next_moment(&self) -> Option<Timestamp> {
        let now = self.clock.now();
        let frozen = self.tasks.values().filter_map(|task| task.frozen_until);
        let thaw = frozen.filter(|until| *until > now).min();
        [self.clock.next_wake(), thaw].into_iter().flatten().min()
    }

    /// Runs one future to its end, with all other tasks beside it; time moves when nothing is ready.
    ///
    /// # Panics
    /// When everything waits for something that never comes.
    pub fn block_on<T: 'static>(&mut self, future: impl Future<Output = T> + 'static) -> T {
        let result = std::rc::Rc::new(std::cell::RefCell::new(None));
        let slot = std::rc::Rc::clone(&result);
        let id = self.spawn(async move {
            let value = future.await;
            *slot.borrow_mut() = Some(value);
        });
        while self.is_alive(id) {
            if self.step() == Step::Idle {
                let at = self.next_moment().expect("everything waits for what never comes");
                self.clock.advance_to(at);
            }
        }
        result.borrow_mut().take().expect("the task ended with a value")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world(seed: u64) -> (Executor, VirtualClock) {
        let clock = VirtualClock::new(Timestamp::from_second(1_000).unwrap());
        (Executor::new(clock.clone(), Arc::new(Random::new(seed))), clock)
    }

    fn trace(seed: u64) -> Vec<u32> {
        let (mut executor, clock) = world(seed);
        let seen = Arc::new(Mutex::new(Vec::new()));
        for name in 0..3u32 {
            let (seen, clock) = (Arc::clone(&seen), clock.clone());
            executor.spawn(async move {
                for _ in 0..4 {
                    seen.lock().unwrap().push(name);
                    pause().await;
                }
                clock.sleep(Duration::from_secs(1)).await;
                seen.lock().unwrap().push(name + 10);
            });
        }
        executor.block_on(async {});
        while !executor.is_empty() {
            if executor.step() == Step::Idle {
                let at = executor.next_moment().unwrap();
                clock.advance_to(at);
            }
        }
        Arc::try_unwrap(seen).unwrap().into_inner().unwrap()
    }

    #[test]
    fn a_seed_replays_and_another_differs() {
        assert_eq!(trace(1), trace(1));
        assert_ne!(trace(1), trace(2));
    }

    #[test]
    fn time_moves_only_while_everybody_waits() {
        let (mut executor, clock) = world(3);
        let sleeper = clock.clone();
        executor.block_on(async move { sleeper.sleep(Duration::from_secs(3600)).await });
        assert_eq!(clock.now(), Timestamp::from_second(4_600).unwrap());
    }

    #[test]
    fn a_frozen_task_goes_on_later_and_a_killed_one_never() {
        let (mut executor, clock) = world(4);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let spawn = |executor: &mut Executor, name: u32| {
            let seen = Arc::clone(&seen);
            executor.spawn(async move {
                pause().await;
                seen.lock().unwrap().push(name);
            })
        };
        let frozen = spawn(&mut executor, 1);
        let killed = spawn(&mut executor, 2);
        executor.freeze(frozen, clock.now() + SignedDuration::from_secs(60));
        executor.kill(killed);
        assert_eq!(executor.step(), Step::Idle);
        clock.advance_to(executor.next_moment().unwrap());
        while executor.step() != Step::Idle {}
        assert_eq!(*seen.lock().unwrap(), [1]);
    }
}
