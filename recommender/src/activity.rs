//! What goes on on one connection.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{self, Instant},
};

/// Answers that a client does not take are told apart by when they were ready, in spans of this length.
const SPAN: Duration = Duration::from_secs(15);

/// So many spans later an answer is stalled: after two of them at the least, and three at the most.
const STALLED_AFTER: usize = 3;

/// The spans that are told apart, for none is older.
const SPANS: usize = STALLED_AFTER + 1;

/// The calls of one connection that have not ended.
#[derive(Debug)]
pub(crate) struct Activity {
    opened: Instant,
    in_flight: watch::Sender<usize>,
    /// The answers that their client has not taken, by the span in which they were ready.
    untaken: [AtomicUsize; SPANS],
}

/// Why a connection shall end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ailment {
    /// There was no call for too long.
    Idle,
    /// The client does not take its answers.
    Stalled,
}

impl Activity {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Activity {
            opened: Instant::now(),
            in_flight: watch::Sender::default(),
            untaken: Default::default(),
        })
    }

    /// Notes a call, until what is returned is dropped.
    pub(crate) fn call(self: &Arc<Self>) -> CallInFlight {
        self.in_flight.send_modify(|calls| *calls += 1);
        CallInFlight(Arc::clone(self))
    }

    /// Notes an answer that is ready now, until what is returned is dropped.
    pub(crate) fn answer(self: &Arc<Self>) -> Untaken {
        let span = self.span() % SPANS;
        self.untaken[span].fetch_add(1, Relaxed);
        Untaken { activity: Arc::clone(self), span }
    }

    /// The number of calls that have not ended.
    pub(crate) fn in_flight(&self) -> usize {
        *self.in_flight.borrow()
    }

    /// Ends when the client has not taken an answer for 30 to 45 s, or when there was no call for as long as `max_idle` says at the time.
    pub(crate) async fn ailment(&self, max_idle: impl Fn() -> Duration) -> Ailment {
        let mut calls = self.in_flight.subscribe();
        let mut idle_since = Instant::now();
        loop {
            let pause = (max_idle() / 4).clamp(Duration::from_millis(10), Duration::from_secs(1));
            time::sleep(pause).await;
            if self.has_stalled_answers() {
                return Ailment::Stalled;
            }
            // One that began and ended since the last look has changed it, too. An error is impossible, for the sender is here.
            let was_busy = calls.has_changed().unwrap_or_default() || *calls.borrow() > 0;
            calls.mark_unchanged();
            if was_busy {
                idle_since = Instant::now();
            } else if idle_since.elapsed() >= max_idle() {
                return Ailment::Idle;
            }
        }
    }

    /// Ends when there has been no call for `linger`.
    pub(crate) async fn quiet(&self, linger: Duration) {
        let mut calls = self.in_flight.subscribe();
        while calls.wait_for(|calls| *calls == 0).await.is_ok() {
            if time::timeout(linger, calls.changed()).await.is_err() {
                return;
            }
        }
    }

    fn span(&self) -> usize {
        usize::try_from(self.opened.elapsed().as_secs() / SPAN.as_secs()).unwrap_or_default()
    }

    fn has_stalled_answers(&self) -> bool {
        let stalled = self.span().checked_sub(STALLED_AFTER);
        stalled.is_some_and(|span| self.untaken[span % SPANS].load(Relaxed) > 0)
    }
}

/// A call that has not ended.
#[derive(Debug)]
pub(crate) struct CallInFlight(Arc<Activity>);

impl Drop for CallInFlight {
    fn drop(&mut self) {
        self.0.in_flight.send_modify(|calls| *calls -= 1);
    }
}

/// An answer that its client has not taken.
#[derive(Debug)]
pub(crate) struct Untaken {
    activity: Arc<Activity>,
    span: usize,
}

impl Drop for Untaken {
    fn drop(&mut self) {
        self.activity.untaken[self.span].fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    async fn time_to_ailment(activity: &Activity, max_idle: Duration) -> (Ailment, Duration) {
        let began = Instant::now();
        let ailment = activity.ailment(|| max_idle).await;
        (ailment, began.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_take_an_answer_is_noticed_whatever_else_it_takes() {
        for seconds in [0, 7, 14, 15, 100] {
            let activity = Activity::new();
            let _call = activity.call();
            time::sleep(Duration::from_secs(seconds)).await;
            let _untaken = activity.answer();
            let others = async {
                loop {
                    drop((activity.call(), activity.answer()));
                    time::sleep(Duration::from_millis(100)).await;
                }
            };
            let (ailment, time) = tokio::select! {
                found = time_to_ailment(&activity, MINUTE) => found,
                () = others => unreachable!(),
            };
            assert_eq!(ailment, Ailment::Stalled);
            let expected = Duration::from_secs(30)..=Duration::from_secs(47);
            assert!(expected.contains(&time), "{seconds} s: {time:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_idle_from_the_end_of_its_last_call_on() {
        let activity = Activity::new();
        let stream = activity.call();
        let end_of_stream = async {
            time::sleep(10 * MINUTE).await;
            drop(stream);
            // Too short to be seen in flight.
            time::sleep(MINUTE / 2).await;
            drop(activity.call());
            std::future::pending::<()>().await;
        };
        let (ailment, time) = tokio::select! {
            found = time_to_ailment(&activity, MINUTE) => found,
            () = end_of_stream => unreachable!(),
        };
        assert_eq!(ailment, Ailment::Idle);
        let expected = 11 * MINUTE + MINUTE / 2..=11 * MINUTE + MINUTE / 2 + Duration::from_secs(3);
        assert!(expected.contains(&time), "{time:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_quiet_after_a_time_without_calls() {
        let activity = Activity::new();
        let call = activity.call();
        let began = Instant::now();
        let end_of_call = async {
            time::sleep(MINUTE).await;
            drop(call);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = activity.quiet(Duration::from_secs(10)) => {}
            () = end_of_call => unreachable!(),
        }
        assert_eq!(began.elapsed().as_secs(), 70);
    }
}
