//! What happens to the service while somebody types: another model comes, nobody answers, somebody answers again.

use std::{sync::Arc, time::Duration};

use client_lib::{Client, Error, WatchModelResponse};
use tokio::{
    sync::Notify,
    task::JoinHandle,
    time::{self, Instant},
};

use crate::{
    notices::Notices,
    output::{clean, local_date},
};

/// How long nobody may answer until that is told: a replica that stops is replaced sooner.
const UNTOLD: Duration = Duration::from_secs(2);
/// The pause before the service is asked again.
const PAUSE: Duration = Duration::from_millis(500);

/// A watch that ends when it is dropped.
pub(crate) struct Watching(JoinHandle<()>);

impl Watching {
    /// `known` is the model in service, if the service has answered so far; it may have no name.
    pub(crate) fn begin(client: &Client, notices: &Notices, known: Option<String>) -> Self {
        let watcher = Watcher {
            client: client.clone(),
            notices: notices.clone(),
            is_away: known.is_none(),
            version: known.filter(|version| !version.is_empty()),
        };
        Self(tokio::spawn(watcher.watch()))
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Watcher {
    client: Client,
    notices: Notices,
    /// The model that was told last.
    version: Option<String>,
    /// It was told that nobody answers.
    is_away: bool,
}

impl Watcher {
    /// Watches until the service says that it cannot be watched.
    async fn watch(mut self) {
        let Some(models) = self.answer(async |client| client.watch_model().await).await else { return };
        let interrupted = Arc::new(Notify::new());
        let mut models = models.on_interruption({
            let interrupted = Arc::clone(&interrupted);
            move |_| interrupted.notify_one()
        });
        loop {
            tokio::select! {
                model = models.next() => match model {
                    Some(Ok(model)) => self.meet(model),
                    Some(Err(_)) | None => return,
                },
                // The watch goes on by itself, and does not tell when there is no other model.
                () = interrupted.notified() => {
                    if self.answer(async |client| client.model_info().await).await.is_none() {
                        return;
                    }
                }
            }
        }
    }

    fn meet(&mut self, model: WatchModelResponse) {
        if model.model_version.is_empty() || self.version.as_ref() == Some(&model.model_version) {
            return;
        }
        // The first model that is met is no change.
        if self.version.is_some() {
            let (version, date) = (clean(&model.model_version), local_date(model.model_date));
            self.tell(|lang, _| lang.model_changed(&version, &date));
        }
        self.version = Some(model.model_version);
    }

    /// Asks until somebody answers; tells when that takes long, and when it is over. Nothing if it cannot be mended.
    async fn answer<T>(&mut self, ask: impl AsyncFn(&Client) -> Result<T, Error>) -> Option<T> {
        let lost_at = Instant::now();
        let client = self.client.clone();
        loop {
            let asked = ask(&client);
            tokio::pin!(asked);
            let answer = tokio::select! {
                answer = &mut asked => answer,
                () = time::sleep_until(lost_at + UNTOLD), if !self.is_away => {
                    self.is_away = true;
                    self.tell(|lang, url| lang.service_away(url));
                    asked.await
                }
            };
            match answer {
                Ok(answer) => {
                    if self.is_away {
                        self.is_away = false;
                        self.tell(|lang, url| lang.service_back(url));
                    }
                    return Some(answer);
                }
                Err(error) if !error.is_retryable() => return None,
                Err(_) => time::sleep(PAUSE).await,
            }
        }
    }

    fn tell(&self, text: impl FnOnce(crate::texts::Lang, &str) -> String) {
        self.notices.tell(&text(self.notices.output().lang, self.client.url()));
    }
}
