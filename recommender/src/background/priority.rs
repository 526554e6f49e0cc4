//! How much of the processors a thread gets beside those that serve. On Linux a priority is one thread's; elsewhere it would be the
//! process's, and is left alone.

use std::time::Duration;

/// What a thread takes for itself before it works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Priority {
    /// That of the thread that begins it.
    Same,
    /// About a tenth of a core that the threads that serve would use whole, and all of it when they leave it.
    Low,
    /// What others leave. A thread that serves and wakes up has its core at once, as if it were free. Without privileges a thread does
    /// not come back from it.
    Idle,
}

/// What a thread had of the processors until now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) ran: Duration,
    /// It could have run and had to wait.
    pub(super) waited: Duration,
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;

    use rustix::process::{getpriority_process, setpriority_process};
    use thread_priority::{
        NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy,
        thread_native_id,
    };

    use super::*;

    /// Added to the niceness of the thread that begins it.
    pub(super) const NICENESS: i32 = 10;

    // Without a priority the work is done as well, only less politely.
    impl Priority {
        /// Takes it for the thread that runs.
        pub(crate) fn take(self) {
            match self {
                Priority::Same => {}
                Priority::Low => {
                    let priority = getpriority_process(None).unwrap_or(0) + NICENESS;
                    let _ = setpriority_process(None, priority.min(19));
                }
                Priority::Idle => {
                    let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
                    let _ = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, policy);
                }
            }
        }
    }

    /// Names the thread that runs.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct ThreadId(i32);

    impl ThreadId {
        pub(crate) fn current() -> Self {
            ThreadId(rustix::thread::gettid().as_raw_nonzero().get())
        }

        /// Nothing once it has ended, and where the kernel does not count.
        pub(crate) fn times(self) -> Option<Times> {
            // Nanoseconds on a processor, nanoseconds in a queue for one; see proc_pid_schedstat in the kernel's sched-stats.rst.
            let text = fs::read_to_string(format!("/proc/self/task/{}/schedstat", self.0)).ok()?;
            let mut fields =
                text.split_ascii_whitespace().map(|field| field.parse().map(Duration::from_nanos));
            Some(Times { ran: fields.next()?.ok()?, waited: fields.next()?.ok()? })
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use super::*;

    impl Priority {
        pub(crate) fn take(self) {}
    }

    #[derive(Clone, Copy, Debug)]
    pub(crate) struct ThreadId;

    impl ThreadId {
        pub(crate) fn current() -> Self {
            ThreadId
        }

        pub(crate) fn times(self) -> Option<Times> {
            None
        }
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) use elsewhere::ThreadId;
#[cfg(target_os = "linux")]
pub(super) use linux::ThreadId;

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::thread;

    use rustix::process::getpriority_process;
    use thread_priority::{NormalThreadSchedulePolicy, ThreadSchedulePolicy, thread_schedule_policy};

    use super::*;

    #[test]
    fn a_priority_is_lower_than_the_one_before_and_only_the_threads_own() {
        let ours = getpriority_process(None).unwrap();
        let low = thread::spawn(|| {
            Priority::Low.take();
            getpriority_process(None).unwrap()
        });
        assert_eq!(low.join().unwrap(), (ours + linux::NICENESS).min(19));
        let idle = thread::spawn(|| {
            Priority::Idle.take();
            thread_schedule_policy().unwrap()
        });
        assert_eq!(idle.join().unwrap(), ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle));
        assert_eq!(getpriority_process(None).unwrap(), ours);
        assert_eq!(
            thread_schedule_policy().unwrap(),
            ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Other)
        );
    }
}
