//! Several futures at once in one task, a fixed number of them at a time.

use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::Poll;

/// Runs futures to their ends, at most `at_once` at a time and in the order in which they are given.
/// One that waits keeps no other one waiting while there is room. Returns what they returned, in the
/// order in which they ended.
pub(crate) async fn side_by_side<F>(
    futures: impl IntoIterator<Item = F>,
    at_once: usize,
) -> Vec<F::Output>
where
    F: Future,
{
    let mut waiting = futures.into_iter();
    let mut running: Vec<Pin<Box<F>>> = Vec::new();
    let mut ended = Vec::new();
    loop {
        let room = at_once.max(1).saturating_sub(running.len());
        running.extend(waiting.by_ref().take(room).map(Box::pin));
        if running.is_empty() {
            return ended;
        }
        // Each is asked on every wake-up: there are few, and asking one that waits is cheap.
        poll_fn(|context| {
            let before = ended.len();
            running.retain_mut(|future| match future.as_mut().poll(context) {
                Poll::Ready(output) => {
                    ended.push(output);
                    false
                }
                Poll::Pending => true,
            });
            if ended.len() > before { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;
    use core::pin::pin;
    use core::task::{Context, Waker};

    use super::*;

    #[test]
    fn no_more_run_at_once_than_may_and_all_come_to_their_ends() {
        let (running, most) = (Cell::new(0_u32), Cell::new(0_u32));
        let (running, most) = (&running, &most);
        let one = |number: u32| async move {
            running.set(running.get() + 1);
            most.set(most.get().max(running.get()));
            // The later ones are the faster ones.
            for _ in number..10 {
                let mut asked = false;
                poll_fn(|_| {
                    if core::mem::replace(&mut asked, true) {
                        Poll::Ready(())
                    } else {
                        Poll::Pending
                    }
                })
                .await;
            }
            running.set(running.get() - 1);
            number
        };
        let mut all = pin!(side_by_side((0..10).map(one), 3));
        let mut context = Context::from_waker(Waker::noop());
        let mut ended = loop {
            if let Poll::Ready(ended) = all.as_mut().poll(&mut context) {
                break ended;
            }
        };
        assert_eq!(most.get(), 3);
        ended.sort_unstable();
        assert_eq!(ended, (0..10).collect::<Vec<_>>());
    }
}
