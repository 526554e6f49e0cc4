use std::{
    thread,
    time::{Duration, Instant},
};

use tokio::sync::mpsc;

/// The least time between two looks at the clock: what is due by then is sent together.
const TICK: Duration = Duration::from_micros(100);

/// A request that is due, and its number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Due {
    pub(crate) number: usize,
    pub(crate) at: Instant,
}

/// Tells when requests are due, at constant intervals.
///
/// It has a thread of its own, for the timers of tokio have milliseconds. It ends when nobody listens any more.
pub(crate) struct Pace {
    due: mpsc::UnboundedReceiver<Due>,
}

impl Pace {
    pub(crate) fn begin(rate: f64) -> Pace {
        let (sender, due) = mpsc::unbounded_channel();
        thread::spawn(move || {
            let begin = Instant::now();
            for number in 0.. {
                let at = begin + Duration::from_secs_f64(number as f64 / rate);
                let wait = at.saturating_duration_since(Instant::now());
                if !wait.is_zero() {
                    thread::sleep(wait.max(TICK));
                }
                if sender.send(Due { number, at }).is_err() {
                    return;
                }
            }
        });
        Pace { due }
    }

    /// Waits for the next requests that are due.
    pub(crate) async fn next(&mut self, into: &mut Vec<Due>) {
        self.due.recv_many(into, 256).await;
    }
}
