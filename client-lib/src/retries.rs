//! Whether a call that failed goes out again, and when.

use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
    time::Duration,
};

use crate::{error::Error, replicas::MAX_CALLS};

/// How often a call goes out at most when nothing else is set: the pauses between add up to 0.4 s on average.
pub(crate) const DEFAULT_MAX_ATTEMPTS: u32 = 5;

/// The longest pause before the first retry; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// No pause that the service does not ask for is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What the budget counts in.
const PARTS: u32 = 10;
/// The retries that can be taken at once: as many calls as are under way on a connection at most, so that those that are lost with
/// one all go out again.
const BURST: u32 = MAX_CALLS * PARTS;

/// A call that failed, as far as its repetition goes.
pub(crate) struct Failure {
    pub(crate) error: Error,
    /// Whether the service surely has not seen the call, though there was a connection.
    pub(crate) is_unseen: bool,
    /// Whether another replica may be able to answer it now.
    pub(crate) has_other_replica: bool,
}

/// What one call has tried so far.
#[derive(Default)]
pub(crate) struct Attempts {
    failed: u32,
    /// Those of them that may have reached the service, or found nobody.
    counted: u32,
}

/// The retries of a client: how many there may be for one call, and for all calls together.
///
/// Each retry of a call that the service may have worked on costs 1, each answer adds a tenth. So retries do not
/// multiply the load of a service that fails because it has too much; see gRPC's proposal A6, "Throttling Retry
/// Attempts and Hedged RPCs".
pub(crate) struct Retries {
    max_attempts: u32,
    /// In tenths of a retry.
    budget: AtomicU32,
    /// The retries so far.
    taken: AtomicU64,
}

impl Retries {
    pub(crate) fn new(max_attempts: u32) -> Self {
        Self { max_attempts, budget: AtomicU32::new(BURST), taken: AtomicU64::new(0) }
    }

    /// Notes that a call was answered.
    pub(crate) fn answered(&self) {
        // Mostly it is full, and then calls on other threads need not wait for each other here.
        if self.budget.load(Ordering::Relaxed) < BURST {
            let add = |budget: u32| (budget < BURST).then(|| budget + 1);
            let _ = self.budget.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        }
    }

    /// The pause after which the call that failed goes out again, nothing if it shall not: the failure is final,
    /// the attempts or the budget are used up, or the pause would last longer than `left`.
    pub(crate) fn pause(
        &self,
        attempts: &mut Attempts,
        failure: &Failure,
        left: Duration,
    ) -> Option<Duration> {
        let is_first = attempts.failed == 0;
        let backoff = LONGEST_PAUSE.min(FIRST_PAUSE * 2_u32.pow(attempts.failed.min(10)));
        attempts.failed = attempts.failed.saturating_add(1);
        let pause = if failure.is_unseen {
            // The next connection is expected to take it.
            if is_first { Duration::ZERO } else { random_up_to(backoff) }
        } else {
            attempts.counted += 1;
            match &failure.error {
                Error::Connect { .. } | Error::Unavailable { retry_after: None, .. } => random_up_to(backoff),
                // What one replica tells of itself does not bind the others.
                Error::NotReady { .. } | Error::Unavailable { .. } if failure.has_other_replica => {
                    random_up_to(backoff)
                }
                Error::NotReady { retry_after: Some(told), .. }
                | Error::Overloaded { retry_after: Some(told), .. }
                | Error::Unavailable { retry_after: Some(told), .. } => {
                    *told + random_up_to(backoff.max(*told / 2))
                }
                _ => return None,
            }
        };
        if attempts.counted >= self.max_attempts || pause >= left {
            return None;
        }
        let costs_the_service = !failure.is_unseen && !matches!(failure.error, Error::Connect { .. });
        if costs_the_service && !self.spend() {
            return None;
        }
        self.taken.fetch_add(1, Ordering::Relaxed);
        Some(pause)
    }

    /// How many times calls went out again so far.
    pub(crate) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// Takes a retry from the budget, if it has one.
    fn spend(&self) -> bool {
        let take = |budget: u32| budget.checked_sub(PARTS);
        self.budget.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }
}

/// Full jitter: clients that failed together do not come back together.
pub(crate) fn random_up_to(longest: Duration) -> Duration {
    longest.mul_f64(fastrand::f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    const AN_HOUR: Duration = Duration::from_secs(3600);

    fn unseen() -> Failure {
        Failure { error: lost().error, is_unseen: true, has_other_replica: false }
    }

    fn lost() -> Failure {
        let error = Error::Unavailable {
            url: String::new(),
            message: String::new(),
            retry_after: None,
            source: Some("reset".into()),
        };
        Failure { error, is_unseen: false, has_other_replica: false }
    }

    fn refused() -> Failure {
        let error = Error::Connect { url: String::new(), source: "refused".into() };
        Failure { error, is_unseen: false, has_other_replica: false }
    }

    fn overloaded(retry_after: Option<Duration>) -> Failure {
        let error = Error::Overloaded { url: String::new(), message: String::new(), retry_after };
        Failure { error, is_unseen: false, has_other_replica: false }
    }

    #[test]
    fn pauses_double_up_to_a_second_and_are_random() {
        let retries = Retries::new(u32::MAX);
        for limits in [[50, 100, 200, 400, 800, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000]; 100] {
            let mut attempts = Attempts::default();
            for limit in limits {
                let pause = retries.pause(&mut attempts, &refused(), AN_HOUR).unwrap();
                assert!(pause <= Duration::from_millis(limit), "{pause:?}");
            }
        }
        let pauses: Vec<_> =
            (0..100).map(|_| retries.pause(&mut Attempts::default(), &refused(), AN_HOUR).unwrap()).collect();
        assert!(pauses.iter().any(|pause| *pause < FIRST_PAUSE / 2));
        assert!(pauses.iter().any(|pause| *pause > FIRST_PAUSE / 2));
    }

    #[test]
    fn a_pause_that_the_service_asks_for_is_kept_and_spread() {
        let retries = Retries::new(5);
        let told = Duration::from_secs(10);
        for _ in 0..100 {
            let failure = overloaded(Some(told));
            let pause = retries.pause(&mut Attempts::default(), &failure, AN_HOUR).unwrap();
            assert!((told..=told * 3 / 2).contains(&pause), "{pause:?}");
            assert_eq!(
                retries.pause(&mut Attempts::default(), &failure, told),
                None,
                "there is no time for it"
            );
        }
    }

    #[test]
    fn what_one_replica_asks_for_does_not_bind_the_others() {
        let told = Some(Duration::from_secs(10));
        let not_ready = |has_other_replica| Failure {
            error: Error::NotReady { url: String::new(), message: String::new(), retry_after: told },
            is_unseen: false,
            has_other_replica,
        };
        let pause = |failure| Retries::new(5).pause(&mut Attempts::default(), &failure, AN_HOUR);
        assert!(pause(not_ready(false)) >= told);
        assert!(pause(not_ready(true)).unwrap() <= FIRST_PAUSE);
        // Overload is not shifted to the others.
        let overloaded = Failure { has_other_replica: true, ..overloaded(told) };
        assert!(pause(overloaded) >= told);
    }

    #[test]
    fn an_overloaded_service_that_does_not_ask_for_it_is_left_alone() {
        assert_eq!(Retries::new(5).pause(&mut Attempts::default(), &overloaded(None), AN_HOUR), None);
    }

    #[test]
    fn a_call_goes_out_so_many_times_and_what_was_never_seen_does_not_count() {
        let retries = Retries::new(3);
        let mut attempts = Attempts::default();
        assert_eq!(retries.pause(&mut attempts, &unseen(), AN_HOUR), Some(Duration::ZERO));
        for _ in 0..10 {
            assert!(retries.pause(&mut attempts, &unseen(), AN_HOUR).is_some());
        }
        assert!(retries.pause(&mut attempts, &lost(), AN_HOUR).is_some());
        assert!(retries.pause(&mut attempts, &refused(), AN_HOUR).is_some());
        assert!(retries.pause(&mut attempts, &lost(), AN_HOUR).is_none());
        assert!(Retries::new(1).pause(&mut Attempts::default(), &lost(), AN_HOUR).is_none());
    }

    #[test]
    fn retries_are_at_most_a_thousand_and_a_tenth_of_the_answers() {
        let retries = Retries::new(5);
        let again = |failure: &Failure| retries.pause(&mut Attempts::default(), failure, AN_HOUR).is_some();
        let taken = |failure: &Failure| (0..2_000).filter(|_| again(failure)).count();
        assert_eq!(taken(&lost()), 1_000);
        assert_eq!(taken(&overloaded(Some(Duration::ZERO))), 0);
        // These cost the service nothing.
        assert_eq!(taken(&unseen()), 2_000);
        assert_eq!(taken(&refused()), 2_000);

        (0..99).for_each(|_| retries.answered());
        assert_eq!(taken(&lost()), 9);
        (0..1_000_000).for_each(|_| retries.answered());
        assert_eq!(taken(&lost()), 1_000);
        assert_eq!(retries.taken(), 1_000 + 2_000 + 2_000 + 9 + 1_000);
    }
}
