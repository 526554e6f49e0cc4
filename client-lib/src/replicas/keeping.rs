//! Keeps one replica connected.

use std::{sync::Arc, time::Duration};

use tokio::time::{self, Instant};

use super::{
    NotConnected, ReplicaId, Shared,
    known::{Connected, Known, Replica, State},
};
use crate::{
    connection::{BoxError, connect},
    retries::random_up_to,
};

/// The longest pause before a replica is tried again for the first time; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// No pause is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A connection that held for so long was none of those that are made in vain.
const STEADY: Duration = Duration::from_secs(10);

/// Connects to a replica, and again when it was lost: after a pause, or at once when a call finds no replica.
pub(super) async fn keep(shared: Arc<Shared>, id: ReplicaId) {
    let (address, endpoint) = id;
    let endpoint = &shared.settings.endpoints[endpoint];
    let set = |state| shared.known.send_modify(|known| known.set(id, state));
    let mut known = shared.known.subscribe();
    let mut n_failed = 0_u32;
    loop {
        let (message, cause): (_, BoxError) =
            match time::timeout(shared.settings.connect_timeout, connect(endpoint, address)).await {
                Ok(Ok(connection)) => {
                    let began = Instant::now();
                    let replica = Arc::new(Replica::new(id, Arc::clone(&shared.room)));
                    set(State::Connected(Connected { replica, sender: connection.sender }));
                    let cause = match connection.end.await {
                        Ok(Err(error)) => error.into(),
                        Ok(Ok(())) => "the replica has ended it".into(),
                        Err(error) => error.into(),
                    };
                    if began.elapsed() >= STEADY {
                        n_failed = 0;
                    }
                    (format!("the connection to {address} was lost"), cause)
                }
                Ok(Err(error)) => (format!("cannot connect to {address}"), error),
                Err(_elapsed) => {
                    let waited = shared.settings.connect_timeout;
                    let cause = format!("nothing was heard from it for {waited:?}");
                    (format!("cannot connect to {address}"), cause.into())
                }
            };
        set(State::Ejected(NotConnected::new(message, cause)));
        // The name may stand for other addresses now.
        shared.look_again.notify_one();
        let pause = random_up_to(LONGEST_PAUSE.min(FIRST_PAUSE * 2_u32.pow(n_failed.min(10))));
        n_failed = n_failed.saturating_add(1);
        tokio::select! {
            () = time::sleep(pause) => set(State::Connecting),
            _ = known.wait_for(|known: &Known| known.is_connecting(id)) => {}
        }
    }
}
