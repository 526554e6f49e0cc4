//! Which replicas there are, what each serves, and since when all serve the same.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, Utc};
use serde::Serialize;

/// What an answer came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Served {
    /// The version of the service.
    pub(crate) version: String,
    pub(crate) model_date: Option<DateTime<Utc>>,
    pub(crate) model_version: String,
}

/// Which replicas there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// Those that are named in answers; one that is not for so long is gone.
    ByAnswers { gone_after: Duration },
    /// So many: one at each address.
    ByAddresses(usize),
}

/// Something else is served than before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) served: Served,
    /// When it was first in an answer, and whose.
    pub(crate) first: Duration,
    pub(crate) first_by: String,
    /// From when on every replica served it; nothing before that is known.
    pub(crate) every: Option<Duration>,
}

/// What an answer told, or that none came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum News {
    /// A replica answered that had not for long, or that had not the last word.
    Seen { served_by: String, served: Served },
    /// A replica serves something else than before.
    Changed { served_by: String, before: Served, after: Served },
    /// A replica has not answered since then.
    Gone { served_by: String, last: Duration },
    /// Since then, every replica serves this.
    Every { since: Duration, served: Served, replicas: usize },
}

#[derive(Debug)]
struct Replica {
    served_by: String,
    served: Served,
    /// Since when it serves this.
    since: Duration,
    last: Duration,
}

/// By the address for one that is expected there, else by its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Address(usize),
    Name(String),
}

/// Follows answers. Times count from the start of the probe and never fall.
#[derive(Debug)]
pub(crate) struct Replicas {
    known: Known,
    /// Whether requests to an address stay with a replica, so that another one's name is news.
    is_sticky: bool,
    present: BTreeMap<Key, Replica>,
    last_served_by: Option<String>,
    /// What was served in the beginning, and what came with each change.
    history: Vec<Served>,
    changes: Vec<Change>,
    /// The first answer that had what the last change brought, since the last that had not.
    only_new_since: Option<Duration>,
}

impl Replicas {
    pub(crate) fn new(known: Known, is_sticky: bool) -> Self {
        Self {
            known,
            is_sticky,
            present: BTreeMap::new(),
            last_served_by: None,
            history: Vec::new(),
            changes: Vec::new(),
            only_new_since: None,
        }
    }

    pub(crate) fn known(&self) -> Known {
        self.known
    }

    pub(crate) fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// The names of those that are there, and what they serve.
    pub(crate) fn present(&self) -> impl Iterator<Item = (&str, &Served)> {
        self.present.values().map(|replica| (replica.served_by.as_str(), &replica.served))
    }

    /// Notes an answer of the address `server`, and tells what is new.
    pub(crate) fn answered(
        &mut self,
        at: Duration,
        server: usize,
        served_by: &str,
        served: &Served,
    ) -> Vec<News> {
        let mut news = self.without_the_gone(at);
        let key = match self.known {
            Known::ByAnswers { .. } => Key::Name(served_by.to_owned()),
            Known::ByAddresses(_) => Key::Address(server),
        };
        let before = self.present.get(&key);
        let is_change = self.is_change(before, served);
        let is_other = match self.known {
            Known::ByAnswers { .. } => {
                self.is_sticky && self.last_served_by.as_deref().is_some_and(|last| last != served_by)
            }
            Known::ByAddresses(_) => before.is_some_and(|replica| replica.served_by != served_by),
        };
        if before.is_none() || is_other {
            news.push(News::Seen { served_by: served_by.to_owned(), served: served.clone() });
        }
        let since = match before {
            Some(replica) if replica.served == *served => replica.since,
            Some(replica) => {
                let before = replica.served.clone();
                news.push(News::Changed { served_by: served_by.to_owned(), before, after: served.clone() });
                at
            }
            None => at,
        };
        let replica = Replica { served_by: served_by.to_owned(), served: served.clone(), since, last: at };
        self.present.insert(key, replica);
        self.last_served_by = Some(served_by.to_owned());

        if is_change {
            self.changes.push(Change {
                served: served.clone(),
                first: at,
                first_by: served_by.to_owned(),
                every: None,
            });
            self.only_new_since = None;
        }
        if is_change || self.history.is_empty() {
            self.history.push(served.clone());
        }
        if self.history.last() == Some(served) {
            self.only_new_since.get_or_insert(at);
        } else {
            self.only_new_since = None;
        }
        news.extend(self.settled());
        news
    }

    /// Notes that time has passed, and tells what is new.
    pub(crate) fn passed(&mut self, now: Duration) -> Vec<News> {
        let mut news = self.without_the_gone(now);
        news.extend(self.settled());
        news
    }

    /// Whether an answer brings something else into service; otherwise it is from a replica that lags behind.
    fn is_change(&self, before: Option<&Replica>, served: &Served) -> bool {
        let place = |served: &Served| self.history.iter().rposition(|known| known == served);
        match (self.history.last(), before) {
            (None, _) => false,
            (Some(latest), _) if latest == served => false,
            (Some(_), None) => self.present.values().all(|replica| replica.served != *served),
            (Some(_), Some(replica)) if replica.served == *served => false,
            // On its way to the latest it may come through what was served in between.
            (Some(_), Some(replica)) => place(served).is_none() || place(served) < place(&replica.served),
        }
    }

    fn without_the_gone(&mut self, now: Duration) -> Vec<News> {
        let Known::ByAnswers { gone_after } = self.known else {
            return Vec::new();
        };
        let mut news = Vec::new();
        self.present.retain(|_, replica| {
            let is_gone = now.saturating_sub(replica.last) > gone_after;
            if is_gone {
                news.push(News::Gone { served_by: replica.served_by.clone(), last: replica.last });
            }
            !is_gone
        });
        news
    }

    /// Whether every replica serves what the last change brought, unless that is known already.
    fn settled(&mut self) -> Option<News> {
        let change = self.changes.last_mut().filter(|change| change.every.is_none())?;
        let n_missing = match self.known {
            Known::ByAnswers { .. } => usize::from(self.present.is_empty()),
            Known::ByAddresses(count) => count - self.present.len(),
        };
        if n_missing > 0 || self.present.values().any(|replica| replica.served != change.served) {
            return None;
        }
        // One that is gone by now may have answered last after all others had changed.
        let since = self.present.values().map(|replica| replica.since).max()?.max(self.only_new_since?);
        change.every = Some(since);
        Some(News::Every { since, served: change.served.clone(), replicas: self.present.len() })
    }
}

#[cfg(test)]
mod tests;
