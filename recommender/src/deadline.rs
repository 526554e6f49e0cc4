//! Until when an answer is of use.

use std::time::{Duration, Instant};

use http::HeaderMap;
use tonic::Status;

/// The longest time until a call is answered, which also bounds how slowly its request may be sent. A stream may go on for
/// as long as it likes once it has begun.
const MAX_TIME_TO_ANSWER: Duration = Duration::from_secs(30);

/// When nobody waits for the answer to a call any more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    at: Instant,
    time_given: Duration,
}

impl Deadline {
    /// That of a call which begins now: the time that its client gives it in `grpc-timeout`, at most 30 s.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let time_given = grpc_timeout(headers).unwrap_or(Duration::MAX).min(MAX_TIME_TO_ANSWER);
        Deadline { at: Instant::now() + time_given, time_given }
    }

    /// That of a request, which was noted when its call began.
    pub(crate) fn of_request<B>(request: &http::Request<B>) -> Self {
        let noted = request.extensions().get::<Deadline>().copied();
        noted.unwrap_or_else(|| Deadline::of(request.headers()))
    }

    /// The time that is left, perhaps none.
    pub(crate) fn time_left(&self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }

    /// Ends work that nobody waits for.
    ///
    /// # Errors
    ///
    /// DEADLINE_EXCEEDED after the deadline.
    pub(crate) fn check(&self) -> Result<(), Status> {
        if Instant::now() < self.at { Ok(()) } else { Err(self.exceeded()) }
    }

    /// What a call gets that was not answered in time.
    pub(crate) fn exceeded(&self) -> Status {
        Status::deadline_exceeded(format!(
            "the call was not answered within {} ms",
            self.time_given.as_millis()
        ))
    }
}

/// The time that the client gives the call: at most 8 digits and a unit. What is not of that form is ignored, as a client
/// that means it ends the call by itself.
fn grpc_timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if number.len() > 8 || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = number.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(number * 60 * 60)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(timeout: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(
            http::HeaderName::from_static("grpc-timeout"),
            http::HeaderValue::from_static(timeout),
        )])
    }

    #[test]
    fn the_timeout_of_a_call_has_at_most_eight_digits_and_a_unit() {
        assert_eq!(grpc_timeout(&headers("100m")), Some(Duration::from_millis(100)));
        assert_eq!(grpc_timeout(&headers("99999999H")), Some(Duration::from_secs(99_999_999 * 3600)));
        assert_eq!(grpc_timeout(&headers("5u")), Some(Duration::from_micros(5)));
        for wrong in ["", "S", "5", "5s", "+5S", "-5S", "123456789S", "5 S"] {
            assert_eq!(grpc_timeout(&headers(wrong)), None, "{wrong:?}");
        }
    }

    #[test]
    fn an_expired_call_is_not_worked_on() {
        let expired = Deadline::of(&headers("0n"));
        assert_eq!(expired.check().unwrap_err().code(), tonic::Code::DeadlineExceeded);
        assert_eq!(expired.time_left(), Duration::ZERO);
        assert!(Deadline::of(&headers("1H")).check().is_ok());
    }

    #[test]
    fn no_call_is_waited_for_longer_than_half_a_minute() {
        for headers in [HeaderMap::new(), headers("99999999H"), headers("nonsense")] {
            assert!(Deadline::of(&headers).time_left() <= MAX_TIME_TO_ANSWER);
        }
    }
}
