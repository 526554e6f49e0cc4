//! Work that takes long and must not hold up those who serve.

mod priority;

use std::{future::Future, io, panic, pin::pin, sync::Arc, thread, time::Duration};

use tokio::{sync::oneshot, time};

pub(crate) use self::priority::Priority;
use self::priority::{ThreadId, Times};

/// How often it is looked at whether work gets on.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// Why some work has no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BackgroundError {
    #[error("no thread could be started")]
    Spawn(#[from] io::Error),
    #[error("the thread panicked")]
    Panicked,
}

/// Runs `work` on a thread of its own. It goes on if nobody waits for it any more, and does not hold up the end of the process.
pub(crate) async fn run<T: Send + 'static>(
    priority: Priority,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, BackgroundError> {
    start(priority, work)?.await.map_err(|_| BackgroundError::Panicked)
}

/// Runs work that wants seconds of a processor with what others leave, as long as they leave enough.
#[derive(Debug)]
pub(crate) struct WhenIdle {
    /// How long work may wait for a processor, in all, before it is looked at as starved.
    patience: Duration,
    /// The thread has another one, so it is known here whether one goes on that was left behind.
    alive: Arc<()>,
}

impl WhenIdle {
    pub(crate) fn new(patience: Duration) -> Self {
        WhenIdle { patience, alive: Arc::default() }
    }

    /// Runs `work` as [`run`] does, and disturbs even less. On a host whose processors are never free it would never end so: when it
    /// is starved, it begins again on another thread with a low priority, and what the first one comes to is thrown away.
    ///
    /// As long as one is left behind, all work begins with a low priority, so there is never more than one.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl Fn() -> T + Send + Sync + 'static,
    ) -> Result<T, BackgroundError> {
        let work = Arc::new(work);
        if Arc::strong_count(&self.alive) == 1 {
            let (sender, thread) = oneshot::channel();
            let alive = Arc::clone(&self.alive);
            let first = start(Priority::Idle, {
                let work = Arc::clone(&work);
                move || {
                    let _alive = alive;
                    let _ = sender.send(ThreadId::current());
                    work()
                }
            })?;
            tokio::select! {
                result = first => return result.map_err(|_| BackgroundError::Panicked),
                () = starved(thread, self.patience) => {}
            }
            tracing::info!("no processor is free for a model that is loaded; taking a share for it");
        }
        run(Priority::Low, move || work()).await
    }
}

/// Ready once the thread has waited for a processor longer than `patience`, and most of the time.
async fn starved(
    thread: impl Future<Output = Result<ThreadId, oneshot::error::RecvError>>,
    patience: Duration,
) {
    /// It got less than a fifth of what it could have used.
    fn is_starved(times: Times, patience: Duration) -> bool {
        times.waited > patience && times.waited > times.ran * 4
    }
    let mut thread = pin!(thread);
    // A thread that has not even begun is starved as well.
    let thread = match time::timeout(patience, &mut thread).await {
        Ok(Ok(thread)) => thread,
        // Its result tells why.
        Ok(Err(_)) => std::future::pending().await,
        Err(_) => return,
    };
    while !thread.times().is_some_and(|times| is_starved(times, patience)) {
        time::sleep(LOOK_INTERVAL).await;
    }
}

/// Starts a thread and returns where its result will be.
fn start<T: Send + 'static>(
    priority: Priority,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<oneshot::Receiver<T>> {
    let (sender, result) = oneshot::channel();
    thread::Builder::new().name("background".to_owned()).spawn(move || {
        priority.take();
        // The panic itself goes to standard error; to whom waits, it shows as the end of the channel.
        if let Ok(value) = panic::catch_unwind(panic::AssertUnwindSafe(work)) {
            // Nobody may wait any more.
            let _ = sender.send(value);
        }
    })?;
    Ok(result)
}

#[cfg(test)]
mod tests {
    use std::{
        hint,
        sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    };

    use super::*;

    #[tokio::test]
    async fn work_has_its_result_or_tells_that_it_panicked() {
        let when_idle = WhenIdle::new(Duration::from_secs(60));
        assert_eq!(run(Priority::Low, || 7).await.ok(), Some(7));
        assert_eq!(when_idle.run(|| 7).await.ok(), Some(7));
        let panicked = run(Priority::Low, || -> u8 { panic!("out of cheese") }).await;
        assert!(matches!(panicked, Err(BackgroundError::Panicked)));
        let panicked = when_idle.run(|| -> u8 { panic!("out of cheese") }).await;
        assert!(matches!(panicked, Err(BackgroundError::Panicked)));
    }

    #[cfg(target_os = "linux")]
    #[tokio::test(flavor = "multi_thread")]
    async fn work_that_no_processor_is_free_for_begins_again_with_a_share_of_its_own() {
        const LATER: usize = 3;
        let when_idle = WhenIdle::new(Duration::from_millis(200));
        let over = Arc::new(AtomicBool::new(false));
        let busy: Vec<_> = (0..2 * thread::available_parallelism().map_or(1, usize::from))
            .map(|_| {
                let over = Arc::clone(&over);
                thread::spawn(move || {
                    while !over.load(Ordering::Relaxed) {
                        hint::spin_loop();
                    }
                })
            })
            .collect();

        let begun = Arc::new(AtomicUsize::new(0));
        for run in 1..=LATER {
            let (begun, over) = (Arc::clone(&begun), Arc::clone(&over));
            let result = when_idle.run(move || {
                // Only the first one never comes to its end while the host is busy.
                let is_first = begun.fetch_add(1, Ordering::Relaxed) == 0;
                while is_first && !over.load(Ordering::Relaxed) {
                    hint::spin_loop();
                }
                run
            });
            assert_eq!(time::timeout(Duration::from_secs(60), result).await.unwrap().ok(), Some(run));
        }
        assert_eq!(begun.load(Ordering::Relaxed), LATER + 1, "only one is left behind");

        over.store(true, Ordering::Relaxed);
        for thread in busy {
            thread.join().unwrap();
        }
    }
}
