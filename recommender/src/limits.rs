//! What bounds the memory and the time that clients can take.

use std::{num::NonZero, time::Duration};

use crate::durations::positive_duration;

/// How many clients and calls are served at a time, and how long a connection lasts.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub struct Limits {
    /// Calls that may wait for a thread; a further one is refused at once with RESOURCE_EXHAUSTED. As many are computed at a
    /// time as there are cores.
    #[arg(long, env = "MAX_QUEUED_CALLS", value_name = "CALLS", default_value = "1024")]
    pub max_queued_calls: NonZero<usize>,

    /// Connections of clients; a further one is closed at once, and those that have been idle for 5 s make room.
    #[arg(long, env = "MAX_CONNECTIONS", value_name = "CONNECTIONS", default_value = "1000")]
    pub max_connections: NonZero<usize>,

    /// The time after which a client is asked to open another connection, so that it finds new replicas; each connection's is
    /// up to a tenth longer or shorter.
    #[arg(long, env = "MAX_CONNECTION_AGE", value_name = "DURATION", default_value = "30m", value_parser = positive_duration)]
    pub max_connection_age: Duration,

    /// The time without a call after which a connection is closed.
    #[arg(long, env = "MAX_CONNECTION_IDLE", value_name = "DURATION", default_value = "15m", value_parser = positive_duration)]
    pub max_connection_idle: Duration,
}

impl Default for Limits {
    /// Those that `--help` names.
    fn default() -> Self {
        Limits {
            max_queued_calls: NonZero::new(1_024).unwrap_or(NonZero::<usize>::MIN),
            max_connections: NonZero::new(1_000).unwrap_or(NonZero::<usize>::MIN),
            max_connection_age: Duration::from_secs(30 * 60),
            max_connection_idle: Duration::from_secs(15 * 60),
        }
    }
}
