//! What happens while a probe runs, in words and in JSON.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::{
    output::{clean, local_date},
    probe::replicas::Served,
    texts::Lang,
};

/// Something that is told when it happens.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Event {
    pub(crate) at: DateTime<Utc>,
    /// From the start of the probe.
    pub(crate) seconds: f64,
    #[serde(flatten)]
    pub(crate) what: What,
}

/// What it is.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum What {
    /// A replica answered that had not for long, or that had not answered before.
    ReplicaSeen {
        served_by: String,
        #[serde(flatten)]
        served: Served,
    },
    /// A replica serves something else than before.
    Changed { served_by: String, before: Served, after: Served },
    /// A replica has not answered for long.
    ReplicaGone { served_by: String, last_answer_at: DateTime<Utc> },
    /// Every replica serves what the last change brought.
    EveryReplica {
        since: DateTime<Utc>,
        /// From the start of the probe.
        since_seconds: f64,
        replicas: usize,
        #[serde(flatten)]
        served: Served,
    },
    /// A request failed, and the one that ended before was answered.
    Failing { code: String, reason: String },
    /// A request was answered, and the one that ended before failed.
    Answering { after_seconds: f64, failed_requests: usize },
}

impl Event {
    pub(crate) fn line(&self, lang: Lang) -> String {
        let words = match &self.what {
            What::ReplicaSeen { served_by, served } => {
                lang.replica_seen(&clean(served_by), &in_words(served, lang))
            }
            What::Changed { served_by, before, after } => {
                lang.replica_changed(&clean(served_by), &in_words(before, lang), &in_words(after, lang))
            }
            What::ReplicaGone { served_by, last_answer_at } => {
                lang.replica_gone(&clean(served_by), &local_date(Some(*last_answer_at)))
            }
            What::EveryReplica { since_seconds, replicas, served, .. } => {
                let (served, seconds) = (in_words(served, lang), lang.decimal(*since_seconds, 3));
                match replicas {
                    1 => lang.only_replica_serves(&served, &seconds),
                    _ => lang.every_replica_serves(*replicas, &served, &seconds),
                }
            }
            What::Failing { code, reason } => lang.failing(code, &clean(reason)),
            What::Answering { after_seconds, failed_requests } => {
                let seconds = lang.decimal(*after_seconds, 3);
                match failed_requests {
                    1 => lang.answering_after_one(&seconds),
                    _ => lang.answering_after_many(&seconds, *failed_requests),
                }
            }
        };
        format!("+{} s  {words}", lang.decimal(self.seconds, 3))
    }
}

/// The service and the model that an answer came from.
pub(crate) fn in_words(served: &Served, lang: Lang) -> String {
    lang.served_in_words(
        &clean(&served.version),
        &clean(&served.model_version),
        &local_date(served.model_date),
    )
}
