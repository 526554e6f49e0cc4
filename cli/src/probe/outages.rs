//! The spans in which no request succeeded.

use std::time::Duration;

/// From when a request was due that failed to the next answer; nothing where none came any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outage {
    pub(crate) begin: Duration,
    pub(crate) end: Option<Duration>,
}

/// The spans in which no request succeeded, as far as requests can tell: they are known to the interval between two.
/// Times count from the start of the probe, and ends are told in their order.
#[derive(Debug, Default)]
pub(crate) struct Outages {
    spans: Vec<Outage>,
    last_answer: Option<Duration>,
    longest_gap: Duration,
}

impl Outages {
    pub(crate) fn answered(&mut self, at: Duration) {
        self.longest_gap = self.longest_gap.max(at.saturating_sub(self.last_answer.unwrap_or_default()));
        self.last_answer = Some(at);
        if let Some(Outage { end: end @ None, .. }) = self.spans.last_mut() {
            *end = Some(at);
        }
    }

    /// A request failed. Where others were answered since it was due, the service was there, if not for this one.
    pub(crate) fn failed(&mut self, due: Duration) {
        if self.last_answer.is_some_and(|last| last > due) {
            return;
        }
        match self.spans.last_mut() {
            // It waited longer than the one that told of the outage.
            Some(Outage { begin, end: None }) => *begin = (*begin).min(due),
            _ => self.spans.push(Outage { begin: due, end: None }),
        }
    }

    pub(crate) fn spans(&self) -> &[Outage] {
        &self.spans
    }

    /// The sum of the spans; one that has no end goes to `now`.
    pub(crate) fn downtime(&self, now: Duration) -> Duration {
        self.spans.iter().map(|span| span.end.unwrap_or(now).saturating_sub(span.begin)).sum()
    }

    /// The longest time between two answers, from the start to the first, or from the last to `now`.
    pub(crate) fn longest_gap(&self, now: Duration) -> Duration {
        self.longest_gap.max(now.saturating_sub(self.last_answer.unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn downtime_goes_from_the_first_failed_request_to_the_next_answer() {
        let mut outages = Outages::default();
        outages.answered(ms(5));
        for due in [100, 200, 300] {
            outages.failed(ms(due));
        }
        outages.answered(ms(410));
        outages.answered(ms(500));
        assert_eq!(outages.spans(), [Outage { begin: ms(100), end: Some(ms(410)) }]);
        assert_eq!(outages.downtime(ms(600)), ms(310));
        assert_eq!(outages.longest_gap(ms(600)), ms(405));
    }

    #[test]
    fn a_request_that_fails_while_others_are_answered_is_no_downtime() {
        let mut outages = Outages::default();
        outages.answered(ms(101));
        outages.answered(ms(1_001));
        // It was due before these, and timed out.
        outages.failed(ms(100));
        assert_eq!(outages.downtime(ms(2_000)), ms(0));
    }

    #[test]
    fn a_timeout_that_is_told_later_than_a_refusal_began_the_outage_all_the_same() {
        let mut outages = Outages::default();
        outages.answered(ms(50));
        outages.failed(ms(200));
        outages.failed(ms(100));
        assert_eq!(outages.downtime(ms(1_000)), ms(900));
        outages.answered(ms(700));
        outages.failed(ms(800));
        assert_eq!(outages.downtime(ms(1_000)), ms(800));
        assert_eq!(outages.spans().len(), 2);
    }

    #[test]
    fn without_any_answer_all_of_the_time_is_a_gap() {
        let mut outages = Outages::default();
        outages.failed(ms(0));
        assert_eq!(outages.downtime(ms(1_000)), ms(1_000));
        assert_eq!(outages.longest_gap(ms(1_000)), ms(1_000));
    }
}
