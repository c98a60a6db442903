//! What happens by itself as time passes: callbacks of Exchange, the minute's sweep, the workers.

use jiff::SignedDuration;
use tidemark_service::SyncTask;
use tidemark_transport::Clock as _;

use super::Stage;
use crate::callbacks;

/// Messages that the workers take up in one minute before it counts as a livelock.
const MESSAGES_MAX: usize = 500;

impl Stage {
    /// Subscribes a mailbox to notifications.
    ///
    /// # Panics
    /// When the store fails.
    pub fn subscribe(&mut self, person: &str) {
        let (service, scope) = (self.service.clone(), self.scope(person));
        self.run(async move { service.renew_mailbox(&scope).await }).expect("the store answers");
    }

    /// Lets Exchange post the notifications that are due, and the product answer them.
    pub fn notify(&mut self) {
        for callback in self.simulator.due_callbacks(self.clock.now()) {
            let (service, id) = (self.service.clone(), callback.id);
            let (status, body) =
                self.run(async move { callbacks::take(&service, &callback).await });
            self.simulator.callback_answered(id, status, &body);
        }
    }

    /// Takes messages from the queue until it is empty. Says how many.
    ///
    /// # Panics
    /// When it never becomes empty, or a message is not ours.
    pub fn work(&mut self) -> usize {
        for done in 0..MESSAGES_MAX {
            let now = self.clock.now();
            let Some(message) = self.queue.receive(now, 1).into_iter().next() else {
                return done;
            };
            let scope = SyncTask::read(&message.body).expect("a message of ours");
            let service = self.service.clone();
            let deadline = now + SignedDuration::from_secs(60);
            let ended = self.run(async move { service.sync(&scope, deadline).await });
            if ended.is_ok() {
                self.queue.finish(&message.receipt);
            }
        }
        panic!("the queue does not become empty");
    }

    /// Lets time pass, minute by minute, with everything that happens by itself.
    ///
    /// # Panics
    /// When the workers do not come to an end.
    pub fn tick(&mut self, duration: SignedDuration) {
        let end = self.clock.now() + duration;
        while self.clock.now() < end {
            let next = (self.clock.now() + SignedDuration::from_mins(1)).min(end);
            self.clock.advance_to(next);
            self.notify();
            let service = self.service.clone();
            self.run(async move { service.minute().await });
            self.work();
        }
    }
}
