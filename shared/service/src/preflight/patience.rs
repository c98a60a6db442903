//! Bounds in time, and several looks at once, without a runtime of our own.

use core::future::{Future, poll_fn};
use core::pin::{Pin, pin};
use core::task::Poll;
use core::time::Duration;

use tidemark_transport::Clock;

/// A look under way.
pub(super) type Look<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a future gives, if it does so in time.
pub(super) async fn within<T>(
    clock: &dyn Clock,
    limit: Duration,
    work: impl Future<Output = T>,
) -> Option<T> {
    let mut work = pin!(work);
    let mut patience = pin!(clock.sleep(limit));
    poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending => patience.as_mut().poll(context).map(|()| None),
    })
    .await
}

/// What all of the futures give, in their order; they run at once, in the caller's own task.
pub(super) async fn together<T: Send>(looks: Vec<Look<'_, T>>) -> Vec<T> {
    let mut looks: Vec<(Look<'_, T>, Option<T>)> =
        looks.into_iter().map(|look| (look, None)).collect();
    poll_fn(|context| {
        let mut is_done = true;
        for (look, seen) in &mut looks {
            if seen.is_none() {
                match look.as_mut().poll(context) {
                    Poll::Ready(value) => *seen = Some(value),
                    Poll::Pending => is_done = false,
                }
            }
        }
        if is_done { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    looks.into_iter().filter_map(|(_, seen)| seen).collect()
}
