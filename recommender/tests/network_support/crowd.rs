//! Clients that ask without a pause, and note what becomes of it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use client_lib::{Client, Error};
use tokio::{task::JoinSet, time::Instant};

use crate::service_support::eventually;

/// Tasks that call `Recommend` one time after the other.
pub(crate) struct Crowd {
    stop: Arc<AtomicBool>,
    answers: Arc<AtomicUsize>,
    tasks: JoinSet<Record>,
}

/// What became of the calls.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) answers: usize,
    pub(crate) errors: Vec<Error>,
    /// The longest that one took, whatever became of it.
    pub(crate) slowest: Duration,
}

impl Crowd {
    /// So many tasks share each of the clients, which are asked for the playlist of `DNA.`.
    pub(crate) fn gather(clients: Vec<Client>, tasks_per_client: usize) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let answers = Arc::<AtomicUsize>::default();
        let mut tasks = JoinSet::new();
        for client in clients {
            for _ in 0..tasks_per_client {
                tasks.spawn(ask(client.clone(), Arc::clone(&stop), Arc::clone(&answers)));
            }
        }
        Crowd { stop, answers, tasks }
    }

    /// Waits until so many more calls were answered.
    pub(crate) async fn more_answers(&self, count: usize) {
        let enough = self.answers.load(Ordering::SeqCst) + count;
        eventually("more answers", || async { self.answers.load(Ordering::SeqCst) >= enough }).await;
    }

    /// Lets them finish the calls that are under way, and go.
    pub(crate) async fn leave(self) -> Record {
        self.stop.store(true, Ordering::SeqCst);
        let mut all = Record::default();
        for record in self.tasks.join_all().await {
            all.answers += record.answers;
            all.errors.extend(record.errors);
            all.slowest = all.slowest.max(record.slowest);
        }
        all
    }
}

async fn ask(client: Client, stop: Arc<AtomicBool>, answers: Arc<AtomicUsize>) -> Record {
    let mut record = Record::default();
    while !stop.load(Ordering::SeqCst) {
        let began = Instant::now();
        match client.recommend(["DNA."]).await {
            Ok(answer) => {
                assert!(answer.songs[0].song.title.starts_with("HUMBLE. "), "a wrong answer: {answer:?}");
                answers.fetch_add(1, Ordering::SeqCst);
                record.answers += 1;
            }
            Err(error) => record.errors.push(error),
        }
        record.slowest = record.slowest.max(began.elapsed());
    }
    record
}
