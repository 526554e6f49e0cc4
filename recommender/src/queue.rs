//! The calls that could run and wait for a thread.
//!
//! The runtime keeps them in its own queue, in which they cannot be told from other tasks. So each call is counted from the
//! moment at which it is woken until it runs.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{
            AtomicU8, AtomicUsize,
            Ordering::{AcqRel, Acquire, Relaxed},
        },
    },
    task::{Context, Poll, Wake, Waker},
};

use futures_util::task::AtomicWaker;

/// Counts the calls that wait for a thread.
#[derive(Clone, Debug, Default)]
pub(crate) struct Queue {
    waiting: Arc<AtomicUsize>,
}

impl Queue {
    /// The number of calls that wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.load(Relaxed)
    }
}

/// A future that is counted in a queue whenever it could run and does not: from the beginning, and after it was woken.
pub(crate) struct Queued<F> {
    future: F,
    /// `None`: it is not counted.
    place: Option<Arc<Place>>,
}

impl<F> Queued<F> {
    pub(crate) fn new(future: F, queue: &Queue) -> Self {
        queue.waiting.fetch_add(1, Relaxed);
        let place = Place { queue: queue.clone(), state: AtomicU8::new(WAITING), task: AtomicWaker::new() };
        Queued { future, place: Some(Arc::new(place)) }
    }

    /// One that is no call to be counted, but of the same type.
    pub(crate) fn not_counted(future: F) -> Self {
        Queued { future, place: None }
    }
}

impl<F: Future + Unpin> Future for Queued<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Some(place) = &self.place else {
            return Pin::new(&mut self.future).poll(context);
        };
        place.task.register(context.waker());
        place.turn_to(NOT_WAITING);
        let waker = Waker::from(Arc::clone(place));
        Pin::new(&mut self.future).poll(&mut Context::from_waker(&waker))
    }
}

impl<F> Drop for Queued<F> {
    fn drop(&mut self) {
        if let Some(place) = &self.place {
            place.turn_to(GONE);
        }
    }
}

const NOT_WAITING: u8 = 0;
const WAITING: u8 = 1;
/// Wakers may live on; they must not count any more.
const GONE: u8 = 2;

/// Where one future stands.
struct Place {
    queue: Queue,
    state: AtomicU8,
    task: AtomicWaker,
}

impl Place {
    fn turn_to(&self, state: u8) {
        if self.state.swap(state, AcqRel) == WAITING {
            self.queue.waiting.fetch_sub(1, Relaxed);
        }
    }
}

impl Wake for Place {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.state.compare_exchange(NOT_WAITING, WAITING, AcqRel, Acquire).is_ok() {
            self.queue.waiting.fetch_add(1, Relaxed);
        }
        self.task.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::future;

    use futures_util::FutureExt as _;
    use tokio::sync::oneshot;

    use super::*;

    #[test]
    fn a_future_waits_from_the_beginning_until_it_runs_and_again_when_it_is_woken() {
        let queue = Queue::default();
        let (send, received) = oneshot::channel::<()>();
        let mut call = Queued::new(received, &queue);
        assert_eq!(queue.len(), 1);
        assert!((&mut call).now_or_never().is_none());
        assert_eq!(queue.len(), 0, "it waits for something else than a thread");
        send.send(()).unwrap();
        assert_eq!(queue.len(), 1);
        assert!((&mut call).now_or_never().is_some());
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn a_future_that_is_dropped_waits_no_more_even_if_it_is_woken() {
        let queue = Queue::default();
        drop(Queued::new(future::pending::<()>(), &queue));
        assert_eq!(queue.len(), 0);

        let mut kept = None;
        let mut call = Queued::new(
            future::poll_fn(|context| {
                kept = Some(context.waker().clone());
                Poll::<()>::Pending
            }),
            &queue,
        );
        assert!((&mut call).now_or_never().is_none());
        drop(call);
        kept.unwrap().wake();
        assert_eq!(queue.len(), 0);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn however_often_futures_are_woken_none_is_left_in_the_queue() {
        let queue = Queue::default();
        let tasks: Vec<_> = (0..100)
            .map(|_| {
                let call = Box::pin(async {
                    for _ in 0..100 {
                        tokio::task::yield_now().await;
                    }
                });
                tokio::spawn(Queued::new(call, &queue))
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(queue.len(), 0);
    }
}
