//! What happens while a probe runs, in words and in JSON.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::{
    output::{clean, local_date},
    probe::replicas::Served,
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
    pub(crate) fn line(&self) -> String {
        let words = match &self.what {
            What::ReplicaSeen { served_by, served } => {
                format!("{} answers, with {}", clean(served_by), in_words(served))
            }
            What::Changed { served_by, before, after } => {
                format!("{} changed from {} to {}", clean(served_by), in_words(before), in_words(after))
            }
            What::ReplicaGone { served_by, last_answer_at } => {
                format!("{} has not answered since {}", clean(served_by), local_date(Some(*last_answer_at)))
            }
            What::EveryReplica { since_seconds, replicas, served, .. } => {
                let all = if *replicas == 1 {
                    "the one replica serves".to_owned()
                } else {
                    format!("all {replicas} replicas serve")
                };
                format!("{all} {}, since +{since_seconds:.3} s", in_words(served))
            }
            What::Failing { code, reason } => format!("fails with {code}: {}", clean(reason)),
            What::Answering { after_seconds, failed_requests } => {
                let requests = match failed_requests {
                    1 => "the request that failed was due".to_owned(),
                    _ => format!("the first of {failed_requests} requests that failed was due"),
                };
                format!("answers again, {after_seconds:.3} s after {requests}")
            }
        };
        format!("+{:.3} s  {words}", self.seconds)
    }
}

/// The service and the model that an answer came from.
pub(crate) fn in_words(served: &Served) -> String {
    format!(
        "API {}, model {} of {}",
        clean(&served.version),
        clean(&served.model_version),
        local_date(served.model_date)
    )
}
