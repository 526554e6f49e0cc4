//! The stream of models that come into service.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_util::{FutureExt as _, Stream, StreamExt};
use tokio::time;

use crate::{client::Client, error::Error, model_info::WatchModelResponse, retries::random_up_to};

/// The longest pause before the first attempt to go on; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// No pause that the service does not ask for is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

type Models = Pin<Box<dyn Stream<Item = Result<WatchModelResponse, Error>> + Send>>;

/// The models that come into service, from [`Client::watch_model`]: a [`Stream`] that begins with the one in service.
///
/// When the replica stops or the connection is lost, it goes on with another replica or connection, after random pauses
/// of up to 0.1 s at first and 10 s in the end, for as long as it takes; a model that was told already is not told again.
/// It ends with an error only if asking again cannot mend it, such as [`Error::Unauthenticated`]. Dropping it tells the
/// service that nobody watches any more.
#[must_use = "nothing is read from the service until it is polled"]
pub struct ModelWatch {
    state: State,
    /// Opens it again; without, it ends with its first stream.
    client: Option<Client>,
    /// The model that was told last.
    told: Option<String>,
    /// How often it failed since something was heard.
    n_failed: u32,
    listener: Option<Listener>,
}

/// Is told what interrupted a watch.
type Listener = Box<dyn FnMut(&Error) + Send>;

enum State {
    Open(Models),
    Opening(Pin<Box<dyn Future<Output = Result<Models, Error>> + Send>>),
    Ended,
}

impl ModelWatch {
    pub(crate) fn new(models: Models, client: Option<Client>) -> Self {
        Self { state: State::Open(models), client, told: None, n_failed: 0, listener: None }
    }

    /// Tells `listener` each time that the models of a replica ended, or could not be had again, and the watch is about to
    /// try once more: an application can show that what it shows may be old.
    ///
    /// ```
    /// # mod sample { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sample/mod.rs")); }
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), client_lib::Error> {
    /// # let server = sample::Server::start(sample::Sample::default());
    /// # let client = client_lib::Client::connect(server.url()).await?;
    /// let models = client.watch_model().await?;
    /// let mut models = models.on_interruption(|error| eprintln!("reconnecting: {error}"));
    /// # models.next().await.unwrap()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_interruption(mut self, listener: impl FnMut(&Error) + Send + 'static) -> Self {
        self.listener = Some(Box::new(listener));
        self
    }

    /// Waits for the next model; nothing when the watch has ended, which it does only after an error. May be
    /// cancelled at any time without losing one.
    pub async fn next(&mut self) -> Option<Result<WatchModelResponse, Error>> {
        StreamExt::next(self).await
    }

    /// What follows `error`: another attempt, or the end.
    fn interrupt(&mut self, error: Error) -> Option<Error> {
        let Some(client) = self.client.clone().filter(|_| error.is_retryable()) else {
            self.state = State::Ended;
            return Some(error);
        };
        if let Some(listener) = &mut self.listener {
            listener(&error);
        }
        let backoff = LONGEST_PAUSE.min(FIRST_PAUSE * 2_u32.pow(self.n_failed.min(10)));
        self.n_failed = self.n_failed.saturating_add(1);
        let pause = error.retry_after().unwrap_or_default() + random_up_to(backoff);
        self.state = State::Opening(Box::pin(async move {
            time::sleep(pause).await;
            Ok(client.open_watch().await?.boxed() as Models)
        }));
        None
    }
}

impl Stream for ModelWatch {
    type Item = Result<WatchModelResponse, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let error = match &mut self.state {
                State::Ended => return Poll::Ready(None),
                State::Opening(opening) => match ready!(opening.poll_unpin(context)) {
                    Ok(models) => {
                        self.state = State::Open(models);
                        continue;
                    }
                    Err(error) => error,
                },
                State::Open(models) => match ready!(models.poll_next_unpin(context)) {
                    Some(Ok(model)) => {
                        self.n_failed = 0;
                        // Another stream begins with the model in service, which may be the one before.
                        if self.told.as_ref() == Some(&model.model_version) {
                            continue;
                        }
                        self.told = Some(model.model_version.clone());
                        return Poll::Ready(Some(Ok(model)));
                    }
                    Some(Err(error)) => error,
                    None => match &self.client {
                        Some(client) => Error::Unavailable {
                            url: client.url().to_owned(),
                            message: "the replica has ended the watch".to_owned(),
                            retry_after: None,
                            source: None,
                        },
                        None => {
                            self.state = State::Ended;
                            continue;
                        }
                    },
                },
            };
            if let Some(error) = self.interrupt(error) {
                return Poll::Ready(Some(Err(error)));
            }
        }
    }
}

impl fmt::Debug for ModelWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelWatch")
            .field("client", &self.client)
            .field("told", &self.told)
            .field("has_ended", &matches!(self.state, State::Ended))
            .finish_non_exhaustive()
    }
}
