//! Looks up the addresses of the endpoints, again and again.

use std::{collections::HashMap, io, net::SocketAddr, sync::Arc, time::Duration};

use futures_util::future::join_all;
use tokio::{
    task::JoinSet,
    time::{self, Instant},
};

use super::{NotConnected, ReplicaId, Shared, keeping::keep, known::Known};
use crate::connection::Endpoint;

/// How often the resolver is asked at most, however many connections fail.
const LEAST_INTERVAL: Duration = Duration::from_secs(1);

/// Keeps all replicas connected that there are. Ends by being aborted, and all connections with it.
pub(super) async fn look(shared: Arc<Shared>) {
    let settings = &shared.settings;
    let mut keepers = JoinSet::new();
    let mut kept = HashMap::new();
    // What an endpoint was last found to stand for: a resolver that fails changes nothing.
    let mut found: Vec<Vec<SocketAddr>> = vec![Vec::new(); settings.endpoints.len()];
    let mut wanted = shared.known.subscribe();
    loop {
        let began = Instant::now();
        let mut failure = None;
        let answers = join_all(settings.endpoints.iter().map(|endpoint| resolve(&shared, endpoint))).await;
        for ((answer, found), endpoint) in answers.into_iter().zip(&mut found).zip(&settings.endpoints) {
            match answer {
                Ok(addresses) => *found = addresses,
                Err(error) => {
                    let message = format!("no address is known for `{}`", endpoint.host);
                    failure = failure.or(Some(NotConnected::new(message, error.into())));
                }
            }
        }

        let mut ids: Vec<ReplicaId> = Vec::new();
        for (endpoint, addresses) in found.iter().enumerate() {
            // An address that two URLs share is one replica.
            ids.extend(addresses.iter().map(|address| (*address, endpoint)));
        }
        ids.sort_unstable();
        ids.dedup_by_key(|(address, _)| *address);
        shared.known.send_modify(|known| match failure {
            Some(failure) if ids.is_empty() => known.set_unresolved(failure),
            _ => known.set_ids(&ids),
        });
        // Calls that are under way on those that have gone may still end: their connections do so with them.
        kept.retain(|id, keeper: &mut tokio::task::AbortHandle| {
            let is_there = ids.contains(id);
            if !is_there {
                keeper.abort();
            }
            is_there
        });
        while keepers.try_join_next().is_some() {}
        for id in ids {
            kept.entry(id).or_insert_with(|| keepers.spawn(keep(Arc::clone(&shared), id)));
        }

        let must_look = async {
            if shared.known.borrow().is_empty() {
                let _ = wanted.wait_for(Known::is_unresolved).await;
            } else {
                shared.look_again.notified().await;
                time::sleep_until(began + LEAST_INTERVAL).await;
            }
        };
        tokio::select! {
            () = time::sleep(settings.resolve_interval) => {}
            () = must_look => {}
        }
    }
}

/// The addresses of an endpoint, at least one.
async fn resolve(shared: &Shared, endpoint: &Endpoint) -> io::Result<Vec<SocketAddr>> {
    let Endpoint { host, port, .. } = endpoint;
    let limit = shared.settings.connect_timeout;
    let addresses = match time::timeout(limit, (shared.settings.resolver)(host.clone(), *port)).await {
        Ok(answer) => answer?,
        Err(_elapsed) => {
            let message = format!("the name service did not answer within {limit:?}");
            return Err(io::Error::new(io::ErrorKind::TimedOut, message));
        }
    };
    match addresses.is_empty() {
        true => Err(io::Error::new(io::ErrorKind::NotFound, "the name stands for no address")),
        false => Ok(addresses),
    }
}
