//! Work that takes long and must not hold up those who serve.

use std::{io, panic, thread};

use tokio::sync::oneshot;

/// Added to the niceness of such work: it gets about a tenth of a core that the threads that serve would use whole, and all of it when
/// they leave it.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// Why some work has no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BackgroundError {
    #[error("no thread could be started")]
    Spawn(#[from] io::Error),
    #[error("the thread panicked")]
    Panicked,
}

/// Runs `work` on a thread of its own with a low priority. It goes on if nobody waits for it any more, and does not hold up the end of the
/// process.
pub(crate) async fn run<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, BackgroundError> {
    let (sender, result) = oneshot::channel();
    thread::Builder::new().name("background".to_owned()).spawn(move || {
        lower_priority();
        // The panic itself goes to standard error; to whom waits, it shows as the end of the channel.
        if let Ok(value) = panic::catch_unwind(panic::AssertUnwindSafe(work)) {
            // Nobody may wait any more.
            let _ = sender.send(value);
        }
    })?;
    result.await.map_err(|_| BackgroundError::Panicked)
}

/// On Linux a priority is one thread's, elsewhere it is the process's.
#[cfg(target_os = "linux")]
fn lower_priority() {
    use rustix::process::{getpriority_process, setpriority_process};
    let priority = getpriority_process(None).unwrap_or(0) + NICENESS;
    // Without it the work is done as well, only less politely.
    let _ = setpriority_process(None, priority.min(19));
}

#[cfg(not(target_os = "linux"))]
fn lower_priority() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_has_its_result_or_tells_that_it_panicked() {
        assert_eq!(run(|| 7).await.ok(), Some(7));
        let panicked = run(|| -> u8 { panic!("out of cheese") }).await;
        assert!(matches!(panicked, Err(BackgroundError::Panicked)));
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn work_has_a_lower_priority_than_who_waits_for_it() {
        use rustix::process::getpriority_process;
        let ours = getpriority_process(None).unwrap();
        let of_work = run(|| getpriority_process(None).unwrap()).await.unwrap();
        assert_eq!(of_work, (ours + NICENESS).min(19));
        assert_eq!(getpriority_process(None).unwrap(), ours);
    }
}
