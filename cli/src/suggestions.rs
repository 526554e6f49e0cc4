//! Songs that may be meant by what is being typed. Whoever types waits for none of them: the service is asked beside, for one text
//! at a time and the latest, and what it said is remembered.

use std::{
    collections::HashMap,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use client_lib::{Client, SearchSongsRequest, Song};
use tokio::{sync::watch, time};

/// What a person does not notice that types.
const UNNOTICED: Duration = Duration::from_millis(25);
/// The longest time that an answer is waited for: typing must go on when the service does not answer.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(700);
/// The pause before a service that did not answer is asked again.
const PAUSE: Duration = Duration::from_secs(1);
/// The most songs that are asked for.
const MOST_SONGS: u32 = 10;
/// The texts that are remembered.
const MOST_TEXTS: usize = 1_000;
/// The longest text that the service is asked for, in bytes: nobody types more of a song.
const LONGEST_TEXT: usize = 200;

/// Songs by what was typed.
#[derive(Clone)]
pub(crate) struct Suggestions {
    typed: watch::Sender<String>,
    known: Arc<Known>,
}

#[derive(Default)]
struct Known {
    answers: Mutex<Answers>,
    has_changed: Condvar,
}

#[derive(Default)]
struct Answers {
    /// The model that they are from.
    model_version: String,
    by_text: HashMap<String, Arc<[Song]>>,
    /// The last answer took longer than a person notices, or there was none.
    is_slow: bool,
    n_failed: u64,
}

impl Suggestions {
    /// Asks `client` until it is dropped, on the runtime that this is called on. `on_late` is called when songs are known that
    /// nobody has waited for, and that belong to what was typed last.
    pub(crate) fn new(client: Client, on_late: impl Fn() + Send + 'static) -> Self {
        let (typed, to_ask) = watch::channel(String::new());
        let known = Arc::new(Known::default());
        tokio::spawn(ask(client, to_ask, Arc::clone(&known), on_late));
        Self { typed, known }
    }

    /// The songs for `typed`, as far as they are known.
    pub(crate) fn known(&self, typed: &str) -> Option<Arc<[Song]>> {
        self.known.lock().by_text.get(typed).cloned()
    }

    /// The songs for `typed` shall be known later.
    pub(crate) fn ask(&self, typed: &str) {
        let _ = self.within(Duration::ZERO, typed);
    }

    /// The songs for `typed`, if they are known within a time that nobody notices; otherwise they will be known later.
    pub(crate) fn soon(&self, typed: &str) -> Option<Arc<[Song]>> {
        let patience = if self.known.lock().is_slow { Duration::ZERO } else { UNNOTICED };
        self.within(patience, typed)
    }

    /// The songs for `typed`, waited for as long as the service may take.
    pub(crate) fn in_time(&self, typed: &str) -> Option<Arc<[Song]>> {
        self.within(ANSWER_TIMEOUT, typed)
    }

    /// Must not be called on the runtime's own thread.
    fn within(&self, patience: Duration, typed: &str) -> Option<Arc<[Song]>> {
        if typed.is_empty() || typed.len() > LONGEST_TEXT || typed.contains(char::is_control) {
            return None;
        }
        let mut answers = self.known.lock();
        let n_failed = answers.n_failed;
        if !answers.by_text.contains_key(typed) {
            self.typed.send_replace(typed.to_owned());
        }
        let until = Instant::now() + patience;
        loop {
            if let Some(songs) = answers.by_text.get(typed) {
                return Some(Arc::clone(songs));
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || answers.n_failed != n_failed {
                return None;
            }
            answers =
                self.known.has_changed.wait_timeout(answers, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Known {
    fn lock(&self) -> MutexGuard<'_, Answers> {
        // What is in it is whole after every statement.
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks for what is typed, until nobody types any more. While one answer is awaited, only the latest of what is typed meanwhile is kept.
async fn ask(
    client: Client,
    mut typed: watch::Receiver<String>,
    known: Arc<Known>,
    on_late: impl Fn() + Send + 'static,
) {
    while typed.changed().await.is_ok() {
        let text = typed.borrow_and_update().clone();
        let asked_at = Instant::now();
        let request = SearchSongsRequest::new(&text).page_size(MOST_SONGS);
        let answer = time::timeout(ANSWER_TIMEOUT, client.search_songs(request)).await;
        let is_slow = asked_at.elapsed() > UNNOTICED;
        let Ok(Ok(answer)) = answer else {
            {
                let mut answers = known.lock();
                answers.is_slow = true;
                answers.n_failed += 1;
            }
            known.has_changed.notify_all();
            time::sleep(PAUSE).await;
            continue;
        };
        let is_late = is_slow && !answer.songs.is_empty() && *typed.borrow() == text;
        {
            let mut answers = known.lock();
            if answers.model_version != answer.model_version || answers.by_text.len() >= MOST_TEXTS {
                answers.by_text.clear();
                answers.model_version = answer.model_version;
            }
            answers.is_slow = is_slow;
            answers.by_text.insert(text, answer.songs.into());
        }
        known.has_changed.notify_all();
        if is_late {
            on_late();
        }
    }
}
